"""The story of a batch: its runs, and every attempt of one of its rows, for a person who asks what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from pipeline.domain.model import Approval, Outcome, Payment
from pipeline.journal import serialization
from pipeline.journal.earlier_sentences import EARLIER_SENTENCES
from pipeline.journal.tables import attempts, batches, rows, runs
from schemas.faults import Fault


@dataclass(frozen=True, slots=True)
class Facts:
    """A batch: when it was made, and when its personal data was removed, if it was. Times are aware."""

    name: str
    environment: str
    created_at: datetime
    purged_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run: its sheet, how it ended, and how many attempts and sessions it made. Times are aware.

    `ended_at` and `exit_code` are None for a run that was cut off, `stopped` is the English sentence that says why it
    stopped early, with what fills its placeholders.
    """

    id: int
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    file: str
    sha256: str
    sheet: str
    identity: tuple[str, ...]
    rows: int
    attempts: int
    created: int
    stopped: str
    stopped_details: dict[str, str]
    approval: Approval | None
    who: str
    """Who ran it; empty for a run of an earlier version."""


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt as it was made: which content, from which row, in which run, and what came of it.

    `asked` is the content, None where it is not known any more; `http_status` None when no answer came. Times are
    aware.
    """

    number: int
    run: int
    row_number: int
    intended_at: datetime
    settled_at: datetime | None
    outcome: Outcome
    http_status: int | None
    send_link: bool
    asked: Payment | None = field(repr=False)
    reasons: tuple[Fault, ...] = ()
    session_id: str = field(default="", repr=False)


def facts(connection: Connection, batch_id: int) -> Facts:
    """What is said about a batch as a whole."""
    found = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
    return Facts(
        found.name, found.environment, serialization.time(found.created_at), serialization.time_or_none(found.purged_at)
    )


def runs_of(connection: Connection, batch_id: int) -> list[PastRun]:
    """Every run of a batch that staged its sheet, the oldest first."""
    of_batch = select(runs.c.id).where(runs.c.batch_id == batch_id)
    counted = select(rows.c.run_id, func.count().label("rows")).where(rows.c.run_id.in_(of_batch))
    staged = counted.group_by(rows.c.run_id).subquery()
    made = func.count().filter(attempts.c.outcome == Outcome.CREATED).label("created")
    tried = (
        select(attempts.c.run_id, func.count().label("attempts"), made)
        .where(attempts.c.batch_id == batch_id)
        .group_by(attempts.c.run_id)
        .subquery()
    )
    statement = (
        select(runs, staged.c.rows, tried.c.attempts, tried.c.created)
        .outerjoin(staged, staged.c.run_id == runs.c.id)
        .outerjoin(tried, tried.c.run_id == runs.c.id)
        .where(runs.c.batch_id == batch_id, runs.c.purpose == "run", runs.c.staged_at.is_not(None))
        .order_by(runs.c.id)
    )
    return [_run(found) for found in connection.execute(statement)]


def _run(found: Any) -> PastRun:
    return PastRun(
        id=found.id,
        started_at=serialization.time(found.started_at),
        ended_at=serialization.time_or_none(found.ended_at),
        exit_code=found.exit_code,
        file=found.file,
        sha256=found.sha256,
        sheet=found.sheet,
        identity=serialization.cells(found.identity),
        rows=found.rows or 0,
        attempts=found.attempts or 0,
        created=found.created or 0,
        stopped=EARLIER_SENTENCES.get(found.stopped, found.stopped),
        stopped_details=serialization.details(found.stopped_details),
        approval=serialization.approval(found.approval),
        who=serialization.who(found) if found.who else "",
    )


def tries_of(connection: Connection, batch_id: int, identity: str) -> list[Try]:
    """Every attempt under the key of a row, the oldest first."""
    mine = and_(attempts.c.batch_id == batch_id, attempts.c.identity == identity)
    return [_try(found) for found in connection.execute(select(attempts).where(mine).order_by(attempts.c.number))]


def _try(found: Any) -> Try:
    return Try(
        number=found.number,
        run=found.run_id,
        row_number=found.row_number,
        intended_at=serialization.time(found.intended_at),
        settled_at=serialization.time_or_none(found.settled_at),
        outcome=Outcome(found.outcome),
        http_status=found.http_status,
        send_link=found.send_link,
        asked=serialization.payment(found.content),
        reasons=serialization.faults(found.reasons),
        session_id=found.session_id,
    )
