"""Where a run sends and what it remembers: the environment, its base URL and its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.commands.login import kept
from pipeline.config.settings import SANDBOX, Settings, data_folder, default_journal, password_of
from pipeline.domain.errors import UsageError
from pipeline.journal import database
from pipeline.journal.journal import Journal, open_journal
from pipeline.system.scratch import scratch


@dataclass(frozen=True, slots=True)
class Where:
    """An environment. `name` is the base URL, or `sandbox`; the sandbox and production never mix.

    `kept` says that its journal is there to remember payments, and not play or for the moment; `named` that somebody
    chose its place.
    """

    name: str
    base_url: str
    journal: str
    production: bool
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    kept: bool = True
    named: bool = False


def sandbox_store() -> Path:
    """The file in which the built-in sandbox keeps its sessions."""
    return data_folder() / "sandbox.jsonl"


def sandbox(settings: Settings, base_url: str, username: str, password: str) -> Where:
    """The built-in sandbox, with a journal of its own."""
    journal = settings.journal or default_journal(SANDBOX)
    named = bool(settings.journal)
    return Where(SANDBOX, base_url, journal, False, username, password, kept=False, named=named)


def real(settings: Settings) -> Where:
    """The configured API. Raises UsageError without a base URL or credentials."""
    if not settings.base_url:
        raise UsageError("settings.no_base_url")
    base_url = settings.base_url.rstrip("/")
    username, password = credentials_of(settings)
    if not username or not password:
        raise UsageError("settings.no_credentials")
    journal = settings.journal or default_journal(base_url)
    named = bool(settings.journal)
    return Where(base_url, base_url, journal, settings.production, username, password, named=named)


def credentials_of(settings: Settings) -> tuple[str, str]:
    """User and password: from the environment, a password file, or the system's keyring; empty where there is none.

    The keyring's password is of the keyring's user: it is not taken for another who is set.
    """
    password = password_of(settings)
    if password:
        return settings.username, password
    found = kept(settings.base_url.rstrip("/"))
    if found is None or settings.username not in {"", found.username}:
        return settings.username, ""
    return found.username, found.password


@contextmanager
def rehearsal(settings: Settings, *, in_sandbox: bool) -> Iterator[Where]:
    """Where a run that sends nothing looks for earlier payments: credentials are not needed.

    Where no journal is yet, none is made: nothing can have been sent from here that it could find, and a journal for
    the moment will do. Raises UsageError when one was named and is not there.
    """
    base_url = settings.base_url.rstrip("/")
    if in_sandbox:
        place = sandbox(settings, "", "", "")
    else:
        journal = settings.journal or default_journal(base_url)
        place = Where(base_url, base_url, journal, settings.production, named=bool(settings.journal))
    must_be_there = place.named and place.kept
    if must_be_there or (place.name and database.is_there(place.journal)):
        yield place
        return
    with scratch() as folder:
        yield replace(place, journal=str(folder / "journal.sqlite"), kept=False, named=False)


@contextmanager
def journal_of(place: Where, announce: Callable[[str], None]) -> Iterator[Journal]:
    """The journal of an environment, open.

    At its default place it is made when it is not there, and announced: it remembers nothing. One that was named must
    be there, unless it is the sandbox's. Raises UsageError when it can't be used, StoppedEarlyError when another
    program keeps it locked.
    """
    if not place.named:
        _make_folder(place.journal)
    if not (place.named and place.kept) and database.make(place.journal) and place.kept:
        announce(database.shown(place.journal))
    with open_journal(place.journal, make=False) as journal:
        yield journal


def _make_folder(journal: str) -> None:
    folder = Path(journal).parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError("journal.cannot_make", place=journal, error=error.strerror) from None


@contextmanager
def journal_there(settings: Settings, environment: str) -> Iterator[Journal | None]:
    """The journal of an environment, open, for who only reads; None when there is none yet at the default place.

    Raises UsageError when it was named and is not there, or can't be used, StoppedEarlyError when it is locked.
    """
    place = settings.journal or default_journal(environment)
    if not settings.journal and not database.is_there(place):
        yield None
        return
    with open_journal(place, make=False) as journal:
        yield journal
