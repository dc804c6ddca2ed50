"""The difference from the month before: who is new, who is gone, whose amount changed, and what looks like a slip.

Pure: no file, no clock, no journal. A difference is worth a look and never an error: it keeps nothing from being
sent by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pipeline.domain.model import Column, Payment, ReportRow
from pipeline.domain.months import in_figures
from schemas.fields import Field
from schemas.money import to_the_cent

DEFAULT_OVER: Final = Decimal(20)
"""The least difference of an amount, in per cent, that is shown."""

SLIPS: Final = (Decimal(10), Decimal(100), Decimal("0.1"), Decimal("0.01"))
"""A point in the wrong place, or a zero too many: what was asked before, times one of these."""

_YEAR: Final = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Charge:
    """One payment that a payor is asked for.

    `amount` is in dollars, None when the payor chooses it or it can't be read. `row` is the row number in the user's
    sheet, 0 for a payment that the sheet does not have.
    """

    email: str
    name: str
    amount: Decimal | None
    row: int = 0

    @property
    def payor(self) -> str:
        """By what a payor is known again: the e-mail address, else the name. Letter case does not count."""
        return self.email.strip().casefold() or _folded(self.name)


_Payors = dict[str, list[Charge]]
"""The charges of each payor."""


@dataclass(frozen=True, slots=True)
class Before:
    """The month before: its batch, when it was last run, what it asked for, and by how many per cent is worth a look.

    `since` is what this batch has asked for that its present sheet does not show (only the corrected rows were given
    back): without it those payors would look gone.
    """

    batch: str
    at: datetime | None
    charges: Sequence[Charge]
    over: Decimal = DEFAULT_OVER
    since: Sequence[Charge] = field(default=())


class ChangeKind(StrEnum):
    """Kinds of differences, in the order in which people read them."""

    SLIP = "slip"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """One payor who differs from the month before. Amounts are the sums of what differs, in dollars.

    `before` or `now` is None if it is missing or unknown. `factor` is one of `SLIPS` for a slip, else
    None. `rows` are row numbers of the present sheet.
    """

    kind: ChangeKind
    email: str
    name: str
    before: Decimal | None
    now: Decimal | None
    rows: tuple[int, ...] = ()
    factor: Decimal | None = None

    @property
    def difference(self) -> Decimal | None:
        """Dollars more (or, negative, less) than the month before."""
        if self.before is None and self.now is None:
            return None
        return (self.now or Decimal(0)) - (self.before or Decimal(0))

    @property
    def share(self) -> Decimal | None:
        """The difference as a part of what it was (0.25 for a quarter more); None where there is nothing to compare."""
        if not self.before or self.now is None:
            return None
        return (self.now - self.before) / self.before


def compare(before: Iterable[Charge], now: Iterable[Charge], over: Decimal = DEFAULT_OVER) -> list[Change]:
    """Every payor who differs: slips first, then changes of more than `over` per cent, new payors, gone payors.

    Within a kind they are in the order of the present sheet, the gone ones in the order of the earlier batch. The
    order of the charges of one payor does not matter. A payor with another address is known by the name, where just
    one on each side has it.
    """
    earlier, later = _by_payor(before), _by_payor(now)
    for now_as, before_as in _renamed(earlier, later):
        earlier[now_as] = earlier.pop(before_as)
    found = [_compared(earlier.get(payor), charges, over) for payor, charges in later.items()]
    found += [_one(ChangeKind.GONE, charges, ()) for payor, charges in earlier.items() if payor not in later]
    kinds = list(ChangeKind)
    return sorted(filter(None, found), key=lambda change: kinds.index(change.kind))


def _renamed(earlier: _Payors, later: _Payors) -> list[tuple[str, str]]:
    """Payors whose address has changed (or has a slip in it), matched by a name that is unique on each side."""
    new, gone = _by_name(later, earlier), _by_name(earlier, later)
    return [(new[name][0], gone[name][0]) for name in new if len(new[name]) == 1 and len(gone.get(name, ())) == 1]


def _by_name(payors: _Payors, others: _Payors) -> dict[str, list[str]]:
    """The payors who are not among the others, by their folded names."""
    named: dict[str, list[str]] = {}
    for payor, charges in payors.items():
        names = {_folded(charge.name) for charge in charges}
        if payor not in others and len(names) == 1 and (name := names.pop()):
            named.setdefault(name, []).append(payor)
    return named


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _by_payor(charges: Iterable[Charge]) -> _Payors:
    grouped: _Payors = {}
    for charge in charges:
        if charge.payor:
            grouped.setdefault(charge.payor, []).append(charge)
    return grouped


def _compared(before: Sequence[Charge] | None, now: Sequence[Charge], over: Decimal) -> Change | None:
    """The change of one payor of the present sheet; None if it is not worth a look."""
    if before is None:
        return _one(ChangeKind.NEW, (), now)
    old, new = _unlike(before, now)
    if not old and not new:
        return None
    if slip := _slip(old, new):
        return slip
    # An amount that is gone or came in addition is measured against all that the payor was asked for.
    change = _one(ChangeKind.CHANGED, old, new) if old and new else _one(ChangeKind.CHANGED, before, now)
    return change if change.share is None or abs(change.share) * 100 > over else None


def _unlike(before: Sequence[Charge], now: Sequence[Charge]) -> tuple[list[Charge], list[Charge]]:
    """The charges of one payor without those that both months have alike."""
    same = Counter(charge.amount for charge in before) & Counter(charge.amount for charge in now)
    return _without(before, same), _without(now, same)


def _without(charges: Sequence[Charge], same: Mapping[Decimal | None, int]) -> list[Charge]:
    left, rest = Counter(same), []
    for charge in charges:
        if left[charge.amount]:
            left[charge.amount] -= 1
        else:
            rest.append(charge)
    return rest


def _slip(before: Sequence[Charge], now: Sequence[Charge]) -> Change | None:
    """The first charge that is ten or a hundred times one of the month before, or the tenth or hundredth part of it."""
    for charge in sorted(now, key=lambda charge: charge.row):
        for factor in SLIPS:
            for earlier in before:
                if _is_slip(earlier.amount, charge.amount, factor):
                    rows = (charge.row,) if charge.row else ()
                    return Change(
                        ChangeKind.SLIP, charge.email, charge.name, earlier.amount, charge.amount, rows, factor
                    )
    return None


def _is_slip(before: Decimal | None, now: Decimal | None, factor: Decimal) -> bool:
    """Whether `now` is `before` times `factor`, to the cent: a tenth of 12.34 was typed as 1.23."""
    if not before or not now:
        return False
    return to_the_cent(before * factor) == now != before


def _one(kind: ChangeKind, before: Sequence[Charge], now: Sequence[Charge]) -> Change:
    known = [*now, *before]
    first = known[0]
    rows = tuple(sorted({charge.row for charge in now if charge.row}))
    return Change(kind, first.email, first.name, _sum(before), _sum(now), rows)


def _sum(charges: Sequence[Charge]) -> Decimal | None:
    amounts = [charge.amount for charge in charges if charge.amount is not None]
    return sum(amounts, Decimal(0)) if amounts else None


# ---------------------------------------------------------------------------------------------------------------
# Charges


def charge_of(payment: Payment, row: int = 0) -> Charge:
    """The charge of a payment, and the row that asks for it, if the sheet has it."""
    return Charge(payment.email, f"{payment.first_name} {payment.last_name}".strip(), payment.amount, row)


class ChargeReader:
    """Reads charges from the rows of a sheet, of faulty rows too as far as they can be read."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._at = {column.field: column.index for column in columns if column.field}

    def read(self, row: ReportRow) -> Charge:
        """The charge of one row."""
        if row.payment is not None:
            return charge_of(row.payment, row.row.number)
        name = f"{self._cell(row, Field.FIRST_NAME)} {self._cell(row, Field.LAST_NAME)}".strip()
        return Charge(self._cell(row, Field.EMAIL), name, row.amount, row.row.number)

    def _cell(self, row: ReportRow, name: Field) -> str:
        at = self._at.get(name)
        return row.row.cells[at].strip() if at is not None and at < len(row.row.cells) else ""


# ---------------------------------------------------------------------------------------------------------------
# Which batch was the month before


def month_before(name: str, others: Iterable[str]) -> str | None:
    """The latest of `others` that is earlier than `name` and has its shape, or None.

    Names have one shape when they differ in digits and months only: `billing-2025-12` comes before `billing-2026-01`,
    `rent nov 2026` before `rent dec 2026`. A year at the end is read first (`12-2025` comes before `01-2026`). A name
    without digits has no month before.
    """
    if not re.search(r"\d", name):
        return None
    here, shape = _order(name), _shape(name)
    same = [other for other in others if _shape(other) == shape and _order(other) < here]
    return max(same, key=_order, default=None)


def _shape(name: str) -> str:
    return re.sub(r"\d", "0", in_figures(name))


def _order(name: str) -> tuple[int, ...]:
    groups = re.findall(r"\d+", in_figures(name))
    if groups and _YEAR.fullmatch(groups[-1]) and not _YEAR.fullmatch(groups[0]):
        groups.reverse()
    groups.sort(key=lambda group: not _YEAR.fullmatch(group))
    return tuple(map(int, groups))
