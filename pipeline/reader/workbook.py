"""Workbooks, read by calamine (`probe`), put right where it shows less than the workbook has (`..._metadata`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.domain.model import with_look
from pipeline.domain.number_formats import is_date_format, is_duration
from pipeline.messages.spoken import Figure
from pipeline.reader.archive import Archive
from pipeline.reader.formats import Format
from pipeline.reader.grid import Book, Grid, Record, about_long_texts
from pipeline.reader.headings import letter
from pipeline.reader.metadata import MOST_COLUMNS, Facts, NotShown, Styles
from pipeline.reader.native import Row, date_text
from pipeline.reader.ods_metadata import facts_of_ods, is_locked
from pipeline.reader.probe import NativeBook
from pipeline.reader.repair import WithoutDurations, repaired_ods, repaired_xlsx
from pipeline.reader.styles import MOST_CELLS, ColumnLook
from pipeline.reader.xlsb_metadata import BinaryBook, facts_of_binary, open_binary, styles_of_binary
from pipeline.reader.xlsx_metadata import Package, facts_of, last_cell, package_of, styles_of
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


@dataclass(frozen=True, slots=True)
class FactsSource:
    """`of` gives the facts of a sheet by its name and its place in calamine's list (from 0, charts counted).

    It raises InputError when the sheet would need more memory than it can be worth.
    """

    of: Callable[[str, int], Facts]
    has_macros: bool = False
    package: Package | None = None
    """Where the parts of an .xlsx are."""


def facts_source(path: Path, form: Format, archive: Archive | None) -> FactsSource:
    """The source for one workbook; `archive` is its container unless it is an .xls.

    Raises InputError when an .xls or an OpenDocument workbook is locked, or a sheet of the latter would need too much
    memory: calamine reads all of them at once.
    """
    if archive is None:
        return _of_old(path)
    macros = any(name.endswith("vbaProject.bin") for name in archive.names())
    match form:
        case Format.XLSB:
            return FactsSource(partial(_of_binary, archive, open_binary(archive), styles_of_binary(archive)), macros)
        case Format.ODS:
            if is_locked(archive):
                raise InputError("sheet.locked", path=str(path))
            try:
                sheets = facts_of_ods(archive)
            except NotShown:
                sheets = {}
            for name, facts in sheets.items():
                _must_be_near(name, facts.rows, facts.columns)
            return FactsSource(lambda name, _: sheets.get(name) or Facts(unseen=True), macros)
        case _:
            try:
                package = package_of(archive)
                styles = styles_of(archive, package)
            except NotShown:
                return FactsSource(lambda _name, _index: Facts(unseen=True), macros)
            return FactsSource(partial(_of_xml, archive, package, styles), macros, package)


def _of_old(path: Path) -> FactsSource:
    from pipeline.reader.xls_metadata import OldWorkbook  # noqa: PLC0415 - only an .xls needs xlrd

    try:
        book = OldWorkbook(path)
    except NotShown:
        return FactsSource(lambda _name, _index: Facts(unseen=True))

    def facts(name: str, _place: int) -> Facts:
        try:
            return book.facts(name)
        except NotShown:
            return Facts(unseen=True)

    return FactsSource(facts, book.has_macros)


def _of_binary(archive: Archive, book: BinaryBook, styles: Styles, name: str, _index: int) -> Facts:
    if name not in book.members:
        return Facts(unseen=True)
    try:
        facts = facts_of_binary(archive, book.members[name], styles)
    except NotShown:
        return Facts(unseen=True)
    facts.from_1904 = book.from_1904
    _must_be_near(name, facts.rows, facts.columns)
    return facts


def _of_xml(archive: Archive, package: Package, styles: Styles, name: str, _index: int) -> Facts:
    member = package.member(name)
    if member is None:
        return Facts(unseen=True)
    try:
        facts = facts_of(archive, member, styles)
    except NotShown:
        return Facts(unseen=True)
    if facts.rows * facts.columns > MOST_CELLS:
        _must_be_near(name, *last_cell(archive, member))
    return facts


def _must_be_near(sheet: str, rows: int, columns: int) -> None:
    """Refuse a sheet whose last cell is so far away that what lies between does not fit into memory."""
    if rows * columns > MOST_CELLS:
        cell = f"{letter(columns - 1)}{rows}"
        raise InputError("sheet.too_spread", sheet=sheet, cell=cell, limit=Figure(MOST_CELLS))


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a sheet's rows beside what calamine gives.

    `patches` are cells with another kind and text: row -> column -> both. `looks` are those of the columns. `has_long`
    says that some text may not fit into a cell of the results. `beyond` gives texts and kinds of a row that calamine
    can't give, since a length of time in it is beyond all bounds. `from_1904` says how days are counted.
    """

    patches: Mapping[int, Mapping[int, tuple[str, str]]]
    looks: Mapping[int, ColumnLook]
    has_long: bool
    beyond: Callable[[int], tuple[list[str], str]]
    from_1904: bool = False


def records(rows: Iterable[Row], beside: Beside) -> Iterator[Record]:
    """The rows that hold something, from the top."""
    record = partial(tuple.__new__, Record)  # half the time of calling it
    patches = beside.patches
    unlike = tuple((column, look.by_row) for column, look in beside.looks.items() if look.others)
    dated = tuple(
        (column, look) for column, look in beside.looks.items() if any(map(is_date_format, (look.usual, *look.others)))
    )
    has_long = beside.has_long
    waiting = sorted(patches, reverse=True)
    for number, given, known in rows:
        cells, kinds = (given, known) if known is not None else beside.beyond(number)
        while waiting and waiting[-1] < number:
            above = waiting.pop()
            yield _patched(above, [], "", patches[above])
        if dated:
            kinds = _with_dates(number, cells, kinds, dated, from_1904=beside.from_1904)
        if unlike:
            kinds = _with_looks(number, kinds, unlike)
        if number in patches:
            waiting.pop()
            yield _patched(number, cells, kinds, patches[number])
        else:
            yield record((number, cells, kinds, about_long_texts(cells) if has_long else ()))
    for below in reversed(waiting):
        yield _patched(below, [], "", patches[below])


def _with_dates(
    number: int, cells: list[str], kinds: str, dated: tuple[tuple[int, ColumnLook], ...], *, from_1904: bool
) -> str:
    """The letters of a row, and in `cells` dates for numbers that look like dates: calamine gives only some of those of
    the binary formats as what they are.
    """
    for column, look in dated:
        if column < len(kinds) and kinds[column] == "n" and is_date_format(shown := look.at(number)):
            text = date_text(float(cells[column]), from_1904=from_1904, duration=is_duration(shown))
            if text:
                cells[column] = text
                kinds = f"{kinds[:column]}d{kinds[column + 1 :]}"
    return kinds


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
