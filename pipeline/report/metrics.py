"""The metrics of a run as a Prometheus text file, for node_exporter's textfile collector.

Counts, dollars and times only, no personal data: the file is readable by all. It is written whole and renamed, as the
collector asks for ("write to a temporary file, then rename"), under a name that the collector does not read meanwhile.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.model import ExitCode, Status
from pipeline.report.place import begin
from pipeline.report.totals import Totals

LAST_SUCCESS: Final = "flinks_import_last_success_timestamp_seconds"

FINISHED: Final = (ExitCode.DONE, ExitCode.SOME_ROWS_NEED_MENDING)
"""Exit codes of a run that came to its end: what is left needs a person, not another run."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is told of a run. `environment` is its base URL or `sandbox`; times are seconds since 1970."""

    environment: str
    totals: Totals
    exit_code: int
    began: float
    ended: float


def write(path: Path, measured: Measured) -> None:
    """Write the metrics; the time of the last success outlives runs that fail. Raises OSError."""
    text = render(measured, _last_success(path))
    # The collector reads *.prom only: the name of the temporary file does not end so.
    temporary = begin(path)
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def render(measured: Measured, last_success: float | None) -> str:
    """The text of the file. `last_success` is of an earlier run, in seconds since 1970."""
    success = measured.ended if measured.exit_code in FINISHED else last_success
    return "\n".join([*_lines(measured, success), ""])


def _lines(measured: Measured, success: float | None) -> Iterator[str]:
    where = f'environment="{_escaped(measured.environment)}"'
    counts, amounts = measured.totals.counts, measured.totals.amounts
    yield from _family("rows", "Rows of the last run by status.")
    for status in Status:
        yield f'flinks_import_rows{{{where},status="{status}"}} {counts[status]}'
    yield from _family("amount_dollars", "Dollars of the last run's rows by status.")
    for status in Status:
        yield f'flinks_import_amount_dollars{{{where},status="{status}"}} {amounts[status]:.2f}'
    for name, words, value in (
        ("run_duration_seconds", "How long the last run took.", measured.ended - measured.began),
        ("run_exit_code", "The last run's exit code.", measured.exit_code),
        ("run_end_timestamp_seconds", "When the last run ended.", measured.ended),
        ("last_success_timestamp_seconds", "When a run last came to its end (exit code 0 or 1).", success),
    ):
        if value is not None:
            yield from _family(name, words)
            number = f"{value:.3f}" if isinstance(value, float) else str(value)
            yield f"flinks_import_{name}{{{where}}} {number}"


def _family(name: str, words: str) -> Iterator[str]:
    yield f"# HELP flinks_import_{name} {words}"
    yield f"# TYPE flinks_import_{name} gauge"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _last_success(path: Path) -> float | None:
    try:
        found = re.search(rf"^{LAST_SUCCESS}(?:\{{.*\}})? ([0-9.]+)$", path.read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return None
    return float(found[1]) if found else None
