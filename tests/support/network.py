"""A network of a process's own: one cable leads to it, which can be pulled.

with network() as its:
    subprocess.Popen([*its.within, "python", …])  # reaches this machine at `its.here`, and is reached at `its.there`
    its.cut()

What is sent then goes nowhere, as on a real network: the kernel sends it again and again until it gives up.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

NONE_HERE = "no network namespace can be made here (only root can, with iproute2 and where the kernel lets it)"
_CARRY = """
import asyncio, sys

async def pour(source, target):
    try:
        while some := await source.read(65536):
            target.write(some)
            await target.drain()
    except OSError:
        pass
    finally:
        target.close()

async def join(reader, writer):
    try:
        far_reader, far_writer = await asyncio.open_connection(sys.argv[2], int(sys.argv[3]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))

async def main():
    server = await asyncio.start_server(join, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

_CALL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)"


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses of both ends of the cable, and what begins a command line that is to run behind it."""

    name: str
    here: str
    there: str

    @property
    def within(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """Pull the cable."""
        _ip("link", "set", self.name, "down")

    def heal(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.name, "up")

    @contextmanager
    def at_home(self, port: int, way: int) -> Iterator[None]:
        """Have what runs there find, at this port of its own machine, what is at port `way` of ours."""
        line = [*self.within, sys.executable, "-c", _CARRY, str(port), self.here, str(way)]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as carrier:
            try:
                assert carrier.stdout is not None
                assert carrier.stdout.readline() == b"ready\n"
                yield
            finally:
                carrier.kill()


@contextmanager
def network() -> Iterator[Network]:
    """A network with one end here. The test is left out where none may be made."""
    number = os.getpid() % (1 << 14)  # 198.18.0.0/16 is for tests, in nets of four
    net = f"198.18.{number >> 6}"
    one = Network(f"fi{number}", f"{net}.{4 * (number & 63) + 1}", f"{net}.{4 * (number & 63) + 2}")
    try:
        _ip("netns", "add", one.name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(NONE_HERE)
    try:
        try:
            _lay(one)
        except subprocess.CalledProcessError:
            pytest.skip(NONE_HERE)
        yield one
    finally:
        _ip("netns", "delete", one.name)


def _lay(one: Network) -> None:
    """Lay the cable, and call home."""
    _ip("link", "add", one.name, "type", "veth", "peer", "name", "there", "netns", one.name)
    _ip("address", "add", f"{one.here}/30", "dev", one.name)
    _ip("link", "set", one.name, "up")
    _ip("-n", one.name, "address", "add", f"{one.there}/30", "dev", "there")
    for interface in ("lo", "there"):
        _ip("-n", one.name, "link", "set", interface, "up")
    with socket.create_server((one.here, 0)) as listening:
        line = [*one.within, sys.executable, "-c", _CALL, one.here, str(listening.getsockname()[1])]
        subprocess.run(line, check=True, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
