"""Names are kept as typed; those that will not match at the bank get a notice, and real ones do not."""

import pytest
from checking import GOOD, checked, codes, table
from hypothesis import given
from hypothesis import strategies as st
from real_names import real_names

from pipeline.check.names import clean_name, split_name

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
}


@pytest.mark.parametrize(("name", "code"), ODD.values(), ids=ODD)
def test_what_the_bank_will_not_match(name: str, code: str) -> None:
    """A name that will fail at the bank is kept, and said now."""
    cell = clean_name("firstName", name, "s")
    assert cell.text == name
    assert code in [fault.code for fault in cell.said]


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
