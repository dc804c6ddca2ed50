"""The shape of a cell: what a helper needs to see of it, and nothing of what it says.

`Jane Roe` becomes `Aaaa Aaa`, `9876541` becomes `999****`. What is odd about a text stays visible: letters beyond
ASCII, blanks that are no spaces, signs.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.domain.errors import RunError
from pipeline.domain.model import Column, SheetRow, kind_of
from pipeline.reader import ALL_SHEETS, ReadOptions, Table, open_table

SHOWN_DIGITS: Final = 3
"""Digits of a cell that become 9; the others become *."""

MOST_SHAPES: Final = 12
"""How many shapes of a column are listed, the most frequent first."""

MOST_LENGTH: Final = 60


def shape(text: str) -> str:
    """The shape of a text. No two letters of it survive, and no digit."""
    digits = 0
    parts = []
    for character in text[:MOST_LENGTH]:
        if character.isnumeric():
            digits += 1
            parts.append("9" if digits <= SHOWN_DIGITS else "*")
        else:
            parts.append(_of_one(character))
    return "".join(parts) + ("…" if len(text) > MOST_LENGTH else "")


def _of_one(character: str) -> str:
    if character.isalpha():
        plain = "A" if character.isupper() else "a"
        return plain if character.isascii() else {"A": "À", "a": "à"}[plain]
    if character == " " or (character.isascii() and character.isprintable()):
        return character
    # What can't be seen, or is easily taken for something else, by its number.
    return f"<{unicodedata.category(character)} {ord(character):04X}>"


@dataclass(frozen=True, slots=True)
class ColumnShapes:
    """A column: its field or `own`, the shape of its heading, and how often each shape of a cell comes."""

    field: str
    heading: str
    kinds: dict[str, int]
    shapes: dict[str, int]
    others: int


@dataclass(frozen=True, slots=True)
class SheetShapes:
    """A sheet without its values. `refused` is the code of why it could not be read, or empty."""

    ending: str
    bytes: int
    refused: str = ""
    heading_row: int = 0
    rows: int = 0
    columns: tuple[ColumnShapes, ...] = ()
    notices: tuple[str, ...] = ()


def shapes_of(path: Path) -> SheetShapes:
    """Look at a sheet. For an unreadable one, give the reason without its parameters."""
    size = path.stat().st_size if path.is_file() else 0
    try:
        table = open_table(path, ReadOptions((ALL_SHEETS,), hidden="include", amount_optional=True))
        return _told(table, path, size)
    except RunError as failure:
        return SheetShapes(_ending(path), size, refused=failure.text)


def _ending(path: Path) -> str:
    """The file name's ending where it is one that sheets have: names can be somebody's."""
    known = {".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".html", ".htm"}
    return path.suffix.casefold() if path.suffix.casefold() in known else "other"


def _told(table: Table, path: Path, size: int) -> SheetShapes:
    counted = [_Counted(column) for column in table.columns]
    rows = 0
    for row in (row for chunk in table.chunks() for row in chunk):
        rows += 1
        for one in counted:
            one.count(row)
    return SheetShapes(
        ending=_ending(path),
        bytes=size,
        heading_row=table.heading_row,
        rows=rows,
        columns=tuple(one.told() for one in counted),
        notices=tuple(notice.code for notice in table.notices),
    )


class _Counted:
    """The shapes of one column, counted while the sheet is read."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._shapes: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def count(self, row: SheetRow) -> None:
        """Add a row's cell."""
        self._shapes[shape(row.cells[self._column.index])] += 1
        self._kinds[kind_of(row.kinds[self._column.index])] += 1

    def told(self) -> ColumnShapes:
        """What was counted."""
        most = dict(self._shapes.most_common(MOST_SHAPES))
        return ColumnShapes(
            field=self._column.field or "own",
            heading=shape(self._column.heading),
            kinds=dict(self._kinds),
            shapes=most,
            others=len(self._shapes) - len(most),
        )
