"""The status of a row: a fold over its attempts in which *unknown* sticks, and its errors and notices. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from pipeline.domain import attempt_rules
from pipeline.domain.model import Attempt, Decision, Outcome, Payment, Status
from schemas.faults import Fault, Severity

_DECIDED: Final = {Outcome.CREATED: "decided-created", Outcome.NOT_CREATED: "decided-not-created"}


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What the planning of a run found of a row: its faults, or its content and why it is held, if it is."""

    payment: Payment | None
    fingerprint: bytes | None
    faults: tuple[Fault, ...] = ()
    hold: Fault | None = None
    invalid: bool = False


@dataclass(frozen=True, slots=True)
class RowStatus:
    """A row's status, the attempt that decides it, why the row has no request, and its notices."""

    status: Status
    attempt: Attempt | None = None
    errors: tuple[Fault, ...] = ()
    notices: tuple[Fault, ...] = ()


def status_of(row: PlannedRow, history: Sequence[Attempt], run: int, *, sends: bool = True) -> RowStatus:
    """A row's status in a run, by all attempts under its key, oldest first. `sends` is false for a dry run."""
    if row.invalid or row.fingerprint is None:
        if tries := attempt_rules.unresolved_attempts(history):
            return RowStatus(Status.UNKNOWN, tries[-1], (*_reasons(tries[-1]), *row.faults), _other_references(tries))
        return RowStatus(Status.INVALID, None, row.faults, _sessions_from_before(history))
    held = (row.hold,) if row.hold else ()
    match attempt_rules.row_state(history, row.fingerprint):
        case attempt_rules.Made(attempt, uncertain):
            in_this_run = attempt.run == run and not _decisions(attempt)
            status = Status.CREATED if in_this_run else Status.ALREADY_CREATED
            return RowStatus(status, attempt, (), (*notices_of(attempt), *_other_tries(uncertain)))
        case attempt_rules.Uncertain(tries):
            refused_since = history[-1].reasons if history[-1].outcome is Outcome.REJECTED else ()
            why = (*_reasons(tries[-1]), *refused_since, *held)
            return RowStatus(Status.UNKNOWN, tries[-1], why, _other_references(tries))
        case _ if row.hold is not None:
            return RowStatus(Status.HELD, None, held)
        case attempt_rules.MadeOtherwise(attempt):
            # The repeat was allowed and did not come about in this run, or the run stopped before it.
            now = row.payment.describe() if row.payment else ""
            return RowStatus(Status.HELD, attempt, (attempt_rules.changed(attempt, now),))
        case attempt_rules.Rejected(attempt):
            return RowStatus(Status.REJECTED, attempt, attempt.reasons)
        case attempt_rules.NotCreated(attempt):
            return RowStatus(Status.FAILED, attempt, attempt.reasons)
        case attempt_rules.Fresh():
            return RowStatus(Status.NOT_SENT, None, (Fault("not-sent-stopped" if sends else "not-sent-dry-run"),))
        case other:
            assert_never(other)


def is_unknown(row: PlannedRow, history: Sequence[Attempt]) -> bool:
    """Whether the row's status is `unknown`."""
    if row.invalid or row.fingerprint is None:
        return bool(attempt_rules.unresolved_attempts(history))
    return isinstance(attempt_rules.row_state(history, row.fingerprint), attempt_rules.Uncertain)


def rejected(row: PlannedRow, history: Sequence[Attempt]) -> tuple[Fault, ...] | None:
    """Why the API rejected a row as it is now; None where it did not, or another reason comes first."""
    if row.invalid or row.hold is not None or row.fingerprint is None:
        return None
    state = attempt_rules.row_state(history, row.fingerprint)
    return state.attempt.reasons if isinstance(state, attempt_rules.Rejected) else None


def request_shown(told: RowStatus, history: Sequence[Attempt], *, of_roll: bool) -> Attempt | None:
    """The attempt whose request is shown with a row.

    In the roll a row that is held or invalid now has the request of its earlier form; on its own sheet nothing was sent
    of it.
    """
    if of_roll and told.status in {Status.HELD, Status.INVALID}:
        return next((one for one in reversed(history) if one.outcome is Outcome.CREATED), told.attempt)
    return None if told.status is Status.HELD else told.attempt


def requests_that_exist(history: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that made a request or may have: of several attempts without a response since the last session,
    only the last.
    """
    unanswered = attempt_rules.unresolved_attempts(history)[-1:]
    return [one for one in history if one.outcome is Outcome.CREATED or one in unanswered]


def notices_of(attempt: Attempt) -> tuple[Fault, ...]:
    """The notices of a request that exists, without the reasons why it was once uncertain."""
    return tuple(fault for fault in attempt.reasons if fault.severity is Severity.NOTICE) if attempt.reasons else ()


def decided_before(history: Sequence[Attempt], shown: Attempt | None) -> tuple[Fault, ...]:
    """What a person decided about other tries of a row; several tries that were decided at once say it once."""
    if len(history) == 1 and history[0] is shown:
        return ()
    others = (fault for attempt in history if attempt is not shown for fault in _decisions(attempt))
    said = _decisions(shown) if shown is not None else ()
    return tuple(fault for fault in dict.fromkeys(others) if fault not in said)


def decided(decision: Decision) -> Fault:
    """The notice of a person's decision on a row."""
    told = (("date", decision.at.date().isoformat()), ("who", decision.who), ("note", decision.note or "-"))
    return Fault(_DECIDED[decision.outcome], details=told)


def _decisions(attempt: Attempt) -> tuple[Fault, ...]:
    return tuple(fault for fault in attempt.reasons if fault.code in _DECIDED.values()) if attempt.reasons else ()


def _reasons(attempt: Attempt) -> tuple[Fault, ...]:
    """Why an attempt's outcome is unknown; an attempt that was never settled has no reason."""
    if not attempt.reasons:
        return (Fault("unknown-interrupted", details=(("date", attempt.at.date().isoformat()),)),)
    return tuple(fault for fault in attempt.reasons if fault.code not in attempt_rules.NAMES_A_SESSION)


def _other_references(uncertain: Sequence[Attempt]) -> tuple[Fault, ...]:
    """The sessions that the API named for another reference (api: "its sessionId is kept in the notices")."""
    return tuple(
        fault for attempt in uncertain for fault in attempt.reasons if fault.code in attempt_rules.NAMES_A_SESSION
    )


def _sessions_from_before(history: Sequence[Attempt]) -> tuple[Fault, ...]:
    return tuple(
        Fault("session-exists", details=(("session", attempt.session_id), ("date", attempt_rules.day(attempt))))
        for attempt in history
        if attempt.outcome is Outcome.CREATED
    )


def _other_tries(uncertain: Sequence[Attempt]) -> tuple[Fault, ...]:
    """What a row with a session still has to say about tries without a usable answer."""
    if not uncertain:
        return ()
    code = "resent-unknown" if any(attempt.send_link for attempt in uncertain) else "possible-orphan"
    return (Fault(code, details=(("tries", str(len(uncertain))),)), *_other_references(uncertain))
