"""The vendor's calls: authorize, create, details, status, cancel (`api.md`, "Calls")."""

import asyncio
import base64
import binascii
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from pipeline.sandbox import checks
from pipeline.sandbox.intake import form_of, local_now
from pipeline.sandbox.options import SandboxOptions
from pipeline.sandbox.problems import problem
from pipeline.sandbox.scenarios import AcceptedRequest, scenario_for
from pipeline.sandbox.session import PayorDecision, SandboxSession, Times, Verb, session_from, state_at
from pipeline.sandbox.store import Decided, Received, Store
from pipeline.sandbox.tokens import IssuedTokens
from pipeline.sandbox.views import details_of, exact_json


class VendorApi:
    """The vendor's calls."""

    def __init__(self, options: SandboxOptions, store: Store, times: Times) -> None:
        self._options = options
        self._store = store
        self._times = times
        self._tokens = IssuedTokens(options.token_lifetime, options.single_use, time.monotonic)
        self._played: Counter[str | None] = Counter()

    async def authorize(self, request: Request) -> Response:
        """Give out a token for the right credentials and `grant_type=client_credentials`."""
        form = await form_of(request)
        fault = self._client_fault(request)
        if fault is not None:
            return fault
        if form.get("grant_type") != "client_credentials":
            return problem(400, errors={"grant_type": ["The grant_type field must be client_credentials."]})
        if not self._knows(request, form):
            return problem(401, "The user name or the password is wrong.", headers={"WWW-Authenticate": "Basic"})
        content: dict[str, object] = {"access_token": self._tokens.issue(), "token_type": "bearer"}
        if not self._options.omit_expires_in:
            content["expires_in"] = int(self._options.token_lifetime)
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    async def create(self, request: Request) -> ASGIApp:
        """Note the request with its reference, then check its token, its fields, and play its scenario."""
        try:
            asked = checks.parse(await request.body())
        except ValueError as fault:
            self._store.record(Received(local_now(), request.method, request.url.path))
            return self._fault(request, spend=True) or problem(400, errors={"$": [str(fault)]})
        reference = asked.get("referenceId")
        named = reference.encode("utf-8", "replace").decode() if isinstance(reference, str) else None
        self._store.record(Received(local_now(), request.method, request.url.path, named))
        return self._fault(request, spend=True) or await self._checked(request, asked)

    async def details(self, request: Request) -> Response:
        """Tell everything about a session, with both levels of its state."""
        found = self._found(request)
        if isinstance(found, Response):
            return found
        return exact_json(details_of(found, state_at(found, local_now(), self._times)))

    async def status(self, request: Request) -> Response:
        """Tell the session's level of its state, with the code of a failure as `statusDetails`."""
        found = self._found(request)
        if isinstance(found, Response):
            return found
        state = state_at(found, local_now(), self._times)
        return exact_json(
            {
                "sessionId": found.session_id,
                "referenceId": found.reference_id,
                "amount": found.amount_due,
                "status": state.session,
                "statusDetails": state.code,
            }
        )

    async def cancel(self, request: Request) -> Response:
        """Cancel a session that is not final; or answer as an API that can't cancel yet."""
        if self._options.cancel != "supported":
            return Response(status_code=self._options.cancel)
        found = self._found(request)
        if isinstance(found, Response):
            return found
        now = local_now()
        state = state_at(found, now, self._times)
        if state.final:
            return problem(400, f"The session is {state.session} and can't be cancelled.")
        self._store.record(Decided(found.session_id, PayorDecision(Verb.CANCELLED, now)))
        return exact_json({"sessionId": found.session_id, "referenceId": found.reference_id, "status": "Cancelled"})

    async def _checked(self, request: Request, asked: Mapping[str, Any]) -> ASGIApp:
        """The answer to a create whose token is good: a refusal of its fields, or what its scenario says."""
        errors = checks.faults(asked, default_payee=self._options.default_payee)
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            errors["Content-Type"] = ["The body must be application/json."]
        answer = problem(400, errors=errors) if errors else self._played_answer(asked)
        if self._options.latency:
            await asyncio.sleep(self._options.latency)
        return answer

    def _played_answer(self, asked: Mapping[str, Any]) -> ASGIApp:
        now = local_now()
        reference = asked.get("referenceId")
        scenario = scenario_for(reference, earlier=self._played[reference])
        self._played[reference] += 1

        def create() -> SandboxSession:
            session = session_from(asked, str(uuid.uuid4()), now, scenario.fate)
            self._store.record(session)
            return session

        return scenario.answer(AcceptedRequest(create, self._tokens.revoke_all, now))

    def _knows(self, request: Request, form: Mapping[str, str]) -> bool:
        """Whether the credentials are ours and came by a way that is open."""
        sent: list[tuple[str | None, str | None]] = []
        if self._options.credentials != "form":
            sent.append(_basic(request.headers.get("authorization", "")))
        if self._options.credentials != "basic":
            sent.append((form.get("Username"), form.get("Password")))
        wanted = (self._options.username, self._options.password)
        return any(
            None not in pair and all(ours in (None, theirs) for ours, theirs in zip(wanted, pair, strict=True))
            for pair in sent
        )

    def _client_fault(self, request: Request) -> Response | None:
        if self._options.require_client_id and not request.headers.get("x-client-id"):
            return problem(403, "The header x-client-id is required.")
        return None

    def _fault(self, request: Request, *, spend: bool) -> Response | None:
        """Why a call is refused before its content is looked at."""
        sentence = self._tokens.fault(request.headers.get("authorization"), spend=spend)
        if sentence is not None:
            return problem(401, sentence, headers={"WWW-Authenticate": "Bearer"})
        return self._client_fault(request)

    def _found(self, request: Request) -> SandboxSession | Response:
        fault = self._fault(request, spend=False)
        if fault is not None:
            return fault
        return self._store.session(request.path_params["session_id"]) or problem(404, "There is no such session.")


def _basic(authorization: str) -> tuple[str | None, str | None]:
    """User name and password of an HTTP Basic header; None for both when it is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        username, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (username, password) if colon else (None, None)
