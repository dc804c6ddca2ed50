"""The workbook is read back before success is said, by another program's reader, from the disk."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Final

from python_calamine import CalamineWorkbook

from pipeline.model import ReportRow
from schemas.fields import OWN_COLUMNS

CENTS: Final = Decimal("0.01")


class WorkbookMismatch(AssertionError):
    """The workbook on the disk does not say what the journal says: a fault of the program (exit code 70).

    Its message holds row numbers of the sheet and figures, never personal data.
    """


class Witness:
    """Remembers of every row what must be found again: its number, status and session id, in a few bytes for all."""

    def __init__(self) -> None:
        self.rows = 0
        self.cents = 0
        self._digest = hashlib.blake2b()

    def saw(self, row: ReportRow) -> None:
        """One row as it was written."""
        cents = 0 if row.amount_sent is None else int(row.amount_sent * 100)
        self.note(row.row.number, row.status.value, row.session_id, cents)

    def note(self, number: int, status: str, session_id: str, cents: int) -> None:
        """One row, by what identifies it; `cents` is the amount that was sent."""
        self.rows += 1
        self.cents += cents
        self._digest.update(f"{number}\t{status}\t{session_id}\t{cents}\n".encode())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Witness):
            return NotImplemented
        return (self.rows, self.cents, self._digest.digest()) == (other.rows, other.cents, other._digest.digest())

    __hash__ = None  # type: ignore[assignment]  # it changes with every row


def prove(path: Path, written: Witness, sheet_name: str) -> None:
    """Reads `Results` back from `path` and compares it with what was written, row by row, in order.

    Raises WorkbookMismatch when a row, a status, a session id or an amount is missing, changed or in another place.
    """
    found = Witness()
    with CalamineWorkbook.from_path(path) as book:
        rows = book.get_sheet_by_name(sheet_name).iter_rows()
        own = len(next(rows)) - len(OWN_COLUMNS)
        for row in rows:
            sent = row[own + 6]
            cents = round(float(sent) * 100) if isinstance(sent, float | int) else 0
            found.note(int(row[0]), str(row[own]), str(row[own + 1]), cents)  # type: ignore[arg-type]
    if found != written:
        raise WorkbookMismatch(
            f"written {written.rows} rows and {written.cents} cents, read back {found.rows} and {found.cents}"
        )
