"""Workbooks of the binary formats, made record by record: what LibreOffice does not write can stand in them.

A cell is a text, a number, a pair of a number and its format, an `Error`, a `Formula`, or None for nothing. A whole
number (`int`) stands in four bytes, as Excel writes them.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECTOR = 512
CODES = {"#REF!": 0x17, "#N/A": 0x2A, "#DIV/0!": 0x07}


@dataclass(frozen=True)
class Error:
    """An error value, typed or as the result of a formula."""

    text: str
    formula: bool = False


@dataclass(frozen=True)
class Formula:
    """A formula whose result is a number in this format."""

    number: float
    look: str


@dataclass
class Sheet:
    """One sheet. `hidden`, `flat` and `struck` are row numbers from 1, `columns` hidden ones from 0; `merges` are first
    and last row from 1, first and last column from 0.
    """

    rows: Sequence[Sequence[Any]]
    name: str = "Billing"
    from_1904: bool = False
    merges: Sequence[tuple[int, int, int, int]] = ()
    struck: Iterable[int] = ()
    hidden: Iterable[int] = ()
    flat: Iterable[int] = ()
    columns: Iterable[int] = ()
    state: int = 0
    extra: bytes = field(default=b"")

    def formats(self) -> list[str]:
        """Every number format in it, in the order of the styles from 1 on."""
        found = (
            cell.look if isinstance(cell, Formula) else cell[1]
            for row in self.rows
            for cell in row
            if isinstance(cell, tuple | Formula)
        )
        return list(dict.fromkeys(found))


def write_xls(path: Path, *sheets: Sheet, version: int = 0x0600, row_records: bool = True) -> Path:
    """An .xls of this version; without ROW records on request, which are optional."""
    formats = list(dict.fromkeys(look for sheet in sheets for look in sheet.formats()))
    bodies = [_old_sheet(sheet, formats, version, row_records) for sheet in sheets]

    def globals_at(starts: Sequence[int]) -> bytes:
        parts = [_old(0x0809, struct.pack("<HHHHII", version, 5, 0, 1997, 0, 6))]
        parts.append(_old(0x0022, struct.pack("<H", any(sheet.from_1904 for sheet in sheets))))
        parts += [
            _old(0x041E, struct.pack("<H", 164 + at) + _old_text(look, version)) for at, look in enumerate(formats)
        ]
        parts += [_old(0x0031, struct.pack("<HH", 200, flags) + bytes(12)) for flags in (0, 0x08)]
        parts += [
            _old(0x00E0, struct.pack("<HH", font, number) + bytes(16))
            for font in (0, 1)
            for number in (0, *range(164, 164 + len(formats)))
        ]
        for sheet, start in zip(sheets, starts, strict=True):
            name = sheet.name.encode("latin-1")
            flags = b"\0" if version == 0x0600 else b""
            parts.append(_old(0x0085, struct.pack("<IBBB", start, sheet.state, 0, len(name)) + flags + name))
        return b"".join([*parts, _old(0x000A, b"")])

    starts, at = [], len(globals_at([0] * len(sheets)))
    for body in bodies:
        starts.append(at)
        at += len(body)
    path.write_bytes(contained("Workbook" if version == 0x0600 else "Book", globals_at(starts) + b"".join(bodies)))
    return path


def _old(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _old_text(text: str, version: int) -> bytes:
    if version == 0x0600 and not text.isascii():
        return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")
    if version == 0x0600:
        return struct.pack("<HB", len(text), 0) + text.encode("latin-1")
    return struct.pack("<B", len(text)) + text.encode("latin-1")


def _old_sheet(sheet: Sheet, formats: Sequence[str], version: int, row_records: bool) -> bytes:
    parts = [_old(0x0809, struct.pack("<HHHHII", version, 16, 0, 1997, 0, 6)), sheet.extra]
    parts += [_old(0x007D, struct.pack("<6H", column, column, 2000, 0, 1, 0)) for column in sheet.columns]
    for number, row in enumerate(sheet.rows if row_records else (), 1):
        height = 0 if number in sheet.flat else 300
        flags = 0x100 | (0x20 if number in sheet.hidden else 0)
        parts.append(_old(0x0208, struct.pack("<6HI", number - 1, 0, len(row), height, 0, 0, flags | 0xF0000)))
    for number, row in enumerate(sheet.rows):
        for column, cell in enumerate(row):
            if cell is not None:
                record = bytearray(_old_cell(struct.pack("<HH", number, column), cell, formats, version))
                record[8] += (1 + len(formats)) * (number + 1 in sheet.struck)
                parts.append(bytes(record))
    if sheet.merges:
        spans = b"".join(struct.pack("<4H", top - 1, bottom - 1, *columns) for top, bottom, *columns in sheet.merges)
        parts.append(_old(0x00E5, struct.pack("<H", len(sheet.merges)) + spans))
    return b"".join([*parts, _old(0x000A, b"")])


def _old_cell(place: bytes, cell: Any, formats: Sequence[str], version: int) -> bytes:
    plain = place + b"\0\0"
    match cell:
        case str():
            text = (
                _old_text(cell, version) if version == 0x0600 else struct.pack("<H", len(cell)) + cell.encode("latin-1")
            )
            return _old(0x0204, plain + text)
        case Error(text, formula=True):
            return _old(0x0006, plain + bytes((2, 0, CODES[text], 0, 0, 0, 0xFF, 0xFF)) + bytes(6) + b"\0\0")
        case Error(text):
            return _old(0x0205, plain + bytes((CODES[text], 1)))
        case Formula(number, look):
            return _old(0x0006, place + struct.pack("<Hd", 1 + formats.index(look), number) + bytes(6) + b"\0\0")
        case (int(number), look):
            return _old(0x027E, place + struct.pack("<HI", 1 + formats.index(look), number << 2 | 2))
        case (number, look):
            return _old(0x0203, place + struct.pack("<Hd", 1 + formats.index(look), number))
        case _:
            return _old(0x0203, plain + struct.pack("<d", cell))


def contained(name: str, stream: bytes) -> bytes:
    """A compound file with this one stream ([MS-CFB]): header, one sector of chains, one of names, the stream."""
    stream = stream.ljust(4096, b"\0")
    count = -(-len(stream) // SECTOR)
    assert count <= SECTOR // 4 - 2
    chains = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, count + 2), 0xFFFFFFFE]
    fat = struct.pack(f"<{len(chains)}I", *chains).ljust(SECTOR, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0) + b"\xff" * 432
    names = _entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _entry(name, 2, 0xFFFFFFFF, 2, len(stream))
    names += (bytes(68) + b"\xff" * 12 + bytes(48)) * 2
    return header + fat + names + stream.ljust(count * SECTOR, b"\0")


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    spelt = (name + "\0").encode("utf-16-le")
    entry = spelt.ljust(64, b"\0") + struct.pack("<HBB3I", len(spelt), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
    return entry + bytes(36) + struct.pack("<IQ", start, size)


PACKAGE = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
    ' Target="xl/workbook.bin"/></Relationships>',
}


def write_xlsb(path: Path, *sheets: Sheet) -> Path:
    """An .xlsb: the same sheets as binary parts in a zip."""
    formats = list(dict.fromkeys(look for sheet in sheets for look in sheet.formats()))
    links = "".join(
        f'<Relationship Id="rId{at}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        f'worksheet" Target="worksheets/sheet{at}.bin"/>'
        for at in range(1, len(sheets) + 1)
    )
    book = _new(131) + _new(153, struct.pack("<III", any(sheet.from_1904 for sheet in sheets), 0, 0))
    book += _new(143)
    for at, sheet in enumerate(sheets, 1):
        book += _new(156, struct.pack("<II", sheet.state, at) + _new_text(f"rId{at}") + _new_text(sheet.name))
    book += _new(144) + _new(132)
    styles = _new(278) + _new(615, struct.pack("<I", len(formats)))
    styles += b"".join(_new(44, struct.pack("<H", 164 + at) + _new_text(look)) for at, look in enumerate(formats))
    styles += _new(616) + _new(611, struct.pack("<I", 2))
    styles += b"".join(_new(43, struct.pack("<HH", 220, flags) + bytes(17)) for flags in (0, 0x08)) + _new(612)
    styles += _new(617, struct.pack("<I", 2 * (len(formats) + 1)))
    for font in (0, 1):
        for number in (0, *range(164, 164 + len(formats))):
            styles += _new(47, struct.pack("<HHH", 0, number, font) + bytes(10))
    styles += _new(618) + _new(279)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in PACKAGE.items():
            archive.writestr(name, content)
        archive.writestr("xl/workbook.bin", book)
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>',
        )
        archive.writestr("xl/styles.bin", styles)
        for at, sheet in enumerate(sheets, 1):
            archive.writestr(f"xl/worksheets/sheet{at}.bin", _new_sheet(sheet, formats))
    return path


def _new(kind: int, body: bytes = b"") -> bytes:
    head = bytes((kind,)) if kind < 0x80 else bytes((kind & 0x7F | 0x80, kind >> 7))
    size, length = b"", len(body)
    while True:
        length, part = length >> 7, length & 0x7F
        size += bytes((part | (0x80 if length else 0),))
        if not length:
            return head + size + body


def _new_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _new_sheet(sheet: Sheet, formats: Sequence[str]) -> bytes:
    width = max(len(row) for row in sheet.rows)
    parts = [_new(129), _new(148, struct.pack("<4I", 0, len(sheet.rows) - 1, 0, width - 1))]
    if sheet.columns:
        parts.append(_new(390))
        parts += [_new(60, struct.pack("<4IH", column, column, 2000, 0, 1)) for column in sheet.columns]
        parts.append(_new(391))
    parts.append(_new(145))
    for number, row in enumerate(sheet.rows, 1):
        height = 0 if number in sheet.flat else 300
        flags = 0x10 if number in sheet.hidden else 0
        parts.append(_new(0, struct.pack("<IIHBBBI", number - 1, 0, height, 0, flags, 0, 0)))
        for column, cell in enumerate(row):
            if cell is not None:
                record = bytearray(_new_cell(column, cell, formats))
                record[6] += (1 + len(formats)) * (number in sheet.struck)
                parts.append(bytes(record))
    parts += [sheet.extra, _new(146)]
    parts += [_new(176, struct.pack("<4I", top - 1, bottom - 1, *columns)) for top, bottom, *columns in sheet.merges]
    return b"".join([*parts, _new(130)])


def _new_cell(column: int, cell: Any, formats: Sequence[str]) -> bytes:
    plain = struct.pack("<II", column, 0)
    match cell:
        case str():
            return _new(6, plain + _new_text(cell))
        case Error(text, formula=True):
            return _new(11, plain + bytes((CODES[text],)) + struct.pack("<HII", 0, 0, 0))
        case Error(text):
            return _new(3, plain + bytes((CODES[text],)))
        case Formula(number, look):
            return _new(9, struct.pack("<IIdHII", column, 1 + formats.index(look), number, 0, 0, 0))
        case (int(number), look):
            return _new(2, struct.pack("<III", column, 1 + formats.index(look), number << 2 | 2))
        case (number, look):
            return _new(5, struct.pack("<IId", column, 1 + formats.index(look), number))
        case _:
            return _new(5, plain + struct.pack("<d", cell))
