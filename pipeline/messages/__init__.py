"""Every sentence that is not a fault of a row, in English and French.

English is in the code, where the sentence is used; French in `locale/fr/LC_MESSAGES/messages.po`, a gettext catalogue.
`pages.po` of both languages has what the local page says in place of a sentence that only a terminal understands.
`make messages` collects the sentences and compiles the catalogues; `make check` fails on one that is not translated.
Faults of rows have their own catalogue, `schemas/faults.toml`.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Final, NamedTuple

from pipeline.domain.errors import RunError, UsageError
from schemas.causes import cause_in
from schemas.fields import LABELS, Field
from schemas.languages import LANGUAGES, Lang
from schemas.money import format_number
from schemas.workbook_names import word

LANG_VARIABLE: Final = "FLINKS_IMPORT_LANG"
_LOCALE: Final = files(__name__) / "locale"


class Plural(NamedTuple):
    """A sentence with a form for one and one for many; its parameter `count` chooses."""

    one: str
    many: str


def N_(text: str) -> str:  # noqa: N802  gettext's own name for it
    """`text`, marked as a sentence that is translated where it is shown."""
    return text


def translate(text: str | Plural, lang: Lang = "en", /, **params: object) -> str:
    """The English sentence `text` in `lang`, its `{placeholders}` filled from `params`.

    A param with a method `in_language(lang)` is a part that reads differently in each language.
    """
    if isinstance(text, Plural):
        sentence = _catalogue(lang, _domain.get()).ngettext(*text, _number(params["count"]))
    else:
        sentence = _catalogue(lang, _domain.get()).gettext(text)
    shown = {name: _shown(name, param, lang) for name, param in params.items()}
    for name, param in shown.items():
        if isinstance(param, str) and param.endswith(".m."):  # a time: its full stop ends the sentence too
            sentence = sentence.replace(f"{{{name}}}.", f"{{{name}}}")
    return sentence.format(**shown)


_domain: Final[ContextVar[str]] = ContextVar("domain", default="messages")


@contextmanager
def on_page() -> Iterator[None]:
    """Within this, sentences that name what only a terminal has are said as the local page says them.

    A failure is raised far from who reads it, and its way out is another in a terminal than on a page.
    """
    token = _domain.set("pages")
    try:
        yield
    finally:
        _domain.reset(token)


def language_of(chosen: str, environ: Mapping[str, str]) -> Lang:
    """The language to speak: as chosen, else that of `FLINKS_IMPORT_LANG`, else that of the locale, else English."""
    for lang in (chosen, environ.get(LANG_VARIABLE)):
        if lang in LANGUAGES:
            return "fr" if lang == "fr" else "en"
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "fr" if locale.casefold().startswith("fr") else "en"


def speak(lang: Lang) -> None:
    """Make `gettext.gettext` speak `lang` in this process: click's sentences, and those of `pipeline.cli`."""
    os.environ["LANGUAGE"] = lang
    gettext.bindtextdomain("messages", str(_LOCALE))
    gettext.textdomain("messages")


@cache
def _catalogue(lang: Lang, domain: str) -> gettext.NullTranslations:
    if (lang, domain) == ("en", "messages"):
        return gettext.NullTranslations()
    with (_LOCALE / lang / "LC_MESSAGES" / f"{domain}.mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    if domain != "messages":
        catalogue.add_fallback(_catalogue(lang, "messages"))
    return catalogue


def _number(count: object) -> int:
    """The number that chooses a plural form: of a count, or of a count that is already written out."""
    return int("".join(filter(str.isdecimal, str(count))) or 0)


_CAUSES: Final = frozenset({"cause", "error", "reason"})
"""The names of parameters that hold why something failed outside of this program."""


def _shown(name: str, param: object, lang: Lang) -> object:
    if (in_language := getattr(param, "in_language", None)) is not None:
        return in_language(lang)
    if name in _CAUSES and isinstance(param, str):
        param = cause_in(param, lang)
    if isinstance(param, str | PurePath) and "\n" in str(param):
        # A name with its line breaks by their number: else what is in it looks like a sentence of ours.
        return str(param).replace("\n", "_x000A_")
    return param


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence with its parameters, translated when it is known who reads it."""

    text: str | Plural
    params: Mapping[str, object] = field(default_factory=dict)

    def in_language(self, lang: Lang) -> str:
        """The sentence in `lang`."""
        return translate(self.text, lang, **self.params)


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its thousands and decimals as the language writes them."""

    value: float
    decimals: int = 0

    def in_language(self, lang: Lang) -> str:
        """The number in `lang`."""
        return format_number(self.value, lang, self.decimals)


@dataclass(frozen=True, slots=True)
class FieldName:
    """What people call a field for which a sheet has no column."""

    field: Field

    def in_language(self, lang: Lang) -> str:
        """Its label in `lang`."""
        return LABELS[lang][self.field]


@dataclass(frozen=True, slots=True)
class Word:
    """The status of a row, by its code."""

    code: str

    def in_language(self, lang: Lang) -> str:
        """The word of the workbook for it in `lang`."""
        return word(self.code, lang)


@dataclass(frozen=True, slots=True)
class Joined:
    """Several parts in one list; false when there is none."""

    parts: Sequence[Message | FieldName]
    separator: str = ", "

    def in_language(self, lang: Lang) -> str:
        """The list in `lang`."""
        return self.separator.join(part.in_language(lang) for part in self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts)


def explain(failure: RunError, lang: Lang = "en") -> str:
    """The one sentence of a failure: what, where, how to fix it."""
    return translate(failure.text, lang, **failure.params)


def all_of(mistakes: Sequence[UsageError]) -> UsageError:
    """One failure that names all mistakes, a line each. There is at least one."""
    if len(mistakes) == 1:
        return mistakes[0]
    lines = Joined([Message(mistake.text, mistake.params) for mistake in mistakes], "\n")
    return UsageError("{mistakes}", mistakes=lines)
