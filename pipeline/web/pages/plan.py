"""Another person approves a plan, or sends it back (page 12)."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.responses import Response

from pipeline.commands.batches import overview_of
from pipeline.commands.plan import approve, check_approvable, look, send_back
from pipeline.config import kinds
from pipeline.domain.approval import PlanState
from pipeline.domain.errors import InputError, RunError, UsageError
from pipeline.domain.model import Status, Subtotal
from pipeline.domain.plan_summary import PlanView
from pipeline.journal import drafts as kept
from pipeline.journal.drafts import Draft
from pipeline.messages import explain
from pipeline.report import plan_page
from pipeline.web.pages.draft import AtDesk, is_sending, open_desk
from pipeline.web.pages.summary import start_sending
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit

pages: Final = Pages()


@pages.get("plans/{name:path}")
def show_plan(visit: Visit, name: str) -> Response:
    """A plan as its approver sees it: on any computer that works on the same journal."""
    return _plan_page(visit, name)


def _plan_page(visit: Visit, name: str, refused: str = "") -> Response:
    view = look(name, visit.settings, in_sandbox=visit.in_sandbox)
    hindered = ""
    if view.state is PlanState.MADE:
        try:
            check_approvable(name, visit.settings, in_sandbox=visit.in_sandbox)
        except InputError as failure:
            hindered = explain(failure, visit.lang)
    to_send = _to_send(visit, view)
    may_send = view.state is not PlanState.MADE or not visit.settings.second_person_required
    return visit.page(
        "plan.html",
        422 if refused else 200,
        plan=view,
        state=visit.say(plan_page.STATES[view.state]),
        facts=list(plan_page.facts(view, visit.lang, visit.called(view.environment))),
        sections=list(plan_page.sections(view, visit.lang)),
        waits=view.state is PlanState.MADE,
        to_send=to_send,
        sendable=may_send and bool(to_send.rows),
        hindered=hindered,
        draft=_draft_here(visit, view.sha256) if view.state is not PlanState.SENT or to_send.rows else None,
        refused=refused,
    )


def _to_send(visit: Visit, view: PlanView) -> Subtotal:
    """What of a plan may still be sent; of one whose run was stopped, the rows of the batch that are not sent."""
    match view.state:
        case PlanState.MADE | PlanState.APPROVED:
            return Subtotal(view.figures.to_send, view.figures.total)
        case PlanState.SENT if not is_sending(visit, view.batch):
            totals = overview_of(view.batch, visit.settings, in_sandbox=visit.in_sandbox).totals
            return Subtotal(totals.counts[Status.NOT_SENT], totals.amounts[Status.NOT_SENT])
        case _:
            return Subtotal()


def _draft_here(visit: Visit, sha256: str) -> Draft | None:
    """The draft of a plan's sheet, for who has the sheet on this computer."""
    with open_desk(visit) as desk:
        draft = desk.journal.read(kept.find, desk.place.name, sha256)
        if draft is not None:
            with suppress(UsageError):  # its sheet is on another computer
                desk.file_of(draft)
                return draft
    return None


@pages.get("approve/{name:path}")
@pages.get("send-back/{name:path}")
@pages.get("send-plan/{name:path}")
def after_a_decision(visit: Visit, name: str) -> Response:
    """The plan itself, for who loads the answer to a form again."""
    return visit.go(f"plans/{name}")


@pages.post("approve/{name:path}")
def approve_plan(visit: Visit, name: str) -> Response:
    """Approve a plan by its total, as the person typed it."""
    try:
        total = kinds.dollars(visit.text("total"))
        approve(name, total, visit.settings, in_sandbox=visit.in_sandbox)
    except kinds.InvalidValue:
        return _plan_page(visit, name, visit.say("This is not an amount. Write it like 1234.50."))
    except InputError as failure:
        return _plan_page(visit, name, explain(failure, visit.lang))
    return visit.go(f"plans/{name}")


@pages.post("send-back/{name:path}")
def send_plan_back(visit: Visit, name: str) -> Response:
    """Send a plan back, with a reason."""
    try:
        send_back(name, visit.text("reason"), visit.settings, in_sandbox=visit.in_sandbox)
    except RunError as failure:
        return _plan_page(visit, name, explain(failure, visit.lang))
    return visit.go(f"plans/{name}")


@pages.post("send-plan/{name:path}")
def send_plan(visit: Visit, name: str) -> Response:
    """Send an approved plan, where its sheet is."""
    view = look(name, visit.settings, in_sandbox=visit.in_sandbox)
    with open_desk(visit) as desk:
        draft = desk.journal.read(kept.find, desk.place.name, view.sha256)
        if draft is None:
            raise UsageError("The sheet of plan {plan} is no draft any more. Drop it again, then send it.", plan=name)
        at = AtDesk(desk, draft, desk.file_of(draft))
        return start_sending(visit, at, view, _to_send(visit, view))
