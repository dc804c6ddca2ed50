"""A minute of `make fuzz` in every run of the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute_of_spoilt_sheets_finds_nothing() -> None:
    """No slip gives a valid row another value, and no damage is a fault of the program; in a process that may die."""
    done = subprocess.run(
        [sys.executable, "-m", "support.fuzz", "60"], cwd=TESTS, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
