"""The totals of a report: which lines are sums of those above them, and whether they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pipeline.reconciliation.payments import ReportLine
from schemas.reports import ReportField

_HEAD: Final = (
    r"(?:(?:(?:grand|page|net|daily|report|batch|deposit|sub|sous)[- ]?)?(?:totals?|totaux)|sum|somme)(?![\w'\u2019])"
)
_SIDES: Final = "(?:deposits?|credits?|debits?|withdrawals?|dépôts?|crédits?|débits?|retraits?)"
_ANY: Final = re.compile(rf"{_HEAD}.*", re.IGNORECASE)
_OWN: Final = re.compile(
    rf"{_HEAD}(?:\W+(?:général|page|net|cad|{_SIDES}|(?:for|of|from|de|du|des|pour|au) .*|d['\u2019].*|[\W\d].*))?\W*",
    re.IGNORECASE,
)


def begins_total(text: str) -> bool:
    """Whether the first text of a line is what a total is called (`Total for 1000 Chequing`, `Total (4)`)."""
    return _ANY.fullmatch(text) is not None


def describes_total(text: str) -> bool:
    """Whether a description is a total's and no company's: `Total deposits`, but not `Total Plumbing`."""
    return _OWN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Total:
    """A line that tells a sum: in dollars, by the column in which it stands."""

    number: int
    told: Mapping[ReportField, Decimal]


class Sums:
    """The running sums of a report's lines, and what they were wherever a group began.

    A total is right when it is the sum of all lines since one of these places, or of those that were paid.
    """

    def __init__(self) -> None:
        self._sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._starts: defaultdict[str, set[Decimal]] = defaultdict(lambda: {Decimal(0)})
        self._last: defaultdict[str, Decimal] = defaultdict(Decimal)

    def add(self, line: ReportLine) -> None:
        """Count a line."""
        if line.amount is None:
            return
        self._sums["all"] += line.amount
        if line.meaning.is_paid:
            self._sums["paid"] += line.amount
        self._sums["in" if line.amount > 0 else "out"] += abs(line.amount)

    def begin(self) -> None:
        """A group begins here."""
        for name in ("all", "paid", "in", "out"):
            self._last[name] = self._sums[name]
            self._starts[name].add(self._sums[name])

    def differences(self, total: Total, *, turned: bool) -> list[tuple[Decimal, Decimal, bool]]:
        """Each sum that a total line tells, what it should be, and whether it agrees.

        `turned` says that the report has its payments with a minus, and perhaps their total too.
        """
        return [self._compare(column, told, turned=turned) for column, told in total.told.items()]

    def _compare(self, column: ReportField, told: Decimal, *, turned: bool) -> tuple[Decimal, Decimal, bool]:
        names = {ReportField.CREDIT: ("in",), ReportField.DEBIT: ("out",)}.get(column, ("all", "paid"))
        tried = {abs(told)} if column is ReportField.DEBIT else {told, -told} if turned else {told}
        agrees = any(self._sums[name] - one in self._starts[name] for name in names for one in tried)
        return told, self._sums[names[0]] - self._last[names[0]], agrees
