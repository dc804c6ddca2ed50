"""`run`: a sheet becomes sessions, each row once; and the workbook of what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pipeline.client.tokens import TOKEN_USES
from pipeline.commands import approved_plan, cluster, comparison, environment, extra_outputs, prepare
from pipeline.commands.connectivity import api_of
from pipeline.commands.draft_choices import as_in_draft
from pipeline.commands.environment import Environment
from pipeline.commands.options import Request, Result
from pipeline.commands.prepare import Prepared, RunContext
from pipeline.commands.results import Results
from pipeline.config.settings import Settings
from pipeline.domain import totals
from pipeline.domain.errors import (
    BatchBusyError,
    CredentialsError,
    ExitCode,
    InputError,
    InterruptedRunError,
    RequestsRefusedError,
    RunError,
    StoppedEarlyError,
    WrongAddressError,
)
from pipeline.domain.events import (
    Emit,
    FirstSent,
    OutputPlaced,
    RunNotConfirmed,
    RunPlanned,
    SendingBegan,
    SendingEnded,
    WritingBegan,
    reported,
)
from pipeline.domain.model import Report, Status, Totals, Whole
from pipeline.journal import planning, queries, roll, runs
from pipeline.report import summary
from pipeline.report.workbook import Showing
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import Assignment, SendRules, Sent, send
from pipeline.system.atomic_output import Ours, beside_sheet, check_workbook
from pipeline.system.signals import Interrupted, Interrupts, interrupts
from schemas.money import from_cents


def run(request: Request, settings: Settings, emit: Emit, confirm: Callable[[RunPlanned | FirstSent], bool]) -> Result:
    """Create one session for each valid row of a sheet, and write the workbook.

    Run again on the same batch, it continues where it stopped. Raises a RunError if it could not start; once
    something was, what ended it early is in the result. `confirm` is asked before it sends, and after `--first`.
    """
    approved_plan.require_plan(request, settings)
    cluster.check(request, settings)
    output = request.output or beside_sheet(request.file, in_sandbox=request.sandbox)
    with (
        interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")) as signals,
        environment.opened(settings, emit, in_sandbox=request.sandbox, lang=request.lang) as place,
    ):
        request = as_in_draft(request, place, emit)
        table = prepare.read(request, emit)
        # After the sheet, so that a misspelt folder of the sheet is not reported as one of the workbook.
        check_workbook(output)
        files = extra_outputs.check(request.files, table.columns, output, request)
        checked = prepare.check(table, request, settings, place)
        with environment.journal_of(place, emit) as journal:
            checked = prepare.corrected(table, checked, request, settings, place, journal, emit)
            batch = journal.write(
                runs.ensure_batch, prepare.batch_name(request, table), place.name, datetime.now().astimezone()
            )
            with journal.lease(batch) as held:
                comparison.month_before(held, batch, request.compare)
                if refused := prepare.refusal(held, batch, table, request, settings):
                    raise refused
                context = RunContext(held, batch, prepare.RUN, place.base_url, settings)
                prepared = prepare.begin_and_plan(context, table, checked, request, emit)
                request = replace(request, output=output)
                with closing(results_of(context, prepared, request)) as results:
                    failure = _carry_out(_Sending(context, prepared, request, place, emit, confirm, signals))
                    signals.finish()
                    return finish(context, prepared, failure, request, emit, Outputs(results, files))


@dataclass(frozen=True, slots=True)
class _Sending:
    """Everything that sending takes."""

    context: RunContext
    prepared: Prepared
    request: Request
    place: Environment
    emit: Emit
    confirm: Callable[[RunPlanned | FirstSent], bool]
    signals: Interrupts


def _carry_out(sending: _Sending) -> RunError | None:
    """Ask, send; returns what kept it from its end, if anything did."""
    if sending.prepared.refused is not None:
        return sending.prepared.refused
    held = None
    if sending.request.plan is not None:
        try:
            held = approved_plan.hold_against(
                sending.request.plan, sending.context, sending.prepared, sending.request.lang
            )
        except InputError as refused:
            return refused
        sending.context.journal.write(runs.approve, sending.prepared.run, held.approval)
    sending.context.journal.write(roll.accept, sending.prepared.run, datetime.now().astimezone())
    if not sending.prepared.forecast.to_send:
        return None
    journal = sending.context.journal
    try:
        planned = _planned(sending)
        sending.emit(planned)
        if not sending.confirm(planned):
            sending.emit(RunNotConfirmed())
            return StoppedEarlyError("You answered no. Nothing was sent.")
        if held is not None:
            approved_plan.mark_sent(sending.context, sending.prepared.run, held)
        journal.keep_reserve()
        return _send_with_a_pause(sending)
    except (StoppedEarlyError, InputError) as failure:
        return failure
    except Interrupted:
        return StoppedEarlyError(
            "Stopped before sending. Run the same command again to start over."
        )  # while nothing was in flight: at a question, or just before sending
    finally:
        journal.free_reserve()


def _planned(sending: _Sending) -> RunPlanned:
    """What the run will send, with the slips in it."""
    context, request, forecast = sending.context, sending.request, sending.prepared.forecast
    run = sending.prepared.run
    before = comparison.before(context.journal, context.batch, run, request.compare, request.changes_over)
    return RunPlanned(
        batch=context.batch.name,
        environment=sending.place.name,
        production=sending.place.production,
        to_send=forecast.to_send,
        amount=from_cents(forecast.to_send_cents),
        e_mailed=forecast.e_mailed,
        kept=forecast.kept,
        invalid=forecast.invalid,
        left_out=forecast.left_out,
        held=forecast.held,
        unknown=forecast.unknown,
        until=request.until,
        slips=comparison.compared(context.journal, run, before).slips if before else (),
        compared=before.batch if before else "",
    )


def _send_with_a_pause(sending: _Sending) -> RunError | None:
    """Send everything, with a question after `--first` rows; returns what stopped it, if anything did."""
    everything = Assignment(sending.context.journal, sending.context.batch, sending.prepared.run)
    to_send, first = sending.prepared.forecast.to_send, sending.request.first
    if first is None or first >= to_send:
        return _send(sending, everything, to_send, sending.request.dask).stopped
    sent = _send(sending, replace(everything, limit=first), first)
    if sent.stopped is not None:
        return sent.stopped
    left, cents = sending.context.journal.read(planning.left_to_send, sending.prepared.run, sent.position)
    # Asked between two event loops: a question can't be interrupted from inside one.
    with sending.signals.raising():
        rows = queries.report_rows(sending.context.journal, sending.prepared.run)
        made_now = (row for row in rows if row.attempts and row.status is not Status.ALREADY_CREATED)
        columns = sending.context.journal.read(queries.report, sending.prepared.run).columns
        first_sent = FirstSent(tuple(made_now), columns, left, from_cents(cents))
        sending.emit(first_sent)
        if not sending.confirm(first_sent):
            return StoppedEarlyError(
                "Stopped as requested after the first rows ({count}). Check them, then run again "
                "without this limit to send the others.",
                count=first,
            )
    return _send(sending, replace(everything, after=sent.position), left, sending.request.dask).stopped


def _send(sending: _Sending, assignment: Assignment, rows: int, dask: str | None = None) -> Sent:
    """Send the rows of an assignment, here or by the workers of the cluster at `dask`."""
    with reported(sending.emit, SendingBegan(rows, sending.context.settings.rate), SendingEnded):
        return asyncio.run(_send_in_loop(sending, assignment, rows, dask))


async def _send_in_loop(sending: _Sending, assignment: Assignment, rows: int, dask: str | None) -> Sent:
    stop = CancelToken()
    settings = sending.context.settings
    rules = rules_of(settings, sending.request)
    with sending.signals.asking(
        stop.request,
        InterruptedRunError(
            "Stopped at your request. Requests in progress were completed; the other rows "
            "were not sent. Run the same command again to resume."
        ),
    ):
        if dask is not None:
            shared = cluster.Cluster(dask, assignment, rows, rules, settings.worker_silence, sending.emit)
            assignment = await cluster.send(shared, stop)
        async with api_of(settings, sending.place) as api:
            return await send(assignment, api, rules, sending.emit, stop)


def rules_of(settings: Settings, request: Request) -> SendRules:
    """How a run sends, from the settings and what was asked for."""
    return SendRules(
        concurrency=settings.concurrency,
        rate=settings.rate,
        max_failures=settings.max_failures,
        until=request.until,
        token_use=TOKEN_USES[settings.token_use],
        permissions=prepare.permissions_of(request),
        search=prepare.search_of(settings),
    )


@dataclass(frozen=True, slots=True)
class Outputs:
    """What comes of a run: its results with the workbook, and the other files, known to be writable."""

    results: Results
    files: Sequence[extra_outputs.OutputFile]


def results_of(context: RunContext, prepared: Prepared, request: Request) -> Results:
    """The results of a planned run. Raises UsageError for a batch that it can't be compared with."""
    compared = comparison.month_before(context.journal, context.batch, request.compare) is not None
    showing = Showing(request.lang, compared=compared)
    return Results(context.journal, prepared.run, request.output, showing, ours_of(context, request))


def ours_of(context: RunContext, request: Request) -> Ours:
    """What the files of a run may be written over."""
    batch = context.batch
    return extra_outputs.ours_of(context.journal, batch, request.file, request.mapping, *_plan_file(request))


def _plan_file(request: Request) -> tuple[Path, ...]:
    """The plan, where it may be a file of an earlier version."""
    return (Path(request.plan),) if request.plan is not None else ()


def finish(  # noqa: PLR0913, PLR0917 - six, by the house's rule
    context: RunContext,
    prepared: Prepared,
    failure: RunError | None,
    request: Request,
    emit: Emit,
    outputs: Outputs,
) -> Result:
    """End the run in the journal, write the workbook from the journal, and say what it comes to."""
    journal, run = context.journal, prepared.run
    if failure is not None:
        failure = _noted(partial(journal.write, runs.save_failure, run, failure), failure)
    emit(WritingBegan())
    gathered = outputs.results.gather()
    counted = gathered.totals
    rehearsed = context.purpose != prepare.RUN
    code = exit_code(counted, failure, dry_run=rehearsed)
    failure = _noted(partial(journal.write, runs.end, run, datetime.now().astimezone(), code), failure)
    code = exit_code(counted, failure, dry_run=rehearsed)
    report = replace(journal.read(queries.report, run), whole=whole_of(context, prepared, gathered.whole, failure))
    before = comparison.before(journal, context.batch, run, request.compare, request.changes_over)
    written, lost = None, dict[str, StoppedEarlyError]()
    try:
        written = outputs.results.write(report, before)
    except StoppedEarlyError as unwritten:
        lost["-o"] = unwritten
    if written is not None:
        emit(OutputPlaced(written.wanted, written.path))
    ours = ours_of(context, request).beside(*([written.path] if written else []))
    sheet = extra_outputs.ReportSource(report, partial(queries.report_rows, journal, run))
    batch = sheet if rehearsed else _of_batch(context, report) or sheet
    placed = extra_outputs.write(outputs.files, batch, sheet, request.lang, ours)
    lost |= placed.tell(emit)
    if lost:
        failure = failure or next(iter(lost.values()))
        code = exit_code(counted, failure, dry_run=rehearsed)
    return Result(
        report=report,
        totals=counted,
        exit_code=code,
        written=written,
        failure=failure,
        forecast=prepared.forecast,
        held=tuple(replace(one, batch=one.batch or context.batch.name) for one in gathered.held),
        to_fix=gathered.to_fix,
        summary=summary.as_json(report, gathered, written, code) | placed.as_json(),
    )


def whole_of(context: RunContext, prepared: Prepared, sheet: Whole, failure: RunError | None) -> Whole | None:
    """What the whole batch comes to after a run, given what its sheet comes to; None where nothing is in its roll."""
    journal = context.journal
    refused = isinstance(failure, InputError)
    if context.purpose != prepare.RUN:
        return None
    if journal.read(roll.has_other_rows, prepared.run):
        return totals.whole(queries.roll_rows(journal, context.batch.id))
    return None if refused else sheet


def _of_batch(context: RunContext, report: Report) -> extra_outputs.ReportSource | None:
    """The rows of the files other than the workbook: all of the batch; None while no sheet of it was accepted."""
    if report.whole is None:
        return None
    journal, batch = context.journal, context.batch
    whole = replace(journal.read(queries.roll_report, batch.id), whole=report.whole)
    return extra_outputs.ReportSource(whole, partial(queries.roll_rows, journal, batch.id))


def _noted(note: Callable[[], None], failure: RunError | None) -> RunError | None:
    """Note something in the journal; returns what keeps the run from its end.

    A journal that can't take a word more, its disk full, does not keep the workbook from being written.
    """
    try:
        note()
    except RunError as unable:
        return failure or unable
    return failure


def exit_code(counted: Totals, failure: RunError | None, *, dry_run: bool) -> ExitCode:
    """The most serious code that applies (docs/decisions/0003-exit-codes.md)."""
    if isinstance(failure, InputError):
        return ExitCode.INPUT
    # 20 refusals that were the whole sheet stopped nothing.
    all_refused = isinstance(failure, RequestsRefusedError) and not counted.counts[Status.NOT_SENT]
    code = totals.exit_code(counted, stopped=failure is not None and not all_refused, dry_run=dry_run)
    if code is ExitCode.STOPPED_EARLY and isinstance(failure, CredentialsError | BatchBusyError | WrongAddressError):
        return failure.exit_code
    return code
