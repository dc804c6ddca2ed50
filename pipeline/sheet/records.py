"""The rows that calamine gives as records of texts, put right where calamine shows less than the workbook has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

from python_calamine import CalamineSheet

from pipeline.model import with_look
from pipeline.sheet.grid import Record, about_long_texts
from pipeline.sheet.looks import ColumnLook

_Conversions: TypeAlias = tuple[tuple[int, Callable[[Any], str]], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a sheet's rows beside what calamine gives.

    `patches` are cells with another kind and text: row -> column -> both. `looks` are those of the columns. `has_long`
    says that some text may not fit into a cell of the results. `beyond` gives the values of a row that calamine can't
    give, since a length of time in it is beyond all bounds.
    """

    patches: Mapping[int, Mapping[int, tuple[str, str]]]
    looks: Mapping[int, ColumnLook]
    has_long: bool
    beyond: Callable[[int], list[Any]]


def records(sheet: CalamineSheet, beside: Beside) -> Iterator[Record]:
    """The rows that hold something, from the top."""
    kinds_of: dict[tuple[type, ...], tuple[str, _Conversions]] = {}
    record = partial(tuple.__new__, Record)  # half the time of calling it
    patches = beside.patches
    unlike = tuple((column, look.by_row) for column, look in beside.looks.items() if look.others)
    has_long = beside.has_long
    number = 0
    for number, values in enumerate(_values(sheet, beside.beyond), 1):
        types = tuple(map(type, values))
        known = kinds_of.get(types)
        if known is None:
            known = kinds_of[types] = _kinds(types)
        kinds, convert = known
        cells: list[Any] = values
        for at, text in convert:
            cells[at] = text(cells[at])
        if unlike:
            kinds = _with_looks(number, kinds, unlike)
        if number in patches:
            yield _patched(number, cells, kinds, patches[number])
        elif any(cells):
            yield record((number, cells, kinds, about_long_texts(cells) if has_long else ()))
    for below in sorted(row for row in patches if row > number):
        yield _patched(below, [], "", patches[below])


def _values(sheet: CalamineSheet, beyond: Callable[[int], list[Any]]) -> Iterator[list[Any]]:
    rows = sheet.iter_rows()
    number = 0
    while True:
        number += 1
        try:
            yield next(rows)
        except StopIteration:
            return
        except OverflowError:
            yield beyond(number)


def _with_looks(number: int, kinds: str, unlike: tuple[tuple[int, bytes], ...]) -> str:
    """The letters of a row, with the look of each number that looks unlike its column."""
    for column, by_row in unlike:
        if number < len(by_row) and by_row[number] and column < len(kinds) and kinds[column] in "nd":
            letter_of_look = with_look(kinds[column], by_row[number])
            kinds = f"{kinds[:column]}{letter_of_look}{kinds[column + 1 :]}"
    return kinds


def _patched(number: int, cells: list[str], kinds: str, patch: Mapping[int, tuple[str, str]]) -> Record:
    """A row with the cells that calamine left empty."""
    short = max(patch) + 1 - len(cells)
    cells, letters = cells + [""] * short, [*kinds, *"s" * short]
    for column, (kind, text) in patch.items():
        cells[column], letters[column] = text, kind
    return Record(number, cells, "".join(letters), about_long_texts(cells))


def _kinds(types: tuple[type, ...]) -> tuple[str, _Conversions]:
    """The letters for a row of these types, and which of its cells become text by which function."""
    conversions = tuple((at, _TEXT[one]) for at, one in enumerate(types) if one is not str)
    return "".join(_KIND[one] for one in types), conversions


def number_text(value: float) -> str:
    """The exact shortest decimal text of a number: no exponent, no `.0`."""
    text = repr(value)
    if text[-2:] == ".0":
        return text[:-2]
    return format(Decimal(text), "f") if "e" in text else text


def _datetime_text(value: datetime) -> str:
    return value.isoformat()


def _timedelta_text(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


_KIND: Final[dict[type, str]] = {
    str: "s",
    float: "n",
    int: "n",
    bool: "b",
    date: "d",
    datetime: "d",
    time: "d",
    timedelta: "d",
}
_TEXT: Final[dict[type, Callable[[Any], str]]] = {
    float: number_text,
    int: str,
    bool: lambda value: "TRUE" if value else "FALSE",
    date: date.isoformat,
    datetime: _datetime_text,
    time: time.isoformat,
    timedelta: _timedelta_text,
}
