"""Where on a sheet a table stands does not matter: what is known of a cell is known of that cell."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.binary_workbooks import Error, Sheet, write_xls, write_xlsb
from support.sheet_workbooks import EACH, UNSAVED, write_ods, write_xlsx

from pipeline.domain.model import kind_of, look_of
from pipeline.reader import ReadOptions, open_table
from pipeline.reader.headings import letter
from pipeline.validation import CheckOptions, check_table

CASES = Path(__file__).parents[1] / "cases"
HEAD = [
    "Invoice #",
    "First name",
    "Last name",
    "Email",
    "Amount",
    "Code",
]  # a code is no amount that is due
ROW = ["INV-1", "Jane", "Doe", "j@example.com", 5.0, None]
CELLS = [
    *("text", None, 7.0, -1.5, Error("#N/A"), Error("#REF!", formula=True), (46000.0, "yyyy-mm-dd")),
    *((0.25, "0%"), (5.0, "0.00"), (12.0, "00000"), (-1.5, "yyyy-mm-dd")),
]


def shifted(sheet: Sheet, down: int, right: int) -> Sheet:
    """The same sheet with so many blank rows above it and blank columns before it."""
    rows = [*[[None]] * down, *[[*[None] * right, *row] for row in sheet.rows]]
    return Sheet(rows, hidden=[row + down for row in sheet.hidden], columns=[one + right for one in sheet.columns])


def seen(
    path: Path, down: int = 0, right: int = 0
) -> tuple[
    list[tuple[int, tuple[str, ...], list[tuple[Any, ...]]]],
    list[tuple[list[str], list[Any], Decimal | None]],
    list[tuple[str, list[str]]],
    list[str],
]:
    """All that is known of a sheet: its cells with their looks, its notices; row numbers and letters shifted back."""
    table = open_table(path, ReadOptions(hidden="skip"))
    assert [table.letter(column) for column in table.columns] == [
        letter(at + right) for at in range(len(table.columns))
    ]
    formats = [(column.number_format, *column.other_formats) for column in table.columns]
    rows = [
        (
            row.number - down,
            row.cells,
            [
                (kind_of(one), formats[at][look_of(one)] if kind_of(one) in "nd" else "")
                for at, one in enumerate(row.kinds)
            ],
        )
        for chunk in table.chunks()
        for row in chunk
    ]
    told = [(notice.code, [value for name, value in notice.details if name == "columns"]) for notice in table.notices]
    hidden = [dict(notice.details)["rows"] for notice in table.notices if notice.code == "hidden-rows-skipped"]
    checked = check_table(table, CheckOptions())
    verdicts = [
        ([fault.code for fault in row.faults], [notice.code for notice in row.notices], row.amount)
        for chunk in checked.chunks()
        for row in chunk
    ]
    return rows, verdicts, told, hidden


@EACH
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.sampled_from(CELLS)] * 2), min_size=1, max_size=5),
    by=st.tuples(st.integers(0, 9), st.integers(0, 30)),
    data=st.data(),
)
def test_a_table_is_read_the_same_wherever_it_stands(
    tmp_path: Path, write: Callable[..., Path], rows: list[Any], by: tuple[int, int], data: Any
) -> None:
    """Number formats, error values, unsaved formulas, hidden rows and columns belong to their own cells."""
    down, right = by
    known = [UNSAVED] if write in {write_xlsx, write_ods} else []
    rows = [[data.draw(st.sampled_from([cell, *known])) for cell in row] for row in rows]
    table: list[Any] = [HEAD, ROW, *[[f"INV-{at}", *ROW[1:4], *row] for at, row in enumerate(rows, 2)], ROW]
    sheet = Sheet(
        table, hidden=data.draw(st.sampled_from([[], [3]])), columns=data.draw(st.sampled_from([[], [2], [5]]))
    )
    here, there = tmp_path / "here", tmp_path / "there"
    write(here, sheet)
    write(there, shifted(sheet, down, right))
    rows, verdicts, told, hidden = seen(here)
    moved = seen(there, down, right)
    assert moved[:2] == (rows, verdicts)
    assert [code for code, _ in moved[2]] == [code for code, _ in told]
    assert [columns for code, columns in moved[2] if code == "hidden-columns"] == [
        [letter(at + right)] for at in sheet.columns
    ]
    assert moved[3] == [str(int(number) + down) for number in hidden]


def test_a_real_sheet_that_begins_in_column_b() -> None:
    """Four of its five rows are wrong, as they would be if it began in A; its letters are the sheet's."""
    table = open_table(CASES / "begins-in-column-b.xlsx", ReadOptions())
    rows = [row for chunk in check_table(table, CheckOptions()).chunks() for row in chunk]
    assert [[fault.code for fault in row.faults] for row in rows] == [
        ["amount-foreign"], ["amount-foreign"], ["percentage"], [], ["error-value"],
    ]  # fmt: skip
    assert rows[0].notices[0].code == "read-as-shown"
    assert table.letter(table.columns[0]) == table.columns[0].letter == "B"


@pytest.mark.parametrize("write", [write_xlsx, write_xls, write_xlsb])
def test_what_a_sheet_shows_beside_a_blank_first_column_is_a_fault(tmp_path: Path, write: Callable[..., Any]) -> None:
    """A table from column B on: foreign money, a percentage, an error value and an identifier by its format."""
    amounts = [(120.0, "#,##0.00\\ [$€-40C]"), (250.0, '"US$"\\ #,##0.00'), (0.25, "0%"), Error("#N/A"), 60.0]
    rows = [[(101.0 + at, '"INV-"00000'), *ROW[1:4], amount] for at, amount in enumerate(amounts)]
    path = write(tmp_path / "b", shifted(Sheet([HEAD, *rows]), 2, 1))
    found = [row for chunk in check_table(open_table(path, ReadOptions()), CheckOptions()).chunks() for row in chunk]
    codes = [[fault.code for fault in row.faults] for row in found]
    assert codes == [["amount-foreign"], ["amount-foreign"], ["percentage"], ["error-value"], []]
    assert found[-1].payment.reference_id == "INV-00105"
