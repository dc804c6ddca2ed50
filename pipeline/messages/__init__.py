"""Every sentence that is not a fault of a row, in English and French.

One TOML file a subject, both languages side by side, so that a translator edits one place. The key of a sentence is
`subject.name`. Where a sentence reads otherwise for one, `en_one` and `fr_one` stand beside: they are said when its
`count` is singular (in English 1, in French 0 too). Faults of rows have their own catalogue in `schemas/faults.toml`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Final

from pipeline.domain.errors import RunError
from schemas.languages import Lang


@cache
def _subject(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((files("pipeline.messages") / f"{name}.toml").read_text("utf-8"))


def say(key: str, lang: Lang = "en", **params: object) -> str:
    """The sentence `key` in `lang`, its `{placeholders}` filled from `params`.

    Raises KeyError for a key that does not exist: a test holds that every key in the code does.
    """
    subject, _, name = key.partition(".")
    entry = _subject(subject)[name]
    text = entry.get(f"{lang}_one", entry[lang]) if params.get("count") in _SINGULAR[lang] else entry[lang]
    return text.format(**{name: _on_one_line(param) for name, param in params.items()})


def _on_one_line(param: object) -> object:
    """A name with its line breaks by their number: else what stands in it looks like a sentence of ours."""
    if isinstance(param, str | PurePath) and "\n" in str(param):
        return str(param).replace("\n", "_x000A_")
    return param


_SINGULAR: Final[dict[Lang, tuple[int, ...]]] = {"en": (1,), "fr": (0, 1)}


def explain(failure: RunError, lang: Lang = "en") -> str:
    """The one sentence of a failure: what, where, how to mend it."""
    return say(failure.key, lang, **failure.params)
