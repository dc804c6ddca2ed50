"""Parts of a sentence that are sentences themselves, spoken in the language of the whole.

A failure carries no language: it is told later, to whoever reads it. So a part of it is a value whose format
specification is the language: `{wanted:en}` in the English sentence, `{wanted:fr}` in the French one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.domain.errors import RunError, UsageError
from pipeline.messages import explain, say
from schemas.languages import LANGUAGES, Lang
from schemas.money import format_number


@dataclass(frozen=True, slots=True)
class Spoken:
    """The sentence `key` with what fills it, in whatever language is asked for."""

    key: str
    params: dict[str, object] = field(default_factory=dict)

    def __format__(self, lang: str) -> str:
        return say(self.key, language(lang), **self.params)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its thousands and decimals marked as the language does."""

    number: float
    decimals: int = 0

    def __format__(self, lang: str) -> str:
        return format_number(self.number, language(lang), self.decimals)


@dataclass(frozen=True, slots=True)
class Enumerated:
    """Several parts in one list; false when there is none."""

    parts: tuple[Spoken, ...]

    def __format__(self, lang: str) -> str:
        return ", ".join(format(part, lang) for part in self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts)


@dataclass(frozen=True, slots=True)
class AllSpoken:
    """Several failures, a line each."""

    failures: tuple[RunError, ...]

    def __format__(self, lang: str) -> str:
        return "\n".join(explain(failure, language(lang)) for failure in self.failures)


def language(spec: str) -> Lang:
    """The language that a format specification names; English without one."""
    return next((lang for lang in LANGUAGES if lang == spec), "en")


def all_of(mistakes: Iterable[UsageError]) -> UsageError:
    """One failure that tells all mistakes, a line each. There is at least one."""
    found = tuple(mistakes)
    return found[0] if len(found) == 1 else UsageError("settings.mistakes", mistakes=AllSpoken(found))
