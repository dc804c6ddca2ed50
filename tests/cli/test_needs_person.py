"""What waiting does not help is told apart from an API that can't be reached, and a person is told."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.command import Command
from support.fault_server import Behaviour, FaultServer, answers
from test_notified_run import Mailbox, sheet

GOOD = "N-1,Zoé,Tremblay,zoe@example.com,250\n"
TLS = Path(__file__).parents[1] / "support" / "tls"
NO_DATABASE = "postgresql://user:hunter2@127.0.0.1:9/busy_full_locked"
CAN_NOT_BE_REACHED = "can be reached"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, how it ends, and what is said about it, on the terminal and to whoever is not there."""

    code: int
    says: str
    notified: str
    authorize: Behaviour | None = None
    tls: bool = False
    env: dict[str, str] = field(default_factory=dict)


def elsewhere(*answer: Any) -> Trouble:
    """An address that is not the API's."""
    return Trouble(2, "The base URL is not that of the API", "is not that of the API", answers(*answer))


TROUBLES = {
    **{str(status): elsewhere(status) for status in (301, 307, 404, 405, 410)},
    "a page": elsewhere(200, b"<html>Welcome</html>"),
    "no token": elsewhere(200, {"token": "t"}),
    "a certificate that nobody vouches for": Trouble(6, "is not trusted", "certificate is not trusted", tls=True),
    "a database out of reach": Trouble(
        6, "the journal's database", "database can't be reached", env={"FLINKS_IMPORT_JOURNAL": NO_DATABASE}
    ),
}


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(200)
    yield box
    box.server.shutdown()
    box.server.server_close()


def server_of(trouble: Trouble) -> FaultServer:
    if not trouble.tls:
        return FaultServer(well_authorized=trouble.authorize) if trouble.authorize else FaultServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return FaultServer(tls=context)


def check(trouble: Trouble, server: FaultServer, told: str, mailbox: Mailbox) -> None:
    assert trouble.says in told
    assert CAN_NOT_BE_REACHED not in told
    assert "hunter2" not in told
    assert "Traceback" not in told
    assert len(server.requests) == (1 if trouble.authorize else 0), "it was asked once, or not at all"
    (message,) = mailbox.messages
    assert trouble.notified in message["message"]


@pytest.mark.parametrize("name", TROUBLES)
def test_a_run_ends_at_the_first_try_and_tells_a_person(command: Command, mailbox: Mailbox, name: str) -> None:
    """One request at most, one sentence that is not "can't be reached", the right exit code, one notification."""
    trouble = TROUBLES[name]
    with server_of(trouble) as server:
        env = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "user", "FLINKS_PASSWORD": "hunter2"}
        done = command("run", sheet(command.home, GOOD), "--yes", env=env | mailbox.env | trouble.env)
        assert done.code == trouble.code, done
        check(trouble, server, done.out + done.err, mailbox)


@pytest.mark.parametrize("name", ["404", *list(TROUBLES)[-2:]])
def test_a_pass_ends_and_leaves_every_file_where_it_is(command: Command, mailbox: Mailbox, name: str) -> None:
    """The next file would meet the same: none is moved, and a person hears of it once."""
    trouble = TROUBLES[name]
    drop = command.home / "drop"
    drop.mkdir()
    for file in ("a.csv", "b.csv"):
        sheet(command.home, GOOD.replace("N-1", file)).rename(drop / file)
    with server_of(trouble) as server:
        env = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "user", "FLINKS_PASSWORD": "hunter2"}
        done = command("inbox", drop, "--settle", "0", "--yes", env=env | mailbox.env | trouble.env)
        assert done.code == trouble.code, done
        check(trouble, server, done.out + done.err, mailbox)
    assert sorted(path.name for path in drop.iterdir() if path.is_file()) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("call", ["status", "cancel"])
def test_other_commands_end_the_same_way(command: Command, call: str) -> None:
    """A wrong address is exit code 2 whoever asks."""
    with FaultServer() as server:
        env = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "user", "FLINKS_PASSWORD": "hunter2"}
        assert command("run", sheet(command.home, GOOD), "--yes", env=env).code == 0
        server.well_authorized = answers(404)
        done = command(call, "rent", "--yes", env=env) if call == "cancel" else command(call, "rent", env=env)
    assert (done.code, "is not that of the API" in done.err) == (2, True)
