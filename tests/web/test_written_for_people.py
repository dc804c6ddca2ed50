"""Days, moments and amounts are on every page as people of its language write them, and one thing has one name."""

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from babel.dates import format_date
from playwright.sync_api import Page, expect
from support.command import Command
from support.local_page import Serving
from support.sent_batches import PEOPLE, send

BATCH = "rent"
OF_MACHINES = re.compile(r"\b\d{4}-\d\d-\d\d\b|\d\d:\d\d:\d\d|\d\.\d\d CAD|\bsandbox\b")
"""A day or an amount as a file has it, and the sandbox by the name that the command has for practice."""


def speak(page: Page, lang: str) -> None:
    """Have the pages speak this language."""
    if page.locator("html").get_attribute("lang") != lang:
        page.get_by_role("button", name="Français" if lang == "fr" else "English").click()
        expect(page.locator("html")).to_have_attribute("lang", lang)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_days_and_amounts_are_as_people_write_them(
    command: Command, page: Page, served: Serving, tmp_path: Path, lang: str
) -> None:
    """On the pages of a batch, in its reconciliation, in the story of a row and of a corrected cell, on a plan."""
    sheet = send(command, PEOPLE, BATCH)
    today = datetime.now().astimezone()
    speak(page, lang)
    seen = [page.locator("main").inner_text()]
    batch = f"{served.origin}/practice/batches/{quote(BATCH)}"
    for path in ("", "/paid", "/rows/2", "/rows/5", "/unknown"):
        page.goto(batch + path)
        seen.append(page.locator("main").inner_text())
    page.goto(f"{batch}/rows/2")
    expect(page.get_by_role("main")).to_contain_text({"en": "$10.00", "fr": "10,00\xa0$"}[lang])

    page.goto(f"{batch}/reconcile")
    report = tmp_path / "settlement.csv"
    report.write_text(f"Reference,Amount,Status,Settlement date\nINV-2,20.00,Settled,{today:%Y-%m-%d}\n")
    page.locator("#reports").set_input_files(report)
    page.locator(".files").wait_for()
    for pile in page.locator("tbody th a").all():
        pile.click()
        seen.append(page.locator("main").inner_text())
    day = format_date(today, "medium", locale=f"{lang}_CA")
    assert any(day in text for text in seen[-2:])

    page.goto(f"{served.origin}/practice/new")
    next_month = tmp_path / "next.csv"
    next_month.write_text(sheet.read_text().replace("INV-2", "INV-22").replace("@@", "@mail."))
    page.locator("input[type=file]").set_input_files(next_month)
    page.wait_for_url("**/sheet")
    page.get_by_role("button", name=re.compile("Continue|Continuer")).click()
    page.wait_for_url("**/check")
    draft = page.url.removesuffix("/check")
    page.goto(f"{draft}/fix?row=3")
    page.locator("section.row").get_by_label("Amount").fill("21.00")
    page.locator("section.row").get_by_label("Amount").press("Tab")
    page.wait_for_load_state("networkidle")
    page.goto(f"{draft}/fix?row=3")
    seen.append(page.locator("section.row").inner_text())
    expect(page.locator("section.row")).to_contain_text({"en": 'corrected from "20.00" by', "fr": "corrigé par"}[lang])
    for step in ("check", "repeats", "summary"):
        page.goto(f"{draft}/{step}")
        seen.append(page.locator("main").inner_text())
    page.get_by_role("button", name=re.compile("Ask for approval|Demander l'approbation")).click()
    page.wait_for_url("**/plans/*")
    seen.append(page.locator("dl.facts").inner_text())
    expect(page.locator("dl.facts")).to_contain_text({"en": "practice: no money moves", "fr": "exercice"}[lang])
    found = [line for text in seen for line in text.splitlines() if OF_MACHINES.search(line)]
    assert not found


def test_a_row_is_headed_by_the_name_as_the_sheet_has_it(page: Page, served: Serving, tmp_path: Path) -> None:
    """Also where first and last name are in one column."""
    page.goto(f"{served.origin}/practice/new")
    sheet = tmp_path / "names.csv"
    sheet.write_text('Invoice #,Name,E-mail,Amount\nN-1,"Tremblay, Amelia",amelia@@example.com,10.00\n')
    page.locator("input[type=file]").set_input_files(sheet)
    page.wait_for_url("**/sheet")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/columns")
    expect(page.get_by_role("alert")).not_to_contain_text("--split-names")
    page.get_by_role("combobox", name="Name", exact=True).select_option("names:surname-first")
    page.get_by_role("button", name="Check the rows").click()
    page.wait_for_url("**/check")
    page.get_by_role("link", name="Fix the rows").click()
    expect(page.get_by_role("heading", name="Row 2: Tremblay, Amelia")).to_be_visible()
