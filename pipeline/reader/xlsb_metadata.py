"""What calamine does not show of an .xlsb: hidden rows and columns, error values, number formats.

Owns the search of the binary parts in the zip ([MS-XLSB] 2.4): records of a type and a size, each of one byte or more.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.reader.archive import Archive
from pipeline.reader.metadata import (
    BUILT_IN_FORMATS,
    ERRORS,
    MOST_COLUMNS,
    UNKNOWN_ERROR,
    MetadataError,
    SheetMetadata,
    Styles,
    looks_of_styles,
    number_of,
)
from pipeline.reader.xlsx_metadata import related

_WORKBOOK: Final = "xl/workbook.bin"
_STYLES: Final = "xl/styles.bin"

_ROW: Final = 0
_CELL_ERROR: Final = 3
_RK: Final = 2
_NUMBERS: Final = frozenset((_RK, 5, 9))  # and Real, FmlaNum
_ERRORS: Final = frozenset((_CELL_ERROR, 11))  # Error, FmlaError
_CELLS: Final = frozenset(range(2, 12))
_FONT: Final = 43
_STRUCK: Final = 0x08
_FORMAT: Final = 44
_XF: Final = 47
_COLUMNS: Final = 60
_BEGIN_DATA: Final = 145
_END_DATA: Final = 146
_PROPERTIES: Final = 153
_SHEET: Final = 156
_MERGE: Final = 176
_BEGIN_XFS: Final = 617
_END_XFS: Final = 618

_MOST_ROWS: Final = 1_048_576
_LONGEST: Final = 1 << 24
"""Bytes. A text of 32,767 characters and its formula have a hundred times less."""
_DOUBLE: Final = struct.Struct("<d")
_PLACE: Final = struct.Struct("<II")
_ZERO_HEIGHT: Final = 0x10
_NO_TEXT: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class XlsbWorkbook:
    """The member of each sheet by its name, none when the workbook's list can't be read, and where days begin."""

    members: dict[str, str]
    from_1904: bool = False


def open_xlsb(archive: Archive) -> XlsbWorkbook:
    """Read the workbook's own part."""
    members = {}
    from_1904 = False
    try:
        relations = related(archive, _WORKBOOK)
        for kind, body in _records(archive, _WORKBOOK):
            if kind == _SHEET:
                relation, at = _text(body, 8)
                name, _ = _text(body, at)
                if relation in relations and relations[relation].member in archive:
                    members[name] = relations[relation].member
            elif kind == _PROPERTIES:
                from_1904 = bool(body[0] & 1)
    except (struct.error, IndexError, MetadataError):
        return XlsbWorkbook({})
    return XlsbWorkbook(members, from_1904)


def styles_of_xlsb(archive: Archive) -> Styles:
    """The cell styles; none when they can't be read."""
    codes = dict(BUILT_IN_FORMATS)
    styles: list[int] = []
    fonts: list[int] = []
    struck: list[bool] = []
    of_cells = False
    try:
        for kind, body in _records(archive, _STYLES) if _STYLES in archive else ():
            if kind == _FORMAT:
                codes[int.from_bytes(body[:2], "little")] = _text(body, 2)[0]
            elif kind == _FONT:
                struck.append(bool(body[2] & _STRUCK))
            elif kind in {_BEGIN_XFS, _END_XFS}:
                of_cells = kind == _BEGIN_XFS
            elif kind == _XF and of_cells:
                styles.append(int.from_bytes(body[2:4], "little"))
                fonts.append(int.from_bytes(body[4:6], "little"))
    except (struct.error, IndexError, MetadataError):
        return Styles()
    through = frozenset(style for style, font in enumerate(fonts) if font < len(struck) and struck[font])
    return Styles(looks_of_styles(codes, styles), through)


def metadata_of_xlsb(archive: Archive, member: str, styles: Styles) -> SheetMetadata:
    """Search one sheet. Raises NotShown when its records can't be followed to the end of its rows."""
    metadata = SheetMetadata(columns=0)
    has_rows = False
    try:
        records = _records(archive, member)
        for kind, body in records:
            if kind == _COLUMNS:
                _note_columns(body, metadata)
            elif kind == _BEGIN_DATA:
                _note_rows(records, styles, metadata)
                has_rows = True
            elif kind == _MERGE:
                top, bottom, left, right = struct.unpack_from("<4I", body)
                metadata.note_merge((top + 1, bottom + 1), (left, right))
    except (struct.error, IndexError, MetadataError):
        if not has_rows:
            raise MetadataError from None
    if not has_rows:
        raise MetadataError
    return metadata


def _note_rows(records: Iterator[tuple[int, bytes]], styles: Styles, metadata: SheetMetadata) -> None:
    """The rows and their cells, up to their end. Raises NotShown when there is none."""
    row = 0
    for kind, body in records:
        if kind in _CELLS:
            _note_cell(kind, body, row, metadata, styles)
        elif kind == _ROW:
            row = int.from_bytes(body[:4], "little") + 1
            if row > _MOST_ROWS:
                raise MetadataError
            if body[11] & _ZERO_HEIGHT or not int.from_bytes(body[8:10], "little"):
                metadata.hidden_rows.add(row)
        elif kind == _COLUMNS:
            _note_columns(body, metadata)
        elif kind == _END_DATA:
            return
    raise MetadataError


def _note_cell(kind: int, body: bytes, row: int, metadata: SheetMetadata, styles: Styles) -> None:
    column, style = _PLACE.unpack_from(body)
    style &= 0xFFFFFF
    if column >= MOST_COLUMNS:
        raise MetadataError
    metadata.rows = max(metadata.rows, row)
    metadata.columns = max(metadata.columns, column + 1)
    if style in styles.struck:
        metadata.note_struck(row, column)
    if kind in _NUMBERS:
        value = number_of(body[8:12]) if kind == _RK else _DOUBLE.unpack_from(body, 8)[0]
        metadata.note_number(row, column, styles.look(style), value)
    elif kind in _ERRORS:
        metadata.patch(row, column, "e", ERRORS.get(body[8], UNKNOWN_ERROR))


def _note_columns(body: bytes, metadata: SheetMetadata) -> None:
    first, last, width, _, flags = struct.unpack_from("<4IH", body)
    if flags & 1 or not width:
        metadata.hidden_columns |= set(range(first, min(last + 1, MOST_COLUMNS)))


def _text(body: bytes, at: int) -> tuple[str, int]:
    """The text that stands at `at`, and where it ends."""
    length = int.from_bytes(body[at : at + 4], "little")
    if length == _NO_TEXT:
        return "", at + 4
    end = at + 4 + length * 2
    if end > len(body):
        raise MetadataError
    return body[at + 4 : end].decode("utf-16-le", "replace"), end


def _records(archive: Archive, member: str) -> Iterator[tuple[int, bytes]]:
    """The records of a part, read piece by piece. Raises NotShown when one is endless or cut off."""
    rest = b""
    for piece in archive.pieces(member):
        rest += piece
        at = 0
        while (head := _head(rest, at)) is not None:
            kind, size, start = head
            if size > _LONGEST:
                raise MetadataError
            if start + size > len(rest):
                break
            at = start + size
            yield kind, rest[start:at]
        rest = rest[at:]
    if rest:
        raise MetadataError


def _head(rest: bytes, at: int) -> tuple[int, int, int] | None:
    """Type and size of the record at `at` and where its content begins; None when its head is cut off."""
    try:
        kind = rest[at]
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (rest[at] & 0x7F) << 7
            at += 1
        size = shift = 0
        while True:
            part = rest[at]
            at += 1
            size |= (part & 0x7F) << shift
            shift += 7
            if part < 0x80 or shift == 28:  # noqa: PLR2004 - [MS-XLSB] 2.1.4: seven bits each, four bytes at most
                return kind, size, at
    except IndexError:
        return None
