"""Which payment is which request: pure, and whatever the reports, no line, no row and no cent gets lost."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.errors import ExitCode
from pipeline.reconciliation.balance import Pile, balance, deposits, doubts, exit_code, pile_of
from pipeline.reconciliation.matching import (
    Difference,
    ExpectedPayment,
    Known,
    Match,
    MatchCategory,
    MatchMethod,
    Reconciliation,
    same_account,
    same_name,
)
from pipeline.reconciliation.matching import reconcile as reconcile_payments
from pipeline.reconciliation.payments import CAD, ReportLine, payments_of
from pipeline.reconciliation.rewritten import forms
from schemas.reports import Meaning

ASKED_ON = date(2026, 11, 3)


def reconcile(
    expected: list[ExpectedPayment], lines: tuple[ReportLine, ...] | list[ReportLine], known: Known | None = None
) -> tuple[Match, ...]:
    """The matches of a batch with the lines of its reports."""
    asked = {one.session_id.casefold(): one.amount for one in expected if one.session_id}
    return reconcile_payments(expected, payments_of(lines, asked), known).matches


def claim(**changes: Any) -> ExpectedPayment:
    fields = {
        "key": "1:R-1",
        "row": 2,
        "reference": "R-1",
        "amount": Decimal("250.00"),
        "first_name": "Zoé",
        "last_name": "Tremblay",
        "email": "zoe@example.com",
        "account": "9876541",
        "session_id": "S-1",
        "on": ASKED_ON,
        "status": "created",
        **changes,
    }
    return ExpectedPayment(**fields)


def line(**changes: Any) -> ReportLine:
    fields = {
        "file": "settlement.csv",
        "sha256": "aa",
        "number": 2,
        "session_id": "S-1",
        "reference": "R-1",
        "amount": Decimal("250.00"),
        "currency": "",
        "name": "Zoe TREMBLAY",
        "email": "zoe@example.com",
        "account": "****6541",
        "status": "Settled",
        "meaning": Meaning.SETTLED,
        "created": "2026-11-03T10:00:00",
        "completed": "2026-11-04T10:00:00",
        "settled": "2026-11-05",
        **changes,
    }
    return ReportLine(**fields)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    claim: ExpectedPayment
    lines: tuple[ReportLine, ...]
    place: MatchCategory
    how: str = MatchMethod.SESSION
    differences: tuple[str, ...] = ()


UNPAID: dict[str, Any] = {"meaning": Meaning.OPEN, "status": "Initiated", "completed": "", "settled": ""}
OTHER_SESSION: dict[str, Any] = {"session_id": "S-2", "number": 3}
UNKNOWN: dict[str, Any] = {"session_id": "", "uncertain": True, "status": "unknown"}


def later(meaning: Meaning, **changes: Any) -> ReportLine:
    """The next that is told of the payment, on a later day."""
    return line(**{"number": 3, "meaning": meaning, "status": meaning.value, "settled": "2026-11-09", **changes})


CASES = [
    Case("paid as asked", claim(), (line(),), MatchCategory.MATCHED),
    Case("the case of a session id does not matter", claim(session_id="s-1"), (line(),), MatchCategory.MATCHED),
    Case(
        "by reference and amount",
        claim(),
        (line(session_id=""),),
        MatchCategory.MATCHED,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
    Case(
        "by reference and amount, another session",
        claim(),
        (line(session_id="S-9"),),
        MatchCategory.MATCHED,
        "otherSession",
    ),
    Case("accepted is paid", claim(), (line(meaning=Meaning.PAID, settled=""),), MatchCategory.MATCHED),
    Case(
        "another amount", claim(), (line(amount=Decimal(240)),), MatchCategory.PAID_DIFFERENTLY, differences=("amount",)
    ),
    Case(
        "another currency", claim(), (line(currency="USD"),), MatchCategory.PAID_DIFFERENTLY, differences=("currency",)
    ),
    Case("another name", claim(), (line(name="Liam O'Brien"),), MatchCategory.PAID_DIFFERENTLY, differences=("name",)),
    Case(
        "another account",
        claim(),
        (line(account="****0000"),),
        MatchCategory.PAID_DIFFERENTLY,
        differences=("account",),
    ),
    Case(
        "another amount under a reference that only one request has",
        claim(),
        (line(session_id="", amount=Decimal(240)),),
        MatchCategory.PAID_DIFFERENTLY,
        MatchMethod.REFERENCE,
        ("amount",),
    ),
    Case(
        "two parts that come to what was asked",
        claim(),
        (
            line(session_id="", amount=Decimal(100), completed="2026-11-04"),
            line(session_id="", amount=Decimal(150), completed="2026-11-06", number=3),
        ),
        MatchCategory.MATCHED,
        MatchMethod.REFERENCE,
    ),
    Case(
        "parts of one session that come to what was asked",
        claim(),
        (line(amount=Decimal(100)), line(amount=Decimal(150), number=3)),
        MatchCategory.MATCHED,
    ),
    Case(
        "two amounts of one session that do not",
        claim(),
        (line(amount=Decimal(250)), line(amount=Decimal(260), number=3, settled="2026-11-06")),
        MatchCategory.PAID_DIFFERENTLY,
        differences=("amount", "corrected"),
    ),
    Case(
        "two parts that are too little",
        claim(),
        (
            line(session_id="", amount=Decimal(100), completed="2026-11-04"),
            line(session_id="", amount=Decimal(100), completed="2026-11-06", number=3),
        ),
        MatchCategory.PAID_DIFFERENTLY,
        MatchMethod.REFERENCE,
        ("amount",),
    ),
    Case(
        "two parts that are too much",
        claim(),
        (
            line(session_id="", amount=Decimal(150), completed="2026-11-04"),
            line(session_id="", amount=Decimal(150), completed="2026-11-06", number=3),
        ),
        MatchCategory.PAID_DIFFERENTLY,
        MatchMethod.REFERENCE,
        ("amount",),
    ),
    *(
        Case(f"{name}, {ids}", claim(), (line(**known), back(**known)), MatchCategory.RETURNED, method, differences)  # type: ignore[no-untyped-call]
        for ids, known, method in (
            ("by its session", {}, MatchMethod.SESSION),
            ("without a session", {"session_id": ""}, MatchMethod.REFERENCE_AND_AMOUNT),
        )
        for name, back, differences in (
            (
                "a reversal",
                lambda **more: line(number=3, amount=Decimal(-250), settled="2026-11-09", **more),
                (),
            ),
            ("a refund", lambda **more: later(Meaning.RETURNED, **more), ()),
            ("a failure after it was paid", lambda **more: later(Meaning.FAILED, **more), ()),
            (
                "a refund of a part",
                lambda **more: later(Meaning.RETURNED, amount=Decimal(100), **more),
                (),
            ),
            (
                "a refund in another report",
                lambda **more: later(Meaning.RETURNED, sha256="bb", **more),
                (),
            ),
            (
                "a refund without a day",
                lambda **more: later(Meaning.RETURNED, created="", completed="", settled="", **more),
                (),
            ),
        )
    ),
    Case(
        "a refund whose payment is in no report",
        claim(),
        (line(amount=Decimal(-250)),),
        MatchCategory.RETURNED,
    ),
    Case(
        "a word that it went back, and its payment in no report",
        claim(),
        (line(meaning=Meaning.RETURNED, status="Refunded"),),
        MatchCategory.RETURNED,
    ),
    Case(
        "paid again after it went back",
        claim(),
        (line(), line(number=3, meaning=Meaning.RETURNED, settled="2026-11-09"), line(number=4, settled="2026-11-12")),
        MatchCategory.MATCHED,
    ),
    Case(
        "declined, then paid",
        claim(),
        (line(meaning=Meaning.ENDED, status="Declined", settled="", session_id=""), line(number=3, session_id="")),
        MatchCategory.MATCHED,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
    Case("failed", claim(), (line(meaning=Meaning.FAILED, settled=""),), MatchCategory.ENDED_UNPAID),
    Case("an open amount is whatever was paid", claim(amount=None), (line(),), MatchCategory.MATCHED),
    Case("not paid yet", claim(), (line(**UNPAID),), MatchCategory.WAITING),
    Case("ended without payment", claim(), (line(meaning=Meaning.ENDED),), MatchCategory.ENDED_UNPAID),
    Case("a word that nobody knows", claim(), (line(meaning=Meaning.LOOK),), MatchCategory.UNKNOWN_STATE),
    Case("in no report", claim(), (), MatchCategory.IN_BATCH_ONLY, MatchMethod.NOTHING),
    Case("equal lines of one report are two payments", claim(), (line(), line(number=3)), MatchCategory.PAID_TWICE),
    Case(
        "equal lines of one transaction are one",
        claim(),
        (line(transaction_id="T1"), line(transaction_id="T1", number=3)),
        MatchCategory.MATCHED,
    ),
    Case("an equal line of another report is the same", claim(), (line(), line(sha256="bb")), MatchCategory.MATCHED),
    Case(
        "an equal line of another report without a session is the same",
        claim(),
        (line(session_id=""), line(session_id="", sha256="bb", name="", created="", completed="2026-11-04")),
        MatchCategory.MATCHED,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
    Case(
        "an equal line of another report and another transaction is another payment",
        claim(),
        (line(session_id="", transaction_id="T1"), line(session_id="", transaction_id="T2", sha256="bb")),
        MatchCategory.PAID_TWICE,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
    Case(
        "a word in every line's transaction column is no id",
        claim(),
        (
            line(session_id="", transaction_id="e-Transfer"),
            line(session_id="", transaction_id="e-Transfer", number=3),
        ),
        MatchCategory.PAID_TWICE,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
    Case(
        "the two daily reports tell of one payment",
        claim(),
        (line(), line(sha256="bb", file="processing.csv", meaning=Meaning.PAID, status="Accepted", settled="")),
        MatchCategory.MATCHED,
    ),
    Case(
        "a completed session beside the settled payment is the same",
        claim(),
        (line(), line(number=3, meaning=Meaning.LOOK, status="Completed", settled="")),
        MatchCategory.MATCHED,
    ),
    Case(
        "a strange word after the payment is looked at",
        claim(),
        (line(), line(number=3, meaning=Meaning.LOOK, status="Adjusted", settled="2026-11-20")),
        MatchCategory.UNKNOWN_STATE,
    ),
    Case("paid again by another session", claim(), (line(), line(**OTHER_SESSION)), MatchCategory.PAID_TWICE),
    Case(
        "paid again on another day",
        claim(),
        (line(), line(number=3, completed="2026-11-07", settled="2026-11-08")),
        MatchCategory.PAID_TWICE,
    ),
    Case(
        "paid again without sessions",
        claim(),
        (line(session_id=""), line(session_id="", number=3, completed="2026-11-07")),
        MatchCategory.PAID_TWICE,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
    Case(
        "unknown, and a report names its reference",
        claim(**UNKNOWN),
        (line(),),
        MatchCategory.MATCHED,
        "referenceAndAmount",
    ),
    Case(
        "unknown, named with another amount",
        claim(**UNKNOWN),
        (line(amount=Decimal(240)),),
        MatchCategory.PAID_DIFFERENTLY,
        MatchMethod.REFERENCE,
        ("amount",),
    ),
    Case(
        "unknown, named but not paid", claim(**UNKNOWN), (line(**UNPAID),), MatchCategory.WAITING, "referenceAndAmount"
    ),
    Case(
        "alike by e-mail, amount and date",
        claim(),
        (line(session_id="S-9", reference="OTHER"),),
        MatchCategory.PROPOSALS,
        MatchMethod.PROPOSAL,
    ),
    Case(
        "alike by name, amount and date",
        claim(),
        (line(session_id="", reference="OTHER", email=""),),
        MatchCategory.PROPOSALS,
        MatchMethod.NAME,
    ),
    Case(
        "a reference that a spreadsheet rewrote",
        claim(reference="00123"),
        (line(session_id="", reference="123", email="", name=""),),
        MatchCategory.PROPOSALS,
        MatchMethod.REWRITTEN,
    ),
    Case(
        "a reference among the words of a memo",
        claim(reference="INV-77"),
        (line(session_id="", reference="", memo="e-Transfer INV-77 Zoe", email="", name=""),),
        MatchCategory.PROPOSALS,
        MatchMethod.MEMO,
    ),
    Case(
        "a name among the words of a memo",
        claim(),
        (line(session_id="", reference="", memo="INTERAC E-TRF ZOE TREMBLAY 8841", email="", name=""),),
        MatchCategory.PROPOSALS,
        MatchMethod.NAME,
    ),
    Case(
        "a memo that is nothing but the reference",
        claim(),
        (line(session_id="", reference="", memo="R-1", email="", name=""),),
        MatchCategory.MATCHED,
        MatchMethod.REFERENCE_AND_AMOUNT,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_with_its_lines_has_one_place(case: Case) -> None:
    """A request and all lines that tell of it are one entry, at the surest place."""
    entries = reconcile([case.claim], case.lines)
    assert [(entry.category, entry.method, entry.differences) for entry in entries] == [
        (case.place, case.how, case.differences)
    ]


STRANGERS = [
    ("nothing in common", line(session_id="S-9", reference="X", email="x@example.com", name="X Y"), Known()),
    ("the same reference before the request was made", line(session_id="S-9", created="2026-10-03"), Known()),
    (
        "the same reference, another session and no date",
        line(session_id="S-9", created="", completed="", settled="", email="", name=""),
        Known(),
    ),
    ("a session of another batch", line(session_id="S-9"), Known(sessions={"s-9": "october"})),
    (
        "a reference of another batch's later request",
        line(session_id="", created="2026-12-03", completed="2026-12-04", settled="2026-12-05"),
        Known(elsewhere={"r-1": [(Decimal("250.00"), date(2026, 12, 1), "december")]}),
    ),
    ("alike, but unpaid", line(session_id="S-9", reference="X", **UNPAID), Known()),
    (
        "alike, but too late",
        line(session_id="S-9", reference="X", created="", completed="", settled="2027-03-01"),
        Known(),
    ),
]


@pytest.mark.parametrize(("told", "known"), [case[1:] for case in STRANGERS], ids=[case[0] for case in STRANGERS])
def test_what_is_not_surely_of_a_request_is_not_taken_for_it(told: ReportLine, known: Known) -> None:
    """A payor who is wrongly taken for paid is the worst that can happen: in doubt a line stays alone."""
    places = {entry.category for entry in reconcile([claim()], [told], known)}
    assert places == {MatchCategory.IN_REPORT_ONLY, MatchCategory.IN_BATCH_ONLY}


def test_one_payment_for_two_requests_of_a_reference_is_named_together() -> None:
    """Both requests and the payment are one match; it is not silently taken for paid as asked."""
    two = [claim(key=key, row=row, amount=Decimal(100), session_id="") for key, row in (("a", 2), ("b", 3))]
    (match,) = reconcile(two, [line(session_id="", amount=Decimal(200))])
    assert (match.category, pile_of(match), match.asked, match.paid) == (
        MatchCategory.PAID_DIFFERENTLY,
        Pile.TOGETHER,
        Decimal(200),
        Decimal(200),
    )


def test_one_payment_for_all_requests_of_a_payor_is_proposed() -> None:
    """Two references, one payor, one amount that is exactly both."""
    two = [
        claim(key=key, row=row, reference=key, amount=Decimal(100), session_id="") for key, row in (("a", 2), ("b", 3))
    ]
    (match,) = reconcile(two, [line(session_id="", reference="", amount=Decimal(200))])
    assert (match.category, match.method, len(match.expected)) == (MatchCategory.PROPOSALS, MatchMethod.PAYOR, 2)


def test_parts_are_found_among_several_requests_of_a_reference() -> None:
    """Two payments that come to exactly one of three requests are its parts."""
    amounts = {"a": "80.00", "b": "150.00", "c": "41.00"}
    asked = [claim(key=key, row=2, amount=Decimal(amount), session_id="") for key, amount in amounts.items()]
    told = [line(session_id="", amount=Decimal(amount), number=at) for at, amount in enumerate(("90.00", "60.00"), 2)]
    matched = [match for match in reconcile(asked, told) if match.payments]
    assert [(match.expected[0].key, pile_of(match)) for match in matched] == [("b", Pile.IN_PARTS)]


def plain(amount: Any, word: str = "Settled", day: str = "2026-11-05", **changes: Any) -> ReportLine:
    """A line as banks' reports have it: reference, amount, word and day."""
    meanings = {"Settled": Meaning.SETTLED, "Refunded": Meaning.RETURNED, "Failed": Meaning.FAILED, "?": Meaning.LOOK}
    empty = {"session_id": "", "name": "", "email": "", "account": "", "created": "", "completed": ""}
    told = {
        "amount": Decimal(str(amount)),
        "status": word,
        "meaning": meanings.get(word, Meaning.ENDED),
        "settled": day,
    }
    return line(**{**empty, **told, **changes})


LATER = "2026-11-09"
TROUBLES = [
    ("parts, and one refund of all", [(125,), (125,), (250, "Refunded", LATER)], "returned", 0),
    ("parts, and a refund of more than one", [(100,), (75,), (75,), (150, "Refunded", LATER)], "returned", 100),
    ("parts, and all failed", [(125,), (125,), (250, "Failed", LATER)], "returned", 0),
    ("failed, then paid in parts", [(250, "Failed", "2026-11-04"), (125,), (125,)], "inParts", 250),
    ("more went back than came", [(250,), (300, "Refunded", LATER)], "returned", -50),
    ("paid, then cancelled", [(250,), (250, "Cancelled", LATER)], "unknownState", 250),
    ("cancelled, then paid", [(250, "Cancelled", "2026-11-04"), (250,)], "matched", 250),
    ("paid, and a strange word without a day", [(250,), (250, "?", "")], "unknownState", 250),
    ("a strange word, and the same amount back", [(250,), (90, "?"), (-90, "Settled", LATER)], "returned", 160),
    ("a refund alone, by its word", [(250, "Refunded")], "returned", -250),
    ("a refund alone, by its sign", [(-250,)], "returned", -250),
]


@pytest.mark.parametrize(("told", "pile", "paid"), [case[1:] for case in TROUBLES], ids=[case[0] for case in TROUBLES])
def test_money_that_went_back_is_never_overlooked(told: list, pile: str, paid: int) -> None:
    """Whatever it is made of: what came less what went back, and a person looks."""
    lines = [plain(*one, number=at) for at, one in enumerate(told, 2)]
    (match,) = reconcile([claim()], lines)
    assert (pile_of(match).value, match.paid) == (pile, Decimal(paid))
    assert match.must_be_looked_at is (pile not in {"matched", "inParts"})


def test_a_refund_with_a_reference_meets_a_payment_that_had_none() -> None:
    """The payment is proposed by its name, the refund is of the same request: nothing is left of it."""
    lines = [plain(250, reference="", name="Zoé Tremblay"), plain(250, "Refunded", LATER, number=3)]
    (match,) = reconcile([claim()], lines)
    assert (match.category, match.paid) == (MatchCategory.PROPOSALS, 0)


def test_one_transaction_is_one_payment_whatever_its_days() -> None:
    """A transaction id decides, also where two reports give it two days."""
    lines = [plain(250, transaction_id="T1"), plain(250, day=LATER, transaction_id="T1", sha256="bb")]
    assert [match.category for match in reconcile([claim()], lines)] == [MatchCategory.MATCHED]


def test_a_session_with_the_reference_of_another_request_is_looked_at() -> None:
    """Which of the two was paid, the report does not say."""
    other = claim(key="2", row=3, reference="R-2", session_id="S-2")
    match = reconcile([claim(), other], [line(reference="R-2")])[0]
    assert (match.category, match.differences) == (MatchCategory.PAID_DIFFERENTLY, (Difference.REFERENCE,))


def test_a_payment_that_another_batch_may_have_asked_for_is_proposed() -> None:
    """A customer's reference comes back each month; without a day nothing decides."""
    known = Known(elsewhere={"r-1": [(Decimal("250.00"), date(2026, 10, 1), "october")]})
    assert reconcile([claim()], [plain(250)], known)[0].category is MatchCategory.MATCHED
    undated = reconcile([claim()], [plain(250, day="")], known)[0]
    assert (undated.category, undated.method) == (MatchCategory.PROPOSALS, MatchMethod.OTHER_BATCH_TOO)


def test_a_payment_that_fits_another_batch_is_no_underpayment_of_ours() -> None:
    """Its amount is exactly what the other batch asked."""
    known = Known(elsewhere={"r-1": [(Decimal("240.00"), ASKED_ON, "october")]})
    other, ours = reconcile([claim()], [plain(240)], known)
    assert (other.elsewhere, ours.category) == ("october", MatchCategory.IN_BATCH_ONLY)


def test_a_part_is_of_the_last_batch_that_asked() -> None:
    """Two halves in December are December's, not October's as well."""
    later = Known(elsewhere={"r-1": [(Decimal("250.00"), date(2026, 12, 1), "december")]})
    halves = [plain(125, day=day, number=at) for at, day in enumerate(("2026-12-05", "2026-12-08"), 2)]
    *others, ours = reconcile([claim()], halves, later)
    assert ([other.elsewhere for other in others], ours.category) == (["december"] * 2, MatchCategory.IN_BATCH_ONLY)
    earlier = Known(elsewhere={"r-1": [(Decimal("250.00"), date(2026, 10, 1), "october")]})
    (match,) = reconcile([claim()], halves, earlier)
    assert pile_of(match) is Pile.IN_PARTS


def test_a_payment_that_was_confirmed_for_another_batch_is_not_ours() -> None:
    """Nobody can confirm it twice."""
    told = plain(250, reference="", name="Zoé Tremblay")
    (payment,) = payments_of([told])
    other, ours = reconcile([claim()], [told], Known(confirmed_elsewhere={payment.key: "december"}))
    assert (other.elsewhere, ours.category) == ("december", MatchCategory.IN_BATCH_ONLY)


def test_one_payment_under_one_reference_for_all_of_a_payor_is_proposed() -> None:
    """250 and 50 of one payor, 300 under the reference of one of them."""
    two = [claim(), claim(key="2", row=3, reference="R-2", amount=Decimal(50), session_id="S-2")]
    (match,) = reconcile(two, [plain(300)])
    assert (match.category, match.method, len(match.expected)) == (MatchCategory.PROPOSALS, MatchMethod.PAYOR, 2)


FAILURES = [
    ("the same day", {}, {}, "unknownState", 250),
    ("the same day, another transaction", {"transaction_id": "T1"}, {"transaction_id": "T2"}, "matched", 250),
    ("later", {}, {"day": LATER}, "returned", 0),
    (
        "later, another transaction",
        {"transaction_id": "T1"},
        {"transaction_id": "T2", "day": LATER},
        "unknownState",
        250,
    ),
]


@pytest.mark.parametrize(
    ("paid", "failed", "pile", "left"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
def test_a_failure_beside_a_payment(paid: dict[str, Any], failed: dict[str, Any], pile: str, left: int) -> None:
    """It takes back what came before it; which came first, only a day or a transaction can say."""
    (match,) = reconcile([claim()], [plain(250, **paid), plain(250, "Failed", number=3, **failed)])
    assert (pile_of(match).value, match.paid) == (pile, Decimal(left))


def test_equal_parts_that_went_back_are_as_many_as_told() -> None:
    """Under one transaction, by a word and by a sign: two days are two refunds, one day is one."""
    once, again = (
        plain(30, "Refunded", "2026-11-06", transaction_id="T1"),
        plain(30, "Refunded", LATER, transaction_id="T1"),
    )
    assert sum(payment.paid for payment in payments_of([once, replace(again, number=3)])) == -60
    told = [plain(250), plain(30, "Refunded", "2026-11-06", number=3), plain(-30, "Refunded", LATER, number=4)]
    assert sum(payment.paid for payment in payments_of(told)) == 190
    told[2] = replace(told[2], settled="2026-11-06")
    assert sum(payment.paid for payment in payments_of(told)) == 220


def test_a_return_before_a_payment_does_not_take_it_back() -> None:
    """It is of an earlier one, which no report here tells."""
    payments = payments_of([plain(250), plain(250, "Refunded", "2026-11-02", number=3)])
    assert sorted(payment.paid for payment in payments) == [-250, 250]


BANK: dict[str, Any] = {"statement": True, "reference": "", "sha256": "bb", "status": ""}
STATEMENT = [
    ("less, by our reference", [plain(90, memo="E-TRANSFER INV-77", **BANK)], "unexplained"),
    ("less, by our payor", [plain(90, memo="E-TRANSFER ZOE TREMBLAY", **BANK)], "unexplained"),
    ("the amount of an open request", [plain(250, memo="LOYER", **BANK)], "unexplained"),
    ("nothing of ours", [plain(90, memo="SALARIES", **BANK)], "notInReport"),
]


@pytest.mark.parametrize(("told", "pile"), [case[1:] for case in STATEMENT], ids=[case[0] for case in STATEMENT])
def test_a_statement_that_names_one_of_ours_is_looked_at(told: list[ReportLine], pile: str) -> None:
    """Its lines are counted nowhere only when they have nothing to do with the batch."""
    assert pile_of(reconcile([claim(reference="INV-77")], told)[0]).value == pile


def test_what_a_statement_took_back_is_returned() -> None:
    """By the reference in its memo, though another report told the payment."""
    back = plain(-250, day=LATER, memo="RETURNED E-TRANSFER ZOE TREMBLAY INV-77", **BANK)
    (match,) = reconcile([claim(reference="INV-77")], [plain(250, reference="INV-77"), back])
    assert (match.category, match.paid) == (MatchCategory.RETURNED, 0)


def test_an_amount_of_ours_that_a_statement_took_back_is_looked_at() -> None:
    """Also where it names nobody."""
    back = plain(-250, day=LATER, memo="E-TRANSFER RETURNED", **BANK)
    match = reconcile([claim()], [plain(250), back])[1]
    assert (pile_of(match), match.paid) == (Pile.UNEXPLAINED, -250)


def test_a_booking_of_what_a_report_tells_is_the_same_money() -> None:
    """Once by the report, once by the bank: the deposit of that day is there, one by one."""
    booked = plain(250, day="2026-11-06", memo="E-TRANSFER ZOE TREMBLAY INV-77", **BANK)
    again = plain(250, day="2026-11-07", memo="E-TRANSFER ZOE TREMBLAY INV-77", **{**BANK, "number": 3})
    payments = payments_of([plain(250, reference="INV-77"), booked, again])
    done = reconcile_payments([claim(reference="INV-77")], payments)
    assert [pile_of(match) for match in done.matches] == [Pile.MATCHED, Pile.UNEXPLAINED]
    assert [payment.line for payment in done.other_lines] == [booked]
    assert deposits(done)[0].booked == booked


@pytest.mark.parametrize(("amount", "missing"), [("250.00", False), ("240.00", True)])
def test_a_deposit_that_the_statement_does_not_have_is_said(amount: str, missing: bool) -> None:
    """Only where the statement has its day."""
    lines = [
        plain(250),
        plain(amount, memo="FLINKS DEPOSIT", **BANK),
        plain(9, day=LATER, memo="FEE", **{**BANK, "number": 3}),
    ]
    (deposit,) = deposits(reconcile_payments([claim()], payments_of(lines)))
    assert (deposit.is_missing, deposit.booked is None) == (missing, missing)


HINTS = [
    ("reference", {"reference": "R-1", "session_id": "S-9", "amount": Decimal(7)}),
    ("email", {"reference": "X", "amount": Decimal(7)}),
    ("name", {"reference": "X", "email": "", "amount": Decimal(7)}),
    ("amount", {"reference": "X", "email": "", "name": "Some Body"}),
]


@pytest.mark.parametrize(("what", "told"), HINTS, ids=[hint[0] for hint in HINTS])
def test_what_is_known_of_an_unmatched_payment_is_said(what: str, told: dict[str, Any]) -> None:
    """ "Not known here" is said only of what is; else the row that has something in common, and its amount."""
    alone, _ = reconcile([claim()], [line(**{"session_id": "S-9", **told})])
    assert (pile_of(alone), alone.hints[0].what, alone.hints[0].amount) == (Pile.UNEXPLAINED, what, Decimal("250.00"))


def test_nothing_known_is_not_known_here() -> None:
    """Neither reference, session, payor nor amount."""
    stranger = line(session_id="S-9", reference="X", email="x@example.com", name="Some Body", amount=Decimal(7))
    assert pile_of(reconcile([claim()], [stranger])[0]) is Pile.NOT_KNOWN


REWRITTEN = [
    ("00123", "123"),
    ("00123", "123.0"),
    ("1004", "1004.0"),
    ("11-26", "Nov-26"),
    ("3-12", "12-Mar"),
    ("3-12", "2026-03-12"),
    ("2026-11", "nov.-26"),
    ("1E5", "100000"),
    ("5123456789012", "5.12346E+12"),
    ("12345678901234567", "12345678901234500"),
]


@pytest.mark.parametrize(("ours", "told"), REWRITTEN, ids=[f"{ours} {told}" for ours, told in REWRITTEN])
def test_what_a_spreadsheet_makes_of_a_reference_is_known(ours: str, told: str) -> None:
    """Zeros, dates and exponents."""
    assert forms(ours) & forms(told)


def test_other_references_have_no_form_in_common() -> None:
    """A number beside a number, a word beside a word."""
    for ours, told in (("123", "124"), ("R-1", "R-01"), ("INV-1", "INV-2"), ("3-12", "3-13"), ("", "")):
        assert not forms(ours) & forms(told)


def test_bookings_of_a_statement_that_concern_nobody_are_set_aside() -> None:
    """A bank statement has wages and fees too; the day's deposit on it is found, and counted once."""
    booked = {
        "session_id": "",
        "reference": "",
        "email": "",
        "name": "",
        "created": "",
        "completed": "",
        "sha256": "bb",
    }
    lines = [
        line(session_id=""),
        line(**booked, statement=True, number=2, memo="FLINKS PAY DEPOSIT", settled="2026-11-06"),
        line(**booked, statement=True, number=3, memo="MONTHLY FEE", amount=Decimal("-4.95"), settled="2026-11-06"),
    ]
    payments = payments_of(lines)
    done = reconcile_payments([claim()], payments)
    assert [match.category for match in done.matches] == [MatchCategory.MATCHED]
    assert len(done.other_lines) == 2
    (deposit,) = deposits(done)
    assert (deposit.amount, deposit.booked.number) == (Decimal("250.00"), 2)
    assert balance(done.matches, payments, Decimal("250.00"), done.other_lines).adds_up


def test_a_payment_of_another_batch_needs_nobody() -> None:
    """Daily reports are of the whole account: what another batch asked for is told apart and is no difference."""
    mine, other = reconcile([claim()], [line(), line(**OTHER_SESSION)], Known(sessions={"s-2": "october"}))
    assert (mine.category, other.elsewhere, other.must_be_looked_at) == (MatchCategory.MATCHED, "october", False)


def test_a_bank_books_the_payments_of_all_batches() -> None:
    """What a report tells of another batch is on the statement once more, under the payor's name, and counts once."""
    booked = {
        "session_id": "",
        "reference": "",
        "email": "",
        "name": "",
        "created": "",
        "completed": "",
        "sha256": "bb",
    }
    memo = "VIREMENT INTERAC Zoe Tremblay"
    lines = [
        line(),
        line(**OTHER_SESSION),
        line(**booked, statement=True, number=2, memo=memo, settled="2026-11-06"),
        line(**booked, statement=True, number=3, memo=memo, settled="2026-11-06"),
        line(**booked, statement=True, number=4, memo=memo, settled="2026-11-06"),
    ]
    payments = payments_of(lines)
    done = reconcile_payments([claim()], payments, Known(sessions={"s-2": "october"}))
    assert [payment.line.number for payment in done.other_lines] == [2, 3]
    mine, third, other = sorted(done.matches, key=lambda match: match.payments[0].line.number + len(match.elsewhere))
    assert (mine.category, other.elsewhere) == (MatchCategory.MATCHED, "october")
    assert third.payments[0].line.number == 4
    assert third.must_be_looked_at
    (deposit,) = [one for one in deposits(done) if one.day == "2026-11-05"]
    assert (deposit.amount, deposit.booked.number) == (Decimal("500.00"), 2)
    assert balance(done.matches, payments, Decimal("250.00"), done.other_lines).adds_up


def test_a_confirmed_proposal_is_matched() -> None:
    """What a person confirmed once stays confirmed."""
    told = line(session_id="S-9", reference="OTHER")
    (payment,) = payments_of([told])
    (entry,) = reconcile([claim()], [told], Known(confirmed={payment.key: ["1:R-1"]}))
    assert (entry.category, entry.method) == (MatchCategory.MATCHED, MatchMethod.CONFIRMED)


def test_a_row_that_was_never_asked_matches_nothing() -> None:
    """A row that certainly was not created is shown beside the stranger with its reference, not joined with it."""
    entries = reconcile([claim(asked=False, session_id="", status="rejected")], [line()])
    assert [entry.category for entry in entries] == [MatchCategory.IN_REPORT_ONLY, MatchCategory.IN_BATCH_ONLY]
    assert all(entry.asked == 0 for entry in entries)


NAMES = [
    ("the same", "Zoé Tremblay", True),
    ("no accents, capitals", "ZOE TREMBLAY", True),
    ("last name first", "Tremblay, Zoé", True),
    ("with the middle name", "Zoé Anne Tremblay", True),
    ("not told", "", True),
    ("another first name", "Noé Tremblay", False),
    ("one name more", "Zoé Tremblay Roy", False),
]


@pytest.mark.parametrize(("told", "same"), [case[1:] for case in NAMES], ids=[case[0] for case in NAMES])
def test_names_are_compared_as_people_do(told: str, same: bool) -> None:
    """Case, accents, punctuation, order and the middle name make no other person."""
    assert same_name(claim(middle_name="Anne"), told) is same


ACCOUNTS = [
    ("masked with stars", "****6541", True),
    ("masked with dots", "•••6541", True),
    ("whole", "9876541", True),
    ("with zeros before", "0009876541", True),
    ("with institution and transit", "003-30265-9876541", True),
    ("not told", "", True),
    ("too little is told", "**41", True),
    ("another end", "****6542", False),
    ("another number", "1234567", False),
]


@pytest.mark.parametrize(("told", "same"), [case[1:] for case in ACCOUNTS], ids=[case[0] for case in ACCOUNTS])
def test_accounts_are_compared_by_their_end(told: str, same: bool) -> None:
    """Reports show the end of an account only."""
    assert same_account("9876541", told) is same


def test_a_deposit_is_the_sum_of_what_settled_on_a_day() -> None:
    """Payments of other batches are part of a day's consolidated deposit; what has not settled stands last."""
    lines = [
        line(),
        line(number=3, session_id="S-2", reference="X", amount=Decimal("10.50"), email=""),
        line(number=4, session_id="S-3", reference="Y", amount=Decimal(7), email="", meaning=Meaning.PAID, settled=""),
        line(number=5, session_id="S-4", reference="Z", amount=Decimal(9), email="", currency="USD"),
    ]
    found = deposits(reconcile_payments([claim()], payments_of(lines)))
    assert [(one.day, one.currency, one.payments, one.amount, one.ours) for one in found] == [
        ("2026-11-05", CAD, 2, Decimal("260.50"), Decimal("250.00")),
        ("2026-11-05", "USD", 1, Decimal(9), Decimal("0.00")),
        ("", CAD, 1, Decimal(7), Decimal("0.00")),
    ]


CODES = [
    ("everything agrees", [line()], ExitCode.DONE),
    ("still open", [line(**UNPAID)], ExitCode.DONE),
    ("in no report", [], ExitCode.DONE),
    ("it went back", [line(), later(Meaning.RETURNED)], ExitCode.SOME_ROWS_NEED_FIXING),
    ("ended unpaid", [line(meaning=Meaning.ENDED)], ExitCode.DONE),
    ("a strange word", [line(meaning=Meaning.LOOK)], ExitCode.SOME_ROWS_NEED_FIXING),
    ("another amount", [line(amount=Decimal(1))], ExitCode.SOME_ROWS_NEED_FIXING),
    ("another session", [line(session_id="S-9")], ExitCode.SOME_ROWS_NEED_FIXING),
    ("paid twice", [line(), line(**OTHER_SESSION)], ExitCode.SOME_ROWS_NEED_FIXING),
    ("a proposal", [line(session_id="S-9", reference="X")], ExitCode.SOME_ROWS_NEED_FIXING),
    ("a stranger", [line(), line(number=3, session_id="", reference="X")], ExitCode.SOME_ROWS_NEED_FIXING),
]


@pytest.mark.parametrize(("lines", "code"), [case[1:] for case in CODES], ids=[case[0] for case in CODES])
def test_the_exit_code_says_whether_a_person_must_look(lines: list[ReportLine], code: ExitCode) -> None:
    """Waiting is no disagreement; whatever the reports say otherwise than the batch is."""
    entries = reconcile([claim()], lines)
    proof = balance(entries, payments_of(lines), Decimal("250.00"))
    assert exit_code(entries, proof, doubts(payments_of(lines), (), 0)) is code


@pytest.mark.parametrize(
    ("opening", "damaged", "disagrees"),
    [(Decimal("250.01"), 0, 0), (Decimal(250), 1, 0), (Decimal(250), 0, 1)],
    ids=["it does not add up", "a damaged line", "a total that differs"],
)
def test_a_report_that_can_not_be_trusted_whole_needs_a_person(opening: Decimal, damaged: int, disagrees: int) -> None:
    """A cent that is missing anywhere is said, with how much it is."""
    entries = reconcile([claim()], [line()])
    proof = balance(entries, payments_of([line()]), opening)
    doubt = doubts(payments_of([line()]), [(None, "")] * damaged, disagrees)
    assert exit_code(entries, proof, doubt) is ExitCode.SOME_ROWS_NEED_FIXING
    assert proof.gap == opening - Decimal(250)


# ---------------------------------------------------------------------------------------------------------------
# Whatever the reports


AMOUNTS = st.sampled_from([Decimal("10.00"), Decimal("10.01"), Decimal("99.99")])
REFERENCES = st.sampled_from(["", "R-1", "R-2", "r-1"])
SESSIONS = st.sampled_from(["", "S-1", "S-2", "S-3"])
DAYS = st.sampled_from(["", "2026-10-01", "2026-11-03", "2026-11-04T10:00:00", "2026-11-09"])
EMAILS = st.sampled_from(["", "zoe@example.com", "liam@example.com"])

CLAIMS = st.lists(
    st.builds(
        claim,
        key=st.just("to be numbered"),
        reference=REFERENCES,
        amount=st.none() | AMOUNTS,
        asked=st.booleans(),
        session_id=SESSIONS,
        email=EMAILS,
        on=st.sampled_from([None, ASKED_ON]),
    ),
    max_size=6,
).map(lambda claims: [_numbered(one, at) for at, one in enumerate(claims)])

LINES = st.lists(
    st.builds(
        line,
        number=st.integers(2, 12),
        sha256=st.sampled_from(["aa", "bb"]),
        session_id=SESSIONS,
        reference=REFERENCES,
        amount=AMOUNTS,
        currency=st.sampled_from(["", "", "USD"]),
        email=EMAILS,
        status=st.sampled_from(["Settled", "Accepted", "?"]),
        meaning=st.sampled_from(list(Meaning)),
        created=DAYS,
        completed=DAYS,
        settled=DAYS,
    ),
    max_size=12,
    unique_by=lambda one: (one.sha256, one.number),
)

KNOWN = st.sampled_from(
    [
        Known(),
        Known(sessions={"s-3": "october"}),
        Known(elsewhere={"r-2": [(Decimal("10.00"), date(2026, 11, 4), "december")]}),
    ]
)


def _numbered(one: ExpectedPayment, at: int) -> ExpectedPayment:
    """Keys are unique, and a session is one request's only."""
    return replace(one, key=f"{at}", row=at + 2, session_id=one.session_id and f"S-{at}", uncertain=not one.session_id)


@given(CLAIMS, LINES, KNOWN)
@settings(max_examples=300, deadline=None)
def test_every_line_and_every_row_is_in_exactly_one_place(
    claims: list[ExpectedPayment], lines: list[ReportLine], known: Known
) -> None:
    """Nothing is dropped in silence, and nothing is told twice."""
    entries = reconcile(claims, lines, known)
    assert Counter(entry.expected[0].key for entry in entries if entry.expected) == Counter(one.key for one in claims)
    told = Counter((one.sha256, one.number) for entry in entries for pay in entry.payments for one in pay.lines)
    assert told == Counter((one.sha256, one.number) for one in lines)


@given(CLAIMS, LINES, KNOWN)
@settings(max_examples=300, deadline=None)
def test_money_is_conserved(claims: list[ExpectedPayment], lines: list[ReportLine], known: Known) -> None:
    """What was asked for and what was paid stand in the lines of the proof to the cent."""
    entries = reconcile(claims, lines, known)
    opening = sum((one.asked_amount for one in claims), Decimal(0))
    proof = balance(entries, payments_of(lines), opening)
    assert proof.adds_up
    assert proof.gap == 0
    assert proof.opening + sum(proof.sums[kind].difference for kind in Pile) == proof.closing
    assert sum(one.amount for one in deposits(Reconciliation(entries)) if one.currency == CAD) == proof.closing


@given(CLAIMS, LINES, KNOWN, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_neither_order_nor_repetition_matters(claims: list[Any], lines: list[Any], known: Any, random: Random) -> None:
    """The order of files, lines and rows changes nothing, nor does a file that is given twice under two names."""
    shuffled = random.sample(lines, len(lines)) + [replace(one, file="zz copy.csv") for one in lines]
    assert _plain(reconcile(random.sample(claims, len(claims)), shuffled, known)) == _plain(
        reconcile(claims, lines, known)
    )


def _plain(entries: tuple[Match, ...]) -> list[Any]:
    return [(entry.category, entry.expected, entry.payments, entry.method, entry.differences) for entry in entries]
