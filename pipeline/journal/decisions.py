"""What people decided about rows whose outcome was unknown: kept for ever, with who and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from pipeline.domain import attempt_rules, row_status
from pipeline.domain.attempt_rules import IllegalChangeError
from pipeline.domain.model import Attempt, Decision, Outcome
from pipeline.journal import serialization
from pipeline.journal.attempts import NAMED_ATTEMPT, STILL_UNCERTAIN, histories
from pipeline.journal.tables import attempts, batches, decisions


def open_tries(connection: Connection, batch_id: int, identity: str) -> tuple[Attempt, ...]:
    """The tries under the key of a row whose outcome is unknown, oldest first."""
    return attempt_rules.unresolved_attempts(histories(connection, batch_id, [identity]).get(identity, []))


def holder_of(connection: Connection, session_id: str) -> tuple[str, int] | None:
    """The batch and the row number that have this session, in any spelling of the UUID's case."""
    found = connection.execute(
        select(batches.c.name, attempts.c.row_number)
        .join(batches, batches.c.id == attempts.c.batch_id)
        .where(func.lower(attempts.c.session_id) == session_id.lower())
    ).first()
    return (found.name, found.row_number) if found else None


def record(connection: Connection, batch_id: int, decision: Decision, tries: Sequence[Attempt]) -> None:
    """Keep a decision and change the tries that it is about: the last is the session, or none of them made one.

    The times of the tries stay: they tell when the payor was asked. Why they were uncertain is kept with the decision.
    Raises IllegalChangeError when one of the tries is not uncertain any more.
    """
    changed = tries[-1:] if decision.outcome is Outcome.CREATED else tries
    for attempt in changed:
        attempt_rules.check_change(attempt.outcome, decision.outcome)
    values = [
        {
            "which_batch": batch_id,
            "which_identity": decision.identity,
            "which_number": attempt.number,
            "becomes": decision.outcome,
            "session": decision.session_id,
            "at": serialization.dump_time(attempt.settled_at or attempt.at),
            "why": serialization.dump_faults((row_status.decided(decision),)),
        }
        for attempt in changed
    ]
    if connection.execute(_DECIDED, values).rowcount != len(values):
        raise IllegalChangeError("a try was not uncertain any more")
    connection.execute(insert(decisions).values(_values(batch_id, decision, tries)))


def of_batch(connection: Connection, batch_id: int) -> list[Decision]:
    """All decisions of a batch, oldest first."""
    chosen = select(decisions).where(decisions.c.batch_id == batch_id).order_by(decisions.c.id)
    return [
        Decision(
            identity=line.identity,
            row=line.row_number,
            number=line.number,
            outcome=Outcome(line.outcome),
            session_id=line.session_id,
            note=line.note,
            who=serialization.who(line),
            at=serialization.time(line.decided_at),
        )
        for line in connection.execute(chosen)
    ]


_DECIDED: Final = (
    update(attempts)
    .where(NAMED_ATTEMPT, STILL_UNCERTAIN)
    .values(
        outcome=bindparam("becomes"),
        session_id=bindparam("session"),
        settled_at=bindparam("at"),
        reasons=bindparam("why"),
    )
)


def _values(batch_id: int, decision: Decision, tries: Sequence[Attempt]) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "identity": decision.identity,
        "number": decision.number,
        "row_number": decision.row,
        "outcome": decision.outcome,
        "session_id": decision.session_id,
        "note": decision.note,
        "who": decision.who,
        "decided_at": serialization.dump_time(decision.at),
        "reasons": serialization.dump_faults(fault for attempt in tries for fault in attempt.reasons),
    }
