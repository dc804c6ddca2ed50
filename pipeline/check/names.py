"""Names: kept as typed, and a notice for those that will not match at the bank.

The bank compares the names weeks later, and a session with other names fails (api: `payor.firstName`). Nothing is
transliterated, split or re-cased. Every pattern here is held against a list of real-world names: a false alarm costs
the reader's trust in the true ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pipeline.check.cells import Cell, clean_text
from schemas.faults import Fault
from schemas.fields import Field

_ORDINARY: Final = re.compile(r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?:-[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+)?")
_COMPANY: Final = re.compile(
    r"\b(?:inc|ltd|ltée|ltee|limited|limitée|corp|corporation|llc|llp|lp|enr|s\.?e\.?n\.?c\.?(?:r\.?l\.?)?|company|"
    r"compagnie|cie|holdings?|enterprises?|entreprises?|services?|group|groupe|association|society|société|"
    r"fondation|foundation|consulting|consultants|construction|solutions|technologies|investments|"
    r"placements|immobilier|gestion|restaurant|coopérative|university|université|city of|ville de)\b",
    re.IGNORECASE,
)
_JOINT: Final = re.compile(r"\w\s*[&+/]\s*\w|\w\.?\s+(?:and|et|AND|ET)\s+\w")
_TITLE: Final = re.compile(
    r"(?:mr|mrs|ms|dr|prof|rev|hon|mme|mlle|mgr|sr\.? mme|m\.|me\.)\.?(?:\s.*)?|(?:miss|mister|madame|monsieur|"
    r"mademoiselle|docteur|doctor|professeur|professor)\s.*|.*[\s,](?:ph\.?d|m\.?d|cpa|esq|ing|p\.?eng)\.?",
    re.IGNORECASE,
)
_INITIAL: Final = re.compile(r"[^\W\d_](?:\.|$)|(?:[^\W\d_]\.[\s-]?){2,}")
_DIGIT: Final = re.compile(r"[0-9]")
_SYMBOL: Final = re.compile(r"[@#$%*_=<>{}\[\]|\\^~;:\"?]")
_WHOLE_NAME: Final = re.compile(r"[^,]*\w,\s*(?!(?:jr|sr|i+|iv)\.?$)\w.*", re.IGNORECASE)
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")
# Cyrillic and Greek letters drawn like Latin ones. Greek θ, χ and λ are letters of First Nations' spellings: not here.
_LOOK_ALIKE: Final = re.compile(
    "["
    r"\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u0405"
    r"\u0406\u0408\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u042c\u0430"
    r"\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501"
    "]"
)
# UTF-8 read as Windows-1252: the first byte shows as one of these, the next as a sign that no name has.
_SPOILT: Final = re.compile(
    r"[\u00c2-\u00c5\u00c7\u00ce\u00d0\u00e2]"
    r"[\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u2039\u2018-\u201d\u2022\u2013\u2014\u02dc\u2122\u203a]"
    r"|\ufffd|\w\?\w|\w\?$"
)


def clean_name(field: str, text: str, kind: str) -> Cell:
    """The name, tidied, with what the bank will stumble over as notices."""
    if kind == "s" and _ORDINARY.fullmatch(text):
        return Cell(text, _word_notices(field, text, text))
    cell = clean_text(field, text, kind)
    if not cell.text:
        return cell
    return Cell(cell.text, cell.said + _notices(field, text, cell.text))


def split_name(text: str, kind: str) -> tuple[Cell, Cell]:
    """`Surname, Given` as the cells of last and first name, when the mapping says so."""
    field, other = Field.LAST_NAME, Field.FIRST_NAME
    cell = clean_text(field, text, kind)
    if not cell.text:
        return cell, Cell(cell.text)
    surname, comma, given = (part.strip() for part in cell.text.partition(","))
    if not (surname and comma and given):
        return Cell(None, (*cell.said, Fault("name-not-split", field, text))), Cell(None)
    return (
        Cell(surname, cell.said + _notices(field, text, surname)),
        Cell(given, _notices(other, text, given)),
    )


def _notices(field: str, text: str, name: str) -> tuple[Fault, ...]:
    said = list(_word_notices(field, text, name))
    said += [Fault(code, field, text) for code, form in _MATCHES if form.fullmatch(name)]
    said += [Fault(code, field, text) for code, form in _SEARCHES if form.search(name)]
    if (look_alike := _LOOK_ALIKE.search(name)) is not None and _LATIN.search(name):
        letter = f"{look_alike[0]} ({unicodedata.name(look_alike[0]).title()})"
        said.append(Fault("name-look-alike", field, text, (("letters", letter),)))
    if not _SPOILT.search(name) and (symbols := _SYMBOL.findall(name)):
        said.append(Fault("name-symbols", field, text, (("symbols", " ".join(dict.fromkeys(symbols))),)))
    return tuple(said)


def _word_notices(field: str, text: str, name: str) -> tuple[Fault, ...]:
    return (Fault("name-company", field, text),) if _COMPANY.search(name) else ()


_MATCHES: Final = (("name-title", _TITLE), ("name-initial", _INITIAL), ("name-whole", _WHOLE_NAME))
_SEARCHES: Final = (("name-joint", _JOINT), ("name-digits", _DIGIT), ("name-mojibake", _SPOILT))
