"""Which heading is which field. Owns the folding of headings and the rules of choice; never looks into a file.

The table of known headings is data (`schemas/aliases.toml`). Whatever can't be told from the headings is asked about,
never guessed; what the columns hold decides with them (`column_contents`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from functools import cache, lru_cache
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.domain.model import WHOLE_NAMES, Mapping, without_accents
from pipeline.messages import N_, FieldName, Joined, Message
from pipeline.reader.column_contents import AmountColumn, match_by_content
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, FIELDS, Field, alias_tiers, whole_name_headings

_EXACT: Final = -1
"""The strength of the API's own name, spelt as the API spells it: it wins over every alias."""
_ORDINARY: Final = (Field.AMOUNT, Field.EMAIL, Field.TYPE, Field.CURRENCY, Field.DIRECTION)
"""Fields whose name is a word that any sheet may use, however it is spelt."""

_TYPE_WORDS: Final = ("transfer", "eft", "interac", "virement", "tef")
"""A column called Type is ours when one of its values holds one of these; else it is the kind of document."""

_NEAR: Final = 0.72
"""How alike two folded headings are before one is suggested for the other (difflib's ratio)."""
_VERY_NEAR: Final = 0.85
"""The same for fields that a sheet need not have."""
_MOST_UNUSED: Final = 200
"""Unused columns that are looked at: a sheet can have thousands."""

_NUMBER_SIGNS: Final = (("n°", " no "), ("№", " no "), ("nº", " no "), ("#", " no "))
_NUMBER_WORDS: Final = (("number", "no"), ("numero", "no"))
_SHORT_NUMBER_WORDS: Final = frozenset(("num", "nbr", "nr", "nmbr"))
_SHORT_NUMBER_BEHIND: Final = re.compile(r"(?<=..)(?:num|nbr)$")
_UNIT: Final = re.compile(
    r"[(\[]\s*(?:(?:cad|cdn|can|ca|c)?\s*\$\s*(?:cad|cdn|can|ca)?|cad|cdn)\s*[)\]]|\b(?:ca|c|can|cad|cdn)\s?\$"
)
"""Canadian dollars, as headings name their unit."""
_UNIT_WORDS: Final = frozenset(("cad", "cdn"))
_NEW_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD: Final = re.compile(r"[^\W_]+")
_WORDS_OF_NAME: Final = re.compile(r"[^\W\d_]{2}")
"""What a name has and an order's number (`#1001`, Shopify's `Name`) has not."""


Sample = Callable[[int], Sequence[str]]
"""Gives the first values of the column at a position."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading of the sheet. `position` counts the sheet's columns from 0, blank and hidden ones included."""

    position: int
    text: str

    @property
    def where(self) -> Message:
        """How a person finds it: column letter and heading (`E "Amount"`)."""
        return Message('{letter} "{text}"', {"letter": letter(self.position), "text": shown(self.text)})


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """What a column was understood as: a field or None, and the code of why."""

    field: Field | None
    why: str


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The meaning of each column by its position, and what a person should know about the choice."""

    matches: dict[int, ColumnMatch]
    notices: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    heading: Heading
    strength: int


def letter(position: int) -> str:
    """The spreadsheet's name of the column at `position` from 0: A, B … Z, AA."""
    name = ""
    number = position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def shown(text: str, limit: int = 40) -> str:
    """A heading on one line, short enough for a sentence."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def toml_text(text: str) -> str:
    """A text as a mapping file writes it: JSON's escapes are a part of TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@lru_cache(maxsize=4096)
def fold(heading: str) -> str:
    """The heading without what does not matter: case, accents, spaces, punctuation, how "number" is written, and the
    unit of an amount (`(CAD)`, `($)`).
    """
    words = words_of(heading)
    while len(words) > 1 and words[-1] in _UNIT_WORDS:
        words = words[:-1]
    while len(words) > 1 and words[0] in _UNIT_WORDS:
        words = words[1:]
    if len(words) > 1:
        words = ["no" if word in _SHORT_NUMBER_WORDS else word for word in words]
    text = "".join(words)
    for spelt, word in _NUMBER_WORDS:
        text = text.replace(spelt, word)
    return _SHORT_NUMBER_BEHIND.sub("no", text)


def words_of(heading: str) -> list[str]:
    """The words of a heading in small letters without accents, also those written as one (`InvoiceAmountDue`)."""
    text = _UNIT.sub(" ", _NEW_WORD.sub(" ", heading).casefold())
    for sign, word in _NUMBER_SIGNS:
        text = text.replace(sign, word)
    text = without_accents(text).casefold()
    return _WORD.findall(text)


@cache
def _known() -> dict[str, tuple[Field, int]]:
    """Folded heading -> its field, and its strength: the number of its list, the surest being 0."""
    known: dict[str, tuple[Field, int]] = {}
    for field, tiers in alias_tiers().items():
        for strength, tier in enumerate(tiers):
            for alias in tier:
                known.setdefault(fold(alias), (field, strength))
        known.setdefault(fold(field.value), (field, 0))
    return known


@cache
def _whole_names() -> frozenset[str]:
    return frozenset(fold(heading) for heading in whole_name_headings())


def field_named(heading: str, mapping: Mapping) -> str | None:
    """The field that a heading by itself would mean."""
    folded = fold(heading)
    for mapped, field in mapping.columns.items():
        if fold(mapped) == folded:
            return field
    if mapping.split_names and folded == fold(mapping.split_names):
        return Field.LAST_NAME
    known = _known().get(folded)
    return known[0] if known else None


def recognised(cells: Iterable[str], mapping: Mapping) -> int:
    """How many different fields the cells of a row would name: what tells a heading row from any other."""
    return len({field_named(cell, mapping) for cell in cells if cell} - {None})


def understand(
    headings: Sequence[Heading],
    mapping: Mapping,
    sample: Sample,
    *,
    amount_optional: bool = False,
) -> ColumnMapping:
    """Give every column its meaning. `sample` gives the first values of the column at a position.

    Raises InputError when the mapping names a heading that is not there, when two columns are equally good for one
    field, or when a required field has no column.
    """
    matches = _by_mapping(headings, mapping)
    free = [heading for heading in headings if heading.position not in matches]
    taken = {meaning.field for meaning in matches.values() if meaning.field} | {*mapping.constants}
    candidates = _candidates(free, taken)
    notices = [*_drop_lone_accounts(candidates, taken | {*mapping.defaults}), *_drop_foreign_type(candidates, sample)]
    for field, found in candidates.items():
        best = _best(field, found)
        if field is Field.AMOUNT:
            claimed = {candidate.heading.position for rivals in candidates.values() for candidate in rivals}
            _refuse_other_amounts(best.heading, [one for one in free if one.position not in claimed], sample)
        matches[best.heading.position] = ColumnMatch(field, "why_exact" if best.strength == _EXACT else "why_alias")
        kept = f"{letter(best.heading.position)} ({shown(best.heading.text)})"
        notices += [
            Fault("column-yields", field, one.text, (("column", letter(one.position)), ("kept", kept)))
            for one in (other.heading for other in found if other is not best)
        ]
    for heading in headings:
        matches.setdefault(heading.position, ColumnMatch(None, "why_own"))
    _require(headings, matches, mapping, sample, amount_optional=amount_optional)
    known = {meaning.field for meaning in matches.values() if meaning.field} | {*mapping.constants}
    spare = [one for one in free if matches[one.position].field is None]
    notices += _about_unused(spare, known, {notice.value for notice in notices}, sample)
    return ColumnMapping(matches, tuple(notices))


def _by_mapping(headings: Sequence[Heading], mapping: Mapping) -> dict[int, ColumnMatch]:
    matches: dict[int, ColumnMatch] = {}
    for wanted, field in mapping.columns.items():
        matches[_the_one(headings, wanted).position] = ColumnMatch(Field(field), "why_mapping")
    if mapping.split_names:
        matches[_the_one(headings, mapping.split_names).position] = ColumnMatch(None, WHOLE_NAMES)
    ignored = {fold(heading) for heading in mapping.ignore}
    for heading in headings:
        if fold(heading.text) in ignored:
            matches.setdefault(heading.position, ColumnMatch(None, "why_ignored"))
    return matches


def _the_one(headings: Sequence[Heading], wanted: str) -> Heading:
    """The column that the mapping means: by its exact heading, else by its folded one."""
    found = [heading for heading in headings if heading.text.strip() == wanted.strip()]
    found = found or [heading for heading in headings if fold(heading.text) == fold(wanted)]
    if not found:
        raise InputError(
            'The mapping names the column "{heading}", but the sheet has: {found}. Correct the mapping or the sheet.',
            heading=wanted,
            found=listed(headings),
        )
    if len(found) > 1:
        raise InputError(
            'The mapping names the column "{heading}", but several columns have this '
            "heading ({columns}). Give them different headings.",
            heading=wanted,
            columns=", ".join(letter(one.position) for one in found),
        )
    return found[0]


def _candidates(headings: Iterable[Heading], taken: Iterable[str]) -> dict[Field, list[_Candidate]]:
    known, names, gone = _known(), {field.value for field in Field}, set(taken)
    candidates: dict[Field, list[_Candidate]] = {}
    for heading in headings:
        text = heading.text.strip()
        match = (Field(text), _EXACT) if text in names and text not in _ORDINARY else known.get(fold(text))
        if match and match[0] not in gone:
            candidates.setdefault(match[0], []).append(_Candidate(heading, match[1]))
    return candidates


def _drop_lone_accounts(candidates: dict[Field, list[_Candidate]], given: Iterable[str]) -> list[Fault]:
    """Take back weak matches of the payee's account unless all three of its columns are there.

    "Account", "Bank" and "Branch" in a billing sheet mostly mean a ledger account, a bank's name and an office; the
    API takes the three account fields only together.
    """
    if all(field in candidates or field in given for field in ACCOUNT_FIELDS):
        return []
    notices = []
    for field in ACCOUNT_FIELDS:
        weakest = len(alias_tiers()[field]) - 1
        for candidate in [one for one in candidates.get(field, ()) if one.strength == weakest]:
            notices.append(_own_after_all("column-not-account", field, candidate.heading))
            _drop(candidates, field, candidate)
    return notices


def _drop_foreign_type(candidates: dict[Field, list[_Candidate]], sample: Sample) -> list[Fault]:
    """Take back a column called Type none of whose first values is a type of session ("Invoice", "Credit memo")."""
    weakest = len(alias_tiers()[Field.TYPE]) - 1
    notices = []
    for candidate in [one for one in candidates.get(Field.TYPE, ()) if one.strength == weakest]:
        values = [fold(value) for value in sample(candidate.heading.position) if value.strip()]
        if values and not any(word in value for value in values for word in _TYPE_WORDS):
            notices.append(_own_after_all("column-not-type", Field.TYPE, candidate.heading))
            _drop(candidates, Field.TYPE, candidate)
    return notices


def _drop(candidates: dict[Field, list[_Candidate]], field: Field, candidate: _Candidate) -> None:
    candidates[field].remove(candidate)
    if not candidates[field]:
        del candidates[field]


def _own_after_all(code: str, field: Field, heading: Heading) -> Fault:
    return Fault(code, field, heading.text, (("column", letter(heading.position)),))


def _best(field: Field, found: Sequence[_Candidate]) -> _Candidate:
    best = min(found, key=lambda one: one.strength)
    rivals = [one.heading for one in found if one.strength == best.strength]
    if len(rivals) > 1:
        raise _ambiguous(field, rivals)
    return best


def _refuse_other_amounts(chosen: Heading, others: Sequence[Heading], sample: Sample) -> None:
    """Ask which amount is meant when another column holds what may be still due of the one that its heading names."""
    own = AmountColumn(chosen.text, words_of(chosen.text), sample(chosen.position))
    rivals = [one for one in others if own.may_be_due(AmountColumn(one.text, words_of(one.text), sample(one.position)))]
    if rivals:
        raise _ambiguous(Field.AMOUNT, sorted([chosen, *rivals], key=lambda one: one.position))


def _about_unused(spare: Sequence[Heading], known: set[str], told: set[str], sample: Sample) -> Iterator[Fault]:
    """Columns that look like a field that the sheet need not have, by their heading or by what they hold."""
    absent = [rule.field for rule in FIELDS if not rule.required and rule.field not in known]
    accounts_known = any(field in known for field in ACCOUNT_FIELDS)
    for heading in spare[:_MOST_UNUSED]:
        if heading.text in told or fold(heading.text) in _whole_names():
            continue
        place = ("column", letter(heading.position))
        match = match_by_content(words_of(heading.text), sample(heading.position), with_account=accounts_known)
        if match is not None and (match.field is None or match.field in absent):
            yield Fault(match.code, "", heading.text, (place, ("examples", match.examples)))
            continue
        near = next(
            (field for field in absent if get_close_matches(fold(heading.text), _spellings(field), 1, _VERY_NEAR)), None
        )
        if near is not None:
            yield Fault("column-near", "", heading.text, (place, ("near", near.value)))


def _ambiguous(field: Field, rivals: Sequence[Heading]) -> InputError:
    """The refusal, with the lines of a mapping file that decide it; a mapping can't tell equal headings apart."""
    columns = Joined(tuple(heading.where for heading in rivals))
    texts = [heading.text.strip() for heading in rivals]
    lines = [f"columns.{toml_text(text)} = {toml_text(field)}" for text in texts if texts.count(text) == 1]
    if not lines:
        return InputError(
            "Several columns could be {field}: {columns}. A mapping file can't distinguish "
            "equal headings. Give the columns different headings in the sheet.",
            field=FieldName(field),
            columns=columns,
        )
    return InputError(
        "Several columns could be {field}: {columns}. Put the line of the right one in a "
        "mapping file (--mapping): {lines}",
        field=FieldName(field),
        columns=columns,
        lines=" | ".join(lines),
    )


def _require(
    headings: Sequence[Heading],
    matches: MappingABC[int, ColumnMatch],
    mapping: Mapping,
    sample: Sample,
    *,
    amount_optional: bool,
) -> None:
    given = {meaning.field for meaning in matches.values() if meaning.field} | {*mapping.constants, *mapping.defaults}
    if mapping.split_names:
        given |= {Field.FIRST_NAME, Field.LAST_NAME}
    if amount_optional:
        given.add(Field.AMOUNT)
    missing = [rule.field for rule in FIELDS if rule.required and rule.field not in given]
    if not missing:
        return
    whole = [heading for heading in headings if fold(heading.text) in _whole_names()]
    free = [heading for heading in headings if matches[heading.position].field is None and heading not in whole]
    names = [field for field in (Field.FIRST_NAME, Field.LAST_NAME) if field in missing]
    if whole and len(nearest(names, free).parts) < len(names):
        column = next((one for one in whole if _WORDS_OF_NAME.search(" ".join(sample(one.position)))), whole[0])
        raise InputError(
            "There is no column for: {missing}. Column {column} seems to contain full names. "
            "The program does not guess how to split them, because the bank compares first "
            'and last names. Make two columns of it or, if it is written "Surname, Given", '
            'add --split-names "{heading}"; in another order, "{heading}:given-first" or '
            '"{heading}:surname-first".',
            missing=Joined([FieldName(field) for field in missing]),
            column=column.where,
            heading=column.text.strip(),
        )
    near = nearest(missing, free)
    raise InputError(
        N_(
            "There is no column for: {missing}. The headings are: {found}. Did you mean "
            '{near}? Correct the heading, or add --map "HEADING=FIELD".'
        )
        if near
        else N_(
            "There is no column for: {missing}. The headings are: {found}. Add the column, or "
            'name it with --map "HEADING=FIELD".'
        ),
        missing=Joined([FieldName(field) for field in missing]),
        found=listed(headings),
        near=near,
    )


def nearest(fields: Iterable[Field], headings: Sequence[Heading]) -> Joined:
    """What could have been meant: `e-mail: B "E-mial"`, one for each field that has a near miss."""
    hits = []
    for field in fields:
        near = [(_likeness(field, heading.text), -heading.position, heading) for heading in headings]
        likeness, _, heading = max(near, default=(0.0, 0, None))
        if heading and likeness >= _NEAR:
            hits.append(Message("{field}: {place}", {"field": FieldName(field), "place": heading.where}))
    return Joined(tuple(hits))


@cache
def _spellings(field: Field) -> tuple[str, ...]:
    """The folded headings of a field."""
    return tuple({fold(alias) for tier in ((field.value,), *alias_tiers()[field]) for alias in tier})


def _likeness(field: Field, heading: str) -> float:
    """How alike a heading and the field's best alias are, from 0 to 1."""
    folded = fold(heading)
    return max(SequenceMatcher(None, folded, alias).ratio() for alias in _spellings(field)) if folded else 0.0


def listed(headings: Iterable[Heading]) -> str:
    """All headings of the sheet, as one text for a sentence."""
    return ", ".join(shown(heading.text) for heading in headings if heading.text.strip())
