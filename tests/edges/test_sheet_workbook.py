"""Workbooks as finance teams have them, made by two libraries, by hand and by LibreOffice."""

import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.reading import codes, refusal, rows_of

from pipeline.domain.errors import InputError
from pipeline.messages import explain
from pipeline.reader import archive
from pipeline.reader.origin import properties_of
from pipeline.reader.styles import MOST_CELLS
from pipeline.system.atomic_output import is_ours
from schemas.faults import sentence
from schemas.fields import OWN_COLUMNS

HEAD = ["Invoice #", "First name", "Last name", "Email", "Amount"]
ROW = ["007", "Jane", "Doe", "j@example.com", 5]


def saved(tmp_path: Path, *rows: list[Any], name: str = "book.xlsx", change: Callable[..., Any] | None = None) -> Path:
    """A workbook with these rows in its first sheet, changed by `change(workbook, sheet)`."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    if change:
        change(book, sheet)
    book.save(tmp_path / name)
    return tmp_path / name


SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'
)


def by_hand(
    tmp_path: Path,
    sheet: str,
    extra: dict[str, str] | None = None,
    name: str = "hand.xlsx",
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """A workbook whose only sheet is this XML (inside `<worksheet>`, unless it brings its own)."""
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="Billing" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet if sheet.startswith("<?xml") else SHEET.format(sheet),
        **(extra or {}),
    }
    with zipfile.ZipFile(tmp_path / name, "w", compression) as book:
        for member, content in parts.items():
            book.writestr(member, content)
    return tmp_path / name


def text_cells(number: int, texts: Sequence[Any], attributes: str = "") -> str:
    """The XML of a row of inline strings."""
    cells = "".join(
        f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{text}</t></is></c>' for at, text in enumerate(texts)
    )
    return f'<row r="{number}"{attributes}>{cells}</row>'


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("Null", "Null", "s"),
        ("NA", "NA", "s"),
        ("True", "True", "s"),
        ("Nan", "Nan", "s"),
        ("1E5", "1E5", "s"),
        ("007", "007", "s"),
        (" x ", " x ", "s"),
        ("a\nb", "a\nb", "s"),
        (250.0, "250", "n"),
        (250, "250", "n"),
        (12.5, "12.5", "n"),
        (-0.25, "-0.25", "n"),
        (123456789012345, "123456789012345", "n"),
        (987654000000, "987654000000", "n"),
        (1e-7, "0.0000001", "n"),
        (1e20, "100000000000000000000", "n"),
        (True, "TRUE", "b"),
        (False, "FALSE", "b"),
        (datetime(2026, 1, 2), "2026-01-02", "d"),  # noqa: DTZ001 - cells have no zone
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05", "d"),  # noqa: DTZ001 - as above
        (date(2026, 3, 4), "2026-03-04", "d"),
        (time(9, 30), "09:30:00", "d"),
        (timedelta(hours=30), "30:00:00", "d"),
        ("=1+1", "", "f"),
        (None, "", "s"),
    ],
)
def test_every_kind_of_cell_has_its_text(tmp_path: Path, value: Any, text: str, kind: str) -> None:
    """Texts stay as they are, numbers are exact and without exponent, dates are ISO 8601."""
    _, rows = rows_of(saved(tmp_path, [*HEAD, "Own"], [*ROW, value]))
    assert (rows[0].cells[5], rows[0].kinds[5]) == (text, kind)


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"])
def test_error_values_keep_their_text(tmp_path: Path, error: str) -> None:
    """Also as the result of a formula, and in a column of the user's own."""
    path = tmp_path / "e.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "Own"])
    sheet.write_row(1, 0, ROW)
    sheet.write_formula(1, 5, "=X1", None, error)
    sheet.write_formula(1, 4, "=X1", None, error)
    book.close()
    _, rows = rows_of(path)
    assert (rows[0].cells[4:], rows[0].kinds[4:]) == ((error, error), "ee")


def test_a_formula_with_an_empty_text_is_saved(tmp_path: Path) -> None:
    """`=IF(A1="";"";…)` has a value: an empty text. Only a formula without any value is kind `f`."""
    row = (
        '<row r="2"><c r="A2" t="str"><f>""</f><v></v></c><c r="B2"><f>1+1</f></c><c r="C2"><f>1</f><v>1</v></c></row>'
    )
    _, rows = rows_of(by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}{row}</sheetData>"))
    assert (rows[0].cells[:3], rows[0].kinds) == (("", "", "1"), "sfnss")


def test_rich_and_shared_and_inline_strings_are_texts(tmp_path: Path) -> None:
    """Bold letters within a name do not split it."""
    path = tmp_path / "r.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEAD)
    sheet.write_row(1, 0, ROW)
    sheet.write_rich_string(1, 1, "Ja", book.add_format({"bold": True}), "ne ", "Ann")
    book.close()
    assert rows_of(path)[1][0].cells[1] == "Jane Ann"


def test_digits_of_another_look_are_of_another_number(tmp_path: Path) -> None:
    """90 with small cents is not 9,050, and 100 behind a 20 that is struck through not 20,100; other texts stay."""
    path = tmp_path / "r.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    raised, struck, bold = (book.add_format({look: 1}) for look in ("font_script", "font_strikeout", "bold"))
    sheet.write_row(0, 0, HEAD)
    for row in (1, 2, 3):
        sheet.write_row(row, 0, [row, *ROW[1:]])
    sheet.write_rich_string(1, 1, "Marie", raised, "ère", " Ann")
    sheet.write_rich_string(1, 4, "90", raised, "50")
    sheet.write_rich_string(2, 4, struck, "20", " ", "100")
    sheet.write_rich_string(3, 4, "1", bold, "20")
    book.close()
    assert [row.cells[1:5:3] for row in rows_of(path)[1]] == [
        ("Marieère Ann", "90^50"),
        ("Jane", "20 ^100"),
        ("Jane", "120"),
    ]


def test_a_text_of_which_all_letters_are_struck_through_is_struck_through(tmp_path: Path) -> None:
    """However it came to be: the row is asked about."""
    path = tmp_path / "r.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet, struck = book.add_worksheet(), book.add_format({"font_strikeout": True})
    both = book.add_format({"font_strikeout": True, "bold": True})
    sheet.write_row(0, 0, HEAD)
    for row in (1, 2):
        sheet.write_row(row, 0, [row, *ROW[1:]])
    sheet.write_rich_string(1, 2, struck, "Do", both, "e")
    sheet.write_rich_string(2, 2, "D", struck, "oe")
    book.close()
    assert refusal(path).params["rows"] == "2"


@pytest.mark.parametrize("value", [" 1", "1 ", "\n  1\n", "\t1", "1\r\n"])
def test_spaces_around_the_number_of_a_text_are_a_refusal(tmp_path: Path, value: str) -> None:
    """Calamine takes the first text of the workbook for it, and Jane would be called Billing; a text has its spaces."""
    strings = "".join(f"<si><t>{text}</t></si>" for text in ("Billing", "Jane", *HEAD))
    heads = "".join(f'<c t="s"><v>{at}</v></c>' for at in range(2, 2 + len(HEAD)))
    cells = '<c t="str"><v> INV-1 </v></c><c t="s"><v>{}</v></c>' + "".join(
        f'<c t="str"><v>{text}</v></c>' for text in ("Doe ", "j@example.com")
    )
    sheet = f"<sheetData><row>{heads}</row><row>{cells}<c><v>5</v></c></row></sheetData>"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    extra = {"xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings}</sst>'}
    assert refusal(by_hand(tmp_path, sheet.format(value), extra)).text == (
        "{path} is damaged. Open it in your spreadsheet program and save it again, or export it again."
    )
    assert rows_of(by_hand(tmp_path, sheet.format("1"), extra))[1][0].cells[1] == "Jane"


@pytest.mark.parametrize("look", ["yyyy-mm-dd", "d mmmm yyyy", "h:mm", "#,##0.00 [$CAD]", "0.0%", "# ##0,00 $"])
def test_a_column_keeps_its_look(tmp_path: Path, look: str) -> None:
    """The format of the first cell below the headings that has one."""
    path = tmp_path / "l.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write(0, 0, "Acme", book.add_format({"num_format": "0.000"}))
    sheet.write_row(2, 0, [*HEAD, "Own"])
    for at in (3, 4):
        sheet.write_row(at, 0, ROW)
    sheet.write_number(4, 5, 46000.5, book.add_format({"num_format": look}))
    book.close()
    table, _ = rows_of(path)
    assert [column.number_format for column in table.columns] == ["", "", "", "", "", look]


def test_the_table_is_found_below_a_title(tmp_path: Path) -> None:
    """Row numbers are the sheet's own, blank rows count, a note beside the table is a column without a heading."""
    path = saved(
        tmp_path,
        ["Acme Inc."],
        ["Invoices for November"],
        [],
        [None, *HEAD],
        [None, *ROW],
        [],
        [None, *ROW, "call her"],
    )
    table, rows = rows_of(path)
    assert (table.heading_row, [row.number for row in rows]) == (4, [5, 7])
    assert [table.letter(column) for column in table.columns] == list("BCDEFG")
    assert rows[1].cells[5] == "call her"


def test_the_first_visible_sheet_with_headings_is_read(tmp_path: Path) -> None:
    """Covers and hidden sheets are passed over and named."""

    def change(book: Any, sheet: Any) -> None:
        book.create_sheet("Cover", 0)["A1"] = "Welcome"
        hidden = book.create_sheet("Old", 0)
        hidden.append(HEAD)
        hidden.sheet_state = "hidden"
        sheet.title = "November"

    path = saved(tmp_path, HEAD, ROW, change=change)
    table, rows = rows_of(path)
    assert (table.source.sheet, len(rows), codes(table)) == ("November", 1, ["sheets-not-read-some-hidden"])
    assert rows_of(path, sheets=("Old",))[0].source.sheet == "Old"
    failure = refusal(path, sheets=("Novembre",))
    assert failure.text == 'There is no sheet "{sheet}". The workbook has: {sheets}.'
    assert "November" in explain(failure)


def test_a_sheet_that_is_only_a_chart_is_passed_over(tmp_path: Path) -> None:
    """It has no cells."""
    path = tmp_path / "c.xlsx"
    book = xlsxwriter.Workbook(path)
    chart = book.add_chart({"type": "pie"})
    chart.add_series({"values": "=Data!$E$2:$E$2"})
    book.add_chartsheet("Chart").set_chart(chart)
    sheet = book.add_worksheet("Data")
    sheet.write_row(0, 0, HEAD)
    sheet.write_row(1, 0, ROW)
    book.close()
    assert rows_of(path)[0].source.sheet == "Data"


def hide(attributes: dict[int, dict[str, bool]]) -> Callable[..., Any]:
    """A change that sets attributes of row dimensions."""

    def change(_: Any, sheet: Any) -> None:
        for row, names in attributes.items():
            for name, value in names.items():
                setattr(sheet.row_dimensions[row], name, value)

    return change


def test_hidden_rows_are_refused_with_their_numbers_unless_decided(tmp_path: Path) -> None:
    """Rows above the table and blank ones do not count; skip and include say what they did."""
    hidden = {row: {"hidden": True} for row in (1, 4, 5, 7, 8)}
    path = saved(tmp_path, ["Acme"], HEAD, ROW, ROW, ROW, ROW, ROW, change=hide(hidden))
    failure = refusal(path)
    assert (failure.text, failure.params["rows"]) == (
        (
            "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show "
            "them, or use --hidden skip to leave them out or --hidden include to bill them."
        ),
        "4-5, 7",
    )
    table, rows = rows_of(path, hidden="skip")
    assert ([row.number for row in rows], codes(table)) == ([3, 6], ["hidden-rows-skipped"])
    table, rows = rows_of(path, hidden="include")
    assert ([row.number for row in rows], codes(table)) == ([3, 4, 5, 6, 7], ["hidden-rows-included"])


@pytest.mark.parametrize(
    ("before", "second", "hidden"),
    [
        ("", ' hidden="1"', True),
        ("", " hidden='true'", True),
        ("", ' ht="0" customHeight="1"', True),
        ("", ' hidden="0"', False),
        ("", ' ht="0.75"', False),
        ('<sheetFormatPr defaultRowHeight="15" zeroHeight="1"/>', "", True),
        ('<sheetFormatPr defaultRowHeight="15" zeroHeight="1"/>', ' ht="15"', False),
    ],
)
@pytest.mark.parametrize("writing", ["plain", "single quotes", "prefix"])
def test_rows_are_hidden_in_many_ways(tmp_path: Path, before: str, second: str, hidden: bool, writing: str) -> None:
    """By hand, by a filter, by height, by default; however the program wrote its XML."""
    rows = text_cells(1, HEAD, ' ht="15"') + text_cells(2, ["1", "A", "B", "a@example.com", "5"], second)
    xml = SHEET.format(f"{before}<sheetData>{rows}</sheetData>")
    if writing == "single quotes":
        xml = xml.replace('"', "'")
    if writing == "prefix":
        head, _, body = xml.partition("?>")
        body = body.replace("</", "\0").replace("<", "<x:").replace("\0", "</x:").replace("xmlns=", "xmlns:x=")
        xml = f"{head}?>{body}"
    path = by_hand(tmp_path, xml)
    if hidden:
        assert refusal(path).params["rows"] == "2"
    else:
        assert [row.number for row in rows_of(path)[1]] == [2]


def test_cells_without_references_are_counted(tmp_path: Path) -> None:
    """Some programs write neither row numbers nor cell references."""
    cells = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in HEAD)
    bad = '<c t="inlineStr"><is><t>1</t></is></c><c/><c t="e"><v>#N/A</v></c>'
    _, rows = rows_of(by_hand(tmp_path, f"<sheetData><row>{cells}</row><row>{bad}</row></sheetData>"))
    assert (rows[0].number, rows[0].cells[:3], rows[0].kinds[2]) == (2, ("1", "", "#N/A"), "e")


def test_hidden_columns_are_noticed(tmp_path: Path) -> None:
    """They are read, and named by their letters."""

    def change(_: Any, sheet: Any) -> None:
        sheet.column_dimensions["C"].hidden = True

    table, rows = rows_of(saved(tmp_path, HEAD, ROW, change=change))
    assert (codes(table), rows[0].cells[2]) == (["hidden-columns"], "Doe")
    assert dict(table.notices[0].details)["columns"] == "C"


def test_our_own_workbook_is_taken_back(tmp_path: Path) -> None:
    """`Errors` is read, our columns are left out, and rows have the numbers of the user's own sheet."""

    def change(book: Any, sheet: Any) -> None:
        sheet.title = "Summary"
        for name in ("Results", "Errors"):
            ours = book.create_sheet(name)
            ours.append(["row", *HEAD, "Notes", *OWN_COLUMNS])
            numbers = (12, 40) if name == "Errors" else (11, 12, 40)
            for number in numbers:
                ours.append([number, *ROW, "n", *["x"] * len(OWN_COLUMNS)])

    path = saved(tmp_path, ["Batch", "november"], change=change)
    table, rows = rows_of(path)
    assert table.source.sheet == "Errors"
    assert [column.heading for column in table.columns] == [*HEAD, "Notes"]
    assert [(row.number, row.cells[:2]) for row in rows] == [(12, ("007", "Jane")), (40, ("007", "Jane"))]
    assert len(rows_of(path, sheets=("Results",))[1]) == 3


def test_row_numbers_that_no_longer_tell_rows_apart_are_not_used(tmp_path: Path) -> None:
    """A person copied a row within `Errors`: the sheet's own numbers are used, and it is said."""

    def change(book: Any, sheet: Any) -> None:
        sheet.title = "Errors"

    ours = [["row", *HEAD, *OWN_COLUMNS]] + [[number, *ROW, *[None] * len(OWN_COLUMNS)] for number in (12, 12)]
    table, rows = rows_of(saved(tmp_path, *ours, change=change))
    assert ([row.number for row in rows], codes(table)) == ([2, 3], ["row-numbers-not-used"])


def locked_member(path: Path) -> None:
    """Sets the flag of encryption on every member."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 4)
    path.write_bytes(content)


def test_a_locked_workbook_says_so(tmp_path: Path) -> None:
    """In the container of Microsoft's, and as a locked zip."""
    path = saved(tmp_path, HEAD, ROW)
    locked_member(path)
    assert refusal(path).text == "{path} is password-protected. Save a copy without a password and use that."
    ole = tmp_path / "locked.xlsx"
    ole.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000 + "EncryptedPackage".encode("utf-16-le"))
    assert refusal(ole).text == "{path} is password-protected. Save a copy without a password and use that."


@pytest.mark.parametrize(
    ("members", "key"),
    [
        (
            ["word/document.xml"],
            ("{path} is a document or presentation, not a sheet. Copy its table into a workbook and save that."),
        ),
        (["Index/Document.iwa"], "{path} is an Apple Numbers file. Export it from Numbers as Excel (.xlsx) or CSV."),
        (["billing.csv"], "{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside."),
        (
            ["xl/workbook.xml"],
            ("{path} is damaged. Open it in your spreadsheet program and save it again, or export it again."),
        ),
    ],
)
def test_a_zip_of_something_else_is_named(tmp_path: Path, members: list[str], key: str) -> None:
    """A document, an archive, another program's file and an empty workbook are told apart."""
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        for member in members:
            book.writestr(member, "x")
    assert refusal(path).text == key


def test_a_bomb_by_its_declared_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is unpacked."""
    monkeypatch.setattr(archive, "MAX_MEMBER", 10_000)
    path = by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}</sheetData>{' ' * 20_000}")
    assert refusal(path).text == (
        "{path} unpacks to much more than a workbook contains (limit: {limit} GB): it is "
        "damaged or malicious. Export the list again."
    )


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """The headers declare less than the member unpacks to."""
    path = by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}</sheetData>{' ' * 3_000_000}")
    with zipfile.ZipFile(path) as book:
        size = book.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (2000).to_bytes(4, "little")))
    assert refusal(path).text == (
        "{path} unpacks to much more than a workbook contains (limit: {limit} GB): it is "
        "damaged or malicious. Export the list again."
    )


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    """No workbook needs one, and entities are how an XML bomb is built."""
    xml = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + SHEET.format("<sheetData/>").partition("?>")[2]
    assert refusal(by_hand(tmp_path, xml)).text == (
        "{path} contains a document type (DTD), which can be harmful and no workbook needs. Export the list again."
    )


def test_a_cell_far_from_the_table_is_refused(tmp_path: Path) -> None:
    """Two cells at opposite corners would be seventeen thousand million."""
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    failure = refusal(by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}{far}</sheetData>"))
    assert (failure.text, failure.params["cell"]) == (
        (
            'The sheet "{sheet}" extends to cell {cell}: more than {limit} cells, nearly all '
            "empty. Delete what is far from the list, or copy the list into a new workbook."
        ),
        "XFD1048576",
    )
    limit = f"{MOST_CELLS:,}"
    assert limit in explain(failure, "en")
    assert limit.replace(",", "\u00a0") in explain(failure, "fr")


def test_an_ods_cell_repeated_without_end_is_refused(tmp_path: Path) -> None:
    """Before the reader lays out what the repetitions say."""
    names = " ".join(
        f'xmlns:{one}="urn:oasis:names:tc:opendocument:xmlns:{one}:1.0"' for one in ("office", "table", "text")
    )
    cell = '<table:table-cell office:value-type="string" table:number-columns-repeated="9999"><text:p>x</text:p>'
    rows = f'<table:table-row table:number-rows-repeated="99999">{cell}</table:table-cell></table:table-row>'
    path = tmp_path / "far.ods"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr(
            "content.xml", f'<office:document-content {names}><table:table table:name="S">{rows}</table:table>'
        )
    assert refusal(path).text == (
        'The sheet "{sheet}" extends to cell {cell}: more than {limit} cells, nearly all '
        "empty. Delete what is far from the list, or copy the list into a new workbook."
    )


def test_a_hundred_thousand_blank_formatted_rows_are_no_rows(tmp_path: Path) -> None:
    """Formats without values cost nothing, also in column XFD."""
    blank = "".join(f'<row r="{n}"><c r="XFD{n}" s="0"/></row>' for n in range(3, 100_000))
    row = text_cells(2, ["1", "A", "B", "a@example.com", "5"])
    table, rows = rows_of(by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}{row}{blank}</sheetData>"))
    assert (len(rows), len(table.columns)) == (1, 5)


def test_sixteen_thousand_columns_are_read(tmp_path: Path) -> None:
    """A note in the last column of all is kept, and no limit is met."""
    row = '<row r="2"><c r="A2"><v>1</v></c><c r="XFD2"><v>9</v></c></row>'
    table, rows = rows_of(by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}{row}</sheetData>"))
    assert (len(table.columns), rows[0].cells[-1]) == (16_384, "9")


@pytest.mark.parametrize(
    ("member", "code"),
    [("xl/vbaProject.bin", "macros-not-run"), ("xl/externalLinks/externalLink1.xml", "links-not-followed")],
)
def test_macros_and_links_are_left_alone_and_said(tmp_path: Path, member: str, code: str) -> None:
    """The saved values are read."""
    row = text_cells(2, ["1", "A", "B", "a@example.com", "5"])
    table, rows = rows_of(by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}{row}</sheetData>", {member: "x"}))
    assert (len(rows), codes(table)) == (1, [code])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 4000), byte=st.integers(0, 255), cut=st.integers(0, 4000))
def test_a_damaged_workbook_is_never_a_crash(tmp_path: Path, at: int, byte: int, cut: bool) -> None:
    """One byte changed or the end cut off: read, or refused in a sentence."""
    path = tmp_path / "d.xlsx"
    whole = tmp_path / "whole.xlsx"
    if not whole.exists():
        saved(tmp_path, HEAD, ROW, name="whole.xlsx")
    content = bytearray(whole.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content[: len(content) - cut] if cut % 3 == 0 else content)
    with suppress(InputError):
        rows_of(path)


@pytest.mark.parametrize("part", ["[Content_Types].xml", "mimetype", "docProps/custom.xml"])
def test_a_part_that_cannot_be_unpacked_is_no_fault_of_ours(tmp_path: Path, part: str) -> None:
    """Whoever looks into a stranger's package: what a file is, whether it is ours, and of which batch."""
    path = tmp_path / "d.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(part, "abc" * 1000)
        begin = 30 + len(part)
    content = bytearray(path.read_bytes())
    content[begin : begin + 4] = b"\xff" * 4  # no kind of block
    path.write_bytes(content)
    assert refusal(path).text in {
        ("{path} is damaged. Open it in your spreadsheet program and save it again, or export it again."),
        "{path} is a compressed archive, not a sheet. Unpack it and choose the sheet inside.",
    }
    assert (is_ours(path), properties_of(path)) == (False, {})


def converted(path: Path, form: str) -> Path:
    """The workbook in another format, by LibreOffice. Skipped without it, unless in CI."""
    if path.with_suffix(f".{form}").exists():
        return path.with_suffix(f".{form}")
    office = shutil.which("soffice")
    if not office:
        if os.environ.get("CI") == "true":
            pytest.fail("LibreOffice is needed for .xls and .ods")
        pytest.skip("LibreOffice is not here: .xls and .ods are not tried")
    profile = f"-env:UserInstallation=file://{path.parent}/profile"
    command = [office, profile, "--headless", "--convert-to", form, "--outdir", str(path.parent), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return path.with_suffix(f".{form}")


@pytest.fixture(scope="module")
def office_workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def change(book: Any, sheet: Any) -> None:
        sheet.row_dimensions[4].hidden = True
        sheet["F3"].number_format = "d mmmm yyyy"
        sheet["G3"].data_type = "e"
        hidden = book.create_sheet("Old")
        hidden.sheet_state = "hidden"

    own = [date(2026, 1, 2), "#N/A"]
    folder = tmp_path_factory.mktemp("office")
    return saved(folder, ["Acme"], [*HEAD, "Due", "Own"], [*ROW, *own], [*ROW, *own], ROW, change=change)


def test_ods_is_read_like_xlsx(office_workbook: Path) -> None:
    """Values, error values and hidden rows, whatever the file is called."""
    path = converted(office_workbook, "ods").rename(office_workbook.with_name("really-ods.xlsx"))
    assert refusal(path).params["rows"] == "4"
    _, rows = rows_of(path, hidden="include")
    assert rows[0].cells == ("007", "Jane", "Doe", "j@example.com", "5", "2026-01-02", "#N/A")
    assert (rows[0].kinds, [row.number for row in rows]) == ("ssssnde", [3, 4, 5])


def test_xls_is_read_like_xlsx(office_workbook: Path) -> None:
    """Values, error values, hidden rows and sheets."""
    path = converted(office_workbook, "xls")
    assert refusal(path).params["rows"] == "4"
    table, rows = rows_of(path, hidden="include")
    assert rows[0].cells == ("007", "Jane", "Doe", "j@example.com", "5", "2026-01-02", "#N/A")
    assert (rows[0].kinds, [row.number for row in rows]) == ("ssssnde", [3, 4, 5])
    assert codes(table) == ["hidden-sheets-not-read", "hidden-rows-included"]


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_xls_neither_ends_the_process_nor_prints_a_trace(
    office_workbook: Path, tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """The format has no checksums, and its reader may abort: a process of its own tries first."""
    chance = random.Random(seed)
    content = bytearray(converted(office_workbook, "xls").read_bytes())
    for _ in range(20):
        content[chance.randrange(512, len(content))] = chance.randrange(256)
    path = tmp_path / "damaged.xls"
    path.write_bytes(content)
    with suppress(InputError):
        rows_of(path)
    assert "panicked" not in capfd.readouterr().err


def looking(tmp_path: Path, *cells: tuple[float, str], name: str = "t.xlsx") -> Path:
    """A sheet with one row for each value and number format, in a column of the user's own."""
    path = tmp_path / name
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "Own", "Other"])
    for number, (value, look) in enumerate(cells, 1):
        sheet.write_row(number, 0, [f"I-{number}", *ROW[1:]])
        sheet.write_number(number, 5, value, book.add_format({"num_format": look}))
        sheet.write_number(number, 6, 1.5, book.add_format({"num_format": "[h]:mm"}))
    book.close()
    return path


@pytest.mark.parametrize("look", ["[h]:mm", "[hh]:mm:ss", "[mm]:ss", "[h]:mm:ss", '[ss]"s"'])
def test_a_length_of_time_beyond_all_bounds_is_a_number(tmp_path: Path, look: str) -> None:
    """A reference typed into a cell with the look of hours: only that cell is another, nothing else of its sheet."""
    path = looking(tmp_path, (1.25, look), (987654321012, look), (2.5, look), (987654321013, look))
    _, rows = rows_of(path)
    assert [row.cells[5] for row in rows] == ["30:00:00", "987654321012", "60:00:00", "987654321013"]
    assert [row.cells[6] for row in rows] == ["36:00:00"] * 4
    assert [row.cells[0] for row in rows] == ["I-1", "I-2", "I-3", "I-4"]
    assert [row.kinds for row in rows] == ["ssssndd", "ssssnnd", "ssssndd", "ssssnnd"]


@pytest.mark.parametrize("look", ["yyyy-mm-dd", "h:mm", "d mmm yyyy h:mm"])
def test_a_date_before_all_dates_stays_a_number(tmp_path: Path, look: str) -> None:
    """Spreadsheets have no day before 1900: -1.5 is no 12:00, also as the result of a formula."""
    path = looking(tmp_path, (-1.5, look), (-1, look), (46000.5, look))
    _, rows = rows_of(path)
    assert [row.cells[5] for row in rows[:2]] == ["-1.5", "-1"]
    assert [row.kinds[5] for row in rows] == ["n", "n", "d"]
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "Own"])
    sheet.write_row(1, 0, ROW)
    sheet.write_formula(1, 5, "=A1-B1", book.add_format({"num_format": look}), -0.25)
    book.close()
    assert rows_of(path)[1][0].cells[5] == "-0.25"


@pytest.mark.parametrize(
    ("saved", "shown"),
    [("_x000D_", "\r"), ("_x0041_", "A"), ("_x005F_x0041_", "_x0041_"), ("_x005F_", "_"), ("_x20AC_", "_x20AC_")],
)
def test_escaped_characters_are_read_as_a_spreadsheet_shows_them(tmp_path: Path, saved: str, shown: str) -> None:
    """`_x0041_` in a file is the letter A, and that text itself is saved with its first sign escaped. Characters beyond
    the first 256 are never escaped: what looks so stays as it is.
    """
    _, rows = rows_of(by_hand(tmp_path, f"<sheetData>{text_cells(1, HEAD)}{text_cells(2, ['1', saved])}</sheetData>"))
    assert rows[0].cells[1] == shown


@pytest.mark.parametrize("form", ["xlsx", "csv"])
@pytest.mark.parametrize("text", ["x" * 40_000, "😀" * 17_000], ids=["letters", "pairs"])
def test_a_text_too_long_for_the_results_is_said(tmp_path: Path, form: str, text: str) -> None:
    """The workbook of the results holds its beginning, with a mark: the row says so, the others say nothing."""
    lines: list[Any] = [[*HEAD, "Own"], [*ROW, text], [*ROW, "x" * 32_767], [*ROW, "short"]]
    if form == "csv":
        path = tmp_path / "long.csv"
        path.write_text("\n".join(",".join(map(str, line)) for line in lines), encoding="utf-8")
    else:
        path = by_hand(
            tmp_path, f"<sheetData>{''.join(text_cells(n, line) for n, line in enumerate(lines, 1))}</sheetData>"
        )
    _, rows = rows_of(path)
    (notice,) = rows[0].faults
    length = str(len(text.encode("utf-16-le")) // 2)
    assert (notice.code, dict(notice.details)) == ("text-cut", {"column": "F", "length": length, "limit": "32767"})
    assert sentence(notice, "en") != sentence(notice, "fr")
    assert [row.faults for row in rows[1:]] == [(), ()]
    assert rows[0].cells[5] == text


def test_a_long_text_does_not_hide_a_suspicious_line_break(tmp_path: Path) -> None:
    """A short row that runs over lines is suspected, however long its cells are."""
    path = tmp_path / "long.csv"
    path.write_text(f'{",".join(HEAD)}\n007,"Jane{"x" * 40_000}\nDoe"\n', encoding="utf-8")
    _, rows = rows_of(path)
    assert [fault.code for fault in rows[0].faults] == ["text-cut", "quote-over-lines"]


def test_errors_are_taken_back_whatever_of_our_columns_they_have(tmp_path: Path) -> None:
    """Ours are the first three and those from the last `status` on, in our order; a user's own keep their names."""

    def change(book: Any, sheet: Any) -> None:
        sheet.title = "Errors"

    own = [*HEAD, "status"]
    headings = ["row", "errors", "howToFix", *own, "status", "notices", "attempts", "Checked by"]
    rows = [[number, "wrong", "fix it", *ROW, "mine", "invalid", "n", 1, "Ann"] for number in (12, 40)]
    table, found = rows_of(saved(tmp_path, headings, *rows, change=change))
    assert [column.heading for column in table.columns] == [*own, "Checked by"]
    assert [(row.number, row.cells[-2:]) for row in found] == [(12, ("mine", "Ann")), (40, ("mine", "Ann"))]
