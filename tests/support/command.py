"""Runs the real command in a process of its own, far from the user's journal, and the sandbox beside it."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from support.fork_server import REPOSITORY, Forked, ForkServer

Process = Forked | subprocess.Popen[str]
"""The command in a process of its own; both kinds have the same methods."""
PROGRAM = (sys.executable, "-m", "pipeline")
OURS = ("FLINKS_", "XDG_", "LC_", "LANG", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE")
"""Variables of whoever runs the tests that would change what the command does, or how quickly it starts."""


def clean_environment() -> dict[str, str]:
    """The environment of whoever runs the tests, without what would change what the command does."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
        "PYTHONPATH": str(REPOSITORY),
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
    }


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that has ended: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The JSON summary (`--json`). Fails when standard output holds anything else."""
        return json.loads(self.out)


class Command:
    """`flinks-import`, with data and configuration folders of its own below `home`; no terminal, no credentials.

    A process of its own for each command, which the fork server forks where it can: see `fork_server.py`.
    """

    def __init__(self, home: Path, fork_server: ForkServer) -> None:
        self.home = home
        self.data = home / "data" / "flinks-import"
        self.environment = clean_environment() | {
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
        }
        self.fork_server = fork_server

    def __call__(
        self,
        *args: object,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
        afresh: bool = False,
        piped: str | None = None,
    ) -> Finished:
        """Run it to its end. `env`, `cwd` and `afresh` are those of `start`; `piped` is what it reads."""
        reads = None
        if piped is not None:
            reads, writes = os.pipe()
            os.write(writes, piped.encode())
            os.close(writes)
        process = self.start(*args, env=env, cwd=cwd, afresh=afresh, stdin=reads)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
            if reads is not None:
                os.close(reads)
        assert process.returncode is not None
        return Finished(process.returncode, out, err)

    def start(
        self,
        *args: object,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        afresh: bool = False,
        stdin: int | None = None,
        terminal: int | None = None,
    ) -> Process:
        """Start it and go on; the caller ends it.

        `env` is added to the environment; `cwd` is `home` unless given. `afresh` has Python start and import all anew,
        as it does anyway where the environment changes how Python starts. It reads `stdin`, or nothing; at a `terminal`
        all that it reads and says is there.
        """
        environment = self.environment | dict(env or {})
        if self.fork_server.serves(environment) and not afresh:
            line = [*map(str, args)]
            return self.fork_server.start(line, environment, cwd or self.home, stdin=stdin, terminal=terminal)
        return subprocess.Popen(
            self.line(*args),
            env=environment,
            cwd=cwd or self.home,
            stdin=terminal or stdin or subprocess.DEVNULL,
            stdout=terminal or subprocess.PIPE,
            stderr=terminal or subprocess.PIPE,
            encoding="utf-8",
            start_new_session=terminal is not None,
        )

    @staticmethod
    def line(*args: object) -> list[str]:
        """The command line."""
        return [*PROGRAM, *map(str, args)]


class StandaloneSandbox:
    """A sandbox in a process of its own, as the command `sandbox` serves it."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    @property
    def env(self) -> dict[str, str]:
        """The settings with which the command talks to it."""
        return {"FLINKS_BASE_URL": self.base_url, "FLINKS_USERNAME": "sandbox", "FLINKS_PASSWORD": "sandbox"}

    def created(self) -> dict[str, int]:
        """How many sessions were created for each referenceId."""
        return self._about()["created"]

    def received(self) -> dict[str, int]:
        """How many creates arrived for each referenceId."""
        return self._about()["received"]

    def session_of(self, reference: str) -> str:
        """The only session of a referenceId."""
        (session,) = [one["sessionId"] for one in self._about()["sessions"] if one["referenceId"] == reference]
        return session

    def _about(self) -> dict[str, Any]:
        with urlopen(f"{self.base_url}/sandbox/sessions", timeout=60) as answer:
            return json.load(answer)


@contextmanager
def serving(command: Command) -> Iterator[StandaloneSandbox]:
    process = command.start("sandbox", "--port", "0", "--store", command.home / "standalone.jsonl")
    try:
        yield StandaloneSandbox(announced_url(process))
    finally:
        process.terminate()
        process.communicate(timeout=120)


def announced_url(process: Process, patience: float = 120) -> str:
    """The address that the sandbox prints once it listens."""
    assert process.stdout is not None
    deadline = time.monotonic() + patience
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0, deadline - time.monotonic())):
            line = process.stdout.readline()
            if not line:
                break
            if line.startswith("http://"):
                return line.strip()
    process.kill()
    raise AssertionError(f"the sandbox said no address: {process.communicate()}")
