"""Where the text of each field comes from: a column of the sheet, a constant or a default of the mapping file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

from pipeline.domain.model import Column, NameOrder, SheetRow, kind_of, with_look
from pipeline.domain.number_formats import (
    decimals_shown,
    digits_shown,
    forms,
    is_percent,
    may_show_another,
    shows_another,
    with_texts,
)
from pipeline.validation.options import CheckableTable
from schemas import money
from schemas.fields import ACCOUNT_FIELDS, Field

_IDENTIFIERS: Final = (Field.REFERENCE_ID, *ACCOUNT_FIELDS)
"""Fields whose digits are a name and not a number: what the cell shows is meant, not what it holds."""


@dataclass(frozen=True, slots=True)
class RawColumn:
    """One column as typed: the text and the kind of each row's cell.

    The kinds are those of `SheetRow.kinds` without looks, and four more: `p` for a number that the sheet shows as a
    percentage, `z` for one that it shows with more digits than it has; the text is then what the sheet shows. `x` is an
    amount that the sheet shows as another, `r` one that it shows rounded; the text is what the cell holds.
    """

    texts: Sequence[str]
    kinds: Sequence[str]


@dataclass(frozen=True)
class _ShownNumbers:
    """What the number formats of a column make of its numbers."""

    formats: tuple[str, ...]
    field: str | None

    @classmethod
    def of(cls, column: Column) -> _ShownNumbers | None:
        """None for a column whose numbers are shown as they are."""
        shown = cls((column.number_format, *column.other_formats), column.field)
        return shown if shown._format_of else None

    @cached_property
    def _format_of(self) -> dict[str, str]:
        """The letter of a number -> its format, for those that show something else than the number."""
        return {
            with_look("n", place): look
            for place, look in enumerate(self.formats)
            if is_percent(look)
            or (self.field in _IDENTIFIERS and digits_shown("1", look))
            or (self.field == Field.AMOUNT and self._is_no_plain_amount(look))
        }

    @staticmethod
    def _is_no_plain_amount(look: str) -> bool:
        may_round = decimals_shown(look, Decimal(1)) in {0, 1}
        return may_round or any(map(_is_fault_as_text, forms(look))) or may_show_another(look)

    def apply(self, texts: list[str], kinds: list[str]) -> None:
        """Put what is shown for what is held."""
        format_of = self._format_of
        for place, letter in enumerate(kinds):
            if letter in format_of:
                texts[place], kinds[place] = self._shown(texts[place], format_of[letter])

    def _shown(self, text: str, number_format: str) -> tuple[str, str]:
        """Text and kind of a number in a format that shows something else."""
        if is_percent(number_format):
            percent = format((Decimal(text) * 100).normalize(), "f")
            return f"{percent}%", "p"
        if self.field == Field.AMOUNT:
            value = Decimal(text)
            if _is_fault_as_text(with_texts("1", number_format, value)):
                return with_texts(text, number_format, value), "s"
            if value > 0 and shows_another(number_format, value):
                return text, "x"
            places = decimals_shown(number_format, value)
            exact = money.without_noise(value) or value
            return text, "n" if places is None or exact == round(exact, places) else "r"
        shown = digits_shown(text, number_format)
        return (text, "n") if shown in {None, text} else (shown or "", "z")


def _is_fault_as_text(shown: str) -> bool:
    """Whether what a cell shows is no amount in Canadian dollars. A dash is how accountants show nothing."""
    return bool(shown.strip(" -")) and isinstance(money.parse(shown), money.Reason)


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where one field comes from. A constant overrules the sheet, a default fills its blank cells."""

    index: int | None = None
    constant: str = ""
    default: str = ""
    shown: _ShownNumbers | None = None

    def read(self, rows: Sequence[SheetRow]) -> RawColumn:
        """The field's column in `rows`."""
        if self.constant or self.index is None:
            return RawColumn([self.constant or self.default] * len(rows), "s" * len(rows))
        at = self.index
        texts = [row.cells[at] for row in rows]
        kinds = [row.kinds[at] for row in rows]
        if self.shown:
            self.shown.apply(texts, kinds)
        if not "".join(kinds).isascii():
            kinds = [*map(kind_of, kinds)]
        if self.default:
            for place, text in enumerate(texts):
                if kinds[place] not in "ef" and not text.strip():
                    texts[place], kinds[place] = self.default, "s"
        return RawColumn(texts, kinds)


NOWHERE: Final = FieldSource()
"""A field that neither the sheet nor its mapping knows: blank in every row."""


@dataclass(frozen=True, slots=True)
class FieldSources:
    """Where each field that is known comes from, the column of whole names and their order, and the user's own."""

    by_field: dict[Field, FieldSource]
    whole_name: int | None = None
    name_order: NameOrder | None = None
    unused: tuple[Column, ...] = ()

    def index_of(self, field: Field) -> int | None:
        """The column that holds `field` itself, if one does."""
        return self.of(field).index

    def of(self, field: Field) -> FieldSource:
        """Where `field` comes from, known or not."""
        return self.by_field.get(field, NOWHERE)


def sources(table: CheckableTable) -> FieldSources:
    """Where the fields of `table` come from."""
    mapping = table.mapping
    columns = {Field(column.field): column for column in table.columns if column.field is not None}
    known = [field for field in Field if field in columns or field in mapping.constants or field in mapping.defaults]
    by_field = {
        field: FieldSource(
            index=column.index if column else None,
            constant=mapping.constants.get(field, ""),
            default=mapping.defaults.get(field, ""),
            shown=_ShownNumbers.of(column) if column else None,
        )
        for field in known
        for column in (columns.get(field),)
    }
    whole = [column.index for column in table.columns if column.has_whole_names]
    unused = tuple(column for column in table.columns if column.field is None and column.index not in whole)
    return FieldSources(by_field, whole[0] if whole else None, mapping.name_order, unused)
