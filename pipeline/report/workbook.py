"""The output workbook: made in one pass over the journal, read back, and put in its place whole or not at all.

Memory does not grow with the rows: they go to the disk as they come. The bytes depend on the journal alone; no clock is
asked. What each sheet holds stands in its own module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from pipeline.domain.comparison import Before, Charge, ChargeReader
from pipeline.domain.control_totals import CauseFinder
from pipeline.domain.model import NO_MONEY, Report, ReportRow, Totals
from pipeline.domain.payment_summary import PaymentTally, is_late
from pipeline.domain.totals import StatusCounter, needs_a_person
from pipeline.messages import translate
from pipeline.report import changes_sheet, links, open_sheet, readback
from pipeline.report.closing import close_book
from pipeline.report.links import LinkWriter
from pipeline.report.open_sheet import OpenWriter
from pipeline.report.readback import Witness, WorkbookMismatch
from pipeline.report.results import RowWriter
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import PAID_COLOURS, STATUS_COLOURS, Looks
from pipeline.report.summary import Written
from pipeline.report.summary_sheet import Figures, FrontPage
from pipeline.system import atomic_output
from pipeline.system.atomic_output import NOTHING, Ours
from pipeline.system.scratch import scratch
from schemas.fields import BATCH_PROPERTY, ROW_COLUMN, RUN_PROPERTY
from schemas.languages import Lang
from schemas.workbook_names import sheet_name, word

__all__ = ["WorkbookMismatch", "Written", "write"]

Rows = Callable[[], Iterator[ReportRow]]

SUMMARY: Final = "Summary"
RESULTS: Final = "Results"
ERRORS: Final = "Errors"
LINKS: Final = "Links"
OPEN: Final = "Open"
CHANGES: Final = "Changes"

_OPTIONS: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_WITNESSED: Final = (ROW_COLUMN, "status", "sessionId", "amountSent")
"""The columns of `Results` by which it is read back."""
_LONGEST_PROPERTY: Final = 255
"""Characters. A batch with a longer name is named by `Summary` alone."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What the workbook shows beside the rows: its language, whole account numbers, whether there is `Changes`."""

    lang: Lang = "en"
    show_accounts: bool = False
    compared: bool = False


def write(  # noqa: PLR0913 - where, what and how
    report: Report,
    rows: Rows,
    path: Path,
    *,
    lang: Lang = "en",
    show_accounts: bool = False,
    before: Before | None = None,
    ours: Ours = NOTHING,
) -> Written:
    """Writes the workbook of a batch to `path`, or as near to it as can be: results outlive a locked file.

    `rows` gives the batch in the sheet's order, each time it is called. With `before` there is a sheet `Changes`, for
    which every payor's charge is kept in memory. What stands at `path` is written over when it is `ours`. Raises
    OSError when it can be written nowhere, and WorkbookMismatch when what stands on the disk is not what the journal
    says.
    """
    showing = Showing(lang, show_accounts, before is not None)
    try:
        return _write_at(report, rows, path, showing, before, ours)
    except OSError as error:
        for elsewhere in atomic_output.last_resorts(path):
            try:
                written = _write_at(report, rows, elsewhere, showing, before, ours)
            except OSError:
                continue
            return Written(written.path, written.totals, path)
        raise error from None


def _write_at(  # noqa: PLR0913, PLR0917 - six, by the house's rule
    report: Report, rows: Rows, path: Path, showing: Showing, before: Before | None, ours: Ours
) -> Written:
    with closing(Draft(report, path, showing, ours)) as draft:
        for row in rows():
            draft.add(row)
        return draft.finish(report, before)


class Draft:
    """A workbook that is being written beside its place: its rows first, and `Summary` when all is known.

    Close it: a workbook that is not finished is gone then. Everything raises OSError when the disk does not take it.
    """

    def __init__(self, report: Report, path: Path, showing: Showing, ours: Ours = NOTHING) -> None:
        """`ours` may be written over at `path`."""
        self._begun = report
        self._path = path
        self._ours = ours
        self._compared = showing.compared
        with ExitStack() as unready:
            self.part = atomic_output.begin(path)
            unready.callback(self._remove_part)
            self._book = _Book(self.part, unready.enter_context(scratch()), report, showing)
            self._leaving = unready.pop_all()

    def close(self) -> None:
        """Removes what is not finished."""
        self._leaving.close()

    def add(self, row: ReportRow) -> None:
        """Writes one row below those that are there: they come in the sheet's order."""
        self._book.add(row)

    def fits(self, report: Report, before: Before | None) -> bool:
        """Whether the rows stand as they would for this report, and all that it takes was gathered.

        `Summary` alone tells how a run ended; what the API was asked about its sessions meanwhile stands in every row.
        """
        return _of_rows(self._begun) == _of_rows(report) and self._compared == (before is not None)

    def finish(self, report: Report, before: Before | None = None) -> Written:
        """Writes what stands around the rows, reads `Results` back, and puts the workbook into its place.

        Only for what `fits`. Raises WorkbookMismatch when what stands on the disk is not what it was given.
        """
        totals = self._book.close(report, before)
        self._book.prove(self.part)
        return Written(atomic_output.settle(self.part, self._path, self._ours), totals, self._path)

    def _remove_part(self) -> None:
        with suppress(OSError):
            self.part.unlink(missing_ok=True)


def _of_rows(report: Report) -> tuple[object, ...]:
    return report.batch, report.columns, report.controls, report.asked_at, report.open_days, report.dry_run


class _Pages:
    """One kind of sheet: `Results`, and `Results 2` and so on when there are more rows than Excel opens in one."""

    def __init__(self, book: Any, looks: Looks, name: str, headings: Sequence[str]) -> None:
        self._book = book
        self._name = name
        self._headings = headings
        self._looks = looks
        self.sheets = [self._open(name)]

    def current(self) -> StreamedSheet:
        """The sheet that takes the next row."""
        if self.sheets[-1].is_full:
            self.sheets.append(self._open(f"{self._name} {len(self.sheets) + 1}"))
        return self.sheets[-1]

    def ranges(self, column: int) -> str:
        """The cells of a column below the headings, for a formula."""
        letters = self.sheets[0].letters[column]
        return ",".join(f"'{sheet.name}'!{letters}2:{letters}{max(sheet.data_rows, 1) + 1}" for sheet in self.sheets)

    def _open(self, name: str) -> StreamedSheet:
        sheet: StreamedSheet = self._book.add_worksheet(name, StreamedSheet)
        sheet.begin(self._headings, self._looks.headings(), self._looks.lengths)
        return sheet


class _Book:
    """The workbook while it is being written: `Summary`, `Results`, `Errors`, and `Links` and `Changes` if any."""

    def __init__(self, part: Path, folder: Path, report: Report, showing: Showing) -> None:
        lang, show_accounts = showing.lang, showing.show_accounts
        self._report = report
        self._lang = lang
        self._empty = translate("None", lang)
        self._tally, self._lines, self._sent = StatusCounter(), 0, NO_MONEY
        self._charges: list[Charge] | None = [] if showing.compared else None
        self._charge_of = ChargeReader(report.columns).read
        self._book: Any = xlsxwriter.Workbook(str(part), {**_OPTIONS, "tmpdir": str(folder)})
        self._looks = Looks(self._book)
        self._witness = Witness(lang)
        self._describe()
        self._summary = self._book.add_worksheet(sheet_name(SUMMARY, lang))
        self._result_rows = RowWriter(report, self._looks, lang, for_fixing=False, show_accounts=show_accounts)
        self._error_rows = RowWriter(report, self._looks, lang, for_fixing=True, show_accounts=show_accounts)
        self._link_rows = LinkWriter(report, self._looks, lang)
        self._results = self._pages(RESULTS, self._result_rows.headings())
        self._errors = self._pages(ERRORS, self._error_rows.headings())
        self._links: _Pages | None = None
        self._open_rows = OpenWriter(report, self._looks, lang)
        self._open: _Pages | None = None
        self._payments = PaymentTally(report)
        self._causes = CauseFinder(report.controls)

    def add(self, row: ReportRow) -> None:
        """Writes one row into every sheet that it belongs to."""
        if not row.further:
            self._tally.add(row)
        self._lines += 1
        self._sent += row.amount_sent or NO_MONEY
        self._witness.saw(row)
        self._causes.add(row)
        self._result_rows.add(self._results.current(), row)
        if self._charges is not None:
            self._charges.append(self._charge_of(row))
        if needs_a_person(row):
            self._error_rows.add(self._errors.current(), row)
        self._payments.add(row)
        if is_late(row, self._report):
            self._open = self._open or self._pages(OPEN, self._open_rows.headings())
            self._open_rows.add(self._open.current(), row)
        if links.belongs(row):
            self._links = self._links or self._pages(LINKS, self._link_rows.headings())
            self._link_rows.add(self._links.current(), row)

    def close(self, report: Report, before: Before | None) -> Totals:
        """Writes what stands around the rows and closes the file; gives what was counted."""
        totals = self._tally.totals()
        self._dress_sheets()
        if before is not None and self._charges is not None:
            changes = self._book.add_worksheet(sheet_name(CHANGES, self._lang))
            changes_sheet.write(changes, self._looks, self._lang, before, self._charges)
        status_cells, sent_cells = (
            self._results.ranges(self._result_rows.place(name)) for name in ("status", "amountSent")
        )
        payments = self._payments.payments()
        figures = Figures(totals, self._lines, self._sent, status_cells, sent_cells, self._causes, payments)
        FrontPage(self._summary, report, self._looks, self._lang).write(figures)
        self._summary.activate()
        close_book(self._book)
        return totals

    def prove(self, part: Path) -> None:
        """Reads `Results` back from the closed file and compares it with the rows that it was given."""
        letters = [xl_col_to_name(self._result_rows.place(name)) for name in _WITNESSED]
        sheets = [sheet.index + 1 for sheet in self._results.sheets if sheet.data_rows]
        readback.prove(part, self._witness, sheets, letters)

    def _pages(self, name: str, headings: Sequence[str]) -> _Pages:
        return _Pages(self._book, self._looks, sheet_name(name, self._lang), headings)

    def _dress_sheets(self) -> None:
        """Filters, widths, colours and print set-up of the streamed sheets: they need to know how many rows came."""
        for pages, rows in ((self._results, self._result_rows), (self._errors, self._error_rows)):
            for sheet in pages.sheets:
                if pages is self._errors:
                    sheet.leave_out(rows.silent())
                sheet.dress(self._empty, rows.print_widths(), rows.needed_on_paper())
                self._colour(sheet, rows.place("status"), STATUS_COLOURS)
                if rows.followed:
                    self._colour(sheet, rows.place("paid"), PAID_COLOURS)
        for sheet in self._open.sheets if self._open else ():
            sheet.dress(self._empty, {open_sheet.HEADINGS.index("launchUrl"): 11})
        for sheet in self._links.sheets if self._links else ():
            sheet.dress(self._empty, {self._link_rows.names().index("link"): 11})

    def _colour(self, sheet: StreamedSheet, column: int, colours: Mapping[Any, tuple[str, str]]) -> None:
        if not sheet.data_rows:
            return
        for code, (fill, ink) in colours.items():
            look = self._book.add_format({"bg_color": fill, "font_color": ink})
            rule = {"type": "cell", "criteria": "==", "value": f'"{word(code, self._lang)}"', "format": look}
            sheet.conditional_format(1, column, sheet.data_rows, column, rule)

    def _describe(self) -> None:
        """Document properties, without personal data: the batch and the run, by which a corrected copy goes on."""
        started = self._report.started_at.astimezone(UTC).replace(tzinfo=None)
        self._book.set_properties(
            {
                "title": translate("Payment requests: results", self._lang),
                "author": atomic_output.MARK,
                "created": started,
            }
        )
        self._book.set_custom_property(atomic_output.MARK, "results")
        if len(self._report.batch) <= _LONGEST_PROPERTY:
            self._book.set_custom_property(BATCH_PROPERTY, self._report.batch)
        if not self._report.roll:
            self._book.set_custom_property(RUN_PROPERTY, self._report.mark)
