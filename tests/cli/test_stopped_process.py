"""A process that is stopped beyond every time-out (Ctrl-Z, a paused container) and continued reads what was answered.

The server holds its answers until what the test waits for is in flight, stops the process with SIGSTOP, answers into
its sockets, waits until all its time-outs are over, and continues it.
"""

from __future__ import annotations

import os
import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.command import Command, Process
from support.fault_server import FaultServer, Gone, Talk, authorized, created, details
from support.run_fixture import Desk, Line, check_truth, write_sheet

pytestmark = pytest.mark.slow

TLS = Path(__file__).parents[1] / "support" / "tls"
IN_FLIGHT = 4
LINES = [Line(f"INV-{number}", link=number % 2 == 0) for number in range(12)]
TIME_OUT = 1.0
ASLEEP = 3 * TIME_OUT


@dataclass(slots=True)
class Sleeper:
    """The process under test, and how it is stopped: once `IN_FLIGHT` requests wait for their answers."""

    desk: Desk
    command: Command
    process: Process | None = None
    stops: int = 0
    _gate: threading.Barrier = field(default_factory=lambda: threading.Barrier(IN_FLIGHT))
    _asleep: threading.Event = field(default_factory=threading.Event)
    awake: threading.Event = field(default_factory=threading.Event)

    def run(self) -> dict[str, str]:
        """Run the sheet to its end; returns the statuses of its rows."""
        sheet = write_sheet(self.desk.folder / "sheet.csv", LINES)
        self.process = self.command.start("run", sheet, "--yes", env=self.desk.environment())
        said = self.process.communicate(timeout=60)
        references = [line.reference for line in LINES]
        statuses = check_truth(self.desk.folder / "sheet.results.xlsx", references, self.desk.server.sessions)
        assert (self.process.returncode, set(statuses.values())) == (0, {"created"}), said
        return statuses

    @contextmanager
    def stopped(self, talk: Talk, *, together: bool = True) -> Iterator[None]:
        """Stop the process, answer in this context, and continue it when its time is over."""
        first = not together or self._gate.wait(10) == 0
        if first:
            assert self.process is not None
            self.stops += 1
            os.kill(self.process.pid, signal.SIGSTOP)
            self._asleep.set()
        assert self._asleep.wait(10)
        yield
        if first:
            talk.server.stopping.wait(ASLEEP)
            os.kill(self.process.pid, signal.SIGCONT)
            self.awake.set()


@pytest.fixture(params=["http", "https"])
def sleeper(request: pytest.FixtureRequest, tmp_path: Path, command: Command) -> Iterator[Sleeper]:
    context, settings = None, {"concurrency": str(IN_FLIGHT), "answer_timeout": str(TIME_OUT), "connect_timeout": "2"}
    if request.param == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        settings["ca_file"] = str(TLS / "certificate.pem")
    with FaultServer(tls=context) as server:
        yield Sleeper(Desk(tmp_path, server, settings), command)


@pytest.mark.parametrize("ends", ["kept", "closed"])
@pytest.mark.parametrize("already", [0, 4], ids=["at the first requests", "on kept connections"])
def test_what_was_answered_while_it_was_stopped_is_read(sleeper: Sleeper, already: int, ends: str) -> None:
    """No row is unknown or sent again whose answer lies in a socket, also when the server has hung up meanwhile."""

    def answers_asleep(talk: Talk) -> None:
        with sleeper.stopped(talk):
            created(talk)
            if ends == "closed":
                talk.close()
        if ends == "closed":
            raise Gone

    sleeper.desk.server.on_create += [created] * already + [answers_asleep] * IN_FLIGHT
    sleeper.run()
    assert sleeper.stops == 1
    assert set(sleeper.desk.server.created.values()) == {1}


def test_an_answer_that_comes_after_it_was_continued_has_its_time(sleeper: Sleeper) -> None:
    """Whoever answers may have been stopped too: the time in which nobody ran is nobody's time."""

    def answers_awake(talk: Talk) -> None:
        with sleeper.stopped(talk):
            pass
        sleeper.awake.wait(10)
        talk.server.stopping.wait(TIME_OUT / 2)
        created(talk)

    sleeper.desk.server.on_create += [answers_awake] * IN_FLIGHT
    sleeper.run()
    assert set(sleeper.desk.server.created.values()) == {1}


def test_it_may_be_stopped_while_it_asks_for_a_token(sleeper: Sleeper) -> None:
    """The token that lies in the socket is taken: nothing is asked for again."""

    def token_asleep(talk: Talk) -> None:
        with sleeper.stopped(talk, together=False):
            authorized(talk)

    sleeper.desk.server.on_authorize.append(token_asleep)
    sleeper.run()
    assert sleeper.desk.server.tokens == 1


def test_status_reads_what_was_answered_too(sleeper: Sleeper) -> None:
    """To ask about sessions is no different."""
    sleeper.run()

    def details_asleep(talk: Talk) -> None:
        with sleeper.stopped(talk):
            details(talk)

    sleeper.desk.server.on_other += [details_asleep] * IN_FLIGHT
    asked_before = len(sleeper.desk.server.requests)
    sleeper.process = sleeper.command.start("status", "sheet", env=sleeper.desk.environment())
    said = sleeper.process.communicate(timeout=60)
    assert sleeper.process.returncode == 0, said
    assert len(sleeper.desk.server.requests) - asked_before == 1 + len(LINES)
