"""`batches`: what the journal remembers, the story of one batch, and forgetting the people of old ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from pipeline.commands.batch_lookup import found_batch, meant
from pipeline.commands.where import journal_there
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain import totals
from pipeline.domain.errors import BatchBusyError, StoppedEarlyError, UsageError
from pipeline.domain.model import Decision, ReportRow, SessionState, Whole
from pipeline.journal.history import Facts, PastRun, Try
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.purge import Old
from pipeline.journal.queries import BatchLine


def list_batches(settings: Settings, *, in_sandbox: bool) -> list[BatchLine]:
    """All batches of the journal, the one that was run last at the end. Raises a RunError when it can't be read."""
    with journal_there(settings, SANDBOX if in_sandbox else settings.base_url) as journal:
        return journal.batch_lines() if journal is not None else []


# ---------------------------------------------------------------------------------------------------------------
# The story


@dataclass(frozen=True, slots=True)
class RowStory:
    """One row of the roll, every attempt for it, what people decided, and what the API said since."""

    row: ReportRow
    tries: tuple[Try, ...]
    decisions: tuple[Decision, ...]
    states: tuple[SessionState, ...]


@dataclass(frozen=True, slots=True)
class BatchStory:
    """A batch, its runs, what its roll comes to, and one row of it where that was asked for."""

    facts: Facts
    runs: tuple[PastRun, ...]
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
        return BatchStory(
            facts=journal.facts(batch),
            runs=tuple(journal.runs(batch)),
            whole=totals.whole(journal.roll_rows(batch)),
            row=None if row is None else _row_story(journal, batch, meant(found, row, file)[0].row),
        )


def _row_story(journal: Journal, batch: Batch, row: ReportRow) -> RowStory:
    return RowStory(
        row=row,
        tries=tuple(journal.tries(batch, row.identity)) if row.identity else (),
        decisions=tuple(one for one in journal.decisions(batch) if row.identity and one.identity == row.identity),
        states=tuple(journal.state_history(row.session_id)) if row.session_id else (),
    )


# ---------------------------------------------------------------------------------------------------------------
# Forgetting


@dataclass(frozen=True, slots=True)
class Purged:
    """What `purge` did: the batches without personal data now, and those that a run was working on."""

    done: tuple[Old, ...]
    busy: tuple[Old, ...]


def purge(before: date, settings: Settings, confirm: Callable[[Sequence[Old]], bool], *, in_sandbox: bool) -> Purged:
    """Remove the personal data of every batch that nobody worked on since the beginning of a day (local time).

    `confirm` is shown the batches first. A batch that a run holds is left as it is. Also with nothing to remove the
    database is made to forget what was removed before. Raises StoppedEarlyError when the answer is no, and when another
    program keeps the database from forgetting.
    """
    moment = datetime.combine(before, time()).astimezone()
    if moment > datetime.now().astimezone():
        raise UsageError("batches.future", date=before.isoformat())
    done, busy = [], []
    with journal_there(settings, SANDBOX if in_sandbox else settings.base_url) as journal:
        if journal is None:
            return Purged((), ())
        found = journal.old_batches(moment)
        if found and not confirm(found):
            raise StoppedEarlyError("batches.not_confirmed")
        for old in found:
            try:
                with journal.lease(Batch(old.id, old.name, old.environment)):
                    journal.scrub(old.id, datetime.now().astimezone())
            except BatchBusyError:
                busy.append(old)
            else:
                done.append(old)
        journal.compact()
    return Purged(tuple(done), tuple(busy))
