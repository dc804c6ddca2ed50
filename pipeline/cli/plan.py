"""The command `plan`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.cli.screen import Manner
    from pipeline.config.settings import Settings
    from pipeline.domain.approval import Approved


@click.command()
@options.reading
@options.journal
@options.talking
def plan(**given: Any) -> int:
    """Write a small plan of what FILE would send, for a second person to approve. Nothing is sent.

    The plan has counts, totals and a digest of every request, and no personal data. `run FILE --plan PLAN` then sends
    exactly that, or refuses and says which rows differ. Default place: NAME.plan.json beside FILE.
    """
    from pipeline.cli.calling import call

    def make(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.calling import request_of
        from pipeline.cli.screen import screen_of
        from pipeline.commands.plan import plan as make_plan

        made, path = make_plan(request_of(given), settings, screen_of(manner))
        sandbox = " --sandbox" if given["sandbox"] else ""
        _print(made, path, f"flinks-import run {given['file']}{sandbox} --plan {path}", manner)
        return 0

    return call(given, make)


def _print(made: Approved, path: Path, command: str, manner: Manner) -> None:
    from pipeline.messages import say
    from schemas.money import format_amount

    if manner.as_json:
        click.echo(json.dumps(_as_json(made, path), ensure_ascii=False))
        return
    if manner.quiet:
        return
    told = {"batch": made.batch, "environment": made.environment, "rows": made.to_send, "e_mailed": made.e_mailed}
    click.echo(say("plan.made", manner.lang, amount=format_amount(Decimal(made.amount), manner.lang), **told))
    click.echo(say("plan.place", manner.lang, path=path))
    click.echo(say("plan.next", manner.lang, command=command))


def _as_json(made: Approved, path: Path) -> dict[str, object]:
    return {
        "batch": made.batch,
        "file": made.file,
        "sha256": made.sha256,
        "environment": made.environment,
        "rows": made.rows,
        "toSend": made.to_send,
        "amount": made.amount,
        "emailed": made.e_mailed,
        "output": str(path),
        "exitCode": 0,
    }
