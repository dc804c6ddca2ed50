"""A checked sheet becomes rows of the journal: staged in chunks, then made one of a kind, then planned.

Nothing here is in memory for the whole file: what must be known of all rows at once (repeated identities, which
earlier payments a corrected sheet means) is asked of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, func, insert, or_, select, update

from pipeline.domain import attempt_rules, row_keys
from pipeline.domain.model import Attempt, Carried, CheckedRow, Column, Outcome, Repeat
from pipeline.journal import duplicates, roll, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import Charge, RepeatSearch, histories, mark_cancelled, repeats_elsewhere
from pipeline.journal.roll import Staged
from pipeline.journal.tables import attempts, rows, runs
from schemas.faults import Fault
from schemas.money import to_cents

CHUNK: Final = 5_000
"""Rows that are in memory at a time while planning."""

OCCURRENCE: Final = "#"
"""In `--identity`: the second equal row is a payment of its own."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run is going to do: the counts and cents that a person confirms.

    `rows` and `cents` are of all rows, faulty ones too as far as their amount can be read. `held_by_reference` are
    those of the held rows whose reference was requested in another batch.
    """

    rows: int
    cents: int
    to_send: int
    to_send_cents: int
    e_mailed: int
    kept: int
    kept_since: str
    held: int
    held_by_reference: int
    unknown: int
    invalid: int


def stage(engine: Engine, run_id: int, position: int, checked: Sequence[CheckedRow]) -> int:
    """Stage a chunk of rows, the first of them at `position`; returns the position after the last."""
    values = [_values(run_id, position + index, row) for index, row in enumerate(checked)]
    if values:
        with engine.begin() as connection:
            connection.execute(insert(rows), values)
    return position + len(values)


_NOTHING_CARRIED: Final = Carried()


def finish(engine: Engine, staged: Staged, identity: Sequence[str], columns: Sequence[Column], now: datetime) -> None:
    """Make the staged rows one of a kind, and find the earlier form of each in the batch's roll."""
    run_id, batch_id = staged.run, staged.batch
    with engine.begin() as connection:
        settled = roll.know_again(connection, staged)
        if OCCURRENCE in identity:
            _number_occurrences(connection, run_id, batch_id, settled)
        else:
            _refuse_repeated_identities(connection, run_id, columns)
        roll.refuse_taken_identities(connection, staged)
        if not staged.source.partial:
            duplicates.reuse_earlier_payment(connection, run_id, batch_id)
        roll.find_earlier_forms(connection, staged)
        connection.execute(update(runs).where(runs.c.id == run_id).values(staged_at=serialization.dump_time(now)))


def _values(run_id: int, position: int, checked: CheckedRow) -> dict[str, Any]:
    payment = None if checked.faults else checked.payment
    carried = checked.row.carried or _NOTHING_CARRIED
    identity = row_keys.stored(checked.identity)
    return {
        "run_id": run_id,
        "position": position,
        "number": checked.row.number,
        "cells": serialization.dump(checked.row.cells),
        "kinds": checked.row.kinds,
        "identity": identity,
        "named": identity,
        "fingerprint": payment.fingerprint() if payment else None,
        "payment": serialization.dump(payment) if payment else None,
        "amount_cents": to_cents(checked.amount),
        "send_link": payment.send_link if payment else None,
        "faults": serialization.dump_faults(checked.faults),
        "notices": serialization.dump_faults(checked.notices),
        "plan": "send" if payment else "invalid",
        "came_from": carried.number,
        "came_from_file": carried.file if carried.number else "",
        "request_id": carried.request_id,
    }


# ---------------------------------------------------------------------------------------------------------------
# One of a kind


def _number_occurrences(connection: Connection, run_id: int, batch_id: int, settled: frozenset[int]) -> None:
    """Give the rows of one identity their occurrences (`row_keys.assign`), but for those that have theirs already."""
    here = and_(rows.c.run_id == run_id, rows.c.identity != "")
    repeated = connection.scalars(
        select(rows.c.identity).where(here).group_by(rows.c.identity).having(func.count() > 1)
    )
    numbered = connection.scalars(
        select(attempts.c.identity)
        .distinct()
        .where(attempts.c.batch_id == batch_id, attempts.c.identity.contains(row_keys.MARK))
    ).all()
    bases = list(dict.fromkeys([*repeated, *(row_keys.split(key)[0] for key in numbered)]))
    past = histories(connection, batch_id, [*bases, *numbered])
    tries: dict[str, dict[int, list[Attempt]]] = {}
    for key, history in past.items():
        base, number = row_keys.split(key)
        tries.setdefault(base, {})[number] = history
    chosen = select(rows.c.id, rows.c.identity, rows.c.fingerprint, rows.c.payment, rows.c.plan).where(here)
    groups: dict[str, list[Any]] = {}
    for some in batched(bases, ASKED):
        for record in connection.execute(chosen.where(rows.c.identity.in_(some)).order_by(rows.c.position)):
            if record.id not in settled:
                groups.setdefault(record.identity, []).append(record)
    changes = [
        change for base, records in groups.items() for change in _occurrences(base, records, tries.get(base, {}))
    ]
    if changes:
        new: dict[str, Any] = {"identity": bindparam("key"), "named": bindparam("key")}
        new |= {"plan": bindparam("decision"), "hold": bindparam("why")}
        connection.execute(update(rows).where(rows.c.id == bindparam("which")).values(**new), changes)


def _occurrences(base: str, records: Sequence[Any], tries: dict[int, list[Attempt]]) -> Iterator[dict[str, Any]]:
    """What changes for the rows of one identity: their keys, and whether they are held."""
    contents = [bytes(record.fingerprint) if record.fingerprint else None for record in records]
    assigned = row_keys.assign(contents, {number: _past(history) for number, history in tries.items()})
    for index, (record, number) in enumerate(zip(records, assigned.occurrences, strict=True)):
        change = {"which": record.id, "key": row_keys.occurrence(base, number), "decision": record.plan, "why": None}
        payment = serialization.payment(record.payment)
        if payment is not None and index in assigned.doubtful:
            changed = [attempt for attempt in tries[assigned.changed[0]] if attempt.outcome in roll.EFFECTIVE]
            change |= {
                "decision": "hold",
                "why": serialization.dump(attempt_rules.changed(changed[-1], payment.describe())),
            }
        yield change


def _past(history: Sequence[Attempt]) -> row_keys.Past:
    """What an occurrence has been through."""
    effective = {attempt.fingerprint for attempt in history if attempt.outcome in roll.EFFECTIVE}
    return row_keys.Past(effective, {attempt.fingerprint for attempt in history} - effective)


def _refuse_repeated_identities(connection: Connection, run_id: int, columns: Sequence[Column]) -> None:
    """Refuse every row whose identity stands higher up in the sheet already."""
    numbered = (
        select(
            rows.c.id,
            func.row_number().over(partition_by=rows.c.identity, order_by=rows.c.position).label("occurrence"),
            func.first_value(rows.c.id).over(partition_by=rows.c.identity, order_by=rows.c.position).label("first"),
        )
        .where(rows.c.run_id == run_id, rows.c.identity != "")
        .subquery()
    )
    first = rows.alias()
    statement = (
        select(rows.c.id, rows.c.cells, rows.c.faults, first.c.number.label("where"), first.c.cells.label("other"))
        .join_from(numbered, rows, rows.c.id == numbered.c.id)
        .join(first, first.c.id == numbered.c.first)
        .where(numbered.c.occurrence > 1)
    )
    found = []
    for row in connection.execute(statement):
        differs = ", ".join(_differences(columns, serialization.cells(row.cells), serialization.cells(row.other)))
        fault = Fault("duplicate-identity", details=(("row", str(row.where)), ("differs", differs)))
        found.append({"which": row.id, "found": serialization.dump_faults((*serialization.faults(row.faults), fault))})
    if found:
        # Without an identity the row can't be taken for the payment that the first one stands for.
        changed = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(changed.values(faults=bindparam("found"), plan="invalid", identity=""), found)


def _differences(columns: Sequence[Column], cells: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """The columns in which two rows of one identity differ, by more than the blanks that every reader tidies up."""
    pairs = zip(columns, cells, others, strict=False)
    return (column.field or column.heading for column, mine, other in pairs if mine.split() != other.split())


# ---------------------------------------------------------------------------------------------------------------
# Planned


def plan(
    engine: Engine, staged: Staged, permissions: attempt_rules.Permissions, search: RepeatSearch, now: datetime
) -> Forecast:
    """Decide for every valid row of a run what to do with it, keep the decisions, and say what they add up to."""
    run_id, batch_id = staged.run, staged.batch
    if permissions.allow_repeats:
        with engine.begin() as connection:
            held = and_(rows.c.run_id == run_id, rows.c.plan == "hold")
            connection.execute(update(rows).where(held).values(plan="send", hold=None))
    for low, high in _ranges(engine, run_id):
        chosen = and_(rows.c.run_id == run_id, rows.c.position >= low, rows.c.position < high, rows.c.plan == "send")
        with engine.begin() as connection:
            _plan_range(connection, chosen, batch_id, permissions, partial(repeats_elsewhere, search=search, now=now))
    if not permissions.allow_repeats:
        with engine.begin() as connection:
            duplicates.hold_possible_duplicates(connection, staged, now - search.window)
    return forecast(engine, run_id, batch_id)


def _ranges(engine: Engine, run_id: int) -> Iterator[tuple[int, int]]:
    with engine.connect().execution_options(reading=True) as connection:
        count = connection.scalar(select(func.count()).where(rows.c.run_id == run_id)) or 0
    return ((low, low + CHUNK) for low in range(0, count, CHUNK))


def _plan_range(
    connection: Connection,
    chosen: ColumnElement[bool],
    batch_id: int,
    permissions: attempt_rules.Permissions,
    repeats_of: Callable[..., dict[str, list[Repeat]]],
) -> None:
    wanted = (rows.c.id, rows.c.identity, rows.c.named, rows.c.fingerprint, rows.c.payment)
    valid = connection.execute(select(*wanted).where(chosen).order_by(rows.c.position)).all()
    history = histories(connection, batch_id, (row.identity for row in valid))
    mark_cancelled(connection, history, {row.identity: bytes(row.fingerprint) for row in valid})
    charges = {row.named: Charge(row.identity, bytes(row.fingerprint)) for row in valid}
    repeats = repeats_of(connection, batch_id, charges)
    if not history and not repeats:
        return
    exceptions = []
    for row in valid:
        before, elsewhere = history.get(row.identity, []), repeats.get(row.named, [])
        if not before and not elsewhere:
            continue
        payment = serialization.payment(row.payment)
        assert payment is not None
        match attempt_rules.plan(before, bytes(row.fingerprint), payment.describe(), elsewhere, permissions):
            case attempt_rules.Send():
                continue
            case attempt_rules.Keep():
                exceptions.append({"which": row.id, "decision": "keep", "why": None})
            case attempt_rules.Hold(fault):
                exceptions.append({"which": row.id, "decision": "hold", "why": serialization.dump(fault)})
            case attempt_rules.Review():
                exceptions.append({"which": row.id, "decision": "look", "why": None})
            case never:
                assert_never(never)
    if exceptions:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(plan=bindparam("decision"), hold=bindparam("why")), exceptions)


# A fault's code is the first thing in its JSON, and a row without a reference is never held for one.
_BY_REFERENCE: Final = and_(
    or_(*(rows.c.hold.contains(f'"{code}"') for code in attempt_rules.HELD_BY_REFERENCE)),
    rows.c.named.not_like(f"{row_keys.HASHED}%"),
)


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

        by_reference = connection.scalar(
            select(func.count()).where(rows.c.run_id == run_id, rows.c.plan == "hold", _BY_REFERENCE)
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
        kept_since=serialization.time(kept_since).date().isoformat() if kept_since else "",
        held=count("hold"),
        held_by_reference=by_reference or 0,
        unknown=count("look"),
        invalid=count("invalid"),
    )
