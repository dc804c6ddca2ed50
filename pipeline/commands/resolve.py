"""`resolve`: a person's decision on a row whose outcome is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pipeline.commands.batch_lookup import Found, found_batch, meant
from pipeline.commands.plan import user
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain.errors import StoppedEarlyError, UsageError
from pipeline.domain.model import Attempt, Decision, Outcome, Status

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NIL: Final = "00000000-0000-0000-0000-000000000000"
_IN_LAUNCH_URL: Final = "sessionId"


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """One `resolve`. `row` is the row's number in the user's sheet; `created` its session or launch URL.

    Without `created` the decision is that nothing was created. An empty `who` is whoever is logged in. `gone` says that
    the row has left its sheet, and goes by the number that it had there. `file` names the sheet where a batch has
    several.
    """

    batch: str
    row: int
    created: str | None = field(repr=False)
    note: str = ""
    who: str = ""
    sandbox: bool = False
    gone: bool = False
    file: str | None = None


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
    it again. Raises UsageError for a row or a session that can't be meant, BatchBusyError while another run holds the
    batch, StoppedEarlyError when it was not confirmed.
    """
    session_id = session_id_of(request.created) if request.created is not None else ""
    note = " ".join(request.note.split())
    if not session_id and not note:
        raise UsageError("resolve.needs_note")
    with (
        found_batch(request.batch, settings, in_sandbox=request.sandbox) as found,
        found.journal.lease(found.batch),
    ):
        identity, tries = _unanswered(found, request)
        if session_id and (holder := found.journal.holder_of(session_id)) is not None:
            raise UsageError("resolve.session_taken", batch=holder[0], row=holder[1])
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
            raise StoppedEarlyError("resolve.not_confirmed")
        found.journal.decide(found.batch, decision, tries)
        return decision


def session_id_of(given: str) -> str:
    """The session that a text names: its UUID, or the launch URL that has it. Raises UsageError for anything else."""
    text = given.strip()
    if "://" in text:
        text = next(iter(parse_qs(urlsplit(text).query).get(_IN_LAUNCH_URL, ())), "").strip()
    if not _UUID.fullmatch(text) or text == _NIL:
        raise UsageError("resolve.not_a_session")
    return text


def masked(content: str) -> str:
    """Content in words, with the e-mail address by its first letter and its domain (`a•••@example.com`)."""
    return re.sub(r"([^\s@,])[^\s@,]*@(?=[^\s@,]+)", r"\1•••@", content)


def _unanswered(found: Found, request: ResolveRequest) -> tuple[str, tuple[Attempt, ...]]:
    """The identity of a row and its tries without an answer. Raises UsageError when there is nothing to decide.

    A row that left its sheet goes by the number that it had there. Where another row bears that number today, it must
    be said aloud which is meant.
    """
    rows = meant(found, request.row, request.file)
    named = {"row": request.row, "batch": found.batch.name}
    present = next((one.row for one in rows if one.present), None)
    unknown = [one.row for one in rows if one.row.status is Status.UNKNOWN]
    if present in unknown and not request.gone:
        unknown = [row for row in unknown if row is present]
    elif present is not None and request.gone:
        unknown = [row for row in unknown if row is not present]
    elif present is not None and unknown:
        raise UsageError("resolve.say_gone", **named, status=present.status)
    if len(unknown) > 1:
        raise UsageError("resolve.several", **named)
    if not unknown and request.gone:
        raise UsageError("resolve.no_row", **named)
    if not unknown:
        raise UsageError("resolve.not_unknown", **named, status=rows[0].row.status)
    return unknown[0].identity, found.journal.open_tries(found.batch, unknown[0].identity)
