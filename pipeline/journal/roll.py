"""The roll of a batch: all rows that any of its sheets ever had, each once, in its newest form.

Owns which row of a new sheet is the newer form of which earlier one. A row that no later sheet has stays in the roll. A
run's rows enter it when the run is accepted: what a guard refuses leaves the batch as it is.

- A row of a workbook of ours that is given back is the row with its number in the sheet that it came from, whatever was
  corrected in it; one that carries the id of a request is that request's row.
- Any other row is known by its identity, and in the same bytes by its number, where nobody was asked for it yet. Where
  it has none that lasts (no reference and never asked, or `--identity` is another now), it is the row of the same sheet
  with the same cells, else the one that stood in its place.

No two rows of a roll have one identity: each request has one row.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, or_, select, update

from pipeline.domain import attempt_rules, row_keys
from pipeline.domain import roll as roll_rules
from pipeline.domain.duplicates import repeated_identity
from pipeline.domain.model import Duplicate, Outcome, SourceFile
from pipeline.domain.roll import Form, GivenBack
from pipeline.journal import serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.tables import attempts, batches, rows, runs

CHUNK: Final = 5_000
"""Rows that are changed at a time."""

# Made once: SQLAlchemy takes longer to make an alias than a database to answer.
_EARLIER: Final = rows.alias("earlier")
_OTHER: Final = rows.alias("other")
_KEY: Final = attempts.alias("key")
_SHEET: Final = runs.alias("sheet")
_FORM: Final = (rows.c.id, rows.c.number, rows.c.cells)


@dataclass(frozen=True, slots=True)
class Staged:
    """A run whose rows are staged: its number, its batch, and the file that they came from."""

    run: int
    batch: int
    source: SourceFile
    may_adopt: bool = True
    """Whether a row may take over the key of its earlier form: not one that was sent already."""


def accepted_runs(batch_id: int) -> Any:
    """The runs whose sheets belong to a batch, as a subquery."""
    return select(runs.c.id).where(
        runs.c.batch_id == batch_id, runs.c.purpose == "run", runs.c.accepted_at.is_not(None)
    )


def in_roll(batch_id: int) -> ColumnElement[bool]:
    """Whether a row is in the roll of a batch."""
    return and_(rows.c.superseded_by.is_(None), rows.c.run_id.in_(accepted_runs(batch_id)))


def has_other_rows(connection: Connection, run_id: int) -> bool:
    """Whether the roll of a run's batch has rows that are not of this run."""
    batch_id = connection.scalars(select(runs.c.batch_id).where(runs.c.id == run_id)).one()
    return _has_rows(connection, batch_id, rows.c.run_id != run_id)


def _has_rows(connection: Connection, batch_id: int, *which: ColumnElement[bool]) -> bool:
    """Whether the roll of a batch has such rows.

    Asked run by run and in their order: for one question about all of them PostgreSQL walks the rows of all batches,
    since it expects to meet one of these soon.
    """
    for run in connection.scalars(accepted_runs(batch_id)).all():
        mine = select(rows.c.id).where(rows.c.run_id == run, rows.c.superseded_by.is_(None), *which)
        if connection.scalar(mine.order_by(rows.c.position).limit(1)) is not None:
            return True
    return False


def ids_of(connection: Connection, batch_id: int) -> array[int]:
    """The rows of a roll in the order of the batch's sheets and, within a sheet, of its numbers."""
    statement = (
        select(rows.c.id)
        .join(runs, runs.c.id == rows.c.run_id)
        .where(in_roll(batch_id))
        .order_by(runs.c.sheet_id, rows.c.number, rows.c.id)
    )
    return array("q", connection.execution_options(yield_per=CHUNK).execute(statement).scalars())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row of the roll stands: its number in the sheet `file` of a run.

    `present` says that no newer version of that sheet has another row with this number.
    """

    number: int
    file: str
    run: int
    present: bool


NOWHERE: Final = Place(0, "", 0, present=False)


def file_of(row: Any, run: Any) -> ColumnElement[str]:
    """The sheet in which a row has its number: not the workbook of ours in which it was given back."""
    return func.coalesce(func.nullif(row.c.came_from_file, ""), run.c.file).label("file")


def places(connection: Connection, batch_id: int) -> dict[str, Place]:
    """Where the rows of a roll that have a key stand, by their keys."""
    statement = (
        select(rows.c.identity, rows.c.number, rows.c.run_id, file_of(rows, runs), runs.c.sheet_id)
        .join(runs, runs.c.id == rows.c.run_id)
        .where(in_roll(batch_id))
        .order_by(rows.c.run_id.desc())
    )
    taken: dict[tuple[int, int], int] = {}
    found = {}
    for record in connection.execution_options(yield_per=CHUNK).execute(statement):
        newest = taken.setdefault((record.sheet_id, record.number), record.run_id)
        if record.identity:
            place = Place(record.number, record.file, record.run_id, present=newest == record.run_id)
            found[record.identity] = place
    return found


def accept(connection: Connection, run_id: int, now: datetime) -> None:
    """The rows of a run enter the roll of its batch, each in the place of its earlier form.

    In a workbook of ours also in that of another row that had its identity: see `refuse_taken_identities`.
    """
    pairs = connection.execute(
        select(rows.c.supersedes, rows.c.id).where(rows.c.run_id == run_id, rows.c.supersedes.is_not(None))
    ).all()
    _set(connection, "superseded_by", pairs)
    run = connection.execute(select(runs.c.batch_id, runs.c.partial).where(runs.c.id == run_id)).one()
    if run.partial:
        same = (
            select(_EARLIER.c.id, rows.c.id)
            .join_from(rows, _EARLIER, _EARLIER.c.identity == rows.c.identity)
            .where(rows.c.run_id == run_id, rows.c.identity != "", rows.c.supersedes.is_not(None))
            .where(_EARLIER.c.superseded_by.is_(None), _EARLIER.c.run_id.in_(accepted_runs(run.batch_id)))
        )
        _set(connection, "superseded_by", connection.execute(same).all())
    connection.execute(update(runs).where(runs.c.id == run_id).values(accepted_at=serialization.dump_time(now)))


# ---------------------------------------------------------------------------------------------------------------
# Rows of a workbook of ours


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The earlier form of a row: its place in the roll, its key, and whether that key has a request."""

    id: int
    identity: str
    asked: bool


def know_again(connection: Connection, staged: Staged) -> frozenset[int]:
    """Find the earlier forms of rows that say in our own columns which they are, before anything else is decided.

    Returns the rows whose keys are settled by that, so that no occurrence is counted for them.
    """
    carries = and_(rows.c.run_id == staged.run, or_(rows.c.came_from > 0, rows.c.request_id != ""))
    if not connection.scalar(select(exists().where(carries))):
        return frozenset()
    _know_requests_again(connection, staged)
    found = {**_by_number(connection, staged), **_by_request(connection, staged)}
    if not found:
        return frozenset()
    records = _records(connection, [*found, *(earlier.id for earlier in found.values())])
    given_back = (
        GivenBack(row, records[row].identity, earlier.id, records[earlier.id].identity, earlier.asked)
        for row, earlier in found.items()
    )
    changes, settled = [], set()
    for known in roll_rules.know_again(given_back, may_adopt=staged.may_adopt):
        if known.settled:
            settled.add(known.id)
        # A workbook of ours is no sheet: its rows stand where their earlier forms stand.
        is_ours = staged.source.partial and records[known.id].came_from
        at = records[known.earlier if is_ours else known.id]
        changes.append({"which": known.id, "key": known.key, "earlier": known.earlier, "at": at.number, "of": at.file})
    if not changes:
        return frozenset()
    values: dict[str, Any] = {"identity": bindparam("key"), "supersedes": bindparam("earlier")}
    values |= {"number": bindparam("at"), "came_from_file": bindparam("of")}
    connection.execute(update(rows).where(rows.c.id == bindparam("which")).values(**values), changes)
    return frozenset(settled)


def _records(connection: Connection, ids: Iterable[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for some in batched(ids, ASKED):
        chosen = select(rows.c.id, rows.c.identity, rows.c.superseded_by, rows.c.number, rows.c.came_from)
        chosen = chosen.add_columns(file_of(rows, runs))
        chosen = chosen.join(runs, runs.c.id == rows.c.run_id).where(rows.c.id.in_(some))
        found |= {record.id: record for record in connection.execute(chosen)}
    return found


def _by_number(connection: Connection, staged: Staged) -> dict[int, _Earlier]:
    """By the number, and where the workbook has several sheets' rows by the sheet's name, that a row carries."""
    mine = and_(rows.c.run_id == staged.run, rows.c.came_from > 0)
    found: dict[int, int] = {}
    origin = _origin(connection, staged)
    if origin is not None:
        same = and_(_EARLIER.c.run_id == origin, _EARLIER.c.number == rows.c.came_from)
        statement = select(rows.c.id, _EARLIER.c.id.label("earlier")).join_from(rows, _EARLIER, same)
        found = {record.id: record.earlier for record in connection.execute(statement.where(mine))}
    accepted = and_(_SHEET.c.batch_id == staged.batch, _SHEET.c.accepted_at.is_not(None))
    numbered = and_(_EARLIER.c.run_id == _SHEET.c.id, _EARLIER.c.number == rows.c.came_from)
    statement = (
        select(rows.c.id, _EARLIER.c.id.label("earlier"))
        .join_from(rows, _SHEET, accepted)
        .join(_EARLIER, and_(numbered, file_of(_EARLIER, _SHEET) == rows.c.came_from_file))
        .where(mine, rows.c.came_from_file != "", _EARLIER.c.superseded_by.is_(None))
        # The same identity is believed before a newer sheet: it comes last.
        .order_by(_EARLIER.c.identity == rows.c.identity, _EARLIER.c.run_id)
    )
    found |= {record.id: record.earlier for record in connection.execute(statement)}
    newest = _newest_forms(connection, found.values())
    return _described(connection, staged.batch, {row: newest[old] for row, old in found.items() if old in newest})


def _origin(connection: Connection, staged: Staged) -> int | None:
    """The run of the sheet whose numbers a workbook of ours has: the one that it names, else the last with that file,
    else the last with a sheet of its own.
    """
    if not (staged.source.began or staged.source.digest or staged.source.partial):
        return None
    past = select(runs.c.id).where(runs.c.id.in_(accepted_runs(staged.batch)), runs.c.id != staged.run)
    newest = past.order_by(runs.c.id.desc()).limit(1)
    ways = [newest.where(runs.c.started_at == staged.source.began)] if staged.source.began else []
    ways += [newest.where(runs.c.sha256 == staged.source.digest)] if staged.source.digest else []
    ways += [newest.where(runs.c.partial.is_(False))]
    return next((found for way in ways if (found := connection.scalar(way)) is not None), None)


def _newest_forms(connection: Connection, ids: Iterable[int]) -> dict[int, int]:
    """Row -> its newest form, for those that are in the roll or were superseded."""
    newest = {old: old for old in ids}
    while True:
        records = _records(connection, set(newest.values()))
        later = {row.id: row.superseded_by for row in records.values() if row.superseded_by is not None}
        if not later:
            return {old: now for old, now in newest.items() if now in records}
        newest = {old: later.get(now, now) for old, now in newest.items()}


def forms(connection: Connection, ids: Iterable[int]) -> dict[int, list[tuple[int, bool]]]:
    """Of each row the runs that had it, the newest first, and whether each was of a workbook of ours.

    A purge removes all forms but the newest.
    """
    found: dict[int, list[tuple[int, bool]]] = {row: [] for row in ids}
    now = {row: row for row in found}
    while now:
        records: dict[int, Any] = {}
        for some in batched(now.values(), ASKED):
            chosen = select(rows.c.id, rows.c.supersedes, rows.c.run_id, runs.c.partial)
            chosen = chosen.join(runs, runs.c.id == rows.c.run_id).where(rows.c.id.in_(some))
            records |= {record.id: record for record in connection.execute(chosen)}
        there = {row: records[form] for row, form in now.items() if form in records}
        for row, record in there.items():
            found[row].append((record.run_id, bool(record.partial)))
        now = {row: record.supersedes for row, record in there.items() if record.supersedes is not None}
    return found


def _described(connection: Connection, batch_id: int, found: dict[int, int]) -> dict[int, _Earlier]:
    records = _records(connection, found.values())
    asked: set[str] = set()
    for some in batched((record.identity for record in records.values() if record.identity), ASKED):
        effective = and_(attempts.c.batch_id == batch_id, attempts.c.outcome.in_(attempt_rules.EFFECTIVE))
        asked.update(connection.scalars(select(attempts.c.identity).where(effective, attempts.c.identity.in_(some))))
    return {
        row: _Earlier(old, records[old].identity, records[old].identity in asked)
        for row, old in found.items()
        if old in records
    }


def _by_request(connection: Connection, staged: Staged) -> dict[int, _Earlier]:
    """By the request whose id a row carries, of this batch."""
    newest = and_(_EARLIER.c.superseded_by.is_(None), _EARLIER.c.run_id.in_(accepted_runs(staged.batch)))
    statement = (
        select(rows.c.id, _EARLIER.c.id.label("earlier"), _EARLIER.c.identity)
        .join_from(rows, _KEY, and_(_KEY.c.session_id == rows.c.request_id, _KEY.c.batch_id == staged.batch))
        .join(_EARLIER, and_(_EARLIER.c.identity == _KEY.c.identity, newest))
        .where(rows.c.run_id == staged.run, rows.c.request_id != "", _EARLIER.c.run_id != staged.run)
    )
    return {
        record.id: _Earlier(record.earlier, record.identity, asked=True) for record in connection.execute(statement)
    }


def _know_requests_again(connection: Connection, staged: Staged) -> None:
    """A row that carries the id of a request of this journal is that request's: what it asks for was asked for.

    Its content becomes what was sent where it asks for the same (`asks_the_same`); another content stays, and is held.
    An id that this journal does not know says nothing.
    """
    environment = select(batches.c.environment).where(batches.c.id == staged.batch).scalar_subquery()
    statement = (
        select(
            rows.c.id,
            rows.c.payment,
            attempts.c.batch_id,
            attempts.c.content,
            attempts.c.fingerprint,
            attempts.c.intended_at,
            attempts.c.outcome,
            attempts.c.session_id,
            batches.c.name,
        )
        .join_from(rows, attempts, attempts.c.session_id == rows.c.request_id)
        .join(batches, batches.c.id == attempts.c.batch_id)
        .where(rows.c.run_id == staged.run, rows.c.request_id != "", batches.c.environment == environment)
    )
    changes: list[dict[str, Any]] = []
    for record in connection.execute(statement):
        here = record.batch_id == staged.batch
        sent, now = serialization.payment(record.content), serialization.payment(record.payment)
        if roll_rules.asks_the_same(now, sent):
            change = {"payment": record.content, "fingerprint": record.fingerprint, "plan": "send" if here else "keep"}
            changes.append({"which": record.id, **change, "faults": serialization.EMPTY, "hold": None})
        elif not here and sent is not None and now is not None:
            at, sent_as, content = serialization.time(record.intended_at), bytes(record.fingerprint), now.fingerprint()
            repeat = Duplicate(
                record.name, at, Outcome(record.outcome), record.session_id, sent_as, summary=sent.describe()
            )
            why = serialization.dump(attempt_rules.repeated([repeat], content, now.describe()))
            change = {"payment": record.payment, "fingerprint": content, "plan": "hold"}
            changes.append({"which": record.id, **change, "faults": serialization.EMPTY, "hold": why})
    if changes:
        new: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in ("payment", "fingerprint", "plan", "faults", "hold")
        }
        given = [{"which": one.pop("which"), **{f"new_{name}": told for name, told in one.items()}} for one in changes]
        connection.execute(update(rows).where(rows.c.id == bindparam("which")).values(**new), given)


def refuse_taken_identities(connection: Connection, staged: Staged) -> None:
    """A row that is one row of the batch by its number and another by its identity repeats that other one.

    Not where that other row is in this sheet too, under another identity now; nor where it was held since a spreadsheet
    had rewritten its reference, and has the right one again: then both are one row (`accept`).
    """
    # Not joined: PostgreSQL would walk the rows of all batches to find these few.
    held = select(_OTHER.c.hold).where(_OTHER.c.id == rows.c.supersedes).correlate(rows).scalar_subquery()
    restored = and_(held.contains('"held-rewritten"'), _EARLIER.c.fingerprint == rows.c.fingerprint)
    statement = (
        select(rows.c.id, rows.c.faults, _EARLIER.c.number)
        .join_from(rows, _EARLIER, and_(_EARLIER.c.identity == rows.c.identity, _EARLIER.c.id != rows.c.supersedes))
        .where(
            rows.c.run_id == staged.run,
            rows.c.identity != "",
            rows.c.supersedes.is_not(None),
            _EARLIER.c.superseded_by.is_(None),
            _EARLIER.c.run_id.in_(accepted_runs(staged.batch)),
            _EARLIER.c.id.not_in(_superseded(staged.run)),
            ~func.coalesce(restored, False),
        )
    )
    changes = []
    for record in connection.execute(statement):
        fault = repeated_identity(record.number)
        changes.append(
            {"which": record.id, "found": serialization.dump_faults((*serialization.faults(record.faults), fault))}
        )
    if changes:
        changed = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(changed.values(faults=bindparam("found"), plan="invalid", identity=""), changes)


# ---------------------------------------------------------------------------------------------------------------
# Any other row


def find_earlier_forms(connection: Connection, staged: Staged) -> None:
    """Find the earlier form of every row that has one, and which of the batch's sheets this is."""
    if _has_rows(connection, staged.batch):
        _by_identity(connection, staged)
        _by_number_in_same_file(connection, staged)
        sheet = _sheet_of(connection, staged)
        if sheet is not None and not staged.source.partial:
            _by_faulty_form(connection, staged, sheet)
            _by_place(connection, staged, sheet)
    else:
        sheet = None
    values = {"sheet_id": sheet or staged.run, "partial": staged.source.partial}
    connection.execute(update(runs).where(runs.c.id == staged.run).values(values))


def _by_identity(connection: Connection, staged: Staged) -> None:
    # By their numbers: of a subquery PostgreSQL supposes that it gives every run, and walks all rows there are.
    accepted = connection.scalars(accepted_runs(staged.batch)).all()
    pairs = connection.execute(
        select(rows.c.id, _EARLIER.c.id)
        .join_from(rows, _EARLIER, _EARLIER.c.identity == rows.c.identity)
        .where(
            rows.c.run_id == staged.run,
            rows.c.identity != "",
            rows.c.supersedes.is_(None),
            _EARLIER.c.superseded_by.is_(None),
            _EARLIER.c.run_id.in_(accepted),
            _EARLIER.c.id.not_in(_superseded(staged.run)),
        )
    ).all()
    _set(connection, "supersedes", pairs)


def _by_number_in_same_file(connection: Connection, staged: Staged) -> None:
    """Rows of the very same bytes that a person corrected beside the file: also with another reference each is the row
    of its number, where no request was created for that nor may have been.
    """
    asked = exists().where(
        _KEY.c.batch_id == staged.batch,
        _KEY.c.identity == rows.c.identity,
        _KEY.c.outcome.in_(attempt_rules.EFFECTIVE),
    )
    same_file = and_(runs.c.sha256 == staged.source.sha256, runs.c.sheet == staged.source.sheet)
    before = connection.execute(
        select(rows.c.number, func.min(rows.c.id))
        .join(runs, runs.c.id == rows.c.run_id)
        .where(in_roll(staged.batch), same_file, rows.c.identity != "", ~asked)
        .where(rows.c.id.not_in(_superseded(staged.run)))
        .group_by(rows.c.number)
        .having(func.count() == 1)
    ).all()
    if not before:
        return
    earlier: dict[int, int] = dict(map(tuple, before))
    now = connection.execute(
        select(rows.c.number, rows.c.id).where(rows.c.run_id == staged.run, rows.c.supersedes.is_(None))
    ).all()
    numbers = Counter(one.number for one in now)
    pairs = [(one.id, earlier[one.number]) for one in now if one.number in earlier and numbers[one.number] == 1]
    _set(connection, "supersedes", pairs)


def _superseded(run_id: int) -> Any:
    """The rows of which a run has a newer form, as a subquery."""
    return select(_OTHER.c.supersedes).where(_OTHER.c.run_id == run_id, _OTHER.c.supersedes.is_not(None))


def _sheet_of(connection: Connection, staged: Staged) -> int | None:
    """The run that first brought this sheet, in whatever version, None for a new one.

    A workbook of ours is of the sheet that its rows came from. Another file is the same sheet when it has the same
    name, whatever its format, or at least half of the rows.
    """
    if staged.source.partial:
        origin = _origin(connection, staged)
        return connection.scalar(select(runs.c.sheet_id).where(runs.c.id == origin)) if origin is not None else None
    earlier = connection.execute(
        select(runs.c.sheet_id, runs.c.file, runs.c.sheet)
        .where(runs.c.id.in_(accepted_runs(staged.batch)), runs.c.partial.is_(False))
        .order_by(runs.c.id.desc())
    ).all()
    for run in earlier:
        if roll_rules.is_same_file(SourceFile(run.file, "", run.sheet), staged.source):
            return int(run.sheet_id)
    counted: dict[int, int] = dict(
        connection.execute(
            select(runs.c.sheet_id, func.count())
            .join_from(rows, runs, runs.c.id == rows.c.run_id)
            .where(in_roll(staged.batch))
            .group_by(runs.c.sheet_id)
        ).all()
    )
    found = connection.execute(
        select(runs.c.sheet_id, func.count())
        .join_from(rows, runs, runs.c.id == rows.c.run_id)
        .where(rows.c.id.in_(_superseded(staged.run)))
        .group_by(runs.c.sheet_id)
        .order_by(func.count().desc())
    ).first()
    return int(found[0]) if found is not None and 2 * found[1] >= counted.get(found[0], 0) else None


def _by_faulty_form(connection: Connection, staged: Staged, sheet: int) -> None:
    """A faulty row without a name that stands as it always stood in the user's sheet, though it was corrected in a
    workbook of ours and asked for: it is that row, with its request.
    """
    nameless = and_(rows.c.identity == "", rows.c.supersedes.is_(None), rows.c.run_id == staged.run)
    now = connection.execute(select(*_FORM).where(nameless).order_by(rows.c.position)).all()
    if not now:
        return
    former = connection.execute(
        select(*_FORM)
        .join(runs, runs.c.id == rows.c.run_id)
        .where(runs.c.batch_id == staged.batch, runs.c.sheet_id == sheet)
        .where(rows.c.identity == "", rows.c.superseded_by.is_not(None))
        .order_by(rows.c.id)
    ).all()
    earlier = _described(connection, staged.batch, _newest_forms(connection, [form.id for form in former]))
    taken = set(connection.scalars(_superseded(staged.run)))
    waiting: list[Form] = []
    for form in former:
        found = earlier.get(form.id)
        if found is not None and found.asked and found.id not in taken:
            taken.add(found.id)
            waiting.append(_form(form))
    changes = [
        {"which": row, "key": earlier[old].identity, "earlier": earlier[old].id}
        for row, old in roll_rules.pair_cells(map(_form, now), waiting)
    ]
    if changes:
        statement = update(rows).where(rows.c.id == bindparam("which"))
        connection.execute(statement.values(identity=bindparam("key"), supersedes=bindparam("earlier")), changes)


def _by_place(connection: Connection, staged: Staged, sheet: int) -> None:
    """Rows without an identity that lasts: the same cells, else the same place, of rows that nothing else matched."""
    identity = select(runs.c.identity).where(runs.c.id == staged.run).scalar_subquery()
    tried = exists().where(_KEY.c.batch_id == staged.batch, _KEY.c.identity == rows.c.identity)
    nameless = or_(rows.c.identity == "", rows.c.identity.startswith(row_keys.HASHED), runs.c.identity != identity)
    before = connection.execute(
        select(*_FORM)
        .join(runs, runs.c.id == rows.c.run_id)
        .where(in_roll(staged.batch), runs.c.sheet_id == sheet, nameless, ~tried)
        .where(rows.c.id.not_in(_superseded(staged.run)))
        .order_by(rows.c.run_id, rows.c.position)
    ).all()
    if not before:
        return
    now = connection.execute(
        select(*_FORM).where(rows.c.run_id == staged.run, rows.c.supersedes.is_(None)).order_by(rows.c.position)
    ).all()
    pairs = roll_rules.pair_forms(map(_form, now), map(_form, before))
    _set(connection, "supersedes", list(pairs))


def _form(row: Any) -> Form:
    return Form(row.id, row.number, serialization.cells(row.cells))


def _set(connection: Connection, name: str, pairs: Sequence[Any]) -> None:
    """Set a column of some rows: `pairs` are rows and values."""
    statement = update(rows).where(rows.c.id == bindparam("which")).values({name: bindparam("value")})
    left = iter(pairs)
    while some := [{"which": pair[0], "value": pair[1]} for pair in islice(left, CHUNK)]:
        connection.execute(statement, some)


# ---------------------------------------------------------------------------------------------------------------
# Journals of before


def take_over(connection: Connection) -> None:
    """Make the rolls of a journal that had none: its runs, one after the other, as if each came now.

    A sheet belongs to its batch when its run came to an end that was no refusal, or sent something. Workbooks of ours
    that were given back are known by their names; their rows have their numbers in the sheet that they came from.
    """
    sent = exists().where(attempts.c.run_id == runs.c.id)
    refused = runs.c.exit_code.in_((2, 3))
    took_effect = and_(
        runs.c.purpose == "run", runs.c.staged_at.is_not(None), or_(~func.coalesce(refused, False), sent)
    )
    for run in connection.execute(select(runs).where(took_effect).order_by(runs.c.id)).all():
        partial = _OF_OURS.search(PurePath(run.file).stem) is not None
        staged = Staged(run.id, run.batch_id, SourceFile(run.file, run.sha256, run.sheet, partial=partial))
        if partial:
            _number_as_given_back(connection, run.id, run.batch_id)
            know_again(connection, replace(staged, may_adopt=False))
        find_earlier_forms(connection, staged)
        accept(connection, run.id, serialization.time(run.staged_at))


def _number_as_given_back(connection: Connection, run_id: int, batch_id: int) -> None:
    """The rows of a workbook of ours are those with their numbers; one that only repeated another row has no key."""
    repeats = exists().where(
        rows.c.identity != "",
        _OTHER.c.identity == rows.c.identity,
        _OTHER.c.number != rows.c.number,
        _OTHER.c.superseded_by.is_(None),
        _OTHER.c.run_id.in_(accepted_runs(batch_id)),
    )
    sent = exists().where(_KEY.c.run_id == run_id, _KEY.c.identity == rows.c.identity)
    mine = rows.c.run_id == run_id
    connection.execute(update(rows).where(mine, repeats, ~sent).values(identity=""))
    connection.execute(update(rows).where(mine, ~repeats).values(came_from=rows.c.number))


_OF_OURS: Final = re.compile(r"[.]results(?: \([0-9]+\))?$")
