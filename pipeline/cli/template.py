"""The command `template`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.config.settings import Settings


@click.command()
@click.option("-o", "--output", type=options.FILE, help="Where to write it.  [default: billing-template.xlsx here]")
@click.option("--config", type=options.FILE, help="The settings file.  [default: flinks-import.toml, if there is one]")
@options.talking
def template(output: Path | None, **given: Any) -> int:
    """Write an empty billing sheet: one column a field, identifiers as text, drop-downs, the limits as notes.

    With --lang fr its headings, notes and help are French. A file that exists is never written over:
    the next free name is taken.
    """
    from pipeline.cli.calling import call

    def make(_settings: Settings, manner: Manner) -> int:
        from pipeline.cli.screen import screen_of
        from pipeline.commands.template import template as write
        from pipeline.messages import say

        path = write(output, manner.lang, screen_of(manner))
        if manner.as_json:
            click.echo(json.dumps({"output": str(path), "exitCode": 0}, ensure_ascii=False))
        elif not manner.quiet:
            click.echo(say("template.made", manner.lang, path=path))
        return 0

    return call(given, make)
