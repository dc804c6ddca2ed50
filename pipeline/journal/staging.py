"""A checked sheet becomes rows of the journal: staged in chunks, then made one of a kind, then planned.

Nothing here is in memory for the whole file: what must be known of all rows at once (repeated identities, which
earlier payments a corrected sheet means) is asked of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, delete, exists, func, insert, select, update

from pipeline.journal import codec
from pipeline.journal.attempts import histories, repeats_elsewhere
from pipeline.journal.tables import attempts, rows, runs
from pipeline.model import CheckedRow, Column, Outcome
from pipeline.send import decide
from schemas.faults import Fault

CHUNK: Final = 5_000
"""Rows that are in memory at a time while planning."""

OCCURRENCE: Final = "#"
"""In `--identity`: the second equal row is a payment of its own."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run is going to do: the counts and cents that a person confirms.

    `rows` and `cents` are of all rows, faulty ones too as far as their amount can be read.
    """

    rows: int
    cents: int
    to_send: int
    to_send_cents: int
    e_mailed: int
    kept: int
    kept_since: str
    held: int
    unknown: int
    invalid: int


def stage(engine: Engine, run_id: int, position: int, checked: Sequence[CheckedRow]) -> int:
    """Stage a chunk of rows, the first of them at `position`; returns the position after the last."""
    values = [_values(run_id, position + index, row) for index, row in enumerate(checked)]
    if values:
        with engine.begin() as connection:
            connection.execute(insert(rows), values)
    return position + len(values)


def finish(
    engine: Engine, run_of_batch: tuple[int, int], identity: Sequence[str], columns: Sequence[Column], now: datetime
) -> None:
    """Make the staged rows one of a kind, and the sheet of this run the current one."""
    run_id, batch_id = run_of_batch
    with engine.begin() as connection:
        if OCCURRENCE in identity:
            _number_occurrences(connection, run_id)
        else:
            _refuse_repeated_identities(connection, run_id, columns)
        _adopt_earlier_payments(connection, run_id, batch_id)
        connection.execute(update(runs).where(runs.c.id == run_id).values(staged_at=codec.dump_time(now)))


def drop_superseded(engine: Engine, run_id: int, batch_id: int) -> None:
    """Forget the staged rows of this batch's earlier runs: their attempts keep what was sent."""
    with engine.begin() as connection:
        earlier = select(runs.c.id).where(runs.c.batch_id == batch_id, runs.c.id < run_id)
        connection.execute(delete(rows).where(rows.c.run_id.in_(earlier)))


def _values(run_id: int, position: int, checked: CheckedRow) -> dict[str, Any]:
    payment = None if checked.faults else checked.payment
    return {
        "run_id": run_id,
        "position": position,
        "number": checked.row.number,
        "cells": codec.dump(checked.row.cells),
        "kinds": checked.row.kinds,
        "identity": checked.identity,
        "fingerprint": payment.fingerprint() if payment else None,
        "payment": codec.dump(payment) if payment else None,
        "amount_cents": codec.cents(checked.amount),
        "send_link": payment.send_link if payment else None,
        "faults": codec.dump_faults(checked.faults),
        "notices": codec.dump_faults(checked.notices),
        "plan": "send" if payment else "invalid",
    }


# ---------------------------------------------------------------------------------------------------------------
# One of a kind


def _repeats_in_sheet(connection: Connection, run_id: int) -> Iterator[Sequence[Any]]:
    """(id, occurrence, first row's id) of every row whose identity stands higher up in the sheet already."""
    numbered = (
        select(
            rows.c.id,
            func.row_number().over(partition_by=rows.c.identity, order_by=rows.c.position).label("occurrence"),
            func.first_value(rows.c.id).over(partition_by=rows.c.identity, order_by=rows.c.position).label("first"),
        )
        .where(rows.c.run_id == run_id, rows.c.identity != "")
        .subquery()
    )
    yield from connection.execute(
        select(numbered.c.id, numbered.c.occurrence, numbered.c.first).where(numbered.c.occurrence > 1)
    ).all()


def _number_occurrences(connection: Connection, run_id: int) -> None:
    # The first keeps its key as it is, so that it is found again when the sheet was run without `#` before.
    changes = [
        {"which": row_id, "suffix": f"#{occurrence}"} for row_id, occurrence, _ in _repeats_in_sheet(connection, run_id)
    ]
    if changes:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(identity=rows.c.identity.concat(bindparam("suffix"))), changes)


def _refuse_repeated_identities(connection: Connection, run_id: int, columns: Sequence[Column]) -> None:
    found = []
    for row_id, _, first_id in _repeats_in_sheet(connection, run_id):
        row, first = (connection.execute(select(rows).where(rows.c.id == which)).one() for which in (row_id, first_id))
        differs = ", ".join(_differences(columns, row, first))
        fault = Fault("duplicate-identity", details=(("row", str(first.number)), ("differs", differs)))
        found.append({"which": row_id, "found": codec.dump_faults((*codec.faults(row.faults), fault))})
    if found:
        # Without an identity the row can't be taken for the payment that the first one stands for.
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(faults=bindparam("found"), plan="invalid", identity=""), found)


def _differences(columns: Sequence[Column], row: Any, first: Any) -> Iterator[str]:
    """The columns in which two rows of one identity differ."""
    pairs = zip(columns, codec.cells(row.cells), codec.cells(first.cells), strict=False)
    return (column.field or column.heading for column, mine, other in pairs if mine != other)


def _adopt_earlier_payments(connection: Connection, run_id: int, batch_id: int) -> None:
    """A row without history takes over an earlier payment of this batch that has its content and no row of its own.

    That is what a sheet looks like that is run again with another `--identity`: without this, every key would be new
    and every payor asked again.
    """
    other = rows.alias()
    strangers = (
        select(rows.c.id, attempts.c.identity)
        .join(attempts, and_(attempts.c.batch_id == batch_id, attempts.c.fingerprint == rows.c.fingerprint))
        .where(
            rows.c.run_id == run_id,
            attempts.c.outcome.in_((Outcome.CREATED, *decide.UNCERTAIN)),
            ~exists().where(attempts.c.batch_id == batch_id, attempts.c.identity == rows.c.identity).correlate(rows),
            ~exists().where(other.c.run_id == run_id, other.c.identity == attempts.c.identity).correlate(attempts),
        )
        .order_by(rows.c.position, attempts.c.id)
    )
    adopted: dict[int, str] = {}
    taken: set[str] = set()
    for row_id, identity in connection.execute(strangers).all():
        if row_id not in adopted and identity not in taken:
            adopted[row_id] = identity
            taken.add(identity)
    if adopted:
        statement = update(rows).where(rows.c.id == bindparam("which")).values(identity=bindparam("earlier"))
        connection.execute(statement, [{"which": row_id, "earlier": key} for row_id, key in adopted.items()])


# ---------------------------------------------------------------------------------------------------------------
# Planned


def plan(
    engine: Engine, run_of_batch: tuple[int, int], permissions: decide.Permissions, repeats_since: datetime
) -> Forecast:
    """Decide for every valid row of a run what to do with it, keep the decisions, and say what they add up to."""
    run_id, batch_id = run_of_batch
    for low, high in _ranges(engine, run_id):
        chosen = and_(rows.c.run_id == run_id, rows.c.position >= low, rows.c.position < high, rows.c.plan == "send")
        with engine.begin() as connection:
            _plan_range(connection, chosen, batch_id, permissions, repeats_since)
    return forecast(engine, run_id, batch_id)


def _ranges(engine: Engine, run_id: int) -> Iterator[tuple[int, int]]:
    with engine.connect().execution_options(reading=True) as connection:
        count = connection.scalar(select(func.count()).where(rows.c.run_id == run_id)) or 0
    return ((low, low + CHUNK) for low in range(0, count, CHUNK))


def _plan_range(
    connection: Connection,
    chosen: ColumnElement[bool],
    batch_id: int,
    permissions: decide.Permissions,
    repeats_since: datetime,
) -> None:
    valid = connection.execute(
        select(rows.c.id, rows.c.identity, rows.c.fingerprint, rows.c.payment).where(chosen).order_by(rows.c.position)
    ).all()
    history = histories(connection, batch_id, (row.identity for row in valid))
    repeats = repeats_elsewhere(connection, batch_id, (bytes(row.fingerprint) for row in valid), repeats_since)
    if not history and not repeats:
        return
    exceptions = []
    for row in valid:
        earlier, elsewhere = history.get(row.identity, []), repeats.get(bytes(row.fingerprint), [])
        if not earlier and not elsewhere:
            continue
        payment = codec.payment(row.payment)
        assert payment is not None
        match decide.plan(earlier, bytes(row.fingerprint), payment.describe(), elsewhere, permissions):
            case decide.Send():
                continue
            case decide.Keep():
                exceptions.append({"which": row.id, "decision": "keep", "why": None})
            case decide.Hold(fault):
                exceptions.append({"which": row.id, "decision": "hold", "why": codec.dump(fault)})
            case decide.LookFirst():
                exceptions.append({"which": row.id, "decision": "look", "why": None})
            case never:
                assert_never(never)
    if exceptions:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(plan=bindparam("decision"), hold=bindparam("why")), exceptions)


def forecast(engine: Engine, run_id: int, batch_id: int) -> Forecast:
    """What the decisions of a planned run add up to."""
    with engine.connect().execution_options(reading=True) as connection:
        groups = connection.execute(
            select(
                rows.c.plan,
                rows.c.send_link,
                func.count().label("number"),
                func.sum(rows.c.amount_cents).label("cents"),
            )
            .where(rows.c.run_id == run_id)
            .group_by(rows.c.plan, rows.c.send_link)
        ).all()
        kept_since = connection.scalar(
            select(func.max(attempts.c.settled_at)).where(
                attempts.c.batch_id == batch_id,
                attempts.c.outcome == Outcome.CREATED,
                attempts.c.identity.in_(select(rows.c.identity).where(rows.c.run_id == run_id, rows.c.plan == "keep")),
            )
        )

    def count(decision: str) -> int:
        return sum(group.number for group in groups if group.plan == decision)

    sending = [group for group in groups if group.plan == "send"]
    return Forecast(
        rows=sum(group.number for group in groups),
        cents=int(sum(group.cents or 0 for group in groups)),
        to_send=count("send"),
        to_send_cents=int(sum(group.cents or 0 for group in sending)),
        e_mailed=sum(group.number for group in sending if group.send_link),
        kept=count("keep"),
        kept_since=(kept_since or "")[:10],
        held=count("hold"),
        unknown=count("look"),
        invalid=count("invalid"),
    )
