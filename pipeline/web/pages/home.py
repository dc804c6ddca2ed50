"""The first page: what there is to do, what is not sent yet, the batches; and the language."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from starlette.responses import RedirectResponse, Response

from pipeline.commands import drafts, plan
from pipeline.commands.batches import list_batches, payment_counts
from pipeline.domain.approval import PlanState
from pipeline.domain.errors import UsageError
from pipeline.domain.payment_summary import PaymentState
from pipeline.domain.plan_summary import PlanView
from pipeline.journal.queries import BatchLine
from pipeline.report import plan_page
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit
from schemas.money import from_cents

pages: Final = Pages()

NEWEST: Final = 20
"""Batches that are shown at first: to count those of many years takes seconds."""


@pages.get("")
def home(visit: Visit) -> Response:
    """The batches of this place, newest first."""
    try:
        environment = visit.environment
    except UsageError:
        return visit.go("setup")
    if not environment:
        return visit.page("home.html", batches=[], drafts=[], plans=[])
    most = None if visit.request.query_params.get("show") == "all" else NEWEST
    lines, in_all = list_batches(visit.settings, in_sandbox=visit.in_sandbox, most=most, only_here=True)
    requests = payment_counts(visit.settings, [line.id for line in lines], in_sandbox=visit.in_sandbox)
    unsent = drafts.unsent(visit.settings, in_sandbox=visit.in_sandbox)
    return visit.page(
        "home.html",
        batches=[_Line(line, requests.get(line.id, Counter())) for line in lines],
        older=in_all - len(lines),
        drafts=unsent,
        plans=_plans(visit, {draft.sha256 for draft in unsent}),
        plan_states=plan_page.STATES,
    )


def _plans(visit: Visit, unsent: set[str]) -> list[PlanView]:
    """The plans with which somebody has something to do: to approve, to send, or to make anew from a draft."""
    states = {PlanState.MADE, PlanState.APPROVED, PlanState.SENT_BACK}
    found = plan.plans(visit.settings, in_sandbox=visit.in_sandbox, states=states)
    return [view for view in found if view.state is not PlanState.SENT_BACK or view.sha256 in unsent]


@dataclass(frozen=True, slots=True)
class _Line:
    line: BatchLine
    requests: Counter[PaymentState]

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
