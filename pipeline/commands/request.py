"""What the user asked for, and who shows what happens meanwhile."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from pipeline.domain.errors import ExitCode, RunError
from pipeline.domain.model import Report, ReportRow, Totals
from pipeline.journal.staging import Forecast
from pipeline.report.summary import HeldGroup, Written
from pipeline.sender.engine import Observer
from schemas.faults import Fault
from schemas.languages import Lang


@dataclass(frozen=True, slots=True)
class Request:
    """One `run` or `validate`, beside the settings (`pipeline.config.settings`). None means: not given.

    `until` is an aware time; `expect_total` is in dollars; `changes_over` is per cent. From `csv` to `mended` they are
    files beside the workbook, `compare` is the batch of the month before (`pipeline.commands.beside`).
    """

    file: Path
    output: Path | None = None
    sandbox: bool = False
    batch: str | None = None
    sheet: tuple[str, ...] = ()
    mapping: Path | None = None
    hidden: Literal["refuse", "include", "skip"] = "refuse"
    plan: Path | None = None
    strict: bool = False
    expect_rows: int | None = None
    expect_total: Decimal | None = None
    first: int | None = None
    until: datetime | None = None
    allow_open_amount: bool = False
    allow_repeats: bool = False
    resend_unknown: bool = False
    dry_run: bool = False
    csv: Path | None = None
    parquet: Path | None = None
    receivables: Path | None = None
    receivables_mapping: Path | None = None
    html: Path | None = None
    mended: Path | None = None
    compare: str | None = None
    changes_over: int | None = None
    lang: Lang = "en"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is going to happen, for a person to confirm."""

    batch: str
    environment: str
    production: bool
    forecast: Forecast
    request: Request


@dataclass(frozen=True, slots=True)
class Result:
    """What a command has done. `failure` is what kept it from its end, `summary` is the JSON summary.

    `held` are the rows that are held for one reason, `to_fix` those of the errors in `summary` that a person fixes.
    """

    report: Report
    totals: Totals
    exit_code: ExitCode
    written: Written | None = None
    failure: RunError | None = None
    forecast: Forecast | None = None
    summary: dict[str, object] | None = None
    held: tuple[HeldGroup, ...] = ()
    to_fix: tuple[dict[str, object], ...] = ()


class Screen(Protocol):
    """Who shows what happens, and asks. The commands announce; only the edge draws."""

    def reading(self, file: Path) -> None:
        """A sheet is being read."""

    def checked(self, rows: int) -> None:
        """So many rows have been validated."""

    def sheet_notices(self, notices: tuple[Fault, ...]) -> None:
        """What is to be said about the sheet as a whole."""

    def sandbox_started(self, base_url: str) -> None:
        """The built-in sandbox listens."""

    def journal_begun(self, place: str) -> None:
        """A journal was made: it knows of no earlier payments."""

    def confirm(self, announcement: Announcement) -> bool:
        """Say what is going to happen and ask; True when it is to go on."""

    def sending(self, total: int, rate: float | None) -> AbstractContextManager[Observer]:
        """So many rows are about to be sent, so many a second at most; the observer draws them."""

    def go_on_after_first(self, rows: list[ReportRow], left: int) -> bool:
        """Show the first rows with their links and ask whether to send the others; False without a terminal."""

    def writing(self) -> None:
        """The workbook is being written."""

    def placed(self, wanted: Path, path: Path) -> None:
        """An output that was wanted at one place was written at another: what stands there is not ours to change."""

    def row_needs_mending(self, row: ReportRow, messages: list[str]) -> None:
        """A row that `validate` found wanting, and its errors in words, one for each."""
