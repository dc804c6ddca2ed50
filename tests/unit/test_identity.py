"""What makes a row itself is readable, stable across versions, and can't be forged."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_table import ACCOUNT, GOOD, checked, only, table

from pipeline.domain.errors import UsageError
from pipeline.domain.model import Payment
from pipeline.messages import explain
from pipeline.validation import CheckOptions, check_table

PAYMENT = Payment("INV-1", "Zo\u00e9", "Tremblay", "zoe@example.com", Decimal("250.00"), send_link=False)


def identities(*rows: dict[str, str], identity: tuple[str, ...] = ("referenceId",)) -> list[str]:
    return [row.identity for row in checked(table(*rows), CheckOptions(identity=identity))[1]]


def test_a_reference_is_the_identity() -> None:
    """A row with a reference is known by it, and it can be read."""
    assert only(GOOD).identity == "ref:INV-1"


def test_a_faulty_row_keeps_its_reference() -> None:
    """A row that is at fault is still known by its reference, so that its earlier session can be found."""
    assert only(GOOD | {"email": "x"}).identity == "ref:INV-1"


def test_without_a_reference_the_content_is_the_identity() -> None:
    """Payor, amount and payee make a row without a reference, whatever case they are typed in."""
    blank = GOOD | ACCOUNT | {"referenceId": ""}
    first, shouted, dearer, elsewhere, faulty = identities(
        blank,
        blank | {"lastName": "TREMBLAY", "email": "ZOE@example.com"},
        blank | {"amount": "250.01"},
        blank | {"accountNumber": "9876542"},
        blank | {"email": "x"},
    )
    assert first.startswith("row:")
    assert first == shouted
    assert len({first, dearer, elsewhere}) == 3
    assert faulty == ""


def test_the_forms_never_change() -> None:
    """Journals keep identities and fingerprints for years: these values are part of the format."""
    assert (
        only(GOOD | {"referenceId": ""}).identity
        == "row:5597d1e421be338121876ddcaa61f6d8ac455b5896089170339c8e454f1b0203"
    )
    assert PAYMENT.fingerprint().hex() == "5518e141b5db81706e5a39eaffc2446b7415ad5ad2eb488ba21df5f2e76281fb"


def test_other_fields_and_the_users_own_columns() -> None:
    """`--identity` joins fields and headings so that no text can imitate two."""
    row = GOOD | {"Lease": "7", "Unit": "B"}
    assert identities(row, identity=("referenceId", "lease")) == ['key:["INV-1","7"]']
    assert identities(row | {"Lease": '7","B'}, row, identity=("Lease", "Unit")) == [
        r'key:["7\",\"B","B"]',
        'key:["7","B"]',
    ]


def test_a_blank_custom_identity_falls_back() -> None:
    """A row in which all named fields are blank is known by its content."""
    assert identities(GOOD | {"Lease": ""}, identity=("Lease",))[0].startswith("row:")


@pytest.mark.parametrize("identity", [("referenceId", "#"), ("#",), ("#", "referenceid")])
def test_the_occurrence_is_not_part_of_the_key(identity: tuple[str, ...]) -> None:
    """`#` is counted by the journal; the key is the one without it."""
    assert identities(GOOD, identity=identity) == ["ref:INV-1"]


def test_an_unknown_name_is_refused_early() -> None:
    """A name that is no field and no heading is refused before any row is read, naming the headings."""
    with pytest.raises(UsageError) as refused:
        check_table(table(GOOD), CheckOptions(identity=("Invoyce",)))
    assert "Invoyce" in explain(refused.value)
    assert "referenceId" in explain(refused.value, "fr")


@pytest.mark.parametrize(
    "other",
    [
        {"reference_id": "INV-2"},
        {"first_name": "Zo"},
        {"middle_name": "Anne"},
        {"amount": Decimal("250.01")},
        {"amount": None},
        {"account_number": "9876541"},
    ],
    ids=str,
)
def test_another_content_has_another_fingerprint(other: dict[str, Any]) -> None:
    """Everything that a payor is asked for is in the fingerprint."""
    assert replace(PAYMENT, **other).fingerprint() != PAYMENT.fingerprint()


@pytest.mark.parametrize(
    "same",
    [
        {"send_link": True},
        {"first_name": "ZO\u00c9"},
        {"first_name": "Zoe\u0301"},
        {"email": "Zoe@Example.com"},
        {"amount": Decimal(250)},
    ],
    ids=str,
)
def test_the_same_content_has_the_same_fingerprint(same: dict[str, Any]) -> None:
    """Case, composition and the way of delivery do not make another payment."""
    assert replace(PAYMENT, **same).fingerprint() == PAYMENT.fingerprint()


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_no_text_moves_between_fields(a: str, b: str, c: str, d: str) -> None:
    """Two payments with one fingerprint have equal fields: no separator can be forged."""
    mine, other = (replace(PAYMENT, reference_id=x, middle_name=y) for x, y in ((a, b), (c, d)))
    if mine.fingerprint() == other.fingerprint():
        assert (a, b.casefold()) == (c, d.casefold()) or not (b + d).isascii()
