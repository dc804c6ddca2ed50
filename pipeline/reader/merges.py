"""Merged cells: a value that spans several rows belongs to each of them, and what is under it is shown to nobody.

A spreadsheet keeps the value in the first cell only, and an export writes blanks for the others; some programs leave
other values there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from pipeline.reader.grid import Merge
from schemas.faults import Fault
from schemas.fields import Field

_NEVER: Final = 1 << 62


class MergedCells:
    """Fills the rows of a sheet, from the top. `used` are the merges that gave a row a value.

    A row that has nothing of its own is left blank: the merge only makes a row tall. An amount over several rows is
    never taken twice: whether it is meant for each of them or for all together can't be known. A value under a merge
    that differs from what is shown is a fault of its row.
    """

    def __init__(self, merges: Sequence[Merge], below: int, positions: Sequence[int], amounts: Collection[int]) -> None:
        """`below` is the row of the headings, `positions` are the columns of the table, `amounts` those of amounts."""
        inside = range(positions[0], positions[-1] + 1)
        found = [merge for merge in merges if merge.first_row > below and merge.first_column in inside]
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
        texts, letters, said = [*cells], [*kinds], [*faults]
        while self._waiting and self._waiting[-1].first_row <= number:
            merge = self._waiting.pop()
            at = merge.first_column
            is_here = merge.first_row == number and at < len(texts)
            self._open[merge] = (texts[at], letters[at]) if is_here else ("", "s")
        for merge, (text, _) in self._open.items():
            for at in range(merge.first_column, min(merge.last_column + 1, len(texts))):
                if (number, at) != (merge.first_row, merge.first_column):
                    if texts[at].strip() not in {"", text.strip()}:
                        said.append(Fault("under-merge", value=texts[at], details=(("cells", merge.name),)))
                    texts[at], letters[at] = "", "s"
        if any(texts[at].strip() for at in self._positions if at < len(texts)):
            self._fill(number, texts, letters, said)
        self.next_row = self._next()
        return texts, "".join(letters), tuple(said)

    def _fill(self, number: int, texts: list[str], letters: list[str], said: list[Fault]) -> None:
        """Give a row that has something of its own the values of the merges that began above it."""
        for merge, (text, kind) in self._open.items():
            at = merge.first_column
            if merge.first_row == number or not text.strip():
                continue
            if at in self._amounts:
                said.append(Fault("merged-amount", Field.AMOUNT, text, (("cells", merge.name),)))
                continue
            short = at + 1 - len(texts)
            texts += [""] * short
            letters += ["s"] * short
            texts[at], letters[at] = text, kind
            self.used[merge] = None

    def _next(self) -> int:
        if self._open:
            return 0
        return self._waiting[-1].first_row if self._waiting else _NEVER
