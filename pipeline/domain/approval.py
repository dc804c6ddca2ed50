"""A plan that a second person approves: who somebody is, what may be done with a plan, how a run is held against it.

Pure. What is sent for a plan is exactly what the plan has, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

FORMAT: Final = 1
"""The version of the plan file."""

SHOWN: Final = 20
"""Differences that are named; more are counted."""

UNKNOWN_USER: Final = "-"
"""The name of somebody whom the system does not know."""


# ---------------------------------------------------------------------------------------------------------------
# Who somebody is


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something: the user of the system, and of the journal's database (empty where it has no users)."""

    system: str
    database: str = ""

    def __str__(self) -> str:
        """`ana`, or `ana (billing)` where the database knows her by another name."""
        return self.system if self.database in {"", self.system} else f"{self.system} ({self.database})"


def is_same_person(one: Person, other: Person) -> bool:
    """Whether two names are one person, as far as names can tell. In doubt they are.

    - Two accounts of the database are two people: the server checked both, and `root` of one machine is not `root` of
      another. One person with two accounts is for who gives the accounts to prevent.
    - One account of the database may be shared. Then the system's users tell people apart, unless the account bears
      the name of one of the two: it is that person's own, and whoever uses it, under whatever name, is that person.
    - A user whom the system does not know may be anybody.
    """
    if one.database and other.database and one.database != other.database:
        return False
    systems = {one.system.casefold(), other.system.casefold()}
    accounts = {one.database.casefold(), other.database.casefold()}
    return len(systems) == 1 or UNKNOWN_USER in systems or not systems.isdisjoint(accounts)


# ---------------------------------------------------------------------------------------------------------------
# What happens to a plan


class PlanState(StrEnum):
    """Where a plan is."""

    MADE = "made"
    """It waits for its approval."""
    APPROVED = "approved"
    SENT_BACK = "sent-back"
    """Somebody refused it. That is final: what is corrected is a new plan."""
    SENT = "sent"
    """A run sent it, or a part of it; the same run continues where it stopped."""
    VOID = "void"
    """The sheet or the journal differed from it when it was to be sent. A run that agrees with it again sends it."""


class PlanStep(StrEnum):
    """What is done with a plan."""

    APPROVED = "approved"
    SENT_BACK = "sent-back"
    SENT = "sent"
    DIFFERED = "differed"


_STEPS: Final[dict[tuple[PlanState, PlanStep], PlanState]] = {
    (PlanState.MADE, PlanStep.APPROVED): PlanState.APPROVED,
    (PlanState.MADE, PlanStep.SENT_BACK): PlanState.SENT_BACK,
    (PlanState.MADE, PlanStep.SENT): PlanState.SENT,
    (PlanState.MADE, PlanStep.DIFFERED): PlanState.VOID,
    (PlanState.APPROVED, PlanStep.SENT_BACK): PlanState.SENT_BACK,
    (PlanState.APPROVED, PlanStep.SENT): PlanState.SENT,
    (PlanState.APPROVED, PlanStep.DIFFERED): PlanState.VOID,
    # What is sent is what the plan has, row by row, whatever a run with another sheet found before.
    (PlanState.VOID, PlanStep.SENT): PlanState.SENT,
    (PlanState.VOID, PlanStep.SENT_BACK): PlanState.SENT_BACK,
    (PlanState.VOID, PlanStep.DIFFERED): PlanState.VOID,
    # A run that was cut short goes on. A sheet that was corrected since does not change that the plan was sent.
    (PlanState.SENT, PlanStep.SENT): PlanState.SENT,
    (PlanState.SENT, PlanStep.DIFFERED): PlanState.SENT,
}
"""Every legal step, by the state before it. A second approval is none: the first one has a name and a time."""


@dataclass(frozen=True, slots=True)
class PlanEvent:
    """One step: what was done with a plan, by whom, when (aware).

    `reason` says why it was sent back, `run` is the run that sent it, `rows` the number of rows that differed.
    """

    step: PlanStep
    who: Person
    at: datetime
    reason: str = ""
    run: int | None = None
    rows: int = 0


def state_of(events: Iterable[PlanEvent]) -> PlanState:
    """Where a plan is after what was done with it, oldest first."""
    state = PlanState.MADE
    for event in events:
        state = _STEPS[state, event.step]
    return state


def allows(state: PlanState, step: PlanStep) -> bool:
    """Whether a plan in this state may be approved, sent back, sent."""
    return (state, step) in _STEPS


def approval_of(events: Iterable[PlanEvent]) -> PlanEvent | None:
    """Who approved a plan, and when; None while nobody has."""
    return next((event for event in events if event.step is PlanStep.APPROVED), None)


class Hindrance(StrEnum):
    """Why a plan may not be sent, whatever the sheet has."""

    SENT_BACK = "sent-back"
    NOT_APPROVED = "not-approved"
    ONE_PERSON = "one-person"
    """Who made it approved it."""


def hindrance(maker: Person, events: Sequence[PlanEvent], *, second_person: bool) -> Hindrance | None:
    """What keeps a plan from being sent. `second_person` says that another person than its maker must approve it.

    The people are compared here too: a plan may have been approved where no second person was required.
    """
    if not allows(state_of(events), PlanStep.SENT):
        return Hindrance.SENT_BACK
    if not second_person:
        return None
    approval = approval_of(events)
    if approval is None:
        return Hindrance.NOT_APPROVED
    return Hindrance.ONE_PERSON if is_same_person(maker, approval.who) else None


# ---------------------------------------------------------------------------------------------------------------
# What a plan has, and how a sheet differs from it


@dataclass(frozen=True, slots=True)
class Approved:
    """What a plan approves. `payloads` has a digest for each row number; `amount` is dollars as text.

    It is what the plan file of an earlier version holds. `made_at` is ISO 8601 with an offset.
    """

    format: int
    batch: str
    environment: str
    file: str
    sha256: str
    made_by: str
    made_at: str
    rows: int
    to_send: int
    amount: str
    e_mailed: int
    payloads: dict[int, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A valid row of the sheet: what would be sent for it, and whether it would be sent now or has its session."""

    row: int
    digest: str
    sending: bool
    kept: bool


class DifferenceKind(StrEnum):
    """How a sheet differs from a plan."""

    MISSING = "missing"
    """The plan has this row, and it would not be sent now (gone, invalid or held)."""
    NEW = "new"
    """This row would be sent, and the plan does not have it."""
    CHANGED = "changed"
    """What would be sent for this row is not what the plan approved."""


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """One row that keeps a run from its plan."""

    kind: DifferenceKind
    row: int


def digest(payload: bytes) -> str:
    """A digest of a request's body, short enough that a plan of many rows stays small (128 bits)."""
    return sha256(payload).hexdigest()[:32]


def differences(plan: Approved, candidates: Iterable[Candidate]) -> list[PlanDifference]:
    """Every row in which a sheet differs from a plan, by row number. A row that was sent since is no difference."""
    left = dict(plan.payloads)
    found = []
    for candidate in candidates:
        approved = left.pop(candidate.row, None)
        if approved is None:
            if candidate.sending:
                found.append(PlanDifference(DifferenceKind.NEW, candidate.row))
        elif approved != candidate.digest:
            found.append(PlanDifference(DifferenceKind.CHANGED, candidate.row))
        elif not (candidate.sending or candidate.kept):
            found.append(PlanDifference(DifferenceKind.MISSING, candidate.row))
    found += [PlanDifference(DifferenceKind.MISSING, row) for row in left]
    return sorted(found, key=lambda difference: difference.row)
