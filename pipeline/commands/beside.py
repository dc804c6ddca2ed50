"""What goes beside the workbook or into it on request: other files of the results, and the month before.

Everything is looked at before the first request: a place that can't be written, a mapping with mistakes or an unknown
batch must not be told when the requests are out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

from pipeline.commands.request import Request, Screen
from pipeline.domain import comparison
from pipeline.domain.comparison import Before
from pipeline.domain.errors import StoppedEarlyError, UsageError
from pipeline.domain.model import Column, Report, ReportRow
from pipeline.journal.journal import Batch, Journal, OtherBatch
from pipeline.reader import ALL_SHEETS
from pipeline.report import annotated_copy, exports, page
from pipeline.system import atomic_output
from pipeline.system.atomic_output import Ours
from schemas.languages import Lang

Rows = Callable[[], Iterator[ReportRow]]
Write = Callable[[Report, Rows, Lang, Path], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files that were asked for. `mended` is to be a copy of `original`, the input; its `sheets` were named."""

    csv: Path | None = None
    parquet: Path | None = None
    receivables: Path | None = None
    receivables_mapping: Path | None = None
    html: Path | None = None
    mended: Path | None = None
    original: Path | None = None
    sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """One file beside the workbook: its option, where it is wanted, and how it is written.

    `of_sheet` says that it holds the rows of the run's sheet, and not all of the batch's.
    """

    option: str
    path: Path
    write: Write
    of_sheet: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file is made of: a report and its rows."""

    report: Report
    rows: Rows


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of the files: where each is, and by its option what kept one from being written."""

    places: dict[File, Path] = field(default_factory=dict)
    unwritten: dict[str, StoppedEarlyError] = field(default_factory=dict)

    def tell(self, screen: Screen) -> dict[str, StoppedEarlyError]:
        """Say where they are; gives what was not written."""
        for file, path in self.places.items():
            screen.placed(file.path, path)
        return self.unwritten

    def as_json(self) -> dict[str, object]:
        """What the JSON summary says of them: the place of each by its option, None where it was not written."""
        outputs = {file.option: str(path) for file, path in self.places.items()} | dict.fromkeys(self.unwritten)
        return {"outputs": {option.removeprefix("--"): path for option, path in outputs.items()}} if outputs else {}


@dataclass(frozen=True, slots=True)
class Compared:
    """With which batch to compare, None for the one of the month before by its name; per cent that are worth a look."""

    batch: str | None = None
    over: int | None = None


# ---------------------------------------------------------------------------------------------------------------
# Files


def wanted_of(request: Request) -> Wanted:
    """The files that a run was asked for."""
    return Wanted(
        request.csv,
        request.parquet,
        request.receivables,
        request.receivables_mapping,
        request.html,
        request.mended,
        request.file,
        request.sheet,
    )


def ours_of(journal: Journal, batch: Batch, *inputs: Path | None) -> Ours:
    """What the files of a batch may be written over: what was written for it before, but never an input."""
    return Ours(journal.files_of(batch.name, batch.environment), tuple(path for path in inputs if path is not None))


def check(wanted: Wanted, columns: Sequence[Column], workbook: Path | None) -> tuple[File, ...]:
    """The files, each found to be writable. `columns` are the sheet's; at `workbook` the workbook is wanted.

    Raises UsageError for a place that can't be had, a mapping with mistakes, a missing part of the installation, or
    a workbook of which no mended copy can be made.
    """
    files = tuple(_files(wanted, columns))
    others = [workbook] if workbook is not None else []
    for file in files:
        exports.check_file(file.path, file.option, others)
        others.append(file.path)
    return files


def _files(wanted: Wanted, columns: Sequence[Column]) -> Iterator[File]:
    if wanted.csv is not None:
        yield File("--csv", wanted.csv, _by(exports.write_csv))
    if wanted.parquet is not None:
        exports.require_parquet()
        yield File("--parquet", wanted.parquet, _by(exports.write_parquet))
    if (wanted.receivables is None) != (wanted.receivables_mapping is None):
        raise UsageError("exports.receivables_alone")
    if wanted.receivables is not None and wanted.receivables_mapping is not None:
        mapping = exports.load_receivables(wanted.receivables_mapping, columns)
        write = partial(_receivables, mapping)
        yield File("--receivables", wanted.receivables, write)
    if wanted.html is not None:
        yield File("--html", wanted.html, _by(page.write_page))
    if wanted.mended is not None and wanted.original is not None:
        if len(wanted.sheets) > 1 or ALL_SHEETS in wanted.sheets:
            raise UsageError("exports.mended_one_sheet")
        annotated_copy.check_original(wanted.original)
        yield File("--mended", wanted.mended, partial(_mended, wanted.original), of_sheet=True)


def _by(write: Callable[[Report, Iterator[ReportRow], Path, Lang], None]) -> Write:
    return lambda report, rows, lang, path: write(report, rows(), path, lang)


def _receivables(mapping: exports.Receivables, report: Report, rows: Rows, _lang: Lang, path: Path) -> None:
    exports.write_receivables(report, rows(), path, mapping)


def _mended(original: Path, report: Report, rows: Rows, lang: Lang, path: Path) -> None:
    annotated_copy.write_mended(original, report, rows(), path, lang)


def write(files: Iterable[File], batch: Contents, sheet: Contents, lang: Lang, ours: Ours) -> Placed:
    """Write every file, of the whole batch or of one sheet, each whole or not at all, over nothing but what is `ours`.

    Gives what kept some from being written, by their options: it stops none of the others, and the same command writes
    them later.
    """
    placed = Placed()
    for file in files:
        contents = sheet if file.of_sheet else batch
        try:
            # Nor over one that this command has just written.
            others = ours.beside(*placed.places.values())
            write_to = partial(file.write, contents.report, contents.rows, lang)
            placed.places[file] = atomic_output.put(file.path, write_to, others)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            placed.unwritten[file.option] = StoppedEarlyError(
                "exports.not_written", path=file.path, option=file.option, reason=reason
            )
    return placed


# ---------------------------------------------------------------------------------------------------------------
# The month before


def month_before(journal: Journal, batch: Batch, name: str | None) -> OtherBatch | None:
    """The batch to compare with: the one of this name, else the month before by the batch's own name, if there is one.

    Raises UsageError for a name that can't be compared with.
    """
    others = {other.name: other for other in journal.others_sent(batch)}
    if name is None:
        found = comparison.month_before(batch.name, [other.name for other in others.values() if not other.purged])
        return others[found] if found is not None else None
    if name == batch.name:
        raise UsageError("exports.before_itself", batch=name)
    if name not in others:
        raise UsageError("exports.before_unknown", batch=name)
    if others[name].purged:
        raise UsageError("exports.before_purged", batch=name)
    return others[name]


def before(journal: Journal, batch: Batch, run: int, compared: Compared) -> Before | None:
    """What the month before asked for, for the sheet `Changes` of a run; None when there is no month before.

    Raises UsageError for a name that can't be compared with.
    """
    other = month_before(journal, batch, compared.batch)
    if other is None:
        return None
    earlier = journal.asked(other.id)
    since = [asked for asked in journal.asked(batch.id) if asked.run != run]
    return Before(
        batch=other.name,
        at=other.at,
        charges=[comparison.charge_of(asked.payment) for asked in earlier if asked.payment is not None],
        over=comparison.DEFAULT_OVER if compared.over is None else Decimal(compared.over),
        since=[comparison.charge_of(asked.payment) for asked in since if asked.payment is not None],
    )
