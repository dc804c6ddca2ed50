"""The sheet `Open`: the requests that nobody has paid for too long, each with what it takes to write to the payor."""

from __future__ import annotations

from typing import Final

from pipeline.domain.model import Report, ReportRow
from pipeline.domain.payment_summary import days_open
from pipeline.report.cells import amount_cell, count_cell, moment_cell, text_cell
from pipeline.report.results import session_word
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import ADDRESS, LEFT, LINK, MONEY, RIGHT, TEXT, Looks
from schemas.languages import Lang
from schemas.workbook_names import heading

HEADINGS: Final = (
    "row",
    "referenceSent",
    "firstName",
    "lastName",
    "email",
    "amountSent",
    "createdAt",
    "daysOpen",
    "sessionStatus",
    "transactionStatus",
    "launchUrl",
)


class OpenWriter:
    """Writes one row for each request that `paid.is_late` tells."""

    def __init__(self, report: Report, looks: Looks, lang: Lang) -> None:
        self._report = report
        self._lang = lang
        self._looks = looks
        self._plain = looks.style(num_format=TEXT, **LEFT)
        self._quoted = looks.style(num_format=TEXT, **LEFT, quote_prefix=True)
        self._link = looks.style(**ADDRESS, **LINK)
        self._money = looks.style(num_format=MONEY, **RIGHT)
        self._whole = looks.style(num_format="0", **RIGHT)

    def headings(self) -> list[str]:
        """What the sheet calls its columns."""
        return [heading(name, self._lang) for name in HEADINGS]

    def add(self, sheet: StreamedSheet, row: ReportRow) -> None:
        """Write one row below those that are there."""
        refs = dict(zip(HEADINGS, (f"{letter}{sheet.next_row}" for letter in sheet.letters), strict=True))
        payment, state = row.payment, row.state
        texts = {
            "referenceSent": row.reference_sent or "",
            "firstName": payment.first_name if payment else "",
            "lastName": payment.last_name if payment else "",
            "email": payment.email if payment else "",
            "sessionStatus": session_word(state, self._lang) if state else "",
            "transactionStatus": ", ".join(state.transactions) if state else "",
        }
        cells = {name: text_cell(refs[name], text, self._plain, self._quoted) for name, text in texts.items() if text}
        cells["row"] = count_cell(refs["row"], row.row.number, self._whole)
        cells["daysOpen"] = count_cell(refs["daysOpen"], days_open(row, self._report), self._whole)
        if row.created_at is not None:
            cells["createdAt"] = moment_cell(refs["createdAt"], row.created_at, self._looks.moment(row.created_at))
        if row.amount_sent is not None:
            cells["amountSent"] = amount_cell(refs["amountSent"], row.amount_sent, self._money)
        linked = sheet.add_link(refs["launchUrl"], row.launch_url)
        look = self._link if linked else self._plain
        cells["launchUrl"] = text_cell(refs["launchUrl"], row.launch_url, look, self._quoted)
        sheet.add_row("".join(cells[name] for name in HEADINGS if name in cells))
