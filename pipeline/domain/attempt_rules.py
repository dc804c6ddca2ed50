"""Decisions, and nothing else: what to do with a row, what an answer means, what comes next.

Pure: no network, file, clock or database. The engine carries these decisions out; the report shows them; the tests
try every branch. The rules are those of the API notes, "What an answer means". The one harm that can't be undone is
asking a payor twice, so whatever is not proven counts as *perhaps created*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeGuard, assert_never

from pipeline.domain.errors import CredentialsError
from pipeline.domain.model import Attempt, Duplicate, Outcome, Payment
from pipeline.domain.responses import (
    Answered,
    CreatedSession,
    Exchange,
    MaybeSentFailure,
    NotSentFailure,
    Problem,
    Unusable,
    parse_created,
    parse_problem,
)
from schemas.faults import Fault

UNCERTAIN_TRIES: Final = 3
"""A session that nobody was e-mailed about is created again after an uncertain answer: so many tries in all."""
CERTAIN_TRIES: Final = 5
"""Tries of a request that certainly did not arrive, in one run."""
TOKEN_TRIES: Final = 4
"""How many tokens may be refused for one row, however fresh: a shared one does not always show why."""
THROTTLED_TRIES: Final = 10
"""Tries of a request that the server turned away for now (429, 503 with Retry-After), in one run."""

UNCERTAIN: Final = frozenset({Outcome.OPEN, Outcome.UNKNOWN})
EFFECTIVE: Final = (Outcome.CREATED, *sorted(UNCERTAIN))
"""Outcomes of attempts that made a request, or may have."""
LEGAL_CHANGES: Final[dict[tuple[Outcome, Outcome], str]] = {
    (Outcome.OPEN, Outcome.CREATED): "the API answered with a session, or a report or a person found it",
    (Outcome.OPEN, Outcome.REJECTED): "the API said no",
    (Outcome.OPEN, Outcome.NOT_CREATED): "it is proven that nothing was created, or a person decided so",
    (Outcome.OPEN, Outcome.UNKNOWN): "no usable answer came",
    (Outcome.UNKNOWN, Outcome.CREATED): "a report or a person found the session, or `details` showed whose it is",
    (Outcome.UNKNOWN, Outcome.NOT_CREATED): "a person decided that nothing was created",
    (Outcome.UNKNOWN, Outcome.UNKNOWN): "more was learnt of it, and still nothing certain",
}
"""Every change that an attempt may make, with its cause. Anything else raises."""
OTHER_REFERENCE: Final = "other-reference"
"""The fault of a response that names another reference: "always `unknown`", no matter who delivers the link."""
SESSION_SHARED: Final = "session-shared"
"""The fault of an answer that names the session of another row."""
HELD_BY_REFERENCE: Final = ("held-repeat", "held-perhaps", "held-reference", "held-reference-perhaps")
"""The faults of rows that are held since another batch requested what their reference names."""
UNCONFIRMED: Final = "session-unconfirmed"
"""The fault of an answer without a reference whose session was not shown to be the row's."""
NAMES_A_SESSION: Final = frozenset({OTHER_REFERENCE, SESSION_SHARED, UNCONFIRMED})
"""Faults of a session whose owner is not known: a person must look, no matter who delivers the link."""


# ---------------------------------------------------------------------------------------------------------------
# What may become of an attempt


class IllegalChangeError(AssertionError):
    """An attempt was asked to change in a way that `LEGAL_CHANGES` does not know: a fault of the program."""


def check_change(was: Outcome, becomes: Outcome) -> None:
    """Raise IllegalChangeError when an attempt may not change so."""
    if (was, becomes) not in LEGAL_CHANGES:
        raise IllegalChangeError(f"{was} -> {becomes}")


# ---------------------------------------------------------------------------------------------------------------
# The state of a row: a fold over its attempts in which *perhaps* sticks


@dataclass(frozen=True, slots=True)
class Fresh:
    """It was never sent, or only with other content and certainly without effect."""


@dataclass(frozen=True, slots=True)
class Made:
    """Its session exists. `uncertain` are other tries that may have made a session too."""

    attempt: Attempt
    uncertain: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeOtherwise:
    """This identity has a session, but for other content."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It may exist. `attempts` are the tries without a usable answer, oldest first.

    `made` is a session that this identity has for other content: a repeat of it was allowed and its outcome is unknown.
    """

    attempts: tuple[Attempt, ...]
    made: Attempt | None = None

    @property
    def harmless(self) -> bool:
        """Whether one more try can ask nobody twice: nobody was e-mailed a link, and nobody knows a session's id."""
        return not any(map(_must_be_looked_at, self.attempts))


@dataclass(frozen=True, slots=True)
class Rejected:
    """The API rejected this content."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class NotCreated:
    """It certainly was not created, though it was tried."""

    attempt: Attempt


RowState = Fresh | Made | MadeOtherwise | Uncertain | Rejected | NotCreated


def row_state(history: Sequence[Attempt], fingerprint: bytes) -> RowState:
    """The state of a row with this content, from all attempts of its identity in its batch, oldest first.

    A request for other content that was cancelled holds nothing.
    """
    made = [attempt for attempt in history if attempt.outcome is Outcome.CREATED]
    same = [attempt for attempt in made if attempt.fingerprint == fingerprint]
    if same:
        return Made(same[-1], tuple(attempt for attempt in history if attempt.outcome in UNCERTAIN))
    live = [attempt for attempt in made if not attempt.cancelled]
    if unanswered := unresolved_attempts(history):
        return Uncertain(unanswered, live[-1] if live else None)
    if live:
        return MadeOtherwise(live[-1])
    last = next((attempt for attempt in reversed(history) if attempt.fingerprint == fingerprint), None)
    if last is None:
        return Fresh()
    return Rejected(last) if last.outcome is Outcome.REJECTED else NotCreated(last)


def unresolved_attempts(history: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """The attempts whose outcome is unknown, without a decision or a request since.

    A request that was created after an uncertain attempt, by the rule for harmless ones or by a person, resolves it:
    such a row has a request, and is held when its content changes.
    """
    made = [index for index, attempt in enumerate(history) if attempt.outcome is Outcome.CREATED]
    since = history[made[-1] + 1 :] if made else history
    return tuple(attempt for attempt in since if attempt.outcome in UNCERTAIN)


def requests_for_other_content(history: Sequence[Attempt], fingerprint: bytes | None) -> list[Attempt]:
    """The requests of a row that has only requests for other content than its own.

    Such a row is sent once they are cancelled: a cancelled request holds nothing. A row whose own request was cancelled
    is left alone.
    """
    made = [attempt for attempt in history if attempt.outcome is Outcome.CREATED]
    return [] if any(attempt.fingerprint == fingerprint for attempt in made) else made


def _must_be_looked_at(attempt: Attempt) -> bool:
    """Whether an uncertain try may have reached a payor, or made a session whose id is known."""
    return attempt.send_link or any(fault.code in NAMES_A_SESSION for fault in attempt.reasons)


# ---------------------------------------------------------------------------------------------------------------
# Before anything is sent: what to do with a row


@dataclass(frozen=True, slots=True)
class Send:
    """Create its session."""


@dataclass(frozen=True, slots=True)
class Keep:
    """It has its session from before."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Hold:
    """It looks like a repeat; a person decides."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Review:
    """It may exist; a person must look before it is sent again."""

    attempts: tuple[Attempt, ...]


Plan = Send | Keep | Hold | Review


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the user allowed: `--allow-repeats`, `--resend-unknown`."""

    allow_repeats: bool = False
    resend_unknown: bool = False


def plan(
    history: Sequence[Attempt],
    fingerprint: bytes,
    summary: str,
    repeats: Sequence[Duplicate],
    permissions: Permissions,
) -> Plan:
    """What to do with a valid row before anything is sent.

    `history` are the attempts of its identity in its batch, `repeats` the requests of other batches that it repeats,
    `summary` its content in words.
    """
    match row_state(history, fingerprint):
        case Made(attempt):
            return Keep(attempt)
        case Uncertain(attempts, made) as state:
            again = state.harmless and len(attempts) < UNCERTAIN_TRIES and (made is None or permissions.allow_repeats)
            if not again and not permissions.resend_unknown:
                return Review(attempts)
            return _unless_repeated(repeats, fingerprint, summary, permissions)
        case MadeOtherwise(attempt):
            return Send() if permissions.allow_repeats else Hold(changed(attempt, summary))
        case Fresh() | Rejected() | NotCreated():
            return _unless_repeated(repeats, fingerprint, summary, permissions)
        case other:
            assert_never(other)


def is_cut_short(
    tried: Sequence[Attempt], history: Sequence[Attempt], fingerprint: bytes, permissions: Permissions
) -> bool:
    """Whether a row that another worker tried in this run, and perhaps died at, may be tried again in the same run, as
    after a crash. `tried` are its attempts of this run, one or more, the oldest first; `history` is as for `plan`.

    `--resend-unknown` is about what a person has looked at: of this run nobody has seen anything.
    """
    if tried[-1].outcome is Outcome.REJECTED or len(tried) >= CERTAIN_TRIES:
        return False
    return isinstance(plan(history, fingerprint, "", (), replace(permissions, resend_unknown=False)), Send)


def _unless_repeated(
    repeats: Sequence[Duplicate], fingerprint: bytes, summary: str, permissions: Permissions
) -> Send | Hold:
    return Send() if permissions.allow_repeats or not repeats else Hold(repeated(repeats, fingerprint, summary))


def changed(attempt: Attempt, now: str) -> Fault:
    """Why a row is held whose identity has a session for other content: both versions."""
    return Fault("held-changed", details=(("before", attempt.summary), ("now", now), ("date", day(attempt))))


def repeated(repeats: Sequence[Duplicate], fingerprint: bytes, summary: str) -> Fault:
    """Why a row is held that other batches have too: what is certain before what is not, the same content before
    another, the last one of equals.
    """
    repeat = max(reversed(repeats), key=lambda one: (one.outcome is Outcome.CREATED, one.fingerprint == fingerprint))
    details = [("batch", repeat.batch), ("date", repeat.at.date().isoformat()), ("session", repeat.session_id)]
    certain = repeat.outcome is Outcome.CREATED
    if repeat.fingerprint == fingerprint:
        return Fault("held-repeat" if certain else "held-perhaps", details=tuple(details))
    details += [("before", repeat.summary), ("now", summary)]
    return Fault("held-reference" if certain else "held-reference-perhaps", details=tuple(details))


def rewritten(attempt: Attempt) -> Fault:
    """Why a row is held that has all but the reference of a request whose row has left the sheet."""
    details = (("row", str(attempt.row)), ("reference", attempt.reference_id), ("date", day(attempt)))
    return Fault("held-rewritten", details=details)


def day(attempt: Attempt) -> str:
    """The day of an attempt's last news, ISO 8601."""
    return (attempt.settled_at or attempt.at).date().isoformat()


# ---------------------------------------------------------------------------------------------------------------
# After an exchange: what it means for the attempt


@dataclass(frozen=True, slots=True)
class Created:
    """A session was created. `echoed` tells whether the answer repeated the reference that was sent."""

    session_id: str = field(repr=False)
    status: int
    notices: tuple[Fault, ...] = ()
    echoed: bool = True


@dataclass(frozen=True, slots=True)
class Denied:
    """The API rejected the request; nothing was created."""

    status: int
    reasons: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class TokenDenied:
    """The API did not take the token; nothing was created."""

    reasons: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Throttled:
    """The API is too busy for the request; nothing was created. `retry_after` is in seconds, if the API gave it."""

    status: int
    retry_after: float | None
    reasons: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Unsent:
    """No byte of the request left; nothing was created."""

    reasons: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was sent, or may have been, and no usable answer came."""

    status: int | None
    reasons: tuple[Fault, ...]

    @property
    def names_another(self) -> bool:
        """Whether the answer named another reference."""
        return any(fault.code in NAMES_A_SESSION for fault in self.reasons)


Verdict = Created | Denied | TokenDenied | Throttled | Unsent | Unknown

_DENIALS: Final = frozenset({400, 403, 404, 409, 413, 422})
"""Answers after which it is certain that nothing was created, and that sending the same again is of no use."""

_SUCCESS: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)


def classify_response(exchange: Exchange, reference_id: str, *, after_uncertain: bool) -> Verdict:
    """What an exchange means for its attempt (API notes, "What an answer means").

    `reference_id` is what was sent, `after_uncertain` whether an earlier attempt of this row may have created a
    session. Everything that the table does not name as certain is *perhaps*.
    """
    try:
        return _classify(exchange, reference_id, after_uncertain=after_uncertain)
    except Exception:  # noqa: BLE001 - whatever a body does to those who read it, its status is certain
        bare = replace(exchange, body=b"") if isinstance(exchange, Answered) else exchange
        return _classify(bare, reference_id, after_uncertain=after_uncertain)


def _classify(exchange: Exchange, reference_id: str, *, after_uncertain: bool) -> Verdict:
    match exchange:
        case NotSentFailure(kind, text):
            return Unsent((Fault("not-created-connection", details=(("kind", kind), ("cause", text))),))
        case MaybeSentFailure(kind, text):
            return Unknown(None, (Fault(f"unknown-{kind}", details=(("cause", text),)),))
        case Answered(status=status) if status in _SUCCESS:
            return _judge_success(exchange, reference_id)
        case Answered(status=401):
            if after_uncertain:
                # A token that is good for one session was perhaps used up by the try before.
                return Unknown(401, (Fault("unknown-token"),))
            return TokenDenied((Fault("not-created-token"),))
        case Answered(status=429) | Answered(status=503, retry_after=float()):
            reasons = (Fault("not-created-throttled", details=(("status", str(exchange.status)),)),)
            return Throttled(exchange.status, exchange.retry_after, reasons)
        case Answered(status=status) if status in _DENIALS:
            return Denied(status, refusal(status, parse_problem(exchange.body)))
        case Answered(status=status):
            code = "unknown-redirect" if status in _REDIRECTS else "unknown-answer"
            return Unknown(status, (Fault(code, details=(("status", str(status)),)),))
        case never:
            assert_never(never)


def _judge_success(answer: Answered, reference_id: str) -> Verdict:
    match parse_created(answer.body):
        case Unusable(reason):
            details = (("status", str(answer.status)), ("cause", reason))
            return Unknown(answer.status, (Fault("unknown-unusable", details=details),))
        case CreatedSession(session_id, reference) if reference in {reference_id, reference_id or None}:
            return Created(session_id, answer.status)
        case CreatedSession(session_id, None):
            # It is our answer, on our connection, with an id: only the echo is missing.
            return Created(session_id, answer.status, (Fault("reference-not-echoed"),), echoed=False)
        case CreatedSession(session_id, reference):
            told = (("reference", reference or ""), ("session", session_id))
            return Unknown(
                answer.status, (Fault("unknown-reference", details=told[:1]), Fault(OTHER_REFERENCE, details=told))
            )
        case never:
            assert_never(never)


def needs_confirmation(verdict: Verdict, payment: Payment) -> TypeGuard[Created]:
    """Whether a session is only believed once `details` showed that it is this row's.

    The answer did not repeat the reference that was sent, and the payor is e-mailed: a stray one must decide nothing.
    """
    return isinstance(verdict, Created) and not verdict.echoed and payment.send_link


def unconfirmed(created: Created) -> Unknown:
    """What an answer without our reference means for an e-mailed row, as long as its session was not shown to be ours.

    Taken for this row's, another's session would hide that the payor was not asked, or let him be asked again.
    """
    details = (("session", created.session_id),)
    return Unknown(created.status, (Fault("unknown-unconfirmed"), Fault(UNCONFIRMED, details=details)))


def session_shared(session_id: str) -> tuple[Fault, ...]:
    """Why an attempt is *perhaps* whose answer named the session of another row: no link may go to two payors.

    The interface asks for "every id on its own row"; what the API made of such a row is not known.
    """
    return Fault("unknown-session"), Fault(SESSION_SHARED, details=(("session", session_id),))


def refusal(status: int, problem: Problem) -> tuple[Fault, ...]:
    """The API's reasons, one fault for each field that it named, else one for the row.

    The first reason also has title and detail (api: "show title, detail and errors when there").
    """
    about = ": ".join(dict.fromkeys(filter(None, (problem.title.strip(), problem.detail.strip()))))
    told = list(problem.errors) or [("", about or problem.raw[:200])]
    if problem.errors and about:
        told[0] = (told[0][0], f"{told[0][1]} ({about})")
    return tuple(
        Fault("refused", field, details=(("status", str(status)), ("message", " ".join(message.split()))))
        for field, message in told
    )


def outcome_of(verdict: Verdict) -> Outcome:
    """What the journal keeps of a verdict."""
    match verdict:
        case Created():
            return Outcome.CREATED
        case Denied():
            return Outcome.REJECTED
        case TokenDenied() | Throttled() | Unsent():
            return Outcome.NOT_CREATED
        case Unknown():
            return Outcome.UNKNOWN
        case never:
            assert_never(never)


def status_of(verdict: Verdict) -> int | None:
    """The HTTP status that a verdict rests on, if an answer came."""
    match verdict:
        case Created() | Denied() | Throttled() | Unknown():
            return verdict.status
        case TokenDenied():
            return 401
        case Unsent():
            return None
        case never:
            assert_never(never)


def reasons_of(verdict: Verdict) -> tuple[Fault, ...]:
    """The notices and errors of an attempt."""
    return verdict.notices if isinstance(verdict, Created) else verdict.reasons


# ---------------------------------------------------------------------------------------------------------------
# What comes next for the row


@dataclass(frozen=True, slots=True)
class Again:
    """Send it once more. `failures` counts the failures of one kind so far, for the back-off."""

    failures: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more is done with this row in this run."""


@dataclass(frozen=True, slots=True)
class NoAccess:
    """A fresh token was refused: the run stops."""


Step = Again | Finished | NoAccess


def no_access() -> CredentialsError:
    """The failure of a run whose fresh token was refused."""
    return CredentialsError(
        "The API refused a new access token (HTTP 401). Nothing more was sent. Check "
        "that the API user can create e-Transfer requests, then run the same command "
        "again."
    )


@dataclass(frozen=True, slots=True)
class RetryCounters:
    """What a row has been through in this run, by kind of failure.

    `uncertain` counts from the last session or from `--resend-unknown`, and `look_first` tells whether a person must
    look at one of those before anything is sent again.
    """

    unsent: int = 0
    throttled: int = 0
    tokens: int = 0
    uncertain: int = 0
    look_first: bool = False

    def with_verdict(self, verdict: Verdict, *, send_link: bool) -> RetryCounters:
        """The tally after one more attempt."""
        match verdict:
            case Unsent():
                return replace(self, unsent=self.unsent + 1)
            case Throttled():
                return replace(self, throttled=self.throttled + 1)
            case TokenDenied():
                return replace(self, tokens=self.tokens + 1)
            case Unknown():
                look_first = self.look_first or send_link or verdict.names_another
                return replace(self, uncertain=self.uncertain + 1, look_first=look_first)
            case Created() | Denied():
                return self
            case never:
                assert_never(never)


def start_counters(history: Sequence[Attempt], *, resend: bool) -> RetryCounters:
    """The tally of a row when a run begins. With `--resend-unknown` the user has looked at the earlier tries."""
    uncertain = () if resend else unresolved_attempts(history)
    return RetryCounters(uncertain=len(uncertain), look_first=any(map(_must_be_looked_at, uncertain)))


def next_step(verdict: Verdict, tally: RetryCounters, *, fresh_token: bool) -> Step:
    """What comes next for a row, after a verdict that `tally` counts already.

    `fresh_token` tells whether the token of the attempt was new: a refusal of a new one is about the credentials.
    """
    match verdict:
        case Created() | Denied():
            return Finished()
        case TokenDenied():
            hopeless = fresh_token and tally.tokens > 1
            return NoAccess() if hopeless or tally.tokens >= TOKEN_TRIES else Again(0)
        case Unsent():
            return Again(tally.unsent) if tally.unsent < CERTAIN_TRIES else Finished()
        case Throttled():
            return Again(0) if tally.throttled < THROTTLED_TRIES else Finished()
        case Unknown():
            again = not tally.look_first and tally.uncertain < UNCERTAIN_TRIES
            return Again(tally.uncertain) if again else Finished()
        case never:
            assert_never(never)
