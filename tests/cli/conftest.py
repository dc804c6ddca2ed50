"""The sandbox in a process of its own, beside the command."""

from collections.abc import Iterator

import pytest
from support.command import Command, StandaloneSandbox, serving
from support.fork_server import ForkServer


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
