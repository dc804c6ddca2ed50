"""Files and folders for what is needed for a moment: their owner's alone, and gone also after a kill.

A folder is locked while it is in use. The system releases the lock of a process that was killed, and the next folder
that is made removes those that nobody holds. A file that is to become another by a rename has its process in its name.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from zlib import crc32

if sys.platform != "win32":
    import fcntl

_LEFT_BEHIND: Final = 24 * 60 * 60
"""Seconds after which an unfinished file is nobody's, whatever machine its process is on."""
_TAGGED: Final = re.compile(r"\..*\.([0-9a-f]+)-([0-9a-f]{8})\.[a-z0-9_]{8}\.part(?:-journal|-wal|-shm)?", re.DOTALL)
_PREFIX: Final = ".flinks-import-"


def tag() -> str:
    """What tells this process from all others, for the name of an unfinished file: `….TAG.random.part`."""
    return f"{os.getpid():x}-{_machine()}"


def is_left_behind(path: Path) -> bool:
    """Whether this is an unfinished file of ours that nobody can be writing now. Raises OSError when it has gone."""
    tagged = _TAGGED.fullmatch(path.name)
    if tagged is None:
        return False
    if time.time() - path.lstat().st_mtime > _LEFT_BEHIND:
        return True
    if tagged[2] != _machine() or sys.platform == "win32":
        return False
    try:
        os.kill(int(tagged[1], 16), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False  # it is somebody else's
    return False


def _machine() -> str:
    return f"{crc32(socket.gethostname().encode()):08x}"


@contextmanager
def scratch(within: Path | None = None) -> Iterator[Path]:
    """A folder for the time of the context, in `within` or the system's folder for temporary files.

    Raises OSError when none can be made.
    """
    within = within or Path(tempfile.gettempdir())
    _remove_left_behind(within)
    path, lock = _make(within)
    try:
        yield path
    finally:
        # Something in it may still be open, which not every system removes.
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


if sys.platform == "win32":

    def _make(within: Path) -> tuple[Path, int | None]:
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within)), None

    def _remove_left_behind(within: Path) -> None:
        """Nothing: a folder can't be locked there, and Windows empties its folder for temporary files itself."""

else:

    def _make(within: Path) -> tuple[Path, int | None]:
        while True:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
            # Between the two another program may have taken it for one that was left behind.
            with suppress(FileNotFoundError):
                lock = _open(path)
                fcntl.flock(lock, fcntl.LOCK_EX)
                if path.exists():
                    return path, lock
                os.close(lock)

    def _remove_left_behind(within: Path) -> None:
        for path in within.glob(f"{_PREFIX}*"):
            # A link, a file, another user's, or one that is in use: not ours to remove.
            with suppress(OSError):
                lock = _open(path)
                try:
                    if os.fstat(lock).st_uid == os.geteuid():
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        shutil.rmtree(path, ignore_errors=True)
                finally:
                    os.close(lock)

    def _open(path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
