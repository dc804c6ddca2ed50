"""Many records by one statement, without what SQLAlchemy does anew for each of them.

A statement is compiled once for each database; the records then go to the driver as they are. For the rows of a sheet
and for the attempts of the sending loop that was half of the time that the journal took.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, CursorResult
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert, Update

_KEPT: Final = 16
"""Compiled statements: a handful of statements times two databases."""


def execute(
    connection: Connection, statement: Insert | Update, names: tuple[str, ...], records: Sequence[tuple[Any, ...]]
) -> CursorResult[Any]:
    """Execute `statement` for each record. `names` are its parameters (all that it has) in the order of the values.

    The values go to the driver unconverted: text, numbers, bytes and None, and no enumeration. The statement must be
    one object for all calls. Raises what `Connection.execute` raises.
    """
    text, order = _compiled(statement, connection.dialect, names)
    if order is None:
        return connection.exec_driver_sql(text, [dict(zip(names, record, strict=True)) for record in records])
    if order != tuple(range(len(names))):
        records = [tuple([record[place] for place in order]) for record in records]
    return connection.exec_driver_sql(text, list(records))


@lru_cache(maxsize=_KEPT)
def _compiled(
    statement: Insert | Update, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, tuple[int, ...] | None]:
    """A statement in a database's words, and which name stands at each of its places; None where they are named."""
    compiled = statement.compile(dialect=dialect, column_keys=names if statement.is_insert else None)
    literals = {name: bind.value for name, bind in compiled.binds.items() if name not in names}
    if literals:
        raise ValueError(f"a statement for many records has values of its own: {sorted(literals)}")
    if not compiled.positional:
        return str(compiled), None
    assert compiled.positiontup is not None
    return str(compiled), tuple([names.index(name) for name in compiled.positiontup])
