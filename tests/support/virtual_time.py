"""An event loop whose clock jumps: waiting costs no time, and every timing comes out exactly."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from pipeline.client.rate_limit import Timing

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """A selector that does not wait but moves the clock by what it would have waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time. A coroutine that waits for nothing real can't hang: it ends or spins."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)


def now() -> float:
    """Seconds since the run began."""
    return asyncio.get_running_loop().time()


def timing(rng: Any) -> Timing:
    """Virtual time with this chance."""
    return Timing(clock=now, sleep=asyncio.sleep, rng=rng)
