"""The two daily CSV files of the vendor's dashboard, made of the sandbox's own payments (`api.md`, "Reports").

The vendor's column names could not be read; these are believable ones. A report tells a day as it looks when it is
over, so that of today and of a day to come is what it will be if nobody does anything more: what comes days later can
be seen at once.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal

from pipeline.sandbox.session import Course, SandboxSession, SandboxState, Times, state_at
from pipeline.sandbox.views import transaction_id

_IDS = ("Session Id", "Transaction Id")
_COLUMNS = (
    "Session Id",
    "Reference Id",
    "Amount",
    "Currency",
    "Customer Name",
    "Customer Email",
    "Status",
    "Created Date",
    "Completed Date",
    "Settled Date",
    "Account",
    "Reason",
    "Transaction Id",
)

# A cell that begins with one of these is run as a formula by a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a report: from `start` to before `end`."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime | None) -> bool:
        return moment is not None and self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class _Move:
    """A line of a payment's money: its part of the amount, the days since it settled, its word and transaction."""

    part: Callable[[Decimal], Decimal] = Decimal
    days: int = 0
    word: str = "Settled"
    transaction: int = 0


# The largest amount that a request may have, with its cents, is longer than what is exact by default.
_WIDE = Context(prec=40)


def _half(amount: Decimal) -> Decimal:
    return _WIDE.quantize(_WIDE.divide(amount, 2), Decimal("0.01"))


def _rest(amount: Decimal) -> Decimal:
    return _WIDE.subtract(amount, _half(amount))


# A refund by word is a new state of its transaction; a reversal is a transaction of its own.
_MOVES = {
    Course.WHOLE: (_Move(),),
    Course.IN_PARTS: (_Move(_half), _Move(_rest, transaction=1)),
    Course.TWICE: (_Move(), _Move(transaction=1)),
    Course.RETURNED: (_Move(), _Move(days=1, word="Refunded")),
    Course.REVERSED: (_Move(), _Move(Decimal.copy_negate, days=1, transaction=1)),
    Course.LATE: (_Move(),),
}


@dataclass(frozen=True, slots=True)
class TransactionLine:
    """A line of a report; `moved_at` is None while no money has moved."""

    session: SandboxSession
    state: SandboxState
    word: str
    amount: Decimal | None
    transaction: int = 0
    moved_at: datetime | None = None


def settlement(sessions: Iterable[SandboxSession], days: Days, times: Times) -> Iterator[TransactionLine]:
    """The money that came or went on these days, oldest session first."""
    for session, state in _told(sessions, days, times):
        yield from _moved(session, state, days)


def processing(sessions: Iterable[SandboxSession], days: Days, times: Times) -> Iterator[TransactionLine]:
    """What moved money on these days, and what else was created or became final, with its status at their end."""
    for session, state in _told(sessions, days, times):
        moved = list(_moved(session, state, days))
        yield from moved
        if not moved and (session.created_at in days or state.completed_at in days):
            yield TransactionLine(session, state, state.transaction, session.amount_due)


def as_csv(lines: Iterable[TransactionLine], *, ids: bool) -> str:
    """A report as a file, with the byte order mark without which Excel misreads accents.

    ids: with the session and transaction ids, which banks' reports do not have.
    """
    content = io.StringIO(newline="")
    columns = [name for name in _COLUMNS if ids or name not in _IDS]
    writer = csv.DictWriter(content, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(dict(zip(_COLUMNS, _cells(line), strict=True)) for line in lines)
    return "\ufeff" + content.getvalue()


def _told(
    sessions: Iterable[SandboxSession], days: Days, times: Times
) -> Iterator[tuple[SandboxSession, SandboxState]]:
    """The sessions that exist when the days are over, each with its state then."""
    at = days.end - timedelta(microseconds=1)
    return ((session, state_at(session, at, times)) for session in sessions if session.created_at <= at)


def _moved(session: SandboxSession, state: SandboxState, days: Days) -> Iterator[TransactionLine]:
    """The lines of a payment's money on these days."""
    if state.settled_at is None:
        return
    for move in _MOVES[session.course]:
        at = state.settled_at + timedelta(days=move.days)
        if at in days:
            amount = None if session.amount_due is None else move.part(session.amount_due)
            yield TransactionLine(session, state, move.word, amount, move.transaction, at)


def _cells(line: TransactionLine) -> tuple[str, ...]:
    session = line.session
    return (
        session.session_id,
        _guarded(session.reference_id or ""),
        "" if line.amount is None else f"{line.amount:.2f}",
        session.currency,
        _guarded(session.payor.full_name),
        _guarded(session.payor.email),
        line.word,
        _stamp(session.created_at),
        _stamp(line.state.completed_at),
        _stamp(line.moved_at),
        f"****{session.account.account_number[-4:]}",
        line.state.code or "",
        transaction_id(session, line.transaction),
    )


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _guarded(cell: str) -> str:
    """A stranger's text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
