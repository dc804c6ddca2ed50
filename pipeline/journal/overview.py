"""A batch for a page that must be there within a moment, however many rows it has.

Owns the counts of a roll by status, and its requests one by one with what is needed to count, filter and page them. The
roll itself (`queries.roll_rows`) decodes every cell and every attempt; here only what a page shows is decoded. The
rules are the same: each status comes from `row_status`, each state from `session_states`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from unicodedata import normalize

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, false, func, or_, select

from pipeline.domain import row_status
from pipeline.domain.model import (
    NO_MONEY,
    Attempt,
    Outcome,
    Payment,
    ReportRow,
    SessionState,
    Status,
    Subtotal,
    Totals,
)
from pipeline.domain.payment_summary import PaymentState, payment_state
from pipeline.domain.row_status import PlannedRow
from pipeline.domain.session_states import is_cancelled_unpaid, is_open
from pipeline.journal import queries, roll, serialization
from pipeline.journal.asking import ASKED, batched
from pipeline.journal.states import latest
from pipeline.journal.tables import attempts, rows, runs, states
from schemas.faults import Fault
from schemas.money import from_cents

_CREATED: Final = Outcome.CREATED.value
_MADE: Final = attempts.alias("made")
_FIRST: Final = attempts.alias("first")
_SECOND: Final = attempts.alias("second")
_LATER: Final = states.alias("later")
_SAME: Final = b"same"
_OTHER: Final = b"other"
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ANY_FAULT: Final = Fault("held-repeat")
_CARRIES: Final = and_(rows.c.plan == "keep", rows.c.request_id != "")


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of the rows of a roll. `figures` has every `PaymentState`; those that were paid count with what was
    paid. `open` are the requests that can be cancelled, `made` all that exist, `cancelled` those of them that were.
    """

    figures: Mapping[PaymentState, Subtotal]
    open: Subtotal
    made: Subtotal
    cancelled: Subtotal
    words: Mapping[PaymentState, Sequence[Any]] = field(repr=False)
    """The words of the API that mean each, as records: what was found once need not be found again."""
    place: _Place = field(repr=False)
    """Where they were found."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are meant: of a state, requested before a moment (aware), with a text in the cells of their row, or
    this amount or row number; with `sessions` these alone.
    """

    state: PaymentState | None = None
    before: datetime | None = None
    text: str = ""
    cents: int | None = None
    sessions: tuple[str, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A request of a batch, or a row of it without one.

    `row` is the row's id in the journal and `of_row` the row as it stands now. `payment` is what was asked for, None
    where nothing was or where nobody knows any more. `asked` is in dollars, `created_at` aware.
    """

    row: int
    of_row: ReportRow
    paid: PaymentState
    asked: Decimal | None
    payment: Payment | None = field(default=None, repr=False)
    created_at: datetime | None = None
    session_id: str = field(default="", repr=False)
    launch_url: str = field(default="", repr=False)
    state: SessionState | None = None

    @property
    def can_cancel(self) -> bool:
        """Whether the payor may still pay it."""
        return bool(self.session_id) and is_open(self.state)


@dataclass(frozen=True, slots=True)
class Found:
    """Some of the lines that are meant, and how many there are in all."""

    lines: list[Line]
    count: int


# ---------------------------------------------------------------------------------------------------------------
# What a state means is found once for the same words: a batch has few of them


# Not the greatest id of a session: PostgreSQL may look for that from the last line of the journal backwards.
_IS_OLD: Final = exists().where(_LATER.c.session_id == states.c.session_id, _LATER.c.id > states.c.id)
_LATEST: Final = and_(states.c.session_id == _MADE.c.session_id, ~_IS_OLD, _MADE.c.session_id != "")
_HAS_ID: Final = (_MADE.c.session_id != "").label("has_id")
_WORDS: Final = (_HAS_ID, states.c.session_status, states.c.transactions, states.c.known)


def _state_of(record: Any) -> SessionState | None:
    if record.session_status is None:
        return None
    words = serialization.cells(record.transactions)
    return SessionState(record.session_status, words, None, _ANY_TIME, known=bool(record.known))


def _has_words_of(record: Any) -> ColumnElement[bool]:
    has_id = _MADE.c.session_id != "" if record.has_id else _MADE.c.session_id == ""
    if record.session_status is None:
        return and_(has_id, states.c.id.is_(None))
    # Wrapped: where no line without a state could be meant, SQLite would begin with the states, and take minutes.
    return and_(
        has_id,
        func.coalesce(states.c.session_status, "") == record.session_status,
        func.coalesce(states.c.transactions, "") == record.transactions,
        func.coalesce(states.c.known, false()) == record.known,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """A batch, its rows whose outcome is unknown, and whether rows of it carry requests of other batches."""

    batch: int
    unknown: Sequence[int]
    carries: bool

    def requests(self, *columns: Any, with_states: bool = False) -> Select[Any]:
        """The rows of the roll, each with its requests, and these with their last states where those are needed."""
        mine = and_(_MADE.c.batch_id == self.batch, _MADE.c.identity == rows.c.identity, rows.c.identity != "")
        if self.carries:
            elsewhere = and_(_CARRIES, _MADE.c.session_id == rows.c.request_id, _MADE.c.batch_id != self.batch)
            mine = or_(mine, elsewhere)
        asked = (
            select(*columns)
            .select_from(rows)
            .join(runs, runs.c.id == rows.c.run_id)
            .outerjoin(_MADE, and_(mine, _MADE.c.outcome == _CREATED))
            .where(roll.in_roll(self.batch))
        )
        return asked.outerjoin(states, _LATEST) if with_states else asked

    def is_unknown(self) -> ColumnElement[bool]:
        """Whether a row's outcome is unknown."""
        parts = (rows.c.id.in_(some) for some in batched(self.unknown, ASKED))
        return or_(false(), *parts)


def _place(connection: Connection, batch_id: int) -> _Place:
    carries = connection.scalar(select(exists().where(roll.in_roll(batch_id), _CARRIES)))
    return _Place(batch_id, queries.unknown_rows(connection, batch_id), bool(carries))


# ---------------------------------------------------------------------------------------------------------------
# The requests


def requests(connection: Connection, batch_id: int) -> Requests:
    """What became of the rows of a roll, counted by the database."""
    place = _place(connection, batch_id)
    figures = dict.fromkeys(PaymentState, Subtotal())
    can_pay = made = cancelled = Subtotal()
    paid_cents = func.sum(func.coalesce(states.c.amount_cents, _MADE.c.amount_cents)).label("paid_cents")
    cents = func.sum(_MADE.c.amount_cents).label("cents")
    # The rows without a request are counted on the way: to walk all rows once more takes as long as all the rest.
    bare = _MADE.c.id.is_(None).label("bare")
    alone = func.sum(rows.c.amount_cents).label("row_cents")
    counted = place.requests(bare, *_WORDS, func.count().label("rows"), cents, paid_cents, alone, with_states=True)
    words: defaultdict[PaymentState, list[Any]] = defaultdict(list)
    for record in connection.execute(counted.group_by(bare, *_WORDS)):
        if record.bare:
            figures[PaymentState.NEVER_ASKED] = _figure(record.rows, record.row_cents)
            continue
        state, has_id = _state_of(record), bool(record.has_id)
        meaning = payment_state(state, has_id=has_id)
        words[meaning].append(record)
        figure = _figure(record.rows, record.cents)
        made = _sum(made, figure)
        paid = _figure(record.rows, record.paid_cents) if meaning is PaymentState.PAID else figure
        figures[meaning] = _sum(figures[meaning], paid)
        if has_id and is_open(state):
            can_pay = _sum(can_pay, figure)
        if is_cancelled_unpaid(state):
            cancelled = _sum(cancelled, figure)
    if place.unknown:
        columns = (func.count().label("rows"), func.sum(rows.c.amount_cents).label("cents"))
        unasked = place.requests(*columns).where(_MADE.c.id.is_(None), place.is_unknown())
        among, never = connection.execute(unasked).one(), figures[PaymentState.NEVER_ASKED]
        others = _figure(among.rows, among.cents)
        figures[PaymentState.NEVER_ASKED] = Subtotal(never.rows - others.rows, never.amount - others.amount)
        unknown = connection.execute(select(*columns).select_from(rows).where(place.is_unknown())).one()
        figures[PaymentState.UNKNOWN] = _figure(unknown.rows, unknown.cents)
    return Requests(figures, can_pay, made, cancelled, words, place)


def _figure(count: int, cents: Any) -> Subtotal:
    return Subtotal(count, NO_MONEY if cents is None else from_cents(int(cents)))


def _sum(one: Subtotal, other: Subtotal) -> Subtotal:
    return Subtotal(one.rows + other.rows, one.amount + other.amount)


def lines(connection: Connection, counted: Requests, which: Filter, first: int, most: int) -> Found:
    """Some of the lines, from `first` (0 is the first one), in the order of the batch's sheets; `counted` is what
    `requests` found.
    """
    known = None
    if which == Filter(which.state) and not counted.figures[PaymentState.UNKNOWN].rows:
        figures = counted.figures if which.state is None else {which.state: counted.figures[which.state]}
        known = sum(figure.rows for figure in figures.values())
    # Of the thousands of lines that are put in order only these two numbers: the few that are shown are read then.
    order = (runs.c.sheet_id, rows.c.number, rows.c.id, _MADE.c.number)
    columns: tuple[Any, ...] = (rows.c.id.label("row"), _MADE.c.id.label("attempt"))
    if known is None:
        columns += (func.count().over().label("in_all"),)
    chosen = _chosen(connection, counted, which, *columns).order_by(*order)
    records = connection.execute(chosen.offset(first).limit(most)).all()
    if known is None:
        known = int(records[0].in_all) if records else 0
        if first and not records:  # behind the last page
            known = connection.scalar(_chosen(connection, counted, which, func.count())) or 0
    of_rows = queries.rows_shown(connection, counted.place.batch, [record.row for record in records])
    made = _made(connection, [record.attempt for record in records if record.attempt is not None])
    states_known = latest(connection, (one.session_id for one in made.values() if one.session_id))
    shown = [
        _line(record.row, made.get(record.attempt), of_rows[record.row], states_known)
        for record in records
        if record.row in of_rows
    ]
    return Found(shown, known)


_RUN: Final = runs.alias("sent_by")
_OF_REQUEST: Final = (
    _MADE.c.id,
    _MADE.c.amount_cents.label("cents"),
    _MADE.c.content,
    _MADE.c.session_id,
    func.coalesce(_MADE.c.settled_at, _MADE.c.intended_at).label("at"),
    _RUN.c.base_url,
)


def _made(connection: Connection, attempt_ids: Sequence[int]) -> dict[int, Any]:
    """Some requests by their ids."""
    found: dict[int, Any] = {}
    for some in batched(attempt_ids, ASKED):
        chosen = select(*_OF_REQUEST).outerjoin(_RUN, _RUN.c.id == _MADE.c.run_id).where(_MADE.c.id.in_(some))
        found |= {record.id: record for record in connection.execute(chosen)}
    return found


def _line(row_id: int, made: Any, row: ReportRow, known: Mapping[str, SessionState]) -> Line:
    if made is None:
        unknown = row.status is Status.UNKNOWN
        state = PaymentState.UNKNOWN if unknown else PaymentState.NEVER_ASKED
        return Line(row_id, row, state, row.amount, row.payment)
    state_known = known.get(made.session_id) if made.session_id else None
    return Line(
        row_id,
        row,
        payment_state(state_known, has_id=bool(made.session_id)),
        from_cents(made.cents),
        serialization.payment(made.content),
        serialization.time(made.at),
        made.session_id,
        queries.launch_url(made.base_url, made.session_id) if made.session_id else "",
        state_known,
    )


def _chosen(connection: Connection, counted: Requests, which: Filter, *columns: Any) -> Select[Any]:
    place = counted.place
    known = which.state in {None, PaymentState.NEVER_ASKED, PaymentState.UNKNOWN}
    statement = place.requests(*columns, with_states=not known)
    match which.state:
        case None:
            pass
        case PaymentState.NEVER_ASKED:
            statement = statement.where(_MADE.c.id.is_(None), ~place.is_unknown())
        case PaymentState.UNKNOWN:
            statement = statement.where(_MADE.c.id.is_(None), place.is_unknown())
        case state:
            alike = map(_has_words_of, counted.words.get(state, ()))
            statement = statement.where(_MADE.c.id.is_not(None), or_(false(), *alike))
    if which.before is not None:
        moment = serialization.dump_time(which.before)
        statement = statement.where(func.coalesce(_MADE.c.settled_at, _MADE.c.intended_at) < moment)
    if which.sessions is not None:
        some = (_MADE.c.session_id.in_(part) for part in batched(which.sessions, ASKED))
        statement = statement.where(or_(false(), *some))
    if which.text:
        statement = statement.where(_says(connection, which))
    return statement


def _says(connection: Connection, which: Filter) -> ColumnElement[bool]:
    """Whether a row has a text in its cells, whatever its case and accents, or its number or amount.

    A short number is a cell or none of it: as a part it is in the account number of nearly every row.
    """
    wanted = _plain(serialization.dump(which.text))
    if not which.text.isdecimal() or len(which.text) > _SHORT_NUMBER:
        wanted = wanted[1:-1]
    if connection.dialect.name == "postgresql":
        found = [rows.c.cells.regexp_match("".join(map(_in_any_form, wanted)))]
    else:
        driver: Any = connection.connection.driver_connection
        driver.create_function("plain", 1, _plain, deterministic=True)
        found = [func.plain(rows.c.cells).contains(wanted, autoescape=True)]
    if which.text.isdecimal() and len(which.text) < _LONGEST_NUMBER:
        found.append(rows.c.number == int(which.text))
    if which.cents is not None:
        found.append(func.coalesce(_MADE.c.amount_cents, rows.c.amount_cents) == which.cents)
    return or_(*found)


_LONGEST_NUMBER: Final = 9
_SHORT_NUMBER: Final = 3
_ACCENTED: Final = {"a": "àâäáãå", "e": "éèêë", "i": "îïíì", "o": "óòôöõ", "u": "úùûü", "c": "ç", "n": "ñ"}
"""Letters of Canada's names; PostgreSQL knows of no way to take an accent off that is always there."""


def _in_any_form(letter: str) -> str:
    """A pattern of PostgreSQL for a letter, whatever its case and accent. To change the letters of all cells with
    `translate` takes it twenty times as long.
    """
    if letter.isascii() and not letter.isalnum():
        return f"\\{letter}"
    forms = f"{letter}{_ACCENTED.get(letter, '')}"
    return f"[{forms}{''.join(form for form in map(str.upper, forms) if len(form) == 1)}]"


_MARKS: Final = re.compile("[\u0300-\u036f]")


def _plain(text: str) -> str:
    return text.lower() if text.isascii() else _MARKS.sub("", normalize("NFKD", text.casefold()))


# ---------------------------------------------------------------------------------------------------------------
# The rows that a run leaves to a person


def with_own_link(connection: Connection, batch_id: int) -> Iterator[ReportRow]:
    """The rows of a roll that have a request whose link the API has not e-mailed, in the order of the batch's sheets.

    Read a few at a time: who needs the first ones does not wait for the others.
    """
    made = and_(attempts.c.outcome == _CREATED, attempts.c.send_link.is_(False))
    for row in _rows_of(connection, batch_id, or_(_has_attempt(batch_id, made), _CARRIES)):
        if row.launch_url and row.payment is not None and not row.payment.send_link:
            yield row


def sent_in_vain(connection: Connection, batch_id: int) -> Iterator[ReportRow]:
    """The rows of a roll that were sent without a request coming of it, or perhaps one, in the same way."""
    for row in _rows_of(connection, batch_id, _has_attempt(batch_id, attempts.c.outcome != _CREATED)):
        if row.status in {Status.REJECTED, Status.FAILED, Status.UNKNOWN}:
            yield row


def _has_attempt(batch_id: int, which: ColumnElement[bool]) -> ColumnElement[bool]:
    identities = select(attempts.c.identity).where(attempts.c.batch_id == batch_id, which)
    return and_(rows.c.identity != "", rows.c.identity.in_(identities))


def _rows_of(connection: Connection, batch_id: int, which: ColumnElement[bool]) -> Iterator[ReportRow]:
    statement = (
        select(rows.c.id)
        .join(runs, runs.c.id == rows.c.run_id)
        .where(roll.in_roll(batch_id), which)
        .order_by(runs.c.sheet_id, rows.c.number, rows.c.id)
    )
    for some in batched(connection.scalars(statement).all(), _AT_A_TIME):
        found = queries.rows_shown(connection, batch_id, some)
        yield from (found[row_id] for row_id in some if row_id in found)


_AT_A_TIME: Final = 60

# ---------------------------------------------------------------------------------------------------------------
# The counts


def totals(connection: Connection, batch_id: int) -> Totals:
    """Rows and dollars by status, as `domain.totals` counts the rows of a roll one by one.

    The status of a row with one attempt or none follows from a few facts, and rows with the same facts have the same
    status: the database counts them. The few others are folded one by one.
    """
    counts, amounts = dict.fromkeys(Status, 0), dict.fromkeys(Status, NO_MONEY)
    left_out, has_others = Subtotal(), False
    for facts in connection.execute(_alike(batch_id)):
        if facts.is_other:
            has_others = True
            continue
        status = row_status.status_of(_row_of(facts), _history_of(facts), 1).status
        counts[status] += facts.rows
        amounts[status] += from_cents(int(facts.cents)) if facts.cents is not None else NO_MONEY
        if facts.left_out and status is Status.INVALID:
            left_out = _sum(left_out, _figure(facts.rows, facts.cents))
    others = connection.scalars(_joined(select(rows.c.id), batch_id).where(_IS_OTHER)).all() if has_others else ()
    for row in queries.rows_shown(connection, batch_id, others).values():
        counts[row.status] += 1
        amounts[row.status] += row.amount or NO_MONEY
        left_out = left_out.plus(row.amount) if row.is_left_out else left_out
    return Totals(counts, amounts, left_out)


_FOR_OTHER_CONTENT: Final = and_(
    _FIRST.c.outcome == _CREATED, or_(rows.c.fingerprint.is_(None), _FIRST.c.fingerprint != rows.c.fingerprint)
)
"""Its status depends on whether that request was cancelled."""
_DECIDED: Final = _FIRST.c.reasons.contains("decided-")
"""A person's decision may have made it: then the run has not."""
_IS_OTHER: Final = or_(
    _CARRIES,
    _SECOND.c.id.is_not(None),
    and_(_FIRST.c.id.is_not(None), _FOR_OTHER_CONTENT),
    and_(_FIRST.c.outcome == _CREATED, _DECIDED),
)
_FACTS: Final[tuple[ColumnElement[Any], ...]] = (
    (rows.c.plan == "invalid").label("invalid"),
    rows.c.left_out,
    rows.c.fingerprint.is_(None).label("bare"),
    rows.c.hold.is_not(None).label("held"),
    _FIRST.c.outcome.label("outcome"),
    (_FIRST.c.run_id == rows.c.run_id).label("in_run"),
    (_FIRST.c.fingerprint == rows.c.fingerprint).label("same"),
    func.coalesce(_IS_OTHER, False).label("is_other"),
)


def _joined(statement: Select[Any], batch_id: int) -> Select[Any]:
    def number(attempt: Any, which: int) -> ColumnElement[bool]:
        mine = and_(attempt.c.batch_id == batch_id, attempt.c.identity == rows.c.identity, rows.c.identity != "")
        return and_(mine, attempt.c.number == which)

    return (
        statement.select_from(rows)
        .outerjoin(_FIRST, number(_FIRST, 1))
        .outerjoin(_SECOND, number(_SECOND, 2))
        .where(roll.in_roll(batch_id))
    )


def _alike(batch_id: int) -> Select[Any]:
    figures = (func.count().label("rows"), func.sum(rows.c.amount_cents).label("cents"))
    return _joined(select(*_FACTS, *figures), batch_id).group_by(*_FACTS)


def _row_of(facts: Any) -> PlannedRow:
    """A row with these facts: what else is in it makes no difference to its status."""
    hold = _ANY_FAULT if facts.held else None
    return PlannedRow(None, None if facts.bare else _SAME, hold=hold, invalid=bool(facts.invalid))


def _history_of(facts: Any) -> tuple[Attempt, ...]:
    if facts.outcome is None:
        return ()
    content = _SAME if facts.same else _OTHER
    run = 1 if facts.in_run else 0
    return (Attempt(1, run, Outcome(facts.outcome), content, send_link=False, at=_ANY_TIME),)


# ---------------------------------------------------------------------------------------------------------------
# All batches


def payment_counts(connection: Connection, batch_ids: Sequence[int]) -> dict[int, Counter[PaymentState]]:
    """How many requests of each of these batches are in which state, by the batch's id."""
    statement = (
        select(_MADE.c.batch_id, *_WORDS, func.count().label("requests"))
        .select_from(_MADE)
        .outerjoin(states, _LATEST)
        .where(_MADE.c.batch_id.in_(batch_ids), _MADE.c.outcome == _CREATED, _MADE.c.session_id != "")
        .group_by(_MADE.c.batch_id, *_WORDS)
    )
    found: defaultdict[int, Counter[PaymentState]] = defaultdict(Counter)
    for record in connection.execute(statement):
        found[record.batch_id][payment_state(_state_of(record), has_id=True)] += record.requests
    return dict(found)
