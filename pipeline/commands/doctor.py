"""`doctor`: what a run needs, checked one by one; each is right, or says how to mend it.

Nothing is created: of the API only a token is asked for, of the journal only what it has. A check never raises.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from pipeline import sandbox as stand_in
from pipeline.client.api import (
    Authorization,
    AuthorizeElsewhere,
    AuthorizeFailed,
    AuthorizeRefused,
    AuthorizeUntrusted,
)
from pipeline.commands import connectivity, where
from pipeline.commands.journals import FINDINGS
from pipeline.commands.run import api_of
from pipeline.commands.support_bundle import versions
from pipeline.commands.where import Where
from pipeline.config.kinds import is_loopback
from pipeline.config.settings import (
    Resolved,
    Settings,
    data_folder,
    default_journal,
    unknown_variables,
    variable_of,
)
from pipeline.domain.errors import ExitCode, NeedsPersonError, RunError, UsageError, WrongAddressError
from pipeline.domain.responses import Token
from pipeline.journal import database, health
from pipeline.messages import say
from pipeline.messages.spoken import Spoken
from schemas.languages import Lang

SOON_DAYS: Final = 21
"""A certificate that ends sooner is worth a word."""

MOST_SKEW: Final = 60
"""Seconds by which two clocks may differ."""

LEAST_FREE: Final = 100 * 1000 * 1000
"""Bytes that a journal's disk should have free: some 100,000 rows."""


class State(StrEnum):
    """How a check ended. A note is worth reading and keeps nothing from working."""

    PASS = "pass"  # noqa: S105 - no password
    NOTE = "note"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `key` is the sentence of what was found, or how to mend it; `code` the exit code when it fails."""

    name: str
    state: State
    key: str
    params: Mapping[str, object] = field(default_factory=dict)
    code: ExitCode = ExitCode.DONE

    def told(self, lang: Lang) -> str:
        """What was found, or how to mend it, on one line."""
        return " ".join(say(self.key, lang, **self.params).split())


def _passed(name: str, key: str, **params: object) -> Check:
    return Check(name, State.PASS, key, params)


def _noted(name: str, key: str, **params: object) -> Check:
    return Check(name, State.NOTE, key, params)


def _failed(name: str, code: ExitCode, key: str, **params: object) -> Check:
    return Check(name, State.FAIL, key, params, code)


def _explained(name: str, failure: RunError) -> Check:
    return Check(name, State.FAIL, failure.key, failure.params, failure.exit_code)


def _skipped(name: str) -> Check:
    return Check(name, State.SKIP, "doctor.skipped")


def exit_code(checks: list[Check]) -> ExitCode:
    """0 when nothing failed, else the code of the first failure: the others may follow from it."""
    return next((check.code for check in checks if check.state is State.FAIL), ExitCode.DONE)


def examine(resolve: Callable[[], Resolved], environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check in its order. What depends on a check that failed is skipped, and says so."""
    try:
        resolved: Resolved | None = resolve()
    except RunError as failure:
        resolved = None
        yield _explained("configuration", failure)
    if resolved is None:
        yield from map(_skipped, ("base_url", "proxy", "dns", "tls", "clock", "credentials"))
    else:
        yield _configuration(resolved)
        yield from _variables(environ)
        yield from _connection(resolved.settings)
    yield _data_folder()
    yield _journal(resolved.settings) if resolved else _skipped("journal")
    yield _versions()
    yield _sandbox()


def _configuration(resolved: Resolved) -> Check:
    if resolved.config is None:
        return _passed("configuration", "doctor.config_none")
    key = "doctor.config_profile" if resolved.profile else "doctor.config_file"
    return _passed("configuration", key, path=resolved.config, profile=resolved.profile)


def _variables(environ: Mapping[str, str]) -> Iterator[Check]:
    if strange := unknown_variables(environ):
        yield _noted("configuration", "doctor.config_variables", variables=", ".join(strange))


# ---------------------------------------------------------------------------------------------------------------
# The way to the API


def _connection(settings: Settings) -> Iterator[Check]:
    if not settings.base_url:
        yield _explained("base_url", UsageError("settings.no_base_url"))
        yield from map(_skipped, ("proxy", "dns", "tls", "clock", "credentials"))
        return
    way = connectivity.way_to(settings.base_url)
    here = "doctor.base_url_here" if is_loopback(way.host) else "doctor.base_url_test"
    key = "doctor.base_url_production" if settings.production else here
    yield _passed("base_url", key, base_url=settings.base_url)
    yield _proxy(way)
    dns = _dns(way)
    yield dns
    if dns.state is State.FAIL:
        yield from map(_skipped, ("tls", "clock", "credentials"))
        return
    tls = _tls(way, settings)
    yield tls
    if tls.state is State.FAIL:
        yield from map(_skipped, ("clock", "credentials"))
        return
    yield from _calls(settings)


def _proxy(way: connectivity.Way) -> Check:
    if way.ignored:
        return _noted("proxy", "doctor.proxy_socks", proxy=way.ignored_shown)
    if way.proxy:
        return _passed("proxy", "doctor.proxy_used", proxy=way.proxy_shown)
    return _passed("proxy", "doctor.proxy_none")


def _dns(way: connectivity.Way) -> Check:
    host = way.first_host
    try:
        count = connectivity.addresses(host)
    except OSError as error:
        return _failed("dns", ExitCode.STOPPED_EARLY, "doctor.dns_failed", host=host, error=_why(error))
    return _passed("dns", "doctor.dns_found", host=host, count=count)


def _tls(way: connectivity.Way, settings: Settings) -> Check:
    if not way.secure:
        return _passed("tls", "doctor.tls_none")
    if way.proxy.startswith("https://"):
        return Check("tls", State.SKIP, "doctor.tls_over_proxy")
    try:
        ends = connectivity.certificate_ends(way, settings)
    except connectivity.NotTrusted as error:
        return _failed("tls", ExitCode.STOPPED_EARLY, "doctor.tls_not_trusted", host=way.host, error=error)
    except RunError as failure:
        return _explained("tls", failure)
    except OSError as error:
        return _failed("tls", ExitCode.STOPPED_EARLY, "doctor.tls_failed", host=way.host, error=_why(error))
    if ends is None:
        return _passed("tls", "doctor.tls_valid_undated")
    days = connectivity.days_until(ends)
    if days < SOON_DAYS:
        return _noted("tls", "doctor.tls_soon", date=f"{ends:%Y-%m-%d}", days=days, host=way.host)
    return _passed("tls", "doctor.tls_valid", date=f"{ends:%Y-%m-%d}", days=days)


def _calls(settings: Settings) -> Iterator[Check]:
    """The checks that speak to the API: its clock, and a token. That it answers is told where it does not."""
    try:
        skew = asyncio.run(connectivity.clock_skew(settings))
    except connectivity.NotTrusted as error:
        host = connectivity.way_to(settings.base_url).first_host
        yield _failed("api", ExitCode.STOPPED_EARLY, "doctor.tls_not_trusted", host=host, error=error)
        yield from map(_skipped, ("clock", "credentials"))
        return
    except connectivity.Unreachable as error:
        yield _failed("api", ExitCode.STOPPED_EARLY, "doctor.unreachable", base_url=settings.base_url, reason=error)
        yield from map(_skipped, ("clock", "credentials"))
        return
    except RunError as failure:
        yield _explained("api", failure)
        yield from map(_skipped, ("clock", "credentials"))
        return
    yield _clock(skew)
    yield from _password_file(settings)
    yield _credentials(settings)


def _clock(skew: float | None) -> Check:
    if skew is None:
        return _noted("clock", "doctor.clock_unknown")
    seconds = round(abs(skew))
    if seconds > MOST_SKEW:
        return _failed("clock", ExitCode.USAGE, "doctor.clock_wrong", seconds=seconds)
    return _passed("clock", "doctor.clock_right", seconds=max(seconds, 1))


def _password_file(settings: Settings) -> Iterator[Check]:
    path = Path(settings.password_file).expanduser() if settings.password_file else None
    if path is None or settings.password or os.name == "nt":
        return
    try:
        open_to_others = path.stat().st_mode & 0o077
    except OSError:
        return
    if open_to_others:
        yield _noted("credentials", "doctor.password_file_open", path=path)


def _credentials(settings: Settings) -> Check:
    try:
        place = where.real(settings)
        answer = asyncio.run(_authorize(settings, place))
        if not isinstance(answer, AuthorizeRefused):
            return _authorized(settings, answer)
        other = replace(settings, credentials="form" if settings.credentials == "basic" else "basic")
        second = asyncio.run(_authorize(other, place))
    except RunError as failure:
        return _explained("credentials", failure)
    if isinstance(second, Token):
        names = {"form": settings.credentials, "other": other.credentials, "variable": variable_of("credentials")}
        return _failed("credentials", ExitCode.CREDENTIALS, "doctor.other_form", **names)
    told = {"status": answer.status, "base_url": settings.base_url}
    return _failed("credentials", ExitCode.CREDENTIALS, "doctor.refused", **told)


async def _authorize(settings: Settings, place: Where) -> Authorization:
    async with api_of(settings, place) as api:
        return await api.authorize()


def _authorized(settings: Settings, answer: Token | AuthorizeElsewhere | AuthorizeUntrusted | AuthorizeFailed) -> Check:
    match answer:
        case Token(lifetime=None):
            return _passed("credentials", "doctor.accepted_undated", form=settings.credentials)
        case Token():
            return _passed("credentials", "doctor.accepted", form=settings.credentials, seconds=f"{answer.lifetime:g}")
        case AuthorizeElsewhere():
            return _explained("credentials", WrongAddressError("send.wrong_address", reason=answer.text))
        case AuthorizeUntrusted():
            return _explained("credentials", NeedsPersonError("send.not_trusted", reason=answer.text))
        case AuthorizeFailed():
            told = {"reason": answer.text, "base_url": settings.base_url}
            return _failed("credentials", ExitCode.STOPPED_EARLY, "doctor.no_token", **told)
        case _:
            assert_never(answer)


# ---------------------------------------------------------------------------------------------------------------
# This machine


def _data_folder() -> Check:
    folder = data_folder()
    try:
        _try_to_write(folder)
    except OSError as error:
        return _failed("data_folder", ExitCode.USAGE, "doctor.folder_wrong", path=folder, error=_why(error))
    return _passed("data_folder", "doctor.folder_right", path=folder)


def _try_to_write(folder: Path) -> None:
    """Raises OSError when nothing can be written there, or where it would be made."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    with tempfile.TemporaryFile(dir=nearest):
        pass


def _journal(settings: Settings) -> Check:
    url = settings.journal or default_journal(settings.base_url)
    try:
        free = health.free_bytes(url)
        path = database.sqlite_path(url)
        if path is not None and (path.exists() or not settings.journal):
            if path.exists() and not os.access(path, os.W_OK):
                return _failed("journal", ExitCode.USAGE, "doctor.journal_not_writable", place=path, error="EACCES")
            _try_to_write(path.parent)
            if free is not None and free < LEAST_FREE:
                return _failed("journal", ExitCode.USAGE, "doctor.journal_no_room", place=path, free=_megabytes(free))
            if not path.exists():
                return _passed("journal", "doctor.journal_none", place=path, free=_megabytes(free))
        found = health.examine(url)
    except RunError as failure:
        return _explained("journal", failure)
    except OSError as error:
        told = {"place": database.shown(url), "error": _why(error)}
        return _failed("journal", ExitCode.USAGE, "doctor.journal_not_writable", **told)
    return _told_of(found)


def _told_of(found: health.Health) -> Check:
    if found.version > database.VERSION:
        return _explained("journal", UsageError("journal.newer", place=found.place))
    if not found.healthy:
        name, count = next(iter(found.findings.items()))
        told = Spoken(FINDINGS[name], {"count": count, "place": found.place})
        return _failed("journal", ExitCode.USAGE, "doctor.journal_wrong", place=found.place, told=told)
    key = "doctor.journal_right_server" if found.free_bytes is None else "doctor.journal_right"
    return _passed("journal", key, place=found.place, version=found.version, free=_megabytes(found.free_bytes))


def _megabytes(count: int | None) -> str:
    return str((count or 0) // 1_000_000)


def _versions() -> Check:
    found = versions()
    if missing := [name for name, version in found.packages.items() if version is None]:
        return _failed("versions", ExitCode.USAGE, "doctor.versions_missing", missing=", ".join(missing))
    told = {"program": found.program, "python": found.python, "system": found.system, "count": len(found.packages)}
    return _passed("versions", "doctor.versions", **told)


def _sandbox() -> Check:
    try:
        with stand_in.running(stand_in.SandboxOptions(port=0)) as server:
            settings = Settings(base_url=server.base_url, username=server.username, password=server.password)
            place = where.sandbox(settings, server.base_url, server.username, server.password)
            answer = asyncio.run(_authorize(settings, place))
    except (OSError, RunError) as error:
        return _failed("sandbox", ExitCode.USAGE, "doctor.sandbox_wrong", error=_why(error))
    if not isinstance(answer, Token):
        return _failed("sandbox", ExitCode.USAGE, "doctor.sandbox_wrong", error=type(answer).__name__)
    return _passed("sandbox", "doctor.sandbox_right")


def _why(error: Exception) -> str:
    """What the system said, without a path or an address of its own."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
