"""The lines of all reports become payments. Pure: plain values in, plain values out.

A line is a payment: n equal lines of one file are n payments. Lines are one payment when they tell of one life (it was
accepted, then it settled, then it was refunded), or when two files tell the same of it. A session or a transaction id
shows that for certain; without one, lines of different files that contradict each other nowhere count once, as often
as the file that has them most often, and are named as folded.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from pipeline.domain.model import NO_MONEY, without_accents
from schemas.reports import Meaning

CAD: Final = "CAD"
UNDATED: Final = "?"
"""The day of a deposit that no report tells."""
ON_STATEMENT: Final = "="
"""Instead of the day of a deposit: a bank statement has this money as a line of its own."""

_BOOKED_WITHIN: Final = timedelta(days=4)
"""A payment or deposit is on the bank statement no later than this after its day: a long weekend."""
_LATER_STATE: Final = timedelta(days=10)
"""Without an id, a payment settles no later than this after the day on which it was accepted."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One readable line of a report.

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
    def state(self) -> Meaning:
        """What the line says: a negative amount is money that went back, whatever its word."""
        negative = self.amount is not None and self.amount < 0
        return Meaning.RETURNED if negative and self.meaning is not Meaning.OPEN else self.meaning

    @property
    def size(self) -> Decimal | None:
        """The amount without its sign."""
        return None if self.amount is None else abs(self.amount)

    @property
    def named(self) -> str:
        """The reference, or a memo that is nothing but one."""
        return self.reference or ("" if " " in self.memo else self.memo)

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
    def bank_day(self) -> str:
        """The day on which the bank booked it, as the bank wrote it; `UNDATED` when it does not say."""
        return (self.settled or self.completed)[:10] or UNDATED

    @property
    def deposit(self) -> str:
        """The day of the consolidated deposit that it came with: see `Movement`."""
        return ON_STATEMENT if self.statement else self.bank_day


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that a line tells of: positive came in, negative went back, in the line's currency.

    `day` is that of the consolidated deposit, ISO 8601, or `UNDATED` or `ON_STATEMENT`; empty while the money has not
    settled.
    """

    line: ReportLine
    amount: Decimal
    day: str

    @property
    def dollars(self) -> Decimal:
        """The Canadian dollars that it moved; nobody here knows what another currency is worth."""
        return self.amount if self.line.currency in {"", CAD} else NO_MONEY


@dataclass(frozen=True, slots=True)
class ReportedPayment:
    """What the reports say of one payment: its lines, the one that tells its last state first.

    `keys` are by what it is known again in later reports, that of its last state first. `folded` are the lines that
    were taken for this payment because they contradict it nowhere. `corrected` says that one session has two amounts.
    """

    keys: tuple[str, ...]
    lines: tuple[ReportLine, ...]
    state: Meaning
    movements: tuple[Movement, ...] = ()
    folded: tuple[ReportLine, ...] = ()
    corrected: bool = False

    @property
    def key(self) -> str:
        """By what it is known again."""
        return self.keys[0]

    @property
    def line(self) -> ReportLine:
        """The line that tells the payment's last state."""
        return self.lines[0]

    @property
    def is_paid(self) -> bool:
        """Whether the money came, or is guaranteed to, and nothing says that it went back."""
        return self.state.is_paid

    @property
    def is_foreign(self) -> bool:
        """Whether it is not in Canadian dollars."""
        return self.line.currency not in {"", CAD}

    @property
    def amount(self) -> Decimal | None:
        """What the payor paid or is to pay, in its currency, whatever became of it; None when no line tells."""
        gross = next((one.amount for one in self.movements if one.amount >= 0), None)
        return self.line.size if gross is None else gross

    @property
    def paid(self) -> Decimal:
        """The Canadian dollars that it brought in and that did not go back."""
        return sum((one.dollars for one in self.movements), NO_MONEY)

    @property
    def only_went_back(self) -> bool:
        """Whether no line tells that it came."""
        return self.state is Meaning.RETURNED and all(one.amount < 0 for one in self.movements)

    @property
    def first_day(self) -> date | None:
        """The earliest day that a line tells of."""
        return min((day for line in self.lines if (day := line.first_day)), default=None)

    def told(self, what: str) -> str:
        """A text of the first of its lines that has it: `reference`, `named`, `email` …"""
        return next((text for line in self.lines if (text := str(getattr(line, what)))), "")


def session_key(session_id: str) -> str:
    """A session's id as it is compared."""
    return session_id.strip().casefold()


@lru_cache(maxsize=1 << 16)
def reference_key(reference: str) -> str:
    """A reference as it is compared."""
    return unicodedata.normalize("NFC", reference).strip().casefold()


def payments_of(
    lines: Iterable[ReportLine], asked: Mapping[str, Decimal | None] | None = None
) -> list[ReportedPayment]:
    """The payments that the lines tell of, in an order of their own.

    `asked` has what was asked for in each session (`session_key`), in dollars: several amounts that come to it are
    parts, several that do not are one payment that was corrected. The same line of the same bytes counts once.
    """
    distinct: dict[tuple[str, str, int], ReportLine] = {}
    for line in sorted(lines, key=_line_order):
        distinct.setdefault((line.sha256, line.sheet, line.number), line)
    links = _Links(distinct.values())
    lives = [life for group in links.groups() for life in _lives(_events(group, links), links, asked or {})]
    _take_back_parts(lives)
    return _with_keys(sorted(lives, key=lambda life: life.order))


def _line_order(line: ReportLine) -> tuple[object, ...]:
    return line.sha256, line.sheet, line.number, line.file


# ---------------------------------------------------------------------------------------------------------------
# Which lines can be of one payment at all


class _Links:
    """Puts lines together that share a session, a transaction id, or a reference (or payor) and an amount."""

    def __init__(self, lines: Iterable[ReportLine]) -> None:
        self._lines = list(lines)
        self._no_ids = self._shared_by_strangers()
        told = [(_reference_and_size(line), line) for line in self._lines if line.named]
        self._no_email = {key for key, line in told if not line.email}
        self._no_name = {key for key, line in told if not line.name}
        self._parent = list(range(len(self._lines)))
        first: dict[object, int] = {}
        for at, line in enumerate(self._lines):
            for key in self._keys(line):
                self._join(first.setdefault(key, at), at)

    def groups(self) -> Iterator[list[ReportLine]]:
        """The lines of each group, in their order."""
        found: defaultdict[int, list[ReportLine]] = defaultdict(list)
        for at, line in enumerate(self._lines):
            found[self._root(at)].append(line)
        yield from found.values()

    def transaction(self, line: ReportLine) -> str:
        """The id of the transaction, when that tells payments apart."""
        key = line.transaction_id.strip().casefold()
        return "" if key in self._no_ids or not any(map(str.isdigit, key)) else key

    def _shared_by_strangers(self) -> set[str]:
        """Transaction "ids" that lines of several references or amounts share: they tell nothing apart."""
        of: dict[str, object] = {}
        shared = set()
        for line in self._lines:
            if key := line.transaction_id.strip().casefold():
                about = session_key(line.session_id), reference_key(line.reference), line.size
                if of.setdefault(key, about) != about:
                    shared.add(key)
        return shared

    def _keys(self, line: ReportLine) -> Iterator[tuple[object, ...]]:
        if line.session_id:
            yield "session", session_key(line.session_id)
        if transaction := self.transaction(line):
            yield "transaction", transaction
        if line.named:
            yield "reference", _reference_and_size(line), self._payor(line)
        memo = "" if line.named or line.email or line.name else line.memo.casefold()
        for kind, payor in (("email", line.email.casefold()), ("name", words_of(line.name)), ("memo", memo)):
            if payor:
                yield kind, payor, line.size, line.currency or CAD

    def _payor(self, line: ReportLine) -> str:
        """Who paid, where every line of a reference and amount tells it: "Rent" may be everybody's reference."""
        key = _reference_and_size(line)
        if key not in self._no_email:
            return line.email.casefold()
        return words_of(line.name) if key not in self._no_name else ""

    def _root(self, at: int) -> int:
        while self._parent[at] != at:
            self._parent[at] = self._parent[self._parent[at]]
            at = self._parent[at]
        return at

    def _join(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        self._parent[max(one, other)] = min(one, other)


def _reference_and_size(line: ReportLine) -> tuple[str, Decimal | None, str]:
    return reference_key(line.named), line.size, line.currency or CAD


def _agree(one: str, other: str) -> bool:
    """Whether two texts are equal, or one of them is not told."""
    return not one or not other or one == other


def _same_moment(one: str, other: str) -> bool:
    """Whether two moments can be the same: one of them is not told, or is told by its day only."""
    return one.startswith(other) or other.startswith(one)


def _same_payor(one: ReportLine, other: ReportLine) -> bool:
    if one.email and other.email:
        return one.email.casefold() == other.email.casefold()
    return _agree(words_of(one.name), words_of(other.name))


@lru_cache(maxsize=1 << 16)
def words_of(name: str) -> str:
    """The words of a name in an order of their own, without case, accents and punctuation."""
    text = "".join(char for char in without_accents(name.casefold()) if char not in "'\u2019.")
    return " ".join(sorted("".join(char if char.isalnum() else " " for char in text).split()))


def _same_request(one: ReportLine, other: ReportLine) -> bool:
    """Whether nothing shows that two lines are of two requests."""
    return (
        _agree(session_key(one.session_id), session_key(other.session_id))
        and _agree(reference_key(one.named), reference_key(other.named))
        and (one.currency or CAD) == (other.currency or CAD)
        and _same_payor(one, other)
    )


# ---------------------------------------------------------------------------------------------------------------
# Lines of different files that tell the same


@dataclass(slots=True)
class _Event:
    """One thing that happened to a payment, by the line of one file and those of others that tell the same."""

    line: ReportLine
    copies: list[ReportLine] = field(default_factory=list)
    alike: list[ReportLine] = field(default_factory=list)
    """Copies that no id shows to be of the same payment."""


def _events(group: Sequence[ReportLine], links: _Links) -> list[_Event]:
    """What happened to the payments of a group: each line of one file by itself, over files as often as in one."""
    events: list[_Event] = []
    by_file: defaultdict[str, list[ReportLine]] = defaultdict(list)
    for line in group:
        by_file[line.sha256].append(line)
    for told in by_file.values():
        before = list(events)  # what this file has not told of yet
        by_id: dict[object, _Event] = {}
        for line in told:
            day = line.latest[:10] if line.state is Meaning.RETURNED else ""  # one may go back in several parts
            identity = links.transaction(line), line.state, line.size, day
            event = by_id.get(identity)
            if event is None and (event := _told_before(line, before, links)) is not None:
                before.remove(event)
            if event is None:
                events.append(event := _Event(line))
            elif _is_certain(line, event.line, links):
                event.copies.append(line)
            else:
                event.alike.append(line)
            if identity[0]:
                by_id[identity] = event
    return events


def _told_before(line: ReportLine, events: Sequence[_Event], links: _Links) -> _Event | None:
    """The event of another file that a line tells again: the one that it has most in common with."""
    same = [event for event in events if _is_same_event(line, event.line, links)]
    return max(same, key=lambda event: _in_common(line, event.line), default=None)


def _is_certain(line: ReportLine, other: ReportLine, links: _Links) -> bool:
    session = session_key(line.session_id) == session_key(other.session_id) if line.session_id else False
    transaction = links.transaction(line)
    return session or bool(transaction and transaction == links.transaction(other))


def _is_same_event(line: ReportLine, other: ReportLine, links: _Links) -> bool:
    if line.state is not other.state or line.size != other.size:
        return False
    transaction = links.transaction(line)
    if transaction and transaction == links.transaction(other) and line.state is not Meaning.RETURNED:
        return True
    return (
        (line.state is not Meaning.LOOK or line.status.casefold() == other.status.casefold())
        and _agree(links.transaction(line), links.transaction(other))
        and _same_request(line, other)
        and _same_moment(line.created, other.created)
        and _same_moment(line.completed, other.completed)
        and (
            _is_booking(line, other)
            if line.statement is not other.statement
            else _same_moment(line.settled, other.settled)
        )
    )


def _is_booking(line: ReportLine, other: ReportLine) -> bool:
    """Whether the line of a bank statement can be the booking of what another report tells."""
    booked, told = (line, other) if line.statement else (other, line)
    return is_booked_by(told.bank_day, booked.bank_day)


def is_booked_by(day: str, booked: str) -> bool:
    """Whether a bank can have booked on a day, ISO 8601, what settled on another: soon after, or one is not told."""
    if UNDATED in {day, booked}:
        return True
    return timedelta(0) <= date.fromisoformat(booked) - date.fromisoformat(day) <= _BOOKED_WITHIN


def _in_common(line: ReportLine, other: ReportLine) -> int:
    names = ("session_id", "transaction_id", "reference", "email", "name", "status", "created", "completed", "settled")
    return sum(bool(text := getattr(line, name)) and text == getattr(other, name) for name in names)


# ---------------------------------------------------------------------------------------------------------------
# What happened becomes the lives of payments


_RANK: Final = {
    Meaning.OPEN: 0,
    Meaning.LOOK: 1,
    Meaning.PAID: 2,
    Meaning.SETTLED: 3,
    Meaning.ENDED: 4,
    Meaning.FAILED: 5,
    Meaning.RETURNED: 6,
}
"""The order of what is told of one day: in doubt money that came is believed to have gone back, and a person looks."""

_BEFORE: Final = {
    Meaning.OPEN: {Meaning.OPEN},
    Meaning.PAID: {Meaning.OPEN, Meaning.LOOK, Meaning.PAID},
    Meaning.SETTLED: {Meaning.OPEN, Meaning.LOOK, Meaning.PAID},
    Meaning.ENDED: {Meaning.OPEN, Meaning.LOOK},
    Meaning.FAILED: {Meaning.OPEN, Meaning.LOOK, Meaning.PAID, Meaning.SETTLED},
    Meaning.RETURNED: {Meaning.LOOK, Meaning.PAID, Meaning.SETTLED, Meaning.RETURNED},
    Meaning.LOOK: {Meaning.OPEN, Meaning.LOOK, Meaning.PAID, Meaning.SETTLED},
}
"""The states that can come before a state in one life, when no id shows that lines are of one payment."""


class _Life:
    """One payment while its lines are put together, the earliest first."""

    def __init__(self, event: _Event) -> None:
        self.lines: list[ReportLine] = []
        self.folded: list[ReportLine] = []
        self.words: set[_Word] = set()
        self.state = event.line.state
        self.paid: ReportLine | None = None
        self.back: list[tuple[ReportLine, Decimal]] = []
        self.corrected = False
        if self.state is Meaning.FAILED:
            self.state = Meaning.ENDED
        if self.state is Meaning.RETURNED:
            self.back.append((event.line, event.line.size or NO_MONEY))
        self._note(event)

    def go_on(self, event: _Event) -> None:
        """The next thing that happened to it."""
        line, state = event.line, event.line.state
        ended = state in {Meaning.FAILED, Meaning.ENDED} and self.paid is not None
        if ended and not _is_later(line, self.lines[-1]):
            self.state = Meaning.LOOK  # which of the two came last, nothing says
            self._note(event)
            return
        goes_back = state is Meaning.RETURNED or ended
        if self.state is Meaning.RETURNED:
            pass  # the same is told in another way
        elif goes_back:
            self.back.append((line, (self.paid or line).size or NO_MONEY))
            self.state = Meaning.RETURNED
        elif state in {Meaning.FAILED, Meaning.ENDED}:
            self.state = Meaning.ENDED
        elif not (self.state.is_paid and state in {Meaning.OPEN, Meaning.PAID}):
            self.state = state
        self._note(event)

    def take_back(self, life: _Life) -> None:
        """A part of it went back, which stood as a life of its own."""
        self.back += life.back
        self.lines += life.lines
        self.folded += life.folded
        self.state = Meaning.RETURNED

    def _note(self, event: _Event) -> None:
        line = event.line
        self.lines += [line, *event.copies, *event.alike]
        self.folded += event.alike
        self.words.add(_word(line))
        if line.state.is_paid:
            if self.paid is not None and self.paid.size != line.size:
                self.corrected = True
            if self.paid is None or line.state is Meaning.SETTLED or self.paid.state is Meaning.PAID:
                self.paid = line

    @property
    def size(self) -> Decimal | None:
        """The amount that came in, or is to; of money that only went back, that."""
        return self.paid.size if self.paid else self.lines[-1].size

    @property
    def left(self) -> Decimal:
        """What came in and did not go back, in its currency."""
        came = (self.paid.size or NO_MONEY) if self.paid else NO_MONEY
        return came - sum(amount for _, amount in self.back)

    @property
    def movements(self) -> tuple[Movement, ...]:
        """The money that came in and went back."""
        found = []
        settled = self.paid is None or self.paid.state is Meaning.SETTLED
        if self.paid is not None and self.paid.size is not None:
            found.append(Movement(self.paid, self.paid.size, self.paid.deposit if settled else ""))
        found += [
            Movement(line, -amount, line.deposit if settled or line.settled else "")
            for line, amount in self.back
            if amount
        ]
        return tuple(found)

    @property
    def order(self) -> tuple[object, ...]:
        """Paid before unpaid, then by what it says."""
        line = self.lines[-1]
        return not self.state.is_paid, line.reference, line.latest, _payment_key(line), *_line_order(line)


_Word = tuple[Meaning, str, Decimal | None]


def _word(line: ReportLine) -> _Word:
    """What a line says. A payment that says so already is another one: equal lines are never looked at in pairs.

    Money comes once, whatever its word (in two languages, say); its return may be told by a word and by a sign.
    """
    word = line.status.casefold()
    if line.state is Meaning.SETTLED:
        word = ""
    elif line.state is Meaning.RETURNED:
        word = "-" if line.amount is not None and line.amount < 0 else ""
    return line.state, word, line.size


def _lives(events: Sequence[_Event], links: _Links, asked: Mapping[str, Decimal | None]) -> list[_Life]:
    """The payments of a group, from what happened in its order."""
    timed = all("T" in event.line.latest for event in events)
    parts = _sessions_in_parts(events, asked)
    lives: list[_Life] = []
    by_word: defaultdict[_Word, list[_Life]] = defaultdict(list)
    for event in sorted(events, key=lambda event: _event_order(event.line, timed=timed)):
        open_to_it = [life for word, same in by_word.items() if word != _word(event.line) for life in same]
        life = _life_of(event.line, open_to_it, links, parts)
        if life is None:
            lives.append(life := _Life(event))
        else:
            by_word[_last_word(life)].remove(life)
            life.go_on(event)
        by_word[_last_word(life)].append(life)
    return lives


def _last_word(life: _Life) -> _Word:
    return _word(life.lines[-1])


def _event_order(line: ReportLine, *, timed: bool) -> tuple[object, ...]:
    """Without a day, money that came is believed to have come first, and what casts doubt on it last."""
    told = line.latest if timed else line.latest[:10]
    late = line.state in {Meaning.ENDED, Meaning.FAILED, Meaning.RETURNED, Meaning.LOOK}
    return told or ("~" if late else ""), _RANK[line.state], *_line_order(line)


def _sessions_in_parts(events: Sequence[_Event], asked: Mapping[str, Decimal | None]) -> set[str]:
    """The sessions of which several amounts in one state come to exactly what was asked for."""
    sums: defaultdict[tuple[str, Meaning], list[Decimal]] = defaultdict(list)
    for event in events:
        if event.line.session_id and event.line.state.is_paid:
            sums[session_key(event.line.session_id), event.line.state].append(event.line.size or NO_MONEY)
    return {session for (session, _), told in sums.items() if len(told) > 1 and sum(told) == asked.get(session)}


def _life_of(line: ReportLine, lives: Sequence[_Life], links: _Links, parts: set[str]) -> _Life | None:
    """The payment that a line goes on telling of; None for a new one."""
    certain, likely = [], []
    for life in lives:
        last = life.lines[-1]
        paid_again = line.state.is_paid and life.state is Meaning.RETURNED
        back_again = line.state is life.state is Meaning.RETURNED and not _is_told_again(line, life)
        other_try = line.state is Meaning.FAILED and not _agree(links.transaction(line), links.transaction(last))
        if (
            paid_again
            or back_again
            or other_try
            or _word(line) in life.words
            or not all(_same_request(line, one) for one in life.lines)
        ):
            continue
        same_amount = line.size == life.size or line.size is None or life.size is None
        if any(_is_certain(line, one, links) for one in life.lines):
            in_parts = session_key(line.session_id) in parts and not same_amount
            apart = line.state is last.state and not _agree(links.transaction(line), links.transaction(last))
            if not in_parts and not apart and (same_amount or line.state.is_paid):
                certain.append(life)
        elif same_amount and _can_follow(line, life):
            likely.append(life)
    if certain:
        return certain[-1]
    # What goes back is the last that came; what settles is the first that was accepted.
    going_back = line.state in {Meaning.RETURNED, Meaning.FAILED}
    return (likely[-1] if going_back else likely[0]) if likely else None


def _is_later(line: ReportLine, other: ReportLine) -> bool:
    """Whether a line is told of a later day, or of a later time where both tell one."""
    if "T" in line.latest and "T" in other.latest:
        return line.latest > other.latest
    return line.latest[:10] > other.latest[:10]


def _is_told_again(line: ReportLine, life: _Life) -> bool:
    """Whether a return is one that a payment has already, in other words: of the same day, or of all that was left."""
    last = life.lines[-1]
    return (life.paid is not None and life.left <= 0) or _same_moment(line.latest[:10], last.latest[:10])


def _can_follow(line: ReportLine, life: _Life) -> bool:
    """Whether a line can tell the next state of a payment that no id shows to be the same."""
    last = life.lines[-1]
    if life.state not in _BEFORE[line.state]:
        return False
    if line.state in {Meaning.RETURNED, Meaning.FAILED, Meaning.LOOK}:
        return True
    if not _same_moment(line.created, last.created):
        return False
    if not (line.completed and last.completed):
        return True
    days = date.fromisoformat(line.completed[:10]) - date.fromisoformat(last.completed[:10])
    return timedelta(0) <= days <= _LATER_STATE


def _take_back_parts(lives: list[_Life]) -> None:
    """Join what only went back with the one payment of its session or reference that it is a part of.

    A failure that is no payment's own takes back what was paid before under its session or reference.
    """
    larger: defaultdict[object, list[_Life]] = defaultdict(list)
    for life in lives:
        if life.paid is not None:
            for key in _about(life.paid):
                larger[key].append(life)
    for life in lives:
        line = life.lines[-1]
        if life.paid is None and life.state is Meaning.ENDED and line.state is Meaning.FAILED and line.size:
            before = [
                one
                for key in _about(line)
                for one in larger[key]
                if _is_later(line, one.lines[-1]) and _agree(line.transaction_id, one.lines[-1].transaction_id)
            ]
            if any(_same_request(line, one.lines[-1]) for one in before):
                life.state, life.back = Meaning.RETURNED, [(line, line.size)]
    for life in [life for life in lives if life.paid is None and life.state is Meaning.RETURNED]:
        line, size = life.lines[-1], life.size or NO_MONEY
        for key in _about(line):
            day = line.latest[:10] or "~"
            whole = [
                one
                for one in larger[key]
                if size <= one.left and _same_request(line, one.lines[-1]) and one.lines[0].latest[:10] <= day
            ]
            if len(whole) == 1:
                whole[0].take_back(life)
                lives.remove(life)
                break


def _about(line: ReportLine) -> Iterator[tuple[str, str]]:
    if line.session_id:
        yield "session", session_key(line.session_id)
    if line.named:
        yield "reference", reference_key(line.named)


# ---------------------------------------------------------------------------------------------------------------
# By what a payment is known again


def _payment_key(line: ReportLine) -> str:
    amount = "" if line.amount is None else f"{line.amount:f}"
    if line.session_id:
        return f"session\t{session_key(line.session_id)}"
    payor = line.email.casefold() or line.name.casefold()
    day = line.created or line.completed or line.settled
    return "\t".join(("line", reference_key(line.named), payor, amount, line.currency, day))


def _with_keys(lives: Sequence[_Life]) -> list[ReportedPayment]:
    """The payments; of those that look the same each has a number."""
    seen: defaultdict[str, int] = defaultdict(int)
    payments = []
    for life in lives:
        keys = []
        for base in dict.fromkeys(_payment_key(line) for line in reversed(life.lines)):
            seen[base] += 1
            keys.append(base if seen[base] == 1 else f"{base}\t#{seen[base]}")
        payments.append(
            ReportedPayment(
                keys=tuple(keys),
                lines=tuple(reversed(life.lines)),
                state=life.state,
                movements=life.movements,
                folded=tuple(life.folded),
                corrected=life.corrected,
            )
        )
    return payments
