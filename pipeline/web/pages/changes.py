"""What differs from the month before (page 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from pipeline.commands import draft_decisions
from pipeline.domain.comparison import Change, ChangeKind
from pipeline.domain.drafts import Decision
from pipeline.messages import N_
from pipeline.web.pages.draft import AtDesk, at_desk, once_checked
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit

pages: Final = Pages()

SHOWN_CHANGES: Final = 200


@dataclass(frozen=True, slots=True)
class _ChangeLine:
    change: Change
    key: str = ""
    tick: Decision | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    title: str
    changes: list[_ChangeLine]
    tick: bool


_KINDS: Final = {
    ChangeKind.SLIP: N_("Likely typing errors"),
    ChangeKind.CHANGED: N_("Other amounts"),
    ChangeKind.NEW: N_("New payors"),
    ChangeKind.GONE: N_("Payors of the month before who are not asked now"),
}


@pages.get("drafts/{draft_id:int}/changes")
@once_checked
def changes(visit: Visit, at: AtDesk) -> Response:
    """What differs from the month before; a likely typing error must be ticked."""
    return _changes_page(visit, at)


def _changes_page(visit: Visit, at: AtDesk, refused: str = "") -> Response:
    compared = draft_decisions.compared(at.desk, at.draft)
    others = [_ChangeLine(change) for change in compared.changes if change.kind is not ChangeKind.SLIP]
    found = [*(_ChangeLine(slip.change, slip.key, slip.tick) for slip in compared.slips), *others]
    kinds_of = [
        _Kind(visit.say(title), [line for line in found if line.change.kind is kind], kind is ChangeKind.SLIP)
        for kind, title in _KINDS.items()
    ]
    return visit.page(
        "changes.html",
        422 if refused else 200,
        draft=at.draft,
        compared=compared.batch,
        choosable=compared.choosable,
        kinds=kinds_of,
        most=SHOWN_CHANGES,
        refused=refused,
    )


def has_slips(at: AtDesk) -> bool:
    """Whether something that looks like a typing error would be sent and nobody has ticked it."""
    return any(slip.tick is None for slip in draft_decisions.compared(at.desk, at.draft).slips)


@pages.post("drafts/{draft_id:int}/compare")
def choose_month(visit: Visit, draft_id: int) -> Response:
    """Choose the batch of the month before."""
    with at_desk(visit, draft_id) as at:
        draft_decisions.compare(at.desk, at.draft, visit.text("compare"))
    return visit.go(f"drafts/{draft_id}/changes")


@pages.post("drafts/{draft_id:int}/changes")
def tick_changes(visit: Visit, draft_id: int) -> Response:
    """Keep which likely typing errors are right."""
    with at_desk(visit, draft_id) as at:
        if draft_decisions.tick_slips(at.desk, at.draft, frozenset(visit.texts("slip"))):
            return _changes_page(
                visit, at, visit.say("Tick each likely typing error that is right, or correct its row first.")
            )
    return visit.go(f"drafts/{draft_id}/summary")
