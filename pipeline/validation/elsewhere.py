"""A required cell that is empty while a column that is not used holds what it lacks: the cell is not called empty."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pipeline.domain.model import Column, SheetRow
from pipeline.validation.emails import clean_email
from schemas.fields import Field

_AMOUNT: Final = re.compile(
    r"\W*(?:CAD?)?\W*[0-9][0-9 ,.'\u00a0\u202f]*[.,][0-9]{2}\s*(?:\$|CAD)?|\$\s?[0-9]+", re.IGNORECASE
)
_NAME_HEADING: Final = re.compile(
    r"(?:\b|_)(?:name|nom|pr[ée]nom|customer|client|contact|tenant|locataire|payor|payer|payeur|patient|parent|member|membre)",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[^\W\d_][^\d@]*")


def held_elsewhere(field: Field, row: SheetRow, unused: Sequence[Column]) -> tuple[str, str] | None:
    """The heading and the value of the unused cell of `row` that holds what `field` lacks, if there is one."""
    holds = _HOLDS.get(field)
    if holds is None:
        return None
    cells = ((column.heading, row.cells[column.index].strip()) for column in unused)
    return next(((heading, text) for heading, text in cells if text and holds(heading, text)), None)


def _holds_email(_heading: str, text: str) -> bool:
    return "@" in text and bool(clean_email(text, "s").text)


def _holds_amount(_heading: str, text: str) -> bool:
    return _AMOUNT.fullmatch(text) is not None


def _holds_name(part: re.Pattern[str], heading: str, text: str) -> bool:
    """Whole names hold either; the other part of a name does not."""
    named = _NAME_HEADING.search(heading) is not None and part.search(heading) is None
    return named and _NAME.fullmatch(text) is not None


_HOLDS: Final[dict[Field, Callable[[str, str], bool]]] = {
    Field.EMAIL: _holds_email,
    Field.AMOUNT: _holds_amount,
    Field.FIRST_NAME: partial(
        _holds_name, re.compile(r"last|family|famille|surname|company|entreprise", re.IGNORECASE)
    ),
    Field.LAST_NAME: partial(_holds_name, re.compile(r"first|given|pr[ée]nom|company|entreprise", re.IGNORECASE)),
}
