"""Who has paid: the roll, its filters, asking the API, reminders, and the undo of a wrong upload."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect
from support.command import Command
from support.local_page import Serving, entered, serving
from support.sent_batches import PEOPLE, send
from web.looking import assert_nothing_wrong

BATCH = "rent 2026-11"
MANY = [(f"INV-{at}", "Ana", f"Fraser{at}", f"ana{at}@example.com", "5.00") for at in range(1, 121)]


@pytest.fixture
def sent(command: Command) -> Path:
    """A batch that was sent before the page is served: a sandbox knows what its file held when it began."""
    return send(command)


@pytest.fixture
def many(command: Command) -> Path:
    """A batch of 120 rows, sent before the page is served."""
    return send(command, MANY)


@pytest.fixture
def asked(command: Command, sent: Path) -> Path:
    """A batch that was sent, and about which the API was asked: one request is paid."""
    command("status", BATCH, "--sandbox", "-o", command.home / "status.xlsx")
    return sent


def open_paid(page: Page, served: Serving, query: str = "", place: str = "practice") -> None:
    """The page of who has paid."""
    page.goto(f"{served.origin}/{place}/batches/{quote(BATCH)}/paid{query}")


def rows_of(page: Page) -> list[str]:
    """The numbers of the rows that are shown."""
    return page.locator("tbody tr td:nth-child(2)").all_inner_texts()


def test_asking_shows_who_has_paid(sent: Path, page: Page, served: Serving) -> None:
    """By keyboard alone: ask, wait, choose the state."""
    assert sent.exists()
    open_paid(page, served)
    expect(page.get_by_text("The API was not asked yet.")).to_be_visible()
    assert rows_of(page) == ["2", "3", "4", "5", "6", "7"]
    assert_nothing_wrong(page)
    page.get_by_role("button", name="Ask the API now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Asked about 3 requests")).to_be_visible()
    expect(page.get_by_role("link", name="Paid 1 $10.00")).to_be_visible()
    assert_nothing_wrong(page)
    page.get_by_role("link", name="Paid 1 $10.00").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Paid 1 $10.00")).to_have_attribute("aria-current", "page")
    assert rows_of(page) == ["2"]
    expect(page.get_by_role("row", name="Ana Fraser")).to_contain_text("Completed / Accepted")
    for state, rows in (("Waiting", ["3", "4"]), ("Outcome unknown", ["5", "6"]), ("Not asked", ["7"])):
        page.get_by_role("link", name=re.compile(f"^{state}")).click()
        expect(page.get_by_role("link", name=re.compile(f"^{state}"))).to_have_attribute("aria-current", "page")
        assert rows_of(page) == rows


def test_what_is_sought_is_in_no_address(sent: Path, page: Page, served: Serving) -> None:
    """Names are found whatever their accents, stay sought on the next page, and are in no address."""
    assert sent.exists()
    open_paid(page, served)
    for text, rows in (("COTE", ["3"]), ("$40.00", ["4"]), ("7", ["7"]), ("roy", ["5", "6", "7"])):
        page.get_by_label("Search").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr td:nth-child(2)")).to_have_text(rows)
        assert text not in page.url.partition(quote(BATCH))[2]
    page.get_by_role("link", name=re.compile("^Not asked")).click()
    expect(page.locator("tbody tr td:nth-child(2)")).to_have_text(["7"])
    page.get_by_label("Search").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No row is like that.")).to_be_visible()
    assert_nothing_wrong(page)
    open_paid(page, served)
    page.get_by_label("Search").fill("")
    page.get_by_label("Requested").select_option("7")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No row is like that.")).to_be_visible()


def test_many_rows_come_in_pages(many: Path, page: Page, served: Serving) -> None:
    """Fifty at a time, each once."""
    assert many.exists()
    open_paid(page, served)
    seen = rows_of(page)
    for _ in range(2):
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("link", name="Previous")).to_be_visible()
        seen += rows_of(page)
    assert seen == [str(number) for number in range(2, 122)]
    expect(page.get_by_text("101 to 120 of 120")).to_be_visible()
    expect(page.get_by_role("link", name="Next")).to_have_count(0)


def test_reminders_go_to_those_who_may_still_pay(asked: Path, page: Page, served: Serving) -> None:
    """A line each with the link, as CSV for a mail merge."""
    assert asked.exists()
    open_paid(page, served)
    with page.expect_download() as download:
        page.get_by_role("link", name="Reminder list").click()
    assert download.value.suggested_filename == f"{BATCH}.reminders.csv"
    told = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [(row["email"], row["amount"]) for row in told] == [
        ("benoit@example.com", "20.00"),
        ("cleo@example.com", "40.00"),
    ]
    assert all("sessionId=" in row["link"] and row["subjectFr"].startswith("Rappel") for row in told)


def test_ticked_requests_are_cancelled_once_the_total_is_typed(sent: Path, page: Page, served: Serving) -> None:
    """Another total cancels nothing; afterwards these, and no others, are ended."""
    assert sent.exists()
    open_paid(page, served)
    page.get_by_role("button", name="Cancel the ticked requests…").click()
    expect(page.get_by_role("alert")).to_contain_text("Tick the requests to cancel first")
    page.get_by_label("Cancel row 3").check()
    page.get_by_label("Cancel row 4").check()
    page.get_by_role("button", name="Cancel the ticked requests…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 2 requests?")
    page.get_by_label("To confirm, type the total: $60.00").fill("61")
    page.get_by_role("button", name="Cancel the requests").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was cancelled")
    page.get_by_label("To confirm, type the total: $60.00").fill("$60.00")
    page.get_by_role("button", name="Cancel the requests").click()
    expect(page.get_by_role("status").filter(has_text="Cancelled: 2, $60.00")).to_be_visible()
    expect(page.get_by_role("link", name="Ended unpaid 2 $60.00")).to_be_visible()
    assert_nothing_wrong(page)


def test_a_whole_batch_is_cancelled_without_scripts(sent: Path, served: Serving, browser: Browser) -> None:
    """The undo of a wrong upload, in French: what is paid stays paid. The progress page reloads by itself."""
    assert sent.exists()
    with browser.new_context(java_script_enabled=False, locale="fr-CA") as context:
        page = context.new_page()
        page.goto(served.origin)
        page.get_by_label("Ou collez l'adresse").fill(served.address)
        page.get_by_role("button", name="Ouvrir").click()
        open_paid(page, served)
        page.get_by_role("button", name="Annuler les 3 demandes ouvertes…").click()
        page.get_by_label("Pour confirmer, tapez le total").fill("70,00")
        page.get_by_role("button", name="Annuler les demandes").click()
        expect(page.get_by_text(re.compile(r"Annulées\s: 2, 60,00"))).to_be_visible()
        expect(page.get_by_role("link", name=re.compile("^Payée 1"))).to_be_visible()


@contextmanager
def real(command: Command, browser: Browser, *options: str, **changes: str) -> Iterator[tuple[Page, Serving]]:
    """A page where real requests are sent, to a sandbox with options of its own; a batch was sent there."""
    process = command.start("sandbox", "--port", "0", "--store", command.home / "own.jsonl", *options)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        env = {"FLINKS_BASE_URL": url, "FLINKS_USERNAME": "sandbox", "FLINKS_PASSWORD": "sandbox"}
        send(command, PEOPLE, BATCH, "--yes", env=env)
        with serving(command, env=env | changes) as served, browser.new_context(locale="en-CA") as context:
            yield entered(context, served), served
    finally:
        process.terminate()
        process.communicate(timeout=120)


def test_an_api_without_cancel_is_one_sentence(command: Command, browser: Browser) -> None:
    """And nothing was changed."""
    with real(command, browser, "--cancel", "501") as (page, served):
        open_paid(page, served, place="real")
        page.get_by_role("button", name="Cancel all 3 open requests…").click()
        page.get_by_label("To confirm, type the total").fill("70.00")
        page.get_by_role("button", name="Cancel the requests").click()
        expect(page.get_by_text("The API can't cancel e-Transfer requests yet. Nothing was changed.")).to_be_visible()
        expect(page.get_by_role("link", name="Ended unpaid")).to_have_count(0)


def test_while_a_batch_is_sent_its_progress_is_shown(command: Command, browser: Browser) -> None:
    """Asking leads to the progress of sending, in its stream too; nothing is cancelled meanwhile, and that is said."""
    with real(command, browser, FLINKS_IMPORT_RATE="1") as (page, served):
        begin_to_send(page, served)
        page.goto(f"{served.origin}/real/batches/{quote(BATCH)}")
        page.get_by_role("link", name="Show the progress").click()
        expect(page).to_have_url(re.compile("/sending$"))
        open_paid(page, served, place="real")
        page.get_by_role("link", name="Show the progress").click()
        expect(page).to_have_url(re.compile("/sending$"))
        told = page.evaluate("fetch('asked-so-far').then((response) => response.text())")
        assert told.strip() == 'data: {"go": "/real/batches/rent%202026-11/asking"}'
        open_paid(page, served, place="real")
        page.get_by_label("Cancel row 2, Ana Fraser").check()
        page.get_by_role("button", name="Cancel the ticked requests…").click()
        page.get_by_label("To confirm, type the total").fill("10.00")
        page.get_by_role("button", name="Cancel the requests").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was cancelled: the program works on this batch.")
        expect(page.get_by_label("Cancel row 2, Ana Fraser")).to_be_visible()


def begin_to_send(page: Page, served: Serving) -> None:
    """Send 60 rows more as the same batch, and see the first of them created."""
    page.goto(f"{served.origin}/real/new")
    rows = [f"more-{at},Max,Singh{at},max{at}@example.com,5.00" for at in range(60)]
    text = "\n".join(["Invoice #,First name,Last name,E-mail,Amount", *rows])
    upload: FilePayload = {"name": "more.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("input[type=file]").set_input_files([upload])
    page.get_by_label("Name of the batch").fill(BATCH)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Continue batch").check()
    page.get_by_role("button", name="Continue").click()
    for step in ("check", "repeats", "changes"):
        page.wait_for_url(f"**/{step}")
        page.get_by_role("link", name=re.compile("^Continue")).click()
    page.get_by_label("Send three first").uncheck()
    page.get_by_role("button", name="Send 60").click()
    expect(page.locator("#count-created")).not_to_have_text("0")


def test_a_refused_password_is_one_sentence(command: Command, browser: Browser) -> None:
    """What was known stays."""
    with real(command, browser, FLINKS_PASSWORD="wrong") as (page, served):
        open_paid(page, served, place="real")
        page.get_by_role("button", name="Ask the API now").click()
        expect(page.get_by_role("status").filter(has_text="The API refused")).to_be_visible()
        expect(page.get_by_role("link", name="Waiting 3")).to_be_visible()
