"""Looking after the journal: whether it is whole, and a copy of it while it is in use.

Looks at a journal of any version and changes nothing. What it finds are counts, never what stands in a row.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, func, select, text

from pipeline.domain.errors import UsageError
from pipeline.domain.model import Outcome
from pipeline.journal import database, tables
from pipeline.system.atomic_output import put

_FINDINGS: Final = {
    "open_settled": "SELECT count(*) FROM attempts WHERE outcome = 'open' AND settled_at IS NOT NULL",
    "settled_open": "SELECT count(*) FROM attempts WHERE outcome <> 'open' AND settled_at IS NULL",
    # A purge removes session ids, and a report that proves a session may not name it.
    "no_session": (
        "SELECT count(*) FROM attempts WHERE outcome = 'created' AND session_id = ''"
        " AND http_status = 201 AND reasons = '[]'"
        " AND batch_id NOT IN (SELECT id FROM batches WHERE purged_at IS NOT NULL)"
    ),
    "session_twice": (
        "SELECT count(*) FROM (SELECT 1 FROM attempts WHERE session_id <> '' AND outcome = 'created'"
        " GROUP BY session_id HAVING count(*) > 1) AS twice"
    ),
    "rows_without_run": "SELECT count(*) FROM rows WHERE run_id NOT IN (SELECT id FROM runs)",
    "runs_without_batch": "SELECT count(*) FROM runs WHERE batch_id NOT IN (SELECT id FROM batches)",
    "attempts_without_run": (
        "SELECT count(*) FROM attempts"
        " WHERE run_id NOT IN (SELECT id FROM runs) OR batch_id NOT IN (SELECT id FROM batches)"
    ),
}
"""What must never be found, by the name of its sentence; in words that every version of the journal understands."""

_COUNTED: Final = (tables.batches, tables.runs, tables.rows, tables.attempts)


@dataclass(frozen=True, slots=True)
class Health:
    """What was found in a journal. `findings` are what must not be there, with how often; none of them: healthy.

    `free_bytes` is of its disk, None where that can't be told.
    """

    place: str
    version: int
    findings: dict[str, int]
    counts: dict[str, int]
    outcomes: dict[str, int]
    free_bytes: int | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing was found that must not be there."""
        return not self.findings


def examine(url: str) -> Health:
    """Look a journal over. Raises UsageError when there is none or it is no journal, StoppedEarlyError when locked."""
    with (
        database.open_as_it_is(url) as engine,
        database.explained(url),
        engine.connect().execution_options(reading=True) as connection,
    ):
        findings = {name: count for name, count in _findings(connection, url) if count}
        return Health(
            place=database.shown(url),
            version=database.version_of(engine),
            findings=findings,
            counts={table.name: _rows(connection, table) for table in _COUNTED},
            outcomes=_outcomes(connection),
            free_bytes=free_bytes(url),
        )


def _findings(connection: Connection, url: str) -> list[tuple[str, int]]:
    found = [("readable", len(readable_by_others(url)))]
    if connection.dialect.name == "sqlite":
        said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        found.append(("integrity", 0 if said == ["ok"] else len(said)))
    strange = set(_outcomes(connection)) - {outcome.value for outcome in Outcome}
    found.append(("outcome", len(strange)))
    found += [(name, int(connection.scalar(text(statement)) or 0)) for name, statement in _FINDINGS.items()]
    return found


def _rows(connection: Connection, table: Table) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def _outcomes(connection: Connection) -> dict[str, int]:
    found = connection.execute(text("SELECT outcome, count(*) FROM attempts GROUP BY outcome ORDER BY outcome"))
    return {str(outcome): int(count) for outcome, count in found}


def readable_by_others(url: str) -> list[Path]:
    """The journal's files that others than their owner may read. None on Windows, where modes say nothing."""
    path = database.sqlite_path(url)
    if path is None or os.name == "nt":
        return []
    files = [path.with_name(f"{path.name}{ending}") for ending in ("", "-wal", "-shm")]
    return [file for file in files if file.exists() and file.stat().st_mode & 0o077]


def free_bytes(url: str) -> int | None:
    """Room on the disk of an SQLite journal, also of one that is still to be made."""
    path = database.sqlite_path(url)
    if path is None:
        return None
    try:
        return shutil.disk_usage(next(folder for folder in path.parents if folder.exists())).free
    except OSError:
        return None


def back_up(url: str, path: Path) -> Path:
    """Copy an SQLite journal to `path` while others may write to it, by SQLite's own means; whole or not at all.

    Over no file: it goes to the next free name; gives its place. Raises UsageError for PostgreSQL, for a place that
    can't be written, and without a journal.
    """
    source = database.sqlite_path(url)
    if source is None:
        raise UsageError(
            "The journal {place} is a PostgreSQL database. Back it up with the server's own "
            "tool: pg_dump --format=custom --file=PATH and the same address.",
            place=database.shown(url),
        )
    with database.open_as_it_is(url):
        pass
    try:
        return put(path, partial(_copy, source))
    except OSError as error:
        raise UsageError(
            "Can't write the backup {path} ({error}). Choose a place where you can write.",
            path=path,
            error=error.strerror,
        ) from None
    except sqlite3.DatabaseError:
        raise UsageError(
            "The file {place} is not a journal, or it is damaged. Nothing more is sent. "
            "Restore it from a backup, or choose another with --journal.",
            place=source,
        ) from None


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=database.BUSY_SECONDS)) as from_journal,
        closing(sqlite3.connect(target)) as to_backup,
    ):
        from_journal.backup(to_backup)
        # One file: a backup that needs a second one beside it is soon half a backup.
        to_backup.execute("PRAGMA journal_mode=DELETE")
        if not to_backup.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
            raise UsageError(
                "The journal {place} lacks tables or columns: it is damaged, or another program "
                "changed it. Nothing more is sent. Restore it from a backup, or choose another "
                "with --journal.",
                place=source,
            )
        if to_backup.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise sqlite3.DatabaseError
