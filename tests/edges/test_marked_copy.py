"""The marked copy of the user's own workbook: what it keeps, what it marks, and what it leaves alone."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table
from support.libreoffice import convert, needs_office
from support.workbook_batches import columns, report

from pipeline.domain.errors import UsageError
from pipeline.domain.model import ReportRow, SheetRow, SourceFile, Status
from pipeline.messages import explain
from pipeline.reader import ReadOptions, open_table, sha256_of
from pipeline.report import annotated_copy
from pipeline.system.atomic_output import MARK, put
from schemas.faults import Fault
from schemas.fields import OWN_COLUMNS

HEAD = ("Invoice #", "First name", "Last name", "Email", "Amount", "Due")
ROWS = (
    ("A-1", "Zoé", "Tremblay", "zoe@example.com", 250, "=E4*2"),
    ("A-2", "Liam", "Fraser", "liam@@x.ca", 12.5, None),
)
FIELDS = ("referenceId", "firstName", "lastName", "email", "amount", None)
OURS = ("row", *OWN_COLUMNS, "howToFix")
FAULT = Fault("email-invalid", "email", "liam@@x.ca")


def original(folder: Path, change: Callable[..., Any] | None = None) -> Path:
    """A workbook as somebody keeps it: a title, a coloured heading row, widths, a filter, a note, a rule, a list."""
    book = Workbook()
    sheet = book.active
    sheet.title = "November"
    sheet["A1"] = "Harbour & Prairie"
    sheet["A1"].font = Font(size=18, bold=True)
    sheet.merge_cells("A1:D1")
    for at, text in enumerate(HEAD, 1):
        sheet.cell(3, at, text).fill = PatternFill("solid", fgColor="FF1F5C66")
    for number, cells in enumerate(ROWS, 4):
        for at, value in enumerate(cells, 1):
            sheet.cell(number, at, value)
    sheet["E4"].number_format = "#,##0.00 $"
    sheet["C4"] = CellRichText("Trem", TextBlock(InlineFont(b=True), "blay"))
    sheet["D5"].comment = Comment("asked her on the phone", "Ann")
    sheet.column_dimensions["D"].width = 41
    sheet.row_dimensions[4].height = 33
    sheet.freeze_panes = "A4"
    sheet.auto_filter.ref = "A3:F5"
    sheet.conditional_formatting.add("E4:E9", CellIsRule("greaterThan", ["100"], font=Font(color="FFFF0000")))  # type: ignore[no-untyped-call]
    choices = DataValidation("list", formula1='"yes,no"')
    choices.add("F4:F9")
    sheet.add_data_validation(choices)
    book.create_sheet("Notes")["A1"] = "do not lose me"
    if change:
        change(book, sheet)
    path = folder / "november.xlsx"
    book.save(path)
    return path


def rows() -> list[ReportRow]:
    return [
        ReportRow(
            SheetRow(4, ("A-1", "Zoé", "Tremblay", "zoe@example.com", "250", "500"), "ssssnn"),
            Status.CREATED,
            None,
            Decimal("250.00"),
            session_id="5f3c2a1e",
            launch_url="https://pay.example.com/app/?sessionId=5f3c2a1e",
            reference_sent="=A-1",
            amount_sent=Decimal("250.00"),
            attempts=1,
        ),
        ReportRow(
            SheetRow(5, ("A-2", "Liam", "Fraser", "liam@@x.ca", "12.5", ""), "ssssns"),
            Status.INVALID,
            None,
            Decimal("12.50"),
            errors=(FAULT,),
        ),
    ]


def make(path: Path, out: Path, lang: str = "en") -> Workbook:
    about = report(
        source=SourceFile(path.name, sha256_of(path), "November"),
        columns=columns(*((text, field, "") for text, field in zip(HEAD, FIELDS, strict=True))),
    )
    annotated_copy.check_original(path)
    write = partial(annotated_copy.write_marked, path, about, rows())
    put(out, lambda part: write(part, lang))  # type: ignore[arg-type]
    return load_workbook(out, rich_text=True)


def test_the_look_is_kept(tmp_path: Path) -> None:
    """Formulas, formats, widths, heights, merges, rich text, rules, lists and other sheets are as they were."""
    book = make(original(tmp_path), tmp_path / "out.xlsx")
    sheet = book["November"]
    assert sheet["F4"].value == "=E4*2"
    assert sheet["E4"].number_format == "#,##0.00 $"
    assert (sheet.column_dimensions["D"].width, sheet.row_dimensions[4].height) == (41, 33)
    assert [str(merged) for merged in sheet.merged_cells.ranges] == ["A1:D1"]
    assert isinstance(sheet["C4"].value, CellRichText)
    assert sheet["A1"].font.size == 18
    assert (len(sheet.conditional_formatting), len(sheet.data_validations.dataValidation)) == (1, 1)
    assert sheet.freeze_panes == "A4"
    assert book["Notes"]["A1"].value == "do not lose me"


def test_faulty_cells_are_coloured_and_say_how_to_fix_them(tmp_path: Path) -> None:
    """Only the cell that a fault is about is coloured; its comment tells what and how, before the user's own."""
    sheet = make(original(tmp_path), tmp_path / "out.xlsx")["November"]
    marked = {cell.coordinate for row in sheet["A4:F5"] for cell in row if cell.fill.fgColor.rgb == "FFFBD9D3"}
    assert marked == {"D5"}
    lines = sheet["D5"].comment.text.splitlines()
    assert lines[0] == 'Error: Email (column D): "liam@@x.ca" is not an e-mail address'
    assert lines[1].startswith("How to fix it: ")
    assert lines[2] == "asked her on the phone"


def test_our_columns_stand_at_the_right_within_the_filter(tmp_path: Path) -> None:
    """Without a gap and inside the user's filter, so that sorting keeps each status on its row."""
    sheet = make(original(tmp_path), tmp_path / "out.xlsx")["November"]
    assert tuple(cell.value for cell in sheet[3][6:]) == OURS
    assert [sheet.cell(number, 7).value for number in (4, 5)] == [4, 5]
    assert [sheet.cell(number, 8).value for number in (4, 5)] == ["created", "invalid"]
    assert sheet.auto_filter.ref == "A3:Q5"
    assert sheet["G3"].fill.fgColor.rgb == sheet["F3"].fill.fgColor.rgb
    sent = sheet.cell(4, 7 + OURS.index("referenceSent"))
    assert (sent.value, sent.data_type, sent.quotePrefix) == ("=A-1", "s", True)
    assert sheet.cell(4, 7 + OURS.index("amountSent")).value == 250


def test_an_excel_table_grows_with_our_columns(tmp_path: Path) -> None:
    """A table of the user's takes our columns in: outside of it they would stay behind when it is sorted."""

    def change(_book: Any, sheet: Any) -> None:
        sheet.auto_filter.ref = None
        sheet.add_table(Table(displayName="Rent", ref="A3:F5"))

    table = make(original(tmp_path, change), tmp_path / "out.xlsx")["November"].tables["Rent"]
    assert table.ref == "A3:Q5"
    assert tuple(column.name for column in table.tableColumns) == (*HEAD, *OURS)


def test_the_french_copy_speaks_french(tmp_path: Path) -> None:
    """The comments are in the reader's language."""
    sheet = make(original(tmp_path), tmp_path / "out.xlsx", "fr")["November"]
    assert sheet["D5"].comment.text.startswith("Erreur : Email (colonne D) : « liam@@x.ca »")


def test_a_corrected_copy_is_a_billing_sheet(tmp_path: Path) -> None:
    """The copy is read as the original was; given back and copied again, our columns stand in it once."""
    out, again = tmp_path / "out.xlsx", tmp_path / "again.xlsx"
    make(original(tmp_path), out)
    table = open_table(out, ReadOptions(sheets=("November",)))
    assert [column.field for column in table.columns][:6] == list(FIELDS)
    assert [row.number for chunk in table.chunks() for row in chunk] == [4, 5]
    sheet = make(out, again)["November"]
    assert [cell.value for cell in sheet[3]].count("status") == 1
    assert sheet["D5"].comment.text.count("Error: ") == 1


def test_an_original_that_changed_meanwhile_gets_no_copy(tmp_path: Path) -> None:
    """Rows are found by their numbers: in a file that is not the one that was read they could be others."""
    path = original(tmp_path)
    about = report(source=SourceFile(path.name, "0" * 64, "November"), columns=columns(("Email", "email", "")))
    with pytest.raises(OSError):
        annotated_copy.write_marked(path, about, rows(), tmp_path / "out.xlsx", "en")


@pytest.mark.parametrize(
    ("member", "told", "en_francais"),
    [
        pytest.param("xl/vbaProject.bin", "macros", "macros", id="macros"),
        pytest.param("xl/charts/chart1.xml", "charts", "graphiques", id="a chart"),
        pytest.param("xl/media/image1.png", "pictures", "images", id="a picture"),
        pytest.param("xl/drawings/drawing1.xml", "shapes", "formes", id="a drawing"),
        pytest.param("xl/pivotTables/pivotTable1.xml", "pivot tables", "croisés", id="a pivot table"),
        pytest.param("xl/slicers/slicer1.xml", "slicers", "segments", id="a slicer"),
        pytest.param("xl/externalLinks/externalLink1.xml", "links to other workbooks", "liens", id="a link"),
        pytest.param("xl/ctrlProps/ctrlProp1.xml", "form controls", "contrôles", id="a form control"),
        pytest.param("xl/activeX/activeX1.bin", "embedded objects", "objets", id="an ActiveX control"),
        pytest.param("xl/threadedComments/threadedComment1.xml", "threaded comments", "fil", id="threaded comments"),
        pytest.param("xl/connections.xml", "data connections", "connexions", id="a connection"),
        pytest.param("_xmlsignatures/sig1.xml", "a digital signature", "signature", id="a signature"),
        pytest.param("xl/somethingNew/new1.xml", "xl/somethingNew/new1.xml", "ne connaît pas", id="what nobody knows"),
    ],
)
def test_a_workbook_with_what_would_be_lost_is_left_alone(
    tmp_path: Path, member: str, told: str, en_francais: str
) -> None:
    """What a copy would lose is named, in both languages, and no copy is made."""
    path = original(tmp_path)
    with zipfile.ZipFile(path, "a") as package:
        package.writestr(member, "<x/>")
    with pytest.raises(UsageError) as failure:
        annotated_copy.check_original(path)
    assert told in explain(failure.value, "en")
    assert en_francais in explain(failure.value, "fr")


def test_extensions_of_a_sheet_would_be_lost_too(tmp_path: Path) -> None:
    """Sparklines and newer data bars stand inside a sheet's own part."""
    path, other = original(tmp_path), tmp_path / "other.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                text = text.replace(b"</worksheet>", b'<extLst><ext uri="{05C60535}"/></extLst></worksheet>')
            new.writestr(name, text)
    with pytest.raises(UsageError) as failure:
        annotated_copy.check_original(other)
    assert "sparklines" in explain(failure.value)


@pytest.mark.parametrize(
    ("make_file", "sentence"),
    [
        pytest.param(
            lambda path: path.write_text("a,b\n"),
            (
                "--marked-copy copies an .xlsx workbook, and {file} is not one. Correct the sheet "
                "Errors instead, or save the file as .xlsx first."
            ),
            id="a text file",
        ),
        pytest.param(
            lambda path: zipfile.ZipFile(path, "w").close(),
            (
                "--marked-copy copies an .xlsx workbook, and {file} is not one. Correct the sheet "
                "Errors instead, or save the file as .xlsx first."
            ),
            id="an empty zip file",
        ),
        pytest.param(
            lambda _path: None,
            (
                "--marked-copy copies an .xlsx workbook, and {file} is not one. Correct the sheet "
                "Errors instead, or save the file as .xlsx first."
            ),
            id="no file",
        ),
    ],
)
def test_what_is_no_workbook_gets_one_sentence(tmp_path: Path, make_file: Callable[..., Any], sentence: str) -> None:
    """A copy is made of .xlsx workbooks only."""
    make_file(tmp_path / "in.xlsx")
    with pytest.raises(UsageError) as failure:
        annotated_copy.check_original(tmp_path / "in.xlsx")
    assert failure.value.text == sentence


@needs_office
@pytest.mark.slow
def test_libreoffice_opens_the_copy(tmp_path: Path) -> None:
    """What LibreOffice saves of the copy has the same cells, comments and columns."""
    make(original(tmp_path), tmp_path / "out.xlsx")
    convert(tmp_path / "out.xlsx", "xlsx", tmp_path / "saved")
    sheet = load_workbook(tmp_path / "saved" / "out.xlsx")["November"]
    assert tuple(cell.value for cell in sheet[3]) == (*HEAD, *OURS)
    assert "not an e-mail address" in sheet["D5"].comment.text
    assert MARK not in (sheet.parent.custom_doc_props.names or [])
