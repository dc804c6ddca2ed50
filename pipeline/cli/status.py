"""The command `status`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.status import StatusResult
    from pipeline.config.settings import Settings


@click.command()
@click.argument("batch")
@click.option("--watch", is_flag=True, help="Ask again and again until nothing can change any more; Ctrl-C leaves.")
@click.option(
    "--every",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: the pause between two rounds.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Ask only about what was created on this day (2026-11-24) or later.",
)
@click.option(
    "--open-days",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    metavar="N",
    help="What is open longer than N days is listed apart.",
)
@click.option("-o", "--output", type=options.FILE, help="The workbook.  [default: BATCH.status.xlsx in this folder]")
@click.option("--sandbox", is_flag=True, help="A batch that was sent to the built-in sandbox.")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Requests in flight.  [default: 16]")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second.  [default: no limit]")
@options.outputs
@options.journal
@options.talking
def status(batch: str, since: datetime | None, output: Path | None, **given: Any) -> int:
    """Ask the API who has paid, and write the results workbook of BATCH anew. The sheet is not needed any more.

    Paid means that the payor agreed (Accepted, Processed, Settled). Requests that can't change any more are not asked
    about again.

    \b
    Exit codes: 0 all were asked about, 2 wrong options or an unknown batch, 4 credentials refused,
    5 a row's outcome is unknown, 6 stopped early or out of reach: the same command goes on.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import call

    def body(settings: Settings, manner: Manner) -> int:
        from pipeline.cli.following import FollowLines
        from pipeline.cli.screen import screen_of
        from pipeline.commands.beside import Wanted
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
            files=Wanted(
                csv=given["csv"],
                parquet=given["parquet"],
                receivables=given["receivables"],
                receivables_mapping=given["receivables_mapping"],
                html=given["html"],
            ),
        )
        result = ask(request, settings, screen_of(manner), FollowLines(manner, "status.asking"))
        _print(result, manner)
        return result.exit_code

    return call(given, body)


def _print(result: StatusResult, manner: Manner) -> None:
    from pipeline.cli.following import print_payments, print_workbook
    from pipeline.cli.printing import print_outputs, print_whole
    from pipeline.messages import explain, say

    if manner.as_json:
        click.echo(json.dumps(_as_json(result), ensure_ascii=False))
    if result.failure is not None:
        click.echo(explain(result.failure, manner.lang), err=True)
    if manner.as_json or (manner.quiet and not result.exit_code):
        return
    payments = result.now.payments
    if payments is None:
        click.echo(say("status.no_sessions", manner.lang, batch=result.now.report.batch))
    else:
        click.echo(say("status.asked", manner.lang, count=result.asked, final=result.final))
        print_payments(payments, manner)
    print_whole(result.now.whole, manner)
    _print_remarks(result, manner)
    if result.written is not None:
        print_workbook(result.written, manner)
    print_outputs(result.outputs, manner)


def _print_remarks(result: StatusResult, manner: Manner) -> None:
    """What a person should look at: what is open too long, and what is unknown."""
    from pipeline.cli.printing import output_console
    from pipeline.domain.model import Status
    from pipeline.domain.payment_summary import days_open
    from pipeline.messages import say
    from pipeline.report.results import session_word
    from schemas.money import format_amount

    console, lang, now = output_console(), manner.lang, result.now
    payments = now.payments
    if payments is not None and payments.late:
        amount = format_amount(payments.late_amount, lang)
        title = say("status.late_title", lang, days=payments.days, count=payments.late, amount=amount)
        console.print(title, markup=False, style="yellow")
        for row in now.late:
            told = {
                "row": row.row.number,
                "reference": row.reference_sent or "-",
                "amount": "-" if row.amount_sent is None else format_amount(row.amount_sent, lang),
                "days": days_open(row, now.report),
                "state": session_word(row.state, lang) if row.state else "-",
            }
            console.print(say("status.late_row", lang, **told), markup=False)
        if (more := payments.late - len(now.late)) > 0:
            console.print(say("status.late_more", lang, count=more), markup=False)
    if payments is not None and payments.not_known:
        console.print(say("status.unknown_sessions", lang, count=payments.not_known), markup=False, style="yellow")
    if payments is not None and payments.strange:
        console.print(say("status.strange_sessions", lang, count=payments.strange), markup=False, style="yellow")
    if unknown := now.whole.totals.counts[Status.UNKNOWN]:
        told = {"count": unknown, "batch": now.report.batch}
        console.print(say("status.unknown_rows", lang, **told), markup=False, style="bold red")


def _as_json(result: StatusResult) -> dict[str, object]:
    from pipeline.cli.following import paid_json
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
        "stopped": result.failure.key if result.failure else "",
        "output": str(result.written.path) if result.written else None,
        "exitCode": int(result.exit_code),
        **result.outputs,
    }
