"""Broken places: a full disk, a journal that can't be written or read, a folder that goes away, a workbook in the way.

After each the same command is run again: nobody was asked twice, and nothing is lost.
"""

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from support.fault_server import Behaviour, FaultServer, Talk, created
from support.run_fixture import Desk, Line, check_truth

LINES = [Line(f"INV-{number}", link=number % 2 == 0) for number in range(40)]
REFERENCES = [line.reference for line in LINES]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, where a workbook goes whose folder is gone."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    folder = tmp_path / "desk"
    folder.mkdir()
    return Desk(folder, server, {"concurrency": "4", "answer_timeout": "10"})


class SmallDisk:
    """A disk of a few megabytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Until not a byte more fits."""
        with suppress(OSError), (self.path / "ballast").open("ab", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                with suppress(OSError):
                    while ballast.write(b"\0" * size):
                        pass

    def free(self) -> None:
        (self.path / "ballast").unlink()

    def make_read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True)

    def make_writable(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("a small disk can't be mounted here: in CI these tests must run")
        pytest.skip("a small disk can't be mounted here (only root can)")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def at(number: int, happens: Behaviour, server: FaultServer) -> None:
    """Let this happen at the n-th request for a session."""
    server.on_create.extend([created] * number + [happens])


def goes_on(desk: Desk) -> None:
    """The same command creates what is left; nobody is asked twice, and what is uncertain stays so."""
    desk.server.on_create.clear()
    again = desk.run(LINES)
    assert again.code in {0, 5}
    check_server(desk)
    unknown = {reference for reference, status in again.statuses().items() if status == "unknown"}
    assert set(again.statuses().values()) <= {"created", "already-created", "unknown"}
    assert len(unknown) <= int(desk.settings["concurrency"])
    assert set(desk.server.created) | unknown == set(REFERENCES)
    check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, desk.server.sessions)


def check_server(desk: Desk) -> None:
    assert max(desk.server.emailed.values(), default=0) <= 1


# ---------------------------------------------------------------------------------------------------------------
# The journal


def test_the_journals_disk_fills_up(desk: Desk, disk: SmallDisk) -> None:
    """When the disk fills up what was in flight is recorded all the same, and nothing is sent that can't be."""
    desk.settings["journal"] = str(disk.path / "journal.sqlite")

    def fills(talk: Talk) -> None:
        disk.fill()
        created(talk)

    at(10, fills, desk.server)
    place = Desk(desk.folder, desk.server, desk.settings)
    ran = place.run(LINES)
    # Whether the space that was kept for this is enough for the rest as well depends on who finds the disk full.
    assert (ran.code, ran.stopped) in {
        (6, ("The disk of the journal {place} is full. Free some space, then run the same command again to resume.")),
        (0, ""),
    }
    statuses = check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, desk.server.sessions)
    assert set(statuses.values()) <= {"created", "not-sent", "failed"}
    assert {reference for reference, status in statuses.items() if status == "created"} == set(desk.server.created)
    disk.free()
    goes_on(place)
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)


def test_the_journals_disk_is_full_from_the_start(desk: Desk, disk: SmallDisk) -> None:
    """On a full disk nothing is sent, and the code is 6; with space the same command goes on."""
    desk.settings["journal"] = str(disk.path / "journal.sqlite")
    assert desk.run(LINES[:1]).code == 0
    disk.fill()
    ran = desk.run(LINES)
    assert (ran.code, len(desk.server.creations)) == (6, 1)
    # SQLite calls it an input/output error when it is its shared memory that finds no room.
    assert ran.stopped in {
        ("The disk of the journal {place} is full. Free some space, then run the same command again to resume."),
        (
            "The disk of the journal {place} reports an error. Check the disk or the network "
            "drive, then run the same command again."
        ),
    }
    disk.free()
    goes_on(desk)


def test_the_journal_is_read_only(desk: Desk, disk: SmallDisk) -> None:
    """With a journal that can't be written nothing is sent, and the code is 2; later the same command goes on."""
    desk.settings["journal"] = str(disk.path / "journal.sqlite")
    assert desk.run(LINES[:1]).code == 0
    disk.make_read_only()
    ran = desk.run(LINES)
    disk.make_writable()
    assert (ran.code, len(desk.server.creations)) == (2, 1)
    assert ran.stopped in {
        ("Can't write the journal {place}. Give yourself write access, or choose another with --journal."),
        ("Can't create the journal {place} ({error}). Choose a place where you can write with --journal."),
        (
            "Can't open the journal {place}. Check that its folder exists and that you can "
            "write there, or choose another with --journal."
        ),
    }
    goes_on(desk)


def hold(journal: Path, let_go: threading.Event, held: threading.Event) -> None:
    """Another program that writes to the journal, and takes its time."""
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=20)) as other:
        other.execute("BEGIN EXCLUSIVE")
        held.set()
        let_go.wait(60)
        other.execute("ROLLBACK")


def test_the_journal_is_locked_for_a_while(desk: Desk) -> None:
    """While another program writes to the journal a run waits; then it goes on, and each row is created once."""
    let_go = threading.Event()

    def locks(talk: Talk) -> None:
        held = threading.Event()
        threading.Thread(target=hold, args=(desk.journal, let_go, held), daemon=True).start()
        held.wait(60)
        created(talk)
        threading.Timer(1.0, let_go.set).start()

    at(10, locks, desk.server)
    ran = desk.run(LINES)
    assert (ran.code, desk.server.created) == (0, dict.fromkeys(REFERENCES, 1))


@pytest.mark.slow
def test_the_journal_stays_locked(desk: Desk) -> None:
    """A journal that another program keeps locked ends the run with 6, nothing sent; the same command goes on."""
    assert desk.run(LINES[:1]).code == 0
    let_go, held = threading.Event(), threading.Event()
    other = threading.Thread(target=hold, args=(desk.journal, let_go, held))
    other.start()
    assert held.wait(60)
    ran = desk.run(LINES)
    let_go.set()
    other.join()
    assert (ran.code, ran.stopped, len(desk.server.creations)) == (
        6,
        ("Another program locks the journal {place} (waited {seconds} s). Close it, then run the same command again."),
        1,
    )
    goes_on(desk)


DAMAGES = {
    "no database": lambda content: b"This is no journal.\n" * 400,
    "zeros": lambda content: b"\0" * len(content),
    "a torn header": lambda content: b"\xff" * 100 + content[100:],
    "a torn table": lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_journal_is_damaged(desk: Desk, damage: Callable[..., Any]) -> None:
    """A damaged journal ends the run before anything is sent, and is not made anew; restored, the command goes on."""
    assert desk.run(LINES[:5]).code == 0
    content = desk.journal.read_bytes()
    desk.journal.write_bytes(damage(content))
    damaged = desk.journal.read_bytes()
    ran = desk.run(LINES)
    assert (ran.code, ran.stopped, len(desk.server.creations)) == (
        2,
        (
            "The file {place} is not a journal, or it is damaged. Nothing more is sent. "
            "Restore it from a backup, or choose another with --journal."
        ),
        5,
    )
    assert desk.journal.read_bytes() == damaged
    for left in desk.folder.glob("journal.sqlite-*"):
        left.unlink()
    desk.journal.write_bytes(content)
    goes_on(desk)


def test_the_journal_is_damaged_while_it_sends(desk: Desk) -> None:
    """When the journal is destroyed under a run, nobody is asked twice, now or by the same command."""

    def destroys(talk: Talk) -> None:
        for path in (desk.journal, desk.journal.with_name("journal.sqlite-wal")):
            with path.open("r+b") as file:
                file.write(b"\0" * path.stat().st_size)
        created(talk)

    at(10, destroys, desk.server)
    ran = desk.run(LINES)
    check_server(desk)
    sent = len(desk.server.creations)
    desk.server.on_create.clear()
    again = desk.run(LINES)
    check_server(desk)
    assert ran.code in {0, 2, 5, 6}  # what it could still read
    assert (again.code, again.stopped) == (
        2,
        (
            "The file {place} is not a journal, or it is damaged. Nothing more is sent. "
            "Restore it from a backup, or choose another with --journal."
        ),
    )
    assert len(desk.server.creations) == sent


# ---------------------------------------------------------------------------------------------------------------
# The workbook


def test_the_output_folder_goes_away(desk: Desk, home: Path) -> None:
    """When the folder of the workbook goes away while it sends, the workbook is written elsewhere, and said so."""
    folder = desk.folder / "out"
    folder.mkdir()

    def goes(talk: Talk) -> None:
        shutil.rmtree(folder)
        created(talk)

    at(10, goes, desk.server)
    ran = desk.run(LINES, output=folder / "results.xlsx")
    assert ran.code == 0
    assert ran.result is not None
    assert ran.result.written is not None
    assert ran.result.written.wanted == folder / "results.xlsx"
    assert ran.result.written.path == home / "results.xlsx"
    check_truth(ran.result.written.path, REFERENCES, desk.server.sessions)
    requests = len(desk.server.requests)
    again = desk.run(LINES, output=folder / "results.xlsx")
    assert (again.code, len(desk.server.requests)) == (2, requests)
    goes_on(desk)
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)


@pytest.mark.parametrize("lock", ["~$sheet.results.xlsx", ".~lock.sheet.results.xlsx#"], ids=["Excel", "LibreOffice"])
def test_the_workbook_is_open(desk: Desk, lock: str) -> None:
    """A workbook that somebody has open is left alone, and the new one is written under the next free name."""
    assert desk.run(LINES[:1]).code == 0
    before = (desk.folder / "sheet.results.xlsx").read_bytes()

    def opens(talk: Talk) -> None:
        (desk.folder / lock).touch()
        created(talk)

    at(10, opens, desk.server)
    ran = desk.run(LINES)
    assert ran.code == 0
    assert (desk.folder / "sheet.results.xlsx").read_bytes() == before
    check_truth(desk.folder / "sheet.results (2).xlsx", REFERENCES, desk.server.sessions)
    (desk.folder / lock).unlink()
    goes_on(desk)


def test_the_workbooks_place_is_taken_while_it_sends(desk: Desk) -> None:
    """A file of somebody else's that appears in the workbook's place is not written over."""
    place = desk.folder / "sheet.results.xlsx"

    def takes(talk: Talk) -> None:
        place.write_bytes(b"mine")
        created(talk)

    at(10, takes, desk.server)
    ran = desk.run(LINES)
    assert (ran.code, place.read_bytes()) == (0, b"mine")
    check_truth(desk.folder / "sheet.results (2).xlsx", REFERENCES, desk.server.sessions)
    place.unlink()
    goes_on(desk)


def test_the_workbooks_disk_fills_up(desk: Desk, disk: SmallDisk, home: Path) -> None:
    """When the workbook's disk fills up, the workbook is written elsewhere, and nothing is lost."""

    def fills(talk: Talk) -> None:
        disk.fill()
        created(talk)

    at(10, fills, desk.server)
    ran = desk.run(LINES, output=disk.path / "results.xlsx")
    assert ran.code == 0
    check_truth(home / "results.xlsx", REFERENCES, desk.server.sessions)
    assert [path.name for path in disk.path.iterdir()] == ["ballast"]
    goes_on(desk)


def test_the_workbooks_disk_is_full_from_the_start(desk: Desk, disk: SmallDisk) -> None:
    """A full disk is no mistake in the command: nothing is sent, the code is 6, and with space the command goes on."""
    disk.fill()
    ran = desk.run(LINES, output=disk.path / "results.xlsx")
    assert (ran.code, ran.stopped, desk.server.requests) == (
        6,
        (
            "The disk of the folder {folder} is full. Free some space, or choose another "
            "place with -o. Nothing was sent. Run the same command again to resume."
        ),
        [],
    )
    disk.free()
    assert desk.run(LINES, output=disk.path / "results.xlsx").code == 0


def test_the_workbook_can_be_written_nowhere(desk: Desk, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every disk is full at the end the code is 6 and the sentence says why; the same command writes it."""
    monkeypatch.setenv("HOME", str(disk.path))
    monkeypatch.setattr("tempfile.tempdir", str(disk.path))

    def fills(talk: Talk) -> None:
        disk.fill()
        created(talk)

    at(10, fills, desk.server)
    ran = desk.run(LINES, output=disk.path / "results.xlsx")
    assert (ran.code, ran.stopped) == (
        6,
        (
            "Can't write the workbook {path}, nor write it elsewhere ({reason}). Nothing is "
            "lost. Free some space, then run the same command again; no request is sent "
            "twice."
        ),
    )
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)
    disk.free()
    requests = len(desk.server.creations)
    assert desk.run(LINES, output=disk.path / "results.xlsx").code == 0
    assert len(desk.server.creations) == requests
    check_truth(disk.path / "results.xlsx", REFERENCES, desk.server.sessions)
