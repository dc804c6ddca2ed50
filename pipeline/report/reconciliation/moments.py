"""Dates of daily reports, as ISO 8601 text: whatever way a report writes them, and never a guess.

`03/04/2026` is read only when another date of its column shows which number is the day.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

_ISO: Final = re.compile(
    r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})(?:[T ,]+(?P<clock>[0-9].*))?"
)
_COMPACT: Final = re.compile(r"(?P<year>20[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_NUMBERS: Final = re.compile(
    r"(?P<one>[0-9]{1,2})[-/.](?P<two>[0-9]{1,2})[-/.](?P<year>[0-9]{4})(?:[T ,]+(?P<clock>[0-9].*))?"
)
_DAY_FIRST: Final = re.compile(
    r"(?:[a-z]+,? )?(?P<day>[0-9]{1,2})(?:er)?[- ](?P<name>[a-z]{3,})\.?[- ,]+(?P<year>[0-9]{4})"
    r"(?:[ ,]+(?P<clock>[0-9].*))?"
)
_MONTH_FIRST: Final = re.compile(
    r"(?:[a-z]+,? )?(?P<name>[a-z]{3,})\.? (?P<day>[0-9]{1,2})(?:st|nd|rd|th)?,? +(?P<year>[0-9]{4})"
    r"(?:[ ,]+(?P<clock>[0-9].*))?"
)
_CLOCK: Final = re.compile(
    r"(?P<hour>[0-9]{1,2})[:h] ?(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?(?:[.,][0-9]+)? ?(?P<half>[ap])?\.?m?\.?"
)
_MONTHS: Final = (
    ("jan",),
    ("feb", "fev"),
    ("mar",),
    ("apr", "avr"),
    ("may", "mai"),
    ("jun", "juin"),
    ("jul", "juil"),
    ("aug", "aou"),
    ("sep",),
    ("oct",),
    ("nov",),
    ("dec",),
)
_SERIAL: Final = re.compile(r"[34][0-9]{4}(?:\.[0-9]+)?|5[0-9]{4}(?:\.[0-9]+)?")
_DAY_ZERO: Final = datetime(1899, 12, 30)  # noqa: DTZ001  a spreadsheet's dates have no zone
_NOON: Final = 12


class Order(StrEnum):
    """Which number of `03/04/2026` is the day."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    UNKNOWN = "unknown"


def proven_order(text: str) -> Order:
    """The order that one date proves by itself; UNKNOWN when it proves none."""
    match = _NUMBERS.fullmatch(text.strip())
    if match and int(match["one"]) > _NOON >= int(match["two"]):
        return Order.DAY_FIRST
    if match and int(match["two"]) > _NOON >= int(match["one"]):
        return Order.MONTH_FIRST
    return Order.UNKNOWN


def order_of(proven: Iterable[Order]) -> Order:
    """The order of a column from what its dates prove; UNKNOWN when none does, or they contradict each other."""
    known = {*proven} - {Order.UNKNOWN}
    return known.pop() if len(known) == 1 else Order.UNKNOWN


def moment_of(text: str, kind: str, order: Order) -> str | None:
    """`2026-11-24` or `2026-11-24T10:00:00`, the day being the one that stands in the report; None when unreadable.

    `kind` is a letter of `SheetRow.kinds`: a number is a spreadsheet's count of days.
    """
    if kind == "n":
        return _of_serial(text) if _SERIAL.fullmatch(text) else _read(text, order)
    return _read(text, order)


def _read(text: str, order: Order) -> str | None:
    if match := _ISO.fullmatch(text.strip()) or _COMPACT.fullmatch(text.strip()):
        parts = match.groupdict()
        return _moment(parts["year"], parts["month"], parts["day"], parts.get("clock"))
    plain = _plain(text)
    if match := _NUMBERS.fullmatch(plain):
        return _by_numbers(match, order)
    for form in (_DAY_FIRST, _MONTH_FIRST):
        if match := form.fullmatch(plain):
            month = month_named(match["name"])
            return _moment(match["year"], str(month), match["day"], match["clock"]) if month else None
    return None


def _by_numbers(match: re.Match[str], order: Order) -> str | None:
    one, two = match["one"], match["two"]
    if order is Order.UNKNOWN and int(one) <= _NOON and int(two) <= _NOON and int(one) != int(two):
        return None
    day_first = order is Order.DAY_FIRST if order is not Order.UNKNOWN else int(one) > _NOON
    day, month = (one, two) if day_first else (two, one)
    return _moment(match["year"], month, day, match["clock"])


def _moment(year: str, month: str, day: str, clock: str | None) -> str | None:
    try:
        at = datetime(int(year), int(month), int(day))  # noqa: DTZ001  the day as the report has it
    except ValueError:
        return None
    if not clock:
        return at.date().isoformat()
    match = _CLOCK.match(clock)
    if match is None:
        return at.date().isoformat()
    hour = int(match["hour"]) % _NOON + (_NOON if match["half"] == "p" else 0) if match["half"] else int(match["hour"])
    try:
        at = at.replace(hour=hour, minute=int(match["minute"]), second=int(match["second"] or 0))
    except ValueError:
        return at.date().isoformat()
    return at.isoformat()


def _of_serial(text: str) -> str:
    at = _DAY_ZERO + timedelta(days=float(text))
    return at.date().isoformat() if "." not in text else at.isoformat(timespec="seconds")


def month_named(name: str) -> int:
    """The number of a month by its name or the beginning of it, without accents; 0 for none."""
    return next((at for at, starts in enumerate(_MONTHS, 1) if name.startswith(starts)), 0)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.strip().casefold())
    return " ".join("".join(char for char in folded if not unicodedata.combining(char)).split())
