"""A PostgreSQL cluster of the tests' own, to be restarted, cut off and set up, and a way to it that breaks.

with cluster() as server, Way(server.port) as way:
    way.on_commit.append(cut_after)
    …
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
import pytest

from support.ports import own_port

OWNER = "postgres"
_HOST = "127.0.0.1"
_PATHS = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"), Path("/usr/local/bin"))


@dataclass(slots=True)
class Cluster:
    """A server with its data in a folder of its own. `OWNER` may do everything in it."""

    folder: Path
    programs: Path
    port: int
    databases: int = 0

    def start(self) -> None:
        self._control("start", "-w", "-l", str(self.folder / "log"), "-o", f"-p {self.port}")

    def stop(self) -> None:
        """Stop at once: no client is waited for."""
        self._control("stop", "-w", "-m", "fast")

    def crash(self) -> None:
        """End as a machine does that loses its power."""
        self._control("stop", "-w", "-m", "immediate")

    def set(self, **settings: str) -> None:
        """Set what is in force at once, for new sessions."""
        for name, value in settings.items():
            self.run(f"ALTER SYSTEM SET {name} = '{value}'")
        self.run("SELECT pg_reload_conf()")

    def hba(self, *lines: str) -> None:
        """Who may connect, and how, besides the owner."""
        trusted = f"host all {OWNER} {_HOST}/32 trust"
        (self.folder / "data" / "pg_hba.conf").write_text("\n".join([trusted, *lines]) + "\n")
        self.run("SELECT pg_reload_conf()")

    def encrypt(self, name: str) -> Path:
        """Speak TLS from now on, as the host `name`; returns the certificate of the authority, which is its own."""
        key, certificate = self.folder / "data" / "server.key", self.folder / "data" / "server.crt"
        made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}")
        names = ("-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate)
        _as_owner("openssl", *made, *names)
        key.chmod(0o600)
        self.set(ssl="on")
        time.sleep(0.2)  # the server reads its settings again in its own time
        return certificate

    def url(self, database: str = "postgres", user: str = OWNER, port: int | None = None) -> str:
        return f"postgresql://{user}@{_HOST}:{port or self.port}/{database}"

    def database(self) -> str:
        """The name of a new database."""
        self.databases += 1
        name = f"team_{self.databases}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def end_sessions(self) -> None:
        """End every session in the databases of tests."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'team%'")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What a statement gives, asked past every way."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            asked = connection.execute(statement.encode())
            return asked.fetchall() if asked.description else []

    def _control(self, *words: str) -> None:
        _as_owner(self.programs / "pg_ctl", "-D", str(self.folder / "data"), *words)


def _as_owner(*words: str | Path) -> None:
    """Run a program of the server; root may not."""
    prefix = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []
    environment = {**os.environ, "LC_ALL": "C"}
    quiet = subprocess.DEVNULL
    line = [*prefix, *map(str, words)]
    subprocess.run(line, check=True, cwd="/", env=environment, stdout=quiet, stderr=quiet, timeout=60)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that runs for the time of the context. Skips where PostgreSQL's programs are not installed."""
    programs = next((folder for folder in _PATHS if (folder / "initdb").exists()), None)
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's programs are not installed")
        pytest.skip("PostgreSQL's programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if os.geteuid() == 0:
        owner = pwd.getpwnam(OWNER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    made = Cluster(folder, programs, own_port())
    try:
        data = ("-D", folder / "data")
        _as_owner(programs / "initdb", "-N", "-A", "trust", "-E", "UTF8", "--locale=C", "-U", OWNER, *data)
        settings = f"listen_addresses = '{_HOST}'\nunix_socket_directories = ''\nfsync = off\nmax_connections = 50\n"
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        made.start()
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            made.crash()
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------------------------------------------------------
# The way there


Fault = Callable[["Stretch", bytes], None]
"""What happens to a part of what a client says: it is handed on, or not."""


def cut_before(stretch: Stretch, _said: bytes) -> None:
    """The connection is reset, and the server never hears this."""
    stretch.reset()


def cut_after(stretch: Stretch, said: bytes) -> None:
    """The server hears it, and its answer is lost with the connection."""
    stretch.lose_answers()
    stretch.server.sendall(said)
    time.sleep(0.1)  # what the server answers to a connection that is closed is not what is tried here
    stretch.reset()


def stall(stretch: Stretch, _said: bytes) -> None:
    """Nothing more goes either way, and nobody is told."""
    stretch.stalled.set()


def stall_after(stretch: Stretch, said: bytes) -> None:
    """The server hears it; then nothing more goes either way, and nobody is told."""
    stretch.stalled.set()
    stretch.server.sendall(said)


@dataclass(eq=False, slots=True)
class Stretch:
    """One connection through a way."""

    way: Way
    client: socket.socket
    server: socket.socket
    stalled: threading.Event = field(default_factory=threading.Event)

    def carry(self) -> None:
        """Hand on both ways until one side closes."""
        back = threading.Thread(target=self._answers, daemon=True)
        back.start()
        with suppress(OSError):
            while said := self.client.recv(65536):
                fault = self.way.fault_for(said)
                if fault is not None:
                    fault(self, said)
                elif not self.stalled.is_set():
                    self.server.sendall(said)
        if not self.stalled.is_set():
            self._close()

    def _answers(self) -> None:
        with suppress(OSError):
            while told := self.server.recv(65536):
                if not self.stalled.is_set():
                    self.client.sendall(told)
        if not self.stalled.is_set():
            self._close()

    def lose_answers(self) -> None:
        self.stalled.set()

    def reset(self) -> None:
        """Close both sides at once (RST)."""
        for side in (self.client, self.server):
            with suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close()

    def _close(self) -> None:
        for side in (self.client, self.server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


@dataclass(slots=True)
class Way:
    """A way to a server through which every connection of a client goes.

    `on_commit` has what happens at each COMMIT to come, None for nothing; `on_message` the same for each part of what
    clients say. `commits` and `messages` count them.
    """

    to: int
    on_commit: deque[Fault | None] = field(default_factory=deque)
    on_message: deque[Fault | None] = field(default_factory=deque)
    commits: int = 0
    messages: int = 0
    open: bool = True
    port: int = field(init=False)
    _listening: socket.socket = field(default_factory=lambda: socket.create_server((_HOST, 0), backlog=64))
    _stretches: set[Stretch] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.port = int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection. New ones are taken while `open`."""
        for stretch in list(self._stretches):
            stretch.reset()

    def cut_clients(self) -> None:
        """Reset the clients' sides only: the server goes on waiting."""
        for stretch in list(self._stretches):
            stretch.stalled.set()
            with suppress(OSError):
                stretch.client.shutdown(socket.SHUT_RDWR)

    def fault_for(self, said: bytes) -> Fault | None:
        with self._lock:
            self.messages += 1
            fault = self.on_message.popleft() if self.on_message else None
            if b"COMMIT" in said:
                self.commits += 1
                fault = (self.on_commit.popleft() if self.on_commit else None) or fault
            return fault

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client: socket.socket) -> None:
        if not self.open:
            client.close()
            return
        try:
            server = socket.create_connection((_HOST, self.to))
        except OSError:
            client.close()
            return
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stretch = Stretch(self, client, server)
        self._stretches.add(stretch)
        try:
            stretch.carry()
        finally:
            self._stretches.discard(stretch)
