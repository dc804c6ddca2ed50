"""`kill -9` at instants spread over the whole run, then the same command again, until it is done.

The instants are points of the schedule (the n-th request, before and after it was read, carried out and answered; a
size of the journal's log) and times. Afterwards the server, the workbook and the journal must tell one story.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.command import Command, Process
from support.fault_server import Behaviour, FaultServer, Gone, Talk, Unread, authorized, created
from support.run_fixture import Desk, Line, check_truth, write_sheet

CONCURRENCY = 4
LINES = [Line(f"INV-{number}", link=number % 3 != 0) for number in range(24)]
REFERENCES = [line.reference for line in LINES]
E_MAILED = {line.reference for line in LINES if line.link}
ANSWER_IN = 0.004
"""Seconds in which the server answers: time enough for a kill to fall into a request in flight."""


@dataclass(slots=True)
class Victim:
    """The process that is to be killed, and the server to which it speaks."""

    desk: Desk
    command: Command
    lines: list[Line]
    process: Process | None = None
    kills: int = 0

    def start(self, *args: str) -> None:
        sheet = write_sheet(self.desk.folder / "sheet.csv", self.lines)
        self.process = self.command.start("run", sheet, "--yes", "-q", *args, env=self.desk.environment())

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        process, said = self.process, self.process.communicate(timeout=120)
        self.process = None
        code = process.returncode
        self.kills += code == -signal.SIGKILL
        assert code in {-signal.SIGKILL, 0, 5}, said
        return code

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            if process := self.process:
                os.kill(process.pid, signal.SIGKILL)

    @property
    def log_size(self) -> int:
        with suppress(FileNotFoundError):
            return self.desk.journal.with_name(f"{self.desk.journal.name}-wal").stat().st_size
        return 0


@pytest.fixture
def victim(tmp_path: Path, command: Command) -> Iterator[Victim]:
    with FaultServer(well_created=answers_in_a_while) as server:
        yield Victim(Desk(tmp_path, server, {"concurrency": str(CONCURRENCY), "answer_timeout": "10"}), command, LINES)


def answers_in_a_while(talk: Talk) -> None:
    talk.server.stopping.wait(ANSWER_IN)
    created(talk)


# ---------------------------------------------------------------------------------------------------------------
# Instants

Instant = Callable[[Victim], None]
"""Arranges that a process which is about to start is killed."""


def _killing(victim: Victim, before: Behaviour | None = None) -> Behaviour:
    def behave(talk: Talk) -> None:
        if before is not None:
            before(talk)
        victim.kill()
        raise Gone

    return behave


def at_request(number: int, phase: str) -> Instant:
    """At the n-th request for a session: `unread`, `read`, `made`, or `answered`."""

    def arrange(victim: Victim) -> None:
        killer = {
            "unread": Unread(_killing(victim)),
            "read": _killing(victim),
            "made": _killing(victim, Talk.create),  # type: ignore[arg-type]
            "answered": _killing(victim, created),
        }[phase]
        victim.desk.server.on_create.clear()
        victim.desk.server.on_create.extend([*[answers_in_a_while] * number, killer])  # type: ignore[list-item]

    return arrange


def at_authorize(*, answered: bool) -> Instant:
    """At the request for a token."""

    def arrange(victim: Victim) -> None:
        victim.desk.server.on_authorize.clear()
        victim.desk.server.on_authorize.append(_killing(victim, authorized if answered else None))

    return arrange


def _watching(victim: Victim, is_time: Callable[[], bool]) -> None:
    def watch() -> None:
        while not victim.process:
            time.sleep(0.0002)
        while victim.process and not is_time():  # type: ignore[truthy-bool]
            time.sleep(0.0002)
        victim.kill()

    threading.Thread(target=watch, daemon=True).start()


def at_log_size(size: int) -> Instant:
    """When the journal's write-ahead log has grown by so many bytes: anywhere between two commits, or inside one."""

    def arrange(victim: Victim) -> None:
        before = victim.log_size  # what an earlier kill has left; SQLite begins anew when it has taken it in
        _watching(victim, lambda: victim.log_size >= before + size or size <= victim.log_size < before)

    return arrange


def after_seconds(seconds: float) -> Instant:
    """So long after its start."""

    def arrange(victim: Victim) -> None:
        deadline = time.monotonic() + seconds
        _watching(victim, lambda: time.monotonic() >= deadline)

    return arrange


# ---------------------------------------------------------------------------------------------------------------
# The story afterwards


def unsettled(victim: Victim) -> set[str]:
    """The identities with an attempt that was never settled, as any SQLite client reads them."""
    if not victim.desk.journal.exists():
        return set()
    with suppress(sqlite3.OperationalError):  # killed before the journal had its tables
        connection = sqlite3.connect(victim.desk.journal)
        try:
            return {row[0] for row in connection.execute("SELECT identity FROM attempts WHERE outcome = 'open'")}
        finally:
            connection.close()
    return set()


def kill_at(victim: Victim, instant: Instant) -> None:
    """One process, killed at this instant if it lives so long; at most as many rows are in flight as may be."""
    before = unsettled(victim)
    instant(victim)
    victim.start()
    victim.wait()
    victim.desk.server.on_create.clear()
    victim.desk.server.on_authorize.clear()
    assert len(unsettled(victim) - before) <= CONCURRENCY
    check_server(victim)


def check_server(victim: Victim) -> None:
    """What must hold at every instant."""
    server = victim.desk.server
    assert max(server.emailed.values(), default=0) <= 1
    assert max(server.created.values(), default=0) <= 3


def check_story(victim: Victim) -> None:
    """The same command to its end: nobody asked twice, nothing lost, and the workbook tells the truth."""
    victim.start()
    code = victim.wait()
    check_server(victim)
    server = victim.desk.server
    references = [line.reference for line in victim.lines]
    statuses = check_truth(victim.desk.folder / "sheet.results.xlsx", references, server.sessions)
    unknown = {reference for reference, status in statuses.items() if status == "unknown"}
    assert set(statuses.values()) <= {"created", "already-created", "unknown"}
    assert code == (5 if unknown else 0)
    assert unknown <= {line.reference for line in victim.lines if line.link} or victim.kills >= 3
    assert len(unknown) <= CONCURRENCY * victim.kills
    for reference in set(references) - unknown:
        assert server.created[reference] >= 1
    # Once more: nothing is sent, nothing changes.
    requests = len(server.creations)
    victim.start()
    assert victim.wait() == code
    assert len(server.creations) == requests


PHASES = ("unread", "read", "made", "answered")


@pytest.mark.parametrize("phase", PHASES)
def test_killed_at_requests(victim: Victim, phase: str) -> None:
    """Killed at the n-th request again and again, before it is read, carried out or answered or after, it goes on."""
    for number in (0, 1, 3, 2, 5, 4, 0):
        kill_at(victim, at_request(number, phase))
    assert victim.kills >= 4
    check_story(victim)


def test_killed_at_the_token(victim: Victim) -> None:
    """Killed while it asks for a token nothing was sent, and nothing is unknown."""
    for answered in (False, True, False, True):
        kill_at(victim, at_authorize(answered=answered))
    assert victim.kills == 4
    check_story(victim)
    assert victim.desk.server.created == dict.fromkeys(REFERENCES, 1)


@pytest.mark.parametrize("start", [0, 4_000, 9_000])
def test_killed_at_sizes_of_the_journals_log(victim: Victim, start: int) -> None:
    """Killed at any size of the journal's log, in a commit or between two, it goes on."""
    for step in range(8):
        kill_at(victim, at_log_size(start + 24_000 * step))
    check_story(victim)


def test_killed_by_time(victim: Victim) -> None:
    """Killed at instants spread over the run, from its first moments to its workbook, it goes on."""
    for step in range(12):
        kill_at(victim, after_seconds(0.05 + 0.05 * step))
    check_story(victim)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_hundreds_of_times(tmp_path: Path, command: Command, seed: int) -> None:
    """Hundreds of kills, by every kind of instant in turn, each sheet taken up again until it is done."""
    lines = [Line(f"INV-{number}", link=number % 4 != seed % 4) for number in range(60)]
    kills = 0
    for turn in range(5):
        folder = tmp_path / f"turn-{turn}"
        folder.mkdir()
        with FaultServer(well_created=answers_in_a_while) as server:
            settings = {"concurrency": str(CONCURRENCY), "answer_timeout": "10"}
            victim = Victim(Desk(folder, server, settings), command, lines)
            for step in range(4):
                kill_at(victim, at_request((seed + 2 * step + turn) % 7, PHASES[(seed + step) % 4]))
                kill_at(victim, at_log_size(1_000 + 4_096 * ((7 * step + 3 * turn + seed) % 24)))
                kill_at(victim, after_seconds(0.04 + 0.015 * ((5 * step + 3 * turn + seed) % 17)))
            check_story(victim)
            kills += victim.kills
    assert kills >= 35


def test_the_real_command_is_killed(tmp_path: Path, command: Command) -> None:
    """The command as it is installed, killed while its requests are in flight, says so and goes on."""
    with FaultServer() as server:
        desk = Desk(tmp_path, server, {"concurrency": "4", "answer_timeout": "10"})
        sheet = write_sheet(tmp_path / "sheet.csv", LINES)
        reached = threading.Event()

        def holds(talk: Talk) -> None:
            talk.create()
            reached.set()
            talk.hang()

        server.on_create.extend([created] * 10 + [holds] * 4)
        process = command.start("run", sheet, "--yes", "--json", env=desk.environment(), afresh=True)
        assert reached.wait(120)
        process.kill()
        process.communicate()
        server.on_create.clear()
        again = command("run", sheet, "--yes", "--json", env=desk.environment(), afresh=True)
        summary = again.json()
        statuses = check_truth(Path(summary["output"]), REFERENCES, server.sessions)
        unknown = {reference for reference, status in statuses.items() if status == "unknown"}
    assert again.code == 5
    assert 1 <= len(unknown) <= 4
    assert unknown <= E_MAILED
    assert sum(summary["counts"].values()) == len(LINES)
    assert max(server.emailed.values()) == 1
