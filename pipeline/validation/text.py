"""What cleaning one cell gives, and the rules that hold for every text: spaces, invisible characters, NFC.

Source of the rules: issue "Sheets as finance teams really have them", points 5 to 8.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from schemas.faults import Fault
from schemas.fields import Field


@dataclass(frozen=True, slots=True)
class Cell:
    """One cleaned cell. `text` is None when the cell is at fault and nothing more is to be said about it.

    `said` are its faults and notices, in the order in which they were found.
    """

    text: str | None
    said: tuple[Fault, ...] = ()


BLANK: Final = Cell("")

# Shown as nothing, so nobody typed them on purpose: soft hyphen, zero-width and direction marks, byte order mark.
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SPACES: Final = re.compile(r"[\s\u0085\u2028\u2029]+")
_ERROR_VALUES: Final = frozenset(
    (
        *("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA"),
        *("#N/D", "#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!", "#PROPAGATION!"),
    )
)
_WORDS: Final = (Field.REFERENCE_ID, Field.FIRST_NAME, Field.MIDDLE_NAME, Field.LAST_NAME)
"""The fields in which any mark would pass for a letter; in all others it is no value anyway."""
_SHORTENED: Final = re.compile(r"[0-9](?:[.,]([0-9]*?)0*)?[eE]\+([0-9]{1,3})")
"""How a spreadsheet shows a long number, and saves it as text: its decimals and its exponent."""
_LONG: Final = 11
"""The exponent from which a spreadsheet shortens a number by itself: it has twelve digits."""
_DIGITS_KEPT: Final = 15
"""A spreadsheet's numbers have no more: it makes zeros of the others. Excel: "Excel specifications and limits"."""
_HASHES: Final = re.compile(r"\s*##+\s*")
"""How a spreadsheet shows a number that its column is too narrow for."""
# What exports write to keep a spreadsheet from reading "00123" as a number.
_TEXT_FORMULA: Final = re.compile(r'="([^"]*)"')


def clean_text(field: str, text: str, kind: str = "s") -> Cell:
    """Trimmed, inner runs of spaces folded, no-break spaces made plain, invisible characters removed, NFC.

    Anything changed beyond trimming is a notice; a control character is a fault.
    """
    if '"' in text and field in _WORDS and _is_stray(text):
        return Cell(None, (Fault("stray-quote", field, text),))
    if (kind in "efdpzx" or text[:1] == "#") and (verdict := _unusual(field, text, kind)) is not None:
        return verdict
    stripped = text.strip()
    if stripped.isascii() and stripped.isprintable() and "  " not in stripped and stripped[:2] != '="':
        return Cell(stripped) if stripped else BLANK
    return _tidied(field, text, stripped)


def _is_stray(text: str) -> bool:
    """Whether a quotation mark was left over where cells are cut: an odd one, or one in front.

    `Jean "Johnny"` and the `="00123"` of exports have none.
    """
    return bool(text.count('"') % 2) or text.lstrip().startswith('"')


def clean_reference(text: str, kind: str) -> Cell:
    """A reference, unless the spreadsheet that it came from had lost some of its digits."""
    plain = text.strip()
    if _is_shortened(plain):
        return Cell(None, (Fault("scientific", Field.REFERENCE_ID, text),))
    if kind == "n" and len(plain.strip("-").partition(".")[0]) > _DIGITS_KEPT:
        return Cell(None, (Fault("digits-rounded", Field.REFERENCE_ID, text, (("limit", str(_DIGITS_KEPT)),)),))
    return clean_text(Field.REFERENCE_ID, text, kind)


def _is_shortened(text: str) -> bool:
    """Whether digits are missing. None are in `1.00E+05`, which a spreadsheet makes of flat 1E5."""
    shortened = _SHORTENED.fullmatch(text)
    if shortened is None:
        return False
    decimals, exponent = shortened[1] or "", int(shortened[2])
    return exponent >= _LONG or 0 < len(decimals) < exponent


def _unusual(field: str, text: str, kind: str) -> Cell | None:
    """The verdict on a cell that is no text: an error value, a formula that was never calculated, a percentage, a date,
    a number that the sheet shows with more digits than it has, or as another.

    No field of ours is a date: a spreadsheet makes one out of `3-12`. As a reference it may be meant.
    """
    if kind == "f":
        return Cell(None, (Fault("formula-unsaved", field, text),))
    if kind == "e" or text.strip() in _ERROR_VALUES:
        return Cell(None, (Fault("error-value", field, text),))
    if _HASHES.fullmatch(text):
        return Cell(None, (Fault("not-shown", field, text),))
    if kind == "p":
        return Cell(None, (Fault("percentage", field, text),))
    if kind == "x":
        return Cell(None, (Fault("shown-otherwise", field, text),))
    if kind == "z":
        return Cell(text, (Fault("read-as-shown", field, text),))
    if kind == "d" and text:
        if field == Field.REFERENCE_ID:
            return Cell(text, (Fault("date-read", field, text),))
        return Cell(None, (Fault("date-in-cell", field, text),))
    return None


def _tidied(field: str, text: str, stripped: str) -> Cell:
    if (wrapped := _TEXT_FORMULA.fullmatch(stripped)) is not None:
        tidy = wrapped[1].strip()
    else:
        tidy = _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", stripped))).strip()
    for character in tidy:
        if unicodedata.category(character) in ("Cc", "Cs"):
            named = f"U+{ord(character):04X}"
            return Cell(None, (Fault("control-character", field, text, (("character", named),)),))
    if tidy == stripped:
        return Cell(tidy)
    if not tidy:
        return BLANK
    return Cell(tidy, (Fault("text-cleaned", field, text, (("read", tidy),)),))
