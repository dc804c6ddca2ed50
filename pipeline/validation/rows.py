"""A chunk of rows checked: cleaned cell by cell, validated column by column, put together row by row."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from operator import itemgetter
from typing import Final

from pipeline.domain.drafts import by_a_person
from pipeline.domain.model import CheckedRow, Column, Payment, SheetRow
from pipeline.validation.amounts import AmountReader, countable
from pipeline.validation.cleaning import Columns, clean, clean_each, column
from pipeline.validation.column_profile import ColumnProfile
from pipeline.validation.cross_row import AccountCounter, CrossRowChecks, NoChargeCounter
from pipeline.validation.emails import clean_email
from pipeline.validation.field_sources import FieldSources
from pipeline.validation.identity import RowKey
from pipeline.validation.options import CheckOptions
from pipeline.validation.text import Cell
from pipeline.validation.total_rows import LineRole, RunningTotals, line_reader
from schemas import payment as schema
from schemas.faults import Fault, Severity, catalogue
from schemas.fields import ACCOUNT_FIELDS, YES, Field
from schemas.languages import PAYOR_HEADINGS, folded_letters, payor_language

Faults = tuple[Fault, ...]

Said = defaultdict[int, list[Fault]]
"""Faults and notices by the position of their row in the chunk, in the order of the fields."""


@dataclass(slots=True)
class ChunkLines:
    """The lines of a chunk, parted: `rows` with their `amounts` and `places`, lines whose amount no sum explains
    (`faulted`), and tax lines that a total may still explain (`taxes`), both by place.
    """

    rows: list[SheetRow] = field(default_factory=list)
    amounts: list[Cell] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    faulted: dict[int, CheckedRow] = field(default_factory=dict)
    taxes: dict[int, tuple[SheetRow, Decimal]] = field(default_factory=dict)

    def keep(self, place: int, row: SheetRow, amount: Cell) -> None:
        """A row that may be a payment."""
        self.rows.append(row)
        self.amounts.append(amount)
        self.places.append(place)

    def fault(self, place: int, row: SheetRow, fault: Fault) -> None:
        """A line that is no payment, with an amount that nothing explains: it counts no dollars, and is kept."""
        self.faulted[place] = CheckedRow(row, None, None, "", *_parted((fault, *by_a_person(row.faults))))

    @property
    def numbers(self) -> list[int]:
        """The numbers of the rows and of the faulted lines, in the sheet's order."""
        if not self.faulted:
            return [row.number for row in self.rows]
        placed = [*zip(self.places, self.rows, strict=True), *((at, one.row) for at, one in self.faulted.items())]
        return [row.number for _, row in sorted(placed, key=itemgetter(0))]

    def only(self, numbers: Container[int]) -> ChunkLines:
        """The same with only those of the rows that have one of these numbers."""
        chosen = [at for at, row in enumerate(self.rows) if row.number in numbers]
        rows, amounts = [self.rows[at] for at in chosen], [self.amounts[at] for at in chosen]
        return ChunkLines(rows, amounts, [self.places[at] for at in chosen], self.faulted, self.taxes)


class RowChecker:
    """Checks the chunks of one table in turn. Remembers sums and a bounded number of addresses, never a row.

    `totals` are the numbers of lines that are totals whatever is in them now: a person corrected the sheet.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what is known of the table, and where its sums go
        self,
        options: CheckOptions,
        sources: FieldSources,
        key: RowKey,
        profile: ColumnProfile,
        sums: RunningTotals,
        totals: Container[int] = frozenset(),
    ) -> None:
        self._accounts = AccountCounter()
        self._no_charges = NoChargeCounter(sources.unused)
        self._totals = totals
        self._options = options
        self._sources = sources
        self._key = key
        self._sums = sums
        self._lines = line_reader(sources, profile.last_payment, profile.groups)
        self._amounts = AmountReader(
            profile.convention, options.notice_amount, options.max_amount, options.allow_open_amount
        )
        self._limits = schema.Limits(options.max_amount, options.allow_open_amount, options.direction)
        self._payors = CrossRowChecks(profile)
        self._cents = profile.cents
        own = (column for column in sources.unused if folded_letters(column.heading) in PAYOR_HEADINGS)
        self._language = next(own, None)

    @property
    def notices(self) -> Faults:
        """What is to be said of all rows that were checked."""
        return (*self._no_charges.notices, *self._accounts.notices)

    def check(self, rows: Sequence[SheetRow]) -> list[CheckedRow]:
        """The rows among `rows`, checked; total lines and notes go to the sums."""
        return self.checked(self.lines(rows))

    def check_again(self, rows: Sequence[SheetRow]) -> list[CheckedRow]:
        """Rows that are rows whatever is above them, checked once more. They are not counted in the sums again."""
        amounts = clean_each(self._sources.of(Field.AMOUNT).read(rows), self._amounts.clean)
        return self.checked(ChunkLines([*rows], amounts, [*range(len(rows))]))

    def checked(self, found: ChunkLines) -> list[CheckedRow]:
        """The lines of a chunk, checked, in the sheet's order."""
        kept, lines = found.rows, found.faulted
        if not kept:
            return list(lines.values())
        columns = clean(kept, self._sources, self._options.production)
        columns[Field.AMOUNT] = column(self._sources.of(Field.AMOUNT).read(kept).texts, found.amounts)
        said = self._judged(kept, columns)
        for at, notices in self._payors.compare(kept, columns):
            said[at].extend(notices)
        for at, row in enumerate(kept):
            if cents := self._cents.of(row):
                typed = columns[Field.AMOUNT].typed[at]
                said[at].append(Fault("amount-cut", Field.AMOUNT, typed, (("cents", cents),)))
        languages = self._languages(kept, said)
        self._accounts.look_at(columns)
        references = columns.get(Field.REFERENCE_ID)
        self._sums.without_reference += references.texts.count("") if references else len(kept)
        checked = self._assembled(kept, columns, said, languages)
        self._no_charges.look_at(checked)
        if not lines:
            return checked
        return [row for _, row in sorted([*zip(found.places, checked, strict=True), *lines.items()], key=itemgetter(0))]

    def lines(self, rows: Sequence[SheetRow]) -> ChunkLines:
        """The payment rows and their amounts. The amounts come first: a sum is told by agreeing with its rows."""
        found = ChunkLines()
        sums = self._sums
        typed = self._sources.of(Field.AMOUNT).read(rows)
        for place, (row, cell) in enumerate(zip(rows, clean_each(typed, self._amounts.clean), strict=True)):
            amount = countable(cell.text)
            match LineRole.TOTAL if row.number in self._totals else self._lines.line(row, sums, amount):
                case LineRole.ROW:
                    sums.add(amount)
                    found.keep(place, row, cell)
                case LineRole.TOTAL:
                    self._close(found, place, row, amount)
                case LineRole.TAX:
                    assert amount is not None
                    if sums.is_tax(row, amount):
                        sums.add_tax(row, amount)
                    else:
                        found.taxes[place] = (row, amount)
                case LineRole.GROUP:
                    sums.begin_group()
                    sums.note(row, "group-line")
                case LineRole.NOTE:
                    sums.note(row)
        for place, (row, amount) in found.taxes.items():
            found.fault(place, row, Fault("tax-unexplained", details=(("read_amount", f"{amount:f}"),)))
        return found

    def _close(self, found: ChunkLines, place: int, row: SheetRow, amount: Decimal | None) -> None:
        """A total line: it may explain tax lines above it that no rate explains."""
        waiting = sum((tax for _, tax in found.taxes.values()), Decimal(0))
        if found.taxes and self._sums.sums_up(amount, taxes=waiting):
            for tax in found.taxes.values():
                self._sums.add_tax(*tax)
            found.taxes.clear()
        if (fault := self._sums.close(row, amount)) is not None:
            found.fault(place, row, fault)

    def _judged(self, rows: Sequence[SheetRow], columns: Columns) -> Said:
        """What the cleaning said, then what the schema says of the cleaned texts, a field at a time."""
        texts = {field: column.texts for field, column in columns.items()}
        failed: defaultdict[str, list[schema.Failures]] = defaultdict(list)
        for failures in schema.failures(texts, self._limits):
            failed[failures.field].append(failures)
        said: Said = defaultdict(list)
        for one in Field:
            if (column := columns.get(one)) is not None:
                for at, faults in column.said.items():
                    said[at].extend(faults)
                for failures in failed[one]:
                    if failures.code == "missing":
                        self._add_missing(said, failures, rows)
                    else:
                        _add(said, failures, column.typed)
        return said

    def _add_missing(self, said: Said, failures: schema.Failures, rows: Sequence[SheetRow]) -> None:
        """Empty cells of a required field, each with the unused cell of its row that holds what it lacks."""
        empty = Fault(failures.code, failures.field)
        for at in failures.rows:
            found = held_elsewhere(Field(failures.field), rows[at], self._sources.unused)
            if found is None:
                said[at].append(empty)
            else:
                heading, value = found
                said[at].append(Fault("missing-here", failures.field, value, (("elsewhere", heading),)))

    def _languages(self, rows: Sequence[SheetRow], said: Said) -> list[str]:
        """The language of each payor; one that the API does not know is a notice, and the setting's is used."""
        if self._language is None:
            return [self._options.language] * len(rows)
        typed = [row.cells[self._language.index].strip() for row in rows]
        found = [payor_language(text) for text in typed]
        for at, (text, language) in enumerate(zip(typed, found, strict=True)):
            if text and not language:
                said[at].append(Fault("language-unknown", self._language.heading, text))
        return [language or self._options.language for language in found]

    def _assembled(
        self, rows: Sequence[SheetRow], columns: Columns, said: Said, languages: Sequence[str]
    ) -> list[CheckedRow]:
        texts = {field: [text or "" for text in column.texts] for field, column in columns.items()}
        verdicts = [_parted((*row.faults, *said.get(at, ()))) for at, row in enumerate(rows)]
        blank = [""] * len(rows)
        parts = zip(languages, *(texts.get(field, blank) for field in _OF_PAYMENT), strict=True)
        payments = [None if faults else self._payment(*part) for (faults, _), part in zip(verdicts, parts, strict=True)]
        identities = self._key.identities(rows, texts, payments)
        amounts = map(countable, texts[Field.AMOUNT])
        return [
            CheckedRow(row, payment, amount, identity, *verdict)
            for row, payment, amount, identity, verdict in zip(
                rows, payments, amounts, identities, verdicts, strict=True
            )
        ]

    def _payment(self, language: str, amount: str, link: str, *texts: str) -> Payment:
        reference, first, middle, last, email, institution, transit, account = texts
        return Payment(
            reference_id=reference,
            first_name=first,
            last_name=last,
            email=email,
            amount=Decimal(amount) if amount else None,
            send_link=link == YES if link else self._options.send_link,
            direction=self._options.direction,
            middle_name=middle,
            institution_code=institution,
            transit_number=transit,
            account_number=account,
            language=language,
        )


_OF_PAYMENT: Final = (
    Field.AMOUNT,
    Field.SEND_INTERAC_LINK,
    Field.REFERENCE_ID,
    Field.FIRST_NAME,
    Field.MIDDLE_NAME,
    Field.LAST_NAME,
    Field.EMAIL,
    *ACCOUNT_FIELDS,
)


def _add(said: Said, failures: schema.Failures, typed: Sequence[str]) -> None:
    """The failures of one check as faults; equal cells share one."""
    made: dict[str, Fault] = {}
    for at in failures.rows:
        text = typed[at]
        fault = made.get(text)
        if fault is None:
            fault = made[text] = Fault(failures.code, failures.field, text, failures.details)
        said[at].append(fault)


def _parted(found: Sequence[Fault]) -> tuple[Faults, Faults]:
    """The faults and the notices of a row, each in the order of the fields."""
    if not found:
        return (), ()
    notices = _notice_codes()
    faults = tuple([fault for fault in found if fault.code not in notices])
    if len(faults) == len(found):
        return faults, ()
    return faults, tuple([fault for fault in found if fault.code in notices])


@cache
def _notice_codes() -> frozenset[str]:
    return frozenset(code for code, entry in catalogue().items() if entry.severity is Severity.NOTICE)


_AMOUNT: Final = re.compile(
    r"\W*(?:CAD?)?\W*[0-9][0-9 ,.'\u00a0\u202f]*[.,][0-9]{2}\s*(?:\$|CAD)?|\$\s?[0-9]+", re.IGNORECASE
)
_NAME_HEADING: Final = re.compile(
    r"(?:\b|_)(?:name|nom|pr[ée]nom|customer|client|contact|tenant|locataire|payor|payer|payeur|patient|parent|member|membre)",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[^\W\d_][^\d@]*")


def held_elsewhere(field: Field, row: SheetRow, unused: Sequence[Column]) -> tuple[str, str] | None:
    """The heading and the value of the unused cell of `row` that holds what `field` lacks, if there is one."""
    holds = _HOLDS.get(field)
    if holds is None:
        return None
    cells = ((column.heading, row.cells[column.index].strip()) for column in unused)
    return next(((heading, text) for heading, text in cells if text and holds(heading, text)), None)


def _holds_email(_heading: str, text: str) -> bool:
    return "@" in text and bool(clean_email(text, "s").text)


def _holds_amount(_heading: str, text: str) -> bool:
    return _AMOUNT.fullmatch(text) is not None


def _holds_name(part: re.Pattern[str], heading: str, text: str) -> bool:
    """Whole names hold either; the other part of a name does not."""
    named = _NAME_HEADING.search(heading) is not None and part.search(heading) is None
    return named and _NAME.fullmatch(text) is not None


_HOLDS: Final[dict[Field, Callable[[str, str], bool]]] = {
    Field.EMAIL: _holds_email,
    Field.AMOUNT: _holds_amount,
    Field.FIRST_NAME: partial(
        _holds_name, re.compile(r"last|family|famille|surname|company|entreprise", re.IGNORECASE)
    ),
    Field.LAST_NAME: partial(_holds_name, re.compile(r"first|given|pr[ée]nom|company|entreprise", re.IGNORECASE)),
}
