"""Asking about many sessions and cancelling them, against an API on a real socket that misbehaves as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from support.fault_server import Behaviour, FaultServer, Gone, Talk, answers

from pipeline.client.api import Api, Credentials
from pipeline.client.transport import AtMostOnceTransport, Timeouts
from pipeline.domain import session_states
from pipeline.domain.errors import CredentialsError, InterruptedRunError, StoppedEarlyError, UsageError
from pipeline.domain.events import Event, SessionAsked, TokensSingleUse
from pipeline.domain.model import SessionState
from pipeline.journal.states import Seen, Session
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.polling import MISSED_IN_A_ROW, TRIES, CancelledAll, Followed, FollowRules, cancel, follow

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ONE_BY_ONE = FollowRules(concurrency=1)


def sessions(count: int) -> list[Session]:
    """Sessions of rows from 2 on, whose references are those of their rows."""
    return [Session(str(uuid4()), row, Decimal("10.00"), NOW, None, f"INV-{row}") for row in range(2, count + 2)]


def tells(session: str, *transactions: str) -> Behaviour:
    """Answer to `details` so, for whichever session was asked about."""

    def behave(talk: Talk) -> None:
        assert talk.asked is not None
        told = [{"id": str(index), "status": word} for index, word in enumerate(transactions)]
        identifier = talk.asked.path.split("/")[-2]
        talk.answer(200, {"sessionId": identifier, "status": session, "schedule": {"transactions": told}})

    return behave


def lost(talk: Talk) -> None:
    """Close without an answer."""
    talk.close()
    raise Gone


def hangs(talk: Talk) -> None:
    talk.hang()


open_still, settled, gone = tells("Initiated", "Initiated"), tells("Completed", "Settled"), answers(404)
cancelled = tells("Cancelled", "Cancelled")


@dataclass(slots=True)
class Bench:
    """The API under test, what was kept, what was shown; `calls` are the paths' last parts, in order."""

    server: FaultServer
    rules: FollowRules = ONE_BY_ONE
    patience: float = 3
    kept: list[Seen] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    keep: Callable[[Sequence[Seen]], None] | None = None
    stop: Callable[[], object] | None = None
    """A person stops what runs, from any thread."""

    @property
    def done(self) -> list[SessionState | None]:
        return [event.state for event in self.events if isinstance(event, SessionAsked)]

    @property
    def calls(self) -> list[str]:
        return [asked.path.rpartition("/")[2] for asked in self.server.requests if asked.path.startswith("/api/v2")]

    def words(self) -> list[str]:
        return [seen.state.session if seen.state.known else "?" for seen in self.kept]

    def ask(self, wanted: Sequence[Session]) -> Followed:
        return asyncio.run(self._within(lambda api, stop: follow(*self._how(iter(wanted), api, stop))))  # type: ignore[return-value]

    def cancel(self, wanted: Sequence[Session]) -> CancelledAll:
        return asyncio.run(self._within(lambda api, stop: cancel(*self._how(wanted, api, stop))))  # type: ignore[return-value]

    def _how(self, wanted: Iterable[Session], api: Api, stop: CancelToken) -> tuple[Any, ...]:
        return wanted, api, self.rules, self.keep or self.kept.extend, self.events.append, stop

    def stopped(self, then: Behaviour) -> Behaviour:
        """A person stops it, and then the server does this."""

        def behave(talk: Talk) -> None:
            assert self.stop is not None
            self.stop()
            then(talk)

        return behave

    async def _within(self, what: Callable[..., Any]) -> Followed | CancelledAll:
        transport = AtMostOnceTransport(connections=8, timeouts=Timeouts(2, self.patience))
        api, stop = Api(self.server.url, transport, Credentials("user", "password")), CancelToken()
        reason = InterruptedRunError(
            "Stopped at your request. Requests in progress were completed; the other rows "
            "were not sent. Run the same command again to resume."
        )
        loop = asyncio.get_running_loop()
        self.stop = lambda: loop.call_soon_threadsafe(stop.request, reason)
        try:
            return await what(api, stop)
        finally:
            await api.aclose()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with FaultServer() as server:
        yield Bench(server)


# ---------------------------------------------------------------------------------------------------------------
# Asking


def test_every_session_is_asked_about_once_and_kept(bench: Bench) -> None:
    """Each session's words are kept with the session; nothing is asked twice when all goes well."""
    bench.rules = FollowRules(concurrency=4)
    bench.server.on_other += [settled] * 50
    wanted = sessions(50)
    followed = bench.ask(wanted)
    assert (followed.asked, followed.missed, followed.stopped) == (50, 0, None)
    assert {seen.session_id for seen in bench.kept} == {session.session_id for session in wanted}
    assert bench.words() == ["Completed"] * 50
    assert bench.calls == ["details"] * 50


@pytest.mark.parametrize(
    "fault",
    [lost, answers(500), answers(503), answers(502, b"<html>")],
    ids=["lost", "500", "503 without Retry-After", "a proxy's page"],
)
def test_a_question_is_asked_again_after_an_answer_of_no_use(bench: Bench, fault: Behaviour) -> None:
    """To ask changes nothing: an answer that got lost is asked for again."""
    bench.server.on_other += [fault, settled]
    assert bench.ask(sessions(1)).asked == 1
    assert bench.words() == ["Completed"]


def test_a_session_that_never_answers_is_missed_and_the_others_are_kept(bench: Bench) -> None:
    """After so many tries a session is given up; it is counted, and the next one is asked about."""
    bench.server.on_other += [answers(500)] * TRIES + [settled]
    followed = bench.ask(sessions(2))
    assert (followed.asked, followed.missed, followed.reason, followed.stopped) == (1, 1, "HTTP 500", None)
    assert bench.done[0] is None


def test_a_session_that_the_api_does_not_know_is_told_so(bench: Bench) -> None:
    """404 is an answer: the session is unknown to the API, and that is kept."""
    bench.server.on_other += [gone, settled]
    assert bench.ask(sessions(2)).asked == 2
    assert bench.words() == ["?", "Completed"]


def test_a_push_back_is_waited_for(bench: Bench) -> None:
    """429 with Retry-After holds the question and is no answer."""
    bench.server.on_other += [answers(429, headers={"Retry-After": "0"}), settled]
    assert bench.ask(sessions(1)).asked == 1
    assert bench.calls == ["details"] * 2


def test_a_token_that_was_used_up_is_renewed(bench: Bench) -> None:
    """A 401 for a used token teaches that tokens are single-use: a fresh one is taken from then on."""
    bench.server.on_other += [settled, answers(401), settled, settled]
    assert bench.ask(sessions(3)).asked == 3
    assert bench.events.count(TokensSingleUse()) == 1


@pytest.mark.parametrize(
    ("authorize", "other", "expected"),
    [
        pytest.param([answers(401)], [], CredentialsError, id="wrong password"),
        pytest.param([], [answers(401)] * 20, CredentialsError, id="fresh tokens refused"),
        pytest.param([], [answers(403)] * 3, CredentialsError, id="everything forbidden"),
        pytest.param([], [answers(500)] * (3 * TRIES), StoppedEarlyError, id="down", marks=pytest.mark.slow),
    ],
)
def test_an_api_that_lets_nobody_ask_stops_it(
    bench: Bench, authorize: list[Callable[..., Any]], other: list[Callable[..., Any]], expected: type
) -> None:
    """Refused credentials and an API that is down end it with their own failures; nothing is kept."""
    bench.rules = FollowRules(concurrency=3)
    bench.server.on_authorize += authorize
    bench.server.on_other += other
    followed = bench.ask(sessions(3))
    assert isinstance(followed.stopped, expected)
    assert bench.kept == []


def test_many_sessions_in_a_row_without_an_answer_stop_it(bench: Bench) -> None:
    """It does not go through ten thousand sessions of an API that is down."""
    bench.rules = FollowRules(concurrency=8)
    bench.server.on_other += [answers(400)] * 100
    followed = bench.ask(sessions(100))
    assert isinstance(followed.stopped, StoppedEarlyError)
    assert followed.missed < MISSED_IN_A_ROW + 8


def test_a_stop_gives_up_what_is_in_flight_and_keeps_what_is_known(bench: Bench) -> None:
    """Ctrl-C does not wait for an API that says nothing; the answers that came are kept."""
    bench.patience = 3600
    bench.server.on_other += [settled, bench.stopped(hangs)]
    followed = bench.ask(sessions(3))
    assert followed.stopped is not None
    assert bench.words() == ["Completed"]


def test_a_journal_that_takes_nothing_stops_it(bench: Bench) -> None:
    """What can't be kept is not asked for."""

    def full(_seen: Sequence[Seen]) -> None:
        raise UsageError(
            "Can't write the journal {place}. Give yourself write access, or choose another with --journal.",
            place="journal.sqlite",
        )

    bench.keep = full
    bench.server.on_other += [settled] * 2
    assert isinstance(bench.ask(sessions(2)).stopped, UsageError)


# ---------------------------------------------------------------------------------------------------------------
# Cancelling


def confirms(talk: Talk) -> None:
    """Answer to `cancel` as documented, whichever session was named."""
    assert talk.asked is not None
    talk.answer(200, {"sessionId": talk.asked.path.split("/")[-2], "status": "Cancelled"})


def of_another(status: str, **members: str) -> Behaviour:
    """Answer to either call for another session or reference."""

    def behave(talk: Talk) -> None:
        assert talk.asked is not None
        talk.answer(200, {"sessionId": talk.asked.path.split("/")[-2], "status": status, **members})

    return behave


OTHER_SESSION = {"sessionId": "0f8fad5b-d9cb-469f-a165-70867728950e"}


def results(done: CancelledAll) -> list[str]:
    return [type(one.result).__name__ for one in done.attempted]


def test_each_session_is_cancelled_and_its_state_asked(bench: Bench) -> None:
    """A cancellation is one POST and one question; the session is kept as Cancelled."""
    bench.server.on_other += [answers(200, {"status": "Cancelled"}), cancelled] * 2
    done = bench.cancel(sessions(2))
    assert results(done) == ["Cancelled", "Cancelled"]
    assert bench.calls == ["cancel", "details"] * 2
    assert bench.words() == ["Cancelled"] * 2


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_api_without_cancel_is_asked_once(bench: Bench, status: int) -> None:
    """The first answer says it: no other session is touched."""
    bench.server.on_other += [answers(status), open_still]
    done = bench.cancel(sessions(5))
    assert (done.offered, done.attempted) == (False, ())
    assert bench.calls.count("cancel") == 1


def test_a_session_that_is_unknown_says_nothing_about_the_api(bench: Bench) -> None:
    """404 for a session that `details` does not know either is about that session; the next one is cancelled."""
    bench.server.on_other += [answers(404), gone, answers(200), cancelled]
    done = bench.cancel(sessions(2))
    assert done.offered
    assert results(done) == ["AlreadyEnded", "Cancelled"]


def test_a_refused_cancellation_shows_the_present_state(bench: Bench) -> None:
    """400 means already final: its state is asked, kept and told."""
    bench.server.on_other += [answers(400, {"detail": "final"}), settled]
    done = bench.cancel(sessions(1))
    (one,) = done.attempted
    assert isinstance(one.result, session_states.AlreadyEnded)
    assert one.result.state.transactions == ("Settled",)
    assert bench.words() == ["Completed"]


@pytest.mark.parametrize(
    ("script", "expected", "cancels"),
    [
        pytest.param([lost, cancelled], "Cancelled", 1, id="it was done"),
        pytest.param([lost, open_still, answers(200), cancelled], "Cancelled", 2, id="it was not done"),
        pytest.param([lost, settled], "AlreadyEnded", 1, id="it was paid meanwhile"),
        pytest.param([lost, open_still] * 3, "Unsure", 3, id="lost each time"),
        pytest.param([confirms, open_still], "Cancelled", 1, id="confirmed, details behind"),
        pytest.param([confirms, *[answers(500)] * TRIES], "Cancelled", 1, id="confirmed, details silent"),
        pytest.param([answers(200), open_still] * 3, "Unsure", 3, id="a 200 alone"),
        pytest.param([answers(200, b"{}"), open_still, confirms, cancelled], "Cancelled", 2, id="a 200 alone at first"),
        pytest.param([answers(204), open_still] * 3, "Unsure", 3, id="no content"),
        pytest.param([of_another("Initiated"), open_still] * 3, "Unsure", 3, id="answered as open"),
        pytest.param([of_another("Cancelled", **OTHER_SESSION), open_still] * 3, "Unsure", 3, id="of another session"),
        pytest.param(
            [of_another("Cancelled", referenceId="INV-9"), open_still] * 3, "Unsure", 3, id="of another reference"
        ),
        pytest.param(
            [answers(200), of_another("Cancelled", **OTHER_SESSION)] * 3, "Unsure", 3, id="details of another session"
        ),
        pytest.param(
            [confirms, of_another("Cancelled", referenceId="INV-9")] * 3, "Unsure", 3, id="details of another reference"
        ),
        pytest.param([answers(200), answers(200, {"status": "Cancelled"})] * 3, "Unsure", 3, id="details of nobody"),
    ],
)
def test_a_cancellation_is_believed_when_it_is_confirmed(
    bench: Bench, script: list[Callable[..., Any]], expected: str, cancels: int
) -> None:
    """A cancellation that nothing confirms is repeated while the session is still open; and is never kept as done."""
    bench.server.on_other += script
    assert results(bench.cancel(sessions(1))) == [expected]
    assert bench.calls.count("cancel") == cancels
    assert (bench.words()[-1:] == ["Cancelled"]) is (expected == "Cancelled")


def test_details_of_another_are_said_and_not_kept(bench: Bench) -> None:
    """What `details` says of another session or reference is nothing about this one; the row is named."""
    bench.server.on_other += [settled, of_another("Completed", referenceId="INV-9"), answers(400)]
    followed = bench.ask(sessions(3))
    assert (followed.asked, followed.missed) == (1, 2)
    assert followed.reason == "row 3: the answer is about another reference"
    assert bench.words() == ["Completed"]


def test_a_stop_finishes_the_cancellation_in_flight(bench: Bench) -> None:
    """Ctrl-C during a cancellation waits for its answer, keeps it, and cancels nothing more."""

    def slowly(talk: Talk) -> None:
        talk.server.stopping.wait(0.5)
        confirms(talk)

    bench.patience = 60
    bench.server.on_other += [bench.stopped(slowly)]
    done = bench.cancel(sessions(3))
    assert results(done) == ["Cancelled"]
    assert bench.words() == ["Cancelled"]
    assert bench.calls == ["cancel"]
