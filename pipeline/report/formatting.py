"""Figures, places and columns in the reader's language, and which zone days and times are of."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from babel.dates import format_date, format_time

from pipeline.domain.model import Column, ControlTotal
from pipeline.messages import N_, translate
from schemas.faults import NO_COLUMNS, Fault, sentence
from schemas.fields import LABELS, Field
from schemas.languages import Lang
from schemas.money import format_amount, format_number

_LONGEST_NAME: Final = 40
_DAY: Final = len("2026-11-29")


def control_name(control: ControlTotal, lang: Lang) -> str:
    """Where a control total comes from: a row of the sheet (`row 75`), or what the user expected."""
    if control.row:
        return translate("row {row}", lang, row=control.row)
    return translate(N_("expected rows") if control.counts_rows else N_("expected total"), lang)


def control_figure(control: ControlTotal, figure: str, lang: Lang) -> str:
    """A figure of a control total, rows or dollars: in English plain, as the option takes it."""
    if lang == "en":
        return figure
    return format_number(int(figure), lang) if control.counts_rows else format_amount(Decimal(figure), lang)


def column_names(columns: Iterable[Column], lang: Lang, *, letters: bool = True) -> dict[str, str]:
    """What people call each field, by the API's name: its column (`Courriel (column D)`), or its label without one.

    Without `letters` for a sheet of our own, where the same column is elsewhere.
    """
    names = dict(LABELS[lang])
    for column in sorted(columns, key=lambda column: column.field is not None):  # a field's own column comes last
        name = " ".join(column.heading.split())
        name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        if letters and column.letter:
            name = translate("{heading} (column {letter})", lang, heading=name, letter=column.letter)
        if column.field:
            names[column.field] = name
        elif column.why == "why_split":
            names |= {Field.FIRST_NAME: name, Field.LAST_NAME: name}
    return names


def format_day(day: date, lang: Lang) -> str:
    """A day as people write it: `Nov 29, 2026` in English, `29 nov. 2026` in French."""
    return format_date(day, "medium", locale=f"{lang}_CA")


def format_moment(at: datetime, lang: Lang) -> str:
    """A day with its time, in the zone that `at` is in: `Nov 29, 2026, 2:02 p.m.`, `29 nov. 2026, 14 h 02`."""
    return f"{format_day(at, lang)}, {format_time(at.time(), 'short', locale=f'{lang}_CA')}"


def written_by_people(text: str, lang: Lang) -> str:
    """A day or a moment as a file or the journal has it, as people write it; another text as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return format_day(at, lang) if len(text) == _DAY else format_moment(at, lang)


def fault_for_people(fault: Fault, lang: Lang, columns: Mapping[str, str] = NO_COLUMNS) -> str:
    """What is wrong with a cell or a row, with its days as people write them."""
    told = tuple((name, written_by_people(text, lang) if name == "date" else text) for name, text in fault.details)
    return sentence(replace(fault, details=told), lang, columns)


def zone() -> str:
    """The zone of this process (`TZ`, else the system's): `EST/EDT (UTC-05:00/-04:00)`, only its offset without a name.

    Days and times are shown in it everywhere; it is said once where they are shown.
    """
    east = dict.fromkeys((-time.timezone, -time.altzone if time.daylight else -time.timezone))  # seconds
    offsets = "/".join(f"{'-' if one < 0 else '+'}{abs(one) // 3600:02}:{abs(one) % 3600 // 60:02}" for one in east)
    names = "/".join(name for name in dict.fromkeys(time.tzname) if name[:1].isalpha() and name != "UTC")
    return f"{names} (UTC{offsets})" if names else f"UTC{offsets}"
