"""The command `cancel`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import N_, explain, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
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
                self.fail(_("{value} does not name rows; write it like 5,7-9.").format(value=value), param, ctx)
            found.append(range(int(match[1]), int(match[2] or match[1]) + 1))
        return tuple(found)


@click.command(
    cls=Command,
    epilog="""
    Examples:
      # Show what would be cancelled, and stop.
      flinks-import cancel billing-2026-11 --dry-run
      flinks-import cancel billing-2026-11
      flinks-import cancel billing-2026-11 --rows 5,7-9

    Exit codes:
      0  every selected request is cancelled
      1  some could not be cancelled, or the API can't cancel
      2  the command line or the rows are wrong
      4  the API refused the credentials
      5  the outcome of a row is unknown, so it can't be cancelled
      6  stopped early: run the same command again to continue
      7  a run is using the batch
    """,
)
@click.argument("batch")
@options.file
@click.option(
    "--rows",
    type=Rows(),
    metavar="ROWS",
    help="Only these rows of your sheet, such as 5,7-9.  [default: the whole batch]",
)
@click.option(
    "--status",
    "which",
    type=click.Choice(["open", "initiated", "in-progress", "not-paid"]),
    default="open",
    show_default=True,
    help="Which requests to cancel: all that are open, those that no payor has started, those that one has started, "
    "or all that are not paid.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be cancelled, and cancel nothing.")
@options.batch_workbook
@options.batch_sandbox
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (needed without a terminal).")
@options.pace
@options.journal
@options.talking
def cancel(batch: str, rows: tuple[range, ...] | None, which: str, output: Path | None, **given: Any) -> int:
    """Cancel the payment requests of BATCH that are still open: the undo of a wrong upload.

    A request that is paid or has ended is listed and not changed. `run` does not send a cancelled row again.
    """
    from pipeline.cli.runner import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.console import emit_for
        from pipeline.commands.cancel import CancelFilter, CancelRequest, cancel_batch

        request = CancelRequest(
            batch=batch,
            rows=rows,
            file=given["file"],
            which=CancelFilter(which),
            dry_run=given["dry_run"],
            output=output,
            sandbox=given["sandbox"],
            lang=manner.lang,
        )
        result = cancel_batch(
            request,
            settings,
            emit_for(manner),
            lambda intention: _confirm(intention, manner),
        )
        _print(result, manner)
        return result.exit_code

    return call(given, body)


def _confirm(intention: Intention, manner: Manner) -> bool:
    from pipeline.cli.console import confirm

    if not (manner.quiet and manner.yes):
        for line in _announced(intention.batch, intention.environment, intention.selection, manner.lang):
            say(line, err=True)
    return confirm(
        translate("Cancel them? The payors can no longer pay them.", manner.lang), manner, safe=intention.in_sandbox
    )


def _announced(batch: str, environment: str, selection: Selection, lang: Lang) -> Iterator[str]:
    """What is going to be cancelled and what is not, in a few lines."""
    from pipeline.config.settings import SANDBOX
    from schemas.money import format_amount

    text = (
        N_("Batch {batch}, in the built-in sandbox")
        if environment == SANDBOX
        else N_("Batch {batch}, at {environment}")
    )
    yield translate(text, lang, batch=batch, environment=environment)
    amount = format_amount(selection.amount, lang)
    yield translate("  payment requests to cancel: {count}, {amount}", lang, count=len(selection.chosen), amount=amount)
    if selection.paid:
        rows = _listed(session.row for session in selection.paid)
        yield translate("  paid, not cancelled: {count} (rows {rows})", lang, count=len(selection.paid), rows=rows)
    if selection.ended:
        yield translate("  ended or not selected, not cancelled: {count}", lang, count=selection.ended)
    if selection.unknown:
        rows = _listed(selection.unknown)
        yield translate(
            "  outcome unknown, can't be cancelled: {count} (rows {rows}). Look for them in "
            'the dashboard, then record what you find: `flinks-import resolve "{batch}" ROW`.',
            lang,
            count=len(selection.unknown),
            rows=rows,
            batch=batch,
        )


def _listed(rows: Iterable[int]) -> str:
    """Row numbers, the first of them."""
    numbers = [str(row) for row in rows]
    return ", ".join(numbers[:SHOWN]) + (" …" if len(numbers) > SHOWN else "")


def _print(result: CancelResult, manner: Manner) -> None:
    from pipeline.cli.printing import output_console, print_workbook, with_error

    lang = manner.lang
    if manner.as_json:
        click.echo(json.dumps(with_error(_as_json(result), result.failure, lang), ensure_ascii=False))
    if not result.offered:
        say(
            translate(
                "The API can't cancel e-Transfer requests yet. Nothing was changed. Cancel them "
                "in the Flinks dashboard, or let them expire.",
                lang,
            ),
            err=True,
        )
    if result.failure is not None:
        say(explain(result.failure, lang), err=True)
    if manner.as_json or (manner.quiet and not result.exit_code):
        return
    console = output_console()
    for line in _told(result, lang):
        console.print(line, markup=False)
    if result.written is not None:
        print_workbook(result.written.path, manner)


def _told(result: CancelResult, lang: Lang) -> Iterator[str]:
    """What was done, or would be."""
    from pipeline.domain.session_states import Cancelled
    from schemas.money import format_amount

    selection = result.selection
    if result.dry_run:
        yield translate("Nothing was cancelled: this was only a check.", lang)
        yield from _announced(result.batch, result.environment, selection, lang)
        lines = []
        for session in selection.chosen:
            amount = "-" if session.amount is None else format_amount(session.amount, lang)
            lines.append(
                translate(
                    "  row {row}: {amount}, {state}",
                    lang,
                    row=session.row or "-",
                    amount=amount,
                    state=_state(session.state),
                )
            )
        yield from _first(lines, lang)
    elif not selection.chosen:
        yield translate("There is nothing to cancel.", lang)
        yield from list(_announced(result.batch, result.environment, selection, lang))[2:]
    elif result.offered:
        cancelled = result.of(Cancelled)
        amount = format_amount(sum((one.session.amount or Decimal(0) for one in cancelled), Decimal(0)), lang)
        yield translate("Cancelled: {count}, {amount}", lang, count=len(cancelled), amount=amount)
        yield from _first([_why(one, lang) for one in result.attempted if not isinstance(one.result, Cancelled)], lang)


def _first(lines: list[str], lang: Lang) -> Iterator[str]:

    yield from lines[:SHOWN]
    if (more := len(lines) - SHOWN) > 0:
        yield translate("  … and {count} more", lang, count=more)


def _why(one: Attempted, lang: Lang) -> str:
    """Why a session was not cancelled."""
    from pipeline.domain.session_states import AlreadyEnded, NotCancelled, Unsure

    row = one.session.row or "-"
    match one.result:
        case AlreadyEnded(state):
            return translate("  row {row}: not cancelled, already {state}", lang, row=row, state=_state(state))
        case NotCancelled(status, reason):
            return translate(
                "  row {row}: not cancelled, the API refused (HTTP {status}: {reason})",
                lang,
                row=row,
                status=status,
                reason=reason or "-",
            )
        case Unsure(reason):
            return translate(
                "  row {row}: the API did not confirm the cancellation ({reason}). Run the same "
                "command again to check.",
                lang,
                row=row,
                reason=reason or "-",
            )
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
        "stopped": result.failure.code if result.failure else "",
        "output": str(result.written.path) if result.written else None,
        "exitCode": int(result.exit_code),
    }
