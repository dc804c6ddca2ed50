"""Account numbers are shown by their end only, unless somebody asked to see them."""

from __future__ import annotations

from typing import Final

from pipeline.model import Column, ReportRow
from schemas.fields import RULES, Field

_DOTS: Final = "•••"
_SHOWN: Final = 4
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
    typed = [row.row.cells[index].strip() for index in hidden if index < len(row.row.cells)]
    # A notice quotes what the cell was read as, too.
    for account in (*typed, row.payment.account_number if row.payment else ""):
        if len(account) > _SHOWN:
            sentence = sentence.replace(account, mask(account))
    return sentence
