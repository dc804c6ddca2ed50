"""The workbook of a reconciliation: written whole or not at all, read back, and the same bytes for the same facts.

What the sheets hold stands in `sheets`, the proof and the deposits in `front`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from pipeline.domain.errors import InputError
from pipeline.messages import say
from pipeline.reconciliation.balance import Balance, Deposit
from pipeline.reconciliation.front import DepositPage, Page, ProofPage, Story
from pipeline.reconciliation.matching import Match, MatchCategory
from pipeline.reconciliation.payments import UNDATED
from pipeline.reconciliation.sheets import COLUMNS, Value, Writer, rows_of
from pipeline.report import readback
from pipeline.report.cells import stored
from pipeline.report.closing import close_book
from pipeline.report.readback import Witness
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import Looks
from pipeline.system import atomic_output
from pipeline.system.atomic_output import NOTHING, Ours
from pipeline.system.scratch import scratch
from schemas.languages import Lang

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
"""The sheets of matches in their order. Their names are the same in every language."""
PROOF: Final = "Proof"
DEPOSITS: Final = "Deposits"
DAMAGED: Final = "Damaged lines"
OTHER_LINES: Final = "Other bank lines"

_OPTIONS: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_PAGE_WIDTH: Final = 230
"""Characters that are still readable side by side on a page in landscape; a wider sheet goes over several pages."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_WITNESSED: Final = ("paid", "asked", "row", "sessionId", "reference", "reportedReference", "kind")
"""Columns by which a sheet is read back; behind them stands one that is never empty and is not read (the reader takes
what follows the last cell for a part of it).
"""
_WITNESSES: Final = 4


@dataclass(frozen=True, slots=True)
class Written:
    """Where the workbook really is, and where it was wanted."""

    path: Path
    wanted: Path


@dataclass(frozen=True, slots=True)
class Contents:
    """What the workbook says."""

    story: Story
    matches: Sequence[Match]
    balance: Balance
    deposits: Sequence[Deposit]


def write(
    contents: Contents, path: Path, *, lang: Lang = "en", show_accounts: bool = False, ours: Ours = NOTHING
) -> Written:
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
            return Written(settled, path)
        raise error from None
    return Written(settled, path)


def _write_at(contents: Contents, path: Path, ours: Ours, *, lang: Lang, show_accounts: bool) -> Path:
    def fill(part: Path) -> None:
        with scratch() as folder:
            book = _Book(part, str(folder), contents, lang, show_accounts=show_accounts)
            book.fill()
        book.prove(part)

    return atomic_output.put(path, fill, ours)


class _Book:
    """The workbook while it is being written."""

    def __init__(self, part: Path, scratch: str, contents: Contents, lang: Lang, *, show_accounts: bool) -> None:
        self._contents = contents
        self._lang = lang
        self._book: Any = xlsxwriter.Workbook(str(part), {**_OPTIONS, "tmpdir": scratch})
        self._looks = Looks(self._book)
        self._describe()
        self._writer = Writer(self._looks, lang, show_accounts=show_accounts)
        self._proof = self._book.add_worksheet(PROOF)
        self._sheets = {shown: self._open(name, self._writer.headings(shown)) for shown, name in SHEETS.items()}
        self._witnesses = {shown: Witness() for shown in SHEETS}
        self._deposits = self._book.add_worksheet(DEPOSITS)

    def fill(self) -> None:
        """Write all sheets and close the file."""
        contents = self._contents
        for match in contents.matches:
            self._add(match)
        if contents.story.damaged:
            self._list_damaged()
        if contents.story.other_lines:
            self._list_other_lines()
        for sheet in self._sheets.values():
            _dress(sheet)
        pages = {shown: Page(sheet.name, COLUMNS[shown], sheet.data_rows) for shown, sheet in self._sheets.items()}
        ProofPage(self._proof, self._looks, self._lang, pages).write(contents.story, contents.balance, contents.matches)
        DepositPage(self._deposits, self._looks, self._lang, pages).write(contents.deposits, contents.balance)
        self._proof.activate()
        close_book(self._book)

    def prove(self, part: Path) -> None:
        """Read every sheet of matches back from the closed file and compare it with what was to be written."""
        for shown, sheet in self._sheets.items():
            keys = _witnessed(shown)
            letters = [sheet.letters[COLUMNS[shown].index(key)] for key in keys]
            readback.prove(part, self._witnesses[shown], [sheet.index + 1], letters)

    def _open(self, name: str, headings: Sequence[str]) -> StreamedSheet:
        sheet: StreamedSheet = self._book.add_worksheet(name, StreamedSheet)
        sheet.begin(headings, self._looks.headings(), self._looks.lengths)
        return sheet

    def _add(self, match: Match) -> None:
        sheet, shown = self._sheets[match.category], match.category
        keys = _witnessed(shown)
        at = [COLUMNS[shown].index(key) for key in keys]
        for row in rows_of(match):
            if sheet.is_full:
                raise InputError("reconcile.too_many", sheet=sheet.name)
            values = self._writer.values(row)
            refs = [f"{letter}{sheet.next_row}" for letter in sheet.letters]
            sheet.add_row(self._writer.cells(row, values, refs), self._writer.longest(shown, values))
            self._witnesses[shown].note(*(_as_written(values[index]) for index in at))

    def _list(self, name: str, keys: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """A sheet that is a plain list; its last columns are texts."""
        sheet = self._open(name, [say(f"reconcile.column_{key}", self._lang) for key in keys])
        for values in rows:
            if sheet.is_full:
                raise InputError("reconcile.too_many", sheet=sheet.name)
            refs = [f"{letter}{sheet.next_row}" for letter in sheet.letters]
            longest = max(len(value) for value in values[3:] if isinstance(value, str))
            sheet.add_row(self._writer.listed(keys, values, refs), longest)
        _dress(sheet)

    def _list_damaged(self) -> None:
        rows = (
            (line.file, line.sheet, line.number, line.why.say(self._lang), line.text)
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
            {"title": say("reconcile.title", self._lang), "author": atomic_output.MARK, "created": created}
        )
        self._book.set_custom_property(atomic_output.MARK, "reconciliation")


def _witnessed(shown: MatchCategory) -> Sequence[str]:
    """The columns of a sheet by which it is read back."""
    return [key for key in _WITNESSED if key in COLUMNS[shown]][:_WITNESSES]


def _as_written(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, Decimal) else stored(str(value))


def _dress(sheet: StreamedSheet) -> None:
    """Filter, widths and print set-up, as in the results workbook."""
    sheet.finish(sheet.name.replace(" ", "_"))
    widths = sheet.widths()
    for index, width in enumerate(widths):
        sheet.set_column(index, index, width)
    sheet.ignore_errors({"number_stored_as_text": f"A1:{sheet.letters[-1]}{sheet.data_rows + 1}"})
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.set_paper(1)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(math.ceil(sum(widths) / _PAGE_WIDTH), 0)
    sheet.repeat_rows(0)
    sheet.repeat_columns(0)
    sheet.set_footer("&L&A&R&P / &N")
