"""`web --install-shortcut`: an entry by which the page is opened without a terminal.

On Linux a desktop entry in the user's applications, on macOS a file on the desktop that Finder opens.
https://specifications.freedesktop.org/desktop-entry-spec/latest/
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from pipeline.domain.errors import UsageError
from pipeline.messages import N_, translate
from pipeline.system.atomic_output import begin
from schemas.languages import LANGUAGES

_COMMENT: Final = N_("Open the page for payment requests")
_RESERVED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "`": "\\`", "$": "\\$"})


def install(arguments: Sequence[str], environ: Mapping[str, str], system: str = sys.platform) -> Path:
    """Write the entry, over an earlier one of ours; returns its place. `arguments` are those of `web`.

    Raises UsageError where there is none to be had, or it can't be written.
    """
    line = [sys.executable, "-P", "-m", "pipeline", "web", *arguments]
    if any(char in word for word in line for char in "\n\r\0"):
        raise UsageError("A path with a line break can't be in a shortcut. Choose another place.")
    if system == "darwin":
        place, text, mode = Path.home() / "Desktop" / "flinks-import.command", _script(line), 0o755
    elif system.startswith("linux"):
        data = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        place, text, mode = data / "applications" / "flinks-import.desktop", _desktop_entry(line), 0o644
    else:
        raise UsageError(
            "A shortcut can be written on Linux and macOS only. On this system make one yourself, to: {command}.",
            command=" ".join(f'"{word}"' if " " in word else word for word in line),
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = begin(place)
        try:
            part.write_text(text, "utf-8")
            part.chmod(mode)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            "Can't write {path} ({error}). Choose a place where you can write.",
            path=place,
            error=error.strerror or type(error).__name__,
        ) from None
    return place


def _desktop_entry(line: Sequence[str]) -> str:
    """The entry; an argument is quoted, and what is quoted is a string value, which is escaped once more."""
    command = " ".join(f'"{word.translate(_RESERVED)}"' for word in line).replace("%", "%%").replace("\\", "\\\\")
    icon = str(files("pipeline.web") / "static" / "icon.svg").replace("\\", "\\\\")
    comments = [f"Comment{'' if lang == 'en' else f'[{lang}]'}={translate(_COMMENT, lang)}" for lang in LANGUAGES]
    return "\n".join(
        [
            "[Desktop Entry]",
            "Type=Application",
            "Name=flinks-import",
            *comments,
            f"Exec={command}",
            f"Icon={icon}",
            "Terminal=false",
            "Categories=Office;Finance;",
            "",
        ]
    )


def _script(line: Sequence[str]) -> str:
    return f"#!/bin/sh\nexec {shlex.join(line)}\n"
