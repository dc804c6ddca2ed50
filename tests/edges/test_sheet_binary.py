"""The binary workbooks (.xls, .xlsb): what their reader does not show is seen all the same, or they are refused."""

import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.binary_workbooks import Error, Formula, Sheet, write_xls, write_xlsb
from support.reading import codes, refusal, rows_of
from support.sheet_workbooks import write_xlsx

from pipeline.domain.errors import InputError

HEAD = ["Invoice #", "First name", "Last name", "Email", "Amount", "Until"]
ROW = ["007", "Jane", "Doe", "j@example.com", 5.0, "x"]


def biff5(path: Path, *sheets: Sheet) -> Path:
    return write_xls(path, *sheets, version=0x0500)


EACH = pytest.mark.parametrize(
    "write",
    [pytest.param(write_xls, id="xls"), pytest.param(biff5, id="xls of 1995"), pytest.param(write_xlsb, id="xlsb")],
)


@EACH
def test_hidden_rows_are_refused_with_their_numbers_unless_decided(tmp_path: Path, write: Callable[..., Any]) -> None:
    """As in .xlsx: rows hidden by hand or by a filter, and rows without any height."""
    rows: list[Any] = [["Acme"], HEAD, ROW, ROW, ROW, ROW, ROW]
    path = write(tmp_path / "b", Sheet(rows, hidden=[1, 4, 5], flat=[7]))
    failure = refusal(path)
    assert (failure.text, failure.params["rows"], failure.params["count"]) == (
        (
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them."
        ),
        "4-5, 7",
        3,
    )
    table, read = rows_of(path, hidden="skip")
    assert ([row.number for row in read], codes(table)) == ([3, 6], ["hidden-rows-skipped"])
    table, read = rows_of(path, hidden="include")
    assert ([row.number for row in read], codes(table)) == ([3, 4, 5, 6, 7], ["hidden-rows-included"])


@EACH
def test_hidden_columns_and_sheets_are_noticed(tmp_path: Path, write: Callable[..., Any]) -> None:
    """They have the notices of an .xlsx, and the hidden rows of another sheet do not matter."""
    old = Sheet([HEAD, ROW], name="Old", hidden=[2], state=1)
    path = write(tmp_path / "b", old, Sheet([HEAD, ROW], columns=[2, 3]))
    table, read = rows_of(path)
    assert (table.source.sheet, read[0].cells[2]) == ("Billing", "Doe")
    assert codes(table) == ["hidden-sheets-not-read", "hidden-columns"]
    assert dict(table.notices[1].details)["columns"] == "C, D"


@EACH
def test_error_values_are_seen(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Typed, or the result of a formula."""
    row = [*ROW[:4], Error("#REF!"), Error("#N/A", formula=True)]
    _, read = rows_of(write(tmp_path / "b", Sheet([HEAD, row])))
    assert (read[0].cells[4:], read[0].kinds) == (("#REF!", "#N/A"), "ssssee")


def test_rows_that_are_hidden_by_default_are_seen_in_xls(tmp_path: Path) -> None:
    """A sheet can say that every row is hidden that does not say otherwise; some programs write no rows at all."""
    hidden_by_default = struct.pack("<HHHH", 0x0225, 4, 2, 300)
    sheet = Sheet([HEAD, ROW, ROW], extra=hidden_by_default)
    assert refusal(write_xls(tmp_path / "b.xls", sheet, row_records=False)).params["rows"] == "2-3"
    assert len(rows_of(write_xls(tmp_path / "b.xls", sheet))[1]) == 2
    assert len(rows_of(write_xls(tmp_path / "b.xls", Sheet([HEAD, ROW]), row_records=False))[1]) == 1


def test_a_chart_within_a_sheet_does_not_hide_its_rows(tmp_path: Path) -> None:
    """Its records stand among those of the sheet and are none of them."""
    chart = struct.pack("<HHHHHHII", 0x0809, 16, 0x0600, 0x20, 0, 1997, 0, 6)
    chart += struct.pack("<HH6HI", 0x0208, 16, 1, 0, 5, 300, 0, 0, 0x20) + struct.pack("<HH", 0x000A, 0)
    assert len(rows_of(write_xls(tmp_path / "b.xls", Sheet([HEAD, ROW], extra=chart)))[1]) == 1


@pytest.mark.parametrize("write", [write_xls, write_xlsb])
def test_a_length_of_time_beyond_all_bounds_is_refused_with_its_row(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Here its format can't be taken out; another sheet of the workbook does not matter."""
    row = [*ROW[:5], (987654321012.0, "[h]:mm")]
    path = write(tmp_path / "b", Sheet([HEAD, ROW], name="Good"), Sheet([HEAD, ROW, row], name="Bad"))
    assert len(rows_of(path)[1]) == 1
    failure = refusal(path, sheets=("Bad",))
    assert (failure.text, failure.params) == (
        (
            'Row {row} of the sheet "{sheet}" has a duration beyond all limits and can\'t be '
            "read. Format its cell as a number, or save the workbook as .xlsx."
        ),
        {"sheet": "Bad", "row": 3},
    )


@EACH
def test_a_date_before_all_dates_stays_a_number(tmp_path: Path, write: Callable[..., Any]) -> None:
    """As in .xlsx: -1.5 is no 12:00."""
    _, read = rows_of(write(tmp_path / "b", Sheet([HEAD, [*ROW[:5], (-1.5, "yyyy-mm-dd")]])))
    assert (read[0].cells[5], read[0].kinds[5]) == ("-1.5", "n")


@EACH
@pytest.mark.parametrize("from_1904", [False, True])
@pytest.mark.parametrize(
    "look", ["yyyy-mm-dd", "m/d/yy h:mm", "hh:mm", "[h]:mm", "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "0.00", "00000"]
)
def test_a_date_is_a_date_however_it_is_saved(
    tmp_path: Path, write: Callable[..., Any], look: str, from_1904: bool
) -> None:
    """As a number of eight bytes, of four, or as the result of a formula: what .xlsx gives."""
    numbers = [46000, 46000.0, 0.25, 46000.75, 59.0, 1.0, -1.5]
    rows: list[Any] = [[*ROW[:5], cell] for number in numbers for cell in ((number, look), Formula(number, look))]
    if write is biff5 and look == "[h]:mm":
        rows = rows[4:6]  # where a length of time is a date
    sheet = Sheet([HEAD, *rows], from_1904=from_1904)
    read = [(row.cells[5], row.kinds[5]) for row in rows_of(write(tmp_path / "b", sheet))[1]]
    assert read == [(row.cells[5], row.kinds[5]) for row in rows_of(write_xlsx(tmp_path / "b.xlsx", sheet))[1]]


def unseen_xls(tmp_path: Path) -> Path:
    """A sheet whose record of a row is too short to say whether it is hidden."""
    return write_xls(tmp_path / "b.xls", Sheet([HEAD, ROW], extra=struct.pack("<HHHH", 0x0208, 4, 1, 0)))


def unseen_xlsb(tmp_path: Path) -> Path:
    """A part that ends within a record, behind the end of its rows."""
    path = write_xlsb(tmp_path / "b.xlsb", Sheet([HEAD, ROW], extra=b"\x3c\x02\x00\x00"))
    assert path.exists()
    return path


@pytest.mark.parametrize("make", [unseen_xls, unseen_xlsb])
def test_where_hidden_rows_can_not_be_told_the_workbook_is_refused(tmp_path: Path, make: Callable[..., Any]) -> None:
    """Only a decision to bill every row lets it in: what can't be seen can't be left out."""
    path = make(tmp_path)
    assert (
        refusal(path).text
        == refusal(path, hidden="skip").text
        == (
            "The program can't find out which rows of this {format} workbook are hidden or "
            "filtered out: its structure is damaged or unusual. Save it as .xlsx and use "
            "that, or bill all its rows with --hidden include."
        )
    )
    table, read = rows_of(path, hidden="include")
    assert (len(read), codes(table)) == (1, ["hidden-rows-unseen"])


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("write", [write_xls, write_xlsb])
def test_damaged_records_are_read_or_refused(tmp_path: Path, write: Callable[..., Any], seed: int) -> None:
    """Whatever bytes change, nothing else than a sentence comes of it."""
    chance = random.Random(seed)
    path = write(tmp_path / "b", Sheet([HEAD, *[ROW] * 20], hidden=[9], columns=[3]))
    content = bytearray(path.read_bytes())
    if write is write_xlsb:
        with zipfile.ZipFile(path) as book:
            parts = {name: bytearray(book.read(name)) for name in book.namelist()}
        spoilt = parts["xl/worksheets/sheet1.bin"]
        for _ in range(3):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        with zipfile.ZipFile(path, "w") as book:
            for name, part in parts.items():
                book.writestr(name, bytes(part))
    else:
        for _ in range(3):
            content[chance.randrange(512, len(content))] = chance.randrange(256)
        path.write_bytes(content)
    tracemalloc.start()
    try:
        with suppress(InputError):
            rows_of(path)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
