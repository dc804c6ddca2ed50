"""The sheet `Links`: what a mail merge needs for the requests that the API did not e-mail."""

from __future__ import annotations

import re
from typing import Final

from pipeline.domain.model import Column, Report, ReportRow, Status
from pipeline.domain.session_states import is_open
from pipeline.messages import say
from pipeline.report.cells import amount_cell, text_cell
from pipeline.report.formatting import dollars
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import LEFT, LINK, MONEY, RIGHT, TEXT, Looks
from schemas.languages import Lang

HEADINGS: Final = ("firstName", "lastName", "email", "amount", "language", "link", "subjectEn", "subjectFr")
"""Names of merge fields: without blanks and accents, and the same in both languages, so that a letter made once fits
every batch."""

_LANGUAGE_HEADINGS: Final = frozenset({"language", "lang", "langue", "preferredlanguage", "languepreferee"})


class LinkWriter:
    """Writes one row for each open request that nobody was e-mailed about.

    A payor with two requests has two rows: each has its own link.
    """

    def __init__(self, report: Report, looks: Looks, lang: Lang) -> None:
        self._lang = lang
        self._language = _language_column(report.columns)
        self._plain = looks.style(num_format=TEXT, **LEFT)
        self._quoted = looks.style(num_format=TEXT, **LEFT, quote_prefix=True)
        self._link = looks.style(num_format=TEXT, **LEFT, **LINK)
        self._money = looks.style(num_format=MONEY, **RIGHT)

    def add(self, sheet: StreamedSheet, row: ReportRow) -> None:
        """Writes one row; `row` is one of those that `belongs` tells."""
        payment = row.payment
        assert payment is not None
        refs = [f"{letter}{sheet.next_row}" for letter in sheet.letters]
        parts = [
            self._text(refs[0], payment.first_name),
            self._text(refs[1], payment.last_name),
            self._text(refs[2], payment.email),
        ]
        if payment.amount is not None:
            parts.append(amount_cell(refs[3], payment.amount, self._money))
        parts.append(self._text(refs[4], self._language_of(row)))
        linked = sheet.add_link(refs[5], row.launch_url)
        parts.append(text_cell(refs[5], row.launch_url, self._link if linked else self._plain, self._quoted))
        parts.append(self._text(refs[6], _subject(row, "en")))
        parts.append(self._text(refs[7], _subject(row, "fr")))
        sheet.add_row("".join(parts))

    def _text(self, ref: str, text: str) -> str:
        return text_cell(ref, text, self._plain, self._quoted)

    def _language_of(self, row: ReportRow) -> str:
        cells = row.row.cells
        said = cells[self._language] if self._language is not None and self._language < len(cells) else ""
        return {"e": "en", "a": "en", "f": "fr"}.get(said.strip().casefold()[:1], self._lang)


def belongs(row: ReportRow) -> bool:
    """Whether a row has a link that the API did not e-mail and that is still of use, as far as is known."""
    waiting = row.state is None or is_open(row.state)
    sent = row.status in {Status.CREATED, Status.ALREADY_CREATED}
    return sent and waiting and bool(row.launch_url) and row.payment is not None and not row.payment.send_link


def _language_column(columns: tuple[Column, ...]) -> int | None:
    """The user's own column that says in which language a payor reads, if there is one."""
    for column in columns:
        if column.field is None and re.sub(r"[\W_]", "", column.heading.casefold()) in _LANGUAGE_HEADINGS:
            return column.index
    return None


def _subject(row: ReportRow, lang: Lang) -> str:
    payment = row.payment
    assert payment is not None
    reference = f" {payment.reference_id}" if payment.reference_id else ""
    if payment.amount is None:
        return say("report.subject_open", lang, reference=reference)
    return say("report.subject", lang, reference=reference, amount=dollars(payment.amount, lang))
