"""What calamine does not show of an OpenDocument sheet: hidden rows and columns, error values, unsaved formulas, number
formats, its extent.

Owns the search of `content.xml`, where rows and cells have no references and are counted with their repetitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Final

from pipeline.number_formats import is_percent
from pipeline.sheet.archive import Archive
from pipeline.sheet.facts import MOST_COLUMNS, UNKNOWN_ERROR, Facts
from pipeline.sheet.ods_styles import CellStyles

_TAG: Final = re.compile(rb"<table:(table|table-column|table-row|table-cell|covered-table-cell)(?=[\s/>])([^<>]*)>")
_DEFAULT_STYLE: Final = re.compile(rb'table:default-cell-style-name="([^"]*)"')
_OWN_STYLE: Final = re.compile(rb'table:style-name="([^"]*)"')
_IS_NUMBER: Final = re.compile(rb'office:value-type="(?:float|currency|percentage|date|time)"')
_NAME: Final = re.compile(rb'table:name="([^"]*)"')
_REPEATED: Final = re.compile(rb'table:number-(?:rows|columns)-repeated="(\d+)"')
_HIDDEN: Final = re.compile(rb'table:visibility="(?:collapse|filter)"')
_SHOWN_TEXT: Final = re.compile(rb"\s*<text:p[^<>]*>([^<]*)<")
_ROW_END: Final = b"</table:table-row>"
_MOST_ROWS: Final = 1_048_576


def facts_of_ods(archive: Archive) -> dict[str, Facts]:
    """Search every sheet: calamine reads them all at once. `rows` and `columns` bound the cells that hold something."""
    search: _Search | None = None
    for window in _windows(archive.pieces("content.xml")):
        search = search or _Search(CellStyles(archive, window))
        search.take(window)
    return search.sheets if search else {}


def is_locked(archive: Archive) -> bool:
    """Whether a password protects the content; the container itself is not locked then."""
    return b":encryption-data" in archive.read("META-INF/manifest.xml")


class _Search:
    """Where the search of `content.xml` is: which sheet, row and column, and what it has found."""

    def __init__(self, styles: CellStyles) -> None:
        self.sheets: dict[str, Facts] = {}
        self._styles = styles
        self._facts = Facts(columns=0)
        self._defaults: list[tuple[int, bytes]] = []
        """The last column and the default style of each run of columns."""
        self._row, self._repeated, self._column = 1, 0, 0
        self._row_style = b""

    def take(self, window: bytes) -> None:
        """The next piece of the XML, cut behind the end of a row."""
        for tag in _TAG.finditer(window):
            kind, attributes = tag[1], tag[2]
            if kind == b"table":
                self._facts = self.sheets[_named(attributes)] = Facts(columns=0)
                self._row, self._repeated, self._column = 1, 0, 0
                self._defaults = []
            elif kind == b"table-column":
                self._take_columns(attributes)
            elif kind == b"table-row":
                self._take_row(attributes)
            else:
                times = _times(attributes, MOST_COLUMNS)
                if b"office:value-type=" in attributes or b"table:formula=" in attributes:
                    self._take_cell(window, tag, times)
                self._column += times

    def _take_columns(self, attributes: bytes) -> None:
        first, self._column = self._column, self._column + _times(attributes, MOST_COLUMNS)
        default = _DEFAULT_STYLE.search(attributes)
        self._defaults.append((self._column, default[1] if default else b""))
        if _HIDDEN.search(attributes):
            self._facts.hidden_columns |= set(range(first, min(self._column, MOST_COLUMNS)))

    def _take_row(self, attributes: bytes) -> None:
        self._row, self._repeated, self._column = self._row + self._repeated, _times(attributes, _MOST_ROWS), 0
        default = _DEFAULT_STYLE.search(attributes)
        self._row_style = default[1] if default else b""
        if _HIDDEN.search(attributes):
            self._facts.hidden_rows |= set(range(self._row, min(self._row + self._repeated, _MOST_ROWS + 1)))

    def _take_cell(self, window: bytes, tag: re.Match[bytes], times: int) -> None:
        """A cell that holds something, perhaps several times in a row."""
        facts, row, column = self._facts, self._row, self._column
        facts.rows = max(facts.rows, row + self._repeated - 1)
        facts.columns = max(facts.columns, column + times)
        _note_cell(window, tag, (row, column), facts)
        if _IS_NUMBER.search(tag[2]):
            look = self._look(tag[2], column)
            for place in range(column, min(column + times, MOST_COLUMNS)):
                facts.looks.note(row, place, look, min(self._repeated, _MOST_ROWS))

    def _look(self, attributes: bytes, column: int) -> str:
        """The number format of a cell: by its own style, else its row's, else its column's."""
        own = _OWN_STYLE.search(attributes)
        style = own[1] if own else self._row_style
        if not style:
            style = next((default for end, default in self._defaults if column < end), b"")
        look = self._styles.number_format(unescape(style.decode("utf-8", "replace")))
        self._facts.looks.has_lost = self._styles.has_lost
        # The type of the value says so even where the style can't be read.
        return look if is_percent(look) or b'"percentage"' not in attributes else "0%"


def _windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The XML cut behind ends of rows, so that no cell is in two windows."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(_ROW_END) + len(_ROW_END)
        if cut < len(_ROW_END):
            rest = whole
            continue
        yield whole[:cut]
        rest = whole[cut:]
    yield rest


def _named(attributes: bytes) -> str:
    name = _NAME.search(attributes)
    return unescape(name[1].decode("utf-8", "replace")) if name else ""


def _times(attributes: bytes, most: int) -> int:
    repeated = _REPEATED.search(attributes)
    return min(int(repeated[1]), most) if repeated else 1


def _note_cell(window: bytes, tag: re.Match[bytes], place: tuple[int, int], facts: Facts) -> None:
    """Error values and formulas that were never calculated: calamine gives both as blanks."""
    row, column = place
    if b'calcext:value-type="error"' in tag[2]:
        text = _SHOWN_TEXT.match(window, tag.end())
        facts.patch(row, column, "e", unescape(text[1].decode("utf-8", "replace")) if text else UNKNOWN_ERROR)
    elif b"office:value-type=" not in tag[2]:
        facts.patch(row, column, "f", "")
