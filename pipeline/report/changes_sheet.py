"""The sheet `Changes`: what differs from the month before, for a person to look at. Nothing on it is an error."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from pipeline.domain.comparison import Before, Change, ChangeKind, Charge, compare
from pipeline.messages import N_, translate
from pipeline.report.cells import cut
from pipeline.report.streaming_worksheet import MAX_ROWS
from pipeline.report.styles import FAINT, HEADING, INK, LINE, MONEY, TEXT, Looks
from schemas.languages import Lang
from schemas.money import format_amount

_HEADINGS: Final = (
    N_("Change"),
    N_("Row"),
    N_("Payor"),
    N_("E-mail"),
    N_("Before"),
    N_("Now"),
    N_("Difference"),
    N_("Share"),
    N_("What to check"),
)
_WIDTHS: Final = (18, 10, 28, 34, 14, 14, 14, 11, 66)
_TABLE_AT: Final = 4
"""The row of the headings, from 0: above it stand the title, what is compared, and the counts."""

_LINE_HEIGHT: Final = 15.5  # points

_COLOURS: Final[dict[ChangeKind, tuple[str, str]]] = {
    ChangeKind.SLIP: ("#FBD9D3", "#8A1C0B"),
    ChangeKind.CHANGED: ("#FDF3C4", "#6B5600"),
    ChangeKind.NEW: ("#D5F0DC", "#14532D"),
    ChangeKind.GONE: ("#E5E7EB", "#374151"),
}
CHANGE_NAMES: Final[dict[ChangeKind, str]] = {
    ChangeKind.SLIP: N_("likely typing error"),
    ChangeKind.CHANGED: N_("amount"),
    ChangeKind.NEW: N_("new"),
    ChangeKind.GONE: N_("missing"),
}
CHANGE_COUNTS: Final[dict[ChangeKind, str]] = {
    ChangeKind.SLIP: N_("likely typing errors: {count}"),
    ChangeKind.CHANGED: N_("changed amounts: {count}"),
    ChangeKind.NEW: N_("new payors: {count}"),
    ChangeKind.GONE: N_("missing payors: {count}"),
}
_SLIPS: Final[dict[Decimal, str]] = {
    Decimal(10): N_("10 times the previous amount ({before}): is the decimal point in the right place?"),
    Decimal(100): N_("100 times the previous amount ({before}): is the decimal point in the right place?"),
    Decimal("0.1"): N_("A tenth of the previous amount ({before}): is the decimal point in the right place?"),
    Decimal("0.01"): N_("A hundredth of the previous amount ({before}): is the decimal point in the right place?"),
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

    def _say(self, text: str, **params: object) -> str:
        return translate(text, self._lang, **params)

    def _above(self, found: Sequence[Change]) -> None:
        before = self._before
        self._sheet.set_row(0, 30)
        self._sheet.write_string(
            0,
            0,
            self._say(N_("Changes since the previous batch")),
            self._looks.of(bold=True, font_size=18, font_color=INK),
        )
        day = before.at.date().isoformat() if before.at else "-"
        over = f"{before.over.normalize():f}"
        told = self._say(
            N_(
                "Compared with batch {batch}, last run on {date}. Shows amounts that differ by "
                "more than {over}%. These are notices: they hold nothing back."
            ),
            batch=cut(before.batch),
            date=day,
            over=over,
        )
        plain = self._looks.of(font_color=INK)
        self._sheet.write_string(1, 0, told, plain)
        counts = [
            self._say(CHANGE_COUNTS[kind], count=count)
            for kind in ChangeKind
            if (count := sum(change.kind is kind for change in found))
        ]
        strong = self._looks.of(bold=True, font_color=INK)
        self._sheet.write_string(2, 0, " · ".join(counts) or self._say(N_("No differences.")), strong)

    def _row(self, number: int, change: Change) -> None:
        self._sheet.write_string(number, 0, self._say(CHANGE_NAMES[change.kind]), self._kinds[change.kind])
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
            case ChangeKind.SLIP:
                assert change.factor is not None
                assert change.before is not None
                return self._say(_SLIPS[change.factor], before=format_amount(change.before, self._lang))
            case ChangeKind.CHANGED:
                share = change.share
                less_or_more = N_("More than in {batch}.") if share and share > 0 else N_("Less than in {batch}.")
                text = (
                    N_("In one of the two batches the payor chooses the amount, or the amount is unreadable.")
                    if share is None
                    else less_or_more
                )
                return self._say(text, batch=self._before.batch)
            case ChangeKind.NEW:
                return self._say(N_("No request in {batch}."), batch=self._before.batch)
            case ChangeKind.GONE:
                return self._say(N_("Has a request in {batch} but no row in this sheet."), batch=self._before.batch)

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
