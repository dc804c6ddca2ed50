"""`validate`, and `run --dry-run`: everything but the network. It leaves nothing behind in the journal."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

from pipeline.commands import environment, extra_outputs, prepare
from pipeline.commands.draft_choices import as_in_draft
from pipeline.commands.options import Request, Result
from pipeline.commands.prepare import RunContext
from pipeline.commands.run import Outputs, finish, results_of
from pipeline.config.settings import Settings
from pipeline.domain.errors import StoppedEarlyError
from pipeline.domain.events import Emit, RowNeedsFixing
from pipeline.domain.model import Status
from pipeline.journal import queries, runs
from pipeline.report import summary
from pipeline.system.atomic_output import check_workbook
from pipeline.system.signals import interrupts


def validate(request: Request, settings: Settings, emit: Emit) -> Result:
    """Say what `run` would do with a sheet: every fault of every row, the rows held, the rows to send.

    Writes the workbook only where one was asked for: the results of a real run stay where they are. Raises a RunError
    when the sheet, the settings or the journal can't be used.
    """
    with (
        interrupts(StoppedEarlyError("Stopped before sending. Run the same command again to start over.")),
        environment.rehearsal(settings, in_sandbox=request.sandbox) as place,
    ):
        request = as_in_draft(request, place, emit)
        table = prepare.read(request, emit)
        if request.output is not None:
            check_workbook(request.output)
        checked = prepare.check(table, request, settings, place)
        with environment.journal_of(place, emit) as journal:
            checked = prepare.corrected(table, checked, request, settings, place, journal, emit)
            batch = journal.write(
                runs.ensure_batch, prepare.batch_name(request, table), place.name, datetime.now().astimezone()
            )
            context = RunContext(journal, batch, prepare.REHEARSAL, place.base_url, settings)
            refused = prepare.refusal(journal, batch, table, request, settings)
            prepared = prepare.begin_and_plan(context, table, checked, request, emit)
            try:
                # A run would be refused before anything else; here the rows are looked at all the same.
                files = extra_outputs.check(request.files, table.columns, request.output, request)
                with closing(results_of(context, prepared, request)) as results:
                    outputs = Outputs(results, files)
                    result = finish(context, prepared, refused or prepared.refused, request, emit, outputs)
                messages = summary.Messages(result.report, request.lang)
                for row in queries.report_rows(journal, prepared.run):
                    if row.status is not Status.NOT_SENT and row.errors and not row.is_left_out:
                        emit(RowNeedsFixing(row, tuple(messages.of(row))))
                return result
            finally:
                journal.write(runs.delete_rehearsal, prepared.run)
