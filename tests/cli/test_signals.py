"""Signals beside a run's own phases: a terminal that is closed, a process that is to outlive it, storms of signals."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from support.chaos import SECONDS, until_time_is_up
from support.command import Command, Process
from support.fault_server import FaultServer, Talk, created
from support.run_fixture import Desk, Line, check_truth, write_sheet

LINES = [Line(f"INV-{number}", link=number % 2 == 0) for number in range(30)]
REFERENCES = [line.reference for line in LINES]
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    return Desk(tmp_path, server, {"concurrency": "4", "answer_timeout": "10"})


def test_a_terminal_that_is_closed_ends_a_run_as_a_signal_does(desk: Desk, command: Command) -> None:
    """What is in flight is finished and the workbook written, though nobody is there to be told."""
    sheet = write_sheet(desk.folder / "sheet.csv", LINES)
    environment = command.environment | desk.environment()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(command.home)
        os.execve(command.line()[0], command.line("run", sheet, "--yes", "-v"), environment)

    def slowly(talk: Talk) -> None:
        time.sleep(0.2)
        created(talk)

    def closes(talk: Talk) -> None:
        os.close(terminal)  # in force when the reader's own call returns, with the next line
        desk.server.well_created = slowly
        slowly(talk)

    desk.server.on_create.extend([created] * 8 + [closes])
    reader = threading.Thread(target=drain, args=(terminal,), daemon=True)
    reader.start()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 6
    statuses = check_truth(desk.folder / "sheet.results.xlsx", REFERENCES, desk.server.sessions)
    made = [reference for reference, status in statuses.items() if status == "created"]
    assert set(statuses.values()) == {"created", "not-sent"}
    assert desk.server.created == dict.fromkeys(made, 1)


def drain(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass


def test_whoever_started_it_under_nohup_has_it_outlive_the_terminal(desk: Desk, command: Command) -> None:
    """A process whose SIGHUP is ignored goes on to its end."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        line = ("run", write_sheet(desk.folder / "sheet.csv", LINES), "--yes", "--json")
        process = command.start(*line, env=desk.environment(), afresh=True)
    finally:
        signal.signal(signal.SIGHUP, before)

    def hangs_up(talk: Talk) -> None:
        process.send_signal(signal.SIGHUP)
        created(talk)

    desk.server.on_create.append(hangs_up)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)["counts"]["created"]) == (0, len(LINES)), err


INTERRUPTED_AT = """
import os, signal, sys

def interrupt(frame, event, _argument):
    if event == "call" and frame.f_code.co_name == where:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

where = sys.argv.pop(1)
sys.argv[0] = "flinks-import"
from pipeline.cli import main
sys.setprofile(interrupt)
main()
"""


@pytest.mark.parametrize(
    ("where", "code"),
    [
        *((before, 6) for before in ("install", "choose_language", "language_of", "_run", "_call")),
        *((after, 2) for after in ("_print_usage_error", "_print_error", "lost_output", "ignore")),
    ],
)
def test_a_signal_at_either_end_of_a_command_shows_no_traceback(where: str, code: int, command: Command) -> None:
    """Before the arguments are read, and while what is wrong with them is being told."""
    line = [sys.executable, "-c", INTERRUPTED_AT, where, "validate", "--nonsense", "--json"]
    done = subprocess.run(line, env=command.environment, cwd=command.home, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert (done.returncode, json.loads(done.stdout)["exitCode"]) == (code, code)


INTERRUPTED_IN_A_CALLBACK = """
import os, signal, sys

class Collected:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def collect(frame, event, _argument):
    if event == "call" and frame.f_code.co_name == where:
        sys.setprofile(None)
        Collected()

where = sys.argv.pop(1)
sys.argv[0] = "flinks-import"
from pipeline.cli import main
sys.setprofile(collect)
main()
"""


@pytest.mark.parametrize("where", ["choose_language", "open_table", "check", "stage"])
def test_a_signal_while_the_garbage_is_collected_is_neither_lost_nor_shown(
    where: str, desk: Desk, command: Command
) -> None:
    """Python drops what is raised there and prints it (sys.unraisablehook)."""
    sheet = write_sheet(desk.folder / "sheet.csv", LINES * 200)
    line = [sys.executable, "-c", INTERRUPTED_IN_A_CALLBACK, where, "run", str(sheet), "--yes", "--json"]
    done = subprocess.run(
        line,
        env=desk.environment() | command.environment,
        cwd=command.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["exitCode"]) == (6, 6), done.stderr
    assert "Traceback" not in done.stderr
    assert not desk.server.created


COMMANDS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "run": lambda sheet: ("run", str(sheet), "--yes"),
    "validate": lambda sheet: ("validate", str(sheet), "-o", str(sheet.with_name("checked.xlsx"))),
    "status": lambda sheet: ("status", sheet.stem, "-o", str(sheet.with_name("status.xlsx"))),
    "plan": lambda sheet: ("plan", str(sheet), "-o", str(sheet.with_name("plan.json"))),
    "columns": lambda sheet: ("columns", str(sheet)),
    "batches": lambda sheet: ("batches",),
    "inbox": lambda sheet: ("inbox", str(sheet.parent / "drop"), "--yes", "--settle", "0"),
}


def storm(process: Process, chance: Random) -> None:
    """Signals without a pause from some moment on, once the process can hear them."""
    caught = 1 << (signal.SIGHUP - 1)
    with suppress(OSError):
        while process.poll() is None and not _caught(process.pid) & caught:
            time.sleep(0.001)
        time.sleep(chance.random() ** 2 * 2)
        while process.poll() is None:
            process.send_signal(chance.choice(ENDING))
            time.sleep(chance.random() * 0.005)


def _caught(pid: int) -> int:
    return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigCgt" in line)[7:], 16)


@pytest.mark.chaos
@pytest.mark.slow
def test_a_storm_of_signals_ends_with_the_right_code_workbook_and_json(desk: Desk, command: Command) -> None:
    """Whatever moment it begins at: one JSON object with the exit code, a true workbook, and nobody asked twice."""
    environment = desk.environment()
    asked = 0
    for number, chance in enumerate(until_time_is_up()):
        name = chance.choice([*COMMANDS, "run", "run", "inbox"])
        sheet = desk.folder / f"sheet-{number // 4}.csv"
        lines = [Line(f"INV-{number // 4}-{row}", link=row % 2 == 0) for row in range(30)]
        write_sheet(sheet, lines)
        if name == "inbox":
            (desk.folder / "drop").mkdir(exist_ok=True)
            write_sheet(desk.folder / "drop" / f"drop-{number}.csv", [Line(f"DROP-{number}-{row}") for row in range(9)])
        desk.server.well_created = lambda talk, chance=chance: (time.sleep(chance.random() * 0.02), created(talk))[1]  # type: ignore[misc]
        process = command.start(*COMMANDS[name](sheet), "--json", env=environment)
        storming = threading.Thread(target=storm, args=(process, chance))
        storming.start()
        out, err = process.communicate(timeout=120)
        storming.join()
        assert "Traceback" not in err, err
        summary = json.loads(out)
        code = summary["exitCode"] if isinstance(summary, dict) and "exitCode" in summary else process.returncode
        assert process.returncode == code, (name, out, err)
        assert code in {0, 1, 2, 3, 6}, (name, out, err)
        if name == "run" and summary.get("output"):
            check_truth(Path(summary["output"]), [line.reference for line in lines], desk.server.sessions)
            asked += 1
        assert set(desk.server.created.values()) <= {1}
    assert asked or SECONDS < 20
