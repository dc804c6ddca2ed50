"""What a run costs does not grow with what the journal has from before: no statement walks a table that grows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from support.fault_server import FaultServer
from support.journals import KINDS, place
from support.run_fixture import Desk, Line, ignore

from pipeline.commands.status import StatusRequest, status
from pipeline.config.settings import load
from pipeline.domain.payment_summary import PaymentState
from pipeline.journal import overview, tables
from pipeline.journal.journal import open_journal

GROWING = ("attempts", "rows")
"""The tables that get a record with each row of a sheet."""


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with place(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def asked() -> Iterator[dict[str, Any]]:
    """Every statement that any database is asked, with the parameters that it was first asked with."""
    found: dict[str, Any] = {}

    def listen(*given: Any) -> None:
        _, _, statement, parameters, _, many = given
        if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", statement):
            found.setdefault(statement, parameters[0] if many else parameters)

    event.listen(Engine, "before_cursor_execute", listen)
    yield found
    event.remove(Engine, "before_cursor_execute", listen)


NAME = "'ref:OLD-' || c || '-' || r"
COPIES: dict[str, dict[str, str]] = {
    "batches": {"id": "1000 + c", "name": "'old-' || c"},
    "runs": {"id": "1000 + c", "batch_id": "1000 + c", "sheet_id": "1000 + c", "sha256": "'old-' || c"},
    "rows": {"id": "100000 + 1000 * c + r", "run_id": "1000 + c", "position": "r", "identity": NAME, "named": NAME},
    "attempts": {"id": "100000 + 1000 * c + r", "batch_id": "1000 + c", "run_id": "1000 + c", "identity": NAME}
    | {"named": NAME, "session_id": "'session-' || c || '-' || r"},
}
"""What is another in each copy `c` of a batch, and each copy `r` of its row."""


def age(url: str) -> None:
    """Forty batches from before, of 500 rows each: copies of the one that is there."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name, changes in COPIES.items():
            changed = dict(changes)
            if name in {"rows", "attempts"}:
                changed["fingerprint"] = "decode(md5(c || '-' || r), 'hex')"
            columns = [column.name for column in tables.metadata.tables[name].columns]
            values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
            listed = ", ".join(f'"{column}"' for column in columns)
            copies = "generate_series(1, 40) AS c" + (", generate_series(0, 499) AS r" if "r" in changed["id"] else "")
            one = f"(SELECT * FROM {name} ORDER BY id LIMIT 1) AS one"
            connection.execute(f"INSERT INTO {name} ({listed}) SELECT {values} FROM {one}, {copies}".encode())
        connection.execute("ANALYZE")


def walks(url: str, asked: dict[str, Any]) -> list[str]:
    """The statements for which a table that grows has to be walked, by what the database plans."""
    growing = "|".join(GROWING)
    plans = {}
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            for one, given in asked.items():
                told = connection.execute(f"EXPLAIN {one}".encode(), given)
                plans[one] = "\n".join(str(line) for (line,) in told)
        # Without a condition an index is walked from one end to the other.
        index = rf"Index (?:Only )?Scan(?: Backward)? using \S+ on ({growing})\b[^\n]*\n(?!\s+Index Cond)"
        walk = rf"Seq Scan on ({growing})\b|{index}"
    else:
        with closing(sqlite3.connect(url)) as connection:
            for one, given in asked.items():
                steps = connection.execute(f"EXPLAIN QUERY PLAN {one}", given)
                plans[one] = "\n".join(step[3] for step in steps)
        walk = rf"\bSCAN ({growing})\b"
    return [f"{one}\n{plans[one]}" for one in asked if re.search(walk, plans[one])]


def test_no_statement_of_a_run_walks_what_is_there_from_before(url: str, tmp_path: Path, asked: dict[str, Any]) -> None:
    """A first run, the same again, a corrected sheet and another batch: each finds its records by an index."""
    with FaultServer() as api:
        desk = Desk(tmp_path, api, {"journal": url})
        desk.environment()
        if url.startswith("postgresql"):
            assert desk.run([Line("OLD-0")], name="old.csv").code == 0
            age(url)
        asked.clear()
        lines = [Line(f"INV-{number}") for number in range(8)]
        assert desk.run(lines, name="november.csv").code == 0
        assert desk.run(lines, name="november.csv").code == 0
        assert desk.run([*lines[1:], Line("INV-9", amount="11.00")], name="november.csv").code == 0
        assert desk.run([Line(f"DEC-{number}") for number in range(8)], name="december.csv").code == 0
        found = walks(url, asked)
        assert not found, "\n\n".join(found)


def test_postgresql_knows_of_a_run_of_many_rows_in_a_large_journal(tmp_path: Path) -> None:
    """Else it takes the run for one row, and a page compares every row with every attempt."""
    with place("postgresql", tmp_path) as url, FaultServer() as api:
        desk = Desk(tmp_path, api, {"journal": url})
        assert desk.run([Line(f"OLD-{number}") for number in range(9)], name="old.csv").code == 0
        age(url)
        assert desk.run([Line(f"INV-{number}") for number in range(500)], name="november.csv").code == 0
        with psycopg.connect(url) as connection:
            latest = connection.execute("SELECT max(run_id) FROM rows WHERE run_id < 1000").fetchone()
            asked = "EXPLAIN (FORMAT JSON) SELECT id FROM rows WHERE run_id = %s"
            plan = connection.execute(asked, latest).fetchone()
        assert plan is not None
        assert plan[0][0]["Plan"]["Plan Rows"] > 100


OTHER_STATES = """
INSERT INTO states (batch_id, session_id, session_status, transactions, known, since, asked_at)
SELECT batch_id, md5(c::text), session_status, transactions, known, since, asked_at
FROM (SELECT * FROM states LIMIT 1) AS one, generate_series(1, 20000) AS c
"""


def visited(plan: dict[str, Any]) -> float:
    """How many records the steps of a plan looked at, those included that they left out."""
    here = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    return float(here * plan["Actual Loops"] + sum(visited(part) for part in plan.get("Plans", ())))


def test_who_has_paid_looks_at_each_state_a_few_times(tmp_path: Path, asked: dict[str, Any]) -> None:
    """PostgreSQL counts what `status` has learnt, and has a way as short among states that it has not counted."""
    many = 600
    with place("postgresql", tmp_path) as url, FaultServer() as api:
        desk = Desk(tmp_path, api, {"journal": url})
        assert desk.run([Line(f"INV-{number}") for number in range(many)], name="november.csv").code == 0
        told = status(StatusRequest("november", workbook=False), load({}, desk.environment(), None), ignore)
        assert told.asked == many
        with psycopg.connect(url, autocommit=True) as connection, open_journal(url) as journal:
            counted = connection.execute("SELECT reltuples FROM pg_class WHERE oid = 'states'::regclass").fetchone()
            assert counted == (many,)
            connection.execute(OTHER_STATES)
            connection.execute("DELETE FROM pg_statistic WHERE starelid = 'states'::regclass")
            asked.clear()
            with journal.reading() as reading:
                found = overview.requests(reading, 1)
                for state in (None, *PaymentState):
                    overview.lines(reading, found, overview.Filter(state), 0, 50)
            for one, given in asked.items():
                told_plan = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {one}".encode(), given).fetchone()
                assert told_plan is not None
                assert visited(told_plan[0][0]["Plan"]) < 20 * (many + 20_000), one
