"""`batches`: the list, the story of one batch and of one row, and removing personal data for good."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg
import pytest
from support.command import Command
from support.journals import place

HEADINGS = "Invoice #,First name,Last name,Email,Amount,Institution,Transit,Account,Contract,Notes,sendInteracLink"
PEOPLE = (
    "INV-1,Zoé,Tremblay,zoe.tremblay@example.com,250.00,001,30265,98765431,K-11,Ms Tremblay's chalet,no",
    "Refuse400-2,Liam,O'Brien-Smith,liam@example.com,99.00,,,,K-12,calls on Mondays,yes",
    "ResetAfter-3,Nadège,Ångström,nadege@example.com,12.50,,,,K-13,moved to Gaspé,yes",
    "INV-4,Null,Nowhere,nobody@@example.com,10.00,,,,K-14,wrong address,no",
)
PERSONAL = (
    *("Zoé", "Tremblay", "zoe.tremblay", "98765431", "30265", "K-11", "chalet", "Liam", "O'Brien", "liam@", "Mondays"),
    *("Nadège", "Ångström", "nadege@", "Gaspé", "nobody@@", "K-13", "Nowhere"),
)
"""Every personal value of the sheet, in a spelling that stands in no other word of a journal."""
KEPT = ("INV-1", "Refuse400-2", "ResetAfter-3", "billing.csv")


@pytest.fixture
def sheet(command: Command) -> Path:
    path = command.home / "billing.csv"
    path.write_text("\n".join([HEADINGS, *PEOPLE]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data of the first run is kept for the other tests."""
    return tmp_path_factory.mktemp("ran") / "data"


@pytest.fixture
def ran(command: Command, sheet: Path, folder: Path) -> Command:
    """The command, after it has sent the sheet: one created, one refused, one unknown, one invalid."""
    if not folder.exists():
        assert command("run", sheet, "--sandbox", "-q").code == 5
        shutil.copytree(command.data, folder)
    shutil.copytree(folder, command.data, dirs_exist_ok=True)
    return command


def session_of(command: Command) -> str:
    with closing(sqlite3.connect(command.data / "sandbox-journal.sqlite")) as connection:
        [(session,)] = connection.execute("SELECT session_id FROM attempts WHERE session_id != ''").fetchall()
    return session


# ---------------------------------------------------------------------------------------------------------------
# The list and the story


def test_the_bare_call_lists_the_batches(ran: Command) -> None:
    """`batches` lists every batch with what was created and what is unknown, for people and as JSON."""
    assert "billing.csv" in ran("batches", "--sandbox").out
    [line] = ran("batches", "--sandbox", "--json").json()
    assert (line["batch"], line["created"], line["amount"], line["unknown"]) == ("billing", 1, "250.00", 1)


def test_an_empty_journal_lists_nothing(command: Command) -> None:
    """A journal without batches says so and leaves with 0."""
    assert command("batches", "--sandbox").code == 0
    assert command("batches", "--sandbox", "--json").json() == []


def test_the_story_of_a_batch_is_its_runs_and_its_sheet(ran: Command, sheet: Path) -> None:
    """`batches show` tells each run, when it ended and how, and what the present sheet comes to."""
    assert ran("run", sheet, "--sandbox", "-q").code == 5
    story = ran("batches", "show", "billing", "--sandbox", "--json").json()
    assert [(run["file"], run["exitCode"], run["created"]) for run in story["runs"]] == [
        ("billing.csv", 5, 1),
        ("billing.csv", 5, 0),
    ]
    assert {status: count for status, count in story["counts"].items() if count} == {
        "already-created": 1,
        "rejected": 1,
        "unknown": 1,
        "invalid": 1,
    }
    told = ran("batches", "show", "billing", "--sandbox").out
    assert told.count("billing.csv (rows: ") == 2
    assert "already-created: 1, " in told


ROWS = [
    ("created", 2, [("created", 201)]),
    ("rejected", 3, [("refused", 400)]),
    ("unknown", 4, [("perhaps", None)]),
    ("invalid", 5, []),
]


@pytest.mark.parametrize(("status", "row", "attempts"), ROWS, ids=[case[0] for case in ROWS])
def test_the_story_of_a_row_is_every_attempt(
    ran: Command, status: str, row: int, attempts: list[tuple[str, int | None]]
) -> None:
    """`--row N` tells every attempt with its times, its outcome, its HTTP status and the reasons."""
    story = ran("batches", "show", "billing", "--sandbox", "--row", row, "--json").json()["row"]
    assert story["status"] == status
    assert [(attempt["outcome"], attempt["httpStatus"]) for attempt in story["attempts"]] == attempts
    for attempt in story["attempts"]:
        assert datetime.fromisoformat(attempt["intendedAt"]) <= datetime.fromisoformat(attempt["settledAt"])
        assert attempt["reasons"] or attempt["outcome"] == "created"
    assert story["errors"] or status == "created"
    told = ran("batches", "show", "billing", "--sandbox", "--row", row).out
    assert f"Row {row}: {status}" in told
    assert told.count("attempt 1") == len(attempts)


def test_a_row_that_was_sent_again_tells_both_attempts(ran: Command, sheet: Path) -> None:
    """A second attempt stands beside the first, each with its own time."""
    assert ran("run", sheet, "--sandbox", "--resend-unknown", "-q").code == 5
    attempts = ran("batches", "show", "billing", "--sandbox", "--row", 4, "--json").json()["row"]["attempts"]
    assert [attempt["number"] for attempt in attempts] == [1, 2]
    assert attempts[0]["settledAt"] < attempts[1]["intendedAt"]


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_session_ids_are_shown_only_when_asked_for(ran: Command, as_json: list[str]) -> None:
    """Whoever has a session id can open the payment page: it is shown with `--show-sessions` only."""
    session = session_of(ran)
    story = ("batches", "show", "billing", "--sandbox", "--row", 2, *as_json)
    assert session not in ran(*story).out
    assert session in ran(*story, "--show-sessions").out


WRONG = [
    ("no such batch", ["show", "biling", "--sandbox"], "billing"),
    ("no such row", ["show", "billing", "--sandbox", "--row", "77"], "77"),
    ("the sandbox not named", ["show", "billing"], "batch billing"),
    ("no date", ["purge", "--sandbox", "--yes"], "--before"),
    ("a date that is none", ["purge", "--before", "soon", "--sandbox", "--yes"], "soon"),
    ("a day to come", ["purge", "--before", "2999-01-01", "--sandbox", "--yes"], "future"),
    ("nobody to confirm", ["purge", "--before", f"{datetime.now().astimezone():%Y-%m-%d}", "--sandbox"], "--yes"),
]


@pytest.mark.parametrize(("arguments", "told"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_call_is_answered_with_a_sentence(ran: Command, arguments: list[str], told: str) -> None:
    """What can't be done leaves with 2 and says why, and nothing is removed."""
    make_old(ran)
    refused = ran("batches", *arguments)
    assert refused.code == 2
    assert told.casefold() in refused.err.casefold()
    assert b"Tremblay" in (ran.data / "sandbox-journal.sqlite").read_bytes()


def test_options_may_stand_before_the_command(ran: Command) -> None:
    """`batches --sandbox show …` is the same as `batches show … --sandbox`."""
    assert ran("batches", "--sandbox", "show", "billing").code == 0
    assert ran("batches", "--sandbox", "--json", "show", "billing").json()["batch"] == "billing"


# ---------------------------------------------------------------------------------------------------------------
# Forgetting


def make_old(command: Command, days: int = 400) -> None:
    """Move all times of the journal back, as if the batch had been sent long ago."""
    with closing(sqlite3.connect(command.data / "sandbox-journal.sqlite")) as connection, connection:
        move_back(connection, days)


def move_back(connection: Any, days: int) -> None:
    columns = {
        "batches": ("created_at",),
        "runs": ("started_at", "staged_at", "ended_at"),
        "attempts": ("intended_at", "settled_at"),
    }
    for table, names in columns.items():
        for name in names:
            found = connection.execute(f"SELECT id, {name} FROM {table} WHERE {name} IS NOT NULL").fetchall()
            for key, text in found:
                moved = datetime.fromisoformat(text).astimezone(UTC) - timedelta(days=days)
                told = moved.isoformat(timespec="microseconds")
                connection.execute(f"UPDATE {table} SET {name} = '{told}' WHERE id = {key}")


def journal_bytes(command: Command) -> bytes:
    """Everything that the journal's files hold, whatever part of them is in use."""
    return b"".join(path.read_bytes() for path in sorted(command.data.glob("sandbox-journal.sqlite*")))


def yesterday() -> str:
    return f"{datetime.now().astimezone() - timedelta(days=1):%Y-%m-%d}"


def found_in(content: bytes, words: tuple[str, ...] | list[str]) -> set[str]:
    """The words that stand in it, in UTF-8 or as JSON escapes them."""
    spelt = {word: (word.encode(), json.dumps(word)[1:-1].encode()) for word in words}
    return {word for word, spellings in spelt.items() if any(spelling in content for spelling in spellings)}


def test_a_purge_leaves_no_personal_value_in_any_byte_of_the_journal(ran: Command, sheet: Path) -> None:
    """Names, addresses, accounts, cells, session ids are gone from records, free pages and the log; references stay."""
    corrected = sheet.read_text(encoding="utf-8").replace("nobody@@example.com", "nobody@example.com")
    sheet.write_text(corrected, encoding="utf-8")
    assert ran("run", sheet, "--sandbox", "-q").code == 5
    with closing(sqlite3.connect(ran.data / "sandbox-journal.sqlite")) as connection:
        sessions = [session for (session,) in connection.execute("SELECT session_id FROM attempts") if session]
    make_old(ran)
    before = journal_bytes(ran)
    known = [*PERSONAL, *sessions, "billing.sandbox.results"]
    assert found_in(before, known) == {*known}
    purged = ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes", "--json")
    assert (purged.code, purged.json()["purged"]) == (0, [{"batch": "billing", "environment": "sandbox"}])
    after = journal_bytes(ran)
    assert found_in(after, [*known, "nobody@example.com"]) == set()
    assert found_in(after, KEPT) == set(KEPT)
    assert not (ran.data / "sandbox-journal.sqlite-wal").exists() or not (
        (ran.data / "sandbox-journal.sqlite-wal").stat().st_size
    )


def test_a_purged_batch_asks_nobody_again(ran: Command, sheet: Path) -> None:
    """The same sheet, run again after a purge, finds what was created and what is unknown."""
    make_old(ran)
    assert ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes").code == 0
    again = ran("run", sheet, "--batch", "billing", "--sandbox", "--json").json()
    assert {status: count for status, count in again["counts"].items() if count} == {
        "already-created": 1,
        "rejected": 1,
        "unknown": 1,
        "invalid": 1,
    }


def test_a_purged_batch_knows_rows_of_the_users_own_column(command: Command, sheet: Path) -> None:
    """Also rows that are known by a column of the user's own are found again, and a changed one is held."""
    own = ("--identity", "Contract", "--sandbox", "--json")
    assert command("run", sheet, *own).code == 5
    make_old(command)
    assert command("batches", "purge", "--before", yesterday(), "--sandbox", "--yes").code == 0
    assert found_in(journal_bytes(command), PERSONAL) == set()
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("250.00", "251.00"), encoding="utf-8")
    again = command("run", sheet, "--batch", "billing", *own).json()
    assert again["counts"]["held"] == 1
    assert "250.00" in next(error["message"] for error in again["errors"] if error["code"] == "held-changed")


def test_what_comes_after_a_purge_under_a_wrong_clock_is_purged_too(ran: Command, sheet: Path) -> None:
    """A clock in the future must not keep personal data for ever; and what is purged is not found again."""
    make_old(ran)
    assert ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes").code == 0
    with closing(sqlite3.connect(ran.data / "sandbox-journal.sqlite")) as connection, connection:
        connection.execute("UPDATE batches SET purged_at = '2099-01-01T00:00:00.000000+00:00'")
    nothing = ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes", "--json")
    assert (nothing.code, nothing.json()["purged"]) == (0, [])
    assert ran("run", sheet, "--batch", "billing", "--sandbox", "-q").code == 5
    make_old(ran)
    assert found_in(journal_bytes(ran), PERSONAL) != set()
    again = ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes", "--json")
    assert (again.code, len(again.json()["purged"])) == (0, 1)
    assert found_in(journal_bytes(ran), PERSONAL) == set()


def test_a_purged_batch_still_tells_its_story(ran: Command) -> None:
    """Amounts, times, outcomes and HTTP statuses are kept, and the journal is found whole."""
    story = ran("batches", "show", "billing", "--sandbox", "--row", 3, "--json").json()
    make_old(ran)
    assert ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes").code == 0
    after = ran("batches", "show", "billing", "--sandbox", "--row", 3, "--json").json()
    assert (after["counts"], after["amounts"]) == (story["counts"], story["amounts"])
    assert after["purgedAt"] is not None
    [attempt] = after["row"]["attempts"]
    assert (attempt["httpStatus"], attempt["outcome"], attempt["asked"]) == (400, "refused", "Refuse400-2, 99.00 CAD")
    assert ran("journal", "check", "--sandbox").code == 0


def test_a_young_batch_is_left_as_it_is(ran: Command) -> None:
    """A batch that was worked on since the date keeps everything, and the command says that nothing is old."""
    before = ran("batches", "show", "billing", "--sandbox", "--row", 2).out
    untouched = ran("batches", "purge", "--before", yesterday(), "--sandbox", "--yes")
    assert (untouched.code, "nothing to remove" in untouched.out) == (0, True)
    assert ran("batches", "show", "billing", "--sandbox", "--row", 2).out == before


def test_a_purge_of_postgresql_leaves_no_personal_value(command: Command, sheet: Path, tmp_path: Path) -> None:
    """On PostgreSQL the tables hold no personal value afterwards, nor dead records of them."""
    with place("postgresql", tmp_path) as url:
        journal = ("--sandbox", "--journal", url)
        assert command("run", sheet, *journal, "-q").code == 5
        with psycopg.connect(url) as connection:
            move_back(connection, 400)
            assert found_in(everything(connection), PERSONAL) == set(PERSONAL)
            assert found_in(pages(connection), PERSONAL) > {"Tremblay", "98765431"}
        assert command("batches", "purge", "--before", yesterday(), "--yes", *journal).code == 0
        with psycopg.connect(url) as connection:
            content = everything(connection)
            assert found_in(content, PERSONAL) == set()
            assert found_in(content, KEPT) == set(KEPT)
            assert found_in(pages(connection), PERSONAL) == set()


@pytest.fixture
def old_on_postgresql(command: Command, sheet: Path, tmp_path: Path) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """A journal on PostgreSQL with a batch that is old: its URL, and the options that name it."""
    with place("postgresql", tmp_path) as url:
        journal = ("--sandbox", "--journal", url)
        assert command("run", sheet, *journal, "-q").code == 5
        with psycopg.connect(url) as connection:
            move_back(connection, 400)
        yield url, journal


def test_a_purge_of_postgresql_waits_for_a_transaction_that_still_sees_the_old_records(
    command: Command, old_on_postgresql: tuple[str, tuple[str, str, str]]
) -> None:
    """Whoever reads for a moment only delays the purge: nothing is left when it says that it is done."""
    url, journal = old_on_postgresql
    with psycopg.connect(url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT 1")
        over = Timer(3, reader.rollback)
        over.start()
        assert command("batches", "purge", "--before", yesterday(), "--yes", *journal).code == 0
        over.join()
    with psycopg.connect(url) as connection:
        assert found_in(pages(connection), PERSONAL) == set()


@pytest.mark.parametrize("reading", ["SELECT 1", "SELECT count(*) FROM attempts"])
def test_a_purge_of_postgresql_says_when_copies_remain(
    command: Command, old_on_postgresql: tuple[str, tuple[str, str, str]], reading: str
) -> None:
    """With a transaction that stays open the purge claims nothing; once that is closed, it is made good."""
    url, journal = old_on_postgresql
    purge = ("batches", "purge", "--before", yesterday(), "--yes")
    with psycopg.connect(url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute(reading)
        kept = command(*purge, "--sandbox", "--journal", f"{url}?connect_timeout=5")
        assert (kept.code, "another program is reading the journal" in kept.err) == (6, True)
    assert command(*purge, *journal).code == 0
    with psycopg.connect(url) as connection:
        assert found_in(pages(connection), PERSONAL) == set()


def everything(connection: Any) -> bytes:
    tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    found = [connection.execute(f"SELECT whole::text FROM {name} AS whole").fetchall() for name in tables]
    return "\n".join(text for records in found for (text,) in records).replace('""', '"').encode()


def pages(connection: Any) -> bytes:
    """The files of the tables as they lie on the server's disk, live and dead records alike."""
    connection.execute("CHECKPOINT")
    names = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    read = "SELECT pg_read_binary_file(pg_relation_filepath(%s))"
    return b"".join(bytes(connection.execute(read, (name,)).fetchone()[0]) for name in names)


def test_the_list_leaves_out_what_no_batch_has(ran: Command) -> None:
    """Nothing was cancelled, and there is one environment: no column for them, one line for the environment."""
    first, headings, *_ = ran("batches", "--sandbox").out.splitlines()
    assert first == "Environment: sandbox"
    assert headings.split("  ")[0] == "batch"
    assert "cancelled" not in headings
    assert "outcome unknown" in headings
