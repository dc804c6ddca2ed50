"""The command `status`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.cli.outlets import say
from pipeline.messages import explain, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.commands.status import StatusResult
    from pipeline.config.settings import Settings


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import status billing-2026-11
      # Ask again every minute, until no request can change any more.
      flinks-import status billing-2026-11 --watch --every 60
      flinks-import status billing-2026-11 --since 2026-11-24 --csv paid.csv

    Exit codes:
      0  the API answered for every request
      2  the command line or the settings are wrong, or there is no such batch
      4  the API refused the credentials
      5  the outcome of a row is unknown
      6  stopped early: run the same command again to continue
    """,
)
@click.argument("batch")
@click.option("--watch", is_flag=True, help="Ask again until no request can change any more. Ctrl-C stops.")
@click.option(
    "--every",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: the pause before the API is asked again.",
)
@click.option(
    "--since",
    type=options.Day(),
    metavar="DATE",
    help="Only requests that were created on DATE (2026-11-24) or later.",
)
@click.option(
    "--open-days",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    metavar="N",
    help="List separately the requests that are open for more than N days.",
)
@options.batch_workbook
@options.batch_sandbox
@options.pace
@options.outputs
@options.journal
@options.talking
def status(batch: str, since: datetime | None, output: Path | None, **given: Any) -> int:
    """Ask the API who has paid, and update the results workbook of BATCH. The sheet itself is not needed.

    Paid means that the payor agreed (Accepted, Processed, Settled). A request that can't change any more is not checked
    again.
    """
    from pipeline.cli.runner import call, outputs_of

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.console import emit_for
        from pipeline.commands.status import StatusRequest
        from pipeline.commands.status import status as ask

        request = StatusRequest(
            batch=batch,
            output=output,
            sandbox=given["sandbox"],
            watch=given["watch"],
            every=given["every"],
            since=since.astimezone() if since else None,
            open_days=given["open_days"],
            lang=manner.lang,
            files=outputs_of(given),
        )
        result = ask(request, settings, emit_for(manner))
        _print(result, manner)
        return result.exit_code

    return call(given, body)


def _print(result: StatusResult, manner: Manner) -> None:
    from pipeline.cli.printing import print_outputs, print_payments, print_whole, print_workbook, with_error

    if manner.as_json:
        click.echo(json.dumps(with_error(_as_json(result), result.failure, manner.lang), ensure_ascii=False))
    if result.failure is not None:
        say(explain(result.failure, manner.lang), err=True)
    if manner.as_json or (manner.quiet and not result.exit_code):
        return
    payments = result.now.payments
    if payments is None:
        say(
            translate(
                "Batch {batch} has no requests. There is nothing to check.", manner.lang, batch=result.now.report.batch
            )
        )
    else:
        say(
            translate(
                "Requests checked: {count}; already final: {final}", manner.lang, count=result.asked, final=result.final
            )
        )
        print_payments(payments, manner)
    print_whole(result.now.whole, manner)
    _print_remarks(result, manner)
    if result.written is not None:
        print_workbook(result.written.path, manner)
    print_outputs(result.outputs, manner)


def _print_remarks(result: StatusResult, manner: Manner) -> None:
    """What a person should look at: what is open too long, and what is unknown."""
    from pipeline.cli.printing import output_console
    from pipeline.domain.model import Status
    from pipeline.domain.payment_summary import days_open
    from pipeline.report.results import session_word
    from schemas.money import format_amount

    console, lang, now = output_console(), manner.lang, result.now
    payments = now.payments
    if payments is not None and payments.late:
        amount = format_amount(payments.late_amount, lang)
        title = translate(
            "Open longer than {days} days: {count}, {amount}",
            lang,
            days=payments.days,
            count=payments.late,
            amount=amount,
        )
        console.print(title, markup=False, style="yellow")
        for row in now.late:
            told = {
                "row": row.row.number,
                "reference": row.reference_sent or "-",
                "amount": "-" if row.amount_sent is None else format_amount(row.amount_sent, lang),
                "days": days_open(row, now.report),
                "state": session_word(row.state, lang) if row.state else "-",
            }
            console.print(
                translate("  row {row}: {reference}, {amount}, {days} days, {state}", lang, **told), markup=False
            )
        if (more := payments.late - len(now.late)) > 0:
            console.print(
                translate("  … and {count} more in the sheet Open of the workbook", lang, count=more), markup=False
            )
    if payments is not None and payments.not_known:
        console.print(
            translate(
                "Requests that the API does not know (HTTP 404): {count}. See the notices in the workbook.",
                lang,
                count=payments.not_known,
            ),
            markup=False,
            style="yellow",
        )
    if payments is not None and payments.strange:
        console.print(
            translate(
                "Requests with an undocumented state: {count}. See the notices in the workbook, "
                "and check them in the dashboard.",
                lang,
                count=payments.strange,
            ),
            markup=False,
            style="yellow",
        )
    if unknown := now.whole.totals.counts[Status.UNKNOWN]:
        told = {"count": unknown, "batch": now.report.batch}
        console.print(
            translate(
                "Rows whose outcome is unknown: {count}. Look for each in the dashboard, then "
                'record what you find: `flinks-import resolve "{batch}" ROW`.',
                lang,
                **told,
            ),
            markup=False,
            style="bold red",
        )


def _as_json(result: StatusResult) -> dict[str, object]:
    from pipeline.cli.printing import paid_json
    from pipeline.domain.payment_summary import days_open

    now, payments = result.now, result.now.payments
    return {
        "batch": now.report.batch,
        "file": now.report.source.name,
        "sha256": now.report.source.sha256,
        "environment": now.report.environment,
        **now.whole.as_json(),
        "asked": result.asked,
        "final": result.final,
        "missed": result.missed,
        "askedAt": payments.asked_at.isoformat() if payments else None,
        "paid": paid_json(payments),
        "open": {
            "days": now.report.open_days,
            "rows": payments.late if payments else 0,
            "amount": f"{payments.late_amount:.2f}" if payments else "0.00",
            "first": [
                {
                    "row": row.row.number,
                    "file": row.file,
                    "referenceId": row.reference_sent,
                    "daysOpen": days_open(row, now.report),
                }
                for row in now.late
            ],
        },
        "unknownToApi": payments.not_known if payments else 0,
        "undocumentedWords": payments.strange if payments else 0,
        "stopped": result.failure.code if result.failure else "",
        "output": str(result.written.path) if result.written else None,
        "exitCode": int(result.exit_code),
        **result.outputs,
    }
