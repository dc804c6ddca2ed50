"""The lease: one run at a time on a batch, on this machine and on any other, and nothing to clean up after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from support.journals import KINDS, NOW, place

from pipeline.domain.errors import BatchBusyError
from pipeline.journal import queries, runs
from pipeline.journal.journal import Batch, Journal, open_journal
from pipeline.messages import explain

HOLDER = textwrap.dedent("""
    import sys
    from datetime import UTC, datetime
    from pipeline.journal import runs
    from pipeline.journal.journal import open_journal

    with open_journal(sys.argv[1]) as journal:
        batch = journal.write(runs.ensure_batch, sys.argv[2], "sandbox", datetime.now(UTC))
        with journal.lease(batch):
            print("held", flush=True)
            sys.stdin.read()
""")
PATIENCE = 60
"""Seconds in which a busy server has heard of a connection that was closed."""


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with place(request.param, tmp_path) as found:
        yield found


@contextmanager
def holding(url: str, batch: str) -> Iterator[subprocess.Popen[str]]:
    """Another program that holds a batch."""
    repository = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, batch],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def batch_of(journal: Journal, name: str = "billing") -> Batch:
    return journal.write(runs.ensure_batch, name, "sandbox", NOW)


def test_the_second_program_is_refused(url: str) -> None:
    """A batch that another program holds is refused, and the message names it."""
    with holding(url, "billing"), open_journal(url) as journal:
        with pytest.raises(BatchBusyError) as raised, journal.lease(batch_of(journal)):
            pass
        assert "billing" in explain(raised.value)


def test_another_batch_goes_on(url: str) -> None:
    """Who works on one batch keeps nobody from another one."""
    with holding(url, "billing"), open_journal(url) as journal, journal.lease(batch_of(journal, "other")):
        assert journal.read(queries.batch_lines) == []


def test_one_name_in_two_environments_is_two_batches(url: str) -> None:
    """The sandbox's batch and production's of the same name are held apart."""
    with holding(url, "billing"), open_journal(url) as journal:
        real = journal.write(runs.ensure_batch, "billing", "https://api.example.com", NOW)
        with journal.lease(real), pytest.raises(BatchBusyError), journal.lease(batch_of(journal)):
            pass


def test_what_is_held_twice_in_one_program_is_refused_too(url: str) -> None:
    """A lease is a run's and not a program's: a second run of the same program is refused as well."""
    with open_journal(url) as journal, open_journal(url) as another:
        with journal.lease(batch_of(journal)), pytest.raises(BatchBusyError), another.lease(batch_of(another)):
            pass
        with another.lease(batch_of(another)):
            pass


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "kill"])
def test_a_batch_whose_holder_was_killed_is_taken_over(url: str, end: signal.Signals) -> None:
    """The system or the server releases a lock with its owner: no age is guessed, no file is removed by hand."""
    with open_journal(url) as journal, holding(url, "billing") as holder:
        batch = batch_of(journal)
        with pytest.raises(BatchBusyError), journal.lease(batch):
            pass
        holder.send_signal(end)
        holder.wait(PATIENCE)
        began = time.monotonic()
        while True:
            try:
                with journal.lease(batch):
                    break
            except BatchBusyError:  # a server hears of a closed connection a moment later
                assert time.monotonic() - began < PATIENCE


def test_a_lock_file_that_is_left_is_no_lock(tmp_path: Path) -> None:
    """The file of a lock stays where it is; only a living owner makes it one."""
    url = str(tmp_path / "journal.sqlite")
    with open_journal(url) as journal:
        for _ in range(2):
            with journal.lease(batch_of(journal)):
                assert len(list(tmp_path.glob("*.lock"))) == 1
        assert len(list(tmp_path.glob("*.lock"))) == 1


def test_two_names_of_one_journal_are_one_lock(tmp_path: Path) -> None:
    """A journal that is reached through a link is held as the same journal."""
    real, link = tmp_path / "journal.sqlite", tmp_path / "elsewhere" / "link.sqlite"
    link.parent.mkdir()
    with holding(str(real), "billing"):
        link.symlink_to(real)
        with open_journal(str(link)) as journal, pytest.raises(BatchBusyError), journal.lease(batch_of(journal)):
            pass


def test_a_lost_connection_does_not_hide_the_result(tmp_path: Path) -> None:
    """When the server drops the lock's connection in the middle, the run still ends as it would have."""
    with place("postgresql", tmp_path) as url, open_journal(url) as journal:
        with journal.lease(batch_of(journal)), psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
                " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )
        with open_journal(url) as after, after.lease(batch_of(after)):
            pass
