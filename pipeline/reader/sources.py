"""Where the facts of a workbook's sheets are found, for each of the formats that calamine reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.domain.errors import InputError
from pipeline.messages.spoken import Figure
from pipeline.reader.archive import Archive
from pipeline.reader.facts import Facts, NotShown, Styles
from pipeline.reader.formats import Format
from pipeline.reader.headings import letter
from pipeline.reader.looks import MOST_CELLS
from pipeline.reader.ods_metadata import facts_of_ods, is_locked
from pipeline.reader.xlsb_metadata import BinaryBook, facts_of_binary, open_binary, styles_of_binary
from pipeline.reader.xlsx_metadata import Package, facts_of, last_cell, package_of, styles_of


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
