"""`run` writes files beside the workbook on request, and finds out before the first request whether it can."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook, load_workbook
from support.command import Command

SHEET = """Invoice #,First name,Last name,Email,Amount
A-1,Zoé,Tremblay,zoe@example.com,250
A-2,Liam,Fraser,liam@example.com,1234.50
A-3,Ann,Roy,ann@@example.com,12
"""
AR = '[columns]\nreferenceId = "No"\namount = "Total"\n'


@pytest.fixture
def sheet(command: Command) -> Path:
    path = command.home / "rent-2026-11.csv"
    path.write_text(SHEET, encoding="utf-8")
    (command.home / "ar.toml").write_text(AR)
    return path


def test_run_writes_every_file_that_was_asked_for(command: Command, sheet: Path) -> None:
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
        pytest.param(["--csv", "a", "--html", "a"], "already writes another file", id="two files at one place"),
        pytest.param(["--html", "nowhere/a.html"], "does not exist", id="a folder that is not there"),
        pytest.param(["--receivables", "ar.csv"], "go together", id="no mapping"),
        pytest.param(["--receivables", "a", "--receivables-mapping", "b"], "Can't read", id="no such mapping"),
        pytest.param(["--marked-copy", "m.xlsx"], "is not one", id="a marked copy of a text file"),
        pytest.param(["--compare", "rent-2026-10"], "There is no batch", id="an unknown batch"),
        pytest.param(["--compare", "rent-2026-11"], "names this batch itself", id="itself"),
    ],
)
def test_what_can_not_be_done_is_told_before_the_first_request(
    command: Command, sheet: Path, options: list[str], told: str
) -> None:
    """Exit code 2, one sentence, and nobody was asked."""
    done = command("run", sheet, "--sandbox", "--json", *options)
    assert done.code == 2
    assert told in done.err
    assert json.loads(done.out)["counts"]["created"] == 0
    assert "Traceback" not in done.err


def test_a_file_that_is_lost_on_the_way_is_said_and_written_by_the_same_command(command: Command, sheet: Path) -> None:
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


# ---------------------------------------------------------------------------------------------------------------
# The month before

OCTOBER = """Invoice #,First name,Last name,Email,Amount
A-1,Zoé,Tremblay,zoe@example.com,250
A-2,Liam,Fraser,liam@example.com,1234.50
A-3,Ann,Roy,ann@example.com,12
A-4,Mei,Wong,mei@example.com,80
"""
NOVEMBER = """Invoice #,First name,Last name,Email,Amount
B-1,Zoé,Tremblay,ZOE@example.com,2500
B-2,Liam,Fraser,liam@example.com,1234.50
B-3,Ann,Roy,ann@@example.com,12
B-4,Omar,Haddad,omar@example.com,80
"""


def changes_in(path: Path) -> list[tuple]:
    """Kind, row, e-mail, before and now of each line of the sheet."""
    rows = list(load_workbook(path)["Changes"].values)
    at = next(number for number, row in enumerate(rows) if row[0] == "Change")
    return [(row[0], row[1], row[3], row[4], row[5]) for row in rows[at + 1 :]]


def test_slips_are_shown_before_anything_is_sent(command: Command, october: Path) -> None:
    """Amounts that are ten or a hundred times the month before stand in the block before the question, a line each."""
    november = october.with_name("rent-2026-11.csv")
    november.write_text(NOVEMBER.replace("1234.50", "12.35"), encoding="utf-8")
    shown = command("run", november, "--sandbox").err
    assert "  Warning: likely typing errors, compared with batch rent-2026-10: 2\n" in shown
    assert "    row 2: $2,500.00, 10 times the previous amount ($250.00)\n" in shown
    assert "    row 3: $12.35, a hundredth of the previous amount ($1,234.50)\n" in shown


def test_many_slips_are_counted(command: Command) -> None:
    """More than five slips are counted behind the first five."""
    for month, amount in (("10", "10"), ("11", "100")):
        lines = [f"{month}-{n},Payor,Nobody,payor{n}@example.com,{amount}" for n in range(9)]
        sheet = command.home / f"rent-2026-{month}.csv"
        sheet.write_text("\n".join(["Invoice #,First name,Last name,Email,Amount", *lines]), encoding="utf-8")
        shown = command("run", sheet, "--sandbox", "--lang", "fr").err
    assert "  Attention : erreurs de frappe probables, par rapport au lot rent-2026-10 : 9\n" in shown
    assert shown.count("10 fois le montant précédent (10,00\N{NO-BREAK SPACE}$)") == 5
    assert "    … et 4 autres\n" in shown


@pytest.fixture
def october(command: Command) -> Path:
    path = command.home / "rent-2026-10.csv"
    path.write_text(OCTOBER, encoding="utf-8")
    assert command("run", path, "--sandbox").code == 0
    assert "Changes" not in load_workbook(path.with_name("rent-2026-10.sandbox.results.xlsx")).sheetnames
    return path


FOUND = [
    ("likely typing error", "2", "ZOE@example.com", 250, 2500),
    ("new", "5", "omar@example.com", None, 80),
    ("missing", "", "mei@example.com", 80, None),
]


@pytest.mark.parametrize("options", [["run"], ["run", "--dry-run"], ["validate"]], ids=" ".join)
def test_the_month_before_is_found_by_itself(command: Command, october: Path, sheet: Path, options: list[str]) -> None:
    """The latest earlier batch with a name of the same shape is compared, also before anything is sent."""
    sheet.write_text(NOVEMBER, encoding="utf-8")
    out = command.home / "out.xlsx"
    assert command(*options, sheet, "--sandbox", "-o", out).code in {0, 1}
    found = changes_in(out)
    assert sorted(found, key=str) == sorted(FOUND, key=str)
    assert found[0] == FOUND[0]


def test_a_batch_with_any_name_can_be_compared(command: Command, october: Path, sheet: Path) -> None:
    """--compare names the batch, and --changes-over the share above which an amount is shown."""
    sheet.write_text(NOVEMBER.replace("1234.50", "1240"), encoding="utf-8")
    compared = ("--sandbox", "--batch", "autumn", "--compare", "rent-2026-10", "-o", "out.xlsx")
    command("run", sheet, *compared, "--changes-over", "0")
    assert ("amount", "3", "liam@example.com", 1234.5, 1240) in changes_in(command.home / "out.xlsx")
    command("run", sheet, *compared)
    assert not [change for change in changes_in(command.home / "out.xlsx") if change[0] == "amount"]


def test_only_the_corrected_rows_given_back_make_nobody_look_gone(command: Command, october: Path, sheet: Path) -> None:
    """The sheet Errors has one row; whoever was asked by the run before it is still there."""
    sheet.write_text(NOVEMBER, encoding="utf-8")
    command("run", sheet, "--sandbox")
    book = load_workbook(sheet.with_name("rent-2026-11.sandbox.results.xlsx"))
    for cell in next(book["Errors"].iter_rows(min_row=2)):
        if cell.value == "ann@@example.com":
            cell.value = "ann@example.com"
    book.save(command.home / "mended.xlsx")
    done = command("run", "mended.xlsx", "--sandbox", "--batch", "rent-2026-11", "--json")
    assert done.json()["counts"]["created"] == 1
    kinds = {change[0] for change in changes_in(command.home / "mended.sandbox.results.xlsx")}
    gone = [change[2] for change in changes_in(command.home / "mended.sandbox.results.xlsx") if change[0] == "missing"]
    assert kinds == {"likely typing error", "new", "missing"}
    assert gone == ["mei@example.com"]


@pytest.mark.parametrize("option", ["--marked-copy", "--mended"])
def test_the_marked_copy_of_a_run(command: Command, option: str) -> None:
    """`run --marked-copy` (of old `--mended`) gives a copy of the workbook in which the wrong cell is marked."""
    book = Workbook()
    for line in csv.reader(SHEET.splitlines()):
        book.active.append(line)
    book.save(command.home / "rent.xlsx")
    done = command("run", "rent.xlsx", "--sandbox", "--dry-run", option, "mended.xlsx", "--json")
    assert done.json()["outputs"] == {"marked-copy": "mended.xlsx"}
    sheet = load_workbook(command.home / "mended.xlsx").active
    assert "not an e-mail address" in sheet["D4"].comment.text
    assert [sheet.cell(row, 6).value for row in (1, 2, 4)] == ["row", 2, 4]
    assert [sheet.cell(row, 7).value for row in (1, 2, 4)] == ["status", "not-sent", "invalid"]
