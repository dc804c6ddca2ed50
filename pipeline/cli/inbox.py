"""The command `inbox`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import N_, explain, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.commands.notify import RunEnd
    from pipeline.config.settings import Settings
    from pipeline.domain.errors import ExitCode
    from pipeline.domain.events import Event
    from pipeline.domain.model import Totals
    from pipeline.inbox.passes import FileResult, InboxOptions, PassResult


_WORDS = {"done": N_("done"), "attention": N_("attention"), "refused": N_("refused"), "left": N_("left")}
"""What is said of each `FileOutcome`."""


@click.command(
    cls=Command,
    epilog="""
    Examples:
      # One pass, for cron.
      flinks-import inbox /srv/billing --yes
      # As a service.
      flinks-import inbox /srv/billing --yes --watch --log-json
      flinks-import inbox drop --sandbox

    Exit codes, the most serious of all files:
      0  everything is done, or there was nothing to do
      1  some rows are invalid, rejected or held
      2  the command line or the settings are wrong
      3  a file was refused
      4  the API refused the credentials
      5  the outcome of a row is unknown
      6  stopped early; the next pass takes the rest
      7  another pass is using a file; the next pass takes it
    """,
)
@click.argument("folder", type=options.FILE, metavar="DIR")
@click.option("--watch", is_flag=True, help="Run as a service: make one pass after another.")
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: the pause between two passes.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="Take a file without a marker once it has not changed for SECONDS.",
)
@click.option("--sandbox", is_flag=True, help="Use the built-in sandbox: no money moves, no credentials are needed.")
@options.mapping
@click.option(
    "--hidden",
    type=click.Choice(["refuse", "include", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do with rows that are hidden, filtered out or struck through.",
)
@click.option("--allow-open-amount", is_flag=True, help="Accept a blank amount: the payor chooses it.")
@click.option("--strict", is_flag=True, help="Send nothing of a file in which any row is invalid.")
@click.option(
    "--max-amount", type=options.Money(), metavar="AMOUNT", help="A row above AMOUNT is invalid.  [default: 25000.00]"
)
@click.option(
    "--send-link/--no-send-link",
    default=None,
    help="Whether the API e-mails the link, for rows that do not say.  [default: no]",
)
@click.option(
    "--identity",
    metavar="FIELDS",
    help='What identifies a row, such as referenceId,"Invoice #". Add # to accept equal rows, each as its own.'
    "  [default: referenceId]",
)
@click.option(
    "--repeat-window",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="How many days back to search other batches for the same charge, where no reference names it.  [default: 5]",
)
@options.pace
@click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    metavar="N",
    help="Leave a file when N rows in a row fail for the same reason.  [default: 20]",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (needed without a terminal).")
@click.option("--metrics-file", metavar="FILE", help="Write the metrics of each pass to a Prometheus text file.")
@options.journal
@options.talking
def inbox(folder: Path, watch: bool, every: float, settle: float, **given: Any) -> int:
    """Run each sheet in DIR once, as a batch of its own, then move it together with its workbook.

    It goes to done/, attention/ (a person is needed) or refused/ (nothing was sent), into a folder for the day. A file
    is taken when it has not changed for some seconds, or at once when there is a marker for it (FILE.done, FILE.ready).
    After a crash, run the same command again: nobody is asked twice.
    """
    from pipeline.cli.runner import call, request_of

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.inbox.passes import InboxOptions

        _refuse_without_answers(manner, sandbox=given["sandbox"])
        template = replace(request_of({**given, "file": folder}), lang=manner.lang)
        return _work(InboxOptions(template, settle), settings, manner, every if watch else None)

    return call(given, body)


def _refuse_without_answers(manner: Manner, *, sandbox: bool) -> None:
    """Nobody must learn in the morning, file by file, that nothing was sent for want of `--yes`."""
    from pipeline.domain.errors import UsageError

    if not manner.yes and not sandbox and not sys.stdin.isatty():
        raise UsageError(
            "There is no terminal to confirm on. Add --yes to send without confirmation. Nothing was sent."
        )


def _work(inbox_options: InboxOptions, settings: Settings, manner: Manner, every: float | None) -> int:
    from pipeline.cli.console import confirm_run
    from pipeline.cli.runner import tell_people, write_metrics
    from pipeline.commands.notify import RunEnd, notifier
    from pipeline.config.settings import environment_name
    from pipeline.domain.errors import ExitCode, RunError
    from pipeline.inbox.passes import Inbox
    from pipeline.report.metrics import Measured
    from pipeline.system.signals import listening

    template = inbox_options.template
    listener = _InboxListener(inbox_options.folder, manner)
    people = notifier(settings, os.environ, manner.lang)
    with listening() as signals:
        work = Inbox(inbox_options, settings, listener, lambda question: confirm_run(question, manner), signals)
        try:
            work.check()
        except RunError as failure:
            # The person who is needed is not at the terminal.
            tell_people([RunEnd(str(inbox_options.folder), failure.exit_code, failure=failure)], people, manner)
            raise
        code, began = ExitCode.DONE, time.time()
        for passed in work.passes(every) if every is not None else [work.one_pass()]:
            always = every is None
            listener.log_pass(passed, always=always)
            tell_people(listener.news_of(passed), people, manner)
            listener.print_pass(passed, always=always)
            environment = environment_name(settings, in_sandbox=template.sandbox)
            totals = _totals(passed.handled)
            measured = Measured(environment, totals, int(passed.exit_code), began, time.time())
            write_metrics(measured, settings, manner)
            began = time.time()
            # A service says how it ended; what it met while it ran was told then.
            ended = passed.stopped.exit_code if passed.stopped else ExitCode.DONE
            code = passed.exit_code if always else ended
        return code


class _InboxListener:
    """Says what becomes of the files: a line each, JSON for a script, events for the log."""

    def __init__(self, folder: Path, manner: Manner) -> None:
        from pipeline.cli.console import emit_for, log_of

        self._folder = folder
        self._manner = manner
        # A night of forty files must not scroll by: what is said of each is its line.
        self._of_run = emit_for(replace(manner, quiet=not manner.verbose))
        self._log = log_of(manner)
        self._notified: set[tuple[str, ExitCode]] = set()

    def __call__(self, event: Event) -> None:
        from pipeline.cli.crash_report import report_bug
        from pipeline.inbox.passes import FileFailed, FileResult, ResultsLeft

        match event:
            case FileResult():
                self._file_ended(event)
            case ResultsLeft(name):
                self._log.event("results-left", file=name)
                if not self._manner.as_json and not self._manner.quiet:
                    self._say(
                        N_(
                            "left: {name} is a results workbook. To use its corrected sheet Errors, save it "
                            "under another name."
                        ),
                        name=name,
                    )
            case FileFailed(error):
                self._log.event("fault", kind=type(error).__name__)
                report_bug(error)
            case _:
                self._of_run(event)

    def _file_ended(self, handled: FileResult) -> None:
        from pipeline.domain.errors import ExitCode

        self._log.event(
            "file-ended",
            file=handled.name,
            outcome=handled.outcome.value,
            exitCode=int(handled.exit_code),
            code=handled.failure.code if handled.failure else "",
            counts={status.value: n for status, n in handled.result.totals.counts.items()} if handled.result else {},
        )
        quiet = self._manner.quiet and handled.exit_code in {ExitCode.DONE, ExitCode.BATCH_IS_BUSY}
        if not self._manner.as_json and not quiet:
            say(self._line(handled))

    def log_pass(self, passed: PassResult, *, always: bool) -> None:
        """A pass has ended. `always`: also say so when there was nothing to do."""
        if always or passed.handled:
            self._log.event(
                "pass-ended", files=len(passed.handled), waiting=len(passed.waiting), exitCode=int(passed.exit_code)
            )

    def print_pass(self, passed: PassResult, *, always: bool) -> None:
        """The same for people and scripts."""
        if passed.stopped is not None and not any(one.failure is passed.stopped for one in passed.handled):
            say(explain(passed.stopped, self._manner.lang), err=True)
        if self._manner.as_json:
            if always or passed.handled:
                from pipeline.cli.printing import with_error

                told = with_error(self._json(passed), passed.stopped, self._manner.lang)
                click.echo(json.dumps(told, ensure_ascii=False))
        elif self._manner.verbose:
            for name in passed.waiting:
                self._say(N_("left: {name} is still arriving, or was not reached in this pass."), name=name)
        if always and not passed.handled and not self._manner.quiet and not self._manner.as_json:
            self._say(N_("Nothing to do in {folder}."), folder=self._folder)

    def news_of(self, passed: PassResult) -> list[RunEnd]:
        """What people are told: a service does not tell of the same file in the same state twice."""
        from pipeline.commands.notify import RunEnd
        from pipeline.inbox.outcomes import FileOutcome

        known = {(one.name, one.exit_code) for one in passed.handled if one.outcome is FileOutcome.LEFT}
        fresh = [one for one in passed.handled if (one.name, one.exit_code) not in self._notified]
        self._notified = known
        return [
            RunEnd(
                one.name,
                one.exit_code,
                one.result.totals if one.result else None,
                str(one.workbook or (one.file if one.outcome is not FileOutcome.LEFT else "")),
                one.failure,
            )
            for one in fresh
        ]

    def _line(self, handled: FileResult) -> str:
        from pipeline.inbox.outcomes import FileOutcome

        lang = self._manner.lang
        told = "; ".join(_told(handled, self._manner))
        if handled.outcome is not FileOutcome.LEFT:
            path = handled.file.relative_to(self._folder)
            told = translate("{told} → {path}", lang, told=told, path=path)
        return translate(
            "{outcome}: {name}: {told}",
            lang,
            outcome=translate(_WORDS[handled.outcome.value], lang),
            name=handled.name,
            told=told,
        )

    def _json(self, passed: PassResult) -> dict[str, object]:
        from pipeline.domain.model import Status

        totals = _totals(passed.handled)
        return {
            "folder": str(self._folder),
            "files": [self._file_json(one) for one in passed.handled],
            "waiting": list(passed.waiting),
            "results": list(passed.results),
            "rows": totals.rows,
            "counts": {status.value: totals.counts[status] for status in Status},
            "amounts": {status.value: f"{totals.amounts[status]:.2f}" for status in Status},
            "stopped": explain(passed.stopped, self._manner.lang) if passed.stopped else None,
            "exitCode": int(passed.exit_code),
        }

    def _file_json(self, handled: FileResult) -> dict[str, object]:
        """The JSON summary of a file's run, as `run` has it, and what became of the file."""
        from pipeline.cli.printing import nothing_done
        from pipeline.inbox.outcomes import FileOutcome

        summary: dict[str, object] = {"batch": Path(handled.name).stem, "file": handled.name}
        if handled.result is not None and handled.result.summary is not None:
            summary = dict(handled.result.summary)
        else:
            code = handled.failure.code if handled.failure else "fault"
            summary |= nothing_done(code, handled.why, handled.exit_code)
        summary |= {
            "output": str(handled.workbook) if handled.workbook else None,
            "exitCode": int(handled.exit_code),
            "outcome": handled.outcome.value,
            "movedTo": str(handled.file) if handled.outcome is not FileOutcome.LEFT else None,
            "message": handled.why,
        }
        return summary

    def _say(self, text: str, **params: object) -> None:

        say(translate(text, self._manner.lang, **params))


def _told(handled: FileResult, manner: Manner) -> Iterator[str]:
    """What is said of a file in its line: its counts and dollars, or why there are none."""
    from pipeline.domain.model import Status
    from pipeline.inbox.outcomes import FileOutcome
    from schemas.money import format_amount
    from schemas.workbook_names import word

    result = handled.result
    if result is None or handled.outcome is FileOutcome.LEFT:
        yield " ".join(handled.why.split())
    if result is None:
        return
    for status in Status:
        if result.totals.counts[status]:
            amount = format_amount(result.totals.amounts[status], manner.lang)
            yield f"{word(status, manner.lang)} {result.totals.counts[status]}, {amount}"
    forecast = result.forecast
    if forecast is not None and forecast.kept and not forecast.to_send:
        yield translate(
            "nothing sent; rows that already have their request: {count}, the last from {date}",
            manner.lang,
            count=forecast.kept,
            date=forecast.kept_since,
        )
    if handled.failure is not None and handled.outcome is not FileOutcome.LEFT:
        yield explain(handled.failure, manner.lang)


def _totals(handled: Iterable[FileResult]) -> Totals:
    from pipeline.domain.model import Totals

    return sum((one.result.totals for one in handled if one.result is not None), Totals())
