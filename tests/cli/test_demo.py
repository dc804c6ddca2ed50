"""`make demo`: the whole month, as somebody who has never seen the tool plays it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "samples" / "play_a_month.py"


@pytest.mark.slow
def test_the_month_is_played_to_a_reconciliation_that_adds_up(command) -> None:
    """Import, payors, status and reports end in a reconciliation that adds up to the cent."""
    done = subprocess.run(
        [sys.executable, SCRIPT], env=command.environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "29 payors accepted, 9 declined" in done.stdout
    assert "It adds up to the cent: $91,502.55 asked for" in done.stdout
    assert done.stdout.rstrip().endswith("reconciliation.xlsx")
