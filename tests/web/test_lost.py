"""What is not there, can't be shown or went wrong is told on a page in the house's look, with the way home."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from support.command import Command
from support.local_page import Serving, entered, serving


@pytest.mark.parametrize(
    ("lang", "title", "way_home"),
    [("en", "There is no such page", "To the first page"), ("fr", "Cette page n'existe pas", "À la première page")],
)
def test_an_unknown_address_leads_home(browser: Browser, served: Serving, lang: str, title: str, way_home: str) -> None:
    """In both languages; also for who is not let in."""
    with browser.new_context(locale=f"{lang}-CA") as context:
        page = entered(context, served)
        for path in ("/nowhere", "/practice/nowhere", "/practice/drafts/x/fix", "/real/", "/static/x"):
            assert_not_there(page, served.origin + path, title)
            page.get_by_role("link", name=way_home).click()
            page.wait_for_url(f"{served.origin}/practice/")
        context.clear_cookies()
        assert_not_there(page, f"{served.origin}/nowhere", title)


def assert_not_there(page: Page, address: str, title: str) -> None:
    """The page says so, and a machine finds nothing wrong with it."""
    response = page.goto(address)
    assert response is not None
    assert response.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert not Axe().run(page).response["violations"]


def test_an_address_that_takes_forms_alone_says_so(browser: Browser, served: Serving) -> None:
    """For who loads it."""
    with browser.new_context() as context:
        page = entered(context, served)
        response = page.goto(f"{served.origin}/practice/sample")
        assert response is not None
        assert response.status == 405
        expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing to see at this address")


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_fault_of_the_program_is_told_with_its_report(
    browser: Browser, command: Command, served: Serving, tmp_path: Path, lang: str
) -> None:
    """Nothing lost, and where the report is; the page works on."""
    (command.data / "web" / "sheets").write_text("a file where a folder is to be")
    sheet = tmp_path / "billing.csv"
    sheet.write_text("Invoice #,First name,Last name,E-mail,Amount\nA-1,Ann,Roy,ann@example.com,1.00\n")
    with browser.new_context() as context:
        page = entered(context, served)
        if lang == "fr":
            page.get_by_role("button", name="Français").click()
        page.goto(f"{served.origin}/practice/new")
        with page.expect_response("**/new") as told:
            page.locator("input[type=file]").set_input_files(sheet)
        assert told.value.status == 500
        words = {"en": "error of its own (FileExistsError). Nothing is lost", "fr": "Rien n'est perdu"}[lang]
        expect(page.get_by_role("alert")).to_contain_text(words)
        text = page.get_by_role("alert").inner_text().replace("\xa0", " ")
        report = re.search(r"\S+\.report\.txt", text)
        assert report is not None
        assert "FileExistsError" in Path(report[0]).read_text()
        Path(report[0]).unlink()
        page.get_by_role("link", name={"en": "To the first page", "fr": "À la première page"}[lang]).click()
        page.wait_for_url(f"{served.origin}/practice/")


def test_wrong_settings_are_told_on_the_set_up_page(command: Command, browser: Browser) -> None:
    """With file, profile and name; once they are right the page goes on, without a new start."""
    settings = command.home / "config" / "flinks-import" / "flinks-import.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('lang = "en"\n\nconcurency = 4\n[profile.x]\nrate = "fast"\n')
    with serving(command) as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(served.address)
        page.wait_for_url(f"{served.origin}/practice/setup")
        expect(page.get_by_role("alert")).to_contain_text(f'{settings}: there is no setting "concurency"')
        expect(page.get_by_role("alert")).to_contain_text("[profile.x]: rate must be")
        settings.write_text('lang = "en"\nrate = \n')
        assert_told(page, "is not valid TOML, line 2: Invalid value")
        page.get_by_role("button", name="Français").click()
        expect(page.get_by_role("alert")).to_contain_text("ligne 2")
        expect(page.get_by_role("alert")).to_contain_text("la valeur est illisible")
        page.get_by_role("button", name="English").click()
        settings.write_text('lang = "en"\n')
        page.get_by_role("link", name="Try again").click()
        expect(page.get_by_label("Address")).to_be_visible()


def assert_told(page: Page, words: str) -> None:
    """Look again, and find this."""
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text(words)
