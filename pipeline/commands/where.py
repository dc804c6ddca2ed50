"""Where a run sends and what it remembers: the environment, its base URL and its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.commands.login import kept
from pipeline.journal.journal import Journal, open_journal
from pipeline.model import UsageFailure
from pipeline.scratch import scratch
from pipeline.settings import SANDBOX, Settings, data_folder, default_journal, password_of


@dataclass(frozen=True, slots=True)
class Where:
    """An environment. `name` is the base URL, or `sandbox`; the sandbox and production never mix.

    `kept` says that its journal is there to remember payments, and not play or for the moment.
    """

    name: str
    base_url: str
    journal: str
    production: bool
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    kept: bool = True


def sandbox_store() -> Path:
    """The file in which the built-in sandbox keeps its sessions."""
    return data_folder() / "sandbox.jsonl"


def sandbox(settings: Settings, base_url: str, username: str, password: str) -> Where:
    """The built-in sandbox, with a journal of its own."""
    journal = settings.journal or default_journal(SANDBOX)
    return Where(SANDBOX, base_url, journal, False, username, password, kept=False)


def real(settings: Settings) -> Where:
    """The configured API. Raises UsageFailure without a base URL or credentials."""
    if not settings.base_url:
        raise UsageFailure("settings.no_base_url")
    base_url = settings.base_url.rstrip("/")
    username, password = credentials_of(settings)
    if not username or not password:
        raise UsageFailure("settings.no_credentials")
    journal = settings.journal or default_journal(base_url)
    return Where(base_url, base_url, journal, settings.production, username, password)


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

    Without a base URL nothing can have been sent from here that it could find: a journal for the moment will do.
    """
    if in_sandbox:
        yield sandbox(settings, "", "", "")
        return
    base_url = settings.base_url.rstrip("/")
    if base_url or settings.journal:
        yield Where(base_url, base_url, settings.journal or default_journal(base_url), settings.production)
        return
    with scratch() as folder:
        yield Where("", "", str(folder / "journal.sqlite"), False, kept=False)


@contextmanager
def journal_of(place: Where, announce: Callable[[str], None]) -> Iterator[Journal]:
    """The journal of an environment, open. A new one is announced: a mistyped name begins an empty memory.

    Raises UsageFailure when it can't be used, StoppedEarly when another program keeps it locked.
    """
    with open_journal(place.journal) as journal:
        if journal.begun and place.kept:
            announce(journal.place)
        yield journal
