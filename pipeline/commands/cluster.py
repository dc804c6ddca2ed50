"""`run --dask`: the workers of a Dask cluster send the rows of a planned run.

Dask finds the workers and has each begin. Which rows one may send is never Dask's word but the journal's
(`pipeline.journal.shares`). So is what all heed: a scheduler that is cut off neither keeps anybody from stopping nor
has anybody asked twice. What workers left in the middle is sent here in the end, by the rules that hold after a crash.

This module and `worker` alone know Dask, which is imported when it is needed.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import to_thread
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, Final
from uuid import uuid4

import msgspec

from pipeline import __version__
from pipeline.commands import worker
from pipeline.commands.options import Request
from pipeline.commands.worker import Order
from pipeline.config.kinds import journal_file
from pipeline.config.settings import Settings
from pipeline.domain.errors import NeedsPersonError, UsageError
from pipeline.domain.events import Emit, PauseAsked, RowsEnded, TokensSingleUse, WorkerLeftOut, WorkersReady
from pipeline.domain.model import Outcome
from pipeline.journal import shares
from pipeline.journal.shares import Overview
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import CHUNK, LONG_PAUSE, Assignment, SendRules
from pipeline.sender.held_share import beat

CONNECT_SECONDS: Final = 10.0
"""Seconds in which the scheduler must answer."""
PATIENCE: Final = 30.0
"""Seconds for which workers are waited for: for those that are there to say if they can send, and for one that does."""
RANGES_OF_A_WORKER: Final = 8
"""Ranges for each worker, of a small run: a slow one then keeps the others waiting for an eighth of its part."""


def check(request: Request, settings: Settings) -> None:
    """Raise UsageError where `--dask` can't be: with the sandbox, an SQLite journal, or without Dask."""
    if request.dask is None:
        return
    if request.sandbox:
        raise UsageError("--dask can't be used with --sandbox: other computers do not reach the built-in sandbox.")
    if not settings.journal or journal_file(settings.journal) is not None:
        raise UsageError(
            "--dask needs a PostgreSQL journal, which all workers share. Create one (flinks-import journal create "
            "postgresql://USER@HOST/DATABASE), and name it with --journal here and in FLINKS_IMPORT_JOURNAL on each "
            "worker."
        )
    if find_spec("distributed") is None:
        raise UsageError("--dask needs Dask. Install flinks-import[dask].")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A run to be sent by the workers of the Dask scheduler at `address`: its rows behind those already sent. A worker
    may be silent for `life` seconds.
    """

    address: str
    assignment: Assignment
    rows: int
    rules: SendRules
    life: float
    emit: Emit


async def send(cluster: Cluster, stop: CancelToken) -> Assignment:
    """Have the workers send a run. Returns when no worker sends any more, with what they left for a last pass here.

    Raises NeedsPersonError without a scheduler or a worker; whatever it raises, the workers stop within their life.
    """
    try:
        client = await _client(cluster.address)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise NeedsPersonError(
            "Can't reach the Dask scheduler {address} ({error}). Check the address and the certificates, then run the "
            "same command again.",
            address=cluster.address,
            error=type(error).__name__,
        ) from None
    try:
        await _Coordinator(cluster, client, stop).send()
    finally:
        with suppress(Exception):  # it ends either way
            await client.close(timeout=1)
    # Where something was raised this is left to the next run: until then a worker may still send.
    left = await to_thread(cluster.assignment.journal.write, shares.close, cluster.assignment.run)
    return replace(cluster.assignment, ranges=iter(left))


async def _client(address: str) -> Any:
    """A client of the scheduler at an address."""
    import dask
    import distributed

    dask.config.set({"logging": {"distributed": "critical"}})  # what goes wrong is said here, in a sentence
    library: Any = distributed
    # Asked here: without certificates Dask's client would fail halfway, and warn of itself on the screen.
    secured = library.Security().get_connection_args("client")["ssl_context"]
    if secured is None and address.startswith("tls:"):
        raise ValueError
    client = library.Client(address, asynchronous=True, timeout=CONNECT_SECONDS, set_as_default=False)
    try:
        await client
    except BaseException:
        await client.close()
        raise
    return client


@dataclass(slots=True)
class _Coordinator:
    _cluster: Cluster
    _client: Any
    _stop: CancelToken
    _tasks: dict[str, Any] = field(default_factory=dict)
    _able: set[str] = field(default_factory=set)
    _unable: set[str] = field(default_factory=set)
    _silent: set[str] = field(default_factory=set)
    _failures: Counter[str] = field(default_factory=Counter)
    _last_seen: float = field(default_factory=time.monotonic)
    _outcomes: Counter[str] = field(default_factory=Counter)
    _held: int = 0
    _is_single_use: bool = False
    _pause_ends: float = float("-inf")

    async def send(self) -> None:
        """Have everything sent, or all stop: nobody sends any more."""
        cluster, journal = self._cluster, self._cluster.assignment.journal
        run, after, rules = cluster.assignment.run, cluster.assignment.after, cluster.rules
        order = Order(run, uuid4().hex, cluster.life, after, CHUNK, rules)
        await to_thread(journal.write, shares.begin, run, order.word, order.life)
        most = min(await self._count_the_able(order), rules.concurrency)
        if not most:
            self._stop.request(_no_worker())
            return
        cluster.emit(WorkersReady(most))
        size = min(max(cluster.rows // (most * RANGES_OF_A_WORKER), rules.concurrency // most), CHUNK)
        part = replace(rules, concurrency=rules.concurrency // most, rate=rules.rate and rules.rate / most)
        order, is_all_taken = replace(order, size=size, rules=part), False
        while True:
            seen = await to_thread(journal.write, shares.watch, run, self._stop.reason)
            self._tell(seen)
            if seen.stop is not None:
                self._stop.request(seen.stop)
            is_all_taken = is_all_taken or await to_thread(journal.read, shares.is_all_taken, run, after)
            if not seen.living and (self._stop.requested or is_all_taken):
                return
            if not self._stop.requested and not is_all_taken:
                await self._hand_out(worker.work, order, most, seen.living)
                if time.monotonic() - self._last_seen > PATIENCE:
                    self._stop.request(_no_worker())
            await asyncio.sleep(beat(order.life))

    async def _count_the_able(self, order: Order) -> int:
        """How many of the workers that are there can send, when each has said it, or the patience is over."""
        patience = time.monotonic() + PATIENCE
        while not self._stop.requested and time.monotonic() < patience:
            await self._hand_out(worker.check, order, self._cluster.rules.concurrency, self._able)
            if self._able and not self._tasks.keys() - self._failures.keys():
                break
            await self._stop.sleep(beat(order.life))
        self._tasks.clear()
        return len(self._able)

    async def _hand_out(self, task: Any, order: Order, most: int, busy: frozenset[str] | set[str]) -> None:
        """Hear of the tasks that ended, and begin one at each worker that has none and is not busy, so that there are
        at most so many.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                known = await self._client.scheduler.identity(n_workers=-1)
        except (OSError, TimeoutError):
            self._stop.request(_no_scheduler(self._cluster.address))
            return
        present = set(known["workers"])
        if busy:
            self._last_seen = time.monotonic()
        for address, begun in [*self._tasks.items()]:
            if address not in present or begun.done():
                del self._tasks[address]
                self._silent.discard(address)
                if begun.done():
                    await self._hear(address, begun)
        # What is silent may go on some day, and ends at once then: it takes nobody's place.
        places = most - len((self._tasks.keys() | busy) - self._silent)
        free = present - self._tasks.keys() - busy - self._unable
        for address in sorted(free, key=self._failures.__getitem__)[: max(0, places)]:
            written = msgspec.json.encode(order)
            self._tasks[address] = self._client.submit(task, __version__, written, workers=[address], pure=False)

    async def _hear(self, address: str, task: Any) -> None:
        """Hear what a task said, or by which error it failed."""
        match task.status:
            case "finished":
                why = shares.understood(await task)
            case "error":
                why = UsageError("The task failed ({error}).", error=type(await task.exception()).__name__)
            case _:
                return  # the scheduler is another one
        if why is None:
            self._able.add(address)
            return
        self._failures[address] += 1
        if isinstance(why, UsageError):
            self._unable.add(address)
        if self._failures[address] == 1:
            self._cluster.emit(WorkerLeftOut(address, why))

    def _tell(self, seen: Overview) -> None:
        emit, now = self._cluster.emit, time.monotonic()
        for address in seen.put_off:
            self._silent.add(address)
            emit(WorkerLeftOut(address, None))
        outcomes = sum((Counter(report.outcomes) for report in seen.reports), Counter[str]())
        held = sum(report.held for report in seen.reports)
        if outcomes != self._outcomes or held != self._held:
            fresh = {Outcome(outcome): number for outcome, number in (outcomes - self._outcomes).items()}
            emit(RowsEnded(fresh, held - self._held))
            self._outcomes, self._held = outcomes, held
        if not self._is_single_use and any(report.single_use for report in seen.reports):
            self._is_single_use = True
            emit(TokensSingleUse())
        if seen.pause >= LONG_PAUSE and now + seen.pause > self._pause_ends + LONG_PAUSE:
            self._pause_ends = now + seen.pause
            emit(PauseAsked(datetime.now().astimezone() + timedelta(seconds=seen.pause)))


def _no_worker() -> NeedsPersonError:
    return NeedsPersonError(
        "No worker of the Dask cluster can send. Start workers (dask worker ADDRESS) with the same version, settings "
        "and journal, then run the same command again."
    )


def _no_scheduler(address: str) -> NeedsPersonError:
    return NeedsPersonError(
        "The Dask scheduler {address} does not respond any more. Requests in progress were completed; the other rows "
        "were not sent. Run the same command again to resume.",
        address=address,
    )
