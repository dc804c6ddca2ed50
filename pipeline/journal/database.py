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
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
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

from pipeline.config.kinds import InvalidValue, journal_file
from pipeline.config.passwords import without_password
from pipeline.domain import row_keys
from pipeline.domain.errors import JournalUnusableError, NeedsPersonError, RunError, UsageError
from pipeline.journal import lock, postgresql, roll, tables
from pipeline.journal.serialization import dump_time
from pipeline.messages import N_

# A signal while a connection is closed is raised again, and logged with its traceback where nobody listens.
# So is what the driver had to give up of a connection that was lost.
for _name in ("sqlalchemy", "psycopg"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

BUSY_SECONDS: Final = 20
"""How long to wait for another program that is writing to an SQLite journal."""

VERSION: Final = 11
"""The journal's present version: the number of steps that `STEPS` knows."""


Step = Callable[[Connection], None]
"""What brings a journal from one version to the next, keeping what it has."""


@contextmanager
def connect(url: str, steps: Sequence[Step] | None = None) -> Iterator[Engine]:
    """Open the journal at `url` (an SQLite path, or `postgresql://…`), which must be there, for as long as it is used.

    It is brought up to date by those of `steps` (all that this program knows) that it has not seen. Raises UsageError
    when there is no journal, when it can't be used or was made by a newer program, StoppedEarlyError when another
    program keeps it locked.
    """
    with open_as_it_is(url) as engine:
        with explained(url):
            _bring_up_to_date(engine, url, STEPS if steps is None else steps)
        yield engine


@contextmanager
def open_as_it_is(url: str) -> Iterator[Engine]:
    """Open a journal that is there, whatever its version, and leave it so: to look at it.

    Raises UsageError when there is none.
    """
    with _in_use(_engine(url)) as engine:
        if not is_there(url):
            raise UsageError(
                "There is no journal at {place}. Is a drive disconnected, or the name misspelt? "
                "Without its journal, the program would send every request again. To create a "
                'new one: flinks-import journal create "{place}"',
                place=shown(url),
            )
        yield engine


# ---------------------------------------------------------------------------------------------------------------
# Engines are kept for the next who opens the same journal: a page would spend more time on writing its SQL than the
# database on answering. Their connections are not: nobody's file stays open, and each opening is a login of its own.

_users: Final = Counter[Engine]()
_users_lock: Final = threading.Lock()


@contextmanager
def _in_use(engine: Engine) -> Iterator[Engine]:
    """An engine that others of this process may use too; its connections are closed when nobody does any more."""
    with _users_lock:
        _users[engine] += 1
    try:
        yield engine
    finally:
        with _users_lock:
            _users[engine] -= 1
            if not _users[engine]:
                del _users[engine]
                engine.dispose()


# ---------------------------------------------------------------------------------------------------------------


def is_there(url: str) -> bool:
    """Whether there is a journal at `url`; False where there is nothing at all, or none in a database of a server.

    Nothing is changed. Raises UsageError when something else is there, or it can't be looked at.
    """
    path = sqlite_path(url)
    if path is None:
        return _is_in(_postgresql(url), url)
    try:
        if path.is_dir():
            raise UsageError("The journal {place} is a folder. Choose a file with --journal.", place=path)
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UsageError(
            "Can't read the journal {place} ({error}). Give yourself read access, or choose another with --journal.",
            place=path,
            error=error.strerror,
        ) from None
    if not size:
        raise UsageError(
            "The file {place} is empty: it is not a journal. Restore it from a backup, or "
            "choose another with --journal. Nothing was written to it.",
            place=path,
        )
    if not _is_in(_bare_sqlite(path), url):
        raise UsageError(
            "{place} belongs to another program: it is not a journal. Choose another place "
            "with --journal. Nothing was written to it.",
            place=path,
        )
    return True


def _is_in(engine: Engine, url: str) -> bool:
    """Whether a database holds a journal. Raises UsageError when another program has a table of that name."""
    wanted = tables.migrations
    with _in_use(engine), explained(url), engine.connect() as connection:
        found = inspect(connection)
        if not found.has_table(wanted.name):
            return False
        if not {column["name"] for column in found.get_columns(wanted.name)} >= set(wanted.columns.keys()):
            raise UsageError(
                "{place} belongs to another program: it is not a journal. Choose another place "
                "with --journal. Nothing was written to it.",
                place=shown(url),
            )
        if not _read_version(connection):
            raise UsageError(
                "The journal {place} lacks tables or columns: it is damaged, or another program "
                "changed it. Nothing more is sent. Restore it from a backup, or choose another "
                "with --journal.",
                place=shown(url),
            )
        return True


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
            raise UsageError(
                "Can't create the journal {place}: there is no folder {folder}. Is a drive "
                "disconnected? Create the folder first, or choose another place.",
                place=path,
                folder=path.parent,
            )
        return _make_file(path, steps)
    except OSError as error:
        raise UsageError(
            "Can't create the journal {place} ({error}). Choose a place where you can write with --journal.",
            place=path,
            error=error.strerror,
        ) from None


def _make_file(path: Path, steps: Sequence[Step]) -> bool:
    """Made whole under another name, so that nobody finds half of a journal; False when another program was first."""
    handle, name = tempfile.mkstemp(prefix=".journal-", dir=path.parent)  # for its owner only
    os.close(handle)
    part = Path(name)
    try:
        _make_in(_sqlite(part, _identity(part)), str(path), steps)
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
    with _in_use(engine), explained(url), engine.begin() as connection:
        _wait_for_others(connection)
        found = set(inspect(connection).get_table_names())
        if tables.migrations.name in found:
            return False
        if found & set(tables.metadata.tables):
            raise UsageError(
                "{place} belongs to another program: it is not a journal. Choose another place "
                "with --journal. Nothing was written to it.",
                place=shown(url),
            )
        for number, step in enumerate(steps, start=1):
            _take(step, number, connection)
    return True


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite journal, None for one on a server. Raises UsageError when `url` names neither."""
    try:
        return journal_file(url)
    except InvalidValue:
        raise UsageError(
            "A journal is either the path of a file (./NAME if the name has a colon) or an "
            "address such as postgresql://USER@HOST/DATABASE, with both slashes."
        ) from None


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn the database's own errors into one sentence about the journal. Personal data never gets into it."""
    try:
        yield
    except DBAPIError as error:
        raise failure(error, url) from None


_MEANINGS: Final[tuple[tuple[str, type[RunError], str], ...]] = (
    (
        "locked|busy",
        JournalUnusableError,
        N_(
            "Another program locks the journal {place} (waited {seconds} s). Close it, then run the same command again."
        ),
    ),
    (
        "full|no space",
        JournalUnusableError,
        N_("The disk of the journal {place} is full. Free some space, then run the same command again to resume."),
    ),
    (
        "readonly|read-only",
        UsageError,
        N_("Can't write the journal {place}. Give yourself write access, or choose another with --journal."),
    ),
    (
        "not a database|malformed",
        UsageError,
        N_(
            "The file {place} is not a journal, or it is damaged. Nothing more is sent. "
            "Restore it from a backup, or choose another with --journal."
        ),
    ),
    (
        "no such (?:table|column)|(?:relation|column) .* does not exist",
        UsageError,
        N_(
            "The journal {place} lacks tables or columns: it is damaged, or another program "
            "changed it. Nothing more is sent. Restore it from a backup, or choose another "
            "with --journal."
        ),
    ),
    (
        "unable to open",
        UsageError,
        N_(
            "Can't open the journal {place}. Check that its folder exists and that you can "
            "write there, or choose another with --journal."
        ),
    ),
    (
        "disk i/o",
        JournalUnusableError,
        N_(
            "The disk of the journal {place} reports an error. Check the disk or the network "
            "drive, then run the same command again."
        ),
    ),
)
"""What the words of a database mean, SQLite's and PostgreSQL's, whatever their letter case."""


def failure(error: DBAPIError, url: str) -> RunError:
    """What a database error means to the user."""
    place, kind = shown(url), type(error.orig).__name__
    text = str(error.orig).lower()
    if re.search(r'database "[^"]*" does not exist', text):
        return UsageError(
            "There is no journal at {place}: the server has no such database. Is the name "
            "misspelt? To create one, use the server's own tool (createdb), then: "
            'flinks-import journal create "{place}"',
            place=place,
        )
    if not isinstance(error.orig, sqlite3.Error) and (meaning := postgresql.meaning(error)) is not None:
        failed, sentence = meaning
        return failed(sentence, place=place)
    if not isinstance(error.orig, sqlite3.Error) and getattr(error.orig, "sqlstate", None) is None:
        # No server said it: its words are about the way there, and may hold any name of a host.
        return NeedsPersonError(
            "Can't reach the journal's database {place} ({error}). Check the server and the "
            "address, then run the same command again.",
            place=place,
            error=kind,
        )
    for words, failed, sentence in _MEANINGS:
        if re.search(words, text):
            return failed(sentence, place=place, seconds=BUSY_SECONDS)
    if isinstance(error.orig, sqlite3.Error):
        return JournalUnusableError(
            "Can't write a record to the journal {place} ({error}). What was sent is "
            "recorded. Run the same command again.",
            place=place,
            error=kind,
        )
    return NeedsPersonError(
        "Can't reach the journal's database {place} ({error}). Check the server and the "
        "address, then run the same command again.",
        place=place,
        error=kind,
    )


def shown(url: str) -> str:
    """The journal's place without its password."""
    path = sqlite_path(url)
    return str(path) if path is not None else without_password(url)


def patience(url: str) -> float:
    """Seconds for which the server of a journal is waited for; 0 for one that is a file."""
    return 0 if sqlite_path(url) is not None else postgresql.patience(_parsed(url))


def keyring_entry(url: str) -> str:
    """By what name the system keyring keeps the password of a journal on a server."""
    return postgresql.keyring_entry(_parsed(url))


def user_of(url: str) -> str:
    """The user whom the address of a journal on a server names; empty without."""
    return _parsed(url).username or ""


def _engine(url: str) -> Engine:
    path = sqlite_path(url)
    return _postgresql(url) if path is None else _sqlite(path, _identity(path))


@lru_cache(postgresql.KEPT)
def _sqlite(path: Path, there: tuple[int, int] | None) -> Engine:
    """The journal in a file, as long as it is this very file."""
    gone = False

    def same_file(*_: object) -> None:
        nonlocal gone
        # For good: once nobody has the file open any more, another one may be given its number.
        gone = gone or _identity(path) != there
        if gone:
            raise JournalUnusableError(
                "The journal {place} was removed or replaced during the run. Nothing more is "
                "sent. Put it back, or restore a backup, and run the same command again. No "
                "journal has what the workbook shows of this run.",
                place=path,
            )

    def still_there(connection: Connection) -> None:
        if not connection.get_execution_options().get("reading", False):
            same_file()

    def look_again(*_: object) -> None:
        nonlocal gone
        gone = False  # nobody has it open any more: who opens it next looks at what lies there then

    engine = _file(path)
    event.listen(engine, "engine_disposed", look_again)
    event.listen(engine, "connect", same_file)  # those that are open still read the file that has no name any more
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", still_there)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "commit", still_there)
    return engine


@lru_cache(postgresql.KEPT)
def _bare_sqlite(path: Path) -> Engine:
    """A file as it is: also one of another program, which must not be changed."""
    return _file(path)


def _file(path: Path) -> Engine:
    def open_file() -> sqlite3.Connection:
        # mode=rw: a connection that is made later must not make an empty journal where one was removed.
        return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    # The URL is never made as text: a path may have a question mark.
    url = URL.create("sqlite", database=str(path))
    return create_engine(url, creator=open_file, hide_parameters=True, max_overflow=-1)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file this is: SQLite goes on writing into one that has no name any more."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _postgresql(url: str) -> Engine:
    try:
        return postgresql.engine(_parsed(url))
    except (ModuleNotFoundError, NoSuchModuleError):
        raise UsageError("The PostgreSQL driver is not installed. Install flinks-import[postgres].") from None


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise UsageError(
            "A journal is either the path of a file (./NAME if the name has a colon) or an "
            "address such as postgresql://USER@HOST/DATABASE, with both slashes."
        ) from None


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


# ---------------------------------------------------------------------------------------------------------------
# Migrations: each step and the record that it ran are one transaction


def _first_version(connection: Connection) -> None:
    _create_missing(connection)


def _second_version(connection: Connection) -> None:
    """Room for approvals, evidence, states and decisions; keys of the user's own columns become digests; attempts are
    found by their run.
    """
    _create_missing(connection)
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
    _create_missing(connection)
    for table in (tables.runs, tables.rows, tables.attempts):
        _add_missing_columns(connection, table)
    for table in (tables.rows, tables.attempts):
        connection.execute(update(table).values(named=table.c.identity))
    for index in (tables.attempts_by_name, tables.runs_by_file):
        index.create(connection, checkfirst=True)
    roll.take_over(connection)


def _fourth_version(connection: Connection) -> None:
    """Drafts with their corrections, and which rows a person left out."""
    _create_missing(connection)
    _add_missing_columns(connection, tables.rows)


def _version_with_plans(connection: Connection) -> None:
    """Plans and what was done with them."""
    _create_missing(connection, tables.plans, tables.plan_events)


def _version_with_draft_decisions(connection: Connection) -> None:
    """What people decide about drafts beside their cells."""
    _create_missing(connection, tables.draft_decisions)


def _version_with_holders(connection: Connection) -> None:
    """The mark of the run that has a batch."""
    _add_missing_columns(connection, tables.batches)


def _version_with_released_rows(connection: Connection) -> None:
    """Why a row is sent though it was held."""
    _add_missing_columns(connection, tables.rows)


def _version_with_deposit_ticks(connection: Connection) -> None:
    """Deposits that people ticked off against the bank."""
    _create_missing(connection, tables.deposit_ticks)


def _version_with_accounts(connection: Connection) -> None:
    """Who ran something, and as which user of the database; of earlier records nobody knows."""
    for table in tables.metadata.sorted_tables:
        if table.name != tables.plan_events.name and "who_account" in table.columns:
            _add_missing_columns(connection, table)
            if connection.dialect.name == "postgresql":
                default = f"ALTER TABLE {table.name} ALTER COLUMN who_account SET DEFAULT session_user"
                connection.exec_driver_sql(default)


def _version_with_shares(connection: Connection) -> None:
    """Runs that several workers send."""
    _create_missing(connection, tables.shared_runs, tables.shares)


def _create_missing(connection: Connection, *wanted: Table) -> None:
    """Tables that are not there yet, with their indexes; of all, where none is named."""
    there = set(inspect(connection).get_table_names())  # asked once: `checkfirst` asks for each table
    missing = [table for table in wanted or tables.metadata.sorted_tables if table.name not in there]
    tables.metadata.create_all(connection, missing, checkfirst=False)


def _add_missing_columns(connection: Connection, table: Table) -> None:
    """Columns that are new since a table was made; they may be null, or have a default."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name in there:
            continue
        kind = column.type.compile(connection.dialect)
        value = column.default.arg if isinstance(column.default, ColumnDefault) else None
        literal = "FALSE" if value is False else repr("" if value is None else value)  # a number, or a text
        default = "" if column.nullable else f" NOT NULL DEFAULT {literal}"
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}{default}")


STEPS: Final[tuple[Step, ...]] = (
    _first_version,
    _second_version,
    _third_version,
    _fourth_version,
    _version_with_plans,
    _version_with_draft_decisions,
    _version_with_holders,
    _version_with_released_rows,
    _version_with_deposit_ticks,
    _version_with_accounts,
    _version_with_shares,
)
assert len(STEPS) == VERSION


def _bring_up_to_date(engine: Engine, url: str, steps: Sequence[Step]) -> None:
    found = version_of(engine)
    if found > len(steps):
        raise UsageError(
            "A newer version of flinks-import created the journal {place}. Install that "
            "version, or choose another journal with --journal.",
            place=shown(url),
        )
    for number, step in enumerate(steps[found:], start=found + 1):
        with engine.begin() as connection:
            _wait_for_others(connection)
            _keep_others_out(connection, url)
            if _read_version(connection) < number:
                _take(step, number, connection)


def _wait_for_others(connection: Connection) -> None:
    """Of two programs that start on a database at once the second waits, then finds the step done."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7306002)")


def _keep_others_out(connection: Connection, url: str) -> None:
    """No transaction that began before is still open, none begins before this one ends, and no run is under way.

    Raises JournalUnusableError where one is: an older program would not know what its journal has become.
    """
    path = sqlite_path(url)
    if path is None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
        connection.exec_driver_sql(f"LOCK TABLE {tables.migrations.name} IN ACCESS EXCLUSIVE MODE")
    if lock.is_file_held(path) if path is not None else lock.is_batch_held(connection):
        raise JournalUnusableError(
            "Another program is working on a batch of the journal {place}, which this newer version must upgrade "
            "first. Wait until it ends, then run the same command again.",
            place=shown(url),
        )


def _take(step: Step, number: int, connection: Connection) -> None:
    step(connection)
    connection.execute(insert(tables.migrations).values(version=number, applied_at=dump_time(datetime.now(UTC))))


def version_of(engine: Engine) -> int:
    """The version that a journal says it has."""
    with engine.connect().execution_options(reading=True) as connection:
        return _read_version(connection)


def _read_version(connection: Connection) -> int:
    return max(connection.scalars(select(tables.migrations.c.version)), default=0)
