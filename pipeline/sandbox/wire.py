"""Answers that ASGI can't express: silence, resets, half a header, lengths that lie. They are written on the socket.

uvicorn hides the connection from the application. `WireProtocol` hands it over in the scope's state, and the answers
below are ASGI applications that use it. Each ends only when the connection is gone, since uvicorn would put a 500 of
its own behind an application that returned without an answer.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(slots=True)
class Wire:
    """One connection of a client.

    gone: set when it is closed by either side. held: an answer keeps it, perhaps for ever, so a stopping server drops
    it. doomed: it looks open, and the next byte that arrives resets it.
    """

    transport: asyncio.Transport
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    held: bool = False
    doomed: bool = False

    def reset(self) -> None:
        """Close with RST instead of FIN: no linger, nothing flushed."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class WireProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gives each request the connection that it came on."""

    wire: Wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        plain = cast("asyncio.Transport", transport)
        super().connection_made(plain)
        self.wire = Wire(plain)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the answers that hold the connection end."""
        super().connection_lost(exc)
        self.wire.gone.set()

    def data_received(self, data: bytes) -> None:
        """Read a request, or reset a doomed connection before a byte of it is read."""
        if self.wire.doomed:
            self.wire.reset()
        else:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Put the connection where the application finds it: the scope's state."""
        super().on_message_begin()
        self.scope["state"]["wire"] = self.wire

    def shutdown(self) -> None:
        """Drop a connection that would be held for ever; let any other finish its answer."""
        if self.wire.held:
            self.transport.abort()
        else:
            super().shutdown()


@dataclass(frozen=True, slots=True)
class Hang:
    """Says nothing until the client gives up."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Take the connection and never answer through ASGI."""
        wire = _wire(scope)
        wire.held = True
        await wire.gone.wait()


@dataclass(frozen=True, slots=True)
class Reset:
    """Ends the connection with RST, without a byte of an answer."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Take the connection and never answer through ASGI."""
        wire = _wire(scope)
        wire.reset()
        await wire.gone.wait()


@dataclass(frozen=True, slots=True)
class Raw:
    """Writes bytes as they are; then closes, or keeps the connection open and says nothing more."""

    content: bytes
    stays_open: bool = False

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Take the connection and never answer through ASGI."""
        wire = _wire(scope)
        wire.held = True
        wire.transport.write(self.content)
        if not self.stays_open:
            wire.transport.close()
        await wire.gone.wait()


@dataclass(frozen=True, slots=True)
class Trickle:
    """Writes one byte a second for as long as the client listens."""

    content: bytes

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Take the connection and never answer through ASGI."""
        wire = _wire(scope)
        wire.held = True
        for byte in self.content:
            if wire.gone.is_set():
                return
            wire.transport.write(bytes([byte]))
            await asyncio.sleep(1)
        wire.transport.close()
        await wire.gone.wait()


@dataclass(frozen=True, slots=True)
class Delayed:
    """Waits, then gives an ordinary answer."""

    seconds: float
    answer: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer late."""
        await asyncio.sleep(self.seconds)
        await self.answer(scope, receive, send)


@dataclass(frozen=True, slots=True)
class ThenDoomed:
    """An ordinary answer, after which the connection looks alive and is reset at the next request, unread."""

    answer: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark the connection before the answer: the next request may follow at once."""
        _wire(scope).doomed = True
        await self.answer(scope, receive, send)


def _wire(scope: Scope) -> Wire:
    return cast("Wire", scope["state"]["wire"])
