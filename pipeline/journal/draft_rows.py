"""The rows of a staged draft as its pages show them: in groups, a page at a time, with what each group comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select

from pipeline.domain.drafts import Release
from pipeline.domain.model import Payment, Subtotal
from pipeline.journal import queries, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.tables import rows, runs
from schemas.faults import Fault
from schemas.money import from_cents


class Group(StrEnum):
    """Rows that a page shows together. A row is in one of them, and also in `NOTICED` when it has a notice and in
    `REPEATS` when it is held or was.
    """

    TO_FIX = "to-fix"
    """They are invalid, or the API rejected them as they are."""
    READY = "ready"
    KEPT = "kept"
    """They have their request."""
    HELD = "held"
    REVIEW = "review"
    """Their outcome is unknown."""
    LEFT_OUT = "left-out"
    NOTICED = "noticed"
    REPEATS = "repeats"
    """They are held, or a person said that they are other charges."""


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A row of a draft as it stands: its cells with what was corrected, and what is said of it.

    `why_held` is why it is held, with the earlier request, and `release` why it is sent though it was; `payment` is
    None for a row that can't be sent.
    """

    number: int
    cells: tuple[str, ...] = field(repr=False)
    group: Group
    payment: Payment | None = field(repr=False)
    amount: Decimal | None
    faults: tuple[Fault, ...] = field(repr=False)
    notices: tuple[Fault, ...] = field(repr=False)
    why_held: Fault | None = field(repr=False)
    release: Release | None = field(repr=False)

    @property
    def is_total(self) -> bool:
        """Whether the row is a total of the sheet that differs from the rows."""
        return any(fault.code == "total-differs" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: those of a group, with a fault or notice of this code, of this field, with this text in a cell."""

    group: Group
    code: str = ""
    about: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows of a group, and how many it has in all."""

    rows: tuple[DraftRow, ...]
    count: int


_PLANS: Final = {"send": Group.READY, "keep": Group.KEPT, "hold": Group.HELD, "look": Group.REVIEW}
_NOTICED: Final = rows.c.notices != serialization.EMPTY
_REPEATS: Final = or_(rows.c.plan == "hold", rows.c.released != "")
_IN: Final[dict[Group, ColumnElement[bool]]] = {
    Group.LEFT_OUT: rows.c.left_out,
    Group.NOTICED: _NOTICED,
    Group.REPEATS: _REPEATS,
    **{group: rows.c.plan == plan for plan, group in _PLANS.items()},
}
_SHOWN: Final = (
    rows.c.id,
    rows.c.number,
    rows.c.cells,
    rows.c.plan,
    rows.c.left_out,
    rows.c.payment,
    rows.c.amount_cents,
    rows.c.faults,
    rows.c.notices,
    rows.c.hold,
    rows.c.released,
)


def page(connection: Connection, run: int, wanted: Wanted, *, offset: int = 0, limit: int = 50) -> RowPage:
    """Rows `offset` to `offset + limit` of those that are wanted, in the sheet's order, and how many there are."""
    rejected = _rejected(connection, run)
    chosen = and_(rows.c.run_id == run, _in_group(wanted.group, rejected), *_filtered(wanted))
    count = connection.scalar(select(func.count()).select_from(rows).where(chosen)) or 0
    found = connection.execute(select(*_SHOWN).where(chosen).order_by(rows.c.position).offset(offset).limit(limit))
    return RowPage(tuple(_row(one, rejected) for one in found), count)


def every(connection: Connection, run: int) -> list[DraftRow]:
    """All rows, in the sheet's order."""
    rejected = _rejected(connection, run)
    found = connection.execute(select(*_SHOWN).where(rows.c.run_id == run).order_by(rows.c.position))
    return [_row(one, rejected) for one in found]


def by_number(connection: Connection, run: int, numbers: Iterable[int]) -> list[DraftRow]:
    """The rows with these numbers, in the sheet's order."""
    found, rejected = list[Any](), _rejected(connection, run)
    for some in batched(numbers, ASKED):
        chosen = select(*_SHOWN, rows.c.position).where(rows.c.run_id == run, rows.c.number.in_(some))
        found += connection.execute(chosen)
    return [_row(one, rejected) for one in sorted(found, key=lambda one: one.position)]


def with_text(connection: Connection, run: int, column: int, text: str) -> list[int]:
    """The numbers of the rows that have exactly this text in a column, in the sheet's order."""
    chosen = select(rows.c.number, rows.c.cells).where(rows.c.run_id == run, _holds(text)).order_by(rows.c.position)
    return [one.number for one in connection.execute(chosen) if serialization.cells(one.cells)[column] == text]


def sums(connection: Connection, run: int) -> dict[Group, Subtotal]:
    """How many rows each group has, and their dollars as far as amounts can be read."""
    statement = (
        select(
            rows.c.plan,
            rows.c.left_out,
            func.count().label("number"),
            func.sum(rows.c.amount_cents).label("cents"),
            func.count().filter(_NOTICED).label("noticed"),
            func.sum(rows.c.amount_cents).filter(_NOTICED).label("noticed_cents"),
            func.count().filter(_REPEATS).label("repeats"),
            func.sum(rows.c.amount_cents).filter(_REPEATS).label("repeats_cents"),
        )
        .where(rows.c.run_id == run)
        .group_by(rows.c.plan, rows.c.left_out)
    )
    found = dict.fromkeys(Group, Subtotal())
    for one in connection.execute(statement):
        for group, number, cents in (
            (_group(one), one.number, one.cents),
            (Group.NOTICED, one.noticed, one.noticed_cents),
            (Group.REPEATS, one.repeats, one.repeats_cents),
        ):
            amount = from_cents(int(cents or 0))
            found[group] = Subtotal(found[group].rows + number, found[group].amount + amount)
    if rejected := _rejected(connection, run):
        cents = connection.scalars(select(rows.c.amount_cents).where(_among(rejected))).all()
        amount = from_cents(sum(filter(None, cents)))
        ready, to_fix = found[Group.READY], found[Group.TO_FIX]
        found[Group.READY] = Subtotal(ready.rows - len(cents), ready.amount - amount)
        found[Group.TO_FIX] = Subtotal(to_fix.rows + len(cents), to_fix.amount + amount)
    return found


def _filtered(wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    said = (rows.c.faults, rows.c.notices, rows.c.hold)
    parts = []
    if wanted.code:
        parts.append(or_(*(column.contains(f'"code":"{wanted.code}"', autoescape=True) for column in said)))
    if wanted.about:
        about = f'"field":{serialization.dump(wanted.about)}'
        parts.append(or_(*(column.contains(about, autoescape=True) for column in said)))
    if wanted.text:
        parts.append(_holds(wanted.text))
    return parts


def _holds(text: str) -> ColumnElement[bool]:
    """Whether a cell of a row has this text in it, whatever its case (on SQLite: that of its ASCII letters)."""
    return rows.c.cells.icontains(serialization.dump(text)[1:-1], autoescape=True)


def _rejected(connection: Connection, run: int) -> dict[int, tuple[Fault, ...]]:
    batch = connection.execute(select(runs.c.batch_id).where(runs.c.id == run)).scalar_one()
    return queries.rejected(connection, batch, and_(rows.c.run_id == run, rows.c.plan == "send"))


def _among(row_ids: Iterable[int]) -> ColumnElement[bool]:
    return or_(false(), *(rows.c.id.in_(some) for some in batched(row_ids, ASKED)))


def _in_group(group: Group, rejected: Iterable[int]) -> ColumnElement[bool]:
    match group:
        case Group.TO_FIX:
            return or_(and_(rows.c.plan == "invalid", not_(rows.c.left_out)), _among(rejected))
        case Group.READY:
            return and_(_IN[group], not_(_among(rejected)))
        case _:
            return _IN[group]


def _group(record: Any) -> Group:
    if record.left_out:
        return Group.LEFT_OUT
    return _PLANS.get(record.plan, Group.TO_FIX)


def _row(record: Any, rejected: Mapping[int, tuple[Fault, ...]]) -> DraftRow:
    return DraftRow(
        number=record.number,
        cells=serialization.cells(record.cells),
        group=Group.TO_FIX if record.id in rejected else _group(record),
        payment=serialization.payment(record.payment),
        amount=from_cents(record.amount_cents),
        faults=rejected.get(record.id) or serialization.faults(record.faults),
        notices=serialization.faults(record.notices),
        why_held=serialization.fault(record.hold),
        release=serialization.release(record.released),
    )
