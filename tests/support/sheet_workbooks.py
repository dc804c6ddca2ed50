"""Workbooks of every format from one `binary_workbooks.Sheet`: .xlsx by a library, .ods by hand."""

import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from support.binary_workbooks import Error, Formula, Sheet, write_xls, write_xlsb

UNSAVED = object()
"""A cell whose formula was never calculated; .xls and .xlsb have no such cells."""


def _write_cell(book: Workbook, sheet: Worksheet, place: tuple[int, int], cell: Any, style: dict[str, bool]) -> None:
    match cell:
        case Formula(number, look):
            sheet.write_formula(*place, "=1", book.add_format({"num_format": look} | style), number)
        case (number, look):
            sheet.write_number(*place, number, book.add_format({"num_format": look} | style))
        case Error(text):
            sheet.write_formula(*place, "=1", value=text)
        case _ if cell is UNSAVED:
            sheet.write_formula(*place, "=1", value="")
        case _ if cell is not None:
            sheet.write(*place, cell, book.add_format(style) if any(style.values()) else None)


def write_xlsx(path: Path, *sheets: Sheet) -> Path:
    """The same sheets as `binary_workbooks` takes, as an .xlsx."""
    book = xlsxwriter.Workbook(path, {"date_1904": any(one.from_1904 for one in sheets)})
    for one in sheets:
        sheet = book.add_worksheet(one.name)
        for number in one.hidden:
            sheet.set_row(number - 1, options={"hidden": True})
        for column in one.columns:
            sheet.set_column(column, column, options={"hidden": True})
        for top, bottom, *columns in one.merges:
            sheet.merge_range(top - 1, columns[0], bottom - 1, columns[1], "")
        for number, row in enumerate(one.rows):
            for column, cell in enumerate(row):
                _write_cell(book, sheet, (number, column), cell, {"font_strikeout": number + 1 in one.struck})
    book.close()
    return path


NAMES = ["office", "table", "text", "number", "style"]
DAY_PARTS = [f'<number:{part} number:style="long"/>' for part in ("day", "month", "year")]
STYLES = {
    "0.00": "number", "0000.00": "number", "00000": "number", '"INV-"000': "number", "000-000": "number",
    "# ?/?": "number", "0%": "percentage", "0.0%": "percentage", "yyyy-mm-dd": "date", "dd/mm/yyyy": "date",
    '"$"#,##0.00;-"$"#,##0.00': "currency",
}  # fmt: skip

NUMBER = {look: at for at, look in enumerate(STYLES)}


def digits(places: int, decimals: int = 0, inside: str = "", more: str = "") -> str:
    return (
        f'<number:number number:min-integer-digits="{places}" number:decimal-places="{decimals}"{more}>{inside}'
        "</number:number>"
    )


PARTS = {
    "# ?/?": '<number:fraction number:min-numerator-digits="1"/>',
    "0.00": digits(1, 2),
    "0000.00": digits(4, 2),
    "00000": digits(5),
    '"INV-"000': f"<number:text>INV-</number:text>{digits(3)}",
    "000-000": digits(6, 0, '<number:embedded-text number:position="3">-</number:embedded-text>'),
    "0%": f"{digits(1)}<number:text>%</number:text>",
    "0.0%": f"{digits(1, 1)}<number:text>%</number:text>",
    "yyyy-mm-dd": "<number:text>-</number:text>".join(reversed(DAY_PARTS)),
    "dd/mm/yyyy": "<number:text>/</number:text>".join(DAY_PARTS),
    '"$"#,##0.00;-"$"#,##0.00': "<number:text>-</number:text><number:currency-symbol/>"
    + digits(1, 2, more=' number:grouping="true"')
    + '<style:map style:condition="value()&gt;=0" style:apply-style-name="above"/>',
}
STRUCK = (
    '<style:style style:name="through" style:family="table-cell">'
    '<style:text-properties style:text-line-through-style="solid"/></style:style>'
    '<style:style style:name="struck" style:family="table-cell" style:parent-style-name="through"/>'
)
ABOVE = (
    '<number:currency-style style:name="above"><number:currency-symbol/>'
    + digits(1, 2, more=' number:grouping="true"')
    + "</number:currency-style>"
)


def _ods_cell(cell: Any, style: str) -> str:
    value, look = cell if isinstance(cell, tuple) else (cell, "")
    kind = STYLES.get(look, "float")
    if look:
        style += f' table:style-name="ce{NUMBER[look]}"'
    if value is None:
        return f"<table:table-cell{style}/>"
    if value is UNSAVED:
        return '<table:table-cell table:formula="of:=1"/>'
    if isinstance(value, Error):
        shown = f'office:value-type="string" calcext:value-type="error"><text:p>{value.text}</text:p>'
        return f'<table:table-cell table:formula="of:=1" {shown}</table:table-cell>'
    if isinstance(value, str):
        return f'<table:table-cell{style} office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    if kind == "date":
        day = date(1899, 12, 30) + timedelta(value)
        return f'<table:table-cell{style} office:value-type="date" office:date-value="{day}"/>'
    kind = "float" if kind == "number" else kind
    return f'<table:table-cell{style} office:value-type="{kind}" office:value="{value}"/>'


def write_ods(
    path: Path, *sheets: Sheet, defaults: str = "", repeated: int = 1, manifest: str = "<manifest:manifest/>"
) -> Path:
    """The same sheets as OpenDocument; `defaults` is the format of every column, `repeated` how often a row stands."""
    spelt = "".join(
        f'<number:{kind}-style style:name="N{at}">{PARTS[look]}</number:{kind}-style>'
        f'<style:style style:name="own{at}" style:family="table-cell" style:data-style-name="N{at}"/>'
        f'<style:style style:name="ce{at}" style:family="table-cell" style:parent-style-name="own{at}"/>'
        for at, (look, kind) in enumerate(STYLES.items())
    )
    tables = ""
    for sheet in sheets:
        usual = f' table:default-cell-style-name="ce{NUMBER[defaults]}"' if defaults else ""
        tables += f'<table:table table:name="{sheet.name}">'
        for column in range(max(len(row) for row in sheet.rows)):
            hidden = ' table:visibility="collapse"' if column in sheet.columns else ""
            tables += f"<table:table-column{usual}{hidden}/>"
        for at, row in enumerate(sheet.rows):
            hidden = ' table:visibility="filter"' if at + 1 in sheet.hidden else ""
            tables += f'<table:table-row table:number-rows-repeated="{repeated if at else 1}"{hidden}>'
            for column, cell in enumerate(row):
                style = ' table:style-name="struck"' if at + 1 in sheet.struck else ""
                for top, bottom, left, right in sheet.merges:
                    if (top, left) == (at + 1, column):
                        style += f' table:number-rows-spanned="{bottom - top + 1}"'
                        style += f' table:number-columns-spanned="{right - left + 1}"'
                tables += _ods_cell(cell, style)
            tables += "</table:table-row>"
        tables += "</table:table>"
    names = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in NAMES)
    names = names.replace("xmlns:number:1.0", "xmlns:datastyle:1.0") + ' xmlns:calcext="urn:org:calc:xmlns:calcext:1.0"'
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", manifest)
        book.writestr(
            "content.xml",
            f"<office:document-content {names}>"
            f"<office:automatic-styles>{ABOVE}{STRUCK}{spelt}</office:automatic-styles>"
            f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
        )
    return path


EACH = pytest.mark.parametrize(
    "write",
    [
        pytest.param(write_xlsx, id="xlsx"),
        pytest.param(write_xls, id="xls"),
        pytest.param(write_xlsb, id="xlsb"),
        pytest.param(write_ods, id="ods"),
    ],
)
