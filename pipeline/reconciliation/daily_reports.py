"""A report of payments becomes lines: read through the sheet room, each line readable or listed as damaged.

Nothing of a report is left out in silence: a line is a payment, a total, a heading that a page repeats, said to be
none, or damaged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.messages import N_
from pipeline.reader import sha256_of
from pipeline.reader.encodings import read_text
from pipeline.reader.formats import Format, recognise
from pipeline.reader.grid import Book, Grid, Record
from pipeline.reader.headings import toml_text
from pipeline.reconciliation.dates import DateOrder, moment_of
from pipeline.reconciliation.lines import TableReader
from pipeline.reconciliation.payments import ReportLine
from pipeline.reconciliation.remarks import Damaged, Remark
from pipeline.reconciliation.vocabulary import Vocabulary, is_enough, shown_headings
from pipeline.system import atomic_output
from pipeline.system.file_names import readable
from schemas import money
from schemas.reports import ReportField

__all__ = ["Daily", "Damaged", "Remark", "all_lines", "read_report"]

_HEADING_DEPTH: Final = 50
"""Rows that are searched for the headings, as for a billing sheet."""
_SPACES: Final = re.compile(r"[ \u00a0]{2,}|[ \u00a0]*\t[ \u00a0]*")
_ACCOUNT: Final = ("Date", "Description", "Debit", "Credit")
_WITHOUT_HEADINGS: Final = {
    4: _ACCOUNT,  # CIBC
    5: (*_ACCOUNT, "Balance"),  # TD; CIBC's cards, whose number stands there instead
    14: ("", "", "Account", "Date", "", "Description", "", "Debit", "Credit", "", "", "", "", "Balance"),  # Desjardins
}
"""What the columns of exports without headings are, by their number."""


@dataclass(frozen=True, slots=True)
class Daily:
    """One report. `disagrees` are total lines that differ from the lines above them; `unknown` are the status words of
    which nobody knows what they mean, with the number of their lines.
    """

    file: str
    sha256: str
    lines: tuple[ReportLine, ...]
    damaged: tuple[Damaged, ...]
    columns: Mapping[ReportField, str]
    remarks: tuple[Remark, ...]
    disagrees: tuple[Remark, ...]
    unknown: Mapping[str, int] = field(default_factory=dict)


def read_report(path: Path, words: Vocabulary) -> Daily:
    """Every line of the report at `path`; of a workbook, those of each visible sheet that is a report.

    Raises InputError when the file can't be read, is one of our own workbooks, or holds no report: no column of
    amounts, or none by which a payment is known.
    """
    form = recognise(path)
    if atomic_output.is_ours(path):
        raise InputError(
            "{file} is a workbook of this program, not a report. Give the report as you downloaded it.", file=path.name
        )
    book = _open(path, form, words)
    name, sha256 = readable(path.name), sha256_of(path)
    tables = [*_tables(book, words, name, sha256)]
    if not tables and form is Format.TEXT:
        tables = [*_tables(_spaced(path), words, name, sha256, exact=True)]
    if not tables:
        raise _no_columns(book, words, name)
    for table in tables:
        table.read()
    read = {table.sheet for table in tables}
    unread = [sheet for sheet in book.names if sheet and sheet not in read]
    remarks = [Remark(fault, file=name) for fault in book.notices]
    if unread:
        remarks.append(
            Remark(
                N_("{file}: sheets not read, because they are not reports: {sheets}."),
                (("file", name), ("sheets", ", ".join(unread))),
            )
        )
    return Daily(
        file=name,
        sha256=sha256,
        lines=tuple(line for table in tables for line in table.lines),
        damaged=tuple(line for table in tables for line in table.damaged),
        columns=tables[0].headings,
        remarks=(*remarks, *(remark for table in tables for remark in table.remarks)),
        disagrees=tuple(remark for table in tables for remark in table.disagrees),
        unknown=sum((table.unknown for table in tables), Counter[str]()),
    )


def all_lines(dailies: Sequence[Daily]) -> list[ReportLine]:
    """The lines of all reports together."""
    return [line for daily in dailies for line in daily.lines]


def _open(path: Path, form: Format, words: Vocabulary) -> Book:
    if form is Format.TEXT:
        from pipeline.reader.delimited import open_table  # noqa: PLC0415 - only the reader that is needed

        return open_table(path, lambda cells: len(words.recognised(cells)))
    if form is Format.HTML:
        from pipeline.reader.html_table import open_page  # noqa: PLC0415 - as above

        return open_page(path)
    from pipeline.reader.workbook import open_workbook  # noqa: PLC0415 - as above

    return open_workbook(path, form)


def _spaced(path: Path) -> Book:
    """A table that was pasted from an e-mail as text: its cells stand two or more spaces apart."""
    text, encoding = read_text(path)

    def records() -> Iterator[Record]:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                cells = _SPACES.split(line.strip())
                yield Record(number, cells, "s" * len(cells))

    return Book(("",), partial(Grid, records=records), notices=encoding.notices)


def _tables(book: Book, words: Vocabulary, file: str, sha256: str, *, exact: bool = False) -> Iterator[TableReader]:
    """The visible sheets that are reports; those without headings by the headings of the mapping file."""
    for sheet in book.names:
        if sheet in book.hidden:
            continue
        grid = book.grid(sheet)
        heading = _heading_of(grid, words)
        if heading is None and is_enough(words.recognised(words.given), words.constants):
            heading = Record(0, words.given, "s" * len(words.given))
        if heading is not None:
            label = grid.name if len(book.names) > 1 else ""
            yield TableReader(grid, heading, words, file, sha256, label=label, exact=exact)


def _heading_of(grid: Grid, words: Vocabulary) -> Record | None:
    """The row of the first ones that names the most fields and enough of them, the upper one of equals."""
    best: Record | None = None
    most = 0
    for record in islice(grid.records(), _HEADING_DEPTH):
        fields = words.recognised(record.cells)
        if len(fields) > most and is_enough(fields, words.constants):
            best, most = record, len(fields)
    return best


def _no_columns(book: Book, words: Vocabulary, file: str) -> InputError:
    """Which headings stand there instead; never a row that looks like somebody's payment."""
    first = [record for name in book.names for record in islice(book.grid(name).records(), 10)]
    if not first:
        return InputError("The sheet has no rows. Export it again, or choose another with --sheet.")
    likely = max(first, key=lambda record: (len(words.recognised(record.cells)), sum(map(_is_word, record.cells))))
    bare = next(filter(_is_line, first), None)
    if bare and len(words.recognised(likely.cells)) <= 1:
        count = len(bare.cells)
        headings = ", ".join(map(toml_text, _WITHOUT_HEADINGS.get(count, _WITHOUT_HEADINGS[5])))
        return InputError(
            "Can't read {file}: it starts with dates and amounts, without headings for its "
            "{columns} columns. Name them in a mapping file (--mapping), with an empty name "
            "for a column that you do not need. For the usual columns of a bank: {toml}.",
            file=file,
            columns=count,
            toml=f"headings = [{headings}]",
        )
    found = shown_headings([cell for cell in likely.cells if _is_word(cell)][:20])
    return InputError(
        "Can't read {file}: no row in it names an amount and a reference or sessionId, "
        "nor the date, description and amounts of a bank statement. The headings in row "
        "{row} are: {found}. If this is a payment report, map its headings in a mapping "
        'file (--mapping), for example [columns] "Heading" = "reference".',
        file=file,
        row=likely.number,
        found=found,
    )


def _is_word(cell: str) -> bool:
    return bool(cell.strip()) and "@" not in cell and not any(char.isdigit() for char in cell)


def _is_line(record: Record) -> bool:
    """Whether a row has a day and an amount: a line, where headings should be."""
    orders = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)
    days = {at for at, cell in enumerate(record.cells) if any(moment_of(cell, "s", order) for order in orders)}
    amounts = (isinstance(money.parse(cell.strip()), Decimal) for at, cell in enumerate(record.cells) if at not in days)
    return bool(days) and any(amounts)
