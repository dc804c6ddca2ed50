"""What one payor looks like beside the others: a shared address, first and last name swapped."""

from __future__ import annotations

from typing import Final

from pipeline.check.survey import Survey
from schemas.faults import Fault
from schemas.fields import Field

MOST_ADDRESSES: Final = 50_000
"""Addresses remembered at a time: memory must not grow with the file, so in a longer one the oldest are forgotten."""


class PayorWatch:
    """Compares each payor with those before, and with what the survey says about the columns of names."""

    def __init__(self, survey: Survey, most_addresses: int = MOST_ADDRESSES) -> None:
        self._survey = survey
        self._most = most_addresses
        self._seen: dict[str, tuple[str, str, int]] = {}

    def notices(self, row: int, first: str, last: str, email: str) -> tuple[Fault, ...]:
        """What is odd about the payor in row number `row`; names and address are cleaned texts, `""` if unreadable."""
        shared = self._shared(row, first, last, email)
        if first and last and self._survey.swapped(first, last):
            return (*shared, Fault("name-swapped", Field.LAST_NAME, last))
        return shared

    def _shared(self, row: int, first: str, last: str, email: str) -> tuple[Fault, ...]:
        if not (email and first and last):
            return ()
        earlier = self._seen.get(email)
        if earlier is None:
            if len(self._seen) >= self._most:
                del self._seen[next(iter(self._seen))]
            self._seen[email] = (first, last, row)
            return ()
        if earlier[0].casefold() == first.casefold() and earlier[1].casefold() == last.casefold():
            return ()
        return (Fault("email-shared", Field.EMAIL, email, (("row", str(earlier[2])),)),)
