"""Which payment is which request: pure, and whatever the reports, no line, no row and no cent gets lost."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model import ExitCode
from pipeline.report.reconcile import (
    CAD,
    Claim,
    Difference,
    Entry,
    How,
    Known,
    Line,
    Place,
    payments_of,
    reconcile,
    same_account,
    same_name,
)
from pipeline.report.reconciliation.figures import Kind, balance, deposits, exit_code
from schemas.reports import Meaning

ASKED_ON = date(2026, 11, 3)


def claim(**changes: object) -> Claim:
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
    return Claim(**fields)


def line(**changes: object) -> Line:
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
    return Line(**fields)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    claim: Claim
    lines: tuple[Line, ...]
    place: Place
    how: How = How.SESSION
    differences: tuple[Difference, ...] = ()


UNPAID = {"meaning": Meaning.OPEN, "status": "Initiated", "completed": "", "settled": ""}
OTHER_SESSION = {"session_id": "S-2", "number": 3}
UNKNOWN = {"session_id": "", "uncertain": True, "status": "unknown"}

CASES = [
    Case("paid as asked", claim(), (line(),), Place.MATCHED),
    Case("the case of a session id does not matter", claim(session_id="s-1"), (line(),), Place.MATCHED),
    Case("by reference and amount", claim(), (line(session_id=""),), Place.MATCHED, How.REFERENCE_AND_AMOUNT),
    Case("by reference and amount, another session", claim(), (line(session_id="S-9"),), Place.MATCHED, "otherSession"),
    Case("accepted is paid", claim(), (line(meaning=Meaning.PAID, settled=""),), Place.MATCHED),
    Case("another amount", claim(), (line(amount=Decimal(240)),), Place.PAID_DIFFERENTLY, differences=("amount",)),
    Case("another currency", claim(), (line(currency="USD"),), Place.PAID_DIFFERENTLY, differences=("currency",)),
    Case("another name", claim(), (line(name="Liam O'Brien"),), Place.PAID_DIFFERENTLY, differences=("name",)),
    Case("another account", claim(), (line(account="****0000"),), Place.PAID_DIFFERENTLY, differences=("account",)),
    Case(
        "another amount under a reference that only one request has",
        claim(),
        (line(session_id="", amount=Decimal(240)),),
        Place.PAID_DIFFERENTLY,
        How.REFERENCE,
        ("amount",),
    ),
    Case(
        "two parts that come to no more than was asked",
        claim(),
        (
            line(session_id="", amount=Decimal(100), completed="2026-11-04"),
            line(session_id="", amount=Decimal(150), completed="2026-11-06", number=3),
        ),
        Place.PAID_DIFFERENTLY,
        How.REFERENCE,
        ("amount",),
    ),
    Case(
        "a payment that was taken back",
        claim(),
        (line(), line(number=3, amount=Decimal(-250), settled="2026-11-09")),
        Place.PAID_DIFFERENTLY,
        differences=("amount",),
    ),
    Case("an open amount is whatever was paid", claim(amount=None), (line(),), Place.MATCHED),
    Case("not paid yet", claim(), (line(**UNPAID),), Place.STILL_OPEN),
    Case("ended without payment", claim(), (line(meaning=Meaning.ENDED),), Place.STILL_OPEN),
    Case("a word that nobody knows", claim(), (line(meaning=Meaning.LOOK),), Place.STILL_OPEN),
    Case("in no report", claim(), (), Place.IN_BATCH_ONLY, How.NOTHING),
    Case("the same line twice is one payment", claim(), (line(), line(number=3)), Place.MATCHED),
    Case(
        "the two daily reports tell of one payment",
        claim(),
        (line(), line(sha256="bb", file="processing.csv", meaning=Meaning.PAID, status="Accepted", settled="")),
        Place.MATCHED,
    ),
    Case(
        "a completed session beside the settled payment is the same",
        claim(),
        (line(), line(number=3, meaning=Meaning.LOOK, status="Completed", settled="")),
        Place.MATCHED,
    ),
    Case(
        "a strange word after the payment is looked at",
        claim(),
        (line(), line(number=3, meaning=Meaning.LOOK, status="Refunded", settled="2026-11-20")),
        Place.STILL_OPEN,
    ),
    Case("paid again by another session", claim(), (line(), line(**OTHER_SESSION)), Place.PAID_TWICE),
    Case(
        "paid again on another day",
        claim(),
        (line(), line(number=3, completed="2026-11-07", settled="2026-11-08")),
        Place.PAID_TWICE,
    ),
    Case(
        "paid again without sessions",
        claim(),
        (line(session_id=""), line(session_id="", number=3, completed="2026-11-07")),
        Place.PAID_TWICE,
        How.REFERENCE_AND_AMOUNT,
    ),
    Case("unknown, and a report names its reference", claim(**UNKNOWN), (line(),), Place.MATCHED, "referenceAndAmount"),
    Case(
        "unknown, named with another amount",
        claim(**UNKNOWN),
        (line(amount=Decimal(240)),),
        Place.PAID_DIFFERENTLY,
        How.REFERENCE,
        ("amount",),
    ),
    Case("unknown, named but not paid", claim(**UNKNOWN), (line(**UNPAID),), Place.STILL_OPEN, "referenceAndAmount"),
    Case(
        "alike by e-mail, amount and date",
        claim(),
        (line(session_id="S-9", reference="OTHER"),),
        Place.PROPOSALS,
        How.PROPOSAL,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_with_its_lines_has_one_place(case: Case) -> None:
    """A request and all lines that tell of it are one entry, at the surest place."""
    entries = reconcile([case.claim], case.lines)
    assert [(entry.place, entry.how, entry.differences) for entry in entries] == [
        (case.place, case.how, case.differences)
    ]


STRANGERS = [
    ("nothing in common", line(session_id="S-9", reference="X", email="x@example.com"), Known()),
    ("the same reference before the request was made", line(session_id="S-9", created="2026-10-03"), Known()),
    (
        "the same reference, another session and no date",
        line(session_id="S-9", created="", completed="", settled=""),
        Known(),
    ),
    ("a session of another batch", line(session_id="S-9"), Known(sessions={"s-9": "october"})),
    (
        "a reference of another batch's later request",
        line(session_id="", created="2026-12-03", completed="2026-12-04", settled="2026-12-05"),
        Known(references={("r-1", Decimal("250.00")): [(date(2026, 12, 1), "december")]}),
    ),
    ("alike, but unpaid", line(session_id="S-9", reference="X", **UNPAID), Known()),
    (
        "alike, but too late",
        line(session_id="S-9", reference="X", created="", completed="", settled="2027-03-01"),
        Known(),
    ),
]


@pytest.mark.parametrize(("told", "known"), [case[1:] for case in STRANGERS], ids=[case[0] for case in STRANGERS])
def test_what_is_not_surely_of_a_request_is_not_taken_for_it(told: Line, known: Known) -> None:
    """A payor who is wrongly taken for paid is the worst that can happen: in doubt a line stays alone."""
    places = {entry.place for entry in reconcile([claim()], [told], known)}
    assert places == {Place.IN_REPORT_ONLY, Place.IN_BATCH_ONLY}


def test_a_payment_of_another_batch_needs_nobody() -> None:
    """Daily reports are of the whole account: what another batch asked for is told apart and is no difference."""
    mine, other = reconcile([claim()], [line(), line(**OTHER_SESSION)], Known(sessions={"s-2": "october"}))
    assert (mine.place, other.elsewhere, other.must_be_looked_at) == (Place.MATCHED, "october", False)


def test_a_confirmed_proposal_is_matched() -> None:
    """What a person confirmed once stays confirmed."""
    told = line(session_id="S-9", reference="OTHER")
    (payment,) = payments_of([told])
    (entry,) = reconcile([claim()], [told], Known(confirmed={payment.key: "1:R-1"}))
    assert (entry.place, entry.how) == (Place.MATCHED, How.CONFIRMED)


def test_a_row_that_was_never_asked_matches_nothing() -> None:
    """A row that certainly was not created is shown beside the stranger with its reference, not joined with it."""
    entries = reconcile([claim(asked=False, session_id="", status="rejected")], [line()])
    assert [entry.place for entry in entries] == [Place.IN_REPORT_ONLY, Place.IN_BATCH_ONLY]
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
    found = deposits(reconcile([claim()], lines))
    assert [(one.day, one.currency, one.payments, one.amount, one.ours) for one in found] == [
        ("2026-11-05", CAD, 2, Decimal("260.50"), Decimal("250.00")),
        ("2026-11-05", "USD", 1, Decimal(9), Decimal("0.00")),
        ("", CAD, 1, Decimal(7), Decimal("0.00")),
    ]


CODES = [
    ("everything agrees", [line()], ExitCode.DONE),
    ("still open", [line(**UNPAID)], ExitCode.DONE),
    ("in no report", [], ExitCode.DONE),
    ("a strange word", [line(meaning=Meaning.LOOK)], ExitCode.SOME_ROWS_NEED_MENDING),
    ("another amount", [line(amount=Decimal(1))], ExitCode.SOME_ROWS_NEED_MENDING),
    ("another session", [line(session_id="S-9")], ExitCode.SOME_ROWS_NEED_MENDING),
    ("paid twice", [line(), line(**OTHER_SESSION)], ExitCode.SOME_ROWS_NEED_MENDING),
    ("a proposal", [line(session_id="S-9", reference="X")], ExitCode.SOME_ROWS_NEED_MENDING),
    ("a stranger", [line(), line(number=3, session_id="", reference="X")], ExitCode.SOME_ROWS_NEED_MENDING),
]


@pytest.mark.parametrize(("lines", "code"), [case[1:] for case in CODES], ids=[case[0] for case in CODES])
def test_the_exit_code_says_whether_a_person_must_look(lines: list[Line], code: ExitCode) -> None:
    """Waiting is no disagreement; whatever the reports say otherwise than the batch is."""
    entries = reconcile([claim()], lines)
    proof = balance(entries, payments_of(lines), Decimal("250.00"))
    assert exit_code(entries, proof, damaged=0, disagrees=0) is code


@pytest.mark.parametrize(
    ("opening", "damaged", "disagrees"),
    [(Decimal("250.01"), 0, 0), (Decimal(250), 1, 0), (Decimal(250), 0, 1)],
    ids=["it does not add up", "a damaged line", "a total that differs"],
)
def test_a_report_that_can_not_be_trusted_whole_needs_a_person(opening: Decimal, damaged: int, disagrees: int) -> None:
    """A cent that is missing anywhere is said, with how much it is."""
    entries = reconcile([claim()], [line()])
    proof = balance(entries, payments_of([line()]), opening)
    assert exit_code(entries, proof, damaged=damaged, disagrees=disagrees) is ExitCode.SOME_ROWS_NEED_MENDING
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
        Known(references={("r-2", Decimal("10.00")): [(date(2026, 11, 4), "december")]}),
    ]
)


def _numbered(one: Claim, at: int) -> Claim:
    """Keys are unique, and a session is one request's only."""
    return replace(one, key=f"{at}", row=at + 2, session_id=one.session_id and f"S-{at}", uncertain=not one.session_id)


@given(CLAIMS, LINES, KNOWN)
@settings(max_examples=300, deadline=None)
def test_every_line_and_every_row_is_in_exactly_one_place(claims: list[Claim], lines: list[Line], known: Known) -> None:
    """Nothing is dropped in silence, and nothing is told twice."""
    entries = reconcile(claims, lines, known)
    assert Counter(entry.claim.key for entry in entries if entry.claim) == Counter(one.key for one in claims)
    told = Counter((one.sha256, one.number) for entry in entries for pay in entry.payments for one in pay.lines)
    assert told == Counter((one.sha256, one.number) for one in lines)


@given(CLAIMS, LINES, KNOWN)
@settings(max_examples=300, deadline=None)
def test_money_is_conserved(claims: list[Claim], lines: list[Line], known: Known) -> None:
    """What was asked for and what was paid stand in the lines of the proof to the cent."""
    entries = reconcile(claims, lines, known)
    opening = sum((one.asked_amount for one in claims), Decimal(0))
    proof = balance(entries, payments_of(lines), opening)
    assert proof.adds_up
    assert proof.gap == 0
    assert proof.opening + sum(proof.sums[kind].difference for kind in Kind) == proof.closing
    assert sum(one.amount for one in deposits(entries) if one.currency == CAD) == proof.closing


@given(CLAIMS, LINES, KNOWN, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_neither_order_nor_repetition_matters(claims, lines, known, random) -> None:
    """The order of files, lines and rows changes nothing, nor does a file that is given twice under two names."""
    shuffled = random.sample(lines, len(lines)) + [replace(one, file="zz copy.csv") for one in lines]
    assert _plain(reconcile(random.sample(claims, len(claims)), shuffled, known)) == _plain(
        reconcile(claims, lines, known)
    )


def _plain(entries: tuple[Entry, ...]) -> list[object]:
    return [(entry.place, entry.claim, entry.payments, entry.how, entry.differences) for entry in entries]
