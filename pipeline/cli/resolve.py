"""The command `resolve`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.resolve import Question
    from pipeline.config.settings import Settings
    from pipeline.domain.model import Decision


@click.command()
@click.argument("batch")
@click.argument("row", type=click.IntRange(min=1))
@click.option("--created", metavar="SESSIONID", help="It was created: its session, or its launch URL.")
@click.option("--not-created", is_flag=True, help="Nothing was created: the next run sends the row again.")
@click.option("--note", metavar="TEXT", default="", help="How you know; needed with --not-created. Kept for ever.")
@click.option("--who", metavar="NAME", default="", help="Who decided.  [default: your login name]")
@options.file
@click.option("--gone", is_flag=True, help="The row has left its sheet: ROW is the number that it had there.")
@click.option("--sandbox", is_flag=True, help="A batch that was sent to the built-in sandbox.")
@click.option("--yes", is_flag=True, help="Do not ask before it is recorded (needed where nobody can answer).")
@options.journal
@options.talking
def resolve(batch: str, row: int, created: str | None, not_created: bool, **given: Any) -> int:
    """Record what became of a ROW of BATCH whose outcome is unknown, after you have looked in the dashboard.

    ROW is the row's number in your sheet (column `row` of the workbook). A row that left its sheet has the number that
    it had there. The decision is kept with who and when.

    \b
    Exit codes: 0 recorded, 2 wrong options, or a row or session that can't be meant, 6 not confirmed,
    7 another run holds the batch.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.resolve import ResolveRequest
        from pipeline.commands.resolve import resolve as decide
        from pipeline.domain.errors import UsageError

        if (created is not None) == not_created:
            raise UsageError("resolve.one_of_both")
        request = ResolveRequest(
            batch, row, created, given["note"], given["who"], given["sandbox"], given["gone"], given["file"]
        )
        decision = decide(request, settings, lambda question: _confirm(question, manner))
        _print(batch, decision, manner)
        return 0

    return call(given, body)


def _confirm(question: Question, manner: Manner) -> bool:
    from pipeline.cli.following import agreed
    from pipeline.domain.attempt_rules import NAMES_A_SESSION
    from pipeline.messages import say
    from pipeline.report.formatting import zone
    from schemas.faults import sentences

    lang = manner.lang
    if not manner.quiet:
        shown = {"row": question.row, "batch": question.batch, "content": question.content}
        click.echo(say("resolve.row", lang, **shown), err=True)
        click.echo(say("report.in_zone", lang, zone=zone()), err=True)
        for attempt in question.tries:
            # Without the sessions that an answer named: each opens a payment page, and this may be a log.
            why = sentences((fault for fault in attempt.reasons if fault.code not in NAMES_A_SESSION), lang) or "-"
            click.echo(say("resolve.tried", lang, date=f"{attempt.at:%Y-%m-%d %H:%M}", why=why), err=True)
    session = question.decision.session_id
    key = "resolve.confirm_created" if session else "resolve.confirm_not_created"
    return agreed(say(key, lang, session=session), manner, safe=question.in_sandbox)


def _print(batch: str, decision: Decision, manner: Manner) -> None:
    from pipeline.messages import say

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
        key = "resolve.done_created" if decision.session_id else "resolve.done_not_created"
        click.echo(say(key, manner.lang, who=decision.who, row=decision.row, batch=batch))
