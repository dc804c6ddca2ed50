"""The transport's errors, each on a real socket: what is called not sent was not sent, whatever happened."""

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import pytest
from support.fault_server import (
    Behaviour,
    FaultServer,
    Gone,
    Talk,
    Unread,
    answers,
    closes_at_once,
    closes_unread,
    created,
    created_then_closed,
    created_then_reset_when_reused,
    created_twice_said,
    creates_and_answers,
    creates_and_closes,
    creates_and_hangs,
    creates_and_resets,
    creates_and_says,
    creates_and_trickles,
    hangs,
    never_speaks,
    resets_at_once,
    resets_on_first_byte,
    resets_unread,
    speaks_garbage,
)
from support.ports import own_port

from pipeline.client.connection import MAX_ANSWER, MAX_BYTES, Connection, SendMarker
from pipeline.client.transport import (
    MAY_LEAVE,
    AtMostOnceTransport,
    MaybeSent,
    NotSent,
    Timeouts,
    system_trust,
)
from pipeline.domain.responses import MaybeSentKind, NotSentKind

PATIENT = Timeouts(connect=20, answer=20)
SHORT = Timeouts(connect=0.5, answer=0.5)
"""For the cases that end by a time-out; the others must not end by one on a slow machine."""
TLS = Path(__file__).parents[1] / "support" / "tls"
SECRET = "the-secret-token"
T = TypeVar("T")
BODY = b'{"referenceId":"INV-1","options":{"notificationPreferences":{"sendInteracLink":true}}}'


def creation(url: str) -> httpx.Request:
    return httpx.Request(
        "POST",
        f"{url}/api/v2/sessions",
        headers={"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"},
        content=BODY,
    )


def using(
    use: Callable[[AtMostOnceTransport], Awaitable[T]],
    timeouts: Timeouts = PATIENT,
    trust: ssl.SSLContext | None = None,
) -> T:
    async def run() -> T:
        transport = AtMostOnceTransport(connections=4, timeouts=timeouts, trust=trust)
        try:
            return await use(transport)
        finally:
            await transport.aclose()

    return asyncio.run(run())


async def ask(transport: AtMostOnceTransport, request: httpx.Request) -> httpx.Response:
    """One exchange, its answer's body read as a client of httpx would."""
    answer = await transport.handle_async_request(request)
    await answer.aread()
    return answer


def send(url: str, timeouts: Timeouts = PATIENT, trust: ssl.SSLContext | None = None) -> httpx.Response:
    return using(lambda transport: ask(transport, creation(url)), timeouts, trust)


HALF_HEADER = b"HTTP/1.1 201 Created\r\nContent-Ty"
HALF_BODY = b'HTTP/1.1 201 Created\r\nContent-Length: 80\r\n\r\n{"sessionId":"0f8fad5b'
HALF_CHUNKS = b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"sessionId":"0f'
TWO_LENGTHS = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"
LONG_HEADER = b"HTTP/1.1 201 Created\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n"
ENDLESS = b"HTTP/1.1 201 Created\r\n\r\n" + b"x" * (MAX_ANSWER + 1)


@pytest.mark.parametrize(
    ("behaviour", "kind", "created"),
    [
        pytest.param(creates_and_closes, MaybeSentKind.LOST, 1, id="closed after creation"),
        pytest.param(creates_and_resets, MaybeSentKind.LOST, 1, id="reset after creation"),
        pytest.param(resets_unread, MaybeSentKind.LOST, 0, id="reset before the body was read"),
        pytest.param(closes_unread, MaybeSentKind.LOST, 0, id="closed before the body was read"),
        pytest.param(hangs, MaybeSentKind.TIMEOUT, 0, id="no answer"),
        pytest.param(creates_and_hangs, MaybeSentKind.TIMEOUT, 1, id="no answer after creation"),
        pytest.param(creates_and_trickles, MaybeSentKind.TIMEOUT, 1, id="a byte now and then"),
        pytest.param(creates_and_says(HALF_HEADER), MaybeSentKind.LOST, 1, id="half a header"),
        pytest.param(creates_and_says(HALF_BODY), MaybeSentKind.LOST, 1, id="half a body"),
        pytest.param(creates_and_says(HALF_CHUNKS), MaybeSentKind.LOST, 1, id="half a chunk"),
        pytest.param(creates_and_says(b"ICY 200 OK\r\n\r\n"), MaybeSentKind.PROTOCOL, 1, id="not HTTP"),
        pytest.param(creates_and_says(TWO_LENGTHS), MaybeSentKind.PROTOCOL, 1, id="two lengths"),
        pytest.param(creates_and_says(LONG_HEADER), MaybeSentKind.PROTOCOL, 1, id="a header that is too long"),
        pytest.param(creates_and_says(b"HTTP/1.1 100 Continue\r\n\r\n"), MaybeSentKind.LOST, 1, id="no final answer"),
        pytest.param(creates_and_says(ENDLESS), MaybeSentKind.PROTOCOL, 1, id="larger than any answer"),
    ],
)
def test_a_request_that_may_have_left_is_never_called_not_sent(
    behaviour: Behaviour | Unread, kind: MaybeSentKind, created: int
) -> None:
    """Whatever happens after the request began to leave is "perhaps", and it is not sent again."""
    with FaultServer() as server:
        server.on_create.append(behaviour)
        with pytest.raises(MaybeSent) as caught:
            send(server.url, SHORT if kind is MaybeSentKind.TIMEOUT else PATIENT)
    assert caught.value.kind is kind
    assert server.created["INV-1"] == created
    assert server.connections == 1


def test_a_reset_on_the_first_byte_is_perhaps() -> None:
    """A server that resets when the request begins to arrive has perhaps read it."""
    with FaultServer() as server:
        server.on_connect.append(resets_on_first_byte)
        with pytest.raises(MaybeSent) as caught:
            send(server.url)
    assert caught.value.kind is MaybeSentKind.LOST
    assert server.requests == []


def test_nobody_listens() -> None:
    """A refused connection is not sent."""
    with pytest.raises(NotSent) as caught:
        send(f"http://127.0.0.1:{own_port()}")
    assert caught.value.kind is NotSentKind.CONNECT


def test_no_such_name() -> None:
    """A name that can't be resolved is not sent."""
    with pytest.raises(NotSent) as caught:
        send("http://no-such-host.invalid")
    assert caught.value.kind is NotSentKind.DNS


def test_nobody_accepts() -> None:
    """A connection that is not made in time is not sent."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        # The queue of connections holds one more than was asked for; these fill it, and the next is left waiting.
        with socket.create_connection(listening.getsockname()), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(listening.getsockname())
            with pytest.raises(NotSent) as caught:
                send(f"http://127.0.0.1:{listening.getsockname()[1]}", SHORT)
    assert caught.value.kind is NotSentKind.TIMEOUT


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(speaks_garbage, NotSentKind.TLS, id="an answer that is not TLS"),
        pytest.param(resets_on_first_byte, NotSentKind.CONNECT, id="a reset in the handshake"),
        pytest.param(never_speaks, NotSentKind.TIMEOUT, id="a handshake that never ends"),
    ],
)
def test_a_handshake_that_fails(behaviour: Behaviour, kind: NotSentKind) -> None:
    """The TLS handshake comes before the request: its failure is not sent."""
    with FaultServer() as server:
        server.on_connect.append(behaviour)
        with pytest.raises(NotSent) as caught:
            send(server.url.replace("http:", "https:"), SHORT if kind is NotSentKind.TIMEOUT else PATIENT)
    assert caught.value.kind is kind


def test_a_certificate_that_nobody_vouches_for() -> None:
    """A server whose certificate is not trusted gets no request, whichever trust is configured."""
    with FaultServer(tls=server_tls()) as server:
        for trust in (None, system_trust()):
            with pytest.raises(NotSent) as caught:
                send(server.url, trust=trust)
            assert caught.value.kind is NotSentKind.CERTIFICATE
    assert server.requests == []


def test_a_certificate_of_the_configured_authority() -> None:
    """With a CA file its servers are trusted, also when a connection is used again."""
    with FaultServer(tls=server_tls()) as server:

        async def thrice(transport: AtMostOnceTransport) -> list[int]:
            return [(await transport.handle_async_request(creation(server.url))).status_code for _ in range(3)]

        assert using(thrice, trust=system_trust(TLS / "certificate.pem")) == [201, 201, 201]
    assert server.created["INV-1"] == 3
    assert server.connections == 1


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return context


# ---------------------------------------------------------------------------------------------------------------
# Kept connections


def test_a_kept_connection_reset_just_as_it_is_reused_is_not_replayed() -> None:
    """The library sends no POST again by itself when a kept connection is lost under it."""
    with FaultServer() as server:
        server.on_create.append(created_then_reset_when_reused)

        async def twice(transport: AtMostOnceTransport) -> None:
            await transport.handle_async_request(creation(server.url))
            with pytest.raises(MaybeSent) as caught:
                await transport.handle_async_request(creation(server.url))
            assert caught.value.kind is MaybeSentKind.LOST

        using(twice)
    assert server.created["INV-1"] == 1
    assert server.connections == 1


def test_a_kept_connection_closed_after_it_carried_the_second_request_is_not_replayed() -> None:
    """The request may have been carried out: it is said so, and not sent again."""
    with FaultServer() as server:
        server.on_create += [created, creates_and_closes]

        async def twice(transport: AtMostOnceTransport) -> None:
            await transport.handle_async_request(creation(server.url))
            with pytest.raises(MaybeSent):
                await transport.handle_async_request(creation(server.url))

        using(twice)
    assert server.created["INV-1"] == 2
    assert server.connections == 1


def test_not_even_a_question_is_replayed() -> None:
    """What the library does by itself for GET is stopped too: one exchange sends one request."""
    with FaultServer() as server:
        server.on_other += [answers_then_resets_when_asked_again]

        async def twice(transport: AtMostOnceTransport) -> None:
            question = httpx.Request("GET", f"{server.url}/api/v2/sessions/1/details")
            await transport.handle_async_request(question)
            with pytest.raises(MaybeSent) as caught:
                await transport.handle_async_request(question)
            assert caught.value.kind is MaybeSentKind.LOST

        using(twice)
    assert len(server.requests) == 2


def answers_then_resets_when_asked_again(talk: Talk) -> None:
    talk.answer(200, {})
    talk.read()
    talk.reset()
    raise Gone


def test_an_early_hint_is_no_answer() -> None:
    """Informational answers are passed over; the final one counts."""
    with FaultServer() as server:
        server.on_create.append(lambda talk: (talk.send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), talk.answer_created()))  # type: ignore[arg-type]
        assert send(server.url).status_code == 201


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(created_then_closed, id="closed"),
        pytest.param(created_twice_said, id="spoke unasked"),
    ],
)
def test_a_kept_connection_that_is_no_longer_silent_is_not_used(behaviour: Behaviour) -> None:
    """A goodbye or a stray answer that waits on a kept connection is seen before the request is written to it."""
    with FaultServer() as server:
        server.on_create.append(behaviour)

        async def twice(transport: AtMostOnceTransport) -> list[bytes]:
            first = await ask(transport, creation(server.url))
            # Blocks the event loop on purpose: the goodbye has arrived, and the loop has not heard of it.
            assert server.closed.acquire(timeout=60)
            second = await ask(transport, creation(server.url))
            return [first.content, second.content]

        first, second = using(twice)
    assert first != second
    assert server.created["INV-1"] == 2
    assert server.connections == 2


def test_many_dead_connections_cost_no_choice() -> None:
    """After a pause in which the server closed all that was kept, the next request connects anew and is sent."""
    with FaultServer() as server:
        server.on_create += [created_then_closed] * 4

        async def four_then_one(transport: AtMostOnceTransport) -> int:
            await asyncio.gather(*(transport.handle_async_request(creation(server.url)) for _ in range(4)))
            for _ in range(4):
                assert server.closed.acquire(timeout=60)
            return (await transport.handle_async_request(creation(server.url))).status_code

        assert using(four_then_one) == 201
    assert server.created["INV-1"] == 5
    assert server.connections == 5


@pytest.mark.parametrize("behaviour", [resets_at_once, closes_at_once])
def test_a_server_that_closes_every_connection_at_once(behaviour: Behaviour) -> None:
    """No connection lasts: the request is given up after a few, and it was never carried out."""
    with FaultServer() as server:
        server.on_connect += [behaviour] * 50
        with pytest.raises((NotSent, MaybeSent)):
            send(server.url)
    assert server.connections <= 3
    assert server.requests == []


# ---------------------------------------------------------------------------------------------------------------
# Whole answers


@pytest.mark.parametrize("status", [200, 201, 302, 307, 400, 401, 403, 429, 500, 503])
def test_a_whole_answer_of_any_status_is_an_answer(status: int) -> None:
    """A status is never an exception, and a redirect is never followed."""
    with FaultServer() as server:
        server.on_create.append(creates_and_answers(status, b"<p>x</p>", {"Location": f"{server.url}/api/v2/sessions"}))
        answer = send(server.url)
    assert (answer.status_code, answer.content) == (status, b"<p>x</p>")
    assert len(server.requests) == 1


def test_a_compressed_answer_is_read_though_none_was_asked_for() -> None:
    """A gateway that compresses unasked does not make a created session unknown."""
    content = gzip.compress(b'{"sessionId":"x"}')
    with FaultServer() as server:
        server.on_create.append(answers(201, content, {"Content-Encoding": "gzip"}))
        assert send(server.url).json() == {"sessionId": "x"}


BOMB = gzip.compress(bytes(50 * MAX_ANSWER))


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        pytest.param("gzip", b"zzzz", id="not packed as it says"),
        pytest.param("gzip", BOMB, id="a bomb"),
        pytest.param("gzip", BOMB[:40], id="half of it"),
        pytest.param("br", b"zzzz", id="packed in an unknown way"),
        pytest.param("utf-8", b'{"title":"No"}', id="no coding at all"),
    ],
)
@pytest.mark.parametrize("status", [201, 400])
def test_a_body_that_can_not_be_unpacked_stays_as_it_came(status: int, coding: str, content: bytes) -> None:
    """Its status came whole and is as certain as ever; nobody finds anything in such a body."""
    with FaultServer() as server:
        server.on_create.append(answers(status, content, {"Content-Encoding": coding}))
        answer = send(server.url)
    assert (answer.status_code, answer.content) == (status, content)


def test_a_trailer_is_no_header() -> None:
    """What stands behind the body can't change what the answer means: not its pause, not how its body is packed."""
    head = b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    with FaultServer() as server:
        server.on_create.append(creates_and_says(head + b"Retry-After: 1\r\nContent-Encoding: gzip\r\n\r\n"))
        answer = send(server.url)
    assert (answer.status_code, answer.content) == (503, b"{}")
    assert "Retry-After" not in answer.headers


def test_an_endless_trailer_is_given_up() -> None:
    """The bytes of one answer are bounded wherever they stand."""
    with FaultServer() as server:
        head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: "
        server.on_create.append(creates_and_says(head + b"x" * (MAX_BYTES + 1)))
        with pytest.raises(MaybeSent) as caught:
            send(server.url)
    assert caught.value.kind is MaybeSentKind.PROTOCOL


def test_an_empty_body_needs_no_unpacking() -> None:
    """A refusal without a body stays a refusal, whatever its headers say of the body that it has not."""
    with FaultServer() as server:
        server.on_create.append(answers(429, b"", {"Content-Encoding": "gzip"}))
        answer = send(server.url)
    assert (answer.status_code, answer.content) == (429, b"")


def test_an_answer_to_head_ends_with_its_headers() -> None:
    """Its length is that of a body that does not come; nobody waits for it."""
    with FaultServer() as server:
        server.on_other.append(lambda talk: talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"))

        async def twice(transport: AtMostOnceTransport) -> list[int]:
            ask_head = httpx.Request("HEAD", server.url)
            return [(await transport.handle_async_request(one)).status_code for one in (ask_head, creation(server.url))]

        assert using(twice) == [200, 201]
    assert server.connections == 2


def test_a_cookie_is_not_kept() -> None:
    """What one answer sets is not sent with the next request."""
    with FaultServer() as server:
        server.on_create.append(creates_and_answers(201, {}, {"Set-Cookie": "a=b"}))

        async def twice(transport: AtMostOnceTransport) -> None:
            for _ in range(2):
                await transport.handle_async_request(creation(server.url))

        using(twice)
    assert [asked.headers.get("cookie") for asked in server.requests] == [None, None]


def test_a_cancellation_surfaces() -> None:
    """Who cancels an exchange in flight hears CancelledError: it is theirs to call it "perhaps"."""
    with FaultServer() as server:
        server.on_create.append(creates_and_hangs)

        async def cancel(transport: AtMostOnceTransport) -> None:
            task = asyncio.create_task(transport.handle_async_request(creation(server.url)))
            while not server.created:  # noqa: ASYNC110 (the server is in another thread)
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        using(cancel)
    assert server.connections == 1


def test_a_full_pool_is_not_sent() -> None:
    """When no connection becomes free in time, nothing was sent."""
    with FaultServer() as server:
        server.on_create += [creates_and_hangs] * 4

        async def five(transport: AtMostOnceTransport) -> list[Any]:
            asks = [transport.handle_async_request(creation(server.url)) for _ in range(5)]
            return list(await asyncio.gather(*asks, return_exceptions=True))

        failures = using(five, Timeouts(connect=0.3, answer=1))
    assert [type(failure) for failure in failures] == [MaybeSent] * 4 + [NotSent]
    assert server.created["INV-1"] == 4


# ---------------------------------------------------------------------------------------------------------------
# Proxies and secrets


def test_the_proxy_of_the_environment_carries_tls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """https goes through the configured proxy; plain http, which is loopback only, does not."""
    with FaultServer() as proxy, FaultServer() as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert send(server.url).status_code == 201
        with pytest.raises(NotSent) as caught:
            send("https://payments.example.com")
    assert caught.value.kind is NotSentKind.CONNECT
    assert [asked.method for asked in proxy.requests] == ["CONNECT"]
    assert SECRET not in str(proxy.requests)


class Tunnel:
    """A proxy that opens the way that CONNECT asks for, on 127.0.0.1 whatever the name; it counts and keeps heads."""

    def __init__(self, port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.heads: list[bytes] = []
        self.carried = b""
        self._port = port
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            client, _ = self._listening.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.heads.append(head)
            client.sendall(self._answer)
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                while data := client.recv(65536):
                    self.carried += data
                    server.sendall(data)
            client.close()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)


def test_a_proxy_carries_the_request_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a tunnel the request reaches the server over TLS; the proxy sees the host, and its own credentials."""
    with FaultServer(tls=server_tls()) as server, Tunnel(int(server.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("https_proxy", f"http://who:p%40ss@{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setattr("pipeline.client.transport.proxy_bypass", lambda _host: False)  # it is on loopback here
        answer = send(server.url, trust=system_trust(TLS / "certificate.pem"))
    assert answer.status_code == 201
    assert server.created["INV-1"] == 1
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic d2hvOnBAc3M=" in head
    assert SECRET.encode() not in head + proxy.carried
    assert b"INV-1" not in proxy.carried


@pytest.mark.parametrize(
    "says", [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b"ICY\r\n\r\n"]
)
def test_a_proxy_that_refuses_is_not_sent(monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    """Without a tunnel nothing was sent, and the sentence says what the proxy answered."""
    with FaultServer(tls=server_tls()) as server, Tunnel(int(server.url.rpartition(":")[2]), says) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        monkeypatch.setattr("pipeline.client.transport.proxy_bypass", lambda _host: False)
        with pytest.raises(NotSent) as caught:
            send(server.url)
    assert caught.value.kind is NotSentKind.CONNECT
    assert ("407" in str(caught.value)) == (b"407" in says)
    assert server.requests == []


def test_a_proxy_without_a_scheme_is_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """`https_proxy=proxy.example.com:3128` is how many write it: it is asked, not gone around."""
    with FaultServer(tls=server_tls()) as server, Tunnel(int(server.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("https_proxy", proxy.address)
        monkeypatch.setattr("pipeline.client.transport.proxy_bypass", lambda _host: False)
        assert send(server.url, trust=system_trust(TLS / "certificate.pem")).status_code == 201
    assert len(proxy.heads) == 1


# ---------------------------------------------------------------------------------------------------------------
# What is written


def test_a_header_can_not_become_two() -> None:
    """A token with a line break in it is not written at all."""
    with FaultServer() as server:
        request = creation(server.url)
        request.headers["Authorization"] = "Bearer a\r\nX-Injected: yes"
        with pytest.raises(NotSent):
            using(lambda transport: transport.handle_async_request(request))
    assert server.requests == []


def test_a_chunked_answer_and_one_that_ends_with_the_connection_are_whole() -> None:
    """Both ways of ending a body without a length are read to the end."""
    chunked = b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5\r\n":1}\n\r\n0\r\n\r\n'
    ended = b'HTTP/1.1 201 Created\r\n\r\n{"a":1}\n'
    with FaultServer() as server:
        server.on_create += [creates_and_says(chunked), creates_and_says(ended)]
        assert [send(server.url).content for _ in range(2)] == [b'{"a":1}\n'] * 2


CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n"
SPLIT = b"HTTP/1.1 103 Early\r\nX: y\r\n\r\n" + CHUNKED


def test_an_answer_is_the_same_wherever_the_wire_splits_it() -> None:
    """Cut in two at each byte, the answer is read the same."""

    async def read(parts: list[bytes]) -> tuple[int, bytes]:
        connection, wire = Connection(), _Wire()
        connection.connection_made(wire)
        asking = asyncio.create_task(connection.exchange(b"", 5, SendMarker()))
        await asyncio.sleep(0)
        for part in parts:
            connection.data_received(part)
        reply = await asking
        return reply.status, bytes(reply.body)

    async def all_ways() -> set[tuple[int, bytes]]:
        return {await read([SPLIT[:at], SPLIT[at:]]) for at in range(1, len(SPLIT))}

    assert asyncio.run(all_ways()) == {(201, b"{}")}


class _Wire(asyncio.Transport):
    """Takes what is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert data == b""

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        raise AssertionError("nothing of this is a reason to close")


def test_what_comes_after_an_answer_is_not_taken_for_the_next() -> None:
    """A second answer in the same bytes makes its connection unusable; the next request gets its own."""
    two = b'HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 201 Created\r\nContent-Length: 7\r\n\r\n{"b":1}'
    with FaultServer() as server:
        server.on_create.append(creates_and_says(two))

        async def twice(transport: AtMostOnceTransport) -> list[bytes]:
            return [(await ask(transport, creation(server.url))).content for _ in range(2)]

        first, second = using(twice)
    assert first == b"{}"
    assert b"sessionId" in second
    assert server.connections == 2


@pytest.mark.parametrize("behaviour", [creates_and_closes, creates_and_says(HALF_HEADER), creates_and_says(b"ICY\r\n")])
def test_an_exception_tells_no_secrets(behaviour: Behaviour) -> None:
    """No URL, header or body is in what is raised, nor in what it was raised from when that is shown."""
    with FaultServer() as server:
        server.on_create.append(behaviour)
        with pytest.raises(MaybeSent) as caught:
            send(server.url)
    shown = f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__
    assert SECRET not in shown
    assert "127.0.0.1" not in shown
    assert "INV-1" not in shown


def test_a_process_that_is_only_slow_still_gives_up() -> None:
    """Time in which the process did not run is given once more, and that is all: nobody waits for ever."""

    async def at_a_crawl(transport: AtMostOnceTransport) -> float:
        def crawl() -> None:
            time.sleep(0.15)
            loop.call_soon(crawl)

        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_soon(crawl)
        with pytest.raises(MaybeSent) as caught:
            await transport.handle_async_request(creation(server.url))
        assert caught.value.kind is MaybeSentKind.TIMEOUT
        return loop.time() - began

    with FaultServer() as server:
        server.on_create.append(hangs)
        assert 0.5 <= using(at_a_crawl, Timeouts(connect=20, answer=0.5)) < 5


def test_a_request_that_may_not_leave_any_more_is_not_sent() -> None:
    """It is asked when the connection is there, just before the first byte: however long that took, nothing left."""
    asked: list[bool] = []

    def may_leave() -> bool:
        asked.append(True)
        return len(asked) == 1

    async def run(url: str) -> list[int | NotSentKind]:
        transport = AtMostOnceTransport(connections=1, timeouts=PATIENT)
        said: list[int | NotSentKind] = []
        for _ in range(2):
            request = creation(url)
            request.extensions[MAY_LEAVE] = may_leave
            try:
                said.append((await transport.handle_async_request(request)).status_code)
            except NotSent as error:
                said.append(error.kind)
        await transport.aclose()
        return said

    with FaultServer() as server:
        assert asyncio.run(run(server.url)) == [201, NotSentKind.TIMEOUT]
        assert (len(asked), len(server.requests), server.connections) == (2, 1, 1)
