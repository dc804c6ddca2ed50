"""Money is Decimal from cell to JSON, read in every form that people write, and never guessed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import money
from schemas.languages import LANGUAGES, Lang
from schemas.money import (
    Convention,
    Reason,
    convention_of,
    format_amount,
    format_number,
    from_cents,
    is_ambiguous,
    parse,
    to_cents,
    without_noise,
)

NBSP, NARROW, THIN = "\u00a0", "\u202f", "\u2009"

READ = {
    "plain": ("1234.50", "1234.50"),
    "whole": ("250", "250"),
    "english": ("1,234.50", "1234.50"),
    "english, dollar": ("$1,234.50", "1234.50"),
    "english, millions": ("1,234,567.89", "1234567.89"),
    "thousands twice, no decimals": ("1,234,567", "1234567"),
    "french": ("1 234,50 $", "1234.50"),
    "french, no-break": (f"1{NBSP}234,50{NBSP}$", "1234.50"),
    "french, narrow": (f"1{NARROW}234,50{NARROW}$", "1234.50"),
    "french, thin": (f"1{THIN}234,50", "1234.50"),
    "french, whole": ("1 234 $", "1234"),
    "german": ("1.234,50", "1234.50"),
    "swiss": ("1'234.50", "1234.50"),
    "one decimal": ("12,5", "12.5"),
    "leading zero is no thousand": ("0,125", "0.125"),
    "four digits before the mark": ("1234.567", "1234.567"),
    "no digit before the mark": (".50", "0.50"),
    "brackets": ("(12.00)", "-12.00"),
    "brackets and dollar": ("($1,234.50)", "-1234.50"),
    "dollar and brackets": ("$ (12.00)", "-12.00"),
    "minus behind": ("12.5-", "-12.5"),
    "minus before the dollar": ("-$12.50", "-12.50"),
    "real minus sign": ("\u221212,50", "-12.50"),
    "plus": ("+12.50", "12.50"),
    "currency before": ("CAD 12.00", "12.00"),
    "currency behind": ("12,00 CAD", "12.00"),
    "currency glued": ("CA$12.00", "12.00"),
    "dollar and currency": ("$12.00 CAD", "12.00"),
    "words": ("12,00 dollars canadiens", "12.00"),
    "more digits than a Decimal's precision": ("(" + "9" * 40 + ")", "-" + "9" * 40),
}
REFUSED = {
    "words": ("abc", Reason.UNREADABLE),
    "blank": ("", Reason.UNREADABLE),
    "a dash": ("-", Reason.UNREADABLE),
    "groups of two": ("1,23,456.00", Reason.UNREADABLE),
    "a group too short": ("1,234,56", Reason.UNREADABLE),
    "digits apart": ("12 34", Reason.UNREADABLE),
    "two signs": ("--5", Reason.UNREADABLE),
    "a sign and brackets": ("(-5)", Reason.UNREADABLE),
    "half a bracket": ("(5", Reason.UNREADABLE),
    "two decimal marks": ("1.50.50", Reason.UNREADABLE),
    "decimals before thousands": ("1.50,000,5", Reason.UNREADABLE),
    "arabic digits": ("\u0661\u0662", Reason.UNREADABLE),
    "american dollars": ("US$ 5.00", Reason.FOREIGN),
    "american, behind": ("5.00 USD", Reason.FOREIGN),
    "euros": ("5,00 \u20ac", Reason.FOREIGN),
}


@pytest.mark.parametrize(("text", "amount"), READ.values(), ids=READ)
def test_every_usual_form_is_read(text: str, amount: str) -> None:
    """An amount is read in every form that billing systems and people write."""
    assert parse(text) == Decimal(amount)


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_amount_says_why(text: str, reason: Reason) -> None:
    """A text that is no amount in Canadian dollars is refused with its reason."""
    assert parse(text) is reason


@pytest.mark.parametrize(
    ("text", "convention", "expected"),
    [
        ("1,234", Convention.POINT, Decimal(1234)),
        ("1,234", Convention.COMMA, Decimal("1.234")),
        ("1.234", Convention.POINT, Decimal("1.234")),
        ("1.234", Convention.COMMA, Decimal(1234)),
        ("1,234", Convention.UNKNOWN, Reason.AMBIGUOUS),
        ("$1.234", Convention.UNKNOWN, Reason.AMBIGUOUS),
    ],
)
def test_the_convention_decides_what_is_ambiguous(
    text: str, convention: Convention, expected: Decimal | Reason
) -> None:
    """`1,234` and `1.234` are read by the column's convention, and refused without one."""
    assert parse(text, convention) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.50", Convention.POINT),
        ("12.5", Convention.POINT),
        ("1,234,567", Convention.POINT),
        ("1 234,50", Convention.COMMA),
        ("12,50 $", Convention.COMMA),
        ("1.234.567", Convention.COMMA),
        ("1,234", None),
        ("1 234", None),
        ("250", None),
        ("abc", None),
    ],
)
def test_a_form_proves_a_convention_or_none(text: str, expected: Convention | None) -> None:
    """Only a form that can be read in one way proves the column's convention."""
    assert convention_of(text) == expected


cents = st.integers(min_value=-(10**13), max_value=10**13)


def written(amount: Decimal, decimal_mark: str, group: str) -> str:
    return f"{amount:,.2f}".replace(",", "G").replace(".", decimal_mark).replace("G", group)


@given(cents, st.sampled_from([(".", ","), (".", " "), (".", "'"), (",", " "), (",", "."), (",", NBSP), (".", "")]))
def test_every_amount_is_read_back_in_every_convention(number: int, marks: tuple[str, str]) -> None:
    """An amount written with two decimals in any convention is read back equal, as a Decimal."""
    amount = from_cents(number)
    read = parse(written(amount, *marks))
    assert type(read) is Decimal
    assert read == amount


@given(cents, st.sampled_from(["en", "fr"]))
def test_what_people_are_shown_is_read_back(number: int, lang: Lang) -> None:
    """The figure shown in either language can be typed into a sheet again."""
    assert parse(format_amount(from_cents(number), lang)) == from_cents(number)


@given(cents)
def test_cents_and_dollars_are_one_to_one(number: int) -> None:
    """Cents become dollars with two decimals, and the same cents again."""
    amount = from_cents(number)
    assert amount.as_tuple().exponent == -2
    assert to_cents(amount) == number


@given(st.integers(1, 999), st.integers(0, 999), st.sampled_from(",."))
def test_an_ambiguous_amount_is_never_guessed(left: int, right: int, mark: str) -> None:
    """Up to three digits, a mark and three digits are refused unless the column tells."""
    text = f"{left}{mark}{right:03d}"
    assert is_ambiguous(text)
    assert parse(text) is Reason.AMBIGUOUS


@given(st.text(max_size=12))
def test_any_text_gives_a_decimal_or_a_reason(text: str) -> None:
    """No text crosses into floating point or raises."""
    assert type(parse(text)) in (Decimal, Reason)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.30000000000000004", "0.30"),
        ("249.99999999999997", "250.00"),
        ("250", "250.00"),
        ("12.50000001", "12.50"),
        ("12.50000002", None),
        ("9" * 40 + ".005", None),
        ("9" * 40 + ".00", "9" * 40 + ".00"),
        ("12.345", None),
    ],
)
def test_noise_is_rounded_within_a_millionth_of_a_cent(amount: str, expected: str | None) -> None:
    """What a formula's arithmetic leaves is rounded within a millionth of a cent, and nothing else is."""
    assert without_noise(Decimal(amount)) == (Decimal(expected) if expected else None)


def test_parts_of_a_cent_are_no_cents() -> None:
    """An amount with more than two decimals can't become cents."""
    with pytest.raises(ValueError, match="two decimals"):
        to_cents(Decimal("0.001"))


def test_figures_are_shown_in_the_readers_way() -> None:
    """English has comma and point, French a space, a comma and the dollar sign behind."""
    assert format_amount(Decimal("1234.5"), "en") == "$1,234.50"
    assert format_amount(Decimal("1234.5"), "fr") == f"1{NBSP}234,50{NBSP}$"
    assert [format_number(1_234_567, lang) for lang in LANGUAGES] == ["1,234,567", f"1{NBSP}234{NBSP}567"]
    assert [format_number(1234.56, lang, 1) for lang in LANGUAGES] == ["1,234.6", f"1{NBSP}234,6"]


def test_a_text_too_long_for_an_amount_is_not_read() -> None:
    """Digits by the thousand would cost time, and prove no convention."""
    endless = "1" * (money.LONGEST + 1)
    assert (money.parse(endless), money.convention_of(endless)) == (money.Reason.UNREADABLE, None)


def test_no_amount_has_no_cents() -> None:
    """The payor chooses it: the journal keeps nothing, not zero."""
    assert to_cents(None) is None


@pytest.mark.parametrize("text", ["100\n200", "1\n205,40", "1\t205", "1  205", "1\u00a0 205", "1.00\r\n200", "$1\n250"])
def test_two_numbers_in_one_cell_are_no_amount(text: str) -> None:
    """One below the other or far apart, they are not the groups of one number. Around it, white space says nothing."""
    assert money.parse(text) is money.Reason.SEVERAL
    assert money.parse(f"\n{text[:1]}  \n") == 1 or text.startswith("$")


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "\u2009"])
def test_one_space_of_any_width_groups_thousands(space: str) -> None:
    """As people and programs write them."""
    assert money.parse(f"1{space}205,40{space}$") == Decimal("1205.40")
