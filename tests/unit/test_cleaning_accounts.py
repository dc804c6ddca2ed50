"""What spreadsheets do to the parts of an account is undone where that is certain, and explained where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validation.accounts import clean_account
from schemas.faults import how_to_fix, sentence
from schemas.fields import INSTITUTIONS, institution_names
from schemas.languages import LANGUAGES, Lang

TEXTS = ("s", "s", "s")
Parts = tuple[str | None, str | None, str | None]


def read(*typed: str, production: bool = False) -> tuple[Parts, list[tuple[str, str]]]:
    """The cleaned parts, and what was said as pairs of field and code."""
    cells = clean_account(typed, TEXTS, production)
    said = [
        (fault.field.removesuffix("Number").removesuffix("Code"), fault.code) for cell in cells for fault in cell.said
    ]
    return (cells[0].text, cells[1].text, cells[2].text), said


INST, TRAN, ACCT = "institution", "transit", "account"
RESTORED = {
    "as it should be": (("003", "30265", "9876541"), ("003", "30265", "9876541"), []),
    "blank": (("", "", ""), ("", "", ""), []),
    "lost zeros": (
        ("3", "123", "9876541"),
        ("003", "00123", "9876541"),
        [(INST, "zeros-restored"), (TRAN, "zeros-restored")],
    ),
    "decimals": (("003", "30265.0", "9876541"), ("003", "30265", "9876541"), [(TRAN, "digits-decimals")]),
    "four-digit institution": (("0003", "30265", "9876541"), ("003", "30265", "9876541"), [(INST, "digits-zero")]),
    "separators": (("003", "30265", "98 76-541"), ("003", "30265", "9876541"), [(ACCT, "digits-cleaned")]),
    "transit before the account": (("003", "", "30265-9876541"), ("003", "", "30265-9876541"), []),
    "apostrophe": (("003", "30265", "'0076541"), ("003", "30265", "0076541"), [(ACCT, "digits-apostrophe")]),
    "account never padded": (("003", "30265", "76541"), ("003", "30265", "76541"), []),
    "zero is not restored": (("0", "0", "9876541"), ("0", "0", "9876541"), []),
}
SPLIT = {
    "cheque form in transit": ("", "30265-003", "9876541"),
    "cheque form, institution equal": ("3", "30265-003", "9876541"),
    "cheque form in institution": ("30265-003", "", "9876541"),
    "cheque form in both": ("003-30265", "30265", "9876541"),
    "electronic form": ("", "000330265", "9876541"),
    "institution first": ("", "003-30265", "9876541"),
    "all in the account": ("", "", "003-30265-9876541"),
    "all in the transit": ("", "30265-003-9876541", ""),
    "eight digits told by the institution": ("003", "30265003", "9876541"),
}
FAULTS = {
    "scientific": (("003", "30265", "9.87654E+11"), (ACCT, "scientific")),
    "scientific, comma": (("003", "30265", "9,87654E+11"), (ACCT, "scientific")),
    "letter o": (("OO3", "30265", "9876541"), (INST, "letter-for-digit")),
    "letter l": (("003", "30265", "98765l1"), (ACCT, "letter-for-digit")),
    "eight digits alone": (("", "30265003", "9876541"), (TRAN, "combined-unclear")),
    "another institution": (("004", "30265-003", "9876541"), (TRAN, "combined-differs")),
    "an error value": (("#N/A", "30265", "9876541"), (INST, "error-value")),
}


@pytest.mark.parametrize(("typed", "parts", "said"), RESTORED.values(), ids=RESTORED)
def test_what_can_be_undone(typed: tuple[str, ...], parts: Parts, said: list[tuple[str, str]]) -> None:
    """Zeros come back where the length is fixed, decimals and separators go, each with its notice."""
    assert read(*typed) == (parts, said)


@pytest.mark.parametrize("typed", SPLIT.values(), ids=SPLIT)
def test_combined_forms_are_split(typed: tuple[str, ...]) -> None:
    """A form that leaves no doubt is split over its columns, with a notice where it stood."""
    parts, said = read(*typed)
    assert parts == ("003", "30265", "9876541")
    assert [code for _, code in said if code != "zeros-restored"] == ["combined-split"]


@pytest.mark.parametrize(("typed", "fault"), FAULTS.values(), ids=FAULTS)
def test_what_can_not_be_undone(typed: tuple[str, ...], fault: tuple[str, str]) -> None:
    """A part that can't be known is a fault that explains, once, and is judged no further."""
    parts, said = read(*typed)
    assert said == [fault]
    assert parts[(INST, TRAN, ACCT).index(fault[0])] is None


@pytest.mark.parametrize("typed", [("30265", "003", "9876541"), ("30265", "3", "9876541")])
def test_a_swap_is_named(typed: tuple[str, ...]) -> None:
    """A transit beside an institution, each in the other's column, is named at both."""
    assert read(*typed) == ((None, None, "9876541"), [(INST, "account-swapped"), (TRAN, "account-swapped")])


def test_the_test_institution() -> None:
    """999 is a notice in the sandbox and an error in production."""
    assert read("999", "30265", "9876541")[1] == [(INST, "institution-test")]
    assert read("999", "30265", "9876541", production=True)[1] == [(INST, "institution-test-in-production")]


def test_an_unknown_institution() -> None:
    """The list of institutions is not complete: an unknown one is only a notice."""
    assert read("777", "30265", "9876541") == (("777", "30265", "9876541"), [(INST, "institution-unknown")])


BANKS = [("RBC", "003"), ("td", "004"), ("Desjardins", "815"), ("Banque  Royale", "003"), ("BANQUE DE MONTREAL", "001")]


@pytest.mark.parametrize(("name", "code"), BANKS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_bank_by_its_name_gets_its_code_suggested_and_never_filled_in(name: str, code: str, lang: Lang) -> None:
    """Where the code belongs, the name of a bank is a fault that tells the code."""
    head, _, _ = clean_account((name, "30265", "9876541"), TEXTS, production=False)
    fault = head.said[-1]
    assert (head.text, fault.code, dict(fault.details)) == (None, "institution-named", {"suggestion": code})
    assert code in sentence(fault, lang)
    assert code in how_to_fix(fault, lang)


def test_every_name_of_a_bank_belongs_to_one_known_code() -> None:
    """A name that could mean two institutions would be a guess."""
    folded = [
        (code, "".join(filter(str.isalnum, name.casefold())))
        for code, names in institution_names().items()
        for name in names
    ]
    assert {code for code, _ in folded} <= INSTITUTIONS.keys()
    assert len({name for _, name in folded}) == len(folded)


@given(st.text("0123456789 -", max_size=14), st.text("0123456789 -", max_size=14), st.text("0123456789 -", max_size=14))
def test_cleaning_twice_changes_nothing(institution: str, transit: str, account: str) -> None:
    """What the cleaning gives is read as it is."""
    (head, middle, tail), _ = read(institution, transit, account)
    if head is not None and middle is not None and tail is not None:
        assert read(head, middle, tail)[0] == (head, middle, tail)
