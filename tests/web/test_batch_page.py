"""The page of a batch, the story of a row, its files, and the purge of old batches."""

import csv
import io
import re
import zipfile
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support.command import Command
from support.local_page import Serving
from support.sent_batches import ACCOUNT, HOSTILE, HOSTILE_NAME, PEOPLE, RIGHT_TO_LEFT, send
from web.looking import assert_nothing_wrong

BATCH = "rent 2026-11"


def open_batch(page: Page, served: Serving, path: str = "", batch: str = BATCH) -> None:
    """Open a page of a batch by its address."""
    page.goto(f"{served.origin}/practice/batches/{quote(batch)}{path}")


def test_a_batch_tells_what_became_of_it(command: Command, page: Page, served: Serving) -> None:
    """Counts and sums by status and by state, the run with its file and digest; reached from the list of batches."""
    sheet = send(command)
    page.reload()
    line = page.get_by_role("row").filter(has_text=BATCH)
    expect(line.get_by_role("cell").nth(4)).to_have_text("0")
    expect(line.get_by_role("cell").nth(5)).to_have_text("3")
    page.get_by_role("link", name=BATCH).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(BATCH)
    expect(page.get_by_role("row", name="created This run")).to_contain_text("3$70.00")
    expect(page.get_by_role("row", name="invalid")).to_contain_text("1$320.00")
    expect(page.get_by_role("row", name="unknown")).to_contain_text("2$240.00")
    expect(page.get_by_role("row", name="Total")).to_contain_text("6$630.00")
    expect(page.get_by_role("link", name="Waiting 3 $70.00")).to_be_visible()
    expect(page.get_by_text("The outcome of 2 rows is unknown.")).to_be_visible()
    page.get_by_text("Digest of the file").click()
    expect(page.get_by_text(digest_of(sheet))).to_be_visible()
    assert_nothing_wrong(page)


def test_a_batch_leads_to_its_sheet(command: Command, page: Page, served: Serving) -> None:
    """To its corrections and what is left to send; a sheet that is on another computer is one sentence."""
    sheet = send(command)
    open_batch(page, served)
    expect(page.get_by_role("link", name="Open the sheet")).to_have_count(0)
    page.goto(f"{served.origin}/practice/new")
    page.locator("input[type=file]").set_input_files(sheet)
    page.wait_for_url("**/drafts/*/sheet")
    open_batch(page, served)
    assert_nothing_wrong(page)
    page.get_by_role("link", name="Open the sheet").click()
    expect(page).to_have_url(re.compile(r"/drafts/\d+/sheet$"))
    rmtree(command.data / "web" / "sheets")
    with page.expect_response("**/drafts/*") as told:
        open_batch(page, served)
        page.get_by_role("link", name="Open the sheet").click()
    assert told.value.status == 409
    expect(page.get_by_role("alert")).to_contain_text("The file rent.csv is not on this computer")


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    from hashlib import sha256  # noqa: PLC0415 - of this test alone

    return sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("batch", ["2026/11", "50% & <b>", "a?b#c", "Février «é»"])
def test_a_batch_may_have_any_name(command: Command, page: Page, served: Serving, batch: str) -> None:
    """Its pages are found by their links."""
    send(command, PEOPLE[:2], batch)
    page.reload()
    page.get_by_role("link", name=batch).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(batch)
    page.get_by_role("main").get_by_role("link", name="Who has paid").click()
    page.get_by_role("link", name="3", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Row 3")


def test_a_batch_that_is_not_there_is_one_sentence(page: Page, served: Serving, context: BrowserContext) -> None:
    """With the way back."""
    response = context.request.get(f"{served.origin}/practice/batches/absent")
    assert response.status == 409
    assert "There is no batch absent" in response.text()


def test_the_story_of_a_row(command: Command, page: Page, served: Serving) -> None:
    """Its cells, its attempts, why it is unknown; the account is hidden until somebody asks."""
    send(command)
    open_batch(page, served, "/rows/5")
    expect(page.get_by_text("Attempt 1: Sent; no usable response came")).to_be_visible()
    expect(page.get_by_role("row", name="Email")).to_contain_text("dan@example.com")
    assert ACCOUNT[0] not in page.content()
    page.get_by_role("link", name="Show account numbers").click()
    expect(page.get_by_role("row", name="Account")).to_contain_text(ACCOUNT[0])
    assert_nothing_wrong(page)
    open_batch(page, served, "/rows/7")
    expect(page.get_by_text("is not an e-mail address")).to_be_visible()
    expect(page.get_by_text("This row was never sent.")).to_be_visible()
    open_batch(page, served, "/rows/3")
    expect(page.locator(".state")).to_have_text("Waiting")
    expect(page.get_by_role("link", name="Open the payment page")).to_be_visible()
    assert "Cancelled: 2, $60.00" in command("cancel", BATCH, "--sandbox", "--yes").out
    page.reload()
    expect(page.locator(".state")).to_have_text("Ended unpaid")
    expect(page.get_by_role("link", name="Open the payment page")).to_have_count(0)


def test_a_number_that_two_sheets_have_shows_both_rows(command: Command, page: Page, served: Serving) -> None:
    """Each under the name of its sheet."""
    sheet = send(command, PEOPLE[:2])
    other = sheet.with_name("more.csv")
    other.write_text(sheet.read_text().replace("INV-2", "INV-22").replace("Happy1-1", "INV-21"))
    command("run", other, "--sandbox", "--batch", BATCH)
    open_batch(page, served, "/rows/3")
    expect(page.get_by_role("heading", level=2)).to_have_text(["more.csv", "rent.csv"])
    expect(page.get_by_role("row", name="Invoice #")).to_have_text(["Invoice #INV-22", "Invoice #INV-2"])


def test_what_a_hostile_sheet_holds_is_data(command: Command, page: Page, served: Serving) -> None:
    """Markup, formulas, marks of direction and a cell as long as can be are shown as they are, and do nothing."""
    send(command, HOSTILE)
    for path in ("", "/paid", "/rows/2", "/rows/3", "/rows/4"):
        open_batch(page, served, path)
        assert page.evaluate("document.querySelectorAll('main script, main [onmouseover]').length") == 0
        assert_nothing_wrong(page)
    open_batch(page, served, "/paid")
    expect(page.get_by_text(HOSTILE_NAME)).to_be_visible()
    open_batch(page, served, "/rows/2")
    expect(page.get_by_role("row", name="Notes")).to_contain_text("=HYPERLINK")
    open_batch(page, served, "/rows/3")
    assert page.locator("bdi", has_text="gnorw").inner_text() == RIGHT_TO_LEFT
    open_batch(page, served, "/rows/4")
    page.get_by_text("31,725 more characters").click()
    shown = "".join(page.get_by_role("row", name="Notes").locator("bdi").all_inner_texts())
    assert shown.endswith("<script>alert(1)</script>" + "x" * 32_000)


def test_the_files_of_a_batch(command: Command, page: Page, served: Serving) -> None:
    """The workbook and the CSV are made when they are asked for, and nothing of them stays behind."""
    send(command)
    open_batch(page, served)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the workbook").click()
    assert download.value.suggested_filename == f"{BATCH}.status.xlsx"
    assert "xl/workbook.xml" in zipfile.ZipFile(download.value.path()).namelist()
    open_batch(page, served, "/paid")
    with page.expect_download() as download:
        page.get_by_role("link", name="All rows (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [row["status"] for row in rows] == ["created"] * 3 + ["unknown"] * 2 + ["invalid"]
    page.reload()  # the file is removed once its last byte was sent
    assert not [path for path in (command.data / "web").iterdir() if path.is_dir()]


def test_old_batches_are_purged_once_the_date_is_typed(command: Command, page: Page, served: Serving) -> None:
    """By keyboard alone. Another date, and a list that has changed since, remove nothing."""
    send(command)
    page.goto(f"{served.origin}/practice/purge")
    expect(page.get_by_text("No batch with personal data")).to_be_visible()
    assert_nothing_wrong(page)
    tomorrow = page.evaluate("new Date(Date.now() + 2 * 864e5).toISOString().slice(0, 10)")
    page.goto(f"{served.origin}/practice/purge?before={tomorrow}")
    expect(page.get_by_role("alert")).to_contain_text("Give a past date")
    make_old(command)
    today = page.evaluate("new Date().toISOString().slice(0, 10)")
    page.goto(f"{served.origin}/practice/purge?before={today}")
    expect(page.get_by_role("rowheader", name=BATCH)).to_be_visible()
    assert_nothing_wrong(page)
    page.get_by_label("To confirm, type the date").focus()
    page.keyboard.type("2020-01-01")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Type the date")
    page.get_by_label("To confirm, type the date").focus()
    page.keyboard.type(today)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").last).to_contain_text("The personal data of 1 batch was removed for good.")
    open_batch(page, served)
    expect(page.get_by_text("Personal data removed on")).to_be_visible()
    open_batch(page, served, "/paid")
    assert "ana@example.com" not in page.content()
    assert_nothing_wrong(page)


def make_old(command: Command) -> None:
    """Have the batch be sent a year ago."""
    import sqlite3  # noqa: PLC0415 - of this test alone

    with sqlite3.connect(next(command.data.glob("*sandbox*.sqlite"))) as journal:
        journal.execute("UPDATE runs SET started_at = '2025' || substr(started_at, 5)")
        journal.execute("UPDATE batches SET created_at = '2025' || substr(created_at, 5)")
        journal.execute("UPDATE attempts SET intended_at = '2025' || substr(intended_at, 5)")
        journal.execute("UPDATE attempts SET settled_at = '2025' || substr(settled_at, 5)")
