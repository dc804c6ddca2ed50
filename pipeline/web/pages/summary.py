"""What would be sent, for the last look, and off it goes (page 11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from starlette.responses import Response

from pipeline.commands import draft_decisions, drafts
from pipeline.commands.draft_choices import with_total
from pipeline.commands.plan import plan_of_draft, plans
from pipeline.domain.approval import PlanState
from pipeline.domain.model import Subtotal
from pipeline.domain.plan_summary import PlanView
from pipeline.journal import planning, queries, runs
from pipeline.journal.draft_rows import Group
from pipeline.journal.drafts import Draft
from pipeline.messages import N_, explain
from pipeline.report import plan_page
from pipeline.report.masking import mask
from pipeline.web.jobs import SENDING, Job
from pipeline.web.pages.changes import has_slips
from pipeline.web.pages.check import control_lines
from pipeline.web.pages.draft import AtDesk, RowLine, at_desk, is_sending, last_run, once_checked, request_of, row_line
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit
from schemas.money import from_cents

pages: Final = Pages()

LARGEST: Final = 5
ACCOUNTS: Final = 10
"""Accounts that are shown, those of the most rows first."""


@pages.get("drafts/{draft_id:int}/summary")
@once_checked
def summary(visit: Visit, at: AtDesk) -> Response:
    """What would be sent, for the last look."""
    if is_sending(visit, at.draft.batch):
        return visit.go(f"batches/{at.draft.batch}/sending")
    if has_slips(at):
        return visit.go(f"drafts/{at.draft.id}/changes")
    return _summary_page(visit, at)


def _summary_page(visit: Visit, at: AtDesk, refused: str = "") -> Response:
    assert at.draft.run is not None
    forecast = drafts.forecast(at.desk, at.draft)
    to_send = _to_send(at)
    report = at.desk.journal.read(queries.report, at.draft.run)
    return visit.page(
        "summary.html",
        422 if refused else 200,
        draft=at.draft,
        forecast=forecast,
        rejected=drafts.sums(at.desk, at.draft)[Group.TO_FIX].rows - forecast.invalid,
        sent_before=drafts.sent_without_response(at.desk, at.draft),
        amount=from_cents(forecast.to_send_cents),
        largest=to_send.largest,
        accounts=to_send.accounts[:ACCOUNTS],
        more_accounts=max(len(to_send.accounts) - ACCOUNTS, 0),
        digest=to_send.digest,
        second_person=visit.settings.second_person_required,
        plan=next(iter(_plans_of(visit, at.draft)), None),
        plan_states=plan_page.STATES,
        differing=[one for one in control_lines(at, report.controls, visit) if not one.agrees],
        notices=[one for one in report.notices if one.touches_money],
        continued=_continued(at),
        expected=draft_decisions.total_beside(at.desk.journal, at.draft, from_cents(forecast.cents)),
        refused=refused,
    )


def _plans_of(visit: Visit, draft: Draft) -> Iterator[PlanView]:
    """The plans of a draft with which somebody has something to do: what was approved and is not all sent too."""
    states = {PlanState.MADE, PlanState.APPROVED, PlanState.SENT_BACK}
    if visit.settings.second_person_required:
        states.add(PlanState.SENT)
    for view in plans(visit.settings, in_sandbox=visit.in_sandbox, states=states):
        if view.sha256 == draft.sha256 and view.batch == draft.batch:
            yield view


def _continued(at: AtDesk) -> datetime | None:
    """When another sheet was sent as this batch; None when this one is its first, or was sent too."""
    assert at.draft.run is not None
    batch = at.desk.journal.read(runs.batch_of, at.draft.run)
    if at.desk.journal.read(runs.has_run, batch.id, at.draft.sha256):
        return None
    return last_run(at, at.draft.batch)


@dataclass(frozen=True, slots=True)
class _ToSend:
    """The rows that would be sent: the largest, the accounts with their rows, and all of them in short."""

    largest: list[RowLine]
    accounts: list[tuple[str, int]]
    digest: str


def _to_send(at: AtDesk) -> _ToSend:
    assert at.draft.run is not None
    with at.desk.journal.reading() as connection:
        largest = planning.largest_to_send(connection, at.draft.run, LARGEST)
        digest, accounts = planning.contents_to_send(connection, at.draft.run)
    shown = Counter[str]()
    for account, number in accounts.items():
        shown[mask(account)] += number
    return _ToSend([row_line(row.number, row.payment) for row in largest], shown.most_common(), digest)


@pages.post("drafts/{draft_id:int}/plan")
def ask_for_approval(visit: Visit, draft_id: int) -> Response:
    """Keep the plan of what was shown, for another person to approve."""
    with at_desk(visit, draft_id) as at:
        if (elsewhere := _not_yet(visit, at)) is not None:
            return elsewhere
        view = plan_of_draft(at.desk, at.draft)
    return visit.go(f"plans/{view.name}")


def _not_yet(visit: Visit, at: AtDesk) -> Response | None:
    """Where a person must look before what was shown is sent or planned; None when it may be."""
    if is_sending(visit, at.draft.batch):
        return visit.go(f"batches/{at.draft.batch}/sending")
    if has_slips(at):
        return visit.go(f"drafts/{at.draft.id}/changes")
    if visit.text("digest") != _to_send(at).digest:
        return _summary_page(visit, at, visit.say(_CHANGED))
    draft_decisions.accept_difference(at.desk, at.draft, visit.text("difference"))
    expected = draft_decisions.expected_total(at.desk, at.draft)
    if expected is not None and not expected.is_settled:
        return _summary_page(visit, at, explain(draft_decisions.differs(expected), visit.lang))
    return None


_CHANGED: Final = N_("Something has changed since this page was shown. Look at it again, then send.")


@pages.post("drafts/{draft_id:int}/send")
def send(visit: Visit, draft_id: int) -> Response:
    """Send exactly what was shown, or nothing."""
    with at_desk(visit, draft_id) as at:
        if (elsewhere := _not_yet(visit, at)) is not None:
            return elsewhere
        view = plan_of_draft(at.desk, at.draft)
        shown = Subtotal(view.figures.to_send, view.figures.total)
        return start_sending(visit, at, view, shown)


def start_sending(visit: Visit, at: AtDesk, view: PlanView, shown: Subtotal) -> Response:
    """Have a run send a plan, in the background, if that comes to what was shown."""
    from pipeline.commands.run import run  # noqa: PLC0415 - pandas is slow to come

    first = 3 if visit.text("first") == "3" else None
    compare = draft_decisions.chosen_month(at.desk, at.draft)
    request = replace(request_of(at, visit), plan=view.name, first=first, compare=compare)
    request = with_total(request, at.desk.journal, at.draft)
    settings, expected = visit.settings, (shown.rows, shown.amount)

    def body(job: Job) -> object:
        return run(request, settings, job.emit, job.confirm)

    visit.site.jobs.start(visit.place, Job(SENDING, at.draft.batch, at.draft.id, expected), body)
    return visit.go(f"batches/{at.draft.batch}/sending")
