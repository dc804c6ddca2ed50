"""Options that several commands share, each with its words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from schemas.languages import LANGUAGES

Command = Callable[..., Any]


class Money(click.ParamType[Decimal]):
    """An amount in dollars: 1234.50."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Dollars with at most two decimals, above 0."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value} is not an amount; write it like 1234.50", param, ctx)
        if not amount.is_finite() or amount < 0 or amount != round(amount, 2):
            self.fail(f"{value} is not an amount; write it like 1234.50", param, ctx)
        return amount


class TimeOfDay(click.ParamType[datetime]):
    """A time of day; the next time that the clock shows it."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The next moment of this time of day, aware."""
        if isinstance(value, datetime):
            return value
        try:
            wanted = datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
        except ValueError:
            self.fail(f"{value} is not a time of day; write it like 06:30", param, ctx)
        now = datetime.now().astimezone()
        moment = now.replace(hour=wanted.hour, minute=wanted.minute, second=0, microsecond=0)
        return moment if moment > now else moment + timedelta(days=1)


FILE = click.Path(path_type=Path)
"""A path that is not judged here: the rooms say what is wrong with it in their own words."""


def opening(command: Command) -> Command:
    """The options by which a sheet is opened: which table of the file, and what its headings mean."""
    return _all(
        command,
        click.argument("file", type=FILE),
        click.option(
            "--sheet",
            multiple=True,
            help="The workbook's sheet; several, or `all`, are read as one.  [default: the one with a heading row]",
        ),
        click.option("--mapping", type=FILE, help="A TOML file that says which heading is which field."),
        click.option(
            "--hidden",
            type=click.Choice(["refuse", "include", "skip"]),
            default="refuse",
            show_default=True,
            help="What to do with rows that are hidden, filtered out or struck through.",
        ),
        click.option("--allow-open-amount", is_flag=True, help="A blank amount means that the payor chooses it."),
    )


def reading(command: Command) -> Command:
    """The options by which a sheet is read and judged: the same for `run` and `validate`."""
    return _all(
        command,
        opening,
        click.option("-o", "--output", type=FILE, help="The workbook.  [default: NAME.results.xlsx beside FILE]"),
        click.option("--sandbox", is_flag=True, help="Use the built-in sandbox: no money moves, no credentials."),
        click.option("--batch", help="The batch's name.  [default: the file's name without its ending]"),
        click.option("--strict", is_flag=True, help="Create nothing at all if any row is invalid."),
        click.option("--expect-rows", type=click.IntRange(min=0), help="Refuse to start unless the sheet has N rows."),
        click.option("--expect-total", type=Money(), help="Refuse to start unless the amounts add up to this."),
        click.option("--max-amount", type=Money(), help="A row above this is invalid.  [default: 25000.00]"),
        click.option(
            "--send-link/--no-send-link", default=None, help="E-mail the link for rows that do not say.  [default: no]"
        ),
        click.option(
            "--identity",
            metavar="FIELDS",
            help='What makes a row itself, such as referenceId,"Invoice #",#.  [default: referenceId]',
        ),
        click.option(
            "--reference-names",
            type=click.Choice(["transaction", "customer"]),
            help="What a reference names: a transaction is held at any age when it was requested before, a customer is "
            "billed again and again.  [default: transaction]",
        ),
        click.option(
            "--repeat-window",
            type=click.IntRange(min=1),
            metavar="DAYS",
            help="How far back other batches are searched for a charge that no reference names.  [default: 5]",
        ),
        click.option(
            "--allow-repeats",
            is_flag=True,
            help="Also create requests for rows that are held as repeats, and for a file that was sent before.",
        ),
        click.option(
            "--metrics-file",
            metavar="PATH",
            help="Write a run's metrics as a Prometheus text file; a rehearsal writes none.",
        ),
    )


def outputs(command: Command) -> Command:
    """Files that are written beside the workbook, on request."""
    return _all(
        command,
        click.option("--csv", type=FILE, metavar="PATH", help="Write the results as CSV too."),
        click.option(
            "--parquet", type=FILE, metavar="PATH", help="Write the results as Parquet too (the extra `parquet`)."
        ),
        click.option(
            "--receivables",
            type=FILE,
            metavar="PATH",
            help="Write an accounts-receivable import as CSV; --receivables-mapping names its columns.",
        ),
        click.option(
            "--receivables-mapping", type=FILE, metavar="FILE", help="The TOML file for --receivables (docs/files.md)."
        ),
        click.option("--html", type=FILE, metavar="PATH", help="Write a report to read in a mail, as one HTML file."),
    )


def mending(command: Command) -> Command:
    """The copy of the user's own sheet in which faults are shown."""
    return _all(
        command,
        click.option(
            "--mended",
            type=FILE,
            metavar="PATH",
            help="Write a copy of FILE (.xlsx) with the faulty cells coloured and commented.",
        ),
    )


def comparing(command: Command) -> Command:
    """What the sheet `Changes` compares with."""
    return _all(
        command,
        click.option(
            "--compare",
            metavar="BATCH",
            help="The batch of the month before, for the sheet Changes.  [default: the latest of the same shape]",
        ),
        click.option(
            "--changes-over",
            type=click.IntRange(min=0),
            metavar="PERCENT",
            help="Show amounts that differ by more than this.  [default: 20]",
        ),
    )


def file(command: Command) -> Command:
    """Which sheet of a batch a row number is of."""
    return _all(
        command,
        click.option("--file", metavar="NAME", help="The sheet that the row is in, where the batch has several."),
    )


def journal(command: Command) -> Command:
    """Where the journal and the settings are."""
    return _all(
        command,
        click.option(
            "--journal", metavar="URL", help="An SQLite path or a postgresql:// URL.  [default: in your data folder]"
        ),
        click.option("--config", type=FILE, help="The settings file.  [default: flinks-import.toml, if there is one]"),
        click.option("--profile", metavar="NAME", help="The part [profile.NAME] of the settings file."),
    )


def talking(command: Command) -> Command:
    """How much is said, and how."""
    return _all(
        command,
        click.option("--lang", type=click.Choice(LANGUAGES), help="The language of messages.  [default: the system's]"),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON object on standard output, and nothing else there."
        ),
        click.option("-v", "--verbose", is_flag=True, help="Say more."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something is wrong."),
        click.option("--log-json", is_flag=True, help="JSON lines on standard error instead of text."),
        click.option("--log-file", metavar="PATH", help="Also add JSON lines, without personal data, to this file."),
    )


def _all(command: Command, *decorators: Callable[[Command], Command]) -> Command:
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
