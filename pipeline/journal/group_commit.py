"""Grouped commits for the sending loop: what is waiting goes to the journal in one durable transaction.

A commit costs one or two syncs of the disk however many records it holds. So the records of all rows that are in
flight share one: while a commit is under way, the next group gathers, and a thread of its own takes it the moment the
commit is through. A caller is told only after its record is durable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.errors import RunError
from pipeline.domain.model import Duplicate
from pipeline.journal import attempts
from pipeline.journal.attempts import Intent, RepeatSearch, Settlement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection

    from pipeline.journal.journal import Journal
    from pipeline.journal.transactions import Transactions

SETTLE_TRIES: Final = 10
"""How often an outcome is offered to a journal that can't take it: an outcome that is lost makes a row `unknown`."""
SETTLE_PAUSE: Final = 1.0
"""Seconds between them."""
_PAIR: Final = 2
"""Records that belong together: the outcome of a row, and the intent of the next one of the same worker."""


Fence = Callable[["Connection"], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: Intent | Settlement
    done: asyncio.Future[list[Duplicate]]


class Recorder:
    """Records intents and outcomes for many rows at once. Use `recording()`; it belongs to one event loop."""

    def __init__(self, journal: Journal, search: RepeatSearch | None, fence: Fence | None) -> None:
        self._journal = journal
        self._search = search
        self._fence = fence
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Waiting] = []
        self._groups: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._closing = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._transactions: Transactions | None = None
        self._watch = self._loop.create_task(self._cut_what_hangs())
        # The thread's own: what is left of a group that was cut.
        self._left: list[_Waiting] = []
        # It ends by itself, and the program waits for it: whatever was sent, its outcome must reach the journal.
        self._thread = Thread(target=self._run, name="journal", daemon=False)
        self._thread.start()

    async def intend(self, intent: Intent) -> list[Duplicate]:
        """Make an intent durable. Returns the repeats in other batches because of which it was not recorded, if any.

        Raises RunError when the journal can't take it: nothing may be sent then.
        """
        return await self._record(intent)

    def settle(self, settlement: Settlement) -> asyncio.Future[list[Duplicate]]:
        """Send an outcome on its way into the journal at once; what is returned ends when it is durable.

        It must be awaited at last. It raises RunError when the journal can't take the outcome, also after a while. An
        intent that is recorded before the caller waits for anything shares its commit as a rule.
        """
        return self._record(settlement)

    def _record(self, record: Intent | Settlement) -> asyncio.Future[list[Duplicate]]:
        done: asyncio.Future[list[Duplicate]] = self._loop.create_future()
        if not self._gathered:
            # Handed over when the loop has dealt with all that arrived together: it shares a commit.
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Waiting(record, done))
        return done

    def _hand_over(self) -> None:
        if self._gathered:
            self._groups.put(self._gathered)
            self._gathered = []

    async def aclose(self) -> None:
        """Commit the outcomes that still wait, whoever was cancelled while he waited: they can't be had twice.

        Intents that still wait are dropped: nothing of theirs was sent, and nothing will be.
        """
        self._closing = True
        self._hand_over()
        self._groups.put(None)
        try:
            await asyncio.shield(self._ended)
        finally:
            self._watch.cancel()

    async def _cut_what_hangs(self) -> None:
        """A commit that is never answered would end nothing, as long as something on the way takes what is written."""
        while True:
            await asyncio.sleep(1.0)
            if self._transactions is not None:
                self._transactions.cut_if_it_hangs()

    # -----------------------------------------------------------------------------------------------------------
    # The thread

    def _run(self) -> None:
        """Commit groups until nothing more will come."""
        more = True
        try:
            with self._journal.transactions() as transactions:
                self._transactions = transactions
                while more:
                    group, more = self._group()
                    if self._closing:
                        self._in_loop(_drop, [waiting for waiting in group if isinstance(waiting.record, Intent)])
                        group = [waiting for waiting in group if isinstance(waiting.record, Settlement)]
                    if group:
                        self._commit_group(group, transactions)
        finally:
            self._in_loop(_tell, self._ended, None)

    def _group(self) -> tuple[list[_Waiting], bool]:
        """What is to be committed next, and whether more may come. Waits until there is something to say.

        A group that came while nothing was to do is cut in two. Rows of one commit leave together, are answered
        together, and would stay together until the end, each waiting for all of them: cut, they spread over time.
        Where the journal is never idle nothing is cut, and the groups are as large as they can be.
        """
        group, self._left = self._left, []
        idle = not group and self._groups.empty()
        more = True
        while more and not (group and self._groups.empty()):
            handed = self._groups.get()
            more = handed is not None
            group += handed or []
        if idle and more and len(group) > _PAIR:
            half = (len(group) // _PAIR + 1) // 2 * _PAIR
            group, self._left = group[:half], group[half:]
        return group, more

    def _commit_group(self, group: Sequence[_Waiting], transactions: Transactions) -> None:
        try:
            held = self._commit([waiting.record for waiting in group], transactions)
        except Exception as error:  # noqa: BLE001 - whoever waits for this group must hear of it, whatever it is
            self._after_failure(group, error, unsure=transactions.unsure)
        else:
            self._in_loop(_tell_all, group, held)

    def _after_failure(self, group: Sequence[_Waiting], error: Exception, *, unsure: bool) -> None:
        """Intents fail at once, so that nothing more is sent; outcomes are offered again: they can't be had twice."""
        self._in_loop(_fail, [waiting for waiting in group if isinstance(waiting.record, Intent)], error)
        outcomes = [waiting for waiting in group if isinstance(waiting.record, Settlement)]
        if outcomes:
            self._offer_again(outcomes)
        if unsure and (intents := [waiting.record for waiting in group if isinstance(waiting.record, Intent)]):
            self._withdraw(intents)

    def _withdraw(self, intents: Sequence[Intent]) -> None:
        """What was intended and will not be sent is no *perhaps*, should the journal have taken it all the same."""

        def withdraw(connection: Connection) -> None:
            if self._fence is not None:
                self._fence(connection)  # else they may be another's by now
            attempts.withdraw(connection, intents, datetime.now(UTC))

        with suppress(RunError), self._journal.transactions(holding=False) as transactions:
            transactions.run(withdraw)

    def _offer_again(self, outcomes: Sequence[_Waiting]) -> None:
        for last in (*[False] * (SETTLE_TRIES - 1), True):
            self._journal.free_reserve()
            try:
                self._commit_outcomes(outcomes)
            except RunError as again:
                if last:
                    self._in_loop(_fail, outcomes, again)
                    return
                time.sleep(SETTLE_PAUSE)
            except Exception:  # noqa: BLE001 - as above: whoever waits must hear of it
                self._one_by_one(outcomes)
                return
            else:
                self._in_loop(_tell_all, outcomes, {})
                return

    def _one_by_one(self, outcomes: Sequence[_Waiting]) -> None:
        """A fault of the program in one outcome must not take the others with it."""
        for waiting in outcomes:
            try:
                self._commit_outcomes([waiting])
            except Exception as own:  # noqa: BLE001 - as above
                self._in_loop(_fail, [waiting], own)
            else:
                self._in_loop(_tell_all, [waiting], {})

    def _in_loop(self, callback: Callable[..., None], *given: object) -> None:
        """Have the loop call this soon. In a loop that is closed nobody waits any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *given)

    def _commit_outcomes(self, outcomes: Sequence[_Waiting]) -> None:
        """Whoever has the batch now: what was sent was sent."""
        with self._journal.transactions(holding=False) as transactions:
            self._commit([waiting.record for waiting in outcomes], transactions)

    def _commit(self, records: Sequence[Intent | Settlement], transactions: Transactions) -> dict[str, list[Duplicate]]:
        settlements = [record for record in records if isinstance(record, Settlement)]
        intents = [record for record in records if isinstance(record, Intent)]

        def record(connection: Connection) -> dict[str, list[Duplicate]]:
            held: dict[str, list[Duplicate]] = {}
            if settlements:
                attempts.settle(connection, settlements)
            if intents and self._search is not None:
                shared = self._fence is not None
                held = attempts.meanwhile_elsewhere(connection, intents, self._search, shared=shared)
            ready = [intent for intent in intents if intent.identity not in held]
            if ready:
                if self._fence is not None:
                    self._fence(connection)  # last: what it holds is not held while another run is waited for
                attempts.intend(connection, ready)
            return held

        return transactions.run(record)


def _tell_all(group: Sequence[_Waiting], held: Mapping[str, list[Duplicate]]) -> None:
    for waiting in group:
        record = waiting.record
        _tell(waiting.done, held.get(record.identity, []) if isinstance(record, Intent) else [])


def _tell(done: asyncio.Future[Any], result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.done.done():
            waiting.done.set_exception(error)


def _drop(group: Sequence[_Waiting]) -> None:
    for waiting in group:
        waiting.done.cancel()


@asynccontextmanager
async def recording(
    journal: Journal, search: RepeatSearch | None, fence: Fence | None = None
) -> AsyncIterator[Recorder]:
    """A recorder that commits for the time of the context.

    `search` is where repeats are sought at the moment of sending; None where the user allowed them. `fence` is asked in
    each transaction that records intents, and raises RunError where none may be recorded any more.
    """
    recorder = Recorder(journal, search, fence)
    try:
        yield recorder
    finally:
        await recorder.aclose()
