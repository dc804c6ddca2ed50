"""The API's calls, each one exchange. No policy: nothing is retried, nothing is judged, nothing is raised.

What comes back is a sum of plain values. Tokens, session ids and credentials are in no repr and in no text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import quote, urlencode

import httpx

from pipeline.client.transport import ALONE, MAY_LEAVE, MaybeSent, NotSent
from pipeline.domain.responses import (
    Answered,
    Exchange,
    MaybeSentFailure,
    NotSentFailure,
    NotSentKind,
    Problem,
    Token,
    Unusable,
    parse_problem,
    parse_token,
    retry_after_seconds,
)

USER_AGENT = "flinks-import"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are. `form` chooses HTTP Basic or form fields: the API's pages disagree (api: "Authorize")."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    form: Literal["basic", "form"] = "basic"


@dataclass(frozen=True, slots=True)
class AuthorizeRefused:
    """The API does not accept the credentials (400, 401 or 403)."""

    status: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class AuthorizeElsewhere:
    """Who answers gives no tokens: this is not the API's address. `text` says what came, in English."""

    text: str


@dataclass(frozen=True, slots=True)
class AuthorizeUntrusted:
    """The certificate is not accepted: nobody was asked. `text` says why, in English."""

    text: str


@dataclass(frozen=True, slots=True)
class AuthorizeFailed:
    """No token this time: trying again is harmless. `text` says why, in English; `retry_after` is in seconds."""

    text: str
    retry_after: float | None = None


Authorization = Token | AuthorizeRefused | AuthorizeElsewhere | AuthorizeUntrusted | AuthorizeFailed


def _now() -> datetime:
    return datetime.now(UTC)


class Api:
    """The calls to one base URL. It owns its transport: `aclose` closes it."""

    def __init__(
        self,
        base_url: str,
        transport: httpx.AsyncBaseTransport,
        credentials: Credentials,
        client_id: str = "",
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._transport = transport
        self._credentials = credentials
        self._now = now
        self._sessions = httpx.URL(f"{self._base}/api/v2/sessions")
        self._authorize = httpx.URL(f"{self._base}/api/v1/authorize")
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        if client_id:
            self._headers["x-client-id"] = client_id
        self._creation: tuple[str, httpx.Headers] | None = None

    async def authorize(self) -> Authorization:
        """Ask for a token, with either form of credentials."""
        form = {"grant_type": "client_credentials"}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        match self._credentials.form:
            case "basic":
                pair = f"{self._credentials.username}:{self._credentials.password}"
                headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
            case "form":
                form |= {"Username": self._credentials.username, "Password": self._credentials.password}
        return _authorization(
            await self._ask(self._request("POST", self._authorize, headers, urlencode(form).encode()))
        )

    async def create(
        self, body: bytes, token: str, *, alone: bool = False, may_leave: Callable[[], bool] | None = None
    ) -> Exchange:
        """Ask for one session; `body` is from `payload.body`. With `alone`, on a connection that nothing else uses.

        `may_leave` is asked just before the first byte: where it says no, the request is not sent.
        """
        if self._creation is None or self._creation[0] != token:
            bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            self._creation = (token, httpx.Headers(self._headers | bearer))
        request = httpx.Request("POST", self._sessions, headers=self._creation[1], stream=httpx.ByteStream(body))
        if alone:
            request.extensions[ALONE] = True
        if may_leave is not None:
            request.extensions[MAY_LEAVE] = may_leave
        return await self._ask(request)

    async def details(self, session_id: str, token: str) -> Exchange:
        """The state of a session with its transactions."""
        return await self._ask(self._about("GET", session_id, "details", token))

    async def cancel(self, session_id: str, token: str) -> Exchange:
        """Cancel a session. It may not be released yet for e-Transfer: expect 404, 405 or 501."""
        return await self._ask(self._about("POST", session_id, "cancel", token))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    def _about(self, method: str, session_id: str, what: str, token: str) -> httpx.Request:
        url = httpx.URL(f"{self._sessions}/{quote(session_id, safe='')}/{what}")
        return self._request(method, url, {"Authorization": f"Bearer {token}"})

    def _request(self, method: str, url: httpx.URL, headers: dict[str, str], content: bytes = b"") -> httpx.Request:
        return httpx.Request(method, url, headers=self._headers | headers, stream=httpx.ByteStream(content))

    async def _ask(self, request: httpx.Request) -> Exchange:
        try:
            # The transport itself, not an httpx.AsyncClient: there is nothing that a client would add but redirects,
            # cookies and authentication, all of which must stay off (docs/decisions/0002-transport.md).
            answer = await self._transport.handle_async_request(request)
            assert isinstance(answer.stream, httpx.AsyncByteStream)
            body = b"".join([part async for part in answer.stream])
        except NotSent as failure:
            return NotSentFailure(failure.kind, str(failure))
        except MaybeSent as failure:
            return MaybeSentFailure(failure.kind, str(failure))
        wishes = answer.headers.get_list("Retry-After") if answer.status_code >= _NOT_SUCCESS else ()
        return Answered(answer.status_code, body, retry_after_seconds(wishes, self._now()))


_NOT_SUCCESS: Final = 300
"""From this status on an answer may wish for a pause."""

_ELSEWHERE: Final = frozenset({404, 405, 410, *range(300, 400)})
"""Answers to `authorize` that the API has no reason to give: nothing is at this address, or it points to another."""


def _authorization(reply: Exchange) -> Authorization:
    match reply:
        case Answered(status=200 | 201):
            token = parse_token(reply.body)
            return AuthorizeElsewhere(token.reason) if isinstance(token, Unusable) else token
        case Answered(status=400 | 401 | 403):
            return AuthorizeRefused(reply.status, parse_problem(reply.body))
        case Answered(status=status) if status in _ELSEWHERE:
            return AuthorizeElsewhere(f"HTTP {status}")
        case Answered():
            return AuthorizeFailed(f"HTTP {reply.status}", reply.retry_after)
        case NotSentFailure(kind=NotSentKind.CERTIFICATE):
            return AuthorizeUntrusted(reply.text)
        case NotSentFailure() | MaybeSentFailure():
            return AuthorizeFailed(reply.text)
