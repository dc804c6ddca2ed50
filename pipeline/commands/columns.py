"""`columns`: how each column of a sheet was understood, and why."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.commands import prepare
from pipeline.commands.options import Request
from pipeline.domain.events import Emit, OutputPlaced
from pipeline.domain.model import Column
from pipeline.messages import N_
from pipeline.reader import write_mapping
from schemas.faults import Fault

WHY: Final = {
    "why_exact": N_("the field's own name"),
    "why_alias": N_("known heading"),
    "why_own": N_("your own column"),
    "why_mapping": N_("your mapping"),
    "why_split": N_("your mapping: full names, split"),
    "why_ignored": N_("your mapping: ignored"),
}
"""Why a column was understood as it was."""

SAMPLES: Final = 3
"""First values of a column that are shown."""


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as a person is shown it: its letter, what it was taken for, and its first values."""

    column: Column
    letter: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetView:
    """How a sheet was understood. `heading_row` is the row number of its headings, `kept` the mapping file, if any."""

    sheet: str
    heading_row: int
    columns: tuple[ColumnView, ...]
    notices: tuple[Fault, ...]
    kept: Path | None


def columns(request: Request, emit: Emit, keep: Path | None) -> SheetView:
    """Read a sheet's headings and first rows; with `keep`, write how they were understood as a mapping file.

    Raises InputError when the sheet can't be read, UsageError when the mapping can't be written.
    """
    table = prepare.read(request, emit)
    with prepare.reading(request.file):
        first = list(islice((row for chunk in table.chunks(size=SAMPLES) for row in chunk), SAMPLES))
    views = tuple(
        ColumnView(column, table.letter(column), tuple(row.cells[column.index] for row in first))
        for column in table.columns
    )
    kept = None
    if keep is not None:
        emit(OutputPlaced(keep, kept := write_mapping(table, keep)))
    return SheetView(table.source.sheet, table.heading_row, views, table.notices, kept)
