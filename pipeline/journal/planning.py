"""What is to be done with every row of a staged run: decided, kept, added up, and read again to be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, or_, select, update

from pipeline.domain import attempt_rules, drafts, row_keys
from pipeline.domain.drafts import Decision, Release
from pipeline.domain.duplicates import Charge
from pipeline.domain.model import Attempt, Duplicate, Outcome, Payment
from pipeline.journal import duplicates, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import RepeatSearch, histories, mark_cancelled, repeats_elsewhere
from pipeline.journal.journal import Journal
from pipeline.journal.roll import Staged
from pipeline.journal.tables import attempts, rows

CHUNK: Final = 5_000
"""Rows that are in memory at a time while planning."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run is going to do: the counts and cents that a person confirms.

    `rows` and `cents` are of all rows, faulty ones too as far as their amount can be read. `held_by_reference` are
    those of the held rows whose reference was requested in another batch. Rows that a person left out are not `invalid`
    here: there is nothing to fix about them.
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
    left_out: int


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A row that is to be sent, with all that was tried before."""

    row_id: int
    position: int
    number: int
    identity: str
    named: str
    payment: Payment = field(repr=False)
    fingerprint: bytes
    history: tuple[Attempt, ...]
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class ValidRow:
    """A valid row of a planned run; `plan` is what was decided for it (`send`, `keep`, `hold`, `look`)."""

    number: int
    plan: str
    payment: Payment = field(repr=False)


def plan(
    journal: Journal, staged: Staged, permissions: attempt_rules.Permissions, search: RepeatSearch, now: datetime
) -> Forecast:
    """Decide for every valid row of a run what to do with it, keep the decisions, and say what they add up to."""
    run_id, batch_id = staged.run, staged.batch
    if permissions.allow_repeats:
        held = and_(rows.c.run_id == run_id, rows.c.plan == "hold")
        journal.write(Connection.execute, update(rows).where(held).values(plan="send", hold=None))
    for low, high in _ranges(journal, run_id):
        chosen = and_(rows.c.run_id == run_id, rows.c.position >= low, rows.c.position < high, rows.c.plan == "send")
        repeats_of = partial(repeats_elsewhere, search=search, now=now)
        journal.write(_plan_range, chosen, batch_id, permissions, repeats_of)
    if not permissions.allow_repeats:
        journal.write(duplicates.hold_possible_duplicates, staged, now - search.window)
    return journal.read(forecast, run_id, batch_id)


def replan(  # noqa: PLR0913, PLR0917 - those of `plan`, and the rows
    connection: Connection,
    staged: Staged,
    numbers: Iterable[int],
    permissions: attempt_rules.Permissions,
    search: RepeatSearch,
    now: datetime,
) -> None:
    """Decide once more for the rows of a run with these numbers that were staged again (`staging.restage`)."""
    for some in batched(numbers, ASKED):
        chosen = and_(rows.c.run_id == staged.run, rows.c.number.in_(some), rows.c.plan == "send")
        _plan_range(connection, chosen, staged.batch, permissions, partial(repeats_elsewhere, search=search, now=now))


def release(connection: Connection, run: int, decisions: Mapping[str, Decision]) -> int:
    """Send the held rows of a planned run that a person said are other charges; returns how many."""
    if not decisions:
        return 0
    names = ("id", "number", "fingerprint", "hold", "notices")
    held = connection.execute(
        select(*(rows.c[name] for name in names)).where(rows.c.run_id == run, rows.c.plan == "hold")
    )
    changes = []
    for row in held.all():
        why = serialization.fault(row.hold)
        decided = decisions.get(drafts.repeat_key(row.number, bytes(row.fingerprint), why)) if why else None
        if why is not None and decided is not None:
            told = drafts.Release(why, decided.who, decided.value, decided.at)
            said = serialization.dump_faults((*serialization.faults(row.notices), told.notice))
            changes.append({"which": row.id, "why": serialization.dump(told), "said": said})
    if changes:
        sent: dict[str, Any] = {
            "plan": "send",
            "hold": None,
            "released": bindparam("why"),
            "notices": bindparam("said"),
        }
        connection.execute(update(rows).where(rows.c.id == bindparam("which")).values(**sent), changes)
    return len(changes)


def _ranges(journal: Journal, run_id: int) -> Iterator[tuple[int, int]]:
    count = journal.read(Connection.scalar, select(func.count()).where(rows.c.run_id == run_id)) or 0
    return ((low, low + CHUNK) for low in range(0, count, CHUNK))


def _plan_range(
    connection: Connection,
    chosen: ColumnElement[bool],
    batch_id: int,
    permissions: attempt_rules.Permissions,
    repeats_of: Callable[..., dict[str, list[Duplicate]]],
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


def forecast(connection: Connection, run_id: int, batch_id: int) -> Forecast:
    """What the decisions of a planned run add up to."""
    groups = connection.execute(
        select(
            rows.c.plan,
            rows.c.send_link,
            rows.c.left_out,
            func.count().label("number"),
            func.sum(rows.c.amount_cents).label("cents"),
        )
        .where(rows.c.run_id == run_id)
        .group_by(rows.c.plan, rows.c.send_link, rows.c.left_out)
    ).all()

    def count(decision: str) -> int:
        return sum(group.number for group in groups if group.plan == decision and not group.left_out)

    decisions, kept_since, by_reference = {group.plan for group in groups}, None, None
    if "keep" in decisions:
        kept_since = connection.scalar(
            select(func.max(attempts.c.settled_at)).where(
                attempts.c.batch_id == batch_id,
                attempts.c.outcome == Outcome.CREATED,
                attempts.c.identity.in_(select(rows.c.identity).where(rows.c.run_id == run_id, rows.c.plan == "keep")),
            )
        )
    if "hold" in decisions:
        by_reference = connection.scalar(
            select(func.count()).where(rows.c.run_id == run_id, rows.c.plan == "hold", _BY_REFERENCE)
        )
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
        left_out=sum(group.number for group in groups if group.left_out),
    )


def to_send(  # noqa: PLR0913, PLR0917 - which rows, from where to where, how many
    connection: Connection, run: int, batch_id: int, after: int, limit: int, before: int | None = None
) -> list[PendingRow]:
    """The next rows to send behind position `after`, and in front of `before` if given, in the sheet's order."""
    wanted = and_(rows.c.run_id == run, rows.c.plan == "send", rows.c.position > after)
    if before is not None:
        wanted = and_(wanted, rows.c.position < before)
    names = ("id", "position", "number", "identity", "named", "payment", "fingerprint", "released")
    columns = [rows.c[name] for name in names]
    chunk = connection.execute(select(*columns).where(wanted).order_by(rows.c.position).limit(limit)).all()
    if not chunk:
        return []
    history = histories(connection, batch_id, (row.identity for row in chunk))
    mark_cancelled(connection, history, {row.identity: bytes(row.fingerprint) for row in chunk})
    return [
        PendingRow(
            row_id=row.id,
            position=row.position,
            number=row.number,
            identity=row.identity,
            named=row.named,
            payment=_valid(row.payment),
            fingerprint=bytes(row.fingerprint),
            history=tuple(history.get(row.identity, ())),
            release=serialization.release(row.released),
        )
        for row in chunk
    ]


def sent_without_response(connection: Connection, run: int, batch_id: int) -> int:
    """How many of the rows that will be sent were sent before and got no usable response, so that a request may exist.

    Nobody was e-mailed its link, or a person said that it may be sent again.
    """
    perhaps = select(attempts.c.identity).where(
        attempts.c.batch_id == batch_id, attempts.c.outcome.in_(attempt_rules.UNCERTAIN)
    )
    wanted = and_(rows.c.run_id == run, rows.c.plan == "send", rows.c.identity.in_(perhaps))
    identities = connection.scalars(select(rows.c.identity).where(wanted)).all()
    history = histories(connection, batch_id, identities)
    return sum(1 for one in identities if attempt_rules.unresolved_attempts(history.get(one, [])))


def left_to_send(connection: Connection, run: int, after: int) -> tuple[int, int]:
    """How many rows are still to be sent behind position `after`, and their cents."""
    wanted = and_(rows.c.run_id == run, rows.c.plan == "send", rows.c.position > after)
    count, cents = connection.execute(select(func.count(), func.sum(rows.c.amount_cents)).where(wanted)).one()
    return count, int(cents or 0)


def valid_rows(journal: Journal, run: int) -> Iterator[ValidRow]:
    """Every valid row of a planned run in the sheet's order; a chunk in memory at a time."""
    position = -1
    while True:
        wanted = and_(rows.c.run_id == run, rows.c.position > position, rows.c.plan != "invalid")
        columns = (rows.c.position, rows.c.number, rows.c.plan, rows.c.payment)
        statement = select(*columns).where(wanted).order_by(rows.c.position).limit(CHUNK)
        chunk = journal.read(_all, statement)
        if not chunk:
            return
        for row in chunk:
            yield ValidRow(row.number, row.plan, _valid(row.payment))
        position = chunk[-1].position


def _all(connection: Connection, statement: Select[Any]) -> Sequence[Row[Any]]:
    return connection.execute(statement).all()


def largest_to_send(connection: Connection, run: int, count: int) -> list[ValidRow]:
    """The rows with the largest amounts among those that will be sent, the largest first."""
    wanted = and_(rows.c.run_id == run, rows.c.plan == "send")
    statement = select(rows.c.number, rows.c.plan, rows.c.payment).where(wanted)
    by_amount = func.coalesce(rows.c.amount_cents, 0).desc()
    found = connection.execute(statement.order_by(by_amount, rows.c.position).limit(count))
    return [ValidRow(row.number, row.plan, _valid(row.payment)) for row in found]


def contents_to_send(connection: Connection, run: int) -> tuple[str, Counter[str]]:
    """All rows that will be sent, in the sheet's order, in short: the digest of their numbers and fingerprints, and how
    many are paid into each account, "" for the default one. A chunk is in memory at a time.
    """
    digest, accounts = sha256(), Counter[str]()
    wanted = and_(rows.c.run_id == run, rows.c.plan == "send")
    statement = select(rows.c.number, rows.c.fingerprint, rows.c.payment).where(wanted).order_by(rows.c.position)
    for chunk in connection.execute(statement, execution_options={"yield_per": CHUNK}).partitions():
        digest.update(b"".join([b"%d:%b" % (number, fingerprint) for number, fingerprint, _ in chunk]))
        accounts.update(serialization.account_number(payment) for _, _, payment in chunk)
    return digest.hexdigest(), accounts


def fingerprints(connection: Connection, run: int, numbers: Iterable[int]) -> dict[int, bytes]:
    """The fingerprints of the valid rows with these numbers, by number."""
    found: dict[int, bytes] = {}
    for some in batched(numbers, ASKED):
        chosen = and_(rows.c.run_id == run, rows.c.number.in_(some), rows.c.fingerprint.is_not(None))
        for number, fingerprint in connection.execute(select(rows.c.number, rows.c.fingerprint).where(chosen)):
            found[number] = bytes(fingerprint)
    return found


def hold(connection: Connection, row: PendingRow, repeats: Sequence[Duplicate]) -> None:
    """Keep that a row was held at the last moment: another batch sent the same meanwhile."""
    why = serialization.dump(attempt_rules.repeated(repeats, row.fingerprint, row.payment.describe()))
    connection.execute(update(rows).where(rows.c.id == row.row_id).values(plan="hold", hold=why, released=""))


def _valid(text: str) -> Payment:
    payment = serialization.payment(text)
    assert payment is not None
    return payment
