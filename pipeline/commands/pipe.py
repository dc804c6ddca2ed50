"""Objects through pipes between two processes of this program, without waiting longer than was said."""

from __future__ import annotations

import os
import pickle
import select
import threading
from contextlib import suppress
from typing import Final

_HEAD: Final = 8  # bytes that say how long a message is
_BLOCK: Final = 1 << 16


class Pipe:
    """One side of a conversation: what it reads from and what it writes to are file descriptors of pipes.

    `send` may be called from several threads, `receive` from one. A `patience` is in seconds, None for ever.
    """

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._sending = threading.Lock()
        os.set_blocking(read, False)
        os.set_blocking(write, False)

    def send(self, message: object, patience: float | None) -> None:
        """Send an object whole. Raises TimeoutError when the other side takes nothing for so long, OSError when it has
        gone.
        """
        with self._sending:
            left = memoryview(_framed(message))
            while left:
                try:
                    left = left[os.write(self._write, left[:_BLOCK]) :]
                except BlockingIOError:
                    if not select.select([], [self._write], [], patience)[1]:
                        raise TimeoutError from None

    def offer(self, message: object) -> bool:
        """Send a small object if there is room for it now; says whether it was sent. Raises OSError as `send` does."""
        whole = _framed(message)
        if len(whole) > select.PIPE_BUF:
            raise ValueError("too long to be sent at once")
        if not self._sending.acquire(blocking=False):
            return False
        try:
            os.write(self._write, whole)  # all of it or nothing, since it is short (POSIX: write)
        except BlockingIOError:
            return False
        finally:
            self._sending.release()
        return True

    def receive(self, patience: float | None) -> object:
        """The next object. Raises TimeoutError when nothing comes for so long, EOFError when the other side has gone,
        and what unpickling raises.
        """
        length = int.from_bytes(self._exactly(_HEAD, patience), "big")
        return pickle.loads(self._exactly(length, patience))  # noqa: S301 - from our own process, by a pipe of its own

    def close(self) -> None:
        """Let go of both ends; for the other side that is the end."""
        for end in (self._read, self._write):
            with suppress(OSError):
                os.close(end)

    def _exactly(self, size: int, patience: float | None) -> bytes:
        found = bytearray()
        while len(found) < size:
            try:
                block = os.read(self._read, min(size - len(found), _BLOCK))
            except BlockingIOError:
                if not select.select([self._read], [], [], patience)[0]:
                    raise TimeoutError from None
                continue
            if not block:
                raise EOFError
            found += block
        return bytes(found)


def _framed(message: object) -> bytes:
    content = pickle.dumps(message)
    return len(content).to_bytes(_HEAD, "big") + content
