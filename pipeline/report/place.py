"""Where the workbook goes: a place that is ours to write, found before the first request.

What is written there is whole or not there at all.
Never over the input, nor over a file that is not ours (interface: "The output workbook").
"""

from __future__ import annotations

import errno
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.model import StoppedEarly, UsageFailure
from pipeline.scratch import is_left_behind, tag

MARK: Final = "flinks-import"
"""The name of the document property by which a workbook of ours is known again; spreadsheets keep it when they save."""

_MARK_PART: Final = "docProps/custom.xml"
_MOST_PROPERTIES: Final = 1 << 20
"""Bytes of the properties of a workbook that are looked at: a stranger's may unpack to any number."""
_PART: Final = ".part"
_MOST_NAMES: Final = 1_000
_LITTLE: Final = 4096
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_OWNER_ONLY: Final = 0o600


def check_place(path: Path, *, input_file: Path) -> None:
    """Finds out, before the first request, that the workbook can be written to `path`.

    A file is really made in the folder and removed again: permissions alone do not tell of a read-only or full disk.
    Raises UsageFailure when the folder is missing or can't be written, when `path` is a folder or the input, and when
    a file stands there that this program did not make; StoppedEarly when the disk is full.
    """
    folder = path.parent
    try:
        if not folder.is_dir():
            raise UsageFailure("report.no_folder", folder=folder)
        if path.is_dir():
            raise UsageFailure("report.is_a_folder", path=path)
        if _same_file(path, input_file):
            raise UsageFailure("report.is_the_input", path=path)
        if path.exists() and not is_ours(path):
            raise UsageFailure("report.not_ours", path=path)
        try_out(path)
    except OSError as error:
        if error.errno in _FULL:
            raise StoppedEarly("report.disk_full", folder=folder.absolute()) from error
        raise UsageFailure("report.not_writable", folder=folder, reason=error.strerror or error) from error


def try_out(path: Path) -> None:
    """Write a little beside `path` and remove it: an empty file can be had on a full disk. Raises OSError."""
    part = begin(path)
    try:
        part.write_bytes(bytes(_LITTLE))
    finally:
        part.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whoever writes the workbook in this context may find that it can be had nowhere any more.

    Raises StoppedEarly then: nothing is lost, the journal has it all, and the same command writes it.
    """
    try:
        yield
    except OSError as error:
        raise StoppedEarly("report.not_written", path=path, reason=error.strerror or type(error).__name__) from error


def is_ours(workbook: Path | BinaryIO) -> bool:
    """Whether this program made the workbook, at a path or open, also when a spreadsheet has saved it since."""
    try:
        with zipfile.ZipFile(workbook) as package, package.open(_MARK_PART) as properties:
            return f'name="{MARK}"'.encode() in properties.read(_MOST_PROPERTIES)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False


def begin(path: Path) -> Path:
    """An empty file beside `path`, readable by its owner only, that becomes the workbook by a rename.

    What a killed program left in the folder is removed: nobody can be writing it any more.
    """
    prefix = f".{path.stem[:100]}."
    for left in path.parent.glob(f".*{_PART}*"):
        with suppress(OSError):
            if is_left_behind(left):
                left.unlink()
    handle, name = tempfile.mkstemp(prefix=f"{prefix}{tag()}.", suffix=_PART, dir=path.parent)
    os.close(handle)
    return Path(name)


def settle(part: Path, path: Path) -> Path:
    """Makes `part` the file at `path`, durably, or at the next free name when `path` can't be had; gives the place.

    `path` can't be had while a spreadsheet has it open, and when a file stands there that is not ours. Raises OSError
    when no name in the folder can be had.
    """
    _sync(part)
    place = _rename(part, path)
    _sync_folder(place.parent)
    return place


def last_resorts(path: Path) -> Iterator[Path]:
    """Where else the workbook can go when the folder of `path` is gone: the user's home, then the temporary folder."""
    for folder in (Path.home(), Path(tempfile.gettempdir())):
        yield folder / path.name


def _rename(part: Path, path: Path) -> Path:
    if not _is_open(path) and (not path.exists() or is_ours(path)):
        try:
            return part.replace(path)
        except PermissionError:
            pass  # open in a spreadsheet, on systems where that locks a file
    for number in range(2, _MOST_NAMES):
        beside = path.with_name(f"{path.stem} ({number}){path.suffix}")
        try:
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
        except FileExistsError:
            continue
        return part.replace(beside)
    raise FileExistsError(path)


def _is_open(path: Path) -> bool:
    """Whether Excel or LibreOffice has the file open: each leaves a lock file beside it.

    Where a rename over an open file succeeds, the person who has it open would save the old figures over the new ones.
    """
    return (path.with_name(f"~${path.name}")).exists() or (path.with_name(f".~lock.{path.name}#")).exists()


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return path.resolve() == other.resolve()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Makes the rename durable. Windows can't open folders, and does not need it."""
    if os.name == "nt":
        return
    _sync_handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(_sync_handle)
    finally:
        os.close(_sync_handle)
