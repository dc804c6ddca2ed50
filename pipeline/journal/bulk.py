"""Statements for many records or values, given to the driver as they are.

SQLAlchemy compiles each once for each database; its connection, its transaction and its names for errors stay in
charge. What it does anew for every execution (contexts, events, results) was half of the time that the journal took
for the rows of a sheet, and a third of a commit of the sending loop.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import Insert, Update

_KEPT: Final = 64
"""Compiled statements: a handful of statements, their lists in a few lengths, times two databases."""


def execute(
    connection: Connection, statement: Insert | Update, names: tuple[str, ...], records: Sequence[tuple[Any, ...]]
) -> int:
    """Execute `statement` for each record; how many records of the table that concerned.

    `names` are its parameters (all that it has) in the order of the values.

    The values go to the driver unconverted: text, numbers, bytes and None, and no enumeration. The statement must be
    one object for all calls. Raises what `Connection.execute` raises.
    """
    text, order = _compiled(statement, connection.dialect, names)
    given: Sequence[Any] = records
    if order is None:
        given = [dict(zip(names, record, strict=True)) for record in records]
    elif order != tuple(range(len(names))):
        given = [tuple([record[place] for place in order]) for record in records]
    cursor = _cursor(connection)
    try:
        cursor.executemany(text, given)
        return int(cursor.rowcount)
    except _errors(connection) as error:
        raise _named(error, connection) from error
    finally:
        cursor.close()


def _cursor(connection: Connection) -> Any:
    """A cursor of the driver, in the transaction of the connection, which begins here where none is under way."""
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.cursor()


def _errors(connection: Connection) -> type[Exception]:
    """What the driver raises, whatever goes wrong."""
    return connection.dialect.loaded_dbapi.Error


def _named(error: Exception, connection: Connection) -> Exception:
    """A driver's error as SQLAlchemy raises it, without the statement and without the values in it."""
    return DBAPIError.instance(None, None, error, _errors(connection), hide_parameters=True, dialect=connection.dialect)


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


def ask(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[Any]:
    """The records that a query finds, as named tuples, when its parameters have these values.

    Those of an expanding parameter are a list that is not empty. Values go to the driver unconverted, as in `execute`,
    and its answer comes unconverted. The statement must be one object for all calls. Raises ValueError for an empty
    list: who has none to ask for knows the answer.
    """
    lists = {name: value for name, value in values.items() if isinstance(value, list | tuple)}
    if not all(lists.values()):
        raise ValueError("a list of values to ask for is empty")
    lengths = tuple([(name, _rounded_up(len(value))) for name, value in lists.items()])
    question = _question(statement, connection.dialect, lengths)
    cursor = _cursor(connection)
    try:
        cursor.execute(question.text, question.filled(values))
        return [*map(question.record, cursor.fetchall())]
    except _errors(connection) as error:
        raise _named(error, connection) from error
    finally:
        cursor.close()


@dataclass(frozen=True, slots=True)
class _Question:
    """A query in a database's words. `places` say where each of its values is found: by name, and for those of a list
    by place in it. `keys` are the places' own names where the driver wants names.
    """

    text: str
    places: tuple[tuple[str, int | None], ...]
    keys: tuple[str, ...] | None
    literals: Mapping[str, Any]
    record: Callable[[Sequence[Any]], Any]

    def filled(self, values: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """The values in their places. A list that is shorter than the query's has its last value several times."""
        found = []
        for name, at in self.places:
            value = values[name] if name in values else self.literals[name]
            found.append(value if at is None else value[min(at, len(value) - 1)])
        return tuple(found) if self.keys is None else dict(zip(self.keys, found, strict=True))


@lru_cache(maxsize=_KEPT)
def _question(statement: Select[Any], dialect: Dialect, lengths: tuple[tuple[str, int], ...]) -> _Question:
    """A query with lists of these lengths."""
    compiled = statement.compile(dialect=dialect)
    sizes = dict(lengths)
    examples = {name: [None] * sizes[name] if name in sizes else None for name in compiled.binds}
    literals = {name: _plain(bind.value) for name, bind in compiled.binds.items() if bind.value is not None}
    expanded = compiled.construct_expanded_state(examples | literals)
    places: dict[str, tuple[str, int | None]] = {name: (name, None) for name in expanded.parameters}
    for name, parts in expanded.parameter_expansion.items():
        places |= {part: (name, at) for at, part in enumerate(parts)}
    if expanded.positiontup is None:
        used, keys = tuple(places.values()), tuple(places)
    else:
        used, keys = tuple(places[name] for name in expanded.positiontup), None
    return _Question(expanded.statement, used, keys, literals, _named_tuple(statement.selected_columns.keys()))


def _named_tuple(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    """What makes a record with these names of a sequence of values."""
    made: Any = namedtuple("Record", [*names])  # type: ignore[misc]  # noqa: PYI024 - the names are known only here
    return made._make


def _plain(value: Any) -> Any:
    """A statement's own value for a driver, which knows no enumerations."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value


def _rounded_up(length: int) -> int:
    """A power of two: few different queries to compile and to prepare."""
    return 1 << (length - 1).bit_length()
