"""A walk past every page that the program has, with the longest names and the widest tables that people bring."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page
from support.command import Command
from support.local_page import Serving

BATCH = "Loyers de la Côte-des-Neiges et de Notre-Dame-de-Grâce, stationnements compris 2026-11"
NEXT = BATCH.replace("2026-11", "2026-12")
HEADINGS = "Invoice #,First name,Last name,E-mail,Amount,Account,Institution,Transit,What was agreed by telephone\n"
LONG = "Marie-Antoinette-Geneviève-" * 3
MAIL = "marie.antoinette.genevieve.de.la.tour@" + "very-long-name-of-a-host." * 2 + "example.com"
PEOPLE = (
    ("Happy1-1", "Ana", "Fraser", "ana@example.com", "10.00"),
    ("INV-2026-11-000000000000000000002", LONG, "Côté-Bérubé", MAIL, "20345.67"),
    ("INV-3", "Cléo", "Gagnon", "cleo@example.com", "40.00"),
    ("ResetAfterOnce-4", "Dan", "Roy", "dan@example.com", "80.00"),
    ("INV-5", "Eve", "Roy", "eve@@example.com", "90.00"),
)


def sheet(folder: Path, name: str, *, later: bool) -> Path:
    """The sheet of a month, or of the one after it: with other references, one repeat, one slip, and one new payor."""
    rows = list(PEOPLE)
    if later:
        rows = [(f"N-{at}", *row[1:]) for at, row in enumerate(rows)]
        rows[2] = ("INV-3", *rows[2][1:])
        rows[0] = (*rows[0][:4], "100.00")
        rows.append(("N-9", "Zoe", "Leblanc", "zoe@example.com", "11.00"))
    path = folder / f"{name}.csv"
    account = "9876541,001,30265," + "the rent is paid on the first day of each month, " * 5
    lines = [",".join([*row, *account.replace(", ", " ").split(",")]) + "\n" for row in rows]
    path.write_text(HEADINGS + "".join(lines), "utf-8")
    return path


def send(command: Command, folder: Path) -> None:
    """Send the first month from the command line, with its links left to send oneself."""
    command("run", sheet(folder, "november", later=False), "--sandbox", "--batch", BATCH, "--no-send-link")


def pages_of(page: Page, served: Serving, folder: Path) -> Iterator[str]:
    """Stand on each page in turn, by the name of its template."""
    practice = f"{served.origin}/practice"
    page.goto(f"{practice}/new")
    yield "new"
    page.locator("input[type=file]").set_input_files(sheet(folder, "december " + "and much more " * 8, later=True))
    page.wait_for_url("**/drafts/*/sheet")
    draft = page.url.removesuffix("/sheet")
    yield "sheet"
    page.locator("#batch").fill(NEXT)
    page.locator("button.main").click()
    page.wait_for_url(re.compile("/(check|columns)$"))
    for step in ("columns", "check", "fix", "repeats", "changes"):
        page.goto(f"{draft}/{step}")
        yield step
    page.locator("input[name=slip]").check()
    page.locator("button.main").click()
    page.wait_for_url("**/summary")
    yield "summary"
    page.locator("button[formaction*=plan]").click()
    page.wait_for_url("**/plans/**")
    yield "plan"
    page.goto(f"{draft}/summary")
    page.locator("input[name=first]").check()
    page.locator("form[action*=send] button.main").click()
    page.locator("form[action*=answer]").first.wait_for()
    yield "first"
    page.locator("button[value=yes]").click()
    page.locator("caption").wait_for()
    yield "done"
    batch = f"{practice}/batches/{quote(BATCH, safe='')}"
    for path, name in (
        *(("", "batch"), ("/rows/3", "row"), ("/paid", "paid"), ("/unknown", "unknown"), ("/reconcile", "reconcile")),
    ):
        page.goto(batch + path)
        yield name
    report = folder / ("settlement of a day with a name " * 3 + ".csv")
    report.write_text("Reference,Customer name,Amount,Status\nINV-3,Cléo Gagnon,40.00,Settled\nX-1,Ann,1.00,Odd\n")
    page.locator("#reports").set_input_files(report)
    page.locator("select[name=meaning]").wait_for()
    yield "reconcile"
    page.locator("select[name=meaning]").select_option(index=1)
    page.locator("button.main").click()
    page.locator("tfoot").first.wait_for()
    yield "reconcile"
    page.goto(f"{batch}/paid")
    page.locator("input[name=chosen]").first.check()
    page.locator("button[formaction$=cancel], form[action$=cancel] button").first.click()
    page.locator("#typed").wait_for()
    yield "cancel"
    for path, name in (("/", "home"), ("/purge", "purge"), ("/setup", "setup"), ("/setup/checks", "checks")):
        page.goto(practice + path)
        yield name
    page.goto(f"{practice}/batches/absent")
    yield "failed"
