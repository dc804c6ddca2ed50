"""`config`: every setting with its origin, and the commented file that one begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Final

from pipeline.config.config_file import DEFAULT, Origin
from pipeline.config.settings import Resolved, Settings, Words, shown, variable_of
from pipeline.domain.errors import UsageError
from pipeline.messages import say
from pipeline.system.atomic_output import put
from schemas.languages import Lang

SANDBOX_URL: Final = "https://payments-uat.flinksapp.com"
PRODUCTION_URL: Final = "https://payments.flinksapp.com"
"""The base URLs seen on sister products (api: "Calls"): examples in the commented file, never defaults."""

_WIDTH: Final = 100


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
    """Write a settings file in which every setting stands as a comment with its words; returns its place.

    Nobody's settings are ever written over: it goes to the next free name. Raises UsageError when it can't be
    written.
    """
    content = commented(lang).encode()
    try:
        return put(path, lambda part: part.write_bytes(content))
    except OSError as error:
        raise UsageError("config.cannot_write", path=path, error=error.strerror) from None


def commented(lang: Lang) -> str:
    """The commented settings file: with every `#` before a setting taken away it is a valid one."""
    return "\n".join([*_file_lines(lang), ""])


def _file_lines(lang: Lang) -> Iterator[str]:
    yield from _comment(say("config.head", lang))
    for setting in fields(Settings):
        if setting.name == "password":
            continue
        words: Words = setting.metadata["words"]
        yield ""
        yield from _comment(f"{words.fr if lang == 'fr' else words.en} ({variable_of(setting.name)})")
        yield f"# {setting.name} = {_toml(words.example if setting.default in {'', None} else setting.default)}"
    yield ""
    yield from _comment(say("config.profiles", lang))
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
