"""What is secret stays so: credentials, tokens, session ids and people are in no log, no report and no process list."""

import json
import os
import sqlite3
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.command import Command
from support.fault_server import FaultServer, Talk, answers, creates_and_answers

PASSWORD = "correct-horse-battery"
USERNAME = "billing-user-7731"
TOKEN = "token-that-nobody-may-see"
HEADINGS = "Invoice #,First name,Last name,Email,Amount,Institution,Transit,Account,Notes,sendInteracLink"
PEOPLE = {
    "INV-7731": "Zoé,Tremblay,zoe.tremblay@example.com,250.00,001,30265,98765431,her chalet,no",
    "INV-7732": "Liam,O'Brien-Smith,liam.obrien@example.com,99.00,003,12345,11223344,calls on Mondays,yes",
    "INV-7733": "Nadège,Ångström,nadege.a@example.com,12.50,,,,moved to Gaspé,yes",
    "INV-7734": "Mei,Wang,mei.wang@example.com,77.00,,,,new client,yes",
    "INV-7735": "Otto,Nowhere,otto@@nowhere.example,10.00,,,,wrong address,no",
}
CELLS = sorted(
    {
        cell
        for row in PEOPLE.values()
        for cell in row.split(",")
        if len(cell) > 3 and not cell.replace(".", "").isdigit()
    }
    | {"98765431", "11223344", "30265", "12345", "Zoé", "Mei,"}
)
"""Every value of the sheet that names somebody, or an account. Amounts and row numbers are no secret."""
ECHO = "liam.obrien@example.com (O'Brien-Smith, account 11223344) is refused"


@pytest.fixture
def sheet(command: Command) -> Path:
    path = command.home / "billing.csv"
    lines = [HEADINGS, *(f"{reference},{rest}" for reference, rest in PEOPLE.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def api() -> Iterator[FaultServer]:
    """An API that echoes people in its refusals, loses an answer, and names another reference."""
    with FaultServer() as server:
        server.well_authorized = answers(200, {"access_token": TOKEN, "token_type": "bearer", "expires_in": 599})
        refusal = {"title": "Bad Request", "detail": ECHO, "errors": {"Payor.Email": [ECHO]}, "token": TOKEN}
        other = {"sessionId": "0a0b0c0d-1111-4222-8333-444455556666", "referenceId": "zoe.tremblay@example.com"}
        server.on_reference = {
            "INV-7732": _queue(answers(400, refusal)),
            "INV-7733": _queue(creates_and_answers(500, f"<p>{ECHO}; Bearer {TOKEN}</p>")),
            "INV-7734": _queue(creates_and_answers(201, other)),
        }
        yield server


def _queue(*behaviours: Callable[..., Any]) -> deque:

    return deque(behaviours)


def environment(api: FaultServer, home: Path) -> dict[str, str]:
    return {
        "FLINKS_BASE_URL": api.url,
        "FLINKS_USERNAME": USERNAME,
        "FLINKS_PASSWORD": PASSWORD,
        "TMPDIR": str(home),
    }


def secrets_of(api: FaultServer) -> list[str]:
    return [*CELLS, PASSWORD, USERNAME, TOKEN, *api.sessions, "0a0b0c0d-1111-4222"]


def leaked(text: str, api: FaultServer) -> set[str]:
    """The secrets that stand in a text, as they are or as JSON escapes them."""
    return {word for word in secrets_of(api) if word in text or json.dumps(word)[1:-1] in text}


def journal_of(command: Command) -> Path:
    return command.data / "journal.sqlite"


MANNERS = [
    ("text", []),
    ("verbose", ["-v"]),
    ("JSON lines", ["--log-json"]),
    ("verbose JSON lines", ["-v", "--log-json"]),
    ("quiet", ["-q"]),
]


@pytest.mark.parametrize("manner", [case[1] for case in MANNERS], ids=[case[0] for case in MANNERS])
def test_no_secret_is_in_the_log_or_on_standard_error(
    command: Command, sheet: Path, api: FaultServer, manner: list[str]
) -> None:
    """However much is said, and whatever the API echoes, standard error and the log file name nobody and no secret."""
    log = command.home / "run.log"
    done = command("run", sheet, "--yes", "--log-file", log, *manner, env=environment(api, command.home))
    assert done.code == 5
    assert api.created == {"INV-7731": 1, "INV-7733": 1, "INV-7734": 1}
    assert leaked(done.err, api) == set()
    assert leaked(log.read_text("utf-8"), api) == set()


def test_no_credential_is_in_any_output_or_file(command: Command, sheet: Path, api: FaultServer) -> None:
    """The password and the tokens are in no output, and in no file that a run leaves: journal, workbook, log."""
    done = command(
        "run", sheet, "--yes", "--json", "--log-file", command.home / "run.log", env=environment(api, command.home)
    )
    assert done.code == 5
    for path in [path for path in command.home.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        assert {word for word in (PASSWORD, USERNAME, TOKEN) if word.encode() in content} == set(), path.name
    assert {word for word in (PASSWORD, USERNAME, TOKEN) if word in done.out + done.err} == set()


WRONG_CREDENTIALS = [
    ("refused", 401, {"title": "Unauthorized", "detail": f"{USERNAME}:{PASSWORD} is wrong"}),
    ("a page", 403, f"<p>{USERNAME} {PASSWORD}</p>"),
]


@pytest.mark.parametrize(
    ("status", "body"), [case[1:] for case in WRONG_CREDENTIALS], ids=[case[0] for case in WRONG_CREDENTIALS]
)
def test_refused_credentials_are_not_shown(
    command: Command, sheet: Path, api: FaultServer, status: int, body: str | dict[str, str]
) -> None:
    """A refusal of the credentials ends with 4 and does not repeat them, whatever the API echoes."""
    api.well_authorized = answers(status, body)
    done = command("run", sheet, "--yes", "-v", env=environment(api, command.home))
    assert done.code == 4
    assert leaked(done.err + done.out.replace("otto@@nowhere.example", ""), api) <= {"Nowhere"}
    assert PASSWORD not in done.out + done.err


DAMAGE = [
    ("a payment", "UPDATE attempts SET content = '{\"email\": zoe.tremblay@example.com'"),
    ("reasons", "UPDATE attempts SET reasons = '[[\"liam.obrien@example.com\"'"),
    ("a time", "UPDATE attempts SET intended_at = 'when zoe.tremblay@example.com called'"),
    ("an outcome", "UPDATE attempts SET outcome = 'zoe.tremblay@example.com'"),
]


@pytest.mark.parametrize("damage", [case[1] for case in DAMAGE], ids=[case[0] for case in DAMAGE])
@pytest.mark.parametrize("manner", [[], ["-v", "--log-json"]], ids=["text", "JSON lines"])
def test_a_crash_tells_where_and_nobodys_name(
    command: Command, sheet: Path, api: FaultServer, damage: str, manner: list[str]
) -> None:
    """A fault of the program leaves with 70 and a report of places, without a value; nothing is sent again."""
    environ = environment(api, command.home)
    assert command("run", sheet, "--yes", "-q", env=environ).code == 5
    sent = sum(api.created.values())
    with closing(sqlite3.connect(journal_of(command))) as connection, connection:
        connection.execute(damage)
    done = command("run", sheet, "--yes", *manner, env=environ)
    assert done.code == 70
    [report] = command.home.glob("flinks-import-*.report.txt")
    assert str(report) in done.err
    assert "journal" in report.read_text("utf-8")
    assert leaked(report.read_text("utf-8") + done.err + done.out, api) == set()
    assert "Traceback" not in done.err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert sum(api.created.values()) == sent


def test_a_server_that_says_personal_things_in_its_errors_is_not_repeated(command: Command, sheet: Path) -> None:
    """The database's own words (PostgreSQL names the values of a conflict) never reach the user."""
    url = "postgresql://zoe:hunter2-secret@127.0.0.1:1/billing"
    done = command("run", sheet, "--sandbox", "-v", "--journal", url)
    assert done.code == 6
    assert "hunter2-secret" not in done.err + done.out


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the process list is read from /proc")
def test_the_process_list_names_nobody(command: Command, sheet: Path, api: FaultServer) -> None:
    """While it sends, no process of the run has a secret or a person in its command line or name."""
    arrived, go_on = threading.Event(), threading.Event()

    def waits(talk: Talk) -> None:
        arrived.set()
        go_on.wait(60)
        talk.answer_created()

    api.on_reference["INV-7731"] = _queue(waits)
    run = command.start("run", sheet, "--yes", env=environment(api, command.home), afresh=True)
    try:
        assert arrived.wait(60)
        shown = "\n".join(_shown_of(pid) for pid in _family(run.pid))
    finally:
        go_on.set()
        run.communicate(timeout=60)
    assert str(sheet) in shown
    assert leaked(shown, api) == set()


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent in found:
                found.append(int(folder.name))
    return found


def _shown_of(pid: int) -> str:
    folder = Path("/proc") / str(pid)
    names = [(task / "comm").read_text() for task in (folder / "task").iterdir()]
    return (folder / "cmdline").read_bytes().decode() + "\n" + "\n".join(names)


def test_what_a_run_leaves_is_for_its_owner_only(command: Command, sheet: Path, api: FaultServer) -> None:
    """The journal with all that belongs to it, the workbook and the log are closed to others, whatever the umask."""
    before = os.umask(0)
    try:
        log = command.home / "run.log"
        command("run", sheet, "--yes", "-q", "--log-file", log, env=environment(api, command.home))
        command("run", sheet, "--sandbox", "-q", "-o", command.home / "sandbox.xlsx")
    finally:
        os.umask(before)
    ours = [*command.data.iterdir(), log, command.home / "billing.results.xlsx", command.home / "sandbox.xlsx"]
    assert len(ours) > 6
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in ours if path.stat().st_mode & 0o077} == {}
    assert stat.S_IMODE(command.data.stat().st_mode) == 0o700


def test_account_numbers_are_masked_in_the_summary(command: Command, sheet: Path, api: FaultServer) -> None:
    """The JSON summary goes to scripts and their logs: no whole account number, session or token is in it."""
    done = command("run", sheet, "--yes", "--json", env=environment(api, command.home))
    summary = json.dumps(done.json(), ensure_ascii=False)
    assert {word for word in ("98765431", TOKEN, PASSWORD, *api.sessions) if word in summary} == set()


def test_an_account_number_in_another_cell_is_masked_too(command: Command) -> None:
    """Institution, transit and account typed into the transit's cell: a message about the row shows its end only."""
    headings = "referenceId,firstName,lastName,email,amount,institutionCode,transitNumber,accountNumber"
    row = "INV-1,Jane,Doe,jane@example.com,twelve,999,30265-003-98765431,"
    (command.home / "billing.csv").write_text(f"{headings}\n{row}\n", encoding="utf-8")
    done = command("validate", command.home / "billing.csv", "--json")
    assert done.code == 1
    assert "98765431" not in done.out + done.err
    assert "5431" in done.out
