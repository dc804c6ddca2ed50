"""Figures in the reader's language."""

from __future__ import annotations

from decimal import Decimal

from schemas.languages import Lang


def dollars(amount: Decimal, lang: Lang) -> str:
    """An amount as people write it: `$1,234.50`, in Canadian French `1 234,50 $` with no-break spaces."""
    text = f"{amount:,.2f}"
    if lang == "en":
        return f"-${text[1:]}" if text.startswith("-") else f"${text}"
    return text.replace(",", "\u00a0").replace(".", ",") + "\u00a0$"
