"""What an approver looks at: the figures of a plan, its largest amounts, accounts, changes, and what is left out. Pure.

The sheet may be on another machine: the journal keeps this with the plan. `PlanFigures` have no personal data,
`PlanDetails` do, and go when the batch is purged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from heapq import nlargest
from typing import Final

from pipeline.domain.approval import (
    Person,
    PlanEvent,
    PlanState,
    PlanStep,
    approval_of,
    state_of,
)
from pipeline.domain.comparison import Before, Change, ChangeKind, Charge, compare
from pipeline.domain.model import NO_MONEY, ReportRow, Status
from pipeline.domain.personal_data import HIDDEN, fault_without_person
from schemas.faults import Fault

LARGEST: Final = 10
"""The largest amounts that are shown."""
MOST_CHANGES: Final = 50
"""Payors that are shown for each kind of change; all are counted."""
MOST_ACCOUNTS: Final = 50
"""Accounts that are shown, those with the largest sums; all are counted."""
MOST_REASONS: Final = 50
"""Reasons why rows are left out; the rows of further ones are counted together."""

_LIMITS: Final = frozenset({"limit", "length", "expected"})
"""Details of faults that say what a cell should have been."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that are not sent for one reason: their status, and the error that they share (without anybody's data).

    `reason` is None where the status says it all, and for the reasons that are too many to be told apart.
    """

    status: Status
    reason: Fault | None
    rows: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LargeAmount:
    """One of the largest amounts; None is one that the payor chooses."""

    row: int
    reference: str
    name: str
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class PaidInto:
    """An account by its end (empty for the default one), and what is asked for to be paid into it."""

    account: str
    rows: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ChangeCount:
    """How many payors differ from the month before in one way, and by how many dollars together."""

    kind: ChangeKind
    payors: int
    difference: Decimal


@dataclass(frozen=True, slots=True)
class ExpectedTotal:
    """What the rows of a sheet should add up to by the billing program, as a person typed it; `found` is what they do.

    `accepted_by` and `accepted_at` are who said that it may differ so, "" and None where nobody did. Times are aware.
    """

    amount: Decimal
    who: str
    at: datetime
    found: Decimal
    accepted_by: str = ""
    accepted_at: datetime | None = None

    @property
    def difference(self) -> Decimal:
        """Dollars by which it is more than the rows."""
        return self.amount - self.found

    @property
    def is_settled(self) -> bool:
        """Whether it agrees, or somebody accepted that it does not."""
        return not self.difference or bool(self.accepted_by)


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """What a plan comes to. `rows` and `amount` are of the whole sheet, `to_send` and `total` of what is sent.

    `open_amounts` are the rows to send whose payors choose the amount, `accounts` the accounts paid into. `compared`
    is the batch of the month before, empty without one. `expected` is the total of the billing program, None
    where nobody gave it.
    """

    rows: int
    amount: Decimal
    to_send: int
    total: Decimal
    e_mailed: int
    open_amounts: int
    left_out: tuple[LeftOut, ...]
    accounts: int
    compared: str
    changes: tuple[ChangeCount, ...]
    expected: ExpectedTotal | None = None


@dataclass(frozen=True, slots=True)
class PlanDetails:
    """Whose amounts are the largest, the accounts, and who changed. Personal data."""

    largest: tuple[LargeAmount, ...]
    accounts: tuple[PaidInto, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as people see it. `details` are None once the personal data of its batch is removed. Times are aware."""

    name: str
    batch: str
    environment: str
    file: str
    sheet: str
    sha256: str
    maker: Person
    made_at: datetime
    figures: PlanFigures
    details: PlanDetails | None = field(repr=False)
    events: tuple[PlanEvent, ...]

    @property
    def state(self) -> PlanState:
        """Where the plan is."""
        return state_of(self.events)

    @property
    def approval(self) -> PlanEvent | None:
        """Who approved it."""
        return approval_of(self.events)

    def last(self, step: PlanStep) -> PlanEvent | None:
        """When this was last done with it, and by whom."""
        return next((event for event in reversed(self.events) if event.step is step), None)


def plan_name(batch: str, number: int) -> str:
    """What people call a plan: its batch and its number in it. `billing-2026-11-p1` can't be taken for a month."""
    return f"{batch}-p{number}"


def parse_plan_name(name: str) -> tuple[str, int] | None:
    """The batch and the number that a plan's name says; None when it is no name of a plan."""
    batch, mark, number = name.strip().rpartition("-p")
    if not (mark and batch and number.isascii() and number.isdecimal() and number[0] != "0"):
        return None
    return batch, int(number)


class PlanTally:
    """Adds up the rows of a planned sheet."""

    def __init__(self, before: Before | None, expected: ExpectedTotal | None = None) -> None:
        self._before = before
        self._expected = expected
        self._rows = self._to_send = self._e_mailed = self._open = 0
        self._amount = self._total = NO_MONEY
        self._large: list[LargeAmount] = []
        self._accounts: dict[tuple[str, str, str], PaidInto] = {}
        self._left_out: dict[tuple[object, ...], LeftOut] = {}
        self._charges: list[Charge] = []
        self._sending: set[int] = set()

    def add(self, row: ReportRow, charge: Charge, *, sending: bool) -> None:
        """Count one row: its charge, and whether it is to be sent."""
        amount = row.amount or NO_MONEY
        self._rows += 1
        self._amount += amount
        if self._before is not None:
            self._charges.append(charge)
        if not sending or row.payment is None:
            self._leave_out(row, amount)
            return
        self._to_send += 1
        self._sending.add(row.row.number)
        self._total += amount
        self._e_mailed += row.payment.send_link
        self._open += row.amount is None
        self._large.append(LargeAmount(row.row.number, row.payment.reference_id, charge.name, row.amount))
        if len(self._large) > 100 * LARGEST:
            self._large = _largest(self._large)
        account = (row.payment.institution_code, row.payment.transit_number, row.payment.account_number)
        into = self._accounts.get(account) or PaidInto(_masked(*account), 0, NO_MONEY)
        self._accounts[account] = replace(into, rows=into.rows + 1, amount=into.amount + amount)

    def _leave_out(self, row: ReportRow, amount: Decimal) -> None:
        reason = _without_person(row.errors[0]) if row.errors else None
        key: tuple[object, ...] = (row.status,)
        if reason is not None:
            key = (row.status, reason.code, reason.field, *_amounts(reason))
            if key not in self._left_out and len(self._left_out) >= MOST_REASONS:
                reason, key = None, (row.status,)
        seen = self._left_out.get(key) or LeftOut(row.status, reason, 0, NO_MONEY)
        if seen.reason is not None and reason is not None:
            reason = _in_common(seen.reason, reason)
        self._left_out[key] = LeftOut(row.status, reason, seen.rows + 1, seen.amount + amount)

    def made(self) -> tuple[PlanFigures, PlanDetails]:
        """What the rows come to."""
        before = self._before
        found = compare(before.charges, [*self._charges, *before.since], before.over) if before is not None else []
        # Who has a row that is not sent is not gone, and nothing else: what is sent is what is approved.
        told = [change for change in found if not change.rows or not self._sending.isdisjoint(change.rows)]
        by_kind = {kind: [change for change in told if change.kind is kind] for kind in ChangeKind}
        figures = PlanFigures(
            rows=self._rows,
            amount=self._amount,
            to_send=self._to_send,
            total=self._total,
            e_mailed=self._e_mailed,
            open_amounts=self._open,
            left_out=tuple(sorted(self._left_out.values(), key=_by_status)),
            accounts=len(self._accounts),
            compared=before.batch if before is not None else "",
            changes=tuple(ChangeCount(kind, len(some), _difference(some)) for kind, some in by_kind.items() if some),
            expected=self._expected,
        )
        shown = (replace(change, email="") for some in by_kind.values() for change in some[:MOST_CHANGES])
        accounts = nlargest(MOST_ACCOUNTS, self._accounts.values(), key=lambda one: one.amount)
        return figures, PlanDetails(tuple(_largest(self._large)), tuple(accounts), tuple(shown))


def _by_status(one: LeftOut) -> tuple[int, int]:
    return list(Status).index(one.status), -one.rows


def _largest(amounts: Sequence[LargeAmount]) -> list[LargeAmount]:
    return nlargest(LARGEST, amounts, key=lambda one: (one.amount is not None, one.amount or NO_MONEY, -one.row))


def _difference(changes: Sequence[Change]) -> Decimal:
    return sum((change.difference or NO_MONEY for change in changes), NO_MONEY)


def _masked(institution: str, transit: str, account: str) -> str:
    """`003-12345 •••6541`: nobody can pay into it, and two people can compare it with what they know."""
    return f"{institution}-{transit} •••{account[-4:]}" if account else ""


def _without_person(fault: Fault) -> Fault:
    """The same error without the cell's text; what a cell should have been is nobody's data."""
    bare, told = fault_without_person(fault), dict(fault.details)
    details = tuple((key, told[key] if key in _LIMITS else text) for key, text in bare.details)
    return replace(bare, value=HIDDEN if fault.value else "", details=details)


def _amounts(fault: Fault) -> tuple[str, ...]:
    """The limits that a fault names: rows that differ in them are told apart."""
    return tuple(text for key, text in fault.details if key.endswith("_amount"))


def _in_common(one: Fault, other: Fault) -> Fault:
    """The error that two rows share; of details that differ, such as the row that each repeats, only that they do."""
    told = dict(other.details)
    details = tuple((key, text if told.get(key) == text else HIDDEN) for key, text in one.details)
    return replace(one, value=one.value or other.value, details=details)
