"""The command `login`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.login import Kept
    from pipeline.config.settings import Settings


@click.command()
@click.option("--logout", is_flag=True, help="Remove the credentials from the keyring.")
@options.journal
@options.talking
def login(logout: bool, **given: Any) -> int:
    """Keep the API user and password in the system's keyring, for the base URL that is set.

    Asks for both; the password is not shown. Piped in, they are read from standard input, a line each. They are used
    where neither the environment nor a password file has them.
    """
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.login import forget, keep
        from pipeline.domain.errors import ExitCode, UsageError

        if not settings.base_url:
            raise UsageError("settings.no_base_url")
        base_url = settings.base_url.rstrip("/")
        if logout:
            forgotten = forget(base_url)
            key = "config.logged_out" if forgotten else "config.not_logged_in"
            _tell(key, "logged_out" if forgotten else "not_logged_in", base_url, manner)
        else:
            keep(base_url, _asked(settings, base_url, manner))
            _tell("config.logged_in", "logged_in", base_url, manner)
        return ExitCode.DONE

    return call(given, body)


def _asked(settings: Settings, base_url: str, manner: Manner) -> Kept:
    """User and password, typed or piped in. A line alone is the password of the user that is set."""
    from pipeline.commands.login import Kept
    from pipeline.messages import say

    if not sys.stdin.isatty():
        lines = [line.rstrip("\r\n") for line in sys.stdin]
        if len(lines) == 1 and settings.username:
            return Kept(settings.username, lines[0])
        return Kept(lines[0].strip(), lines[1]) if len(lines) > 1 else Kept("", "")
    username = click.prompt(
        say("config.ask_username", manner.lang, base_url=base_url), default=settings.username or None, err=True
    )
    password = click.prompt(say("config.ask_password", manner.lang), hide_input=True, err=True)
    return Kept(username.strip(), password)


def _tell(key: str, done: str, base_url: str, manner: Manner) -> None:
    from pipeline.messages import say

    if manner.as_json:
        click.echo(json.dumps({"baseUrl": base_url, "done": done, "exitCode": 0}))
    elif not manner.quiet:
        click.echo(say(key, manner.lang, base_url=base_url))
