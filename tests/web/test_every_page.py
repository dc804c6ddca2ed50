"""Every page, for who sees little, listens, or has a small screen: nothing cut off, every part named."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect
from support.command import Command
from support.local_page import Serving, entered
from web.walking import pages_of, send

SIZES: dict[str, ViewportSize] = {
    "a telephone": {"width": 390, "height": 844},
    "a window of 1280 pixels at 200 %": {"width": 640, "height": 450},
    "a window of 1280 pixels": {"width": 1280, "height": 900},
}
PASSING = {"asking", "reconciling", "sending", "not_begun"}
"""Pages that stand only while the program works, or after it could not: they have tests of their own."""
PARTS = {"base", "macros", "steps", "fix_row", "fixed", "entrance", "lost"}
"""Parts of other pages, and those for who is not let in."""

OUT_OF_SIGHT = """
[...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth + 1)
  .map(one => one.getAttribute("aria-label") + " " + (one.scrollWidth - one.clientWidth))
"""
"""The tables of a wide window that have columns out of sight."""


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_nothing_is_cut_off_and_everything_has_a_name(
    browser: Browser, command: Command, served: Serving, tmp_path: Path, lang: str
) -> None:
    """No page scrolls sideways, axe finds nothing, one heading is the first, and every error is tied to its field."""
    send(command, tmp_path)
    seen = set()
    with browser.new_context(locale=f"{lang}-CA") as context:
        page = entered(context, served)
        for name in pages_of(page, served, tmp_path):
            seen.add(name)
            found = Axe().run(page)
            assert not found.response["violations"], (name, found.generate_report())
            assert page.locator("html").get_attribute("lang") == lang
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            expect(page.get_by_role("navigation").first).to_be_visible()
            assert_errors_are_tied(page, name)
            for size, pixels in SIZES.items():
                page.set_viewport_size(pixels)
                over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert over <= 0, (name, size, over, too_wide(page))
            if name != "sheet":  # there the columns are people's own, as many as they have
                assert not page.evaluate(OUT_OF_SIGHT), (name, page.evaluate(OUT_OF_SIGHT))
    templates = Path(__file__).parents[2] / "pipeline" / "web" / "templates"
    assert seen == {path.stem for path in templates.glob("*.html")} - PASSING - PARTS


def assert_errors_are_tied(page: Page, name: str) -> None:
    """Each field that is marked as wrong says by what it is described, and that is there and says something."""
    for field in page.locator("[aria-invalid=true]").all():
        described = field.get_attribute("aria-describedby")
        assert described, name
        assert all(page.locator(f"[id='{one}']").inner_text().strip() for one in described.split()), name


def too_wide(page: Page) -> object:
    """The elements that reach over the edge, for who must fix it."""
    return page.evaluate(
        "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth"
        " && !one.closest('.scroll')).slice(0, 5).map(one => one.outerHTML.slice(0, 120))"
    )


def test_what_a_screen_reader_says(command: Command, page: Page, served: Serving, tmp_path: Path) -> None:
    """Roles, names and states of the pages on which most is done, as the browser's accessibility tree has them."""
    send(command, tmp_path)
    main = page.get_by_role("main")
    for name in pages_of(page, served, tmp_path):
        if name in SAID:
            expect(main).to_match_aria_snapshot(SAID[name])
        if name == "fix":
            wrong = page.locator("input[aria-invalid=true]").first
            expect(wrong).to_have_accessible_name("E-mail")
            expect(wrong).to_have_accessible_description(
                'E-mail (column D): "eve@@example.com" is not an e-mail address '
                "Write one address, for example jane@example.com."
            )
        if name == "done":
            break


SAID = {
    "new": """
    - heading "New month" [level=1]
    - button "Drop your billing sheet here, or choose it"
    - paragraph:
      - button "Read the sheet"
      - status
    - link "Download the empty sheet"
    """,
    "fix": """
    - navigation "Steps":
      - list:
        - listitem:
          - link "Sheet"
    - heading "Fix the rows" [level=1]
    - status: /1 row needs fixing/
    - region /Row 6/:
      - heading /Row 6/ [level=2]
      - textbox "E-mail"
      - paragraph:
        - button /Check this row/
    """,
    "plan": """
    - heading /Plan Loyers/ [level=1]
    - status: waits for approval
    - heading "Largest amounts" [level=2]
    - region "Largest amounts":
      - table:
        - rowgroup:
          - row "Row Reference Payor Amount"
    """,
    "first": """
    - heading /The first requests are sent/ [level=1]
    - region "First requests":
      - table
    - button /Looks right/
    - button "Stop here"
    """,
    "done": """
    - status
    - table "What became of the rows of this sheet"
    """,
}


def test_progress_is_told_without_being_asked(page: Page, served: Serving, tmp_path: Path) -> None:
    """The bar has a name, and what changes is a live region that is there before it changes."""
    page.goto(f"{served.origin}/practice/new")
    sheet = tmp_path / "slow.csv"
    rows = "".join(f"S-{at},Ann,Roy,ann{at}@example.com,{at + 1}.00\n" for at in range(900))
    sheet.write_text("Invoice #,First name,Last name,E-mail,Amount\n" + rows)
    page.locator("input[type=file]").set_input_files(sheet)
    page.wait_for_url("**/sheet")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.goto(page.url.replace("/check", "/summary"))
    page.get_by_role("button", name="Send 900").click()
    page.wait_for_url("**/sending")
    expect(page.get_by_role("main")).to_match_aria_snapshot(
        """
        - heading "Sending slow-2026-11" [level=1]
        - status
        - progressbar "Progress"
        - button "Stop after the current ones"
        """.replace("slow-2026-11", page.get_by_role("heading", level=1).inner_text().removeprefix("Sending "))
    )
    assert page.get_by_role("main").get_by_role("status").get_attribute("aria-live") == "polite"
    expect(page.get_by_text("Every row has its request.")).to_be_visible()
