"""The handle of an open journal: its transactions, the locks of its batches, the disk that it keeps in reserve.

What is read and written is in the module of its subject. Functions that need one transaction take its connection:
`journal.read(queries.report, run)`, `journal.write(runs.end, run, now, code)`. Those that give many rows, a chunk in
memory at a time, take the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import Engine

from pipeline.journal import database, shares
from pipeline.journal.lock import BatchClaim, busy, lock_file
from pipeline.journal.transactions import Patience, Transactions, persist

RESERVE_BYTES: Final = 1 << 20
"""Disk kept free beside an SQLite journal, given back when the disk is full, so that outcomes in flight fit."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: a name in an environment."""

    id: int
    name: str
    environment: str


class Journal:
    """An open journal. Make it with `open_journal`."""

    def __init__(self, engine: Engine, url: str, patience: Patience | None = None) -> None:
        self.engine = engine
        self.url = url
        self._patience = patience or Patience(database.patience(url))
        self._holding: Transactions | None = None

    @property
    def place(self) -> str:
        """Where it is, for people: without a password."""
        return database.shown(self.url)

    @contextmanager
    def lease(self, batch: Batch) -> Iterator[Journal]:
        """Hold a batch against every other run. What is written with the journal that this gives is only written while
        the batch is held.

        Raises BatchBusyError at once when another run, or a worker of one, holds it; so does a write that finds the
        batch lost to one.
        """
        path = database.sqlite_path(self.url)
        if path is not None:
            with lock_file(path, batch.id, batch.name):
                yield self
            return
        claim = BatchClaim(batch.id, batch.name)
        with Transactions(self.engine, self.url, self._patience, claim) as holding:
            held = Journal(self.engine, self.url, self._patience)
            held._holding = holding
            if held.read(shares.has_workers, batch.id):  # of a run that was killed
                raise busy(batch.name)
            yield held

    @contextmanager
    def transactions(self, *, holding: bool = True) -> Iterator[Transactions]:
        """Many transactions on one connection: on the one that holds the batch, if one does and unless not `holding`.

        What must be kept whoever has the batch now, an outcome, is not `holding`.
        """
        if self._holding is not None and holding:
            yield self._holding
            return
        with Transactions(self.engine, self.url, self._patience) as own:
            yield own

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: it waits for no writer. Raises RunError where the database fails."""
        with persist(self.engine.connect, self._patience, self.url) as connection, database.explained(self.url):
            yield connection.execution_options(reading=True)

    def read(
        self, query: Callable[Concatenate[Connection, _Given], _Result], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> _Result:
        """What a function reads in a transaction of its own; it is called again when the connection is lost."""

        def once() -> _Result:
            with self.engine.connect().execution_options(reading=True) as connection:
                return query(connection, *args, **kwargs)

        return persist(once, self._patience, self.url)

    def write(
        self, change: Callable[Concatenate[Connection, _Given], _Result], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> _Result:
        """Have a function make its changes in a transaction of its own: durable when this returns, and made once.

        It may be called more than once (`Transactions.run`). Raises RunError where the database fails.
        """
        with self.transactions() as transactions:
            return transactions.run(lambda connection: change(connection, *args, **kwargs))

    def keep_reserve(self) -> None:
        """Occupy a little disk, to be given back when it is full and outcomes wait. Does nothing for PostgreSQL."""
        reserve = self._reserve
        if reserve is not None:
            self.free_reserve()  # one that a killed run left
            with suppress(OSError):
                handle = os.open(reserve, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(b"\0" * RESERVE_BYTES)

    def free_reserve(self) -> None:
        """Give the reserve back."""
        reserve = self._reserve
        if reserve is not None:
            with suppress(OSError):
                reserve.unlink(missing_ok=True)

    @property
    def _reserve(self) -> Path | None:
        path = database.sqlite_path(self.url)
        return path and path.with_name(f"{path.name}.reserve")


@contextmanager
def open_journal(url: str, *, make: bool = True) -> Iterator[Journal]:
    """The journal at `url`: an SQLite path, or a `postgresql://` URL. Without `make` it must be there.

    Raises UsageError when it can't be used, StoppedEarlyError when another program keeps it locked.
    """
    if make:
        database.make(url)
    with database.connect(url) as engine:
        yield Journal(engine, url)
