"""A team on one PostgreSQL journal, set up as `docs/team.md` says, on a cluster of its own: who may do what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.command import Command, Finished, StandaloneSandbox
from support.journals import open_and_close
from support.postgres import Cluster, cluster

from pipeline.domain.errors import UsageError
from pipeline.journal import database, tables
from pipeline.messages import explain

DOC = Path(__file__).parents[2] / "docs" / "team.md"
SHEET = "Reference,First Name,Last Name,Email,Amount\nR-1,Ann,Roe,ann@example.com,1.00\nR-2,Bo,Li,bo@example.com,2.00\n"
OWNER = "billing_owner"
PEOPLE = {"ana": "billing_prepare", "ben": "billing_approve", "cleo": "billing_read"}


def roles() -> str:
    """The SQL that the page gives."""
    (found,) = re.findall(r"```sql\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A server with the journal of a team: the roles as the page gives them, and a user with each."""
    with cluster() as running:
        running.run(f"CREATE ROLE {OWNER} LOGIN")
        running.run(f"CREATE DATABASE billing OWNER {OWNER} TEMPLATE template0 ENCODING UTF8")
        database.make(running.url("billing", OWNER))
        running.run(roles(), "billing")
        for name, role in PEOPLE.items():
            running.run(f"CREATE ROLE {name} LOGIN IN ROLE {role}")
        yield running


class Person:
    """Somebody at their own computer."""

    def __init__(self, command: Command, server: Cluster, api: StandaloneSandbox, name: str) -> None:
        self._command = command
        self._env = api.env | {"FLINKS_IMPORT_JOURNAL": server.url("billing", name), "LOGNAME": name.title()}

    def __call__(self, *words: object, required: bool = True) -> Finished:
        second = {"FLINKS_IMPORT_SECOND_PERSON": "required"} if required else {}
        return self._command(*words, env=self._env | second)


def test_each_does_their_work_and_no_other(
    server: Cluster, command: Command, standalone_sandbox: StandaloneSandbox, tmp_path: Path
) -> None:
    """Who prepares sends what another approved; who approves does nothing else; who reads changes nothing."""
    ana, ben, cleo = (Person(command, server, standalone_sandbox, name) for name in PEOPLE)
    sheet = tmp_path / "rent.csv"
    sheet.write_text(SHEET)

    def refused(done: Finished) -> bool:
        return done.code == 2 and "Ask whoever looks after the journal" in done.err

    assert ana("validate", sheet).code == 0
    assert ana("plan", sheet).code == 0
    # Nobody does another's work.
    assert refused(ana("approve", "rent-p1", "--total", "3.00", required=False))
    assert refused(ben("validate", sheet))
    assert refused(ben("plan", sheet))
    assert refused(ben("run", sheet, "--yes", required=False))
    for words in (("approve", "rent-p1", "--total", "3.00"), ("validate", sheet), ("plan", sheet)):
        assert refused(cleo(*words)), words
    assert standalone_sandbox.created() == {}
    # Everybody does their own.
    assert ben("approve", "rent-p1", "--dry-run").code == 0
    assert ben("approve", "rent-p1", "--total", "3.00").code == 0
    sent = ana("run", sheet, "--plan", "rent-p1", "--yes")
    assert (sent.code, standalone_sandbox.created()) == (0, {"R-1": 1, "R-2": 1})
    assert ana("status", "rent").code == 0
    assert refused(cleo("status", "rent"))
    for line in ("batches", "batches show rent", "approve rent-p1 --dry-run", "journal check"):
        assert cleo(*line.split()).code == 0, line
    told = cleo("batches", "show", "rent").out
    assert "run by Ana (ana)" in told
    assert "approved by Ben (ben)" in told
    assert ana("run", sheet, "--yes", "--plan", "rent-p1").code == 0
    assert standalone_sandbox.created() == {"R-1": 1, "R-2": 1}


def test_nobody_signs_for_another(server: Cluster) -> None:
    """A record of somebody else's approval, or of one's own without that role, is refused by the database itself."""
    for who, step in (("ben", "approved"), ("ana", "approved"), ("ben", "sent")):
        with psycopg.connect(server.url("billing", "ana")) as connection:
            written = "INSERT INTO plan_events (plan_id, step, who, who_account, at) VALUES (1, %s, '', %s, '')"
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(written, (step, who))


@pytest.mark.parametrize("name", PEOPLE)
def test_no_record_of_a_request_can_be_removed(server: Cluster, name: str) -> None:
    """Nobody but the owner deletes an attempt, a decision or what happened to a plan."""
    for table in ("attempts", "decisions", "evidence", "plans", "plan_events", "batches", "migrations"):
        with (
            psycopg.connect(server.url("billing", name)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(f"DELETE FROM {table}".encode())


@pytest.mark.parametrize("name", PEOPLE)
def test_only_the_owner_upgrades(server: Cluster, name: str) -> None:
    """Another's newer program is refused before it changes anything."""
    with pytest.raises(UsageError) as refused:
        open_and_close(server.url("billing", name), (*database.STEPS, lambda _connection: None))
    assert "upgrade" in explain(refused.value)
    assert server.run("SELECT max(version) FROM migrations", "billing") == [(database.VERSION,)]


def test_every_table_can_be_read(server: Cluster) -> None:
    """The page forgets no table."""
    with psycopg.connect(server.url("billing", "cleo")) as connection:
        for table in tables.metadata.tables:
            connection.execute(f"SELECT count(*) FROM {table}".encode())
