"""What the sandbox tells about itself to people and tests on this machine; no token is asked for."""

from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pipeline.sandbox.hosted import PAGE_HEADERS
from pipeline.sandbox.intake import local_now
from pipeline.sandbox.page import welcome_page
from pipeline.sandbox.reports import processing, settlement
from pipeline.sandbox.session import Times, state_at
from pipeline.sandbox.store import Store
from pipeline.sandbox.views import details_of, exact_json

_OWN_NAMES = ("127.0.0.1", "localhost")


class About:
    """The pages that are the sandbox's own and not the vendor's."""

    def __init__(self, store: Store, times: Times) -> None:
        self._store = store
        self._times = times

    async def welcome(self, _request: Request) -> Response:
        """The page at the base URL."""
        return HTMLResponse(welcome_page(self._store.created.total()), headers=PAGE_HEADERS)

    async def sessions(self, request: Request) -> Response:
        """Every session with its states, and for each referenceId how many were created and asked for."""
        _same_machine(request)
        now = local_now()
        return exact_json(
            {
                "sessions": [
                    details_of(session, state_at(session, now, self._times))
                    | {"sendInteracLink": session.send_interac_link}
                    for session in self._store.sessions()
                ],
                "created": self._store.created,
                "received": self._store.received,
                "unreadableLines": self._store.unreadable_lines,
            }
        )

    async def settlement(self, request: Request) -> Response:
        """The Daily Settlement report of `?date=`, default today."""
        day = _day(request)
        return _csv(settlement(self._store.sessions(), day, local_now(), self._times), f"settlement-{day}.csv")

    async def processing(self, request: Request) -> Response:
        """The Daily Processing report of `?date=`, default today."""
        day = _day(request)
        return _csv(processing(self._store.sessions(), day, local_now(), self._times), f"processing-{day}.csv")


def _same_machine(request: Request) -> None:
    """Refuse a page of the web that points its own name at loopback to read what is here."""
    if request.url.hostname not in _OWN_NAMES:
        raise HTTPException(403, "Ask by the name 127.0.0.1 or localhost.")


def _day(request: Request) -> date:
    _same_machine(request)
    try:
        return date.fromisoformat(request.query_params.get("date", local_now().date().isoformat()))
    except ValueError:
        raise HTTPException(400, "The date must be written as 2026-11-30.") from None


def _csv(content: str, name: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=disposition)
