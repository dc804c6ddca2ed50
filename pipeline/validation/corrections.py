"""A sheet with what people corrected in it, as the check reads it. The file is never touched."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.domain.drafts import Correction, Overlay
from pipeline.domain.errors import InputError
from pipeline.domain.model import Column, Mapping, SheetRow
from pipeline.validation.options import CheckableTable


class CorrectedTable:
    """The rows of `table` with an overlay over them.

    Raises InputError for a correction of a column that is elsewhere, or not there, as the sheet is read now: the cell
    as it was is not what is meant.
    """

    def __init__(self, table: CheckableTable, overlay: Overlay) -> None:
        self._table = table
        self._overlay = overlay
        for cells in overlay.cells.values():
            for correction in cells.values():
                self._check(correction)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The sheet's columns."""
        return self._table.columns

    @property
    def mapping(self) -> Mapping:
        """The sheet's mapping."""
        return self._table.mapping

    def chunks(self, size: int) -> Iterator[list[SheetRow]]:
        """All rows in the sheet's order, corrected."""
        columns, overlay = self.columns, self._overlay
        for rows in self._table.chunks(size):
            yield [overlay.over(row, columns) for row in rows]

    def _check(self, correction: Correction) -> None:
        at, columns = correction.column, self.columns
        if at >= len(columns) or columns[at].heading != correction.heading:
            raise InputError(
                'Row {row} has a correction in the column "{heading}", which is not where it was when {who} made it. '
                "Read the sheet with the same options as then. Nothing was sent.",
                row=correction.row,
                heading=correction.heading,
                who=correction.who,
            )
