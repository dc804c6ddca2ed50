"""The command `validate`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli import options


@click.command()
@options.reading
@options.outputs
@options.mending
@options.comparing
@options.journal
@options.talking
def validate(**given: Any) -> int:
    """Find every fault of every row of FILE. Nothing is sent, and no credentials are needed.

    With -o it writes the same workbook as `run`, so that the faulty rows can be mended there.
    """
    from pipeline.cli.calling import call_on_sheet

    return call_on_sheet({**given, "dry_run": True})
