"""A daily report becomes lines: read through the sheet room, each line readable or listed as damaged.

Nothing of a report is left out in silence: a line is a payment, a total, a heading that a page repeats, or damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.check.cells import clean_text
from pipeline.model import InputFailure, kind_of
from pipeline.model import Mapping as SheetMapping
from pipeline.report import place
from pipeline.report.reconciliation.moments import Order, moment_of, order_of, proven_order
from pipeline.report.reconciliation.payments import CAD, Line
from pipeline.report.reconciliation.vocabulary import Vocabulary, is_enough, shown_headings
from pipeline.sheet import sha256_of
from pipeline.sheet.formats import Format, recognise
from pipeline.sheet.grid import Book, Grid, Record
from pipeline.sheet.table import listed_numbers
from schemas import money
from schemas.faults import Fault, sentence
from schemas.languages import Lang
from schemas.money import Convention, Reason
from schemas.reports import Meaning, ReportField

_HEADING_DEPTH: Final = 50
"""Rows that are searched for the headings, as for a billing sheet."""
_GUARDED: Final = re.compile(r"'[=+\-@\t\r\n]")
"""How an export keeps a text from being run as a formula; the apostrophe is not part of it."""
_TOTAL: Final = re.compile(
    r"(?:grand |sub[- ]?|sous[- ]?)?(?:totals?|totaux)(?: [^\W\d_][^\W\d]*)*\s*:?", re.IGNORECASE
)
_CANADIAN: Final = frozenset(
    {"", CAD, "CDN", "C$", "$", "CA$", "CAN", "$CAD", "CAD$", "CANADIAN DOLLAR", "$CA", "$ CA"}
)
_MOMENTS: Final = (ReportField.CREATED, ReportField.COMPLETED, ReportField.SETTLED)
_SHOWN: Final = 300  # characters of a damaged line


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be said: a fault of the catalogue (of `file`), or the key of a sentence with what fills it."""

    what: Fault | str
    params: tuple[tuple[str, str], ...] = ()
    file: str = ""

    def say(self, lang: Lang) -> str:
        """The sentence."""
        if isinstance(self.what, Fault):
            told = sentence(self.what, lang)
            return f"{self.file}: {told}" if self.file else told
        from pipeline.texts import say  # noqa: PLC0415 - texts stand above this room's plain types

        shown = {key: _shown(key, text, lang) for key, text in self.params}
        return say(self.what, lang, **shown)


def _shown(key: str, text: str, lang: Lang) -> str:
    """What fills a sentence: amounts in plain dollars stand under a key that ends in `_amount`, as in a `Fault`."""
    return money.format_amount(Decimal(text), lang) if key.endswith("_amount") else text


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line that can't be read as a payment, and why. `text` is the line as far as it can be shown."""

    file: str
    sha256: str
    number: int
    sheet: str
    why: Remark
    text: str = field(repr=False)
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Daily:
    """One daily report. `disagrees` are total lines that differ from the lines above them."""

    file: str
    sha256: str
    lines: tuple[Line, ...]
    damaged: tuple[Damaged, ...]
    columns: Mapping[ReportField, str]
    remarks: tuple[Remark, ...]
    disagrees: tuple[Remark, ...]


def read_report(path: Path, words: Vocabulary) -> Daily:
    """Every line of the report at `path`; of a workbook, those of each visible sheet that is a report.

    Raises InputFailure when the file can't be read, is one of our own workbooks, or holds no report: no column of
    references or sessions, or none of amounts.
    """
    form = recognise(path)
    if place.is_ours(path):
        raise InputFailure("reconcile.is_ours", file=path.name)
    book = _open(path, form, words)
    name, sha256 = path.name, sha256_of(path)
    tables = []
    for sheet in book.names:
        if sheet not in book.hidden:
            grid = book.grid(sheet)
            heading = _heading_of(grid, words)
            if heading is not None:
                tables.append(_TableReader(grid, heading, words, name, sha256, several=len(book.names) > 1))
    if not tables:
        raise _no_columns(book, words, name)
    for table in tables:
        table.read()
    read = {table.sheet for table in tables}
    unread = [sheet for sheet in book.names if sheet and sheet not in read]
    remarks = [Remark(fault, file=name) for fault in book.notices]
    if unread:
        remarks.append(Remark("reconcile.sheets_not_read", (("file", name), ("sheets", ", ".join(unread)))))
    return Daily(
        file=name,
        sha256=sha256,
        lines=tuple(line for table in tables for line in table.lines),
        damaged=tuple(line for table in tables for line in table.damaged),
        columns=tables[0].headings,
        remarks=(*remarks, *(remark for table in tables for remark in table.remarks)),
        disagrees=tuple(remark for table in tables for remark in table.disagrees),
    )


def _open(path: Path, form: Format, words: Vocabulary) -> Book:
    if form is Format.TEXT:
        from pipeline.sheet.delimited import open_text  # noqa: PLC0415 - only the reader that is needed

        return open_text(path, SheetMapping(columns=dict(words.mapped)))
    if form is Format.HTML:
        from pipeline.sheet.webpage import open_page  # noqa: PLC0415 - as above

        return open_page(path)
    from pipeline.sheet.workbook import open_workbook  # noqa: PLC0415 - as above

    return open_workbook(path, form)


def _heading_of(grid: Grid, words: Vocabulary) -> Record | None:
    """The row of the first ones that names the most fields and enough of them, the upper one of equals."""
    best: Record | None = None
    most = 0
    for record in islice(grid.records(), _HEADING_DEPTH):
        fields = words.recognised(record.cells)
        if len(fields) > most and is_enough(fields, words.constants):
            best, most = record, len(fields)
    return best


def _no_columns(book: Book, words: Vocabulary, file: str) -> InputFailure:
    """Which headings stand there instead; never a row that looks like somebody's payment."""
    first = [record for name in book.names for record in islice(book.grid(name).records(), 10)]
    if not first:
        return InputFailure("sheet.no_rows")
    likely = max(first, key=lambda record: (len(words.recognised(record.cells)), sum(map(_is_word, record.cells))))
    found = shown_headings([cell for cell in likely.cells if _is_word(cell)][:20])
    return InputFailure("reconcile.no_columns", file=file, row=likely.number, found=found)


def _is_word(cell: str) -> bool:
    return bool(cell.strip()) and "@" not in cell and not any(char.isdigit() for char in cell)


class _Unreadable(Exception):
    """A line that is no payment; its remark says why."""

    def __init__(self, why: Remark) -> None:
        super().__init__()
        self.why = why


class _TableReader:
    """Reads one table: first what its columns have in common, then line by line."""

    def __init__(  # noqa: PLR0913  where the table is, and what every line of it carries
        self, grid: Grid, heading: Record, words: Vocabulary, file: str, sha256: str, *, several: bool
    ) -> None:
        self._grid = grid
        self._heading = heading
        self._words = words
        self._file = file
        self._sha256 = sha256
        self.sheet = grid.name
        self._label = grid.name if several else ""
        self._at = words.columns(heading.cells, file)
        self._width = max(at for at, cell in enumerate(heading.cells) if cell.strip()) + 1
        self.headings = {column: heading.cells[at].strip() for column, at in self._at.items()}
        self.lines: list[Line] = []
        self.damaged: list[Damaged] = []
        self.remarks: list[Remark] = [Remark(fault, file=file) for fault in grid.notices]
        self.disagrees: list[Remark] = []
        self._unread_dates: list[int] = []

    def read(self) -> None:
        """All lines below the headings."""
        self._survey()
        repeated = []
        for record in self._records():
            if self._is_heading(record):
                repeated.append(record.number)
                continue
            try:
                self._take(record)
            except _Unreadable as unreadable:
                text = " | ".join(cell.strip() for cell in record.cells)[:_SHOWN]
                line = Damaged(self._file, self._sha256, record.number, self._label, unreadable.why, text)
                self.damaged.append(line)
        if repeated:
            fault = Fault("headings-repeated", details=(("rows", listed_numbers(repeated)),))
            self.remarks.append(Remark(fault, file=self._file))
        self._say_what_is_missing()

    def _say_what_is_missing(self) -> None:
        told = (("file", self._file),)
        if ReportField.STATUS not in self._at and ReportField.STATUS not in self._words.constants:
            self.remarks.append(Remark("reconcile.no_status_column", told))
        if self._unread_dates:
            rows = listed_numbers(self._unread_dates)
            self.remarks.append(Remark("reconcile.dates_unread", (*told, ("lines", rows))))

    def _records(self) -> Iterator[Record]:
        return (record for record in self._grid.records() if record.number > self._heading.number)

    def _survey(self) -> None:
        """What only a whole column shows: its decimal mark, and which number of its dates is the day."""
        marks: set[Convention | None] = set()
        orders: dict[ReportField, set[Order]] = {column: set() for column in _MOMENTS if column in self._at}
        amount = self._at.get(ReportField.AMOUNT)
        for record in self._records():
            cells = record.cells
            if amount is not None and amount < len(cells):
                marks.add(money.convention_of(_unguarded(cells[amount])))
            for column, proven in orders.items():
                if (at := self._at[column]) < len(cells) and "-" not in cells[at][:5]:
                    proven.add(proven_order(cells[at]))
        known = [mark for mark in marks if mark is not None]
        self._convention = known[0] if len(known) == 1 else Convention.UNKNOWN
        self._orders = {column: order_of(proven) for column, proven in orders.items()}

    def _is_heading(self, record: Record) -> bool:
        """Whether a row repeats the headings, as exports with page breaks do."""
        first = next(iter(self._at.values()))
        if first >= len(record.cells) or record.cells[first].strip() != self._heading.cells[first].strip():
            return False
        return self._words.recognised(record.cells) == frozenset(self._at)

    # One line

    def _take(self, record: Record) -> None:
        self._must_be_whole(record)
        amount_text, amount_kind = self._cell(record, ReportField.AMOUNT)
        if self._is_total(record):
            self._check_total(record.number, _amount(amount_text, amount_kind, self._convention))
            return
        texts = {column: self._text(record, column) for column in ReportField if column is not ReportField.AMOUNT}
        moments = {column: self._moment(record, column) for column in _MOMENTS}
        meaning = self._meaning(texts[ReportField.STATUS], moments)
        if not amount_text and not meaning.is_paid:
            amount = None
        else:
            amount = _amount(amount_text, amount_kind, self._convention)
        self.lines.append(
            Line(
                file=self._file,
                sha256=self._sha256,
                number=record.number,
                sheet=self._label,
                session_id=texts[ReportField.SESSION_ID],
                reference=texts[ReportField.REFERENCE],
                transaction_id=texts[ReportField.TRANSACTION_ID],
                amount=amount,
                currency=_currency(texts[ReportField.CURRENCY]),
                name=texts[ReportField.NAME],
                email=texts[ReportField.EMAIL],
                account=texts[ReportField.ACCOUNT],
                status=texts[ReportField.STATUS],
                meaning=meaning,
                created=moments[ReportField.CREATED],
                completed=moments[ReportField.COMPLETED],
                settled=moments[ReportField.SETTLED],
            )
        )

    def _must_be_whole(self, record: Record) -> None:
        """A line with a fault of its form, or that was cut off or shifted, is no payment."""
        if record.faults:
            raise _Unreadable(Remark(record.faults[0]))
        if not self._grid.ragged:
            return
        found = len(record.cells)
        if found > self._width and any(cell.strip() for cell in record.cells[self._width :]):
            raise _Unreadable(self._wrong_width("reconcile.too_many_cells", found))
        if found < self._width:
            # Exports may leave out empty cells at the end. A line that ends before its status was cut off, and one that
            # ends with its amount has perhaps only the beginning of it.
            status = self._at.get(ReportField.STATUS, -1)
            if max(status, self._at.get(ReportField.AMOUNT, -1) + 1) >= found:
                raise _Unreadable(self._wrong_width("reconcile.too_few_cells", found))

    def _wrong_width(self, key: str, found: int) -> Remark:
        return Remark(key, (("found", str(found)), ("expected", str(self._width))))

    def _cell(self, record: Record, column: ReportField) -> tuple[str, str]:
        """The text of a cell and its kind; the mapping file's constant where the report has none."""
        at = self._at.get(column)
        if at is None or at >= len(record.cells):
            return self._words.constants.get(column, ""), "s"
        text, kind = record.cells[at], kind_of(record.kinds[at])
        return (_unguarded(text).strip() or self._words.constants.get(column, "")), kind

    def _text(self, record: Record, column: ReportField) -> str:
        text, kind = self._cell(record, column)
        if not text or kind in "nd" or (kind == "s" and text.isalnum() and text.isascii()):
            return text
        cell = clean_text(self.headings.get(column, column.value), text, kind)
        if cell.text is None:
            raise _Unreadable(Remark(cell.said[-1]))
        return cell.text

    def _moment(self, record: Record, column: ReportField) -> str:
        text, kind = self._cell(record, column)
        if not text:
            return ""
        moment = moment_of(text, kind, self._orders.get(column, Order.UNKNOWN))
        if moment is None and (not self._unread_dates or self._unread_dates[-1] != record.number):
            self._unread_dates.append(record.number)
        return moment or ""

    def _meaning(self, status: str, moments: Mapping[ReportField, str]) -> Meaning:
        """What the line says; where it has no word, a day of settlement says that it settled."""
        if not status:
            return Meaning.SETTLED if moments[ReportField.SETTLED] else Meaning.LOOK
        meaning = self._words.meaning_of(status)
        return Meaning.SETTLED if meaning is Meaning.PAID and moments[ReportField.SETTLED] else meaning

    # Totals

    def _is_total(self, record: Record) -> bool:
        """Whether a line is the sum of those above: it begins with such a word, and names no payor and no session."""
        first = next((cell.strip() for cell in record.cells if cell.strip()), "")
        if not _TOTAL.fullmatch(first):
            return False
        named = (self._cell(record, column)[0] for column in (ReportField.SESSION_ID, ReportField.EMAIL))
        return all(text in {"", first} for text in named)

    def _check_total(self, number: int, told: Decimal) -> None:
        """Compare a total line with the lines above it: with all of them, or those that were paid."""
        amounts = [line.amount for line in self.lines if line.amount is not None]
        paid = [line.amount for line in self.lines if line.amount is not None and line.meaning.is_paid]
        sums = (sum(amounts, Decimal(0)), sum(paid, Decimal(0)))
        agrees = told in sums
        where = (("file", self._file), ("line", str(number)))
        facts = (*where, ("told_amount", f"{told:f}"), ("found_amount", f"{sums[0]:f}"))
        (self.remarks if agrees else self.disagrees).append(
            Remark("reconcile.total_agrees" if agrees else "reconcile.total_differs", facts)
        )


def _unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text


def _currency(text: str) -> str:
    """The currency's code; empty for a report that does not say, and for every way to write CAD."""
    code = " ".join(text.split()).upper().rstrip("S") if text else ""
    return "" if code in _CANADIAN or code == CAD else text.strip().upper()


def _amount(text: str, kind: str, convention: Convention) -> Decimal:
    if not text:
        raise _Unreadable(Remark("reconcile.no_amount"))
    if kind in "efdb":
        raise _Unreadable(Remark("reconcile.amount_unreadable", (("text", text[:40]),)))
    value: Decimal | Reason = Reason.UNREADABLE
    if kind == "n":
        try:
            value = Decimal(text)
        except ArithmeticError:
            value = Reason.UNREADABLE
    else:
        value = money.parse(text, convention)
    if isinstance(value, Reason):
        raise _Unreadable(Remark(f"reconcile.{value.value.replace('-', '_')}", (("text", text[:40]),)))
    settled = money.without_noise(value)
    if settled is None:
        raise _Unreadable(Remark("reconcile.amount_decimals", (("text", text[:40]),)))
    return settled


def all_lines(dailies: Sequence[Daily]) -> list[Line]:
    """The lines of all reports together."""
    return [line for daily in dailies for line in daily.lines]
