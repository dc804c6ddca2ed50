"""`doctor`: what a run needs, checked one by one; each is right, or says how to fix it.

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
from pipeline.commands import connectivity, environment
from pipeline.commands.environment import Environment
from pipeline.commands.journal import FINDINGS
from pipeline.commands.support_bundle import versions
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
from pipeline.messages import N_, Message, translate
from schemas.languages import Lang

SOON_DAYS: Final = 21
"""A certificate that ends sooner is worth a word."""

MOST_SKEW: Final = 60
"""Seconds by which two clocks may differ."""

LEAST_FREE: Final = 100 * 1000 * 1000
"""Bytes that a journal's disk should have free: some 100,000 rows."""


class CheckState(StrEnum):
    """How a check ended. A note is worth reading and keeps nothing from working."""

    PASS = "pass"  # noqa: S105 - no password
    NOTE = "note"
    FAIL = "fail"
    SKIP = "skip"


STATES: Final = {
    CheckState.PASS: N_("ok"),
    CheckState.NOTE: N_("note"),
    CheckState.FAIL: N_("FAIL"),
    CheckState.SKIP: N_("skipped"),
}
"""What people read for each state."""

NAMES: Final = {
    "configuration": N_("configuration"),
    "base_url": N_("base URL"),
    "proxy": N_("proxy"),
    "dns": N_("name (DNS)"),
    "tls": N_("certificate (TLS)"),
    "api": N_("API"),
    "clock": N_("clock"),
    "credentials": N_("credentials"),
    "data_folder": N_("data folder"),
    "journal": N_("journal"),
    "versions": N_("versions"),
    "sandbox": N_("sandbox"),
}
"""What people read for the name of each check."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `text` is the sentence of what was found, or how to fix it; `code` the exit code when it fails."""

    name: str
    state: CheckState
    text: str
    params: Mapping[str, object] = field(default_factory=dict)
    code: ExitCode = ExitCode.DONE

    def told(self, lang: Lang) -> str:
        """What was found, or how to fix it, on one line."""
        return " ".join(translate(self.text, lang, **self.params).split())


def _passed(name: str, text: str, **params: object) -> Check:
    return Check(name, CheckState.PASS, text, params)


def _noted(name: str, text: str, **params: object) -> Check:
    return Check(name, CheckState.NOTE, text, params)


def _failed(name: str, code: ExitCode, text: str, **params: object) -> Check:
    return Check(name, CheckState.FAIL, text, params, code)


def _explained(name: str, failure: RunError) -> Check:
    return Check(name, CheckState.FAIL, failure.text, failure.params, failure.exit_code)


def _skipped(name: str) -> Check:
    return Check(name, CheckState.SKIP, N_("not checked: fix the failure above first"))


def exit_code(checks: list[Check]) -> ExitCode:
    """0 when nothing failed, else the code of the first failure: the others may follow from it."""
    return next((check.code for check in checks if check.state is CheckState.FAIL), ExitCode.DONE)


def examine(resolve: Callable[[], Resolved], environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check in its order. What depends on a check that failed is skipped, and says so."""
    try:
        resolved: Resolved | None = resolve()
    except RunError as failure:
        resolved = None
        yield _explained("configuration", failure)
    if resolved is None:
        yield from _unknown_variables(environ)
        yield from map(_skipped, ("base_url", "proxy", "dns", "tls", "clock", "credentials"))
    else:
        text = N_("{path} is valid, profile {profile}") if resolved.profile else N_("{path} is valid")
        text = (
            text
            if resolved.config is not None
            else N_("no settings file: the environment and the defaults apply (flinks-import config init writes one)")
        )
        yield _passed("configuration", text, path=resolved.config, profile=resolved.profile)
        yield from _unknown_variables(environ)
        yield from _connection(resolved.settings)
    yield _data_folder()
    yield _journal(resolved.settings) if resolved else _skipped("journal")
    yield _versions()
    yield _sandbox()


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Check]:
    for variable, nearest in unknown_variables(environ).items():
        text = (
            N_("{variable} is set, but no setting has this name. Did you mean {nearest}?")
            if nearest
            else N_("{variable} is set, but no setting has this name. To list them: flinks-import config show")
        )
        yield _noted("configuration", text, variable=variable, nearest=nearest)


# ---------------------------------------------------------------------------------------------------------------
# The way to the API


def _connection(settings: Settings) -> Iterator[Check]:
    if not settings.base_url:
        yield _explained(
            "base_url",
            UsageError(
                "No base URL is set. Set it in FLINKS_BASE_URL or base_url of "
                "flinks-import.toml, or practise with --sandbox."
            ),
        )
        yield from map(_skipped, ("proxy", "dns", "tls", "clock", "credentials"))
        return
    way = connectivity.way_to(settings.base_url)
    here = (
        N_("{base_url} (this computer)")
        if is_loopback(way.host)
        else N_("{base_url} (a test system, judging by its name)")
    )
    text = N_("{base_url} (real money)") if settings.production else here
    yield _passed("base_url", text, base_url=settings.base_url)
    yield _proxy(way)
    dns = _dns(way)
    yield dns
    if dns.state is CheckState.FAIL:
        yield from map(_skipped, ("tls", "clock", "credentials"))
        return
    tls = _tls(way, settings)
    yield tls
    if tls.state is CheckState.FAIL:
        yield from map(_skipped, ("clock", "credentials"))
        return
    yield from _calls(settings)


def _proxy(way: connectivity.Way) -> Check:
    if way.ignored:
        return _noted(
            "proxy",
            N_(
                "{proxy} is ignored: only http:// and https:// proxies work. If the API can't be "
                "reached, set one in HTTPS_PROXY"
            ),
            proxy=way.ignored_shown,
        )
    if way.proxy:
        return _passed("proxy", N_("{proxy}, from the environment"), proxy=way.proxy_shown)
    return _passed("proxy", N_("none"))


def _dns(way: connectivity.Way) -> Check:
    host = way.first_host
    try:
        count = connectivity.addresses(host)
    except OSError as error:
        return _failed(
            "dns",
            ExitCode.STOPPED_EARLY,
            N_("can't find {host} ({error}). Check the base URL, the network and the VPN"),
            host=host,
            error=_why(error),
        )
    return _passed("dns", N_("{host} found; addresses: {count}"), host=host, count=count)


def _tls(way: connectivity.Way, settings: Settings) -> Check:
    if not way.secure:
        return _passed("tls", N_("not needed: plain http to this computer"))
    if way.proxy.startswith("https://"):
        return Check("tls", CheckState.SKIP, N_("checked by the calls below, through the proxy"))
    try:
        ends = connectivity.certificate_ends(way, settings)
    except connectivity.NotTrusted as error:
        return _failed(
            "tls",
            ExitCode.STOPPED_EARLY,
            N_(
                "the certificate of {host} is not trusted ({error}). If your company's proxy "
                "inspects traffic, set its certificates in ca_file; otherwise stop here"
            ),
            host=way.host,
            error=error,
        )
    except RunError as failure:
        return _explained("tls", failure)
    except OSError as error:
        return _failed(
            "tls",
            ExitCode.STOPPED_EARLY,
            N_("no secure connection to {host} ({error}). Check the network, the proxy and the firewall"),
            host=way.host,
            error=_why(error),
        )
    if ends is None:
        return _passed("tls", N_("valid"))
    days = connectivity.days_until(ends)
    if days < SOON_DAYS:
        return _noted(
            "tls",
            N_("valid only until {date} (days left: {days}). Inform the operator of {host}"),
            date=f"{ends:%Y-%m-%d}",
            days=days,
            host=way.host,
        )
    return _passed("tls", N_("valid until {date} (days left: {days})"), date=f"{ends:%Y-%m-%d}", days=days)


def _calls(settings: Settings) -> Iterator[Check]:
    """The checks that call the API: its clock, and a token. They report it if it does not respond."""
    try:
        skew = asyncio.run(connectivity.clock_skew(settings))
    except connectivity.NotTrusted as error:
        host = connectivity.way_to(settings.base_url).first_host
        yield _failed(
            "api",
            ExitCode.STOPPED_EARLY,
            N_(
                "the certificate of {host} is not trusted ({error}). If your company's proxy "
                "inspects traffic, set its certificates in ca_file; otherwise stop here"
            ),
            host=host,
            error=error,
        )
        yield from map(_skipped, ("clock", "credentials"))
        return
    except connectivity.Unreachable as error:
        yield _failed(
            "api",
            ExitCode.STOPPED_EARLY,
            N_("can't reach {base_url} ({reason}). Check the network, the proxy and the firewall"),
            base_url=settings.base_url,
            reason=error,
        )
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
        return _noted("clock", N_("the API does not give the time"))
    seconds = round(abs(skew))
    if seconds > MOST_SKEW:
        return _failed(
            "clock",
            ExitCode.USAGE,
            N_(
                "this computer's clock is {seconds} s off the API's. Synchronize it (NTP): "
                "tokens and the times in the journal depend on it"
            ),
            seconds=seconds,
        )
    return _passed("clock", N_("within {seconds} s of the API's clock"), seconds=max(seconds, 1))


def _password_file(settings: Settings) -> Iterator[Check]:
    path = Path(settings.password_file).expanduser() if settings.password_file else None
    if path is None or settings.password or os.name == "nt":
        return
    try:
        open_to_others = path.stat().st_mode & 0o077
    except OSError:
        return
    if open_to_others:
        yield _noted(
            "credentials", N_("other users of this computer can read {path}. Fix it with: chmod 600 {path}"), path=path
        )


def _credentials(settings: Settings) -> Check:
    try:
        place = environment.real(settings)
        answer = asyncio.run(_authorize(settings, place))
        if not isinstance(answer, AuthorizeRefused):
            return _authorized(settings, answer)
        other = replace(settings, credentials="form" if settings.credentials == "basic" else "basic")
        second = asyncio.run(_authorize(other, place))
    except RunError as failure:
        return _explained("credentials", failure)
    if isinstance(second, Token):
        names = {"form": settings.credentials, "other": other.credentials, "variable": variable_of("credentials")}
        return _failed(
            "credentials",
            ExitCode.CREDENTIALS,
            N_('refused as "{form}", accepted as "{other}". Set credentials = "{other}" (or {variable}={other})'),
            **names,
        )
    told = {"status": answer.status, "base_url": settings.base_url}
    return _failed(
        "credentials",
        ExitCode.CREDENTIALS,
        N_(
            'refused (HTTP {status}) as "basic" and as "form". Check the user name, the '
            "password and that they belong to {base_url}"
        ),
        **told,
    )


async def _authorize(settings: Settings, place: Environment) -> Authorization:
    async with connectivity.api_of(settings, place) as api:
        return await api.authorize()


def _authorized(settings: Settings, answer: Token | AuthorizeElsewhere | AuthorizeUntrusted | AuthorizeFailed) -> Check:
    match answer:
        case Token(lifetime=None):
            return _passed(
                "credentials",
                N_(
                    'accepted (credentials = "{form}"); the API does not say how long a token lasts; '
                    "nothing was created"
                ),
                form=settings.credentials,
            )
        case Token():
            return _passed(
                "credentials",
                N_('accepted (credentials = "{form}"); a token lasts {seconds} s; nothing was created'),
                form=settings.credentials,
                seconds=f"{answer.lifetime:g}",
            )
        case AuthorizeElsewhere():
            return _explained(
                "credentials",
                WrongAddressError(
                    "The base URL is not that of the API: it gave no access token ({reason}). Set "
                    "FLINKS_BASE_URL (base_url in the settings file) to the address of your account. "
                    "Nothing was sent.",
                    reason=answer.text,
                ),
            )
        case AuthorizeUntrusted():
            return _explained(
                "credentials",
                NeedsPersonError(
                    "The API's certificate is not trusted ({reason}). If your company's proxy "
                    "inspects traffic, set its certificates in ca_file; otherwise inform Flinks and "
                    "stop here. Nothing more was sent.",
                    reason=answer.text,
                ),
            )
        case AuthorizeFailed():
            told = {"reason": answer.text, "base_url": settings.base_url}
            return _failed(
                "credentials",
                ExitCode.STOPPED_EARLY,
                N_(
                    "the API gave no token ({reason}). Try again later; if it persists, inform the "
                    "operator of {base_url}"
                ),
                **told,
            )
        case _:
            assert_never(answer)


# ---------------------------------------------------------------------------------------------------------------
# This machine


def _data_folder() -> Check:
    folder = data_folder()
    try:
        _try_to_write(folder)
    except OSError as error:
        return _failed(
            "data_folder",
            ExitCode.USAGE,
            N_(
                "can't write in {path} ({error}). Give yourself write access, or choose another "
                "place with XDG_DATA_HOME or --journal"
            ),
            path=folder,
            error=_why(error),
        )
    return _passed("data_folder", N_("{path} is writable"), path=folder)


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
                return _failed(
                    "journal",
                    ExitCode.USAGE,
                    N_(
                        "can't write {place} ({error}). Give yourself write access to the file and its "
                        "folder, or choose another with --journal"
                    ),
                    place=path,
                    error="EACCES",
                )
            _try_to_write(path.parent)
            if free is not None and free < LEAST_FREE:
                return _failed(
                    "journal",
                    ExitCode.USAGE,
                    N_("the disk of {place} is nearly full (free space: {free} MB). Free some space before a run"),
                    place=path,
                    free=_megabytes(free),
                )
            if not path.exists():
                return _passed(
                    "journal",
                    N_("the first run creates {place}; free space: {free} MB"),
                    place=path,
                    free=_megabytes(free),
                )
        found = health.examine(url)
    except RunError as failure:
        return _explained("journal", failure)
    except OSError as error:
        told = {"place": database.shown(url), "error": _why(error)}
        return _failed(
            "journal",
            ExitCode.USAGE,
            N_(
                "can't write {place} ({error}). Give yourself write access to the file and its "
                "folder, or choose another with --journal"
            ),
            **told,
        )
    return _told_of(found)


def _told_of(found: health.Health) -> Check:
    if found.version > database.VERSION:
        return _explained(
            "journal",
            UsageError(
                "A newer version of flinks-import created the journal {place}. Install that "
                "version, or choose another journal with --journal.",
                place=found.place,
            ),
        )
    if not found.healthy:
        name, count = next(iter(found.findings.items()))
        told = Message(FINDINGS[name], {"count": count, "place": found.place})
        return _failed(
            "journal",
            ExitCode.USAGE,
            N_("{place}: {told}. Run flinks-import journal check"),
            place=found.place,
            told=told,
        )
    text = (
        N_("{place} is in good order, version {version}")
        if found.free_bytes is None
        else N_("{place} is in good order, version {version}; free space: {free} MB")
    )
    return _passed("journal", text, place=found.place, version=found.version, free=_megabytes(found.free_bytes))


def _megabytes(count: int | None) -> str:
    return str((count or 0) // 1_000_000)


def _versions() -> Check:
    found = versions()
    if missing := [name for name, version in found.packages.items() if version is None]:
        return _failed(
            "versions",
            ExitCode.USAGE,
            N_("missing packages: {missing}. Reinstall flinks-import"),
            missing=", ".join(missing),
        )
    told = {"program": found.program, "python": found.python, "system": found.system, "count": len(found.packages)}
    return _passed("versions", N_("flinks-import {program}, Python {python}, {system}; packages: {count}"), **told)


def _sandbox() -> Check:
    try:
        with stand_in.running(stand_in.SandboxOptions(port=0)) as server:
            settings = Settings(base_url=server.base_url, username=server.username, password=server.password)
            place = environment.sandbox(settings, server.base_url, server.username, server.password)
            answer = asyncio.run(_authorize(settings, place))
    except (OSError, RunError) as error:
        return _failed(
            "sandbox",
            ExitCode.USAGE,
            N_("does not start ({error}). It needs a free port on 127.0.0.1"),
            error=_why(error),
        )
    if not isinstance(answer, Token):
        return _failed(
            "sandbox",
            ExitCode.USAGE,
            N_("does not start ({error}). It needs a free port on 127.0.0.1"),
            error=type(answer).__name__,
        )
    return _passed("sandbox", N_("starts and responds"))


def _why(error: Exception) -> str:
    """The system's message, without its path or address."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
