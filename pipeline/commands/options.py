"""What the user asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pipeline.domain.errors import ExitCode, RunError
from pipeline.domain.model import Report, Totals
from pipeline.journal.planning import Forecast
from pipeline.report.summary import HeldGroup, RowError, Written
from schemas.languages import Lang


@dataclass(frozen=True, slots=True)
class RequestedOutputs:
    """The files other than the workbook that the user asked for (`extra_outputs`)."""

    csv: Path | None = None
    parquet: Path | None = None
    receivables: Path | None = None
    receivables_mapping: Path | None = None
    html: Path | None = None
    marked_copy: Path | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `run` or `validate` that are not settings (`pipeline.config.settings`). None means: not given.

    `map` and `split_names` are as on the command line, and overrule `mapping`. `until` is an aware time;
    `expect_total` is in dollars, `accepted_totals` are others that a person accepted instead; `changes_over` is per
    cent, `compare` is the batch of the month before (`comparison`). `dask` is the address of a scheduler.
    """

    file: Path
    output: Path | None = None
    sandbox: bool = False
    batch: str | None = None
    sheet: tuple[str, ...] = ()
    mapping: Path | None = None
    map: tuple[str, ...] = ()
    split_names: str | None = None
    hidden: Literal["refuse", "include", "skip"] = "refuse"
    plan: str | None = None
    dask: str | None = None
    strict: bool = False
    expect_rows: int | None = None
    expect_total: Decimal | None = None
    accepted_totals: frozenset[Decimal] = frozenset()
    first: int | None = None
    until: datetime | None = None
    allow_open_amount: bool = False
    allow_repeats: bool = False
    resend_unknown: bool = False
    dry_run: bool = False
    files: RequestedOutputs = RequestedOutputs()
    compare: str | None = None
    changes_over: int | None = None
    lang: Lang = "en"


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
    to_fix: tuple[RowError, ...] = ()
