"""What happens while a command works. Commands emit events; the console, the log and others listen.

A listener is called where the event happens, also in the sending loop: it must return at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pipeline.domain.attempt_rules import Verdict
from pipeline.domain.comparison import Change
from pipeline.domain.errors import RunError
from pipeline.domain.model import Column, Outcome, ReportRow, SessionState
from pipeline.domain.payment_summary import Payments
from schemas.faults import Fault


class Event:
    """Something that has happened."""


Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class ReadingBegan(Event):
    """A sheet or a report is being read."""

    file: Path


@dataclass(frozen=True, slots=True)
class RowsChecked(Event):
    """So many rows have been validated."""

    rows: int


@dataclass(frozen=True, slots=True)
class CorrectionsApplied(Event):
    """So many cells of the sheet are corrected and so many rows left out; `elsewhere` are rows of its other sheets that
    have such changes, which do not count here.
    """

    corrections: int
    left_out: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class DraftChoicesTaken(Event):
    """The sheet is on the local page too: its batch there is taken ("" where the command names one), and `reading` says
    that how it is read there is, too.
    """

    batch: str
    reading: bool


@dataclass(frozen=True, slots=True)
class RepeatsReleased(Event):
    """So many rows are sent though they look like repeats: a person said that they are other charges."""

    rows: int


@dataclass(frozen=True, slots=True)
class SheetNoticed(Event):
    """A notice about the sheet as a whole."""

    notices: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class SandboxStarted(Event):
    """The built-in sandbox listens."""

    base_url: str


@dataclass(frozen=True, slots=True)
class JournalCreated(Event):
    """A journal was made: it knows of no earlier payments."""

    place: str


@dataclass(frozen=True, slots=True)
class RunPlanned(Event):
    """What the run will send, for a person to confirm. `amount` is in dollars; `until` is aware.

    `slips` are those of its amounts that look like typing errors against the batch `compared`, the month before.
    """

    batch: str
    environment: str
    production: bool
    to_send: int
    amount: Decimal
    e_mailed: int
    kept: int
    invalid: int
    left_out: int
    held: int
    unknown: int
    until: datetime | None
    slips: tuple[Change, ...]
    compared: str


@dataclass(frozen=True, slots=True)
class RunNotConfirmed(Event):
    """Nobody confirmed the run."""


@dataclass(frozen=True, slots=True)
class SendingBegan(Event):
    """So many rows are about to be sent, at most `rate` a second."""

    total: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class RowEnded(Event):
    """A row's last verdict in this run is durable."""

    row: int
    row_id: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RowHeld(Event):
    """A row was held at the last moment."""

    row: int
    row_id: int


@dataclass(frozen=True, slots=True)
class RowsEnded(Event):
    """So many rows have come to their end at workers elsewhere: each with its outcome, or held at the last moment."""

    outcomes: Mapping[Outcome, int]
    held: int


@dataclass(frozen=True, slots=True)
class WorkersReady(Event):
    """So many workers of the cluster are about to send."""

    workers: int


@dataclass(frozen=True, slots=True)
class WorkerLeftOut(Event):
    """A worker gets no rows for a reason; without one it was put off, since it does not respond."""

    worker: str
    reason: RunError | None


@dataclass(frozen=True, slots=True)
class TokensSingleUse(Event):
    """The API's tokens turned out to be good for one request each."""


@dataclass(frozen=True, slots=True)
class PauseAsked(Event):
    """The API wants nothing to be sent for a good while. `until` is aware."""

    until: datetime


@dataclass(frozen=True, slots=True)
class SendingEnded(Event):
    """Nothing is in flight any more. `cut` says that an exception ended it."""

    cut: bool


@dataclass(frozen=True, slots=True)
class FirstSent(Event):
    """The first rows of a sheet with these columns were sent; so many are left, of so many dollars.

    A launch URL opens the payment page: it is for people alone.
    """

    rows: tuple[ReportRow, ...]
    columns: tuple[Column, ...]
    left: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class AskingBegan(Event):
    """So many sessions are about to be asked about, in order to cancel some or for themselves."""

    total: int


@dataclass(frozen=True, slots=True)
class SessionAsked(Event):
    """The state of a request was checked, or a request was cancelled; `state` is None if nothing is known."""

    row: int
    state: SessionState | None


@dataclass(frozen=True, slots=True)
class AskingEnded(Event):
    """All were asked about. `cut` says that an exception ended it."""

    cut: bool


@dataclass(frozen=True, slots=True)
class WatchPaused(Event):
    """All were asked about; they are asked again in so many seconds."""

    payments: Payments
    seconds: float


@dataclass(frozen=True, slots=True)
class OutageBegan(Event):
    """The API is out of reach; it is asked again in so many seconds."""

    reason: RunError
    seconds: float


@dataclass(frozen=True, slots=True)
class WritingBegan(Event):
    """The workbook is being written."""


@dataclass(frozen=True, slots=True)
class OutputPlaced(Event):
    """An output was written in its place, or elsewhere if a file that is not ours is there."""

    wanted: Path
    path: Path


@dataclass(frozen=True, slots=True)
class RowNeedsFixing(Event):
    """A row that `validate` found wanting, and its errors in words, one for each."""

    row: ReportRow
    messages: tuple[str, ...]


@contextmanager
def reported(emit: Emit, began: Event, ended: Callable[[bool], Event]) -> Iterator[None]:
    """Emit that something began, and whatever happens, that it ended."""
    emit(began)
    cut = True
    try:
        yield
        cut = False
    finally:
        emit(ended(cut))
