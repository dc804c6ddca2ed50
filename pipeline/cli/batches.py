"""The command `batches`, with `show` and `purge`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.batches import BatchStory, Purged, RowStory
    from pipeline.config.settings import Settings
    from pipeline.journal.history import PastRun, Try
    from pipeline.journal.purge import Old
    from schemas.faults import Fault

_HIDDEN = "…"
_OUTCOMES = {
    "open": "batches.outcome_open",
    "created": "batches.outcome_created",
    "refused": "batches.outcome_refused",
    "not-created": "batches.outcome_not_created",
    "perhaps": "batches.outcome_perhaps",
}
"""What is said of each `Outcome`."""


@click.group(invoke_without_command=True)
@click.option("--sandbox", is_flag=True, help="The batches that were sent to the built-in sandbox.")
@options.journal
@options.talking
@click.pass_context
def batches(ctx: click.Context, /, **given: Any) -> int:
    """List the batches in the journal, with what was created and what is unknown; the last run comes last."""
    from pipeline.cli.calling import call

    if ctx.invoked_subcommand is not None:
        return 0

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.printing import print_batches
        from pipeline.commands.batches import list_batches
        from pipeline.domain.errors import ExitCode

        print_batches(list_batches(settings, in_sandbox=given["sandbox"]), manner)
        return ExitCode.DONE

    return call(given, body)


@batches.command()
@click.argument("batch")
@click.option("--row", type=click.IntRange(min=1), metavar="N", help="Also tell every attempt for row N of the sheet.")
@options.file
@click.option("--show-sessions", is_flag=True, help="Show session ids: whoever has one can open the payment page.")
@click.option("--sandbox", is_flag=True, help="A batch that was sent to the built-in sandbox.")
@options.journal
@options.talking
@click.pass_context
def show(ctx: click.Context, /, batch: str, row: int | None, show_sessions: bool, **given: Any) -> int:
    """Tell the story of BATCH: its runs, what all its sheets come to, and with --row what happened to one row."""
    from pipeline.cli.calling import call

    given = _with_those_before(ctx, given)

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.batches import story_of
        from pipeline.domain.errors import ExitCode

        story = story_of(batch, row, settings, in_sandbox=given["sandbox"], file=given["file"])
        if manner.as_json:
            click.echo(json.dumps(_story_json(story, manner, sessions=show_sessions), ensure_ascii=False))
        else:
            for line in _story(story, manner, sessions=show_sessions):
                click.echo(line)
        return ExitCode.DONE

    return call(given, body)


@batches.command()
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DATE",
    help="Batches that nobody worked on since this day, such as 2025-12-31.",
)
@click.option("--yes", is_flag=True, help="Do not ask before removing (needed where nobody can answer).")
@click.option("--sandbox", is_flag=True, help="The batches that were sent to the built-in sandbox.")
@options.journal
@options.talking
@click.pass_context
def purge(ctx: click.Context, /, before: datetime, **given: Any) -> int:
    """Remove personal data from old batches for good: names, e-mails, accounts, cells, session ids.

    References, amounts, times and outcomes are kept: they can still be reconciled, and nobody is asked again.
    """
    from pipeline.cli.calling import call

    given = _with_those_before(ctx, given)

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.batches import purge as remove
        from pipeline.domain.errors import ExitCode

        purged = remove(before.date(), settings, lambda found: _consent(found, manner), in_sandbox=given["sandbox"])
        code = ExitCode.BATCH_IS_BUSY if purged.busy else ExitCode.DONE
        _tell_purged(purged, before, code, manner)
        return code

    return call(given, body)


def _with_those_before(ctx: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """A command's options, with those that were given before its name (`batches --sandbox show …`)."""
    before = ctx.parent.params if ctx.parent is not None else {}
    default = click.core.ParameterSource.DEFAULT
    return {
        name: before[name] if name in before and ctx.get_parameter_source(name) is default else value
        for name, value in given.items()
    }


# ---------------------------------------------------------------------------------------------------------------
# The story


def _story(story: BatchStory, manner: Manner, *, sessions: bool) -> Iterator[str]:
    from pipeline.messages import say
    from pipeline.report.formatting import zone
    from pipeline.report.summary import status_lines
    from schemas.money import format_amount

    facts, lang = story.facts, manner.lang
    yield say(
        "batches.batch",
        lang,
        batch=facts.name,
        environment=facts.environment,
        date=f"{facts.created_at:%Y-%m-%d}",
    )
    yield say("report.in_zone", lang, zone=zone())
    if facts.purged_at is not None:
        yield say("batches.purged", lang, date=f"{facts.purged_at:%Y-%m-%d}")
    for run in story.runs:
        yield from _run(run, manner)
    for line in status_lines(story.whole.totals, lang):
        if line.rows:
            amount = format_amount(line.amount, lang)
            yield say("batches.status", lang, status=line.status, rows=line.rows, amount=amount)
    for key, figure in (
        ("batches.requests", story.whole.requests),
        ("batches.cancelled", story.whole.cancelled),
        ("batches.never_asked", story.whole.never_asked),
    ):
        if figure.rows:
            yield say(key, lang, count=figure.rows, amount=format_amount(figure.amount, lang))
    if story.row is not None:
        yield from _row(story.row, manner, sessions=sessions)


def _run(run: PastRun, manner: Manner) -> Iterator[str]:
    from pipeline.messages import say

    told = {"time": _moment(run.started_at), "file": run.file, "attempts": run.attempts, "created": run.created}
    yield say("batches.run" if run.rows else "batches.run_old", manner.lang, rows=run.rows, **told)
    if run.approval is not None:
        made_by, made_at, sent_by = run.approval.made_by, run.approval.made_at, run.approval.sent_by
        yield say("batches.run_approved", manner.lang, made_by=made_by, made_at=made_at, sent_by=sent_by)
    if run.stopped:
        yield f"    {say(run.stopped, manner.lang, **run.stopped_details)}"
    if run.ended_at is None:
        yield say("batches.run_cut", manner.lang)
    else:
        yield say("batches.run_ended", manner.lang, time=_moment(run.ended_at), code=run.exit_code)


def _row(story: RowStory, manner: Manner, *, sessions: bool) -> Iterator[str]:
    from pipeline.messages import say
    from schemas.faults import sentence

    lang, row = manner.lang, story.row
    yield say("batches.row", lang, row=row.row.number, status=row.status)
    for fault in (*row.errors, *row.notices):
        yield f"  {sentence(_shown(fault, sessions=sessions), lang)}"
    if not story.tries:
        yield say("batches.never_sent", lang)
    for attempt in story.tries:
        yield from _try(attempt, manner, sessions=sessions)
    for decision in story.decisions:
        outcome = say(_OUTCOMES[decision.outcome], lang)
        told = {"who": decision.who, "time": _moment(decision.at), "note": decision.note}
        yield say("batches.decision", lang, outcome=outcome, **told).rstrip()
    for state in story.states:
        words = ", ".join((state.session, *state.transactions))
        yield say("batches.state", lang, time=_moment(state.since), words=words)


def _try(attempt: Try, manner: Manner, *, sessions: bool) -> Iterator[str]:
    from pipeline.messages import say
    from schemas.faults import sentence

    lang = manner.lang
    outcome = say(_OUTCOMES[attempt.outcome], lang)
    told = {"number": attempt.number, "time": _moment(attempt.intended_at), "row": attempt.row_number}
    yield say("batches.try", lang, outcome=outcome, **told)
    yield say("batches.try_asked", lang, asked=attempt.asked)
    yield say("batches.link_e_mailed" if attempt.send_link else "batches.link_ours", lang)
    if attempt.settled_at is None:
        yield say("batches.try_cut", lang)
    elif attempt.http_status is None:
        yield say("batches.try_no_answer", lang, time=_moment(attempt.settled_at))
    else:
        yield say("batches.try_answer", lang, status=attempt.http_status, time=_moment(attempt.settled_at))
    for fault in attempt.reasons:
        yield f"    {sentence(_shown(fault, sessions=sessions), lang)}"
    if sessions and attempt.session_id:
        yield say("batches.session", lang, session=attempt.session_id)


def _shown(fault: Fault, *, sessions: bool) -> Fault:
    """A fault without the session that it names, unless sessions are to be shown."""
    if sessions:
        return fault
    return replace(fault, details=tuple((key, _HIDDEN if key == "session" else told) for key, told in fault.details))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _story_json(story: BatchStory, manner: Manner, *, sessions: bool) -> dict[str, object]:
    facts = story.facts
    return {
        "batch": facts.name,
        "environment": facts.environment,
        "createdAt": facts.created_at.isoformat(),
        "purgedAt": facts.purged_at.isoformat() if facts.purged_at else None,
        "runs": [_run_json(run) for run in story.runs],
        **story.whole.as_json(),
        "row": _row_json(story.row, manner, sessions=sessions) if story.row is not None else None,
        "exitCode": 0,
    }


def _run_json(run: PastRun) -> dict[str, object]:
    return {
        "startedAt": run.started_at.isoformat(),
        "endedAt": run.ended_at.isoformat() if run.ended_at else None,
        "exitCode": run.exit_code,
        "file": run.file,
        "sha256": run.sha256,
        "sheet": run.sheet,
        "identity": list(run.identity),
        "attempts": run.attempts,
        "created": run.created,
        "stopped": run.stopped,
    }


def _row_json(story: RowStory, manner: Manner, *, sessions: bool) -> dict[str, object]:
    from schemas.faults import sentence

    def said(faults: Sequence[Fault]) -> list[dict[str, str]]:
        return [
            {"code": fault.code, "message": sentence(_shown(fault, sessions=sessions), manner.lang)} for fault in faults
        ]

    return {
        "row": story.row.row.number,
        "file": story.row.file,
        "status": story.row.status.value,
        "errors": said(story.row.errors),
        "notices": said(story.row.notices),
        "attempts": [
            {
                "number": attempt.number,
                "row": attempt.row_number,
                "intendedAt": attempt.intended_at.isoformat(),
                "settledAt": attempt.settled_at.isoformat() if attempt.settled_at else None,
                "outcome": attempt.outcome.value,
                "httpStatus": attempt.http_status,
                "sendInteracLink": attempt.send_link,
                "asked": attempt.asked,
                "reasons": said(attempt.reasons),
            }
            | ({"sessionId": attempt.session_id} if sessions else {})
            for attempt in story.tries
        ],
    }


# ---------------------------------------------------------------------------------------------------------------
# Forgetting


def _consent(found: Sequence[Old], manner: Manner) -> bool:
    """Show what is to be forgotten and ask. Raises UsageError where nobody can answer."""
    import sys

    from pipeline.domain.errors import UsageError
    from pipeline.messages import say

    if not manner.quiet or not manner.yes:
        click.echo(say("batches.to_purge", manner.lang), err=True)
        for old in found:
            told = {"batch": old.name, "environment": old.environment, "attempts": old.attempts}
            date = f"{old.last_at:%Y-%m-%d}"
            click.echo(say("batches.old", manner.lang, date=date, **told), err=True)
        click.echo(say("batches.kept", manner.lang), err=True)
    if manner.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("batches.needs_yes")
    return click.confirm(say("batches.confirm", manner.lang), default=False, err=True)


def _tell_purged(purged: Purged, before: datetime, code: int, manner: Manner) -> None:
    from pipeline.messages import say

    if manner.as_json:
        told = {
            "purged": [{"batch": old.name, "environment": old.environment} for old in purged.done],
            "busy": [{"batch": old.name, "environment": old.environment} for old in purged.busy],
            "exitCode": int(code),
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for old in purged.busy:
        click.echo(say("batches.busy", manner.lang, batch=old.name), err=True)
    if purged.done:
        click.echo(say("batches.done", manner.lang, count=len(purged.done)))
    elif not purged.busy and not manner.quiet:
        click.echo(say("batches.nothing_old", manner.lang, date=f"{before:%Y-%m-%d}"))
