"""What a script that asked for JSON gets when a command can't begin: one object with the error and the exit code."""

from typing import Any

import pytest
from support.command import Command, Finished

RUN_KEYS = {
    *("batch", "file", "sha256", "environment", "rows", "counts", "amounts", "errors", "errorsOmitted", "output"),
    *("error", "exitCode"),
}
"""What the summary of `run` always has, and why there is nothing in it."""

MISSING = [
    ("status", "nope"),
    ("cancel", "nope"),
    ("resolve", "nope", "2", "--not-created", "--note", "looked"),
    ("reconcile", "nope", "report.csv"),
    ("batches", "show", "nope"),
    ("batches", "purge", "--before", "2026-01-01", "--journal", "nope.sqlite"),
    ("batches", "--journal", "nope.sqlite"),
    ("inbox", "nope"),
    ("plan", "nope.xlsx", "--sandbox"),
    ("columns", "nope.xlsx"),
    ("template", "-o", "nope.csv"),
    ("config", "--config", "nope.toml"),
    ("config", "init", "--config", "nope/nope.toml"),
    ("doctor", "--sheet", "nope.csv"),
    ("journal", "check", "--journal", "nope.sqlite"),
    ("journal", "backup", "copy.sqlite", "--journal", "nope.sqlite"),
    ("journal", "create", "nope/nope/journal.sqlite"),
    ("login", "--base-url", "https://flinks.example"),
]


def error_of(done: Finished) -> dict[str, Any]:
    """The error of a command that could not begin; it is on standard error too."""
    told = done.json()
    assert told["exitCode"] == done.code
    assert set(told["error"]) == {"code", "message"}
    assert told["error"]["message"] in done.err
    return told


@pytest.mark.parametrize("line", MISSING, ids=" ".join)
def test_a_command_that_cannot_begin(command: Command, line: tuple[str, ...]) -> None:
    """What it was given is missing or wrong: the code of the cause, and the sentence."""
    done = command(*line, "--json")
    told = error_of(done)
    assert set(told) == {"error", "exitCode"}
    assert (told["error"]["code"], done.code) in {("usage", 2), ("input", 3)}


@pytest.mark.parametrize("name", sorted({line[0] for line in MISSING}))
def test_an_option_that_does_not_exist(command: Command, name: str) -> None:
    """A wrong command line is said in the same shape."""
    told = error_of(command(name, "--json", "--nope"))
    assert (set(told), told["error"]["code"], told["exitCode"]) == ({"error", "exitCode"}, "usage", 2)


@pytest.mark.parametrize("name", ["run", "validate"])
@pytest.mark.parametrize("wrong", [("nope.csv", "--sandbox"), ("nope.csv", "--nope")], ids=["file", "option"])
def test_a_run_that_cannot_begin(command: Command, name: str, wrong: tuple[str, ...]) -> None:
    """`run` and `validate` keep all the keys of their summary, and add the error."""
    done = command(name, *wrong, "--json")
    told = error_of(done)
    assert set(told) == RUN_KEYS
    assert [error["code"] for error in told["errors"]] == [told["error"]["code"]]


def test_a_run_that_is_ended_early(command: Command) -> None:
    """A guard that fails is said in the summary of the rows too."""
    (command.home / "rent.csv").write_text("Reference,First name,Last name,Email,Amount\n", "utf-8")
    done = command("run", "rent.csv", "--sandbox", "--expect-rows", "1", "--json")
    assert (error_of(done)["error"]["code"], done.code) == ("input", 3)
