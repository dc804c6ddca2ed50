"""What is PostgreSQL's own: how it is reached, how its sessions are set up, what its errors mean and which pass.

Every session of ours commits durably (`synchronous_commit`: a server's default may be weaker), and both ends notice
within half a minute when the other has gone without a word: a server that does not know that a client was cut off goes
on holding the client's locks.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from pipeline.config.kinds import is_loopback
from pipeline.config.login import kept
from pipeline.domain.errors import JournalUnusableError, NeedsPersonError, RunError, UsageError
from pipeline.messages import N_

CONNECT_SECONDS: Final = 10
"""How long one attempt to connect may take."""

PATIENCE: Final = 60.0
"""Seconds for which a server that was lost in the middle is waited for: time to restart, or for another to take over.
`connect_timeout` in the address says otherwise."""

_KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""How the driver finds out that the server has gone: after 25 seconds (the last is in milliseconds)."""

KEPT: Final = 4
"""Engines that a process keeps of a kind: those of the journals of two environments, and some room."""

_MANY: Final = 500
_PART: Final = 10

_SESSION: Final = (
    "SET SESSION synchronous_commit = on;"
    "SET SESSION tcp_keepalives_idle = 10; SET SESSION tcp_keepalives_interval = 5;"
    "SET SESSION tcp_keepalives_count = 3; SET SESSION tcp_user_timeout = 25000"
)
"""The same for the server: what a client that was cut off had locked is free after as long."""


def engine(url: URL) -> Engine:
    """The database of a server. Raises ModuleNotFoundError or NoSuchModuleError without the driver."""
    arguments: dict[str, Any] = {name: value for name, value in _KEEPALIVE.items() if name not in url.query}
    arguments |= {name: value for name, value in (("sslmode", tls_mode(url, os.environ)),) if value}
    if password := _kept_password(url, os.environ):
        arguments["password"] = password
    arguments["client_encoding"] = "utf8"  # whatever PGCLIENTENCODING says: names have letters of every language
    arguments["connect_timeout"] = min(CONNECT_SECONDS, max(2, int(patience(url))))
    return _engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["connect_timeout"]), *arguments.items()
    )


@lru_cache(KEPT)
def _engine(url: URL, *arguments: tuple[str, Any]) -> Engine:
    """One for each way in: with another password it is another."""
    made = create_engine(url, hide_parameters=True, pool_pre_ping=True, max_overflow=-1, connect_args=dict(arguments))
    event.listen(made, "connect", _prepare)
    return made


def patience(url: URL) -> float:
    """Seconds for which this server is waited for."""
    given = url.query.get("connect_timeout", "")
    return float(given) if isinstance(given, str) and given.isdecimal() and int(given) else PATIENCE


def tls_mode(url: URL, environ: Mapping[str, str]) -> str | None:
    """The `sslmode` for a server; None where the address, `PGSSLMODE` or a service file decides, and on this machine.

    The driver's own default takes a server that does not encrypt without a word. Where there is a root certificate, the
    server must also prove its name (docs/decisions/0020-database-tls.md).
    """
    if "sslmode" in url.query or environ.get("PGSSLMODE") or "service" in url.query or environ.get("PGSERVICE"):
        return None
    if all(host.startswith(("/", "@")) or is_loopback(host) for host in _hosts(url, environ)):
        return None
    has_root = "sslrootcert" in url.query or environ.get("PGSSLROOTCERT") or _root_certificate(environ).exists()
    return "verify-full" if has_root else "require"


def _hosts(url: URL, environ: Mapping[str, str]) -> list[str]:
    """The hosts that an address may lead to, without their ports; none for the socket of this machine."""
    given: list[str] = []
    for found in (url.query.get("hostaddr"), url.query.get("host"), url.host):
        given += [found] if isinstance(found, str) else found or ()
    if not given:
        given = [environ.get("PGHOSTADDR", ""), environ.get("PGHOST", "")]
    hosts = [host for some in given for host in some.split(",") if host]
    return [host if host.count(":") > 1 else host.partition(":")[0] for host in hosts]


def _root_certificate(environ: Mapping[str, str]) -> Path:
    """Where the driver looks for the certificate of an authority."""
    if os.name == "nt":
        return Path(environ.get("APPDATA", "")) / "postgresql" / "root.crt"
    return Path(environ.get("HOME", "/")) / ".postgresql" / "root.crt"


def keyring_entry(url: URL) -> str:
    """By what name the keyring keeps the password of an address: without it, and without what may change."""
    bare = URL.create("postgresql", url.username, host=url.host, port=url.port, database=url.database)
    return bare.render_as_string()


def _kept_password(url: URL, environ: Mapping[str, str]) -> str | None:
    """The password that the keyring has, unless one is given nearer by: in the address or `PGPASSWORD`.

    The driver itself looks into `~/.pgpass` where there is none.
    """
    if url.password or "password" in url.query or "passfile" in url.query or environ.get("PGPASSWORD"):
        return None
    found = kept(keyring_entry(url))
    return found.password if found else None


def _prepare(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)
    connection.commit()


_PASSING: Final = frozenset(
    {
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "53300",  # too_many_connections
        "55P03",  # lock_not_available: lock_timeout
        "57P01",  # admin_shutdown, or pg_terminate_backend
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: it starts, or stops
        "57P05",  # idle_session_timeout
    }
)
_STANDBY: Final = "25006"
"""A server that only reads: one that takes over from another, for a moment."""


def count_anew(connection: Connection, written: int, *tables: Table) -> None:
    """Have the server count these tables where so many lines of the first are new: 500, or a tenth of all that it knows
    of. It takes a sample, so less than a second in the largest journal. Other databases need no count.

    The server counts by itself only minutes later, and in a large journal not before a tenth is new.
    """
    if connection.dialect.name != "postgresql":
        return
    counted = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)")
    if written >= _MANY or written * _PART >= connection.execute(counted, {"name": tables[0].name}).scalar_one():
        connection.execute(text(f"ANALYZE {', '.join(table.name for table in tables)}"))


def passes(error: DBAPIError, *, again: bool = False) -> bool:
    """Whether an error is one of the moment, of which the same may succeed: the connection was lost, or the server
    ended the transaction for another's sake. `again` says that it was lost before.
    """
    if isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    # Without a state no server spoke: there is no connection, or it was cut.
    return (
        error.connection_invalidated
        or state is None
        or state[:2] == "08"
        or state in _PASSING
        or (again and state == _STANDBY)
    )


_MEANINGS: Final[tuple[tuple[str, str, type[RunError], str], ...]] = (
    (
        "",
        "server does not support ssl",
        UsageError,
        N_(
            "The server of the journal {place} does not encrypt connections, and the way to it is a network. Have its "
            "administrator turn TLS on (ssl = on), or add ?sslmode=disable to the address if that network is safe."
        ),
    ),
    (
        "",
        "certificate|root.crt",
        UsageError,
        N_(
            "The server of the journal {place} shows a certificate that the program does not trust. Check the address, "
            "and that its sslrootcert (or ~/.postgresql/root.crt) is the authority that signed it."
        ),
    ),
    (
        "28000|28P01",
        r'authentication failed|no password supplied|no pg_hba\.conf entry|role "[^"]*" (?:does not exist|is not perm)',
        UsageError,
        N_(
            "The server of the journal {place} refused the user or the password. Check the user in the address. Keep "
            "the password with flinks-import login --for-journal, in ~/.pgpass or in PGPASSWORD."
        ),
    ),
    (
        "42501",
        "",
        UsageError,
        N_(
            "Your database user may not do this in the journal {place}. Ask whoever looks after the journal for the "
            "right to do it: to prepare and send, to approve, or to upgrade and purge."
        ),
    ),
    (
        "57014",
        "",
        JournalUnusableError,
        N_(
            "The server of the journal {place} ended a query that took longer than its limit (statement_timeout). "
            "Nothing is lost. Ask its administrator for a longer one, then run the same command again."
        ),
    ),
    (
        "55P03",
        "",
        JournalUnusableError,
        N_(
            "The journal {place} is in use: a query waited for others for longer than allowed (lock_timeout). Nothing "
            "is lost. Run the same command again in a moment."
        ),
    ),
    (
        "25P03|25P04|57P05",
        "",
        JournalUnusableError,
        N_(
            "The server of the journal {place} ended a connection that was idle or busy for longer than its limit "
            "(idle_in_transaction_session_timeout and the like). Nothing is lost. Ask its administrator for a longer "
            "one, then run the same command again."
        ),
    ),
    (
        "53300",
        "too many (?:connections|clients)|remaining connection slots",
        NeedsPersonError,
        N_(
            "The server of the journal {place} has no connection left. Ask its administrator for more "
            "(max_connections), or run the same command again later."
        ),
    ),
)
"""What errors mean, by their states; those of the way there have none, only words. Translated words are not known."""


def meaning(error: DBAPIError) -> tuple[type[RunError], str] | None:
    """The class and the sentence of an error that means something of its own."""
    state = getattr(error.orig, "sqlstate", None) or ""
    words = str(error.orig).lower()
    for states, pattern, failed, sentence in _MEANINGS:
        if (state and re.fullmatch(states, state)) or (not state and pattern and re.search(pattern, words)):
            return failed, sentence
    return None
