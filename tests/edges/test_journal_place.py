"""The journal's place: who may read it, how durable it is, and how it is brought up to date."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, inspect, select, text
from support.journals import FIRST, KINDS, NOW, SECOND, THIRD, WINDOW, attempt, line, open_and_close, place, plan

from pipeline.config import kinds
from pipeline.domain.errors import RunError, StoppedEarlyError, UsageError
from pipeline.domain.model import Outcome
from pipeline.journal import database, drafts, queries, runs, tables
from pipeline.journal.attempts import RepeatSearch
from pipeline.journal.journal import Batch, open_journal
from pipeline.messages import explain
from schemas.languages import LANGUAGES

OURS = 0o077
"""What group and others may do: nothing."""


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with place(request.param, tmp_path) as found:
        yield found


# ---------------------------------------------------------------------------------------------------------------
# Opened again by the same process


def test_an_engine_is_kept_and_its_connections_are_not(url: str) -> None:
    """Who opens a journal again finds the engine with its SQL. Nobody's file stays open, nor anybody's account."""
    with open_journal(url) as journal:
        with open_journal(url, make=False) as another:
            another.read(queries.batch_names)
            assert another.engine is journal.engine
        planned = plan(journal, [line()])
    assert journal.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    assert not list(Path(url).parent.glob("*-wal"))
    with open_journal(url, make=False) as again:
        assert again.engine is journal.engine
        assert again.read(runs.batch_of, planned.run) == planned.batch


def test_a_file_in_the_place_of_a_journal_is_another_journal(tmp_path: Path) -> None:
    """Who opens it again reads this file, through another engine; and so when the first one is put back."""
    there = tmp_path / "journal.sqlite"
    engines = []
    for name in ("first", "second"):
        with open_journal(str(there)) as journal:
            journal.write(runs.ensure_batch, name, "sandbox", NOW)
            engines.append(journal.engine)
        there.replace(tmp_path / name)
    for name in ("first", "second", "first"):
        (tmp_path / name).replace(there)
        with open_journal(str(there), make=False) as journal:
            assert journal.read(lambda c: c.scalars(select(tables.batches.c.name)).all()) == [name]
            assert journal.engine is engines[name == "second"]
        there.replace(tmp_path / name)


# ---------------------------------------------------------------------------------------------------------------
# Private


def test_the_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    """Every file of an SQLite journal, also its log and its locks, is closed to others."""
    folder = tmp_path / "data"
    folder.mkdir()
    with open_journal(str(folder / "journal.sqlite")) as journal:
        planned = plan(journal, [line()])
        with journal.lease(planned.batch):
            planned.send()
            journal.keep_reserve()
            files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(files) == 5  # the journal, its log and the log's index, a lock, the reserve
    assert {name for name, mode in files.items() if mode & OURS} == set()


def test_the_journals_password_is_not_shown() -> None:
    """A database's password never gets into a message."""
    assert "hunter2" not in database.shown("postgresql://zoe:hunter2@db.example.com/billing")


@pytest.mark.parametrize("name", [":memory:", "what?.sqlite", "a#b%20c.sqlite", "./file:x.sqlite"])
def test_the_journal_is_the_file_that_was_named(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name means to SQLite, the journal is a file of that name, and remembers."""
    monkeypatch.chdir(tmp_path)
    with open_journal(name) as journal:
        plan(journal, [line()]).send()
    assert (tmp_path / name).stat().st_size > 0
    with open_journal(name) as journal:
        assert plan(journal, [line()]).statuses() == ["already-created"]


# ---------------------------------------------------------------------------------------------------------------
# Durable


def test_sqlite_syncs_each_commit(tmp_path: Path) -> None:
    """The settings that make a commit survive a loss of power are in force on every connection.

    The argument: in WAL mode with `synchronous=FULL` "the WAL file is synced after each transaction commit"
    (sqlite.org/pragma.html#pragma_synchronous), so a commit that has returned is on the disk; a commit that was cut
    off has no valid commit frame and is left out by recovery (sqlite.org/walformat.html, "WAL recovery"). The intent
    of an attempt is one commit, which returns before its request leaves, and its outcome a later one: so what a loss
    of power leaves is a prefix of these commits, and a request that may have left always has its intent.
    `test_a_torn_log_is_a_prefix_of_what_was_recorded` shows the second half on real files.
    """
    with open_journal(str(tmp_path / "journal.sqlite")) as journal:
        for _ in range(2):
            with journal.engine.connect() as connection:
                told = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "fullfsync")
                }
            assert told == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "secure_delete": 1,
                "fullfsync": 1,
            }


def test_postgresql_waits_for_its_log(tmp_path: Path) -> None:
    """A commit returns when the server's log is on its disk, whatever the server's default is."""
    with place("postgresql", tmp_path) as url, open_journal(url) as journal:
        with journal.engine.begin() as connection:
            name = connection.scalar(text("SELECT current_database()"))
            connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
        journal.engine.dispose()
        with journal.engine.connect() as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"


def test_a_torn_log_is_a_prefix_of_what_was_recorded(tmp_path: Path) -> None:
    """Wherever a loss of power cuts the log, the journal opens; intents and outcomes are there in their order."""
    live = tmp_path / "live.sqlite"
    lines = [line(f"INV-{number}", send_link=number % 2 == 0) for number in range(6)]
    with open_journal(str(live)) as journal:
        planned = plan(journal, lines)
        with closing(sqlite3.connect(live)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for row in planned.to_send():
            attempt(planned, row, Outcome.CREATED)
        taken = tmp_path / "taken.sqlite"
        shutil.copyfile(live, taken)
        log = live.with_name("live.sqlite-wal").read_bytes()
    seen = set()
    for cut in range(0, len(log), 1500):  # pages have 4096 bytes: most cuts are in the middle of one
        torn = tmp_path / "torn.sqlite"
        shutil.copyfile(taken, torn)
        torn.with_name("torn.sqlite-wal").write_bytes(log[:cut])
        with closing(sqlite3.connect(torn)) as connection:
            outcomes = [found for (found,) in connection.execute("SELECT outcome FROM attempts ORDER BY id")]
        made = outcomes.count("created")
        assert outcomes == [*["created"] * made, *["open"] * (len(outcomes) - made)]
        assert len(outcomes) - made <= 1  # each intent was followed by its outcome
        seen.add(tuple(outcomes))
        torn.unlink()
        torn.with_name("torn.sqlite-wal").unlink(missing_ok=True)
    assert len(seen) == 12  # nothing, and each prefix of twelve commits but the whole, which was never cut off


def test_what_a_crash_leaves_is_there_for_the_next_program(url: str) -> None:
    """A program that is dropped between intent and outcome leaves the intent, and the next reads it as unknown."""
    with open_journal(url) as journal:
        plan(journal, [line()]).send(Outcome.OPEN)
    with open_journal(url) as journal:
        again = plan(journal, [line()])
        assert (again.statuses(), again.codes()) == (["unknown"], [["unknown-interrupted"]])


# ---------------------------------------------------------------------------------------------------------------
# Up to date


def test_opening_again_changes_nothing(url: str) -> None:
    """Migrations run once: a journal that is opened again keeps its content and its version."""
    with open_journal(url) as journal:
        plan(journal, [line()]).send()
    for _ in range(2):
        with open_journal(url) as journal:
            with journal.engine.connect() as connection:
                steps = connection.execute(text("SELECT version FROM migrations ORDER BY version")).scalars().all()
            assert list(steps) == list(range(1, database.VERSION + 1))
            assert plan(journal, [line()]).statuses() == ["already-created"]


ADDED = {
    "_version_with_plans": ("plan_events", "plans"),
    "_version_with_draft_decisions": ("draft_decisions",),
    "_version_with_deposit_ticks": ("deposit_ticks",),
    "_version_with_shares": ("shares", "shared_runs"),
}
"""Tables that a step adds, by its name."""


@pytest.mark.parametrize("step", ADDED)
def test_a_journal_from_before_some_tables_gets_them(url: str, step: str) -> None:
    """A step adds its tables to a journal that the steps before have made, and changes nothing else."""
    before = [one.__name__ for one in database.STEPS].index(step)
    with open_journal(url) as journal:
        plan(journal, [line()]).send()
        draft = journal.write(drafts.ensure, "e", "s", "f.csv", ("ann", NOW))
        whole = _shape(journal.engine)
        with journal.engine.begin() as connection:
            for name in ADDED[step]:
                connection.execute(text(f"DROP TABLE {name}"))
            connection.execute(text("DELETE FROM migrations WHERE version > :before"), {"before": before})
    with open_journal(url) as journal:
        assert _shape(journal.engine) == whole
        assert plan(journal, [line()]).statuses() == ["already-created"]
        assert journal.read(drafts.find, "e", "s") == draft


def test_a_journal_is_not_upgraded_under_a_run(url: str) -> None:
    """While a run holds a batch, a newer program upgrades nothing and says so; after it, it does."""
    newer = (*database.STEPS, lambda _connection: None)
    with open_journal(url) as journal:
        with journal.lease(plan(journal, [line()]).batch), pytest.raises(StoppedEarlyError) as refused:
            open_and_close(url, newer)
        assert "upgrade" in explain(refused.value)
        assert database.version_of(journal.engine) == database.VERSION
    open_and_close(url, newer)


def test_a_journal_that_was_gone_stays_gone_for_who_had_it(tmp_path: Path) -> None:
    """What lies in its place later may be another file, though the system gives it the same number."""
    path = tmp_path / "journal.sqlite"
    with open_journal(str(path)) as journal:
        path.rename(tmp_path / "away")
        for _ in range(2):
            with pytest.raises(RunError, match="removed or replaced"):
                journal.write(lambda connection: connection.execute(text("SELECT 1")))
            if not path.exists():
                (tmp_path / "away").rename(path)
    with open_journal(str(path), make=False) as journal:  # and is there again for who opens it then
        journal.write(runs.ensure_batch, "billing", "sandbox", NOW)


def test_programs_that_upgrade_a_journal_at_once_take_each_step_once(url: str) -> None:
    """The first takes the step, the others wait, and find it taken."""
    taken: list[int] = []

    def step(_connection: Connection) -> None:
        time.sleep(0.2)
        taken.append(1)

    with open_journal(url):
        pass
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: open_and_close(url, (*database.STEPS, step)), range(4)))
    assert len(taken) == 1


def test_an_upgrade_waits_for_a_transaction_that_has_begun(tmp_path: Path) -> None:
    """What an older program has begun to write is written before the tables change, never while they do."""
    order: list[str] = []

    def slow(_connection: Connection) -> None:
        begun.set()
        time.sleep(0.5)
        order.append("written")

    begun = threading.Event()
    with place("postgresql", tmp_path) as url, open_journal(url) as journal, ThreadPoolExecutor(1) as pool:
        writing = pool.submit(journal.write, slow)
        begun.wait(60)
        open_and_close(url, (*database.STEPS, lambda _connection: order.append("upgraded")))
        writing.result()
    assert order == ["written", "upgraded"]


def test_a_first_journal_is_brought_up_to_date(tmp_path: Path) -> None:
    """A journal of version 1 comes to the tables of a new one, keeps its payments, and asks nobody again."""
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript(FIRST.read_text("utf-8"))
    with open_journal(str(old)) as journal, open_journal(str(new)) as fresh:
        assert _shape(journal.engine) == _shape(fresh.engine)
        again = plan(journal, [line("INV-1", own="c1"), line("INV-2", own="c2")], identity=("Contract",), now=NOW)
        assert again.statuses() == ["already-created", "not-sent"]


def test_a_journal_of_version_3_gets_room_for_drafts(url: str) -> None:
    """It comes to the tables of a new one, no row of it counts as left out, and nobody is asked again."""
    if url.startswith("postgresql"):
        with open_journal(url) as journal, journal.engine.begin() as connection:
            for name in ("corrections", "left_out_rows", "draft_decisions", "drafts"):
                connection.execute(text(f"DROP TABLE {name}"))
            for name in ("left_out", "released"):
                connection.execute(text(f"ALTER TABLE rows DROP COLUMN {name}"))
            connection.execute(text("DELETE FROM migrations WHERE version > 3"))
    else:
        with closing(sqlite3.connect(url)) as connection:
            connection.executescript(THIRD.read_text("utf-8"))
    with open_journal(url) as journal:
        if not url.startswith("postgresql"):
            fresh = Path(url).with_name("fresh.sqlite")
            with open_journal(str(fresh)) as made:
                assert _shape(journal.engine) == _shape(made.engine)
            again = plan(journal, [line("INV-1"), line("INV-2"), line("INV-5")])
            assert again.statuses() == ["already-created", "already-created", "not-sent"]
            assert again.forecast.left_out == 0
        assert journal.read(drafts.ensure, "e", "s", "f.csv", ("ann", NOW)).run is None


def second_version(url: str) -> None:
    """A journal as the released version left it, at `url`; on PostgreSQL its records in the tables of then."""
    if url.startswith("postgresql"):
        with open_journal(url) as journal, journal.engine.begin() as connection:
            _as_version_2(connection)
    else:
        with closing(sqlite3.connect(url)) as connection:
            connection.executescript(SECOND.read_text("utf-8"))


def _as_version_2(connection: Connection) -> None:
    with closing(sqlite3.connect(":memory:")) as old:
        old.executescript(SECOND.read_text("utf-8"))
        old.row_factory = sqlite3.Row
        connection.execute(text("DROP TABLE outputs"))
        connection.execute(text("DELETE FROM migrations WHERE version > 2"))
        for name in ("batches", "runs", "rows", "attempts"):
            table = tables.metadata.tables[name]
            there = [row["name"] for row in old.execute(f"PRAGMA table_info({name})")]
            for index in (tables.attempts_by_name, tables.runs_by_file):
                connection.execute(text(f"DROP INDEX IF EXISTS {index.name}"))
            for column in table.columns:
                if column.name not in there:
                    connection.execute(text(f"ALTER TABLE {name} DROP COLUMN {column.name}"))
            records = [dict(row) for row in old.execute(f"SELECT * FROM {name}")]
            for record in records:
                for key in ("send_link",):
                    if record.get(key) is not None:
                        record[key] = bool(record[key])
                names = ", ".join(record)
                values = ", ".join(f":{key}" for key in record)
                connection.execute(text(f"INSERT INTO {name} ({names}) VALUES ({values})"), record)
            if records:
                connection.execute(text(f"SELECT setval('{name}_id_seq', {len(records)})"))


def test_a_journal_of_the_released_version_gets_its_rolls(url: str) -> None:
    """Its sheets, as if each came now: every row once, every request in its row; refused sheets are left out."""
    second_version(url)
    with open_journal(url) as journal:
        lines = {one.name: one for one in journal.read(queries.batch_lines)}
        billing = lines["billing"]
        assert (billing.rows, billing.created, billing.created_cents, billing.unknown) == (8, 5, 19000, 1)
        assert (billing.never_asked, billing.never_asked_cents) == (2, 11000)
        assert lines["december"].created_cents == 500
        batch = Batch(billing.id, billing.name, billing.environment)
        roll = [
            (row.file, row.row.number, row.status.value, row.reference_sent or "")
            for row in queries.roll_rows(journal, batch.id)
        ]
        assert sorted(roll) == sorted([
            ("billing.csv", 2, "created", "INV-1"),
            ("billing.csv", 2, "already-created", "INV-2"),
            ("billing.csv", 3, "invalid", ""),
            ("billing.csv", 4, "created", "INV-9"),
            ("billing.csv", 8, "unknown", "INV-8"),
            ("billing.csv", 4, "created", "INV-3b"),
            ("billing.csv", 5, "created", "INV-4"),
            ("billing.csv", 7, "held", ""),
        ])  # fmt: skip
        # What it asked for is known at any age, under any name.
        again = plan(journal, [line("INV-4", "1.00")], batch="new", search=RepeatSearch(WINDOW), now=NOW + 99 * WINDOW)
        assert again.codes() == [["held-reference"]]


def _shape(engine: Any) -> dict[str, tuple[list[str], list[str]]]:
    tables = inspect(engine)
    return {
        name: (
            sorted(column["name"] for column in tables.get_columns(name)),
            sorted(str(index["name"]) for index in tables.get_indexes(name)),
        )
        for name in tables.get_table_names()
    }


def test_a_newer_journal_is_refused(url: str) -> None:
    """A journal of a newer program is left as it is, and the message says what to install."""
    with open_journal(url) as journal, journal.engine.begin() as connection:
        connection.execute(text("INSERT INTO migrations VALUES (999, '2030-01-01')"))
    with pytest.raises(UsageError) as raised, open_journal(url):
        pass
    assert raised.value.text == (
        "A newer version of flinks-import created the journal {place}. Install that "
        "version, or choose another journal with --journal."
    )
    assert database.shown(url) in explain(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_fails_leaves_no_trace(kind: str, tmp_path: Path) -> None:
    """A journal is made whole or not at all: one that could not be made is made later."""

    def fails(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    with place(kind, tmp_path) as url:
        for _ in range(2):
            with pytest.raises(RunError):
                database.make(url, (*database.STEPS, fails))
        assert not database.is_there(url)
        assert list(tmp_path.iterdir()) == []
        with open_journal(url) as journal:
            assert plan(journal, [line()]).statuses() == ["not-sent"]


# ---------------------------------------------------------------------------------------------------------------
# Places that can't be used


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    """A folder is answered with a sentence."""
    with (
        pytest.raises(UsageError, match="is a folder"),
        open_journal(str(tmp_path)),
    ):
        pass


def test_another_file_is_no_journal(tmp_path: Path) -> None:
    """A file of another kind is refused and left as it is."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear Zoé, " * 500, encoding="utf-8")
    with (
        pytest.raises(UsageError, match="is not a journal, or it is damaged"),
        open_journal(str(path)),
    ):
        pass
    assert path.read_text(encoding="utf-8") == "Dear Zoé, " * 500


PATHS = [
    ("journal.sqlite", "journal.sqlite"),
    ("data/journal.sqlite", "data/journal.sqlite"),
    ("/srv/a:b/journal.sqlite", "/srv/a:b/journal.sqlite"),
    ("data/2026-11-30 19:30/j.sqlite", "data/2026-11-30 19:30/j.sqlite"),
    ("./postgresql:/me@db/x", "postgresql:/me@db/x"),
    ("..\\x:y", "..\\x:y"),
    ("C:\\billing\\journal.sqlite", "C:\\billing\\journal.sqlite"),
    ("c:/billing/journal.sqlite", "c:/billing/journal.sqlite"),
    ("\\\\server\\share\\j.sqlite", "\\\\server\\share\\j.sqlite"),
    (":memory:", ":memory:"),
    ("what?.sqlite", "what?.sqlite"),
    ("postgresql", "postgresql"),
    ("postgresql/journal.sqlite", "postgresql/journal.sqlite"),
    ("data//journal.sqlite", "data/journal.sqlite"),
    ("sqlite:///data/journal.sqlite", "data/journal.sqlite"),
    ("sqlite:////srv/journal.sqlite", "/srv/journal.sqlite"),
    ("sqlite:///mysql:x", "mysql:x"),
]

SERVERS = ["postgresql://me@db/billing", "postgresql://me:hunter2@db:5432/billing?sslmode=require", "postgresql:///x"]

NEITHER = [
    *(
        "postgresql:/me:hunter2@db/x",
        "postgresql:me:hunter2@db/x",
        "postgresql//me:hunter2@db/x",
        "postgresql:\\\\db\\x",
    ),
    *("Postgresql:\\\\me@db\\x", "POSTGRESQL://me:hunter2@db/x", "postgresql+psycopg://me@db/x", "postgresql.://db/x"),
    *("postgres://me:hunter2@db/x", "postgres:/me@db/x", "postgres:me@db/x", "postgres//me@db/x", "PG//db/x"),
    *("jdbc:postgresql://db/x", "psql://db/x", "mysql://me:hunter2@db/x", "mysql:x", "mariadb//db/x"),
    *("sqlite:x", "sqlite:/x", "sqlite://x", "sqlite:///", "sqlite3:///x", "SQLite:///x", "sqlite//x"),
    *(
        "http://db/x",
        "https:/db/x",
        "file:x.sqlite",
        "file:///srv/x.sqlite",
        "s3://bucket/j.sqlite",
        "smb://nas/j.sqlite",
    ),
    *("://billing", "db://x", "db.example.com:5432/billing", "'postgresql://me:hunter2@db/x'"),
    *("host=db dbname=billing", "dbname = billing password=hunter2", "~nobody-has-this-name/j.sqlite", "a\0b", ""),
]


@pytest.mark.parametrize(("named", "file"), PATHS)
def test_a_path_is_a_path(named: str, file: str) -> None:
    """A drive, a colon deep inside and whatever begins with a folder is the path of a file; `sqlite:///` says so."""
    assert database.sqlite_path(named) == Path.cwd() / file
    assert kinds.journal(f" {named} ") == named


@pytest.mark.parametrize("named", SERVERS)
def test_an_address_of_a_server_is_one(named: str) -> None:
    """`postgresql://`, spelt just so, is a database."""
    assert database.sqlite_path(named) is None
    assert kinds.journal(named) == named


@pytest.mark.parametrize("named", NEITHER)
def test_what_looks_like_an_address_and_is_none_is_refused(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is opened or made; the sentence has the right form, and not the password."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kinds.InvalidValue):
        kinds.journal(named)
    for uses in (database.sqlite_path, database.is_there, database.make, open_and_close, database.shown):
        with pytest.raises(UsageError) as raised:
            uses(named)
        assert raised.value.text == (
            "A journal is either the path of a file (./NAME if the name has a colon) or an "
            "address such as postgresql://USER@HOST/DATABASE, with both slashes."
        )
        for lang in LANGUAGES:
            assert "postgresql://" in explain(raised.value, lang)
            assert "hunter2" not in explain(raised.value, lang)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["postgresql://db:port/billing", "postgresql://a:1,b:2/x"])
def test_an_address_that_can_not_be_read_is_told(named: str) -> None:
    """A port that is no number is answered by the sentence that says what to give."""
    with pytest.raises(UsageError, match="A journal is either the path of a file"), open_journal(named):
        pass


# ---------------------------------------------------------------------------------------------------------------
# Nothing but a journal is opened, and only `make` makes one


def _holding(kind: str, url: str, content: str) -> None:
    """Put something else where a journal was expected."""
    if kind == "sqlite":
        with closing(sqlite3.connect(url)) as connection, connection:
            connection.execute(content)
    else:
        with psycopg.connect(url) as connection:  # type: ignore[assignment]
            connection.execute(content.encode())  # type: ignore[arg-type]


def _tables(kind: str, url: str) -> list[str]:
    named = {"sqlite": "sqlite_master", "postgresql": "pg_tables WHERE schemaname = 'public'"}[kind]
    column = "name" if kind == "sqlite" else "tablename"
    with closing(sqlite3.connect(url) if kind == "sqlite" else psycopg.connect(url)) as connection:
        return [name for (name,) in connection.execute(f"SELECT {column} FROM {named}").fetchall()]


@pytest.mark.parametrize("kind", KINDS)
def test_opening_makes_nothing(kind: str, tmp_path: Path) -> None:
    """A journal that is not there is refused, on both databases, and nothing is there afterwards."""
    with place(kind, tmp_path) as url:
        for opening in (database.connect, database.open_as_it_is):
            with pytest.raises(UsageError, match="Is a drive disconnected, or the name misspelt"), opening(url):
                pass
        assert not database.is_there(url)
        assert list(tmp_path.iterdir()) == []
        assert kind == "sqlite" or _tables(kind, url) == []
        assert [database.make(url), database.make(url)] == [True, False]
        assert database.is_there(url)


OTHERS = {
    "another program's": "CREATE TABLE customers (id INTEGER)",
    "another's of that name": "CREATE TABLE migrations (id INTEGER, migration TEXT, batch INTEGER)",
    "one of our names": "CREATE TABLE batches (id INTEGER)",
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_another_program_are_left_alone(kind: str, content: str, tmp_path: Path) -> None:
    """They are no journal: nothing is opened there, and our tables are only made beside theirs where none clashes."""
    with place(kind, tmp_path) as url:
        _holding(kind, url, content)
        bytes_before = Path(url).read_bytes() if kind == "sqlite" else b""
        before = _tables(kind, url)
        with pytest.raises(UsageError, match=r"belongs to another program|There is no journal at"):
            open_and_close(url)
        assert _tables(kind, url) == before
        if kind == "postgresql" and "customers" in content:
            assert database.make(url)
            return
        with pytest.raises(UsageError, match="belongs to another program: it is not a journal"):
            database.make(url)
        assert _tables(kind, url) == before
        if kind == "sqlite":
            assert Path(url).read_bytes() == bytes_before
            assert [path.name for path in tmp_path.iterdir()] == [Path(url).name]


def test_a_schema_without_our_tables_holds_no_journal(tmp_path: Path) -> None:
    """On a server a journal is looked for where its tables would be made: in the first schema of the search path."""
    with place("postgresql", tmp_path) as url:
        assert database.make(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA billing")
        elsewhere = f"{url}?options=-csearch_path%3Dbilling"
        assert not database.is_there(elsewhere)
        assert database.make(elsewhere)


def test_a_database_that_is_not_there_is_no_server_that_is_away(tmp_path: Path) -> None:
    """A misspelt database is a mistake of the settings, with how to make it; the same command would never go on."""
    with (
        place("postgresql", tmp_path) as url,
        pytest.raises(UsageError, match="the server has no such database"),
    ):
        database.is_there(f"{url}_misspelt")


def test_two_programs_that_make_one_journal_make_one(url: str) -> None:
    """Whoever comes second finds it made: both go on, and each step ran once."""
    together = threading.Barrier(4)

    def make(_: int) -> bool:
        together.wait()
        return database.make(url)

    with ThreadPoolExecutor(4) as programs:
        made = list(programs.map(make, range(4)))
    assert made.count(True) == 1
    with open_journal(url, make=False) as journal, journal.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM migrations")).scalar() == database.VERSION


def test_an_unreachable_server_stops_the_run() -> None:
    """A server that does not answer makes the run stop, and its password is not shown."""
    with pytest.raises(StoppedEarlyError) as raised, open_journal("postgresql://zoe:hunter2@127.0.0.1:1/billing"):
        pass
    assert raised.value.text == (
        "Can't reach the journal's database {place} ({error}). Check the server and the "
        "address, then run the same command again."
    )
    assert "hunter2" not in explain(raised.value)


def test_times_are_in_utc_whatever_the_zone(url: str) -> None:
    """A window of repeats is of moments: a run in another zone finds the same ones."""
    east = timezone(timedelta(hours=9))
    with open_journal(url) as journal:
        plan(journal, [line()], now=NOW.astimezone(east)).send(now=NOW.astimezone(east))
        assert plan(journal, [line()], batch="copy", now=NOW + timedelta(days=5)).forecast.held == 1
        assert plan(journal, [line()], batch="copy", now=NOW + timedelta(days=5, seconds=1)).forecast.held == 0


def test_a_signal_while_a_connection_is_closed_shows_no_traceback(tmp_path: Path) -> None:
    """SQLAlchemy logs it before it is raised again; where nobody listens, Python prints what is logged."""
    code = """
import sys
from pipeline.journal import database
def close(_):
    raise KeyboardInterrupt
database.make(sys.argv[1])
with database.connect(sys.argv[1]) as engine:
    connection = engine.connect()
    connection.dialect.do_close = close
    try:
        connection.invalidate()
    except KeyboardInterrupt:
        print("raised")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "j.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("raised\n", "")
