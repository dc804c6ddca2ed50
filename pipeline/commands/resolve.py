"""`resolve`: a person's decision on a row whose outcome is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pipeline.commands.finding import Found, found_batch
from pipeline.commands.plan import user
from pipeline.model import Attempt, Decision, Outcome, ReportRow, Status, StoppedEarly, UsageFailure
from pipeline.settings import SANDBOX, Settings

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NIL: Final = "00000000-0000-0000-0000-000000000000"
_IN_LAUNCH_URL: Final = "sessionId"


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """One `resolve`. `row` is the row's number in the user's sheet; `created` its session or launch URL.

    Without `created` the decision is that nothing was created. An empty `who` is whoever is logged in. `gone` says that
    the row is no valid row of the sheet any more, and goes by the number under which it was sent.
    """

    batch: str
    row: int
    created: str | None = field(repr=False)
    note: str = ""
    who: str = ""
    sandbox: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is going to be recorded, for a person to confirm. `content` is what was sent, masked."""

    batch: str
    row: int
    content: str = field(repr=False)
    tries: tuple[Attempt, ...]
    decision: Decision
    in_sandbox: bool


def resolve(request: ResolveRequest, settings: Settings, confirm: Callable[[Question], bool]) -> Decision:
    """Record what became of a row whose outcome is unknown.

    After a session is named, the row is `already-created` with it; after "nothing was created", the same `run` sends
    it again. Raises UsageFailure for a row or a session that can't be meant, BatchIsBusy while another run holds the
    batch, StoppedEarly when it was not confirmed.
    """
    session_id = session_id_of(request.created) if request.created is not None else ""
    note = " ".join(request.note.split())
    if not session_id and not note:
        raise UsageFailure("resolve.needs_note")
    with (
        found_batch(request.batch, settings, in_sandbox=request.sandbox) as found,
        found.journal.lease(found.batch),
    ):
        identity, tries = _unanswered(found, request)
        if session_id and (holder := found.journal.holder_of(session_id)) is not None:
            raise UsageFailure("resolve.session_taken", batch=holder[0], row=holder[1])
        decision = Decision(
            identity=identity,
            row=request.row,
            number=tries[-1].number,
            outcome=Outcome.CREATED if session_id else Outcome.NOT_CREATED,
            session_id=session_id,
            note=note,
            who=request.who.strip() or user(),
            at=datetime.now().astimezone(),
        )
        question = Question(
            found.batch.name,
            request.row,
            masked(tries[-1].summary),
            tries,
            decision,
            found.batch.environment == SANDBOX,
        )
        if not confirm(question):
            raise StoppedEarly("resolve.not_confirmed")
        found.journal.decide(found.batch, decision, tries)
        return decision


def session_id_of(given: str) -> str:
    """The session that a text names: its UUID, or the launch URL that has it. Raises UsageFailure for anything else."""
    text = given.strip()
    if "://" in text:
        text = next(iter(parse_qs(urlsplit(text).query).get(_IN_LAUNCH_URL, ())), "").strip()
    if not _UUID.fullmatch(text) or text == _NIL:
        raise UsageFailure("resolve.not_a_session")
    return text


def masked(content: str) -> str:
    """Content in words, with the e-mail address by its first letter and its domain (`a•••@example.com`)."""
    return re.sub(r"([^\s@,])[^\s@,]*@(?=[^\s@,]+)", r"\1•••@", content)


def _unanswered(found: Found, request: ResolveRequest) -> tuple[str, tuple[Attempt, ...]]:
    """The identity of a row and its tries without an answer. Raises UsageFailure when there is nothing to decide.

    A row that left the sheet, or is invalid now, goes by the number under which it was sent. Where another row bears
    that number today, it must be said aloud which is meant.
    """
    number = request.row
    row: ReportRow | None = found.journal.report_row(found.run, number)
    present, tries = found.journal.open_tries(found.batch, found.run, number)
    if row is not None and row.status is Status.UNKNOWN and not request.gone:
        return present, tries
    strays = found.journal.stray_tries(found.batch, found.run, number)
    named = {"row": number, "batch": found.batch.name}
    if len(strays) > 1:
        raise UsageFailure("resolve.several", **named)
    if strays and (row is None or request.gone or strays[0][0] == present):
        return strays[0]
    if row is None or request.gone:
        raise UsageFailure("resolve.no_row", **named)
    raise UsageFailure("resolve.say_gone" if strays else "resolve.not_unknown", **named, status=row.status)
