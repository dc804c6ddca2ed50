"""What a number format says about a cell: a percentage, a date, digits that the number does not have."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r'"([^"]*)"|\\(.)|([_*])(.)|(.)', re.DOTALL)
_SAID_BY_THEMSELVES: Final = frozenset("-+/ ():")
_DATE_SIGNS: Final = re.compile(r"[dmyhsDMYHS]")
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_DURATION: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BESIDE: Final = re.compile(r'\[\$([^\]-]*)[^\]]*\]|"([^"]*)"|([$€£¥₹])')
_WHOLE: Final = re.compile(r"[0-9]+")


def is_percent(number_format: str) -> bool:
    """Whether a number format shows a hundred times the value (`0.0%`, not `0.00 "% of it"`)."""
    return "%" in number_format and any(token[5] == "%" for token in _TOKEN.finditer(number_format))


def currency_shown(number_format: str) -> str:
    """The texts and currency signs that a number format puts beside a number (`[$€-407] #,##0.00`: €)."""
    positive, _, _ = number_format.partition(";")
    signs = [quoted or bracketed or sign for bracketed, quoted, sign in _BESIDE.findall(positive)]
    return " ".join(filter(None, signs)).strip()


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
