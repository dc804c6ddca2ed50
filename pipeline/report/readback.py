"""The workbook is read back from the disk before success is said.

The reader is expat, which knows nothing of how the file was written: the whole sheet must be well-formed, and each
figure is looked for at its own cell. calamine, which reads sheets elsewhere, takes two thirds of the time but holds a
whole sheet in memory (190 MB for 100,000 rows of 24 columns, and growing with them); here 100,000 rows cost 2.6 s and
no memory. The edge tests read with calamine, openpyxl and LibreOffice.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from xml.parsers import expat

from pipeline.domain.model import ReportRow
from pipeline.report.cells import stored
from schemas.languages import Lang
from schemas.workbook_names import word

_BLOCK: Final = 1 << 18


class WorkbookMismatch(AssertionError):
    """The workbook on the disk does not say what the journal says: a fault of the program (exit code 70).

    Its message holds figures only, never personal data.
    """


class Witness:
    """Remembers what must be found again of every row, in a few bytes for all: number, status, session id, amount."""

    def __init__(self, lang: Lang = "en") -> None:
        """`lang` is the language of the workbook's statuses."""
        self.rows = 0
        self._lang = lang
        self._digest = hashlib.blake2b()

    def saw(self, row: ReportRow) -> None:
        """One row as the journal gave it."""
        amount = "" if row.amount_sent is None else f"{row.amount_sent:.2f}"
        self.note(str(row.row.number), word(row.status, self._lang), stored(row.session_id), amount)

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
    try:
        with zipfile.ZipFile(path) as package:
            for sheet in sheets:
                reader = _CellReader(columns, found)
                with package.open(f"xl/worksheets/sheet{sheet}.xml") as stream:
                    while block := stream.read(_BLOCK):
                        reader.feed(block)
                reader.end()
    except (zipfile.BadZipFile, zlib.error, KeyError, expat.ExpatError) as error:
        raise WorkbookMismatch(f"the workbook can't be read back: {type(error).__name__}") from error
    if not found.agrees_with(witness):
        raise WorkbookMismatch(
            f"{witness.rows} rows were written; the {found.rows} that were read back are not the same"
        )


_INSIDE_A_CELL: Final = frozenset({"v", "is", "t"})


class _CellReader:
    """Reads the wanted cells of each row below the headings of one sheet."""

    def __init__(self, columns: Sequence[str], found: Witness) -> None:
        self._found = found
        self._among_rows = False
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
        self._end_row()

    def _taker(self, letters: str) -> Callable[[str], None]:
        def take(text: str) -> None:
            self._cells[letters] += text

        return take

    def _start(self, name: str, attributes: list[str]) -> None:
        if name == "c":
            # A cell names its row too: one that strayed is not found under its letters.
            self._parser.CharacterDataHandler = self._takers.get(attributes[1].removesuffix(self._row))
        elif name == "row":
            if not self._among_rows:
                raise WorkbookMismatch("a row was read back that is not among the rows of its sheet")
            self._end_row()
            self._row = attributes[1]
            self._parser.CharacterDataHandler = None
        elif name not in _INSIDE_A_CELL:
            # Behind the last cell comes the rest of the sheet: its footer is no part of that cell.
            self._parser.CharacterDataHandler = None
            self._among_rows = name == "sheetData"

    def _end_row(self) -> None:
        """The row that was begun last is whole: notes it. Nothing when none was begun since."""
        if self._row not in {"", "1"}:
            self._found.note(*self._cells.values())
        self._row, self._cells = "", dict.fromkeys(self._cells, "")
