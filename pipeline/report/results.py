"""The rows of `Results` and `Errors`: the user's columns between our own. `Errors` begins with what is wrong.

`Results` shows account numbers by their end only, unless asked for. `Errors` shows them whole: it is the sheet that a
person corrects and gives back to `run`, and a row given back with a masked account could not be paid; it holds only
the rows that need a person, in a file that only its owner can read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from xlsxwriter.utility import xl_col_to_name

from pipeline.domain.model import Column, Report, ReportRow, SessionState
from pipeline.domain.session_states import paid, paid_amount
from pipeline.messages import translate
from pipeline.report.cells import CellStyle, amount_cell, count_cell, stored, text_cell, user_cell
from pipeline.report.formatting import column_names
from pipeline.report.masking import AccountColumns, account_columns, mask, mask_in
from pipeline.report.streaming_worksheet import StreamedSheet
from pipeline.report.styles import ADDRESS, FAULTY, LEFT, LINK, MONEY, RIGHT, TEXT, Looks
from pipeline.report.widths import WIDEST
from schemas.faults import Fault, how_to_fix, sentences
from schemas.fields import (
    BEFORE_IN_ERRORS,
    BEHIND_IN_ERRORS,
    FILE_COLUMN,
    FIX_COLUMN,
    OWN_COLUMNS,
    ROW_COLUMN,
    STATE_COLUMNS,
    Field,
)
from schemas.languages import Lang
from schemas.workbook_names import heading, word

NOTES_AUTHOR: Final = "flinks-import"
NOTE_WIDTH: Final = 320  # pixels
_NOTE_LINE: Final = 46  # characters
_NOTE_LINE_HEIGHT: Final = 18  # pixels
_BROKEN: Final = "too-many-cells"
_DOUBT: Final = "? "
_ON_PAPER: Final = frozenset({Field.REFERENCE_ID, Field.FIRST_NAME, Field.LAST_NAME, Field.AMOUNT})
"""The user's columns that a page shows in any case."""


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
    """Writes the rows of one batch into a streamed sheet, as `Results` or, `for_fixing`, as `Errors`."""

    def __init__(self, report: Report, looks: Looks, lang: Lang, *, for_fixing: bool, show_accounts: bool) -> None:
        self._columns = report.columns
        self._lang = lang
        self._names = column_names(report.columns, lang, letters=False)
        self._for_fixing = for_fixing
        self._hidden = AccountColumns() if show_accounts or for_fixing else account_columns(report.columns)
        self._looks = tuple(looks.column(column) for column in report.columns)
        self._faulty_looks = tuple(looks.column(column, bg_color=FAULTY) for column in report.columns)
        self._own = _own_styles(looks)
        self.followed = report.asked_at is not None and not for_fixing
        of_roll = (FILE_COLUMN,) if report.roll else ()
        self._before: tuple[str, ...]
        if for_fixing:
            self._before, self._behind = BEFORE_IN_ERRORS, (*BEHIND_IN_ERRORS[:-1], *of_roll)
        else:
            self._before, self._behind = (ROW_COLUMN,), (*OWN_COLUMNS, *(STATE_COLUMNS * self.followed), *of_roll)
        self._letters = {name: xl_col_to_name(at) for name, at in self._own_places()}
        self._said = set[str]()

    def headings(self) -> list[str]:
        """Our own and the user's; what became of the sessions only once the API was asked."""
        before, behind = ([heading(name, self._lang) for name in names] for names in (self._before, self._behind))
        return [*before, *(column.heading for column in self._columns), *behind]

    def place(self, name: str) -> int:
        """The index of one of our own columns."""
        return dict(self._own_places())[name]

    def print_widths(self) -> dict[int, float]:
        """How narrow a column may become on a page: sentences not at all, what nobody looks for on paper the most."""
        least = {"errors": WIDEST, FIX_COLUMN: WIDEST, "sessionId": 11, "launchUrl": 11, None: 11, Field.EMAIL: 24}
        own = {at: least[name] for name, at in self._own_places() if name in least}
        users = enumerate((column.field for column in self._columns), len(self._before))
        return own | {at: least[field] for at, field in users if field in least}

    def needed_on_paper(self) -> list[int]:
        """The indexes of the columns that a page shows in any case (interface: "The output workbook")."""
        ours = {ROW_COLUMN, "errors", FIX_COLUMN, "status", *(("paid", "paidAmount") if self.followed else ())}
        users = enumerate(self._columns, len(self._before))
        return sorted(
            [at for name, at in self._own_places() if name in ours]
            + [at for at, column in users if column.field in _ON_PAPER or column.has_whole_names]
        )

    def silent(self) -> list[int]:
        """The indexes of our own columns behind the user's that say nothing of any row, `status` aside."""
        return [self.place(name) for name in self._behind[1:] if name not in self._said]

    def add(self, sheet: StreamedSheet, row: ReportRow) -> None:
        """Writes one row below those that are there."""
        number = str(sheet.next_row)
        prose = {"errors": self._sentences(row.errors, row), "notices": self._sentences(row.notices, row)}
        if self._for_fixing:
            prose[FIX_COLUMN] = advice_on(row.errors, self._lang)
        ours = self._ours(sheet, number, row, prose)
        self._said.update(ours)
        before, behind = (
            "".join([ours[name] for name in names if name in ours]) for names in (self._before, self._behind)
        )
        users = self._users(sheet, number, row)
        sheet.add_row(before + users + behind, longest=max(map(len, prose.values())))

    def _own_places(self) -> list[tuple[str, int]]:
        first_behind = len(self._before) + len(self._columns)
        return [*zip(self._before, count()), *zip(self._behind, count(first_behind))]

    def _users(self, sheet: StreamedSheet, number: str, row: ReportRow) -> str:
        looks, texts, kinds = self._looks, row.row.cells, row.row.kinds
        if self._for_fixing:
            looks = self._blamed_looks(row)
            self._note(sheet, row)
            if broken := _surplus(row):
                texts, kinds = self._with_surplus(texts, broken), "s" * len(texts)
        if masked := self._hidden.hidden_in(row.row.cells):
            texts = tuple([mask(text) if index in masked else text for index, text in enumerate(texts)])
            kinds = "".join(["s" if index in masked else kind for index, kind in enumerate(kinds)])
        columns = zip(sheet.letters[len(self._before) :], texts, kinds, looks, strict=False)
        return "".join([user_cell(letter + number, text, kind, look) for letter, text, kind, look in columns])

    def _blamed_looks(self, row: ReportRow) -> tuple[CellStyle, ...]:
        """The style of each cell: coloured where a fault is about it."""
        blamed = {fault.field for fault in row.errors if fault.field}
        everything = bool(_surplus(row))
        choices = zip(self._columns, self._looks, self._faulty_looks, strict=True)
        return tuple(faulty if everything or blames(column, blamed) else plain for column, plain, faulty in choices)

    def _note(self, sheet: StreamedSheet, row: ReportRow) -> None:
        """Says on each cell that is coloured for a fault what that is."""
        for at, column in enumerate(self._columns, len(self._before)):
            faults = [fault for fault in row.errors if fault.field and blames(column, {fault.field})]
            if faults:
                text = note_on(faults, self._lang, self._names)
                sheet.add_note(at, stored(text), note_look(text))

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

    def _ours(self, sheet: StreamedSheet, number: str, row: ReportRow, prose: dict[str, str]) -> dict[str, str]:
        """Our own cells that say something, by the names of their columns."""
        own, letters, plain, quoted = self._own, self._letters, self._own.plain, self._own.quoted
        cells = {
            ROW_COLUMN: count_cell(letters[ROW_COLUMN] + number, row.row.number, own.whole),
            "status": text_cell(letters["status"] + number, word(row.status, self._lang), plain, quoted),
        }
        if row.session_id:
            cells["sessionId"] = text_cell(letters["sessionId"] + number, row.session_id, plain, quoted)
        if row.launch_url:
            ref = letters["launchUrl"] + number
            linked = sheet.add_link(ref, row.launch_url)
            cells["launchUrl"] = text_cell(ref, row.launch_url, own.link if linked else plain, quoted)
        for name, text in prose.items():
            if text:
                cells[name] = text_cell(letters[name] + number, text, own.prose, own.quoted_prose)
        if row.reference_sent:
            cells["referenceSent"] = text_cell(letters["referenceSent"] + number, row.reference_sent, plain, quoted)
        if row.amount_sent is not None:
            cells["amountSent"] = amount_cell(letters["amountSent"] + number, row.amount_sent, own.money)
        if row.attempts or not self._for_fixing:
            cells["attempts"] = count_cell(letters["attempts"] + number, row.attempts, own.whole)
        if row.created_at:
            at = row.created_at.isoformat(timespec="seconds")
            cells["createdAt"] = text_cell(letters["createdAt"] + number, at, plain, quoted)
        if row.file and FILE_COLUMN in letters:
            cells[FILE_COLUMN] = text_cell(letters[FILE_COLUMN] + number, row.file, plain, quoted)
        return cells | self._state(number, row) if self.followed and row.session_id else cells

    def _state(self, number: str, row: ReportRow) -> dict[str, str]:
        """What became of a row's session (`STATE_COLUMNS`)."""
        own, state = self._own, row.state
        refs = {name: self._letters[name] + number for name in STATE_COLUMNS}
        texts = {"paid": word(paid(state), self._lang)}
        if state is not None:
            texts |= {
                "sessionStatus": session_word(state, self._lang),
                "transactionStatus": ", ".join(state.transactions),
            }
        cells = {name: text_cell(refs[name], text, own.plain, own.quoted) for name, text in texts.items() if text}
        if state is not None:
            at = state.since.isoformat(timespec="seconds")
            cells["statusAt"] = text_cell(refs["statusAt"], at, own.plain, own.quoted)
            if (amount := paid_amount(state, row.amount_sent)) is not None:
                cells["paidAmount"] = amount_cell(refs["paidAmount"], amount, own.money)
        return cells

    def _sentences(self, faults: tuple[Fault, ...], row: ReportRow) -> str:
        if not faults:
            return ""
        text = sentences(faults, self._lang, self._names)
        return mask_in(text, row, self._hidden) if self._hidden else text


def advice_on(faults: Iterable[Fault], lang: Lang) -> str:
    """What to do about each fault, each advice once."""
    return " ".join(filter(None, dict.fromkeys(how_to_fix(fault, lang) for fault in faults)))


def note_on(faults: Sequence[Fault], lang: Lang, columns: Mapping[str, str]) -> str:
    """What the note on a coloured cell says: what is wrong, and what to do."""
    lines = [translate("Error: {what}", lang, what=sentences(faults, lang, columns))]
    if how := advice_on(faults, lang):
        lines.append(translate("How to fix it: {how}", lang, how=how))
    return "\n".join(lines)


def note_look(text: str) -> dict[str, object]:
    """How a note looks that shows all of its text, in XlsxWriter's words."""
    return {"author": NOTES_AUTHOR, "width": NOTE_WIDTH, "height": note_height(text), "font_size": 9}


def note_height(text: str) -> int:
    """How many pixels high a note is that shows all of its text."""
    return _NOTE_LINE_HEIGHT * (1 + sum(1 + len(line) // _NOTE_LINE for line in text.splitlines()))


def session_word(state: SessionState, lang: Lang) -> str:
    """The API's word for a session as it is, or that the API does not know the session."""
    return state.session if state.known else translate("unknown to the API", lang)


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
        link=looks.style(**ADDRESS, **LINK),
        money=looks.style(num_format=MONEY, **RIGHT),
        whole=looks.style(num_format="0", **RIGHT),
    )
