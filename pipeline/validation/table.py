"""A whole table checked, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.domain.model import CheckedRow, ControlTotal
from pipeline.validation.column_profile import CHUNK, ColumnProfile, profile
from pipeline.validation.field_sources import FieldSources, sources
from pipeline.validation.identity import RowKey, row_key
from pipeline.validation.options import CheckOptions, Table
from pipeline.validation.total_rows import RunningTotals
from schemas.faults import Fault


class CheckedTable:
    """The checked rows of a table, as a stream. What concerns the whole table is known once the stream has ended."""

    def __init__(
        self, table: Table, options: CheckOptions, sources: FieldSources, key: RowKey, profile: ColumnProfile
    ) -> None:
        self._table = table
        self._options = options
        self._sources = sources
        self._key = key
        self._profile = profile
        self._sums = RunningTotals()
        self._of_rows: tuple[Fault, ...] = ()

    def chunks(self) -> Iterator[list[CheckedRow]]:
        """The rows in the sheet's order, without total lines and notes. May be called again."""
        from pipeline.validation.rows import RowChecker  # noqa: PLC0415 - pandas and pandera cost half a second

        self._sums = RunningTotals()
        checker = RowChecker(self._options, self._sources, self._key, self._profile, self._sums)
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
    def notices(self) -> tuple[Fault, ...]:
        """What is to be said about the sheet as a whole: the lines left out, and rows without a reference."""
        blank = self._sums.without_reference
        said = (Fault("reference-blank", "", "", (("rows", str(blank)),)),) if blank else ()
        return (*self._sums.notices, *said, *self._of_rows)


def check_table(table: Table, options: CheckOptions) -> CheckedTable:
    """Check `table` under `options`. The rows are read twice: now for what whole columns tell, then by `chunks`.

    Raises UsageError when `options.identity` names neither a field nor a heading.
    """
    key = row_key(options.identity, table.columns)
    found = sources(table)
    return CheckedTable(table, options, found, key, profile(table, found))
