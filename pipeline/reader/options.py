"""What a caller may ask of the reading of a sheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from pipeline.domain.model import Mapping

ALL_SHEETS: Final = "all"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a sheet is to be read (interface: `--sheet`, `--mapping`, `--hidden`, `--allow-open-amount`).

    `sheets` names sheets of a workbook, which are read as one, or is `ALL_SHEETS` alone for all visible ones with the
    headings of the first; empty, it is the first visible one with a heading row, which must be the only one with these
    headings. `hidden` says what happens to rows that are hidden, filtered out or struck through. `amount_optional`
    allows a sheet without a column of amounts.
    """

    sheets: tuple[str, ...] = ()
    mapping: Mapping = field(default_factory=Mapping)
    hidden: Literal["refuse", "include", "skip"] = "refuse"
    amount_optional: bool = False
