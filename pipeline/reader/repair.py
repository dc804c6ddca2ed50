"""Good workbooks that calamine does not read as they are: a copy that says the same in the way that it knows.

Other programs go by the relations of a package and by the meaning of its XML; calamine goes by the usual names. A copy
is made only of what is unusual, and nothing of what is in it changes but names, relations and the spaces between tags;
or the formats of lengths of time, when a row has one beyond all bounds (`[h]:mm` and 1E12): calamine can't give it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from pipeline.domain.errors import InputError
from pipeline.domain.number_formats import is_duration
from pipeline.reader.archive import Archive
from pipeline.reader.native import Row, duration_text
from pipeline.reader.probe import NativeBook
from pipeline.reader.styles import ColumnStyle
from pipeline.reader.xlsx_metadata import Package
from pipeline.system.scratch import scratch

_CONTENT: Final = "content.xml"
_SPACE: Final = re.compile(rb"(?<=>)\s+(?=</?(?:table|office):)")
_WORKBOOK: Final = "xl/workbook.xml"
_USUAL: Final = {"styles": "xl/styles.xml", "sharedStrings": "xl/sharedStrings.xml"}
_KNOWN_SHEETS: Final = frozenset(("worksheet", "chartsheet", "dialogsheet"))
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def repaired_ods(archive: Archive, copy: Path) -> bool:
    """Write a copy without line breaks between cells. False, and no copy, when there are none."""
    if not _SPACE.search(next(archive.pieces(_CONTENT), b"")):
        return False
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name in archive.names():
            pieces = archive.pieces(name)
            _write(book, name, _without_spaces(pieces) if name == _CONTENT else pieces)
    return True


def repaired_xlsx(archive: Archive, package: Package, copy: Path) -> bool:
    """Write a copy with every part where calamine looks for it, and without sheets of macros.

    False, and no copy, when calamine finds all of it.
    """
    kinds = {link.kind for link in package.sheets.values()}
    places = {_USUAL[kind]: member for kind, member in package.parts.items() if kind in _USUAL}
    usual = all(name.casefold() == member.casefold() for name, member in places.items())
    if package.is_usual and usual and kinds <= _KNOWN_SHEETS:
        return False
    links = []
    for at, (name, link) in enumerate(package.sheets.items(), 1):
        if link.kind == "worksheet":
            places[f"xl/worksheets/sheet{at}.xml"] = link.member
            links.append(_link(name, link.kind, f"worksheets/sheet{at}.xml"))
    links += [_link(kind, kind, _USUAL[kind].removeprefix("xl/")) for kind in package.parts if kind in _USUAL]
    workbook = archive.read(package.workbook)
    for name in [name for name, link in package.sheets.items() if link.kind != "worksheet"]:
        workbook = re.sub(rb'<(\w+:)?sheet\s[^<>]*"%s"[^<>]*>' % re.escape(name.encode()), b"", workbook)
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("[Content_Types].xml", archive.read("[Content_Types].xml"))
        book.writestr("_rels/.rels", _relations([_link("workbook", "officeDocument", _WORKBOOK)]))
        book.writestr(_WORKBOOK, workbook)
        book.writestr("xl/_rels/workbook.xml.rels", _relations(links))
        for name, member in places.items():
            _write(book, name, archive.pieces(member))
    return True


def _link(name: str, kind: str, target: str) -> str:
    return f"<Relationship Id={quoteattr(name)} Type={quoteattr(_KINDS + kind)} Target={quoteattr(target)}/>"


def _relations(links: list[str]) -> str:
    return f"<Relationships xmlns={quoteattr(_RELATIONS)}>{''.join(links)}</Relationships>"


def _write(book: zipfile.ZipFile, name: str, pieces: Iterator[bytes]) -> None:
    with book.open(name, "w") as member:
        for piece in pieces:
            member.write(piece)


def _without_spaces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The XML without spaces between its tags, cut before a tag, so that no space is in two pieces."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(b"<", 0, whole.rfind(b">") + 1)
        cut = max(cut, 0)
        yield _SPACE.sub(b"", whole[:cut])
        rest = whole[cut:]
    yield _SPACE.sub(b"", rest)


_STYLES: Final = "xl/styles.xml"
_CODE: Final = re.compile(rb"(formatCode=)([\"'])((?:(?!\2).)*\[(?:h+|m+|s+)\](?:(?!\2).)*)\2", re.IGNORECASE)
_BUILT_IN: Final = re.compile(rb"(numFmtId=)([\"'])46\2")
_MOST_DAYS: Final = timedelta.max.days


class WithoutDurations:
    """One sheet read without lengths of time; `archive` is None for an .xls, which has no styles to change.

    `place` is that of the sheet in the workbook's list.
    """

    def __init__(self, archive: Archive | None, sheet: str, place: int, looks: Mapping[int, ColumnStyle]) -> None:
        self._archive = archive
        self._sheet = sheet
        self._place = place
        self._looks = looks
        self._rows: Iterator[Row] = iter(())
        self._at: int | None = None
        self._book: NativeBook | None = None

    def row(self, number: int) -> tuple[list[str], str]:
        """Texts and kinds of the row `number`, from 1: what is beyond all bounds is a number.

        Raises InputError where the workbook has no formats that could be taken out.
        """
        if self._archive is None or _STYLES not in self._archive:
            raise InputError(
                'Row {row} of the sheet "{sheet}" has a duration beyond all limits and can\'t be '
                "read. Format its cell as a number, or save the workbook as .xlsx.",
                sheet=self._sheet,
                row=number,
            )
        if self._at is None or number <= self._at:
            self._rows = self._begin(self._archive)
        found, cells, kinds = next(row for row in self._rows if row[0] >= number)
        if found > number or kinds is None:
            raise InputError(
                'Row {row} of the sheet "{sheet}" has a duration beyond all limits and can\'t be '
                "read. Format its cell as a number, or save the workbook as .xlsx.",
                sheet=self._sheet,
                row=number,
            )
        self._at = number
        pairs = [self._again(*cell, at, number) for at, cell in enumerate(zip(cells, kinds, strict=True))]
        return [text for text, _ in pairs], "".join(kind for _, kind in pairs)

    def _begin(self, archive: Archive) -> Iterator[Row]:
        if self._book is None:
            with scratch() as folder:
                copy = folder / "copy.xlsx"
                _write_plain(archive, copy)
                self._book = NativeBook(archive.path, copy)
                _ = self._book.sheets  # it is open now: the copy is not needed any more
        return self._book.rows(self._place)

    def _again(self, text: str, kind: str, column: int, row: int) -> tuple[str, str]:
        """A length of time that can be one."""
        look = self._looks.get(column)
        if kind == "n" and look and is_duration(look.at(row)) and abs(days := float(text)) < _MOST_DAYS:
            return duration_text(timedelta(days=days)), "d"
        return text, kind


def _write_plain(archive: Archive, path: Path) -> None:
    """The workbook with General for the formats of lengths of time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name in sorted(archive.names()):
            if name == _STYLES:
                codes = _CODE.sub(rb"\1\2General\2", archive.read(name))
                book.writestr(name, _BUILT_IN.sub(rb"\g<1>\g<2>0\2", codes))
                continue
            with book.open(name, "w") as member:
                for piece in archive.pieces(name):
                    member.write(piece)
