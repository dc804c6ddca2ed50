"""The metrics of a run as a Prometheus text file, for node_exporter's textfile collector.

Counts, dollars and times only, no personal data: the file is readable by all. It is written whole and renamed, as the
collector asks for ("write to a temporary file, then rename"), under a name that the collector does not read meanwhile.

The collector reads one name for ever, whatever batch is run, and a run that can't even open its journal has figures
too. So the file itself proves that nobody has changed it: its last line is a digest of all before it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import Final

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import Status, Totals, Whole
from pipeline.system.atomic_output import Ours, names, put

_SEAL: Final = b"# as flinks-import wrote it: "
LAST_SUCCESS: Final = "flinks_import_last_success_timestamp_seconds"

FINISHED: Final = (ExitCode.DONE, ExitCode.SOME_ROWS_NEED_FIXING)
"""Exit codes of a run that came to its end: what is left needs a person, not another run."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is told of a run. `environment` is its base URL or `sandbox`; times are seconds since 1970.

    `totals` are of the run's sheet; `whole` is what its whole batch comes to, None for a run of several batches.
    """

    environment: str
    totals: Totals
    exit_code: int
    began: float
    ended: float
    whole: Whole | None = None


def write(path: Path, measured: Measured) -> Path:
    """Write the metrics over those of the same environment, else to the next free name; gives the place.

    The time of the last success outlives runs that fail. Raises OSError.
    """
    text = render(measured, _last_success(path, measured.environment)).encode()
    sealed = text + _seal(text, measured.environment)
    return put(path, lambda part: part.write_bytes(sealed), Ours(_Sealed(measured.environment)), shared=True)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """Knows the metrics of an environment by their last line: a `place.Memory` that needs no journal."""

    environment: str

    def last_written(self, path: Path) -> str | None:
        """The digest of what stands there, if it is as it was written."""
        content = path.read_bytes()
        text = content[: content.rfind(_SEAL)]
        return sha256(content).hexdigest() if content == text + _seal(text, self.environment) else None

    def remember(self, path: Path, sha256: str) -> None:
        """The file says it itself."""


def _seal(text: bytes, environment: str) -> bytes:
    return _SEAL + sha256(environment.encode() + b"\n" + text).hexdigest().encode() + b"\n"


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
    if measured.whole is not None:
        yield from _batch(where, measured.whole)
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


def _batch(where: str, whole: Whole) -> Iterator[str]:
    """The whole batch of the last run, over all of its sheets."""
    yield from _family("batch_rows", "Rows of the last run's whole batch by status.")
    for status in Status:
        yield f'flinks_import_batch_rows{{{where},status="{status}"}} {whole.totals.counts[status]}'
    figures = {"requests": whole.requests, "cancelled": whole.cancelled, "never-asked": whole.never_asked}
    yield from _family("batch_requests", "Requests of the last run's whole batch, those cancelled, rows never asked.")
    for name, figure in figures.items():
        yield f'flinks_import_batch_requests{{{where},kind="{name}"}} {figure.rows}'
    yield from _family("batch_requests_dollars", "Their dollars.")
    for name, figure in figures.items():
        yield f'flinks_import_batch_requests_dollars{{{where},kind="{name}"}} {figure.amount:.2f}'


def _family(name: str, words: str) -> Iterator[str]:
    yield f"# HELP flinks_import_{name} {words}"
    yield f"# TYPE flinks_import_{name} gauge"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _last_success(path: Path, environment: str) -> float | None:
    """The latest that a file at `path`, or at a name that was taken instead, tells of this environment."""
    line = rf'^{LAST_SUCCESS}\{{environment="{re.escape(_escaped(environment))}"\}} ([0-9.]+)$'
    texts = (_text(name) for name in takewhile(os.path.lexists, names(path)))
    return max((float(found) for text in texts for found in re.findall(line, text, re.MULTILINE)), default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
