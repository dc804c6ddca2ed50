"""`config`: every setting with its origin, and the commented file that one begins with."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from platformdirs import user_config_path

from pipeline.config.config_file import CONFIG_NAME, DEFAULT, PROFILE, Origin
from pipeline.config.settings import Resolved, Settings, Words, shown, variable_of
from pipeline.domain.errors import UsageError
from pipeline.messages import translate
from pipeline.system.atomic_output import begin, put
from schemas.languages import Lang

SANDBOX_URL: Final = "https://payments-uat.flinksapp.com"
PRODUCTION_URL: Final = "https://payments.flinksapp.com"
"""The base URLs seen on sister products (api: "Calls"): examples in the commented file, never defaults."""

_WIDTH: Final = 100
_SECTION: Final = re.compile(r"[ \t]*\[")
_NO_KEY: Final = re.compile(r"[ \t]*(?:#|\r?\n|$)")


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A setting as a person may see it: its value with secrets masked, and where it comes from."""

    name: str
    value: str
    origin: Origin
    variable: str
    words: Words


def setting_lines(resolved: Resolved) -> list[SettingLine]:
    """Every setting, in the order of the reference."""
    return [
        SettingLine(
            setting.name,
            shown(setting.name, getattr(resolved.settings, setting.name)),
            resolved.origins.get(setting.name, DEFAULT),
            variable_of(setting.name),
            setting.metadata["words"],
        )
        for setting in fields(Settings)
    ]


def write_commented(path: Path, lang: Lang) -> Path:
    """Write a settings file in which every setting is a comment with its description; returns its place.

    Nobody's settings are ever written over: it goes to the next free name. Raises UsageError when it can't be
    written.
    """
    content = commented(lang).encode()
    try:
        return put(path, lambda part: part.write_bytes(content))
    except OSError as error:
        raise UsageError(
            "Can't write {path} ({error}). Choose a place where you can write.", path=path, error=error.strerror
        ) from None


def commented(lang: Lang) -> str:
    """The commented settings file: with every `#` before a setting taken away it is a valid one."""
    return "\n".join([*_file_lines(lang), ""])


def own_file() -> Path:
    """The user's own settings file, which is read in every folder that has none."""
    return user_config_path("flinks-import") / CONFIG_NAME


def keep_settings(path: Path, profile: str, values: Mapping[str, str | None], lang: Lang) -> None:
    """Set texts in a settings file, in a profile of it (`""`: for all); None makes a setting a comment.

    Comments and all other settings stay as they are. A file that is not there is made with every setting as a comment.
    Raises UsageError when the file is written in a way that leaves no sure place for them, or can't be written.
    """
    try:
        before = path.read_bytes().decode() if path.exists() else commented(lang)
        after = _with_values(before, profile, values)
        if after is None:
            entries = "; ".join(
                f"{name} = {_toml(value)}" if value is not None else f"# {name}" for name, value in values.items()
            )
            raise UsageError(
                "The program can't change {path}, because of the way it is written. Change it yourself: {toml}.",
                path=path,
                toml=f"[{PROFILE}.{profile}] {entries}" if profile else entries,
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = path.resolve()
        part = begin(place)
        try:
            part.write_bytes(after.encode())
            if place.exists():
                shutil.copymode(place, part)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            "Can't write {path} ({error}). Choose a place where you can write.",
            path=path,
            error=getattr(error, "strerror", None) or type(error).__name__,
        ) from None


def _with_values(text: str, profile: str, values: Mapping[str, str | None]) -> str | None:
    """The text of a settings file with these values; None when that would change more, or there is no sure place.

    A setting is changed on its line, else on the line where it is a comment, else at the end of its section.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += end
    for name, value in values.items():
        _put(lines, _section(lines, profile), name, None if value is None else f"{name} = {_toml(value)}", end)
    after = "".join(lines)
    try:
        wanted, found = _table(text), _table(after)
    except tomllib.TOMLDecodeError:
        return None
    own = wanted.get(PROFILE, {}).get(profile) if profile else wanted
    if not isinstance(own, dict):
        return None
    for name, value in values.items():
        own.pop(name, None)
        if value is not None:
            own[name] = value
    return after if found == wanted else None


def _put(lines: list[str], section: tuple[int, int], name: str, line: str | None, end: str) -> None:
    """Put the line of a setting in its place; None makes the one that is there a comment."""
    own = re.compile(rf"[ \t]*{name}[ \t]*=[^\"'#]*(?:\"[^\"]*\"|'[^']*')?(?P<remark>[ \t]*#.*)?")
    example = re.compile(rf"[ \t]*#[ \t]*{name}[ \t]*=")
    inside = range(*section)
    found = next(((at, match) for at in inside if (match := own.match(lines[at]))), None)
    if found is not None:
        at, match = found
        lines[at] = f"# {lines[at]}" if line is None else f"{line}{match['remark'] or ''}{end}"
    elif line is not None:
        shown = next((at for at in inside if example.match(lines[at])), None)
        if shown is not None:
            lines[shown] = f"{line}{end}"
        else:
            lines.insert(_last_line(lines, *section), f"{line}{end}")


def _section(lines: list[str], profile: str) -> tuple[int, int]:
    """From which line to which a section goes: the profile's, or what stands above all sections."""
    first = 0
    if profile:
        names = "|".join(re.escape(name) for name in (profile, _toml(profile), f"'{profile}'"))
        heading = re.compile(rf"[ \t]*\[[ \t]*{PROFILE}[ \t]*\.[ \t]*(?:{names})[ \t]*\]")
        first = next((at + 1 for at, line in enumerate(lines) if heading.match(line)), len(lines))
    last = next((at for at in range(first, len(lines)) if _SECTION.match(lines[at])), len(lines))
    return first, last


def _last_line(lines: list[str], first: int, last: int) -> int:
    """Behind the last setting of a section: what is a comment below it may belong to the next one."""
    return next((at + 1 for at in range(last - 1, first - 1, -1) if not _NO_KEY.match(lines[at])), first)


def _table(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff"))


def _file_lines(lang: Lang) -> Iterator[str]:
    yield from _comment(
        translate(
            "Settings of flinks-import. To change a setting, remove the # in front of its "
            "line. Each line shows the default, or an example where there is none.\nOptions "
            "on the command line override the environment; the environment overrides this "
            "file. Never put a password here: use FLINKS_PASSWORD, password_file or "
            "flinks-import login.",
            lang,
        )
    )
    for setting in fields(Settings):
        if setting.name == "password":
            continue
        words: Words = setting.metadata["words"]
        yield ""
        yield from _comment(f"{words.fr if lang == 'fr' else words.en} ({variable_of(setting.name)})")
        yield f"# {setting.name} = {_toml(words.example if setting.default in {'', None} else setting.default)}"
    yield ""
    yield from _comment(
        translate(
            "Profiles: settings below [profile.NAME] override those above, with --profile "
            "NAME or FLINKS_IMPORT_PROFILE. Put profiles at the end of the file.",
            lang,
        )
    )
    for profile, url in (("sandbox", SANDBOX_URL), ("production", PRODUCTION_URL)):
        yield ""
        yield f"# [profile.{profile}]"
        yield f"# base_url = {_toml(url)}"


def _comment(text: str) -> Iterator[str]:
    import textwrap

    for paragraph in text.splitlines():
        yield from textwrap.wrap(paragraph, _WIDTH, initial_indent="## ", subsequent_indent="## ")


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return str(value)
        case tuple():
            return f"[{', '.join(_toml(part) for part in value)}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
