"""The workbook of a reconciliation: written whole or not at all, read back, and the same bytes for the same facts.

What the sheets hold stands in `sheets`, the proof and the deposits in `front`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from pipeline.domain.errors import InputError
from pipeline.messages import translate
from pipeline.reconciliation.balance import Balance, Deposit
from pipeline.reconciliation.front import DepositPage, Page, ProofPage, Story
from pipeline.reconciliation.matching import Match, MatchCategory
from pipeline.reconciliation.payments import UNDATED
from pipeline.reconciliation.sentences import HEADINGS
from pipeline.reconciliation.sheets import COLUMNS, Value, Writer, rows_of
from pipeline.report import readback
from pipeline.report.cells import stored
from pipeline.report.closing import close_book
from pipeline.report.readback import Witness
from pipeline.report.results import note_look
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import Looks
from pipeline.report.widths import WIDEST
from pipeline.system import atomic_output
from pipeline.system.atomic_output import NOTHING, Ours
from pipeline.system.scratch import scratch
from schemas.languages import Lang
from schemas.workbook_names import sheet_name

SHEETS: Final = {
    MatchCategory.MATCHED: "Matched",
    MatchCategory.PAID_DIFFERENTLY: "Paid differently",
    MatchCategory.PAID_TWICE: "Paid twice",
    MatchCategory.RETURNED: "Returned",
    MatchCategory.IN_REPORT_ONLY: "In report only",
    MatchCategory.PROPOSALS: "Proposals",
    MatchCategory.WAITING: "Waiting",
    MatchCategory.ENDED_UNPAID: "Ended unpaid",
    MatchCategory.UNKNOWN_STATE: "Unknown state",
    MatchCategory.IN_BATCH_ONLY: "In batch only",
}
"""The sheets of matches in their order."""
PROOF: Final = "Proof"
DEPOSITS: Final = "Deposits"
DAMAGED: Final = "Damaged lines"
OTHER_LINES: Final = "Other bank lines"

_OPTIONS: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NOT_PRINTED: Final = frozenset({"transactionId", "sessionId", "file", "line", "otherLines", "rowFile"})
"""Where a payment was found: for the screen, when they are the last columns."""
_LEAST: Final = {"email": 24.0, **dict.fromkeys(("kind", "differs", "note", "state"), WIDEST)}
"""How narrow a column may become on a page: what somebody has to read, not at all."""
_WITNESSED: Final = ("paid", "asked", "row", "sessionId", "reference", "reportedReference", "kind")
"""Columns by which a sheet is read back; behind them stands one that is never empty and is not read (the reader takes
what follows the last cell for a part of it).
"""
_WITNESSES: Final = 4


@dataclass(frozen=True, slots=True)
class WorkbookPlace:
    """Where the workbook really is, and where it was wanted."""

    path: Path
    wanted: Path


@dataclass(frozen=True, slots=True)
class ReconciliationContents:
    """What the workbook says."""

    story: Story
    matches: Sequence[Match]
    balance: Balance
    deposits: Sequence[Deposit]


def write(
    contents: ReconciliationContents,
    path: Path,
    *,
    lang: Lang = "en",
    show_accounts: bool = False,
    ours: Ours = NOTHING,
) -> WorkbookPlace:
    """Write the workbook to `path`, or as near to it as can be; what stands there is written over when it is `ours`.

    Raises OSError when it can be written nowhere, InputError when a sheet would have more rows than a spreadsheet
    opens, and WorkbookMismatch when what stands on the disk is not what was to be written.
    """
    try:
        settled = _write_at(contents, path, ours, lang=lang, show_accounts=show_accounts)
    except OSError as error:
        for elsewhere in atomic_output.last_resorts(path):
            try:
                settled = _write_at(contents, elsewhere, ours, lang=lang, show_accounts=show_accounts)
            except OSError:
                continue
            return WorkbookPlace(settled, path)
        raise error from None
    return WorkbookPlace(settled, path)


def _write_at(contents: ReconciliationContents, path: Path, ours: Ours, *, lang: Lang, show_accounts: bool) -> Path:
    def fill(part: Path) -> None:
        with scratch() as folder:
            book = _ReconciliationBook(part, str(folder), contents, lang, show_accounts=show_accounts)
            book.fill()
        book.prove(part)

    return atomic_output.put(path, fill, ours)


class _ReconciliationBook:
    """The workbook while it is being written."""

    def __init__(
        self, part: Path, scratch: str, contents: ReconciliationContents, lang: Lang, *, show_accounts: bool
    ) -> None:
        self._contents = contents
        self._lang = lang
        self._book: Any = xlsxwriter.Workbook(str(part), {**_OPTIONS, "tmpdir": scratch})
        self._looks = Looks(self._book)
        self._describe()
        self._writer = Writer(self._looks, lang, show_accounts=show_accounts)
        self._proof = self._book.add_worksheet(sheet_name(PROOF, lang))
        self._sheets = {
            shown: self._open(name, self._writer.headings(COLUMNS[shown])) for shown, name in SHEETS.items()
        }
        self._witnesses = {shown: Witness() for shown in SHEETS}
        self._deposits = self._book.add_worksheet(sheet_name(DEPOSITS, lang))

    def fill(self) -> None:
        """Write all sheets and close the file."""
        contents = self._contents
        for match in contents.matches:
            self._add(match)
        if contents.story.damaged:
            self._list_damaged()
        if contents.story.other_lines:
            self._list_other_lines()
        for shown, sheet in self._sheets.items():
            printed = [at for at, key in enumerate(COLUMNS[shown]) if key not in _NOT_PRINTED]
            least = {at: _LEAST[key] for at, key in enumerate(COLUMNS[shown]) if key in _LEAST}
            sheet.dress(translate("None", self._lang), least, printed)
        pages = {shown: Page(sheet.name, COLUMNS[shown], sheet.data_rows) for shown, sheet in self._sheets.items()}
        ProofPage(self._proof, self._looks, self._lang, pages).write(contents.story, contents.balance, contents.matches)
        DepositPage(self._deposits, self._looks, self._lang, pages).write(contents.deposits, contents.balance)
        self._proof.activate()
        close_book(self._book)

    def prove(self, part: Path) -> None:
        """Read every sheet of matches back from the closed file and compare it with what was to be written."""
        for shown, sheet in self._sheets.items():
            if not sheet.data_rows:
                continue
            keys = _witnessed(shown)
            letters = [sheet.letters[COLUMNS[shown].index(key)] for key in keys]
            readback.prove(part, self._witnesses[shown], [sheet.index + 1], letters)

    def _open(self, name: str, headings: Sequence[str]) -> StreamedSheet:
        sheet: StreamedSheet = self._book.add_worksheet(sheet_name(name, self._lang), StreamedSheet)
        sheet.begin(headings, self._looks.headings(), self._looks.lengths)
        return sheet

    def _add(self, match: Match) -> None:
        sheet, shown = self._sheets[match.category], match.category
        keys = _witnessed(shown)
        at = [COLUMNS[shown].index(key) for key in keys]
        for row in rows_of(match):
            if sheet.is_full:
                raise InputError(
                    "The sheet {sheet} would have more rows than a spreadsheet program opens. "
                    "Reconcile fewer reports at a time.",
                    sheet=sheet.name,
                )
            values = self._writer.values(row, COLUMNS[shown])
            refs = [f"{letter}{sheet.next_row}" for letter in sheet.letters]
            for column, text in self._writer.notes(row, values):
                sheet.add_note(column, stored(text), note_look(text))
            sheet.add_row(self._writer.cells(row, values, refs), self._writer.longest(shown, values))
            self._witnesses[shown].note(*(_as_written(values[index]) for index in at))

    def _list(self, name: str, keys: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """A sheet that is a plain list; its last columns are texts."""
        sheet = self._open(name, [translate(HEADINGS[key], self._lang) for key in keys])
        for values in rows:
            if sheet.is_full:
                raise InputError(
                    "The sheet {sheet} would have more rows than a spreadsheet program opens. "
                    "Reconcile fewer reports at a time.",
                    sheet=sheet.name,
                )
            refs = [f"{letter}{sheet.next_row}" for letter in sheet.letters]
            longest = max(len(value) for value in values[3:] if isinstance(value, str))
            sheet.add_row(self._writer.listed(keys, values, refs), longest)
        sheet.dress(translate("None", self._lang))

    def _list_damaged(self) -> None:
        rows = (
            (line.file, line.sheet, line.number, line.why.in_language(self._lang), line.text)
            for line in self._contents.story.damaged
        )
        self._list(DAMAGED, ("file", "sheet", "line", "why", "text"), rows)

    def _list_other_lines(self) -> None:
        """The lines of a bank statement that are of no request."""
        lines = [payment.line for payment in self._contents.story.other_lines]
        rows = (
            (
                line.file,
                line.sheet,
                line.number,
                "" if line.bank_day == UNDATED else line.bank_day,
                line.amount,
                " ".join(part for part in (line.reference, line.name, line.memo) if part),
            )
            for line in sorted(lines, key=lambda line: (line.file, line.sheet, line.number))
        )
        self._list(OTHER_LINES, ("file", "sheet", "line", "deposited", "reportedAmount", "text"), rows)

    def _describe(self) -> None:
        """Document properties, without personal data and without the clock."""
        created = _EPOCH.replace(tzinfo=None)
        self._book.set_properties(
            {"title": translate("Reconciliation", self._lang), "author": atomic_output.MARK, "created": created}
        )
        self._book.set_custom_property(atomic_output.MARK, "reconciliation")


def _witnessed(shown: MatchCategory) -> Sequence[str]:
    """The columns of a sheet by which it is read back."""
    return [key for key in _WITNESSED if key in COLUMNS[shown]][:_WITNESSES]


def _as_written(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, Decimal) else stored(str(value))
