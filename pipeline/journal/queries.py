"""What the journal tells: every row of a run as it stands now, and the batches.

The one place where the rows of a batch's roll are told. The workbook after a crash,
after `run` and weeks later, when the input file is gone, is made by these lines.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, exists, func, or_, select

from pipeline.domain import attempt_rules, row_status
from pipeline.domain.model import Attempt, Column, Outcome, Report, ReportRow, SheetRow, Source, Status, kind_of
from pipeline.domain.row_status import PlannedRow, RowStatus
from pipeline.domain.session_states import notices
from pipeline.journal import roll, serialization, states
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.attempts import ATTEMPT_COLUMNS, attempt_of, cancelled, histories, mark_cancelled
from pipeline.journal.tables import attempts, batches, rows, runs
from pipeline.journal.tables import states as states_table
from schemas.money import from_cents

CHUNK: Final = 2_000
"""Rows that are in memory at a time."""


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
        columns=serialization.columns(found.columns),
        started_at=serialization.time(found.started_at),
        ended_at=serialization.time_or_none(found.ended_at),
        identity=tuple(serialization.cells(found.identity)),
        controls=serialization.controls(found.controls),
        notices=serialization.faults(found.notices),
        stopped=found.stopped,
        stopped_details=serialization.details(found.stopped_details),
        dry_run=found.purpose != "run",
        approval=serialization.approval(found.approval),
        asked_at=asked_at,
    )


def report_rows(engine: Engine, run_id: int) -> Iterator[ReportRow]:
    """The rows of a run in the sheet's order, as they stand now; a chunk in memory at a time."""
    with engine.connect().execution_options(reading=True) as connection:
        run = connection.execute(select(runs).where(runs.c.id == run_id)).one()
        followed = states.asked_at(connection, run.batch_id) is not None
    position = 0
    while True:
        beyond = position + CHUNK
        with engine.connect().execution_options(reading=True) as connection:
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


def roll_report(engine: Engine, batch_id: int) -> Report:
    """What is said about a batch as a whole: its last run, and the columns of all its sheets.

    Raises LookupError when no sheet of it was accepted.
    """
    with engine.connect().execution_options(reading=True) as connection:
        sheets = _sheets(connection, batch_id)
    if not sheets:
        raise LookupError(batch_id)
    return replace(report(engine, max(sheets)), columns=_columns_of(sheets.values()), roll=True)


def roll_rows(engine: Engine, batch_id: int) -> Iterator[ReportRow]:
    """Every row of a batch's roll as it stands now, in the order of its sheets; a chunk in memory at a time.

    Cells stand in the columns of `roll_report`. A row that is held or invalid now shows the request that it has from
    before; what else was requested under its key follows it as `further` rows.
    """
    with engine.connect().execution_options(reading=True) as connection:
        sheets = _sheets(connection, batch_id)
        ids = roll.ids_of(connection, batch_id)
    fitters = _fitters(sheets)
    for at in range(0, len(ids), ASKED):
        wanted = ids[at : at + ASKED].tolist()
        with engine.connect().execution_options(reading=True) as connection:
            found = {record.id: record for record in connection.execute(select(rows).where(rows.c.id.in_(wanted)))}
            chunk = [found[row_id] for row_id in wanted if row_id in found]
            shown = _shown(connection, batch_id, chunk, sheets, fitters)
        yield from shown


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row of the roll that bears a number. `present` says that the newest version of its sheet still has it."""

    row: ReportRow
    present: bool


def rows_of_number(engine: Engine, batch_id: int, number: int) -> list[Numbered]:
    """The rows of a roll that bear this number in their sheets, newest first: several, where there are several sheets
    or a row has left its sheet.
    """
    with engine.connect().execution_options(reading=True) as connection:
        sheets = _sheets(connection, batch_id)
        chosen = and_(roll.in_roll(batch_id), rows.c.number == number)
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


def _columns_of(sheets: Iterable[Any]) -> tuple[Column, ...]:
    """The columns of all sheets: those of the newest whole one, then what others have besides, by heading and field."""
    newest_first = sorted(sheets, key=lambda run: (run.partial, -run.id))
    found: dict[object, Column] = {}
    for run in newest_first:
        for sign, column in _signed(serialization.columns(run.columns)):
            found.setdefault(sign, replace(column, index=len(found)))
    return tuple(found.values())


def _signed(columns: Iterable[Column]) -> Iterator[tuple[object, Column]]:
    """Each column with what it is known by in another sheet: heading, field, and which of equal ones it is."""
    counted: Counter[object] = Counter()
    for column in columns:
        sign = column.heading.strip(), column.field
        counted[sign] += 1
        yield (sign, counted[sign]), column


@dataclass(frozen=True, slots=True)
class _Fitter:
    """Puts the cells of one sheet's rows into the columns of the roll. `places` are the roll's, None where equal."""

    width: int
    places: tuple[int, ...] | None

    def __call__(self, row: SheetRow) -> SheetRow:
        if self.places is None:
            return row
        cells, kinds = [""] * self.width, ["s"] * self.width
        for place, cell, kind in zip(self.places, row.cells, row.kinds, strict=False):
            # How a cell differs from its column is known of its own sheet only.
            cells[place], kinds[place] = cell, kind_of(kind)
        return replace(row, cells=tuple(cells), kinds="".join(kinds))


def _fitters(sheets: Mapping[int, Any]) -> dict[int, _Fitter]:
    columns = _columns_of(sheets.values())
    at = {sign: column.index for sign, column in _signed(columns)}
    fitters = {}
    for run_id, run in sheets.items():
        own = serialization.columns(run.columns)
        same = own == columns
        places = None if same else tuple(at[sign] for sign, _ in _signed(own))
        fitters[run_id] = _Fitter(len(columns), places)
    return fitters


def _shown(
    connection: Connection,
    batch_id: int,
    chunk: Sequence[Any],
    sheets: Mapping[int, Any],
    fitters: Mapping[int, _Fitter],
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
    fitters: Mapping[int, _Fitter],
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
            launch_url=_launch_url(base_url, attempt.session_id),
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
        launch_url=_launch_url(run.base_url, made.session_id) if made and made.session_id else "",
        errors=told.errors,
        notices=(*serialization.faults(record.notices), *told.notices, *row_status.decided_before(history, attempt)),
        reference_sent=latest.reference_id if latest else None,
        amount_sent=latest.amount if latest else None,
        attempts=len(history),
        created_at=made.settled_at or made.at if made else None,
        file=run.file,
        identity=record.identity,
    )


def _launch_url(base_url: str, session_id: str) -> str:
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
    whose outcome is unknown, `never_asked` those without a request. `last_run` is the last run that was accepted.
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
    never_asked: int
    never_asked_cents: int
    purged_at: datetime | None


def batch_lines(engine: Engine) -> list[BatchLine]:
    """All batches of the journal, the one that was run last at the end."""
    made = attempts.c.outcome == Outcome.CREATED
    sums = (
        select(
            attempts.c.batch_id,
            func.count().filter(made).label("created"),
            func.sum(attempts.c.amount_cents).filter(made).label("cents"),
        )
        .group_by(attempts.c.batch_id)
        .subquery()
    )
    accepted = and_(runs.c.purpose == "run", runs.c.accepted_at.is_not(None))
    newest = select(runs.c.batch_id, func.max(runs.c.id).label("run")).where(accepted)
    last = newest.group_by(runs.c.batch_id).subquery()
    statement = (
        select(batches, sums.c.created, sums.c.cents, last.c.run, runs.c.started_at, runs.c.file)
        .join(last, last.c.batch_id == batches.c.id)
        .outerjoin(sums, sums.c.batch_id == batches.c.id)
        .outerjoin(runs, runs.c.id == last.c.run)
        .order_by(runs.c.started_at, batches.c.id)
    )
    with engine.connect().execution_options(reading=True) as connection:
        never, gone, unknown = _never_asked(connection), _cancelled(connection), _unknown(connection)
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
                never_asked=never[line.id].without,
                never_asked_cents=never[line.id].cents,
                purged_at=serialization.time_or_none(line.purged_at),
            )
            for line in connection.execute(statement)
        ]


@dataclass(slots=True)
class _Count:
    """Rows, those of them that are `without` a request, and cents."""

    rows: int = 0
    without: int = 0
    cents: int = 0


def _never_asked(connection: Connection) -> dict[int, _Count]:
    """The rows of each batch's roll, and those under whose key nothing was created nor may have been."""
    asked = exists().where(
        attempts.c.batch_id == runs.c.batch_id,
        attempts.c.identity == rows.c.identity,
        attempts.c.outcome.in_(roll.EFFECTIVE),
    )
    carried = and_(rows.c.plan == "keep", rows.c.request_id != "")
    without = and_(~asked, ~carried)
    statement = (
        select(
            runs.c.batch_id,
            func.count().label("rows"),
            func.count().filter(without).label("without"),
            func.sum(rows.c.amount_cents).filter(without).label("cents"),
        )
        .join_from(rows, runs, runs.c.id == rows.c.run_id)
        .where(runs.c.purpose == "run", runs.c.accepted_at.is_not(None), rows.c.superseded_by.is_(None))
        .group_by(runs.c.batch_id)
    )
    found: dict[int, _Count] = defaultdict(_Count)
    for line in connection.execute(statement):
        found[line.batch_id] = _Count(line.rows, line.without or 0, int(line.cents or 0))
    return found


def _cancelled(connection: Connection) -> dict[int, _Count]:
    """The requests of each batch that were cancelled."""
    word = func.lower(states_table.c.session_status)
    told = or_(word.like("cancel%"), func.lower(states_table.c.transactions).like("%cancel%"))
    statement = (
        select(attempts.c.batch_id, attempts.c.session_id, attempts.c.amount_cents)
        .where(attempts.c.session_id.in_(select(states_table.c.session_id).where(told)))
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


def _unknown(connection: Connection) -> Counter[int]:
    """The rows of each batch whose outcome is unknown: a fold over the attempts of the few that may be."""
    statement = (
        select(attempts.c.batch_id, attempts.c.identity)
        .where(attempts.c.outcome.in_(attempt_rules.UNCERTAIN))
        .distinct()
    )
    perhaps = defaultdict(list)
    for record in connection.execute(statement):
        perhaps[record.batch_id].append(record.identity)
    counted: Counter[int] = Counter()
    for batch_id, identities in perhaps.items():
        for some in batched(identities, ASKED):
            chosen = and_(roll.in_roll(batch_id), rows.c.identity.in_(some))
            found = connection.execute(select(rows).where(chosen)).all()
            history = _histories(connection, batch_id, found)
            counted[batch_id] += sum(
                row_status.is_unknown(_planned(record), history.get(record.identity, [])) for record in found
            )
    return counted
