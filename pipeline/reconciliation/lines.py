"""The lines of one table of a report: payments, totals, what is left out and said, and what is damaged."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Final

from pipeline.domain.model import kind_of
from pipeline.messages import N_
from pipeline.reader.grid import Grid, Record
from pipeline.reader.headings import toml_text
from pipeline.reader.table import listed_numbers
from pipeline.reconciliation.amounts import amount_of, convention_of, currency_of, unguarded
from pipeline.reconciliation.dates import DateOrder, has_zone, moment_of, order_of
from pipeline.reconciliation.payments import ReportLine
from pipeline.reconciliation.remarks import Damaged, Remark, Unreadable
from pipeline.reconciliation.totals import Sums, Total, begins_total, describes_total
from pipeline.reconciliation.vocabulary import (
    Vocabulary,
    is_balance,
    is_enough,
    is_statement,
    is_underway,
    kind_of_line,
    names_session,
)
from pipeline.report.formatting import zone
from pipeline.validation.text import clean_text
from schemas.faults import Fault
from schemas.money import Convention
from schemas.reports import LineKind, Meaning, ReportField

_MOMENTS: Final = (ReportField.CREATED, ReportField.COMPLETED, ReportField.SETTLED)
_MONEY: Final = (ReportField.AMOUNT, ReportField.CREDIT, ReportField.DEBIT)
_TEXTS: Final = tuple(
    column for column in ReportField if column not in {*_MONEY, *_MOMENTS, ReportField.BALANCE, ReportField.MEMO}
)
_NAMING: Final = (
    ReportField.SESSION_ID,
    ReportField.REFERENCE,
    ReportField.TRANSACTION_ID,
    ReportField.NAME,
    ReportField.EMAIL,
    ReportField.STATUS,
)
"""What a payment has and a total, a balance or a group's name has not."""

_SHOWN: Final = 300  # characters of a damaged line
_TIME_OF_DAY: Final = re.compile(r"[T ,]+[0-9]{1,2} ?[:h]")
_MINUS: Final = re.compile(r"[-(\u2212]\s*[$0-9]|[0-9]\s*-$")
_WORD: Final = re.compile(r"[^\W\d_]{4}")
_DELIMITERS: Final = ",;\t|"

_Row = tuple[ReportLine, LineKind | None] | Total | None
"""A payment with what its type says, a total, or the place where a group begins."""


_WENT_BACK: Final = re.compile(r"refund|return|revers|chargeback|rembours|retour|renvers", re.IGNORECASE)
"""In the heading of a column that is not read: its cells tell of money that is not there any more."""


class TableReader:
    """Reads one table: first what its columns have in common, then line by line.

    `heading` is its row of headings, of number 0 where the mapping file gives them. With `exact`, a line with another
    number of cells than the headings is damaged: nothing shows which of its cells is missing.
    """

    def __init__(  # noqa: PLR0913  where the table is, and what every line of it carries
        self, grid: Grid, heading: Record, words: Vocabulary, file: str, sha256: str, *, label: str, exact: bool
    ) -> None:
        self._grid = grid
        self._heading = heading
        self._words = words
        self._file = file
        self._sha256 = sha256
        self.sheet = grid.name
        self._label = label
        self._exact = exact
        self._at = words.columns(heading.cells, file)
        self._memos = words.memos(heading.cells)
        known = {*self._at.values(), *self._memos}
        self._unread = {at: cell for at, cell in words.others(heading.cells).items() if at not in known}
        self._filled: set[int] = set()
        self._width = max(at for at, cell in enumerate(heading.cells) if cell.strip()) + 1
        self._statement = is_statement(words.recognised(heading.cells))
        self.headings = {column: heading.cells[at].strip() for column, at in self._at.items()}
        status = self.headings.get(ReportField.STATUS, "")
        meant = words.field_of(status)
        self._plain = meant is not None and meant[1] != 0
        """Whether the heading of the statuses does not say whose they are: the surest list does."""
        self._of_session = names_session(status) or (self._plain and ReportField.SESSION_ID in self._at)
        self._nothing = dict.fromkeys(_TEXTS, "")
        self._texts = [column for column in _TEXTS if column in self._at or column in words.constants]
        self._rows: list[_Row] = []
        self.damaged: list[Damaged] = []
        self.remarks: list[Remark] = [Remark(fault, file=file) for fault in grid.notices]
        self.disagrees: list[Remark] = []
        self.unknown: Counter[str] = Counter()
        self._aside: list[int] = []
        self._unread_dates: list[int] = []
        self._completed: Counter[str] = Counter()
        self._spellings: dict[str, str] = {}
        self._turned = False
        self._moved = 0
        self._zoned = False

    def read(self) -> None:
        """All lines below the headings."""
        self._survey()
        repeated = []
        for record in self._records():
            if self._is_heading(record):
                repeated.append(record.number)
                continue
            try:
                self._rows.append(self._row(record))
            except Unreadable as unreadable:
                if not self._moved and self._has_headings(record):
                    self._moved = record.number
                why = self._headings_moved() if self._moved else unreadable.why
                text = " | ".join(cell.strip() for cell in record.cells)[:_SHOWN]
                line = Damaged(self._file, self._sha256, record.number, self._label, why, text, *self._left_of(record))
                self.damaged.append(line)
        self._take_deposits_apart()
        self._check_totals()
        if repeated:
            fault = Fault("headings-repeated", details=(("rows", listed_numbers(repeated)),))
            self.remarks.append(Remark(fault, file=self._file))
        self._say_what_is_missing()

    @property
    def lines(self) -> list[ReportLine]:
        """The payments, in the order of the report."""
        return [row[0] for row in self._rows if isinstance(row, tuple)]

    def _say_what_is_missing(self) -> None:
        if not self._statement and ReportField.STATUS not in {*self._at, *self._words.constants}:
            self._say(
                N_(
                    "{file} has no status column: only lines with a settlement date count as paid. "
                    "If all its payments are settled, add to a mapping file: [constants] status = "
                    '"Settled".'
                )
            )
        if self._filled:
            self._say(
                N_("{file}: columns not read: {columns}."),
                columns=", ".join(f'"{self._unread[at]}"' for at in sorted(self._filled)),
            )
        if self._aside:
            self._say(
                N_("{file}: balances, group names and notes left out (lines {lines})."),
                lines=listed_numbers(self._aside),
            )
        if self._unread_dates:
            self._say(
                N_(
                    "{file}: unreadable or ambiguous dates left out (lines {lines}). Set their order "
                    'in a mapping file: dates = "day-first", month-first or year-first.'
                ),
                lines=listed_numbers(self._unread_dates),
            )
        if self._zoned:
            self.remarks.append(
                Remark(
                    N_(
                        "Times with a time zone are shown in local time, {zone}; the environment "
                        "variable TZ sets another. Settlement dates are the bank's."
                    ),
                    (("zone", zone()),),
                )
            )
        for word, count in self._completed.items():
            self._say(
                N_(
                    '{file}: "{word}" (lines: {count}) describes a session, and a completed session '
                    "is not proof of payment. Check the status of the transaction. If it means paid, "
                    "add under [statuses] in a mapping file: {toml}."
                ),
                word=word,
                count=str(count),
                toml=f'{toml_text(word)} = "paid"',
            )
        for word, count in self.unknown.items():
            self._say(
                N_(
                    '{file}: the program does not know the status "{word}" (lines: {count}), and '
                    "concludes nothing from it. Add its meaning under [statuses] in a mapping file: "
                    "{toml}, or settled, open, ended, returned."
                ),
                word=word,
                count=str(count),
                toml=f'{toml_text(word)} = "paid"',
            )

    def _say(self, text: str, **params: str) -> None:
        self.remarks.append(Remark(text, (("file", self._file), *params.items())))

    # The table as a whole

    def _records(self) -> Iterator[Record]:
        for record in self._grid.records():
            if record.number > self._heading.number:
                yield self._unwrapped(record) if len(record.cells) == 1 else record

    def _unwrapped(self, record: Record) -> Record:
        """A line that was put in quotes as a whole, as National Bank's exports do: its cells."""
        text = record.cells[0]
        for mark in _DELIMITERS:
            if '"' in text and text.count(mark) >= self._width - 1 > 0:
                cells = next(csv.reader([text], delimiter=mark))
                return Record(record.number, cells, "s" * len(cells), record.faults)
        return record

    def _survey(self) -> None:
        """What only a whole column shows: its decimal mark, its signs, the order of its dates, whose its words are."""
        marks: set[Convention | None] = set()
        debits: set[bool] = set()
        days: dict[ReportField, set[str]] = {column: set() for column in _MOMENTS if column in self._at}
        for record in self._records():
            for column in (*_MONEY, ReportField.BALANCE):
                if text := self._raw(record, column):
                    marks.add(convention_of(unguarded(text)))
                    if column is ReportField.DEBIT and any(digit in text for digit in "123456789"):
                        debits.add(_MINUS.search(text) is not None)
            for column, texts in days.items():
                if text := self._raw(record, column):
                    texts.add(_TIME_OF_DAY.split(text, maxsplit=1)[0])
            if self._plain and not self._of_session and is_underway(self._raw(record, ReportField.STATUS)):
                self._of_session = True
        known = [mark for mark in marks if mark is not None]
        self._convention = known[0] if len(known) == 1 else Convention.UNKNOWN
        self._debits_signed = debits == {True}
        self._orders = dict.fromkeys(days, self._words.dates)
        if self._words.dates is DateOrder.UNKNOWN:
            every = set[str]().union(*days.values())
            self._orders = {column: order_of(texts, every) for column, texts in days.items()}

    def _is_heading(self, record: Record) -> bool:
        """Whether a row repeats the headings, as exports with page breaks do: each in its own column."""
        cells, headings = record.cells, self._heading.cells
        return all(at < len(cells) and cells[at].strip() == headings[at].strip() for at in self._at.values())

    def _has_headings(self, record: Record) -> bool:
        """Whether a line that is no payment is a row of other headings: words alone, and enough of them."""
        has_figures = any(char.isdigit() for cell in record.cells for char in cell)
        return not has_figures and is_enough(self._words.recognised(record.cells), {})

    # One line

    def _row(self, record: Record) -> _Row:
        if self._moved:
            raise Unreadable(self._headings_moved())
        total = None if record.faults else self._total(record)
        if total is not None and total.told:
            return total
        if total is not None or (not record.faults and self._is_aside(record)):
            self._aside.append(record.number)
            return None
        self._must_be_whole(record)
        return self._line(record), self._kind(record)

    def _headings_moved(self) -> Remark:
        return Remark(
            N_(
                "row {row} has headings in another order, or of another table. The program reads "
                "nothing below it. Save that part in a separate file"
            ),
            (("row", str(self._moved)),),
        )

    def _line(self, record: Record) -> ReportLine:
        self._look_at_others(record)
        texts = self._nothing | {column: self._text(record, column) for column in self._texts}
        moments = {column: self._moment(record, column) for column in _MOMENTS}
        if self._statement and not moments[ReportField.SETTLED]:
            moments[ReportField.SETTLED], moments[ReportField.COMPLETED] = moments[ReportField.COMPLETED], ""
        meaning = self._meaning(texts[ReportField.STATUS], moments[ReportField.SETTLED])
        if self._is_refund(texts[ReportField.TYPE]) and (meaning.is_paid or not texts[ReportField.STATUS]):
            meaning = Meaning.RETURNED
        has_money = any(self._cell(record, column)[0] for column in _MONEY)
        moved = meaning.is_paid or meaning is Meaning.RETURNED
        amount = self._money(record) if has_money or moved else None
        self._count_unknown(texts[ReportField.STATUS])
        return ReportLine(
            file=self._file,
            sha256=self._sha256,
            number=record.number,
            sheet=self._label,
            session_id=texts[ReportField.SESSION_ID],
            reference=texts[ReportField.REFERENCE],
            transaction_id=texts[ReportField.TRANSACTION_ID],
            memo=self._memo(record),
            amount=amount,
            currency=currency_of(texts[ReportField.CURRENCY]),
            name=texts[ReportField.NAME],
            email=texts[ReportField.EMAIL],
            account=texts[ReportField.ACCOUNT],
            status=texts[ReportField.STATUS],
            meaning=meaning,
            created=moments[ReportField.CREATED],
            completed=moments[ReportField.COMPLETED],
            settled=moments[ReportField.SETTLED],
            statement=self._statement,
        )

    def _look_at_others(self, record: Record) -> None:
        """Which columns that are not read hold something; one that tells of money that went back damages the line."""
        for at, heading in self._unread.items():
            text = record.cells[at].strip() if at < len(record.cells) else ""
            if text.strip("0.,-$ "):
                self._filled.add(at)
                if _WENT_BACK.search(heading):
                    raise Unreadable(
                        Remark(
                            N_('the column "{heading}" shows returned money, and this program does not read it'),
                            (("heading", heading),),
                        )
                    )

    def _left_of(self, record: Record) -> tuple[Decimal | None, Meaning]:
        """What a damaged line still says for certain: its amount and its status, if neither is cut off or shifted."""
        found = len(record.cells)
        amount, meaning = None, Meaning.LOOK
        shifted = self._exact if found < self._width else any(map(str.strip, record.cells[self._width :]))
        if self._moved or (shifted and self._grid.ragged):
            return amount, meaning
        last = found - 1 if self._grid.ragged and found < self._width else found
        if all(self._at.get(column, -1) < last for column in _MONEY):
            with suppress(Unreadable):
                amount = self._money(record)
        with suppress(Unreadable):
            if currency_of(self._text(record, ReportField.CURRENCY)):
                amount = None
        with suppress(Unreadable):
            if self._at.get(ReportField.STATUS, -1) < last:
                status = self._text(record, ReportField.STATUS)
                meaning = self._meaning(status, self._moment(record, ReportField.SETTLED))
        return amount, meaning

    def _must_be_whole(self, record: Record) -> None:
        """A line with a fault of its form, or that was cut off or shifted, is no payment."""
        if record.faults:
            raise Unreadable(Remark(record.faults[0]))
        if not self._grid.ragged:
            return
        found = len(record.cells)
        if found > self._width and any(cell.strip() for cell in record.cells[self._width :]):
            raise Unreadable(
                self._wrong_width(
                    N_(
                        "the line has {found} cells for {expected} headings: its values may be under the wrong headings"
                    ),
                    found,
                )
            )
        if found < self._width:
            # Exports may leave out empty cells at the end. A line that ends before its status was cut off, and one that
            # ends with its amount has perhaps only the beginning of it.
            needed = [self._at.get(ReportField.STATUS, -1), *(self._at.get(column, -1) + 1 for column in _MONEY)]
            if self._exact or max(needed) >= found:
                raise Unreadable(
                    self._wrong_width(
                        N_(
                            "the line has {found} cells for {expected} headings: without separators, nothing "
                            "shows which cell is empty"
                        )
                        if self._exact
                        else N_("the line has {found} cells for {expected} headings: its end is missing"),
                        found,
                    )
                )

    def _wrong_width(self, text: str, found: int) -> Remark:
        return Remark(text, (("found", str(found)), ("expected", str(self._width))))

    # Cells

    def _raw(self, record: Record, column: ReportField) -> str:
        at = self._at.get(column, -1)
        return record.cells[at].strip() if 0 <= at < len(record.cells) else ""

    def _cell(self, record: Record, column: ReportField) -> tuple[str, str]:
        """The text of a cell and its kind; the mapping file's constant where the report has none."""
        at = self._at.get(column)
        if at is None or at >= len(record.cells):
            return self._words.constants.get(column, ""), "s"
        text, kind = record.cells[at], kind_of(record.kinds[at])
        return (unguarded(text).strip() or self._words.constants.get(column, "")), kind

    def _text(self, record: Record, column: ReportField) -> str:
        return self._cleaned(self.headings.get(column, column.value), *self._cell(record, column))

    def _memo(self, record: Record) -> str:
        """The descriptions of a line, one behind the other."""
        cells = [(at, unguarded(record.cells[at])) for at in self._memos if at < len(record.cells)]
        texts = [self._cleaned(self._heading.cells[at], text.strip(), kind_of(record.kinds[at])) for at, text in cells]
        return " ".join(filter(None, texts))

    def _cleaned(self, heading: str, text: str, kind: str) -> str:
        if not text or kind in "nd" or (kind == "s" and text.isalnum() and text.isascii()):
            return text
        cell = clean_text(heading, text, kind)
        if cell.text is None:
            raise Unreadable(Remark(cell.said[-1]))
        return cell.text

    def _money(self, record: Record) -> Decimal:
        """The amount of a line: that of its column, else what came in less what went out."""
        text, kind = self._cell(record, ReportField.AMOUNT)
        if text or not self._at.keys() & {ReportField.CREDIT, ReportField.DEBIT}:
            amount = amount_of(text, kind, self._convention)
            is_debit = self._statement and self._kind(record) is LineKind.DEBIT
            return -amount if is_debit and amount > 0 else amount
        credit, debit = self._side(record, ReportField.CREDIT), self._side(record, ReportField.DEBIT)
        if credit and debit:
            raise Unreadable(
                Remark(
                    N_("the line has both a credit ({credit}) and a debit ({debit})"),
                    (("credit", f"{credit:f}"), ("debit", f"{debit:f}")),
                )
            )
        if not credit and not debit:
            raise Unreadable(Remark(N_("the line has no amount")))
        return credit or (debit if self._debits_signed else -debit)

    def _side(self, record: Record, column: ReportField) -> Decimal:
        """What stands in a column of one direction: 0 where nothing does, as some banks write it."""
        text, kind = self._cell(record, column)
        return amount_of(text, kind, self._convention) if text else Decimal(0)

    def _kind(self, record: Record) -> LineKind | None:
        return kind_of_line(self._raw(record, ReportField.TYPE))

    def _is_refund(self, kind: str) -> bool:
        """Whether a line is of money that went back by its type, whatever became of it: `Refund`, `Approved`."""
        return bool(kind) and not self._statement and self._words.meaning_of(kind) is Meaning.RETURNED

    def _moment(self, record: Record, column: ReportField) -> str:
        text, kind = self._cell(record, column)
        if not text:
            return ""
        # A deposit is ticked off by the bank's own day; what happened when is told in the time of this place.
        local = column is not ReportField.SETTLED and not self._statement
        moment = moment_of(text, kind, self._orders.get(column, self._words.dates), local=local)
        if moment is None and (not self._unread_dates or self._unread_dates[-1] != record.number):
            self._unread_dates.append(record.number)
        if moment and local and not self._zoned:
            self._zoned = has_zone(text)
        return moment or ""

    def _meaning(self, status: str, settled: str) -> Meaning:
        """What the line says; where it has no word, a day of settlement or a statement says that it settled."""
        if not status:
            return Meaning.SETTLED if settled or self._statement else Meaning.LOOK
        meaning = self._words.meaning_of(status, of_session=self._of_session)
        return Meaning.SETTLED if meaning is Meaning.PAID and settled else meaning

    def _count_unknown(self, status: str) -> None:
        if not status or self._words.is_taught(status):
            return
        if self._words.meaning_of(status, of_session=self._of_session) is Meaning.LOOK:
            spelling = self._spellings.setdefault(status.casefold(), status)
            (self._completed if self._words.is_known(status) else self.unknown)[spelling] += 1

    # What is no payment

    def _first(self, record: Record) -> str:
        return next((cell.strip() for cell in record.cells if cell.strip()), "")

    def _names_payment(self, record: Record, text: str) -> bool:
        """Whether a line says of whom or what it is, beside this text."""
        return any(self._raw(record, column) not in {"", text} for column in _NAMING)

    def _described(self, record: Record) -> Sequence[str]:
        return [record.cells[at].strip() for at in self._memos if at < len(record.cells) and record.cells[at].strip()]

    def _total(self, record: Record) -> Total | None:
        """The line as a total, if it is one; without a sum where it only bears the word."""
        first = self._first(record)
        is_sum = describes_total if any(self._raw(record, column) for column in _MOMENTS) else begins_total
        names = [first] if is_sum(first) else [*filter(describes_total, self._described(record))]
        if not names or self._names_payment(record, names[0]):
            return None
        told = {}
        for column in _MONEY:
            text, kind = self._cell(record, column)
            if text and text != first:
                told[column] = amount_of(text, kind, self._convention)
        return Total(record.number, told)

    def _is_aside(self, record: Record) -> bool:
        """Whether a line tells a balance, or is a group's name or a note: one text, where no payment has its own."""
        first, described = self._first(record), self._described(record)
        if not self._statement and self._names_payment(record, first):
            return False
        balances = [text for text in (first, *described) if is_balance(text)]
        if balances:
            return not self._names_payment(record, balances[0])
        filled = [at for at, cell in enumerate(record.cells) if cell.strip()]
        if len(filled) != 1 or not _WORD.search(first):
            return False
        if self._exact:
            return True
        column = next((column for column, at in self._at.items() if at == filled[0]), None)
        if column in _NAMING:  # the name of a group, where all the other cells are there and empty
            return not any(map(str.isdigit, first)) and (not self._grid.ragged or len(record.cells) >= self._width)
        return column not in _MONEY and (len(record.cells) > 1 or self._statement)

    # Sums

    def _take_deposits_apart(self) -> None:
        """A deposit that stands above the payments in it is their sum, and no payment more.

        QuickBooks lists the payments of a deposit with a minus in some reports: they are taken as they came in.
        """
        if not self._statement or self._at.keys() & {ReportField.CREDIT, ReportField.DEBIT, ReportField.BALANCE}:
            return
        groups = []
        for at, row in enumerate(self._rows):
            if isinstance(row, tuple) and row[1] is LineKind.DEPOSIT and (parts := [*self._parts_below(at)]):
                found = sum((part.amount or Decimal(0) for _, part in parts), Decimal(0))
                groups.append((at, row[0], row[0].amount or Decimal(0), parts, found))
        # One deposit shows it for all: another may differ by a fee.
        self._turned = any(found == -told for _, _, told, _, found in groups)
        agreeing = 0
        for at, deposit, told, parts, found in groups:
            self._rows[at] = None
            for place, part in parts:
                amount = -part.amount if self._turned and part.amount is not None else part.amount
                settled = part.settled or deposit.settled
                self._rows[place] = (replace(part, amount=amount, settled=settled), LineKind.PART)
            came = -found if self._turned else found
            if came == told:
                agreeing += 1
            else:
                self._tell_sum(
                    N_(
                        "{file}: the deposit on line {line} is {told_amount}, but the payments listed "
                        "below it add up to {found_amount}. The payments count. Find out what else was "
                        "deposited or withheld."
                    ),
                    deposit.number,
                    told,
                    came,
                    agrees=False,
                )
        if agreeing:
            self._say(
                N_("{file}: deposits that agree with the payments listed below them count once (deposits: {count})."),
                count=str(agreeing),
            )

    def _parts_below(self, at: int) -> Iterator[tuple[int, ReportLine]]:
        for place in range(at + 1, len(self._rows)):
            row = self._rows[place]
            if not isinstance(row, tuple) or row[1] is not LineKind.PART:
                return
            yield place, row[0]

    def _check_totals(self) -> None:
        """Compare each total line with the lines above it: with all of them or those that were paid, or its group's."""
        sums = Sums()
        for row in self._rows:
            if isinstance(row, tuple):
                sums.add(row[0])
                continue
            if row is not None:
                for told, found, agrees in sums.differences(row, turned=self._turned):
                    said = (
                        N_("{file}: the total on line {line} agrees with the lines above it ({told_amount}).")
                        if agrees
                        else N_(
                            "{file}: the total on line {line} is {told_amount}, but the lines above it add "
                            "up to {found_amount}. Download the report again, or check its damaged lines."
                        )
                    )
                    self._tell_sum(said, row.number, told, found, agrees=agrees)
            sums.begin()

    def _tell_sum(self, text: str, number: int, told: Decimal, found: Decimal, *, agrees: bool) -> None:
        where = (("file", self._file), ("line", str(number)))
        facts = (*where, ("told_amount", f"{told:f}"), ("found_amount", f"{found:f}"))
        (self.remarks if agrees else self.disagrees).append(Remark(text, facts))
