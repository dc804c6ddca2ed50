"""A file becomes rows of text with the user's own row numbers.

This room knows formats, encodings, where the table is and which column is which field. It judges nothing: what a cell
may hold is the check room's business. Importing it is cheap; the readers are imported when a file is opened.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pipeline.domain.model import Mapping
from pipeline.reader.table import Table

__all__ = ["ALL_SHEETS", "ReadOptions", "Table", "load_mapping", "open_table", "sha256_of", "write_mapping"]

ALL_SHEETS: Final = "all"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a sheet is to be read (interface: `--sheet`, `--mapping`, `--hidden`, `--allow-open-amount`).

    `sheets` names sheets of a workbook, which are read as one, or is `ALL_SHEETS` alone for all visible ones with the
    headings of the first; empty, it is the first visible one with a heading row, which must be the only one with these
    headings. `hidden` says what happens to rows that are hidden, filtered out or struck through. `amount_optional`
    allows a sheet without a column of amounts.
    """

    sheets: tuple[str, ...] = ()
    mapping: Mapping = field(default_factory=Mapping)
    hidden: Literal["refuse", "include", "skip"] = "refuse"
    amount_optional: bool = False


def open_table(path: Path, options: ReadOptions) -> Table:
    """Find the table in the file and the meaning of its columns. Nothing is read twice unless the rows are.

    Raises InputError when the file can't be read, has no table, or its columns can't be told apart; UsageError
    never. Notices about the whole file are in `Table.notices`.
    """
    from pipeline.reader.open import open_file  # noqa: PLC0415 - the readers are heavy, importing this room is not

    return open_file(path, options)


def load_mapping(path: Path) -> Mapping:
    """The mapping file at `path`. Raises UsageError with all its mistakes when it is wrong."""
    from pipeline.reader.mapping import load  # noqa: PLC0415 - as above

    return load(path)


def write_mapping(table: Table, path: Path) -> Path:
    """Keep how the columns of `table` were understood as a mapping file, for the next sheet of its kind.

    Over no file: it goes to the next free name; gives its place. Raises UsageError when it can't be written.
    """
    from pipeline.reader.mapping import write  # noqa: PLC0415 - as above

    return write(table, path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex. Reads piece by piece. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
