"""What the words of a report mean: its headings, its status words, and what a mapping file adds to both.

[columns]   "Heading" = "field"      [statuses]  "Word" = "paid"      ignore = ["Heading"]
[constants] field = "value"          for what a report does not say (status, currency, settled)
dates = "day-first"                  which number of a date is the day (month-first, year-first)
headings = ["Date", "", "Credit"]    those of a file without any, in their order, "" for a column that is not needed
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from pipeline.domain.errors import InputError, SheetOptionError
from pipeline.reader.headings import Heading as SheetHeading
from pipeline.reader.headings import fold, letter, listed, shown
from pipeline.reconciliation.dates import DateOrder
from schemas.reports import (
    LineKind,
    Meaning,
    ReportField,
    balance_words,
    column_tiers,
    kind_words,
    session_words,
    status_words,
    subject_words,
)

_KEYS: Final = ("columns", "statuses", "constants", "ignore", "dates", "headings")
_LISTS: Final = ("ignore", "headings")
_ORDERS: Final = (DateOrder.DAY_FIRST.value, DateOrder.MONTH_FIRST.value, DateOrder.YEAR_FIRST.value)
_MAPPED: Final = -1
"""The strength of a heading that the mapping file names: it wins over every alias."""

_ASKED_ABOUT: Final = frozenset(
    {
        ReportField.SESSION_ID,
        ReportField.REFERENCE,
        ReportField.AMOUNT,
        ReportField.CREDIT,
        ReportField.DEBIT,
        ReportField.CURRENCY,
        ReportField.STATUS,
        ReportField.SETTLED,
    }
)
"""Of two columns that could be one of these, the wrong one would match or count the wrong payment: never guessed."""

_MONEY: Final = frozenset({ReportField.AMOUNT, ReportField.CREDIT, ReportField.DEBIT})
_DAYS: Final = frozenset({ReportField.COMPLETED, ReportField.SETTLED})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The known headings and status words, folded. `constants` are for what the reports do not say.

    `taught` are the status words of the mapping file; `dates` is the order of all dates, if it says one, and `given`
    are the headings of files that have none.
    """

    headings: Mapping[str, tuple[ReportField, int]]
    statuses: Mapping[str, Meaning]
    constants: Mapping[ReportField, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    taught: frozenset[str] = frozenset()
    dates: DateOrder = DateOrder.UNKNOWN
    given: tuple[str, ...] = ()

    def field_of(self, heading: str) -> tuple[ReportField, int] | None:
        """The field that a heading means and how sure that is, smaller being surer."""
        folded = _heading(heading)
        return None if folded in self.ignored else self.headings.get(folded)

    def others(self, cells: Sequence[str]) -> dict[int, str]:
        """The headings, by their position, that mean nothing here and that the mapping file does not pass over."""
        return {
            at: cell.strip()
            for at, cell in enumerate(cells)
            if cell.strip() and _heading(cell) not in self.headings and _heading(cell) not in self.ignored
        }

    def recognised(self, cells: Sequence[str]) -> dict[ReportField, int]:
        """The fields that the cells of a row would name, each with how sure its surest heading is."""
        found: dict[ReportField, int] = {}
        for meant in (self.field_of(cell) for cell in cells if cell):
            if meant:
                found[meant[0]] = min(meant[1], found.get(*meant))
        return found

    def meaning_of(self, status: str, *, of_session: bool = False) -> Meaning:
        """What a status word says; LOOK for one that is not known, and for a session that is completed."""
        word = self._word(status)
        if of_session and word in _completed() and word not in self.taught:
            return Meaning.LOOK
        return self.statuses.get(word, Meaning.LOOK)

    def is_known(self, status: str) -> bool:
        """Whether the word has a meaning, be it that it proves nothing."""
        return self._word(status) in self.statuses

    def _word(self, status: str) -> str:
        """A status folded, without what it is said of (`Payment declined`) where it is known only without."""
        folded = _folded(status)
        if folded in self.statuses:
            return folded
        bare = (folded.removeprefix(subject) for subject in _subjects() if folded.startswith(subject))
        return next((word for word in bare if word in self.statuses), folded)

    def is_taught(self, status: str) -> bool:
        """Whether the mapping file says what the word means, be it that nothing is to be concluded from it."""
        return _folded(status) in self.taught

    def memos(self, cells: Sequence[str]) -> list[int]:
        """The positions of all columns of descriptions."""
        found = enumerate(map(self.field_of, cells))
        return [position for position, meant in found if meant and meant[0] is ReportField.MEMO]

    def columns(self, cells: Sequence[str], file: str) -> dict[ReportField, int]:
        """The position of each field's column, from the row of headings.

        Raises InputError when two columns are equally good for a field by which payments are matched or counted.
        """
        found: dict[ReportField, list[tuple[int, int]]] = {}
        for position, cell in enumerate(cells):
            if cell and (meant := self.field_of(cell)):
                found.setdefault(meant[0], []).append((meant[1], position))
        for column, rivals in found.items():
            rivals.sort()
            equal = [position for strength, position in rivals if strength == rivals[0][0]]
            if len(equal) > 1 and column in _ASKED_ABOUT:
                where = ", ".join(f'{letter(position)} "{shown(cells[position])}"' for position in equal)
                raise InputError(
                    "{file}: several columns could be {field}: {columns}. Choose one in a mapping "
                    'file (--mapping), or ignore the other: ignore = ["Heading"].',
                    file=file,
                    field=column.value,
                    columns=where,
                )
        return {column: rivals[0][1] for column, rivals in found.items()}


_folded: Final = lru_cache(maxsize=1_024)(fold)
"""The few words of a column of statuses, folded once each."""


def _heading(text: str) -> str:
    """A heading folded, or as it stands where nothing is left of it (`CAD$`)."""
    return fold(text) or text.strip().casefold()


@cache
def _subjects() -> tuple[str, ...]:
    return tuple(map(fold, subject_words()))


@cache
def _completed() -> frozenset[str]:
    return frozenset(map(fold, session_words()["completed"]))


def names_session(heading: str) -> bool:
    """Whether the heading of a column of statuses says that they are sessions'."""
    return fold(heading) in {fold(name) for name in session_words()["headings"]}


def is_underway(status: str) -> bool:
    """Whether a status is a word that only sessions have."""
    return _folded(status) in {fold(word) for word in session_words()["underway"]}


@cache
def _kinds() -> dict[str, LineKind]:
    return {fold(word): kind for word, kind in kind_words().items()}


def kind_of_line(text: str) -> LineKind | None:
    """What the word of a transaction type says; None for most."""
    return _kinds().get(_folded(text))


@cache
def _balances() -> frozenset[str]:
    return frozenset(map(fold, balance_words()))


def is_balance(text: str) -> bool:
    """Whether a text names a balance, perhaps with its date."""
    return fold(text).rstrip("0123456789") in _balances()


def is_statement(found: Mapping[ReportField, int]) -> bool:
    """Whether fields, each with how sure its heading is, are those of a statement of an account.

    It has a column for each direction; or it has texts of people's own and a balance, or no reference but the number
    that QuickBooks gives to everything.
    """
    if ReportField.SESSION_ID in found or not found.keys() & _DAYS:
        return False
    if found.keys() & {ReportField.CREDIT, ReportField.DEBIT}:
        return bool(found.keys() & {ReportField.MEMO, ReportField.NAME, ReportField.REFERENCE})
    return ReportField.MEMO in found and (ReportField.BALANCE in found or not _has_reference(found))


def is_enough(found: Mapping[ReportField, int], constants: Mapping[ReportField, str]) -> bool:
    """Whether these fields make a report: an amount, and something by which a payment is known."""
    if not {*found, *constants} & _MONEY:
        return False
    return ReportField.SESSION_ID in found or _has_reference(found) or is_statement(found)


def _has_reference(found: Mapping[ReportField, int]) -> bool:
    number = len(column_tiers()[ReportField.REFERENCE]) - 1
    return found.get(ReportField.REFERENCE, number) < number


def shown_headings(cells: Sequence[str]) -> str:
    """Headings as one text for a sentence."""
    return listed(SheetHeading(position, cell) for position, cell in enumerate(cells)) or "-"


def load_vocabulary(path: Path | None) -> Vocabulary:
    """The built-in words, with those of the mapping file at `path`. Raises UsageError with all its mistakes."""
    headings = {
        _heading(alias): (column, strength)
        for column, tiers in column_tiers().items()
        for strength, tier in enumerate(tiers)
        for alias in tier
    }
    statuses = {fold(word): meaning for meaning, words in status_words().items() for word in words}
    if path is None:
        return Vocabulary(headings, statuses)
    table = _read(path)
    if mistakes := [*_mistakes(table)]:
        raise SheetOptionError(
            "The mapping file {path} has errors: {mistakes}. Correct them.",
            path=str(path),
            mistakes="; ".join(mistakes),
        )
    taught = {fold(word): Meaning(name) for word, name in table.get("statuses", {}).items()}
    mapped = table.get("columns", {})
    return Vocabulary(
        headings=headings | {_heading(heading): (ReportField(name), _MAPPED) for heading, name in mapped.items()},
        statuses=statuses | taught,
        constants={ReportField(name): value for name, value in table.get("constants", {}).items()},
        ignored=frozenset(map(_heading, table.get("ignore", ()))),
        taught=frozenset(taught),
        dates=DateOrder(table.get("dates", DateOrder.UNKNOWN)),
        given=tuple(table.get("headings", ())),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SheetOptionError(
            "Can't read the mapping file {path} ({reason}). Check its name and folder.", path=str(path), reason=reason
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SheetOptionError(
            "The mapping file {path} is not valid TOML: {reason}. Correct it.", path=str(path), reason=str(error)
        ) from None


def _mistakes(table: Mapping[str, Any]) -> Iterator[str]:
    """Every mistake, in symbols that need no language."""
    fields = [column.value for column in ReportField]
    for key, value in table.items():
        if key not in _KEYS:
            yield _instead(key, _KEYS)
        elif key in _LISTS:
            if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
                yield f'{key} = ["…", "…"]'
        elif key == "dates":
            if value not in _ORDERS:
                yield f"dates = {_instead(str(value), _ORDERS)}"
        elif not isinstance(value, dict):
            yield f"[{key}]"
        else:
            choices = [meaning.value for meaning in Meaning] if key == "statuses" else fields
            yield from _table_mistakes(key, value, choices)


def _table_mistakes(name: str, table: Mapping[str, Any], choices: Sequence[str]) -> Iterator[str]:
    for key, value in table.items():
        if not isinstance(value, str):
            yield f'[{name}] {json.dumps(key, ensure_ascii=False)} = "…"'
        elif (chosen := key if name == "constants" else value) not in choices:
            yield f"[{name}] {_instead(chosen, choices)}"


def _instead(wrong: str, right: Sequence[str]) -> str:
    near = get_close_matches(wrong.casefold(), {one.casefold(): one for one in right}, n=1, cutoff=0.5)
    meant = next((one for one in right if near and one.casefold() == near[0]), "")
    return f'"{wrong}" → "{meant}"?' if meant else f'"{wrong}"'
