# ruff: noqa: INP001 - a script, not a package
"""Makes the README's pictures of the workbook: `make pictures`. Needs LibreOffice (`soffice`) and `pdftoppm`.

The workbook is the one that `make run` makes on its first run. A picture shows a part that fits a page: rows and
columns in between are left out, nothing is added.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

REPOSITORY: Final = Path(__file__).parents[1]
IMAGES: Final = REPOSITORY / "docs" / "images"
SHOWN_COLUMNS: Final = (
    ("row", 6),
    ("Invoice #", 14),
    ("First Name", 14),
    ("Last Name", 14),
    ("Amount Due", 14),
    ("status", 12),
    ("launchUrl", 36),
    ("errors", 36),
    ("notices", 36),
)
"""The columns in the picture of the sheet Results, and their widths there."""
SHOWN_ROWS: Final = 17
ROW_HEIGHT: Final = 27


def make_pictures() -> None:
    """Write `docs/images/summary.png` and `docs/images/results.png`."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        workbook = home / "billing-2026-11.results.xlsx"
        _run_sample(workbook, home)
        _picture(workbook, "summary", ["-r", "75", "-x", "42", "-y", "50", "-W", "550", "-H", "595"])
        _narrow(workbook)
        _picture(workbook, "results", ["-r", "90", "-x", "30", "-y", "40", "-W", "922", "-H", "328"])


def _run_sample(workbook: Path, home: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "pipeline",
        "run",
        str(REPOSITORY / "samples/billing-2026-11.xlsx"),
        "--sandbox",
        "-q",
    ]
    environment = os.environ | {"XDG_DATA_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "LC_ALL": "C.UTF-8"}
    subprocess.run([*line, "-o", str(workbook)], env=environment, stdin=subprocess.DEVNULL, check=False)  # noqa: S603


def _narrow(workbook: Path) -> None:
    """Keep the sheet Results alone, with the columns and rows that are shown, on one page."""
    book = openpyxl.load_workbook(workbook)
    for name in book.sheetnames:
        if name != "Results":
            del book[name]
    sheet: Worksheet = book["Results"]
    widths = dict(SHOWN_COLUMNS)
    for at, heading in enumerate(next(sheet.iter_rows(max_row=1, values_only=True)), 1):
        column = sheet.column_dimensions[get_column_letter(at)]
        column.hidden = heading not in widths
        column.width = widths.get(str(heading), 0)
    for row in range(2, sheet.max_row + 1):
        sheet.row_dimensions[row].height = ROW_HEIGHT
        sheet.row_dimensions[row].hidden = row > SHOWN_ROWS
    sheet.auto_filter.ref = None
    sheet.print_area = f"A1:{get_column_letter(sheet.max_column)}{SHOWN_ROWS}"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 1
    book.save(workbook)


def _picture(workbook: Path, name: str, part: list[str]) -> None:
    """The first page of the workbook, or a part of it in pixels, as a picture."""
    folder = workbook.parent
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    convert = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(workbook)]
    subprocess.run(convert, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)  # noqa: S603
    pdf = str(workbook.with_suffix(".pdf"))
    draw = ["pdftoppm", "-png", "-singlefile", "-f", "1", *part, pdf, str(IMAGES / name)]
    subprocess.run(draw, check=True)  # noqa: S603


if __name__ == "__main__":
    make_pictures()
