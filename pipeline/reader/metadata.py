"""What a workbook says of a sheet beside its values, whatever its format: the plain type that the searches fill."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.domain.number_formats import is_date_format
from pipeline.reader.grid import Merge
from pipeline.reader.native import number_text
from pipeline.reader.styles import NumberFormats

MOST_COLUMNS: Final = 16_384
"""Columns that a sheet of any of these formats has. A damaged record may name more."""


LONGEST_ROW: Final = 64 << 20
"""Bytes of XML: sixteen thousand columns of four thousand characters. A row without an end would be held whole."""


class MetadataError(Exception):
    """A workbook's structure is damaged in a way that hides what calamine does not show: which rows a person sees."""


@dataclass(slots=True)
class SheetMetadata:
    """What is known of a sheet beside its values. Rows count from 1, columns from 0.

    `patches` are cells whose value calamine leaves empty: row -> column -> kind and text. `looks` are the formats of
    its numbers. `rows` and `columns` bound what the sheet uses. `unseen` says that hidden rows can't be told,
    `from_1904` that days are counted from 1904 on. `merges` are cells that are one,
    `struck` the columns of struck-through cells by row.
    """

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    patches: dict[int, dict[int, tuple[str, str]]] = field(default_factory=dict)
    looks: NumberFormats = field(default_factory=NumberFormats)
    rows: int = 0
    columns: int = 26
    rows_seen: int = 0
    all_hidden: bool = False
    unseen: bool = False
    from_1904: bool = False
    merges: list[Merge] = field(default_factory=list)
    struck: dict[int, set[int]] = field(default_factory=dict)

    def note_number(self, row: int, column: int, look: str, value: float) -> None:
        """The format of a number. One below zero is no date: calamine would make a time of day of it."""
        self.looks.note(row, column, look)
        if value < 0 and is_date_format(look):
            self.patch(row, column, "n", number_text(value))

    def note_struck(self, row: int, column: int) -> None:
        """A cell that holds something and is struck through."""
        self.struck.setdefault(row, set()).add(column)

    def note_merge(self, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        """Cells that are merged, by their first and last row and column."""
        if rows[0] < rows[1] or columns[0] < columns[1]:
            self.merges.append(Merge(*rows, *columns))

    def patch(self, row: int, column: int, kind: str, text: str) -> None:
        """A cell that has this kind and text, whatever calamine gives."""
        self.patches.setdefault(row, {})[column] = (kind, text)


def mark_between(before: str, after: str) -> str:
    """What is put between two texts of different looks: a mark where the digits of both would be one number."""
    return "^" if before.rstrip()[-1:].isdecimal() and after.lstrip()[:1].isdecimal() else ""


@dataclass(frozen=True, slots=True)
class Styles:
    """The cell styles of a workbook by number: their number formats (`""` for General), and those struck through.

    `texts` are the shared texts with letters of their own looks, by their number in the XML: each with its digits set
    apart where their looks differ, and whether all of it is struck through.
    """

    looks: tuple[str, ...] = ()
    struck: frozenset[int] = frozenset()
    texts: Mapping[bytes, tuple[str, bool]] = field(default_factory=dict)

    def look(self, style: int) -> str:
        """The number format of a style; General for one that is not there."""
        return self.looks[style] if style < len(self.looks) else ""


def looks_of_styles(codes: Mapping[int, str], styles: Iterable[int]) -> tuple[str, ...]:
    """The number format of every cell style, from its number; `""` for General and for what has no code."""
    looks = (codes.get(style, "") for style in styles)
    return tuple("" if look.casefold() == "general" else look for look in looks)


def number_of(rk: bytes) -> float:
    """The number in four bytes: its upper half, or a whole number, perhaps a hundredth of it ([MS-XLS] 2.5.217)."""
    bits = int.from_bytes(rk, "little", signed=True)
    if bits & _IS_WHOLE:
        number = float(bits >> 2)
    else:
        (number,) = _DOUBLE.unpack(bytes(4) + (bits & ~3).to_bytes(4, "little", signed=True))
    return number / 100 if bits & _IS_HUNDREDTH else number


_DOUBLE: Final = struct.Struct("<d")
_IS_HUNDREDTH: Final = 1
_IS_WHOLE: Final = 2

ERRORS: Final = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip
"""Error values of the binary formats ([MS-XLS] 2.5.10)."""

UNKNOWN_ERROR: Final = "#UNKNOWN!"
"""For an error value that is not in the list of them: it is one all the same."""

BUILT_IN_FORMATS: Final = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0;-"$"#,##0', 6: '"$"#,##0;[Red]-"$"#,##0',
    7: '"$"#,##0.00;-"$"#,##0.00', 8: '"$"#,##0.00;[Red]-"$"#,##0.00', 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?", 13: "# ??/??", 14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0 ;(#,##0)", 38: "#,##0 ;[Red](#,##0)",
    39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;[Red](#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mmss.0",
    48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Formats that a workbook names by number only (ECMA-376, 18.8.30)."""
