"""The batches and their runs: begun, ended, approved, and what was run before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.domain import attempt_rules
from pipeline.domain.errors import ExitCode, RunError
from pipeline.domain.model import Approval, Column, ControlTotal, SourceFile
from pipeline.journal import postgresql, roll, serialization, shares
from pipeline.journal.attempts import last_live_request
from pipeline.journal.journal import Batch
from pipeline.journal.tables import attempts, batches, drafts, rows, runs, states
from schemas.faults import Fault

LEFT_BEHIND: Final = timedelta(days=1)
"""A rehearsal older than this was left by a crash."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """What is known of a run when it begins. `purpose` is `run`, or for one that sends nothing `rehearsal`, or `draft`
    where a draft keeps it; `who` is the user of the system.
    """

    purpose: str
    source: SourceFile
    base_url: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    started_at: datetime
    who: str = ""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that was sent before: as which batch, and when (aware)."""

    batch: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OtherBatch:
    """Another batch of an environment and its last run. `purged`: its personal data were removed."""

    id: int
    name: str
    last_run: int
    at: datetime
    purged: bool


def ensure_batch(connection: Connection, name: str, environment: str, now: datetime) -> Batch:
    """The batch of this name in this environment, made when it is not there."""
    found = _find_batch(connection, name, environment)
    if found is None:
        values = {"name": name, "environment": environment, "created_at": serialization.dump_time(now)}
        with suppress(IntegrityError), connection.begin_nested():  # another program has just made it
            connection.execute(insert(batches).values(values))
        found = _find_batch(connection, name, environment)
    assert found is not None
    return found


def _find_batch(connection: Connection, name: str, environment: str) -> Batch | None:
    found = connection.execute(
        select(batches).where(batches.c.name == name, batches.c.environment == environment)
    ).one_or_none()
    return Batch(found.id, found.name, found.environment) if found else None


def begin(connection: Connection, batch_id: int, beginning: RunStart) -> int:
    """Begin a run; returns its number. What a crash left behind is removed.

    Hold the batch for a run that sends; a rehearsal does not hold it, and leaves the runs alone.
    """
    _remove_left_behind(connection, batch_id, beginning)
    values = {
        "batch_id": batch_id,
        "purpose": beginning.purpose,
        "file": beginning.source.name,
        "sha256": beginning.source.sha256,
        "sheet": beginning.source.sheet,
        "base_url": beginning.base_url,
        "columns": serialization.dump(beginning.columns),
        "identity": serialization.dump(beginning.identity),
        "started_at": serialization.dump_time(beginning.started_at),
        "stopped": "",
        "partial": beginning.source.partial,
        "stopped_details": "{}",
        "controls": serialization.EMPTY,
        "notices": serialization.EMPTY,
        "who": beginning.who,
    }
    result = connection.execute(insert(runs).values(values))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _remove_left_behind(connection: Connection, batch_id: int, beginning: RunStart) -> None:
    """A run that was cut off before its sheet was accepted sent nothing; a rehearsal of yesterday was killed."""
    old = serialization.dump_time(beginning.started_at - LEFT_BEHIND)
    half = and_(runs.c.purpose == "run", runs.c.accepted_at.is_(None), runs.c.ended_at.is_(None))
    kept = exists().where(drafts.c.run_id == runs.c.id)
    rehearsal = and_(runs.c.purpose != "run", runs.c.started_at < old, ~kept)
    # Only whoever holds the batch knows that a half staged run is not being staged right now.
    gone = half | rehearsal if beginning.purpose == "run" else rehearsal
    if beginning.purpose == "run":
        shares.close_left_behind(connection, batch_id)
    left = connection.scalars(select(runs.c.id).where(runs.c.batch_id == batch_id, gone)).all()
    if left:
        connection.execute(delete(rows).where(rows.c.run_id.in_(left)))
        connection.execute(delete(runs).where(runs.c.id.in_(left)))


def approve(connection: Connection, run: int, approval: Approval) -> None:
    """Keep who approved a run."""
    connection.execute(update(runs).where(runs.c.id == run).values(approval=serialization.dump(approval)))


def save_sheet_notices(
    connection: Connection, run: int, *, controls: Sequence[ControlTotal], notices: Sequence[Fault]
) -> None:
    """Keep what the whole sheet had to say: control totals, notices."""
    values = {"controls": serialization.dump(tuple(controls)), "notices": serialization.dump_faults(notices)}
    connection.execute(update(runs).where(runs.c.id == run).values(values))


def save_failure(connection: Connection, run: int, failure: RunError) -> None:
    """Keep what ended a run early."""
    details = {name: str(value) for name, value in failure.params.items()}
    values = {"stopped": failure.text, "stopped_details": serialization.dump(details)}
    connection.execute(update(runs).where(runs.c.id == run).values(values))


def end(connection: Connection, run: int, now: datetime, code: ExitCode) -> None:
    """End a run."""
    values = {"ended_at": serialization.dump_time(now), "exit_code": int(code)}
    connection.execute(update(runs).where(runs.c.id == run).values(values))
    analyse(connection, run)


def analyse(connection: Connection, run: int) -> None:
    """Have PostgreSQL count what a run has written.

    Until then it takes the run for one of a row, and compares every row of a batch with every attempt: 20,000 rows took
    40 s for a page.
    """
    written = connection.scalar(select(func.count()).where(rows.c.run_id == run)) or 0
    postgresql.count_anew(connection, written, rows, attempts)


def delete_rehearsal(connection: Connection, run: int) -> None:
    """Remove a rehearsal: it leaves no personal data behind."""
    connection.execute(delete(rows).where(rows.c.run_id == run))
    connection.execute(delete(runs).where(runs.c.id == run, runs.c.purpose != "run"))


def last_run(connection: Connection, batch_id: int) -> datetime | None:
    """When a sheet of a batch was last accepted (aware), None when never."""
    accepted = and_(runs.c.batch_id == batch_id, runs.c.purpose == "run", runs.c.accepted_at.is_not(None))
    return serialization.time_or_none(connection.scalar(select(func.max(runs.c.started_at)).where(accepted)))


def has_run(connection: Connection, batch_id: int, sha256: str) -> bool:
    """Whether a file of these bytes was a sheet of a batch."""
    same = and_(runs.c.id.in_(roll.accepted_runs(batch_id)), runs.c.sha256 == sha256)
    return bool(connection.scalar(select(exists().where(same))))


def sent_elsewhere(connection: Connection, batch: Batch, source: SourceFile) -> SentFile | None:
    """The last other batch that had this very sheet of these very bytes, and has a request for a row of it."""
    statement = (
        select(runs.c.id, batches.c.name)
        .join(batches, batches.c.id == runs.c.batch_id)
        .where(
            runs.c.sha256 == source.sha256,
            runs.c.sheet == source.sheet,
            runs.c.purpose == "run",
            batches.c.environment == batch.environment,
            batches.c.id != batch.id,
        )
        .order_by(runs.c.id.desc())
    )
    for run in connection.execute(statement).all():
        if at := last_live_request(connection, run.id):
            return SentFile(run.name, at)
    return None


def last_sent(connection: Connection, environment: str, sha256: str) -> SentFile | None:
    """The last batch of an environment that had a file of these bytes, and has a request for a row of it."""
    statement = (
        select(runs.c.id, batches.c.name)
        .join(batches, batches.c.id == runs.c.batch_id)
        .where(runs.c.sha256 == sha256, runs.c.purpose == "run", batches.c.environment == environment)
        .order_by(runs.c.id.desc())
    )
    for run in connection.execute(statement).all():
        if at := last_live_request(connection, run.id):
            return SentFile(run.name, at)
    return None


def is_fresh(connection: Connection, batch_id: int) -> bool:
    """Whether a batch has no rows and no attempts yet."""
    tried = exists().where(attempts.c.batch_id == batch_id)
    had = exists().where(runs.c.batch_id == batch_id, runs.c.purpose == "run", runs.c.accepted_at.is_not(None))
    return not connection.scalar(select(or_(tried, had)))


def batch_of(connection: Connection, run: int) -> Batch:
    """The batch of a run."""
    found = connection.execute(
        select(batches).join(runs, runs.c.batch_id == batches.c.id).where(runs.c.id == run)
    ).one()
    return Batch(found.id, found.name, found.environment)


def has_said(connection: Connection, environment: str, code: str) -> bool:
    """Whether a run in this environment had this notice about its sheet."""
    said = exists().where(
        runs.c.batch_id == batches.c.id,
        batches.c.environment == environment,
        runs.c.purpose == "run",
        runs.c.notices.contains(f'"{code}"'),
    )
    return bool(connection.scalar(select(said)))


def others_sent(connection: Connection, batch: Batch) -> list[OtherBatch]:
    """The other batches of the same environment that sent something, the one that was run last at the end."""
    sent = exists().where(attempts.c.batch_id == batches.c.id, attempts.c.outcome.in_(attempt_rules.EFFECTIVE))
    last = (
        select(runs.c.batch_id, func.max(runs.c.id).label("run"))
        .where(runs.c.purpose == "run", runs.c.accepted_at.is_not(None))
        .group_by(runs.c.batch_id)
        .subquery()
    )
    statement = (
        select(batches.c.id, batches.c.name, batches.c.purged_at, last.c.run, runs.c.started_at)
        .join_from(batches, last, last.c.batch_id == batches.c.id)
        .join(runs, runs.c.id == last.c.run)
        .where(batches.c.environment == batch.environment, batches.c.id != batch.id, sent)
        .order_by(runs.c.started_at, batches.c.id)
    )
    return [
        OtherBatch(line.id, line.name, line.run, serialization.time(line.started_at), line.purged_at is not None)
        for line in connection.execute(statement)
    ]


def batch_revision(connection: Connection, run: int) -> tuple[int, int]:
    """What became known of a run's batch by others than the run: how many states its sessions had, and how many tries
    later runs made (which there are when the batch's lock was lost). It differs once anything came to it.

    Counted, and by the numbers of those runs: for the last one PostgreSQL walks all tries from the end.
    """
    batch = connection.scalars(select(runs.c.batch_id).where(runs.c.id == run)).one()
    later = connection.scalars(select(runs.c.id).where(runs.c.batch_id == batch, runs.c.id > run)).all()
    count_states = select(func.count()).where(states.c.batch_id == batch)
    count_tries = select(func.count()).where(attempts.c.run_id.in_(later))
    return connection.scalar(count_states) or 0, (connection.scalar(count_tries) or 0) if later else 0
