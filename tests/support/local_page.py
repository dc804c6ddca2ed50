"""The local page in a process of its own, and a real browser that looks at it."""

import os
import selectors
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.command import Command, Process

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 120.0
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

expect.set_options(timeout=PATIENCE * 1000)  # a busy machine takes longer than the five seconds of Playwright's own


@dataclass(frozen=True)
class Serving:
    """A running page: its process, its one-use address, and the address without the key."""

    process: Process
    address: str

    @property
    def origin(self) -> str:
        """Where it listens."""
        return self.address.partition("/#")[0]


@contextmanager
def serving(command: Command, *args: object, env: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Run `web` until the end of the context."""
    process = command.start("web", "--no-open", *args, env=env)
    try:
        yield Serving(process, printed_address(process))
    finally:
        process.terminate()
        process.communicate(timeout=120)


def printed_address(process: Process) -> str:
    """The line that the command prints once it listens."""
    assert process.stdout is not None
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0, deadline - time.monotonic())):
            line = process.stdout.readline()
            if line.startswith("http://127.0.0.1:"):
                return line.strip()
            if not line:
                break
    process.kill()
    raise AssertionError(f"the page said no address: {process.communicate()}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Left out, with one line, where there is none; in CI that is a failure."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed: the local page is not tried in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE * 1000)
        yield browser
        browser.close()


def entered(context: BrowserContext, serving: Serving) -> Page:
    """A page of a browser that has used the one-use address; its faults fail the test when it is closed."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(serving.address)
    page.wait_for_url(f"{serving.origin}/*/")
    return page
