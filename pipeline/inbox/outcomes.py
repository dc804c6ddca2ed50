"""Where a file goes after its run, under which name, and what a pass comes to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from itertools import count
from pathlib import PurePath
from typing import Final, assert_never

from pipeline.domain.errors import ExitCode
from pipeline.inbox.candidates import RESULTS


class FileOutcome(StrEnum):
    """What became of a file. All but `LEFT` are the names of folders."""

    DONE = "done"
    ATTENTION = "attention"
    """A person is needed: rows to fix, or an outcome that is unknown."""
    REFUSED = "refused"
    """Nothing was sent: it is no sheet that this program can use."""
    LEFT = "left"
    """It stays where it is, for the next pass."""


MOVED: Final = (FileOutcome.DONE, FileOutcome.ATTENTION, FileOutcome.REFUSED)

SERIOUS: Final = (
    ExitCode.BUG,
    ExitCode.UNKNOWN_OUTCOME,
    ExitCode.CREDENTIALS,
    ExitCode.USAGE,
    ExitCode.INPUT,
    ExitCode.STOPPED_EARLY,
    ExitCode.SOME_ROWS_NEED_FIXING,
    ExitCode.BATCH_IS_BUSY,
    ExitCode.DONE,
)
"""The most serious first (docs/decisions/0003 and 0006): what needs a person before what the next pass fixes."""

WORKBOOK: Final = f"{RESULTS}.xlsx"
"""What follows the stem in the name of a file's workbook."""

EXPLANATION: Final = ".why.txt"
"""What follows the stem in the name of the file that says why a person is needed."""

LONGEST_STEM: Final = 200
"""Bytes of a name that leave room for a number and an ending in the 255 that file systems allow."""


def outcome_of(code: ExitCode) -> FileOutcome:
    """What the exit code of a file's run means for the file."""
    match code:
        case ExitCode.DONE:
            return FileOutcome.DONE
        case ExitCode.SOME_ROWS_NEED_FIXING | ExitCode.UNKNOWN_OUTCOME | ExitCode.BUG:
            return FileOutcome.ATTENTION
        case ExitCode.USAGE | ExitCode.INPUT:
            return FileOutcome.REFUSED
        case ExitCode.CREDENTIALS | ExitCode.STOPPED_EARLY | ExitCode.BATCH_IS_BUSY:
            return FileOutcome.LEFT
        case _:
            assert_never(code)


def most_serious(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of a pass, from those of its files; 0 when there were none."""
    return min(codes, key=SERIOUS.index, default=ExitCode.DONE)


def free_stem(stem: str, taken: Collection[str]) -> str:
    """The name, without its ending, under which a file, its workbook and its explanation have room together.

    `taken` are the names in the folder; letter case does not tell them apart, as on a Windows share. It is `stem`, else
    `stem (2)` and so on: nothing is ever written over.
    """
    stems = {stem.casefold() for name in taken for stem in (PurePath(name).stem, stem_of(name))}
    short = _shortened(stem)
    return next(
        candidate
        for number in count(1)
        if (candidate := short if number == 1 else f"{short} ({number})").casefold() not in stems
    )


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, else `name (2)` and so on before its ending, whichever no file in the folder has."""
    known = {other.casefold() for other in taken}
    path = PurePath(name)
    return next(
        candidate
        for number in count(1)
        if (candidate := name if number == 1 else f"{path.stem} ({number}){path.suffix}").casefold() not in known
    )


def stem_of(name: str) -> str:
    """The stem of the file to which a workbook or an explanation belongs; of any other name its own."""
    belongs = next((ending for ending in (WORKBOOK, EXPLANATION) if name.casefold().endswith(ending)), None)
    return name[: -len(belongs)] if belongs else PurePath(name).stem


def _shortened(stem: str) -> str:
    return stem.encode("utf-8", "surrogateescape")[:LONGEST_STEM].decode("utf-8", "ignore").rstrip()
