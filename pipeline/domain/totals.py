"""Rows and dollars by status, and the exit code that follows from them. Pure: no file, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import NO_MONEY, Figure, ReportRow, Status, Totals, Whole
from pipeline.domain.session_states import Paid, is_cancelled, paid

NEEDS_A_PERSON: Final = (Status.INVALID, Status.REJECTED, Status.FAILED, Status.UNKNOWN, Status.HELD)
"""Statuses that somebody has to look at: they stand on the sheet `Errors`."""

NEEDS_MENDING: Final = (Status.INVALID, Status.REJECTED, Status.HELD)
"""Statuses that the same command alone does not bring further (interface: exit code 1)."""


class Tally:
    """Counts rows one by one, for those who stream them; `totals()` is what was seen so far."""

    __slots__ = ("_amounts", "_counts")

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Status, 0)
        self._amounts = dict.fromkeys(Status, NO_MONEY)

    def add(self, status: Status, amount: Decimal | None) -> None:
        """Counts one row; `amount` in dollars, None when it has no readable amount or the payor chooses it."""
        self._counts[status] += 1
        if amount is not None:
            self._amounts[status] += amount

    def totals(self) -> Totals:
        """What was counted so far; later rows do not change it."""
        return Totals(dict(self._counts), dict(self._amounts))


class WholeTally:
    """Adds up the rows of a roll one by one; `whole()` is what was seen so far."""

    __slots__ = ("_cancelled", "_never_asked", "_requests", "_tally")

    def __init__(self) -> None:
        self._tally = Tally()
        self._requests = self._cancelled = self._never_asked = Figure()

    def add(self, row: ReportRow) -> None:
        """Counts one row, or one further request of the row before it."""
        if not row.further:
            self._tally.add(row.status, row.amount)
        if row.has_request:
            self._requests = self._requests.plus(row.amount_sent)
            if row.state is not None and is_cancelled(row.state) and paid(row.state) is Paid.NO:
                self._cancelled = self._cancelled.plus(row.amount_sent)
        elif row.status is not Status.UNKNOWN:
            self._never_asked = self._never_asked.plus(row.amount)

    def whole(self) -> Whole:
        """What was counted so far."""
        return Whole(self._tally.totals(), self._requests, self._cancelled, self._never_asked)


def whole(rows: Iterable[ReportRow]) -> Whole:
    """What the rows of a roll come to."""
    tally = WholeTally()
    for row in rows:
        tally.add(row)
    return tally.whole()


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
