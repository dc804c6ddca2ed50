"""Workbooks, read by calamine; what it does not show comes from the workbook's own XML (`parts`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from pipeline.model import InputFailure, with_look
from pipeline.sheet.archive import Archive
from pipeline.sheet.facts import Facts
from pipeline.sheet.formats import Format
from pipeline.sheet.grid import Book, Grid, Record
from pipeline.sheet.headings import letter
from pipeline.sheet.looks import ColumnLook
from pipeline.sheet.sources import FactsSource, facts_source
from pipeline.sheet.trial import can_be_read
from schemas.faults import Fault

_READ_AT_ONCE: Final = re.compile(
    r"xl/(sharedStrings|styles|workbook)\d*\.(xml|bin)|xl/worksheets/[^/]+\.bin|content\.xml"
)
"""Members that calamine reads and that are not searched here, which would bound them too."""


def open_workbook(path: Path, form: Format) -> Book:
    """A workbook; its sheets are read when they are asked for.

    Raises InputFailure when it is locked, damaged, or would need more memory than a sheet can be worth.
    """
    archive = None if form is Format.XLS else Archive(path)
    if archive:
        archive.check(name for name in archive.names() if _READ_AT_ONCE.fullmatch(name))
    if form in {Format.XLS, Format.XLSB} and not can_be_read(path):
        raise InputFailure("sheet.damaged", path=str(path))
    # An OpenDocument workbook is refused here when it is spread too far: calamine reads all its sheets at once.
    source = facts_source(path, form, archive) if form is Format.ODS else None
    book = _load(path)
    source = source or facts_source(path, form, archive)
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet]
    hidden = frozenset(sheet.name for sheet in sheets if sheet.visible is not SheetVisibleEnum.Visible)
    reader = _Reader(path, form, book, source)
    notices = tuple(_about_parts(archive, has_macros=source.has_macros))
    return Book(tuple(sheet.name for sheet in sheets), cache(reader.grid), hidden, notices)


def _load(path: Path) -> CalamineWorkbook:
    """Calamine goes by the name of a file but by the content of bytes: an .ods called .xlsx is common enough."""
    with _explained(path), path.open("rb") as file:
        return CalamineWorkbook.from_filelike(file)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Calamine's failures as sentences for people. Its panics on damaged files are no `Exception`."""
    try:
        yield
    except PasswordError:
        raise InputFailure("sheet.locked", path=str(path)) from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise InputFailure("sheet.damaged", path=str(path)) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise InputFailure("sheet.damaged", path=str(path)) from None


def _about_parts(archive: Archive | None, *, has_macros: bool) -> Iterator[Fault]:
    """Macros and links to other workbooks are left alone: what they would change is not in the values read."""
    if has_macros:
        yield Fault("macros-not-run")
    if archive and any(name.startswith("xl/externalLinks/") for name in archive.names()):
        yield Fault("links-not-followed")


_Patches: TypeAlias = Mapping[int, Mapping[int, tuple[str, str]]]
_Unlike: TypeAlias = tuple[tuple[int, bytes], ...]
_Conversions: TypeAlias = tuple[tuple[int, Callable[[Any], str]], ...]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the sheets of one workbook, each with what its own file adds."""

    path: Path
    form: Format
    book: CalamineWorkbook
    source: FactsSource

    def grid(self, name: str) -> Grid:
        """One sheet. Raises InputFailure when it is damaged or spread too far."""
        facts = self.source.of(name, [sheet.name for sheet in self.book.sheets_metadata].index(name))
        with _explained(self.path):
            sheet = self.book.get_sheet_by_name(name)
        width = max([sheet.end[1] + 1 if sheet.end else 1, *(max(cells) + 1 for cells in facts.patches.values())])
        looks = facts.looks.columns()
        return Grid(
            name,
            partial(self._records, sheet, facts.patches, looks),
            width=width,
            hidden_rows=frozenset(facts.hidden_rows),
            hidden_unseen=f".{self.form.value}" if facts.unseen else "",
            looks=looks,
            notices=tuple(_about(facts, width)),
        )

    def _records(self, sheet: CalamineSheet, patches: _Patches, looks: Mapping[int, ColumnLook]) -> Iterator[Record]:
        with _explained(self.path):
            yield from _records(sheet, patches, _unlike(looks))


def _about(facts: Facts, width: int) -> Iterator[Fault]:
    seen = sorted(column for column in facts.hidden_columns if column < width)
    if seen:
        yield Fault("hidden-columns", details=(("columns", ", ".join(map(letter, seen))),))


def _unlike(looks: Mapping[int, ColumnLook]) -> _Unlike:
    """The columns in which some cells look unlike the others."""
    return tuple((column, look.by_row) for column, look in looks.items() if look.others)


def _records(sheet: CalamineSheet, patches: _Patches, unlike: _Unlike) -> Iterator[Record]:
    kinds_of: dict[tuple[type, ...], tuple[str, _Conversions]] = {}
    record = partial(tuple.__new__, Record)  # half the time of calling it
    number = 0
    for number, values in enumerate(sheet.iter_rows(), 1):
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
            yield record((number, cells, kinds, ()))
    for below in sorted(row for row in patches if row > number):
        yield _patched(below, [], "", patches[below])


def _with_looks(number: int, kinds: str, unlike: _Unlike) -> str:
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
    return Record(number, cells, "".join(letters))


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
