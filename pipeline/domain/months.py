"""The months as people write them in names of files and batches, in English and French."""

from __future__ import annotations

import re
from typing import Final

from pipeline.domain.model import without_accents

MONTHS: Final = (
    ("january", "janvier"),
    ("february", "fevrier"),
    ("march", "mars"),
    ("april", "avril"),
    ("may", "mai"),
    ("june", "juin"),
    ("july", "juillet"),
    ("august", "aout"),
    ("september", "septembre"),
    ("october", "octobre"),
    ("november", "novembre"),
    ("december", "decembre"),
)
"""Without accents."""
_SHORT: Final = (
    *(("jan", "janv"), ("feb", "fev", "fevr"), ("mar",), ("apr", "avr"), (), ("jun",), ("jul", "juil")),
    *(("aug",), ("sep", "sept"), ("oct",), ("nov",), ("dec",)),
)
_NUMBERS: Final = {
    word: number
    for number, (words, short) in enumerate(zip(MONTHS, _SHORT, strict=True), start=1)
    for word in (*words, *short)
}
_WORD: Final = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})(?![a-z])")


def in_figures(name: str) -> str:
    """A name with its months in figures, without accents and capitals: `loyers_Déc 2026` is `loyers_12 2026`."""
    return _WORD.sub(lambda found: f"{_NUMBERS[found[0]]:02}", _plain(name))


def month_in(name: str) -> int | None:
    """The only month that a name has in words, from 1."""
    found = {_NUMBERS[word] for word in _WORD.findall(_plain(name))}
    return found.pop() if len(found) == 1 else None


def _plain(name: str) -> str:
    return without_accents(name.casefold())
