"""`inbox`: every sheet of a drop folder is run once, as a batch of its own, and moved where it belongs.

What was sent is known by the journal, what was taken care of by the folder; there is no third memory. So a pass that is
killed at any instant is simply made again: rows that have their session keep it, and a file that was run and not yet
moved is run once more, which asks nobody, and moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from pipeline.commands import environment
from pipeline.commands.options import Request, Result
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
from pipeline.domain.events import Emit, Event, FirstSent, RunPlanned
from pipeline.domain.model import Status
from pipeline.inbox.candidates import FileStat, markers_of
from pipeline.inbox.folder import ChangedError, Folder, SidecarFiles
from pipeline.inbox.outcomes import WORKBOOK, FileOutcome, most_serious, outcome_of
from pipeline.journal.database import sqlite_path
from pipeline.messages import N_, explain, translate
from pipeline.reader import load_mapping
from pipeline.reader.formats import check_size
from pipeline.system.scratch import scratch
from pipeline.system.signals import Signals

LONGEST_PAUSE: Final = 600.0
"""Seconds between two passes, at most, while the API does not answer."""


@dataclass(frozen=True, slots=True)
class InboxOptions:
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
class FileResult(Event):
    """What became of a file in this pass: where it and its workbook are now, and what is to be said about it.

    `result` is what its run came to; `failure` why it had none, or ended early.
    """

    name: str
    outcome: FileOutcome
    exit_code: ExitCode
    file: Path
    workbook: Path | None = None
    why: str = ""
    result: Result | None = None
    failure: RunError | None = None


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass came to. `waiting` are files that were not run: still arriving, or after what ended the pass.

    `stopped` is what ended it before all files were run, if anything did. `results` are workbooks of results, which are
    left where they lie.
    """

    handled: tuple[FileResult, ...] = ()
    waiting: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    stopped: RunError | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The most serious of all files."""
        stop = [self.stopped.exit_code] if self.stopped else []
        return most_serious([*(one.exit_code for one in self.handled), *stop])


@dataclass(frozen=True, slots=True)
class ResultsLeft(Event):
    """A results workbook lies in the folder: whoever put it there is told how to give it back."""

    name: str


@dataclass(frozen=True, slots=True)
class FileFailed(Event):
    """The program itself failed on a file."""

    error: Exception


class Inbox:
    """A drop folder under work. Make it, `check` it, then make a `one_pass` or `passes`."""

    def __init__(
        self,
        options: InboxOptions,
        settings: Settings,
        emit: Emit,
        confirm: Callable[[RunPlanned | FirstSent], bool],
        signals: Signals,
    ) -> None:
        self._options = options
        self._settings = settings
        self._emit = emit
        self._confirm = confirm
        self._signals = signals
        self._folder = Folder(options.folder, _in_use(options.template, settings))
        self._told: set[str] = set()

    def check(self) -> None:
        """Find out what would refuse every file, before any is touched: folder, settings, mapping, journal.

        Raises UsageError.
        """
        template = self._options.template
        if self._settings.second_person_required:
            raise UsageError(
                "inbox sends without a plan, and the setting second_person requires one that another person approved. "
                "Send each sheet with plan, approve and run, or set second_person for this folder to optional."
            )
        load_mapping(template.mapping)
        place = (
            environment.sandbox(self._settings, "", "", "") if template.sandbox else environment.real(self._settings)
        )
        with environment.journal_of(place, self._emit):
            pass
        self._folder.prepare()

    def passes(self, every: float) -> Iterator[PassResult]:
        """Passes until a signal comes, `every` so many seconds; more slowly while the API does not answer.

        It ends by itself where another pass would end the same way: credentials or settings are wrong.
        """
        pause = every
        while True:
            passed = self.one_pass()
            yield passed
            if isinstance(passed.stopped, CredentialsError | UsageError) or self._signals.came():
                return
            late = passed.stopped is not None or any(
                one.outcome is FileOutcome.LEFT and one.exit_code is ExitCode.STOPPED_EARLY for one in passed.handled
            )
            pause = max(every, min(pause * 2, LONGEST_PAUSE)) if late else every
            if self._signals.came_within(pause):
                return

    def one_pass(self) -> PassResult:
        """Run every sheet that has arrived whole, and move it."""
        work = _PassUnderWay()
        try:
            with self._folder.opened():
                self._folder.recover()
                self._take_all(work)
                self._folder.tidy()
        except NotADirectoryError as error:
            work.stopped = UsageError(
                "{path} is a link, or a folder of another user. Nothing in it is used. Find out "
                "who put it there and remove it; inbox creates its own.",
                path=error.filename,
            )
        except OSError as error:
            work.stopped = StoppedEarlyError(
                "Can't read the folder {folder}: {reason}. The next pass tries again.",
                folder=self._options.folder,
                reason=error.strerror or error,
            )
        return PassResult(tuple(work.handled), tuple(work.waiting), tuple(work.results), work.stopped)

    def _take_all(self, work: _PassUnderWay) -> None:
        began = time.monotonic()
        view = self._folder.look()
        work.results += view.results
        work.waiting += view.linked
        for name in view.results:
            if name not in self._told:
                self._told.add(name)
                self._emit(ResultsLeft(name))
        at_once = {name: seen for name, seen in view.sheets.items() if name in view.vouched}
        later = {name: seen for name, seen in view.sheets.items() if name not in view.vouched}
        self._take(at_once, work)
        if later and work.stopped is None:
            # By our own clock alone: that of a share may say anything.
            self._signals.came_within(began + self._options.settle - time.monotonic())
            self._take(later, work)
        else:
            work.waiting += later

    def _take(self, sheets: Mapping[str, FileStat], work: _PassUnderWay) -> None:
        for name, seen in sheets.items():
            if work.stopped is None and self._signals.came():
                work.stopped = StoppedEarlyError(
                    "Stopped at your request. Unprocessed files are still in the folder. The next pass resumes."
                )
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
                self._emit(handled)

    def _run(self, name: str, seen: FileStat) -> FileResult | None:
        """Run one sheet and move it; None when it has gone, or changed, before anything was done."""
        file = self._options.folder / name
        handled = FileResult(name, FileOutcome.LEFT, ExitCode.STOPPED_EARLY, file)
        try:
            with scratch() as private:
                try:
                    check_size(file, seen.size)
                    copy = self._folder.take(name, seen, private)
                except PermissionError:
                    handled = self._refused(
                        handled,
                        InputError(
                            "You can't read {path}. Ask its owner for access, or copy it to a folder of your own.",
                            path=str(file),
                        ),
                    )
                except InputError as failure:
                    handled = self._refused(handled, failure)
                else:
                    if copy is None:
                        return None
                    handled = self._run_copy(handled, copy)
                return handled if handled.outcome is FileOutcome.LEFT else self._moved(handled, seen, private)
        except OSError as error:
            why = translate(
                "Can't read the file: {reason}. Nothing was sent. The next pass tries again.",
                self._options.template.lang,
                reason=error.strerror or error,
            )
            return replace(handled, why=why)

    def _run_copy(self, handled: FileResult, copy: Path) -> FileResult:
        """Run a sheet from a copy that nobody else can change."""
        # Short, whatever the file's name: the workbook gets its own when it is moved.
        request = replace(self._options.template, file=copy, output=copy.parent / f".workbook{WORKBOOK}")
        try:
            return _judged(handled, run(request, self._settings, self._emit, self._confirm), self._window, request)
        except RunError as failure:
            return self._refused(handled, _about_the_file(failure, copy, handled.file))
        except Exception as error:  # noqa: BLE001 - one file must not keep the others from being run
            self._emit(FileFailed(error))
            why = translate(
                "The program failed ({kind}). Nothing is lost. To resume, put the file back in "
                "the drop folder, or run it by hand.",
                request.lang,
                kind=type(error).__name__,
            )
            return replace(handled, outcome=FileOutcome.ATTENTION, exit_code=ExitCode.BUG, why=why)

    def _refused(self, handled: FileResult, failure: RunError) -> FileResult:
        """What it means for a file that its run could not begin."""
        outcome, lang = outcome_of(failure.exit_code), self._options.template.lang
        if isinstance(failure, UsageError) and not isinstance(failure, SheetOptionError):
            outcome = FileOutcome.LEFT
        why = explain(failure, lang)
        if isinstance(failure, StaleBatchNameError):
            # The command's two ways out are options of `run`; here they are names of files.
            fresh = f"{failure.params['fresh']}{handled.file.suffix}"
            why = translate(
                "Batch {batch} was last run on {date}, more than {days} days ago, with another "
                "file. For a new month, put the file back under a new name: {fresh}. To resume "
                'the old batch: flinks-import run FILE --batch "{batch}". Nothing was sent.',
                lang,
                **{**failure.params, "fresh": fresh},
            )
        if isinstance(failure, FileSentBeforeError):
            of_customers = isinstance(failure, CustomersFileSentBeforeError)
            text = (
                N_(
                    "This file is identical to the one sent on {date} as batch {batch}. Nothing was "
                    "sent. For the same charges, delete it. For the next month, run it by hand with "
                    "a new batch name, more than {days} days after the last run: flinks-import run "
                    'FILE --batch "{fresh}".'
                )
                if of_customers
                else N_(
                    "This file is identical to the one sent on {date} as batch {batch}. Nothing was "
                    "sent. For the same charges, delete it. To send all its requests again, run it "
                    "by hand: flinks-import run FILE --allow-repeats."
                )
            )
            why = translate(text, lang, **failure.params)
        return replace(handled, outcome=outcome, exit_code=failure.exit_code, why=why, failure=failure)

    def _moved(self, handled: FileResult, seen: FileStat, private: Path) -> FileResult:
        name = handled.name
        now = self._folder.seen(name)
        if now is not None and (now != seen or not self._holds_what_was_run(handled)):
            return self._changed(handled)
        workbook = handled.workbook if handled.workbook and handled.workbook.parent == private else None
        why = handled.why if handled.outcome is not FileOutcome.DONE else ""
        try:
            markers = markers_of(name, self._folder.look().names)
            sidecars = SidecarFiles(workbook, why, markers)
            placed = self._folder.deliver(name, seen, handled.outcome, _today(), sidecars)
        except ChangedError:
            return self._changed(handled)
        except OSError as error:
            return self._not_moved(handled, error)
        if placed is None:
            why = translate("Another pass moved the file.", self._options.template.lang)
            return replace(handled, outcome=FileOutcome.LEFT, exit_code=ExitCode.BATCH_IS_BUSY, workbook=None, why=why)
        return replace(handled, file=placed.file, workbook=placed.workbook or handled.workbook)

    def _holds_what_was_run(self, handled: FileResult) -> bool:
        """Whether the file has the bytes that were run: it may look the same and have others."""
        return handled.result is None or self._folder.holds(handled.name, handled.result.report.source.sha256)

    def _changed(self, handled: FileResult) -> FileResult:
        why = translate(
            "The file changed during its run. The next pass runs it again; no request is sent twice.",
            self._options.template.lang,
        )
        return replace(handled, outcome=FileOutcome.LEFT, exit_code=ExitCode.STOPPED_EARLY, workbook=None, why=why)

    def _not_moved(self, handled: FileResult, error: OSError) -> FileResult:
        code = most_serious([handled.exit_code, ExitCode.STOPPED_EARLY])
        why = translate(
            "The file was run, but can't be moved: {reason}. The next pass tries again; no request is sent twice.",
            self._options.template.lang,
            reason=error.strerror or error,
        )
        return replace(handled, outcome=FileOutcome.LEFT, exit_code=code, workbook=None, why=why)

    @property
    def _window(self) -> timedelta:
        return timedelta(days=self._settings.repeat_window)


@dataclass(slots=True)
class _PassUnderWay:
    """A pass under way."""

    handled: list[FileResult] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    stopped: RunError | None = None


def _judged(handled: FileResult, result: Result, window: timedelta, request: Request) -> FileResult:
    """What the result of its run means for a file."""
    code, lang = result.exit_code, request.lang
    # The address is wrong for every file: this one waits where it is.
    outcome = FileOutcome.LEFT if code is ExitCode.USAGE else outcome_of(code)
    why = _why(result, request)
    since = _asked_long_ago(result, window)
    if since is not None:
        # Next month's file, byte by byte the same, would otherwise bill nobody and be called done.
        count = result.totals.counts[Status.ALREADY_CREATED]
        fresh = f"{request.file.stem}-{_today():%Y-%m}{request.file.suffix}"
        outcome, code = FileOutcome.ATTENTION, ExitCode.SOME_ROWS_NEED_FIXING
        why = translate(
            "Nothing was sent. Valid rows that already have their request: {count}, the last "
            "from {date}. For a new month, put the file back under a new name: {fresh}. If "
            "the file was dropped by mistake, do nothing.",
            lang,
            count=count,
            date=since,
            fresh=fresh,
        )
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
    if outcome_of(result.exit_code) is FileOutcome.LEFT or result.exit_code is ExitCode.USAGE:
        return "\n".join(parts) or translate("Rows not sent: {count}. The next pass resumes.", lang, count=rest)
    left_out = result.totals.left_out.rows
    told = (
        (
            result.totals.to_fix,
            N_(
                "Rows to fix: {count}. The sheet Errors of the workbook next to this file says "
                "how to fix each. Correct them there, save the workbook under another name and "
                "put it in the drop folder. No request is sent twice."
            ),
        ),
        (left_out, N_("Rows that a person left out: {count}. There is nothing to fix about them.")),
        (
            counts[Status.UNKNOWN],
            N_(
                "Rows whose outcome is unknown: {count}. Their requests may exist, so the "
                "program does not send them again. Look for each in the dashboard, then record "
                'what you find: flinks-import resolve "{batch}" ROW'
            ),
        ),
        (rest, N_("Rows not sent: {count}. To resume, put this file back in the drop folder under its original name.")),
    )
    for count, text in told:
        if count:
            parts.append(translate(text, lang, count=count, batch=result.report.batch))
    return "\n".join(parts)


def _ends_the_pass(handled: FileResult) -> RunError | None:
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
    return type(failure)(failure.text, **params)


def _in_use(template: Request, settings: Settings) -> list[Path]:
    """Files that the program works with: somebody may keep them in the folder, and they are no sheets."""
    place = environment.sandbox(settings, "", "", "").journal if template.sandbox else settings.journal
    named = [settings.log_file, settings.metrics_file, settings.password_file, settings.ca_file]
    named += [settings.notify_urls_file]
    if place and (file := sqlite_path(place)) is not None:
        named.append(str(file))
    return [Path(name) for name in named if name] + ([template.mapping] if template.mapping else [])
