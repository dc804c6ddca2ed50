"""A chunk of rows checked: cleaned cell by cell, validated column by column, put together row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Final

from pipeline.check.amounts import AmountReader, countable
from pipeline.check.cells import Cell
from pipeline.check.choices import YES
from pipeline.check.cleaning import CleanColumn, Columns, clean, clean_each, column
from pipeline.check.identity import RowKey
from pipeline.check.options import CheckOptions
from pipeline.check.origins import Origins
from pipeline.check.payors import PayorWatch
from pipeline.check.survey import Survey
from pipeline.check.totals import Ledger, Line, line_reader
from pipeline.model import CheckedRow, Payment, SheetRow
from schemas import payment as schema
from schemas.faults import Fault, Severity, catalogue
from schemas.fields import ACCOUNT_FIELDS, Field

Faults = tuple[Fault, ...]

Said = defaultdict[int, list[Fault]]
"""Faults and notices by the position of their row in the chunk, in the order of the fields."""


class RowChecker:
    """Checks the chunks of one table in turn. Remembers sums and a bounded number of addresses, never a row."""

    def __init__(self, options: CheckOptions, origins: Origins, key: RowKey, survey: Survey, ledger: Ledger) -> None:
        self._options = options
        self._origins = origins
        self._key = key
        self._ledger = ledger
        self._lines = line_reader(origins, survey.last_payment)
        self._amounts = AmountReader(
            survey.convention, options.notice_amount, options.max_amount, options.allow_open_amount
        )
        self._limits = schema.Limits(options.max_amount, options.allow_open_amount, options.direction)
        self._payors = PayorWatch(survey)
        self._cents = survey.cents

    def check(self, rows: Sequence[SheetRow]) -> list[CheckedRow]:
        """The rows among `rows`, checked; total lines and notes go to the ledger."""
        kept, amounts = self._sorted(rows)
        if not kept:
            return []
        columns = clean(kept, self._origins, self._options.production)
        columns[Field.AMOUNT] = column(self._origins.of(Field.AMOUNT).read(kept).texts, amounts)
        said = self._judged(columns)
        for at, notices in self._payors.compare(kept, columns):
            said[at].extend(notices)
        for at, row in enumerate(kept):
            if cents := self._cents.of(row):
                typed = columns[Field.AMOUNT].typed[at]
                said[at].append(Fault("amount-cut", Field.AMOUNT, typed, (("cents", cents),)))
        self._ledger.without_reference += _blanks(columns.get(Field.REFERENCE_ID), len(kept))
        return self._assembled(kept, columns, said)

    def _sorted(self, rows: Sequence[SheetRow]) -> tuple[list[SheetRow], list[Cell]]:
        """The payment rows and their amounts. The amounts come first: a sum is told by agreeing with its rows."""
        kept: list[SheetRow] = []
        amounts: list[Cell] = []
        typed = self._origins.of(Field.AMOUNT).read(rows)
        for row, cell in zip(rows, clean_each(typed, self._amounts.clean), strict=True):
            amount = countable(cell.text)
            line = self._lines.line(row, totalled=self._ledger.totalled)
            if line is Line.TOTAL or (line is Line.SUM and self._ledger.is_sum(amount)):
                self._ledger.close(row, amount)
            elif line is Line.NOTE:
                self._ledger.note(row)
            elif line is not Line.BLANK:
                self._ledger.add(amount)
                kept.append(row)
                amounts.append(cell)
        return kept, amounts

    def _judged(self, columns: Columns) -> Said:
        """What the cleaning said, then what the schema says of the cleaned texts, a field at a time."""
        frame = schema.table({field: column.texts for field, column in columns.items()})
        failed: defaultdict[str, list[schema.Failures]] = defaultdict(list)
        for failures in schema.failures(frame, self._limits):
            failed[failures.field].append(failures)
        said: Said = defaultdict(list)
        for field in Field:
            if (column := columns.get(field)) is not None:
                for at, faults in column.said.items():
                    said[at].extend(faults)
                for failures in failed[field]:
                    _add(said, failures, column.typed)
        return said

    def _assembled(self, rows: Sequence[SheetRow], columns: Columns, said: Said) -> list[CheckedRow]:
        texts = {field: [text or "" for text in column.texts] for field, column in columns.items()}
        verdicts = [_by_severity(row.faults, said.get(at)) for at, row in enumerate(rows)]
        blank = [""] * len(rows)
        parts = zip(*(texts.get(field, blank) for field in _OF_PAYMENT), strict=True)
        payments = [None if faults else self._payment(*part) for (faults, _), part in zip(verdicts, parts, strict=True)]
        identities = self._key.identities(rows, texts, payments)
        amounts = map(countable, texts[Field.AMOUNT])
        return [
            CheckedRow(row, payment, amount, identity, *verdict)
            for row, payment, amount, identity, verdict in zip(
                rows, payments, amounts, identities, verdicts, strict=True
            )
        ]

    def _payment(self, amount: str, link: str, *texts: str) -> Payment:
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


def _blanks(column: CleanColumn | None, rows: int) -> int:
    """How many of `rows` have nothing in `column`, which the sheet may not have at all."""
    return column.texts.count("") if column else rows


def _add(said: Said, failures: schema.Failures, typed: Sequence[str]) -> None:
    """The failures of one check as faults; equal cells share one."""
    made: dict[str, Fault] = {}
    for at in failures.rows:
        text = typed[at]
        fault = made.get(text)
        if fault is None:
            fault = made[text] = Fault(failures.code, failures.field, text, failures.details)
        said[at].append(fault)


def _by_severity(of_shape: Faults, said: list[Fault] | None) -> tuple[Faults, Faults]:
    """The faults and the notices of a row, each in the order of the fields."""
    if not said:
        return _parted(of_shape) if of_shape else ((), ())
    return _parted((*of_shape, *said))


def _parted(found: Sequence[Fault]) -> tuple[Faults, Faults]:
    notices = _notice_codes()
    faults = tuple([fault for fault in found if fault.code not in notices])
    if len(faults) == len(found):
        return faults, ()
    return faults, tuple([fault for fault in found if fault.code in notices])


@cache
def _notice_codes() -> frozenset[str]:
    return frozenset(code for code, entry in catalogue().items() if entry.severity is Severity.NOTICE)
