"""A batch's own page, the story of one of its rows, its workbook, and the purge of old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from starlette.responses import Response

from pipeline.commands import batches
from pipeline.commands.batches import NumberedStory, RowStory
from pipeline.commands.status import csv_again, workbook_again
from pipeline.domain.errors import StoppedEarlyError
from pipeline.domain.model import Outcome, Status, Totals
from pipeline.domain.payment_summary import PaymentState, payment_state
from pipeline.journal.history import PastRun
from pipeline.messages import N_, translate
from pipeline.report.formatting import column_names
from pipeline.report.masking import account_columns, mask, mask_in
from pipeline.report.summary import status_lines
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit
from schemas.faults import Fault

pages: Final = Pages()

STATES: Final = {
    PaymentState.PAID: N_("Paid"),
    PaymentState.WAITING: N_("Waiting"),
    PaymentState.ENDED: N_("Ended unpaid"),
    PaymentState.UNKNOWN: N_("Outcome unknown"),
    PaymentState.NEVER_ASKED: N_("Not asked"),
    PaymentState.PURGED: N_("Purged"),
}
KINDS: Final = {
    PaymentState.PAID: "good",
    PaymentState.WAITING: "",
    PaymentState.ENDED: "warn",
    PaymentState.UNKNOWN: "bad",
    PaymentState.NEVER_ASKED: "warn",
    PaymentState.PURGED: "",
}
_OUTCOMES: Final = {
    Outcome.OPEN: N_("Sent; the program was interrupted before a response"),
    Outcome.CREATED: N_("Sent; the request was created"),
    Outcome.REJECTED: N_("Sent; the API rejected it"),
    Outcome.NOT_CREATED: N_("Not created"),
    Outcome.UNKNOWN: N_("Sent; no usable response came"),
}
_DECISIONS: Final = {
    Outcome.CREATED: N_("{who} recorded that the request exists"),
    Outcome.NOT_CREATED: N_("{who} recorded that no request was created"),
}
_LONG: Final = 300
"""Characters of a cell that are shown at once."""
_YEARS: Final = 2
_LEAP_DAY: Final = (2, 29)
_NO_TOTALS: Final = Totals()


@pages.get("batches/{batch:path}/rows/{number:int}")
def row(visit: Visit, batch: str, number: int) -> Response:
    """What happened to a row."""
    found = batches.stories_of_row(batch, number, visit.settings, in_sandbox=visit.in_sandbox)
    show = visit.request.query_params.get("accounts") == "shown"
    stories = [_story(visit, one, show_accounts=show) for one in found]
    return visit.page(
        "row.html", batch=batch, row_number=number, stories=stories, show_accounts=show, states=STATES, kinds=KINDS
    )


@pages.get("batches/{batch:path}/workbook")
def workbook(visit: Visit, batch: str) -> Response:
    """The workbook, made now."""
    return visit.download(
        lambda folder: workbook_again(batch, visit.settings, folder, visit.lang, in_sandbox=visit.in_sandbox)
    )


@pages.get("batches/{batch:path}/csv")
def csv(visit: Visit, batch: str) -> Response:
    """All rows as CSV, made now."""
    return visit.download(
        lambda folder: csv_again(batch, visit.settings, folder, visit.lang, in_sandbox=visit.in_sandbox)
    )


# ---------------------------------------------------------------------------------------------------------------
# Purge


@pages.get("purge")
def purge(visit: Visit) -> Response:
    """The batches whose personal data can be removed."""
    return _purge(visit, visit.request.query_params.get("before", "") or _years_ago().isoformat())


@pages.post("purge")
def remove(visit: Visit) -> Response:
    """Remove them, once the date is typed again and the list is what was shown."""
    before, typed = visit.text("before"), visit.text("typed").strip()
    day = _day(before)
    if day is None or typed != before:
        return _purge(visit, before, wrong=visit.say("Type the date {date} as it is shown above.", date=before))
    try:
        done = batches.purge(
            day, visit.settings, lambda found: visit.text("ids") == _ids(found), in_sandbox=visit.in_sandbox
        )
    except StoppedEarlyError:
        wrong = visit.say("The list has changed, or the journal is in use. Look at it again. Nothing was removed.")
        return _purge(visit, before, wrong=wrong)
    return visit.page("purge.html", before=before, old=[], wrong="", wrong_day="", done=done, ids="")


def _purge(visit: Visit, before: str, wrong: str = "") -> Response:
    day = _day(before)
    wrong_day = "" if day is not None else visit.say("Give a past date, such as {date}.", date=_years_ago().isoformat())
    old = [] if day is None else batches.purgeable(day, visit.settings, in_sandbox=visit.in_sandbox)
    status = 422 if wrong or wrong_day else 200
    values = {"before": before, "old": old, "wrong": wrong, "wrong_day": wrong_day, "done": None, "ids": _ids(old)}
    return visit.page("purge.html", status, **values)


def _ids(found: object) -> str:
    return " ".join(str(one.id) for one in found)  # type: ignore[attr-defined]


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day <= date.today() else None  # noqa: DTZ011 - the day that people here have


def _years_ago() -> date:
    today = date.today()  # noqa: DTZ011 - the day that people here have
    day = 28 if (today.month, today.day) == _LEAP_DAY else today.day
    return today.replace(year=today.year - _YEARS, day=day)


# ---------------------------------------------------------------------------------------------------------------
# The batch; behind all others, since the name of a batch may hold a slash


@pages.get("batches/{batch:path}")
def story(visit: Visit, batch: str) -> Response:
    """What became of a batch."""
    found = batches.overview_of(batch, visit.settings, in_sandbox=visit.in_sandbox)
    figures = [
        (state, visit.say(STATES[state]), KINDS[state], figure)
        for state, figure in found.requests.figures.items()
        if figure.rows or state in {PaymentState.PAID, PaymentState.WAITING}
    ]
    return visit.page(
        "batch.html",
        batch=batch,
        is_running=visit.site.jobs.is_at_work(visit.place, batch),
        found=found,
        figures=figures,
        unknown=found.totals.counts[Status.UNKNOWN],
        unsent=found.totals.counts[Status.NOT_SENT],
        lines=what_became(visit, found.totals),
        runs=[(run, _ended(visit, run)) for run in reversed(found.runs)],
    )


@dataclass(frozen=True, slots=True)
class _RowsLine:
    word: str
    meaning: str
    rows: int
    amount: Decimal


def what_became(visit: Visit, totals: Totals) -> list[_RowsLine]:
    """The statuses that occur; the rows that a person left out are apart from those that are wrong."""
    out, lines = totals.left_out, list[_RowsLine]()
    for line in status_lines(replace(totals, left_out=_NO_TOTALS.left_out), visit.lang):
        rows, amount, word = line.rows, line.amount, visit.say_status(line.status)
        if line.status is Status.INVALID and out.rows:
            why = visit.say("A person left the row out of the batch. The reason is kept.")
            lines.append(_RowsLine(visit.say("left out by a person"), why, out.rows, out.amount))
            rows, amount = rows - out.rows, amount - out.amount
        if rows:
            lines.append(_RowsLine(word, line.meaning, rows, amount))
    return lines


def _ended(visit: Visit, run: PastRun) -> str:
    """How a run ended, in a sentence."""
    if run.stopped:
        return translate(run.stopped, visit.lang, **run.stopped_details)
    if run.ended_at is None:
        return visit.say("Interrupted: the journal has no end for this run.")
    return ""


# ---------------------------------------------------------------------------------------------------------------
# The story of a row


@dataclass(frozen=True, slots=True)
class _Cell:
    heading: str
    text: str
    rest: str


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    text: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    of: RowStory
    present: bool
    meaning: str
    state: PaymentState | None
    why: tuple[str, ...]
    cells: tuple[_Cell, ...]
    hides: bool
    events: tuple[_Event, ...]


def _story(visit: Visit, one: NumberedStory, *, show_accounts: bool) -> _Row:
    story, columns = one.story, one.story.columns
    names, accounts = column_names(columns, visit.lang), account_columns(columns)
    hidden = frozenset() if show_accounts else accounts.hidden_in(story.row.row.cells)

    def said(fault: Fault) -> str:
        text = visit.fault(fault, names)
        return text if show_accounts else mask_in(text, story.row, accounts)

    texts = dict(enumerate(story.row.row.cells))
    cells = [
        (column.heading, mask(texts.get(at, "")) if at in hidden else texts.get(at, ""))
        for at, column in enumerate(columns)
    ]
    meanings = {line.status: line.meaning for line in status_lines(_NO_TOTALS, visit.lang)}
    return _Row(
        story,
        one.present,
        meanings[story.row.status],
        payment_state(story.states[-1] if story.states else None, has_id=True) if story.row.launch_url else None,
        tuple(map(said, (*story.row.errors, *story.row.notices))),
        tuple(_Cell(name, text[:_LONG], text[_LONG:]) for name, text in cells if text),
        any(texts.get(at) for at in accounts.hidden_in(story.row.row.cells)),
        tuple(sorted(_events(visit, story, said), key=lambda event: event.at)),
    )


def _events(visit: Visit, story: RowStory, said: Callable[[Fault], str]) -> list[_Event]:
    found = []
    for attempt in story.tries:
        details = [attempt.asked.describe(visit.lang) if attempt.asked else ""]
        if attempt.http_status is not None:
            details.append(visit.say("HTTP {status}", status=attempt.http_status))
        details += map(said, attempt.reasons)
        outcome = visit.say(_OUTCOMES[attempt.outcome])
        text = visit.say("Attempt {number}: {outcome}", number=attempt.number, outcome=outcome)
        found.append(_Event(attempt.intended_at, text, tuple(filter(None, details))))
    for decision in story.decisions:
        text = visit.say(_DECISIONS[decision.outcome], who=decision.who)
        found.append(_Event(decision.at, text, tuple(filter(None, (decision.note,)))))
    for state in story.states:
        words = " / ".join(filter(None, (state.session, *state.transactions)))
        text = (
            visit.say("The API says: {words}", words=words) if state.known else visit.say("The API does not know it.")
        )
        found.append(_Event(state.since, text, ()))
    return found
