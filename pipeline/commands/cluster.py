"""`run --dask`: the rows of a planned run are divided into shares, and workers of a Dask cluster send them.

Dask finds the workers, gives each a share, and gives the share of a worker that died to another. Whether that one may
send it is never Dask's word but the journal's (`pipeline.journal.shares`). So is what all heed: a scheduler that is cut
off neither keeps anybody from stopping nor has anybody asked twice. What workers left in the middle is sent here
in the end, by the rules that hold after a crash.

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
from pipeline.journal.shares import Overview, Share
from pipeline.messages import N_
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import LONG_PAUSE, Assignment, SendRules
from pipeline.sender.held_share import beat

CONNECT_SECONDS: Final = 10.0
"""Seconds in which the scheduler must answer."""
PATIENCE: Final = 30.0
"""Seconds for which workers are waited for: for one that can send, and for those that are there to say if they can."""
SHARES_OF_A_WORKER: Final = 8
"""Shares for each worker, as a rule: a slow one then keeps the others waiting for an eighth of its part."""
SMALLEST, LARGEST = 100, 5_000
"""Rows of a share: below the smallest a worker would begin more often than send."""
MOST_TRIES: Final = 8
"""How often one share is given away: a worker that dies on it may not take all the others with it."""

_REFUSALS: Final = {
    worker.OTHER_VERSION: N_("Worker {worker} has version {found} of flinks-import, not {version}. It gets no rows."),
    worker.OTHER_ENVIRONMENT: N_("Worker {worker} sends to {found}, not to the API of this run. It gets no rows."),
    worker.OTHER_JOURNAL: N_("Worker {worker} has another journal ({found}). It gets no rows."),
    worker.UNSET: N_("Worker {worker} can't send. It gets no rows. It says: {found}"),
    worker.CUT_OFF: N_("Worker {worker} can't use the journal. It gets no more rows. It says: {found}"),
    "silent": N_("Worker {worker} does not respond. Its rows go to another."),
}
_PASSING: Final = frozenset({worker.CUT_OFF, "silent"})
"""What may be over a while later."""


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
    """A run to be sent by the workers of the Dask scheduler at `address`: its rows behind those already sent."""

    address: str
    assignment: Assignment
    rows: int
    rules: SendRules
    life: float
    emit: Emit


async def send(cluster: Cluster, stop: CancelToken) -> list[Assignment]:
    """Have the workers send a run. Returns when no worker sends any more, with what they left for a last pass here.

    Nothing is left where `stop` was asked for, by this program or a worker. Raises NeedsPersonError without a scheduler
    or a worker; whatever it raises, the workers stop within the life of a claim.
    """
    import dask

    dask.config.set({"logging": {"distributed": "critical"}})  # what goes wrong is said here, in a sentence
    from distributed import Client

    connect: Any = Client
    client = connect(cluster.address, asynchronous=True, timeout=CONNECT_SECONDS, set_as_default=False)
    try:
        await client
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        await client.close()
        raise NeedsPersonError(
            "Can't reach the Dask scheduler {address} ({error}). Check the address and the certificates, then run the "
            "same command again.",
            address=cluster.address,
            error=type(error).__name__,
        ) from None
    try:
        found = await _Coordinator(cluster, client, stop).send()
    finally:
        with suppress(Exception):  # it ends either way
            await client.close(timeout=1)
    # Where something was raised this is left to the next run: until then a worker may still send.
    await to_thread(cluster.assignment.journal.write, shares.close, cluster.assignment.run)
    if stop.requested:
        return []
    return [
        replace(cluster.assignment, after=share.after, before=share.before, leftovers=True)
        for share in found
        if share.claims > 1
    ]


@dataclass(slots=True)
class _Coordinator:
    _cluster: Cluster
    _client: Any
    _stop: CancelToken
    _word: str = field(default_factory=lambda: uuid4().hex)
    _checks: dict[str, Any] = field(default_factory=dict)
    _able: set[str] = field(default_factory=set)
    _tasks: dict[int, Any] = field(default_factory=dict)
    _tries: Counter[int] = field(default_factory=Counter)
    _lost: dict[int, int] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _last_able: float = field(default_factory=time.monotonic)
    _outcomes: Counter[str] = field(default_factory=Counter)
    _held: int = 0
    _is_single_use: bool = False
    _pause_ends: float = float("-inf")

    async def send(self) -> tuple[Share, ...]:
        """Have everything sent, or all stop. Returns the shares, of which nobody sends any more."""
        cluster, run, journal = self._cluster, self._cluster.assignment.run, self._cluster.assignment.journal
        await to_thread(journal.write, shares.begin, run, self._word, cluster.life)
        slots = await self._first_workers()
        size = min(max(-(-cluster.rows // (slots * SHARES_OF_A_WORKER)), SMALLEST), LARGEST)
        await to_thread(journal.write, shares.divide, run, cluster.assignment.after, size)
        order = self._order(slots)
        cluster.emit(WorkersReady(slots))
        while True:
            await self._collect()
            seen = await to_thread(journal.write, shares.watch, run, self._stop.reason)
            if seen.stop is not None:
                self._stop.request(seen.stop)
            self._tell(seen)
            living = any(share.living for share in seen.shares)
            if not living and (self._stop.requested or all(share.done for share in seen.shares)):
                return seen.shares
            if not self._stop.requested:
                await self._look_for_workers()
                self._hand_out(seen, slots, order)
                if time.monotonic() - self._last_able > PATIENCE and not living:
                    self._stop.request(_no_worker())
            await asyncio.sleep(beat(cluster.life))

    def _order(self, slots: int) -> bytes:
        """What each of so many workers is told: its part of what is in flight, and of the rate."""
        rules = self._cluster.rules
        return msgspec.json.encode(
            Order(
                run=self._cluster.assignment.run,
                word=self._word,
                life=self._cluster.life,
                concurrency=max(1, rules.concurrency // slots),
                rate=rules.rate and rules.rate / slots,
                max_failures=rules.max_failures,
                until=rules.until,
                permissions=rules.permissions,
                search=rules.search,
            )
        )

    # -----------------------------------------------------------------------------------------------------------
    # Workers

    async def _first_workers(self) -> int:
        """Wait until those that are there have said whether they can send; returns how many shares are sent at a time.

        Raises NeedsPersonError when none can.
        """
        patience = time.monotonic() + PATIENCE
        while not self._stop.requested and time.monotonic() < patience:
            await self._look_for_workers()
            if self._checks and all(check.done() for check in self._checks.values()):
                break
            await self._stop.sleep(beat(self._cluster.life))
        if not self._able and not self._stop.requested:
            raise _no_worker()
        return max(1, min(len(self._able), self._cluster.rules.concurrency))

    async def _look_for_workers(self) -> None:
        """Ask each worker that is new whether it can send the run, and hear what those said that were asked."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                known = await self._client.scheduler.identity(n_workers=-1)
        except (OSError, TimeoutError):
            self._stop.request(_no_scheduler(self._cluster.address))
            return
        present = set(known["workers"])
        self._able &= present
        for address in present - set(self._checks):
            self._checks[address] = self._client.submit(
                worker.check, __version__, self._order(1), workers=[address], pure=False
            )
        for address in present:
            check = self._checks[address]
            if address in self._able or address in self._refused or not check.done():
                continue
            why, found, _ = await _answer(check)
            if why:
                self._refused.add(address)
                self._leave_out(address, why, found)
            else:
                self._able.add(address)
        if self._able:
            self._last_able = time.monotonic()

    def _leave_out(self, address: str, why: str, found: str) -> None:
        self._able.discard(address)
        if why in _PASSING:
            self._checks.pop(address, None)  # it is asked again, and answers when it is well
        told = {"worker": address, "found": found, "version": __version__}
        self._cluster.emit(WorkerLeftOut(NeedsPersonError(_REFUSALS[why], **told)))

    # -----------------------------------------------------------------------------------------------------------
    # Shares

    async def _collect(self) -> None:
        """Hear of the tasks that ended. What became of their shares, the journal knows."""
        for share, task in [*self._tasks.items()]:
            if task.done():
                del self._tasks[share]
                why, found, address = await _answer(task)
                if address and why not in {worker.DONE, worker.LEFT}:
                    self._leave_out(address, why, found)

    def _hand_out(self, seen: Overview, slots: int, order: bytes) -> None:
        """Give away as many shares as may be sent at a time. One whose owner is silent goes to another worker."""
        for share in seen.shares:
            if share.lost and self._lost.get(share.id) != share.claims:
                self._lost[share.id] = share.claims
                self._leave_out(share.worker, "silent", "")
                if (task := self._tasks.pop(share.id, None)) is not None:
                    task.release()
        busy = {share.id for share in seen.shares if share.living} | set(self._tasks)
        for share in seen.shares:
            if len(busy) >= slots or not self._able:
                return
            if share.done or share.id in busy:
                continue
            if self._tries[share.id] == MOST_TRIES:
                self._stop.request(_no_progress(MOST_TRIES))
                return
            self._tries[share.id] += 1
            self._tasks[share.id] = self._client.submit(
                worker.work,
                __version__,
                order,
                share.id,
                key=f"flinks-import-{self._word}-{share.id}-{self._tries[share.id]}",
                workers=sorted(self._able),
                pure=False,
            )
            busy.add(share.id)

    # -----------------------------------------------------------------------------------------------------------
    # What is told

    def _tell(self, seen: Overview) -> None:
        emit, now = self._cluster.emit, time.monotonic()
        counts = [share.counts for share in seen.shares]
        outcomes = sum((Counter(count.outcomes) for count in counts), Counter[str]())
        held = sum(count.held for count in counts)
        if outcomes != self._outcomes or held != self._held:
            fresh = {Outcome(outcome): number for outcome, number in (outcomes - self._outcomes).items()}
            emit(RowsEnded(fresh, held - self._held))
            self._outcomes, self._held = outcomes, held
        if not self._is_single_use and any(count.single_use for count in counts):
            self._is_single_use = True
            emit(TokensSingleUse())
        if seen.pause >= LONG_PAUSE and now + seen.pause > self._pause_ends + LONG_PAUSE:
            self._pause_ends = now + seen.pause
            emit(PauseAsked(datetime.now().astimezone() + timedelta(seconds=seen.pause)))


async def _answer(task: Any) -> worker.Answer:
    """What a task answered, or that it failed: by which error."""
    if task.status == "finished":
        answer: worker.Answer = await task
        return answer
    failure = await task.exception() if task.status == "error" else None
    return worker.UNSET, type(failure).__name__ if failure is not None else task.status, ""


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


def _no_progress(tries: int) -> NeedsPersonError:
    return NeedsPersonError(
        "Workers ended {tries} times while they had the same rows. The other rows were not sent. Look at the workers' "
        "logs, then run the same command again.",
        tries=tries,
    )
