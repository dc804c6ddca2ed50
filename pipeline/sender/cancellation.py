"""The wish to stop, and how everything that waits hears of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pipeline.domain.errors import RunError


class CancelToken:
    """Asked for once or more; the first reason counts. What is in flight ends, nothing new begins."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: RunError | None = None

    def request(self, reason: RunError) -> None:
        """Ask everything to stop."""
        if self.reason is None:
            self.reason = reason
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when somebody asks to stop."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, or until somebody asks to stop."""
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the wish to stop.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()

    async def pause(self, seconds: float) -> None:
        """The same for whoever waits in a loop until its time has come: raises the reason of the stop."""
        await self.sleep(seconds)
        if self.reason is not None:
            raise self.reason
