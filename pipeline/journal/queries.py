"""What the journal tells: every row of a run as it stands now, and the batches.

The one place where the rows of a batch's roll are told. The workbook after a crash,
after `run` and weeks later, when the input file is gone, is made by these lines.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, true

from pipeline.domain import attempt_rules, row_status
from pipeline.domain import roll as roll_rules
from pipeline.domain.model import Attempt, Column, Outcome, Report, ReportRow, SheetRow, SourceFile, Status
from pipeline.domain.roll import CellsFitter
from pipeline.domain.row_status import PlannedRow, RowStatus
from pipeline.domain.session_states import notices
from pipeline.journal import roll, serialization, states
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import ATTEMPT_COLUMNS, attempt_of, cancelled, histories, mark_cancelled
from pipeline.journal.earlier_sentences import EARLIER_SENTENCES
from pipeline.journal.journal import Journal
from pipeline.journal.tables import attempts, batches, rows, runs
from pipeline.journal.tables import states as states_table
from schemas.faults import Fault
from schemas.money import from_cents

CHUNK: Final = 2_000
"""Rows that are in memory at a time."""


def report(connection: Connection, run_id: int) -> Report:
    """What is said about a run as a whole. Raises LookupError when there is no such run."""
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
        source=SourceFile(found.file, found.sha256, found.sheet),
        environment=found.environment,
        columns=serialization.columns(found.columns),
        started_at=serialization.time(found.started_at),
        ended_at=serialization.time_or_none(found.ended_at),
        identity=tuple(serialization.cells(found.identity)),
        controls=serialization.controls(found.controls),
        notices=serialization.faults(found.notices),
        stopped=EARLIER_SENTENCES.get(found.stopped, found.stopped),
        stopped_details=serialization.details(found.stopped_details),
        dry_run=found.purpose != "run",
        approval=serialization.approval(found.approval),
        asked_at=asked_at,
    )


def report_rows(journal: Journal, run_id: int) -> Iterator[ReportRow]:
    """The rows of a run in the sheet's order, as they stand now; a chunk in memory at a time."""
    with journal.reading() as connection:
        run = connection.execute(select(runs).where(runs.c.id == run_id)).one()
        followed = states.asked_at(connection, run.batch_id) is not None
    position = 0
    while True:
        beyond = position + CHUNK
        with journal.reading() as connection:
            chosen = and_(rows.c.run_id == run_id, rows.c.position >= position, rows.c.position < beyond)
            chunk = connection.execute(select(rows).where(chosen).order_by(rows.c.position)).all()
            history = _histories(connection, run.batch_id, chunk)
            elsewhere = _requests_elsewhere(connection, chunk, history)
            shown = [
                _present(record, history.get(record.identity, []), run, elsewhere=elsewhere.get(record.id))
                for record in chunk
            ]
            if followed:
                shown = _with_states(connection, shown)
        if not chunk:
            return
        yield from shown
        position = beyond


# ---------------------------------------------------------------------------------------------------------------
# The roll of a batch


def roll_report(connection: Connection, batch_id: int) -> Report:
    """What is said about a batch as a whole: its last run, and the columns of all its sheets.

    Raises LookupError when no sheet of it was accepted.
    """
    sheets = _sheets(connection, batch_id)
    if not sheets:
        raise LookupError(batch_id)
    return replace(report(connection, max(sheets)), columns=_columns_of(sheets), roll=True)


def roll_rows(journal: Journal, batch_id: int) -> Iterator[ReportRow]:
    """Every row of a batch's roll as it stands now, in the order of its sheets; a chunk in memory at a time.

    Cells stand in the columns of `roll_report`. A row that is held or invalid now shows the request that it has from
    before; what else was requested under its key follows it as `further` rows.
    """
    with journal.reading() as connection:
        sheets = _sheets(connection, batch_id)
        ids = roll.ids_of(connection, batch_id)
    fitters = _fitters(sheets)
    for at in range(0, len(ids), ASKED):
        wanted = ids[at : at + ASKED].tolist()
        with journal.reading() as connection:
            found = {record.id: record for record in connection.execute(select(rows).where(rows.c.id.in_(wanted)))}
            chunk = [found[row_id] for row_id in wanted if row_id in found]
            shown = _shown(connection, batch_id, chunk, sheets, fitters)
        yield from shown


def rows_shown(connection: Connection, batch_id: int, row_ids: Sequence[int]) -> dict[int, ReportRow]:
    """Some rows of a roll as they stand now, without what else was requested under their keys. By their ids."""
    sheets = _sheets(connection, batch_id)
    fitters = _fitters(sheets)
    shown: dict[int, ReportRow] = {}
    for some in batched(row_ids, ASKED):
        chunk = connection.execute(select(rows).where(roll.in_roll(batch_id), rows.c.id.in_(some))).all()
        found = (row for row in _shown(connection, batch_id, chunk, sheets, fitters) if not row.further)
        shown |= {record.id: row for record, row in zip(chunk, found, strict=True)}
    return shown


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row of the roll that bears a number. `present` says that the newest version of its sheet still has it."""

    row: ReportRow
    present: bool


def rows_of_number(connection: Connection, batch_id: int, number: int) -> list[Numbered]:
    """The rows of a roll that bear this number in their sheets, newest first: several, where there are several sheets
    or a row has left its sheet.
    """
    return _numbered(connection, batch_id, rows.c.number == number)


def rows_of_reference(connection: Connection, batch_id: int, reference: str) -> list[Numbered]:
    """The rows of a roll for which a request with this reference was sent that had no answer, newest first."""
    uncertain = and_(attempts.c.batch_id == batch_id, attempts.c.outcome.in_(attempt_rules.UNCERTAIN))
    sent = connection.execute(select(attempts.c.identity, attempts.c.content).where(uncertain)).all()
    payments = ((one.identity, serialization.payment(one.content)) for one in sent)
    identities = {identity for identity, payment in payments if payment and payment.reference_id == reference}
    return _numbered(connection, batch_id, rows.c.identity.in_(identities))


def _numbered(connection: Connection, batch_id: int, which: ColumnElement[bool]) -> list[Numbered]:
    sheets = _sheets(connection, batch_id)
    chosen = and_(roll.in_roll(batch_id), which)
    chunk = connection.execute(select(rows).where(chosen).order_by(rows.c.run_id.desc(), rows.c.id)).all()
    newest: dict[int, int] = {}
    for record in chunk:
        newest.setdefault(sheets[record.run_id].sheet_id, record.run_id)
    shown = _shown(connection, batch_id, chunk, sheets, _fitters(sheets))
    present = [record.run_id == newest[sheets[record.run_id].sheet_id] for record in chunk]
    return [*map(Numbered, (row for row in shown if not row.further), present)]


def _sheets(connection: Connection, batch_id: int) -> dict[int, Any]:
    """The accepted runs of a batch, oldest first."""
    chosen = select(runs).where(runs.c.id.in_(roll.accepted_runs(batch_id))).order_by(runs.c.id)
    return {run.id: run for run in connection.execute(chosen)}


def _fitters(sheets: Mapping[int, Any]) -> dict[int, CellsFitter]:
    columns = _columns_of(sheets)
    return {run_id: roll_rules.fitter(serialization.columns(run.columns), columns) for run_id, run in sheets.items()}


def _columns_of(sheets: Mapping[int, Any]) -> tuple[Column, ...]:
    """The columns of all sheets: those of the newest whole one come first."""
    newest_first = sorted(sheets.values(), key=lambda run: (run.partial, -run.id))
    return roll_rules.columns_of(serialization.columns(run.columns) for run in newest_first)


def _shown(
    connection: Connection,
    batch_id: int,
    chunk: Sequence[Any],
    sheets: Mapping[int, Any],
    fitters: Mapping[int, CellsFitter],
) -> list[ReportRow]:
    history = _histories(connection, batch_id, chunk)
    elsewhere = _requests_elsewhere(connection, chunk, history)
    shown: list[ReportRow] = []
    for record in chunk:
        run, tried = sheets[record.run_id], history.get(record.identity, [])
        row = _present(record, tried, run, of_roll=True, elsewhere=elsewhere.get(record.id))
        row = replace(row, row=fitters[record.run_id](row.row), file=record.came_from_file or run.file)
        shown += [row, *_further(connection, row, tried, sheets, fitters)]
    return _with_states(connection, shown)


def _further(
    connection: Connection,
    row: ReportRow,
    history: Sequence[Attempt],
    sheets: Mapping[int, Any],
    fitters: Mapping[int, CellsFitter],
) -> Iterator[ReportRow]:
    """The other requests under a row's key, each in the form in which it was sent where that is still known."""
    made = [one for one in history if one.outcome is Outcome.CREATED]
    same = (one for one in reversed(made) if one.session_id == row.session_id)
    shown = next((one for one in same if (one.settled_at or one.at) == row.created_at), None)
    for attempt in made:
        if attempt is shown:
            continue
        chosen = and_(rows.c.run_id == attempt.run, rows.c.number == attempt.row)
        record = connection.execute(select(rows).where(chosen)).first()
        run = sheets.get(attempt.run)
        if record is None or run is None:
            sent, payment, file = row.row, None, row.file
        else:
            sent = fitters[run.id](SheetRow(record.number, serialization.cells(record.cells), record.kinds))
            payment, file = serialization.payment(record.payment), record.came_from_file or run.file
        base_url = run.base_url if run is not None else next(iter(sheets.values())).base_url
        yield ReportRow(
            row=sent,
            status=Status.ALREADY_CREATED,
            payment=payment,
            amount=attempt.amount,
            session_id=attempt.session_id,
            launch_url=launch_url(base_url, attempt.session_id),
            notices=row_status.notices_of(attempt),
            reference_sent=attempt.reference_id,
            amount_sent=attempt.amount,
            attempts=0,
            created_at=attempt.settled_at or attempt.at,
            file=file,
            further=True,
            identity=row.identity,
        )


def _histories(connection: Connection, batch_id: int, chunk: Sequence[Any]) -> dict[str, list[Attempt]]:
    """The attempts of some rows, by their keys."""
    contents = {record.identity: record.fingerprint for record in chunk if record.identity}
    history = histories(connection, batch_id, contents, contents)
    mark_cancelled(connection, history, contents)
    return history


def _requests_elsewhere(
    connection: Connection, chunk: Sequence[Any], history: Mapping[str, Sequence[Attempt]]
) -> dict[int, Attempt]:
    """The requests of other batches whose ids rows carry, by row."""
    carried = {
        record.id: record.request_id
        for record in chunk
        if record.plan == "keep"
        and record.request_id
        and all(one.session_id != record.request_id for one in history.get(record.identity, ()))
    }
    made: dict[str, Attempt] = {}
    for some in batched(carried.values(), ASKED):
        chosen = select(*ATTEMPT_COLUMNS).where(attempts.c.session_id.in_(some))
        made |= {record.session_id: attempt_of(record) for record in connection.execute(chosen)}
    return {row_id: made[request_id] for row_id, request_id in carried.items() if request_id in made}


def _with_states(connection: Connection, shown: Sequence[ReportRow]) -> list[ReportRow]:
    """The same rows with what the API last said of their sessions."""
    known = states.latest(connection, (row.session_id for row in shown if row.session_id))
    return [
        replace(row, state=state, notices=(*row.notices, *notices(state, row.amount_sent)))
        if (state := known.get(row.session_id)) is not None
        else row
        for row in shown
    ]


# ---------------------------------------------------------------------------------------------------------------
# One row


def _present(
    record: Any, history: Sequence[Attempt], run: Any, *, of_roll: bool = False, elsewhere: Attempt | None = None
) -> ReportRow:
    planned = _planned(record)
    told = (
        row_status.status_of(planned, history, run.id, sends=run.purpose == "run")
        if elsewhere is None
        else RowStatus(Status.ALREADY_CREATED, elsewhere)
    )
    attempt = row_status.request_shown(told, history, of_roll=of_roll)
    latest = attempt or (history[-1] if history and told.status is not Status.HELD else None)
    made = attempt if attempt is not None and attempt.outcome is Outcome.CREATED else None
    return ReportRow(
        row=SheetRow(record.number, serialization.cells(record.cells), record.kinds),
        status=told.status,
        payment=planned.payment,
        amount=from_cents(record.amount_cents),
        session_id=made.session_id if made else "",
        launch_url=launch_url(run.base_url, made.session_id) if made and made.session_id else "",
        errors=told.errors,
        notices=(*serialization.faults(record.notices), *told.notices, *row_status.decided_before(history, attempt)),
        reference_sent=latest.reference_id if latest else None,
        amount_sent=latest.amount if latest else None,
        attempts=len(history),
        created_at=made.settled_at or made.at if made else None,
        file=run.file,
        identity=record.identity,
    )


def launch_url(base_url: str, session_id: str) -> str:
    """Where a payor pays a request."""
    return f"{base_url}/app/?sessionId={session_id}"


def _planned(record: Any) -> PlannedRow:
    fingerprint = bytes(record.fingerprint) if record.fingerprint is not None else None
    return PlannedRow(
        serialization.payment(record.payment),
        fingerprint,
        serialization.faults(record.faults),
        serialization.fault(record.hold),
        invalid=record.plan == "invalid",
    )


# ---------------------------------------------------------------------------------------------------------------
# The batches


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch in the list, by its roll. Cents are of CAD, times aware.

    `rows` are all rows, `created` the requests that were made, of which `cancelled` were cancelled; `unknown` are rows
    whose outcome is unknown, `never_asked` those without a request, of which `to_fix` are invalid or rejected.
    `last_run` is the last run that was accepted.
    """

    id: int
    name: str
    environment: str
    last_run: int | None
    last_run_at: datetime | None
    file: str
    rows: int
    created: int
    created_cents: int
    cancelled: int
    cancelled_cents: int
    unknown: int
    to_fix: int
    never_asked: int
    never_asked_cents: int
    purged_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchName:
    """A batch and the last of its runs that was accepted, with its beginning (aware)."""

    id: int
    name: str
    environment: str
    last_run: int
    last_run_at: datetime


def batch_names(connection: Connection) -> list[BatchName]:
    """All batches that were run, the one that was run last at the end."""
    last = select(runs.c.batch_id, func.max(runs.c.id).label("run")).where(_ACCEPTED).group_by(runs.c.batch_id)
    newest = last.subquery()
    statement = (
        select(batches.c.id, batches.c.name, batches.c.environment, newest.c.run, runs.c.started_at)
        .join(newest, newest.c.batch_id == batches.c.id)
        .join(runs, runs.c.id == newest.c.run)
        .order_by(runs.c.started_at, batches.c.id)
    )
    return [
        BatchName(line.id, line.name, line.environment, line.run, serialization.time(line.started_at))
        for line in connection.execute(statement)
    ]


_ACCEPTED: Final = and_(runs.c.purpose == "run", runs.c.accepted_at.is_not(None))


def batch_lines(connection: Connection, batch_ids: Sequence[int] | None = None) -> list[BatchLine]:
    """All batches that were run, or these of them, the one that was run last at the end."""
    made = attempts.c.outcome == Outcome.CREATED
    sums = (
        select(
            attempts.c.batch_id,
            func.count().filter(made).label("created"),
            func.sum(attempts.c.amount_cents).filter(made).label("cents"),
        )
        .where(_is_among(attempts.c.batch_id, batch_ids))
        .group_by(attempts.c.batch_id)
        .subquery()
    )
    newest = select(runs.c.batch_id, func.max(runs.c.id).label("run")).where(_ACCEPTED)
    last = newest.group_by(runs.c.batch_id).subquery()
    statement = (
        select(batches, sums.c.created, sums.c.cents, last.c.run, runs.c.started_at, runs.c.file)
        .join(last, last.c.batch_id == batches.c.id)
        .outerjoin(sums, sums.c.batch_id == batches.c.id)
        .outerjoin(runs, runs.c.id == last.c.run)
        .where(_is_among(batches.c.id, batch_ids))
        .order_by(runs.c.started_at, batches.c.id)
    )
    never, gone = _never_asked(connection, batch_ids), _cancelled(connection, batch_ids)
    unknown, rejections = _unknown(connection, batch_ids), _rejections(connection, batch_ids)
    return [
        BatchLine(
            id=line.id,
            name=line.name,
            environment=line.environment,
            last_run=line.run,
            last_run_at=serialization.time_or_none(line.started_at),
            file=line.file or "",
            rows=never[line.id].rows,
            created=line.created or 0,
            created_cents=int(line.cents or 0),
            cancelled=gone[line.id].rows,
            cancelled_cents=gone[line.id].cents,
            unknown=unknown[line.id],
            to_fix=never[line.id].invalid + rejections[line.id],
            never_asked=never[line.id].without,
            never_asked_cents=never[line.id].cents,
            purged_at=serialization.time_or_none(line.purged_at),
        )
        for line in connection.execute(statement)
    ]


def _is_among(batch_id: ColumnElement[int], batch_ids: Sequence[int] | None) -> ColumnElement[bool]:
    """Whether a record is of one of these batches; where none are named, of any."""
    return true() if batch_ids is None else batch_id.in_(batch_ids)


@dataclass(slots=True)
class _Count:
    """Rows, those of them that are `without` a request, and their cents; the `invalid` ones among these."""

    rows: int = 0
    without: int = 0
    invalid: int = 0
    cents: int = 0


def _never_asked(connection: Connection, batch_ids: Sequence[int] | None) -> dict[int, _Count]:
    """The rows of each batch's roll, and those under whose key nothing was created nor may have been."""
    asked = exists().where(
        attempts.c.batch_id == runs.c.batch_id,
        attempts.c.identity == rows.c.identity,
        attempts.c.outcome.in_(attempt_rules.EFFECTIVE),
    )
    carried = and_(rows.c.plan == "keep", rows.c.request_id != "")
    without = and_(~asked, ~carried).label("without")
    invalid = and_(rows.c.plan == "invalid", ~rows.c.left_out).label("invalid")
    # By groups: what is in a FILTER is found out once more for each of the figures.
    statement = (
        select(
            runs.c.batch_id, without, invalid, func.count().label("rows"), func.sum(rows.c.amount_cents).label("cents")
        )
        .join_from(rows, runs, runs.c.id == rows.c.run_id)
        .where(_ACCEPTED, rows.c.superseded_by.is_(None), _is_among(runs.c.batch_id, batch_ids))
        .group_by(runs.c.batch_id, without, invalid)
    )
    found: dict[int, _Count] = defaultdict(_Count)
    for group in connection.execute(statement):
        counted = found[group.batch_id]
        counted.rows += group.rows
        if group.without:
            counted.without += group.rows
            counted.invalid += group.rows if group.invalid else 0
            counted.cents += int(group.cents or 0)
    return found


def _cancelled(connection: Connection, batch_ids: Sequence[int] | None) -> dict[int, _Count]:
    """The requests of each batch that were cancelled."""
    word = func.lower(states_table.c.session_status)
    told = or_(word.like("cancel%"), func.lower(states_table.c.transactions).like("%cancel%"))
    said = select(states_table.c.session_id).where(told, _is_among(states_table.c.batch_id, batch_ids))
    statement = (
        select(attempts.c.batch_id, attempts.c.session_id, attempts.c.amount_cents)
        .where(attempts.c.session_id.in_(said), _is_among(attempts.c.batch_id, batch_ids))
        .where(attempts.c.outcome == Outcome.CREATED, attempts.c.session_id != "")
    )
    records = connection.execute(statement).all()
    gone = cancelled(connection, (record.session_id for record in records))
    found: dict[int, _Count] = defaultdict(_Count)
    for record in records:
        if record.session_id in gone:
            found[record.batch_id].rows += 1
            found[record.batch_id].cents += record.amount_cents or 0
    return found


def _unknown(connection: Connection, batch_ids: Sequence[int] | None) -> Counter[int]:
    """The rows of each batch whose outcome is unknown: a fold over the attempts of the few that may be."""
    statement = (
        select(attempts.c.batch_id, attempts.c.identity)
        .where(attempts.c.outcome.in_(attempt_rules.UNCERTAIN), _is_among(attempts.c.batch_id, batch_ids))
        .distinct()
    )
    perhaps = defaultdict(list)
    for record in connection.execute(statement):
        perhaps[record.batch_id].append(record.identity)
    return Counter({batch: len(_unknown_rows(connection, batch, keys)) for batch, keys in perhaps.items()})


def _rejections(connection: Connection, batch_ids: Sequence[int] | None) -> Counter[int]:
    """How many rows of each batch the API rejected as they are."""
    rejecting = select(attempts.c.batch_id).where(_WAS_REJECTED, _is_among(attempts.c.batch_id, batch_ids)).distinct()
    found = connection.scalars(rejecting).all()
    return Counter({batch: len(rejected(connection, batch, roll.in_roll(batch))) for batch in found})


def rejected(connection: Connection, batch_id: int, among: ColumnElement[bool]) -> dict[int, tuple[Fault, ...]]:
    """The rows `among` all of a batch that the API rejected as they are: why, by their ids."""
    keys = select(attempts.c.identity).where(attempts.c.batch_id == batch_id, _WAS_REJECTED)
    if connection.scalar(keys.limit(1)) is None:  # asked first: else all rows are walked to find out
        return {}
    found = connection.execute(select(rows).where(among, rows.c.identity.in_(keys))).all()
    history = _histories(connection, batch_id, found)
    folded = ((one.id, row_status.rejected(_planned(one), history.get(one.identity, []))) for one in found)
    return {row_id: reasons for row_id, reasons in folded if reasons is not None}


_WAS_REJECTED: Final = attempts.c.outcome == Outcome.REJECTED


def unknown_rows(connection: Connection, batch_id: int) -> list[int]:
    """The rows of a batch's roll whose outcome is unknown, by their ids."""
    uncertain = and_(attempts.c.batch_id == batch_id, attempts.c.outcome.in_(attempt_rules.UNCERTAIN))
    identities = connection.scalars(select(attempts.c.identity).where(uncertain).distinct()).all()
    return _unknown_rows(connection, batch_id, identities)


def _unknown_rows(connection: Connection, batch_id: int, identities: Sequence[str]) -> list[int]:
    """Those that have one of these keys."""
    unknown = []
    for some in batched(identities, ASKED):
        chosen = and_(roll.in_roll(batch_id), rows.c.identity.in_(some))
        found = connection.execute(select(rows).where(chosen)).all()
        history = _histories(connection, batch_id, found)
        unknown += [
            record.id for record in found if row_status.is_unknown(_planned(record), history.get(record.identity, []))
        ]
    return unknown


def why_held(connection: Connection, run: int) -> Iterator[Fault]:
    """Why each held row of a planned run is held."""
    found = connection.execute(select(rows.c.hold).where(rows.c.run_id == run, rows.c.plan == "hold"))
    return (fault for hold in found.scalars() if (fault := serialization.fault(hold)) is not None)
