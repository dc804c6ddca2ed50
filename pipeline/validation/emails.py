"""E-mail cells: one address, as the standards define it, out of what people paste."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pipeline.validation.text import Cell, clean_text
from schemas.emails import LONGEST_DOMAIN, LONGEST_LOCAL_PART, SURE, normalised
from schemas.faults import Fault
from schemas.fields import Field

_MAILTO: Final = re.compile(r"mailto:(?P<address>[^?]*)(?:\?.*)?", re.IGNORECASE)
_ANGLED: Final = re.compile(r"[^<>]*<\s*(?:mailto:)?(?P<address>[^<>\s]+)\s*>[;,]?", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[;,\s/|<>]+")
_TRAILING: Final = " ;,"

# Providers whose misspellings are worth a notice, and real domains that look like misspellings of them.
_WELL_KNOWN: Final = (
    "gmail.com", "hotmail.com", "outlook.com", "yahoo.com", "yahoo.ca", "icloud.com", "hotmail.ca", "live.ca",
    "videotron.ca", "sympatico.ca", "outlook.fr", "hotmail.fr", "yahoo.fr", "protonmail.com", "bellnet.ca",
    "rogers.com", "telus.net", "cogeco.ca", "eastlink.ca",
)  # fmt: skip
_NOT_A_TYPO: Final = frozenset(
    (*_WELL_KNOWN, "ymail.com", "mail.com", "email.com", "gmx.com", "hotmail.co", "live.com", "live.fr", "rogers.ca",
     "yahoo.co", "telus.com", "cogeco.net", "fmail.com", "five.ca", "love.ca", "olive.ca", "dive.ca", "line.ca")
)  # fmt: skip
# Endings that do not exist, a slip of the fingers away from one that does.
_ENDINGS: Final = {
    **dict.fromkeys(("con", "cmo", "ocm", "vom", "xom", "cim", "comm", "coom", "cpm", "conm", "om", "c0m"), "com"),
    **dict.fromkeys(("nte", "ner", "nett", "ent", "met"), "net"),
    **dict.fromkeys(("ogr", "og", "orgg", "rog", "prg"), "org"),
    **dict.fromkeys(("caa", "cca", "qc"), "ca"),
}
_NOBODY: Final = re.compile(
    r"no-?_?reply|do-?_?not-?_?reply|no-?e?-?mail|none|noone|nobody|unknown|test|na|n/a|xx+|pas-?de-?courriel|aucun",
    re.IGNORECASE,
)
_NOWHERE: Final = frozenset(("nomail", "noemail", "none", "test", "unknown", "pasdecourriel"))
_CURLY: Final = str.maketrans("\u2018\u2019\u02bc\u2032", "''''")


def clean_email(text: str, kind: str) -> Cell:
    """One address. `mailto:` and `Jane <jane@x.ca>` are taken with a notice; several in a cell are a fault."""
    sure = SURE.fullmatch(text)
    if sure is not None and kind == "s" and text.index("@") <= LONGEST_LOCAL_PART:
        return Cell(text, _doubts(text, text, sure["domain"]))
    cell = clean_text(Field.EMAIL, text, kind)
    if not cell.text:
        return cell
    found = _inner(cell.text)
    addresses = dict.fromkeys(part for part in _SEPARATORS.split(found) if normalised(part)) if "@" in found else {}
    if len(addresses) > 1:
        return Cell(None, (*cell.said, Fault("email-several", Field.EMAIL, text)))
    # One address, written again and again, is one.
    is_one = addresses and set(_SEPARATORS.split(found)) == set(addresses)
    address = next(iter(addresses)) if is_one else normalised(found)
    if address is None:
        return Cell(None, (*cell.said, Fault("email-invalid", Field.EMAIL, text)))
    local, _, domain = address.rpartition("@")
    if (length := len(local.encode())) > LONGEST_LOCAL_PART or len(domain.encode()) > LONGEST_DOMAIN:
        details = (("length", str(length)), ("limit", str(LONGEST_LOCAL_PART)))
        return Cell(None, (*cell.said, Fault("email-part-too-long", Field.EMAIL, text, details)))
    said = cell.said
    if address != cell.text:
        said = (*said, Fault("email-taken", Field.EMAIL, text, (("read", address),)))
    return Cell(address, said + _doubts(text, address, domain))


def _inner(text: str) -> str:
    """The address inside `mailto:…`, `Jane <…>` or before a trailing separator; else `text` itself."""
    for form in (_MAILTO, _ANGLED):
        if (match := form.fullmatch(text)) is not None:
            return match["address"].strip()
    return text.strip(_TRAILING)


def _doubts(text: str, address: str, domain: str) -> tuple[Fault, ...]:
    """What is probably not meant: a slip in the domain or its ending, a typeset apostrophe, nobody's address."""
    local, meant = address[: -len(domain) - 1], _meant(domain.lower())
    if meant or not local.isascii():
        suggestion = f"{local.translate(_CURLY)}@{meant or domain}"
        if suggestion != address:
            return (Fault("email-typo", Field.EMAIL, text, (("suggestion", suggestion),)),)
    if _NOBODY.fullmatch(local) or domain.partition(".")[0].lower() in _NOWHERE:
        return (Fault("email-nobody", Field.EMAIL, text),)
    return ()


@lru_cache(maxsize=4096)
def _meant(domain: str) -> str:
    """The domain that was probably meant: a well-known one that is one slip of the fingers away, or the same with an
    ending that exists; empty for a domain that may be right.
    """
    if domain in _NOT_A_TYPO:
        return ""
    name, _, ending = domain.rpartition(".")
    known = next((known for known in _WELL_KNOWN if _one_slip(domain, known)), "")
    return known or (f"{name}.{_ENDINGS[ending]}" if ending in _ENDINGS else "")


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter was left out, put in, changed, or swapped with its neighbour."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant)))
    rest, goal = typed[start:], meant[start:]
    return (
        rest[1:] == goal
        or rest == goal[1:]
        or rest[1:] == goal[1:]
        or (rest[:2] == goal[1::-1] and rest[2:] == goal[2:])
    )
