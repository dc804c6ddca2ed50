"""The command `login`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import N_, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.config.login import KeyringEntry
    from pipeline.config.settings import Settings


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import login
      flinks-import login --logout
      flinks-import login --for-journal --journal postgresql://ana@example.com/pay
    """,
)
@click.option("--logout", is_flag=True, help="Remove the credentials from the keyring.")
@click.option("--for-journal", is_flag=True, help="The password of the PostgreSQL journal, not the API's.")
@options.journal
@options.talking
def login(logout: bool, for_journal: bool, **given: Any) -> int:
    """Keep the API user name and password for your base URL in the system keyring.

    It asks for both, and does not show the password; without a terminal it reads them from standard input, one per
    line. Credentials in the environment or in a password file take precedence over the keyring.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.config.login import forget, keep
        from pipeline.domain.errors import ExitCode, UsageError

        if for_journal:
            return _journal(settings, manner, logout=logout)
        if not settings.base_url:
            raise UsageError(
                "No base URL is set. Set it in FLINKS_BASE_URL or base_url of "
                "flinks-import.toml, or practise with --sandbox."
            )
        base_url = settings.base_url.rstrip("/")
        if logout:
            forgotten = forget(base_url)
            text = (
                N_("The credentials for {base_url} were removed from the system keyring.")
                if forgotten
                else N_("The system keyring has no credentials for {base_url}. Nothing was removed.")
            )
            _tell(text, "logged_out" if forgotten else "not_logged_in", base_url, manner)
        else:
            keep(base_url, _asked(settings, base_url, manner))
            _tell(
                N_("The system keyring keeps the credentials for {base_url}. Test them with: flinks-import doctor"),
                "logged_in",
                base_url,
                manner,
            )
        return ExitCode.DONE

    return call(given, body)


def _journal(settings: Settings, manner: Manner, *, logout: bool) -> int:
    """The password of the database's user that the journal's address names."""
    from pipeline.commands.journal import forget_password, keep_password
    from pipeline.domain.errors import ExitCode

    if logout:
        address, forgotten = forget_password(settings)
        text = (
            N_("The credentials for {base_url} were removed from the system keyring.")
            if forgotten
            else N_("The system keyring has no credentials for {base_url}. Nothing was removed.")
        )
        _tell(text, "logged_out" if forgotten else "not_logged_in", address, manner)
        return ExitCode.DONE
    address = keep_password(settings, lambda: _typed_password(manner))
    text = N_("The system keyring keeps the credentials for {base_url}. Test them with: flinks-import doctor")
    _tell(text, "logged_in", address, manner)
    return ExitCode.DONE


def _typed_password(manner: Manner) -> str:
    from pipeline.cli.console import prompt

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return prompt(translate("Password (not shown)", manner.lang), manner.lang, hide_input=True)


def _asked(settings: Settings, base_url: str, manner: Manner) -> KeyringEntry:
    """User and password, typed or piped in. A line alone is the password of the user that is set."""
    from pipeline.cli.console import prompt
    from pipeline.config.login import KeyringEntry

    if not sys.stdin.isatty():
        lines = [line.rstrip("\r\n") for line in sys.stdin]
        if len(lines) == 1 and settings.username:
            return KeyringEntry(settings.username, lines[0])
        return KeyringEntry(lines[0].strip(), lines[1]) if len(lines) > 1 else KeyringEntry("", "")
    question = translate("User name for {base_url}", manner.lang, base_url=base_url)
    username = prompt(question, manner.lang, default=settings.username or None)
    return KeyringEntry(username.strip(), _typed_password(manner))


def _tell(text: str, done: str, base_url: str, manner: Manner) -> None:

    if manner.as_json:
        click.echo(json.dumps({"baseUrl": base_url, "done": done, "exitCode": 0}))
    elif not manner.quiet:
        say(translate(text, manner.lang, base_url=base_url))
