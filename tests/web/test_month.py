"""A month on the local page, in a real browser: dropped, fixed, sent; in both languages, by mouse and by keys."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, FilePayload, Page, expect
from support.command import Command, StandaloneSandbox
from support.command import serving as sandbox_serving
from support.local_page import Serving, entered, serving

GOOD = """Invoice #,First name,Last name,E-mail,Amount
A-1,Amelia,Tremblay,amelia@example.com,100.00
A-2,Noah,Roy,noah@example.com,200.50
A-3,Olivia,Singh,olivia@example.com,300.25
A-4,Liam,Nguyen,liam@example.com,50.00
A-5,Emma,Gagnon,emma@example.com,49.25
"""
FAULTY = GOOD.replace("noah@example.com", "noah@@example.com").replace("300.25", "3 x 100")


def sheet_in(folder: Path, text: str, name: str = "billing-2026-12.csv") -> Path:
    """A sheet on the person's own disk."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def drop(page: Page, path: Path) -> None:
    """Choose a file on the page New month; with a script the form goes by itself."""
    to_new_month(page)
    page.locator("input[type=file]").set_input_files(path)
    page.wait_for_url("**/drafts/*/sheet")


def to_new_month(page: Page) -> None:
    """To the page New month, with its script: it hears of no file that was chosen before."""
    page.get_by_role("link", name="New month").first.click()
    page.wait_for_url("**/new")


def press(page: Page, name: str) -> None:
    """Press the button, or follow the link, of this name; the script of the page that comes is there then."""
    page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name, exact=True)).first.click()
    page.wait_for_load_state()


def checked(page: Page, path: Path) -> None:
    """From a dropped sheet to its check."""
    drop(page, path)
    press(page, "Continue")
    page.wait_for_url("**/check")


def to_summary(page: Page) -> None:
    """From the check to the summary of a sheet without repeats and without a month before."""
    for step in ("repeats", "changes", "summary"):
        page.get_by_role("link", name=re.compile("^Continue")).click()
        page.wait_for_url(f"**/{step}")


def assert_accessible(page: Page) -> None:
    """What axe-core can tell: names, roles, contrast, labels, landmarks."""
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()


@pytest.fixture
def outside(command: Command) -> Iterator[StandaloneSandbox]:
    """An API of its own that counts; for the page it is real."""
    with sandbox_serving(command) as sandbox:
        yield sandbox


def test_a_month_by_mouse(page: Page, tmp_path: Path, command: Command) -> None:
    """Dropped with two faults, fixed in place, sent, and the journal and the command line say the same."""
    checked(page, sheet_in(tmp_path, FAULTY))
    expect(page.locator(".figure").nth(0)).to_contain_text("3")
    expect(page.locator(".figure").nth(1)).to_contain_text("2")
    assert_accessible(page)
    press(page, "Fix the rows")
    cell = page.get_by_label("E-mail").first
    expect(cell).to_have_attribute("aria-invalid", "true")
    assert page.locator(f"#{cell.get_attribute('aria-describedby')}").inner_text()
    assert_accessible(page)
    cell.fill("noah@example.com")
    cell.press("Tab")
    expect(page.get_by_text("Ready to send.")).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="1 row needs fixing")).to_be_visible()
    amount = page.locator("input[aria-invalid=true]")
    amount.fill("300.25")
    amount.press("Tab")
    expect(page.get_by_text("No row needs fixing.")).to_be_visible()
    page.get_by_role("link", name="Back to the check").or_(page.get_by_role("link", name="Continue")).click()
    expect(page.locator(".figure").nth(0)).to_contain_text("$700.00")
    page.get_by_label("Total of the billing program").fill("$700.00")
    press(page, "Compare")
    expect(page.get_by_text("The totals agree.")).to_be_visible()
    to_summary(page)
    assert_accessible(page)
    page.get_by_role("button", name="Send 5 payment requests, $700.00").click()
    expect(page.get_by_text("Every row has its request.")).to_be_visible()
    assert_accessible(page)
    batches = json.loads(command("batches", "--sandbox", "--json").out)
    assert [(one["batch"], one["rows"]) for one in batches] == [("billing-2026-12", 5)]
    shown = command("batches", "show", "billing-2026-12", "--sandbox").out
    assert "noah@@example.com" in shown


def test_a_mois_in_french(browser: Browser, served: Serving, tmp_path: Path) -> None:
    """The same in French: no English word is left on any page of the way."""
    english = re.compile(r"\b(the|rows?|sheet|send|check|with|and|of|is|are)\b", re.IGNORECASE)
    text = 'Facture,Prénom,Nom de famille,Courriel,Montant\nB-1,Amélie,Roy,amelie@example.com,"100,00"\n'
    text += 'B-2,Noé,Roy,noe@@example.com,"200,50"\n'
    with browser.new_context(locale="fr-CA") as context:
        page = entered(context, served)
        page.goto(f"{served.origin}/practice/new")
        page.locator("input[type=file]").set_input_files(sheet_in(tmp_path, text, "facturation-2026-12.csv"))
        page.wait_for_url("**/sheet")
        seen = [page.locator("main").inner_text()]
        press(page, "Continuer")
        page.wait_for_url("**/check")
        for step in ("columns", "fix", "repeats", "changes", "summary"):
            page.goto(re.sub(r"/\w+$", f"/{step}", page.url))
            seen.append(page.locator("main").inner_text())
            assert_accessible(page)
        page.get_by_role("button", name="Envoyer 1 demande de paiement").click()
        page.get_by_text("conserv").or_(page.get_by_text("pas encore de demande")).first.wait_for()
        seen.append(page.locator("main").inner_text())
        found = [line for text in seen for line in text.splitlines() if english.search(line)]
        assert not found


def test_a_month_by_keyboard_alone(page: Page, tmp_path: Path) -> None:
    """Tab, Enter and typing; the file is chosen by the browser's own dialog."""
    drop(page, sheet_in(tmp_path, FAULTY))

    def reach(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            focused = page.evaluate("(document.activeElement.innerText || document.activeElement.value || '').trim()")
            if focused.startswith(name):
                return
        raise AssertionError(f"{name} can't be reached on {page.url}")

    reach("Continue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    reach("Fix the rows")
    page.keyboard.press("Enter")
    page.wait_for_url("**/fix")
    for wrong, right in (("noah@@example.com", "noah@example.com"), ("3 x 100", "300.25")):
        reach(wrong)
        page.keyboard.press("Control+a")
        page.keyboard.type(right)
        page.keyboard.press("Tab")
        expect(page.locator(f"input[data-was='{wrong}']")).to_have_count(0)
    reach("Back to the check")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    for step in ("repeats", "changes", "summary"):
        reach("Continue")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{step}")
    reach("Send 5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Every row has its request.")).to_be_visible()


def test_a_month_without_scripts(browser: Browser, served: Serving, tmp_path: Path) -> None:
    """JavaScript off: the key is pasted, forms are sent, the progress page loads itself anew."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(served.origin)
        page.get_by_label("Or paste the address").fill(served.address)
        press(page, "Open")
        page.wait_for_url("**/practice/")
        page.get_by_role("link", name="New month").first.click()
        page.locator("input[type=file]").set_input_files(sheet_in(tmp_path, FAULTY))
        press(page, "Read the sheet")
        press(page, "Continue")
        press(page, "Fix the rows")
        page.get_by_label("E-mail").first.fill("noah@example.com")
        page.get_by_role("button", name="Check this row").first.click()
        expect(page.get_by_text("1 row needs fixing")).to_be_visible()
        page.get_by_text("Leave this row out").click()
        page.get_by_label("Why").fill("paid in cash")
        press(page, "Leave it out")
        expect(page.get_by_text("No row needs fixing.")).to_be_visible()
        press(page, "Continue")
        to_summary(page)
        expect(page.get_by_text("Left out by a person")).to_be_visible()
        page.get_by_role("button", name="Send 4 payment requests").click()
        expect(page.get_by_text("Back to the sheet").or_(page.get_by_text("Fix now"))).to_be_visible()


def test_a_run_that_can_not_begin_is_told(
    command: Command, outside: StandaloneSandbox, browser: Browser, tmp_path: Path
) -> None:
    """Without a password: one sentence, nothing lost, and the way back to the sheet."""
    without = outside.env | {"FLINKS_PASSWORD": ""}
    with serving(command, env=without) as running, browser.new_context() as context:
        page = entered(context, running)
        page.goto(f"{running.origin}/real/")
        checked(page, sheet_in(tmp_path, GOOD))
        to_summary(page)
        page.get_by_label("Send three first").uncheck()
        page.get_by_role("button", name="Send 5").click()
        expect(page.get_by_role("alert")).to_contain_text("No user or password is set")
        assert_accessible(page)
        press(page, "Continue")
        page.wait_for_url("**/check")
    assert not outside.created()


def test_the_first_three_are_looked_at(page: Page, tmp_path: Path) -> None:
    """Three are sent, with their links; the others follow only when somebody says so."""
    checked(page, sheet_in(tmp_path, GOOD))
    to_summary(page)
    page.get_by_label("Send three first").check()
    page.get_by_role("button", name="Send 5").click()
    expect(page.get_by_role("heading", name="The first requests are sent")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Open"))).to_have_count(3)
    assert_accessible(page)
    press(page, "Stop here")
    expect(page.get_by_text("Stopped as requested after the first rows")).to_be_visible()
    press(page, "Continue")
    to_summary(page)
    page.get_by_role("button", name="Send 2 payment requests").click()
    expect(page.get_by_text("Every row has its request.")).to_be_visible()


def test_killed_and_opened_again_on_every_page(
    page: Page, served: Serving, command: Command, browser: Browser, tmp_path: Path
) -> None:
    """A draft, its corrections and what was sent are there after kill -9, at each step."""
    running = served
    sheet = sheet_in(tmp_path, FAULTY)
    checked(page, sheet)
    draft = re.sub(r"/\w+$", "", page.url.partition("/practice/")[2])
    page.wait_for_load_state("networkidle")
    for step in ("sheet", "columns", "check", "fix", "repeats", "changes", "summary"):
        running.process.kill()
        running.process.communicate(timeout=120)
        with serving(command, "--sandbox") as again, browser.new_context() as context:
            other = entered(context, again)
            other.goto(f"{again.origin}/practice/{draft}/{step}")
            assert other.url.endswith(step)
            if step == "fix":
                other.get_by_label("E-mail").first.fill("noah@example.com")
                other.get_by_label("E-mail").first.press("Tab")
                expect(other.get_by_text("Ready to send.")).to_be_visible()
            if step == "summary":
                expect(other.get_by_role("button", name="Send 4 payment requests")).to_be_visible()
            running = again
            again.process.kill()


def test_killed_while_it_sends_nobody_is_asked_twice(
    command: Command, outside: StandaloneSandbox, browser: Browser, tmp_path: Path
) -> None:
    """Against an API that counts: kill -9 in the middle, opened again, continued from the page of the batch."""
    text = GOOD.splitlines()[0] + "\n"
    text += "".join(f"K-{number},Ann,Roy,ann{number}@example.com,1{number:02}.00\n" for number in range(60))
    settings = outside.env | {"FLINKS_IMPORT_RATE": "30"}
    with serving(command, env=settings) as first, browser.new_context() as context:
        page = entered(context, first)
        page.goto(f"{first.origin}/real/")
        checked(page, sheet_in(tmp_path, text))
        to_summary(page)
        page.get_by_label("Send three first").uncheck()
        page.get_by_role("button", name="Send 60").click()
        page.wait_for_url("**/sending")
        expect(page.locator("#count-created")).not_to_have_text("0")
        first.process.kill()
    with serving(command, env=settings) as second, browser.new_context() as context:
        page = entered(context, second)
        page.goto(f"{second.origin}/real/")
        page.get_by_role("link", name="billing-2026-12").click()
        expect(page.get_by_text(re.compile(r"\d+ rows are not sent yet\."))).to_be_visible()
        page.get_by_role("link", name="Continue").click()
        page.wait_for_url("**/check")
        to_summary(page)
        page.get_by_label("Send three first").uncheck()
        page.get_by_role("button", name=re.compile("^Send ")).click()
        page.wait_for_url("**/sending")
        expect(page.get_by_role("link", name="To the batch")).to_be_visible()
    counts = outside.created()
    assert len(counts) == 60
    # Without an e-mailed link a row whose outcome is unknown is sent again, since nobody is asked by it.
    assert sum(counts.values()) - 60 <= 16


def test_ctrl_c_ends_it_as_it_ends_a_run(
    command: Command, outside: StandaloneSandbox, browser: Browser, tmp_path: Path
) -> None:
    """What is in flight is finished, exit code 6; the command line goes on with the same file, and nobody twice."""
    lines = [f"C-{number},Ann,Roy,ann{number}@example.com,1{number:02}.00\n" for number in range(60)]
    sheet = sheet_in(tmp_path, GOOD.splitlines()[0] + "\n" + "".join(lines))
    with serving(command, env=outside.env | {"FLINKS_IMPORT_RATE": "30"}) as running, browser.new_context() as context:
        page = entered(context, running)
        page.goto(f"{running.origin}/real/")
        checked(page, sheet)
        to_summary(page)
        page.get_by_label("Send three first").uncheck()
        page.get_by_role("button", name="Send 60").click()
        page.wait_for_url("**/sending")
        expect(page.locator("#count-created")).not_to_have_text("0")
        running.process.terminate()
        running.process.communicate(timeout=60)
        assert running.process.returncode == 6
    done = command("run", sheet, "--batch", "billing-2026-12", "--yes", "--json", env=outside.env)
    assert done.code == 0, done.err
    counts = outside.created()
    assert (len(counts), set(counts.values())) == (60, {1})


def test_two_browsers_see_one_draft(
    page: Page, served: Serving, browser: Browser, command: Command, tmp_path: Path
) -> None:
    """What one corrects the other sees; who sends what has changed since is told, and nothing is sent."""
    checked(page, sheet_in(tmp_path, FAULTY))
    to_summary(page)
    summary = page.url
    with browser.new_context() as context:
        other = context.new_page()
        other.goto(command("web", "--no-open", "--sandbox").out.strip())
        other.wait_for_url("**/practice/")
        other.goto(summary.replace("/summary", "/fix"))
        other.get_by_label("E-mail").first.fill("noah@example.com")
        other.get_by_label("E-mail").first.press("Tab")
        expect(other.get_by_text("Ready to send.")).to_be_visible()
    page.get_by_role("button", name="Send 3 payment requests").click()
    expect(page.get_by_role("alert")).to_contain_text("Something has changed")
    page.get_by_role("button", name="Send 4 payment requests").click()
    expect(page.get_by_text("Some rows have no request yet")).to_be_visible()


REFUSED = {
    "empty.csv": "",
    "picture.xlsx": "\x89PNG not a workbook",
    "nothing.xlsx": "PK\x03\x04",
    "../../evil.csv": "",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_reader_refuses_is_told_in_place(page: Page, served: Serving, command: Command, name: str) -> None:
    """No traceback, no draft, and no file outside of the private folder."""
    to_new_month(page)
    upload = FilePayload(name=name, mimeType="text/csv", buffer=REFUSED[name].encode("latin-1"))
    page.locator("input[type=file]").set_input_files(upload)
    expect(page.get_by_role("alert")).to_be_visible()
    assert "Traceback" not in page.content()
    page.goto(f"{served.origin}/practice/")
    expect(page.get_by_text("No batch yet")).to_be_visible()
    outside = [path for path in command.home.rglob("*evil*") if not path.is_relative_to(command.data / "web")]
    assert not outside


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>document.title='owned'</script>",
    '"><form action=//evil.example.com>',
    '=HYPERLINK("http://evil.example.com")',
    "{{ 7*7 }}",
    "\u202egnp.exe",
    "x" * 32_000,
]


def test_a_hostile_sheet_is_only_data(page: Page, tmp_path: Path) -> None:
    """Markup, formulas, direction marks and a cell of 32,000 characters, on every page of the way."""
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    rows = "".join(
        "{},{},Roy,bad@@example.com,10.00\n".format(f"H-{at}", '"' + text.replace('"', '""') + '"')
        for at, text in enumerate(HOSTILE)
    )
    checked(page, sheet_in(tmp_path, GOOD.splitlines()[0] + "\n" + rows, "<b>hostile<b>.csv"))
    for step in ("sheet", "columns", "check", "fix", "repeats", "changes", "summary"):
        page.goto(re.sub(r"/\w+$", f"/{step}", page.url))
        assert page.locator("main script, main img, main form[action*=evil]").count() == 0
        assert "49" not in page.locator("main").inner_text().split("\n")
    assert not dialogs
    assert page.title() != "owned"


def test_a_second_person_approves(command: Command, browser: Browser, tmp_path: Path) -> None:
    """Where a second person is required nothing goes without one; who made the plan is refused, with why."""
    maker = {"FLINKS_IMPORT_SECOND_PERSON": "required", "LOGNAME": "maker"}
    with serving(command, "--sandbox", env=maker) as mine, browser.new_context() as context:
        page = entered(context, mine)
        checked(page, sheet_in(tmp_path, GOOD))
        to_summary(page)
        expect(page.get_by_role("button", name=re.compile("^Send 5"))).to_have_count(0)
        press(page, "Ask for approval")
        page.wait_for_url("**/plans/billing-2026-12-p1")
        assert_accessible(page)
        expect(page.get_by_text("the same person")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        mine.process.terminate()
        mine.process.communicate(timeout=120)
    with serving(command, "--sandbox", env=maker | {"LOGNAME": "checker"}) as theirs, browser.new_context() as context:
        page = entered(context, theirs)
        page.get_by_role("link", name="billing-2026-12-p1").click()
        page.get_by_label("Type the total").fill("699.00")
        press(page, "Approve")
        expect(page.get_by_role("alert")).to_contain_text("is not 699.00")
        page.get_by_label("Type the total").fill("$700.00")
        press(page, "Approve")
        expect(page.locator("main").get_by_role("status")).to_contain_text("approved")
        page.get_by_role("button", name="Send 5 payment requests").click()
        expect(page.get_by_text("Every row has its request.")).to_be_visible()


def test_what_is_left_of_an_approved_plan_is_sent_without_asking_again(
    command: Command, browser: Browser, tmp_path: Path
) -> None:
    """Somebody stopped after the first three: the plan has what is left, and its approval holds for that."""
    maker = {"FLINKS_IMPORT_SECOND_PERSON": "required", "LOGNAME": "maker"}
    planned = command("plan", sheet_in(tmp_path, GOOD), "--sandbox", "--batch", "dues", env=maker)
    assert planned.code == 0, planned.err
    approved = command("approve", "dues-p1", "--total", "700", "--sandbox", env=maker | {"LOGNAME": "checker"})
    assert approved.code == 0, approved.err
    with serving(command, "--sandbox", env=maker) as mine, browser.new_context() as context:
        page = entered(context, mine)
        drop(page, tmp_path / "billing-2026-12.csv")
        page.get_by_label("Name of the batch").fill("dues")
        press(page, "Continue")
        page.wait_for_url("**/check")
        page.goto(f"{mine.origin}/practice/plans/dues-p1")
        page.get_by_label("Send three first").check()
        page.get_by_role("button", name="Send 5 payment requests").click()
        expect(page.get_by_role("button", name="Stop here")).to_be_visible()
        other = context.new_page()
        other.goto(f"{mine.origin}/practice/plans/dues-p1")
        expect(other.locator("main").get_by_role("status")).to_have_text("sent")
        expect(other.get_by_role("button", name=re.compile("^Send"))).to_have_count(0)
        page.get_by_role("button", name="Stop here").click()
        expect(page.get_by_role("link", name="To the batch")).to_be_visible()
        page.goto(f"{mine.origin}/practice/batches/dues")
        page.get_by_role("link", name="Continue").click()
        page.wait_for_url("**/check")
        to_summary(page)
        page.get_by_role("link", name="Open the plan").click()
        expect(page.get_by_text("2 rows are not sent yet.")).to_be_visible()
        assert_accessible(page)
        page.get_by_role("button", name="Send 2 payment requests").click()
        expect(page.get_by_text("Every row has its request.")).to_be_visible()
        page.goto(f"{mine.origin}/practice/plans/dues-p1")
        expect(page.get_by_role("button", name=re.compile("^Send"))).to_have_count(0)


def test_columns_that_are_not_known_are_chosen(page: Page, tmp_path: Path) -> None:
    """Headings of nobody's: each is chosen from a list with its first values beside it, and next month it is known."""
    text = GOOD.replace("Invoice #,First name,Last name,E-mail,Amount", "Dossier X,Alpha,Beta,Gamma,Delta")
    drop(page, sheet_in(tmp_path, text))
    press(page, "Continue")
    page.wait_for_url("**/columns")
    assert_accessible(page)
    for heading, field in {
        "Dossier X": "referenceId",
        "Alpha": "firstName",
        "Beta": "lastName",
        "Gamma": "email",
        "Delta": "amount",
    }.items():
        page.get_by_label(heading, exact=True).select_option(field)
    press(page, "Check the rows")
    page.wait_for_url("**/check")
    expect(page.locator(".figure").nth(0)).to_contain_text("$700.00")
    drop(page, sheet_in(tmp_path, text.replace("A-", "B-"), "billing-2027-01.csv"))
    press(page, "Continue")
    page.wait_for_url("**/check")
    expect(page.locator(".figure").nth(0)).to_contain_text("5")


def test_a_name_that_is_taken_is_asked_about(page: Page, tmp_path: Path) -> None:
    """Another sheet under the name of a batch: another name is proposed; continuing it must be said."""
    checked(page, sheet_in(tmp_path, GOOD))
    to_summary(page)
    page.get_by_role("button", name="Send 5").click()
    expect(page.get_by_text("Every row has its request.")).to_be_visible()
    drop(page, sheet_in(tmp_path, GOOD.replace("A-", "C-"), "billing-2026-12.csv"))
    proposed = page.get_by_label("Name of the batch").input_value()
    assert proposed.startswith("billing-2026-12-")
    page.get_by_label("Name of the batch").fill("billing-2026-12")
    press(page, "Continue")
    expect(page.get_by_role("alert")).to_contain_text("A batch of this name was sent")
    page.get_by_label("Name of the batch").fill(proposed)
    press(page, "Continue")
    page.wait_for_url("**/check")


def test_rows_that_repeat_are_held_and_sent_only_with_a_note(page: Page, tmp_path: Path) -> None:
    """The same references in another batch: held with the earlier request beside them, then sent as other charges."""
    checked(page, sheet_in(tmp_path, GOOD))
    to_summary(page)
    page.get_by_role("button", name="Send 5").click()
    expect(page.get_by_text("Every row has its request.")).to_be_visible()
    checked(page, sheet_in(tmp_path, GOOD + "A-6,Zoe,Leblanc,zoe@example.com,10.00\n", "billing-2027-01.csv"))
    expect(page.locator(".figure").nth(2)).to_contain_text("5")
    page.get_by_role("link", name="Look at them").click()
    expect(page.get_by_role("row").filter(has_text="A-1")).to_contain_text("billing-2026-12")
    assert_accessible(page)
    for row in range(2, 7):
        page.get_by_label(f"Row {row} is another charge").check()
    page.get_by_label("Why are the ticked rows other charges?").fill("second instalment, agreed by phone")
    press(page, "Keep these ticks")
    expect(page.get_by_text("second instalment")).to_have_count(5)
    assert_accessible(page)
    for row in range(2, 7):
        page.get_by_label(f"Row {row} is another charge").uncheck()
    press(page, "Keep these ticks")
    expect(page.get_by_text("5 rows look like repeats")).to_be_visible()
    page.get_by_role("link", name="Skip them and continue").click()
    expect(page.get_by_text("Compared with batch billing-2026-12")).to_be_visible()
    press(page, "Continue")
    page.get_by_role("button", name="Send 1 payment request, $10.00").click()
    expect(page.get_by_role("heading", name="Batch billing-2027-01")).to_be_visible()


def test_a_slip_is_never_sent_unticked_and_a_month_counts_once(page: Page, tmp_path: Path) -> None:
    """Typed in another tab after the summary was shown; and rows that have their request are no change of their own."""
    checked(page, sheet_in(tmp_path, GOOD))
    to_summary(page)
    page.get_by_role("button", name="Send 5").click()
    expect(page.get_by_text("Every row has its request.")).to_be_visible()
    january = GOOD.replace("A-", "B-").replace("noah@example.com", "noah@@example.com")
    checked(page, sheet_in(tmp_path, january, "billing-2027-01.csv"))
    draft = page.url.rpartition("/")[0]
    page.goto(f"{draft}/summary")
    page.get_by_role("button", name="Send 4").click()
    expect(page.get_by_text("Some rows have no request yet")).to_be_visible()
    page.goto(f"{draft}/fix")
    page.get_by_label("E-mail").first.fill("noah@example.com")
    page.get_by_label("E-mail").first.press("Tab")
    expect(page.get_by_text("Ready to send.")).to_be_visible()
    page.goto(f"{draft}/changes")
    expect(page.get_by_text("Other amounts")).to_have_count(0)
    page.goto(f"{draft}/summary")
    expect(page.get_by_role("button", name="Send 1 payment request, $200.50")).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{draft}/fix?row=3")
    other.get_by_label("Amount").fill("2005.00")
    other.get_by_label("Amount").press("Tab")
    expect(other.get_by_text("Ready to send.")).to_be_visible()
    page.get_by_role("button", name="Send 1 payment request, $200.50").click()
    page.wait_for_url("**/changes")
    expect(page.get_by_role("heading", name="Likely typing errors (1)")).to_be_visible()
    press(page, "Continue")
    expect(page.get_by_role("alert")).to_contain_text("Tick each likely typing error")
    page.get_by_label("The amount of Noah Roy is right").check()
    press(page, "Continue")
    expect(page.get_by_role("button", name="Send 1 payment request, $2,005.00")).to_be_visible()


def test_what_is_downloaded_is_what_its_name_says(page: Page, served: Serving, tmp_path: Path) -> None:
    """The empty sheet, and a marked copy of the person's own workbook; what is left over of neither stays."""
    page.goto(f"{served.origin}/practice/new")
    with page.expect_download() as template:
        page.get_by_role("link", name="Download the empty sheet").click()
    assert template.value.suggested_filename == "billing-template.xlsx"
    assert "E-mail" in str(
        [*openpyxl.load_workbook(io.BytesIO(template.value.path().read_bytes())).worksheets[0].values]
    )
    book = openpyxl.Workbook()
    assert book.active is not None
    for line in FAULTY.splitlines():
        book.active.append(line.split(","))
    book.save(tmp_path / "billing-2026-12.xlsx")
    checked(page, tmp_path / "billing-2026-12.xlsx")
    press(page, "Fix the rows")
    with page.expect_download() as marked:
        page.get_by_role("link", name="Download a marked copy").click()
    assert marked.value.suggested_filename == "billing-2026-12.marked.xlsx"
    assert openpyxl.load_workbook(io.BytesIO(marked.value.path().read_bytes())).active["D3"].comment


def test_at_200_per_cent_and_on_a_phone_nothing_is_cut_off(browser: Browser, served: Serving, tmp_path: Path) -> None:
    """No page of the way scrolls sideways at 390 pixels; tables scroll in their own frame."""
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = entered(context, served)
        checked(page, sheet_in(tmp_path, FAULTY))
        for step in ("sheet", "columns", "check", "fix", "repeats", "changes", "summary"):
            page.goto(re.sub(r"/\w+$", f"/{step}", page.url))
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, step


def test_a_row_that_was_left_out_is_nothing_to_fix(page: Page, tmp_path: Path) -> None:
    """It is apart from what is wrong, on every page that says what became of the rows; whole names are shown."""
    text = 'Invoice #,Tenant,E-mail,Rent\nA-1,"Roy, Ann",ann@example.com,100.00\nA-2,"Roy, Bea",bea@example.com,0\n'
    drop(page, sheet_in(tmp_path, text))
    press(page, "Continue")
    page.wait_for_url("**/columns")
    expect(page.get_by_role("columnheader", name="Why")).to_have_count(0)
    page.get_by_role("combobox").nth(1).select_option("names:surname-first")
    press(page, "Check the rows")
    page.wait_for_url("**/check")
    press(page, "Fix the rows")
    page.get_by_text("Leave this row out").click()
    page.get_by_label("Why").fill("free this month")
    press(page, "Leave it out")
    expect(page.get_by_text("No row needs fixing.")).to_be_visible()
    press(page, "Continue")
    page.wait_for_url("**/check")
    to_summary(page)
    press(page, "Send 1 payment request, $100.00")
    expect(page.get_by_text("Every row has its request, but for those that a person left out.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("left out by a person"))).to_have_count(1)
    expect(page.get_by_role("row", name=re.compile("invalid"))).to_have_count(0)
    expect(page.get_by_role("link", name="Fix now")).to_have_count(0)
    press(page, "To the batch")
    expect(page.get_by_role("row", name=re.compile("left out by a person"))).to_have_count(1)
    press(page, "Who has paid")
    expect(page.get_by_role("row", name=re.compile("Roy, Bea"))).to_contain_text("left out by a person")


def test_references_that_name_customers_are_said_so_once(page: Page, tmp_path: Path) -> None:
    """Found on the check of the second month; the set-up has it, and the sheet is checked again by it."""
    checked(page, sheet_in(tmp_path, GOOD))
    to_summary(page)
    press(page, "Send 5 payment requests, $700.00")
    expect(page.get_by_text("Every row has its request.")).to_be_visible()
    month = GOOD.replace("100.00", "101.00").replace("200.50", "201.50").replace("300.25", "301.25")
    checked(
        page, sheet_in(tmp_path, month.replace(",50.00", ",51.00").replace("49.25", "50.25"), "billing-2027-01.csv")
    )
    here = page.url
    expect(page.locator(".figure.warn")).to_contain_text("5")
    press(page, "To the set-up")
    page.get_by_label("References").select_option("customer")
    page.get_by_label("Links").select_option("yes")
    press(page, "Keep and check")
    page.wait_for_url("**/setup/checks*")
    page.goto(here)
    expect(page.locator(".figure.good")).to_contain_text("5")
    page.goto(here.replace("/check", "/summary"))
    expect(page.get_by_text("5 e-mailed by the API")).to_be_visible()
