"""A little of `make fuzz` in every run of the tests, with the same seeds each time."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_spoilt_sheets_find_nothing() -> None:
    """No slip gives a valid row another value, and no damage is a fault of the program; in a process that may die."""
    line = [sys.executable, "-m", "support.fuzz", "20", "1"]
    done = subprocess.run(line, cwd=TESTS, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
