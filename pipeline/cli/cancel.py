"""The command `cancel`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.cancel import CancelResult, Intention, Selection
    from pipeline.config.settings import Settings
    from pipeline.domain.model import SessionState
    from pipeline.sender.polling import Attempted
    from schemas.languages import Lang

SHOWN: Final = 20
"""Rows that are shown; more are counted."""


class Rows(click.ParamType[tuple[range, ...]]):
    """Row numbers: 5,7-9."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[range, ...]:
        """Ranges of row numbers from 1, each with both its ends."""
        if isinstance(value, tuple):
            return value
        found = []
        for part in str(value).split(","):
            match = re.fullmatch(r"\s*([1-9][0-9]{0,8})\s*(?:-\s*([1-9][0-9]{0,8})\s*)?", part)
            if match is None or int(match[2] or match[1]) < int(match[1]):
                self.fail(f"{value} does not name rows; write it like 5,7-9", param, ctx)
            found.append(range(int(match[1]), int(match[2] or match[1]) + 1))
        return tuple(found)


@click.command()
@click.argument("batch")
@options.file
@click.option("--rows", type=Rows(), help="Only these rows of your sheet, such as 5,7-9.  [default: the whole batch]")
@click.option(
    "--status",
    "which",
    type=click.Choice(["open", "initiated", "in-progress", "not-paid"]),
    default="open",
    show_default=True,
    help="Which to cancel: all that are open, those that no payor has opened, those that one has, or all not paid.",
)
@click.option("--dry-run", is_flag=True, help="Ask for their states, show what would be cancelled, and stop.")
@click.option("-o", "--output", type=options.FILE, help="The workbook.  [default: BATCH.status.xlsx in this folder]")
@click.option("--sandbox", is_flag=True, help="A batch that was sent to the built-in sandbox.")
@click.option("--yes", is_flag=True, help="Do not ask before cancelling (needed where nobody can answer).")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Requests in flight.  [default: 16]")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second.  [default: no limit]")
@options.journal
@options.talking
def cancel(batch: str, rows: tuple[range, ...] | None, which: str, output: Path | None, **given: Any) -> int:
    """Cancel the payment requests of BATCH that are still open: the undo of a wrong upload.

    What was paid or has ended is left alone and told. A cancelled row is not sent again by `run`.

    \b
    Exit codes: 0 all were cancelled, 1 some could not be, or the API can't cancel, 2 wrong options or rows,
    4 credentials refused, 5 a row's outcome is unknown, so that it can't be cancelled,
    6 stopped early or out of reach: the same command goes on, 7 a run holds the batch.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.following import FollowLines
        from pipeline.cli.screen import screen_of
        from pipeline.commands.cancel import CancelRequest, Which, cancel_batch

        request = CancelRequest(
            batch=batch,
            rows=rows,
            file=given["file"],
            which=Which(which),
            dry_run=given["dry_run"],
            output=output,
            sandbox=given["sandbox"],
            lang=manner.lang,
        )
        result = cancel_batch(
            request,
            settings,
            screen_of(manner),
            FollowLines(manner, "cancel.asking"),
            lambda intention: _confirm(intention, manner),
        )
        _print(result, manner)
        return result.exit_code

    return call(given, body)


def _confirm(intention: Intention, manner: Manner) -> bool:
    from pipeline.cli.following import agreed
    from pipeline.messages import say

    if not (manner.quiet and manner.yes):
        for line in _announced(intention.batch, intention.environment, intention.selection, manner.lang):
            click.echo(line, err=True)
    return agreed(say("cancel.confirm", manner.lang), manner, safe=intention.in_sandbox)


def _announced(batch: str, environment: str, selection: Selection, lang: Lang) -> Iterator[str]:
    """What is going to be cancelled and what is not, in a few lines."""
    from pipeline.config.settings import SANDBOX
    from pipeline.messages import say
    from schemas.money import format_amount

    key = "cancel.batch_sandbox" if environment == SANDBOX else "cancel.batch"
    yield say(key, lang, batch=batch, environment=environment)
    amount = format_amount(selection.amount, lang)
    yield say("cancel.to_cancel", lang, count=len(selection.chosen), amount=amount)
    if selection.paid:
        rows = _listed(session.row for session in selection.paid)
        yield say("cancel.left_paid", lang, count=len(selection.paid), rows=rows)
    if selection.ended:
        yield say("cancel.left_ended", lang, count=selection.ended)
    if selection.unknown:
        rows = _listed(selection.unknown)
        yield say("cancel.left_unknown", lang, count=len(selection.unknown), rows=rows, batch=batch)


def _listed(rows: Iterable[int]) -> str:
    """Row numbers, the first of them."""
    numbers = [str(row) for row in rows]
    return ", ".join(numbers[:SHOWN]) + (" …" if len(numbers) > SHOWN else "")


def _print(result: CancelResult, manner: Manner) -> None:
    from pipeline.cli.following import print_workbook
    from pipeline.cli.printing import output_console
    from pipeline.messages import explain, say

    lang = manner.lang
    if manner.as_json:
        click.echo(json.dumps(_as_json(result), ensure_ascii=False))
    if not result.offered:
        click.echo(say("cancel.not_offered", lang), err=True)
    if result.failure is not None:
        click.echo(explain(result.failure, lang), err=True)
    if manner.as_json or (manner.quiet and not result.exit_code):
        return
    console = output_console()
    for line in _told(result, lang):
        console.print(line, markup=False)
    if result.written is not None:
        print_workbook(result.written, manner)


def _told(result: CancelResult, lang: Lang) -> Iterator[str]:
    """What was done, or would be."""
    from pipeline.domain.session_states import Cancelled
    from pipeline.messages import say
    from schemas.money import format_amount

    selection = result.selection
    if result.dry_run:
        yield say("cancel.dry_run", lang)
        yield from _announced(result.batch, result.environment, selection, lang)
        lines = []
        for session in selection.chosen:
            amount = "-" if session.amount is None else format_amount(session.amount, lang)
            lines.append(
                say("cancel.row_would", lang, row=session.row or "-", amount=amount, state=_state(session.state))
            )
        yield from _first(lines, lang)
    elif not selection.chosen:
        yield say("cancel.nothing", lang)
        yield from list(_announced(result.batch, result.environment, selection, lang))[2:]
    elif result.offered:
        cancelled = result.of(Cancelled)
        amount = format_amount(sum((one.session.amount or Decimal(0) for one in cancelled), Decimal(0)), lang)
        yield say("cancel.done", lang, count=len(cancelled), amount=amount)
        yield from _first([_why(one, lang) for one in result.attempted if not isinstance(one.result, Cancelled)], lang)


def _first(lines: list[str], lang: Lang) -> Iterator[str]:
    from pipeline.messages import say

    yield from lines[:SHOWN]
    if (more := len(lines) - SHOWN) > 0:
        yield say("cancel.more", lang, count=more)


def _why(one: Attempted, lang: Lang) -> str:
    """Why a session was not cancelled."""
    from pipeline.domain.session_states import Ended, Kept, Unsure
    from pipeline.messages import say

    row = one.session.row or "-"
    match one.result:
        case Ended(state):
            return say("cancel.row_ended", lang, row=row, state=_state(state))
        case Kept(status, reason):
            return say("cancel.row_kept", lang, row=row, status=status, reason=reason or "-")
        case Unsure(reason):
            return say("cancel.row_unsure", lang, row=row, reason=reason or "-")
        case other:
            raise AssertionError(other)


def _state(state: SessionState | None) -> str:
    """The API's words for both levels."""
    if state is None or not state.known:
        return "-"
    return " / ".join((state.session, *state.transactions))


def _as_json(result: CancelResult) -> dict[str, object]:
    from pipeline.domain.session_states import Cancelled

    selection = result.selection
    cancelled = result.of(Cancelled)
    amount = sum((one.session.amount or Decimal(0) for one in cancelled), Decimal(0))
    return {
        "batch": result.batch,
        "environment": result.environment,
        "dryRun": result.dry_run,
        "offered": result.offered,
        "toCancel": {"rows": len(selection.chosen), "amount": f"{selection.amount:.2f}"},
        "cancelled": {"rows": len(cancelled), "amount": f"{amount:.2f}"},
        "notCancelled": [
            {"row": one.session.row, "why": _why(one, "en").partition(": ")[2]}
            for one in result.attempted
            if not isinstance(one.result, Cancelled)
        ],
        "paid": [{"row": session.row, "state": _state(session.state)} for session in selection.paid],
        "ended": selection.ended,
        "unknown": list(selection.unknown),
        "stopped": result.failure.key if result.failure else "",
        "output": str(result.written.path) if result.written else None,
        "exitCode": int(result.exit_code),
    }
