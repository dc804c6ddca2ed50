"""The log: every event is built here, whether it goes to standard error (`--log-json`) or to a file (`--log-file`).

An event has a name, the time, a number for this call of the program (`run`), and counts, codes and row numbers. No
personal data: no cell, no e-mail address, no session, no sentence that could quote one.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
from datetime import datetime
from functools import cache
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

from pipeline.cli.outlets import visible_json
from pipeline.domain.errors import UsageError

MOST_BYTES: Final = 10 * 1024 * 1024
"""Size at which a log file is set aside and a new one begun."""

KEPT: Final = 5
"""Log files that are kept beside the present one."""


class Log:
    """Where events go. `run` tells the lines of one process from those of another in the same file."""

    def __init__(self, handlers: tuple[logging.Handler, ...]) -> None:
        self._run = secrets.token_hex(4)
        self._logger = logging.getLogger(f"flinks-import.{self._run}")
        self._logger.setLevel(logging.INFO)
        # Other libraries' lines may quote what is personal: nothing of theirs comes here, nor of ours there.
        self._logger.propagate = False
        self._logger.addHandler(logging.NullHandler())
        for handler in handlers:
            self._logger.addHandler(handler)

    def event(self, name: str, **fields: object) -> None:
        """Tell that something has happened. Never raises: a log that can't be written stops nothing."""
        moment = datetime.now().astimezone().isoformat(timespec="seconds")
        line = {"time": moment, "event": name, "run": self._run, **fields}
        self._logger.info("%s", visible_json(json.dumps(line, ensure_ascii=False)))


@cache
def log_to(file: str, *, to_stderr: bool) -> Log:
    """The log of this process: to standard error, to `file`, to both or to none.

    Raises UsageError when the file can't be written.
    """
    handlers: list[logging.Handler] = [_Quiet(sys.stderr)] if to_stderr else []
    if file:
        path = Path(file).expanduser()
        try:
            handlers.append(_PrivateFile(path, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8"))
        except OSError as error:
            raise UsageError("settings.bad_log_file", path=path, error=error.strerror) from None
    return Log(tuple(handlers))


class _Quiet(logging.StreamHandler[TextIO]):
    """Standard error; a reader that has gone is no fault."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: the log must not speak of itself."""


class _PrivateFile(RotatingFileHandler):
    """A file that its owner alone can read, also after it was set aside."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_owner_only)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: a disk that is full is told by whoever needs it."""


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
