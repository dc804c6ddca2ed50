"""Rows and dollars by status, and the exit code that follows from them. Pure: no file, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pipeline.model import ExitCode, ReportRow, Status

NO_MONEY: Final = Decimal("0.00")

NEEDS_A_PERSON: Final = (Status.INVALID, Status.REJECTED, Status.FAILED, Status.UNKNOWN, Status.HELD)
"""Statuses that somebody has to look at: they stand on the sheet `Errors`."""

NEEDS_MENDING: Final = (Status.INVALID, Status.REJECTED, Status.HELD)
"""Statuses that the same command alone does not bring further (interface: exit code 1)."""


def _no_rows() -> dict[Status, int]:
    return dict.fromkeys(Status, 0)


def _no_amounts() -> dict[Status, Decimal]:
    return dict.fromkeys(Status, NO_MONEY)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows stand in each status, and their dollars.

    Every status is present, zero included. A row without a readable amount counts as a row and adds no dollars.
    Totals of parts of a batch can be added.
    """

    counts: Mapping[Status, int] = field(default_factory=_no_rows)
    amounts: Mapping[Status, Decimal] = field(default_factory=_no_amounts)

    @property
    def rows(self) -> int:
        """All rows, whatever their status."""
        return sum(self.counts.values())

    @property
    def amount(self) -> Decimal:
        """The dollars of all rows, whatever their status."""
        return sum(self.amounts.values(), NO_MONEY)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            {status: self.counts[status] + other.counts[status] for status in Status},
            {status: self.amounts[status] + other.amounts[status] for status in Status},
        )


class Tally:
    """Counts rows one by one, for those who stream them; `totals()` is what was seen so far."""

    __slots__ = ("_amounts", "_counts")

    def __init__(self) -> None:
        self._counts = _no_rows()
        self._amounts = _no_amounts()

    def add(self, status: Status, amount: Decimal | None) -> None:
        """Counts one row; `amount` in dollars, None when it has no readable amount or the payor chooses it."""
        self._counts[status] += 1
        if amount is not None:
            self._amounts[status] += amount

    def totals(self) -> Totals:
        """What was counted so far; later rows do not change it."""
        return Totals(dict(self._counts), dict(self._amounts))


def count(rows: Iterable[ReportRow]) -> Totals:
    """The totals of a stream of rows, read once."""
    tally = Tally()
    for row in rows:
        tally.add(row.status, row.amount)
    return tally.totals()


def exit_code(totals: Totals, *, stopped: bool, dry_run: bool = False) -> ExitCode:
    """The most serious code that applies (interface: "Exit codes"): 5, then 6, then 1, then 0.

    `stopped` says that the run ended before its end. In a dry run `not-sent` is what was asked for and no reason for 6.
    Refused credentials (4) are a failure, raised where they happen.
    """
    counts = totals.counts
    if counts[Status.UNKNOWN]:
        return ExitCode.UNKNOWN_OUTCOME
    waiting = counts[Status.FAILED] or (counts[Status.NOT_SENT] and not dry_run)
    if stopped or waiting:
        return ExitCode.STOPPED_EARLY
    if any(counts[status] for status in NEEDS_MENDING):
        return ExitCode.SOME_ROWS_NEED_MENDING
    return ExitCode.DONE
