"""The sending loop over real sockets: tokens as it lends them, how it stops, and another program in its way."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from support.fault_server import Behaviour, FaultServer, Talk, answers, authorized, created, hangs
from support.journals import place
from support.run_fixture import Desk, Line, agree, ignore

from pipeline.domain.attempt_rules import IllegalChangeError
from pipeline.domain.errors import InterruptedRunError, StoppedEarlyError
from pipeline.domain.events import Event, FirstSent, RowEnded, RowHeld, RunPlanned
from pipeline.domain.model import Outcome, SourceFile
from pipeline.journal import attempts, planning, queries, runs
from pipeline.journal.attempts import Intent, Settlement
from pipeline.journal.group_commit import recording
from pipeline.journal.journal import Batch, Journal, open_journal
from pipeline.journal.planning import PendingRow
from pipeline.journal.runs import RunStart
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import CHUNK, Assignment, _Queue
from pipeline.system.signals import interrupts

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
AN_HOUR = answers(429, b"", {"Retry-After": "3600"})


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: FaultServer) -> Desk:
    return Desk(tmp_path, server)


def lines(count: int, *, link: bool = False) -> list[Line]:
    return [Line(f"INV-{number}", link) for number in range(count)]


# ---------------------------------------------------------------------------------------------------------------
# Tokens


@dataclass(slots=True)
class Mint:
    """Gives out tokens and takes them: each lives so long, whatever it says, and serves so often."""

    lives: float = 600.0
    says: Any = 599
    uses: int = 1_000_000
    revoked_at: int = -1
    given: int = 0
    refused: int = 0
    asking: int = 0
    asking_at_once: int = 0
    takes: float = 0.0
    _born: dict[str, float] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authorize(self, talk: Talk) -> None:
        with self._lock:
            self.asking += 1
            self.asking_at_once = max(self.asking, self.asking_at_once)
        talk.server.stopping.wait(self.takes)
        with self._lock:
            self.asking -= 1
            self.given += 1
            token = f"token-{self.given}"
            self._born[token], self._used[token] = time.monotonic(), 0
        said = {} if self.says is None else {"expires_in": self.says}
        talk.answer(200, {"access_token": token, "token_type": "bearer", **said})

    def create(self, talk: Talk) -> None:
        assert talk.asked is not None
        token = talk.asked.headers["authorization"].removeprefix("Bearer ")
        with self._lock:
            if sum(self._used.values()) == self.revoked_at:
                self.revoked_at = -1
                self._born = {}
            good = time.monotonic() < self._born.get(token, -self.lives) + self.lives
            good = good and self._used[token] < self.uses
            if good:
                self._used[token] += 1
            else:
                self.refused += 1
        if good:
            created(talk)
        else:
            talk.answer(401, {"title": "Unauthorized", "status": 401})

    def serve(self, server: FaultServer) -> None:
        server.well_authorized, server.well_created = self.authorize, self.create


# The end of a lifetime that nobody knows is a number of uses: a busy machine may need a second for the first one.
MINTS = {
    "599 seconds": (Mint(), (1, 1), 0),
    "299 seconds": (Mint(lives=299, says=299), (1, 1), 0),
    "2 seconds": (Mint(lives=60, says=2), (2, 3), 0),
    "no lifetime said": (Mint(uses=8, says=None), (2, 30), 8),
    "a wrong lifetime": (Mint(uses=8, says=599), (2, 30), 8),
    "no number": (Mint(uses=8, says="soon"), (2, 30), 8),
    "a negative lifetime": (Mint(uses=8, says=-1), (2, 30), 8),
    "single use": (Mint(uses=1), (24, 60), 8),
    "revoked in the middle": (Mint(revoked_at=12), (2, 30), 8),
}


@pytest.mark.parametrize(("mint", "tokens", "refused"), MINTS.values(), ids=MINTS)
def test_tokens_of_every_kind(desk: Desk, mint: Mint, tokens: tuple[int, int], refused: int) -> None:
    """However long tokens live and whatever is said of it, each row is created once, with few refusals."""
    mint.serve(desk.server)
    desk.settings |= {"concurrency": "4", "rate": "10"}
    began = time.monotonic()
    ran = desk.run(lines(24, link=True))
    renewals = (time.monotonic() - began) / 1.5  # as many more as a busy machine makes the run last
    assert (ran.code, desk.server.created) == (0, {f"INV-{number}": 1 for number in range(24)})
    assert tokens[0] <= mint.given <= tokens[1] + renewals
    assert mint.refused <= refused


@pytest.mark.parametrize("count", [1, 16])
def test_one_authorize_at_a_time(desk: Desk, count: int) -> None:
    """However many rows wait for the first token, it is asked for once."""
    mint = Mint(takes=0.3)
    mint.serve(desk.server)
    ran = desk.run(lines(count))
    assert (ran.code, mint.given, mint.asking_at_once) == (0, 1, 1)


def test_renewal_is_one_authorize_too(desk: Desk) -> None:
    """When a token ends under many rows, one is asked for in its place."""
    mint = Mint(lives=0.5, says=0.5, takes=0.1)
    mint.serve(desk.server)
    desk.settings |= {"concurrency": "16", "rate": "40"}
    ran = desk.run(lines(60))
    assert (ran.code, mint.asking_at_once) == (0, 1)


@pytest.mark.parametrize(
    "behaviours",
    [
        pytest.param([answers(500)], id="500"),
        pytest.param([answers(429, b"", {"Retry-After": "0"})] * 2, id="429"),
        pytest.param([answers(503, b"", {"Retry-After": "1"})], id="503"),
        pytest.param([hangs], id="hangs"),
    ],
)
def test_authorize_fails_for_a_while(desk: Desk, behaviours: list[Behaviour]) -> None:
    """A failure to get a token is certainly "not sent": it is asked for again, and each row is created once."""
    desk.server.on_authorize.extend(behaviours)
    ran = desk.run(lines(5, link=True))
    assert (ran.code, set(desk.server.created.values())) == (0, {1})
    assert {row.attempts for row in ran.rows.values()} == {1}


@pytest.mark.parametrize(
    "behaviour",
    [answers(200, b"<html>"), answers(302, b"", {"Location": "/login"}), answers(404)],
    ids=["HTML", "a redirect", "404"],
)
def test_an_address_that_is_no_api(desk: Desk, behaviour: Behaviour) -> None:
    """The address is wrong: the run ends with 2 after one request, and the same command goes on once it is right."""
    desk.server.well_authorized = behaviour
    ran = desk.run(lines(50))
    assert (ran.code, set(ran.statuses().values()), len(desk.server.requests)) == (2, {"not-sent"}, 1)
    desk.server.well_authorized = authorized
    assert desk.run(lines(50)).code == 0


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials(desk: Desk, status: int) -> None:
    """Credentials that are refused end the run with 4 before anything is sent, and the same command goes on."""
    desk.server.well_authorized = answers(status)
    ran = desk.run(lines(5))
    assert (ran.code, set(ran.statuses().values())) == (4, {"not-sent"})
    desk.server.well_authorized = authorized
    assert desk.run(lines(5)).code == 0


def test_a_fresh_token_is_refused(desk: Desk) -> None:
    """When fresh tokens are refused too, the run stops with 4; nothing was created, and the same command goes on."""
    desk.settings["concurrency"] = "2"
    desk.server.well_created = answers(401)
    ran = desk.run(lines(12, link=True))
    assert (ran.code, ran.stopped) == (
        4,
        (
            "The API refused a new access token (HTTP 401). Nothing more was sent. Check "
            "that the API user can create e-Transfer requests, then run the same command "
            "again."
        ),
    )
    assert set(ran.statuses().values()) == {"failed", "not-sent"}
    assert len(desk.server.creations) <= 8
    desk.server.well_created = created
    assert desk.run(lines(12, link=True)).code == 0
    assert set(desk.server.created.values()) == {1}


# ---------------------------------------------------------------------------------------------------------------
# Stopping whatever it waits for


def interrupt(then: Behaviour) -> Behaviour:
    """Ctrl-C comes, and then the server does this."""

    def behave(talk: Talk) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        then(talk)

    return behave


WAITS: dict[str, Callable[[FaultServer], None]] = {
    "for an hour that the server wishes": lambda server: server.on_create.append(interrupt(AN_HOUR)),
    "for a token that does not come": lambda server: server.on_authorize.append(interrupt(hangs)),
    "for authorize, pushed back for an hour": lambda server: server.on_authorize.append(interrupt(AN_HOUR)),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("token_use", ["auto", "single"])
def test_ctrl_c_ends_every_wait(desk: Desk, wait: Callable[[FaultServer], None], token_use: str) -> None:
    """Whatever a run waits for when nothing is in flight, Ctrl-C ends it at once; the same command goes on."""
    desk.settings |= {"answer_timeout": "3600", "token_use": token_use, "concurrency": "4"}
    wait(desk.server)
    busy = time.process_time()
    ran = desk.run(lines(8))
    assert time.process_time() - busy < 5
    assert (ran.code, ran.stopped) == (
        6,
        (
            "Stopped at your request. Requests in progress were completed; the other rows "
            "were not sent. Run the same command again to resume."
        ),
    )
    assert set(ran.statuses().values()) <= {"failed", "not-sent", "created"}
    desk.server.on_authorize.clear()
    assert desk.run(lines(8)).code == 0
    assert set(desk.server.created.values()) == {1}


def test_ctrl_c_while_it_backs_off_after_an_uncertain_answer(desk: Desk) -> None:
    """A row that would be tried again after an uncertain answer stays unknown for now; the same command tries it."""
    desk.settings["concurrency"] = "1"
    desk.server.on_create.append(interrupt(answers(500)))
    ran = desk.run(lines(3))
    assert (ran.code, ran.stopped) == (
        5,
        (
            "Stopped at your request. Requests in progress were completed; the other rows "
            "were not sent. Run the same command again to resume."
        ),
    )
    assert ran.statuses() == {"INV-0": "unknown", "INV-1": "not-sent", "INV-2": "not-sent"}
    again = desk.run(lines(3))
    assert (again.code, desk.server.created) == (0, {"INV-0": 1, "INV-1": 1, "INV-2": 1})


def test_what_is_in_flight_is_finished(desk: Desk) -> None:
    """A request that is in flight when Ctrl-C comes is waited for, and its session recorded; nothing new begins."""
    desk.settings |= {"concurrency": "2", "answer_timeout": "60"}
    both = threading.Barrier(2)

    def slowly(talk: Talk) -> None:
        both.wait(60)
        talk.server.stopping.wait(0.5)
        created(talk)

    desk.server.on_create.extend([slowly, interrupt(slowly)])
    ran = desk.run(lines(6, link=True))
    assert (ran.code, ran.stopped) == (
        6,
        (
            "Stopped at your request. Requests in progress were completed; the other rows "
            "were not sent. Run the same command again to resume."
        ),
    )
    assert sorted(ran.statuses().values()) == ["created"] * 2 + ["not-sent"] * 4
    assert desk.server.created.total() == 2


def test_until_in_the_past(desk: Desk) -> None:
    """A time to stop that has passed sends nothing, and says so with 6."""
    ran = desk.run(lines(3), until=datetime.now(UTC) - timedelta(minutes=1))
    assert (ran.code, ran.stopped, desk.server.creations) == (
        6,
        ("Stopped at {time}, as requested. The other rows were not sent. Run the same command again to resume."),
        [],
    )
    assert set(ran.statuses().values()) == {"not-sent"}
    assert desk.run(lines(3)).code == 0


def test_until(desk: Desk) -> None:
    """At the time of `--until` what is in flight is finished and the rest is not sent; the same command goes on."""
    desk.settings |= {"rate": "8", "concurrency": "2"}
    desk.environment()  # makes the journal, which takes none of the run's seconds
    ran = desk.run(lines(60), until=datetime.now(UTC) + timedelta(seconds=2))
    assert (ran.code, ran.stopped) == (
        6,
        ("Stopped at {time}, as requested. The other rows were not sent. Run the same command again to resume."),
    )
    made = sum(status == "created" for status in ran.statuses().values())
    assert made < 60
    assert desk.server.created.total() == made
    desk.settings.clear()
    assert desk.run(lines(60)).code == 0
    assert set(desk.server.created.values()) == {1}


def test_rate(desk: Desk) -> None:
    """With `--rate` no request comes before its turn, however many may be in flight."""
    times: list[float] = []

    def noted(talk: Talk) -> None:
        times.append(time.monotonic())
        created(talk)

    desk.server.well_created = noted
    desk.settings |= {"rate": "20", "concurrency": "16"}
    began = time.monotonic()
    assert desk.run(lines(40)).code == 0
    assert all(at - began >= turn / 20 for turn, at in enumerate(sorted(times)))


def test_a_signal_after_the_loop_has_ended() -> None:
    """A signal that comes when the last loop has closed changes nothing: it must not be a fault of the program."""

    async def send(stop_of: list[CancelToken]) -> None:
        stop_of.append(CancelToken())
        with signals.asking(
            stop_of[0].request,
            InterruptedRunError(
                "Stopped at your request. Requests in progress were completed; the other rows "
                "were not sent. Run the same command again to resume."
            ),
        ):
            pass

    with interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")) as signals:
        stops: list[CancelToken] = []
        asyncio.run(send(stops))
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops[0].reason is None


# ---------------------------------------------------------------------------------------------------------------
# Another program in its way


def meanwhile(happens: Callable[[], None]) -> Callable[[RunPlanned | FirstSent], bool]:
    """Agrees to everything; while it is asked, something happens."""

    def confirm(_question: RunPlanned | FirstSent) -> bool:
        happens()
        return True

    return confirm


def staged(desk: Desk) -> tuple[Journal, Batch, int, list[PendingRow]]:
    """What a second program reads of the last run."""
    with open_journal(desk.place) as journal:
        (line,) = journal.read(queries.batch_lines)
        assert line.last_run is not None
        batch = Batch(line.id, line.name, line.environment)
        return journal, batch, line.last_run, journal.read(planning.to_send, line.last_run, batch.id, -1, 100)


def try_row(journal: Journal, batch: Batch, run: int, row: PendingRow, outcome: Outcome | None) -> None:
    """Another program tries a row of this batch, as if there were no lock."""
    number = len(row.history) + 1
    now = datetime.now(UTC)
    with journal.engine.begin() as connection:
        intent = Intent(batch.id, run, row.identity, number, row.number, row.payment, row.fingerprint, now)
        attempts.intend(connection, [intent])
        if outcome is not None:
            session = ID if outcome is Outcome.CREATED else ""
            attempts.settle(connection, [Settlement(batch.id, row.identity, number, outcome, now, session)])


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.UNKNOWN, None], ids=["created", "perhaps", "in flight"])
def test_another_program_sent_a_row_since_the_plan(desk: Desk, outcome: Outcome | None) -> None:
    """Though the lock was lost, a row that another program sent after this one had planned it is not sent again."""

    def other() -> None:
        journal, batch, run, rows = staged(desk)
        try_row(journal, batch, run, rows[1], outcome)

    desk.settings["concurrency"] = "1"
    desk.confirm = meanwhile(other)
    ran = desk.run(lines(3, link=True))
    assert (ran.stopped, desk.server.created["INV-1"]) == (
        (
            "Another program is sending rows of this batch. This run stopped so that no "
            "request is sent twice. Run the same command again when the other has ended."
        ),
        0,
    )
    assert ran.code == (7 if outcome is Outcome.CREATED else 5)


def test_another_program_sends_a_row_at_this_very_moment(desk: Desk) -> None:
    """When another program records the same attempt first, the request is not sent, and the run ends with 7."""

    def other(talk: Talk) -> None:
        journal, batch, run, rows = staged(desk)
        try_row(journal, batch, run, next(row for row in rows if row.payment.reference_id == "INV-1"), Outcome.CREATED)
        created(talk)

    desk.settings |= {"concurrency": "1", "answer_timeout": "30"}
    desk.server.on_create.append(other)
    ran = desk.run(lines(3, link=True))
    assert (ran.code, ran.stopped) == (
        7,
        (
            "Another program is sending rows of this batch. This run stopped so that no "
            "request is sent twice. Run the same command again when the other has ended."
        ),
    )
    assert ran.statuses() == {"INV-0": "created", "INV-1": "created", "INV-2": "not-sent"}
    assert desk.server.created == {"INV-0": 1}


def test_two_names_of_one_journal_are_one_lock(desk: Desk, tmp_path: Path) -> None:
    """A batch is held whatever name the journal goes by."""
    assert desk.run(lines(1)).code == 0
    link = tmp_path / "elsewhere" / "link.sqlite"
    link.parent.mkdir()
    link.symlink_to(desk.journal)
    _, batch, _, _ = staged(desk)
    with open_journal(str(link)) as journal, journal.lease(batch):
        ran = desk.run(lines(1))
    assert (ran.code, ran.stopped) == (
        7,
        ("Another run is using batch {batch}. Wait until it ends, then run the same command again."),
    )


def test_a_rehearsal_leaves_a_run_alone_that_is_being_staged(tmp_path: Path) -> None:
    """`validate` beside a run of the same batch does not take that run, half staged, for one that a crash left."""
    now = datetime.now(UTC)

    def beginning(purpose: str) -> RunStart:
        return RunStart(purpose, SourceFile("sheet.csv", "0" * 64), "http://127.0.0.1", (), ("referenceId",), now)

    with open_journal(str(tmp_path / "journal.sqlite")) as journal:
        batch = journal.write(runs.ensure_batch, "sheet", "http://127.0.0.1", now)
        run = journal.write(runs.begin, batch.id, beginning("run"))
        journal.write(runs.begin, batch.id, beginning("rehearsal"))
        assert journal.read(queries.report, run).batch == "sheet"
        journal.write(runs.begin, batch.id, beginning("run"))
        with pytest.raises(LookupError):
            journal.read(queries.report, run)


def test_an_outcome_may_be_said_twice_but_not_changed(desk: Desk) -> None:
    """An outcome whose commit got lost on the way back is offered again; another outcome for it raises."""
    desk.run(lines(2), until=datetime.now(UTC))
    journal, batch, run, rows = staged(desk)
    now = datetime.now(UTC)
    try_row(journal, batch, run, rows[0], Outcome.CREATED)
    try_row(journal, batch, run, rows[1], None)
    again = Settlement(batch.id, rows[0].identity, 1, Outcome.CREATED, now, ID)
    new = Settlement(batch.id, rows[1].identity, 1, Outcome.UNKNOWN, now)
    with journal.engine.begin() as connection:
        attempts.settle(connection, [again, new])
    for other in (
        Settlement(batch.id, rows[0].identity, 1, Outcome.UNKNOWN, now),
        Settlement(batch.id, rows[0].identity, 1, Outcome.CREATED, now, ID.replace("0", "1")),
        Settlement(batch.id, rows[0].identity, 2, Outcome.CREATED, now, ID),
    ):
        with pytest.raises(IllegalChangeError), journal.engine.begin() as connection:
            attempts.settle(connection, [other])


# ---------------------------------------------------------------------------------------------------------------
# Repeats at the last moment


def test_two_batches_of_one_content_at_once(desk: Desk) -> None:
    """When another batch sends the same content after this one was planned, the row is held at the last moment."""
    other = Desk(desk.folder, desk.server, desk.settings)
    desk.confirm = meanwhile(lambda: check_done(other.run(lines(2, link=True), name="copy.csv").code))
    ran = desk.run(lines(3, link=True))
    assert (ran.code, ran.statuses()) == (1, {"INV-0": "held", "INV-1": "held", "INV-2": "created"})
    assert set(desk.server.created.values()) == {1}
    desk.confirm = agree
    assert desk.run(lines(3, link=True)).code == 1
    assert set(desk.server.created.values()) == {1}


def check_done(code: int) -> None:
    assert code == 0


def test_the_second_of_two_equal_rows(desk: Desk) -> None:
    """With `#` in `--identity` two equal rows are two payments, each sent once, also when one of them was unknown."""
    desk.settings |= {"identity": "referenceId,#", "concurrency": "1"}
    desk.server.on_create.extend([created, hangs])
    sheet = [Line("INV-1", link=True), Line("INV-1", link=True)]
    assert desk.run(sheet).code == 5
    assert desk.server.created == {"INV-1": 1}
    assert desk.run(sheet).code == 5
    assert desk.run(sheet, resend_unknown=True).code == 0
    assert desk.run(sheet, resend_unknown=True).code == 0
    assert desk.server.created == {"INV-1": 2}


def test_another_identity_for_the_same_sheet(desk: Desk) -> None:
    """A sheet that is run again with another `--identity` finds its earlier payments, certain and uncertain ones."""
    desk.server.on_create.append(hangs)
    desk.settings["concurrency"] = "1"
    sheet = lines(4, link=True)
    assert desk.run(sheet).code == 5
    desk.settings["identity"] = "referenceId,email"
    again = desk.run(sheet)
    assert (again.code, again.status("INV-0"), again.status("INV-3")) == (5, "unknown", "already-created")
    assert desk.server.created == {"INV-1": 1, "INV-2": 1, "INV-3": 1}


# ---------------------------------------------------------------------------------------------------------------
# Outcomes that share a commit


def test_an_outcome_that_can_not_be_kept_takes_no_other_with_it(desk: Desk) -> None:
    """One outcome of a group is a fault of the program; its neighbour's session is kept all the same."""
    desk.run(lines(3), until=datetime.now(UTC))
    journal, batch, run, rows = staged(desk)
    now = datetime.now(UTC)
    for row in rows[:2]:
        try_row(journal, batch, run, row, None)
    with journal.engine.begin() as connection:
        attempts.settle(connection, [Settlement(batch.id, rows[1].identity, 1, Outcome.NOT_CREATED, now)])

    async def both() -> list[Any]:
        async with recording(journal, None) as recorder:
            good = recorder.settle(Settlement(batch.id, rows[0].identity, 1, Outcome.CREATED, now, ID))
            bad = recorder.settle(Settlement(batch.id, rows[1].identity, 1, Outcome.UNKNOWN, now))
            return list(await asyncio.gather(good, bad, return_exceptions=True))

    told = asyncio.run(both())
    assert [type(one) for one in told] == [list, IllegalChangeError]
    assert journal.read(planning.to_send, run, batch.id, -1, 10)[0].history[0].session_id == ID


def test_an_outcome_nobody_waits_for_any_more_is_kept(desk: Desk) -> None:
    """Whoever was cancelled while he waited: what the API answered is in the journal."""
    desk.run(lines(3), until=datetime.now(UTC))
    journal, batch, run, rows = staged(desk)
    try_row(journal, batch, run, rows[0], None)

    async def leave() -> None:
        async with recording(journal, None) as recorder:
            recorder.settle(Settlement(batch.id, rows[0].identity, 1, Outcome.CREATED, datetime.now(UTC), ID))

    asyncio.run(leave())
    assert journal.read(planning.to_send, run, batch.id, -1, 10)[0].history[0].session_id == ID


def test_an_outcome_outlives_the_connection_that_was_kept_for_it(desk: Desk) -> None:
    """The server ends the connection between two commits: the next outcome finds another one."""
    with place("postgresql", desk.folder) as url:
        desk.settings["journal"] = url
        desk.run(lines(3), until=datetime.now(UTC))
        journal, batch, run, rows = staged(desk)
        for row in rows[:2]:
            try_row(journal, batch, run, row, None)

        async def cut_off() -> None:
            async with recording(journal, None) as recorder:
                await recorder.settle(Settlement(batch.id, rows[0].identity, 1, Outcome.CREATED, datetime.now(UTC), ID))
                with psycopg.connect(url, autocommit=True) as other:
                    ended = other.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                    assert ended.fetchall()
                await recorder.settle(Settlement(batch.id, rows[1].identity, 1, Outcome.REJECTED, datetime.now(UTC)))

        asyncio.run(cut_off())
        kept = [row.history[0].outcome for row in journal.read(planning.to_send, run, batch.id, -1, 2)]
        journal.engine.dispose()
    assert kept == [Outcome.CREATED, Outcome.REJECTED]


def test_rows_that_come_together_are_spread_over_commits_and_all_are_kept(desk: Desk) -> None:
    """A group that finds the journal idle is cut, so that its rows do not stay together; nothing of it is lost."""
    desk.run(lines(8), until=datetime.now(UTC))
    journal, batch, run, rows = staged(desk)
    now = datetime.now(UTC)
    intents = [Intent(batch.id, run, row.identity, 1, row.number, row.payment, row.fingerprint, now) for row in rows]
    commits: list[Any] = []
    event.listen(journal.engine, "commit", commits.append)

    async def together() -> list[Any]:
        async with recording(journal, None) as recorder:
            return await asyncio.gather(*map(recorder.intend, intents))

    assert asyncio.run(together()) == [[]] * 8
    assert len(commits) == 2
    assert [len(row.history) for row in journal.read(planning.to_send, run, batch.id, -1, 10)] == [1] * 8


def broken(event: Event) -> None:
    """What draws the progress breaks off: its terminal has gone."""
    if isinstance(event, RowEnded | RowHeld):
        raise BrokenPipeError


def test_a_row_that_was_only_intended_is_not_taken_for_perhaps(desk: Desk) -> None:
    """The row before can't be shown, and the program ends: the next row, whose intent is durable, was never sent."""
    desk.settings["concurrency"] = "1"
    desk.emit = broken
    with pytest.raises(BrokenPipeError):
        desk.run(lines(3))
    assert [asked.reference for asked in desk.server.creations] == ["INV-0"]
    desk.emit = ignore
    again = desk.run(lines(3))
    assert again.code == 0
    assert desk.server.created == {"INV-0": 1, "INV-1": 1, "INV-2": 1}


def test_more_workers_than_rows_are_read_at_a_time(desk: Desk) -> None:
    """Nobody gives up because the first rows were taken by others: the queue reads on while there are rows."""

    class Rows:
        def read(
            self, _query: object, _run: int, _batch: int, after: int, limit: int, _: object
        ) -> list[SimpleNamespace]:
            time.sleep(0.01)
            return [SimpleNamespace(position=at) for at in range(after + 1, min(1_200, after + 1 + limit))]

    async def drain() -> list[int]:
        queue = _Queue(Assignment(Rows(), Batch(1, "sheet", ""), 1))  # type: ignore[arg-type]
        ended: list[int] = []
        taken: list[int] = []

        async def work() -> None:
            while (row := await queue.next()) is not None:
                taken.append(row.position)
                await asyncio.sleep(0.01)
            ended.append(len(taken))

        await asyncio.gather(*(work() for _ in range(CHUNK + 12)))
        assert taken == list(range(1_200))
        return ended

    assert min(asyncio.run(drain())) == 1_200
