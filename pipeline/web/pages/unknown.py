"""Rows whose outcome is unknown: what to look for, and what a person found (page 16)."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from pipeline.commands.resolve import ResolveRequest, resolve, session_id_of, unknown_of
from pipeline.domain.errors import UsageError
from pipeline.messages import explain
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit

pages: Final = Pages()


@pages.get("batches/{batch:path}/unknown")
def unknown(visit: Visit, batch: str) -> Response:
    """Each of them."""
    return _page(visit, batch)


@pages.post("batches/{batch:path}/unknown")
def decide(visit: Visit, batch: str) -> Response:
    """Record what a person found of one of them."""
    exists = visit.text("found") == "yes"
    wrong = _wrong(visit, exists=exists)
    if wrong:
        return _page(visit, batch, wrong=wrong)
    request = ResolveRequest(
        batch,
        None,
        visit.text("session") if exists else None,
        visit.text("note"),
        sandbox=visit.in_sandbox,
        identity=visit.text("identity"),
    )
    try:
        decision = resolve(request, visit.settings, lambda _question: True)
    except UsageError as refused:
        return _page(visit, batch, wrong=explain(refused, visit.lang))
    return visit.go(f"batches/{batch}/unknown", row=decision.row, exists="yes" if exists else "no")


def _wrong(visit: Visit, *, exists: bool) -> str:
    """What is missing, in the words of the page."""
    if exists:
        try:
            session_id_of(visit.text("session"))
        except UsageError:
            return visit.say(
                "Paste the sessionId (such as 1b4e28ba-2fa1-11d2-883f-0016d3cca427) or the link that contains it, as "
                "shown in the Flinks dashboard."
            )
    elif not visit.text("note").strip():
        return visit.say("Write how you know that no request exists: what you checked, and when. The note is kept.")
    return ""


def _page(visit: Visit, batch: str, wrong: str = "") -> Response:
    rows = unknown_of(batch, visit.settings, in_sandbox=visit.in_sandbox)
    query = visit.request.query_params
    return visit.page(
        "unknown.html",
        422 if wrong else 200,
        batch=batch,
        rows=rows,
        wrong=wrong,
        wrong_at=next((one.row.identity for one in rows if one.row.identity == visit.text("identity")), ""),
        found=visit.text("found"),
        session=visit.text("session"),
        note=visit.text("note"),
        done=query.get("row", ""),
        exists=query.get("exists") == "yes",
    )
