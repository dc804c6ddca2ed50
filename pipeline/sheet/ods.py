"""What calamine does not show of an OpenDocument sheet: hidden rows, error values, unsaved formulas, its extent.

Owns the search of `content.xml`, where rows and cells have no references and are counted with their repetitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Final

from pipeline.sheet.archive import Archive
from pipeline.sheet.facts import UNKNOWN_ERROR, Facts

_TAG: Final = re.compile(rb"<table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])([^>]*)>")
_NAME: Final = re.compile(rb'table:name="([^"]*)"')
_REPEATED: Final = re.compile(rb'table:number-(?:rows|columns)-repeated="(\d+)"')
_HIDDEN: Final = re.compile(rb'table:visibility="(?:collapse|filter)"')
_SHOWN_TEXT: Final = re.compile(rb"\s*<text:p[^>]*>([^<]*)<")
_ROW_END: Final = b"</table:table-row>"
_MOST_ROWS: Final = 1_048_576
_MOST_COLUMNS: Final = 16_384


def facts_of_ods(archive: Archive) -> dict[str, Facts]:
    """Search every sheet: calamine reads them all at once. `rows` and `columns` bound the cells that hold something."""
    sheets: dict[str, Facts] = {}
    facts, row, repeated, column = Facts(columns=0), 1, 0, 0
    for window in _windows(archive.pieces("content.xml")):
        for tag in _TAG.finditer(window):
            kind, attributes = tag[1], tag[2]
            if kind == b"table":
                facts = sheets[_named(attributes)] = Facts(columns=0)
                row, repeated = 1, 0
            elif kind == b"table-row":
                row, repeated, column = row + repeated, _times(attributes, _MOST_ROWS), 0
                if _HIDDEN.search(attributes):
                    facts.hidden_rows |= set(range(row, min(row + repeated, _MOST_ROWS + 1)))
            else:
                times = _times(attributes, _MOST_COLUMNS)
                if b"office:value-type=" in attributes or b"table:formula=" in attributes:
                    facts.rows = max(facts.rows, row + repeated - 1)
                    facts.columns = max(facts.columns, column + times)
                    _note_cell(window, tag, (row, column), facts)
                column += times
    return sheets


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
