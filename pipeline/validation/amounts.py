"""Amount cells: from what people type, and what formulas leave, to plain decimal text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pipeline.validation.text import BLANK, Cell, clean_text
from schemas import money
from schemas.faults import Fault
from schemas.fields import Field
from schemas.money import Convention, Reason

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_CENTS: Final = re.compile(r"[0-9]+\.[0-9]{2}")
# An amount that no journal could hold as cents is shown in its fault, and counted nowhere.
_COUNTABLE: Final = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class AmountReader:
    """How the amounts of one file are read. `convention` comes from the whole column; amounts are in dollars."""

    convention: Convention
    notice_amount: Decimal
    max_amount: Decimal
    open_amount: bool

    def clean(self, text: str, kind: str) -> Cell:
        """Plain decimal text (`1234.50`), unrounded when it is at fault; blank stays blank."""
        if kind != "r":
            return self._clean(text, kind)
        cell = self._clean(text, "n")
        if cell.text is None or not _CENTS.fullmatch(cell.text):
            return cell
        rounded = Fault("shown-rounded", Field.AMOUNT, text, (("read_amount", cell.text),))
        return Cell(cell.text, (rounded, *cell.said))

    def _clean(self, text: str, kind: str) -> Cell:
        if len(text) > money.LONGEST:
            return Cell(None, (Fault(Reason.UNREADABLE.value, Field.AMOUNT, text),))
        if kind in "sn" and _CENTS.fullmatch(text):
            exact = Decimal(text)
            return self._judged(text, exact, exact, ())
        if kind == "s" and money.are_several(text):  # before the spaces are tidied
            return Cell(None, (Fault(Reason.SEVERAL.value, Field.AMOUNT, text),))
        cell = clean_text(Field.AMOUNT, text, kind)
        if cell.text is None:
            return cell
        if not cell.text:
            return Cell("", (Fault("amount-open", Field.AMOUNT),)) if self.open_amount else BLANK
        if "%" in cell.text and not cell.text.strip("0123456789.,%+-() "):
            return Cell(None, (Fault("percentage", Field.AMOUNT, text),))
        # A number cell is plain decimal text and never ambiguous; anything else is read as people write.
        is_plain = kind == "n" and _NUMBER.fullmatch(cell.text)
        value = Decimal(cell.text) if is_plain else money.parse(cell.text, self.convention)
        if isinstance(value, Reason):
            return Cell(None, (Fault(value.value, Field.AMOUNT, text),))
        said: tuple[Fault, ...] = ()
        if kind != "n" and money.is_ambiguous(cell.text):
            said = (Fault("amount-by-convention", Field.AMOUNT, text, (("read_amount", f"{value:f}"),)),)
        return self._judged(text, value, money.without_noise(value), said)

    def _judged(self, text: str, value: Decimal, settled: Decimal | None, said: tuple[Fault, ...]) -> Cell:
        """`settled` is `value` to the cent, None when it has more decimals than that."""
        if settled is None:
            return Cell(f"{value:f}")  # at fault: how it was read is no news
        if settled != value:
            said = (*said, Fault("amount-noise", Field.AMOUNT, text, (("read_amount", f"{settled:f}"),)))
        if self.notice_amount < settled <= self.max_amount:
            said = (*said, Fault("amount-large", Field.AMOUNT, text, (("limit_amount", f"{self.notice_amount:f}"),)))
        return Cell(f"{settled:f}", said)


def countable(text: str | None) -> Decimal | None:
    """The amount that totals count for a row, at two decimals, also when it can't be sent; None when unreadable.

    `text` is what `AmountReader.clean` gave.
    """
    if not text:
        return None
    value = Decimal(text)
    if text[-3:-2] != ".":
        value = money.to_the_cent(value)
    return value if abs(value) < _COUNTABLE else None
