"""Sending, watched: the bar, the question after the first rows, what became of each (pages 13 to 15).

The run works on whether or not anybody looks: these pages only show how far it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

from starlette.responses import Response

from pipeline.commands.batch_lookup import found_batch
from pipeline.commands.options import Result
from pipeline.domain.errors import ExitCode, InterruptedRunError
from pipeline.domain.model import Outcome, ReportRow, Status
from pipeline.domain.totals import exit_code
from pipeline.journal import overview
from pipeline.messages import N_, explain
from pipeline.report.formatting import column_names
from pipeline.web.jobs import HELD, SENDING, Job, Progress
from pipeline.web.pages.batch import what_became
from pipeline.web.routes import Pages
from pipeline.web.stream import EVERY, stream
from pipeline.web.visit import Visit

pages: Final = Pages()

LINKS: Final = 50
"""Links that are shown; the workbook has them all."""

_PHASES: Final = {
    "reading": N_("Reading the sheet"),
    "checking": N_("Checking the rows"),
    "sending": N_("Sending"),
    "writing": N_("Writing the workbook"),
    "ended": N_("Done"),
}
_COUNTED: Final = {
    "created": (Outcome.CREATED,),
    "rejected": (Outcome.REJECTED,),
    "unknown": (Outcome.UNKNOWN, Outcome.OPEN),
    "failed": (Outcome.NOT_CREATED,),
    "held": (HELD,),
}


@pages.get("batches/{batch:path}/sending")
def sending(visit: Visit, batch: str) -> Response:
    """How far the run is; the question after the first rows; or what became of it."""
    job = visit.site.jobs.of(visit.place, batch)
    if job is None or job.kind != SENDING:
        return visit.go(f"batches/{batch}")
    progress = job.progress
    if progress.question is not None:
        return visit.page("first.html", job=job, question=progress.question)
    if job.running:
        told = _texts(visit, progress)
        return visit.page("sending.html", job=job, progress=progress, told=told, counted=_counted(progress))
    return _done(visit, job)


@pages.get("batches/{batch:path}/progress", using=False)
def follow(visit: Visit, batch: str) -> Response:
    """The same as a stream of server-sent events, for as long as the page that shows them is open."""
    job = visit.site.jobs.of(visit.place, batch)
    if job is None:
        return Response(status_code=404)

    def look() -> dict[str, object] | None:
        progress = job.progress
        if job.kind != SENDING or not job.running or progress.question is not None:
            return None
        return {"texts": _texts(visit, progress), "total": progress.total, "done": progress.done}

    return stream(look, visit.address(f"batches/{batch}/sending"))


@pages.post("batches/{batch:path}/stop")
def stop(visit: Visit, batch: str) -> Response:
    """Stop after the current ones, as Ctrl-C does."""
    job = visit.site.jobs.of(visit.place, batch)
    if job is not None:
        job.request_stop()
    return visit.go(f"batches/{batch}/sending")


@pages.post("batches/{batch:path}/answer")
def answer(visit: Visit, batch: str) -> Response:
    """Whether the others follow the first rows."""
    job = visit.site.jobs.of(visit.place, batch)
    if job is not None:
        job.answer(visit.text("answer") == "yes")
        job.settled(EVERY)
    return visit.go(f"batches/{batch}/sending")


# ---------------------------------------------------------------------------------------------------------------
# What is shown


def _counted(progress: Progress) -> dict[str, int]:
    return {name: sum(progress.counts.get(one, 0) for one in outcomes) for name, outcomes in _COUNTED.items()}


def _texts(visit: Visit, progress: Progress) -> dict[str, str]:
    """Every text of the page that changes, by the id of its place."""
    if progress.paused_until is not None:
        phase = visit.say("Paused by the API until {time}", time=f"{progress.paused_until.astimezone():%H:%M:%S}")
    elif progress.phase == "sending":
        phase = visit.say("Sent {done} of {total}", done=progress.done, total=progress.total)
    else:
        phase = visit.say(_PHASES[progress.phase])
    return {"phase": phase} | {f"count-{name}": str(count) for name, count in _counted(progress).items()}


@dataclass(frozen=True, slots=True)
class _Ended:
    """What is left to do after a run, by its exit code."""

    kind: str
    told: str


_NEXT: Final[dict[int, _Ended]] = {
    ExitCode.DONE: _Ended("good", N_("Every row has its request.")),
    ExitCode.SOME_ROWS_NEED_FIXING: _Ended(
        "warn", N_("Some rows have no request yet. Fix them, then send again: nobody is asked twice.")
    ),
    ExitCode.CREDENTIALS: _Ended(
        "bad",
        N_(
            "The API refused the user or the password. Nothing is lost: correct them on the page Set-up, then continue."
        ),
    ),
    ExitCode.UNKNOWN_OUTCOME: _Ended(
        "bad", N_("The outcome of some rows is unknown. Check them before anything is sent again.")
    ),
    ExitCode.STOPPED_EARLY: _Ended("warn", N_("Stopped before the end. Nothing is lost: continue when you are ready.")),
    ExitCode.BATCH_IS_BUSY: _Ended(
        "warn", N_("Somebody else is sending this batch. Wait until that has ended, then look again.")
    ),
}

_ALL_BUT_LEFT_OUT: Final = _Ended("good", N_("Every row has its request, but for those that a person left out."))


def _done(visit: Visit, job: Job) -> Response:
    """What became of the rows, by what the run returned; or why it could not begin."""
    result: Result | None = job.result
    if result is None:
        told = visit.say_why(job)
        busy = job.failure is not None and job.failure.exit_code is ExitCode.BATCH_IS_BUSY
        return visit.page("not_begun.html", job=job, kind="warn" if busy else "bad", told=told)
    is_whole = isinstance(result.failure, InterruptedRunError) and not result.totals.counts[Status.NOT_SENT]
    code = exit_code(result.totals, stopped=False, dry_run=False) if is_whole else result.exit_code
    ended = _NEXT.get(code, _Ended("bad", ""))
    if code is ExitCode.SOME_ROWS_NEED_FIXING and not result.totals.to_fix:
        code, ended = ExitCode.DONE, _ALL_BUT_LEFT_OUT
    links, wrong = _shown(visit, job.batch)
    return visit.page(
        "done.html",
        job=job,
        result=result,
        code=code,
        ended=ended,
        told=explain(result.failure, visit.lang) if result.failure is not None and not is_whole else "",
        lines=what_became(visit, result.totals),
        links=links[:LINKS],
        wrong=wrong,
        names=column_names(result.report.columns, visit.lang),
        more=len(links) > LINKS,
    )


def _shown(visit: Visit, batch: str) -> tuple[list[ReportRow], list[ReportRow]]:
    """The first links that the API has not e-mailed, to be opened and copied one by one; and the first rows that were
    sent without a request coming of it.
    """
    with (
        found_batch(batch, visit.settings, in_sandbox=visit.in_sandbox) as found,
        found.journal.reading() as connection,
    ):
        links = islice(overview.with_own_link(connection, found.batch.id), LINKS + 1)
        wrong = islice(overview.sent_in_vain(connection, found.batch.id), LINKS)
        return list(links), list(wrong)
