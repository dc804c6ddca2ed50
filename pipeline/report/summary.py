"""What is said at the end of a run: the JSON summary for scripts, and the lines that people read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import Report, ReportRow, Status, Totals, Whole
from pipeline.domain.session_states import Paid
from pipeline.domain.totals import WholeTally
from pipeline.messages import say
from pipeline.report.masking import account_columns, mask_in
from schemas.faults import sentence
from schemas.languages import Lang

HELD_ROWS: Final = 20
"""Numbers of rows that are held for one reason, in a group; all are counted."""

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


_MEANINGS: Final[dict[Status, str]] = {
    Status.CREATED: "report.means_created",
    Status.ALREADY_CREATED: "report.means_already_created",
    Status.INVALID: "report.means_invalid",
    Status.REJECTED: "report.means_rejected",
    Status.FAILED: "report.means_failed",
    Status.UNKNOWN: "report.means_unknown",
    Status.HELD: "report.means_held",
    Status.NOT_SENT: "report.means_not_sent",
}
_NEXT_STEPS: Final[dict[Status, str]] = {
    Status.CREATED: "report.next_created",
    Status.ALREADY_CREATED: "report.next_already_created",
    Status.INVALID: "report.next_invalid",
    Status.REJECTED: "report.next_rejected",
    Status.FAILED: "report.next_failed",
    Status.UNKNOWN: "report.next_unknown",
    Status.HELD: "report.next_held",
    Status.NOT_SENT: "report.next_not_sent",
}
_MEANINGS_OF_PAID: Final[dict[Paid, str]] = {
    Paid.YES: "status.means_yes",
    Paid.NOT_YET: "status.means_not_yet",
    Paid.NO: "status.means_no",
}


def meaning_of_paid(paid: Paid, lang: Lang) -> str:
    """What it means that a request was paid, or was not, in a sentence."""
    return say(_MEANINGS_OF_PAID[paid], lang)


def status_lines(totals: Totals, lang: Lang = "en") -> tuple[StatusLine, ...]:
    """All eight statuses in their order, those without rows too."""
    return tuple(
        StatusLine(
            status,
            say(_MEANINGS[status], lang),
            totals.counts[status],
            totals.amounts[status],
            say(_NEXT_STEPS[status], lang),
        )
        for status in Status
    )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one reading of a sheet's rows gives: what they come to, the first errors as the JSON summary has them, and
    the rows that are held for one reason.

    `to_fix` are those errors that a person fixes, row by row: not that a row is held, or was not sent.
    """

    whole: Whole
    errors: tuple[dict[str, object], ...]
    omitted: int
    held: tuple[HeldGroup, ...] = ()
    to_fix: tuple[dict[str, object], ...] = ()

    @property
    def totals(self) -> Totals:
        """Rows and dollars by status."""
        return self.whole.totals


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """Rows that are held for one reason: its code, the batch that requested them before ("" for their own), the day.

    `rows` are the numbers of the first of them.
    """

    code: str
    batch: str
    date: str
    count: int
    rows: tuple[int, ...]


class Gathering:
    """Counts rows one by one and keeps the first errors; account numbers in their messages are masked."""

    def __init__(self, report: Report, lang: Lang = "en") -> None:
        self._report = report
        self._lang = lang
        self._tally = WholeTally()
        self._held: dict[tuple[str, str, str], list[int]] = {}
        self._errors: list[dict[str, object]] = []
        self._to_fix: list[dict[str, object]] = []
        self._omitted = 0

    def add(self, row: ReportRow) -> None:
        """Counts one row."""
        self._tally.add(row)
        if not row.errors:
            return
        if row.status is Status.HELD:
            told = dict(row.errors[0].details)
            reason = (row.errors[0].code, told.get("batch", ""), told.get("date", ""))
            self._held.setdefault(reason, []).append(row.row.number)
        room = MAX_ERRORS - len(self._errors)
        if room > 0:
            said = zip(row.errors, messages(self._report, row, self._lang), strict=True)
            for fault, message in islice(said, room):
                error = {"row": row.row.number, "field": fault.field, "code": fault.code, "message": message}
                self._errors.append(error)
                if row.status not in {Status.HELD, Status.NOT_SENT}:
                    self._to_fix.append(error)
        self._omitted += max(0, len(row.errors) - room)

    def gathered(self) -> Gathered:
        """What was seen so far."""
        held = tuple(HeldGroup(*why, len(rows), tuple(rows[:HELD_ROWS])) for why, rows in self._held.items())
        return Gathered(self._tally.whole(), tuple(self._errors), self._omitted, held, tuple(self._to_fix))


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
        "held": [
            {"code": one.code, "batch": one.batch or report.batch, "date": one.date, "rows": one.count}
            for one in gathered.held
        ],
        "wholeBatch": report.whole.as_json() if report.whole is not None else None,
        "output": str(written.path) if written else None,
        "exitCode": int(exit_code),
    }
