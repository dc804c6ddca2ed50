"""What every format is read into: a book of grids of texts. Formats are siblings behind these plain types.

Owns merged cells too: a value that spans several rows belongs to each of them, and what is under it is shown to nobody.
A spreadsheet keeps the value in the first cell only, and an export writes blanks for the others; some programs leave
other values there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pipeline.domain.model import MAX_TEXT, units_of
from pipeline.reader.headings import letter
from pipeline.reader.styles import ColumnStyle
from schemas.faults import Fault
from schemas.fields import Field


class Record(NamedTuple):
    """One row that holds something. `number` counts from 1 as a spreadsheet shows it; `kinds` as in `SheetRow`."""

    number: int
    cells: Sequence[str]
    kinds: str
    faults: tuple[Fault, ...] = ()


class Merge(NamedTuple):
    """Cells that are one: rows count from 1, columns from 0; the value stands in the first row and column."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    @property
    def name(self) -> str:
        """How a spreadsheet names it (`A3:A4`)."""
        return f"{letter(self.first_column)}{self.first_row}:{letter(self.last_column)}{self.last_row}"


def about_long_texts(cells: Sequence[str]) -> tuple[Fault, ...]:
    """A notice for each text that no cell of the results can hold whole."""
    if max(map(len, cells), default=0) <= MAX_TEXT // 2:
        return ()
    long = [(at, units) for at, cell in enumerate(cells) if (units := units_of(cell)) > MAX_TEXT]
    return tuple(
        Fault(TEXT_CUT, details=(("column", letter(at)), ("length", str(units)), ("limit", str(MAX_TEXT))))
        for at, units in long
    )


TEXT_CUT: Final = "text-cut"
"""The code of that notice. It is no fault of the row's shape."""


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet of a file, or the whole of a text file.

    `records` gives all rows that are not blank, from the top, and can be called several times. `width` is how many
    columns the sheet may use; 0 for text, where a row longer than its headings is damaged and has no note beside it.
    `hidden_rows` are the numbers of the rows that a person does not see: hidden by hand, or by a filter.
    `hidden_unseen` names the kind of file when its hidden rows can't be told; `looks` are those of its columns,
    by position from 0, where the format has looks at all. `counts` tells how many cells the rows below a row may have,
    where separators make them; another number means that a separator is missing or too many. `merges` are the cells
    that are one, `struck` the columns of struck-through cells by row number; of a row without any, nothing.
    """

    name: str
    records: Callable[[], Iterator[Record]]
    width: int = 0
    hidden_rows: frozenset[int] = frozenset()
    hidden_unseen: str = ""
    looks: Mapping[int, ColumnStyle] = field(default_factory=dict)
    notices: tuple[Fault, ...] = ()
    counts: Callable[[Record], Container[int]] | None = None
    merges: Sequence[Merge] = ()
    struck: Mapping[int, Container[int]] = field(default_factory=dict)

    @property
    def ragged(self) -> bool:
        """Whether a row's length is its own: there are no columns but the separators of the row."""
        return not self.width


@dataclass(frozen=True, slots=True)
class Book:
    """A file that was opened. `names` are its sheets in order, one empty name for a file without sheets; `hidden` are
    those among them that a person does not see. `grid` reads one sheet, when asked for.
    """

    names: tuple[str, ...]
    grid: Callable[[str], Grid]
    hidden: frozenset[str] = frozenset()
    notices: tuple[Fault, ...] = ()


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
