"""`journal`: making one, a backup of it, and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.config.settings import SANDBOX, Settings, default_journal
from pipeline.domain.errors import UsageError
from pipeline.journal import database, health
from pipeline.journal.health import Health

FINDINGS: Final = {
    "readable": "journal.found_readable",
    "integrity": "journal.found_integrity",
    "outcome": "journal.found_outcome",
    "open_settled": "journal.found_open_settled",
    "settled_open": "journal.found_settled_open",
    "no_session": "journal.found_no_session",
    "session_twice": "journal.found_session_twice",
    "rows_without_run": "journal.found_rows_without_run",
    "runs_without_batch": "journal.found_runs_without_batch",
    "attempts_without_run": "journal.found_attempts_without_run",
}
"""The sentence of each of `Health.findings`."""


def place_of(settings: Settings, *, in_sandbox: bool) -> str:
    """The journal that the settings mean: an SQLite path or a database URL."""
    return settings.journal or default_journal(SANDBOX if in_sandbox else settings.base_url)


def create(place: str) -> str:
    """Make a journal at `place`; returns the place as it may be shown. Raises UsageError when one is there."""
    shown = database.shown(place)
    if not database.make(place):
        raise UsageError("journal.exists", place=shown)
    return shown


def back_up(settings: Settings, path: Path, *, in_sandbox: bool) -> Path:
    """Copy the journal to `path`, over no file; gives its place. Raises UsageError when that can't be done."""
    return health.back_up(place_of(settings, in_sandbox=in_sandbox), path.absolute())


def check(settings: Settings, *, in_sandbox: bool) -> Health:
    """Look the journal over. Raises a RunError when it can't be read, or is none: what is empty is not whole."""
    found = health.examine(place_of(settings, in_sandbox=in_sandbox))
    if not found.version:
        raise UsageError("journal.incomplete", place=found.place)
    return found
