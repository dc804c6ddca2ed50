"""The workbook while the answers still come in: another process writes the rows that do not change any more.

It reads them from the journal, like everybody, and is told how far it may read. So when the last answer is here, only
the last rows, `Summary` and a look at the closed file are left. It helps and decides nothing: whatever goes wrong with
it, the workbook is written as if it had never been there (docs/decisions/0007-workbook-abreast.md).

What is told: a `Task`; then positions in the sheet up to which the rows are final; then None for all that are left,
which is answered with what was counted; then an `Ending`, which is answered with where the workbook is. Meanwhile the
other process says now and then that it is `Alive`.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pipeline import signals
from pipeline.commands.pipe import Pipe
from pipeline.garbage import collect_seldom
from pipeline.journal.journal import Journal, open_journal
from pipeline.model import Report
from pipeline.report.changes import Before
from pipeline.report.place import Ours
from pipeline.report.summary import Gathered, Gathering, Written
from pipeline.report.workbook import Draft, Files, Showing, begin_files

STEP: Final = 500
"""Rows of which the other process is told at a time."""

BEAT: Final = 1.0
"""Seconds between two signs of life."""
SILENCE: Final = 30.0
"""Seconds without one after which it is given up."""

_NICE: Final = 10
_GOES: Final = 10.0
"""Seconds until a process that was told to go is made to."""
_RESERVE: Final = 64 << 20
"""Bytes that must be left on the disk for the rows: the run's journal may be on the same one, and comes first."""
_ENTRY: Final = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.commands.abreast import main; main()"
_HOME: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Task:
    """Which workbook to write: of which run in which journal, where, over no file of `inputs`, and how."""

    journal: str = field(repr=False)
    run: int
    path: Path
    showing: Showing
    inputs: tuple[Path, ...]
    files: Files


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known at the end of a run only."""

    report: Report
    before: Before | None


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life."""


_Answer = TypeVar("_Answer", Gathered, Written)


class Abreast:
    """The other process, from the side of the run. Every answer may be None: then it is of no use any more.

    Raises OSError when the files of the workbook can't be made.
    """

    def __init__(self, journal: str, run: int, path: Path, showing: Showing, inputs: tuple[Path, ...] = ()) -> None:
        self._told = -1
        self._files = begin_files(path)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Pipe | None = None
        with suppress(OSError):
            self._begin()
        self._tell(Task(journal, run, path, showing, inputs, self._files.for_another_process()))

    def passed(self, position: int) -> None:
        """Every row up to this position is final. Returns at once."""
        if self._pipe is None or position - self._told < STEP:
            return
        try:
            if self._pipe.offer(position):
                self._told = position
        except OSError:
            self.close()

    def gathered(self) -> Gathered | None:
        """Every row is final: what was counted in all of them."""
        self._tell(None)
        return self._answer(Gathered)

    def finish(self, report: Report, before: Before | None) -> Written | None:
        """Have the workbook finished and put into its place."""
        self._tell(Ending(report, before))
        return self._answer(Written)

    def close(self) -> None:
        """Send the process away; what it has not finished is removed."""
        pipe, process = self._pipe, self._process
        self._pipe = self._process = None
        if pipe is not None and process is not None:
            pipe.close()
            try:
                process.wait(_GOES)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._files.remove()

    def _begin(self) -> None:
        if sys.platform == "win32":
            return  # where pipes can't be waited for
        to_it, from_us = os.pipe()
        from_it, to_us = os.pipe()
        self._pipe = Pipe(from_it, from_us)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                # -P: a folder `pipeline` where the user happens to be is not this program, and _HOME is.
                [sys.executable, "-P", "-c", _ENTRY, str(_HOME), str(to_it), str(to_us)],
                # Whatever else writes to the standard output of a Python does not come between.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(to_it, to_us),
                start_new_session=True,  # Ctrl-C is for the run, which then says what to do
            )
        except BaseException:
            self._pipe.close()
            self._pipe = None
            raise
        finally:
            os.close(to_it)
            os.close(to_us)

    def _tell(self, message: object) -> None:
        if self._pipe is None:
            return
        try:
            self._pipe.send(message, SILENCE)
        except OSError:  # it has gone, or takes nothing any more (TimeoutError is one)
            self._give_up()

    def _answer(self, kind: type[_Answer]) -> _Answer | None:
        if self._pipe is None:
            return None
        answer: object = None
        with suppress(Exception):  # whatever it said, or that it said nothing
            while isinstance(answer := self._pipe.receive(SILENCE), Alive):
                pass
        if not isinstance(answer, kind):
            self._give_up()
            return None
        return answer

    def _give_up(self) -> None:
        """It is of no use any more, and may not be able to go by itself."""
        if self._process is not None:
            self._process.kill()
        self.close()


# ---------------------------------------------------------------------------------------------------------------
# In the other process


def main() -> None:
    """Write the workbook that this process is told of, by the pipes that its command line names."""
    signals.ignore()  # a service that is stopped sends it to all; the run ends us
    if sys.platform != "win32":
        with suppress(OSError):  # a service may be forbidden to
            os.nice(_NICE)
    os.umask(0o077)
    collect_seldom()
    read, write = sys.argv[2:]
    with suppress(EOFError):  # the run has gone: nobody wants the workbook
        _write(Pipe(int(read), int(write)))


def _write(pipe: Pipe) -> None:
    task = pipe.receive(None)
    assert isinstance(task, Task)
    with open_journal(task.journal, make=False) as journal:
        begun = journal.report(task.run)
        ours = Ours(journal.files_of(begun.batch, begun.environment), task.inputs)
        with closing(Draft(begun, task.path, task.showing, ours, task.files)) as draft, _beating(pipe, draft):
            pages = _Pages(journal, task.run, draft, Gathering(begun, task.showing.lang))
            while isinstance(position := pipe.receive(None), int):
                pages.write_to(position)
            pages.write_to(None)
            pipe.send(pages.gathering.gathered(), None)
            ending = pipe.receive(None)
            assert isinstance(ending, Ending)
            fits = draft.fits(ending.report, ending.before)
            pipe.send(draft.finish(ending.report, ending.before) if fits else None, None)


@contextmanager
def _beating(pipe: Pipe, draft: Draft) -> Iterator[None]:
    """In the context the run hears that we are alive, and what we write looks as young as it is."""
    ended = threading.Event()

    def beat() -> None:
        while True:
            draft.touch()
            with suppress(OSError):
                pipe.offer(Alive())
            if ended.wait(BEAT):
                return

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()


@dataclass(slots=True)
class _Pages:
    """The rows of a run, written into a workbook and counted a part at a time."""

    journal: Journal
    run: int
    draft: Draft
    gathering: Gathering
    next: int = 0

    def write_to(self, last: int | None) -> None:
        """Goes on to the row at position `last`, or to the end of the sheet. Raises OSError on a disk that is nearly
        full: the rows lie on it while the run still needs it.
        """
        if last is not None and self.draft.room() < _RESERVE:
            raise OSError(errno.ENOSPC, "too little room beside a run")
        for row in self.journal.report_rows(self.run, self.next, last):
            self.draft.add(row)
            self.gathering.add(row)
        self.next = self.next if last is None else last + 1
