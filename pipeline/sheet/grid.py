"""What every format is read into: a book of grids of texts. Formats are siblings behind these plain types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.faults import Fault


class Record(NamedTuple):
    """One row that holds something. `number` counts from 1 as a spreadsheet shows it; `kinds` as in `SheetRow`."""

    number: int
    cells: Sequence[str]
    kinds: str
    faults: tuple[Fault, ...] = ()


def no_format(_position: int, _after: int) -> str:
    """For grids whose cells have no look of their own."""
    return ""


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet of a file, or the whole of a text file.

    `records` gives all rows that are not blank, from the top, and can be called several times. `width` is how many
    columns the sheet may use; 0 for text, where a row longer than its headings is damaged and has no note beside it.
    `hidden_rows` are the numbers of the rows that a person does not see: hidden by hand, or by a filter.
    `number_format` gives the look of the column at a position (from 0), by its first cells below a row number.
    """

    name: str
    records: Callable[[], Iterator[Record]]
    width: int = 0
    hidden_rows: frozenset[int] = frozenset()
    number_format: Callable[[int, int], str] = no_format
    notices: tuple[Fault, ...] = ()

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
