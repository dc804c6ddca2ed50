"""A system's keyring for the tests: this machine may have none."""

import os
from pathlib import Path

from support.command import Command

KEYRING = """
import json, os, pathlib
from keyring.backend import KeyringBackend

FILE = pathlib.Path(os.environ["TEST_KEYRING"])


class Keyring(KeyringBackend):
    priority = 1

    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps(self._all() | {f"{service} {username}": password}))

    def delete_password(self, service, username):
        FILE.write_text(json.dumps({k: v for k, v in self._all().items() if k != f"{service} {username}"}))
"""
"""A keyring of the package `keyring` that keeps its entries in a file: this machine may have none."""


def keyring_in_a_file(command: Command, tmp_path: Path) -> Path:
    """Give the command a system with a keyring; returns the file that it keeps its entries in."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "keyring_in_a_file.py").write_text(KEYRING)
    command.environment |= {
        "PYTHONPATH": f"{modules}{os.pathsep}{command.environment['PYTHONPATH']}",
        "PYTHON_KEYRING_BACKEND": "keyring_in_a_file.Keyring",
        "TEST_KEYRING": str(tmp_path / "keyring.json"),
    }
    return tmp_path / "keyring.json"
