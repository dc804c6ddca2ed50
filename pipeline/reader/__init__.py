"""A file becomes rows of text with the user's own row numbers.

This room knows formats, encodings, where the table is and which column is which field. It judges nothing: what a cell
may hold is the check room's business. Importing it is cheap; the readers are imported when a file is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pipeline.domain.model import Mapping
from pipeline.reader.grid import Record
from pipeline.reader.table import Table
from schemas.fields import BATCH_PROPERTY

__all__ = [
    "ALL_SHEETS",
    "ReadOptions",
    "SheetPreview",
    "Table",
    "batch_named_in",
    "load_mapping",
    "open_table",
    "preview",
    "sha256_of",
    "write_mapping",
]

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


@dataclass(frozen=True, slots=True)
class SheetPreview:
    """A sheet of a file before anybody judges it: its headings, where a row looks like some, and its first rows.

    `fields` is what each heading alone is known for, None for nothing. `hidden_rows` counts those below the headings
    that are hidden, filtered out, or have a struck-through cell. `is_ours` says that it is a sheet of our own
    workbook with the rows of a batch.
    """

    name: str
    is_hidden: bool
    heading_row: int | None
    headings: tuple[str, ...]
    fields: tuple[str | None, ...]
    rows: tuple[Record, ...]
    hidden_rows: int
    is_ours: bool


def batch_named_in(path: Path) -> str:
    """The batch whose workbook of ours a file is; "" for any other file."""
    from pipeline.reader.origin import properties_of  # noqa: PLC0415 - as below

    return properties_of(path).get(BATCH_PROPERTY, "")


def preview(path: Path, mapping: Mapping, rows: int = 3) -> list[SheetPreview]:
    """Every sheet of a file with its first rows, for a person who says which is meant. Raises InputError when the file
    can't be read.
    """
    from pipeline.reader.open import preview_file  # noqa: PLC0415 - the readers are heavy, importing this room is not

    return preview_file(path, mapping, rows)


def open_table(path: Path, options: ReadOptions) -> Table:
    """Find the table in the file and the meaning of its columns. Nothing is read twice unless the rows are.

    Raises InputError when the file can't be read, has no table, or its columns can't be told apart; UsageError
    never. Notices about the whole file are in `Table.notices`.
    """
    from pipeline.reader.open import open_file  # noqa: PLC0415 - the readers are heavy, importing this room is not

    return open_file(path, options)


def load_mapping(path: Path | None, maps: Sequence[str] = (), split_names: str | None = None) -> Mapping:
    """The mapping file at `path`, if one is given, with what the options `--map` and `--split-names` say instead.

    Raises UsageError with all the mistakes of the file, or for an option that is wrong.
    """
    from pipeline.reader.mapping import load, overruled  # noqa: PLC0415 - as above

    return overruled(load(path) if path else Mapping(), maps, split_names)


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
