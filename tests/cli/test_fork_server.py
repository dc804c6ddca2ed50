"""The fork server, from which most tests have their commands: what it forks is as a process that was started afresh."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from support.command import Command
from support.fork_server import SAMPLE

SHEET = """Invoice #,First name,Last name,Email,Amount
INV-1,Ana,Fraser,ana@example.com,10.00
INV-2,Ben,Fraser,ben@@example.com,20.00
"""
VARIES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"
    r"|[0-9a-f]{8}(-?[0-9a-f]{4,}){2,}"
    r"|\d+(\.\d+)? ?(s\b|(?=per second|par seconde))"
)
"""What is another one each time: times, what is made by chance, and how quickly it went."""


def told(command: Command, home: Path, *args: str, afresh: bool) -> tuple[int, str, str, set[str]]:
    """What a command says and leaves in a folder of its own; what varies is blotted out."""
    home.mkdir()
    (home / "rent.csv").write_text(SHEET, encoding="utf-8")
    own = {"XDG_DATA_HOME": str(home / "data"), "XDG_CONFIG_HOME": str(home / "config")}
    done = command(*args, env=own, cwd=home, afresh=afresh)
    out, err = (VARIES.sub("…", text.replace(str(home), "HOME")) for text in (done.out, done.err))
    return done.code, out, err, {path.relative_to(home).as_posix() for path in home.rglob("*")}


@pytest.mark.parametrize(
    "args",
    [
        ("run", "rent.csv", "--sandbox"),
        ("run", "rent.csv", "--sandbox", "--json", "--lang", "fr"),
        ("validate", "rent.csv", "-v"),
        ("columns", "rent.csv"),
        ("template",),
        ("run", "nowhere.csv", "--sandbox"),
        ("run", "rent.csv", "--no-such-option"),
        ("status", "rent"),
    ],
    ids=" ".join,
)
def test_a_forked_command_is_as_one_that_was_started_afresh(
    command: Command, tmp_path: Path, args: tuple[str, ...]
) -> None:
    """Exit code, standard output, standard error and files are the same either way."""
    forked = told(command, tmp_path / "forked", *args, afresh=False)
    assert forked == told(command, tmp_path / "afresh", *args, afresh=True)
    assert forked[1] + forked[2]


def test_a_forked_command_has_the_days_of_its_zone(command: Command) -> None:
    """The fork server has a zone of its own; what it forks reads the clock of who asked."""
    assert command("run", SAMPLE, "--sandbox", "-q", "-o", command.home / "out.xlsx").code == 1
    shown = ("batches", "show", SAMPLE.stem, "--sandbox", "--json")
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        forked, afresh = (command(*shown, env={"TZ": zone}, afresh=afresh).out for afresh in (False, True))
        assert forked == afresh


def test_what_changes_how_python_starts_is_started_afresh(command: Command, tmp_path: Path) -> None:
    """A module that is to be found before others is found: a fork server could not do that."""
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(77)")
    path = f"{tmp_path}{os.pathsep}{command.environment['PYTHONPATH']}"
    assert command("--version", env={"PYTHONPATH": path}).code != 0
    assert command("--version").code == 0


def test_a_forked_process_ends_as_it_is_told(command: Command) -> None:
    """Signals reach the process itself, and its code says which one ended it; what it said till then is not lost."""
    process = command.start("sandbox", "--port", "0", "--store", command.home / "s.jsonl")
    assert process.stdout.readline().startswith("http://")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.05)
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
