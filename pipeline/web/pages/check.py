"""What the sheet comes to: ready, to fix, held, and the totals beside ours (page 7)."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from starlette.responses import Response

from pipeline.commands import draft_decisions, drafts
from pipeline.config import kinds
from pipeline.domain.control_totals import CauseFinder
from pipeline.domain.model import ControlTotal
from pipeline.journal import queries
from pipeline.journal.draft_rows import DraftRow, Group, Wanted
from pipeline.report.formatting import column_names, control_name
from pipeline.report.summary import cause_of
from pipeline.web.pages.draft import LISTED, AtDesk, at_desk, is_sending, once_checked
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit
from schemas.money import from_cents

pages: Final = Pages()


@dataclass(frozen=True, slots=True)
class _ControlLine:
    where: str
    expected: str
    found: str
    difference: str
    agrees: bool
    cause: str


@pages.get("drafts/{draft_id:int}/check")
@once_checked
def check(visit: Visit, at: AtDesk) -> Response:
    """What the sheet comes to."""
    if is_sending(visit, at.draft.batch):
        return visit.go(f"batches/{at.draft.batch}/sending")
    return _check_page(visit, at)


@pages.post("drafts/{draft_id:int}/total")
def compare_total(visit: Visit, draft_id: int) -> Response:
    """Keep the total of the billing program, and show it beside ours; an empty one takes it back."""
    with at_desk(visit, draft_id) as at:
        typed = visit.text("total").strip()
        try:
            draft_decisions.expect_total(at.desk, at.draft, kinds.dollars(typed) if typed else None)
        except kinds.InvalidValue:
            return _check_page(visit, at, typed)
    return visit.go(f"drafts/{draft_id}/check")


def _check_page(visit: Visit, at: AtDesk, unreadable: str = "") -> Response:
    desk, run = at.desk, at.draft.run
    assert run is not None
    groups = drafts.sums(desk, at.draft)
    report = desk.journal.read(queries.report, run)
    names = column_names(report.columns, visit.lang)
    noticed = drafts.page(desk, at.draft, Wanted(Group.NOTICED), limit=LISTED)
    all_rows = from_cents(drafts.forecast(desk, at.draft).cents)
    expected = draft_decisions.total_beside(desk.journal, at.draft, all_rows)
    return visit.page(
        "check.html",
        422 if unreadable else 200,
        draft=at.draft,
        groups={
            "ready": groups[Group.READY],
            "fix": groups[Group.TO_FIX],
            "held": groups[Group.HELD],
            "unknown": groups[Group.REVIEW],
            "kept": groups[Group.KEPT],
            "left_out": groups[Group.LEFT_OUT],
        },
        controls=control_lines(at, report.controls, visit),
        notices=report.notices,
        row_notices=[_told_of(row, names, visit) for row in noticed.rows],
        row_notices_count=noticed.count,
        all_rows=all_rows,
        expected=expected,
        unreadable=unreadable,
        refused="",
    )


def control_lines(at: AtDesk, controls: Sequence[ControlTotal], visit: Visit) -> list[_ControlLine]:
    """The sheet's totals beside ours; the rows are read for a cause only where one differs."""
    assert at.draft.run is not None
    causes = CauseFinder(controls)
    if not all(control.agrees for control in controls):
        for row in queries.report_rows(at.desk.journal, at.draft.run):
            causes.add(row)
    return [_control(control, causes, visit) for control in controls]


def _control(control: ControlTotal, causes: CauseFinder, visit: Visit) -> _ControlLine:
    def shown(figure: Decimal) -> str:
        return f"{figure:f}" if control.counts_rows else visit.money(figure)

    return _ControlLine(
        control_name(control, visit.lang),
        shown(Decimal(control.expected)),
        shown(Decimal(control.found)),
        shown(control.difference),
        control.agrees,
        "" if control.agrees else cause_of(causes.likely_cause(control), visit.lang),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    number: int
    told: list[str]


def _told_of(row: DraftRow, names: MappingABC[str, str], visit: Visit) -> _Told:
    return _Told(row.number, [visit.fault(fault, names) for fault in row.notices])
