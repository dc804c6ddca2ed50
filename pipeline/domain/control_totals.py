"""Why a control total may differ from the rows: what an accountant looks for first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pipeline.domain.model import NO_MONEY, ControlTotal, ReportRow

_SHOWN: Final = 5
"""Numbers of rows that are kept for one cause."""
_ROUNDING: Final = Decimal("0.05")
_TRANSPOSED: Final = Decimal("0.09")
"""Two digits that changed places make a difference that can be divided by nine, in cents."""


class Cause(StrEnum):
    """What a difference looks like."""

    ROWS_MISSING = "rows-missing"
    ROWS_ADDED = "rows-added"
    UNREADABLE = "unreadable"
    LEFT_OUT = "left-out"
    """Rows that a person left out."""
    ONE_ROW = "one-row"
    SIGN = "sign"
    ROUNDING = "rounding"
    TRANSPOSED = "transposed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """A cause, and the numbers of the first rows that it is about, if any."""

    cause: Cause
    rows: tuple[int, ...] = ()


class CauseFinder:
    """Sees each row once and keeps a few numbers for each total that differs: memory does not grow with the rows."""

    def __init__(self, controls: Sequence[ControlTotal]) -> None:
        self._totals = [control for control in controls if not control.agrees and not control.counts_rows]
        self._found: dict[tuple[str, Cause], list[int]] = {}
        self._left_out = dict.fromkeys((control.where for control in self._totals), NO_MONEY)

    def add(self, row: ReportRow) -> None:
        """Looks at one row; a total of the sheet is only about the rows above it."""
        for control in self._totals:
            if row.further or (control.row and row.row.number >= control.row):
                continue
            if row.is_left_out and row.amount is not None:
                self._left_out[control.where] += row.amount
                self._keep(control, Cause.LEFT_OUT, row)
            if row.amount is None:
                if control.difference < 0:  # what is not read makes the rows come to less
                    self._keep(control, Cause.UNREADABLE, row)
            elif row.amount == control.difference:
                self._keep(control, Cause.ONE_ROW, row)
            elif row.amount * 2 == control.difference:
                self._keep(control, Cause.SIGN, row)

    def likely_cause(self, control: ControlTotal) -> LikelyCause:
        """Why a total that differs does so, the surest cause first."""
        difference = control.difference
        if control.counts_rows:
            return LikelyCause(Cause.ROWS_ADDED if difference > 0 else Cause.ROWS_MISSING)
        if difference and self._left_out.get(control.where) == difference:
            return LikelyCause(Cause.LEFT_OUT, tuple(self._found[control.where, Cause.LEFT_OUT]))
        for cause in (Cause.ONE_ROW, Cause.UNREADABLE, Cause.SIGN):
            if rows := self._found.get((control.where, cause)):
                return LikelyCause(cause, tuple(rows))
        if abs(difference) <= _ROUNDING:
            return LikelyCause(Cause.ROUNDING)
        return LikelyCause(Cause.NONE if difference % _TRANSPOSED else Cause.TRANSPOSED)

    def _keep(self, control: ControlTotal, cause: Cause, row: ReportRow) -> None:
        rows = self._found.setdefault((control.where, cause), [])
        if len(rows) < _SHOWN:
            rows.append(row.row.number)
