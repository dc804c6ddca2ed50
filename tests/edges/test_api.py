"""The API's calls on a real socket: what is asked, what comes back, and what is never shown."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.fault_server import (
    Behaviour,
    FaultServer,
    answers,
    created,
    creates_and_closes,
    creates_and_hangs,
    hangs,
    resets_at_once,
    resets_on_first_byte,
)

from pipeline.client.api import Api, AuthorizeElsewhere, AuthorizeFailed, AuthorizeRefused, Credentials
from pipeline.client.transport import AtMostOnceTransport, Timeouts
from pipeline.domain.responses import Answered, MaybeSentFailure, MaybeSentKind, NotSentFailure, NotSentKind, Token

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
BODY = b'{"referenceId":"INV-1","options":{"notificationPreferences":{"sendInteracLink":false}}}'
CREDENTIALS = Credentials("user-name", "pass:wörd&=+ é")


def ask(
    base_url: str,
    call: Callable[[Api], Awaitable[Any]],
    credentials: Credentials = CREDENTIALS,
    client_id: str = "",
    patience: float = 20,
) -> Any:
    async def run() -> Any:
        transport = AtMostOnceTransport(connections=2, timeouts=Timeouts(patience, patience))
        api = Api(base_url, transport, credentials, client_id)
        try:
            return await call(api)
        finally:
            await api.aclose()

    return asyncio.run(run())


def test_authorize_by_basic() -> None:
    """By default the credentials go as HTTP Basic, in UTF-8."""
    with FaultServer() as server:
        answer = ask(server.url, Api.authorize)
    (asked,) = server.requests
    assert answer == Token("token-1", 599)
    assert (asked.method, asked.path, asked.body) == ("POST", "/api/v1/authorize", b"grant_type=client_credentials")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode() == "user-name:pass:wörd&=+ é"


def test_authorize_by_form() -> None:
    """By configuration the credentials go as form fields, and nowhere else."""
    with FaultServer() as server:
        ask(server.url, Api.authorize, Credentials("user-name", "pass:wörd&=+ é", "form"))
    (asked,) = server.requests
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "Username": ["user-name"],
        "Password": ["pass:wörd&=+ é"],
    }
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials(status: int) -> None:
    """400, 401 and 403 to authorize mean that the credentials are refused."""
    with FaultServer() as server:
        server.on_authorize.append(answers(status, {"title": "No"}))
        answer = ask(server.url, Api.authorize)
    assert isinstance(answer, AuthorizeRefused)
    assert (answer.status, answer.problem.title) == (status, "No")


@pytest.mark.parametrize(
    ("behaviour", "text", "retry_after"),
    [
        pytest.param(answers(429, b"", {"Retry-After": "7"}), "HTTP 429", 7.0, id="429"),
        pytest.param(answers(500), "HTTP 500", None, id="500"),
        pytest.param(answers(503, b"", {"Retry-After": "soon"}), "HTTP 503", None, id="503"),
        pytest.param(hangs, "no whole answer in time", None, id="no answer"),
    ],
)
def test_authorize_that_fails(behaviour: Behaviour, text: str, retry_after: float | None) -> None:
    """Anything else is no token this time, and says why."""
    with FaultServer() as server:
        server.on_authorize.append(behaviour)
        patience = 0.5 if behaviour is hangs else 20
        assert ask(server.url, Api.authorize, patience=patience) == AuthorizeFailed(text, retry_after)


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        *(pytest.param(answers(status), f"HTTP {status}", id=str(status)) for status in (301, 302, 307, 308, 304)),
        *(
            pytest.param(answers(status, {"title": "No"}), f"HTTP {status}", id=str(status))
            for status in (404, 405, 410)
        ),
        pytest.param(answers(200, b"<html>"), "the answer is not a JSON object", id="a page"),
        pytest.param(answers(200), "the answer is not a JSON object", id="nothing"),
        pytest.param(answers(200, {"access_token": ""}), "the answer has no usable access_token", id="no token"),
    ],
)
def test_authorize_at_an_address_that_is_no_api(behaviour: Behaviour, text: str) -> None:
    """What the API has no reason to say is said by somebody else: the address is wrong."""
    with FaultServer() as server:
        server.on_authorize.append(behaviour)
        assert ask(server.url, Api.authorize) == AuthorizeElsewhere(text)


def test_create() -> None:
    """The body goes as it is, with the token, as JSON; the answer comes back whole."""
    with FaultServer() as server:
        answer = ask(server.url, lambda api: api.create(BODY, "token-1"))
    (asked,) = server.requests
    assert isinstance(answer, Answered)
    assert (answer.status, answer.retry_after) == (201, None)
    assert (asked.method, asked.path, asked.body) == ("POST", "/api/v2/sessions", BODY)
    assert asked.headers["authorization"] == "Bearer token-1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept-encoding"] == "identity"
    assert "x-client-id" not in asked.headers


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        pytest.param(lambda api: api.details(ID, "t"), "GET", f"/base/api/v2/sessions/{ID}/details", id="details"),
        pytest.param(lambda api: api.cancel(ID, "t"), "POST", f"/base/api/v2/sessions/{ID}/cancel", id="cancel"),
        pytest.param(
            lambda api: api.details("../x?y", "t"), "GET", "/base/api/v2/sessions/..%2Fx%3Fy/details", id="odd"
        ),
    ],
)
def test_calls_on_a_session(call: Callable[[Api], Awaitable[Any]], method: str, path: str) -> None:
    """Each call is one request with the token, no body, under the base URL's own path."""
    with FaultServer() as server:
        server.on_other.append(answers(200, {"status": "Initiated"}))
        answer = ask(f"{server.url}/base/", call)
    (asked,) = server.requests
    assert isinstance(answer, Answered)
    assert answer.body == b'{"status": "Initiated"}'
    assert (asked.method, asked.path, asked.body) == (method, path, b"")
    assert asked.headers["authorization"] == "Bearer t"


def test_the_client_id_goes_with_every_call() -> None:
    """`x-client-id` is sent on every call when it is configured."""
    with FaultServer() as server:

        async def every(api: Api) -> None:
            await api.authorize()
            await api.create(BODY, "t")
            await api.details(ID, "t")
            await api.cancel(ID, "t")

        ask(server.url, every, client_id="client-7")
    assert [asked.headers.get("x-client-id") for asked in server.requests] == ["client-7"] * 4


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        (429, {"Retry-After": "3"}, 3.0),
        (503, {"Retry-After": "Tue, 24 Nov 2020 18:00:00 GMT"}, 0.0),
        (503, {"Retry-After": "later"}, None),
        (503, {"Retry-After": "1.5"}, 1.5),
        (503, {"Retry-After": "-1"}, None),
        (503, {"Retry-After": "Tue, 24 Nov 2026 18:00:30 +99999999999999"}, None),
        (503, {"Retry-After": "3\r\nRetry-After: 4"}, None),
        (503, {"Retry-After": "\xe9\u20ac"}, None),
        (503, {}, None),
        (307, {"Location": "/elsewhere"}, None),
    ],
)
def test_an_answer_is_handed_on_unjudged(status: int, headers: dict[str, str], retry_after: float | None) -> None:
    """Any status is an answer; only the wait that the server asks for is read from its headers."""
    with FaultServer() as server:
        server.on_create.append(answers(status, b"<p>No</p>", headers))
        answer = ask(server.url, lambda api: api.create(BODY, "t"))
    assert answer == Answered(status, b"<p>No</p>", retry_after)
    assert len(server.requests) == 1


def test_what_failed_before_and_after_leaving_is_told_apart() -> None:
    """Failures are values: proven not sent, or perhaps carried out."""
    with FaultServer() as server:
        server.on_create += [creates_and_closes, creates_and_hangs, created]

        async def thrice(api: Api) -> list[Any]:
            return [await api.create(BODY, "t") for _ in range(3)]

        lost, late, fine = ask(server.url, thrice, patience=1)
    assert isinstance(lost, MaybeSentFailure)
    assert lost.kind is MaybeSentKind.LOST
    assert isinstance(late, MaybeSentFailure)
    assert late.kind is MaybeSentKind.TIMEOUT
    assert isinstance(fine, Answered)
    assert server.created["INV-1"] == 3
    nobody = ask(server.url, lambda api: api.create(BODY, "t"))
    assert isinstance(nobody, NotSentFailure)
    assert nobody.kind is NotSentKind.CONNECT


@pytest.mark.parametrize("behaviour", [resets_at_once, resets_on_first_byte])
def test_nothing_is_retried_here(behaviour: Behaviour) -> None:
    """A lost connection is told once, and not tried again."""
    with FaultServer() as server:
        server.on_connect += [behaviour] * 9
        failure = ask(server.url, lambda api: api.create(BODY, "t"))
    assert isinstance(failure, MaybeSentFailure | NotSentFailure)
    assert server.requests == []


def test_no_repr_tells_a_secret() -> None:
    """Passwords, tokens, session ids and bodies are in no repr."""
    shown = repr([CREDENTIALS, Token("s3cret", 1.0), Answered(201, b'{"sessionId": "s3cret"}')])
    assert "s3cret" not in shown
    assert "user-name" not in shown
    assert "wörd" not in shown
