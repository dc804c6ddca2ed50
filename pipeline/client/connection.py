"""One HTTP/1.1 connection on a socket: it writes a request once, marks that it did before the first byte, and reads
one whole answer.

Every byte of a request leaves through `Connection.exchange`. So the mark that is set there, before the write, is the
proof that `transport` needs: without it nothing has left. httptools (llhttp, strict) reads the answers.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import httptools

if sys.platform == "linux":
    import fcntl
    import termios

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of an answer's body, unpacked too; a longer answer can't be one of the API's."""

MAX_HEADER: Final = 16 * 1024
"""Bytes of one header's value."""
MAX_HEADERS: Final = 200
"""Headers of one answer."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes that come over the wire for one answer: with informational ones before it, chunks' extensions, trailers."""

_LATE: Final = 0.1
"""Seconds by which a timer is late in a process that was stopped, and not in one that is only busy."""

_TOO_EARLY: Final = "something was said before the request had arrived, and is no answer to it"

_SWITCHING: Final = 101
_SUCCESS: Final = 200
_BODILESS: Final = frozenset({204, 304})


class Stale(Exception):
    """The kept connection was closed, or spoke unasked, before the request began."""


class Lost(Exception):
    """The connection ended, or the time was up, before the answer was whole. `late`: the time was up."""

    def __init__(self, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


class NotHttp(Exception):
    """What came is no answer in HTTP, or none that the API would give."""


class TooLate(Exception):
    """The request may not leave any more: nothing of it was written."""


class NoTunnel(Exception):
    """The proxy did not open a way to the server."""


@dataclass(slots=True)
class SendMarker:
    """What is known about one exchange: whether its request may have begun to leave, and whether it still may leave."""

    left: bool = False
    may_leave: Callable[[], bool] | None = None


@dataclass(slots=True)
class Reply:
    """One whole answer as it came over the wire; `body` is still packed where a header says so."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray, repr=False)

    def header(self, name: bytes) -> bytes:
        """The value of the first header of a name (in lower case), stripped and in lower case; empty without one."""
        return next((value.strip().lower() for key, value in self.headers if key.lower() == name), b"")


class _Alarm:
    """Calls `ring` once so many seconds have passed in which this process ran.

    A process that was stopped (SIGSTOP, a paused container) wakes up with its time over and the answer, perhaps, in
    its socket, and the loop may ring before it reads: select() looks no more once its own time is over. So it never
    rings before the loop has looked at the sockets once more; and the time by which it would ring late, which the
    process was stopped for, is given once more, at most as many seconds as there were.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._left = seconds
        self._timer = self._set(seconds, looked=False)

    def _set(self, seconds: float, *, looked: bool) -> asyncio.TimerHandle:
        due = self._loop.time() + seconds
        # A timer, though its time may be now: of one round of the loop those come after what the sockets have.
        return self._loop.call_at(due, self._is_due, due, looked)

    def _is_due(self, due: float, looked: bool) -> None:
        late = min(self._loop.time() - due, self._left)
        if looked and late < _LATE:
            self._ring()
        else:
            self._left -= late
            self._timer = self._set(late, looked=True)

    def cancel(self) -> None:
        """Not needed any more."""
        self._timer.cancel()


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time. Make it with `loop.create_connection`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Reply] | None = None
        self._reply = Reply()
        self._seen = 0
        self._head_is_whole = False
        self._head_is_all = False
        self._carried = False
        self._reusable = True
        self.idle_since = 0.0

    async def exchange(self, request: bytes, seconds: float, mark: SendMarker, *, head_only: bool = False) -> Reply:
        """Write a request and return its whole answer. `seconds` run from its first byte to the answer's last.

        With `head_only` the answer ends with its headers, whatever they say of a body (HEAD, CONNECT).

        Raises Stale or TooLate when nothing was written; Lost or NotHttp afterwards. Whatever else it raises, the mark
        tells.
        """
        if self._is_stale():
            self.close()
            raise Stale
        if mark.may_leave is not None and not mark.may_leave():
            raise TooLate
        transport = self._transport
        assert transport is not None
        self._seen, self._head_is_whole = 0, False
        waiting: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting, self._head_is_all = waiting, head_only
        tickets = self._may_have_tickets
        mark.left = self._carried = True
        alarm = _Alarm(self._loop, seconds, partial(self._fail, Lost("no whole answer in time", late=True)))
        try:
            transport.write(request)
            if not tickets and _is_readable(self._descriptor()) and self._speaks_too_early():
                self._fail(Lost(_TOO_EARLY))
            return await waiting
        except BaseException:
            self.close()  # its answer may come yet, and is not the next one's
            raise
        finally:
            alarm.cancel()
            self._waiting = None

    async def tunnel(self, request: bytes, seconds: float, trust: ssl.SSLContext, host: str) -> Connection:
        """Ask the proxy at the other end for a way to `host` by a CONNECT request; returns the connection in it.

        That is over TLS. Raises NoTunnel, or what TLS raises. None of this is a part of the request that is to be sent.
        """
        try:
            reply = await self.exchange(request, seconds, SendMarker(), head_only=True)
        except (Lost, NotHttp, Stale) as error:
            raise NoTunnel(str(error) or "it hung up") from None
        if reply.status // 100 != _SUCCESS // 100:
            raise NoTunnel(f"HTTP {reply.status}")
        assert self._transport is not None
        inside = Connection()
        secured = await self._loop.start_tls(self._transport, inside, trust, server_hostname=host)
        assert secured is not None
        inside.connection_made(secured)
        return inside

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be written here, as far as is known."""
        return self._reusable and self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Close it at once, whatever is under way."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _is_stale(self) -> bool:
        """Whether a connection that should be silent is closed or has something to say.

        Before a request the server has nothing to answer: bytes in waiting are its goodbye, or an answer to something
        that was not asked, which would be taken for the answer to this request.
        """
        if not self.is_reusable:
            return True
        if self._may_have_tickets:
            return False
        descriptor = self._descriptor()
        return _is_readable(descriptor) if descriptor >= 0 else self._carried

    @property
    def _may_have_tickets(self) -> bool:
        """Whether what waits to be read may be no more than the session tickets of a new TLS connection."""
        secured = self._transport is not None and self._transport.get_extra_info("ssl_object") is not None
        return secured and not self._carried

    def _speaks_too_early(self) -> bool:
        """Whether what came from the other end left it before it had the whole request: that is no answer to it.

        What is sent in answer acknowledges the request, so nothing of it is unacknowledged when the answer is here.
        """
        descriptor = self._descriptor()
        return descriptor >= 0 and _unacknowledged(descriptor) > 0

    def _descriptor(self) -> int:
        found = self._transport.get_extra_info("socket") if self._transport is not None else None
        return -1 if found is None else found.fileno()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open, with TLS where that was asked for."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes came; the parser calls the methods below."""
        if self._waiting is None:
            self.close()
            return
        if not self._seen and self._speaks_too_early():
            self._fail(Lost(_TOO_EARLY))
            return
        self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(NotHttp("the answer changes the protocol"))
        except httptools.HttpParserError:
            self._fail(NotHttp("the answer is not HTTP"))
        if self._seen > MAX_BYTES:
            self._fail(NotHttp("the answer is larger than any answer of the API"))

    def eof_received(self) -> None:
        """The server will say no more; asyncio closes the connection next."""
        self._reusable = False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed: that ends an answer without a length, and breaks off every other."""
        self._reusable = False
        if exc is None and self._head_is_whole and _ends_with_connection(self._reply):
            self._finish()
            return
        if self._head_is_whole:
            self._fail(Lost("the answer broke off"))
        else:
            said = (exc.strerror if isinstance(exc, OSError) else None) or "it was closed without an answer"
            self._fail(Lost(f"the connection was lost ({said})"))

    # What the parser calls

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody waits for makes the connection unusable."""
        self._reply, self._head_is_whole = Reply(), False
        if self._waiting is None or self._waiting.done():
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. A trailer comes here too, and is none (RFC 9110, section 6.5.1): it must not change a meaning."""
        if self._head_is_whole:
            return
        self._reply.headers.append((name, value))
        if len(value) > MAX_HEADER or len(self._reply.headers) > MAX_HEADERS:
            self._fail(NotHttp("the answer's headers are larger than any of the API's"))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._reply.status = self._parser.get_status_code()
        self._head_is_whole = True
        if self._head_is_all:
            self._reusable = False  # the parser waits for a body
            self._finish()

    def on_body(self, body: bytes) -> None:
        """A part of the body, without what the wire put around it."""
        self._reply.body += body
        if len(self._reply.body) > MAX_ANSWER:
            self._fail(NotHttp("the answer is larger than any answer of the API"))

    def on_message_complete(self) -> None:
        """The answer is whole; an informational one is passed over."""
        if self._reply.status < _SUCCESS and self._reply.status != _SWITCHING:
            self._head_is_whole = False
            return
        self._reusable = self._reusable and self._parser.should_keep_alive()
        self._finish()

    def _finish(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._reply)

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self.close()


def plain_body(reply: Reply) -> bytes:
    """The body as the server meant it: unpacked, though nothing packed was asked for.

    One that can't be unpacked, or unpacks to more than `MAX_ANSWER`, stays as it came: whoever reads it finds nothing
    in it, and the answer's status is as certain as before.
    """
    if not reply.body or reply.header(b"content-encoding") not in {b"gzip", b"x-gzip", b"deflate"}:
        return bytes(reply.body)
    unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, told apart by its first bytes
    try:
        body = unpacker.decompress(reply.body, MAX_ANSWER + 1)
    except zlib.error:
        return bytes(reply.body)
    return body if unpacker.eof and len(body) <= MAX_ANSWER else bytes(reply.body)


def _ends_with_connection(reply: Reply) -> bool:
    """Whether only the connection's end tells where this answer ends (RFC 9112, section 6.3)."""
    if reply.status in _BODILESS or reply.header(b"content-length"):
        return False
    return not reply.header(b"transfer-encoding")


def _unacknowledged(descriptor: int) -> int:
    """Bytes of a TCP connection that the other end has not acknowledged; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    count = array("i", [0])
    fcntl.ioctl(descriptor, termios.TIOCOUTQ, count)  # SIOCOUTQ: what was not sent, and what was not acknowledged
    return count[0]


def _is_readable(descriptor: int) -> bool:
    if descriptor < 0:
        return False
    if sys.platform == "win32":
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()  # unlike select, for descriptors above 1023 too
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
