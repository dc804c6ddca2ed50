"""The drop folder on the disk: looks at it, works beside its files, and moves each where it belongs.

    billing.csv                                   waits to be taken
    .flinks-import/TOKEN/                          one file's working place, for the time of its run
    .flinks-import/TOKEN/done/2026-11-30/…         what goes with it once it has been moved
    done/2026-11-30/billing.csv                    taken care of, with billing.results.xlsx beside it

Moving the file itself is the one step that says "taken care of"; it is a rename, whole or not at all. What belongs to
it is laid out before and follows after: a crash in between leaves it in the working place, from where the next pass
(`recover`) moves it. No locks, and no clock but the date on the folder.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

from pipeline.inbox.arrivals import Seen, is_named_as_results, markers_of, may_be_sheet, vouched_for
from pipeline.inbox.outcomes import EXPLANATION, WORKBOOK, Outcome, free_name, free_stem, stem_of
from pipeline.model import UsageFailure
from pipeline.report.place import is_ours

WORKING: Final = ".flinks-import"
"""The folder of working places in a drop folder; its name begins with a dot, so that nothing in it is taken."""

_OWNER: Final = 0o600
_GROUP: Final = 0o060


@dataclass(frozen=True, slots=True)
class View:
    """What lay in a folder at one moment: the files that may be sheets, and all names."""

    sheets: dict[str, Seen]
    names: frozenset[str]
    vouched: frozenset[str]
    """Files that a marker says are whole."""

    results: tuple[str, ...]
    """Workbooks of ours, under the name of one: nobody meant them to be sent."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a file and its workbook have gone."""

    file: Path
    workbook: Path | None


class Folder:
    """A drop folder. `in_use` are files that the program itself works with, wherever they are: they are never taken."""

    def __init__(self, path: Path, in_use: Collection[Path] = ()) -> None:
        self.path = path
        self._working = path / WORKING
        resolved = {file.expanduser().resolve() for file in in_use}
        self._used = tuple(file.name.casefold() for file in resolved if file.parent == path.resolve())

    def prepare(self) -> None:
        """Find out, before anything is sent, that files can be moved here. Raises UsageFailure."""
        if not self.path.is_dir():
            key = "inbox.not_a_folder" if self.path.exists() else "inbox.no_folder"
            raise UsageFailure(key, folder=self.path)
        try:
            self._working.mkdir(exist_ok=True)
            place = self.working_place("")
            place.rmdir()
        except OSError as error:
            raise UsageFailure("inbox.not_writable", folder=self.path, reason=error.strerror or error) from None

    def look(self) -> View:
        """What lies in the folder now. Raises OSError when the folder has gone."""
        found: dict[str, Seen] = {}
        for entry in self.path.iterdir():
            # A name that has gone since, and what is no regular file: a link or a pipe could lead anywhere.
            with suppress(OSError):
                state = entry.lstat()
                if stat.S_ISREG(state.st_mode):
                    found[entry.name] = Seen(state.st_size, state.st_mtime_ns)
        sheets = {name: found[name] for name in sorted(found) if may_be_sheet(name) and not self._is_used(name)}
        results = tuple(name for name in sheets if is_named_as_results(name) and is_ours(self.path / name))
        for name in results:
            del sheets[name]
        vouched = {
            name
            for name, seen in sheets.items()
            if vouched_for(seen, (found[marker] for marker in markers_of(name, found)))
        }
        return View(sheets, frozenset(found), frozenset(vouched), results)

    def seen(self, name: str) -> Seen | None:
        """A file as it is now; None when it has gone."""
        try:
            state = (self.path / name).lstat()
        except OSError:
            return None
        return Seen(state.st_size, state.st_mtime_ns)

    def working_place(self, name: str) -> Path:
        """A place of its own for the run of a file: no two passes ever meet in one."""
        place = self._working / f"{secrets.token_hex(6)}-{_digest(name)}"
        place.mkdir(parents=True)
        return place

    def deliver(self, name: str, outcome: Outcome, day: date, luggage: Luggage) -> Placed | None:
        """Move a file where its outcome belongs, with its workbook and the explanation. Nothing is written over.

        Returns None when the file has gone meanwhile: another pass has moved it, or a person. Raises OSError when it
        can't be moved; then it is where it was, and the next pass does all of this again.
        """
        source = self.path / name
        target = self.path / outcome / day.isoformat()
        target.mkdir(parents=True, exist_ok=True)
        stem = free_stem(Path(name).stem, _names_in(target))
        place = target / f"{stem}{Path(name).suffix}"
        follow = luggage.place / outcome / day.isoformat()
        try:
            mode = source.stat().st_mode
            _lay_out(follow, stem, luggage, _OWNER | (mode & _GROUP))
            # First the markers: one that was left would vouch for half of the next file of this name.
            self._remove(luggage.markers)
            _move(source, place)
        except FileNotFoundError:
            if self.seen(name) is not None:
                raise  # its folder or its workbook has gone, not the file
            _forget(luggage.place)
            return None
        _sync(target)
        brought = _bring_after(follow, target)
        _forget(luggage.place)
        return Placed(place, brought.get(f"{stem}{WORKBOOK}"))

    def recover(self) -> None:
        """Finish what a crash interrupted: bring after each file what belongs to it, and clear working places.

        Another pass may be doing the same: whoever comes second finds it done.
        """
        with suppress(OSError):
            # In this order: a file that is not here any more was moved before its folder is looked at below.
            here = {_digest(name) for name in _names_in(self.path)}
            for place in self._working.iterdir():
                with suppress(OSError):
                    self._recover(place, here)

    def tidy(self) -> None:
        """Remove the folder of working places when it is empty."""
        with suppress(OSError):
            self._working.rmdir()

    def discard(self, place: Path) -> None:
        """Give up a working place: its file stays where it is, and a run of it makes everything anew."""
        _forget(place)

    def _recover(self, place: Path, here: Collection[str]) -> None:
        for follow in place.glob("*/*"):
            target = self.path / follow.parent.name / follow.name
            there = _names_in(target)
            moved = {Path(name).stem for name in there}
            for name in _names_in(follow):
                # Where one is already, a run after the crash has brought its own.
                if stem_of(name) in moved and name not in there:
                    _move(follow / name, target / name)
        if place.name.rpartition("-")[2] not in here:
            _forget(place)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def _is_used(self, name: str) -> bool:
        return name.casefold().startswith(self._used) if self._used else False


@dataclass(frozen=True, slots=True)
class Luggage:
    """What goes with a file: its working place, the workbook in it, why a person is needed, its markers."""

    place: Path
    workbook: Path | None = None
    why: str = ""
    markers: tuple[str, ...] = ()


def _lay_out(follow: Path, stem: str, luggage: Luggage, mode: int) -> None:
    """Put beside each other what is to follow the file, readable by whoever could read the file."""
    follow.mkdir(parents=True, exist_ok=True)
    if luggage.workbook is not None:
        workbook = luggage.workbook.replace(follow / f"{stem}{WORKBOOK}")
        workbook.chmod(mode)
    if luggage.why:
        explanation = follow / f"{stem}{EXPLANATION}"
        with explanation.open("w", encoding="utf-8") as file:
            file.write(f"{luggage.why}\n")
            file.flush()
            os.fsync(file.fileno())
        explanation.chmod(mode)


def _bring_after(follow: Path, target: Path) -> dict[str, Path]:
    """Move what belongs to a file beside it; returns where each is now, by its name."""
    brought = {}
    for name in _names_in(follow):
        brought[name] = target / name
        try:
            while not _is_moved(
                follow / name, brought[name]
            ):  # another pass has just moved a file of the same stem here
                brought[name] = target / free_name(name, _names_in(target))
        except FileNotFoundError:  # another pass, picking up after a crash, took us for one
            brought[name] = target / name
    return brought


def _is_moved(source: Path, place: Path) -> bool:
    try:
        _move(source, place)
    except FileExistsError:
        return False
    return True


def _move(source: Path, place: Path) -> None:
    """Rename a file to a name that was free a moment ago. Raises FileExistsError when it is not free now.

    Nothing is laid there first to hold the name: after a crash in between, that would look like a file that was moved.
    """
    if os.path.lexists(place):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), place)
    source.rename(place)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return []


def _forget(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)


def _digest(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _sync(folder: Path) -> None:
    """Make a rename durable where a folder can be opened; a share that can't is as durable as it is."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
