"""One run at a time on a batch: a lock that the system itself releases when its owner dies.

On SQLite it is a locked file beside the journal (released by the kernel with the process, so a `kill -9` leaves
nothing to clean up); on PostgreSQL an advisory lock of the session (released by the server with the connection), so
that two machines on one journal exclude each other. There all that a run writes is written by the session that holds
its batch: who has lost the batch can't write. Whatever happens to the lock, the journal's unique constraint on attempts
still keeps two programs from recording the same attempt.
"""

from __future__ import annotations

import glob
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from filelock import FileLock, Timeout
from sqlalchemy import Connection, select, text, update

from pipeline.domain.errors import BatchBusyError
from pipeline.journal.tables import batches

_SPACE: Final = 0x464C  # "FL": advisory locks of this program, apart from others on the same server
_ENDING: Final = 10.0
"""Seconds that a session has to end before its batch counts as held by another."""


def busy(batch: str) -> BatchBusyError:
    """The failure of a run whose batch is another's."""
    return BatchBusyError(
        "Another run is using batch {batch}. Wait until it ends, then run the same command again.", batch=batch
    )


@contextmanager
def lock_file(journal: Path, batch_id: int, batch: str) -> Iterator[None]:
    """Hold a batch of an SQLite journal. Raises BatchBusyError at once when another run holds it."""
    # Resolved: two names of one journal are one lock.
    path = journal.resolve()
    lock = FileLock(path.with_name(f"{path.name}.batch-{batch_id}.lock"), mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise busy(batch) from None
    try:
        yield
    finally:
        lock.release()


def is_file_held(journal: Path) -> bool:
    """Whether some run holds a batch of an SQLite journal."""
    path = journal.resolve()
    for file in path.parent.glob(f"{glob.escape(path.name)}.batch-*.lock"):
        try:
            with FileLock(file, timeout=0):
                pass
        except Timeout:
            return True
    return False


def is_batch_held(connection: Connection) -> bool:
    """Whether some run holds a batch of a PostgreSQL journal."""
    return bool(connection.scalar(_HELD, {"space": _SPACE}))


class BatchClaim:
    """A batch that the session of a connection holds.

    When that is lost, the next one takes the batch again, but only if nobody held it in between: what this run has
    planned would no longer be true. Whoever takes a batch leaves a mark of his own in `batches.holder`.
    """

    def __init__(self, batch_id: int, batch: str) -> None:
        self._which = {"space": _SPACE, "batch": batch_id}
        self._id = batch_id
        self._batch = batch
        self._mark = uuid4().hex
        self._was_held = False
        self._session: Any = None

    def take(self, connection: Connection) -> None:
        """Take the batch. Raises BatchBusyError when another run holds it, or held it since this one did."""
        with connection.begin():
            session = connection.execute(_SESSION).mappings().one()
            self._lock(connection)
            self._session = session
            this = batches.c.id == self._id
            if not self._was_held:
                connection.execute(update(batches).where(this).values(holder=self._mark))
            elif connection.scalar(select(batches.c.holder).where(this)) != self._mark:
                raise BatchBusyError(
                    "While the connection to the journal was lost, another run used batch {batch}. This run stopped "
                    "so that no request is sent twice. Run the same command again when the other has ended.",
                    batch=self._batch,
                )
        self._was_held = True

    def _lock(self, connection: Connection) -> None:
        until = time.monotonic() + _ENDING
        while not connection.scalar(_LOCK, self._which):
            if self._session is None or time.monotonic() > until:
                raise busy(self._batch)
            # The server may not have noticed yet that our own session was cut off.
            connection.execute(_END, self._session)
            time.sleep(0.1)

    def release(self, connection: Connection) -> None:
        """Give the batch up."""
        with connection.begin():
            connection.execute(_UNLOCK, self._which)


_HELD: Final = text(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND granted AND classid = :space AND datname = current_database())"
)
_LOCK: Final = text("SELECT pg_try_advisory_lock(:space, :batch)")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(:space, :batch)")
_SESSION: Final = text("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
_END: Final = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND backend_start = :backend_start"
)
