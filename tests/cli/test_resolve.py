"""`resolve` in real processes: a person's decision on a row whose outcome is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from support.command import Command, StandaloneSandbox

from pipeline.journal import decisions, queries
from pipeline.journal.journal import Batch, Journal, open_journal

SHEET = """Invoice #,First name,Last name,Email,Amount,Account,Institution,Transit
ResetAfterOnce-1,Ana,Fraser,ana@example.com,10.00,9876541,001,30265
ResetAfterOnce-2,Ben,Fraser,ben@example.com,20.00,,,
INV-1,Cleo,Fraser,cleo@example.com,40.00,,,
"""
SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
LINK = f"https://payments.example.com/app/?sessionId={SESSION}"


@pytest.fixture
def sent(command: Command, standalone_sandbox: StandaloneSandbox) -> Path:
    """A batch `rent` whose rows 2 and 3 are unknown and row 4 is created; its sheet."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert command("run", sheet, "--yes", "--send-link", env=standalone_sandbox.env).code == 5
    return sheet


def rows(command: Command) -> dict[int, dict[str, Any]]:
    """The rows of `Results` by their numbers."""
    rows_of_sheet: Any = load_workbook(command.home / "rent.results.xlsx")["Results"].iter_rows(values_only=True)
    headings, *found = rows_of_sheet
    return {row[0]: dict(zip(headings, row, strict=True)) for row in found}


@pytest.mark.parametrize("given", [SESSION, f" {SESSION} ", LINK], ids=["a session", "with blanks", "a launch URL"])
def test_a_session_that_was_found_makes_the_row_created(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path, given: str
) -> None:
    """After --created the row has this session, says who decided, and is not sent again."""
    env = standalone_sandbox.env
    done = command("resolve", "rent", "2", "--created", given, "--who", "Bruno", "--yes", env=env)
    assert (done.code, done.out.startswith("Recorded by Bruno: row 2")) == (0, True)
    received = standalone_sandbox.received()
    again = command("run", sent, "--yes", "--send-link", "--json", env=env)
    assert again.json()["counts"] | {"already-created": 2, "unknown": 1} == again.json()["counts"]
    assert standalone_sandbox.received() == received
    row = rows(command)[2]
    assert (row["status"], row["sessionId"]) == ("already-created", SESSION)
    assert "Bruno recorded on" in str(row["notices"])


@pytest.mark.parametrize(("found", "code"), [("ResetAfterOnce-1", 0), ("ResetAfterOnce-2", 2)])
def test_a_session_that_the_api_has_for_another_row_is_refused(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path, found: str, code: int
) -> None:
    """Pasted by mistake it would give a payor the link of another, who would then be asked twice."""
    session = standalone_sandbox.session_of(found)
    done = command("resolve", "rent", "2", "--created", session, "--yes", env=standalone_sandbox.env)
    assert done.code == code
    assert ("another reference or amount than row 2" in done.err) == (code == 2)
    assert ("Recorded by" in done.out) == (code == 0)


def test_a_row_can_be_named_by_its_reference(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """The reference that was sent stands for the row's number; one of the two is needed, and a row that is unknown."""
    env = standalone_sandbox.env
    ask = ("--created", SESSION, "--yes")
    assert command("resolve", "rent", *ask, env=env).code == 2
    assert command("resolve", "rent", "2", "--reference", "ResetAfterOnce-2", *ask, env=env).code == 2
    created = command("resolve", "rent", "--reference", "INV-1", *ask, env=env)
    assert (created.code, "No row of batch rent is unknown" in created.err) == (2, True)
    done = command("resolve", "rent", "--reference", "ResetAfterOnce-2", *ask, "--json", env=env)
    assert (done.code, done.json()["row"], done.json()["outcome"]) == (0, 3, "created")


def test_a_row_that_was_not_created_is_sent_by_the_same_run(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """After --not-created the same command sends that row, and no other."""
    env = standalone_sandbox.env
    assert command("resolve", "rent", "3", "--not-created", "--note", "asked Flinks", "--yes", env=env).code == 0
    done = command("run", sent, "--yes", "--send-link", "--json", env=env)
    assert (done.code, done.json()["counts"]["created"], done.json()["counts"]["unknown"]) == (5, 1, 1)
    assert standalone_sandbox.received()["ResetAfterOnce-2"] == 2
    assert "asked Flinks" in str(rows(command)[3]["notices"])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param(["2"], "either --created SESSIONID or --not-created", id="no decision"),
        pytest.param(["2", "--created", SESSION, "--not-created"], "either --created", id="both decisions"),
        pytest.param(["2", "--not-created"], "--note", id="no note"),
        pytest.param(["2", "--not-created", "--note", "  "], "--note", id="a blank note"),
        pytest.param(["2", "--created", "INV-1"], "takes a sessionId", id="a reference for a session"),
        pytest.param(["2", "--created", "0" * 8 + "-0000-0000-0000-" + "0" * 12], "takes a sessionId", id="nil"),
        pytest.param(["2", "--created", "https://payments.example.com/app/"], "takes a sessionId", id="a bare URL"),
        pytest.param(["4", "--created", SESSION], "is created. Only rows", id="a row that is created"),
        pytest.param(["99", "--created", SESSION], "has a row 99", id="a row that is not there"),
    ],
)
def test_a_decision_that_can_not_be_meant_is_one_sentence(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path, args: list[str], told: str
) -> None:
    """Exit code 2, one sentence, and nothing is recorded."""
    done = command("resolve", "rent", *args, "--yes", env=standalone_sandbox.env)
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1)
    assert told in done.err
    assert recorded(command) == []


def test_a_session_belongs_to_one_row(command: Command, standalone_sandbox: StandaloneSandbox, sent: Path) -> None:
    """The session of another row is refused, and the row that has it is named."""
    taken = str(rows(command)[4]["sessionId"]).upper()
    done = command("resolve", "rent", "2", "--created", taken, "--yes", env=standalone_sandbox.env)
    assert done.code == 2
    assert "Row 4 of batch rent already" in done.err


def test_nobody_is_decided_for_without_a_word(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """Without a terminal --yes is needed; what is asked shows the row without its account and address."""
    done = command("resolve", "rent", "2", "--created", SESSION, env=standalone_sandbox.env)
    assert done.code == 2
    assert "--yes" in done.err
    assert "ResetAfterOnce-1, Ana Fraser, a•••@example.com, 10.00 CAD, ••6541" in done.err
    assert recorded(command) == []


def test_a_batch_that_is_being_run_is_left_alone(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """While another run holds the batch the exit code is 7."""
    with open_journal(str(command.data / "journal.sqlite")) as journal, journal.lease(batch(journal)):
        done = command("resolve", "rent", "2", "--created", SESSION, "--yes", env=standalone_sandbox.env)
    assert done.code == 7


def test_a_decision_is_kept_with_who_and_when(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """Without --who it is whoever is logged in."""
    env = standalone_sandbox.env | {"LOGNAME": "carla"}
    told = command("resolve", "rent", "2", "--created", SESSION, "--note", "seen", "--yes", "--json", env=env).json()
    assert (told["row"], told["outcome"], told["who"]) == (2, "created", "carla")
    (decision,) = recorded(command)
    assert (decision.row, decision.who, decision.note, decision.session_id) == (2, "carla", "seen", SESSION)


def batch(journal: Journal) -> Batch:
    (line,) = journal.read(queries.batch_lines)
    return Batch(line.id, line.name, line.environment)


def recorded(command: Command) -> list:
    """The decisions in the journal."""
    with open_journal(str(command.data / "journal.sqlite")) as journal:
        return journal.read(decisions.of_batch, batch(journal).id)


HEAD, ANA, BEN, CLEO = SHEET.splitlines()


def test_a_row_that_left_the_sheet_goes_by_the_number_under_which_it_was_sent(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """Its number is free, or another row bears it today: then --gone says which is meant, and nothing is guessed."""
    env = standalone_sandbox.env
    sent.write_text(f"{HEAD}\n{CLEO}", encoding="utf-8")
    assert command("run", sent, "--yes", "--send-link", env=env).code == 0
    ask = ("--created", SESSION, "--yes", "--json")
    clash = command("resolve", "rent", "2", *ask, env=env)
    assert clash.code == 2
    assert "Another row, sent under this number" in clash.json()["error"]["message"]
    assert command("resolve", "rent", "2", *ask, "--gone", env=env).code == 0
    assert command("resolve", "rent", "3", "--not-created", "--note", "looked", "--yes", env=env).code == 0
    assert command("resolve", "rent", "4", "--not-created", "--note", "looked", "--yes", env=env).code == 2
    sent.write_text(SHEET, encoding="utf-8")
    counts = command("run", sent, "--yes", "--send-link", "--json", env=env).json()["counts"]
    assert (counts["already-created"], counts["created"], counts["unknown"]) == (2, 1, 0)
    assert standalone_sandbox.received()["ResetAfterOnce-1"] == 1
    assert standalone_sandbox.received()["ResetAfterOnce-2"] == 2


def test_a_row_that_became_invalid_can_be_resolved_too(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """A fault of today does not change that something was sent yesterday."""
    env = standalone_sandbox.env
    sent.write_text("\n".join([HEAD, ANA.replace("10.00", "-10.00"), BEN, CLEO]), encoding="utf-8")
    assert command("run", sent, "--yes", "--send-link", env=env).code == 5
    assert command("resolve", "rent", "2", "--created", SESSION, "--yes", env=env).code == 0
    sent.write_text(SHEET, encoding="utf-8")
    counts = command("run", sent, "--yes", "--send-link", "--json", env=env).json()["counts"]
    assert (counts["already-created"], counts["unknown"]) == (2, 1)
