"""The sending loop: a fixed number of workers carry out what `decide` decides.

For each row: a token, then its intent durable in the journal, then the request, then its outcome durable, then the
next decision. Nothing here judges, and nothing here remembers: the journal does. The loop never assumes that it is
alone: the intent is refused by the journal when another program took the row or another batch sent the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from pipeline.client.api import Api
from pipeline.client.payload import body
from pipeline.client.rate_limit import AdaptiveThrottle, RateLimit, Timing, backoff
from pipeline.client.tokens import Lease, TokenRules, Tokens, TokenUse
from pipeline.domain import attempt_rules
from pipeline.domain.errors import BatchBusyError, RunError, StoppedEarlyError
from pipeline.domain.events import Emit, PauseAsked, RowEnded, RowHeld, TokensSingleUse
from pipeline.domain.model import Outcome, Payment
from pipeline.domain.responses import Answered, Exchange
from pipeline.domain.session_states import is_for
from pipeline.journal import planning
from pipeline.journal.attempts import Intent, RepeatSearch, Settlement
from pipeline.journal.group_commit import Recorder, recording
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.planning import PendingRow
from pipeline.journal.shares import lost
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.circuit_breaker import MAX_FAILURES, Breaker
from pipeline.sender.held_share import HeldShare
from schemas.faults import Fault

CHUNK: Final = 500
"""Rows that are read from the journal at a time."""


TOKENS_AHEAD: Final = 2
"""Single-use tokens asked for at a time, for each request in flight: so many hide a slow `authorize`."""


CONFIRM_TRIES: Final = 4
"""Times that `details` is asked whose a session is."""


LONG_PAUSE: Final = 60.0
"""Seconds of `Retry-After` from which a person is told: nothing moves meanwhile."""


@dataclass(frozen=True, slots=True)
class SendRules:
    """How a run sends: `rate` is requests a second, `until` an aware time, `search` where repeats are sought."""

    concurrency: int = 16
    rate: float | None = None
    max_failures: int = MAX_FAILURES
    until: datetime | None = None
    token_use: TokenUse = "auto"  # noqa: S105 - how tokens are used, not one of them
    permissions: attempt_rules.Permissions = field(default_factory=attempt_rules.Permissions)
    search: RepeatSearch = RepeatSearch(timedelta(days=5))


@dataclass(frozen=True, slots=True)
class Sent:
    """How far the loop came: the last position that it took up, and why it stopped early, if it did."""

    position: int
    stopped: RunError | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to send: the rows of a run behind position `after`, at most `limit` of them.

    Where several send the run, the rows that lie between the positions in `ranges`, of a `share` that is the worker's.
    Without one they are what workers left: rows in the middle are sent as after a crash, those that ended left alone.
    """

    journal: Journal
    batch: Batch
    run: int
    after: int = -1
    limit: int | None = None
    ranges: Iterator[tuple[int, int]] | None = None
    share: HeldShare | None = None


async def send(assignment: Assignment, api: Api, rules: SendRules, emit: Emit, stop: CancelToken) -> Sent:
    """Send the rows of an assignment. Returns when all are done, or when it was stopped and nothing is in flight."""
    timing = Timing(sleep=stop.pause)
    ahead = TokenRules(rules.token_use, TOKENS_AHEAD * rules.concurrency)
    tokens = Tokens(api.authorize, ahead, timing, lambda: emit(TokensSingleUse()))
    search = None if rules.permissions.allow_repeats else rules.search
    share = assignment.share
    try:
        async with recording(assignment.journal, search, share.check if share is not None else None) as recorder:
            engine = _Engine(assignment, api, rules, emit, stop, tokens, recorder, timing)
            with nullcontext() if share is None else share.kept(engine.throttle, engine.breaker, stop):
                await engine.run()
        return engine.sent()
    finally:
        await tokens.aclose()


@dataclass(slots=True)
class _Engine:
    _assignment: Assignment
    _api: Api
    _rules: SendRules
    _emit: Emit
    _stop: CancelToken
    _tokens: Tokens
    _recorder: Recorder
    _timing: Timing
    throttle: AdaptiveThrottle = field(init=False)
    _rate: RateLimit = field(init=False)
    breaker: Breaker = field(init=False)
    _queue: _Queue = field(init=False)
    _patience: set[asyncio.Timeout] = field(init=False, default_factory=set)
    _pause_ends: float = field(init=False, default=float("-inf"))
    _failures: list[BaseException] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.throttle = AdaptiveThrottle(self._timing)
        self._rate = RateLimit(self._rules.rate, self._timing)
        self.breaker = Breaker(self._rules.max_failures)
        self._queue = _Queue(self._assignment)

    async def run(self) -> None:
        """Send until there is nothing left, or the run is to stop. Outcomes may be on their way still."""
        alarm = self._set_alarm()
        hurry = asyncio.create_task(self._end_the_waiting())
        workers = [asyncio.create_task(self._work()) for _ in range(self._rules.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            await self._queue.aclose()
            hurry.cancel()
            if alarm is not None:
                alarm.cancel()

    def sent(self) -> Sent:
        """How far it came. Raises what was a fault of the program."""
        for failure in self._failures:
            if not isinstance(failure, RunError):
                raise failure
        return Sent(self._queue.position, self._stop.reason)

    def _set_alarm(self) -> asyncio.TimerHandle | None:
        if self._rules.until is None:
            return None
        seconds = max(0.0, (self._rules.until - datetime.now(UTC)).total_seconds())
        reason = StoppedEarlyError(
            "Stopped at {time}, as requested. The other rows were not sent. Run the same command again to resume.",
            time=f"{self._rules.until:%H:%M}",
        )
        return asyncio.get_running_loop().call_later(seconds, self._stop.request, reason)

    async def _work(self) -> None:
        try:
            while not self._stop.requested and (row := await self._queue.next()) is not None:
                if not self._was_ended_elsewhere(row):
                    await self._send(row)
        except BaseException as failure:  # noqa: BLE001 - `sent` raises it
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        """End the run for a failure: the others finish what is in flight."""
        self._failures.append(failure)
        self._stop.request(
            failure
            if isinstance(failure, RunError)
            else StoppedEarlyError(
                "The run stopped because the program failed. The journal has what was sent. Run "
                "the same command again to resume."
            )
        )

    async def _send(self, row: PendingRow) -> None:
        """One row, from its first attempt of this run to its last.

        Once it has its session the worker goes on: that outcome and the intent of its next row share a commit.
        """
        permissions = self._rules.permissions
        if not isinstance(attempt_rules.plan(row.history, row.fingerprint, "", (), permissions), attempt_rules.Send):
            # It was tried since it was planned, and not by this run: the batch's lock was lost.
            raise BatchBusyError(
                "Another program is sending rows of this batch. This run stopped so that no "
                "request is sent twice. Run the same command again when the other has ended."
            )
        tally = attempt_rules.start_counters(row.history, resend=permissions.resend_unknown)
        uncertain_ever = any(attempt.outcome in attempt_rules.UNCERTAIN for attempt in row.history)
        request = body(row.payment)
        number = len(row.history)
        share = self._assignment.share
        may_leave = share.may_leave if share is not None else None
        while (lease := await self._permit()) is not None:
            number += 1
            if not await self._intend(row, number):
                return
            exchange = await self._api.create(request, lease.token, alone=row.payment.send_link, may_leave=may_leave)
            verdict, settled = await self._judged(row, number, exchange, after_uncertain=uncertain_ever)
            if isinstance(verdict, attempt_rules.Created):
                self._update_throttle(verdict)
                settled.add_done_callback(partial(self._conclude, row, verdict))
                return
            await settled
            if isinstance(exchange, Answered) and exchange.status == _UNAUTHORIZED:
                self._tokens.refused(lease)
            tally = tally.with_verdict(verdict, send_link=row.payment.send_link)
            uncertain_ever = uncertain_ever or isinstance(verdict, attempt_rules.Unknown)
            self._update_throttle(verdict)
            match attempt_rules.next_step(verdict, tally, fresh_token=lease.fresh):
                case attempt_rules.Finished():
                    self._end(row, verdict)
                    return
                case attempt_rules.NoAccess():
                    self._end(row, verdict)
                    self._stop.request(attempt_rules.no_access())
                    return
                case attempt_rules.Again(failures):
                    await self._pause(failures)

    async def _pause(self, failures: int) -> None:
        """Wait before a row is tried again. A worker that may have been put off would try in vain until it failed."""
        if self._assignment.share is not None and not self._assignment.share.may_leave():
            self._stop.request(lost())
        if failures:
            await self._stop.sleep(backoff(failures, self._timing.rng))

    def _was_ended_elsewhere(self, row: PendingRow) -> bool:
        """Whether a worker that left its share had ended this row of it, or a crash would leave it alone too."""
        tried = [attempt for attempt in row.history if attempt.run == self._assignment.run]
        if not tried or self._assignment.ranges is None:
            return False
        return not attempt_rules.is_cut_short(tried, row.history, row.fingerprint, self._rules.permissions)

    async def _judged(
        self, row: PendingRow, number: int, exchange: Exchange, *, after_uncertain: bool
    ) -> tuple[attempt_rules.Verdict, asyncio.Future[Any]]:
        """What an exchange means for its attempt, and what ends when that is durable.

        An answer that needs it is first recorded as uncertain, since its session is the only trace of what was asked;
        then `details` is asked whose that session is.
        """
        verdict = attempt_rules.classify_response(exchange, row.payment.reference_id, after_uncertain=after_uncertain)
        if not attempt_rules.needs_confirmation(verdict, row.payment):
            return verdict, self._recorder.settle(self._settlement(row, number, verdict))
        uncertain = attempt_rules.unconfirmed(verdict)
        recorded = self._recorder.settle(self._settlement(row, number, uncertain))
        await recorded
        if not await self._is_shown_by_details(verdict.session_id, row.payment):
            return uncertain, recorded
        return verdict, self._recorder.settle(self._settlement(row, number, verdict, was=Outcome.UNKNOWN))

    async def _is_shown_by_details(self, session_id: str, payment: Payment) -> bool:
        """Whether a session was made for a payment. To ask changes nothing: it is asked again until it is told."""
        for tries in range(1, CONFIRM_TRIES + 1):
            try:
                lease = await self._tokens.lease()
            except RunError as failure:
                self._stop.request(failure)
                return False
            exchange = await self._api.details(session_id, lease.token)
            if is_for(exchange, session_id, payment):
                return True
            if isinstance(exchange, Answered) and exchange.status == _UNAUTHORIZED:
                self._tokens.refused(lease)
            elif isinstance(exchange, Answered) and exchange.status == _OK:
                return False
            if tries < CONFIRM_TRIES:
                await self._stop.sleep(backoff(tries, self._timing.rng))
        return False

    async def _intend(self, row: PendingRow, number: int) -> bool:
        """Make the intent of an attempt durable. Returns whether its request may leave."""
        assignment = self._assignment
        intent = Intent(
            batch=assignment.batch.id,
            run=assignment.run,
            identity=row.identity,
            named=row.named,
            number=number,
            row_number=row.number,
            payment=row.payment,
            fingerprint=row.fingerprint,
            at=datetime.now(UTC),
            released_at=row.release.at if row.release else None,
        )
        if repeats := await self._recorder.intend(intent):
            await asyncio.to_thread(assignment.journal.write, planning.hold, row, repeats)
            self._emit(RowHeld(row.number, row.row_id))
            return False
        if self._failures:
            # The run has failed, perhaps since an outcome could not be kept: nothing more leaves. Without this record
            # what never left would be taken for unknown.
            await self._recorder.settle(self._settlement(row, number, _NEVER_SENT))
            return False
        return True

    def _conclude(self, row: PendingRow, verdict: attempt_rules.Verdict, settled: asyncio.Future[Any]) -> None:
        """The outcome of a row is durable, or it could not be kept."""
        try:
            settled.result()
            self._end(row, verdict)
        except BaseException as failure:  # noqa: BLE001 - `sent` raises it
            self._fail(failure)

    async def _permit(self) -> Lease | None:
        """Wait for the server's wish, the user's rate and a token; None when the run is to stop.

        Nothing of this row is in flight here. So the waiting, for an hour if the server says so, is given up at once.
        """
        if self._rate.unlimited and self.throttle.is_off and not self._stop.requested:
            lease = self._tokens.at_hand()
            if lease is not None:
                return lease
        try:
            async with self._patiently():
                await self.throttle.wait()
                # Before the turn: rows whose turn is past while they wait for a slow token would leave in one burst.
                await self._tokens.ready()
                await self._rate.turn()
                waited_for = await self._tokens.lease()
        except TimeoutError:
            return None
        return None if self._stop.requested else waited_for

    @asynccontextmanager
    async def _patiently(self) -> AsyncIterator[None]:
        """What waits in this context is ended with TimeoutError when the run is to stop."""
        async with asyncio.timeout(0 if self._stop.requested else None) as patience:
            self._patience.add(patience)
            try:
                yield
            finally:
                self._patience.discard(patience)

    async def _end_the_waiting(self) -> None:
        await self._stop.wait()
        for patience in self._patience:
            patience.reschedule(asyncio.get_running_loop().time())

    def _update_throttle(self, verdict: attempt_rules.Verdict) -> None:
        """What an attempt tells about the API as a whole: the shared back-off and the breaker."""
        if isinstance(verdict, attempt_rules.Throttled):
            self.throttle.pushed_back(verdict.retry_after)
            self._tell_of_pause(verdict.retry_after or 0.0)
        elif isinstance(verdict, attempt_rules.Created | attempt_rules.Denied):
            self.throttle.eased()
        if reason := self.breaker.attempted(verdict):
            self._stop.request(reason)

    def _tell_of_pause(self, seconds: float) -> None:
        """All requests in flight are answered alike: the pause is said once."""
        ends = self._timing.clock() + seconds
        if seconds >= LONG_PAUSE and ends > self._pause_ends + LONG_PAUSE:
            self._pause_ends = ends
            self._emit(PauseAsked(datetime.now().astimezone() + timedelta(seconds=seconds)))

    def _end(self, row: PendingRow, verdict: attempt_rules.Verdict) -> None:
        self._emit(RowEnded(row.number, row.row_id, verdict))
        if reason := self.breaker.ended(verdict):
            self._stop.request(reason)

    def _settlement(
        self, row: PendingRow, number: int, verdict: attempt_rules.Verdict, was: Outcome = Outcome.OPEN
    ) -> Settlement:
        return Settlement(
            batch=self._assignment.batch.id,
            identity=row.identity,
            number=number,
            outcome=attempt_rules.outcome_of(verdict),
            at=datetime.now(UTC),
            session_id=verdict.session_id if isinstance(verdict, attempt_rules.Created) else "",
            http_status=attempt_rules.status_of(verdict),
            reasons=attempt_rules.reasons_of(verdict),
            was=was,
        )


_OK: Final = 200
_UNAUTHORIZED: Final = 401
_NEVER_SENT: Final = attempt_rules.Unsent((Fault("not-sent-stopped"),))


class _Queue:
    """The rows of an assignment in the sheet's order, a chunk or two in memory at a time.

    The next chunk is read while the second half of the one before is being sent: nobody waits for the journal.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._rows: deque[PendingRow] = deque()
        self._left = assignment.limit
        self._reading: asyncio.Task[None] | None = None
        self._read_to = assignment.after
        self._half = 0
        self._is_last = False
        self._failure: Exception | None = None
        self.position = assignment.after

    async def next(self) -> PendingRow | None:
        """The next row, or None when there is none left or the limit is reached."""
        if self._left == 0:
            return None
        if len(self._rows) <= self._half and self._reading is None and not self._is_last:
            self._reading = asyncio.create_task(self._read())
        while not self._rows and not self._is_last:
            self._reading = self._reading or asyncio.create_task(self._read())
            await asyncio.shield(self._reading)
        if not self._rows and self._failure is not None:
            raise self._failure
        if not self._rows or self._left == 0:
            return None
        row = self._rows.popleft()
        self.position = row.position
        if self._left is not None:
            self._left -= 1
        return row

    async def aclose(self) -> None:
        """Wait for the reading that is under way; what comes of it is not wanted any more."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            chunk = await asyncio.to_thread(self._chunk)
        except Exception as failure:  # noqa: BLE001 - whoever wants a row that could not be read hears of it
            self._failure, self._is_last = failure, True
            return
        finally:
            self._reading = None
        self._rows.extend(chunk)
        if chunk:
            self._read_to = chunk[-1].position
        self._half = len(chunk) // 2
        self._is_last = len(chunk) < (CHUNK if self._assignment.ranges is None else 1)

    def _chunk(self) -> list[PendingRow]:
        """The next rows: of a range, which is a chunk or less, where the rows are in ranges."""
        if self._assignment.ranges is None:
            return self._between(self._read_to, None)
        return next((rows for limits in self._assignment.ranges if (rows := self._between(*limits))), [])

    def _between(self, after: int, before: int | None) -> list[PendingRow]:
        source = self._assignment
        return source.journal.read(planning.to_send, source.run, source.batch.id, after, CHUNK, before)
