"""What a helper needs, in one file: versions, settings, counts, shapes. No cell's value, no secret, no session."""

from __future__ import annotations

import json
import platform
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Final

from pipeline import __version__
from pipeline.commands.anonymise import shape, shapes_of
from pipeline.commands.config import setting_lines
from pipeline.config.config_file import Source
from pipeline.config.settings import Resolved, Settings, default_journal
from pipeline.domain.errors import RunError, UsageError
from pipeline.journal import health
from pipeline.system.atomic_output import put

LAST_EVENTS: Final = 200
"""Lines of the log that are packed, the last ones."""

_SPOKEN: Final = ("time", "event", "run", "code", "kind", "verdict", "stopped")
"""Fields of an event whose words are the program's own; every other text is packed as its shape."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What runs here. `packages` are those that the program needs, None for one that is missing."""

    program: str
    python: str
    system: str
    packages: dict[str, str | None]


def versions() -> Versions:
    """What runs here: the program, Python, the system and the packages."""
    system = f"{platform.system()} {platform.release()} ({platform.machine()})"
    return Versions(__version__, platform.python_version(), system, dict(_packages()))


def _packages() -> Iterator[tuple[str, str | None]]:
    try:
        needed = requires("flinks-import") or []
    except PackageNotFoundError:  # never installed: the requirements are unknown
        return
    for requirement in needed:
        if "extra ==" in requirement:
            continue
        found = re.match(r"[\w.-]+", requirement)
        if found:
            try:
                yield found[0], version(found[0])
            except PackageNotFoundError:
                yield found[0], None


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What goes into the bundle. `checks` are doctor's, as JSON; `sheet` is the sheet in question, if there is one."""

    checks: list[dict[str, Any]]
    resolved: Resolved | None
    sheet: Path | None = None


def pack(path: Path, contents: BundleContents) -> Path:
    """Write the bundle, for its owner's eyes until they send it, to the next free name; gives its place.

    Raises UsageError when it can't be written.
    """
    settings = contents.resolved.settings if contents.resolved else Settings()
    parts: dict[str, object] = {
        "versions.json": {**asdict(versions()), "executable": Path(sys.executable).name},
        "settings.json": _settings(contents.resolved),
        "doctor.json": contents.checks,
        "journal.json": _journal(settings),
        "log.json": list(_events(settings)),
    }
    if contents.sheet is not None:
        parts["sheet.json"] = asdict(shapes_of(contents.sheet))

    def write(part: Path) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in parts.items():
                bundle.writestr(name, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    try:
        return put(path, write)
    except OSError as error:
        raise UsageError(
            "Can't write {path} ({error}). Choose another place with --bundle.", path=path, error=error.strerror
        ) from None


def _settings(resolved: Resolved | None) -> list[dict[str, object]]:
    """The settings that are set, with secrets masked. Defaults are in the program."""
    if resolved is None:
        return []
    return [
        {"name": line.name, "value": line.value, "source": line.origin.source, "profile": line.origin.profile}
        for line in setting_lines(resolved)
        if line.origin.source is not Source.DEFAULT
    ]


def _journal(settings: Settings) -> dict[str, object]:
    try:
        found = health.examine(settings.journal or default_journal(settings.base_url))
    except RunError as failure:
        return {"refused": failure.text}
    told = asdict(found)
    del told["place"]
    return told


def _events(settings: Settings) -> Iterator[dict[str, object]]:
    """The last events of the log, if there is one."""
    if not settings.log_file:
        return
    try:
        lines = Path(settings.log_file).expanduser().read_text("utf-8").splitlines()[-LAST_EVENTS:]
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield {name: value if name in _SPOKEN else _shaped(value) for name, value in event.items()}


def _shaped(value: object) -> object:
    match value:
        case str():
            return shape(value)
        case dict():
            return {name: _shaped(part) for name, part in value.items()}
        case list():
            return [_shaped(part) for part in value[:LAST_EVENTS]]
        case _:
            return value
