"""The result on standard output: a table for people, one JSON object for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import Manner, SafeConsole, error_console
from pipeline.cli.outlets import in_line, say
from pipeline.commands.options import Request, Result
from pipeline.domain.errors import ExitCode, RunError, StoppedEarlyError
from pipeline.domain.model import Status, Whole
from pipeline.domain.payment_summary import Payments
from pipeline.domain.session_states import Paid
from pipeline.journal.queries import BatchLine
from pipeline.messages import N_, Plural, explain, translate
from pipeline.report.formatting import zone
from pipeline.report.summary import HELD_ROWS, RowError, meaning_of_paid, status_lines
from pipeline.system.file_names import readable
from schemas.languages import Lang
from schemas.money import format_amount, format_number, from_cents
from schemas.workbook_names import word

SHOWN_ERRORS: Final = 10
"""Reasons that `run` shows; the workbook has every error."""

FILE_WIDTH: Final = 1_000
"""Columns of a table that is printed to a file or pipe."""

_PLACE_WIDTH: Final = 14
"""Columns of the name of a file or environment in the list of batches; `batches show` has those that do not fit."""

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

_PAID_STYLES: Final[dict[Paid, str]] = {Paid.YES: "green", Paid.NOT_YET: "yellow", Paid.NO: "red"}

_HELD_ROWS: Final = Plural("  row {rows} is held: {told}", "  {count} rows are held ({rows}): {told}")
_HELD: Final = {
    "held-repeat": N_(
        "batch {batch} requested the same on {date}. To request it again, run the same command with --allow-repeats; "
        "otherwise do nothing."
    ),
    "held-perhaps": N_(
        "batch {batch} sent the same on {date}, and its outcome is unknown. Look in the dashboard. If no request "
        "exists, run the same command with --allow-repeats."
    ),
    "held-reference": N_(
        "batch {batch} requested the same reference on {date} with other content; the workbook shows both versions. "
        "For a new charge, give the row its own reference, or run the same command with --allow-repeats. If the "
        "earlier request was wrong, cancel it first."
    ),
    "held-reference-perhaps": N_(
        "batch {batch} sent the same reference on {date} with other content, and the outcome is unknown. Look in the "
        "dashboard. If no request exists, or both are right, run the same command with --allow-repeats."
    ),
    "held-rewritten": N_(
        "batch {batch} created the same request on {date}, for a row that is no longer in the sheet; a spreadsheet "
        "program may have changed the reference. Restore it. For a new charge, run the same command with "
        "--allow-repeats."
    ),
    "held-changed": N_(
        "batch {batch} created its request on {date} with other content; the workbook shows both versions. For a new "
        "charge, give the row its own reference. If the earlier request was wrong, cancel it and run the same command "
        "again."
    ),
}
"""What is said of rows that are held, by the code of their fault."""


def output_console() -> Console:
    """Standard output: lines are folded at words on a terminal, and never cut or folded in a file or pipe."""
    console = SafeConsole()
    return console if console.is_terminal else SafeConsole(soft_wrap=True, width=FILE_WIDTH)


def print_result(result: Result, request: Request, manner: Manner) -> None:
    """Say what a command has done. With `-q` nothing, unless something is wrong."""
    failure, failed = result.failure, result.totals.counts[Status.FAILED]
    if failure is None and result.exit_code is ExitCode.STOPPED_EARLY and failed:
        failure = StoppedEarlyError(
            "Rows whose request was not created (failed): {count}. Run the same command again to send them.",
            count=failed,
        )
    if manner.as_json:
        click.echo(json.dumps(with_error(result.summary or {}, failure, manner.lang), ensure_ascii=False))
    if failure is not None:
        _tell(failure, manner)
    if manner.as_json or (manner.quiet and result.exit_code is ExitCode.DONE):
        return
    console = output_console()
    for line in _headlines(result, manner):
        console.print(line)
    console.print(_table(result, manner))
    whole = result.report.whole
    if whole is not None and whole.totals != result.totals:
        console.print(translate("All sheets of batch {batch}:", manner.lang, batch=result.report.batch), markup=False)
        print_whole(whole, manner)
    if not request.dry_run:
        _print_errors(result, manner, console)
    if result.written is not None:
        print_workbook(result.written.path, manner)
        counts = result.totals.counts
        if not request.dry_run and (counts[Status.INVALID] or counts[Status.REJECTED]):
            text = N_("To send the rows with errors: correct them in its sheet Errors, save it, and run that workbook.")
            console.print(translate(text, manner.lang), markup=False)
    print_outputs(result.summary or {}, manner)


def print_outputs(summary: Mapping[str, object], manner: Manner) -> None:
    """The files that were written beside the workbook, as the JSON summary has them."""
    outputs = summary.get("outputs")
    for name, path in outputs.items() if isinstance(outputs, dict) else ():
        if path is not None:
            say(translate("  {name}: {path}", manner.lang, name=name, path=path))


def print_failure(failure: RunError, manner: Manner, request: Request | None = None) -> None:
    """Say in one sentence why nothing could be begun; as JSON too, where that was asked for.

    A `request` gives it the keys that the summary of `run` always has.
    """
    if manner.as_json:
        told = (failure.code, explain(failure, manner.lang), failure.exit_code)
        summary = (
            {"batch": request.batch or readable(request.file.stem), "file": readable(request.file.name)}
            | nothing_done(*told)
            if request
            else error_json(*told)
        )
        click.echo(json.dumps(summary, ensure_ascii=False))
    _tell(failure, manner)


def with_error(summary: dict[str, object], failure: RunError | None, lang: Lang) -> dict[str, object]:
    """A command's JSON, with what kept it from its end, if anything did."""
    if failure is None:
        return summary
    return summary | {"error": {"code": failure.code, "message": explain(failure, lang)}}


def error_json(code: str, message: str, exit_code: int) -> dict[str, object]:
    """The JSON of a command that could not begin."""
    return {"error": {"code": code, "message": message}, "exitCode": int(exit_code)}


def _tell(failure: RunError, manner: Manner) -> None:
    """A failure's sentence on standard error, as a line of JSON where the others are that (`--log-json`)."""
    sentence = explain(failure, manner.lang)
    if manner.log_json:
        sentence = json.dumps({"event": "failed", "code": failure.code, "message": sentence}, ensure_ascii=False)
    if manner.log_json:
        click.echo(sentence, err=True)
    else:
        style = "bold yellow" if failure.exit_code is ExitCode.STOPPED_EARLY else "bold red"
        error_console().print(sentence, markup=False, style=style)


def nothing_done(code: str, message: str, exit_code: int) -> dict[str, object]:
    """The JSON summary of a run that could not begin: one error about no row, and zeros."""
    return {
        "sha256": None,
        "environment": None,
        "rows": 0,
        "counts": {status.value: 0 for status in Status},
        "amounts": {status.value: "0.00" for status in Status},
        "errors": [{"row": None, "field": "", "code": code, "message": message}],
        "errorsOmitted": 0,
        "output": None,
        **error_json(code, message, exit_code),
    }


def _headlines(result: Result, manner: Manner) -> list[str]:
    forecast, counts = result.forecast, result.totals.counts
    if not result.totals.rows:
        return [translate("The sheet has headings but no rows. Nothing was sent.", manner.lang)]
    if result.report.dry_run or forecast is None:
        return [translate("Nothing was sent: this was only a check.", manner.lang)] if result.report.dry_run else []
    if forecast.kept and not forecast.to_send and not counts[Status.CREATED]:
        # Said first: nobody must wonder whether this run asked anyone.
        return [
            translate(
                "Nothing was sent. Valid rows that already have their request: {count}, the last from {date}.",
                manner.lang,
                count=forecast.kept,
                date=forecast.kept_since,
            )
        ]
    return []


def _table(result: Result, manner: Manner) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(translate("status", manner.lang))
    table.add_column(translate("rows", manner.lang), justify="right")
    table.add_column(translate("amount", manner.lang), justify="right")
    table.add_column(translate("meaning", manner.lang))
    for line in status_lines(result.totals, manner.lang):
        if line.rows:
            style = _STYLES[line.status]
            amount = format_amount(line.amount, manner.lang)
            rows, status = format_number(line.rows, manner.lang), Text(word(line.status, manner.lang), style=style)
            table.add_row(status, rows, amount, line.meaning)
    total = sum(result.totals.amounts.values(), Decimal(0))
    table.add_section()
    table.add_row(
        Text(translate("total", manner.lang), style="bold"),
        format_number(result.totals.rows, manner.lang),
        format_amount(total, manner.lang),
    )
    return table


def _print_errors(result: Result, manner: Manner, console: Console) -> None:
    """The first errors; the workbook has them all, with how to fix each."""
    errors = (result.summary or {}).get("errors")
    if not isinstance(errors, list) or not errors:
        return
    for held in result.held:  # one sentence for all rows that are held for one reason, with both ways out
        told = translate(_HELD[held.code], manner.lang, batch=held.batch, date=held.date)
        numbers = _listed(held.rows, held.count)
        console.print(translate(_HELD_ROWS, manner.lang, count=held.count, rows=numbers, told=told), markup=False)
    alike: dict[str, list[RowError]] = {}
    for error in result.to_fix:
        alike.setdefault(error.reason, []).append(error)
    shown = list(alike.items())[:SHOWN_ERRORS]
    for reason, group in shown:
        rows = list(dict.fromkeys(error.row for error in group))
        line = (
            translate("  row {row}: {told}", manner.lang, row=rows[0], told=group[0].message)
            if len(rows) == 1
            else translate(
                "  {count} rows: {told} (rows {rows})",
                manner.lang,
                count=format_number(len(rows), manner.lang),
                told=reason,
                rows=_listed(rows[:HELD_ROWS], len(rows)),
            )
        )
        console.print(line, markup=False)
    omitted = int(str((result.summary or {}).get("errorsOmitted", 0)))
    more = len(result.to_fix) + omitted - sum(len(group) for _, group in shown)
    if shown and more > 0:
        console.print(
            translate("  … and {count} more in the workbook, with how to fix them", manner.lang, count=more),
            markup=False,
        )


def _listed(rows: Sequence[int], count: int) -> str:
    """The first of `count` row numbers."""
    return ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")


def print_whole(whole: Whole, manner: Manner) -> None:
    """What a whole batch comes to beside what was told already: its requests, those cancelled, rows never asked."""
    figures = {
        N_("  of which cancelled: {count}, {amount}"): whole.cancelled,
        N_("  rows never asked: {count}, {amount}"): whole.never_asked,
    }
    told = {N_("  existing requests: {count}, {amount}"): whole.requests} | {
        text: figure for text, figure in figures.items() if figure.rows
    }
    for text, figure in told.items():
        count, amount = format_number(figure.rows, manner.lang), format_amount(figure.amount, manner.lang)
        output_console().print(translate(text, manner.lang, count=count, amount=amount), markup=False)


def print_payments(payments: Payments, manner: Manner) -> None:
    """Who has paid, as a table on standard output."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(translate("paid", manner.lang), no_wrap=True)
    for text in (N_("rows"), N_("amount")):
        table.add_column(translate(text, manner.lang), justify="right", no_wrap=True)
    table.add_column(translate("meaning", manner.lang))
    for verdict in Paid:
        amount = format_amount(payments.amounts[verdict], manner.lang)
        meaning = meaning_of_paid(verdict, manner.lang)
        rows = format_number(payments.counts[verdict], manner.lang)
        table.add_row(Text(word(verdict, manner.lang), style=_PAID_STYLES[verdict]), rows, amount, meaning)
    total = format_amount(sum(payments.amounts.values(), Decimal(0)), manner.lang)
    table.add_section()
    rows = format_number(sum(payments.counts.values()), manner.lang)
    table.add_row(Text(translate("total", manner.lang), style="bold"), rows, total)
    console = output_console()
    console.print(table)
    asked = payments.asked_at.isoformat(" ", "minutes")
    console.print(translate("According to the API, {time}.", manner.lang, time=asked), markup=False)


def print_workbook(path: Path, manner: Manner) -> None:
    """Where the workbook is."""
    output_console().print(translate("Workbook: {path}", manner.lang, path=path), markup=False, style="bold")


def paid_json(payments: Payments | None) -> dict[str, object]:
    """Rows and dollars by whether they were paid, for scripts."""
    return {
        verdict.value: {
            "rows": payments.counts[verdict] if payments else 0,
            "amount": f"{payments.amounts[verdict]:.2f}" if payments else "0.00",
        }
        for verdict in Paid
    }


def print_batches(lines: list[BatchLine], manner: Manner) -> None:
    """The list of batches."""
    if manner.as_json:
        click.echo(json.dumps([_batch_json(line) for line in lines], ensure_ascii=False))
        return
    if not lines:
        say(translate("The journal has no batches yet.", manner.lang))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    lang = manner.lang
    environments = [in_line(line.environment) for line in lines]
    several = len(set(environments)) > 1
    names = {
        N_("batch"): [in_line(line.name) for line in lines],
        N_("last run"): [f"{line.last_run_at:%Y-%m-%d %H:%M}" if line.last_run_at else "" for line in lines],
    }
    numbers = {
        N_("requests"): [format_number(line.created, lang) for line in lines],
        N_("amount"): [format_amount(from_cents(line.created_cents), lang) for line in lines],
        N_("cancelled"): [
            format_amount(from_cents(line.cancelled_cents), lang) if line.cancelled else "" for line in lines
        ],
        N_("never asked"): [format_number(line.never_asked, lang) if line.never_asked else "" for line in lines],
        N_("outcome unknown"): [format_number(line.unknown, lang) if line.unknown else "" for line in lines],
    }
    # A name is there to be typed, and a number to be read: where a terminal is narrow, a heading is folded, or a place.
    columns = []
    for text, cells in (names | numbers).items():
        if any(cells):
            heading = translate(text, lang)
            widest = max(map(len, (*heading.split(), *cells)))
            style = "bold red" if text == "outcome unknown" else ""
            table.add_column(heading, justify="right" if text in numbers else "left", min_width=widest, style=style)
            columns.append(cells)
    console = output_console()
    room = console.width - sum((column.min_width or 0) + 2 for column in table.columns)
    places = {N_("environment"): environments} if several else {}
    if room >= _PLACE_WIDTH * (len(places) + 1):
        places = {N_("file"): [in_line(line.file) for line in lines], **places}
    for text, cells in places.items():
        table.add_column(translate(text, lang), overflow="fold")
        columns.append(cells)
    for row in zip(*columns, strict=True):
        table.add_row(*map(Text, row))
    if not several:
        say(translate("Environment: {environment}", lang, environment=environments[0]))
    console.print(table)
    say(translate("Dates and times are local: {zone}.", manner.lang, zone=zone()))


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
