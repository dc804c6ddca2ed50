"""The log: every event is built here, whether it goes to standard error (`--log-json`) or to a file (`--log-file`).

An event has a name, the time, a number for this call of the program (`run`), and counts, codes and row numbers. No
personal data: no cell, no e-mail address, no session, no sentence that could quote one.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import time
from datetime import datetime
from functools import cache
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

from pipeline.cli.outlets import visible_json
from pipeline.domain import events
from pipeline.domain.attempt_rules import Created
from pipeline.domain.errors import UsageError
from pipeline.domain.events import Event
from pipeline.domain.model import Outcome
from pipeline.domain.session_states import Paid

MOST_BYTES: Final = 10 * 1024 * 1024
"""Size at which a log file is set aside and a new one begun."""

KEPT: Final = 5
"""Log files that are kept beside the present one."""


LINE_EVERY: Final = 10.0
"""Seconds between two events of progress, and between two lines of it where there is no terminal."""


class Log:
    """Where events go. `run` tells the lines of one process from those of another in the same file."""

    def __init__(self, handlers: tuple[logging.Handler, ...]) -> None:
        self._run = secrets.token_hex(4)
        self._logger = logging.getLogger(f"flinks-import.{self._run}")
        self._logger.setLevel(logging.INFO)
        # Other libraries' lines may quote what is personal: nothing of theirs comes here, nor of ours there.
        self._logger.propagate = False
        self._logger.addHandler(logging.NullHandler())
        for handler in handlers:
            self._logger.addHandler(handler)

    def event(self, name: str, **fields: object) -> None:
        """Tell that something has happened. Never raises: a log that can't be written stops nothing."""
        moment = datetime.now().astimezone().isoformat(timespec="seconds")
        line = {"time": moment, "event": name, "run": self._run, **fields}
        self._logger.info("%s", visible_json(json.dumps(line, ensure_ascii=False)))


@cache
def log_to(file: str, *, to_stderr: bool) -> Log:
    """The log of this process: to standard error, to `file`, to both or to none.

    Raises UsageError when the file can't be written.
    """
    handlers: list[logging.Handler] = [_Quiet(sys.stderr)] if to_stderr else []
    if file:
        path = Path(file).expanduser()
        try:
            handlers.append(_PrivateFile(path, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8"))
        except OSError as error:
            raise UsageError(
                "Can't write the log {path} ({error}). Choose another with --log-file, or create its folder.",
                path=path,
                error=error.strerror,
            ) from None
    return Log(tuple(handlers))


class LogListener:
    """Writes events to the log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._total = self._done = self._failed = 0
        self._told_at = 0.0

    def __call__(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 - a line or two for each event
        """Tell that something has happened."""
        log = self._log.event
        match event:
            case events.ReadingBegan(file):
                log("reading", file=file.name)
            case events.RowsChecked(rows):
                log("checked", rows=rows)
            case events.CorrectionsApplied(corrections, left_out, elsewhere):
                log("corrected", corrections=corrections, leftOut=left_out, elsewhere=elsewhere)
            case events.DraftChoicesTaken(batch, reading):
                log("as-on-the-page", batch=batch, reading=reading)
            case events.RepeatsReleased(rows):
                log("released", rows=rows)
            case events.SheetNoticed(notices):
                for notice in notices:
                    log("sheet-notice", code=notice.code)
            case events.SandboxStarted(base_url):
                log("sandbox-started", baseUrl=base_url)
            case events.JournalCreated(place):
                log("journal-begun", journal=place)
            case events.RunPlanned():
                log(
                    "planned",
                    batch=event.batch,
                    environment=event.environment,
                    toSend=event.to_send,
                    amount=str(event.amount),
                    emailed=event.e_mailed,
                    invalid=event.invalid,
                    leftOut=event.left_out,
                    held=event.held,
                    unknown=event.unknown,
                    alreadyCreated=event.kept,
                    until=event.until.isoformat() if event.until else None,
                    slips=len(event.slips),
                )
            case events.RunNotConfirmed():
                log("not-confirmed")
            case events.SendingBegan(total):
                self._begin("sending", total)
            case events.RowEnded(row, row_id, verdict):
                failed = not isinstance(verdict, Created)
                if failed:
                    log("row-ended", row=row, rowId=row_id, verdict=type(verdict).__name__)
                self._count(failed=failed)
            case events.RowsEnded(outcomes, held):
                rows = held + sum(outcomes.values())
                self._count(rows, failed=rows - outcomes.get(Outcome.CREATED, 0))
            case events.WorkersReady(workers):
                log("workers-ready", workers=workers)
            case events.WorkerLeftOut(worker):
                log("worker-left-out", worker=worker)
            case events.RowHeld(row, row_id):
                log("row-held", row=row, rowId=row_id)
                self._count(failed=True)
            case events.TokensSingleUse():
                log("tokens-are-single-use")
            case events.PauseAsked(until):
                log("pause-asked", until=until.isoformat(timespec="seconds"))
            case events.SendingEnded(cut=False):
                log("sent", done=self._done, failed=self._failed)
            case events.FirstSent(rows, left=left):
                log("first-sent", rows=[row.row.number for row in rows], left=left)
            case events.AskingBegan(total):
                self._begin("asking", total)
            case events.SessionAsked(row, state):
                self._done += 1
                if state is None:
                    self._failed += 1
                    log("session-not-told", row=row)
            case events.AskingEnded(cut=False):
                log("asked", done=self._done, missed=self._failed)
            case events.WatchPaused(payments):
                log("watching", **{paid.name.lower(): payments.counts[paid] for paid in Paid})
            case events.OutageBegan(reason):
                log("outage", code=reason.code)
            case events.WritingBegan():
                log("writing")
            case events.OutputPlaced(wanted, path) if path != wanted:
                log("moved-beside", wanted=str(wanted), path=str(path))
            case events.RowNeedsFixing(row):
                log("row-needs-fixing", row=row.row.number, codes=[fault.code for fault in row.errors])

    def _begin(self, name: str, total: int) -> None:
        self._log.event(name, total=total)
        self._total, self._done, self._failed = total, 0, 0
        self._told_at = time.monotonic()

    def _count(self, rows: int = 1, *, failed: int) -> None:
        self._done += rows
        self._failed += failed
        if time.monotonic() - self._told_at >= LINE_EVERY:
            self._told_at = time.monotonic()
            self._log.event("progress", done=self._done, total=self._total, failed=self._failed)


class _Quiet(logging.StreamHandler[TextIO]):
    """Standard error; a reader that has gone is no fault."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: the log must not speak of itself."""


class _PrivateFile(RotatingFileHandler):
    """A file that its owner alone can read, also after it was set aside."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_owner_only)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: a disk that is full is told by whoever needs it."""


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
