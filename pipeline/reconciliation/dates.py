"""Dates of daily reports, as ISO 8601 text: whatever way a report writes them, and never a guess.

`03/04/2026` and `26-11-28` are read only when the column, or the mapping file, shows which number is which.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from pipeline.domain.model import without_accents
from pipeline.domain.months import MONTHS

_CLOCK: Final = r"(?:[t ,]+(?P<clock>[0-9].*))?"
_YEAR: Final = r"'?(?P<year>[0-9]{4}|[0-9]{2})"
_WEEKDAY: Final = re.compile(
    r"(?:le )?"
    r"(?:(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|(?:lun|mar|mer|jeu|ven|sam)(?:[a-z]*di)?|dim(?:anche)?)\.?,? )?"
)
_ISO: Final = re.compile(rf"(?P<year>[0-9]{{4}})[-/. ](?P<month>[0-9]{{1,2}})[-/. ](?P<day>[0-9]{{1,2}}){_CLOCK}")
_COMPACT: Final = re.compile(r"(?P<year>20[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<clock>)")
_NUMBERS: Final = re.compile(
    rf"(?P<one>[0-9]{{1,2}})(?P<mark>[-/. ])(?P<two>[0-9]{{1,2}})(?P=mark)(?P<three>[0-9]{{4}}|[0-9]{{2}}){_CLOCK}"
)
_NAMED: Final = (
    re.compile(rf"(?P<day>[0-9]{{1,2}})(?:er)?[- /.]?(?P<name>[a-z]{{3,}})\.?[- ,/.]*{_YEAR}{_CLOCK}"),
    re.compile(rf"(?P<name>[a-z]{{3,}})[. -]*(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[-, ]+{_YEAR}{_CLOCK}"),
    re.compile(rf"(?P<year>[0-9]{{4}})[- /.]?(?P<name>[a-z]{{3,}})[- .]*(?P<day>[0-9]{{1,2}}){_CLOCK}"),
)
_YEAR_NAMED: Final = re.compile(rf"(?P<year>[0-9]{{2}})[- ](?P<name>[a-z]{{3,}})[- .]*(?P<day>[0-9]{{1,2}}){_CLOCK}")
_TIME: Final = re.compile(
    r"(?P<hour>[0-9]{1,2})(?: ?[:h] ?(?P<minute>[0-9]{2})(?:(?::|min ?)(?P<second>[0-9]{2}))?(?:[.,][0-9]+)?)?"
    r" ?(?:(?P<half>[ap])\.? ?m\.?)?(?P<zone>.*)"
)
_OFFSET: Final = re.compile(r"\(?(?:gmt|utc)? ?(?P<sign>[-+\u2212])(?P<hours>[0-9]{1,2}):?(?P<minutes>[0-9]{2})?\)?")
_ZONES: Final = {"z": 0.0, "utc": 0.0, "gmt": 0.0, "tuc": 0.0} | {
    name: hours + summer
    for hours, names in {
        -3.5: (("nst", "hnt"), ("ndt", "hat")),
        -4.0: (("ast", "hna"), ("adt", "haa")),
        -5.0: (("est", "hne"), ("edt", "hae")),
        -6.0: (("cst", "hnc"), ("cdt", "hac")),
        -7.0: (("mst", "hnr"), ("mdt", "har")),
        -8.0: (("pst", "hnp"), ("pdt", "hap")),
    }.items()
    for summer, pair in enumerate(names)
    for name in pair
}
"""Hours east of Greenwich, by Canada's names of zones in both languages; summer time is an hour more."""
_ZONED: Final = re.compile(
    r"[0-9] ?[:h] ?[0-9]{2}[0-9:.,]*(?: ?[ap]\.? ?m\.?)? ?"
    rf"\(?(?:{'|'.join(_ZONES)}|(?:gmt|utc)? ?[-+\u2212][0-9:]+)\)?$"
)

_SERIAL: Final = re.compile(r"[345][0-9]{4}(?:\.[0-9]+)?")
_DAY_ZERO: Final = datetime(1899, 12, 30)  # noqa: DTZ001  a spreadsheet's dates have no zone
_NOON: Final = 12
_CENTURY: Final = 2000
_ONE_REPORT: Final = timedelta(days=300)
"""How far the days of one report lie apart at the most. When one reading of `26-11-28`, `26-11-29` keeps within it and
another makes years of days, the second is none."""


class DateOrder(StrEnum):
    """Which number of `03/04/26` is what; the values are those of the mapping file's key `dates`."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    YEAR_FIRST = "year-first"
    UNKNOWN = "unknown"


_ORDERS: Final = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST, DateOrder.YEAR_FIRST)


def order_of(texts: Collection[str], beside: Iterable[str] = ()) -> DateOrder:
    """The order of a column from its dates: the only one by which all of them are days, and days of one report.

    `beside` are dates of other columns, of which those count that can be read in one way. UNKNOWN when several orders
    would do, or none.
    """
    readings = [found for text in texts if (found := _readings(_plain(text)))]
    orders = [order for order in _ORDERS if readings and all(order in one for one in readings)]
    if DateOrder.YEAR_FIRST in orders and len(orders) > 1:
        certain = [date.fromisoformat(at[:10]) for text in {*texts, *beside} if (at := _certain(text))]
        near = [order for order in orders if _spread([*certain, *(one[order] for one in readings)]) <= _ONE_REPORT]
        if near == [DateOrder.YEAR_FIRST] or (near and DateOrder.YEAR_FIRST not in near):
            orders = [order for order in orders if (order is DateOrder.YEAR_FIRST) == (near == [DateOrder.YEAR_FIRST])]
    return orders[0] if len(orders) == 1 else DateOrder.UNKNOWN


def _certain(text: str) -> str | None:
    """The moment of a date that needs no order: `2026-11-28`, `28 nov. 26`."""
    return None if _NUMBERS.fullmatch(_plain(text)) else moment_of(text, "s", DateOrder.UNKNOWN)


def moment_of(text: str, kind: str, order: DateOrder, *, local: bool = False) -> str | None:
    """`2026-11-24` or `2026-11-24T10:00:00`; None for what is no date, or not without a guess.

    `kind` is a letter of `SheetRow.kinds`: a number is a spreadsheet's count of days. The day is the one that stands in
    the report; with `local`, a time with a zone or an offset becomes one of this process's zone.
    """
    if kind == "n" and _SERIAL.fullmatch(text):
        return _of_serial(text)
    plain = _plain(text)
    if match := _ISO.fullmatch(plain) or _COMPACT.fullmatch(plain):
        return _moment(_day(match["year"], match["month"], match["day"]), match["clock"], local=local)
    if match := _NUMBERS.fullmatch(plain):
        return _moment(_by_order(match, order), match["clock"], local=local)
    forms = (_YEAR_NAMED, *_NAMED) if order is DateOrder.YEAR_FIRST else _NAMED
    for form in forms:
        if (match := form.fullmatch(plain)) and (month := month_named(match["name"])):
            return _moment(_day(match["year"], str(month), match["day"]), match["clock"], local=local)
    return None


def has_zone(text: str) -> bool:
    """Whether a timestamp says of which zone it is."""
    return _ZONED.search(text.strip().casefold()) is not None


def _readings(plain: str) -> dict[DateOrder, date]:
    """Every way to read three numbers as a day. The year is not thought to come first where slashes or dots stand."""
    match = _NUMBERS.fullmatch(plain)
    if not match:
        return {}
    one, two, three = match["one"], match["two"], match["three"]
    found = {DateOrder.DAY_FIRST: _day(three, two, one), DateOrder.MONTH_FIRST: _day(three, one, two)}
    if len(three) == len(one) == 2:  # noqa: PLR2004 - digits of a short year
        found[DateOrder.YEAR_FIRST] = _day(one, two, three)
    return {order: day for order, day in found.items() if day}


def _by_order(match: re.Match[str], order: DateOrder) -> date | None:
    """The day that three numbers mean in a column of this order; without one, only if there is no other reading."""
    found = _readings(match[0].removesuffix(match["clock"] or "").rstrip("t ,"))
    if order is DateOrder.YEAR_FIRST and len(match["three"]) == 4:  # noqa: PLR2004 - 28/11/2026 has its year behind
        order = DateOrder.UNKNOWN
    if order is not DateOrder.UNKNOWN:
        return found.get(order)
    if match["mark"] != "-" and len(found) > 1:
        found.pop(DateOrder.YEAR_FIRST, None)
    days = {*found.values()}
    return days.pop() if len(days) == 1 else None


def _spread(days: Collection[date]) -> timedelta:
    return max(days) - min(days)


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year) + (_CENTURY if len(year) == 2 else 0), int(month), int(day))  # noqa: PLR2004
    except ValueError:
        return None


def _moment(day: date | None, clock: str | None, *, local: bool) -> str | None:
    """The day, with its time of day where it has one that can be read."""
    if day is None:
        return None
    match = _TIME.fullmatch(clock or "")
    if match is None or not (match["minute"] or match["half"]):
        return day.isoformat()
    hour = int(match["hour"]) % _NOON + (_NOON if match["half"] == "p" else 0) if match["half"] else int(match["hour"])
    try:
        at = datetime(day.year, day.month, day.day, hour, int(match["minute"] or 0), int(match["second"] or 0))  # noqa: DTZ001
    except ValueError:
        return day.isoformat()
    if local and (east := _offset(match["zone"])) is not None:
        at = at.replace(tzinfo=timezone(east)).astimezone().replace(tzinfo=None)
    return at.isoformat()


def _offset(zone: str) -> timedelta | None:
    """How far east of Greenwich the end of a timestamp says that it is; None when it does not say."""
    zone = zone.strip(" ()")
    if zone in _ZONES:
        return timedelta(hours=_ZONES[zone])
    if not (match := _OFFSET.fullmatch(zone)):
        return None
    east = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return None if east >= timedelta(days=1) else east if match["sign"] == "+" else -east


def _of_serial(text: str) -> str:
    at = _DAY_ZERO + timedelta(seconds=round(float(text) * 86_400))
    return at.date().isoformat() if "." not in text else at.isoformat()


def month_named(name: str) -> int:
    """The month that a name, or the beginning of one, means: `févr`, `Sept`. 0 for none, and for `jui`."""
    found = {at for at, names in enumerate(MONTHS, 1) if any(full.startswith(name) for full in names)}
    return found.pop() if len(found) == 1 else 0


def _plain(text: str) -> str:
    """Without case, accents, needless spaces and the name of the weekday."""
    folded = text.casefold()
    if not folded.isascii():
        folded = without_accents(folded)
    plain = " ".join(folded.split())
    if plain[:1].isdigit():
        return plain
    return _WEEKDAY.sub("", plain, count=1) if _WEEKDAY.match(plain) and not _is_month_first(plain) else plain


def _is_month_first(plain: str) -> bool:
    """Whether `mar 24, 2026` stands there: March, and no Tuesday."""
    return _NAMED[1].fullmatch(plain) is not None
