"""Who draws the rows while they are sent: a bar on a terminal, a line now and then elsewhere, events for the log.

Drawing costs next to nothing: a row is counted, and words are made a few times a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from pipeline.cli.logs import Log
from pipeline.domain.attempt_rules import Created, Verdict
from pipeline.journal.journal import Sendable
from pipeline.messages import say
from pipeline.sender.engine import Observer
from schemas.languages import Lang
from schemas.money import format_number

LINE_EVERY: Final = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_DRAWN: Final = 5
"""How often a second the bar is drawn."""
_LEAST: Final = 0.001


class Estimate:
    """How fast the rows come to their end, and how long the others will take.

    A limit on the requests a second counts from the beginning, when the first rows left in one go and say nothing yet;
    a pause that the API asked for is added while it lasts, and is no part of the pace behind it.
    """

    def __init__(self, total: int, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = self.failed = 0
        self._rate = rate
        self._clock = clock
        self._began = self._resumes = clock()
        self._paused = 0.0

    def ended(self, *, failed: bool) -> None:
        """One more row has come to its end."""
        self.done += 1
        self.failed += failed

    def pause(self, seconds: float) -> None:
        """Nothing moves for so long from now."""
        now = self._clock()
        self._paused += max(0.0, now + seconds - max(now, self._resumes))
        self._resumes = max(self._resumes, now + seconds)

    @property
    def pace(self) -> float:
        """Rows a second, pauses not counted."""
        now = self._clock()
        moving = now - self._began - (self._paused - max(0.0, self._resumes - now))
        return self.done / max(moving, _LEAST)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last row, or None while nothing is known."""
        left = self.total - self.done
        paces = [pace for pace in (self.pace, self._rate) if pace]
        if not paces:
            return None
        return left / min(paces) + max(0.0, self._resumes - self._clock())


@dataclass(slots=True)
class Silent:
    """Draws nothing."""

    def row_ended(self, row: Sendable, verdict: Verdict) -> None:
        """Nothing."""

    def row_held(self, row: Sendable) -> None:
        """Nothing."""

    def tokens_are_single_use(self) -> None:
        """Nothing."""

    def pause_asked(self, until: datetime) -> None:
        """Nothing."""


def bar(console: Console) -> Progress:
    """A progress bar for `Bar`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Words(),
        console=console,
        refresh_per_second=_DRAWN,
    )


class _Words(ProgressColumn):
    """What stands behind the bar: rate, time left, failures so far."""

    def render(self, task: Task) -> Text:
        """The words as they are now: they change while a pause lasts, when no row does."""
        drawn: Bar = task.fields["drawn"]
        return drawn.words()


class Bar:
    """A progress bar: rows done, rate, time left, failures so far."""

    def __init__(self, drawn: Progress, estimate: Estimate, lang: Lang) -> None:
        self._bar = drawn
        self._estimate = estimate
        self._lang = lang
        self._task = drawn.add_task(say("screen.sending", lang), total=estimate.total, drawn=self)

    def row_ended(self, row: Sendable, verdict: Verdict) -> None:  # noqa: ARG002 - the observer's signature
        """One row further."""
        self._advance(failed=not isinstance(verdict, Created))

    def row_held(self, row: Sendable) -> None:  # noqa: ARG002
        """One row further."""
        self._advance(failed=True)

    def tokens_are_single_use(self) -> None:
        """Said above the bar."""
        self._bar.console.print(say("screen.single_use", self._lang))

    def pause_asked(self, until: datetime) -> None:
        """Said above the bar, and added to the time left."""
        self._estimate.pause(_seconds_to(until))
        self._bar.console.print(say("screen.pause", self._lang, time=f"{until:%H:%M}"))

    def words(self) -> Text:
        """What stands behind the bar."""
        estimate = self._estimate
        left = estimate.seconds_left
        said = Text(f"{format_number(estimate.pace, self._lang)}/s {'-:--' if left is None else _duration(left)}")
        if estimate.failed:
            said.append(f" {say('screen.failures', self._lang, count=estimate.failed)}", style="yellow")
        return said

    def _advance(self, *, failed: bool) -> None:
        self._estimate.ended(failed=failed)
        self._bar.advance(self._task)


class Lines:
    """A line of progress now and then."""

    def __init__(self, console: Console, estimate: Estimate, lang: Lang) -> None:
        self._console = console
        self._estimate = estimate
        self._lang = lang
        self._told_at = time.monotonic()

    def row_ended(self, row: Sendable, verdict: Verdict) -> None:  # noqa: ARG002 - the observer's signature
        """One row further."""
        self._count(failed=not isinstance(verdict, Created))

    def row_held(self, row: Sendable) -> None:  # noqa: ARG002
        """One row further."""
        self._count(failed=True)

    def tokens_are_single_use(self) -> None:
        """A line."""
        self._console.print(say("screen.single_use", self._lang))

    def pause_asked(self, until: datetime) -> None:
        """A line, and added to the time left."""
        self._estimate.pause(_seconds_to(until))
        self._console.print(say("screen.pause", self._lang, time=f"{until:%H:%M}"))

    def last(self) -> None:
        """Say the last count, whenever the line before was; nothing where no row came to an end."""
        if self._estimate.done:
            self._tell("screen.progress_end")  # also where it was stopped before the end: nothing is to come

    def _count(self, *, failed: bool) -> None:
        self._estimate.ended(failed=failed)
        if time.monotonic() - self._told_at >= LINE_EVERY:
            self._tell("screen.progress")

    def _tell(self, key: str) -> None:
        self._told_at = time.monotonic()
        estimate = self._estimate
        shown = format_number(estimate.pace, self._lang)
        counts = {"done": estimate.done, "total": estimate.total, "pace": shown, "failed": estimate.failed}
        self._console.print(say(key, self._lang, left=_duration(estimate.seconds_left or 0.0), **counts))


class Events:
    """An event now and then, and one for each row that has no session."""

    def __init__(self, log: Log, total: int) -> None:
        self.done = self.failed = 0
        self._log = log
        self._total = total
        self._told_at = time.monotonic()

    def row_ended(self, row: Sendable, verdict: Verdict) -> None:
        """Counted; told if it has no session."""
        failed = not isinstance(verdict, Created)
        if failed:
            self._log.event("row-ended", row=row.number, rowId=row.row_id, verdict=type(verdict).__name__)
        self._count(failed=failed)

    def row_held(self, row: Sendable) -> None:
        """Counted and told."""
        self._log.event("row-held", row=row.number, rowId=row.row_id)
        self._count(failed=True)

    def tokens_are_single_use(self) -> None:
        """Told."""
        self._log.event("tokens-are-single-use")

    def pause_asked(self, until: datetime) -> None:
        """Told."""
        self._log.event("pause-asked", until=until.isoformat(timespec="seconds"))

    def _count(self, *, failed: bool) -> None:
        self.done += 1
        self.failed += failed
        if time.monotonic() - self._told_at >= LINE_EVERY:
            self._told_at = time.monotonic()
            self._log.event("progress", done=self.done, total=self._total, failed=self.failed)


@dataclass(frozen=True, slots=True)
class Each:
    """Several observers at once."""

    observers: tuple[Observer, ...]

    def row_ended(self, row: Sendable, verdict: Verdict) -> None:
        """To all of them."""
        for observer in self.observers:
            observer.row_ended(row, verdict)

    def row_held(self, row: Sendable) -> None:
        """To all of them."""
        for observer in self.observers:
            observer.row_held(row)

    def tokens_are_single_use(self) -> None:
        """To all of them."""
        for observer in self.observers:
            observer.tokens_are_single_use()

    def pause_asked(self, until: datetime) -> None:
        """To all of them."""
        for observer in self.observers:
            observer.pause_asked(until)


def _seconds_to(until: datetime) -> float:
    return (until - datetime.now(until.tzinfo)).total_seconds()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
