"""The command `config`, with `show` and `init`."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.config.settings import Resolved


class _ShowUnlessSaid(click.Group):
    """`config` alone, or with options only, is `config show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = bool(args) and args[0] in ctx.help_option_names
        if not ctx.resilient_parsing and not asks_for_help and (not args or args[0].startswith("-")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ShowUnlessSaid)
def config() -> None:
    """Show every setting and where it comes from, or write a commented settings file.

    Without a command, `show`.
    """


@config.command()
@options.journal
@options.talking
def show(**given: Any) -> int:
    """Show every setting, its value and where it comes from; secrets are masked."""
    from pipeline.cli.calling import manner_of, settings_options
    from pipeline.cli.printing import print_failure
    from pipeline.config.settings import language_of, resolve
    from pipeline.domain.errors import ExitCode, RunError

    manner = manner_of(given)
    try:
        resolved = resolve(settings_options(given), os.environ, given["config"], given["profile"])
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    _print(resolved, replace(manner, lang=language_of(resolved.settings.lang, os.environ)))
    return ExitCode.DONE


@config.command()
@click.argument("path", type=options.FILE, required=False)
@options.talking
def init(path: Path | None, **given: Any) -> int:
    """Write a settings file in which every setting stands as a comment.  [default: flinks-import.toml here]

    A file that is already there is left as it is, and the next free name taken.
    """
    from pipeline.cli.calling import manner_of
    from pipeline.cli.printing import print_failure
    from pipeline.cli.screen import screen_of
    from pipeline.commands.config import write_commented
    from pipeline.config.settings import CONFIG_NAME
    from pipeline.domain.errors import ExitCode, RunError
    from pipeline.messages import say

    manner = manner_of(given)
    place = path or Path(CONFIG_NAME)
    if place.is_dir():
        place /= CONFIG_NAME
    try:
        written = write_commented(place, manner.lang)
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    screen_of(manner).placed(place, written)
    if manner.as_json:
        click.echo(json.dumps({"written": str(written), "exitCode": 0}, ensure_ascii=False))
    elif not manner.quiet:
        click.echo(say("config.written", manner.lang, path=written))
    return ExitCode.DONE


def _print(resolved: Resolved, manner: Manner) -> None:
    from rich.table import Table
    from rich.text import Text

    from pipeline.cli.printing import output_console
    from pipeline.commands.config import setting_lines
    from pipeline.config.settings import unknown_variables
    from pipeline.messages import say

    lang = manner.lang
    strange = unknown_variables(os.environ)
    if manner.as_json:
        click.echo(json.dumps(_as_json(resolved, strange), ensure_ascii=False))
        return
    console = output_console()
    told = [say("config.file", lang, path=resolved.config) if resolved.config else say("config.no_file", lang)]
    if resolved.profile:
        told.append(say("config.profile", lang, profile=resolved.profile))
    elif resolved.profiles:
        told.append(say("config.profiles_known", lang, profiles=", ".join(resolved.profiles)))
    for line in told:
        console.print(line, markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for key in ("config.column_name", "config.column_value", "config.column_origin"):
        table.add_column(say(key, lang))
    for setting in setting_lines(resolved):
        table.add_row(Text(setting.name), Text(setting.value or "-"), Text(format(setting.origin, lang)))
    console.print(table)
    for variable in strange:
        click.echo(say("config.unknown_variable", lang, variable=variable), err=True)


def _as_json(resolved: Resolved, strange: tuple[str, ...]) -> dict[str, object]:
    from pipeline.commands.config import setting_lines

    return {
        "file": str(resolved.config) if resolved.config else None,
        "profile": resolved.profile or None,
        "profiles": list(resolved.profiles),
        "settings": [
            {
                "name": line.name,
                "value": line.value,
                "source": line.origin.source,
                "origin": line.origin.name or None,
                "profile": line.origin.profile or None,
                "variable": line.variable,
            }
            for line in setting_lines(resolved)
        ],
        "unknownVariables": list(strange),
        "exitCode": 0,
    }
