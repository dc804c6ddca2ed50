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

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.notify import Ended, Notifier
    from pipeline.commands.request import Screen
    from pipeline.config.settings import Settings
    from pipeline.domain.errors import ExitCode, RunError
    from pipeline.domain.model import Totals
    from pipeline.inbox.passes import Handled, Order, Passed


@click.command()
@click.argument("folder", type=options.FILE, metavar="DIR")
@click.option("--watch", is_flag=True, help="Make a pass again and again, as a service, until it is told to end.")
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: how long to wait between two passes.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="A file without a marker is taken when it has not changed for so long.",
)
@click.option("--sandbox", is_flag=True, help="Use the built-in sandbox: no money moves, no credentials.")
@click.option("--mapping", type=options.FILE, help="A TOML file that says which heading is which field.")
@click.option(
    "--hidden",
    type=click.Choice(["refuse", "include", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do with rows that are hidden or filtered out.",
)
@click.option("--allow-open-amount", is_flag=True, help="A blank amount means that the payor chooses it.")
@click.option("--strict", is_flag=True, help="Create nothing at all of a file in which any row is invalid.")
@click.option("--max-amount", type=options.Money(), help="A row above this is invalid.  [default: 25000.00]")
@click.option(
    "--send-link/--no-send-link", default=None, help="E-mail the link for rows that do not say.  [default: no]"
)
@click.option(
    "--identity",
    metavar="FIELDS",
    help='What makes a row itself, such as referenceId,"Invoice #",#.  [default: referenceId]',
)
@click.option(
    "--repeat-window",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="How far back other batches are searched for repeats.  [default: 5]",
)
@click.option("--concurrency", type=click.IntRange(1, 512), help="Requests in flight.  [default: 16]")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second.  [default: no limit]")
@click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    metavar="N",
    help="Leave a file after N rows in a row were refused for the same reason.  [default: 20]",
)
@click.option("--yes", is_flag=True, help="Do not ask before sending (needed where nobody can answer).")
@click.option("--metrics-file", metavar="PATH", help="Write each pass's metrics as a Prometheus text file.")
@options.journal
@options.talking
def inbox(folder: Path, watch: bool, every: float, settle: float, **given: Any) -> int:
    """Run every sheet that lies in DIR, once and as a batch of its own, then move it, with its workbook.

    To done/, attention/ (a person is needed) or refused/ (nothing was sent), into a folder named by the day. A file is
    taken when it has not changed for some seconds, or at once when a marker (FILE.done, FILE.ready) lies beside it.
    After a crash the same command goes on: nobody is asked twice.

    \b
    Exit codes, the most serious of all files: 0 all done or nothing to do, 1 some rows need mending,
    2 wrong options or settings, 3 a file was refused, 4 credentials refused, 5 an outcome is unknown,
    6 stopped early, 7 another pass holds a file; the next pass takes what was left.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import call, request_of

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.inbox.passes import Order

        _refuse_without_answers(manner, sandbox=given["sandbox"])
        template = replace(request_of({**given, "file": folder}), lang=manner.lang)
        return _work(Order(template, settle), settings, manner, every if watch else None)

    return call(given, body)


def _refuse_without_answers(manner: Manner, *, sandbox: bool) -> None:
    """Nobody must learn in the morning, file by file, that nothing was sent for want of `--yes`."""
    from pipeline.domain.errors import UsageError

    if not manner.yes and not sandbox and not sys.stdin.isatty():
        raise UsageError("screen.needs_yes")


def _work(order: Order, settings: Settings, manner: Manner, every: float | None) -> int:
    from pipeline.commands.notify import notifier
    from pipeline.domain.errors import ExitCode, RunError
    from pipeline.inbox.passes import Inbox
    from pipeline.inbox.signals import listening

    told = _Telling(order, manner, notifier(settings, os.environ, manner.lang))
    with listening() as signals:
        work = Inbox(order, settings, told, signals)
        try:
            work.check()
        except RunError as failure:
            told.could_not_begin(failure)
            raise
        if every is None:
            began = time.time()
            passed = work.one_pass()
            told.passed(passed, always=True)
            told.measure(passed, settings, began)
            return passed.exit_code
        # A service says how it ended; what it met while it ran was told then.
        code = ExitCode.DONE
        began = time.time()
        for passed in work.passes(every):
            told.passed(passed, always=False)
            told.measure(passed, settings, began)
            began = time.time()
            code = passed.stopped.exit_code if passed.stopped else ExitCode.DONE
        return code


class _Telling:
    """Says what becomes of the files: a line each, JSON for a script, events for the log, and a notification."""

    def __init__(self, order: Order, manner: Manner, notifier: Notifier | None) -> None:
        from pipeline.cli.screen import log_of

        self._order = order
        self._manner = manner
        self._notifier = notifier
        self._log = log_of(manner)
        self._notified: set[tuple[str, ExitCode]] = set()

    def screen(self) -> Screen:
        from pipeline.cli.screen import screen_of

        # A night of forty files must not scroll by: what is said of each is its line.
        return screen_of(replace(self._manner, quiet=not self._manner.verbose))

    def journal_begun(self, place: str) -> None:
        from pipeline.cli.screen import screen_of

        screen_of(self._manner).journal_begun(place)

    def ended(self, handled: Handled) -> None:
        from pipeline.domain.errors import ExitCode

        self._log.event(
            "file-ended",
            file=handled.name,
            outcome=handled.outcome.value,
            exitCode=int(handled.exit_code),
            code=handled.failure.key if handled.failure else "",
            counts={status.value: n for status, n in handled.result.totals.counts.items()} if handled.result else {},
        )
        quiet = self._manner.quiet and handled.exit_code in {ExitCode.DONE, ExitCode.BATCH_IS_BUSY}
        if not self._manner.as_json and not quiet:
            click.echo(self._line(handled))

    def results_left(self, name: str) -> None:
        self._log.event("results-left", file=name)
        if not self._manner.as_json and not self._manner.quiet:
            self._say("inbox.results_left", name=name)

    def fault(self, error: Exception) -> None:
        from pipeline.cli.failing import report_bug

        self._log.event("fault", kind=type(error).__name__)
        report_bug(error)

    def passed(self, passed: Passed, *, always: bool) -> None:
        """A pass has ended. `always`: also say so when there was nothing to do."""
        from pipeline.messages import explain

        if always or passed.handled:
            self._log.event(
                "pass-ended", files=len(passed.handled), waiting=len(passed.waiting), exitCode=int(passed.exit_code)
            )
        self._notify(passed)
        if passed.stopped is not None and not any(one.failure is passed.stopped for one in passed.handled):
            click.echo(explain(passed.stopped, self._manner.lang), err=True)
        if self._manner.as_json:
            if always or passed.handled:
                click.echo(json.dumps(self._json(passed), ensure_ascii=False))
        elif self._manner.verbose:
            for name in passed.waiting:
                self._say("inbox.waiting", name=name)
        if always and not passed.handled and not self._manner.quiet and not self._manner.as_json:
            self._say("inbox.nothing", folder=self._order.folder)

    def measure(self, passed: Passed, settings: Settings, began: float) -> None:
        """Write the metrics of a pass, where a file for them is named."""
        from pipeline.cli.screen import screen_of
        from pipeline.config.settings import SANDBOX
        from pipeline.messages import say
        from pipeline.report import metrics

        if not settings.metrics_file:
            return
        path = Path(settings.metrics_file).expanduser()
        environment = SANDBOX if self._order.template.sandbox else settings.base_url.rstrip("/")
        measured = metrics.Measured(environment, _totals(passed.handled), int(passed.exit_code), began, time.time())
        try:
            screen_of(self._manner).placed(path, metrics.write(path, measured))
        except OSError as error:
            self._log.event("metrics-not-written")
            told = say("settings.bad_metrics_file", self._manner.lang, path=path, error=error.strerror)
            click.echo(told, err=True)

    def _notify(self, passed: Passed) -> None:
        """Tell people who are needed; a service does not tell of the same file in the same state twice."""
        from pipeline.commands.notify import Ended
        from pipeline.inbox.outcomes import Outcome

        known = {(one.name, one.exit_code) for one in passed.handled if one.outcome is Outcome.LEFT}
        fresh = [one for one in passed.handled if (one.name, one.exit_code) not in self._notified]
        self._notified = known
        self._tell(
            Ended(
                one.name,
                one.exit_code,
                one.result.totals if one.result else None,
                str(one.workbook or (one.file if one.outcome is not Outcome.LEFT else "")),
                one.failure,
            )
            for one in fresh
        )

    def could_not_begin(self, failure: RunError) -> None:
        """Nothing of the folder was run: the person who is needed is not at the terminal."""
        from pipeline.commands.notify import Ended

        self._tell([Ended(str(self._order.folder), failure.exit_code, failure=failure)])

    def _tell(self, ended: Iterable[Ended]) -> None:
        arrived = self._notifier.tell(ended) if self._notifier is not None else None
        if arrived is not None:
            self._log.event("notified" if arrived else "notification-failed")
        if arrived is False:
            from pipeline.messages import say

            click.echo(say("notify.failed", self._manner.lang), err=True)

    def _line(self, handled: Handled) -> str:
        from pipeline.inbox.outcomes import Outcome
        from pipeline.messages import say

        lang = self._manner.lang
        told = "; ".join(_told(handled, self._manner))
        if handled.outcome is not Outcome.LEFT:
            path = handled.file.relative_to(self._order.folder)
            told = say("inbox.moved", lang, told=told, path=path)
        return say("inbox.line", lang, outcome=handled.outcome.value, name=handled.name, told=told)

    def _json(self, passed: Passed) -> dict[str, object]:
        from pipeline.domain.model import Status
        from pipeline.messages import explain

        totals = _totals(passed.handled)
        return {
            "folder": str(self._order.folder),
            "files": [self._file_json(one) for one in passed.handled],
            "waiting": list(passed.waiting),
            "results": list(passed.results),
            "rows": totals.rows,
            "counts": {status.value: totals.counts[status] for status in Status},
            "amounts": {status.value: f"{totals.amounts[status]:.2f}" for status in Status},
            "stopped": explain(passed.stopped, self._manner.lang) if passed.stopped else None,
            "exitCode": int(passed.exit_code),
        }

    def _file_json(self, handled: Handled) -> dict[str, object]:
        """The JSON summary of a file's run, as `run` has it, and what became of the file."""
        from pipeline.cli.printing import nothing_done
        from pipeline.inbox.outcomes import Outcome

        summary: dict[str, object] = {"batch": Path(handled.name).stem, "file": handled.name}
        if handled.result is not None and handled.result.summary is not None:
            summary = dict(handled.result.summary)
        else:
            code = handled.failure.key if handled.failure else "fault"
            summary |= nothing_done(code, handled.why, handled.exit_code)
        summary |= {
            "output": str(handled.workbook) if handled.workbook else None,
            "exitCode": int(handled.exit_code),
            "outcome": handled.outcome.value,
            "movedTo": str(handled.file) if handled.outcome is not Outcome.LEFT else None,
            "message": handled.why,
        }
        return summary

    def _say(self, key: str, **params: object) -> None:
        from pipeline.messages import say

        click.echo(say(key, self._manner.lang, **params))


def _told(handled: Handled, manner: Manner) -> Iterator[str]:
    """What is said of a file in its line: its counts and dollars, or why there are none."""
    from pipeline.domain.model import Status
    from pipeline.inbox.outcomes import Outcome
    from pipeline.messages import explain, say
    from schemas.money import format_amount

    result = handled.result
    if result is None or handled.outcome is Outcome.LEFT:
        yield " ".join(handled.why.split())
    if result is None:
        return
    for status in Status:
        if result.totals.counts[status]:
            amount = format_amount(result.totals.amounts[status], manner.lang)
            yield f"{status} {result.totals.counts[status]}, {amount}"
    forecast = result.forecast
    if forecast is not None and forecast.kept and not forecast.to_send:
        yield say("inbox.all_from_before", manner.lang, count=forecast.kept, date=forecast.kept_since)
    if handled.failure is not None and handled.outcome is not Outcome.LEFT:
        yield explain(handled.failure, manner.lang)


def _totals(handled: Iterable[Handled]) -> Totals:
    from pipeline.domain.model import Totals

    return sum((one.result.totals for one in handled if one.result is not None), Totals())
