"""Where an output goes: how any file of ours is made, in a place that is ours to write.

What is written is whole or not there at all. A file that stands there is written over only when it is byte for byte
what this program wrote there last for the same batch and environment, which the journal remembers, and never when it is
an input or open in a spreadsheet. Else the output goes to the next free name, `NAME (2).ext`, and that is said
(interface: "Where results are written"; docs/decisions/0008-outputs.md).
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import file_digest
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from pipeline.domain.errors import RunError, StoppedEarlyError, UsageError
from pipeline.system.scratch import is_left_behind, tag
from pipeline.system.zip_errors import ZIP_ERRORS

MARK: Final = "flinks-import"
"""The name of the document property by which a workbook of ours is known again; spreadsheets keep it when they save."""

RESULTS: Final = ".results.xlsx"
SANDBOX_RESULTS: Final = ".sandbox.results.xlsx"
STATUS: Final = ".status.xlsx"
RECONCILIATION: Final = ".reconciliation.xlsx"
WORKBOOKS: Final = (SANDBOX_RESULTS, RESULTS, STATUS, RECONCILIATION)
"""What follows the name of the sheet, or of the batch, in the name of a workbook."""

_NOT_IN_A_NAME: Final = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
_MARK_PART: Final = "docProps/custom.xml"
_MOST_PROPERTIES: Final = 1 << 20
"""Bytes of the properties of a workbook that are looked at: a stranger's may unpack to any number."""
_PART: Final = ".part"
_MOST_NAMES: Final = 1_000
_LONGEST_NAME: Final = 255
"""Bytes of a file's name, on every file system that matters here."""
_LITTLE: Final = 4096
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_OWNER_ONLY: Final = 0o600
_SHARED: Final = 0o644


# ---------------------------------------------------------------------------------------------------------------
# What may be written over


class Memory(Protocol):
    """Remembers what was written where, for one batch and environment. Every method may raise RunError."""

    def last_written(self, path: Path) -> str | None:
        """The SHA-256 of what was written there last; None when nothing was."""

    def remember(self, path: Path, sha256: str) -> None:
        """This was written there now."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What may be written over: what `memory` knows, byte for byte, and nothing without one. Never one of `inputs`."""

    memory: Memory | None = None
    inputs: tuple[Path, ...] = ()

    def beside(self, *others: Path) -> Ours:
        """The same, with more files that are never written over."""
        return replace(self, inputs=(*self.inputs, *others))

    def has(self, path: Path) -> bool:
        """Whether the file at `path` may be written over. A link is not followed: it is a person's."""
        if self.memory is None or any(is_same_file(path, other) for other in self.inputs):
            return False
        # A journal that can't be asked costs a new name, not the output.
        with suppress(OSError, RunError):
            last = self.memory.last_written(path)
            return last is not None and stat.S_ISREG(path.lstat().st_mode) and _sha256(path) == last
        return False

    def wrote(self, path: Path, sha256: str) -> None:
        """Remember what stands there now. What can't be remembered is left alone by the next run, and no loss."""
        if self.memory is not None:
            with suppress(RunError):
                self.memory.remember(path, sha256)


NOTHING: Final = Ours()
"""For a command that has no memory: no file that exists is written over."""


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two paths name one file, by whatever links."""
    try:
        return path.samefile(other)
    except OSError:
        return path.resolve() == other.resolve()


# ---------------------------------------------------------------------------------------------------------------
# Names


def beside_sheet(sheet: Path, *, in_sandbox: bool) -> Path:
    """The workbook of a run, unless another place is given: `NAME.results.xlsx` beside the sheet.

    A workbook of results that is given back, `x.results (2).xlsx`, does not double the ending.
    """
    return sheet.with_name(f"{plain(sheet.stem, SANDBOX_RESULTS, RESULTS)}{SANDBOX_RESULTS if in_sandbox else RESULTS}")


def named_after(batch: str, ending: str) -> str:
    """The name of a workbook that is named after a batch (`STATUS`, `RECONCILIATION`)."""
    return f"{plain(_NOT_IN_A_NAME.sub('_', batch), ending)}{ending}"


def plain(stem: str, *endings: str) -> str:
    """A name without these endings of ours, and the number behind one."""
    own = "|".join(re.escape(ending.removesuffix(".xlsx")) for ending in endings)
    return re.sub(rf"(?<=.)(?:(?:{own})(?: \(\d+\))?)+\Z", "", stem, flags=re.IGNORECASE | re.DOTALL)


def names(path: Path) -> Iterator[Path]:
    """`path`, `NAME (2).ext` and so on, none longer than a file system takes."""
    for number in count(1):
        ending = path.suffix if number == 1 else f" ({number}){path.suffix}"
        yield path.with_name(f"{_cut(path.stem, _LONGEST_NAME - len(os.fsencode(ending)))}{ending}")


def _cut(stem: str, room: int) -> str:
    """As much of a name as there is room for, in bytes."""
    name = os.fsencode(stem)
    return stem if len(name) <= room else name[:room].decode("utf-8", "ignore")


# ---------------------------------------------------------------------------------------------------------------
# Before the first request


def check_workbook(path: Path) -> None:
    """Finds out, before the first request, that a workbook can be written to `path`, or beside what stands there.

    A file is really made in the folder and removed again: permissions alone do not tell of a read-only or full disk.
    Raises UsageError when the name is not one of a workbook, the folder is missing or can't be written, or `path` is
    a folder; StoppedEarlyError when the disk is full.
    """
    folder = path.parent
    try:
        if not folder.is_dir():
            raise UsageError(
                "The folder {folder} for the output workbook does not exist. Create it, or "
                "choose another place with -o.",
                folder=folder,
            )
        if path.is_dir():
            raise UsageError("{path} is a folder. Give the output workbook a file name with -o.", path=path)
        if path.suffix.casefold() != ".xlsx":
            raise UsageError("{path} is not an .xlsx name. Choose a name that ends in .xlsx.", path=path)
        try_out(path)
    except OSError as error:
        if error.errno in _FULL:
            raise StoppedEarlyError(
                "The disk of the folder {folder} is full. Free some space, or choose another "
                "place with -o. Nothing was sent. Run the same command again to resume.",
                folder=folder.absolute(),
            ) from error
        raise UsageError(
            "Can't write the output workbook in {folder} ({reason}). Choose another place with -o.",
            folder=folder,
            reason=error.strerror or error,
        ) from error


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

    Raises StoppedEarlyError then: nothing is lost, the journal has it all, and the same command writes it.
    """
    try:
        yield
    except OSError as error:
        raise StoppedEarlyError(
            "Can't write the workbook {path}, nor write it elsewhere ({reason}). Nothing is "
            "lost. Free some space, then run the same command again; no request is sent "
            "twice.",
            path=path,
            reason=error.strerror or type(error).__name__,
        ) from error


def is_ours(workbook: Path | BinaryIO) -> bool:
    """Whether this program made the workbook, at a path or open, also when a spreadsheet has saved it since."""
    try:
        with zipfile.ZipFile(workbook) as package, package.open(_MARK_PART) as properties:
            return f'name="{MARK}"'.encode() in properties.read(_MOST_PROPERTIES)
    except ZIP_ERRORS:
        return False


# ---------------------------------------------------------------------------------------------------------------
# Making a file


def put(path: Path, write: Callable[[Path], object], ours: Ours = NOTHING, *, shared: bool = False) -> Path:
    """Makes the file at `path`, or at the next free name, by `write`, which is given an empty one; gives its place.

    It is whole or not there, and for its owner only unless it is `shared`. Raises OSError when it can't be had.
    """
    part = begin(path)
    try:
        write(part)
        if shared:
            part.chmod(_SHARED)
        return settle(part, path, ours)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def begin(path: Path) -> Path:
    """An empty file beside `path`, readable by its owner only, that becomes the output by a rename.

    What a killed program left in the folder is removed: nobody can be writing it any more.
    """
    prefix = f".{_cut(path.stem, 100)}."
    for left in path.parent.glob(f".*{_PART}*"):
        with suppress(OSError):
            if is_left_behind(left):
                left.unlink()
    handle, name = tempfile.mkstemp(prefix=f"{prefix}{tag()}.", suffix=_PART, dir=path.parent)
    os.close(handle)
    return Path(name)


def settle(part: Path, path: Path, ours: Ours = NOTHING) -> Path:
    """Makes `part` the file at `path`, durably, or at the next name that can be had; gives the place.

    A name can be had when nothing stands there, or what is `ours`; not while a spreadsheet has it open. Raises OSError
    when no name in the folder can be had.
    """
    sha256 = _sync(part)
    place = _rename(part, path, ours)
    ours.wrote(place, sha256)
    _sync_folder(place.parent)
    return place


def last_resorts(path: Path) -> Iterator[Path]:
    """Where else the workbook can go when the folder of `path` is gone: the user's home, then the temporary folder."""
    for folder in (Path.home(), Path(tempfile.gettempdir())):
        yield folder / path.name


def _rename(part: Path, path: Path, ours: Ours) -> Path:
    for candidate in islice(names(path), _MOST_NAMES):
        if _is_open(candidate):
            continue
        with suppress(FileExistsError):
            _take(part, candidate)
            return candidate
        if ours.has(candidate):
            # Open in a spreadsheet, on systems where that locks a file.
            with suppress(PermissionError):
                return part.replace(candidate)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def _take(part: Path, path: Path) -> None:
    """Give the file a name that nothing has; of two programs at once one gets it. Raises FileExistsError."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: the name is taken by an empty file first
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
        try:
            part.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    else:
        part.unlink()


def _is_open(path: Path) -> bool:
    """Whether Excel or LibreOffice has the file open: each leaves a lock file beside it.

    Where a rename over an open file succeeds, the person who has it open would save the old figures over the new ones.
    """
    locks = (f"~${path.name}", f".~lock.{path.name}#")
    return any(os.path.lexists(path.with_name(lock)) for lock in locks)  # also when the name would be too long


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> str:
    """Bring a file to the disk; gives the SHA-256 of what it holds."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        return file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Makes the rename durable. Windows can't open folders, and does not need it."""
    if os.name == "nt":
        return
    _sync_handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(_sync_handle)
    finally:
        os.close(_sync_handle)
