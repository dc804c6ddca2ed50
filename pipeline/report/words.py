"""Figures and places in the reader's language."""

from __future__ import annotations

import re
from decimal import Decimal

from pipeline.texts import say
from schemas.languages import Lang


def dollars(amount: Decimal, lang: Lang) -> str:
    """An amount as people write it: `$1,234.50`, in Canadian French `1 234,50 $` with no-break spaces."""
    text = f"{amount:,.2f}"
    if lang == "en":
        return f"-${text[1:]}" if text.startswith("-") else f"${text}"
    return text.replace(",", "\u00a0").replace(".", ",") + "\u00a0$"


def control_name(where: str, lang: Lang) -> str:
    """Where a control total stands: a row of the sheet (`row 75`), or the option that gave it, as it is."""
    row = re.fullmatch(r"row (\d+)", where)
    return say("report.control_row", lang, row=row[1]) if row else where
