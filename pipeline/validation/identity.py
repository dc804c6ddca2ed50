"""What makes a row itself in its batch.

Identities are kept in journals for years, so they are part of the format: they may never change for the same content.
Texts are joined as JSON lists, whose separators no cell can forge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from pipeline.domain.errors import SheetOptionError
from pipeline.domain.model import Column, Payment, SheetRow, folded
from schemas.fields import Field

OCCURRENCE: Final = "#"
"""In `--identity`: equal rows are the first, the second … of their kind. The journal counts them."""

Texts = Mapping[Field, Sequence[str]]
"""The cleaned texts of a chunk, a column a field."""

Part = Callable[[Sequence[SheetRow], Texts], Sequence[str]]
"""One column of a custom identity."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """How the identities of rows are found. `parts` is empty for the default: the reference, else a hash."""

    parts: tuple[Part, ...] = ()

    def identities(self, rows: Sequence[SheetRow], texts: Texts, payments: Sequence[Payment | None]) -> list[str]:
        """The identity of each row without its occurrence: `ref:…`, `key:[…]`, or `row:` and a hash.

        Empty for a faulty row that has nothing else to be known by: its hash would be of what is wrong.
        """
        if self.parts:
            keys = zip(*(part(rows, texts) for part in self.parts), strict=True)
            named = ["key:" + _joined(key).decode() if any(key) else "" for key in keys]
        else:
            references = texts.get(Field.REFERENCE_ID, [""] * len(rows))
            named = [f"ref:{reference}" if reference else "" for reference in references]
        return [name or (_hashed(payment) if payment else "") for name, payment in zip(named, payments, strict=True)]


def row_key(names: Sequence[str], columns: Sequence[Column]) -> RowKey:
    """The key that `--identity` asks for.

    Raises UsageError for a name that is neither a field nor a heading of the sheet, or that two columns bear.
    """
    named = [name.strip() for name in names if name.strip() not in ("", OCCURRENCE)]
    if {name.casefold() for name in named} <= {Field.REFERENCE_ID.casefold()}:
        return RowKey()
    return RowKey(tuple(_part(name, columns) for name in named))


def _hashed(payment: Payment) -> str:
    """A row without a reference is known by its payor, amount and payee (interface: "A row")."""
    return "row:" + sha256(_joined(["identity/1", *payment.content()])).hexdigest()


def _joined(texts: Sequence[str]) -> bytes:
    return msgspec.json.encode(texts)


def _part(name: str, columns: Sequence[Column]) -> Part:
    """Where one name of `--identity` is found: a field, or a heading of the sheet."""
    for field in Field:
        if field.value.casefold() == name.casefold():
            return _of_field(field)
    bearing = [column for column in columns if folded(column.heading.strip()) == folded(name)]
    if not bearing:
        headings = ", ".join(column.heading for column in columns if column.heading)
        raise SheetOptionError(
            '--identity names "{name}", which is neither a field nor a heading of this '
            "sheet. Use one of its headings: {headings}.",
            name=name,
            headings=headings,
        )
    if len(bearing) > 1:
        raise SheetOptionError(
            '--identity names "{name}", but several columns have this heading. Rename one of them in the sheet.',
            name=name,
        )
    column = bearing[0]
    return _of_field(Field(column.field)) if column.field is not None else _of_column(column.index)


def _of_field(field: Field) -> Part:
    return lambda rows, texts: texts.get(field, [""] * len(rows))


def _of_column(at: int) -> Part:
    """A column of the user's own, whatever its spaces."""
    return lambda rows, _texts: [" ".join(row.cells[at].split()) for row in rows]
