"""The command `batches`."""

from __future__ import annotations

import os
from typing import Any

import click

from pipeline.cli import options


@click.command()
@click.option("--sandbox", is_flag=True, help="The batches that were sent to the built-in sandbox.")
@options.journal
@options.talking
def batches(**given: Any) -> int:
    """List the batches in the journal, with what was created and what is unknown; the last run comes last."""
    from pipeline.cli.calling import manner_of
    from pipeline.cli.printing import print_batches, print_failure
    from pipeline.commands.batches import list_batches
    from pipeline.model import ExitCode, Failure
    from pipeline.settings import load

    manner = manner_of(given)
    try:
        settings = load({"journal": given["journal"]}, os.environ, given["config"])
        lines = list_batches(settings, in_sandbox=given["sandbox"])
    except Failure as failure:
        print_failure(failure, manner)
        return failure.exit_code
    print_batches(lines, manner)
    return ExitCode.DONE
