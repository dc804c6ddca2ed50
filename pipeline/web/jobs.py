"""What works on when nobody looks: a run, a round of questions to the API. One at a time for a batch.

Each has a thread of its own; what happens in it is counted here, and the pages show the counts. A listener only adds:
the sending loop calls it for each row.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pipeline.domain import events
from pipeline.domain.attempt_rules import outcome_of
from pipeline.domain.errors import RunError
from pipeline.domain.events import Event, FirstSent, RunPlanned
from pipeline.messages import Message, on_page
from pipeline.system.signals import Stop, stoppable

SENDING: Final = "sending"
ASKING: Final = "asking"
CANCELLING: Final = "cancelling"

HELD: Final = "held"
"""Counted beside the outcomes: rows that were held at the last moment."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, as its page shows it."""

    phase: str = "reading"
    total: int = 0
    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    paused_until: datetime | None = None
    question: FirstSent | None = None


class Job:
    """One command that works in the background. `result` is what it returned; `failure` why it could not begin.

    `draft` is the sheet that is sent; `expected` how many requests and dollars a person was shown: for another number
    nothing is sent.
    """

    def __init__(
        self, kind: str, batch: str, draft: int | None = None, expected: tuple[int, Decimal] | None = None
    ) -> None:
        self.kind = kind
        self.batch = batch
        self.draft = draft
        self._expected = expected
        self.stop = Stop()
        self.result: Any = None
        self.failure: RunError | None = None
        self.fault: Message | None = None
        self._phase = "reading"
        self._total = self._done = 0
        self._counts: Counter[str] = Counter()
        self._paused_until: datetime | None = None
        self._question: FirstSent | None = None
        self._answer: bool | None = None
        self._changed = threading.Condition()
        self._ended = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return not self._ended.is_set()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(self._phase, self._total, self._done, dict(self._counts), self._paused_until, self._question)

    def emit(self, event: Event) -> None:
        """Take into account what happened."""
        match event:
            case events.RowEnded(_, _, verdict):
                self._done += 1
                self._counts[outcome_of(verdict)] += 1
                self._paused_until = None
            case events.RowHeld():
                self._done += 1
                self._counts[HELD] += 1
            case events.SessionAsked():
                self._done += 1
            case events.RowsChecked(rows):
                self._phase, self._done = "checking", rows
            case events.SendingBegan(total) | events.AskingBegan(total):
                self._phase, self._total, self._done = "sending", total, 0
            case events.PauseAsked(until):
                self._paused_until = until
            case events.WritingBegan():
                self._phase = "writing"
            case _:
                pass

    def confirm(self, question: RunPlanned | FirstSent) -> bool:
        """Whether to go on: asked on the page after the first rows, and not again for what the page has asked."""
        if not isinstance(question, FirstSent):
            return self._expected in {None, (question.to_send, question.amount)}
        with self._changed:
            self._question = question
            while self._answer is None and not self.stop.asked:
                self._changed.wait()
            self._question = None
            self._changed.notify_all()
            return bool(self._answer)

    def answer(self, go_on: bool) -> None:
        """Answer the question of a job that waits for it."""
        with self._changed:
            if self._question is not None:
                self._answer = go_on
                self._changed.notify_all()

    def settled(self, seconds: float) -> None:
        """Wait a moment until an answer was heard, so that nobody is asked the same again."""
        with self._changed:
            self._changed.wait_for(lambda: self._question is None, seconds)

    def request_stop(self) -> None:
        """Have it end as Ctrl-C ends a run: what is in flight is finished, the rest is not sent."""
        with self._changed:
            self.stop.request()
            self._changed.notify_all()

    def work(self, body: Callable[[Job], Any], report_fault: Callable[[BaseException], Message]) -> None:
        """Do the work; in the job's thread."""
        try:
            with stoppable(self.stop), on_page():
                self.result = body(self)
        except RunError as failure:
            self.failure = failure
        except Exception as error:  # noqa: BLE001 - the thread's end: what nobody reported would be lost
            self.fault = report_fault(error)
        finally:
            self._phase = "ended"
            self._ended.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; returns whether it has ended."""
        return self._ended.wait(seconds)


class Jobs:
    """The jobs of a running page by place and batch: those that work, and the last of each that has ended."""

    def __init__(self, report_fault: Callable[[BaseException], Message]) -> None:
        self._report_fault = report_fault
        self._jobs: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()

    def start(self, place: str, job: Job, body: Callable[[Job], Any]) -> bool:
        """Start a job unless another works on its batch; returns whether it was started."""
        with self._lock:
            at_work = self._jobs.get((place, job.batch))
            if at_work is not None and at_work.running:
                return False
            self._jobs[place, job.batch] = job
        threading.Thread(target=job.work, args=(body, self._report_fault), name=f"{job.kind} {job.batch}").start()
        return True

    def of(self, place: str, batch: str) -> Job | None:
        """The job of a batch that works, or worked last."""
        return self._jobs.get((place, batch))

    def is_at_work(self, place: str, batch: str) -> bool:
        """Whether a job works on a batch."""
        job = self.of(place, batch)
        return job is not None and job.running

    def running(self) -> Iterable[Job]:
        """Those that work."""
        return [job for job in list(self._jobs.values()) if job.running]

    def end(self) -> bool:
        """Ask all to stop and wait until they have; returns whether any worked."""
        at_work = self.running()
        for job in at_work:
            job.request_stop()
        for job in at_work:
            job.wait()
        return bool(at_work)
