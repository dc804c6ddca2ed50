"""A whole table checked, a chunk at a time."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from pipeline.domain.drafts import NO_OVERLAY, Overlay
from pipeline.domain.model import CheckedRow, ControlTotal
from pipeline.validation.column_profile import CHUNK, ColumnProfile, profile
from pipeline.validation.corrections import CorrectedTable
from pipeline.validation.field_sources import FieldSources, sources
from pipeline.validation.identity import RowKey, row_key
from pipeline.validation.options import CheckableTable, CheckOptions
from pipeline.validation.total_rows import RunningTotals
from schemas.faults import Fault


class CheckedTable:
    """The checked rows of a table, as a stream. What concerns the whole table is known once the stream has ended.

    `profile` is what whole columns tell.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a table, and what is known of it
        self,
        table: CheckableTable,
        options: CheckOptions,
        sources: FieldSources,
        key: RowKey,
        profile: ColumnProfile,
        totals: Container[int] = frozenset(),
    ) -> None:
        self._table = table
        self._options = options
        self._sources = sources
        self._key = key
        self._totals = totals
        self.profile = profile
        self._sums = RunningTotals()
        self._of_rows: tuple[Fault, ...] = ()

    def chunks(self) -> Iterator[list[CheckedRow]]:
        """The rows in the sheet's order, without total lines and notes. May be called again."""
        from pipeline.validation.rows import RowChecker  # noqa: PLC0415 - pandas and pandera cost half a second

        self._sums = RunningTotals()
        checker = RowChecker(self._options, self._sources, self._key, self.profile, self._sums, self._totals)
        for rows in self._table.chunks(CHUNK):
            checked = checker.check(rows)
            if checked:
                yield checked
        self._of_rows = checker.notices

    @property
    def controls(self) -> tuple[ControlTotal, ...]:
        """The total lines of the sheet, each with what the rows make."""
        return tuple(self._sums.controls)

    @property
    def of_lines(self) -> tuple[Fault, ...]:
        """What is to be said about the lines left out."""
        return tuple(self._sums.notices)

    @property
    def notices(self) -> tuple[Fault, ...]:
        """What is to be said about the sheet as a whole: the lines left out, and rows without a reference."""
        return sheet_notices(self.of_lines, self._sums.without_reference, self._of_rows)


def check_table(
    table: CheckableTable,
    options: CheckOptions,
    overlay: Overlay = NO_OVERLAY,
    totals: frozenset[int] | None = None,
) -> CheckedTable:
    """Check `table` with `overlay` over it under `options`.

    The rows are read twice: now for what whole columns tell, then by `chunks`. With an overlay, twice more before, for
    the `totals`, where they are not known: a line that is a total in the file stays one, whatever was typed over it.
    Raises UsageError when `options.identity` names neither a field nor a heading, InputError when a correction does not
    fit the table.
    """
    key = row_key(options.identity, table.columns)
    if not overlay:
        found = sources(table)
        return CheckedTable(table, options, found, key, profile(table, found))
    corrected = CorrectedTable(table, overlay)
    known = total_lines(table, options) if totals is None else totals
    found = sources(corrected)
    return CheckedTable(corrected, options, found, key, profile(corrected, found), known)


def total_lines(table: CheckableTable, options: CheckOptions) -> frozenset[int]:
    """The numbers of the lines of `table` that are totals."""
    from pipeline.validation.rows import RowChecker  # noqa: PLC0415 - as above

    sums, found = RunningTotals(), sources(table)
    checker = RowChecker(options, found, row_key(options.identity, table.columns), profile(table, found), sums)
    for rows in table.chunks(CHUNK):
        checker.lines(rows)
    return frozenset(sums.total_lines)


def sheet_notices(lines: Sequence[Fault], without_reference: int, of_rows: Sequence[Fault]) -> tuple[Fault, ...]:
    """What is said about a sheet as a whole: its lines left out, how many rows lack a reference, what all rows tell."""
    said = (Fault("reference-blank", "", "", (("rows", str(without_reference)),)),) if without_reference else ()
    return (*lines, *said, *of_rows)
