"""Whether a run may send its plan: approved, where a second person is required, and the same as the sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection

from pipeline.client.payload import body
from pipeline.commands import people
from pipeline.commands.options import Request
from pipeline.commands.prepare import Prepared, RunContext
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain import approval
from pipeline.domain.approval import Approved, Candidate, Hindrance, PlanEvent, PlanStep, allows
from pipeline.domain.errors import InputError, NotApprovedError
from pipeline.domain.model import Approval
from pipeline.domain.plan_summary import PlanView, parse_plan_name
from pipeline.journal import planning, runs
from pipeline.journal import plans as stored
from pipeline.journal.journal import Journal
from pipeline.journal.plans import StoredPlan
from pipeline.messages import N_, translate
from schemas.languages import Lang

_DIFFERENCES: Final = {
    "missing": N_("row {row} is in the plan but can't be sent"),
    "new": N_("row {row} is not in the plan"),
    "changed": N_("row {row} has changed"),
}


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan that a run agrees with. `id` is None for a plan that is a file of an earlier version."""

    id: int | None
    approval: Approval


def require_plan(request: Request, settings: Settings) -> None:
    """Raises NotApprovedError when only an approved plan may be sent, and none is named."""
    if settings.second_person_required and request.plan is None:
        sandbox = " --sandbox" if request.sandbox else ""
        raise NotApprovedError(
            'A second person must approve what is sent (second_person). First: flinks-import plan "{file}"{sandbox}. '
            'Another person: flinks-import approve PLAN{sandbox}. Then: flinks-import run "{file}"{sandbox} --plan '
            "PLAN. Nothing was sent.",
            file=request.file,
            sandbox=sandbox,
        )


def hold_against(name: str, context: RunContext, prepared: Prepared, lang: Lang) -> HeldPlan:
    """The plan of this name, or the plan file at this path, once a planned run agrees with it row by row.

    Raises InputError when it does not, or when the plan may not be sent. That a sheet differed is kept with the plan.
    """
    approved, found = _approved(name, context)
    batch, second_person = context.batch, context.settings.second_person_required
    if approved.batch != batch.name:
        raise InputError(
            "The plan is for batch {planned}, not {found}. Name the batch with --batch, or "
            "create a new plan. Nothing was sent.",
            planned=approved.batch,
            found=batch.name,
        )
    if approved.environment != batch.environment:
        raise InputError(
            "The plan is for {planned}, not {found}. Use its environment, or create a new plan. Nothing was sent.",
            planned=approved.environment,
            found=batch.environment,
        )
    if found is not None:
        _check_sendable(found.view, second_person=second_person)
    elif second_person:
        raise NotApprovedError(
            "{path} is a plan file of an earlier version: nobody can approve it. Make a plan in the journal with the "
            "command plan, and have it approved. Nothing was sent.",
            path=name,
        )
    differing = approval.differences(approved, candidates(context, prepared))
    if differing:
        if found is not None:
            _note_difference(context.journal, found, len(differing))
        named = differing[: approval.SHOWN]
        shown = ", ".join(translate(_DIFFERENCES[one.kind], lang, row=one.row) for one in named)
        more = len(differing) - len(named)
        if more > 0:
            shown = translate("{shown} and {count} more", lang, shown=shown, count=more)
        raise InputError(
            "The sheet differs from the approved plan. Rows that differ: {count} ({shown}). "
            "Correct the sheet, or have a new plan approved. Nothing was sent.",
            count=len(differing),
            shown=shown,
        )
    if found is None:
        return HeldPlan(None, Approval(approved.made_by, approved.made_at, ""))
    return HeldPlan(found.id, _approval(found.view))


def mark_sent(context: RunContext, run: int, held: HeldPlan) -> None:
    """Keep that a run is about to send its plan, and who sends it.

    Raises InputError when somebody sent it back meanwhile.
    """
    now = _now()

    def mark(connection: Connection) -> None:
        who = people.person(connection)
        if held.id is not None:
            stored.hold(connection, held.id)
            view = stored.again(connection, held.id).view
            _check_sendable(view, second_person=context.settings.second_person_required)
            stored.record(connection, held.id, PlanEvent(PlanStep.SENT, who, now, run=run))
        sent = replace(held.approval, sent_by=str(who), sent_at=now.isoformat(timespec="seconds"))
        runs.approve(connection, run, sent)

    context.journal.write(mark)


def _approval(view: PlanView) -> Approval:
    """Who made, approved and sent a plan so far."""
    approved, sent = view.approval, view.last(PlanStep.SENT)
    return Approval(
        made_by=str(view.maker),
        made_at=view.made_at.isoformat(timespec="seconds"),
        sent_by=str(sent.who) if sent else "",
        sent_at=sent.at.isoformat(timespec="seconds") if sent else "",
        approved_by=str(approved.who) if approved else "",
        approved_at=approved.at.isoformat(timespec="seconds") if approved else "",
        plan=view.name,
    )


def _check_sendable(view: PlanView, *, second_person: bool) -> None:
    match approval.hindrance(view.maker, view.events, second_person=second_person):
        case None:
            return
        case Hindrance.SENT_BACK:
            last = view.events[-1]
            raise InputError(
                "{who} sent plan {plan} back on {time}: {reason}. Make a new plan of the corrected sheet. Nothing was "
                "sent.",
                plan=view.name,
                **by(last),
                reason=last.reason or "-",
            )
        case Hindrance.NOT_APPROVED:
            raise NotApprovedError(
                "Nobody has approved plan {plan}. Another person than {maker} approves it: flinks-import approve "
                '"{plan}"{sandbox}. Nothing was sent.',
                plan=view.name,
                maker=str(view.maker),
                sandbox=" --sandbox" if view.environment == SANDBOX else "",
            )
        case Hindrance.ONE_PERSON:
            raise NotApprovedError(
                "{maker} made plan {plan} and approved it too. Make a new plan, and have another person approve it. "
                "Nothing was sent.",
                plan=view.name,
                maker=str(view.maker),
            )


def _note_difference(journal: Journal, found: StoredPlan, rows: int) -> None:
    def note(connection: Connection) -> None:
        stored.hold(connection, found.id)
        if allows(stored.again(connection, found.id).view.state, PlanStep.DIFFERED):
            event = PlanEvent(PlanStep.DIFFERED, people.person(connection), _now(), rows=rows)
            stored.record(connection, found.id, event)

    journal.write(note)


def _approved(name: str, context: RunContext) -> tuple[Approved, StoredPlan | None]:
    """What a plan approves, from the journal by its name, else from a file of an earlier version."""
    parsed = parse_plan_name(name)
    if parsed is not None:
        everywhere = context.journal.read(stored.named, *parsed)
        here = [one for one in everywhere if one.view.environment == context.batch.environment]
        for found in [*here, *everywhere][:1]:
            view = found.view
            approved = Approved(
                format=approval.FORMAT,
                batch=view.batch,
                environment=view.environment,
                file=view.file,
                sha256=view.sha256,
                made_by=str(view.maker),
                made_at=view.made_at.isoformat(timespec="seconds"),
                rows=view.figures.rows,
                to_send=view.figures.to_send,
                amount=f"{view.figures.total:.2f}",
                e_mailed=view.figures.e_mailed,
                payloads=context.journal.read(stored.payloads, found.id),
            )
            return approved, found
    return read(Path(name)), None


def read(path: Path) -> Approved:
    """The plan file at `path`, as an earlier version wrote it. Raises InputError if it is not a plan."""
    try:
        approved = msgspec.json.decode(path.read_bytes(), type=Approved)
    except FileNotFoundError:
        raise InputError(
            "There is no plan {path}. Create one with the command plan, or check the name "
            "given with --plan. Nothing was sent.",
            path=path,
        ) from None
    except OSError as error:
        raise InputError(
            "Can't read the plan {path} ({error}). Check the file, or create a new plan. Nothing was sent.",
            path=path,
            error=error.strerror,
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(
            "{path} is not a plan of this program. Create one with the command plan. Nothing was sent.", path=path
        ) from None
    if approved.format != approval.FORMAT:
        raise InputError(
            "{path} is not a plan of this program. Create one with the command plan. Nothing was sent.", path=path
        )
    return approved


def candidates(context: RunContext, prepared: Prepared) -> Iterator[Candidate]:
    """Every valid row of a planned run, with a digest of what would be sent."""
    for row in planning.valid_rows(context.journal, prepared.run):
        digest = approval.digest(body(row.payment))
        yield Candidate(row.number, digest, sending=row.plan == "send", kept=row.plan == "keep")


def by(event: PlanEvent) -> dict[str, object]:
    """Who did something with a plan, and when, for a sentence."""
    return {"who": str(event.who), "time": f"{event.at:%Y-%m-%d %H:%M}"}


def _now() -> datetime:
    return datetime.now().astimezone()
