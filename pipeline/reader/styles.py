"""How the cells of a sheet look: the number format of each column, and of the cells that differ from it.

Owns what is kept of number formats while a sheet is searched. What a format says: `pipeline.domain.number_formats`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pipeline.domain.number_formats import is_percent

MOST_CELLS: Final = 32_000_000
"""Cells between the first and the last one used. Calamine holds them all, at 32 bytes each: about 1 GB."""

_GENERAL: Final = ""
_PERCENT: Final = "0%"
_MOST_FORMATS: Final = 250
"""Different formats in one sheet, each kept as a byte. Those beyond count as General, or as a plain percentage."""


@dataclass(frozen=True, slots=True)
class ColumnStyle:
    """The look of one column: its usual format, the others in it, and by row number which one (0 the usual)."""

    usual: str = _GENERAL
    others: tuple[str, ...] = ()
    by_row: bytes = b""

    def at(self, row: int) -> str:
        """The format of the cell in a row."""
        place = self.by_row[row] if row < len(self.by_row) else 0
        return self.others[place - 1] if place else self.usual


@dataclass(slots=True)
class NumberFormats:
    """The number formats of the cells that hold a number, a byte each. Rows count from 1, columns from 0.

    `usual` are the formats of columns of which only the cells that differ are noted. `has_lost` says that some format
    could not be kept: there are too many of them, or it has no code.
    """

    usual: dict[int, str] = field(default_factory=dict)
    has_lost: bool = False
    _formats: list[str] = field(default_factory=lambda: [_GENERAL, _PERCENT])
    _codes: dict[str, int] = field(default_factory=lambda: {_GENERAL: 1, _PERCENT: 2})
    _columns: dict[int, bytearray] = field(default_factory=dict)
    _room: int = MOST_CELLS

    def note(self, row: int, column: int, look: str, rows: int = 1) -> None:
        """Keep the format of one cell, or of the cells of as many rows from it down.

        Nothing is kept beyond `MOST_CELLS`: such a sheet is refused as a whole.
        """
        cells = self._columns.get(column)
        if cells is None:
            cells = self._columns[column] = bytearray()
        short = row + rows - len(cells)
        if short > 0:
            if short > self._room:
                return
            self._room -= short
            cells.extend(bytes(short))
        code = self._codes.get(look)
        if code is None:
            code = self._code(look)
        if rows == 1:
            cells[row] = code
        else:
            cells[row : row + rows] = bytes((code,)) * rows

    def _code(self, look: str) -> int:
        if len(self._formats) >= _MOST_FORMATS:
            self.has_lost = True
            return self._codes[_PERCENT if is_percent(look) else _GENERAL]
        self._formats.append(look)
        self._codes[look] = len(self._formats)
        return len(self._formats)

    def columns(self) -> dict[int, ColumnStyle]:
        """The look of each column that has a number."""
        return {column: self._look(column) for column in self.usual.keys() | self._columns.keys()}

    def _look(self, column: int) -> ColumnStyle:
        noted = self._columns.get(column, bytearray())
        found = [code for code in range(1, len(self._formats) + 1) if code in noted]
        usual = self.usual.get(column)
        if usual is None:
            usual = self._formats[max(found, key=noted.count) - 1]
        others = [code for code in found if self._formats[code - 1] != usual]
        table = bytearray(256)
        for place, code in enumerate(others, 1):
            table[code] = place
        by_row = bytes(noted.translate(table)) if others else b""
        return ColumnStyle(usual, tuple(self._formats[code - 1] for code in others), by_row)
