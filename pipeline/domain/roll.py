"""The roll of a batch: which row of a new sheet is the newer form of which earlier one; the columns of all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath

from pipeline.domain.model import Column, Payment, SheetRow, SourceFile, kind_of
from pipeline.domain.row_keys import split

# ---------------------------------------------------------------------------------------------------------------
# Rows of a workbook of ours


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A row that says in our own columns which earlier one it is, that one's key, and whether the key has a request.

    `identity` is what its sheet calls it, `earlier` the earlier form.
    """

    id: int
    identity: str
    earlier: int
    earlier_identity: str
    asked: bool


@dataclass(frozen=True, slots=True)
class KnownAgain:
    """A row, its earlier form and the key that it has now; `settled`: no occurrence is counted for it."""

    id: int
    earlier: int
    key: str
    settled: bool


def know_again(rows: Iterable[GivenBack], *, may_adopt: bool) -> Iterator[KnownAgain]:
    """Rows with their earlier forms, one row each.

    A row takes over the key that has a request, and the occurrence of its own identity; without `may_adopt` (it was
    sent already) it keeps its key, and is no newer form of a row with a request.
    """
    taken = set()
    for row in rows:
        if row.earlier in taken or (row.asked and not may_adopt):
            continue
        taken.add(row.earlier)
        is_occurrence = bool(row.identity) and split(row.earlier_identity)[0] == row.identity
        settled = may_adopt and (row.asked or is_occurrence)
        yield KnownAgain(row.id, row.earlier, row.earlier_identity if settled else row.identity, settled)


def asks_the_same(now: Payment | None, sent: Payment | None) -> bool:
    """Whether a row that carries a request's id asks for what was requested.

    It does when the content is the same but for the reference, which a spreadsheet may have rewritten, and when its
    cells can't be read back (masked account numbers: `now` is None).
    """
    return now is None or (sent is not None and now.content() == sent.content())


# ---------------------------------------------------------------------------------------------------------------
# Rows without an identity that lasts


@dataclass(frozen=True, slots=True)
class Form:
    """A row as it was in one sheet."""

    id: int
    number: int
    cells: tuple[str, ...]


def is_same_file(earlier: SourceFile, now: SourceFile) -> bool:
    """Whether a file is a version of an earlier one by its name, whatever its format, and its sheet's name."""
    same_name = PurePath(earlier.name).stem.casefold() == PurePath(now.name).stem.casefold()
    return same_name and (earlier.sheet == now.sheet or not earlier.sheet or not now.sheet)


def pair_forms(now: Iterable[Form], before: Iterable[Form]) -> Iterator[tuple[int, int]]:
    """Each new row with an earlier one: those with the same cells first, then those in the same place."""
    left, waiting = now, {form.id: form for form in before}
    for sign in (_cells, _number):
        places: dict[object, list[int]] = {}
        for form in waiting.values():
            places.setdefault(sign(form), []).append(form.id)
        unmatched: list[Form] = []
        for form in left:
            if same := places.get(sign(form)):
                old = same.pop(0)
                del waiting[old]
                yield form.id, old
            else:
                unmatched.append(form)
        left = unmatched


def pair_cells(now: Iterable[Form], before: Iterable[Form]) -> Iterator[tuple[int, int]]:
    """Each new row with an earlier one that has the same cells."""
    places: dict[object, list[int]] = {}
    for form in before:
        places.setdefault(_cells(form), []).append(form.id)
    return ((form.id, same.pop(0)) for form in now if (same := places.get(_cells(form))))


def _cells(form: Form) -> object:
    return tuple(text.strip() for text in form.cells)


def _number(form: Form) -> object:
    return form.number


# ---------------------------------------------------------------------------------------------------------------
# Columns


def columns_of(sheets: Iterable[Iterable[Column]]) -> tuple[Column, ...]:
    """The columns of all sheets: those of the first, then what others have besides, by heading and field.

    They have no letters: in another sheet a column may be elsewhere.
    """
    found: dict[object, Column] = {}
    for columns in sheets:
        for sign, column in _signed(columns):
            found.setdefault(sign, replace(column, index=len(found), letter=""))
    return tuple(found.values())


def _signed(columns: Iterable[Column]) -> Iterator[tuple[object, Column]]:
    """Each column with what it is known by in another sheet: heading, field, and which of equal ones it is."""
    counted: Counter[object] = Counter()
    for column in columns:
        sign = column.heading.strip(), column.field
        counted[sign] += 1
        yield (sign, counted[sign]), column


@dataclass(frozen=True, slots=True)
class CellsFitter:
    """Puts the cells of one sheet's rows into the columns of the roll. `places` are the roll's, None where equal."""

    width: int
    places: tuple[int, ...] | None

    def __call__(self, row: SheetRow) -> SheetRow:
        """The row in the columns of the roll."""
        if self.places is None:
            return row
        cells, kinds = [""] * self.width, ["s"] * self.width
        for place, cell, kind in zip(self.places, row.cells, row.kinds, strict=False):
            # Only the cell's own sheet knows how the cell differs from its column.
            cells[place], kinds[place] = cell, kind_of(kind)
        return replace(row, cells=tuple(cells), kinds="".join(kinds))


def fitter(own: tuple[Column, ...], columns: tuple[Column, ...]) -> CellsFitter:
    """What puts the rows of a sheet with the columns `own` into the columns of the roll."""
    at = {sign: column.index for sign, column in _signed(columns)}
    return CellsFitter(
        len(columns), None if columns_of([own]) == columns else tuple(at[sign] for sign, _ in _signed(own))
    )
