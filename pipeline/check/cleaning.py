"""The columns of a chunk cleaned, each by the rules of its field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.check.accounts import clean_account
from pipeline.check.cells import BLANK, Cell, clean_text
from pipeline.check.choices import clean_choice, clean_yes_no
from pipeline.check.emails import clean_email
from pipeline.check.names import clean_name, split_name
from pipeline.check.origins import Origin, Origins
from pipeline.model import SheetRow
from schemas.fields import ACCOUNT_FIELDS, Field

Cells = dict[Field, list[Cell]]
"""The cleaned cells of a chunk, a list a field; fields that the sheet does not have are absent."""

_NOWHERE: Final = Origin()
_REQUIRED: Final = (Field.FIRST_NAME, Field.LAST_NAME, Field.EMAIL)
_NAMES: Final = (Field.FIRST_NAME, Field.MIDDLE_NAME, Field.LAST_NAME)
_CHOICES: Final = (Field.CURRENCY, Field.TYPE, Field.DIRECTION)


def clean(rows: Sequence[SheetRow], origins: Origins, production: bool) -> Cells:
    """All fields of `rows` but the amount, which the total lines need first."""
    cells: Cells = {}
    for field in Field:
        if field in _REQUIRED or field in origins.by_field:
            typed = origins.by_field.get(field, _NOWHERE).read(rows)
            if field in _NAMES:
                cells[field] = [clean_name(field, *cell) for cell in typed]
            elif field in _CHOICES:
                cells[field] = [clean_choice(field, *cell) for cell in typed]
            elif field is Field.EMAIL:
                cells[field] = [clean_email(*cell) for cell in typed]
            elif field is Field.SEND_INTERAC_LINK:
                cells[field] = [clean_yes_no(*cell) for cell in typed]
            elif field is Field.REFERENCE_ID:
                cells[field] = [clean_text(field, *cell) for cell in typed]
    if origins.whole_name is not None:
        _split_names(rows, origins.whole_name, cells)
    if any(field in origins.by_field for field in ACCOUNT_FIELDS):
        _clean_accounts(rows, origins, production, cells)
    return cells


def _split_names(rows: Sequence[SheetRow], at: int, cells: Cells) -> None:
    """First and last name from the column of whole names, wherever the sheet has none of its own."""
    pairs = [split_name(Field.LAST_NAME, Field.FIRST_NAME, row.cells[at], row.kinds[at]) for row in rows]
    for field, part in ((Field.LAST_NAME, 0), (Field.FIRST_NAME, 1)):
        cells[field] = [pair[part] if own is BLANK else own for own, pair in zip(cells[field], pairs, strict=True)]


def _clean_accounts(rows: Sequence[SheetRow], origins: Origins, production: bool, cells: Cells) -> None:
    institution, transit, account = (origins.by_field.get(field, _NOWHERE).read(rows) for field in ACCOUNT_FIELDS)
    cleaned = [clean_account(*parts, production) for parts in zip(institution, transit, account, strict=True)]
    for place, field in enumerate(ACCOUNT_FIELDS):
        cells[field] = [parts[place] for parts in cleaned]
