"""`run --dask` over real processes: a scheduler, three workers, a PostgreSQL journal, and an API that counts.

Whatever becomes of a worker, the scheduler or the ways between them, nobody is e-mailed twice, and every row comes to
one of the ends that a crash has too.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select
from support.chaos import until_time_is_up
from support.command import clean_environment
from support.dask_cluster import DaskCluster, Way, Worker, dask_cluster
from support.fault_server import FaultServer, Talk, answers, authorized, created, creates_and_resets
from support.journals import place
from support.network import network
from support.run_fixture import Desk, Line, Ran, check_truth, write_sheet

from pipeline.commands.worker import Order
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.events import Event, FirstSent, RowsEnded, RunPlanned, WorkerLeftOut, WorkersReady
from pipeline.domain.model import Status
from pipeline.journal.journal import open_journal
from pipeline.journal.tables import shared_runs, shares
from pipeline.sender.engine import SendRules

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LONG = 60.0
"""Seconds for which a worker may be silent, where none is to be: a machine that is busy puts nobody off."""
SILENCE = 4.0
"""The same where something becomes of a worker."""
IN_FLIGHT = 9
"""Requests in flight of all workers together: three for each of them."""


@dataclass(slots=True)
class Office:
    """A user's desk beside a cluster; `folder` is the test's own."""

    cluster: DaskCluster
    desk: Desk
    server: FaultServer
    heard: list[Event] = field(default_factory=list)

    def lines(self, count: int, *, link: bool | None = None) -> list[Line]:
        """Lines that no test before had; the API e-mails the link of every second one, unless said otherwise."""
        name = self.desk.folder.name.translate(str.maketrans("", "", "_-"))
        return [Line(f"{name}-{number}", number % 2 == 0 if link is None else link) for number in range(count)]

    def run(self, lines: list[Line], **asked: Any) -> Ran:
        """Run a sheet by the cluster."""
        return self.desk.run(lines, **{"dask": self.cluster.address, "name": f"{self.desk.folder.name}.csv"} | asked)

    def be_impatient(self) -> None:
        """Have workers be put off soon."""
        self.desk.settings["worker_silence"] = str(SILENCE)

    def at(self, number: int, happens: Callable[[], object], then: Callable[[Talk], None] = created) -> None:
        """Have something happen as the API hears of its request of this number, in a thread of its own."""
        heard = Counter[str]()

        def create(talk: Talk) -> None:
            with self.server.lock:
                heard["requests"] += 1
                due = heard["requests"] == number
            if due:
                threading.Thread(target=happens, daemon=True).start()
            time.sleep(0.02)
            then(talk)

        self.server.well_created = create

    @property
    def sender(self) -> Worker:
        """A worker that has a share at the moment."""
        with open_journal(self.desk.place) as journal, journal.reading() as connection:
            busy = connection.scalars(select(shares.c.worker).where(shares.c.owner != "", shares.c.claims == 0)).all()
        return next(worker for worker in self.cluster.workers if worker.address in busy)

    def is_shared(self) -> int:
        """How many shares and shared runs the journal has."""
        with open_journal(self.desk.place) as journal, journal.reading() as connection:
            counted = (select(func.count()).select_from(table) for table in (shares, shared_runs))
            return sum(connection.scalar(statement) or 0 for statement in counted)

    def check(self, lines: list[Line], ran: Ran, unknown: int = 0) -> None:
        """What always holds: nobody was e-mailed twice; who was not created is unknown, and e-mailed rows alone are.

        At most so many are unknown. A row that is not e-mailed may have been made twice: nobody knows the other.
        """
        assert ran.result is not None
        assert ran.result.written is not None
        statuses = check_truth(ran.result.written.path, [line.reference for line in lines], self.server.sessions)
        assert max(self.server.emailed.values(), default=1) == 1
        left = {line.reference for line in lines if statuses[line.reference] != Status.CREATED}
        told = (ran.stopped, Counter(statuses.values()), [str(event) for event in self.heard[-20:]])
        assert left <= {line.reference for line in lines if line.link}, told
        assert {statuses[reference] for reference in left} <= {Status.UNKNOWN}
        assert len(left) <= unknown
        assert ran.code == (5 if left else 0)
        assert self.is_shared() == 0


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, server: FaultServer) -> Iterator[DaskCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with place("postgresql", folder) as url:
        settings = {
            "journal": url,
            "worker_silence": str(LONG),
            "concurrency": str(IN_FLIGHT),
            "answer_timeout": "20",
        }
        desk = Desk(folder, server, settings)
        with dask_cluster(folder, desk.environment()) as running:
            yield running


@pytest.fixture
def office(tmp_path: Path, cluster: DaskCluster, server: FaultServer) -> Iterator[Office]:
    """Three workers, the journal of the module, and an API that behaves and has seen nothing."""
    cluster.restore(3)
    for counted in (server.created, server.emailed, server.sessions, server.requests):
        counted.clear()
    desk = Desk(tmp_path, server, _settings(cluster))
    desk._made.add(desk.place)
    office = Office(cluster, desk, server)
    desk.emit = office.heard.append
    yield office
    server.well_created, server.well_authorized = created, authorized


def _settings(cluster: DaskCluster) -> dict[str, str]:
    names = ("JOURNAL", "WORKER_SILENCE", "CONCURRENCY", "ANSWER_TIMEOUT")
    return {name.lower(): cluster.environment[f"FLINKS_IMPORT_{name}"] for name in names}


# ---------------------------------------------------------------------------------------------------------------
# As it should be


def test_every_row_is_sent_once_by_several_workers(office: Office) -> None:
    """The workers share the rows and what may be in flight; one progress, one workbook, and nothing is left."""
    at_once, most = Counter[str](), Counter[str]()

    def create(talk: Talk) -> None:
        with talk.server.lock:
            at_once["now"] += 1
            most["seen"] = max(most["seen"], at_once["now"])
        time.sleep(0.02)
        with talk.server.lock:
            at_once["now"] -= 1
        created(talk)

    office.server.well_created = create
    lines = office.lines(240)
    ran = office.run(lines)
    office.check(lines, ran)
    assert set(office.server.created.values()) == {1}
    assert [event.workers for event in office.heard if isinstance(event, WorkersReady)] == [3]
    assert sum(sum(event.outcomes.values()) for event in office.heard if isinstance(event, RowsEnded)) == 240
    assert 3 < most["seen"] <= IN_FLIGHT
    assert office.run(lines).statuses() == dict.fromkeys((line.reference for line in lines), "already-created")


def test_nothing_personal_and_no_secret_comes_to_the_scheduler(office: Office) -> None:
    """What a task is told is which rows, how fast and by which rules."""
    with Way(office.cluster.port) as way:
        lines = office.lines(200)
        office.check(lines, office.run(lines, dask=f"tcp://127.0.0.1:{way.port}"))
        seen = bytes(way.seen) + b"".join(bytes(worker.scheduler.seen) for worker in office.cluster.workers)
    assert b"pipeline.commands.worker" in seen
    for secret in (b"password", b"Fraser", b"example.com", lines[0].reference.encode(), b"token-"):
        assert secret not in seen
    assert set(Order.__dataclass_fields__) == {"run", "word", "life", "after", "size", "rules"}
    assert set(SendRules.__dataclass_fields__) == {
        "concurrency", "rate", "max_failures", "until", "token_use", "permissions", "search",
    }  # fmt: skip
    assert set(Permissions.__dataclass_fields__) == {"allow_repeats", "resend_unknown"}


def test_the_first_rows_are_sent_here_and_the_others_after_the_question(office: Office) -> None:
    asked: list[int] = []

    def confirm(question: RunPlanned | FirstSent) -> bool:
        if isinstance(question, FirstSent):
            asked.append(sum(office.server.created.values()))
        return True

    office.desk.confirm = confirm
    lines = office.lines(150)
    office.check(lines, office.run(lines, first=5))
    assert asked == [5]
    assert set(office.server.created.values()) == {1}


def test_single_use_tokens_serve_every_worker(office: Office) -> None:
    """Each worker has tokens of its own, and learns that one serves once."""
    used, lock = set[str](), threading.Lock()

    def create(talk: Talk) -> None:
        assert talk.asked is not None
        token = talk.asked.headers["authorization"]
        with lock:
            fresh = token not in used
            used.add(token)
        created(talk) if fresh else talk.answer(401, {"title": "Unauthorized", "status": 401})

    office.server.well_created = create
    lines = office.lines(150)
    office.check(lines, office.run(lines))
    assert set(office.server.created.values()) == {1}


# ---------------------------------------------------------------------------------------------------------------
# What holds for all together


def test_one_rate_for_all_workers(office: Office) -> None:
    """No more requests come than `--rate` allows, however many workers send."""
    times: list[float] = []

    def create(talk: Talk) -> None:
        times.append(time.monotonic())
        created(talk)

    office.server.well_created = create
    office.desk.settings["rate"] = "40"
    lines = office.lines(200)
    office.check(lines, office.run(lines))
    times.sort()
    in_a_second = [sum(begin <= time < begin + 1 for time in times) for begin in times]
    assert max(in_a_second) <= 80  # a rate for each of the workers would be 120; a busy machine bunches what it hears
    assert times[-1] - times[0] >= 199 / 40 - 2


def test_a_pause_that_the_api_asks_of_one_holds_for_all(office: Office) -> None:
    """Within a moment nobody sends any more, and nobody before the pause has ended."""
    times: list[float] = []
    pause = 8.0
    began: list[float] = []

    def create(talk: Talk) -> None:
        with talk.server.lock:
            times.append(time.monotonic())
            due = len(times) == 60
        if due:
            began.append(time.monotonic())
            answers(429, b"", {"Retry-After": str(int(pause))})(talk)
        else:
            time.sleep(0.02)
            created(talk)

    office.server.well_created = create
    lines = office.lines(200)
    office.check(lines, office.run(lines))
    assert [time for time in times if began[0] + 4 < time < began[0] + pause - 0.2] == []


@pytest.mark.parametrize(
    ("behaviour", "limit", "stopped"),
    [
        pytest.param(answers(500), 20, "without a usable response", id="no usable answers"),
        pytest.param(answers(403), 20, "forbidden", id="forbidden"),
        pytest.param(answers(400, {"title": "No"}), 20, "rejected for the same reason", id="the same refusal"),
    ],
)
def test_one_breaker_for_all_workers(
    office: Office, behaviour: Callable[[Talk], None], limit: int, stopped: str
) -> None:
    """The answers of all workers count together: what is in flight, and a moment's more, is all that goes beyond."""

    def create(talk: Talk) -> None:
        time.sleep(1.0)
        behaviour(talk)

    office.server.well_created = create
    ran = office.run(office.lines(400, link=True))
    assert stopped in ran.stopped
    tried = [row for row in ran.rows.values() if row.attempts]
    assert limit <= len(tried) <= limit + 2 * IN_FLIGHT
    assert office.is_shared() == 0


def test_until_holds_for_every_worker(office: Office) -> None:
    office.desk.settings["rate"] = "12"
    lines = office.lines(200)
    ran = office.run(lines, until=datetime.now().astimezone() + timedelta(seconds=10))
    assert (ran.code, "as requested" in ran.stopped) == (6, True)
    assert len(office.server.created) < 200
    assert set(office.server.created.values()) <= {1}
    del office.desk.settings["rate"]
    again = office.run(lines)
    assert (again.code, set(office.server.created.values())) == (0, {1})


def test_ctrl_c_ends_all_and_the_same_command_resumes(office: Office) -> None:
    office.at(40, lambda: os.kill(os.getpid(), signal.SIGINT))
    lines = office.lines(240)
    ran = office.run(lines)
    assert (ran.code, "at your request" in ran.stopped) == (6, True)
    sent = len(office.server.created)
    assert 40 <= sent < 240
    assert Counter(ran.statuses().values()) == {"created": sent, "not-sent": 240 - sent}
    assert office.is_shared() == 0
    again = office.run(lines)
    assert (again.code, set(office.server.created.values())) == (0, {1})


# ---------------------------------------------------------------------------------------------------------------
# What becomes of workers


def test_a_worker_that_is_killed_asks_nobody_twice(office: Office) -> None:
    """Its rows go to others; what it had intended is unknown where the API e-mails the link, else it is sent again."""
    office.be_impatient()
    office.at(40, lambda: Worker.kill(office.sender))
    lines = office.lines(240)
    office.check(lines, office.run(lines), unknown=2 * IN_FLIGHT)


def test_a_worker_that_is_ended_politely_leaves_nothing_unknown(office: Office) -> None:
    """`kill` lets it finish what is in flight; others go on with its rows at once."""
    office.at(40, lambda: Worker.end(office.sender))
    lines = office.lines(240)
    office.check(lines, office.run(lines))
    assert set(office.server.created.values()) == {1}


def test_a_worker_that_was_stopped_past_its_claim_sends_nothing_more(office: Office) -> None:
    """It is stopped, others do its rows, it goes on: what it would have sent stays where it is."""
    stopped: list[Worker] = []

    def stop() -> None:
        stopped.append(office.sender)
        stopped[0].stop()

    office.be_impatient()
    office.at(40, stop)
    lines = office.lines(240)
    ran = office.run(lines)
    office.check(lines, ran, unknown=2 * IN_FLIGHT)
    asked = len(office.server.requests)
    stopped[0].go_on()
    time.sleep(2 * SILENCE)
    assert [each for each in office.server.requests[asked:] if each.path.endswith("/sessions")] == []


@pytest.mark.parametrize("way", ["journal", "scheduler"])
def test_a_worker_that_is_cut_off_asks_nobody_twice(office: Office, way: str) -> None:
    """From the journal, or the scheduler: it is not told, and comes back when its rows are done."""
    cut: list[Way] = []

    def happen() -> None:
        worker = office.sender
        cut.append(getattr(worker, way))
        worker.cut_off(cut[0])

    office.be_impatient()
    office.at(40, happen)
    lines = office.lines(240)
    office.check(lines, office.run(lines), unknown=2 * IN_FLIGHT)
    asked = len(office.server.creations)
    cut[0].heal()
    time.sleep(SILENCE)
    assert len(office.server.creations) == asked


def test_a_worker_whose_network_fails_asks_nobody_twice(office: Office) -> None:
    """Its cable is pulled, as it waits for answers: from then on it reaches neither journal nor API nor scheduler."""
    api = office.server.port
    with network() as its, Way(api, its.here) as way, its.at_home(api, way.port):
        office.cluster.add(its).is_well = False
        office.cluster.wait_for(4)
        office.be_impatient()
        office.at(60, its.cut)
        lines = office.lines(240)
        office.check(lines, office.run(lines), unknown=2 * IN_FLIGHT)
        assert b"/sessions" in way.seen
        asked = len(office.server.creations)
        its.heal()
        time.sleep(SILENCE)
        assert len(office.server.creations) == asked
        office.cluster.restore(3)


def test_a_worker_that_alone_is_cut_off_from_the_api_asks_nobody_twice(office: Office) -> None:
    """What it asks arrives or not, and is never answered: all stop when it goes on so, and it is known by its user."""
    office.cluster.add(FLINKS_USERNAME="alone").is_well = False
    office.cluster.wait_for(4)
    tokens, heard = set[str](), Counter[str]()

    def authorize(talk: Talk) -> None:
        assert talk.asked is not None
        with talk.server.lock:
            if b64encode(b"alone:")[:7].decode() in talk.asked.headers.get("authorization", ""):
                tokens.add(f"token-{talk.server.tokens + 1}")
            talk.server.tokens += 1
            number = talk.server.tokens
        talk.answer(200, {"access_token": f"token-{number}", "token_type": "bearer", "expires_in": 599})

    def create(talk: Talk) -> None:
        assert talk.asked is not None
        is_cut = talk.asked.headers["authorization"].rpartition(" ")[2] in tokens
        with talk.server.lock:
            heard["cut"] += is_cut
            number = heard["cut"]
        if not is_cut or number <= 5:
            time.sleep(0.02)
            created(talk)
        elif number % 2:
            creates_and_resets(talk)
        else:
            talk.reset()

    office.server.well_authorized, office.server.well_created = authorize, create
    lines = office.lines(240)
    codes = [office.run(lines).code]
    office.cluster.restore(3)
    ran = office.run(lines)
    codes.append(ran.code)
    assert set(codes) <= {0, 5, 6}
    assert codes[-1] in {0, 5}
    assert heard["cut"] > 5
    assert max(office.server.emailed.values()) == 1
    assert set(ran.statuses().values()) <= {"created", "already-created", "unknown"}


def test_a_worker_of_another_version_refuses(office: Office, tmp_path: Path) -> None:
    """It gets no rows, which is said; the others send them all."""
    about = tmp_path / "flinks_import-9.9.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: flinks-import\nVersion: 9.9.9\n", "utf-8")
    other = office.cluster.add(PYTHONPATH=os.pathsep.join((str(tmp_path), clean_environment()["PYTHONPATH"])))
    office.cluster.wait_for(4)
    lines = office.lines(200)
    try:
        office.check(lines, office.run(lines))
    finally:
        other.kill()
    refused = [event for event in office.heard if isinstance(event, WorkerLeftOut)]
    assert [(event.worker, event.reason.params["found"]) for event in refused] == [(other.address, "9.9.9")]


# ---------------------------------------------------------------------------------------------------------------
# The scheduler and the coordinator


def test_a_coordinator_that_is_killed_leaves_the_batch_held_until_its_workers_end(office: Office) -> None:
    """They notice within the life of a claim; then the same command goes on, and nobody is asked twice."""
    office.be_impatient()
    lines = office.lines(240)
    sheet = write_sheet(office.desk.folder / "killed.csv", lines)
    coordinator = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", str(sheet), "--dask", office.cluster.address, "--yes", "-q"],
        env=clean_environment() | office.desk.environment(),
        cwd=office.desk.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    office.at(40, coordinator.kill)
    assert coordinator.wait(300) == -signal.SIGKILL
    assert 30 <= len(office.server.created) < 240
    codes = set[int]()
    deadline = time.monotonic() + 120
    while (ran := office.desk.run(lines, name="killed.csv", dask=office.cluster.address)).code == 7:
        codes.add(ran.code)
        assert time.monotonic() < deadline
    assert codes == {7}
    assert ran.code in {0, 5}
    assert max(office.server.emailed.values()) == 1
    statuses = Counter(ran.statuses().values())
    assert statuses["unknown"] <= 2 * IN_FLIGHT
    assert statuses["created"] + statuses["already-created"] + statuses["unknown"] == 240


@pytest.mark.parametrize("comes_back", [False, True], ids=["gone", "restarted"])
def test_a_scheduler_that_is_killed_has_nobody_asked_twice(office: Office, *, comes_back: bool) -> None:
    """The workers end what is in flight. The run goes on with new ones, or ends with 6 and goes on later."""
    office.be_impatient()

    def happen() -> None:
        office.cluster.lose_scheduler()
        if comes_back:
            office.cluster.restore(3)

    office.at(40, happen)
    lines = office.lines(240)
    ran = office.run(lines)
    assert ran.code in ({0, 5, 6} if comes_back else {6}), ran.stopped
    assert max(office.server.emailed.values()) == 1
    office.server.well_created = created
    office.cluster.restore(3)
    deadline = time.monotonic() + 120
    while ran.code in {6, 7}:  # 7 as long as a worker may send
        assert time.monotonic() < deadline
        ran = office.run(lines)
    assert max(office.server.emailed.values()) == 1
    statuses = Counter(ran.statuses().values())
    assert statuses["unknown"] <= 2 * IN_FLIGHT
    assert statuses["created"] + statuses["already-created"] + statuses["unknown"] == 240
    assert office.is_shared() == 0


# ---------------------------------------------------------------------------------------------------------------
# Refusals


@pytest.mark.parametrize(
    ("settings", "asked", "code", "said"),
    [
        pytest.param({}, {"sandbox": True}, 2, "--sandbox", id="sandbox"),
        pytest.param({"journal": "journal.sqlite"}, {}, 2, "PostgreSQL journal", id="sqlite"),
        pytest.param({}, {"dask": "tcp://127.0.0.1:1"}, 6, "Can't reach the Dask scheduler", id="no scheduler"),
        pytest.param(
            {}, {"dask": "tls://127.0.0.1:1"}, 6, "Check the address and the certificates", id="no certificates"
        ),
        pytest.param({}, {"dask": "nonsense://x"}, 6, "Can't reach the Dask scheduler", id="no address"),
    ],
)
def test_where_it_can_not_be(
    office: Office, settings: dict[str, str], asked: dict[str, Any], code: int, said: str
) -> None:
    """It is refused in a sentence, and nothing is sent."""
    office.desk.settings |= {name: str(office.desk.folder / value) for name, value in settings.items()}
    ran = office.run(office.lines(3), **asked)
    assert (ran.code, said in ran.stopped) == (code, True), ran.stopped
    assert not office.server.created


def test_dask_is_imported_for_a_cluster_only() -> None:
    """A run without `--dask` does not pay for it, and does not need it."""
    program = "import sys; from pipeline.commands import run, worker; sys.exit('dask' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env=clean_environment(), check=True)


# ---------------------------------------------------------------------------------------------------------------
# Chance


def _fate(office: Office, chance: Random) -> Callable[[], object]:
    """What becomes of a worker, and perhaps, a while later, the end of it."""

    def later(begin: Callable[[], object], end: Callable[[], object]) -> None:
        begin()
        time.sleep(chance.uniform(0.1, 2 * SILENCE))
        end()

    def happen() -> None:
        worker = office.sender
        fates: dict[str, Callable[[], object]] = {
            "killed": worker.kill,
            "ended": worker.end,
            "stopped": lambda: later(worker.stop, worker.go_on),
            "without a journal": lambda: later(lambda: worker.cut_off(worker.journal), worker.journal.heal),
            "without a scheduler": lambda: later(lambda: worker.cut_off(worker.scheduler), worker.scheduler.heal),
        }
        fates[chance.choice([*fates])]()

    return happen


def _one_seed(office: Office, chance: Random, number: int) -> None:
    office.cluster.restore(3)
    office.be_impatient()
    for counted in (office.server.created, office.server.emailed, office.server.sessions, office.server.requests):
        counted.clear()
    lines = [replace(line, reference=f"{line.reference}-{number}") for line in office.lines(chance.randint(150, 400))]
    fates = sorted(chance.sample(range(5, 120), chance.randint(1, 2)))
    heard = Counter[str]()

    def create(talk: Talk) -> None:
        with office.server.lock:
            heard["requests"] += 1
            due = heard["requests"] in fates
        if due:
            threading.Thread(target=_fate(office, chance), daemon=True).start()
        time.sleep(chance.choice((0.0, 0.01, 0.05)))
        created(talk)

    office.server.well_created = create
    ran = office.desk.run(lines, name=f"seed-{number}.csv", dask=office.cluster.address)
    assert max(office.server.emailed.values(), default=1) == 1
    deadline = time.monotonic() + 120
    while ran.code in {6, 7} and time.monotonic() < deadline:
        ran = office.desk.run(lines, name=f"seed-{number}.csv")
    assert ran.code in {0, 5}, (ran.code, ran.stopped)
    # Unknown as the run ended: its worker came back since, and knows that the request never left.
    if late := [reference for reference, status in ran.statuses().items() if status == Status.FAILED]:
        assert (ran.code, [office.server.created[reference] for reference in late]) == (5, [0] * len(late))
        ran = office.desk.run(lines, name=f"seed-{number}.csv")
    statuses = Counter(ran.statuses().values())
    assert max(office.server.emailed.values(), default=1) == 1
    others = [row for row in ran.rows.values() if row.status not in {"created", "already-created", "unknown"}]
    assert not others, (ran.code, statuses, [(row.status, row.attempts) for row in others])
    assert statuses.total() == len(lines)
    links = {line.reference for line in lines if line.link}
    assert {reference for reference, status in ran.statuses().items() if status == "unknown"} <= links
    assert statuses["unknown"] <= 2 * IN_FLIGHT
    assert office.is_shared() == 0


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_whatever_becomes_of_workers_nobody_is_asked_twice(office: Office) -> None:
    """Workers are killed, ended, stopped and cut off at any moment, one or two in a run."""
    for number, chance in enumerate(until_time_is_up()):
        _one_seed(office, chance, number)
