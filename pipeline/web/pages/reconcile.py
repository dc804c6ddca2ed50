"""Reconciling a batch with the daily reports (page 18): reports dropped, words asked about, the proof, each pile.

Whatever is dropped, removed, answered or confirmed starts the reconciliation anew: its result is always of the reports
that are listed.
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response

from pipeline.commands.batch_lookup import found_batch
from pipeline.commands.reconcile import Reconciled, ReconcileRequest, proposal_id, reconcile_batch, tick_deposit
from pipeline.commands.status_words import MEANINGS, UnknownWord, forget_words, keep_words, kept_words, unknown_words
from pipeline.config.settings import Settings
from pipeline.domain.errors import InputError, RunError
from pipeline.domain.model import Status
from pipeline.journal.deposits import DepositKey
from pipeline.messages import N_, explain
from pipeline.reconciliation.balance import WITHOUT_DAY, Pile, pile_of
from pipeline.reconciliation.front import Verdict, headline, other_lines, verdict_of
from pipeline.reconciliation.matching import Match, MatchCategory
from pipeline.reconciliation.sentences import LABELS, NEXT_STEPS
from pipeline.reconciliation.sentences import MEANINGS as PILE_MEANINGS
from pipeline.reconciliation.sheets import Row, Value, Values, rows_of
from pipeline.system.atomic_output import RECONCILIATION, named_after
from pipeline.web import uploads
from pipeline.web.jobs import Job
from pipeline.web.routes import Pages
from pipeline.web.stream import stream
from pipeline.web.visit import Visit
from schemas.languages import LANGUAGES, Lang
from schemas.reports import Meaning, ReportField

pages: Final = Pages()

RECONCILING: Final = "reconciling"
LINES: Final = 50
"""Matches on a page."""
MOST_DAMAGED: Final = 50
"""Damaged lines that are shown; the workbook has them all."""
SOON: Final = 2.0
"""Seconds that a form waits for the result, before a page shows how far it is."""
KEPT_SECONDS: Final = 7 * 24 * 3600
"""Reports that nobody has touched for so long are removed."""

_PAID: Final = ("row", "reference", "name", "asked", "paid", "difference", "reportedAmount", "status", "completed")
_UNPAID: Final = ("row", "reference", "name", "email", "asked", "status", "state", "completed")
_SHOWN: Final = {
    MatchCategory.MATCHED: ("row", "reference", "name", "asked", "paid", "status", "how", "deposited", "file"),
    MatchCategory.PAID_DIFFERENTLY: (
        *("row", "reference", "name", "reportedName", "differs", "asked", "paid", "difference", "status", "file"),
    ),
    MatchCategory.PAID_TWICE: (*_PAID, "file"),
    MatchCategory.RETURNED: (*_PAID, "file"),
    MatchCategory.IN_REPORT_ONLY: (
        *("otherBatch", "reportedReference", "reportedName", "paid", "status", "completed", "note", "file"),
    ),
    MatchCategory.PROPOSALS: (
        *("row", "reference", "reportedReference", "name", "reportedName", "how", "asked", "paid", "file"),
    ),
    MatchCategory.WAITING: (*_UNPAID, "file"),
    MatchCategory.ENDED_UNPAID: (*_UNPAID, "file"),
    MatchCategory.UNKNOWN_STATE: (*_UNPAID, "paid", "rowStatus", "file"),
    MatchCategory.IN_BATCH_ONLY: ("row", "reference", "name", "asked", "inSheet", "rowStatus", "note", "askedOn"),
}
"""The columns of each place that fit a page; the workbook has them all."""
_FIELDS: Final = {
    ReportField.SESSION_ID: N_("id of the request"),
    ReportField.REFERENCE: N_("reference"),
    ReportField.TRANSACTION_ID: N_("id of the transaction"),
    ReportField.MEMO: N_("description"),
    ReportField.AMOUNT: N_("amount"),
    ReportField.CREDIT: N_("money in"),
    ReportField.DEBIT: N_("money out"),
    ReportField.BALANCE: N_("balance"),
    ReportField.TYPE: N_("type"),
    ReportField.CURRENCY: N_("currency"),
    ReportField.NAME: N_("name"),
    ReportField.EMAIL: N_("e-mail"),
    ReportField.ACCOUNT: N_("account"),
    ReportField.STATUS: N_("status"),
    ReportField.CREATED: N_("date of the request"),
    ReportField.COMPLETED: N_("date of the payment"),
    ReportField.SETTLED: N_("date of the deposit"),
}
"""What people call the columns of a report."""
_MOMENTS: Final = frozenset({"completed", "deposited", "askedOn"})
_NUMBERS: Final = frozenset({"row", "asked", "paid", "difference", "reportedAmount", "inSheet"})


@dataclass(frozen=True, slots=True)
class _Looked:
    """What keeps the reports from being matched: files that are none, and words that nobody has explained."""

    refused: tuple[tuple[str, RunError], ...]
    words: tuple[UnknownWord, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a job made of these reports; `piles` are the matches by what they mean.

    What takes a look at every match is worked out once: `headlines` in each language, and the `verdict`.
    """

    reports: tuple[Path, ...]
    lang: Lang
    looked: _Looked
    done: Reconciled | None = None
    piles: dict[Pile, list[Match]] = field(default_factory=dict)
    headlines: dict[Lang, list[str]] = field(default_factory=dict)
    verdict: Verdict = Verdict.RED


# ---------------------------------------------------------------------------------------------------------------
# The private folder


def _folder(visit: Visit, batch: str) -> Path:
    """Where the reports of a batch are while they are used."""
    name = sha256(f"{visit.environment}\0{batch}".encode()).hexdigest()[:32]
    return visit.site.folder / "reports" / f"{visit.place}-{name}"


def _reports(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted((path for path in folder.glob("*/*") if path.is_file()), key=lambda path: (path.name, path)))


def _mapping(visit: Visit) -> Path:
    """What people said of status words: in practice nothing is learnt for real money."""
    return visit.site.folder / f"reports-{visit.place}.mapping.toml"


def _remove_old(visit: Visit) -> None:
    """Remove reports that nobody has touched for long: they hold people's payments."""
    for folder in (visit.site.folder / "reports").glob("*"):
        if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------------------------------------------------------
# The work


def _job(visit: Visit, batch: str) -> Job | None:
    return visit.site.jobs.of(f"{visit.place} {RECONCILING}", batch)


def _start(visit: Visit, batch: str, confirmed: frozenset[str] = frozenset()) -> Response:
    """Match the reports that are there now, and show what comes of it, or how far it is."""
    folder = _folder(visit, batch)
    reports = _reports(folder)
    if reports:
        mapping = _mapping(visit)
        request = ReconcileRequest(
            batch=batch,
            reports=reports,
            output=folder / named_after(batch, RECONCILIATION),
            mapping=mapping if mapping.exists() else None,
            sandbox=visit.in_sandbox,
            confirmed=confirmed,
            lang=visit.lang,
        )
        job = Job(RECONCILING, batch)
        if visit.site.jobs.start(f"{visit.place} {RECONCILING}", job, partial(_reconcile, request, visit.settings)):
            job.wait(SOON)
    return visit.go(f"batches/{batch}/reconcile")


def _reconcile(request: ReconcileRequest, settings: Settings, job: Job) -> _Outcome:
    refused: list[tuple[str, RunError]] = []
    words: list[UnknownWord] = []
    for report in request.reports:
        try:
            words += unknown_words([report], request.mapping)
        except InputError as failure:
            refused.append((report.parent.name, failure))
    looked = _Looked(tuple(refused), _merged(words))
    if looked.refused or looked.words:
        return _Outcome(request.reports, request.lang, looked)
    done = reconcile_batch(request, settings, job.emit)
    piles: defaultdict[Pile, list[Match]] = defaultdict(list)
    for match in done.matches:
        piles[pile_of(match)].append(match)
    told = done.balance, done.story.doubts, done.matches
    headlines = {lang: headline(*told, lang) for lang in LANGUAGES}
    return _Outcome(request.reports, request.lang, looked, done, dict(piles), headlines, verdict_of(*told))


def _merged(words: Sequence[UnknownWord]) -> tuple[UnknownWord, ...]:
    """A word that several reports have, once."""
    found: dict[str, UnknownWord] = {}
    for one in words:
        same = found.setdefault(one.word.casefold(), UnknownWord(one.word))
        same.lines += one.lines
        same.files += one.files
    return tuple(found.values())


# ---------------------------------------------------------------------------------------------------------------
# What a person does


@pages.post("batches/{batch:path}/reconcile/reports")
def drop(visit: Visit, batch: str) -> Response:
    """Add reports."""
    files = [one for one in visit.form.getlist("reports") if isinstance(one, UploadFile) and one.filename]
    if not files:
        raise InputError("Choose a file first.")
    with found_batch(batch, visit.settings, in_sandbox=visit.in_sandbox):
        folder = _folder(visit, batch)
    _remove_old(visit)
    for one in files:
        uploads.keep(folder, one)
    return _start(visit, batch)


@pages.post("batches/{batch:path}/reconcile/remove")
def remove(visit: Visit, batch: str) -> Response:
    """Remove one report, or all of them when the work is done."""
    folder = _folder(visit, batch)
    digest = visit.text("report")
    if not digest:
        shutil.rmtree(folder, ignore_errors=True)
        return visit.go(f"batches/{batch}/reconcile", removed="yes")
    if digest in {report.parent.name for report in _reports(folder)}:
        uploads.remove(folder, digest)
    return _start(visit, batch)


@pages.post("batches/{batch:path}/reconcile/again")
def again(visit: Visit, batch: str) -> Response:
    """Match once more: the batch may have changed, or what kept it from being matched is gone."""
    return _start(visit, batch)


@pages.post("batches/{batch:path}/reconcile/words")
def explain_words(visit: Visit, batch: str) -> Response:
    """Keep what the words mean, for all later reports of this place."""
    try:
        answers = {
            text: Meaning(meaning)
            for text, meaning in zip(visit.texts("word"), visit.texts("meaning"), strict=True)
            if meaning
        }
    except ValueError:
        return Response(status_code=400)
    if answers:
        keep_words(_mapping(visit), answers)
    return _start(visit, batch)


@pages.post("batches/{batch:path}/reconcile/forget")
def forget(visit: Visit, batch: str) -> Response:
    """Forget what the words mean, and ask again."""
    forget_words(_mapping(visit))
    return _start(visit, batch)


@pages.post("batches/{batch:path}/reconcile/confirm")
def confirm(visit: Visit, batch: str) -> Response:
    """Take one proposal: the journal keeps who did."""
    return _start(visit, batch, frozenset({visit.text("proposal")}))


@pages.post("batches/{batch:path}/reconcile/deposit")
def tick(visit: Visit, batch: str) -> Response:
    """Tick a deposit off against the bank, or take that back: the journal keeps who did."""
    try:
        amount = Decimal(visit.text("amount"))
    except InvalidOperation:
        return Response(status_code=400)
    deposit = DepositKey(visit.text("day"), visit.text("currency"), amount)
    tick_deposit(batch, deposit, visit.settings, in_sandbox=visit.in_sandbox, ticked=visit.text("ticked") == "yes")
    return _start(visit, batch)


@pages.get("batches/{batch:path}/reconcile/workbook")
def workbook(visit: Visit, batch: str) -> Response:
    """The workbook of the reconciliation that is shown, in the language of the page."""
    outcome = _outcome(visit, batch)
    if outcome is not None and outcome.lang != visit.lang:
        _start(visit, batch)
        outcome = _outcome(visit, batch)
    if outcome is None or outcome.done is None:
        return visit.go(f"batches/{batch}/reconcile")
    return FileResponse(outcome.done.written.path, filename=named_after(batch, RECONCILIATION))


@pages.get("batches/{batch:path}/reconcile/progress", using=False)
def follow(visit: Visit, batch: str) -> Response:
    """When it is done, as a stream of server-sent events."""
    job = _job(visit, batch)

    def look() -> dict[str, object] | None:
        return {"texts": {}} if job is not None and job.running else None

    return stream(look, visit.address(f"batches/{batch}/reconcile"))


# ---------------------------------------------------------------------------------------------------------------
# What is shown


def _outcome(visit: Visit, batch: str) -> _Outcome | None:
    """What the last job made, if it is of the reports that are there."""
    job = _job(visit, batch)
    if job is None or job.running or job.result is None:
        return None
    outcome: _Outcome = job.result
    return outcome if outcome.reports == _reports(_folder(visit, batch)) else None


@pages.get("batches/{batch:path}/reconcile")
def show(visit: Visit, batch: str) -> Response:
    """Where it stands: no reports yet, at work, a question, or the proof with its piles."""
    job, outcome = _job(visit, batch), _outcome(visit, batch)
    if job is None:
        with found_batch(batch, visit.settings, in_sandbox=visit.in_sandbox):
            pass
    reports = _reports(_folder(visit, batch))
    if job is not None and job.running:
        return visit.page("reconciling.html", batch=batch)
    told = ""
    if job is not None and outcome is None and reports:
        told = visit.say_why(job)
    done = outcome.done if outcome is not None else None
    shown: dict[str, Any] = {
        "batch": batch,
        "reports": [_File(one.parent.name, one.name) for one in reports],
        "told": told,
        "refused": {digest: explain(failure, visit.lang) for digest, failure in outcome.looked.refused}
        if outcome is not None
        else {},
        "words": outcome.looked.words if outcome is not None else (),
        "meanings": [(meaning.value, visit.say(text)) for meaning, text in MEANINGS.items()],
        "explained": [(text, visit.say(MEANINGS[meaning])) for text, meaning in kept_words(_mapping(visit)).items()],
        "removed": visit.request.query_params.get("removed") == "yes" and not reports,
        "done": done,
    }
    if outcome is not None and done is not None:
        shown |= _proof(visit, outcome, done)
    return visit.page("reconcile.html", **shown)


@dataclass(frozen=True, slots=True)
class _File:
    """A report of the private folder."""

    digest: str
    name: str


@dataclass(frozen=True, slots=True)
class _PileLine:
    """A line of the proof."""

    pile: Pile
    label: str
    meaning: str
    next_step: str
    count: int
    asked: Decimal
    paid: Decimal
    difference: Decimal


def _proof(visit: Visit, outcome: _Outcome, done: Reconciled) -> dict[str, Any]:
    """The verdict, the lines of the proof, and one pile."""
    story, lang = done.story, visit.lang
    verdict, *more = outcome.headlines[lang]
    other_payments = done.balance.of(MatchCategory.IN_REPORT_ONLY)
    lines = [
        _PileLine(
            pile,
            visit.say(LABELS[pile]),
            visit.say(PILE_MEANINGS[pile]),
            visit.say(NEXT_STEPS[pile]) if pile in NEXT_STEPS else "",
            sums.entries,
            sums.asked,
            sums.paid,
            sums.difference,
        )
        for pile, sums in done.balance.sums.items()
        if sums.entries
    ]
    return {
        "verdict": verdict,
        "more": more,
        "kind": {"green": "good", "amber": "warn", "red": "bad"}[outcome.verdict],
        "fields": _FIELDS,
        "balance": done.balance,
        "paid": done.balance.total.paid - other_payments.paid,
        "other_payments": other_payments,
        "lines": lines,
        "pile": _pile(visit, outcome, lines),
        "story": story,
        "remarks": [remark.in_language(lang) for remark in (*story.disagrees, *story.remarks)],
        "other": other_lines(story.other_lines, lang) if story.other_lines else "",
        "damaged": [(one, one.why.in_language(lang)) for one in story.damaged[:MOST_DAMAGED]],
        "more_damaged": max(len(story.damaged) - MOST_DAMAGED, 0),
        "deposits": [
            (visit.say(WITHOUT_DAY[one.day]) if one.day in WITHOUT_DAY else visit.written(one.day), one)
            for one in done.deposits
        ],
    }


def _pile(visit: Visit, outcome: _Outcome, lines: Sequence[_PileLine]) -> dict[str, Any] | None:
    """The pile that is asked for, else the first that needs a person, else the first; one page of it."""
    asked = visit.request.query_params.get("show", "")
    needy = (line for line in lines if outcome.piles[line.pile][0].must_be_looked_at)
    line = next((line for line in lines if line.pile == asked), None) or next(needy, None) or next(iter(lines), None)
    if line is None:
        return None
    matches = outcome.piles[line.pile]
    most = max((len(matches) - 1) // LINES + 1, 1)
    page = min(visit.page_number, most)
    keys = _SHOWN[matches[0].category]
    values = Values(visit.lang)
    rows = [
        _row(visit, row, keys, values.values(row, keys))
        for match in matches[(page - 1) * LINES : page * LINES]
        for row in rows_of(match)
    ]
    kept = [at for at in range(len(keys)) if any(cells[at] for cells, _ in rows)]
    return {
        "line": line,
        "headings": [(values.headings(keys)[at], keys[at] in _NUMBERS) for at in kept],
        "rows": [([(cells[at], keys[at] in _NUMBERS) for at in kept], proposal) for cells, proposal in rows],
        "page": page,
        "most": most,
        "first": (page - 1) * LINES + 1,
        "last": min(page * LINES, len(matches)),
        "proposals": matches[0].category is MatchCategory.PROPOSALS,
    }


def _row(visit: Visit, row: Row, keys: Sequence[str], values: Sequence[Value]) -> tuple[list[str], str]:
    """The cells of a row as texts, and the id of the proposal that begins with it."""
    is_proposal = row.match.category is MatchCategory.PROPOSALS and row.number == 1
    cells = [_cell(visit, key, value) for key, value in zip(keys, values, strict=True)]
    if row.line is not None and "file" in keys:
        cells[keys.index("file")] += f" {row.line.number}"
    return cells, proposal_id(row.match) if is_proposal else ""


def _cell(visit: Visit, key: str, value: Value) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, Decimal):
        return visit.money(value)
    if key == "rowStatus":
        return visit.say_status(Status(str(value)))
    return visit.written(str(value)) if key in _MOMENTS else str(value)
