"""A checked sheet in memory, checked once more when a cell of it changes: by the functions that check a sheet, but only
the rows for which something can be another now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from pipeline.domain.drafts import Overlay
from pipeline.domain.model import CheckedRow, Column, ControlTotal, Mapping, SheetRow
from pipeline.validation.cleaning import clean
from pipeline.validation.column_profile import CHUNK, ColumnProfile, CutCents, profile, with_names
from pipeline.validation.corrections import CorrectedTable
from pipeline.validation.cross_row import NoChargeCounter, accounts_differ
from pipeline.validation.field_sources import FieldSources, sources
from pipeline.validation.identity import row_key
from pipeline.validation.options import CheckableTable, CheckOptions
from pipeline.validation.rows import RowChecker
from pipeline.validation.table import check_table, sheet_notices, total_lines
from pipeline.validation.total_rows import UNEXPLAINED, RunningTotals
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, Field

MOST_ROWS: Final = 50_000
"""Rows of a sheet that is kept in memory: no more than addresses are remembered in the check of a longer one."""


class _Payor(NamedTuple):
    """What a row is compared and counted by, cleaned. `account` is empty where the sheet has no accounts."""

    email: str
    first: str
    last: str
    reference: str | None
    account: tuple[str, ...]


class RowsInMemory:
    """The rows of a table, read once."""

    def __init__(self, columns: tuple[Column, ...], mapping: Mapping, rows: Sequence[SheetRow]) -> None:
        self.columns = columns
        self.mapping = mapping
        self.rows = rows

    def chunks(self, size: int) -> Iterator[list[SheetRow]]:
        """All rows in the sheet's order."""
        for start in range(0, len(self.rows), size):
            yield [*self.rows[start : start + size]]


def in_memory(table: CheckableTable) -> RowsInMemory | None:
    """The rows of a table; None for a sheet that is too long, or that numbers two rows alike."""
    rows: list[SheetRow] = []
    for chunk in table.chunks(CHUNK):
        rows += chunk
        if len(rows) > MOST_ROWS:
            return None
    return RowsInMemory(table.columns, table.mapping, rows) if len({row.number for row in rows}) == len(rows) else None


@dataclass(frozen=True, slots=True)
class CheckedSheet:
    """A sheet with an overlay, checked: what `CheckedTable` gives of it, and what it takes to check some rows again.

    `rows` are those of the file, `checked` what is staged of them, `totals` the numbers of the lines that are totals in
    the file. Of each row of the file `payors` has what other rows are compared with. `of_lines` are the notices about
    the lines left out. `changed` are the numbers of the checked rows that differ from those of the sheet before; None
    where the lines themselves are others.
    """

    rows: RowsInMemory
    options: CheckOptions
    overlay: Overlay
    profile: ColumnProfile
    totals: frozenset[int]
    payors: tuple[_Payor, ...]
    checked: tuple[CheckedRow, ...]
    controls: tuple[ControlTotal, ...]
    of_lines: tuple[Fault, ...]
    changed: frozenset[int] | None = None

    def chunks(self) -> Iterator[list[CheckedRow]]:
        """The checked rows in the sheet's order."""
        for start in range(0, len(self.checked), CHUNK):
            yield [*self.checked[start : start + CHUNK]]

    @property
    def notices(self) -> tuple[Fault, ...]:
        """What is to be said about the sheet as a whole."""
        lines = {one.row.number for one in self.checked if any(fault.code in UNEXPLAINED for fault in one.faults)}
        staged = {one.row.number for one in self.checked} - lines
        payors = [payor for row, payor in zip(self.rows.rows, self.payors, strict=True) if row.number in staged]
        accounts = [payor.account for payor in payors if payor.account]
        differ = accounts_differ(len({account for account in accounts if all(account)}), len(accounts))
        no_charges = NoChargeCounter(sources(self.rows).unused)
        no_charges.look_at(self.checked)
        blank = sum(payor.reference == "" for payor in payors)
        return sheet_notices(self.of_lines, blank, (*no_charges.notices, *differ))

    def over(self, overlay: Overlay) -> CheckedSheet:
        """The same sheet with another overlay.

        A row is checked again when it changed itself, when it has the e-mail address or a name of one that did, and
        all are when what the whole column tells changed. Which lines are rows is found out once more for all, but where
        the changes can't make other lines of any (`_keep_lines`).
        """
        table = CorrectedTable(self.rows, overlay)
        pairs = self._edited(overlay)
        if not pairs:
            return replace(self, overlay=overlay, changed=frozenset())
        found = sources(table)
        return self._over_names(overlay, found, pairs) or self._over_lines(overlay, table, found, pairs)

    def _edited(self, overlay: Overlay) -> list[tuple[SheetRow, SheetRow]]:
        """The rows that are others with the overlay, as they were and as they are."""
        columns = self.rows.columns
        numbers = {*overlay.cells, *overlay.left_out, *self.overlay.cells, *self.overlay.left_out}
        touched = [row for row in self.rows.rows if row.number in numbers or row.carried is not None]
        pairs = [(self.overlay.over(row, columns), overlay.over(row, columns)) for row in touched]
        return [(was, now) for was, now in pairs if was != now]

    def _over_names(
        self, overlay: Overlay, found: FieldSources, pairs: Sequence[tuple[SheetRow, SheetRow]]
    ) -> CheckedSheet | None:
        """The same where all lines stay what they are, by the rows that are affected alone; None where they may not."""
        email = found.index_of(Field.EMAIL)
        if email is None or not all(_keep_lines(found, self.profile.cents, was, now) for was, now in pairs):
            return None
        now = [row for _, row in pairs]
        told = with_names(self.profile, found, [was for was, _ in pairs], now)
        if told is None:
            return None
        payors = self._payors_with(found, now)
        affected = self._affected(told, payors, [row.number for row in now])
        rows = [overlay.over(row, self.rows.columns) for row in self.rows.rows if row.number in affected]
        if not all("@" in row.cells[email] and row.number not in self.totals for row in rows):
            return None
        key = row_key(self.options.identity, self.rows.columns)
        checker = RowChecker(self.options, found, key, told, RunningTotals())
        return self._with(overlay, told, payors, checker.check_again(rows))

    def _over_lines(
        self,
        overlay: Overlay,
        corrected: CorrectedTable,
        found: FieldSources,
        pairs: Sequence[tuple[SheetRow, SheetRow]],
    ) -> CheckedSheet:
        rows = [row for chunk in corrected.chunks(max(1, len(self.rows.rows))) for row in chunk]
        table = RowsInMemory(self.rows.columns, self.rows.mapping, rows)
        told = profile(table, found)
        now = [row for _, row in pairs]
        payors = self._payors_with(found, now)
        affected = self._affected(told, payors, [row.number for row in now])
        sums, key = RunningTotals(), row_key(self.options.identity, table.columns)
        checker = RowChecker(self.options, found, key, told, sums, self.totals)
        numbers: list[int] = []
        fresh: list[CheckedRow] = []
        for chunk in table.chunks(CHUNK):
            lines = checker.lines(chunk)
            numbers += lines.numbers
            fresh += checker.checked(lines.only(affected))
        if numbers != [one.row.number for one in self.checked]:
            return checked_sheet(self.rows, self.options, overlay)
        again = self._with(overlay, told, payors, fresh)
        return replace(again, controls=tuple(sums.controls), of_lines=tuple(sums.notices))

    def _with(
        self, overlay: Overlay, told: ColumnProfile, payors: tuple[_Payor, ...], fresh: Sequence[CheckedRow]
    ) -> CheckedSheet:
        """The same lines with those that were checked again."""
        by_number = {one.row.number: one for one in fresh}
        checked = tuple(by_number.get(one.row.number, one) for one in self.checked)
        changed = frozenset(
            one.row.number for one, was in zip(checked, self.checked, strict=True) if one is not was and one != was
        )
        return replace(self, overlay=overlay, profile=told, payors=payors, checked=checked, changed=changed)

    def _payors_with(self, found: FieldSources, edited: Sequence[SheetRow]) -> tuple[_Payor, ...]:
        fresh = dict(zip([row.number for row in edited], _payors(edited, found, self.options), strict=True))
        return tuple(fresh.get(row.number, payor) for row, payor in zip(self.rows.rows, self.payors, strict=True))

    def _affected(self, told: ColumnProfile, payors: Sequence[_Payor], edited: Sequence[int]) -> Collection[int]:
        rows = self.rows.rows
        if _of_columns(told) != _of_columns(self.profile):
            return {row.number for row in rows}
        chosen, names = set(edited), _differing_names(told, self.profile)
        for row, payor in zip(rows, payors, strict=True):
            if payor.first in names or payor.last in names:
                chosen.add(row.number)
        # Whoever is checked again is compared with all who have the same address, in the sheet's order.
        shared = set[str]()
        for row, was, now in zip(rows, self.payors, payors, strict=True):
            if row.number in chosen:
                shared |= {was.email, now.email}
        shared.discard("")
        return chosen.union(row.number for row, payor in zip(rows, payors, strict=True) if payor.email in shared)


def checked_sheet(rows: RowsInMemory, options: CheckOptions, overlay: Overlay) -> CheckedSheet:
    """A sheet with an overlay, checked as a whole. Raises UsageError and InputError as the check of a sheet does."""
    table, totals = CorrectedTable(rows, overlay), total_lines(rows, options)
    result = check_table(rows, options, overlay, totals)
    checked = tuple(row for chunk in result.chunks() for row in chunk)
    found = sources(table)
    corrected = [row for chunk in table.chunks(CHUNK) for row in chunk]
    return CheckedSheet(
        rows=rows,
        options=options,
        overlay=overlay,
        profile=result.profile,
        totals=totals,
        payors=tuple(_payors(corrected, found, options)),
        checked=checked,
        controls=result.controls,
        of_lines=result.of_lines,
    )


def _payors(rows: Sequence[SheetRow], found: FieldSources, options: CheckOptions) -> Iterator[_Payor]:
    columns = clean(rows, found, options.production)
    texts = (columns[field].texts for field in (Field.EMAIL, Field.FIRST_NAME, Field.LAST_NAME))
    referred = columns.get(Field.REFERENCE_ID)
    references = referred.texts if referred else [""] * len(rows)
    accounts: Sequence[tuple[str, ...]] = [()] * len(rows)
    if Field.ACCOUNT_NUMBER in columns:
        accounts = [*zip(*([text or "" for text in columns[at].texts] for at in ACCOUNT_FIELDS), strict=True)]
    for email, first, last, reference, account in zip(*texts, references, accounts, strict=True):
        yield _Payor(email or "", (first or "").casefold(), (last or "").casefold(), reference, account)


def _keep_lines(found: FieldSources, cents: CutCents, was: SheetRow, now: SheetRow) -> bool:
    """Whether a row is a row before and after whatever else there is, and no whole column tells more of it than names.

    It has an e-mail address, and its amount is the same, with what may be its cents in the cell behind it.
    """
    email, amount = found.index_of(Field.EMAIL), found.index_of(Field.AMOUNT)
    if email is None or "@" not in was.cells[email] or "@" not in now.cells[email]:
        return False
    if amount is None:
        return True
    is_same = was.cells[amount] == now.cells[amount] and was.kinds[amount] == now.kinds[amount]
    return is_same and cents.behind(was) == cents.behind(now)


def _of_columns(told: ColumnProfile) -> tuple[object, ...]:
    """What a profile says of all rows at once."""
    return told.convention, told.last_payment, told.cents, told.groups


def _differing_names(told: ColumnProfile, before: ColumnProfile) -> set[str]:
    """The names that stand in a column of names more or less often than before."""
    names = set[str]()
    for now, was in ((told.given, before.given), (told.surnames, before.surnames)):
        names.update(name for name, _ in now.items() ^ was.items())
    return names
