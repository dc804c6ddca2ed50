"""The attempts: intend, settle, and the table of legal changes.

An intent is committed before any byte of its request leaves; its outcome before anything is shown. Both come in
groups, one transaction for all that is waiting (`recorder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from pipeline.domain import attempt_rules
from pipeline.domain.errors import BatchBusyError
from pipeline.domain.model import Attempt, Outcome, Payment, Repeat
from pipeline.domain.row_keys import HASHED, OWN, REFERENCE
from pipeline.domain.session_states import Paid, is_cancelled, paid
from pipeline.journal import serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.states import latest
from pipeline.journal.tables import attempts, batches, rows, runs
from schemas.faults import Fault
from schemas.money import from_cents, to_cents

LEGAL: Final[dict[tuple[Outcome, Outcome], str]] = {
    (Outcome.OPEN, Outcome.CREATED): "the API answered with a session, or a report or a person found it",
    (Outcome.OPEN, Outcome.REFUSED): "the API said no",
    (Outcome.OPEN, Outcome.NOT_CREATED): "it is proven that nothing was created, or a person decided so",
    (Outcome.OPEN, Outcome.PERHAPS): "no usable answer came",
    (Outcome.PERHAPS, Outcome.CREATED): "a report or a person found the session, or `details` showed whose it is",
    (Outcome.PERHAPS, Outcome.NOT_CREATED): "a person decided that nothing was created",
    (Outcome.PERHAPS, Outcome.PERHAPS): "more was learnt of it, and still nothing certain",
}
"""Every change that an attempt may make, with its cause. Anything else raises."""

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


@dataclass(frozen=True, slots=True)
class RepeatSearch:
    """Where a repeat of a row is sought in other batches: the same content since `window` ago, and with `by_reference`
    what its reference names, at any age (interface: "What a reference names").
    """

    window: timedelta
    by_reference: bool = True


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an attempt. `was` is its outcome until then: `PERHAPS` where more was learnt of it since."""

    batch: int
    identity: str
    number: int
    outcome: Outcome
    at: datetime
    session_id: str = field(default="", repr=False)
    http_status: int | None = None
    reasons: tuple[Fault, ...] = ()
    was: Outcome = Outcome.OPEN


class IllegalChangeError(AssertionError):
    """An attempt was asked to change in a way that `LEGAL` does not know: a fault of the program."""


def intend(connection: Connection, intents: Sequence[Intent]) -> None:
    """Record that these attempts are about to be sent.

    Raises BatchBusyError when another program has recorded one of them: the batch's lock was lost.
    """
    try:
        connection.execute(insert(attempts), [_intended(intent) for intent in intents])
    except IntegrityError:
        raise BatchBusyError("journal.taken_over") from None


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
    .where(
        attempts.c.batch_id == bindparam("which_batch"),
        attempts.c.identity == bindparam("which_identity"),
        attempts.c.number == bindparam("which_number"),
        attempts.c.outcome == bindparam("which_outcome"),
    )
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
        if (settlement.was, settlement.outcome) not in LEGAL:
            raise IllegalChangeError(f"{settlement.was} -> {settlement.outcome}")
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
    """The same settlements; one whose session another row has already is none: a link must not go to two payors.

    The interface asks for "every id on its own row"; what the API made of such a row is not known.
    """
    named = [settlement.session_id for settlement in settlements if settlement.session_id]
    if not named:
        return list(settlements)
    known = connection.execute(_OWNERS, {"named": named})
    owners = {record.session_id: (record.batch_id, record.identity, record.number) for record in known}
    judged = []
    for settlement in settlements:
        mine = (settlement.batch, settlement.identity, settlement.number)
        alone = not settlement.session_id or owners.setdefault(settlement.session_id, mine) == mine
        judged.append(settlement if alone else _shared(settlement))
    return judged


def _shared(settlement: Settlement) -> Settlement:
    told = (("session", settlement.session_id),)
    reasons = (*settlement.reasons, Fault("unknown-session"), Fault(attempt_rules.SESSION_SHARED, details=told))
    return replace(settlement, outcome=Outcome.PERHAPS, session_id="", reasons=reasons)


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
        attempts.c.outcome.in_((Outcome.CREATED, *attempt_rules.UNCERTAIN)),
    )
    .order_by(attempts.c.id)
)
_BY_CONTENT: Final = _ELSEWHERE.where(_SAME_CONTENT)
_BY_CONTENT_OR_NAME: Final = _ELSEWHERE.where(or_(_SAME_CONTENT, _SAME_NAME))


class Charge(NamedTuple):
    """A row that is to be sent: the key of its attempts, and its content."""

    identity: str
    fingerprint: bytes


def repeats_elsewhere(
    connection: Connection,
    batch_id: int,
    charges: Mapping[str, Charge],
    search: RepeatSearch,
    now: datetime,
) -> dict[str, list[Repeat]]:
    """What other batches of the same environment created, or may have, that rows of this one repeat.

    `charges` are the rows by what their sheet calls them, and so is what is returned. A request that was cancelled is
    no repeat: the undo of a wrong upload must not keep the right one from being sent.
    """
    since = serialization.dump_time(now - search.window)
    found: dict[str, list[Repeat]] = {}
    for names in batched(charges, ASKED):
        of_content: dict[bytes, list[str]] = {}
        for name in names:
            of_content.setdefault(charges[name].fingerprint, []).append(name)
        given: dict[str, Any] = {"here": batch_id, "since": since, "wanted": [*of_content]}
        named = {name for name in names if search.by_reference and not name.startswith(HASHED)}
        if named:
            given["names"] = [*named]
        for record in connection.execute(_BY_CONTENT_OR_NAME if named else _BY_CONTENT, given):
            here = record.batch_id == batch_id
            repeated: dict[str, None] = {}
            if not here:
                same = of_content.get(bytes(record.fingerprint), [])
                recent, own = record.intended_at >= since, record.named.startswith(OWN)
                # Named by own columns then, by its reference now: the names differ, the reference is in the content.
                repeated = dict.fromkeys(
                    one for one in same if recent or (own and one in named and one.startswith(REFERENCE))
                )
            if record.named in named and not (here and record.identity == charges[record.named].identity):
                repeated[record.named] = None
            for name in repeated:
                found.setdefault(name, []).append(_repeat(record, charges[name].fingerprint))
    return _without_cancelled(connection, found) if found else found


def _repeat(record: Any, content: bytes) -> Repeat:
    fingerprint = bytes(record.fingerprint)
    payment = serialization.payment(record.content) if fingerprint != content else None
    summary = payment.describe() if payment else ""
    at = serialization.time(record.intended_at)
    return Repeat(record.name, at, Outcome(record.outcome), record.session_id, fingerprint, summary)


def _without_cancelled(connection: Connection, found: dict[str, list[Repeat]]) -> dict[str, list[Repeat]]:
    gone = cancelled(connection, (one.session_id for repeats in found.values() for one in repeats if one.session_id))
    left = {name: [one for one in repeats if one.session_id not in gone] for name, repeats in found.items()}
    return {name: repeats for name, repeats in left.items() if repeats}


def cancelled(connection: Connection, session_ids: Iterable[str]) -> set[str]:
    """Those of these sessions that were cancelled and not paid, as far as the API was asked."""
    known = latest(connection, session_ids)
    return {session_id for session_id, state in known.items() if is_cancelled(state) and paid(state) is Paid.NO}


def last_live_request(connection: Connection, run_id: int) -> datetime | None:
    """When the last of the requests was made that a run, or its batch for the run's rows, made or may have made, and
    that was not cancelled since (aware). None without one.
    """
    mine = exists().where(rows.c.run_id == run_id, rows.c.identity == attempts.c.identity)
    of_run = select(runs.c.batch_id).where(runs.c.id == run_id).scalar_subquery()
    effective = and_(
        or_(attempts.c.run_id == run_id, and_(attempts.c.batch_id == of_run, mine)),
        attempts.c.outcome.in_((Outcome.CREATED, *attempt_rules.UNCERTAIN)),
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


def meanwhile_elsewhere(
    connection: Connection, intents: Sequence[Intent], search: RepeatSearch
) -> dict[str, list[Repeat]]:
    """Repeats of these attempts that other batches made, also since the plan, by the attempts' identities: two runs may
    work on one charge at once.

    Asked in the transaction that records the intents. SQLite lets one writer in at a time; on PostgreSQL a lock for
    the transaction does the same, so that of two runs exactly one goes first and the other sees it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7306003)"))
    first = intents[0]
    charges = {intent.named or intent.identity: Charge(intent.identity, intent.fingerprint) for intent in intents}
    found = repeats_elsewhere(connection, first.batch, charges, search, first.at)
    return {charges[name].identity: repeats for name, repeats in found.items()}


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
    """Tell which requests were cancelled, of those rows that have only requests for other content than theirs.

    Such a row is sent: a cancelled request holds nothing. A row whose own request was cancelled is left alone.
    """
    otherwise: dict[str, list[Attempt]] = {}
    for identity, history in histories_of.items():
        made = [attempt for attempt in history if attempt.outcome is Outcome.CREATED]
        if made and all(attempt.fingerprint != contents.get(identity) for attempt in made):
            otherwise[identity] = made
    gone = cancelled(connection, (one.session_id for made in otherwise.values() for one in made if one.session_id))
    for identity in otherwise if gone else ():
        histories_of[identity] = [
            replace(attempt, cancelled=True) if attempt.session_id in gone else attempt
            for attempt in histories_of[identity]
        ]
