"""`config`: every setting with where it came from, and a commented file to begin with."""

import tomllib
from pathlib import Path

import pytest
from support.command import Command, Finished, StandaloneSandbox

from schemas.languages import Lang

FILE = """concurrency = 4
username = "jane-user"

[profile.night]
rate = 2.5
"""


@pytest.fixture
def file(command: Command) -> Path:
    """The settings file of the user's own configuration folder."""
    path = command.home / "config" / "flinks-import" / "flinks-import.toml"
    path.parent.mkdir(parents=True)
    path.write_text(FILE)
    return path


def origins(done: Finished) -> dict[str, tuple]:
    return {line["name"]: (line["value"], line["source"], line["profile"]) for line in done.json()["settings"]}


@pytest.mark.parametrize("words", [("config",), ("config", "show")], ids=["config", "config show"])
def test_each_setting_is_shown_with_its_value_and_where_it_came_from(
    command: Command, file: Path, words: tuple[str, ...]
) -> None:
    """Whoever wonders why sees value and source of every setting; `config` alone is `config show`."""
    env = {"FLINKS_IMPORT_LANG": "en", "FLINKS_IMPORT_REPEAT_WINDOW": "9"}
    done = command(*words, "--profile", "night", "--journal", "j.sqlite", "--json", env=env)
    assert done.code == 0
    shown = origins(done)
    assert shown["journal"] == ("j.sqlite", "option", None)
    assert shown["repeat_window"] == ("9", "variable", None)
    assert shown["concurrency"] == ("4", "file", None)
    assert shown["rate"] == ("2.5", "file", "night")
    assert shown["max_failures"] == ("20", "default", None)
    assert (done.json()["file"], done.json()["profile"]) == (str(file), "night")


def test_the_list_for_people_names_file_and_profile(command: Command, file: Path) -> None:
    """The same for people: a line a setting."""
    done = command("config", "--profile", "night")
    lines = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert f"{file}, [profile.night]" in lines["rate"]
    assert "default" in lines["max_failures"]


def test_the_list_speaks_french(command: Command, file: Path) -> None:
    """--lang, or the setting, chooses the language."""
    assert "valeur par défaut" in command("config", "--lang", "fr").out


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_no_secret_is_shown(command: Command, file: Path, as_json: tuple[str, ...]) -> None:
    """User, password and client id are masked, and so is the password of the journal's URL."""
    secrets = {"FLINKS_PASSWORD": "hunter2", "FLINKS_CLIENT_ID": "client-9"}
    done = command("config", "--journal", "postgresql://me:hunter3@db/x", *as_json, env=secrets)
    assert done.code == 0
    for secret in ("jane-user", "hunter2", "hunter3", "client-9"):
        assert secret not in done.out + done.err


def test_a_variable_that_no_setting_has_is_named(command: Command) -> None:
    """A misspelt variable changes nothing, and that is said."""
    done = command("config", env={"FLINKS_IMPORT_RAET": "1"})
    assert (done.code, "FLINKS_IMPORT_RAET" in done.err) == (0, True)


def test_all_mistakes_of_the_file_are_told_at_once(command: Command, file: Path) -> None:
    """One run of the command shows everything that is to be fixed, and ends with 2."""
    file.write_text('ratte = 1\nlang = "de"\n[profile.night]\nrate = "x"\n')
    done = command("config")
    assert (done.code, len(done.err.splitlines())) == (2, 3)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words",
    [("batches",), ("config",), ("doctor",), ("login",), ("journal", "check"), ("run", "x.csv"), ("validate", "x.csv")],
    ids=" ".join,
)
def test_every_command_knows_the_profile(command: Command, file: Path, words: tuple[str, ...]) -> None:
    """An unknown profile is refused by each command that reads the settings file."""
    done = command(*words, "--profile", "nihgt")
    assert done.code == 2
    assert '"night"' in done.out + done.err


def test_the_profile_decides_where_a_batch_is_sent(
    command: Command, standalone_sandbox: StandaloneSandbox, file: Path, tmp_path: Path
) -> None:
    """--profile chooses the base URL of a run."""
    file.write_text(f'[profile.night]\nbase_url = "{standalone_sandbox.base_url}"\n')
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n")
    env = {"FLINKS_USERNAME": "sandbox", "FLINKS_PASSWORD": "sandbox"}
    assert command("run", sheet, "--yes", env=env).code == 2
    assert command("run", sheet, "--yes", "--profile", "night", env=env).code == 0
    assert standalone_sandbox.created() == {"R-1": 1}


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_init_writes_a_file_that_changes_nothing_yet(command: Command, lang: Lang) -> None:
    """The commented file is valid, names every setting, and leaves everything as it was."""
    before = origins(command("config", "--json"))
    done = command("config", "init", "--lang", lang)
    assert done.code == 0
    written = command.home / "flinks-import.toml"
    assert str(written.name) in done.out
    assert tomllib.loads(written.read_text("utf-8")) == {}
    for name in before:
        assert name == "password" or f"# {name} = " in written.read_text("utf-8")
    assert origins(command("config", "--json")) == before


def test_init_never_writes_over_a_file(command: Command, file: Path) -> None:
    """Nobody's settings are lost."""
    done = command("config", "init", file)
    beside = file.with_name(f"{file.stem} (2){file.suffix}")
    assert (done.code, file.read_text()) == (0, FILE)
    assert str(file) in done.err
    assert str(beside) in done.out
    assert beside.exists()


def test_init_says_where_it_cannot_write(command: Command) -> None:
    """A place that does not exist ends with 2 and a sentence."""
    done = command("config", "init", "nowhere/settings.toml")
    assert done.code == 2
    assert "nowhere/settings.toml" in done.err
