"""Which payment of the reports is of which request of a batch. Pure: plain values in, plain values out.

Every payment and every row of the batch is in exactly one match, and the money of the matches adds up to the money that
came in. Neither the order of the files nor a file given twice changes anything.

Matching goes by sessionId, then by reference and amount, then by reference alone where nothing else can be meant. What
is only alike (a reference as a spreadsheet leaves it, an e-mail address or a name with the amount) is a proposal, which
a person must confirm; of what remains it is said what is known of it. Money is CAD.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from typing import Final, TypeVar

from pipeline.domain.model import NO_MONEY
from pipeline.reconciliation.payments import (
    ReportedPayment,
    is_booked_by,
    reference_key,
    session_key,
    words_of,
)
from pipeline.reconciliation.rewritten import forms
from schemas.reports import Meaning

SLACK: Final = timedelta(days=1)
"""A report's day may be another time zone's: a payment may be dated so much before its request was made."""
PROPOSAL_WINDOW: Final = timedelta(days=45)
"""A request that is paid later than this is not proposed; requests expire before."""

_SHORTEST_ACCOUNT: Final = 3
"""Digits at the end of an account by which two can be told apart."""
_SHORTEST_IN_MEMO: Final = 4
"""A shorter reference is not looked for in the words of a memo."""
_MOST_PARTS: Final = 12
"""More requests or payments than this are not tried in every combination."""
_MOST_HINTS: Final = 3


class MatchCategory(StrEnum):
    """The sheet of the workbook that a match is on. The order is the order in which people read them."""

    MATCHED = "matched"
    PAID_DIFFERENTLY = "paidDifferently"
    PAID_TWICE = "paidTwice"
    RETURNED = "returned"
    IN_REPORT_ONLY = "inReportOnly"
    PROPOSALS = "proposals"
    WAITING = "waiting"
    ENDED_UNPAID = "endedUnpaid"
    UNKNOWN_STATE = "unknownState"
    IN_BATCH_ONLY = "inBatchOnly"


class MatchMethod(StrEnum):
    """By what a payment was matched with a request, the surest first."""

    SESSION = "session"
    CONFIRMED = "confirmed"
    REFERENCE_AND_AMOUNT = "referenceAndAmount"
    OTHER_SESSION = "otherSession"
    """By reference and amount, though both have a session and not the same: a person must look."""
    REFERENCE = "reference"
    OTHER_BATCH_TOO = "otherBatchToo"
    """By reference and amount, which another batch has as well, and no day decides."""
    REWRITTEN = "rewritten"
    MEMO = "memo"
    PROPOSAL = "proposal"
    NAME = "name"
    PAYOR = "payor"
    NOTHING = "nothing"

    @property
    def is_proposal(self) -> bool:
        """Whether a person must confirm it."""
        return self in _PROPOSED


_PROPOSED: Final = frozenset(
    {
        MatchMethod.OTHER_BATCH_TOO,
        MatchMethod.REWRITTEN,
        MatchMethod.MEMO,
        MatchMethod.PROPOSAL,
        MatchMethod.NAME,
        MatchMethod.PAYOR,
    }
)


class Difference(StrEnum):
    """What can differ between a request and its payment."""

    AMOUNT = "amount"
    CURRENCY = "currency"
    NAME = "name"
    ACCOUNT = "account"
    REFERENCE = "reference"
    """The session is this request's, the reference another one's of the batch."""
    CORRECTED = "corrected"
    """The reports tell two amounts of one session."""


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """One request of the batch, or a row that was never asked for.

    `key` names it in the journal; `row` is its row's number in the sheet `file`. `amount` is in dollars, None when the
    payor chooses it. `uncertain` means that it was sent and nobody knows whether it exists;
    `asked` is False for a row that certainly was not created, `status` is the row's own and `why` says what kept it.
    `on` is the day on which it was sent.
    """

    key: str
    row: int
    reference: str
    amount: Decimal | None
    asked: bool = True
    uncertain: bool = False
    first_name: str = ""
    middle_name: str = ""
    last_name: str = ""
    email: str = ""
    account: str = ""
    session_id: str = field(default="", repr=False)
    on: date | None = None
    status: str = ""
    why: str = ""
    file: str = ""

    @property
    def name(self) -> str:
        """The payor's whole name."""
        return " ".join(part for part in (self.first_name, self.middle_name, self.last_name) if part)

    @property
    def name_words(self) -> str:
        """First and last name as names are compared (`words_of`)."""
        return words_of(f"{self.first_name} {self.last_name}")

    @property
    def asked_amount(self) -> Decimal:
        """The dollars that the payor was asked for: none for a row that was never sent, or an open amount."""
        return self.amount if self.asked and self.amount is not None else NO_MONEY


@dataclass(frozen=True, slots=True)
class Hint:
    """Something of an unmatched payment that is known: `what` agrees with a row of this batch, or with another batch.

    `what` is `reference`, `rewritten`, `email`, `name` or `amount`; `amount` is what was asked there, in dollars;
    `early` says that the payment is from before the request.
    """

    what: str
    row: int = 0
    file: str = ""
    status: str = ""
    batch: str = ""
    amount: Decimal | None = None
    early: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Requests with their payments, or one of them alone. `elsewhere` names the other batch that a payment is of.

    One request may have several payments, and one payment may be for several requests.
    """

    category: MatchCategory
    expected: tuple[ExpectedPayment, ...]
    payments: tuple[ReportedPayment, ...] = ()
    method: MatchMethod = MatchMethod.NOTHING
    differences: tuple[Difference, ...] = ()
    elsewhere: str = ""
    hints: tuple[Hint, ...] = ()

    @property
    def asked(self) -> Decimal:
        """The dollars that were asked for."""
        return sum((one.asked_amount for one in self.expected), NO_MONEY)

    @property
    def paid(self) -> Decimal:
        """The Canadian dollars that came in and did not go back."""
        return sum((payment.paid for payment in self.payments), NO_MONEY)

    @property
    def must_be_looked_at(self) -> bool:
        """Whether a person must look: the reports disagree with the batch, or say what this program can't judge."""
        match self.category:
            case MatchCategory.WAITING | MatchCategory.ENDED_UNPAID | MatchCategory.IN_BATCH_ONLY:
                return False
            case MatchCategory.IN_REPORT_ONLY:
                return not self.elsewhere
            case MatchCategory.MATCHED:
                doubtful = {Meaning.LOOK, Meaning.RETURNED}
                return self.method is MatchMethod.OTHER_SESSION or any(one.state in doubtful for one in self.payments)
            case _:
                return True


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the batch and the reports.

    `confirmed` maps a payment's key to the requests that a person confirmed for it. `sessions` names the other batch of
    this environment that a session (`session_key`) belongs to; `elsewhere` has the requests of other batches by
    reference (`reference_key`): the amount in dollars, the day and the batch of each. `payors` has those by e-mail,
    `confirmed_elsewhere` the other batch that a person confirmed a payment (by its key) for.
    """

    confirmed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sessions: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, Sequence[tuple[Decimal | None, date, str]]] = field(default_factory=dict)
    payors: Mapping[str, Sequence[tuple[Decimal | None, date, str]]] = field(default_factory=dict)
    confirmed_elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of it. `other_lines` are those of a bank statement that are no payments of requests, `bookings` the
    ones among them that book a payment of another report, by its key.
    """

    matches: tuple[Match, ...]
    other_lines: tuple[ReportedPayment, ...] = ()
    bookings: Mapping[str, ReportedPayment] = field(default_factory=dict)


def reconcile(
    expected: Iterable[ExpectedPayment], payments: Iterable[ReportedPayment], known: Known | None = None
) -> Reconciliation:
    """Match a batch with the payments of its reports.

    Each request and each payment is in exactly one of the matches, but for a bank statement's other lines. Their order
    is that of the categories, then of the rows of the sheet, then of the payments' own.
    """
    matching = _Matching(sorted(expected, key=_expected_order), known or Known())
    matching.run(sorted(payments, key=_payment_order))
    matches = tuple(sorted(matching.matches(), key=_match_order))
    return Reconciliation(matches, tuple(matching.other_lines), matching.bookings)


_Found = tuple[tuple[ExpectedPayment, ...], MatchMethod]


class _Matching:
    """Takes the payments one step after the other; what a step matched is out of the way of the next."""

    def __init__(self, expected: Sequence[ExpectedPayment], known: Known) -> None:
        self._expected = expected
        self._asked = [one for one in expected if one.asked]
        self._known = known
        self._found: defaultdict[str, list[tuple[ReportedPayment, MatchMethod]]] = defaultdict(list)
        self._together: list[tuple[tuple[ExpectedPayment, ...], ReportedPayment, MatchMethod]] = []
        self._taken: set[str] = set()
        self._left: list[ReportedPayment] = []
        self._elsewhere: list[tuple[ReportedPayment, str]] = []
        self._unmatched: list[tuple[ReportedPayment, tuple[Hint, ...]]] = []
        self.other_lines: list[ReportedPayment] = []
        self.bookings: dict[str, ReportedPayment] = {}
        self._of_reference: dict[str, list[ExpectedPayment]] = {}
        self._of_email: dict[str, list[ExpectedPayment]] = {}
        self._of_name: dict[str, list[ExpectedPayment]] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        for one in expected:
            name = one.name_words
            for index, key in (
                (self._of_reference, reference_key(one.reference)),
                (self._of_email, one.email.casefold()),
                (self._of_name, name),
            ):
                if key:
                    index.setdefault(key, []).append(one)
            for word in name.split() if " " in name else ():
                self._names[word].add(name)

    def run(self, payments: Sequence[ReportedPayment]) -> None:
        """All steps, the surest first. What only went back comes last: then it is known what had come."""
        came = [payment for payment in payments if not payment.only_went_back]
        went_back = [payment for payment in payments if payment.only_went_back]
        self._left = came
        self._by_session()
        self._take(lambda payment: None if payment.line.statement else self._confirmed(payment))
        self._by_reference()
        # A bank's booking of a payment that a report tells is no second one, though a person confirmed it before.
        self._take(lambda payment: self._confirmed(payment) if payment.line.statement else None)
        self._bookings(self._told_of)
        self._set_aside(lambda payment: self._of_other_batch(payment, None))
        self._bookings(self._told_elsewhere())
        self._propose()
        came, self._left = self._left, went_back
        self._by_session()
        self._take(self._return_of_request)
        self._set_aside(lambda payment: self._of_other_batch(payment, None))
        self._left += came
        self._say_what_is_known()

    def _by_session(self) -> None:
        by_session = {session_key(one.session_id): one for one in self._asked if one.session_id}
        self._take(_one(MatchMethod.SESSION, lambda payment: by_session.get(session_key(payment.told("session_id")))))
        self._set_aside(lambda payment: self._known.sessions.get(session_key(payment.told("session_id")), ""))
        self._set_aside(lambda payment: next(filter(None, map(self._known.confirmed_elsewhere.get, payment.keys)), ""))

    def _by_reference(self) -> None:
        self._by_reference_and_amount()
        self._take(self._by_reference_alone)
        self._by_reference_in_parts()
        self._take(self._several_of_one_reference)
        self._once_more()
        self._take(self._last_of_its_reference)

    def matches(self) -> Iterator[Match]:
        """Everything in its place."""
        for one in self._expected:
            if one.key in self._found:
                yield _match((one,), self._found[one.key], misnamed=self._is_misnamed(one))
            elif one.key not in self._taken:
                unsure = one.asked and one.uncertain
                yield Match(MatchCategory.UNKNOWN_STATE if unsure else MatchCategory.IN_BATCH_ONLY, (one,))
        for several, payment, method in self._together:
            yield _match(several, [(payment, method)])
        for payment, hints in self._unmatched:
            yield Match(MatchCategory.IN_REPORT_ONLY, (), (payment,), hints=hints)
        for payment, batch in self._elsewhere:
            yield Match(MatchCategory.IN_REPORT_ONLY, (), (payment,), elsewhere=batch)

    def _is_misnamed(self, one: ExpectedPayment) -> bool:
        """Whether a report gives the session of a request the reference of another one."""
        told = {_reference(payment) for payment, method in self._found[one.key] if method is MatchMethod.SESSION}
        return any(one not in self._of_reference[key] for key in told if key in self._of_reference)

    def _take(self, choose: Callable[[ReportedPayment], _Found | None]) -> None:
        """Match the payments for which a step chooses requests; the others are left for the next step."""
        left = []
        for payment in self._left:
            found = choose(payment)
            if found is None:
                left.append(payment)
                continue
            requests, method = found
            self._taken.update(one.key for one in requests)
            if len(requests) == 1:
                self._found[requests[0].key].append((payment, method))
            else:
                self._together.append((requests, payment, method))
        self._left = left

    def _set_aside(self, batch_of: Callable[[ReportedPayment], str]) -> None:
        left = []
        for payment in self._left:
            if batch := batch_of(payment):
                self._elsewhere.append((payment, batch))
            else:
                left.append(payment)
        self._left = left

    def _confirmed(self, payment: ReportedPayment) -> _Found | None:
        """The requests that a person confirmed, while nothing surer took them."""
        kept = next((keys for key in payment.keys if (keys := self._known.confirmed.get(key))), ())
        requests = tuple(one for one in self._asked if one.key in kept and one.key not in self._taken) if kept else ()
        return (requests, MatchMethod.CONFIRMED) if len(requests) == len(kept) > 0 else None

    def _bookings(self, told_of: Callable[[ReportedPayment], Iterable[ReportedPayment]]) -> None:
        """Lines of a bank statement that book, one by one, what other reports tell: the same money once more."""
        left = []
        for payment in self._left:
            told = next((one for one in told_of(payment) if one.key not in self.bookings), None)
            if told is None:
                left.append(payment)
            else:
                self.bookings[told.key] = payment
                self.other_lines.append(payment)
        self._left = left

    def _told_of(self, payment: ReportedPayment) -> Iterator[ReportedPayment]:
        """The payments of other reports that a line of a bank statement can be the booking of."""
        for requests in self._alike(payment) if payment.line.statement else ():
            for one in requests:
                for told, _ in self._found.get(one.key, ()):
                    if _is_booking(payment, told):
                        yield told

    def _told_elsewhere(self) -> Callable[[ReportedPayment], Iterator[ReportedPayment]]:
        """The payments of other batches, as reports tell them, that a line of a bank statement can be the booking of.

        They are known by the whole name of their payor: a bank has one statement for all batches.
        """
        by_amount: defaultdict[Decimal | None, list[tuple[set[str], ReportedPayment]]] = defaultdict(list)
        for told, _ in self._elsewhere:
            words = set(words_of(told.told("name")).split())
            if len(words) > 1:
                by_amount[told.amount].append((words, told))

        def told_of(payment: ReportedPayment) -> Iterator[ReportedPayment]:
            near = by_amount.get(payment.amount, ()) if payment.line.statement else ()
            shown = set(words_of(f"{payment.told('name')} {payment.told('memo')}").split()) if near else set[str]()
            return (told for words, told in near if words <= shown and _is_booking(payment, told))

        return told_of

    def _by_reference_and_amount(self) -> None:
        """Requests that no surer match has; of equal ones, first those whose session nobody knows."""
        waiting: defaultdict[object, list[ExpectedPayment]] = defaultdict(list)
        for one in self._asked:
            if one.reference and one.amount is not None and one.key not in self._taken:
                waiting[reference_key(one.reference), one.amount].append(one)
        for requests in waiting.values():
            requests.sort(key=lambda one: bool(one.session_id))

        def choose(payment: ReportedPayment) -> _Found | None:
            requests = waiting.get((_reference(payment), payment.amount), [])
            for one in requests:
                if self._can_be(one, payment):
                    requests.remove(one)
                    return (one,), _surely(one, payment)
            return None

        self._take(choose)

    def _by_reference_alone(self, payment: ReportedPayment) -> _Found | None:
        """Another amount, or one more payment, under a reference that only one request has."""
        requests = self._requests(payment)
        if len(requests) != 1 or not self._goes_with(requests[0], payment):
            return None
        one = requests[0]
        again = one.amount == payment.amount and one.key in self._taken
        return None if again or self._is_for_all_of_payor(one, payment) else ((one,), MatchMethod.REFERENCE)

    def _is_for_all_of_payor(self, one: ExpectedPayment, payment: ReportedPayment) -> bool:
        """Whether a payment is exactly what all open requests of a request's payor ask together."""
        of_payor = self._still_waiting(self._of_email.get(one.email.casefold(), ()))
        return one in of_payor and len(of_payor) > 1 and sum(map(_amount, of_payor)) == payment.amount

    def _last_of_its_reference(self, payment: ReportedPayment) -> _Found | None:
        """Another amount under a reference of which one request only is not paid yet."""
        waiting = [one for one in self._requests(payment) if one.key not in self._taken]
        if len(waiting) != 1 or not self._goes_with(waiting[0], payment):
            return None
        one = waiting[0]
        return None if self._is_for_all_of_payor(one, payment) else ((one,), MatchMethod.REFERENCE)

    def _by_reference_in_parts(self) -> None:
        """Payments of a reference that together are exactly one of its requests."""
        of_reference: defaultdict[str, list[ReportedPayment]] = defaultdict(list)
        for payment in self._left:
            if _reference(payment) and payment.is_paid and not payment.told("session_id"):
                of_reference[_reference(payment)].append(payment)
        chosen: dict[str, ExpectedPayment] = {}
        for payments in of_reference.values():
            waiting = [one for one in self._requests(payments[0]) if one.key not in self._taken and one.amount]
            parts = payments if len(payments) <= _MOST_PARTS else []
            fits = [
                (one, some)
                for one in waiting
                for some in _sums_to(parts, one.amount, lambda payment: payment.paid)
                if all(self._can_be(one, payment) for payment in some)
            ]
            if len(fits) == 1:
                one, some = fits[0]
                chosen.update((payment.key, one) for payment in some)
        self._take(_one(MatchMethod.REFERENCE_AND_AMOUNT, lambda payment: chosen.get(payment.key)))

    def _several_of_one_reference(self, payment: ReportedPayment) -> _Found | None:
        """One payment that is exactly what several requests of its reference ask together."""
        waiting = [
            one
            for one in self._requests(payment)
            if one.key not in self._taken and one.amount is not None and self._goes_with(one, payment)
        ]
        if payment.is_foreign or (requests := _all_or_one_choice(waiting, payment.amount)) is None:
            return None
        return requests, MatchMethod.REFERENCE

    def _once_more(self) -> None:
        """The same reference and amount once more than there are requests: it was perhaps paid twice."""
        first: dict[object, ExpectedPayment] = {}
        for one in self._asked:
            if one.reference and one.amount is not None and one.key in self._found:
                first.setdefault((reference_key(one.reference), one.amount), one)

        def choose(payment: ReportedPayment) -> _Found | None:
            one = first.get((_reference(payment), payment.amount))
            if one is None or not _is_in_time(one, payment, unless_told=True):
                return None
            return None if self._of_other_batch(payment, one) else ((one,), _surely(one, payment))

        self._take(choose)

    # What a person must confirm

    def _propose(self) -> None:
        """What is alike, the likeliest first; each request is proposed once."""
        self._take(self._also_of_other_batch)
        self._take(
            self._by_key(
                lambda one: forms(one.reference), lambda payment: forms(payment.told("named")), MatchMethod.REWRITTEN
            )
        )
        self._take(
            self._by_key(
                lambda one: (reference_key(one.reference),),
                lambda payment: self._references_in(payment.told("memo")),
                MatchMethod.MEMO,
            )
        )
        self._take(
            self._by_key(
                lambda one: (one.email.casefold(),),
                lambda payment: (payment.told("email").casefold(),),
                MatchMethod.PROPOSAL,
            )
        )
        self._take(self._by_key(lambda one: (one.name_words,), self._names_told, MatchMethod.NAME))
        self._take(self._by_payor)

    def _by_key(
        self,
        ours: Callable[[ExpectedPayment], Iterable[object]],
        told: Callable[[ReportedPayment], Iterable[object]],
        method: MatchMethod,
    ) -> Callable[[ReportedPayment], _Found | None]:
        """The step that proposes what has a key and the amount in common."""
        waiting: defaultdict[object, list[ExpectedPayment]] = defaultdict(list)
        for one in self._waiting():
            for key in filter(None, ours(one)):
                waiting[key, one.amount].append(one)

        def choose(payment: ReportedPayment) -> _Found | None:
            alike = {one.key: one for key in told(payment) for one in waiting.get((key, payment.amount), ())}
            return self._likeliest(payment, alike.values(), method)

        return choose

    def _waiting(self) -> list[ExpectedPayment]:
        return self._still_waiting(self._asked)

    def _still_waiting(self, requests: Iterable[ExpectedPayment]) -> list[ExpectedPayment]:
        return [one for one in requests if one.asked and one.amount is not None and one.key not in self._taken]

    def _also_of_other_batch(self, payment: ReportedPayment) -> _Found | None:
        requests = self._requests(payment) if not payment.told("session_id") else []
        alike = [one for one in requests if one.amount == payment.amount]
        return self._likeliest(payment, alike, MatchMethod.OTHER_BATCH_TOO)

    def _names_told(self, payment: ReportedPayment) -> list[str]:
        """The name that a report tells, else those whose words are among the words of a memo."""
        name = payment.told("name")
        return [words_of(name)] if name else self._names_in(payment.told("memo"))

    def _names_in(self, memo: str) -> list[str]:
        """The payors' names of which all words are in a memo."""
        words = words_of(memo).split()
        near = {name for word in words for name in self._names.get(word, ())}
        return sorted(name for name in near if set(name.split()) <= set(words))

    def _references_in(self, memo: str) -> list[str]:
        """The references that are words of a memo."""
        words = (reference_key(word).strip(".,;:#()") for word in memo.split())
        return [word for word in dict.fromkeys(words) if word in self._of_reference and _can_be_in_memo(word)]

    def _return_of_request(self, payment: ReportedPayment) -> _Found | None:
        """The request of money that only went back, also where it is only alike: a person looks at it anyway."""
        for requests in self._alike(payment) if not payment.told("session_id") else ():
            in_time = [
                one
                for one in requests
                if one.asked and _is_in_time(one, payment, unless_told=True) and not self._of_other_batch(payment, one)
            ]
            paid = [one for one in in_time if one.key in self._taken] or in_time
            if same := [one for one in paid if one.amount == payment.amount] or paid:
                return (same[0],), MatchMethod.REFERENCE
        return None

    def _alike(self, payment: ReportedPayment) -> Iterator[list[ExpectedPayment]]:
        """The requests that a payment can be of: by reference, then by what a memo says, then by payor and amount."""
        memo, email = payment.told("memo"), payment.told("email").casefold()
        yield self._requests(payment)
        yield [one for key in self._references_in(memo) for one in self._of_reference[key]]
        names = dict.fromkeys((words_of(payment.told("name")), *self._names_in(memo)))
        yield [one for one in self._of_email.get(email, ()) if one.amount == payment.amount]
        yield [one for name in names for one in self._of_name.get(name, ()) if one.amount == payment.amount]

    def _by_payor(self, payment: ReportedPayment) -> _Found | None:
        """One payment that is exactly what all open requests of its payor ask together."""
        if not payment.is_paid or payment.is_foreign:
            return None
        email, name = payment.told("email").casefold(), words_of(payment.told("name"))
        for one in self._requests(payment):
            email, name = email or one.email.casefold(), name or one.name_words
        of_payor = self._of_email.get(email) or self._of_name.get(name) or ()
        waiting = [one for one in self._still_waiting(of_payor) if _distance(one, payment) is not None]
        requests = _all_or_one_choice(waiting, payment.amount)
        return None if requests is None else (requests, MatchMethod.PAYOR)

    def _likeliest(
        self, payment: ReportedPayment, alike: Iterable[ExpectedPayment], method: MatchMethod
    ) -> _Found | None:
        """The request of the nearest day; without a day only one that is alone in being alike."""
        if not (payment.is_paid or payment.state is Meaning.RETURNED) or payment.is_foreign:
            return None
        free = [one for one in alike if one.key not in self._taken]
        far = [(days, one.row, one.key, one) for one in free if (days := _distance(one, payment)) is not None]
        if not far or (payment.first_day is None and len(far) > 1):
            return None
        return (min(far)[-1],), method

    # What remains

    def _say_what_is_known(self) -> None:
        by_form: defaultdict[object, list[ExpectedPayment]] = defaultdict(list)
        by_amount: defaultdict[Decimal | None, list[ExpectedPayment]] = defaultdict(list)
        for one in self._expected if self._left else ():
            for form in forms(one.reference):
                by_form[form].append(one)
            if one.asked:
                by_amount[one.amount].append(one)
        for payment in self._left:
            memo = payment.told("memo")
            keys = [_reference(payment), *self._references_in(memo)]
            hints = self._hints("reference", (one for key in keys for one in self._of_reference.get(key, ())), payment)
            hints += self._hints("email", self._of_email.get(payment.told("email").casefold(), ()), payment)
            names = [words_of(payment.told("name")), *self._names_in(memo)]
            hints += self._hints("name", (one for name in names for one in self._of_name.get(name, ())), payment)
            told = forms(payment.told("named"))
            rewritten = (one for form in told for one in by_form.get(form, ()))
            hints += self._hints("rewritten", rewritten, payment)
            hints += self._hints_elsewhere(payment)
            is_deposit = payment.line.statement and self._is_deposit(payment)
            if payment.amount is not None and not hints and not is_deposit:
                # What came in may be of an open request; what went back, of any.
                back = payment.state is Meaning.RETURNED
                same = [one for one in by_amount.get(payment.amount, ()) if back or one.key not in self._taken]
                hints += self._hints("amount", (one for one in same if _distance(one, payment) is not None), payment)
            if payment.line.statement and not hints:
                self.other_lines.append(payment)
                continue
            self._unmatched.append((payment, tuple(dict.fromkeys(hints))))

    def _is_deposit(self, payment: ReportedPayment) -> bool:
        """Whether a line of a bank statement has the amount of a day's consolidated deposit."""
        return any(
            total == payment.paid and is_booked_by(day, payment.line.bank_day) for day, total in self._totals.items()
        )

    @cached_property
    def _totals(self) -> dict[str, Decimal]:
        """What the payments that were found come to on each day."""
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        found = [payment for some in self._found.values() for payment, _ in some]
        for payment in (*found, *(payment for _, payment, _ in self._together), *(one for one, _ in self._elsewhere)):
            for movement in payment.movements:
                if movement.day[:1].isdigit():
                    totals[movement.day] += movement.dollars
        return totals

    @staticmethod
    def _hints(what: str, requests: Iterable[ExpectedPayment], payment: ReportedPayment) -> list[Hint]:
        return [
            Hint(
                what,
                one.row,
                one.file,
                status="" if one.asked else one.status,
                amount=one.amount,
                early=not _is_in_time(one, payment, unless_told=True),
            )
            for one in list({one.key: one for one in requests}.values())[:_MOST_HINTS]
        ]

    def _hints_elsewhere(self, payment: ReportedPayment) -> list[Hint]:
        found = []
        if reference := _reference(payment):
            found += [("reference", one) for one in self._known.elsewhere.get(reference, ())[-_MOST_HINTS:]]
        if email := payment.told("email").casefold():
            found += [("email", one) for one in self._known.payors.get(email, ())[-_MOST_HINTS:]]
        return [Hint(what, batch=batch, amount=amount) for what, (amount, _, batch) in found]

    # What can be of a request

    def _requests(self, payment: ReportedPayment) -> list[ExpectedPayment]:
        """The requests of a payment's reference."""
        key = _reference(payment)
        return [one for one in self._of_reference.get(key, ()) if one.asked] if key else []

    def _goes_with(self, one: ExpectedPayment, payment: ReportedPayment) -> bool:
        """Whether a payment of another amount can be of a request: no session contradicts, and the day fits."""
        return not _contradicts(one, payment) and self._can_be(one, payment)

    def _can_be(self, one: ExpectedPayment, payment: ReportedPayment) -> bool:
        """Whether a payment with a request's reference can be of that request.

        A reference that names the payor comes back each month. So a payment from before the request is not of it, one
        of another session is only when the day is told, and one without a session is of the last request before it.
        """
        in_time = _is_in_time(one, payment, unless_told=not _contradicts(one, payment))
        return in_time and not self._of_other_batch(payment, one)

    def _of_other_batch(self, payment: ReportedPayment, ours: ExpectedPayment | None) -> str:
        """The other batch of which a payment without a session may be, rather than of a request of ours.

        It is of the last request of its reference before it; of those that ask its very amount, when there are such.
        Where the days do not decide, it is nobody's for certain.
        """
        if payment.told("session_id"):
            return ""
        paid_on = payment.first_day
        requests = [
            (on, batch, amount == payment.amount)
            for amount, on, batch in self._known.elsewhere.get(_reference(payment), ())
            if paid_on is None or on <= paid_on + SLACK
        ]
        mine = (
            [ours] if ours else [one for one in self._requests(payment) if _is_in_time(one, payment, unless_told=True)]
        )
        exact = any(same for _, _, same in requests) or any(one.amount == payment.amount for one in mine)
        last, batch = max(((on, batch) for on, batch, same in requests if same or not exact), default=(None, ""))
        if last is None:
            return ""
        rivals = [one for one in mine if one.amount == payment.amount or not exact]
        if ours is None:
            # What is not decided is not set aside either: it is proposed, or said.
            return "" if any(paid_on is None or one.on is None or one.on >= last for one in rivals) else batch
        is_ours = bool(rivals) and ours.on is not None and ours.on > last and paid_on is not None
        return "" if is_ours else batch


def _is_booking(line: ReportedPayment, told: ReportedPayment) -> bool:
    """Whether a line of a bank statement can be the booking of a payment that a report tells."""
    same = told.is_paid and told.amount == line.amount and not told.line.statement
    return same and is_booked_by(told.line.bank_day, line.line.bank_day)


def _can_be_in_memo(reference: str) -> bool:
    return len(reference) >= _SHORTEST_IN_MEMO and any(map(str.isdigit, reference))


def _amount(one: ExpectedPayment) -> Decimal:
    return one.amount or NO_MONEY


def _one(
    method: MatchMethod, request_of: Callable[[ReportedPayment], ExpectedPayment | None]
) -> Callable[[ReportedPayment], _Found | None]:
    def choose(payment: ReportedPayment) -> _Found | None:
        one = request_of(payment)
        return None if one is None else ((one,), method)

    return choose


def _contradicts(one: ExpectedPayment, payment: ReportedPayment) -> bool:
    """Whether both have a session; those that share one were matched before."""
    return bool(one.session_id and payment.told("session_id"))


def _surely(one: ExpectedPayment, payment: ReportedPayment) -> MatchMethod:
    return MatchMethod.OTHER_SESSION if _contradicts(one, payment) else MatchMethod.REFERENCE_AND_AMOUNT


def _reference(payment: ReportedPayment) -> str:
    return reference_key(payment.told("named"))


_Item = TypeVar("_Item")


def _sums_to(
    items: Sequence[_Item], total: Decimal | None, amount: Callable[[_Item], Decimal | None]
) -> Iterator[tuple[_Item, ...]]:
    """Each choice of two or more items that comes to a total."""
    for count in range(2, len(items) + 1):
        for some in combinations(items, count):
            if sum((amount(item) or NO_MONEY for item in some), NO_MONEY) == total:
                yield some


def _all_or_one_choice(waiting: Sequence[ExpectedPayment], total: Decimal | None) -> tuple[ExpectedPayment, ...] | None:
    """All of several requests when they come to a total, else the only choice of several that does."""
    if len(waiting) < 2:  # noqa: PLR2004  one request alone is no "together"
        return None
    if sum(one.asked_amount for one in waiting) == total:
        return tuple(waiting)
    if len(waiting) > _MOST_PARTS:
        return None
    choices = list(_sums_to(waiting, total, lambda one: one.amount))
    return choices[0] if len(choices) == 1 else None


def _is_in_time(one: ExpectedPayment, payment: ReportedPayment, *, unless_told: bool) -> bool:
    """Whether no line of a payment is from before the request; `unless_told` is the answer where no day is told."""
    day = payment.first_day
    if day is None or one.on is None:
        return unless_told
    return day >= one.on - SLACK


def _distance(one: ExpectedPayment, payment: ReportedPayment) -> timedelta | None:
    """How long after the request the payment's first day is; None when it can't be of this request."""
    day = payment.first_day
    if day is None or one.on is None:
        return PROPOSAL_WINDOW
    return abs(day - one.on) if one.on - SLACK <= day <= one.on + PROPOSAL_WINDOW else None


# ---------------------------------------------------------------------------------------------------------------
# Which category it is in


def _match(
    expected: tuple[ExpectedPayment, ...],
    found: Sequence[tuple[ReportedPayment, MatchMethod]],
    *,
    misnamed: bool = False,
) -> Match:
    ranked = sorted(found, key=lambda one: (not one[0].is_paid, _METHODS[one[1]], _payment_order(one[0])))
    payments = tuple(payment for payment, _ in ranked)
    method = ranked[0][1]
    differences = _differences(expected, payments, misnamed=misnamed)
    if method.is_proposal and not payments[0].only_went_back:
        return Match(MatchCategory.PROPOSALS, expected, payments, method, differences)
    category = _category(expected, payments, differences)
    if category in {MatchCategory.PAID_TWICE, MatchCategory.RETURNED}:
        differences = tuple(kind for kind in differences if kind is not Difference.AMOUNT)  # the category says it
    return Match(category, expected, payments, method, differences)


def _category(
    expected: Sequence[ExpectedPayment], payments: Sequence[ReportedPayment], differences: Sequence[Difference]
) -> MatchCategory:
    paid = [payment for payment in payments if payment.is_paid]
    total = sum((payment.paid for payment in payments), NO_MONEY)
    amount = sum(map(_amount, expected), NO_MONEY) if all(one.amount is not None for one in expected) else None
    went_back = any(payment.state is Meaning.RETURNED for payment in payments)
    if went_back and (total <= 0 or (amount is not None and total < amount)):
        return MatchCategory.RETURNED
    if not paid:
        states = {payment.state for payment in payments}
        if states & {Meaning.RETURNED, Meaning.LOOK}:
            return MatchCategory.RETURNED if went_back else MatchCategory.UNKNOWN_STATE
        return MatchCategory.WAITING if Meaning.OPEN in states else MatchCategory.ENDED_UNPAID
    if any(payment.state is Meaning.ENDED and _is_after(payment, paid) for payment in payments):
        return MatchCategory.UNKNOWN_STATE
    more = amount is None or total > amount
    whole = any(amount is None or payment.paid >= amount for payment in paid)
    if len(paid) > 1 and len(expected) == 1 and (any(payment.is_foreign for payment in paid) or (more and whole)):
        return MatchCategory.PAID_TWICE
    return MatchCategory.PAID_DIFFERENTLY if differences or len(expected) > 1 else MatchCategory.MATCHED


def _is_after(payment: ReportedPayment, others: Sequence[ReportedPayment]) -> bool:
    """Whether a payment's last day is later than those of all others."""
    return payment.line.latest[:10] > max(other.line.latest[:10] for other in others)


def _differences(
    expected: Sequence[ExpectedPayment], payments: Sequence[ReportedPayment], *, misnamed: bool
) -> tuple[Difference, ...]:
    """What differs in the payments that were paid, or in the first."""
    paid = [payment for payment in payments if payment.is_paid] or payments[:1]
    lines = [payment.line for payment in paid]
    asked = None if any(one.amount is None for one in expected) else sum(one.asked_amount for one in expected)
    foreign = any(payment.is_foreign for payment in paid)
    if payments[0].state in _UNPAID:
        total = payments[0].amount or NO_MONEY
    elif foreign:
        total = sum((payment.amount or NO_MONEY for payment in paid), NO_MONEY)
    else:
        total = sum((payment.paid for payment in payments), NO_MONEY)
    differs = {
        Difference.AMOUNT: asked is not None and (total != asked or (foreign and len(paid) > 1)),
        Difference.CURRENCY: foreign,
        Difference.NAME: not all(any(same_name(one, line.name) for one in expected) for line in lines),
        Difference.ACCOUNT: not all(any(same_account(one.account, line.account) for one in expected) for line in lines),
        Difference.REFERENCE: misnamed,
        Difference.CORRECTED: any(payment.corrected for payment in payments),
    }
    return tuple(kind for kind in Difference if differs[kind])


def same_name(one: ExpectedPayment, told: str) -> bool:
    """Whether a report's name is the payor's: whatever its case, accents, punctuation and order, and with or without
    the middle name. A name that is not told differs from none.
    """
    if told == f"{one.first_name} {one.last_name}":
        return True
    words = words_of(told)
    return not words or not one.name_words or words in (one.name_words, words_of(one.name))


_UNPAID: Final = {Meaning.OPEN, Meaning.ENDED, Meaning.LOOK, Meaning.RETURNED}
_LAST_DIGITS: Final = re.compile(r"[0-9 -]*$")


def same_account(ours: str, told: str) -> bool:
    """Whether two account numbers end alike. Reports show only the end of one; what tells too little differs not."""
    end = _LAST_DIGITS.search(told)
    digits = "".join(filter(str.isdigit, end[0] if end else ""))
    if len(digits) < _SHORTEST_ACCOUNT or not ours:
        return True
    return ours.endswith(digits) or digits.endswith(ours)


_METHODS: Final = {method: at for at, method in enumerate(MatchMethod)}
_CATEGORIES: Final = {category: at for at, category in enumerate(MatchCategory)}


def _expected_order(one: ExpectedPayment) -> tuple[object, ...]:
    return one.row or 1 << 30, one.file, one.key


def _payment_order(payment: ReportedPayment) -> tuple[object, ...]:
    """Paid before unpaid, then by what it says."""
    line = payment.line
    return not payment.is_paid, line.reference, line.latest, payment.key, line.sha256, line.sheet, line.number


def _match_order(match: Match) -> tuple[object, ...]:
    first = _expected_order(match.expected[0]) if match.expected else (1 << 31, "")
    payment = _payment_order(match.payments[0]) if match.payments else ()
    return _CATEGORIES[match.category], bool(match.elsewhere), first, payment
