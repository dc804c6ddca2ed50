"""The sending loop with the durable journal, against what the latency allows and against the transport alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.local import Size, opened, stage
from benchmarks.measuring import Cost, middle
from benchmarks.server import serving
from benchmarks.sheets import write_csv
from benchmarks.table import Line
from pipeline.client.api import Api, Credentials
from pipeline.client.payload import body
from pipeline.client.transport import AtMostOnceTransport, Timeouts
from pipeline.domain.model import Payment
from pipeline.journal.journal import Journal, open_journal
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import TOKENS_AHEAD, Assignment, SendRules, send
from pipeline.validation import CheckOptions, check_table

LATENCIES: Final = (0.0, 0.05, 0.25)
IN_FLIGHT: Final = (16, 32, 128)
_TARGETS: Final = {(0.05, 32): 0.93, (0.05, 128): 0.75}
_RATE_TARGET: Final = 2_000
_OF_TRANSPORT: Final = 0.7
_AT_0_MS: Final = 15_000
_SECONDS: Final = 6
"""How long a measurement with a latency should take at the ideal rate."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: a latency in seconds, requests in flight, rows."""

    latency: float
    in_flight: int
    rows: int

    @property
    def what(self) -> str:
        """In words."""
        return f"{self.latency * 1000:.0f} ms, {self.in_flight} in flight"

    @property
    def ideal(self) -> float:
        """Rows a second that the latency allows."""
        return self.in_flight / self.latency


def sending(size: Size, folder: Path) -> Iterator[Line]:
    """Every latency with every number of requests in flight."""
    for latency in LATENCIES:
        for in_flight in IN_FLIGHT:
            yield from _compared(_case(latency, in_flight, size), size, folder)


def _case(latency: float, in_flight: int, size: Size) -> Case:
    if not latency:
        return Case(latency, in_flight, min(size.rows, _AT_0_MS))
    return Case(latency, in_flight, min(size.rows, max(int(in_flight / latency * _SECONDS), 20 * in_flight)))


def _compared(case: Case, size: Size, folder: Path) -> Iterator[Line]:
    """Engine and transport in turns."""
    ours: list[Cost] = []
    alone: list[Cost] = []
    for _ in range(size.times):
        ours.append(sent(case, folder))
        alone.append(sent_by_transport(case))
    engine, transport = middle(ours), middle(alone)
    rate, bare = case.rows / engine.wall, case.rows / transport.wall
    if case.latency:
        target = _TARGETS.get((case.latency, case.in_flight))
        yield Line("send", case.what, "ideal", rate, case.ideal, "rows/s", "high", target)
        yield Line("send", case.what, "transport alone", rate, bare, "rows/s", "high")
        return
    yield Line("send", case.what, f"{_RATE_TARGET:,} rows/s", rate, _RATE_TARGET, "rows/s", "high", 1.0)
    yield Line("send", case.what, "transport alone", rate, bare, "rows/s", "high", _OF_TRANSPORT)
    by_cpu = (case.rows / engine.cpu, case.rows / transport.cpu)
    yield Line("send", case.what, "transport alone, by CPU", *by_cpu, "rows/s of CPU", "high")


def sent(case: Case, folder: Path) -> Cost:
    """What our sending phase costs, from its first look into the journal to its last commit."""
    table = opened(write_csv(folder / "send.csv", case.rows))
    with serving(case.latency) as server, open_journal(str(folder / f"send-{next(_NUMBERS)}.sqlite")) as journal:
        batch, run = stage(journal, table, check_table(table, CheckOptions()).chunks(), server.url)
        cost = asyncio.run(_send(journal, batch, run, case, server.url))
    assert server.seen.created == case.rows
    return cost


_NUMBERS: Final = count()


async def _send(journal: Journal, batch: Any, run: int, case: Case, url: str) -> Cost:
    transport = AtMostOnceTransport(connections=case.in_flight * (1 + TOKENS_AHEAD), timeouts=Timeouts())
    api = Api(url, transport, Credentials("bench", "bench"))
    rules = SendRules(concurrency=case.in_flight)
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        await send(Assignment(journal, batch, run), api, rules, lambda _event: None, CancelToken())
        return Cost(time.perf_counter() - wall, time.process_time() - cpu)
    finally:
        await api.aclose()


def transport_cost(latency: float, in_flight: int, rows: int) -> Cost:
    """What the exchanges alone cost: fixed workers, the same bodies, no journal, no decision. `latency` in seconds."""
    return sent_by_transport(Case(latency, in_flight, rows))


def sent_by_transport(case: Case) -> Cost:
    """See `transport_cost`."""
    with serving(case.latency) as server:
        return asyncio.run(_exchange(case, server.url))


async def _exchange(case: Case, base_url: str) -> Cost:
    transport = AtMostOnceTransport(connections=case.in_flight, timeouts=Timeouts())
    url = httpx.URL(f"{base_url}/api/v2/sessions")
    headers = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
    requests = (httpx.Request("POST", url, headers=headers, content=_body(at)) for at in range(case.rows))

    async def work() -> None:
        for request in requests:
            await transport.handle_async_request(request)

    try:
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(case.in_flight)))
        return Cost(time.perf_counter() - wall, time.process_time() - cpu)
    finally:
        await transport.aclose()


def _body(at: int) -> bytes:
    return body(Payment(f"INV-{at:07d}", "Jane", "Doe", f"payor{at}@example.com", Decimal("12.50"), send_link=False))
