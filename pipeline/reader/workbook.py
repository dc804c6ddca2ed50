"""Workbooks, read by calamine (`trial`); what it does not show comes from the workbook's own parts (`sources`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.reader.archive import Archive
from pipeline.reader.durations import WithoutDurations
from pipeline.reader.facts import MOST_COLUMNS, Facts
from pipeline.reader.formats import Format
from pipeline.reader.grid import Book, Grid
from pipeline.reader.headings import letter
from pipeline.reader.probe import NativeBook
from pipeline.reader.records import Beside, records
from pipeline.reader.repair import repaired_ods, repaired_xlsx
from pipeline.reader.sources import FactsSource, facts_source
from pipeline.system.scratch import scratch
from schemas.faults import Fault

_READ_AT_ONCE: Final = re.compile(
    r"xl/(sharedStrings|styles|workbook)\d*\.(xml|bin)|xl/worksheets/[^/]+\.bin|content\.xml"
)
"""Members that calamine reads and that are not searched here, which would bound them too."""


def open_workbook(path: Path, form: Format) -> Book:
    """A workbook; its sheets are read when they are asked for.

    Raises InputError when it is locked, damaged, or would need more memory than a sheet can be worth.
    """
    archive = None if form is Format.XLS else Archive(path)
    if archive:
        archive.check(name for name in archive.names() if _READ_AT_ONCE.fullmatch(name))
    source = facts_source(path, form, archive)
    book = _native(path, form, archive, source)
    sheets = [sheet for sheet in book.sheets if sheet.is_worksheet]
    hidden = frozenset(sheet.name for sheet in sheets if not sheet.is_visible)
    reader = _Reader(path, form, book, archive, source)
    notices = tuple(_about_parts(archive, has_macros=source.has_macros))
    return Book(tuple(sheet.name for sheet in sheets), cache(reader.grid), hidden, notices)


def _native(path: Path, form: Format, archive: Archive | None, source: FactsSource) -> NativeBook:
    """The workbook, or a copy in which calamine finds what other programs find."""
    with scratch() as folder:
        copy = folder / path.name
        unusual = archive is not None and (
            (form is Format.ODS and repaired_ods(archive, copy))
            or (source.package is not None and repaired_xlsx(archive, source.package, copy))
        )
        book = NativeBook(path, copy if unusual else None)
        if unusual:
            _ = book.sheets  # it is open now
        return book


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
    book: NativeBook
    archive: Archive | None
    source: FactsSource

    def grid(self, name: str) -> Grid:
        """One sheet. Raises InputError when it is damaged or spread too far."""
        place = [sheet.name for sheet in self.book.sheets].index(name)
        last_column = self.book.load(place)  # while the facts are searched
        try:
            facts = self.source.of(name, place)
        except InputError:
            with suppress(InputError):
                last_column()
            raise
        last = last_column()
        if last >= MOST_COLUMNS:
            raise InputError("sheet.damaged", path=str(self.path))
        width = max(last + 1, 1, *(max(cells) + 1 for cells in facts.patches.values()))
        looks = facts.looks.columns()
        has_long = self.archive is None or self.archive.has_long_text
        beside = Beside(
            facts.patches, looks, has_long, WithoutDurations(self.archive, name, place, looks).row, facts.from_1904
        )
        return Grid(
            name,
            lambda: records(self.book.rows(place), beside),
            width=width,
            hidden_rows=frozenset(facts.hidden_rows),
            hidden_unseen=f".{self.form.value}" if facts.unseen else "",
            looks=looks,
            notices=tuple(_about(facts, width)),
            merges=facts.merges,
            struck=facts.struck,
        )


def _about(facts: Facts, width: int) -> Iterator[Fault]:
    seen = sorted(column for column in facts.hidden_columns if column < width)
    if seen:
        yield Fault("hidden-columns", details=(("columns", ", ".join(map(letter, seen))),))
    if facts.looks.has_lost:
        yield Fault("formats-not-kept")
