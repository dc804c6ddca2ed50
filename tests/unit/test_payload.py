"""The body of the request: exact money, exact text, nothing that was not given."""

import json
import unicodedata
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.payload import body
from pipeline.domain.model import Payment

LEAST = Payment("", "Zoé", "Tremblay", "zoe@example.com", Decimal(250), send_link=False)
FULL = Payment(
    "INV-1", "Zoé", "Tremblay", "zoe@example.com", Decimal("1234.5"), True, "CREDIT", "Anne", "003", "30265", "9876541"
)


def test_the_least() -> None:
    """Absent optional fields are left out, never null; the switch for the e-mail is always said."""
    assert body(LEAST) == (
        b'{"type":"e-Transfer","direction":"DEBIT","currency":"CAD","amount":250.00,'
        b'"payor":{"firstName":"Zo\xc3\xa9","lastName":"Tremblay","email":"zoe@example.com"},'
        b'"options":{"notificationPreferences":{"sendInteracLink":false}}}'
    )


def test_the_most() -> None:
    """Everything that can be said stands where the API wants it, identifiers as texts."""
    assert json.loads(body(replace(FULL, language="FR")), parse_float=Decimal) == {
        "type": "e-Transfer",
        "direction": "CREDIT",
        "currency": "CAD",
        "amount": Decimal("1234.50"),
        "referenceId": "INV-1",
        "payor": {"firstName": "Zoé", "middleName": "Anne", "lastName": "Tremblay", "email": "zoe@example.com"},
        "payee": {"account": {"institutionCode": "003", "transitNumber": "30265", "accountNumber": "9876541"}},
        "options": {"notificationPreferences": {"sendInteracLink": True, "language": "FR"}},
    }


def test_an_open_amount_is_left_out() -> None:
    """Without an amount the payor chooses: the key is absent."""
    assert "amount" not in json.loads(body(replace(LEAST, amount=None)))


@pytest.mark.parametrize("amount", ["0.001", "10.005", "NaN", "Infinity"])
def test_money_is_never_rounded(amount: str) -> None:
    """An amount that is no whole number of cents is a fault of the program, not something to fix here."""
    with pytest.raises((ValueError, ArithmeticError)):
        body(replace(LEAST, amount=Decimal(amount)))


@given(st.integers(min_value=1, max_value=10**13), st.integers(min_value=0, max_value=4))
def test_an_amount_arrives_to_the_cent(cents: int, more_zeros: int) -> None:
    """Whatever its form, an amount is a JSON number with two decimals and the same value."""
    amount = Decimal(cents).scaleb(-2)
    written = amount.quantize(Decimal(1).scaleb(-2 - more_zeros))
    sent = json.loads(body(replace(LEAST, amount=written)), parse_float=str)["amount"]
    assert sent == f"{cents // 100}.{cents % 100:02}"


@given(st.text(min_size=1, max_size=100).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text)))
def test_text_arrives_as_it_is(text: str) -> None:
    """No character of a name is lost, escaped away or transliterated."""
    name = unicodedata.normalize("NFC", text)
    assert json.loads(body(replace(LEAST, first_name=name)))["payor"]["firstName"] == name
