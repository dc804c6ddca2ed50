"""The output workbook: made in one pass over the journal, read back, and put in its place whole or not at all.

Memory does not grow with the rows: they go to the disk as they come. The bytes depend on the journal alone; no clock is
asked. What each sheet holds stands in its own module.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from pipeline.model import Report, ReportRow, Status
from pipeline.report import links, place, proof
from pipeline.report.front import RESULTS, Figures, FrontPage
from pipeline.report.links import LinkWriter
from pipeline.report.looks import STATUS_COLOURS, Looks
from pipeline.report.place import check_place
from pipeline.report.proof import Witness, WorkbookMismatch
from pipeline.report.results import ErrorWriter, RowWriter
from pipeline.report.streamed import StreamedSheet
from pipeline.report.summary import Written
from pipeline.report.totals import NEEDS_A_PERSON, NO_MONEY, Tally, Totals
from pipeline.texts import say
from schemas.faults import Lang
from schemas.fields import OWN_COLUMNS

__all__ = ["WorkbookMismatch", "Written", "check_place", "write"]

Rows = Callable[[], Iterator[ReportRow]]

_OPTIONS: Final = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write(report: Report, rows: Rows, path: Path, *, lang: Lang = "en", show_accounts: bool = False) -> Written:
    """Writes the workbook of a batch to `path`, or as near to it as can be: results outlive a locked file.

    `rows` gives the batch in the sheet's order, each time it is called. Raises OSError when it can be written nowhere,
    and WorkbookMismatch when what stands on the disk is not what the journal says.
    """
    try:
        return _write_at(report, rows, path, lang=lang, show_accounts=show_accounts)
    except OSError as error:
        for elsewhere in place.last_resorts(path):
            try:
                written = _write_at(report, rows, elsewhere, lang=lang, show_accounts=show_accounts)
            except OSError:
                continue
            return Written(written.path, written.totals, "report.moved_elsewhere")
        raise error from None


def _write_at(report: Report, rows: Rows, path: Path, *, lang: Lang, show_accounts: bool) -> Written:
    part = place.begin(path)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            totals, witness = _Book(part, scratch, report, lang, show_accounts=show_accounts).fill(rows())
        proof.prove(part, witness, RESULTS)
        settled = place.settle(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Written(settled, totals, "" if settled == path else "report.moved_beside")


class _Book:
    """The workbook while it is being written: `Summary`, `Results`, `Errors`, and `Links` when there are some."""

    def __init__(self, part: Path, scratch: str, report: Report, lang: Lang, *, show_accounts: bool) -> None:
        self._report = report
        self._lang = lang
        self._show_accounts = show_accounts
        self._book: Any = xlsxwriter.Workbook(str(part), {**_OPTIONS, "tmpdir": scratch})
        self._looks = Looks(self._book)
        self._describe()

    def fill(self, rows: Iterator[ReportRow]) -> tuple[Totals, Witness]:
        """Writes all sheets and closes the file; gives what was counted and what must be found again."""
        summary = self._book.add_worksheet("Summary")
        results = self._book.add_worksheet(RESULTS, StreamedSheet)
        errors = self._book.add_worksheet("Errors", StreamedSheet)
        result_rows = RowWriter(results, self._report, self._looks, lang=self._lang, show_accounts=self._show_accounts)
        error_rows = ErrorWriter(errors, self._report, self._looks, lang=self._lang)
        link_rows: LinkWriter | None = None
        tally, witness, sent = Tally(), Witness(), NO_MONEY
        for row in rows:
            tally.add(row.status, row.amount)
            witness.saw(row)
            sent += row.amount_sent or NO_MONEY
            result_rows.add(row)
            if row.status in NEEDS_A_PERSON:
                error_rows.add(row)
            if links.belongs(row):
                link_rows = link_rows or self._link_rows()
                link_rows.add(row)
        self._finish(results, "Results", status_at=len(self._report.columns) + 1)
        self._finish(errors, "Errors", status_at=len(self._report.columns) + 1)
        if link_rows:
            self._finish(self._book.get_worksheet_by_name("Links"), "Links", status_at=None)
        totals = tally.totals()
        self._front(summary, totals, sent, results)
        self._book.close()
        return totals, witness

    def _link_rows(self) -> LinkWriter:
        sheet = self._book.add_worksheet("Links", StreamedSheet)
        return LinkWriter(sheet, self._report, self._looks, self._lang)

    def _front(self, sheet: Any, totals: Totals, sent: Decimal, results: StreamedSheet) -> None:
        status_at = len(self._report.columns) + 1
        figures = Figures(
            totals,
            sent,
            last_row=results.data_rows + 1,
            status_column=status_at,
            sent_column=status_at + OWN_COLUMNS.index("amountSent"),
        )
        FrontPage(sheet, self._report, self._looks, self._lang).write(figures)
        sheet.activate()

    def _finish(self, sheet: StreamedSheet, name: str, *, status_at: int | None) -> None:
        sheet.finish(name)
        for index, width in enumerate(sheet.widths()):
            sheet.set_column(index, index, width)
        if status_at is not None and sheet.data_rows:
            for status in Status:
                self._colour(sheet, status, status_at)
            # Identifiers are text on purpose; Excel's green corners would ask to make numbers of them.
            letter = sheet.letters[-1]
            sheet.ignore_errors({"number_stored_as_text": f"A1:{letter}{sheet.data_rows + 1}"})
        sheet.freeze_panes(1, 1)
        sheet.set_landscape()
        sheet.set_paper(1)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer("&L&A&R&P / &N")

    def _colour(self, sheet: StreamedSheet, status: Status, column: int) -> None:
        fill, ink = STATUS_COLOURS[status]
        look = self._book.add_format({"bg_color": fill, "font_color": ink})
        sheet.conditional_format(
            1,
            column,
            sheet.data_rows,
            column,
            {"type": "cell", "criteria": "==", "value": f'"{status}"', "format": look},
        )

    def _describe(self) -> None:
        """Document properties, without personal data: neither the user's name nor that of the batch or the file."""
        started = self._report.started_at.astimezone(UTC).replace(tzinfo=None)
        self._book.set_properties({"title": say("report.title", self._lang), "author": place.MARK, "created": started})
        self._book.set_custom_property(place.MARK, "results")
