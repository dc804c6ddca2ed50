"""`run --dask` with one, two and four workers, against what the latency allows.

Needs a PostgreSQL server on this machine in which `postgres` may make a database; without one nothing is measured. All
processes share the cores of one machine: what is seen is what the sharing costs, not what more machines bring.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from benchmarks.local import Size
from benchmarks.measuring import REPOSITORY, child
from benchmarks.server import serving
from benchmarks.sheets import write_csv
from benchmarks.table import Line
from pipeline.journal import database

WORKERS: Final = (1, 2, 4)
LATENCIES: Final = (0.05, 0.25)
IN_FLIGHT: Final = 16
"""Requests in flight of each worker."""
_SECONDS: Final = 4
"""How long a measurement should take at the ideal rate."""
_SERVER: Final = "postgresql+psycopg://postgres@127.0.0.1/postgres"
_DASK: Final = (sys.executable, "-m", "dask")


def workers(size: Size, folder: Path) -> Iterator[Line]:
    """Rows a second from the first request to the last, of the ideal."""
    for latency in LATENCIES:
        for count in WORKERS:
            rate = _rate(count, latency, size, folder)
            if rate is None:
                return
            ideal = count * IN_FLIGHT / latency
            what = f"{latency * 1000:.0f} ms, workers: {count}, {count * IN_FLIGHT} in flight"
            yield Line("workers", what, "ideal", rate, ideal, "rows/s", "high")


def _rate(count: int, latency: float, size: Size, folder: Path) -> float | None:
    rows = min(size.rows, int(count * IN_FLIGHT / latency * _SECONDS))
    name = uuid4().hex[:8]
    sheet = write_csv(folder / f"{name}.csv", rows)
    with ExitStack() as stack:
        try:
            journal = stack.enter_context(_journal(f"bench_{name}"))
        except DBAPIError:
            return None
        server = stack.enter_context(serving(latency))
        credentials = {"FLINKS_USERNAME": "bench", "FLINKS_PASSWORD": "bench"}
        environment = credentials | {"FLINKS_BASE_URL": server.url, "FLINKS_IMPORT_JOURNAL": journal}
        address = stack.enter_context(_cluster(count, environment, folder / name))
        in_flight = ("--concurrency", str(count * IN_FLIGHT))
        line = [sys.executable, "-m", "pipeline", "run", str(sheet), "--dask", address, "--yes", "-q", *in_flight]
        child(line, environment)
    assert server.seen.created == rows
    return rows / (server.seen.last + latency - server.seen.first)


@contextmanager
def _journal(name: str) -> Iterator[str]:
    """A journal in a database of its own. Raises DBAPIError without a server."""
    engine = create_engine(_SERVER, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            url = f"postgresql://postgres@127.0.0.1/{name}"
            database.make(url)
            yield url
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _cluster(count: int, environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A scheduler with so many workers, of one thread each; gives its address."""
    folder.mkdir()
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        common = ("--host", "127.0.0.1", "--no-dashboard")
        stack.enter_context(_process([*_DASK, "scheduler", "--port", "0", "--scheduler-file", str(file), *common], {}))
        while not file.exists():
            time.sleep(0.1)
        for _ in range(count):
            one = ("--no-nanny", "--nthreads", "1", "--local-directory", str(folder))
            line = [*_DASK, "worker", "--scheduler-file", str(file), *one, *common]
            stack.enter_context(_process(line, environment))
        time.sleep(6)  # all workers are there before the run counts them
        yield file.read_text("utf-8").split('"address": "')[1].split('"')[0]


@contextmanager
def _process(line: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - our own
        line, env={**os.environ, **environment}, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
