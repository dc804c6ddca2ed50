"""A system's keyring for the tests: this machine may have none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.command import Command, clean_environment
from support.fork_server import ForkServer

KEYRING = """
import json, os, pathlib
from keyring.backend import KeyringBackend



def file():
    return pathlib.Path(os.environ["TEST_KEYRING"])


class Keyring(KeyringBackend):
    priority = 1

    def _all(self):
        return json.loads(file().read_text()) if file().exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        file().write_text(json.dumps(self._all() | {f"{service} {username}": password}))

    def delete_password(self, service, username):
        file().write_text(json.dumps({k: v for k, v in self._all().items() if k != f"{service} {username}"}))
"""
"""A keyring of the package `keyring` that keeps its entries in a file: this machine may have none."""


@contextmanager
def keyring_fork_server(home: Path) -> Iterator[ForkServer]:
    """A fork server on a system with a keyring."""
    (home / "keyring_in_a_file.py").write_text(KEYRING)
    environment = clean_environment()
    there = {
        "PYTHONPATH": f"{home}{os.pathsep}{environment['PYTHONPATH']}",
        "PYTHON_KEYRING_BACKEND": "keyring_in_a_file.Keyring",
        "TEST_KEYRING": str(home / "nobody.json"),
    }
    with ForkServer(home, environment | there) as fork_server:
        yield fork_server


def with_keyring(command: Command, fork_server: ForkServer, tmp_path: Path) -> Path:
    """Give the command a system with a keyring; returns the file that it keeps its entries in."""
    command.fork_server = fork_server
    command.environment |= fork_server.environment | {"TEST_KEYRING": str(tmp_path / "keyring.json")}
    return tmp_path / "keyring.json"
