"""HTTP over aiohttp whose errors are exact: `NotSent` is a proof, everything else is `MaybeSent`.

The one harm that can't be undone is asking a payor twice, so the one question about a failed exchange is whether any
byte of its request may have left. An exception's name does not answer it (docs/decisions/0002-transport.md). Here all
bytes of a request leave through one method, `_Request.send`, which marks the exchange before it writes: a failure of
an exchange without the mark is proven not sent, whatever it is called; with the mark it is "perhaps", whatever it is.

This module never sends a request twice, never follows a redirect, keeps no cookie, and puts no URL, header or body
into the text of an exception.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
import httpx
import truststore
import yarl
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection

from pipeline.send.answers import MaybeSentKind, NotSentKind

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of an answer's body; a longer answer can't be one of the API's."""

KEEP_ALIVE: Final = 4.0
"""Seconds after which an idle connection is not used again: common servers close theirs after 5 or more."""


class NotSent(httpx.TransportError):
    """No byte of the request has left: proven, so that sending it again is harmless."""

    def __init__(self, kind: NotSentKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class MaybeSent(httpx.TransportError):
    """The request, or a part of it, may have left and may have been carried out."""

    def __init__(self, kind: MaybeSentKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect` is for a connection with its name resolution and TLS; `answer` for everything after it.

    `answer` is one deadline from the first byte of the request to the last of the answer, so that a server that
    trickles a byte a second does not hold a row for hours.
    """

    connect: float = 10.0
    answer: float = 60.0


def system_trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS verified against the system's trust store, or against `ca_file` (PEM) when one is configured.

    Raises OSError (ssl.SSLError is one) when the file can't be read as certificates.
    """
    if ca_file is not None:
        return ssl.create_default_context(cafile=str(ca_file))
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Stale(Exception):  # a state of a kept connection, found before use
    """The kept connection was closed, or spoke unasked, before the request began."""


class _SentBefore(Exception):
    """The library wants to send a request again by itself: it may for GET, and it must not for anything else."""


@dataclass(slots=True)
class _Exchange:
    """What is known about one exchange: its deadline, and whether its request may have begun to leave."""

    deadline: asyncio.Timeout
    answer_seconds: float
    left: bool = False

    def leave(self) -> None:
        """From here on bytes may have left, and the time for the answer runs."""
        self.left = True
        self.deadline.reschedule(asyncio.get_running_loop().time() + self.answer_seconds)


_EXCHANGE: Final[ContextVar[_Exchange]] = ContextVar("exchange")

_USED: Final[WeakSet[ResponseHandler]] = WeakSet()
"""The connections that have carried a request."""

_CHOICES: Final = 3
"""Connections that are looked at for one request before it is given up as not sent."""


class _Request(ClientRequest):
    """A request that marks its exchange before it writes.

    A proxy's CONNECT is made by aiohttp as a plain ClientRequest and does not pass here: it is part of connecting.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request, unless the connection is already known to be dead. Once: the mark is a lock too."""
        exchange = _EXCHANGE.get()
        if exchange.left:
            raise _SentBefore
        if _is_stale(conn):
            raise _Stale
        exchange.leave()
        return await super().send(conn)


def _is_stale(conn: Connection) -> bool:
    """Whether a connection that should be silent is closed or has something to say.

    Before a request the server has nothing to answer: bytes in waiting are its goodbye, or an answer to something
    that was not asked, which would be taken for the answer to this request.
    """
    protocol, transport = conn.protocol, conn.transport
    if protocol is None or transport is None or transport.is_closing() or protocol.should_close:
        return True
    if protocol not in _USED:
        # A new TLS connection may have session tickets in waiting.
        _USED.add(protocol)
        return False
    return _is_readable(transport.get_extra_info("socket").fileno())


def _is_readable(descriptor: int) -> bool:
    if sys.platform == "win32":
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()  # unlike select, for descriptors above 1023 too
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class ExactTransport(httpx.AsyncBaseTransport):
    """One pool of connections. Make it inside the event loop, use it in one loop, close it with `aclose`.

    Raises NotSent or MaybeSent and no other exception but CancelledError. A cancellation after the request began to
    leave surfaces as CancelledError and means "perhaps" to whoever cancelled: let exchanges in flight end instead.
    """

    def __init__(self, *, connections: int, timeouts: Timeouts, trust: ssl.SSLContext | None = None) -> None:
        self._timeouts = timeouts
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, keepalive_timeout=KEEP_ALIVE, ssl=True if trust is None else trust
            ),
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The exchange has one deadline of its own; aiohttp's would be told apart by their names only.
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=True,
        )
        self._proxies: dict[str, str | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out one exchange and return the whole answer, or raise NotSent or MaybeSent."""
        deadline = asyncio.timeout(self._timeouts.connect)
        exchange = _Exchange(deadline, self._timeouts.answer)
        token = _EXCHANGE.set(exchange)
        try:
            async with deadline:
                return await self._ask_on_a_live_connection(request)
        except Exception as error:  # noqa: BLE001 (an unknown exception is judged too, by the mark alone)
            raise _judged(error, exchange) from None
        finally:
            _EXCHANGE.reset(token)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _ask_on_a_live_connection(self, request: httpx.Request) -> httpx.Response:
        for _ in range(_CHOICES):
            with suppress(_Stale):
                return await self._ask(request)
            # Nothing was written and that connection is gone: this is choosing, not sending again. Meanwhile the loop
            # hears of the other connections that were closed, and the pool drops them.
            await asyncio.sleep(0)
        raise _Stale

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        url = _yarl(request.url)
        async with self._session.request(
            request.method,
            url,
            headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
            data=request.content or None,
            allow_redirects=False,
            proxy=self._proxy(url),
        ) as answer:
            whole = _whole_headers(answer.raw_headers)
            return httpx.Response(answer.status, headers=whole, content=await _read(answer), request=request)

    def _proxy(self, url: yarl.URL) -> str | None:
        """The proxy for this URL, looked up once for each origin."""
        origin = f"{url.scheme}://{url.raw_authority}"
        if origin not in self._proxies:
            self._proxies[origin] = _environments_proxy(url)
        return self._proxies[origin]


@lru_cache(maxsize=16)
def _yarl(url: httpx.URL) -> yarl.URL:
    """The same address in aiohttp's words; that of every creation is one and the same."""
    return yarl.URL(str(url), encoded=True)


def _environments_proxy(url: yarl.URL) -> str | None:
    """The proxy that the environment names for this URL. Plain http goes to a loopback address only: no proxy."""
    host = url.raw_host
    if url.scheme != "https" or host is None or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all") or ""
    # aiohttp speaks to HTTP proxies only.
    return proxy if proxy.startswith(("http://", "https://")) else None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    whole = bytearray()
    async for chunk in answer.content.iter_any():
        whole += chunk
        if len(whole) > MAX_ANSWER:
            raise MaybeSent(MaybeSentKind.PROTOCOL, "the answer is larger than any answer of the API")
    return bytes(whole)


def _whole_headers(raw: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    """The answer's headers without those that described its way over the wire: the body is whole and plain now."""
    gone = {b"content-encoding", b"transfer-encoding", b"content-length"}
    return [(name, value) for name, value in raw if name.lower() not in gone]


def _judged(error: Exception, exchange: _Exchange) -> NotSent | MaybeSent:
    return _after_leaving(error, exchange) if exchange.left else _before_leaving(error, exchange)


def _before_leaving(error: Exception, exchange: _Exchange) -> NotSent:
    if exchange.deadline.expired():
        return NotSent(NotSentKind.TIMEOUT, "no connection in time")
    match error:
        case aiohttp.ClientConnectorDNSError():
            return NotSent(NotSentKind.DNS, f"the name can't be resolved ({_cause(error)})")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return NotSent(NotSentKind.TLS, f"no secure connection ({_cause(error)})")
        case _Stale():
            return NotSent(NotSentKind.CONNECT, "each connection was closed before it could be used")
        case _:
            return NotSent(NotSentKind.CONNECT, f"no connection ({_cause(error)})")


def _after_leaving(error: Exception, exchange: _Exchange) -> MaybeSent:
    if exchange.deadline.expired():
        return MaybeSent(MaybeSentKind.TIMEOUT, "no whole answer in time")
    match error:
        case MaybeSent():
            return error
        case aiohttp.ClientPayloadError():
            return MaybeSent(MaybeSentKind.LOST, "the answer broke off")
        case aiohttp.ClientConnectionError() | OSError() | _SentBefore():
            return MaybeSent(MaybeSentKind.LOST, f"the connection was lost ({_cause(error)})")
        case _:
            return MaybeSent(MaybeSentKind.PROTOCOL, f"the answer is not HTTP ({_cause(error)})")


def _cause(error: Exception) -> str:
    """What the system said, in words that hold no URL, header or body: aiohttp's own messages do."""
    said: str | None = None
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _cause(error.certificate_error)
        case aiohttp.ClientConnectorError():
            return _cause(error.os_error)
        case ssl.SSLCertVerificationError():
            said = error.verify_message
        case ssl.SSLError():
            said = error.reason
        case OSError():
            said = error.strerror
    return said or type(error).__name__
