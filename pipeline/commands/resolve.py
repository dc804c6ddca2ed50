"""`resolve`: a person's decision on a row whose outcome is unknown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pipeline.commands import environment
from pipeline.commands.batch_lookup import BatchHandle, found_batch, held_batch, meant
from pipeline.commands.connectivity import api_of
from pipeline.commands.people import user
from pipeline.config.settings import SANDBOX, Settings
from pipeline.domain import session_states
from pipeline.domain.attempt_rules import NAMES_A_SESSION, UNCERTAIN_TRIES, Uncertain
from pipeline.domain.errors import RunError, StoppedEarlyError, UsageError
from pipeline.domain.model import Attempt, Decision, Outcome, ReportRow, Status
from pipeline.domain.responses import Token
from pipeline.journal import decisions, queries
from pipeline.messages import Word

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NIL: Final = "00000000-0000-0000-0000-000000000000"
_IN_LAUNCH_URL: Final = "sessionId"
_PATIENCE: Final = 10.0
"""Seconds for the API to say whose a request is."""


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """One `resolve`. `row` is the row's number in the user's sheet, or None where its `reference` says which row it is;
    `created` is its session or launch URL.

    Without `created` the decision is that nothing was created. An empty `who` is the login name. `gone` says that
    the row has left its sheet, and goes by the number that it had there. `file` names the sheet where a batch has
    several. `identity`, the key of its attempts, names a row by itself.
    """

    batch: str
    row: int | None
    created: str | None = field(repr=False)
    note: str = ""
    who: str = ""
    sandbox: bool = False
    gone: bool = False
    file: str | None = None
    reference: str | None = None
    identity: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class UnknownRow:
    """A row whose outcome is unknown, and the tries that had no usable response, oldest first."""

    row: ReportRow
    tries: tuple[Attempt, ...]

    @property
    def may_be_sent_again(self) -> bool:
        """Whether a run may send it again before a person decided: nobody was e-mailed its link."""
        return Uncertain(self.tries).harmless and len(self.tries) < UNCERTAIN_TRIES


def unknown_of(batch: str, settings: Settings, *, in_sandbox: bool) -> tuple[UnknownRow, ...]:
    """The rows of a batch whose outcome is unknown. Raises UsageError when there is no such batch."""
    with found_batch(batch, settings, in_sandbox=in_sandbox) as found, found.journal.reading() as connection:
        unknown = queries.unknown_rows(connection, found.batch.id)
        rows = queries.rows_shown(connection, found.batch.id, unknown).values()
        return tuple(UnknownRow(row, decisions.open_tries(connection, found.batch.id, row.identity)) for row in rows)


@dataclass(frozen=True, slots=True)
class Question:
    """What the command will record, for a person to confirm. `content` is what was sent, masked."""

    batch: str
    row: int
    content: str = field(repr=False)
    tries: tuple[Attempt, ...]
    decision: Decision
    in_sandbox: bool


def resolve(request: ResolveRequest, settings: Settings, confirm: Callable[[Question], bool]) -> Decision:
    """Record what became of a row whose outcome is unknown.

    After a session is named, the row is `already-created` with it; after "nothing was created", the same `run` sends
    it again. Where the API is in reach, it is asked whether the session is this row's. Raises UsageError for a row or a
    session that can't be meant, BatchBusyError while another run holds the batch, StoppedEarlyError when it was not
    confirmed.
    """
    session_id = session_id_of(request.created) if request.created is not None else ""
    note = " ".join(request.note.split())
    if not session_id and not note:
        raise UsageError(
            "Explain with --note how you know that no request was created: what you checked, "
            "and when. The note is kept."
        )
    with held_batch(request.batch, settings, in_sandbox=request.sandbox) as found:
        number, identity = _unanswered(found, request)
        tries = found.journal.read(decisions.open_tries, found.batch.id, identity)
        if session_id and (holder := found.journal.read(decisions.holder_of, session_id)) is not None:
            raise UsageError(
                "Row {row} of batch {batch} already has this sessionId. Look in the dashboard for the one of this row.",
                batch=holder[0],
                row=holder[1],
            )
        if session_id and _is_of_another(session_id, tries, request, settings):
            raise UsageError(
                "The request with this sessionId has another reference or amount than row {row}. Look in the dashboard "
                "for the one of this row.",
                row=number,
            )
        decision = Decision(
            identity=identity,
            row=number,
            number=tries[-1].number,
            outcome=Outcome.CREATED if session_id else Outcome.NOT_CREATED,
            session_id=session_id,
            note=note,
            who=request.who.strip() or user(),
            at=datetime.now().astimezone(),
        )
        question = Question(
            found.batch.name,
            number,
            masked(tries[-1].summary),
            tries,
            decision,
            found.batch.environment == SANDBOX,
        )
        if not confirm(question):
            raise StoppedEarlyError("You answered no. Nothing was recorded.")
        found.journal.write(decisions.record, found.batch.id, decision, tries)
        return decision


def _is_of_another(session_id: str, tries: tuple[Attempt, ...], request: ResolveRequest, settings: Settings) -> bool:
    """Whether the API says that a session has another reference or amount than the row. What it does not say, or can't
    be asked, a person has seen; and so it is where a response named another reference.
    """
    last = tries[-1]
    if any(fault.code in NAMES_A_SESSION for one in tries for fault in one.reasons):
        return False
    with (
        suppress(RunError, TimeoutError),
        environment.opened(settings, lambda _event: None, in_sandbox=request.sandbox, lang="en") as place,
    ):
        match asyncio.run(_details(session_id, last.reference_id, settings, place)):
            case session_states.OfAnother():
                return True
            case session_states.Told(amount=amount):
                return None not in {amount, last.amount} and amount != last.amount
    return False


async def _details(
    session_id: str, reference_id: str, settings: Settings, place: environment.Environment
) -> session_states.Reading | None:
    """What the API says of a session; None where it gives no token."""
    async with asyncio.timeout(_PATIENCE), api_of(settings, place) as api:
        token = await api.authorize()
        if not isinstance(token, Token):
            return None
        return session_states.read(await api.details(session_id, token.value), session_id, reference_id)


def session_id_of(given: str) -> str:
    """The session that a text names: its UUID, or the launch URL that has it. Raises UsageError for anything else."""
    text = given.strip()
    if "://" in text:
        text = next(iter(parse_qs(urlsplit(text).query).get(_IN_LAUNCH_URL, ())), "").strip()
    if not _UUID.fullmatch(text) or text == _NIL:
        raise UsageError(
            "--created takes a sessionId (such as 1b4e28ba-2fa1-11d2-883f-0016d3cca427) or "
            "the link that contains it, as shown in the dashboard."
        )
    return text


def masked(content: str) -> str:
    """Content in words, with the e-mail address by its first letter and its domain (`a•••@example.com`)."""
    return re.sub(r"([^\s@,])[^\s@,]*@(?=[^\s@,]+)", r"\1•••@", content)


def _unanswered(found: BatchHandle, request: ResolveRequest) -> tuple[int, str]:
    """The number and the identity of the row that is meant. Raises UsageError when there is nothing to decide."""
    if request.identity:
        return _by_identity(found, request.identity)
    if request.row is not None and request.reference is None:
        return request.row, _by_number(found, request, request.row)
    if request.row is None and request.reference is not None:
        return _by_reference(found, request, request.reference)
    raise UsageError("Give either the number of the row or --reference REF.")


def _by_identity(found: BatchHandle, identity: str) -> tuple[int, str]:
    """The row with this key."""
    with found.journal.reading() as connection:
        unknown = queries.unknown_rows(connection, found.batch.id)
        rows = queries.rows_shown(connection, found.batch.id, unknown).values()
    row = next((row for row in rows if row.identity == identity), None)
    if row is None:
        raise UsageError("This row of batch {batch} is not unknown any more. Look at it again.", batch=found.batch.name)
    return row.row.number, identity


def _by_reference(found: BatchHandle, request: ResolveRequest, reference: str) -> tuple[int, str]:
    """The row for which this reference was sent."""
    rows = [one.row for one in found.journal.read(queries.rows_of_reference, found.batch.id, reference)]
    unknown = [row for row in rows if row.status is Status.UNKNOWN and request.file in {None, row.file}]
    named = {"reference": reference, "batch": found.batch.name}
    if not unknown:
        raise UsageError(
            "No row of batch {batch} is unknown and was sent with the reference {reference}. "
            "Give a reference from the column referenceSent of the workbook.",
            **named,
        )
    if len(unknown) > 1:
        numbers = ", ".join(str(row.row.number) for row in unknown)
        raise UsageError(
            "Several rows of batch {batch} were sent with the reference {reference} and are "
            "unknown: {rows}. Give the number of one of them.",
            **named,
            rows=numbers,
        )
    return unknown[0].row.number, unknown[0].identity


def _by_number(found: BatchHandle, request: ResolveRequest, number: int) -> str:
    """The identity of the row with this number.

    A row that left its sheet goes by the number that it had there. If another row has that number today, the user must
    say which is meant.
    """
    rows = meant(found, number, request.file)
    named = {"row": number, "batch": found.batch.name}
    present = next((one.row for one in rows if one.present), None)
    unknown = [one.row for one in rows if one.row.status is Status.UNKNOWN]
    if present in unknown and not request.gone:
        unknown = [row for row in unknown if row is present]
    elif present is not None and request.gone:
        unknown = [row for row in unknown if row is not present]
    elif present is not None and unknown:
        raise UsageError(
            "Row {row} of batch {batch} is {status} today. Another row, sent under this "
            "number and no longer in the sheet, is unknown. To resolve that one, add --gone.",
            **named,
            status=Word(present.status),
        )
    if len(unknown) > 1:
        raise UsageError(
            "Several rows of batch {batch} were sent as row {row}, are unknown and are no "
            "longer in the sheet. Put the right one back into the sheet, run it, and resolve "
            "it by its new number.",
            **named,
        )
    if not unknown and request.gone:
        raise UsageError("Batch {batch} has no row {row}. Give a number from the row column of the workbook.", **named)
    if not unknown:
        raise UsageError(
            "Row {row} of batch {batch} is {status}. Only rows with the status unknown can be resolved.",
            **named,
            status=Word(rows[0].row.status),
        )
    return unknown[0].identity
