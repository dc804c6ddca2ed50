"""Which files of a drop folder are sheets that have arrived whole. Pure: names, sizes and times are handed in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from pipeline.system.atomic_output import WORKBOOKS, plain

MARKERS: Final = (".done", ".ready")
"""Endings of the empty file that says of the file beside it: all of it is here."""

UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload", ".download", ".filepart", ".upload")
"""Endings under which browsers and upload tools keep a file until all of it has come."""

HIDDEN: Final = (".", "~$")
"""How names begin that are no sheets: hidden files, and the locks of LibreOffice (`.~lock.`) and Office (`~$`)."""

NEVER: Final = (".toml", "thumbs.db", "desktop.ini")
"""Endings of what people and systems keep in a folder and nobody sends: settings, mappings, what Windows leaves."""

RESULTS: Final = ".results"
"""What stands at the end of the name of a workbook of ours, before its ending."""

SAME_MOMENT_NS: Final = 2_000_000_000
"""File systems keep the time of a change by two seconds (FAT) or better: within it nothing is older."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file as it was at one moment. Two that are equal are the same file with the same content, as far as its folder
    can tell: size in bytes, time of the last change in nanoseconds by the clock of whoever keeps the folder.
    """

    size: int
    changed_ns: int


def may_be_sheet(name: str) -> bool:
    """Whether a file of this name can be meant for us. What it holds is for others to judge."""
    lower = name.casefold()
    return not lower.startswith(HIDDEN) and not lower.endswith((*MARKERS, *UNFINISHED, *NEVER))


def markers_of(name: str, names: Collection[str]) -> tuple[str, ...]:
    """The markers beside a file: `billing.csv.done` and `billing.done`, `.ready` likewise, in any letter case."""
    bare = {name.casefold(), PurePath(name).stem.casefold()}
    wanted = {f"{begin}{end}" for begin in bare for end in MARKERS}
    return tuple(sorted(other for other in names if other.casefold() in wanted))


def has_marker(sheet: FileStat, markers: Iterable[FileStat]) -> bool:
    """Whether a marker says that all of the file is here.

    One that is older than the file was made for another of the same name and says nothing. Both times are of one
    clock, that of the folder; no other is asked.
    """
    return any(marker.changed_ns >= sheet.changed_ns - SAME_MOMENT_NS for marker in markers)


def is_named_as_results(name: str) -> bool:
    """Whether a name is one under which we write a workbook: `billing.results.xlsx`, `… (2).xlsx`."""
    path = PurePath(name)
    return path.suffix.casefold() == ".xlsx" and plain(path.stem, *WORKBOOKS) != path.stem
