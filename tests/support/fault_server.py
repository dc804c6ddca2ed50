"""An API on a real socket that misbehaves as it is told, and counts what it did.

A behaviour is a function of one connection (`Talk`), a line or two of its verbs: read, create, answer, send, trickle,
hang, close, reset. `on_connect` has one for each connection to come, `on_create` one for each request for a session to
come, `on_authorize` one for each request for a token, `on_other` one for each other call, `on_reference` one for each
request for a session of a reference, so that many rows can meet their faults at once. Where a queue is empty the server
behaves, by `well_created`, `well_authorized` and `well_other`. Everything that the server saw stands in its counters:
`requests` (wholly read), `created` (sessions by reference), `connections`.

    with FaultServer() as server:
        server.on_create += [lost_after_creation, redirect]
        ...
        assert server.created == {"INV-1": 1}

It runs in threads of its own, so that a blocked event loop under test does not block it.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it was read. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def reference(self) -> str:
        return str(self.json.get("referenceId", ""))


class Gone(Exception):
    """The other side has closed the connection."""


class Talk:
    """One connection, with the verbs of which behaviours are made."""

    def __init__(self, server: FaultServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.asked: Asked | None = None
        self._buffer = b""

    def read_head(self) -> Asked:
        """Read a request as far as its headers. Raises Gone at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Asked(method, path, headers)

    def read_body(self, head: Asked) -> Asked:
        """Read the rest of a request, and count it."""
        length = int(head.headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._receive()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        asked = Asked(head.method, head.path, head.headers, body)
        with self.server.lock:
            self.server.requests.append(asked)
        self.asked = asked
        return asked

    def read(self) -> Asked:
        return self.read_body(self.read_head())

    def wait_for_bytes(self) -> None:
        """Return when a request has begun to arrive; nothing of it is read."""
        if not self._buffer and not self.connection.recv(1, socket.MSG_PEEK):
            raise Gone

    def create(self) -> str:
        """Make the session that was asked for, and count it; the id comes back."""
        assert self.asked is not None
        session_id = str(uuid4())
        with self.server.lock:
            self.server.created[self.asked.reference] += 1
            self.server.sessions[session_id] = self.asked.reference
            if self.asked.json["options"]["notificationPreferences"]["sendInteracLink"]:
                self.server.emailed[self.asked.reference] += 1
        return session_id

    def answer(self, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        """A whole, well-formed answer; `body` is bytes, or what JSON can say."""
        self.send(self.answer_bytes(status, body, headers))

    @staticmethod
    def answer_bytes(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> bytes:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "text/html" if content.startswith(b"<") else "application/json"
        lines = {"Content-Type": kind, "Content-Length": str(len(content))} | (headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content

    def answer_created(self) -> None:
        self.answer(201, {"sessionId": self.create(), "referenceId": self.asked and self.asked.reference})

    def send(self, content: bytes) -> None:
        self.connection.sendall(content)

    def trickle(self, content: bytes, every: float) -> None:
        """A byte, and a byte `every` so many seconds, until the server stops or the other side goes."""
        for byte in content:
            self.send(bytes([byte]))
            if self.server.stopping.wait(every):
                return

    def hang(self) -> None:
        """Say nothing until the server stops or the other side goes."""
        with suppress(Gone):
            while True:
                self._receive()

    def close(self) -> None:
        """Close politely (FIN)."""
        # Without unread bytes: they would turn the FIN into a RST.
        self.connection.shutdown(socket.SHUT_WR)
        self.server.closed.release()

    def reset(self) -> None:
        """Close at once (RST)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.server.closed.release()

    def serve(self) -> None:
        """Behave, but for what the server's queues say."""
        while True:
            self._serve_one(self.read_head())

    def _serve_one(self, head: Asked) -> None:
        queue, well = self.server.behaviour_for(head)
        with self.server.lock:
            behaviour = queue.popleft() if queue else well
        if isinstance(behaviour, Unread):
            behaviour.then(self)
        else:
            self.read_body(head)
            (self._scripted() or behaviour)(self)

    def _scripted(self) -> Behaviour | None:
        """What `on_reference` has for a request for a session."""
        assert self.asked is not None
        if not self.server.on_reference or self.asked.method != "POST" or not self.asked.path.endswith("/sessions"):
            return None
        with self.server.lock:
            queue = self.server.on_reference.get(self.asked.reference)
            return queue.popleft() if queue else None

    def _receive(self) -> None:
        got = self.connection.recv(65536)
        if not got:
            raise Gone
        self._buffer += got


Behaviour = Callable[[Talk], None]


@dataclass(frozen=True, slots=True)
class Unread:
    """A behaviour of `on_create` that begins before the body of the request was read."""

    then: Behaviour


@dataclass(slots=True)
class FaultServer:
    """The server. A context manager; `url` is its base URL. `tls` makes it speak TLS."""

    tls: ssl.SSLContext | None = None
    on_connect: deque[Behaviour] = field(default_factory=deque)
    on_create: deque[Behaviour | Unread] = field(default_factory=deque)
    on_authorize: deque[Behaviour | Unread] = field(default_factory=deque)
    on_other: deque[Behaviour | Unread] = field(default_factory=deque)
    on_reference: dict[str, deque[Behaviour]] = field(default_factory=dict)
    well_created: Behaviour = field(default_factory=lambda: created)
    well_authorized: Behaviour = field(default_factory=lambda: authorized)
    well_other: Behaviour = field(default_factory=lambda: details)
    requests: list[Asked] = field(default_factory=list)
    created: Counter[str] = field(default_factory=Counter)
    emailed: Counter[str] = field(default_factory=Counter)
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: int = 0
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=512))
    _open: set[socket.socket] = field(default_factory=set)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        # Kept, so that the address is known when the server has gone.
        self.port = int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def creations(self) -> list[Asked]:
        """The requests for a session that were wholly read."""
        return [asked for asked in self.requests if asked.method == "POST" and asked.path.endswith("/sessions")]

    def behaviour_for(self, head: Asked) -> tuple[deque[Behaviour | Unread], Behaviour]:
        if head.path.endswith("/authorize"):
            return self.on_authorize, self.well_authorized
        if head.method == "POST" and head.path.endswith("/sessions"):
            return self.on_create, self.well_created
        return self.on_other, self.well_other

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self.lock:
            still_open = list(self._open)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        for connection in self._connections():
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _connections(self) -> Iterator[socket.socket]:
        with suppress(OSError):
            while not self.stopping.is_set():
                yield self._listening.accept()[0]

    def _converse(self, connection: socket.socket) -> None:
        with self.lock:
            self.connections += 1
            behaviour = self.on_connect.popleft() if self.on_connect else Talk.serve
            self._open.add(connection)
        try:
            with suppress(OSError, Gone):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                spoken = connection if self.tls is None else self.tls.wrap_socket(connection, server_side=True)
                with spoken:
                    behaviour(Talk(self, spoken))
        finally:
            with self.lock:
                self._open.discard(connection)
            connection.close()


# ---------------------------------------------------------------------------------------------------------------
# Behaviours of a request that was read


def created(talk: Talk) -> None:
    """As it should be."""
    talk.answer_created()


def authorized(talk: Talk) -> None:
    """A token, as it should be."""
    with talk.server.lock:
        talk.server.tokens += 1
        number = talk.server.tokens
    talk.answer(200, {"access_token": f"token-{number}", "token_type": "bearer", "expires_in": 599})


def details(talk: Talk) -> None:
    """The state of a session that nobody has opened yet; of one that was never created, and to any other call, 404."""
    assert talk.asked is not None
    above, _, call = talk.asked.path.rpartition("/")
    session_id = above.rpartition("/")[2]
    if call != "details" or session_id not in talk.server.sessions:
        talk.answer(404, {"title": "Not Found", "status": 404})
        return
    told = {"sessionId": session_id, "referenceId": talk.server.sessions[session_id], "status": "Initiated"}
    talk.answer(200, told | {"schedule": {"transactions": [{"id": "1", "status": "Initiated"}]}})


def answers(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> Behaviour:
    """Answer so, and create nothing."""
    return lambda talk: talk.answer(status, body, headers)


def creates_and_answers(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> Behaviour:
    """Create the session, and answer as if something else had happened."""

    def behave(talk: Talk) -> None:
        talk.create()
        talk.answer(status, body, headers)

    return behave


def creates_and_says(content: bytes) -> Behaviour:
    """Create the session, say these bytes and close."""

    def behave(talk: Talk) -> None:
        talk.create()
        talk.send(content)
        talk.close()
        raise Gone

    return behave


def hangs(talk: Talk) -> None:
    """Never answer."""
    talk.hang()


def creates_and_hangs(talk: Talk) -> None:
    talk.create()
    talk.hang()


def creates_and_closes(talk: Talk) -> None:
    """Create the session and close without a word."""
    talk.create()
    talk.close()
    raise Gone


def creates_and_resets(talk: Talk) -> None:
    talk.create()
    talk.reset()
    raise Gone


def creates_and_trickles(talk: Talk) -> None:
    """Answer so slowly that each byte comes in time and the answer never does."""
    session_id = talk.create()
    talk.trickle(talk.answer_bytes(201, {"sessionId": session_id}), 0.05)


def created_then_closed(talk: Talk) -> None:
    """Answer as it should be, promise to keep the connection, and close it."""
    talk.answer_created()
    talk.close()
    raise Gone


def created_then_reset_when_reused(talk: Talk) -> None:
    """Answer as it should be, and reset the kept connection just as the next request arrives."""
    talk.answer_created()
    talk.wait_for_bytes()
    talk.reset()
    raise Gone


def created_twice_said(talk: Talk) -> None:
    """Answer, and then answer once more unasked."""
    answer = talk.answer_bytes(201, {"sessionId": talk.create(), "referenceId": talk.asked and talk.asked.reference})
    talk.send(answer)
    talk.send(answer)
    talk.server.closed.release()


def _reset(talk: Talk) -> None:
    talk.reset()
    raise Gone


def _close(talk: Talk) -> None:
    talk.close()
    raise Gone


resets_unread = Unread(_reset)
"""Reset when the headers were read and the body was not."""

closes_unread = Unread(_close)


# ---------------------------------------------------------------------------------------------------------------
# Behaviours of a connection


def resets_at_once(talk: Talk) -> None:
    """Reset a connection as soon as it is accepted."""
    talk.reset()


def closes_at_once(talk: Talk) -> None:
    talk.close()


def resets_on_first_byte(talk: Talk) -> None:
    """Reset when a request begins to arrive, unread."""
    talk.wait_for_bytes()
    talk.reset()


def never_speaks(talk: Talk) -> None:
    """Accept, and neither read nor write (a TLS handshake never ends)."""
    talk.server.stopping.wait()


def speaks_garbage(talk: Talk) -> None:
    """Answer a TLS hello with something that is not TLS."""
    talk.wait_for_bytes()
    talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\nthis is not TLS")
    talk.close()
