"""Makes the package `support` importable, has slow tests begin first, and lends what tests of every kind use."""

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from support.command import Command, clean_environment
from support.fork_server import ForkServer
from support.keyring_in_a_file import keyring_fork_server, with_keyring

# A signal that whoever started the tests ignores, `nohup` or a shell in the background, every process of theirs would
# ignore too.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


# No test judges how fast the machine is.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """When several workers share the tests, each begins with some of the slow ones, so that none is left for the end.

    xdist first gives each of them a stretch of the tests in their order, the lengths as equal as may be; who has
    nothing left to do takes over the end of another's stretch.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    fronts: list[list[pytest.Item]] = [[] for _ in range(workers)]
    slow = _slow(items)
    for number, together in enumerate(slow):
        fronts[number % workers] += together
    moved = {item for together in slow for item in together}
    others = iter([item for item in items if item not in moved])
    left = len(items)
    ordered: list[pytest.Item] = []
    for number, front in enumerate(fronts):
        length = left // (workers - number)
        ordered += [*front, *islice(others, max(0, length - len(front)))]
        left -= length
    items[:] = [*ordered, *others]


def _slow(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """The tests that are marked `slow`, each by itself; a module that is slow as a whole shares what it sets up."""
    found: dict[Any, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow"):
            module = item.getparent(pytest.Module)
            whole = module is not None and any(mark.name == "slow" for mark in module.own_markers)
            found.setdefault(module if whole else item, []).append(item)
    return [*found.values()]


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """A command that runs in this process ends by ignoring signals, which every process after it would inherit."""
    # Hypothesis measures the collection of garbage, in a callback that would swallow a signal's exception.
    gc.callbacks[:] = [one for one in gc.callbacks if "hypothesis" not in getattr(one, "__module__", "")]
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


@pytest.fixture(scope="session")
def keyring_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """What forks the command on a system with a keyring."""
    with keyring_fork_server(tmp_path_factory.mktemp("keyring_server")) as fork_server:
        yield fork_server


@pytest.fixture
def keyring(command: Command, keyring_server: ForkServer, tmp_path: Path) -> Path:
    """A system with a keyring, which is the file that comes back."""
    return with_keyring(command, keyring_server, tmp_path)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which everybody may look; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for closed in folder.iterdir():
            closed.chmod(0o700)
