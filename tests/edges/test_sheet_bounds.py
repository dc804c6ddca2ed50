"""What a stranger's file may cost: work and memory grow no faster than the bytes that it has."""

import time
import tracemalloc
import zipfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from pipeline.domain.errors import InputError, UsageError
from pipeline.messages import explain
from pipeline.reader.archive import Archive
from pipeline.reader.html_table import open_page
from pipeline.reader.metadata import Styles
from pipeline.reader.xlsx_metadata import metadata_of_xlsx
from pipeline.report.annotated_copy import check_original
from pipeline.system.atomic_output import MARK, is_ours
from pipeline.validation.amounts import AmountReader
from schemas import money
from schemas.money import Convention

PAGE = "<html><body><table><tr><th>Reference</th><th>Name</th></tr>{}<tr><td>R-1</td><td>A</td></tr></table>"
REPEATED = {
    "comments": "<!--",
    "whole comments": "<!-- a -->",
    "declarations": "<!a",
    "known sections": "<![if x]>",
    "instructions": "<?",
    "half tags": "<a ",
    "signs": "<",
    "ends": "</",
    "quotes": "<td a='",
    "tables": "<table><tr><td>",
    "scripts": "<script></scrip",
    "characters": "&#1",
    "cells": "<td>",
}


def seconds(path: Path, text: str, times: int) -> float:
    path.write_text(PAGE.format(text * times))
    began = time.process_time()
    open_page(path)
    return time.process_time() - began


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED)
def test_a_pages_time_grows_with_its_length(tmp_path: Path, text: str) -> None:
    """Sixteen times the page takes about sixteen times as long, not 256, whatever is never closed in it."""
    path = tmp_path / "page.html"
    few = min(seconds(path, text, 5_000) for _ in range(3))
    many = min(seconds(path, text, 80_000) for _ in range(2))
    assert many < 100 * max(few, 0.02)


def test_a_declaration_that_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGE.format("<![" * 1000))
    with pytest.raises(InputError, match="is damaged"):
        open_page(path)


def test_spans_make_no_more_cells_than_a_page_can_be_worth(tmp_path: Path) -> None:
    """A few bytes reach over a thousand cells: half a megabyte would be eighty million."""
    path = tmp_path / "page.html"
    path.write_text(PAGE.format("<td rowspan=1000 colspan=1000>x" * 20_000))
    with pytest.raises(InputError, match="cells"):
        open_page(path)


LONG = ("9", "9,", "9 ", "(", "-", "$", "CAD", ".", "'", "1.", "1 ", "1'")


@pytest.mark.parametrize("text", [*(part * 50_000 for part in LONG), "1e99999999"], ids=lambda text: text[:5])
def test_an_amount_of_a_hundred_thousand_characters_is_none(text: str) -> None:
    """It is said to be none at once, as a text and as a number."""
    began = time.process_time()
    assert not isinstance(money.parse(text), Decimal)
    money.convention_of(text)
    reader = AmountReader(Convention.POINT, Decimal(5000), Decimal(25_000), open_amount=False)
    for kind in "sn":
        cell = reader.clean(text, kind)
        assert cell.text is None or not cell.text.strip("0123456789.-")
    assert time.process_time() - began < 5


def test_properties_of_a_workbook_are_looked_at_and_not_unpacked(tmp_path: Path) -> None:
    """A results workbook is known by a property: a stranger's may unpack to a gigabyte."""
    path = tmp_path / "bomb.results.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("docProps/custom.xml", f'<property name="{MARK}"/>' + " " * 300_000_000)
    tracemalloc.start()
    assert is_ours(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20_000_000


SHEET_XML = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1" t="inlineStr"><is><t>Reference</t></is></c></row><row r="2">{}</row></sheetData></worksheet>'
)
NEVER_CLOSED = {
    "error cells": '<c t="e">',
    "error cells with a formula": '<c t="e"><f>',
    "values": '<c t="e"><v>',
    "cells in a tag": '<c t="e" ',
    "rows in a tag": "<row ",
    "formulas": "<f ",
    "formulas with text": "<f>A",
    "negative values": "<c><v>-1",
    "columns in a tag": "<col ",
}


def look(folder: Path, text: str, times: int) -> float:
    """Processor seconds to find the facts of a sheet, or that it is none."""
    path = folder / "sheet.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", SHEET_XML.format(text * times))
    archive = Archive(path)
    began = time.process_time()
    with suppress(InputError):
        metadata_of_xlsx(archive, "xl/worksheets/sheet1.xml", Styles())
    return time.process_time() - began


@pytest.mark.parametrize("text", NEVER_CLOSED.values(), ids=NEVER_CLOSED)
def test_a_sheets_time_grows_with_its_length(tmp_path: Path, text: str) -> None:
    """Four times the sheet takes about four times as long, whatever is never closed in it."""
    few = min(look(tmp_path, text, 10_000) for _ in range(3))
    many = min(look(tmp_path, text, 40_000) for _ in range(2))
    assert many < 9 * max(few, 0.02)


def test_what_expat_parses_has_no_document_type(tmp_path: Path) -> None:
    """Not even behind a long comment: nothing expands, and no name is looked up."""
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", f"<!--{' ' * 3_000_000}--><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    with pytest.raises(InputError, match="contains a document type"):
        Archive(path).read("xl/workbook.xml")


def test_a_copy_is_not_made_of_a_workbook_with_texts_that_no_cell_holds(tmp_path: Path) -> None:
    """openpyxl parses by small pieces: an older expat begins a long tag anew with each."""
    path = tmp_path / "book.xlsx"
    openpyxl.Workbook().save(path)
    check_original(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet2.xml", f'<worksheet><c r="{"A" * 3_000_000}"/></worksheet>')
    with pytest.raises(UsageError) as refused:
        check_original(path)
    assert "longer than a cell" in explain(refused.value)
