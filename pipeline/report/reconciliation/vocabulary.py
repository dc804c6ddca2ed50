"""What the words of a daily report mean: its headings, its status words, and what a mapping file adds to both.

[columns]   "Heading" = "field"      [statuses]  "Word" = "paid"      ignore = ["Heading"]
[constants] field = "value"          for what a report does not say (status, currency, settled)
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pipeline.model import InputFailure, UsageFailure
from pipeline.sheet.headings import Heading as SheetHeading
from pipeline.sheet.headings import fold, letter, listed, shown
from schemas.reports import Meaning, ReportField, column_tiers, status_words

_KEYS: Final = ("columns", "statuses", "constants", "ignore")
_MAPPED: Final = -1
"""The strength of a heading that the mapping file names: it wins over every alias."""

_ASKED_ABOUT: Final = frozenset(
    {
        ReportField.SESSION_ID,
        ReportField.REFERENCE,
        ReportField.AMOUNT,
        ReportField.CURRENCY,
        ReportField.STATUS,
        ReportField.SETTLED,
    }
)
"""Of two columns that could be one of these, the wrong one would match or count the wrong payment: never guessed."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The known headings and status words, folded. `constants` are for what the reports do not say.

    `mapped` are the headings of the mapping file as they are written there, for the reader that looks for the table.
    """

    headings: Mapping[str, tuple[ReportField, int]]
    statuses: Mapping[str, Meaning]
    constants: Mapping[ReportField, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    mapped: Mapping[str, ReportField] = field(default_factory=dict)

    def field_of(self, heading: str) -> tuple[ReportField, int] | None:
        """The field that a heading means and how sure that is, smaller being surer."""
        folded = fold(heading)
        return None if folded in self.ignored else self.headings.get(folded)

    def recognised(self, cells: Sequence[str]) -> frozenset[ReportField]:
        """The fields that the cells of a row would name."""
        return frozenset(found[0] for cell in cells if cell and (found := self.field_of(cell)))

    def meaning_of(self, status: str) -> Meaning:
        """What a status word says; LOOK for one that is not known."""
        return self.statuses.get(_folded(status), Meaning.LOOK)

    def columns(self, cells: Sequence[str], file: str) -> dict[ReportField, int]:
        """The position of each field's column, from the row of headings.

        Raises InputFailure when two columns are equally good for a field by which payments are matched or counted.
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
                raise InputFailure("reconcile.ambiguous_columns", file=file, field=column.value, columns=where)
        return {column: rivals[0][1] for column, rivals in found.items()}


_folded: Final = lru_cache(maxsize=1_024)(fold)
"""The few words of a column of statuses, folded once each."""


def is_enough(fields: frozenset[ReportField], constants: Mapping[ReportField, str]) -> bool:
    """Whether these fields make a report: an amount, and something by which a payment is known."""
    return ReportField.AMOUNT in {*fields, *constants} and bool(
        fields & {ReportField.SESSION_ID, ReportField.REFERENCE}
    )


def shown_headings(cells: Sequence[str]) -> str:
    """Headings as one text for a sentence."""
    return listed(SheetHeading(position, cell) for position, cell in enumerate(cells)) or "-"


def load_vocabulary(path: Path | None) -> Vocabulary:
    """The built-in words, with those of the mapping file at `path`. Raises UsageFailure with all its mistakes."""
    headings = {
        fold(alias): (column, strength)
        for column, tiers in column_tiers().items()
        for strength, tier in enumerate(tiers)
        for alias in tier
    }
    statuses = {fold(word): meaning for meaning, words in status_words().items() for word in words}
    if path is None:
        return Vocabulary(headings, statuses)
    table = _read(path)
    if mistakes := [*_mistakes(table)]:
        raise UsageFailure("sheet.mapping_mistakes", path=str(path), mistakes="; ".join(mistakes))
    mapped = {heading: ReportField(name) for heading, name in table.get("columns", {}).items()}
    return Vocabulary(
        headings=headings | {fold(heading): (column, _MAPPED) for heading, column in mapped.items()},
        statuses=statuses | {fold(word): Meaning(name) for word, name in table.get("statuses", {}).items()},
        constants={ReportField(name): value for name, value in table.get("constants", {}).items()},
        ignored=frozenset(map(fold, table.get("ignore", ()))),
        mapped=mapped,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageFailure("sheet.mapping_unreadable", path=str(path), reason=reason) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageFailure("sheet.mapping_not_toml", path=str(path), reason=str(error)) from None


def _mistakes(table: Mapping[str, Any]) -> Iterator[str]:
    """Every mistake, in symbols that need no language."""
    fields = [column.value for column in ReportField]
    for key, value in table.items():
        if key not in _KEYS:
            yield _instead(key, _KEYS)
        elif key == "ignore":
            if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
                yield 'ignore = ["…", "…"]'
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
