"""Finds the earlier payments that rows may stand for, and keeps what `domain.duplicates` decides about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select, update

from pipeline.domain import attempt_rules, duplicates
from pipeline.domain.duplicates import EarlierPayment
from pipeline.domain.model import Payment
from pipeline.journal import roll, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import ATTEMPT_COLUMNS, attempt_of, cancelled
from pipeline.journal.roll import Staged
from pipeline.journal.tables import attempts, rows, runs


def reuse_earlier_payment(connection: Connection, run_id: int, batch_id: int) -> None:
    """A row without history takes over an earlier payment with its content and no row of its own, one row each."""
    earlier = [payment for payment in _earlier_payments(connection, run_id, batch_id) if payment.otherwise]
    if not earlier:
        return
    strangers = ((row.id, bytes(row.fingerprint)) for row in _strangers(connection, run_id, batch_id))
    reused = [{"which": row, "earlier": key} for row, key in duplicates.reuse_earlier_payment(strangers, earlier)]
    if reused:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(identity=bindparam("earlier")), reused)


def hold_possible_duplicates(connection: Connection, staged: Staged, since: datetime) -> None:
    """Hold rows without history that look like the changed form of an earlier payment which has no row any more.

    A workbook of ours has only some rows of a sheet: what counts is whether the payment stood beside the row in the
    sheet that it came from.

    - All but the reference is the same: a spreadsheet may have rewritten that (interface: "Rewritten references").
    - `--identity` is another and so is the content, but the reference is the same.
    - The payment had no reference and the row has one, or the other way round; all else is the same.
    - Neither has a reference, the payor is the same, and the payment was made since `since`: an amount was changed.
    """
    run_id, batch_id, partial = staged.run, staged.batch, staged.source.partial
    strangers: dict[int, tuple[Payment, str]] = {}
    for row in _strangers(connection, run_id, batch_id):
        payment = serialization.payment(row.payment)
        if row.plan == "send" and payment is not None:
            strangers[row.id] = (payment, row.identity)
    signs = {sign for payment, key in strangers.values() for sign in duplicates.signs(payment, key)}
    known = _known(connection, staged, signs, since)
    if not known:
        return
    beside = _beside(connection, batch_id, strangers, known) if partial else {}
    held = []
    for which, (payment, key) in strangers.items():
        others = beside.get(which) if partial else set()
        if (why := duplicates.possible_duplicate(payment, key, known, others)) is not None:
            held.append({"which": which, "why": serialization.dump(why)})
    if held:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(plan="hold", hold=bindparam("why")), held)


def _known(
    connection: Connection, staged: Staged, signs: set[object], since: datetime
) -> dict[object, list[EarlierPayment]]:
    """The payments that are not cancelled and have one of these signs, by the sign."""
    if not signs:
        return {}
    payments = _earlier_payments(connection, staged.run, staged.batch, also_here=staged.source.partial)
    found = [payment for payment in payments if not signs.isdisjoint(duplicates.marks(payment, since))]
    gone = cancelled(connection, (payment.attempt.session_id for payment in found if payment.attempt.session_id))
    known: dict[object, list[EarlierPayment]] = {}
    for payment in found:
        if payment.attempt.session_id not in gone:
            for mark in duplicates.marks(payment, since):
                known.setdefault(mark, []).append(payment)
    return known


def _beside(
    connection: Connection, batch_id: int, strangers: Iterable[int], known: Mapping[object, Sequence[EarlierPayment]]
) -> dict[int, set[str]]:
    """For each row of a workbook of ours the payments that stood beside it in the user's sheet that it came from, by
    their keys. A row that came from none is left out.
    """
    keys_of: dict[int, str] = {}
    for some in batched({payment.key for payments in known.values() for payment in payments}, ASKED):
        chosen = select(rows.c.id, rows.c.identity).where(roll.in_roll(batch_id), rows.c.identity.in_(some))
        keys_of |= {record.id: record.identity for record in connection.execute(chosen)}
    forms = roll.forms(connection, [*strangers, *keys_of])
    in_sheet: dict[int, set[str]] = {}
    for row, key in keys_of.items():
        for run, _ in forms[row]:
            in_sheet.setdefault(run, set()).add(key)
    own = {row: next((run for run, is_ours in forms[row] if not is_ours), None) for row in strangers}
    return {row: in_sheet.get(run, set()) for row, run in own.items() if run is not None}


_EFFECTIVE: Final = attempts.c.outcome.in_(attempt_rules.EFFECTIVE)


def _earlier_payments(
    connection: Connection, run_id: int, batch_id: int, *, also_here: bool = False
) -> Iterator[EarlierPayment]:
    """The payments of a batch that made a session or may have reached a payor, and have no row in this run unless
    `also_here`.
    """
    here = select(runs.c.identity).where(runs.c.id == run_id).scalar_subquery()
    first = attempts.alias()
    statement = (
        select(*ATTEMPT_COLUMNS, (runs.c.identity != here).label("otherwise"))
        .join(first, and_(first.c.batch_id == batch_id, first.c.identity == attempts.c.identity, first.c.number == 1))
        .join(runs, runs.c.id == first.c.run_id)
        .where(
            attempts.c.batch_id == batch_id,
            _EFFECTIVE,
        )
        .order_by(attempts.c.id)
    )
    if not also_here:
        statement = statement.where(attempts.c.identity.not_in(select(rows.c.identity).where(rows.c.run_id == run_id)))
    for record in connection.execute(statement):
        payment = serialization.payment(record.content)
        if payment is not None:
            yield EarlierPayment(record.identity, record.otherwise, attempt_of(record), payment)


def _strangers(connection: Connection, run_id: int, batch_id: int) -> Sequence[Any]:
    """The rows of a run that have content and no request, in the sheet's order."""
    statement = (
        select(rows.c.id, rows.c.identity, rows.c.fingerprint, rows.c.payment, rows.c.plan)
        .where(
            rows.c.run_id == run_id,
            rows.c.fingerprint.is_not(None),
            rows.c.identity.not_in(select(attempts.c.identity).where(attempts.c.batch_id == batch_id, _EFFECTIVE)),
        )
        .order_by(rows.c.position)
    )
    return connection.execute(statement).all()
