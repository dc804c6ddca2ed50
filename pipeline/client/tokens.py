"""Bearer tokens: lent out, renewed before they expire, and learnt to be single-use.

The API's pages disagree on whether a token may be used twice (api: "Authorize"), so `auto` finds out. Asking for a
token creates nothing: it may be tried again freely, and its failure is certainly "not sent" for the row that waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from pipeline.client.api import (
    Authorization,
    AuthorizeElsewhere,
    AuthorizeFailed,
    AuthorizeRefused,
    AuthorizeUntrusted,
)
from pipeline.client.rate_limit import Timing, backoff
from pipeline.domain.errors import (
    ApiUnreachableError,
    CredentialsError,
    NeedsPersonError,
    WrongAddressError,
)
from pipeline.domain.responses import Token

TokenUse = Literal["auto", "reuse", "single"]

TOKEN_USES: Final[dict[str, TokenUse]] = {"auto": "auto", "reuse": "reuse", "single": "single"}
"""What the setting `token_use` may be."""

ASSUMED_LIFETIME: Final = 299.0
"""Seconds, when the API does not say: the shorter of the two documented lifetimes."""

MAX_TRIES: Final = 8
"""Attempts at one token before the run stops; the waits between them are half a minute on average."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A token for one request. `fresh`: nobody has used it before. `serial` numbers the tokens of this run."""

    token: str = field(repr=False)
    fresh: bool
    serial: int
    expires_at: float


@dataclass(slots=True)
class _Held:
    """A token in hand. Times are the clock's; `renew_at` lies before `expires_at` by a margin."""

    value: str = field(repr=False)
    serial: int
    expires_at: float
    renew_at: float
    used: bool = False

    def lend(self) -> Lease:
        fresh, self.used = not self.used, True
        return Lease(self.value, fresh, self.serial, self.expires_at)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How tokens are used: `use` as configured, and for single-use ones how many are asked for at a time."""

    use: TokenUse = "auto"
    at_a_time: int = 16


class Tokens:
    """Lends tokens. `authorize` asks for one; `on_learned` is called once, when tokens turn out to be single-use.

    `aclose` ends what is still being asked for.
    """

    def __init__(
        self,
        authorize: Callable[[], Awaitable[Authorization]],
        rules: TokenRules,
        timing: Timing,
        on_learned: Callable[[], None],
    ) -> None:
        self._authorize = authorize
        self._timing = timing
        self._on_learned = on_learned
        self._rules = rules
        self._single = rules.use == "single"
        self._serial = 0
        self._current: _Held | None = None
        self._renewal: asyncio.Task[_Held] | None = None
        self._stock: deque[_Held] = deque()
        self._waiting: deque[asyncio.Future[_Held]] = deque()
        self._asking: set[asyncio.Task[None]] = set()
        self._lent = 0

    def at_hand(self) -> Lease | None:
        """A token that can be lent without waiting: the common case, which costs nothing. None when there is none."""
        held = self._current
        if self._single or held is None or self._timing.clock() >= held.renew_at:
            return None
        return held.lend()

    async def ready(self) -> None:
        """Return when a shared token is in hand; at once where each request takes one of its own. Raises as `lease`."""
        held = self._current
        if not self._single and (held is None or self._timing.clock() >= held.renew_at):
            await self._renewed()

    async def lease(self, *, fresh: bool = False) -> Lease:
        """A token for one request; with `fresh`, one that nobody has used.

        Raises CredentialsError when the API refuses the credentials, WrongAddressError when nobody there gives tokens,
        NeedsPersonError when its certificate is refused, StoppedEarlyError when it gives no token.
        """
        if self._single or fresh:
            return await self._lease_single()
        while True:
            held = self._current
            if held is None or self._timing.clock() >= held.renew_at:
                held = await self._renewed()
            if self._single:
                return await self._lease_single()
            if held is self._current:
                return held.lend()

    def refused(self, lease: Lease) -> None:
        """Note a 401 for this lease: the token is not lent again.

        In `auto`, a refusal of a token that has not expired and was used before means that tokens are single-use.
        """
        if self._current is not None and self._current.serial == lease.serial:
            self._current = None
        if self._rules.use != "auto" or self._single or lease.fresh or self._timing.clock() >= lease.expires_at:
            return
        self._single = True
        self._on_learned()

    async def aclose(self) -> None:
        """End what is still being asked for."""
        tasks: list[asyncio.Task[None] | asyncio.Task[_Held]] = [*self._asking]
        if self._renewal is not None:
            tasks.append(self._renewal)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renewed(self) -> _Held:
        """One authorize at a time, however many wait; one who stops waiting does not stop it for the others."""
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        return await asyncio.shield(self._renewal)

    async def _renew(self) -> _Held:
        try:
            self._current = await self._ask()
            return self._current
        finally:
            self._renewal = None

    async def _lease_single(self) -> Lease:
        while self._stock:
            held = self._stock.popleft()
            if self._timing.clock() < held.renew_at:
                self._lent += 1
                self._refill()
                return held.lend()
        place: asyncio.Future[_Held] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._refill()
        held = await place
        self._lent += 1
        return held.lend()

    def _refill(self) -> None:
        """Ask for as many tokens as are waited for, and ahead of the demand for as many as were ever lent at a time."""
        ahead = min(self._lent, self._rules.at_a_time) if self._single else 0
        wanted = len(self._waiting) + ahead - len(self._stock)
        while len(self._asking) < min(wanted, self._rules.at_a_time):
            task = asyncio.create_task(self._fetch())
            self._asking.add(task)
            task.add_done_callback(self._fetched)

    async def _fetch(self) -> None:
        try:
            held = await self._ask()
        except Exception as failure:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            while self._waiting:
                place = self._waiting.popleft()
                if not place.done():
                    place.set_exception(failure)
            return
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(held)
                return
        self._stock.append(held)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled() and task.exception() is None and self._waiting:
            self._refill()

    async def _ask(self) -> _Held:
        for attempt in range(1, MAX_TRIES + 1):
            # The lifetime is counted from before the request: the API may have started counting that early.
            asked_at = self._timing.clock()
            answer = await self._authorize()
            match answer:
                case Token():
                    return self._held(answer, asked_at)
                case AuthorizeRefused():
                    raise CredentialsError(
                        "The API refused the credentials (HTTP {status}). Check FLINKS_USERNAME and "
                        "FLINKS_PASSWORD, and that the base URL is that of your account.",
                        status=answer.status,
                    )
                case AuthorizeUntrusted():
                    raise NeedsPersonError(
                        "The API's certificate is not trusted ({reason}). If your company's proxy "
                        "inspects traffic, set its certificates in ca_file; otherwise inform Flinks and "
                        "stop here. Nothing more was sent.",
                        reason=answer.text,
                    )
                case AuthorizeElsewhere() if not self._serial:
                    raise WrongAddressError(
                        "The base URL is not that of the API: it gave no access token ({reason}). Set "
                        "FLINKS_BASE_URL (base_url in the settings file) to the address of your account. "
                        "Nothing was sent.",
                        reason=answer.text,
                    )
                case AuthorizeElsewhere() | AuthorizeFailed():
                    # An address that gave tokens before is right: it is the API that is not what it was.
                    if attempt == MAX_TRIES:
                        raise ApiUnreachableError(
                            "The API gave no access token: {reason}. Nothing more was sent. Run the same command "
                            "again later to continue.",
                            reason=answer.text,
                        )
                    wish = answer.retry_after if isinstance(answer, AuthorizeFailed) else None
                    await self._timing.sleep(max(wish or 0.0, backoff(attempt, self._timing.rng)))
                case _:
                    assert_never(answer)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _held(self, token: Token, asked_at: float) -> _Held:
        lifetime = ASSUMED_LIFETIME if token.lifetime is None else token.lifetime
        self._serial += 1
        expires_at = asked_at + lifetime
        return _Held(token.value, self._serial, expires_at, expires_at - min(30.0, lifetime / 5))
