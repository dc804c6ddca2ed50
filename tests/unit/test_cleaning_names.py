"""Names are kept as typed; those that will not match at the bank get a notice, and real ones do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_table import GOOD, checked, codes, table
from support.real_names import real_names

from pipeline.domain.model import NameOrder
from pipeline.validation.names import clean_name, split_name
from pipeline.validation.text import clean_text

ODD = {
    "company": ("Plomberie Gagnon inc.", "name-company"),
    "limited": ("Maple Ltd", "name-company"),
    "ltée": ("Toitures Roy ltée", "name-company"),
    "senc": ("Roy S.E.N.C.", "name-company"),
    "numbered company": ("Fondation Zoé", "name-company"),
    "ampersand": ("Jane & Bob", "name-joint"),
    "et": ("Anne et Marc", "name-joint"),
    "AND": ("JANE AND BOB", "name-joint"),
    "slash": ("Jane/Bob", "name-joint"),
    "Dr.": ("Dr. Jane", "name-title"),
    "Mme": ("Mme Anne", "name-title"),
    "M.": ("M. Luc", "name-title"),
    "degree": ("Roy, PhD", "name-title"),
    "initial": ("J.", "name-initial"),
    "bare initial": ("J", "name-initial"),
    "two initials": ("J. R.", "name-initial"),
    "digits": ("Jane2", "name-digits"),
    "mojibake": ("Zo\u00c3\u00a9", "name-mojibake"),
    "mojibake, capital": ("\u00c3\u2030milie", "name-mojibake"),
    "mojibake, quote": ("O\u00e2\u20ac\u2122Brien", "name-mojibake"),
    "a lost letter": ("Zo?", "name-mojibake"),
    "replacement character": ("Zo\ufffd", "name-mojibake"),
    "cyrillic a": ("J\u0430ne", "name-look-alike"),
    "greek omicron": ("R\u03bfy", "name-look-alike"),
    "whole name": ("Tremblay, Zo\u00e9", "name-whole"),
    "address": ("jane@x.ca", "name-symbols"),
    "a picture": ("Doe \U0001f389", "name-symbols"),
    "another picture": ("Doe \u2665", "name-symbols"),
    "a nickname": ("Jean (Johnny)", "name-symbols"),
    "a star": ("GAGNON*", "name-symbols"),
    "unknown": ("Unknown", "name-placeholder"),
    "inconnu": ("INCONNU", "name-placeholder"),
    "test": ("test", "name-placeholder"),
    "n/a": ("N/A", "name-placeholder"),
    "first name unknown": ("FNU", "name-placeholder"),
    "a heading": ("First Name", "name-placeholder"),
    "an estate": ("Estate of", "name-no-payor"),
    "an estate alone": ("Succession", "name-no-payor"),
    "inactive": ("Inactif", "name-placeholder"),
    "deceased": ("Doe (deceased)", "name-no-payor"),
    "d\u00e9c\u00e9d\u00e9": ("Roy, d\u00e9c\u00e9d\u00e9", "name-no-payor"),
}


@pytest.mark.parametrize(("name", "code"), ODD.values(), ids=ODD)
def test_what_the_bank_will_not_match(name: str, code: str) -> None:
    """A name that will fail at the bank is kept, and said now."""
    cell = clean_name("firstName", name, "s")
    assert cell.text == name
    assert code in [fault.code for fault in cell.said]


@pytest.mark.parametrize("name", [".", "-", "--", "?", "0", "12", "***", "_", "\U0001f389", "..", "&", "\u2014"])
@pytest.mark.parametrize("field", ["firstName", "lastName", "middleName"])
def test_a_name_without_a_letter_is_a_fault(field: str, name: str) -> None:
    """The bank compares names: there is none."""
    cell = clean_name(field, name, "s")
    assert (cell.text, [fault.code for fault in cell.said]) == (None, ["name-no-letter"])
    assert split_name(f"{name}, Zo\u00e9", "s")[0].text is None
    assert split_name(f"Roy, {name}", "s")[0].text is None


@pytest.mark.parametrize(
    "name", ["\u1418\u14c2", "\u738b", "\u674e", "\u00d8", "X\u00e6", "\u0141", "Ng", "\u02bbAkau"]
)
def test_letters_are_those_of_any_script(name: str) -> None:
    """Syllabics and Chinese are letters."""
    assert clean_name("lastName", name, "s").text == name


@pytest.mark.parametrize(
    "name", ["DO NOT USE", "Doe - do not bill", "Don\u2019t use", "NE PAS FACTURER", "Roy (doublon)"]
)
def test_a_name_that_says_not_to_use_the_row_is_a_fault(name: str) -> None:
    """Somebody marked the row where a name belongs."""
    assert [fault.code for fault in clean_name("lastName", name, "s").said] == ["name-not-to-be-used"]


@pytest.mark.parametrize(
    ("first", "last", "wrong"),
    [("Do not", "use", True), ("NE PAS", "UTILISER", True), ("Don\u2019t", "bill", True), ("Do", "Nguyen", False)],
)
def test_what_two_cells_say_together_is_a_fault(first: str, last: str, wrong: bool) -> None:
    """The words are spread over both columns of the name."""
    (row,) = checked(table(GOOD | {"firstName": first, "lastName": last}))[1]
    assert [fault.code for fault in row.faults] == ["name-not-to-be-used"] * wrong


@pytest.mark.parametrize("name", ['I"NV', '"Roy', 'Roy"', '"Roy"', 'Jean "Johnny', '""Roy'])
@pytest.mark.parametrize("field", ["firstName", "lastName", "middleName"])
def test_a_stray_quotation_mark_is_a_fault(field: str, name: str) -> None:
    """It was left over where cells are cut: what else was cut is not known."""
    assert [fault.code for fault in clean_name(field, name, "s").said] == ["stray-quote"]
    assert [fault.code for fault in clean_text("referenceId", name, "s").said] == ["stray-quote"]


def test_quotation_marks_in_pairs_are_somebodys() -> None:
    """A nickname may stand in them, and a reference as exports protect it."""
    assert clean_name("firstName", 'Jean "Johnny" R', "s").text == 'Jean "Johnny" R'
    assert clean_text("referenceId", '="00123"', "s").text == "00123"


def test_false_alarms_are_rare() -> None:
    """Fewer than one in a hundred real names gets a notice."""
    names = real_names()
    alarms = [
        (name, fault.code)
        for first, last in names
        for field, name in (("firstName", first), ("lastName", last))
        for fault in clean_name(field, name, "s").said
    ]
    assert len(names) > 300
    assert len(alarms) < len(names) / 100, alarms


def test_a_middle_initial_is_usual() -> None:
    """A middle name may be an initial."""
    assert clean_name("middleName", "J.", "s").said == ()


@given(st.text(max_size=30))
def test_a_name_is_never_rewritten(name: str) -> None:
    """Cleaning a cleaned name gives the same name: nothing is split, transliterated or re-cased."""
    read = clean_name("lastName", name, "s").text
    if read and not read.startswith("="):
        assert clean_name("lastName", read, "s").text == read


def test_surname_and_given_are_split_when_the_mapping_says_so() -> None:
    """`Surname, Given` becomes two names; without its comma it is a fault."""
    last, first = split_name("Tremblay, Marie-\u00c8ve", "s")
    assert (last.text, first.text) == ("Tremblay", "Marie-\u00c8ve")
    assert [fault.code for fault in split_name("Marie Tremblay", "s")[0].said] == ["name-not-split"]


@pytest.mark.parametrize(
    ("name", "order", "split"),
    [
        ("Marie Tremblay", "given-first", ("Tremblay", "Marie")),
        ("Tremblay Marie-Ève", "surname-first", ("Tremblay", "Marie-Ève")),
        ("van Dyck, Anna Maria", "surname-first", ("van Dyck", "Anna Maria")),
        ("Tremblay, Marie", "given-first", None),
        ("Thi Mai | Nguyen", "given-first", ("Nguyen", "Thi Mai")),
        ("Gilles|De La Tour", "given-first", ("De La Tour", "Gilles")),
        ("Ana | ", "given-first", None),
        ("Ana | Roy | Ben", "given-first", None),
        ("Roy | Ana", "surname-first", None),
        ("Mary Ann Smith", "given-first", None),
        ("Cher", "given-first", None),
        ("Mr. Smith", "given-first", None),
        ("Smith Inc.", "surname-first", None),
        ("Tremblay,", "surname-first", None),
        ("Tremblay, Marie & Roy, Luc", "surname-first", None),
        ("Tremblay, Luc, Jr", "surname-first", None),
    ],
)
def test_whole_names_in_an_order_that_is_said(name: str, order: str, split: tuple[str, str] | None) -> None:
    """Two words are first and last name; what can't be split for certain is a fault."""
    last, first = split_name(name, "s", NameOrder(order))
    assert (last.text, first.text) == (split or (None, None))
    assert [fault.code for fault in last.said] == ([] if split else ["name-not-split"])


def test_swapped_names_are_told_by_the_rest_of_the_sheet() -> None:
    """A surname among the first names, beside a first name that the sheet uses elsewhere, is a notice."""
    names = [
        ("Zo\u00e9", "Tremblay"),
        ("Zo\u00e9", "Roy"),
        ("Luc", "Tremblay"),
        ("Tremblay", "Zo\u00e9"),
        ("Roy", "Kim"),
    ]
    rows = [
        GOOD | {"firstName": first, "lastName": last, "email": f"p{at}@example.com"}
        for at, (first, last) in enumerate(names)
    ]
    notices = [codes(row.notices) for row in checked(table(*rows))[1]]
    assert notices == [[], [], [], [("lastName", "name-swapped")], []]
