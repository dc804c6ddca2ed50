"""The sheet `Changes`: what differs from the month before, for a person to look at. Nothing on it is an error."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from pipeline.domain.comparison import Before, Change, Charge, Kind, compare
from pipeline.messages import say
from pipeline.report.cells import cut
from pipeline.report.streaming_worksheet import MAX_ROWS
from pipeline.report.styles import FAINT, HEADING, INK, LINE, MONEY, TEXT, Looks
from schemas.languages import Lang
from schemas.money import format_amount

_HEADINGS: Final = (
    "changes.heading_kind",
    "changes.heading_rows",
    "changes.heading_payor",
    "changes.heading_email",
    "changes.heading_before",
    "changes.heading_now",
    "changes.heading_difference",
    "changes.heading_share",
    "changes.heading_look",
)
_WIDTHS: Final = (18, 10, 28, 34, 14, 14, 14, 11, 66)
_TABLE_AT: Final = 4
"""The row of the headings, from 0: above it stand the title, what is compared, and the counts."""

_LINE_HEIGHT: Final = 15.5  # points

_COLOURS: Final[dict[Kind, tuple[str, str]]] = {
    Kind.SLIP: ("#FBD9D3", "#8A1C0B"),
    Kind.CHANGED: ("#FDF3C4", "#6B5600"),
    Kind.NEW: ("#D5F0DC", "#14532D"),
    Kind.GONE: ("#E5E7EB", "#374151"),
}
_NAMES: Final[dict[Kind, str]] = {
    Kind.SLIP: "changes.kind_slip",
    Kind.CHANGED: "changes.kind_changed",
    Kind.NEW: "changes.kind_new",
    Kind.GONE: "changes.kind_gone",
}
_COUNTS: Final[dict[Kind, str]] = {
    Kind.SLIP: "changes.count_slip",
    Kind.CHANGED: "changes.count_changed",
    Kind.NEW: "changes.count_new",
    Kind.GONE: "changes.count_gone",
}
_SLIPS: Final[dict[Decimal, str]] = {
    Decimal(10): "changes.look_slip_ten",
    Decimal(100): "changes.look_slip_hundred",
    Decimal("0.1"): "changes.look_slip_tenth",
    Decimal("0.01"): "changes.look_slip_hundredth",
}


def write(sheet: Any, looks: Looks, lang: Lang, before: Before, now: Sequence[Charge]) -> None:
    """All of the sheet: the month `now` against the month `before`."""
    _ChangesSheet(sheet, looks, lang, before).write(compare(before.charges, [*now, *before.since], before.over))


class _ChangesSheet:
    """Writes the sheet from the top downwards."""

    def __init__(self, sheet: Any, looks: Looks, lang: Lang, before: Before) -> None:
        self._sheet = sheet
        self._looks = looks
        self._lang = lang
        self._before = before
        line: dict[str, object] = {"border": 1, "border_color": LINE}
        self._text = looks.of(num_format=TEXT, quote_prefix=True, **line)
        self._prose = looks.of(num_format=TEXT, quote_prefix=True, text_wrap=True, align="left", indent=1, **line)
        self._money = looks.of(num_format=MONEY, **line)
        self._signed = looks.of(num_format=f"+{MONEY};-{MONEY};{MONEY}", **line)
        self._share = looks.of(num_format="+0%;-0%;0%", **line)
        self._kinds = {
            kind: looks.of(bold=True, bg_color=fill, font_color=ink, **line) for kind, (fill, ink) in _COLOURS.items()
        }

    def write(self, found: Sequence[Change]) -> None:
        """The title, the counts, and a row for each change."""
        for index, width in enumerate(_WIDTHS):
            self._sheet.set_column(index, index, width)
        self._above(found)
        heading = self._looks.of(**HEADING)
        for index, name in enumerate(_HEADINGS):
            self._sheet.write_string(_TABLE_AT, index, self._say(name), heading)
        # More than Excel opens is cut: the counts above the table are of all.
        shown = found[: MAX_ROWS - _TABLE_AT - 1]
        for number, change in enumerate(shown, _TABLE_AT + 1):
            self._row(number, change)
        if shown:
            self._sheet.autofilter(_TABLE_AT, 0, _TABLE_AT + len(shown), len(_HEADINGS) - 1)
        self._print_setup()

    def _say(self, key: str, **params: object) -> str:
        return say(key, self._lang, **params)

    def _above(self, found: Sequence[Change]) -> None:
        before = self._before
        self._sheet.set_row(0, 30)
        self._sheet.write_string(
            0, 0, self._say("changes.title"), self._looks.of(bold=True, font_size=18, font_color=INK)
        )
        day = before.at.date().isoformat() if before.at else "-"
        over = f"{before.over.normalize():f}"
        told = self._say("changes.compared", batch=cut(before.batch), date=day, over=over)
        plain = self._looks.of(font_color=INK)
        self._sheet.write_string(1, 0, told, plain)
        counts = [
            self._say(_COUNTS[kind], count=count)
            for kind in Kind
            if (count := sum(change.kind is kind for change in found))
        ]
        strong = self._looks.of(bold=True, font_color=INK)
        self._sheet.write_string(2, 0, " · ".join(counts) or self._say("changes.nothing"), strong)

    def _row(self, number: int, change: Change) -> None:
        self._sheet.write_string(number, 0, self._say(_NAMES[change.kind]), self._kinds[change.kind])
        self._sheet.write_string(number, 1, cut(", ".join(map(str, change.rows))), self._text)
        self._sheet.write_string(number, 2, cut(change.name), self._text)
        self._sheet.write_string(number, 3, cut(change.email), self._text)
        figures = (
            (change.before, self._money),
            (change.now, self._money),
            (change.difference, self._signed),
            (change.share, self._share),
        )
        for index, (figure, look) in enumerate(figures, 4):
            if figure is None:
                self._sheet.write_blank(number, index, None, look)
            else:
                self._sheet.write_number(number, index, float(figure), look)
        advice = self._look_at(change)
        self._sheet.write_string(number, 8, advice, self._prose)
        # Not every spreadsheet finds the height of wrapped text by itself.
        if len(advice) > _WIDTHS[8]:
            self._sheet.set_row(number, 2 * _LINE_HEIGHT)

    def _look_at(self, change: Change) -> str:
        """What a person may want to look at, in a sentence."""
        match change.kind:
            case Kind.SLIP:
                assert change.factor is not None
                assert change.before is not None
                return self._say(_SLIPS[change.factor], before=format_amount(change.before, self._lang))
            case Kind.CHANGED:
                share = change.share
                less_or_more = "changes.look_more" if share and share > 0 else "changes.look_less"
                key = "changes.look_open" if share is None else less_or_more
                return self._say(key, batch=self._before.batch)
            case Kind.NEW:
                return self._say("changes.look_new", batch=self._before.batch)
            case Kind.GONE:
                return self._say("changes.look_gone", batch=self._before.batch)

    def _print_setup(self) -> None:
        sheet = self._sheet
        sheet.hide_gridlines(2)
        sheet.freeze_panes(_TABLE_AT + 1, 0)
        sheet.set_landscape()
        sheet.set_paper(1)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(_TABLE_AT)
        sheet.set_footer("&L&A&R&P / &N")
        sheet.set_tab_color(FAINT)
