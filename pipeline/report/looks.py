"""How cells look: colours, number formats, borders. One place, so that every sheet looks the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pipeline.model import Column, Status
from pipeline.report.cells import Look, is_date_format

MONEY: Final = "#,##0.00"
DAY: Final = "yyyy-mm-dd"
MOMENT: Final = "yyyy-mm-dd hh:mm:ss"
CLOCK: Final = "hh:mm:ss"
TEXT: Final = "@"

INK: Final = "#1F2A44"
PAPER: Final = "#FFFFFF"
FAINT: Final = "#F3F5F9"
LINE: Final = "#C9D0DC"
FAULTY: Final = "#FBD9D3"

STATUS_COLOURS: Final[dict[Status, tuple[str, str]]] = {
    Status.CREATED: ("#D5F0DC", "#14532D"),
    Status.ALREADY_CREATED: ("#E3F1E6", "#3F6B4C"),
    Status.INVALID: ("#FBD9D3", "#8A1C0B"),
    Status.REJECTED: ("#F7C6BC", "#7A1407"),
    Status.FAILED: ("#FCE5C8", "#7C4A03"),
    Status.UNKNOWN: ("#E6D9F7", "#4C1D95"),
    Status.HELD: ("#FDF3C4", "#6B5600"),
    Status.NOT_SENT: ("#E5E7EB", "#374151"),
}
"""Fill and ink of each status. Every pair has a contrast of at least 4.5, and the word always stands beside it."""


@dataclass(frozen=True)
class Looks:
    """The formats of one workbook, made when they are first asked for."""

    book: Any

    def of(self, **properties: object) -> Any:
        """A format of XlsxWriter with these properties and the house's font."""
        return self.book.add_format({"font_name": "Calibri", "font_size": 11, "valign": "top", **properties})

    def style(self, **properties: object) -> int:
        """The number of such a format, for cells that are written as XML."""
        number: int = self.of(**properties)._get_xf_index()  # noqa: SLF001  XlsxWriter has no public name for it
        return number

    @cached_property
    def heading(self) -> dict[str, object]:
        """The properties of a heading cell."""
        return {
            "bold": True,
            "font_color": PAPER,
            "bg_color": INK,
            "text_wrap": True,
            "valign": "vcenter",
            "num_format": TEXT,
            "border": 1,
            "border_color": LINE,
        }

    def column(self, column: Column | None, **extra: object) -> Look:
        """The styles of one of the user's columns, with the number format that it had in the user's workbook."""
        own = column.number_format if column else ""
        dated = is_date_format(own)
        return Look(
            text=self.style(num_format=TEXT, **extra),
            quoted=self.style(num_format=TEXT, quote_prefix=True, **extra),
            number=self.style(num_format="General" if dated or not own else own, **extra),
            day=self.style(num_format=own if dated else DAY, **extra),
            moment=self.style(num_format=own if dated else MOMENT, **extra),
            clock=self.style(num_format=own if dated else CLOCK, **extra),
            other=self.style(**extra),
        )
