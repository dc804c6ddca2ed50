"""Number formats, cell by cell: what they say about a value, and that they come back in the workbook."""

import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from support.binary_workbooks import Sheet, write_xls, write_xlsb
from support.sheet_workbooks import EACH, write_ods, write_xlsx

from pipeline.cli import main
from pipeline.domain.errors import InputError
from pipeline.domain.model import CheckedRow, kind_of, look_of
from pipeline.reader import ReadOptions, open_table
from pipeline.reader.table import Table
from pipeline.validation import CheckOptions, check_table
from schemas.faults import how_to_fix, sentence

CASES = Path(__file__).parents[1] / "cases"
HEAD = ["Invoice #", "First name", "Last name", "Email", "Amount", "Until"]
ROW = ["INV-1", "Jane", "Doe", "j@example.com", 5.0, None]


def checked(path: Path) -> list[CheckedRow]:
    result = check_table(open_table(path, ReadOptions()), CheckOptions())
    return [row for chunk in result.chunks() for row in chunk]


def looks(table: Table) -> list[list[str]]:
    """The number format of each number cell, row by row."""
    found = []
    for rows in table.chunks():
        for row in rows:
            formats = [(column.number_format, *column.other_formats) for column in table.columns]
            found.append(
                [formats[at][look_of(letter)] for at, letter in enumerate(row.kinds) if kind_of(letter) in "nd"]
            )
    return found


@EACH
@pytest.mark.parametrize("usual", ["", "0.00", "0.0%"])
def test_a_percentage_in_the_amount_is_a_fault(tmp_path: Path, write: Callable[..., Any], usual: str) -> None:
    """25 % is not a quarter of a dollar, wherever in the column it stands."""
    amounts = [(5.0, usual), (7.0, usual), (0.25, "0%"), (9.0, usual)] if usual else [5.0, 7.0, (0.25, "0%"), 9.0]
    rows = checked(write(tmp_path / "b", Sheet([HEAD, *[[f"I-{n}", *ROW[1:4], n] for n in amounts]])))
    (fault,) = rows[2].faults
    assert (fault.code, fault.field, fault.value, rows[2].amount) == ("percentage", "amount", "25%", None)
    assert sentence(fault, "en") != sentence(fault, "fr")
    assert how_to_fix(fault, "en") != how_to_fix(fault, "fr")
    assert [bool(row.payment) for row in rows] == [usual != "0.0%", usual != "0.0%", False, usual != "0.0%"]


@pytest.mark.parametrize(
    ("look", "foreign"),
    [
        ('#,##0.00 "€"', True),
        ("[$USD] #,##0.00", True),
        ("[$£-809]#,##0.00", True),
        ("_([$€-2]* #,##0.00_)", True),
        ("€0.00", True),
        ('"US$"0.00', True),
        ("[$$-409]#,##0.00", False),
        ('"$"#,##0.00', False),
        ("[$CAD] #,##0.00", False),
        ('#,##0.00\\ "$"', False),
        ("[$A$] #,##0.00", True),
        ("[$HK$-C04] #,##0.00", True),
        ("#,##0.00\\ [$kr-41D]", True),
        ('#,##0.00 "zł"', True),
        ("\\U\\S\\$#,##0.00", True),
        ("[$R$-416] #,##0.00", True),
        ("[$₽-419]General", True),
        ("[Blue][$NZ$-1409]#,##0.00;[Red]-[$NZ$-1409]#,##0.00", True),
        ("[>=1000]#,##0.00;#,##0.00 [$€-1]", True),
        ("[<1000]#,##0.00;#,##0.00 [$€-1]", False),
        ("#,##0.00;-#,##0.00 [$€-1]", False),
        ("#,##0.00\\ _€", False),
        ('"$"* #,##0.00\\ _€', False),
        ("*€#,##0.00", False),
        ("[$-409]#,##0.00", False),
        ('_-"CA$"* #,##0.00_-;-"CA$"* #,##0.00_-;_-"CA$"* "-"??_-;_-@_-', False),
        ('_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)', False),
        ("0.00E+00", False),
        ("#\\ ##0.00\\ $", False),
    ],
)
@pytest.mark.parametrize("write", [write_xlsx, write_xls, write_xlsb])
def test_an_amount_that_is_shown_in_another_currency_is_a_fault(
    tmp_path: Path, write: Callable[..., Any], look: str, foreign: bool
) -> None:
    """The sheet shows 5.00 €: five dollars were never meant. A width (`_€`) and a filling (`*€`) show nothing."""
    rows = checked(write(tmp_path / "b", Sheet([HEAD, [*ROW[:4], (5.0, look)], ["I-2", *ROW[1:4], 6.0]])))
    assert [[fault.code for fault in row.faults] for row in rows] == [["amount-foreign"] if foreign else [], []]


@pytest.mark.parametrize("look", ["0.00,", "0\\.00", "(0.00)", ";;;"])
@pytest.mark.parametrize("write", [write_xlsx, write_xls, write_xlsb])
def test_an_amount_that_is_shown_as_another_is_a_fault(tmp_path: Path, write: Callable[..., Any], look: str) -> None:
    """The sheet shows 1.25 or 12.50: who reads it does not know of 1,250 dollars."""
    rows = checked(write(tmp_path / "b", Sheet([HEAD, [*ROW[:4], (1250.0, look)], ["I-2", *ROW[1:4], 6.0]])))
    assert [[fault.code for fault in row.faults] for row in rows] == [["shown-otherwise"], []]


@pytest.mark.parametrize("write", [write_xlsx, write_xls, write_xlsb])
def test_an_amount_that_is_shown_rounded_is_said(tmp_path: Path, write: Callable[..., Any]) -> None:
    """What the cell holds is requested, and who reads the sheet is told; a formula's noise is no cent."""
    amounts = [(1205.4, "#,##0"), (1205.0, "#,##0"), (1205.0000000000002, "0"), (33.25, "0.0"), (33.2, "0.0"), 5.25]
    rows = checked(write(tmp_path / "b", Sheet([HEAD, *([f"I-{amount}", *ROW[1:4], amount] for amount in amounts)])))
    told = ["shown-rounded" in {fault.code for fault in row.notices} for row in rows]
    assert told == [True, False, False, True, False, False]
    assert rows[0].payment is not None
    assert rows[0].payment.amount == Decimal("1205.40")


def test_an_amount_in_thousands_is_a_fault_in_an_ods(tmp_path: Path) -> None:
    """There the style has a factor."""
    changed_style(tmp_path / "b.ods", "0.00", b"<number:number ", b'<number:number number:display-factor="1000" ')
    assert [[fault.code for fault in row.faults] for row in checked(tmp_path / "b.ods")] == [["shown-otherwise"]]


def test_a_comma_among_the_digits_of_an_ods_is_shown(tmp_path: Path) -> None:
    """It groups no digits there: it is a text, as any other."""
    changed_style(tmp_path / "b.ods", "000-000", b">-</number:embedded-text>", b">,</number:embedded-text>")
    assert [[fault.code for fault in row.faults] for row in checked(tmp_path / "b.ods")] == [["shown-otherwise"]]


def changed_style(path: Path, look: str, before: bytes, after: bytes) -> None:
    """A sheet with one amount, whose style has `after` in place of `before`."""
    write_ods(path, Sheet([HEAD, [*ROW[:4], (1250.0, look)]]))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["content.xml"] = parts["content.xml"].replace(before, after)
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


@pytest.mark.parametrize(("currency", "foreign"), [("EUR", True), ("USD", True), ("CAD", False)])
def test_the_currency_of_an_ods_cell_counts_where_its_style_shows_none(
    tmp_path: Path, currency: str, foreign: bool
) -> None:
    """A spreadsheet program shows it, whatever wrote the file."""
    path = write_ods(tmp_path / "b.ods", Sheet([HEAD, [*ROW[:4], 5.0]]))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    typed = f'office:value-type="currency" office:currency="{currency}"'.encode()
    parts["content.xml"] = parts["content.xml"].replace(b'office:value-type="float"', typed)
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    assert [[fault.code for fault in row.faults] for row in checked(path)] == [["amount-foreign"] if foreign else []]


@pytest.mark.parametrize(("case", "wrong"), [("foreign-formats", 8), ("euro-wide-space", 0)])
def test_real_sheets_with_foreign_signs(case: str, wrong: int) -> None:
    """Each foreign sign once, and one that only takes its width; a French sheet that does so in every row."""
    rows = checked(CASES / f"{case}.xlsx")
    assert [bool(row.faults) for row in rows] == [True] * wrong + [False] * (len(rows) - wrong)


@pytest.mark.parametrize("unit", ["h", "days", "boxes"])
def test_an_amount_that_is_shown_with_another_unit_is_a_fault(tmp_path: Path, unit: str) -> None:
    """As it is in a .csv."""
    rows = checked(write_xlsx(tmp_path / "b.xlsx", Sheet([HEAD, [*ROW[:4], (5.0, f'0.00 "{unit}"')]])))
    assert [fault.code for fault in rows[0].faults] == ["amount-unreadable"]


def test_a_percentage_as_text_is_the_same_fault(tmp_path: Path) -> None:
    """As in a .csv."""
    path = tmp_path / "b.csv"
    path.write_text(",".join(HEAD[:5]) + '\nI-1,Jane,Doe,j@example.com,25%\nI-2,Jane,Doe,j@example.com,"2,5 %"\n')
    assert [[fault.code for fault in row.faults] for row in checked(path)] == [["percentage"]] * 2


@EACH
def test_an_identifier_is_what_the_cell_shows(tmp_path: Path, write: Callable[..., Any]) -> None:
    """`00123` made of 123 by a format is what the person sees and means; the amount beside it stays a number."""
    rows = [
        [(123.0, "00000"), *ROW[1:4], (5.0, "0000.00")],
        [(7.0, '"INV-"000'), *ROW[1:4], 6.0],
        [8.0, *ROW[1:4], 7.0],
    ]
    read = checked(write(tmp_path / "b", Sheet([HEAD, *rows])))
    assert [row.payment.reference_id for row in read] == ["00123", "INV-007", "8"]
    assert [row.payment.amount for row in read] == [Decimal("5.00"), Decimal("6.00"), Decimal("7.00")]
    assert [[notice.code for notice in row.notices] for row in read] == [["read-as-shown"], ["read-as-shown"], []]


@EACH
def test_every_cell_keeps_its_own_number_format(tmp_path: Path, write: Callable[..., Any]) -> None:
    """Several forms of dates in one column, a format in one row only, a plain number among formatted ones."""
    own = [(46000.0, "yyyy-mm-dd"), (46001.0, "dd/mm/yyyy"), (46002.0, "yyyy-mm-dd"), (12.0, "00000"), 13.0]
    table = open_table(write(tmp_path / "b", Sheet([HEAD, *[[*ROW[:5], n] for n in own]])), ReadOptions())
    assert [row[1] for row in looks(table)] == ["yyyy-mm-dd", "dd/mm/yyyy", "yyyy-mm-dd", "00000", ""]


def test_an_ods_spells_its_formats_out(tmp_path: Path) -> None:
    """Also those of a column, which its cells do not name, and of rows that are repeated."""
    own = [46000, (5.0, '"$"#,##0.00;-"$"#,##0.00'), (12345.0, "000-000"), (0.5, "0.0%")]
    path = write_ods(tmp_path / "b.ods", Sheet([HEAD, *[[*ROW[:5], n] for n in own]]), defaults="00000", repeated=2)
    found = [row[1] for row in looks(open_table(path, ReadOptions()))]
    assert found == ["00000"] * 2 + ['"$"#,##0.00;-"$"#,##0.00'] * 2 + ["000-000"] * 2 + ["0.0%"] * 2


def test_a_format_that_can_not_be_kept_is_said(tmp_path: Path) -> None:
    """A fraction of OpenDocument's has no code here; a workbook can have more formats than are kept."""
    path = write_ods(tmp_path / "b.ods", Sheet([HEAD, [*ROW[:5], (0.5, "# ?/?")]]))
    table = open_table(path, ReadOptions())
    assert [notice.code for notice in table.notices] == ["formats-not-kept"]
    assert sentence(table.notices[0], "en") != sentence(table.notices[0], "fr")
    many = [[f"I-{n}", *ROW[1:4], 5.0, (0.5, f'0.0 "{n}"')] for n in range(300)]
    table = open_table(write_xlsx(tmp_path / "b.xlsx", Sheet([HEAD, *many])), ReadOptions())
    assert [notice.code for notice in table.notices] == ["formats-not-kept"]
    many[-1][4] = (0.25, '0 % "last"')
    assert checked(write_xlsx(tmp_path / "b.xlsx", Sheet([HEAD, *many])))[-1].faults[0].code == "percentage"


def test_hidden_columns_of_ods_are_noticed(tmp_path: Path) -> None:
    """Like those of the others."""
    table = open_table(write_ods(tmp_path / "b.ods", Sheet([HEAD, ROW], columns=[2])), ReadOptions())
    assert [(notice.code, dict(notice.details)) for notice in table.notices] == [("hidden-columns", {"columns": "C"})]


def test_a_locked_ods_says_so(tmp_path: Path) -> None:
    """Its container is not locked: the list of its parts says that one of them is."""
    manifest = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>"
    path = write_ods(tmp_path / "b.ods", Sheet([HEAD, ROW]), manifest=manifest)
    with pytest.raises(InputError) as caught:
        open_table(path, ReadOptions())
    assert caught.value.text == "{path} is password-protected. Save a copy without a password and use that."


def test_cells_that_look_unlike_are_found_anywhere_in_a_long_sheet(tmp_path: Path) -> None:
    """Also a first number in a column of texts, blanks, and columns beyond Z."""
    path = tmp_path / "long.xlsx"
    wide = [*HEAD, *[f"Own {n}" for n in range(30)]]
    with xlsxwriter.Workbook(path) as book:
        day, other = (book.add_format({"num_format": look}) for look in ("yyyy-mm-dd", "d.m.yy"))
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, wide)
        for number in range(1, 12_001):
            sheet.write_row(number, 0, ROW)
            if number % 3:
                sheet.write_number(number, 5, 46000, other if number in {7000, 11_999} else day)
            sheet.write(number, 6, "text")
        sheet.write_number(9000, 6, 5, other)
        sheet.write_number(10_000, 35, 46000, other)
    table = open_table(path, ReadOptions())
    assert (table.columns[5].number_format, table.columns[5].other_formats) == ("yyyy-mm-dd", ("d.m.yy",))
    rows = [row for chunk in table.chunks() for row in chunk]
    unlike = [(row.number, at) for row in rows for at, letter in enumerate(row.kinds) if look_of(letter)]
    assert unlike == [(7001, 5), (12_000, 5)]
    assert (table.columns[6].number_format, table.columns[35].number_format) == ("d.m.yy", "d.m.yy")


def test_what_is_kept_of_formats_is_a_byte_a_cell(tmp_path: Path) -> None:
    """A sheet in which every second cell looks unlike takes little more memory than one in which none does."""
    path = tmp_path / "b.xlsx"
    with xlsxwriter.Workbook(path) as book:
        formats = [book.add_format({"num_format": look}) for look in ("0.00", "0.000")]
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEAD)
        for number in range(1, 20_001):
            sheet.write_row(number, 0, ROW[:4])
            sheet.write_number(number, 4, 5, formats[number % 2])
    tracemalloc.start()
    table = open_table(path, ReadOptions())
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert table.columns[4].other_formats
    assert kept < 1_000_000


def test_the_formats_come_back_in_the_workbook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through the journal and into `Results`."""
    own = [date(2026, 1, 2), date(2026, 1, 3), 12, 0.5, 7]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEAD)
    for number, value in enumerate(own, 2):
        sheet.append([f"I-{number}", *ROW[1:5], value])
    wanted = ["yyyy\\-mm\\-dd", "dd/mm/yyyy", "00000", "0.0%", "General"]
    for number, look in enumerate(wanted, 2):
        sheet.cell(number, 6).number_format = look
    book.save(tmp_path / "b.xlsx")
    out = tmp_path / "out.xlsx"
    with pytest.raises(SystemExit):
        main(["validate", str(tmp_path / "b.xlsx"), "-o", str(out)])
    capsys.readouterr()
    results = openpyxl.load_workbook(out)["Results"]
    column = next(cell.column for cell in results[1] if cell.value == "Until")
    cells = [results.cell(number, column) for number in range(2, 7)]
    assert [cell.number_format for cell in cells] == wanted
    assert [cell.value for cell in cells[2:]] == [12, 0.5, 7]


@pytest.mark.parametrize("shown", ["#N/A", "#REF!", "#DIV/0!", "#VALEUR!", "#NOM?", "Err:502"])
def test_an_error_that_excel_saves_in_an_ods_is_an_error(tmp_path: Path, shown: str) -> None:
    """It stands there as the number 0."""
    path = write_ods(tmp_path / "b.ods", Sheet([HEAD, ROW, [*ROW[:4], 0.0]]))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    plain = b'office:value-type="float" office:value="0.0"/>'
    by_excel = b'office:value-type="float" office:value="0"><text:p>%s</text:p></table:table-cell>' % shown.encode()
    parts["content.xml"] = parts["content.xml"].replace(plain, by_excel)
    with zipfile.ZipFile(path, "w") as book:
        for name, part in parts.items():
            book.writestr(name, part)
    faults = [[(fault.code, fault.value) for fault in row.faults] for row in checked(path)]
    assert faults == [[], [("error-value", shown)]]


def test_references_that_were_shortened_are_no_repeats() -> None:
    """Two customers whose references read the same since both lost their last digits."""
    assert [[fault.code for fault in row.faults] for row in checked(CASES / "references-shortened.csv")] == [
        ["scientific"]
    ] * 3
