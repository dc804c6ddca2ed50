"""The plans of batches and what was done with them. A plan never changes; its events are added one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, func, insert, select

from pipeline.domain.approval import Person, PlanEvent, PlanStep
from pipeline.domain.model import SourceFile
from pipeline.domain.plan_summary import PlanDetails, PlanFigures, PlanView, plan_name
from pipeline.journal import serialization
from pipeline.journal.tables import batches, plan_events, plans

_SPACE: Final = 0x464D  # beside that of the batches (`lock`)


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan to keep: of which sheet, made by whom and when (aware), its figures, and a digest for each row number."""

    source: SourceFile
    maker: Person
    made_at: datetime
    figures: PlanFigures
    details: PlanDetails = field(repr=False)
    payloads: Mapping[int, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan of the journal: its key, its batch, and what people see of it."""

    id: int
    batch_id: int
    view: PlanView


def database_user(connection: Connection) -> str:
    """Who the server says that we are; empty for a database without users."""
    if connection.dialect.name != "postgresql":
        return ""
    return str(connection.exec_driver_sql("SELECT session_user").scalar_one())


def save(connection: Connection, batch_id: int, new: NewPlan) -> int:
    """Keep a plan under the next number of its batch; returns its key."""
    if connection.dialect.name == "postgresql":  # of two at once, the second takes the next number
        connection.execute(select(batches.c.id).where(batches.c.id == batch_id).with_for_update())
    last = connection.scalar(select(func.max(plans.c.number)).where(plans.c.batch_id == batch_id))
    values = {
        "batch_id": batch_id,
        "number": (last or 0) + 1,
        "file": new.source.name,
        "sha256": new.source.sha256,
        "sheet": new.source.sheet,
        "made_by": new.maker.system,
        "made_by_account": new.maker.database,
        "made_at": serialization.dump_time(new.made_at),
        "figures": serialization.dump(new.figures),
        "details": serialization.dump(new.details),
        "payloads": serialization.dump(dict(new.payloads)),
    }
    key = connection.execute(insert(plans).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def hold(connection: Connection, plan_id: int) -> None:
    """Keep a plan from everybody else until this transaction ends, so that what is decided is decided once."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        # No lock of the row: who may approve need not have the right to change what is approved.
        connection.execute(select(func.pg_advisory_xact_lock(_SPACE, plan_id)))


def record(connection: Connection, plan_id: int, event: PlanEvent) -> None:
    """Add what was done with a plan. Hold it, and ask the rules first (`pipeline.domain.approval`)."""
    values = {
        "plan_id": plan_id,
        "step": event.step,
        "who": event.who.system,
        "who_account": event.who.database,
        "at": serialization.dump_time(event.at),
        "reason": event.reason,
        "run_id": event.run,
        "rows": event.rows,
    }
    connection.execute(insert(plan_events).values(values))


# Without the payloads, which may be megabytes.
_SHOWN: Final = (*(column for column in plans.c if column.name != "payloads"), batches.c.name, batches.c.environment)


def named(connection: Connection, batch: str, number: int) -> list[StoredPlan]:
    """The plans of this number of the batches of this name, one for each environment that has one."""
    return _chosen(connection, and_(batches.c.name == batch, plans.c.number == number))


def of_batch(connection: Connection, batch_id: int) -> list[StoredPlan]:
    """All plans of a batch, oldest first."""
    return _chosen(connection, plans.c.batch_id == batch_id)


def all_plans(connection: Connection) -> list[StoredPlan]:
    """All plans of the journal, oldest first."""
    return _chosen(connection, plans.c.id.is_not(None))


def again(connection: Connection, plan_id: int) -> StoredPlan:
    """A plan as it is now."""
    (found,) = _chosen(connection, plans.c.id == plan_id)
    return found


def payloads(connection: Connection, plan_id: int) -> dict[int, str]:
    """The digest of each row of a plan, by its number."""
    return serialization.payloads(
        connection.execute(select(plans.c.payloads).where(plans.c.id == plan_id)).scalar_one()
    )


def _chosen(connection: Connection, chosen: Any) -> list[StoredPlan]:
    statement = select(*_SHOWN).join(batches, batches.c.id == plans.c.batch_id).where(chosen).order_by(plans.c.id)
    found = connection.execute(statement).all()
    happened: dict[int, list[PlanEvent]] = {}
    mine = select(plans.c.id).join(batches, batches.c.id == plans.c.batch_id).where(chosen)
    events = select(plan_events).where(plan_events.c.plan_id.in_(mine)).order_by(plan_events.c.id)
    for line in connection.execute(events):
        happened.setdefault(line.plan_id, []).append(_event(line))
    return [StoredPlan(line.id, line.batch_id, _view(line, happened.get(line.id, ()))) for line in found]


def _event(line: Any) -> PlanEvent:
    return PlanEvent(
        step=PlanStep(line.step),
        who=Person(line.who, line.who_account),
        at=serialization.time(line.at),
        reason=line.reason,
        run=line.run_id,
        rows=line.rows,
    )


def _view(line: Any, events: Sequence[PlanEvent]) -> PlanView:
    return PlanView(
        name=plan_name(line.name, line.number),
        batch=line.name,
        environment=line.environment,
        file=line.file,
        sheet=line.sheet,
        sha256=line.sha256,
        maker=Person(line.made_by, line.made_by_account),
        made_at=serialization.time(line.made_at),
        figures=serialization.plan_figures(line.figures),
        details=serialization.plan_details(line.details),
        events=tuple(events),
    )
