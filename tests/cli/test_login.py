"""`login`: credentials in the system's keyring, never on a command line, never on a screen."""

import json
import os
import pty
from pathlib import Path

import pytest
from support.command import Command, Finished, StandaloneSandbox

SHEET = "Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n"

NO_PACKAGE = "raise ModuleNotFoundError(name='keyring')"
"""What stands in the place of the package where it is not installed."""


def piped(command: Command, text: str, *args: str, env: dict[str, str]) -> Finished:
    """Run `login` with something piped in."""
    return command("login", *args, env=env, piped=text)


def test_what_was_kept_is_used_by_a_run(
    command: Command, keyring: Path, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """After `login` a run needs neither variables nor files, and after --logout it has no credentials again."""
    env = {"FLINKS_BASE_URL": standalone_sandbox.base_url}
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert command("run", sheet, "--yes", env=env).code == 2
    assert piped(command, "sandbox\nsandbox\n", env=env).code == 0
    assert command("run", sheet, "--yes", env=env).code == 0
    assert standalone_sandbox.created() == {"R-1": 1}
    assert command("login", "--logout", env=env).code == 0
    done = command("run", sheet, "--yes", env=env)
    assert (done.code, "flinks-import login" in done.err) == (2, True)


def test_credentials_are_kept_for_one_base_url(
    command: Command, keyring: Path, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """The sandbox's password is never sent to production."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert piped(command, "sandbox\nsandbox\n", env={"FLINKS_BASE_URL": "https://pay.example.com"}).code == 0
    done = command("run", sheet, "--yes", env={"FLINKS_BASE_URL": standalone_sandbox.base_url})
    assert done.code == 2
    assert standalone_sandbox.received() == {}


def test_the_environment_counts_before_the_keyring(
    command: Command, keyring: Path, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """A variable is closer at hand than what was kept once."""
    env = {"FLINKS_BASE_URL": standalone_sandbox.base_url}
    piped(command, "sandbox\nwrong-one\n", env=env)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert command("run", sheet, "--yes", env=env).code == 4
    assert command("run", sheet, "--yes", env=standalone_sandbox.env).code == 0


def test_the_keyrings_password_is_not_sent_for_another_user(
    command: Command, keyring: Path, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """User and password belong together: a user that is set and another that was kept make no credentials."""
    env = {"FLINKS_BASE_URL": standalone_sandbox.base_url}
    piped(command, "sandbox\nsandbox\n", env=env)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert command("run", sheet, "--yes", env=env | {"FLINKS_USERNAME": "else"}).code == 2


@pytest.mark.parametrize(
    ("text", "env", "kept"),
    [
        ("jane\nhunter2\n", {}, {"username": "jane", "password": "hunter2"}),
        ("jane\r\nhunter 2 \r\n", {}, {"username": "jane", "password": "hunter 2 "}),
        ("hunter2", {"FLINKS_USERNAME": "jane"}, {"username": "jane", "password": "hunter2"}),
        ("hunter2", {}, None),
        ("jane\n\n", {}, None),
        ("", {}, None),
    ],
    ids=["two lines", "Windows' line ends, blanks kept", "one line with a user set", "one line", "no password", "none"],
)
def test_credentials_can_be_piped_in(
    command: Command, keyring: Path, text: str, env: dict[str, str], kept: dict[str, str] | None
) -> None:
    """A line each, or the password alone where the user is set; half of them are not kept."""
    done = piped(command, text, env=env | {"FLINKS_BASE_URL": "https://pay.example.com"})
    assert (done.code == 0) is (kept is not None)
    entries = json.loads(keyring.read_text()) if keyring.exists() else {}
    assert [json.loads(entry) for entry in entries.values()] == ([kept] if kept else [])
    assert "hunter" not in done.out + done.err


def test_a_password_that_is_typed_is_not_shown(command: Command, keyring: Path) -> None:
    """On a terminal both are asked for, and the password does not appear."""
    ours, theirs = pty.openpty()
    process = command.start("login", env={"FLINKS_BASE_URL": "https://pay.example.com"}, terminal=theirs)
    os.close(theirs)
    screen = read_until(ours, b"User name")
    os.write(ours, b"jane\n")
    screen += read_until(ours, b"Password")
    os.write(ours, b"hunter2\n")
    screen += read_until(ours, b"doctor")
    assert process.wait(120) == 0
    os.close(ours)
    assert b"hunter2" not in screen
    assert "hunter2" in keyring.read_text()


def read_until(terminal: int, words: bytes) -> bytes:
    """What a terminal shows up to these words; fails at its end."""
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 1024)
    return shown


@pytest.mark.parametrize("missing", ["package", "keyring"])
@pytest.mark.parametrize("option", [(), ("--logout",)], ids=["login", "logout"])
def test_without_a_keyring_it_says_how_to_keep_a_password(
    command: Command, tmp_path: Path, missing: str, option: tuple[str, ...]
) -> None:
    """Where no keyring can be used, one sentence names the other way."""
    env = {"FLINKS_BASE_URL": "https://pay.example.com"}
    if missing == "package":
        (tmp_path / "keyring.py").write_text(NO_PACKAGE)
        env["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{command.environment['PYTHONPATH']}"
    else:
        env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    done = piped(command, "jane\nhunter2\n", *option, env=env)
    assert done.code == 2
    (sentence,) = done.err.splitlines()
    assert "FLINKS_PASSWORD_FILE" in sentence


def test_a_run_works_without_the_package(
    command: Command, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """The package is an extra: nothing but `login` needs it."""
    (tmp_path / "keyring.py").write_text(NO_PACKAGE)
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{command.environment['PYTHONPATH']}"}
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert command("run", sheet, "--yes", env=env | standalone_sandbox.env).code == 0
    assert command("run", sheet, "--yes", env=env | {"FLINKS_BASE_URL": standalone_sandbox.base_url}).code == 2


def test_a_logout_without_a_login_says_so(command: Command, keyring: Path) -> None:
    """Nothing to remove is no fault."""
    done = command("login", "--logout", env={"FLINKS_BASE_URL": "https://pay.example.com"})
    assert (done.code, "Nothing was removed" in done.out) == (0, True)


def test_a_login_needs_to_know_where(command: Command, keyring: Path) -> None:
    """Without a base URL nothing is kept."""
    assert piped(command, "jane\nhunter2\n", env={}).code == 2
    assert not keyring.exists()


def test_no_option_takes_a_password(command: Command) -> None:
    """Command lines are in the shell's history and in the list of processes."""
    assert command("login", "--password", "hunter2").code == 2
