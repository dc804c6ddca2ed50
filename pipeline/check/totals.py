"""Lines that are no rows: totals, which are checked against the rows, and notes under the table.

A line is left out only when it can't be a payment row; anything doubtful stays a row and is faulted. Nothing is left
out in silence: each line has its notice (issue "Sheets as finance teams really have them", point 3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from pipeline.check.origins import Origins
from pipeline.model import ControlTotal, SheetRow
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, Field

_TOTAL: Final = re.compile(
    r"\W*(?:(?:grand|sub|sous|net|overall|montant|report)[\s-]*)?(?:totals?|totaux|somme|sum)\b(?!\w)|.*\btotal\s*:?\s*$",
    re.IGNORECASE,
)
_SUBTOTAL: Final = re.compile(r"\W*su[bs][\s-]*tota|\W*sous[\s-]*tota", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[\s$()+\-.,\u00a0\u202f\u2212']*[0-9][0-9\s$()+\-.,\u00a0\u202f\u2212'%]*(?:CAD)?\s*")
_NOTE: Final = re.compile(r"\S+(?:\s+\S+){2,}|\W*(?:notes?|remarques?|nb|n\.b\.)\b.*|[*†].*", re.IGNORECASE | re.DOTALL)
_REMARK: Final = re.compile(r"(?=.*[^\W\d_]{2})(?:\D*|.*\s.*)", re.DOTALL)
_LEAST_ROWS_OF_A_SUM: Final = 2


class Line(Enum):
    """What a line of the sheet is."""

    ROW = auto()
    TOTAL = auto()
    SUM = auto()
    """An amount and nothing that says whose: a total only if it agrees with the rows, else a row without a payor."""
    NOTE = auto()
    BLANK = auto()


@dataclass(frozen=True, slots=True)
class LineReader:
    """Tells rows from lines that are none. `last_payment` is the number of the last row that looks like a payment."""

    payor: tuple[int, ...]
    account: tuple[int, ...]
    email: int | None
    amount: int | None
    last_payment: int = 0

    def looks_like_payment(self, row: SheetRow) -> bool:
        """Whether a row has an e-mail address, or two of reference, names and amount."""
        cells = row.cells
        if self.email is not None and "@" in cells[self.email]:
            return True
        filled = sum(1 for at in self.payor if _says(cells[at]) and not is_total(cells[at]))
        return filled + (self.amount is not None and _says(cells[self.amount])) > 1

    def line(self, row: SheetRow, *, totalled: bool = False) -> Line:
        """What this line is. `totalled` says that a total line was found above it."""
        if totalled and self._trails(row) and self._is_remark(row):
            return Line.NOTE
        cells = row.cells
        if self.email is not None and _says(cells[self.email]) and not is_total(cells[self.email]):
            return Line.ROW
        named = [cells[at] for at in self.payor if _says(cells[at])]
        labelled = any(map(is_total, cells))
        if not named or labelled or self._trails(row):
            return self._doubtful(row, named, labelled)
        return Line.ROW

    def _doubtful(self, row: SheetRow, named: list[str], labelled: bool) -> Line:
        filled = [text for text in row.cells if _says(text)]
        if any(_says(row.cells[at]) for at in self.account):
            return Line.ROW
        if labelled and self._only_a_label(named):
            return Line.TOTAL
        if not filled:
            return Line.BLANK
        if named:
            return Line.NOTE if self._trails(row) and len(filled) == 1 and _NOTE.fullmatch(filled[0]) else Line.ROW
        has_amount = self.amount is not None and _says(row.cells[self.amount])
        if has_amount and all(map(_NUMBER.fullmatch, filled)):
            return Line.TOTAL if self._trails(row) else Line.SUM
        return Line.NOTE if self._trails(row) and not has_amount else Line.ROW

    def _is_remark(self, row: SheetRow) -> bool:
        """Whether one cell has words and all others nothing: under a total, thanks and not a payor.

        A lone identifier or number may be all that is left of a row.
        """
        filled = [at for at, text in enumerate(row.cells) if _says(text)]
        if len(filled) != 1 or row.faults or filled[0] in self.account or is_total(row.cells[filled[0]]):
            return False
        return _REMARK.fullmatch(row.cells[filled[0]].strip()) is not None

    def _only_a_label(self, named: list[str]) -> bool:
        """Whether what stands in the payor's columns is the word total, perhaps with a count beside it."""
        labels = [text for text in named if is_total(text)]
        rest = [text for text in named if not is_total(text)]
        return not rest or (bool(labels) and all(map(_NUMBER.fullmatch, rest)))

    def _trails(self, row: SheetRow) -> bool:
        return 0 < self.last_payment < row.number


def line_reader(origins: Origins, last_payment: int = 0) -> LineReader:
    """The reader for a sheet in which the fields stand where `origins` says."""
    payor = [origins.index_of(at) for at in (Field.REFERENCE_ID, Field.FIRST_NAME, Field.LAST_NAME)]
    account = [origins.index_of(at) for at in ACCOUNT_FIELDS]
    return LineReader(
        payor=tuple(at for at in (*payor, origins.whole_name) if at is not None),
        account=tuple(at for at in account if at is not None),
        email=origins.index_of(Field.EMAIL),
        amount=origins.index_of(Field.AMOUNT),
        last_payment=last_payment,
    )


def is_total(text: str) -> bool:
    """Whether a cell says that its line is a total, in English or French."""
    return bool(text) and _TOTAL.match(text) is not None


def _says(text: str) -> bool:
    return bool(text) and not text.isspace()


@dataclass(slots=True)
class Ledger:
    """The running sums of a sheet, and the total lines found so far. Amounts in dollars, faulty rows included."""

    all_rows: Decimal = Decimal("0.00")
    since_total: Decimal = Decimal("0.00")
    counted: int = 0
    counted_since: int = 0
    without_reference: int = 0
    totalled: bool = False
    controls: list[ControlTotal] = field(default_factory=list)
    notices: list[Fault] = field(default_factory=list)

    def add(self, amount: Decimal | None) -> None:
        """Count a row."""
        if amount is not None:
            self.all_rows += amount
            self.since_total += amount
            self.counted += 1
            self.counted_since += 1

    def is_sum(self, amount: Decimal | None) -> bool:
        """Whether `amount` is what several rows before it make, all of them or those since the last total."""
        since = amount == self.since_total and self.counted_since >= _LEAST_ROWS_OF_A_SUM
        return since or (amount == self.all_rows and self.counted >= _LEAST_ROWS_OF_A_SUM)

    def close(self, row: SheetRow, amount: Decimal | None) -> None:
        """Check a total line against the rows above it, and say that it was left out."""
        label = _label(row)
        self.totalled = True
        if amount is None:
            self.notices.append(Fault("total-unread", "", label, (("row", str(row.number)),)))
            return
        partial = _SUBTOTAL.match(label) is not None or (amount == self.since_total != self.all_rows)
        found = self.since_total if partial else self.all_rows
        agrees = amount == found
        details = (("row", str(row.number)), ("expected_amount", f"{amount:f}"), ("found_amount", f"{found:f}"))
        self.notices.append(Fault("total-agrees" if agrees else "total-differs", "", label, details))
        self.controls.append(ControlTotal(f"row {row.number}", f"{amount:f}", f"{found:f}", agrees))
        self.since_total, self.counted_since = Decimal("0.00"), 0

    def note(self, row: SheetRow) -> None:
        """Say that a note under the table was left out."""
        self.notices.append(Fault("note-line", "", _label(row), (("row", str(row.number)),)))


def _label(row: SheetRow) -> str:
    """What a line says of itself: its total word, else its first text."""
    filled = [text for text in row.cells if _says(text)]
    return next(filter(is_total, filled), filled[0])
