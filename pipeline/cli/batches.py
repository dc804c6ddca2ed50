"""The command `batches`, with `show` and `purge`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options
from pipeline.cli.help_text import Group
from pipeline.cli.outlets import say
from pipeline.messages import N_, Plural, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.commands.batches import BatchStory, PurgeResult, RowStory
    from pipeline.config.settings import Settings
    from pipeline.domain.model import Approval
    from pipeline.journal.history import PastRun, Try
    from pipeline.journal.purge import Old
    from schemas.faults import Fault
    from schemas.languages import Lang

SHOWN: Final = 20
"""Batches that are listed; more are counted."""

_HIDDEN = "…"
OUTCOMES = {
    "open": N_("interrupted"),
    "created": N_("created"),
    "refused": N_("rejected"),
    "not-created": N_("not created"),
    "perhaps": N_("unknown"),
}
"""What is said of each `Outcome`."""


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog="""
    Examples:
      flinks-import batches
      flinks-import batches --limit 100
      flinks-import batches show billing-2026-11 --row 7
    """,
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"List only the N newest batches.  [default: {SHOWN}; all with --json]",
)
@click.option("--sandbox", is_flag=True, help="The batches of the built-in sandbox.")
@options.journal
@options.talking
@click.pass_context
def batches(ctx: click.Context, /, limit: int | None, **given: Any) -> int:
    """List the batches in the journal, the newest first, with their requests, amounts and unknown outcomes."""
    from pipeline.cli.runner import call

    if ctx.invoked_subcommand is not None:
        return 0

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.printing import print_batches
        from pipeline.commands.batches import list_batches
        from pipeline.domain.errors import ExitCode

        most = limit or (None if manner.as_json else SHOWN)
        shown, in_all = list_batches(settings, in_sandbox=given["sandbox"], most=most)
        print_batches(shown, manner)
        if more := not manner.as_json and in_all - len(shown):
            say(
                translate(
                    Plural(
                        "{count} older batch is not listed. To list all, add: --limit {all}",
                        "{count} older batches are not listed. To list all, add: --limit {all}",
                    ),
                    manner.lang,
                    count=more,
                    all=in_all,
                )
            )
        return ExitCode.DONE

    return call(given, body)


@batches.command(
    epilog="""
    Examples:
      flinks-import batches show billing-2026-11
      flinks-import batches show billing-2026-11 --row 7
    """
)
@click.argument("batch")
@click.option("--row", type=click.IntRange(min=1), metavar="N", help="Also show every attempt for row N of the sheet.")
@options.file
@click.option("--show-sessions", is_flag=True, help="Show session ids: anyone who has one can open the payment page.")
@options.batch_sandbox
@options.journal
@options.talking
@click.pass_context
def show(ctx: click.Context, /, batch: str, row: int | None, show_sessions: bool, **given: Any) -> int:
    """Show the runs of BATCH, the totals of all its sheets, and with --row what happened to one row."""
    from pipeline.cli.runner import call

    given = _with_those_before(ctx, given)

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.commands.batches import story_of
        from pipeline.domain.errors import ExitCode

        story = story_of(batch, row, settings, in_sandbox=given["sandbox"], file=given["file"])
        if manner.as_json:
            click.echo(json.dumps(_story_json(story, manner, sessions=show_sessions), ensure_ascii=False))
        else:
            for line in _story(story, manner, sessions=show_sessions):
                say(line)
        return ExitCode.DONE

    return call(given, body)


@batches.command(
    epilog="""
    Examples:
      flinks-import batches purge --before 2025-12-31
      flinks-import batches purge --before 2025-12-31 --yes --json
    """
)
@click.option(
    "--before",
    type=options.Day(),
    required=True,
    metavar="DATE",
    help="Batches that were last used before DATE, such as 2025-12-31.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (needed without a terminal).")
@click.option("--sandbox", is_flag=True, help="The batches of the built-in sandbox.")
@options.journal
@options.talking
@click.pass_context
def purge(ctx: click.Context, /, before: datetime, **given: Any) -> int:
    """Remove personal data from old batches for good.

    Names, e-mail addresses, accounts, cells and session ids are removed. References, amounts, times and outcomes are
    kept: you can still reconcile them, and nobody is asked again.
    """
    from pipeline.cli.runner import call

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
    from pipeline.cli.plan import plan_lines
    from pipeline.report.formatting import zone
    from pipeline.report.summary import status_lines
    from schemas.money import format_amount
    from schemas.workbook_names import word

    facts, lang = story.facts, manner.lang
    yield translate(
        "Batch {batch}, sent to {environment}; first run on {date}",
        lang,
        batch=facts.name,
        environment=facts.environment,
        date=f"{facts.created_at:%Y-%m-%d}",
    )
    yield translate("Dates and times are local: {zone}.", lang, zone=zone())
    if facts.purged_at is not None:
        yield translate("Personal data removed on {date}.", lang, date=f"{facts.purged_at:%Y-%m-%d}")
    for plan in story.plans:
        yield from plan_lines(plan, lang)
    for run in story.runs:
        yield from _run(run, manner)
    yield from _changes(story, lang)
    for line in status_lines(story.whole.totals, lang):
        if line.rows:
            status, amount = word(line.status, lang), format_amount(line.amount, lang)
            yield translate("  {status}: {rows}, {amount}", lang, status=status, rows=line.rows, amount=amount)
    for text, figure in (
        (N_("  existing requests: {count}, {amount}"), story.whole.requests),
        (N_("  of which cancelled: {count}, {amount}"), story.whole.cancelled),
        (N_("  never asked: {count}, {amount}"), story.whole.never_asked),
    ):
        if figure.rows:
            yield translate(text, lang, count=figure.rows, amount=format_amount(figure.amount, lang))
    if story.row is not None:
        yield from _row(story.row, manner, sessions=sessions)


def _changes(story: BatchStory, lang: Lang) -> Iterator[str]:
    """What people corrected in the sheets, and left out of them."""
    for one in story.corrections:
        told = {"row": one.row, "column": one.heading, "before": one.before, "after": one.after}
        yield translate(
            '  row {row}, {column}: {who} corrected "{before}" to "{after}" on {time}',
            lang,
            who=one.who,
            time=_moment(one.at),
            **told,
        )
    for out in story.left_out:
        text = (
            N_("  row {row}: {who} left it out on {time}: {reason}")
            if out.out
            else N_("  row {row}: {who} took it back on {time}")
        )
        yield translate(text, lang, row=out.row, who=out.who, time=_moment(out.at), reason=out.reason)
    yield from _decided(story, lang)


def _decided(story: BatchStory, lang: Lang) -> Iterator[str]:
    """What people decided on the page; those of one kind that were made together in one line."""
    from schemas.money import format_amount

    together: dict[tuple[str, str, str, datetime], int] = {}
    for one in story.decided:
        key = (one.subject, one.value, one.who, one.at)
        together[key] = together.get(key, 0) + 1
    for (subject, value, who, at), count in together.items():
        amount = format_amount(Decimal(value), lang) if subject == "total" else ""
        told = {"who": who, "time": _moment(at), "count": count, "amount": amount, "note": value}
        yield translate(_DECIDED[subject], lang, **told)


_DECIDED: Final = {
    "total": N_("  total of the billing program: {amount}, typed by {who} on {time}"),
    "difference": N_("  {who} accepted on {time} that the total of the billing program differs"),
    "slip": N_("  {who} said on {time} that likely typing errors are right: {count}"),
    "repeat": N_("  {who} said on {time} that held rows are other charges: {count}. {note}"),
}
"""What is said of a decision on each `Subject`; {count} are those that were made together."""


def _run(run: PastRun, manner: Manner) -> Iterator[str]:

    told = {"time": _moment(run.started_at), "file": run.file, "attempts": run.attempts, "created": run.created}
    yield translate(
        N_("{time}  {file} (rows: {rows}, attempts: {attempts}, created: {created})")
        if run.rows
        else N_("{time}  {file} (attempts: {attempts}, created: {created})"),
        manner.lang,
        rows=run.rows,
        **told,
    )
    if run.who:
        yield translate("    run by {who}", manner.lang, who=run.who)
    if run.approval is not None:
        yield from _approval(run.approval, manner.lang)
    if run.stopped:
        yield f"    {translate(run.stopped, manner.lang, **run.stopped_details)}"
    if run.ended_at is None:
        yield translate("    interrupted: the journal has no end for this run", manner.lang)
    else:
        yield translate(
            "    ended {time}, exit code {code}", manner.lang, time=_moment(run.ended_at), code=run.exit_code
        )


def _approval(approval: Approval, lang: Lang) -> Iterator[str]:
    """The plan that a run was held against: who made it, approved it and sent it."""
    if approval.plan:
        yield translate("    plan {plan}", lang, plan=approval.plan)
    for text, who, at in (
        (N_("    plan made by {who}, {time}"), approval.made_by, approval.made_at),
        (N_("    approved by {who}, {time}"), approval.approved_by, approval.approved_at),
        (N_("    sent by {who}, {time}"), approval.sent_by, approval.sent_at),
    ):
        if who:
            yield translate(text, lang, who=who, time=_moment(datetime.fromisoformat(at)) if at else "-")


def _row(story: RowStory, manner: Manner, *, sessions: bool) -> Iterator[str]:
    from pipeline.report.formatting import column_names
    from schemas.faults import sentence
    from schemas.workbook_names import word

    lang, row = manner.lang, story.row
    names = column_names(story.columns, lang)
    yield translate("Row {row}: {status}", lang, row=row.row.number, status=word(row.status, lang))
    for fault in (*row.errors, *row.notices):
        yield f"  {sentence(_shown(fault, sessions=sessions), lang, names)}"
    if not story.tries:
        yield translate("  This row was never sent.", lang)
    for attempt in story.tries:
        yield from _try(attempt, names, manner, sessions=sessions)
    for decision in story.decisions:
        outcome = translate(OUTCOMES[decision.outcome], lang)
        told = {"who": decision.who, "time": _moment(decision.at), "note": decision.note}
        yield translate("  {who} decided on {time}: {outcome}. {note}", lang, outcome=outcome, **told).rstrip()
    for state in story.states:
        words = ", ".join((state.session, *state.transactions))
        yield translate("  state at the API since {time}: {words}", lang, time=_moment(state.since), words=words)


def _try(attempt: Try, names: Mapping[str, str], manner: Manner, *, sessions: bool) -> Iterator[str]:
    from schemas.faults import sentence

    lang = manner.lang
    outcome = translate(OUTCOMES[attempt.outcome], lang)
    told = {"number": attempt.number, "time": _moment(attempt.intended_at), "row": attempt.row_number}
    yield translate("  attempt {number}, {time}, from row {row}: {outcome}", lang, outcome=outcome, **told)
    yield translate("    requested: {asked}", lang, asked=attempt.asked.describe(lang) if attempt.asked else "")
    yield translate(N_("    the API e-mails the link") if attempt.send_link else N_("    you send the link"), lang)
    if attempt.settled_at is None:
        yield translate("    interrupted before a response: the request may exist", lang)
    elif attempt.http_status is None:
        yield translate("    no response, {time}", lang, time=_moment(attempt.settled_at))
    else:
        yield translate("    HTTP {status}, {time}", lang, status=attempt.http_status, time=_moment(attempt.settled_at))
    for fault in attempt.reasons:
        yield f"    {sentence(_shown(fault, sessions=sessions), lang, names)}"
    if sessions and attempt.session_id:
        yield translate("    sessionId {session}", lang, session=attempt.session_id)


def _shown(fault: Fault, *, sessions: bool) -> Fault:
    """A fault without the session that it names, unless sessions are to be shown."""
    if sessions:
        return fault
    return replace(fault, details=tuple((key, _HIDDEN if key == "session" else told) for key, told in fault.details))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _story_json(story: BatchStory, manner: Manner, *, sessions: bool) -> dict[str, object]:
    from pipeline.cli.plan import as_json

    facts = story.facts
    return {
        "batch": facts.name,
        "environment": facts.environment,
        "createdAt": facts.created_at.isoformat(),
        "purgedAt": facts.purged_at.isoformat() if facts.purged_at else None,
        "plans": [as_json(plan, manner.lang) for plan in story.plans],
        "runs": [_run_json(run, manner.lang) for run in story.runs],
        "corrections": [
            {
                "sheet": one.sheet,
                "row": one.row,
                "column": one.heading,
                "before": one.before,
                "after": one.after,
                "who": one.who,
                "at": one.at.isoformat(),
            }
            for one in story.corrections
        ],
        "leftOut": [
            {
                "sheet": one.sheet,
                "row": one.row,
                "out": one.out,
                "reason": one.reason,
                "who": one.who,
                "at": one.at.isoformat(),
            }
            for one in story.left_out
        ],
        "decisions": [
            {"subject": one.subject, "value": one.value, "who": one.who, "at": one.at.isoformat()}
            for one in story.decided
        ],
        **story.whole.as_json(),
        "row": _row_json(story.row, manner, sessions=sessions) if story.row is not None else None,
        "exitCode": 0,
    }


def _run_json(run: PastRun, lang: Lang) -> dict[str, object]:
    return {
        "startedAt": run.started_at.isoformat(),
        "who": run.who or None,
        "endedAt": run.ended_at.isoformat() if run.ended_at else None,
        "exitCode": run.exit_code,
        "file": run.file,
        "sha256": run.sha256,
        "sheet": run.sheet,
        "identity": list(run.identity),
        "attempts": run.attempts,
        "created": run.created,
        "stopped": translate(run.stopped, lang, **run.stopped_details) if run.stopped else "",
        "plan": run.approval.plan or None if run.approval else None,
    }


def _row_json(story: RowStory, manner: Manner, *, sessions: bool) -> dict[str, object]:
    from pipeline.report.formatting import column_names
    from schemas.faults import sentence

    names = column_names(story.columns, manner.lang)

    def said(faults: Sequence[Fault]) -> list[dict[str, str]]:
        shown = [_shown(fault, sessions=sessions) for fault in faults]
        return [{"code": fault.code, "message": sentence(fault, manner.lang, names)} for fault in shown]

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
                "asked": attempt.asked.describe() if attempt.asked else "",
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
    from pipeline.cli.console import confirm

    if not manner.quiet or not manner.yes:
        say(
            translate(
                "This permanently removes the names, e-mail addresses, accounts, request ids and "
                "all cells of these batches:",
                manner.lang,
            ),
            err=True,
        )
        for old in found:
            told = {"batch": old.name, "environment": old.environment, "attempts": old.attempts}
            date = f"{old.last_at:%Y-%m-%d}"
            say(
                translate(
                    "  {batch} ({environment}), last used on {date}, attempts: {attempts}",
                    manner.lang,
                    date=date,
                    **told,
                ),
                err=True,
            )
        say(
            translate(
                "References, amounts, times and outcomes are kept, so no request is sent twice. "
                "Delete workbooks and backups yourself.",
                manner.lang,
            ),
            err=True,
        )
    return confirm(
        translate("Remove them?", manner.lang),
        manner,
        safe=False,
        nobody=N_("There is no terminal to confirm on. Add --yes to remove without confirmation. Nothing was removed."),
    )


def _tell_purged(purged: PurgeResult, before: datetime, code: int, manner: Manner) -> None:

    if manner.as_json:
        told = {
            "purged": [{"batch": old.name, "environment": old.environment} for old in purged.done],
            "busy": [{"batch": old.name, "environment": old.environment} for old in purged.busy],
            "exitCode": int(code),
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for old in purged.busy:
        say(translate("Batch {batch} was not changed: a run is using it.", manner.lang, batch=old.name), err=True)
    if purged.done:
        say(translate("Personal data removed. Batches: {count}", manner.lang, count=len(purged.done)))
    elif not purged.busy and not manner.quiet:
        say(
            translate(
                "No batch was last used before {date}. There is nothing to remove.",
                manner.lang,
                date=f"{before:%Y-%m-%d}",
            )
        )
