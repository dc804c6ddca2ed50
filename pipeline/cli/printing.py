"""The result on standard output: a table for people, one JSON object for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.consoles import SafeConsole
from pipeline.cli.outlets import in_line
from pipeline.cli.screen import Manner
from pipeline.commands.request import Request, Result
from pipeline.domain.errors import ExitCode, RunError, StoppedEarlyError
from pipeline.domain.model import Status, Whole
from pipeline.journal.queries import BatchLine
from pipeline.messages import explain, say
from pipeline.report.formatting import zone
from pipeline.report.summary import status_lines
from schemas.money import format_amount, format_number, from_cents

SHOWN_ERRORS: Final = 10
"""Errors that `run` shows; the workbook has them all."""

FILE_WIDTH: Final = 1_000
"""Columns of a table that is printed to a file or pipe."""

_STYLES: Final[dict[Status, str]] = {
    Status.CREATED: "green",
    Status.ALREADY_CREATED: "green",
    Status.INVALID: "yellow",
    Status.REJECTED: "yellow",
    Status.HELD: "yellow",
    Status.FAILED: "red",
    Status.UNKNOWN: "bold red",
    Status.NOT_SENT: "dim",
}

_HELD: Final = {
    "held-repeat": "screen.held_repeat",
    "held-perhaps": "screen.held_perhaps",
    "held-reference": "screen.held_reference",
    "held-reference-perhaps": "screen.held_reference_perhaps",
    "held-rewritten": "screen.held_rewritten",
    "held-changed": "screen.held_changed",
}
"""What is said of rows that are held, by the code of their fault."""


def output_console() -> Console:
    """Standard output: lines are folded at words on a terminal, and never cut or folded in a file or pipe."""
    console = SafeConsole()
    return console if console.is_terminal else SafeConsole(soft_wrap=True, width=FILE_WIDTH)


def print_result(result: Result, request: Request, manner: Manner) -> None:
    """Say what a command has done. With `-q` nothing, unless something is wrong."""
    if manner.as_json:
        click.echo(json.dumps(result.summary, ensure_ascii=False))
    failed = result.totals.counts[Status.FAILED]
    if result.failure is not None:
        _tell(result.failure, manner)
    elif result.exit_code is ExitCode.STOPPED_EARLY and failed:
        _tell(StoppedEarlyError("run.some_failed", count=failed), manner)
    if manner.as_json or (manner.quiet and result.exit_code is ExitCode.DONE):
        return
    console = output_console()
    for line in _headlines(result, manner):
        console.print(line)
    console.print(_table(result, manner))
    whole = result.report.whole
    if whole is not None and whole.totals != result.totals:
        console.print(say("screen.whole_batch", manner.lang, batch=result.report.batch), markup=False)
        print_whole(whole, manner)
    if not request.dry_run:
        _print_errors(result, manner, console)
    if result.written is not None:
        console.print(Text(say("screen.workbook", manner.lang, path=result.written.path), style="bold"))
    print_outputs(result.summary or {}, manner)


def print_outputs(summary: Mapping[str, object], manner: Manner) -> None:
    """The files that were written beside the workbook, as the JSON summary has them."""
    outputs = summary.get("outputs")
    for name, path in outputs.items() if isinstance(outputs, dict) else ():
        if path is not None:
            click.echo(say("screen.beside", manner.lang, name=name, path=path))


def print_failure(failure: RunError, manner: Manner, request: Request | None = None) -> None:
    """Say in one sentence why nothing could be begun; as JSON too, where that was asked for."""
    sentence = explain(failure, manner.lang)
    if manner.as_json:
        batch, file = (request.batch or request.file.stem, request.file.name) if request else (None, None)
        summary = {"batch": batch, "file": file} | nothing_done(failure.key, sentence, failure.exit_code)
        click.echo(json.dumps(summary, ensure_ascii=False))
    _tell(failure, manner)


def _tell(failure: RunError, manner: Manner) -> None:
    """A failure's sentence on standard error, as a line of JSON where the others are that (`--log-json`)."""
    sentence = explain(failure, manner.lang)
    if manner.log_json:
        sentence = json.dumps({"event": "failed", "code": failure.key, "message": sentence}, ensure_ascii=False)
    click.echo(sentence, err=True)


def nothing_done(code: str, message: str, exit_code: int) -> dict[str, object]:
    """The JSON summary of a command that could not begin: one error about no row, and zeros."""
    return {
        "sha256": None,
        "environment": None,
        "rows": 0,
        "counts": {status.value: 0 for status in Status},
        "amounts": {status.value: "0.00" for status in Status},
        "errors": [{"row": None, "field": "", "code": code, "message": message}],
        "errorsOmitted": 0,
        "output": None,
        "exitCode": int(exit_code),
    }


def _headlines(result: Result, manner: Manner) -> list[str]:
    forecast, counts = result.forecast, result.totals.counts
    if not result.totals.rows:
        return [say("screen.no_rows", manner.lang)]
    if result.report.dry_run or forecast is None:
        return [say("screen.dry_run", manner.lang)] if result.report.dry_run else []
    if forecast.kept and not forecast.to_send and not counts[Status.CREATED]:
        # Said first: nobody must wonder whether this run asked anyone.
        return [say("screen.all_from_before", manner.lang, count=forecast.kept, date=forecast.kept_since)]
    return []


def _table(result: Result, manner: Manner) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(say("screen.column_status", manner.lang))
    table.add_column(say("screen.column_rows", manner.lang), justify="right")
    table.add_column(say("screen.column_amount", manner.lang), justify="right")
    table.add_column(say("screen.column_meaning", manner.lang))
    for line in status_lines(result.totals, manner.lang):
        if line.rows:
            style = _STYLES[line.status]
            amount = format_amount(line.amount, manner.lang)
            table.add_row(Text(line.status, style=style), format_number(line.rows, manner.lang), amount, line.meaning)
    total = sum(result.totals.amounts.values(), Decimal(0))
    table.add_section()
    table.add_row(
        Text(say("screen.total", manner.lang), style="bold"),
        format_number(result.totals.rows, manner.lang),
        format_amount(total, manner.lang),
    )
    return table


def _print_errors(result: Result, manner: Manner, console: Console) -> None:
    """The first errors; the workbook has them all, with how to mend each."""
    errors = (result.summary or {}).get("errors")
    if not isinstance(errors, list) or not errors:
        return
    _print_held(result, manner, console)
    shown = result.to_fix[:SHOWN_ERRORS]
    for error in shown:
        console.print(say("screen.row", manner.lang, row=error["row"], told=error["message"]), markup=False)
    more = len(result.to_fix) + int(str((result.summary or {}).get("errorsOmitted", 0))) - len(shown)
    if shown and more > 0:
        console.print(say("screen.more_errors", manner.lang, count=more), markup=False)


def _print_held(result: Result, manner: Manner, console: Console) -> None:
    """One sentence for all rows that are held for one reason, with both ways out."""
    for held in result.held:
        rows = ", ".join(map(str, held.rows)) + (" …" if held.count > len(held.rows) else "")
        told = {"count": held.count, "rows": rows, "batch": held.batch, "date": held.date}
        console.print(say(_HELD[held.code], manner.lang, **told), markup=False)


def print_whole(whole: Whole, manner: Manner) -> None:
    """What a whole batch comes to beside what was told already: its requests, those cancelled, rows never asked."""
    figures = {"screen.whole_cancelled": whole.cancelled, "screen.whole_never_asked": whole.never_asked}
    told = {"screen.whole_requests": whole.requests} | {key: figure for key, figure in figures.items() if figure.rows}
    for key, figure in told.items():
        count, amount = format_number(figure.rows, manner.lang), format_amount(figure.amount, manner.lang)
        output_console().print(say(key, manner.lang, count=count, amount=amount), markup=False)


def print_batches(lines: list[BatchLine], manner: Manner) -> None:
    """The list of batches."""
    if manner.as_json:
        click.echo(json.dumps([_batch_json(line) for line in lines], ensure_ascii=False))
        return
    if not lines:
        click.echo(say("screen.no_batches", manner.lang))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for key in ("screen.column_batch", "screen.column_environment", "screen.column_last_run", "screen.column_file"):
        table.add_column(say(key, manner.lang))
    for key in (
        "screen.column_created",
        "screen.column_amount",
        "screen.column_cancelled",
        "screen.column_never_asked",
        "screen.column_unknown",
    ):
        table.add_column(say(key, manner.lang), justify="right")
    for line in lines:
        when = f"{line.last_run_at:%Y-%m-%d %H:%M}" if line.last_run_at else ""
        amount = format_amount(from_cents(line.created_cents), manner.lang)
        unknown = Text(str(line.unknown), style="bold red" if line.unknown else "")
        created = format_number(line.created, manner.lang)
        cancelled = format_amount(from_cents(line.cancelled_cents), manner.lang) if line.cancelled else ""
        never = format_number(line.never_asked, manner.lang) if line.never_asked else ""
        cells = (
            Text(in_line(line.environment)),
            when,
            Text(in_line(line.file)),
            created,
            amount,
            cancelled,
            never,
            unknown,
        )
        table.add_row(Text(in_line(line.name)), *cells)
    output_console().print(table)
    click.echo(say("report.in_zone", manner.lang, zone=zone()))


def _batch_json(line: BatchLine) -> dict[str, object]:
    return {
        "batch": line.name,
        "environment": line.environment,
        "lastRun": line.last_run_at.isoformat() if line.last_run_at else None,
        "file": line.file,
        "created": line.created,
        "amount": f"{from_cents(line.created_cents):.2f}",
        "rows": line.rows,
        "cancelled": line.cancelled,
        "cancelledAmount": f"{from_cents(line.cancelled_cents):.2f}",
        "neverAsked": line.never_asked,
        "neverAskedAmount": f"{from_cents(line.never_asked_cents):.2f}",
        "unknown": line.unknown,
    }
