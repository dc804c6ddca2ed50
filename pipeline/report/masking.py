"""Account numbers are shown by their end only, unless somebody asked to see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.model import Column, ReportRow
from schemas.fields import RULES, Field

_DOTS: Final = "•••"
_SHOWN: Final = 4
_DECIMALS: Final = re.compile(r"[.,]0+$")
_NO_DIGITS: Final = re.compile(r"[^0-9]")
# Institution, transit and account in one cell, or a card's number: wherever it stands, it is not for a terminal.
_WHOLE_ACCOUNT: Final = re.compile(r"\s*[0-9](?:[\s.\-]*[0-9]){11,}\s*")
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


def account_columns(columns: tuple[Column, ...]) -> frozenset[int]:
    """The indexes of the columns that hold account numbers."""
    return frozenset(column.index for column in columns if column.field == Field.ACCOUNT_NUMBER)


def mask_in(sentence: str, row: ReportRow, hidden: frozenset[int]) -> str:
    """A sentence about `row` without the account number that its fault may quote."""
    typed = [cell for index, cell in enumerate(row.row.cells) if index in hidden or _WHOLE_ACCOUNT.fullmatch(cell)]
    # A part of the account may stand in another column, whole: the payment knows it then.
    for account in (*_spellings(typed), row.payment.account_number if row.payment else ""):
        if len(account) > _SHOWN:
            sentence = sentence.replace(account, mask(account))
    return sentence


def _spellings(typed: Iterable[str]) -> Iterator[str]:
    """Account numbers as sentences spell them: as typed, on one line, and as they were read."""
    for account in typed:
        flat = " ".join(account.split())
        yield from (account.strip(), flat, _NO_DIGITS.sub("", _DECIMALS.sub("", flat)))
