"""Which sheets are billed, as which batch, and what each column is (pages 5 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from starlette.responses import Response

from pipeline.commands import columns as columns_command
from pipeline.commands import drafts
from pipeline.domain.drafts import Choices
from pipeline.domain.errors import RunError
from pipeline.domain.model import Column, Mapping
from pipeline.domain.months import month_in
from pipeline.journal import drafts as kept
from pipeline.journal import queries
from pipeline.journal.drafts import Draft
from pipeline.messages import explain
from pipeline.reader import SheetPreview, batch_named_in, preview
from pipeline.web.pages.draft import AtDesk, at_desk, last_run, request_of
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit, ignore
from schemas.fields import FIELDS, LABELS, Field
from schemas.languages import LANGUAGES
from schemas.workbook_names import sheet_name

pages: Final = Pages()

_NAMES: Final = "names:"
"""What a column of whole names is chosen as, with the order of the names behind it."""


@pages.get("drafts/{draft_id:int}/sheet")
def sheet(visit: Visit, draft_id: int) -> Response:
    """Which sheets are billed, and what the batch is called."""
    with at_desk(visit, draft_id) as at:
        return _sheet_page(visit, at, at.draft.batch or batch_named_in(at.file) or _proposed(at))


def _sheet_page(visit: Visit, at: AtDesk, batch: str, refused: str = "", taken: str = "") -> Response:
    sheets = preview(at.file, Mapping())
    chosen = at.draft.choices.sheets or tuple(_to_bill(sheets))
    opened = drafts.open_draft(at.desk, at.file, at.draft.file)
    return visit.page(
        "sheet.html",
        422 if refused else 200,
        draft=at.draft,
        sheets=sheets,
        chosen=chosen,
        batch=batch,
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


def _proposed(at: AtDesk) -> str:
    """The name of the file, with its month behind it where it names no year: so the month before is found by it."""
    stem = Path(at.draft.file).stem
    name = stem if _YEAR.search(stem) else f"{stem}-{_month_of(stem, datetime.now().astimezone())}"
    taken = {line.name for line in at.desk.journal.read(queries.batch_names)}
    taken |= {other.batch for other in _other_drafts(at)}
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _other_drafts(at: AtDesk) -> list[Draft]:
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


@pages.post("drafts/{draft_id:int}/sheet")
def choose_sheet(visit: Visit, draft_id: int) -> Response:
    """Keep what was chosen; on to the columns, or past them where all is certain."""
    with at_desk(visit, draft_id) as at:
        batch = " ".join(visit.text("batch").split())
        hidden: Any = visit.text("hidden") if visit.text("hidden") in {"skip", "include"} else "refuse"
        choices = replace(at.draft.choices, sheets=tuple(visit.texts("sheets")), hidden=hidden)
        chosen = replace(at, draft=replace(at.draft, choices=choices))
        if not choices.sheets and len(preview(at.file, Mapping())) > 1:
            return _sheet_page(visit, at, batch, visit.say("Tick the sheets that are billed."))
        if not batch:
            return _sheet_page(visit, chosen, batch, visit.say("Give the batch a name."))
        is_meant = batch == at.draft.batch or visit.text("continue") == batch
        if not is_meant and (taken := _taken_by(visit, at, batch)):
            return _sheet_page(visit, chosen, batch, taken, taken=batch)
        if not choices.map and choices.split_names is None:
            choices = _as_last_month(at, choices)
        drafts.choose(at.desk, at.draft, batch, choices)
        chosen = at.again()
        try:
            view = columns_command.columns(request_of(chosen, visit), ignore, None)
        except RunError:
            return visit.go(f"drafts/{draft_id}/columns")
        if all(one.column.why in _CERTAIN for one in view.columns) and not view.notices:
            return _checked(visit, chosen)
    return visit.go(f"drafts/{draft_id}/columns")


def _taken_by(visit: Visit, at: AtDesk, batch: str) -> str:
    """What a person must know before another sheet gets the name of a batch; "" where no other has it."""
    if (last := last_run(at, batch)) is not None:
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


def _as_last_month(at: AtDesk, choices: Choices) -> Choices:
    """The columns as they were chosen for the last sheet that has all these headings."""
    there = {heading.strip() for one in preview(at.file, Mapping()) for heading in one.headings}
    for other in at.desk.journal.read(kept.of_environment, at.desk.place.name):
        mapped = [_heading_of(one) for one in other.choices.map]
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


def _heading_of(option: str) -> str:
    """The heading of an option `--map`."""
    return option.rpartition("=")[0].strip()


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
    with at_desk(visit, draft_id) as at:
        return _columns_page(visit, at)


def _columns_page(visit: Visit, at: AtDesk, refused: str = "") -> Response:
    notices: Sequence[Any] = ()
    try:
        view = columns_command.columns(request_of(at, visit), ignore, None)
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


def _guessed(at: AtDesk) -> list[_ColumnLine]:
    """The headings of a sheet that can't be read as it is: what each is known for, and what was chosen."""
    sheets = preview(at.file, Mapping())
    wanted = at.draft.choices.sheets or tuple(_to_bill(sheets))
    sheet = next((one for one in sheets if one.name in wanted), sheets[0])
    chosen = {_heading_of(one): one.rpartition("=")[2].strip() for one in at.draft.choices.map}
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
    with at_desk(visit, draft_id) as at:
        known = {line.heading: line.field for line in _guessed(AtDesk(at.desk, _unmapped(at.draft), at.file))}
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


def _checked(visit: Visit, at: AtDesk) -> Response:
    """Check the rows, and show what came of it; what can't be read is told with the columns."""
    try:
        drafts.check(at.desk, at.draft, ignore)
    except RunError as failure:
        return _columns_page(visit, at, explain(failure, visit.lang))
    return visit.go(f"drafts/{at.draft.id}/check")
