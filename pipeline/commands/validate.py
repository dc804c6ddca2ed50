"""`validate`, and `run --dry-run`: everything but the network. It leaves nothing behind in the journal."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

from pipeline.commands import beside, prepare, where
from pipeline.commands.interrupts import interrupts
from pipeline.commands.prepare import Workplace
from pipeline.commands.request import Request, Result, Screen
from pipeline.commands.run import Outputs, finish, results_of
from pipeline.config.settings import Settings
from pipeline.domain.model import Status
from pipeline.report import summary
from pipeline.system.atomic_output import check_workbook


def validate(request: Request, settings: Settings, screen: Screen) -> Result:
    """Say what `run` would do with a sheet: every fault of every row, what is held, what would be sent.

    Writes the workbook only where one was asked for: the results of a real run stay where they are. Raises a RunError
    when the sheet, the settings or the journal can't be used.
    """
    with interrupts(), where.rehearsal(settings, in_sandbox=request.sandbox) as place:
        table = prepare.read(request, screen)
        if request.output is not None:
            check_workbook(request.output)
        checked = prepare.check(table, request, settings, place)
        with where.journal_of(place, screen.journal_begun) as journal:
            batch = journal.batch(prepare.batch_name(request, table), place.name, datetime.now().astimezone())
            workplace = Workplace(journal, batch, prepare.REHEARSAL, place.base_url, settings)
            refused = prepare.refusal(journal, batch, table, request, settings)
            prepared = prepare.begin_and_plan(workplace, table, checked, request, screen)
            try:
                # A run would be refused before anything else; here the rows are looked at all the same.
                files = beside.check(beside.wanted_of(request), table.columns, request.output)
                with closing(results_of(workplace, prepared, request)) as results:
                    outputs = Outputs(results, files)
                    result = finish(workplace, prepared, refused or prepared.refused, request, screen, outputs)
                for row in journal.report_rows(prepared.run):
                    if row.status is not Status.NOT_SENT and row.errors:
                        screen.row_needs_mending(row, summary.messages(result.report, row, request.lang))
                return result
            finally:
                journal.forget(prepared.run)
