"""The shares of a run in the journal: who may send which rows, whatever a worker believes of itself."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from support.fault_server import FaultServer
from support.journals import Planned, line, place, plan

from pipeline.commands import environment
from pipeline.commands.connectivity import api_of
from pipeline.config.settings import load
from pipeline.domain.errors import ApiUnreachableError, BatchBusyError, InterruptedRunError, ShareLostError
from pipeline.domain.model import Outcome
from pipeline.journal import attempts, runs, shares
from pipeline.journal.attempts import Intent, Settlement
from pipeline.journal.group_commit import recording
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.shares import Joined, Report
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import Assignment, SendRules, Sent, send
from pipeline.sender.held_share import HeldShare

LIFE = 1.0
LONG = 60.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with place("postgresql", tmp_path) as url, open_journal(url) as opened:
        yield opened


def shared(journal: Journal, rows: int = 5, life: float = LIFE) -> Planned:
    """A planned run that is shared."""
    planned = plan(journal, [line(f"INV-{number}", who=f"p{number}") for number in range(rows)])
    journal.write(shares.begin, planned.run, "word", life)
    return planned


def watch(planned: Planned) -> shares.Overview:
    return planned.journal.write(shares.watch, planned.run, None)


def join(planned: Planned, owner: str = "one") -> Joined:
    return planned.journal.write(shares.join, planned.run, owner, f"tcp://{owner}")


def take(planned: Planned, joined: Joined, size: int = 2, after: int = -1) -> tuple[int, int] | None:
    return planned.journal.write(shares.take, joined, after, size)


def test_the_ranges_have_every_row_once(journal: Journal) -> None:
    """Whoever asks gets the next rows; a part behind the first rows is given alike."""
    planned = shared(journal, life=LONG)
    one, two = join(planned), join(planned, "two")
    assert not journal.read(shares.is_all_taken, planned.run, -1)
    assert [take(planned, each) for each in (one, two, one, two, one)] == [(-1, 2), (1, 4), (3, 5), None, None]
    assert journal.read(shares.is_all_taken, planned.run, -1)
    journal.write(shares.leave, one, Report(), done=True)
    assert journal.write(shares.close, planned.run) == [(1, 4)]
    journal.write(shares.begin, planned.run, "word", LIFE)
    assert not journal.read(shares.is_all_taken, planned.run, 2)
    assert take(planned, join(planned), 100, after=2) == (2, 5)


def test_rows_are_one_workers_as_long_as_it_is_heard_of(journal: Journal) -> None:
    """Dask may give a task to two: each has rows of its own. Silent for too long, one loses its rows for good."""
    planned = shared(journal)
    first = join(planned)
    assert take(planned, first) == (-1, 2)
    deadline = time.monotonic() + 2 * LIFE
    while time.monotonic() < deadline:
        journal.write(shares.renew, first, Report())
        assert watch(planned).living == {"tcp://one"}
    time.sleep(1.2 * LIFE)
    seen = watch(planned)
    assert (seen.living, seen.put_off) == (frozenset(), {"tcp://one"})
    assert watch(planned).put_off == frozenset()
    for mine in (
        lambda: journal.write(shares.check, first),
        lambda: journal.write(shares.renew, first, Report()),
        lambda: take(planned, first),
    ):
        with pytest.raises(ShareLostError):
            mine()
    second = join(planned, "two")
    assert take(planned, second) == (1, 4)
    journal.write(shares.leave, first, Report(), done=True)
    journal.write(shares.leave, second, Report({"created": 2}), done=True)
    assert watch(planned).reports == [Report(), Report({"created": 2})]
    assert journal.write(shares.close, planned.run) == [(-1, 2)]


def test_who_was_taken_over_can_intend_nothing_and_still_say_what_became_of_it(journal: Journal) -> None:
    """The intent fails with the claim; an outcome that is on its way is recorded: it can't be had twice."""
    planned = shared(journal)
    first = join(planned)
    row, other = planned.to_send()[:2]
    now = datetime.now(UTC)

    def intent(number: int = 1) -> Intent:
        chosen = row if number == 1 else other
        key = (planned.batch.id, planned.run, chosen.identity, 1, chosen.number)
        return Intent(*key, chosen.payment, chosen.fingerprint, now, chosen.named)

    async def run() -> None:
        async with recording(journal, None, lambda connection: shares.check(connection, first)) as recorder:
            await recorder.intend(intent())
            await asyncio.sleep(1.2 * LIFE)
            assert watch(planned).put_off
            key = (planned.batch.id, row.identity, 1)
            settled = recorder.settle(Settlement(*key, Outcome.REJECTED, now, http_status=400))
            with pytest.raises(ShareLostError):
                await recorder.intend(intent(2))
            await settled

    asyncio.run(run())
    assert planned.statuses()[:2] == ["rejected", "not-sent"]


def test_all_heed_the_first_reason_to_stop(journal: Journal) -> None:
    """It comes back as it was said, by the class that the exit code is of; nobody takes rows any more."""
    planned = shared(journal, life=LONG)
    one, two = join(planned), join(planned, "two")
    assert journal.write(shares.renew, one, Report()).stop is None
    why = shares.told(ApiUnreachableError("{count} times", count=20))
    journal.write(shares.leave, one, Report(stop=why), done=False)
    journal.write(shares.watch, planned.run, None)
    journal.write(shares.watch, planned.run, InterruptedRunError("later"))
    told = journal.write(shares.renew, two, Report()).stop
    assert isinstance(told, ApiUnreachableError)
    assert (told.text, told.params) == ("{count} times", {"count": "20"})
    assert take(planned, two) is None


def test_a_pause_that_one_was_told_is_told_to_all(journal: Journal) -> None:
    planned = shared(journal, life=LONG)
    one, two = join(planned), join(planned, "two")
    for pause in (30.0, 5.0):
        journal.write(shares.renew, one, Report(pause=pause))
        watch(planned)
    assert 20 < journal.write(shares.renew, two, Report()).pause <= 30


def test_each_hears_what_the_others_count(journal: Journal) -> None:
    planned = shared(journal, life=LONG)
    one, two = join(planned), join(planned, "two")
    report = Report({"created": 3}, 1, single_use=True, streak={"uncertain": 7})
    journal.write(shares.renew, one, report)
    assert journal.write(shares.renew, two, Report()).others == [report.streak]
    assert watch(planned).reports == [report, Report()]


def test_a_batch_is_held_as_long_as_workers_of_a_killed_run_send(journal: Journal) -> None:
    """The lock of whoever led them is gone with him; the next run waits for them, then puts them off for good."""
    planned = shared(journal)
    joined = join(planned)
    with pytest.raises(BatchBusyError), journal.lease(planned.batch):
        pass
    time.sleep(1.2 * LIFE)
    with journal.lease(planned.batch):
        shared_again = plan(journal, [line()])
        with pytest.raises(ShareLostError):
            journal.write(shares.check, joined)
        assert journal.read(runs.batch_of, shared_again.run) == planned.batch


def test_a_journal_has_one_shared_run_at_a_time(journal: Journal) -> None:
    """The workers of one do not wait for each other when they look for repeats in other batches."""
    other = plan(journal, [line("OTHER")], batch="other")
    planned = shared(journal)
    with pytest.raises(BatchBusyError):
        journal.write(shares.begin, other.run, "word", LIFE)
    time.sleep(1.2 * LIFE)
    journal.write(shares.begin, other.run, "word", LIFE)
    with pytest.raises(ShareLostError):
        watch(planned)


def test_what_a_worker_locked_that_is_stopped_keeps_nobody_waiting(journal: Journal) -> None:
    """It is stopped inside a transaction, between the statements that record an intent: its session is ended."""
    planned = shared(journal)
    first = join(planned)
    name = {"application_name": shares.session_name(first.owner)}
    url = make_url(journal.url).update_query_dict(name)
    with open_journal(url.render_as_string(hide_password=False), make=False) as theirs:
        stopped = theirs.engine.connect()
        stopped.begin()
        shares.check(stopped, first)
        attempts.lock_intents(stopped, shared=True)
        time.sleep(1.2 * LIFE)
        assert watch(planned).put_off
        with pytest.raises(DBAPIError):
            stopped.execute(text("SELECT 1"))


def test_who_is_stopped_while_taking_rows_keeps_nobody_waiting(journal: Journal) -> None:
    """The coordinator does not wait for it, and the others are heard of and get their rows when it is put off."""
    planned = shared(journal)
    first, second = join(planned), join(planned, "two")
    name = {"application_name": shares.session_name(first.owner)}
    url = make_url(journal.url).update_query_dict(name)
    with open_journal(url.render_as_string(hide_password=False), make=False) as theirs, ThreadPoolExecutor() as pool:
        stopped = theirs.engine.connect()
        stopped.begin()
        shares.take(stopped, first, -1, 2)
        taking = pool.submit(take, planned, second)
        put_off = frozenset[str]()
        while not put_off:
            journal.write(shares.renew, second, Report())
            put_off = watch(planned).put_off
        assert (put_off, taking.result()) == ({"tcp://one"}, (-1, 2))


def test_a_worker_that_may_have_been_put_off_tries_no_row_in_vain(journal: Journal) -> None:
    """Its request does not leave: it stops, and the row is tried again in the end instead of being a failed one."""

    class Late(HeldShare):
        def may_leave(self) -> bool:
            return False

    planned = shared(journal, life=LONG)
    with FaultServer() as server:
        names = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "u", "FLINKS_PASSWORD": "p"}
        given = load({}, names | {"FLINKS_IMPORT_JOURNAL": journal.url}, None)
        share = Late(journal, planned.run, "one", "tcp://one", LONG, lambda: False)
        rows = Assignment(journal, planned.batch, planned.run, ranges=share.ranges(-1, 100), share=share)

        async def run() -> Sent:
            async with api_of(given, environment.real(given)) as api:
                return await send(rows, api, SendRules(concurrency=1), share.emit, CancelToken())

        sent = asyncio.run(run())
        assert not server.creations
    assert isinstance(sent.stopped, ShareLostError)
    assert planned.roll()[0].attempts == 1
