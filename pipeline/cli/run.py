"""The command `run`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command


@click.command(
    cls=Command,
    epilog="""
    Examples:
      # Practise: no money moves, no credentials are needed.
      flinks-import run billing.xlsx --sandbox
      # Check the total, send three requests, look at them, then send the others.
      flinks-import run billing.xlsx --expect-total 93877.30 --first 3
      # Send only what a second person approved.
      flinks-import run billing.xlsx --plan billing-p1

    Exit codes:
      0  every row has its request
      1  some rows are invalid, rejected or held
      2  the command line or the settings are wrong
      3  the sheet can't be used; nothing was sent
      4  the API refused the credentials; nothing more was sent
      5  the outcome of a row is unknown: check it before you send it again
      6  stopped early: run the same command again to continue
      7  another run is using the batch
    """,
)
@options.reading
@options.pace
@click.option(
    "--first", type=click.IntRange(min=1), metavar="N", help="Send the first N valid rows, show them, then ask."
)
@click.option("--until", type=options.TimeOfDay(), metavar="HH:MM", help="Stop sending at this time.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop when N rows in a row fail for the same reason.  [default: 20]",
)
@click.option("--plan", metavar="PLAN", help="Send exactly what this plan says, or nothing.")
@click.option("--dask", metavar="ADDRESS", help="Let the workers of this Dask scheduler send: see docs/scale.md.")
@click.option("--resend-unknown", is_flag=True, help="Send again the rows whose outcome is unknown.")
@options.outputs
@options.marking
@options.comparing
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (needed without a terminal).")
@options.journal
@options.talking
def run(until: datetime | None, yes: bool, **given: Any) -> int:
    """Create one payment request for each valid row of FILE, and write the results workbook.

    Run the same command again and it continues where it stopped: nobody is asked twice.
    """
    from pipeline.cli.runner import call_on_sheet

    return call_on_sheet({**given, "until": until, "yes": yes})
