"""The first page: what there is to do, with and without a batch, a sheet that is not sent, a plan that waits."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from support.command import Command
from support.local_page import Serving
from support.sent_batches import PEOPLE, send
from web.looking import assert_nothing_wrong

from pipeline.web.pages.home import NEWEST


def test_without_a_batch_there_is_one_way_to_go(page: Page) -> None:
    """What needs a batch is no link, and says why."""
    tasks = page.locator(".task")
    expect(tasks).to_have_count(3)
    expect(page.get_by_role("main").get_by_role("link", name="New month")).to_be_visible()
    for name in ("Who has paid", "Reconcile"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
        expect(tasks.filter(has_text=name)).to_contain_text("Possible once a batch is sent.")
    assert_nothing_wrong(page)


@pytest.mark.parametrize(("task", "page_of_it"), [("Who has paid", "paid"), ("Reconcile", "reconcile")])
def test_a_task_leads_to_the_newest_batch(
    command: Command, page: Page, served: Serving, task: str, page_of_it: str
) -> None:
    """By its name, whatever is in it."""
    send(command, PEOPLE[:2], "2026/10")
    send(command, PEOPLE[2:3], "2026/11")
    page.reload()
    page.get_by_role("main").get_by_role("link", name=task).click()
    expect(page).to_have_url(f"{served.origin}/practice/batches/{quote('2026/11')}/{page_of_it}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(task)


def test_each_request_is_counted_once(command: Command, page: Page, served: Serving) -> None:
    """Paid, waiting, ended unpaid and unknown come to all that were created, and to what is unknown."""
    declined = ("Declines-9", "Gil", "Fraser", "gil@example.com", "5.00")
    send(command, [*PEOPLE, declined], "rent")
    command("status", "rent", "--sandbox", "-o", command.home / "status.xlsx")
    page.goto(f"{served.origin}/practice/")
    table = page.get_by_role("region", name="Sent").get_by_role("table")
    headings = table.get_by_role("columnheader").all_inner_texts()
    shown = dict(zip(headings, table.locator("tbody tr").locator("th, td").all_inner_texts(), strict=True))
    counted = {"Created": "4", "Paid so far": "1", "Waiting": "2", "Ended unpaid": "1", "Unknown": "2", "To fix": "1"}
    assert {heading: shown[heading] for heading in counted} == counted
    assert_nothing_wrong(page)


def copy(journal: sqlite3.Connection, table: str, **changes: object) -> None:
    """Copy the first record of a table, changed so."""
    columns = [column for _, column, *_ in journal.execute(f"PRAGMA table_info({table})")]
    taken = ", ".join("?" if column in changes else f'"{column}"' for column in columns)
    changed = [changes[column] for column in columns if column in changes]
    journal.execute(f"INSERT INTO {table} SELECT {taken} FROM {table} WHERE id = 1", changed)


def test_the_newest_batches_are_counted_first(command: Command, page: Page, served: Serving) -> None:
    """The others on demand: to count those of many years would take as long on each visit."""
    send(command, PEOPLE[:1], "rent 01")
    last = NEWEST + 2
    with closing(sqlite3.connect(command.data / "sandbox-journal.sqlite")) as journal, journal:
        for number in range(2, last + 1):
            copy(journal, "batches", id=number, name=f"rent {number:02}")
            copy(journal, "runs", id=number, batch_id=number)
    page.goto(f"{served.origin}/practice/")
    names = page.get_by_role("region", name="Sent").locator("tbody th")
    expect(names).to_have_text([f"rent {number:02}" for number in range(last, last - NEWEST, -1)])
    page.get_by_role("link", name="Show 2 older batches too").click()
    expect(names).to_have_text([f"rent {number:02}" for number in range(last, 0, -1)])
    expect(page.get_by_role("link", name="older")).to_have_count(0)
    assert_nothing_wrong(page)


def test_what_is_not_sent_and_what_waits_is_there(
    command: Command, page: Page, served: Serving, tmp_path: Path
) -> None:
    """Beside the batches, each with the way to it, on a small screen too, however long a name is."""
    sheet = send(command, PEOPLE[:3], "Loyers de la Côte-des-Neiges et de Notre-Dame-de-Grâce 2026-11")
    text = sheet.read_text().replace("Happy1-1", "INV-21").replace("INV-2,", "INV-22,").replace("INV-3", "INV-23")
    next_month = tmp_path / ("billing_of_the_parking_lots_downtown_" * 3 + ".csv")
    next_month.write_text(text.replace("@example.com", "@mail.example.com"))
    planned = command("plan", next_month, "--sandbox", "--batch", "rent 2026-12")
    assert planned.code == 0, planned.err
    page.goto(f"{served.origin}/practice/new")
    page.locator("input[type=file]").set_input_files(next_month)
    page.wait_for_url("**/drafts/*/sheet")
    page.goto(f"{served.origin}/practice/")
    assert_nothing_wrong(page)
    expect(page.get_by_role("heading", level=2)).to_have_text(["Plans to approve or to send", "Not sent yet", "Sent"])
    page.get_by_role("link", name=next_month.name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(next_month.name)
    page.go_back()
    page.get_by_role("region", name="Plans to approve or to send").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("rent 2026-12")


def test_a_plan_is_found_until_it_is_sent(command: Command, page: Page, served: Serving, tmp_path: Path) -> None:
    """Approved or sent back, from the first page and from the summary of its sheet: its maker goes on from there."""
    rows = send(command, PEOPLE[:1], "2026-10").read_text().replace("Happy1-1", "INV-1")
    sheet = tmp_path / "december.csv"
    sheet.write_text(rows.replace("@example.com", "@mail.example.com"))
    page.goto(f"{served.origin}/practice/new")
    page.locator("input[type=file]").set_input_files(sheet)
    page.wait_for_url("**/drafts/*/sheet")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/drafts/*/check")
    summary = page.url.replace("/check", "/summary")
    page.goto(summary)
    page.get_by_role("button", name="Ask for approval").click()
    page.wait_for_url("**/plans/*")
    name = page.url.rpartition("/")[2]
    plans = page.get_by_role("region", name="Plans to approve or to send")
    for options, state in (
        (("--total", "10.00"), "approved"),
        (("--send-back", "December has 31 days"), "sent back"),
    ):
        decided = command("approve", name, *options, "--sandbox")
        assert decided.code == 0, decided.err
        page.goto(f"{served.origin}/practice/")
        expect(plans.get_by_role("row", name=name)).to_contain_text(state)
        page.goto(summary)
        expect(page.get_by_text(f"Plan {name} of this sheet: {state}.")).to_be_visible()
        assert_nothing_wrong(page)
        page.get_by_role("link", name="Open the plan").click()
        expect(page.get_by_role("main").get_by_role("status")).to_have_text(state)
    page.get_by_role("link", name="Open the sheet").click()
    page.wait_for_url("**/check")
    page.goto(f"{served.origin}/practice/")
    page.get_by_role("link", name="december.csv").click()
    page.get_by_text("Discard this sheet").click()
    page.locator("details[open]").get_by_role("button").click()
    page.wait_for_url("**/practice/**")
    page.goto(f"{served.origin}/practice/")
    expect(plans).to_have_count(0)
