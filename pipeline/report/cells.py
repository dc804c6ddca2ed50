"""One cell of a sheet as the workbook's XML: what a text of the user's becomes, exactly.

The rules (interface: "The output workbook"): text stays text and can never become a formula; a number keeps its
decimal digits, which are written as they stand and never pass through binary floating point; what Excel can't hold is
cut or escaped where one can see it, so that the file is never corrupt.

XlsxWriter's own cell writer asks for the type of every value and formats every number by `%.16G`; writing the XML here
takes a quarter of its time and keeps amounts exact. ECMA-376 part 1, 18.3.1.4 (`c`) and 22.9.2.19 (`ST_Xstring`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from pipeline.domain.model import MAX_TEXT, kind_of, look_of, units_of

MAX_DIGITS: Final = 15
"""A number with more significant digits loses some in Excel; it is written as text."""
ERROR_VALUES: Final = frozenset(
    {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"},
)

_CUT_MARK: Final = " … [✂ {length}]"
# A cell whose text begins like a formula, also behind blanks, which a spreadsheet drops when the cell is edited; the
# full-width signs are formulas in East Asian versions of Excel.
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_SPECIAL: Final = re.compile(
    r"\A[\s=+\-@\uff1d\uff0b\uff0d\uff20]|\s\Z|[&<>\x00-\x1f\ufffe\uffff\ud800-\udfff]|_x[0-9A-Fa-f]{4}_"
)
_ESCAPE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_LARGEST: Final = 9.9e307

# Excel counts days from here. Before March 1900 it has a leap day that never was: those dates stay text.
_DAY_ZERO: Final = datetime(1899, 12, 30)  # noqa: DTZ001  a spreadsheet's dates have no zone
_FIRST_DAY: Final = datetime(1900, 3, 1)  # noqa: DTZ001


@dataclass(frozen=True, slots=True)
class CellStyle:
    """The style numbers of one column, by what a cell holds; `others` for cells with formats of their own."""

    text: int
    quoted: int
    number: int
    day: int
    moment: int
    clock: int
    other: int
    others: tuple[CellStyle, ...] = ()


def user_cell(ref: str, text: str, kind: str, look: CellStyle) -> str:
    """A cell of the user's as it stood in the sheet: `kind` is a letter of `SheetRow.kinds`.

    An error value stays an error value: as text, `#N/A` given back to `run` would be somebody's name.
    """
    if not text:
        return f'<c r="{ref}" s="{look.text}"/>'
    if not kind.isascii():
        place = look_of(kind) - 1
        kind, look = kind_of(kind), look.others[place] if place < len(look.others) else look
    if kind == "s":
        return text_cell(ref, text, look.text, look.quoted)
    if kind == "n" and _fits(text):
        return f'<c r="{ref}" s="{look.number}"><v>{text}</v></c>'
    if kind == "d" and (serial := _serial(text)):
        style = (look.clock, look.day, look.moment)[serial.precision]
        return f'<c r="{ref}" s="{style}"><v>{serial.days}</v></c>'
    if kind == "b" and text in {"TRUE", "FALSE"}:
        return f'<c r="{ref}" s="{look.other}" t="b"><v>{int(text == "TRUE")}</v></c>'
    if kind == "e" and text in ERROR_VALUES:
        return f'<c r="{ref}" s="{look.other}" t="e"><v>{text}</v></c>'
    return text_cell(ref, text, look.text, look.quoted)


def text_cell(ref: str, text: str, style: int, quoted: int) -> str:
    """A text; `quoted` is the style with quotePrefix, for one that would be a formula if somebody edited the cell."""
    if len(text) <= MAX_TEXT // 2 and not _SPECIAL.search(text):
        return f'<c r="{ref}" s="{style}" t="inlineStr"><is><t>{text}</t></is></c>'
    if _FORMULA.match(text):
        style = quoted
    return f'<c r="{ref}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{_markup(stored(text))}</t></is></c>'


def amount_cell(ref: str, amount: Decimal, style: int) -> str:
    """Dollars with two decimals, by their decimal text."""
    return f'<c r="{ref}" s="{style}"><v>{amount:.2f}</v></c>'


def count_cell(ref: str, number: int, style: int) -> str:
    """A whole number."""
    return f'<c r="{ref}" s="{style}"><v>{number}</v></c>'


def moment_cell(ref: str, at: datetime, style: int) -> str:
    """A moment as a date that a spreadsheet can sort and filter, in local time."""
    return f'<c r="{ref}" s="{style}"><v>{serial_of(at)!r}</v></c>'


def serial_of(at: datetime) -> float:
    """Excel's number for a moment in local time, to the second."""
    return (at.astimezone().replace(tzinfo=None, microsecond=0) - _DAY_ZERO) / timedelta(days=1)


def stored(text: str) -> str:
    """`text` as a cell keeps it: cut to what a cell holds, and what XML can't hold as `_xHHHH_`.

    Spreadsheets read `_xHHHH_` back as the character itself. Half a surrogate pair is no character at all: it becomes
    U+FFFD, which one can see.
    """
    return _ESCAPE.sub(_hex, cut(text))


def cut(text: str) -> str:
    """`text`, or as much of it as a cell holds, with a mark and its true length."""
    if len(text) <= MAX_TEXT // 2 or units_of(text) <= MAX_TEXT:
        return text
    mark = _CUT_MARK.format(length=len(text))
    room = (MAX_TEXT - len(mark)) * 2
    # An escape counts as one character for Excel; other readers count its seven, and hold more than Excel does.
    kept = text.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore")
    return kept + mark


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _hex(match: re.Match[str]) -> str:
    character = match.group()
    return "\ufffd" if "\ud800" <= character <= "\udfff" else f"_x{ord(character):04X}_"


def _fits(text: str) -> bool:
    """Whether Excel holds this number without losing a digit.

    A fraction may have the 16 or 17 digits that name a double (`0.30000000000000004`), since a cell held just that.
    """
    if not _NUMBER.fullmatch(text) or abs(float(text)) > _LARGEST:
        return False
    if len(text) <= MAX_DIGITS:
        return not (text[0] == "0" and text.isdigit() and text != "0")
    digits = re.split("[eE]", text)[0].lstrip("-").replace(".", "").strip("0")
    return len(digits) <= MAX_DIGITS or ("." in text and repr(float(text)) == text)


@dataclass(frozen=True, slots=True)
class _Serial:
    days: str
    precision: int  # 0 a time of day, 1 a day, 2 both


@lru_cache(maxsize=4096)
def _serial(text: str) -> _Serial | None:
    """Excel's number for an ISO 8601 date or time; None when Excel has none for it."""
    try:
        if "T" not in text and " " not in text and ":" in text:
            clock = time.fromisoformat(text)
            seconds = timedelta(
                hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond
            )
            return None if clock.tzinfo else _Serial(repr(seconds / timedelta(days=1)), 0)
        if len(text) == len("2026-11-24"):
            day = date.fromisoformat(text)
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001  no zone, see above
            precision = 1
        else:
            moment = datetime.fromisoformat(text)
            precision = 2
    except ValueError:
        return None
    if moment.tzinfo or moment < _FIRST_DAY:
        return None
    since = moment - _DAY_ZERO
    days = str(since.days) if moment.time() == time() else repr(since / timedelta(days=1))
    return _Serial(days, precision)
