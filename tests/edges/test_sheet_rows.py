"""Which rows of a sheet are rows: merged, struck through, filled down, repeated headings, labels beside the table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.binary_workbooks import Sheet
from support.reading import codes, refusal, rows_of
from support.sheet_workbooks import EACH, write_xlsx

from pipeline.domain.model import CheckedRow
from pipeline.reader import ReadOptions, open_table
from pipeline.reader.table import Table
from pipeline.validation import CheckOptions, check_table

CASES = Path(__file__).parents[1] / "cases"
HEAD: list[Any] = ["Invoice #", "First name", "Last name", "Email", "Amount", "Note"]
ROW: list[Any] = ["INV-1", "Jane", "Doe", "j@example.com", 5.0, None]


def checked(path: Path, **options: Any) -> tuple[Table, list[CheckedRow]]:
    """The table of a file, and its rows checked."""
    table = open_table(path, ReadOptions(**options))
    result = check_table(table, CheckOptions())
    return table, [row for chunk in result.chunks() for row in chunk]


def page(*rows: str, style: str = "") -> str:
    return f"<html><head><style>{style}</style></head><body><table>{''.join(rows)}</table></body></html>"


def tr(*cells: Any, attributes: str = "") -> str:
    return f"<tr {attributes}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


@EACH
def test_a_merged_value_belongs_to_every_row_it_spans(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Two invoices of one payor, whose name and address are merged; the rows beside it are left alone."""
    rows: list[Any] = [
        HEAD,
        ROW,
        ["INV-2", "Al", "Roy", "al@example.com", 6.0, None],
        ["INV-3", None, None, None, 7.0, None],
        ROW,
    ]
    path = write(tmp_path / "b", Sheet(rows, merges=[(3, 4, at, at) for at in (1, 2, 3)]))
    table, read = rows_of(path)
    assert [row.cells[:5] for row in read[1:3]] == [
        ("INV-2", "Al", "Roy", "al@example.com", "6"), ("INV-3", "Al", "Roy", "al@example.com", "7"),
    ]  # fmt: skip
    notices = {notice.code: dict(notice.details) for notice in table.notices}
    assert notices["merged-cells"]["cells"] == "B3:B4, C3:C4, D3:D4"


@EACH
def test_a_merge_makes_no_row_of_its_own(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Where everything is merged the row is only tall; a merge over columns is a title; one above does not count."""
    rows: list[Any] = [
        ["Billing", *[None] * 5],
        [None] * 6,
        HEAD,
        ROW,
        [None] * 6,
        ["Late ones", *[None] * 5],
        [None] * 6,
        ROW,
    ]
    merges = [(1, 2, 0, 5), *[(4, 5, at, at) for at in range(6)], (6, 7, 0, 5)]
    _, read = rows_of(write(tmp_path / "b", Sheet(rows, merges=merges)))
    assert [row.number for row in read] == [4, 6, 8]


@EACH
def test_a_merged_amount_is_never_taken_twice(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Whether it is meant for both rows together can't be known."""
    rows: list[Any] = [HEAD, ROW, ["INV-2", *ROW[1:4], None, None], ["INV-3", *ROW[1:4], 7.0, None]]
    table, read = checked(write(tmp_path / "b", Sheet(rows, merges=[(2, 3, 4, 4)])))
    assert [[fault.code for fault in row.faults] for row in read] == [[], ["merged-amount", "missing"], []]
    assert dict(read[1].faults[0].details)["cells"] == "E2:E3"
    assert codes(table) == []


@EACH
def test_a_value_under_a_merge_is_a_fault(tmp_path: Path, write: Callable[..., Any]) -> None:
    """The sheet shows Jane's name there; the same value again is none, and a row that shows nothing is no row."""
    rows: list[Any] = [
        HEAD,
        ROW,
        ["INV-2", "Al", *ROW[2:]],
        [None, "Bo", "Li", None, None, None],
        ["INV-3", *ROW[1:]],
        ROW,
    ]
    merges = [(2, 3, 1, 1), (4, 4, 0, 2), (5, 6, 1, 1)]
    table, read = checked(write(tmp_path / "b", Sheet(rows, merges=merges)))
    assert [(row.row.number, row.row.cells[1], [fault.code for fault in row.faults]) for row in read] == [
        (2, "Jane", []),
        (3, "Jane", ["under-merge"]),
        (5, "Jane", []),
        (6, "Jane", []),
    ]
    assert dict(read[1].faults[0].details)["cells"] == "B2:B3"
    assert codes(table) == ["merged-cells"]


def test_a_payor_whose_cells_are_merged_is_charged_twice_or_asked_about() -> None:
    """The same reference twice: the second charge is at fault, and the merge is said."""
    table, read = checked(CASES / "merged-payor.xlsx")
    assert [row.row.cells[:4] for row in read[1:]] == [("C-2", "Noah", "Chen", "noah@example.com")] * 2
    assert codes(table) == ["merged-cells"]


def test_a_cell_over_several_rows_of_a_page_belongs_to_each(tmp_path: Path) -> None:
    """HTML's rowspan, also of a cell over several columns."""
    first = tr("INV-1", "", "", "", "5.00").replace("<td></td>" * 3, '<td rowspan="2">Al</td><td rowspan=2>Roy</td>'
                                                    '<td rowspan="2">al@example.com</td>')  # fmt: skip
    (tmp_path / "b.xls").write_text(page(tr(*HEAD[:5]), first, tr("INV-2", "6.00"), tr(*ROW[:4], "7.00")))
    _, read = rows_of(tmp_path / "b.xls")
    assert [row.cells for row in read] == [
        ("INV-1", "Al", "Roy", "al@example.com", "5.00"),
        ("INV-2", "Al", "Roy", "al@example.com", "6.00"),
        ("INV-1", "Jane", "Doe", "j@example.com", "7.00"),
    ]


def test_a_cell_over_several_rows_stands_at_the_end_of_a_row_too(tmp_path: Path) -> None:
    """Also below a row that is cut short: no row further down is moved by it."""
    first = "<tr>" + "".join(f"<td>{cell}" for cell in ROW[:5]) + "<td rowspan=2>late"
    short = "<tr><td>INV-2<td>Al"
    rows: list[Any] = [
        tr(*HEAD),
        first,
        tr("INV-2", *ROW[1:5]),
        tr("INV-3", *ROW[1:5], "x"),
        first,
        short,
        tr(*ROW[:5], "y"),
    ]
    (tmp_path / "b.xls").write_text(page(*rows))
    _, read = checked(tmp_path / "b.xls")
    assert [row.row.cells[5] for row in read] == ["late", "late", "x", "late", "late", "y"]
    assert [[fault.code for fault in row.faults][:1] for row in read] == [[], [], [], [], ["cell-count"], []]


def test_a_blank_cell_of_a_page_is_not_struck_through(tmp_path: Path) -> None:
    """There is nothing in it that could be."""
    rows: list[Any] = [tr("", *ROW[1:5]), tr("<s></s>", *ROW[1:5]), tr("<s> <br></s>", *ROW[1:5])]
    (tmp_path / "b.xls").write_text(page(tr(*HEAD[:5]), *rows))
    assert [row.number for row in rows_of(tmp_path / "b.xls")[1]] == [2, 3, 4]


@EACH
def test_struck_through_rows_are_asked_about(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Like hidden ones."""
    path = write(tmp_path / "b", Sheet([HEAD, ROW, ["INV-2", *ROW[1:]], ["INV-3", *ROW[1:]]], struck=[1, 3]))
    failure = refusal(path)
    assert (failure.text, failure.params["rows"]) == (
        (
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them."
        ),
        "3",
    )
    table, read = rows_of(path, hidden="skip")
    assert ([row.number for row in read], codes(table)) == ([2, 4], ["hidden-rows-skipped"])
    assert len(rows_of(path, hidden="include")[1]) == 3


def test_a_struck_through_note_is_no_struck_through_row() -> None:
    """Only cells that say who pays how much are asked about."""
    assert refusal(CASES / "struck-out.xlsx").text == (
        "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
        "them, or use --hidden skip to leave them out or --hidden include to bill them."
    )


@pytest.mark.parametrize(
    "attributes",
    [
        *('style="display:none"', "style='DISPLAY : none;'", "hidden", 'hidden="hidden"', 'class="a gone"'),
        *('style="visibility:hidden"', 'style="visibility: collapse"', 'style="height:0"', 'style="height: 0px"'),
        *('height="0"', 'id="away"', 'style="text-decoration: line-through"', 'class="dim"'),
    ],
)
def test_a_row_that_a_page_does_not_show_is_asked_about(tmp_path: Path, attributes: str) -> None:
    """However it is hidden, or struck through."""
    style = ".gone { color: red; display:none } tr.dim, .x {visibility:hidden} #away{display: none} .row{height:20px}"
    rows: list[Any] = [
        tr(*HEAD[:5]),
        tr(*ROW[:5], attributes='class="row"'),
        tr("INV-2", *ROW[1:5], attributes=attributes),
    ]
    (tmp_path / "b.xls").write_text(page(*rows, tr("INV-3", *ROW[1:5], attributes='style="height:20px"'), style=style))
    failure = refusal(tmp_path / "b.xls")
    assert (failure.text, failure.params["rows"]) == (
        (
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them."
        ),
        "3",
    )


@pytest.mark.parametrize("mark", ["s", "del", "strike"])
def test_cells_that_a_page_strikes_through_are_asked_about(tmp_path: Path, mark: str) -> None:
    """All of the cell, and not a part of it: that part is read, and judged by what it makes of the cell."""
    whole, part = f"<{mark}>5.00</{mark}>", f"<{mark}>9.00</{mark}> 5.00"
    (tmp_path / "b.xls").write_text(page(tr(*HEAD[:5]), tr(*ROW[:4], whole), tr("INV-2", *ROW[1:4], part)))
    assert refusal(tmp_path / "b.xls").params["rows"] == "2"
    read = checked(tmp_path / "b.xls", hidden="include")[1]
    assert [[fault.code for fault in row.faults] for row in read] == [[], ["amount-unreadable"]]


def test_rows_of_a_group_that_a_page_hides_are_asked_about(tmp_path: Path) -> None:
    """A part of the table as a whole; a table that is hidden is no sheet that is read by itself."""
    shown, hidden = tr(*HEAD[:5]) + tr(*ROW[:5]), tr("INV-2", *ROW[1:5])
    (tmp_path / "b.xls").write_text(
        page(shown, f'<tbody style="display:none">{hidden}</tbody>', tr("INV-3", *ROW[1:5]))
    )
    assert refusal(tmp_path / "b.xls").params["rows"] == "3"
    (tmp_path / "b.xls").write_text(page(hidden).replace("<table", "<table hidden") + page(shown))
    assert len(rows_of(tmp_path / "b.xls")[1]) == 1
    assert refusal(CASES / "hidden-in-html.xls").params["rows"] == "4-5"


@pytest.mark.parametrize("case", ["filled-down-formulas.xlsx", "numbered-rows.xlsx"])
def test_rows_filled_down_are_one_notice(case: str) -> None:
    """Twenty-seven formulas that make zeros; seventeen running numbers."""
    table, read = checked(CASES / case)
    assert ([bool(row.faults) for row in read], codes(table)) == ([False] * 3, ["rows-without-content"])


EMPTY = {
    "a zero": [None, None, None, None, 0.0, None],
    "an accountant's zero": [None, None, None, None, "$ -", None],
    "an unticked box": [None, None, None, None, None, "☐"],
    "a constant": [None, None, None, None, 0.0, "Monthly"],
    "false": [None, None, None, None, None, False],
}


@EACH
@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_a_row_without_content_is_no_row(
    tmp_path: Path, write: Callable[..., Any], empty: list[float | str | bool | None]
) -> None:
    """Below the payments, and among them."""
    if empty[5] is False and write is not write_xlsx:
        empty = [*empty[:5], "FALSE"]
    real = [[f"INV-{at}", *ROW[1:5], "Monthly"] for at in range(4)]
    table, read = checked(write(tmp_path / "b", Sheet([HEAD, *real[:2], empty, *real[2:], empty, empty])))
    assert [row.row.number for row in read] == [2, 3, 5, 6]
    assert [dict(notice.details) for notice in table.notices if notice.code == "rows-without-content"] == [
        {"rows": "4, 7-8", "count": "3"}
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (["103", None, None, None, None, None], "a running reference among payments: what it had is lost"),
        ([None, None, None, None, 5.0, None], "an amount"),
        ([None, "Jane", None, None, None, None], "a name"),
        ([None, None, None, None, None, "call her"], "a note among payments"),
        (["X-9", None, None, None, None, None], "a reference"),
    ],
)
def test_a_row_with_content_stays_one(tmp_path: Path, row: list[str | float | None], says: str) -> None:
    """However little it has: what it is is for the validation to say."""
    rows: list[Any] = [["101", *ROW[1:]], ["102", *ROW[1:]], row, ["104", *ROW[1:]]]
    path = tmp_path / "b.csv"
    path.write_text("\n".join(",".join("" if cell is None else str(cell) for cell in one) for one in [HEAD, *rows]))
    assert [one.number for one in rows_of(path)[1]] == [2, 3, 4, 5], says


def test_running_references_below_the_payments_are_no_rows(tmp_path: Path) -> None:
    """Invoice numbers that were filled down for the next ones; a total line stands below."""
    numbered = [[f"{at}", *ROW[1:]] for at in range(101, 104)] + [[f"{at}"] + [None] * 5 for at in range(104, 110)]
    total = [None, None, None, None, 15.0, "Total"]
    path = tmp_path / "b.csv"
    rows: list[Any] = [HEAD, *numbered, total]
    path.write_text("\n".join(",".join("" if cell is None else str(cell) for cell in one) for one in rows))
    table, read = checked(path)
    assert [row.row.number for row in read] == [2, 3, 4]
    assert [dict(one.details)["rows"] for one in table.notices if one.code == "rows-without-content"] == ["5-10"]


def test_labels_left_of_the_first_heading_are_looked_at() -> None:
    """A column without a heading that holds something is the user's own, wherever it stands."""
    table, read = rows_of(CASES / "grouped-by-customer.xlsx")
    assert table.columns[0].heading == ""
    assert [row.cells[0] for row in read[:2]] == ["Gagnon Amélie", ""]
    result = check_table(table, CheckOptions())
    list(result.chunks())
    assert [total.agrees for total in result.controls] == [True] * 3


@pytest.mark.parametrize("end", ["csv", "xls"])
def test_labels_left_of_the_first_heading_in_every_format(tmp_path: Path, end: str) -> None:
    """In text and in a page, too; a blank column is still none."""
    rows: list[Any] = [["", *HEAD[:5]], ["North", *ROW[:5]], ["", "INV-2", *ROW[1:5]]]
    path = tmp_path / f"b.{end}"
    path.write_text(
        "\n".join(",".join(map(str, row)) for row in rows) if end == "csv" else page(*[tr(*row) for row in rows])
    )
    assert [row.cells[0] for row in rows_of(path)[1]] == ["North", ""]


@EACH
def test_headings_again_in_another_order_are_refused(tmp_path: Path, write: Callable[..., Any]) -> None:
    """What stands below them would be taken for something else; in the same order they are a new page."""
    other = [*HEAD[:4], "Note", "Amount"]
    rows: list[Any] = [HEAD, ROW, HEAD, ["INV-2", *ROW[1:]]]
    assert [row.number for row in rows_of(write(tmp_path / "b", Sheet(rows)))[1]] == [2, 4]
    spelt = ["Invoice No.", "FIRST NAME", "Last Name", "E-mail", "Amount", "Note"]
    assert [row.number for row in rows_of(write(tmp_path / "b", Sheet([*rows[:2], spelt, rows[3]])))[1]] == [2, 4]
    failure = refusal(write(tmp_path / "b", Sheet([HEAD, ROW, other, ["INV-2", *ROW[1:4], "x", 7.0]])))
    assert (failure.text, failure.params["row"]) == (
        (
            "Row {row} repeats the headings in another order than row {first}. Put the two "
            "tables on separate sheets, or give them the same columns."
        ),
        3,
    )
    assert refusal(CASES / "second-headings.csv").params["row"] == 4


def test_headings_without_rows_are_no_rows() -> None:
    """With a title at the right that is wider than the table."""
    table, read = rows_of(CASES / "no-rows.xlsx")
    assert (read, len(table.columns) >= 5) == ([], True)
