"""Options that several commands share, each with its words."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from gettext import gettext as _
from pathlib import Path
from typing import Any

import click

from pipeline.messages import language_of
from schemas.languages import LANGUAGES

Command = Callable[..., Any]


class Money(click.ParamType[Decimal]):
    """An amount in dollars, as a sheet may have it: 1234.50, $1,234.50, 1 234,50 $."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Dollars with at most two decimals, not below 0."""
        from pipeline.config import kinds

        try:
            return kinds.dollars(value)
        except kinds.InvalidValue as wanted:
            words = wanted.words.in_language(language_of("", os.environ))
            self.fail(_("{value} must be {words}.").format(value=value, words=words), param, ctx)


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
            self.fail(_("{value} is not a time of day; write it like 06:30.").format(value=value), param, ctx)
        now = datetime.now().astimezone()
        moment = now.replace(hour=wanted.hour, minute=wanted.minute, second=0, microsecond=0)
        return moment if moment > now else moment + timedelta(days=1)


class Day(click.ParamType[datetime]):
    """A day: 2026-11-24."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The beginning of the day, without a zone."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d")  # noqa: DTZ007 - who asks knows the zone
        except ValueError:
            self.fail(_("{value} is not a date; write it like 2026-11-24.").format(value=value), param, ctx)


FILE = click.Path(path_type=Path)
"""A path that is not judged here: the rooms say what is wrong with it in their own words."""


batch_sandbox = click.option("--sandbox", is_flag=True, help="The batch is in the built-in sandbox.")
batch_workbook = click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="The workbook.  [default: BATCH.status.xlsx in this folder]",
)


def mapping(command: Command) -> Command:
    """The options that say what the headings of a sheet mean."""
    return _all(
        command,
        click.option(
            "--mapping", type=FILE, metavar="FILE", help="A TOML file that says which heading is which field."
        ),
        click.option(
            "--map",
            multiple=True,
            metavar='"HEADING=FIELD"',
            help="Read the column HEADING as FIELD, or `ignore` it. Can be repeated. `columns --help` lists the "
            "fields.",
        ),
        click.option(
            "--split-names",
            metavar="HEADING[:ORDER]",
            help="Take first and last name from the column HEADING. ORDER: given-first, surname-first.  [default: as "
            '"Surname, Given"]',
        ),
    )


def opening(command: Command) -> Command:
    """The options by which a sheet is opened: which table of the file, and what its headings mean."""
    return _all(
        command,
        click.argument("file", type=FILE),
        click.option(
            "--sheet",
            multiple=True,
            metavar="NAME",
            help="The sheet of the workbook. Repeat it, or give `all`, to read several as one.  "
            "[default: the one with a heading row]",
        ),
        mapping,
        click.option(
            "--hidden",
            type=click.Choice(["refuse", "include", "skip"]),
            default="refuse",
            show_default=True,
            help="What to do with rows that are hidden, filtered out or struck through.",
        ),
        click.option("--allow-open-amount", is_flag=True, help="Accept a blank amount: the payor chooses it."),
    )


def reading(command: Command) -> Command:
    """The options by which `run` and `validate` read and judge a sheet, and where the workbook goes."""
    return _all(
        command,
        opening,
        click.option(
            "-o",
            "--output",
            type=FILE,
            metavar="FILE",
            help="The results workbook.  [default: NAME.results.xlsx next to the sheet]",
        ),
        judging,
    )


def page(command: Command) -> Command:
    """The plan on paper."""
    return _all(
        command,
        click.option(
            "-o", "--output", type=FILE, metavar="FILE", help="Also write the plan as a page to print (.html)."
        ),
    )


def judging(command: Command) -> Command:
    """The options by which a sheet is judged: those that change what would be sent, or refuse it."""
    return _all(
        command,
        click.option(
            "--sandbox", is_flag=True, help="Use the built-in sandbox: no money moves, no credentials are needed."
        ),
        click.option(
            "--batch", metavar="NAME", help="The name of the batch.  [default: the file's name without its ending]"
        ),
        click.option("--strict", is_flag=True, help="Send nothing if any row is invalid."),
        click.option(
            "--expect-rows",
            type=click.IntRange(min=0),
            metavar="N",
            help="Send nothing unless the sheet has N rows.",
        ),
        click.option(
            "--expect-total",
            type=Money(),
            metavar="AMOUNT",
            help="Send nothing unless the amounts add up to AMOUNT.",
        ),
        click.option(
            "--max-amount",
            type=Money(),
            metavar="AMOUNT",
            help="A row above AMOUNT is invalid.  [default: 25000.00]",
        ),
        click.option(
            "--send-link/--no-send-link",
            default=None,
            help="Whether the API e-mails the link, for rows that do not say.  [default: no]",
        ),
        click.option(
            "--identity",
            metavar="FIELDS",
            help='What identifies a row, such as referenceId,"Invoice #". Add # to accept equal rows, each as its own.'
            "  [default: referenceId]",
        ),
        click.option(
            "--reference-names",
            type=click.Choice(["transaction", "customer"]),
            help="What a reference names: a transaction is requested once, a customer is billed again and again.  "
            "[default: transaction]",
        ),
        click.option(
            "--repeat-window",
            type=click.IntRange(min=1),
            metavar="DAYS",
            help="How many days back to search other batches for the same charge, where no reference names it.  "
            "[default: 5]",
        ),
        click.option(
            "--allow-repeats",
            is_flag=True,
            help="Also send rows that are held as possible repeats, and a file that was sent before.",
        ),
        click.option(
            "--metrics-file",
            metavar="FILE",
            help="Write the metrics of a run to a Prometheus text file.",
        ),
    )


def outputs(command: Command) -> Command:
    """Files that are written beside the workbook, on request."""
    return _all(
        command,
        click.option("--csv", type=FILE, metavar="FILE", help="Also write the results as CSV."),
        click.option(
            "--parquet",
            type=FILE,
            metavar="FILE",
            help="Also write the results as Parquet (needs the extra `parquet`).",
        ),
        click.option(
            "--receivables",
            type=FILE,
            metavar="FILE",
            help="Also write an accounts-receivable import as CSV; --receivables-mapping names its columns.",
        ),
        click.option(
            "--receivables-mapping",
            type=FILE,
            metavar="FILE",
            help="The TOML file for --receivables: see docs/files.md.",
        ),
        click.option(
            "--html", type=FILE, metavar="FILE", help="Also write a report as one HTML file, to send by e-mail."
        ),
    )


def marking(command: Command) -> Command:
    """The copy of the user's own sheet in which faults are shown."""
    return _all(
        command,
        click.option(
            "--marked-copy",
            type=FILE,
            metavar="PATH",
            help="Write a copy of FILE (.xlsx) with the faulty cells coloured and commented.",
        ),
        click.option("--mended", "marked_copy", type=FILE, hidden=True),
    )


def comparing(command: Command) -> Command:
    """What the sheet `Changes` compares with."""
    return _all(
        command,
        click.option(
            "--compare",
            metavar="BATCH",
            help="The batch to compare with, for the sheet Changes.  [default: the latest similar one]",
        ),
        click.option(
            "--changes-over",
            type=click.IntRange(min=0),
            metavar="PERCENT",
            help="Show amounts that differ by more than PERCENT.  [default: 20]",
        ),
    )


def file(command: Command) -> Command:
    """Which sheet of a batch a row number is of."""
    return _all(
        command,
        click.option("--file", metavar="NAME", help="The file that the row is in, if the batch has several."),
    )


def settings_file(command: Command) -> Command:
    """Where the settings are."""
    return _all(
        command,
        click.option("--config", type=FILE, metavar="FILE", help="The settings file.  [default: flinks-import.toml]"),
    )


def pace(command: Command) -> Command:
    """How fast the API is called."""
    return _all(
        command,
        click.option(
            "--concurrency",
            type=click.IntRange(1, 512),
            metavar="N",
            help="How many requests to send at the same time.  [default: 16]",
        ),
        click.option(
            "--rate",
            type=click.FloatRange(min=0, min_open=True),
            metavar="N",
            help="How many requests to send a second.  [default: no limit]",
        ),
    )


def journal(command: Command) -> Command:
    """Where the journal and the settings are."""
    return _all(
        command,
        click.option(
            "--journal",
            metavar="PLACE",
            help="An SQLite file or a postgresql:// address.  [default: in your data folder]",
        ),
        settings_file,
        click.option("--profile", metavar="NAME", help="The section [profile.NAME] of the settings file."),
    )


def talking(command: Command) -> Command:
    """How much is said, and how."""
    return _all(
        command,
        click.option(
            "--lang",
            type=click.Choice(LANGUAGES),
            help="The language of messages and workbooks.  [default: the system's]",
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and nothing else there."
        ),
        click.option("-v", "--verbose", is_flag=True, help="Print more details."),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing unless something is wrong."),
        click.option("--log-json", is_flag=True, help="Write JSON lines on standard error instead of text."),
        click.option("--log-file", metavar="FILE", help="Also add JSON lines, without personal data, to FILE."),
    )


def _all(command: Command, *decorators: Callable[[Command], Command]) -> Command:
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
