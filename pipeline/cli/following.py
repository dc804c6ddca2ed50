"""Who shows that sessions are asked about or cancelled: a bar on a terminal, lines elsewhere, events in the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from pipeline.cli.consoles import SafeConsole
from pipeline.cli.logs import Log
from pipeline.cli.outlets import visible
from pipeline.cli.printing import output_console
from pipeline.cli.screen import Manner, log_of
from pipeline.cli.watching import LINE_EVERY
from pipeline.domain.errors import RunError, StoppedEarlyError, UsageError
from pipeline.domain.model import SessionState
from pipeline.domain.payment_summary import Payments
from pipeline.domain.session_states import Paid
from pipeline.journal.states import Session
from pipeline.messages import say
from pipeline.report.summary import Written, meaning_of_paid
from pipeline.sender.polling import FollowObserver
from schemas.languages import Lang
from schemas.money import format_amount, format_number

_STYLES: Final[dict[Paid, str]] = {Paid.YES: "green", Paid.NOT_YET: "yellow", Paid.NO: "red"}


class FollowLines:
    """The screen of `status` and `cancel`, on standard error."""

    def __init__(self, manner: Manner, task: str) -> None:
        self._manner = manner
        self._task = task
        self._console = SafeConsole(stderr=True, soft_wrap=not sys.stderr.isatty())
        self._log = log_of(manner)

    @contextmanager
    def asking(self, total: int) -> Iterator[FollowObserver]:
        """A bar where there is a terminal, else a line now and then."""
        self._log.event("asking", total=total)
        silent = self._manner.quiet or self._manner.log_json or not total
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            refresh_per_second=5,
            disable=silent or not self._console.is_terminal,
        ) as bar:
            task = bar.add_task(say(self._task, self._manner.lang), total=total)
            lines = None if silent or self._console.is_terminal else self._console
            watched = _Watched(total, self._log, self._manner.lang, lines, partial(bar.advance, task))
            yield watched
            watched.last()
        self._log.event("asked", done=watched.done, missed=watched.missed)

    def watching(self, payments: Payments, seconds: float) -> None:
        """Where it stands between two rounds of `--watch`."""
        counts = {verdict.name.lower(): payments.counts[verdict] for verdict in Paid}
        self._log.event("watching", **counts)
        if not (self._manner.quiet or self._manner.log_json):
            told = {"paid": counts["yes"], "open": counts["not_yet"], "no": counts["no"], "seconds": f"{seconds:g}"}
            line = say("status.watching", self._manner.lang, time=time.strftime("%H:%M:%S"), **told)
            self._console.print(line, markup=False)

    def outage(self, reason: RunError, seconds: float) -> None:
        """That the API is out of reach between two rounds of `--watch`, and that it is asked again."""
        self._log.event("outage", code=reason.key)
        if not (self._manner.quiet or self._manner.log_json):
            told = {"time": time.strftime("%H:%M:%S"), "seconds": f"{seconds:g}"}
            self._console.print(say("status.outage", self._manner.lang, **told), markup=False)


@dataclass(slots=True)
class _Watched:
    """Counts the sessions that are done. `lines` is where a line is written now and then, None where a bar is drawn."""

    total: int
    log: Log
    lang: Lang
    lines: Console | None
    advance: Callable[[], None]
    done: int = 0
    missed: int = 0
    told_at: float = field(default_factory=time.monotonic)

    def session_done(self, session: Session, state: SessionState | None) -> None:
        """One more; the row of one that told nothing goes to the log."""
        self.done += 1
        if state is None:
            self.missed += 1
            self.log.event("session-not-told", row=session.row)
        self.advance()
        if time.monotonic() - self.told_at >= LINE_EVERY:
            self.last()

    def tokens_are_single_use(self) -> None:
        """The same event as in a run."""
        self.log.event("tokens-are-single-use")

    def last(self) -> None:
        """Say the count, if there is anything to count."""
        self.told_at = time.monotonic()
        if self.lines is not None and self.total:
            self.lines.print(say("status.progress", self.lang, done=self.done, total=self.total), markup=False)


def agreed(question: str, manner: Manner, *, safe: bool) -> bool:
    """Ask before something is changed, unless it is `safe` (the sandbox) or `--yes` was given.

    Raises UsageError where nobody can answer, StoppedEarlyError for Ctrl-C.
    """
    if safe or manner.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("status.needs_yes")
    try:
        return Confirm.ask(Text(visible(question)), console=SafeConsole(stderr=True), default=False)
    except (EOFError, click.Abort):
        return False
    except KeyboardInterrupt:
        raise StoppedEarlyError("run.interrupted_before") from None


def print_payments(payments: Payments, manner: Manner) -> None:
    """Who has paid, as a table on standard output."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(say("status.column_paid", manner.lang), no_wrap=True)
    for key in ("screen.column_rows", "screen.column_amount"):
        table.add_column(say(key, manner.lang), justify="right", no_wrap=True)
    table.add_column(say("screen.column_meaning", manner.lang))
    for verdict in Paid:
        amount = format_amount(payments.amounts[verdict], manner.lang)
        meaning = meaning_of_paid(verdict, manner.lang)
        rows = format_number(payments.counts[verdict], manner.lang)
        table.add_row(Text(verdict, style=_STYLES[verdict]), rows, amount, meaning)
    total = format_amount(sum(payments.amounts.values(), Decimal(0)), manner.lang)
    table.add_section()
    rows = format_number(sum(payments.counts.values()), manner.lang)
    table.add_row(Text(say("screen.total", manner.lang), style="bold"), rows, total)
    console = output_console()
    console.print(table)
    asked = payments.asked_at.isoformat(timespec="seconds")
    console.print(say("status.asked_at", manner.lang, time=asked), markup=False)


def print_workbook(written: Written, manner: Manner) -> None:
    """Where the workbook is."""
    output_console().print(Text(say("screen.workbook", manner.lang, path=written.path), style="bold"))


def paid_json(payments: Payments | None) -> dict[str, object]:
    """Rows and dollars by whether they were paid, for scripts."""
    return {
        verdict.value: {
            "rows": payments.counts[verdict] if payments else 0,
            "amount": f"{payments.amounts[verdict]:.2f}" if payments else "0.00",
        }
        for verdict in Paid
    }
