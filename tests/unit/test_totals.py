"""Rows and dollars by status, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import ReportRow, SessionState, SheetRow, Status, Totals
from pipeline.domain.totals import exit_code, whole
from schemas.faults import Fault

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _row(status: Status, amount: str | None = None) -> ReportRow:
    return ReportRow(SheetRow(2, (), ""), status, None, None if amount is None else Decimal(amount))


def count(rows: Iterable[ReportRow]) -> Totals:
    return whole(rows).totals


def test_every_status_is_counted_with_its_dollars_and_those_without_rows_stand_at_zero() -> None:
    """A status without rows is shown with 0 rows and 0.00 dollars, so that scripts need not ask whether it is there."""
    totals = count([_row(Status.CREATED, "0.10"), _row(Status.CREATED, "0.20"), _row(Status.HELD, "5")])
    assert totals.counts == {**dict.fromkeys(Status, 0), Status.CREATED: 2, Status.HELD: 1}
    assert totals.amounts[Status.CREATED] == Decimal("0.30")
    assert str(totals.amounts[Status.UNKNOWN]) == "0.00"
    assert (totals.rows, totals.amount) == (3, Decimal("5.30"))


def test_a_row_without_a_readable_amount_counts_as_a_row() -> None:
    """An amount that can't be read adds no dollars and loses no row."""
    totals = count([_row(Status.INVALID)])
    assert (totals.rows, totals.amount) == (1, Decimal(0))


def test_totals_of_parts_add_up_to_the_totals_of_the_whole() -> None:
    """A batch counted in two parts and added is the batch counted at once."""
    rows = [_row(Status.CREATED, "1.05"), _row(Status.FAILED, "2"), _row(Status.CREATED, "3.95")]
    assert count(rows[:1]) + count(rows[1:]) == count(rows)
    assert count(rows) + Totals() == count(rows)


def test_what_a_person_left_out_is_nothing_to_fix() -> None:
    """The other invalid rows are, and what was rejected or held."""
    out = replace(_row(Status.INVALID, "9"), errors=(Fault("left-out"),))
    totals = count([out, *(_row(status) for status in Status)])
    assert (totals.left_out.rows, totals.left_out.amount, totals.to_fix) == (1, Decimal(9), 3)


CODES = [
    ("nothing at all", [], False, False, ExitCode.DONE),
    ("everything created", [Status.CREATED, Status.ALREADY_CREATED], False, False, ExitCode.DONE),
    ("one invalid", [Status.CREATED, Status.INVALID], False, False, ExitCode.SOME_ROWS_NEED_FIXING),
    ("one rejected", [Status.REJECTED], False, False, ExitCode.SOME_ROWS_NEED_FIXING),
    ("one held", [Status.HELD], False, False, ExitCode.SOME_ROWS_NEED_FIXING),
    ("one failed", [Status.FAILED, Status.INVALID], False, False, ExitCode.STOPPED_EARLY),
    ("one not sent", [Status.NOT_SENT], False, False, ExitCode.STOPPED_EARLY),
    ("stopped after the last row", [Status.CREATED], True, False, ExitCode.STOPPED_EARLY),
    ("one unknown beats all others", [Status.UNKNOWN, Status.FAILED, Status.INVALID], True, False, 5),
    ("a dry run sends nothing and that is right", [Status.NOT_SENT], False, True, ExitCode.DONE),
    ("a dry run with a wrong row", [Status.NOT_SENT, Status.INVALID], False, True, ExitCode.SOME_ROWS_NEED_FIXING),
]


@pytest.mark.parametrize(("statuses", "stopped", "dry_run", "code"), [c[1:] for c in CODES], ids=[c[0] for c in CODES])
def test_the_most_serious_exit_code_wins(statuses: list[Status], stopped: bool, dry_run: bool, code: ExitCode) -> None:
    """Exit codes are ordered 5, 6, 1, 0 (interface: "Exit codes")."""
    totals = count(_row(status) for status in statuses)
    assert exit_code(totals, stopped=stopped, dry_run=dry_run) == code


def test_a_roll_counts_requests_cancelled_ones_and_rows_never_asked() -> None:
    """A further request of a row adds to the requests, not to the rows."""
    asked = replace(_row(Status.CREATED, "10.00"), created_at=NOW, amount_sent=Decimal(10))
    gone = SessionState("Cancelled", (), None, NOW)
    found = whole(
        [
            asked,
            replace(asked, further=True, state=gone),
            _row(Status.HELD, "5.00"),
            _row(Status.UNKNOWN),
        ]
    )
    figures = [(figure.rows, figure.amount) for figure in (found.requests, found.cancelled, found.never_asked)]
    assert figures == [(2, Decimal(20)), (1, Decimal(10)), (1, Decimal(5))]
    assert found.totals.rows == 3
