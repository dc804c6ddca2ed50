"""The command `columns`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.columns import SheetView
    from pipeline.config.settings import Settings

_WHY = {
    "why_exact": "sheet.why_exact",
    "why_alias": "sheet.why_alias",
    "why_own": "sheet.why_own",
    "why_mapping": "sheet.why_mapping",
    "why_split": "sheet.why_split",
    "why_ignored": "sheet.why_ignored",
}
"""Why a column was understood as it was."""


@click.command()
@options.opening
@click.option("--write-mapping", type=options.FILE, help="Keep how the columns were understood in this file.")
@click.option("--config", type=options.FILE, help="The settings file.  [default: flinks-import.toml, if there is one]")
@options.talking
def columns(write_mapping: Path | None, **given: Any) -> int:
    """Show how each column of FILE was understood, and why, with its first values.

    With --write-mapping the understanding is kept: give the file to `run` with --mapping, and a later sheet whose
    headings have changed is refused instead of misread.
    """
    from pipeline.cli.calling import call

    def show(_settings: Settings, manner: Manner) -> int:
        from pipeline.cli.calling import request_of
        from pipeline.cli.screen import screen_of
        from pipeline.commands.columns import columns as look

        view = look(request_of(given), screen_of(manner), write_mapping)
        if manner.as_json:
            click.echo(json.dumps(_as_json(view), ensure_ascii=False))
        else:
            _print(view, manner)
        return 0

    return call(given, show)


def _print(view: SheetView, manner: Manner) -> None:
    from rich.table import Table
    from rich.text import Text

    from pipeline.cli.printing import output_console
    from pipeline.messages import say
    from schemas.faults import sentence

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for key in (
        "screen.column_letter",
        "screen.column_heading",
        "screen.column_field",
        "screen.column_why",
        "screen.column_values",
    ):
        table.add_column(say(key, manner.lang), overflow="fold")
    for shown in view.columns:
        column = shown.column
        field = Text(column.field or "·", style="green" if column.field else "dim")
        values = Text(" | ".join(value for value in shown.values if value), style="dim")
        table.add_row(shown.letter, Text(column.heading), field, say(_WHY[column.why], manner.lang), values)
    console = output_console()
    console.print(
        say("screen.headings_in_row", manner.lang, row=view.heading_row, sheet=view.sheet or "-"), markup=False
    )
    console.print(table)
    for notice in view.notices:
        console.print(sentence(notice, manner.lang), markup=False, style="yellow")


def _as_json(view: SheetView) -> dict[str, object]:
    return {
        "sheet": view.sheet,
        "headingRow": view.heading_row,
        "columns": [
            {
                "column": shown.letter,
                "heading": shown.column.heading,
                "field": shown.column.field,
                "why": shown.column.why,
                "values": list(shown.values),
            }
            for shown in view.columns
        ],
        "output": str(view.kept) if view.kept else None,
    }
