"""What a workbook, a marked copy or an export of ours says of where its rows came from.

Owns how our own columns are told from the user's, and the document properties by which a file names its batch and run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from pipeline.system.zip_errors import ZIP_ERRORS
from schemas.fields import (
    BEFORE_IN_ERRORS,
    BEHIND_IN_ERRORS,
    FILE_COLUMN,
    FIX_COLUMN,
    OWN_COLUMNS,
    ROW_COLUMN,
    STATE_COLUMNS,
)
from schemas.languages import LANGUAGES
from schemas.workbook_names import heading

_PART: Final = "docProps/custom.xml"
_LONGEST: Final = 1 << 16
"""Bytes of the part with the properties; ours takes less than a thousand."""
_BEHIND: Final = frozenset({*STATE_COLUMNS, FIX_COLUMN, FILE_COLUMN, "howToMend"})
"""What may follow our first columns; `howToMend` did in workbooks of version 0.1."""
_ALL: Final = (ROW_COLUMN, *OWN_COLUMNS, *_BEHIND)
_ID_AT: Final = OWN_COLUMNS.index("sessionId")


@dataclass(frozen=True, slots=True)
class OwnColumns:
    """Which columns of a sheet are ours: `all`, and where a row tells its number, its file and its request.

    `number` is 0 in a workbook of ours, whose first column it is, and beside our others in a marked copy; -1 where a
    place is missing.
    """

    all: frozenset[int]
    number: int
    file: int
    request: int

    def moved_by(self, columns: int) -> OwnColumns:
        """The same, in a sheet whose first heading stands so many columns further to the right."""
        number, file, request = (at + columns if at >= 0 else at for at in (self.number, self.file, self.request))
        return OwnColumns(frozenset(at + columns for at in self.all), number, file, request)


def own_columns(texts: Sequence[str]) -> OwnColumns | None:
    """Our own columns among the headings of a sheet, in either language; None when there are none.

    Told by their order and not by their names: a user's own column may be called `status` too.
    """
    for lang in LANGUAGES:
        ours = {heading(name, lang): name for name in _ALL}
        names = [ours.get(text, "") for text in texts]
        if found := _in_errors(names) or _in_results(names):
            return found
    return None


def _in_errors(names: Sequence[str]) -> OwnColumns | None:
    """Those of `Errors`: before the user's own, and from the last `status` as far as our order goes on."""
    before = len(BEFORE_IN_ERRORS)
    if tuple(names[:before]) != BEFORE_IN_ERRORS:
        return None
    begin = max((at for at in range(before, len(names)) if names[at] == BEHIND_IN_ERRORS[0]), default=len(names))
    places = {name: at for at, name in enumerate(BEHIND_IN_ERRORS)}
    end, last = begin, -1
    while end < len(names) and places.get(names[end], -1) > last:
        last = places[names[end]]
        end += 1
    behind = {names[at]: at for at in range(begin, end)}
    ours = frozenset({*range(before), *behind.values()})
    return OwnColumns(ours, 0, behind.get(FILE_COLUMN, -1), behind.get("sessionId", -1))


def _in_results(names: Sequence[str]) -> OwnColumns | None:
    """Those of `Results`, of an export, of a marked copy, and of `Errors` until version 0.2."""
    width = len(OWN_COLUMNS)
    begin = next((at for at in range(len(names) - width, 0, -1) if tuple(names[at : at + width]) == OWN_COLUMNS), None)
    if begin is None:
        return None
    end = begin + width
    while end < len(names) and names[end] in _BEHIND:
        end += 1
    number = begin - 1 if begin > 1 and names[begin - 1] == ROW_COLUMN else 0 if names[0] == ROW_COLUMN else -1
    ours = range(begin, end)
    file = next((at for at in ours if names[at] == FILE_COLUMN), -1)
    return OwnColumns(frozenset({*ours, number} - {-1}), number, file, begin + _ID_AT)


def properties_of(path: Path) -> dict[str, str]:
    """The document properties of a workbook that are texts; empty for a file that has none that can be read."""
    try:
        with zipfile.ZipFile(path) as package, package.open(_PART) as part:
            root = ET.fromstring(part.read(_LONGEST))  # noqa: S314 - bounded; expat bounds what entities grow to
    except (*ZIP_ERRORS, ET.ParseError):
        return {}
    return {named.get("name", ""): "".join(named.itertext()).strip() for named in root}
