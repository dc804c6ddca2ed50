"""What calamine does not show of an .xlsx: hidden rows and columns, error values, formulas without a value, looks.

The sheet's XML is searched as bytes, window by window. A parser would cost more than the reading itself; a search costs
a tenth of it (measured with 100,000 rows of 14 columns), because most windows hold nothing of interest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from posixpath import join, normpath
from typing import Final
from xml.etree import ElementTree as ET

from pipeline.sheet.archive import Archive

_FORMATTED_ROWS: Final = 200
"""How far down looks are noted: the headings stand in the first rows, the first data below them."""

_P: Final = rb"(?:\w+:)?"
"""Some programs write every tag with a prefix."""
_Q: Final = rb"[\"']"
_ROW: Final = re.compile(rb"<" + _P + rb"row(?=[\s/>])([^>]*)>")
_ROW_END: Final = re.compile(rb"</" + _P + rb"row>")
_CELL: Final = re.compile(rb"<" + _P + rb"c(?=[\s/>])([^>]*)>")
_NUMBER: Final = re.compile(rb"\sr=" + _Q + rb"([A-Z]{0,3})(\d+)" + _Q)
_STYLE: Final = re.compile(rb"\ss=" + _Q + rb"(\d+)" + _Q)
_HIDDEN: Final = re.compile(rb"\shidden=" + _Q + rb"(?:1|true|on)" + _Q + rb"|\sht=" + _Q + rb"0(?:\.0*)?" + _Q)
_SHOWN: Final = re.compile(rb"\s(?:hidden|ht)=")
_ZERO_HEIGHT: Final = re.compile(rb"<" + _P + rb"sheetFormatPr\b[^>]*\szeroHeight=" + _Q + rb"(?:1|true)" + _Q)
_COLUMN: Final = re.compile(rb"<" + _P + rb"col\b([^>]*)>")
_SPAN: Final = re.compile(rb"\s(min|max)=" + _Q + rb"(\d+)" + _Q)
_FAR_COLUMN: Final = re.compile(rb"\sr=" + _Q + rb"([A-Z]{2,3})\d")
_FULL_CELL: Final = re.compile(rb"<" + _P + rb"c\s[^>]*?\br=" + _Q + rb"([A-Z]{1,3})(\d+)" + _Q + rb"[^>]*(?<!/)>")
_ERROR: Final = re.compile(
    rb"<" + _P + rb"c(?=\s)([^>]*\st=" + _Q + rb"e" + _Q + rb"[^>]*)>(?:(?!</" + _P + rb"c>).)*?"
    rb"<" + _P + rb"v[^>]*>([^<]*)<",
    re.DOTALL,
)
_UNSAVED: Final = re.compile(
    rb"<" + _P + rb"f(?=[\s/>])(?:[^>]*/>|[^>]*>[^<]*</" + _P + rb"f>)\s*"
    rb"(?:<" + _P + rb"v\s*/>|<" + _P + rb"v></" + _P + rb"v>)?\s*</" + _P + rb"c>"
)
_TEXT_RESULT: Final = re.compile(rb"\st=" + _Q + rb"str" + _Q)

_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION: Final = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


@dataclass(slots=True)
class Facts:
    """What a sheet's XML says beside its values. Rows count from 1, columns from 0.

    `patches` are cells whose value calamine leaves empty: row -> column -> kind and text. `styles` are the looks of
    the first rows' cells, as indexes into the workbook's list. `rows` and `columns` bound what the sheet uses.
    """

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    patches: dict[int, dict[int, tuple[str, str]]] = field(default_factory=dict)
    styles: dict[tuple[int, int], int] = field(default_factory=dict)
    rows: int = 0
    columns: int = 26
    rows_seen: int = 0
    all_hidden: bool = False


def facts_of(archive: Archive, member: str) -> Facts:
    """Search the XML of one sheet. Raises InputFailure when it unpacks to more than it declares."""
    facts = Facts()
    first = True
    for window in _windows(archive.pieces(member)):
        if first:
            _note_head(window, facts)
            first = False
        if facts.rows <= _FORMATTED_ROWS:
            _note_styles(window, facts)
        if facts.all_hidden or b"hidden" in window or b"ht=" in window:
            _note_hidden(window, facts)
        if b't="e"' in window or b"t='e'" in window:
            _note_errors(window, facts)
        if b"<f" in window or b":f" in window:
            _note_unsaved(window, facts)
        _note_size(window, facts)
    return facts


def _windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The XML cut behind ends of rows, so that no row is in two windows."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(b"row>") + 4
        if cut > 4:  # noqa: PLR2004 - found
            yield whole[:cut]
            rest = whole[cut:]
        else:
            rest = whole
    yield rest


def _note_head(window: bytes, facts: Facts) -> None:
    """What stands above the rows: columns, and whether rows are hidden unless they say otherwise."""
    row = _ROW.search(window)
    head = window[: row.start()] if row else window
    facts.all_hidden = bool(_ZERO_HEIGHT.search(head))
    for column in _COLUMN.finditer(head):
        if _HIDDEN.search(column[1]):
            span = {name: int(number) for name, number in _SPAN.findall(column[1])}
            facts.hidden_columns |= set(range(span.get(b"min", 1) - 1, min(span.get(b"max", 0), 16_384)))


def _note_hidden(window: bytes, facts: Facts) -> None:
    seen = facts.rows_seen
    for count, row in enumerate(_ROW.finditer(window), 1):
        attributes = row[1]
        if _HIDDEN.search(attributes) or (facts.all_hidden and not _SHOWN.search(attributes)):
            number = _NUMBER.search(attributes)
            facts.hidden_rows.add(int(number[2]) if number else seen + count)


def _note_styles(window: bytes, facts: Facts) -> None:
    for cell in _CELL.finditer(window):
        style = _STYLE.search(cell[1])
        if style:
            row, column = _place(window, cell.start(), cell[1], facts)
            if row > _FORMATTED_ROWS:
                return
            facts.styles[row, column] = int(style[1])


def _note_errors(window: bytes, facts: Facts) -> None:
    for cell in _ERROR.finditer(window):
        row, column = _place(window, cell.start(), cell[1], facts)
        facts.patches.setdefault(row, {})[column] = ("e", unescape(cell[2].decode("utf-8", "replace")))


def _note_unsaved(window: bytes, facts: Facts) -> None:
    for formula in _UNSAVED.finditer(window):
        start = window.rfind(b"<", 0, formula.start())
        cell = _CELL.match(window, start)
        # A formula whose result is an empty text (`t="str"`) has its value saved: it is empty.
        if cell and not _TEXT_RESULT.search(cell[1]):
            row, column = _place(window, start, cell[1], facts)
            facts.patches.setdefault(row, {})[column] = ("f", "")


def _place(window: bytes, start: int, attributes: bytes, facts: Facts) -> tuple[int, int]:
    """Row and column of the cell whose tag begins at `start`; without a reference of its own, by counting."""
    reference = _NUMBER.search(attributes)
    if reference:
        return int(reference[2]), column_at(reference[1])
    rows = list(_ROW.finditer(window, 0, start))
    number = _NUMBER.search(rows[-1][1]) if rows else None
    row = int(number[2]) if number else facts.rows_seen + len(rows)
    before = _CELL.findall(window, rows[-1].end() if rows else 0, start)
    return row, len(before)


def _note_size(window: bytes, facts: Facts) -> None:
    rows = _ROW.findall(window)
    facts.rows_seen += len(rows)
    last = _NUMBER.search(rows[-1]) if rows else None
    facts.rows = max(facts.rows, int(last[2]) if last else facts.rows_seen)
    far = set(_FAR_COLUMN.findall(window))
    facts.columns = max(facts.columns, *(column_at(name) + 1 for name in far), 0)


def last_cell(archive: Archive, member: str) -> tuple[int, int]:
    """The last row and the number of columns that hold a value: exact and slow, for sheets that look too wide."""
    last_row = last_column = 0
    for window in _windows(archive.pieces(member)):
        for name, number in _FULL_CELL.findall(window):
            last_row = max(last_row, int(number))
            last_column = max(last_column, column_at(name) + 1)
    return last_row, last_column


def column_at(name: bytes) -> int:
    """The position from 0 of the column named A, B … XFD."""
    position = 0
    for char in name:
        position = position * 26 + char - 64
    return position - 1


def members_of_sheets(archive: Archive) -> dict[str, str]:
    """Sheet name -> the member that holds it. Empty when the workbook's own list can't be read."""
    try:
        book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - no document type: the archive refuses it
        links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - as above
    except ET.ParseError:
        return {}
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    members = {}
    for sheet in book.iter():
        if sheet.tag.rpartition("}")[2] == "sheet":
            target = targets.get(sheet.get(_RELATION) or sheet.get(_STRICT_RELATION), "")
            member = target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
            if member in archive:
                members[sheet.get("name", "")] = member
    return members


def looks_of(archive: Archive) -> tuple[str, ...]:
    """The number format of every cell style, in the workbook's order; `""` for General."""
    try:
        styles = ET.fromstring(archive.read("xl/styles.xml") or b"<styleSheet/>")  # noqa: S314 - as above
    except ET.ParseError:
        return ()
    codes = dict(_BUILT_IN)
    looks: list[str] = []
    for part in styles:
        tag = part.tag.rpartition("}")[2]
        if tag == "numFmts":
            codes |= {int(one.get("numFmtId", "0")): one.get("formatCode", "") for one in part}
        elif tag == "cellXfs":
            looks = [codes.get(int(one.get("numFmtId", "0")), "") for one in part]
    return tuple("" if look == "General" else look for look in looks)


_BUILT_IN: Final = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0 ;(#,##0)", 38: "#,##0 ;[Red](#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;[Red](#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mmss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Formats that a workbook names by number only (ECMA-376, 18.8.30)."""

_ODS_TAG: Final = re.compile(rb"<table:table(-row)?(?=[\s/>])([^>]*)>")
_ODS_NAME: Final = re.compile(rb'table:name="([^"]*)"')
_ODS_REPEATED: Final = re.compile(rb'table:number-rows-repeated="(\d+)"')
_ODS_HIDDEN: Final = re.compile(rb'table:visibility="(?:collapse|filter)"')
_MOST_ROWS: Final = 1_048_576


def hidden_rows_of_ods(archive: Archive, name: str) -> set[int]:
    """The hidden and filtered rows of one sheet of an OpenDocument workbook."""
    hidden: set[int] = set()
    number, ours = 0, False
    for window in _tag_windows(archive.pieces("content.xml")):
        for row, attributes in _ODS_TAG.findall(window):
            if not row:
                found = _ODS_NAME.search(attributes)
                number, ours = 0, bool(found and unescape(found[1].decode("utf-8", "replace")) == name)
                continue
            repeated = _ODS_REPEATED.search(attributes)
            times = min(int(repeated[1]), _MOST_ROWS) if repeated else 1
            if ours and _ODS_HIDDEN.search(attributes):
                hidden |= set(range(number + 1, min(number + times, _MOST_ROWS) + 1))
            number += times
    return hidden


def _tag_windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The XML cut behind a tag, so that no tag is in two windows."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(b">") + 1
        yield whole[:cut]
        rest = whole[cut:]
