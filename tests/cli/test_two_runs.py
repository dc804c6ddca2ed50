"""Two runs at once: on one batch the second leaves with 7, on two both go on, and nobody is asked by both."""

import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.command import Command, Process, StandaloneSandbox
from support.fault_server import FaultServer, Talk, authorized
from support.journals import KINDS, place

HEADINGS = "Invoice #,First name,Last name,Email,Amount,sendInteracLink"
PATIENCE = 60


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, command: Command, tmp_path: Path) -> Iterator[str]:
    """One journal for both: a file, or a server that two machines share."""
    with place(request.param, tmp_path) as url:
        assert command("journal", "create", url).code == 0
        yield url


def sheet_of(folder: Path, references: list[str], name: str = "billing.csv") -> Path:
    path = folder / name
    lines = [
        f"{reference},Zoé,Tremblay {number},zoe{number}@example.com,{number}.50,{'yes' if number % 2 else 'no'}"
        for number, reference in enumerate(references, start=1)
    ]
    path.write_text("\n".join([HEADINGS, *lines]) + "\n", encoding="utf-8")
    return path


def sending(sheet: Path, journal: str, *more: str | Path) -> tuple[str | Path, ...]:
    return ("run", sheet, "--yes", "--json", "--journal", journal, *more)


def until_intended(journal: str, count: int) -> None:
    """Wait until so many attempts are recorded: a run is in the middle of its work."""
    deadline = time.monotonic() + PATIENCE
    while _attempts(journal) < count:
        assert time.monotonic() < deadline, "the run never began to send"
        time.sleep(0.02)


def _attempts(journal: str) -> int:
    try:
        if "://" in journal:
            with psycopg.connect(journal) as connection:
                return connection.execute("SELECT count(*) FROM attempts").fetchone()[0]
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM attempts").fetchone()[0]
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return 0


def test_the_second_run_of_a_batch_leaves_at_once(command: Command, journal: str) -> None:
    """While a run works on a batch the second leaves with 7 and names it; the first ends as if it were alone."""
    sheet = sheet_of(command.home, ["INV-1", "INV-2", "INV-3"])
    call = sending(sheet, journal, "--concurrency", "1")
    arrived, go_on = threading.Event(), threading.Event()

    def waits(talk: Talk) -> None:
        arrived.set()
        go_on.wait(PATIENCE)
        talk.answer_created()

    with FaultServer() as server:
        server.on_reference["INV-2"] = deque([waits])
        environment = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "user", "FLINKS_PASSWORD": "password"}
        first = command.start(*call, env=environment)
        try:
            assert arrived.wait(PATIENCE)
            second = command(*call, env=environment)
            assert (second.code, second.json()["exitCode"]) == (7, 7)
            assert "billing" in second.err
            assert first.poll() is None
            go_on.set()
            assert ended(first)[0] == 0
        finally:
            go_on.set()
            first.kill()
            first.communicate()
        assert server.created == {"INV-1": 1, "INV-2": 1, "INV-3": 1}


def test_two_batches_go_on_beside_each_other(
    command: Command, standalone_sandbox: StandaloneSandbox, journal: str
) -> None:
    """Runs of two batches share a journal, and both come to their end."""
    sheets = [sheet_of(command.home, [f"Slow-{name}", f"INV-{name}"], f"{name}.csv") for name in ("a", "b")]
    runs = [command.start(*sending(sheet, journal), env=standalone_sandbox.env) for sheet in sheets]
    assert [ended(run)[0] for run in runs] == [0, 0]
    assert standalone_sandbox.created() == {"Slow-a": 1, "INV-a": 1, "Slow-b": 1, "INV-b": 1}


def ended(run: Process) -> tuple[int | None, str]:
    out, _ = run.communicate(timeout=PATIENCE)
    return run.returncode, out


def test_a_run_that_was_killed_is_taken_over_at_once(
    command: Command, standalone_sandbox: StandaloneSandbox, journal: str
) -> None:
    """After `kill -9` the same command goes on: what was in flight and e-mailed is unknown, the rest is sent once."""
    sheet = sheet_of(command.home, ["HangAfter-1", "INV-2", "INV-3"])
    call = sending(sheet, journal, "--concurrency", "1")
    first = command.start(*call, env=standalone_sandbox.env)
    until_intended(journal, 1)
    while "HangAfter-1" not in standalone_sandbox.created():
        time.sleep(0.02)
    first.kill()
    first.communicate()
    again = command(*call, env=standalone_sandbox.env)
    assert again.code == 5
    counts = {status: count for status, count in again.json()["counts"].items() if count}
    assert counts == {"created": 2, "unknown": 1}
    assert standalone_sandbox.created() == {"HangAfter-1": 1, "INV-2": 1, "INV-3": 1}


def test_one_file_under_two_names_at_once_asks_each_payor_once(command: Command, journal: str) -> None:
    """Two runs of the same file under two names: each row is created by one of them and held by the other.

    Both plan before either sends: the API gives no token until both have asked for one. A run that began later would
    be refused whole, since the very file was sent.
    """
    references = [f"INV-{number}" for number in range(60)]
    sheet = sheet_of(command.home, references)
    both = threading.Barrier(2)

    def when_both_ask(talk: Talk) -> None:
        both.wait(PATIENCE)
        authorized(talk)

    with FaultServer(on_authorize=deque([when_both_ask] * 2)) as server:
        environment = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "user", "FLINKS_PASSWORD": "password"}
        runs = [
            command.start(
                *sending(sheet, journal, "--batch", name, "-o", command.home / f"{name}.xlsx", "--concurrency", "4"),
                env=environment | {"FLINKS_IMPORT_ANSWER_TIMEOUT": str(2 * PATIENCE)},
            )
            for name in ("morning", "evening")
        ]
        results = [ended(run) for run in runs]
        assert {code for code, _ in results} <= {0, 1}
        assert server.created == dict.fromkeys(references, 1)
        totals: Counter[Any] = Counter()
        for name in ("morning", "evening"):
            told = command(*sending(sheet, journal, "--batch", name), env=environment).json()
            totals += Counter(told["counts"])
        assert totals == {"already-created": 60, "held": 60}
        assert len(server.creations) == len(references)
