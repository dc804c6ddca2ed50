"""Where the text of each field comes from: a column of the sheet, a constant or a default of the mapping file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.check.options import Table
from pipeline.model import SheetRow
from schemas.fields import Field


@dataclass(frozen=True, slots=True)
class Typed:
    """One column as typed: the text and the kind of each row's cell."""

    texts: Sequence[str]
    kinds: Sequence[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """One field's origin. A constant overrules the sheet, a default fills its blank cells."""

    index: int | None = None
    constant: str = ""
    default: str = ""

    def read(self, rows: Sequence[SheetRow]) -> Typed:
        """The field's column in `rows`."""
        if self.constant or self.index is None:
            return Typed([self.constant or self.default] * len(rows), "s" * len(rows))
        at = self.index
        texts = [row.cells[at] for row in rows]
        kinds = [row.kinds[at] for row in rows]
        if self.default:
            for place, text in enumerate(texts):
                if kinds[place] not in "ef" and not text.strip():
                    texts[place], kinds[place] = self.default, "s"
        return Typed(texts, kinds)


NOWHERE: Final = Origin()
"""The origin of a field that neither the sheet nor its mapping knows: blank in every row."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Where each field that is known comes from, and the column of whole names (`Surname, Given`)."""

    by_field: dict[Field, Origin]
    whole_name: int | None = None

    def index_of(self, field: Field) -> int | None:
        """The column that holds `field` itself, if one does."""
        return self.of(field).index

    def of(self, field: Field) -> Origin:
        """The origin of `field`, known or not."""
        return self.by_field.get(field, NOWHERE)


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
