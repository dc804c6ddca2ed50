"""The command `journal`, with `create`, `backup` and `check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.config.settings import Settings
    from pipeline.journal.health import Health


@click.group()
def journal() -> None:
    """Look after the journal, in which the program remembers what it has sent."""


@journal.command()
@click.argument("place")
@options.talking
def create(place: str, **given: Any) -> int:
    """Make a new journal at PLACE: the path of a file in a folder that exists, or postgresql://USER@HOST/DATABASE.

    A run never makes a journal that was named (--journal, FLINKS_IMPORT_JOURNAL or the settings file): one that is
    missing may be on a drive that is not connected.
    """
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.journals import create as make
        from pipeline.domain.errors import ExitCode
        from pipeline.messages import say

        made = make(settings.journal)
        if manner.as_json:
            click.echo(json.dumps({"journal": made, "exitCode": 0}, ensure_ascii=False))
        elif not manner.quiet:
            click.echo(say("journal.created", manner.lang, place=made))
        return ExitCode.DONE

    return call(given | {"journal": place}, body)


@journal.command()
@click.argument("path", type=options.FILE)
@click.option("--sandbox", is_flag=True, help="The journal of the built-in sandbox.")
@options.journal
@options.talking
def backup(path: Path, sandbox: bool, **given: Any) -> int:
    """Copy the journal to PATH, also while a run is writing to it.

    A file that is already there is left as it is, and the next free name taken.
    """
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.screen import screen_of
        from pipeline.commands.journals import back_up, place_of
        from pipeline.domain.errors import ExitCode
        from pipeline.messages import say

        copy = back_up(settings, path, in_sandbox=sandbox)
        screen_of(manner).placed(path, copy)
        if manner.as_json:
            click.echo(json.dumps({"backup": str(copy), "exitCode": 0}, ensure_ascii=False))
        elif not manner.quiet:
            click.echo(say("journal.backed_up", manner.lang, place=place_of(settings, in_sandbox=sandbox), path=copy))
        return ExitCode.DONE

    return call(given, body)


@journal.command()
@click.option("--sandbox", is_flag=True, help="The journal of the built-in sandbox.")
@options.journal
@options.talking
def check(sandbox: bool, **given: Any) -> int:
    """Check that the journal is whole: the database itself, states that must not be, records without their owner.

    Nothing is changed. Exit code 2 when something is found.
    """
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.journals import check as examine
        from pipeline.domain.errors import ExitCode

        health = examine(settings, in_sandbox=sandbox)
        code = ExitCode.DONE if health.healthy else ExitCode.USAGE
        if manner.as_json:
            click.echo(json.dumps(_as_json(health, code), ensure_ascii=False))
        elif not (manner.quiet and health.healthy):
            _print(health, manner)
        return code

    return call(given, body)


def _print(health: Health, manner: Manner) -> None:
    from pipeline.commands.journals import FINDINGS
    from pipeline.messages import say

    click.echo(say("journal.check_place", manner.lang, place=health.place, version=health.version))
    click.echo(say("journal.check_counts", manner.lang, **health.counts))
    if health.outcomes:
        outcomes = ", ".join(f"{outcome} {count}" for outcome, count in health.outcomes.items())
        click.echo(say("journal.check_outcomes", manner.lang, outcomes=outcomes))
    for name, count in health.findings.items():
        click.echo(say(FINDINGS[name], manner.lang, count=count, place=health.place), err=True)
    if health.healthy:
        click.echo(say("journal.check_healthy", manner.lang))
    else:
        click.echo(say("journal.check_unhealthy", manner.lang), err=True)


def _as_json(health: Health, code: int) -> dict[str, object]:
    return {
        "journal": health.place,
        "version": health.version,
        "healthy": health.healthy,
        "findings": health.findings,
        "counts": health.counts,
        "attempts": health.outcomes,
        "exitCode": int(code),
    }
