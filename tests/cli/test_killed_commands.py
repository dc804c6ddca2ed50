"""`kill -9` of every command at any moment: what it leaves is whole, and the next command goes on."""

import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chaos import SECONDS, until_time_is_up
from support.command import Command
from support.fault_server import FaultServer, created
from support.run_fixture import Desk, Line, write_sheet
from test_signals import COMMANDS as SIGNALLED

COMMANDS = SIGNALLED | {
    "backup": lambda sheet: ("journal", "backup", str(sheet.with_suffix(f".{time.monotonic_ns()}.backup"))),
    "template": lambda sheet: ("template", "-o", str(sheet.with_suffix(f".{time.monotonic_ns()}.template.xlsx"))),
    "cancel": lambda sheet: ("cancel", sheet.stem, "--yes", "-o", str(sheet.with_name("cancelled.xlsx"))),
    "doctor": lambda sheet: ("doctor", "--bundle", str(sheet.with_suffix(f".{time.monotonic_ns()}.zip"))),
    "config": lambda sheet: ("config", "init", str(sheet.with_suffix(f".{time.monotonic_ns()}.toml"))),
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with FaultServer() as server:
        yield Desk(tmp_path, server, {"concurrency": "4", "answer_timeout": "10"})


@pytest.mark.chaos
@pytest.mark.slow
def test_a_killed_command_leaves_nothing_half_done(desk: Desk, command: Command) -> None:
    """Each file under its own name is whole, the journal too; nobody is asked twice, and what is left over goes."""
    temporary = desk.folder / "temporary"
    drop = desk.folder / "drop"
    temporary.mkdir()
    drop.mkdir()
    environment = desk.environment() | {"TMPDIR": str(temporary)}
    kills = 0
    for number, chance in enumerate(until_time_is_up()):
        sheet = desk.folder / f"sheet-{number // 5}.csv"
        write_sheet(sheet, [Line(f"INV-{number // 5}-{row}") for row in range(30)])
        write_sheet(drop / f"drop-{number}.csv", [Line(f"DROP-{number}-{row}", link=True) for row in range(5)])
        desk.server.well_created = lambda talk, chance=chance: (time.sleep(chance.random() * 0.02), created(talk))[1]  # type: ignore[misc]
        name = chance.choice(sorted(COMMANDS))
        process = command.start(*COMMANDS[name](sheet), env=environment)
        time.sleep(chance.random() ** 2)
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=120)
        assert "Traceback" not in said[1]
        kills += process.returncode == -signal.SIGKILL
        for book in [*desk.folder.glob("*.xlsx"), *desk.folder.glob("*.zip"), *drop.rglob("*.results.xlsx")]:
            with zipfile.ZipFile(book) as package:
                assert package.testzip() is None
        if (command.data / "journal.sqlite").exists() or Path(desk.place).exists():
            # A kill before the first commit may leave a journal without tables: the next run makes them.
            assert command("journal", "check", env=environment).code in {0, 2}
    desk.server.well_created = created
    # The files of all rounds at once: as many as the machine had time for.
    done = command("inbox", drop, "--yes", "--settle", "0", env=environment, timeout=180)
    assert done.code in {0, 5}, done
    assert command("run", sheet, "--yes", env=environment).code in {0, 1, 5}
    assert command("inbox", drop, "--yes", "--settle", "0", env=environment).code == 0
    assert command("journal", "check", env=environment).code == 0
    assert [path.name for path in temporary.iterdir()] == []
    assert [path.name for path in drop.iterdir() if path.name.startswith(".")] == []
    e_mailed = {reference: count for reference, count in desk.server.created.items() if reference.startswith("DROP")}
    assert set(e_mailed.values()) <= {1}
    assert kills or SECONDS < 20
