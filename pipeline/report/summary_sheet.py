"""The first sheet, `Summary`: what happened, in figures that can be checked, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pipeline.domain.model import Report, Status, Totals, Whole
from pipeline.domain.payment_summary import Payments
from pipeline.domain.session_states import Paid
from pipeline.messages import say
from pipeline.report.cells import cut
from pipeline.report.formatting import control_figure, control_name, zone
from pipeline.report.styles import (
    FAINT,
    FAULTY,
    HEADING,
    INK,
    LINE,
    MONEY,
    PAID_COLOURS,
    STATUS_COLOURS,
    TEXT,
    Looks,
)
from pipeline.report.summary import meaning_of_paid, status_lines
from schemas.faults import sentence
from schemas.languages import Lang

_WIDTHS: Final = (25, 62, 12, 18)
_LAST: Final = len(_WIDTHS) - 1
_LINE_HEIGHT: Final = 15.5  # points
_WIDE_LETTERS: Final = 1.05
_CHART_ROWS: Final = 15


@dataclass(frozen=True, slots=True)
class Figures:
    """What the journal says, and the ranges of `Results` that say the same (`Results!P2:P71`, several by commas).

    `lines` are the rows of `Results` and `sent` their amounts sent. `payments` is None when the API was never asked.
    """

    totals: Totals
    lines: int
    sent: Decimal
    status_cells: str
    sent_cells: str
    payments: Payments | None = None


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
        self._title()
        self._facts()
        if figures.payments is not None:
            self._payments(figures.payments)
        self._statuses(figures.totals)
        if self._report.whole is not None:
            self._whole(self._report.whole)
        self._filtered(figures)
        self._controls()
        self._notices()
        self._next_steps(figures.totals)
        self._print_setup()

    def _say(self, key: str, **params: object) -> str:
        return say(key, self._lang, **params)

    def _title(self) -> None:
        title = self._looks.of(bold=True, font_size=18, font_color=INK)
        self._sheet.set_row(0, 30)
        self._sheet.write_string(0, 0, self._say("report.title"), title)
        self._row = 1
        if self._report.dry_run:
            loud = self._looks.of(bold=True, font_size=14, font_color="#8A1C0B", bg_color=FAULTY, text_wrap=True)
            self._sheet.set_row(1, 40)
            self._sheet.merge_range(1, 0, 1, _LAST, self._say("report.dry_run"), loud)
            self._row = 2
        self._row += 1

    def _facts(self) -> None:
        report = self._report
        ended = report.ended_at.isoformat(timespec="seconds") if report.ended_at else self._say("report.not_ended")
        facts = [
            ("report.batch", report.batch),
            ("report.file", report.source.name),
            ("report.sheet", report.source.sheet),
            ("report.sha256", report.source.sha256),
            ("report.environment", report.environment),
            ("report.identity", ", ".join(report.identity)),
            ("report.started", report.started_at.isoformat(timespec="seconds")),
            ("report.ended", ended),
            ("report.zone", zone()),
        ]
        for name, text in facts:
            if text:
                self._fact(self._say(name), text)
        if report.approval is not None:
            made_by, made_at, sent_by = report.approval.made_by, report.approval.made_at, report.approval.sent_by
            approved = say("report.approved_by", self._lang, made_by=made_by, made_at=made_at, sent_by=sent_by)
            self._fact(self._say("report.approved"), approved)
        if report.stopped:
            self._fact(self._say("report.stopped"), say(report.stopped, self._lang, **report.stopped_details))
        self._row += 1

    def _fact(self, label: str, text: str) -> None:
        self._sheet.write_string(self._row, 0, label, self._label)
        self._sheet.merge_range(self._row, 1, self._row, _LAST, "", self._text)
        self._sheet.write_string(self._row, 1, cut(text), self._text)
        self._grow(text, sum(_WIDTHS[1:]))
        self._row += 1

    def _headings(self, *keys: str) -> None:
        for index, key in enumerate(keys):
            self._sheet.write_string(self._row, index, self._say(key), self._heading)
        self._row += 1

    def _payments(self, payments: Payments) -> None:
        """Who has paid: also the legend of the column `paid` in `Results`."""
        self._headings("status.paid", "report.meaning", "report.rows", "report.amount")
        for verdict in Paid:
            fill, ink = PAID_COLOURS[verdict]
            look = self._looks.of(bold=True, font_color=ink, bg_color=fill, border=1, border_color=LINE)
            meaning = meaning_of_paid(verdict, self._lang)
            self._figure_row(verdict.value, meaning, payments.counts[verdict], payments.amounts[verdict], look)
        if payments.late:
            late = say("status.late", self._lang)
            meaning = say("status.means_late", self._lang, days=payments.days)
            self._figure_row(late, meaning, payments.late, payments.late_amount, self._cell)
        asked = payments.asked_at.isoformat(timespec="seconds")
        self._sheet.write_string(
            self._row, 0, say("status.asked_at", self._lang, time=asked), self._looks.of(italic=True)
        )
        self._row += 2

    def _figure_row(self, name: str, meaning: str, rows: int, amount: Decimal, look: Any) -> None:
        self._sheet.write_string(self._row, 0, name, look)
        self._sheet.write_string(self._row, 1, meaning, self._cell)
        self._sheet.write_number(self._row, 2, rows, self._count)
        self._sheet.write_number(self._row, 3, float(amount), self._money)
        self._grow(meaning, _WIDTHS[1])
        self._row += 1

    def _statuses(self, totals: Totals) -> None:
        """The table of statuses: also the legend of the colours in `Results`, and what the chart shows."""
        self._headings("report.status", "report.meaning", "report.rows", "report.amount")
        first = self._row
        for line in status_lines(totals, self._lang):
            fill, ink = STATUS_COLOURS[line.status]
            look = self._looks.of(bold=True, font_color=ink, bg_color=fill, border=1, border_color=LINE)
            self._sheet.write_string(self._row, 0, line.status.value, look)
            self._sheet.write_string(self._row, 1, line.meaning, self._cell)
            self._sheet.write_number(self._row, 2, line.rows, self._count)
            self._sheet.write_number(self._row, 3, float(line.amount), self._money)
            self._grow(line.meaning, _WIDTHS[1])
            self._row += 1
        self._total(self._say("report.all_rows"), first, totals)
        self._chart(first)

    def _total(self, label: str, first: int, totals: Totals) -> None:
        strong = {"bold": True, "bg_color": FAINT, "border": 1, "border_color": LINE}
        last = self._row
        self._sheet.write_string(self._row, 0, label, self._looks.of(**strong))
        self._sheet.write_string(self._row, 1, self._say("report.legend"), self._looks.of(**{**strong, "bold": False}))
        self._sheet.write_formula(
            self._row, 2, f"=SUM(C{first + 1}:C{last})", self._looks.of(num_format="#,##0", **strong), totals.rows
        )
        self._sheet.write_formula(
            self._row, 3, f"=SUM(D{first + 1}:D{last})", self._looks.of(num_format=MONEY, **strong), totals.amount
        )
        self._row += 2

    def _chart(self, first: int) -> None:
        last = first + len(Status) - 1
        chart = self._looks.book.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": self._say("report.rows"),
                "categories": ["Summary", first, 0, last, 0],
                "values": ["Summary", first, 2, last, 2],
                "data_labels": {"value": True},
                "gap": 40,
                "points": [
                    {"fill": {"color": STATUS_COLOURS[s][0]}, "border": {"color": STATUS_COLOURS[s][1]}} for s in Status
                ],
            }
        )
        chart.set_title({"name": self._say("report.chart"), "name_font": {"size": 12, "color": INK}})
        chart.set_legend({"none": True})
        chart.set_y_axis({"reverse": True, "line": {"color": LINE}})
        chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
        chart.set_size({"width": 800, "height": _CHART_ROWS * 20 - 10})
        self._sheet.insert_chart(
            self._row, 0, chart, {"description": self._say("report.chart"), "object_position": 1, "x_offset": 2}
        )
        self._row += _CHART_ROWS + 1

    def _filtered(self, figures: Figures) -> None:
        """Totals that follow the filter on `Results`, beside those that were computed from the journal."""
        self._headings("report.check", "report.how_checked", "report.rows", "report.amount_sent")
        shown = [
            (2, f"=SUBTOTAL(103,{figures.status_cells})", self._count, figures.lines),
            (3, f"=SUBTOTAL(109,{figures.sent_cells})", self._money, figures.sent),
        ]
        self._sheet.write_string(self._row, 0, self._say("report.shown"), self._cell)
        self._sheet.write_string(self._row, 1, self._say("report.follows_filter"), self._cell)
        for column, formula, look, value in shown:
            self._sheet.write_formula(self._row, column, formula, look, value)
        self._row += 1
        self._sheet.write_string(self._row, 0, self._say("report.computed"), self._cell)
        self._sheet.write_string(self._row, 1, self._say("report.from_journal"), self._cell)
        self._grow(self._say("report.from_journal"), _WIDTHS[1])
        self._sheet.write_number(self._row, 2, figures.lines, self._count)
        self._sheet.write_number(self._row, 3, float(figures.sent), self._money)
        self._row += 2

    def _whole(self, whole: Whole) -> None:
        """What the whole batch comes to: its rows by status where it has others than this sheet's, and its requests."""
        self._headings("report.whole", "report.meaning", "report.rows", "report.amount")
        if not self._report.roll:
            for line in status_lines(whole.totals, self._lang):
                if line.rows:
                    self._figure_row(line.status.value, line.meaning, line.rows, line.amount, self._cell)
            self._figure_row(self._say("report.all_rows"), "", whole.totals.rows, whole.totals.amount, self._cell)
        for name, meaning, figure in (
            ("report.requests", "report.means_requests", whole.requests),
            ("report.cancelled", "report.means_cancelled", whole.cancelled),
            ("report.never_asked", "report.means_never_asked", whole.never_asked),
        ):
            self._figure_row(self._say(name), self._say(meaning), figure.rows, figure.amount, self._cell)
        self._row += 1

    def _controls(self) -> None:
        if not self._report.controls:
            return
        self._headings("report.control", "report.agrees", "report.expected", "report.found")
        right = self._looks.of(border=1, border_color=LINE, align="right")
        for control in self._report.controls:
            fill, ink = STATUS_COLOURS[Status.CREATED if control.agrees else Status.INVALID]
            verdict = self._looks.of(bold=True, font_color=ink, bg_color=fill, border=1, border_color=LINE)
            self._sheet.write_string(self._row, 0, control_name(control.where, self._lang), self._cell)
            self._sheet.write_string(self._row, 1, self._say("report.yes" if control.agrees else "report.no"), verdict)
            for column, figure in ((2, control.expected), (3, control.found)):
                self._sheet.write_string(self._row, column, control_figure(control.where, figure, self._lang), right)
            self._row += 1
        self._row += 1

    def _notices(self) -> None:
        self._list("report.notices", [sentence(fault, self._lang) for fault in self._report.notices])

    def _next_steps(self, totals: Totals) -> None:
        steps = [f"{line.status}: {line.next_step}" for line in status_lines(totals, self._lang) if line.rows]
        self._list("report.next", steps)

    def _list(self, key: str, lines: list[str]) -> None:
        if not lines:
            return
        self._sheet.merge_range(self._row, 0, self._row, _LAST, self._say(key), self._heading)
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
        self._sheet.set_footer("&L&A&R&P / &N")
        self._sheet.freeze_panes(1, 0)
