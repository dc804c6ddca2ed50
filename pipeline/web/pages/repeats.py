"""Each row that is held, beside the earlier request (page 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from pipeline.commands import draft_decisions, drafts
from pipeline.domain.drafts import Release
from pipeline.domain.errors import InputError
from pipeline.domain.model import Payment
from pipeline.journal.draft_rows import DraftRow, Group, Wanted
from pipeline.messages import explain
from pipeline.web.pages.draft import LISTED, AtDesk, RowLine, at_desk, once_checked, row_line
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit, whole_number

pages: Final = Pages()


@pages.get("drafts/{draft_id:int}/repeats")
@once_checked
def repeats(visit: Visit, at: AtDesk) -> Response:
    """Each row that is held, beside the earlier request."""
    return _repeats_page(visit, at)


def _repeats_page(visit: Visit, at: AtDesk, refused: str = "", ticked: Sequence[str] = ()) -> Response:
    number = visit.page_number
    found = drafts.page(at.desk, at.draft, Wanted(Group.REPEATS), offset=(number - 1) * LISTED, limit=LISTED)
    lines = [_repeat_line(row, row.payment, visit, ticked) for row in found.rows if row.payment is not None]
    return visit.page(
        "repeats.html",
        422 if refused else 200,
        draft=at.draft,
        rows=lines,
        count=found.count,
        held=drafts.sums(at.desk, at.draft)[Group.HELD].rows,
        page_number=number,
        pages=-(-found.count // LISTED),
        refused=refused,
    )


@dataclass(frozen=True, slots=True)
class _RepeatLine:
    row: RowLine
    release: Release | None
    ticked: bool


def _repeat_line(row: DraftRow, payment: Payment, visit: Visit, ticked: Sequence[str]) -> _RepeatLine:
    held = row.release.held if row.release else row.why_held
    told = visit.fault(held) if held else ""
    is_ticked = str(row.number) in ticked if ticked else row.release is not None
    return _RepeatLine(row_line(row.number, payment, told), row.release, is_ticked)


@pages.post("drafts/{draft_id:int}/repeats")
def decide_repeats(visit: Visit, draft_id: int) -> Response:
    """Send the ticked rows as other charges, with a note that says why; hold the others."""
    with at_desk(visit, draft_id) as at:
        note, ticked = " ".join(visit.text("note").split()), visit.texts("row")
        shown = {*map(whole_number, visit.texts("shown"))}
        try:
            draft_decisions.release_repeats(at.desk, at.draft, shown, {*map(whole_number, ticked)}, note)
        except InputError as failure:
            return _repeats_page(visit, at, explain(failure, visit.lang), ticked)
    return visit.go(f"drafts/{draft_id}/repeats")
