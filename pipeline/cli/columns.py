"""The command `columns`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options
from pipeline.cli.help_text import Command
from pipeline.messages import N_, translate

if TYPE_CHECKING:
    from pipeline.cli.console import Manner
    from pipeline.commands.columns import SheetView
    from pipeline.config.settings import Settings


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import columns billing.xlsx
      # Keep the mapping: a later sheet with other headings is then refused.
      flinks-import columns billing.xlsx --write-mapping billing.toml
      flinks-import run billing.xlsx --mapping billing.toml

    Fields, for --map and the mapping file:
      referenceId      reference
      firstName        first name
      middleName       middle name
      lastName         last name
      email            e-mail
      amount           amount
      currency         currency
      type             payment type
      direction        direction
      sendInteracLink  send Interac link
      institutionCode  institution number
      transitNumber    transit number
      accountNumber    bank account number
    """,
)
@options.opening
@click.option("--write-mapping", type=options.FILE, metavar="FILE", help="Write the mapping to FILE.")
@options.settings_file
@options.talking
def columns(write_mapping: Path | None, **given: Any) -> int:
    """Show which field each column of FILE is read as, and why, with its first values."""
    from pipeline.cli.runner import call

    def show(_settings: Settings, manner: Manner) -> int:
        from pipeline.cli.console import emit_for
        from pipeline.cli.runner import request_of
        from pipeline.commands.columns import columns as look

        view = look(request_of(given), emit_for(manner), write_mapping)
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
    from pipeline.commands.columns import WHY
    from schemas.faults import sentence

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for text in (
        N_("col."),
        N_("heading"),
        N_("field"),
        N_("reason"),
        N_("first values"),
    ):
        table.add_column(translate(text, manner.lang), overflow="fold")
    for shown in view.columns:
        column = shown.column
        field = Text(column.field or "·", style="green" if column.field else "dim")
        values = Text(
            " | ".join(value for value in shown.values if value), style="dim", overflow="ellipsis", no_wrap=True
        )
        table.add_row(shown.letter, Text(column.heading), field, translate(WHY[column.why], manner.lang), values)
    console = output_console()
    console.print(
        translate(
            N_("Headings in row {row}, sheet {sheet}") if view.sheet else N_("Headings in row {row}"),
            manner.lang,
            row=view.heading_row,
            sheet=view.sheet,
        ),
        markup=False,
    )
    console.print(table)
    for notice in view.notices:
        told = sentence(notice, manner.lang)
        if notice.touches_money:
            console.print(translate("  Warning: {told}", manner.lang, told=told), markup=False, style="bold yellow")
        else:
            console.print(translate("  Note: {told}", manner.lang, told=told), markup=False)


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
