"""A worksheet whose rows are written as they come, in memory that does not grow with them.

XlsxWriter makes the rest of the workbook: styles, tables, filters, print set-up, the package. Its own `constant_memory`
mode can't have tables and takes several times as long, so the rows are kept here, in a file of this class, and are put
into the sheet when XlsxWriter assembles it. This is the only place that knows XlsxWriter's inner methods; the edge
tests read the files again with other readers.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Final

from xlsxwriter.utility import xl_col_to_name, xl_range
from xlsxwriter.worksheet import Worksheet

from pipeline.report.cells import text_cell
from pipeline.report.widths import Widths

MAX_LINKS: Final = 65_530
"""Hyperlinks that Excel opens in one sheet. Excel: "Excel specifications and limits"."""
MAX_URL: Final = 2_079
"""Characters of one hyperlink's address. Same source."""
MAX_ROWS: Final = 1_048_576
"""Rows of one sheet, headings included. Same source."""
MAX_TABLE_HEADING: Final = 255
"""Characters of a table's heading. Excel asks to repair a file with a longer one."""

_ODD: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_x[0-9A-Fa-f]{4}_")
_URL: Final = re.compile(r"""https?://[!-~]+""")
_NOT_IN_URL: Final = re.compile(r"""["<>\[\]^`{}|\\]""")

_LINE: Final = 42  # characters of a wrapped line in the widest column, with room for wide letters
_LINE_HEIGHT: Final = 15  # points
_MOST_LINES: Final = 12
_BLOCK: Final = 1 << 20


class StreamedSheet(Worksheet):  # type: ignore[misc]  # XlsxWriter has no types
    """A sheet with one row of headings and any number of rows below, each already XML.

    `begin` comes first, then `add_row` for every row, then `finish`. XlsxWriter's own methods for columns,
    conditional formats and print set-up work as ever; those that write cells do not.
    """

    most_rows = MAX_ROWS

    def begin(self, headings: Sequence[str], styles: tuple[int, int], lengths: Mapping[int, int]) -> None:
        """Writes the headings into the first row; `styles` are `style` and `quoted` of `text_cell`.

        `lengths` says, by style number, how many characters a date takes (`Looks.lengths`).
        """
        self.headings = tuple(headings)
        self.letters = tuple(xl_col_to_name(index) for index in range(len(headings)))
        self.data_rows = 0
        self._widths = Widths(self.headings, self.letters, lengths)
        self._links: list[tuple[str, str]] = []
        self._rows: IO[bytes] = tempfile.TemporaryFile(dir=self.tmpdir)  # noqa: SIM115  closed when it is assembled
        cells = (
            text_cell(f"{letter}1", heading, *styles) for letter, heading in zip(self.letters, headings, strict=True)
        )
        self._rows.write(f'<row r="1">{"".join(cells)}</row>'.encode())

    @property
    def is_full(self) -> bool:
        """Whether Excel would not open one row more."""
        return self.data_rows >= self.most_rows - 1

    @property
    def next_row(self) -> int:
        """The number of the row that `add_row` writes next, as a spreadsheet shows it."""
        return self.data_rows + 2

    def add_row(self, cells: str, longest: int = 0) -> None:
        """One row: its cells as XML, in the order of the columns, for the row `next_row`.

        `longest` is the length of its longest wrapped text: not every spreadsheet finds the height by itself.
        """
        lines = min(math.ceil(longest / _LINE), _MOST_LINES)
        height = f' ht="{lines * _LINE_HEIGHT}" customHeight="1"' if lines > 1 else ""
        self._rows.write(f'<row r="{self.data_rows + 2}"{height}>{cells}</row>'.encode())
        self.data_rows += 1
        self._widths.saw(cells)

    def widths(self) -> list[float]:
        """The width of each column, in characters, from what was written so far."""
        return self._widths.all()

    def add_link(self, ref: str, url: str) -> bool:
        """Makes the cell `ref` a hyperlink; False when Excel would not open it, or one more would spoil the file."""
        if len(self._links) >= MAX_LINKS or len(url) > MAX_URL or not _URL.fullmatch(url) or _NOT_IN_URL.search(url):
            return False
        self._links.append((ref, url))
        return True

    def finish(self, table_name: str) -> None:
        """Puts filters over all rows: an Excel table, or a plain filter where a table can't be.

        Excel wants the headings of a table unique, whatever their case, and none empty; with others it would ask to
        repair the workbook when it is opened.
        """
        last, width = self.data_rows, len(self.headings)
        if not last:
            return
        if not fit_for_table(self.headings):
            self.autofilter(0, 0, last, width - 1)
            return
        columns = [{"header": heading} for heading in self.headings]
        self.add_table(0, 0, 1, width - 1, {"name": table_name, "columns": columns, "style": "Table Style Light 1"})
        # `add_table` remembers each cell of its range, which would be all of the memory: it was given one row.
        table = self.tables[-1]
        table["range"] = table["a_range"] = table["autofilter"] = xl_range(0, 0, last, width - 1)

    def _write_dimension(self) -> None:
        self.dim_rowmin, self.dim_rowmax = 0, self.data_rows
        self.dim_colmin, self.dim_colmax = 0, len(self.headings) - 1
        super()._write_dimension()

    def _write_sheet_data(self) -> None:
        self._xml_start_tag("sheetData")
        self._rows.seek(0)
        self.fh.flush()  # the rows are bytes already and go past the text layer
        while block := self._rows.read(_BLOCK):
            self.fh.buffer.write(block)
        self._rows.close()
        self._xml_end_tag("sheetData")

    def _write_hyperlinks(self) -> None:
        if not self._links:
            return
        self._xml_start_tag("hyperlinks")
        for ref, url in self._links:
            self.rel_count += 1
            address, _, place = url.partition("#")
            within = [("location", place)] if place else []
            self._xml_empty_tag("hyperlink", [("ref", ref), ("r:id", f"rId{self.rel_count}"), *within])
            self.external_hyper_links.append(["/hyperlink", address, "External"])
        self._xml_end_tag("hyperlinks")


def fit_for_table(headings: Sequence[str]) -> bool:
    """Whether these headings can be those of an Excel table.

    Those that hold what a cell shows otherwise than it stands in the file (control characters) are not tried.
    """
    folded = {heading.casefold().strip() for heading in headings}
    plain = all(len(heading) <= MAX_TABLE_HEADING and not _ODD.search(heading) for heading in headings)
    return "" not in folded and len(folded) == len(headings) and plain
