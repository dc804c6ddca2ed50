"""Start-up: help, version and completion do not wait for the rest of the program."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Command

HEAVY = {
    *("pandas", "numpy", "pandera", "sqlalchemy", "httpx", "httptools", "openpyxl", "python_calamine", "rich"),
    *("starlette", "jinja2", "uvicorn", "msgspec", "xlsxwriter", "keyring", "asyncio"),
}
"""Modules that take more time to import than all the rest of a short answer."""

LOOKS = """
import sys
from pipeline.cli import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""

COMMANDS = (
    "run",
    "validate",
    "columns",
    "plan",
    "batches",
    "config",
    "login",
    "doctor",
    "journal",
    "completion",
    "web",
)


def run(
    command: Command, *args: str, env: dict[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run the command in a process that tells what it has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, *args],
        env=command.environment | (env or {}),
        cwd=command.home,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    told = done.stderr.rpartition("imported:")[2]
    return done, set(told.split())


@pytest.mark.parametrize(
    "words",
    [("--help",), ("-h",), ("--version",), (), *((name, "--help") for name in COMMANDS), ("config", "show", "--help")],
    ids=" ".join,
)
def test_a_short_answer_imports_nothing_heavy(command: Command, words: tuple[str, ...]) -> None:
    """Help and version are there at once: none of the heavy modules is imported for them."""
    done, imported = run(command, *words)
    assert done.returncode in {0, 2}
    assert done.stdout or done.stderr
    assert imported & HEAVY == set()


def test_help_does_not_look_up_the_version(command: Command) -> None:
    """Looking up the version takes longer than all of --help."""
    assert "importlib_metadata" not in run(command, "--help")[1]
    assert "email" not in run(command, "--help")[1]


def test_the_version_is_one_line(command: Command) -> None:
    """`--version` says name and number, and nothing else."""
    done = command("--version", afresh=True)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("flinks-import ")
    assert len(done.out.splitlines()) == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(command: Command, shell: str) -> None:
    """Each shell gets a script that asks the command itself."""
    done = command("completion", shell, afresh=True)
    assert (done.code, done.err) == (0, "")
    assert f"_FLINKS_IMPORT_COMPLETE={shell}_complete" in done.out


def test_the_script_for_bash_is_bash(command: Command) -> None:
    """What is printed can be read by the shell that it is for."""
    script = command("completion", "bash", afresh=True).out
    assert subprocess.run(["bash", "-n"], input=script, encoding="utf-8", timeout=30, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("flinks-import ru", 1, {"run"}),
        ("flinks-import config ", 2, {"show", "init"}),
        ("flinks-import run --strict --lang ", 4, {"en", "fr"}),
        ("flinks-import run --metr", 2, {"--metrics-file"}),
    ],
    ids=["a command", "a command of a command", "a choice", "an option"],
)
def test_the_shell_is_told_what_can_follow(command: Command, words: str, position: int, expected: set[str]) -> None:
    """Commands, options and their values are completed."""
    asked = {"_FLINKS_IMPORT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = command(env=asked, afresh=True)
    assert {line.partition(",")[2] for line in done.out.splitlines()} == expected


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1252", "Nguy\u1ec5n"), ("cp850", "\u0141ukasz"), ("latin-1", "\U00020bb7\u7530")]
)
def test_json_is_whole_on_a_console_that_lacks_the_letters(
    command: Command, tmp_path: Path, encoding: str, name: str
) -> None:
    """Windows' own encoding has no Vietnamese: what it lacks is escaped, and the text is the same when it is read."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"Reference,First name,Last name,Email,Amount\nN-1,Thi,{name},{name}@@example.com,5.00\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "validate", str(sheet), "--sandbox", "--json"],
        env=command.environment | {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding},
        cwd=command.home,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    messages = [error["message"] for error in json.loads(done.stdout.decode(encoding))["errors"]]
    assert messages == [f'Email (column D): "{name}@@example.com" is not an e-mail address']


ALONE = """
import os, sys
from importlib import import_module
from pathlib import Path
import sqlalchemy, msgspec
for path in sorted(Path(sys.argv[1]).glob("*.py")):
    if os.fork() == 0:
        import_module(f"pipeline.journal.{path.stem}")
        os._exit(0)
    if os.wait()[1]:
        sys.exit(path.stem)
"""


def test_each_module_of_the_journal_can_be_the_first() -> None:
    """None needs another to have been imported before it."""
    folder = Path(__file__).parents[2] / "pipeline" / "journal"
    done = subprocess.run([sys.executable, "-c", ALONE, folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
