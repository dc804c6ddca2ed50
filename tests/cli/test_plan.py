"""`plan`, `approve` and `run --plan` in real processes, against the built-in sandbox."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from openpyxl import load_workbook
from support.command import Command, Finished
from support.journals import place

SHEET = """Invoice #,First name,Last name,Email,Amount
A-1,Zoé,Tremblay,zoe@example.com,250
A-2,Liam,Fraser,liam@example.com,1234.50
A-3,Ann,Roy,ann@@example.com,12
"""
TOTAL = "1484.50"
ANA, BRUNO = {"LOGNAME": "ana"}, {"LOGNAME": "bruno"}
REQUIRED = {"FLINKS_IMPORT_SECOND_PERSON": "required"}


@pytest.fixture
def sheet(command: Command) -> Path:
    path = command.home / "rent.csv"
    path.write_text(SHEET, encoding="utf-8")
    return path


def planned(command: Command, sheet: Path, *options: object, env: dict[str, str] = ANA) -> str:
    """The name of a new plan."""
    done = command("plan", sheet, "--sandbox", "--json", *options, env=env)
    assert done.code == 0, done.err
    return done.json()["plan"]


def approved(command: Command, sheet: Path) -> str:
    """The name of a plan that ana made and bruno approved."""
    plan = planned(command, sheet)
    assert approve(command, plan, "--total", TOTAL).code == 0
    return plan


def approve(command: Command, plan: str, *options: object, env: dict[str, str] = BRUNO) -> Finished:
    return command("approve", plan, "--sandbox", *options, env=REQUIRED | env)


def run(command: Command, sheet: Path, *options: object, env: dict[str, str] = ANA) -> Finished:
    return command("run", sheet, "--sandbox", "--json", *options, env=REQUIRED | env)


def summary_of(workbook: Path) -> dict[str, str]:
    """The labels of Summary, and what stands beside each."""
    rows = load_workbook(workbook)["Summary"].iter_rows(max_col=2, values_only=True)
    return {str(label): str(text) for label, text in rows if label}


# ---------------------------------------------------------------------------------------------------------------
# From one person to the other


def test_what_another_person_approved_is_sent_and_all_three_names_are_kept(command: Command, sheet: Path) -> None:
    """Who made the plan, who approved it and who sent it, each with a time: on Summary and in the journal."""
    plan = approved(command, sheet)
    done = run(command, sheet, "--plan", plan, env={"LOGNAME": "chloe"})
    assert done.json()["counts"]["created"] == 2
    summary = summary_of(sheet.with_name("rent.sandbox.results.xlsx"))
    assert summary["Plan"] == plan == "rent-p1"
    names = [summary[label].partition(", 20")[0] for label in ("Plan made by", "Approved by", "Sent by")]
    assert names == ["ana", "bruno", "chloe"]
    story = command("batches", "show", "rent", "--sandbox", "--json").json()
    assert story["runs"][0]["plan"] == plan
    assert [(one["step"], one["who"]) for one in story["plans"][0]["events"]] == [
        ("approved", "bruno"),
        ("sent", "chloe"),
    ]
    told = command("batches", "show", "rent", "--sandbox").out
    assert all(words in told for words in ("Plan rent-p1: sent", "approved by bruno, ", "sent by chloe, "))


def test_the_printed_commands_are_whole(command: Command, sheet: Path) -> None:
    """Whoever copies them types nothing: the options that made the plan are in the run's, the journal in both."""
    journal = command.home / "our journal.sqlite"
    options = ("--batch", "rent 2026", "--map", "Notes=ignore", "--send-link", "--max-amount", "5000")
    sheet.write_text(SHEET.replace("Amount", "Amount,Notes"), encoding="utf-8")
    done = command("plan", sheet, "--sandbox", *options, "--journal", journal, "--json", env=ANA).json()
    at = f"--journal '{journal}'"
    assert done["approveCommand"] == f"flinks-import approve 'rent 2026-p1' --sandbox {at}"
    assert done["runCommand"] == (
        f"flinks-import run {sheet} --map Notes=ignore --sandbox --batch 'rent 2026' --max-amount 5000 --send-link "
        f"{at} --plan 'rent 2026-p1'"
    )
    told = command("plan", sheet, "--sandbox", *options, "--journal", journal, env=ANA).out
    assert done["approveCommand"].replace("p1", "p2") in told
    assert done["runCommand"].replace("p1", "p2") in told


def test_the_approver_sees_the_plan_without_the_sheet(command: Command, sheet: Path) -> None:
    """Sums, largest amounts, what is left out and why: from the journal alone."""
    plan = planned(command, sheet)
    sheet.unlink()
    told = command("approve", plan, "--sandbox", "--dry-run").out
    for words in ("rent.csv", "2, $1,484.50", "A-2", "Liam Fraser", "$1,234.50", "the default account", "waits"):
        assert words in told
    assert '"…" is not an e-mail address' in told
    assert "ann@@" not in told
    shown = command("approve", plan, "--sandbox", "--dry-run", "--json").json()
    assert [(one["code"], one["rows"], one["amount"]) for one in shown["notSent"]] == [("email-invalid", 1, "12.00")]
    assert shown["state"] == "made"


def test_the_month_before_is_compared(command: Command, sheet: Path) -> None:
    """A slip, who is new and who is gone since the month before."""
    command("run", sheet, "--sandbox", "--batch", "rent-2026-10")
    later = SHEET.replace("A-", "B-").replace(",250", ",2500").replace("Liam,Fraser,liam", "Noah,Chen,noah")
    sheet.write_text(later, encoding="utf-8")
    plan = planned(command, sheet, "--batch", "rent-2026-11")
    shown = command("approve", plan, "--sandbox", "--dry-run", "--json").json()
    assert shown["comparedWith"] == "rent-2026-10"
    assert [(one["kind"], one["payors"]) for one in shown["changes"]] == [("slip", 1), ("new", 1), ("gone", 1)]
    told = command("approve", plan, "--sandbox", "--dry-run", "--lang", "fr").out
    assert "Changements depuis rent-2026-10" in told


def test_a_page_to_print_is_written_by_either_person(command: Command, sheet: Path) -> None:
    """The maker's says that it waits, the approver's who approved it; both only for their owner, with nothing live."""
    first, second = command.home / "plan.html", command.home / "plan (fr).html"
    plan = planned(command, sheet, "-o", first)
    assert approve(command, plan, "--total", TOTAL).code == 0
    assert command("approve", plan, "--sandbox", "--dry-run", "-o", second, "--lang", "fr").code == 0
    assert "waits for approval" in first.read_text("utf-8")
    page = second.read_text("utf-8")
    assert all(words in page for words in ("approuvé", "Approuvé par", "bruno", "Liam Fraser", "default-src 'none'"))
    assert first.stat().st_mode & 0o077 == 0


def test_text_of_the_sheet_is_no_markup_on_the_page(command: Command, sheet: Path) -> None:
    """A name is text, whatever is in it."""
    sheet.write_text(SHEET.replace("Fraser", "<script>alert(1)</script>"), encoding="utf-8")
    page = command.home / "plan.html"
    planned(command, sheet, "-o", page)
    assert "<script" not in page.read_text("utf-8")


@pytest.mark.parametrize("name", ["plan.json", "plan.xlsx"])
def test_a_page_has_a_name_of_a_page(command: Command, sheet: Path, name: str) -> None:
    """What an earlier version took for the plan's file is refused before a plan is made."""
    done = command("plan", sheet, "--sandbox", "-o", command.home / name)
    assert (done.code, "The name must end in .html" in done.err) == (2, True)
    assert command("approve", "--sandbox", "--json").json() == []


def test_plans_that_wait_are_listed(command: Command, sheet: Path) -> None:
    """Of two plans of one sheet the newest waits; one that is approved waits no more."""
    assert "No plan waits" in command("approve", "--sandbox").out
    for _ in range(2):
        newest = planned(command, sheet)
    assert [one["plan"] for one in command("approve", "--sandbox", "--json").json()] == [newest] == ["rent-p2"]
    assert newest in command("approve", "--sandbox").out
    approve(command, newest, "--total", TOTAL)
    assert command("approve", "--sandbox", "--json").json() == []


# ---------------------------------------------------------------------------------------------------------------
# What is refused


def test_without_an_approved_plan_nothing_is_sent(command: Command, sheet: Path) -> None:
    """Where a second person is required, the refusal names the commands, for a run with and without a plan."""
    done = run(command, sheet)
    assert (done.code, done.json()["counts"]["created"]) == (3, 0)
    assert all(words in done.err for words in ("flinks-import plan", "approve PLAN --sandbox", "--plan PLAN"))
    done = run(command, sheet, "--plan", planned(command, sheet))
    assert (done.code, done.json()["counts"]["created"]) == (3, 0)
    assert 'flinks-import approve "rent-p1" --sandbox' in done.err
    # Where none is required, a plan that nobody approved holds the run to its rows.
    done = command("run", sheet, "--sandbox", "--plan", "rent-p1", "--json")
    assert done.json()["counts"]["created"] == 2


def test_who_made_a_plan_can_not_approve_it(command: Command, sheet: Path) -> None:
    """The maker is refused with the reason; an approval of before the setting is no second person's either."""
    plan = planned(command, sheet)
    done = approve(command, plan, "--total", TOTAL, env=ANA)
    assert (done.code, "the same person" in done.err) == (3, True)
    assert command("approve", plan, "--sandbox", "--total", TOTAL, env=ANA).code == 0
    done = run(command, sheet, "--plan", plan)
    assert (done.code, "approved it too" in done.err) == (3, True)


@pytest.mark.parametrize("total", ["1484.49", "93877.30", "0"])
def test_a_wrong_total_approves_nothing(command: Command, sheet: Path, total: str) -> None:
    """The approver types what they checked."""
    plan = planned(command, sheet)
    done = approve(command, plan, "--total", total, "--json")
    assert (done.code, done.json()["error"]["code"]) == (3, "wrong-total")
    assert command("approve", plan, "--sandbox", "--dry-run", "--json").json()["state"] == "made"


def test_the_total_is_read_as_people_write_it(command: Command, sheet: Path) -> None:
    """With the marks of the language."""
    assert approve(command, planned(command, sheet), "--total", "1 484,50 $").code == 0


def test_without_a_terminal_the_total_is_an_option(command: Command, sheet: Path) -> None:
    """Nothing is approved by silence."""
    done = approve(command, planned(command, sheet))
    assert (done.code, "--total AMOUNT" in done.err) == (2, True)


def typed(command: Command, plan: str, answer: str) -> tuple[int, str]:
    """The exit code of `approve` and what its terminal shows, when this is typed at its question."""
    ours, theirs = pty.openpty()
    environment = REQUIRED | BRUNO | {"TERM": "dumb", "COLUMNS": "200"}
    process = command.start("approve", plan, "--sandbox", "--lang", "en", env=environment, terminal=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
            if b"to approve it:" in shown and answer:
                os.write(ours, answer.encode())
                answer = ""
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
        code = process.wait(120)
    return code, shown.decode()


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        pytest.param("$1,484.50\n", 0, "Plan rent-p1 is approved.", id="the total"),
        pytest.param("1484.05\n", 3, "The total of plan rent-p1 is not 1484.05.", id="another"),
        pytest.param("yes\n", 3, "You typed no total.", id="a yes"),
        pytest.param("\n", 3, "You typed no total.", id="Enter alone"),
    ],
)
def test_at_a_terminal_the_total_is_typed_below_the_plan(
    command: Command, sheet: Path, answer: str, code: int, told: str
) -> None:
    """The approver sees the plan, then types its total; nothing else approves it."""
    ended, shown = typed(command, planned(command, sheet), answer)
    assert (ended, told in shown) == (code, True), shown
    assert shown.index("Liam Fraser") < shown.index("Type the total")


def test_a_plan_that_was_sent_back_is_not_sent(command: Command, sheet: Path) -> None:
    """Its maker reads who did it and why; that is final, with or without the setting, and for an approved plan too."""
    plan = approved(command, sheet)
    assert approve(command, plan, "--send-back", "Row 3 was billed  last week").code == 0
    for done in (
        approve(command, plan, "--total", TOTAL),
        approve(command, plan, "--send-back", "once more"),
        run(command, sheet, "--plan", plan),
        command("run", sheet, "--sandbox", "--plan", plan),
    ):
        assert done.code == 3
        assert "bruno sent plan rent-p1 back on " in done.err
        assert "Row 3 was billed last week" in done.err


def test_a_plan_is_approved_once_and_not_once_it_was_sent(command: Command, sheet: Path) -> None:
    """The second approver learns who was first, and that it was sent."""
    plan = approved(command, sheet)
    done = approve(command, plan, "--total", TOTAL, env={"LOGNAME": "chloe"})
    assert (done.code, "bruno approved plan rent-p1" in done.err) == (3, True)
    run(command, sheet, "--plan", plan)
    done = approve(command, plan, "--send-back", "too late")
    assert (done.code, "ana sent plan rent-p1 on" in done.err) == (3, True)


def test_a_plan_that_is_not_there_is_named(command: Command, sheet: Path) -> None:
    """With the last one that is, or where to look."""
    done = approve(command, "rent-p7", "--total", "1")
    assert (done.code, "no plans here yet" in done.err) == (2, True)
    planned(command, sheet)
    done = approve(command, "rent-p7", "--total", "1")
    assert (done.code, "The last one is rent-p1" in done.err) == (2, True)
    env = {
        "FLINKS_BASE_URL": "https://payments.example.com",
        "FLINKS_IMPORT_JOURNAL": str(command.data / "sandbox-journal.sqlite"),
    }
    done = command("approve", "rent-p1", "--total", "1", env=env)
    assert (done.code, "Add --sandbox" in done.err) == (2, True)


def test_inbox_sends_nothing_without_a_plan(command: Command) -> None:
    """A folder that runs by itself has no second person: refused before any file is touched."""
    drop = command.home / "drop"
    drop.mkdir()
    (drop / "rent.csv").write_text(SHEET, encoding="utf-8")
    done = command("inbox", drop, "--sandbox", env=REQUIRED)
    assert (done.code, "second_person" in done.err) == (2, True)
    assert (drop / "rent.csv").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(("250", "2500"), "row 2 has changed", id="another amount"),
        pytest.param(("ann@@", "ann@"), "row 4 is not in the plan", id="a row that was fixed since"),
        pytest.param(("liam@", "liam@@"), "row 3 is in the plan but can't be sent", id="a row that became invalid"),
    ],
)
def test_a_sheet_that_is_not_the_approved_one_is_refused(
    command: Command, sheet: Path, change: tuple[str, str], told: str
) -> None:
    """Whatever differs is named, and nothing is sent; once the sheet is the approved one again, it is sent."""
    plan = approved(command, sheet)
    sheet.write_text(SHEET.replace(*change), encoding="utf-8")
    done = run(command, sheet, "--plan", plan)
    assert done.code == 3
    assert told in done.err
    assert done.json()["counts"]["created"] == 0
    assert command("approve", plan, "--sandbox", "--dry-run", "--json").json()["state"] == "void"
    sheet.write_text(SHEET, encoding="utf-8")
    assert run(command, sheet, "--plan", plan).json()["counts"]["created"] == 2


def test_a_run_that_was_cut_short_goes_on_with_its_plan(command: Command, sheet: Path) -> None:
    """Rows that the plan's run has sent already are no difference; a third run sends nothing and keeps the names."""
    plan = approved(command, sheet)
    assert run(command, sheet, "--plan", plan, "--first", "1").code == 6
    counts = run(command, sheet, "--plan", plan).json()["counts"]
    assert (counts["created"], counts["already-created"]) == (1, 1)
    again = run(command, sheet, "--plan", plan, env={"LOGNAME": "chloe"})
    assert again.json()["counts"]["created"] == 0
    assert summary_of(Path(again.json()["output"]))["Sent by"].startswith("ana, ")


def test_a_plan_of_another_batch_is_refused(command: Command, sheet: Path) -> None:
    """A plan approves one batch in one environment."""
    plan = planned(command, sheet, "--batch", "october")
    done = command("run", sheet, "--sandbox", "--plan", plan)
    assert done.code == 3
    assert "The plan is for batch october, not rent" in done.err


def test_nothing_to_send_makes_no_plan(command: Command, sheet: Path) -> None:
    """A sheet whose rows all have their sessions leaves nothing to approve."""
    command("run", sheet, "--sandbox")
    assert command("plan", sheet, "--sandbox").code == 3
    assert command("approve", "--sandbox", "--json").json() == []


def test_a_plan_loses_its_people_with_its_batch(command: Command, sheet: Path) -> None:
    """`batches purge` removes the names, accounts and reasons of plans, and keeps their figures."""
    plan = approved(command, sheet)
    run(command, sheet, "--plan", plan)
    other = planned(command, sheet.rename(sheet.with_name("other.csv")), "--allow-repeats")
    approve(command, other, "--send-back", "Liam Fraser has paid")
    journal = command.data / "sandbox-journal.sqlite"

    with sqlite3.connect(journal) as connection:
        for table, columns in {
            "runs": ("started_at",),
            "attempts": ("intended_at", "settled_at"),
            "plans": ("made_at",),
            "plan_events": ("at",),
            "batches": ("created_at",),
        }.items():
            for column in columns:
                connection.execute(f"UPDATE {table} SET {column} = '2020' || substr({column}, 5)")
    connection.close()
    assert command("batches", "purge", "--before", "2021-01-01", "--yes", "--sandbox").code == 0
    for name in (plan, other):
        shown = command("approve", name, "--sandbox", "--dry-run", "--json").json()
        assert (shown["amount"], shown["largest"]) == (TOTAL, [])
    assert command("approve", other, "--sandbox", "--dry-run").code == 0
    assert not any(word in journal.read_bytes() for word in (b"Fraser", b"has paid"))


# ---------------------------------------------------------------------------------------------------------------
# A plan file of an earlier version


def file_of_an_earlier_version(command: Command, sheet: Path) -> Path:
    """What `plan` wrote before plans were in the journal."""

    planned(command, sheet)
    with sqlite3.connect(command.data / "sandbox-journal.sqlite") as connection:
        (payloads,) = connection.execute("SELECT payloads FROM plans").fetchone()
    connection.close()
    path = sheet.with_name("rent.plan.json")
    told = {
        "format": 1,
        "batch": "rent",
        "environment": "sandbox",
        "file": "rent.csv",
        "sha256": "0" * 64,
        "made_by": "ana",
        "made_at": "2026-11-24T10:00:00-05:00",
        "rows": 3,
        "to_send": 2,
        "amount": TOTAL,
        "e_mailed": 0,
        "payloads": json.loads(payloads),
    }
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def test_a_plan_file_of_an_earlier_version_is_still_read(command: Command, sheet: Path) -> None:
    """It holds a run to its rows; nobody can have approved it in the journal."""
    path = file_of_an_earlier_version(command, sheet)
    done = run(command, sheet, "--plan", path)
    assert (done.code, "plan file of an earlier version" in done.err) == (3, True)
    done = command("run", sheet, "--sandbox", "--plan", path, "--json", env=BRUNO)
    assert done.json()["counts"]["created"] == 2
    summary = summary_of(sheet.with_name("rent.sandbox.results.xlsx"))
    assert summary["Plan made by"].startswith("ana, ")
    assert (summary["Approved by"], summary["Sent by"].partition(",")[0]) == ("nobody", "bruno")


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


# ---------------------------------------------------------------------------------------------------------------
# Several people on PostgreSQL


@pytest.fixture
def team(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The addresses of one journal for two roles of its server, by their names' first letters."""
    with place("postgresql", tmp_path) as url, roles(url, "a", "b") as addresses:
        yield addresses


@contextmanager
def roles(url: str, *letters: str) -> Iterator[dict[str, str]]:
    mark = uuid4().hex[:8]
    names = {letter: f"{letter}_{mark}" for letter in letters}
    at = urlsplit(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names.values():
            connection.execute(f"CREATE ROLE {name} LOGIN".encode())
            connection.execute(f"GRANT ALL ON SCHEMA public TO {name}".encode())
        first = names[letters[0]]
        for name in names.values():
            if name != first:
                connection.execute(f"GRANT {first} TO {name}".encode())
        try:
            yield {letter: f"postgresql://{name}@{at.hostname}{at.path}" for letter, name in names.items()}
        finally:
            for name in reversed(names.values()):
                connection.execute(f"DROP OWNED BY {name} CASCADE".encode())
                connection.execute(f"DROP ROLE {name}".encode())


def test_two_accounts_of_the_database_are_two_people(command: Command, sheet: Path, team: dict[str, str]) -> None:
    """`root` of one machine makes a plan, `root` of another approves it: the server has checked who they are."""
    root = {"LOGNAME": "root"}
    assert command("journal", "create", team["a"]).code == 0
    plan = planned(command, sheet, "--journal", team["a"], env=root)
    done = approve(command, plan, "--journal", team["a"], "--total", TOTAL, env=root)
    assert (done.code, done.err.count("root (a_")) == (3, 2)
    assert approve(command, plan, "--journal", team["b"], "--total", TOTAL, env=root).code == 0
    done = run(command, sheet, "--journal", team["a"], "--plan", plan, env=root)
    assert done.json()["counts"]["created"] == 2
    assert summary_of(Path(done.json()["output"]))["Approved by"].startswith("root (b_")


def test_one_account_is_shared_by_people_with_logins_of_their_own(
    command: Command, sheet: Path, team: dict[str, str]
) -> None:
    """Then the logins tell them apart, unless the account is one person's own."""
    assert command("journal", "create", team["a"]).code == 0
    plan = planned(command, sheet, "--journal", team["a"])
    own = urlsplit(team["a"]).username
    assert own is not None
    assert approve(command, plan, "--journal", team["a"], "--total", TOTAL, env=ANA).code == 3
    assert approve(command, plan, "--journal", team["a"], "--total", TOTAL, env={"LOGNAME": own}).code == 3
    assert approve(command, plan, "--journal", team["a"], "--total", TOTAL).code == 0
