"""`columns`: how each column of a sheet was understood, and why."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.commands import prepare
from pipeline.commands.request import Request, Screen
from pipeline.domain.model import Column
from pipeline.reader import write_mapping
from schemas.faults import Fault

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


def columns(request: Request, screen: Screen, keep: Path | None) -> SheetView:
    """Read a sheet's headings and first rows; with `keep`, write how they were understood as a mapping file.

    Raises InputError when the sheet can't be read, UsageError when the mapping can't be written.
    """
    table = prepare.read(request, screen)
    with prepare.reading(request.file):
        first = list(islice((row for chunk in table.chunks(size=SAMPLES) for row in chunk), SAMPLES))
    views = tuple(
        ColumnView(column, table.letter(column), tuple(row.cells[column.index] for row in first))
        for column in table.columns
    )
    kept = None
    if keep is not None:
        screen.placed(keep, kept := write_mapping(table, keep))
    return SheetView(table.source.sheet, table.heading_row, views, table.notices, kept)
