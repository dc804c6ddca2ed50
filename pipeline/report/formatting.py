"""Figures and places in the reader's language, and which zone days and times are of."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Final

from pipeline.messages import say
from schemas.languages import Lang
from schemas.money import format_amount, format_number

_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def dollars(amount: Decimal, lang: Lang) -> str:
    """An amount as people write it: `$1,234.50`, in Canadian French `1 234,50 $` with no-break spaces."""
    text = format_amount(amount, lang)
    if lang == "en":
        return f"-${text[1:]}" if text.startswith("-") else f"${text}"
    return text


def control_name(where: str, lang: Lang) -> str:
    """Where a control total stands: a row of the sheet (`row 75`), or the option that gave it, as it is."""
    row = re.fullmatch(r"row (\d+)", where)
    return say("report.control_row", lang, row=row[1]) if row else where


def control_figure(where: str, figure: str, lang: Lang) -> str:
    """A figure of a control total, rows or dollars as `where` says: in English plain, as the option takes it."""
    if lang == "en" or not _PLAIN.fullmatch(figure):
        return figure
    return format_number(int(figure), lang) if where == "--expect-rows" else format_amount(Decimal(figure), lang)


def zone() -> str:
    """The zone of this process (`TZ`, else the system's): `EST/EDT (UTC-05:00/-04:00)`, only its offset without a name.

    Days and times are shown in it everywhere; it is said once where they are shown.
    """
    east = dict.fromkeys((-time.timezone, -time.altzone if time.daylight else -time.timezone))  # seconds
    offsets = "/".join(f"{'-' if one < 0 else '+'}{abs(one) // 3600:02}:{abs(one) % 3600 // 60:02}" for one in east)
    names = "/".join(name for name in dict.fromkeys(time.tzname) if name[:1].isalpha() and name != "UTC")
    return f"{names} (UTC{offsets})" if names else f"UTC{offsets}"
