"""The first pass over a sheet: what only the whole column can tell. Its memory does not grow with the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.domain.model import SheetRow
from pipeline.validation.field_sources import FieldSources
from pipeline.validation.options import CheckableTable
from pipeline.validation.text import clean_text
from pipeline.validation.total_rows import Groups, groups_named, line_reader
from schemas import money
from schemas.fields import Field
from schemas.money import Convention

CHUNK: Final = 10_000
_MOST_NAMES: Final = 20_000
_OFTEN: Final = 2
_REST: Final = re.compile(r"[0-9]{2}|[0-9]{3}(?:\.[0-9]{2})?")
_LONGEST_REST: Final = 7


@dataclass(slots=True)
class CutCents:
    """Whether the column behind the amounts holds cents in some rows: `845,50` without quotation marks is two cells.

    It does when whole amounts have two digits behind them, no amount with decimals has, and the sheet writes decimals
    or some of the digits begin with a zero. `at` is the place of the amounts, None when nothing of ours is known of
    the column behind them.
    """

    at: int | None
    with_decimals: bool = False
    padded: bool = False
    proven: bool = False

    def look_at(self, rows: Sequence[SheetRow]) -> None:
        """Look at the rows of a chunk."""
        if self.at is None:
            return
        for row in rows:
            if _is_cents(row.cells[self.at + 1]):
                whole = row.cells[self.at].strip()[-3:].isdecimal()
                self.with_decimals |= not whole
                self.padded |= whole and row.cells[self.at + 1][0] == "0"

    def behind(self, row: SheetRow) -> tuple[str, str]:
        """The cell behind the amount of this row and the kind of it, both empty where it can't be cents."""
        if self.at is None or not _is_cents(row.cells[self.at + 1]):
            return "", ""
        return row.cells[self.at + 1], row.kinds[self.at + 1]

    def of(self, row: SheetRow) -> str:
        """The cents that belong to the amount of this row; empty when there are none."""
        if self.at is None or self.with_decimals or not (self.padded or self.proven):
            return ""
        amount, cents = row.cells[self.at : self.at + 2]
        is_text = row.kinds[self.at : self.at + 2] == "ss"
        return cents if is_text and _is_cents(cents) and amount.strip()[-1:].isdecimal() and "." not in amount else ""


def _is_cents(text: str) -> bool:
    """Whether a text could stand behind the comma of a number: cents, or hundreds with or without their own."""
    return 1 < len(text) < _LONGEST_REST and _REST.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Facts about whole columns: how amounts are written, where the payments end, which names stand where.

    `cents` says where the cents of an amount stand when a comma without quotation marks cut it in two.
    """

    convention: Convention
    last_payment: int
    cents: CutCents
    groups: Groups
    given: Counter[str]
    surnames: Counter[str]

    def swapped(self, first: str, last: str) -> bool:
        """Whether the rest of the sheet says that `first` is a surname and `last` a given name, and nothing else."""
        surname = first.casefold()
        if self.surnames[surname] < _OFTEN or self.given[surname] > 1:
            return False
        given = last.casefold()
        return self.given[given] >= _OFTEN and self.surnames[given] <= 1


def profile(table: CheckableTable, sources: FieldSources) -> ColumnProfile:
    """Read the table once."""
    reader = line_reader(sources)
    amount, first, last = (sources.index_of(at) for at in (Field.AMOUNT, Field.FIRST_NAME, Field.LAST_NAME))
    proven: set[Convention] = set()
    given: Counter[str] = Counter()
    surnames: Counter[str] = Counter()
    last_payment = 0
    email, totals = sources.index_of(Field.EMAIL), set[str]()
    cents = CutCents(_before_own(table, amount))
    for rows in table.chunks(CHUNK):
        cents.look_at(rows)
        if email is not None:
            totals.update(name for row in rows if "@" not in row.cells[email] for name in groups_named(row))
        last_payment = next((row.number for row in reversed(rows) if reader.looks_like_payment(row)), last_payment)
        if amount is not None and len(proven) < len(_CONVENTIONS):
            proven |= _proven(rows, amount)
        if first is not None and last is not None:
            _count(given, rows, first)
            _count(surnames, rows, last)
    convention = next(iter(proven)) if len(proven) == 1 else Convention.UNKNOWN
    cents.proven = bool(proven)
    return ColumnProfile(convention, last_payment, cents, Groups(frozenset(totals), bool(totals)), given, surnames)


def with_names(
    told: ColumnProfile, sources: FieldSources, before: Sequence[SheetRow], now: Sequence[SheetRow]
) -> ColumnProfile | None:
    """What a profile tells once the rows `before` are `now` and only names are others.

    None where a column has so many names that not all of them were counted.
    """
    first, last = sources.index_of(Field.FIRST_NAME), sources.index_of(Field.LAST_NAME)
    if first is None or last is None:
        return told
    if max(len(told.given), len(told.surnames)) + len(now) >= _MOST_NAMES:
        return None
    counted = []
    for names, at in ((told.given, first), (told.surnames, last)):
        added, gone = (Counter(row.cells[at].strip().casefold() for row in rows) for rows in (now, before))
        counted.append(names + added - gone if added != gone else names)
    return replace(told, given=counted[0], surnames=counted[1])


def _before_own(table: CheckableTable, at: int | None) -> int | None:
    """`at` when the next column is there and the user's own."""
    if at is None or at + 1 >= len(table.columns) or table.columns[at + 1].field is not None:
        return None
    return at


_CONVENTIONS: Final = (Convention.POINT, Convention.COMMA)


def _proven(rows: list[SheetRow], amount: int) -> set[Convention]:
    """The conventions that text amounts prove. Number cells prove nothing: they are plain decimals by themselves."""
    texts = {row.cells[amount] for row in rows if row.kinds[amount] == "s"}
    proven = (money.convention_of(clean_text(Field.AMOUNT, text).text or "") for text in texts)
    return {convention for convention in proven if convention is not None}


def _count(names: Counter[str], rows: list[SheetRow], at: int) -> None:
    """Count the names of a chunk; once there are too many different ones, only those that are known already."""
    found = Counter(row.cells[at].strip().casefold() for row in rows)
    if len(names) < _MOST_NAMES:
        names.update(found)
    else:
        names.update({name: count for name, count in found.items() if name in names})
