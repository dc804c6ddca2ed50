"""Opening the journal: SQLite by default, PostgreSQL by URL; made durable, private, and brought up to date.

Durable means: when a commit returns, the record survives a crash of the program and of the machine. On SQLite that is
WAL with `synchronous=FULL` ("WAL mode … with synchronous=FULL … the WAL file is synced after each transaction commit",
sqlite.org/wal.html and pragma.html#pragma_synchronous), and `fullfsync` where macOS has it. On PostgreSQL it is
`synchronous_commit=on`, set for each session because a server's default may be weaker.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pipeline.journal import keys, tables
from pipeline.journal.codec import dump_time
from pipeline.model import Failure, StoppedEarly, UsageFailure
from pipeline.passwords import without_password

BUSY_SECONDS: Final = 20
"""How long to wait for another program that is writing to an SQLite journal."""

VERSION: Final = 2
"""The journal's present version: the number of steps that `STEPS` knows."""


Step = Callable[[Connection], None]
"""What brings a journal from one version to the next, keeping what it has."""


def connect(url: str, steps: Sequence[Step] | None = None) -> Engine:
    """Open the journal at `url` (an SQLite path, or `postgresql://…`), make it when it is not there.

    It is brought up to date by those of `steps` (all that this program knows) that it has not seen. The engine's
    execution option `begun` says whether it is new, so that it remembers nothing. Raises UsageFailure when the place
    can't be used or was made by a newer program, StoppedEarly when another program keeps it locked.
    """
    engine = _engine(url)
    try:
        with explained(url):
            found = _bring_up_to_date(engine, url, STEPS if steps is None else steps)
    except BaseException:
        engine.dispose()
        raise
    engine.update_execution_options(begun=found == 0)
    return engine


def open_as_it_is(url: str) -> Engine:
    """Open a journal that exists, whatever its version, and leave it so: to look at it.

    Raises UsageFailure when there is none.
    """
    if not is_database_url(url) and not sqlite_path(url).is_file():
        raise UsageFailure("journal.not_there", place=shown(url))
    return _engine(url)


def is_database_url(url: str) -> bool:
    """Whether this names a database server rather than an SQLite file."""
    return "://" in url and not url.startswith("sqlite:")


def sqlite_path(url: str) -> Path:
    """The file of an SQLite journal, from a path or an `sqlite:///` URL.

    Absolute, since some names (`:memory:`, `file:…`) mean something else to SQLite than the file that they name.
    """
    return Path(url.removeprefix("sqlite:///")).expanduser().absolute()


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn the database's own errors into one sentence about the journal. Personal data never gets into it."""
    try:
        yield
    except DBAPIError as error:
        raise failure(error, url) from None


def failure(error: DBAPIError, url: str) -> Failure:
    """What a database error means to the user."""
    place = shown(url)
    text = str(error.orig).lower()
    if "locked" in text or "busy" in text:
        return StoppedEarly("journal.locked", place=place, seconds=BUSY_SECONDS)
    if "full" in text or "no space" in text:
        return StoppedEarly("journal.disk_full", place=place)
    if "readonly" in text or "read-only" in text:
        return UsageFailure("journal.read_only", place=place)
    if "not a database" in text or "malformed" in text:
        return UsageFailure("journal.damaged", place=place)
    if re.search(r"no such (?:table|column)|(?:relation|column) .* does not exist", text):
        return UsageFailure("journal.incomplete", place=place)
    if "unable to open" in text:
        return UsageFailure("journal.cannot_open", place=place)
    if "disk i/o" in text:
        return StoppedEarly("journal.disk_error", place=place)
    if isinstance(error.orig, sqlite3.Error):
        return StoppedEarly("journal.broken", place=place, error=type(error.orig).__name__)
    return StoppedEarly("journal.unreachable", place=place, error=type(error.orig).__name__)


def shown(url: str) -> str:
    """The journal's place without its password."""
    return without_password(url) if is_database_url(url) else str(sqlite_path(url))


def _engine(url: str) -> Engine:
    if is_database_url(url):
        return _postgresql(url)
    path = sqlite_path(url)
    _make_private(path)
    there = _identity(path)

    def open_file() -> sqlite3.Connection:
        # mode=rw: a connection that is made later must not make an empty journal where one was removed.
        return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    def still_there(connection: Connection) -> None:
        if not connection.get_execution_options().get("reading", False) and _identity(path) != there:
            raise StoppedEarly("journal.gone", place=path)

    # The URL is never made as text: a path may have a question mark.
    engine = create_engine(URL.create("sqlite", database=str(path)), creator=open_file, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", still_there)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "commit", still_there)
    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file this is: SQLite goes on writing into one that has no name any more."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _postgresql(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise UsageFailure("journal.bad_url") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise UsageFailure("journal.unknown_database", kind=parsed.get_backend_name())
    try:
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise UsageFailure("journal.no_driver") from None
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _make_private(path: Path) -> None:
    """Make the folder and the file readable by their owner only, before SQLite makes them readable by all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.is_dir():
            raise UsageFailure("journal.is_folder", place=path)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise UsageFailure("journal.cannot_make", place=path, error=error.strerror) from None


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
        changes = [{"which": record.id, "key": keys.stored(record.identity)} for record in connection.execute(keyed)]
        if changes:
            statement = update(table).where(table.c.id == bindparam("which")).values(identity=bindparam("key"))
            connection.execute(statement, changes)
    tables.attempts_by_run.create(connection, checkfirst=True)
    tables.attempts_by_session.create(connection, checkfirst=True)


STEPS: Final[tuple[Step, ...]] = (_first_version, _second_version)
assert len(STEPS) == VERSION


def _bring_up_to_date(engine: Engine, url: str, steps: Sequence[Step]) -> int:
    """Returns the version that was found."""
    found = version_of(engine)
    if found > len(steps):
        raise UsageFailure("journal.newer", place=shown(url))
    if found == len(steps):
        return found
    for number, step in enumerate(steps, start=1):
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                # Two programs that start on a new database at once: the second waits, then finds the step done.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7306002)")
            if _read_version(connection) >= number:
                continue
            step(connection)
            connection.execute(
                insert(tables.migrations).values(version=number, applied_at=dump_time(datetime.now(UTC)))
            )
    return found


def version_of(engine: Engine) -> int:
    """The version that a journal says it has; 0 for an empty one."""
    with engine.connect().execution_options(reading=True) as connection:
        return _read_version(connection)


def _read_version(connection: Connection) -> int:
    if not inspect(connection).has_table("migrations"):
        return 0
    return max(connection.scalars(select(tables.migrations.c.version)), default=0)
