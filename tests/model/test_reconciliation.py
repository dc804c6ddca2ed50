"""Payments drawn at random, cut into lines, days, files, formats and wordings: the proof comes to the payments.

What each request came to is counted here from the payments themselves, without a look at any line; what was lost with
lines that can't be read is exactly what the command says of them.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from hypothesis import given, note, settings
from hypothesis import strategies as st

from pipeline.reconciliation.balance import Pile, balance, deposits, doubts, pile_of
from pipeline.reconciliation.daily_reports import read_report
from pipeline.reconciliation.matching import ExpectedPayment, reconcile
from pipeline.reconciliation.payments import payments_of
from pipeline.reconciliation.vocabulary import load_vocabulary

ASKED_ON = date(2026, 11, 2)
LAST_DAY = 9
WORDS = {
    "en": {
        "accepted": "Accepted",
        "settled": "Settled",
        "returned": "Refunded",
        "declined": "Declined",
        "open": "Sent",
    },
    "fr": {"accepted": "Accepté", "settled": "Réglé", "returned": "Remboursé", "declined": "Refusé", "open": "Envoyé"},
}
HEADINGS = {
    "en": ("Session Id", "Reference", "Amount", "Customer Name", "Status", "Completed Date", "Settled Date"),
    "fr": ("Identifiant de session", "Référence", "Montant", "Nom du client", "Statut", "Date de paiement", "Réglé le"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a report tells of a payment. Lines with the same identity are the same payment's."""

    session: str
    reference: str
    name: str
    word: str
    amount: Decimal
    day: int
    identity: tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of a part of a request: paid on a day, and perhaps returned on a later one."""

    amount: Decimal
    day: int
    accepted_first: bool = False
    back_on: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One row of the batch and what its payor did."""

    number: int
    amount: Decimal
    unpaid: str = ""
    paid: tuple[Paid, ...] = ()

    @property
    def expected(self) -> ExpectedPayment:
        return ExpectedPayment(
            key=str(self.number),
            row=self.number + 2,
            reference=f"INV-{self.number:03}",
            amount=self.amount,
            first_name="Payor",
            last_name=f"Number{self.number}",
            session_id=f"S-{self.number}",
            on=ASKED_ON,
        )

    def told(self) -> list[Told]:
        """All that reports tell of it, in time."""

        def tell(part: int, word: str, amount: Decimal, day: int) -> Told:
            one = self.expected
            return Told(one.session_id, one.reference, one.name, word, amount, day, (self.number, part, word))

        lines = [tell(0, self.unpaid, self.amount, 1)] if self.unpaid else []
        for part, paid in enumerate(self.paid):
            if paid.accepted_first:
                lines.append(tell(part, "accepted", paid.amount, paid.day - 1))
            lines.append(tell(part, "settled", paid.amount, paid.day))
            if paid.back_on is not None:
                lines.append(tell(part, "returned", paid.amount, paid.back_on))
        return lines


@dataclass(frozen=True, slots=True)
class File:
    """A report of some days: its form, and which columns it has."""

    first: int
    last: int
    lang: str = "en"
    book: bool = False
    ids: bool = True
    negative: bool = False
    """A return is a negative settlement instead of a word."""
    damaged: frozenset[tuple[int, int, str]] = field(default_factory=frozenset)


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda amount: Decimal(amount) / 100)


@st.composite
def requests(draw: st.DrawFn) -> list[Request]:
    """Rows with amounts of their own, and every way in which a payor pays, does not, or is paid back."""
    made = []
    for number in range(draw(st.integers(1, 7))):
        amount = draw(cents(1_000, 99_999))
        day = draw(st.integers(2, 5))
        back = draw(st.none() | st.integers(6, 8))
        course = draw(st.sampled_from(["none", "open", "declined", "once", "twice", "parts", "less", "more"]))
        half = (amount / 2).quantize(Decimal("0.01"))
        paid = {
            "once": (Paid(amount, day, draw(st.booleans()), back),),
            "twice": (Paid(amount, day, back_on=back), Paid(amount, draw(st.integers(2, 5)))),
            "parts": (Paid(half, day), Paid(amount - half, draw(st.integers(2, 5)))),
            "less": (Paid(half, day, back_on=back),),
            "more": (Paid(amount + 1, day),),
        }.get(course, ())
        made.append(Request(number, amount, course if course in {"open", "declined"} else "", paid))
    return made


@st.composite
def files(draw: st.DrawFn, asked: list[Request]) -> list[File]:
    """Reports that together cover every day, some days more than once; some lines can't be read in any of them."""
    told = [one for request in asked for one in request.told()]
    # Of equal payments none is damaged: which of them a line was of, nobody could say.
    single = [one.identity for one in told if sum(one.reference == other.reference for other in told) == 1]
    damaged = frozenset(draw(st.lists(st.sampled_from(single), unique=True, max_size=2)) if single else ())
    ids, negative = draw(st.booleans()), draw(st.booleans())
    made, first = [], 0
    while first <= LAST_DAY:
        last = first + draw(st.integers(0, 5))
        form: Any = {"lang": draw(st.sampled_from(["en", "fr"])), "book": draw(st.booleans()), "ids": ids}
        made.append(File(first, last, negative=negative, damaged=damaged, **form))
        first = last + 1 - draw(st.integers(0, min(2, last - first)))
    return made


def rows_of(file: File, asked: list[Request]) -> list[list[str]]:
    """The lines of a report as texts, its headings first."""
    told = [one for request in asked for one in request.told() if file.first <= one.day <= file.last]
    rows = [list(HEADINGS[file.lang])]
    for one in told:
        back = one.word == "returned" and file.negative
        word = WORDS[file.lang]["settled" if back else one.word]
        amount = f"{-one.amount if back else one.amount:.2f}"
        if one.identity in file.damaged:
            amount += "x"
        day = (ASKED_ON + timedelta(days=one.day)).isoformat()
        settled = day if one.word in {"settled", "returned"} else ""
        rows.append([one.session, one.reference, amount, one.name, word, day, settled])
    return rows if file.ids else [row[1:] for row in rows]


def write(path: Path, file: File, rows: list[list[str]]) -> Path:
    """The report as a file: a workbook, or text as English or French offices have it."""
    if file.book:
        path = path.with_suffix(".xlsx")
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
        return path
    path = path.with_suffix(".csv")
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";" if file.lang == "fr" else ",").writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def expected_pile(request: Request, lost: frozenset[tuple[int, int, str]]) -> tuple[Pile, Decimal]:
    """What a request came to, by its payments: the pile and the dollars that stayed."""
    told = {one.identity for one in request.told()} - lost
    if not told:
        return Pile.NOT_IN_REPORT, Decimal(0)
    if request.unpaid:
        return (Pile.WAITING if request.unpaid == "open" else Pile.ENDED_UNPAID), Decimal(0)
    came, back = [], []
    for part, paid in enumerate(request.paid):
        if {(request.number, part, "accepted"), (request.number, part, "settled")} & told:
            came.append(Decimal(0) if (request.number, part, "returned") in told else paid.amount)
        elif (request.number, part, "returned") in told:
            back.append(-paid.amount)
    total = sum((*came, *back), Decimal(0))
    stayed = [amount for amount in came if amount]
    if total <= 0 or (total < request.amount and len(stayed) < len(came)):
        return Pile.RETURNED, total
    if total > request.amount:
        return (Pile.PAID_TWICE if len(stayed) > 1 else Pile.OVERPAID), total
    if total < request.amount:
        return Pile.UNDERPAID, total
    return (Pile.IN_PARTS if len(stayed) > 1 else Pile.MATCHED), total


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_the_proof_comes_to_the_payments_themselves(data: st.DataObject) -> None:
    """Piles, sums, deposits and doubts, whatever the files."""
    asked = data.draw(requests())
    reports = data.draw(files(asked))
    lost = reports[0].damaged
    with tempfile.TemporaryDirectory() as folder:
        read: dict[Any, Any] = {}
        for number, file in enumerate(reports):
            rows = rows_of(file, asked)
            note(f"{file}\n{rows}")
            if len(rows) > 1:
                report = read_report(write(Path(folder) / f"r{number}", file, rows), load_vocabulary(None))
                read.setdefault(report.sha256, (file, report))  # the same bytes again count once
    shown = [file for file, _ in read.values()]
    expected = [request.expected for request in asked]
    lines = [line for _, report in read.values() for line in report.lines]
    payments = payments_of(lines, {one.session_id.casefold(): one.amount for one in expected})
    done = reconcile(expected, payments)
    opening = sum((request.amount for request in asked), Decimal(0))
    proof = balance(done.matches, payments, opening)

    truth = {str(request.number): expected_pile(request, lost) for request in asked}
    found = {one.key: (pile_of(match), match.paid) for match in done.matches for one in match.expected}
    assert found == truth
    assert all(match.expected for match in done.matches)
    assert proof.adds_up
    assert proof.closing == sum(paid for _, paid in truth.values())

    days: Counter[Any] = Counter()
    for request in asked:
        for one in request.told():
            if one.word in {"settled", "returned"} and one.identity not in lost:
                days[one.day] += one.amount if one.word == "settled" else -one.amount  # type: ignore[assignment]
    banked = {deposit.day: deposit.amount for deposit in deposits(done)}
    assert banked == {(ASKED_ON + timedelta(days=day)).isoformat(): amount for day, amount in days.items()}

    damaged = [one for _, report in read.values() for one in report.damaged]
    doubt = doubts(payments, [(one.amount, "") for one in damaged], 0)
    unread = sum(
        one.identity in lost and file.first <= one.day <= file.last
        for file in shown
        for request in asked
        for one in request.told()
    )
    assert (doubt.damaged.lines, doubt.damaged.unread, doubt.words.lines) == (unread, unread, 0)
    copies = sum(
        max(0, sum(file.first <= one.day <= file.last for file in shown) - 1)
        for request in asked
        for one in request.told()
        if one.identity not in lost
    )
    assert doubt.folded.lines == (0 if reports[0].ids else copies)
