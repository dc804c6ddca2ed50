"""`cancel` in real processes: the undo of a wrong upload."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from support.command import Command, StandaloneSandbox
from support.fault_server import FaultServer, Talk, answers, details

from pipeline.journal import queries
from pipeline.journal.journal import Batch, open_journal
from pipeline.journal.tables import states

SHEET = """Invoice #,First name,Last name,Email,Amount
INV-1,Ana,Fraser,ana@example.com,10.00
INV-2,Ben,Fraser,ben@example.com,20.00
INV-3,Cleo,Fraser,cleo@example.com,40.00
Happy3-1,Dan,Fraser,dan@example.com,80.00
Expires-1,Eve,Fraser,eve@example.com,160.00
Puzzles-1,Flo,Fraser,flo@example.com,320.00
"""


@contextmanager
def sandbox_that(command: Command, *options: str) -> Iterator[dict[str, str]]:
    """A sandbox with options of its own; the settings with which the command talks to it."""
    process = command.start("sandbox", "--port", "0", "--store", command.home / "own.jsonl", *options)
    try:
        assert process.stdout is not None
        yield {
            "FLINKS_BASE_URL": process.stdout.readline().strip(),
            "FLINKS_USERNAME": "sandbox",
            "FLINKS_PASSWORD": "sandbox",
        }
    finally:
        process.terminate()
        process.communicate(timeout=120)


def send(command: Command, env: dict[str, str], sheet: str = SHEET) -> Path:
    """Send a batch `rent`; its sheet."""
    path = command.home / "rent.csv"
    path.write_text(sheet, encoding="utf-8")
    command("run", path, "--yes", env=env)
    return path


@pytest.fixture
def env(command: Command, standalone_sandbox: StandaloneSandbox) -> dict[str, str]:
    """A batch `rent` that was sent to a sandbox; its settings."""
    send(command, standalone_sandbox.env)
    return standalone_sandbox.env


def words(command: Command) -> dict[int, str]:
    """The sessions' words in the workbook, by row number; none where none was written."""
    if not (workbook := command.home / "rent.status.xlsx").exists():
        return {}
    rows_of_sheet: Any = load_workbook(workbook)["Results"].iter_rows(values_only=True)
    headings, *rows = rows_of_sheet
    return {row[0]: row[headings.index("sessionStatus")] for row in rows}


def test_what_is_open_is_cancelled_and_the_rest_is_told(command: Command, env: dict[str, str]) -> None:
    """Open requests are cancelled; what was paid is named, what the API refuses is told with its reason."""
    done = command("cancel", "rent", "--yes", env=env)
    assert done.code == 1
    assert "payment requests to cancel: 4, $390.00" in done.err
    assert "paid, not cancelled: 1 (rows 5)" in done.err
    assert "Cancelled: 3, $70.00" in done.out
    assert "row 7: not cancelled, the API refused (HTTP 400" in done.out
    assert words(command) == {
        **dict.fromkeys((2, 3, 4), "Cancelled"),
        5: "Completed",
        6: "Expired",
        7: "UnderReview",
    }


def test_a_cancelled_row_is_not_sent_again(
    command: Command, standalone_sandbox: StandaloneSandbox, env: dict[str, str]
) -> None:
    """The same run command leaves it alone: its row stays already-created."""
    command("cancel", "rent", "--yes", env=env)
    received = standalone_sandbox.received()
    told = command("run", command.home / "rent.csv", "--yes", "--json", env=env).json()
    assert told["counts"]["already-created"] == 6
    assert standalone_sandbox.received() == received


def test_only_the_named_rows_are_cancelled(command: Command, env: dict[str, str]) -> None:
    """--rows takes numbers and ranges of the user's sheet; all of them done is exit code 0."""
    done = command("cancel", "rent", "--rows", "2,3-4", "--yes", "--json", env=env)
    assert (done.code, done.json()["cancelled"]) == (0, {"rows": 3, "amount": "70.00"})
    assert command("cancel", "rent", "--rows", "2,3-4", "--yes", env=env).out.startswith("There is nothing to cancel")


@pytest.mark.parametrize(
    ("which", "rows"),
    [("open", 4), ("initiated", 3), ("in-progress", 0), ("not-paid", 5)],
)
def test_the_states_that_are_cancelled_can_be_chosen(
    command: Command, env: dict[str, str], which: str, rows: int
) -> None:
    """--status narrows or widens what is cancelled."""
    told = command("cancel", "rent", "--status", which, "--dry-run", "--json", env=env).json()
    assert told["toCancel"]["rows"] == rows


def test_a_dry_run_changes_nothing(command: Command, env: dict[str, str]) -> None:
    """It asks for the states, shows what would be cancelled, and neither asks nor cancels."""
    done = command("cancel", "rent", "--dry-run", env=env)
    assert "Nothing was cancelled" in done.out
    assert "row 2: $10.00, Initiated / Initiated" in done.out
    command("status", "rent", env=env)
    assert words(command)[2] == "Initiated"


def test_nothing_is_cancelled_without_a_word(command: Command, env: dict[str, str]) -> None:
    """Without a terminal --yes is needed."""
    done = command("cancel", "rent", env=env)
    assert done.code == 2
    assert "--yes" in done.err
    command("status", "rent", env=env)
    assert words(command)[2] == "Initiated"


@pytest.mark.parametrize("answer", ["404", "405", "501"])
def test_an_api_without_cancel_is_one_sentence(command: Command, answer: str) -> None:
    """It is asked once, nothing is changed, and the exit code is 1."""
    with sandbox_that(command, "--cancel", answer) as env:
        send(command, env)
        done = command("cancel", "rent", "--yes", "--json", env=env)
        assert (done.code, done.json()["offered"], done.json()["cancelled"]["rows"]) == (1, False, 0)
        assert done.err.count("can't cancel e-Transfer requests yet") == 1
    store = (command.home / "own.jsonl").read_text("utf-8")
    assert store.count("/cancel") == 1


def test_a_row_whose_session_nobody_knows_is_told(command: Command, standalone_sandbox: StandaloneSandbox) -> None:
    """An unknown row may exist and can't be cancelled: exit code 5, and what to do about it."""
    sheet = SHEET.splitlines()[0] + "\nResetAfter-1,Ana,Fraser,ana@example.com,10.00\n"
    env = standalone_sandbox.env | {"FLINKS_IMPORT_SEND_LINK": "true"}
    send(command, env, sheet)
    done = command("cancel", "rent", "--yes", env=env)
    assert done.code == 5
    assert "outcome unknown, can't be cancelled: 1 (rows 2)" in done.out


@pytest.mark.parametrize(
    ("rows", "told"),
    [("2-", "write it like 5,7-9"), ("9-7", "write it like 5,7-9"), ("0", "write it like 5,7-9"), ("99", "None of")],
)
def test_rows_that_can_not_be_meant_are_one_sentence(
    command: Command, env: dict[str, str], rows: str, told: str
) -> None:
    """A slip in --rows cancels nothing."""
    done = command("cancel", "rent", "--rows", rows, "--yes", env=env)
    assert done.code == 2
    assert told in done.err


def test_a_batch_that_is_being_run_is_left_alone(command: Command, env: dict[str, str]) -> None:
    """While a run holds the batch the exit code is 7."""
    with open_journal(str(command.data / "journal.sqlite")) as journal:
        (line,) = journal.read(queries.batch_lines)
        with journal.lease(Batch(line.id, line.name, line.environment)):
            assert command("cancel", "rent", "--yes", env=env).code == 7


def _only_says_ok(talk: Talk) -> None:
    """Answer to `cancel` with a 200 that says nothing, and cancel nothing."""
    assert talk.asked is not None
    (answers(200, {}) if talk.asked.path.endswith("/cancel") else details)(talk)


def test_a_cancellation_that_nothing_confirms_is_done_nowhere(command: Command) -> None:
    """A 200 alone is asked again and exits 6; neither workbook nor journal calls it cancelled, and it still holds."""
    sheet = "\n".join(SHEET.splitlines()[:3]) + "\n"
    with FaultServer(well_other=_only_says_ok) as server:
        env = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "user", "FLINKS_PASSWORD": "password"}
        send(command, env, sheet)
        done = command("cancel", "rent", "--yes", "--json", env=env)
        assert words(command) == {2: "Initiated", 3: "Initiated"}
        (command.home / "rent.csv").write_text(sheet + "\n", encoding="utf-8")  # the very file that was sent is refused
        right = command("run", command.home / "rent.csv", "--batch", "right", "--yes", "--json", env=env).json()
        cancels = [asked for asked in server.requests if asked.path.endswith("/cancel")]
    assert (done.code, done.json()["cancelled"]["rows"], len(cancels)) == (6, 0, 6)
    assert [told["why"] for told in done.json()["notCancelled"]] == [
        "the API did not confirm the cancellation (HTTP 200). Run the same command again to check."
    ] * 2
    assert right["counts"]["held"] == 2
    with open_journal(str(command.data / "journal.sqlite")) as journal, journal.engine.connect() as connection:
        assert set(connection.scalars(select(states.c.session_status))) == {"Initiated"}


def test_what_was_cancelled_does_not_hold_the_right_upload(command: Command, env: dict[str, str]) -> None:
    """Once a wrong batch is cancelled, its rows are sent under another name; what could not be cancelled holds its own.

    Rows 5 (paid), 6 (expired) and 7 (the API refused) are still out, or were paid for.
    """
    sheet = command.home / "rent.csv"
    assert command("run", sheet, "--batch", "right", "--yes", env=env).code == 3  # the very file that was sent
    sheet.write_text(sheet.read_text("utf-8") + "\n", encoding="utf-8")
    again = command("run", sheet, "--batch", "right", "--yes", "--json", env=env).json()
    assert again["counts"]["held"] == 6
    command("cancel", "rent", "--yes", env=env)
    right = command("run", sheet, "--batch", "right", "--yes", "--json", env=env).json()
    assert (right["counts"]["created"], right["counts"]["held"]) == (3, 3)
    assert [error["row"] for error in right["errors"]] == [5, 6, 7]
