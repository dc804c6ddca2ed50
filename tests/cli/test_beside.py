"""`run` writes files beside the workbook on request, and finds out before the first request whether it can."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

SHEET = """Invoice #,First name,Last name,Email,Amount
A-1,Zoé,Tremblay,zoe@example.com,250
A-2,Liam,Fraser,liam@example.com,1234.50
A-3,Ann,Roy,ann@@example.com,12
"""
AR = '[columns]\nreferenceId = "No"\namount = "Total"\n'


@pytest.fixture
def sheet(command) -> Path:
    path = command.home / "rent-2026-11.csv"
    path.write_text(SHEET, encoding="utf-8")
    (command.home / "ar.toml").write_text(AR)
    return path


def test_run_writes_every_file_that_was_asked_for(command, sheet):
    """One run gives all of them, says where they are, and does it again when it goes on."""
    files = ["--csv", "r.csv", "--parquet", "r.parquet", "--html", "r.html"]
    files += ["--receivables", "ar.csv", "--receivables-mapping", "ar.toml"]
    for _ in range(2):
        done = command("run", sheet, "--sandbox", "--json", *files)
        assert done.code == 1
        assert done.json()["outputs"] == {
            "csv": "r.csv",
            "parquet": "r.parquet",
            "receivables": "ar.csv",
            "html": "r.html",
        }
    with (command.home / "r.csv").open(encoding="utf-8", newline="") as file:
        assert [line["status"] for line in csv.DictReader(file)] == ["already-created", "already-created", "invalid"]
    assert (command.home / "ar.csv").read_text().splitlines() == ["No,Total", "A-1,250.00", "A-2,1234.50"]
    assert pq.read_table(command.home / "r.parquet").num_rows == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--csv", "rent-2026-11.csv"], "is the input", id="over the input"),
        pytest.param(["--csv", "a", "--html", "a"], "another file of this run", id="two files at one place"),
        pytest.param(["--html", "nowhere/a.html"], "does not exist", id="a folder that is not there"),
        pytest.param(["--receivables", "ar.csv"], "go together", id="no mapping"),
        pytest.param(["--receivables", "a", "--receivables-mapping", "b"], "can't be read", id="no such mapping"),
        pytest.param(["--mended", "m.xlsx"], "is not one", id="a mended copy of a text file"),
        pytest.param(["--compare", "rent-2026-10"], "There is no batch", id="an unknown batch"),
        pytest.param(["--compare", "rent-2026-11"], "is this batch itself", id="itself"),
    ],
)
def test_what_can_not_be_done_is_told_before_the_first_request(command, sheet, options, told):
    """Exit code 2, one sentence, and nobody was asked."""
    done = command("run", sheet, "--sandbox", "--json", *options)
    assert done.code == 2
    assert told in done.err
    assert json.loads(done.out)["counts"]["created"] == 0
    assert "Traceback" not in done.err


def test_a_file_that_is_lost_on_the_way_is_said_and_written_by_the_same_command(command, sheet):
    """The folder went while the rows were sent: everything else is done, the code is 6, and going on writes it."""
    folder = command.home / "gone"
    folder.mkdir()
    process = command.start("run", sheet, "--sandbox", "--json", "--csv", "gone/r.csv", "--rate", "1", "--log-json")
    assert process.stderr is not None
    for line in process.stderr:
        if '"sending"' in line:
            break
    folder.rmdir()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 6
    assert json.loads(out)["outputs"] == {"csv": None}
    assert json.loads(out)["counts"]["created"] == 2
    assert "--csv is missing" in err
    folder.mkdir()
    again = command("run", sheet, "--sandbox", "--json", "--csv", "gone/r.csv")
    assert (again.code, again.json()["counts"]["already-created"]) == (1, 2)
    assert (folder / "r.csv").exists()
