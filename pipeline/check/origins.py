"""Where the text of each field comes from: a column of the sheet, a constant or a default of the mapping file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.check.options import Table
from pipeline.model import SheetRow
from schemas.fields import Field


@dataclass(frozen=True, slots=True)
class Origin:
    """One field's origin. A constant overrules the sheet, a default fills its blank cells."""

    index: int | None = None
    constant: str = ""
    default: str = ""

    def read(self, rows: Sequence[SheetRow]) -> list[tuple[str, str]]:
        """The text and the kind of the field's cell in each row."""
        if self.constant or self.index is None:
            return [(self.constant or self.default, "s")] * len(rows)
        at = self.index
        typed = [(row.cells[at], row.kinds[at]) for row in rows]
        if not self.default:
            return typed
        filled = (self.default, "s")
        return [cell if cell[0].strip() or cell[1] in "ef" else filled for cell in typed]


@dataclass(frozen=True, slots=True)
class Origins:
    """Where each field that is known comes from, and the column of whole names (`Surname, Given`)."""

    by_field: dict[Field, Origin]
    whole_name: int | None = None

    def index_of(self, field: Field) -> int | None:
        """The column that holds `field` itself, if one does."""
        origin = self.by_field.get(field)
        return origin.index if origin else None


def origins(table: Table) -> Origins:
    """The origins of the fields of `table`."""
    mapping = table.mapping
    index = {Field(column.field): column.index for column in table.columns if column.field is not None}
    known = [field for field in Field if field in index or field in mapping.constants or field in mapping.defaults]
    by_field = {
        field: Origin(index.get(field), mapping.constants.get(field, ""), mapping.defaults.get(field, ""))
        for field in known
    }
    whole = [column.index for column in table.columns if mapping.split_names and column.heading == mapping.split_names]
    return Origins(by_field, whole[0] if whole else None)
