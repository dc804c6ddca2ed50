"""Grouped commits for the sending loop: what is waiting goes to the journal in one durable transaction.

A commit costs one or two syncs of the disk however many records it holds. So the records of all rows that are in
flight share one: while a commit is under way, the next group gathers. A caller is told only after its record is
durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from pipeline.journal import attempts, database
from pipeline.journal.attempts import Intent, Settlement
from pipeline.model import Failure, Repeat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pipeline.journal.journal import Journal

SETTLE_TRIES: Final = 10
"""How often an outcome is offered to a journal that can't take it: an outcome that is lost makes a row `unknown`."""
SETTLE_PAUSE: Final = 1.0
"""Seconds between them."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: Intent | Settlement
    done: asyncio.Future[list[Repeat]]


class Recorder:
    """Records intents and outcomes for many rows at once. Use `recording()`; it belongs to one event loop."""

    def __init__(self, journal: Journal, window: timedelta | None) -> None:
        self._journal = journal
        self._window = window
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def intend(self, intent: Intent) -> list[Repeat]:
        """Make an intent durable. Returns the repeats in other batches because of which it was not recorded, if any.

        Raises Failure when the journal can't take it: nothing may be sent then.
        """
        return await self._record(intent)

    def settle(self, settlement: Settlement) -> Awaitable[object]:
        """Send an outcome on its way into the journal at once; what is returned ends when it is durable.

        It must be awaited at last. It raises Failure when the journal can't take the outcome, also after a while. An
        intent that is recorded before the caller waits for anything shares its commit.
        """
        return self._record(settlement)

    def _record(self, record: Intent | Settlement) -> asyncio.Future[list[Repeat]]:
        done: asyncio.Future[list[Repeat]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(record, done))
        self._wake.set()
        return done

    async def run(self) -> None:
        """Commit groups until cancelled; a group that has begun is committed to the end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            if group:
                commit = asyncio.ensure_future(self._commit_group(group))
                try:
                    await asyncio.shield(commit)
                except asyncio.CancelledError:
                    await commit
                    raise

    async def aclose(self) -> None:
        """Commit the outcomes that still wait, whoever was cancelled while he waited: they can't be had twice.

        Intents that still wait are dropped: nothing of theirs was sent, and nothing will be.
        """
        left, self._waiting = self._waiting, []
        outcomes = [waiting for waiting in left if isinstance(waiting.record, Settlement)]
        if outcomes:
            await self._commit_group(outcomes)
        for waiting in left:
            waiting.done.cancel()
        self._thread.shutdown(wait=True)

    async def _commit_group(self, group: Sequence[_Waiting]) -> None:
        try:
            held = await self._in_thread([waiting.record for waiting in group])
        except Exception as error:  # noqa: BLE001 - whoever waits for this group must hear of it, whatever it is
            await self._after_failure(group, error)
            return
        for waiting in group:
            record = waiting.record
            repeats = held.get(record.fingerprint, []) if isinstance(record, Intent) else []
            _tell(waiting, repeats)

    async def _after_failure(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Intents fail at once, so that nothing more is sent; outcomes are offered again: they can't be had twice."""
        outcomes = []
        for waiting in group:
            if isinstance(waiting.record, Settlement):
                outcomes.append(waiting)
            else:
                _fail(waiting, error)
        if outcomes:
            await self._offer_again(outcomes)

    async def _offer_again(self, outcomes: Sequence[_Waiting]) -> None:
        for last in (*[False] * (SETTLE_TRIES - 1), True):
            self._journal.free_reserve()
            try:
                await self._in_thread([waiting.record for waiting in outcomes])
            except Failure as again:
                if last:
                    for waiting in outcomes:
                        _fail(waiting, again)
                    return
                await asyncio.sleep(SETTLE_PAUSE)
            except Exception:  # noqa: BLE001 - as above: whoever waits must hear of it
                await self._one_by_one(outcomes)
                return
            else:
                for waiting in outcomes:
                    _tell(waiting, [])
                return

    async def _one_by_one(self, outcomes: Sequence[_Waiting]) -> None:
        """A fault of the program in one outcome must not take the others with it."""
        for waiting in outcomes:
            try:
                await self._in_thread([waiting.record])
            except Exception as own:  # noqa: BLE001 - as above
                _fail(waiting, own)
            else:
                _tell(waiting, [])

    async def _in_thread(self, records: Sequence[Intent | Settlement]) -> dict[bytes, list[Repeat]]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, records)

    def _commit(self, records: Sequence[Intent | Settlement]) -> dict[bytes, list[Repeat]]:
        settlements = [record for record in records if isinstance(record, Settlement)]
        intents = [record for record in records if isinstance(record, Intent)]
        held: dict[bytes, list[Repeat]] = {}
        try:
            with self._journal.engine.begin() as connection:
                if settlements:
                    attempts.settle(connection, settlements)
                if intents and self._window is not None:
                    held = attempts.meanwhile_elsewhere(connection, intents, self._window)
                ready = [intent for intent in intents if intent.fingerprint not in held]
                if ready:
                    attempts.intend(connection, ready)
        except DBAPIError as error:
            raise database.failure(error, self._journal.url) from None
        return held


def _tell(waiting: _Waiting, repeats: list[Repeat]) -> None:
    if not waiting.done.done():
        waiting.done.set_result(repeats)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


@asynccontextmanager
async def recording(journal: Journal, window: timedelta | None) -> AsyncIterator[Recorder]:
    """A recorder that commits for the time of the context.

    `window` is how far back other batches are searched for repeats at the moment of sending; None where the user
    allowed repeats.
    """
    recorder = Recorder(journal, window)
    committing = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        await recorder.aclose()
