"""A small, fast stand-in for the API, in a process of its own: it answers after a set time and counts.

Not the sandbox: it checks nothing, so that what is measured is the client. `python -m benchmarks.server SECONDS`
prints its URL and serves until its standard input closes, then prints what it saw.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httptools

_TOKEN = json.dumps({"access_token": "bench", "token_type": "bearer", "expires_in": 599}).encode()
_BACKLOG = 2048


@dataclass(slots=True)
class Seen:
    """What a server saw: the sessions that were asked for, and when the first and the last were (monotonic seconds)."""

    created: int = 0
    first: float = 0.0
    last: float = 0.0


class _Exchange(asyncio.Protocol):
    """One connection: requests one after the other, each answered `latency` seconds after it was read."""

    def __init__(self, latency: float, seen: Seen) -> None:
        self._latency = latency
        self._seen = seen
        self._parser: Any = None
        self._transport: Any = None
        self._url = b""
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came; the parser calls the methods below."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._body = b"", bytearray()

    def on_url(self, url: bytes) -> None:
        """Its target."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """It is whole: answer when its time has come."""
        if self._url.endswith(b"/authorize"):
            self._answer(200, _TOKEN)
            return
        seen = self._seen
        seen.created += 1
        seen.last = time.monotonic()
        seen.first = seen.first or seen.last
        answer = json.dumps({"sessionId": str(uuid4()), "referenceId": _reference(bytes(self._body))}).encode()
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._answer, 201, answer)
        else:
            self._answer(201, answer)

    def _answer(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


def _reference(body: bytes) -> object:
    """What the peers send is not always an object with a reference: they are answered all the same."""
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    return asked.get("referenceId") if isinstance(asked, dict) else None


async def _serve(latency: float) -> None:
    seen = Seen()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Exchange(latency, seen), "127.0.0.1", 0, backlog=_BACKLOG)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    print(json.dumps([seen.created, seen.first, seen.last]), flush=True)


@dataclass(slots=True)
class Running:
    """A server in a process of its own; `seen` is known once it was stopped."""

    url: str
    seen: Seen = field(default_factory=Seen)


@contextmanager
def serving(latency: float) -> Iterator[Running]:
    """A server for the time of the context. `latency` in seconds."""
    line = [sys.executable, "-m", "benchmarks.server", str(latency)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        assert process.stdout is not None
        assert process.stdin is not None
        running = Running(process.stdout.readline().strip())
        try:
            yield running
        finally:
            process.stdin.close()
            created, first, last = json.loads(process.stdout.read())
            running.seen = Seen(created, first, last)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
