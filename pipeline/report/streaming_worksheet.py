"""A worksheet whose rows are written as they come, in memory that does not grow with them.

XlsxWriter makes the rest of the workbook: styles, tables, filters, print set-up, the package. Its own `constant_memory`
mode can't have tables and takes three times as long (docs/decisions/0015-streamed-rows.md). So the rows are kept here,
in a file of this class, and are put into the sheet when XlsxWriter assembles it. This is the only place that knows
XlsxWriter's inner methods; the edge tests read the files again with other readers.
"""

from __future__ import annotations

import itertools
import math
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import IO, Final

from xlsxwriter.utility import xl_col_to_name, xl_range
from xlsxwriter.worksheet import Worksheet

from pipeline.report.cells import text_cell
from pipeline.report.styles import GREY
from pipeline.report.widths import NO_WIDTHS, PAGE, Widths

MAX_LINKS: Final = 65_530
"""Hyperlinks that Excel opens in one sheet. Excel: "Excel specifications and limits"."""
MAX_NOTES: Final = 1_000
"""Notes on cells of one sheet. The reason is in its row too, and a sheet with more opens slowly."""
MAX_URL: Final = 2_079
"""Characters of one hyperlink's address. Same source."""
MAX_ROWS: Final = 1_048_576
"""Rows of one sheet, headings included. Same source."""
MAX_TABLE_HEADING: Final = 255
"""Characters of a table's heading. Excel asks to repair a file with a longer one."""

_ODD: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_x[0-9A-Fa-f]{4}_")
_URL: Final = re.compile(r"""https?://[!-~]+""")
_NOT_IN_URL: Final = re.compile(r"""["<>\[\]^`{}|\\]""")

_CELL: Final = re.compile(rb'<c r="([A-Z]+)')
"""Where a cell begins. In a text it would be `&lt;c`."""

_LINE: Final = 42  # characters of a wrapped line in the widest column, with room for wide letters
_LINE_HEIGHT: Final = 15  # points
_MOST_LINES: Final = 12
_BLOCK: Final = 1 << 20
_LETTER_PAPER: Final = 1


class StreamedSheet(Worksheet):  # type: ignore[misc]  # XlsxWriter has no types
    """A sheet with one row of headings and any number of rows below, each already XML.

    `begin` comes first, then `add_row` for every row, then `dress`. XlsxWriter's own methods for columns,
    conditional formats and print set-up work as ever; those that write cells do not.
    """

    most_rows = MAX_ROWS

    def begin(self, headings: Sequence[str], styles: tuple[int, int, int], lengths: Mapping[int, int]) -> None:
        """Takes the headings; `styles` are `style` and `quoted` of `text_cell`, and that of a sheet without rows.

        `lengths` says, by style number, how many characters a date takes (`Looks.lengths`).
        """
        *self._heading_styles, self._empty_style = styles
        self.headings = tuple(headings)
        self.letters = tuple(xl_col_to_name(index) for index in range(len(headings)))
        self.data_rows = 0
        self._widths = Widths(self.headings, self.letters, lengths)
        self._links: list[tuple[str, str]] = []
        self._notes = 0
        self._rows: IO[bytes] = tempfile.TemporaryFile(dir=self.tmpdir)  # noqa: SIM115  closed when it is assembled
        self._moved: dict[bytes, bytes] = {}

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
        self._rows.write(f'<row r="{self.data_rows + 2}"{height}>{cells}</row>\n'.encode())
        self.data_rows += 1
        self._widths.saw(cells)

    def add_note(self, column: int, text: str, look: Mapping[str, object]) -> None:
        """A note on a cell of the row that is written next; none beyond MAX_NOTES, since XlsxWriter keeps them all."""
        if self._notes < MAX_NOTES:
            self._notes += 1
            self.write_comment(self.next_row - 1, column, text, dict(look))

    def leave_out(self, columns: Collection[int]) -> None:
        """Closes the gaps of columns in which there is no cell, once all rows are there."""
        kept = [at for at in range(len(self.headings)) if at not in columns]
        moved = {self.letters[at]: self.letters[place] for place, at in enumerate(kept)}
        self._widths.leave_out([self.letters[at] for at in columns])
        self.headings = tuple(self.headings[at] for at in kept)
        self.letters = self.letters[: len(kept)]
        self._links = [(re.sub("[A-Z]+", lambda letters: moved[letters[0]], ref), url) for ref, url in self._links]
        self._moved = {old.encode(): new.encode() for old, new in moved.items() if old != new}

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

    def dress(self, empty: str, least: Mapping[int, float] = NO_WIDTHS, needed: Collection[int] = ()) -> None:
        """Filters, widths and print set-up, once all rows are there.

        A page has the columns up to the last that is `needed`, all without it, and `least` says how narrow some of them
        may become for it. A sheet without rows says `empty`, and is grey.
        """
        self.finish(self.name.replace(" ", "_"))
        widths, gap = self._page(least, needed or range(len(self.headings)))
        for index, width in enumerate(widths):
            self.set_column(index, index, width)
        lines = max(_lines(heading, width) for heading, width in zip(self.headings, widths, strict=True))
        self._heading_height = min(lines, _MOST_LINES) * _LINE_HEIGHT + 5
        last = max(self.data_rows, 1)
        # Identifiers are text on purpose; Excel's green corners would ask to make numbers of them.
        self.ignore_errors({"number_stored_as_text": f"A1:{self.letters[-1]}{last + 1}"})
        self._empty = "" if self.data_rows else empty
        if self._empty:
            self.set_tab_color(GREY)
        self.freeze_panes(1, 1)
        self.set_landscape()
        self.set_paper(_LETTER_PAPER)
        self.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        if gap:
            self.repeat_columns(0, gap.start - 1)
        self.print_area(0, gap.stop, last, max(needed, default=len(self.headings) - 1))
        self.fit_to_pages(1, 0)
        self.repeat_rows(0)
        self.set_footer("&L&A&R&P / &N")

    def _page(self, least: Mapping[int, float], needed: Collection[int]) -> tuple[list[float], range]:
        """The widths of the columns, and the columns that are left out on paper; none where a page has room for all.

        Paper has one gap: the columns before it are printed as those that each page repeats, the others as the area.
        """
        printed = range(max(needed) + 1)
        widths = self._widths.fitted(printed, least)
        if sum(widths[at] for at in printed) <= PAGE:
            return widths, range(0)
        stops = sorted(needed)
        gaps = [range(before + 1, after) for before, after in itertools.pairwise(stops)]
        gap = max(gaps, key=lambda gap: sum(widths[at] for at in gap), default=range(0))
        return self._widths.fitted([at for at in printed if at not in gap], least), gap or range(0)

    def _write_dimension(self) -> None:
        self.dim_rowmin, self.dim_rowmax = 0, max(self.data_rows, bool(self._empty))
        self.dim_colmin, self.dim_colmax = 0, len(self.headings) - 1
        super()._write_dimension()

    def _write_sheet_data(self) -> None:
        self._xml_start_tag("sheetData")
        headings = zip(self.letters, self.headings, strict=True)
        cells = "".join(text_cell(f"{letter}1", heading, *self._heading_styles) for letter, heading in headings)
        self.fh.write(f'<row r="1" ht="{self._heading_height}" customHeight="1">{cells}</row>\n')
        if self._empty:
            self.fh.write(f'<row r="2">{text_cell("A2", self._empty, self._empty_style, self._empty_style)}</row>')
        self._rows.seek(0)
        self.fh.flush()  # the rows are bytes already and go past the text layer
        if self._moved:
            for line in self._rows:
                self.fh.buffer.write(_CELL.sub(self._in_place, line))
        else:
            while block := self._rows.read(_BLOCK):
                self.fh.buffer.write(block)
        self._rows.close()
        self._xml_end_tag("sheetData")

    def _in_place(self, cell: re.Match[bytes]) -> bytes:
        return b'<c r="' + self._moved.get(cell[1], cell[1])

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


def _lines(heading: str, width: float) -> int:
    """How many lines a heading takes, beside the filter's button."""
    return sum(math.ceil(max(len(line), 1) / max(width - 4, 1)) for line in heading.splitlines() or [""])


def fit_for_table(headings: Sequence[str]) -> bool:
    """Whether these headings can be those of an Excel table.

    Those that hold what a cell shows otherwise than it stands in the file (control characters) are not tried.
    """
    folded = {heading.casefold().strip() for heading in headings}
    plain = all(len(heading) <= MAX_TABLE_HEADING and not _ODD.search(heading) for heading in headings)
    return "" not in folded and len(folded) == len(headings) and plain
