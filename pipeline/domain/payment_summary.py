"""Who has paid, in figures: yes, not yet, no, and the requests that are open for too long. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.model import NO_MONEY, Report, ReportRow, SessionState
from pipeline.domain.session_states import Paid, is_open, paid, paid_amount, strange_words


class PaymentState(StrEnum):
    """Where a row of a batch is on its way to be paid, one after the other as people read them."""

    PAID = "paid"
    WAITING = "waiting"
    ENDED = "ended"
    """Its request ended without payment."""
    UNKNOWN = "unknown"
    """Its request may exist."""
    NEVER_ASKED = "never-asked"
    PURGED = "purged"
    """Its request exists; the id was removed with the personal data, so that nobody can ask about it."""


_PAYMENT_STATES = {Paid.YES: PaymentState.PAID, Paid.NOT_YET: PaymentState.WAITING, Paid.NO: PaymentState.ENDED}


def payment_state(state: SessionState | None, *, has_id: bool) -> PaymentState:
    """Where a request is that exists; `has_id` says whether its session is still known."""
    return _PAYMENT_STATES[paid(state)] if has_id else PaymentState.PURGED


def amount_of(state: SessionState | None, asked: Decimal | None) -> Decimal:
    """The dollars that a request counts with: what was paid, else what was asked for, else nothing."""
    return (paid_amount(state, asked) if state else None) or asked or NO_MONEY


def _no_rows() -> dict[Paid, int]:
    return dict.fromkeys(Paid, 0)


def _no_amounts() -> dict[Paid, Decimal]:
    return dict.fromkeys(Paid, NO_MONEY)


@dataclass(frozen=True, slots=True)
class Payments:
    """How many requests were paid, are not paid yet, or never will be, and their dollars.

    Those that were paid count with what was paid, the others with what was asked for; an amount that the payor chooses
    adds nothing until it is paid. `late` are those that are open longer than `days`, `asked_at` is when the API was
    last asked. `not_known` are the sessions that the API does not know, `strange` those of which it tells undocumented
    words.
    """

    asked_at: datetime
    days: int
    counts: Mapping[Paid, int] = field(default_factory=_no_rows)
    amounts: Mapping[Paid, Decimal] = field(default_factory=_no_amounts)
    late: int = 0
    late_amount: Decimal = NO_MONEY
    not_known: int = 0
    strange: int = 0


class PaymentTally:
    """Counts the rows of a report one by one; `payments()` is what was seen so far, None when it was never asked."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._counts, self._amounts = _no_rows(), _no_amounts()
        self._late, self._late_amount = 0, NO_MONEY
        self._not_known = self._strange = 0

    def add(self, row: ReportRow) -> None:
        """Count one row, if it has a session."""
        if not row.session_id:
            return
        verdict = paid(row.state)
        amount = amount_of(row.state, row.amount_sent)
        self._counts[verdict] += 1
        self._amounts[verdict] += amount
        self._not_known += row.state is not None and not row.state.known
        self._strange += row.state is not None and bool(strange_words(row.state))
        if is_late(row, self._report):
            self._late += 1
            self._late_amount += amount

    def payments(self) -> Payments | None:
        """What was counted so far."""
        if self._report.asked_at is None:
            return None
        return Payments(
            self._report.asked_at,
            self._report.open_days,
            dict(self._counts),
            dict(self._amounts),
            self._late,
            self._late_amount,
            self._not_known,
            self._strange,
        )


def is_late(row: ReportRow, report: Report) -> bool:
    """Whether a request was open longer than `open_days` when the API was last asked."""
    if report.asked_at is None or row.created_at is None or not row.session_id or not is_open(row.state):
        return False
    return report.asked_at - row.created_at > timedelta(days=report.open_days)


def days_open(row: ReportRow, report: Report) -> int:
    """Calendar days from the day of the request to the day on which the API was last asked."""
    assert report.asked_at is not None
    assert row.created_at is not None
    return (report.asked_at.date() - row.created_at.date()).days
