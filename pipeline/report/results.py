"""The rows of `Results` and `Errors`: the user's columns between `row` and our own.

`Results` shows account numbers by their end only, unless asked for. `Errors` shows them whole: it is the sheet that a
person corrects and gives back to `run`, and a row given back with a masked account could not be paid; it holds only
the rows that need a person, in a file that only its owner can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.domain.model import Column, Report, ReportRow, SessionState
from pipeline.domain.session_states import paid, paid_amount
from pipeline.messages import say
from pipeline.report.cells import Look, amount_cell, count_cell, text_cell, user_cell
from pipeline.report.masking import AccountColumns, account_columns, mask, mask_in
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import FAULTY, LEFT, LINK, MONEY, RIGHT, TEXT, Looks
from schemas.faults import Fault, mend, sentences
from schemas.fields import FILE_COLUMN, FIX_COLUMN, OWN_COLUMNS, ROW_COLUMN, STATE_COLUMNS, Field
from schemas.languages import Lang

_BROKEN: Final = "too-many-cells"
_DOUBT: Final = "? "


@dataclass(frozen=True, slots=True)
class _Styles:
    """The style numbers of our own columns. `prose` is for sentences."""

    plain: int
    quoted: int
    prose: int
    quoted_prose: int
    link: int
    money: int
    whole: int


class RowWriter:
    """Writes the rows of one batch into a streamed sheet, as `Results` or, `for_mending`, as `Errors`."""

    def __init__(self, report: Report, looks: Looks, lang: Lang, *, for_mending: bool, show_accounts: bool) -> None:
        self._columns = report.columns
        self._lang = lang
        self._for_mending = for_mending
        self._hidden = AccountColumns() if show_accounts or for_mending else account_columns(report.columns)
        self._looks = tuple(looks.column(column) for column in report.columns)
        self._faulty_looks = tuple(looks.column(column, bg_color=FAULTY) for column in report.columns)
        self._own = _own_styles(looks)
        self._first_own = len(report.columns) + 1
        self._followed = report.asked_at is not None and not for_mending
        self._of_roll = report.roll

    def headings(self) -> list[str]:
        """`row`, the user's own headings, then ours; what became of the sessions only once the API was asked."""
        behind: tuple[str, ...] = (FIX_COLUMN,) if self._for_mending else STATE_COLUMNS if self._followed else ()
        behind += (FILE_COLUMN,) if self._of_roll else ()
        return [ROW_COLUMN, *(column.heading for column in self._columns), *OWN_COLUMNS, *behind]

    def add(self, sheet: StreamedSheet, row: ReportRow) -> None:
        """Writes one row below those that are there."""
        number = str(sheet.next_row)
        errors, notices = self._sentences(row.errors, row), self._sentences(row.notices, row)
        advice = self._advice(row) if self._for_mending else ""
        cells = count_cell(f"A{number}", row.row.number, self._own.whole)
        cells += self._users(sheet.letters, number, row) + self._ours(sheet, number, row, (errors, notices))
        if advice:
            cells += self._prose(f"{sheet.letters[self._first_own + len(OWN_COLUMNS)]}{number}", advice)
        if self._of_roll:
            cells += text_cell(f"{sheet.letters[-1]}{number}", row.file, self._own.plain, self._own.quoted)
        sheet.add_row(cells, longest=max(len(errors), len(notices), len(advice)))

    def _advice(self, row: ReportRow) -> str:
        """What to do about each error of a row, each said once."""
        mends = dict.fromkeys(mend(fault, self._lang) for fault in row.errors)
        return " ".join(filter(None, mends))

    def _users(self, letters: tuple[str, ...], number: str, row: ReportRow) -> str:
        looks, texts, kinds = self._looks, row.row.cells, row.row.kinds
        if self._for_mending:
            looks = self._blamed_looks(row)
            if broken := _surplus(row):
                texts, kinds = self._with_surplus(texts, broken), "s" * len(texts)
        if masked := self._hidden.hidden_in(row.row.cells):
            texts = tuple([mask(text) if index in masked else text for index, text in enumerate(texts)])
            kinds = "".join(["s" if index in masked else kind for index, kind in enumerate(kinds)])
        columns = zip(letters[1:], texts, kinds, looks, strict=False)
        return "".join([user_cell(letter + number, text, kind, look) for letter, text, kind, look in columns])

    def _blamed_looks(self, row: ReportRow) -> tuple[Look, ...]:
        """The style of each cell: coloured where a fault is about it."""
        blamed = {fault.field for fault in row.errors if fault.field}
        everything = bool(_surplus(row))
        choices = zip(self._columns, self._looks, self._faulty_looks, strict=True)
        return tuple(faulty if everything or blames(column, blamed) else plain for column, plain, faulty in choices)

    def _with_surplus(self, cells: tuple[str, ...], surplus: str) -> tuple[str, ...]:
        """The cells of a row that had more cells than there are headings.

        Its cells may stand under the wrong headings, and this sheet no longer shows that: given back as it is, the row
        would look right. So what is too much stands in its last cell, and its amount is not one until somebody looked.
        """
        doubted = [
            _DOUBT + text if column.field == Field.AMOUNT and text else text
            for column, text in zip(self._columns, cells, strict=False)
        ]
        doubted[-1] = f"{doubted[-1]} | {surplus}"
        return tuple(doubted)

    def _ours(self, sheet: StreamedSheet, number: str, row: ReportRow, prose: tuple[str, str]) -> str:
        own = self._own
        refs = [letter + number for letter in sheet.letters[self._first_own :]]
        parts = [text_cell(refs[0], row.status.value, own.plain, own.quoted)]
        if row.session_id:
            parts.append(text_cell(refs[1], row.session_id, own.plain, own.quoted))
        if row.launch_url:
            linked = sheet.add_link(refs[2], row.launch_url)
            parts.append(text_cell(refs[2], row.launch_url, own.link if linked else own.plain, own.quoted))
        parts += [self._prose(ref, text) for ref, text in zip(refs[3:5], prose, strict=True) if text]
        if row.reference_sent:
            parts.append(text_cell(refs[5], row.reference_sent, own.plain, own.quoted))
        if row.amount_sent is not None:
            parts.append(amount_cell(refs[6], row.amount_sent, own.money))
        parts.append(count_cell(refs[7], row.attempts, own.whole))
        if row.created_at:
            parts.append(text_cell(refs[8], row.created_at.isoformat(timespec="seconds"), own.plain, own.quoted))
        if self._followed and row.session_id:
            parts.append(self._state(refs[len(OWN_COLUMNS) :], row))
        return "".join(parts)

    def _state(self, refs: list[str], row: ReportRow) -> str:
        """What became of a row's session (`STATE_COLUMNS`)."""
        own, state = self._own, row.state
        verdict = text_cell(refs[2], paid(state).value, own.plain, own.quoted)
        if state is None:
            return verdict
        session = text_cell(refs[0], session_word(state, self._lang), own.plain, own.quoted)
        transactions = text_cell(refs[1], ", ".join(state.transactions), own.plain, own.quoted)
        amount = paid_amount(state, row.amount_sent)
        dollars = amount_cell(refs[3], amount, own.money) if amount is not None else ""
        since = text_cell(refs[4], state.since.isoformat(timespec="seconds"), own.plain, own.quoted)
        return session + transactions + verdict + dollars + since

    def _sentences(self, faults: tuple[Fault, ...], row: ReportRow) -> str:
        if not faults:
            return ""
        text = sentences(faults, self._lang)
        return mask_in(text, row, self._hidden) if self._hidden else text

    def _prose(self, ref: str, text: str) -> str:
        return text_cell(ref, text, self._own.prose, self._own.quoted_prose)


def session_word(state: SessionState, lang: Lang) -> str:
    """The API's word for a session as it is, or that the API does not know the session."""
    return state.session if state.known else say("status.not_known", lang)


def blames(column: Column, fields: set[str]) -> bool:
    """Whether a fault about one of `fields` is about this column: by the API's name or by the user's heading."""
    return column.heading in fields or (column.field or "") in fields


def _surplus(row: ReportRow) -> str:
    """The cells beyond the last heading, for a row that had too many; else empty."""
    return next((fault.value or "…" for fault in row.errors if fault.code == _BROKEN), "")


def _own_styles(looks: Looks) -> _Styles:
    return _Styles(
        plain=looks.style(num_format=TEXT, **LEFT),
        quoted=looks.style(num_format=TEXT, **LEFT, quote_prefix=True),
        prose=looks.style(num_format=TEXT, **LEFT, text_wrap=True),
        quoted_prose=looks.style(num_format=TEXT, **LEFT, text_wrap=True, quote_prefix=True),
        link=looks.style(num_format=TEXT, **LEFT, **LINK),
        money=looks.style(num_format=MONEY, **RIGHT),
        whole=looks.style(num_format="0", **RIGHT),
    )
