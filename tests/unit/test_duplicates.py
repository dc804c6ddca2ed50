"""Whether a row is another one again, sign by sign."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipeline.domain.duplicates import (
    Charge,
    EarlierPayment,
    SentCharge,
    differing_columns,
    marks,
    number_occurrences,
    possible_duplicate,
    repeated_identity,
    reuse_earlier_payment,
    rows_that_repeat,
)
from pipeline.domain.model import Attempt, Column, Outcome, Payment

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=5)
NAMED = Payment("INV-1", "Zoe", "Tremblay", "zoe@example.com", Decimal("10.00"), send_link=True)
BARE = replace(NAMED, reference_id="")
DEARER = replace(BARE, amount=Decimal("11.00"))


def earlier(payment: Payment, key: str = "", *, otherwise: bool = False, at: datetime = NOW) -> EarlierPayment:
    attempt = Attempt(1, 1, Outcome.CREATED, payment.fingerprint(), True, at, reference_id=payment.reference_id, row=2)
    return EarlierPayment(key or f"row:{payment.reference_id}", otherwise, attempt, payment)


@pytest.mark.parametrize(
    ("before", "now", "key", "code"),
    [
        pytest.param(
            earlier(NAMED), replace(NAMED, reference_id="1-INV"), "ref:1-INV", "held-rewritten", id="rewritten"
        ),
        pytest.param(
            earlier(NAMED, otherwise=True),
            replace(NAMED, amount=Decimal(9)),
            "key:x",
            "held-changed",
            id="same reference",
        ),
        pytest.param(
            earlier(NAMED), replace(NAMED, amount=Decimal(9)), "key:x", None, id="same reference and identity"
        ),
        pytest.param(earlier(BARE), NAMED, "ref:INV-1", "held-changed", id="gained a reference"),
        pytest.param(earlier(BARE, "key:x"), NAMED, "ref:INV-1", None, id="gained a reference, named by own columns"),
        pytest.param(earlier(NAMED), BARE, "row:1", "held-changed", id="lost its reference"),
        pytest.param(earlier(NAMED), BARE, "key:x", None, id="lost its reference, named by own columns"),
        pytest.param(earlier(BARE), DEARER, "row:1", "held-changed", id="another amount"),
        pytest.param(earlier(BARE, at=SINCE - timedelta(1)), DEARER, "row:1", None, id="another amount, long ago"),
    ],
)
def test_what_looks_like_an_earlier_payment(before: EarlierPayment, now: Payment, key: str, code: str | None) -> None:
    """A row without history is held when it looks like the changed form of a payment that has no row any more."""
    known = {mark: [before] for mark in marks(before, SINCE)}
    why = possible_duplicate(now, key, known, set())
    assert (why.code if why else None) == code


@pytest.mark.parametrize("others", [None, {"row:"}], ids=["it came from no sheet", "the payment has its own row"])
def test_a_payment_beside_the_row_is_another(others: set[str] | None) -> None:
    """What stood beside a row in the sheet that it came from is no earlier form of it."""
    known = {mark: [earlier(BARE)] for mark in marks(earlier(BARE), SINCE)}
    assert possible_duplicate(NAMED, "ref:INV-1", known, others) is None


def test_each_payment_is_reused_once() -> None:
    """Under another identity each row takes over one payment with its content, and each payment is taken once."""
    content = NAMED.fingerprint()
    payments = [
        earlier(NAMED, "ref:a", otherwise=True),
        earlier(NAMED, "ref:b", otherwise=True),
        earlier(NAMED, "ref:c"),
    ]
    reused = reuse_earlier_payment([(1, content), (2, b"other"), (3, content), (4, content)], payments)
    assert list(reused) == [(1, "ref:a"), (3, "ref:b")]


def tried(outcome: Outcome, fingerprint: bytes) -> Attempt:
    return Attempt(1, 1, outcome, fingerprint, True, NOW)


def test_a_row_that_may_be_the_changed_form_of_a_request_names_it() -> None:
    """Of two rows with new content nobody can tell which one was asked for before; a faulty row asks for nothing."""
    refused, made = tried(Outcome.REJECTED, b"older"), tried(Outcome.CREATED, b"old")
    keys = list(number_occurrences("ref:A", [b"new", b"newer", None], {1: [made, refused]}))
    assert keys == [("ref:A", None), ("ref:A\t#2", made), ("ref:A\t#3", None)]


def test_what_was_tried_without_effect_keeps_its_occurrence_too() -> None:
    """A row with the content of a refused try is that row."""
    keys = list(number_occurrences("ref:A", [b"b", b"a"], {1: [tried(Outcome.REJECTED, b"a")]}))
    assert keys == [("ref:A\t#2", None), ("ref:A", None)]


def test_a_repeated_identity_names_the_row_and_what_differs() -> None:
    """Blanks that every reader tidies up are no difference."""
    columns = (Column(0, "Amount", "amount", "exact"), Column(1, "Note", None, "own"), Column(2, "Day", None, "own"))
    differs = differing_columns(columns, ("10", "a", " x  y"), ("11", "b", "x y "))
    assert dict(repeated_identity(7, differs).details) == {"row": "7", "differs": "Amount, Note"}


CHARGE = Charge("ref:A", b"a")


@pytest.mark.parametrize(
    ("sent", "same", "found"),
    [
        pytest.param(SentCharge("row:1", "row:1", here=False, recent=True), ["row:1"], ["row:1"], id="same content"),
        pytest.param(SentCharge("row:1", "row:1", here=False, recent=False), ["row:1"], [], id="long ago"),
        pytest.param(
            SentCharge("key:1", "key:1", here=False, recent=False), ["ref:A"], ["ref:A"], id="own columns then"
        ),
        pytest.param(SentCharge("key:1", "key:1", here=False, recent=False), ["row:1"], [], id="no reference now"),
        pytest.param(SentCharge("key:1", "key:1", here=False, recent=False), ["key:2"], [], id="own columns now"),
        pytest.param(SentCharge("ref:A", "ref:A", here=False, recent=False), [], ["ref:A"], id="its reference"),
        pytest.param(SentCharge("ref:A", "ref:A", here=True, recent=True), ["ref:A"], [], id="itself"),
        pytest.param(SentCharge("ref:A", "ref:B", here=True, recent=True), [], ["ref:A"], id="under another row's key"),
    ],
)
def test_which_rows_repeat_a_request(sent: SentCharge, same: list[str], found: list[str]) -> None:
    """By content for a while and in other batches; by what names a row at any age."""
    assert rows_that_repeat(sent, same, {"ref:A": CHARGE, "key:2": CHARGE}) == found
