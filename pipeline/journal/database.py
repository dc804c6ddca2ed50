"""Making and opening the journal: SQLite by default, PostgreSQL by URL; durable, private, and brought up to date.

A journal is only made by `make`. What is opened must be one: an empty memory would ask everybody again.

Durable means: when a commit returns, the record survives a crash of the program and of the machine. On SQLite that is
WAL with `synchronous=FULL` ("WAL mode … with synchronous=FULL … the WAL file is synced after each transaction commit",
sqlite.org/wal.html and pragma.html#pragma_synchronous), and `fullfsync` where macOS has it. On PostgreSQL it is
`synchronous_commit=on`, set for each session because a server's default may be weaker.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    ColumnDefault,
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pipeline.config.kinds import Wanted, journal_file
from pipeline.config.passwords import without_password
from pipeline.domain import row_keys
from pipeline.domain.errors import JournalUnusableError, NeedsPersonError, RunError, UsageError
from pipeline.journal import roll, tables
from pipeline.journal.serialization import dump_time

# A signal while a connection is closed is raised again, and logged with its traceback where nobody listens.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

BUSY_SECONDS: Final = 20
"""How long to wait for another program that is writing to an SQLite journal."""

VERSION: Final = 3
"""The journal's present version: the number of steps that `STEPS` knows."""


Step = Callable[[Connection], None]
"""What brings a journal from one version to the next, keeping what it has."""


def connect(url: str, steps: Sequence[Step] | None = None) -> Engine:
    """Open the journal at `url` (an SQLite path, or `postgresql://…`), which must be there.

    It is brought up to date by those of `steps` (all that this program knows) that it has not seen. Raises UsageError
    when there is no journal, when it can't be used or was made by a newer program, StoppedEarlyError when another
    program keeps it locked.
    """
    engine = open_as_it_is(url)
    try:
        with explained(url):
            _bring_up_to_date(engine, url, STEPS if steps is None else steps)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_as_it_is(url: str) -> Engine:
    """Open a journal that is there, whatever its version, and leave it so: to look at it.

    Raises UsageError when there is none.
    """
    if not is_there(url):
        raise UsageError("journal.missing", place=shown(url))
    return _engine(url)


def is_there(url: str) -> bool:
    """Whether there is a journal at `url`; False where there is nothing at all, or none in a database of a server.

    Nothing is changed. Raises UsageError when something else is there, or it can't be looked at.
    """
    path = sqlite_path(url)
    if path is None:
        return _is_in(_bare_engine(url), url)
    try:
        if path.is_dir():
            raise UsageError("journal.is_folder", place=path)
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UsageError("journal.cannot_look", place=path, error=error.strerror) from None
    if not size:
        raise UsageError("journal.empty", place=path)
    if not _is_in(_bare_engine(url), url):
        raise UsageError("journal.foreign", place=path)
    return True


def _is_in(engine: Engine, url: str) -> bool:
    """Whether a database holds a journal. Raises UsageError when another program has a table of that name."""
    wanted = tables.migrations
    try:
        with explained(url), engine.connect() as connection:
            found = inspect(connection)
            if not found.has_table(wanted.name):
                return False
            if not {column["name"] for column in found.get_columns(wanted.name)} >= set(wanted.columns.keys()):
                raise UsageError("journal.foreign", place=shown(url))
            if not _read_version(connection):
                raise UsageError("journal.incomplete", place=shown(url))
            return True
    finally:
        engine.dispose()


def make(url: str, steps: Sequence[Step] | None = None) -> bool:
    """Make a journal at `url`, private, in a folder or a database that is there; False when it holds one.

    `steps` are those of `connect`. A program that is killed meanwhile leaves no half of one. Raises UsageError when
    something else is there, or it can't be made.
    """
    if is_there(url):
        return False
    path, steps = sqlite_path(url), STEPS if steps is None else steps
    if path is None:
        return _make_in(_engine(url), url, steps)
    try:
        path = path.resolve()
        if not path.parent.is_dir():
            raise UsageError("journal.no_folder", place=path, folder=path.parent)
        return _make_file(path, steps)
    except OSError as error:
        raise UsageError("journal.cannot_make", place=path, error=error.strerror) from None


def _make_file(path: Path, steps: Sequence[Step]) -> bool:
    """Made whole under another name, so that nobody finds half of a journal; False when another program was first."""
    handle, name = tempfile.mkstemp(prefix=".journal-", dir=path.parent)  # for its owner only
    os.close(handle)
    part = Path(name)
    try:
        _make_in(_sqlite(part), str(path), steps)
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        except OSError:  # a disk without links
            if path.exists():
                return False
            part.rename(path)
        return True
    finally:
        for ending in ("", "-wal", "-shm"):
            part.with_name(f"{part.name}{ending}").unlink(missing_ok=True)


def _make_in(engine: Engine, url: str, steps: Sequence[Step]) -> bool:
    """Make the tables, all in one transaction; False when another program of ours was first."""
    try:
        with explained(url), engine.begin() as connection:
            _wait_for_others(connection)
            found = set(inspect(connection).get_table_names())
            if tables.migrations.name in found:
                return False
            if found & set(tables.metadata.tables):
                raise UsageError("journal.foreign", place=shown(url))
            for number, step in enumerate(steps, start=1):
                _take(step, number, connection)
        return True
    finally:
        engine.dispose()


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite journal, None for one on a server. Raises UsageError when `url` names neither."""
    try:
        return journal_file(url)
    except Wanted:
        raise UsageError("journal.bad_place") from None


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn the database's own errors into one sentence about the journal. Personal data never gets into it."""
    try:
        yield
    except DBAPIError as error:
        raise failure(error, url) from None


_MEANINGS: Final[tuple[tuple[str, type[RunError], str], ...]] = (
    ("locked|busy", JournalUnusableError, "journal.locked"),
    ("full|no space", JournalUnusableError, "journal.disk_full"),
    ("readonly|read-only", UsageError, "journal.read_only"),
    ("not a database|malformed", UsageError, "journal.damaged"),
    ("no such (?:table|column)|(?:relation|column) .* does not exist", UsageError, "journal.incomplete"),
    ("unable to open", UsageError, "journal.cannot_open"),
    ("disk i/o", JournalUnusableError, "journal.disk_error"),
)
"""What the words of a database mean, SQLite's and PostgreSQL's, whatever their letter case."""


def failure(error: DBAPIError, url: str) -> RunError:
    """What a database error means to the user."""
    place, kind = shown(url), type(error.orig).__name__
    text = str(error.orig).lower()
    if re.search(r'database "[^"]*" does not exist', text):
        return UsageError("journal.no_database", place=place)
    if not isinstance(error.orig, sqlite3.Error) and getattr(error.orig, "sqlstate", None) is None:
        # No server said it: its words are about the way there, and may hold any name of a host.
        return NeedsPersonError("journal.unreachable", place=place, error=kind)
    for words, failed, key in _MEANINGS:
        if re.search(words, text):
            return failed(key, place=place, seconds=BUSY_SECONDS)
    if isinstance(error.orig, sqlite3.Error):
        return JournalUnusableError("journal.broken", place=place, error=kind)
    return NeedsPersonError("journal.unreachable", place=place, error=kind)


def shown(url: str) -> str:
    """The journal's place without its password."""
    path = sqlite_path(url)
    return str(path) if path is not None else without_password(url)


def _engine(url: str) -> Engine:
    path = sqlite_path(url)
    if path is not None:
        return _sqlite(path)
    engine = _bare_engine(url)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _sqlite(path: Path) -> Engine:
    there = _identity(path)

    def still_there(connection: Connection) -> None:
        if not connection.get_execution_options().get("reading", False) and _identity(path) != there:
            raise JournalUnusableError("journal.gone", place=path)

    engine = _bare_engine(str(path))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", still_there)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "commit", still_there)
    return engine


def _bare_engine(url: str) -> Engine:
    """A database as it is: also one of another program, which must not be changed."""
    path = sqlite_path(url)
    if path is None:
        return _postgresql(url)

    def open_file() -> sqlite3.Connection:
        # mode=rw: a connection that is made later must not make an empty journal where one was removed.
        return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    # The URL is never made as text: a path may have a question mark.
    return create_engine(URL.create("sqlite", database=str(path)), creator=open_file, hide_parameters=True)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file this is: SQLite goes on writing into one that has no name any more."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _postgresql(url: str) -> Engine:
    parsed = _parsed(url).set(drivername="postgresql+psycopg")
    try:
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise UsageError("journal.no_driver") from None


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise UsageError("journal.bad_place") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy's own BEGIN is sent by _begin_sqlite; the driver must not add one of its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=1", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a writer waits at BEGIN instead of failing in the middle with "database is locked".
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION synchronous_commit = on")
    connection.commit()


# ---------------------------------------------------------------------------------------------------------------
# Migrations: each step and the record that it ran are one transaction


def _first_version(connection: Connection) -> None:
    tables.metadata.create_all(connection)


def _second_version(connection: Connection) -> None:
    """Room for approvals, evidence, states and decisions; keys of the user's own columns become digests; attempts are
    found by their run.
    """
    tables.metadata.create_all(connection)
    if "approval" not in {column["name"] for column in inspect(connection).get_columns("runs")}:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN approval TEXT")
    for table in (tables.rows, tables.attempts):
        keyed = select(table.c.id, table.c.identity).where(table.c.identity.like("key:[%"))
        changes = [
            {"which": record.id, "key": row_keys.stored(record.identity)} for record in connection.execute(keyed)
        ]
        if changes:
            statement = update(table).where(table.c.id == bindparam("which")).values(identity=bindparam("key"))
            connection.execute(statement, changes)
    tables.attempts_by_run.create(connection, checkfirst=True)
    tables.attempts_by_session.create(connection, checkfirst=True)


def _third_version(connection: Connection) -> None:
    """The roll of a batch: what each sheet calls its rows, which earlier row each is the newer form of, and which runs'
    sheets belong to their batch; the digests of what was written.
    """
    tables.metadata.create_all(connection)
    for table in (tables.runs, tables.rows, tables.attempts):
        _add_missing_columns(connection, table)
    for table in (tables.rows, tables.attempts):
        connection.execute(update(table).values(named=table.c.identity))
    for index in (tables.attempts_by_name, tables.runs_by_file):
        index.create(connection, checkfirst=True)
    roll.take_over(connection)


def _add_missing_columns(connection: Connection, table: Table) -> None:
    """Columns that are new since a table was made; they may be null, or have a default."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name in there:
            continue
        kind = column.type.compile(connection.dialect)
        value = column.default.arg if isinstance(column.default, ColumnDefault) else None
        literal = "FALSE" if value is False else repr(value)  # a number, or an empty text
        default = "" if column.nullable else f" NOT NULL DEFAULT {literal}"
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}{default}")


STEPS: Final[tuple[Step, ...]] = (_first_version, _second_version, _third_version)
assert len(STEPS) == VERSION


def _bring_up_to_date(engine: Engine, url: str, steps: Sequence[Step]) -> None:
    found = version_of(engine)
    if found > len(steps):
        raise UsageError("journal.newer", place=shown(url))
    for number, step in enumerate(steps[found:], start=found + 1):
        with engine.begin() as connection:
            _wait_for_others(connection)
            if _read_version(connection) < number:
                _take(step, number, connection)


def _wait_for_others(connection: Connection) -> None:
    """Of two programs that start on a database at once the second waits, then finds the step done."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7306002)")


def _take(step: Step, number: int, connection: Connection) -> None:
    step(connection)
    connection.execute(insert(tables.migrations).values(version=number, applied_at=dump_time(datetime.now(UTC))))


def version_of(engine: Engine) -> int:
    """The version that a journal says it has."""
    with engine.connect().execution_options(reading=True) as connection:
        return _read_version(connection)


def _read_version(connection: Connection) -> int:
    return max(connection.scalars(select(tables.migrations.c.version)), default=0)
