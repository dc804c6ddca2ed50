"""How tokens are lent, renewed and learnt to be single-use, in virtual time."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from support import virtual_time
from support.virtual_time import now, timing

from pipeline.client.api import (
    Authorization,
    AuthorizeElsewhere,
    AuthorizeFailed,
    AuthorizeRefused,
    AuthorizeUntrusted,
)
from pipeline.client.tokens import MAX_TRIES, TokenRules, Tokens
from pipeline.domain.errors import CredentialsError, NeedsPersonError, StoppedEarlyError, WrongAddressError
from pipeline.domain.responses import Problem, Token

REFUSED = AuthorizeRefused(401, Problem("", "", (), ""))


class Issuer:
    """Stands for `authorize`: takes `seconds`, gives numbered tokens, or first what `script` says."""

    def __init__(
        self, lifetime: float | None = 599, seconds: float = 0.1, script: tuple[Authorization, ...] = ()
    ) -> None:
        self.lifetime = lifetime
        self.seconds = seconds
        self.script = list(script)
        self.asked: list[float] = []
        self.at_a_time = 0
        self.most_at_a_time = 0

    async def __call__(self) -> Authorization:
        self.asked.append(now())
        number = len(self.asked)
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        await asyncio.sleep(self.seconds)
        self.at_a_time -= 1
        return self.script.pop(0) if self.script else Token(f"token-{number}", self.lifetime)


def tokens(
    issuer: Issuer, use: str = "auto", at_a_time: int = 16, learned: Callable[[], None] = lambda: None
) -> Tokens:
    return Tokens(issuer, TokenRules(use, at_a_time), timing(Random(1)), learned)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------
# Reuse and renewal


def test_one_authorize_at_a_time_however_many_wait() -> None:
    """A hundred requests that need a token make one authorize, and one of them is the token's first user."""
    issuer = Issuer()

    async def run() -> Any:
        lent = tokens(issuer)
        return await asyncio.gather(*(lent.lease() for _ in range(100)))

    leases = virtual_time.run(run())
    assert len(issuer.asked) == 1
    assert sum(lease.fresh for lease in leases) == 1
    assert {lease.token for lease in leases} == {"token-1"}


@pytest.mark.parametrize(
    ("lifetime", "renewed_at"),
    [
        pytest.param(599, 569, id="599 s"),
        pytest.param(299, 269, id="299 s"),
        pytest.param(2, 1.6, id="2 s"),
        pytest.param(None, 269, id="missing"),
    ],
)
def test_a_token_is_renewed_before_it_expires(lifetime: float | None, renewed_at: float) -> None:
    """The margin is half a minute, or a fifth of a short life; a lifetime that is not said is the shorter known one."""
    issuer = Issuer(lifetime, seconds=0)

    async def run() -> Any:
        lent = tokens(issuer)
        await lent.lease()
        await asyncio.sleep(renewed_at - 0.01)
        before = await lent.lease()
        await asyncio.sleep(0.02)
        after = await lent.lease()
        return before.token, after.token

    assert virtual_time.run(run()) == ("token-1", "token-2")


def test_a_lifetime_counts_from_before_the_request() -> None:
    """A slow authorize does not stretch the life of its token."""
    issuer = Issuer(lifetime=10, seconds=9)

    async def run() -> Any:
        lent = tokens(issuer)
        lease = await lent.lease()
        return lease.expires_at

    assert virtual_time.run(run()) == pytest.approx(10)


def test_a_token_that_is_already_old_is_still_lent_once() -> None:
    """When authorize takes longer than its tokens live, each is tried once rather than asked for without end."""
    issuer = Issuer(lifetime=1, seconds=5)

    async def run() -> Any:
        lent = tokens(issuer)
        return [(await lent.lease()).token for _ in range(2)]

    assert virtual_time.run(run()) == ["token-1", "token-2"]


def test_one_who_stops_waiting_does_not_stop_the_others() -> None:
    """The authorize that many wait for goes on when one of them is cancelled."""
    issuer = Issuer()

    async def run() -> Any:
        lent = tokens(issuer)
        first, second = (asyncio.create_task(lent.lease()) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        return (await second).token

    assert virtual_time.run(run()) == "token-1"


# ---------------------------------------------------------------------------------------------------------------
# Refusals


def test_a_refused_token_is_not_lent_again() -> None:
    """After a 401 the next request gets another token, also when many were refused at once."""
    issuer = Issuer()

    async def run() -> Any:
        lent = tokens(issuer, "reuse")
        leases = [await lent.lease() for _ in range(5)]
        for lease in leases:
            lent.refused(lease)
        return {(await lent.lease()).token for _ in range(5)}

    assert virtual_time.run(run()) == {"token-2"}


def test_a_late_refusal_of_an_old_token_leaves_the_new_one() -> None:
    """A 401 for a token that was replaced meanwhile says nothing about its successor."""
    issuer = Issuer()

    async def run() -> Any:
        lent = tokens(issuer, "reuse")
        old = await lent.lease()
        lent.refused(old)
        await lent.lease()
        lent.refused(old)
        return (await lent.lease()).token

    assert virtual_time.run(run()) == "token-2"


def test_auto_learns_single_use_and_says_so_once() -> None:
    """A 401 for a living token that was used before: from then on each lease has a token of its own."""
    issuer, said = Issuer(), []

    async def run() -> Any:
        lent = tokens(issuer, learned=lambda: said.append("single"))
        leases = await asyncio.gather(*(lent.lease() for _ in range(8)))
        for lease in leases:
            if not lease.fresh:
                lent.refused(lease)
        later = [await lent.lease() for _ in range(20)]
        await lent.aclose()
        return later

    later = virtual_time.run(run())
    assert said == ["single"]
    assert all(lease.fresh for lease in later)
    assert len({lease.token for lease in later}) == 20


@pytest.mark.parametrize(
    ("use", "wait", "which"),
    [
        pytest.param("auto", 0, 0, id="it was fresh"),
        pytest.param("auto", 600, 1, id="it had expired"),
        pytest.param("reuse", 0, 1, id="reuse is configured"),
        pytest.param("single", 0, 1, id="single is configured"),
    ],
)
def test_nothing_is_learnt_from_another_refusal(use: str, wait: float, which: int) -> None:
    """A 401 that single use does not explain teaches nothing."""
    issuer, said = Issuer(), []

    async def run() -> None:
        lent = tokens(issuer, use, learned=lambda: said.append("single"))
        leases = [await lent.lease() for _ in range(2)]
        await asyncio.sleep(wait)
        lent.refused(leases[which])
        await lent.aclose()

    virtual_time.run(run())
    assert said == []


@pytest.mark.parametrize("use", ["auto", "reuse", "single"])
def test_a_fresh_token_was_used_by_nobody(use: str) -> None:
    """Whoever asks for a fresh token gets one of its own, whatever the use."""
    issuer = Issuer()

    async def run() -> Any:
        lent = tokens(issuer, use)
        shared = await lent.lease()
        own = await asyncio.gather(*(lent.lease(fresh=True) for _ in range(10)))
        await lent.aclose()
        return [shared, *own]

    leases = virtual_time.run(run())
    assert all(lease.fresh for lease in leases)
    assert len({lease.token for lease in leases}) == 11


# ---------------------------------------------------------------------------------------------------------------
# Single use


def test_single_use_tokens_are_never_lent_twice_and_asked_for_in_bounds() -> None:
    """Each lease has its own token, and no more are asked for at a time than allowed."""
    issuer = Issuer()

    async def run() -> Any:
        lent = tokens(issuer, "single", at_a_time=4)
        leases = await asyncio.gather(*(lent.lease() for _ in range(50)))
        await lent.aclose()
        return leases

    leases = virtual_time.run(run())
    assert len({lease.token for lease in leases}) == 50
    assert issuer.most_at_a_time == 4


def test_few_leases_ask_for_few_tokens() -> None:
    """Asking ahead follows the demand: one request does not make the API issue a stock of tokens."""
    issuer = Issuer()

    async def run() -> None:
        lent = tokens(issuer, "single", at_a_time=32)
        await lent.lease()
        await asyncio.sleep(10)
        await lent.aclose()

    virtual_time.run(run())
    assert len(issuer.asked) <= 2


def test_a_stocked_token_that_grew_old_is_not_lent() -> None:
    """A token asked for ahead and not needed in time is thrown away."""
    issuer = Issuer(lifetime=10)

    async def run() -> Any:
        lent = tokens(issuer, "single", at_a_time=4)
        for _ in range(8):
            await lent.lease()
        await asyncio.sleep(100)
        lease = await lent.lease()
        await lent.aclose()
        return lease.expires_at - now()

    assert virtual_time.run(run()) > 5


@pytest.mark.parametrize("authorize_seconds", [0.02, 0.05, 0.1])
def test_single_use_keeps_at_least_half_of_the_throughput(authorize_seconds: float) -> None:
    """With tokens asked for ahead, 500 creations of 50 ms by 16 workers take at most twice as long."""

    async def job(use: str) -> float:
        lent = tokens(Issuer(seconds=authorize_seconds), use, at_a_time=32)
        rows = iter(range(500))
        began = now()

        async def work() -> None:
            for _ in rows:
                await lent.lease()
                await asyncio.sleep(0.05)

        await asyncio.gather(*(work() for _ in range(16)))
        took = now() - began
        await lent.aclose()
        return took

    assert virtual_time.run(job("single")) <= 2 * virtual_time.run(job("reuse"))


# ---------------------------------------------------------------------------------------------------------------
# Authorize itself fails


@pytest.mark.parametrize("use", ["auto", "single"])
def test_refused_credentials_stop_everybody(use: str) -> None:
    """When the credentials are refused everyone who waits hears it, and it is not tried again."""
    issuer = Issuer(script=(REFUSED,))

    async def run() -> Any:
        lent = tokens(issuer, use, at_a_time=1)
        return await asyncio.gather(*(lent.lease() for _ in range(3)), return_exceptions=True)

    failures = virtual_time.run(run())
    assert [type(failure) for failure in failures] == [CredentialsError] * 3
    assert len(issuer.asked) == 1


@pytest.mark.parametrize("use", ["auto", "single"])
@pytest.mark.parametrize(
    ("answer", "failure"),
    [(AuthorizeElsewhere("HTTP 404"), WrongAddressError), (AuthorizeUntrusted("expired"), NeedsPersonError)],
    ids=["a wrong address", "a certificate that is refused"],
)
def test_what_waiting_does_not_help_is_not_tried_again(use: str, answer: Authorization, failure: type) -> None:
    """Who answers there gives no tokens, or is not trusted: everybody hears it after the first try."""
    issuer = Issuer(script=(answer,))

    async def run() -> Any:
        lent = tokens(issuer, use, at_a_time=1)
        return await asyncio.gather(*(lent.lease() for _ in range(3)), return_exceptions=True)

    assert [type(failed) for failed in virtual_time.run(run())] == [failure] * 3
    assert len(issuer.asked) == 1


def test_an_address_that_gave_a_token_before_is_right() -> None:
    """A page in the middle of a run is an outage: it is asked again."""
    issuer = Issuer(lifetime=10)

    async def run() -> Any:
        lent = tokens(issuer)
        await lent.lease()
        issuer.script = [AuthorizeElsewhere("HTTP 404")] * 2
        await asyncio.sleep(100)
        return (await lent.lease()).token

    assert virtual_time.run(run()) == "token-4"


def test_a_failing_authorize_is_tried_again_as_the_server_wishes() -> None:
    """Asking for a token creates nothing: it is tried again, not before the server's Retry-After."""
    issuer = Issuer(seconds=0, script=(AuthorizeFailed("HTTP 503"), AuthorizeFailed("HTTP 429", 7.0)))

    async def run() -> Any:
        return (await tokens(issuer).lease()).token

    assert virtual_time.run(run()) == "token-3"
    assert issuer.asked[2] - issuer.asked[1] >= 7.0


@pytest.mark.parametrize("use", ["auto", "single"])
def test_a_failing_authorize_ends_the_run_in_the_end(use: str) -> None:
    """Without a token nothing can be sent: after some tries the run stops, and says why."""
    issuer = Issuer(script=(AuthorizeFailed("HTTP 502"),) * 100)

    async def run() -> Any:
        lent = tokens(issuer, use, at_a_time=1)
        with pytest.raises(StoppedEarlyError) as caught:
            await lent.lease()
        return caught.value

    failure = virtual_time.run(run())
    assert (failure.text, failure.params) == (
        (
            "The API gave no access token: {reason}. Nothing more was sent. Run the same command "
            "again later to continue."
        ),
        {"reason": "HTTP 502"},
    )
    assert len(issuer.asked) == MAX_TRIES


def test_a_lease_does_not_show_its_token() -> None:
    """A token is in no repr."""

    async def run() -> Any:
        lent = tokens(Issuer())
        lease = await lent.lease()
        return repr(lease) + repr(lent.__dict__)

    assert "token-1" not in virtual_time.run(run())
