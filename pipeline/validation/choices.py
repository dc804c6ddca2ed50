"""Cells with a few known values: yes or no, currency, type and direction, in English and French."""

from __future__ import annotations

import unicodedata
from typing import Final

from pipeline.validation.text import BLANK, Cell, clean_text
from schemas.faults import Fault
from schemas.fields import ANSWERS, RULES, Field

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
