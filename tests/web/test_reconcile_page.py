"""The reconciliation on the page: reports dropped, words asked once, the proof, proposals, and hostile reports."""

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.command import Command
from support.local_page import Serving, entered, serving
from web.looking import flawless

TODAY = f"{datetime.now().astimezone():%Y-%m-%d}"
SHEET = """Reference,First name,Last name,Email,Amount
R-1001,Ann,Roe,ann@example.com,125.40
R-1002,Noah,Chen,noah@example.com,81.00
1004,Mia,Roy,mia@example.com,60.00
R-1005,Liam,Tremblay,liam@example.com,75.25
"""
HEADINGS = "Reference,Customer name,Amount,Status,Settlement date\n"
REPORT = HEADINGS + "".join(
    f"{line},Settled,{TODAY}\n"
    for line in (
        *("R-1001,Ann Roe,125.40", "R-1002,Noah Chen,81.00", "R-1002,Noah Chen,81.00"),
        *("1004.0,Mia Roy,60.00", "R-1005,Liam Tremblay,70.00"),
    )
)
BATCH = "a/b é?#%"


@pytest.fixture
def batch(command: Command) -> str:
    """A batch that was sent, with a name that means something to an address."""
    sheet = command.home / "sheet.csv"
    sheet.write_text(SHEET)
    assert command("run", sheet, "--sandbox", "--batch", BATCH).code == 0
    return BATCH


@pytest.fixture
def reconcile(page: Page, served: Serving, batch: str) -> Page:
    """The page before anything was dropped."""
    page.goto(f"{served.origin}/practice/batches/{quote(batch)}/reconcile")
    return page


def drop(page: Page, **reports: str | bytes) -> None:
    """Drop reports, each by the name of its file without the ending."""
    files = [
        {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": text.encode() if isinstance(text, str) else text}
        for name, text in reports.items()
    ]
    with page.expect_navigation():
        page.locator("#reports").set_input_files(files)  # type: ignore[arg-type]
    page.locator(".files").wait_for()


def kept(command: Command) -> list[Path]:
    """The files in the private folder of reports."""
    return [path for path in (command.data / "web" / "reports").rglob("*") if path.is_file()]


def test_a_month_is_reconciled(reconcile: Page, command: Command) -> None:
    """The proof, the piles with their lines, the columns as they were read, the workbook; then nothing is left."""
    page = reconcile
    flawless(page)
    drop(page, settlement=REPORT)
    expect(page.get_by_role("status").last).to_contain_text("To review")
    expect(page.get_by_role("row", name="total")).to_have_text("total 4 $341.65 $417.40 $75.75", use_inner_text=True)
    expect(page.get_by_role("heading", name="Paid differently: too little")).to_be_visible()
    expect(page.get_by_role("cell", name="settlement.csv 6")).to_be_visible()
    page.get_by_role("link", name="Paid twice").click()
    expect(page.get_by_role("cell", name="R-1002")).to_have_count(2)
    expect(page.get_by_text("Reference = reference, Customer name = name")).to_be_visible()
    flawless(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the workbook").click()
    assert download.value.suggested_filename == "a_b é_#%.reconciliation.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert "Paid twice" in book.sheetnames
    assert kept(command)
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept(command))
    page.get_by_role("button", name="Done: remove the reports").click()
    expect(page.get_by_text("The reports were removed")).to_be_visible()
    assert kept(command) == []


def test_proposals_are_confirmed_one_by_one(reconcile: Page, command: Command) -> None:
    """The journal keeps it: the command agrees, and the other proposal is still one."""
    page = reconcile
    drop(page, settlement=REPORT.replace("R-1001,", "R-1O01,").replace("Ann Roe,", "Ann  Roe,"))
    page.get_by_role("link", name="Proposals").click()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(2)
    flawless(page)
    page.get_by_role("button", name="Confirm 1004").click()
    expect(page.get_by_text("Proposals confirmed by")).to_be_visible()
    page.get_by_role("link", name="Proposals").click()
    expect(page.get_by_role("button", name="Confirm R-1001")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm 1004")).to_have_count(0)
    report = command.home / "settlement.csv"
    report.write_text(REPORT)
    done = command("reconcile", BATCH, report, "--sandbox", "--json").json()
    assert [match["by"] for match in done["piles"]["matched"]["matches"]] == ["referenceAndAmount", "confirmed"]


def test_a_word_is_asked_about_once(reconcile: Page, served: Serving) -> None:
    """Kept for the next report of any batch, shown, and asked again when a person wants that."""
    page = reconcile
    drop(page, one=REPORT.replace("70.00,Settled", "70.00,<b>Zugestellt</b>"))
    question = page.get_by_label('What does "<b>Zugestellt</b>" mean?')
    flawless(page)
    question.select_option(label="settled: the money is in the account")
    page.get_by_role("button", name="Keep and match").click()
    expect(page.get_by_role("heading", name="Proof")).to_be_visible()
    drop(page, two=HEADINGS + f"R-9,Ann Roe,1.00,<b>Zugestellt</b>,{TODAY}\n")
    expect(page.get_by_role("heading", name="Proof")).to_be_visible()
    page.get_by_role("button", name="Forget these, and ask again").click()
    expect(question).to_be_visible()
    assert served.origin in page.url


def test_a_file_that_is_no_report_is_refused_in_place(reconcile: Page) -> None:
    """Nothing is matched until it is removed; then the others are."""
    page = reconcile
    drop(page, settlement=REPORT, notes="hello\nworld\n", broken=b"PK\x03\x04nothing")
    expect(page.get_by_role("alert")).to_contain_text("2 files are no reports")
    expect(page.get_by_text("Can't read notes.csv")).to_be_visible()
    flawless(page)
    page.get_by_role("button", name="Remove notes.csv").click()
    page.get_by_role("button", name="Remove broken.csv").click()
    expect(page.get_by_role("heading", name="Proof")).to_be_visible()


def test_a_hostile_report_is_shown_as_data(reconcile: Page, command: Command) -> None:
    """Markup, formulas, direction marks, a cell of 32,000 letters; a damaged line is listed."""
    page = reconcile
    page.on("dialog", lambda _: pytest.fail("a cell of the report was run"))
    evil = "<img src=x onerror=alert(1)>"
    lines = (
        f"X-1,{evil},1.00,Settled,{TODAY}\n"
        f'"=HYPERLINK(""https://evil.example.com"")",\u202eAnn,2.00,Settled,{TODAY}\n'
        f"X-3,{'x' * 32_000},3.00,Settled,{TODAY}\n"
        f"X-4,{evil},no amount,Settled,{TODAY}\n"
    )
    drop(page, **{"..\\..\\evil<b>": REPORT + lines})
    expect(page.get_by_role("heading", name="Lines that can't be read")).to_be_visible()
    page.get_by_role("link", name="In report only").click()
    expect(page.get_by_role("cell", name=evil, exact=True)).to_be_visible()
    flawless(page)
    assert page.locator("main img, main b b").count() == 0
    assert {path.name for path in kept(command) if path.suffix == ".csv"} == {"evil_b_.csv"}


def test_a_large_pile_has_pages(reconcile: Page) -> None:
    """120 payments that nobody asked for: 50 a page, and each page within a moment."""
    page = reconcile
    strange = "".join(f"S-{number},Jo Doe,1.00,Settled,{TODAY}\n" for number in range(120))
    drop(page, settlement=REPORT + strange)
    page.get_by_role("link", name="In report only").click()
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_contain_text("1 to 50 of 120")
    pages.get_by_role("link", name="Next page").click()
    pages.get_by_role("link", name="Next page").click()
    expect(pages).to_contain_text("101 to 120 of 120")
    page.goto(page.url.replace("page=3", "page=9999999").replace("notKnown", "notKnown%27"))
    expect(page.get_by_role("heading", name="Proof")).to_be_visible()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_without_javascript_and_by_keyboard_alone(command: Command, browser: Browser, batch: str, lang: str) -> None:
    """The whole way, in both languages, from the file to the proof."""
    report = command.home / "rapport.csv"
    report.write_text(REPORT.replace("70.00,Settled", "70.00,Zugestellt"))
    locale = {"en": "en-CA", "fr": "fr-CA"}[lang]
    with serving(command, "--sandbox", "--lang", lang) as served:
        with browser.new_context(locale=locale, java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(served.origin)
            page.locator("#key").fill(served.address)
            page.keyboard.press("Enter")
            page.wait_for_url("**/practice/")
            page.goto(f"{served.origin}/practice/batches/{quote(batch)}/reconcile")
            page.locator("#reports").set_input_files(report)
            page.locator("#reports").focus()
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            page.locator("select").focus()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", name={"en": "Proof", "fr": "Preuve"}[lang])).to_be_visible()
        with browser.new_context(locale=locale) as second:
            other = entered(second, _second_start(command, served))
            other.goto(f"{served.origin}/practice/batches/{quote(batch)}/reconcile")
            flawless(other)


def _second_start(command: Command, served: Serving) -> Serving:
    """Another one-use address of the page that runs."""
    return Serving(served.process, command("web", "--no-open", "--sandbox").out.strip())


def test_reports_outlive_the_page(command: Command, browser: Browser, batch: str, context: BrowserContext) -> None:
    """Killed and started again, the page has them still, and matches them on request."""
    with serving(command, "--sandbox") as served:
        page = entered(context, served)
        page.goto(f"{served.origin}/practice/batches/{quote(batch)}/reconcile")
        drop(page, settlement=REPORT)
        expect(page.get_by_role("heading", name="Proof")).to_be_visible()
        served.process.kill()
    with serving(command, "--sandbox") as served, browser.new_context(locale="en-CA") as anew:
        page = entered(anew, served)
        page.goto(f"{served.origin}/practice/batches/{quote(batch)}/reconcile")
        flawless(page)
        page.get_by_role("button", name="Match these reports").click()
        expect(page.get_by_role("heading", name="Proof")).to_be_visible()


def test_a_batch_that_another_run_holds_is_told(reconcile: Page, command: Command) -> None:
    """With the way to try again; and an unknown batch is told too."""
    page = reconcile
    from pipeline.journal.journal import open_journal  # noqa: PLC0415

    with open_journal(str(command.data / "sandbox-journal.sqlite"), make=False) as journal:
        from pipeline.journal import queries  # noqa: PLC0415
        from pipeline.journal.journal import Batch  # noqa: PLC0415

        line = journal.read(queries.batch_lines)[0]
        with journal.lease(Batch(line.id, line.name, line.environment)):
            drop(page, settlement=REPORT)
            expect(page.get_by_role("alert")).to_contain_text("Another run")
            flawless(page)
    page.get_by_role("button", name="Match these reports").click()
    expect(page.get_by_role("heading", name="Proof")).to_be_visible()


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No report is copied anywhere but into the private folder."""
    yield
    left = [path for path in tmp_path.rglob("*.part") if path.is_file()]
    assert left == []


def test_what_this_batch_was_paid_is_apart_from_other_payments(reconcile: Page, browser: Browser) -> None:
    """The figures above the proof are of the batch; the workbook is in the language of the page, whoever matched."""
    page = reconcile
    drop(page, settlement=f"{REPORT}R-9999,Sam Poe,321.00,Settled,{TODAY}\n")
    expect(page.locator(".figure")).to_have_text(
        [
            "$341.65requested",
            "$417.40of it paid, as the reports say",
            "$75.75difference",
            "$321.00other payments in the reports",
        ]
    )
    flawless(page)
    page.get_by_role("button", name="Français").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger le classeur").click()
    book = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert book.sheetnames[0] == "Preuve"
    expect(page.get_by_text("Reference = référence")).to_be_visible()


def test_practice_has_a_report_to_drop(reconcile: Page) -> None:
    """The sandbox makes one of what was paid with its links: a whole month can be tried."""
    link = reconcile.get_by_role("link", name="Download today's report of the practice API")
    answer = reconcile.request.get(link.get_attribute("href") or "")
    assert answer.ok
    assert "Reference Id" in answer.text()
