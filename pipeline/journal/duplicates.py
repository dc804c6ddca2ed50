"""Earlier payments of a batch that a row of the sheet may stand for, though its key is another.

Keys change when `--identity` does, when references are filled in later, and for a row without a reference whenever
its content changes. Such a row has no history under its key, and would be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select, update

from pipeline.domain import attempt_rules
from pipeline.domain.model import Attempt, Payment
from pipeline.domain.row_keys import HASHED
from pipeline.journal import roll, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import ATTEMPT_COLUMNS, attempt_of, cancelled
from pipeline.journal.roll import Staged
from pipeline.journal.tables import attempts, rows, runs
from schemas.faults import Fault


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


def hold_lookalikes(connection: Connection, staged: Staged, since: datetime) -> None:
    """Hold rows without history that look like the changed form of an earlier payment which has no row any more.

    A workbook of ours has only some rows of a sheet: what counts is whether the payment stood beside the row in the
    sheet that it came from.

    - All but the reference is the same: a spreadsheet may have rewritten that (interface: "Rewritten references").
    - `--identity` is another and so is the content, but the reference is the same.
    - The payment had no reference and the row has one, or the other way round; all else is the same.
    - Neither has a reference, the payor is the same, and the payment was made since `since`: an amount was changed.
    """
    run_id, batch_id, partial = staged.run, staged.batch, staged.source.partial
    strangers: dict[int, tuple[Payment, list[object]]] = {}
    for row in _strangers(connection, run_id, batch_id):
        payment = serialization.payment(row.payment)
        if row.plan == "send" and payment is not None:
            strangers[row.id] = (payment, list(_signs(payment, row.identity)))
    known = _known(connection, staged, {sign for _, signs in strangers.values() for sign in signs}, since)
    if not known:
        return
    beside = _beside(connection, batch_id, strangers, known) if partial else {}
    held = []
    for which, (payment, signs) in strangers.items():
        alike = (orphan for sign in signs for orphan in reversed(known.get(sign, ())))
        here = beside.get(which)
        found = next((orphan for orphan in alike if not partial or (here is not None and orphan.key not in here)), None)
        if found is not None:
            held.append({"which": which, "why": serialization.dump(_why(found, payment))})
    if held:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(plan="hold", hold=bindparam("why")), held)


def _known(connection: Connection, staged: Staged, signs: set[object], since: datetime) -> dict[object, list[_Orphan]]:
    """The payments that are not cancelled and have one of these signs, by the sign."""
    if not signs:
        return {}
    orphans = _orphans(connection, staged.run, staged.batch, also_here=staged.source.partial)
    found = [orphan for orphan in orphans if not signs.isdisjoint(_marks(orphan, since))]
    gone = cancelled(connection, (orphan.attempt.session_id for orphan in found if orphan.attempt.session_id))
    known: dict[object, list[_Orphan]] = {}
    for orphan in found:
        if orphan.attempt.session_id not in gone:
            for mark in _marks(orphan, since):
                known.setdefault(mark, []).append(orphan)
    return known


def _why(orphan: _Orphan, payment: Payment) -> Fault:
    both = orphan.payment.reference_id and payment.reference_id
    is_rewritten = both and orphan.payment.content() == payment.content()
    return (
        attempt_rules.rewritten(orphan.attempt)
        if is_rewritten
        else attempt_rules.changed(orphan.attempt, payment.describe())
    )


def _beside(
    connection: Connection, batch_id: int, strangers: Iterable[int], known: Mapping[object, Sequence[_Orphan]]
) -> dict[int, set[str]]:
    """For each row of a workbook of ours the payments that stood beside it in the user's sheet that it came from, by
    their keys. A row that came from none is left out.
    """
    keys_of: dict[int, str] = {}
    for some in batched({orphan.key for orphans in known.values() for orphan in orphans}, ASKED):
        chosen = select(rows.c.id, rows.c.identity).where(roll.in_roll(batch_id), rows.c.identity.in_(some))
        keys_of |= {record.id: record.identity for record in connection.execute(chosen)}
    forms = roll.forms(connection, [*strangers, *keys_of])
    in_sheet: dict[int, set[str]] = {}
    for row, key in keys_of.items():
        for run, _ in forms[row]:
            in_sheet.setdefault(run, set()).add(key)
    own = {row: next((run for run, is_ours in forms[row] if not is_ours), None) for row in strangers}
    return {row: in_sheet.get(run, set()) for row, run in own.items() if run is not None}


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


_EFFECTIVE: Final = attempts.c.outcome.in_(roll.EFFECTIVE)


def _orphans(connection: Connection, run_id: int, batch_id: int, *, also_here: bool = False) -> Iterator[_Orphan]:
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
