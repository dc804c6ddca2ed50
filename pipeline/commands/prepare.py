"""From a file to a planned run in the journal: read, check, stage, plan, guard. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pipeline.commands.forgotten import unknown_requests
from pipeline.commands.request import Request, Screen
from pipeline.commands.where import Where
from pipeline.config.settings import Settings
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.errors import CustomersFileSentBeforeError, FileSentBeforeError, InputError, StaleBatchNameError
from pipeline.domain.model import ControlTotal, Mapping
from pipeline.journal.attempts import RepeatSearch
from pipeline.journal.journal import Batch, Beginning, Journal
from pipeline.journal.roll import Staged
from pipeline.journal.staging import Forecast
from pipeline.reader import ReadOptions, Table, load_mapping, open_table
from pipeline.validation import CheckedTable, CheckOptions, check_table
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
    """Whoever reads a sheet in this context may find that it has gone: a drive was pulled, an export began anew.

    Raises InputError then.
    """
    was_there = file.exists()
    try:
        yield
    except (OSError, InputError) as error:
        if was_there and not file.exists():
            raise InputError("sheet.gone", path=file) from None
        if isinstance(error, InputError) or error.filename != str(file):
            raise
        reason = error.strerror or type(error).__name__
        raise InputError("sheet.cannot_open", path=file, reason=reason) from None


def read(request: Request, screen: Screen) -> Table:
    """Open the sheet. Raises InputError when it can't be read, or its name can't be recorded."""
    try:
        request.file.name.encode()
    except UnicodeEncodeError:
        raise InputError("sheet.name_is_no_text", path=request.file) from None
    screen.reading(request.file)
    mapping = load_mapping(request.mapping) if request.mapping else Mapping()
    options = ReadOptions(request.sheet, mapping, request.hidden, amount_optional=request.allow_open_amount)
    with reading(request.file):
        table = open_table(request.file, options)
    if len(table.columns) > MOST_COLUMNS:
        raise InputError("sheet.too_wide", columns=len(table.columns), most=MOST_COLUMNS)
    return table


def check(table: Table, request: Request, settings: Settings, where: Where) -> CheckedTable:
    """Validate the sheet by the settings' limits. Raises UsageError for an unknown name in `--identity`."""
    options = CheckOptions(
        max_amount=settings.max_amount,
        notice_amount=settings.notice_amount,
        allow_open_amount=request.allow_open_amount,
        send_link=settings.send_link,
        direction=settings.direction,
        production=where.production,
        identity=settings.identity,
    )
    with reading(request.file):
        return check_table(table, options)


def permissions_of(request: Request) -> Permissions:
    """What the user allowed aloud."""
    return Permissions(request.allow_repeats, request.resend_unknown)


def batch_name(request: Request, table: Table) -> str:
    """The batch's name: as given, else that of a workbook of ours that is given back, else the file's stem.

    A corrected `Errors` sheet goes on with its own batch: in another one, a row that repeats one of the batch would
    not be known.
    """
    return request.batch or table.source.batch or request.file.stem


def refusal(journal: Journal, batch: Batch, table: Table, request: Request, settings: Settings) -> InputError | None:
    """Why a run must not begin though its sheet can be read, with the ways out; None when it may.

    By the interface's "A batch over time" and "The journal's place".
    """
    source = table.source
    if source.batch and request.batch is not None and request.batch != source.batch:
        return InputError("run.other_batch", file=source.name, batch=source.batch, given=request.batch)
    refused = None
    if not source.batch and not journal.has_run(batch, source.sha256):
        refused = _sent_before(journal, batch, table, request, settings) or _old_name(journal, batch, request, settings)
    return refused or unknown_requests(journal, batch, request, settings)


def _sent_before(
    journal: Journal, batch: Batch, table: Table, request: Request, settings: Settings
) -> InputError | None:
    """The very file was sent as another batch. Where references name customers it may be next month's, when the window
    has passed and the batch is named aloud.
    """
    sent = None if request.allow_repeats else journal.sent_elsewhere(batch, table.source)
    if sent is None:
        return None
    customers = settings.reference_names == CUSTOMER
    if customers and request.batch is not None and _now() - sent.at > timedelta(days=settings.repeat_window):
        return None
    told = {"file": table.source.name, "batch": sent.batch, "date": sent.at.astimezone().date()}
    if customers:
        return CustomersFileSentBeforeError(
            "run.same_file_of_customers", days=settings.repeat_window, fresh=_fresh(batch), **told
        )
    return FileSentBeforeError("run.same_file", **told)


def _old_name(journal: Journal, batch: Batch, request: Request, settings: Settings) -> InputError | None:
    """A batch that is named after its file does not reach back over a pause.

    Next month's `billing.xlsx` would otherwise be taken for a repeat of this month's, and bill nobody.
    """
    last = journal.last_run(batch)
    if request.batch is not None or last is None or _now() - last <= timedelta(days=settings.repeat_window):
        return None
    told = {"batch": batch.name, "date": last.astimezone().date(), "fresh": _fresh(batch)}
    return StaleBatchNameError("run.old_batch", days=settings.repeat_window, **told)


def _fresh(batch: Batch) -> str:
    """A name for the batch of this month."""
    return f"{batch.name}-{_now():%Y-%m}"


def _now() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a sheet is prepared: an open journal, a batch in it, and what the run is for (`RUN`, `REHEARSAL`)."""

    journal: Journal
    batch: Batch
    purpose: str
    base_url: str
    settings: Settings


def stage(journal: Journal, batch: Batch, beginning: Beginning, checked: CheckedTable, screen: Screen) -> Staged:
    """Stage every row of a checked sheet in the journal. Memory does not grow."""
    run = journal.begin(batch, beginning)
    position = 0
    for chunk in checked.chunks():
        position = journal.stage(run, position, chunk)
        screen.checked(position)
    staged = Staged(run, batch.id, beginning.source)
    journal.finish_staging(staged, beginning, _now())
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
        if not control.agrees:
            told = {"option": control.where, "expected": control.expected, "found": control.found}
            return tuple(controls), InputError("run.not_as_expected", **told)
    if request.strict and forecast.invalid:
        return tuple(controls), InputError("run.strict", count=forecast.invalid)
    return tuple(controls), None


def begin_and_plan(
    workplace: Workplace, table: Table, checked: CheckedTable, request: Request, screen: Screen
) -> Prepared:
    """Stage, plan and guard a checked sheet. Nothing is sent; a guard that fails is told, not raised."""
    journal, batch, settings = workplace.journal, workplace.batch, workplace.settings
    now = _now()
    beginning = Beginning(
        purpose=workplace.purpose,
        source=table.source,
        base_url=workplace.base_url,
        columns=table.columns,
        identity=settings.identity,
        started_at=now,
    )
    with reading(request.file):
        staged = stage(journal, batch, beginning, checked, screen)
    run = staged.run
    forecast = journal.plan(staged, permissions_of(request), search_of(settings), now)
    controls, refused = guard(request, forecast)
    notices = (*table.notices, *checked.notices, *_about_references(journal, batch, forecast, settings))
    journal.remark(run, controls=(*controls, *checked.controls), notices=notices)
    screen.sheet_notices(notices)
    return Prepared(run, forecast, refused)


def _about_references(journal: Journal, batch: Batch, forecast: Forecast, settings: Settings) -> tuple[Fault, ...]:
    """The first time that most rows are held since their references were used before: they may name customers."""
    if settings.reference_names == CUSTOMER or 2 * forecast.held_by_reference <= forecast.rows:
        return ()
    if journal.has_said(batch.environment, REFERENCES_MAY_NAME_CUSTOMERS):
        return ()
    told = (("count", str(forecast.held_by_reference)), ("rows", str(forecast.rows)))
    return (Fault(REFERENCES_MAY_NAME_CUSTOMERS, details=told),)
