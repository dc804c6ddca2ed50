"""What a number format says about a cell: a percentage, or digits that the number itself does not have."""

from decimal import Decimal

import pytest

from pipeline.domain.number_formats import (
    decimals_shown,
    digits_shown,
    forms,
    is_percent,
    may_show_another,
    shows_another,
    with_texts,
)


@pytest.mark.parametrize(
    ("number_format", "percent"),
    [
        ("0%", True),
        ("0.00%;[Red]-0.00%", True),
        ("# ##0,0\\ %", True),
        ('0.00 "% of it"', False),
        ("0\\%", False),
        ("#,##0.00", False),
        ("", False),
    ],
)
def test_a_percentage_is_told_by_its_sign_outside_of_texts(number_format: str, percent: bool) -> None:
    """A sign in quotation marks or behind a backslash is only shown."""
    assert is_percent(number_format) is percent


@pytest.mark.parametrize(
    ("text", "number_format", "shown"),
    [
        ("123", "00000", "00123"),
        ("1234567", "00000", "1234567"),
        ("12", '"INV-"00000', "INV-00012"),
        ("12345", "000-000", "012-345"),
        ("1234567", "000-000", "1234-567"),
        ("7", "000;-000", "007"),
        ("7", "_(000_)", "007"),
        ("7", "\\A000", "A007"),
        ("123", "0", "123"),
        ("123", "", None),
        ("123", "#,##0", None),
        ("123", "0.00", None),
        ("123", "0%", None),
        ("123", "yyyy-mm-dd", None),
        ("123", "[Red]000", None),
        ("123", "@", None),
        ("1.5", "00000", None),
        ("-1", "00000", None),
        ("0", "00000", None),
    ],
)
def test_a_format_of_fixed_digits_shows_an_identifier(text: str, number_format: str, shown: str | None) -> None:
    """Every other format shows a number."""
    assert digits_shown(text, number_format) == shown


@pytest.mark.parametrize(
    ("text", "number_format", "shown"),
    [
        ("5", "#,##0.00", "5"),
        ("5", "[$€-407] #,##0.00", "€ 5"),
        ("5", "[$A$] #,##0.00", "A$ 5"),
        ("5", "[$-409]#,##0.00", "5"),
        ("5", "#,##0.00 kr", "5 kr"),
        ("5", "\\U\\S\\$#,##0.00", "US$5"),
        ("5", "#,##0.00\\ _€", "5"),
        ("5", "*€0.00", "5"),
        ("5", '0.00" ; "', "5 ;"),
        ("5", '0.0,,"M"', "5M"),
        ("5", 'General" kr"', "5 kr"),
        ("5", "0.00E+00", "5"),
        ("5", '"paid";"back"', "paid"),
        ("-5", '"paid";"back"', "back"),
        ("5", ";;;", ""),
        ("-5", '0.00;[Red](0.00 "€")', "(5 €)"),
        ("-5", '0.00 "€"', "-5 €"),
        ("0", '0.00;-0.00;"nil"', "nil"),
        ("99", '[>=100]0.00 "€";0.00', "99"),
        ("100", '[>=100]0.00 "€";0.00', "100 €"),
        ("-1", "[Red][<0]0.00;0.00 €", "-1"),
        ("7", '[=1]0" a";[=2]0" b";0" c"', "7 c"),
        ("2", '[=1]0" a";[=2]0" b";0" c"', "2 b"),
        ("5", '[$"]0.00', '"5'),
        ("5", '0.00 "never closed', "5 never closed"),
    ],
)
def test_a_number_has_the_texts_of_the_section_for_it(text: str, number_format: str, shown: str) -> None:
    """Quoted, escaped, in brackets, bare; by sign, by condition; a width and a filling are nothing."""
    assert with_texts(text, number_format, Decimal(text)) == shown


def test_every_section_has_a_form() -> None:
    """Those of numbers; the fourth is for texts."""
    assert forms('0;(0 "€");"-";@" text"') == ["1", "(1 €)", "-"]


@pytest.mark.parametrize(
    ("number_format", "another"),
    [
        ("", False),
        ("General", False),
        ("#,##0.00", False),
        ("# ##0.00\\ $", False),
        ("#\\ ##0.00", False),
        ("#'##0.00", False),
        ("# ??/??", False),
        ("0.00E+00", False),
        ('_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)', False),
        ('_-"CA$"* #,##0.00_-', False),
        ("0.00;0.00,", False),
        ("+0.00", False),
        ("0.00,", True),
        ("0,.00", True),
        ("#,##0,", True),
        ("0\\.00", True),
        ('0" $ "00', True),
        ('0"00"', True),
        ("(0.00)", True),
        ("-0.00;0.00", True),
        (";;;", True),
        ("[>1000]0.00,;0.00", True),
    ],
)
def test_a_format_that_shows_another_number_is_told(number_format: str, another: bool) -> None:
    """Thousandths, marks among the digits, digits or a minus around them, nothing; no spaces, and no other section."""
    assert shows_another(number_format, Decimal("1205.40")) is another
    assert may_show_another(number_format) is another
    assert not shows_another("[>1000]0.00,;0.00", Decimal(5))


@pytest.mark.parametrize(
    ("number_format", "decimals"),
    [
        ("", None),
        ("General", None),
        ("@", None),
        ("# ?/?", None),
        ("0.00E+00", None),
        (";;;", None),
        ('"-"', None),
        ("0", 0),
        ("#,##0", 0),
        ('_($* #,##0_);_($* (#,##0);_($* "-"_);_(@_)', 0),
        ("0.0", 1),
        ("#,##0.00", 2),
        ("#,##0.## $", 2),
        ("[>1000]0;0.00", 0),
    ],
)
def test_the_decimals_that_a_format_shows(number_format: str, decimals: int | None) -> None:
    """Where the number itself decides, nothing is rounded."""
    assert decimals_shown(number_format, Decimal("1205.40")) == decimals
