"""The log and the metrics of a run: one event a line, no personal data, readable by the right people."""

import json
import os
import re
import stat
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.command import Command

from pipeline.cli.logs import KEPT, log_to

PEOPLE = ("Zoé", "Tremblay", "zoe.t@example.com", "Liam", "O'Connor", "liam.o@example.com", "wei@@example", "INV-7731")
SHEET = (
    "Reference,First Name,Last Name,Email,Amount\n"
    "INV-7731,Zoé,Tremblay,zoe.t@example.com,250.00\n"
    "Refuse400-1,Liam,O'Connor,liam.o@example.com,99.50\n"
    "INV-7733,Wei,Zhang,wei@@example.com,10.00\n"
)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A row that is created, one that the API refuses, one that is invalid."""
    path = tmp_path / "november.csv"
    path.write_text(SHEET, "utf-8")
    return path


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def named(found: list[dict], name: str) -> dict[str, Any]:
    (event,) = [event for event in found if event["event"] == name]
    return event


def test_a_run_is_told_as_events_of_known_names(command: Command, sheet: Path, tmp_path: Path) -> None:
    """A line an event: when, of which run, what; rows by their number in the sheet, and the end with its counts."""
    log = tmp_path / "run.log"
    assert command("run", sheet, "--sandbox", "--log-file", log).code == 1
    found = events(log.read_text("utf-8"))
    names = ["sandbox-started", "reading", "checked", "planned", "sending", "row-ended", "sent", "writing", "ended"]
    assert [event["event"] for event in found if event["event"] != "sheet-notice"] == names
    assert len({event["run"] for event in found}) == 1
    for event in found:
        assert datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S%z").tzinfo is not None
    assert (named(found, "row-ended")["row"], named(found, "planned")["toSend"]) == (3, 2)
    end = named(found, "ended")
    assert (end["exitCode"], end["counts"]["created"], end["amounts"]["created"]) == (1, 1, "250.00")


def test_the_file_and_standard_error_tell_the_same(command: Command, sheet: Path, tmp_path: Path) -> None:
    """One place builds an event: --log-json and --log-file differ in nothing."""
    log = tmp_path / "run.log"
    done = command("run", sheet, "--sandbox", "--log-file", log, "--log-json", "--json")
    assert done.err == log.read_text("utf-8")
    assert done.json()["exitCode"] == 1


def test_people_read_the_same_with_a_log_file_as_without(command: Command, sheet: Path, tmp_path: Path) -> None:
    """The file is beside what people see, not instead of it."""
    done = command("run", sheet, "--sandbox", "--log-file", tmp_path / "run.log")
    assert "Reading november.csv" in done.err
    assert "Workbook: " in done.out


@pytest.mark.parametrize("words", [("run", "--sandbox"), ("validate",), ("run", "--sandbox", "--first", "1")])
def test_no_event_has_personal_data(command: Command, sheet: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """No name, address, reference or cell is in the log, whatever becomes of the row."""
    log = tmp_path / "run.log"
    command(words[0], sheet, *words[1:], "--log-file", log)
    text = log.read_text("utf-8")
    assert text
    for value in PEOPLE:
        assert value not in text


def test_a_refusal_is_an_event_with_its_code(command: Command, sheet: Path, tmp_path: Path) -> None:
    """What keeps a run from beginning is in the log too, by its code."""
    log = tmp_path / "run.log"
    done = command("run", sheet, "--sandbox", "--expect-rows", "9", "--log-file", log)
    end = named(events(log.read_text()), "ended")
    assert (done.code, end["exitCode"], end["stopped"]) == (3, 3, "input")
    done = command("run", tmp_path / "gone.csv", "--sandbox", "--log-file", log)
    assert (done.code, named(events(log.read_text()), "refused")["code"]) == (3, "input")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_log_is_its_owners(command: Command, sheet: Path, tmp_path: Path) -> None:
    """Amounts and batch names are nobody else's business."""
    log = tmp_path / "run.log"
    command("run", sheet, "--sandbox", "--log-file", log)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_log_is_added_to(command: Command, sheet: Path, tmp_path: Path) -> None:
    """The second night does not remove the first."""
    log = tmp_path / "run.log"
    for _ in range(2):
        command("validate", sheet, "--log-file", log)
    assert len({event["run"] for event in events(log.read_text())}) == 2


def test_a_log_of_a_certain_size_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log does not fill the disk: a full one is renamed, the oldest is removed, each stays its owner's."""
    monkeypatch.setattr("pipeline.cli.logs.MOST_BYTES", 400)
    path = tmp_path / "small.log"
    log = log_to(str(path), to_stderr=False)
    for number in range(60):
        log.event("tick", number=number)
    files = sorted(tmp_path.iterdir())
    assert len(files) == KEPT + 1
    assert events(path.read_text())[-1]["number"] == 59
    for file in files:
        assert file.stat().st_size <= 400
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("option", ["--log-file", "FLINKS_IMPORT_LOG_FILE"])
def test_a_log_that_cannot_be_written_is_refused_before_anything_is_sent(
    command: Command, sheet: Path, tmp_path: Path, option: str
) -> None:
    """Whoever asked for a log must not find out in the morning that there is none."""
    place = str(tmp_path / "nowhere" / "run.log")
    extra, env = ((option, place), {}) if option.startswith("--") else ((), {option: place})
    done = command("run", sheet, "--sandbox", *extra, env=env)
    assert (done.code, "run.log" in done.err, "--log-file" in done.err) == (2, True, True)
    assert not (command.data / "sandbox-journal.sqlite").exists()


# ---------------------------------------------------------------------------------------------------------------
# Metrics


def metrics(path: Path) -> dict[str, float]:
    """The samples of a Prometheus text file. Fails on a line that is neither a comment nor a sample."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r'([a-z_]+)\{environment="[^"]*"(?:,(?:status|kind)="(\w[\w-]*)")?\} ([0-9.]+)', line)
            assert match, line
            found[f"{match[1]} {match[2] or ''}".strip()] = float(match[3])
    return found


def test_the_metrics_of_a_run_have_rows_amounts_duration_and_code(
    command: Command, sheet: Path, tmp_path: Path
) -> None:
    """Everything that a dashboard of nightly runs shows, for every status, zeros included."""
    path = tmp_path / "flinks.prom"
    began = time.time()
    assert command("run", sheet, "--sandbox", "--metrics-file", path).code == 1
    found = metrics(path)
    counts = {name.split()[1]: value for name, value in found.items() if name.startswith("flinks_import_rows ")}
    assert counts == {
        "created": 1, "already-created": 0, "invalid": 1, "rejected": 1,
        "failed": 0, "unknown": 0, "held": 0, "not-sent": 0,
    }  # fmt: skip
    assert found["flinks_import_amount_dollars created"] == 250
    assert found["flinks_import_amount_dollars rejected"] == 99.5
    assert found["flinks_import_run_exit_code"] == 1
    assert 0 < found["flinks_import_run_duration_seconds"] < 60
    assert found["flinks_import_last_success_timestamp_seconds"] >= began - 1


def test_the_last_success_outlives_a_run_that_fails(command: Command, sheet: Path, tmp_path: Path) -> None:
    """An alarm on "no success since" needs the time of the last one, also after tonight's failure."""
    path = tmp_path / "flinks.prom"
    command("run", sheet, "--sandbox", "--metrics-file", path)
    success = metrics(path)["flinks_import_last_success_timestamp_seconds"]
    assert command("run", tmp_path / "gone.csv", "--sandbox", "--metrics-file", path).code == 3
    found = metrics(path)
    assert found["flinks_import_run_exit_code"] == 3
    assert found["flinks_import_rows created"] == 0
    assert found["flinks_import_last_success_timestamp_seconds"] == success


def test_a_run_that_never_succeeded_claims_no_success(command: Command, tmp_path: Path) -> None:
    """No success is no sample, not a success in 1970."""
    path = tmp_path / "flinks.prom"
    command("run", tmp_path / "gone.csv", "--sandbox", "--metrics-file", path)
    assert "flinks_import_last_success_timestamp_seconds" not in metrics(path)


@pytest.mark.parametrize("words", [("validate",), ("run", "--sandbox", "--dry-run")], ids=" ".join)
def test_a_rehearsal_leaves_the_metrics_of_the_last_run(
    command: Command, sheet: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Looking at a sheet is not a run."""
    path = tmp_path / "flinks.prom"
    command(words[0], sheet, *words[1:], "--metrics-file", path)
    assert not path.exists()


def test_nothing_else_is_left_beside_the_metrics(command: Command, sheet: Path, tmp_path: Path) -> None:
    """Written whole and renamed: the collector never finds half a file, nor a second one."""
    folder = tmp_path / "collector"
    folder.mkdir()
    command("run", sheet, "--sandbox", "--metrics-file", folder / "flinks.prom")
    assert [file.name for file in folder.iterdir()] == ["flinks.prom"]
    assert stat.S_IMODE((folder / "flinks.prom").stat().st_mode) == 0o644
    for value in PEOPLE:
        assert value not in (folder / "flinks.prom").read_text("utf-8")


def test_metrics_that_cannot_be_written_fail_nothing(command: Command, sheet: Path, tmp_path: Path) -> None:
    """The run ends with its own code, and the sentence says that the metrics are missing."""
    done = command("run", sheet, "--sandbox", "--metrics-file", tmp_path / "nowhere" / "flinks.prom")
    assert (done.code, "--metrics-file" in done.err) == (1, True)
