"""Text files: encoding, delimiter, quotes, and records that never shift into one another."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pipeline.model import Mapping
from pipeline.sheet.grid import Book, Grid, Record
from pipeline.sheet.headings import recognised


def open_text(path: Path, mapping: Mapping) -> Book:
    """A text file as a book of one sheet without a name."""
    delimiter = _delimiter(path, mapping)
    grid = Grid("", lambda: _records(path, delimiter))
    return Book(("",), lambda _: grid)


def _records(path: Path, delimiter: str) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(csv.reader(file, delimiter=delimiter), 1):
            if any(cells):
                yield Record(number, cells, "s" * len(cells))


def _delimiter(path: Path, mapping: Mapping) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(65536).splitlines()[:50]
    return max(
        ",;\t|",
        key=lambda sign: max((recognised(cells, mapping) for cells in csv.reader(head, delimiter=sign)), default=0),
    )
