"""What calamine does not show of an .xls: hidden rows and columns, error values, number formats.

Owns the questions to xlrd, which reads the records of Excel 5 to 2003; the values that are read are calamine's.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any, Final

import xlrd

from pipeline.domain.errors import InputError
from pipeline.reader.metadata import (
    BUILT_IN_FORMATS,
    ERRORS,
    UNKNOWN_ERROR,
    MetadataError,
    SheetMetadata,
    Styles,
    looks_of_styles,
)

_MACROS: Final = "_VBA_PROJECT".encode("utf-16-le")
"""The name of the folder that macros are in, as the container spells it."""
_NOTHING: Final = frozenset((xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK))
_NUMBERS: Final = frozenset((xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE))


class XlsWorkbook:
    """An .xls. Raises InputError when a password protects it, NotShown when its structure is damaged."""

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            # A sheet is read when it is asked for; what some programs do to a container harms nothing that is read.
            self._book = xlrd.open_workbook(
                file_contents=content,
                logfile=StringIO(),
                formatting_info=True,
                on_demand=True,
                ragged_rows=True,
                ignore_workbook_corruption=True,
            )
        except Exception as error:  # noqa: BLE001 - of a damaged file xlrd raises whatever comes of it
            # It has no class for this; calamine takes some ciphers for damage.
            if isinstance(error, xlrd.XLRDError) and "encrypted" in str(error):
                raise InputError(
                    "{path} is password-protected. Save a copy without a password and use that.", path=str(path)
                ) from None
            raise MetadataError from None
        self.has_macros = _MACROS in content
        styles, fonts = self._book.xf_list, self._book.font_list
        codes = {number: one.format_str or "" for number, one in self._book.format_map.items()}
        # What a workbook names by number only is spelt as in other workbooks.
        named = xlrd.formatting.std_format_strings
        codes |= {number: code for number, code in BUILT_IN_FORMATS.items() if codes.get(number) == named.get(number)}
        self._styles = Styles(
            looks_of_styles(codes, (style.format_key for style in styles)),
            frozenset(
                place
                for place, style in enumerate(styles)
                if style.font_index < len(fonts) and fonts[style.font_index].struck_out
            ),
        )

    def metadata(self, name: str) -> SheetMetadata:
        """Search the sheet called `name`. Raises NotShown when its records can't be followed."""
        try:
            sheet = self._book.sheet_by_name(name)
        except Exception:  # noqa: BLE001 - as above
            raise MetadataError from None
        self._book.unload_sheet(name)
        metadata = SheetMetadata(from_1904=bool(self._book.datemode))
        # A row without any height is as invisible as a hidden one.
        metadata.hidden_rows = {row + 1 for row, one in sheet.rowinfo_map.items() if one.hidden or not one.height}
        metadata.hidden_columns = {column for column, one in sheet.colinfo_map.items() if one.hidden or not one.width}
        for top, bottom, left, right in sheet.merged_cells:
            metadata.note_merge((top + 1, bottom), (left, right - 1))
        for row in range(sheet.nrows):
            if sheet.default_row_hidden and sheet.row_len(row) and row not in sheet.rowinfo_map:
                metadata.hidden_rows.add(row + 1)
            self._note_cells(sheet, row, metadata)
        return metadata

    def _note_cells(self, sheet: Any, row: int, metadata: SheetMetadata) -> None:
        styles = self._styles
        for column, (kind, value) in enumerate(zip(sheet.row_types(row), sheet.row_values(row), strict=True)):
            if kind in _NUMBERS:
                metadata.note_number(row + 1, column, styles.look(sheet.cell_xf_index(row, column)), value)
            elif kind == xlrd.XL_CELL_ERROR:
                metadata.patch(row + 1, column, "e", ERRORS.get(value, UNKNOWN_ERROR))
            if styles.struck and kind not in _NOTHING and sheet.cell_xf_index(row, column) in styles.struck:
                metadata.note_struck(row + 1, column)
