"""`status` in real processes, against a sandbox in a process of its own."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from openpyxl import load_workbook
from support.command import Command, Process, StandaloneSandbox
from support.ports import own_port

SHEET = """Invoice #,First name,Last name,Email,Amount,Contract
Happy1-1,Ana,Fraser,ana@example.com,10.00,C-1
Happy2-1,Ben,Fraser,ben@example.com,20.00,C-2
Happy3-1,Cleo,Fraser,cleo@example.com,40.00,C-3
Unhappy1-1,Dan,Fraser,dan@example.com,80.00,C-4
Declines-1,Eve,Fraser,eve@example.com,160.00,C-5
Expires-1,Flo,Fraser,flo@example.com,320.00,C-6
Cancels-1,Gus,Fraser,gus@example.com,640.00,C-7
Puzzles-1,Hal,Fraser,hal@example.com,1280.00,C-8
INV-1,Ida,Fraser,ida@example.com,2560.00,C-9
"""
STATE_COLUMNS = ["sessionStatus", "transactionStatus", "paid", "paidAmount", "statusAt"]
OWN_COLUMNS = [
    *("status", "sessionId", "launchUrl", "errors", "notices"),
    *("referenceSent", "amountSent", "attempts", "createdAt"),
]


@pytest.fixture
def sent(command: Command, standalone_sandbox: StandaloneSandbox) -> Path:
    """A batch `rent` that was sent; its sheet is gone. Where `status` writes its workbook."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert command("run", sheet, "--yes", env=standalone_sandbox.env).code == 0
    sheet.unlink()
    return command.home / "rent.status.xlsx"


def results(workbook: Path) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """The headings of `Results`, and its rows by their reference."""
    rows_of_sheet: Any = load_workbook(workbook)["Results"].iter_rows(values_only=True)
    headings, *rows = rows_of_sheet
    return list(headings), {row[1]: dict(zip(headings, row, strict=True)) for row in rows}


def test_the_workbook_says_who_has_paid(command: Command, standalone_sandbox: StandaloneSandbox, sent: Path) -> None:
    """Each row has its session's word, its transaction's, whether it was paid, how much and since when."""
    before, _ = results(command.home / "rent.results.xlsx")
    assert before[-len(OWN_COLUMNS) :] == OWN_COLUMNS
    done = command("status", "rent", env=standalone_sandbox.env)
    assert done.code == 0
    headings, rows = results(sent)
    assert headings == [*before, *STATE_COLUMNS, "file"]
    told = {key: tuple(row[name] for name in STATE_COLUMNS[:4]) for key, row in rows.items()}
    assert told == {
        "Happy1-1": ("Completed", "Accepted", "yes", 10),
        "Happy2-1": ("Completed", "Processed", "yes", 20),
        "Happy3-1": ("Completed", "Settled", "yes", 40),
        "Unhappy1-1": ("Failed", "Failed", "no", None),
        "Declines-1": ("Failed", "Declined", "no", None),
        "Expires-1": ("Expired", "Expired", "no", None),
        "Cancels-1": ("Canceled", "Cancelled", "no", None),
        "Puzzles-1": ("UnderReview", "OnHold", "not yet", None),
        "INV-1": ("Initiated", "Initiated", "not yet", None),
    }
    assert "UnderReview" in str(rows["Puzzles-1"]["notices"])
    assert all(row["statusAt"] and row["Contract"] for row in rows.values())


def test_the_summary_adds_up(command: Command, standalone_sandbox: StandaloneSandbox, sent: Path) -> None:
    """Counts and dollars of yes, not yet and no are those of the sheet, also as JSON."""
    told = command("status", "rent", "--json", env=standalone_sandbox.env).json()
    assert told["paid"] == {
        "yes": {"rows": 3, "amount": "70.00"},
        "not yet": {"rows": 2, "amount": "3840.00"},
        "no": {"rows": 4, "amount": "1200.00"},
    }
    assert (told["asked"], told["final"], told["missed"], told["exitCode"]) == (9, 0, 0, 0)
    assert (told["unknownToApi"], told["undocumentedWords"]) == (0, 1)
    summary = [[cell.value for cell in row[:4]] for row in load_workbook(sent)["Summary"].iter_rows()]
    assert [[row[0], row[2], row[3]] for row in summary if row[0] in {"yes", "not yet", "no"}] == [
        ["yes", 3, 70],
        ["not yet", 2, 3840],
        ["no", 4, 1200],
    ]


def test_what_is_final_is_not_asked_again(command: Command, standalone_sandbox: StandaloneSandbox, sent: Path) -> None:
    """Accepted and Processed go on being asked about; what has ended on both levels does not."""
    command("status", "rent", "-q", env=standalone_sandbox.env)
    again = command("status", "rent", "--json", env=standalone_sandbox.env).json()
    assert (again["asked"], again["final"]) == (4, 5)


def test_what_is_open_too_long_is_listed_apart(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """A request that nobody has paid for longer than N days stands on a sheet of its own and on the terminal."""
    done = command("status", "rent", "--open-days", "0", env=standalone_sandbox.env)
    assert "row 10: INV-1" in done.out
    rows_of_sheet: Any = load_workbook(sent)["Open"].iter_rows(values_only=True)
    headings, *rows = rows_of_sheet
    assert [(row[headings.index("row")], row[headings.index("sessionStatus")]) for row in rows] == [
        (9, "UnderReview"),
        (10, "Initiated"),
    ]
    command("status", "rent", env=standalone_sandbox.env)
    assert "Open" not in load_workbook(sent).sheetnames


def test_links_that_are_of_no_use_any_more_are_not_in_the_mail_merge(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """Whoever has paid, or can't pay any more, is not written to again."""
    command("status", "rent", env=standalone_sandbox.env)
    rows = [row[0] for row in load_workbook(sent)["Links"].iter_rows(min_row=2, values_only=True)]
    assert rows == ["Hal", "Ida"]


def test_a_session_that_the_api_does_not_know_is_told(command: Command) -> None:
    """404 is shown in the row and counted, and what was paid before stays paid."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    command("run", sheet, "--sandbox", "-q")
    command("status", "rent", "--sandbox", "-q")
    (command.data / "sandbox.jsonl").unlink()
    told = command("status", "rent", "--sandbox", "--json").json()
    assert (told["unknownToApi"], told["exitCode"]) == (4, 0)
    _, rows = results(command.home / "rent.status.xlsx")
    assert rows["INV-1"]["sessionStatus"] == "unknown to the API"
    assert "404" in str(rows["INV-1"]["notices"])
    assert (rows["Happy1-1"]["paid"], rows["Happy3-1"]["sessionStatus"]) == ("yes", "Completed")


def test_a_row_whose_outcome_is_unknown_ends_it_with_5(command: Command, standalone_sandbox: StandaloneSandbox) -> None:
    """All were asked about, and still a person must look."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET + "ResetAfter-1,Joy,Fraser,joy@example.com,1.00,C-10\n", encoding="utf-8")
    command("run", sheet, "--yes", "--send-link", env=standalone_sandbox.env)
    done = command("status", "rent", env=standalone_sandbox.env)
    assert done.code == 5
    assert 'resolve "rent" ROW' in done.out


def test_refused_credentials_are_one_sentence(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """Nothing was learnt: no workbook is written, and the exit code is 4."""
    done = command("status", "rent", env=standalone_sandbox.env | {"FLINKS_PASSWORD": "wrong"})
    assert done.code == 4
    assert "refused the credentials" in done.err
    assert not sent.exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param(["rend"], "The nearest is rent", id="a slip"),
        pytest.param(["rent.csv"], "The nearest is rent", id="the sheet's name"),
        pytest.param(["gas-and-water"], "The last one is rent", id="nothing like it"),
        pytest.param(["rent", "--sandbox"], "sent to http://127.0.0.1", id="the other environment"),
    ],
)
def test_a_batch_that_is_not_there_is_one_sentence(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path, args: list[str], told: str
) -> None:
    """An unknown name is told with the nearest ones, and the sandbox is not taken for the API."""
    journal = {"FLINKS_IMPORT_JOURNAL": str(command.data / "journal.sqlite")}
    done = command("status", *args, env=standalone_sandbox.env | journal)
    assert done.code == 2
    assert told in done.err


def test_the_sandbox_and_the_api_are_told_apart_in_one_journal(
    command: Command, standalone_sandbox: StandaloneSandbox
) -> None:
    """The same name in two environments is two batches: --sandbox chooses."""
    shared = standalone_sandbox.env | {"FLINKS_IMPORT_JOURNAL": str(command.home / "shared.sqlite")}
    assert command("journal", "create", command.home / "shared.sqlite").code == 0
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    command("run", sheet, "--yes", env=shared)
    short = command.home / "short" / "rent.csv"
    short.parent.mkdir()
    short.write_text("\n".join(SHEET.splitlines()[:3]), encoding="utf-8")
    command("run", short, "--sandbox", env=shared)
    assert command("status", "rent", "--json", env=shared).json()["rows"] == 9
    assert command("status", "rent", "--json", "--sandbox", env=shared).json()["rows"] == 2


def decide(link: str, verb: str) -> None:
    """Decide on the hosted page as the payor does."""
    form = urlencode({"sessionId": link.partition("=")[2], "decision": verb})
    with urlopen(Request(link, form.encode()), timeout=60) as answer:
        assert answer.status == 200


def until(process: Process, told: str) -> None:
    """Read standard error until a line says it."""
    for line in process.stderr:
        if told in line:
            return
    raise AssertionError(f"never said: {told}")


@pytest.fixture
def open_one(command: Command, standalone_sandbox: StandaloneSandbox) -> str:
    """A batch `rent` with one open request; its link."""
    sheet = command.home / "rent.csv"
    sheet.write_text("\n".join([SHEET.splitlines()[0], SHEET.splitlines()[-1]]), encoding="utf-8")
    command("run", sheet, "--yes", env=standalone_sandbox.env)
    return str(results(command.home / "rent.results.xlsx")[1]["INV-1"]["launchUrl"])


def test_watching_ends_when_nothing_can_change_any_more(
    command: Command, standalone_sandbox: StandaloneSandbox, open_one: str
) -> None:
    """--watch asks again until all are final, and shows where it stands in between."""
    process = command.start("status", "rent", "--watch", "--every", "0.2", "--json", env=standalone_sandbox.env)
    until(process, "not yet: 1")
    decide(open_one, "declined")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert json.loads(out)["paid"]["no"]["rows"] == 1


def serving(command: Command, port: str) -> tuple[Process, str]:
    """A sandbox that can be started again: its process and its address."""
    process = command.start("sandbox", "--port", port, "--store", command.home / "own.jsonl")
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.slow
def test_a_watch_goes_on_through_an_outage(command: Command) -> None:
    """An API that was there and is out of reach for a while is asked again, and that is said; the watch ends with 0."""
    sandbox, base_url = serving(command, str(own_port()))
    env = {"FLINKS_BASE_URL": base_url, "FLINKS_USERNAME": "sandbox", "FLINKS_PASSWORD": "sandbox"}
    sheet = command.home / "rent.csv"
    sheet.write_text("\n".join([SHEET.splitlines()[0], SHEET.splitlines()[-1]]), encoding="utf-8")
    command("run", sheet, "--yes", env=env)
    link = str(results(command.home / "rent.results.xlsx")[1]["INV-1"]["launchUrl"])
    process = command.start("status", "rent", "--watch", "--every", "0.2", "--json", env=env)
    until(process, "not yet: 1")
    sandbox.terminate()
    sandbox.communicate(timeout=120)
    until(process, "no usable response from the API")
    sandbox, _ = serving(command, base_url.rpartition(":")[2])
    until(process, "not yet: 1")
    decide(link, "declined")
    out, _ = process.communicate(timeout=60)
    sandbox.terminate()
    sandbox.communicate(timeout=120)
    assert process.returncode == 0
    assert json.loads(out)["paid"]["no"]["rows"] == 1


def test_ctrl_c_leaves_a_watch_with_6_and_keeps_what_is_known(
    command: Command, standalone_sandbox: StandaloneSandbox, open_one: str
) -> None:
    """A watch that is left has written the workbook of what it has learnt."""
    process = command.start("status", "rent", "--watch", "--every", "60", env=standalone_sandbox.env)
    until(process, "not yet: 1")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 6
    assert "Stopped at your request" in err
    assert results(command.home / "rent.status.xlsx")[1]["INV-1"]["sessionStatus"] == "Initiated"


def test_sessions_before_a_day_are_not_asked_about(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """--since tomorrow asks about nothing, and says so."""
    done = command("status", "rent", "--since", "2999-01-01", "--json", env=standalone_sandbox.env)
    assert (done.code, done.json()["asked"]) == (0, 0)


def test_no_session_stands_on_the_terminal_or_in_the_log(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """A session opens a payment page: it is in the workbook, and nowhere else."""
    ids = {str(row["sessionId"]) for row in results(command.home / "rent.results.xlsx")[1].values()}
    done = command("status", "rent", "--open-days", "0", "-v", "--log-json", env=standalone_sandbox.env)
    assert not any(session in done.out + done.err for session in ids)


def test_other_files_are_written_beside_the_workbook_with_who_has_paid(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """The CSV and the page of `status` say who has paid, and the month before is still compared in the workbook."""
    earlier = command.home / "rent-2026-10.csv"
    earlier.write_text(SHEET.replace("10.00", "5.00"), encoding="utf-8")
    later = command.home / "rent-2026-11.csv"
    later.write_text(SHEET, encoding="utf-8")
    for sheet in (earlier, later):
        command("run", sheet, "--yes", "--allow-repeats", env=standalone_sandbox.env)
    done = command(
        *("status", "rent-2026-11", "--csv", "paid.csv", "--html", "paid.html", "--json"), env=standalone_sandbox.env
    )
    assert done.code == 0
    assert done.json()["outputs"] == {"csv": "paid.csv", "html": "paid.html"}
    assert "Completed" in (command.home / "paid.csv").read_text("utf-8-sig")
    assert "Changes" in load_workbook(command.home / "rent-2026-11.status.xlsx").sheetnames


def test_whether_it_was_paid_is_said_in_french(
    command: Command, standalone_sandbox: StandaloneSandbox, sent: Path
) -> None:
    """The words of the table are those of the workbook."""
    shown = command("status", "rent", "--lang", "fr", env=standalone_sandbox.env)
    assert sent.exists()
    assert [line.split("  ")[0] for line in shown.out.splitlines()[1:5]] == ["payée", "oui", "pas encore", "non"]
