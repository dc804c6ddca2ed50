"""What was written where: the digest by which an output is known to be as it was left, and may be written over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from pipeline.journal import serialization
from pipeline.journal.journal import Journal
from pipeline.journal.tables import outputs
from pipeline.system.file_names import readable


@dataclass(frozen=True, slots=True)
class FilesOf:
    """The files of one batch, by its name: a `Memory` of `pipeline.system.atomic_output`. Raises as a journal does."""

    journal: Journal = field(repr=False)
    batch: str
    environment: str

    def last_written(self, path: Path) -> str | None:
        """The SHA-256 of what was written there last; None when nothing was."""
        statement = select(outputs.c.sha256).where(self._at(path)).order_by(outputs.c.id.desc()).limit(1)
        return self.journal.read(lambda connection: connection.scalar(statement))

    def remember(self, path: Path, sha256: str) -> None:
        """This was written there now; of what was there before nothing is kept."""
        told = {"path": _absolute(path), "sha256": sha256, "batch": self.batch, "environment": self.environment}
        now = serialization.dump_time(datetime.now().astimezone())

        def change(connection: Connection) -> None:
            connection.execute(delete(outputs).where(self._at(path)))
            connection.execute(insert(outputs).values(**told, written_at=now))

        self.journal.write(change)

    def _at(self, path: Path) -> ColumnElement[bool]:
        return and_(outputs.c.path == _absolute(path), _of(self.batch, self.environment))


def forget(connection: Connection, batch: str, environment: str) -> None:
    """Remove what is known of a batch's files: their names may name people."""
    connection.execute(delete(outputs).where(_of(batch, environment)))


def _of(batch: str, environment: str) -> ColumnElement[bool]:
    return and_(outputs.c.batch == batch, outputs.c.environment == environment)


def _absolute(path: Path) -> str:
    """One text for a file by whatever links its folder is reached; bytes that are no text can't go into a database."""
    return readable(path.parent.resolve() / path.name)
