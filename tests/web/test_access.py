"""Who may use the page: the one-use address, hosts and origins, tokens, other ports, the lock."""

import http.client
import json
import stat
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.command import Command
from support.local_page import Serving, entered, serving


def ask(served: Serving, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    """A request as any program on this computer can make it; `_` in a header's name stands for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", int(urlsplit(served.origin).port or 0), timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body:
        named.setdefault("content-type", "application/x-www-form-urlencoded")
    connection.request(method, path, body or None, named)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, text


def cookie_of(context: BrowserContext) -> str:
    """The cookie by which the browser is let in."""
    cookie = context.cookies()[0]
    return f"{cookie['name']}={cookie['value']}"


def test_the_address_is_good_once_and_leaves_the_address_bar(page: Page, served: Serving, browser: Browser) -> None:
    """A second browser that brings the same address is not let in."""
    assert page.url == f"{served.origin}/practice/"
    key = served.address.partition("#")[2]
    page.go_back()
    assert key not in page.url
    page.goto(f"{served.origin}/practice/")
    assert key not in page.content()
    with browser.new_context() as other:
        late = other.new_page()
        late.goto(served.address)
        expect(late.get_by_role("alert")).to_contain_text("used already")
        late.goto(f"{served.origin}/practice/")
        expect(late.get_by_text("Start flinks-import on this computer")).to_be_visible()


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(page: Page, context: BrowserContext) -> None:
    """HttpOnly, SameSite=Strict, named after the port; and nothing of it in what a script can read."""
    cookie = context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert cookie["name"].endswith(page.url.split(":")[2].split("/")[0])
    assert page.evaluate("document.cookie") == ""


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example.com"])
def test_another_name_for_the_page_is_refused(served: Serving, host: str) -> None:
    """DNS rebinding: a site's own name that leads here."""
    assert ask(served, "GET", "/", Host=host)[0] == 421


def test_nothing_is_shown_without_a_cookie(served: Serving) -> None:
    """Every page leads to the entrance, and no form is taken."""
    for path in ("/practice/", "/practice/new", "/practice/batches/x", "/practice/../../etc/passwd"):
        status, headers, _ = ask(served, "GET", path)
        assert (status, headers.get("location")) in {(303, "/"), (404, None)}, path
    assert ask(served, "POST", "/practice/language", "lang=fr", origin=served.origin)[0] == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example.com"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, 403),
        ({"origin": "null", "sec_fetch_site": "same-site"}, 403),
        ({}, 403),
        ({"origin": "null", "sec_fetch_site": "same-origin"}, 403),  # let through to the page, which misses the token
    ],
)
def test_a_form_of_another_origin_changes_nothing(
    page: Page, context: BrowserContext, served: Serving, headers: dict[str, str], status: int
) -> None:
    """With the cookie, and without the token, whatever the browser says of where it comes from."""
    got = ask(served, "POST", "/practice/language", "lang=fr", cookie=cookie_of(context), **headers)[0]
    assert got == status
    page.reload()
    expect(page.get_by_role("button", name="Français")).to_be_visible()


def test_a_token_of_another_session_is_no_good(
    page: Page, context: BrowserContext, served: Serving, command: Command, browser: Browser
) -> None:
    """Nor is one of a page at another port."""
    with serving(command, "--sandbox", "--port", "0", "--profile", "") as other, browser.new_context() as elsewhere:
        theirs = entered(elsewhere, other).locator("input[name=token]").first.input_value()
    body = f"lang=fr&token={theirs}"
    assert ask(served, "POST", "/practice/language", body, cookie=cookie_of(context), origin=served.origin)[0] == 403
    mine = page.locator("input[name=token]").first.input_value()
    body = f"lang=fr&token={mine}"
    assert ask(served, "POST", "/practice/language", body, cookie=cookie_of(context), origin=served.origin)[0] == 303


def test_every_response_says_that_nothing_is_kept_and_nothing_comes_from_elsewhere(
    context: BrowserContext, page: Page, served: Serving
) -> None:
    """The headers are on pages, refusals, files and what is not found."""
    cookie = cookie_of(context)
    assert page.url.endswith("/practice/")
    for path in ("/", "/practice/", "/static/page.js", "/static/absent", "/practice/absent", "/real/"):
        _, headers, _ = ask(served, "GET", path, cookie=cookie)
        assert headers["cache-control"] == "no-store", path
        assert headers["referrer-policy"] == "no-referrer", path
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "server" not in headers, path
    assert ask(served, "GET", "/", Host="evil.example.com")[1]["cache-control"] == "no-store"
    assert ask(served, "PUT", "/practice/", cookie=cookie)[0] == 405


def test_a_second_start_opens_the_page_that_runs(page: Page, served: Serving, command: Command) -> None:
    """It prints another one-use address of the same page and ends; other users can't read how it does that."""
    done = command("web", "--no-open", "--sandbox")
    assert (done.code, done.out.startswith(f"{served.origin}/#")) == (0, True)
    page.goto(done.out.strip())
    page.wait_for_url(f"{served.origin}/practice/")
    folder = command.data / "web"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    notes = list(folder.glob("*.json"))
    assert [stat.S_IMODE(note.stat().st_mode) for note in notes] == [0o600]
    assert ask(served, "POST", "/key")[0] == 403
    assert ask(served, "POST", "/key", x_flinks_import_owner="guess")[0] == 403
    secret = json.loads(notes[0].read_text())["secret"]
    from_browser = {"x_flinks_import_owner": secret, "origin": served.origin}
    assert ask(served, "POST", "/key", **from_browser)[0] == 403


def test_a_port_that_is_taken_is_told(served: Serving, command: Command) -> None:
    """One sentence and exit code 2."""
    port = served.origin.rpartition(":")[2]
    done = command("web", "--no-open", "--port", port, "--journal", command.home / "other.sqlite")
    assert done.code == 2
    assert f"Port {port} can't be used" in done.err
    assert "Traceback" not in done.err


def test_it_listens_on_this_computer_only(served: Serving) -> None:
    """No address but loopback's."""
    port = int(served.origin.rpartition(":")[2])
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            parts = line.split()
            host, _, at = parts[1].partition(":")
            if int(at, 16) == port and parts[3] == "0A":
                listening.add(host)
    assert listening <= {"0100007F", "00000000000000000000000001000000"}
    assert listening


def test_the_key_is_in_no_argument_of_a_process(command: Command, tmp_path: Path) -> None:
    """The browser is sent to a file of its owner's, not to the address."""
    told = tmp_path / "arguments"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > "{told}.part"; mv "{told}.part" "{told}"\n')
    browser.chmod(0o700)
    process = command.start("web", "--sandbox", env={"BROWSER": str(browser)}, afresh=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        deadline = time.monotonic() + 20
        while not told.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        argument = told.read_text().strip()
        assert argument.startswith("file://")
        assert address.partition("#")[2] not in argument
        page = Path(argument.removeprefix("file://"))
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert address in page.read_text()
    finally:
        process.terminate()
        process.communicate(timeout=120)


def test_a_machine_finds_nothing_wrong_with_the_first_pages(
    page: Page, context: BrowserContext, served: Serving
) -> None:
    """axe-core: names, roles, contrast, language; in both languages and at the entrance."""
    axe = Axe()
    found = axe.run(page)
    assert not found.response["violations"], found.generate_report()
    page.get_by_role("button", name="Français").click()
    found = axe.run(page)
    assert not found.response["violations"], found.generate_report()
    page.get_by_role("button", name="Verrouiller").click()
    page.wait_for_url(f"{served.origin}/")
    found = axe.run(page)
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize(
    ("args", "locale", "lang"), [((), "fr-CA", "fr"), ((), "en-CA", "en"), (("en",), "fr-CA", "en")]
)
def test_the_page_speaks_as_the_browser_unless_it_was_told(
    command: Command, browser: Browser, args: tuple[str, ...], locale: str, lang: str
) -> None:
    """At the entrance and behind it."""
    said = [part for one in args for part in ("--lang", one)]
    with serving(command, "--sandbox", *said) as served, browser.new_context(locale=locale) as context:
        page = context.new_page()
        page.goto(served.origin)
        expect(page.locator("html")).to_have_attribute("lang", lang)
        page = entered(context, served)
        expect(page.locator("html")).to_have_attribute("lang", lang)
