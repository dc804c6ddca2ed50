"""`plan` and `run --plan` in real processes, against the built-in sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import load_workbook
from support.command import Command

SHEET = """Invoice #,First name,Last name,Email,Amount
A-1,Zoé,Tremblay,zoe@example.com,250
A-2,Liam,Fraser,liam@example.com,1234.50
A-3,Ann,Roy,ann@@example.com,12
"""


@pytest.fixture
def sheet(command: Command) -> Path:
    path = command.home / "rent.csv"
    path.write_text(SHEET, encoding="utf-8")
    return path


def test_what_was_planned_is_sent_and_both_names_stand_on_the_summary(command: Command, sheet: Path) -> None:
    """A run with its plan sends exactly that, and Summary names who made the plan and who sent it."""
    assert command("plan", sheet, "--sandbox").code == 0
    plan = sheet.with_name("rent.plan.json")
    done = command("run", sheet, "--sandbox", "--plan", plan, "--json", env={"LOGNAME": "bruno"})
    assert done.json()["counts"]["created"] == 2
    summary = load_workbook(sheet.with_name("rent.sandbox.results.xlsx"))["Summary"]
    texts = [str(cell.value) for row in summary.iter_rows() for cell in row if cell.value is not None]
    approved = next(text for text in texts if text.startswith("made by"))
    assert approved.endswith("sent by bruno")
    assert json.loads(plan.read_text("utf-8"))["made_by"] in approved


def test_a_plan_has_no_personal_data_and_is_its_owners_only(command: Command, sheet: Path) -> None:
    """A plan may be mailed to the person who approves it: names, addresses and accounts are not in it."""
    command("plan", sheet, "--sandbox")
    plan = sheet.with_name("rent.plan.json")
    text = plan.read_text("utf-8")
    assert not any(value in text for value in ("Tremblay", "zoe@example.com", "A-1"))
    assert plan.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(("250", "2500"), "row 2 was changed", id="another amount"),
        pytest.param(("ann@@", "ann@"), "row 4 is not in the plan", id="a row that was mended since"),
        pytest.param(("liam@", "liam@@"), "row 3 is in the plan and would not be sent", id="a row that became invalid"),
    ],
)
def test_a_sheet_that_is_not_the_approved_one_is_refused(
    command: Command, sheet: Path, change: tuple[str, str], told: str
) -> None:
    """Whatever differs from the plan is named, nothing is sent, and the exit code is 3."""
    command("plan", sheet, "--sandbox")
    sheet.write_text(SHEET.replace(*change), encoding="utf-8")
    done = command("run", sheet, "--sandbox", "--plan", sheet.with_name("rent.plan.json"), "--json")
    assert done.code == 3
    assert told in done.err
    assert done.json()["counts"]["created"] == 0


def test_a_run_that_was_cut_short_goes_on_with_its_plan(command: Command, sheet: Path) -> None:
    """Rows that the plan's run has sent already are no difference."""
    command("plan", sheet, "--sandbox")
    plan = sheet.with_name("rent.plan.json")
    assert command("run", sheet, "--sandbox", "--plan", plan, "--first", "1").code == 6
    done = command("run", sheet, "--sandbox", "--plan", plan, "--json")
    assert done.json()["counts"]["created"] == 1
    assert done.json()["counts"]["already-created"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(None, "There is no plan", id="no such file"),
        pytest.param("{}", "is not a plan of this program", id="another JSON file"),
        pytest.param("Invoice #,Amount", "is not a plan of this program", id="no JSON"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_before_anything_is_sent(
    command: Command, sheet: Path, text: str | None, told: str
) -> None:
    """A wrong plan file gets one sentence and exit code 3."""
    path = command.home / "other.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    done = command("run", sheet, "--sandbox", "--plan", path, "--json")
    assert (done.code, done.json()["counts"]["created"]) == (3, 0)
    assert told in done.err


def test_a_plan_of_another_batch_is_refused(command: Command, sheet: Path) -> None:
    """A plan approves one batch in one environment."""
    command("plan", sheet, "--sandbox", "--batch", "october")
    done = command("run", sheet, "--sandbox", "--plan", sheet.with_name("rent.plan.json"))
    assert done.code == 3
    assert "The plan is for batch october, not rent" in done.err


def test_nothing_to_send_makes_no_plan(command: Command, sheet: Path) -> None:
    """A sheet whose rows all have their sessions leaves nothing to approve."""
    command("run", sheet, "--sandbox")
    done = command("plan", sheet, "--sandbox")
    assert done.code == 3
    assert not sheet.with_name("rent.plan.json").exists()
