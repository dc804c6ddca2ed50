"""The shares of a run that several workers send: who may send which rows, and what all of them heed.

A share is claimed under a name that is made up for the claim. The claim is renewed every moment; once it was silent for
its life, by the server's clock, another may take it, and the name is another from then on. Each group of intents asks
in its own transaction for the name (`check`): a worker that was stopped, cut off or thought dead can intend nothing
more. So nothing here depends on what Dask believes of a worker.

Only on PostgreSQL: an SQLite journal is of one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Float, and_, bindparam, cast, delete, exists, func, insert, or_, select, text, update

from pipeline.domain import errors
from pipeline.domain.errors import BatchBusyError, RunError, ShareLostError
from pipeline.journal import attempts, serialization
from pipeline.journal.tables import rows, runs, shared_runs, shares

_NOW: Final = cast(func.extract("epoch", func.clock_timestamp()), Float)
"""The server's clock, in seconds: the one clock by which claims live."""
_IS_LED: Final = shared_runs.c.renewed_at > _NOW - shared_runs.c.life
"""The coordinator was heard of."""
_HAS_OWNER: Final = shares.c.owner != ""
_IS_OWNED: Final = and_(
    _HAS_OWNER, shared_runs.c.run_id == shares.c.run_id, shares.c.renewed_at > _NOW - shared_runs.c.life
)
"""A share has an owner who was heard of."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How far the owners of a share came: rows by the outcome of their last attempt, rows that were held.

    `streak` is what the present owner's circuit breaker has counted, as that reads it.
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    single_use: bool = False
    streak: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A share that is claimed: the rows of a run between two positions, and how far earlier owners came."""

    id: int
    run: int
    after: int
    before: int
    owner: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Heed:
    """What a worker heeds: why all stop, if they do; for how many seconds nobody sends; what the others count;
    for how many seconds the coordinator was silent.
    """

    stop: RunError | None
    pause: float
    others: Sequence[Counts]
    silence: float


@dataclass(frozen=True, slots=True)
class Share:
    """A share as the coordinator sees it. `living` says that it has an owner that was heard of, `lost` that it has one
    that was not; `claims` is how often it was claimed.
    """

    id: int
    after: int
    before: int
    worker: str
    claims: int
    done: bool
    living: bool
    lost: bool
    counts: Counts


@dataclass(frozen=True, slots=True)
class Overview:
    """A shared run at a moment: why all stop, if they do; the seconds for which the API wants a pause; its shares."""

    stop: RunError | None
    pause: float
    shares: tuple[Share, ...]


_counts: Final = msgspec.json.Decoder(Counts)


def _dump_reason(reason: RunError) -> str:
    told = {name: str(value) for name, value in reason.params.items()}
    return serialization.dump({"kind": type(reason).__name__, "text": reason.text, "told": told})


def _reason(text: str) -> RunError | None:
    if not text:
        return None
    told = msgspec.json.decode(text)
    kind: type[RunError] = getattr(errors, told["kind"])
    return kind(told["text"], **told["told"])


# ---------------------------------------------------------------------------------------------------------------
# The coordinator


def begin(connection: Connection, run: int, word: str, life: float) -> None:
    """Begin to share a run, under a word that is made up for it; `life` is that of a claim, in seconds.

    A journal has one shared run at a time (`attempts.meanwhile_elsewhere`). Raises BatchBusyError when there is one.
    """
    _end_silent_sessions(connection)
    attempts.lock_intents(connection)
    if connection.scalar(select(exists().where(or_(_IS_LED, exists().where(_IS_OWNED))))):
        raise BatchBusyError(
            "Workers of a Dask cluster are sending another run of this journal. Wait until it ends, then run the same "
            "command again."
        )
    _close(connection, connection.scalars(select(shared_runs.c.run_id)).all())
    connection.execute(insert(shared_runs).values(run_id=run, word=word, life=life, renewed_at=_NOW))


def divide(connection: Connection, run: int, after: int, size: int) -> None:
    """Divide the rows of a run that are to be sent behind position `after` into shares of `size`."""
    wanted = and_(rows.c.run_id == run, rows.c.plan == "send", rows.c.position > after)
    numbered = select(rows.c.position, func.row_number().over(order_by=rows.c.position).label("number")).where(wanted)
    of = numbered.subquery()
    begins = connection.scalars(
        select(of.c.position).where((of.c.number - 1) % size == 0).order_by(of.c.position)
    ).all()
    if begins:
        end = connection.scalar(select(func.max(rows.c.position)).where(wanted)) or 0
        limits = zip(begins, [*begins[1:], end + 1], strict=True)
        ranges = [{"run_id": run, "after": begin - 1, "before": before} for begin, before in limits]
        connection.execute(insert(shares), ranges)


def watch(connection: Connection, run: int, stop: RunError | None) -> Overview:
    """Say that the coordinator is there, and why all are to stop if they are; returns how the run is.

    Raises ShareLostError when it was silent for so long that another run took over.
    """
    _end_silent_sessions(connection)
    mine = update(shared_runs).where(shared_runs.c.run_id == run)
    connection.execute(mine.values(renewed_at=_NOW))
    if stop is not None:
        ask_to_stop(connection, run, stop)
    told = connection.execute(
        select(shared_runs.c.stop, shared_runs.c.paused_until - _NOW).where(shared_runs.c.run_id == run)
    ).one_or_none()
    if told is None:
        raise lost()
    columns = [shares.c[name] for name in ("id", "after", "before", "worker", "claims", "done", "counts")]
    found = connection.execute(
        select(*columns, _IS_OWNED.label("living"), and_(_HAS_OWNER, ~_IS_OWNED).label("lost"))
        .join(shared_runs, shared_runs.c.run_id == shares.c.run_id)
        .where(shares.c.run_id == run)
        .order_by(shares.c.id)
    )
    listed = (Share(**{**share._mapping, "counts": _counts.decode(share.counts)}) for share in found)  # noqa: SLF001 - SQLAlchemy's public name
    return Overview(_reason(told[0]), max(0.0, told[1]), tuple(listed))


def close(connection: Connection, run: int) -> None:
    """End the sharing of a run: whatever worker is left can intend nothing more."""
    _close(connection, [run])


def has_workers(connection: Connection, batch_id: int) -> bool:
    """Whether workers still send rows of a batch, whose coordinator was perhaps killed."""
    if connection.dialect.name != "postgresql":
        return False
    of_batch = and_(runs.c.id == shares.c.run_id, runs.c.batch_id == batch_id)
    return bool(connection.scalar(select(exists().where(_IS_OWNED, of_batch))))


def close_left_behind(connection: Connection, batch_id: int) -> None:
    """End what a coordinator that was killed left of its batch. Only for who holds the batch."""
    if connection.dialect.name != "postgresql":
        return
    _end_silent_sessions(connection)
    shared = select(shared_runs.c.run_id).join(runs, runs.c.id == shared_runs.c.run_id)
    _close(connection, connection.scalars(shared.where(runs.c.batch_id == batch_id)).all())


def _close(connection: Connection, closing: Sequence[int]) -> None:
    if not closing:
        return
    connection.execute(delete(shares).where(shares.c.run_id.in_(closing)))
    connection.execute(delete(shared_runs).where(shared_runs.c.run_id.in_(closing)))


def session_name(owner: str) -> str:
    """By which name the sessions of an owner are known at the server (`application_name`)."""
    return f"flinks-import {owner}".strip()


def _end_silent_sessions(connection: Connection) -> None:
    """End the sessions of owners that are silent: one that was stopped in a transaction would keep what it has locked,
    and a server does not find that out by itself.
    """
    silent = and_(_HAS_OWNER, ~_IS_OWNED, shared_runs.c.run_id == shares.c.run_id)
    for owner in connection.scalars(select(shares.c.owner).where(silent)).all():
        connection.execute(_END, {"name": session_name(owner)})


_END: Final = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name")


# ---------------------------------------------------------------------------------------------------------------
# A worker


def base_url(connection: Connection, run: int, word: str) -> str | None:
    """Where the requests of a shared run go; None when this journal does not have the run."""
    statement = select(runs.c.base_url).join(shared_runs, shared_runs.c.run_id == runs.c.id)
    return connection.scalar(statement.where(runs.c.id == run, shared_runs.c.word == word))


def claim(connection: Connection, share: int, owner: str, worker: str) -> Claimed | None:
    """Claim a share for `owner`; None when it is done, another's who is alive, or its run is over or stops."""
    goes_on = and_(shared_runs.c.run_id == shares.c.run_id, shared_runs.c.stop == "")
    free = or_(shares.c.owner == "", shares.c.renewed_at < _NOW - shared_runs.c.life)
    found = connection.execute(
        update(shares)
        .where(shares.c.id == share, ~shares.c.done, free, goes_on)
        .values(owner=owner, worker=worker, renewed_at=_NOW, claims=shares.c.claims + 1)
        .returning(shares.c.run_id, shares.c.after, shares.c.before, shares.c.counts)
    ).one_or_none()
    if found is None:
        return None
    return Claimed(share, found.run_id, found.after, found.before, owner, _counts.decode(found.counts))


_CHECK: Final = (
    select(shares.c.id)
    .where(shares.c.id == bindparam("share"), shares.c.owner == bindparam("mine"))
    .with_for_update(read=True)
)


def check(connection: Connection, claimed: Claimed) -> None:
    """Hold a claim to the end of the transaction. Raises ShareLostError when the share is another's."""
    if connection.scalar(_CHECK, {"share": claimed.id, "mine": claimed.owner}) is None:
        raise lost()


def renew(connection: Connection, claimed: Claimed, counts: Counts, pause: float) -> Heed:
    """Renew a claim, say how far it came and for how many seconds the API wants a pause; returns what to heed.

    Raises ShareLostError when the share is another's.
    """
    mine = and_(shares.c.id == claimed.id, shares.c.owner == claimed.owner)
    values = {"renewed_at": _NOW, "counts": serialization.dump(counts)}
    if not connection.execute(update(shares).where(mine).values(values)).rowcount:
        raise lost()
    of_run = shared_runs.c.run_id == claimed.run
    if pause:
        longest = func.greatest(shared_runs.c.paused_until, _NOW + pause)
        connection.execute(update(shared_runs).where(of_run).values(paused_until=longest))
    columns = (shared_runs.c.stop, shared_runs.c.paused_until - _NOW, _NOW - shared_runs.c.renewed_at)
    stop, left, silence = connection.execute(select(*columns).where(of_run)).one()
    others = select(shares.c.counts).where(shares.c.run_id == claimed.run, shares.c.owner != "", ~mine)
    return Heed(_reason(stop), max(0.0, left), [*map(_counts.decode, connection.scalars(others))], silence)


def leave(connection: Connection, claimed: Claimed, counts: Counts, *, done: bool) -> None:
    """Give up a claim; `done` says that all its rows were sent. Does nothing to a share that is another's."""
    mine = and_(shares.c.id == claimed.id, shares.c.owner == claimed.owner)
    connection.execute(update(shares).where(mine).values(owner="", done=done, counts=serialization.dump(counts)))


def ask_to_stop(connection: Connection, run: int, reason: RunError) -> None:
    """Have everybody who sends rows of a run stop. The first reason counts."""
    going_on = and_(shared_runs.c.run_id == run, shared_runs.c.stop == "")
    connection.execute(update(shared_runs).where(going_on).values(stop=_dump_reason(reason)))


def lost() -> ShareLostError:
    """The failure of a worker that may not go on with its rows."""
    return ShareLostError("Another program took over these rows. Run the same command again to resume.")
