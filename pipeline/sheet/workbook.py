"""Workbooks, read by calamine; what it does not show comes from the workbook's own XML (`parts`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

from pipeline.model import InputFailure
from pipeline.sheet.formats import Format
from pipeline.sheet.grid import Book, Grid, Record


def open_workbook(path: Path, form: Format) -> Book:
    """A workbook; its sheets are read when they are asked for. Raises InputFailure when it is locked or damaged."""
    try:
        book = CalamineWorkbook.from_path(str(path))
    except PasswordError:
        raise InputFailure("sheet.locked", path=str(path)) from None
    except CalamineError:
        raise InputFailure("sheet.damaged", path=str(path)) from None
    hidden = (sheet.name for sheet in book.sheets_metadata if sheet.visible is not SheetVisibleEnum.Visible)
    return Book(tuple(book.sheet_names), cache(lambda name: _grid(book, name)), frozenset(hidden))


def _grid(book: CalamineWorkbook, name: str) -> Grid:
    sheet = book.get_sheet_by_name(name)
    return Grid(name, lambda: _records(sheet), width=max(1, sheet.total_width))


def _records(sheet: CalamineSheet) -> Iterator[Record]:
    kinds_of: dict[tuple[type, ...], tuple[str, tuple[int, ...]]] = {}
    for number, values in enumerate(sheet.iter_rows(), 1):
        types = tuple(map(type, values))
        known = kinds_of.get(types)
        if known is None:
            known = kinds_of[types] = _kinds(types)
        kinds, convert = known
        cells: list[Any] = values
        for at in convert:
            cells[at] = _TEXT[types[at]](cells[at])
        if any(cells):
            yield Record(number, cells, kinds)


def _kinds(types: tuple[type, ...]) -> tuple[str, tuple[int, ...]]:
    return "".join(_KIND[one] for one in types), tuple(at for at, one in enumerate(types) if one is not str)


def number_text(value: float) -> str:
    """The exact shortest decimal text of a number: no exponent, no `.0`."""
    text = repr(value)
    if text.endswith(".0"):
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
    str: "s", float: "n", int: "n", bool: "b", date: "d", datetime: "d", time: "d", timedelta: "d"
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
