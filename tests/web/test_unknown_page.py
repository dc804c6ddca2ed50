"""Rows whose outcome is unknown: what a person found is recorded, by mouse and by keyboard, also without scripts."""

import pytest
from playwright.sync_api import Browser, Page, expect
from support.command import Command
from support.local_page import Serving
from support.sent_batches import send
from web.looking import assert_nothing_wrong

SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def open_unknown(page: Page, served: Serving) -> None:
    """The page of the batch's unknown rows."""
    page.goto(f"{served.origin}/practice/batches/rent%202026-11/unknown")


def test_what_a_person_found_is_recorded(command: Command, page: Page, served: Serving) -> None:
    """It exists: the row has that session. It does not: the next run sends the row, and it alone, again."""
    sheet = send(command)
    open_unknown(page, served)
    expect(page.get_by_role("heading", name="Row 5: Dan Roy")).to_be_visible()
    assert_nothing_wrong(page)
    card = page.get_by_role("region", name="Row 5: Dan Roy")
    card.get_by_label("Its sessionId or link").fill(f"https://pay.example.com/app/?sessionId={SESSION}")
    card.get_by_role("button", name="Record that it exists").click()
    expect(page.get_by_role("status").last).to_contain_text("row 5 has its request")
    card = page.get_by_role("region", name="Row 6: Eve Roy")
    card.get_by_label("What you checked, and when").fill("Looked in the dashboard on Monday")
    card.get_by_role("button", name="Record that it does not exist").click()
    expect(page.get_by_text("No row of this batch is unknown.")).to_be_visible()
    assert_nothing_wrong(page)
    again = command("run", sheet, "--sandbox", "--batch", "rent 2026-11", "--send-link", "--json").json()
    assert (again["counts"]["already-created"], again["counts"]["invalid"]) == (4, 1)
    page.goto(f"{served.origin}/practice/batches/rent%202026-11/rows/6")
    expect(page.get_by_text("Attempt 2")).to_be_visible()
    expect(page.get_by_text("recorded that no request was created")).to_be_visible()
    expect(page.get_by_text("Looked in the dashboard on Monday").first).to_be_visible()


@pytest.mark.parametrize(
    "case",
    [
        ("Its sessionId or link", "yes", "Paste the sessionId"),
        ("What you checked, and when", " ", "Write how you know"),
    ],
    ids=["no session", "no note"],
)
def test_what_can_not_be_recorded_is_said_at_its_field(
    command: Command, page: Page, served: Serving, case: tuple[str, str, str]
) -> None:
    """By keyboard alone; what was typed stays, and nothing is recorded."""
    label, typed, told = case
    send(command)
    open_unknown(page, served)
    field = page.get_by_role("region", name="Row 6: Eve Roy").get_by_label(label)
    field.focus()
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(told)
    field = page.get_by_role("region", name="Row 6: Eve Roy").get_by_label(label)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value(typed)
    assert_nothing_wrong(page)
    expect(page.get_by_role("heading", level=2)).to_have_count(2)


def test_a_session_of_another_row_is_refused(command: Command, page: Page, served: Serving) -> None:
    """With the row that has it, at its field; what was typed stays."""
    send(command)
    taken = command("batches", "show", "rent 2026-11", "--row", "2", "--show-sessions", "--json", "--sandbox").json()
    open_unknown(page, served)
    card = page.get_by_role("region", name="Row 5: Dan Roy")
    card.get_by_label("Its sessionId or link").fill(taken["row"]["attempts"][0]["sessionId"])
    card.get_by_role("button", name="Record that it exists").click()
    expect(page.get_by_role("alert")).to_contain_text("Row 2 of batch rent 2026-11 already has this sessionId")
    expect(page.get_by_label("Its sessionId or link").first).to_have_value(taken["row"]["attempts"][0]["sessionId"])
    expect(page.get_by_text("It is not sent again before you record what you found.")).to_have_count(2)


def test_it_works_without_scripts(command: Command, served: Serving, browser: Browser) -> None:
    """And a row that somebody else has decided meanwhile is left as it is."""
    send(command)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(served.origin)
        page.get_by_label("Or paste the address").fill(served.address)
        page.get_by_role("button", name="Open").click()
        open_unknown(page, served)
        command("resolve", "rent 2026-11", "6", "--not-created", "--note", "seen", "--yes", "--sandbox")
        for name in ("Row 6: Eve Roy", "Row 5: Dan Roy"):
            open_unknown(page, served) if name.startswith("Row 5") else None
            card = page.get_by_role("region", name=name)
            card.get_by_label("What you checked, and when").fill("the dashboard")
            card.get_by_role("button", name="Record that it does not exist").click()
            told = "is not unknown any more" if name.startswith("Row 6") else "no request was created for row 5"
            expect(page.get_by_role("main")).to_contain_text(told)
