"""An HTML page called .xls, as billing portals export them: its tables, cell by cell.

Owns the reading of tables from any markup that a browser would show, and which rows it would not show. Scripts and
links are never followed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.messages import Number
from pipeline.reader.encodings import read_text
from pipeline.reader.grid import Book, Grid, Merge, Record
from pipeline.reader.metadata import mark_between
from schemas.faults import Fault

_MAX_SPAN: Final = 1000
"""A browser's own limit for `colspan`; more than that is nonsense or an attack."""
_MOST_SPANNED: Final = 1_000_000
"""Blank cells that a page may make by its spans: a few bytes of it make a thousand."""
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_BREAKS: Final = ("br", "p", "div", "li")
_GROUPS: Final = ("thead", "tbody", "tfoot")
_STRIKES: Final = ("s", "del", "strike")
_LOOKS: Final = ("sup", "sub", *_STRIKES)
"""Elements whose digits are not of one number with those beside them: raised cents, an amount struck through."""
_STRUCK: Final = re.compile(r"text-decoration(?:-line)?\s*:[^;]*line-through", re.IGNORECASE)
_NOT_SHOWN: Final = r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?<![\w-])height\s*:\s*0(?![.\d]*[1-9])"
_HIDING: Final = re.compile(_NOT_SHOWN, re.IGNORECASE)
_HIDING_RULE: Final = re.compile(rf"([^{{}}]*)\{{[^{{}}]*?(?:{_NOT_SHOWN})[^{{}}]*\}}", re.IGNORECASE)
_SELECTOR: Final = re.compile(r"[\w]*[.#][\w-]+")
_UNSEEN: Final = ("script", "style", "head", "title")


def open_page(path: Path) -> Book:
    """Every table of the page is a sheet, named by its number when there are several."""
    text, encoding = read_text(path)
    parser = _Tables()
    try:
        parser.feed(text)
        parser.close()
    except AssertionError:  # what Python's parser says of a declaration that it does not know
        raise InputError(
            "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again.",
            path=str(path),
        ) from None
    tables = [table for table in parser.tables if table.rows]
    if not tables:
        raise InputError("{path} is a web page without a table. Export the list as .xlsx or .csv.", path=str(path))
    names = tuple(str(number) for number in range(1, len(tables) + 1)) if len(tables) > 1 else ("",)
    grids = {name: _grid(name, table) for name, table in zip(names, tables, strict=True)}
    hidden = frozenset(name for name, table in zip(names, tables, strict=True) if table.is_hidden)
    return Book(names, grids.__getitem__, hidden, notices=(Fault("page-read-as-sheet"), *encoding.notices))


def _grid(name: str, table: _TableBuilder) -> Grid:
    return Grid(
        name,
        partial(_records, table.rows),
        hidden_rows=frozenset(table.hidden),
        struck=table.struck,
        merges=table.merges,
        counts=partial(_cell_counts, table.rows),
    )


def _cell_counts(rows: list[list[str]], heading: Record) -> Container[int]:
    """How many cells a row below the headings may have: as many as they, or as all rows of payments but one.

    A page names each cell: another number means that a tag was lost, and the cells behind it stand under the wrong
    headings.
    """
    width = len(heading.cells)
    counts = Counter(len(cells) for cells in rows[heading.number :] if "@" in "".join(cells))
    usual = max(counts, key=lambda count: (counts[count], count == width), default=width)
    if counts[usual] == 1 or counts[usual] < counts.total() - 1:
        return {width}
    return {usual} if usual > width else {usual, width}


def _records(rows: list[list[str]]) -> Iterator[Record]:
    for number, cells in enumerate(rows, 1):
        if any(cell.strip() for cell in cells):
            yield Record(number, cells, "s" * len(cells))


class _Tables(HTMLParser):
    """Collects the rows of every table; tables inside cells are tables of their own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[_TableBuilder] = []
        self._open: list[_TableBuilder] = []
        self._unseen = 0
        self._hiding: frozenset[str] = frozenset()
        self._in_style = False
        self._spanned = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _UNSEEN and tag != "head":
            self._unseen += 1
            self._in_style = tag == "style"
        elif tag == "table":
            table = _TableBuilder(is_hidden=self._is_hidden(tag, given))
            self.tables.append(table)
            self._open.append(table)
        elif not self._open:
            return
        elif tag in _GROUPS:
            self._open[-1].group_hidden = self._is_hidden(tag, given)
        elif tag == "tr":
            self._open[-1].start_row(is_hidden=self._is_hidden(tag, given), is_struck=_is_struck(given))
        elif tag in {"td", "th"}:
            columns, rows = _span(given.get("colspan", "")), _span(given.get("rowspan", ""))
            self._spanned += columns * rows - 1
            if self._spanned > _MOST_SPANNED:
                raise InputError(
                    "Merged cells of this web page cover more than {limit} cells. Open it in a "
                    "spreadsheet program and save it as .xlsx.",
                    limit=Number(_MOST_SPANNED),
                )
            self._open[-1].start_cell((columns, rows), is_struck=_is_struck(given))
        elif tag in _BREAKS:
            self._open[-1].text("\n")
        else:
            self._open[-1].start_style(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and tag != "head":
            self._unseen = max(0, self._unseen - 1)
            self._in_style = False
        elif tag == "table" and self._open:
            self._open.pop().end_row()
        elif self._open and tag in _GROUPS:
            self._open[-1].group_hidden = False
        elif self._open and tag == "tr":
            self._open[-1].end_row()
        elif self._open and tag in {"td", "th"}:
            self._open[-1].end_cell()
        elif self._open:
            self._open[-1].end_style(tag)

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._hiding |= {name for names in _HIDING_RULE.findall(data) for name in _SELECTOR.findall(names)}
        elif self._open and not self._unseen:
            self._open[-1].text(_SPACE.sub(" ", data))

    def close(self) -> None:
        """A page cut off in the middle still gives its last cell."""
        super().close()
        while self._open:
            self._open.pop().end_row()

    def _is_hidden(self, tag: str, given: dict[str, str]) -> bool:
        """Whether a browser, or a spreadsheet program, would not show an element with these attributes."""
        if "hidden" in given or _HIDING.search(given.get("style", "")) or given.get("height") == "0":
            return True
        names = {f".{name}" for name in given.get("class", "").split()} | {f"#{given.get('id', '')}"}
        return bool(self._hiding & (names | {tag + name for name in names}))


class _TableBuilder:
    """A table while it is being read. A cell over several rows or columns stands in its first place, blanks follow.

    `hidden` are the rows that are not shown, `struck` the places of struck-through cells by row; rows count from 1.
    """

    def __init__(self, *, is_hidden: bool) -> None:
        self.rows: list[list[str]] = []
        self.is_hidden = is_hidden
        self.group_hidden = False
        self.hidden: set[int] = set()
        self.struck: dict[int, set[int]] = {}
        self.merges: list[Merge] = []
        self.strikes = 0
        self._row_struck = False
        self._cell: list[str] | None = None
        self._cell_struck = False
        self._has_plain = False
        self._parted = False
        self._spans = (1, 1)
        self._spanned_to: dict[int, int] = {}
        """Column -> the last row that a cell above reaches down to."""

    def start_row(self, *, is_hidden: bool, is_struck: bool) -> None:
        self.end_row()
        self.rows.append([])
        self._row_struck = is_struck
        self.strikes = 0
        if is_hidden or self.group_hidden:
            self.hidden.add(len(self.rows))

    def start_cell(self, spans: tuple[int, int], *, is_struck: bool) -> None:
        self.end_cell()
        if not self.rows:
            self.rows.append([])
        self._skip_spanned()
        self._cell, self._spans, self._parted = [], spans, False
        self._cell_struck, self._has_plain = self._row_struck or is_struck, False

    def start_style(self, tag: str) -> None:
        """What comes now is struck through, or stands higher or lower: neither is of the number beside it."""
        self.strikes += tag in _STRIKES
        self._parted = self._parted or tag in _LOOKS

    def end_style(self, tag: str) -> None:
        """What comes now is as before."""
        self.strikes = max(0, self.strikes - (tag in _STRIKES))
        self._parted = self._parted or tag in _LOOKS

    def text(self, data: str) -> None:
        if self._cell is not None:
            if self._parted and not data.isspace():
                self._cell.append(mark_between("".join(self._cell), data))
                self._parted = False
            self._cell.append(data)
            self._has_plain = self._has_plain or (not self.strikes and not data.isspace())

    def end_cell(self) -> None:
        if self._cell is None:
            return
        columns, rows = self._spans
        row, number = self.rows[-1], len(self.rows)
        if rows > 1:
            self._spanned_to |= dict.fromkeys(range(len(row), len(row) + columns), number + rows - 1)
            self.merges.append(Merge(number, number + rows - 1, len(row), len(row) + columns - 1))
        text = _flat("".join(self._cell))
        if text.strip() and (self._cell_struck or not self._has_plain):
            self.struck.setdefault(number, set()).add(len(row))
        row += [text, *[""] * (columns - 1)]
        self._cell = None

    def end_row(self) -> None:
        """End the row, if there is one; cells from above may stand at its end."""
        self.end_cell()
        if self.rows:
            self._skip_spanned()

    def _skip_spanned(self) -> None:
        row = self.rows[-1]
        while self._spanned_to.get(len(row), 0) >= len(self.rows):
            row.append("")


def _is_struck(given: dict[str, str]) -> bool:
    return _STRUCK.search(given.get("style", "")) is not None


def _span(value: str) -> int:
    return min(int(value), _MAX_SPAN) if value.isdecimal() and int(value) else 1


def _flat(text: str) -> str:
    """A cell's text as a browser shows it: runs of spaces are one, `<br>` is a line break, `&nbsp;` stays itself."""
    return "\n".join(_SPACE.sub(" ", line).strip(" ") for line in text.split("\n")).strip("\n")
