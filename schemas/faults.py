"""The catalogue of faults: a stable code, its severity, its sentence in English and French, and how to mend it.

A fault of the user's data is a value, never an exception. Its sentence is made when it is shown, in the reader's
language, from the code and the details that it carries; the code never changes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from schemas.languages import Lang
from schemas.money import format_amount, format_number


class Severity(StrEnum):
    """An `error` keeps a row from being sent; a `notice` says what was changed, guessed or looks odd."""

    ERROR = "error"
    NOTICE = "notice"


Details = tuple[tuple[str, str], ...]
"""What fills the placeholders of a sentence, by name."""

_KEPT: Final = 1024
"""Different sentences that are kept in words."""
_HERE: Final = "\0"
"""Stands for a value in a sentence; no sentence of ours has one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing about one cell or row.

    `field` is the API's name of the field, the user's own heading, or empty when it concerns the row; `value` is the
    cell's text as the user typed it; `details` fill the other placeholders of the sentence, amounts in plain dollars
    under a key that ends in `_amount`, numbers in plain digits.
    """

    code: str
    field: str = ""
    value: str = ""
    details: Details = ()

    @property
    def severity(self) -> Severity:
        """Whether this keeps the row from being sent. Raises KeyError for a code that is not in the catalogue."""
        return catalogue()[self.code].severity


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One line of `faults.toml`: the sentence and the mend, by language, with `{placeholders}`."""

    severity: Severity
    sentence: dict[Lang, str]
    mend: dict[Lang, str]


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """Every code that the program can give, from `faults.toml`."""
    table = tomllib.loads((files("schemas") / "faults.toml").read_text("utf-8"))
    return {
        code: CatalogueEntry(
            Severity(entry["severity"]),
            {"en": entry["en"], "fr": entry["fr"]},
            {"en": entry.get("mend_en", ""), "fr": entry.get("mend_fr", "")},
        )
        for code, entry in table.items()
    }


def sentence(fault: Fault, lang: Lang = "en") -> str:
    """What is wrong, as `field: sentence` (`email: "jane@@x.ca" is not an e-mail address`)."""
    parts = _sentence_around(fault.code, fault.field, fault.details, lang)
    return parts[0] if len(parts) == 1 else _shown(fault.value).join(parts)


def mend(fault: Fault, lang: Lang = "en") -> str:
    """How to put it right, as one sentence; empty for notices that ask nothing."""
    parts = _mend_around(fault.code, fault.field, fault.details, lang)
    return parts[0] if len(parts) == 1 else _shown(fault.value).join(parts)


def sentences(faults: Iterable[Fault], lang: Lang = "en") -> str:
    """All sentences, joined by `; `, as the workbook shows them in one cell."""
    return "; ".join(sentence(fault, lang) for fault in faults)


# The cells of a column fail for the same few reasons: all but the cell's own text is put into words once.


@lru_cache(maxsize=_KEPT)
def _sentence_around(code: str, field: str, details: Details, lang: Lang) -> list[str]:
    """What stands before, between and behind the value in a sentence."""
    around = _around(catalogue()[code].sentence[lang], field, details, lang)
    return [f"{field}: {around[0]}", *around[1:]] if field else around


@lru_cache(maxsize=_KEPT)
def _mend_around(code: str, field: str, details: Details, lang: Lang) -> list[str]:
    """The same of how to mend it."""
    return _around(catalogue()[code].mend[lang], field, details, lang)


def _around(template: str, field: str, details: Details, lang: Lang) -> list[str]:
    shown = {key: _detail(key, text, lang).replace(_HERE, "") for key, text in details}
    return template.format(field=field.replace(_HERE, ""), value=_HERE, **shown).split(_HERE)


def _detail(key: str, text: str, lang: Lang) -> str:
    """A detail as people read it: those named `…_amount` hold plain dollars (`25000.00`), `_NUMBERS` whole numbers."""
    if key.endswith("_amount"):
        return format_amount(Decimal(text), lang)
    if key in _NUMBERS and text.isdecimal():  # a journal of before holds them as they were shown
        return format_number(int(text), lang)
    return _NOTHING[lang] if key == "differs" and not text else text


_NUMBERS: Final = frozenset({"length", "limit"})
# Two rows that are equal in every field differ in nothing.
_NOTHING: Final[dict[Lang, str]] = {"en": "nothing", "fr": "rien"}


def _shown(value: str, limit: int = 80) -> str:
    """A value short enough for a sentence, on one line."""
    flat = " ".join(value.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
