"""The command `run`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from pipeline.cli import options


@click.command()
@options.reading
@click.option("--concurrency", type=click.IntRange(1, 512), help="Requests in flight.  [default: 16]")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second.  [default: no limit]")
@click.option(
    "--first", type=click.IntRange(min=1), metavar="N", help="Send the first N valid rows, show them, then ask."
)
@click.option("--until", type=options.TimeOfDay(), help="Stop sending at this time; the same command goes on.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N rows in a row were refused for the same reason.  [default: 20]",
)
@click.option("--plan", type=options.FILE, help="Send exactly what this plan approved, or nothing.")
@click.option("--resend-unknown", is_flag=True, help="Create again the sessions whose outcome is unknown.")
@options.outputs
@options.mending
@options.comparing
@click.option("--dry-run", is_flag=True, help="Stop before the network and show what would be sent.")
@click.option("--yes", is_flag=True, help="Do not ask before sending (needed where nobody can answer).")
@options.journal
@options.talking
def run(until: datetime | None, yes: bool, **given: Any) -> int:
    """Create one payment request for each valid row of FILE, and write the results workbook.

    Run again, it goes on where it stopped: nobody is asked twice. Try it with --sandbox first.

    \b
    Exit codes: 0 every row has its session, 1 some rows need mending, 2 wrong options or settings,
    3 the sheet can't be used, 4 credentials refused, 5 an outcome is unknown, 6 stopped early,
    7 another run holds the batch.
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from pipeline.cli.calling import call_on_sheet

    return call_on_sheet({**given, "until": until, "yes": yes})
