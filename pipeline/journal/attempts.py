"""The attempts: intend, settle, and the table of legal changes.

An intent is committed before any byte of its request leaves; its outcome before anything is shown. Both come in
groups, one transaction for all that is waiting (`recorder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from pipeline.journal import bulk, codec
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.states import latest
from pipeline.journal.tables import attempts, batches
from pipeline.model import Attempt, BatchIsBusy, Outcome, Payment, Repeat
from pipeline.send import decide
from pipeline.send.states import Paid, is_cancelled, paid
from schemas.faults import Fault

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

    Raises BatchIsBusy when another program has recorded one of them: the batch's lock was lost.
    """
    try:
        bulk.execute(connection, _INTEND, _INTENDED, [_intended(intent) for intent in intents])
    except IntegrityError:
        raise BatchIsBusy("journal.taken_over") from None


_INTEND: Final = insert(attempts)
_INTENDED: Final = (
    *("batch_id", "identity", "number", "run_id", "row_number", "fingerprint", "content", "amount_cents"),
    *("send_link", "intended_at", "settled_at", "outcome", "session_id", "http_status", "reasons"),
)


def _intended(intent: Intent) -> tuple[Any, ...]:
    """The values of `_INTENDED`."""
    payment = intent.payment
    return (
        *(intent.batch, intent.identity, intent.number, intent.run, intent.row_number, intent.fingerprint),
        *(codec.dump(payment), codec.cents(payment.amount), payment.send_link, codec.dump_time(intent.at)),
        *(None, Outcome.OPEN.value, "", None, codec.EMPTY),
    )


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
    changed = bulk.execute(connection, _SETTLE, _SETTLED, [_settled(settlement) for settlement in settlements])
    if changed != len(settlements):
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
    known = bulk.ask(connection, _OWNERS, {"named": named})
    owners = {record.session_id: (record.batch_id, record.identity, record.number) for record in known}
    judged = []
    for settlement in settlements:
        mine = (settlement.batch, settlement.identity, settlement.number)
        alone = not settlement.session_id or owners.setdefault(settlement.session_id, mine) == mine
        judged.append(settlement if alone else _shared(settlement))
    return judged


def _shared(settlement: Settlement) -> Settlement:
    told = (("session", settlement.session_id),)
    reasons = (*settlement.reasons, Fault("unknown-session"), Fault(decide.SESSION_SHARED, details=told))
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


_SETTLED: Final = (
    *("becomes", "at", "session", "answered", "why"),
    *("which_batch", "which_identity", "which_number", "which_outcome"),
)


def _settled(settlement: Settlement) -> tuple[Any, ...]:
    """The values of `_SETTLED`."""
    return (
        *(settlement.outcome.value, codec.dump_time(settlement.at), settlement.session_id, settlement.http_status),
        codec.dump_faults(settlement.reasons),
        *(settlement.batch, settlement.identity, settlement.number, settlement.was.value),
    )


# ---------------------------------------------------------------------------------------------------------------
# Repeats in other batches


# Built once: to build it for each group of the sending loop cost as much as to run it.
_REPEATS: Final = (
    select(attempts.c.fingerprint, batches.c.name, attempts.c.intended_at, attempts.c.outcome, attempts.c.session_id)
    .join_from(attempts, batches, batches.c.id == attempts.c.batch_id)
    .where(
        attempts.c.batch_id != bindparam("here"),
        batches.c.environment
        == select(batches.c.environment).where(batches.c.id == bindparam("here")).correlate(None).scalar_subquery(),
        attempts.c.outcome.in_((Outcome.CREATED, *decide.UNCERTAIN)),
        attempts.c.intended_at >= bindparam("since"),
        attempts.c.fingerprint.in_(bindparam("wanted", expanding=True)),
    )
    .order_by(attempts.c.id)
)


def repeats_elsewhere(
    connection: Connection, batch_id: int, fingerprints: Iterable[bytes], since: datetime
) -> dict[bytes, list[Repeat]]:
    """Identical rows in other batches of the same environment, that made a session or may have, since a time.

    A session that was cancelled is none: the undo of a wrong upload must not keep the right one from being sent.
    """
    found: dict[bytes, list[Repeat]] = {}
    for wanted in batched(fingerprints, ASKED):
        given = {"here": batch_id, "since": codec.dump_time(since), "wanted": wanted}
        for record in bulk.ask(connection, _REPEATS, given):
            repeat = Repeat(record.name, codec.time(record.intended_at), Outcome(record.outcome), record.session_id)
            found.setdefault(bytes(record.fingerprint), []).append(repeat)
    return _without_cancelled(connection, found) if found else found


def _without_cancelled(connection: Connection, found: dict[bytes, list[Repeat]]) -> dict[bytes, list[Repeat]]:
    known = latest(connection, (one.session_id for repeats in found.values() for one in repeats if one.session_id))
    gone = {session_id for session_id, state in known.items() if is_cancelled(state) and paid(state) is Paid.NO}
    left = {content: [one for one in repeats if one.session_id not in gone] for content, repeats in found.items()}
    return {content: repeats for content, repeats in left.items() if repeats}


def meanwhile_elsewhere(
    connection: Connection, intents: Sequence[Intent], window: timedelta
) -> dict[bytes, list[Repeat]]:
    """Repeats of these attempts that other batches made, also since the plan: two runs may work on one content at once.

    Asked in the transaction that records the intents. SQLite lets one writer in at a time; on PostgreSQL a lock for
    the transaction does the same, so that of two runs exactly one goes first and the other sees it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7306003)"))
    first = intents[0]
    fingerprints = {intent.fingerprint for intent in intents}
    return repeats_elsewhere(connection, first.batch, fingerprints, first.at - window)


# ---------------------------------------------------------------------------------------------------------------
# Reading


_UNKNOWN: Final[Mapping[str, bytes | None]] = {}


def attempt_of(record: Any, content: bytes | None = None) -> Attempt:
    """An attempt from a record of `ATTEMPT_COLUMNS`.

    Where it is known to have asked for `content` (a fingerprint), its summary is left empty: what is the same as the
    row is not told beside it, and to put a payment into words costs as much as to read it.
    """
    payment = codec.payment(record.content)
    fingerprint = bytes(record.fingerprint)
    return Attempt(
        number=record.number,
        run=record.run_id,
        outcome=Outcome(record.outcome),
        fingerprint=fingerprint,
        send_link=bool(record.send_link),
        at=codec.time(record.intended_at),
        settled_at=codec.time_or_none(record.settled_at),
        session_id=record.session_id,
        reasons=codec.faults(record.reasons),
        reference_id=payment.reference_id if payment else "",
        amount=codec.dollars(record.amount_cents),
        summary=payment.describe() if payment and fingerprint != content else "",
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
        for record in bulk.ask(connection, _HISTORIES, {"here": batch_id, "wanted": wanted}):
            grouped.setdefault(record.identity, []).append(attempt_of(record, contents.get(record.identity)))
    return grouped
