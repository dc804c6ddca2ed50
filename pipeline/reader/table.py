"""The table of a sheet: its columns, and its rows in chunks.

Rows with nothing in them that somebody typed are left out: formulas filled down to zeros, constants, running numbers,
unticked boxes. What a total, a group or a note is, is the business of `pipeline.validation.total_rows`; a row with a
payor, or with an amount that is not zero, is never left out here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.domain.model import Carried, Column, Mapping, SheetRow, SourceFile, kind_of
from pipeline.reader.grid import TEXT_CUT, Grid, Merge, MergedCells
from pipeline.reader.headings import field_named, fold, letter
from pipeline.reader.origin import OwnColumns
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, Field

_LEAST_HEADINGS: Final = 2
_MOST_NAMED: Final = 12


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


@dataclass(frozen=True, slots=True)
class _Findings:
    """What one pass over the rows has found: repeated headings and rows without content, by number, and merges."""

    repeats: tuple[int, ...] = ()
    without: tuple[int, ...] = ()
    merges: tuple[Merge, ...] = ()


class Table:
    """A sheet that was understood. Its rows are read anew by every call of `chunks`.

    `notices` are about the whole file. Some are only known when the rows were read once (headings repeated on every
    page), so read them after a pass over `chunks`.
    """

    __slots__ = ("_grid", "_known", "_layout", "_seen", "source")

    def __init__(self, source: SourceFile, layout: Layout, grid: Grid, notices: Sequence[Fault]) -> None:
        self.source = source
        self._layout = layout
        self._grid = grid
        self._known = (*notices, *grid.notices)
        self._seen = _Findings()

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
        found, seen = [*self._known], self._seen
        if seen.repeats:
            found.append(Fault("headings-repeated", details=(("rows", listed_numbers(seen.repeats)),)))
        if seen.without:
            rows, count = listed_numbers(seen.without), str(len(seen.without))
            found.append(Fault("rows-without-content", details=(("rows", rows), ("count", count))))
        if seen.merges:
            names = [merge.name for merge in seen.merges]
            cells = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
            found.append(Fault("merged-cells", details=(("cells", cells),)))
        return tuple(found)

    def letter(self, column: Column) -> str:
        """The spreadsheet's letter of a column: blank columns before it and columns of ours count."""
        return letter(self._layout.positions[column.index])

    def chunks(self, size: int = 10_000) -> Iterator[list[SheetRow]]:
        """The rows below the headings in lists of at most `size`. Blank rows are left out, row numbers kept.

        Raises InputError when the file turns out to be damaged on the way.
        """
        rows = self._rows()
        while chunk := list(islice(rows, size)):
            yield chunk

    def _rows(self) -> Iterator[SheetRow]:
        layout = self._layout
        start, skipped, renumbered = layout.heading_row, layout.skipped, layout.renumbered
        repeats: list[int] = []
        fit, end = _RowFitter(layout, ragged=self._grid.ragged), layout.positions[-1] + 1
        counted = layout.counts is None or end in layout.counts
        plain = end == len(layout.positions) and layout.own is None and counted
        amounts = {layout.positions[column.index] for column in self.columns if column.field == Field.AMOUNT}
        content = ContentFilter(self.columns)
        merges = MergedCells(self._grid.merges, start, layout.positions, amounts)
        email = content.email if plain else None
        for number, cells, kinds, faults in self._grid.records():
            if number <= start or number in skipped:
                continue
            # Nearly every row of nearly every sheet is complete and plain; the way around `fit` is a tenth faster.
            if email is not None and len(cells) == end and "@" in cells[email] and number < merges.next_row:
                row = SheetRow(number, tuple(cells), kinds, faults)
                if content.is_waiting:
                    yield from content.released()
                content.above = row
                yield row
                continue
            whole = merges.filled(number, cells, kinds, faults) if number >= merges.next_row else (cells, kinds, faults)
            fitted = fit(number, *whole, found=len(cells))
            if fitted is None:
                continue
            if self._is_heading(fitted):
                repeats.append(number)
                continue
            if layout.own is not None:
                fitted = _with_origin(fitted, cells, layout.own, believed=bool(renumbered))
            for row in content.with_content(fitted):
                yield replace(row, number=renumbered[row.number]) if renumbered else row
        for row in content.at_end():
            yield replace(row, number=renumbered[row.number]) if renumbered else row
        self._seen = _Findings(tuple(repeats), tuple(content.without), tuple(merges.used))

    def _is_heading(self, row: SheetRow) -> bool:
        """Whether a row repeats the headings, as exports with page breaks do.

        Raises InputError when it has them in another order: what stands below means something else.
        """
        cells, columns = row.cells, self.columns
        if all(fold(cell) == fold(column.heading) for cell, column in zip(cells, columns, strict=True)):
            return True
        ours = [column.field for column in columns if column.field]
        named = [field_named(cell, self.mapping) if cell else None for cell in cells]
        if len({*named} - {None}) < max(_LEAST_HEADINGS, len(ours) - 1):
            return False
        if all(name in {None, column.field} for name, column in zip(named, columns, strict=True)):
            return True
        raise InputError(
            "Row {row} repeats the headings in another order than row {first}. Put the two "
            "tables on separate sheets, or give them the same columns.",
            row=row.number,
            first=self.heading_row,
        )


class _RowFitter:
    """Cuts a record of the grid to the columns of the table."""

    __slots__ = ("_counts", "_end", "_positions", "_ragged", "_straight")

    def __init__(self, layout: Layout, *, ragged: bool) -> None:
        self._positions = layout.positions
        self._straight = layout.positions == tuple(range(len(layout.positions)))
        self._ragged = ragged
        self._counts = layout.counts
        self._end = layout.positions[-1] + 1

    def __call__(
        self, number: int, cells: Sequence[str], kinds: str, faults: tuple[Fault, ...], *, found: int
    ) -> SheetRow | None:
        """The row, or None when nothing of it stands inside the table; it had `found` cells before merges filled it."""
        end, damaged = self._end, any(fault.code != TEXT_CUT for fault in faults)
        if self._ragged and not damaged:
            faults = (*faults, *self._about_count(cells, found))
        if len(cells) > end:
            cells, kinds = cells[:end], kinds[:end]
        elif len(cells) < end:
            short = end - len(cells)
            cells, kinds = (*cells, *[""] * short), kinds + "s" * short
        if not self._straight:
            cells = [cells[at] for at in self._positions]
            kinds = "".join([kinds[at] for at in self._positions])
        if not (damaged or cells[0].strip() or "".join(cells).strip() or "f" in kinds):
            return None
        return SheetRow(number, tuple(cells), kinds, faults)

    def _about_count(self, cells: Sequence[str], found: int) -> Iterator[Fault]:
        """What the number of cells says: a text row with another one has values under headings that are not theirs.

        A short row with a line break in a cell has perhaps drawn in the next one, where a quotation mark was closed a
        row too late.
        """
        end = self._end
        details = (("expected", str(end)), ("found", str(found)))
        rest = cells[end:]
        if any(cell.strip() for cell in rest):
            yield Fault("too-many-cells", value=" | ".join(rest), details=details)
        elif found < end and any("\n" in cell or "\r" in cell for cell in cells):
            yield Fault("quote-over-lines", details=details)
        elif self._counts is not None and found not in self._counts and any(cell.strip() for cell in cells):
            yield Fault("cell-count", details=details)


def _with_origin(row: SheetRow, cells: Sequence[str], own: OwnColumns, *, believed: bool) -> SheetRow:
    """A row of a sheet of ours with what our columns say of it.

    In a workbook whose numbers no longer tell rows apart none of them is `believed`; a marked copy's are its rows'.
    """

    def told(at: int) -> str:
        return cells[at].strip() if 0 <= at < len(cells) else ""

    before = told(own.number)
    number = int(before) if before.isdecimal() and (own.number > 0 or believed) else 0
    return replace(row, carried=Carried(number, told(own.file), told(own.request)))


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


_ZERO: Final = re.compile(r"[\s$()+\-\u2013\u2014.,\u00a0\u202f]*(?:0[0.,\s\u00a0\u202f]*)?(?:[\s$)]|CAD)*-?\s*")
_UNTICKED: Final = frozenset(("FALSE", "FAUX", "☐", "□", "[ ]", "[]"))
_PAYOR: Final = frozenset((Field.FIRST_NAME, Field.MIDDLE_NAME, Field.LAST_NAME, Field.EMAIL, *ACCOUNT_FIELDS))
_MOST_HELD: Final = 1000
"""Rows whose only content is a running reference are held back until it is known whether payments follow: so many."""


class ContentFilter:
    """Parts the rows of a table, from the top, into those with content and those without (`without`, their numbers).

    `email` is the place of the e-mail address, if there is one: a row that has it has content. `above` is the row seen
    last. `is_waiting` says that of some rows it is not known yet.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.email = next((column.index for column in columns if column.field == Field.EMAIL), None)
        self.above: SheetRow | None = None
        self.is_waiting = False
        self.without: list[int] = []
        self._payor = [column.index for column in columns if column.field in _PAYOR or column.has_whole_names]
        self._amount = [column.index for column in columns if column.field == Field.AMOUNT]
        self._reference = [column.index for column in columns if column.field == Field.REFERENCE_ID]
        self._own = [column.index for column in columns if column.field is None]
        self._held: list[SheetRow] = []
        self._new: SheetRow | None = None

    def with_content(self, row: SheetRow) -> Iterator[SheetRow]:
        """The rows that are now known to have content, `row` or those held back."""
        above, self.above = self.above, row
        if any(row.cells[at].strip() for at in self._payor):
            yield from self.released()
            yield row
            return
        is_empty = not row.faults and not any(self._is_content(row, at) for at in self._amount)
        if self._new is not None:
            if is_empty and all(self._repeats(row, self._new, at) for at in self._own):
                self.without.append(self._new.number)
            else:
                yield self._new
            self._new = None
        if not is_empty or not all(self._repeats(row, above, at) for at in self._reference):
            yield row
        elif not all(self._repeats(row, above, at) for at in self._own):
            self._new = row  # a constant begins here, or it is the only row that has it
            self.is_waiting = True
        elif any(row.cells[at].strip() for at in self._reference) and len(self._held) < _MOST_HELD:
            self._held.append(row)
            self.is_waiting = True
        else:
            self.without.append(row.number)

    def released(self) -> Iterator[SheetRow]:
        """The rows held back, since a payment follows them: what else they had may be lost."""
        held, self._held, self.is_waiting = self._held, [], False
        yield from held
        if self._new is not None:
            new, self._new = self._new, None
            yield new

    def at_end(self) -> Iterator[SheetRow]:
        """The last row when it has content after all; what else was held back has none."""
        self.without = sorted([*self.without, *(row.number for row in self._held)])
        self._held = []
        if self._new is not None:
            yield self._new

    def _is_content(self, row: SheetRow, at: int) -> bool:
        """Whether a cell holds anything but a zero or an unticked box."""
        text = row.cells[at]
        return not (_ZERO.fullmatch(text) or text.strip() in _UNTICKED)

    def _repeats(self, row: SheetRow, above: SheetRow | None, at: int) -> bool:
        """Whether a cell holds nothing, or what the one above makes of it: the same, or the next number or day."""
        if not self._is_content(row, at):
            return True
        if above is None:
            return False
        text, before = row.cells[at].strip(), above.cells[at].strip()
        if kind_of(row.kinds[at]) == "d":
            return kind_of(above.kinds[at]) == "d"
        return text == before or (text.isdecimal() and before.isdecimal() and int(text) == int(before) + 1)
