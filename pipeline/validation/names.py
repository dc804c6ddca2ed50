"""Names: kept as typed, and a notice for those that will not match at the bank.

The bank compares the names weeks later, and a session with other names fails (api: `payor.firstName`). Nothing is
transliterated, split or re-cased. Every rule here is held against a list of real-world names: a false alarm costs the
reader's trust in the true ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pipeline.domain.model import NameOrder
from pipeline.validation.text import Cell, clean_text
from schemas.faults import Fault
from schemas.fields import RULES, Field

# Words are compared in lower case and without full stops.
_COMPANY: Final = frozenset(
    (
        *("inc", "ltd", "limited", "corp", "corporation", "llc", "llp", "company", "holding", "holdings", "enterprise"),
        *("enterprises", "services", "group", "association", "society", "foundation", "consulting", "consultants"),
        *("construction", "solutions", "technologies", "investments", "properties", "university", "restaurant"),
        *("ltée", "ltee", "limitée", "enr", "senc", "sencrl", "compagnie", "cie", "entreprise", "entreprises"),
        *("groupe", "société", "fondation", "placements", "immobilier", "gestion", "coopérative", "université"),
    )
)
_TITLES: Final = frozenset(
    (
        *("mr", "mrs", "ms", "miss", "mister", "dr", "prof", "professor", "doctor", "rev", "hon", "sir"),
        *("mme", "mlle", "mgr", "monsieur", "madame", "mademoiselle", "docteur", "professeur", "maître"),
    )
)
# `M.` and `Me` are titles in French, but "Me" is a name too: only with another word behind it, `M` only with its stop.
_TITLES_BEFORE_A_NAME: Final = frozenset(("m.", "me"))
_LETTERS_BEHIND: Final = frozenset(("phd", "md", "cpa", "esq", "peng", "dds", "dmd", "mba"))
_AND: Final = frozenset(("and", "et"))

_PLACEHOLDERS: Final = frozenset(
    (
        *(
            "unknown",
            "inconnu",
            "inconnue",
            "test",
            "tester",
            "testing",
            "essai",
            "n/a",
            "n.a.",
            "fnu",
            "lnu",
            "nfn",
            "nln",
        ),
        *("tbd", "tba", "xx", "xxx", "xxxx", "asdf", "qwerty", "sample", "no name", "noname", "sans nom", "first name"),
        *(
            "last name",
            "given name",
            "surname",
            "prénom",
            "nom",
            "nom de famille",
            "customer",
            "client",
            "tenant",
            "anonymous",
        ),
        *(
            "anonyme",
            "not provided",
            "non fourni",
            "to be determined",
            "à déterminer",
            "same",
            "idem",
            "ditto",
            "vacant",
            "inactive",
            "inactif",
        ),
    )
)
"""What people type where they know no name. Null, None, True and Na are names of people."""
_NOT_TO_BE_USED: Final = re.compile(
    r"\b(?:do ?n[o'\u2019]?t|ne pas) (?:use|bill|charge|send|pay|contact|utiliser|facturer|envoyer)\b|\bdelete me\b"
    r"|\bduplicate\b|\bà supprimer\b|\bdoublon\b",
    re.IGNORECASE,
)
_NO_PAYOR: Final = re.compile(
    r"\b(?:deceased|estate of|décédée?|succession de|feue?)\b|^(?:estate|succession)$", re.IGNORECASE
)

_INITIALS: Final = re.compile(r"[A-Z\u00c0-\u00de]\.?|(?:[A-Z\u00c0-\u00de]\.[\s-]?){2,}", re.IGNORECASE)
_UNUSUAL: Final = re.compile(r"[^\w\s'\u2019.\-]|[0-9_]")
_JOINT: Final = re.compile(r"\w\s*[&+/]\s*\w")
_JOINING: Final = frozenset("&+/")
_SYMBOLS: Final = frozenset('@#$%*_=<>{}[]()|\\^~;:"')
_PICTURES: Final = ("So", "Sk", "Cn", "Co")
"""Categories of signs that show a picture: no keyboard for names has them."""
_WHOLE_NAME: Final = re.compile(r"[^,]+,\s*(?!(?:jr|sr|i+|iv)\.?$)\w.*", re.IGNORECASE)
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")
# Cyrillic and Greek letters drawn like Latin ones. Greek theta, chi and lambda are letters of First Nations' spellings.
_LOOK_ALIKE: Final = re.compile(
    "["
    r"\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
    r"\u0405\u0406\u0408\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    r"\u042c\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501"
    "]"
)
# UTF-8 read as Windows-1252: the first byte shows as one of these letters, the next as a sign that no name has there.
# A question mark inside a word, or the replacement character, is a letter that an older encoding did not have.
_SPOILT: Final = re.compile(
    r"[\u00c2-\u00c5\u00c7\u00ce\u00d0\u00e2]"
    r"[\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u2039\u2018-\u201d\u2022\u2013\u2014\u02dc\u2122\u203a]"
    r"|\ufffd|\w\?\w|\w\?$"
)


def clean_name(field: str, text: str, kind: str) -> Cell:
    """The name, tidied, with what the bank will stumble over as notices."""
    cell = clean_text(field, text, kind)
    if not cell.text:
        return cell
    if code := _no_name(cell.text):
        return Cell(None, (*cell.said, Fault(code, field, text)))
    if len(cell.text) > (RULES[Field(field)].max_length or 0):
        return cell  # the schema says that it is too long: nothing more can be said of such a name
    notices = _notices(field, text, cell.text)
    return Cell(cell.text, cell.said + notices) if notices else cell


def _no_name(name: str) -> str:
    """The code of why `name` can't be one; empty when it can."""
    if not any(map(str.isalpha, name)):
        return "name-no-letter"
    return "name-not-to-be-used" if is_not_to_be_used(name) else ""


def is_not_to_be_used(name: str) -> bool:
    """Whether somebody wrote where a name belongs that the row is not to be used."""
    return _NOT_TO_BE_USED.search(name) is not None


def split_name(text: str, kind: str, order: NameOrder | None = None) -> tuple[Cell, Cell]:
    """A whole name as the cells of last and first name: `Surname, Given`, or two words in the order that is said, or
    `Given | Surname` where that is the order: of more words nobody but a person knows which are which.

    What can't be split for certain is a fault: the bank compares both names.
    """
    cell = clean_text(Field.LAST_NAME, text, kind)
    if not cell.text:
        return cell, Cell(cell.text)
    parts = _parts(cell.text, order)
    if parts is None:
        return Cell(None, (*cell.said, Fault("name-not-split", Field.LAST_NAME, text))), Cell(None)
    surname, given = parts
    for field, part in ((Field.LAST_NAME, surname), (Field.FIRST_NAME, given)):
        if code := _no_name(part):
            return Cell(None, (*cell.said, Fault(code, field, text))), Cell(None)
    return (
        Cell(surname, cell.said + _notices(Field.LAST_NAME, text, surname)),
        Cell(given, _notices(Field.FIRST_NAME, text, given)),
    )


def _parts(name: str, order: NameOrder | None) -> tuple[str, str] | None:
    """Surname and given name; None where it is not certain which words are which."""
    if "," in name:
        if order is NameOrder.GIVEN_FIRST:
            return None
        surname, _, given = (part.strip() for part in name.partition(","))
        return (surname, given) if surname and given and "," not in given else None
    if order is NameOrder.GIVEN_FIRST and "|" in name:
        given, _, surname = (part.strip() for part in name.partition("|"))
        return (surname, given) if surname and given and "|" not in surname else None
    words = name.split()
    # A third word may be of either name; a title, a company and two people are no first and last name.
    if order is None or len(words) != 2 or _of_words(name.lower().split()):  # noqa: PLR2004 - one for each name
        return None
    first, second = words
    return (second, first) if order is NameOrder.GIVEN_FIRST else (first, second)


def _notices(field: str, text: str, name: str) -> tuple[Fault, ...]:
    codes = _of_words(name.lower().split())
    if name.casefold() in _PLACEHOLDERS:
        codes.append("name-placeholder")
    elif _NO_PAYOR.search(name):
        codes.append("name-no-payor")
    if len(name) < _LONGEST_INITIALS and field != Field.MIDDLE_NAME and _INITIALS.fullmatch(name):
        codes.append("name-initial")
    signs = set(_UNUSUAL.findall(name))
    codes += _of_signs(signs, name) if signs else ()
    if (not name.isascii() or "?" in signs) and _SPOILT.search(name):
        codes.append("name-mojibake")
    said = [Fault(code, field, text) for code in codes]
    if not name.isascii():
        said += _look_alikes(field, text, name)
    if symbols := {sign for sign in signs if sign in _SYMBOLS or unicodedata.category(sign) in _PICTURES}:
        details = (("symbols", " ".join(sorted(symbols))),)
        said.append(Fault("name-symbols", field, text, details))
    return tuple(said)


_LONGEST_INITIALS: Final = 12


def _of_signs(signs: set[str], name: str) -> list[str]:
    """The codes that signs and digits give."""
    codes = []
    if signs & _JOINING and _JOINT.search(name):
        codes.append("name-joint")
    if "," in signs and _WHOLE_NAME.match(name):
        codes.append("name-whole")
    if any(map(str.isdecimal, signs)):
        codes.append("name-digits")
    return codes


def _of_words(words: list[str]) -> list[str]:
    """The codes that whole words give: companies, two people, titles."""
    bare = [word.replace(".", "").strip(",") for word in words]
    codes = []
    if not _COMPANY.isdisjoint(bare):
        codes.append("name-company")
    if len(bare) > 1:
        if not _AND.isdisjoint(bare[1:-1]):
            codes.append("name-joint")
        if bare[0] in _TITLES or words[0] in _TITLES_BEFORE_A_NAME or bare[-1] in _LETTERS_BEHIND:
            codes.append("name-title")
    elif bare[0] in _TITLES and words[0].endswith("."):
        codes.append("name-title")
    return codes


def _look_alikes(field: str, text: str, name: str) -> list[Fault]:
    """A letter of another script among Latin ones; a name that is wholly of another script is left alone."""
    found = _LOOK_ALIKE.search(name)
    if found is None or not _LATIN.search(name):
        return []
    letter = f"{found[0]} ({unicodedata.name(found[0]).title()})"
    return [Fault("name-look-alike", field, text, (("letters", letter),))]
