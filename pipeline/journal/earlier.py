"""Earlier payments of a batch that a row of the sheet may stand for, though its key is another.

Keys change when `--identity` does, when references are filled in later, and for a row without a reference whenever
its content changes. Such a row has no history under its key, and would be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select, update

from pipeline.journal import codec
from pipeline.journal.attempts import ATTEMPT_COLUMNS, attempt_of, cancelled
from pipeline.journal.keys import HASHED
from pipeline.journal.tables import attempts, rows, runs
from pipeline.model import Attempt, Outcome, Payment
from pipeline.send import decide


@dataclass(frozen=True, slots=True)
class _Orphan:
    """An attempt with effect whose key no row of the sheet has. `otherwise` tells whether `--identity` was another."""

    key: str
    otherwise: bool
    attempt: Attempt
    payment: Payment


def adopt(connection: Connection, run_id: int, batch_id: int) -> None:
    """A row without history takes over an earlier payment with its content and no row of its own, one row each.

    Only of a run with another `--identity`: then every key is new, and every payor would be asked again. Under the
    same one a new key is what the user calls another row.
    """
    by_content: dict[bytes, list[str]] = {}
    for orphan in _orphans(connection, run_id, batch_id):
        keys = by_content.setdefault(orphan.attempt.fingerprint, [])
        if orphan.otherwise and orphan.key not in keys:
            keys.append(orphan.key)
    if not any(by_content.values()):
        return
    adopted = []
    taken: set[str] = set()
    for row in _strangers(connection, run_id, batch_id):
        if key := next((key for key in by_content.get(bytes(row.fingerprint), ()) if key not in taken), None):
            adopted.append({"which": row.id, "earlier": key})
            taken.add(key)
    if adopted:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(identity=bindparam("earlier")), adopted)


def hold_lookalikes(connection: Connection, run_id: int, batch_id: int, since: datetime) -> None:
    """Hold rows without history that look like the changed form of an earlier payment which has no row any more.

    - All but the reference is the same: a spreadsheet may have rewritten that (interface: "Rewritten references").
    - `--identity` is another and so is the content, but the reference is the same.
    - The payment had no reference and the row has one, or the other way round; all else is the same.
    - Neither has a reference, the payor is the same, and the payment was made since `since`: an amount was changed.
    """
    orphans = list(_orphans(connection, run_id, batch_id))
    gone = cancelled(connection, (orphan.attempt.session_id for orphan in orphans if orphan.attempt.session_id))
    orphans = [orphan for orphan in orphans if orphan.attempt.session_id not in gone]
    if not orphans:
        return
    known: dict[object, _Orphan] = {}
    for orphan in orphans:
        known |= dict.fromkeys(_marks(orphan, since), orphan)
    held = []
    for row in _strangers(connection, run_id, batch_id):
        payment = codec.payment(row.payment)
        if row.plan != "send" or payment is None:
            continue
        found = next((known[sign] for sign in _signs(payment, row.identity) if sign in known), None)
        if found is not None:
            both = found.payment.reference_id and payment.reference_id
            is_rewritten = both and found.payment.content() == payment.content()
            why = decide.rewritten(found.attempt) if is_rewritten else decide.changed(found.attempt, payment.describe())
            held.append({"which": row.id, "why": codec.dump(why)})
    if held:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(plan="hold", hold=bindparam("why")), held)


def _marks(orphan: _Orphan, since: datetime) -> Iterator[object]:
    """By what an earlier payment is known again: the signs of a row that would be its changed form."""
    payment = orphan.payment
    if payment.reference_id:
        yield "rewritten", _bare(payment)
    if orphan.otherwise and payment.reference_id:
        yield "reference", payment.reference_id
    if not payment.reference_id and (orphan.otherwise or orphan.key.startswith(HASHED)):
        yield "gained a reference", _bare(payment)
        if orphan.attempt.at >= since:
            yield "payor", _payor(payment)
    if payment.reference_id:
        yield "lost its reference", _bare(payment)


def _signs(payment: Payment, key: str) -> Iterator[object]:
    """What a row without history may be the changed form of."""
    if payment.reference_id:
        yield "reference", payment.reference_id
        yield "rewritten", _bare(payment)
        yield "gained a reference", _bare(payment)
    else:
        yield "payor", _payor(payment)
        if key.startswith(HASHED):
            yield "lost its reference", _bare(payment)


def _bare(payment: Payment) -> bytes:
    """A payment without its reference."""
    return replace(payment, reference_id="").fingerprint()


def _payor(payment: Payment) -> bytes:
    """Who pays, whatever is paid to whom."""
    bare = replace(payment, reference_id="", amount=None)
    return replace(bare, institution_code="", transit_number="", account_number="").fingerprint()


_EFFECTIVE: Final = attempts.c.outcome.in_((Outcome.CREATED, *decide.UNCERTAIN))


def _orphans(connection: Connection, run_id: int, batch_id: int) -> Iterator[_Orphan]:
    """The payments of a batch that made a session or may have reached a payor, and have no row in this run."""
    here = select(runs.c.identity).where(runs.c.id == run_id).scalar_subquery()
    first = attempts.alias()
    statement = (
        select(*ATTEMPT_COLUMNS, (runs.c.identity != here).label("otherwise"))
        .join(first, and_(first.c.batch_id == batch_id, first.c.identity == attempts.c.identity, first.c.number == 1))
        .join(runs, runs.c.id == first.c.run_id)
        .where(
            attempts.c.batch_id == batch_id,
            _EFFECTIVE,
            attempts.c.identity.not_in(select(rows.c.identity).where(rows.c.run_id == run_id)),
        )
        .order_by(attempts.c.id)
    )
    for record in connection.execute(statement):
        payment = codec.payment(record.content)
        if payment is not None:
            yield _Orphan(record.identity, record.otherwise, attempt_of(record), payment)


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
