"""Rows of an .xlsx that calamine can't give: one of their lengths of time is beyond all bounds (`[h]:mm` and 1E12).

The workbook is read a second time, with the formats of lengths of time taken out, so that they are plain numbers; only
when such a row is met.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from pipeline.domain.errors import InputError
from pipeline.domain.number_formats import is_duration
from pipeline.reader.archive import Archive
from pipeline.reader.looks import ColumnLook
from pipeline.reader.native import Row, duration_text
from pipeline.reader.probe import NativeBook
from pipeline.system.scratch import scratch

_STYLES: Final = "xl/styles.xml"
_CODE: Final = re.compile(rb"(formatCode=)([\"'])((?:(?!\2).)*\[(?:h+|m+|s+)\](?:(?!\2).)*)\2", re.IGNORECASE)
_BUILT_IN: Final = re.compile(rb"(numFmtId=)([\"'])46\2")
_MOST_DAYS: Final = timedelta.max.days


class WithoutDurations:
    """One sheet read without lengths of time; `archive` is None for an .xls, which has no styles to change.

    `place` is that of the sheet in the workbook's list.
    """

    def __init__(self, archive: Archive | None, sheet: str, place: int, looks: Mapping[int, ColumnLook]) -> None:
        self._archive = archive
        self._sheet = sheet
        self._place = place
        self._looks = looks
        self._rows: Iterator[Row] = iter(())
        self._at: int | None = None
        self._book: NativeBook | None = None

    def row(self, number: int) -> tuple[list[str], str]:
        """Texts and kinds of the row `number`, from 1: what is beyond all bounds is a number.

        Raises InputError where the workbook has no formats that could be taken out.
        """
        if self._archive is None or _STYLES not in self._archive:
            raise InputError("sheet.time_too_long", sheet=self._sheet, row=number)
        if self._at is None or number <= self._at:
            self._rows = self._begin(self._archive)
        found, cells, kinds = next(row for row in self._rows if row[0] >= number)
        if found > number or kinds is None:
            raise InputError("sheet.time_too_long", sheet=self._sheet, row=number)
        self._at = number
        pairs = [self._again(*cell, at, number) for at, cell in enumerate(zip(cells, kinds, strict=True))]
        return [text for text, _ in pairs], "".join(kind for _, kind in pairs)

    def _begin(self, archive: Archive) -> Iterator[Row]:
        if self._book is None:
            with scratch() as folder:
                copy = folder / "copy.xlsx"
                _write_plain(archive, copy)
                self._book = NativeBook(archive.path, copy)
                _ = self._book.sheets  # it is open now: the copy is not needed any more
        return self._book.rows(self._place)

    def _again(self, text: str, kind: str, column: int, row: int) -> tuple[str, str]:
        """A length of time that can be one."""
        look = self._looks.get(column)
        if kind == "n" and look and is_duration(look.at(row)) and abs(days := float(text)) < _MOST_DAYS:
            return duration_text(timedelta(days=days)), "d"
        return text, kind


def _write_plain(archive: Archive, path: Path) -> None:
    """The workbook with General for the formats of lengths of time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name in sorted(archive.names()):
            if name == _STYLES:
                codes = _CODE.sub(rb"\1\2General\2", archive.read(name))
                book.writestr(name, _BUILT_IN.sub(rb"\g<1>\g<2>0\2", codes))
                continue
            with book.open(name, "w") as member:
                for piece in archive.pieces(name):
                    member.write(piece)
