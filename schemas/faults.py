"""The catalogue of faults: a stable code, its severity, its sentence in English and French, and how to fix it.

A fault of the user's data is a value, never an exception. Its sentence is made when it is shown, in the reader's
language, from the code and the details that it carries; the code never changes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from schemas.causes import cause_in
from schemas.fields import LABELS
from schemas.languages import Lang
from schemas.money import format_amount, format_number


class Severity(StrEnum):
    """An `error` keeps a row from being sent; a `notice` says what was changed, guessed or looks odd."""

    ERROR = "error"
    NOTICE = "notice"


Details = tuple[tuple[str, str], ...]
"""What fills the placeholders of a sentence, by name."""

NO_COLUMNS: Final[Mapping[str, str]] = MappingProxyType({})

_KEPT: Final = 1024
"""Different sentences that are kept in words."""
_HERE: Final = "\0"
"""Replaces a value in a sentence; no sentence of ours has one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing about one cell or row.

    `field` is the API's name of the field, or empty when it concerns the row; `value` is the cell's text as the user
    typed it; `details` fill the other placeholders of the sentence, amounts in plain dollars under a key that ends in
    `_amount`, numbers in plain digits.
    """

    code: str
    field: str = ""
    value: str = ""
    details: Details = ()

    @property
    def severity(self) -> Severity:
        """Whether this keeps the row from being sent. Raises KeyError for a code that is not in the catalogue."""
        return catalogue()[self.code].severity

    @property
    def touches_money(self) -> bool:
        """Whether it may change how much is asked for, or where it goes."""
        return catalogue()[self.code].money


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One entry of `faults.toml`: the sentence and how to fix it, by language, with `{placeholders}`.

    `money` says that a notice may change how much is asked for, or where it goes.
    """

    severity: Severity
    sentence: dict[Lang, str]
    fix: dict[Lang, str]
    money: bool = False


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """Every code that the program can give, from `faults.toml`."""
    table = tomllib.loads((files("schemas") / "faults.toml").read_text("utf-8"))
    return {
        code: CatalogueEntry(
            Severity(entry["severity"]),
            {"en": entry["en"], "fr": entry["fr"]},
            {"en": entry.get("fix_en", ""), "fr": entry.get("fix_fr", "")},
            entry.get("money", False),
        )
        for code, entry in table.items()
    }


def sentence(fault: Fault, lang: Lang = "en", columns: Mapping[str, str] = NO_COLUMNS) -> str:
    """What is wrong, as `column: sentence` (`Courriel (column D): "jane@@x.ca" is not an e-mail address`).

    `columns` are what the sheet's columns are called, by the API's names of their fields; a field that has none is
    named by its label.
    """
    column = columns.get(fault.field) or LABELS[lang].get(fault.field, fault.field)
    parts = _sentence_around(fault.code, column, fault.details, lang)
    return parts[0] if len(parts) == 1 else _shown(fault.value).join(parts)


def how_to_fix(fault: Fault, lang: Lang = "en") -> str:
    """How to put it right, as one sentence; empty for notices that ask nothing."""
    parts = _fix_around(fault.code, fault.details, lang)
    return parts[0] if len(parts) == 1 else _shown(fault.value).join(parts)


def sentences(faults: Iterable[Fault], lang: Lang = "en", columns: Mapping[str, str] = NO_COLUMNS) -> str:
    """All sentences, joined by `; `, as the workbook shows them in one cell."""
    return "; ".join(sentence(fault, lang, columns) for fault in faults)


# The cells of a column fail for the same few reasons: all but the cell's own text is put into words once.


@lru_cache(maxsize=_KEPT)
def _sentence_around(code: str, column: str, details: Details, lang: Lang) -> list[str]:
    """What stands before, between and behind the value in a sentence."""
    around = _around(catalogue()[code].sentence[lang], details, lang)
    return [f"{column}{_COLON[lang]}{around[0]}", *around[1:]] if column else around


@lru_cache(maxsize=_KEPT)
def _fix_around(code: str, details: Details, lang: Lang) -> list[str]:
    """The same of how to fix it."""
    return _around(catalogue()[code].fix[lang], details, lang)


def _around(template: str, details: Details, lang: Lang) -> list[str]:
    shown = {key: _detail(key, text, lang).replace(_HERE, "") for key, text in details}
    return template.format(value=_HERE, **shown).split(_HERE)


def _detail(key: str, text: str, lang: Lang) -> str:
    """A detail as people read it: those named `…_amount` hold plain dollars (`25000.00`), `_NUMBERS` whole numbers."""
    if key.endswith("_amount"):
        return format_amount(Decimal(text), lang)
    if key in _NUMBERS and text.isdecimal():  # a journal of before holds them as they were shown
        return format_number(int(text), lang)
    if key in _VERSIONS:  # `Payment.describe`, as the journal keeps it
        return _AMOUNT_IN_VERSION.sub(lambda found: f", {format_amount(Decimal(found[1]), lang)}", text)
    if key == "cause":
        return cause_in(text, lang)
    if key == "near":
        return LABELS[lang].get(text, text)
    return _NOTHING[lang] if key == "differs" and not text else text


_NUMBERS: Final = frozenset({"length", "limit"})
_VERSIONS: Final = frozenset({"before", "now"})
_AMOUNT_IN_VERSION: Final = re.compile(r", ([0-9]+\.[0-9]{2}) CAD(?=$|, ••)")
_COLON: Final[dict[Lang, str]] = {"en": ": ", "fr": " : "}
# Two rows that are equal in every field differ in nothing.
_NOTHING: Final[dict[Lang, str]] = {"en": "none", "fr": "aucune"}


def _shown(value: str, limit: int = 80) -> str:
    """A value short enough for a sentence, on one line."""
    flat = " ".join(value.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
