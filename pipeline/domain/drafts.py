"""What a person changed of a sheet without touching its file: cells corrected, rows left out. Pure.

A draft is a sheet by its bytes in an environment, with the choices that were made for it and the corrections to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal

from pipeline.domain.model import LEFT_OUT, Column, SheetRow
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS

CORRECTED: Final = frozenset({"corrected", "filled-in"})
_SHOWN: Final = 4
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Choices:
    """How a draft's sheet is read, in the words of the options of `run`. `map` is as `--map` has it.

    `compare` is the batch of the month before, "" for the one that the batch's own name tells.
    """

    sheets: tuple[str, ...] = ()
    hidden: Literal["refuse", "include", "skip"] = "refuse"
    map: tuple[str, ...] = ()
    split_names: str | None = None
    allow_open_amount: bool = False
    compare: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A cell of a sheet, typed again: `before` is what it was until then, `column` its index from 0. `at` is aware."""

    sheet: str
    row: int
    column: int
    heading: str
    before: str = field(repr=False)
    after: str = field(repr=False)
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of a sheet that is not to be sent, with the reason; not `out` takes that back. `at` is aware."""

    sheet: str
    row: int
    reason: str = field(repr=False)
    who: str
    at: datetime
    out: bool = True


class Subject(StrEnum):
    """What a person decides about a draft, beside its cells and rows."""

    TOTAL = "total"
    """The total of the billing program is this many dollars."""
    DIFFERENCE = "difference"
    """It may differ from the rows as they do now."""
    SLIP = "slip"
    """An amount that looks like a typing error is right."""
    REPEAT = "repeat"
    """A row that is held is another charge, as it is and as it is held (`repeat_key`): the value says why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a draft, or (not `holds`) that it is taken back. `about` tells those of one subject apart.

    `at` is aware.
    """

    subject: Subject
    about: str
    value: str = field(repr=False)
    who: str
    at: datetime
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """Why a row is sent that was held: for which reason it was, and who said that it is another charge, with a note.

    `at` is aware: what was requested since then, nobody has decided about.
    """

    held: Fault
    who: str
    note: str = field(repr=False)
    at: datetime

    @property
    def notice(self) -> Fault:
        """What the row says of it."""
        told = (("who", self.who), ("date", f"{self.at:%Y-%m-%d}"), ("reason", self.note))
        return Fault("released", details=told)


def repeat_key(row: int, fingerprint: bytes, held: Fault) -> str:
    """What a decision on a held row is about: with another content, or another reason, it is another one."""
    return sha256(f"{row}|{fingerprint.hex()}|{held.code}|{held.details}".encode()).hexdigest()[:32]


def newest(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The decisions of one subject that are in force, by what they are about. They come oldest first."""
    last = {one.about: one for one in decisions}
    return {about: one for about, one in last.items() if one.holds}


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is in force over the rows of one sheet, by their numbers. `elsewhere` counts what other sheets have.

    `given_back` are rows that were left out of the sheet that a workbook of ours came from, by their numbers there;
    `taken_back` are rows of this sheet that are sent all the same.
    """

    cells: Mapping[int, Mapping[int, Correction]] = field(default_factory=dict)
    left_out: Mapping[int, LeftOut] = field(default_factory=dict)
    elsewhere: int = 0
    given_back: Mapping[int, LeftOut] = field(default_factory=dict)
    taken_back: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.cells or self.left_out or self.given_back)

    @property
    def corrections(self) -> int:
        """How many cells are corrected."""
        return sum(map(len, self.cells.values()))

    def over(self, row: SheetRow, columns: Sequence[Column]) -> SheetRow:
        """The row as it is meant: a corrected cell is text, with a notice; a row left out has an error.

        What the reader found wrong with the cell of a field is gone once that cell is typed again.
        """
        corrected, out = self.cells.get(row.number, {}), self._left_out(row)
        if not corrected and out is None:
            return row
        cells, kinds = [*row.cells], [*row.kinds]
        said, fixed = list[Fault](), set[str | None]()
        for at, correction in sorted(corrected.items()):
            said.append(correction_notice(correction, cells[at], columns[at]))
            fixed.add(columns[at].field)
            cells[at], kinds[at] = correction.after, "s"
        if out is not None:
            told = (("who", out.who), ("date", f"{out.at:%Y-%m-%d}"), ("reason", out.reason))
            said.append(Fault(LEFT_OUT, details=told))
        faults = (*(fault for fault in row.faults if not fault.field or fault.field not in fixed), *said)
        return replace(row, cells=tuple(cells), kinds="".join(kinds), faults=faults)

    def _left_out(self, row: SheetRow) -> LeftOut | None:
        """Why a row is left out: of this sheet, or of the one that it came from and not taken back here."""
        if row.carried is None or row.number in self.taken_back:
            return self.left_out.get(row.number)
        return self.left_out.get(row.number) or self.given_back.get(row.carried.number)


NO_OVERLAY: Final = Overlay()
"""Nothing was changed."""


def in_force(corrections: Iterable[Correction], left_out: Iterable[LeftOut], sheet: str) -> Overlay:
    """What is in force over a sheet: of each cell the newest correction, unless it gives the sheet's own text again; of
    each row whether it is out. Both come oldest first.
    """
    first, newest = dict[tuple[str, int, int], str](), dict[tuple[str, int, int], Correction]()
    for one in corrections:
        cell = one.sheet, one.row, one.column
        first.setdefault(cell, one.before)
        newest[cell] = one
    cells: dict[int, dict[int, Correction]] = {}
    others = set[tuple[str, int]]()
    for cell, one in newest.items():
        if one.after == first[cell]:
            continue
        if one.sheet == sheet:
            cells.setdefault(one.row, {})[one.column] = one
        else:
            others.add((one.sheet, one.row))
    last = {(out.sheet, out.row): out for out in left_out}
    here = {row: out for (of, row), out in last.items() if out.out and of == sheet}
    back = frozenset(row for (of, row), out in last.items() if not out.out and of == sheet)
    others.update(place for place, out in last.items() if out.out and out.sheet != sheet)
    return Overlay(cells, here, len(others), taken_back=back)


def is_left_out(faults: Iterable[Fault]) -> bool:
    """Whether a row with these faults was left out by a person."""
    return any(fault.code == LEFT_OUT for fault in faults)


def by_a_person(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """What an overlay said of a row, without what the reader found wrong with its shape."""
    return tuple(fault for fault in faults if fault.code == LEFT_OUT or fault.code in CORRECTED)


def correction_notice(correction: Correction, before: str, column: Column) -> Fault:
    """The notice of a correction; `before` is what stands in the file."""
    told = (("who", correction.who), ("date", f"{correction.at:%Y-%m-%d}"))
    return Fault("corrected" if before.strip() else "filled-in", column.heading, shown(before, column), told)


def shown(text: str, column: Column) -> str:
    """A cell's text for a sentence. An account number, or a whole account in a cell of its parts, by its end only."""
    digits = "".join(filter(str.isdecimal, text))
    if column.field not in ACCOUNT_FIELDS or len(digits) <= _SHOWN:
        return text
    is_part = column.field != "accountNumber" and len(digits) < _DIGITS
    return text if is_part else f"•••{digits[-_SHOWN:]}"
