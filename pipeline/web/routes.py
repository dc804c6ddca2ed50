"""How pages are found, and what every request must show before one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.domain.errors import RunError
from pipeline.messages import on_page
from pipeline.web.access import Access, is_token_of
from pipeline.web.visit import PRACTICE, REAL, Site, Visit

Handler = Callable[..., Response]
_Handler = TypeVar("_Handler", bound=Handler)

MOST_FIELDS: Final = 20_000
"""Fields of a form: a grid of rows has several for each."""
LONGEST_FIELD: Final = 4 << 20
"""Bytes of one field of a form that is no file."""


class Pages:
    """The pages of a subject: functions that take a visit and what their path names, and work in a thread."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, Handler, bool]] = []

    def get(self, path: str, *, using: bool = True) -> Callable[[_Handler], _Handler]:
        """Show a page at this path behind its place. Not `using`: a page asks for it by itself, nobody is there."""
        return self._at("GET", path, using=using)

    def post(self, path: str) -> Callable[[_Handler], _Handler]:
        """Take a form at this path behind its place."""
        return self._at("POST", path)

    def _at(self, method: str, path: str, *, using: bool = True) -> Callable[[_Handler], _Handler]:
        def keep(handler: _Handler) -> _Handler:
            self.found.append((method, path, handler, using))
            return handler

        return keep

    def routes(self, site: Site, access: Access) -> list[BaseRoute]:
        """As Starlette's routes."""
        return [
            Route(f"/{{place}}/{path}", _endpoint(handler, site, access, using=using), methods=[method])
            for method, path, handler, using in self.found
        ]


def _endpoint(handler: Handler, site: Site, access: Access, *, using: bool) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        params = dict(request.path_params)
        place = params.pop("place")
        if place not in {PRACTICE, REAL} or (place == REAL and site.options.practice_only):
            raise HTTPException(404)
        session = access.session(request.cookies.get(access.cookie, ""), using=using)
        if session is None:
            return RedirectResponse("/", status_code=303)
        if request.method != "POST":
            return await run_in_threadpool(_answer, handler, Visit(request, site, session, place, FormData()), params)
        async with request.form(max_fields=MOST_FIELDS, max_files=16, max_part_size=LONGEST_FIELD) as form:
            token = form.get("token", "")
            if not isinstance(token, str) or not is_token_of(session, token):
                raise HTTPException(403)
            return await run_in_threadpool(_answer, handler, Visit(request, site, session, place, form), params)

    return answer


@on_page()
def _answer(handler: Handler, visit: Visit, params: dict[str, Any]) -> Response:
    try:
        return handler(visit, **params)
    except RunError as failure:
        return visit.failed(failure)
    except Exception as error:  # noqa: BLE001 - the last place where a fault of the program can be told
        return visit.failed(visit.site.report_fault(error), 500)
