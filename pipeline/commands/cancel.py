"""`cancel`: cancels the sessions of a batch that are still open. The undo of a wrong upload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol

from pipeline.client.api import Api
from pipeline.commands.batch_lookup import Found, found_batch
from pipeline.commands.interrupts import Interrupts, interrupts
from pipeline.commands.request import Request, Screen
from pipeline.commands.run import api_of, environment
from pipeline.commands.status import output_of, refreshed, rules_of, stopped_by, write_again
from pipeline.commands.where import Where
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain import session_states
from pipeline.domain.errors import ExitCode, RunError, StoppedEarlyError, UsageError
from pipeline.domain.model import NO_MONEY, SessionState, Status
from pipeline.domain.session_states import Paid
from pipeline.journal.states import Session
from pipeline.report.summary import Written
from pipeline.sender.cancellation import Stop
from pipeline.sender.polling import Attempted, CancelledAll, FollowObserver, Keep, cancel, follow
from schemas.languages import Lang


class Which(StrEnum):
    """Which sessions are cancelled, by their state."""

    OPEN = "open"
    """All that a payor may still pay."""
    INITIATED = "initiated"
    """Of those, the ones that no payor has opened."""
    IN_PROGRESS = "in-progress"
    """Of those, the ones that a payor has opened."""
    NOT_PAID = "not-paid"
    """All that are neither paid nor cancelled, also where the API is likely to refuse."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """One `cancel`. `rows` are row numbers of the user's sheet, None for the whole batch.

    `file` names the sheet where a batch has several.
    """

    batch: str
    rows: Sequence[range] | None = None
    file: str | None = None
    which: Which = Which.OPEN
    dry_run: bool = False
    output: Path | None = None
    sandbox: bool = False
    lang: Lang = "en"


@dataclass(frozen=True, slots=True)
class Selection:
    """The sessions that are to be cancelled, and those that are left alone since they were paid or have ended.

    `unknown` are rows that may have a session whose id nobody knows: they can't be cancelled.
    """

    chosen: tuple[Session, ...]
    paid: tuple[Session, ...]
    ended: int
    unknown: tuple[int, ...]

    @property
    def amount(self) -> Decimal:
        """The dollars of what is to be cancelled."""
        return sum((session.amount or NO_MONEY for session in self.chosen), NO_MONEY)


@dataclass(frozen=True, slots=True)
class Intention:
    """What is going to happen, for a person to confirm."""

    batch: str
    environment: str
    selection: Selection
    in_sandbox: bool


class CancelScreen(Protocol):
    """Who shows what happens, and asks."""

    def asking(self, total: int) -> AbstractContextManager[FollowObserver]:
        """So many sessions are about to be asked about, or cancelled."""


@dataclass(frozen=True, slots=True)
class CancelResult:
    """What became of it. `offered` is False when the API has no cancel yet: nothing was changed."""

    batch: str
    environment: str
    selection: Selection
    attempted: tuple[Attempted, ...] = ()
    offered: bool = True
    dry_run: bool = False
    failure: RunError | None = None
    written: Written | None = None
    exit_code: ExitCode = field(default=ExitCode.DONE)

    def of(self, kind: type) -> list[Attempted]:
        """The sessions that ended in this way."""
        return [one for one in self.attempted if isinstance(one.result, kind)]


def cancel_batch(
    request: CancelRequest,
    settings: Settings,
    screen: Screen,
    shown: CancelScreen,
    confirm: Callable[[Intention], bool],
) -> CancelResult:
    """Cancel what is still open. The states are asked first, so that a person confirms what is really there.

    Raises UsageError when no such row has a session, BatchBusyError while a run holds the batch, StoppedEarlyError when
    it was not confirmed, CredentialsError or StoppedEarlyError when nothing could be asked.
    """
    with (
        interrupts() as signals,
        found_batch(request.batch, settings, in_sandbox=request.sandbox) as found,
        environment(Request(Path(request.batch), sandbox=request.sandbox), settings, screen) as place,
        found.journal.lease(found.batch),
    ):
        output = None if request.dry_run else output_of(found, request.output)
        work = _Work(found, request, settings, place, shown)
        asyncio.run(work.ask(signals))
        selection = work.select()
        done = partial(CancelResult, found.batch.name, found.batch.environment, selection)
        if request.dry_run:
            return done(dry_run=True, exit_code=_code(selection, CancelledAll((), True, None)))
        ended = CancelledAll((), True, None)
        if selection.chosen:
            play = found.batch.environment == SANDBOX
            with signals.raising():
                agreed = confirm(Intention(found.batch.name, found.batch.environment, selection, play))
            if not agreed:
                raise StoppedEarlyError("cancel.not_confirmed")
            ended = asyncio.run(work.cancel(selection, signals))
        signals.finish()
        screen.writing()
        written = write_again(found, refreshed(found, open_days=7).report, output, request.lang) if output else None
        if written is not None:
            screen.placed(written.wanted, written.path)
        return done(
            attempted=ended.attempted,
            offered=ended.offered,
            failure=stopped_by(ended.stopped),
            written=written,
            exit_code=_code(selection, ended),
        )


def _code(selection: Selection, ended: CancelledAll) -> ExitCode:
    """The most serious code that applies: a row nobody can cancel, what ended it early, what was not cancelled."""
    if selection.unknown:
        return ExitCode.UNKNOWN_OUTCOME
    if ended.stopped is not None:
        return ended.stopped.exit_code
    if any(isinstance(one.result, session_states.Unsure) for one in ended.attempted):
        return ExitCode.STOPPED_EARLY
    refused = any(not isinstance(one.result, session_states.Cancelled) for one in ended.attempted)
    return ExitCode.SOME_ROWS_NEED_MENDING if refused or not ended.offered or selection.paid else ExitCode.DONE


@dataclass(slots=True)
class _Work:
    _found: Found
    _request: CancelRequest
    _settings: Settings
    _place: Where
    _shown: CancelScreen

    async def ask(self, signals: Interrupts) -> None:
        """Ask for the present states. Raises what kept it from asking about all."""
        stop = Stop()
        to_ask = [session for session in self._sessions() if not session_states.is_final(session.state)]
        with signals.asking(stop):
            async with api_of(self._settings, self._place) as api:
                with self._shown.asking(len(to_ask)) as observer:
                    asked = await follow(iter(to_ask), api, rules_of(self._settings), self._keep, observer, stop)
        if (failure := stopped_by(asked.stopped)) is not None:
            raise failure
        if asked.missed:
            raise StoppedEarlyError("cancel.some_missed", count=asked.missed, reason=asked.reason)

    def select(self) -> Selection:
        """What is to be cancelled, by the states that were asked for."""
        chosen, paid, ended = [], [], 0
        for session in self._sessions():
            if _is_chosen(session.state, self._request.which):
                chosen.append(session)
            elif session_states.paid(session.state) is Paid.YES:
                paid.append(session)
            else:
                ended += 1
        if self._request.rows is not None and not (chosen or paid or ended):
            raise UsageError("cancel.no_such_rows", batch=self._found.batch.name)
        unknown = [
            row.row.number
            for row in self._found.journal.roll_rows(self._found.batch)
            if row.status is Status.UNKNOWN and self._is_meant(row.row.number, row.file)
        ]
        return Selection(tuple(chosen), tuple(paid), ended, tuple(unknown))

    async def cancel(self, selection: Selection, signals: Interrupts) -> CancelledAll:
        """Cancel them."""
        stop = Stop()
        with signals.asking(stop):
            async with api_of(self._settings, self._place) as api:
                return await self._cancel(selection, api, stop)

    async def _cancel(self, selection: Selection, api: Api, stop: Stop) -> CancelledAll:
        with self._shown.asking(len(selection.chosen)) as observer:
            return await cancel(selection.chosen, api, rules_of(self._settings), self._keep, observer, stop)

    @property
    def _keep(self) -> Keep:
        return partial(self._found.journal.record_states, self._found.batch)

    def _sessions(self) -> list[Session]:
        """The sessions that are meant. Raises UsageError when rows are in several sheets and none was named."""
        sessions = self._found.journal.sessions(self._found.batch)
        meant = [one for one in sessions if self._is_meant(one.row, one.file) and (self._all or one.present)]
        if not self._all and self._request.file is None and len(files := {session.file for session in meant}) > 1:
            told = {"files": ", ".join(sorted(files)), "first": min(files)}
            raise UsageError("cancel.rows_in_several", batch=self._found.batch.name, **told)
        return meant

    @property
    def _all(self) -> bool:
        """Whether all rows of a sheet, or of the batch, are meant, those too that have left their sheet."""
        return self._request.rows is None

    def _is_meant(self, row: int, file: str) -> bool:
        of_file = self._request.file in {None, file}
        return of_file and (self._request.rows is None or any(row in some for some in self._request.rows))


def _is_chosen(state: SessionState | None, which: Which) -> bool:
    match which:
        case Which.OPEN:
            return session_states.is_open(state)
        case Which.INITIATED:
            return session_states.is_open(state) and session_states.is_at(state, "Initiated")
        case Which.IN_PROGRESS:
            return session_states.is_open(state) and session_states.is_at(state, "InProgress")
        case Which.NOT_PAID:
            return session_states.paid(state) is not Paid.YES and not session_states.is_cancelled(state)
