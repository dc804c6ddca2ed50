"""The first page: what there is to do, what is not sent yet, the batches; and the language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import RedirectResponse, Response

from pipeline.commands import drafts, plan
from pipeline.commands.batches import list_batches, paid_counts
from pipeline.domain.errors import UsageError
from pipeline.journal.overview import PaidCount
from pipeline.journal.queries import BatchLine
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit
from schemas.money import from_cents

pages: Final = Pages()


@pages.get("")
def home(visit: Visit) -> Response:
    """The batches of this place, newest first."""
    try:
        environment = visit.environment
    except UsageError:
        return visit.go("setup")
    if not environment:
        return visit.page("home.html", batches=[], drafts=[], plans=[])
    lines = list_batches(visit.settings, in_sandbox=visit.in_sandbox)
    here = [line for line in lines if line.environment == environment and line.last_run is not None]
    paid = paid_counts(visit.settings, in_sandbox=visit.in_sandbox)
    return visit.page(
        "home.html",
        batches=[_Line(line, paid.get(line.id, PaidCount())) for line in here],
        drafts=drafts.unsent(visit.settings, in_sandbox=visit.in_sandbox),
        plans=plan.plans(visit.settings, in_sandbox=visit.in_sandbox, waiting=True),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    line: BatchLine
    requests: PaidCount

    def __getattr__(self, name: str) -> object:
        return getattr(self.line, name)

    @property
    def created_amount(self) -> object:
        return from_cents(self.line.created_cents)


@pages.post("language")
def language(visit: Visit) -> Response:
    """Speak the other language, and go back to where the person was."""
    visit.session.lang = "fr" if visit.text("lang") == "fr" else "en"
    back = visit.text("back")
    return RedirectResponse(back if back.startswith(f"/{visit.place}/") else visit.address(), status_code=303)
