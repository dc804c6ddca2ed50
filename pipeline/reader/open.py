"""Opens a file: chooses the reader by content, the sheet, the heading row, and builds the table.

Owns the order of these decisions; every decision itself lives with its subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median, mode
from typing import Final, NoReturn

from pipeline.domain.errors import InputError
from pipeline.domain.model import Column, Mapping, SourceFile
from pipeline.messages import N_, FieldName, Joined, translate
from pipeline.reader import ALL_SHEETS, ReadOptions, SheetPreview, sha256_of
from pipeline.reader.formats import Format, recognise
from pipeline.reader.grid import Book, Grid, Record
from pipeline.reader.headings import (
    ColumnMapping,
    Heading,
    field_named,
    fold,
    letter,
    listed,
    nearest,
    recognised,
    shown,
    understand,
)
from pipeline.reader.joined import ROWS_APART, joined
from pipeline.reader.origin import OwnColumns, own_columns, properties_of
from pipeline.reader.styles import ColumnStyle
from pipeline.reader.table import Layout, Table, listed_numbers
from pipeline.system.file_names import readable
from schemas.faults import Fault
from schemas.fields import BATCH_PROPERTY, FIELDS, RUN_PROPERTY, Field
from schemas.languages import LANGUAGES
from schemas.workbook_names import sheet_name

_HEADING_DEPTH: Final = 50
"""How many rows that are not blank are searched for the headings. Longer title blocks were not seen."""

_HEADING_MINIMUM: Final = 2
"""How many fields a row must name to be the heading row: one alone is found in titles ("Invoice")."""

_TO_FIX: Final = tuple(sheet_name("Errors", lang) for lang in LANGUAGES)
"""The sheet of our output workbook that people correct and give back: read by default when it is there."""

_SHOWN_CELLS: Final = 12
_SHOWN_ROWS: Final = 10
"""How many rows are looked at to tell whether words are headings, or perhaps somebody's name."""
_DATUM: Final = re.compile(
    r"@|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}|[0-9][.,][0-9]{2}\b|[0-9]{5}"
)
_NUMBER: Final = re.compile(r"[0-9\s.,+\-()$£€%eE]*")

_OF_PAYMENT: Final = (Field.REFERENCE_ID, Field.FIRST_NAME, Field.LAST_NAME, Field.EMAIL, Field.AMOUNT)
_SUMMARIES: Final = tuple(sheet_name("Summary", lang) for lang in LANGUAGES)
_RESULTS: Final = frozenset(sheet_name("Results", lang) for lang in LANGUAGES)
_LINKS: Final = frozenset(sheet_name("Links", lang) for lang in LANGUAGES)
_SUMMARY_DEPTH: Final = 1_000
"""How many rows of `Summary` are searched: the batch is in its last ones, below any number of notices."""
_SAMPLE: Final = 50
"""How many rows below the headings are looked at when a heading alone does not tell."""


@dataclass(frozen=True, slots=True)
class _HeadedSheet:
    """A sheet with its heading row, and the first rows below it."""

    grid: Grid
    heading: Record
    sample: tuple[Record, ...]
    above: Record | None
    joined: tuple[str, ...] = ()
    """The names of its sheets, when there are several."""

    @property
    def is_ours(self) -> bool:
        """Whether this is a sheet of our own output workbook."""
        ours = own_columns([cell.strip() for cell in self.heading.cells])
        return ours is not None and ours.number == 0


def open_file(path: Path, options: ReadOptions) -> Table:
    """See `pipeline.reader.open_table`."""
    book = _open_book(path, recognise(path), options)
    found = _choose(book, options)
    headings = _headings(found)
    ours = own_columns([heading.text.strip() for heading in headings])
    ours = ours and ours.moved_by(headings[0].position)
    kept = [heading for heading in headings if ours is None or heading.position not in ours.all]
    _agree(kept, options.mapping)
    _refuse_two_lines(found, options.mapping)
    mapped = understand(
        [heading for heading in kept if heading.text.strip()],
        options.mapping,
        lambda position: [_cell(record, position) for record in found.sample],
        amount_optional=options.amount_optional,
    )
    hidden = _hidden(found, mapped, options)
    renumbered = _own_numbers(found, ours) if ours is not None and found.is_ours else {}
    layout = Layout(
        heading_row=found.heading.number,
        columns=_columns(kept, mapped, found, with_letters=not renumbered),
        positions=tuple(heading.position for heading in kept),
        mapping=options.mapping,
        skipped=hidden if options.hidden == "skip" else frozenset(),
        renumbered=renumbered,
        own=ours,
        counts=found.grid.counts(found.heading) if found.grid.counts else None,
    )
    notices = [*book.notices, *_about_sheets(book, found), *mapped.notices, *_about_hidden(found, hidden, options)]
    if found.is_ours and not renumbered:
        notices.append(Fault("row-numbers-not-used"))
    source = SourceFile(readable(path.name), sha256_of(path), found.grid.name)
    return Table(source if ours is None else _with_origin(source, path, book, found), layout, found.grid, notices)


def preview_file(path: Path, mapping: Mapping, rows: int) -> list[SheetPreview]:
    """See `pipeline.reader.preview`."""
    book = _open_book(path, recognise(path), ReadOptions())
    return [_preview(book.grid(name), name in book.hidden, mapping, rows) for name in book.names]


def _preview(grid: Grid, is_hidden: bool, mapping: Mapping, rows: int) -> SheetPreview:
    found = _find_heading(grid, mapping)
    top = list(islice(grid.records(), _HEADING_DEPTH + rows))
    heading = found.heading if found is not None else _likely_heading(top, mapping)
    if heading is None:
        return SheetPreview(grid.name, is_hidden, None, (), (), tuple(top[:rows]), 0, is_ours=False)
    filled = [at for at, cell in enumerate(heading.cells) if cell.strip()]
    texts = tuple(heading.cells[: filled[-1] + 1]) if filled else ()
    unseen = grid.hidden_rows | grid.struck.keys()
    hidden = sum(1 for record in grid.records() if record.number > heading.number and record.number in unseen)
    below = tuple(islice((record for record in grid.records() if record.number > heading.number), rows))
    fields = tuple(field_named(text, mapping) for text in texts)
    ours = own_columns([text.strip() for text in texts])
    is_ours = ours is not None and ours.number == 0
    return SheetPreview(grid.name, is_hidden, heading.number, texts, fields, below, hidden, is_ours=is_ours)


def _open_book(path: Path, form: Format, options: ReadOptions) -> Book:
    if form is Format.TEXT:
        from pipeline.reader.delimited import open_table  # noqa: PLC0415 - only the reader that is needed

        return open_table(path, lambda cells: recognised(cells, options.mapping))
    if form is Format.HTML:
        from pipeline.reader.html_table import open_page  # noqa: PLC0415 - as above

        return open_page(path)
    from pipeline.reader.workbook import open_workbook  # noqa: PLC0415 - as above

    return open_workbook(path, form)


def _choose(book: Book, options: ReadOptions) -> _HeadedSheet:
    """The sheet to read: those named, else the `Errors` of a workbook of ours, else the first with a heading row.

    Raises InputError when other sheets have the same headings, and none was named.
    """
    names = book.names
    # A sheet may bear the name by which all of them are asked for.
    if options.sheets and (options.sheets != (ALL_SHEETS,) or ALL_SHEETS in names):
        return _joined(
            [
                _find_heading(book.grid(name), options.mapping) or _no_heading(book, [name], options)
                for name in _in_order(book, options.sheets)
            ]
        )
    for name in _TO_FIX:
        ours = _find_heading(book.grid(name), options.mapping) if name in names else None
        if ours and ours.is_ours:
            return ours
    visible = [name for name in names if name not in book.hidden]
    if _RESULTS.intersection(names):  # our list of links has the headings of a billing sheet, and is none
        visible = [name for name in visible if name not in _LINKS]
    for name in visible:
        found = _find_heading(book.grid(name), options.mapping)
        if found and found.is_ours:
            return found
        if found:
            like = [found, *_like(book, found, visible[visible.index(name) + 1 :], options)]
            if len(like) > 1 and not options.sheets:
                raise InputError(
                    "Several sheets have the same headings: {sheets}. Choose with --sheet, once for "
                    "each sheet, or --sheet all.",
                    sheets=", ".join(one.grid.name for one in like),
                )
            return _joined(like) if options.sheets else found
    return _no_heading(book, visible, options)


def _with_origin(source: SourceFile, path: Path, book: Book, found: _HeadedSheet) -> SourceFile:
    """The source with what a workbook or a marked copy of ours says of where its rows came from."""
    told = properties_of(path)
    summary = _summary_of(book) if found.is_ours else {}
    return replace(
        source,
        batch=told.get(BATCH_PROPERTY) or summary.get("batch", ""),
        began=told.get(RUN_PROPERTY, ""),
        digest=summary.get("sha256", ""),
        partial=found.is_ours,
    )


def _in_order(book: Book, wanted: Sequence[str]) -> list[str]:
    """The sheets that are wanted, in the workbook's order. Raises InputError for one that is not there."""
    for name in wanted:
        if book.names == ("",):
            raise InputError('This file is plain text and has no sheets. Remove --sheet "{sheet}".', sheet=name)
        if name not in book.names:
            raise InputError(
                'There is no sheet "{sheet}". The workbook has: {sheets}.', sheet=name, sheets=", ".join(book.names)
            )
    return [name for name in book.names if name in wanted]


def _like(book: Book, found: _HeadedSheet, others: Sequence[str], options: ReadOptions) -> Iterator[_HeadedSheet]:
    """The other sheets that have the same headings, wherever they stand, and rows below them."""
    for name in others:
        try:
            other = _find_heading(book.grid(name), options.mapping)
        except InputError:
            continue  # it would be refused when it is asked for
        if other is not None and other.sample and _words_of(other) == _words_of(found):
            yield other


def _joined(parts: Sequence[_HeadedSheet]) -> _HeadedSheet:
    """One table of several sheets. Raises InputError when their headings differ."""
    first, *others = parts
    if not others:
        return first
    for other in others:
        if _folded(other) != _folded(first):
            raise InputError(
                'The sheets "{first}" and "{other}" have different headings, or have them in '
                "other columns. Read each sheet separately.",
                first=first.grid.name,
                other=other.grid.name,
            )
    grid = joined([(one.grid, one.heading.number) for one in parts])
    return _HeadedSheet(grid, first.heading, first.sample, first.above, tuple(one.grid.name for one in parts))


def _words_of(found: _HeadedSheet) -> list[str]:
    """The headings in their order."""
    return [heading for heading in _folded(found) if heading]


def _folded(found: _HeadedSheet) -> list[str]:
    """The headings and their places, in whatever case they are written."""
    folded = [fold(cell) for cell in found.heading.cells]
    while folded and not folded[-1]:
        folded.pop()
    return folded


def _summary_of(book: Book) -> dict[str, str]:
    """The batch, and the digest of the file that it was made of, as `Summary` says; empty when that sheet is gone."""
    name = next((name for name in _SUMMARIES if name in book.names), None)
    if name is None:
        return {}
    labels = {translate("Batch", lang): "batch" for lang in LANGUAGES}
    labels |= {translate("SHA-256 of the file", lang): "sha256" for lang in LANGUAGES}
    told: dict[str, str] = {}
    for record in islice(book.grid(name).records(), _SUMMARY_DEPTH):
        filled = [cell.strip() for cell in record.cells if cell.strip()]
        if len(filled) > 1 and filled[0] in labels:
            told.setdefault(labels[filled[0]], filled[1])
    return told


def _find_heading(grid: Grid, mapping: Mapping) -> _HeadedSheet | None:
    """The row of the first ones that names the most fields, the upper one of equals."""
    top = list(islice(grid.records(), _HEADING_DEPTH + _SAMPLE))
    scores = [recognised(_texts(record), mapping) for record in top[:_HEADING_DEPTH]]
    best = max(scores, default=0)
    if best < _HEADING_MINIMUM:
        return None
    at = scores.index(best)
    return _HeadedSheet(grid, top[at], tuple(top[at + 1 : at + 1 + _SAMPLE]), top[at - 1] if at else None)


def _no_heading(book: Book, names: Sequence[str], options: ReadOptions) -> NoReturn:
    """Say which headings are needed and what stands there instead; never a cell that looks like somebody's data."""
    required = [rule.field for rule in FIELDS if rule.required]
    needed = Joined([FieldName(field) for field in required])
    first = [record for name in names for record in islice(book.grid(name).records(), _HEADING_DEPTH)]
    if not first:
        raise InputError("The sheet has no rows. Export it again, or choose another with --sheet.")
    above = [record for record in first[:_SHOWN_ROWS] if not _is_data(record)]
    likely = _likely_heading(first, options.mapping) or max(
        above, key=lambda record: sum(map(_is_word, _texts(record))), default=None
    )
    if likely is None:
        raise InputError(
            "The list has no headings: row {row} already contains dates, amounts or "
            "addresses. Add a row above it that names each column. Required: {needed}.",
            needed=needed,
            row=first[0].number,
        )
    headings = [Heading(at, cell) for at, cell in enumerate(likely.cells) if _is_word(cell)][:_SHOWN_CELLS]
    near = nearest(required, headings)
    below = first[first.index(likely) + 1 :][:_SHOWN_ROWS]
    # Words above data are headings; words that nothing tells apart from the rows may be somebody's name.
    known = near or recognised(_texts(likely), options.mapping) or any(map(_is_data, below))
    found = listed(headings) if known else ""
    if not found:
        raise InputError(
            "There is no row of headings: row {row} seems to belong to the list. Required: "
            "{needed}. Add a row of headings above the list, or map the columns with "
            "--mapping.",
            needed=needed,
            row=likely.number,
        )
    raise InputError(
        N_(
            "There is no row of headings. Required: {needed}. Row {row} has: {found}. Did "
            "you mean {near}? Correct the headings, or map the columns with --mapping."
        )
        if near
        else N_(
            "There is no row of headings. Required: {needed}. Row {row} has: {found}. Add a "
            "row of headings above the list, or map the columns with --mapping."
        ),
        needed=needed,
        row=likely.number,
        found=found,
        near=near,
    )


def _likely_heading(records: Sequence[Record], mapping: Mapping) -> Record | None:
    """The row that is headings by its form: words in half of its cells, and more than half as many as other rows have.

    Of several the one that names the most fields, then one without repetitions, then one that is no longer than most
    rows, since a title may have commas, then the upper one.
    """
    if not records:
        return None
    usual = median([count for count in map(_filled, records) if count > 1] or [0])
    width = mode(len(record.cells) for record in records)
    likely: dict[tuple[int, bool, bool], Record] = {}
    for record in records:
        words = [cell for cell in _texts(record) if not _NUMBER.fullmatch(cell)]
        if len(words) > 1 and len(words) * 2 >= _filled(record) > usual / 2 and not _is_data(record):
            rank = recognised(words, mapping), len({*words}) == len(words), len(record.cells) <= width
            likely.setdefault(rank, record)
    return likely[max(likely)] if likely else None


def _filled(record: Record) -> int:
    return sum(1 for cell in record.cells if cell.strip())


def _is_data(record: Record) -> bool:
    """Whether a row holds an address, a date or an amount: it is no heading, and nothing of it may be shown."""
    return any(
        kind != "s" or _DATUM.search(cell) for cell, kind in zip(record.cells, record.kinds, strict=True) if cell
    )


def _texts(record: Record) -> list[str]:
    """The cells that could be headings: no number, no error value (`#REF!` folds like `Ref no`)."""
    return [cell for cell, kind in zip(record.cells, record.kinds, strict=True) if kind == "s"]


def _is_word(cell: str) -> bool:
    """Whether a cell could be a heading, and surely is no amount, date, address or identifier of a person."""
    return bool(cell.strip()) and "@" not in cell and not any(char.isdigit() for char in cell)


def _headings(found: _HeadedSheet) -> list[Heading]:
    """Every column of the table: from the first heading, or the first cell below, to the last heading, or in a workbook
    to the last cell.
    """
    row, cells = found.heading.number, found.heading.cells
    filled = [at for at, cell in enumerate(cells) if cell.strip()]
    first, last = filled[0], filled[-1]
    if first or found.grid.width > last + 1:
        for record in found.grid.records():
            if record.number > row:
                first = next((at for at, cell in enumerate(record.cells[:first]) if cell.strip()), first)
                last = max([last, *(at for at, cell in enumerate(record.cells) if cell and found.grid.width)])
    return [Heading(at, cells[at] if at < len(cells) else "") for at in range(first, last + 1)]


def _agree(headings: Sequence[Heading], mapping: Mapping) -> None:
    """Refuse a sheet whose headings changed since its mapping was written: silence here bills the wrong column."""
    if not mapping.expected:
        return
    there = [heading.text.strip() for heading in headings if heading.text.strip()]
    expected = [heading.strip() for heading in mapping.expected]
    added = [text for text in there if text not in expected]
    missing = [text for text in expected if text not in there]
    if added or missing:
        raise InputError(
            "The headings differ from those of the mapping file. New: {added}. Missing: "
            "{missing}. If this is intended, write a new mapping file: columns FILE "
            "--write-mapping.",
            added=", ".join(map(shown, added)) or "-",
            missing=", ".join(map(shown, missing)) or "-",
        )


def _refuse_two_lines(found: _HeadedSheet, mapping: Mapping) -> None:
    """Explain headings that were broken over two rows ("First" above "name"), when a required one is among them."""
    here = found.heading
    fields = {field_named(cell, mapping) for cell in here.cells}
    required = {rule.field.value for rule in FIELDS if rule.required} - fields
    pairs = [(found.above, here)] if found.above else []
    pairs += [(here, found.sample[0])] if found.sample else []
    for upper, lower in pairs:
        joined = [f"{_cell(upper, at)} {_cell(lower, at)}" for at in range(max(len(upper.cells), len(lower.cells)))]
        whole = [text.strip() for text in joined if field_named(text, mapping) in required]
        if whole and upper.number + 1 == lower.number:
            rows = f"{upper.number}, {lower.number}"
            raise InputError(
                "The headings are in two rows ({rows}): {pairs}. Put all headings in one row, directly above the list.",
                rows=rows,
                pairs=", ".join(map(shown, whole)),
            )


def _own_numbers(found: _HeadedSheet, ours: OwnColumns) -> dict[int, int]:
    """Row number here -> row number in the user's own sheet, from the column `row` of a sheet of ours.

    Empty when a person changed that column so that it no longer tells rows apart: then this sheet's numbers are used.
    """
    numbers: dict[int, int] = {}
    rows = set()
    for record in found.grid.records():
        users = (cell for at, cell in enumerate(record.cells) if at not in ours.all)
        if record.number <= found.heading.number or not any(cell.strip() for cell in users):
            continue
        text = _cell(record, ours.number).strip()
        if not text.isdecimal():
            return {}
        numbers[record.number] = int(text)
        rows.add((_cell(record, ours.file).strip() if ours.file >= 0 else "", int(text)))
    return numbers if len(rows) == len(numbers) else {}


def _columns(
    kept: Sequence[Heading], mapped: ColumnMapping, found: _HeadedSheet, *, with_letters: bool
) -> tuple[Column, ...]:
    columns = []
    for index, heading in enumerate(kept):
        meaning = mapped.matches.get(heading.position)
        look = found.grid.looks.get(heading.position, ColumnStyle())
        columns.append(
            Column(
                index=index,
                heading=heading.text,
                field=meaning.field if meaning else None,
                why=meaning.why if meaning else "why_own",
                number_format=look.usual,
                other_formats=look.others,
                letter=letter(heading.position) if with_letters else "",
            )
        )
    return tuple(columns)


def _cell(record: Record, position: int) -> str:
    return record.cells[position] if position < len(record.cells) else ""


def _hidden(found: _HeadedSheet, mapped: ColumnMapping, options: ReadOptions) -> frozenset[int]:
    """The rows below the headings that hold something and are hidden, filtered out, or struck through where it is said
    who pays how much.

    Raises InputError when they are to be refused, or can't be told and are not to be included whatever they are.
    """
    if found.grid.hidden_unseen and options.hidden != "include":
        raise InputError(
            "The program can't find out which rows of this {format} workbook are hidden or "
            "filtered out: its structure is damaged or unusual. Save it as .xlsx and use "
            "that, or bill all its rows with --hidden include.",
            format=found.grid.hidden_unseen,
        )
    fields = [position for position, meaning in mapped.matches.items() if meaning.field in _OF_PAYMENT]
    struck = found.grid.struck.items()
    numbers = found.grid.hidden_rows | {row for row, columns in struck if any(at in columns for at in fields)}
    if not numbers:
        return frozenset()
    filled = frozenset(
        record.number
        for record in found.grid.records()
        if record.number > found.heading.number and record.number in numbers
    )
    if filled and options.hidden == "refuse":
        raise InputError(
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them.",
            rows=listed_numbers(sorted(filled)),
            count=len(filled),
        )
    return filled


def _about_hidden(found: _HeadedSheet, hidden: frozenset[int], options: ReadOptions) -> list[Fault]:
    if found.grid.hidden_unseen:
        return [Fault("hidden-rows-unseen", details=(("format", found.grid.hidden_unseen),))]
    if not hidden:
        return []
    code = "hidden-rows-skipped" if options.hidden == "skip" else "hidden-rows-included"
    return [Fault(code, details=(("rows", listed_numbers(sorted(hidden))), ("count", str(len(hidden)))))]


def _about_sheets(book: Book, found: _HeadedSheet) -> list[Fault]:
    """Which sheet was read, when there was a choice."""
    if found.is_ours:
        return []
    read = found.joined or (found.grid.name,)
    said = [_about_numbers(found)] if found.joined else []
    others = [name for name in book.names if name not in read and not _is_help(book, name)]
    if not others:
        return said
    unseen = [name for name in others if name in book.hidden]
    seen = [name for name in others if name not in unseen]
    details = (("sheet", found.grid.name), ("others", ", ".join(seen)), ("hidden", ", ".join(unseen)))
    if seen and unseen:
        return [*said, Fault("sheets-not-read-some-hidden", details=details)]
    return [*said, Fault("sheets-not-read" if seen else "hidden-sheets-not-read", details=details)]


def _about_numbers(found: _HeadedSheet) -> Fault:
    """How the rows of several sheets are told apart."""
    numbered = [f"{name} + {at * ROWS_APART}" for at, name in enumerate(found.joined) if at]
    return Fault("sheets-joined", details=(("sheets", ", ".join(found.joined)), ("numbered", ", ".join(numbered))))


def _is_help(book: Book, name: str) -> bool:
    """Whether this is the help beside our own template: nothing in it was to be read."""
    titles = {translate("Billing sheet", lang) for lang in LANGUAGES if translate("Help", lang) == name}
    return bool(titles) and any(_cell(record, 0) in titles for record in islice(book.grid(name).records(), 1))
