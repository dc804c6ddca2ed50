"""The proof and the deposits. Pure: sums of matches, held against sums that were counted another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pipeline.domain.errors import ExitCode
from pipeline.domain.model import NO_MONEY
from pipeline.messages import N_
from pipeline.reconciliation.matching import Difference, Match, MatchCategory, Reconciliation
from pipeline.reconciliation.payments import (
    CAD,
    ON_STATEMENT,
    UNDATED,
    ReportedPayment,
    ReportLine,
    is_booked_by,
)
from schemas.reports import Meaning


class Pile(StrEnum):
    """A line of the proof: matches that mean one thing to a person."""

    MATCHED = "matched"
    IN_PARTS = "inParts"
    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    TOGETHER = "together"
    CORRECTED = "corrected"
    OTHER_CURRENCY = "otherCurrency"
    OTHER_NAME_OR_ACCOUNT = "otherNameOrAccount"
    PAID_TWICE = "paidTwice"
    RETURNED = "returned"
    UNEXPLAINED = "unexplained"
    NOT_KNOWN = "notKnown"
    OTHER_BATCH = "otherBatch"
    PROPOSALS = "proposals"
    WAITING = "waiting"
    ENDED_UNPAID = "endedUnpaid"
    UNKNOWN_STATE = "unknownState"
    NOT_IN_REPORT = "notInReport"
    NEVER_ASKED = "neverAsked"


_PAID_DIFFERENTLY: Final = (
    Pile.UNDERPAID,
    Pile.OVERPAID,
    Pile.TOGETHER,
    Pile.CORRECTED,
    Pile.OTHER_CURRENCY,
    Pile.OTHER_NAME_OR_ACCOUNT,
)
CATEGORY_OF: Final[Mapping[Pile, MatchCategory]] = {
    **{pile: MatchCategory(pile.value) for pile in Pile if pile.value in set(MatchCategory)},
    Pile.IN_PARTS: MatchCategory.MATCHED,
    **dict.fromkeys(_PAID_DIFFERENTLY, MatchCategory.PAID_DIFFERENTLY),
    **dict.fromkeys((Pile.UNEXPLAINED, Pile.NOT_KNOWN, Pile.OTHER_BATCH), MatchCategory.IN_REPORT_ONLY),
    **dict.fromkeys((Pile.NOT_IN_REPORT, Pile.NEVER_ASKED), MatchCategory.IN_BATCH_ONLY),
}
"""The sheet of each line of the proof."""


def pile_of(match: Match) -> Pile:
    """The line of the proof in which a match is counted."""
    match match.category:
        case MatchCategory.MATCHED:
            return Pile.IN_PARTS if sum(payment.is_paid for payment in match.payments) > 1 else Pile.MATCHED
        case MatchCategory.PAID_DIFFERENTLY:
            return _how_differently(match)
        case MatchCategory.IN_REPORT_ONLY if match.elsewhere:
            return Pile.OTHER_BATCH
        case MatchCategory.IN_REPORT_ONLY:
            return Pile.UNEXPLAINED if match.hints else Pile.NOT_KNOWN
        case MatchCategory.IN_BATCH_ONLY:
            return Pile.NOT_IN_REPORT if match.expected[0].asked else Pile.NEVER_ASKED
        case category:
            return Pile(category.value)


def _how_differently(match: Match) -> Pile:
    if Difference.CURRENCY in match.differences:
        return Pile.OTHER_CURRENCY
    if Difference.CORRECTED in match.differences:
        return Pile.CORRECTED
    if Difference.AMOUNT in match.differences:
        return Pile.UNDERPAID if match.paid < match.asked else Pile.OVERPAID
    return Pile.TOGETHER if len(match.expected) > 1 else Pile.OTHER_NAME_OR_ACCOUNT


@dataclass(frozen=True, slots=True)
class Sum:
    """So many matches, what was asked for them and what was paid, in dollars."""

    entries: int = 0
    asked: Decimal = NO_MONEY
    paid: Decimal = NO_MONEY

    @property
    def difference(self) -> Decimal:
        """How much more was paid than asked."""
        return self.paid - self.asked

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.entries + other.entries, self.asked + other.asked, self.paid + other.paid)


@dataclass(frozen=True, slots=True)
class Balance:
    """The proof: the opening total, and by which steps it becomes the closing total.

    `opening` is what the batch asked for, as the journal sums it; `closing` is what the reports say came in and did not
    go back, each payment once, counted before anything was matched. Dollars.
    """

    opening: Decimal
    closing: Decimal
    sums: Mapping[Pile, Sum]

    def of(self, category: MatchCategory) -> Sum:
        """All matches of a category together."""
        return sum((sums for pile, sums in self.sums.items() if CATEGORY_OF[pile] is category), Sum())

    @property
    def total(self) -> Sum:
        """All matches together."""
        return sum(self.sums.values(), Sum())

    @property
    def gap(self) -> Decimal:
        """What is missing between opening total, differences and closing total: nothing, when it adds up."""
        return self.opening + self.total.difference - self.closing

    @property
    def adds_up(self) -> bool:
        """Whether the lines come to both totals, to the cent."""
        return self.total.asked == self.opening and self.total.paid == self.closing


def balance(
    matches: Iterable[Match],
    payments: Iterable[ReportedPayment],
    opening: Decimal,
    other_lines: Iterable[ReportedPayment] = (),
) -> Balance:
    """The proof of a reconciliation. `payments` are all of the reports, `other_lines` those that concern no request,
    `opening` is the journal's own sum.
    """
    sums = dict.fromkeys(Pile, Sum())
    for match in matches:
        sums[pile_of(match)] += Sum(1, match.asked, match.paid)
    closing = sum((payment.paid for payment in payments), NO_MONEY)
    return Balance(opening, closing - sum((payment.paid for payment in other_lines), NO_MONEY), sums)


@dataclass(frozen=True, slots=True)
class Deposit:
    """What the bank booked on a day in one currency: what settled, less what went back.

    `day` is ISO 8601 and the bank's own; `UNDATED` for what settled on a day that no report tells, `ON_STATEMENT` for
    what a bank statement has one by one, empty for what was paid and has not settled. `ours` is the part of this batch,
    in `currency`. `booked` is the line of a bank statement that has this deposit; `is_missing` says that the statement
    covers the day and has no such line. `ticked_by` and `ticked_at` (aware) say who found it at the bank, "" and None
    where nobody did.
    """

    day: str
    currency: str
    payments: int
    amount: Decimal
    ours: Decimal
    booked: ReportLine | None = None
    is_missing: bool = False
    ticked_by: str = ""
    ticked_at: datetime | None = None

    @property
    def can_be_ticked(self) -> bool:
        """Whether a person can look for it at the bank: it has a day, and no statement shows it."""
        return self.day not in WITHOUT_DAY and self.booked is None


WITHOUT_DAY: Final = {
    UNDATED: N_("settled, date not given"),
    ON_STATEMENT: N_("on the statement"),
    "": N_("paid, not settled yet"),
}
"""Instead of the day of a deposit, in the order in which they stand last: what is said for it."""


def deposits(done: Reconciliation) -> tuple[Deposit, ...]:
    """The consolidated deposit of each day, the days in order and what has not settled last."""
    found: defaultdict[tuple[int, str, str], list[tuple[ReportedPayment, Decimal, bool]]] = defaultdict(list)
    for match in done.matches:
        for payment in match.payments:
            for one in payment.movements:
                rank = [*WITHOUT_DAY].index(one.day) + 1 if one.day in WITHOUT_DAY else 0
                found[rank, one.day, one.line.currency or CAD].append((payment, one.amount, bool(match.expected)))
    one_by_one = {id(payment) for payment in done.bookings.values()}
    left = [payment.line for payment in done.other_lines if id(payment) not in one_by_one]
    told = [line for match in done.matches for payment in match.payments for line in payment.lines]
    told += [payment.line for payment in done.other_lines]
    days = sorted(line.bank_day for line in told if line.statement and line.bank_day != UNDATED)
    made = []
    for (rank, day, currency), parts in sorted(found.items(), key=lambda item: item[0]):
        amount = sum((amount for _, amount, _ in parts), NO_MONEY)
        bookings = [
            done.bookings[payment.key] for payment, amount, _ in parts if payment.key in done.bookings and amount > 0
        ]
        rest = amount - sum((payment.paid for payment in bookings), NO_MONEY)
        line = (_booked(left, day, rest) if rest else bookings[0].line if bookings else None) if rank == 0 else None
        if line in left:
            left.remove(line)
        ours = sum((amount for _, amount, ours in parts if ours), NO_MONEY)
        covered = rank == 0 and currency == CAD and bool(days) and days[0] <= day <= days[-1]
        missing = covered and line is None and rest > 0
        made.append(Deposit(day, currency, len(parts), amount, ours, line, missing))
    return tuple(made)


def _booked(lines: Sequence[ReportLine], day: str, amount: Decimal) -> ReportLine | None:
    """The first line of a bank statement on or soon after a day with this amount."""
    fits = [line for line in lines if line.amount == amount and is_booked_by(day, line.bank_day)]
    return min(fits, key=lambda line: (line.bank_day, line.number), default=None)


@dataclass(frozen=True, slots=True)
class Amount:
    """So many lines and what they come to, in Canadian dollars; `unread` are those whose amount can't be read."""

    lines: int = 0
    dollars: Decimal = NO_MONEY
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Doubts:
    """What keeps a proof from being more than what could be read: each with its lines and their sum.

    `words` are lines without a status, or with one that is not known, `folded` those that count once with a line of
    another file though no id shows that they are the same, `damaged` those that can't be read, `deposits` those that a
    bank statement does not have though it has their day.
    """

    damaged: Amount = Amount()
    words: Amount = Amount()
    folded: Amount = Amount()
    deposits: Amount = Amount()
    totals: int = 0
    """Totals of the reports that do not agree with their lines."""

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        lines = self.damaged.lines + self.words.lines + self.folded.lines + self.deposits.lines
        return bool(lines or self.totals)


def amount_of(lines: Iterable[tuple[Decimal | None, str]]) -> Amount:
    """Lines by their amounts and currencies, added up."""
    told = list(lines)
    inside = [amount for amount, currency in told if amount is not None and currency in {"", CAD}]
    return Amount(len(told), sum(inside, NO_MONEY), sum(amount is None for amount, _ in told))


def doubts(
    payments: Iterable[ReportedPayment],
    damaged: Iterable[tuple[Decimal | None, str]],
    totals: int,
    banked: Iterable[Deposit] = (),
) -> Doubts:
    """What the payments of the reports leave in doubt: those that are of any request, not a statement's other lines."""
    told = list(payments)
    strange = [line for one in told for line in one.lines if line.state is Meaning.LOOK]
    folded = [line for one in told for line in one.folded]
    return Doubts(
        damaged=amount_of(damaged),
        words=amount_of((line.amount, line.currency) for line in strange),
        folded=amount_of((line.amount, line.currency) for line in folded),
        deposits=amount_of((one.amount, one.currency) for one in banked if one.is_missing),
        totals=totals,
    )


def exit_code(matches: Sequence[Match], proof: Balance, doubt: Doubts) -> ExitCode:
    """0 when everything agrees; 1 when a person must look: a difference, a stranger, a proposal, a second payment, one
    that went back, a status that nobody knows, an outcome that is still unknown, a line that can't be read, or a proof
    that does not add up.

    What is waiting, ended unpaid, or in no report yet is the ordinary course of things and no reason by itself; a
    folded line is explained by the line that it was folded with.
    """
    unread = doubt.damaged.lines or doubt.deposits.lines or doubt.totals
    wrong = unread or not proof.adds_up or any(match.must_be_looked_at for match in matches)
    return ExitCode.SOME_ROWS_NEED_FIXING if wrong else ExitCode.DONE
