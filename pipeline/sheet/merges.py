"""Merged cells: a value that spans several rows belongs to each of them.

A spreadsheet keeps it in the first row only, and an export writes blanks for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from pipeline.sheet.grid import Merge
from schemas.faults import Fault
from schemas.fields import Field

_NEVER: Final = 1 << 62


class MergedCells:
    """Fills the rows of a sheet, from the top. `used` are the merges that gave a row a value.

    A row that has nothing of its own is left blank: the merge only makes a row tall. An amount over several rows is
    never taken twice: whether it is meant for each of them or for all together can't be known.
    """

    def __init__(self, merges: Sequence[Merge], below: int, positions: Sequence[int], amounts: Collection[int]) -> None:
        """`below` is the row of the headings, `positions` are the columns of the table, `amounts` those of amounts."""
        found = [merge for merge in merges if merge.first_row > below and merge.first_column in positions]
        self.used: dict[Merge, None] = {}
        self._waiting = sorted(found, reverse=True)
        self._open: dict[Merge, tuple[str, str]] = {}
        self._amounts = amounts
        self._positions = positions
        self.next_row = self._next()
        """The first row that has something to do with merged cells."""

    def filled(
        self, number: int, cells: Sequence[str], kinds: str, faults: tuple[Fault, ...]
    ) -> tuple[Sequence[str], str, tuple[Fault, ...]]:
        """A row from `next_row` on, with the values of the merges that it is in."""
        for merge in [merge for merge in self._open if merge.last_row < number]:
            del self._open[merge]
        if self._open and self._has_own(cells):
            texts, letters = [*cells], [*kinds]
            short = max(merge.first_column for merge in self._open) + 1 - len(texts)
            texts += [""] * short
            letters += ["s"] * short
            for merge, (text, kind) in self._open.items():
                if merge.first_column in self._amounts:
                    faults = (*faults, Fault("merged-amount", Field.AMOUNT, text, (("cells", merge.name),)))
                else:
                    texts[merge.first_column], letters[merge.first_column] = text, kind
                    self.used[merge] = None
            cells, kinds = texts, "".join(letters)
        while self._waiting and self._waiting[-1].first_row <= number:
            merge = self._waiting.pop()
            at = merge.first_column
            if merge.first_row == number and at < len(cells) and cells[at].strip():
                self._open[merge] = (cells[at], kinds[at])
        self.next_row = self._next()
        return cells, kinds, faults

    def _has_own(self, cells: Sequence[str]) -> bool:
        merged = {at for merge in self._open for at in range(merge.first_column, merge.last_column + 1)}
        return any(at < len(cells) and cells[at].strip() and at not in merged for at in self._positions)

    def _next(self) -> int:
        if self._open:
            return 0
        return self._waiting[-1].first_row if self._waiting else _NEVER
