"""Makes the pictures of the workbook and of the local page: `make pictures`.

Needs LibreOffice (`soffice`), `pdftoppm` and Chromium. `--web` makes those of the page alone. The workbook is
the one that `make run` makes on its first run. A picture shows a part that fits a page: rows and columns in between are
left out, nothing is added.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from playwright.sync_api import Page, ViewportSize, sync_playwright

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
        _picture(workbook, "summary", ["-r", "90", "-x", "55", "-y", "44", "-W", "645", "-H", "630"])
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
    subprocess.run([*line, "-o", str(workbook)], env=_environment(home), stdin=subprocess.DEVNULL, check=False)  # noqa: S603


def _environment(home: Path) -> dict[str, str]:
    """Far from the settings and journals of whoever makes the pictures."""
    folders = {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FLINKS_")}
    return ours | folders | {"PYTHONPATH": str(REPOSITORY), "LC_ALL": "C.UTF-8"}


def _narrow(workbook: Path) -> None:
    """Keep the sheet Results alone, with the columns and rows that are shown, on one page."""
    book = openpyxl.load_workbook(workbook)
    for name in book.sheetnames:
        if name != "Results":
            del book[name]
    sheet: Worksheet = book["Results"]
    widths = dict(SHOWN_COLUMNS)
    sheet.column_dimensions.clear()  # one entry may be of several columns
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


# ---------------------------------------------------------------------------------------------------------------
# The local page


WIDE: Final[ViewportSize] = {"width": 1100, "height": 760}
NARROW: Final[ViewportSize] = {"width": 390, "height": 760}
ON_A_TELEPHONE: Final = frozenset({"home", "fix", "paid"})


def make_page_pictures() -> None:
    """Write `docs/images/web-….png`: the page in practice, in both widths, with a month of the sample sheet."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        _run_sample(home / "billing-2026-11.results.xlsx", home)
        start = [sys.executable, "-m", "pipeline", "web", "--no-open"]
        server = subprocess.Popen(start, env=_environment(home), stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            assert server.stdout is not None
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                page = browser.new_page(viewport=WIDE, locale="en-CA")
                page.goto(server.stdout.readline().strip())
                page.wait_for_url("**/practice/")
                _picture_pages(page, home)
                browser.close()
        finally:
            server.terminate()
            server.wait()


def _shoot(page: Page, name: str) -> None:
    """The page as a window shows it, and for some as a telephone does."""
    if name in ON_A_TELEPHONE:
        page.set_viewport_size(NARROW)
        page.screenshot(path=IMAGES / f"web-{name}-phone.png")
    page.set_viewport_size(WIDE)
    page.screenshot(path=IMAGES / f"web-{name}.png")


def _picture_pages(page: Page, home: Path) -> None:
    _picture_month(page, home)
    page.get_by_role("link", name="Batches").click()
    _shoot(page, "home")
    page.get_by_role("link", name="billing-2026-11", exact=True).click()
    page.get_by_role("link", name="Who has paid").click()
    _shoot(page, "paid")
    page.go_back()
    page.get_by_role("link", name="Reconcile").click()
    page.wait_for_url("**/reconcile")
    report = home / "settlement.csv"
    report.write_text(_report())
    page.locator("#reports").set_input_files(report)
    page.locator(".files").wait_for()
    _shoot(page, "reconcile")
    page.get_by_role("link", name="Set-up").click()
    page.evaluate(
        "where => { for (const hint of document.querySelectorAll('.hint'))"
        " hint.textContent = hint.textContent.replaceAll(where, '~/.local/share') }",
        str(home),
    )
    _shoot(page, "setup")


def _picture_month(page: Page, home: Path) -> None:
    """The month after the sample's, from the sheet to the summary."""
    sheet = home / "billing-2026-12.csv"
    sheet.write_text(_next_month())
    page.get_by_role("link", name="New month").first.click()
    page.wait_for_url("**/new")
    page.locator("input[type=file]").set_input_files(sheet)
    page.wait_for_url("**/sheet")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    _shoot(page, "check")
    page.get_by_role("link", name="Fix the rows").click()
    _shoot(page, "fix")
    page.goto(page.url.replace("/fix", "/summary"))
    _shoot(page, "summary")


def _next_month() -> str:
    """The payors of the sample's first rows, a month later: two cells are wrong."""
    lines = ["Invoice #,First name,Last name,E-mail,Amount"]
    for at, row in enumerate(_sample_rows("Invoice #", "First Name", "Last Name", "E-mail", "Amount Due"), 1):
        lines.append(",".join([f"DEC-{at:04}", *row[1:]]))
    lines[2] = lines[2].replace("@", "@@")
    lines[5] = f"{lines[5].rpartition(',')[0]},3 x 100"
    return "\n".join(lines)


def _sample_rows(*headings: str) -> list[list[str]]:
    """Some columns of the first rows of the sample sheet."""
    book = openpyxl.load_workbook(REPOSITORY / "samples/billing-2026-11.xlsx", read_only=True)
    rows = [[str(cell or "") for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    heading = next(row for row in rows if "Invoice #" in row)
    at = [heading.index(name) for name in headings]
    return [[row[index] for index in at] for row in rows[rows.index(heading) + 1 :][:24]]


def _report() -> str:
    """A settlement report of some rows of the sample sheet: most were paid as asked, one too little, one twice."""
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    lines = ["Reference,Customer name,Amount,Status,Settlement date"]
    for reference, first, last, amount in _sample_rows("Invoice #", "First Name", "Last Name", "Amount Due"):
        lines.append(f"{reference},{first} {last},{amount},Settled,{today}")
    lines.append(lines[1])
    return "\n".join(lines)


if __name__ == "__main__":
    if "--web" not in sys.argv:
        make_pictures()
    make_page_pictures()
