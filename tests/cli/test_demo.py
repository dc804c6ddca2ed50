"""`make demo`: the whole month, as somebody who has never seen the tool plays it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Command

SAMPLES = Path(__file__).parents[2] / "samples"
SCRIPT = SAMPLES / "play_a_month.py"
DESK = SAMPLES.parent / "out" / "demo"


@pytest.mark.slow
def test_the_month_is_played_to_a_reconciliation_that_adds_up(command: Command) -> None:
    """Import, payors, status and two days' reports end in a reconciliation, and what was refunded is named."""
    done = subprocess.run(
        [sys.executable, SCRIPT], env=command.environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "29 payors accepted, 9 declined" in done.stdout
    assert "1,692.25 is refunded to Amelia Fraser (HP-2611-0001)" in done.stdout
    assert "$91,502.55 requested" in done.stdout
    assert "Returned: row 4 HP-2611-0001; requested $1,692.25, paid $0.00" in done.stdout
    assert done.stdout.rstrip().endswith("reconciliation.xlsx")
    settled, refunded = (lines_of(path) for path in sorted(DESK.glob("settlement-*.csv")))
    assert [row["Status"] for row in settled] == ["Settled"] * 29
    assert [(row["Reference Id"], row["Amount"], row["Status"]) for row in refunded] == [
        ("HP-2611-0001", "1692.25", "Refunded")
    ]
    assert refunded[0]["Session Id"] in {row["Session Id"] for row in settled}


def lines_of(report: Path) -> list[dict[str, str]]:
    with report.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
