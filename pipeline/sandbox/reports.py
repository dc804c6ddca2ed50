"""The two daily CSV files of the vendor's dashboard, made of the sandbox's own payments (`api.md`, "Reports").

The vendor's column names could not be read; these are believable ones. A day is a day of the machine's time zone.
"""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo

from pipeline.sandbox.session import Session, State, Times, state_at

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
)

# A cell that begins with one of these is run as a formula by a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def settlement(sessions: Iterable[Session], day: date, now: datetime, times: Times) -> str:
    """What settled on a day, oldest session first."""
    at = _end_of(day, now)
    rows = ((session, state_at(session, at, times)) for session in sessions if session.created_at <= at)
    return _csv((session, state) for session, state in rows if _on(state.settled_at, day, now.tzinfo))


def processing(sessions: Iterable[Session], day: date, now: datetime, times: Times) -> str:
    """What was created or became final on a day, with its status at the end of that day."""
    at = _end_of(day, now)
    rows = ((session, state_at(session, at, times)) for session in sessions if session.created_at <= at)
    return _csv(
        (session, state)
        for session, state in rows
        if _on(session.created_at, day, now.tzinfo) or _on(state.completed_at, day, now.tzinfo)
    )


def _end_of(day: date, now: datetime) -> datetime:
    """The last moment of a day, or now when the day is not over."""
    return min(now, datetime.combine(day + timedelta(days=1), time(), now.tzinfo) - timedelta(microseconds=1))


def _on(moment: datetime | None, day: date, zone: tzinfo | None) -> bool:
    return moment is not None and moment.astimezone(zone).date() == day


def _csv(rows: Iterable[tuple[Session, State]]) -> str:
    """The report, with the byte order mark without which Excel misreads accents."""
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(_COLUMNS)
    for session, state in rows:
        writer.writerow([_guarded(cell) for cell in _cells(session, state)])
    return "\ufeff" + content.getvalue()


def _cells(session: Session, state: State) -> tuple[str, ...]:
    amount = session.amount_due
    return (
        session.session_id,
        session.reference_id or "",
        "" if amount is None else f"{amount:.2f}",
        session.currency,
        session.payor.full_name,
        session.payor.email,
        state.transaction,
        session.created_at.isoformat(timespec="seconds"),
        _stamp(state.completed_at),
        _stamp(state.settled_at),
        f"****{session.account.account_number[-4:]}",
        state.code or "",
    )


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
