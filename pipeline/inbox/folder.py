"""The drop folder on the disk: looks at it, takes copies of its files, and moves each where it belongs.

    billing.csv                                   waits to be taken
    .flinks-import/TOKEN/done/2026-11-30/…         what goes with a file once it has been moved
    done/2026-11-30/billing.csv                    taken care of, with billing.results.xlsx beside it

Moving the file itself is the one step that says "taken care of"; it is a rename, whole or not at all. What belongs to
it is laid out before and follows after: a crash in between leaves it in the working place, from where the next pass
(`recover`) moves it. No locks, and no clock but the date on the folder.

Others may write to the folder. So no step follows a link, and nothing is used of the working places that this program
did not make: real directories and files, of its user, under its names (docs/decisions/0006-inbox.md).
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.domain.errors import UsageError
from pipeline.inbox.candidates import FileStat, has_marker, is_named_as_results, markers_of, may_be_sheet
from pipeline.inbox.directory import Directory
from pipeline.inbox.outcomes import EXPLANATION, MOVED, WORKBOOK, FileOutcome, free_name, free_stem, stem_of
from pipeline.messages import N_
from pipeline.system.atomic_output import is_ours

WORKING: Final = ".flinks-import"
"""The folder of working places in a drop folder; its name begins with a dot, so that nothing in it is taken."""

_PLACE: Final = re.compile(r"[0-9a-f]{12}-([0-9a-f]{12})")
"""The name of a working place; the group is the digest of its file's name."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_OWNER: Final = 0o700
_OWNER_FILE: Final = 0o600
_GROUP: Final = 0o050
_GROUP_FILE: Final = 0o040


class ChangedError(Exception):
    """Something else has taken the name of a file before it could be moved."""


@dataclass(frozen=True, slots=True)
class View:
    """What lay in a folder at one moment: the files that may be sheets, and all names."""

    sheets: dict[str, FileStat]
    names: frozenset[str]
    vouched: frozenset[str]
    """Files that a marker says are whole."""

    results: tuple[str, ...]
    """Workbooks of ours, under the name of one: nobody meant them to be sent."""

    linked: tuple[str, ...]
    """Files of our own user that have another name too: somebody else may have given them this one."""


@dataclass(frozen=True, slots=True)
class MovedFile:
    """Where a file and its workbook have gone."""

    file: Path
    workbook: Path | None


@dataclass(frozen=True, slots=True)
class SidecarFiles:
    """What goes with a file: the workbook, which lies elsewhere, why a person is needed, its markers."""

    workbook: Path | None = None
    why: str = ""
    markers: tuple[str, ...] = ()


class Folder:
    """A drop folder; everything but `prepare` is done while it is `opened`.

    `in_use` are files that the program itself works with, wherever they are: they are never taken.
    """

    def __init__(self, path: Path, in_use: Collection[Path] = ()) -> None:
        self.path = path
        resolved = {file.expanduser().resolve() for file in in_use}
        self._used = tuple(file.name.casefold() for file in resolved if file.parent == path.resolve())
        self._opened: Directory | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder for the time of the context. Raises OSError when it can't be had."""
        with Directory.at(self.path) as self._opened:
            yield

    def prepare(self) -> None:
        """Find out, before anything is sent, that files can be moved here. Raises UsageError."""
        if not self.path.is_dir():
            text = (
                N_("{folder} is a file; inbox takes a folder. For one file: flinks-import run {folder}")
                if self.path.exists()
                else N_("There is no folder {folder}. Create it, or correct the path.")
            )
            raise UsageError(text, folder=self.path)
        try:
            with self.opened():
                for outcome in MOVED:
                    if self._here.state(outcome) is not None:
                        self._here.enter(outcome).close()
                with self._working_places() as working:
                    trial = _token("")
                    working.enter(trial, mode=_OWNER).close()
                    working.remove_directory(trial)
        except NotADirectoryError as error:
            raise UsageError(
                "{path} is a link, or a folder of another user. Nothing in it is used. Find out "
                "who put it there and remove it; inbox creates its own.",
                path=error.filename,
            ) from None
        except OSError as error:
            raise UsageError(
                "Can't move files within {folder}: {reason}. Give this user write access. Nothing was sent.",
                folder=self.path,
                reason=error.strerror or error,
            ) from None

    def look(self) -> View:
        """What lies in the folder now. Raises OSError when the folder has gone."""
        found: dict[str, FileStat] = {}
        linked = []
        for name in self._here.names():
            with suppress(OSError):
                state = self._here.state(name)
                # A name that has gone since, and what is no regular file: a link or a pipe could lead anywhere.
                if state is None or not stat.S_ISREG(state.st_mode):
                    continue
                found[name] = _seen(state)
                if self._is_linked(state) and may_be_sheet(name) and not self._is_used(name):
                    linked.append(name)
        sheets = {name: seen for name, seen in found.items() if may_be_sheet(name) and not self._is_used(name)}
        results = tuple(name for name in sheets if is_named_as_results(name) and self._holds_results(name))
        for name in {*results, *linked}:
            del sheets[name]
        vouched = {
            name
            for name, seen in sheets.items()
            if has_marker(seen, (found[marker] for marker in markers_of(name, found)))
        }
        return View(sheets, frozenset(found), frozenset(vouched), results, tuple(linked))

    def seen(self, name: str) -> FileStat | None:
        """A file as it is now; None when it has gone, or is no regular file."""
        try:
            state = self._here.state(name)
        except OSError:
            return None
        return _seen(state) if state is not None and stat.S_ISREG(state.st_mode) else None

    def take(self, name: str, seen: FileStat, folder: Path) -> Path | None:
        """Copy a file into a folder that nobody else can write to; None when it is not there any more as it was seen.

        Only the copy is read: what has this name a moment later may be anything. Raises OSError.
        """
        copy = folder / name
        with suppress(FileNotFoundError), self._here.read(name) as file:
            if self._is_linked(os.fstat(file.fileno())):
                return None
            with open(copy, "xb", opener=_private) as target:
                shutil.copyfileobj(file, target)
            if _seen(os.fstat(file.fileno())) == seen:
                return copy
        return None

    def holds(self, name: str, sha256: str) -> bool:
        """Whether a file has this digest; also when it has gone, or can't be read."""
        with suppress(OSError), self._here.read(name) as file:
            return file_digest(file, "sha256").hexdigest() == sha256
        return True

    def deliver(
        self, name: str, seen: FileStat, outcome: FileOutcome, day: date, sidecars: SidecarFiles
    ) -> MovedFile | None:
        """Move a file where its outcome belongs, with its workbook and the explanation. Nothing is written over.

        Returns None when the file has gone meanwhile: another pass has moved it, or a person. Raises ChangedError when
        something else has its name, and OSError when it can't be moved; then it is where it was, and the next pass does
        all of this again.
        """
        mode = _OWNER | self._shared
        with (
            self._here.enter(outcome, mode=mode) as folder,
            folder.enter(day.isoformat(), mode=mode) as target,
            self._working_places() as working,
        ):
            stem = free_stem(Path(name).stem, target.names())
            token, new = _token(name), f"{stem}{Path(name).suffix}"
            with _laid_out(working, token, outcome, day) as follow:
                try:
                    self._lay_out(follow, name, stem, sidecars)
                    # First the markers: one that was left would vouch for half of the next file of this name.
                    for marker in sidecars.markers:
                        self._here.remove(marker)
                    self._here.move(name, target, new)
                    self._take_back(target, new, name, seen)
                except FileNotFoundError:
                    working.remove_tree(token)
                    if self._here.state(name) is not None:
                        raise  # its folder or its workbook has gone, not the file
                    return None
                except (OSError, ChangedError):
                    working.remove_tree(token)
                    raise
                target.sync()
                brought = _bring_after(follow, target)
            working.remove_tree(token)
            return MovedFile(target.path / new, brought.get(f"{stem}{WORKBOOK}"))

    def recover(self) -> None:
        """Finish what a crash interrupted: bring after each file what belongs to it, and clear working places.

        Another pass may be doing the same: whoever comes second finds it done. Raises NotADirectoryError when the
        working places are not ours.
        """
        if self._here.state(WORKING) is None:
            return
        with self._working_places() as working:
            # In this order: a file that is not here any more was moved before its folder is looked at below.
            here = {_digest(name) for name in self._here.names()}
            for name in working.names():
                if place := _PLACE.fullmatch(name):
                    with suppress(OSError):
                        self._recover(working, name)
                        if place[1] not in here:
                            working.remove_tree(name)

    def tidy(self) -> None:
        """Remove the folder of working places when it is empty."""
        with suppress(OSError):
            self._here.remove_directory(WORKING)

    @property
    def _here(self) -> Directory:
        if self._opened is None:
            raise ValueError("the folder is not open")
        return self._opened

    @property
    def _shared(self) -> int:
        """What the group may do with the folders of results: look into them, where the folder is set up for it."""
        mode = self._here.own_state.st_mode
        return mode & _GROUP if mode & stat.S_ISGID else 0

    @cached_property
    def _owner(self) -> int:
        """The owner of what this process makes here: on a share that need not be its user."""
        name = _token("")
        try:
            with self._here.create(f"{WORKING}-{name}", _OWNER_FILE) as file:
                return os.fstat(file.fileno()).st_uid
        finally:
            self._here.remove(f"{WORKING}-{name}")

    def _is_mine(self, state: os.stat_result) -> bool:
        return state.st_uid == (os.geteuid() if hasattr(os, "geteuid") else 0) or state.st_uid == self._owner

    def _is_linked(self, state: os.stat_result) -> bool:
        """Whether this may be a file of ours that somebody else has linked here: theirs to link, not theirs to read."""
        return state.st_nlink > 1 and self._is_mine(state)

    def _working_places(self) -> Directory:
        working = self._here.enter(WORKING, mode=_OWNER)
        try:
            return self._mine(working)
        except BaseException:
            working.close()
            raise

    def _mine(self, directory: Directory) -> Directory:
        """The directory, if this user made it: else NotADirectoryError. From here on nobody else writes to it."""
        if not self._is_mine(directory.own_state):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory.path))
        directory.keep_others_out()
        return directory

    def _recover(self, working: Directory, name: str) -> None:
        with working.enter(name) as place:
            self._mine(place)
            for outcome in set(MOVED) & set(place.names()):
                with place.enter(outcome) as days:
                    self._mine(days)
                    for day in filter(_DAY.fullmatch, days.names()):
                        with days.enter(day) as follow:
                            self._bring_left(self._mine(follow), outcome, day)

    def _bring_left(self, follow: Directory, outcome: FileOutcome, day: str) -> None:
        with suppress(FileNotFoundError), self._here.enter(outcome) as folder, folder.enter(day) as target:
            there = target.names()
            moved = {Path(name).stem for name in there}
            for name in follow.names():
                # Where one is already, a run after the crash has brought its own.
                if self._is_sidecar(follow, name) and stem_of(name) in moved and name not in there:
                    follow.move(name, target, name)

    def _is_sidecar(self, follow: Directory, name: str) -> bool:
        """Whether this is a workbook or an explanation that was laid out by us, and is nowhere else."""
        state = follow.state(name)
        return (
            name.endswith((WORKBOOK, EXPLANATION))
            and state is not None
            and stat.S_ISREG(state.st_mode)
            and state.st_nlink == 1
            and self._is_mine(state)
        )

    def _lay_out(self, follow: Directory, name: str, stem: str, sidecars: SidecarFiles) -> None:
        """Put beside each other what is to follow the file, readable by whoever could read the file here."""
        state = self._here.state(name)
        if state is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        mode = _OWNER_FILE | (state.st_mode & self._shared & _GROUP_FILE)
        if sidecars.workbook is not None:
            with sidecars.workbook.open("rb") as source, _written(follow, f"{stem}{WORKBOOK}", mode) as file:
                shutil.copyfileobj(source, file)
        if sidecars.why:
            with _written(follow, f"{stem}{EXPLANATION}", mode) as file:
                file.write(f"{sidecars.why}\n".encode(errors="backslashreplace"))

    def _take_back(self, target: Directory, new: str, name: str, seen: FileStat) -> None:
        """Put back what was moved when it is not the file that was seen. Raises ChangedError then."""
        state = target.state(new)
        if state is None or (stat.S_ISREG(state.st_mode) and _seen(state) == seen):
            return
        if self._here.state(name) is None:
            target.move(new, self._here, name)
        raise ChangedError

    def _holds_results(self, name: str) -> bool:
        with suppress(OSError), self._here.read(name) as file:
            return is_ours(file)
        return False

    def _is_used(self, name: str) -> bool:
        return name.casefold().startswith(self._used) if self._used else False


@contextmanager
def _laid_out(working: Directory, token: str, outcome: FileOutcome, day: date) -> Iterator[Directory]:
    """A new working place: the directory in it for what follows a file."""
    with (
        working.enter(token, mode=_OWNER) as place,
        place.enter(outcome, mode=_OWNER) as days,
        days.enter(day.isoformat(), mode=_OWNER) as follow,
    ):
        yield follow


@contextmanager
def _written(folder: Directory, name: str, mode: int) -> Iterator[BinaryIO]:
    """A new file with exactly this mode, whatever the umask; on the disk when the context ends."""
    with folder.create(name, _OWNER_FILE) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "fchmod"):
            with suppress(OSError):  # a share without modes
                os.fchmod(file.fileno(), mode)


def _bring_after(follow: Directory, target: Directory) -> dict[str, Path]:
    """Move what belongs to a file beside it; returns where each is now, by its name."""
    brought = {}
    for name in follow.names():
        new = name
        if target.state(name) is not None:  # another pass has just moved a file of the same stem here
            new = free_name(name, target.names())
        with suppress(FileNotFoundError):  # another pass, picking up after a crash, took us for one
            follow.move(name, target, new)
        brought[name] = target.path / new
    return brought


def _seen(state: os.stat_result) -> FileStat:
    return FileStat(state.st_size, state.st_mtime_ns)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _OWNER_FILE)


def _token(name: str) -> str:
    """The name of a new working place: no two passes ever meet in one."""
    return f"{secrets.token_hex(6)}-{_digest(name)}"


def _digest(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
