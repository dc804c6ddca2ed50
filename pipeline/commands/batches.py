"""`batches`: what the journal remembers, the story of one batch, and forgetting the people of old ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from pipeline.commands.batch_lookup import found_batch, meant, no_such_row
from pipeline.commands.environment import journal_there
from pipeline.config.settings import Settings, environment_name
from pipeline.domain import totals
from pipeline.domain.drafts import Correction, LeftOut, Subject, shown
from pipeline.domain.drafts import Decision as DraftDecision
from pipeline.domain.errors import BatchBusyError, StoppedEarlyError, UsageError
from pipeline.domain.model import Column, Decision, ReportRow, SessionState, Totals, Whole
from pipeline.domain.payment_summary import PaymentState
from pipeline.domain.plan_summary import PlanView
from pipeline.journal import decisions, drafts, history, overview, plans, queries, states
from pipeline.journal import purge as personal_data
from pipeline.journal.drafts import Draft
from pipeline.journal.history import Facts, PastRun, Try
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.overview import Requests
from pipeline.journal.purge import Old
from pipeline.journal.queries import BatchLine


def list_batches(
    settings: Settings, *, in_sandbox: bool, most: int | None = None, only_here: bool = False
) -> tuple[list[BatchLine], int]:
    """The `most` batches of the journal that were run last, the newest first, and how many there are in all.

    With `only_here` they are those of the environment. Raises a RunError when the journal can't be read.
    """
    environment = environment_name(settings, in_sandbox=in_sandbox)
    with journal_there(settings, environment) as journal:
        if journal is None:
            return [], 0
        found = [one.id for one in journal.read(queries.batch_names) if not only_here or one.environment == environment]
        return journal.read(queries.batch_lines, found[-most:] if most else found)[::-1], len(found)


# ---------------------------------------------------------------------------------------------------------------
# The story


@dataclass(frozen=True, slots=True)
class RowStory:
    """One row of the roll and its columns, every attempt for it, what people decided, what the API said since."""

    row: ReportRow
    columns: tuple[Column, ...]
    tries: tuple[Try, ...]
    decisions: tuple[Decision, ...]
    states: tuple[SessionState, ...]


@dataclass(frozen=True, slots=True)
class BatchStory:
    """A batch, its plans and runs, what was corrected in its sheets and left out of them, what else was decided about
    them on the page, what its roll comes to, and one row of it where that was asked for.
    """

    facts: Facts
    plans: tuple[PlanView, ...]
    runs: tuple[PastRun, ...]
    corrections: tuple[Correction, ...]
    left_out: tuple[LeftOut, ...]
    decided: tuple[DraftDecision, ...]
    whole: Whole
    row: RowStory | None


def story_of(
    name: str, row: int | None, settings: Settings, *, in_sandbox: bool, file: str | None = None
) -> BatchStory:
    """The story of a batch, and of the row of this number in its sheet, or in the sheet `file` where it has several.

    Raises UsageError when there is no such batch or row, or when two sheets have one.
    """
    with found_batch(name, settings, in_sandbox=in_sandbox) as found:
        journal, batch = found.journal, found.batch
        past = tuple(journal.read(history.runs_of, batch.id))
        changed, sheets = journal.read(drafts.of_batch, batch), {one.sheet for one in past}
        left_out = journal.read(drafts.left_out_of, changed)
        return BatchStory(
            corrections=tuple(one for one in _masked(journal, batch, changed) if one.sheet in sheets),
            left_out=tuple(one for one in left_out if one.sheet in sheets),
            decided=tuple(
                one
                for draft in changed
                for subject in Subject
                for one in journal.read(drafts.decided, draft, subject).values()
            ),
            facts=journal.read(history.facts, batch.id),
            plans=tuple(one.view for one in journal.read(plans.of_batch, batch.id)),
            runs=past,
            whole=totals.whole(queries.roll_rows(journal, batch.id)),
            row=None if row is None else _row_story(journal, batch, meant(found, row, file)[0].row),
        )


def _masked(journal: Journal, batch: Batch, changed: Sequence[int]) -> tuple[Correction, ...]:
    """The corrections of some drafts, account numbers by their end only."""
    if not (made := journal.read(drafts.corrections_of, changed)):
        return ()
    columns = {column.heading: column for column in journal.read(queries.roll_report, batch.id).columns}
    return tuple(
        replace(one, before=shown(one.before, column), after=shown(one.after, column))
        for one in made
        if (column := columns.get(one.heading)) is not None  # of a sheet of this batch
    )


@dataclass(frozen=True, slots=True)
class BatchOverview:
    """A batch at a glance: its runs, its rows by status, what became of its requests, when the API was last asked,
    and the drafts of its sheets.
    """

    facts: Facts
    runs: tuple[PastRun, ...]
    totals: Totals
    requests: Requests
    asked_at: datetime | None
    drafts: tuple[Draft, ...]


def overview_of(name: str, settings: Settings, *, in_sandbox: bool) -> BatchOverview:
    """A batch at a glance, however many rows it has. Raises UsageError when there is no such batch."""
    with found_batch(name, settings, in_sandbox=in_sandbox) as found, found.journal.reading() as connection:
        batch = found.batch.id
        return BatchOverview(
            facts=history.facts(connection, batch),
            runs=tuple(history.runs_of(connection, batch)),
            totals=overview.totals(connection, batch),
            requests=overview.requests(connection, batch),
            asked_at=states.asked_at(connection, batch),
            drafts=tuple(
                draft
                for one in drafts.of_batch(connection, found.batch)
                if (draft := drafts.get(connection, one)) is not None
            ),
        )


@dataclass(frozen=True, slots=True)
class NumberedStory:
    """The story of a row, and whether the newest version of its sheet still has it under its number."""

    story: RowStory
    present: bool


def stories_of_row(name: str, number: int, settings: Settings, *, in_sandbox: bool) -> tuple[NumberedStory, ...]:
    """The stories of all rows of a batch that bear a number, the newest first: its sheets may have several.

    Raises UsageError when there is no such batch or row.
    """
    with found_batch(name, settings, in_sandbox=in_sandbox) as found:
        rows = found.journal.read(queries.rows_of_number, found.batch.id, number)
        if not rows:
            raise no_such_row(name, number)
        return tuple(NumberedStory(_row_story(found.journal, found.batch, one.row), one.present) for one in rows)


def payment_counts(
    settings: Settings, batch_ids: Sequence[int], *, in_sandbox: bool
) -> dict[int, Counter[PaymentState]]:
    """How many requests of each of these batches are in which state, by the batch's id."""
    with journal_there(settings, environment_name(settings, in_sandbox=in_sandbox)) as journal:
        return journal.read(overview.payment_counts, batch_ids) if journal is not None else {}


def _row_story(journal: Journal, batch: Batch, row: ReportRow) -> RowStory:
    return RowStory(
        row=row,
        columns=journal.read(queries.roll_report, batch.id).columns,
        tries=tuple(journal.read(history.tries_of, batch.id, row.identity)) if row.identity else (),
        decisions=tuple(
            one for one in journal.read(decisions.of_batch, batch.id) if row.identity and one.identity == row.identity
        ),
        states=tuple(journal.read(states.history, row.session_id)) if row.session_id else (),
    )


# ---------------------------------------------------------------------------------------------------------------
# Forgetting


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """What `purge` did: the batches without personal data now, and those that a run was working on."""

    done: tuple[Old, ...]
    busy: tuple[Old, ...]


def purgeable(before: date, settings: Settings, *, in_sandbox: bool) -> list[Old]:
    """The batches whose personal data `purge` would remove."""
    moment = datetime.combine(before, time()).astimezone()
    with journal_there(settings, environment_name(settings, in_sandbox=in_sandbox)) as journal:
        return journal.read(personal_data.old_batches, moment) if journal is not None else []


def purge(
    before: date, settings: Settings, confirm: Callable[[Sequence[Old]], bool], *, in_sandbox: bool
) -> PurgeResult:
    """Remove the personal data of every batch that nobody worked on since the beginning of a day (local time).

    `confirm` is shown the batches first. A batch that a run holds is left as it is. Also with nothing to remove the
    database is made to forget what was removed before. Raises StoppedEarlyError when the answer is no, and when another
    program keeps the database from forgetting.
    """
    moment = datetime.combine(before, time()).astimezone()
    if moment > datetime.now().astimezone():
        raise UsageError("{date} is in the future. Give a past date. Nothing was removed.", date=before.isoformat())
    done, busy = [], []
    with journal_there(settings, environment_name(settings, in_sandbox=in_sandbox)) as journal:
        if journal is None:
            return PurgeResult((), ())
        found = journal.read(personal_data.old_batches, moment)
        if found and not confirm(found):
            raise StoppedEarlyError("You answered no. Nothing was removed.")
        for old in found:
            try:
                with journal.lease(Batch(old.id, old.name, old.environment)) as held:
                    held.write(personal_data.scrub, old.id, datetime.now().astimezone())
            except BatchBusyError:
                busy.append(old)
            else:
                done.append(old)
        personal_data.compact(journal)
    return PurgeResult(tuple(done), tuple(busy))
