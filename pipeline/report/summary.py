"""What is said at the end of a run: the JSON summary for scripts, and the lines that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from pipeline.model import ExitCode, Report, ReportRow, Status
from pipeline.report.masking import account_columns, mask_in
from pipeline.report.totals import Totals
from pipeline.texts import say
from schemas.faults import Lang, sentence

MAX_ERRORS: Final = 1_000
"""Errors in the JSON summary (interface: "The JSON summary")."""


@dataclass(frozen=True, slots=True)
class Written:
    """A workbook on the disk: where it really is, and what it says.

    `moved` is the key of the sentence that says why it is not where it was wanted, or empty.
    """

    path: Path
    totals: Totals
    moved: str = ""


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


def as_json(  # noqa: PLR0913, PLR0917  the interface's keys, one each
    report: Report,
    totals: Totals,
    rows: Callable[[], Iterator[ReportRow]],
    written: Written | None,
    exit_code: ExitCode,
    lang: Lang = "en",
) -> dict[str, object]:
    """The JSON summary (interface: "The JSON summary"), ready for any JSON encoder: only texts, integers and lists.

    `rows` is read once. Account numbers in messages are masked. `output` is None when
    no workbook was asked for.
    """
    errors, omitted = _errors(report, rows(), lang)
    return {
        "batch": report.batch,
        "file": report.source.name,
        "sha256": report.source.sha256,
        "environment": report.environment,
        "rows": totals.rows,
        "counts": {status.value: totals.counts[status] for status in Status},
        "amounts": {status.value: f"{totals.amounts[status]:.2f}" for status in Status},
        "errors": errors,
        "errorsOmitted": omitted,
        "output": str(written.path) if written else None,
        "exitCode": int(exit_code),
    }


def _errors(report: Report, rows: Iterator[ReportRow], lang: Lang) -> tuple[list[dict[str, object]], int]:
    hidden = account_columns(report.columns)
    errors: list[dict[str, object]] = []
    omitted = 0
    for row in rows:
        for fault in row.errors:
            if len(errors) >= MAX_ERRORS:
                omitted += 1
                continue
            message = mask_in(sentence(fault, lang), row, hidden)
            errors.append({"row": row.row.number, "field": fault.field, "code": fault.code, "message": message})
    return errors, omitted


def _name(status: Status) -> str:
    return status.value.replace("-", "_")
