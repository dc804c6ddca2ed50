"""`inbox`: every sheet of a drop folder is run once, as a batch of its own, and moved where it belongs.

What was sent is known by the journal, what was taken care of by the folder; there is no third memory. So a pass that is
killed at any instant is simply made again: rows that have their session keep it, and a file that was run and not yet
moved is run once more, which asks nobody, and moved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from pipeline.commands import where
from pipeline.commands.request import Request, Result, Screen
from pipeline.commands.run import run
from pipeline.config.settings import Settings
from pipeline.domain.errors import (
    ApiUnreachableError,
    CredentialsError,
    CustomersFileSentBeforeError,
    ExitCode,
    FileSentBeforeError,
    InputError,
    InterruptedRunError,
    JournalUnusableError,
    NeedsPersonError,
    RunError,
    SheetOptionError,
    StaleBatchNameError,
    StoppedEarlyError,
    UsageError,
)
from pipeline.domain.model import Status
from pipeline.inbox.candidates import Seen, markers_of
from pipeline.inbox.folder import ChangedError, Folder, Luggage
from pipeline.inbox.outcomes import WORKBOOK, Outcome, most_serious, outcome_of
from pipeline.inbox.signals import Signals
from pipeline.journal.database import sqlite_path
from pipeline.messages import explain, say
from pipeline.reader import load_mapping
from pipeline.reader.formats import check_size
from pipeline.system.scratch import scratch

LONGEST_PAUSE: Final = 600.0
"""Seconds between two passes, at most, while the API does not answer."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a pass. `template` is the request of each file's run; its `file` is the folder.

    `settle` is how many seconds a file must not change before it is taken for whole.
    """

    template: Request
    settle: float

    @property
    def folder(self) -> Path:
        """The drop folder."""
        return self.template.file


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a file in this pass: where it and its workbook are now, and what is to be said about it.

    `result` is what its run came to; `failure` why it had none, or ended early.
    """

    name: str
    outcome: Outcome
    exit_code: ExitCode
    file: Path
    workbook: Path | None = None
    why: str = ""
    result: Result | None = None
    failure: RunError | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """What a pass came to. `waiting` are files that were not run: still arriving, or after what ended the pass.

    `stopped` is what ended it before all files were run, if anything did. `results` are workbooks of results, which are
    left where they lie.
    """

    handled: tuple[Handled, ...] = ()
    waiting: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    stopped: RunError | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The most serious of all files."""
        stop = [self.stopped.exit_code] if self.stopped else []
        return most_serious([*(one.exit_code for one in self.handled), *stop])


class Watcher(Protocol):
    """Who shows what happens."""

    def screen(self) -> Screen:
        """Who shows the run of a file."""

    def journal_begun(self, place: str) -> None:
        """A journal was made."""

    def ended(self, handled: Handled) -> None:
        """A file has been dealt with."""

    def results_left(self, name: str) -> None:
        """A results workbook lies in the folder: whoever put it there is told how to give it back."""

    def fault(self, error: Exception) -> None:
        """The program itself failed on a file."""


class Inbox:
    """A drop folder under work. Make it, `check` it, then make a `one_pass` or `passes`."""

    def __init__(self, order: Order, settings: Settings, watcher: Watcher, signals: Signals) -> None:
        self._order = order
        self._settings = settings
        self._watcher = watcher
        self._signals = signals
        self._folder = Folder(order.folder, _in_use(order.template, settings))
        self._told: set[str] = set()

    def check(self) -> None:
        """Find out what would refuse every file, before any is touched: folder, settings, mapping, journal.

        Raises UsageError.
        """
        template = self._order.template
        if template.mapping is not None:
            load_mapping(template.mapping)
        place = where.sandbox(self._settings, "", "", "") if template.sandbox else where.real(self._settings)
        with where.journal_of(place, self._watcher.journal_begun):
            pass
        self._folder.prepare()

    def passes(self, every: float) -> Iterator[Passed]:
        """Passes until a signal comes, `every` so many seconds; more slowly while the API does not answer.

        It ends by itself where another pass would end the same way: credentials or settings are wrong.
        """
        pause = every
        while True:
            passed = self.one_pass()
            yield passed
            if isinstance(passed.stopped, CredentialsError | UsageError) or self._signals.came():
                return
            late = passed.stopped is not None or any(_is_late(one) for one in passed.handled)
            pause = max(every, min(pause * 2, LONGEST_PAUSE)) if late else every
            if self._signals.came_within(pause):
                return

    def one_pass(self) -> Passed:
        """Run every sheet that has arrived whole, and move it."""
        work = _Pass()
        try:
            with self._folder.opened():
                self._folder.recover()
                self._take_all(work)
                self._folder.tidy()
        except NotADirectoryError as error:
            work.stopped = UsageError("inbox.not_ours", path=error.filename)
        except OSError as error:
            work.stopped = StoppedEarlyError(
                "inbox.unreachable", folder=self._order.folder, reason=error.strerror or error
            )
        return Passed(tuple(work.handled), tuple(work.waiting), tuple(work.results), work.stopped)

    def _take_all(self, work: _Pass) -> None:
        began = time.monotonic()
        view = self._folder.look()
        work.results += view.results
        work.waiting += view.linked
        for name in view.results:
            if name not in self._told:
                self._told.add(name)
                self._watcher.results_left(name)
        at_once = {name: seen for name, seen in view.sheets.items() if name in view.vouched}
        later = {name: seen for name, seen in view.sheets.items() if name not in view.vouched}
        self._take(at_once, work)
        if later and work.stopped is None:
            # By our own clock alone: that of a share may say anything.
            self._signals.came_within(began + self._order.settle - time.monotonic())
            self._take(later, work)
        else:
            work.waiting += later

    def _take(self, sheets: Mapping[str, Seen], work: _Pass) -> None:
        for name, seen in sheets.items():
            if work.stopped is None and self._signals.came():
                work.stopped = StoppedEarlyError("inbox.interrupted")
            if work.stopped is not None:
                work.waiting.append(name)
                continue
            now = self._folder.seen(name)
            if now != seen:
                if now is not None:
                    work.waiting.append(name)
                continue
            handled = self._run(name, seen)
            if handled is None:
                if self._folder.seen(name) is not None:
                    work.waiting.append(name)
            else:
                work.handled.append(handled)
                work.stopped = _ends_the_pass(handled)
                self._watcher.ended(handled)

    def _run(self, name: str, seen: Seen) -> Handled | None:
        """Run one sheet and move it; None when it has gone, or changed, before anything was done."""
        file = self._order.folder / name
        handled = Handled(name, Outcome.LEFT, ExitCode.STOPPED_EARLY, file)
        try:
            with scratch() as private:
                try:
                    check_size(file, seen.size)
                    copy = self._folder.take(name, seen, private)
                except PermissionError:
                    handled = self._refused(handled, InputError("sheet.no_permission", path=str(file)))
                except InputError as failure:
                    handled = self._refused(handled, failure)
                else:
                    if copy is None:
                        return None
                    handled = self._run_copy(handled, copy)
                return handled if handled.outcome is Outcome.LEFT else self._moved(handled, seen, private)
        except OSError as error:
            why = say("inbox.cannot_take", self._order.template.lang, reason=error.strerror or error)
            return replace(handled, why=why)

    def _run_copy(self, handled: Handled, copy: Path) -> Handled:
        """Run a sheet from a copy that nobody else can change."""
        # Short, whatever the file's name: the workbook gets its own when it is moved.
        request = replace(self._order.template, file=copy, output=copy.parent / f".workbook{WORKBOOK}")
        try:
            return _judged(handled, run(request, self._settings, self._watcher.screen()), self._window, request)
        except RunError as failure:
            return self._refused(handled, _about_the_file(failure, copy, handled.file))
        except Exception as error:  # noqa: BLE001 - one file must not keep the others from being run
            self._watcher.fault(error)
            why = say("inbox.fault", request.lang, kind=type(error).__name__)
            return replace(handled, outcome=Outcome.ATTENTION, exit_code=ExitCode.BUG, why=why)

    def _refused(self, handled: Handled, failure: RunError) -> Handled:
        """What it means for a file that its run could not begin."""
        outcome, lang = outcome_of(failure.exit_code), self._order.template.lang
        if isinstance(failure, UsageError) and not isinstance(failure, SheetOptionError):
            outcome = Outcome.LEFT
        why = explain(failure, lang)
        if isinstance(failure, StaleBatchNameError):
            # The command's two ways out are options of `run`; here they are names of files.
            fresh = f"{failure.params['fresh']}{handled.file.suffix}"
            why = say("inbox.old_batch", lang, **{**failure.params, "fresh": fresh})
        if isinstance(failure, FileSentBeforeError):
            of_customers = isinstance(failure, CustomersFileSentBeforeError)
            key = "inbox.same_file_of_customers" if of_customers else "inbox.same_file"
            why = say(key, lang, **failure.params)
        return replace(handled, outcome=outcome, exit_code=failure.exit_code, why=why, failure=failure)

    def _moved(self, handled: Handled, seen: Seen, private: Path) -> Handled:
        name = handled.name
        now = self._folder.seen(name)
        if now is not None and (now != seen or not self._holds_what_was_run(handled)):
            return self._changed(handled)
        workbook = handled.workbook if handled.workbook and handled.workbook.parent == private else None
        why = handled.why if handled.outcome is not Outcome.DONE else ""
        try:
            markers = markers_of(name, self._folder.look().names)
            luggage = Luggage(workbook, why, markers)
            placed = self._folder.deliver(name, seen, handled.outcome, _today(), luggage)
        except ChangedError:
            return self._changed(handled)
        except OSError as error:
            return self._not_moved(handled, error)
        if placed is None:
            why = say("inbox.taken", self._order.template.lang)
            return replace(handled, outcome=Outcome.LEFT, exit_code=ExitCode.BATCH_IS_BUSY, workbook=None, why=why)
        return replace(handled, file=placed.file, workbook=placed.workbook or handled.workbook)

    def _holds_what_was_run(self, handled: Handled) -> bool:
        """Whether the file has the bytes that were run: it may look the same and have others."""
        return handled.result is None or self._folder.holds(handled.name, handled.result.report.source.sha256)

    def _changed(self, handled: Handled) -> Handled:
        why = say("inbox.changed", self._order.template.lang)
        return replace(handled, outcome=Outcome.LEFT, exit_code=ExitCode.STOPPED_EARLY, workbook=None, why=why)

    def _not_moved(self, handled: Handled, error: OSError) -> Handled:
        code = most_serious([handled.exit_code, ExitCode.STOPPED_EARLY])
        why = say("inbox.cannot_move", self._order.template.lang, reason=error.strerror or error)
        return replace(handled, outcome=Outcome.LEFT, exit_code=code, workbook=None, why=why)

    @property
    def _window(self) -> timedelta:
        return timedelta(days=self._settings.repeat_window)


@dataclass(slots=True)
class _Pass:
    """A pass under way."""

    handled: list[Handled] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    stopped: RunError | None = None


def _judged(handled: Handled, result: Result, window: timedelta, request: Request) -> Handled:
    """What the result of its run means for a file."""
    code, lang = result.exit_code, request.lang
    # The address is wrong for every file: this one waits where it is.
    outcome = Outcome.LEFT if code is ExitCode.USAGE else outcome_of(code)
    why = _why(result, request)
    since = _asked_long_ago(result, window)
    if since is not None:
        # Next month's file, byte by byte the same, would otherwise bill nobody and be called done.
        count = result.totals.counts[Status.ALREADY_CREATED]
        fresh = f"{request.file.stem}-{_today():%Y-%m}{request.file.suffix}"
        outcome, code = Outcome.ATTENTION, ExitCode.SOME_ROWS_NEED_MENDING
        why = say("inbox.from_before", lang, count=count, date=since, fresh=fresh)
    workbook = result.written.path if result.written else None
    return replace(
        handled, outcome=outcome, exit_code=code, workbook=workbook, why=why, result=result, failure=result.failure
    )


def _asked_long_ago(result: Result, window: timedelta) -> date | None:
    """When everybody had been asked, if that was before this file's time and nobody was asked now."""
    forecast = result.forecast
    if result.exit_code is not ExitCode.DONE or forecast is None or forecast.to_send or not forecast.kept_since:
        return None
    since = date.fromisoformat(forecast.kept_since)
    return since if since < _today() - window else None


def _today() -> date:
    """The day by the clock of whoever will look."""
    return datetime.now().astimezone().date()


def _why(result: Result, request: Request) -> str:
    """What a person is to do about a file, a paragraph each; empty when there is nothing."""
    counts, lang = result.totals.counts, request.lang
    parts = [explain(result.failure, lang)] if result.failure else []
    if isinstance(result.failure, InputError):
        return parts[0]
    rest = counts[Status.FAILED] + counts[Status.NOT_SENT]
    if outcome_of(result.exit_code) is Outcome.LEFT or result.exit_code is ExitCode.USAGE:
        return "\n".join(parts) or say("inbox.next_pass", lang, count=rest)
    to_mend = sum(counts[status] for status in (Status.INVALID, Status.REJECTED, Status.HELD))
    told = ((to_mend, "inbox.to_mend"), (counts[Status.UNKNOWN], "inbox.unknown"), (rest, "inbox.rest"))
    for count, key in told:
        if count:
            parts.append(say(key, lang, count=count, batch=result.report.batch))
    return "\n".join(parts)


def _is_late(handled: Handled) -> bool:
    return handled.outcome is Outcome.LEFT and handled.exit_code is ExitCode.STOPPED_EARLY


def _ends_the_pass(handled: Handled) -> RunError | None:
    """What of a file's run would happen to every other file too."""
    failure = handled.failure
    match failure:
        case SheetOptionError():
            return None
        case UsageError() | CredentialsError() | NeedsPersonError():
            return failure
        case JournalUnusableError() | ApiUnreachableError() | InterruptedRunError():
            return failure
        case _:
            return None


def _about_the_file(failure: RunError, copy: Path, file: Path) -> RunError:
    """The same failure, about the file that people know and not about its copy."""
    params = {key: str(file) if told == str(copy) else told for key, told in failure.params.items()}
    return type(failure)(failure.key, **params)


def _in_use(template: Request, settings: Settings) -> list[Path]:
    """Files that the program works with: somebody may keep them in the folder, and they are no sheets."""
    place = where.sandbox(settings, "", "", "").journal if template.sandbox else settings.journal
    named = [settings.log_file, settings.metrics_file, settings.password_file, settings.ca_file]
    named += [settings.notify_urls_file]
    if place and (file := sqlite_path(place)) is not None:
        named.append(str(file))
    return [Path(name) for name in named if name] + ([template.mapping] if template.mapping else [])
