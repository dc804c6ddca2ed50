"""The shares of a run that several workers send: who may send which rows, and what all of them heed.

A worker joins a run under a name that is made up for it, and takes one range of rows after the other. A range is given
once. The worker is heard of every moment; once it was silent for the life that the run gives, by the server's clock, it
is put off for good: its sessions are ended, its name is taken from its share, and each group of intents asks in its own
transaction for the name (`check`). So a worker that was stopped, cut off or thought dead can intend nothing more,
whatever Dask believes of it. What was put off or left is handed to the coordinator in the end (`close`).

Each record is written by one program, so that nobody waits for one that is stopped: the run's by the coordinator, a
share's by its worker. Only on PostgreSQL: an SQLite journal is of one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Connection,
    Float,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from pipeline.domain import errors
from pipeline.domain.errors import BatchBusyError, RunError, ShareLostError
from pipeline.journal import attempts, serialization
from pipeline.journal.tables import rows, runs, shared_runs, shares

_NOW: Final = cast(func.extract("epoch", func.clock_timestamp()), Float)
"""The server's clock, in seconds: the one clock by which workers live."""
_LIFE: Final = select(shared_runs.c.life).where(shared_runs.c.run_id == shares.c.run_id).scalar_subquery()
_IS_WORKER: Final = shares.c.claims == 0
_SILENCE: Final = _NOW - shares.c.renewed_at
_LIVES: Final = and_(_IS_WORKER, shares.c.owner != "", _SILENCE < _LIFE)
_IS_SILENT: Final = and_(_IS_WORKER, shares.c.owner != "", _SILENCE >= _LIFE)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says each time: its rows by the outcome of their last attempt, those that were held, whether
    tokens serve once; what its circuit breaker has counted, as that reads it; for how many seconds the API wants a
    pause of it; and what it stopped for, where all should (`told`).
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    single_use: bool = False
    streak: Mapping[str, Any] = field(default_factory=dict)
    pause: float = 0.0
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A worker that has joined a run: the record of its share, and the name under which it has it."""

    id: int
    run: int
    owner: str


@dataclass(frozen=True, slots=True)
class Heed:
    """What a worker heeds: why all stop, if they do; for how many seconds nobody sends; what the others count;
    for how many seconds the coordinator was silent.
    """

    stop: RunError | None
    pause: float
    others: Sequence[Mapping[str, Any]]
    silence: float


@dataclass(frozen=True, slots=True)
class Overview:
    """A shared run at a moment: why all stop, if they do; the seconds for which the API wants a pause; the addresses of
    the workers that send, and of those that were just put off; what every worker said last.
    """

    stop: RunError | None
    pause: float
    living: frozenset[str]
    put_off: frozenset[str]
    reports: Sequence[Report]


_report: Final = msgspec.json.Decoder(Report)


def told(reason: RunError) -> str:
    """An error in a form that goes from one program to another (`understood`)."""
    params = {name: str(value) for name, value in reason.params.items()}
    return serialization.dump({"kind": type(reason).__name__, "text": reason.text, "params": params})


def understood(text: str) -> RunError | None:
    """The error that was told, None for an empty text."""
    if not text:
        return None
    words = msgspec.json.decode(text)
    kind: type[RunError] = getattr(errors, words["kind"])
    return kind(words["text"], **words["params"])


# ---------------------------------------------------------------------------------------------------------------
# The coordinator


def begin(connection: Connection, run: int, word: str, life: float) -> None:
    """Begin to share a run, under a word that is made up for it; a worker may be silent for `life` seconds.

    A journal has one shared run at a time (`attempts.meanwhile_elsewhere`). Raises BatchBusyError when there is one.
    """
    _put_off(connection)
    attempts.lock_intents(connection)
    is_led = _NOW - shared_runs.c.renewed_at < shared_runs.c.life
    if connection.scalar(select(or_(exists().where(is_led), exists().where(_LIVES)))):
        raise BatchBusyError(
            "Workers of a Dask cluster are sending another run of this journal. Wait until it ends, then run the same "
            "command again."
        )
    for left in connection.scalars(select(shared_runs.c.run_id)).all():
        close(connection, left)
    connection.execute(insert(shared_runs).values(run_id=run, word=word, life=life, renewed_at=_NOW))


def watch(connection: Connection, run: int, stop: RunError | None) -> Overview:
    """Say that the coordinator is there, and what all are to heed; put off who is silent; returns how the run is.

    Raises ShareLostError when it was silent for so long that another run took over.
    """
    put_off = _put_off(connection)
    columns = (shares.c.worker, shares.c.counts, _SILENCE, _LIVES)
    found = connection.execute(select(*columns).where(shares.c.run_id == run, _IS_WORKER)).all()
    reports = [_report.decode(counts) for _, counts, _, _ in found]
    pause = max([0.0, *(report.pause - found[at][2] for at, report in enumerate(reports))])
    why = told(stop) if stop is not None else next((report.stop for report in reports if report.stop), "")
    values = {
        "renewed_at": _NOW,
        "paused_until": func.greatest(shared_runs.c.paused_until, _NOW + pause),
        "stop": case((shared_runs.c.stop == "", why), else_=shared_runs.c.stop),  # the first reason counts
    }
    heed = connection.execute(
        update(shared_runs)
        .where(shared_runs.c.run_id == run)
        .values(values)
        .returning(shared_runs.c.stop, shared_runs.c.paused_until - _NOW)
    ).one_or_none()
    if heed is None:
        raise lost()
    living = frozenset(worker for worker, _, _, lives in found if lives)
    return Overview(understood(heed[0]), max(0.0, heed[1]), living, put_off, reports)


def is_all_taken(connection: Connection, run: int, after: int) -> bool:
    """Whether every row that is to be sent behind position `after` is of some share."""
    return _next(connection, run, after, 1) is None


def close(connection: Connection, run: int) -> list[tuple[int, int]]:
    """End the sharing of a run: whatever worker is left can intend nothing more. Returns the ranges that were left."""
    connection.execute(_TAKING)
    connection.execute(delete(shared_runs).where(shared_runs.c.run_id == run))
    left = delete(shares).where(shares.c.run_id == run).returning(shares.c.after, shares.c.before, shares.c.done)
    return sorted((after, before) for after, before, done in connection.execute(left) if not done)


def has_workers(connection: Connection, batch_id: int) -> bool:
    """Whether workers still send rows of a batch, whose coordinator was perhaps killed."""
    if connection.dialect.name != "postgresql":
        return False
    of_batch = and_(runs.c.id == shares.c.run_id, runs.c.batch_id == batch_id)
    return bool(connection.scalar(select(exists().where(_LIVES, of_batch))))


def close_left_behind(connection: Connection, batch_id: int) -> None:
    """End what a coordinator that was killed left of its batch. Only for who holds the batch."""
    if connection.dialect.name != "postgresql":
        return
    _put_off(connection)
    of_batch = select(shares.c.run_id).join(runs, runs.c.id == shares.c.run_id).where(runs.c.batch_id == batch_id)
    led = select(shared_runs.c.run_id).join(runs, runs.c.id == shared_runs.c.run_id).where(runs.c.batch_id == batch_id)
    for run in connection.scalars(led.union(of_batch)).all():
        close(connection, run)


def session_name(owner: str) -> str:
    """By which name the sessions of an owner are known at the server (`application_name`)."""
    return f"flinks-import {owner}".strip()


def _put_off(connection: Connection) -> frozenset[str]:
    """Put off the workers that are silent; returns their addresses. Their sessions are ended: one that was stopped in a
    transaction would keep what it has locked, and a server does not find that out by itself.
    """
    silent = connection.execute(select(shares.c.owner, shares.c.worker).where(_IS_SILENT)).all()
    for owner, _ in silent:
        connection.execute(_END, {"name": session_name(owner)})
        connection.execute(update(shares).where(shares.c.owner == owner).values(owner=""))
    return frozenset(worker for _, worker in silent)


_END: Final = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name")


# ---------------------------------------------------------------------------------------------------------------
# A worker


def base_url(connection: Connection, run: int, word: str) -> str | None:
    """Where the requests of a shared run go; None when this journal does not have the run."""
    statement = select(runs.c.base_url).join(shared_runs, shared_runs.c.run_id == runs.c.id)
    return connection.scalar(statement.where(runs.c.id == run, shared_runs.c.word == word))


def join(connection: Connection, run: int, owner: str, worker: str) -> Joined:
    """Have a worker at an address join a run, under the name `owner`. It has no rows yet."""
    empty = {"run_id": run, "after": 0, "before": 0, "owner": owner, "worker": worker, "renewed_at": _NOW, "done": True}
    key = connection.scalar(insert(shares).values(empty).returning(shares.c.id))
    assert key is not None
    return Joined(key, run, owner)


_CHECK: Final = (
    select(shares.c.id)
    .where(shares.c.id == bindparam("share"), shares.c.owner == bindparam("mine"))
    .with_for_update(read=True)
)


def check(connection: Connection, joined: Joined) -> None:
    """Hold a share to the end of the transaction. Raises ShareLostError when the worker was put off."""
    if connection.scalar(_CHECK, {"share": joined.id, "mine": joined.owner}) is None:
        raise lost()


def take(connection: Connection, joined: Joined, after: int, size: int) -> tuple[int, int] | None:
    """Take the next range, of so many rows that are to be sent behind position `after`: the positions that it lies
    between. None when no rows are left, or all are to stop.

    Raises ShareLostError when the worker was put off.
    """
    connection.execute(_TAKING)  # and the share only then: who waits here is heard of
    check(connection, joined)
    goes_on = exists().where(shared_runs.c.run_id == joined.run, shared_runs.c.stop == "")
    found = _next(connection, joined.run, after, size) if connection.scalar(select(goes_on)) else None
    if found is not None:
        limits = {"after": found[0], "before": found[1]}
        connection.execute(insert(shares).values(run_id=joined.run, owner=joined.owner, claims=1, **limits))
    return found


def _next(connection: Connection, run: int, after: int, size: int) -> tuple[int, int] | None:
    """The next rows, at most so many, that are of no share: the positions that they lie between."""
    taken = connection.scalar(select(func.max(shares.c.before)).where(shares.c.run_id == run)) or 0
    begin = max(after, taken - 1)
    wanted = select(rows.c.position).where(rows.c.run_id == run, rows.c.plan == "send", rows.c.position > begin)
    some = wanted.order_by(rows.c.position).limit(size).subquery()
    last = connection.scalar(select(func.max(some.c.position)))
    return None if last is None else (begin, last + 1)


_TAKING: Final = text("SELECT pg_advisory_xact_lock(7306004)")
"""One after the other, and nobody while a run is closed."""


def renew(connection: Connection, joined: Joined, report: Report) -> Heed:
    """Be heard of; returns what to heed. Raises ShareLostError when the worker was put off."""
    mine = and_(shares.c.id == joined.id, shares.c.owner == joined.owner)
    values = {"renewed_at": _NOW, "counts": serialization.dump(report)}
    if not connection.execute(update(shares).where(mine).values(values)).rowcount:
        raise lost()
    columns = (shared_runs.c.stop, shared_runs.c.paused_until - _NOW, _NOW - shared_runs.c.renewed_at)
    heed = connection.execute(select(*columns).where(shared_runs.c.run_id == joined.run)).one_or_none()
    if heed is None:
        raise lost()
    others = select(shares.c.counts).where(shares.c.run_id == joined.run, _LIVES, ~mine)
    streaks = [_report.decode(counts).streak for counts in connection.scalars(others)]
    return Heed(understood(heed[0]), max(0.0, heed[1]), streaks, heed[2])


def leave(connection: Connection, joined: Joined, report: Report, *, done: bool) -> None:
    """Leave a run; `done` says that all rows of the share came to their end. Does nothing for who was put off."""
    if connection.scalar(_CHECK, {"share": joined.id, "mine": joined.owner}) is not None:
        ranges = and_(shares.c.run_id == joined.run, shares.c.owner == joined.owner)
        connection.execute(update(shares).where(ranges, ~_IS_WORKER).values(owner="", done=done))
        values = {"owner": "", "counts": serialization.dump(report)}
        connection.execute(update(shares).where(shares.c.id == joined.id).values(values))


def lost() -> ShareLostError:
    """The failure of a worker that may not go on with its rows."""
    return ShareLostError("Another program took over these rows. Run the same command again to resume.")
