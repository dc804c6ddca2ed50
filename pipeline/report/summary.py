"""What is said at the end of a run: the JSON summary for scripts, and the lines that people read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.domain.control_totals import Cause, LikelyCause
from pipeline.domain.errors import ExitCode
from pipeline.domain.model import NO_MONEY, Report, ReportRow, Status, Subtotal, Totals, Whole
from pipeline.domain.session_states import Paid
from pipeline.domain.totals import NEEDS_A_PERSON, WholeTally
from pipeline.messages import N_, Plural, translate
from pipeline.report.formatting import column_names
from pipeline.report.masking import account_columns, mask_in
from schemas.faults import sentence
from schemas.languages import Lang
from schemas.money import format_amount

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


class Weight(StrEnum):
    """How a run or a check ended, at a glance."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run comes to, in one line."""

    weight: Weight
    text: str


_CAUSES: Final[dict[Cause, str | Plural]] = {
    Cause.ROWS_MISSING: N_("Likely cause: rows are missing from the sheet, or blank."),
    Cause.ROWS_ADDED: N_("Likely cause: the sheet has rows that you did not expect, or repeated ones."),
    Cause.UNREADABLE: Plural(
        "Likely cause: an amount that can't be read (row {rows}).",
        "Likely cause: amounts that can't be read (rows {rows}).",
    ),
    Cause.LEFT_OUT: N_("Likely cause: rows that a person left out ({rows}). Without them the total agrees."),
    Cause.ONE_ROW: Plural(
        "Likely cause: the difference is the amount of one row: repeated or added? (row {rows})",
        "Likely cause: the difference is the amount of one row: repeated or added? (rows {rows})",
    ),
    Cause.SIGN: Plural(
        "Likely cause: the difference is twice the amount of one row: is it a credit? (row {rows})",
        "Likely cause: the difference is twice the amount of one row: is it a credit? (rows {rows})",
    ),
    Cause.ROUNDING: N_("Likely cause: rounding."),
    Cause.TRANSPOSED: N_("Likely cause: two digits of an amount changed places (the difference divides by 9)."),
    Cause.NONE: N_("No single cause found: compare the sheet with its source."),
}
_MEANINGS: Final[dict[Status, str]] = {
    Status.CREATED: N_("This run created a payment request."),
    Status.ALREADY_CREATED: N_("An earlier run of this batch created the payment request."),
    Status.INVALID: N_("The row has an error and was not sent."),
    Status.REJECTED: N_("The API rejected the request."),
    Status.FAILED: N_("The request was not created. The same command sends it again."),
    Status.UNKNOWN: N_("The row was sent, but no usable response came: the request may exist."),
    Status.HELD: N_("A possible repeat of an existing request. It was not sent."),
    Status.NOT_SENT: N_("The row is valid, but was not sent."),
}
_NEXT_STEPS: Final[dict[Status, str]] = {
    Status.CREATED: N_("Nothing. The sheet Links has the links that the API did not e-mail."),
    Status.ALREADY_CREATED: N_("Nothing. These payors already have their request."),
    Status.INVALID: N_(
        "Correct the coloured cells in the sheet Errors, then run that sheet or the "
        "corrected file with the same command."
    ),
    Status.REJECTED: N_("Read the reason in the sheet Errors, correct the row, then run the same command again."),
    Status.FAILED: N_("Run the same command again. It sends only these rows."),
    Status.UNKNOWN: N_(
        "Do not send these rows again yet. Look for them in the dashboard by their "
        "reference, then record what you find with `resolve`."
    ),
    Status.HELD: N_(
        "Compare with the earlier request named in the sheet Errors. If this is a new "
        "charge, allow possible repeats and run again."
    ),
    Status.NOT_SENT: N_("Run the same command again to send them."),
}
_MEANINGS_OF_PAID: Final[dict[Paid, str]] = {
    Paid.YES: N_("The payor accepted: a transaction is Accepted or later."),
    Paid.NOT_YET: N_("Not paid yet."),
    Paid.NO: N_("Ended without payment: declined, failed, expired or cancelled."),
}


def meaning_of_paid(paid: Paid, lang: Lang) -> str:
    """What it means that a request was paid, or was not, in a sentence."""
    return translate(_MEANINGS_OF_PAID[paid], lang)


def cause_of(likely: LikelyCause, lang: Lang) -> str:
    """Why a control total probably differs, in a sentence."""
    return translate(_CAUSES[likely.cause], lang, rows=", ".join(map(str, likely.rows)), count=len(likely.rows))


def verdict(report: Report, totals: Totals, lang: Lang) -> Verdict:
    """What was created, what needs a person, and whether the totals agree."""

    def figures(*statuses: Status) -> Subtotal:
        return Subtotal(sum(totals.counts[s] for s in statuses), sum((totals.amounts[s] for s in statuses), NO_MONEY))

    out, doubtful = totals.left_out, figures(*NEEDS_A_PERSON)
    to_fix = Subtotal(doubtful.rows - out.rows, doubtful.amount - out.amount)
    waiting = figures(Status.NOT_SENT)
    groups = (
        (N_("Created: {count} ({amount})."), figures(Status.CREATED)),
        (N_("Already created: {count} ({amount})."), figures(Status.ALREADY_CREATED)),
        (N_("Need a person, see the sheet Errors: {count} ({amount})."), to_fix),
        (N_("Left out by a person: {count} ({amount})."), out),
        (N_("Ready to send: {count} ({amount}).") if report.dry_run else N_("Not sent: {count} ({amount})."), waiting),
    )
    sentences = [
        translate(text, lang, count=one.rows, amount=format_amount(one.amount, lang))
        for text, one in groups
        if one.rows
    ]
    if report.dry_run:
        loud = N_("NOTHING WAS SENT. This was only a check: no request was created and no e-mail was sent.")
        sentences.insert(0, translate(loud, lang))
    differing = sum(not control.agrees for control in report.controls)
    if differing:
        sentences.append(translate("CONTROL TOTALS THAT DIFFER: {count}.", lang, count=differing))
    elif report.controls:
        sentences.append(translate("The control totals agree.", lang))
    if differing or totals.counts[Status.UNKNOWN]:
        weight = Weight.RED
    elif report.dry_run or doubtful.rows or waiting.rows or not totals.rows:
        weight = Weight.AMBER
    else:
        weight = Weight.GREEN
    return Verdict(weight, " ".join(sentences) or translate("The sheet has no rows.", lang))


def status_lines(totals: Totals, lang: Lang = "en") -> tuple[StatusLine, ...]:
    """All eight statuses in their order, those without rows too."""
    steps, meanings = _NEXT_STEPS, {status: translate(text, lang) for status, text in _MEANINGS.items()}
    if totals.left_out.rows:
        meanings[Status.INVALID] = translate(
            N_("The row has an error, or a person left it out ({count}). It was not sent."),
            lang,
            count=totals.left_out.rows,
        )
    if totals.left_out.rows and totals.left_out.rows == totals.counts[Status.INVALID]:
        steps = {**steps, Status.INVALID: N_("Nothing. A person left these rows out.")}
    return tuple(
        StatusLine(
            status,
            meanings[status],
            totals.counts[status],
            totals.amounts[status],
            translate(steps[status], lang),
        )
        for status in Status
    )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one reading of a sheet's rows gives: what they come to, the first errors as the JSON summary has them, and
    the rows that are held for one reason.

    `to_fix` are those errors that a person fixes: not that a row is held, or was not sent.
    """

    whole: Whole
    errors: tuple[dict[str, object], ...]
    omitted: int
    held: tuple[HeldGroup, ...] = ()
    to_fix: tuple[RowError, ...] = ()

    @property
    def totals(self) -> Totals:
        """Rows and dollars by status."""
        return self.whole.totals


@dataclass(frozen=True, slots=True)
class RowError:
    """An error of a row in words, and its reason: the same without the cell's text, by which rows are counted."""

    row: int
    message: str
    reason: str


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
        self._messages = Messages(report, lang)
        self._tally = WholeTally()
        self._held: dict[tuple[str, str, str], list[int]] = {}
        self._errors: list[dict[str, object]] = []
        self._to_fix: list[RowError] = []
        self._omitted = 0

    def add(self, row: ReportRow) -> None:
        """Counts one row."""
        self._tally.add(row)
        if not row.errors:
            return
        if row.status is Status.HELD:
            details = dict(row.errors[0].details)
            why = (row.errors[0].code, details.get("batch", ""), details.get("date", ""))
            self._held.setdefault(why, []).append(row.row.number)
        room = MAX_ERRORS - len(self._errors)
        if room > 0:
            told = self._messages.of(row)
            alike = tuple(replace(fault, value="…") if fault.value else fault for fault in row.errors)
            reasons = self._messages.of(replace(row, errors=alike))
            for fault, message, reason in islice(zip(row.errors, told, reasons, strict=True), room):
                error = {"row": row.row.number, "field": fault.field, "code": fault.code, "message": message}
                self._errors.append(error)
                if row.status not in {Status.HELD, Status.NOT_SENT} and not row.is_left_out:
                    self._to_fix.append(RowError(row.row.number, message, reason))
        self._omitted += max(0, len(row.errors) - room)

    def gathered(self) -> Gathered:
        """What was seen so far."""
        held = tuple(HeldGroup(*why, len(rows), tuple(rows[:HELD_ROWS])) for why, rows in self._held.items())
        return Gathered(self._tally.whole(), tuple(self._errors), self._omitted, held, tuple(self._to_fix))


class Messages:
    """A row's errors in words, without account numbers: terminals and logs are read by others too."""

    def __init__(self, report: Report, lang: Lang = "en") -> None:
        self._lang = lang
        self._names = column_names(report.columns, lang)
        self._hidden = account_columns(report.columns)

    def of(self, row: ReportRow) -> list[str]:
        """One message for each error."""
        return [mask_in(sentence(fault, self._lang, self._names), row, self._hidden) for fault in row.errors]


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
        "leftOut": {"rows": gathered.totals.left_out.rows, "amount": f"{gathered.totals.left_out.amount:.2f}"},
        "wholeBatch": report.whole.as_json() if report.whole is not None else None,
        "output": str(written.path) if written else None,
        "exitCode": int(exit_code),
    }
