"""The command `journal`, with `create`, `backup` and `check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Group
from pipeline.cli.outlets import say
from pipeline.messages import translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.config.settings import Settings
    from pipeline.journal.health import Health


@click.group(
    cls=Group,
    epilog="""
    Examples:
      flinks-import journal create /srv/billing/journal.sqlite
      flinks-import journal backup journal-2026-11-30.sqlite
      flinks-import journal check
    """,
)
def journal() -> None:
    """Create, back up or check the journal, in which the program remembers what it has sent."""


@journal.command(
    epilog="""
    Examples:
      flinks-import journal create /srv/billing/journal.sqlite
      flinks-import journal create postgresql://billing@db.example.com/flinks
    """
)
@click.argument("place")
@options.talking
def create(place: str, **given: Any) -> int:
    """Create a journal at PLACE.

    PLACE is a file in a folder that exists, or postgresql://USER@HOST/DATABASE. A run never creates a journal that you
    named (--journal, FLINKS_IMPORT_JOURNAL or the settings file): one that is missing may be on a drive that is not
    connected.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.journal import create as make
        from pipeline.domain.errors import ExitCode

        made = make(settings.journal)
        if manner.as_json:
            click.echo(json.dumps({"journal": made, "exitCode": 0}, ensure_ascii=False))
        elif not manner.quiet:
            say(
                translate(
                    "New journal: {place}. It knows no earlier requests. Name it with --journal or in the settings.",
                    manner.lang,
                    place=made,
                )
            )
        return ExitCode.DONE

    return call(given | {"journal": place}, body)


@journal.command(
    epilog="""
    Examples:
      flinks-import journal backup journal-2026-11-30.sqlite
      flinks-import journal backup copy.sqlite --journal /srv/billing/journal.sqlite
    """
)
@click.argument("path", type=options.FILE)
@click.option("--sandbox", is_flag=True, help="The journal of the built-in sandbox.")
@options.journal
@options.talking
def backup(path: Path, sandbox: bool, **given: Any) -> int:
    """Copy the journal to PATH, even while a run is writing to it.

    A file that exists is never overwritten: the next free name is used.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.console import emit_for
        from pipeline.commands.journal import back_up, place_of
        from pipeline.domain.errors import ExitCode
        from pipeline.domain.events import OutputPlaced

        copy = back_up(settings, path, in_sandbox=sandbox)
        emit_for(manner)(OutputPlaced(path, copy))
        if manner.as_json:
            click.echo(json.dumps({"backup": str(copy), "exitCode": 0}, ensure_ascii=False))
        elif not manner.quiet:
            say(
                translate(
                    "Backup of {place}: {path}. It contains personal data: keep it where only you can read it.",
                    manner.lang,
                    place=place_of(settings, in_sandbox=sandbox),
                    path=copy,
                )
            )
        return ExitCode.DONE

    return call(given, body)


@journal.command(
    epilog="""
    Examples:
      flinks-import journal check
      flinks-import journal check --json

    Exit codes:
      0  the journal is in good order
      2  the journal has errors
    """
)
@click.option("--sandbox", is_flag=True, help="The journal of the built-in sandbox.")
@options.journal
@options.talking
def check(sandbox: bool, **given: Any) -> int:
    """Check the journal and change nothing.

    It looks at the database itself, for impossible states, and for records that belong to nothing.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.journal import check as examine
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
    from pipeline.cli.batches import OUTCOMES
    from pipeline.commands.journal import FINDINGS

    say(translate("Journal {place}, version {version}", manner.lang, place=health.place, version=health.version))
    say(translate("batches: {batches}, runs: {runs}, rows: {rows}, attempts: {attempts}", manner.lang, **health.counts))
    if health.outcomes:
        told = {outcome: translate(OUTCOMES.get(outcome, outcome), manner.lang) for outcome in health.outcomes}
        outcomes = ", ".join(f"{told[outcome]} {count}" for outcome, count in health.outcomes.items())
        say(translate("attempts by outcome: {outcomes}", manner.lang, outcomes=outcomes))
    for name, count in health.findings.items():
        say(translate(FINDINGS[name], manner.lang, count=count, place=health.place), err=True)
    if health.healthy:
        say(translate("The journal is in good order.", manner.lang))
    else:
        say(
            translate(
                "The journal has errors. First copy the file. Then restore a backup, or ask for "
                "help with: flinks-import doctor --bundle help.zip",
                manner.lang,
            ),
            err=True,
        )


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
