"""How wide the columns of a sheet must be, from its headings and its first rows."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Final

SAMPLE: Final = 1_000
"""Rows that are looked at."""
_NARROWEST: Final = 6.0
_WIDEST: Final = 48.0
_BUTTON: Final = 3.0  # the filter's button stands beside the heading
_SEPARATORS: Final = 2  # a number is shown with separators of thousands
_INDENT: Final = 1.5  # what keeps a number off the next column is as wide as three blanks
_CELL: Final = re.compile(r'<c r="([A-Z]+)\d+" s="(\d+)"[^>]*>(?:<is><t[^>]*>([^<]*)|<v>([^<]*))')


class Widths:
    """Collects the lengths of the first rows of one sheet."""

    def __init__(self, headings: Sequence[str], letters: Sequence[str], lengths: Mapping[int, int]) -> None:
        self._seen = 0
        self._indented = set[str]()
        self._lengths = lengths
        self._widest = {
            letter: max(map(len, heading.splitlines() or [""])) + _BUTTON
            for letter, heading in zip(letters, headings, strict=True)
        }

    def saw(self, cells: str) -> None:
        """One row's XML; rows after the sample are not looked at."""
        if self._seen >= SAMPLE:
            return
        self._seen += 1
        for letter, style, text, number in _CELL.findall(cells):
            if text:
                length = len(html.unescape(text))
            else:
                length = self._lengths.get(int(style), len(number) + _SEPARATORS)
                self._indented.add(letter)
            self._widest[letter] = max(self._widest[letter], length)

    def all(self) -> list[float]:
        """The width of each column, in characters, within bounds."""
        needed = [(width + _INDENT * (letter in self._indented)) * 1.05 + 2 for letter, width in self._widest.items()]
        return [min(max(width, _NARROWEST), _WIDEST) for width in needed]
