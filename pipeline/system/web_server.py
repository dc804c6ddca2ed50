"""uvicorn without its logs, and with signals that end it quietly: under the sandbox and under the local page."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import uvicorn

from pipeline.system import signals


class WebServer(uvicorn.Server):
    """uvicorn's server, which says when it accepts connections and does not raise its signals again.

    uvicorn ends with the signal that stopped it, so that a server stopped on purpose would look like one that failed.
    `options` are uvicorn's, beside those that are the same for every server of ours.
    """

    def __init__(
        self, app: Any, on_started: Callable[[], None], on_stopped: Callable[[], None] = lambda: None, **options: Any
    ) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            server_header=False,
            # An answer that sleeps must not keep a person waiting at Ctrl-C.
            timeout_graceful_shutdown=1,
            **options,
        )
        super().__init__(config)
        self._on_started = on_started
        self._on_stopped = on_stopped

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is in flight, then say that nothing more is answered."""
        await super().shutdown(sockets)
        self._on_stopped()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at the signals to end when this is the main thread, and leave the handlers as they were."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        earlier = {number: signal.signal(number, self.handle_exit) for number in signals.ending()}
        try:
            yield
        finally:
            signals.let_end()
            for number, handler in earlier.items():
                signal.signal(number, handler)
