"""The table of a sheet: its columns, and its rows in chunks."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field, replace
from itertools import islice

from pipeline.model import Carried, Column, Mapping, SheetRow, Source
from pipeline.sheet.grid import TEXT_CUT, Grid
from pipeline.sheet.headings import fold, letter
from pipeline.sheet.origin import OwnColumns
from schemas.faults import Fault


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the table stands in its grid.

    `positions` are the grid's columns that the table keeps, in order. `skipped` are row numbers left out on request.
    `renumbered` maps a row's number in the grid to its number in the user's own sheet, when the sheet is one of ours
    and its column `row` says so; empty otherwise. `own` are our own columns in a sheet of ours, by their places in the
    grid. `counts` are the numbers of cells that a row may have, as in `Grid`.
    """

    heading_row: int
    columns: tuple[Column, ...]
    positions: tuple[int, ...]
    mapping: Mapping
    skipped: frozenset[int] = frozenset()
    renumbered: MappingABC[int, int] = field(default_factory=dict)
    own: OwnColumns | None = None
    counts: Container[int] | None = None


class Table:
    """A sheet that was understood. Its rows are read anew by every call of `chunks`.

    `notices` are about the whole file. Some are only known when the rows were read once (headings repeated on every
    page), so read them after a pass over `chunks`.
    """

    __slots__ = ("_grid", "_known", "_layout", "_repeats", "source")

    def __init__(self, source: Source, layout: Layout, grid: Grid, notices: Sequence[Fault]) -> None:
        self.source = source
        self._layout = layout
        self._grid = grid
        self._known = (*notices, *grid.notices)
        self._repeats: tuple[int, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of the cells of every row."""
        return self._layout.columns

    @property
    def mapping(self) -> Mapping:
        """The mapping that the table was read with."""
        return self._layout.mapping

    @property
    def heading_row(self) -> int:
        """The number of the row that holds the headings, from 1."""
        return self._layout.heading_row

    @property
    def notices(self) -> tuple[Fault, ...]:
        """What was changed, guessed or left out for the whole file; complete after one pass over the rows."""
        found = [*self._known]
        if self._repeats:
            found.append(Fault("headings-repeated", details=(("rows", listed_numbers(self._repeats)),)))
        return tuple(found)

    def letter(self, column: Column) -> str:
        """The spreadsheet's letter of a column: blank columns before it and columns of ours count."""
        return letter(self._layout.positions[column.index])

    def chunks(self, size: int = 10_000) -> Iterator[list[SheetRow]]:
        """The rows below the headings in lists of at most `size`. Blank rows are left out, row numbers kept.

        Raises InputFailure when the file turns out to be damaged on the way.
        """
        rows = self._rows()
        while chunk := list(islice(rows, size)):
            yield chunk

    def _rows(self) -> Iterator[SheetRow]:
        layout = self._layout
        start, skipped, renumbered = layout.heading_row, layout.skipped, layout.renumbered
        first = self.columns[0].heading
        repeats: list[int] = []
        fit, end = self._fitter(), layout.positions[-1] + 1
        counted = layout.counts is None or end in layout.counts
        plain = end == len(layout.positions) and layout.own is None and counted
        for number, cells, kinds, faults in self._grid.records():
            if number <= start or number in skipped:
                continue
            # Nearly every row of nearly every sheet is complete and plain; the way around `fit` is a tenth faster.
            if plain and len(cells) == end and cells[0] != first and cells[0] and not cells[0].isspace():
                yield SheetRow(number, tuple(cells), kinds, faults)
                continue
            row = fit(number, cells, kinds, faults)
            if row is None:
                continue
            if row.cells[0] == first and self._is_heading(row.cells):
                repeats.append(number)
                continue
            yield row if layout.own is None else _with_origin(row, cells, layout.own, renumbered.get(number))
        self._repeats = tuple(repeats)

    def _is_heading(self, cells: Sequence[str]) -> bool:
        """Whether a row repeats the headings, as exports with page breaks do."""
        return all(fold(cell) == fold(column.heading) for cell, column in zip(cells, self.columns, strict=True))

    def _fitter(self) -> _Fitter:
        positions = self._layout.positions
        straight = positions == tuple(range(len(positions)))
        return _Fitter(positions, straight=straight, ragged=self._grid.ragged, counts=self._layout.counts)


class _Fitter:
    """Cuts a record of the grid to the columns of the table."""

    __slots__ = ("_counts", "_end", "_positions", "_ragged", "_straight", "_width")

    def __init__(
        self, positions: tuple[int, ...], *, straight: bool, ragged: bool, counts: Container[int] | None
    ) -> None:
        self._positions = positions
        self._straight = straight
        self._ragged = ragged
        self._counts = counts
        self._width = len(positions)
        self._end = positions[-1] + 1

    def __call__(self, number: int, cells: Sequence[str], kinds: str, faults: tuple[Fault, ...]) -> SheetRow | None:
        """The row, or None when nothing of it stands inside the table."""
        end, damaged = self._end, any(fault.code != TEXT_CUT for fault in faults)
        if self._ragged and not damaged:
            faults = (*faults, *self._about_count(cells))
        if len(cells) > end:
            cells, kinds = cells[:end], kinds[:end]
        elif len(cells) < end:
            short = end - len(cells)
            cells, kinds = (*cells, *[""] * short), kinds + "s" * short
        if not self._straight:
            cells = [cells[at] for at in self._positions]
            kinds = "".join([kinds[at] for at in self._positions])
        if not (damaged or cells[0].strip()) and _is_blank(cells, kinds):
            return None
        return SheetRow(number, tuple(cells), kinds, faults)

    def _about_count(self, cells: Sequence[str]) -> Iterator[Fault]:
        """What the number of cells says: a text row with another one has values under headings that are not theirs.

        A short row with a line break in a cell has perhaps drawn in the next one, where a quotation mark was closed a
        row too late.
        """
        found, end = len(cells), self._end
        details = (("expected", str(end)), ("found", str(found)))
        rest = cells[end:]
        if any(cell.strip() for cell in rest):
            yield Fault("too-many-cells", value=" | ".join(rest), details=details)
        elif found < end and any("\n" in cell or "\r" in cell for cell in cells):
            yield Fault("quote-over-lines", details=details)
        elif self._counts is not None and found not in self._counts and any(cell.strip() for cell in cells):
            yield Fault("cell-count", details=details)


def _is_blank(cells: Sequence[str], kinds: str) -> bool:
    return not "".join(cells).strip() and "f" not in kinds


def _with_origin(row: SheetRow, cells: Sequence[str], own: OwnColumns, number: int | None) -> SheetRow:
    """A row of a sheet of ours with what our columns say of it, under its number in the user's own sheet if known."""

    def told(at: int) -> str:
        return cells[at].strip() if 0 <= at < len(cells) else ""

    before = told(own.number)
    # In a workbook whose numbers no longer tell rows apart none of them is believed.
    believed = before.isdecimal() and (own.number > 0 or number is not None)
    carried = Carried(int(before) if believed else 0, told(own.file), told(own.request))
    return replace(row, number=row.number if number is None else number, carried=carried)


def listed_numbers(numbers: Sequence[int], limit: int = 12) -> str:
    """Row numbers for a sentence, runs joined (`4-9, 12`), cut when there are many."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ", ".join(texts[:limit]) + (" …" if len(texts) > limit else "")
