"""What the API says of a session, and what it means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.domain import session_states
from pipeline.domain.model import Payment, SessionState
from pipeline.domain.responses import Answered, MaybeSentFailure, MaybeSentKind
from pipeline.domain.session_states import Paid
from schemas.faults import sentences

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def state(session: str, *transactions: str, amount: str | None = "10.00", known: bool = True) -> SessionState:
    return SessionState(session, transactions, None if amount is None else Decimal(amount), NOW, known)


MEANINGS = [
    # session, transactions, paid, final, over, open
    ("Initiated", ["Initiated"], Paid.NOT_YET, False, False, True),
    ("InProgress", ["Processing"], Paid.NOT_YET, False, False, True),
    ("InProgress", ["Declined"], Paid.NOT_YET, False, False, True),
    ("Initiated", [], Paid.NOT_YET, False, False, True),
    ("Completed", ["Accepted"], Paid.YES, False, False, False),
    ("Completed", ["Processed"], Paid.YES, False, False, False),
    ("Completed", ["Settled"], Paid.YES, True, True, False),
    ("InProgress", ["Settled"], Paid.YES, False, False, False),
    ("Completed", ["Declined", "Settled"], Paid.YES, True, True, False),
    ("Completed", ["Failed", "Initiated"], Paid.NOT_YET, False, False, True),
    ("Completed", [], Paid.NOT_YET, False, False, True),
    ("Completed", ["Initiated"], Paid.NOT_YET, False, False, True),
    ("Completed", ["Failed"], Paid.NO, True, True, False),
    ("Failed", ["Failed"], Paid.NO, True, True, False),
    ("Failed", ["Declined"], Paid.NO, True, True, False),
    ("Expired", ["Expired"], Paid.NO, True, True, False),
    ("Cancelled", ["Cancelled"], Paid.NO, True, True, False),
    ("Canceled", ["Canceled"], Paid.NO, True, True, False),
    ("Expired", ["Initiated"], Paid.NO, False, True, False),
    ("Expired", [], Paid.NO, False, True, False),
    ("Expired", ["Processing"], Paid.NOT_YET, False, False, True),
    ("Cancelled", ["Accepted"], Paid.YES, False, False, False),
    ("COMPLETED", ["settled"], Paid.YES, True, True, False),
    ("UnderReview", ["OnHold"], Paid.NOT_YET, False, False, True),
    ("Failed", ["Reversed"], Paid.NOT_YET, False, False, True),
    ("UnderReview", ["Settled"], Paid.YES, False, False, False),
]


@pytest.mark.parametrize(
    ("told", "expected"),
    [(state(session, *words), tuple(expected)) for session, words, *expected in MEANINGS],
    ids=[f"{session} {' '.join(words)}" for session, words, *_ in MEANINGS],
)
def test_paid_is_a_transaction_accepted_or_later(told: SessionState, expected: tuple[Paid, bool, bool, bool]) -> None:
    """Paid is told by a transaction, never by a session; final needs both levels; an unknown word is never an end."""
    assert (
        session_states.paid(told),
        session_states.is_final(told),
        session_states.is_over(told),
        session_states.is_open(told),
    ) == expected


def test_a_session_that_was_never_asked_about_may_still_be_paid() -> None:
    """Nothing known is not yet paid, open, and neither final nor over."""
    assert session_states.paid(None) is Paid.NOT_YET
    assert session_states.is_open(None)
    assert not session_states.is_final(None)
    assert not session_states.is_over(None)


@pytest.mark.parametrize(
    ("told", "amount", "codes"),
    [
        pytest.param(state("Initiated", "Initiated"), None, [], id="nothing to say"),
        pytest.param(state("Completed", "Settled"), "10.00", [], id="paid as asked"),
        pytest.param(state("Completed", "Settled", amount="9.99"), "9.99", ["state-other-amount"], id="another amount"),
        pytest.param(state("Completed", "Settled", amount=None), "10.00", [], id="the API tells no amount"),
        pytest.param(state("UnderReview", "OnHold"), None, ["state-strange"], id="unknown words"),
        pytest.param(state("Completed"), None, ["state-completed"], id="completed without a transaction"),
        pytest.param(
            state("Completed", "Settled", "Accepted"), "10.00", ["state-paid-twice"], id="two paid transactions"
        ),
        pytest.param(state("", known=False), None, ["state-not-known"], id="unknown to the API"),
    ],
)
def test_what_a_person_should_look_at_is_said(told: SessionState, amount: str | None, codes: list[str]) -> None:
    """Unknown words, a completed session without payment, another amount and a second payment each get a notice."""
    notices = session_states.notices(told, Decimal("10.00"))
    assert [fault.code for fault in notices] == codes
    assert all(sentences(notices, lang) for lang in ("en", "fr")) or not codes
    paid = session_states.paid_amount(told, Decimal("10.00"))
    assert paid == (None if amount is None else Decimal(amount))


PLAIN = session_states.Told("Completed", ("Settled",), Decimal("10.50"))
NO_AMOUNT = replace(PLAIN, amount=None)


def details(**members: Any) -> bytes:
    whole = {
        "sessionId": SESSION,
        "status": "Completed",
        "amount": 10.5,
        "schedule": {"transactions": [{"id": "1", "status": "Settled"}]},
    }
    return json.dumps(whole | members).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(details(), PLAIN, id="as documented"),
        pytest.param(
            details(sessionId=SESSION.upper()),
            session_states.Told("Completed", ("Settled",), Decimal("10.50")),
            id="upper case",
        ),
        pytest.param(details(schedule=None), session_states.Told("Completed", (), Decimal("10.50")), id="no schedule"),
        pytest.param(
            details(schedule={"transactions": [None, {"id": "1"}, {"status": "OnHold"}]}),
            session_states.Told("Completed", ("OnHold",), Decimal("10.50")),
            id="odd transactions",
        ),
        pytest.param(details(amount=None), NO_AMOUNT, id="open amount"),
        pytest.param(details(amount="12.30"), replace(PLAIN, amount=Decimal("12.30")), id="text amount"),
        pytest.param(details(amount="1e999999999"), NO_AMOUNT, id="absurd amount"),
        pytest.param(details(amount=1.005), NO_AMOUNT, id="part of a cent"),
        pytest.param(details(amount=True), NO_AMOUNT, id="no amount at all"),
        pytest.param(
            details(sessionId="2b4e28ba-2fa1-11d2-883f-0016d3cca427"),
            session_states.OfAnother("the answer is about another session"),
            id="another session",
        ),
        pytest.param(details(sessionId=None), session_states.NotTold("the answer names no session"), id="no session"),
        pytest.param(details(referenceId="INV-1"), PLAIN, id="our reference"),
        pytest.param(details(referenceId=None), PLAIN, id="no reference"),
        pytest.param(details(referenceId=""), PLAIN, id="an empty reference"),
        pytest.param(
            details(referenceId="INV-10"),
            session_states.OfAnother("the answer is about another reference"),
            id="another reference",
        ),
        pytest.param(details(status="Odd\0"), replace(PLAIN, session="Odd\ufffd"), id="what no database keeps"),
        pytest.param(
            details(status="x" * 9999), replace(PLAIN, session="x" * session_states.MAX_WORD), id="an endless word"
        ),
        pytest.param(details(status=7), session_states.NotTold("the answer has no status"), id="a number for a status"),
        pytest.param(details(status=" "), session_states.NotTold("the answer has no status"), id="a blank status"),
        pytest.param(b"<html>", session_states.NotTold("the answer is not a JSON object"), id="a page"),
        pytest.param(b"[]", session_states.NotTold("the answer is not a JSON object"), id="a list"),
    ],
)
def test_an_answer_to_details_is_read_whatever_it_holds(body: bytes, expected: session_states.Reading) -> None:
    """Words are taken as they are, amounts to the cent; an answer about another session or reference tells nothing."""
    assert session_states.read(Answered(200, body), SESSION, "INV-1") == expected


NESTED = b"[" * 900 + b"]" * 900


@pytest.mark.parametrize(
    "value", [b"7", b"1e400", b"1e999999999999999999", b"9" * 4000, b"NaN", b"true", b"{}", NESTED]
)
def test_a_reference_of_any_kind_is_read(value: bytes) -> None:
    """A number is a reference as it is in the answer to a creation; anything else is another's, and no exception."""
    body = b'{"sessionId": "%s", "status": "Cancelled", "referenceId": %s}' % (SESSION.encode(), value)
    told = isinstance(session_states.read(Answered(200, body), SESSION, "7"), session_states.Told)
    assert (told, session_states.confirms(Answered(200, body), SESSION, "7")) == (value == b"7", value == b"7")


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (Answered(404, b""), session_states.NotKnown()),
        (Answered(403, b""), session_states.Forbidden()),
        (Answered(500, b""), session_states.NotTold("HTTP 500")),
        (Answered(302, b""), session_states.NotTold("HTTP 302")),
        (MaybeSentFailure(MaybeSentKind.LOST, "lost"), session_states.NotTold("lost")),
    ],
    ids=["404", "403", "500", "302", "lost"],
)
def test_an_answer_without_a_state_says_why(
    exchange: Answered | MaybeSentFailure, expected: session_states.Reading
) -> None:
    """Only 404 means that the session is unknown; everything else teaches nothing."""
    assert session_states.read(exchange, SESSION) == expected


def test_unchanged_words_keep_the_time_since_when_they_are_so() -> None:
    """A state that is told again is the same state; a changed one begins now."""
    before = state("Initiated", "Initiated")
    later = NOW + timedelta(days=1)
    again = session_states.after(session_states.Told("Initiated", ("Initiated",), Decimal("10.00")), before, later)
    changed = session_states.after(session_states.Told("Completed", ("Settled",), Decimal("10.00")), before, later)
    assert again is before
    assert changed == replace(state("Completed", "Settled"), since=later)


def test_a_session_that_the_api_forgets_keeps_what_was_paid() -> None:
    """404 after a payment does not make it unpaid; it is asked about again."""
    gone = session_states.after(session_states.NotKnown(), state("Completed", "Accepted"), NOW)
    assert session_states.paid(gone) is Paid.YES
    assert not gone.known
    assert not session_states.is_final(gone)
    assert session_states.after(session_states.NotKnown(), gone, NOW + timedelta(days=1)) is gone


OPEN, CANCELLED, SETTLED = (
    state("Initiated", "Initiated"),
    state("Canceled", "Cancelled"),
    state("Completed", "Settled"),
)
PAID_THEN = state("Cancelled", "Accepted")
LOST = MaybeSentFailure(MaybeSentKind.LOST, "lost")
CONFIRMED = Answered(200, json.dumps({"sessionId": SESSION, "status": "Cancelled"}).encode())


@pytest.mark.parametrize(
    ("exchange", "after", "expected"),
    [
        pytest.param(CONFIRMED, CANCELLED, session_states.Cancelled(), id="as it should be"),
        pytest.param(CONFIRMED, None, session_states.Cancelled(), id="confirmed, details silent"),
        pytest.param(CONFIRMED, OPEN, session_states.Cancelled(), id="confirmed, details behind"),
        pytest.param(CONFIRMED, SETTLED, session_states.AlreadyEnded(SETTLED), id="confirmed, but it was paid"),
        pytest.param(CONFIRMED, PAID_THEN, session_states.AlreadyEnded(PAID_THEN), id="cancelled after it was paid"),
        pytest.param(Answered(200, b"{}"), CANCELLED, session_states.Cancelled(), id="a 200 alone, details confirm"),
        pytest.param(Answered(200, b"{}"), None, session_states.Unsure("HTTP 200"), id="a 200 alone, details silent"),
        pytest.param(Answered(200, b"{}"), OPEN, session_states.Unsure("HTTP 200"), id="a 200 alone, still open"),
        pytest.param(Answered(400, b"{}"), SETTLED, session_states.AlreadyEnded(SETTLED), id="final"),
        pytest.param(Answered(400, b"{}"), CANCELLED, session_states.Cancelled(), id="cancelled before"),
        pytest.param(
            Answered(400, b'{"detail": "no"}'), OPEN, session_states.NotCancelled(400, "no"), id="refused while open"
        ),
        pytest.param(
            Answered(404, b""),
            state("", known=False),
            session_states.AlreadyEnded(state("", known=False)),
            id="unknown",
        ),
        pytest.param(LOST, CANCELLED, session_states.Cancelled(), id="lost, and it was done"),
        pytest.param(LOST, OPEN, session_states.Unsure("lost"), id="lost, and it was not done"),
        pytest.param(LOST, None, session_states.Unsure("lost"), id="lost, details silent"),
        pytest.param(Answered(500, b""), None, session_states.Unsure("HTTP 500"), id="failed"),
    ],
)
def test_what_became_of_a_cancellation_is_told_by_details(
    exchange: Answered | MaybeSentFailure, after: SessionState | None, expected: session_states.Cancellation
) -> None:
    """The state afterwards counts more than the answer; what neither confirms is not yet decided."""
    confirmed = session_states.confirms(exchange, SESSION, "INV-1")
    assert session_states.judge_cancel(exchange, after, confirmed=confirmed) == expected


def test_a_contradiction_is_told_and_confirms_nothing() -> None:
    """When `details` answers for another reference, a person hears of it, whatever the answer to `cancel` said."""
    why = "the answer is about another reference"
    assert session_states.judge_cancel(CONFIRMED, None, confirmed=True, contradiction=why) == session_states.Unsure(
        f"HTTP 200; {why}"
    )
    refused = session_states.judge_cancel(Answered(400, b"{}"), None, confirmed=False, contradiction=why)
    assert refused == session_states.NotCancelled(400, why)


@pytest.mark.parametrize(
    ("status", "members", "expected"),
    [
        pytest.param(200, {}, True, id="as documented"),
        pytest.param(200, {"status": "canceled", "referenceId": None}, True, id="the other spelling"),
        pytest.param(200, {"sessionId": SESSION.upper()}, True, id="upper case"),
        pytest.param(200, {"sessionId": None}, False, id="no session"),
        pytest.param(200, {"sessionId": SESSION[:-1] + "8"}, False, id="another session"),
        pytest.param(200, {"referenceId": "INV-10"}, False, id="another reference"),
        pytest.param(200, {"status": "Initiated"}, False, id="still open"),
        pytest.param(200, {"status": None}, False, id="no word"),
        pytest.param(200, {"status": ["Cancelled"]}, False, id="no text"),
        pytest.param(302, {}, False, id="elsewhere"),
        pytest.param(409, {}, False, id="refused"),
        pytest.param(500, {}, False, id="failed"),
    ],
)
def test_an_answer_to_cancel_confirms_only_what_it_says(status: int, members: dict[str, Any], expected: bool) -> None:
    """It names this session and says cancelled; a 200 alone says nothing."""
    answer = {"sessionId": SESSION, "referenceId": "INV-1", "status": "Cancelled"} | members
    assert session_states.confirms(Answered(status, json.dumps(answer).encode()), SESSION, "INV-1") is expected


@pytest.mark.parametrize(
    ("status", "after", "expected"),
    [(405, None, True), (501, OPEN, True), (404, OPEN, True), (404, None, False), (400, OPEN, False)],
    ids=["405", "501", "404 for a known session", "404 and nothing known", "400"],
)
def test_an_api_without_cancel_is_recognised(status: int, after: SessionState | None, expected: bool) -> None:
    """405 and 501 say it alone; 404 says it only of a session that the API knows."""
    assert session_states.cancel_not_offered(Answered(status, b""), after) is expected


@pytest.mark.parametrize(
    ("word", "known", "expected"), [("INITIATED", True, True), ("Failed", True, False), ("Initiated", False, False)]
)
def test_a_session_is_at_its_own_word(word: str, known: bool, expected: bool) -> None:
    """Letter case does not count; a session that the API does not know is nowhere."""
    assert session_states.is_at(state(word, known=known), "initiated") is expected


PAYORS = {"email": "ZOE@example.com"}


@pytest.mark.parametrize(
    ("members", "reference", "expected"),
    [
        pytest.param({"referenceId": "INV-1"}, "INV-1", True, id="its reference"),
        pytest.param({"referenceId": "INV-2"}, "INV-1", False, id="another reference"),
        pytest.param({"referenceId": "INV-2"}, "", False, id="a reference of a row that has none"),
        pytest.param({"payor": PAYORS, "amount": "10.00"}, "INV-1", True, id="payor and amount"),
        pytest.param({"payor": PAYORS, "amount": "11.00"}, "INV-1", False, id="another amount"),
        pytest.param({"payor": PAYORS, "amount": True}, "INV-1", False, id="no amount"),
        pytest.param({"payor": PAYORS, "amount": "ten"}, "INV-1", False, id="an amount in words"),
        pytest.param({"payor": PAYORS, "amount": "10.001"}, "INV-1", False, id="an amount of three decimals"),
        pytest.param({"payor": "Zoé", "amount": "10.00"}, "INV-1", False, id="a payor without an address"),
        pytest.param({"sessionId": "another", "referenceId": "INV-1"}, "INV-1", False, id="another session"),
    ],
)
def test_an_answer_is_for_a_payment_by_its_reference_or_payor_and_amount(
    members: dict[str, Any], reference: str, expected: bool
) -> None:
    """What shows neither is not believed."""
    payment = Payment(reference, "Zoé", "Tremblay", "zoe@example.com", Decimal(10), send_link=True)
    answer = Answered(200, json.dumps({"sessionId": SESSION} | members).encode())
    assert session_states.is_for(answer, SESSION, payment) is expected


@pytest.mark.parametrize("exchange", [Answered(404, b"{}"), Answered(200, b"no JSON")], ids=["404", "no JSON"])
def test_what_tells_no_session_is_for_no_payment(exchange: Answered) -> None:
    """Only a 200 with an object says anything."""
    payment = Payment("", "Zoé", "Tremblay", "zoe@example.com", Decimal(10), send_link=True)
    assert not session_states.is_for(exchange, SESSION, payment)


def test_a_confirmed_cancellation_keeps_what_was_known() -> None:
    """The transactions and the amount stay; a state that says cancelled already stays as it is."""
    told = session_states.as_cancelled(state("Initiated", "Initiated"), NOW)
    assert (told.session, told.transactions, told.amount) == ("Cancelled", ("Initiated",), Decimal("10.00"))
    assert session_states.as_cancelled(told, NOW + timedelta(days=1)) is told
    assert session_states.as_cancelled(None, NOW) == SessionState("Cancelled", (), None, NOW)
