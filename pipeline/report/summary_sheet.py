"""The first sheet, `Summary`: what happened, in figures that can be checked, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pipeline.domain.control_totals import CauseFinder
from pipeline.domain.model import Approval, Report, Status, Totals, Whole
from pipeline.domain.payment_summary import Payments
from pipeline.domain.session_states import Paid
from pipeline.messages import N_, translate
from pipeline.report.cells import cut, serial_of
from pipeline.report.formatting import column_names, control_name, zone
from pipeline.report.styles import (
    FAINT,
    HEADING,
    INK,
    LEFT,
    LINE,
    MONEY,
    PAID_COLOURS,
    STATUS_COLOURS,
    TEXT,
    VERDICT_COLOURS,
    Looks,
    moment_format,
)
from pipeline.report.summary import cause_of, meaning_of_paid, status_lines, verdict
from schemas.faults import sentence
from schemas.languages import Lang
from schemas.workbook_names import word

_WIDTHS: Final = (25, 56, 14, 16, 16)
_LAST: Final = len(_WIDTHS) - 1
_LINE_HEIGHT: Final = 15.5  # points
_WIDE_LETTERS: Final = 0.9
_LARGE_LETTERS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Figures:
    """What the journal says, and the ranges of `Results` that say the same (`Results!P2:P71`, several by commas).

    `lines` are the rows of `Results` and `sent` their amounts sent. `causes` saw the same rows. `payments` is None when
    the API was never asked.
    """

    totals: Totals
    lines: int
    sent: Decimal
    status_cells: str
    sent_cells: str
    causes: CauseFinder
    payments: Payments | None = None


def _without_options(text: str) -> str:
    """The sentences that name no option: whoever reads the workbook did not type the command, perhaps."""
    return " ".join(part for part in re.split(r"(?<=[.!?])\s+", text) if not re.search(r"(?<!\S)[`«(]?--\w", part))


class FrontPage:
    """Writes `Summary` from the top downwards."""

    def __init__(self, sheet: Any, report: Report, looks: Looks, lang: Lang) -> None:
        self._sheet = sheet
        self._report = report
        self._looks = looks
        self._lang = lang
        self._row = 0
        self._label = looks.of(bold=True, font_color=INK)
        self._text = looks.of(text_wrap=True, num_format=TEXT, quote_prefix=True)
        self._heading = looks.of(**HEADING)
        self._cell = looks.of(text_wrap=True, border=1, border_color=LINE)
        self._count = looks.of(num_format="#,##0", border=1, border_color=LINE)
        self._money = looks.of(num_format=MONEY, border=1, border_color=LINE)

    def write(self, figures: Figures) -> None:
        """All of the sheet."""
        for index, width in enumerate(_WIDTHS):
            self._sheet.set_column(index, index, width)
        self._verdict(figures.totals)
        if figures.payments is not None:
            self._payments(figures.payments)
        statuses = self._statuses(figures.totals)
        if self._report.whole is not None:
            self._whole(self._report.whole, figures.totals)
        self._controls(figures.causes)
        self._filtered(figures)
        self._list(N_("About the file"), [sentence(fault, self._lang) for fault in self._report.notices])
        self._next_steps(figures.totals)
        if statuses:
            self._chart(*statuses)
        self._facts()
        self._print_setup()

    def _say(self, text: str, **params: object) -> str:
        return translate(text, self._lang, **params)

    def _verdict(self, totals: Totals) -> None:
        """One line: what was created, what needs a person, whether totals agree."""
        told = verdict(self._report, totals, self._lang)
        fill, ink = VERDICT_COLOURS[told.weight]
        look = self._looks.of(
            bold=True, font_size=14, font_color=ink, bg_color=fill, text_wrap=True, valign="vcenter", **LEFT
        )
        self._sheet.merge_range(0, 0, 0, _LAST, told.text, look)
        self._sheet.set_row(0, 10 + 1.3 * _LINE_HEIGHT * (1 + int(len(told.text) / sum(_WIDTHS) * _LARGE_LETTERS)))
        self._row = 2

    def _facts(self) -> None:
        report = self._report
        names = column_names(report.columns, self._lang, letters=False)
        facts = [
            (N_("Batch"), report.batch),
            (N_("File"), report.source.name),
            (N_("Sheet"), report.source.sheet),
            (N_("SHA-256 of the file"), report.source.sha256),
            (N_("Environment"), report.environment),
            (N_("Rows identified by"), ", ".join(names.get(one, one) for one in report.identity)),
        ]
        for name, text in facts:
            if text:
                self._fact(self._say(name), text)
        self._moment(N_("Started"), report.started_at)
        self._moment(N_("Ended"), report.ended_at)
        self._fact(self._say(N_("Time zone")), zone())
        if report.approval is not None:
            self._approved(report.approval)
        if report.stopped:
            stopped = translate(report.stopped, self._lang, **report.stopped_details)
            self._fact(self._say(N_("Stopped early")), _without_options(stopped))
        self._row += 1

    def _approved(self, approval: Approval) -> None:
        """The plan that the run was held against: who made it, approved it and sent it."""
        if approval.plan:
            self._fact(self._say(N_("Plan")), approval.plan)
        nobody = self._say(N_("nobody"))
        for label, who, at in (
            (N_("Plan made by"), approval.made_by, approval.made_at),
            (N_("Approved by"), approval.approved_by, approval.approved_at),
            (N_("Sent by"), approval.sent_by, approval.sent_at),
        ):
            time = f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}" if at else ""
            told = self._say(N_("{who}, {time}"), who=who, time=time) if time else who
            self._fact(self._say(label), told or nobody)

    def _fact(self, label: str, text: str) -> None:
        self._sheet.write_string(self._row, 0, label, self._label)
        self._sheet.merge_range(self._row, 1, self._row, _LAST, "", self._text)
        self._sheet.write_string(self._row, 1, cut(text), self._text)
        self._grow(text, sum(_WIDTHS[1:]))
        self._row += 1

    def _moment(self, text: str, at: datetime | None) -> None:
        if at is None:
            self._fact(self._say(text), self._say(N_("not yet")))
            return
        look = self._looks.of(num_format=moment_format(at), align="left")
        self._sheet.write_string(self._row, 0, self._say(text), self._label)
        self._sheet.merge_range(self._row, 1, self._row, _LAST, "", look)
        self._sheet.write_number(self._row, 1, serial_of(at), look)
        self._row += 1

    def _headings(self, *keys: str) -> None:
        for index, text in enumerate(keys):
            self._sheet.write_string(self._row, index, self._say(text), self._heading)
        self._row += 1

    def _payments(self, payments: Payments) -> None:
        """Who has paid: also the legend of the column `paid` in `Results`."""
        self._headings(N_("Paid"), N_("Meaning"), N_("Rows"), N_("Amount (CAD)"))
        for paid in Paid:
            fill, ink = PAID_COLOURS[paid]
            look = self._looks.of(bold=True, font_color=ink, bg_color=fill, border=1, border_color=LINE)
            meaning = meaning_of_paid(paid, self._lang)
            self._figure_row(word(paid, self._lang), meaning, payments.counts[paid], payments.amounts[paid], look)
        if payments.late:
            late = translate("open too long", self._lang)
            meaning = translate("Not paid, open longer than {days} days: sheet Open.", self._lang, days=payments.days)
            self._figure_row(late, meaning, payments.late, payments.late_amount, self._cell)
        asked = payments.asked_at.astimezone().isoformat(sep=" ", timespec="minutes")
        self._sheet.write_string(
            self._row,
            0,
            translate("According to the API, {time}.", self._lang, time=asked),
            self._looks.of(italic=True),
        )
        self._row += 2

    def _figure_row(self, name: str, meaning: str, rows: int, amount: Decimal, look: Any) -> None:
        self._sheet.write_string(self._row, 0, name, look)
        self._sheet.write_string(self._row, 1, meaning, self._cell)
        self._sheet.write_number(self._row, 2, rows, self._count)
        self._sheet.write_number(self._row, 3, float(amount), self._money)
        self._grow(meaning, _WIDTHS[1])
        self._row += 1

    def _statuses(self, totals: Totals) -> tuple[int, list[Status]] | None:
        """The statuses that occur: the legend of the colours, and what the chart shows from the row that is given."""
        self._headings(N_("Status"), N_("Meaning"), N_("Rows"), N_("Amount (CAD)"))
        first = self._row
        lines = [line for line in status_lines(totals, self._lang) if line.rows]
        for line in lines:
            fill, ink = STATUS_COLOURS[line.status]
            look = self._looks.of(bold=True, font_color=ink, bg_color=fill, border=1, border_color=LINE)
            self._figure_row(word(line.status, self._lang), line.meaning, line.rows, line.amount, look)
        self._total(self._say(N_("All rows")), first, totals)
        return (first, [line.status for line in lines]) if lines else None

    def _total(self, label: str, first: int, totals: Totals) -> None:
        strong = {"bold": True, "bg_color": FAINT, "border": 1, "border_color": LINE}
        last = self._row
        self._sheet.write_string(self._row, 0, label, self._looks.of(**strong))
        self._sheet.write_string(
            self._row,
            1,
            self._say(N_("The sheets Results and Errors use these colours.")),
            self._looks.of(**{**strong, "bold": False}),
        )
        self._sheet.write_formula(
            self._row, 2, f"=SUM(C{first + 1}:C{last})", self._looks.of(num_format="#,##0", **strong), totals.rows
        )
        self._sheet.write_formula(
            self._row, 3, f"=SUM(D{first + 1}:D{last})", self._looks.of(num_format=MONEY, **strong), totals.amount
        )
        self._row += 2

    def _chart(self, first: int, statuses: list[Status]) -> None:
        last = first + len(statuses) - 1
        name = self._sheet.get_name()
        chart = self._looks.book.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": self._say(N_("Rows")),
                "categories": [name, first, 0, last, 0],
                "values": [name, first, 2, last, 2],
                "data_labels": {"value": True},
                "gap": 40,
                "points": [
                    {"fill": {"color": STATUS_COLOURS[s][0]}, "border": {"color": STATUS_COLOURS[s][1]}}
                    for s in statuses
                ],
            }
        )
        chart.set_title({"name": self._say(N_("Rows by status")), "name_font": {"size": 12, "color": INK}})
        chart.set_legend({"none": True})
        chart.set_y_axis({"reverse": True, "line": {"color": LINE}})
        chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
        rows = 4 + 2 * len(statuses)
        chart.set_size({"width": 800, "height": rows * 20 - 10})
        self._sheet.insert_chart(
            self._row, 0, chart, {"description": self._say(N_("Rows by status")), "object_position": 1, "x_offset": 2}
        )
        self._row += rows + 1

    def _filtered(self, figures: Figures) -> None:
        """Totals that follow the filter on `Results`, beside those that were computed from the journal."""
        self._headings(N_("Check"), N_("How it is computed"), N_("Rows"), N_("Sent (CAD)"))
        shown = [
            (2, f"=SUBTOTAL(103,{figures.status_cells})", self._count, figures.lines),
            (3, f"=SUBTOTAL(109,{figures.sent_cells})", self._money, figures.sent),
        ]
        self._sheet.write_string(self._row, 0, self._say(N_("Rows shown")), self._cell)
        self._sheet.write_string(
            self._row, 1, self._say(N_("Formula: follows the filter of the sheet Results.")), self._cell
        )
        for column, formula, look, value in shown:
            self._sheet.write_formula(self._row, column, formula, look, value)
        self._row += 1
        self._sheet.write_string(self._row, 0, self._say(N_("All rows")), self._cell)
        self._sheet.write_string(
            self._row, 1, self._say(N_("From the journal. Both agree when no filter is set.")), self._cell
        )
        self._grow(self._say(N_("From the journal. Both agree when no filter is set.")), _WIDTHS[1])
        self._sheet.write_number(self._row, 2, figures.lines, self._count)
        self._sheet.write_number(self._row, 3, float(figures.sent), self._money)
        self._row += 2

    def _whole(self, whole: Whole, totals: Totals) -> None:
        """What the whole batch comes to: its rows by status where it has others than this sheet's, and its requests."""
        self._headings(N_("Whole batch"), N_("Meaning"), N_("Rows"), N_("Amount (CAD)"))
        if status_lines(whole.totals) != status_lines(totals):
            for line in status_lines(whole.totals, self._lang):
                if line.rows:
                    self._figure_row(word(line.status, self._lang), line.meaning, line.rows, line.amount, self._cell)
            self._figure_row(self._say(N_("All rows")), "", whole.totals.rows, whole.totals.amount, self._cell)
        for name, meaning, figure in (
            (N_("requests"), N_("All existing payment requests of this batch, from all its sheets."), whole.requests),
            (N_("of which cancelled"), N_("Cancelled before payment."), whole.cancelled),
            (
                N_("never asked"),
                N_("Rows of all sheets, also earlier ones, that have no payment request."),
                whole.never_asked,
            ),
        ):
            if figure.rows or figure is whole.requests:
                self._figure_row(self._say(name), self._say(meaning), figure.rows, figure.amount, self._cell)
        self._row += 1

    def _controls(self, causes: CauseFinder) -> None:
        if not self._report.controls:
            return
        self._headings(N_("Control total"), N_("Agrees?"), N_("Expected"), N_("Found"), N_("Difference"))
        for control in self._report.controls:
            fill, ink = STATUS_COLOURS[Status.CREATED if control.agrees else Status.INVALID]
            look = self._looks.of(bold=True, font_color=ink, bg_color=fill, border=1, border_color=LINE, text_wrap=True)
            agrees = self._say(N_("yes, agrees") if control.agrees else N_("NO, differs"))
            self._sheet.write_string(self._row, 0, control_name(control, self._lang), self._cell)
            self._sheet.write_string(self._row, 1, agrees, look)
            figures = (Decimal(control.expected), Decimal(control.found), control.difference)
            for column, figure in enumerate(figures, 2):
                self._sheet.write_number(
                    self._row, column, float(figure), self._count if control.counts_rows else self._money
                )
            self._row += 1
            if not control.agrees:
                cause = cause_of(causes.likely_cause(control), self._lang)
                self._sheet.merge_range(self._row, 1, self._row, _LAST, cause, self._cell)
                self._grow(cause, sum(_WIDTHS[1:]))
                self._row += 1
        self._row += 1

    def _next_steps(self, totals: Totals) -> None:
        steps = [
            self._say(N_("{status}: {step}"), status=word(line.status, self._lang), step=line.next_step)
            for line in status_lines(totals, self._lang)
            if line.rows
        ]
        self._list(N_("What to do next"), steps)

    def _list(self, text: str, lines: list[str]) -> None:
        if not lines:
            return
        self._sheet.merge_range(self._row, 0, self._row, _LAST, self._say(text), self._heading)
        self._row += 1
        for line in lines:
            self._sheet.merge_range(self._row, 0, self._row, _LAST, "", self._text)
            self._sheet.write_string(self._row, 0, cut(line), self._text)
            self._grow(line, sum(_WIDTHS))
            self._row += 1
        self._row += 1

    def _grow(self, text: str, width: int) -> None:
        """Makes the row high enough for a text of `width` characters a line; merged cells never grow by themselves."""
        self._sheet.set_row(self._row, _LINE_HEIGHT * (1 + int(len(text) / width * _WIDE_LETTERS)))

    def _print_setup(self) -> None:
        self._sheet.hide_gridlines(2)
        self._sheet.set_portrait()
        self._sheet.set_paper(1)
        self._sheet.fit_to_pages(1, 0)
        self._sheet.set_header(f"&L{self._say(N_('Payment requests: results'))}")
        self._sheet.set_footer("&L&A&R&P / &N")
        self._sheet.freeze_panes(1, 0)
