"""An HTML page called .xls, as billing portals export them: its tables, cell by cell.

Owns the reading of tables from any markup that a browser would show. Scripts and links are never followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from pipeline.model import InputFailure
from pipeline.sheet.encodings import Encoding, read_text
from pipeline.sheet.grid import Book, Grid, Record
from pipeline.spoken import Figure
from schemas.faults import Fault

_MAX_SPAN: Final = 1000
"""A browser's own limit for `colspan`; more than that is nonsense or an attack."""
_MOST_SPANNED: Final = 1_000_000
"""Blank cells that a page may make by its spans: a few bytes of it make a thousand."""
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_BREAKS: Final = ("br", "p", "div", "li")
_UNSEEN: Final = ("script", "style", "head", "title")


def open_page(path: Path) -> Book:
    """Every table of the page is a sheet, named by its number when there are several."""
    text, encoding = read_text(path)
    parser = _Tables()
    try:
        parser.feed(text)
        parser.close()
    except AssertionError:  # what Python's parser says of a declaration that it does not know
        raise InputFailure("sheet.damaged", path=str(path)) from None
    tables = [rows for rows in parser.tables if rows]
    if not tables:
        raise InputFailure("sheet.page_without_table", path=str(path))
    names = tuple(str(number) for number in range(1, len(tables) + 1)) if len(tables) > 1 else ("",)
    grids = {name: Grid(name, partial(_records, rows)) for name, rows in zip(names, tables, strict=True)}
    return Book(names, grids.__getitem__, notices=_notices(encoding))


def _notices(encoding: Encoding) -> tuple[Fault, ...]:
    return (Fault("page-read-as-sheet"), *encoding.notices)


def _records(rows: list[list[str]]) -> Iterator[Record]:
    for number, cells in enumerate(rows, 1):
        if any(cell.strip() for cell in cells):
            yield Record(number, cells, "s" * len(cells))


class _Tables(HTMLParser):
    """Collects the rows of every table; tables inside cells are tables of their own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._open: list[_Open] = []
        self._unseen = 0
        self._spanned = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN and tag != "head":
            self._unseen += 1
        elif tag == "table":
            table = _Open()
            self.tables.append(table.rows)
            self._open.append(table)
        elif not self._open:
            return
        elif tag == "tr":
            self._open[-1].start_row()
        elif tag in {"td", "th"}:
            spans = {name: _span(value) for name, value in attrs if name in {"colspan", "rowspan"}}
            columns, rows = spans.get("colspan", 1), spans.get("rowspan", 1)
            self._spanned += columns * rows - 1
            if self._spanned > _MOST_SPANNED:
                raise InputFailure("sheet.too_many_spans", limit=Figure(_MOST_SPANNED))
            self._open[-1].start_cell(columns, rows)
        elif tag in _BREAKS:
            self._open[-1].text("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and tag != "head":
            self._unseen = max(0, self._unseen - 1)
        elif tag == "table" and self._open:
            self._open.pop().end_cell()
        elif self._open and tag in {"td", "th", "tr"}:
            self._open[-1].end_cell()

    def handle_data(self, data: str) -> None:
        if self._open and not self._unseen:
            self._open[-1].text(_SPACE.sub(" ", data))

    def close(self) -> None:
        """A page cut off in the middle still gives its last cell."""
        super().close()
        while self._open:
            self._open.pop().end_cell()


class _Open:
    """A table while it is being read. A cell over several rows or columns stands in its first place, blanks follow."""

    __slots__ = ("_below", "_cell", "_spans", "rows")

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        self._below: dict[int, int] = {}

    def start_row(self) -> None:
        self.end_cell()
        self.rows.append([])

    def start_cell(self, columns: int, rows: int) -> None:
        self.end_cell()
        if not self.rows:
            self.rows.append([])
        self._skip_spanned()
        self._cell, self._spans = [], (columns, rows)

    def text(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def end_cell(self) -> None:
        if self._cell is None:
            return
        columns, rows = self._spans
        row = self.rows[-1]
        if rows > 1:
            self._below |= dict.fromkeys(range(len(row), len(row) + columns), rows - 1)
        row += [_flat("".join(self._cell)), *[""] * (columns - 1)]
        self._cell = None

    def _skip_spanned(self) -> None:
        row = self.rows[-1]
        while left := self._below.get(len(row), 0):
            self._below[len(row)] = left - 1
            row.append("")


def _span(value: str | None) -> int:
    return min(int(value), _MAX_SPAN) if value and value.isdecimal() and int(value) else 1


def _flat(text: str) -> str:
    """A cell's text as a browser shows it: runs of spaces are one, `<br>` is a line break, `&nbsp;` stays itself."""
    return "\n".join(_SPACE.sub(" ", line).strip(" ") for line in text.split("\n")).strip("\n")
