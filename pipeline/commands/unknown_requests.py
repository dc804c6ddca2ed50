"""Requests in a results workbook next to the sheet that the journal does not know: it is not their journal.

A journal that was restored from an old backup, or another one by mistake, would ask everyone again. The workbooks of
the batch that lie where `run` writes them are a second memory (interface: "The journal's place").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipeline.commands.journal import place_of
from pipeline.commands.options import Request
from pipeline.config.settings import Settings
from pipeline.domain.errors import InputError
from pipeline.journal import database, history, outputs, states
from pipeline.journal.journal import Batch, Journal
from pipeline.messages import translate
from pipeline.reader import sha256_of
from pipeline.reader.formats import Format
from pipeline.reader.grid import Grid
from pipeline.reader.workbook import open_workbook
from pipeline.report.workbook import RESULTS, SUMMARY
from pipeline.system.atomic_output import is_ours
from schemas.languages import LANGUAGES
from schemas.workbook_names import sheet_name

_SUMMARIES: Final = [sheet_name(SUMMARY, lang) for lang in LANGUAGES]
_RESULTS: Final = re.compile(rf"({'|'.join(sheet_name(RESULTS, lang) for lang in LANGUAGES)})( \d+)?")
_OURS: Final = re.compile(r"(\.sandbox)?\.results( \(\d+\))?$")
_SESSION: Final = "sessionId"


def unknown_requests(journal: Journal, batch: Batch, request: Request, settings: Settings) -> InputError | None:
    """Why a run must not begin: a workbook of this batch has requests that are not in the journal. None if none has.

    A batch whose personal data were removed knows its rows and no longer its requests; it asks nobody again.
    """
    written = outputs.FilesOf(journal, batch.name, batch.environment)
    for path in _workbooks(request):
        with suppress(OSError):  # gone meanwhile
            if written.last_written(path) == sha256_of(path):
                continue  # as it was written from this journal: all that is in it is known here
        count = journal.read(states.count_unknown, _requests(path, batch))
        if count and journal.read(history.facts, batch.id).purged_at is None:
            place = database.shown(place_of(settings, in_sandbox=request.sandbox))
            told = {"workbook": path, "count": count, "batch": batch.name, "journal": place}
            return InputError(
                "{workbook} has requests of batch {batch} that the journal {journal} does not "
                "know ({count}): a run would send them again. Name their journal with --journal, "
                "or restore it from a backup. To send them again anyway, move the workbook to "
                "another folder. Nothing was sent.",
                **told,
            )
    return None


def _workbooks(request: Request) -> list[Path]:
    """The workbooks of ours where this command writes its own: next to the sheet, and where `-o` points."""
    places = [(request.file.parent, _OURS.sub("", request.file.stem), r"(\.sandbox)?\.results")]
    if request.output is not None:
        places.append((request.output.parent, request.output.stem, ""))
    found = {request.file}
    for folder, stem, ending in places:
        name = re.compile(rf"{re.escape(stem)}{ending}( \(\d+\))?\.xlsx")
        with suppress(OSError):
            found |= {path for path in folder.iterdir() if name.fullmatch(path.name)}
    return sorted(path for path in found if is_ours(path))


def _requests(path: Path, batch: Batch) -> Iterator[str]:
    """The sessionId of every request in a workbook, if its `Summary` names this batch in this environment.

    A workbook that can't be read has none.
    """
    with suppress(InputError):
        book = open_workbook(path, Format.XLSX)
        if any(name in book.names and _is_of(batch, book.grid(name)) for name in _SUMMARIES):
            for name in filter(_RESULTS.fullmatch, book.names):
                yield from _sessions(book.grid(name))


def _is_of(batch: Batch, summary: Grid) -> bool:
    facts = {record.cells[0]: record.cells[1] for record in summary.records() if len(record.cells) > 1}
    names = [facts.get(translate("Batch", lang)) for lang in LANGUAGES]
    environments = [facts.get(translate("Environment", lang)) for lang in LANGUAGES]
    return batch.name in names and batch.environment in environments


def _sessions(results: Grid) -> Iterator[str]:
    records = results.records()
    # The last of this name: the user's own columns come before ours.
    headings = next(records, None)
    at = max((at for at, text in enumerate(headings.cells if headings else ()) if text == _SESSION), default=None)
    if at is not None:
        yield from (record.cells[at] for record in records if len(record.cells) > at and record.cells[at])
