"""Texts are tidied without losing a letter, and everything changed beyond trimming is said."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validation.cleaning import clean_choice, clean_yes_no
from pipeline.validation.text import clean_reference, clean_text
from schemas.fields import Field

REFERENCE = Field.REFERENCE_ID.value


@pytest.mark.parametrize(
    ("typed", "read", "codes"),
    [
        ("INV-1", "INV-1", []),
        ("  INV-1\t", "INV-1", []),
        ("INV  1", "INV 1", ["text-cleaned"]),
        ("INV\u00a01", "INV 1", ["text-cleaned"]),
        ("\u00a0INV-1\u00a0", "INV-1", []),
        ("INV\n1", "INV 1", ["text-cleaned"]),
        ("INV\u200b-1", "INV-1", ["text-cleaned"]),
        ("\ufeffINV-1", "INV-1", ["text-cleaned"]),
        ("Zoe\u0301", "Zo\u00e9", ["text-cleaned"]),
        ('="00123"', "00123", ["text-cleaned"]),
        ("O\u2019Brien \u201cJack\u201d", "O\u2019Brien \u201cJack\u201d", []),
        ("TREMBLAY", "TREMBLAY", []),
        ("null", "null", []),
        ("   ", "", []),
        ("", "", []),
        ("INV\x071", None, ["control-character"]),
        ("INV\x00", None, ["control-character"]),
        ("#REF!", None, ["error-value"]),
        ("#N/A", None, ["error-value"]),
        ("#1 Main", "#1 Main", []),
    ],
)
def test_text(typed: str, read: str | None, codes: list[str]) -> None:
    """Spaces are folded, invisible characters removed, accents composed; what can't be sent is a fault."""
    cell = clean_text(REFERENCE, typed)
    assert (cell.text, [fault.code for fault in cell.said]) == (read, codes)
    assert all(fault.value == typed for fault in cell.said)


@pytest.mark.parametrize(
    ("field", "typed", "kind", "code"),
    [
        ("amount", "=A1*2", "f", "formula-unsaved"),
        ("firstName", "", "f", "formula-unsaved"),
        ("email", "#VALUE!", "e", "error-value"),
        ("transitNumber", "2026-03-12", "d", "date-in-cell"),
        ("referenceId", "2026-03-12", "d", "date-read"),
    ],
)
def test_cells_that_hold_no_text(field: str, typed: str, kind: str, code: str) -> None:
    """Error values, formulas that were never calculated and dates are named."""
    assert [fault.code for fault in clean_text(field, typed, kind).said] == [code]


@given(st.text(max_size=40))
def test_cleaning_twice_changes_nothing(typed: str) -> None:
    """A cleaned text is composed, trimmed, and clean already."""
    read = clean_text(REFERENCE, typed).text
    if read is not None:
        assert read == read.strip()
        assert unicodedata.is_normalized("NFC", read)
        if not read.startswith("="):
            assert clean_text(REFERENCE, read).text == read
            assert clean_text(REFERENCE, read).said == ()


@pytest.mark.parametrize("word", ["yes", "Oui", "X", "VRAI", "true", "TRUE", "1", "y", "o", "1.0", " oui "])
def test_yes(word: str) -> None:
    """Yes in either language, and what spreadsheets make of it."""
    assert clean_yes_no(word, "s").text == "true"


@pytest.mark.parametrize("word", ["no", "Non", "FAUX", "false", "0", "n"])
def test_no(word: str) -> None:
    """No in either language."""
    assert clean_yes_no(word, "s").text == "false"


def test_neither_yes_nor_no() -> None:
    """Anything else is a fault, and blank is left to the default."""
    assert [fault.code for fault in clean_yes_no("maybe", "s").said] == ["yes-no-unreadable"]
    assert clean_yes_no("", "s").text == ""


@pytest.mark.parametrize(
    ("field", "typed", "read"),
    [
        (Field.CURRENCY, "cad", "CAD"),
        (Field.CURRENCY, "$ CAD", "CAD"),
        (Field.CURRENCY, "CA$", "CAD"),
        (Field.CURRENCY, "Canadian dollars", "CAD"),
        (Field.CURRENCY, "dollars canadiens", "CAD"),
        (Field.TYPE, "etransfer", "e-Transfer"),
        (Field.TYPE, "E-Transfer", "e-Transfer"),
        (Field.TYPE, "Interac e-Transfer", "e-Transfer"),
        (Field.TYPE, "virement Interac", "e-Transfer"),
        (Field.TYPE, "eft", "EFT"),
        (Field.DIRECTION, "d\u00e9bit", "DEBIT"),
        (Field.DIRECTION, "Cr\u00e9dit", "CREDIT"),
        (Field.DIRECTION, "sideways", "sideways"),
        (Field.CURRENCY, "", ""),
    ],
)
def test_choices(field: Field, typed: str, read: str) -> None:
    """A known value is given the API's spelling; an unknown one is left for the schema to name."""
    assert clean_choice(field, typed, "s").text == read


def test_another_currency() -> None:
    """Only Canadian dollars can be asked for."""
    assert [fault.code for fault in clean_choice(Field.CURRENCY, "USD", "s").said] == ["currency-other"]


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("5.12346E+12", "s", "scientific"),
        ("5,12346E+12", "s", "scientific"),
        (" 1e+15 ", "s", "scientific"),
        ("1.23E+05", "s", "scientific"),
        ("1.00E+05", "s", ""),
        ("1.5E+1", "s", ""),
        ("1234567890123450", "n", "digits-rounded"),
        ("########", "s", "not-shown"),
        ("## ", "s", "not-shown"),
        ("1234567890123456", "s", ""),
        ("123456789012345", "n", ""),
        ("3E5", "s", ""),
        ("12E+2B", "s", ""),
        ("#12", "s", ""),
        ("#", "s", ""),
    ],
)
def test_a_reference_whose_digits_a_spreadsheet_has_lost(text: str, kind: str, code: str) -> None:
    """Shortened, rounded or not shown at all: never the name of something, and never equal to another one."""
    cell = clean_reference(text, kind)
    assert [fault.code for fault in cell.said] == ([code] if code else [])
    assert cell.text == (None if code else text.strip())
