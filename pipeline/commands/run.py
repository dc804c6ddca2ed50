"""`run`: a sheet becomes sessions, each row once; and the workbook of what became of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from pipeline import sandbox as stand_in
from pipeline.client.api import Api, Credentials
from pipeline.client.payload import LANGUAGES
from pipeline.client.tokens import TokenUse
from pipeline.client.transport import ExactTransport, Timeouts, system_trust
from pipeline.commands import beside, plan, prepare, where
from pipeline.commands.interrupts import Interrupted, Interrupts, interrupts
from pipeline.commands.prepare import Prepared, Workplace
from pipeline.commands.request import Announcement, Request, Result, Screen
from pipeline.commands.results import Results
from pipeline.commands.where import Where
from pipeline.config.settings import Settings
from pipeline.domain import totals
from pipeline.domain.errors import (
    BatchBusyError,
    CredentialsError,
    ExitCode,
    InputError,
    RequestsRefusedError,
    RunError,
    StoppedEarlyError,
    UsageError,
    WrongAddressError,
)
from pipeline.domain.model import Approval, Report, Status, Totals, Whole
from pipeline.report import summary
from pipeline.report.workbook import Showing
from pipeline.sender.cancellation import Stop
from pipeline.sender.engine import TOKENS_AHEAD, Assignment, Observer, SendRules, Sent, send
from pipeline.system.atomic_output import Ours, beside_sheet, check_workbook

TOKEN_USES: Final[dict[str, TokenUse]] = {"auto": "auto", "reuse": "reuse", "single": "single"}
CREDENTIAL_FORMS: Final[dict[str, Literal["basic", "form"]]] = {"basic": "basic", "form": "form"}


def run(request: Request, settings: Settings, screen: Screen) -> Result:
    """Create one session for each valid row of a sheet, and write the workbook.

    Run again on the same batch, it goes on where it stopped. Raises a RunError when nothing could be begun; once
    something was, what ended it early is in the result.
    """
    output = request.output or beside_sheet(request.file, in_sandbox=request.sandbox)
    with interrupts() as signals, environment(request, settings, screen) as place:
        table = prepare.read(request, screen)
        # After the sheet, so that a misspelt folder of the sheet is not told as one of the workbook.
        check_workbook(output)
        files = beside.check(beside.wanted_of(request), table.columns, output)
        checked = prepare.check(table, request, settings, place)
        with where.journal_of(place, screen.journal_begun) as journal:
            batch = journal.batch(prepare.batch_name(request, table), place.name, datetime.now().astimezone())
            with journal.lease(batch):
                beside.month_before(journal, batch, request.compare)
                if refused := prepare.refusal(journal, batch, table, request, settings):
                    raise refused
                workplace = Workplace(journal, batch, prepare.RUN, place.base_url, settings)
                prepared = prepare.begin_and_plan(workplace, table, checked, request, screen)
                request = replace(request, output=output)
                with closing(results_of(workplace, prepared, request)) as results:
                    failure = _carry_out(_Sending(workplace, prepared, request, place, screen, signals))
                    signals.finish()
                    return finish(workplace, prepared, failure, request, screen, Outputs(results, files))


@contextmanager
def environment(request: Request, settings: Settings, screen: Screen) -> Iterator[Where]:
    """The configured API, or the built-in sandbox for the time of the run."""
    if not request.sandbox:
        yield where.real(settings)
        return
    store = where.sandbox_store()
    store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with stand_in.running(stand_in.SandboxOptions(store=store)) as server:
        screen.sandbox_started(server.base_url)
        yield where.sandbox(settings, server.base_url, server.username, server.password)


@dataclass(frozen=True, slots=True)
class _Sending:
    """Everything that sending takes."""

    workplace: Workplace
    prepared: Prepared
    request: Request
    place: Where
    screen: Screen
    signals: Interrupts


def _carry_out(sending: _Sending) -> RunError | None:
    """Ask, send; returns what kept it from its end, if anything did."""
    if sending.prepared.refused is not None:
        return sending.prepared.refused
    if sending.request.plan is not None:
        refused = _hold_against_plan(sending, sending.request.plan)
        if refused is not None:
            return refused
    sending.workplace.journal.accept(sending.prepared.run, datetime.now().astimezone())
    forecast = sending.prepared.forecast
    if not forecast.to_send:
        return None
    announcement = Announcement(
        sending.workplace.batch.name, sending.place.name, sending.place.production, forecast, sending.request
    )
    journal = sending.workplace.journal
    try:
        if not sending.screen.confirm(announcement):
            return StoppedEarlyError("run.not_confirmed")
        journal.keep_reserve()
        return _send_with_a_pause(sending)
    except StoppedEarlyError as failure:
        return failure
    except Interrupted as interrupted:
        return interrupted.reason  # while nothing was in flight: at a question, or just before sending
    finally:
        journal.free_reserve()


def _hold_against_plan(sending: _Sending, path: Path) -> InputError | None:
    """Keep who approved the run; returns what keeps it from its plan, if anything does."""
    approved, refused = plan.hold_against(path, sending.workplace, sending.prepared, sending.request.lang)
    if refused is None:
        approval = Approval(approved.made_by, approved.made_at, plan.user())
        sending.workplace.journal.approve(sending.prepared.run, approval)
    return refused


def _send_with_a_pause(sending: _Sending) -> RunError | None:
    """Send everything, with a question after `--first` rows; returns what stopped it, if anything did."""
    everything = Assignment(sending.workplace.journal, sending.workplace.batch, sending.prepared.run)
    to_send, first = sending.prepared.forecast.to_send, sending.request.first
    if first is None or first >= to_send:
        return _send(sending, everything, to_send).stopped
    sent = _send(sending, replace(everything, limit=first), first)
    if sent.stopped is not None:
        return sent.stopped
    left = to_send - first
    # Asked between two event loops: a question can't be interrupted from inside one.
    with sending.signals.raising():
        if not _ask_to_go_on(sending, left):
            return StoppedEarlyError("run.stopped_first", count=first)
    return _send(sending, replace(everything, after=sent.position), left).stopped


def _send(sending: _Sending, assignment: Assignment, rows: int) -> Sent:
    with sending.screen.sending(rows, sending.workplace.settings.rate) as observer:
        return asyncio.run(_send_in_loop(sending, assignment, observer))


async def _send_in_loop(sending: _Sending, assignment: Assignment, observer: Observer) -> Sent:
    stop = Stop()
    settings = sending.workplace.settings
    with sending.signals.asking(stop):
        async with api_of(settings, sending.place) as api:
            rules = rules_of(settings, sending.request)
            return await send(assignment, api, rules, observer, stop)


def _ask_to_go_on(sending: _Sending, left: int) -> bool:
    rows = sending.workplace.journal.report_rows(sending.prepared.run)
    made_now = [row for row in rows if row.attempts and row.status is not Status.ALREADY_CREATED]
    return sending.screen.go_on_after_first(made_now, left)


def rules_of(settings: Settings, request: Request) -> SendRules:
    """How a run sends, from the settings and what was asked for."""
    return SendRules(
        concurrency=settings.concurrency,
        rate=settings.rate,
        max_failures=settings.max_failures,
        until=request.until,
        language=LANGUAGES[settings.language],
        token_use=TOKEN_USES[settings.token_use],
        permissions=prepare.permissions_of(request),
        search=prepare.search_of(settings),
    )


@asynccontextmanager
async def api_of(settings: Settings, place: Where) -> AsyncIterator[Api]:
    """The API of an environment, with a connection for each request that may be in flight."""
    transport = ExactTransport(
        connections=settings.concurrency * (1 + TOKENS_AHEAD),
        timeouts=Timeouts(settings.connect_timeout, settings.answer_timeout),
        trust=_trust(settings),
    )
    api = Api(
        place.base_url,
        transport,
        Credentials(place.username, place.password, CREDENTIAL_FORMS[settings.credentials]),
        settings.client_id,
    )
    try:
        yield api
    finally:
        await api.aclose()


def _trust(settings: Settings) -> ssl.SSLContext:
    path = Path(settings.ca_file).expanduser() if settings.ca_file else None
    try:
        return system_trust(path)
    except OSError:
        raise UsageError("settings.bad_ca_file", path=settings.ca_file) from None


@dataclass(frozen=True, slots=True)
class Outputs:
    """What comes of a run: its results with the workbook, and the files beside it, found to be writable."""

    results: Results
    files: Sequence[beside.File]


def results_of(workplace: Workplace, prepared: Prepared, request: Request) -> Results:
    """The results of a planned run. Raises UsageError for a batch that it can't be compared with."""
    compared = beside.month_before(workplace.journal, workplace.batch, request.compare) is not None
    showing = Showing(request.lang, compared=compared)
    return Results(workplace.journal, prepared.run, request.output, showing, ours_of(workplace, request))


def ours_of(workplace: Workplace, request: Request) -> Ours:
    """What the files of a run may be written over."""
    batch = workplace.batch
    return beside.ours_of(workplace.journal, batch, request.file, request.mapping, request.plan)


def finish(  # noqa: PLR0913, PLR0917 - six, by the house's rule
    workplace: Workplace,
    prepared: Prepared,
    failure: RunError | None,
    request: Request,
    screen: Screen,
    outputs: Outputs,
) -> Result:
    """End the run in the journal, write the workbook from the journal, and say what it comes to."""
    journal, run = workplace.journal, prepared.run
    if failure is not None:
        failure = _noted(partial(journal.stopped, run, failure), failure)
    screen.writing()
    gathered = outputs.results.gather()
    counted = gathered.totals
    rehearsed = workplace.purpose != prepare.RUN
    code = exit_code(counted, failure, dry_run=rehearsed)
    failure = _noted(partial(journal.end, run, datetime.now().astimezone(), code), failure)
    code = exit_code(counted, failure, dry_run=rehearsed)
    report = replace(journal.report(run), whole=whole_of(workplace, prepared, gathered.whole, failure))
    before = beside.before(journal, workplace.batch, run, beside.Compared(request.compare, request.changes_over))
    written, lost = None, dict[str, StoppedEarlyError]()
    try:
        written = outputs.results.write(report, before)
    except StoppedEarlyError as unwritten:
        lost["-o"] = unwritten
    if written is not None:
        screen.placed(written.wanted, written.path)
    ours = ours_of(workplace, request).beside(*([written.path] if written else []))
    sheet = beside.Contents(report, partial(journal.report_rows, run))
    batch = sheet if rehearsed else _of_batch(workplace, report) or sheet
    placed = beside.write(outputs.files, batch, sheet, request.lang, ours)
    lost |= placed.tell(screen)
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
        held=tuple(replace(one, batch=one.batch or workplace.batch.name) for one in gathered.held),
        to_fix=gathered.to_fix,
        summary=summary.as_json(report, gathered, written, code) | placed.as_json(),
    )


def whole_of(workplace: Workplace, prepared: Prepared, sheet: Whole, failure: RunError | None) -> Whole | None:
    """What the whole batch comes to after a run, given what its sheet comes to; None where nothing is in its roll."""
    journal = workplace.journal
    refused = isinstance(failure, InputError)
    if workplace.purpose != prepare.RUN:
        return None
    if journal.has_other_rows(prepared.run):
        return totals.whole(journal.roll_rows(workplace.batch))
    return None if refused else sheet


def _of_batch(workplace: Workplace, report: Report) -> beside.Contents | None:
    """What files beside the workbook hold: every row of the batch; None while no sheet of it was accepted."""
    if report.whole is None:
        return None
    journal, batch = workplace.journal, workplace.batch
    whole = replace(journal.roll_report(batch), whole=report.whole)
    return beside.Contents(whole, partial(journal.roll_rows, batch))


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
