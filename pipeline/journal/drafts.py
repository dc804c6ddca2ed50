"""Drafts: sheets by their bytes, how each is read, and what was corrected in it or left out of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.domain.drafts import Choices, Correction, Decision, LeftOut, Overlay, Subject, in_force, newest
from pipeline.domain.model import SourceFile
from pipeline.domain.personal_data import HIDDEN
from pipeline.journal import roll, serialization
from pipeline.journal import runs as run_verbs
from pipeline.journal.journal import Batch
from pipeline.journal.tables import batches, corrections, draft_decisions, drafts, left_out_rows, runs

_NOBODY: Final = "-"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft. `batch` is the name that somebody chose for its batch, "" for none; `run` the one in which its rows are
    staged, None for none. Times are aware.
    """

    id: int
    environment: str
    sha256: str
    file: str
    batch: str
    choices: Choices
    made_by: str
    made_at: datetime
    changed_by: str
    changed_at: datetime
    run: int | None


def find(connection: Connection, environment: str, sha256: str) -> Draft | None:
    """The draft of a sheet with these bytes, if there is one."""
    chosen = and_(drafts.c.environment == environment, drafts.c.sha256 == sha256)
    record = connection.execute(select(drafts).where(chosen)).one_or_none()
    return _draft(record) if record is not None else None


def get(connection: Connection, draft_id: int) -> Draft | None:
    """The draft with this number, None when somebody discarded it."""
    record = connection.execute(select(drafts).where(drafts.c.id == draft_id)).one_or_none()
    return _draft(record) if record is not None else None


def of_environment(connection: Connection, environment: str) -> list[Draft]:
    """The drafts of an environment, the one that was changed last first."""
    chosen = select(drafts).where(drafts.c.environment == environment)
    return [_draft(one) for one in connection.execute(chosen.order_by(drafts.c.changed_at.desc(), drafts.c.id))]


def unsent(connection: Connection, environment: str) -> list[Draft]:
    """The drafts of an environment that were not sent as their batch, the one that was changed last first."""
    return [one for one in of_environment(connection, environment) if not _was_sent(connection, one)]


def ensure(connection: Connection, environment: str, sha256: str, file: str, by: tuple[str, datetime]) -> Draft:
    """The draft of a sheet with these bytes, made when it is not there. `by` is who does it, and when."""
    found = find(connection, environment, sha256)
    if found is None:
        who, at = by[0], serialization.dump_time(by[1])
        values = {"environment": environment, "sha256": sha256, "file": file, "batch": "", "choices": "{}"}
        values |= {"made_by": who, "made_at": at, "changed_by": who, "changed_at": at}
        with suppress(IntegrityError), connection.begin_nested():  # somebody else has just dropped the same
            connection.execute(insert(drafts).values(values))
        found = find(connection, environment, sha256)
    assert found is not None
    return found


def choose(connection: Connection, draft_id: int, batch: str, choices: Choices, by: tuple[str, datetime]) -> None:
    """Keep the name of a draft's batch, and how its sheet is read."""
    values = {"batch": batch, "choices": serialization.dump(choices)}
    connection.execute(update(drafts).where(drafts.c.id == draft_id).values(values))
    _touch(connection, draft_id, by)


def keep_run(connection: Connection, draft_id: int, run: int) -> None:
    """A draft is staged in this run now; the rows of the one before are removed."""
    before = connection.scalar(select(drafts.c.run_id).where(drafts.c.id == draft_id))
    connection.execute(update(drafts).where(drafts.c.id == draft_id).values(run_id=run))
    if before is not None:
        run_verbs.delete_rehearsal(connection, before)
    run_verbs.analyse(connection, run)


def correct(connection: Connection, draft_id: int, made: Iterable[Correction]) -> None:
    """Keep some corrections; one that a cell has by now, as when a form comes twice, is none."""
    last = {(one.sheet, one.row, one.column): one.after for one in corrections_of(connection, [draft_id])}
    given = [one for one in made if last.get((one.sheet, one.row, one.column)) != one.after]
    values = [
        {
            "draft_id": draft_id,
            "sheet": one.sheet,
            "row_number": one.row,
            "column_index": one.column,
            "heading": one.heading,
            "before": one.before,
            "after": one.after,
            "who": one.who,
            "corrected_at": serialization.dump_time(one.at),
        }
        for one in given
    ]
    if given:
        connection.execute(insert(corrections), values)
        _touch(connection, draft_id, (given[-1].who, given[-1].at))


def leave_out(connection: Connection, draft_id: int, one: LeftOut) -> None:
    """Keep that a row is left out, or is not any more."""
    at = serialization.dump_time(one.at)
    values = {"draft_id": draft_id, "sheet": one.sheet, "row_number": one.row, "out": one.out}
    values |= {"reason": one.reason, "who": one.who, "decided_at": at}
    connection.execute(insert(left_out_rows).values(values))
    _touch(connection, draft_id, (one.who, one.at))


def decide(connection: Connection, draft_id: int, made: Iterable[Decision]) -> None:
    """Keep some decisions about a draft."""
    given = [*made]
    values = [
        {
            "draft_id": draft_id,
            "subject": one.subject,
            "about": one.about,
            "holds": one.holds,
            "value": one.value,
            "who": one.who,
            "decided_at": serialization.dump_time(one.at),
        }
        for one in given
    ]
    if given:
        connection.execute(insert(draft_decisions), values)
        _touch(connection, draft_id, (given[-1].who, given[-1].at))


def decided(connection: Connection, draft_id: int, subject: Subject) -> dict[str, Decision]:
    """The decisions of one subject that are in force over a draft, by what they are about."""
    chosen = and_(draft_decisions.c.draft_id == draft_id, draft_decisions.c.subject == subject)
    found = connection.execute(select(draft_decisions).where(chosen).order_by(draft_decisions.c.id))
    return newest(
        Decision(
            subject,
            one.about,
            one.value,
            serialization.who(one),
            serialization.time(one.decided_at),
            one.holds,
        )
        for one in found
    )


def overlay(connection: Connection, environment: str, source: SourceFile) -> Overlay:
    """What is in force over a sheet, by its bytes; and what was left out of the sheet that a workbook of ours is of."""
    draft = find(connection, environment, source.sha256)
    mine = [draft.id] if draft is not None else []
    found = in_force(corrections_of(connection, mine), left_out_of(connection, mine), source.sheet)
    return replace(found, given_back=_left_out_before(connection, environment, source)) if source.batch else found


def _left_out_before(connection: Connection, environment: str, source: SourceFile) -> dict[int, LeftOut]:
    """The rows that are left out of the sheet that a workbook of ours came from: of the run that it names, else of all
    sheets of its batch. One too many is seen and taken back; one too few is sent.
    """
    of_batch = (
        select(runs.c.sha256)
        .join(batches, batches.c.id == runs.c.batch_id)
        .where(batches.c.name == source.batch, batches.c.environment == environment)
    )
    named = connection.scalars(of_batch.where(runs.c.started_at == source.began)).all() if source.began else []
    chosen = drafts.c.sha256.in_(named) if named else or_(drafts.c.sha256.in_(of_batch), drafts.c.batch == source.batch)
    ids = select(drafts.c.id).where(drafts.c.environment == environment, drafts.c.sha256 != source.sha256, chosen)
    last = {
        (draft, one.sheet, one.row): one
        for draft in connection.scalars(ids.order_by(drafts.c.id)).all()
        for one in left_out_of(connection, [draft])
    }
    return {row: one for (_, _, row), one in last.items() if one.out}


def released(connection: Connection, environment: str, sha256: str) -> dict[str, Decision]:
    """The held rows of a file with these bytes that a person said are other charges, by `repeat_key`."""
    draft = find(connection, environment, sha256)
    return decided(connection, draft.id, Subject.REPEAT) if draft is not None else {}


def corrections_of(connection: Connection, draft_ids: Iterable[int]) -> list[Correction]:
    """All corrections of some drafts, the oldest first."""
    chosen = select(corrections).where(corrections.c.draft_id.in_([*draft_ids])).order_by(corrections.c.id)
    return [
        Correction(
            one.sheet,
            one.row_number,
            one.column_index,
            one.heading,
            one.before,
            one.after,
            serialization.who(one),
            serialization.time(one.corrected_at),
        )
        for one in connection.execute(chosen)
    ]


def left_out_of(connection: Connection, draft_ids: Iterable[int]) -> list[LeftOut]:
    """All that was left out of some drafts or taken back, the oldest first."""
    chosen = select(left_out_rows).where(left_out_rows.c.draft_id.in_([*draft_ids])).order_by(left_out_rows.c.id)
    return [
        LeftOut(
            one.sheet,
            one.row_number,
            one.reason,
            serialization.who(one),
            serialization.time(one.decided_at),
            out=one.out,
        )
        for one in connection.execute(chosen)
    ]


def of_batch(connection: Connection, batch: Batch) -> list[int]:
    """The drafts whose sheets belong to a batch, the oldest first."""
    sent = select(runs.c.sha256).where(runs.c.id.in_(roll.accepted_runs(batch.id)))
    chosen = and_(drafts.c.environment == batch.environment, drafts.c.sha256.in_(sent))
    return list(connection.scalars(select(drafts.c.id).where(chosen).order_by(drafts.c.id)))


def discard(connection: Connection, draft: Draft) -> bool:
    """Remove a draft with its corrections and its staged rows; one whose sheet was sent keeps what was corrected.

    Returns whether it is gone.
    """
    if draft.run is not None:
        connection.execute(update(drafts).where(drafts.c.id == draft.id).values(run_id=None))
        run_verbs.delete_rehearsal(connection, draft.run)
    if _was_sent(connection, draft):
        return False
    for table in (corrections, left_out_rows, draft_decisions):
        connection.execute(delete(table).where(table.c.draft_id == draft.id))
    connection.execute(delete(drafts).where(drafts.c.id == draft.id))
    return True


def scrub(connection: Connection, batch: Batch) -> None:
    """Remove the personal data of the drafts of a batch.

    A row that was corrected before it was sent counts as left out then: the file's own text was never asked for, and
    nobody may be asked for it by a run of that file years later.
    """
    for record in connection.execute(select(drafts).where(_touches(batch))).all():
        draft = _draft(record)
        if discard(connection, draft):
            continue
        last = {(one.sheet, one.row): one.out for one in left_out_of(connection, [draft.id])}
        for place in dict.fromkeys((one.sheet, one.row) for one in corrections_of(connection, [draft.id])):
            if not last.get(place):
                leave_out(connection, draft.id, LeftOut(*place, HIDDEN, draft.changed_by, draft.changed_at))
        connection.execute(delete(corrections).where(corrections.c.draft_id == draft.id))
        notes = and_(draft_decisions.c.draft_id == draft.id, draft_decisions.c.subject == Subject.REPEAT)
        connection.execute(update(draft_decisions).where(notes).values(value=HIDDEN))
        mine = left_out_rows.c.draft_id == draft.id
        connection.execute(update(left_out_rows).where(mine).values(reason=HIDDEN))


def has_personal_data(batch: Batch) -> Any:
    """Whether a batch has drafts with something to remove, as a condition."""
    cells = exists().where(corrections.c.draft_id == drafts.c.id)
    reasons = exists().where(left_out_rows.c.draft_id == drafts.c.id, left_out_rows.c.reason != HIDDEN)
    notes = exists().where(
        draft_decisions.c.draft_id == drafts.c.id,
        draft_decisions.c.subject == Subject.REPEAT,
        draft_decisions.c.value != HIDDEN,
    )
    return exists().where(_touches(batch), or_(cells, reasons, notes, drafts.c.run_id.is_not(None)))


def _touches(batch: Batch) -> Any:
    of_runs = select(runs.c.sha256).where(runs.c.batch_id == batch.id)
    return and_(
        drafts.c.environment == batch.environment, or_(drafts.c.batch == batch.name, drafts.c.sha256.in_(of_runs))
    )


def _was_sent(connection: Connection, draft: Draft) -> bool:
    """Whether a sheet of these bytes was sent as the draft's batch, or as any where it has no name yet."""
    accepted = exists().where(
        runs.c.sha256 == draft.sha256,
        runs.c.purpose == "run",
        runs.c.accepted_at.is_not(None),
        runs.c.batch_id == batches.c.id,
        batches.c.environment == draft.environment,
        *([batches.c.name == draft.batch] if draft.batch else ()),
    )
    return bool(connection.scalar(select(accepted)))


def _touch(connection: Connection, draft_id: int, by: tuple[str, datetime]) -> None:
    values = {"changed_by": by[0], "changed_at": serialization.dump_time(by[1])}
    connection.execute(update(drafts).where(drafts.c.id == draft_id).values(values))


def _draft(record: Any) -> Draft:
    return Draft(
        id=record.id,
        environment=record.environment,
        sha256=record.sha256,
        file=record.file,
        batch=record.batch,
        choices=msgspec.json.decode(record.choices, type=Choices),
        made_by=record.made_by,
        made_at=serialization.time(record.made_at),
        changed_by=record.changed_by,
        changed_at=serialization.time(record.changed_at),
        run=record.run_id,
    )
