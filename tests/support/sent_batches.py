"""Batches that were sent to the built-in sandbox, for the tests of the pages: fictional people at example.com."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.command import Command

HEADINGS = ("Invoice #", "First name", "Last name", "Email", "Amount", "Account", "Institution", "Transit", "Notes")
PEOPLE = (
    ("Happy1-1", "Ana", "Fraser", "ana@example.com", "10.00"),
    ("INV-2", "Benoît", "Côté", "benoit@example.com", "20.00"),
    ("INV-3", "Cléo", "Gagnon", "cleo@example.com", "40.00"),
    ("ResetAfterOnce-4", "Dan", "Roy", "dan@example.com", "80.00"),
    ("ResetAfterOnce-5", "Eve", "Roy", "eve@example.com", "160.00"),
    ("INV-6", "Flo", "Roy", "flo@@example.com", "320.00"),
)
"""Rows 2 to 7: one that is paid once somebody asks, two that wait, two that are unknown, one that is invalid."""
HOSTILE_NAME = '<b onmouseover="alert(1)">Gil</b>'
RIGHT_TO_LEFT = "\u202egnorw\u202c"
HOSTILE = (
    ("INV-7", HOSTILE_NAME, "Fraser", "gil@example.com", "1.00", "", "", "", '=HYPERLINK("http://evil.example.com")'),
    ("INV-8", "Hal", "Fraser", "hal@example.com", "2.00", "", "", "", RIGHT_TO_LEFT),
    ("INV-9", "Ida", "Fraser", "ida@example.com", "3.00", "", "", "", "<script>alert(1)</script>" + "x" * 32_000),
)
ACCOUNT = ("9876541", "001", "30265")


def send(
    command: Command,
    rows: Sequence[Sequence[str]] = PEOPLE,
    batch: str = "rent 2026-11",
    where: str = "--sandbox",
    env: Mapping[str, str] | None = None,
) -> Path:
    """Send a sheet with these rows, in practice unless `where` is `--yes`; its path.

    Rows that say no account have the same one.
    """
    path = command.home / "rent.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADINGS)
        out.writerows([*row, *(*ACCOUNT, "")[len(row) - 5 :]] if len(row) < len(HEADINGS) else row for row in rows)
    command("run", path, where, "--batch", batch, "--send-link", env=env)
    return path
