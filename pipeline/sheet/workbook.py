"""Workbooks, read by calamine; what it does not show comes from the workbook's own XML (`parts`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

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
from pipeline.sheet.durations import WithoutDurations
from pipeline.sheet.facts import MOST_COLUMNS, Facts
from pipeline.sheet.formats import Format
from pipeline.sheet.grid import Book, Grid, Record
from pipeline.sheet.headings import letter
from pipeline.sheet.records import Beside, records
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
    reader = _Reader(path, form, book, archive, source)
    notices = tuple(_about_parts(archive, has_macros=source.has_macros))
    return Book(tuple(sheet.name for sheet in sheets), cache(reader.grid), hidden, notices)


def _load(path: Path) -> CalamineWorkbook:
    """Calamine goes by the name of a file but by the content of bytes: an .ods called .xlsx is common enough."""
    with reading(path), path.open("rb") as file:
        return CalamineWorkbook.from_filelike(file)


@contextmanager
def reading(path: Path) -> Iterator[None]:
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


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the sheets of one workbook, each with what its own file adds."""

    path: Path
    form: Format
    book: CalamineWorkbook
    archive: Archive | None
    source: FactsSource

    def grid(self, name: str) -> Grid:
        """One sheet. Raises InputFailure when it is damaged or spread too far."""
        facts = self.source.of(name, [sheet.name for sheet in self.book.sheets_metadata].index(name))
        with reading(self.path):
            sheet = self.book.get_sheet_by_name(name)
        if sheet.end and sheet.end[1] >= MOST_COLUMNS:
            raise InputFailure("sheet.damaged", path=str(self.path))
        width = max([sheet.end[1] + 1 if sheet.end else 1, *(max(cells) + 1 for cells in facts.patches.values())])
        looks = facts.looks.columns()
        has_long = self.archive is None or self.archive.has_long_text
        beside = Beside(facts.patches, looks, has_long, WithoutDurations(self.archive, name, looks).row)
        return Grid(
            name,
            partial(self._records, sheet, beside),
            width=width,
            hidden_rows=frozenset(facts.hidden_rows),
            hidden_unseen=f".{self.form.value}" if facts.unseen else "",
            looks=looks,
            notices=tuple(_about(facts, width)),
        )

    def _records(self, sheet: CalamineSheet, beside: Beside) -> Iterator[Record]:
        with reading(self.path):
            yield from records(sheet, beside)


def _about(facts: Facts, width: int) -> Iterator[Fault]:
    seen = sorted(column for column in facts.hidden_columns if column < width)
    if seen:
        yield Fault("hidden-columns", details=(("columns", ", ".join(map(letter, seen))),))
    if facts.looks.has_lost:
        yield Fault("formats-not-kept")
