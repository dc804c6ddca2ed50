"""The journal's server is lost in the middle: what is written is written once, and nobody is asked twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, func, insert, select, text
from support.chaos import SECONDS
from support.fault_server import FaultServer, Talk, created
from support.journals import NOW, open_and_close
from support.postgres import Cluster, Fault, Way, cluster, cut_after, cut_before, stall, stall_after
from support.run_fixture import Desk, Line, agree, check_truth, ignore

from pipeline.commands import drafts, environment, plan
from pipeline.config.settings import load
from pipeline.domain.errors import BatchBusyError, RunError
from pipeline.domain.events import FirstSent, RunPlanned
from pipeline.journal import database, runs, tables
from pipeline.journal.drafts import Draft, unsent
from pipeline.journal.journal import open_journal
from pipeline.journal.tables import batches, outputs

ROWS: Final = [Line(f"INV-{number}", link=True) for number in range(4)]
JOURNAL: Final = "team_journal"
REFERENCES: Final = [line.reference for line in ROWS]
FAULTS: Final = {"before it": cut_before, "after it": cut_after, "stalled": stall, "stalled after it": stall_after}


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
def way(server: Cluster) -> Iterator[Way]:
    with Way(server.port) as running:
        yield running


@pytest.fixture
def api() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def empty(server: Cluster, way: Way) -> str:
    """The address of a journal on the other side of the way, which is empty."""
    place = server.url(JOURNAL, port=way.port)
    if not server.run(f"SELECT 1 FROM pg_database WHERE datname = '{JOURNAL}'"):
        server.run(f"CREATE DATABASE {JOURNAL}")
        database.make(place)
    server.end_sessions()
    server.run(f"TRUNCATE {', '.join(tables.metadata.tables.keys() - {'migrations'})}", JOURNAL)
    return place


def desk_at(server: Cluster, way: Way, api: FaultServer, folder: Path, patience: int = 20) -> Desk:
    """A desk whose journal, on the other side of the way, is empty."""
    folder.mkdir(exist_ok=True)
    place = empty(server, way)
    desk = Desk(folder, api, {"journal": f"{place}?connect_timeout={patience}", "concurrency": "2"})
    desk.environment()
    way.commits = way.messages = 0
    return desk


def run_to_its_end(desk: Desk, faults: int = 1) -> int:
    """Run the sheet, once more after each fault that ended a run early: each row is asked for once. Gives the first
    code.
    """
    codes: list[int] = []
    while not codes or codes[-1] == 6:
        ran = desk.run(ROWS)
        codes.append(ran.code)
        assert len(codes) <= 1 + faults
    assert codes[-1] == 0, ran.stopped
    assert desk.server.created == dict.fromkeys(REFERENCES, 1)
    assert ran.result is not None
    assert ran.result.written is not None
    said = check_truth(ran.result.written.path, REFERENCES, desk.server.sessions)
    assert set(said.values()) <= {"created", "already-created"}
    desk.server.created.clear()
    return codes[0]


# ---------------------------------------------------------------------------------------------------------------
# A run


@pytest.mark.parametrize("fault", [cut_before, cut_after], ids=["before it", "after it"])
def test_each_commit_of_a_run_loses_its_connection(
    server: Cluster, way: Way, api: FaultServer, tmp_path: Path, fault: Fault
) -> None:
    """Whichever commit it is at which the connection is lost, before or after the server hears it: the run goes on.

    Only while it opens the journal, it may end at once with 6; the next run then does the work.
    """
    assert run_to_its_end(desk_at(server, way, api, tmp_path / "well")) == 0
    codes = []
    for number in range(way.commits):
        desk = desk_at(server, way, api, tmp_path / str(number))
        way.on_commit.extend([*[None] * number, fault])
        codes.append(run_to_its_end(desk))
    opening = next(number for number, code in enumerate(codes) if code == 0)
    assert codes == [6] * opening + [0] * (len(codes) - opening)
    assert 2 <= opening < len(codes) // 2


def lost_somewhere(server: Cluster, way: Way, api: FaultServer, folder: Path, seed: int) -> None:
    """A run whose connections are cut at random messages."""
    chance = random.Random(seed)
    desk = desk_at(server, way, api, folder)
    faults = chance.choice((1, 1, 2, 3))
    for _ in range(faults):
        way.on_message.extend([*[None] * chance.randrange(120), chance.choice((cut_before, cut_after))])
    run_to_its_end(desk, faults)
    way.on_message.clear()


@pytest.mark.parametrize("seed", range(6))
def test_a_run_loses_its_connection_anywhere(
    server: Cluster, way: Way, api: FaultServer, tmp_path: Path, seed: int
) -> None:
    """Wherever it is lost, once or several times: the run goes on, or ends with 6 and is finished by the next one."""
    lost_somewhere(server, way, api, tmp_path, seed)


@pytest.mark.chaos
def test_runs_lose_their_connections(server: Cluster, way: Way, api: FaultServer, tmp_path: Path) -> None:
    """The same with other seeds, for as long as is asked for."""
    until, seed = time.monotonic() + SECONDS, 1000
    while time.monotonic() < until:
        lost_somewhere(server, way, api, tmp_path / str(seed), seed)
        seed += 1


@pytest.mark.parametrize("fault", [stall, stall_after], ids=["before it", "after it"])
def test_a_commit_is_never_answered_while_sending(
    server: Cluster, way: Way, api: FaultServer, tmp_path: Path, fault: Fault
) -> None:
    """A way that takes everything and answers nothing is left after the patience, and the run goes on by another."""
    desk = desk_at(server, way, api, tmp_path, patience=3)

    def stalls(talk: Talk) -> None:
        way.on_commit.append(fault)
        created(talk)

    api.on_create.append(stalls)
    assert run_to_its_end(desk) == 0


def meanwhile(action: Callable[[], object]) -> Callable[[RunPlanned | FirstSent], bool]:
    """A user during whose answer something happens."""

    def confirm(question: RunPlanned | FirstSent) -> bool:
        action()
        return agree(question)

    return confirm


def test_the_lock_is_lost_while_somebody_thinks(server: Cluster, way: Way, api: FaultServer, tmp_path: Path) -> None:
    """A session that the server ended while nothing was written is taken again with its batch."""
    desk = desk_at(server, way, api, tmp_path)
    desk.confirm = meanwhile(server.end_sessions)
    assert run_to_its_end(desk) == 0


@pytest.mark.parametrize("moment", ["at the question", "while sending"])
def test_another_run_used_the_batch_meanwhile(
    server: Cluster, way: Way, api: FaultServer, tmp_path: Path, moment: str
) -> None:
    """When another run took the batch while the connection was lost, this one ends with 7 and asks nobody more."""
    desk = desk_at(server, way, api, tmp_path)
    other = Desk(tmp_path, api, desk.settings | {"journal": server.url(JOURNAL)})
    codes = []

    def used() -> None:
        way.open = False
        way.cut()
        codes.append(other.run([Line("INV-0-corrected", link=True), *ROWS[1:]], batch="sheet", name="second.csv").code)
        way.open = True

    if moment == "at the question":
        desk.confirm = meanwhile(used)
    else:
        desk.settings["concurrency"] = "1"

        def answers(talk: Talk) -> None:
            created(talk)
            used()

        api.on_create.append(answers)
    ran = desk.run(ROWS)
    assert (ran.code, codes[0] in {0, 5}) == (7 if moment == "at the question" else ran.code, True)
    assert "used batch" in ran.stopped or "is sending rows" in ran.stopped
    assert max(api.created.values()) == 1
    assert api.created["INV-0"] == (0 if moment == "at the question" else 1)


@pytest.mark.parametrize("end", ["restarted", "crashed"])
def test_the_server_is_restarted(server: Cluster, way: Way, api: FaultServer, tmp_path: Path, end: str) -> None:
    """A server that is restarted, or crashes and comes back, in the middle of sending is waited for."""
    desk = desk_at(server, way, api, tmp_path, patience=60)

    def restarts(talk: Talk) -> None:
        created(talk)
        if end == "restarted":
            server.stop()
        else:
            server.crash()
        server.start()

    api.on_create.append(restarts)
    desk.settings["answer_timeout"] = "30"
    assert run_to_its_end(desk) == 0


def test_the_server_stays_away(server: Cluster, way: Way, api: FaultServer, tmp_path: Path) -> None:
    """After the patience the run ends; when the server is back, the same command goes on and asks nobody twice."""
    desk = desk_at(server, way, api, tmp_path, patience=2)

    def stops(talk: Talk) -> None:
        server.stop()
        created(talk)

    api.on_create.append(stops)
    desk.settings["answer_timeout"] = "30"
    began = time.monotonic()
    ran = desk.run(ROWS)
    server.start()
    assert time.monotonic() - began < 60
    assert ran.code in {5, 6}
    again = desk.run(ROWS)
    assert max(api.created.values()) == 1
    assert set(again.statuses().values()) <= {"created", "already-created", "unknown"}


def test_the_server_moves(server: Cluster, way: Way, api: FaultServer, tmp_path: Path) -> None:
    """When the first of two addresses is no more, the run goes on with the second."""
    with Way(server.port) as second:
        desk = desk_at(server, way, api, tmp_path)
        hosts = f"host=127.0.0.1:{way.port}&host=127.0.0.1:{second.port}"
        desk.settings["journal"] = f"postgresql://postgres@/{JOURNAL}?{hosts}&connect_timeout=20"

        def moves(talk: Talk) -> None:
            created(talk)
            way.open = False
            way.cut()

        api.on_create.append(moves)
        assert run_to_its_end(desk) == 0
        assert second.commits


# ---------------------------------------------------------------------------------------------------------------
# Any write


def add(connection: Connection, path: str) -> int:
    """Write something that would be there twice if it were written twice."""
    values = {"path": path, "sha256": "", "batch": "", "environment": "", "written_at": ""}
    key = connection.execute(insert(outputs).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


@pytest.mark.parametrize("held", [False, True], ids=["any", "of a batch"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_write_is_made_once(server: Cluster, way: Way, name: str, held: bool) -> None:
    """Whatever happens to its commit, a write is made once, and its result is that of what was kept."""
    url = server.url(server.database(), port=way.port) + "?connect_timeout=10"
    with open_journal(url) as journal:
        batch = journal.write(runs.ensure_batch, "billing", "sandbox", NOW)
        with journal.lease(batch) as holding:
            writer = holding if held else journal
            writer.write(add, "before")
            way.on_commit.append(FAULTS[name])
            if name.startswith("stalled"):
                threading.Timer(1.0, way.cut).start()
            key = writer.write(add, "once")
        found = journal.read(lambda c: c.execute(select(outputs.c.id).where(outputs.c.path == "once")).scalars().all())
        assert found == [key]


def test_an_old_session_that_still_holds_the_batch_is_ended(server: Cluster, way: Way) -> None:
    """A session that the server takes for living, since nobody told it that the way is cut, keeps nobody waiting."""
    url = server.url(server.database(), port=way.port) + "?connect_timeout=10"
    with open_journal(url) as journal:
        batch = journal.write(runs.ensure_batch, "billing", "sandbox", NOW)
        with journal.lease(batch) as holding:
            way.on_commit.append(stall)
            threading.Timer(0.5, way.cut_clients).start()
            began = time.monotonic()
            holding.write(add, "once")
            assert time.monotonic() - began < 5


def test_no_other_run_gets_a_batch_that_was_lost_and_found(server: Cluster, way: Way) -> None:
    """A batch whose session was lost and found again is held as before."""
    url = server.url(server.database(), port=way.port)
    with open_journal(url) as journal, open_journal(url) as another:
        batch = journal.write(runs.ensure_batch, "billing", "sandbox", NOW)
        with journal.lease(batch) as holding:
            way.cut()
            holding.write(add, "after")
            with pytest.raises(BatchBusyError), another.lease(batch):
                pass


def test_what_is_read_is_read_again(server: Cluster, way: Way) -> None:
    """A reading that loses its connection is made again."""
    url = server.url(server.database(), port=way.port)
    with open_journal(url) as journal:
        assert journal.read(lambda c: c.scalar(select(func.count()).select_from(batches))) == 0
        tries: list[int] = []

        def read(connection: Connection) -> int:
            if not tries:
                way.on_message.append(cut_after)
            tries.append(1)
            return connection.scalar(text("SELECT 7")) or 0

        assert (journal.read(read), len(tries)) == (7, 2)


# ---------------------------------------------------------------------------------------------------------------
# What people decide


def check_draft(desk: drafts.Desk) -> None:
    file = desk.file_of(None)  # type: ignore[arg-type]
    drafts.check(desk, drafts.open_draft(desk, file, file.name).draft, ignore)


def the_draft(desk: drafts.Desk) -> Draft:
    [draft] = desk.journal.read(unsent, desk.place.name)
    return draft


def approve(desk: drafts.Desk) -> None:
    plan.approve("billing-p1", Decimal("10.00"), desk.settings, in_sandbox=False)


DECISIONS: Final[dict[str, Callable[[drafts.Desk], object]]] = {
    "draft": check_draft,
    "correction": lambda desk: drafts.correct(desk, the_draft(desk), 3, 3, "bob@example.com"),
    "left out": lambda desk: drafts.leave_out(desk, the_draft(desk), 3, "by post"),
    "plan": lambda desk: plan.plan_of_draft(desk, the_draft(desk)),
    "approval": approve,
}
"""What a person does one after the other."""


def decide(server: Cluster, way: Way, file: Path, step: str, faults: Sequence[Fault | None]) -> dict[str, object]:
    """Decide up to a step, during which commits have these faults; where it fails it is done again. Returns how many
    records there are then.
    """
    url = empty(server, way) + "?connect_timeout=20"
    settings = load({}, {"FLINKS_BASE_URL": "https://api.example.com", "FLINKS_IMPORT_JOURNAL": url}, None)
    with open_journal(url) as journal:
        at = environment.without_credentials(settings, in_sandbox=False)
        desk = drafts.Desk(journal, at, settings, lambda _: file, "zoe")
        for name, act in DECISIONS.items():
            if name != step:
                act(desk)
                continue
            way.commits = 0
            way.on_commit.extend(faults)
            try:
                act(desk)
            except RunError:
                assert step in {"draft", "approval"}  # which open the journal, or a connection, first
                act(desk)
            break
    way.on_commit.clear()
    counted = ("drafts", "corrections", "left_out_rows", "runs", "rows", "plans", "plan_events")
    return {name: server.run(f"SELECT count(*) FROM {name}", JOURNAL)[0][0] for name in counted}


@pytest.mark.parametrize("fault", [cut_before, cut_after], ids=["before it", "after it"])
@pytest.mark.parametrize("step", DECISIONS)
def test_what_people_decide_is_kept_once(server: Cluster, way: Way, tmp_path: Path, step: str, fault: Fault) -> None:
    """A draft, a correction, a row left out, a plan, an approval: at whichever commit the connection is lost."""
    file = tmp_path / "billing.csv"
    rows = ("R-1,Ann,Roe,ann@example.com,10.00", "R-2,Bob,Poe,bob@@example.com,20.00")
    file.write_text("\n".join(["Reference,First name,Last name,Email,Amount", *rows]) + "\n", encoding="utf-8")
    expected, commits = decide(server, way, file, step, []), way.commits
    assert commits
    for number in range(commits):
        assert decide(server, way, file, step, [*[None] * number, fault]) == expected


# ---------------------------------------------------------------------------------------------------------------
# A newer program


def test_a_program_that_is_older_than_the_journal_writes_nothing_more(
    server: Cluster, way: Way, api: FaultServer, tmp_path: Path
) -> None:
    """When a newer program has changed the journal since it was opened, nothing more is written or sent, code 6."""
    desk = desk_at(server, way, api, tmp_path)
    url = server.url(JOURNAL)
    newer = database.VERSION + 1
    # As by a program that does not wait for whoever holds a batch.
    desk.confirm = meanwhile(lambda: server.run(f"INSERT INTO migrations VALUES ({newer}, '')", JOURNAL))
    ran = desk.run(ROWS)
    assert (ran.code, "newer version" in ran.stopped) == (6, True)
    assert not api.created
    with pytest.raises(RunError):
        open_and_close(url)
    server.run(f"DELETE FROM migrations WHERE version = {newer}", JOURNAL)
