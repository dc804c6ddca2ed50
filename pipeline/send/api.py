"""The API's calls, each one exchange. No policy: nothing is retried, nothing is judged, nothing is raised.

What comes back is a sum of plain values. Tokens, session ids and credentials are in no repr and in no text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, urlencode

import httpx

from pipeline.send.answers import (
    Answered,
    Exchange,
    MaybeSentFailure,
    NotSentFailure,
    Problem,
    Token,
    Unusable,
    parse_problem,
    parse_token,
    retry_after_seconds,
)
from pipeline.send.transport import MaybeSent, NotSent

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
class AuthorizeFailed:
    """No token this time: trying again is harmless. `text` says why, in English; `retry_after` is in seconds."""

    text: str
    retry_after: float | None = None


Authorization = Token | AuthorizeRefused | AuthorizeFailed


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
        return _authorization(await self._ask("POST", self._authorize, headers, urlencode(form).encode()))

    async def create(self, body: bytes, token: str) -> Exchange:
        """Ask for one session; `body` is from `payload.body`."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._ask("POST", self._sessions, headers, body)

    async def details(self, session_id: str, token: str) -> Exchange:
        """The state of a session with its transactions."""
        return await self._ask("GET", self._session(session_id, "details"), {"Authorization": f"Bearer {token}"})

    async def session_status(self, session_id: str, token: str) -> Exchange:
        """The short state of a session: documented for guaranteed EFT, may answer for e-Transfer."""
        return await self._ask("GET", self._session(session_id, "status"), {"Authorization": f"Bearer {token}"})

    async def cancel(self, session_id: str, token: str) -> Exchange:
        """Cancel a session. It may not be released yet for e-Transfer: expect 404, 405 or 501."""
        return await self._ask("POST", self._session(session_id, "cancel"), {"Authorization": f"Bearer {token}"})

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    def _session(self, session_id: str, view: str) -> httpx.URL:
        return httpx.URL(f"{self._sessions}/{quote(session_id, safe='')}/{view}")

    async def _ask(self, method: str, url: httpx.URL, headers: dict[str, str], content: bytes = b"") -> Exchange:
        request = httpx.Request(method, url, headers=self._headers | headers, content=content or None)
        try:
            # The transport itself, not an httpx.AsyncClient: there is nothing that a client would add but redirects,
            # cookies and authentication, all of which must stay off (docs/decisions/0002-transport.md).
            answer = await self._transport.handle_async_request(request)
        except NotSent as failure:
            return NotSentFailure(failure.kind, str(failure))
        except MaybeSent as failure:
            return MaybeSentFailure(failure.kind, str(failure))
        wish = answer.headers.get("Retry-After")
        return Answered(answer.status_code, answer.content, retry_after_seconds(wish, self._now()))


def _authorization(reply: Exchange) -> Authorization:
    match reply:
        case Answered(status=200 | 201):
            token = parse_token(reply.body)
            return AuthorizeFailed(token.reason) if isinstance(token, Unusable) else token
        case Answered(status=400 | 401 | 403):
            return AuthorizeRefused(reply.status, parse_problem(reply.body))
        case Answered():
            return AuthorizeFailed(f"HTTP {reply.status}", reply.retry_after)
        case NotSentFailure() | MaybeSentFailure():
            return AuthorizeFailed(reply.text)
