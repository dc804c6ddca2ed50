"""A browser for all tests of a process, a page that runs for each, and what a browser complains of fails its test."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from support.command import Command
from support.local_page import Serving, chromium, entered, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for a module: Playwright's event loop must not run while other modules run theirs."""
    with chromium() as running:
        yield running


@pytest.fixture
def served(command: Command) -> Iterator[Serving]:
    """The page in practice."""
    with serving(command, "--sandbox") as running:
        yield running


def is_complaint(message: ConsoleMessage) -> bool:
    """Whether a browser complains; what was refused (409, 422) is said on its page, and a server may be killed."""
    return message.type == "error" and not re.search("status of (409|422)|ERR_CONNECTION_(RESET|REFUSED)", message.text)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's profile of its own, in English. What a page complains of in its console fails the test."""
    complaints: list[str] = []
    context = browser.new_context(locale="en-CA")
    context.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()
    assert not complaints


@pytest.fixture
def page(context: BrowserContext, served: Serving) -> Page:
    """The first page, after the one-use address."""
    return entered(context, served)
