"""Where a run sends and what it remembers: the environment, its base URL and its journal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pipeline import sandbox as stand_in
from pipeline.config.login import kept
from pipeline.config.settings import SANDBOX, Settings, data_folder, default_journal, password_of
from pipeline.domain.errors import UsageError
from pipeline.domain.events import Emit, JournalCreated, SandboxStarted
from pipeline.journal import database
from pipeline.journal.journal import Journal, open_journal
from pipeline.system.scratch import scratch
from schemas.languages import Lang


@dataclass(frozen=True, slots=True)
class Environment:
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


def sandbox(settings: Settings, base_url: str, username: str, password: str) -> Environment:
    """The built-in sandbox, with its own journal."""
    journal = settings.journal or default_journal(SANDBOX)
    named = bool(settings.journal)
    return Environment(SANDBOX, base_url, journal, False, username, password, kept=False, named=named)


def real(settings: Settings) -> Environment:
    """The configured API. Raises UsageError without a base URL or credentials."""
    if not settings.base_url:
        raise UsageError(
            "No base URL is set. Set it in FLINKS_BASE_URL or base_url of "
            "flinks-import.toml, or practise with --sandbox."
        )
    base_url = settings.base_url.rstrip("/")
    username, password = credentials_of(settings)
    if not username or not password:
        raise UsageError(
            "No API credentials are set. Set FLINKS_USERNAME and FLINKS_PASSWORD (or "
            "FLINKS_PASSWORD_FILE), keep them with flinks-import login, or practise with "
            "--sandbox."
        )
    journal = settings.journal or default_journal(base_url)
    named = bool(settings.journal)
    return Environment(base_url, base_url, journal, settings.production, username, password, named=named)


def credentials_of(settings: Settings) -> tuple[str, str]:
    """User and password: from the environment, a password file, or the system's keyring; empty if none has them.

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
def opened(settings: Settings, emit: Emit, *, in_sandbox: bool, lang: Lang) -> Iterator[Environment]:
    """The configured API, or the built-in sandbox, in this language, for the time of the run."""
    if not in_sandbox:
        yield real(settings)
        return
    with built_in_sandbox(lang) as server:
        emit(SandboxStarted(server.base_url))
        yield sandbox(settings, server.base_url, server.username, server.password)


_sandboxes: Final[list[tuple[stand_in.RunningSandbox, ExitStack]]] = []
_sandbox_users = 0
_sandbox_lock: Final = threading.Lock()


@contextmanager
def built_in_sandbox(lang: Lang) -> Iterator[stand_in.RunningSandbox]:
    """The built-in sandbox, for as long as somebody in this process uses it.

    A process has one: two on the same file would not know of each other's sessions.
    """
    global _sandbox_users  # noqa: PLW0603 - a process has one
    with _sandbox_lock:
        if not _sandboxes:
            store = sandbox_store()
            store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            options = stand_in.SandboxOptions(store=store, language="FR" if lang == "fr" else "EN")
            with ExitStack() as stack:
                _sandboxes.append((stack.enter_context(stand_in.running(options)), stack.pop_all()))
        _sandbox_users += 1
        server, end = _sandboxes[0]
    try:
        yield server
    finally:
        with _sandbox_lock:
            _sandbox_users -= 1
            if not _sandbox_users:
                _sandboxes.clear()
                end.close()


def without_credentials(settings: Settings, *, in_sandbox: bool) -> Environment:
    """The configured environment, for what never calls the API. Its name is empty without a base URL."""
    if in_sandbox:
        return sandbox(settings, "", "", "")
    base_url = settings.base_url.rstrip("/")
    journal = settings.journal or default_journal(base_url)
    return Environment(base_url, base_url, journal, settings.production, named=bool(settings.journal))


@contextmanager
def rehearsal(settings: Settings, *, in_sandbox: bool) -> Iterator[Environment]:
    """Where a run that sends nothing looks for earlier payments: credentials are not needed.

    Where no journal is yet, none is made: nothing can have been sent from here that it could find, and a journal for
    the moment will do. Raises UsageError when one was named and is not there.
    """
    place = without_credentials(settings, in_sandbox=in_sandbox)
    must_be_there = place.named and place.kept
    if must_be_there or (place.name and database.is_there(place.journal)):
        yield place
        return
    with scratch() as folder:
        yield replace(place, journal=str(folder / "journal.sqlite"), kept=False, named=False)


@contextmanager
def journal_of(place: Environment, emit: Emit) -> Iterator[Journal]:
    """The journal of an environment, open.

    At its default place it is made when it is not there, and announced: it remembers nothing. One that was named must
    be there, unless it is the sandbox's. Raises UsageError when it can't be used, StoppedEarlyError when another
    program keeps it locked.
    """
    if not place.named:
        _make_folder(place.journal)
    if not (place.named and place.kept) and database.make(place.journal) and place.kept:
        emit(JournalCreated(database.shown(place.journal)))
    with open_journal(place.journal, make=False) as journal:
        yield journal


def _make_folder(journal: str) -> None:
    folder = Path(journal).parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            "Can't create the journal {place} ({error}). Choose a place where you can write with --journal.",
            place=journal,
            error=error.strerror,
        ) from None


@contextmanager
def journal_there(settings: Settings, environment: str) -> Iterator[Journal | None]:
    """The journal of an environment, open, for reading only; None if it does not exist yet and `journal_of` makes it.

    Raises UsageError when it was named for real money and is not there, or can't be used, StoppedEarlyError when it is
    locked.
    """
    place = settings.journal or default_journal(environment)
    if (not settings.journal or environment == SANDBOX) and not database.is_there(place):
        yield None
        return
    with open_journal(place, make=False) as journal:
        yield journal
