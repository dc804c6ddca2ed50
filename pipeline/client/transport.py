"""HTTP for httpx whose errors are exact: `NotSent` is a proof, everything else is `MaybeSent`.

The one harm that can't be undone is asking a payor twice, so the one question about a failed exchange is whether any
byte of its request may have left. An exception's name does not answer it (docs/decisions/0002-transport.md). Here all
bytes of a request leave through one method, `Connection.exchange`, which marks the exchange before it writes: a
failure without the mark is proven not sent, whatever it is called; with the mark it is "perhaps", whatever it is.

This module never sends a request twice, never follows a redirect, keeps no cookie, and puts no URL, header or body
into the text of an exception.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes
from urllib.request import getproxies, proxy_bypass

import httpx
import truststore

from pipeline.client.connection import (
    Connection,
    Lost,
    NotHttp,
    NoTunnel,
    Reply,
    SendMarker,
    Stale,
    TooLate,
    plain_body,
)
from pipeline.domain.responses import MaybeSentKind, NotSentKind

KEEP_ALIVE: Final = 4.0
"""Seconds after which an idle connection is not used again: common servers close theirs after 5 or more."""


ALONE: Final = "alone"
"""The extension of a request that has a connection to itself: nothing that was asked before can be answered there."""


MAY_LEAVE: Final = "may_leave"
"""The extension of a request that must not leave late: a function that is asked just before its first byte."""


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


_CHOICES: Final = 3
"""Connections that are looked at for one request before it is given up as not sent."""

_HAPPY_EYEBALLS: Final = 0.25
"""Seconds before the next address of a name is tried too (RFC 8305)."""

_PORTS: Final = {"http": 80, "https": 443}
_WIRE: Final = frozenset({b"content-encoding", b"transfer-encoding", b"content-length"})


class _Place(NamedTuple):
    """Where a URL leads, and what of it stands in a request."""

    scheme: str
    host: str
    port: int
    authority: bytes
    path: bytes

    @property
    def origin(self) -> tuple[str, str, int]:
        """What connections are kept by."""
        return self[:3]


class AtMostOnceTransport(httpx.AsyncBaseTransport):
    """One pool of connections. Make it inside the event loop, use it in one loop, close it with `aclose`.

    `connections` is the most that are open at a time. Raises NotSent or MaybeSent and no other exception but
    CancelledError. A cancellation after the request began to leave surfaces as CancelledError and means "perhaps" to
    whoever cancelled: let exchanges in flight end instead.
    """

    def __init__(self, *, connections: int, timeouts: Timeouts, trust: ssl.SSLContext | None = None) -> None:
        self._timeouts = timeouts
        self._trust = trust or system_trust()
        self._room = asyncio.Semaphore(connections)
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}
        self._proxies: dict[tuple[str, str, int], httpx.URL | None] = {}
        self._last_place: tuple[httpx.URL, _Place] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out one exchange and return the whole answer, or raise NotSent or MaybeSent."""
        mark = SendMarker(may_leave=request.extensions.get(MAY_LEAVE))
        try:
            reply = await self._ask_on_a_live_connection(request, mark)
            headers = [(name, value) for name, value in reply.headers if name.lower() not in _WIRE]
            # The body is whole and plain now: what described its way over the wire is gone.
            return httpx.Response(reply.status, headers=headers, stream=httpx.ByteStream(plain_body(reply)))
        except Exception as error:  # noqa: BLE001 (an unknown exception is judged too, by the mark alone)
            raise (_after_leaving(error) if mark.left else _before_leaving(error)) from None

    async def aclose(self) -> None:
        """Close every connection."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _ask_on_a_live_connection(self, request: httpx.Request, mark: SendMarker) -> Reply:
        place = self._place(request.url)
        wire = _on_the_wire(request, place, await request.aread())
        alone = ALONE in request.extensions
        await self._enter()
        try:
            for choice in range(_CHOICES):
                kept = self._kept(place.origin) if choice < _CHOICES - 1 and not alone else None
                connection = kept or await self._connect(place)
                try:
                    head_only = request.method == "HEAD"
                    return await connection.exchange(wire, self._timeouts.answer, mark, head_only=head_only)
                except Stale:
                    continue  # nothing was written: this is choosing, not sending again
                finally:
                    if alone:
                        connection.close()
                    else:
                        self._give_back(place.origin, connection)
            raise Stale
        finally:
            self._room.release()

    async def _enter(self) -> None:
        if self._room.locked():
            async with asyncio.timeout(self._timeouts.connect):
                await self._room.acquire()
        else:
            await self._room.acquire()

    def _place(self, url: httpx.URL) -> _Place:
        """Where a URL leads; that of every creation is one and the same object, and is read once."""
        if self._last_place is None or self._last_place[0] is not url:
            host = url.raw_host.decode("ascii")
            port = url.port or _PORTS[url.scheme]
            self._last_place = (url, _Place(url.scheme, host, port, url.netloc, url.raw_path))
        return self._last_place[1]

    def _kept(self, origin: tuple[str, str, int]) -> Connection | None:
        """The connection that was used last of those that are open and young enough; the others are older still."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if asyncio.get_running_loop().time() - connection.idle_since > KEEP_ALIVE:
                for old in (connection, *idle):
                    old.close()
                idle.clear()
            elif connection.is_reusable:
                return connection
        return None

    def _give_back(self, origin: tuple[str, str, int], connection: Connection) -> None:
        if connection.is_reusable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.close()

    async def _connect(self, place: _Place) -> Connection:
        async with asyncio.timeout(self._timeouts.connect):
            trust = self._trust if place.scheme == "https" else None
            if (proxy := self._proxy(place)) is None:
                return await _open(place.host, place.port, trust)
            trust = self._trust if proxy.scheme == "https" else None
            outer = await _open(proxy.host, proxy.port or _PORTS[proxy.scheme], trust)
            try:
                asked = connect_request(place.host, place.port, proxy)
                return await outer.tunnel(asked, self._timeouts.connect, self._trust, place.host)
            except BaseException:
                outer.close()
                raise

    def _proxy(self, place: _Place) -> httpx.URL | None:
        """The proxy for this origin, looked up once."""
        if place.origin not in self._proxies:
            self._proxies[place.origin] = _environments_proxy(place)
        return self._proxies[place.origin]


async def _open(host: str, port: int, trust: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        Connection,
        host,
        port,
        ssl=trust,
        server_hostname=host if trust else None,
        happy_eyeballs_delay=_HAPPY_EYEBALLS,
    )
    return connection


def _on_the_wire(request: httpx.Request, place: _Place, body: bytes) -> bytes:
    """The request as HTTP/1.1. Raises ValueError for a header that would become two."""
    fields = request.headers.raw
    given = {name.lower() for name, _ in fields}
    if b"host" not in given:
        fields = [(b"Host", place.authority), *fields]
    if b"content-length" not in given and (body or request.method == "POST"):
        fields = [*fields, (b"Content-Length", b"%d" % len(body))]
    for name, value in fields:
        if b"\n" in value or b"\r" in value or b"\0" in value or b"\n" in name or b"\r" in name:
            raise ValueError("a header holds a line break")
    lines = b"".join([b"%s: %s\r\n" % header for header in fields])
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (request.method.encode("ascii"), place.path, lines, body)


def connect_request(host: str, port: int, proxy: httpx.URL) -> bytes:
    """What asks a proxy for a tunnel (RFC 9110, section 9.3.6). It sees no more of a request than its host."""
    there = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode("ascii")
    who = b""
    if proxy.userinfo:
        who = b"Proxy-Authorization: Basic %s\r\n" % b64encode(unquote_to_bytes(proxy.userinfo))
    return b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (there, there, who)


def _environments_proxy(place: _Place) -> httpx.URL | None:
    """The proxy for an origin. Plain http goes to a loopback address only: no proxy."""
    used, _ = proxies_named(place.host) if place.scheme == "https" else ("", "")
    return httpx.URL(used) if used else None


def proxies_named(host: str) -> tuple[str, str]:
    """The proxy that the environment names for https to a host, and the one that it names and that can't be used.

    Each is a URL, or empty. Only HTTP proxies are spoken to; one without a scheme is one, as it is for every client.
    """
    if proxy_bypass(host):
        return "", ""
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all") or ""
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return (proxy, "") if proxy.startswith(("http://", "https://")) else ("", proxy)


def _before_leaving(error: Exception) -> NotSent:
    match error:
        case TimeoutError():
            return NotSent(NotSentKind.TIMEOUT, "no connection in time")
        case socket.gaierror():
            return NotSent(NotSentKind.DNS, f"the name can't be resolved ({_cause(error)})")
        case ssl.SSLCertVerificationError():
            return NotSent(NotSentKind.CERTIFICATE, f"the certificate is not accepted ({_cause(error)})")
        case ssl.SSLError():
            return NotSent(NotSentKind.TLS, f"no secure connection ({_cause(error)})")
        case Stale():
            return NotSent(NotSentKind.CONNECT, "each connection was closed before it could be used")
        case TooLate():
            return NotSent(NotSentKind.TIMEOUT, "the program was stopped for too long to send it")
        case NoTunnel():
            return NotSent(NotSentKind.CONNECT, f"the proxy opens no way ({error})")
        case _:
            return NotSent(NotSentKind.CONNECT, f"no connection ({_cause(error)})")


def _after_leaving(error: Exception) -> MaybeSent:
    match error:
        case Lost():
            return MaybeSent(MaybeSentKind.TIMEOUT if error.late else MaybeSentKind.LOST, str(error))
        case NotHttp():
            return MaybeSent(MaybeSentKind.PROTOCOL, str(error))
        case OSError():
            return MaybeSent(MaybeSentKind.LOST, f"the connection was lost ({_cause(error)})")
        case _:
            return MaybeSent(MaybeSentKind.PROTOCOL, f"the answer can't be read ({_cause(error)})")


def _cause(error: Exception) -> str:
    """What the system said, in words that hold no URL, header or body."""
    said: str | None = None
    match error:
        case ssl.SSLCertVerificationError():
            said = error.verify_message
        case ssl.SSLError():
            said = error.reason
        case socket.gaierror():
            said = error.strerror
        case OSError():
            # asyncio puts the address into its own words; the number has the system's.
            said = os.strerror(error.errno) if error.errno else error.strerror
    return said or type(error).__name__
