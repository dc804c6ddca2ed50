"""Rows and dollars by status, and the exit code that follows from them. Pure: no file, no clock, no network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import NO_MONEY, ReportRow, Status, Subtotal, Totals, Whole
from pipeline.domain.session_states import is_cancelled_unpaid

NEEDS_A_PERSON: Final = (Status.INVALID, Status.REJECTED, Status.FAILED, Status.UNKNOWN, Status.HELD)
"""Statuses that need a person: the rows of the sheet `Errors`."""

NEEDS_FIXING: Final = (Status.INVALID, Status.REJECTED, Status.HELD)
"""Statuses that the same command alone does not bring further (interface: exit code 1)."""


def needs_a_person(row: ReportRow) -> bool:
    """Whether a row stands in the sheet `Errors`: not one that a person left out, who has decided."""
    return row.status in NEEDS_A_PERSON and not row.is_left_out


class StatusCounter:
    """Counts rows one by one, for those who stream them; `totals()` is what was seen so far."""

    __slots__ = ("_amounts", "_counts", "_left_out")

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Status, 0)
        self._amounts = dict.fromkeys(Status, NO_MONEY)
        self._left_out = Subtotal()

    def add(self, row: ReportRow) -> None:
        """Counts one row, by its amount in dollars where it has one that can be read."""
        self._counts[row.status] += 1
        if row.amount is not None:
            self._amounts[row.status] += row.amount
        if row.is_left_out:
            self._left_out = self._left_out.plus(row.amount)

    def totals(self) -> Totals:
        """What was counted so far; later rows do not change it."""
        return Totals(dict(self._counts), dict(self._amounts), self._left_out)


class WholeTally:
    """Adds up the rows of a roll one by one; `whole()` is what was seen so far."""

    __slots__ = ("_cancelled", "_never_asked", "_requests", "_tally")

    def __init__(self) -> None:
        self._tally = StatusCounter()
        self._requests = self._cancelled = self._never_asked = Subtotal()

    def add(self, row: ReportRow) -> None:
        """Counts one row, or one further request of the row before it."""
        if not row.further:
            self._tally.add(row)
        if row.has_request:
            self._requests = self._requests.plus(row.amount_sent)
            if is_cancelled_unpaid(row.state):
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
    if any(counts[status] for status in NEEDS_FIXING):
        return ExitCode.SOME_ROWS_NEED_FIXING
    return ExitCode.DONE
