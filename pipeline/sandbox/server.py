"""Starting and stopping the sandbox, alone in a process or as a thread of one. Binds to 127.0.0.1 and nothing else."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.sandbox.options import SandboxOptions

_LOOPBACK = "127.0.0.1"
_BACKLOG = 512


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
        return _listening(preferred_port)
    except OSError as fault:
        if fault.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return _listening(0)


def _listening(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it each answer waits 40 ms for an ACK.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port that a stopped sandbox used a moment ago is free for us: its old links must open again.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((_LOOPBACK, port))
        # Two sandboxes that start together can both bind; only one of them can listen.
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _base_url(sock: socket.socket) -> str:
    return f"http://{_LOOPBACK}:{sock.getsockname()[1]}"
