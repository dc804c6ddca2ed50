"""Asks about many sessions at once, and cancels them. What answers mean stands in `states`; nothing is judged here.

To ask about a session changes nothing, so it is asked again freely and given up at once when the run is to stop. To
cancel is idempotent, and its answer may get lost or say nothing all the same: what became of it is asked by `details`,
and a session of which neither says that it is cancelled is cancelled again. What was learnt is handed on in groups, the
last of them at the end, however that comes about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeVar

from pipeline.client.api import Api
from pipeline.client.rate_limit import AdaptiveThrottle, RateLimit, Timing, backoff
from pipeline.client.tokens import Lease, TokenRules, Tokens, TokenUse
from pipeline.domain import session_states
from pipeline.domain.attempt_rules import THROTTLED_TRIES, TOKEN_TRIES
from pipeline.domain.errors import ApiUnreachableError, CredentialsError, RunError, StoppedEarlyError
from pipeline.domain.events import Emit, SessionAsked, TokensSingleUse
from pipeline.domain.model import SessionState
from pipeline.domain.responses import Answered, Exchange
from pipeline.journal.states import Seen, Session
from pipeline.sender.cancellation import CancelToken

TRIES: Final = 5
"""Times that a question without a usable answer is asked."""
CANCEL_TRIES: Final = 3
"""Times that a session is cancelled whose cancellation nothing confirms and which is still open."""
MISSED_IN_A_ROW: Final = 20
"""Sessions in a row without an answer after which the API is taken to be down."""
GROUP: Final = 200
"""Sessions whose states go to the journal at once."""

Keep = Callable[[Sequence[Seen]], None]
_Got = TypeVar("_Got")


@dataclass(frozen=True, slots=True)
class FollowRules:
    """How sessions are asked about: `rate` is requests a second."""

    concurrency: int = 16
    rate: float | None = None
    token_use: TokenUse = "auto"  # noqa: S105 - how tokens are used, not one of them


@dataclass(frozen=True, slots=True)
class Followed:
    """How many sessions were asked about, how many gave no usable answer and why the last of them did not.

    `stopped` is why it came to an end before all were asked, if it did.
    """

    asked: int
    missed: int
    reason: str
    stopped: RunError | None


async def follow(  # noqa: PLR0913, PLR0917 - the engine's five, and where the states go
    sessions: Iterator[Session], api: Api, rules: FollowRules, keep: Keep, emit: Emit, stop: CancelToken
) -> Followed:
    """Ask the API for the state of every session. Returns when all were asked, or when it was stopped."""
    async with _caller(api, rules, emit, stop) as caller:
        asking = _Poll(caller, _Keeper(keep), emit, stop)
        await _for_each(sessions, asking.ask, rules.concurrency, stop, asking.keeper)
        return asking.followed()


@dataclass(frozen=True, slots=True)
class Attempted:
    """A session that was to be cancelled, and what became of it."""

    session: Session
    result: session_states.Cancellation


@dataclass(frozen=True, slots=True)
class CancelledAll:
    """What became of the sessions that were to be cancelled, in the order of their ends.

    `offered` is False when the API turned out to have no cancel: nothing was changed then.
    """

    attempted: tuple[Attempted, ...]
    offered: bool
    stopped: RunError | None


async def cancel(  # noqa: PLR0913, PLR0917 - as above
    sessions: Sequence[Session], api: Api, rules: FollowRules, keep: Keep, emit: Emit, stop: CancelToken
) -> CancelledAll:
    """Cancel sessions, one by one until it has shown that this API can cancel at all, then many at once."""
    async with _caller(api, rules, emit, stop) as caller:
        cancelling = _Cancelling(caller, _Keeper(keep), emit, stop)
        left = iter(sessions)
        for session in left:
            await _for_each(iter([session]), cancelling.cancel, 1, stop, cancelling.keeper)
            if cancelling.proven or not cancelling.offered or stop.requested:
                break
        if cancelling.offered:
            await _for_each(left, cancelling.cancel, rules.concurrency, stop, cancelling.keeper)
        return CancelledAll(tuple(cancelling.attempted), cancelling.offered, stop.reason)


# ---------------------------------------------------------------------------------------------------------------
# One call, until its answer can be judged


@asynccontextmanager
async def _caller(api: Api, rules: FollowRules, emit: Emit, stop: CancelToken) -> AsyncIterator[_Caller]:
    timing = Timing(sleep=stop.sleep)
    ahead = TokenRules(rules.token_use, rules.concurrency)
    tokens = Tokens(api.authorize, ahead, timing, lambda: emit(TokensSingleUse()))
    try:
        yield _Caller(api, tokens, AdaptiveThrottle(Timing()), RateLimit(rules.rate, Timing()), timing, stop)
    finally:
        await tokens.aclose()


@dataclass(slots=True)
class _Caller:
    """Tokens, pace and patience, shared by all sessions."""

    api: Api
    _tokens: Tokens
    _throttle: AdaptiveThrottle
    _rate: RateLimit
    _timing: Timing
    _stop: CancelToken

    async def details(self, session_id: str) -> Exchange | None:
        """The answer to `details`, the last of several tries; None when the run is to stop."""
        return await self._ask(lambda token: self.api.details(session_id, token), harmless=True)

    async def cancel(self, session_id: str) -> Exchange | None:
        """The answer to `cancel`; None when the run was to stop before it was asked."""
        return await self._ask(lambda token: self.api.cancel(session_id, token), harmless=False)

    async def pause(self, failures: int) -> None:
        """Wait before something is tried again that failed so many times, unless the run is to stop."""
        await self._timing.sleep(backoff(failures, self._timing.rng))

    async def _ask(self, call: Callable[[str], Coroutine[Any, Any, Exchange]], *, harmless: bool) -> Exchange | None:
        """Ask until there is an answer that tells something. `harmless` calls are repeated, and given up at a stop.

        Raises CredentialsError when fresh tokens are refused.
        """
        denied = throttled = lost = 0
        while (lease := await self._unless_stopped(self._permit())) is not None:
            request = call(lease.token)
            exchange = await self._unless_stopped(request) if harmless else await request
            match exchange:
                case None:
                    return None
                case Answered(status=401):
                    self._tokens.refused(lease)
                    denied += 1
                    if (lease.fresh and denied > 1) or denied >= TOKEN_TRIES:
                        raise CredentialsError(
                            "The API refused a new access token (HTTP 401). States received so far are kept. "
                            "Check the API user, then run the same command again."
                        )
                case Answered(status=429) | Answered(status=503, retry_after=float()):
                    self._throttle.pushed_back(exchange.retry_after)
                    throttled += 1
                    if throttled >= THROTTLED_TRIES:
                        return exchange
                case Answered(status=status) if status < _FAILED:
                    self._throttle.eased()
                    return exchange
                case _:
                    lost += 1
                    if not harmless or lost >= TRIES:
                        return exchange
                    await self.pause(lost)
        return None

    async def _permit(self) -> Lease:
        await self._throttle.wait()
        await self._rate.turn()
        return await self._tokens.lease()

    async def _unless_stopped(self, doing: Coroutine[Any, Any, _Got]) -> _Got | None:
        """What `doing` returns, or None as soon as the run is to stop: it is given up then."""
        if self._stop.requested:
            doing.close()
            return None
        task, stopping = asyncio.create_task(doing), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() else None
        finally:
            stopping.cancel()
            task.cancel()


_FAILED: Final = 500


# ---------------------------------------------------------------------------------------------------------------
# Many at once


@dataclass(slots=True)
class _Keeper:
    """Hands on what was learnt, in groups. A failure of the journal is raised to whoever fills a group."""

    _keep: Keep
    _group: list[Seen] = field(default_factory=list)

    async def add(self, session: Session, state: SessionState, at: datetime) -> None:
        self._group.append(Seen(session.session_id, state, at))
        if len(self._group) >= GROUP:
            await self.flush()

    async def flush(self) -> None:
        group, self._group = self._group, []
        if group:
            await asyncio.to_thread(self._keep, group)


class _Source:
    """Sessions from an iterator that reads the journal, in a thread, some at a time."""

    def __init__(self, sessions: Iterator[Session]) -> None:
        self._sessions = sessions
        self._ready: deque[Session] = deque()
        self._lock = asyncio.Lock()

    async def next(self) -> Session | None:
        if not self._ready:
            async with self._lock:
                if not self._ready:
                    self._ready.extend(await asyncio.to_thread(lambda: list(islice(self._sessions, GROUP))))
        return self._ready.popleft() if self._ready else None


async def _for_each(
    sessions: Iterator[Session],
    treat: Callable[[Session], Awaitable[None]],
    at_once: int,
    stop: CancelToken,
    keeper: _Keeper,
) -> None:
    """Treat every session, `at_once` at a time, until there are none left or the run is to stop."""
    source = _Source(sessions)

    async def work() -> None:
        try:
            while not stop.requested and (session := await source.next()) is not None:
                await treat(session)
        except RunError as failure:
            stop.request(failure)
        except BaseException:
            # A fault of the program: the others come to an end, then it is raised.
            stop.request(
                StoppedEarlyError(
                    "The run stopped because the program failed. The journal has what was sent. Run "
                    "the same command again to resume."
                )
            )
            raise

    results = await asyncio.gather(*(work() for _ in range(at_once)), return_exceptions=True)
    try:
        await keeper.flush()
    except RunError as failure:
        stop.request(failure)
    for result in results:
        if isinstance(result, BaseException):
            raise result


@dataclass(slots=True)
class _Poll:
    caller: _Caller
    keeper: _Keeper
    _emit: Emit
    _stop: CancelToken
    _asked: int = 0
    _missed: int = 0
    _missed_in_a_row: int = 0
    _forbidden: int = 0
    _reason: str = ""
    _stranger: str = ""

    async def ask(self, session: Session) -> None:
        exchange = await self.caller.details(session.session_id)
        if exchange is None:
            return
        now = datetime.now(UTC)
        match session_states.read(exchange, session.session_id, session.reference_id):
            case session_states.Told() | session_states.NotKnown() as told:
                self._asked += 1
                self._missed_in_a_row = 0
                state = session_states.after(told, session.state, now)
                await self.keeper.add(session, state, now)
                self._emit(SessionAsked(session.row, state))
            case session_states.Forbidden():
                self._forbidden += 1
                self._miss(session, "HTTP 403")
            case session_states.OfAnother(reason):
                # Whatever else is missed, this is what a person must hear of.
                self._stranger = self._stranger or f"row {session.row}: {reason}"
                self._miss(session, reason)
            case session_states.NotTold(reason):
                self._miss(session, reason)

    def _miss(self, session: Session, reason: str) -> None:
        self._missed += 1
        self._missed_in_a_row += 1
        self._reason = self._stranger or reason
        self._emit(SessionAsked(session.row, None))
        if self._missed_in_a_row >= MISSED_IN_A_ROW:
            self._stop.request(self._all_missed())

    def _all_missed(self) -> RunError:
        if self._forbidden == self._missed and not self._asked:
            return CredentialsError(
                'The API answered "forbidden" (HTTP 403). Ask Flinks whether your account can '
                "read e-Transfer requests, then run the same command again."
            )
        return ApiUnreachableError(
            "The API gives no usable response ({reason}). States received so far are kept. "
            "Run the same command again later.",
            reason=self._reason,
        )

    def followed(self) -> Followed:
        if self._stop.reason is None and self._missed and not self._asked:
            self._stop.request(self._all_missed())
        return Followed(self._asked, self._missed, self._reason, self._stop.reason)


@dataclass(slots=True)
class _Cancelling:
    caller: _Caller
    keeper: _Keeper
    _emit: Emit
    _stop: CancelToken
    attempted: list[Attempted] = field(default_factory=list)
    offered: bool = True
    proven: bool = False
    _unsure_in_a_row: int = 0

    async def cancel(self, session: Session) -> None:
        for tries in range(1, CANCEL_TRIES + 1):
            exchange = await self.caller.cancel(session.session_id)
            if exchange is None:
                return
            state, contradiction = await self._state_after(session)
            if not self.proven and session_states.cancel_not_offered(exchange, state):
                self.offered = False
                return
            confirmed = session_states.confirms(exchange, session.session_id, session.reference_id)
            result = session_states.judge_cancel(exchange, state, confirmed=confirmed, contradiction=contradiction)
            if not isinstance(result, session_states.Unsure) or tries == CANCEL_TRIES or self._stop.requested:
                await self._end(session, result, state)
                return
            await self.caller.pause(tries)

    async def _end(self, session: Session, result: session_states.Cancellation, state: SessionState | None) -> None:
        unsure = isinstance(result, session_states.Unsure)
        self.proven = self.proven or not (unsure or (state is not None and not state.known))
        self._unsure_in_a_row = self._unsure_in_a_row + 1 if unsure else 0
        now = datetime.now(UTC)
        if isinstance(result, session_states.Cancelled):
            state = session_states.as_cancelled(state or session.state, now)
        if state is not None:
            await self.keeper.add(session, state, now)
        self.attempted.append(Attempted(session, result))
        self._emit(SessionAsked(session.row, state))
        if isinstance(result, session_states.Unsure) and self._unsure_in_a_row >= MISSED_IN_A_ROW:
            self._stop.request(
                ApiUnreachableError(
                    "The API gives no usable response ({reason}). States received so far are kept. "
                    "Run the same command again later.",
                    reason=result.reason,
                )
            )

    async def _state_after(self, session: Session) -> tuple[SessionState | None, str]:
        """What `details` says now; None when it says nothing, with why if it is of another."""
        exchange = await self.caller.details(session.session_id)
        reading = None if exchange is None else session_states.read(exchange, session.session_id, session.reference_id)
        if isinstance(reading, session_states.OfAnother):
            return None, reading.reason
        if not isinstance(reading, session_states.Told | session_states.NotKnown):
            return None, ""
        return session_states.after(reading, session.state, datetime.now(UTC)), ""
