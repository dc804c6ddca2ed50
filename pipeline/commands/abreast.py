"""The workbook while the answers still come in: another process writes the rows that do not change any more.

It reads them from the journal, like everybody, and is told how far it may read. So when the last answer is here, only
the last rows, `Summary` and the reading back are left. It helps and decides nothing: whatever goes wrong with it, the
workbook is written as if it had never been there.

What is told: a `Task`; then positions in the sheet up to which the rows are final; then None for all that are left,
which is answered with what was counted; then an `Ending`, which is answered with where the workbook is.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, TypeVar

from pipeline.garbage import collect_seldom
from pipeline.journal.journal import Journal, open_journal
from pipeline.model import Report
from pipeline.report.changes import Before
from pipeline.report.summary import Gathered, Gathering, Written
from pipeline.report.workbook import Draft, Showing

STEP: Final = 500
"""Rows of which the other process is told at a time."""

_NICE: Final = 10
_PATIENCE: Final = 10.0
"""Seconds until a process that was told to go is made to."""
_ENTRY: Final = "from pipeline.commands.abreast import main; main()"


@dataclass(frozen=True, slots=True)
class Task:
    """Which workbook to write: of which run in which journal, where, and how."""

    journal: str = field(repr=False)
    run: int
    path: Path
    showing: Showing


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known at the end of a run only."""

    report: Report
    before: Before | None


_Answer = TypeVar("_Answer", Gathered, Written)

_NO_ANSWER: Final = (OSError, EOFError, pickle.UnpicklingError, ValueError)


class Abreast:
    """The other process, from the side of the run. Every answer may be None: then it is of no use any more."""

    def __init__(self, task: Task) -> None:
        self._told = -1
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                # -P: a folder `pipeline` where the user happens to be is not this program.
                [sys.executable, "-P", "-c", _ENTRY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the run, which then says what to do
            )
        self._tell(task)

    def passed(self, position: int) -> None:
        """Every row up to this position is final."""
        if position - self._told >= STEP:
            self._told = position
            self._tell(position)

    def gathered(self) -> Gathered | None:
        """Every row is final: what was counted in all of them."""
        self._tell(None)
        return self._answer(Gathered)

    def finish(self, report: Report, before: Before | None) -> Written | None:
        """Have the workbook finished and put into its place."""
        self._tell(Ending(report, before))
        return self._answer(Written)

    def close(self) -> None:
        """Send the process away; what it has not finished, it removes."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=_PATIENCE)  # closes its input, at which it goes
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()

    def _tell(self, message: object) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            self.close()

    def _answer(self, kind: type[_Answer]) -> _Answer | None:
        if self._process is None:
            return None
        assert self._process.stdout is not None
        try:
            answer = pickle.load(self._process.stdout)  # noqa: S301 - of our own process, by a pipe of our own
        except _NO_ANSWER:
            answer = None
        if not isinstance(answer, kind):
            self.close()
            return None
        return answer


# ---------------------------------------------------------------------------------------------------------------
# In the other process


def main() -> None:
    """Write the workbook that this process is told of by its standard input; answers go to its standard output."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a service that is stopped sends it to all; the run ends us
    if sys.platform != "win32":
        with suppress(OSError):  # a service may be forbidden to
            os.nice(_NICE)
    collect_seldom()
    with suppress(EOFError):  # the run has gone: nobody wants the workbook
        _write(sys.stdin.buffer, sys.stdout.buffer)


def _write(told: IO[bytes], answers: IO[bytes]) -> None:
    task: Task = pickle.load(told)  # noqa: S301 - by our own process, through a pipe of its own; as below
    with open_journal(task.journal) as journal:
        begun = journal.report(task.run)
        with closing(Draft(begun, task.path, task.showing)) as draft:
            pages = _Pages(journal, task.run, draft, Gathering(begun, task.showing.lang))
            while (position := pickle.load(told)) is not None:  # noqa: S301
                pages.write_to(position)
            pages.write_to(None)
            _answer(answers, pages.gathering.gathered())
            ending: Ending = pickle.load(told)  # noqa: S301
            fits = draft.fits(ending.report, ending.before)
            _answer(answers, draft.finish(ending.report, ending.before) if fits else None)


def _answer(answers: IO[bytes], answer: object) -> None:
    pickle.dump(answer, answers)
    answers.flush()


@dataclass(slots=True)
class _Pages:
    """The rows of a run, written into a workbook and counted a part at a time."""

    journal: Journal
    run: int
    draft: Draft
    gathering: Gathering
    next: int = 0

    def write_to(self, last: int | None) -> None:
        """Goes on to the row at position `last`, or to the end of the sheet."""
        for row in self.journal.report_rows(self.run, self.next, last):
            self.draft.add(row)
            self.gathering.add(row)
        self.next = self.next if last is None else last + 1
