"""Plans: what a sheet would send, kept in the journal until another person has looked at it. Nothing is sent here.

The use cases, for the command line and for the local page:

- `plan` makes one of a sheet, `plan_of_draft` of a draft; `look` gives what its approver sees; `plans` lists them;
- `approve` and `send_back` are what a second person does with it; `check_approvable` says beforehand why not;
  `write_page` writes it for paper;

What `run` asks before it sends one is in `approved_plan`.

All raise InputError (exit code 3) where a rule says no, and UsageError for a name that is no plan's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from pipeline.commands import comparison, draft_decisions, drafts, environment, extra_outputs, people, prepare
from pipeline.commands.approved_plan import by, candidates
from pipeline.commands.draft_choices import as_in_draft
from pipeline.commands.drafts import Desk
from pipeline.commands.options import Request
from pipeline.commands.prepare import Prepared, RunContext
from pipeline.config.settings import SANDBOX, Settings, environment_name
from pipeline.domain.approval import (
    Person,
    PlanEvent,
    PlanState,
    PlanStep,
    allows,
    is_same_person,
)
from pipeline.domain.comparison import Before, ChargeReader
from pipeline.domain.errors import (
    InputError,
    SamePersonError,
    StoppedEarlyError,
    UsageError,
    WrongTotalError,
)
from pipeline.domain.events import Emit, OutputPlaced
from pipeline.domain.plan_summary import ExpectedTotal, PlanTally, PlanView, parse_plan_name
from pipeline.journal import plans as stored
from pipeline.journal import queries, runs
from pipeline.journal.drafts import Draft
from pipeline.journal.drafts import find as draft_of
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.plans import NewPlan, StoredPlan
from pipeline.report import exports, plan_page
from pipeline.system.atomic_output import Ours, put
from pipeline.system.signals import interrupts
from schemas.languages import Lang
from schemas.money import from_cents

PAGE: Final = ".html"


@dataclass(frozen=True, slots=True)
class MadePlan:
    """A plan that was made, and where its page is, if one was asked for."""

    view: PlanView
    output: Path | None


# ---------------------------------------------------------------------------------------------------------------
# Making one


def plan(request: Request, settings: Settings, emit: Emit) -> MadePlan:
    """Validate a sheet and keep its plan in the journal; `request.output` is the page to print, if one is wanted.

    Raises InputError when nothing would be sent or a guard fails, UsageError when the page can't be written.
    """
    if not (request.sandbox or settings.base_url):
        raise UsageError(
            "No base URL is set. Set it in FLINKS_BASE_URL or base_url of "
            "flinks-import.toml, or practise with --sandbox."
        )
    with interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")):
        place = environment.without_credentials(settings, in_sandbox=request.sandbox)
        request = as_in_draft(request, place, emit)
        table = prepare.read(request, emit)
        check_page(request.output)
        checked = prepare.check(table, request, settings, place)
        with environment.journal_of(place, emit) as journal:
            checked = prepare.corrected(table, checked, request, settings, place, journal, emit)
            batch = journal.write(runs.ensure_batch, prepare.batch_name(request, table), place.name, _now())
            if refused := prepare.refusal(journal, batch, table, request, settings):
                raise refused
            context = RunContext(journal, batch, prepare.REHEARSAL, place.base_url, settings)
            prepared = prepare.begin_and_plan(context, table, checked, request, emit)
            try:
                if prepared.refused is not None:
                    raise prepared.refused
                found = from_cents(prepared.forecast.cents)
                draft = journal.read(draft_of, place.name, table.source.sha256)
                expected = draft_decisions.total_beside(journal, draft, found) if draft is not None else None
                before = comparison.before(journal, batch, prepared.run, request.compare)
                view = _keep(context, prepared, before, expected)
            finally:
                journal.write(runs.delete_rehearsal, prepared.run)
            output = None
            if request.output is not None:
                ours = extra_outputs.ours_of(journal, batch, request.file, request.mapping)
                output = _write_page(view, request.output, request.lang, ours)
                emit(OutputPlaced(request.output, output))
    return MadePlan(view, output)


def plan_of_draft(desk: Desk, draft: Draft) -> PlanView:
    """Keep the plan of a draft as it is staged.

    Raises InputError when nothing would be sent, or the total of the billing program differs and nobody accepted it.
    """
    assert draft.run is not None
    expected = draft_decisions.expected_total(desk, draft)
    if expected is not None and not expected.is_settled:
        raise draft_decisions.differs(expected)
    batch = desk.journal.read(runs.batch_of, draft.run)
    context = RunContext(desk.journal, batch, drafts.DRAFT, desk.place.base_url, desk.settings)
    before = comparison.before(desk.journal, batch, draft.run, draft_decisions.chosen_month(desk, draft))
    return _keep(context, Prepared(draft.run, drafts.forecast(desk, draft), None), before, expected)


def _keep(
    context: RunContext, prepared: Prepared, before: Before | None, expected: ExpectedTotal | None = None
) -> PlanView:
    """Keep the plan of a planned run."""
    if not prepared.forecast.to_send:
        raise InputError("The sheet has no row to send, so there is nothing to approve. No plan was made.")
    journal, batch = context.journal, context.batch
    payloads = {candidate.row: candidate.digest for candidate in candidates(context, prepared) if candidate.sending}
    report = journal.read(queries.report, prepared.run)
    charges = ChargeReader(report.columns)
    tally = PlanTally(before, expected)
    for row in queries.report_rows(journal, prepared.run):
        tally.add(row, charges.read(row), sending=row.row.number in payloads)
    figures, details = tally.made()

    def keep(connection: Connection) -> PlanView:
        new = NewPlan(report.source, people.person(connection), _now(), figures, details, payloads)
        return stored.again(connection, stored.save(connection, batch.id, new)).view

    return journal.write(keep)


# ---------------------------------------------------------------------------------------------------------------
# Looking, approving, sending back


def look(name: str, settings: Settings, *, in_sandbox: bool) -> PlanView:
    """What a plan's approver sees. Raises UsageError when there is no plan of this name here."""
    with _found(name, settings, in_sandbox=in_sandbox) as (_journal, found):
        return found.view


def plans(settings: Settings, *, in_sandbox: bool, states: Collection[PlanState] = ()) -> list[PlanView]:
    """The plans of an environment, newest first; with `states` the sheets whose newest plan is in one of them."""
    here = environment_name(settings, in_sandbox=in_sandbox)
    with environment.journal_there(settings, here) as journal:
        found = journal.read(stored.all_plans) if journal is not None else []
    views = [one.view for one in reversed(found) if _is_here(one.view.environment, here)]
    if not states:
        return views
    newest: dict[tuple[str, str, str, str], PlanView] = {}
    for view in views:
        newest.setdefault((view.environment, view.batch, view.file, view.sheet), view)
    return [view for view in newest.values() if view.state in states]


def approve(name: str, total: Decimal, settings: Settings, *, in_sandbox: bool) -> PlanView:
    """Approve a plan, by its total as a person typed it.

    Raises WrongTotalError for another total, SamePersonError for who made it where a second person is required,
    InputError for a plan that was decided on, sent, or that the sheet differs from.
    """

    def decide(connection: Connection, found: StoredPlan) -> PlanView:
        stored.hold(connection, found.id)
        view = stored.again(connection, found.id).view
        who = people.person(connection)
        _check_approvable(view, who, settings)
        if total != view.figures.total:
            raise WrongTotalError(
                "The total of plan {plan} is not {typed}. Look at the plan again, and type the "
                "total that you checked. Nothing was approved.",
                plan=view.name,
                typed=f"{total:.2f}",
            )
        return _decided(connection, found, PlanEvent(PlanStep.APPROVED, who, _now()))

    with _found(name, settings, in_sandbox=in_sandbox) as (journal, found):
        return journal.write(decide, found)


def check_approvable(name: str, settings: Settings, *, in_sandbox: bool) -> None:
    """Raises what `approve` would raise to this person, whatever the total: before anybody types one."""
    with _found(name, settings, in_sandbox=in_sandbox) as (journal, found):
        _check_approvable(found.view, journal.read(people.person), settings)


def _check_approvable(view: PlanView, who: Person, settings: Settings) -> None:
    if not allows(view.state, PlanStep.APPROVED):
        raise _undecidable(view)
    if settings.second_person_required and is_same_person(view.maker, who):
        raise SamePersonError(
            "You are {who}, and {maker} made plan {plan}: the same person. Another person must approve it, under "
            "their own login. Nothing was approved.",
            who=str(who),
            plan=view.name,
            maker=str(view.maker),
        )


def send_back(name: str, reason: str, settings: Settings, *, in_sandbox: bool) -> PlanView:
    """Refuse a plan, or take an approval back, with a reason that its maker reads. Who made a plan may withdraw it.

    Raises UsageError without a reason, InputError for a plan that was sent back or sent.
    """
    told = " ".join(reason.split())
    if not told:
        raise UsageError("Say with --send-back why you send the plan back. The reason is kept.")

    def decide(connection: Connection, found: StoredPlan) -> PlanView:
        stored.hold(connection, found.id)
        view = stored.again(connection, found.id).view
        if not allows(view.state, PlanStep.SENT_BACK):
            raise _undecidable(view)
        return _decided(
            connection, found, PlanEvent(PlanStep.SENT_BACK, people.person(connection), _now(), reason=told)
        )

    with _found(name, settings, in_sandbox=in_sandbox) as (journal, found):
        return journal.write(decide, found)


def write_page(name: str, path: Path, settings: Settings, lang: Lang, *, in_sandbox: bool) -> Path:
    """Write the page to print of a plan; returns its place. Raises UsageError when it can't be written."""
    check_page(path)
    with _found(name, settings, in_sandbox=in_sandbox) as (journal, found):
        batch = Batch(found.batch_id, found.view.batch, found.view.environment)
        return _write_page(found.view, path, lang, extra_outputs.ours_of(journal, batch))


def check_page(path: Path | None) -> None:
    """Find out whether a page can be written. Raises UsageError."""
    if path is None:
        return
    if path.suffix.lower() != PAGE:
        raise UsageError("{path} is not the name of a page. The name must end in .html.", path=path)
    exports.check_file(path, "-o", [])


def _write_page(view: PlanView, path: Path, lang: Lang, ours: Ours) -> Path:
    try:
        return put(path, partial(plan_page.write_page, view, lang=lang), ours)
    except OSError as error:
        raise UsageError(
            "Can't write the page {path} ({error}). Plan {plan} is in the journal. To write its page: flinks-import "
            'approve "{plan}" --dry-run -o FILE',
            path=path,
            error=error.strerror,
            plan=view.name,
        ) from None


def _decided(connection: Connection, found: StoredPlan, event: PlanEvent) -> PlanView:
    stored.record(connection, found.id, event)
    return stored.again(connection, found.id).view


def _undecidable(view: PlanView) -> InputError:
    """Why nothing can be decided on a plan any more."""
    told: dict[str, object] = {"plan": view.name}
    last = view.events[-1]
    match view.state:
        case PlanState.APPROVED:
            return InputError(
                "{who} approved plan {plan} on {time}. Nothing was changed.", **told, **by(view.approval or last)
            )
        case PlanState.SENT_BACK:
            return InputError(
                "{who} sent plan {plan} back on {time}: {reason}. Make a new plan of the corrected sheet. Nothing was "
                "changed.",
                **told,
                **by(last),
                reason=last.reason or "-",
            )
        case PlanState.SENT:
            return InputError(
                "{who} sent plan {plan} on {time}. To undo it, cancel its requests: flinks-import cancel. Nothing was "
                "changed.",
                **told,
                **by(view.last(PlanStep.SENT) or last),
            )
        case _:
            return InputError(
                "The sheet differed from plan {plan} on {time} (rows: {count}). Make a new plan. Nothing was changed.",
                **told,
                **by(last),
                count=last.rows,
            )


# ---------------------------------------------------------------------------------------------------------------
# Which plan a name means


@contextmanager
def _found(name: str, settings: Settings, *, in_sandbox: bool) -> Iterator[tuple[Journal, StoredPlan]]:
    """The plan of this name in the environment that is set, with its journal open for the time of the context."""
    here = environment_name(settings, in_sandbox=in_sandbox)
    with environment.journal_there(settings, here) as journal:
        parsed = parse_plan_name(name)
        everywhere = journal.read(stored.named, *parsed) if journal is not None and parsed is not None else []
        found = [one for one in everywhere if _is_here(one.view.environment, here)]
        if journal is None or not found:
            raise _unknown(name, journal, here, everywhere)
        if len(found) > 1:
            raise UsageError(
                "Plan {plan} exists for {environments}. Set FLINKS_BASE_URL to one of them.",
                plan=name,
                environments=", ".join(one.view.environment for one in found),
            )
        yield journal, found[0]


def _is_here(environment: str, here: str) -> bool:
    """Whether a plan is of the environment that is set; without one, of any but the sandbox."""
    return environment == here if here else environment != SANDBOX


def _unknown(name: str, journal: Journal | None, here: str, everywhere: list[StoredPlan]) -> UsageError:
    if everywhere:
        planned = everywhere[0].view.environment
        if planned == SANDBOX:
            return UsageError("Plan {plan} is for the built-in sandbox. Add --sandbox.", plan=name)
        return UsageError(
            "Plan {plan} is for {planned}, not for {here}. Set FLINKS_BASE_URL to its environment.",
            plan=name,
            planned=planned,
            here=here,
        )
    views = [one.view for one in journal.read(stored.all_plans)] if journal is not None else []
    names = [view.name for view in views if _is_here(view.environment, here)]
    if not names:
        return UsageError(
            "There is no plan {plan}: the journal has no plans here yet. Check --journal, --sandbox and "
            "FLINKS_BASE_URL.",
            plan=name,
        )
    return UsageError(
        "There is no plan {plan}. The last one is {latest}. To list those that wait: flinks-import approve",
        plan=name,
        latest=names[-1],
    )


def _now() -> datetime:
    return datetime.now().astimezone()
