"""What the daily reports proved about a batch, kept for ever: which line of which file, when, and who said so.

A report that names a request whose outcome is unknown decides it, and a person may confirm that a payment is of a
request. Also what reconciliation asks of the journal: every request of a batch, and those of other batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from pipeline.domain import attempt_rules, row_status
from pipeline.domain.attempt_rules import IllegalChangeError
from pipeline.domain.model import Outcome, Payment
from pipeline.journal import roll, serialization
from pipeline.journal.attempts import ATTEMPT_COLUMNS, NAMED_ATTEMPT, STILL_UNCERTAIN, attempt_of
from pipeline.journal.journal import Journal
from pipeline.journal.tables import attempts, batches, evidence
from schemas.money import from_cents


class Proof(StrEnum):
    """What a line of a report is evidence of."""

    RESOLVED = "resolved"
    """A request whose outcome was unknown exists."""
    CONFIRMED = "confirmed"
    """A person said that a payment is of a request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was made, or may have been: an attempt, with what was sent and its row in the batch's roll.

    `row` is its number in the sheet `file` of `run`. `amount` is in dollars, None when the payor chooses it. `payment`
    is None once personal data were removed. `at` is when it was sent, aware.
    """

    identity: str
    number: int
    row: int
    amount: Decimal | None
    at: datetime
    uncertain: bool
    session_id: str = field(default="", repr=False)
    payment: Payment | None = field(default=None, repr=False)
    file: str = ""
    run: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of a report that proves something about an attempt.

    `payment_key` is the digest by which the same payment is known again; `reported_on` is the day that the line tells,
    ISO 8601, empty when it tells none. `at` is aware.
    """

    proof: Proof
    identity: str
    number: int
    payment_key: str
    file: str
    sha256: str
    sheet: str
    line: int
    reported_on: str
    at: datetime
    who: str
    session_id: str = field(default="", repr=False)


def asked(journal: Journal, batch_id: int) -> Iterator[Asked]:
    """Every request of a batch that was created or may have been, with its row in the batch's roll.

    Of several tries without an answer since the last session, the last stands for all: they are one request.
    """
    with journal.reading() as connection:
        places = roll.places(connection, batch_id)
        statement = select(*ATTEMPT_COLUMNS).where(attempts.c.batch_id == batch_id)
        records = connection.execute(statement.order_by(attempts.c.identity, attempts.c.number)).all()
    for identity, group in groupby(records, key=attrgetter("identity")):
        tried = list(group)
        history = [attempt_of(record) for record in tried]
        shown = {attempt.number for attempt in row_status.requests_that_exist(history)}
        for record, attempt in zip(tried, history, strict=True):
            if attempt.number in shown:
                place = places.get(identity, roll.NOWHERE)
                yield Asked(
                    identity=identity,
                    number=attempt.number,
                    row=place.number,
                    file=place.file,
                    run=place.run,
                    amount=attempt.amount,
                    at=attempt.at,
                    uncertain=attempt.outcome is not Outcome.CREATED,
                    session_id=attempt.session_id,
                    payment=serialization.payment(record.content),
                )


def _elsewhere(batch_id: int, *columns: Any) -> Select[Any]:
    here = select(batches.c.environment).where(batches.c.id == batch_id).scalar_subquery()
    return (
        select(*columns, batches.c.name)
        .join_from(attempts, batches, batches.c.id == attempts.c.batch_id)
        .where(
            attempts.c.batch_id != batch_id,
            batches.c.environment == here,
            attempts.c.outcome.in_(attempt_rules.EFFECTIVE),
        )
        .order_by(attempts.c.id)
    )


def sessions_elsewhere(journal: Journal, batch_id: int) -> Iterator[tuple[str, str]]:
    """The sessions of other batches of the same environment, each with the batch's name."""
    statement = _elsewhere(batch_id, attempts.c.session_id).where(attempts.c.session_id != "")
    with journal.reading() as connection:
        for record in connection.execution_options(yield_per=2_000).execute(statement):
            yield record.session_id, record.name


def requests_elsewhere(journal: Journal, batch_id: int) -> Iterator[tuple[Payment, Decimal | None, datetime, str]]:
    """What was asked, amount in dollars, time and batch of the requests of other batches of the same environment."""
    statement = _elsewhere(batch_id, attempts.c.content, attempts.c.amount_cents, attempts.c.intended_at)
    with journal.reading() as connection:
        for record in connection.execution_options(yield_per=2_000).execute(statement):
            payment = serialization.payment(record.content)
            if payment is not None:
                yield (
                    payment,
                    from_cents(record.amount_cents),
                    serialization.time(record.intended_at),
                    record.name,
                )


def confirmed(connection: Connection, batch_id: int) -> dict[str, list[tuple[str, int]]]:
    """The payments of which a person said whose they are: digest -> identity and number of each attempt."""
    statement = (
        select(evidence.c.payment_key, evidence.c.identity, evidence.c.number)
        .where(evidence.c.batch_id == batch_id, evidence.c.proof == Proof.CONFIRMED)
        .order_by(evidence.c.id)
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for record in connection.execute(statement):
        found.setdefault(record.payment_key, []).append((record.identity, record.number))
    return found


def confirmed_elsewhere(connection: Connection, batch_id: int) -> dict[str, str]:
    """The payments that a person confirmed for another batch of the same environment: digest -> the batch's name."""
    here = select(batches.c.environment).where(batches.c.id == batch_id).scalar_subquery()
    statement = (
        select(evidence.c.payment_key, batches.c.name)
        .join_from(evidence, batches, batches.c.id == evidence.c.batch_id)
        .where(evidence.c.proof == Proof.CONFIRMED, batches.c.id != batch_id, batches.c.environment == here)
    )
    return {record.payment_key: record.name for record in connection.execute(statement)}


_FOUND: Final = (
    update(attempts)
    .where(NAMED_ATTEMPT, STILL_UNCERTAIN)
    .values(
        outcome=Outcome.CREATED,
        session_id=bindparam("session"),
        settled_at=func.coalesce(attempts.c.settled_at, attempts.c.intended_at),
    )
)


def record(connection: Connection, batch_id: int, found: Sequence[Evidence]) -> None:
    """Keep evidence, and settle the attempts that it resolves: they are created, with the report's session if it has
    one. Their times stay, which tell when the payor was asked, and what was uncertain stays as their reasons.

    Raises IllegalChangeError when an attempt to be resolved is not uncertain any more.
    """
    resolved = [
        {
            "which_batch": batch_id,
            "which_identity": one.identity,
            "which_number": one.number,
            "session": one.session_id,
        }
        for one in found
        if one.proof is Proof.RESOLVED
    ]
    if resolved:
        changed = connection.execute(_FOUND, resolved).rowcount
        if changed != len(resolved):
            raise IllegalChangeError(f"{len(resolved) - changed} attempts were not uncertain")
    if found:
        connection.execute(insert(evidence), [_values(batch_id, one) for one in found])


def _values(batch_id: int, one: Evidence) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "identity": one.identity,
        "number": one.number,
        "proof": one.proof,
        "payment_key": one.payment_key,
        "file": one.file,
        "sha256": one.sha256,
        "sheet": one.sheet,
        "line": one.line,
        "reported_on": one.reported_on,
        "session_id": one.session_id,
        "recorded_at": serialization.dump_time(one.at),
        "who": one.who,
    }
