"""The journal: the one place of truth. Every row, every attempt, every decision, durably.

The only room that speaks SQL. `Journal` is a handle with the room's verbs; how each is done stands in the module of
its subject (`staging`, `attempts`, `story`, `lease`, `database`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from pipeline.domain import attempt_rules
from pipeline.domain.errors import ExitCode, RunError
from pipeline.domain.model import (
    Approval,
    Attempt,
    CheckedRow,
    Column,
    ControlTotal,
    Decision,
    Outcome,
    Payment,
    Repeat,
    Report,
    ReportRow,
    SessionState,
    Source,
)
from pipeline.journal import (
    database,
    decisions,
    evidence,
    history,
    purge,
    queries,
    roll,
    serialization,
    staging,
    states,
)
from pipeline.journal.attempts import RepeatSearch, histories, last_live_request, mark_cancelled
from pipeline.journal.evidence import Asked, Evidence
from pipeline.journal.history import Facts, PastRun, Try
from pipeline.journal.lock import lease
from pipeline.journal.outputs import FilesOf
from pipeline.journal.purge import Old
from pipeline.journal.queries import BatchLine, Numbered
from pipeline.journal.roll import Staged
from pipeline.journal.staging import Forecast
from pipeline.journal.states import Seen, Session
from pipeline.journal.tables import attempts, batches, rows, runs
from pipeline.journal.tables import states as states_table
from schemas.faults import Fault

RESERVE_BYTES: Final = 1 << 20
"""Disk kept free beside an SQLite journal, given back when the disk is full, so that outcomes in flight fit."""

LEFT_BEHIND: Final = timedelta(days=1)
"""A rehearsal older than this was left by a crash."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: a name in an environment."""

    id: int
    name: str
    environment: str


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


@dataclass(frozen=True, slots=True)
class Sendable:
    """A row that is to be sent, with all that was tried before."""

    row_id: int
    position: int
    number: int
    identity: str
    named: str
    payment: Payment = field(repr=False)
    fingerprint: bytes
    history: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class ValidRow:
    """A valid row of a planned run; `plan` is what was decided for it (`send`, `keep`, `hold`, `look`)."""

    number: int
    plan: str
    payment: Payment = field(repr=False)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a run when it begins. `purpose` is `run`, or `rehearsal` for one that sends nothing."""

    purpose: str
    source: Source
    base_url: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    started_at: datetime


class Journal:
    """An open journal. Make it with `open_journal`."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine = engine
        self.url = url

    @property
    def place(self) -> str:
        """Where it is, for people: without a password."""
        return database.shown(self.url)

    # Batches and runs

    def batch(self, name: str, environment: str, now: datetime) -> Batch:
        """The batch of this name in this environment, made when it is not there."""
        with self._writing() as connection:
            found = _find_batch(connection, name, environment)
            if found is None:
                values = {"name": name, "environment": environment, "created_at": serialization.dump_time(now)}
                with suppress(IntegrityError), connection.begin_nested():  # another program has just made it
                    connection.execute(insert(batches).values(values))
                found = _find_batch(connection, name, environment)
        assert found is not None
        return found

    def lease(self, batch: Batch) -> AbstractContextManager[None]:
        """Hold a batch against every other run. Raises BatchBusyError at once when it is held."""
        return lease(self.engine, self.url, batch.id, batch.name)

    def last_run(self, batch: Batch) -> datetime | None:
        """When a sheet of a batch was last accepted (aware), None when never."""
        accepted = and_(runs.c.batch_id == batch.id, runs.c.purpose == "run", runs.c.accepted_at.is_not(None))
        with self._reading() as connection:
            return serialization.time_or_none(connection.scalar(select(func.max(runs.c.started_at)).where(accepted)))

    def has_run(self, batch: Batch, sha256: str) -> bool:
        """Whether a file of these bytes was a sheet of a batch."""
        with self._reading() as connection:
            same = and_(runs.c.id.in_(roll.accepted_runs(batch.id)), runs.c.sha256 == sha256)
            return bool(connection.scalar(select(exists().where(same))))

    def sent_elsewhere(self, batch: Batch, source: Source) -> SentFile | None:
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
        with self._reading() as connection:
            for run in connection.execute(statement).all():
                if at := last_live_request(connection, run.id):
                    return SentFile(run.name, at)
        return None

    def has_said(self, environment: str, code: str) -> bool:
        """Whether a run in this environment had this notice about its sheet."""
        said = exists().where(
            runs.c.batch_id == batches.c.id,
            batches.c.environment == environment,
            runs.c.purpose == "run",
            runs.c.notices.contains(f'"{code}"'),
        )
        with self._reading() as connection:
            return bool(connection.scalar(select(said)))

    def begin(self, batch: Batch, beginning: Beginning) -> int:
        """Begin a run; returns its number. What a crash left behind is removed.

        Hold the batch for a run that sends; a rehearsal does not hold it, and leaves the runs alone.
        """
        with self._writing() as connection:
            _remove_left_behind(connection, batch, beginning)
            values = {
                "batch_id": batch.id,
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
            }
            result = connection.execute(insert(runs).values(values))
        key = result.inserted_primary_key
        assert key is not None
        return int(key[0])

    def remark(self, run: int, *, controls: Sequence[ControlTotal], notices: Sequence[Fault]) -> None:
        """Keep what the whole sheet had to say: control totals, notices."""
        values = {"controls": serialization.dump(tuple(controls)), "notices": serialization.dump_faults(notices)}
        with self._writing() as connection:
            connection.execute(update(runs).where(runs.c.id == run).values(values))

    def end(self, run: int, now: datetime, code: ExitCode) -> None:
        """End a run."""
        values = {"ended_at": serialization.dump_time(now), "exit_code": int(code)}
        with self._writing() as connection:
            connection.execute(update(runs).where(runs.c.id == run).values(values))

    def stopped(self, run: int, failure: RunError) -> None:
        """Keep what ended a run early."""
        details = {name: str(value) for name, value in failure.params.items()}
        values = {"stopped": failure.key, "stopped_details": serialization.dump(details)}
        with self._writing() as connection:
            connection.execute(update(runs).where(runs.c.id == run).values(values))

    def forget(self, run: int) -> None:
        """Remove a rehearsal: it leaves no personal data behind."""
        with self._writing() as connection:
            connection.execute(delete(rows).where(rows.c.run_id == run))
            connection.execute(delete(runs).where(runs.c.id == run, runs.c.purpose != "run"))

    # Rows

    def stage(self, run: int, position: int, checked: Sequence[CheckedRow]) -> int:
        """Stage a chunk of rows, the first of them at `position`; returns the position after the last."""
        with database.explained(self.url):
            return staging.stage(self.engine, run, position, checked)

    def finish_staging(self, staged: Staged, beginning: Beginning, now: datetime) -> None:
        """All rows are staged: refuse or number repeated identities, find earlier payments and earlier forms."""
        with database.explained(self.url):
            staging.finish(self.engine, staged, beginning.identity, beginning.columns, now)

    def plan(
        self, staged: Staged, permissions: attempt_rules.Permissions, search: RepeatSearch, now: datetime
    ) -> Forecast:
        """Decide what to do with every valid row, keep it, and say what it adds up to."""
        with database.explained(self.url):
            return staging.plan(self.engine, staged, permissions, search, now)

    def accept(self, run: int, now: datetime) -> None:
        """The sheet of a run passed every guard: its rows enter the roll of the batch."""
        with self._writing() as connection:
            roll.accept(connection, run, now)

    def to_send(self, run: int, batch: Batch, after: int, limit: int) -> list[Sendable]:
        """The next rows to send behind position `after`, in the sheet's order."""
        wanted = and_(rows.c.run_id == run, rows.c.plan == "send", rows.c.position > after)
        names = ("id", "position", "number", "identity", "named", "payment", "fingerprint")
        columns = [rows.c[name] for name in names]
        with self._reading() as connection:
            chunk = connection.execute(select(*columns).where(wanted).order_by(rows.c.position).limit(limit)).all()
            if not chunk:
                return []
            history = histories(connection, batch.id, (row.identity for row in chunk))
            mark_cancelled(connection, history, {row.identity: bytes(row.fingerprint) for row in chunk})
        return [
            Sendable(
                row_id=row.id,
                position=row.position,
                number=row.number,
                identity=row.identity,
                named=row.named,
                payment=_valid(row.payment),
                fingerprint=bytes(row.fingerprint),
                history=tuple(history.get(row.identity, ())),
            )
            for row in chunk
        ]

    def valid_rows(self, run: int) -> Iterator[ValidRow]:
        """Every valid row of a planned run in the sheet's order; a chunk in memory at a time."""
        position = -1
        while True:
            wanted = and_(rows.c.run_id == run, rows.c.position > position, rows.c.plan != "invalid")
            columns = (rows.c.position, rows.c.number, rows.c.plan, rows.c.payment)
            statement = select(*columns).where(wanted).order_by(rows.c.position).limit(staging.CHUNK)
            with self._reading() as connection:
                chunk = connection.execute(statement).all()
            if not chunk:
                return
            for row in chunk:
                yield ValidRow(row.number, row.plan, _valid(row.payment))
            position = chunk[-1].position

    def approve(self, run: int, approval: Approval) -> None:
        """Keep who approved a run."""
        with self._writing() as connection:
            connection.execute(update(runs).where(runs.c.id == run).values(approval=serialization.dump(approval)))

    def hold(self, row: Sendable, repeats: Sequence[Repeat]) -> None:
        """Keep that a row was held at the last moment: another batch sent the same meanwhile."""
        why = serialization.dump(attempt_rules.repeated(repeats, row.fingerprint, row.payment.describe()))
        with self._writing() as connection:
            connection.execute(update(rows).where(rows.c.id == row.row_id).values(plan="hold", hold=why))

    # What it tells

    def report(self, run: int) -> Report:
        """What is said about a run as a whole."""
        with database.explained(self.url):
            return queries.report(self.engine, run)

    def report_rows(self, run: int) -> Iterator[ReportRow]:
        """The rows of a run in the sheet's order, as they stand now."""
        with database.explained(self.url):
            yield from queries.report_rows(self.engine, run)

    def roll_report(self, batch: Batch) -> Report:
        """What is said about a batch as a whole."""
        with database.explained(self.url):
            return queries.roll_report(self.engine, batch.id)

    def roll_rows(self, batch: Batch) -> Iterator[ReportRow]:
        """Every row of the batch's roll as it stands now, in the order of its sheets."""
        with database.explained(self.url):
            yield from queries.roll_rows(self.engine, batch.id)

    def rows_of_number(self, batch: Batch, number: int) -> list[Numbered]:
        """The rows of the roll that bear this number in their sheets, newest first."""
        with database.explained(self.url):
            return queries.rows_of_number(self.engine, batch.id, number)

    def has_other_rows(self, run: int) -> bool:
        """Whether the roll of a run's batch has rows that are not of this run."""
        with self._reading() as connection:
            batch_id = connection.scalars(select(runs.c.batch_id).where(runs.c.id == run)).one()
            return bool(connection.scalar(select(exists().where(roll.in_roll(batch_id), rows.c.run_id != run))))

    def beyond(self, run: int) -> tuple[int, int]:
        """What became known of a run's batch by others than the run: the last states of its sessions, and the last try
        of a later run (which there is when the batch's lock was lost). It differs once anything came to it.
        """
        batch = select(runs.c.batch_id).where(runs.c.id == run).scalar_subquery()
        last_state = select(func.max(states_table.c.id)).where(states_table.c.batch_id == batch)
        last_try = select(func.max(attempts.c.id)).where(attempts.c.run_id > run, attempts.c.batch_id == batch)
        with self._reading() as connection:
            return connection.scalar(last_state) or 0, connection.scalar(last_try) or 0

    def batch_lines(self) -> list[BatchLine]:
        """All batches, the one that was run last at the end."""
        with database.explained(self.url):
            return queries.batch_lines(self.engine)

    def others_sent(self, batch: Batch) -> list[OtherBatch]:
        """The other batches of the same environment that sent something, the one that was run last at the end."""
        sent = exists().where(
            attempts.c.batch_id == batches.c.id, attempts.c.outcome.in_((Outcome.CREATED, *attempt_rules.UNCERTAIN))
        )
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
        with self._reading() as connection:
            return [
                OtherBatch(
                    line.id, line.name, line.run, serialization.time(line.started_at), line.purged_at is not None
                )
                for line in connection.execute(statement)
            ]

    # What the daily reports prove

    def asked(self, batch_id: int) -> list[Asked]:
        """Every request of a batch that was created or may have been, with its row in the roll."""
        with database.explained(self.url):
            return list(evidence.asked(self.engine, batch_id))

    def count_unknown(self, session_ids: Iterable[str]) -> int:
        """How many of these sessions no batch of the journal has."""
        with self._reading() as connection:
            return states.count_unknown(connection, session_ids)

    def sessions_elsewhere(self, batch_id: int) -> Iterator[tuple[str, str]]:
        """The sessions of other batches of the same environment, each with the batch's name."""
        with database.explained(self.url):
            yield from evidence.sessions_elsewhere(self.engine, batch_id)

    def requests_elsewhere(self, batch_id: int) -> Iterator[tuple[Payment, Decimal | None, datetime, str]]:
        """What was asked, dollars, time and batch of the requests of other batches of the same environment."""
        with database.explained(self.url):
            yield from evidence.requests_elsewhere(self.engine, batch_id)

    def confirmed(self, batch_id: int) -> dict[str, list[tuple[str, int]]]:
        """The payments (digest) of which a person said whose they are (identity and number of each attempt)."""
        with database.explained(self.url):
            return evidence.confirmed(self.engine, batch_id)

    def confirmed_elsewhere(self, batch_id: int) -> dict[str, str]:
        """The payments (digest) that a person confirmed for another batch, and its name."""
        with database.explained(self.url):
            return evidence.confirmed_elsewhere(self.engine, batch_id)

    def record_evidence(self, batch_id: int, found: Sequence[Evidence]) -> None:
        """Keep evidence for ever, and settle the attempts that it resolves."""
        with self._writing() as connection:
            evidence.record(connection, batch_id, found)

    # The states of sessions

    def sessions(self, batch: Batch, since: datetime | None = None) -> Iterator[Session]:
        """Every session of a batch (created at `since` or later), with its row in the roll."""
        with database.explained(self.url):
            yield from states.sessions(self.engine, batch.id, since)

    def record_states(self, batch: Batch, seen: Sequence[Seen]) -> None:
        """Keep what the API said of sessions: a line where it changed."""
        with self._writing() as connection:
            states.record(connection, batch.id, seen)

    def state_history(self, session_id: str) -> list[SessionState]:
        """Every change of a session's state, oldest first."""
        with self._reading() as connection:
            return states.history(connection, session_id)

    # Decisions

    def open_tries(self, batch: Batch, identity: str) -> tuple[Attempt, ...]:
        """The tries under the key of a row whose outcome is unknown, oldest first."""
        with self._reading() as connection:
            return decisions.open_tries(connection, batch.id, identity)

    def holder_of(self, session_id: str) -> tuple[str, int] | None:
        """The batch and the row number that have this session, if any have."""
        with self._reading() as connection:
            return decisions.holder_of(connection, session_id)

    def decide(self, batch: Batch, decision: Decision, tries: Sequence[Attempt]) -> None:
        """Keep a person's decision on these tries. Hold the batch for it."""
        with self._writing() as connection:
            decisions.record(connection, batch.id, decision, tries)

    def decisions(self, batch: Batch) -> list[Decision]:
        """What people decided about rows of a batch, oldest first."""
        with self._reading() as connection:
            return list(decisions.of_batch(connection, batch.id))

    def facts(self, batch: Batch) -> Facts:
        """What is said about a batch as a whole."""
        with self._reading() as connection:
            return history.facts(connection, batch.id)

    def runs(self, batch: Batch) -> list[PastRun]:
        """Every run of a batch that staged its sheet, the oldest first."""
        with self._reading() as connection:
            return history.runs_of(connection, batch.id)

    def tries(self, batch: Batch, identity: str) -> list[Try]:
        """Every attempt under the key of a row, the oldest first."""
        with self._reading() as connection:
            return history.tries_of(connection, batch.id, identity)

    # Files

    def files_of(self, batch: str, environment: str) -> FilesOf:
        """What is remembered of the files that were written for a batch, by its name."""
        return FilesOf(self.engine, self.url, batch, environment)

    # Personal data

    def old_batches(self, before: datetime) -> list[Old]:
        """The batches that nobody worked on since `before` and that have personal data, the oldest first."""
        with self._reading() as connection:
            return purge.old_batches(connection, before)

    def scrub(self, batch: int, now: datetime) -> None:
        """Remove the personal data of a batch, which must be held; `compact` must follow."""
        with self._writing() as connection:
            purge.scrub(connection, batch, now)

    def compact(self) -> None:
        """Make the database forget what was removed. Raises StoppedEarlyError while another program reads it."""
        with database.explained(self.url):
            purge.compact(self.engine)

    # The disk

    def keep_reserve(self) -> None:
        """Occupy a little disk, to be given back when it is full and outcomes wait. Does nothing for PostgreSQL."""
        reserve = self._reserve
        if reserve is not None:
            self.free_reserve()  # one that a killed run left
            with suppress(OSError):
                handle = os.open(reserve, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(b"\0" * RESERVE_BYTES)

    def free_reserve(self) -> None:
        """Give the reserve back."""
        reserve = self._reserve
        if reserve is not None:
            with suppress(OSError):
                reserve.unlink(missing_ok=True)

    @property
    def _reserve(self) -> Path | None:
        path = database.sqlite_path(self.url)
        return path and path.with_name(f"{path.name}.reserve")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with database.explained(self.url), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with database.explained(self.url), self.engine.connect().execution_options(reading=True) as connection:
            yield connection


@contextmanager
def open_journal(url: str, *, make: bool = True) -> Iterator[Journal]:
    """The journal at `url`: an SQLite path, or a `postgresql://` URL. Without `make` it must be there.

    Raises UsageError when it can't be used, StoppedEarlyError when another program keeps it locked.
    """
    if make:
        database.make(url)
    journal = Journal(database.connect(url), url)
    try:
        yield journal
    finally:
        journal.close()


def _find_batch(connection: Connection, name: str, environment: str) -> Batch | None:
    found = connection.execute(
        select(batches).where(batches.c.name == name, batches.c.environment == environment)
    ).one_or_none()
    return Batch(found.id, found.name, found.environment) if found else None


def _remove_left_behind(connection: Connection, batch: Batch, beginning: Beginning) -> None:
    """A run that was cut off before its sheet was accepted sent nothing; a rehearsal of yesterday was killed."""
    old = serialization.dump_time(beginning.started_at - LEFT_BEHIND)
    half = and_(runs.c.purpose == "run", runs.c.accepted_at.is_(None), runs.c.ended_at.is_(None))
    rehearsal = and_(runs.c.purpose != "run", runs.c.started_at < old)
    # Only whoever holds the batch knows that a half staged run is not being staged right now.
    gone = half | rehearsal if beginning.purpose == "run" else rehearsal
    left = connection.scalars(select(runs.c.id).where(runs.c.batch_id == batch.id, gone)).all()
    if left:
        connection.execute(delete(rows).where(rows.c.run_id.in_(left)))
        connection.execute(delete(runs).where(runs.c.id.in_(left)))


def _valid(text: str) -> Payment:
    payment = serialization.payment(text)
    assert payment is not None
    return payment
