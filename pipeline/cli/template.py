"""The command `template`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.config.settings import Settings


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import template
      flinks-import template --lang fr -o facturation.xlsx
    """,
)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="FILE",
    help="The file to write.  [default: billing-template.xlsx in this folder]",
)
@options.settings_file
@options.talking
def template(output: Path | None, **given: Any) -> int:
    """Write an empty billing sheet to fill in: a column for each field, with drop-downs and notes.

    A file that exists is never overwritten: the next free name is used.
    """
    from pipeline.cli.runner import call

    def make(_settings: Settings, manner: Manner) -> int:
        from pipeline.cli.console import emit_for
        from pipeline.commands.template import template as write

        path = write(output, manner.lang, emit_for(manner))
        if manner.as_json:
            click.echo(json.dumps({"output": str(path), "exitCode": 0}, ensure_ascii=False))
        elif not manner.quiet:
            say(translate("Billing sheet: {path}", manner.lang, path=path))
        return 0

    return call(given, make)
