"""Several sheets of a workbook with the same headings, read as one.

A row keeps its number in the first sheet; in the second, 100,000 is added, in the third 200,000, and so on, so that a
number always names one row, and the same one whatever is added to the sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.domain.model import kind_of, look_of, with_look
from pipeline.messages import Number
from pipeline.reader.grid import Grid, Record
from pipeline.reader.styles import ColumnStyle

ROWS_APART: Final = 100_000
"""Rows of a sheet that can be read together with others: what is added to the numbers of the next one."""


def joined(parts: Sequence[tuple[Grid, int]]) -> Grid:
    """One grid of these, each with the number of its row of headings; the first keeps what stands above it."""
    looks = _looks([grid for grid, _ in parts])
    moves = [at * ROWS_APART for at in range(len(parts))]
    grids = [grid for grid, _ in parts]
    return Grid(
        ", ".join(grid.name for grid in grids),
        partial(_records, parts, looks),
        width=max(grid.width for grid in grids),
        hidden_rows=frozenset(
            row + move
            for (grid, heading), move in zip(parts, moves, strict=True)
            for row in grid.hidden_rows
            if row > heading
        ),
        hidden_unseen=next((grid.hidden_unseen for grid in grids if grid.hidden_unseen), ""),
        looks=looks,
        notices=tuple(dict.fromkeys(notice for grid in grids for notice in grid.notices)),
        merges=[
            merge._replace(first_row=merge.first_row + move, last_row=merge.last_row + move)
            for grid, move in zip(grids, moves, strict=True)
            for merge in grid.merges
        ],
        struck={
            row + move: columns for grid, move in zip(grids, moves, strict=True) for row, columns in grid.struck.items()
        },
    )


def _records(parts: Sequence[tuple[Grid, int]], looks: dict[int, ColumnStyle]) -> Iterator[Record]:
    for at, (grid, heading) in enumerate(parts):
        places = _places(grid, looks)
        for record in grid.records():
            if record.number >= ROWS_APART:
                raise InputError(
                    'The sheet "{sheet}" has more than {limit} rows and can\'t be read together with '
                    "others. Read each sheet separately.",
                    sheet=grid.name,
                    limit=Number(ROWS_APART),
                )
            if at and record.number <= heading:
                continue
            kinds = "".join(_with_place(places, column, letter) for column, letter in enumerate(record.kinds))
            yield Record(record.number + at * ROWS_APART, record.cells, kinds, record.faults)


def _looks(grids: Iterable[Grid]) -> dict[int, ColumnStyle]:
    """The formats of each column in any of the sheets, the usual one of the first that has numbers in it first."""
    formats: dict[int, dict[str, None]] = {}
    for grid in grids:
        for column, look in grid.looks.items():
            formats.setdefault(column, {}).update(dict.fromkeys((look.usual, *look.others)))
    return {column: ColumnStyle(first, tuple(others)) for column, (first, *others) in formats.items()}


def _places(grid: Grid, looks: dict[int, ColumnStyle]) -> dict[int, tuple[int, ...]]:
    """Where the formats of this sheet are among those of all, by column: its usual one, then its others."""
    places = {}
    for column, look in grid.looks.items():
        known = (looks[column].usual, *looks[column].others)
        places[column] = tuple(known.index(one) for one in (look.usual, *look.others))
    return places


def _with_place(places: dict[int, tuple[int, ...]], column: int, letter: str) -> str:
    kind = kind_of(letter)
    return with_look(kind, places[column][look_of(letter)]) if kind in "nd" and column in places else letter
