"""What was chosen for a sheet on the local page, for commands on the same bytes: they see the same plan."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from pipeline.commands import comparison
from pipeline.commands.environment import Environment
from pipeline.commands.options import Request
from pipeline.domain.drafts import Subject
from pipeline.domain.events import DraftChoicesTaken, Emit
from pipeline.journal import database, drafts, runs
from pipeline.journal.drafts import Draft
from pipeline.journal.journal import Journal, open_journal
from pipeline.reader import sha256_of


def with_choices(request: Request, draft: Draft) -> Request:
    """A request with the batch of a draft and how its sheet is read, where the request says nothing of that itself."""
    chosen = draft.choices
    if request.mapping is None and not request.map and request.split_names is None:
        request = replace(request, map=chosen.map, split_names=chosen.split_names)
    return replace(
        request,
        batch=request.batch or draft.batch or None,
        sheet=request.sheet or chosen.sheets,
        hidden=chosen.hidden if request.hidden == "refuse" else request.hidden,
        allow_open_amount=request.allow_open_amount or chosen.allow_open_amount,
    )


def with_total(request: Request, journal: Journal, draft: Draft) -> Request:
    """A request that expects the total of the billing program, as somebody typed it for a draft; where it expects none
    itself.
    """
    total = journal.read(drafts.decided, draft.id, Subject.TOTAL).get("")
    if total is None or request.expect_total is not None:
        return request
    accepted = journal.read(drafts.decided, draft.id, Subject.DIFFERENCE)
    pairs = (about.split() for about in accepted)
    found = frozenset(Decimal(rows) for expected, rows in pairs if expected == total.value)
    return replace(request, expect_total=Decimal(total.value), accepted_totals=found)


def as_in_draft(request: Request, place: Environment, emit: Emit) -> Request:
    """A request for a sheet as its draft has it, if there is one, and that said. The file is read for its digest."""
    if not (place.name and request.file.is_file() and database.is_there(place.journal)):
        return request
    with open_journal(place.journal, make=False) as journal:
        if not journal.read(drafts.of_environment, place.name):
            return request
        try:
            draft = journal.read(drafts.find, place.name, sha256_of(request.file))
        except OSError:
            return request  # reading it says why
        if draft is None:
            return request
        chosen = with_choices(request, draft)
        if chosen != request:
            batch = "" if request.batch else chosen.batch or ""
            emit(DraftChoicesTaken(batch, replace(chosen, batch=request.batch) != request))
        return with_total(_with_month(chosen, journal, draft), journal, draft)


def _with_month(request: Request, journal: Journal, draft: Draft) -> Request:
    """A request that compares with the batch that was chosen as the month before, while it can be compared with."""
    month = draft.choices.compare
    if request.compare is not None or not month or month == request.batch or draft.run is None:
        return request
    can = comparison.choosable(journal, journal.read(runs.batch_of, draft.run))
    return replace(request, compare=month) if month in can else request
