"""How cells look: colours, number formats, borders. One place, so that every sheet looks the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pipeline.domain.model import Column, Status
from pipeline.domain.number_formats import is_date_format
from pipeline.domain.session_states import Paid
from pipeline.report.cells import CellStyle
from pipeline.report.summary import Weight

MONEY: Final = "#,##0.00"
DAY: Final = "yyyy-mm-dd"
MOMENT: Final = "yyyy-mm-dd hh:mm:ss"
CLOCK: Final = "hh:mm:ss"
TEXT: Final = "@"

LEFT: Final[dict[str, object]] = {"align": "left", "indent": 1}
RIGHT: Final[dict[str, object]] = {"align": "right", "indent": 1}
"""Texts, and numbers and dates: without an indent those of neighbours touch. An indent counts only beside a side."""
LINK: Final[dict[str, object]] = {"font_color": "#0B57D0", "underline": 1}
ADDRESS: Final[dict[str, object]] = {"num_format": TEXT, "align": "fill"}
"""A long address ends at the edge of its cell, also beside an empty one."""
INK: Final = "#1F2A44"
PAPER: Final = "#FFFFFF"
FAINT: Final = "#F3F5F9"
LINE: Final = "#C9D0DC"
GREY: Final = "#6B7280"
_LONGEST_FORMAT: Final = 255
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

PAID_COLOURS: Final[dict[Paid, tuple[str, str]]] = {
    Paid.YES: STATUS_COLOURS[Status.CREATED],
    Paid.NOT_YET: STATUS_COLOURS[Status.HELD],
    Paid.NO: STATUS_COLOURS[Status.INVALID],
}


VERDICT_COLOURS: Final[dict[Weight, tuple[str, str]]] = {
    Weight.GREEN: STATUS_COLOURS[Status.CREATED],
    Weight.AMBER: STATUS_COLOURS[Status.HELD],
    Weight.RED: STATUS_COLOURS[Status.INVALID],
}

HEADING: Final[dict[str, object]] = {
    "bold": True,
    "font_color": PAPER,
    "bg_color": INK,
    "text_wrap": True,
    "valign": "vcenter",
    "num_format": TEXT,
    "border": 1,
    "border_color": LINE,
}


@dataclass(frozen=True, slots=True)
class Looks:
    """The formats of one workbook."""

    book: Any
    lengths: dict[int, int] = field(default_factory=dict)
    """By style number, how many characters a date or time takes when it is shown."""
    _moments: dict[str, int] = field(default_factory=dict)

    def of(self, **properties: object) -> Any:
        """A format of XlsxWriter with these properties and the house's font."""
        return self.book.add_format({"font_name": "Calibri", "font_size": 11, "valign": "top", **properties})

    def style(self, **properties: object) -> int:
        """The number of such a format, for cells that are written as XML."""
        number: int = self.of(**properties)._get_xf_index()  # noqa: SLF001  XlsxWriter has no public name for it
        if is_date_format(shown := str(properties.get("num_format", ""))):
            self.lengths[number] = len(shown.replace('"', ""))
        return number

    def moment(self, at: datetime) -> int:
        """The style number of a cell that shows a moment with its offset; one for each offset."""
        shown = moment_format(at)
        if shown not in self._moments:
            self._moments[shown] = self.style(num_format=shown, **RIGHT)
        return self._moments[shown]

    def headings(self) -> tuple[int, int, int]:
        """The style numbers of a heading cell, of one whose text would be a formula, and of a sheet without rows."""
        plain, quoted = self.style(**HEADING, **LEFT), self.style(**HEADING, **LEFT, quote_prefix=True)
        return plain, quoted, self.style(italic=True, font_color=GREY, **LEFT)

    def column(self, column: Column, **extra: object) -> CellStyle:
        """The styles of one of the user's columns, with the number formats that it had in the user's workbook."""
        plain = self._column(column.number_format, **extra)
        return replace(plain, others=tuple(self._column(look, **extra) for look in column.other_formats))

    def _column(self, number_format: str, **extra: object) -> CellStyle:
        own = _usable(number_format)
        dated = is_date_format(own)
        return CellStyle(
            text=self.style(num_format=TEXT, **LEFT, **extra),
            quoted=self.style(num_format=TEXT, **LEFT, quote_prefix=True, **extra),
            number=self.style(num_format="General" if dated or not own else own, **RIGHT, **extra),
            day=self.style(num_format=own if dated else DAY, **RIGHT, **extra),
            moment=self.style(num_format=own if dated else MOMENT, **RIGHT, **extra),
            clock=self.style(num_format=own if dated else CLOCK, **RIGHT, **extra),
            other=self.style(**extra),
        )


def moment_format(at: datetime) -> str:
    """The number format that shows a moment in local time as ISO 8601 with its offset."""
    return f'{MOMENT}"{at.astimezone().isoformat()[-6:]}"'


def _usable(number_format: str) -> str:
    """A number format of the user's, or none when Excel would ask to repair a workbook that has it."""
    return number_format if len(number_format) <= _LONGEST_FORMAT and number_format.isprintable() else ""
