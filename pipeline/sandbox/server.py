"""Starting and stopping the sandbox, alone in a process or as a thread of one. Binds to 127.0.0.1 and nothing else."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.sandbox.options import SandboxOptions
from pipeline.system.loopback import HOST, listening


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """Where a started sandbox listens, and the credentials that it accepts."""

    base_url: str
    username: str
    password: str


def serve(options: SandboxOptions, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; then end what is in flight and return.

    `announce` is called once with the base URL, when connections are accepted.
    Raises OSError when the store can't be opened.
    """
    from pipeline.sandbox.listen import listener  # noqa: PLC0415 - the web server is imported when it is needed

    with _bound(options.port) as sock:
        server = listener(options, on_started=lambda: announce(_base_url(sock)))
        server.run(sockets=[sock])


@contextlib.contextmanager
def running(options: SandboxOptions) -> Iterator[RunningSandbox]:
    """Serve from a thread with a loop of its own while the block runs. Signals stay the caller's.

    Raises OSError when the store can't be opened.
    """
    from pipeline.sandbox.listen import listener  # noqa: PLC0415 - the web server is imported when it is needed

    with _bound(options.port) as sock:
        started = threading.Event()
        server = listener(options, on_started=started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="sandbox", daemon=True)
        thread.start()
        started.wait()
        try:
            yield RunningSandbox(
                base_url=_base_url(sock),
                username=options.username or "sandbox",
                password=options.password or "sandbox",
            )
        finally:
            server.should_exit = True
            thread.join()


def _bound(preferred_port: int) -> socket.socket:
    """A listening socket on the preferred port or, when that is taken, on a free one."""
    try:
        return listening(preferred_port)
    except OSError as fault:
        if fault.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return listening(0)


def _base_url(sock: socket.socket) -> str:
    return f"http://{HOST}:{sock.getsockname()[1]}"
