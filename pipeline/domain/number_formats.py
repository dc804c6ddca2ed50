"""What a number format says about a cell: a percentage, a date, digits that the number does not have, or has."""

from __future__ import annotations

import operator
import re
from decimal import Decimal
from typing import Final

from schemas import money

_TOKEN: Final = re.compile(r'"([^"]*)"|\\(.)|([_*])(.)|(.)', re.DOTALL)
_SAID_BY_THEMSELVES: Final = frozenset("-+/ ():")
_DATE_SIGNS: Final = re.compile(r"[dmyhsDMYHS]")
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_DURATION: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|[_*].')
_SECTIONS: Final = re.compile(r'((?:"[^"]*"?|\\.|[_*].|\[[^\]]*\]|[^;"])*);')
_CONDITION: Final = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?[0-9]+(?:\.[0-9]+)?)\]")
_COMPARISONS: Final = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
_PART: Final = re.compile(
    r'"([^"]*)"?|\\(.)|\[\$([^\]-]*)[^\]]*\]|([_*].|\[[^\]]*\])|(General|[0#?@](?:[0#?.,/]*[0#?])?[.,]*(?:E[+-]0+)?)|(.)',
    re.DOTALL | re.IGNORECASE,
)
"""A quoted text, an escaped character, a currency with its country, what shows nothing, digits, any other character."""
_WHOLE: Final = re.compile(r"[0-9]+")
_SCALED: Final = re.compile(r",(?:\.|$)")
_GROUPING: Final = " \u00a0\u202f'\u2019"


def is_percent(number_format: str) -> bool:
    """Whether a number format shows a hundred times the value (`0.0%`, not `0.00 "% of it"`)."""
    return "%" in number_format and any(token[5] == "%" for token in _TOKEN.finditer(number_format))


def with_texts(text: str, number_format: str, value: Decimal) -> str:
    """What a cell shows that holds the number `value`, which is written as `text`.

    The result is the number with the texts and signs that its format puts before and after it (`#,##0.00 [$kr-41D]`:
    `5 kr`), or these instead of it; its decimals and grouping stay as they are. The format is that of the section for
    the number's size. What only takes the width of a character (`_€`) or fills a column (`*€`) shows nothing. Source:
    ECMA-376, 18.8.31.
    """
    section, is_own = _section(number_format, value)
    return _filled(text.removeprefix("-") if is_own else text, section)


def forms(number_format: str) -> list[str]:
    """What the number 1 would look like in each section of a format."""
    return [_filled("1", section) for section in _SECTIONS.findall(number_format + ";")[:3]]


def shows_another(number_format: str, value: Decimal) -> bool:
    """Whether a cell shows another figure than the number above zero that it holds, or none.

    Thousandths of it (`0.00,`), signs among its digits (a point in quotation marks, which shows 1250 as 12.50), digits
    or a minus around them (`(0.00)`).
    """
    return bool(number_format) and _is_another(_section(number_format, value)[0])


def may_show_another(number_format: str) -> bool:
    """Whether some number above zero is shown as another one."""
    if not number_format:
        return False
    sections = _SECTIONS.findall(number_format + ";")[:3]
    if not any(_CONDITION.search(_QUOTED.sub("", section)) for section in sections):
        sections = sections[:1]
    return any(map(_is_another, sections))


def decimals_shown(number_format: str, value: Decimal) -> int | None:
    """To how many decimals a cell rounds the number that it holds; None where its format leaves that to the number
    (`General`, text) or shows it in another way (fractions, powers of ten).
    """
    runs = [part[4] for part in _PART.findall(_section(number_format, value)[0]) if part[4]] if number_format else []
    digits = "".join(runs)
    if not digits or any(sign in digits for sign in "GgEe/@"):
        return None
    return sum(sign in "0#?" for sign in digits.partition(".")[2])


def _is_another(section: str) -> bool:
    parts = _PART.findall(section)
    runs = [place for place, part in enumerate(parts) if part[4]]
    if any(_SCALED.search(parts[place][4]) for place in runs):
        return True
    among = (part for part in parts[runs[0] : runs[-1]] if not part[3] and not part[4]) if runs else ()
    if any((part[0] or part[1] or part[2] or part[5]).strip(_GROUPING) for part in among):
        return True
    return money.parse(_filled("1", section)) != 1


def _filled(text: str, section: str) -> str:
    before, after, has_digits = _around(section)
    return f"{before}{text}{after}".strip() if has_digits else before.strip()


def _section(number_format: str, value: Decimal) -> tuple[str, bool]:
    """The section of a format that is for this number, and whether it is for numbers below zero only, which then have
    no sign but what the section puts there.
    """
    sections = _SECTIONS.findall(number_format + ";")[:3]
    conditions = [_CONDITION.search(_QUOTED.sub("", section)) for section in sections]
    if any(conditions):
        for section, condition in zip(sections, conditions, strict=True):
            if condition and _COMPARISONS[condition[1]](value, Decimal(condition[2])):
                return section, False
        return next(
            (section for section, one in zip(sections, conditions, strict=True) if not one), sections[-1]
        ), False
    if value < 0 and len(sections) > 1:
        return sections[1], True
    return (sections[2] if not value and len(sections) > 2 else sections[0]), False  # noqa: PLR2004 - the third is for zero


def _around(section: str) -> tuple[str, str, bool]:
    """The texts before and behind the digits of a section, and whether it has digits at all."""
    texts: list[str] = [""]
    has_digits = False
    for quoted, escaped, symbol, hidden, digits, char in _PART.findall(section):
        if digits:
            texts = texts if not has_digits else texts[:1]
            has_digits = True
            texts.append("")
        elif not hidden:
            texts[-1] += quoted or escaped or symbol or char
    return texts[0], texts[-1], has_digits


def is_date_format(number_format: str) -> bool:
    """Whether a number format shows dates or times (`yyyy-mm-dd`, not `#,##0.00 "days"`)."""
    return bool(_DATE_SIGNS.search(_LITERAL.sub("", number_format)))


def is_duration(number_format: str) -> bool:
    """Whether a number format shows a length of time (`[h]:mm`), which may be longer than a day."""
    return bool(_DURATION.search(number_format))


def digits_shown(text: str, number_format: str) -> str | None:
    """What a cell shows that holds the whole number `text` in a format of fixed digits (`00000`, `"INV-"000`).

    None for every other format (`#,##0`, `0.00`, dates): those show the number, not an identifier made of it.
    """
    positive, _, _ = number_format.partition(";")
    if not _WHOLE.fullmatch(text) or not text.strip("0"):
        return None
    parts: list[str | None] = []
    for quoted, escaped, filler, _, char in (token.groups() for token in _TOKEN.finditer(positive)):
        if char == "0":
            parts.append(None)
        elif filler:
            parts.append("")
        elif char and char not in _SAID_BY_THEMSELVES:
            return None
        else:
            parts.append(quoted or escaped or char or "")
    places = parts.count(None)
    if not places:
        return None
    digits = list(text.zfill(places))
    first = parts.index(None)
    shown = [part if part is not None else digits.pop() for part in reversed(parts)]
    shown.reverse()
    shown[first] = "".join(digits) + shown[first]
    return "".join(shown).strip()
