"""The command `resolve`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import N_, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.commands.resolve import Question
    from pipeline.config.settings import Settings
    from pipeline.domain.model import Decision


@click.command(
    cls=Command,
    epilog="""
    Examples:
      # The dashboard shows the request: record its id.
      flinks-import resolve billing-2026-11 7 \\
        --created 0f7c2f0e-8a54-4e0e-9a4c-1f0c6f8f7d11
      # The dashboard shows none: the next run sends the row again.
      flinks-import resolve billing-2026-11 7 --not-created --note "Not found"

    Exit codes:
      0  recorded
      2  the command line is wrong, or this row or request does not fit
      6  not confirmed
      7  another run is using the batch
    """,
)
@click.argument("batch")
@click.argument("row", type=click.IntRange(min=1), required=False)
@click.option("--reference", metavar="REF", help="The row by the reference that was sent, instead of ROW.")
@click.option("--created", metavar="SESSIONID", help="The request was created: its sessionId or launch URL.")
@click.option("--not-created", is_flag=True, help="No request was created: the next run sends the row again.")
@click.option(
    "--note", metavar="TEXT", default="", help="How you know; needed with --not-created. It is kept permanently."
)
@click.option("--who", metavar="NAME", default="", help="Who decided.  [default: your login name]")
@options.file
@click.option("--gone", is_flag=True, help="The row is no longer in its sheet: ROW is the number it had there.")
@options.batch_sandbox
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (needed without a terminal).")
@options.journal
@options.talking
def resolve(batch: str, row: int | None, created: str | None, not_created: bool, **given: Any) -> int:
    """Record what happened to a ROW of BATCH whose outcome is unknown, after you have looked in the dashboard.

    ROW is the number of the row in your sheet (the column `row` of the workbook); --reference names it by its reference
    instead. The journal keeps the decision, who made it and when.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.resolve import ResolveRequest
        from pipeline.commands.resolve import resolve as decide
        from pipeline.domain.errors import UsageError

        if (created is not None) == not_created:
            raise UsageError("Give either --created SESSIONID or --not-created.")
        of = {name: given[name] for name in ("note", "who", "sandbox", "gone", "file", "reference")}
        request = ResolveRequest(batch, row, created, **of)
        decision = decide(request, settings, lambda question: _confirm(question, manner))
        _print(batch, decision, manner)
        return 0

    return call(given, body)


def _confirm(question: Question, manner: Manner) -> bool:
    from pipeline.cli.console import confirm
    from pipeline.domain.attempt_rules import NAMES_A_SESSION
    from pipeline.report.formatting import zone
    from schemas.faults import sentences

    lang = manner.lang
    if not manner.quiet:
        shown = {"row": question.row, "batch": question.batch, "content": question.content}
        say(translate("Row {row} of batch {batch}: {content}", lang, **shown), err=True)
        say(translate("Dates and times are local: {zone}.", lang, zone=zone()), err=True)
        for attempt in question.tries:
            # Without the sessions that an answer named: each opens a payment page, and this may be a log.
            why = sentences((fault for fault in attempt.reasons if fault.code not in NAMES_A_SESSION), lang) or "-"
            say(translate("  sent on {date}; {why}", lang, date=f"{attempt.at:%Y-%m-%d %H:%M}", why=why), err=True)
    session = question.decision.session_id
    text = (
        N_("Record sessionId {session} for this row?")
        if session
        else N_("Record that no request was created? The next run sends the row again.")
    )
    return confirm(translate(text, lang, session=session), manner, safe=question.in_sandbox)


def _print(batch: str, decision: Decision, manner: Manner) -> None:

    if manner.as_json:
        told = {
            "batch": batch,
            "row": decision.row,
            "outcome": decision.outcome.value,
            "who": decision.who,
            "at": decision.at.isoformat(timespec="seconds"),
            "exitCode": 0,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    elif not manner.quiet:
        text = (
            N_(
                "Recorded by {who}: row {row} has its request and is not sent again. To update "
                'the workbook: `flinks-import status "{batch}"`'
            )
            if decision.session_id
            else N_(
                "Recorded by {who}: no request was created for row {row}. If the sheet has the "
                "row, the same `run` command sends it again."
            )
        )
        say(translate(text, manner.lang, who=decision.who, row=decision.row, batch=batch))
