"""Failures on their way out: one clear sentence, the right exit code, and no traceback."""

from __future__ import annotations

import os
import platform
import traceback
from datetime import datetime
from gettext import gettext as _
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType

from pipeline.cli.outlets import say


def report_bug(error: BaseException) -> str:
    """Write a report of a fault of the program and show its path; returns what was shown."""
    path = write_report(error)
    where = _("A report without personal data is in {path}.").format(path=path) if path else ""
    sentence = _(
        "flinks-import has an error of its own ({kind}). Nothing is lost: run the same command again to resume."
    )
    sentence = f"{sentence.format(kind=type(error).__name__)} {where}".rstrip()
    say(sentence, err=True)
    return sentence


def write_report(error: BaseException) -> Path | None:
    """Write a report of a fault of the program; None where it can't be written.

    It holds where it happened and the kinds of errors, never their words nor any value: those may be people's data.
    Nothing is lost: the journal has what was done.
    """
    now = datetime.now().astimezone()
    path = Path(gettempdir()) / f"flinks-import-{now:%Y%m%dT%H%M%S%f}.report.txt"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(_report(error, now))
    except OSError:
        return None
    return path


def _report(error: BaseException, now: datetime) -> str:
    from pipeline import __version__

    lines = [
        f"flinks-import {__version__}, Python {platform.python_version()}, {platform.system()}",
        now.isoformat(timespec="seconds"),
    ]
    seen: BaseException | None = error
    while seen is not None:
        lines += ["", type(seen).__name__, *_frames(seen.__traceback__)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines) + "\n"


def _frames(trace: TracebackType | None) -> list[str]:
    """File, line and function: no source text and no variables."""
    return [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
