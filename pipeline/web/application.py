"""The page as an ASGI application: the gate that every request passes, the entrance, and the pages of each subject."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.messages import N_
from pipeline.reader.formats import MAX_BYTES
from pipeline.web.access import HEADERS, Access
from pipeline.web.pages import ALL
from pipeline.web.visit import PRACTICE, REAL, Site, entrance, language_of, lost
from schemas.languages import Lang

_STATIC: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_CHANGING: Final = frozenset({"POST"})
_READING: Final = frozenset({"GET", "HEAD"})


def application(site: Site, access: Access, most: int = MAX_BYTES) -> ASGIApp:
    """The whole page. `most` is the number of bytes that a request may have."""
    door = _Entrance(site, access)
    routes: list[BaseRoute] = [
        Route("/", door.start),
        Route("/enter", door.enter, methods=["POST"]),
        Route("/leave", door.leave, methods=["POST"]),
        Route("/key", door.new_key, methods=["POST"]),
        Route("/static/{name}", static),
    ]
    for pages in ALL:
        routes += pages.routes(site, access)
    lost = _Lost(site, access)
    inner = Starlette(routes=routes, exception_handlers={HTTPException: lost.refused, Exception: lost.failed})
    return _Gate(inner, access, most)


async def static(request: Request) -> Response:
    """A file that every page uses; there is nothing of anybody's in it."""
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404)
    return Response((files("pipeline.web") / "static" / name).read_bytes(), media_type=_STATIC[name])


class _Entrance:
    """How one comes in and goes out."""

    def __init__(self, site: Site, access: Access) -> None:
        self._site = site
        self._access = access

    async def start(self, request: Request) -> Response:
        """On to the first page, for whoever is let in."""
        if self._access.session(request.cookies.get(self._access.cookie, "")) is None:
            return self._door(request, refused=False)
        return RedirectResponse(f"/{_first_place(self._site)}/", status_code=303)

    async def enter(self, request: Request) -> Response:
        """Take the key of a one-use address, and give a cookie for it."""
        form = await request.form(max_files=0, max_fields=4)
        key = form.get("key", "")
        # A whole address that was pasted is as good as the part that counts.
        word = key.rpartition("#")[2].strip() if isinstance(key, str) else ""
        cookie = self._access.enter(word, language_of(request, self._site))
        if cookie is None:
            return self._door(request, refused=True)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(self._access.cookie, cookie, httponly=True, samesite="strict", path="/")
        return response

    async def leave(self, request: Request) -> Response:
        """Lock the page for this browser."""
        self._access.leave(request.cookies.get(self._access.cookie, ""))
        response = RedirectResponse("/", status_code=303)
        response.delete_cookie(self._access.cookie, path="/")
        return response

    async def new_key(self, request: Request) -> Response:
        """For a second start of the program by the same user, who can read the secret of the first."""
        if not self._access.is_owner(request.headers.get("x-flinks-import-owner", "")):
            raise HTTPException(403)
        return JSONResponse({"key": self._access.new_key()})

    def _door(self, request: Request, *, refused: bool) -> Response:
        was_here = self._access.cookie in request.cookies
        text = entrance(language_of(request, self._site), refused=refused, was_here=was_here)
        return HTMLResponse(text, 403 if refused else 200)


def _first_place(site: Site) -> str:
    """Real money where it is set up; what can't be read counts as not set up, and its page says why."""
    if site.options.practice_only:
        return PRACTICE
    return REAL if site.is_set_up() else PRACTICE


class _Lost:
    """The page in place of one that is not there or can't be shown, in the language of who asks."""

    def __init__(self, site: Site, access: Access) -> None:
        self._site = site
        self._access = access

    def page(self, request: Request, status: int) -> Response:
        """The page for a status; nothing of anybody's is on it, since it is for everybody."""
        title, told = _TOLD.get(status, _OTHERWISE)
        return HTMLResponse(lost(self._lang(request), title, told), status)

    async def refused(self, request: Request, error: Exception) -> Response:
        """For what the router or a page has refused."""
        return self.page(request, error.status_code if isinstance(error, HTTPException) else 500)

    async def failed(self, request: Request, error: Exception) -> Response:
        """For a fault of the program outside of any page."""
        lang = self._lang(request)
        return HTMLResponse(lost(lang, _OTHERWISE[0], self._site.report_fault(error).in_language(lang)), 500)

    def _lang(self, request: Request) -> Lang:
        session = self._access.session(request.cookies.get(self._access.cookie, ""), using=False)
        return session.lang if session is not None else language_of(request, self._site)


_OTHERWISE: Final = N_("That did not work"), N_("Go to the first page, and start again from there. Nothing is lost.")
_TOLD: Final = {
    403: (
        N_("That can't be sent from here"),
        N_("The form is from another page, or the page was locked since. Go to the first page, and do it again there."),
    ),
    404: (
        N_("There is no such page"),
        N_("The address is misspelt, or what it named is gone. From the first page you reach everything."),
    ),
    405: (
        N_("There is nothing to see at this address"),
        N_("It only takes forms. Go to the first page, and do it again from there: nothing was changed."),
    ),
    413: (
        N_("That file is too large"),
        N_("Nothing was read. Split the sheet into several, and drop them one after the other."),
    ),
}
"""The title and the sentence of the page for each status that a person may meet."""


def _bounded(receive: Receive, most: int) -> Receive:
    """Takes so much of a request. The rest is read all the same, and lost: else no browser shows the answer."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            while message.get("more_body"):
                message = await receive()
            raise HTTPException(413)
        return message

    return bounded


class _Gate:
    """What every request must show, and every response must say."""

    def __init__(self, inner: ASGIApp, access: Access, most: int) -> None:
        self._inner = inner
        self._most = most
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        refused = self._refusal(request)
        if refused:
            await Response(status_code=refused, headers=HEADERS)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.decode().lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in HEADERS.items()
                        if name.lower() not in own
                    ),
                ]
            await send(message)

        try:
            await self._inner(scope, _bounded(receive, self._most), with_headers)
        except ClientDisconnect:
            return
        except Exception:  # noqa: BLE001 - the framework has answered it, and raises it again
            return

    def _refusal(self, request: Request) -> int:
        """The status of a request that is refused, else 0."""
        host = request.headers.get("host", "")
        if not self._access.is_ours(host):
            return 421
        if request.method in _READING:
            return 0
        if request.method not in _CHANGING:
            return 405
        owner = request.url.path == "/key"
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if owner:
            return 0 if origin is None and site is None else 403  # no browser asks for a key
        return 0 if self._access.may_change(host, origin, site) else 403
