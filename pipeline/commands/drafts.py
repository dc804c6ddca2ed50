"""Drafts: a dropped sheet until it is sent, corrected and looked at before. What the local page stands on.

| function | what it does |
|---|---|
| `opened` | the place to work at: the journal and the environment, also before there are credentials |
| `unsent` | the drafts that are not sent yet |
| `open_draft` | finds or makes the draft of a file's bytes; says whether they were sent before |
| `choose` | keeps the batch's name and how the sheet is read |
| `check` | reads, checks, stages and plans the sheet with all corrections; gives what a person confirms |
| `sums`, `page`, `rows` | what the staged rows come to by group, and the rows themselves |
| `correct`, `correct_all_alike` | keep what a person typed over cells, and check again what that changes |
| `leave_out`, `take_back` | keep that a row is not to be sent, or is after all |
| `marked_copy` | a copy of the user's own workbook with corrections and notes |
| `discard` | removes the draft |

Nothing here prints, asks, or sends. Each raises a RunError where the journal can't be used, and InputError for what a
person can put right.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from pipeline.commands import environment, prepare
from pipeline.commands.draft_choices import with_choices
from pipeline.commands.environment import Environment
from pipeline.commands.options import Request
from pipeline.commands.people import user
from pipeline.commands.prepare import RunContext
from pipeline.config.settings import SANDBOX, Settings, environment_name
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.drafts import Choices, Correction, LeftOut, Overlay
from pipeline.domain.errors import InputError, UsageError
from pipeline.domain.events import Emit, Event
from pipeline.domain.model import MAX_TEXT, ControlTotal, Subtotal, units_of
from pipeline.journal import draft_rows, planning, queries, runs, staging
from pipeline.journal import drafts as kept
from pipeline.journal.draft_rows import DraftRow, Group, RowPage, Wanted
from pipeline.journal.drafts import Draft
from pipeline.journal.journal import Journal
from pipeline.journal.planning import Forecast
from pipeline.journal.roll import Staged
from pipeline.journal.runs import SentFile
from pipeline.reader import Table, sha256_of
from pipeline.report import annotated_copy
from pipeline.system.file_names import readable
from pipeline.validation.recheck import CheckedSheet, checked_sheet, in_memory
from schemas.faults import Fault
from schemas.languages import Lang

DRAFT: Final = "draft"
"""The purpose of a run in which a draft is staged: it is never accepted, and lives as long as its draft."""

_MOST_SHEETS: Final = 4
"""Sheets that a process keeps in memory between two corrections."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where drafts are worked on, and by whom. `file_of` finds the file of a draft, in a folder of its owner."""

    journal: Journal
    place: Environment
    settings: Settings
    file_of: Callable[[Draft], Path]
    who: str


@dataclass(frozen=True, slots=True)
class OpenedDraft:
    """A draft, and the last batch for which the same bytes were sent, if they were."""

    draft: Draft
    sent: SentFile | None


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """A staged and planned draft. `refused` is what would keep `run` from sending it, if anything does."""

    draft: Draft
    run: int
    forecast: Forecast
    controls: tuple[ControlTotal, ...]
    notices: tuple[Fault, ...]
    refused: InputError | None


@dataclass(slots=True)
class _Sheet:
    """A staged draft in memory: its reading, and the run in which it is staged."""

    run: int
    table: Table
    checked: CheckedSheet


@dataclass(slots=True)
class _Memory:
    """The sheets that this process works on, the last ones; one correction at a time."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    sheets: OrderedDict[tuple[str, int], _Sheet] = field(default_factory=OrderedDict)


_MEMORY: Final = _Memory()


@contextmanager
def opened(settings: Settings, file_of: Callable[[Draft], Path], emit: Emit, *, in_sandbox: bool) -> Iterator[Desk]:
    """The journal and the environment for drafts. A journal is made at the default place: drafts outlive a process.

    Raises UsageError without a base URL: a draft belongs to an environment, and nobody would find one of none again.
    """
    place = environment.without_credentials(settings, in_sandbox=in_sandbox)
    if not place.name:
        raise UsageError("No base URL is set yet. Set it on the page Set-up, or practise first.")
    with environment.journal_of(place, emit) as journal_open:
        yield Desk(journal_open, place, settings, file_of, user())


def unsent(settings: Settings, *, in_sandbox: bool) -> list[Draft]:
    """The drafts of an environment that were not sent, the one that was changed last first."""
    here = environment_name(settings, in_sandbox=in_sandbox)
    with environment.journal_there(settings, here) as journal:
        return journal.read(kept.unsent, here) if journal is not None else []


def open_draft(desk: Desk, file: Path, name: str) -> OpenedDraft:
    """The draft of a file with these bytes, which the user calls `name`; somebody else's is taken over.

    Raises InputError when the file can't be read.
    """
    with prepare.reading(file):
        sha256 = sha256_of(file)
    journal, where = desk.journal, desk.place.name
    draft = journal.write(kept.ensure, where, sha256, readable(name), (desk.who, _now()))
    return OpenedDraft(draft, journal.read(runs.last_sent, where, sha256))


def choose(desk: Desk, draft: Draft, batch: str, choices: Choices) -> Draft:
    """Keep the name of the batch ("" to have it proposed) and how the sheet is read. Check the draft after it."""
    desk.journal.write(kept.choose, draft.id, batch, choices, (desk.who, _now()))
    return _present(desk, draft)


def check(desk: Desk, draft: Draft, emit: Emit) -> DraftCheck:
    """Read the sheet, check it with its corrections, stage and plan it; its rows of before are replaced.

    Raises InputError when the sheet can't be read, UsageError when the settings do not fit it.
    """
    with _MEMORY.lock:
        draft = _present(desk, draft)
        request = _request(desk, draft)
        table = prepare.read(request, emit)
        table.source = replace(table.source, name=draft.file)
        options = prepare.options_of(request, desk.settings, desk.place)
        overlay = _overlay(desk, draft, table)
        with prepare.reading(request.file):
            rows = in_memory(table)
        if rows is None:
            checked = prepare.check(table, request, desk.settings, desk.place, overlay)
            return _stage(desk, draft, request, table, checked, emit)
        sheet = checked_sheet(rows, options, overlay)
        done = _stage(desk, draft, request, table, sheet, emit)
        _remember(desk, draft, _Sheet(done.run, table, sheet))
        return done


def _stage(  # noqa: PLR0913, PLR0917 - what is staged, where, and for whom
    desk: Desk, draft: Draft, request: Request, table: Table, checked: prepare.CheckedRows, emit: Emit
) -> DraftCheck:
    journal = desk.journal
    name = draft.batch or table.source.batch or readable(Path(draft.file).stem)
    batch = journal.write(runs.ensure_batch, name, desk.place.name, _now())
    context = RunContext(journal, batch, DRAFT, desk.place.base_url, desk.settings)
    refused = prepare.refusal(journal, batch, table, request, desk.settings)
    prepared = prepare.begin_and_plan(context, table, checked, request, emit)
    journal.write(kept.keep_run, draft.id, prepared.run)
    report = journal.read(queries.report, prepared.run)
    return DraftCheck(
        draft=_present(desk, draft),
        run=prepared.run,
        forecast=prepared.forecast,
        controls=report.controls,
        notices=report.notices,
        refused=refused or prepared.refused,
    )


# ---------------------------------------------------------------------------------------------------------------
# Looking


def sums(desk: Desk, draft: Draft) -> dict[Group, Subtotal]:
    """How many rows each group has, and their dollars."""
    return desk.journal.read(draft_rows.sums, _run_of(desk, draft))


def forecast(desk: Desk, draft: Draft) -> Forecast:
    """What a run would do with the draft as it stands."""
    run = _run_of(desk, draft)
    return desk.journal.read(planning.forecast, run, desk.journal.read(runs.batch_of, run).id)


def sent_without_response(desk: Desk, draft: Draft) -> int:
    """How many of the rows to send may have a request already: they were sent, and no usable response came."""
    run = _run_of(desk, draft)
    return desk.journal.read(planning.sent_without_response, run, desk.journal.read(runs.batch_of, run).id)


def page(desk: Desk, draft: Draft, wanted: Wanted, *, offset: int = 0, limit: int = 50) -> RowPage:
    """Some rows of a group, in the sheet's order."""
    return desk.journal.read(draft_rows.page, _run_of(desk, draft), wanted, offset=offset, limit=limit)


def rows(desk: Desk, draft: Draft, numbers: Iterable[int]) -> list[DraftRow]:
    """The rows with these numbers, in the sheet's order."""
    return desk.journal.read(draft_rows.by_number, _run_of(desk, draft), numbers)


# ---------------------------------------------------------------------------------------------------------------
# Changing


def correct(desk: Desk, draft: Draft, row: int, column: int, text: str) -> list[DraftRow]:
    """Keep what a person typed over a cell, durably, then check again what that changes; gives the rows that changed.

    `column` is the index from 0. Raises InputError for a row or column that is not there, a total of the sheet, or a
    text that no cell holds.
    """
    found = rows(desk, draft, [row])
    if not found:
        raise InputError("The sheet has no row {row} that could be sent. Check the row number.", row=row)
    return _correct(desk, draft, found, column, text)


def correct_all_alike(desk: Desk, draft: Draft, column: int, before: str, after: str) -> list[DraftRow]:
    """The same correction for every row that has the text `before` in a column; gives the rows that changed."""
    numbers = desk.journal.read(draft_rows.with_text, _run_of(desk, draft), column, before)
    alike = rows(desk, draft, numbers)
    return _correct(desk, draft, [one for one in alike if not one.is_total] or alike, column, after)


def _correct(desk: Desk, draft: Draft, chosen: Sequence[DraftRow], column: int, text: str) -> list[DraftRow]:
    _check_text(text)
    for one in chosen:
        if one.is_total:
            raise InputError(
                "Row {row} is a total of the sheet and can't become a payment: the rows are compared with it. Correct "
                "the rows, or leave the total out with a reason.",
                row=one.number,
            )
    report = desk.journal.read(queries.report, _run_of(desk, draft))
    if not 0 <= column < len(report.columns):
        raise InputError("The sheet has no column {column}. Check the column.", column=column + 1)
    heading, sheet, now = report.columns[column].heading, report.source.sheet, _now()
    made = [
        Correction(sheet, one.number, column, heading, one.cells[column], text, desk.who, now)
        for one in chosen
        if one.cells[column] != text
    ]
    if not made:
        return []
    desk.journal.write(kept.correct, draft.id, made)
    return check_again(desk, draft)


def leave_out(desk: Desk, draft: Draft, row: int, reason: str) -> list[DraftRow]:
    """Keep that a row is not to be sent, and why; gives the rows that changed."""
    _check_text(reason)
    if not reason.strip():
        raise InputError("Say why row {row} is left out: the reason is kept with it.", row=row)
    return _leave(desk, draft, row, reason.strip(), out=True)


def take_back(desk: Desk, draft: Draft, row: int) -> list[DraftRow]:
    """Keep that a row is to be sent after all; gives the rows that changed."""
    return _leave(desk, draft, row, "", out=False)


def _leave(desk: Desk, draft: Draft, row: int, reason: str, *, out: bool) -> list[DraftRow]:
    if not rows(desk, draft, [row]):
        raise InputError("The sheet has no row {row} that could be sent. Check the row number.", row=row)
    sheet = desk.journal.read(queries.report, _run_of(desk, draft)).source.sheet
    desk.journal.write(kept.leave_out, draft.id, LeftOut(sheet, row, reason, desk.who, _now(), out=out))
    return check_again(desk, draft)


def _check_text(text: str) -> None:
    if units_of(text) > MAX_TEXT:
        raise InputError("The text is longer than {limit} characters, the most that a cell holds.", limit=MAX_TEXT)
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise InputError("The text has a character that can't be kept. Type it again instead of pasting it.")


def check_again(desk: Desk, draft: Draft, numbers: Collection[int] = ()) -> list[DraftRow]:
    """Bring the staged rows up to what is in force now, whoever decided it; also those with these `numbers`."""
    with _MEMORY.lock:
        draft = _present(desk, draft)
        memory = _MEMORY.sheets.get((desk.journal.url, draft.id))
        if memory is None or memory.run != draft.run:
            return _check_whole(desk, draft)
        before = memory.checked
        after = before.over(_overlay(desk, draft, memory.table))
        if after.changed is None or not _is_alone(desk, memory):
            was = _all(desk, memory.run)
            done = _stage(desk, draft, _request(desk, draft), memory.table, after, _nobody)
            _remember(desk, draft, _Sheet(done.run, memory.table, after))
            return _differing(was, _all(desk, done.run))
        touched = _touched(before, after, numbers)
        _restage(desk, memory, after, touched)
        memory.checked = after
        return desk.journal.read(draft_rows.by_number, memory.run, touched)


def _check_whole(desk: Desk, draft: Draft) -> list[DraftRow]:
    """Where the sheet is not in this process's memory: it was started again, or somebody else staged it."""
    was = _all(desk, _run_of(desk, draft))
    return _differing(was, _all(desk, check(desk, draft, _nobody).run))


def _all(desk: Desk, run: int) -> list[DraftRow]:
    with desk.journal.reading() as connection:
        return draft_rows.every(connection, run)


def _differing(was: Iterable[DraftRow], now: Iterable[DraftRow]) -> list[DraftRow]:
    known = {one.number: one for one in was}
    return [one for one in now if known.get(one.number) != one]


def _is_alone(desk: Desk, memory: _Sheet) -> bool:
    """Whether a row depends on no others but those of its identity: its batch is new, and nothing is given back."""
    batch = desk.journal.read(runs.batch_of, memory.run)
    if staging.OCCURRENCE in desk.settings.identity or any(row.carried for row in memory.checked.rows.rows):
        return False
    return desk.journal.read(runs.is_fresh, batch.id)


def _touched(before: CheckedSheet, after: CheckedSheet, numbers: Collection[int]) -> list[int]:
    """The numbers of the rows to stage again: these, those that changed, and all that have or had an identity of
    theirs.
    """
    changed = (after.changed or frozenset()).union(numbers)
    identities = {one.identity for sheet in (before, after) for one in sheet.checked if one.row.number in changed} - {
        ""
    }
    return [one.row.number for one in after.checked if one.row.number in changed or one.identity in identities]


def _restage(desk: Desk, memory: _Sheet, after: CheckedSheet, touched: Sequence[int]) -> None:
    chosen = set(touched)
    again = [one for one in after.checked if one.row.number in chosen]
    batch = desk.journal.read(runs.batch_of, memory.run)
    staged = Staged(memory.run, batch.id, memory.table.source)
    context = RunContext(desk.journal, batch, DRAFT, desk.place.base_url, desk.settings)

    def change(connection: Connection) -> None:
        staging.restage(connection, memory.run, again, memory.table.columns)
        planning.replan(connection, staged, touched, Permissions(), prepare.search_of(desk.settings), _now())
        source = memory.table.source
        planning.release(connection, memory.run, kept.released(connection, desk.place.name, source.sha256))
        forecast_now = planning.forecast(connection, memory.run, batch.id)
        prepare.save_sheet(connection, context, memory.run, memory.table, after, (), forecast_now)

    desk.journal.write(change)


# ---------------------------------------------------------------------------------------------------------------
# The rest


def marked_copy(desk: Desk, draft: Draft, path: Path, lang: Lang) -> None:
    """Write a copy of the user's own .xlsx with the corrections in its cells, and our notes beside them.

    Raises UsageError for a file of which no copy can be made (`annotated_copy.check_original`), OSError.
    """
    file = desk.file_of(draft)
    annotated_copy.check_original(file)
    run = _run_of(desk, draft)
    report = desk.journal.read(queries.report, run)
    annotated_copy.write_marked(file, report, queries.report_rows(desk.journal, run), path, lang)


def discard(desk: Desk, draft: Draft) -> bool:
    """Remove a draft with its corrections and staged rows. One whose sheet was sent keeps what was corrected.

    Returns whether it is gone.
    """
    with _MEMORY.lock:
        _MEMORY.sheets.pop((desk.journal.url, draft.id), None)
        return desk.journal.write(kept.discard, _present(desk, draft))


def _present(desk: Desk, draft: Draft) -> Draft:
    """The draft as it is now. Raises InputError when somebody discarded it."""
    found = desk.journal.read(kept.get, draft.id)
    if found is None:
        raise InputError("{file} was discarded meanwhile. Choose the file again.", file=draft.file)
    return found


def _run_of(desk: Desk, draft: Draft) -> int:
    run = _present(desk, draft).run
    if run is None:
        raise InputError("{file} has not been checked yet. Check it first.", file=draft.file)
    return run


def _overlay(desk: Desk, draft: Draft, table: Table) -> Overlay:
    return desk.journal.read(kept.overlay, draft.environment, table.source)


def _request(desk: Desk, draft: Draft) -> Request:
    return with_choices(Request(desk.file_of(draft), sandbox=desk.place.name == SANDBOX), draft)


def _remember(desk: Desk, draft: Draft, sheet: _Sheet) -> None:
    known = _MEMORY.sheets
    known[desk.journal.url, draft.id] = sheet
    known.move_to_end((desk.journal.url, draft.id))
    while len(known) > _MOST_SHEETS:
        known.popitem(last=False)


def _nobody(_event: Event) -> None:
    """Nobody listens."""


def _now() -> datetime:
    return datetime.now().astimezone()
