"""The columns of a chunk cleaned, each by the rules of its field; those of a few known values have theirs here."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.domain.model import NameOrder, SheetRow
from pipeline.validation.accounts import Account, clean_account
from pipeline.validation.emails import clean_email
from pipeline.validation.field_sources import FieldSource, FieldSources, RawColumn
from pipeline.validation.names import clean_name, split_name
from pipeline.validation.text import BLANK, Cell, clean_reference, clean_text
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, ANSWERS, RULES, Field, Kind

Cleaner = Callable[[str, str], Cell]
"""From a cell's text and kind to the cleaned cell."""

_REQUIRED: Final = (Field.FIRST_NAME, Field.LAST_NAME, Field.EMAIL)

# Folded spellings (see `_folded`) of the values that the API knows.
_SPELLINGS: Final = {
    Field.CURRENCY: dict.fromkeys(
        (
            "cad", "cad$", "$cad", "ca$", "c$", "$", "$ca", "$can", "can$", "cdn", "cdn$", "$cdn", "can",
            "canadiandollar", "canadiandollars", "dollarcanadien", "dollarscanadiens", "dollarca", "dollarsca",
        ),
        "CAD",
    ),
    Field.TYPE: {
        **dict.fromkeys(
            ("etransfer", "etransfers", "interacetransfer", "interac", "virementinterac", "virementelectronique",
             "virementelectroniqueinterac", "rfm", "requestformoney", "interacrequestformoney", "demandedefonds"),
            "e-Transfer",
        ),
        **dict.fromkeys(("eft", "eftdebit", "guaranteedeft", "tef", "pad", "dpa"), "EFT"),
    },
    Field.DIRECTION: {
        **dict.fromkeys(("debit", "dr", "d", "debits"), "DEBIT"),
        **dict.fromkeys(("credit", "cr", "c", "credits"), "CREDIT"),
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CleanColumn:
    """One field of a chunk: as typed, cleaned (None where at fault), and what was said about it, by position."""

    typed: Sequence[str]
    texts: list[str | None]
    said: dict[int, tuple[Fault, ...]]


Columns = dict[Field, CleanColumn]
"""The columns of a chunk; fields that neither the sheet nor its mapping knows are absent, unless required."""


def column(typed: Sequence[str], cells: Sequence[Cell]) -> CleanColumn:
    """Cleaned cells as a column."""
    said = {at: cell.said for at, cell in enumerate(cells) if cell.said}
    return CleanColumn(typed, [cell.text for cell in cells], said)


def clean(rows: Sequence[SheetRow], sources: FieldSources, production: bool) -> Columns:
    """All fields of `rows` but the amount, which the total lines need first."""
    columns: Columns = {
        field: column((raw := sources.of(field).read(rows)).texts, clean_each(raw, cleaner))
        for field, cleaner in _CLEANERS.items()
        if field in sources.by_field or field in _REQUIRED
    }
    if sources.whole_name is not None:
        _split_names(FieldSource(sources.whole_name).read(rows), sources.name_order, columns)
    if any(field in sources.by_field for field in ACCOUNT_FIELDS):
        columns |= _accounts([sources.of(field).read(rows) for field in ACCOUNT_FIELDS], production)
    return columns


def clean_each(typed: RawColumn, cleaner: Cleaner) -> list[Cell]:
    """Each different cell is cleaned once: names, banks and answers repeat."""
    known: dict[tuple[str, str], Cell] = {}
    cells = []
    for key in zip(typed.texts, typed.kinds, strict=True):
        cell = known.get(key)
        if cell is None:
            cell = known[key] = cleaner(*key)
        cells.append(cell)
    return cells


def _split_names(whole: RawColumn, order: NameOrder | None, columns: Columns) -> None:
    """First and last name from the column of whole names, wherever the sheet has none of its own."""
    pairs = [split_name(*cell, order) for cell in zip(whole.texts, whole.kinds, strict=True)]
    for part, field in enumerate((Field.LAST_NAME, Field.FIRST_NAME)):
        own = columns[field]
        cells = [
            pair[part] if text == "" else Cell(text, own.said.get(at, ()))
            for at, (text, pair) in enumerate(zip(own.texts, pairs, strict=True))
        ]
        columns[field] = column(whole.texts, cells)


def _accounts(parts: list[RawColumn], production: bool) -> Columns:
    """The three columns of the account, which are read together. Each different account is cleaned once."""
    known: dict[tuple[str, ...], Account] = {}
    accounts = []
    for key in zip(*(part.texts for part in parts), *(part.kinds for part in parts), strict=True):
        account = known.get(key)
        if account is None:
            account = known[key] = clean_account(key[:3], key[3:], production)
        accounts.append(account)
    return {
        field: column(part.texts, [account[place] for account in accounts])
        for place, (field, part) in enumerate(zip(ACCOUNT_FIELDS, parts, strict=True))
    }


def clean_yes_no(text: str, kind: str) -> Cell:
    """`true`, `false`, or blank. A real boolean, a number 1 or 0, and the words of both languages."""
    cell = clean_text(Field.SEND_INTERAC_LINK, text, kind)
    if not cell.text:
        return cell
    word = cell.text.casefold().removesuffix(".0")
    answer = ANSWERS.get(word)
    if answer is None:
        return Cell(None, (Fault("yes-no-unreadable", Field.SEND_INTERAC_LINK, text),))
    return Cell(answer, cell.said)


def clean_choice(field: Field, text: str, kind: str) -> Cell:
    """The API's own spelling of a known value; an unknown one is left for the schema to fault."""
    cell = clean_text(field, text, kind)
    if not cell.text:
        return BLANK if cell.text == "" else cell
    known = _SPELLINGS[field].get(_folded(cell.text))
    if known is not None:
        return Cell(known)
    if field is Field.CURRENCY:
        expected = RULES[field].choices[0]
        return Cell(None, (Fault("currency-other", field, text, (("expected", expected),)),))
    return cell


def _folded(text: str) -> str:
    """`text` without case, accents, spaces and punctuation but `$`."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if letter.isalnum() or letter == "$")


def _cleaner(field: Field) -> Cleaner:
    if field is Field.REFERENCE_ID:
        return clean_reference
    match RULES[field].kind:
        case Kind.NAME:
            return partial(clean_name, field)
        case Kind.CHOICE:
            return partial(clean_choice, field)
        case Kind.YES_NO:
            return clean_yes_no
        case Kind.EMAIL:
            return clean_email
        case _:
            return partial(clean_text, field)


_CLEANERS: Final[dict[Field, Cleaner]] = {
    field: _cleaner(field) for field in Field if field not in (Field.AMOUNT, *ACCOUNT_FIELDS)
}
