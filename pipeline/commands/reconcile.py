"""`reconcile`: match a batch with the daily reports; what agrees, what is missing and what differs, and the proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Final

from pipeline.commands import extra_outputs
from pipeline.commands.batch_lookup import BatchHandle, found_batch
from pipeline.commands.people import user
from pipeline.config.settings import Settings
from pipeline.domain.errors import ExitCode
from pipeline.domain.events import Emit, OutputPlaced, ReadingBegan
from pipeline.domain.model import Report, ReportRow, Status
from pipeline.journal import deposits as deposit_ticks
from pipeline.journal import evidence, queries
from pipeline.journal.deposits import DepositKey, DepositTick
from pipeline.journal.evidence import Asked, Evidence, Proof
from pipeline.journal.journal import Journal
from pipeline.messages import N_
from pipeline.reconciliation.balance import (
    Amount,
    Balance,
    Deposit,
    Pile,
    balance,
    deposits,
    doubts,
    exit_code,
    pile_of,
)
from pipeline.reconciliation.daily_reports import Daily, Remark, all_lines, read_report
from pipeline.reconciliation.front import ResolvedRow, Story
from pipeline.reconciliation.matching import (
    ExpectedPayment,
    Known,
    Match,
    MatchCategory,
    MatchMethod,
    Reconciliation,
    reconcile,
)
from pipeline.reconciliation.payments import ReportedPayment, ReportLine, payments_of, reference_key, session_key
from pipeline.reconciliation.vocabulary import load_vocabulary
from pipeline.reconciliation.workbook import ReconciliationContents, WorkbookPlace, write
from pipeline.report.formatting import column_names, zone
from pipeline.report.masking import account_columns, mask_in
from pipeline.system.atomic_output import RECONCILIATION, check_workbook, named_after, writing
from schemas.faults import sentences
from schemas.fields import Field
from schemas.languages import Lang
from schemas.money import from_cents

_NEVER_ASKED: Final = frozenset({Status.INVALID, Status.REJECTED, Status.FAILED, Status.HELD, Status.NOT_SENT})


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What the user asked for. `confirmed` are the proposals that a person confirms, by `proposal_id`."""

    batch: str
    reports: tuple[Path, ...]
    output: Path | None = None
    mapping: Path | None = None
    sandbox: bool = False
    confirm_proposals: bool = False
    confirmed: frozenset[str] = frozenset()
    lang: Lang = "en"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it."""

    story: Story
    matches: tuple[Match, ...] = field(repr=False)
    balance: Balance
    deposits: tuple[Deposit, ...]
    exit_code: ExitCode
    written: WorkbookPlace

    def summary(self, lang: Lang) -> dict[str, object]:
        """The JSON summary: only texts, integers, truth values and lists; amounts are dollars as text."""
        story, proof = self.story, self.balance
        return {
            "batch": story.batch,
            "environment": story.environment,
            "zone": zone(),
            "reports": [
                {"file": report.file, "sha256": report.sha256, "lines": len(report.lines)} for report in story.reports
            ],
            "counts": {category.value: proof.of(category).entries for category in MatchCategory},
            "amounts": {
                category.value: {"asked": _text(proof.of(category).asked), "paid": _text(proof.of(category).paid)}
                for category in MatchCategory
            },
            "differences": {pile.value: _text(proof.sums[pile].difference) for pile in Pile},
            "piles": {pile.value: self._pile(pile) for pile in Pile},
            "proof": {
                "opening": _text(proof.opening),
                "difference": _text(proof.total.difference),
                "closing": _text(proof.closing),
                "gap": _text(proof.gap),
                "addsUp": proof.adds_up,
            },
            "doubts": {
                "damaged": _doubt(story.doubts.damaged),
                "unknownWords": _doubt(story.doubts.words),
                "folded": _doubt(story.doubts.folded),
                "depositsMissing": _doubt(story.doubts.deposits),
                "totals": story.doubts.totals,
            },
            "deposits": [
                {
                    "day": one.day if one.day[:1].isdigit() else None,
                    "settled": bool(one.day),
                    "currency": one.currency,
                    "payments": one.payments,
                    "amount": _text(one.amount),
                    "ofThisBatch": _text(one.ours),
                    "onStatement": _place(one.booked) if one.booked else None,
                    "missingOnStatement": one.is_missing,
                    "tickedBy": one.ticked_by or None,
                }
                for one in self.deposits
            ],
            "otherStatementLines": [_place(line) for payment in story.other_lines for line in payment.lines],
            "resolved": [{"row": one.row, "file": one.file, "line": one.line} for one in story.resolved],
            "confirmed": story.confirmed,
            "damaged": [
                {
                    "file": one.file,
                    "sheet": one.sheet,
                    "line": one.number,
                    "amount": None if one.amount is None else _text(one.amount),
                    "message": one.why.in_language(lang),
                }
                for one in story.damaged
            ],
            "notices": [remark.in_language(lang) for remark in (*story.disagrees, *story.remarks)],
            "output": str(self.written.path),
            "exitCode": int(self.exit_code),
        }

    def _pile(self, pile: Pile) -> dict[str, object]:
        sums = self.balance.sums[pile]
        return {
            "count": sums.entries,
            "asked": _text(sums.asked),
            "paid": _text(sums.paid),
            "matches": [_match(match) for match in self.matches if pile_of(match) is pile],
        }


def _match(match: Match) -> dict[str, object]:
    return {
        "rows": [{"row": one.row, "file": one.file, "reference": one.reference} for one in match.expected],
        "asked": _text(match.asked),
        "paid": _text(match.paid),
        "by": match.method.value,
        "differs": [difference.value for difference in match.differences],
        "otherBatch": match.elsewhere or None,
        "lines": [
            {**_place(line), "status": line.status, "folded": line in payment.folded}
            for payment in match.payments
            for line in payment.lines
        ],
        "known": [
            {
                "by": hint.what,
                "row": hint.row or None,
                "batch": hint.batch or None,
                "amount": None if hint.amount is None else _text(hint.amount),
                "beforeRequest": hint.early,
            }
            for hint in match.hints
        ],
    }


def _place(line: ReportLine) -> dict[str, object]:
    amount = None if line.amount is None else _text(line.amount)
    return {"file": line.file, "sheet": line.sheet, "line": line.number, "amount": amount}


def _doubt(amount: Amount) -> dict[str, object]:
    return {"lines": amount.lines, "amount": _text(amount.dollars), "amountUnread": amount.unread}


def reconcile_batch(request: ReconcileRequest, settings: Settings, emit: Emit) -> Reconciled:
    """Match a batch with daily reports and write the workbook.

    Rows whose outcome was unknown and that a report names are resolved in the journal, proposals that are confirmed are
    kept there, each with its evidence. Raises UsageError for an unknown batch and InputError for a file that holds
    no report; then nothing is changed.
    """
    output = request.output or request.reports[0].parent / named_after(request.batch, RECONCILIATION)
    with found_batch(request.batch, settings, in_sandbox=request.sandbox) as found:
        check_workbook(output)
        reports, remarks = _read(request, emit)
        with found.journal.lease(found.batch) as journal:
            session = _ReconcileSession(replace(found, journal=journal), all_lines(reports), request)
            session.settle()
            matches, others = session.done.matches, session.done.other_lines
            damaged = [line for report in reports for line in report.damaged]
            disagrees = [remark for report in reports for remark in report.disagrees]
            concerned = [payment for match in matches for payment in match.payments]
            banked = _with_ticks(journal, found.batch.environment, deposits(session.done))
            told = Story(
                batch=found.batch.name,
                environment=found.batch.environment,
                reports=reports,
                damaged=damaged,
                doubts=doubts(concerned, [(one.amount, "") for one in damaged], len(disagrees), banked),
                other_lines=others,
                folded=[(line, _same_as(line, payment)) for payment in concerned for line in payment.folded],
                remarks=list(dict.fromkeys([*remarks, *(remark for report in reports for remark in report.remarks)])),
                disagrees=disagrees,
                resolved=session.resolved,
                confirmed=session.confirmed,
                who=user(),
                other_session=any(match.method is MatchMethod.OTHER_SESSION for match in matches),
            )
            proof = balance(matches, session.payments, session.opening, others)
            with writing(output):
                ours = extra_outputs.ours_of(found.journal, found.batch, *request.reports, request.mapping)
                written = write(
                    ReconciliationContents(told, matches, proof, banked), output, lang=request.lang, ours=ours
                )
            emit(OutputPlaced(output, written.path))
    return Reconciled(told, matches, proof, banked, exit_code(matches, proof, told.doubts), written)


def tick_deposit(name: str, deposit: DepositKey, settings: Settings, *, in_sandbox: bool, ticked: bool) -> None:
    """Keep that a person found a deposit at the bank, or (not `ticked`) did not after all; for all batches of the
    environment of this one. Raises UsageError for an unknown batch.
    """
    with found_batch(name, settings, in_sandbox=in_sandbox) as found:
        by = DepositTick(user(), datetime.now().astimezone())
        found.journal.write(deposit_ticks.tick, found.batch.environment, deposit, by, ticked=ticked)


def _with_ticks(journal: Journal, environment: str, banked: Sequence[Deposit]) -> tuple[Deposit, ...]:
    """Which deposits a person ticked off; what is ticked off is not missing, whatever a statement says."""
    ticks = journal.read(deposit_ticks.ticks, environment)
    found = ((one, ticks.get(DepositKey(one.day, one.currency, one.amount))) for one in banked)
    return tuple(
        replace(one, ticked_by=tick.who, ticked_at=tick.at, is_missing=False)
        if tick is not None and one.can_be_ticked
        else one
        for one, tick in found
    )


def _read(request: ReconcileRequest, emit: Emit) -> tuple[list[Daily], list[Remark]]:
    """The reports, each once whatever its name, in an order that does not depend on how they were given."""
    words = load_vocabulary(request.mapping)
    by_content: dict[str, Daily] = {}
    remarks = []
    for path in sorted(request.reports, key=lambda path: (path.name, str(path))):
        emit(ReadingBegan(path))
        report = read_report(path, words)
        if not report.lines and not report.damaged:
            remarks.append(Remark(N_("{file} has headings but no lines."), (("file", report.file),)))
        if (first := by_content.setdefault(report.sha256, report)) is not report:
            remarks.append(
                Remark(
                    N_("{file} is identical to {first}. It counts once."),
                    (("file", report.file), ("first", first.file)),
                )
            )
    return list(by_content.values()), remarks


def _same_as(folded: ReportLine, payment: ReportedPayment) -> ReportLine:
    """The line of another report with which a folded line counts once."""
    return next(line for line in payment.lines if line.state is folded.state and line not in payment.folded)


class _ReconcileSession:
    """One reconciliation: matches, records what it proves, and matches again with what it then knows."""

    def __init__(self, found: BatchHandle, lines: Sequence[ReportLine], request: ReconcileRequest) -> None:
        self._found = found
        self._lines = lines
        self._request = request
        self._sheet = found.journal.read(queries.roll_report, found.batch.id)
        self.payments: Sequence[ReportedPayment] = ()
        self.done = Reconciliation(())
        self.resolved: list[ResolvedRow] = []
        self.confirmed = 0
        self._match()

    def settle(self) -> None:
        """Take the proposals when the user confirmed them, resolve what was unknown, and keep the evidence."""
        now = datetime.now().astimezone()
        proposals = [match for match in self.done.matches if match.category is MatchCategory.PROPOSALS]
        wanted = self._request.confirmed
        taken = [match for match in proposals if self._request.confirm_proposals or proposal_id(match) in wanted]
        certain = [match for match in self.done.matches if match.category is not MatchCategory.PROPOSALS]
        found = [
            (one, match.payments[0])
            for match in (*certain, *taken)
            for one in match.expected
            if one.uncertain and match.method is not MatchMethod.NOTHING
        ]
        proven = [
            self._evidence(one, match.payments[0], Proof.CONFIRMED, now) for match in taken for one in match.expected
        ]
        proven += [self._evidence(one, payment, Proof.RESOLVED, now) for one, payment in found]
        if not proven:
            return
        self._found.journal.write(evidence.record, self._found.batch.id, proven)
        self.confirmed = len(taken)
        self.resolved = [ResolvedRow(one.row, payment.line.file, payment.line.number) for one, payment in found]
        self._match()

    def _match(self) -> None:
        journal, batch = self._found.journal, self._found.batch
        asked = list(evidence.asked(journal, batch.id))
        self._attempts = {_key(one): (one.identity, one.number) for one in asked}
        rows = list(_never_asked(queries.roll_rows(journal, batch.id), self._sheet, self._request.lang))
        expected = [*map(_expected, asked), *rows]
        self.payments = payments_of(
            self._lines, {session_key(one.session_id): one.amount for one in expected if one.session_id}
        )
        keys = {attempt: key for key, attempt in self._attempts.items()}
        kept = journal.read(evidence.confirmed, batch.id)
        confirmed = {
            key: [keys[attempt] for attempt in attempts if attempt in keys]
            for payment in self.payments
            for key in payment.keys
            if (attempts := kept.get(_digest(key)))
        }
        self.done = reconcile(expected, self.payments, self._known(expected, confirmed))
        [whole] = journal.read(queries.batch_lines, [batch.id])
        unsure = sum((one.asked_amount for one in expected if one.uncertain), Decimal(0))
        self.opening = from_cents(whole.created_cents) + unsure

    def _known(self, expected: Sequence[ExpectedPayment], confirmed: Mapping[str, Sequence[str]]) -> Known:
        """What other batches know of payments that this one does not; they are asked only when there are such."""
        journal, batch = self._found.journal, self._found.batch
        ours = {session_key(one.session_id) for one in expected if one.session_id}
        strange = {session_key(line.session_id) for line in self._lines if line.session_id} - ours
        sessions = {}
        if strange:
            elsewhere = (
                (session_key(session), name) for session, name in evidence.sessions_elsewhere(journal, batch.id)
            )
            sessions = {session: name for session, name in elsewhere if session in strange}
        foreign = [line for line in self._lines if session_key(line.session_id) not in ours]
        wanted = {reference_key(line.named) for line in foreign if line.named}
        emails = {line.email.casefold() for line in foreign if line.email}
        references: defaultdict[str, list[tuple[Decimal | None, date, str]]] = defaultdict(list)
        payors: defaultdict[str, list[tuple[Decimal | None, date, str]]] = defaultdict(list)
        for payment, amount, at, name in evidence.requests_elsewhere(journal, batch.id) if wanted or emails else ():
            request = amount, _local_day(at), name
            if payment.reference_id and (key := reference_key(payment.reference_id)) in wanted:
                references[key].append(request)
            if (email := payment.email.casefold()) in emails:
                payors[email].append(request)
        taken = journal.read(evidence.confirmed_elsewhere, batch.id)
        keys = {key: taken[digest] for one in self.payments for key in one.keys if (digest := _digest(key)) in taken}
        return Known(confirmed, sessions, references, payors, keys)

    def _evidence(self, one: ExpectedPayment, payment: ReportedPayment, proof: Proof, now: datetime) -> Evidence:
        line = payment.line
        identity, number = self._attempts[one.key]
        return Evidence(
            proof=proof,
            identity=identity,
            number=number,
            payment_key=_digest(payment.key),
            file=line.file,
            sha256=line.sha256,
            sheet=line.sheet,
            line=line.number,
            reported_on=line.latest[:10],
            at=now,
            who=user(),
            session_id=payment.told("session_id"),
        )


def proposal_id(match: Match) -> str:
    """By what a proposal is known again while the reports and the batch are the same."""
    parts = [*(payment.key for payment in match.payments), *(one.key for one in match.expected)]
    return _digest("\n".join(parts))


def _digest(key: str) -> str:
    """By what the same payment is known again, without a name or an address in it."""
    return sha256(key.encode()).hexdigest()


def _local_day(at: datetime) -> date:
    return at.astimezone().date()


def _key(one: Asked) -> str:
    return f"{one.number}:{one.identity}"


def _expected(one: Asked) -> ExpectedPayment:
    payment = one.payment
    return ExpectedPayment(
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
        on=_local_day(one.at),
        status=(Status.UNKNOWN if one.uncertain else Status.CREATED).value,
    )


def _never_asked(rows: Iterator[ReportRow], sheet: Report, lang: Lang) -> Iterator[ExpectedPayment]:
    """The rows of the sheet that certainly have no session, with what keeps them from it."""
    at = {column.field: column.index for column in sheet.columns if column.field}
    hidden = account_columns(sheet.columns)
    names = column_names(sheet.columns, lang, letters=False)

    def cell(row: ReportRow, name: Field) -> str:
        index = at.get(name)
        return row.row.cells[index].strip() if index is not None and index < len(row.row.cells) else ""

    for number, row in enumerate(rows):
        if row.status not in _NEVER_ASKED or row.has_request:
            continue
        payment = row.payment
        yield ExpectedPayment(
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
            why=mask_in(sentences(row.errors, lang, names), row, hidden),
        )


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"
