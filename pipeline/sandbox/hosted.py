"""The hosted page's two requests: to look at it, and to accept or decline."""

import re
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pipeline.sandbox.intake import form_of, language_of, local_now
from pipeline.sandbox.page import missing_page, session_page
from pipeline.sandbox.session import (
    Course,
    Language,
    PayorDecision,
    SandboxSession,
    SandboxState,
    Times,
    Verb,
    state_at,
)
from pipeline.sandbox.store import Decided, Opened, Store

# The page holds a secret in its address and the text of strangers in its body: nothing is fetched, kept or run.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Hosted:
    """The payor's side of the sessions of a store."""

    def __init__(self, store: Store, times: Times, language: Language) -> None:
        self._store = store
        self._times = times
        self._language = language

    async def show(self, request: Request) -> Response:
        """The page; the first look at an open session moves it to InProgress."""
        session = self._store.session(request.query_params.get("sessionId", ""))
        language = language_of(request, self._language)
        if session is None:
            return _missing(language)
        now = local_now()
        state = state_at(session, now, self._times)
        if not state.final and session.opened_at is None:
            self._store.record(Opened(session.session_id, now))
        return HTMLResponse(session_page(session, state, language), headers=PAGE_HEADERS)

    async def decide(self, request: Request) -> Response:
        """Accept or decline; a session that is final stays as it is, and its page says so."""
        form = await form_of(request)
        session = self._store.session(form.get("sessionId", ""))
        language = language_of(request, self._language)
        if session is None:
            return _missing(language)
        now = local_now()
        state = state_at(session, now, self._times)
        if not state.final:
            decision = _decision(form, session, now)
            if decision is None:
                return _again(session, state, language)
            self._store.record(Decided(session.session_id, decision))
        return RedirectResponse(f"/app/?sessionId={quote(session.session_id)}", HTTPStatus.SEE_OTHER)


def _decision(form: dict[str, str], session: SandboxSession, now: datetime) -> PayorDecision | None:
    """What the payor chose, with the amount when the request left it open; None when it can't be used.

    The field `course` is not on the page: it is for whoever plays the payor by program.
    """
    course = form.get("course", Course.WHOLE)
    match form.get("decision"):
        case Verb.DECLINED:
            return PayorDecision(Verb.DECLINED, now)
        case Verb.ACCEPTED if course in list(Course):
            chosen = _chosen_amount(form.get("amount", "")) if session.amount is None else None
            if (session.amount or chosen) is None:
                return None
            return PayorDecision(Verb.ACCEPTED, now, chosen, Course(course))
        case _:
            return None


def _chosen_amount(text: str) -> Decimal | None:
    """Dollars as a person types them in English or French, above 0 and with at most 2 decimals."""
    plain = text.strip().replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", plain) or Decimal(plain) <= 0:
        return None
    return Decimal(plain)


def _missing(language: Language) -> Response:
    return HTMLResponse(missing_page(language), HTTPStatus.NOT_FOUND, headers=PAGE_HEADERS)


def _again(session: SandboxSession, state: SandboxState, language: Language) -> Response:
    page = session_page(session, state, language, amount_fault=session.amount is None)
    return HTMLResponse(page, HTTPStatus.BAD_REQUEST, headers=PAGE_HEADERS)
