"""Calamine's readings of a workbook, made by a process of its own that may die of them (`pipeline.reader.native`).

Owns that process: its start, what is asked of it, its end. Its death is a refusal of the file.
"""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from pipeline.domain.errors import InputError
from pipeline.messages import N_, Number
from pipeline.reader import native

SECONDS: Final = 60
"""For each answer."""
_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A sheet of the workbook's list. Only a worksheet has rows; charts and macro sheets count in the list."""

    name: str
    is_worksheet: bool
    is_visible: bool


class NativeBook:
    """The workbook as calamine reads it. `sheets` are all of its list, in order.

    Every method raises InputError when the workbook is damaged, locked, or more than the bounds allow; `path` is the
    name in that sentence, `read_from` the file that is read when it is another one.
    """

    def __init__(self, path: Path, read_from: Path | None = None) -> None:
        self._path = path
        packages = importlib.util.find_spec("python_calamine")
        assert packages is not None
        assert packages.origin is not None
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script, the path is an argument
            [
                sys.executable, "-I", "-S", native.__file__,
                str((read_from or path).absolute()), str(Path(packages.origin).parents[1]), str(SECONDS),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        weakref.finalize(self, _end, self._process)
        self._numbers = count()
        self._list: tuple[SheetEntry, ...] | None = None

    @property
    def sheets(self) -> tuple[SheetEntry, ...]:
        """Every sheet; waits for the workbook to be opened."""
        if self._list is None:
            self._list = tuple(SheetEntry(*entry) for entry in self._answer())
        return self._list

    def load(self, place: int) -> Callable[[], int]:
        """Begin to load the sheet at this place of the list. What is returned waits for it, and gives the last used
        column from 0, -1 for an empty sheet; nothing else may be asked before.
        """
        self._ask("s", place)
        return self._answer

    def rows(self, place: int) -> Iterator[native.Row]:
        """The rows that hold something: number from 1, texts, kinds; None for the kinds of a row that calamine can't
        give.
        """
        number = next(self._numbers)
        self._ask("r", number, place)
        try:
            while True:
                self._ask("n", number)
                some = self._answer()
                if not some:
                    return
                yield from some
        finally:
            with suppress(InputError):
                self._ask("c", number)

    def _ask(self, action: str, *numbers: int) -> None:
        _ = self.sheets  # the first answer of all
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(" ".join((action, *map(str, numbers))).encode() + b"\n")
            pipe.flush()
        except (OSError, ValueError):  # it has died, or was ended: its pipe is closed
            raise self._gone() from None

    def _answer(self) -> Any:
        pipe = self._process.stdout
        assert pipe is not None
        length = int.from_bytes(pipe.read(_LENGTH), "little")
        body = pipe.read(length)
        if not length or len(body) < length:
            raise self._gone()
        answer = marshal.loads(body)  # noqa: S302 - our own process wrote it
        if isinstance(answer, str):
            raise InputError(
                N_("{path} is password-protected. Save a copy without a password and use that.")
                if answer == "locked"
                else N_(
                    "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again."
                ),
                path=str(self._path),
            )
        return answer

    def _gone(self) -> InputError:
        return InputError(
            "Can't read {path}: it is damaged, or needs more than {memory} GB of memory or "
            "{seconds} seconds to open. If it has very many rows, save it as CSV; otherwise "
            "save it again in your spreadsheet program.",
            path=str(self._path),
            memory=Number(native.MEMORY / 1024**3),
            seconds=Number(SECONDS),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
