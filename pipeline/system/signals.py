"""The signals by which a process is asked to end, and what they do while no command has taken them over.

Once is enough: whoever asks again, be it a hundred times, must not end what ends already.
"""

from __future__ import annotations

import signal
from types import FrameType

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
    global _heard  # noqa: PLW0603 - a process has one set of signals
    _heard = False
    for number in ending():
        signal.signal(number, _interrupt)


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
        raise KeyboardInterrupt
