"""The rows that need it are corrected or left out, each cell beside its reason and remedy (page 8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from starlette.responses import Response

from pipeline.commands import drafts
from pipeline.domain.drafts import correction_notice
from pipeline.domain.errors import InputError
from pipeline.domain.model import Column
from pipeline.journal import drafts as kept
from pipeline.journal import queries
from pipeline.journal.draft_rows import DraftRow, Group, Wanted
from pipeline.report.formatting import column_names
from pipeline.web.pages.draft import AtDesk, at_desk, once_checked
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit, whole_number
from schemas.faults import how_to_fix
from schemas.fields import Field

pages: Final = Pages()

ON_A_PAGE: Final = 25
"""Rows of a page on which they are corrected."""
_OF_PAYOR: Final = (Field.FIRST_NAME, Field.LAST_NAME)


@dataclass(frozen=True, slots=True)
class _CellTold:
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _FixCell:
    column: int
    heading: str
    text: str
    told: list[_CellTold]
    alike: int
    history: str


@dataclass(frozen=True, slots=True)
class _FixRow:
    number: int
    name: str
    told: list[_CellTold]
    cells: list[_FixCell]
    notices: list[str]
    is_total: bool


@pages.get("drafts/{draft_id:int}/fix")
@once_checked
def fix(visit: Visit, at: AtDesk) -> Response:
    """The rows that need it, each cell beside its reason and remedy."""
    show = "left-out" if visit.request.query_params.get("show") == "left-out" else ""
    number = visit.page_number
    group = Group.LEFT_OUT if show else Group.TO_FIX
    found = drafts.page(at.desk, at.draft, Wanted(group), offset=(number - 1) * ON_A_PAGE, limit=ON_A_PAGE)
    if row := whole_number(visit.request.query_params.get("row", "")):
        found = replace(found, rows=tuple(drafts.rows(at.desk, at.draft, [row])))
    grid = _Grid(visit, at)
    return visit.page(
        "fix.html",
        draft=at.draft,
        show=show,
        rows=grid.rows(found.rows),
        count=found.count,
        page_number=number,
        pages=-(-found.count // ON_A_PAGE),
        marked=at.file.suffix.casefold() == ".xlsx",
        left_out=drafts.sums(at.desk, at.draft)[Group.LEFT_OUT].rows,
    )


class _Grid:
    """Makes the rows that are corrected from those of the draft."""

    def __init__(self, visit: Visit, at: AtDesk) -> None:
        assert at.draft.run is not None
        self._lang = visit.lang
        self._visit = visit
        self._alike = Counter[tuple[int, str]]()
        report = at.desk.journal.read(queries.report, at.draft.run)
        self._columns = report.columns
        self._names = column_names(report.columns, visit.lang)
        self._of = {column.field: column for column in report.columns if column.field}
        self._whole_names = [column for column in report.columns if column.has_whole_names]
        self._headings = {column.heading: column for column in report.columns}
        changed = at.desk.journal.read(kept.corrections_of, [at.draft.id])
        self._changed = {(one.row, one.column): one for one in changed if one.sheet == report.source.sheet}

    def rows(self, rows: Sequence[DraftRow]) -> list[_FixRow]:
        """Some rows that are shown together."""
        self._alike = Counter((at, text) for row in rows for at, text in enumerate(row.cells) if text.strip())
        return [self.row(row) for row in rows]

    def row(self, row: DraftRow) -> _FixRow:
        """A row with what is wrong with each cell, and above it what is wrong with the whole."""
        told: dict[int, list[_CellTold]] = {}
        whole = list[_CellTold]()
        for fault in row.faults:
            column = self._column(fault.field)
            said = _CellTold(self._visit.fault(fault, self._names), how_to_fix(fault, self._lang))
            place = whole if column is None else told.setdefault(column.index, [])
            if said not in place:  # one cell is both first and last name
                place.append(said)
        cells = [self._cell(row, column, told.get(column.index, [])) for column in self._shown(told)]
        beside = {cell.history for cell in cells}
        notices = [text for fault in row.notices if (text := self._visit.fault(fault, self._names)) not in beside]
        return _FixRow(row.number, self._name(row), whole, cells, notices, row.is_total)

    def _column(self, field: str) -> Column | None:
        """The column that a fault is about; None for the whole row."""
        of_whole_name = self._whole_names[0] if self._whole_names and field in _OF_PAYOR else None
        return self._of.get(field) or self._headings.get(field) or of_whole_name

    def _shown(self, told: MappingABC[int, object]) -> list[Column]:
        """The columns of a payment, and others that something is wrong with: the faulty ones first."""
        shown = [column for column in self._columns if column.field or column.has_whole_names or column.index in told]
        return sorted(shown, key=lambda column: column.index not in told)

    def _cell(self, row: DraftRow, column: Column, told: list[_CellTold]) -> _FixCell:
        history = ""
        if (one := self._changed.get((row.number, column.index))) is not None:
            history = self._visit.fault(correction_notice(one, one.before, column))
        alike = self._alike[column.index, row.cells[column.index]] if told else 0
        return _FixCell(column.index, column.heading, row.cells[column.index], told, alike, history)

    def _name(self, row: DraftRow) -> str:
        named = [self._of[field] for field in _OF_PAYOR if field in self._of] or self._whole_names
        parts = [row.cells[column.index] for column in named]
        return " ".join(part.strip() for part in parts if part.strip())


@pages.post("drafts/{draft_id:int}/correct")
def correct(visit: Visit, draft_id: int) -> Response:
    """Keep what was typed over the cells of a row; each that is checked again."""
    with at_desk(visit, draft_id) as at:
        number = _number(visit)
        before = {row.number: row for row in drafts.rows(at.desk, at.draft, [number])}.get(number)
        changed = list[DraftRow]()
        if before is None:
            raise InputError("The sheet has no row {row} that could be sent. Check the row number.", row=number)
        for name, value in visit.form.multi_items():
            if not name.startswith("cell-") or not isinstance(value, str) or not name[5:].isdecimal():
                continue
            column = int(name[5:])
            if column < len(before.cells) and _typed(value) != _typed(before.cells[column]):
                if visit.text(f"alike-{column}") == "yes":
                    changed += drafts.correct_all_alike(at.desk, at.draft, column, before.cells[column], value)
                else:
                    changed += drafts.correct(at.desk, at.draft, number, column, value)
        if visit.wants_fragment:
            return _fragment(visit, at.again(), [before, *(row for row in changed if row.number == number)][-1])
    return visit.go(f"drafts/{draft_id}/fix")


def _typed(text: str) -> str:
    """A text as a form gives it back: line breaks are the form's own."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", " ")


def _fragment(visit: Visit, at: AtDesk, row: DraftRow) -> Response:
    """The row again, for a page that stays open; and how many are left."""
    left = drafts.sums(at.desk, at.draft)[Group.TO_FIX].rows
    return visit.page(
        "fixed.html", draft=at.draft, row=_Grid(visit, at).row(row), left=left, fixed=row.group is not Group.TO_FIX
    )


@pages.post("drafts/{draft_id:int}/leave-out")
def leave_out(visit: Visit, draft_id: int) -> Response:
    """Leave a row out, with a reason."""
    with at_desk(visit, draft_id) as at:
        drafts.leave_out(at.desk, at.draft, _number(visit), visit.text("reason"))
    return visit.go(f"drafts/{draft_id}/fix")


@pages.post("drafts/{draft_id:int}/take-back")
def take_back(visit: Visit, draft_id: int) -> Response:
    """A row that was left out is sent after all."""
    with at_desk(visit, draft_id) as at:
        drafts.take_back(at.desk, at.draft, _number(visit))
    return visit.go(f"drafts/{draft_id}/fix")


def _number(visit: Visit) -> int:
    number = whole_number(visit.text("row"))
    if not number:
        told = visit.text("row") or "?"
        raise InputError("The sheet has no row {row} that could be sent. Check the row number.", row=told)
    return number


@pages.get("drafts/{draft_id:int}/marked-copy.xlsx")
def marked_copy(visit: Visit, draft_id: int) -> Response:
    """A copy of the person's own workbook with the faulty cells coloured."""
    with at_desk(visit, draft_id) as at:

        def make(folder: Path) -> Path:
            path = folder / f"{Path(at.draft.file).stem}.marked.xlsx"
            drafts.marked_copy(at.desk, at.draft, path, visit.lang)
            return path

        return visit.download(make)
