"""The results of a run: counted, and written into its workbook, in one reading of the rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline.domain.comparison import Before
from pipeline.domain.model import Report
from pipeline.journal.journal import Journal
from pipeline.report.summary import Gathered, Gathering, Written
from pipeline.report.workbook import Draft, Showing, write
from pipeline.system.atomic_output import NOTHING, Ours, writing


class Results:
    """Gathers and writes the results of one run, the workbook to `path` if there is one, over what is `ours`.

    Close it: what is not finished is removed then.
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
        self._beyond = self._journal.beyond(self._run)
        report = self._journal.report(self._run)
        gathering = Gathering(report, self._showing.lang)
        self._begin_draft(report)
        for row in self._journal.report_rows(self._run):
            gathering.add(row)
            if self._draft is not None:
                try:
                    self._draft.add(row)
                except OSError:
                    self._drop_draft()
        return gathering.gathered()

    def write(self, report: Report, before: Before | None) -> Written | None:
        """Write the workbook, if one is wanted; `report` as it stands now that the run has ended.

        Raises StoppedEarlyError when it can be had nowhere, and WorkbookMismatch as `workbook.write` does.
        """
        if self._path is None:
            return None
        written = None
        # A workbook whose rows were written before all was known of them is written anew.
        if self._beyond == self._journal.beyond(self._run):
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
        rows = partial(self._journal.report_rows, self._run)
        return write(report, rows, path, lang=self._showing.lang, before=before, ours=self._ours)
