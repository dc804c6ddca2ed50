"""The rows of `Results` and `Errors`: the user's columns between `row` and our own.

`Results` shows account numbers by their end only, unless asked for. `Errors` shows them whole: it is the sheet that a
person corrects and gives back to `run`, and a row given back with a masked account would pay nobody; it holds only the
few rows that need a person, in a file that only its owner can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.model import Column, Report, ReportRow
from pipeline.report.cells import Look, amount_cell, count_cell, text_cell, user_cell
from pipeline.report.looks import FAULTY, MONEY, TEXT, Looks
from pipeline.report.masking import account_columns, mask, mask_in
from pipeline.report.streamed import StreamedSheet
from schemas.faults import Fault, Lang, mend, sentences
from schemas.fields import OWN_COLUMNS, ROW_COLUMN

MEND_COLUMN: Final = "howToMend"
"""The last column of `Errors`. Ours, like OWN_COLUMNS: left out when the sheet is given back to `run`."""


@dataclass(frozen=True, slots=True)
class _Styles:
    plain: int
    quoted: int
    wrapped: int
    wrapped_quoted: int
    link: int
    money: int
    whole: int


def own_styles(looks: Looks) -> _Styles:
    """The styles of our own columns."""
    return _Styles(
        plain=looks.style(num_format=TEXT),
        quoted=looks.style(num_format=TEXT, quote_prefix=True),
        wrapped=looks.style(num_format=TEXT, text_wrap=True),
        wrapped_quoted=looks.style(num_format=TEXT, text_wrap=True, quote_prefix=True),
        link=looks.style(num_format=TEXT, font_color="#0B57D0", underline=1),
        money=looks.style(num_format=MONEY),
        whole=looks.style(num_format="0"),
    )


class RowWriter:
    """Writes rows of a batch into a streamed sheet."""

    def __init__(self, sheet: StreamedSheet, report: Report, looks: Looks, *, lang: Lang, show_accounts: bool) -> None:
        self._sheet = sheet
        self._lang = lang
        self._columns = report.columns
        self._looks = tuple(looks.column(column) for column in report.columns)
        self._hidden = frozenset() if show_accounts else account_columns(report.columns)
        self._own = own_styles(looks)
        sheet.begin(self.headings(), looks.style(**looks.heading), looks.style(**looks.heading, quote_prefix=True))
        self._first_own = len(report.columns) + 1

    def headings(self) -> list[str]:
        """`row`, the user's own headings, then ours."""
        return [ROW_COLUMN, *(column.heading for column in self._columns), *OWN_COLUMNS]

    def add(self, row: ReportRow) -> None:
        """Writes one row below those before it."""
        self._sheet.add_row(self._first(row) + self._users(row) + self._ours(row))

    def _first(self, row: ReportRow) -> str:
        return count_cell(f"A{self._sheet.next_row}", row.row.number, self._own.whole)

    def _users(self, row: ReportRow) -> str:
        number = self._sheet.next_row
        cells, kinds = row.row.cells, row.row.kinds
        letters = self._sheet.letters
        parts = []
        for index, look in enumerate(self._look_of(row)):
            text, kind = (cells[index], kinds[index]) if index < len(cells) else ("", "s")
            if index in self._hidden and text:
                text, kind = mask(text), "s"
            parts.append(user_cell(f"{letters[index + 1]}{number}", text, kind, look))
        return "".join(parts)

    def _look_of(self, row: ReportRow) -> tuple[Look, ...]:
        del row
        return self._looks

    def _sentences(self, faults: tuple[Fault, ...], row: ReportRow) -> str:
        if not faults:
            return ""
        text = sentences(faults, self._lang)
        return mask_in(text, row, self._hidden) if self._hidden else text

    def _ours(self, row: ReportRow) -> str:
        number, own = self._sheet.next_row, self._own
        refs = [f"{letter}{number}" for letter in self._sheet.letters[self._first_own :]]
        parts = [f'<c r="{refs[0]}" s="{own.plain}" t="inlineStr"><is><t>{row.status}</t></is></c>']
        if row.session_id:
            parts.append(text_cell(refs[1], row.session_id, own.plain, own.quoted))
        if row.launch_url:
            linked = self._sheet.add_link(refs[2], row.launch_url)
            parts.append(text_cell(refs[2], row.launch_url, own.link if linked else own.plain, own.quoted))
        if row.errors:
            parts.append(text_cell(refs[3], self._sentences(row.errors, row), *self._prose))
        if row.notices:
            parts.append(text_cell(refs[4], self._sentences(row.notices, row), *self._prose))
        if row.reference_sent:
            parts.append(text_cell(refs[5], row.reference_sent, own.plain, own.quoted))
        if row.amount_sent is not None:
            parts.append(amount_cell(refs[6], row.amount_sent, own.money))
        parts.append(count_cell(refs[7], row.attempts, own.whole))
        if row.created_at:
            parts.append(text_cell(refs[8], row.created_at.isoformat(timespec="seconds"), own.plain, own.quoted))
        return "".join(parts)

    @property
    def _prose(self) -> tuple[int, int]:
        return self._own.plain, self._own.quoted


class ErrorWriter(RowWriter):
    """Writes the rows that need a person, their offending cells coloured, with what to do in the last column."""

    def __init__(self, sheet: StreamedSheet, report: Report, looks: Looks, *, lang: Lang) -> None:
        super().__init__(sheet, report, looks, lang=lang, show_accounts=True)
        self._faulty = tuple(looks.column(column, bg_color=FAULTY) for column in report.columns)

    def headings(self) -> list[str]:
        """Those of `Results`, and `howToMend`."""
        return [*super().headings(), MEND_COLUMN]

    def add(self, row: ReportRow) -> None:
        """Writes one row below those before it."""
        ref = f"{self._sheet.letters[-1]}{self._sheet.next_row}"
        mends = dict.fromkeys(mend(fault, self._lang) for fault in row.errors)
        advice = text_cell(ref, " ".join(filter(None, mends)), *self._prose)
        self._sheet.add_row(self._first(row) + self._users(row) + self._ours(row) + advice)

    def _look_of(self, row: ReportRow) -> tuple[Look, ...]:
        blamed = {fault.field for fault in row.errors}
        return tuple(
            bad if blames(column, blamed) else good
            for column, good, bad in zip(self._columns, self._looks, self._faulty, strict=True)
        )

    @property
    def _prose(self) -> tuple[int, int]:
        return self._own.wrapped, self._own.wrapped_quoted


def blames(column: Column, fields: set[str]) -> bool:
    """Whether a fault about one of `fields` is about this column: by the API's name or by the user's heading."""
    return bool(column.heading and column.heading in fields) or (column.field is not None and column.field in fields)
