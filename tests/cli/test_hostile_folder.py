"""`inbox` on hostile ground: somebody else may write to the drop folder, and wants what is elsewhere."""

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from support.chaos import until_time_is_up
from support.command import Command, StandaloneSandbox
from support.privileges import NOBODY
from test_inbox import Drop, sheet

from pipeline.inbox.candidates import FileStat
from pipeline.inbox.folder import WORKING, ChangedError, Folder, SidecarFiles
from pipeline.inbox.outcomes import FileOutcome

PLACE = "0123456789ab-0123456789ab"


@pytest.fixture
def drop(command: Command, standalone_sandbox: StandaloneSandbox) -> Drop:
    drop = Drop(command, standalone_sandbox)
    drop.tail = ("--yes", "--settle", "0")
    return drop


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """What is not in the drop folder: files of the service, in a folder that looks like a place of ours."""
    folder = tmp_path / "elsewhere"
    today = datetime.now().astimezone().date().isoformat()
    for place in (folder, folder / PLACE, folder / PLACE / "done" / today, folder / "done" / today, folder / today):
        place.mkdir(parents=True, exist_ok=True)
        for name in ("journal.sqlite", "good.csv", "good.results.xlsx", "good.why.txt", "good.csv.done"):
            (place / name).write_text(sheet("STOLEN-1"))
    return folder


def everything(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each name below a folder, with its kind and mode, its number of names but for folders, and what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
        found[str(path.relative_to(folder))] = (state.st_mode, 0 if path.is_dir() else state.st_uid, content)
    return found


def foreign(path: Path) -> None:
    """Give a path to somebody else, where the tests may."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def today() -> str:
    return datetime.now().astimezone().date().isoformat()


def a_link_for_working_places(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING).symlink_to(elsewhere)


def a_link_for_a_working_place(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING).mkdir()
    (drop / WORKING / PLACE).symlink_to(elsewhere / PLACE)


def a_link_in_a_working_place(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING / PLACE).mkdir(parents=True)
    (drop / WORKING / PLACE / "done").symlink_to(elsewhere / PLACE / "done")


def a_link_for_a_day_in_a_working_place(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING / PLACE / "done").mkdir(parents=True)
    (drop / WORKING / PLACE / "done" / today()).symlink_to(elsewhere / today())
    (drop / "done" / today()).mkdir(parents=True)
    (drop / "done" / today() / "good.pdf").touch()


def other_names_in_working_places(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING / "..data-0123456789ab").mkdir(parents=True)
    (drop / WORKING / "mine").symlink_to(elsewhere)
    (drop / WORKING / PLACE / ".." / "..results").mkdir(parents=True, exist_ok=True)


def a_link_for_done(drop: Path, elsewhere: Path) -> None:
    (drop / "done").symlink_to(elsewhere)


def a_link_for_a_day_of_done(drop: Path, elsewhere: Path) -> None:
    (drop / "done").mkdir()
    (drop / "done" / today()).symlink_to(elsewhere / today())


def links_where_files_go(drop: Path, elsewhere: Path) -> None:
    (drop / "done" / today()).mkdir(parents=True)
    for name in ("good.csv", "good.results.xlsx", "good.why.txt"):
        (drop / "done" / today() / name).symlink_to(elsewhere / "journal.sqlite")


def links_for_sheets_and_markers(drop: Path, elsewhere: Path) -> None:
    (drop / "a.csv").symlink_to(elsewhere / "good.csv")
    (drop / "a.csv.done").symlink_to(elsewhere / "good.csv.done")
    (drop / "good.csv.done").symlink_to(elsewhere / "journal.sqlite")
    (drop / "b.results.xlsx").symlink_to(elsewhere / "good.results.xlsx")
    (drop / "c.csv").symlink_to(elsewhere)


def hard_links(drop: Path, elsewhere: Path) -> None:
    (drop / "a.csv").hardlink_to(elsewhere / "good.csv")
    (drop / "a.csv.done").hardlink_to(elsewhere / "good.csv.done")
    (drop / "b.results.xlsx").hardlink_to(elsewhere / "good.results.xlsx")
    follow = drop / WORKING / PLACE / "done" / today()
    follow.mkdir(parents=True)
    (follow / "good.results.xlsx").hardlink_to(elsewhere / "journal.sqlite")


def no_files(drop: Path, elsewhere: Path) -> None:
    os.mkfifo(drop / "a.csv")
    os.mkfifo(drop / "good.csv.done")
    with socket.socket(socket.AF_UNIX) as server, suppress(OSError):  # the path may be too long for a socket
        server.bind(str(drop / "b.csv"))
    if os.geteuid() == 0:
        os.mknod(drop / "c.csv", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (drop / "..csv").mkdir()
    (drop / "d.csv").mkdir()


def working_places_of_somebody_else(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING / PLACE / "done" / today()).mkdir(parents=True)
    (drop / WORKING / PLACE / "done" / today() / "good.results.xlsx").write_text("not ours")
    foreign(drop / WORKING)


def a_file_for_working_places(drop: Path, elsewhere: Path) -> None:
    (drop / WORKING).touch()


TRAPS = (
    a_link_for_working_places,
    a_link_for_a_working_place,
    a_link_in_a_working_place,
    a_link_for_a_day_in_a_working_place,
    other_names_in_working_places,
    a_link_for_done,
    a_link_for_a_day_of_done,
    links_where_files_go,
    links_for_sheets_and_markers,
    hard_links,
    no_files,
    working_places_of_somebody_else,
    a_file_for_working_places,
)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_nothing_outside_the_folder_is_moved_removed_read_or_changed(
    drop: Drop, elsewhere: Path, trap: Callable
) -> None:
    """Whatever lies in the folder, what is elsewhere stays as it was, and nobody in it is asked."""
    trap(drop.path, elsewhere)
    drop.put("good.csv", sheet("GOOD-1"))
    before = everything(elsewhere)
    for _ in range(2):
        done = drop.pass_()
        assert done.code in {0, 2, 6}, done
        assert everything(elsewhere) == before
    assert "STOLEN-1" not in drop.sandbox.received()
    where = [path for path in drop.path.rglob("good*.csv") if path.is_file() and not path.is_symlink()]
    assert len(where) == 1
    if done.code == 0:
        assert where[0].parent == drop.path / "done" / today()
    else:
        assert str(drop.path) in done.err or "good.csv" in done.out


def test_working_places_of_somebody_else_are_said(drop: Drop, elsewhere: Path) -> None:
    """A link in the place of our own folder is a person's matter: exit 2, with its path, before anything is sent."""
    a_link_for_working_places(drop.path, elsewhere)
    drop.put("good.csv", sheet("GOOD-1"))
    done = drop.pass_()
    assert (done.code, str(drop.path / WORKING) in done.err) == (2, True), done
    assert drop.sandbox.received() == {}


def test_a_linked_file_of_ours_waits_and_is_named(drop: Drop, elsewhere: Path) -> None:
    """A second name of a file of the service may be somebody else's doing: it is not read, and said to wait."""
    hard_links(drop.path, elsewhere)
    assert "a.csv" in drop.summary()["waiting"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "drop").mkdir()
    folder = Folder(tmp_path / "drop")
    with folder.opened():
        yield folder


@pytest.mark.parametrize("other", ["a link", "a folder", "a file", "nothing"])
def test_what_takes_a_files_name_is_not_moved_in_its_place(
    folder: Folder, elsewhere: Path, tmp_path: Path, other: str
) -> None:
    """Between the last look and the move the name may come to be of anything."""
    path = folder.path / "good.csv"
    path.write_text(sheet("GOOD-1"))
    seen = folder.seen("good.csv")
    assert seen is not None
    path.unlink()
    if other == "a link":
        path.symlink_to(elsewhere / "journal.sqlite")
    elif other == "a folder":
        path.mkdir()
    elif other == "a file":
        path.write_text(sheet("OTHER-1", "OTHER-2"))
    before = everything(elsewhere)
    day = datetime.now().astimezone().date()
    if other == "nothing":
        assert folder.deliver("good.csv", seen, FileOutcome.DONE, day, SidecarFiles(why="why")) is None
    else:
        with pytest.raises(ChangedError):
            folder.deliver("good.csv", seen, FileOutcome.DONE, day, SidecarFiles(why="why"))
        assert os.path.lexists(path)
    assert everything(elsewhere) == before
    assert not [*(folder.path / "done" / day.isoformat()).iterdir()]
    assert not [*(folder.path / WORKING).iterdir()]


@pytest.mark.parametrize("kind", ["link", "fifo", "hard link", "grown"])
def test_only_the_file_that_was_seen_is_taken(folder: Folder, elsewhere: Path, tmp_path: Path, kind: str) -> None:
    """Between the look and the copy the name may come to be of anything: no link is read, no pipe waited for."""
    path = folder.path / "good.csv"
    path.write_text(sheet("GOOD-1"))
    seen = folder.seen("good.csv")
    assert seen is not None
    private = tmp_path / "private"
    private.mkdir()
    if kind == "grown":
        path.write_text(sheet("GOOD-1", "GOOD-2"))
    else:
        path.unlink()
    if kind == "link":
        path.symlink_to(elsewhere / "good.csv")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "hard link":
        path.hardlink_to(elsewhere / "good.csv")
        state = path.stat()
        seen = FileStat(state.st_size, state.st_mtime_ns)
    taken = None
    with suppress(OSError):
        taken = folder.take("good.csv", seen, private)
    assert taken is None


def test_the_folder_may_be_moved_away_between_two_steps(folder: Folder, elsewhere: Path, tmp_path: Path) -> None:
    """Whoever may rename the folder and put a link in its place moves nothing of what the link leads to."""
    (folder.path / "good.csv").write_text(sheet("GOOD-1"))
    seen = folder.seen("good.csv")
    assert seen is not None
    before = everything(elsewhere)
    moved = tmp_path / "moved"
    folder.path.rename(moved)
    folder.path.symlink_to(elsewhere)
    folder.recover()
    folder.deliver("good.csv", seen, FileOutcome.DONE, datetime.now().astimezone().date(), SidecarFiles())
    folder.tidy()
    assert everything(elsewhere) == before
    assert (moved / "done" / today() / "good.csv").exists()


class Adversary(threading.Thread):
    """A group member who swaps names for links, links for folders and files for pipes while passes are made."""

    def __init__(self, drop: Path, elsewhere: Path, chance: Random) -> None:
        super().__init__(daemon=True)
        self._drop, self._elsewhere, self._chance = drop, elsewhere, chance
        self._ended = threading.Event()
        self._count = 0

    def run(self) -> None:
        while not self._ended.wait(self._chance.random() * 0.004):
            with suppress(OSError):
                self._act()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _act(self) -> None:
        self._count += 1
        aside = self._drop.parent / "aside"
        aside.mkdir(exist_ok=True)
        names = [WORKING, "done", "attention", "refused", f"done/{today()}", f"refused/{today()}"]
        names += [path.name for path in self._drop.iterdir()]
        for place in (self._drop / WORKING, *(self._drop / WORKING).glob("*"), *(self._drop / WORKING).glob("*/*")):
            names += [str(path.relative_to(self._drop)) for path in place.iterdir()]
        target = self._drop / self._chance.choice(names)
        if not target.parent.resolve().is_relative_to(self._drop):
            return  # through a link of its own it may reach what is its own only
        if os.path.lexists(target):
            target.rename(aside / f"{self._count}")
        match self._chance.randrange(6):
            case 0 | 1:
                target.symlink_to(self._chance.choice([self._elsewhere, *self._elsewhere.rglob("*")]))
            case 2:
                os.mkfifo(target)
            case 3:
                target.mkdir()
                foreign(target)
            case 4:
                target.hardlink_to(self._elsewhere / "journal.sqlite")
            case _:
                with target.open("x") as file:
                    file.write(sheet(f"PUT-{self._count}"))
        if self._chance.random() < 0.7:  # and away again, so that passes get anywhere
            target.rename(aside / f"{self._count}-again")


@pytest.mark.chaos
@pytest.mark.slow
def test_an_adversary_at_work_during_the_passes_reaches_nothing_elsewhere(drop: Drop, elsewhere: Path) -> None:
    """Nothing that lies elsewhere is moved, removed, changed or sent, whatever is swapped at whatever moment."""
    before = everything(elsewhere)
    for chance in until_time_is_up():
        adversary = Adversary(drop.path, elsewhere, chance)
        drop.put(f"good-{chance.random()}.csv", sheet(f"GOOD-{chance.random()}"))
        adversary.start()
        try:
            done = drop.pass_()
        finally:
            adversary.end()
        assert done.code != 70, done
        assert "Traceback" not in done.err
        assert everything(elsewhere) == before
        for name in (WORKING, "done", "attention", "refused"):
            with suppress(OSError):
                (drop.path / name).rename(drop.path.parent / "aside" / f"{name}-{chance.random()}")
    received = drop.sandbox.received()
    assert "STOLEN-1" not in received
    assert received, "no pass got so far"
    assert set(drop.sandbox.created().values()) == {1}
