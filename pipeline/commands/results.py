"""The results of a run: counted, and written into its workbook, in one reading of the rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline.domain.comparison import Before
from pipeline.domain.model import Report
from pipeline.journal import queries, runs
from pipeline.journal.journal import Journal
from pipeline.report.summary import Gathered, Gathering, Written
from pipeline.report.workbook import Draft, Showing, write
from pipeline.system.atomic_output import NOTHING, Ours, writing


class Results:
    """Gathers and writes the results of one run, the workbook to `path` if given, overwriting only what is `ours`.

    Close it: that removes what is not finished.
    """

    def __init__(self, journal: Journal, run: int, path: Path | None, showing: Showing, ours: Ours = NOTHING) -> None:
        self._journal = journal
        self._run = run
        self._path = path
        self._showing = showing
        self._ours = ours
        self._draft: Draft | None = None
        self._beyond = (0, 0)

    def gather(self) -> Gathered:
        """Every row is final: count them, and write them where they can be written."""
        self._beyond = self._journal.read(runs.batch_revision, self._run)
        report = self._journal.read(queries.report, self._run)
        gathering = Gathering(report, self._showing.lang)
        self._begin_draft(report)
        for row in queries.report_rows(self._journal, self._run):
            gathering.add(row)
            if self._draft is not None:
                try:
                    self._draft.add(row)
                except OSError:
                    self._drop_draft()
        return gathering.gathered()

    def write(self, report: Report, before: Before | None) -> Written | None:
        """Write the workbook, if one is wanted; `report` as it is after the run.

        Raises StoppedEarlyError if it can't be written anywhere, and WorkbookMismatch as `workbook.write` does.
        """
        if self._path is None:
            return None
        written = None
        # Write a workbook again if its rows were written before all was known of them.
        if self._beyond == self._journal.read(runs.batch_revision, self._run):
            written = self._finish_draft(report, before)
        if written is None:
            with writing(self._path):
                written = self._write_anew(self._path, report, before)
        return written

    def close(self) -> None:
        """Remove what was not finished."""
        self._drop_draft()

    def _begin_draft(self, report: Report) -> None:
        if self._path is None:
            return
        try:
            self._draft = Draft(report, self._path, self._showing, self._ours)
        except OSError:
            self._draft = None

    def _finish_draft(self, report: Report, before: Before | None) -> Written | None:
        if self._draft is None or not self._draft.fits(report, before):
            return None
        try:
            return self._draft.finish(report, before)
        except OSError:
            return None

    def _drop_draft(self) -> None:
        if self._draft is not None:
            self._draft.close()
            self._draft = None

    def _write_anew(self, path: Path, report: Report, before: Before | None) -> Written:
        """Where the workbook could not be written on the way: once more, and elsewhere if it must be."""
        self._drop_draft()
        rows = partial(queries.report_rows, self._journal, self._run)
        return write(report, rows, path, lang=self._showing.lang, before=before, ours=self._ours)
