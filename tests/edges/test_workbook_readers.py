"""The workbook opens in LibreOffice, and what comes out of it is what went in."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
from support.workbook_batches import month, report, stream

from pipeline.report.workbook import write
from pipeline.system.atomic_output import is_ours

OFFICE = shutil.which("soffice")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(OFFICE is None and not os.environ.get("CI"), reason="LibreOffice is not installed"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month's workbook, opened and saved by LibreOffice, and its sheets as CSV beside it."""
    folder = tmp_path_factory.mktemp("office")
    write(report(), stream(month()), folder / "month.xlsx")
    for form in ("xlsx", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"):
        assert OFFICE is not None, "CI needs LibreOffice"
        command = [OFFICE, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to", form]
        subprocess.run(
            [*command, "--outdir", folder / "saved", folder / "month.xlsx"],
            check=True,
            capture_output=True,
            timeout=100,
        )
    return folder / "saved"


def test_libreoffice_reads_every_row_of_results(saved: Path) -> None:
    """Row numbers, texts, masked accounts and session ids are the same in LibreOffice."""
    with (saved / "month-Results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [row[0] for row in rows] == [str(row.row.number) for row in month()]
    assert [row[1] for row in rows] == [row.row.cells[0] for row in month()]
    assert [row[13] for row in rows] == [row.session_id for row in month()]


def test_libreoffice_calculates_the_totals_that_were_saved(saved: Path) -> None:
    """SUBTOTAL, calculated by another program, agrees with what we computed."""
    with (saved / "month-Summary.csv").open(encoding="utf-8", newline="") as file:
        rows = {row[0]: row[2:4] for row in csv.reader(file) if row and row[0] in {"Rows shown", "All rows"}}
    assert rows["Rows shown"][0] == "70"
    assert rows["Rows shown"] == rows["All rows"]


def test_a_copy_that_libreoffice_saved_keeps_links_and_is_still_ours(saved: Path) -> None:
    """Links, sheets and our mark outlive being opened and saved."""
    book = openpyxl.load_workbook(saved / "month.xlsx")
    assert book.sheetnames == ["Summary", "Results", "Errors", "Links"]
    assert sum(1 for row in book["Results"].iter_rows() for cell in row if cell.hyperlink) == sum(
        bool(row.launch_url) for row in month()
    )
    assert is_ours(saved / "month.xlsx")
