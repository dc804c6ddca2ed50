"""What the user's cells become in the workbook, read back by other readers than the one that proves it."""

from __future__ import annotations

import warnings
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from support.workbook_batches import one_column, report, stream

from pipeline.domain.model import MAX_TEXT, ReportRow, SheetRow, Status
from pipeline.report.workbook import write


def _written(path: Path, texts: list[str], kinds: str | None = None, number_format: str = "") -> list[Any]:
    """The cells of the user's only column, as openpyxl sees them."""
    batch, rows = one_column(texts, kinds, number_format)
    write(batch, stream(rows), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sheet = openpyxl.load_workbook(path)["Results"]
    return [sheet.cell(number, 2) for number in range(2, len(texts) + 2)]


TEXTS = [
    "007",
    "=1+1",
    "+1 416 555 0100",
    "-5",
    "@home",
    "\t=1",
    " =1",
    "\uff1d1+1",
    "9.88E+12",
    "12345678901234567890",
    "Null",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_the_text_that_it_was(tmp_path: Path, text: str) -> None:
    """A text cell comes back as the same text, in a cell of the text format."""
    (cell,) = _written(tmp_path / "out.xlsx", [text])
    assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1", "\u00a0=1", "\uff1d1", "\uff0b1"]
)
def test_text_that_begins_like_a_formula_has_a_quote_prefix(tmp_path: Path, text: str) -> None:
    """Such a text stays text also after somebody has edited the cell."""
    (cell,) = _written(tmp_path / "out.xlsx", [text])
    assert cell.quotePrefix


@pytest.mark.parametrize("text", ["a=1", "INV-1", "1+1", "7"])
def test_other_text_has_no_quote_prefix(tmp_path: Path, text: str) -> None:
    """No apostrophe is shown where none is needed."""
    (cell,) = _written(tmp_path / "out.xlsx", [text])
    assert not cell.quotePrefix


KINDS = [
    ("an integer", "n", "250", 250),
    ("a negative number", "n", "-12.5", -12.5),
    ("zero", "n", "0", 0),
    ("a small fraction", "n", "0.5", 0.5),
    ("a number in powers of ten", "n", "1E+20", 1e20),
    ("all digits of a double", "n", "0.30000000000000004", 0.30000000000000004),
    ("an integer that Excel would round", "n", "12345678901234567", "12345678901234567"),
    ("a number that no spreadsheet holds", "n", "1E+999", "1E+999"),
    ("not a number at all", "n", "nan", "nan"),
    ("leading zeros", "n", "007", "007"),
    ("a date", "d", "2026-11-24", datetime(2026, 11, 24)),  # noqa: DTZ001
    ("a time of a date", "d", "2026-11-24T13:45:30", datetime(2026, 11, 24, 13, 45, 30)),  # noqa: DTZ001
    ("a time of day", "d", "13:45:30", time(13, 45, 30)),
    ("a date before a spreadsheet's calendar", "d", "1867-07-01", "1867-07-01"),
    ("not a date at all", "d", "soon", "soon"),
    ("true", "b", "TRUE", True),
    ("false", "b", "FALSE", False),
    ("an error value", "e", "#N/A", "#N/A"),
    ("a formula without a value", "f", "", None),
    ("an empty cell", "s", "", None),
]


@pytest.mark.parametrize(("kind", "text", "value"), [case[1:] for case in KINDS], ids=[case[0] for case in KINDS])
def test_each_kind_of_cell_comes_back_as_it_was(tmp_path: Path, kind: str, text: str, value: Any) -> None:
    """Numbers, dates, booleans and errors keep their kind; what Excel can't hold becomes text, with every digit."""
    (cell,) = _written(tmp_path / "out.xlsx", [text], kind)
    assert cell.value == value
    assert type(cell.value) is type(value)


def test_an_error_value_stays_an_error_value(tmp_path: Path) -> None:
    """`#N/A` as text could be given back to `run` as somebody's name."""
    error, text = _written(tmp_path / "out.xlsx", ["#N/A", "#N/A"], "es")
    assert (error.data_type, text.data_type) == ("e", "s")


FORMATS = [("n", "12.5", "#,##0.00 [$CAD]"), ("d", "2026-11-24", "d mmmm yyyy"), ("n", "0.05", "0.0%")]


@pytest.mark.parametrize(("kind", "text", "number_format"), FORMATS)
def test_a_column_keeps_its_number_format(tmp_path: Path, kind: str, text: str, number_format: str) -> None:
    """Numbers and dates are shown as in the user's own workbook."""
    (cell,) = _written(tmp_path / "out.xlsx", [text], kind, number_format)
    assert cell.number_format == number_format


@pytest.mark.parametrize("number_format", ["x" * 256, "0\x01"], ids=["too long", "with a control character"])
def test_a_number_format_that_excel_would_repair_is_left_out(tmp_path: Path, number_format: str) -> None:
    """A damaged format of the user's does not damage our workbook."""
    (cell,) = _written(tmp_path / "out.xlsx", ["12.5"], "n", number_format)
    assert cell.number_format == "General"


def test_a_text_longer_than_a_cell_is_cut_with_a_mark(tmp_path: Path) -> None:
    """Excel opens 32,767 UTF-16 units of a cell; what is cut is said with the true length."""
    whole, cut, pairs = _written(tmp_path / "out.xlsx", ["x" * MAX_TEXT, "x" * 40_000, "😀" * 20_000])
    assert len(whole.value) == MAX_TEXT
    assert cut.value.endswith("[✂ 40000]")
    assert pairs.value.endswith("[✂ 20000]")
    assert len(pairs.value.encode("utf-16-le")) // 2 <= MAX_TEXT


AMOUNTS = ["0.01", "0.10", "19.99", "25000.00", "4503599627370.49", "999999999999.99", "1234567.89", "0.30"]


def test_amounts_are_exact_to_the_cent(tmp_path: Path) -> None:
    """An amount is written by its decimal text: up to 10^12 dollars every cent comes back."""
    rows = [
        ReportRow(SheetRow(n, (), ""), Status.CREATED, None, None, amount_sent=Decimal(amount))
        for n, amount in enumerate(AMOUNTS, 2)
    ]
    path = tmp_path / "out.xlsx"
    write(report(columns=()), stream(rows), path)
    with CalamineWorkbook.from_path(path) as book:
        found = [row[7] for row in book.get_sheet_by_name("Results").to_python()[1:]]
    assert [f"{Decimal(repr(value)):.2f}" for value in found if isinstance(value, float | int)] == AMOUNTS


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=25))
def test_any_text_comes_back_from_any_cell(texts: list[str]) -> None:
    """Whatever Unicode a cell holds, XML's forbidden characters too, the file is whole and the text is the same."""
    import tempfile  # noqa: PLC0415  a fixture would be shared by the examples

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.xlsx"
        cells = _written(path, texts)
        with CalamineWorkbook.from_path(path) as book:
            rows = book.get_sheet_by_name("Results").to_python()[1:]
    assert [_plain(cell.value) for cell in cells] == texts
    assert [_plain(str(row[1])) for row in rows] == texts


def _plain(stored: str) -> str:
    """A text as a spreadsheet shows it: `_xHHHH_` is one character (ECMA-376, ST_Xstring)."""
    return openpyxl.utils.escape.unescape(stored)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text", ["_x0041_", "a_x000D_b", "_x005F_", "\x00", "\x1f", "\ufffe", "\r\n", "tab\there", "  two  "]
)
def test_characters_that_xml_can_t_hold_are_escaped_where_one_can_see_it(tmp_path: Path, text: str) -> None:
    """Text that looks like an escape is told from an escape."""
    (cell,) = _written(tmp_path / "out.xlsx", [text])
    assert _plain(cell.value) == text


def test_half_a_character_is_replaced_visibly(tmp_path: Path) -> None:
    """A lone surrogate is no character; it becomes U+FFFD and spoils nothing."""
    (cell,) = _written(tmp_path / "out.xlsx", ["a\ud800b"])
    assert cell.value == "a\ufffdb"


def test_dates_are_days_of_the_spreadsheet(tmp_path: Path) -> None:
    """A date is a number of days, so that it can be sorted and counted."""
    _written(path := tmp_path / "out.xlsx", ["2026-11-24"], "d")
    with CalamineWorkbook.from_path(path) as book:
        assert book.get_sheet_by_name("Results").to_python()[1][1] == date(2026, 11, 24)
