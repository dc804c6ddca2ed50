"""The routes of the sandbox, and how a fault of a route is told."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.about import About
from pipeline.sandbox.calls import VendorApi
from pipeline.sandbox.hosted import Hosted
from pipeline.sandbox.intake import local_now
from pipeline.sandbox.options import SandboxOptions
from pipeline.sandbox.problems import problem
from pipeline.sandbox.scenarios import SESSIONS_PATH
from pipeline.sandbox.session import Times
from pipeline.sandbox.store import Received, Store

Endpoint = Callable[[Request], Awaitable[Response]]


def application(options: SandboxOptions, store: Store) -> Starlette:
    """The sandbox as an ASGI application over a store."""
    times = Times(options.session_lifetime, options.settle_after)
    api = VendorApi(options, store, times)
    hosted, about = Hosted(store, times, options.language), About(store, times, options.language)
    session = SESSIONS_PATH + "/{session_id}"
    return Starlette(
        routes=[
            Route(SESSIONS_PATH, api.create, methods=["POST"]),
            Route("/api/v1/authorize", _noted(store, api.authorize), methods=["POST"]),
            Route(f"{session}/details", _noted(store, api.details)),
            Route(f"{session}/status", _noted(store, api.status)),
            Route(f"{session}/cancel", _noted(store, api.cancel), methods=["POST"]),
            Route("/app/", _noted(store, hosted.show), methods=["GET"]),
            Route("/app/", _noted(store, hosted.decide), methods=["POST"]),
            Route("/", about.welcome),
            Route("/sandbox/sessions", about.sessions),
            Route("/sandbox/reports/settlement.csv", about.settlement),
            Route("/sandbox/reports/processing.csv", about.processing),
        ],
        exception_handlers={HTTPException: _http_fault, Exception: _own_fault},
    )


def _noted(store: Store, endpoint: Endpoint) -> Endpoint:
    """The endpoint, with each request written down before it is answered; `create` does this itself."""

    async def noted(request: Request) -> Response:
        store.record(Received(local_now(), request.method, request.url.path))
        return await endpoint(request)

    return noted


async def _http_fault(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    return problem(fault.status_code, fault.detail, headers=fault.headers)


async def _own_fault(_request: Request, fault: Exception) -> Response:
    """A fault of the sandbox itself, such as a full disk: the server has no log, so the answer names it."""
    return problem(500, f"The sandbox failed: {type(fault).__name__}: {fault}")
