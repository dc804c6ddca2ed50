"""Files of the results other than the workbook, each by its option.

The run checks them before the first request: it must not find an unwritable place, or a mapping with mistakes, once the
requests are out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pipeline.commands.options import Request, RequestedOutputs
from pipeline.domain.errors import StoppedEarlyError, UsageError
from pipeline.domain.events import Emit, OutputPlaced
from pipeline.domain.model import Column, Report, ReportRow
from pipeline.journal import outputs
from pipeline.journal.journal import Batch, Journal
from pipeline.reader import ALL_SHEETS
from pipeline.report import annotated_copy, exports, page
from pipeline.system import atomic_output
from pipeline.system.atomic_output import Ours
from schemas.languages import Lang

Rows = Callable[[], Iterator[ReportRow]]
Write = Callable[[Report, Rows, Lang, Path], None]


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file other than the workbook: its option, its place, and how it is written.

    `of_sheet` says that it holds the rows of the run's sheet, and not all of the batch's.
    """

    option: str
    path: Path
    write: Write
    of_sheet: bool = False


@dataclass(frozen=True, slots=True)
class ReportSource:
    """What a file is made of: a report and its rows."""

    report: Report
    rows: Rows


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """What became of the files: where each is, and by its option what kept one from being written."""

    places: dict[OutputFile, Path] = field(default_factory=dict)
    unwritten: dict[str, StoppedEarlyError] = field(default_factory=dict)

    def tell(self, emit: Emit) -> dict[str, StoppedEarlyError]:
        """Say where they are; gives what was not written."""
        for file, path in self.places.items():
            emit(OutputPlaced(file.path, path))
        return self.unwritten

    def as_json(self) -> dict[str, object]:
        """What the JSON summary says of them: the place of each by its option, None where it was not written."""
        outputs = {file.option: str(path) for file, path in self.places.items()} | dict.fromkeys(self.unwritten)
        return {"outputs": {option.removeprefix("--"): path for option, path in outputs.items()}} if outputs else {}


def ours_of(journal: Journal, batch: Batch, *inputs: Path | None) -> Ours:
    """What the files of a batch may be written over: what was written for it before, but never an input."""
    return Ours(
        outputs.FilesOf(journal, batch.name, batch.environment), tuple(path for path in inputs if path is not None)
    )


def check(
    wanted: RequestedOutputs, columns: Sequence[Column], workbook: Path | None, run: Request | None = None
) -> tuple[OutputFile, ...]:
    """The files, each found to be writable. `columns` are the sheet's; at `workbook` the workbook is wanted. A marked
    copy is one of the sheet of a `run`.

    Raises UsageError for a place that can't be had, a mapping with mistakes, a missing part of the installation, or
    a workbook of which no marked copy can be made.
    """
    files = tuple(_files(wanted, columns, run))
    others = [workbook] if workbook is not None else []
    for file in files:
        exports.check_file(file.path, file.option, others)
        others.append(file.path)
    return files


def _files(wanted: RequestedOutputs, columns: Sequence[Column], run: Request | None) -> Iterator[OutputFile]:
    if wanted.csv is not None:
        yield OutputFile("--csv", wanted.csv, _by(exports.write_csv))
    if wanted.parquet is not None:
        exports.require_parquet()
        yield OutputFile("--parquet", wanted.parquet, _by(exports.write_parquet))
    if (wanted.receivables is None) != (wanted.receivables_mapping is None):
        raise UsageError("--receivables and --receivables-mapping go together. Give both.")
    if wanted.receivables is not None and wanted.receivables_mapping is not None:
        mapping = exports.load_receivables(wanted.receivables_mapping, columns)
        yield OutputFile(
            "--receivables",
            wanted.receivables,
            lambda report, rows, _lang, path: exports.write_receivables(report, rows(), path, mapping),
        )
    if wanted.html is not None:
        yield OutputFile("--html", wanted.html, _by(page.write_page))
    if wanted.marked_copy is not None and run is not None:
        if len(run.sheet) > 1 or ALL_SHEETS in run.sheet:
            raise UsageError("--marked-copy copies one sheet only. Choose one with --sheet, or remove --marked-copy.")
        annotated_copy.check_original(run.file)
        yield OutputFile(
            "--marked-copy",
            wanted.marked_copy,
            _by(partial(annotated_copy.write_marked, run.file)),
            of_sheet=True,
        )


def _by(write: Callable[[Report, Iterator[ReportRow], Path, Lang], None]) -> Write:
    return lambda report, rows, lang, path: write(report, rows(), path, lang)


def write(
    files: Iterable[OutputFile], batch: ReportSource, sheet: ReportSource, lang: Lang, ours: Ours
) -> WrittenFiles:
    """Write every file, of the whole batch or of one sheet, each whole or not at all, overwriting only what is `ours`.

    Gives what kept some from being written, by their options: it stops none of the others, and the same command writes
    them later.
    """
    placed = WrittenFiles()
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
                "Can't write {path} ({reason}): the file for {option} is missing. Everything "
                "else is done. Run the same command again to write it; no request is sent twice.",
                path=file.path,
                option=file.option,
                reason=reason,
            )
    return placed
