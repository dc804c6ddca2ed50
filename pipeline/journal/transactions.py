"""Transactions that survive the loss of their connection.

A server that is restarted, moves or is cut off takes every connection with it, and what was being written is not known
to be there. It is written again on another connection, as long as the patience lasts, where it is certain that nothing
of it was kept: before its COMMIT a transaction that loses its connection leaves nothing, and of one whose COMMIT was
not answered the server itself says what became of it (`pg_xact_status`). What nobody can say is not written again.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from pipeline.domain.errors import JournalUnusableError, NeedsPersonError
from pipeline.journal import database, postgresql
from pipeline.journal.tables import migrations

PAUSE: Final = 0.2
"""Seconds between two attempts to find a server again."""

_Result = TypeVar("_Result")


class Patience:
    """How long a lost server is waited for, from the moment when it was lost: one for all connections of a journal."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether the server is lost at the moment."""
        return self._until is not None

    def wait(self) -> bool:
        """The server is lost. Returns a little later whether to try again."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self.seconds
        if now >= self._until:
            return False
        time.sleep(PAUSE)
        return True

    def found(self) -> None:
        """The server is there."""
        self._until = None


def persist(action: Callable[[], _Result], patience: Patience, url: str) -> _Result:
    """What `action` returns, tried again while its database is lost. Raises RunError where it fails."""
    while True:
        try:
            result = action()
        except DBAPIError as error:
            if not postgresql.passes(error, again=patience.waiting) or not patience.wait():
                raise database.failure(error, url) from None
        else:
            patience.found()
            return result


class Claim(Protocol):
    """What a connection must hold before anything is written on it: a batch."""

    def take(self, connection: Connection) -> None:
        """Take it for a new connection. Raises RunError when it is another's, or was since this one had it."""

    def release(self, connection: Connection) -> None:
        """Give it up."""


@dataclass(frozen=True, slots=True)
class _Unanswered(Generic[_Result]):
    """A transaction whose COMMIT may not have been answered: its number at the server, and its result."""

    number: int
    result: _Result


class Transactions:
    """Transactions one after the other on one connection, which holds `claim` if there is one.

    A context manager; several threads may share it.
    """

    def __init__(self, engine: Engine, url: str, patience: Patience, claim: Claim | None = None) -> None:
        self._engine = engine
        self._url = url
        self._patience = patience
        self._claim = claim
        self._connection: Connection | None = None
        self._since: float | None = None
        self.unsure = False
        """Whether the last transaction failed, and may have been kept."""
        self._lock = RLock()

    def __enter__(self) -> Self:
        """Take the claim. Raises RunError when it is another's."""
        if self._claim is not None:
            persist(self._connected, self._patience, self._url)
        return self

    def __exit__(self, *_: object) -> None:
        """Give up the claim and the connection."""
        with self._lock:
            connection, self._connection = self._connection, None
            # All is committed: when the connection is lost now, it is no loss, and the server releases what it held.
            if connection is not None and self._claim is not None:
                with suppress(DBAPIError):
                    self._claim.release(connection)
            if connection is not None:
                with suppress(DBAPIError):
                    connection.close()

    def run(self, change: Callable[[Connection], _Result]) -> _Result:
        """Have a function make its changes in one transaction: made once, and durable when this returns.

        It is called again where certainly nothing of its last call was kept. Raises RunError where the database fails,
        or the claim is another's.
        """
        unanswered: _Unanswered[_Result] | None = None

        def once() -> _Result:
            nonlocal unanswered
            connection = self._connected()
            if unanswered is not None:
                kept, result = self._was_committed(connection, unanswered.number), unanswered.result
                unanswered = None
                if kept:
                    return result
            with connection.begin() as transaction:
                number = self._begun(connection)
                result = change(connection)
                if number is not None:
                    unanswered = _Unanswered(number, result)
                transaction.commit()
            unanswered = None
            return result

        with self._lock:
            try:
                return persist(partial(self._keeping, once), self._patience, self._url)
            finally:
                self.unsure = unanswered is not None

    def cut_if_it_hangs(self) -> None:
        """End the connection if its transaction has taken longer than the patience: then it counts as lost. Only for
        transactions that are small; from any thread.
        """
        since, connection = self._since, self._connection
        if since is None or connection is None or time.monotonic() - since <= self._patience.seconds:
            return
        if connection.dialect.name == "postgresql":
            with suppress(OSError, DBAPIError, AttributeError):  # it may be gone by now
                driver: Any = connection.connection.driver_connection
                with socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as way:
                    way.shutdown(socket.SHUT_RDWR)

    def _keeping(self, action: Callable[[], _Result]) -> _Result:
        """What `action` returns; the connection is given up after a failure of the database or one that leaves a
        transaction open, and after an interruption.
        """
        self._since = time.monotonic()
        try:
            return action()
        except BaseException as failure:
            has_begun = self._connection is not None and self._connection.get_transaction() is not None
            if has_begun or isinstance(failure, DBAPIError) or not isinstance(failure, Exception):
                self._let_go()
            raise
        finally:
            self._since = None

    def _connected(self) -> Connection:
        """The connection; where there is none, a new one, with the claim."""
        with self._lock:
            if self._connection is None:
                connection = self._engine.connect()
                try:
                    if self._claim is not None:
                        self._claim.take(connection)
                except BaseException:
                    _discard(connection)
                    raise
                self._connection = connection
            return self._connection

    def _begun(self, connection: Connection) -> int | None:
        """The number that the server gives this transaction; None on SQLite.

        To look at the version keeps a newer program from changing the tables meanwhile: it waits for this transaction,
        and this one for it. Raises JournalUnusableError when one has changed them.
        """
        number: int | None = None
        if connection.dialect.name == "postgresql":
            number, version = connection.execute(_BEGUN).one()
        else:
            version = connection.scalar(_VERSION)
        if version > database.VERSION:
            raise JournalUnusableError(
                "A newer version of flinks-import has changed the journal {place}. What was sent is recorded. "
                "Install that version, then run the same command again to resume.",
                place=database.shown(self._url),
            )
        return number

    def _was_committed(self, connection: Connection, number: int) -> bool:
        """What became of a transaction whose COMMIT was not answered.

        While the server still takes its session for a living one, that session is ended: only then is it decided.
        """
        while True:
            with connection.begin():
                status = connection.scalar(_STATUS, {"number": str(number)})
                if status == "in progress":
                    connection.execute(_END, {"number": str(number % 2**32)})
            if status in {"committed", "aborted"}:
                return bool(status == "committed")
            if not self._patience.wait():
                raise NeedsPersonError(
                    "The server of the journal {place} does not say whether it kept the last record. Nothing more is "
                    "sent. Check the server, then run the same command again to resume.",
                    place=database.shown(self._url),
                )

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _discard(connection)


def _discard(connection: Connection) -> None:
    """Close a connection so that the server hears of it: what it held, nobody holds.

    One to a file goes back to the others: it may be one of the last that read a file which has lost its name.
    """
    if connection.dialect.name == "postgresql":
        with suppress(DBAPIError):
            connection.invalidate()
    with suppress(DBAPIError):
        connection.close()


_VERSION: Final = select(func.max(migrations.c.version))
_BEGUN: Final = text("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint), (SELECT max(version) FROM migrations)")
_STATUS: Final = text("SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8))")
_END: Final = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = CAST(CAST(:number AS text) AS xid)"
)
