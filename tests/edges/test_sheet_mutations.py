"""One slip of whoever exported a text file or a page: no valid row may have another amount, name or reference than
before.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.errors import InputError
from pipeline.reader import ReadOptions, open_table
from pipeline.validation import CheckOptions, check_table

ROWS = [
    ("INV-1", "Amélie", "Gagnon", "amelie@example.com", "1125.40", "", "12"),
    ("INV-2", "Noah", "Chen", "noah@example.com", "80.00", "late", "7"),
    ("INV-3", "Priya", "Singh", "priya@example.com", "2300.00", "", "30"),
    ("INV-4", "Luc", "Roy", "luc@example.com", "44.50", "", "45"),
]
HEADINGS = ("Invoice", "First name", "Last name", "Email", "Amount", "Notes", "Days")


def _lines(delimiter: str, columns: str, quote: str = "", end: str = "") -> list[str]:
    """A layout: its columns by number, in order, each cell in quotation marks or not, a separator at the end or not."""
    chosen = [int(column) for column in columns]
    table = [HEADINGS, *ROWS]
    return [delimiter.join(f"{quote}{row[at]}{quote}" for at in chosen) + end for row in table]


LAYOUTS = {
    "commas": _lines(",", "0123456"),
    "semicolons, the amount last": _lines(";", "0512364"),
    "tabs": _lines("\t", "0412356"),
    "all in quotation marks": _lines(",", "0123465", quote='"'),
    "a blank column last": _lines(",", "01234", end=","),
    "a separator behind every row": [_lines(",", "01234")[0], *_lines(",", "01234", end=",")[1:]],
    "blank cells at the end left out": [line.rstrip(",") for line in _lines(",", "012345")],
    "by apostrophes": _lines(",", "0123456", quote="'"),
    "bars": _lines("|", "6012345"),
}


def _payments(path: Path, text: str) -> set[tuple[str, ...]]:
    """Reference, names and amount of every valid row."""
    path.write_text(text, "utf-8", newline="")
    try:
        table = open_table(path, ReadOptions())
        rows = [row.payment for chunk in check_table(table, CheckOptions()).chunks() for row in chunk if row.payment]
    except InputError:
        return set()
    return {(row.reference_id, row.first_name, row.last_name, row.email, str(row.amount)) for row in rows}


def _text(lines: list[str], at: int, line: str) -> str:
    return "\r\n".join([*lines[:at], line, *lines[at + 1 :], ""])


def _mutations(lines: list[str], at: int) -> Iterator[str]:
    """The line with a separator more, one less, a decimal or thousands comma, or a quotation mark too many."""
    line = lines[at]
    delimiter = next(one for one in "\t;|," if one in line)
    for place, sign in enumerate(line):
        if sign == delimiter:
            yield line[:place] + line[place + 1 :]
            yield line[:place] + delimiter + line[place:]
    for place in range(len(line) + 1):
        yield line[:place] + '"' + line[place:]
    amount = ROWS[at - 1][4]
    whole, cents = amount.split(".")
    if delimiter == "," and f'"{amount}"' not in line and f"'{amount}'" not in line:
        yield line.replace(amount, f"{whole},{cents}")
        yield line.replace(amount, f"{int(whole):,}.{cents}")


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_no_slip_gives_a_valid_row_another_value(tmp_path: Path, layout: list[str]) -> None:
    """The row is at fault, or nothing of it has changed; and the rows beside it are what they were."""
    path = tmp_path / "sheet.csv"
    good = _payments(path, "\n".join(layout))
    assert len(good) == len(ROWS)
    for at in (1, 3, 4):
        others = {payment for payment in good if payment[0] != ROWS[at - 1][0]}
        for line in _mutations(layout, at):
            found = _payments(path, _text(layout, at, line))
            assert found <= good, line
            assert others <= found or not found, line


PAGES = {
    "closed cells": ("<td>", "</td>"),
    "open cells": ("<td>", ""),
    "headings in the first column": ("<th scope=row>", "</th>"),
}


def _page(lines: list[list[str]]) -> str:
    return "<html><table>" + "".join("<tr>" + "".join(cells) for cells in lines) + "</table></html>"


@pytest.mark.parametrize(("start", "end"), PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("columns", ["0123456", "4012365", "01234"])
def test_no_lost_tag_gives_a_valid_row_another_value(tmp_path: Path, start: str, end: str, columns: str) -> None:
    """A page in which a row has lost a cell or the begin of one, or has one more, also a blank one."""
    path = tmp_path / "sheet.xls"
    good = [[f"{start}{row[int(at)]}{end}" for at in columns] for row in (HEADINGS, *ROWS)]
    payments = _payments(path, _page(good))
    assert len(payments) == len(ROWS)
    for at in (1, 3, 4):
        own = {payment for payment in payments if payment[0] == ROWS[at - 1][0]}
        for place, cell in enumerate(good[at]):
            for spoilt in ("", cell.removeprefix(start), start + end + cell, cell * 2):
                lines = [*good[:at], [*good[at][:place], spoilt, *good[at][place + 1 :]], *good[at + 1 :]]
                assert _payments(path, _page(lines)) == payments - own, (place, spoilt)


def test_rows_of_a_page_that_all_lack_their_last_cell_are_read(tmp_path: Path) -> None:
    """All agree: nothing is missing between them."""
    lines = [[f"<td>{cell}" for cell in row[: 7 - bool(at)]] for at, row in enumerate((HEADINGS, *ROWS))]
    assert len(_payments(tmp_path / "sheet.xls", _page(lines))) == len(ROWS)
