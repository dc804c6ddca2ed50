"""The command `validate`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import validate billing.xlsx
      # Write the workbook too: correct the rows on its sheet Errors, then run it.
      flinks-import validate billing.xlsx -o checked.xlsx
      flinks-import validate billing.csv --json

    Exit codes:
      0  every row is valid
      1  some rows are invalid or held
      2  the command line or the settings are wrong
      3  the sheet can't be used
    """,
)
@options.reading
@options.outputs
@options.marking
@options.comparing
@options.journal
@options.talking
def validate(**given: Any) -> int:
    """Find every error in every row of FILE. Nothing is sent, and no credentials are needed."""
    from pipeline.cli.runner import call_on_sheet

    return call_on_sheet({**given, "dry_run": True})
