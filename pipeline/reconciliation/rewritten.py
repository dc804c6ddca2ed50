"""What a spreadsheet makes of a reference: `123` of `00123`, `Nov-26` of `11-26`, `1.0E+5` of `1E5`. Pure.

Two references that come to the same form may be one: a proposal to a person, never a match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from pipeline.reconciliation.dates import month_named

_NUMBER: Final = re.compile(r"[0-9][0-9 ,\u00a0\u202f]*(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_SPACES: Final = re.compile(r"[ ,\u00a0\u202f]")
_TWO: Final = re.compile(r"([0-9]{1,4})[-/. ]([0-9]{1,4})")
_NAMED: Final = re.compile(r"([0-9]{1,4})?[-/. ]?([^\W\d_]{3,})\.?[-/. ]?([0-9]{1,4})?(?:[-/. ]([0-9]{2,4}))?")
_THREE: Final = re.compile(r"([0-9]{1,4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,4})(?:[T ].*)?")
_DIGITS: Final = 6
"""The digits that a spreadsheet shows of a long number: `5.12346E+12`."""


def forms(reference: str) -> frozenset[object]:
    """All that a spreadsheet can have made of a reference; references with a common form may be the same."""
    text = reference.strip().casefold()
    return frozenset((*_numbers(text), *_dates(text)))


def _numbers(text: str) -> Iterator[object]:
    if _NUMBER.fullmatch(text):
        try:
            number = Decimal(_SPACES.sub("", text))
        except InvalidOperation:
            return
        if number == number.to_integral_value() and number.adjusted() < 100:  # noqa: PLR2004  no memory for 1E999
            yield f"{number:.{_DIGITS - 1}E}" if number.adjusted() >= _DIGITS else int(number)


def _dates(text: str) -> Iterator[object]:
    """The day and the month, or the month and the year: a spreadsheet guesses which, and shows two of three."""
    if match := _TWO.fullmatch(text):
        yield _pair(match[1], match[2])
    elif match := _THREE.fullmatch(text):
        one, two, three = match.groups()
        yield tuple(sorted(int(part) % 100 for part in match.groups()))
        yield _pair(one, two)
        yield _pair(two, three)
    elif (match := _NAMED.fullmatch(text)) and (month := month_named(match[2])):
        numbers = [number for number in (match[1], match[3], match[4]) if number]
        if len(numbers) > 1:
            yield tuple(sorted((month, *(int(number) % 100 for number in numbers))))
        yield from (_pair(str(month), number) for number in numbers)


def _pair(one: str, two: str) -> tuple[int, ...]:
    return tuple(sorted((int(one) % 100, int(two) % 100)))
