"""What the sandbox tells about itself to people and tests on this machine; no token is asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pipeline.sandbox.hosted import PAGE_HEADERS
from pipeline.sandbox.intake import language_of, local_now, midnight
from pipeline.sandbox.page import welcome_page
from pipeline.sandbox.reports import Days, TransactionLine, as_csv, processing, settlement
from pipeline.sandbox.session import Language, SandboxSession, Times, state_at
from pipeline.sandbox.store import Store
from pipeline.sandbox.views import details_of, exact_json

Report = Callable[[Iterable[SandboxSession], Days, Times], Iterator[TransactionLine]]

_OWN_NAMES = ("127.0.0.1", "localhost")


class About:
    """The pages that are the sandbox's own and not the vendor's."""

    def __init__(self, store: Store, times: Times, language: Language) -> None:
        self._store = store
        self._times = times
        self._language = language

    async def welcome(self, request: Request) -> Response:
        """The page at the base URL."""
        page = welcome_page(self._store.created.total(), language_of(request, self._language))
        return HTMLResponse(page, headers=PAGE_HEADERS)

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
        """The Daily Settlement report."""
        return self._report(request, "settlement", settlement)

    async def processing(self, request: Request) -> Response:
        """The Daily Processing report."""
        return self._report(request, "processing", processing)

    def _report(self, request: Request, name: str, report: Report) -> Response:
        """A report of `?date=` (default: today), of the `?days=` that end with it, and without ids for `?ids=no`."""
        _same_machine(request)
        asked = request.query_params
        try:
            first, last = _period(asked)
            days = Days(midnight(first), midnight(last + timedelta(days=1)))
            ids = {"yes": True, "no": False}[asked.get("ids", "yes")]
        except (ValueError, OverflowError, KeyError):
            raise HTTPException(400, "Ask as in ?date=2026-11-30&days=3&ids=no, for 1 day or more.") from None
        content = as_csv(report(self._store.sessions(), days, self._times), ids=ids)
        period = f"{last}" if first == last else f"{first}-to-{last}"
        disposition = {"Content-Disposition": f'attachment; filename="{name}-{period}.csv"'}
        return Response(content, media_type="text/csv; charset=utf-8", headers=disposition)


def _same_machine(request: Request) -> None:
    """Refuse a page of the web that points its own name at loopback to read what is here."""
    if request.url.hostname not in _OWN_NAMES:
        raise HTTPException(403, "Ask by the name 127.0.0.1 or localhost.")


def _period(asked: Mapping[str, str]) -> tuple[date, date]:
    """The first and the last day that a report is asked for. Raises ValueError."""
    last = date.fromisoformat(asked.get("date", local_now().date().isoformat()))
    first = last - timedelta(days=int(asked.get("days", "1")) - 1)
    if first > last:
        raise ValueError(asked)
    return first, last
