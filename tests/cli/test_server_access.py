"""The way to a PostgreSQL journal: TLS, passwords, the limits that a server sets, and a sentence for each refusal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import psycopg
import pytest
from keyring.backend import KeyringBackend
from sqlalchemy import Connection, make_url
from support.command import Command
from support.fault_server import FaultServer
from support.postgres import Cluster, cluster
from support.run_fixture import Desk, Line

from pipeline.config import login
from pipeline.config.login import KeyringEntry
from pipeline.domain.errors import RunError, UsageError
from pipeline.journal import database, postgresql
from pipeline.journal.journal import open_journal
from pipeline.messages import explain

HOST = "db.example.com"
PASSWORD = "hunter2-long"
SETTING = {"FLINKS_BASE_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="module")
def encrypted() -> Iterator[tuple[Cluster, Path]]:
    """A server that speaks TLS as `HOST`, and lets `ana` in by her password only; and its certificate."""
    with cluster() as running:
        certificate = running.encrypt(HOST)
        running.run(f"CREATE ROLE ana LOGIN PASSWORD '{PASSWORD}'")
        running.run("CREATE DATABASE billing OWNER ana")
        running.hba("hostssl all ana 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 reject")
        yield running, certificate


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own: without certificates and passwords."""
    folder = tmp_path / "person"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def address(server: Cluster, user: str = "postgres", name: str = "billing", **parameters: str) -> str:
    """The address of a server elsewhere, which is here."""
    given = {"hostaddr": "127.0.0.1"} | parameters
    query = "&".join(f"{key}={value}" for key, value in given.items())
    return f"postgresql://{user}@{HOST}:{server.port}/{name}?{query}"


def refusal(url: str) -> str:
    """The sentence with which a journal is refused."""
    with pytest.raises(UsageError) as refused, open_journal(url):
        pass
    return explain(refused.value)


# ---------------------------------------------------------------------------------------------------------------
# TLS

MODES = {
    "another host": ("postgresql://db.example.com/x", {}, "require"),
    "this machine": ("postgresql://127.0.0.1/x", {}, None),
    "this machine by name": ("postgresql://localhost/x", {}, None),
    "a socket": ("postgresql:///x", {}, None),
    "a socket's folder": ("postgresql:///x?host=/run/postgresql", {}, None),
    "one of two hosts": ("postgresql://localhost,db.example.com/x", {}, "require"),
    "hosts in the parameters": ("postgresql:///x?host=localhost:1&host=db.example.com:2", {}, "require"),
    "the host of the environment": ("postgresql:///x", {"PGHOST": "db.example.com"}, "require"),
    "an IPv6 address": ("postgresql://[2001:db8::1]/x", {}, "require"),
    "this machine by IPv6": ("postgresql://[::1]/x", {}, None),
    "said in the address": ("postgresql://db.example.com/x?sslmode=disable", {}, None),
    "said in the environment": ("postgresql://db.example.com/x", {"PGSSLMODE": "prefer"}, None),
    "an authority": ("postgresql://db.example.com/x?sslrootcert=/etc/ca.pem", {}, "verify-full"),
    "an authority in the environment": ("postgresql://db.example.com/x", {"PGSSLROOTCERT": "system"}, "verify-full"),
}


@pytest.mark.parametrize("name", MODES)
def test_what_a_connection_asks_for(name: str, home: Path) -> None:
    """TLS to every host but this one, and its name where there is an authority; what somebody said goes before."""
    url, environ, mode = MODES[name]
    assert postgresql.tls_mode(make_url(url), environ | {"HOME": str(home)}) == mode


def test_a_server_that_does_not_encrypt_is_refused(server: Cluster) -> None:
    """Nothing is said in the open over a network unless the address says that it may be."""
    server.database()
    assert "does not encrypt" in refusal(address(server, name="team_1"))
    assert database.make(address(server, name="team_1", sslmode="disable"))


def test_the_certificate_is_checked_where_there_is_an_authority(
    encrypted: tuple[Cluster, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one the way is encrypted; with one the server must have its certificate, and its name."""
    server, certificate = encrypted
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = address(server, "ana")
    database.make(url)
    with open_journal(url) as journal, journal.reading() as connection:
        assert connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
    with open_journal(address(server, "ana", sslrootcert=str(certificate))):
        pass
    misnamed = address(server, "ana", sslrootcert=str(certificate)).replace(HOST, "other.example.com")
    assert "certificate" in refusal(misnamed)
    (home / ".postgresql").mkdir()
    other = Path(__file__).parents[1] / "support" / "tls" / "certificate.pem"
    (home / ".postgresql" / "root.crt").write_bytes(other.read_bytes())
    assert "certificate" in refusal(url)


# ---------------------------------------------------------------------------------------------------------------
# Passwords


def test_the_password_comes_from_the_environment_a_file_or_the_keyring(
    encrypted: tuple[Cluster, Path], command: Command, keyring: Path, home: Path
) -> None:
    """Each is enough; without any, or with a wrong one, the sentence says where to keep it, and shows none."""
    server, _ = encrypted
    url = address(server, "ana")
    command.environment |= SETTING | {"FLINKS_IMPORT_JOURNAL": url, "HOME": str(home)}
    command("journal", "create", url, env={"PGPASSWORD": PASSWORD})
    told = []

    def batches(**env: str) -> int:
        done = command("batches", env=env)
        told.append(done.err)
        return done.code

    assert batches() == 2
    assert "login --for-journal" in told[-1]
    assert batches(PGPASSWORD="wrong") == 2
    assert batches(PGPASSWORD=PASSWORD) == 0
    assert command("batches", env={"FLINKS_IMPORT_JOURNAL": url.replace("ana@", f"ana:{PASSWORD}@")}).code == 0
    passwords = home / ".pgpass"
    passwords.write_text(f"*:*:billing:ana:{PASSWORD}\n")
    passwords.chmod(0o600)
    assert batches() == 0
    passwords.unlink()
    kept = command("login", "--for-journal", piped=f"{PASSWORD}\n")
    assert kept.code == 0
    told += [kept.out, kept.err]
    assert batches() == 0
    assert command("login", "--for-journal", "--logout").code == 0
    assert batches() == 2
    assert PASSWORD not in "".join(told)


class PasswordsInMemory(KeyringBackend):
    """A system's keyring, for this process."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password


def test_a_journal_that_is_opened_again_asks_for_the_password_again(
    encrypted: tuple[Cluster, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the keyring or the environment has by then counts, not what they had when this process first came."""
    server, _ = encrypted
    url, before = address(server, "ana"), keyring.get_keyring()
    keyring.set_keyring(PasswordsInMemory())
    try:
        entry = database.keyring_entry(url)
        login.keep(entry, KeyringEntry("ana", PASSWORD))
        database.make(url)
        with open_journal(url, make=False):
            login.keep(entry, KeyringEntry("ana", "changed"))
            assert "refused the user or the password" in refusal(url)
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        with open_journal(url, make=False):
            pass
        monkeypatch.setenv("PGPASSWORD", "wrong")
        assert "refused the user or the password" in refusal(url)
    finally:
        keyring.set_keyring(before)


def test_a_password_on_the_command_line_is_warned_of(command: Command) -> None:
    """What stands on a command line is read by everybody: every command says so, and where it may be instead."""
    done = command("batches", "--journal", f"postgresql://ana:{PASSWORD}@127.0.0.1:9/x", env=SETTING)
    assert (done.code, "login --for-journal" in done.err, PASSWORD in done.err) == (6, True, False)
    done = command("batches", "--journal", "postgresql://ana@127.0.0.1:9/x", env=SETTING)
    assert (done.code, "login --for-journal" in done.err) == (6, False)


# ---------------------------------------------------------------------------------------------------------------
# Limits

LIMITS = {
    "statement_timeout": "10ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "100ms",
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_of_the_server_loses_nothing(server: Cluster, tmp_path: Path, limit: str) -> None:
    """However short its time-outs, a run ends well or with 6, and the next one without them asks nobody twice."""
    lines = [Line(f"INV-{number}", link=True) for number in range(60)]
    name = server.database()
    with FaultServer() as api:
        desk = Desk(tmp_path, api, {"journal": f"{server.url(name)}?connect_timeout=2"})
        desk.environment()
        server.run(f"ALTER DATABASE {name} SET {limit} = '{LIMITS[limit]}'")
        ran = desk.run(lines)
        server.run(f"ALTER DATABASE {name} RESET {limit}")
        assert ran.code in {0, 5, 6}, ran.stopped
        again = desk.run(lines)
        assert max(api.created.values()) == 1
        sure = {reference for reference, status in again.statuses().items() if status != "unknown"}
        assert all(api.created[reference] == 1 for reference in sure)


STATEMENTS = {
    "statement_timeout": "SELECT pg_sleep(1)",
    "lock_timeout": "LOCK TABLE runs",
    "idle_in_transaction_session_timeout": "SELECT 1",
}


@pytest.mark.parametrize("limit", STATEMENTS)
def test_each_limit_has_its_sentence(server: Cluster, limit: str) -> None:
    """What the server says is told in a sentence that names the limit, with the code for a run that may go on."""
    url = server.url(server.database())
    database.make(url)

    def change(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL {limit} = '10ms'")
        connection.exec_driver_sql(STATEMENTS[limit])
        time.sleep(0.1)
        connection.exec_driver_sql("SELECT 1")

    with open_journal(f"{url}?connect_timeout=2") as journal, psycopg.connect(url) as other:
        other.execute("LOCK TABLE runs")
        with pytest.raises(RunError) as failed:
            journal.write(change)
    assert (failed.value.exit_code, limit in explain(failed.value)) == (6, True)


def test_a_server_without_a_connection_left_says_so(server: Cluster) -> None:
    """The sentence says what its administrator has to change."""
    name = server.database()
    database.make(server.url(name))
    server.run(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    server.run("CREATE ROLE visitor LOGIN")
    with pytest.raises(RunError) as refused, open_journal(server.url(name, "visitor"), make=False):
        pass
    assert "no connection left" in explain(refused.value)
