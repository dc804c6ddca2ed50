"""From a file to a planned run in the journal: read, check, stage, plan, guard. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from pipeline.check import CheckedTable, CheckOptions, check_table
from pipeline.commands.request import Request, Screen
from pipeline.commands.where import Where
from pipeline.journal.journal import Batch, Beginning, Journal
from pipeline.journal.staging import Forecast
from pipeline.model import ControlTotal, InputFailure, Mapping
from pipeline.send.decide import Permissions
from pipeline.settings import Settings
from pipeline.sheet import ReadOptions, Table, load_mapping, open_table

MOST_COLUMNS: Final = 16_000
"""Columns of a sheet: Excel opens 16,384, and the results have some of their own behind the user's."""

RUN = "run"
REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A planned run. `refused` is the guard that keeps it from being sent, if one does."""

    run: int
    forecast: Forecast
    refused: InputFailure | None


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Whoever reads a sheet in this context may find that it has gone: a drive was pulled, an export began anew.

    Raises InputFailure then.
    """
    was_there = file.exists()
    try:
        yield
    except (OSError, InputFailure) as error:
        if was_there and not file.exists():
            raise InputFailure("sheet.gone", path=file) from None
        if isinstance(error, InputFailure) or error.filename != str(file):
            raise
        reason = error.strerror or type(error).__name__
        raise InputFailure("sheet.cannot_open", path=file, reason=reason) from None


def read(request: Request, screen: Screen) -> Table:
    """Open the sheet. Raises InputFailure when it can't be read, or its name can't be recorded."""
    try:
        request.file.name.encode()
    except UnicodeEncodeError:
        raise InputFailure("sheet.name_is_no_text", path=request.file) from None
    screen.reading(request.file)
    mapping = load_mapping(request.mapping) if request.mapping else Mapping()
    options = ReadOptions(request.sheet, mapping, request.hidden, amount_optional=request.allow_open_amount)
    with reading(request.file):
        table = open_table(request.file, options)
    if len(table.columns) > MOST_COLUMNS:
        raise InputFailure("sheet.too_wide", columns=len(table.columns), most=MOST_COLUMNS)
    return table


def check(table: Table, request: Request, settings: Settings, where: Where) -> CheckedTable:
    """Validate the sheet by the settings' limits. Raises UsageFailure for an unknown name in `--identity`."""
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


def old_name(journal: Journal, batch: Batch, table: Table, request: Request, window: timedelta) -> InputFailure | None:
    """Why a batch that is named after its file does not reach back over a pause (interface: "A row"), with both ways
    out; None when it need not.

    Next month's `billing.xlsx` would otherwise be taken for a repeat of this month's, and bill nobody. A workbook of
    ours that is given back names its batch itself, and goes on with it.
    """
    now = datetime.now().astimezone()
    last = journal.last_run(batch)
    if request.batch is not None or table.source.batch or last is None:
        return None
    if now - last.at <= window or last.sha256 == table.source.sha256:
        return None
    return InputFailure(
        "run.old_batch", batch=batch.name, date=last.at.date(), fresh=f"{batch.name}-{now:%Y-%m}", days=window.days
    )


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a sheet is prepared: an open journal, a batch in it, and what the run is for (`RUN`, `REHEARSAL`)."""

    journal: Journal
    batch: Batch
    purpose: str
    base_url: str
    settings: Settings


def stage(journal: Journal, batch: Batch, beginning: Beginning, checked: CheckedTable, screen: Screen) -> int:
    """Stage every row of a checked sheet in the journal; returns the run's number. Memory does not grow."""
    run = journal.begin(batch, beginning)
    position = 0
    for chunk in checked.chunks():
        position = journal.stage(run, position, chunk)
        screen.checked(position)
    journal.finish_staging(run, batch, beginning, datetime.now().astimezone())
    return run


def guard(request: Request, forecast: Forecast) -> tuple[tuple[ControlTotal, ...], InputFailure | None]:
    """Hold the sheet against what the user expects: `--expect-rows`, `--expect-total`, `--strict`."""
    controls = []
    total = Decimal(forecast.cents).scaleb(-2)
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
            return tuple(controls), InputFailure("run.not_as_expected", **told)
    if request.strict and forecast.invalid:
        return tuple(controls), InputFailure("run.strict", count=forecast.invalid)
    return tuple(controls), None


def begin_and_plan(
    workplace: Workplace, table: Table, checked: CheckedTable, request: Request, screen: Screen
) -> Prepared:
    """Stage, plan and guard a checked sheet. Nothing is sent; a guard that fails is told, not raised."""
    journal, batch, settings = workplace.journal, workplace.batch, workplace.settings
    now = datetime.now().astimezone()
    beginning = Beginning(
        purpose=workplace.purpose,
        source=table.source,
        base_url=workplace.base_url,
        columns=table.columns,
        identity=settings.identity,
        started_at=now,
    )
    with reading(request.file):
        run = stage(journal, batch, beginning, checked, screen)
    since = now - timedelta(days=settings.repeat_window)
    forecast = journal.plan(run, batch, permissions_of(request), since)
    controls, refused = guard(request, forecast)
    notices = (*table.notices, *checked.notices)
    journal.remark(run, controls=(*controls, *checked.controls), notices=notices)
    screen.sheet_notices(notices)
    return Prepared(run, forecast, refused)
