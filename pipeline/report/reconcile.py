"""Which payment of the daily reports is which request of a batch. Pure: plain values in, plain values out.

Every line of every report and every row of the batch lands in exactly one entry, and the money of the entries adds up
to the money that came in. Neither the order of the files nor a file given twice changes anything: lines are put in
order by what they say, and a payment counts once however many lines tell of it.

Matching goes by sessionId, then by reference and amount, then by reference alone where nothing else can be meant; what
is only alike by e-mail, amount and date is a proposal, which a person must confirm. Money is CAD; a payment in another
currency counts as none received, since nobody here knows what it is worth.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from schemas.reports import Meaning

CAD: Final = "CAD"
NO_MONEY: Final = Decimal("0.00")

SLACK: Final = timedelta(days=1)
"""A report's day may be another time zone's: a payment may be dated so much before its request was made."""
PROPOSAL_WINDOW: Final = timedelta(days=45)
"""A request that is paid later than this is not proposed; requests expire before."""

_WITHIN_WORDS: Final = re.compile("['\u2019.]")
_NOT_IN_WORDS: Final = re.compile(r"[\W_]+")
_SHORTEST_ACCOUNT: Final = 3
"""Digits at the end of an account by which two can be told apart."""


class Place(StrEnum):
    """Where an entry stands in the workbook. The order is the order in which people read them."""

    MATCHED = "matched"
    PAID_DIFFERENTLY = "paidDifferently"
    PAID_TWICE = "paidTwice"
    IN_REPORT_ONLY = "inReportOnly"
    PROPOSALS = "proposals"
    STILL_OPEN = "stillOpen"
    IN_BATCH_ONLY = "inBatchOnly"


class How(StrEnum):
    """By what a payment was matched with a request, the surest first."""

    SESSION = "session"
    CONFIRMED = "confirmed"
    REFERENCE_AND_AMOUNT = "referenceAndAmount"
    OTHER_SESSION = "otherSession"
    """By reference and amount, though both have a session and not the same: a person must look."""
    REFERENCE = "reference"
    PROPOSAL = "proposal"
    NOTHING = "nothing"


class Difference(StrEnum):
    """What can differ between a request and its payment."""

    AMOUNT = "amount"
    CURRENCY = "currency"
    NAME = "name"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Claim:
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
    def asked_amount(self) -> Decimal:
        """The dollars that the payor was asked for: none for a row that was never sent, or an open amount."""
        return self.amount if self.asked and self.amount is not None else NO_MONEY


@dataclass(frozen=True, slots=True)
class Line:
    """One readable line of a daily report.

    `file` and `sha256` name the report, `number` the line in it (of its sheet, for a workbook with several). Dates are
    ISO 8601 texts, with a time of day where the report has one, empty where it has none. `amount` is in the report's
    `currency`, with the report's sign, None where an unpaid line has none; an empty currency is CAD. `statement` says
    that it is of a bank statement, which has lines of many other kinds too; `memo` is a text of people's own.
    """

    file: str
    sha256: str
    number: int
    sheet: str = ""
    session_id: str = field(default="", repr=False)
    reference: str = ""
    transaction_id: str = ""
    memo: str = ""
    amount: Decimal | None = None
    currency: str = ""
    name: str = ""
    email: str = ""
    account: str = ""
    status: str = ""
    meaning: Meaning = Meaning.LOOK
    created: str = ""
    completed: str = ""
    settled: str = ""
    statement: bool = False

    @property
    def latest(self) -> str:
        """The last moment that the line tells of."""
        return max(self.created, self.completed, self.settled)

    @property
    def first_day(self) -> date | None:
        """The earliest day that the line tells of: the payment was asked for then, at the latest."""
        told = min(filter(None, (self.created, self.completed, self.settled)), default="")
        return date.fromisoformat(told[:10]) if told else None

    @property
    def deposit_day(self) -> str:
        """The day of the consolidated deposit that the payment came with; empty while it has not settled."""
        if self.meaning is not Meaning.SETTLED:
            return ""
        return (self.settled or self.completed)[:10]


@dataclass(frozen=True, slots=True)
class Payment:
    """What the reports say of one payment: its lines, the one that speaks for all first."""

    key: str
    lines: tuple[Line, ...]

    @property
    def line(self) -> Line:
        """The line that tells the payment's last state."""
        return self.lines[0]

    @property
    def is_paid(self) -> bool:
        """Whether the money came, or is guaranteed to."""
        return self.line.meaning.is_paid

    @property
    def is_foreign(self) -> bool:
        """Whether it is not in Canadian dollars."""
        return self.line.currency not in {"", CAD}

    @property
    def paid(self) -> Decimal:
        """The Canadian dollars that it brought in."""
        amount = self.line.amount
        return amount if self.is_paid and amount is not None and not self.is_foreign else NO_MONEY


@dataclass(frozen=True, slots=True)
class Entry:
    """A request with its payments, or one of them alone. `elsewhere` names the other batch that a payment is of."""

    place: Place
    claim: Claim | None
    payments: tuple[Payment, ...] = ()
    how: How = How.NOTHING
    differences: tuple[Difference, ...] = ()
    elsewhere: str = ""

    @property
    def asked(self) -> Decimal:
        """The dollars that the payor was asked for."""
        return self.claim.asked_amount if self.claim else NO_MONEY

    @property
    def paid(self) -> Decimal:
        """The Canadian dollars that came in."""
        return sum((payment.paid for payment in self.payments), NO_MONEY)

    @property
    def must_be_looked_at(self) -> bool:
        """Whether a person must look: the reports disagree with the batch, or say what this program can't judge."""
        match self.place:
            case Place.PAID_DIFFERENTLY | Place.PAID_TWICE | Place.PROPOSALS:
                return True
            case Place.IN_REPORT_ONLY:
                return not self.elsewhere
            case Place.STILL_OPEN:
                return any(payment.line.meaning is Meaning.LOOK for payment in self.payments)
            case Place.IN_BATCH_ONLY:
                return self.claim is not None and self.claim.uncertain
            case Place.MATCHED:
                return self.how is How.OTHER_SESSION


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the batch and the reports.

    `confirmed` maps a payment's key to the claim that a person confirmed for it. `sessions` names the other batch of
    this environment that a session (`session_key`) belongs to; `references` has the requests of other batches with a
    reference (`reference_key`) and an amount in dollars: the day and the batch of each.
    """

    confirmed: Mapping[str, str] = field(default_factory=dict)
    sessions: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[tuple[str, Decimal | None], Sequence[tuple[date, str]]] = field(default_factory=dict)


def reconcile(claims: Iterable[Claim], lines: Iterable[Line], known: Known | None = None) -> tuple[Entry, ...]:
    """Match a batch with the lines of its reports.

    Each claim and each line is in exactly one of the entries. Their order is that of the places, then of the rows of
    the sheet, then of the payments' own; it does not depend on the order of what is given.
    """
    matching = _Matching(sorted(claims, key=_claim_order), known or Known())
    matching.run(payments_of(lines))
    return tuple(sorted(matching.entries(), key=_entry_order))


# ---------------------------------------------------------------------------------------------------------------
# Lines become payments


def payments_of(lines: Iterable[Line]) -> list[Payment]:
    """The payments that the lines tell of, in an order of their own.

    The same line of the same bytes counts once. Lines of one session are one payment, unless two of them say with the
    same word that it was paid at different times, with different amounts or under different transaction numbers.
    Without a session, lines that agree in reference, payor, amount and creation are.
    """
    distinct: dict[tuple[str, str, int], Line] = {}
    for line in sorted(lines, key=lambda line: (line.sha256, line.sheet, line.number, line.file)):
        distinct.setdefault((line.sha256, line.sheet, line.number), line)
    groups: defaultdict[str, list[Line]] = defaultdict(list)
    for line in distinct.values():
        groups[_payment_key(line)].append(line)
    payments = [payment for key, group in groups.items() for payment in _payments_of_group(key, group)]
    return sorted(payments, key=_payment_order)


def _payment_key(line: Line) -> str:
    amount = "" if line.amount is None else f"{line.amount:f}"
    if line.session_id:
        return f"session\t{session_key(line.session_id)}"
    payor = line.email.casefold() or line.name.casefold()
    day = line.created or line.completed or line.settled
    return "\t".join(("line", reference_key(line.reference), payor, amount, line.currency, day))


def _payments_of_group(key: str, group: Sequence[Line]) -> list[Payment]:
    """One payment, or as many as one status word tells apart."""
    told = sorted(group, key=_state_order, reverse=True)
    if len(told) == 1:
        return [Payment(key, tuple(told))]
    words: defaultdict[str, list[Line]] = defaultdict(list)
    for line in told:
        if line.meaning.is_paid:
            words[line.status.casefold()].append(line)
    occasions = max((_occasions(same) for _, same in sorted(words.items())), key=len, default=[])
    if len(occasions) <= 1:
        return [Payment(key, tuple(told))]
    apart = {id(line) for line in occasions}
    rest = tuple(line for line in told if id(line) not in apart)
    first, *others = occasions
    return [
        Payment(f"{key}\t{_occasion(first)}", (first, *rest)),
        *(Payment(f"{key}\t{_occasion(line)}", (line,)) for line in others),
    ]


def _occasions(lines: Sequence[Line]) -> list[Line]:
    """One line for each payment that lines with one status word can't be telling of together."""
    found: list[Line] = []
    for line in lines:
        if not any(_same_occasion(line, other) for other in found):
            found.append(line)
    return found


def _occasion(line: Line) -> str:
    return "\t".join((f"{line.amount:f}" if line.amount is not None else "", line.transaction_id, line.latest))


def _same_occasion(one: Line, other: Line) -> bool:
    if one.amount != other.amount:
        return False
    if one.transaction_id and other.transaction_id:
        return one.transaction_id == other.transaction_id
    return _same_moment(one.completed, other.completed) and _same_moment(one.settled, other.settled)


def _same_moment(one: str, other: str) -> bool:
    """Whether two moments can be the same: one of them is not told, or is told by its day only."""
    return one.startswith(other) or other.startswith(one)


_STRENGTH: Final = {Meaning.OPEN: 0, Meaning.ENDED: 1, Meaning.LOOK: 2, Meaning.PAID: 3, Meaning.SETTLED: 4}
"""Of two lines with the same date the one that says more is believed; a settled session may also be "completed"."""


def _state_order(line: Line) -> tuple[object, ...]:
    return line.latest, _STRENGTH[line.meaning], line.sha256, line.sheet, line.number


def _payment_order(payment: Payment) -> tuple[object, ...]:
    """Paid before unpaid, then by what it says."""
    line = payment.line
    return not payment.is_paid, line.reference, line.latest, payment.key, line.sha256, line.sheet, line.number


# ---------------------------------------------------------------------------------------------------------------
# Payments meet claims


class _Matching:
    """Takes the payments one step after the other; what a step matched is out of the way of the next."""

    def __init__(self, claims: Sequence[Claim], known: Known) -> None:
        self._claims = claims
        self._asked = [claim for claim in claims if claim.asked]
        self._known = known
        self._found: defaultdict[str, list[tuple[Payment, How]]] = defaultdict(list)
        self._left: list[Payment] = []
        self._elsewhere: list[tuple[Payment, str]] = []

    def run(self, payments: Sequence[Payment]) -> None:
        """All steps, the surest first."""
        self._left = list(payments)
        by_key = {claim.key: claim for claim in self._asked}
        by_session = {session_key(claim.session_id): claim for claim in self._asked if claim.session_id}
        self._take(How.CONFIRMED, lambda payment: by_key.get(self._known.confirmed.get(payment.key, "")))
        self._take(How.SESSION, lambda payment: by_session.get(session_key(payment.line.session_id)))
        self._set_aside(lambda payment: self._known.sessions.get(session_key(payment.line.session_id), ""))
        self._by_reference_and_amount()
        self._by_reference()
        self._once_more()
        self._set_aside(lambda payment: self._of_other_batch(payment, None))
        self._propose()

    def entries(self) -> Iterable[Entry]:
        """Everything in its place."""
        for claim in self._claims:
            yield _entry(claim, self._found.get(claim.key, []))
        for payment in self._left:
            yield Entry(Place.IN_REPORT_ONLY, None, (payment,))
        for payment, batch in self._elsewhere:
            yield Entry(Place.IN_REPORT_ONLY, None, (payment,), elsewhere=batch)

    def _take(self, how: How, claim_of: Callable[[Payment], Claim | None]) -> None:
        left = []
        for payment in self._left:
            if (claim := claim_of(payment)) is None:
                left.append(payment)
            else:
                self._found[claim.key].append((payment, _how(how, claim, payment)))
        self._left = left

    def _set_aside(self, batch_of: Callable[[Payment], str]) -> None:
        left = []
        for payment in self._left:
            if batch := batch_of(payment):
                self._elsewhere.append((payment, batch))
            else:
                left.append(payment)
        self._left = left

    def _by_reference_and_amount(self) -> None:
        """Requests that no surer match has; of equal ones, first those whose session nobody knows."""
        waiting: defaultdict[object, list[Claim]] = defaultdict(list)
        for claim in self._asked:
            if claim.reference and claim.amount is not None and claim.key not in self._found:
                waiting[reference_key(claim.reference), claim.amount].append(claim)
        for claims in waiting.values():
            claims.sort(key=lambda claim: bool(claim.session_id))

        def choose(payment: Payment) -> Claim | None:
            claims = waiting.get(_reference_and_amount(payment), [])
            for claim in claims:
                if self._can_be(claim, payment):
                    claims.remove(claim)
                    return claim
            return None

        self._take(How.REFERENCE_AND_AMOUNT, choose)

    def _by_reference(self) -> None:
        """Another amount under a reference that only one request has, where no session contradicts."""
        of_reference: defaultdict[str, list[Claim]] = defaultdict(list)
        for claim in self._asked:
            if claim.reference:
                of_reference[reference_key(claim.reference)].append(claim)
        free = {key: claims[0] for key, claims in of_reference.items() if len(claims) == 1}
        free = {key: claim for key, claim in free.items() if claim.key not in self._found}

        def choose(payment: Payment) -> Claim | None:
            claim = free.get(reference_key(payment.line.reference))
            if claim is None or (claim.session_id and payment.line.session_id) or not self._can_be(claim, payment):
                return None
            return claim

        self._take(How.REFERENCE, choose)

    def _once_more(self) -> None:
        """The same reference and amount once more than there are requests: it was perhaps paid twice."""
        first: dict[object, Claim] = {}
        for claim in self._asked:
            if claim.reference and claim.amount is not None and claim.key in self._found:
                first.setdefault((reference_key(claim.reference), claim.amount), claim)

        def choose(payment: Payment) -> Claim | None:
            claim = first.get(_reference_and_amount(payment))
            if claim is None or not _is_in_time(claim, payment, unless_told=True):
                return None
            return None if self._of_other_batch(payment, claim.on) else claim

        self._take(How.REFERENCE_AND_AMOUNT, choose)

    def _propose(self) -> None:
        """What is alike by e-mail, amount and date, each once; the nearest day first."""
        waiting: defaultdict[object, list[Claim]] = defaultdict(list)
        for claim in self._asked:
            if claim.email and claim.amount is not None and claim.key not in self._found:
                waiting[claim.email.casefold(), claim.amount].append(claim)

        def choose(payment: Payment) -> Claim | None:
            line = payment.line
            claims = waiting.get((line.email.casefold(), line.amount), []) if payment.is_paid else []
            far = [(_distance(claim, line), at) for at, claim in enumerate(claims)]
            near = min(((days, at) for days, at in far if days is not None), default=None)
            return claims.pop(near[1]) if near and not payment.is_foreign else None

        self._take(How.PROPOSAL, choose)

    def _can_be(self, claim: Claim, payment: Payment) -> bool:
        """Whether a payment with a claim's reference can be of that request.

        A reference that names the payor comes back each month. So a payment from before the request is not of it, one
        of another session is only when the day is told, and one without a session is of the last request before it.
        """
        contradicts = _how(How.REFERENCE_AND_AMOUNT, claim, payment) is How.OTHER_SESSION
        in_time = _is_in_time(claim, payment, unless_told=not contradicts)
        return in_time and not self._of_other_batch(payment, claim.on)

    def _of_other_batch(self, payment: Payment, after: date | None) -> str:
        """The other batch with the last request before a payment without a session, when it was made after a day."""
        if payment.line.session_id:
            return ""
        paid_on = _first_day(payment)
        requests = self._known.references.get(_reference_and_amount(payment), ())
        before = [one for one in requests if paid_on is None or one[0] <= paid_on + SLACK]
        on, batch = max(before, default=(None, ""))
        if on is None or (after is not None and (on <= after or paid_on is None)):
            return ""
        return batch


def _how(how: How, claim: Claim, payment: Payment) -> How:
    contradicts = bool(claim.session_id and payment.line.session_id)
    return How.OTHER_SESSION if contradicts and how is How.REFERENCE_AND_AMOUNT else how


def _reference_and_amount(payment: Payment) -> tuple[str, Decimal | None]:
    return reference_key(payment.line.reference), payment.line.amount


def _is_in_time(claim: Claim, payment: Payment, *, unless_told: bool) -> bool:
    """Whether no line of a payment is from before the request; `unless_told` is the answer where no day is told."""
    day = _first_day(payment)
    if day is None or claim.on is None:
        return unless_told
    return day >= claim.on - SLACK


def _first_day(payment: Payment) -> date | None:
    return min((day for line in payment.lines if (day := line.first_day)), default=None)


def _distance(claim: Claim, line: Line) -> timedelta | None:
    """How long after the request the line's first day is; None when it can't be of this request."""
    day = line.first_day
    if day is None or claim.on is None or not claim.on - SLACK <= day <= claim.on + PROPOSAL_WINDOW:
        return None
    return abs(day - claim.on)


# ---------------------------------------------------------------------------------------------------------------
# Where it lands


def _entry(claim: Claim, found: Sequence[tuple[Payment, How]]) -> Entry:
    if not found:
        return Entry(Place.IN_BATCH_ONLY, claim)
    ranked = sorted(found, key=lambda one: (not one[0].is_paid, _HOWS[one[1]], _payment_order(one[0])))
    payments = tuple(payment for payment, _ in ranked)
    how = ranked[0][1]
    if how is How.PROPOSAL:
        return Entry(Place.PROPOSALS, claim, payments, how, _differences(claim, payments[0]))
    paid = [payment for payment in payments if payment.is_paid]
    if not paid:
        return Entry(Place.STILL_OPEN, claim, payments, how)
    differences = _differences(claim, paid[0])
    if len(paid) > 1:
        # Parts that come to no more than was asked, or a payment that was taken back, are no second payment.
        total = sum((payment.paid for payment in paid), NO_MONEY)
        in_parts = claim.amount is not None and total <= claim.amount and not any(map(_is_foreign, paid))
        if not in_parts:
            return Entry(Place.PAID_TWICE, claim, payments, how, differences)
        differences = (Difference.AMOUNT, *(one for one in differences if one is not Difference.AMOUNT))
    place = Place.PAID_DIFFERENTLY if differences else Place.MATCHED
    return Entry(place, claim, payments, how, differences)


def _is_foreign(payment: Payment) -> bool:
    return payment.is_foreign


def _differences(claim: Claim, payment: Payment) -> tuple[Difference, ...]:
    line = payment.line
    differs = {
        Difference.AMOUNT: claim.amount is not None and line.amount != claim.amount,
        Difference.CURRENCY: payment.is_foreign,
        Difference.NAME: not same_name(claim, line.name),
        Difference.ACCOUNT: not same_account(claim.account, line.account),
    }
    return tuple(kind for kind in Difference if differs[kind])


def same_name(claim: Claim, told: str) -> bool:
    """Whether a report's name is the payor's: whatever its case, accents, punctuation and order, and with or without
    the middle name. A name that is not told differs from none.
    """
    if told == f"{claim.first_name} {claim.last_name}":
        return True
    words = _words(told)
    first_and_last = _words(f"{claim.first_name} {claim.last_name}")
    return not words or not first_and_last or words in (first_and_last, _words(claim.name))


def same_account(ours: str, told: str) -> bool:
    """Whether two account numbers end alike. Reports show only the end of one; what tells too little differs not."""
    end = told[len(told.rstrip("0123456789 -")) :]
    digits = "".join(filter(str.isdigit, end))
    if len(digits) < _SHORTEST_ACCOUNT or not ours:
        return True
    return ours.endswith(digits) or digits.endswith(ours)


def _words(text: str) -> list[str]:
    text = text.casefold()
    if not text.isascii():
        folded = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in folded if not unicodedata.combining(char))
    return sorted(_NOT_IN_WORDS.sub(" ", _WITHIN_WORDS.sub("", text)).split())


def session_key(session_id: str) -> str:
    """A session's id as it is compared."""
    return session_id.strip().casefold()


def reference_key(reference: str) -> str:
    """A reference as it is compared."""
    return unicodedata.normalize("NFC", reference).strip().casefold()


_HOWS: Final = {how: at for at, how in enumerate(How)}
_PLACES: Final = {place: at for at, place in enumerate(Place)}


def _claim_order(claim: Claim) -> tuple[object, ...]:
    return claim.row or 1 << 30, claim.file, claim.key


def _entry_order(entry: Entry) -> tuple[object, ...]:
    claim = _claim_order(entry.claim) if entry.claim else (1 << 31, "")
    payment = _payment_order(entry.payments[0]) if entry.payments else ()
    return _PLACES[entry.place], bool(entry.elsewhere), claim, payment
