"""Ctrl-C and SIGTERM: what is in flight ends, the workbook is written, the exit code is 6."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from pipeline.model import StoppedEarly
from pipeline.send.stop import Stop

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What a signal does depends on the phase: before sending it ends the run, while sending it asks the loop to
    stop, and while the results are written it is only remembered.
    """

    def __init__(self) -> None:
        self._stop: Stop | None = None
        self._deaf = False

    def hand_to(self, stop: Stop | None) -> None:
        """From here on a signal asks `stop`; None: it ends the run at once."""
        self._stop = stop

    def finish(self) -> None:
        """From here on nothing is interrupted: results are being written."""
        self._deaf = True

    def received(self, _number: int, _frame: FrameType | None) -> None:
        """A signal came. Raises StoppedEarly when nothing is being sent."""
        if self._deaf:
            return
        if self._stop is None:
            raise StoppedEarly("run.interrupted_before")
        self._stop.request_from_signal(StoppedEarly("run.interrupted"))


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take over the signals for the time of the context."""
    mine = Interrupts()
    before = {number: signal.signal(number, mine.received) for number in _SIGNALS}
    try:
        yield mine
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
