"""The workbook is read back from the disk before success is said.

The reader is expat, which knows nothing of how the file was written: the whole sheet must be well-formed, and each
figure is looked for at its own cell. calamine, which reads sheets elsewhere, takes two thirds of the time but holds a
whole sheet in memory (190 MB for 100,000 rows of 24 columns, and growing with them); here 100,000 rows cost 2.6 s and
no memory. The edge tests read with calamine, openpyxl and LibreOffice.

The rows of `Results` are read as they are written, while the answers come in (`ReadAlong`); what is left for the closed
file is whether it holds these very bytes, which takes a tenth of the time.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from xml.parsers import expat

from pipeline.model import ReportRow
from pipeline.report.cells import stored

_BLOCK: Final = 1 << 18


class WorkbookMismatch(AssertionError):
    """The workbook on the disk does not say what the journal says: a fault of the program (exit code 70).

    Its message holds figures only, never personal data.
    """


class Witness:
    """Remembers what must be found again of every row, in a few bytes for all: number, status, session id, amount."""

    def __init__(self) -> None:
        self.rows = 0
        self._digest = hashlib.blake2b()

    def saw(self, row: ReportRow) -> None:
        """One row as the journal gave it."""
        amount = "" if row.amount_sent is None else f"{row.amount_sent:.2f}"
        self.note(str(row.row.number), row.status.value, stored(row.session_id), amount)

    def note(self, number: str, status: str, session_id: str, amount: str) -> None:
        """One row, by the texts of its four cells."""
        self.rows += 1
        self._digest.update(f"{number}\t{status}\t{session_id}\t{amount}\n".encode())

    def agrees_with(self, other: Witness) -> bool:
        """Whether both saw the same rows in the same order."""
        return self.rows == other.rows and self._digest.digest() == other._digest.digest()


def prove(path: Path, witness: Witness, sheets: Sequence[int], columns: Sequence[str]) -> None:
    """Reads the sheets of `Results` back from `path` and compares them with what `witness` saw, row by row, in order.

    `sheets` are their places in the workbook, from 1; `columns` are the letters of the columns `row`, `status`,
    `sessionId` and `amountSent`. Raises WorkbookMismatch when one of these is missing, changed or in another row.
    """
    found = Witness()
    with _opened(path) as package:
        for sheet in sheets:
            reader = _Reader(columns, found)
            with package.open(_part(sheet)) as stream:
                while block := stream.read(_BLOCK):
                    reader.feed(block)
            reader.end()
    _compare(witness, found)


def prove_along(path: Path, witness: Witness, found: Witness, sheets: Sequence[tuple[int, ReadAlong]]) -> None:
    """As `prove`, for sheets whose rows were read along into `found`: the file must hold the bytes that were read.

    Each sheet comes with its place in the workbook, from 1.
    """
    with _opened(path) as package:
        for sheet, along in sheets:
            with package.open(_part(sheet)) as stream:
                along.find_again(stream)
    _compare(witness, found)


def _part(sheet: int) -> str:
    return f"xl/worksheets/sheet{sheet}.xml"


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as package:
            yield package
    except (zipfile.BadZipFile, zlib.error, KeyError, expat.ExpatError) as error:
        raise WorkbookMismatch(f"the workbook can't be read back: {type(error).__name__}") from error


def _compare(witness: Witness, found: Witness) -> None:
    if not found.agrees_with(witness):
        raise WorkbookMismatch(
            f"{witness.rows} rows were written; the {found.rows} that were read back are not the same"
        )


class ReadAlong:
    """Reads the rows of one sheet as they are written, headings first, and knows them again in the closed file."""

    def __init__(self, columns: Sequence[str], found: Witness) -> None:
        self._reader = _Reader(columns, found)
        self._reader.feed(_ROWS_BEGIN)
        self._digest = hashlib.blake2b()
        self._size = 0

    def saw(self, rows: bytes) -> None:
        """Some whole rows as they go to the file. Raises WorkbookMismatch when they are no rows."""
        try:
            self._reader.feed(rows)
            self._reader.end_row()
        except expat.ExpatError as error:
            raise WorkbookMismatch("a row that was written can't be read") from error
        self._digest.update(rows)
        self._size += len(rows)

    def find_again(self, stream: IO[bytes]) -> None:
        """Reads a whole sheet: in it must stand the rows that were seen, all of them and no others.

        Raises WorkbookMismatch, and what the stream and expat raise.
        """
        self._reader.feed(_ROWS_END)
        self._reader.end()
        frame = _Frame()
        head, start = _up_to_rows(stream)
        frame.feed(head)
        digest, left = hashlib.blake2b(), self._size
        while left and (block := start[:left] or stream.read(min(left, _BLOCK))):
            digest.update(block)
            left -= len(block)
            start = start[len(block) :]
        if left or digest.digest() != self._digest.digest():
            raise WorkbookMismatch(f"{self._size} bytes of rows were written; others were read back")
        frame.feed(start)
        while block := stream.read(_BLOCK):
            frame.feed(block)
        frame.end()


_ROWS_BEGIN: Final = b"<sheetData>"
_ROWS_END: Final = b"</sheetData>"


def _up_to_rows(stream: IO[bytes]) -> tuple[bytes, bytes]:
    """What stands before the rows, and the beginning of the rows."""
    head = b""
    while _ROWS_BEGIN not in head:
        block = stream.read(_BLOCK)
        if not block:
            raise WorkbookMismatch("no rows were read back")
        head += block
    at = head.index(_ROWS_BEGIN) + len(_ROWS_BEGIN)
    return head[:at], head[at:]


class _Frame:
    """What stands around the rows of a sheet: well-formed, and without any row."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start

    def feed(self, block: bytes) -> None:
        self._parser.Parse(block)

    def end(self) -> None:
        self._parser.Parse(b"", True)

    @staticmethod
    def _start(name: str, _attributes: object) -> None:
        if name in {"row", "c"}:
            raise WorkbookMismatch("more rows were read back than were written")


_INSIDE_A_CELL: Final = frozenset({"v", "is", "t"})


class _Reader:
    """Reads the wanted cells of each row below the headings of one sheet."""

    def __init__(self, columns: Sequence[str], found: Witness) -> None:
        self._found = found
        self._row = ""
        self._cells: dict[str, str] = dict.fromkeys(columns, "")
        self._takers = {letters: self._taker(letters) for letters in columns}
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start

    def feed(self, block: bytes) -> None:
        """Reads on, and notes the rows that are whole."""
        self._parser.Parse(block)

    def end(self) -> None:
        """The sheet has been read: notes its last row."""
        self._parser.Parse(b"", True)
        self.end_row()

    def _taker(self, letters: str) -> Callable[[str], None]:
        def take(text: str) -> None:
            self._cells[letters] += text

        return take

    def _start(self, name: str, attributes: list[str]) -> None:
        if name == "c":
            # A cell names its row too: one that strayed is not found under its letters.
            self._parser.CharacterDataHandler = self._takers.get(attributes[1].removesuffix(self._row))
        elif name == "row":
            self.end_row()
            self._row = attributes[1]
        elif name not in _INSIDE_A_CELL:
            # Behind the last cell comes the rest of the sheet: its footer is no part of that cell.
            self._parser.CharacterDataHandler = None

    def end_row(self) -> None:
        """The row that was begun last is whole: notes it. Nothing when none was begun since."""
        if self._row not in {"", "1"}:
            self._found.note(*self._cells.values())
        self._row, self._cells = "", dict.fromkeys(self._cells, "")
