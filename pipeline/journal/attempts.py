"""The attempts: intended, settled, and read again.

An intent is committed before any byte of its request leaves; its outcome before anything is shown. Both come in
groups, one transaction for all that is waiting (`group_commit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, exists, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from pipeline.domain import attempt_rules
from pipeline.domain.attempt_rules import IllegalChangeError
from pipeline.domain.duplicates import Charge, SentCharge, rows_that_repeat
from pipeline.domain.errors import BatchBusyError
from pipeline.domain.model import Attempt, Duplicate, Outcome, Payment
from pipeline.domain.row_keys import HASHED, OWN
from pipeline.domain.session_states import is_cancelled_unpaid
from pipeline.journal import serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.states import latest
from pipeline.journal.tables import attempts, batches, rows, runs
from schemas.faults import Fault
from schemas.money import from_cents, to_cents

ATTEMPT_COLUMNS: Final = (
    attempts.c.identity,
    attempts.c.number,
    attempts.c.run_id,
    attempts.c.outcome,
    attempts.c.fingerprint,
    attempts.c.send_link,
    attempts.c.intended_at,
    attempts.c.settled_at,
    attempts.c.session_id,
    attempts.c.reasons,
    attempts.c.content,
    attempts.c.amount_cents,
    attempts.c.row_number,
)

NAMED_ATTEMPT: Final = and_(
    attempts.c.batch_id == bindparam("which_batch"),
    attempts.c.identity == bindparam("which_identity"),
    attempts.c.number == bindparam("which_number"),
)
"""The attempt that a statement is executed for, one set of parameters each."""
# Not IN: a list of parameters can't be expanded in a statement that is executed many times.
STILL_UNCERTAIN: Final = or_(*(attempts.c.outcome == outcome for outcome in sorted(attempt_rules.UNCERTAIN)))


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent: an attempt before its first byte leaves."""

    batch: int
    run: int
    identity: str
    number: int
    row_number: int
    payment: Payment = field(repr=False)
    fingerprint: bytes
    at: datetime
    named: str = ""
    """What its sheet calls the row, by which other batches know it again; `identity` where that is the same."""
    released_at: datetime | None = None
    """When a person said that it repeats nothing, if one did."""


@dataclass(frozen=True, slots=True)
class RepeatSearch:
    """Where a repeat of a row is sought in other batches: the same content since `window` ago, and with `by_reference`
    what its reference names, at any age (interface: "What a reference names").
    """

    window: timedelta
    by_reference: bool = True


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an attempt. `was` is its outcome until then: `UNKNOWN` where more was learnt of it since."""

    batch: int
    identity: str
    number: int
    outcome: Outcome
    at: datetime
    session_id: str = field(default="", repr=False)
    http_status: int | None = None
    reasons: tuple[Fault, ...] = ()
    was: Outcome = Outcome.OPEN


def intend(connection: Connection, intents: Sequence[Intent]) -> None:
    """Record that these attempts are about to be sent.

    Raises BatchBusyError when another program has recorded one of them: the batch's lock was lost.
    """
    try:
        connection.execute(insert(attempts), [_intended(intent) for intent in intents])
    except IntegrityError:
        raise BatchBusyError(
            "Another program is sending rows of this batch. This run stopped so that no "
            "request is sent twice. Run the same command again when the other has ended."
        ) from None


def _intended(intent: Intent) -> dict[str, Any]:
    payment = intent.payment
    return {
        "batch_id": intent.batch,
        "identity": intent.identity,
        "named": intent.named or intent.identity,
        "number": intent.number,
        "run_id": intent.run,
        "row_number": intent.row_number,
        "fingerprint": intent.fingerprint,
        "content": serialization.dump(payment),
        "amount_cents": to_cents(payment.amount),
        "send_link": payment.send_link,
        "intended_at": serialization.dump_time(intent.at),
        "outcome": Outcome.OPEN.value,
        "session_id": "",
        "reasons": serialization.EMPTY,
    }


_SETTLE: Final = (
    update(attempts)
    .where(NAMED_ATTEMPT, attempts.c.outcome == bindparam("which_outcome"))
    .values(
        outcome=bindparam("becomes"),
        settled_at=bindparam("at"),
        session_id=bindparam("session"),
        http_status=bindparam("answered"),
        reasons=bindparam("why"),
    )
)


def settle(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Record what became of attempts that are open, or more of those that were uncertain.

    To say the same again is no change: a commit whose answer was lost is offered a second time. Raises
    IllegalChangeError for an attempt that is neither what it was nor settled so, or a change that is not legal.
    """
    settlements = _doubted(connection, settlements)
    for settlement in settlements:
        attempt_rules.check_change(settlement.was, settlement.outcome)
    changed = connection.execute(_SETTLE, [_settled(settlement) for settlement in settlements])
    if changed.rowcount != len(settlements):
        others = [settlement for settlement in settlements if not _is_settled_so(connection, settlement)]
        if others:
            raise IllegalChangeError(f"{len(others)} attempts were not what they were said to be")


# Built once, like _REPEATS below: every group of outcomes asks it.
_OWNERS: Final = select(attempts.c.session_id, attempts.c.batch_id, attempts.c.identity, attempts.c.number).where(
    attempts.c.session_id.in_(bindparam("named", expanding=True))
)


def _doubted(connection: Connection, settlements: Sequence[Settlement]) -> list[Settlement]:
    """The same settlements; one whose session another row has already made none (`session_shared`)."""
    named = [settlement.session_id for settlement in settlements if settlement.session_id]
    if not named:
        return list(settlements)
    known = connection.execute(_OWNERS, {"named": named})
    owners = {record.session_id: (record.batch_id, record.identity, record.number) for record in known}
    judged = []
    for settlement in settlements:
        mine = (settlement.batch, settlement.identity, settlement.number)
        alone = not settlement.session_id or owners.setdefault(settlement.session_id, mine) == mine
        if alone:
            judged.append(settlement)
        else:
            reasons = (*settlement.reasons, *attempt_rules.session_shared(settlement.session_id))
            judged.append(replace(settlement, outcome=Outcome.UNKNOWN, session_id="", reasons=reasons))
    return judged


def withdraw(connection: Connection, intents: Sequence[Intent], now: datetime) -> None:
    """Record that intents whose commit failed were not sent, as far as they are recorded after all."""
    mine = and_(NAMED_ATTEMPT, attempts.c.run_id == bindparam("which_run"), attempts.c.outcome == Outcome.OPEN.value)
    values = {
        "outcome": Outcome.NOT_CREATED.value,
        "settled_at": serialization.dump_time(now),
        "reasons": serialization.dump_faults((Fault("not-sent-stopped"),)),
    }
    connection.execute(
        update(attempts).where(mine).values(values),
        [
            {
                "which_batch": intent.batch,
                "which_identity": intent.identity,
                "which_number": intent.number,
                "which_run": intent.run,
            }
            for intent in intents
        ],
    )


def _is_settled_so(connection: Connection, settlement: Settlement) -> bool:
    found = connection.execute(
        select(attempts.c.outcome, attempts.c.session_id).where(
            attempts.c.batch_id == settlement.batch,
            attempts.c.identity == settlement.identity,
            attempts.c.number == settlement.number,
        )
    ).one_or_none()
    return found is not None and (found.outcome, found.session_id) == (settlement.outcome, settlement.session_id)


def _settled(settlement: Settlement) -> dict[str, Any]:
    return {
        "becomes": settlement.outcome.value,
        "at": serialization.dump_time(settlement.at),
        "session": settlement.session_id,
        "answered": settlement.http_status,
        "why": serialization.dump_faults(settlement.reasons),
        "which_batch": settlement.batch,
        "which_identity": settlement.identity,
        "which_number": settlement.number,
        "which_outcome": settlement.was.value,
    }


# ---------------------------------------------------------------------------------------------------------------
# Repeats in other batches


# Built once: to build them for each group of the sending loop cost as much as to run them.
_OTHER: Final = attempts.c.batch_id != bindparam("here")
_SAME_CONTENT: Final = and_(
    _OTHER,
    or_(attempts.c.intended_at >= bindparam("since"), attempts.c.named.startswith(OWN)),
    attempts.c.fingerprint.in_(bindparam("wanted", expanding=True)),
)
# In the row's own batch its key finds it, unless it was sent under an earlier row's key.
_SAME_NAME: Final = and_(
    attempts.c.named.in_(bindparam("names", expanding=True)), or_(_OTHER, attempts.c.named != attempts.c.identity)
)
_ELSEWHERE: Final = (
    select(
        attempts.c.fingerprint,
        attempts.c.batch_id,
        attempts.c.identity,
        attempts.c.named,
        batches.c.name,
        attempts.c.intended_at,
        attempts.c.outcome,
        attempts.c.session_id,
        attempts.c.content,
    )
    .join_from(attempts, batches, batches.c.id == attempts.c.batch_id)
    .where(
        batches.c.environment
        == select(batches.c.environment).where(batches.c.id == bindparam("here")).correlate(None).scalar_subquery(),
        attempts.c.outcome.in_(attempt_rules.EFFECTIVE),
    )
    .order_by(attempts.c.id)
)
_BY_CONTENT: Final = _ELSEWHERE.where(_SAME_CONTENT)
_BY_CONTENT_OR_NAME: Final = _ELSEWHERE.where(or_(_SAME_CONTENT, _SAME_NAME))


def repeats_elsewhere(
    connection: Connection,
    batch_id: int,
    charges: Mapping[str, Charge],
    search: RepeatSearch,
    now: datetime,
) -> dict[str, list[Duplicate]]:
    """What other batches of the same environment created, or may have, that rows of this one repeat.

    `charges` are the rows by what their sheet calls them, and so is what is returned. A request that was cancelled is
    no repeat: the undo of a wrong upload must not keep the right one from being sent.
    """
    since = serialization.dump_time(now - search.window)
    found: dict[str, list[Duplicate]] = {}
    for names in batched(charges, ASKED):
        of_content: dict[bytes, list[str]] = {}
        for name in names:
            of_content.setdefault(charges[name].fingerprint, []).append(name)
        given: dict[str, Any] = {"here": batch_id, "since": since, "wanted": [*of_content]}
        by_name = {name: charges[name] for name in names if search.by_reference and not name.startswith(HASHED)}
        if by_name:
            given["names"] = [*by_name]
        for record in connection.execute(_BY_CONTENT_OR_NAME if by_name else _BY_CONTENT, given):
            here, recent = record.batch_id == batch_id, record.intended_at >= since
            sent = SentCharge(record.named, record.identity, here, recent)
            same = of_content.get(bytes(record.fingerprint), ())
            for name in rows_that_repeat(sent, same, by_name):
                found.setdefault(name, []).append(_repeat(record, charges[name].fingerprint))
    return _without_cancelled(connection, found) if found else found


def _repeat(record: Any, content: bytes) -> Duplicate:
    fingerprint = bytes(record.fingerprint)
    payment = serialization.payment(record.content) if fingerprint != content else None
    summary = payment.describe() if payment else ""
    at = serialization.time(record.intended_at)
    return Duplicate(record.name, at, Outcome(record.outcome), record.session_id, fingerprint, summary)


def _without_cancelled(connection: Connection, found: dict[str, list[Duplicate]]) -> dict[str, list[Duplicate]]:
    gone = cancelled(connection, (one.session_id for repeats in found.values() for one in repeats if one.session_id))
    left = {name: [one for one in repeats if one.session_id not in gone] for name, repeats in found.items()}
    return {name: repeats for name, repeats in left.items() if repeats}


def cancelled(connection: Connection, session_ids: Iterable[str]) -> set[str]:
    """Those of these sessions that were cancelled and not paid, as far as the API was asked."""
    known = latest(connection, session_ids)
    return {session_id for session_id, state in known.items() if is_cancelled_unpaid(state)}


def last_live_request(connection: Connection, run_id: int) -> datetime | None:
    """When the last of the requests was made that a run, or its batch for the run's rows, made or may have made, and
    that was not cancelled since (aware). None without one.
    """
    mine = exists().where(rows.c.run_id == run_id, rows.c.identity == attempts.c.identity)
    of_run = select(runs.c.batch_id).where(runs.c.id == run_id).scalar_subquery()
    effective = and_(
        or_(attempts.c.run_id == run_id, and_(attempts.c.batch_id == of_run, mine)),
        attempts.c.outcome.in_(attempt_rules.EFFECTIVE),
    )
    found, after = "", 0
    while True:
        wanted = select(attempts.c.id, attempts.c.session_id, attempts.c.intended_at)
        wanted = wanted.where(effective, attempts.c.id > after).order_by(attempts.c.id).limit(ASKED)
        chunk = connection.execute(wanted).all()
        if not chunk:
            return serialization.time_or_none(found or None)
        gone = cancelled(connection, (record.session_id for record in chunk if record.session_id))
        found = max([found, *(record.intended_at for record in chunk if record.session_id not in gone)])
        after = chunk[-1].id


def lock_intents(connection: Connection, *, shared: bool = False) -> None:
    """Have no other run on PostgreSQL record intents to the end of the transaction; with `shared`, none but those who
    lock it so too.
    """
    lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    connection.execute(text(f"SELECT {lock}(7306003)"))


def meanwhile_elsewhere(
    connection: Connection, intents: Sequence[Intent], search: RepeatSearch, *, shared: bool = False
) -> dict[str, list[Duplicate]]:
    """Repeats of these attempts that other batches made, also since the plan, by the attempts' identities: two runs may
    work on one charge at once.

    Asked in the transaction that records the intents. SQLite lets one writer in at a time; on PostgreSQL a lock for
    the transaction does the same, so that of two runs exactly one goes first and the other sees it. The workers of a
    `shared` run, of which a journal has one at a time, need not wait for each other: their rows are of one batch.
    """
    if connection.dialect.name == "postgresql":
        lock_intents(connection, shared=shared)
    first = intents[0]
    charges = {intent.named or intent.identity: Charge(intent.identity, intent.fingerprint) for intent in intents}
    found = repeats_elsewhere(connection, first.batch, charges, search, first.at)
    repeats = {charges[name].identity: repeats for name, repeats in found.items()}
    for intent in intents:
        if intent.released_at is not None and intent.identity in repeats:
            since = [one for one in repeats.pop(intent.identity) if one.at > intent.released_at]
            repeats |= {intent.identity: since} if since else {}
    return repeats


# ---------------------------------------------------------------------------------------------------------------
# Reading


_UNKNOWN: Final[Mapping[str, bytes | None]] = {}


def attempt_of(record: Any, content: bytes | None = None) -> Attempt:
    """An attempt from a record of `ATTEMPT_COLUMNS`.

    Where it is known to have asked for `content` (a fingerprint), its summary is left empty: what is the same as the
    row is not told beside it, and to put a payment into words costs as much as to read it.
    """
    payment = serialization.payment(record.content)
    fingerprint = bytes(record.fingerprint)
    return Attempt(
        number=record.number,
        run=record.run_id,
        outcome=Outcome(record.outcome),
        fingerprint=fingerprint,
        send_link=bool(record.send_link),
        at=serialization.time(record.intended_at),
        settled_at=serialization.time_or_none(record.settled_at),
        session_id=record.session_id,
        reasons=serialization.faults(record.reasons),
        reference_id=payment.reference_id if payment else "",
        amount=from_cents(record.amount_cents),
        summary=payment.describe() if payment and fingerprint != content else "",
        row=record.row_number,
    )


_HISTORIES: Final = (
    select(*ATTEMPT_COLUMNS)
    .where(attempts.c.batch_id == bindparam("here"), attempts.c.identity.in_(bindparam("wanted", expanding=True)))
    .order_by(attempts.c.identity, attempts.c.number)
)


def histories(
    connection: Connection, batch_id: int, identities: Iterable[str], contents: Mapping[str, bytes | None] = _UNKNOWN
) -> dict[str, list[Attempt]]:
    """All attempts of some identities of a batch, oldest first; `contents` as in `attempt_of`, by identity.

    Asked by lists of identities and not by a join: whatever a planner knows of the tables, each is one look in the
    index. Joined, SQLite walked all attempts of the batch for each chunk of rows.
    """
    grouped: dict[str, list[Attempt]] = {}
    for wanted in batched(identities, ASKED):
        for record in connection.execute(_HISTORIES, {"here": batch_id, "wanted": wanted}):
            grouped.setdefault(record.identity, []).append(attempt_of(record, contents.get(record.identity)))
    return grouped


def mark_cancelled(
    connection: Connection, histories_of: dict[str, list[Attempt]], contents: Mapping[str, bytes | None]
) -> None:
    """Tell which requests were cancelled, of those rows that have only requests for other content than theirs."""
    otherwise = {
        identity: made
        for identity, history in histories_of.items()
        if (made := attempt_rules.requests_for_other_content(history, contents.get(identity)))
    }
    gone = cancelled(connection, (one.session_id for made in otherwise.values() for one in made if one.session_id))
    for identity in otherwise if gone else ():
        histories_of[identity] = [
            replace(attempt, cancelled=True) if attempt.session_id in gone else attempt
            for attempt in histories_of[identity]
        ]
