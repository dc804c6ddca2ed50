"""When requests leave, in virtual time."""

import asyncio
from random import Random

import pytest
from support import virtual_time
from support.virtual_time import now, timing

from pipeline.client.rate_limit import AdaptiveThrottle, RateLimit, backoff


class Longest(Random):
    """Chance that always takes the longest."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(("attempt", "window"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (60, 30), (5000, 30)])
def test_the_wait_grows_to_a_limit(attempt: int, window: float) -> None:
    """The longest wait doubles with each attempt and never passes half a minute."""
    assert backoff(attempt, Longest()) == pytest.approx(window)


def test_the_wait_has_full_jitter() -> None:
    """A wait is anything between nothing and the window, so that those who failed together return apart."""
    waits = [backoff(3, Random(seed)) for seed in range(200)]
    assert min(waits) < 0.1
    assert max(waits) > 1.9
    assert len(set(waits)) == 200


# ---------------------------------------------------------------------------------------------------------------
# The user's rate


async def turns(limit: RateLimit, workers: int, each: int, busy: float = 0.0) -> list[float]:
    """When each of so many workers got each of its turns; `busy` is how long it then works."""
    taken: list[float] = []

    async def work() -> None:
        for _ in range(each):
            await limit.turn()
            taken.append(now())
            await asyncio.sleep(busy)

    await asyncio.gather(*(work() for _ in range(workers)))
    return taken


@pytest.mark.parametrize(("rate", "workers"), [(10, 1), (10, 5), (1000, 32), (0.5, 3)])
def test_turns_are_evenly_spaced(rate: float, workers: int) -> None:
    """However many ask, turns come at the rate: no burst at the start and none later."""

    async def run() -> list[float]:
        return await turns(RateLimit(rate, timing(Longest())), workers, 4)

    taken = virtual_time.run(run())
    assert taken == [pytest.approx(turn / rate) for turn in range(4 * workers)]


def test_without_a_rate_nobody_waits() -> None:
    """No limit means no wait at all."""

    async def run() -> list[float]:
        return await turns(RateLimit(None, timing(Longest())), 3, 3)

    assert virtual_time.run(run()) == [0.0] * 9


def test_turns_that_nobody_took_are_lost() -> None:
    """After a pause no more than a moment is made up for: never a burst that breaks the rate."""

    async def run() -> list[float]:
        limit = RateLimit(100, timing(Longest()))
        await limit.turn()
        await asyncio.sleep(60)
        return await turns(limit, 1, 20)

    taken = virtual_time.run(run())
    assert taken[-1] - taken[0] >= 19 / 100 - 0.051


# ---------------------------------------------------------------------------------------------------------------
# The server's wish


def test_the_brake_holds_everybody_as_long_as_the_server_said() -> None:
    """One 429 with seconds holds every request, and more than one does not hold them longer."""

    async def run() -> list[float]:
        throttle = AdaptiveThrottle(timing(Longest()))
        for _ in range(10):
            throttle.pushed_back(3.0)
        return await passes(throttle, 5)

    passed = virtual_time.run(run())
    assert passed[0] == pytest.approx(3.0)
    assert passed == sorted(passed)


def test_those_who_waited_together_leave_one_by_one() -> None:
    """When the throttle lets go, requests are spaced, so that the server is not hit by all of them at once."""

    async def run() -> list[float]:
        throttle = AdaptiveThrottle(timing(Longest()))
        throttle.pushed_back(1.0)
        return await passes(throttle, 10)

    assert len(set(virtual_time.run(run()))) == 10


def test_a_longer_wish_counts_and_a_shorter_one_does_not() -> None:
    """While the throttle holds, the longest wait that the server asked for counts."""

    async def run() -> float:
        throttle = AdaptiveThrottle(timing(Longest()))
        throttle.pushed_back(5.0)
        throttle.pushed_back(1.0)
        await throttle.wait()
        return now()

    assert virtual_time.run(run()) == pytest.approx(5.0)


def test_a_wish_that_another_program_was_told_holds_here_too() -> None:
    """It holds everybody as long, and those who waited leave one by one; a shorter one changes nothing. It is no wish
    that this program was told.
    """

    async def run() -> list[float]:
        throttle = AdaptiveThrottle(timing(Longest()))
        throttle.hold(3.0)
        throttle.hold(1.0)
        assert throttle.left == 0.0
        return await passes(throttle, 5)

    passed = virtual_time.run(run())
    assert passed[0] == pytest.approx(3.0)
    assert len(set(passed)) == 5


def test_a_wish_that_comes_while_waiting_is_heard() -> None:
    """Who waits already waits on when the server asks for more."""

    async def run() -> float:
        throttle = AdaptiveThrottle(timing(Longest()))
        throttle.pushed_back(2.0)
        waiting = asyncio.create_task(throttle.wait())
        await asyncio.sleep(1)
        throttle.pushed_back(4.0)
        await waiting
        return now()

    assert virtual_time.run(run()) == pytest.approx(5.0)


def test_without_a_wish_the_wait_grows_with_each_overload() -> None:
    """Push-backs in flight together count once; one after the other they double the wait."""

    async def run() -> list[float]:
        throttle = AdaptiveThrottle(timing(Longest()))
        waits = []
        for _ in range(4):
            for _ in range(16):
                throttle.pushed_back(None)
            before = now()
            await throttle.wait()
            waits.append(now() - before)
        return waits

    assert virtual_time.run(run()) == [pytest.approx(wait, abs=0.2) for wait in (0.5, 1, 2, 4)]


def test_the_brake_lets_go_with_good_answers() -> None:
    """Good answers shrink the space between requests until there is none."""

    async def run() -> list[float]:
        throttle = AdaptiveThrottle(timing(Longest()))
        throttle.pushed_back(1.0)
        await throttle.wait()
        for _ in range(100):
            throttle.eased()
        return await passes(throttle, 10)

    assert len(set(virtual_time.run(run()))) == 1


def test_a_late_good_answer_does_not_end_the_wait() -> None:
    """An answer to a request that left before the push-back says nothing about now."""

    async def run() -> float:
        throttle = AdaptiveThrottle(timing(Longest()))
        throttle.pushed_back(3.0)
        throttle.eased()
        await throttle.wait()
        return now()

    assert virtual_time.run(run()) == pytest.approx(3.0)


async def passes(throttle: AdaptiveThrottle, workers: int) -> list[float]:
    """When each of so many who wait at the throttle got past it."""
    passed: list[float] = []

    async def work() -> None:
        await throttle.wait()
        passed.append(now())

    await asyncio.gather(*(work() for _ in range(workers)))
    return passed
