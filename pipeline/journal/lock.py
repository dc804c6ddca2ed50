"""One run at a time on a batch: a lock that the system itself releases when its owner dies.

On SQLite it is a locked file beside the journal (released by the kernel with the process, so a `kill -9` leaves
nothing to clean up); on PostgreSQL an advisory lock of the session (released by the server with the connection), so
that two machines on one journal exclude each other. Whatever happens to the lock, the journal's unique constraint on
attempts still keeps two programs from recording the same attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from pipeline.domain.errors import BatchBusyError
from pipeline.journal.database import explained, sqlite_path

_SPACE: Final = 0x464C  # "FL": advisory locks of this program, apart from others on the same server


@contextmanager
def lease(engine: Engine, url: str, batch_id: int, batch: str) -> Iterator[None]:
    """Hold the batch for the time of the context.

    Raises BatchBusyError at once when another run holds it.
    """
    path = sqlite_path(url)
    held = _postgresql(engine, url, batch_id) if path is None else _file(path, batch_id)
    with held as mine:
        if not mine:
            raise BatchBusyError("journal.batch_is_busy", batch=batch)
        yield


@contextmanager
def _file(path: Path, batch_id: int) -> Iterator[bool]:
    # Resolved: two names of one journal are one lock.
    path = path.resolve()
    lock = FileLock(path.with_name(f"{path.name}.batch-{batch_id}.lock"), mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _postgresql(engine: Engine, url: str, batch_id: int) -> Iterator[bool]:
    # A connection of its own, out of any transaction: the lock lives as long as this session.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        parameters = {"space": _SPACE, "batch": batch_id}
        with explained(url):
            mine = connection.scalar(text("SELECT pg_try_advisory_lock(:space, :batch)"), parameters)
        if not mine:
            yield False
            return
        try:
            yield True
        finally:
            # When the connection is lost the server has released the lock already.
            with suppress(DBAPIError):
                connection.execute(text("SELECT pg_advisory_unlock(:space, :batch)"), parameters)
