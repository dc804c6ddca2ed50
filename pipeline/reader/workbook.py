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
from pipeline.messages import Number
from pipeline.reader.archive import Archive
from pipeline.reader.formats import Format
from pipeline.reader.grid import Book, Grid, Record, about_long_texts
from pipeline.reader.headings import letter
from pipeline.reader.metadata import MOST_COLUMNS, MetadataError, SheetMetadata, Styles
from pipeline.reader.native import Row, date_text
from pipeline.reader.ods_metadata import is_locked, metadata_of_ods
from pipeline.reader.probe import NativeBook
from pipeline.reader.repair import WithoutDurations, repaired_ods, repaired_xlsx
from pipeline.reader.styles import MOST_CELLS, ColumnStyle
from pipeline.reader.xlsb_metadata import XlsbWorkbook, metadata_of_xlsb, open_xlsb, styles_of_xlsb
from pipeline.reader.xlsx_metadata import Package, last_cell, metadata_of_xlsx, package_of, styles_of_xlsx
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
    source = metadata_source(path, form, archive)
    book = _native(path, form, archive, source)
    sheets = [sheet for sheet in book.sheets if sheet.is_worksheet]
    hidden = frozenset(sheet.name for sheet in sheets if not sheet.is_visible)
    reader = _Reader(path, form, book, archive, source)
    notices = tuple(_about_parts(archive, has_macros=source.has_macros))
    return Book(tuple(sheet.name for sheet in sheets), cache(reader.grid), hidden, notices)


def _native(path: Path, form: Format, archive: Archive | None, source: MetadataSource) -> NativeBook:
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
    source: MetadataSource

    def grid(self, name: str) -> Grid:
        """One sheet. Raises InputError when it is damaged or spread too far."""
        place = [sheet.name for sheet in self.book.sheets].index(name)
        last_column = self.book.load(place)  # while the metadata is searched
        try:
            metadata = self.source.of(name, place)
        except InputError:
            with suppress(InputError):
                last_column()
            raise
        last = last_column()
        if last >= MOST_COLUMNS:
            raise InputError(
                "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again.",
                path=str(self.path),
            )
        width = max(last + 1, 1, *(max(cells) + 1 for cells in metadata.patches.values()))
        looks = metadata.looks.columns()
        has_long = self.archive is None or self.archive.has_long_text
        fixes = RowFixes(
            metadata.patches,
            looks,
            has_long,
            WithoutDurations(self.archive, name, place, looks).row,
            metadata.from_1904,
        )
        return Grid(
            name,
            lambda: records(self.book.rows(place), fixes),
            width=width,
            hidden_rows=frozenset(metadata.hidden_rows),
            hidden_unseen=f".{self.form.value}" if metadata.unseen else "",
            looks=looks,
            notices=tuple(_about(metadata, width)),
            merges=metadata.merges,
            struck=metadata.struck,
        )


def _about(metadata: SheetMetadata, width: int) -> Iterator[Fault]:
    seen = sorted(column for column in metadata.hidden_columns if column < width)
    if seen:
        yield Fault("hidden-columns", details=(("columns", ", ".join(map(letter, seen))),))
    if metadata.looks.has_lost:
        yield Fault("formats-not-kept")


@dataclass(frozen=True, slots=True)
class MetadataSource:
    """`of` gives the metadata of a sheet by its name and its place in calamine's list (from 0, charts counted).

    It raises InputError when the sheet would need more memory than it can be worth.
    """

    of: Callable[[str, int], SheetMetadata]
    has_macros: bool = False
    package: Package | None = None
    """Where the parts of an .xlsx are."""


def metadata_source(path: Path, form: Format, archive: Archive | None) -> MetadataSource:
    """The source for one workbook; `archive` is its container unless it is an .xls.

    Raises InputError when an .xls or an OpenDocument workbook is locked, or a sheet of the latter would need too much
    memory: calamine reads all of them at once.
    """
    if archive is None:
        return _of_xls(path)
    macros = any(name.endswith("vbaProject.bin") for name in archive.names())
    match form:
        case Format.XLSB:
            return MetadataSource(partial(_of_xlsb, archive, open_xlsb(archive), styles_of_xlsb(archive)), macros)
        case Format.ODS:
            if is_locked(archive):
                raise InputError(
                    "{path} is password-protected. Save a copy without a password and use that.", path=str(path)
                )
            try:
                sheets = metadata_of_ods(archive)
            except MetadataError:
                sheets = {}
            for name, metadata in sheets.items():
                _must_be_near(name, metadata.rows, metadata.columns)
            return MetadataSource(lambda name, _: sheets.get(name) or SheetMetadata(unseen=True), macros)
        case _:
            try:
                package = package_of(archive)
                styles = styles_of_xlsx(archive, package)
            except MetadataError:
                return MetadataSource(lambda _name, _index: SheetMetadata(unseen=True), macros)
            return MetadataSource(partial(_of_xlsx, archive, package, styles), macros, package)


def _of_xls(path: Path) -> MetadataSource:
    from pipeline.reader.xls_metadata import XlsWorkbook  # noqa: PLC0415 - only an .xls needs xlrd

    try:
        book = XlsWorkbook(path)
    except MetadataError:
        return MetadataSource(lambda _name, _index: SheetMetadata(unseen=True))

    def metadata(name: str, _place: int) -> SheetMetadata:
        try:
            return book.metadata(name)
        except MetadataError:
            return SheetMetadata(unseen=True)

    return MetadataSource(metadata, book.has_macros)


def _of_xlsb(archive: Archive, book: XlsbWorkbook, styles: Styles, name: str, _index: int) -> SheetMetadata:
    if name not in book.members:
        return SheetMetadata(unseen=True)
    try:
        metadata = metadata_of_xlsb(archive, book.members[name], styles)
    except MetadataError:
        return SheetMetadata(unseen=True)
    metadata.from_1904 = book.from_1904
    _must_be_near(name, metadata.rows, metadata.columns)
    return metadata


def _of_xlsx(archive: Archive, package: Package, styles: Styles, name: str, _index: int) -> SheetMetadata:
    member = package.member(name)
    if member is None:
        return SheetMetadata(unseen=True)
    try:
        metadata = metadata_of_xlsx(archive, member, styles)
    except MetadataError:
        return SheetMetadata(unseen=True)
    if metadata.rows * metadata.columns > MOST_CELLS:
        _must_be_near(name, *last_cell(archive, member))
    return metadata


def _must_be_near(sheet: str, rows: int, columns: int) -> None:
    """Refuse a sheet whose last cell is so far away that what lies between does not fit into memory."""
    if rows * columns > MOST_CELLS:
        cell = f"{letter(columns - 1)}{rows}"
        raise InputError(
            'The sheet "{sheet}" extends to cell {cell}: more than {limit} cells, nearly all '
            "empty. Delete what is far from the list, or copy the list into a new workbook.",
            sheet=sheet,
            cell=cell,
            limit=Number(MOST_CELLS),
        )


@dataclass(frozen=True, slots=True)
class RowFixes:
    """What is known of a sheet's rows beside what calamine gives.

    `patches` are cells with another kind and text: row -> column -> both. `looks` are those of the columns. `has_long`
    says that some text may not fit into a cell of the results. `beyond` gives texts and kinds of a row that calamine
    can't give, since a length of time in it is beyond all bounds. `from_1904` says how days are counted.
    """

    patches: Mapping[int, Mapping[int, tuple[str, str]]]
    looks: Mapping[int, ColumnStyle]
    has_long: bool
    beyond: Callable[[int], tuple[list[str], str]]
    from_1904: bool = False


def records(rows: Iterable[Row], fixes: RowFixes) -> Iterator[Record]:
    """The rows that hold something, from the top."""
    record = partial(tuple.__new__, Record)  # half the time of calling it
    patches = fixes.patches
    unlike = tuple((column, look.by_row) for column, look in fixes.looks.items() if look.others)
    dated = tuple(
        (column, look) for column, look in fixes.looks.items() if any(map(is_date_format, (look.usual, *look.others)))
    )
    has_long = fixes.has_long
    waiting = sorted(patches, reverse=True)
    for number, given, known in rows:
        cells, kinds = (given, known) if known is not None else fixes.beyond(number)
        while waiting and waiting[-1] < number:
            above = waiting.pop()
            yield _patched(above, [], "", patches[above])
        if dated:
            kinds = _with_dates(number, cells, kinds, dated, from_1904=fixes.from_1904)
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
    number: int, cells: list[str], kinds: str, dated: tuple[tuple[int, ColumnStyle], ...], *, from_1904: bool
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
