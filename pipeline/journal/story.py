"""What the journal tells: every row of a run as it stands now, and the batches.

The one place where attempts become a status. The workbook after a crash, after `run` and weeks later, when the input
file is gone, is made by these lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, func, select

from pipeline.journal import codec, states
from pipeline.journal.attempts import histories
from pipeline.journal.tables import attempts, batches, rows, runs
from pipeline.model import Attempt, Outcome, Report, ReportRow, SheetRow, Source, Status
from pipeline.send import decide
from pipeline.send.states import notices
from schemas.faults import Fault, Severity

CHUNK: Final = 2_000
"""Rows that are in memory at a time."""

DECIDED: Final = frozenset({"decided-created", "decided-not-created"})
"""The faults by which a person's decision is told (`decisions.explained`)."""


def report(engine: Engine, run_id: int) -> Report:
    """What is said about a run as a whole. Raises LookupError when there is no such run."""
    with engine.connect().execution_options(reading=True) as connection:
        found = connection.execute(
            select(runs, batches.c.name, batches.c.environment)
            .join(batches, batches.c.id == runs.c.batch_id)
            .where(runs.c.id == run_id)
        ).one_or_none()
        asked_at = states.asked_at(connection, found.batch_id) if found is not None else None
    if found is None:
        raise LookupError(run_id)
    return Report(
        batch=found.name,
        source=Source(found.file, found.sha256, found.sheet),
        environment=found.environment,
        columns=codec.columns(found.columns),
        started_at=codec.time(found.started_at),
        ended_at=codec.time_or_none(found.ended_at),
        identity=tuple(codec.cells(found.identity)),
        controls=codec.controls(found.controls),
        notices=codec.faults(found.notices),
        stopped=found.stopped,
        stopped_details=codec.details(found.stopped_details),
        dry_run=found.purpose != "run",
        approval=codec.approval(found.approval),
        asked_at=asked_at,
    )


def report_rows(engine: Engine, run_id: int, first: int = 0, last: int | None = None) -> Iterator[ReportRow]:
    """The rows of a run in the sheet's order, as they stand now; a chunk in memory at a time.

    `first` and `last` are positions in the sheet, both included; without `last` they go on to the sheet's end.
    """
    with engine.connect().execution_options(reading=True) as connection:
        run = connection.execute(select(runs).where(runs.c.id == run_id)).one()
        followed = states.asked_at(connection, run.batch_id) is not None
    position = first
    while last is None or position <= last:
        beyond = position + CHUNK if last is None else min(position + CHUNK, last + 1)
        with engine.connect().execution_options(reading=True) as connection:
            chosen = and_(rows.c.run_id == run_id, rows.c.position >= position, rows.c.position < beyond)
            chunk = connection.execute(select(rows).where(chosen).order_by(rows.c.position)).all()
            contents = {record.identity: record.fingerprint for record in chunk}
            history = histories(connection, run.batch_id, contents, contents)
            shown = [_present(record, history.get(record.identity, []), run) for record in chunk]
            if followed:
                shown = _with_states(connection, shown)
        if not chunk:
            return
        yield from shown
        position = beyond


def report_row(engine: Engine, run_id: int, number: int) -> ReportRow | None:
    """The row of this number in the sheet of a run, as it stands now; None when the sheet has none."""
    with engine.connect().execution_options(reading=True) as connection:
        run = connection.execute(select(runs).where(runs.c.id == run_id)).one()
        chosen = and_(rows.c.run_id == run_id, rows.c.number == number)
        record = connection.execute(select(rows).where(chosen)).first()
        if record is None:
            return None
        history = histories(connection, run.batch_id, [record.identity])
        return _with_states(connection, [_present(record, history.get(record.identity, []), run)])[0]


def _with_states(connection: Connection, shown: Sequence[ReportRow]) -> list[ReportRow]:
    """The same rows with what the API last said of their sessions."""
    known = states.latest(connection, (row.session_id for row in shown if row.session_id))
    return [
        replace(row, state=state, notices=(*row.notices, *notices(state, row.amount_sent)))
        if (state := known.get(row.session_id)) is not None
        else row
        for row in shown
    ]


def _present(record: Any, history: Sequence[Attempt], run: Any) -> ReportRow:
    status, attempt, errors, remarks = _status(record, history, run)
    latest = attempt or (history[-1] if history else None)
    made = attempt if attempt is not None and attempt.outcome is Outcome.CREATED else None
    return ReportRow(
        row=SheetRow(record.number, codec.cells(record.cells), record.kinds),
        status=status,
        payment=codec.payment(record.payment),
        amount=codec.dollars(record.amount_cents),
        session_id=made.session_id if made else "",
        launch_url=f"{run.base_url}/app/?sessionId={made.session_id}" if made and made.session_id else "",
        errors=errors,
        notices=(*codec.faults(record.notices), *remarks, *_decided_before(history, attempt)),
        reference_sent=latest.reference_id if latest else None,
        amount_sent=latest.amount if latest else None,
        attempts=len(history),
        created_at=made.settled_at if made else None,
    )


_Told = tuple[Status, Attempt | None, tuple[Fault, ...], tuple[Fault, ...]]


def _status(record: Any, history: Sequence[Attempt], run: Any) -> _Told:
    """A row's status, the attempt that decides it, what keeps it from its session, and what else is to be said."""
    if record.plan == "invalid":
        return Status.INVALID, None, codec.faults(record.faults), _sessions_from_before(history)
    standing = decide.stand(history, bytes(record.fingerprint))
    match standing:
        case decide.Made(attempt, uncertain):
            in_this_run = attempt.run == run.id and not _decisions(attempt)
            status = Status.CREATED if in_this_run else Status.ALREADY_CREATED
            return status, attempt, (), (*_remarks(attempt), *_other_tries(uncertain))
        case decide.Uncertain(tries):
            why = (*_reasons(tries[-1]), *_refused_since(history), *_hold(record))
            return Status.UNKNOWN, tries[-1], why, _other_references(tries)
        case decide.MadeOtherwise(attempt) if record.hold is None:
            # The repeat was allowed and did not come about in this run, or the run stopped before it.
            held = (decide.changed(attempt, _content(record)),)
            return Status.HELD, attempt, held, ()
        case _ if record.hold is not None:
            return Status.HELD, None, _hold(record), ()
        case decide.Refused(attempt):
            return Status.REJECTED, attempt, attempt.reasons, ()
        case decide.NotCreated(attempt):
            return Status.FAILED, attempt, attempt.reasons, ()
        case decide.Fresh():
            code = "not-sent-stopped" if run.purpose == "run" else "not-sent-dry-run"
            return Status.NOT_SENT, None, (Fault(code),), ()
        case _:
            raise AssertionError(standing)


def _remarks(attempt: Attempt) -> tuple[Fault, ...]:
    """What is to be said about a session that exists: not why it was uncertain once."""
    if not attempt.reasons:
        return ()
    return tuple(fault for fault in attempt.reasons if fault.severity is Severity.NOTICE)


def _decisions(attempt: Attempt) -> tuple[Fault, ...]:
    """What a person decided about a try."""
    if not attempt.reasons:
        return ()
    return tuple(fault for fault in attempt.reasons if fault.code in DECIDED)


def _decided_before(history: Sequence[Attempt], shown: Attempt | None) -> tuple[Fault, ...]:
    """What a person decided about other tries of a row; several tries that were decided at once say it once."""
    if len(history) == 1 and history[0] is shown:
        return ()
    others = (fault for attempt in history if attempt is not shown for fault in _decisions(attempt))
    said = _decisions(shown) if shown is not None else ()
    return tuple(fault for fault in dict.fromkeys(others) if fault not in said)


def _content(record: Any) -> str:
    payment = codec.payment(record.payment)
    return payment.describe() if payment else ""


def _hold(record: Any) -> tuple[Fault, ...]:
    hold = codec.fault(record.hold)
    return (hold,) if hold else ()


def _reasons(attempt: Attempt) -> tuple[Fault, ...]:
    """Why an attempt's outcome is unknown; an attempt that was never settled has no reason of its own."""
    if not attempt.reasons:
        return (Fault("unknown-interrupted", details=(("date", attempt.at.date().isoformat()),)),)
    return tuple(fault for fault in attempt.reasons if fault.code not in decide.NAMES_A_SESSION)


def _refused_since(history: Sequence[Attempt]) -> tuple[Fault, ...]:
    """Why the API refused the last try of a row whose earlier try is uncertain: without it nobody could mend it."""
    return history[-1].reasons if history[-1].outcome is Outcome.REFUSED else ()


def _other_references(uncertain: Sequence[Attempt]) -> tuple[Fault, ...]:
    """The sessions that the API named for another reference (api: "its sessionId is kept in the notices")."""
    return tuple(fault for attempt in uncertain for fault in attempt.reasons if fault.code in decide.NAMES_A_SESSION)


def _sessions_from_before(history: Sequence[Attempt]) -> tuple[Fault, ...]:
    return tuple(
        Fault("session-exists", details=(("session", attempt.session_id), ("date", decide.day(attempt))))
        for attempt in history
        if attempt.outcome is Outcome.CREATED
    )


def _other_tries(uncertain: Sequence[Attempt]) -> tuple[Fault, ...]:
    """What a row with a session still has to say about tries without a usable answer."""
    if not uncertain:
        return ()
    code = "resent-unknown" if any(attempt.send_link for attempt in uncertain) else "possible-orphan"
    return (Fault(code, details=(("tries", str(len(uncertain))),)), *_other_references(uncertain))


# ---------------------------------------------------------------------------------------------------------------
# The batches


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch in the list: what was made, what is uncertain, and when it was last run. Cents are of CAD."""

    id: int
    name: str
    environment: str
    last_run: int | None
    last_run_at: datetime | None
    file: str
    created: int
    created_cents: int
    unknown: int
    purged_at: datetime | None


def batch_lines(engine: Engine) -> list[BatchLine]:
    """All batches of the journal, the one that was run last at the end."""
    made, unsure = attempts.c.outcome == Outcome.CREATED, attempts.c.outcome.in_(decide.UNCERTAIN)
    sums = (
        select(
            attempts.c.batch_id,
            func.count().filter(made).label("created"),
            func.sum(attempts.c.amount_cents).filter(made).label("cents"),
            func.count().filter(unsure).label("unknown"),
        )
        .group_by(attempts.c.batch_id)
        .subquery()
    )
    last = (
        select(runs.c.batch_id, func.max(runs.c.id).label("run"))
        .where(runs.c.purpose == "run", runs.c.staged_at.is_not(None))
        .group_by(runs.c.batch_id)
        .subquery()
    )
    statement = (
        select(batches, sums.c.created, sums.c.cents, sums.c.unknown, last.c.run, runs.c.started_at, runs.c.file)
        .join(last, last.c.batch_id == batches.c.id)
        .outerjoin(sums, sums.c.batch_id == batches.c.id)
        .outerjoin(runs, runs.c.id == last.c.run)
        .order_by(runs.c.started_at, batches.c.id)
    )
    with engine.connect().execution_options(reading=True) as connection:
        return [
            BatchLine(
                id=line.id,
                name=line.name,
                environment=line.environment,
                last_run=line.run,
                last_run_at=codec.time_or_none(line.started_at),
                file=line.file or "",
                created=line.created or 0,
                created_cents=int(line.cents or 0),
                unknown=line.unknown or 0,
                purged_at=codec.time_or_none(line.purged_at),
            )
            for line in connection.execute(statement)
        ]
