"""From a file to a planned run in the journal: read, check, stage, plan, guard. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection

from pipeline.commands import people
from pipeline.commands.environment import Environment
from pipeline.commands.options import Request
from pipeline.commands.unknown_requests import unknown_requests
from pipeline.config.settings import Settings
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.drafts import NO_OVERLAY, Overlay
from pipeline.domain.errors import CustomersFileSentBeforeError, FileSentBeforeError, InputError, StaleBatchNameError
from pipeline.domain.events import CorrectionsApplied, Emit, ReadingBegan, RepeatsReleased, RowsChecked, SheetNoticed
from pipeline.domain.model import CheckedRow, ControlTotal
from pipeline.journal import drafts, planning, queries, runs, staging
from pipeline.journal.attempts import RepeatSearch
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.planning import Forecast
from pipeline.journal.roll import Staged
from pipeline.journal.runs import RunStart
from pipeline.reader import ReadOptions, Table, load_mapping, open_table
from pipeline.system.file_names import readable
from pipeline.validation import CheckableTable, CheckedTable, CheckOptions, check_table
from schemas.faults import Fault
from schemas.money import from_cents

REFERENCES_MAY_NAME_CUSTOMERS: Final = "references-may-name-customers"

MOST_COLUMNS: Final = 16_000
"""Columns of a sheet: Excel opens 16,384, and the results have some of their own behind the user's."""

RUN = "run"
REHEARSAL = "rehearsal"

CUSTOMER: Final = "customer"
"""The setting `reference_names` where a reference comes back for each new charge."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A planned run. `refused` is the guard that keeps it from being sent, if one does."""

    run: int
    forecast: Forecast
    refused: InputError | None


def search_of(settings: Settings) -> RepeatSearch:
    """Where repeats of a row are sought in other batches."""
    window = timedelta(days=settings.repeat_window)
    return RepeatSearch(window, by_reference=settings.reference_names != CUSTOMER)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """In this context a sheet may disappear while it is read: a drive was removed, an export started again.

    Raises InputError then.
    """
    was_there = file.exists()
    try:
        yield
    except (OSError, InputError) as error:
        if was_there and not file.exists():
            raise InputError(
                "{path} was removed while the program read it. Put it back and run the same "
                "command again. Nothing was sent.",
                path=file,
            ) from None
        if isinstance(error, InputError) or error.filename != str(file):
            raise
        reason = error.strerror or type(error).__name__
        raise InputError(
            "Can't open {path} ({reason}). Copy it to a local folder and try again.", path=file, reason=reason
        ) from None


def read(request: Request, emit: Emit) -> Table:
    """Open the sheet. Raises InputError when it can't be read."""
    emit(ReadingBegan(request.file))
    mapping = load_mapping(request.mapping, request.map, request.split_names)
    options = ReadOptions(request.sheet, mapping, request.hidden, amount_optional=request.allow_open_amount)
    with reading(request.file):
        table = open_table(request.file, options)
    if len(table.columns) > MOST_COLUMNS:
        raise InputError(
            "The sheet has {columns} columns; the limit is {most}. Remove the columns that "
            "you do not need. Nothing was sent.",
            columns=len(table.columns),
            most=MOST_COLUMNS,
        )
    return table


def options_of(request: Request, settings: Settings, where: Environment) -> CheckOptions:
    """How a sheet is validated."""
    return CheckOptions(
        max_amount=settings.max_amount,
        notice_amount=settings.notice_amount,
        allow_open_amount=request.allow_open_amount,
        send_link=settings.send_link,
        direction=settings.direction,
        language=settings.language,
        production=where.production,
        identity=settings.identity,
    )


def check(
    table: CheckableTable, request: Request, settings: Settings, where: Environment, overlay: Overlay = NO_OVERLAY
) -> CheckedTable:
    """Validate the sheet, with an overlay over it, by the settings' limits.

    Raises UsageError for an unknown name in `--identity`, InputError when a correction does not fit the sheet.
    """
    with reading(request.file):
        return check_table(table, options_of(request, settings, where), overlay)


def corrected(  # noqa: PLR0913, PLR0917 - those of `check`, what it gave, and where the corrections are
    table: Table,
    checked: CheckedTable,
    request: Request,
    settings: Settings,
    where: Environment,
    journal: Journal,
    emit: Emit,
) -> CheckedTable:
    """The sheet validated once more with what people corrected in it, where they did, and that said.

    Raises InputError when a correction does not fit the sheet as it is read.
    """
    source = table.source
    overlay = journal.read(drafts.overlay, where.name, source)
    if overlay or overlay.elsewhere:
        emit(CorrectionsApplied(overlay.corrections, len(overlay.left_out), overlay.elsewhere))
    return check(table, request, settings, where, overlay) if overlay else checked


def permissions_of(request: Request) -> Permissions:
    """What the user allowed."""
    return Permissions(request.allow_repeats, request.resend_unknown)


def batch_name(request: Request, table: Table) -> str:
    """The batch's name: as given, else the one that a workbook of ours names, else the file's stem.

    A corrected `Errors` sheet continues its own batch: in another one, a row that repeats one of the batch would
    not be known.
    """
    return request.batch or table.source.batch or readable(request.file.stem)


def refusal(journal: Journal, batch: Batch, table: Table, request: Request, settings: Settings) -> InputError | None:
    """Why a run must not begin though its sheet can be read, with the ways out; None when it may.

    By the interface's "A batch over time" and "The journal's place".
    """
    source = table.source
    if source.batch and request.batch is not None and request.batch != source.batch:
        return InputError(
            "{file} is a workbook of batch {batch}, but --batch names {given}. Remove "
            "--batch to resume that batch, or give the sheet itself for a new one. Nothing "
            "was sent.",
            file=source.name,
            batch=source.batch,
            given=request.batch,
        )
    refused = None
    if not source.batch and not journal.read(runs.has_run, batch.id, source.sha256):
        refused = _sent_before(journal, batch, table, request, settings) or _stale_batch_name(
            journal, batch, request, settings
        )
    return refused or unknown_requests(journal, batch, request, settings)


def _sent_before(
    journal: Journal, batch: Batch, table: Table, request: Request, settings: Settings
) -> InputError | None:
    """The very file was sent as another batch. Where references name customers it may be next month's, when the window
    has passed and `--batch` names the batch.
    """
    sent = None if request.allow_repeats else journal.read(runs.sent_elsewhere, batch, table.source)
    if sent is None or journal.read(drafts.released, batch.environment, table.source.sha256):
        return None  # a person has looked at its rows one by one
    customers = settings.reference_names == CUSTOMER
    if customers and request.batch is not None and _now() - sent.at > timedelta(days=settings.repeat_window):
        return None
    told = {"file": table.source.name, "batch": sent.batch, "date": sent.at.astimezone().date()}
    if customers:
        return CustomersFileSentBeforeError(
            "{file} is identical to the file sent on {date} as batch {batch}. To resume that "
            'batch: --batch "{batch}". For the next month, give a new batch name, more than '
            '{days} days after the last run: --batch "{fresh}". To send all its requests '
            "again now: --allow-repeats. Nothing was sent.",
            days=settings.repeat_window,
            fresh=_fresh(batch),
            **told,
        )
    return FileSentBeforeError(
        "{file} is identical to the file sent on {date} as batch {batch}. To resume that "
        'batch: --batch "{batch}". To send all its requests again: --allow-repeats. '
        "Nothing was sent.",
        **told,
    )


def _stale_batch_name(journal: Journal, batch: Batch, request: Request, settings: Settings) -> InputError | None:
    """A batch that is named after its file does not reach back over a pause.

    Next month's `billing.xlsx` would otherwise be taken for a repeat of this month's, and bill nobody.
    """
    last = journal.read(runs.last_run, batch.id)
    if request.batch is not None or last is None or _now() - last <= timedelta(days=settings.repeat_window):
        return None
    told = {"batch": batch.name, "date": last.astimezone().date(), "fresh": _fresh(batch)}
    return StaleBatchNameError(
        "Batch {batch} was last run on {date}, more than {days} days ago, with another "
        'file. For a new month, give it a new name: --batch "{fresh}". To resume the old '
        'batch: --batch "{batch}". Nothing was sent.',
        days=settings.repeat_window,
        **told,
    )


def _fresh(batch: Batch) -> str:
    """A name for the batch of this month."""
    return f"{batch.name}-{_now():%Y-%m}"


def _now() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class RunContext:
    """Where a sheet is prepared: an open journal, a batch in it, and what the run is for (`RUN`, `REHEARSAL`)."""

    journal: Journal
    batch: Batch
    purpose: str
    base_url: str
    settings: Settings


class CheckedRows(Protocol):
    """A checked sheet: `CheckedTable`, or one that is kept in memory. What is of the sheet is known after its rows."""

    def chunks(self) -> Iterator[list[CheckedRow]]:
        """The rows in the sheet's order."""

    @property
    def controls(self) -> tuple[ControlTotal, ...]:
        """The total lines of the sheet."""

    @property
    def notices(self) -> tuple[Fault, ...]:
        """What is to be said about the sheet as a whole."""


def stage(journal: Journal, batch: Batch, beginning: RunStart, checked: CheckedRows, emit: Emit) -> Staged:
    """Stage every row of a checked sheet in the journal. Memory does not grow."""
    run = journal.write(runs.begin, batch.id, beginning)
    position = 0
    for chunk in checked.chunks():
        position = staging.stage(journal, run, position, chunk)
        emit(RowsChecked(position))
    staged = Staged(run, batch.id, beginning.source)
    journal.write(staging.finish, staged, beginning, _now())
    return staged


def guard(request: Request, forecast: Forecast) -> tuple[tuple[ControlTotal, ...], InputError | None]:
    """Hold the sheet against what the user expects: `--expect-rows`, `--expect-total`, `--strict`."""
    controls = []
    total = from_cents(forecast.cents)
    if request.expect_rows is not None:
        found = forecast.rows
        agrees = found == request.expect_rows
        controls.append(ControlTotal("--expect-rows", str(request.expect_rows), str(found), agrees))
    if request.expect_total is not None:
        agrees = total == request.expect_total
        controls.append(ControlTotal("--expect-total", f"{request.expect_total:.2f}", f"{total:.2f}", agrees))
    for control in controls:
        if not control.agrees and (control.counts_rows or total not in request.accepted_totals):
            told = {"option": control.where, "expected": control.expected, "found": control.found}
            return tuple(controls), InputError(
                "The sheet does not agree with {option}: expected {expected}, found {found}. "
                "Correct the sheet or the option. Nothing was sent.",
                **told,
            )
    if request.strict and forecast.invalid:
        return tuple(controls), InputError(
            "Invalid rows: {count}; --strict allows none. Correct them in the sheet Errors "
            "of the workbook and run again. Nothing was sent.",
            count=forecast.invalid,
        )
    return tuple(controls), None


def begin_and_plan(context: RunContext, table: Table, checked: CheckedRows, request: Request, emit: Emit) -> Prepared:
    """Stage, plan and guard a checked sheet. It sends nothing; it reports a guard that fails, and does not raise."""
    journal, batch, settings = context.journal, context.batch, context.settings
    now = _now()
    beginning = RunStart(
        purpose=context.purpose,
        source=table.source,
        base_url=context.base_url,
        columns=table.columns,
        identity=settings.identity,
        started_at=now,
        who=people.user(),
    )
    with reading(request.file):
        staged = stage(journal, batch, beginning, checked, emit)
    run = staged.run
    forecast = planning.plan(journal, staged, permissions_of(request), search_of(settings), now)
    decisions = journal.read(drafts.released, batch.environment, table.source.sha256)
    if released := journal.write(planning.release, run, decisions):
        emit(RepeatsReleased(released))
        forecast = journal.read(planning.forecast, run, batch.id)
    controls, refused = guard(request, forecast)
    notices = journal.write(save_sheet, context, run, table, checked, controls, forecast)
    emit(SheetNoticed(notices))
    return Prepared(run, forecast, refused)


def save_sheet(  # noqa: PLR0913, PLR0917 - of which run, and all that is said of its sheet
    connection: Connection,
    context: RunContext,
    run: int,
    table: Table,
    checked: CheckedRows,
    controls: Sequence[ControlTotal],
    forecast: Forecast,
) -> tuple[Fault, ...]:
    """Keep what is to be said about the sheet of a planned run as a whole; gives the notices among it."""
    about = _about_references(connection, context.batch, run, forecast, context.settings)
    notices = (*table.notices, *checked.notices, *about)
    runs.save_sheet_notices(connection, run, controls=(*controls, *checked.controls), notices=notices)
    return notices


def _about_references(
    connection: Connection, batch: Batch, run: int, forecast: Forecast, settings: Settings
) -> tuple[Fault, ...]:
    """The first time that most rows are held since their references were used before: they may name customers.

    The same requests as those of a few days ago are a sheet that comes twice, whatever its references name.
    """
    if settings.reference_names == CUSTOMER or 2 * forecast.held_by_reference <= forecast.rows:
        return ()
    since = (_now() - timedelta(days=settings.repeat_window)).date().isoformat()
    twice = sum(
        fault.code == "held-repeat" and dict(fault.details)["date"] >= since
        for fault in queries.why_held(connection, run)
    )
    if 2 * (forecast.held_by_reference - twice) <= forecast.rows:
        return ()
    if runs.has_said(connection, batch.environment, REFERENCES_MAY_NAME_CUSTOMERS):
        return ()
    told = (("count", str(forecast.held_by_reference)), ("rows", str(forecast.rows)))
    return (Fault(REFERENCES_MAY_NAME_CUSTOMERS, details=told),)
