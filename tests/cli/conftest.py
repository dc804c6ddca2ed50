"""The command in a process of its own, far from the user's journal, and the sandbox beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Command, StandaloneSandbox, clean_environment, serving
from support.fork_server import ForkServer


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """What forks the command for all the tests of a worker."""
    with ForkServer(tmp_path_factory.mktemp("fork_server"), clean_environment()) as fork_server:
        yield fork_server


@pytest.fixture
def command(tmp_path: Path, fork_server: ForkServer) -> Command:
    """The command, with a home of its own (`command.home`, a folder below the test's `tmp_path`)."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home, fork_server)


@pytest.fixture
def standalone_sandbox(command: Command) -> Iterator[StandaloneSandbox]:
    """A sandbox on a free port that ends with the test."""
    with serving(command) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer) -> Iterator[StandaloneSandbox]:
    """One sandbox for a module whose tests must send nothing: `witness.received()` stays empty."""
    with serving(Command(tmp_path_factory.mktemp("witness"), fork_server)) as sandbox:
        yield sandbox
