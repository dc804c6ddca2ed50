"""Several sheets with the same headings: asked about, and read as one when they are named."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.binary_workbooks import Sheet, write_xlsb
from support.reading import codes, refusal, rows_of
from support.sheet_workbooks import EACH, write_xlsx

from pipeline.cli import main
from pipeline.domain.errors import ExitCode
from pipeline.reader import ReadOptions, open_table
from pipeline.validation import CheckOptions, check_table

CASES = Path(__file__).parents[1] / "cases"
HEAD = ["Invoice #", "First name", "Last name", "Email", "Amount", "Until"]
ROW = ["INV-1", "Jane", "Doe", "j@example.com", 5.0, (46000.0, "yyyy-mm-dd")]


def two(more: Sequence[Sheet] = (), second: list[str] = HEAD, **there: Any) -> list[Sheet]:
    """A-M with a title, and N-Z, with dates in another format; `more` sheets behind them."""
    other = [["INV-2", *ROW[1:4], (0.25, "0%"), (46001.0, "dd/mm/yyyy")], ["INV-3", *ROW[1:4], 6.0, None]]
    return [Sheet([["Billing"], HEAD, ROW], name="A-M"), Sheet([second, *other], name="N-Z", **there), *more]


@EACH
def test_two_sheets_with_the_same_headings_are_asked_about(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Whatever stands above them; with other letters, too."""
    path = write(tmp_path / "b", *two(second=[heading.upper() for heading in HEAD]))
    failure = refusal(path)
    assert (failure.text, failure.params["sheets"]) == (
        ("Several sheets have the same headings: {sheets}. Choose with --sheet, once for each sheet, or --sheet all."),
        "A-M, N-Z",
    )
    assert [row.number for row in rows_of(path, sheets=("N-Z",))[1]] == [2, 3]


def test_the_same_headings_in_other_columns_are_asked_about(tmp_path: Path) -> None:
    """They can't be read as one, but which is meant is not known."""
    shifted = Sheet([[None, *HEAD], [None, "INV-2", *ROW[1:]]], name="N-Z")
    path = write_xlsx(tmp_path / "b", Sheet([HEAD, ROW], name="A-M"), shifted)
    assert refusal(path).text == (
        "Several sheets have the same headings: {sheets}. Choose with --sheet, once for each sheet, or --sheet all."
    )
    assert refusal(path, sheets=("all",)).text == (
        'The sheets "{first}" and "{other}" have different headings, or have them in '
        "other columns. Read each sheet separately."
    )
    assert rows_of(path, sheets=("N-Z",))[1][0].cells[0] == "INV-2"


@pytest.mark.parametrize(
    "other",
    [
        Sheet([HEAD], name="Empty"),
        Sheet([HEAD[:4], ROW[:4]], name="Short"),
        Sheet([HEAD, ROW], name="Old", state=1),
        Sheet([["Total", "Count"], [5.0, 1.0]], name="Summary"),
    ],
)
def test_a_sheet_that_is_no_second_one_is_not_asked_about(tmp_path: Path, other: Sheet) -> None:
    """Without rows, with other headings, hidden."""
    sheets = [Sheet([HEAD, ROW], name="Billing"), other]
    path = write_xlsb(tmp_path / "b.xlsb", *sheets)
    assert len(rows_of(path)[1]) == 1


@EACH
@pytest.mark.parametrize("wanted", [("all",), ("A-M", "N-Z"), ("N-Z", "A-M")])
def test_several_sheets_are_read_as_one(tmp_path: Path, write: Callable[..., Any], wanted: tuple[str, ...]) -> None:
    """Their rows have numbers that tell them apart, and keep their formats, hidden rows and merges."""
    notes = Sheet([["nothing"], ["here"]], name="Notes")
    path = write(tmp_path / "b", *two([notes], hidden=[3], columns=[2]))
    failure = refusal(path, sheets=wanted)
    assert (failure.text, failure.params["rows"]) == (
        (
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them."
        ),
        "100003",
    )
    table = open_table(path, ReadOptions(wanted, hidden="include"))
    rows = [row for chunk in check_table(table, CheckOptions()).chunks() for row in chunk]
    assert [row.row.number for row in rows] == [3, 100_002, 100_003]
    assert [[fault.code for fault in row.faults] for row in rows] == [[], ["percentage"], []]
    assert [row.row.cells[5] for row in rows] == ["2025-12-09", "2025-12-10", ""]
    assert (table.columns[5].number_format, table.columns[5].other_formats) == ("yyyy-mm-dd", ("dd/mm/yyyy",))
    assert table.source.sheet == "A-M, N-Z"
    assert codes(table) == ["sheets-joined", "sheets-not-read", "hidden-rows-included", "hidden-columns"]


def test_sheets_with_other_headings_are_not_read_as_one(tmp_path: Path) -> None:
    """Named one by one; `all` leaves out what is no table of this kind."""
    path = write_xlsx(tmp_path / "b.xlsx", *two([Sheet([HEAD[:5], ROW[:5]], name="Short")]))
    failure = refusal(path, sheets=("A-M", "Short"))
    assert (failure.text, failure.params) == (
        (
            'The sheets "{first}" and "{other}" have different headings, or have them in '
            "other columns. Read each sheet separately."
        ),
        {"first": "A-M", "other": "Short"},
    )
    assert len(rows_of(path, sheets=("all",))[1]) == 3
    assert refusal(path, sheets=("A-M", "Dec")).text == 'There is no sheet "{sheet}". The workbook has: {sheets}.'


def test_a_sheet_called_all_is_that_sheet(tmp_path: Path) -> None:
    """A name is a name."""
    path = write_xlsx(tmp_path / "b.xlsx", *two([Sheet([HEAD, ROW], name="all")]))
    assert rows_of(path, sheets=("all",))[0].source.sheet == "all"


def test_a_sheet_with_too_many_rows_is_not_read_together_with_others(tmp_path: Path) -> None:
    """Its numbers would be those of the next one."""
    far = Sheet([HEAD, *[[]] * 99_998, ["INV-9", *ROW[1:]]], name="Far")
    path = write_xlsx(tmp_path / "b.xlsx", far, Sheet([HEAD, ROW], name="Near"))
    failure = refusal(path, sheets=("all",))
    assert (failure.text, failure.params["sheet"]) == (
        (
            'The sheet "{sheet}" has more than {limit} rows and can\'t be read together with '
            "others. Read each sheet separately."
        ),
        "Far",
    )


def code(*words: str) -> ExitCode:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([*words])
    return left.value.code  # type: ignore[return-value]


def test_the_option_can_be_given_several_times(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 3 without it; with it, both sheets are read. A marked copy is of one sheet."""
    case = str(CASES / "two-sheets.xlsx")
    assert code("validate", case) == 3
    assert "A-M, N-Z" in capsys.readouterr().err
    for given in (["--sheet", "all"], ["--sheet", "N-Z", "--sheet", "A-M"]):
        assert code("validate", case, "--json", *given) == 0
        assert '"rows": 6' in capsys.readouterr().out
    marked = ["--mended", str(tmp_path / "copy.xlsx"), "--sandbox", "--journal", str(tmp_path / "j.sqlite")]
    assert code("run", case, "--sheet", "all", *marked) == 2
