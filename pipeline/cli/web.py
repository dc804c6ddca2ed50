"""The command `web`."""

from __future__ import annotations

import os
from typing import Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from schemas.languages import LANGUAGES


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import web
      # Practise only: no money moves.
      flinks-import web --sandbox
      # From now on, open it from the menu of applications.
      flinks-import web --install-shortcut
    """,
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The port to listen on.  [default: one that is free]",
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
@click.option("--sandbox", is_flag=True, help="Practise only: no page for real money.")
@click.option(
    "--install-shortcut",
    is_flag=True,
    help="Write an entry that opens the page with these options, without a terminal, and print its place. On Linux it "
    "is in the menu of applications, on macOS on the desktop.",
)
@options.journal
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of the pages.  [default: the browser's]")
def web(port: int, no_open: bool, sandbox: bool, install_shortcut: bool, **given: Any) -> int:
    """Open the local page: a whole month in the browser, without a terminal.

    It prints an address that can be used once, and opens the browser there. It answers on this computer only, and runs
    until you press Ctrl-C.
    """
    from pipeline.cli.crash_report import write_report
    from pipeline.cli.printing import print_failure
    from pipeline.cli.runner import guarded, manner_of, settings_of, with_settings
    from pipeline.domain.errors import ExitCode, UsageError
    from pipeline.web.server import Start, serve
    from pipeline.web.visit import Options

    manner = manner_of(given)
    try:
        manner = with_settings(manner, settings_of(given))
    except UsageError as failure:
        print_failure(failure, manner)  # a shortcut has no terminal: the page Set-up tells it too

    def listen() -> int:
        if install_shortcut:
            click.echo(_shortcut(port, sandbox, given))
            return ExitCode.DONE
        named = {name: given[name] for name in ("journal", "lang") if given[name]}
        chosen = Options(named, given["config"], given["profile"], practice_only=sandbox)
        start = Start(chosen, port, open_browser=not no_open, lang=manner.lang)
        return serve(start, click.echo, write_report)

    return guarded(manner, listen)


def _shortcut(port: int, sandbox: bool, given: dict[str, Any]) -> str:
    """Write the shortcut for these options; what names a file counts from everywhere."""
    from pipeline.commands.shortcut import install
    from pipeline.config.kinds import journal_file

    journal = given["journal"]
    named = {
        "--port": port or None,
        "--journal": (journal_file(journal) or journal) if journal else None,
        "--config": given["config"].absolute() if given["config"] else None,
        "--profile": given["profile"],
        "--lang": given["lang"],
    }
    arguments = [part for name, value in named.items() if value is not None for part in (name, str(value))]
    return str(install([*arguments, *(["--sandbox"] if sandbox else [])], os.environ))
