"""The command `config`, with `show` and `init`."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Group
from pipeline.cli.outlets import say
from pipeline.messages import N_, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.config.settings import Resolved


class _ShowUnlessSaid(Group):
    """`config` alone, or with options only, is `config show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = bool(args) and args[0] in ctx.help_option_names
        if not ctx.resilient_parsing and not asks_for_help and (not args or args[0].startswith("-")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ShowUnlessSaid,
    epilog="""
    Examples:
      flinks-import config
      flinks-import config init
      flinks-import config show --profile night
    """,
)
def config() -> None:
    """Show every setting and where it comes from, or write a settings file.

    `config` alone is `config show`.
    """


@config.command(
    epilog="""
    Examples:
      flinks-import config show
      flinks-import config show --profile night --json
    """
)
@options.journal
@options.talking
def show(**given: Any) -> int:
    """Show every setting, its value and where it comes from. Secrets are masked."""
    from pipeline.cli.printing import print_failure
    from pipeline.cli.runner import manner_of, settings_options
    from pipeline.config.settings import resolve
    from pipeline.domain.errors import ExitCode, RunError
    from pipeline.messages import language_of

    manner = manner_of(given)
    try:
        resolved = resolve(settings_options(given), os.environ, given["config"], given["profile"])
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    _print(resolved, replace(manner, lang=language_of(resolved.settings.lang, os.environ)))
    return ExitCode.DONE


@config.command(
    epilog="""
    Examples:
      flinks-import config init
      flinks-import config init /etc/flinks-import/flinks-import.toml
    """
)
@click.argument("path", type=options.FILE, required=False, metavar="[PATH]")
@options.talking
def init(path: Path | None, **given: Any) -> int:
    """Write a settings file that lists every setting as a comment.

    Without PATH it is flinks-import.toml in this folder. A file that exists is never overwritten: the next free name is
    used.
    """
    from pipeline.cli.console import emit_for
    from pipeline.cli.printing import print_failure
    from pipeline.cli.runner import manner_of
    from pipeline.commands.config import write_commented
    from pipeline.config.settings import CONFIG_NAME
    from pipeline.domain.errors import ExitCode, RunError
    from pipeline.domain.events import OutputPlaced

    manner = manner_of(given)
    place = path or Path(CONFIG_NAME)
    if place.is_dir():
        place /= CONFIG_NAME
    try:
        written = write_commented(place, manner.lang)
    except RunError as failure:
        print_failure(failure, manner)
        return failure.exit_code
    emit_for(manner)(OutputPlaced(place, written))
    if manner.as_json:
        click.echo(json.dumps({"written": str(written), "exitCode": 0}, ensure_ascii=False))
    elif not manner.quiet:
        say(
            translate(
                "Written: {path}. It lists every setting as a comment. Remove the # in front of those you change.",
                manner.lang,
                path=written,
            )
        )
    return ExitCode.DONE


def _print(resolved: Resolved, manner: Manner) -> None:
    from rich.table import Table
    from rich.text import Text

    from pipeline.cli.printing import output_console
    from pipeline.commands.config import setting_lines

    lang = manner.lang
    if manner.as_json:
        click.echo(json.dumps(_as_json(resolved), ensure_ascii=False))
        return
    console = output_console()
    told = [
        translate("Settings file: {path}", lang, path=resolved.config)
        if resolved.config
        else translate("Settings file: none (flinks-import config init writes one)", lang)
    ]
    if resolved.profile:
        told.append(translate("Profile: {profile}", lang, profile=resolved.profile))
    elif resolved.profiles:
        told.append(translate("Profiles in the file: {profiles}", lang, profiles=", ".join(resolved.profiles)))
    for line in told:
        console.print(line, markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for text in (N_("setting"), N_("value"), N_("from")):
        table.add_column(translate(text, lang))
    for setting in setting_lines(resolved):
        table.add_row(Text(setting.name), Text(setting.value or "-"), Text(setting.origin.in_language(lang)))
    console.print(table)


def _as_json(resolved: Resolved) -> dict[str, object]:
    from pipeline.commands.config import setting_lines
    from pipeline.config.settings import unknown_variables

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
        "unknownVariables": list(unknown_variables(os.environ)),
        "exitCode": 0,
    }
