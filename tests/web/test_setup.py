"""The set-up page: what it keeps and where, what it never shows, and each state of the checks."""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.command import Command
from support.doctor_host import Host
from support.doctor_host import serving as answering
from support.local_page import Serving, entered, serving
from web.looking import flawless

PASSWORD = "hunter2"


@pytest.fixture
def host() -> Iterator[tuple[str, Host]]:
    """An API that takes the password."""
    with answering() as running:
        yield running


@pytest.fixture
def settings(command: Command) -> Path:
    """The user's own settings file."""
    return command.home / "config" / "flinks-import" / "flinks-import.toml"


@contextmanager
def setup_page(command: Command, context: BrowserContext, **env: str) -> Iterator[Page]:
    """The set-up for real money."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        env |= {name: "", name.upper(): ""}
    with serving(command, env=env) as served:
        page = entered(context, served)
        page.goto(f"{served.origin}/real/setup")
        yield page


def texts_below(folder: Path) -> str:
    """All that any file of the user's home holds, but for journals."""
    return "".join(
        path.read_text("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and "journal.sqlite" not in path.name
    )


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_a_new_user_sets_up_by_keyboard_alone(
    command: Command, keyring: Path, browser: Browser, host: tuple[str, Host], javascript: bool
) -> None:
    """Address, user and password, then every check passes; the password is in the keyring and nowhere else."""
    base_url, _ = host
    with browser.new_context(locale="en-CA", java_script_enabled=javascript) as context:
        context.set_default_timeout(120_000)
        seen: list[str] = []
        context.on("request", lambda request: seen.append(request.url))
        served_env = {"NO_PROXY": "*"}
        with serving(command, env=served_env) as served:
            page = context.new_page()
            page.goto(f"{served.origin}/")
            page.get_by_label("Or paste the address").fill(served.address)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{served.origin}/*/")
            page.goto(f"{served.origin}/real/setup")
            page.get_by_label("Address").focus()
            page.keyboard.type(base_url)
            page.keyboard.press("Tab")
            page.keyboard.type("jane-user")
            page.keyboard.press("Tab")
            page.keyboard.type(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url("**/setup/checks?kept=yes")
            expect(page.get_by_text("All is ready to send.")).to_be_visible()
            assert PASSWORD not in page.content()
            page.goto(f"{served.origin}/real/setup")
            expect(page.get_by_label("Address")).to_have_value(base_url)
            expect(page.get_by_label("User")).to_have_value("jane-user")
            expect(page.get_by_label("Password")).to_have_value("")
            assert PASSWORD not in page.content()
            assert not any(PASSWORD in url for url in seen)
        assert PASSWORD not in served.process.communicate()[1]
    settings = command.home / "config" / "flinks-import" / "flinks-import.toml"
    assert tomllib.loads(settings.read_text()) == {"base_url": base_url}
    assert json.loads(json.loads(keyring.read_text())[f"flinks-import {base_url}"])["password"] == PASSWORD
    assert PASSWORD not in texts_below(command.home)


def test_comments_and_other_settings_stay(
    command: Command, keyring: Path, settings: Path, context: BrowserContext
) -> None:
    """Only the line that was changed differs; the language counts at once."""
    settings.parent.mkdir(parents=True)
    before = '# ours\nbase_url = "http://127.0.0.1:9"  # the test\nrate = 2\nlang = "en"\n\n[profile.x]\nrate = 3\n'
    settings.write_text(before)
    with setup_page(command, context) as page:
        page.get_by_label("Language").select_option("Français")
        page.get_by_role("button", name="Keep and check").click()
        expect(page.get_by_role("heading", name="Vérifications")).to_be_visible()
    assert settings.read_text() == before.replace('lang = "en"', 'lang = "fr"')


def test_what_a_variable_says_is_shown_and_can_not_be_changed(
    command: Command, keyring: Path, context: BrowserContext, settings: Path
) -> None:
    """Nor by a form that somebody makes up."""
    env = {"FLINKS_BASE_URL": "http://127.0.0.1:9", "FLINKS_PASSWORD": PASSWORD, "FLINKS_IMPORT_LANG": "en"}
    with setup_page(command, context, **env) as page:
        expect(page.get_by_text("Set by FLINKS_BASE_URL. Change it there.")).to_be_visible()
        expect(page.get_by_text("Set by FLINKS_PASSWORD. Change it there.")).to_be_visible()
        expect(page.get_by_label("Address")).to_have_count(0)
        assert PASSWORD not in page.content()
        flawless(page)
        page.locator("#journal").evaluate("field => { field.name = 'base_url'; field.value = 'https://example.com' }")
        page.get_by_role("button", name="Keep and check").click()
        page.wait_for_url("**/setup/checks?kept=yes")
    assert not settings.exists()


def test_without_a_keyring_a_file_holds_the_password(
    command: Command, settings: Path, context: BrowserContext, host: tuple[str, Host], tmp_path: Path
) -> None:
    """The page says so; a file that can't be read is a mistake beside its field."""
    base_url, _ = host
    secret = tmp_path / "password"
    with setup_page(command, context, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring") as page:
        expect(page.get_by_text("This computer has no keyring")).to_be_visible()
        expect(page.locator("input[type=password]")).to_have_count(0)
        flawless(page)
        page.get_by_label("Address").fill(base_url)
        page.get_by_label("User").fill("jane-user")
        page.get_by_label("Password file").fill(str(secret))
        page.get_by_role("button", name="Keep and check").click()
        expect(page.get_by_label("Password file")).to_have_attribute("aria-invalid", "true")
        described = page.get_by_label("Password file")
        expect(described).to_have_accessible_description(re.compile(f"Can't read the password file {secret}"))
        expect(page.get_by_label("User")).to_have_value("jane-user")
        flawless(page)
        assert not settings.exists()
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        page.get_by_role("button", name="Keep and check").click()
        expect(page.get_by_text("All is ready to send.")).to_be_visible()
    assert PASSWORD not in settings.read_text()


def test_a_wrong_address_and_a_password_without_a_user_are_mistakes(
    command: Command, keyring: Path, settings: Path, context: BrowserContext
) -> None:
    """Each is beside its field and in a list that leads there; nothing was kept, and the password is typed anew."""
    with setup_page(command, context) as page:
        page.get_by_label("Address").evaluate("field => field.type = 'text'")
        page.get_by_label("Address").fill("http://payments.example.com/<b>")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Keep and check").click()
        mistakes = page.get_by_role("alert")
        expect(mistakes.get_by_role("link")).to_have_text(["Address", "User"])
        expect(page.get_by_label("Address")).to_have_value("http://payments.example.com/<b>")
        expect(page.get_by_label("Password")).to_have_value("")
        assert PASSWORD not in page.content()
        flawless(page)
    assert not settings.exists()
    assert not keyring.exists()


def test_a_journal_is_made_only_when_somebody_says_so(
    command: Command, keyring: Path, settings: Path, context: BrowserContext, tmp_path: Path
) -> None:
    """One that is not there may be on a drive that is missing; one with a password in its address is refused."""
    place = tmp_path / "team.sqlite"
    with setup_page(command, context) as page:
        page.get_by_label("Journal").fill("postgresql://me:hunter2@db.example.com/x")
        page.get_by_role("button", name="Keep and check").click()
        expect(page.get_by_text("Leave the password out of the address.")).to_be_visible()
        assert PASSWORD not in page.content()
        page.get_by_label("Journal").fill(str(place))
        page.get_by_role("button", name="Keep and check").click()
        expect(page.get_by_text("Is a drive disconnected?")).to_be_visible()
        assert not place.exists()
        flawless(page)
        page.get_by_label("Create a new journal there").check()
        page.get_by_role("button", name="Keep and check").click()
        page.wait_for_url("**/setup/checks?kept=yes")
    assert place.exists()
    assert tomllib.loads(settings.read_text()) == {"journal": str(place)}


@pytest.mark.parametrize("named_by", ["the settings", "an option"])
def test_a_journal_that_is_named_and_not_there_is_made_on_the_set_up(
    command: Command, settings: Path, context: BrowserContext, tmp_path: Path, named_by: str
) -> None:
    """The page that misses it leads there. Nothing makes it before somebody says so."""
    place = tmp_path / "team.sqlite"
    options = ("--journal", str(place)) if named_by == "an option" else ()
    settings.parent.mkdir(parents=True)
    named = f'journal = "{place}"\n' if not options else ""
    settings.write_text(f'base_url = "https://pay.example.com"\n{named}')
    with serving(command, *options) as served:
        page = entered(context, served)
        page.goto(f"{served.origin}/real/")
        expect(page.get_by_role("alert")).to_contain_text("There is no journal at")
        flawless(page)
        page.get_by_role("link", name="To the set-up").click()
        page.get_by_role("button", name="Keep and check").click()
        page.wait_for_url("**/setup/checks?kept=yes")
        assert not place.exists()
        page.get_by_role("link", name="Change it in the set-up (journal)").click()
        flawless(page)
        page.get_by_label("Create a new journal there").check()
        page.get_by_role("button", name="Keep and check").click()
        page.wait_for_url("**/setup/checks?kept=yes")
        assert place.exists()
        page.goto(f"{served.origin}/real/")
        expect(page.get_by_role("heading", name="No batch yet")).to_be_visible()


def test_practice_makes_a_journal_that_is_named_by_itself(
    command: Command, context: BrowserContext, tmp_path: Path
) -> None:
    """As `run --sandbox` does: it remembers nothing that matters, and the first page is no dead end."""
    with serving(command, "--sandbox", "--journal", str(tmp_path / "practice.sqlite")) as served:
        page = entered(context, served)
        page.goto(f"{served.origin}/practice/")
        expect(page.get_by_role("heading", name="No batch yet")).to_be_visible()
        page.goto(f"{served.origin}/practice/setup")
        expect(page.get_by_label("Create a new journal there")).to_have_count(0)


def test_a_settings_file_that_is_wrong_is_told_on_every_page_of_the_set_up(
    command: Command, settings: Path, context: BrowserContext
) -> None:
    """With all its mistakes; it is corrected by hand, and tried again."""
    with setup_page(command, context) as page:
        settings.parent.mkdir(parents=True)
        settings.write_text('ratte = 1\nlang = "de"\n')
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("ratte")
        flawless(page)
        page.get_by_role("link", name="Check everything").click()
        expect(page.get_by_text("FAIL", exact=True)).to_have_count(1)
        flawless(page)
        settings.write_text('lang = "en"\n')
        page.get_by_role("link", name="Set-up").last.click()
        expect(page.get_by_label("Language")).to_have_value("en")


@pytest.mark.parametrize(
    ("how", "told"),
    [({"forms": ()}, "HTTP 401"), ({"ahead": 3600}, "NTP")],
    ids=["401", "clock"],
)
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_what_is_wrong_is_told_with_how_to_fix_it(
    command: Command, context: BrowserContext, how: dict[str, Any], told: str, lang: str
) -> None:
    """A refused password, and a clock that is an hour off."""
    with answering(**how) as (base_url, _):
        env = {"FLINKS_BASE_URL": base_url, "FLINKS_USERNAME": "jane-user", "FLINKS_PASSWORD": PASSWORD}
        with setup_page(command, context, FLINKS_IMPORT_LANG=lang, **env) as page:
            page.get_by_role("link", name={"en": "Check only", "fr": "Vérifier seulement"}[lang]).click()
            wrong = page.get_by_role("listitem").filter(has_text=re.compile("FAIL|ÉCHEC"))
            expect(wrong).to_have_count(1)
            expect(wrong).to_contain_text(told)
            assert PASSWORD not in page.content()
            flawless(page)


def test_no_network_is_told_and_what_depends_on_it_is_skipped(command: Command, context: BrowserContext) -> None:
    """A name that nobody has; the link leads to the field of the address."""
    with setup_page(command, context, FLINKS_IMPORT_USERNAME="jane-user") as page:
        page.get_by_label("Address").fill("https://absent.invalid")
        page.get_by_role("button", name="Keep and check").click()
        wrong = page.get_by_role("listitem").filter(has_text=re.compile("FAIL"))
        expect(wrong).to_contain_text("can't find absent.invalid")
        expect(page.get_by_role("listitem").filter(has_text="skipped")).to_have_count(3)
        wrong.get_by_role("link").click()
        page.wait_for_url("**/real/setup#base_url")
        expect(page.get_by_label("Address")).to_have_value("https://absent.invalid")


def test_practice_says_that_it_needs_none_of_it(page: Page, served: Serving) -> None:
    """The page that was started for practice only says that too; in French as well."""
    page.goto(f"{served.origin}/practice/setup")
    expect(page.get_by_text("Practice needs no account at Flinks.")).to_be_visible()
    flawless(page)
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_text("L'exercice ne demande aucun compte chez Flinks")).to_be_visible()
    flawless(page)
