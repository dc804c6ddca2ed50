"""Earlier payments that a row may stand for, sign by sign."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipeline.domain.duplicates import EarlierPayment, marks, possible_duplicate, reuse_earlier_payment
from pipeline.domain.model import Attempt, Outcome, Payment

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
