"""The whole job: time against the sum of its floors, memory, the first request, and the peers' whole jobs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import peers
from benchmarks.local import Size, sent_batch
from benchmarks.measuring import Cost, child, middle, taken
from benchmarks.sending import transport_cost
from benchmarks.server import Running, serving
from benchmarks.sheets import write_csv, write_xlsx
from benchmarks.table import Line
from pipeline.journal import database

_IN_FLIGHT: Final = 32
_TEN_TIMES: Final = 10
_MOST_MB: Final = 400
_FIRST_REQUEST: Final = 3.0
_OF_FLOORS: Final = 1.4
_PEERS_IN_FLIGHT: Final = 25
_PEERS_LATENCY: Final = 0.05
_PEERS_ROWS: Final = 5_000


def run(sheet: Path, folder: Path, latency: float, in_flight: int) -> tuple[Cost, Running, float]:
    """Our command from start to end, its server, and the seconds until the first request."""
    place = folder / f"run-{time.monotonic_ns()}"
    place.mkdir()
    with serving(latency) as server:
        environment = {"FLINKS_BASE_URL": server.url, "FLINKS_USERNAME": "bench", "FLINKS_PASSWORD": "bench"}
        places = ("--journal", place / "journal.sqlite", "-o", place / "out.results.xlsx")
        manner = ("--yes", "-q", "--concurrency", str(in_flight))
        database.make(str(place / "journal.sqlite"))
        began = time.monotonic()
        cost = child([sys.executable, "-m", "pipeline", "run", sheet, *places, *manner], environment)
    return cost, server, server.seen.first - began


def whole(size: Size, folder: Path) -> Iterator[Line]:
    """A workbook to a workbook at 0 ms, against calamine, the schema, the transport and XlsxWriter one by one."""
    sheet = write_xlsx(folder / "whole.xlsx", size.rows)
    ours, firsts = [], []
    for _ in range(size.times):
        cost, _, first = run(sheet, folder, 0.0, _IN_FLIGHT)
        ours.append(cost)
        firsts.append(first)
    job, floor = middle(ours), floors(size.rows, sheet, folder)
    what = f"{size.rows:,} rows .xlsx to workbook, 0 ms, {_IN_FLIGHT} in flight"
    yield Line("whole", what, "sum of the floors", job.wall, floor.wall, "s", target=_OF_FLOORS)
    yield Line("whole", what, "sum of the floors, by CPU", job.cpu, floor.cpu, "s CPU")
    allowed = _FIRST_REQUEST * size.rows / 100_000
    yield Line("first request", f"{size.rows:,} rows .xlsx", "3 s per 100,000", min(firsts), allowed, "s", target=1.0)


def floors(rows: int, sheet: Path, folder: Path) -> Cost:
    """Each step's floor, one after the other."""
    from benchmarks import local  # noqa: PLC0415 - the module's own parts are called by name

    table = local.kept(local.opened(sheet))
    report, sent = sent_batch(rows, folder)
    parts = [
        taken(lambda: local.bare_calamine(sheet)),
        taken(lambda: local.bare_schema(table)),
        transport_cost(0.0, _IN_FLIGHT, rows),
        taken(lambda: local.plain_workbook(folder / "floor.xlsx", report, sent)),
    ]
    return Cost(sum(part.wall for part in parts), sum(part.cpu for part in parts))


def memory(size: Size, folder: Path) -> Iterator[Line]:
    """Peak memory of ten times the rows against that of the rows, and against 400 MB; nothing is sent slower for it."""
    small, _, _ = run(write_csv(folder / "small.csv", size.rows), folder, 0.0, _IN_FLIGHT)
    large, _, _ = run(write_csv(folder / "large.csv", size.rows * _TEN_TIMES), folder, 0.0, _IN_FLIGHT)
    what = f"{size.rows * _TEN_TIMES:,} rows .csv"
    yield Line("memory", what, f"{size.rows:,} rows", large.peak, small.peak, "MB", target=1.3)
    yield Line("memory", what, f"{_MOST_MB} MB", large.peak, _MOST_MB, "MB", target=1.0)
    yield Line("memory", f"{what}, time", "ten times the time", large.cpu, small.cpu * _TEN_TIMES, "s CPU")
    yield Line("memory", f"{what}, seconds", "ten times the time", large.wall, small.wall * _TEN_TIMES, "s")


def against_peers(size: Size, folder: Path) -> Iterator[Line]:
    """Whole job against whole job at 50 ms and 25 in flight: a .csv becomes sessions; ours and the colleague's write
    a workbook too.
    """
    rows = min(size.rows, _PEERS_ROWS)
    sheet = write_csv(folder / "peers.csv", rows)
    what = f"{rows:,} rows .csv, 50 ms, 25 in flight"
    found = peers.available()
    ours: list[Cost] = []
    theirs: dict[str, list[Cost]] = {peer.name: [] for peer in found}
    for _ in range(size.times):
        ours.append(run(sheet, folder, _PEERS_LATENCY, _PEERS_IN_FLIGHT)[0])
        for peer in found:
            with serving(_PEERS_LATENCY) as server:
                theirs[peer.name].append(child(peer.line(sheet, server.url, folder), cwd=folder))
            if server.seen.created != rows:
                print(f"  {peer.name} created {server.seen.created} of {rows}")
    mine = middle(ours)
    for name, costs in theirs.items():
        yield Line(
            "whole job", what, name, mine.wall, middle(costs).wall, "s", target=1.0 if name in _MUST_BEAT else None
        )
    yield Line("whole job", what, "ideal", rows / mine.wall, _PEERS_IN_FLIGHT / _PEERS_LATENCY, "rows/s", "high")


_MUST_BEAT: Final = {"bulk-post", "csv2http"}
