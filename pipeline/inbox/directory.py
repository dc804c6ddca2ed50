"""A directory that others may write to: it is held open, and whatever is done in it is done to a name in it alone.

No link is followed. Where the system has descriptors of directories, whoever moves a directory away, or puts a link in
its place between two steps, changes nothing about where the second goes; elsewhere (Windows) it is looked at before
each step.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Final, Self

_DESCRIPTORS: Final = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_DIRECTORY: Final = getattr(os, "O_DIRECTORY", 0) | os.O_RDONLY
_NO_WAITING: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_REPARSE_POINT: Final = 0x400
"""FILE_ATTRIBUTE_REPARSE_POINT: a link or a junction of Windows."""


class Directory:
    """A directory, open. `path` is for messages; a context manager. Every method raises OSError."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def at(cls, path: Path) -> Self:
        """The directory that a user named, wherever that leads."""
        if not _DESCRIPTORS:
            return cls(path.resolve(strict=True), None)
        return cls(path, os.open(path, _DIRECTORY))

    def enter(self, name: str, *, mode: int | None = None) -> Directory:
        """A directory in this one, made with `mode`, whatever the umask, where there is none if one is given.

        Raises NotADirectoryError when the name is of a link or of anything else that is no directory.
        """
        made = False
        if mode is not None:
            with suppress(FileExistsError):
                os.mkdir(self._at(name), mode, dir_fd=self._handle)
                made = True
        path = self.path / name
        state = self._state(name)
        if not stat.S_ISDIR(state.st_mode) or getattr(state, "st_file_attributes", 0) & _REPARSE_POINT:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        handle = os.open(name, _DIRECTORY | _NO_LINK, dir_fd=self._handle) if _DESCRIPTORS else None
        if made and mode is not None and handle is not None:
            with suppress(OSError):  # a share without modes
                os.fchmod(handle, mode | (os.fstat(handle).st_mode & stat.S_ISGID))
        return Directory(path, handle)

    def names(self) -> list[str]:
        """All names in it."""
        return sorted(os.listdir(self.path if self._handle is None else self._handle))  # noqa: PTH208 - of a descriptor

    def state(self, name: str) -> os.stat_result | None:
        """What a name is, a link for itself; None when it is not there."""
        try:
            return self._state(name)
        except FileNotFoundError:
            return None

    @property
    def own_state(self) -> os.stat_result:
        """What it is itself."""
        return os.lstat(self.path) if self._handle is None else os.fstat(self._handle)

    def read(self, name: str) -> BufferedReader:
        """Open a regular file, and nothing else, for reading."""
        if self._handle is None and not stat.S_ISREG(self._state(name).st_mode):
            raise _not_regular(self.path / name)
        handle = os.open(self._at(name), os.O_RDONLY | _NO_LINK | _NO_WAITING, dir_fd=self._handle)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _not_regular(self.path / name)
        return os.fdopen(handle, "rb")

    def create(self, name: str, mode: int) -> BufferedWriter:
        """A new file, for writing. Raises FileExistsError when the name is taken, be it by a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(self._at(name), flags, mode, dir_fd=self._handle), "wb")

    def move(self, name: str, target: Directory, new: str) -> None:
        """Rename what has a name, a link for itself, into a directory of the same disk."""
        os.rename(self._at(name), target._at(new), src_dir_fd=self._handle, dst_dir_fd=target._handle)

    def remove(self, name: str) -> None:
        """Remove a name that is no directory, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._handle)

    def remove_directory(self, name: str) -> None:
        """Remove an empty directory."""
        os.rmdir(self._at(name), dir_fd=self._handle)

    def remove_tree(self, name: str) -> None:
        """Remove a directory with all that is in it, links for themselves; what can't be removed stays."""
        shutil.rmtree(self._at(name), ignore_errors=True, dir_fd=self._handle)

    def keep_others_out(self) -> None:
        """Let nobody but the owner in, where modes say so."""
        if self._handle is not None and (mode := stat.S_IMODE(os.fstat(self._handle).st_mode)) & 0o077:
            with suppress(OSError):  # a share without modes
                os.fchmod(self._handle, mode & ~0o077)

    def sync(self) -> None:
        """Make renames durable where a directory can be told to; a share that can't is as durable as it is."""
        with suppress(OSError):
            if self._handle is not None:
                os.fsync(self._handle)

    def close(self) -> None:
        """Let it go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, name: str) -> str:
        return name if self._handle is not None else str(self.path / name)

    def _state(self, name: str) -> os.stat_result:
        return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
