"""From a dropped sheet to a batch that is ready to be sent (pages 4 to 11)."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as MappingABC
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial, wraps
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from pipeline.commands import columns as columns_command
from pipeline.commands import draft_decisions, drafts
from pipeline.commands.draft_choices import with_choices, with_total
from pipeline.commands.drafts import Desk
from pipeline.commands.options import Request
from pipeline.commands.plan import approve, check_approvable, look, plan_of_draft, plans, send_back
from pipeline.config import kinds
from pipeline.domain.approval import PlanState
from pipeline.domain.comparison import Change, ChangeKind
from pipeline.domain.control_totals import CauseFinder
from pipeline.domain.drafts import Choices, Decision, Release, correction_notice
from pipeline.domain.errors import InputError, RunError, UsageError
from pipeline.domain.model import Column, ControlTotal, Mapping, Payment
from pipeline.domain.months import month_in
from pipeline.domain.plan_summary import PlanView
from pipeline.journal import drafts as kept
from pipeline.journal import planning, queries, runs
from pipeline.journal.draft_rows import DraftRow, Group, Wanted
from pipeline.journal.drafts import Draft
from pipeline.messages import N_, explain
from pipeline.reader import SheetPreview, batch_named_in, preview
from pipeline.report import plan_page
from pipeline.report.formatting import column_names, control_name
from pipeline.report.masking import mask
from pipeline.report.summary import cause_of
from pipeline.web import uploads
from pipeline.web.jobs import SENDING, Job
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit, ignore, whole_number
from schemas.faults import how_to_fix
from schemas.fields import FIELDS, LABELS, Field
from schemas.languages import LANGUAGES
from schemas.money import from_cents
from schemas.workbook_names import sheet_name

pages: Final = Pages()

ON_A_PAGE: Final = 25
"""Rows of a page on which they are corrected."""
LISTED: Final = 100
"""Rows of a page that only shows them."""
LARGEST: Final = 5
ACCOUNTS: Final = 10
"""Accounts that are shown, those of the most rows first."""
SHOWN_CHANGES: Final = 200
SAMPLE: Final = {"en": "sample.csv", "fr": "exemple.csv"}
_NAMES: Final = "names:"
"""What a column of whole names is chosen as, with the order of the names behind it."""
_OF_PAYOR: Final = (Field.FIRST_NAME, Field.LAST_NAME)


def _file_of(folder: Path, draft: Draft) -> Path:
    """The sheet of a draft. Raises UsageError when it is not here."""
    file = uploads.find(folder, draft.sha256, draft.file)
    if file is None:
        raise UsageError(
            "The file {file} is not on this computer: {who} works on it elsewhere. Drop the same file on the page "
            "New month to go on with it here.",
            file=draft.file,
            who=draft.changed_by,
        )
    return file


@contextmanager
def _desk(visit: Visit) -> Iterator[Desk]:
    with drafts.opened(visit.settings, partial(_file_of, _sheets(visit)), ignore, in_sandbox=visit.in_sandbox) as desk:
        yield desk


@dataclass(frozen=True, slots=True)
class _At:
    """A draft at its desk; `file` is its sheet, in the private folder of the page."""

    desk: Desk
    draft: Draft
    file: Path

    def again(self) -> _At:
        """The same with the draft as it is now."""
        return _At(self.desk, self.desk.journal.read(kept.get, self.draft.id) or self.draft, self.file)


@contextmanager
def _draft(visit: Visit, draft_id: int) -> Iterator[_At]:
    with _desk(visit) as desk:
        draft = desk.journal.read(kept.get, draft_id)
        if draft is None or draft.environment != desk.place.name:
            raise UsageError("This sheet was discarded, or is another environment's.")
        at = _At(desk, draft, desk.file_of(draft))
        by = visit.site.checked_by.setdefault((visit.place, draft_id), desk.settings)
        if (
            draft.run is not None
            and not _is_sending(visit, draft)
            # A run has sent some of its rows since they were planned, or the set-up has changed.
            and (desk.journal.read(runs.batch_revision, draft.run)[1] or by != desk.settings)
        ):
            drafts.check(desk, draft, ignore)
            visit.site.checked_by[visit.place, draft_id] = desk.settings
            at = at.again()
        yield at


def _once_checked(page: Callable[[Visit, _At], Response]) -> Callable[[Visit, int], Response]:
    """A page of a draft whose rows have been checked; before that it leads to the page of the sheet."""

    @wraps(page)
    def answer(visit: Visit, draft_id: int) -> Response:
        with _draft(visit, draft_id) as at:
            return visit.go(f"drafts/{draft_id}/sheet") if at.draft.run is None else page(visit, at)

    return answer


def _sheets(visit: Visit) -> Path:
    return visit.site.folder / "sheets"


# ---------------------------------------------------------------------------------------------------------------
# Page 4: drop a sheet


@pages.get("new")
def new(visit: Visit) -> Response:
    """Where a sheet is dropped."""
    if not visit.environment:
        return visit.go("setup")
    return visit.page("new.html", refused="")


@pages.post("new")
def drop(visit: Visit) -> Response:
    """Take a sheet; what the reader refuses is told in place."""
    upload = visit.form.get("sheet")
    try:
        if not isinstance(upload, UploadFile):
            raise InputError("Choose a file first.")
        return _taken(visit, uploads.keep(_sheets(visit), upload), upload.filename or "")
    except RunError as failure:
        return visit.page("new.html", 422, refused=explain(failure, visit.lang))


@pages.post("sample")
def sample(visit: Visit) -> Response:
    """The sample sheet, in practice alone."""
    if not visit.in_sandbox:
        return visit.go("new")
    name = SAMPLE[visit.lang]
    content = (files("pipeline.web") / "samples" / name).read_bytes()
    return _taken(visit, uploads.keep_file(_sheets(visit), name, io.BytesIO(content)), name)


def _taken(visit: Visit, file: Path, name: str) -> Response:
    """The draft of a sheet that can be read."""
    preview(file, Mapping())
    with _desk(visit) as desk:
        draft = drafts.open_draft(desk, file, uploads.plain_name(name)).draft
    return visit.go(f"drafts/{draft.id}/sheet")


@pages.get("template.xlsx")
def template(visit: Visit) -> Response:
    """An empty billing sheet in the language of the page."""
    from pipeline.report.template import template as made  # noqa: PLC0415 - openpyxl, for this page alone

    def make(folder: Path) -> Path:
        path = folder / visit.say("billing-template.xlsx")
        path.write_bytes(made(visit.lang))
        return path

    return visit.download(make)


@pages.post("drafts/{draft_id:int}/discard")
def discard(visit: Visit, draft_id: int) -> Response:
    """Remove a draft that is not wanted any more, and its sheet from this computer."""
    with _draft(visit, draft_id) as at:
        if _is_sending(visit, at.draft):
            return visit.go(f"batches/{at.draft.batch}/sending")
        drafts.discard(at.desk, at.draft)
        uploads.remove(_sheets(visit), at.draft.sha256)
    return visit.go()


# ---------------------------------------------------------------------------------------------------------------
# Page 5: sheet and batch


@pages.get("drafts/{draft_id:int}")
def draft(visit: Visit, draft_id: int) -> Response:
    """Where somebody goes on who comes back."""
    with _draft(visit, draft_id) as at:
        return visit.go(f"drafts/{draft_id}/{'sheet' if at.draft.run is None else 'check'}")


@pages.get("drafts/{draft_id:int}/sheet")
def sheet(visit: Visit, draft_id: int) -> Response:
    """Which sheets are billed, and what the batch is called."""
    with _draft(visit, draft_id) as at:
        return _sheet_page(visit, at, at.draft.batch or batch_named_in(at.file) or _proposed(at))


def _sheet_page(visit: Visit, at: _At, batch: str, refused: str = "", taken: str = "") -> Response:
    sheets = preview(at.file, Mapping())
    chosen = at.draft.choices.sheets or tuple(_to_bill(sheets))
    opened = drafts.open_draft(at.desk, at.file, at.draft.file)
    example = f"{batch.split('-', 1)[0] or 'billing'}-{datetime.now().astimezone():%Y-%m}"
    return visit.page(
        "sheet.html",
        422 if refused else 200,
        draft=at.draft,
        sheets=sheets,
        chosen=chosen,
        batch=batch,
        example=example,
        sent_before=opened.sent,
        refused=refused,
        taken=taken,
    )


def _to_bill(sheets: Sequence[SheetPreview]) -> Iterator[str]:
    """The sheet that is most likely meant: in a workbook of ours what is to be fixed, else what became of each row."""
    ours = sorted((one for one in sheets if one.is_ours), key=lambda one: one.name not in _TO_FIX or not _has_rows(one))
    found = [one for one in sheets if not one.is_hidden and sum(1 for field in one.fields if field) > 1]
    yield from [one.name for one in ours or found][:1]


def _has_rows(sheet: SheetPreview) -> bool:
    return any(sum(1 for cell in record.cells if cell.strip()) > 1 for record in sheet.rows)


_TO_FIX: Final = frozenset(sheet_name("Errors", lang) for lang in LANGUAGES)


def _proposed(at: _At) -> str:
    """The name of the file, with its month behind it where it names no year: so the month before is found by it."""
    stem = Path(at.draft.file).stem
    name = stem if _YEAR.search(stem) else f"{stem}-{_month_of(stem, datetime.now().astimezone())}"
    taken = {line.name for line in at.desk.journal.read(queries.batch_names)}
    taken |= {other.batch for other in _other_drafts(at)}
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _other_drafts(at: _At) -> list[Draft]:
    """The other sheets that are not sent yet."""
    return [one for one in at.desk.journal.read(kept.unsent, at.desk.place.name) if one.id != at.draft.id]


_YEAR: Final = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
"""A year in the name of a file: then it names its month."""


def _month_of(name: str, now: datetime) -> str:
    """The month that a name has in words, as near to now as it can be, else this month."""
    month = month_in(name)
    if month is None:
        return f"{now:%Y-%m}"
    ahead = (month - now.month + 5) % 12 - 5  # from five months ago to six months ahead
    return f"{now.year + (now.month + ahead - 1) // 12}-{month:02}"


def _last_run(at: _At, batch: str) -> datetime | None:
    """When a batch of this name was last sent here."""
    for line in at.desk.journal.read(queries.batch_names):
        if (line.name, line.environment) == (batch, at.desk.place.name):
            return line.last_run_at
    return None


@pages.post("drafts/{draft_id:int}/sheet")
def choose_sheet(visit: Visit, draft_id: int) -> Response:
    """Keep what was chosen; on to the columns, or past them where all is certain."""
    with _draft(visit, draft_id) as at:
        batch = " ".join(visit.text("batch").split())
        if not batch:
            return _sheet_page(visit, at, batch, visit.say("Give the batch a name."))
        is_meant = batch == at.draft.batch or visit.text("continue") == batch
        if not is_meant and (taken := _taken_by(visit, at, batch)):
            return _sheet_page(visit, at, batch, taken, taken=batch)
        hidden: Any = visit.text("hidden") if visit.text("hidden") in {"skip", "include"} else "refuse"
        choices = replace(at.draft.choices, sheets=tuple(visit.texts("sheets")), hidden=hidden)
        if not choices.map and choices.split_names is None:
            choices = _as_last_month(at, choices)
        drafts.choose(at.desk, at.draft, batch, choices)
        chosen = at.again()
        try:
            view = columns_command.columns(_request(chosen, visit), ignore, None)
        except RunError:
            return visit.go(f"drafts/{draft_id}/columns")
        if all(one.column.why in _CERTAIN for one in view.columns) and not view.notices:
            return _checked(visit, chosen)
    return visit.go(f"drafts/{draft_id}/columns")


def _taken_by(visit: Visit, at: _At, batch: str) -> str:
    """What a person must know before another sheet gets the name of a batch; "" where no other has it."""
    if (last := _last_run(at, batch)) is not None:
        return visit.say(
            "A batch of this name was sent on {date}. Choose another name, or continue that batch.",
            date=visit.day(last),
        )
    same = next((one for one in _other_drafts(at) if one.batch == batch), None)
    if same is None:
        return ""
    return visit.say(
        "The sheet {file}, which is not sent yet, has this name too. Choose another name, or have both sheets in one "
        "batch.",
        file=same.file,
    )


_CERTAIN: Final = frozenset({"why_exact", "why_alias", "why_own", "why_mapping", "why_split", "why_ignored"})


def _as_last_month(at: _At, choices: Choices) -> Choices:
    """The columns as they were chosen for the last sheet that has all these headings."""
    there = {heading.strip() for one in preview(at.file, Mapping()) for heading in one.headings}
    for other in at.desk.journal.read(kept.of_environment, at.desk.place.name):
        mapped = [heading_of(one) for one in other.choices.map]
        split = (other.choices.split_names or "").rpartition(":")[0]
        wanted = {*mapped, *([split] if split else [])}
        if other.id != at.draft.id and wanted and wanted <= there:
            theirs = other.choices
            return replace(
                choices,
                map=theirs.map,
                split_names=theirs.split_names,
                allow_open_amount=theirs.allow_open_amount,
            )
    return choices


def heading_of(option: str) -> str:
    """The heading of an option `--map`."""
    return option.rpartition("=")[0].strip()


def _request(at: _At, visit: Visit) -> Request:
    return with_choices(Request(at.file, sandbox=visit.in_sandbox, lang=visit.lang), at.draft)


# ---------------------------------------------------------------------------------------------------------------
# Page 6: columns


@dataclass(frozen=True, slots=True)
class _ColumnLine:
    letter: str
    heading: str
    values: tuple[str, ...]
    field: str
    why: str


@pages.get("drafts/{draft_id:int}/columns")
def columns(visit: Visit, draft_id: int) -> Response:
    """What each column is taken for, and why."""
    with _draft(visit, draft_id) as at:
        return _columns_page(visit, at)


def _columns_page(visit: Visit, at: _At, refused: str = "") -> Response:
    notices: Sequence[Any] = ()
    try:
        view = columns_command.columns(_request(at, visit), ignore, None)
        lines = [
            _ColumnLine(
                one.letter,
                one.column.heading,
                one.values,
                _chosen(one.column, at.draft.choices),
                visit.say(columns_command.WHY[one.column.why]),
            )
            for one in view.columns
        ]
        notices = view.notices
    except RunError as failure:
        refused = refused or explain(failure, visit.lang)
        lines = _guessed(at)
    required = {rule.field for rule in FIELDS if rule.required}
    fields = [
        (field.value, LABELS[visit.lang][field], field in required)
        for field in sorted(Field, key=lambda one: one not in required)
    ]
    return visit.page(
        "columns.html",
        422 if refused else 200,
        draft=at.draft,
        columns=lines,
        fields=fields,
        notices=notices,
        refused=refused,
    )


def _chosen(column: Column, choices: Choices) -> str:
    if column.has_whole_names:
        order = (choices.split_names or "").rpartition(":")[2]
        return f"{_NAMES}{order}" if order in {"given-first", "surname-first"} else f"{_NAMES}surname-first"
    return column.field or ""


def _guessed(at: _At) -> list[_ColumnLine]:
    """The headings of a sheet that can't be read as it is: what each is known for, and what was chosen."""
    sheets = preview(at.file, Mapping())
    wanted = at.draft.choices.sheets or tuple(_to_bill(sheets))
    sheet = next((one for one in sheets if one.name in wanted), sheets[0])
    chosen = {heading_of(one): one.rpartition("=")[2].strip() for one in at.draft.choices.map}
    return [
        _ColumnLine(
            "",
            heading.strip(),
            tuple(record.cells[index] if index < len(record.cells) else "" for record in sheet.rows),
            str(chosen.get(heading.strip(), field or "")),
            "",
        )
        for index, (heading, field) in enumerate(zip(sheet.headings, sheet.fields, strict=True))
        if heading.strip()
    ]


@pages.post("drafts/{draft_id:int}/columns")
def choose_columns(visit: Visit, draft_id: int) -> Response:
    """Keep what each column is, and check the rows."""
    with _draft(visit, draft_id) as at:
        known = {line.heading: line.field for line in _guessed(_At(at.desk, _unmapped(at.draft), at.file))}
        mapped, split = list[str](), None
        for heading, field in zip(visit.texts("heading"), visit.texts("field"), strict=False):
            if field.startswith(_NAMES):
                split = f"{heading}:{field.removeprefix(_NAMES)}"
            elif field != known.get(heading, ""):
                mapped.append(f"{heading}={field or 'ignore'}")
        is_open = visit.text("open") == "yes"
        choices = replace(at.draft.choices, map=tuple(mapped), split_names=split, allow_open_amount=is_open)
        drafts.choose(at.desk, at.draft, at.draft.batch, choices)
        return _checked(visit, at.again())


def _unmapped(draft: Draft) -> Draft:
    return replace(draft, choices=Choices(draft.choices.sheets))


def _checked(visit: Visit, at: _At) -> Response:
    """Check the rows, and show what came of it; what can't be read is told with the columns."""
    try:
        drafts.check(at.desk, at.draft, ignore)
    except RunError as failure:
        return _columns_page(visit, at, explain(failure, visit.lang))
    return visit.go(f"drafts/{at.draft.id}/check")


# ---------------------------------------------------------------------------------------------------------------
# Page 7: check


@dataclass(frozen=True, slots=True)
class _ControlLine:
    where: str
    expected: str
    found: str
    difference: str
    agrees: bool
    cause: str


@pages.get("drafts/{draft_id:int}/check")
@_once_checked
def check(visit: Visit, at: _At) -> Response:
    """What the sheet comes to."""
    if _is_sending(visit, at.draft):
        return visit.go(f"batches/{at.draft.batch}/sending")
    return _check_page(visit, at)


@pages.post("drafts/{draft_id:int}/total")
def compare_total(visit: Visit, draft_id: int) -> Response:
    """Keep the total of the billing program, and show it beside ours; an empty one takes it back."""
    with _draft(visit, draft_id) as at:
        typed = visit.text("total").strip()
        try:
            draft_decisions.expect_total(at.desk, at.draft, kinds.dollars(typed) if typed else None)
        except kinds.InvalidValue:
            return _check_page(visit, at, typed)
    return visit.go(f"drafts/{draft_id}/check")


def _check_page(visit: Visit, at: _At, unreadable: str = "") -> Response:
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
        controls=_controls(at, report.controls, visit),
        notices=report.notices,
        row_notices=[_told_of(row, names, visit) for row in noticed.rows],
        row_notices_count=noticed.count,
        all_rows=all_rows,
        expected=expected,
        unreadable=unreadable,
        refused="",
    )


def _controls(at: _At, controls: Sequence[ControlTotal], visit: Visit) -> list[_ControlLine]:
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


# ---------------------------------------------------------------------------------------------------------------
# Page 8: fix


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
@_once_checked
def fix(visit: Visit, at: _At) -> Response:
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

    def __init__(self, visit: Visit, at: _At) -> None:
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
    with _draft(visit, draft_id) as at:
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


def _fragment(visit: Visit, at: _At, row: DraftRow) -> Response:
    """The row again, for a page that stays open; and how many are left."""
    left = drafts.sums(at.desk, at.draft)[Group.TO_FIX].rows
    return visit.page(
        "fixed.html", draft=at.draft, row=_Grid(visit, at).row(row), left=left, fixed=row.group is not Group.TO_FIX
    )


@pages.post("drafts/{draft_id:int}/leave-out")
def leave_out(visit: Visit, draft_id: int) -> Response:
    """Leave a row out, with a reason."""
    with _draft(visit, draft_id) as at:
        drafts.leave_out(at.desk, at.draft, _number(visit), visit.text("reason"))
    return visit.go(f"drafts/{draft_id}/fix")


@pages.post("drafts/{draft_id:int}/take-back")
def take_back(visit: Visit, draft_id: int) -> Response:
    """A row that was left out is sent after all."""
    with _draft(visit, draft_id) as at:
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
    with _draft(visit, draft_id) as at:

        def make(folder: Path) -> Path:
            path = folder / f"{Path(at.draft.file).stem}.marked.xlsx"
            drafts.marked_copy(at.desk, at.draft, path, visit.lang)
            return path

        return visit.download(make)


# ---------------------------------------------------------------------------------------------------------------
# Pages 9 and 10: repeats, changes


@dataclass(frozen=True, slots=True)
class _RowLine:
    number: int
    reference: str
    name: str
    amount: Decimal | None
    told: str = ""


def _line(number: int, payment: Payment, told: str = "") -> _RowLine:
    return _RowLine(number, payment.reference_id, f"{payment.first_name} {payment.last_name}", payment.amount, told)


@pages.get("drafts/{draft_id:int}/repeats")
@_once_checked
def repeats(visit: Visit, at: _At) -> Response:
    """Each row that is held, beside the earlier request."""
    return _repeats_page(visit, at)


def _repeats_page(visit: Visit, at: _At, refused: str = "", ticked: Sequence[str] = ()) -> Response:
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
    row: _RowLine
    release: Release | None
    ticked: bool


def _repeat_line(row: DraftRow, payment: Payment, visit: Visit, ticked: Sequence[str]) -> _RepeatLine:
    held = row.release.held if row.release else row.why_held
    told = visit.fault(held) if held else ""
    is_ticked = str(row.number) in ticked if ticked else row.release is not None
    return _RepeatLine(_line(row.number, payment, told), row.release, is_ticked)


@pages.post("drafts/{draft_id:int}/repeats")
def decide_repeats(visit: Visit, draft_id: int) -> Response:
    """Send the ticked rows as other charges, with a note that says why; hold the others."""
    with _draft(visit, draft_id) as at:
        note, ticked = " ".join(visit.text("note").split()), visit.texts("row")
        shown = {*map(whole_number, visit.texts("shown"))}
        try:
            draft_decisions.release_repeats(at.desk, at.draft, shown, {*map(whole_number, ticked)}, note)
        except InputError as failure:
            return _repeats_page(visit, at, explain(failure, visit.lang), ticked)
    return visit.go(f"drafts/{draft_id}/repeats")


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
    ChangeKind.GONE: N_("Payors of the month before who are not here"),
}


@pages.get("drafts/{draft_id:int}/changes")
@_once_checked
def changes(visit: Visit, at: _At) -> Response:
    """What differs from the month before; a likely typing error must be ticked."""
    return _changes_page(visit, at)


def _changes_page(visit: Visit, at: _At, refused: str = "") -> Response:
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


def _has_slips(at: _At) -> bool:
    """Whether something that looks like a typing error would be sent and nobody has ticked it."""
    return any(slip.tick is None for slip in draft_decisions.compared(at.desk, at.draft).slips)


@pages.post("drafts/{draft_id:int}/compare")
def choose_month(visit: Visit, draft_id: int) -> Response:
    """Choose the batch of the month before."""
    with _draft(visit, draft_id) as at:
        draft_decisions.compare(at.desk, at.draft, visit.text("compare"))
    return visit.go(f"drafts/{draft_id}/changes")


@pages.post("drafts/{draft_id:int}/changes")
def tick_changes(visit: Visit, draft_id: int) -> Response:
    """Keep which likely typing errors are right."""
    with _draft(visit, draft_id) as at:
        if draft_decisions.tick_slips(at.desk, at.draft, frozenset(visit.texts("slip"))):
            return _changes_page(
                visit, at, visit.say("Tick each likely typing error that is right, or correct its row first.")
            )
    return visit.go(f"drafts/{draft_id}/summary")


# ---------------------------------------------------------------------------------------------------------------
# Page 11: summary, and off it goes


@pages.get("drafts/{draft_id:int}/summary")
@_once_checked
def summary(visit: Visit, at: _At) -> Response:
    """What would be sent, for the last look."""
    if _is_sending(visit, at.draft):
        return visit.go(f"batches/{at.draft.batch}/sending")
    if _has_slips(at):
        return visit.go(f"drafts/{at.draft.id}/changes")
    return _summary_page(visit, at)


def _summary_page(visit: Visit, at: _At, refused: str = "") -> Response:
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
        amount=from_cents(forecast.to_send_cents),
        largest=to_send.largest,
        accounts=to_send.accounts[:ACCOUNTS],
        more_accounts=max(len(to_send.accounts) - ACCOUNTS, 0),
        digest=to_send.digest,
        second_person=visit.settings.second_person_required,
        plan=next(iter(_plans_of(visit, at.draft)), None),
        plan_states=plan_page.STATES,
        differing=[one for one in _controls(at, report.controls, visit) if not one.agrees],
        continued=_continued(at),
        expected=draft_decisions.total_beside(at.desk.journal, at.draft, from_cents(forecast.cents)),
        refused=refused,
    )


def _plans_of(visit: Visit, draft: Draft) -> Iterator[PlanView]:
    """The plan of a draft with which somebody has something to do."""
    states = {PlanState.MADE, PlanState.APPROVED, PlanState.SENT_BACK}
    for view in plans(visit.settings, in_sandbox=visit.in_sandbox, states=states):
        if view.sha256 == draft.sha256 and view.batch == draft.batch:
            yield view


def _continued(at: _At) -> datetime | None:
    """When another sheet was sent as this batch; None when this one is its first, or was sent too."""
    assert at.draft.run is not None
    batch = at.desk.journal.read(runs.batch_of, at.draft.run)
    if at.desk.journal.read(runs.has_run, batch.id, at.draft.sha256):
        return None
    return _last_run(at, at.draft.batch)


@dataclass(frozen=True, slots=True)
class _ToSend:
    """The rows that would be sent: the largest, the accounts with their rows, and all of them in short."""

    largest: list[_RowLine]
    accounts: list[tuple[str, int]]
    digest: str


def _to_send(at: _At) -> _ToSend:
    assert at.draft.run is not None
    with at.desk.journal.reading() as connection:
        largest = planning.largest_to_send(connection, at.draft.run, LARGEST)
        digest, accounts = planning.contents_to_send(connection, at.draft.run)
    shown = Counter[str]()
    for account, number in accounts.items():
        shown[mask(account)] += number
    return _ToSend([_line(row.number, row.payment) for row in largest], shown.most_common(), digest)


@pages.post("drafts/{draft_id:int}/plan")
def ask_for_approval(visit: Visit, draft_id: int) -> Response:
    """Keep the plan of what was shown, for another person to approve."""
    with _draft(visit, draft_id) as at:
        if (elsewhere := _not_yet(visit, at)) is not None:
            return elsewhere
        view = plan_of_draft(at.desk, at.draft)
    return visit.go(f"plans/{view.name}")


def _not_yet(visit: Visit, at: _At) -> Response | None:
    """Where a person must look before what was shown is sent or planned; None when it may be."""
    if _is_sending(visit, at.draft):
        return visit.go(f"batches/{at.draft.batch}/sending")
    if _has_slips(at):
        return visit.go(f"drafts/{at.draft.id}/changes")
    if visit.text("digest") != _to_send(at).digest:
        return _summary_page(visit, at, visit.say(_CHANGED))
    draft_decisions.accept_difference(at.desk, at.draft, visit.text("difference"))
    expected = draft_decisions.expected_total(at.desk, at.draft)
    if expected is not None and not expected.is_settled:
        return _summary_page(visit, at, explain(draft_decisions.differs(expected), visit.lang))
    return None


def _is_sending(visit: Visit, draft: Draft) -> bool:
    job = visit.site.jobs.of(visit.place, draft.batch)
    return job is not None and job.running


_CHANGED: Final = N_("Something has changed since this page was shown. Look at it again, then send.")


@pages.post("drafts/{draft_id:int}/send")
def send(visit: Visit, draft_id: int) -> Response:
    """Send exactly what was shown, or nothing."""
    with _draft(visit, draft_id) as at:
        if (elsewhere := _not_yet(visit, at)) is not None:
            return elsewhere
        view = plan_of_draft(at.desk, at.draft)
        return _send(visit, at, view, 3 if visit.text("first") == "3" else None)


def _send(visit: Visit, at: _At, view: PlanView, first: int | None) -> Response:
    """Have a run send a plan, in the background."""
    from pipeline.commands.run import run  # noqa: PLC0415 - pandas is slow to come

    compare = draft_decisions.chosen_month(at.desk, at.draft)
    request = replace(_request(at, visit), plan=view.name, first=first, compare=compare)
    request = with_total(request, at.desk.journal, at.draft)
    settings, expected = visit.settings, (view.figures.to_send, view.figures.total)

    def body(job: Job) -> object:
        return run(request, settings, job.emit, job.confirm)

    visit.site.jobs.start(visit.place, Job(SENDING, at.draft.batch, at.draft.id, expected), body)
    return visit.go(f"batches/{at.draft.batch}/sending")


@pages.get("drafts/{draft_id:int}/{form:str}")
def after_a_form(visit: Visit, draft_id: int, form: str) -> Response:
    """The page on which a form stands, for who loads the answer to it again."""
    shown = {"total": "check", "compare": "changes", "send": "summary", "plan": "summary"}
    return visit.go(f"drafts/{draft_id}/{shown.get(form, 'fix' if form in _FIXES else 'check')}")


_FIXES: Final = frozenset({"correct", "leave-out", "take-back"})


# ---------------------------------------------------------------------------------------------------------------
# Page 12: approve


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
    may_send = view.state is PlanState.APPROVED or not visit.settings.second_person_required
    return visit.page(
        "plan.html",
        422 if refused else 200,
        plan=view,
        state=visit.say(plan_page.STATES[view.state]),
        facts=list(plan_page.facts(view, visit.lang, visit.called(view.environment))),
        sections=list(plan_page.sections(view, visit.lang)),
        waits=view.state is PlanState.MADE,
        sendable=may_send and view.state in {PlanState.MADE, PlanState.APPROVED},
        hindered=hindered,
        refused=refused,
    )


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
    with _desk(visit) as desk:
        draft = desk.journal.read(kept.find, desk.place.name, view.sha256)
        if draft is None:
            raise UsageError("The sheet of plan {plan} is no draft any more. Drop it again, then send it.", plan=name)
        at = _At(desk, draft, desk.file_of(draft))
        return _send(visit, at, view, 3 if visit.text("first") == "3" else None)
