"""The web server under the sandbox: uvicorn without its logs, and with signals that end it quietly."""

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Generator

import uvicorn

from pipeline.sandbox.app import application
from pipeline.sandbox.options import SandboxOptions
from pipeline.sandbox.store import Store
from pipeline.sandbox.wire import WireProtocol
from pipeline.system import signals


def listener(options: SandboxOptions, *, on_started: Callable[[], None]) -> "Listener":
    """A server for one run. Raises OSError when the store can't be opened."""
    store = Store(options.store)
    config = uvicorn.Config(
        application(options, store),
        http=WireProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        server_header=False,
        timeout_keep_alive=options.keep_alive,
        # A create that sleeps must not keep a person waiting at Ctrl-C.
        timeout_graceful_shutdown=1,
    )
    return Listener(config, on_started, on_stopped=store.close)


class Listener(uvicorn.Server):
    """uvicorn's server, which says when it accepts connections and does not raise its signals again.

    uvicorn ends with the signal that stopped it, so that a sandbox stopped on purpose would look like one that failed.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], on_stopped: Callable[[], None]) -> None:
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

    @contextlib.contextmanager
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
