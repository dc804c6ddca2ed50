"""The signals by which a process is asked to end: what they do by themselves, during a command, during a pass.

Once is enough: whoever asks again, be it a hundred times, must not end what ends already.
"""

from __future__ import annotations

import _thread
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from types import FrameType
from typing import Any, Final, TypeVar

_Reason = TypeVar("_Reason", bound=Exception)
_heard = False


def ending() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM, and SIGHUP: the terminal was closed, or the connection to it lost.

    The last not where whoever started the process had it ignore that (`nohup`).
    """
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return (signal.SIGINT, signal.SIGTERM)
    return (signal.SIGINT, signal.SIGTERM, hangup)


def take_over() -> None:
    """From now on the first signal raises KeyboardInterrupt, and no other does anything."""
    sys.unraisablehook = _raise_again
    _listen()
    for number in ending():
        signal.signal(number, _interrupt)


def _listen() -> None:
    global _heard  # noqa: PLW0603 - a process has one set of signals
    _heard = False


def let_end() -> None:
    """From now on nothing is interrupted: what has been done is being said."""
    global _heard  # noqa: PLW0603 - as above
    _heard = True


def ignore() -> None:
    """From now on the system itself drops them: Python takes its handlers away before it has ended."""
    for number in ending():
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if not _heard:
        let_end()
        raise Interrupted(_listen)


class Interrupted(KeyboardInterrupt):
    """A signal came while nothing was in flight. `listen` undoes that no other is heard after it.

    No Exception: it is raised wherever the program happens to be, and libraries keep exceptions for themselves (pandera
    takes one in a check for a finding about the sheet).
    """

    def __init__(self, listen: Callable[[], None]) -> None:
        super().__init__()
        self.listen = listen


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    """Have the signal come again a moment later, where what it raised can be caught.

    Python drops what is raised in a callback of its garbage collector (`__del__`, a weak reference) and goes on.
    """
    if isinstance(lost.exc_value, Interrupted):
        lost.exc_value.listen()
        threading.Timer(0.01, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before: dict[signal.Signals, Any] = {}
    try:
        for number in ending():
            before[number] = signal.signal(number, handler)
        yield
    finally:
        let_end()
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def waking() -> Iterator[socket.socket]:
    """A socket that can be read as soon as a signal has come, whoever handles it: its bytes are their numbers.

    See docs.python.org/3/library/signal.html#signal.set_wakeup_fd.
    """
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(before)


# ---------------------------------------------------------------------------------------------------------------
# During a command


class Interrupts:
    """What a signal does depends on the phase: it ends the run at once while nothing is in flight, asks the loop to
    stop while something is, and is only remembered while one phase gives way to another or the results are written. So
    it is, too, once one has ended the run: what ends already is not ended again.
    """

    def __init__(self, reason: Exception) -> None:
        self.reason = reason
        self._ask: Callable[[], object] | None = None
        self._deaf = False
        self._missed = False

    @contextmanager
    def asking(self, stop: Callable[[_Reason], None], reason: _Reason) -> Iterator[None]:
        """In the context a signal asks to `stop`; after it, it is only remembered. Enter it inside the event loop."""
        import asyncio  # noqa: PLC0415 - `--help` takes over the signals too, and must not wait for it

        loop, ask = asyncio.get_running_loop(), partial(stop, reason)
        # A handler that only calls it would not wake the loop from whatever it waits for.
        self.reason, self._ask, self._deaf = reason, partial(loop.call_soon_threadsafe, ask), False
        if self._missed:
            ask()
        try:
            yield
        finally:
            self.finish()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """In the context a signal, also one that was remembered, ends it with the reason."""
        self._ask, self._deaf = None, False
        try:
            if self._missed:
                raise self.reason
            yield
        except Interrupted:
            raise self.reason from None
        finally:
            self._deaf = True

    def finish(self) -> None:
        """From here on nothing is interrupted: results are being written."""
        self._deaf = True

    def asked_to_stop(self) -> None:
        """Another thread asks for what a signal asks for. Raises nothing: while nothing is in flight it is remembered,
        and ends the run at the next question, or as soon as it would send.
        """
        self._missed = True  # first: a phase that begins at this moment looks at it
        ask = self._ask
        if ask is not None and not self._deaf:
            ask()

    def received(self, _number: int, _frame: FrameType | None) -> None:
        """A signal came. Raises Interrupted when nothing is in flight."""
        if self._deaf:
            self._missed = True
        elif self._ask is None:
            self._deaf = self._missed = True
            raise Interrupted(self._listen)
        else:
            self._ask()

    def _listen(self) -> None:
        self._deaf = False


class Stop:
    """Ends a command that works in a thread of its own, where no signal comes. Make it with `stoppable`."""

    def __init__(self) -> None:
        self._asked = False
        self._of_command: Interrupts | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._asked

    def request(self) -> None:
        """Have the command end as a signal would have it end: what is in flight is finished. For any thread."""
        self._asked = True
        if (command := self._of_command) is not None:
            command.asked_to_stop()

    def attach(self, command: Interrupts) -> None:
        """Have a command that begins listen."""
        self._of_command = command
        if self._asked:
            command.asked_to_stop()


_stop: Final[ContextVar[Stop | None]] = ContextVar("stop", default=None)


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """In this context, in a thread that is not the main one, commands listen to `stop` instead of the signals."""
    before = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(before)


@contextmanager
def interrupts(reason: Exception) -> Iterator[Interrupts]:
    """Take over the signals for the time of the context. What one of them interrupts ends with `reason`, or after
    `asking` with the reason that was given there. A thread that is not the main one has no signals: there `stoppable`
    says who ends it.
    """
    mine = Interrupts(reason)
    if threading.current_thread() is not threading.main_thread():
        if (stop := _stop.get()) is not None:
            stop.attach(mine)
        yield mine
        return
    try:
        with _handled_by(mine.received):
            try:
                yield mine
            finally:
                mine.finish()
    except Interrupted:
        raise mine.reason from None


# ---------------------------------------------------------------------------------------------------------------
# During a pass


class Signals:
    """Whether a signal to end has come. Make it with `listening`."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard
        self._ending = ending()
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
    """Listen to the signals for the time of the context, in the main thread. By themselves they end nothing.

    They are heard also while a run has taken them over, and one that the run forgot since its results were written.
    """
    with waking() as heard, _handled_by(lambda *_: None):
        yield Signals(heard)
