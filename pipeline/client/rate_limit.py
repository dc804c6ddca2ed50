"""When to send: the user's rate, the server's wish, and the wait between two tries.

Only waiting is here. Whether something is sent again is decided elsewhere. Clock, sleep and chance are handed in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance as the rest of this room sees them. `clock` is monotonic, in seconds."""

    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep
    rng: Random = field(default_factory=Random)


_FIRST_WINDOW: Final = 0.5
"""Seconds after the first failure; twice as long each time after it."""
_LONGEST_WINDOW: Final = 30.0
_DOUBLINGS: Final = 6
"""After so many the longest window is passed: a power of any number of attempts would be beyond floats."""

_CATCH_UP: Final = 0.05
"""Seconds of turns that may be made up for after a late wake-up: event loops sleep in milliseconds."""

_FIRST_SPACING: Final = 0.02
_MAX_SPACING: Final = 0.5
_LEAST_SPACING: Final = 0.001
_EASE: Final = 0.6


def backoff(attempt: int, rng: Random) -> float:
    """Seconds to wait after the failed `attempt` (counted from 1): exponential, at most 30, with full jitter.

    Full jitter: anything from nothing to the whole window, so that many who failed together do not return together.
    """
    window = _FIRST_WINDOW * 2 ** min(attempt - 1, _DOUBLINGS)
    return rng.uniform(0.0, min(window, _LONGEST_WINDOW))


class RateLimit:
    """At most so many turns a second, evenly spaced, in the order of asking; without a number, no limit.

    Turns that nobody took are lost, so that a pause is not followed by a burst.
    """

    def __init__(self, per_second: float | None, timing: Timing) -> None:
        self._interval = 0.0 if per_second is None else 1.0 / per_second
        self._timing = timing
        self._next = timing.clock()

    @property
    def unlimited(self) -> bool:
        """Whether every turn is now."""
        return not self._interval

    async def turn(self) -> None:
        """Return when it is this caller's turn."""
        if not self._interval:
            return
        now = self._timing.clock()
        mine = max(self._next, now - _CATCH_UP)
        self._next = mine + self._interval
        if mine > now:
            await self._timing.sleep(mine - now)


class AdaptiveThrottle:
    """The back-off that all requests share: the server's 429 or 503 to one of them holds every one.

    While it holds nobody passes. When it lets go they pass one by one, and the space between them shrinks with each
    good answer, so that those who waited together do not arrive together.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._until = self._held_until = timing.clock()
        self._next = self._until
        self._spacing = 0.0
        self._pushes = 0

    @property
    def _ends(self) -> float:
        return max(self._until, self._held_until)

    @property
    def is_off(self) -> bool:
        """Whether a request may leave at once."""
        return not self._spacing and self._timing.clock() >= self._ends

    async def wait(self) -> None:
        """Return when a request may leave."""
        while (now := self._timing.clock()) < self._ends:
            await self._timing.sleep(self._ends - now)
        if not self._spacing:
            return
        mine = max(self._next, now)
        self._next = mine + self._spacing
        if mine > now:
            await self._timing.sleep(mine - now)

    def pushed_back(self, retry_after: float | None) -> None:
        """Note a 429 or 503: wait as told (seconds), or with full jitter when it did not say how long."""
        now = self._timing.clock()
        if now >= self._until:
            # One overload answers many requests in flight: it counts once.
            self._pushes += 1
            self._spacing = min(max(self._spacing * 2, _FIRST_SPACING), _MAX_SPACING)
        if retry_after is not None:
            self._until = max(self._until, now + retry_after)
        elif now >= self._until:
            self._until = now + backoff(self._pushes, self._timing.rng)

    @property
    def left(self) -> float:
        """Seconds from now for which the server wants nobody to pass, by what it told this program."""
        return max(0.0, self._until - self._timing.clock())

    def hold(self, seconds: float) -> None:
        """Have nobody pass for so long from now: another program was pushed back."""
        if seconds:
            self._held_until = max(self._held_until, self._timing.clock() + seconds)
            self._spacing = max(self._spacing, _FIRST_SPACING)

    def eased(self) -> None:
        """Note an answer that was no push-back: less is held back."""
        if self._timing.clock() < self._ends:
            return
        self._pushes = 0
        self._spacing *= _EASE
        if self._spacing < _LEAST_SPACING:
            self._spacing = 0.0
