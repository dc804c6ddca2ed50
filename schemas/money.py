"""Money: reading the amounts that people type, cents for the journal, and the figures that people read.

Decimal only. Nothing here may touch a binary float, guess between two readings, or round what a person typed: the one
rounding is `without_noise`, for the noise that a spreadsheet's own arithmetic leaves behind (issue "Sheets as finance
teams really have them", point 5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final, overload

from babel.numbers import format_currency, format_decimal

from schemas.fields import AMOUNT_DECIMALS

if TYPE_CHECKING:
    from schemas.languages import Lang

CENT: Final = Decimal(1).scaleb(-AMOUNT_DECIMALS)
NOISE: Final = CENT.scaleb(-6)
"""A millionth of a cent: what a formula's binary arithmetic leaves, and no person types."""

LONGEST: Final = 1_000
"""Characters of a text that can be an amount: with more, any work that grows with its square is too much."""

# A cell can hold more digits than the default precision keeps. The wide one costs memory: only what needs it gets it.
_WIDE: Final = Context(prec=100_000)
_LARGE: Final = 20


class Convention(StrEnum):
    """Which mark comes before the decimals in a column: `1,234.50` is POINT, `1 234,50` is COMMA."""

    POINT = "point"
    COMMA = "comma"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a text is not an amount; each is the code of its fault."""

    UNREADABLE = "amount-unreadable"
    SEVERAL = "amount-several"
    AMBIGUOUS = "amount-ambiguous"
    FOREIGN = "amount-foreign"


_DECIMAL_MARK: Final = {Convention.POINT: ".", Convention.COMMA: ","}
_CONVENTION: Final = {".": Convention.POINT, ",": Convention.COMMA}

# Three decimals alone could be thousands; any other number of them could not.
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.(?:[0-9]{1,2}|[0-9]{4,}))?")
_SPACES: Final = re.compile(r"[\s\u00a0\u2000-\u200b\u202f\u2060\u3000\ufeff]+")
_PARTED: Final = re.compile(r"[0-9.,](?:\s{2,}|[^\S \u00a0\u2000-\u200b\u202f\u205f\u3000])[0-9]")
"""Digits on two lines, or further apart than groups of thousands: two numbers."""
_MARK: Final = (
    r"(?:(?:cad|cdn|ca|c)?\s?\$\s?(?:cad|cdn|ca)?"
    r"|cad|cdn|canadian dollars?|dollars? canadiens?|dollars?)"
)
_SIGN: Final = r"[+\-\u2212\u2010-\u2013]"
_AMOUNT: Final = re.compile(
    rf"(?P<before>{_SIGN}?\s?(?:{_MARK})?\s?\(?\s?(?:{_MARK})?\s?{_SIGN}?)\s?"
    r"(?P<digits>[0-9](?:[0-9.,'\u2019 ]*[0-9.,])?|[.,][0-9]+)"
    rf"(?P<after>\s?{_SIGN}?\s?(?:{_MARK})?\s?\)?\s?(?:{_MARK})?\s?{_SIGN}?)",
    re.IGNORECASE,
)
_SIGNS: Final = re.compile(rf"{_SIGN}")
# Three letters next to digits name a currency only if a Canadian sheet could have that currency.
_FOREIGN: Final = re.compile(
    r"(?<![a-z])(?:us\s?\$|usd|eur|euros?|gbp|aud|nzd|chf|jpy|cny|inr|mxn|hkd|brl|rub|pln|sek|nok|dkk|kr|zł|fr)(?![a-z])"
    r"|us\s?\$|\$\s?us|(?<![a-z])(?!(?:ca?|cad|cdn)\s?\$)[a-z]{1,3}\s?\$|[£¤¥\u20a0-\u20cf₽₹]",
    re.IGNORECASE,
)
_WHOLE: Final = re.compile(r"[0-9]+")
_GROUPED: Final = {mark: re.compile(rf"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+") for mark in (r"\.", ",", " ", "['\u2019]")}
_GROUPS_OF: Final = {".": (r"\.",), ",": (",",), "": (" ", "['\u2019]")}


@dataclass(frozen=True, slots=True)
class _Figure:
    """How the digits of an amount read: the plain text, and which mark must be the decimal one for it to read so.

    `mark` is `.` or `,` when the form itself shows which one comes before the decimals, else empty. `ambiguous` means
    that the form does not show the mark (`1,234`).
    """

    text: str
    mark: str = ""
    ambiguous: bool = False


def parse(text: str, convention: Convention = Convention.UNKNOWN) -> Decimal | Reason:
    """The amount that `text` says, in dollars and unrounded, or why it can't be read.

    `convention` decides `1,234` and `1.234`, which are ambiguous alone; without one they are refused, not guessed.
    Negative forms (`-1`, `1-`, `(1)`) are read: that an amount must be positive is for the schema to say.
    """
    if len(text) > LONGEST:
        return Reason.UNREADABLE
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if are_several(text):
        return Reason.SEVERAL
    signed = _signed_digits(text)
    if isinstance(signed, Reason):
        return signed
    negative, digits = signed
    figure = _figure(digits, convention)
    if figure is None:
        return Reason.UNREADABLE
    if figure.ambiguous:
        return Reason.AMBIGUOUS
    value = Decimal(figure.text)
    return value.copy_negate() if negative else value


def convention_of(text: str) -> Convention | None:
    """The convention that the form of `text` proves by itself; None when it proves none (`1,234`, `250`, `abc`)."""
    if len(text) > LONGEST:
        return None
    if _PLAIN.fullmatch(text):
        return Convention.POINT if "." in text else None
    signed = _signed_digits(text)
    if isinstance(signed, Reason):
        return None
    figure = _figure(signed[1], Convention.UNKNOWN)
    return _CONVENTION.get(figure.mark) if figure else None


def are_several(text: str) -> bool:
    """Whether a cell holds several numbers, one below the other or far apart: 100 above 200 is not 100 200."""
    return _PARTED.search(text.strip()) is not None


def is_ambiguous(text: str) -> bool:
    """Whether only the column's convention can say how `text` reads."""
    return parse(text) is Reason.AMBIGUOUS


def without_noise(amount: Decimal) -> Decimal | None:
    """`amount` at two decimals when it is within a millionth of a cent of that, else None."""
    rounded = to_the_cent(amount)
    if rounded == amount:
        return rounded
    return rounded if abs(amount - rounded) <= NOISE else None


def to_the_cent(amount: Decimal) -> Decimal:
    """`amount` rounded half up to two decimals: for the figures of rows that are not sent, never for a payment."""
    return amount.quantize(CENT, ROUND_HALF_UP, _WIDE if amount.adjusted() > _LARGE else None)


@overload
def to_cents(amount: Decimal) -> int: ...
@overload
def to_cents(amount: Decimal | None) -> int | None: ...
def to_cents(amount: Decimal | None) -> int | None:
    """Dollars to whole cents, None to None. Raises ValueError for an amount with more than two decimals."""
    if amount is None:
        return None
    cents = amount.scaleb(AMOUNT_DECIMALS)
    whole = int(cents)
    if whole != cents:
        raise ValueError("an amount has at most two decimals")
    return whole


@overload
def from_cents(cents: int) -> Decimal: ...
@overload
def from_cents(cents: int | None) -> Decimal | None: ...
def from_cents(cents: int | None) -> Decimal | None:
    """Whole cents to dollars, always with two decimals; None to None."""
    return None if cents is None else Decimal(cents).scaleb(-AMOUNT_DECIMALS)


def format_amount(amount: Decimal, lang: Lang) -> str:
    """An amount as people write it: `$1,234.50` in English, `1 234,50 $` in French (with no-break spaces)."""
    return format_currency(amount, "CAD", locale=f"{lang}_CA")


def format_number(number: Decimal | float, lang: Lang, decimals: int = 0) -> str:
    """A number as people read it: `1,862.5` in English, `1 862,5` in French (with no-break spaces)."""
    return format_decimal(number, format=f"#,##0.{'0' * decimals}".rstrip("."), locale=f"{lang}_CA")


def _signed_digits(text: str) -> tuple[bool, str] | Reason:
    """Whether the amount is negative, and its digits without currency marks, signs and brackets."""
    flat = _SPACES.sub(" ", text).strip()
    match = _AMOUNT.fullmatch(flat)
    if match is None:
        return Reason.FOREIGN if _FOREIGN.search(flat) and _WHOLE.search(flat) else Reason.UNREADABLE
    around = match["before"] + match["after"]
    signs = _SIGNS.findall(around)
    bracketed = "(" in around
    if bracketed != (")" in around) or len(signs) + bracketed > 1:
        return Reason.UNREADABLE
    return bracketed or bool(signs and signs[0] != "+"), match["digits"].strip()


def _figure(digits: str, convention: Convention) -> _Figure | None:
    """The reading of `digits`, which holds nothing but digits, `.`, `,`, spaces and apostrophes; None when there is
    none.
    """
    marks = [mark for mark in digits if mark in ".,"]
    if not marks:
        whole = _whole(digits, "")
        return _Figure(whole) if whole else None
    decimal_mark, grouping = marks[-1], marks[0]
    if len(marks) > 1 and decimal_mark == grouping:  # 1,234,567: a mark that comes twice can only group
        whole = _whole(digits, grouping) if len(set(marks)) == 1 else None
        return _Figure(whole, ".,".replace(grouping, "")) if whole else None
    left, _, right = digits.rpartition(decimal_mark)
    if len(marks) == 1 and _could_group(left, right):
        return _by_convention(left, right, decimal_mark, convention)
    if decimal_mark in left:
        return None
    whole = _whole(left, grouping if len(marks) > 1 else "") if left else "0"
    if whole is None or not (right == "" or _WHOLE.fullmatch(right)):
        return None
    return _Figure(f"{whole}.{right or '0'}", decimal_mark)


def _could_group(left: str, right: str) -> bool:
    """Whether `left` and `right` around one mark could be thousands: `1,234` could, `0,125` and `12,50` could not."""
    return len(right) == 3 and right.isdecimal() and len(left) <= 3 and left.isdecimal() and left[0] != "0"  # noqa: PLR2004 - the size of a group of thousands


def _by_convention(left: str, right: str, mark: str, convention: Convention) -> _Figure:
    if convention is Convention.UNKNOWN:
        return _Figure("", ambiguous=True)
    return _Figure(f"{left}.{right}" if _DECIMAL_MARK[convention] == mark else f"{left}{right}")


def _whole(digits: str, grouping: str) -> str | None:
    """`digits` without its grouping marks, or None unless they are before every third digit."""
    if _WHOLE.fullmatch(digits):
        return digits
    if any(_GROUPED[form].fullmatch(digits) for form in _GROUPS_OF[grouping]):
        return re.sub("[^0-9]", "", digits)
    return None
