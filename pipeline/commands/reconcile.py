"""`reconcile`: a batch against the daily reports; what agrees, what is missing and what differs, and the proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Final

from pipeline.commands import beside
from pipeline.commands.finding import Found, found_batch
from pipeline.commands.plan import user
from pipeline.journal.evidence import Asked, Evidence, Proof
from pipeline.model import ExitCode, Report, ReportRow, Status
from pipeline.report.masking import account_columns, mask_in
from pipeline.report.place import RECONCILIATION, check_workbook, named_after, writing
from pipeline.report.reconcile import (
    Claim,
    Entry,
    How,
    Known,
    Line,
    Payment,
    payments_of,
    reconcile,
    reference_key,
    session_key,
)
from pipeline.report.reconcile import Place as Where
from pipeline.report.reconciliation.dailies import Daily, Remark, all_lines, read_report
from pipeline.report.reconciliation.figures import Balance, Deposit, Kind, balance, deposits, exit_code
from pipeline.report.reconciliation.front import Resolved, Story
from pipeline.report.reconciliation.vocabulary import load_vocabulary
from pipeline.report.reconciliation.workbook import Contents, Written, write
from pipeline.settings import Settings
from schemas.faults import sentences
from schemas.fields import Field
from schemas.languages import Lang

_NEVER_ASKED: Final = frozenset({Status.INVALID, Status.REJECTED, Status.FAILED, Status.HELD, Status.NOT_SENT})


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What the user asked for."""

    batch: str
    reports: tuple[Path, ...]
    output: Path | None = None
    mapping: Path | None = None
    sandbox: bool = False
    confirm_proposals: bool = False
    lang: Lang = "en"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it."""

    story: Story
    entries: tuple[Entry, ...] = field(repr=False)
    balance: Balance
    deposits: tuple[Deposit, ...]
    exit_code: ExitCode
    written: Written

    def summary(self, lang: Lang) -> dict[str, object]:
        """The JSON summary: only texts, integers, truth values and lists; amounts are dollars as text."""
        story, proof = self.story, self.balance
        return {
            "batch": story.batch,
            "environment": story.environment,
            "reports": [
                {"file": report.file, "sha256": report.sha256, "lines": len(report.lines)} for report in story.reports
            ],
            "counts": {where.value: proof.of(where).entries for where in Where},
            "amounts": {
                where.value: {"asked": _text(proof.of(where).asked), "paid": _text(proof.of(where).paid)}
                for where in Where
            },
            "differences": {kind.value: _text(proof.sums[kind].difference) for kind in Kind},
            "proof": {
                "opening": _text(proof.opening),
                "difference": _text(proof.total.difference),
                "closing": _text(proof.closing),
                "gap": _text(proof.gap),
                "addsUp": proof.adds_up,
            },
            "deposits": [
                {
                    "day": one.day or None,
                    "currency": one.currency,
                    "payments": one.payments,
                    "amount": _text(one.amount),
                    "ofThisBatch": _text(one.ours),
                }
                for one in self.deposits
            ],
            "resolved": [{"row": one.row, "file": one.file, "line": one.line} for one in story.resolved],
            "confirmed": story.confirmed,
            "damaged": [
                {"file": one.file, "sheet": one.sheet, "line": one.number, "message": one.why.say(lang)}
                for one in story.damaged
            ],
            "notices": [remark.say(lang) for remark in (*story.disagrees, *story.remarks)],
            "output": str(self.written.path),
            "exitCode": int(self.exit_code),
        }


def reconcile_batch(
    request: ReconcileRequest,
    settings: Settings,
    reading: Callable[[Path], None] = lambda _: None,
    placed: Callable[[Path, Path], None] = lambda _wanted, _path: None,
) -> Reconciled:
    """Match a batch with daily reports and write the workbook; `placed` is told where it was wanted and where it is.

    Rows whose outcome was unknown and that a report names are resolved in the journal, proposals that are confirmed are
    kept there, each with its evidence. Raises UsageFailure for an unknown batch and InputFailure for a file that holds
    no report; then nothing is changed.
    """
    output = request.output or _default_output(request)
    with found_batch(request.batch, settings, in_sandbox=request.sandbox) as found:
        check_workbook(output)
        reports, remarks = _read(request, reading)
        with found.journal.lease(found.batch):
            desk = _Desk(found, all_lines(reports), request)
            desk.settle()
            told = Story(
                batch=found.batch.name,
                environment=found.batch.environment,
                reports=reports,
                damaged=[line for report in reports for line in report.damaged],
                remarks=[*remarks, *(remark for report in reports for remark in report.remarks)],
                disagrees=[remark for report in reports for remark in report.disagrees],
                resolved=desk.resolved,
                confirmed=desk.confirmed,
                who=user(),
                other_session=any(entry.how is How.OTHER_SESSION for entry in desk.entries),
            )
            proof = balance(desk.entries, desk.payments, desk.opening)
            banked = deposits(desk.entries)
            with writing(output):
                ours = beside.ours_of(found.journal, found.batch, *request.reports, request.mapping)
                written = write(Contents(told, desk.entries, proof, banked), output, lang=request.lang, ours=ours)
            placed(output, written.path)
    code = exit_code(desk.entries, proof, damaged=len(told.damaged), disagrees=len(told.disagrees))
    return Reconciled(told, desk.entries, proof, banked, code, written)


def _default_output(request: ReconcileRequest) -> Path:
    """The workbook's place unless another is given: beside the first report, under the batch's name."""
    return request.reports[0].with_name(named_after(request.batch, RECONCILIATION))


def _read(request: ReconcileRequest, reading: Callable[[Path], None]) -> tuple[list[Daily], list[Remark]]:
    """The reports, each once whatever its name, in an order that does not depend on how they were given."""
    words = load_vocabulary(request.mapping)
    by_content: dict[str, Daily] = {}
    remarks = []
    for path in sorted(request.reports, key=lambda path: (path.name, str(path))):
        reading(path)
        report = read_report(path, words)
        if (first := by_content.setdefault(report.sha256, report)) is not report:
            remarks.append(Remark("reconcile.given_twice", (("file", report.file), ("first", first.file))))
    return list(by_content.values()), remarks


class _Desk:
    """One reconciliation: matches, records what it proves, and matches again by what is known then."""

    def __init__(self, found: Found, lines: Sequence[Line], request: ReconcileRequest) -> None:
        self._found = found
        self._lines = lines
        self._request = request
        self._sheet = found.journal.roll_report(found.batch)
        self.payments: Sequence[Payment] = payments_of(lines)
        self.resolved: list[Resolved] = []
        self.confirmed = 0
        self._match()

    def settle(self) -> None:
        """Take the proposals when the user confirmed them, resolve what was unknown, and keep the evidence."""
        now = datetime.now().astimezone()
        proposals = [entry for entry in self.entries if entry.place is Where.PROPOSALS]
        taken = proposals if self._request.confirm_proposals else []
        certain = [entry for entry in self.entries if entry.place is not Where.PROPOSALS]
        found = [entry for entry in (*certain, *taken) if _resolves(entry)]
        evidence = [self._evidence(entry, Proof.CONFIRMED, now) for entry in taken]
        evidence += [self._evidence(entry, Proof.RESOLVED, now) for entry in found]
        if not evidence:
            return
        self._found.journal.record_evidence(self._found.batch.id, evidence)
        self.confirmed = len(taken)
        self.resolved = [
            Resolved(entry.claim.row, entry.payments[0].line.file, entry.payments[0].line.number)
            for entry in found
            if entry.claim is not None
        ]
        self._match()

    def _match(self) -> None:
        journal, batch = self._found.journal, self._found.batch
        asked = journal.asked(batch.id)
        self._attempts = {_key(one): (one.identity, one.number) for one in asked}
        rows = list(_never_asked(journal.roll_rows(batch), self._sheet, self._request.lang))
        claims = [*map(_claim, asked), *rows]
        keys = {attempt: key for key, attempt in self._attempts.items()}
        kept = journal.confirmed(batch.id)
        by_digest = {_digest(payment): payment.key for payment in self.payments}
        confirmed = {
            by_digest[digest]: keys[attempt]
            for digest, attempt in kept.items()
            if digest in by_digest and attempt in keys
        }
        self.entries = reconcile(claims, self._lines, self._known(claims, confirmed))
        created = next(line.created_cents for line in journal.batch_lines() if line.id == batch.id)
        unsure = sum((claim.asked_amount for claim in claims if claim.uncertain), Decimal(0))
        self.opening = Decimal(created).scaleb(-2) + unsure

    def _known(self, claims: Sequence[Claim], confirmed: Mapping[str, str]) -> Known:
        """What other batches know of payments that this one does not; they are asked only when there are such."""
        journal, batch = self._found.journal, self._found.batch
        ours = {session_key(claim.session_id) for claim in claims if claim.session_id}
        strange = {session_key(line.session_id) for line in self._lines if line.session_id} - ours
        sessions = {}
        if strange:
            elsewhere = ((session_key(session), name) for session, name in journal.sessions_elsewhere(batch.id))
            sessions = {session: name for session, name in elsewhere if session in strange}
        wanted = {reference_key(line.reference) for line in self._lines if not line.session_id and line.reference}
        references: defaultdict[tuple[str, Decimal | None], list[tuple[date, str]]] = defaultdict(list)
        for reference, amount, at, name in journal.requests_elsewhere(batch.id) if wanted else ():
            if (key := reference_key(reference)) in wanted:
                references[key, amount].append((at.date(), name))
        return Known(confirmed, sessions, references)

    def _evidence(self, entry: Entry, proof: Proof, now: datetime) -> Evidence:
        assert entry.claim is not None
        payment = entry.payments[0]
        line = payment.line
        identity, number = self._attempts[entry.claim.key]
        return Evidence(
            proof=proof,
            identity=identity,
            number=number,
            payment_key=_digest(payment),
            file=line.file,
            sha256=line.sha256,
            sheet=line.sheet,
            line=line.number,
            reported_on=line.latest[:10],
            at=now,
            who=user(),
            session_id=line.session_id,
        )


def _resolves(entry: Entry) -> bool:
    """Whether a report names a request of which nobody knew whether it exists."""
    return entry.claim is not None and entry.claim.uncertain and entry.how is not How.NOTHING


def _digest(payment: Payment) -> str:
    """By what the same payment is known again, without a name or an address in it."""
    return sha256(payment.key.encode()).hexdigest()


def _key(one: Asked) -> str:
    return f"{one.number}:{one.identity}"


def _claim(one: Asked) -> Claim:
    payment = one.payment
    return Claim(
        key=_key(one),
        row=one.row,
        file=one.file,
        reference=payment.reference_id if payment else "",
        amount=one.amount,
        uncertain=one.uncertain,
        first_name=payment.first_name if payment else "",
        middle_name=payment.middle_name if payment else "",
        last_name=payment.last_name if payment else "",
        email=payment.email if payment else "",
        account=payment.account_number if payment else "",
        session_id=one.session_id,
        on=one.at.date(),
        status=(Status.UNKNOWN if one.uncertain else Status.CREATED).value,
    )


def _never_asked(rows: Iterator[ReportRow], sheet: Report, lang: Lang) -> Iterator[Claim]:
    """The rows of the sheet that certainly have no session, with what keeps them from it."""
    at = {column.field: column.index for column in sheet.columns if column.field}
    hidden = account_columns(sheet.columns)

    def cell(row: ReportRow, name: Field) -> str:
        index = at.get(name)
        return row.row.cells[index].strip() if index is not None and index < len(row.row.cells) else ""

    for number, row in enumerate(rows):
        if row.status not in _NEVER_ASKED or row.has_request:
            continue
        payment = row.payment
        yield Claim(
            key=f"row:{number}",
            row=row.row.number,
            file=row.file,
            reference=payment.reference_id if payment else cell(row, Field.REFERENCE_ID),
            amount=row.amount,
            asked=False,
            first_name=payment.first_name if payment else cell(row, Field.FIRST_NAME),
            last_name=payment.last_name if payment else cell(row, Field.LAST_NAME),
            email=payment.email if payment else cell(row, Field.EMAIL),
            status=row.status.value,
            why=mask_in(sentences(row.errors, lang), row, hidden),
        )


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"
