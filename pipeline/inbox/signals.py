"""Hears that the process is asked to end, also while a run listens to the signals in its own way.

A run takes over the signals for its time, and forgets one that came while its results were written. Python tells every
signal to the wakeup socket as well, whoever handles it (docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
"""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pipeline.system import signals


class Signals:
    """Whether a signal to end has come. Make it with `listening`."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard
        self._ending = signals.ending()
        self._came = False

    def came(self) -> bool:
        """Whether a signal to end has come since the beginning."""
        return self.came_within(0)

    def came_within(self, seconds: float) -> bool:
        """Wait so long, or until a signal to end comes; returns whether one has come. Costs nothing meanwhile."""
        if not self._came and select.select([self._heard], [], [], max(0.0, seconds))[0]:
            self._came = any(number in self._ending for number in self._heard.recv(64))
        return self._came


@contextmanager
def listening() -> Iterator[Signals]:
    """Listen to the signals for the time of the context, in the main thread. By themselves they end nothing."""
    heard, told = socket.socketpair()
    told.setblocking(False)
    handlers: dict[signal.Signals, Any] = {}
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        for number in signals.ending():
            handlers[number] = signal.signal(number, _only_noted)
        yield Signals(heard)
    finally:
        signals.let_end()
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        heard.close()
        told.close()


def _only_noted(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the wakeup socket was told."""
