"""`journal backup`, `journal check`, and journals of older and newer programs."""

import os
import sqlite3
import stat
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine.base import Connection
from support.command import Command
from support.journals import FIRST, open_and_close

from pipeline.domain.errors import UsageError
from pipeline.journal import database

SHEET = (
    "Reference,First Name,Last Name,Email,Amount\n"
    "R-1,Ann,Roe,ann@example.com,1.00\n"
    "Refuse400-1,Bob,Poe,bob@example.com,2.00\n"
    "R-3,Cy,Doe,cy@@example.com,3.00\n"
)


@pytest.fixture
def journal(command: Command, tmp_path: Path) -> Path:
    """The journal of one run against the built-in sandbox."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert command("run", sheet, "--sandbox").code == 1
    return command.data / "sandbox-journal.sqlite"


def changed(path: Path, *statements: str) -> None:
    """Do to a journal what no program of ours does."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def asked(path: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


# ---------------------------------------------------------------------------------------------------------------
# Backup


def test_a_backup_is_a_journal_of_its_own(command: Command, journal: Path, tmp_path: Path) -> None:
    """The backup is one file, whole, its owner's, and can be used as it is."""
    backup = tmp_path / "backup.sqlite"
    done = command("journal", "backup", backup, "--sandbox")
    assert (done.code, str(backup) in done.out) == (0, True)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [file for file in tmp_path.iterdir() if file.name.startswith((".backup", "backup.sqlite-"))] == []
    for table in ("batches", "runs", "rows", "attempts"):
        assert asked(backup, f"SELECT * FROM {table}") == asked(journal, f"SELECT * FROM {table}")
    assert command("journal", "check", "--journal", backup).code == 0


def test_a_backup_can_be_made_while_another_program_writes(command: Command, journal: Path, tmp_path: Path) -> None:
    """A write that is not committed is not in the backup, and does not keep it from being made."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE batches SET name = 'half'")
        done = command("journal", "backup", tmp_path / "backup.sqlite", "--sandbox")
        writer.execute("ROLLBACK")
    assert done.code == 0
    assert asked(tmp_path / "backup.sqlite", "SELECT name FROM batches") == [("sheet",)]


def test_a_backup_is_never_written_over_a_file(command: Command, journal: Path, tmp_path: Path) -> None:
    """The backup of yesterday is worth more than a second name."""
    taken = tmp_path / "backup.sqlite"
    taken.write_bytes(b"yesterday")
    done = command("journal", "backup", taken, "--sandbox")
    assert (done.code, taken.read_bytes(), str(taken) in done.err) == (0, b"yesterday", True)
    assert str(tmp_path / "backup (2).sqlite") in done.out


def test_a_backup_that_fails_leaves_nothing(command: Command, tmp_path: Path) -> None:
    """What is no journal makes no backup, not even an empty file."""
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    before = set(tmp_path.iterdir())
    done = command("journal", "backup", tmp_path / "backup.sqlite", "--journal", damaged)
    assert (done.code, "damaged" in done.err) == (2, True)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("place", "journal_url", "parts"),
    [
        ("nowhere/backup.sqlite", None, ("nowhere", "Can't write")),
        ("backup.sqlite", "gone.sqlite", ("no journal", "gone.sqlite")),
        ("backup.sqlite", "postgresql://me:hunter2@db/x", ("pg_dump", "PostgreSQL")),
    ],
    ids=["no folder", "no journal", "PostgreSQL"],
)
def test_a_backup_that_cannot_be_made_says_why(
    command: Command, journal: Path, place: str, journal_url: str | None, parts: tuple[str, str]
) -> None:
    """One sentence each, and exit code 2; a PostgreSQL server has its own tool."""
    where = ("--journal", journal_url) if journal_url else ("--sandbox",)
    done = command("journal", "backup", place, *where)
    assert done.code == 2
    sentence = done.err.splitlines()[-1]  # behind the warning of a password in an address
    for part in parts:
        assert part in sentence
    assert "hunter2" not in done.err
    assert not (command.home / "gone.sqlite").exists()


@pytest.mark.slow
def test_a_backup_that_is_killed_is_whole_or_not_there(command: Command, journal: Path, tmp_path: Path) -> None:
    """At its name is a whole backup or nothing, at any instant; what is left beside it goes with the next one."""
    with closing(sqlite3.connect(journal)) as grown:
        grown.execute("CREATE TABLE ballast (weight BLOB)")
        grown.executemany("INSERT INTO ballast VALUES (?)", [(os.urandom(1 << 20),) for _ in range(60)])
        grown.commit()
    folder = tmp_path / "backups"
    folder.mkdir()
    whole = left = 0
    for number in range(14):
        backup = folder / f"backup-{number}.sqlite"
        process = command.start("journal", "backup", backup, "--sandbox")
        deadline = time.monotonic() + 120
        while not [*folder.glob(".*.part*")] and process.poll() is None:
            assert time.monotonic() < deadline
        time.sleep(number * 0.03)
        process.kill()
        process.communicate(timeout=120)
        left += bool([*folder.glob(".*.part*")])
        if backup.exists():
            whole += 1
            assert command("journal", "check", "--journal", backup).code == 0
            backup.unlink()
    assert left, "no kill came in time"
    assert command("journal", "backup", folder / "last.sqlite", "--sandbox").code == 0
    assert [path.name for path in folder.iterdir()] == ["last.sqlite"]


def test_of_two_backups_at_once_each_has_a_name(command: Command, journal: Path, tmp_path: Path) -> None:
    """The second finds the name taken and goes to the next, and neither is half of a backup."""
    processes = [command.start("journal", "backup", tmp_path / "backup.sqlite", "--sandbox") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0, 0]
    for name in ("backup.sqlite", "backup (2).sqlite"):
        assert command("journal", "check", "--journal", tmp_path / name).code == 0


# ---------------------------------------------------------------------------------------------------------------
# Check


@pytest.mark.parametrize("content", ["nothing", "another program's tables"])
def test_what_is_no_journal_is_not_healthy(command: Command, tmp_path: Path, content: str) -> None:
    """A backup that was killed by an older version is an empty file: nobody may take it for a journal."""
    place = tmp_path / "other.sqlite"
    place.touch()
    if content != "nothing":
        with closing(sqlite3.connect(place)) as other:
            other.execute("CREATE TABLE songs (title TEXT)")
            other.commit()
    done = command("journal", "check", "--journal", place)
    assert (done.code, str(place) in done.err) == (2, True), done
    assert "whole" not in done.out
    assert command("journal", "backup", tmp_path / "backup.sqlite", "--journal", place).code == 2
    assert not (tmp_path / "backup.sqlite").exists()


def test_a_healthy_journal_is_told_with_its_counts(command: Command, journal: Path) -> None:
    """What is in it, in numbers; exit code 0."""
    done = command("journal", "check", "--sandbox", "--json")
    told = done.json()
    assert (done.code, told["healthy"], told["findings"]) == (0, True, {})
    assert told["version"] == database.VERSION
    assert told["counts"] == {"batches": 1, "runs": 1, "rows": 3, "attempts": 2}
    assert told["attempts"] == {"created": 1, "refused": 1}
    assert "healthy" in command("journal", "check", "--sandbox").out


DAMAGE = [
    ("outcome", "UPDATE attempts SET outcome = 'maybe' WHERE id = 1"),
    ("open_settled", "UPDATE attempts SET outcome = 'open' WHERE id = 2"),
    ("settled_open", "UPDATE attempts SET settled_at = NULL WHERE id = 1"),
    ("no_session", "UPDATE attempts SET session_id = '' WHERE outcome = 'created'"),
    (
        "session_twice",
        "UPDATE attempts SET outcome = 'created', session_id = (SELECT max(session_id) FROM attempts)",
    ),
    ("rows_without_run", "UPDATE rows SET run_id = 99 WHERE id = 1"),
    ("runs_without_batch", "UPDATE runs SET batch_id = 99"),
    ("attempts_without_run", "UPDATE attempts SET run_id = 99 WHERE id = 1"),
]


@pytest.mark.parametrize(("finding", "statement"), DAMAGE, ids=[case[0] for case in DAMAGE])
def test_what_must_not_be_is_found(command: Command, journal: Path, finding: str, statement: str) -> None:
    """Each illegal state and each orphan is counted by its name, and ends with 2 and a sentence."""
    changed(journal, "PRAGMA foreign_keys = OFF", statement)
    done = command("journal", "check", "--sandbox", "--json")
    assert (done.code, done.json()["findings"]) == (2, {finding: 1})
    told = command("journal", "check", "--sandbox")
    assert (told.code, ": 1" in told.err, "backup" in told.err) == (2, True, True)
    assert "example.com" not in told.out + told.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_journal_that_others_can_read_is_found(command: Command, journal: Path) -> None:
    """A journal holds names and accounts: only its owner may read it."""
    journal.chmod(0o644)
    done = command("journal", "check", "--sandbox")
    assert (done.code, "chmod 600" in done.err) == (2, True)


def test_a_damaged_file_is_told_as_such(command: Command, journal: Path) -> None:
    """Bytes that a disk has lost are found before a run trusts them."""
    with journal.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (journal.stat().st_size - 4096))
    done = command("journal", "check", "--sandbox")
    assert done.code in {2, 6}
    assert "Traceback" not in done.err
    assert str(journal) in done.err


def test_looking_makes_no_journal(command: Command) -> None:
    """A misspelt place is told, and no empty journal is made there."""
    done = command("journal", "check", "--journal", "typo.sqlite")
    assert (done.code, "typo.sqlite" in done.err) == (2, True)
    assert not (command.home / "typo.sqlite").exists()


# ---------------------------------------------------------------------------------------------------------------
# Other versions


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal that a program of version 1 has left."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST.read_text("utf-8"))
    path.chmod(0o600)
    return path


def add_colour(connection: Connection) -> None:
    """A later step, as a later program would bring it."""
    connection.exec_driver_sql("ALTER TABLE batches ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'")


def broken(connection: Connection) -> None:
    """A later step that ends in the middle."""
    add_colour(connection)
    connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")


def test_an_old_journal_keeps_what_it_has(command: Command, old: Path) -> None:
    """The batch, the run and the attempt of an older program are there after the new one has opened its journal."""
    attempts = asked(old, "SELECT batch_id, number, outcome, session_id, amount_cents, content FROM attempts")
    (line,) = command("batches", "--journal", old, "--json").json()
    assert (line["batch"], line["created"], line["amount"]) == ("billing", 1, "250.00")
    assert asked(old, "SELECT batch_id, number, outcome, session_id, amount_cents, content FROM attempts") == attempts
    assert asked(old, "SELECT version FROM migrations") == [(number + 1,) for number in range(database.VERSION)]
    assert command("journal", "check", "--journal", old).code == 0


def test_looking_at_an_old_journal_changes_nothing(command: Command, old: Path, tmp_path: Path) -> None:
    """A check and a backup are made before an upgrade: they leave the version as it is."""
    done = command("journal", "check", "--journal", old, "--json")
    assert (done.code, done.json()["version"], done.json()["counts"]["attempts"]) == (0, 1, 1)
    assert command("journal", "backup", tmp_path / "backup.sqlite", "--journal", old).code == 0
    for path in (old, tmp_path / "backup.sqlite"):
        assert asked(path, "SELECT version FROM migrations") == [(1,)]


def test_a_later_step_runs_once_and_keeps_every_record(old: Path) -> None:
    """From any version to the next: each step once, in order, with the record that it ran."""
    steps = (*database.STEPS, add_colour)
    before = asked(old, "SELECT * FROM runs")
    for _ in range(2):
        open_and_close(str(old), steps)
    assert asked(old, "SELECT name, colour FROM batches") == [("billing", "blue")]
    assert [row[: len(before[0])] for row in asked(old, "SELECT * FROM runs")] == before
    assert asked(old, "SELECT max(version), count(*) FROM migrations") == [(len(steps), len(steps))]


def test_a_step_that_fails_leaves_no_trace(old: Path) -> None:
    """A step and the record that it ran are one transaction: half a step is none."""
    open_and_close(str(old))
    with pytest.raises(Exception, match="journal"):
        open_and_close(str(old), (*database.STEPS, broken))
    assert asked(old, "SELECT max(version) FROM migrations") == [(database.VERSION,)]
    assert "colour" not in [column[1] for column in asked(old, "PRAGMA table_info(batches)")]
    open_and_close(str(old), (*database.STEPS, add_colour))


def test_a_newer_journal_is_refused_by_an_older_program(command: Command, old: Path, tmp_path: Path) -> None:
    """An older program does not touch what it does not know: one sentence, exit code 2, nothing changed."""
    open_and_close(str(old), (*database.STEPS, add_colour))
    before = asked(old, "SELECT * FROM migrations")
    with pytest.raises(UsageError):
        open_and_close(str(old))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    for words in (("batches",), ("run", sheet, "--sandbox")):
        done = command(*words, "--journal", old)
        assert (done.code, "newer version" in done.err) == (2, True)
    assert asked(old, "SELECT * FROM migrations") == before


def test_two_programs_that_start_at_once_run_each_step_once(command: Command, old: Path) -> None:
    """Two runs on the first night after an upgrade: one brings the journal up to date, the other finds it done."""
    line = command.line("batches", "--journal", old, "--json")
    both = [subprocess.Popen(line, env=command.environment, cwd=command.home, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0] == outputs[1]
    assert asked(old, "SELECT count(*) FROM migrations") == [(database.VERSION,)]
