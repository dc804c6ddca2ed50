"""What calamine does not show of an .xls: hidden rows and columns, error values, number formats.

Owns the search of the stream `Workbook` (`Book` before Excel 97) in the old container of Microsoft's. Its records are
read one after the other, and only those that tell one of these things are looked into ([MS-XLS] 2.4; the versions 5 and
8 have the same records for them).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

import olefile

from pipeline.reader.facts import (
    BUILT_IN_FORMATS,
    ERRORS,
    UNKNOWN_ERROR,
    Facts,
    NotShown,
    Styles,
    looks_of_styles,
    number_of,
)

_STREAMS: Final = ("Workbook", "Book")
_MACROS: Final = ("_VBA_PROJECT_CUR", "_VBA_PROJECT")

_BOF: Final = 0x0809
_EOF: Final = 0x000A
_MERGES: Final = 0x00E5
_LOCK: Final = 0x002F
_DATES: Final = 0x0022
_BOUNDSHEET: Final = 0x0085
_FORMAT: Final = 0x041E
_FONT: Final = 0x0031
_STRUCK: Final = 0x08
_XF: Final = 0x00E0
_DEFAULT_HEIGHT: Final = 0x0225
_COLUMNS: Final = 0x007D
_ROW: Final = 0x0208
_ERROR: Final = 0x0205
_FORMULA: Final = 0x0006
_NUMBER: Final = 0x0203
_RK: Final = 0x027E
_NUMBERS: Final = 0x00BD
_VALUES: Final = frozenset((_NUMBER, _RK, _NUMBERS, _ERROR, _FORMULA))
_TEXTS: Final = frozenset((0x00FD, 0x0204, 0x00D6))
"""Records of cells that hold something; of a text, only its row can matter."""
_TELLING: Final = _VALUES | _TEXTS | {_ROW, _COLUMNS, _DEFAULT_HEIGHT, _MERGES}

_BIFF8: Final = 0x0600
_MOST_COLUMNS: Final = 256
_HEAD: Final = struct.Struct("<HH")
_DOUBLE: Final = struct.Struct("<d")
_PLACE: Final = struct.Struct("<HHH")
_ZERO_HEIGHT: Final = 0x20
_HEIGHT: Final = 0x7FFF
_NOT_A_NUMBER: Final = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class OldWorkbook:
    """The stream of an .xls, where each of its sheets begins in it, and its cell styles.

    `sheets` has every BOUNDSHEET in order, which is calamine's order too.
    """

    stream: bytes
    sheets: tuple[int, ...]
    styles: Styles
    from_1904: bool
    is_locked: bool
    has_macros: bool

    def facts(self, index: int) -> Facts:
        """Search the sheet at `index`. Raises NotShown when its records can't be followed."""
        if index >= len(self.sheets):
            raise NotShown
        facts = Facts(from_1904=self.from_1904)
        try:
            self._search(self.sheets[index], facts)
        except (struct.error, IndexError):
            raise NotShown from None
        return facts

    def _search(self, start: int, facts: Facts) -> None:
        shown: set[int] = set()
        used: set[int] = set()
        for kind, body in _of_sheet(self.stream, start):
            if kind in _VALUES:
                self._note_cell(kind, body, facts, used)
            elif kind in _TEXTS:
                row, column, style = _PLACE.unpack_from(body)
                used.add(row + 1)
                self._note_struck(row + 1, column, style, facts)
            elif kind == _ROW:
                _note_row(body, facts, shown)
            elif kind == _COLUMNS:
                _note_columns(body, facts)
            elif kind == _MERGES:
                # [MS-XLS] 2.4.168: how many, then first and last row and column of each
                for top, bottom, left, right in struct.iter_unpack("<4H", body[2:]):
                    facts.note_merge((top + 1, bottom + 1), (left, right))
            else:
                facts.all_hidden = bool(body[0] & 2)
        if facts.all_hidden:
            facts.hidden_rows |= used - shown

    def _note_cell(self, kind: int, body: bytes, facts: Facts, used: set[int]) -> None:
        row, column, style = _PLACE.unpack_from(body)
        used.add(row + 1)
        if kind != _NUMBERS:
            self._note_struck(row + 1, column, style, facts)
        if kind == _NUMBER:
            facts.note_number(row + 1, column, self.styles.look(style), *_DOUBLE.unpack_from(body, 6))
        elif kind == _RK:
            facts.note_number(row + 1, column, self.styles.look(style), number_of(body[6:10]))
        elif kind == _NUMBERS:
            # row, first column, then a style of 2 bytes and a number of 4 for each, then the last column
            for place, start in enumerate(range(4, len(body) - 6, 6)):
                style = int.from_bytes(body[start : start + 2], "little")
                self._note_struck(row + 1, column + place, style, facts)
                look = self.styles.look(style)
                facts.note_number(row + 1, column + place, look, number_of(body[start + 2 : start + 6]))
        elif kind == _ERROR and body[7]:
            facts.patch(row + 1, column, "e", ERRORS.get(body[6], UNKNOWN_ERROR))
        elif kind == _FORMULA:
            if body[12:14] != _NOT_A_NUMBER:
                facts.note_number(row + 1, column, self.styles.look(style), *_DOUBLE.unpack_from(body, 6))
            elif body[6] == 2:  # noqa: PLR2004 - [MS-XLS] 2.5.133: the result is an error value
                facts.patch(row + 1, column, "e", ERRORS.get(body[8], UNKNOWN_ERROR))

    def _note_struck(self, row: int, column: int, style: int, facts: Facts) -> None:
        if style in self.styles.struck:
            facts.note_struck(row, column)


def open_old(path: Path) -> OldWorkbook:
    """Find the sheets and styles of an .xls. Raises NotShown when its structure is damaged."""
    try:
        with olefile.OleFileIO(path) as container:
            name = next((name for name in _STREAMS if container.exists(name)), None)
            if name is None:
                raise NotShown
            stream = container.openstream(name).read()
            has_macros = any(map(container.exists, _MACROS))
        if _is_locked(stream):
            return OldWorkbook(b"", (), Styles(), from_1904=False, is_locked=True, has_macros=has_macros)
        return OldWorkbook(stream, *_globals(stream), is_locked=False, has_macros=has_macros)
    # The container's reader has failures of many kinds for damaged files.
    except (OSError, ValueError, TypeError, AttributeError, LookupError, struct.error, RecursionError):
        raise NotShown from None


def _is_locked(stream: bytes) -> bool:
    """Whether a password protects the stream: all behind this record is in cipher ([MS-XLS] 2.4.117)."""
    kinds = (kind for kind, _ in _records(stream, 0))
    return _LOCK in takewhile(lambda kind: kind not in {_EOF, _BOUNDSHEET}, kinds)


def _globals(stream: bytes) -> tuple[tuple[int, ...], Styles, bool]:
    """Where the sheets begin, the cell styles, and whether days are counted from 1904 on."""
    version = 0
    from_1904 = False
    sheets: list[int] = []
    codes = dict(BUILT_IN_FORMATS)
    styles: list[int] = []
    fonts: list[int] = []
    struck: list[bool] = []
    for kind, body in _records(stream, 0):
        if kind == _BOF:
            version = int.from_bytes(body[:2], "little")
        elif kind == _DATES:
            from_1904 = bool(body[0])
        elif kind == _BOUNDSHEET:
            sheets.append(int.from_bytes(body[:4], "little"))
        elif kind == _FORMAT:
            codes[int.from_bytes(body[:2], "little")] = _format_code(body, version)
        elif kind == _XF:
            styles.append(int.from_bytes(body[2:4], "little"))
            fonts.append(int.from_bytes(body[:2], "little"))
        elif kind == _FONT:
            struck.append(bool(body[2] & _STRUCK))
        elif kind == _EOF:
            break
    if not sheets:
        raise NotShown
    # There is no font 4: [MS-XLS] 2.5.129.
    places = [font - (font > 4) for font in fonts]  # noqa: PLR2004 - as said
    through = frozenset(style for style, font in enumerate(places) if font < len(struck) and struck[font])
    return tuple(sheets), Styles(looks_of_styles(codes, styles), through), from_1904


def _format_code(body: bytes, version: int) -> str:
    if version < _BIFF8:
        return body[3 : 3 + body[2]].decode("cp1252", "replace")
    length, wide = int.from_bytes(body[2:4], "little"), body[4] & 1
    text = body[5 : 5 + length * (1 + wide)]
    return text.decode("utf-16-le" if wide else "latin-1", "replace")


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records from `at` on. Raises NotShown when one reaches beyond the end."""
    end = len(stream)
    unpack = _HEAD.unpack_from
    while at + 4 <= end:
        kind, size = unpack(stream, at)
        at += 4 + size
        if at > end:
            raise NotShown
        yield kind, stream[at - size : at]


def _of_sheet(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The records of one sheet that tell something, without those of charts inside it.

    Raises NotShown when the sheet has no beginning or no end.
    """
    at, end, depth = start, len(stream), 0
    unpack = _HEAD.unpack_from
    while at + 4 <= end:
        kind, size = unpack(stream, at)
        at += 4 + size
        if kind == _BOF:
            depth += 1
        elif not depth or at > end:
            break
        elif kind == _EOF:
            depth -= 1
            if not depth:
                return
        elif kind in _TELLING and depth == 1:
            yield kind, stream[at - size : at]
    raise NotShown


def _note_row(body: bytes, facts: Facts, shown: set[int]) -> None:
    """[MS-XLS] 2.4.221. A row without any height is as invisible as a hidden one."""
    row = int.from_bytes(body[:2], "little") + 1
    height = int.from_bytes(body[6:8], "little") & _HEIGHT
    if body[12] & _ZERO_HEIGHT or not height:
        facts.hidden_rows.add(row)
    else:
        shown.add(row)


def _note_columns(body: bytes, facts: Facts) -> None:
    """[MS-XLS] 2.4.53."""
    first, last, width, _, flags = struct.unpack_from("<5H", body)
    if flags & 1 or not width:
        facts.hidden_columns |= set(range(first, min(last + 1, _MOST_COLUMNS)))
