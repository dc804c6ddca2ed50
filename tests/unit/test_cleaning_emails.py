"""One address comes out of an e-mail cell, as the standards define it, or a fault says why not."""

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validation.emails import clean_email
from schemas.emails import SURE

VALID = {
    "plain": "jane@example.com",
    "capitals are kept": "Jane.Doe@Example.COM",
    "plus": "jane+bills@example.org",
    "subdomain": "jane@mail.ca.example.net",
    "internationalised": "zo\u00e9@ex\u00e4mple.ca",
    "test domain": "jane@company.test",
    "unusual ending": "jane@studio.quebec",
    "apostrophe": "o'brien@example.com",
}
TAKEN = {
    "mailto": ("mailto:jane@x.ca", "jane@x.ca"),
    "mailto with a subject": ("MAILTO:jane@x.ca?subject=hi", "jane@x.ca"),
    "name and brackets": ("Jane Doe <jane@x.ca>", "jane@x.ca"),
    "semicolon behind": ("jane@x.ca;", "jane@x.ca"),
    "the same twice": ("jane@x.ca; jane@x.ca", "jane@x.ca"),
}
INVALID = [
    "jane",
    "jane@",
    "@x.ca",
    "jane@@x.ca",
    "jane@x",
    "jane @x.ca",
    "jane..doe@x.ca",
    "jane@-x.ca",
    "jane@x_y.ca",
]
SEVERAL = [
    "jane@x.ca;bob@x.ca",
    "jane@x.ca, bob@x.ca",
    "jane@x.ca bob@x.ca",
    "jane@x.ca/bob@x.ca",
    "J <j@x.ca>; b@x.ca",
]
TYPOS = {
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gamil.com": "gmail.com",
    "gmail.con": "gmail.com",
    "hotmial.com": "hotmail.com",
    "outlok.com": "outlook.com",
    "yahooo.ca": "yahoo.ca",
    "videotrom.ca": "videotron.ca",
    "example.cmo": "example.com",
    "example.con": "example.com",
    "mail.example.ocm": "mail.example.com",
    "example.nte": "example.net",
    "example.ogr": "example.org",
}


@pytest.mark.parametrize("address", VALID.values(), ids=VALID)
def test_a_valid_address_is_kept(address: str) -> None:
    """A valid address goes out letter by letter, without a word."""
    cell = clean_email(address, "s")
    assert (cell.text, cell.said) == (address, ())


@pytest.mark.parametrize(("typed", "address"), TAKEN.values(), ids=TAKEN)
def test_an_address_is_taken_out(typed: str, address: str) -> None:
    """An address in its usual wrapping is taken with a notice."""
    cell = clean_email(typed, "s")
    assert (cell.text, [fault.code for fault in cell.said]) == (address, ["email-taken"])


@pytest.mark.parametrize("typed", INVALID)
def test_what_is_no_address(typed: str) -> None:
    """What is no address is one fault."""
    assert [fault.code for fault in clean_email(typed, "s").said] == ["email-invalid"]


@pytest.mark.parametrize("typed", SEVERAL)
def test_several_addresses(typed: str) -> None:
    """A request goes to one person: several addresses are a fault, whatever stands between them."""
    assert [fault.code for fault in clean_email(typed, "s").said] == ["email-several"]


@pytest.mark.parametrize(("domain", "meant"), TYPOS.items())
def test_misspelt_providers(domain: str, meant: str) -> None:
    """A slip of the fingers in a well-known domain is a notice with the likely one; the address is kept."""
    cell = clean_email(f"jane@{domain}", "s")
    assert cell.text == f"jane@{domain}"
    assert [(fault.code, dict(fault.details)) for fault in cell.said] == [
        ("email-typo", {"suggestion": f"jane@{meant}"})
    ]


@pytest.mark.parametrize("apostrophe", ["\u2018", "\u2019", "\u02bc", "\u2032"])
def test_a_typeset_apostrophe_is_a_slip(apostrophe: str) -> None:
    """A word processor bends it; mail to the bent one is lost."""
    cell = clean_email(f"o{apostrophe}brien@example.com", "s")
    assert [(fault.code, dict(fault.details)) for fault in cell.said] == [
        ("email-typo", {"suggestion": "o'brien@example.com"})
    ]


@pytest.mark.parametrize("local", ["a" * 65, "a" * 70, "\u00e9" * 33])
def test_a_part_beyond_its_limit_is_a_fault(local: str) -> None:
    """64 octets before the @ (RFC 5321), whatever the whole address has."""
    assert [fault.code for fault in clean_email(f"{local}@example.com", "s").said] == ["email-part-too-long"]
    assert clean_email(f"{'a' * 64}@example.com", "s").said == ()


@pytest.mark.parametrize(
    "address",
    [
        "no-reply@example.com",
        "noreply@example.com",
        "noemail@noemail.com",
        "NONE@none.com",
        "test@example.com",
        "x@test.ca",
    ],
)
def test_an_address_of_nobody_is_said(address: str) -> None:
    """What people type where they know none."""
    cell = clean_email(address, "s")
    assert (cell.text, [fault.code for fault in cell.said]) == (address, ["email-nobody"])


@pytest.mark.parametrize("address", ["nathan@example.com", "testa@example.com", "nonegal@example.com", "j@testing.ca"])
def test_an_address_that_only_begins_so_is_somebodys(address: str) -> None:
    """No false alarm."""
    assert clean_email(address, "s").said == ()


@pytest.mark.parametrize(
    "domain", ["ymail.com", "live.com", "mail.com", "gmx.com", "bell.net", "shaw.ca", "hotmail.co.uk"]
)
def test_other_providers_are_no_misspellings(domain: str) -> None:
    """A real provider with a similar name is left alone."""
    assert clean_email(f"jane@{domain}", "s").said == ()


local = st.text("abcXYZ019._+-", min_size=1, max_size=70)
label = st.text("abcXYZ019-", min_size=1, max_size=65)


@given(local, st.lists(label, min_size=1, max_size=3), st.sampled_from(["ca", "com", "org", "info", "uk"]))
def test_the_short_way_accepts_only_what_the_library_accepts(name: str, labels: list[str], ending: str) -> None:
    """An address that is accepted without the library is one that the library accepts and would not change."""
    address = f"{name}@{'.'.join(labels)}.{ending}"
    if SURE.fullmatch(address) and address.index("@") <= 64:
        valid = validate_email(address, check_deliverability=False)
        assert valid.normalized.lower() == address.lower()


@given(st.text(max_size=30), st.text("abc.@<>;, ", max_size=20))
def test_cleaning_twice_changes_nothing(name: str, rest: str) -> None:
    """An address that was taken is an address."""
    read = clean_email(f"{name}@{rest}", "s").text
    if read:
        assert clean_email(read, "s").text == read
