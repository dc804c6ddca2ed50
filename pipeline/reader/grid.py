"""What every format is read into: a book of grids of texts. Formats are siblings behind these plain types."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pipeline.domain.model import MAX_TEXT, units_of
from pipeline.reader.headings import letter
from pipeline.reader.looks import ColumnLook
from schemas.faults import Fault


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
    looks: Mapping[int, ColumnLook] = field(default_factory=dict)
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
