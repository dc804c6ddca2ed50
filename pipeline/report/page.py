"""The report of a run as one HTML file that a manager reads in a mail: how it went, and what needs a person.

One file, nothing from outside, no scripts and no links. It travels in mail, so it holds no personal data beyond what is
needed: counts, totals, and for each row that needs a person its number, its reference and the reason. A reason is told
without the value that it is about.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.domain.model import Report, ReportRow, Status, Totals, Whole
from pipeline.domain.payment_summary import Payments, PaymentTally
from pipeline.domain.session_states import Paid
from pipeline.domain.totals import WholeTally, needs_a_person
from pipeline.messages import N_, translate
from pipeline.report.formatting import column_names, control_figure, control_name, zone
from pipeline.report.styles import FAINT, INK, LINE, PAID_COLOURS, STATUS_COLOURS
from pipeline.report.summary import meaning_of_paid, status_lines
from schemas.faults import Fault, how_to_fix, sentence
from schemas.fields import Field
from schemas.languages import Lang
from schemas.money import format_amount, format_number
from schemas.workbook_names import word

MOST_ROWS: Final = 500
"""Rows that need a person, at most: a mail of megabytes is not read. The workbook has them all."""

_GENERATOR: Final = '<meta name="generator" content="flinks-import">'
_HIDDEN: Final = "…"
_SHOWN_DETAILS: Final = frozenset(
    {
        "batch",
        "cause",
        "character",
        "column",
        "count",
        "date",
        "differs",
        "encoding",
        "expected",
        "expected_amount",
        "format",
        "found_amount",
        "limit",
        "limit_amount",
        "message",
        "row",
        "rows",
        "sheet",
        "status",
        "tries",
    }
)
"""What a reason may say beside its words. Any other detail may hold somebody's data and is left out."""

_PERSONAL: Final = frozenset({Field.FIRST_NAME, Field.MIDDLE_NAME, Field.LAST_NAME, Field.EMAIL, Field.ACCOUNT_NUMBER})
_ADDRESS: Final = re.compile(r"[^\s\"'«»<>()]+@[^\s\"'«»<>()]+")
_LONG_NUMBER: Final = re.compile(r"[0-9]{7,}")
_SECRET: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{14,}")
_UNSHOWABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_SHORTEST: Final = 2

_STATUS: Final = N_("Status")
_MEANING: Final = N_("Meaning")
_ROWS: Final = N_("Rows")
_AMOUNT: Final = N_("Amount")

STYLE: Final = f"""
body {{ margin: 0; padding: 24px 12px; background: {FAINT}; color: {INK};
  font: 15px/1.45 "Segoe UI", Calibri, Arial, sans-serif; }}
main {{ max-width: 860px; margin: 0 auto; padding: 24px 28px; background: #fff; border: 1px solid {LINE}; }}
h1 {{ margin: 0 0 4px; font-size: 24px; }}
h2 {{ margin: 28px 0 8px; font-size: 17px; }}
p {{ margin: 4px 0; }}
.quiet {{ color: #5B6472; font-size: 13px; }}
.loud {{ padding: 10px 14px; background: #FBD9D3; color: #8A1C0B; font-weight: bold; }}
table {{ width: 100%; border-collapse: collapse; margin-top: 8px; }}
th {{ background: {INK}; color: #fff; text-align: left; font-weight: 600; white-space: nowrap; }}
th, td {{ padding: 6px 10px; border: 1px solid {LINE}; vertical-align: top; overflow-wrap: anywhere; }}
.figure {{ text-align: right; white-space: nowrap; }}
.word {{ font-weight: 600; white-space: nowrap; }}
tfoot td {{ font-weight: bold; background: {FAINT}; }}
"""


@dataclass(frozen=True, slots=True)
class _Needing:
    """A row that needs a person, as the page tells it."""

    number: int
    reference: str
    status: Status
    reason: str
    how: str


def write_page(report: Report, rows: Iterable[ReportRow], path: Path, lang: Lang) -> None:
    """Writes the report to `path`. `rows` is read once."""
    path.write_text(page(report, rows, lang), encoding="utf-8", newline="\n")


def page(report: Report, rows: Iterable[ReportRow], lang: Lang = "en") -> str:
    """The whole page."""
    tally, payments, needing, more = WholeTally(), PaymentTally(report), list[_Needing](), 0
    reasons = _Reasons(report, lang)
    for row in rows:
        tally.add(row)
        payments.add(row)
        if needs_a_person(row):
            if len(needing) < MOST_ROWS:
                needing.append(reasons.of(row))
            else:
                more += 1
    return _Page(report, lang).made(tally.whole(), payments.payments(), needing, more)


class _Reasons:
    """Tells why a row needs a person, without anybody's data."""

    def __init__(self, report: Report, lang: Lang) -> None:
        self._lang = lang
        self._names = column_names(report.columns, lang)
        self._personal = [column.index for column in report.columns if column.field in _PERSONAL]
        self._reference = next((column.index for column in report.columns if column.field == Field.REFERENCE_ID), None)

    def of(self, row: ReportRow) -> _Needing:
        """One row, by its number, its reference and its reasons."""
        words = self._words(row)
        told = [_bare(fault) for fault in row.errors]
        reason = "; ".join(_without(sentence(fault, self._lang, self._names), words) for fault in told)
        # What to do names no values of its own, but examples, which are to stay.
        how = " ".join(dict.fromkeys(how_to_fix(fault, self._lang) for fault in told))
        return _Needing(row.row.number, self._reference_of(row), row.status, reason, how)

    def _reference_of(self, row: ReportRow) -> str:
        if row.payment is not None:
            return row.payment.reference_id
        cells = row.row.cells
        return cells[self._reference].strip() if self._reference is not None and self._reference < len(cells) else ""

    def _words(self, row: ReportRow) -> list[str]:
        """Everything personal that a message about this row may repeat, the longest first."""
        cells = row.row.cells
        words = {cells[index].strip() for index in self._personal if index < len(cells)}
        words |= {fault.value.strip() for fault in row.errors}
        if row.payment is not None:
            payment = row.payment
            words |= {payment.first_name, payment.middle_name, payment.last_name, payment.email, payment.account_number}
        return sorted((one for one in words if len(one) >= _SHORTEST), key=len, reverse=True)


def _bare(fault: Fault) -> Fault:
    """A fault without the values that may be somebody's data."""
    details = tuple(
        (key, text if key in _SHOWN_DETAILS or key.endswith("_amount") else _HIDDEN) for key, text in fault.details
    )
    return replace(fault, value=_HIDDEN if fault.value else "", details=details)


def _without(text: str, personal: Sequence[str]) -> str:
    for name in personal:
        # Whole words only: a payor called "An" takes no letters out of a sentence.
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _HIDDEN, text)
    for pattern in (_ADDRESS, _SECRET, _LONG_NUMBER):
        text = pattern.sub(_HIDDEN, text)
    return text


class _Page:
    """Makes the page from the top downwards."""

    def __init__(self, report: Report, lang: Lang) -> None:
        self._report = report
        self._lang = lang

    def made(self, whole: Whole, payments: Payments | None, needing: Sequence[_Needing], more: int) -> str:
        """The whole page."""
        foot = self._say(N_("This page leaves out personal data; the workbook has it."))
        parts = [
            head(translate("Payment requests: {batch}", self._lang, batch=self._report.batch), self._lang),
            self._top(whole, needing, more),
            self._statuses(whole.totals),
            self._payments(payments) if payments else "",
            self._controls(),
            self._needing(needing, more),
            f'<p class="quiet">{foot}</p>\n</main>\n</body>\n</html>\n',
        ]
        return "".join(parts)

    def _say(self, text: str, **params: object) -> str:
        return safe(translate(text, self._lang, **params))

    def _number(self, number: int) -> str:
        return format_number(number, self._lang)

    def _top(self, whole: Whole, needing: Sequence[_Needing], more: int) -> str:
        report = self._report
        # "As of" is when the API told the states: neither when a command ran nor when the page was written.
        told_at = report.asked_at or report.ended_at or report.started_at
        at = self._say(
            N_("States at {moment}.") if report.asked_at else N_("Run of {moment}."),
            moment=told_at.isoformat(" ", "minutes"),
        )
        title = self._say(N_("Payment requests: {batch}"), batch=report.batch)
        origin = safe(report.source.name)
        if report.environment:  # a check has none
            origin = self._say(
                N_("From {file}, environment {environment}"), file=report.source.name, environment=report.environment
            )
        in_zone = self._say(N_("Dates and times are local: {zone}."), zone=zone())
        lines = [f"<main>\n<h1>{title}</h1>", f'<p class="quiet">{origin}<br>', f"{at} {in_zone}</p>"]
        if report.dry_run:
            rehearsal = self._say(
                N_("NOTHING WAS SENT. This was only a check: no request was created and no e-mail was sent.")
            )
            lines.append(f'<p class="loud">{rehearsal}</p>')
        if report.stopped:
            lines.append(f'<p class="loud">{safe(translate(report.stopped, self._lang, **report.stopped_details))}</p>')
        counts = {"count": self._number(whole.requests.rows), "rows": self._number(whole.totals.rows)}
        told = self._say(
            N_("Rows with a payment request: {count} of {rows}, {amount}."),
            **counts,
            amount=format_amount(whole.requests.amount, self._lang),
        )
        if not report.dry_run:
            lines.append(f"<p><strong>{told}</strong></p>")
        persons = len(needing) + more
        needed = (
            self._say(N_("Rows to review: {count}. They are listed below."), count=self._number(persons))
            if persons
            else self._say(N_("No rows to review."))
        )
        lines.append(f"<p>{needed}</p>\n")
        return "\n".join(lines)

    def _statuses(self, totals: Totals) -> str:
        rows = []
        for line in status_lines(totals, self._lang):
            if line.rows:
                fill, ink = STATUS_COLOURS[line.status]
                rows.append(
                    f'<tr><td class="word" style="background:{fill};color:{ink}">{word(line.status, self._lang)}</td>'
                    f'<td>{safe(line.meaning)}</td><td class="figure">{self._number(line.rows)}</td>'
                    f'<td class="figure">{safe(format_amount(line.amount, self._lang))}</td></tr>'
                )
        all_rows = self._say(N_("All rows"))
        foot = (
            f'<tfoot><tr><td colspan="2">{all_rows}</td>'
            f'<td class="figure">{self._number(totals.rows)}</td>'
            f'<td class="figure">{safe(format_amount(totals.amount, self._lang))}</td></tr></tfoot>'
        )
        return self._table(N_("Rows by status"), (_STATUS, _MEANING, _ROWS, _AMOUNT), rows, foot)

    def _payments(self, payments: Payments) -> str:
        """Who has paid, as the API last told."""
        rows = []
        for verdict in Paid:
            fill, ink = PAID_COLOURS[verdict]
            meaning = meaning_of_paid(verdict, self._lang)
            rows.append(
                f'<tr><td class="word" style="background:{fill};color:{ink}">{word(verdict, self._lang)}</td>'
                f"<td>{safe(meaning)}</td>"
                f'<td class="figure">{self._number(payments.counts[verdict])}</td>'
                f'<td class="figure">{safe(format_amount(payments.amounts[verdict], self._lang))}</td></tr>'
            )
        return self._table(N_("Payments"), (N_("Paid?"), _MEANING, _ROWS, _AMOUNT), rows)

    def _controls(self) -> str:
        yes, no = self._say(N_("yes, agrees")), self._say(N_("NO, differs"))
        rows = []
        for control in self._report.controls:
            fill, ink = STATUS_COLOURS[Status.CREATED if control.agrees else Status.INVALID]
            rows.append(
                f"<tr><td>{safe(control_name(control, self._lang))}</td>"
                f'<td class="figure">{safe(control_figure(control, control.expected, self._lang))}</td>'
                f'<td class="figure">{safe(control_figure(control, control.found, self._lang))}</td>'
                f'<td class="word" style="background:{fill};color:{ink}">{yes if control.agrees else no}</td></tr>'
            )
        headings = (N_("Control total"), N_("Expected"), N_("Found"), N_("Agrees?"))
        return self._table(N_("Control totals"), headings, rows) if rows else ""

    def _needing(self, needing: Sequence[_Needing], more: int) -> str:
        if not needing:
            return ""
        rows = []
        for one in needing:
            fill, ink = STATUS_COLOURS[one.status]
            how = f'<br><span class="quiet">{safe(one.how)}</span>' if one.how else ""
            rows.append(
                f'<tr><td class="figure">{one.number}</td><td>{safe(one.reference)}</td>'
                f'<td class="word" style="background:{fill};color:{ink}">{word(one.status, self._lang)}</td>'
                f"<td>{safe(one.reason)}{how}</td></tr>"
            )
        headings = (N_("Row"), N_("Reference"), _STATUS, N_("Reason"))
        table = self._table(N_("Rows to review"), headings, rows)
        omitted = self._say(N_("… and {count} more in the sheet Errors of the workbook."), count=self._number(more))
        return table + (f"<p>{omitted}</p>\n" if more else "")

    def _table(self, title: str, headings: Sequence[str], rows: Sequence[str], foot: str = "") -> str:
        cells = "".join(f"<th>{self._say(heading)}</th>" for heading in headings)
        body = "\n".join(rows)
        return (
            f"<h2>{self._say(title)}</h2>\n<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{body}\n</tbody>\n{foot}"
            "</table>\n"
        )


def head(title: str, lang: Lang, style: str = "") -> str:
    """The beginning of a page, up to its body. `style` is added to that of all pages."""
    # The policy holds even if an escape were ever forgotten: nothing is loaded and nothing runs.
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n{_GENERATOR}\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n"
    )


def safe(text: str) -> str:
    """A text as HTML shows it: nothing in it is markup, and what no page can hold can be seen."""
    return html.escape(_UNSHOWABLE.sub("\ufffd", text), quote=True)
