"""`journal`: a backup of it, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

from pipeline.journal import health
from pipeline.journal.health import Health
from pipeline.model import UsageFailure
from pipeline.settings import SANDBOX, Settings, default_journal


def place_of(settings: Settings, *, in_sandbox: bool) -> str:
    """The journal that the settings mean: an SQLite path or a database URL."""
    return settings.journal or default_journal(SANDBOX if in_sandbox else settings.base_url)


def back_up(settings: Settings, path: Path, *, in_sandbox: bool) -> None:
    """Copy the journal to `path`. Raises UsageFailure when that can't be done."""
    health.back_up(place_of(settings, in_sandbox=in_sandbox), path.absolute())


def check(settings: Settings, *, in_sandbox: bool) -> Health:
    """Look the journal over. Raises a Failure when it can't be read, or is none: what is empty is not whole."""
    found = health.examine(place_of(settings, in_sandbox=in_sandbox))
    if not found.version:
        raise UsageFailure("journal.incomplete", place=found.place)
    return found
