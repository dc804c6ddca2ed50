"""How far it has come, for people: a bar on a terminal, a line now and then elsewhere.

Drawing costs next to nothing: a row is counted, and words are made a few times a second at most.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from pipeline.cli.logs import LINE_EVERY
from pipeline.domain import attempt_rules, events
from pipeline.domain.events import Event
from pipeline.domain.model import Outcome
from pipeline.messages import N_, Plural, explain, translate
from schemas.languages import Lang
from schemas.money import format_number

_DRAWN: Final = 5
"""How often a second the bar is drawn."""
_LEAST: Final = 0.001

_BECAME: Final[dict[Outcome, Plural]] = {
    Outcome.CREATED: Plural("{count} created", "{count} created"),
    Outcome.REJECTED: Plural("{count} rejected", "{count} rejected"),
    Outcome.NOT_CREATED: Plural("{count} failed", "{count} failed"),
    Outcome.UNKNOWN: Plural("{count} unknown", "{count} unknown"),
}
"""What became of requests, by the words of the statuses."""
_HELD: Final = Plural("{count} held, not sent", "{count} held, not sent")


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

    def ended(self, rows: int = 1, *, failed: int) -> None:
        """So many more rows have come to their end, so many of them without a request."""
        self.done += rows
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


class SendingProgress:
    """Rows while they are sent: how many, their rate, time left, failures so far. From `SendingBegan` to its end."""

    def __init__(
        self,
        console: Console,
        lang: Lang,
        total: int,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.estimate = Estimate(total, rate, clock)
        self._console = console
        self._lang = lang
        self._told_at = time.monotonic()
        self._outcomes = Counter[Outcome]()
        self._held = 0
        words = _PaceColumn(self)
        self._bar = _begin_bar(console, translate("Sending", lang), total, words) if console.is_terminal else None

    def __call__(self, event: Event) -> None:  # noqa: C901 - a line or two for each event
        """Show it, if it is about the rows."""
        match event:
            case events.RowEnded(verdict=verdict):
                self._outcomes[attempt_rules.outcome_of(verdict)] += 1
                self._advance(failed=not isinstance(verdict, attempt_rules.Created))
            case events.RowHeld():
                self._held += 1
                self._advance(failed=True)
            case events.RowsEnded(outcomes, held):
                self._outcomes.update(outcomes)
                self._held += held
                failed = held + sum(outcomes.values()) - outcomes.get(Outcome.CREATED, 0)
                self._advance(held + sum(outcomes.values()), failed=failed)
            case events.WorkersReady(workers):
                self._console.print(
                    translate(Plural("{count} worker sends.", "{count} workers send."), self._lang, count=workers)
                )
            case events.WorkerLeftOut(worker, reason):
                silent = N_("Worker {worker} does not respond. Its rows are sent in the end.")
                what = N_("Worker {worker} gets no rows. It says: {said}") if reason is not None else silent
                said = explain(reason, self._lang) if reason is not None else ""
                self._console.print(translate(what, self._lang, worker=worker, said=said), markup=False)
            case events.TokensSingleUse():
                self._console.print(
                    translate(
                        "The API accepts each access token only once. The program gets a new one before each request.",
                        self._lang,
                    )
                )
            case events.PauseAsked(until):
                self.estimate.pause((until - datetime.now(until.tzinfo)).total_seconds())
                self._console.print(
                    translate(
                        "The API asks for a pause until {time}. Nothing is sent before then. Ctrl-C ends "
                        "the run; run the same command again to resume.",
                        self._lang,
                        time=f"{until:%H:%M}",
                    )
                )
            case events.SendingEnded(cut):
                if self._bar is not None:
                    self._bar.stop()
                if self.estimate.done and not cut:
                    self._console.print(self._result(), markup=False)

    def words(self) -> Text:
        """What stands behind the bar."""
        left = self.estimate.seconds_left
        pace = format_number(self.estimate.pace, self._lang)
        said = Text(f"{pace}/s {'-:--' if left is None else _duration(left)}")
        if self.estimate.failed:
            said.append(" ").append(
                translate("to review: {count}", self._lang, count=self.estimate.failed), style="yellow"
            )
        return said

    def _result(self) -> str:
        """What became of the requests."""
        lang, sent = self._lang, self._outcomes.total()
        became = [
            translate(words, lang, count=format_number(self._outcomes[outcome], lang))
            for outcome, words in _BECAME.items()
            if self._outcomes[outcome]
        ]
        if self._held:
            became.append(translate(_HELD, lang, count=format_number(self._held, lang)))
        told = {"count": format_number(sent, lang), "became": ", ".join(became)}
        return translate(Plural("Sent {count} request: {became}", "Sent {count} requests: {became}"), lang, **told)

    def _advance(self, rows: int = 1, *, failed: int) -> None:
        self.estimate.ended(rows, failed=failed)
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], rows)
        elif time.monotonic() - self._told_at >= LINE_EVERY:
            self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        estimate = self.estimate
        told = {
            "done": estimate.done,
            "total": estimate.total,
            "pace": format_number(estimate.pace, self._lang),
            "left": _duration(estimate.seconds_left or 0.0),
            "failed": estimate.failed,
        }
        self._console.print(
            translate("{done} of {total} sent, {pace} per second, {left} left, to review: {failed}", self._lang, **told)
        )


class SessionProgress:
    """Sessions while they are asked about or cancelled. From `AskingBegan` to its end."""

    def __init__(self, console: Console, lang: Lang, task: str, total: int) -> None:
        self._console = console
        self._lang = lang
        self._total = total
        self._done = 0
        self._told_at = time.monotonic()
        self._bar = _begin_bar(console, task, total, TimeRemainingColumn()) if console.is_terminal else None

    def __call__(self, event: Event) -> None:
        """Show it, if it is about the sessions."""
        match event:
            case events.SessionAsked():
                self._done += 1
                if self._bar is not None:
                    self._bar.advance(self._bar.task_ids[0])
                elif time.monotonic() - self._told_at >= LINE_EVERY:
                    self._tell()
            case events.AskingEnded(cut):
                if self._bar is not None:
                    self._bar.stop()
                elif not cut:
                    self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        self._console.print(
            translate("{done} of {total}", self._lang, done=self._done, total=self._total), markup=False
        )


class _PaceColumn(ProgressColumn):
    """What stands behind the bar: rate, time left, failures so far."""

    def __init__(self, progress: SendingProgress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: Task) -> Text:  # noqa: ARG002 - rich's signature
        """The words as they are now: they change while a pause lasts, when no row does."""
        return self._progress.words()


def _begin_bar(console: Console, task: str, total: int, column: ProgressColumn) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), column)
    bar = Progress(*columns, console=console, refresh_per_second=_DRAWN)
    bar.start()
    bar.add_task(task, total=total)
    return bar


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
