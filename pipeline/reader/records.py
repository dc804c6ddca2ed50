"""The rows that calamine gives as records, put right where calamine shows less than the workbook has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from pipeline.domain.model import with_look
from pipeline.domain.number_formats import is_date_format, is_duration
from pipeline.reader.grid import Record, about_long_texts
from pipeline.reader.looks import ColumnLook
from pipeline.reader.native import Row, date_text


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a sheet's rows beside what calamine gives.

    `patches` are cells with another kind and text: row -> column -> both. `looks` are those of the columns. `has_long`
    says that some text may not fit into a cell of the results. `beyond` gives texts and kinds of a row that calamine
    can't give, since a length of time in it is beyond all bounds. `from_1904` says how days are counted.
    """

    patches: Mapping[int, Mapping[int, tuple[str, str]]]
    looks: Mapping[int, ColumnLook]
    has_long: bool
    beyond: Callable[[int], tuple[list[str], str]]
    from_1904: bool = False


def records(rows: Iterable[Row], beside: Beside) -> Iterator[Record]:
    """The rows that hold something, from the top."""
    record = partial(tuple.__new__, Record)  # half the time of calling it
    patches = beside.patches
    unlike = tuple((column, look.by_row) for column, look in beside.looks.items() if look.others)
    dated = tuple(
        (column, look) for column, look in beside.looks.items() if any(map(is_date_format, (look.usual, *look.others)))
    )
    has_long = beside.has_long
    waiting = sorted(patches, reverse=True)
    for number, given, known in rows:
        cells, kinds = (given, known) if known is not None else beside.beyond(number)
        while waiting and waiting[-1] < number:
            above = waiting.pop()
            yield _patched(above, [], "", patches[above])
        if dated:
            kinds = _with_dates(number, cells, kinds, dated, from_1904=beside.from_1904)
        if unlike:
            kinds = _with_looks(number, kinds, unlike)
        if number in patches:
            waiting.pop()
            yield _patched(number, cells, kinds, patches[number])
        else:
            yield record((number, cells, kinds, about_long_texts(cells) if has_long else ()))
    for below in reversed(waiting):
        yield _patched(below, [], "", patches[below])


def _with_dates(
    number: int, cells: list[str], kinds: str, dated: tuple[tuple[int, ColumnLook], ...], *, from_1904: bool
) -> str:
    """The letters of a row, and in `cells` dates for numbers that look like dates: calamine gives only some of those of
    the binary formats as what they are.
    """
    for column, look in dated:
        if column < len(kinds) and kinds[column] == "n" and is_date_format(shown := look.at(number)):
            text = date_text(float(cells[column]), from_1904=from_1904, duration=is_duration(shown))
            if text:
                cells[column] = text
                kinds = f"{kinds[:column]}d{kinds[column + 1 :]}"
    return kinds


def _with_looks(number: int, kinds: str, unlike: tuple[tuple[int, bytes], ...]) -> str:
    """The letters of a row, with the look of each number that looks unlike its column."""
    for column, by_row in unlike:
        if number < len(by_row) and by_row[number] and column < len(kinds) and kinds[column] in "nd":
            letter_of_look = with_look(kinds[column], by_row[number])
            kinds = f"{kinds[:column]}{letter_of_look}{kinds[column + 1 :]}"
    return kinds


def _patched(number: int, cells: list[str], kinds: str, patch: Mapping[int, tuple[str, str]]) -> Record:
    """A row with the cells that calamine left empty."""
    short = max(patch) + 1 - len(cells)
    cells, letters = cells + [""] * short, [*kinds, *"s" * short]
    for column, (kind, text) in patch.items():
        cells[column], letters[column] = text, kind
    return Record(number, cells, "".join(letters), about_long_texts(cells))
