"""What a caller may ask of the reading of a sheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipeline.model import Mapping


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a sheet is to be read (interface: `--sheet`, `--mapping`, `--hidden`, `--allow-open-amount`).

    `sheet` names one sheet of a workbook; None is the first visible one with a heading row. `hidden` says what happens
    to rows that are hidden or filtered out. `amount_optional` allows a sheet without a column of amounts.
    """

    sheet: str | None = None
    mapping: Mapping = field(default_factory=Mapping)
    hidden: Literal["refuse", "include", "skip"] = "refuse"
    amount_optional: bool = False
