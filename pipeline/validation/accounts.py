"""The payee's account: what spreadsheets do to identifiers, undone where it can be, explained where it can't.

Zeros are put back only where the length is fixed (institution 3, transit 5); an account number is never padded, since
nobody can know how many zeros were lost (issue "Sheets as finance teams really have them", point 6).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

from pipeline.validation.text import Cell, clean_text
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, INSTITUTIONS, RULES, TEST_INSTITUTION, Field, institution_names

Account = tuple[Cell, Cell, Cell]
"""Institution, transit and account number, in the order of `schemas.fields.ACCOUNT_FIELDS`."""

_DASH: Final = r"[\s\-\u2010-\u2015/]"
_TAIL: Final = rf"(?:{_DASH}(?P<account>[0-9]{{7,12}}))?"
_ELECTRONIC: Final = re.compile(r"0(?P<institution>[0-9]{3})(?P<transit>[0-9]{5})")
_ON_CHEQUES: Final = re.compile(rf"(?P<transit>[0-9]{{5}}){_DASH}(?P<institution>[0-9]{{3}}){_TAIL}")
_INSTITUTION_FIRST: Final = re.compile(rf"0?(?P<institution>[0-9]{{3}}){_DASH}(?P<transit>[0-9]{{5}}){_TAIL}")
_EIGHT_DIGITS: Final = re.compile(r"[0-9]{8}")

_WHOLE_NUMBER: Final = re.compile(r"([0-9]+)[.,]0+")
_SCIENTIFIC: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,2}")
_SEPARATED: Final = re.compile(r"[0-9]+(?:[\s\-\u2010-\u2015]+[0-9]+)+")
_PART_IN_FRONT: Final = re.compile(r"(?:[0-9]{3}|[0-9]{5})[\s\-\u2010-\u2015]+[0-9]{7,12}")
_SEPARATORS: Final = re.compile(r"[\s\-\u2010-\u2015]+")
_MISTYPED: Final = re.compile(r"(?=.*[0-9])[0-9OoIl\s\-]+")
_LETTERS: Final = re.compile(r"[OoIl]")

_READABLE: Final = frozenset("sn")
_ORDINARY: Final = tuple(
    re.compile(rf"[0-9]{{{RULES[field].min_length},{RULES[field].max_length}}}").fullmatch for field in ACCOUNT_FIELDS
)


def clean_account(texts: Sequence[str], kinds: Sequence[str], production: bool) -> Account:
    """The cells of an account from its three texts and kinds.

    In `production` the vendor's test institution is an error, elsewhere a notice.
    """
    institution, transit, account = texts
    if set(kinds) <= _READABLE and _ORDINARY[0](institution) and _ORDINARY[1](transit) and _ORDINARY[2](account):
        return _known(institution, Cell(institution), production), Cell(transit), Cell(account)
    cells = (
        clean_text(Field.INSTITUTION_CODE, institution, kinds[0]),
        clean_text(Field.TRANSIT_NUMBER, transit, kinds[1]),
        clean_text(Field.ACCOUNT_NUMBER, account, kinds[2]),
    )
    head, middle, tail = _split(texts, cells) or _swapped(texts, cells) or _apart(texts, cells)
    return _known(institution, head, production), middle, tail


def _apart(texts: Sequence[str], cells: Account) -> Account:
    """Each part by itself."""
    return (
        _digits(Field.INSTITUTION_CODE, texts[0], cells[0]),
        _digits(Field.TRANSIT_NUMBER, texts[1], cells[1]),
        _digits(Field.ACCOUNT_NUMBER, texts[2], cells[2]),
    )


def _digits(field: Field, text: str, cell: Cell) -> Cell:
    """One part as digits; how many an account number has is for the schema to say."""
    if not cell.text:
        return cell
    digits = cell.text.removeprefix("'")
    if (fault := _fault(field, text, digits)) is not None:
        return Cell(None, (*cell.said, fault))
    done = ["digits-apostrophe"] if digits != cell.text else []
    if (whole := _WHOLE_NUMBER.fullmatch(digits)) is not None:
        digits = whole[1]
        done.append("digits-decimals")
    elif _SEPARATED.fullmatch(digits) and (joined := _joined(field, digits)) != digits:
        digits = joined
        done.append("digits-cleaned")
    restored = _restored(field, digits)
    if restored != digits:
        done.append("zeros-restored" if len(restored) > len(digits) else "digits-zero")
    return Cell(restored, (*cell.said, *(Fault(code, field, text, (("read", restored),)) for code in done)))


def _joined(field: Field, separated: str) -> str:
    """Groups of digits as one number, unless it would be too long or another part of the account stands in front."""
    digits = _SEPARATORS.sub("", separated)
    too_long = len(digits) > (RULES[field].max_length or 0)
    return separated if too_long or _PART_IN_FRONT.fullmatch(separated) else digits


def _fault(field: Field, text: str, digits: str) -> Fault | None:
    """What a spreadsheet or a typist did to the digits that can't be undone."""
    if _SCIENTIFIC.fullmatch(digits):
        return Fault("scientific", field, text)
    letters = _LETTERS.findall(digits)
    if letters and _MISTYPED.fullmatch(digits):
        return Fault("letter-for-digit", field, text, (("letters", ", ".join(dict.fromkeys(letters))),))
    if field is Field.INSTITUTION_CODE and (code := _codes_by_name().get(_folded(digits))) is not None:
        return Fault("institution-named", field, text, (("suggestion", code),))
    return None


@cache
def _codes_by_name() -> dict[str, str]:
    return {_folded(name): code for code, names in institution_names().items() for name in names}


def _folded(name: str) -> str:
    """A name without what people write differently: case, accents, spaces, punctuation."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name.casefold())))


def _restored(field: Field, digits: str) -> str:
    """`digits` with the zeros that a spreadsheet dropped, where the length is fixed; nothing is made of only zeros."""
    rule = RULES[field]
    if rule.min_length != rule.max_length or not digits.isdecimal() or not digits.strip("0"):
        return digits
    if len(digits) == rule.min_length + 1 and digits[0] == "0":  # 0003: the form of electronic transfers
        return digits[1:] if field is Field.INSTITUTION_CODE else digits
    return digits.zfill(rule.min_length)


def _split(texts: Sequence[str], cells: Account) -> Account | None:
    """Institution and transit (and account) out of one cell that holds them all, when the form leaves no doubt."""
    for holder, cell in enumerate(cells):
        parts = _parts(holder, cell.text or "", cells)
        if parts is not None:
            return _placed(holder, texts, cells, parts)
    for holder, cell in enumerate(cells[:2]):
        if _EIGHT_DIGITS.fullmatch(cell.text or ""):
            unclear = Fault("combined-unclear", ACCOUNT_FIELDS[holder], texts[holder])
            return _with_fault(holder, unclear, texts, cells)
    return None


def _parts(holder: int, text: str, cells: Account) -> tuple[str, str, str] | None:
    """Institution, transit and account (perhaps empty) of a combined form; None when `text` is none.

    In the account column only a form with all three parts counts: nine digits or a hyphen are an account of its own.
    """
    in_account = holder == len(cells) - 1
    forms = (_ON_CHEQUES, _INSTITUTION_FIRST) if in_account else (_ELECTRONIC, _ON_CHEQUES, _INSTITUTION_FIRST)
    for form in forms:
        if (match := form.fullmatch(text)) is not None:
            account = match.groupdict().get("account") or ""
            return None if in_account and not account else (match["institution"], match["transit"], account)
    if holder == 1 and _EIGHT_DIGITS.fullmatch(text):
        return _told_by_institution(text, (cells[0].text or "").zfill(3))
    return None


def _told_by_institution(eight: str, institution: str) -> tuple[str, str, str] | None:
    """Eight digits in the transit column, when the institution beside it shows which three of them are its own."""
    ahead, behind = eight[:3] == institution, eight[5:] == institution
    if ahead == behind:
        return None
    return (institution, eight[3:] if ahead else eight[:5], "")


def _placed(holder: int, texts: Sequence[str], cells: Account, parts: tuple[str, str, str]) -> Account:
    """The parts in their own columns, unless another column says something else."""
    details = (("institution", parts[0]), ("transit", parts[1]))
    field = ACCOUNT_FIELDS[holder]
    apart = _apart(texts, cells)
    others = [(apart[place], parts[place]) for place in range(3) if place != holder]
    if any(cell.text is None or (cell.text and part and cell.text != part) for cell, part in others):
        return _with_fault(holder, Fault("combined-differs", field, texts[holder], details), texts, cells)
    said = (*cells[holder].said, Fault("combined-split", field, texts[holder], details))
    placed = [
        Cell(part or apart[place].text, said if place == holder else apart[place].said)
        for place, part in enumerate(parts)
    ]
    return placed[0], placed[1], placed[2]


def _swapped(texts: Sequence[str], cells: Account) -> Account | None:
    """A transit in the institution's column beside an institution in the transit's: named, not put right."""
    head, middle = cells[0].text or "", cells[1].text or ""
    long_head = head.isdecimal() and len(head) == RULES[Field.TRANSIT_NUMBER].min_length
    short_middle = middle.isdecimal() and len(middle) <= RULES[Field.INSTITUTION_CODE].min_length
    if not (long_head and short_middle):
        return None
    first, second = (
        Cell(None, (*cell.said, Fault("account-swapped", field, text)))
        for field, text, cell in zip(ACCOUNT_FIELDS[:2], texts, cells, strict=False)
    )
    return first, second, _digits(Field.ACCOUNT_NUMBER, texts[2], cells[2])


def _with_fault(holder: int, fault: Fault, texts: Sequence[str], cells: Account) -> Account:
    """`fault` at the cell `holder`; of the others nothing is said that follows from it."""
    apart = _apart(texts, cells)
    marked = [
        Cell(None, (*cells[place].said, fault)) if place == holder else Cell(cell.text or None, cell.said)
        for place, cell in enumerate(apart)
    ]
    return marked[0], marked[1], marked[2]


def _known(text: str, cell: Cell, production: bool) -> Cell:
    """The institution, with what is known about it. The list is not complete: an unknown code is only a notice."""
    whole = cell.text and cell.text.isdecimal() and len(cell.text) == RULES[Field.INSTITUTION_CODE].min_length
    if not whole or cell.text in INSTITUTIONS:
        return cell
    if cell.text != TEST_INSTITUTION:
        return Cell(cell.text, (*cell.said, Fault("institution-unknown", Field.INSTITUTION_CODE, text)))
    code = "institution-test-in-production" if production else "institution-test"
    return Cell(cell.text, (*cell.said, Fault(code, Field.INSTITUTION_CODE, text)))
