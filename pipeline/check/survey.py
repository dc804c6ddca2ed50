"""The first pass over a sheet: what only the whole column can tell. Its memory does not grow with the file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from pipeline.check.cells import clean_text
from pipeline.check.options import Table
from pipeline.check.origins import Origins
from pipeline.check.totals import LineReader, line_reader
from pipeline.model import SheetRow
from schemas import money
from schemas.fields import Field
from schemas.money import Convention

CHUNK: Final = 10_000
_MOST_NAMES: Final = 20_000
_OFTEN: Final = 2


@dataclass(frozen=True, slots=True)
class Survey:
    """Facts about whole columns: how amounts are written, where the payments end, which names stand where."""

    convention: Convention
    last_payment: int
    given: Counter[str]
    surnames: Counter[str]

    def swapped(self, first: str, last: str) -> bool:
        """Whether the rest of the sheet says that `first` is a surname and `last` a given name, and nothing else."""
        surname = first.casefold()
        if self.surnames[surname] < _OFTEN or self.given[surname] > 1:
            return False
        given = last.casefold()
        return self.given[given] >= _OFTEN and self.surnames[given] <= 1


def survey(table: Table, origins: Origins) -> Survey:
    """Read the table once."""
    reader = line_reader(origins)
    amount, first, last = (origins.index_of(at) for at in (Field.AMOUNT, Field.FIRST_NAME, Field.LAST_NAME))
    proven: set[Convention] = set()
    given: Counter[str] = Counter()
    surnames: Counter[str] = Counter()
    last_payment = 0
    for rows in table.chunks(CHUNK):
        last_payment = _last_payment(rows, reader) or last_payment
        if amount is not None and len(proven) < len(_CONVENTIONS):
            proven |= _proven(rows, amount)
        if first is not None and last is not None:
            _count(given, rows, first)
            _count(surnames, rows, last)
    convention = next(iter(proven)) if len(proven) == 1 else Convention.UNKNOWN
    return Survey(convention, last_payment, given, surnames)


_CONVENTIONS: Final = (Convention.POINT, Convention.COMMA)


def _last_payment(rows: list[SheetRow], reader: LineReader) -> int:
    return next((row.number for row in reversed(rows) if reader.looks_like_payment(row)), 0)


def _proven(rows: list[SheetRow], amount: int) -> set[Convention]:
    """The conventions that text amounts prove. Number cells prove nothing: they are plain decimals by themselves."""
    texts = {row.cells[amount] for row in rows if row.kinds[amount] == "s"}
    return {found for text in texts if (found := _convention(text)) is not None}


def _convention(text: str) -> Convention | None:
    return money.convention_of(clean_text(Field.AMOUNT, text).text or "")


def _count(names: Counter[str], rows: list[SheetRow], at: int) -> None:
    """Count the names of a chunk; once there are too many different ones, only those that are known already."""
    found = Counter(row.cells[at].strip().casefold() for row in rows)
    if len(names) < _MOST_NAMES:
        names.update(found)
    else:
        names.update({name: count for name, count in found.items() if name in names})
