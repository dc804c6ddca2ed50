"""The requests that are still open, as CSV for a mail merge: a reminder to each payor, with the link."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from pipeline.domain.model import Payment
from pipeline.messages import translate
from pipeline.report.exports import escape_formula
from schemas.languages import Lang
from schemas.money import format_amount
from schemas.workbook_names import heading

HEADINGS: Final = (
    *("firstName", "lastName", "email", "amount", "reference", "language", "link"),
    *("subjectEn", "subjectFr"),
)
"""The merge fields of the sheet `Links`, of which these are the ones that a reminder needs."""


class OpenRequest(Protocol):
    """A request that its payor may still pay."""

    @property
    def payment(self) -> Payment | None:
        """What was asked for."""

    @property
    def created_at(self) -> datetime | None:
        """When, aware."""

    @property
    def launch_url(self) -> str:
        """Where it is paid."""


def write_reminders(requests: Iterable[OpenRequest], path: Path, lang: Lang) -> None:
    """One line a request, in UTF-8 with the mark by which a spreadsheet knows it."""
    with path.open("w", encoding="utf-8-sig", newline="", errors="replace") as file:
        out = csv.writer(file)
        out.writerow([*(heading(name, lang) for name in HEADINGS), heading("createdAt", lang)])
        for request in requests:
            if request.payment is not None:
                out.writerow([escape_formula(text) for text in _texts(request, request.payment, lang)])


def _texts(request: OpenRequest, payment: Payment, lang: Lang) -> list[str]:
    return [
        payment.first_name,
        payment.last_name,
        payment.email,
        "" if payment.amount is None else f"{payment.amount:.2f}",
        payment.reference_id,
        payment.language.lower() or lang,
        request.launch_url,
        _subject(payment, "en"),
        _subject(payment, "fr"),
        f"{request.created_at:%Y-%m-%d}" if request.created_at else "",
    ]


def _subject(payment: Payment, lang: Lang) -> str:
    reference = f" {payment.reference_id}" if payment.reference_id else ""
    if payment.amount is None:
        return translate("Reminder: payment request{reference}", lang, reference=reference)
    return translate(
        "Reminder: payment request{reference}, {amount}",
        lang,
        reference=reference,
        amount=format_amount(payment.amount, lang),
    )
