"""What an approver looks at: the figures of a plan, its largest amounts, and what is left out and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.domain import plan_summary
from pipeline.domain.approval import Person, PlanEvent, PlanState, PlanStep
from pipeline.domain.comparison import Before, ChangeKind, Charge, charge_of
from pipeline.domain.model import Payment, ReportRow, SheetRow, Status
from pipeline.domain.plan_summary import (
    ExpectedTotal,
    LargeAmount,
    LeftOut,
    PaidInto,
    PlanDetails,
    PlanFigures,
    PlanTally,
    PlanView,
    parse_plan_name,
    plan_name,
)
from schemas.faults import Fault

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def row(
    number: int,
    amount: str | None = "250.00",
    *,
    status: Status = Status.NOT_SENT,
    account: str = "",
    **changes: object,
) -> ReportRow:
    """A row of a planned sheet: valid, unless it has errors."""
    money = None if amount is None else Decimal(amount)
    paid = Payment(
        f"INV-{number}",
        f"Payor {number}",
        "Roy",
        f"p{number}@example.com",
        money,
        send_link=True,
        institution_code="003" if account else "",
        transit_number="12345" if account else "",
        account_number=account,
    )
    return ReportRow(SheetRow(number, (), ""), status, None if "errors" in changes else paid, money, **changes)  # type: ignore[arg-type]


def tallied(*rows: ReportRow) -> tuple[PlanFigures, PlanDetails]:
    """What rows come to; the valid ones that have no request are to be sent."""
    tally = PlanTally(None)
    for one in rows:
        charge = charge_of(one.payment, one.row.number) if one.payment else Charge("", "", one.amount, one.row.number)
        tally.add(one, charge, sending=one.status is Status.NOT_SENT)
    return tally.made()


def test_only_what_is_sent_is_in_the_total() -> None:
    """The approver types the sum of what is sent; the sheet's own sum is beside it."""
    figures, _ = tallied(row(2), row(3, None), row(4, "10.00", status=Status.ALREADY_CREATED))
    assert (figures.rows, figures.amount) == (3, Decimal("260.00"))
    assert (figures.to_send, figures.total, figures.open_amounts, figures.e_mailed) == (2, Decimal("250.00"), 1, 2)


def test_the_largest_amounts_come_first_and_no_more_than_ten() -> None:
    """Of equal ones the upper row is first; an amount that the payor chooses is last."""
    _, details = tallied(*(row(number, f"{number % 7}.00") for number in range(2, 2000)), row(2000, None))
    assert len(details.largest) == plan_summary.LARGEST
    assert details.largest[0] == LargeAmount(6, "INV-6", "Payor 6 Roy", Decimal("6.00"))
    assert [one.row for one in tallied(row(2, None), row(3))[1].largest] == [3, 2]


def test_accounts_are_shown_by_their_end_and_told_apart_by_the_whole() -> None:
    """Two accounts that end alike are two; without one it is the default account."""
    figures, details = tallied(
        row(2, account="1116541"), row(3, account="2226541"), row(4, account="2226541"), row(5, "1.00")
    )
    assert figures.accounts == 3
    assert details.accounts == (
        PaidInto("003-12345 •••6541", 2, Decimal("500.00")),
        PaidInto("003-12345 •••6541", 1, Decimal("250.00")),
        PaidInto("", 1, Decimal("1.00")),
    )


def invalid(number: int, *errors: Fault, amount: str | None = "10.00") -> ReportRow:
    return row(number, amount, status=Status.INVALID, errors=errors)


def test_what_is_left_out_is_counted_by_its_reason_and_names_nobody() -> None:
    """Rows with the same mistake are one line, without the cells' text; the status says the rest."""
    figures, _ = tallied(
        invalid(2, Fault("email-invalid", "email", "zoe@@example.com")),
        invalid(3, Fault("email-invalid", "email", "liam@@example.com"), Fault("name-empty", "lastName")),
        invalid(4, Fault("row-repeats", details=(("row", "2"), ("differs", "")))),
        invalid(5, Fault("row-repeats", details=(("row", "3"), ("differs", "")))),
        row(6, status=Status.ALREADY_CREATED),
        invalid(7, Fault("too-short", "accountNumber", "123", (("length", "7"),)), amount=None),
    )
    assert figures.left_out == (
        LeftOut(Status.ALREADY_CREATED, None, 1, Decimal("250.00")),
        LeftOut(Status.INVALID, Fault("email-invalid", "email", "…"), 2, Decimal("20.00")),
        LeftOut(Status.INVALID, Fault("row-repeats", details=(("row", "…"), ("differs", ""))), 2, Decimal("20.00")),
        LeftOut(Status.INVALID, Fault("too-short", "accountNumber", "…", (("length", "7"),)), 1, Decimal("0.00")),
    )


def test_mistakes_with_another_limit_are_another_line() -> None:
    """Amounts in a reason are part of it."""
    above = [
        invalid(number, Fault("above", "amount", "9", (("limit_amount", limit),)))
        for number, limit in enumerate(("1.00", "2.00"), start=2)
    ]
    assert len(tallied(*above)[0].left_out) == 2


def test_reasons_that_are_too_many_are_counted_together() -> None:
    """The page stays a page; every row is counted."""
    codes = [f"code-{number}" for number in range(plan_summary.MOST_REASONS + 2)]
    figures, _ = tallied(*(invalid(number, Fault(code)) for number, code in enumerate([*codes, codes[0]], start=2)))
    counts = {one.reason.code if one.reason else "": one.rows for one in figures.left_out}
    assert (len(counts), counts[codes[0]], counts[""]) == (plan_summary.MOST_REASONS + 1, 2, 2)


def test_the_month_before_is_compared_and_addresses_are_left_out() -> None:
    """Slips first; who is new, who is gone, and by how much all of a kind differ."""
    earlier = [Charge("p2@example.com", "Payor 2 Roy", Decimal("25.00")), Charge("x@example.com", "Xavier Roy", None)]
    faulty = ReportRow(SheetRow(4, (), ""), Status.INVALID, None, Decimal("9.00"))
    tally = PlanTally(Before("october", NOW, earlier))
    for one in (row(2), row(3)):
        assert one.payment is not None
        tally.add(one, charge_of(one.payment, one.row.number), sending=True)
    tally.add(faulty, Charge("y@example.com", "Yann Roy", faulty.amount, 4), sending=False)  # new, but not sent
    figures, details = tally.made()
    assert figures.compared == "october"
    assert [(one.kind, one.payors, one.difference) for one in figures.changes] == [
        (ChangeKind.SLIP, 1, Decimal("225.00")),
        (ChangeKind.NEW, 1, Decimal("250.00")),
        (ChangeKind.GONE, 1, Decimal("0.00")),
    ]
    assert [(one.name, one.rows, one.email) for one in details.changes] == [
        ("Payor 2 Roy", (2,), ""),
        ("Payor 3 Roy", (3,), ""),
        ("Xavier Roy", (), ""),
    ]


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        pytest.param("billing-p1", ("billing", 1), id="a plan"),
        pytest.param(" nov 2026-p12 ", ("nov 2026", 12), id="blanks around it"),
        pytest.param("a-p1-p2", ("a-p1", 2), id="a batch that looks like a plan"),
        pytest.param("billing", None, id="a batch"),
        pytest.param("billing-p", None, id="no number"),
        pytest.param("billing-p01", None, id="a zero before it"),
        pytest.param("billing-p²", None, id="no digit"),
        pytest.param("-p1", None, id="no batch"),
        pytest.param("billing.plan.json", None, id="a file of an earlier version"),
    ],
)
def test_a_plan_is_named_by_its_batch_and_its_number(name: str, parsed: tuple[str, int] | None) -> None:
    """One name is one plan: the number is what follows the last mark."""
    assert parse_plan_name(name) == parsed
    if parsed is not None:
        assert plan_name(*parsed) == name.strip()


def test_a_plan_shows_what_was_done_with_it() -> None:
    """Its state, its approval, and the last of several runs that sent it."""
    figures, details = tallied(row(2))
    ana, bruno = Person("ana"), Person("bruno")
    happened = (
        PlanEvent(PlanStep.APPROVED, bruno, NOW),
        PlanEvent(PlanStep.SENT, ana, NOW, run=1),
        PlanEvent(PlanStep.SENT, ana, NOW, run=2),
    )
    view = PlanView("rent-p1", "rent", "sandbox", "rent.csv", "", "0" * 64, ana, NOW, figures, details, happened)
    assert (view.state, view.approval) == (PlanState.SENT, happened[0])
    assert (view.last(PlanStep.SENT), view.last(PlanStep.DIFFERED)) == (happened[2], None)


def test_a_total_of_the_billing_program_is_settled_where_it_agrees_or_somebody_accepted_that_it_does_not() -> None:
    """It goes with the figures of the plan."""
    total = ExpectedTotal(Decimal("12.00"), "ann", NOW, Decimal("10.00"))
    assert (total.difference, total.is_settled) == (Decimal("2.00"), False)
    assert replace(total, accepted_by="liam", accepted_at=NOW).is_settled
    assert replace(total, found=Decimal("12.00")).is_settled
    assert PlanTally(None, total).made()[0].expected is total
