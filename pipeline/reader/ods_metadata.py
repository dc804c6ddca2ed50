"""What calamine does not show of an OpenDocument sheet: hidden rows and columns, error values, unsaved formulas, number
formats, its extent.

Owns the search of `content.xml`, where rows and cells have no references and are counted with their repetitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Final

from pipeline.domain.number_formats import is_percent
from pipeline.reader.archive import Archive
from pipeline.reader.metadata import LONGEST_ROW, MOST_COLUMNS, UNKNOWN_ERROR, MetadataError, SheetMetadata
from pipeline.reader.ods_styles import CellStyles

_TAG: Final = re.compile(rb"<table:(table|table-column|table-row|table-cell|covered-table-cell)(?=[\s/>])([^<>]*)>")
_DEFAULT_STYLE: Final = re.compile(rb'table:default-cell-style-name="([^"]*)"')
_OWN_STYLE: Final = re.compile(rb'table:style-name="([^"]*)"')
_CURRENCY: Final = re.compile(rb'office:currency="(?!CAD")([A-Z]{3})"')
_IS_NUMBER: Final = re.compile(rb'office:value-type="(?:float|currency|percentage|date|time)"')
_NAME: Final = re.compile(rb'table:name="([^"]*)"')
_REPEATED: Final = re.compile(rb'table:number-(?:rows|columns)-repeated="(\d+)"')
_SPANS: Final = re.compile(rb'table:number-(rows|columns)-spanned="(\d{1,7})"')
_HIDDEN: Final = re.compile(rb'table:visibility="(?:collapse|filter)"')
_SHOWN_TEXT: Final = re.compile(rb"\s*<text:p[^<>]*>([^<]*)<")
_ZERO: Final = re.compile(rb'office:value="0"')
_ERROR: Final = re.compile(r"#[A-ZÀ-Ý]+(?:/[A-Z0]+)?[!?]?|Err:[0-9]+")
_ROW_END: Final = b"</table:table-row>"
_MOST_ROWS: Final = 1_048_576


def metadata_of_ods(archive: Archive) -> dict[str, SheetMetadata]:
    """Search every sheet: calamine reads them all at once. `rows` and `columns` bound the cells that hold something.

    Raises NotShown when a row has no end.
    """
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
        self.sheets: dict[str, SheetMetadata] = {}
        self._styles = styles
        self._metadata = SheetMetadata(columns=0)
        self._defaults: list[tuple[int, bytes]] = []
        """The last column and the default style of each run of columns."""
        self._row, self._repeated, self._column = 1, 0, 0
        self._row_style = b""

    def take(self, window: bytes) -> None:
        """The next piece of the XML, cut behind the end of a row."""
        for tag in _TAG.finditer(window):
            kind, attributes = tag[1], tag[2]
            if kind == b"table":
                self._metadata = self.sheets[_named(attributes)] = SheetMetadata(columns=0)
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
                if b"-spanned=" in attributes:
                    self._take_merge(attributes)
                self._column += times

    def _take_columns(self, attributes: bytes) -> None:
        first, self._column = self._column, self._column + _times(attributes, MOST_COLUMNS)
        default = _DEFAULT_STYLE.search(attributes)
        self._defaults.append((self._column, default[1] if default else b""))
        if _HIDDEN.search(attributes):
            self._metadata.hidden_columns |= set(range(first, min(self._column, MOST_COLUMNS)))

    def _take_row(self, attributes: bytes) -> None:
        self._row, self._repeated, self._column = self._row + self._repeated, _times(attributes, _MOST_ROWS), 0
        default = _DEFAULT_STYLE.search(attributes)
        self._row_style = default[1] if default else b""
        if _HIDDEN.search(attributes):
            self._metadata.hidden_rows |= set(range(self._row, min(self._row + self._repeated, _MOST_ROWS + 1)))

    def _take_merge(self, attributes: bytes) -> None:
        spans = {name: int(number) for name, number in _SPANS.findall(attributes)}
        last_row = min(self._row + spans.get(b"rows", 1) - 1, _MOST_ROWS)
        last_column = min(self._column + spans.get(b"columns", 1), MOST_COLUMNS) - 1
        self._metadata.note_merge((self._row, last_row), (self._column, last_column))

    def _take_cell(self, window: bytes, tag: re.Match[bytes], times: int) -> None:
        """A cell that holds something, perhaps several times in a row."""
        metadata, row, column = self._metadata, self._row, self._column
        metadata.rows = max(metadata.rows, row + self._repeated - 1)
        metadata.columns = max(metadata.columns, column + times)
        _note_cell(window, tag, (row, column), metadata)
        style = self._style(tag[2], column)
        if self._styles.is_struck(style):
            for place in range(row, min(row + self._repeated, _MOST_ROWS + 1)):
                metadata.struck.setdefault(place, set()).update(range(column, min(column + times, MOST_COLUMNS)))
        if _IS_NUMBER.search(tag[2]):
            look = self._look(tag[2], style)
            for place in range(column, min(column + times, MOST_COLUMNS)):
                metadata.looks.note(row, place, look, min(self._repeated, _MOST_ROWS))

    def _style(self, attributes: bytes, column: int) -> str:
        """The style of a cell: its own, else its row's, else its column's."""
        own = _OWN_STYLE.search(attributes)
        style = own[1] if own else self._row_style
        if not style:
            style = next((default for end, default in self._defaults if column < end), b"")
        return unescape(style.decode("utf-8", "replace"))

    def _look(self, attributes: bytes, style: str) -> str:
        """The number format of a cell."""
        look = self._styles.number_format(style)
        self._metadata.looks.has_lost = self._styles.has_lost
        # The type of the value says so even where the style does not, or can't be read.
        if not look and (currency := _CURRENCY.search(attributes)):
            return f"[${currency[1].decode()}] 0.00"
        return look if is_percent(look) or b'"percentage"' not in attributes else "0%"


def _windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The XML cut behind ends of rows, so that no cell is in two windows."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(_ROW_END) + len(_ROW_END)
        if cut < len(_ROW_END):
            if len(whole) > LONGEST_ROW:
                raise MetadataError
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


def _note_cell(window: bytes, tag: re.Match[bytes], place: tuple[int, int], metadata: SheetMetadata) -> None:
    """Error values and formulas that were never calculated: calamine gives both as blanks."""
    row, column = place
    found = _SHOWN_TEXT.match(window, tag.end())
    text = unescape(found[1].decode("utf-8", "replace")) if found else UNKNOWN_ERROR
    # Excel saves an error as the number 0 that is shown as one.
    if b'calcext:value-type="error"' in tag[2] or (found and _ZERO.search(tag[2]) and _ERROR.fullmatch(text)):
        metadata.patch(row, column, "e", text)
    elif b"office:value-type=" not in tag[2]:
        metadata.patch(row, column, "f", "")
