"""Queries that go to the driver as they are answer as SQLAlchemy's own execution of them does, on both databases."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import KINDS, place
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, Text, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from pipeline.journal import bulk, database

THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", Text),
    Column("digest", LargeBinary),
    Column("size", Integer),
)
NAMES = ["", "a", "é", "100 %", "%s", "?", ":x", "it's", '"', "\\"]
BY_NAME = (
    select(THINGS.c.id, THINGS.c.name, THINGS.c.digest)
    .where(
        THINGS.c.name.in_(bindparam("names", expanding=True)),
        THINGS.c.size >= bindparam("least"),
        THINGS.c.name.not_in(("100 %", "?")),
    )
    .order_by(THINGS.c.id)
)
BY_DIGEST = select(THINGS.c.id).where(THINGS.c.digest.in_(bindparam("digests", expanding=True))).order_by(THINGS.c.id)

INSERT = insert(THINGS)


@pytest.fixture(scope="module", params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with place(request.param, tmp_path_factory.mktemp("bulk")) as url:
        database.make(url)
        yield from _filled(database.connect(url))


def _filled(engine: Engine) -> Iterator[Engine]:
    THINGS.metadata.create_all(engine)
    things = [{"name": name, "digest": name.encode(), "size": size} for size, name in enumerate(NAMES * 3)]
    with engine.begin() as connection:
        connection.execute(insert(THINGS), things)
    yield engine
    engine.dispose()


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.sampled_from([*NAMES, "absent"]), min_size=1, max_size=40), least=st.integers(-1, 40))
@pytest.mark.parametrize("kind", [list, tuple])
def test_an_answer_is_the_same_whatever_is_asked_for(engine: Engine, kind: type, names: list[str], least: int) -> None:
    with engine.connect() as connection:
        for query, asked in (
            (BY_NAME, {"names": kind(names), "least": least}),
            (BY_DIGEST, {"digests": kind(name.encode() for name in names)}),
        ):
            theirs: Sequence[object] = [tuple(row) for row in connection.execute(query, asked)]
            ours = [tuple(row) for row in bulk.ask(connection, query, asked)]
            assert ours == theirs


def test_nothing_is_asked_for_nothing(engine: Engine) -> None:
    """A quiet empty answer would hide that a question was not asked."""
    with engine.connect() as connection, pytest.raises(ValueError, match="empty"):
        bulk.ask(connection, BY_DIGEST, {"digests": []})


def test_an_error_of_the_driver_has_a_name_and_no_values(engine: Engine) -> None:
    """Whoever catches SQLAlchemy's errors catches these, and no value of a record is in their words."""
    again = [(1, "Tremblay", b"", 1)]
    with engine.connect() as connection, pytest.raises(IntegrityError) as told:
        bulk.execute(connection, INSERT, ("id", "name", "digest", "size"), again)
    assert "Tremblay" not in str(told.value)


def test_what_was_not_committed_is_not_kept(engine: Engine) -> None:
    """Statements begin a transaction where none is under way, as SQLAlchemy's own do."""
    asked = {"digests": [b"new"]}
    with engine.connect() as connection:
        assert bulk.execute(connection, INSERT, ("id", "name", "digest", "size"), [(1_000, "new", b"new", 1)]) == 1
        assert [record.id for record in bulk.ask(connection, BY_DIGEST, asked)] == [1_000]
    with engine.connect() as connection:
        assert bulk.ask(connection, BY_DIGEST, asked) == []
