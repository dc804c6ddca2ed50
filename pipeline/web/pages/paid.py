"""Who has paid: all rows of a batch, asking the API again, reminders, and the undo of a wrong upload (page 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from starlette.responses import Response

from pipeline.commands.cancel import CancelRequest, CancelResult, Intention, cancel_batch
from pipeline.commands.payments import PaymentsPage, payments_of, reminders_of
from pipeline.commands.status import StatusRequest, StatusResult, status
from pipeline.domain.errors import RunError
from pipeline.domain.model import NO_MONEY, Column
from pipeline.domain.payment_summary import PaymentState
from pipeline.domain.session_states import AlreadyEnded, Cancelled, NotCancelled
from pipeline.journal.overview import Filter, Line
from pipeline.messages import explain
from pipeline.sender.polling import Attempted
from pipeline.system.atomic_output import named_after
from pipeline.web.jobs import ASKING, CANCELLING, SENDING, Job
from pipeline.web.pages.batch import KINDS, STATES
from pipeline.web.routes import Pages
from pipeline.web.stream import EVERY, stream
from pipeline.web.visit import Visit, whole_number
from schemas.fields import Field
from schemas.money import Reason, parse, to_cents

pages: Final = Pages()

SIZE: Final = 50
"""Lines of a page."""
AGES: Final = (7, 14, 30)
"""Days since a request was made, to choose from."""
LONGEST: Final = 200
"""Characters of a text that is searched for."""
WHY: Final = 20
"""Requests that were not cancelled and are shown; all are counted."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the page is asked for. `page` counts from 1."""

    state: PaymentState | None
    age: int
    text: str
    page: int

    def filter(self) -> Filter:
        """The lines that are meant."""
        amount = parse(self.text) if self.text else Reason.UNREADABLE
        cents = None if isinstance(amount, Reason) else to_cents(amount.quantize(Decimal("0.01")))
        return Filter(self.state, _before(self.age), self.text, cents)


def _before(age: int) -> datetime | None:
    return datetime.now().astimezone() - timedelta(days=age) if age else None


def _asked(visit: Visit, batch: str) -> _Asked:
    query = visit.request.query_params
    state, age = query.get("state", ""), whole_number(query.get("age", ""))
    known = state in set(PaymentState)
    return _Asked(
        PaymentState(state) if known else None,
        age if age in AGES else 0,
        visit.session.searches.get(visit.address(batch), ""),
        visit.page_number,
    )


@pages.get("batches/{batch:path}/paid")
def paid(visit: Visit, batch: str) -> Response:
    """The roll, a page at a time."""
    return _page(visit, batch)


@pages.post("batches/{batch:path}/paid")
def search(visit: Visit, batch: str) -> Response:
    """Search: names of people may not stand in an address, so the session keeps what is sought."""
    text = " ".join(visit.text("q").split())[:LONGEST]
    visit.session.searches[visit.address(batch)] = text
    return visit.go(f"batches/{batch}/paid", state=visit.text("state"), age=visit.text("age"))


def _page(visit: Visit, batch: str, status_code: int = 200, wrong: str = "") -> Response:
    asked = _asked(visit, batch)
    found = payments_of(
        batch, asked.filter(), (asked.page - 1) * SIZE, SIZE, visit.settings, in_sandbox=visit.in_sandbox
    )
    job = visit.site.jobs.of(visit.place, batch)
    mine = job is not None and job.kind in {ASKING, CANCELLING}
    return visit.page(
        "paid.html",
        status_code,
        batch=batch,
        found=found,
        asked=asked,
        ages=AGES,
        tabs=_tabs(visit, found),
        lines=[_line(visit, one, found.columns) for one in found.lines],
        first=(asked.page - 1) * SIZE + 1,
        last=(asked.page - 1) * SIZE + len(found.lines),
        is_running=visit.site.jobs.is_at_work(visit.place, batch),
        notes=_notes(visit, job) if mine and job is not None and "ended" in visit.request.query_params else [],
        wrong=wrong,
    )


def _tabs(visit: Visit, found: PaymentsPage) -> list[tuple[str, str, int, Decimal, str]]:
    figures = found.requests.figures
    rows = sum(one.rows for one in figures.values())
    amount = sum((one.amount for one in figures.values()), NO_MONEY)
    states = [
        (state.value, visit.say(STATES[state]), figure.rows, figure.amount, KINDS[state])
        for state, figure in figures.items()
        if figure.rows or state in {PaymentState.PAID, PaymentState.WAITING}
    ]
    return [("", visit.say("All"), rows, amount, ""), *states]


@dataclass(frozen=True, slots=True)
class _Shown:
    line: Line
    who: str
    email: str
    reference: str
    state: str
    kind: str
    words: str
    days: int | None


def _line(visit: Visit, line: Line, columns: Sequence[Column]) -> _Shown:
    cells = line.of_row.row.cells
    told = {column.field: cells[column.index] for column in columns if column.field and column.index < len(cells)}
    sent = line.payment
    first, last, email, reference = (
        (sent.first_name, sent.last_name, sent.email, sent.reference_id)
        if sent is not None
        else (told.get(name, "") for name in _NAMES)
    )
    whole = [cells[column.index] for column in columns if column.has_whole_names and column.index < len(cells)]
    days = None
    if line.paid is PaymentState.WAITING and line.created_at is not None:
        days = (datetime.now().astimezone().date() - line.created_at.date()).days
    return _Shown(
        line,
        " ".join(filter(None, (first, last))) or " ".join(whole),
        email,
        reference,
        visit.say(STATES[line.paid]),
        KINDS[line.paid],
        _words(visit, line),
        days,
    )


_NAMES: Final = (Field.FIRST_NAME, Field.LAST_NAME, Field.EMAIL, Field.REFERENCE_ID)


def _words(visit: Visit, line: Line) -> str:
    """What is said under the state: the API's own words, or the status of a row without a request."""
    if line.paid is PaymentState.NEVER_ASKED:
        return visit.say("left out by a person") if line.of_row.is_left_out else visit.say_status(line.of_row.status)
    if line.state is None:
        return ""
    if not line.state.known:
        return visit.say("The API does not know it.")
    return " / ".join(filter(None, (line.state.session, *line.state.transactions)))


# ---------------------------------------------------------------------------------------------------------------
# Files


@pages.get("batches/{batch:path}/reminders")
def reminders(visit: Visit, batch: str) -> Response:
    """The open requests for a mail merge."""
    age = whole_number(visit.request.query_params.get("age", ""))

    def make(folder: Path) -> Path:
        path = folder / named_after(batch, visit.say(".reminders.csv"))
        before = _before(age if age in AGES else 0)
        reminders_of(batch, before, visit.settings, path, visit.lang, in_sandbox=visit.in_sandbox)
        return path

    return visit.download(make)


# ---------------------------------------------------------------------------------------------------------------
# Asking


@pages.post("batches/{batch:path}/asking")
def ask(visit: Visit, batch: str) -> Response:
    """Ask the API again, in the background."""
    settings = visit.settings
    request = StatusRequest(batch, sandbox=visit.in_sandbox, lang=visit.lang, workbook=False)
    job = Job(ASKING, batch)
    if visit.site.jobs.start(visit.place, job, lambda job: status(request, settings, job.emit)):
        job.wait(EVERY)
    return visit.go(f"batches/{batch}/asking")


@pages.get("batches/{batch:path}/asking")
def asking(visit: Visit, batch: str) -> Response:
    """How far it is; when it has ended, who has paid."""
    job = visit.site.jobs.of(visit.place, batch)
    if job is not None and job.running and job.kind == SENDING:
        return visit.go(f"batches/{batch}/sending")
    if job is None or not job.running:
        return visit.go(f"batches/{batch}/paid", ended="yes")
    return visit.page("asking.html", batch=batch, job=job, progress=job.progress, phase=_phase(visit, job))


@pages.get("batches/{batch:path}/asked-so-far", using=False)
def asked_so_far(visit: Visit, batch: str) -> Response:
    """The same as a stream of server-sent events, for as long as the page that shows them is open."""
    job = visit.site.jobs.of(visit.place, batch)

    def look() -> dict[str, object] | None:
        if job is None or not job.running or job.kind == SENDING:
            return None
        progress = job.progress
        return {"texts": {"phase": _phase(visit, job)}, "total": progress.total, "done": progress.done}

    return stream(look, visit.address(f"batches/{batch}/asking"))


@pages.post("batches/{batch:path}/asking/stop")
def stop(visit: Visit, batch: str) -> Response:
    """Stop; what was learnt is kept."""
    job = visit.site.jobs.of(visit.place, batch)
    if job is not None and job.kind in {ASKING, CANCELLING}:
        job.request_stop()
        job.wait(EVERY)
    return visit.go(f"batches/{batch}/asking")


def _phase(visit: Visit, job: Job) -> str:
    progress = job.progress
    if progress.total and job.kind == CANCELLING:
        return visit.say("Cancelling: {done} of {total}", done=progress.done, total=progress.total)
    if progress.total:
        return visit.say("Asked {done} of {total}", done=progress.done, total=progress.total)
    return visit.say("Connecting to the API")


def _notes(visit: Visit, job: Job) -> list[tuple[str, str]]:
    """What came of the last round, each with how serious it is."""
    if why := visit.say_why(job):
        return [("bad", why)]
    match job.result:
        case StatusResult() as result:
            text = visit.say("Asked about {count} requests just now.", count=result.asked)
            failed = [("warn", explain(result.failure, visit.lang))] if result.failure is not None else []
            return [("good", text), *failed]
        case CancelResult() as result:
            return _told(visit, result)
        case _:
            return []


# ---------------------------------------------------------------------------------------------------------------
# Cancelling


@pages.post("batches/{batch:path}/cancel")
def cancel(visit: Visit, batch: str) -> Response:
    """Show what would be cancelled, with count and sum, and ask to type the total."""
    return _confirmation(visit, batch)


@pages.get("batches/{batch:path}/cancel")
@pages.get("batches/{batch:path}/cancel/confirmed")
def look_again(visit: Visit, batch: str) -> Response:
    """What was ticked is not in the address: after a change of language one ticks it again."""
    return visit.go(f"batches/{batch}/paid")


@pages.post("batches/{batch:path}/cancel/confirmed")
def cancel_now(visit: Visit, batch: str) -> Response:
    """Cancel them, once the total is typed."""
    chosen = frozenset(visit.texts("chosen")) or None
    count, amount = whole_number(visit.text("count")), parse(visit.text("amount"))
    typed = parse(visit.text("typed"))
    if isinstance(amount, Reason) or typed != (amount or Decimal(count)):
        return _confirmation(visit, batch, is_wrong=True)

    def confirm(intention: Intention) -> bool:
        """Fewer are fine: somebody has paid meanwhile. More were never confirmed."""
        return len(intention.selection.chosen) <= count and intention.selection.amount <= amount

    settings = visit.settings
    request = CancelRequest(batch, sessions=chosen, sandbox=visit.in_sandbox, lang=visit.lang, workbook=False)
    job = Job(CANCELLING, batch)
    if not visit.site.jobs.start(visit.place, job, lambda job: cancel_batch(request, settings, job.emit, confirm)):
        wrong = visit.say(
            "Nothing was cancelled: the program works on this batch. Wait until it has ended, then cancel again."
        )
        return _page(visit, batch, 409, wrong)
    job.wait(EVERY)
    return visit.go(f"batches/{batch}/asking")


def _confirmation(visit: Visit, batch: str, *, is_wrong: bool = False) -> Response:
    everything = visit.text("all") == "yes"
    chosen = () if everything else tuple(visit.texts("chosen"))
    found = payments_of(batch, Filter(sessions=chosen), 0, len(chosen), visit.settings, in_sandbox=visit.in_sandbox)
    lines = [line for line in found.lines if line.can_cancel]
    if everything:
        count, amount = found.requests.open.rows, found.requests.open.amount
    else:
        count, amount = len(lines), sum((line.asked or NO_MONEY for line in lines), NO_MONEY)
    if not count:
        wrong = visit.say("Tick the requests to cancel first. Only open ones can be cancelled.")
        return _page(visit, batch, 422, wrong)
    return visit.page(
        "cancel.html",
        422 if is_wrong else 200,
        batch=batch,
        everything=everything,
        lines=[_line(visit, line, found.columns) for line in lines],
        count=count,
        amount=amount,
        wrong=is_wrong,
    )


def _told(visit: Visit, result: CancelResult) -> list[tuple[str, str]]:
    notes = []
    if not result.offered:
        text = visit.say(
            "The API can't cancel e-Transfer requests yet. Nothing was changed. Cancel them "
            "in the Flinks dashboard, or let them expire."
        )
        notes.append(("bad", text))
    elif not result.selection.chosen:
        notes.append(("warn", visit.say("There is nothing to cancel.")))
    else:
        done = result.of(Cancelled)
        amount = sum((one.session.amount or NO_MONEY for one in done), NO_MONEY)
        text = visit.say("Cancelled: {count}, {amount}", count=len(done), amount=visit.money(amount))
        notes.append(("good" if done else "warn", text))
        others = [one for one in result.attempted if not isinstance(one.result, Cancelled)]
        notes += [("warn", _why(visit, one)) for one in others[:WHY]]
        if len(others) > WHY:
            notes.append(("warn", visit.say("… and {count} more", count=len(others) - WHY)))
    if isinstance(result.failure, RunError):
        notes.append(("bad", explain(result.failure, visit.lang)))
    return notes


def _why(visit: Visit, one: Attempted) -> str:
    row = one.session.row or "-"
    match one.result:
        case AlreadyEnded(state):
            words = " / ".join((state.session, *state.transactions))
            return visit.say("Row {row}: not cancelled, already {state}", row=row, state=words)
        case NotCancelled(code, reason):
            return visit.say(
                "Row {row}: not cancelled, the API refused (HTTP {status}: {reason})",
                row=row,
                status=code,
                reason=reason or "-",
            )
        case other:
            reason = getattr(other, "reason", "") or "-"
            return visit.say(
                "Row {row}: the API did not confirm the cancellation ({reason}). Cancel it again to check.",
                row=row,
                reason=reason,
            )
