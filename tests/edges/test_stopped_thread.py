"""A command in a thread of its own, where no signal comes: `Stop` ends it as Ctrl-C would."""

import asyncio
import threading
import time

import pytest

from pipeline.commands.environment import built_in_sandbox
from pipeline.domain.errors import InterruptedRunError, StoppedEarlyError
from pipeline.sender.cancellation import CancelToken
from pipeline.system.signals import Interrupts, Stop, interrupts, stoppable

REASON = StoppedEarlyError("ended by the test")
IN_FLIGHT = InterruptedRunError("ended in flight by the test")


def outcome_of(body: object, stop: Stop) -> list[object]:
    """What a command in a thread ended with."""
    ended: list[object] = []

    def work() -> None:
        try:
            with stoppable(stop), interrupts(REASON) as signals:
                ended.append(body(signals))  # type: ignore[operator]
        except StoppedEarlyError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    return ended


def sends(signals: Interrupts, began: threading.Event | None = None) -> object:
    """As a run does: it asks at a question, then waits in a loop until it is stopped."""
    with signals.raising():
        pass

    async def loop() -> object:
        token = CancelToken()
        with signals.asking(token.request, IN_FLIGHT):
            if began is not None:
                began.set()
            await token.wait()
        return token.reason

    return asyncio.run(loop())


def test_asked_before_it_begins_it_ends_at_the_first_question() -> None:
    stop = Stop()
    stop.request()
    assert outcome_of(sends, stop) == [REASON]


def test_asked_in_flight_the_loop_is_asked_to_stop() -> None:
    stop, began = Stop(), threading.Event()

    def ask() -> None:
        began.wait(60)
        for _ in range(100):  # whoever asks again changes nothing
            stop.request()

    asking = threading.Thread(target=ask)
    asking.start()
    ended = outcome_of(lambda signals: sends(signals, began), stop)
    asking.join(20)
    assert ended == [IN_FLIGHT]
    assert stop.asked


def test_asked_between_two_phases_it_is_remembered() -> None:
    stop = Stop()

    def body(signals: Interrupts) -> object:
        stop.request()
        return sends(signals)

    assert outcome_of(body, stop) == [REASON]


def test_asked_while_results_are_written_it_is_forgotten() -> None:
    stop = Stop()

    def body(signals: Interrupts) -> object:
        signals.finish()
        stop.request()
        return "written"

    assert outcome_of(body, stop) == ["written"]


@pytest.fixture
def own_data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))


@pytest.mark.usefixtures("own_data")
def test_a_process_has_one_sandbox_for_as_long_as_somebody_uses_it() -> None:
    with built_in_sandbox("en") as first, built_in_sandbox("fr") as second:
        assert first is second
    with built_in_sandbox("en") as again:
        assert again is not first
    addresses: list[str] = []

    def use() -> None:
        with built_in_sandbox("en") as one:
            addresses.append(one.base_url)
            time.sleep(0.2)

    threads = [threading.Thread(target=use) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(addresses)) == 1
