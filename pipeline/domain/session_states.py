"""The states of a request at the API, and what they mean: paid, not yet, no. Pure.

Never mix up the two levels (api: "State of a session"): the session and its transactions. Paid means a
transaction that is Accepted or later, never a Completed session. A word that is documented nowhere is shown as it is
and means "look at it", never that something may be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

import msgspec

from pipeline.domain.model import Payment, SessionState, folded
from pipeline.domain.responses import Answered, Exchange, parse_problem
from schemas.faults import Fault
from schemas.money import CENT

_OPEN: Final = frozenset({"initiated", "inprogress"})
_COMPLETED: Final = frozenset({"completed"})
_CANCELLED: Final = frozenset({"cancelled", "canceled"})
_UNPAID: Final = frozenset({"failed", "expired", *_CANCELLED})
"""Words of a session that ended without the payor's agreement."""

_SETTLED: Final = frozenset({"settled"})
_PAID: Final = frozenset({"accepted", "processed", *_SETTLED})
_BEGUN: Final = frozenset({"initiated"})
_UNDER_WAY: Final = frozenset({"processing", *_BEGUN})
_GONE: Final = frozenset({"declined", "failed", "expired", *_CANCELLED})
"""Words of a transaction that came to nothing."""

_SESSION_WORDS: Final = _OPEN | _COMPLETED | _UNPAID
_TRANSACTION_WORDS: Final = _PAID | _UNDER_WAY | _GONE

MAX_WORD: Final = 100
"""Characters of a word that are kept."""

_MOST: Final = Decimal(10) ** 12
# A float would not be the API's amount any more.
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


class Paid(StrEnum):
    """Whether a request was paid, in the words of the workbook."""

    YES = "yes"
    NOT_YET = "not yet"
    NO = "no"


# ---------------------------------------------------------------------------------------------------------------
# What a state means


def paid(state: SessionState | None) -> Paid:
    """Whether a request was paid; `not yet` also if the state is not understood."""
    if state is None:
        return Paid.NOT_YET
    transactions = _transactions(state)
    if any(word in _PAID for word in transactions):
        return Paid.YES
    if not state.known or strange_words(state):
        return Paid.NOT_YET
    ended = _session(state) in _UNPAID and all(word in _GONE | _BEGUN for word in transactions)
    came_to_nothing = _session(state) in _COMPLETED and _all_gone(transactions)
    return Paid.NO if ended or came_to_nothing else Paid.NOT_YET


def is_final(state: SessionState | None) -> bool:
    """Whether nothing can change any more, so that the API need not be asked again: both levels have ended."""
    if state is None or not state.known:
        return False
    transactions = _transactions(state)
    ended = _session(state) in _COMPLETED | _UNPAID
    return ended and bool(transactions) and all(word in _SETTLED | _GONE for word in transactions)


def is_over(state: SessionState | None) -> bool:
    """Whether there is nothing to wait for: final, ended before any payment began, or unknown to the API."""
    return state is not None and (is_final(state) or not state.known or paid(state) is Paid.NO)


def is_open(state: SessionState | None) -> bool:
    """Whether a payor may still pay: what can be cancelled. Also when nothing is known of it."""
    return not is_over(state) and paid(state) is Paid.NOT_YET


def is_cancelled(state: SessionState | None) -> bool:
    """Whether the session was cancelled, in either spelling."""
    return state is not None and state.known and _session(state) in _CANCELLED


def is_cancelled_unpaid(state: SessionState | None) -> bool:
    """Whether the session was cancelled before anybody paid: it holds nothing."""
    return is_cancelled(state) and paid(state) is Paid.NO


def is_at(state: SessionState | None, word: str) -> bool:
    """Whether the session's own word is this one."""
    return state is not None and state.known and _session(state) == word.casefold()


def strange_words(state: SessionState) -> tuple[str, ...]:
    """The words that are documented nowhere."""
    session = [state.session] if state.known and _session(state) not in _SESSION_WORDS else []
    return (*session, *(word for word in state.transactions if word.casefold() not in _TRANSACTION_WORDS))


def paid_amount(state: SessionState, asked: Decimal | None) -> Decimal | None:
    """The dollars that were paid: the API's amount, else the amount of the request; None if it is not paid."""
    if paid(state) is not Paid.YES:
        return None
    return asked if state.amount is None else state.amount


def notices(state: SessionState, asked: Decimal | None) -> tuple[Fault, ...]:
    """What a person should look at; `asked` is what the API was asked for, in dollars."""
    found = []
    if not state.known:
        found.append(Fault("state-not-known"))
    if strange := strange_words(state):
        found.append(Fault("state-strange", details=(("words", ", ".join(strange)),)))
    transactions = _transactions(state)
    if state.known and _session(state) in _COMPLETED and not transactions:
        found.append(Fault("state-completed"))
    if sum(word in _PAID for word in transactions) > 1:
        found.append(Fault("state-paid-twice", details=(("words", ", ".join(state.transactions)),)))
    amount = paid_amount(state, asked)
    if amount is not None and asked is not None and amount != asked:
        amounts = (("asked_amount", f"{asked:.2f}"), ("paid_amount", f"{amount:.2f}"))
        found.append(Fault("state-other-amount", details=amounts))
    return tuple(found)


def _session(state: SessionState) -> str:
    return state.session.casefold()


def _transactions(state: SessionState) -> tuple[str, ...]:
    return tuple(word.casefold() for word in state.transactions)


def _all_gone(transactions: tuple[str, ...]) -> bool:
    return bool(transactions) and all(word in _GONE for word in transactions)


# ---------------------------------------------------------------------------------------------------------------
# What an answer to `details` says


@dataclass(frozen=True, slots=True)
class Told:
    """The API gave the state of the request."""

    session: str
    transactions: tuple[str, ...]
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The API has no such session (404)."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The API does not let us ask (403)."""


@dataclass(frozen=True, slots=True)
class NotTold:
    """No usable answer: nothing is learnt. `reason` says why, in English."""

    reason: str


@dataclass(frozen=True, slots=True)
class OfAnother:
    """It answers for another session, or says that this one is of another reference: a person must hear of it."""

    reason: str


Reading = Told | NotKnown | Forbidden | NotTold | OfAnother

_OK: Final = 200
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


def read(exchange: Exchange, session_id: str, reference_id: str = "") -> Reading:
    """What an answer to `details` says of the session that was asked about.

    `reference_id` is what its creation was asked with; empty where none was, or where it is not known.
    """
    if not isinstance(exchange, Answered):
        return NotTold(exchange.text)
    match exchange.status:
        case 200:
            return _told(exchange.body, session_id, reference_id)
        case 404:
            return NotKnown()
        case 403:
            return Forbidden()
        case status:
            return NotTold(f"HTTP {status}")


def _told(body: bytes, session_id: str, reference_id: str) -> Reading:
    answer = _object(body)
    if answer is None:
        return NotTold("the answer is not a JSON object")
    if (stranger := _another(answer, session_id, reference_id)) is not None:
        return stranger
    status = _word(answer.get("status"))
    if not status:
        return NotTold("the answer has no status")
    return Told(status, _words(answer.get("schedule")), _amount(answer.get("amount")))


def _another(answer: Mapping[str, Any], session_id: str, reference_id: str) -> OfAnother | NotTold | None:
    """Why an answer is not about this session, if it is not: it has to name it."""
    named, reference = answer.get("sessionId"), _reference(answer)
    if not isinstance(named, str):
        return NotTold("the answer names no session")
    if named.casefold() != session_id.casefold():
        return OfAnother("the answer is about another session")
    if reference_id and reference and reference != reference_id:
        return OfAnother("the answer is about another reference")
    return None


def _reference(answer: Mapping[str, Any]) -> str:
    """The reference that an answer names, empty for none; a number is one too, as it is in the answer to a creation."""
    reference = answer.get("referenceId")
    if reference is None or isinstance(reference, str):
        return reference or ""
    return str(reference) if isinstance(reference, int | Decimal) else type(reference).__name__


def is_for(exchange: Exchange, session_id: str, payment: Payment) -> bool:
    """Whether an answer to `details` shows that a session was made for this payment.

    It names the session and repeats the reference; where it has none, it names the payor's address and the amount.
    """
    answer = _object(exchange.body) if isinstance(exchange, Answered) and exchange.status == _OK else None
    if answer is None or _another(answer, session_id, payment.reference_id) is not None:
        return False
    if _reference(answer):
        return bool(payment.reference_id)
    payor = answer.get("payor")
    email = payor.get("email") if isinstance(payor, dict) else None
    same_payor = isinstance(email, str) and folded(email) == folded(payment.email)
    return same_payor and _amount(answer.get("amount")) == payment.amount


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = _DECODER.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation):
        return None
    return answer if isinstance(answer, dict) else None


def _words(schedule: Any) -> tuple[str, ...]:
    """The words of all transactions, in their order."""
    listed = schedule.get("transactions") if isinstance(schedule, dict) else None
    words = (entry.get("status") for entry in listed if isinstance(entry, dict)) if isinstance(listed, list) else ()
    return tuple(filter(None, map(_word, words)))


def _word(value: Any) -> str:
    """A word of the API as it is, but for what no database keeps (NUL) and no state is called; empty for no word."""
    return value.replace("\0", "\ufffd").strip()[:MAX_WORD] if isinstance(value, str) else ""


def _amount(value: Any) -> Decimal | None:
    """Dollars with two decimals; None if it is not an amount."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount < _MOST or amount != amount.quantize(CENT):
        return None
    return amount.quantize(CENT)


def after(reading: Told | NotKnown, before: SessionState | None, now: datetime) -> SessionState:
    """The state that a session has now. Unchanged words keep the time since when they are so.

    A session that the API no longer knows keeps the words that it had: what was paid stays paid.
    """
    if isinstance(reading, Told):
        state = SessionState(reading.session, reading.transactions, reading.amount, now)
    else:
        empty = SessionState("", (), None, now)
        state = replace(before or empty, known=False, since=now)
    return state if before is None or not same(state, before) else before


def same(one: SessionState, other: SessionState) -> bool:
    """Whether two states are equal, apart from their times."""
    return replace(one, since=other.since) == other


# ---------------------------------------------------------------------------------------------------------------
# What a response to `cancel` means, together with the response of `details` after it


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The session is cancelled."""


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """It can't be cancelled any more: it was paid, or it ended before."""

    state: SessionState


@dataclass(frozen=True, slots=True)
class NotCancelled:
    """The API did not cancel it; `reason` is in its words."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nothing confirms that it is cancelled: it may be open or not. To cancel it once more is harmless."""

    reason: str = field(default="")


Cancellation = Cancelled | AlreadyEnded | NotCancelled | Unsure

_NOT_OFFERED: Final = frozenset({404, 405, 501})
_SUCCESS: Final = range(200, 300)


def cancel_not_offered(exchange: Exchange, state: SessionState | None) -> bool:
    """Whether this API has no cancel yet: it says so of a session that it knows.

    One page says that cancel is not released for e-Transfer: "expect 404, 405 or 501, and say so".
    """
    if not isinstance(exchange, Answered) or exchange.status not in _NOT_OFFERED:
        return False
    return exchange.status != _NOT_FOUND or (state is not None and state.known)


def judge_cancel(
    exchange: Exchange, state: SessionState | None, *, confirmed: bool, contradiction: str = ""
) -> Cancellation:
    """What became of a session that was to be cancelled.

    `confirmed` tells whether the answer itself says it (`confirms`). `state` is what `details` said after it, None when
    it said nothing. It counts more than the answer: of two ways to ask, it is the one that can't be misunderstood.
    `contradiction` is what it said in the place of a state, where it answered for another session or reference.
    """
    if state is not None and paid(state) is Paid.YES:
        return AlreadyEnded(state)
    if is_cancelled(state) or (confirmed and not contradiction and (state is None or is_open(state))):
        return Cancelled()
    if state is not None and is_over(state):
        return AlreadyEnded(state)
    if isinstance(exchange, Answered) and exchange.status in range(400, 500):
        problem = parse_problem(exchange.body)
        return NotCancelled(exchange.status, "; ".join(filter(None, (problem.detail or problem.title, contradiction))))
    answered = f"HTTP {exchange.status}" if isinstance(exchange, Answered) else exchange.text
    return Unsure("; ".join(filter(None, (answered, contradiction))))


def confirms(exchange: Exchange, session_id: str, reference_id: str) -> bool:
    """Whether an answer to `cancel` names this session and says that it is cancelled.

    A 200 alone says nothing (api: "A cancellation is believed when the answer names this session and says cancelled").
    """
    answer = _object(exchange.body) if isinstance(exchange, Answered) and exchange.status in _SUCCESS else None
    if answer is None or _another(answer, session_id, reference_id) is not None:
        return False
    return _word(answer.get("status")).casefold() in _CANCELLED


def as_cancelled(state: SessionState | None, now: datetime) -> SessionState:
    """The state of a session whose cancellation the API confirmed and which `details` does not tell yet."""
    if state is not None and is_cancelled(state):
        return state
    transactions = state.transactions if state is not None else ()
    return SessionState("Cancelled", transactions, state.amount if state is not None else None, now)
