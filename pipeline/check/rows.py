"""A chunk of rows checked: cleaned cell by cell, validated column by column, put together row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import pandas as pd

from pipeline.check.amounts import AmountReader, countable
from pipeline.check.cells import Cell
from pipeline.check.choices import YES
from pipeline.check.cleaning import Cells, clean
from pipeline.check.identity import RowKey
from pipeline.check.options import CheckOptions
from pipeline.check.origins import Origin, Origins
from pipeline.check.payors import PayorWatch
from pipeline.check.survey import Survey
from pipeline.check.totals import Ledger, Line, line_reader
from pipeline.model import CheckedRow, Payment, SheetRow
from schemas import payment as schema
from schemas.faults import Fault, Severity, catalogue
from schemas.fields import FIELDS, Field

Said = defaultdict[int, list[Fault]]
"""Faults and notices by the position of their row in the chunk."""

_RANK: Final = {rule.field.value: rank for rank, rule in enumerate(FIELDS)}


class RowChecker:
    """Checks the chunks of one table in turn. Remembers sums and a bounded number of addresses, never a row."""

    def __init__(self, options: CheckOptions, origins: Origins, key: RowKey, survey: Survey, ledger: Ledger) -> None:
        self._options = options
        self._origins = origins
        self._key = key
        self._ledger = ledger
        self._lines = line_reader(origins, survey.last_payment)
        self._amounts = AmountReader(survey.convention, options.notice_amount, options.allow_open_amount)
        self._limits = schema.Limits(options.max_amount, options.allow_open_amount, options.direction)
        self._payors = PayorWatch(survey)

    def check(self, rows: Sequence[SheetRow]) -> list[CheckedRow]:
        """The rows among `rows`, checked; total lines and notes go to the ledger."""
        kept, amounts = self._sorted(rows)
        if not kept:
            return []
        cells = clean(kept, self._origins, self._options.production)
        cells[Field.AMOUNT] = amounts
        said = _said(cells)
        for failed in schema.failures(_frame(cells), self._limits):
            field = Field(failed.field)
            typed = self._typed(field, kept)
            for at in failed.rows:
                said[at].append(Fault(failed.code, field, typed[at][0], failed.details))
        return list(self._assembled(kept, cells, said))

    def _typed(self, field: Field, rows: Sequence[SheetRow]) -> list[tuple[str, str]]:
        return self._origins.by_field.get(field, Origin()).read(rows)

    def _sorted(self, rows: Sequence[SheetRow]) -> tuple[list[SheetRow], list[Cell]]:
        """The payment rows and their amounts. Needs the amounts first: a sum is told by agreeing with its rows."""
        kept: list[SheetRow] = []
        amounts: list[Cell] = []
        for row, typed in zip(rows, self._typed(Field.AMOUNT, rows), strict=True):
            cell = self._amounts.clean(*typed)
            line = self._lines.line(row)
            amount = countable(cell)
            if line is Line.TOTAL or (line is Line.SUM and self._ledger.is_sum(amount)):
                self._ledger.close(row, amount)
            elif line is Line.NOTE:
                self._ledger.note(row)
            elif line is not Line.BLANK:
                self._ledger.add(amount)
                kept.append(row)
                amounts.append(cell)
        return kept, amounts

    def _assembled(self, rows: Sequence[SheetRow], cells: Cells, said: Said) -> Iterator[CheckedRow]:
        fields = list(cells)
        for at, (row, *parts) in enumerate(zip(rows, *cells.values(), strict=True)):
            texts = {field: cell.text or "" for field, cell in zip(fields, parts, strict=True)}
            found = [*row.faults, *said.get(at, ())]
            found += self._payors.notices(
                row.number, texts[Field.FIRST_NAME], texts[Field.LAST_NAME], texts[Field.EMAIL]
            )
            if not texts.get(Field.REFERENCE_ID):
                self._ledger.without_reference += 1
            faults, notices = _by_severity(found)
            payment = None if faults else self._payment(texts)
            amount = payment.amount if payment else countable(cells[Field.AMOUNT][at])
            yield CheckedRow(row, payment, amount, self._key.of(row, texts, payment), faults, notices)

    def _payment(self, texts: dict[Field, str]) -> Payment:
        get = texts.get
        amount, link = texts[Field.AMOUNT], get(Field.SEND_INTERAC_LINK)
        return Payment(
            reference_id=get(Field.REFERENCE_ID, ""),
            first_name=texts[Field.FIRST_NAME],
            last_name=texts[Field.LAST_NAME],
            email=texts[Field.EMAIL],
            amount=Decimal(amount) if amount else None,
            send_link=link == YES if link else self._options.send_link,
            direction=self._options.direction,
            middle_name=get(Field.MIDDLE_NAME, ""),
            institution_code=get(Field.INSTITUTION_CODE, ""),
            transit_number=get(Field.TRANSIT_NUMBER, ""),
            account_number=get(Field.ACCOUNT_NUMBER, ""),
        )


def _said(cells: Cells) -> Said:
    said: Said = defaultdict(list)
    for column in cells.values():
        for at, cell in enumerate(column):
            if cell.said:
                said[at].extend(cell.said)
    return said


def _frame(cells: Cells) -> pd.DataFrame:
    return schema.table({field: [cell.text for cell in column] for field, column in cells.items()})


def _by_severity(found: list[Fault]) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """The faults and the notices of a row, each in the order of the fields."""
    if not found:
        return (), ()
    found.sort(key=_rank)
    entries = catalogue()
    faults = tuple(fault for fault in found if entries[fault.code].severity is Severity.ERROR)
    if len(faults) == len(found):
        return faults, ()
    return faults, tuple(fault for fault in found if entries[fault.code].severity is Severity.NOTICE)


def _rank(fault: Fault) -> int:
    return _RANK.get(fault.field, -1)
