"""The sheet `Links`: what a mail merge needs for the requests that the API did not e-mail."""

from __future__ import annotations

from typing import Final

from pipeline.domain.model import Column, Report, ReportRow, Status
from pipeline.domain.session_states import is_open
from pipeline.messages import translate
from pipeline.report.cells import amount_cell, text_cell, user_cell
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import ADDRESS, LEFT, LINK, MONEY, RIGHT, TEXT, Looks
from schemas.languages import Lang, folded_letters
from schemas.money import format_amount
from schemas.workbook_names import heading

HEADINGS: Final = (
    *("firstName", "lastName", "email", "amount", "reference", "dueDate", "language", "link", "open"),
    *("subjectEn", "subjectFr"),
)
"""Names of merge fields, without blanks and accents. `link` is the address, for a letter; `open` is for a person."""

_DUE_HEADINGS: Final = frozenset(
    {
        *("due", "duedate", "dueon", "paymentdue", "paymentduedate", "payby", "echeance", "dateecheance"),
        *("datedecheance", "datelimite", "datelimitedepaiement", "apayeravantle"),
    }
)


class LinkWriter:
    """Writes one row for each open request that nobody was e-mailed about.

    A payor with two requests has two rows: each has its own link.
    """

    def __init__(self, report: Report, looks: Looks, lang: Lang) -> None:
        self._lang = lang
        self._open = translate("Open", lang)
        own = (column for column in report.columns if column.field is None)
        self._due = next((column for column in own if folded_letters(column.heading) in _DUE_HEADINGS), None)
        self._due_look = looks.column(self._due) if self._due is not None else None
        self._plain = looks.style(num_format=TEXT, **LEFT)
        self._quoted = looks.style(num_format=TEXT, **LEFT, quote_prefix=True)
        self._address = looks.style(**ADDRESS)
        self._link = looks.style(num_format=TEXT, **LEFT, **LINK)
        self._money = looks.style(num_format=MONEY, **RIGHT)

    def headings(self) -> list[str]:
        """The merge fields as the sheet calls them."""
        return [heading(name, self._lang) for name in self.names()]

    def names(self) -> list[str]:
        """The merge fields; `dueDate` where the sheet has one."""
        return [name for name in HEADINGS if name != "dueDate" or self._due is not None]

    def add(self, sheet: StreamedSheet, row: ReportRow) -> None:
        """Writes one row; `row` is one of those that `belongs` tells."""
        payment = row.payment
        assert payment is not None
        refs = dict(zip(self.names(), (f"{letter}{sheet.next_row}" for letter in sheet.letters), strict=True))
        texts = {
            "reference": payment.reference_id,
            "firstName": payment.first_name,
            "lastName": payment.last_name,
            "email": payment.email,
            "language": payment.language.lower() or self._lang,
            "subjectEn": _subject(row, "en"),
            "subjectFr": _subject(row, "fr"),
        }
        cells = {name: text_cell(refs[name], text, self._plain, self._quoted) for name, text in texts.items() if text}
        if payment.amount is not None:
            cells["amount"] = amount_cell(refs["amount"], payment.amount, self._money)
        if self._due is not None and self._due_look is not None:
            due, kind = _cell(row, self._due), row.row.kinds[self._due.index : self._due.index + 1]
            cells["dueDate"] = user_cell(refs["dueDate"], due, kind, self._due_look)
        cells["link"] = text_cell(refs["link"], row.launch_url, self._address, self._quoted)
        if sheet.add_link(refs["open"], row.launch_url):
            cells["open"] = text_cell(refs["open"], self._open, self._link, self._quoted)
        sheet.add_row("".join(cells[name] for name in refs if name in cells))


def belongs(row: ReportRow) -> bool:
    """Whether a row has a link that the API did not e-mail and that is still of use, as far as is known."""
    waiting = row.state is None or is_open(row.state)
    sent = row.status in {Status.CREATED, Status.ALREADY_CREATED}
    return sent and waiting and bool(row.launch_url) and row.payment is not None and not row.payment.send_link


def _cell(row: ReportRow, column: Column) -> str:
    cells = row.row.cells
    return cells[column.index] if column.index < len(cells) else ""


def _subject(row: ReportRow, lang: Lang) -> str:
    payment = row.payment
    assert payment is not None
    reference = f" {payment.reference_id}" if payment.reference_id else ""
    if payment.amount is None:
        return translate("Payment request{reference}", lang, reference=reference)
    return translate(
        "Payment request{reference}: {amount}", lang, reference=reference, amount=format_amount(payment.amount, lang)
    )
