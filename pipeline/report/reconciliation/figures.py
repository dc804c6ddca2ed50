"""The proof and the deposits. Pure: sums of entries, held against sums that were counted another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pipeline.model import ExitCode
from pipeline.report.reconcile import CAD, NO_MONEY, Difference, Entry, Payment, Place
from schemas.reports import Meaning


class Kind(StrEnum):
    """A line of the proof: the places, with their differences and their strangers apart."""

    MATCHED = "matched"
    OTHER_AMOUNT = "otherAmount"
    OTHER_CURRENCY = "otherCurrency"
    OTHER_NAME_OR_ACCOUNT = "otherNameOrAccount"
    PAID_TWICE = "paidTwice"
    NOT_KNOWN = "notKnown"
    OTHER_BATCH = "otherBatch"
    PROPOSALS = "proposals"
    STILL_OPEN = "stillOpen"
    NOT_IN_REPORT = "notInReport"
    NEVER_ASKED = "neverAsked"


PLACE_OF: Final = {
    Kind.MATCHED: Place.MATCHED,
    Kind.OTHER_AMOUNT: Place.PAID_DIFFERENTLY,
    Kind.OTHER_CURRENCY: Place.PAID_DIFFERENTLY,
    Kind.OTHER_NAME_OR_ACCOUNT: Place.PAID_DIFFERENTLY,
    Kind.PAID_TWICE: Place.PAID_TWICE,
    Kind.NOT_KNOWN: Place.IN_REPORT_ONLY,
    Kind.OTHER_BATCH: Place.IN_REPORT_ONLY,
    Kind.PROPOSALS: Place.PROPOSALS,
    Kind.STILL_OPEN: Place.STILL_OPEN,
    Kind.NOT_IN_REPORT: Place.IN_BATCH_ONLY,
    Kind.NEVER_ASKED: Place.IN_BATCH_ONLY,
}
"""The place of each line of the proof."""


def kind_of(entry: Entry) -> Kind:
    """The line of the proof in which an entry is counted."""
    match entry.place:
        case Place.PAID_DIFFERENTLY if Difference.CURRENCY in entry.differences:
            return Kind.OTHER_CURRENCY
        case Place.PAID_DIFFERENTLY if Difference.AMOUNT in entry.differences:
            return Kind.OTHER_AMOUNT
        case Place.PAID_DIFFERENTLY:
            return Kind.OTHER_NAME_OR_ACCOUNT
        case Place.IN_REPORT_ONLY:
            return Kind.OTHER_BATCH if entry.elsewhere else Kind.NOT_KNOWN
        case Place.IN_BATCH_ONLY:
            return Kind.NOT_IN_REPORT if entry.claim and entry.claim.asked else Kind.NEVER_ASKED
        case place:
            return next(kind for kind in Kind if PLACE_OF[kind] is place)


@dataclass(frozen=True, slots=True)
class Sum:
    """So many entries, what was asked for them and what was paid, in dollars."""

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

    `opening` is what the batch asked for, as the journal sums it; `closing` is what the reports say was paid, each
    payment once, counted before anything was matched. Dollars.
    """

    opening: Decimal
    closing: Decimal
    sums: Mapping[Kind, Sum]

    def of(self, place: Place) -> Sum:
        """All entries of a place together."""
        return sum((sums for kind, sums in self.sums.items() if PLACE_OF[kind] is place), Sum())

    @property
    def total(self) -> Sum:
        """All entries together."""
        return sum(self.sums.values(), Sum())

    @property
    def gap(self) -> Decimal:
        """What is missing between opening total, differences and closing total: nothing, when it adds up."""
        return self.opening + self.total.difference - self.closing

    @property
    def adds_up(self) -> bool:
        """Whether the lines come to both totals, to the cent."""
        return self.total.asked == self.opening and self.total.paid == self.closing


def balance(entries: Iterable[Entry], payments: Iterable[Payment], opening: Decimal) -> Balance:
    """The proof of a reconciliation. `payments` are all of the reports, `opening` is the journal's own sum."""
    sums = dict.fromkeys(Kind, Sum())
    for entry in entries:
        kind = kind_of(entry)
        sums[kind] += Sum(1, entry.asked, entry.paid)
    return Balance(opening, sum((payment.paid for payment in payments), NO_MONEY), sums)


@dataclass(frozen=True, slots=True)
class Deposit:
    """What settled on a day in one currency. `day` is ISO 8601, empty for what was paid and has not settled.

    `ours` is the part of this batch, in `currency`.
    """

    day: str
    currency: str
    payments: int
    amount: Decimal
    ours: Decimal


def deposits(entries: Iterable[Entry]) -> tuple[Deposit, ...]:
    """The consolidated deposit of each day, the days in order and what has not settled last."""
    found: defaultdict[tuple[bool, str, str], list[tuple[Decimal, bool]]] = defaultdict(list)
    for entry in entries:
        for payment in entry.payments:
            line = payment.line
            if payment.is_paid and line.amount is not None:
                key = (not line.deposit_day, line.deposit_day, line.currency or CAD)
                found[key].append((line.amount, entry.claim is not None))
    return tuple(
        Deposit(
            day,
            currency,
            len(parts),
            sum((amount for amount, _ in parts), NO_MONEY),
            sum((amount for amount, ours in parts if ours), NO_MONEY),
        )
        for (_, day, currency), parts in sorted(found.items())
    )


def exit_code(entries: Sequence[Entry], proof: Balance, *, damaged: int, disagrees: int) -> ExitCode:
    """0 when everything agrees; 1 when a person must look: a difference, a stranger, a proposal, a second payment, a
    status that nobody knows, an outcome that is still unknown, a damaged line, or a proof that does not add up.

    What is still open, or in no report yet, is the ordinary course of things and no reason by itself.
    """
    wrong = damaged or disagrees or not proof.adds_up or any(entry.must_be_looked_at for entry in entries)
    return ExitCode.SOME_ROWS_NEED_MENDING if wrong else ExitCode.DONE


def state_key(meaning: Meaning) -> str:
    """The key of the text that says what a payment's last word means."""
    return f"reconcile.state_{meaning.value}"
