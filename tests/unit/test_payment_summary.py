"""Who has paid, in figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from support.workbook_batches import report

from pipeline.domain.model import ReportRow, SessionState, SheetRow, Status
from pipeline.domain.payment_summary import PaymentState, PaymentTally, days_open, is_late, payment_state
from pipeline.domain.session_states import Paid

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ASKED = report(asked_at=NOW, open_days=7)


def _row(state: SessionState | None, *, days: int = 1, session: str = "s-1") -> ReportRow:
    row = ReportRow(SheetRow(2, (), ""), Status.CREATED, None, Decimal(10), session, amount_sent=Decimal(10))
    return replace(row, created_at=NOW - timedelta(days=days), state=state)


def _state(session: str, *transactions: str, amount: str | None = None, known: bool = True) -> SessionState:
    return SessionState(session, transactions, None if amount is None else Decimal(amount), NOW, known)


def test_each_request_counts_by_whether_it_was_paid() -> None:
    """What was paid counts with what was paid, the rest with what was asked for; rows without a session not at all."""
    tally = PaymentTally(ASKED)
    for row in (
        _row(_state("Completed", "Settled", amount="12.00")),
        _row(_state("Expired", "Expired")),
        _row(_state("Odd", "Odd"), days=8),
        _row(_state("", known=False)),
        _row(None),
        _row(None, session=""),
    ):
        tally.add(row)
    found = tally.payments()
    assert found is not None
    assert found.counts == {Paid.YES: 1, Paid.NOT_YET: 3, Paid.NO: 1}
    assert found.amounts == {Paid.YES: Decimal(12), Paid.NOT_YET: Decimal(30), Paid.NO: Decimal(10)}
    assert (found.late, found.late_amount, found.not_known, found.strange) == (1, Decimal(10), 1, 1)


def test_nothing_is_said_of_payments_before_the_api_was_asked() -> None:
    """Zeros would say that nobody has paid."""
    assert PaymentTally(report()).payments() is None


@pytest.mark.parametrize(("days", "late"), [(7, False), (8, True)])
def test_a_request_is_late_after_its_days(days: int, late: bool) -> None:
    """Just the days are not more than them."""
    assert is_late(_row(None, days=days), ASKED) is late
    assert days_open(_row(None, days=days), ASKED) == days


def test_a_request_without_its_id_was_purged_and_one_never_asked_about_waits() -> None:
    """The page shows it so."""
    assert payment_state(None, has_id=False) is PaymentState.PURGED
    assert payment_state(None, has_id=True) is PaymentState.WAITING
