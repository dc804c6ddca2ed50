"""Rows of an .xlsx that calamine can't give: one of their lengths of time is beyond all bounds (`[h]:mm` and 1E12).

The workbook is read a second time, with the formats of lengths of time taken out, so that they are plain numbers; only
when such a row is met.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from io import BytesIO
from itertools import islice
from typing import Any, Final

from python_calamine import CalamineWorkbook

from pipeline.model import InputFailure
from pipeline.number_formats import is_duration
from pipeline.sheet.archive import Archive
from pipeline.sheet.looks import ColumnLook

_STYLES: Final = "xl/styles.xml"
_CODE: Final = re.compile(rb"(formatCode=)([\"'])((?:(?!\2).)*\[(?:h+|m+|s+)\](?:(?!\2).)*)\2", re.IGNORECASE)
_BUILT_IN: Final = re.compile(rb"(numFmtId=)([\"'])46\2")
_MOST_DAYS: Final = timedelta.max.days


class WithoutDurations:
    """One sheet read without lengths of time; `archive` is None for an .xls, which has no styles to change."""

    def __init__(self, archive: Archive | None, sheet: str, looks: Mapping[int, ColumnLook]) -> None:
        self._archive = archive
        self._sheet = sheet
        self._looks = looks
        self._rows: Iterator[list[Any]] = iter(())
        self._at: int | None = None
        self._book: CalamineWorkbook | None = None

    def row(self, number: int) -> list[Any]:
        """The values of the row `number`, from 1: what is beyond all bounds is a number.

        Raises InputFailure where the workbook has no formats that could be taken out.
        """
        if self._archive is None or _STYLES not in self._archive:
            raise InputFailure("sheet.time_too_long", sheet=self._sheet, row=number)
        if self._at is None or number <= self._at:
            self._rows, self._at = self._begin(self._archive), 0
        try:
            values = next(islice(self._rows, number - self._at - 1, None))
        except OverflowError:
            raise InputFailure("sheet.time_too_long", sheet=self._sheet, row=number) from None
        self._at = number
        return [self._again(value, at, number) for at, value in enumerate(values)]

    def _begin(self, archive: Archive) -> Iterator[list[Any]]:
        if self._book is None:
            self._book = CalamineWorkbook.from_filelike(_plain(archive))
        return self._book.get_sheet_by_name(self._sheet).iter_rows()

    def _again(self, value: Any, column: int, row: int) -> Any:
        """A length of time that can be one."""
        look = self._looks.get(column)
        if isinstance(value, float) and look and is_duration(look.at(row)) and abs(value) < _MOST_DAYS:
            return timedelta(days=value)
        return value


def _plain(archive: Archive) -> BytesIO:
    """The workbook with General for the formats of lengths of time."""
    copy = BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name in sorted(archive.names()):
            if name == _STYLES:
                codes = _CODE.sub(rb"\1\2General\2", archive.read(name))
                book.writestr(name, _BUILT_IN.sub(rb"\g<1>\g<2>0\2", codes))
                continue
            with book.open(name, "w") as member:
                for piece in archive.pieces(name):
                    member.write(piece)
    copy.seek(0)
    return copy
