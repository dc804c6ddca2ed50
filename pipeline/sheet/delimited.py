"""Text files: delimiter, quotes, and records that never run into one another.

A quotation mark that is never closed makes the usual readers swallow the rows below it, in silence and up to the end of
the file. Here it is the fault of the row that it stands in, and the next line is a row again.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from pipeline.model import MAX_TEXT, InputFailure, Mapping
from pipeline.sheet.encodings import encoding_of
from pipeline.sheet.grid import Book, Grid, Record, about_long_texts
from pipeline.sheet.headings import recognised
from pipeline.spoken import Figure
from schemas.faults import Fault

_DELIMITERS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
"""The line by which Excel is told the delimiter: it is no row, and Excel does not count it."""

_SAMPLE_CHARACTERS: Final = 1 << 18
_SAMPLE_RECORDS: Final = 60
_LONGEST_LINE: Final = 1 << 20
"""Characters. 16,384 columns of an identifier each fit; more is no table, and would be held in memory whole."""
_LONGEST_CELL: Final = 131_072
"""Characters: the csv module's own limit, four times that of a spreadsheet."""
_MOST_LINES: Final = 500
"""Lines in one record. A cell with more line breaks than that is a quotation mark that was never closed."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the text is to be cut. `separator_line` says that the first line only names the delimiter."""

    codec: str
    delimiter: str
    separator_line: bool = False


def open_text(path: Path, mapping: Mapping) -> Book:
    """A text file as a book of one sheet without a name. Raises InputFailure when its encoding can't be told."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding.codec, newline="") as file:
        dialect = _dialect(encoding.codec, file.read(_SAMPLE_CHARACTERS), mapping)
    grid = Grid("", partial(_records, path, dialect))
    return Book(("",), lambda _: grid, notices=encoding.notices)


def _dialect(codec: str, sample: str, mapping: Mapping) -> Dialect:
    """The delimiter that makes the best table: by the headings that it brings out, then by rows of equal length."""
    named = _SEPARATOR_LINE.match(sample)
    if named and not named[1].isalnum():
        return Dialect(codec, named[1], separator_line=True)
    scores = {delimiter: _score(sample, delimiter, mapping) for delimiter in _DELIMITERS}
    return Dialect(codec, max(_DELIMITERS, key=lambda delimiter: scores[delimiter]))


def _score(sample: str, delimiter: str, mapping: Mapping) -> tuple[int, int]:
    with StringIO(sample, newline="") as text:
        rows = [cells for cells, _ in islice(_split(text, delimiter), _SAMPLE_RECORDS)]
    widths = Counter(len(cells) for cells in rows if len(cells) > 1)
    return max((recognised(cells, mapping) for cells in rows), default=0), max(widths.values(), default=0)


def _records(path: Path, dialect: Dialect) -> Iterator[Record]:
    with path.open(encoding=dialect.codec, newline="") as file:
        if dialect.separator_line:
            file.readline()
        for number, (cells, faults) in enumerate(_split(file, dialect.delimiter), 1):
            if faults or any(cells):
                yield Record(number, cells, "s" * len(cells), faults)


def _split(file: TextIO, delimiter: str) -> Iterator[tuple[list[str], tuple[Fault, ...]]]:
    """Every record of the text, blank ones included, with the faults of its form."""
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RunsOn):
            line = lines.give_back()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield line.split(delimiter), (_broken(line, delimiter),)
            continue
        faults = _nul_faults(cells) if lines.saw_nul else ()
        yield cells, (*faults, *about_long_texts(cells)) if lines.characters > MAX_TEXT // 2 else faults


def _broken(line: str, delimiter: str) -> Fault:
    """Why a line is no record of its own."""
    if max(map(len, line.split(delimiter))) >= _LONGEST_CELL:
        return Fault("cell-too-long", details=(("limit", str(_LONGEST_CELL)),))
    return Fault("broken-quote", value=line)


def _nul_faults(cells: list[str]) -> tuple[Fault, ...]:
    """A NUL byte comes from a damaged file or a bad export; to remove it in silence could join two values."""
    return (Fault("nul-byte"),) if any("\x00" in cell for cell in cells) else ()


class _RunsOn(Exception):
    """The record has more lines than any cell has: its quotation mark was never closed."""


class _Lines:
    """The lines of the text for the csv module, remembering those of the record that it is reading."""

    def __init__(self, file: TextIO) -> None:
        self._read = file.readline
        self._back: deque[str] = deque()
        self._record: list[str] = []
        self.saw_nul = False
        self.characters = 0

    def begin_record(self) -> None:
        """The record so far is well read: forget its lines."""
        self._record.clear()
        self.saw_nul = False
        self.characters = 0

    def give_back(self) -> str:
        """Take the record apart: its first line, without its end, and the others to be read again."""
        first, *rest = self._record
        self._back.extendleft(reversed(rest))
        return first.rstrip("\r\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._read(_LONGEST_LINE)
        if not line:
            raise StopIteration
        record = self._record
        record.append(line)
        self.characters += len(line)
        if len(record) > _MOST_LINES:
            raise _RunsOn
        if len(line) >= _LONGEST_LINE:
            raise InputFailure("sheet.line_too_long", limit=Figure(_LONGEST_LINE))
        if "\x00" in line:
            self.saw_nul = True
        return line
