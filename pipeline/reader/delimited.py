"""Text files: delimiter, quotes, and records that never run into one another.

A quotation mark that is never closed makes the usual readers swallow the rows below it, in silence and up to the end of
the file. Here it is the fault of the row that it stands in, and the next line is a row again. A separator too many or
too few shifts the values of its row: that is seen by counting the cells of all rows.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import StringIO
from itertools import islice, pairwise
from pathlib import Path
from typing import Final, TextIO

from pipeline.domain.errors import InputError
from pipeline.domain.model import MAX_TEXT
from pipeline.messages import Number
from pipeline.reader.encodings import MEANT, encoding_of, misread_in
from pipeline.reader.grid import Book, Grid, Record, about_long_texts
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
_RULED: Final = re.compile(r"\s*[-=_*~+|]{10,}\s*")
"""A line that printed lists draw between their parts: it holds nothing, wherever it stands."""
_END_MARK: Final = "\x1a"
"""Ctrl-Z, by which DOS and some systems of today end a text file."""

_SPACED_QUOTE: Final = re.compile(r'\s+"')
_APOSTROPHES: Final = re.compile(r"\s*'.*'\s*", re.DOTALL)
_DOLLARS: Final = re.compile(r"(?:.*[^0-9.])?[0-9]+")
_CENTS: Final = re.compile(r"[0-9]{2}\D{0,4}|[0-9]{3}\.[0-9]{2}\D{0,4}")
"""Behind a comma that stands in a number: cents, or hundreds with their cents."""

_SHORT_HABITS: Final = ((2, 4), (3, 10))
"""Exports that leave out blank cells at the end have short rows: two and a quarter of all, or three and a tenth."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the text is to be cut. `separator_line` says that the first line only names the delimiter.

    `quote` stands around cells; with `spaced`, blanks may stand before it. With `misread`, some letters are to be
    translated by `MEANT`.
    """

    codec: str
    delimiter: str
    separator_line: bool = False
    quote: str = '"'
    spaced: bool = False
    misread: bool = False


def open_table(path: Path, headings_in: Callable[[Sequence[str]], int]) -> Book:
    """A text file as a book of one sheet without a name. Raises InputError when its encoding can't be told.

    `headings_in` counts the headings among the cells of a row: the right delimiter brings out the most.
    """
    encoding = encoding_of(path)
    misread = misread_in(path) if encoding.codec.startswith("utf-8") else ()
    with path.open(encoding=encoding.codec, newline="") as file:
        dialect = _dialect(encoding.codec, file.read(_SAMPLE_CHARACTERS), headings_in)
    dialect = replace(dialect, misread=bool(misread))
    grid = Grid("", partial(_records, path, dialect), counts=partial(_cell_counts, path, dialect))
    return Book(("",), lambda _: grid, notices=(*encoding.notices, *misread))


def _dialect(codec: str, sample: str, headings_in: Callable[[Sequence[str]], int]) -> Dialect:
    """The delimiter that makes the best table: by the headings that it brings out, then by rows of equal length."""
    named = _SEPARATOR_LINE.match(sample)
    if named and not named[1].isalnum():
        return _quoted(Dialect(codec, named[1], separator_line=True), sample[named.end() :])
    scores = {delimiter: _score(sample, delimiter, headings_in) for delimiter in _DELIMITERS}
    return _quoted(Dialect(codec, max(_DELIMITERS, key=lambda delimiter: scores[delimiter])), sample)


def _score(sample: str, delimiter: str, headings_in: Callable[[Sequence[str]], int]) -> tuple[int, int]:
    rows = [cells for cells, _ in _first(sample, Dialect("", delimiter))]
    widths = Counter(len(cells) for cells in rows if len(cells) > 1)
    return max(map(headings_in, rows), default=0), max(widths.values(), default=0)


def _quoted(dialect: Dialect, sample: str) -> Dialect:
    """How cells are quoted: with blanks before the mark (`1, "Roy"`), or by apostrophes (`'1','Roy'`)."""
    rows = [[cell for cell in cells if cell.strip()] for cells, faults in _first(sample, dialect) if not faults]
    if any(_SPACED_QUOTE.match(cell) for cells in rows for cell in cells):
        return replace(dialect, spaced=True)
    quoted = [sum(map(bool, map(_APOSTROPHES.fullmatch, cells))) for cells in rows if len(cells) > 1][1:]
    if all(quoted) and sum(quoted) > 1:
        return replace(dialect, quote="'", spaced=True)
    return dialect


def _first(sample: str, dialect: Dialect) -> list[tuple[list[str], tuple[Fault, ...]]]:
    with StringIO(sample, newline="") as text:
        return list(islice(_split(text, dialect), _SAMPLE_RECORDS))


def _records(path: Path, dialect: Dialect) -> Iterator[Record]:
    with path.open(encoding=dialect.codec, newline="") as file:
        if dialect.separator_line:
            file.readline()
        for number, (cells, faults) in enumerate(_split(file, dialect), 1):
            if (faults or any(cells)) and not (len(cells) == 1 and _RULED.fullmatch(cells[0])):
                yield Record(number, cells, "s" * len(cells), faults)


def _cell_counts(path: Path, dialect: Dialect, heading: Record) -> Container[int]:
    """How many cells a row below the headings may have: as many as the headings, unless the file shows another habit.

    Some exports leave out blank cells at the end of a row, and some end every row but the headings with a separator.
    Only rows with an e-mail address are counted: total lines and notes have lengths of their own.
    """
    width = len(heading.cells)
    paying, others = _Lengths(), _Lengths()
    for number, cells, _, faults in _records(path, dialect):
        if number > heading.number and not faults:
            tally, count = paying if "@" in "".join(cells) else others, len(cells)
            tally.counts[count] += 1
            if count != width or tally.counts[count] == 1:
                tally.note(cells, width, dialect)
    rows = paying if paying.counts else others
    counts, cut = rows.counts, rows.cut
    usual = max(counts, key=lambda count: (counts[count], count == width), default=width)
    if usual == width:
        return _without_ends(counts, width)
    if counts[usual] == 1 or counts[usual] < counts.total() - 1:
        return _without_ends(counts, width)
    if usual > width:
        return {usual} if rows.surplus_is_blank and not cut[usual] else {width}
    return {usual} if cut.get(width) else {usual, width}


@dataclass(slots=True)
class _Lengths:
    """How many rows have how many cells, and where all rows of one length may have a number that was cut in two."""

    counts: Counter[int] = field(default_factory=Counter)
    cut: dict[int, set[int]] = field(default_factory=dict)
    surplus_is_blank: bool = True

    def note(self, cells: Sequence[str], width: int, dialect: Dialect) -> None:
        """What the cells of one more row show."""
        count = len(cells)
        self.cut[count] = _cut_numbers(cells, dialect) & self.cut.get(count, set(range(count)))
        self.surplus_is_blank = self.surplus_is_blank and not any(cell.strip() for cell in cells[width:])


def _without_ends(counts: Counter[int], width: int) -> Container[int]:
    """All lengths up to that of the headings when many rows are shorter, else only theirs."""
    short = sum(number for count, number in counts.items() if count < width)
    is_habit = any(short >= least and short * share >= counts.total() for least, share in _SHORT_HABITS)
    return range(width + 1) if is_habit else {width}


def _cut_numbers(cells: Sequence[str], dialect: Dialect) -> set[int]:
    """The places where a cell and the next one look like a number with a comma, cut in two."""
    if dialect.delimiter != ",":
        return set()
    pairs = enumerate(pairwise(cells))
    return {at for at, (left, right) in pairs if _DOLLARS.fullmatch(left) and _CENTS.fullmatch(right)}


def _split(file: TextIO, dialect: Dialect) -> Iterator[tuple[list[str], tuple[Fault, ...]]]:
    """Every record of the text, blank ones included, with the faults of its form."""
    lines = _Lines(file, MEANT if dialect.misread else None)
    while True:
        reader = csv.reader(
            lines, delimiter=dialect.delimiter, quotechar=dialect.quote, skipinitialspace=dialect.spaced, strict=True
        )
        try:
            while True:
                lines.begin_record()
                cells = next(reader)
                faults = _faults(cells, lines, dialect) if lines.is_special else ()
                yield cells, faults
        except StopIteration:
            return
        except (csv.Error, _UnclosedQuote):
            line = lines.give_back()
            yield _cut(line, dialect), (_broken(line, dialect.delimiter),)


def _faults(cells: list[str], lines: _Lines, dialect: Dialect) -> tuple[Fault, ...]:
    """What is said of a record with a NUL, with several lines, or with a long text."""
    faults: tuple[Fault, ...] = ()
    if lines.saw_nul and any("\x00" in cell for cell in cells):
        # It comes from a damaged file or a bad export; to remove it in silence could join two values.
        faults = (Fault("nul-byte"),)
    if lines.count > 1 and (drawn_in := _rows_within(cells, dialect.delimiter)):
        details = (("expected", str(len(cells))), ("found", str(drawn_in)))
        faults = (*faults, Fault("row-within-cell", details=details))
    return (*faults, *about_long_texts(cells)) if lines.characters > MAX_TEXT // 2 else faults


def _rows_within(cells: list[str], delimiter: str) -> int:
    """How many lines within a cell are rows by themselves: a quotation mark was closed some rows too late."""
    inner = [line for cell in cells if "\n" in cell or "\r" in cell for line in cell.splitlines()[1:]]
    return sum(1 for line in inner if "@" in line and line.count(delimiter) >= len(cells) - 1)


def _cut(line: str, dialect: Dialect) -> list[str]:
    """The cells of a line as a reader would cut them, but for the marks that are out of place: those are letters.

    A cell in quotation marks ends at the first of them with a separator behind it. When one with a separator before it
    comes first, another cell begins there, and the mark at the beginning of this one is out of place.
    """
    quote, end = re.escape(dialect.quote), re.escape(dialect.delimiter)
    blank = " *" if dialect.spaced else ""
    good = f"{quote}((?:[^{quote}]|{quote}{quote})*){quote}(?={end}|$)"
    loose = f"{quote}((?:[^{quote}]|(?<![{end}{blank[:1]}]){quote}(?!{end}|$))*){quote}(?={end}|$)"
    pattern = re.compile(f"{blank}(?:{good}|{loose})|([^{end}]*)")
    cells, at = [], 0
    while at <= len(line):
        cell = pattern.match(line, at)
        assert cell is not None  # its last part matches anything
        within = cell[1] if cell[1] is not None else cell[2]
        cells.append(cell[3] if within is None else within.replace(dialect.quote * 2, dialect.quote))
        at = cell.end() + 1
    return cells


def _broken(line: str, delimiter: str) -> Fault:
    """Why a line is no record of its own."""
    if max(map(len, line.split(delimiter))) >= _LONGEST_CELL:
        return Fault("cell-too-long", details=(("limit", str(_LONGEST_CELL)),))
    return Fault("broken-quote", value=line)


class _UnclosedQuote(Exception):
    """The record has more lines than any cell has: its quotation mark was never closed."""


class _Lines:
    """The lines of the text for the csv module, remembering those of the record that it is reading."""

    def __init__(self, file: TextIO, letters: dict[int, str] | None) -> None:
        self._read = file.readline
        self._letters = letters
        self._back: deque[str] = deque()
        self._record: list[str] = []
        self.saw_nul = False
        self.characters = 0

    def begin_record(self) -> None:
        """The record so far is well read: forget its lines."""
        self._record.clear()
        self.saw_nul = False
        self.characters = 0

    @property
    def count(self) -> int:
        """How many lines the record has."""
        return len(self._record)

    @property
    def is_special(self) -> bool:
        """Whether the record is one of the few that are looked at more closely."""
        return len(self._record) > 1 or self.saw_nul or self.characters > MAX_TEXT // 2

    def give_back(self) -> str:
        """Take the record apart: its first line, without its end, and the others to be read again."""
        first, *rest = self._record
        self._back.extendleft(reversed(rest))
        return first.rstrip("\r\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._read(_LONGEST_LINE)
        if _END_MARK in line:
            line = _without_end_mark(line)
        if self._letters:
            line = line.translate(self._letters)
        if not line:
            raise StopIteration
        record = self._record
        record.append(line)
        self.characters += len(line)
        if len(record) > _MOST_LINES:
            raise _UnclosedQuote
        if len(line) >= _LONGEST_LINE:
            raise InputError(
                "A line of the file has more than {limit} characters: it is not a table. Export "
                "it again as .csv or .xlsx.",
                limit=Number(_LONGEST_LINE),
            )
        if "\x00" in line:
            self.saw_nul = True
        return line


def _without_end_mark(line: str) -> str:
    """The last line of the file without the mark; within a line it is a character like others."""
    if not line.strip("\r\n\x1a"):
        return line.replace(_END_MARK, "")
    return line.rstrip(_END_MARK) if line.endswith(_END_MARK) else line
