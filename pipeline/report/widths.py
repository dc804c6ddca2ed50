"""How wide the columns of a sheet must be, from its headings and its first rows."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

SAMPLE: Final = 1_000
"""Rows that are looked at."""
_NARROWEST: Final = 6.0
WIDEST: Final = 48.0
NO_WIDTHS: Final[Mapping[int, float]] = {}
PAGE: Final = 230.0
"""Characters that are still readable side by side on a page in landscape."""
_SQUEEZED: Final = 14.0
_BUTTON: Final = 3.0  # the filter's button stands beside the heading
_SEPARATORS: Final = 2  # a number is shown with separators of thousands
_INDENT: Final = 1.5  # what keeps a number off the next column is as wide as three blanks
_CELL: Final = re.compile(r'<c r="([A-Z]+)\d+" s="(\d+)"[^>]*>(?:<is><t[^>]*>([^<]*)|<v>([^<]*))')


class Widths:
    """Collects the lengths of the first rows of one sheet."""

    def __init__(self, headings: Sequence[str], letters: Sequence[str], lengths: Mapping[int, int]) -> None:
        self._seen = 0
        self._lengths = lengths
        self._numbers: dict[str, float] = {}
        self._widest = {letter: _wrapped(heading) + _BUTTON for letter, heading in zip(letters, headings, strict=True)}

    def saw(self, cells: str) -> None:
        """One row's XML; rows after the sample are not looked at."""
        if self._seen >= SAMPLE:
            return
        self._seen += 1
        for letter, style, text, number in _CELL.findall(cells):
            if number:
                length = self._lengths.get(int(style), len(number) + _SEPARATORS) + _INDENT
                self._numbers[letter] = max(self._numbers.get(letter, 0), length)
            else:
                length = self._lengths.get(int(style), len(html.unescape(text)))
            self._widest[letter] = max(self._widest[letter], length)

    def leave_out(self, letters: Sequence[str]) -> None:
        """Forgets columns."""
        for letter in letters:
            del self._widest[letter]

    def fitted(self, printed: Collection[int], least: Mapping[int, float]) -> list[float]:
        """The width of each column, in characters, within bounds.

        The columns that are `printed` become narrower until a page has room for them, the widest first, each as far as
        `least` says by its index. A number keeps its room: it would become ####.
        """
        widths = [min(max(_room_for(width), _NARROWEST), WIDEST) for width in self._widest.values()]
        numbers = [_room_for(self._numbers.get(letter, 0)) for letter in self._widest]
        too_wide = sum(widths[at] for at in printed) - PAGE
        while too_wide > 0:
            room = {at: widths[at] - max(least.get(at, _SQUEEZED), numbers[at]) for at in printed}
            if not room or room[widest := max(room, key=room.__getitem__)] <= 0:
                break
            step = min(1.0, room[widest])
            widths[widest] -= step
            too_wide -= step
        return widths


def _room_for(characters: float) -> float:
    return characters * 1.05 + 2


def _wrapped(heading: str) -> float:
    """The characters that a heading needs on two lines, or on more for as many words."""
    lines = heading.splitlines() or [""]
    return max(*(len(line) / 2 for line in lines), *(len(word) for word in heading.split() or [""]))
