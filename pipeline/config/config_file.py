"""The file `flinks-import.toml`: its settings and its profiles.

    base_url = "https://…"        for every profile
    [profile.sandbox]             over what stands above, with --profile sandbox
    concurrency = 4

It knows how the file is laid out, not what the settings mean: those are handed in. All mistakes of a file are found,
also those of a profile that is not in use, so that fixing it takes one round.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from platformdirs import user_config_path

from pipeline.config.kinds import InvalidValue
from pipeline.domain.errors import UsageError
from pipeline.messages import translate
from schemas.languages import Lang

CONFIG_NAME: Final = "flinks-import.toml"
CONFIG_VARIABLE: Final = "FLINKS_IMPORT_CONFIG"
PROFILE_VARIABLE: Final = "FLINKS_IMPORT_PROFILE"
PROFILE: Final = "profile"
"""The table that holds the profiles."""

Parse = Callable[[object], Any]


class Source(StrEnum):
    """What a setting can come from, the strongest first."""

    OPTION = "option"
    VARIABLE = "variable"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting comes from: the option, the variable, or the file with its profile."""

    source: Source
    name: str = ""
    profile: str = ""

    def in_language(self, lang: Lang) -> str:
        """The place in words."""
        parts = [self.name or translate("default", lang)]
        if self.profile:
            parts.append(f"[{PROFILE}.{self.profile}]")
        return ", ".join(parts)


DEFAULT: Final = Origin(Source.DEFAULT)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A settings file as it was read, for one profile of it (`""`: none).

    `values` are parsed, each with where it stands. `profiles` are all that the file has.
    """

    path: Path | None = None
    profile: str = ""
    values: Mapping[str, tuple[Any, Origin]] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    mistakes: tuple[UsageError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """The file's own settings, or those of one profile."""

    profile: str
    entries: Mapping[str, object]


def find(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file: the one that is named, else the one here, else the user's own, else none.

    Raises UsageError when the one that is named does not exist.
    """
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    places = [named.expanduser()] if named else [Path(CONFIG_NAME), user_config_path("flinks-import") / CONFIG_NAME]
    path = next((place for place in places if place.is_file()), None)
    if path is None and named:
        raise UsageError(
            "There is no settings file {path}. Check the path given with --config or FLINKS_IMPORT_CONFIG.", path=named
        )
    return path


def read(path: Path | None, profile: str, known: Mapping[str, Parse]) -> ConfigFile:
    """Read a settings file for one profile. `known` says how each setting is parsed.

    Raises UsageError when it is not TOML; everything else that is wrong with it is in `mistakes`.
    """
    if path is None:
        mistakes = (
            (
                UsageError(
                    'There is no settings file for the profile "{name}". Create one with '
                    "flinks-import config init, or name it with --config.",
                    name=profile,
                ),
            )
            if profile
            else ()
        )
        return ConfigFile(profile=profile, mistakes=mistakes)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            "Can't read the settings file {path}. Check that you can read it and that it is UTF-8 text.", path=path
        ) from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).removesuffix(")").partition(" (at ")
        line = place.removeprefix("line ").partition(",")[0]
        raise UsageError(
            "The settings file {path} is not valid TOML, line {line}: {error}. Correct it.",
            path=path,
            line=line if line.isdecimal() else len(text.splitlines()),
            error=said,
        ) from None
    return _Reading(path, known).read(table, profile)


class _Reading:
    """One file on its way to its settings; mistakes are gathered."""

    def __init__(self, path: Path, known: Mapping[str, Parse]) -> None:
        self._path = path
        self._known = known
        self._mistakes: list[UsageError] = []

    def read(self, table: dict[str, Any], profile: str) -> ConfigFile:
        profiles = self._profiles(table.pop(PROFILE, {}))
        values = self._parsed(_Table("", table))
        for one in profiles.values():
            parsed = self._parsed(one)
            if one.profile == profile:
                values |= parsed
        if profile and profile not in profiles:
            self._mistakes.append(_unknown_profile(self._path, profile, profiles))
        return ConfigFile(self._path, profile, values, tuple(profiles), tuple(self._mistakes))

    def _profiles(self, given: object) -> dict[str, _Table]:
        tables = given if isinstance(given, dict) else {"": given}
        found = {}
        for name, entries in tables.items():
            if isinstance(entries, dict):
                found[name] = _Table(name, entries)
            else:
                self._mistakes.append(
                    UsageError(
                        "{origin}: a profile is a section. Write [profile.NAME] on a line, and its settings below it.",
                        origin=self._origin(""),
                    )
                )
        return found

    def _parsed(self, table: _Table) -> dict[str, tuple[Any, Origin]]:
        values = {}
        for name, value in table.entries.items():
            origin = self._origin(table.profile)
            if name == "password":
                self._mistakes.append(
                    UsageError(
                        "{origin}: settings can't contain a password. Put it in FLINKS_PASSWORD, or in a "
                        "file named by password_file.",
                        origin=origin,
                    )
                )
            elif name not in self._known:
                self._mistakes.append(_unknown_key(origin, name, self._known))
            else:
                try:
                    values[name] = (self._known[name](value), origin)
                except InvalidValue as wanted:
                    self._mistakes.append(bad_value(name, origin, wanted))
        return values

    def _origin(self, profile: str) -> Origin:
        return Origin(Source.FILE, str(self._path), profile)


def bad_value(name: str, origin: Origin, wanted: InvalidValue) -> UsageError:
    """A setting whose value is not of its kind."""
    return UsageError("{origin}: {name} must be {wanted}.", name=name, origin=origin, wanted=wanted.words)


def _unknown_key(origin: Origin, name: str, known: Mapping[str, Parse]) -> UsageError:
    near = get_close_matches(name, [*known, PROFILE], n=1)
    if near:
        return UsageError(
            '{origin}: there is no setting "{name}". The nearest is "{nearest}".',
            origin=origin,
            name=name,
            nearest=near[0],
        )
    return UsageError(
        '{origin}: there is no setting "{name}". To list all settings: flinks-import config show.',
        origin=origin,
        name=name,
    )


def _unknown_profile(path: Path, name: str, profiles: Mapping[str, _Table]) -> UsageError:
    if not profiles:
        return UsageError(
            '{path}: there is no profile "{name}". Add a line [profile.{name}] with its '
            "settings below it, or remove --profile and FLINKS_IMPORT_PROFILE.",
            path=path,
            name=name,
        )
    near = get_close_matches(name, profiles, n=1)
    if near:
        return UsageError(
            '{path}: there is no profile "{name}". The nearest is "{nearest}".', path=path, name=name, nearest=near[0]
        )
    return UsageError(
        '{path}: there is no profile "{name}". The file has: {known}.', path=path, name=name, known=", ".join(profiles)
    )
