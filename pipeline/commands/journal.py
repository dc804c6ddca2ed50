"""`journal`: making one, a backup of it, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.commands.people import user
from pipeline.config import login
from pipeline.config.settings import Settings, default_journal, environment_name
from pipeline.domain.errors import UsageError
from pipeline.journal import database, health
from pipeline.journal.health import Health
from pipeline.messages import N_

FINDINGS: Final = {
    "readable": N_("files that other users of this computer can read: {count} (fix it with: chmod 600 {place}*)"),
    "integrity": N_("the database is damaged; errors: {count}"),
    "outcome": N_("outcomes of attempts that do not exist: {count}"),
    "open_settled": N_("open attempts with an end: {count}"),
    "settled_open": N_("attempts with an outcome but no end: {count}"),
    "no_session": N_("created attempts without a sessionId: {count}"),
    "session_twice": N_("sessionId values that several attempts have: {count}"),
    "rows_without_run": N_("rows of a run that does not exist: {count}"),
    "runs_without_batch": N_("runs of a batch that does not exist: {count}"),
    "attempts_without_run": N_("attempts of a run or batch that does not exist: {count}"),
}
"""The sentence of each of `Health.findings`."""


def place_of(settings: Settings, *, in_sandbox: bool) -> str:
    """The journal that the settings mean: an SQLite path or a database URL."""
    return settings.journal or default_journal(environment_name(settings, in_sandbox=in_sandbox))


def keep_password(settings: Settings, ask: Callable[[], str]) -> str:
    """Keep the password of the journal's database user in the system keyring; returns the address that it is for.

    Raises UsageError for a journal that is a file, and without a keyring or a password.
    """
    address, user = _address(settings)
    login.keep(address, login.KeyringEntry(user, ask()))
    return address


def forget_password(settings: Settings) -> tuple[str, bool]:
    """Remove it; returns the address, and whether there was one."""
    address, _ = _address(settings)
    return address, login.forget(address)


def _address(settings: Settings) -> tuple[str, str]:
    """The address of the journal as the keyring knows it, and the database's user."""
    place = place_of(settings, in_sandbox=False)
    if database.sqlite_path(place) is not None:
        raise UsageError(
            "The journal {place} is a file and has no password. Name a PostgreSQL journal: --journal "
            "postgresql://USER@HOST/DATABASE",
            place=database.shown(place),
        )
    return database.keyring_entry(place), database.user_of(place) or user()


def create(place: str) -> str:
    """Make a journal at `place`; returns the place as it may be shown. Raises UsageError when one is there."""
    shown = database.shown(place)
    if not database.make(place):
        raise UsageError("The journal {place} already exists. It was not changed.", place=shown)
    return shown


def back_up(settings: Settings, path: Path, *, in_sandbox: bool) -> Path:
    """Copy the journal to `path`, over no file; gives its place. Raises UsageError when that can't be done."""
    return health.back_up(place_of(settings, in_sandbox=in_sandbox), path.absolute())


def check(settings: Settings, *, in_sandbox: bool) -> Health:
    """Check the journal. Raises a RunError if it is unreadable, or not a journal: an empty file is not one."""
    found = health.examine(place_of(settings, in_sandbox=in_sandbox))
    if not found.version:
        raise UsageError(
            "The journal {place} lacks tables or columns: it is damaged, or another program "
            "changed it. Nothing more is sent. Restore it from a backup, or choose another "
            "with --journal.",
            place=found.place,
        )
    return found
