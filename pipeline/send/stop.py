"""The wish to stop, and how everything that waits hears of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pipeline.model import Failure


class Stop:
    """Asked for once or more; the first reason counts. What is in flight ends, nothing new begins.

    Belongs to one event loop; `request` may be called from a signal handler in the loop's thread.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: Failure | None = None

    def request(self, reason: Failure) -> None:
        """Ask everything to stop."""
        if self.reason is None:
            self.reason = reason
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, or until somebody asks to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
