"""Ctrl-C, SIGTERM, SIGHUP: what is in flight ends, the workbook is written, the exit code is 6."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pipeline.domain.errors import InterruptedRunError, StoppedEarlyError
from pipeline.sender.cancellation import Stop
from pipeline.system import signals


class Interrupted(KeyboardInterrupt):
    """A signal came while nothing was in flight. `reason` is what it means.

    No Exception: it is raised wherever the program happens to be, and libraries keep exceptions for themselves (pandera
    takes one in a check for a finding about the sheet).
    """

    def __init__(self, reason: StoppedEarlyError) -> None:
        super().__init__(reason.key)
        self.reason = reason


class Interrupts:
    """What a signal does depends on the phase: it ends the run at once while nothing is in flight, asks the loop to
    stop while something is, and is only remembered while one phase gives way to another or the results are written. So
    it is, too, once one has ended the run: what ends already is not ended again.
    """

    def __init__(self) -> None:
        self._reason = StoppedEarlyError("run.interrupted_before")
        self._stop: Stop | None = None
        self._deaf = False
        self._missed = False

    @contextmanager
    def asking(self, stop: Stop) -> Iterator[None]:
        """In the context a signal asks `stop`; after it, it is only remembered. Enter it inside the event loop."""
        self._reason, self._stop, self._deaf = InterruptedRunError("run.interrupted"), stop, False
        if self._missed:
            stop.request(self._reason)
        try:
            yield
        finally:
            self.finish()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """In the context a signal, also one that was remembered, ends it with StoppedEarlyError."""
        self._stop, self._deaf = None, False
        try:
            if self._missed:
                raise self._reason
            yield
        except Interrupted as interrupted:
            raise interrupted.reason from None
        finally:
            self._deaf = True

    def finish(self) -> None:
        """From here on nothing is interrupted: results are being written."""
        self._deaf = True

    def received(self, _number: int, _frame: FrameType | None) -> None:
        """A signal came. Raises Interrupted when nothing is in flight."""
        if self._deaf:
            self._missed = True
        elif self._stop is None:
            self._deaf = self._missed = True
            raise Interrupted(self._reason)
        else:
            self._stop.request_from_signal(self._reason)


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take over the signals for the time of the context; what one of them interrupts ends with StoppedEarlyError."""
    mine = Interrupts()
    before: dict[signal.Signals, Any] = {}
    try:
        for number in signals.ending():
            before[number] = signal.signal(number, mine.received)
        yield mine
    except Interrupted as interrupted:
        raise interrupted.reason from None
    finally:
        mine.finish()
        signals.let_end()
        for number, handler in before.items():
            signal.signal(number, handler)
