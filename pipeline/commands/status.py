"""`status`: what became of the sessions of a batch, asked from the API, kept in the journal, shown in the workbook."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from pipeline.client.api import Api
from pipeline.client.tokens import TOKEN_USES
from pipeline.commands import comparison, environment, extra_outputs
from pipeline.commands.batch_lookup import BatchHandle, found_batch
from pipeline.commands.connectivity import api_of
from pipeline.commands.environment import Environment
from pipeline.commands.options import RequestedOutputs
from pipeline.config.settings import Settings
from pipeline.domain import totals
from pipeline.domain.errors import (
    ApiUnreachableError,
    ExitCode,
    InterruptedRunError,
    RunError,
    StoppedEarlyError,
    WrongAddressError,
)
from pipeline.domain.events import (
    AskingBegan,
    AskingEnded,
    Emit,
    OutageBegan,
    OutputPlaced,
    WatchPaused,
    WritingBegan,
    reported,
)
from pipeline.domain.model import Report, ReportRow, Status, Totals, Whole
from pipeline.domain.payment_summary import Payments, PaymentTally, is_late
from pipeline.domain.session_states import is_final, is_over
from pipeline.journal import queries, states
from pipeline.journal.states import Seen, Session
from pipeline.report import exports
from pipeline.report.summary import Written
from pipeline.report.workbook import write
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.polling import Followed, FollowRules, follow
from pipeline.system.atomic_output import STATUS, check_workbook, named_after, writing
from pipeline.system.signals import Interrupts, interrupts
from schemas.languages import Lang

SHOWN: Final = 20
"""Requests that are open too long and are shown; the workbook has them all."""

OUTAGES: Final = 10
"""Rounds of a watch, one after the other, in which the API may be out of reach."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """One `status`. `every` is in seconds; `since` is aware, and leaves out what was created before. Without `workbook`
    the journal alone keeps what was learnt.
    """

    batch: str
    output: Path | None = None
    sandbox: bool = False
    watch: bool = False
    every: float = 30.0
    since: datetime | None = None
    open_days: int = 7
    lang: Lang = "en"
    files: RequestedOutputs = RequestedOutputs()
    workbook: bool = True


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A batch as it is now, with all its rows. `late` are the first of the requests that are open too long."""

    report: Report
    whole: Whole
    payments: Payments | None
    late: tuple[ReportRow, ...]


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What `status` has learnt. `final` are the sessions that were not asked about, since they can't change any more.

    `failure` is what kept it from asking about all others. `outputs` is what the JSON summary says of the files other
    than the workbook.
    """

    now: Refreshed
    asked: int
    final: int
    missed: int
    exit_code: ExitCode
    failure: RunError | None = None
    written: Written | None = None
    outputs: dict[str, object] = field(default_factory=dict)


def status(request: StatusRequest, settings: Settings, emit: Emit) -> StatusResult:
    """Ask the API for the state of every request of a batch, and write the workbook again.

    Sessions that can't change any more are not asked about. Raises a RunError when nothing was learnt; once something
    was, what ended it early is in the result.
    """
    with (
        interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")) as signals,
        found_batch(request.batch, settings, in_sandbox=request.sandbox) as found,
        environment.opened(settings, emit, in_sandbox=request.sandbox, lang=request.lang) as place,
    ):
        output = output_of(found, request.output) if request.workbook else None
        files = extra_outputs.check(
            request.files, found.journal.read(queries.roll_report, found.batch.id).columns, output
        )
        asking = _Rounds(found, request, settings, place, emit)
        followed = asyncio.run(asking.ask(signals))
        signals.finish()
        if followed.stopped is not None and not asking.learnt:
            raise followed.stopped
        found.journal.write(states.analyse, asking.learnt)
        now = refreshed(found, request.open_days)
        emit(WritingBegan())
        written = write_again(found, now.report, output, request.lang) if output is not None else None
        if written is not None:
            emit(OutputPlaced(written.wanted, written.path))
        contents = extra_outputs.ReportSource(now.report, partial(queries.roll_rows, found.journal, found.batch.id))
        ours = extra_outputs.ours_of(found.journal, found.batch, written.path if written is not None else None)
        placed = extra_outputs.write(files, contents, contents, request.lang, ours)
        unwritten = placed.tell(emit)
        missed = StoppedEarlyError(
            "Requests without a usable response: {count} ({reason}). The other states are "
            "kept. Run the same command again.",
            count=followed.missed,
            reason=followed.reason,
        )
        failure = followed.stopped or (missed if followed.missed else None) or next(iter(unwritten.values()), None)
        return StatusResult(
            now=now,
            asked=asking.learnt,
            final=asking.final,
            missed=followed.missed,
            exit_code=exit_code(now.whole.totals, failure),
            failure=failure,
            written=written,
            outputs=placed.as_json(),
        )


def workbook_again(name: str, settings: Settings, folder: Path, lang: Lang, *, in_sandbox: bool) -> Path:
    """The workbook of a batch as the journal knows it now, in `folder`, without asking the API. Its path.

    Nobody is told of it: a file for the moment is no output that a later one may write over.
    """
    with found_batch(name, settings, in_sandbox=in_sandbox) as found:
        report = refreshed(found, open_days=7).report
        rows = partial(queries.roll_rows, found.journal, found.batch.id)
        month = comparison.before(found.journal, found.batch, found.run)
        output = folder / named_after(found.batch.name, STATUS)
        with writing(output):
            return write(report, rows, output, lang=lang, before=month).path


def csv_again(name: str, settings: Settings, folder: Path, lang: Lang, *, in_sandbox: bool) -> Path:
    """The same as CSV."""
    with found_batch(name, settings, in_sandbox=in_sandbox) as found:
        report = refreshed(found, open_days=7).report
        output = (folder / named_after(found.batch.name, STATUS)).with_suffix(".csv")
        with writing(output):
            exports.write_csv(report, queries.roll_rows(found.journal, found.batch.id), output, lang)
        return output


def output_of(found: BatchHandle, given: Path | None) -> Path:
    """Where the workbook goes: as given, else `BATCH.status.xlsx` here. Raises UsageError when it can't."""
    output = given or Path(named_after(found.batch.name, STATUS))
    check_workbook(output)
    return output


def refreshed(found: BatchHandle, open_days: int) -> Refreshed:
    """The batch as the journal knows it now, counted."""
    report = replace(found.journal.read(queries.roll_report, found.batch.id), open_days=open_days)
    payments = PaymentTally(report)
    late: list[ReportRow] = []

    def counted() -> Iterator[ReportRow]:
        for row in queries.roll_rows(found.journal, found.batch.id):
            payments.add(row)
            if len(late) < SHOWN and is_late(row, report):
                late.append(row)
            yield row

    whole = totals.whole(counted())
    return Refreshed(replace(report, whole=whole), whole, payments.payments(), tuple(late))


def write_again(found: BatchHandle, report: Report, output: Path, lang: Lang) -> Written:
    """Write the batch's workbook again, from the journal alone: the input file is not needed.

    Raises StoppedEarlyError if it can't be written anywhere.
    """
    rows = partial(queries.roll_rows, found.journal, found.batch.id)
    month = comparison.before(found.journal, found.batch, found.run)
    with writing(output):
        ours = extra_outputs.ours_of(found.journal, found.batch)
        return write(report, rows, output, lang=lang, before=month, ours=ours)


def exit_code(counted: Totals, failure: RunError | None) -> ExitCode:
    """The most serious code that applies: 5 for rows that a person must look at, else what ended it early, else 0."""
    if counted.counts[Status.UNKNOWN]:
        return ExitCode.UNKNOWN_OUTCOME
    return failure.exit_code if failure is not None else ExitCode.DONE


def rules_of(settings: Settings) -> FollowRules:
    """How sessions are asked about, from the settings."""
    return FollowRules(settings.concurrency, settings.rate, TOKEN_USES[settings.token_use])


def interrupted() -> InterruptedRunError:
    """What ends a command that sends nothing when a signal comes."""
    return InterruptedRunError(
        "Stopped at your request. States received so far are kept. Run the same command again to resume."
    )


async def _pass_on(stop: CancelToken, other: CancelToken) -> None:
    """Let `other` stop for the same reason."""
    await stop.wait()
    if stop.reason is not None:
        other.request(stop.reason)


@dataclass(slots=True)
class _Rounds:
    """One round of questions, or with `--watch` as many as it takes. `learnt` is the most that a round learned."""

    _found: BatchHandle
    _request: StatusRequest
    _settings: Settings
    _place: Environment
    _emit: Emit
    learnt: int = 0
    final: int = 0

    async def ask(self, signals: Interrupts) -> Followed:
        stop, lost = CancelToken(), 0
        with signals.asking(stop.request, interrupted()):
            async with api_of(self._settings, self._place) as api:
                while True:
                    followed = await self._round(api, stop)
                    lost = lost + 1 if self._is_outage(followed.stopped) else 0
                    ended = stop.requested or lost == OUTAGES or (followed.stopped is not None and not lost)
                    if ended or not (self._request.watch and await asyncio.to_thread(self._waits)):
                        break
                    await self._show(followed.stopped)
                    await stop.sleep(self._request.every)
                    if stop.requested:
                        break
        return replace(followed, stopped=stop.reason or followed.stopped)

    def _is_outage(self, reason: RunError | None) -> bool:
        """Whether the API was there and is not now. That it never was, or refuses the credentials, is no outage."""
        return bool(self.learnt) and isinstance(reason, ApiUnreachableError | WrongAddressError)

    async def _show(self, outage: RunError | None) -> None:
        """The state of a watch between two rounds."""
        if outage is not None:
            self._emit(OutageBegan(outage, self._request.every))
            return
        now = await asyncio.to_thread(refreshed, self._found, self._request.open_days)
        if now.payments is not None:
            self._emit(WatchPaused(now.payments, self._request.every))

    async def _round(self, api: Api, stop: CancelToken) -> Followed:
        # A separate function: what ends a round, an unreachable API, need not end the watch.
        ending = CancelToken()
        heard = asyncio.create_task(_pass_on(stop, ending))
        try:
            with reported(self._emit, AskingBegan(await asyncio.to_thread(self._count)), AskingEnded):
                rules = rules_of(self._settings)
                followed = await follow(self._to_ask(), api, rules, self._keep, self._emit, ending)
        finally:
            heard.cancel()
        self.learnt = max(self.learnt, followed.asked)
        return followed

    def _keep(self, seen: Sequence[Seen]) -> None:
        self._found.journal.write(states.record, self._found.batch.id, seen)

    def _sessions(self) -> Iterator[Session]:
        return states.sessions(self._found.journal, self._found.batch.id, self._request.since)

    def _to_ask(self) -> Iterator[Session]:
        return (session for session in self._sessions() if not is_final(session.state))

    def _count(self) -> int:
        """How many requests to check."""
        to_ask = self.final = 0
        for session in self._sessions():
            if is_final(session.state):
                self.final += 1
            else:
                to_ask += 1
        return to_ask

    def _waits(self) -> bool:
        """Whether anything can still change."""
        return any(not is_over(session.state) for session in self._sessions())
