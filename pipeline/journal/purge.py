"""Removing personal data from old batches: from the records, and from what a database keeps of old records.

Removed: the cells of the sheet, names, e-mail addresses and accounts of payments, session ids (whoever has one can
open the payment page), words of the API and notes of people, what the API said of sessions, what plans show of people,
where files were written.
Kept, since accountants reconcile years later and nobody may be asked twice because of a purge: references, amounts,
times, outcomes, HTTP statuses, codes of reasons, and the digests by which a row is known again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import OperationalError

from pipeline.domain.errors import JournalUnusableError
from pipeline.domain.personal_data import fault_without_person, payment_without_person
from pipeline.journal import database, serialization
from pipeline.journal import drafts as draft_verbs
from pipeline.journal import outputs as written
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.roll import accepted_runs
from pipeline.journal.tables import (
    attempts,
    batches,
    corrections,
    decisions,
    draft_decisions,
    drafts,
    evidence,
    left_out_rows,
    outputs,
    plan_events,
    plans,
    rows,
    runs,
    states,
)

CHUNK: Final = 2_000
"""Records that are in memory at a time."""
_PAUSE: Final = 0.2
_LOCK_NOT_AVAILABLE: Final = "55P03"
"""PostgreSQL's code for a lock that was waited for too long."""


@dataclass(frozen=True, slots=True)
class Old:
    """A batch that was last worked on before a date."""

    id: int
    name: str
    environment: str
    last_at: datetime
    attempts: int


def old_batches(connection: Connection, before: datetime) -> list[Old]:
    """The batches that nobody worked on since `before` and that have something to remove, the oldest first."""
    ran = select(runs.c.batch_id, func.max(runs.c.started_at).label("at")).group_by(runs.c.batch_id).subquery()
    tried = (
        select(
            attempts.c.batch_id,
            func.max(func.coalesce(attempts.c.settled_at, attempts.c.intended_at)).label("at"),
            func.count().label("number"),
        )
        .group_by(attempts.c.batch_id)
        .subquery()
    )
    changed = (
        select(runs.c.batch_id, func.max(drafts.c.changed_at).label("at"))
        .join(drafts, drafts.c.run_id == runs.c.id)
        .group_by(runs.c.batch_id)
        .subquery()
    )
    planned = (
        select(plans.c.batch_id, func.max(func.coalesce(plan_events.c.at, plans.c.made_at)).label("at"))
        .outerjoin(plan_events, plan_events.c.plan_id == plans.c.id)
        .group_by(plans.c.batch_id)
        .subquery()
    )
    statement = (
        select(
            batches,
            ran.c.at.label("ran_at"),
            tried.c.at.label("tried_at"),
            tried.c.number,
            changed.c.at.label("changed_at"),
            planned.c.at.label("planned_at"),
        )
        .outerjoin(changed, changed.c.batch_id == batches.c.id)
        .outerjoin(ran, ran.c.batch_id == batches.c.id)
        .outerjoin(tried, tried.c.batch_id == batches.c.id)
        .outerjoin(planned, planned.c.batch_id == batches.c.id)
        .order_by(batches.c.id)
    )
    found = []
    for line in connection.execute(statement):
        last = max(filter(None, (line.ran_at, line.tried_at, line.changed_at, line.planned_at, line.created_at)))
        if last < serialization.dump_time(before) and (
            line.purged_at is None or _has_personal_data(connection, Batch(line.id, line.name, line.environment))
        ):
            found.append(Old(line.id, line.name, line.environment, serialization.time(last), line.number or 0))
    return sorted(found, key=lambda old: old.last_at)


def _has_personal_data(connection: Connection, batch: Batch) -> bool:
    """Whether a purged batch has something to remove again. By what is there: the clock of a purge may have been wrong,
    and what came after it would be kept for ever.
    """
    batch_id = batch.id
    mine = select(runs.c.id).where(runs.c.batch_id == batch_id)
    bare: ColumnElement[str] = rows.c.cells
    for sign in '[]",':
        bare = func.replace(bare, sign, "")
    there = (
        exists().where(rows.c.run_id.in_(mine), bare != ""),
        exists().where(attempts.c.batch_id == batch_id, attempts.c.session_id != ""),
        exists().where(states.c.batch_id == batch_id),
        exists().where(decisions.c.batch_id == batch_id, or_(decisions.c.note != "", decisions.c.session_id != "")),
        exists().where(evidence.c.batch_id == batch_id, evidence.c.session_id != ""),
        draft_verbs.has_personal_data(batch),
        exists().where(plans.c.batch_id == batch_id, plans.c.details != ""),
        exists().where(plan_events.c.plan_id.in_(_plans_of(batch_id)), plan_events.c.reason != ""),
    )
    return bool(connection.scalar(select(or_(*there))))


def _plans_of(batch_id: int) -> Select[tuple[int]]:
    return select(plans.c.id).where(plans.c.batch_id == batch_id)


def scrub(connection: Connection, batch_id: int, now: datetime) -> None:
    """Remove the personal data of a batch and of its drafts. Hold the batch."""
    batch = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
    draft_verbs.scrub(connection, Batch(batch.id, batch.name, batch.environment))
    mine = select(runs.c.id).where(runs.c.batch_id == batch_id)
    kept = and_(rows.c.superseded_by.is_(None), rows.c.run_id.in_(accepted_runs(batch_id)))
    connection.execute(delete(rows).where(rows.c.run_id.in_(mine), not_(kept)))
    for record in _records(connection, rows, rows.c.run_id.in_(mine)):
        connection.execute(update(rows).where(rows.c.id == record.id).values(_row(record)))
    for record in _records(connection, attempts, attempts.c.batch_id == batch_id):
        values = {"content": _content(record.content), "session_id": "", "reasons": _faults(record.reasons)}
        connection.execute(_ATTEMPT, {"which": record.id, **values})
    for record in _records(connection, runs, runs.c.batch_id == batch_id):
        connection.execute(update(runs).where(runs.c.id == record.id).values(notices=_faults(record.notices)))
    for record in _records(connection, decisions, decisions.c.batch_id == batch_id):
        values = {"note": "", "session_id": "", "reasons": _faults(record.reasons)}
        connection.execute(update(decisions).where(decisions.c.id == record.id).values(values))
    connection.execute(update(evidence).where(evidence.c.batch_id == batch_id).values(session_id=""))
    connection.execute(delete(states).where(states.c.batch_id == batch_id))
    connection.execute(update(plans).where(plans.c.batch_id == batch_id).values(details=""))
    connection.execute(update(plan_events).where(plan_events.c.plan_id.in_(_plans_of(batch_id))).values(reason=""))
    written.forget(connection, batch.name, batch.environment)
    connection.execute(update(batches).where(batches.c.id == batch_id).values(purged_at=serialization.dump_time(now)))


_OF_DRAFTS: Final = (corrections, left_out_rows, draft_decisions, drafts)
_ATTEMPT: Final = (
    update(attempts)
    .where(attempts.c.id == bindparam("which"))
    .values(content=bindparam("content"), session_id=bindparam("session_id"), reasons=bindparam("reasons"))
)


def _records(connection: Connection, table: Table, chosen: Any) -> Iterator[Any]:
    """The records of a table, a chunk in memory at a time; each may be changed when it comes."""
    after = -1
    while True:
        wanted = select(table).where(chosen, table.c.id > after).order_by(table.c.id).limit(CHUNK)
        chunk = connection.execute(wanted).all()
        if not chunk:
            return
        yield from chunk
        after = chunk[-1].id


def _row(record: Any) -> dict[str, Any]:
    """A row of the sheet without what stood in it: the same number of cells, all empty."""
    count = len(serialization.cells(record.cells))
    hold = serialization.fault(record.hold)
    return {
        "cells": serialization.dump(("",) * count),
        "kinds": "s" * count,
        "payment": _content(record.payment),
        "faults": _faults(record.faults),
        "notices": _faults(record.notices),
        "hold": serialization.dump(fault_without_person(hold)) if hold else None,
        "request_id": "",
        "released": "",
    }


def _content(text: str | None) -> str | None:
    payment = serialization.payment(text)
    return serialization.dump(payment_without_person(payment)) if payment else None


def _faults(text: str | None) -> str:
    return serialization.dump_faults(map(fault_without_person, serialization.faults(text)))


def compact(journal: Journal) -> None:
    """Make the database forget the old records: SQLite's free pages and its log, PostgreSQL's dead tuples.

    Raises StoppedEarlyError when another program reads the journal, so that the database has to keep them.
    """
    engine = journal.engine
    with database.explained(journal.url):
        if engine.dialect.name == "postgresql":
            forgotten = _compact_postgresql(engine, database.patience(journal.url))
        else:
            forgotten = _compact_sqlite(engine)
    if not forgotten:
        raise JournalUnusableError(
            "Personal data was removed from the records, but another program is reading the "
            "journal, so its files still contain copies. Close that program, then run the "
            "same command again."
        )


def _compact_sqlite(engine: Engine) -> bool:
    """Whether nothing of the old records is left in the file and its log."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        raw.close()
    return not busy


def _compact_postgresql(engine: Engine, patience: float) -> bool:
    """Whether no table keeps a dead tuple.

    Any transaction that began before the change makes PostgreSQL keep the old tuples for it, be it only the
    server's own statistics, a connection that is just being made, or one that writes to another database of the server:
    so it is asked again, for so many seconds.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT", reading=True) as connection:
        connection.detach()  # what is set here must not stay with a connection of the pool
        connection.exec_driver_sql(f"SET lock_timeout = '{int(patience)}s'")
        for table in (
            rows,
            attempts,
            runs,
            decisions,
            evidence,
            states,
            plans,
            plan_events,
            outputs,
            batches,
            *_OF_DRAFTS,
        ):
            until = monotonic() + patience  # for each: to write a large table anew takes a while by itself
            while _dead_tuples(connection, table) != 0:
                if monotonic() > until:
                    return False
                sleep(_PAUSE)
    return True


def _dead_tuples(connection: Connection, table: Table) -> int | None:
    """Rewrite a table of PostgreSQL: how many dead tuples it had to keep; None when it could not, or does not say.

    The server tells it only in a message, which may be in any language: the function that wrote it and the first
    number of its detail are the same in all.
    """
    details: list[str] = []

    def listen(notice: Any) -> None:
        if notice.source_function == "copy_table_data" and notice.message_detail:
            details.append(notice.message_detail)

    driver: Any = connection.connection.dbapi_connection
    driver.add_notice_handler(listen)
    try:
        connection.exec_driver_sql(f"VACUUM (FULL, VERBOSE) {table.name}")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return None
        raise
    finally:
        driver.remove_notice_handler(listen)
    number = re.search(r"\d+", details[-1]) if details else None
    return int(number[0]) if number else None
