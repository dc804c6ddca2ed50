"""Places in settings: from where they count, and that no password in one is ever shown."""

import json
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from support.command import Command

from pipeline.config.passwords import without_password
from pipeline.config.settings import load

SECRETS = (
    "hunter2",
    "hun/ter2",
    "hun?ter2",
    "hun@ter2",
    "hun:ter2",
    "hun#ter2",
    "hun ter2",
    "?password=hunter2",
    "a=b&c",
)
FORMS = (
    "postgresql://me:{}@db.example.com/x",
    "postgresql://me:{}@db.example.com:5432/x?sslmode=require",
    "postgres://me:{}@db.example.com/x",
    "postgresql+psycopg://me:{}@db.example.com/x",
    "postgresql://db.example.com/x?user=me&password={}",
    "postgresql://db.example.com:5432/x?PASSWORD={}",
    "postgresql://db.example.com/x?user=me&sslpassword={}&sslmode=require",
    "postgresql://db.example.com/x?p%61ssword={}",
    "postgresql:///x?host=/run/postgresql&password={}",
    "postgresql:/me:{}@db.example.com/x",
    "postgresql//me:{}@db.example.com/x",
    "me:{}@db.example.com/x",
    "host=db.example.com dbname=x user=me password={}",
    "host=db.example.com password='{}' dbname=x",
    "host=db.example.com password = {}",
    "mysql://me:{}@db.example.com/x",
)


def parts_of(secret: str) -> set[str]:
    """What must not be seen of a secret."""
    return {part for part in ("hunter2", "ter2", "hun/", "hun?", "hun:", "hun#", "hun%") if part in secret}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_place_shows_its_password(form: str) -> None:
    """Whatever characters it has, and however it is written."""
    for secret in (*SECRETS, *map(quote, SECRETS)):
        shown = without_password(form.format(secret))
        assert not [part for part in parts_of(secret) if part in shown], (form, secret, shown)


@pytest.mark.parametrize(
    "place",
    [
        "/data/a:b@c/journal.sqlite",
        "journal.sqlite",
        "C:\\data\\journal.sqlite",
        "~/password=1.sqlite",
        "postgresql://db.example.com:5432/x",
        "postgresql://me@db.example.com/x?sslmode=require",
        "https://api.example.com/a/b",
    ],
)
def test_a_place_without_a_password_is_shown_whole(place: str) -> None:
    assert without_password(place) == place


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "postgresql://me:hunter2@127.0.0.1:9/x?sslmode=disable",
        "postgresql://me:hun/ter2@127.0.0.1:9/x",
        "postgresql://127.0.0.1:9/x?user=me&password=hunter2",
        "postgresql://127.0.0.1:9/x?user=me&p%61ssword=hunter2",
        "postgresql://me@127.0.0.1:9/x?sslpassword=hunter2",
        "mysql://me:hunter2@127.0.0.1:9/x",
    ],
)
def test_no_command_shows_a_databases_password(command: Command, tmp_path: Path, place: str) -> None:
    """In no output, JSON, log, bundle or error, whether it was given as an option, a variable or in a file."""
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n")
    settings = tmp_path / "flinks-import.toml"
    settings.write_text(f"journal = {json.dumps(place)}\n")
    log, bundle = tmp_path / "log", tmp_path / "bundle.zip"
    api = {"FLINKS_BASE_URL": "http://127.0.0.1:9", "FLINKS_USERNAME": "u", "FLINKS_PASSWORD": "p"}
    told = ""
    for number, given in enumerate((("--journal", place), ("--config", str(settings)), ())):
        environment = api | {"FLINKS_IMPORT_LOG_FILE": str(log)} | ({} if given else {"FLINKS_IMPORT_JOURNAL": place})
        lines = (
            ("run", sheet, "--yes"),
            ("validate", sheet),
            ("batches",),
            ("status", "sheet"),
            ("journal", "check"),
            ("journal", "backup", tmp_path / f"backup-{number}"),
            ("doctor", "--bundle", tmp_path / f"bundle-{number}.zip"),
            ("config", "show"),
        )
        for at, line in enumerate(lines):
            manner = ("--json",) if (number + at) % 2 else ()  # each command in both, given in one way or another
            done = command(*line, *given, *manner, env=environment)
            assert done.code != 70, done
            told += done.out + done.err
    told += log.read_text("utf-8") if log.exists() else ""
    for bundle in tmp_path.glob("bundle-*.zip"):
        with zipfile.ZipFile(bundle) as packed:
            told += "".join(packed.read(name).decode() for name in packed.namelist())
    assert "127.0.0.1" in told or place.startswith("mysql")  # of a place of another kind nothing is shown
    assert not [part for part in ("hunter2", "ter2", "hun/") if part in told]


def test_relative_places_of_a_settings_file_count_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file means the same journal, from whatever folder a command is started."""
    folder = tmp_path / "settings"
    (folder / "away").mkdir(parents=True)
    file = folder / "flinks-import.toml"
    file.write_text(
        'journal = "data/journal.sqlite"\nlog_file = "../log"\npassword_file = "/run/secret"\nmetrics_file = "m.prom"\n'
        '[profile.other]\njournal = "sqlite:///other.sqlite"\n'
        '[profile.server]\njournal = "postgresql://me@db/x"\n'
    )
    monkeypatch.chdir(folder)
    here = load({}, {}, Path("flinks-import.toml"))
    monkeypatch.chdir(folder / "away")
    there = load({}, {}, Path("../flinks-import.toml"))
    for settings in (here, there):
        assert Path(settings.journal).resolve() == folder / "data" / "journal.sqlite"
        assert Path(settings.log_file).resolve() == tmp_path / "log"
        assert Path(settings.metrics_file).resolve() == folder / "m.prom"
        assert settings.password_file == "/run/secret"
    assert load({}, {}, file, "other").journal == f"sqlite:///{folder}/other.sqlite"
    assert load({}, {}, file, "server").journal == "postgresql://me@db/x"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load({"journal": "given.sqlite"}, {}, file).journal == "given.sqlite"


@pytest.mark.parametrize("place", ["journal.sqlite", "data/journal.sqlite", "sqlite:///journal.sqlite"])
def test_a_relative_journal_in_the_environment_is_refused(command: Command, tmp_path: Path, place: str) -> None:
    """It would be another journal in each folder: everybody would be asked again."""
    done = command("batches", env={"FLINKS_IMPORT_JOURNAL": place})
    assert (done.code, "FLINKS_IMPORT_JOURNAL" in done.err, place in done.err) == (2, True, True), done
    assert not [*command.home.rglob("*.sqlite")]
