"""A share of a run while a worker sends it: the claim is kept alive, and what all the workers heed is heeded.

A thread of its own renews the claim, so that a busy loop does not lose it. What this module promises the engine: an
intent is recorded only while the share is this worker's (`check`), and no request leaves once the claim may be
another's (`may_leave`), however long the process was stopped meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from threading import Event as Flag
from threading import Thread
from typing import Final

from sqlalchemy import Connection

from pipeline.client.rate_limit import AdaptiveThrottle
from pipeline.domain import attempt_rules
from pipeline.domain.errors import RunError, ShareLostError
from pipeline.domain.events import Event, RowEnded, RowHeld, TokensSingleUse
from pipeline.journal import shares
from pipeline.journal.journal import Journal
from pipeline.journal.shares import Claimed, Counts, Heed
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.circuit_breaker import Breaker, Streak

BEAT: Final = 0.5
"""Seconds between two renewals of a claim, where its life is long enough."""

_ECHO: Final = 0.5
"""Seconds by which a pause must be longer than the one that was heard of: it is told by who was asked for it alone."""


def beat(life: float) -> float:
    """Seconds between two renewals of a claim that lives so long."""
    return min(BEAT, life / 10)


class HeldShare:
    """A share that this worker has claimed. `life` is its claim's, in seconds; `is_ending` says that the worker ends.

    Its clock counts on while the process is stopped, and where the system has such a clock, while the machine sleeps.
    """

    def __init__(
        self, journal: Journal, claimed: Claimed, life: float, claimed_at: float, is_ending: Callable[[], bool]
    ) -> None:
        self.claimed = claimed
        self._journal = journal
        self._life = life
        self._renewed_at = claimed_at
        self._is_ending = is_ending
        self._outcomes = Counter(claimed.counts.outcomes)
        self._held = claimed.counts.held
        self._single_use = claimed.counts.single_use
        self._streak = Streak()
        self._pause_ends = 0.0
        self.told_to_stop = False

    def check(self, connection: Connection) -> None:
        """Hold the claim to the end of a transaction. Raises ShareLostError when the share is another's."""
        shares.check(connection, self.claimed)

    def may_leave(self) -> bool:
        """Whether nobody can have taken over yet: the claim was renewed within its life."""
        return now() - self._renewed_at < self._life

    @property
    def counts(self) -> Counts:
        """How far it came."""
        return Counts(dict(self._outcomes), self._held, self._single_use, asdict(self._streak))

    def emit(self, event: Event) -> None:
        """Count what happens, for the coordinator."""
        match event:
            case RowEnded(verdict=verdict):
                self._outcomes[attempt_rules.outcome_of(verdict)] += 1
            case RowHeld():
                self._held += 1
            case TokensSingleUse():
                self._single_use = True

    @contextmanager
    def kept(self, throttle: AdaptiveThrottle, breaker: Breaker, stop: CancelToken) -> Iterator[None]:
        """Keep the claim alive for the time of the context, and stop or pause as all do. Enter it in the event loop."""
        loop, ended = asyncio.get_running_loop(), Flag()

        def heed(told: Heed) -> None:
            breaker.others = [Streak(**other.streak) for other in told.others]
            if told.pause:
                self._pause_ends = now() + told.pause
                throttle.hold(told.pause)

        def keep() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                while not ended.wait(beat(self._life)):
                    told = self._renew(throttle, breaker)
                    if isinstance(told, Heed):
                        loop.call_soon_threadsafe(heed, told)
                    if reason := self._reason_to_stop(told):
                        loop.call_soon_threadsafe(stop.request, reason)

        Thread(target=keep, name="claim", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _renew(self, throttle: AdaptiveThrottle, breaker: Breaker) -> Heed | RunError:
        began, self._streak = now(), breaker.streak
        pause = throttle.left if began + throttle.left > self._pause_ends + _ECHO else 0.0
        try:
            told = self._journal.write(shares.renew, self.claimed, self.counts, pause)
        except RunError as failure:
            return failure
        self._renewed_at = began
        return told

    def _reason_to_stop(self, told: Heed | RunError) -> RunError | None:
        match told:
            case Heed(stop=RunError() as reason):
                self.told_to_stop = True
                return reason
            case Heed(silence=silence):
                return shares.lost() if silence > self._life or self._is_ending() else None
            case ShareLostError():
                return told
            case _:  # the journal may come back in time
                return None if self.may_leave() else shares.lost()


_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds by a clock that also counts while the machine sleeps, where there is one."""
    return time.clock_gettime(_CLOCK)
