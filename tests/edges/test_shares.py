"""The shares of a run in the journal: who may send which rows, whatever a worker believes of itself."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from support.journals import Planned, line, place, plan

from pipeline.domain.errors import ApiUnreachableError, BatchBusyError, InterruptedRunError, ShareLostError
from pipeline.domain.model import Outcome
from pipeline.journal import attempts, runs, shares
from pipeline.journal.attempts import Intent, Settlement
from pipeline.journal.group_commit import recording
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.shares import Claimed, Counts

LIFE = 1.0
LONG = 60.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with place("postgresql", tmp_path) as url, open_journal(url) as opened:
        yield opened


def shared(journal: Journal, rows: int = 5, size: int = 2, life: float = LIFE) -> Planned:
    """A planned run that is shared."""
    planned = plan(journal, [line(f"INV-{number}", who=f"p{number}") for number in range(rows)])
    journal.write(shares.begin, planned.run, "word", life)
    journal.write(shares.divide, planned.run, -1, size)
    return planned


def listed(planned: Planned) -> tuple[shares.Share, ...]:
    return planned.journal.write(shares.watch, planned.run, None).shares


def claim(planned: Planned, number: int = 0, owner: str = "one") -> Claimed | None:
    return planned.journal.write(shares.claim, listed(planned)[number].id, owner, "tcp://worker")


def test_the_shares_have_every_row_once(journal: Journal) -> None:
    """Rows that are not to be sent lie in no share's way; a part behind the first rows is divided alike."""
    planned = shared(journal)
    assert [(share.after, share.before) for share in listed(planned)] == [(-1, 2), (1, 4), (3, 5)]
    journal.write(shares.close, planned.run)
    journal.write(shares.begin, planned.run, "word", LIFE)
    journal.write(shares.divide, planned.run, 2, 100)
    assert [(share.after, share.before) for share in listed(planned)] == [(2, 5)]


def test_a_share_is_one_owners_as_long_as_he_is_heard_of(journal: Journal) -> None:
    """Dask may give a task to two: the second is refused. Silent for a claim's life, the first loses it for good."""
    planned = shared(journal)
    first = claim(planned)
    assert first is not None
    assert claim(planned, owner="two") is None
    deadline = time.monotonic() + 2 * LIFE
    while time.monotonic() < deadline:
        journal.write(shares.renew, first, Counts(), 0.0)
        assert claim(planned, owner="two") is None
    time.sleep(1.2 * LIFE)
    assert [share.lost for share in listed(planned)] == [True, False, False]
    second = claim(planned, owner="two")
    assert second is not None
    for mine in (lambda: journal.write(shares.check, first), lambda: journal.write(shares.renew, first, Counts(), 0.0)):
        with pytest.raises(ShareLostError):
            mine()
    journal.write(shares.leave, first, Counts(), done=True)
    assert next((share.claims, share.living, share.done) for share in listed(planned)) == (2, True, False)
    journal.write(shares.leave, second, Counts({"created": 2}), done=True)
    assert claim(planned, owner="three") is None


def test_who_was_taken_over_can_intend_nothing_and_still_say_what_became_of_it(journal: Journal) -> None:
    """The intent fails with the claim; an outcome that is on its way is recorded: it can't be had twice."""
    planned = shared(journal)
    first = claim(planned)
    assert first is not None
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
            assert claim(planned, owner="two") is not None
            key = (planned.batch.id, row.identity, 1)
            settled = recorder.settle(Settlement(*key, Outcome.REJECTED, now, http_status=400))
            with pytest.raises(ShareLostError):
                await recorder.intend(intent(2))
            await settled

    asyncio.run(run())
    assert planned.statuses()[:2] == ["rejected", "not-sent"]


def test_all_heed_the_first_reason_to_stop(journal: Journal) -> None:
    """It comes back as it was said, by the class that the exit code is of; nobody begins any more."""
    planned = shared(journal, life=LONG)
    one, two = claim(planned), claim(planned, 1, "two")
    assert one is not None
    assert two is not None
    assert journal.write(shares.renew, one, Counts(), 0.0).stop is None
    journal.write(shares.ask_to_stop, planned.run, ApiUnreachableError("{count} times", count=20))
    journal.write(shares.watch, planned.run, InterruptedRunError("later"))
    told = journal.write(shares.renew, two, Counts(), 0.0).stop
    assert isinstance(told, ApiUnreachableError)
    assert (told.text, told.params) == ("{count} times", {"count": "20"})
    assert claim(planned, 2) is None


def test_a_pause_that_one_was_told_is_told_to_all(journal: Journal) -> None:
    planned = shared(journal, life=LONG)
    one, two = claim(planned), claim(planned, 1, "two")
    assert one is not None
    assert two is not None
    journal.write(shares.renew, one, Counts(), 30.0)
    journal.write(shares.renew, one, Counts(), 5.0)
    assert 29 < journal.write(shares.renew, two, Counts(), 0.0).pause <= 30


def test_each_hears_what_the_others_count(journal: Journal) -> None:
    planned = shared(journal, life=LONG)
    one, two = claim(planned), claim(planned, 1, "two")
    assert one is not None
    assert two is not None
    counts = Counts({"created": 3}, 1, single_use=True, streak={"uncertain": 7})
    journal.write(shares.renew, one, counts, 0.0)
    assert journal.write(shares.renew, two, Counts(), 0.0).others == [counts]
    assert [share.counts for share in listed(planned)] == [counts, Counts(), Counts()]


def test_a_batch_is_held_as_long_as_workers_of_a_killed_run_send(journal: Journal) -> None:
    """The lock of whoever led them is gone with him; the next run waits for them, then puts them off for good."""
    planned = shared(journal)
    claimed = claim(planned)
    assert claimed is not None
    with pytest.raises(BatchBusyError), journal.lease(planned.batch):
        pass
    time.sleep(1.2 * LIFE)
    with journal.lease(planned.batch):
        shared_again = plan(journal, [line()])
        with pytest.raises(ShareLostError):
            journal.write(shares.check, claimed)
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
        listed(planned)


def test_what_a_worker_locked_that_is_stopped_keeps_nobody_waiting(journal: Journal) -> None:
    """It is stopped inside a transaction, between the statements that record an intent: its session is ended."""
    planned = shared(journal)
    first = claim(planned)
    assert first is not None
    name = {"application_name": shares.session_name(first.owner)}
    url = make_url(journal.url).update_query_dict(name)
    with open_journal(url.render_as_string(hide_password=False), make=False) as theirs:
        stopped = theirs.engine.connect()
        stopped.begin()
        shares.check(stopped, first)
        attempts.lock_intents(stopped, shared=True)
        time.sleep(1.2 * LIFE)
        assert [share.lost for share in listed(planned)] == [True, False, False]
        assert claim(planned, owner="two") is not None
        with pytest.raises(DBAPIError):
            stopped.execute(text("SELECT 1"))
