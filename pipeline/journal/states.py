"""The sessions of a batch and what the API said of them, with its history: only a change adds a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from pipeline.domain.model import Outcome, SessionState
from pipeline.domain.session_states import same
from pipeline.journal import postgresql, roll, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.tables import attempts, states
from schemas.money import from_cents, to_cents

if TYPE_CHECKING:  # a journal shares its runs, and whoever shares reads attempts and states
    from pipeline.journal.journal import Journal

CHUNK: Final = 500
"""Sessions that are read at a time."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that a batch has. `row` is its row's number in the sheet `file`, in the batch's roll.

    `present` says that this number means this row: the newest version of the sheet has it. `amount` is in dollars, None
    when the payor chooses it; `created_at` is aware; `state` is None when it was never asked about; `reference_id` is
    what the API was asked with, empty for none.
    """

    session_id: str = field(repr=False)
    row: int
    amount: Decimal | None
    created_at: datetime
    state: SessionState | None
    reference_id: str = ""
    file: str = ""
    present: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What the API said of a session at a moment (aware)."""

    session_id: str = field(repr=False)
    state: SessionState
    at: datetime


def sessions(journal: Journal, batch_id: int, since: datetime | None = None) -> Iterator[Session]:
    """Every session of a batch in the order of their creation. With `since`, only those created then or later."""
    with journal.reading() as connection:
        places = roll.places(connection, batch_id)
    last = 0
    while True:
        chosen = and_(attempts.c.batch_id == batch_id, attempts.c.id > last, _HAS_SESSION)
        with journal.reading() as connection:
            chunk = connection.execute(select(*_SESSION).where(chosen).order_by(attempts.c.id).limit(CHUNK)).all()
            known = latest(connection, (record.session_id for record in chunk))
        if not chunk:
            return
        for record in chunk:
            created_at = serialization.time(record.settled_at or record.intended_at)
            if since is None or created_at >= since:
                place = places.get(record.identity, roll.NOWHERE)
                payment = serialization.payment(record.content)
                yield Session(
                    record.session_id,
                    place.number,
                    from_cents(record.amount_cents),
                    created_at,
                    known.get(record.session_id),
                    payment.reference_id if payment else "",
                    place.file,
                    place.present,
                )
        last = chunk[-1].id


def count_unknown(connection: Connection, session_ids: Iterable[str]) -> int:
    """How many of these sessions no batch of the journal has."""
    asked = found = 0
    for wanted in batched(session_ids, ASKED):
        known = select(attempts.c.session_id).where(attempts.c.session_id.in_(wanted)).distinct()
        asked += len(wanted)
        found += len(connection.scalars(known).all())
    return asked - found


_HAS_SESSION: Final = and_(attempts.c.outcome == Outcome.CREATED, attempts.c.session_id != "")
_SESSION: Final = (
    attempts.c.id,
    attempts.c.identity,
    attempts.c.session_id,
    attempts.c.amount_cents,
    attempts.c.content,
    attempts.c.intended_at,
    attempts.c.settled_at,
)


def latest(connection: Connection, session_ids: Iterable[str]) -> dict[str, SessionState]:
    """What the API last said of these sessions; those of which it never said anything are left out."""
    return {session_id: _state(line) for session_id, line in _latest_lines(connection, session_ids).items()}


def history(connection: Connection, session_id: str) -> list[SessionState]:
    """Every change of a session's state, oldest first."""
    lines = connection.execute(select(states).where(states.c.session_id == session_id).order_by(states.c.id))
    return [_state(line) for line in lines]


def asked_at(connection: Connection, batch_id: int) -> datetime | None:
    """When the API was last asked about a batch, None when never."""
    return serialization.time_or_none(
        connection.scalar(select(func.max(states.c.asked_at)).where(states.c.batch_id == batch_id))
    )


def record(connection: Connection, batch_id: int, seen: Sequence[Seen]) -> None:
    """Keep what the API said: a line where it changed, else the time at which it said the same again."""
    known = _latest_lines(connection, (one.session_id for one in seen))
    new, again = [], []
    for one in seen:
        line = known.get(one.session_id)
        if line is not None and same(_state(line), one.state):
            again.append({"which": line.id, "when": serialization.dump_time(one.at)})
        else:
            new.append(_values(batch_id, one))
    if again:
        statement = update(states).where(states.c.id == bindparam("which"))
        connection.execute(statement.values(asked_at=bindparam("when")), again)
    if new:
        connection.execute(insert(states), new)


def analyse(connection: Connection, told: int) -> None:
    """Have PostgreSQL count the states, so many of which were told just now: it would look for the last state of each
    session among all of them.
    """
    postgresql.count_anew(connection, told, states)


def _latest_lines(connection: Connection, session_ids: Iterable[str]) -> dict[str, Any]:
    lines: dict[str, Any] = {}
    for wanted in batched(session_ids, ASKED):
        chosen = select(states).where(states.c.session_id.in_(wanted)).order_by(states.c.id)
        lines |= {line.session_id: line for line in connection.execute(chosen)}
    return lines


def _state(line: Any) -> SessionState:
    return SessionState(
        session=line.session_status,
        transactions=serialization.cells(line.transactions),
        amount=from_cents(line.amount_cents),
        since=serialization.time(line.since),
        known=line.known,
    )


def _values(batch_id: int, one: Seen) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "session_id": one.session_id,
        "session_status": one.state.session,
        "transactions": serialization.dump(one.state.transactions),
        "amount_cents": to_cents(one.state.amount),
        "known": one.state.known,
        "since": serialization.dump_time(one.state.since),
        "asked_at": serialization.dump_time(one.at),
    }
