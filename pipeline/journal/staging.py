"""A checked sheet becomes rows of the journal: staged in chunks, then made one of a kind, then planned.

Nothing here is in memory for the whole file: what must be known of all rows at once (repeated identities, which
earlier payments a corrected sheet means) is asked of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, update

from pipeline.domain import attempt_rules, row_keys
from pipeline.domain.drafts import is_left_out
from pipeline.domain.duplicates import differing_columns, number_occurrences, repeated_identity
from pipeline.domain.model import Attempt, Carried, CheckedRow, Column
from pipeline.journal import duplicates, roll, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import histories
from pipeline.journal.journal import Journal
from pipeline.journal.roll import Staged
from pipeline.journal.runs import RunStart
from pipeline.journal.tables import attempts, rows, runs
from schemas.money import to_cents

OCCURRENCE: Final = "#"
"""In `--identity`: the second equal row is a payment of its own."""


def stage(journal: Journal, run_id: int, position: int, checked: Sequence[CheckedRow]) -> int:
    """Stage a chunk of rows, the first of them at `position`; returns the position after the last."""
    values = [_values(run_id, position + index, row) for index, row in enumerate(checked)]
    if values:
        journal.write(Connection.execute, insert(rows), values)  # begun late: other writers wait for it
    return position + len(values)


def restage(connection: Connection, run_id: int, changed: Sequence[CheckedRow], columns: Sequence[Column]) -> None:
    """Stage some rows of a run once more, and find those of them that repeat one another.

    `changed` has every row whose identity another of them has or had. Only for a batch without earlier rows and
    requests, and an identity without occurrences: there nothing else of `finish` depends on a row.
    """
    numbers = [row.row.number for row in changed]
    values = [_values(run_id, 0, row) for row in changed]
    for number, one in zip(numbers, values, strict=True):
        del one["run_id"], one["position"], one["number"]
        one |= {"which": number, "hold": None}
    if not values:
        return
    names = [name for name in values[0] if name != "which"]
    statement = update(rows).where(rows.c.run_id == run_id, rows.c.number == bindparam("which"))
    given = [{name if name == "which" else f"new_{name}": told for name, told in one.items()} for one in values]
    connection.execute(statement.values({name: bindparam(f"new_{name}") for name in names}), given)
    for some in batched((one["identity"] for one in values if one["identity"]), ASKED):
        _refuse_repeated_identities(connection, run_id, columns, rows.c.identity.in_(some))


_NOTHING_CARRIED: Final = Carried()


def finish(connection: Connection, staged: Staged, beginning: RunStart, now: datetime) -> None:
    """Make the staged rows one of a kind, and find the earlier form of each in the batch's roll."""
    run_id, batch_id = staged.run, staged.batch
    settled = roll.know_again(connection, staged)
    if OCCURRENCE in beginning.identity:
        _number_occurrences(connection, run_id, batch_id, settled)
    else:
        _refuse_repeated_identities(connection, run_id, beginning.columns)
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
        "left_out": is_left_out(checked.faults),
        "released": "",
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
    for record, (key, changed) in zip(records, number_occurrences(base, contents, tries), strict=True):
        payment = serialization.payment(record.payment) if changed is not None else None
        if changed is None or payment is None:
            yield {"which": record.id, "key": key, "decision": record.plan, "why": None}
        else:
            why = serialization.dump(attempt_rules.changed(changed, payment.describe()))
            yield {"which": record.id, "key": key, "decision": "hold", "why": why}


def _refuse_repeated_identities(
    connection: Connection, run_id: int, columns: Sequence[Column], *among: ColumnElement[bool]
) -> None:
    """Refuse every row whose identity stands higher up in the sheet already.

    A row left out makes way for the others: to leave one of two out is how a person settles which is meant.
    """
    order = (rows.c.left_out, rows.c.position)
    numbered = (
        select(
            rows.c.id,
            func.row_number().over(partition_by=rows.c.identity, order_by=order).label("occurrence"),
            func.first_value(rows.c.id).over(partition_by=rows.c.identity, order_by=order).label("first"),
        )
        .where(rows.c.run_id == run_id, rows.c.identity != "", *among)
        .subquery()
    )
    first = rows.alias()
    statement = (
        select(
            rows.c.id,
            rows.c.cells,
            rows.c.faults,
            rows.c.left_out,
            first.c.number.label("where"),
            first.c.cells.label("other"),
        )
        .join_from(numbered, rows, rows.c.id == numbered.c.id)
        .join(first, first.c.id == numbered.c.first)
        .where(numbered.c.occurrence > 1)
    )
    found = []
    for row in connection.execute(statement):
        faults = serialization.faults(row.faults)
        if not row.left_out:
            differs = differing_columns(columns, serialization.cells(row.cells), serialization.cells(row.other))
            faults = (*faults, repeated_identity(row.where, differs))
        found.append({"which": row.id, "found": serialization.dump_faults(faults)})
    if found:
        # Without an identity the row can't be taken for the payment that the first one stands for.
        changed = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(changed.values(faults=bindparam("found"), plan="invalid", identity=""), found)
