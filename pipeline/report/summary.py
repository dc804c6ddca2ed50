"""What is said at the end of a run: the JSON summary for scripts, and the lines that people read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.model import ExitCode, Report, ReportRow, Status
from pipeline.report.masking import account_columns, mask_in
from pipeline.report.totals import Tally, Totals
from pipeline.texts import say
from schemas.faults import sentence
from schemas.languages import Lang

MAX_ERRORS: Final = 1_000
"""Errors in the JSON summary (interface: "The JSON summary")."""


@dataclass(frozen=True, slots=True)
class Written:
    """A workbook on the disk: where it really is, what it says, and where it was wanted."""

    path: Path
    totals: Totals
    wanted: Path


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One status as people read it: what it means, how many rows, how many dollars, and what to do about them."""

    status: Status
    meaning: str
    rows: int
    amount: Decimal
    next_step: str


def status_lines(totals: Totals, lang: Lang = "en") -> tuple[StatusLine, ...]:
    """All eight statuses in their order, those without rows too."""
    return tuple(
        StatusLine(
            status,
            say(f"report.means_{_name(status)}", lang),
            totals.counts[status],
            totals.amounts[status],
            say(f"report.next_{_name(status)}", lang),
        )
        for status in Status
    )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one reading of a batch's rows gives: the totals, and the first errors as the JSON summary has them."""

    totals: Totals
    errors: tuple[dict[str, object], ...]
    omitted: int


class Gathering:
    """Counts rows one by one and keeps the first errors; account numbers in their messages are masked."""

    def __init__(self, report: Report, lang: Lang = "en") -> None:
        self._report = report
        self._lang = lang
        self._tally = Tally()
        self._errors: list[dict[str, object]] = []
        self._omitted = 0

    def add(self, row: ReportRow) -> None:
        """Counts one row."""
        self._tally.add(row.status, row.amount)
        if not row.errors:
            return
        room = MAX_ERRORS - len(self._errors)
        if room > 0:
            told = zip(row.errors, messages(self._report, row, self._lang), strict=True)
            for fault, message in islice(told, room):
                error = {"row": row.row.number, "field": fault.field, "code": fault.code, "message": message}
                self._errors.append(error)
        self._omitted += max(0, len(row.errors) - room)

    def gathered(self) -> Gathered:
        """What was seen so far."""
        return Gathered(self._tally.totals(), tuple(self._errors), self._omitted)


def messages(report: Report, row: ReportRow, lang: Lang = "en") -> list[str]:
    """A row's errors in words, without account numbers: terminals and logs are read by others too."""
    hidden = account_columns(report.columns)
    return [mask_in(sentence(fault, lang), row, hidden) for fault in row.errors]


def as_json(report: Report, gathered: Gathered, written: Written | None, exit_code: ExitCode) -> dict[str, object]:
    """The JSON summary (interface: "The JSON summary"), ready for any JSON encoder: only texts, integers and lists.

    `output` is None when no workbook was asked for.
    """
    totals = gathered.totals
    return {
        "batch": report.batch,
        "file": report.source.name,
        "sha256": report.source.sha256,
        "environment": report.environment,
        "rows": totals.rows,
        "counts": {status.value: totals.counts[status] for status in Status},
        "amounts": {status.value: f"{totals.amounts[status]:.2f}" for status in Status},
        "errors": list(gathered.errors),
        "errorsOmitted": gathered.omitted,
        "output": str(written.path) if written else None,
        "exitCode": int(exit_code),
    }


def _name(status: Status) -> str:
    return status.value.replace("-", "_")
