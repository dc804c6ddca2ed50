"""`status`: what became of the sessions of a batch, asked from the API, kept in the journal, shown in the workbook."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from pipeline.client.api import Api
from pipeline.commands import beside
from pipeline.commands.batch_lookup import Found, found_batch
from pipeline.commands.interrupts import Interrupts, interrupts
from pipeline.commands.request import Request, Screen
from pipeline.commands.run import TOKEN_USES, api_of, environment
from pipeline.commands.where import Where
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
from pipeline.domain.model import Report, ReportRow, Status, Totals, Whole
from pipeline.domain.payment_summary import Payments, PaymentTally, is_late
from pipeline.domain.session_states import is_final, is_over
from pipeline.journal.states import Session
from pipeline.report.summary import Written
from pipeline.report.workbook import write
from pipeline.sender.cancellation import Stop
from pipeline.sender.polling import Followed, FollowObserver, FollowRules, follow
from pipeline.system.atomic_output import STATUS, check_workbook, named_after, writing
from schemas.languages import Lang

SHOWN: Final = 20
"""Requests that are open too long and are shown; the workbook has them all."""

OUTAGES: Final = 10
"""Rounds of a watch, one after the other, in which the API may be out of reach."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """One `status`. `every` is in seconds; `since` is aware, and leaves out what was created before."""

    batch: str
    output: Path | None = None
    sandbox: bool = False
    watch: bool = False
    every: float = 30.0
    since: datetime | None = None
    open_days: int = 7
    lang: Lang = "en"
    files: beside.Wanted = field(default_factory=beside.Wanted)


class FollowScreen(Protocol):
    """Who shows that sessions are asked about."""

    def asking(self, total: int) -> AbstractContextManager[FollowObserver]:
        """So many sessions are about to be asked about; the observer draws them."""

    def watching(self, payments: Payments, seconds: float) -> None:
        """All were asked about; they are asked again in so many seconds."""

    def outage(self, reason: RunError, seconds: float) -> None:
        """The API is out of reach; it is asked again in so many seconds."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A batch as it stands now, by its roll. `late` are the first of the requests that are open too long."""

    report: Report
    whole: Whole
    payments: Payments | None
    late: tuple[ReportRow, ...]


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What `status` has learnt. `final` are the sessions that were not asked about, since they can't change any more.

    `failure` is what kept it from asking about all others. `outputs` is what the JSON summary says of the files beside
    the workbook.
    """

    now: Refreshed
    asked: int
    final: int
    missed: int
    exit_code: ExitCode
    failure: RunError | None = None
    written: Written | None = None
    outputs: dict[str, object] = field(default_factory=dict)


def status(request: StatusRequest, settings: Settings, screen: Screen, shown: FollowScreen) -> StatusResult:
    """Ask the API for the state of every session of a batch, and write the workbook anew.

    Sessions that can't change any more are not asked about. Raises a RunError when nothing was learnt; once something
    was, what ended it early is in the result.
    """
    with (
        interrupts() as signals,
        found_batch(request.batch, settings, in_sandbox=request.sandbox) as found,
        environment(Request(Path(request.batch), sandbox=request.sandbox), settings, screen) as place,
    ):
        output = output_of(found, request.output)
        files = beside.check(request.files, found.journal.roll_report(found.batch).columns, output)
        asking = _Asking(found, request, settings, place, shown)
        followed = asyncio.run(asking.ask(signals))
        signals.finish()
        if followed.stopped is not None and not asking.learnt:
            raise followed.stopped
        now = refreshed(found, request.open_days)
        screen.writing()
        written = write_again(found, now.report, output, request.lang)
        screen.placed(output, written.path)
        contents = beside.Contents(now.report, partial(found.journal.roll_rows, found.batch))
        ours = beside.ours_of(found.journal, found.batch, written.path)
        placed = beside.write(files, contents, contents, request.lang, ours)
        unwritten = placed.tell(screen)
        failure = followed.stopped or _missed(followed) or next(iter(unwritten.values()), None)
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


def output_of(found: Found, given: Path | None) -> Path:
    """Where the workbook goes: as given, else `BATCH.status.xlsx` here. Raises UsageError when it can't."""
    output = given or Path(named_after(found.batch.name, STATUS))
    check_workbook(output)
    return output


def refreshed(found: Found, open_days: int) -> Refreshed:
    """The batch as the journal knows it now, counted."""
    report = replace(found.journal.roll_report(found.batch), open_days=open_days)
    payments = PaymentTally(report)
    late: list[ReportRow] = []

    def counted() -> Iterator[ReportRow]:
        for row in found.journal.roll_rows(found.batch):
            payments.add(row)
            if len(late) < SHOWN and is_late(row, report):
                late.append(row)
            yield row

    whole = totals.whole(counted())
    return Refreshed(replace(report, whole=whole), whole, payments.payments(), tuple(late))


def write_again(found: Found, report: Report, output: Path, lang: Lang) -> Written:
    """Write the batch's workbook anew, from the journal alone: the input file is not needed any more.

    Raises StoppedEarlyError when it can be had nowhere.
    """
    rows = partial(found.journal.roll_rows, found.batch)
    month = beside.before(found.journal, found.batch, found.run, beside.Compared())
    with writing(output):
        ours = beside.ours_of(found.journal, found.batch)
        return write(report, rows, output, lang=lang, before=month, ours=ours)


def exit_code(counted: Totals, failure: RunError | None) -> ExitCode:
    """The most serious code that applies: 5 for rows that a person must look at, else what ended it early, else 0."""
    if counted.counts[Status.UNKNOWN]:
        return ExitCode.UNKNOWN_OUTCOME
    return failure.exit_code if failure is not None else ExitCode.DONE


def rules_of(settings: Settings) -> FollowRules:
    """How sessions are asked about, from the settings."""
    return FollowRules(settings.concurrency, settings.rate, TOKEN_USES[settings.token_use])


def stopped_by(failure: RunError | None) -> RunError | None:
    """The same failure in the words of a command that sends nothing."""
    if isinstance(failure, InterruptedRunError):
        return InterruptedRunError("status.interrupted")
    return failure


def _missed(followed: Followed) -> RunError | None:
    if not followed.missed:
        return None
    return StoppedEarlyError("status.some_missed", count=followed.missed, reason=followed.reason)


async def _pass_on(stop: Stop, other: Stop) -> None:
    """Let `other` stop for the same reason."""
    await stop.wait()
    if stop.reason is not None:
        other.request(stop.reason)


@dataclass(slots=True)
class _Asking:
    """One round of questions, or with `--watch` as many as it takes. `learnt` is the most that a round was told."""

    _found: Found
    _request: StatusRequest
    _settings: Settings
    _place: Where
    _shown: FollowScreen
    learnt: int = 0
    final: int = 0

    async def ask(self, signals: Interrupts) -> Followed:
        stop, lost = Stop(), 0
        with signals.asking(stop):
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
        return replace(followed, stopped=stopped_by(stop.reason or followed.stopped))

    def _is_outage(self, reason: RunError | None) -> bool:
        """Whether the API was there and is not now. That it never was, or refuses the credentials, is no outage."""
        return bool(self.learnt) and isinstance(reason, ApiUnreachableError | WrongAddressError)

    async def _show(self, outage: RunError | None) -> None:
        """Where a watch stands between two rounds."""
        if outage is not None:
            self._shown.outage(outage, self._request.every)
            return
        now = await asyncio.to_thread(refreshed, self._found, self._request.open_days)
        if now.payments is not None:
            self._shown.watching(now.payments, self._request.every)

    async def _round(self, api: Api, stop: Stop) -> Followed:
        keep = partial(self._found.journal.record_states, self._found.batch)
        # Of its own: what ends a round, an API that is out of reach, need not end the watch.
        ending = Stop()
        heard = asyncio.create_task(_pass_on(stop, ending))
        try:
            with self._shown.asking(await asyncio.to_thread(self._count)) as observer:
                followed = await follow(self._to_ask(), api, rules_of(self._settings), keep, observer, ending)
        finally:
            heard.cancel()
        self.learnt = max(self.learnt, followed.asked)
        return followed

    def _sessions(self) -> Iterator[Session]:
        return self._found.journal.sessions(self._found.batch, self._request.since)

    def _to_ask(self) -> Iterator[Session]:
        return (session for session in self._sessions() if not is_final(session.state))

    def _count(self) -> int:
        """How many are to be asked about."""
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
