"""How wide the columns of a sheet must be, from its headings and its first rows."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

SAMPLE: Final = 1_000
"""Rows that are looked at."""
_NARROWEST: Final = 6.0
_WIDEST: Final = 48.0
_BUTTON: Final = 3.0  # the filter's button stands beside the heading
_CELL: Final = re.compile(r'<c r="([A-Z]+)\d+"[^>]*>(?:<is><t[^>]*>([^<]*)|<v>([^<]*))')


class Widths:
    """Collects the lengths of the first rows of one sheet."""

    def __init__(self, headings: Sequence[str], letters: Sequence[str]) -> None:
        self._seen = 0
        self._widest = {
            letter: max(map(len, heading.splitlines() or [""])) + _BUTTON
            for letter, heading in zip(letters, headings, strict=True)
        }

    def saw(self, cells: str) -> None:
        """One row's XML; rows after the sample are not looked at."""
        if self._seen >= SAMPLE:
            return
        self._seen += 1
        for letter, text, number in _CELL.findall(cells):
            length = len(html.unescape(text)) if text else len(number) + 2
            self._widest[letter] = max(self._widest[letter], length)

    def all(self) -> list[float]:
        """The width of each column, in characters, within bounds."""
        return [min(max(width * 1.05 + 1, _NARROWEST), _WIDEST) for width in self._widest.values()]
