"""What a run may ask of the check, and what the check asks of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from pipeline.domain.model import Column, Mapping, SheetRow
from schemas.fields import DEFAULT_MAX_AMOUNT, NOTICE_AMOUNT, Field


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The choices that a validation depends on. Amounts are in dollars.

    Above `max_amount` a row is at fault, above `notice_amount` it gets a notice. `send_link` and `language` (`EN`, `FR`
    or empty) are for rows that do not say. `direction` is the one of the account. In `production` the vendor's test
    institution is an error. `identity` names what makes a row itself: API fields, the user's own headings, or `#` for
    the occurrence.
    """

    max_amount: Decimal = DEFAULT_MAX_AMOUNT
    notice_amount: Decimal = NOTICE_AMOUNT
    allow_open_amount: bool = False
    send_link: bool = False
    direction: str = "DEBIT"
    language: str = ""
    production: bool = False
    identity: tuple[str, ...] = (Field.REFERENCE_ID.value,)


class CheckableTable(Protocol):
    """A sheet whose columns are understood. `chunks` may be called again: the check reads the rows twice."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The sheet's columns, in its order."""

    @property
    def mapping(self) -> Mapping:
        """Constants, defaults and the column of whole names."""

    def chunks(self, size: int) -> Iterator[list[SheetRow]]:
        """All rows in the sheet's order, in lists of at most `size`."""
