"""Who shows what happens while a command works: text for people, a bar on a terminal, events for the log.

Everything here goes to standard error; standard output is for the result. Nothing here has personal data: counts,
amounts, names of files and environments, row numbers.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.prompt import Confirm
from rich.text import TextType

from pipeline.cli.consoles import SafeConsole
from pipeline.cli.logs import Log, log_to
from pipeline.cli.watching import Bar, Each, Estimate, Events, Lines, Silent, bar
from pipeline.commands.request import Announcement
from pipeline.config.settings import SANDBOX
from pipeline.domain.errors import StoppedEarlyError, UsageError
from pipeline.domain.model import ReportRow
from pipeline.messages import say
from pipeline.sender.engine import Observer
from schemas.faults import Fault, sentence, sentences
from schemas.languages import Lang
from schemas.money import format_amount, from_cents


@dataclass(frozen=True, slots=True)
class Manner:
    """How the user wants to be spoken to."""

    lang: Lang = "en"
    yes: bool = False
    quiet: bool = False
    verbose: bool = False
    log_json: bool = False
    as_json: bool = False
    log_file: str = ""


class LineScreen:
    """Lines for people on standard error; a progress bar where it is a terminal."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._console = SafeConsole(stderr=True, soft_wrap=not sys.stderr.isatty())

    def reading(self, file: Path) -> None:
        self._tell("screen.reading", file=file.name)

    def checked(self, rows: int) -> None:
        if self._manner.verbose:
            self._tell("screen.checked", rows=rows)

    def sheet_notices(self, notices: tuple[Fault, ...]) -> None:
        if not self._manner.quiet:
            for notice in notices:
                self._console.print(f"  {sentence(notice, self._manner.lang)}", markup=False, style="yellow")

    def sandbox_started(self, base_url: str) -> None:
        if self._manner.verbose:
            self._tell("screen.sandbox", base_url=base_url)

    def journal_begun(self, place: str) -> None:
        # Also when it is to be quiet: a memory that begins empty keeps nobody from being asked again.
        self._console.print(say("journal.begun", self._manner.lang, place=place), markup=False)

    def confirm(self, announcement: Announcement) -> bool:
        if not self._manner.quiet or _must_ask(announcement, self._manner):
            for line in announced(announcement, self._manner.lang):
                self._console.print(line, markup=False)
        return _consent(announcement, self._manner, self._console)

    @contextmanager
    def sending(self, total: int, rate: float | None) -> Iterator[Observer]:
        if self._manner.quiet:
            yield Silent()
        elif self._console.is_terminal:
            with bar(self._console) as drawn:
                yield Bar(drawn, Estimate(total, rate), self._manner.lang)
        else:
            lines = Lines(self._console, Estimate(total, rate), self._manner.lang)
            yield lines
            lines.last()

    def go_on_after_first(self, rows: list[ReportRow], left: int) -> bool:
        for row in rows:
            # A launch URL opens the payment page: it is shown to a person who is here, and kept out of logs.
            link = row.launch_url if self._console.is_terminal else ""
            told = link or sentences(row.errors, self._manner.lang)
            line = say("screen.first_row", self._manner.lang, row=row.row.number, status=row.status, told=told)
            self._console.print(line.rstrip(), markup=False)
        return _ask(say("screen.go_on", self._manner.lang, left=left), self._console)

    def writing(self) -> None:
        if self._manner.verbose:
            self._tell("screen.writing")

    def placed(self, wanted: Path, path: Path) -> None:
        if path != wanted:  # said whatever `-q`: somebody looks for it at its usual place
            key = "report.moved_beside" if path.parent == wanted.parent else "report.moved_elsewhere"
            self._console.print(say(key, self._manner.lang, wanted=wanted, path=path), markup=False)

    def row_needs_mending(self, row: ReportRow, messages: list[str]) -> None:
        for message in messages:
            line = say("screen.row", self._manner.lang, row=row.row.number, told=message)
            self._console.print(line, markup=False)

    def _tell(self, key: str, **params: object) -> None:
        if not self._manner.quiet:
            self._console.print(say(key, self._manner.lang, **params), markup=False)


class AskingScreen:
    """Shows nothing and asks what must be asked: the log speaks instead (`--log-json`)."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner

    def reading(self, file: Path) -> None:
        pass

    def checked(self, rows: int) -> None:
        pass

    def sheet_notices(self, notices: tuple[Fault, ...]) -> None:
        pass

    def sandbox_started(self, base_url: str) -> None:
        pass

    def journal_begun(self, place: str) -> None:
        pass

    def confirm(self, announcement: Announcement) -> bool:
        return _consent(announcement, self._manner, SafeConsole(stderr=True))

    @contextmanager
    def sending(self, total: int, rate: float | None) -> Iterator[Observer]:  # noqa: ARG002 - as the protocol has it
        yield Silent()

    def go_on_after_first(self, rows: list[ReportRow], left: int) -> bool:  # noqa: ARG002
        return _ask(say("screen.go_on", self._manner.lang, left=left), SafeConsole(stderr=True))

    def writing(self) -> None:
        pass

    def placed(self, wanted: Path, path: Path) -> None:
        pass

    def row_needs_mending(self, row: ReportRow, messages: list[str]) -> None:
        pass


class LoggedScreen:
    """Tells the log what happens, and passes it on to who shows it."""

    def __init__(self, shown: LineScreen | AskingScreen, log: Log) -> None:
        self._shown = shown
        self._log = log

    def reading(self, file: Path) -> None:
        self._log.event("reading", file=file.name)
        self._shown.reading(file)

    def checked(self, rows: int) -> None:
        self._log.event("checked", rows=rows)
        self._shown.checked(rows)

    def sheet_notices(self, notices: tuple[Fault, ...]) -> None:
        for notice in notices:
            self._log.event("sheet-notice", code=notice.code)
        self._shown.sheet_notices(notices)

    def sandbox_started(self, base_url: str) -> None:
        self._log.event("sandbox-started", baseUrl=base_url)
        self._shown.sandbox_started(base_url)

    def journal_begun(self, place: str) -> None:
        self._log.event("journal-begun", journal=place)
        self._shown.journal_begun(place)

    def confirm(self, announcement: Announcement) -> bool:
        forecast = announcement.forecast
        self._log.event(
            "planned",
            batch=announcement.batch,
            environment=announcement.environment,
            toSend=forecast.to_send,
            amount=str(from_cents(forecast.to_send_cents)),
            emailed=forecast.e_mailed,
            invalid=forecast.invalid,
            held=forecast.held,
            unknown=forecast.unknown,
            alreadyCreated=forecast.kept,
            until=announcement.request.until.isoformat() if announcement.request.until else None,
        )
        consent = self._shown.confirm(announcement)
        if not consent:
            self._log.event("not-confirmed")
        return consent

    @contextmanager
    def sending(self, total: int, rate: float | None) -> Iterator[Observer]:
        self._log.event("sending", total=total)
        events = Events(self._log, total)
        with self._shown.sending(total, rate) as observer:
            yield Each((events, observer))
        self._log.event("sent", done=events.done, failed=events.failed)

    def go_on_after_first(self, rows: list[ReportRow], left: int) -> bool:
        self._log.event("first-sent", rows=[row.row.number for row in rows], left=left)
        return self._shown.go_on_after_first(rows, left)

    def writing(self) -> None:
        self._log.event("writing")
        self._shown.writing()

    def placed(self, wanted: Path, path: Path) -> None:
        if path != wanted:
            self._log.event("moved-beside", wanted=str(wanted), path=str(path))
        self._shown.placed(wanted, path)

    def row_needs_mending(self, row: ReportRow, messages: list[str]) -> None:
        self._log.event("row-needs-mending", row=row.row.number, codes=[fault.code for fault in row.errors])
        self._shown.row_needs_mending(row, messages)


def log_of(manner: Manner) -> Log:
    """The log that the user's options ask for. Raises UsageError when its file can't be written."""
    return log_to(manner.log_file, to_stderr=manner.log_json)


def screen_of(manner: Manner) -> LineScreen | LoggedScreen:
    """The screen that the user's options ask for."""
    if manner.log_json:
        return LoggedScreen(AskingScreen(manner), log_of(manner))
    shown = LineScreen(manner)
    return LoggedScreen(shown, log_of(manner)) if manner.log_file else shown


# ---------------------------------------------------------------------------------------------------------------
# Asking


def announced(announcement: Announcement, lang: Lang) -> Iterator[str]:
    """What is going to happen, in a few lines."""
    forecast = announcement.forecast
    amount = format_amount(from_cents(forecast.to_send_cents), lang)
    key = "screen.environment_sandbox" if announcement.environment == SANDBOX else "screen.environment"
    yield say(key, lang, batch=announcement.batch, environment=announcement.environment)
    yield say("screen.to_send", lang, rows=forecast.to_send, amount=amount)
    if forecast.e_mailed:
        yield say("screen.e_mailed", lang, count=forecast.e_mailed)
    if links := forecast.to_send - forecast.e_mailed:
        yield say("screen.links", lang, count=links)
    for count, key in (
        (forecast.kept, "screen.left_kept"),
        (forecast.invalid, "screen.left_invalid"),
        (forecast.held, "screen.left_held"),
        (forecast.unknown, "screen.left_unknown"),
    ):
        if count:
            yield say(key, lang, count=count)
    if (until := announcement.request.until) is not None:
        # A time of day that is just past means tomorrow's: said with its date, or nobody would know.
        key = "screen.until" if until.date() == datetime.now(until.tzinfo).date() else "screen.until_later"
        yield say(key, lang, time=f"{until:%H:%M}", date=until.date())


def _must_ask(announcement: Announcement, manner: Manner) -> bool:
    return announcement.environment != SANDBOX and not manner.yes


def _consent(announcement: Announcement, manner: Manner, console: Console) -> bool:
    """Ask before anything is sent, except to the sandbox. Raises UsageError where nobody can answer."""
    if not _must_ask(announcement, manner):
        return True
    if not sys.stdin.isatty():
        raise UsageError("screen.needs_yes")
    key = "screen.confirm_production" if announcement.production else "screen.confirm"
    return _ask(say(key, manner.lang), console)


def _ask(question: str, console: Console) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return _Question.ask(question, console=console, default=False)
    except (EOFError, click.Abort):
        return False
    except KeyboardInterrupt:
        raise StoppedEarlyError("run.interrupted_before") from None


class _Question(Confirm):
    """A yes or no that a signal ends for certain."""

    @classmethod
    def get_input(cls, console: Console, prompt: TextType, password: bool, stream: TextIO | None = None) -> str:
        """Show the question, wait for a line or a signal, read the line."""
        console.print(prompt, end="")
        _wait_for_a_line()
        return super().get_input(console, "", password, stream)


def _wait_for_a_line() -> None:
    """Return when something can be read from the terminal; a signal is handled at once.

    `input` alone overhears a signal that comes in the instant before it begins to read: its handler runs when the
    person has answered. What a signal writes into the pipe is kept until somebody looks.
    """
    if sys.platform == "win32":
        return  # select takes no terminal there
    waking, woken = socket.socketpair()
    with waking, woken:
        woken.setblocking(False)
        before = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        try:
            select.select([sys.stdin, waking], [], [])
        finally:
            signal.set_wakeup_fd(before)
