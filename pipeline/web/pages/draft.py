"""A draft as its pages open it, and the address under which somebody comes back to it.

What the pages of a draft share is here: the draft at its desk, its sheet in the folder of the page, whether a run is
sending it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial, wraps
from pathlib import Path
from typing import Final

from starlette.responses import Response

from pipeline.commands import drafts
from pipeline.commands.draft_choices import with_choices
from pipeline.commands.drafts import Desk
from pipeline.commands.options import Request
from pipeline.domain.errors import UsageError
from pipeline.domain.model import Payment
from pipeline.journal import drafts as kept
from pipeline.journal import queries, runs
from pipeline.journal.drafts import Draft
from pipeline.web import uploads
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit, ignore

pages: Final = Pages()

LISTED: Final = 100
"""Rows of a page that only shows them."""


def _file_of(folder: Path, draft: Draft) -> Path:
    """The sheet of a draft. Raises UsageError when it is not here."""
    file = uploads.find(folder, draft.sha256, draft.file)
    if file is None:
        raise UsageError(
            "The file {file} is not on this computer: {who} works on it elsewhere. Drop the same file on the page "
            "New month to go on with it here.",
            file=draft.file,
            who=draft.changed_by,
        )
    return file


@contextmanager
def open_desk(visit: Visit) -> Iterator[Desk]:
    """The desk of the visit's place, with the sheets that were dropped on this computer."""
    file_of = partial(_file_of, sheets_folder(visit))
    with drafts.opened(visit.settings, file_of, ignore, in_sandbox=visit.in_sandbox) as desk:
        yield desk


@dataclass(frozen=True, slots=True)
class AtDesk:
    """A draft at its desk; `file` is its sheet, in the private folder of the page."""

    desk: Desk
    draft: Draft
    file: Path

    def again(self) -> AtDesk:
        """The same with the draft as it is now."""
        return AtDesk(self.desk, self.desk.journal.read(kept.get, self.draft.id) or self.draft, self.file)


@contextmanager
def at_desk(visit: Visit, draft_id: int) -> Iterator[AtDesk]:
    """Open a draft, checked anew where that is needed. Raises UsageError when it is not here any more."""
    with open_desk(visit) as desk:
        draft = desk.journal.read(kept.get, draft_id)
        if draft is None or draft.environment != desk.place.name:
            raise UsageError("This sheet was discarded, or is another environment's.")
        at = AtDesk(desk, draft, desk.file_of(draft))
        by = visit.site.checked_by.setdefault((visit.place, draft_id), desk.settings)
        if (
            draft.run is not None
            and not is_sending(visit, draft.batch)
            # A run has sent some of its rows since they were planned, or the set-up has changed.
            and (desk.journal.read(runs.batch_revision, draft.run)[1] or by != desk.settings)
        ):
            drafts.check(desk, draft, ignore)
            visit.site.checked_by[visit.place, draft_id] = desk.settings
            at = at.again()
        yield at


def once_checked(page: Callable[[Visit, AtDesk], Response]) -> Callable[[Visit, int], Response]:
    """A page of a draft whose rows have been checked; before that it leads to the page of the sheet."""

    @wraps(page)
    def answer(visit: Visit, draft_id: int) -> Response:
        with at_desk(visit, draft_id) as at:
            return visit.go(f"drafts/{draft_id}/sheet") if at.draft.run is None else page(visit, at)

    return answer


def sheets_folder(visit: Visit) -> Path:
    """Where the sheets that were dropped lie."""
    return visit.site.folder / "sheets"


def is_sending(visit: Visit, batch: str) -> bool:
    """Whether a run of this page is sending a batch."""
    return visit.site.jobs.is_at_work(visit.place, batch)


def request_of(at: AtDesk, visit: Visit) -> Request:
    """What a command is asked for with the choices of a draft."""
    return with_choices(Request(at.file, sandbox=visit.in_sandbox, lang=visit.lang), at.draft)


def last_run(at: AtDesk, batch: str) -> datetime | None:
    """When a batch of this name was last sent here."""
    for line in at.desk.journal.read(queries.batch_names):
        if (line.name, line.environment) == (batch, at.desk.place.name):
            return line.last_run_at
    return None


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row in short, as a list shows it."""

    number: int
    reference: str
    name: str
    amount: Decimal | None
    told: str = ""


def row_line(number: int, payment: Payment, told: str = "") -> RowLine:
    """A payment in short."""
    return RowLine(number, payment.reference_id, f"{payment.first_name} {payment.last_name}", payment.amount, told)


@pages.get("drafts/{draft_id:int}")
def draft(visit: Visit, draft_id: int) -> Response:
    """Where somebody goes on who comes back."""
    with at_desk(visit, draft_id) as at:
        return visit.go(f"drafts/{draft_id}/{'sheet' if at.draft.run is None else 'check'}")


@pages.post("drafts/{draft_id:int}/discard")
def discard(visit: Visit, draft_id: int) -> Response:
    """Remove a draft that is not wanted any more, and its sheet from this computer."""
    with at_desk(visit, draft_id) as at:
        if is_sending(visit, at.draft.batch):
            return visit.go(f"batches/{at.draft.batch}/sending")
        drafts.discard(at.desk, at.draft)
        uploads.remove(sheets_folder(visit), at.draft.sha256)
    return visit.go()


@pages.get("drafts/{draft_id:int}/{form:str}")
def after_a_form(visit: Visit, draft_id: int, form: str) -> Response:
    """The page on which a form stands, for who loads the answer to it again."""
    return visit.go(f"drafts/{draft_id}/{_STANDS_ON.get(form, 'check')}")


_STANDS_ON: Final = {
    "correct": "fix",
    "leave-out": "fix",
    "take-back": "fix",
    "compare": "changes",
    "plan": "summary",
    "send": "summary",
}
