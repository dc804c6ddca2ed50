"""A worker's share of a run: it is heard of all the time, and what all the workers heed is heeded.

A thread of its own says that the worker is there, so that a busy loop is not taken for a dead one. What this module
promises the engine: rows are nobody else's (`ranges`), an intent is recorded only while they are this worker's
(`check`), and no request leaves once the worker may have been put off (`may_leave`), however long the process was
stopped meanwhile.
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
from pipeline.journal.shares import Heed, Report
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.circuit_breaker import Breaker, Streak

BEAT: Final = 0.25
"""Seconds between two signs of life, where a worker may be silent for long enough."""


def beat(life: float) -> float:
    """Seconds between two signs of life of a worker that may be silent for `life`."""
    return min(BEAT, life / 10)


class HeldShare:
    """The share of the worker that joined `run` as `owner` at an address. `is_ending` says that the worker ends.

    Its clock counts on while the process is stopped, and where the system has such a clock, while the machine sleeps.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - who, of what, for how long
        self, journal: Journal, run: int, owner: str, worker: str, life: float, is_ending: Callable[[], bool]
    ) -> None:
        self._journal = journal
        self._life = life
        self._is_ending = is_ending
        self._outcomes = Counter[str]()
        self._held = 0
        self._single_use = False
        self._renewed_at = _now()
        self._joined = journal.write(shares.join, run, owner, worker)

    def check(self, connection: Connection) -> None:
        """Hold the share to the end of a transaction. Raises ShareLostError when the worker was put off."""
        shares.check(connection, self._joined)

    def may_leave(self) -> bool:
        """Whether the worker can't have been put off yet: it was heard of within its life."""
        return _now() - self._renewed_at < self._life

    def ranges(self, after: int, size: int) -> Iterator[tuple[int, int]]:
        """The ranges of the share behind position `after`, of so many rows: each is taken when it is asked for."""
        while (taken := self._journal.write(shares.take, self._joined, after, size)) is not None:
            yield taken

    def emit(self, event: Event) -> None:
        """Count what happens, for the coordinator."""
        match event:
            case RowEnded(verdict=verdict):
                self._outcomes[attempt_rules.outcome_of(verdict)] += 1
            case RowHeld():
                self._held += 1
            case TokensSingleUse():
                self._single_use = True

    def leave(self, reason: RunError | None) -> None:
        """Leave the run: all rows of the share came to their end, or the worker stopped for a reason, which is
        everybody's unless it was put off or is about to end.
        """
        is_told = reason is not None and not isinstance(reason, ShareLostError) and self.may_leave()
        report = self._report(Streak(), 0.0, shares.told(reason) if reason is not None and is_told else "")
        self._journal.write(shares.leave, self._joined, report, done=reason is None)

    def _report(self, streak: Streak, pause: float, stop: str = "") -> Report:
        return Report(dict(self._outcomes), self._held, self._single_use, asdict(streak), pause, stop)

    @contextmanager
    def kept(self, throttle: AdaptiveThrottle, breaker: Breaker, stop: CancelToken) -> Iterator[None]:
        """Be heard of for the time of the context, and stop or pause as all do. Enter it in the event loop."""
        loop, ended = asyncio.get_running_loop(), Flag()

        def heed(told: Heed) -> None:
            breaker.others = [Streak(**other) for other in told.others]
            throttle.hold(told.pause)

        def keep() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                while not ended.wait(beat(self._life)):
                    told = self._renew(throttle, breaker)
                    if isinstance(told, Heed):
                        loop.call_soon_threadsafe(heed, told)
                    if reason := self._reason_to_stop(told):
                        loop.call_soon_threadsafe(stop.request, reason)

        Thread(target=keep, name="share", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _renew(self, throttle: AdaptiveThrottle, breaker: Breaker) -> Heed | RunError:
        began = _now()
        try:
            told = self._journal.write(shares.renew, self._joined, self._report(breaker.streak, throttle.left))
        except RunError as failure:
            return failure
        self._renewed_at = began
        return told

    def _reason_to_stop(self, told: Heed | RunError) -> RunError | None:
        match told:
            case Heed(stop=RunError() as reason):
                return reason
            case Heed(silence=silence):
                return shares.lost() if silence > self._life or self._is_ending() else None
            case ShareLostError():
                return told
            case _:  # the journal may come back in time
                return None if self.may_leave() else shares.lost()


_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _now() -> float:
    """Seconds by a clock that also counts while the machine sleeps, where there is one."""
    return time.clock_gettime(_CLOCK)
