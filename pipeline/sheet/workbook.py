"""Workbooks, read by calamine; what it does not show comes from the workbook's own XML (`parts`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, cached_property, partial
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

from pipeline.model import InputFailure
from pipeline.sheet.archive import Archive
from pipeline.sheet.formats import Format
from pipeline.sheet.grid import Book, Grid, Record
from pipeline.sheet.headings import letter
from pipeline.sheet.ods import facts_of_ods
from pipeline.sheet.parts import Facts, facts_of, last_cell, looks_of, members_of_sheets
from pipeline.sheet.trial import can_be_read
from schemas.faults import Fault

_LOOKED_AT: Final = 50
"""How many rows below the headings are searched for the look of a column."""

_MOST_CELLS: Final = 32_000_000
"""Cells between the first and the last one used. Calamine holds them all, at 32 bytes each: about 1 GB."""

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
    known = facts_of_ods(archive) if archive and form is Format.ODS else {}
    for name, facts in known.items():
        _must_be_near(name, facts.rows, facts.columns)
    if form in {Format.XLS, Format.XLSB} and not can_be_read(path):
        raise InputFailure("sheet.damaged", path=str(path))
    book = _load(path)
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet]
    hidden = frozenset(sheet.name for sheet in sheets if sheet.visible is not SheetVisibleEnum.Visible)
    reader = _Reader(path, form, book, archive, known)
    return Book(tuple(sheet.name for sheet in sheets), cache(reader.grid), hidden, tuple(_about_parts(archive)))


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


def _about_parts(archive: Archive | None) -> Iterator[Fault]:
    """Macros and links to other workbooks are left alone: what they would change is not in the values read."""
    names = archive.names() if archive else ()
    if any(name.endswith("vbaProject.bin") for name in names):
        yield Fault("macros-not-run")
    if any(name.startswith("xl/externalLinks/") for name in names):
        yield Fault("links-not-followed")


def _must_be_near(sheet: str, rows: int, columns: int) -> None:
    """Refuse a sheet whose last cell is so far away that what lies between does not fit into memory."""
    if rows * columns > _MOST_CELLS:
        cell = f"{letter(columns - 1)}{rows}"
        raise InputFailure("sheet.too_spread", sheet=sheet, cell=cell, limit=f"{_MOST_CELLS:,}")


_Patches: TypeAlias = Mapping[int, Mapping[int, tuple[str, str]]]
_Conversions: TypeAlias = tuple[tuple[int, Callable[[Any], str]], ...]


@dataclass(frozen=True)
class _Reader:
    """Reads the sheets of one workbook, each with what its own XML adds."""

    path: Path
    form: Format
    book: CalamineWorkbook
    archive: Archive | None
    known: Mapping[str, Facts]

    @cached_property
    def _members(self) -> dict[str, str]:
        return members_of_sheets(self.archive) if self.archive and self.form is Format.XLSX else {}

    @cached_property
    def _looks(self) -> tuple[str, ...]:
        return looks_of(self.archive) if self.archive else ()

    def grid(self, name: str) -> Grid:
        """One sheet. Raises InputFailure when it is damaged or spread too far."""
        facts = self._facts(name)
        with _explained(self.path):
            sheet = self.book.get_sheet_by_name(name)
        width = max([sheet.end[1] + 1 if sheet.end else 1, *(max(cells) + 1 for cells in facts.patches.values())])
        return Grid(
            name,
            partial(self._records, sheet, facts.patches),
            width=width,
            hidden_rows=frozenset(facts.hidden_rows),
            number_format=partial(self._number_format, facts),
            notices=tuple(self._about(name, facts, width)),
        )

    def _records(self, sheet: CalamineSheet, patches: _Patches) -> Iterator[Record]:
        with _explained(self.path):
            yield from _records(sheet, patches)

    def _facts(self, name: str) -> Facts:
        if not self.archive:
            return Facts()
        if name not in self._members:
            return self.known.get(name, Facts())
        facts = facts_of(self.archive, self._members[name])
        if facts.rows * facts.columns > _MOST_CELLS:
            _must_be_near(name, *last_cell(self.archive, self._members[name]))
        return facts

    def _about(self, name: str, facts: Facts, width: int) -> Iterator[Fault]:
        seen = sorted(column for column in facts.hidden_columns if column < width)
        if seen:
            yield Fault("hidden-columns", details=(("columns", ", ".join(map(letter, seen))),))
        if self.form is not Format.ODS and name not in self._members:
            yield Fault("hidden-rows-unseen", details=(("format", f".{self.form.value}"),))

    def _number_format(self, facts: Facts, position: int, after: int) -> str:
        """The look of the first cell below row `after` that has one of its own."""
        for row in range(after + 1, after + 1 + _LOOKED_AT):
            style = facts.styles.get((row, position))
            if style is not None and style < len(self._looks) and self._looks[style]:
                return self._looks[style]
        return ""


def _records(sheet: CalamineSheet, patches: _Patches) -> Iterator[Record]:
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
        if number in patches:
            yield _patched(number, cells, kinds, patches[number])
        elif any(cells):
            yield record((number, cells, kinds, ()))
    for below in sorted(row for row in patches if row > number):
        yield _patched(below, [], "", patches[below])


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
