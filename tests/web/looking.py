"""What the tests of several pages do: look for what a machine finds wrong, in both languages and both widths."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
NOTHING_OUT_OF_SIGHT = """
() => [...document.querySelectorAll(".scroll")].every((one) => one.scrollWidth <= one.clientWidth + 1)
"""


def assert_nothing_wrong(page: Page) -> None:
    """axe finds nothing and nothing is wider than the screen, in English and French, at 1280 and 390 pixels.

    On the small screen no table has columns out of sight: they are where the amounts are.
    """
    for language, lang in (("Français", "fr"), ("English", "en")):
        found = Axe().run(page)
        assert not found.response["violations"], found.generate_report()
        for size in (NARROW, WIDE):
            page.set_viewport_size(size)
            if size is NARROW:
                page.wait_for_function(NOTHING_OUT_OF_SIGHT)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.url, size)
        page.get_by_role("button", name=language).click()
        expect(page.locator("html")).to_have_attribute("lang", lang)
        page.wait_for_load_state()


def flawless(page: Page) -> None:
    """Axe finds nothing, and nothing is wider than the window, also of a telephone."""
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
