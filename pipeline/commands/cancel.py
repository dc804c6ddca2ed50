"""`cancel`: cancels the sessions of a batch that are still open. The undo of a wrong upload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path

from pipeline.commands import environment
from pipeline.commands.batch_lookup import BatchHandle, held_batch
from pipeline.commands.connectivity import api_of
from pipeline.commands.environment import Environment
from pipeline.commands.status import interrupted, output_of, refreshed, rules_of, write_again
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain import session_states
from pipeline.domain.errors import ExitCode, RunError, StoppedEarlyError, UsageError
from pipeline.domain.events import AskingBegan, AskingEnded, Emit, OutputPlaced, WritingBegan, reported
from pipeline.domain.model import NO_MONEY, SessionState, Status
from pipeline.domain.session_states import Paid
from pipeline.journal import queries, states
from pipeline.journal.states import Seen, Session
from pipeline.report.summary import Written
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.polling import Attempted, CancelledAll, cancel, follow
from pipeline.system.signals import Interrupts, interrupts
from schemas.languages import Lang


class CancelFilter(StrEnum):
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

    `file` names the sheet where a batch has several. With `sessions` only these are meant.
    Without `workbook` the journal alone keeps what became of it.
    """

    batch: str
    rows: Sequence[range] | None = None
    file: str | None = None
    which: CancelFilter = CancelFilter.OPEN
    dry_run: bool = False
    output: Path | None = None
    sandbox: bool = False
    lang: Lang = "en"
    sessions: frozenset[str] | None = field(default=None, repr=False)
    workbook: bool = True


@dataclass(frozen=True, slots=True)
class Selection:
    """The requests to cancel, and those to leave alone since they were paid or have ended.

    `unknown` are rows that may have a session whose id nobody knows: they can't be cancelled.
    """

    chosen: tuple[Session, ...]
    paid: tuple[Session, ...]
    ended: int
    unknown: tuple[int, ...]

    @property
    def amount(self) -> Decimal:
        """The dollars of the requests to cancel."""
        return sum((session.amount or NO_MONEY for session in self.chosen), NO_MONEY)


@dataclass(frozen=True, slots=True)
class Intention:
    """What the command will cancel, for a person to confirm."""

    batch: str
    environment: str
    selection: Selection
    in_sandbox: bool


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
    emit: Emit,
    confirm: Callable[[Intention], bool],
) -> CancelResult:
    """Cancel what is still open. It checks the states first, so that a person confirms what is really there.

    Raises UsageError when no such row has a session, BatchBusyError while a run holds the batch, StoppedEarlyError when
    it was not confirmed, CredentialsError or StoppedEarlyError when nothing could be asked.
    """
    with (
        interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")) as signals,
        held_batch(request.batch, settings, in_sandbox=request.sandbox) as found,
        environment.opened(settings, emit, in_sandbox=request.sandbox, lang=request.lang) as place,
    ):
        output = output_of(found, request.output) if request.workbook and not request.dry_run else None
        work = _Work(found, request, settings, place, emit)
        found.journal.write(states.analyse, asyncio.run(work.ask(signals)))
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
                raise StoppedEarlyError("You answered no. Nothing was cancelled.")
            ended = asyncio.run(work.cancel(selection, signals))
        signals.finish()
        emit(WritingBegan())
        written = write_again(found, refreshed(found, open_days=7).report, output, request.lang) if output else None
        if written is not None:
            emit(OutputPlaced(written.wanted, written.path))
        return done(
            attempted=ended.attempted,
            offered=ended.offered,
            failure=ended.stopped,
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
    return ExitCode.SOME_ROWS_NEED_FIXING if refused or not ended.offered or selection.paid else ExitCode.DONE


@dataclass(slots=True)
class _Work:
    _found: BatchHandle
    _request: CancelRequest
    _settings: Settings
    _place: Environment
    _emit: Emit

    async def ask(self, signals: Interrupts) -> int:
        """Ask for the present states, and return of how many requests. Raises what kept it from asking about all."""
        stop = CancelToken()
        to_ask = [session for session in self._sessions() if not session_states.is_final(session.state)]
        with signals.asking(stop.request, interrupted()):
            async with api_of(self._settings, self._place) as api:
                with reported(self._emit, AskingBegan(len(to_ask)), AskingEnded):
                    rules = rules_of(self._settings)
                    asked = await follow(iter(to_ask), api, rules, self._keep, self._emit, stop)
        if asked.stopped is not None:
            raise asked.stopped
        if asked.missed:
            raise StoppedEarlyError(
                "Requests without a usable response: {count} ({reason}). Nothing was cancelled. "
                "Run the same command again later.",
                count=asked.missed,
                reason=asked.reason,
            )
        return asked.asked

    def select(self) -> Selection:
        """The requests to cancel, by the states that the user chose."""
        chosen, paid, ended = [], [], 0
        for session in self._sessions():
            if _is_chosen(session.state, self._request.which):
                chosen.append(session)
            elif session_states.paid(session.state) is Paid.YES:
                paid.append(session)
            else:
                ended += 1
        if self._request.rows is not None and not (chosen or paid or ended):
            raise UsageError(
                "None of these rows of batch {batch} has a request. Give numbers from the row "
                "column of the workbook, for example --rows 5,7-9.",
                batch=self._found.batch.name,
            )
        return Selection(tuple(chosen), tuple(paid), ended, tuple(self._unknown()))

    def _unknown(self) -> Iterator[int]:
        if self._request.sessions is None:
            for row in queries.roll_rows(self._found.journal, self._found.batch.id):
                if row.status is Status.UNKNOWN and self._is_meant(row.row.number, row.file):
                    yield row.row.number

    async def cancel(self, selection: Selection, signals: Interrupts) -> CancelledAll:
        """Cancel them."""
        stop = CancelToken()
        with signals.asking(stop.request, interrupted()):
            async with api_of(self._settings, self._place) as api:
                with reported(self._emit, AskingBegan(len(selection.chosen)), AskingEnded):
                    rules = rules_of(self._settings)
                    return await cancel(selection.chosen, api, rules, self._keep, self._emit, stop)

    def _keep(self, seen: Sequence[Seen]) -> None:
        self._found.journal.write(states.record, self._found.batch.id, seen)

    def _sessions(self) -> list[Session]:
        """The sessions that are meant. Raises UsageError when rows are in several sheets and none was named."""
        sessions = states.sessions(self._found.journal, self._found.batch.id)
        if (chosen := self._request.sessions) is not None:
            return [one for one in sessions if one.session_id in chosen]
        meant = [one for one in sessions if self._is_meant(one.row, one.file) and (self._all or one.present)]
        if not self._all and self._request.file is None and len(files := {session.file for session in meant}) > 1:
            told = {"files": ", ".join(sorted(files)), "first": min(files)}
            raise UsageError(
                "Several sheets of batch {batch} have these row numbers: {files}. Choose one, "
                "for example --file {first}.",
                batch=self._found.batch.name,
                **told,
            )
        return meant

    @property
    def _all(self) -> bool:
        """Whether all rows of a sheet, or of the batch, are meant, those too that have left their sheet."""
        return self._request.rows is None

    def _is_meant(self, row: int, file: str) -> bool:
        of_file = self._request.file in {None, file}
        return of_file and (self._request.rows is None or any(row in some for some in self._request.rows))


def _is_chosen(state: SessionState | None, which: CancelFilter) -> bool:
    match which:
        case CancelFilter.OPEN:
            return session_states.is_open(state)
        case CancelFilter.INITIATED:
            return session_states.is_open(state) and session_states.is_at(state, "Initiated")
        case CancelFilter.IN_PROGRESS:
            return session_states.is_open(state) and session_states.is_at(state, "InProgress")
        case CancelFilter.NOT_PAID:
            return session_states.paid(state) is not Paid.YES and not session_states.is_cancelled(state)
