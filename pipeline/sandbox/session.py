"""One payment request and its states. Pure: a state is a function of what happened and of the time asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Language = Literal["EN", "FR"]
"""As the API spells them."""


class Verb(StrEnum):
    """What can be decided about an open session, once."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class Course(StrEnum):
    """How the money of an accepted payment comes. Only the reports tell it, but for `LATE`."""

    WHOLE = "Whole"
    IN_PARTS = "InParts"
    TWICE = "Twice"
    RETURNED = "Returned"
    REVERSED = "Reversed"
    LATE = "Late"


# How much later than others a payment settles whose course is `LATE`.
_LATE_BY = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Payor:
    """Who is asked to pay, by the names of their bank account."""

    first_name: str
    middle_name: str | None
    last_name: str
    email: str

    @property
    def full_name(self) -> str:
        """First, middle and last name, as they stand on the page and in the reports."""
        return " ".join(part for part in (self.first_name, self.middle_name, self.last_name) if part)


@dataclass(frozen=True, slots=True)
class Account:
    """Where the money goes; digits as text."""

    institution_code: str
    transit_number: str
    account_number: str


# The sample settlement account of `api.md`, taken when a request names none.
DEFAULT_ACCOUNT = Account("999", "30265", "9876541")


@dataclass(frozen=True, slots=True)
class Ending:
    """A state that a scenario reaches by itself, in the API's words; `code` as `EFT0402`."""

    session: str
    transaction: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class PayorDecision:
    """What was decided, when, the amount in dollars when the payor chose it, and how its money comes."""

    verb: Verb
    at: datetime
    amount: Decimal | None = None
    course: Course = Course.WHOLE


@dataclass(frozen=True, slots=True)
class SandboxSession:
    """A session as it was created, and what was done to it since. Amount in dollars, times with an offset."""

    session_id: str
    reference_id: str | None
    type: str
    direction: str
    currency: str
    amount: Decimal | None
    payor: Payor
    account: Account
    send_interac_link: bool
    language: Language | None
    created_at: datetime
    ending: Ending | None = None
    opened_at: datetime | None = None
    decision: PayorDecision | None = None

    @property
    def amount_due(self) -> Decimal | None:
        """The amount of the request, or the one that the payor chose; None while it is open."""
        return self.amount if self.decision is None or self.amount is not None else self.decision.amount

    @property
    def course(self) -> Course:
        """How its money comes, once it does."""
        return Course.WHOLE if self.decision is None else self.decision.course


@dataclass(frozen=True, slots=True)
class Times:
    """How long a session stays open, and how long an accepted payment takes to settle."""

    lifetime: timedelta
    settle_after: timedelta


@dataclass(frozen=True, slots=True)
class SandboxState:
    """Both levels of `api.md`, which are never to be mixed up; `completed_at` is when the session became final."""

    session: str
    transaction: str
    completed_at: datetime | None = None
    settled_at: datetime | None = None
    code: str | None = None

    @property
    def final(self) -> bool:
        """Nothing more can be decided."""
        return self.completed_at is not None


def state_at(session: SandboxSession, at: datetime, times: Times) -> SandboxState:
    """The state at a moment that is not before the session's creation."""
    if session.ending is not None:
        return _ended(session.ending, session.created_at)
    if session.decision is not None and session.decision.at <= at:
        return _decided(session.decision, at, times.settle_after)
    expires_at = session.created_at + times.lifetime
    if at >= expires_at:
        return SandboxState("Expired", "Expired", completed_at=expires_at)
    if session.opened_at is not None and session.opened_at <= at:
        return SandboxState("InProgress", "Initiated")
    return SandboxState("Initiated", "Initiated")


def _ended(ending: Ending, at: datetime) -> SandboxState:
    settled_at = at if ending.transaction == "Settled" else None
    return SandboxState(ending.session, ending.transaction, completed_at=at, settled_at=settled_at, code=ending.code)


def _decided(decision: PayorDecision, at: datetime, settle_after: timedelta) -> SandboxState:
    match decision.verb:
        case Verb.DECLINED:
            return SandboxState("Failed", "Declined", completed_at=decision.at)
        case Verb.CANCELLED:
            return SandboxState("Cancelled", "Cancelled", completed_at=decision.at)
        case Verb.ACCEPTED:
            if decision.course is Course.LATE:
                settle_after += _LATE_BY
            settles_at = decision.at + settle_after
            if at >= settles_at:
                return SandboxState("Completed", "Settled", completed_at=decision.at, settled_at=settles_at)
            processed = at >= decision.at + settle_after / 2
            return SandboxState("Completed", "Processed" if processed else "Accepted", completed_at=decision.at)


def session_from(
    request: Mapping[str, Any], session_id: str, now: datetime, fate: Ending | Course | None
) -> SandboxSession:
    """The session that a request asks for. The request has passed `checks.faults`.

    fate: how it ends by itself, or how its money comes after a payor who accepts at once; None leaves it to the payor.
    """
    preferences = request.get("options", {}).get("notificationPreferences", {})
    account = request.get("payee", {}).get("account")
    amount = request.get("amount")
    return SandboxSession(
        session_id=session_id,
        reference_id=request.get("referenceId"),
        type=request["type"],
        direction=request["direction"],
        currency=request["currency"],
        amount=None if amount is None else Decimal(amount),
        payor=Payor(
            first_name=request["payor"]["firstName"],
            middle_name=request["payor"].get("middleName"),
            last_name=request["payor"]["lastName"],
            email=request["payor"]["email"],
        ),
        account=DEFAULT_ACCOUNT
        if account is None
        else Account(account["institutionCode"], account["transitNumber"], account["accountNumber"]),
        send_interac_link=preferences.get("sendInteracLink", False),
        language=preferences.get("language"),
        created_at=now,
        ending=fate if isinstance(fate, Ending) else None,
        decision=PayorDecision(Verb.ACCEPTED, now, course=fate) if isinstance(fate, Course) else None,
    )
