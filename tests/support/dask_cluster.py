"""A Dask cluster of real processes on loopback. Each worker has ways of its own to the journal and the scheduler, which
can be cut as a network is: nothing arrives any more, and nobody is told.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from distributed import Client

from support.command import clean_environment
from support.network import Network

DASK = (sys.executable, "-m", "dask")


class Way:
    """A TCP way to a port of this machine. A context manager; `port` is where it begins. `seen` is what came along."""

    def __init__(self, to: int, at: str = "127.0.0.1") -> None:
        self._to = to
        self._listening = socket.create_server((at, 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        self.seen = bytearray()
        self._open = threading.Event()
        self._open.set()
        self._ended = False
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._open.set()
        for each in [self._listening, *self._sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def cut(self) -> None:
        """From now on nothing arrives, in either direction; who sends is not told."""
        self._open.clear()

    def heal(self) -> None:
        """From now on all arrives, also what was held."""
        self._open.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        self._open.wait()
        with suppress(OSError):
            far = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += [near, far]
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
            self._carry(far, near)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while (some := source.recv(65536)) and not self._ended:
                self._open.wait()
                self.seen += some
                target.sendall(some)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Worker:
    """A worker in a process of its own, and its ways."""

    process: subprocess.Popen[bytes]
    address: str
    journal: Way
    scheduler: Way

    is_well: bool = True

    def kill(self) -> None:
        """As `kill -9` does."""
        self.is_well = False
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As a machine that is suspended."""
        self.is_well = False
        self.process.send_signal(signal.SIGSTOP)

    def cut_off(self, way: Way | Network) -> None:
        """As a network that fails on one of its ways."""
        self.is_well = False
        way.cut()

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """As whoever maintains the cluster ends it."""
        self.is_well = False
        self.process.send_signal(signal.SIGTERM)


@dataclass(slots=True)
class DaskCluster:
    """A scheduler and its workers; `environment` is that of the run, with a PostgreSQL journal."""

    folder: Path
    environment: Mapping[str, str]
    stack: ExitStack
    port: int = 0
    workers: list[Worker] = field(default_factory=list)
    scheduler: subprocess.Popen[bytes] = field(init=False)

    def start_scheduler(self) -> None:
        """Start a scheduler, at the port of the one before."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        line = [*DASK, "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = subprocess.Popen(
            [*line, "--scheduler-file", str(file)],
            env=clean_environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "scheduler.log").open("ab"),
        )
        self.stack.callback(_end, self.scheduler)
        self.port = _port_in(file)

    def lose_scheduler(self) -> None:
        """Kill it. The workers that it knew end by themselves."""
        _end(self.scheduler)
        for worker in self.workers:
            worker.is_well = False

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def add(self, network: Network | None = None, **changes: str) -> Worker:
        """Start a worker, its settings changed so, in a network of its own where it has one.

        It comes to the scheduler a moment later.
        """
        here, there = (network.here, network.there) if network else ("127.0.0.1", "127.0.0.1")
        url = urlsplit(self.environment["FLINKS_IMPORT_JOURNAL"])
        journal, scheduler = (self.stack.enter_context(Way(port, here)) for port in (url.port or 5432, self.port))
        their_url = url._replace(netloc=f"{url.username}@{here}:{journal.port}", query="sslmode=disable")
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"{there}:{free.getsockname()[1]}"
        line = [*DASK, "worker", f"tcp://{here}:{scheduler.port}", "--no-nanny", "--nthreads", "1", "--no-dashboard"]
        theirs = {"FLINKS_IMPORT_JOURNAL": their_url.geturl()}
        process = subprocess.Popen(
            [
                *(network.within if network else ()),
                *line,
                "--listen-address",
                f"tcp://{address}",
                "--local-directory",
                str(self.folder),
            ],
            env=clean_environment() | dict(self.environment) | theirs | changes,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"worker-{len(self.workers)}.log").open("wb"),
        )
        self.stack.callback(_end, process)
        worker = Worker(process, f"tcp://{address}", journal, scheduler)
        self.workers.append(worker)
        return worker

    def restore(self, count: int) -> None:
        """Have so many workers that are well: those that something became of, or that ended, are replaced."""
        if self.scheduler.poll() is not None:
            self.start_scheduler()
        for worker in [*self.workers]:
            if not worker.is_well or worker.process.poll() is not None:
                self.workers.remove(worker)
                _end(worker.process)
        for _ in range(count - len(self.workers)):
            self.add()
        self.wait_for(count)

    def wait_for(self, count: int) -> None:
        """Return when the scheduler knows as many workers, and no others. Raises AssertionError after a minute."""
        deadline = time.monotonic() + 60
        connect: Any = Client
        with connect(self.address, set_as_default=False) as client:
            while (known := len(client.scheduler_info(n_workers=-1)["workers"])) != count:
                assert time.monotonic() < deadline, f"{known} workers, not {count}"
                time.sleep(0.1)


@contextmanager
def dask_cluster(folder: Path, environment: Mapping[str, str], workers: int = 3) -> Iterator[DaskCluster]:
    """A scheduler with so many workers, all of them gone when the context ends."""
    with ExitStack() as stack:
        cluster = DaskCluster(folder, environment, stack)
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.add()
        yield cluster


def _port_in(file: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            return int(json.loads(file.read_text("utf-8"))["address"].rpartition(":")[2])
        time.sleep(0.05)
    raise AssertionError("the scheduler did not start")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.wait()
