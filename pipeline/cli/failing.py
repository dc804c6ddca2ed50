"""Failures on their way out: one clear sentence, the right exit code, and no traceback."""

from __future__ import annotations

import os
import platform
import traceback
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType

import click

from pipeline.domain.errors import ExitCode


def report_bug(error: BaseException) -> int:
    """Write a report of a fault of the program and show its path; returns exit code 70.

    The report holds where it happened and the kinds of errors, never their words nor any value: those may be people's
    data. Nothing is lost: the journal has what was done.
    """
    now = datetime.now().astimezone()
    path = Path(gettempdir()) / f"flinks-import-{now:%Y%m%dT%H%M%S%f}.report.txt"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(_report(error, now))
        where = f" A report without personal data is in {path}."
    except OSError:
        where = ""
    click.echo(
        f"flinks-import came upon a fault of its own ({type(error).__name__}). Nothing is lost: the same command goes "
        f"on.{where}",
        err=True,
    )
    return ExitCode.BUG


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
