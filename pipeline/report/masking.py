"""Account numbers are shown by their end only, unless somebody asked to see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.domain.model import Column, ReportRow
from schemas.fields import RULES, Field

_DOTS: Final = "•••"
_SHOWN: Final = 4
_DECIMALS: Final = re.compile(r"[.,]0+$")
_NO_DIGITS: Final = re.compile(r"[^0-9]")
# Institution, transit and account in one cell, or a card's number: wherever it stands, it is not for a terminal.
_WHOLE_ACCOUNT: Final = re.compile(r"\s*[0-9](?:[\s.\-]*[0-9]){11,}\s*")
_WHOLE_DIGITS: Final = 12
_LONG_FRACTION: Final = re.compile(r"-?[0-9]{1,6}\.[0-9]+")
"""The result of a division, in a column of amounts."""
_PARTS: Final = frozenset({Field.INSTITUTION_CODE, Field.TRANSIT_NUMBER})
_SHORTEST: Final = RULES[Field.ACCOUNT_NUMBER].min_length


def mask(account: str) -> str:
    """`9876541` becomes `•••6541`. What is too short to be an account number shows nothing of itself.

    The result is never a valid account number, so a masked sheet given back to `run` fails validation and can't send
    money to a wrong account.
    """
    text = account.strip()
    if not text:
        return account
    return _DOTS + (text[-_SHOWN:] if len(text) >= _SHORTEST else "")


@dataclass(frozen=True, slots=True)
class AccountColumns:
    """Where the cells of a sheet hold account numbers, by the indexes of its columns; nowhere, unless it is said.

    In the columns of `parts` stand the institution and the transit, which nobody hides: only where somebody typed the
    whole account into one of them, as it stands on a cheque, is that cell hidden too. A fraction in one of `amounts` is
    no account, however long it is.
    """

    accounts: frozenset[int] = frozenset()
    parts: frozenset[int] = frozenset()
    amounts: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.accounts or self.parts)

    def hidden_in(self, cells: Sequence[str]) -> frozenset[int]:
        """The indexes of the cells of one row that hold an account number."""
        typed = [index for index in self.parts if index < len(cells) and _is_whole(cells[index])]
        return self.accounts.union(typed) if typed else self.accounts


def account_columns(columns: tuple[Column, ...]) -> AccountColumns:
    """The columns that hold account numbers, or could."""
    return AccountColumns(
        frozenset(column.index for column in columns if column.field == Field.ACCOUNT_NUMBER),
        frozenset(column.index for column in columns if column.field in _PARTS),
        frozenset(column.index for column in columns if column.field == Field.AMOUNT),
    )


def mask_in(sentence: str, row: ReportRow, columns: AccountColumns) -> str:
    """A sentence about `row` without the account number that its fault may quote."""
    cells = row.row.cells
    hidden = columns.hidden_in(cells)
    typed = [
        cell
        for index, cell in enumerate(cells)
        if index in hidden
        or (_WHOLE_ACCOUNT.fullmatch(cell) and not (index in columns.amounts and _LONG_FRACTION.fullmatch(cell)))
    ]
    # A part of the account may stand in another column, whole: the payment knows it then.
    for account in (*_spellings(typed), row.payment.account_number if row.payment else ""):
        if len(account) > _SHOWN:
            sentence = sentence.replace(account, mask(account))
    return sentence


def _is_whole(cell: str) -> bool:
    """Whether a cell of the institution or transit has more digits than both have, whatever stands between them."""
    return len(cell) >= _WHOLE_DIGITS and len(_NO_DIGITS.sub("", cell)) >= _WHOLE_DIGITS


def _spellings(typed: Iterable[str]) -> Iterator[str]:
    """Account numbers as sentences spell them: as typed, on one line, and as they were read."""
    for account in typed:
        flat = " ".join(account.split())
        yield from (account.strip(), flat, _NO_DIGITS.sub("", _DECIMALS.sub("", flat)))
