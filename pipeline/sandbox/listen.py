"""The web server under the sandbox."""

from collections.abc import Callable

from pipeline.sandbox.app import application
from pipeline.sandbox.options import SandboxOptions
from pipeline.sandbox.store import Store
from pipeline.sandbox.wire import WireProtocol
from pipeline.system.web_server import WebServer


def listener(options: SandboxOptions, *, on_started: Callable[[], None]) -> WebServer:
    """A server for one run. Raises OSError when the store can't be opened."""
    store = Store(options.store)
    return WebServer(
        application(options, store),
        on_started,
        store.close,
        http=WireProtocol,
        timeout_keep_alive=options.keep_alive,
    )
