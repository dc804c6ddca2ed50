"""Rows with nothing in them that somebody typed: formulas filled down to zeros, constants, running numbers, unticked
boxes.

What a total, a group or a note is, is the business of `pipeline.validation.total_rows`; a row that has a payor, or an
amount
that is not zero, is never left out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.domain.model import Column, SheetRow, kind_of
from schemas.fields import ACCOUNT_FIELDS, Field

_ZERO: Final = re.compile(r"[\s$()+\-\u2013\u2014.,\u00a0\u202f]*(?:0[0.,\s\u00a0\u202f]*)?(?:[\s$)]|CAD)*-?\s*")
_UNTICKED: Final = frozenset(("FALSE", "FAUX", "☐", "□", "[ ]", "[]"))
_PAYOR: Final = frozenset((Field.FIRST_NAME, Field.MIDDLE_NAME, Field.LAST_NAME, Field.EMAIL, *ACCOUNT_FIELDS))
_SETTINGS: Final = frozenset((Field.CURRENCY, Field.TYPE, Field.DIRECTION, Field.SEND_INTERAC_LINK))
"""Fields that say nothing of a payment by themselves: they are the same in every row."""
_MOST_HELD: Final = 1000
"""Rows whose only content is a running reference are held back until it is known whether payments follow: so many."""


class ContentWatch:
    """Parts the rows of a table, from the top, into those with content and those without (`without`, their numbers).

    `email` is the place of the e-mail address, if there is one: a row that has it has content. `above` is the row seen
    last. `is_waiting` says that of some rows it is not known yet.
    """

    def __init__(self, columns: Sequence[Column], whole_name: str) -> None:
        """`whole_name` is the heading of the column of whole names, empty without one."""
        self.email = next((column.index for column in columns if column.field == Field.EMAIL), None)
        self.above: SheetRow | None = None
        self.is_waiting = False
        self.without: list[int] = []
        names = {whole_name} - {""}
        self._payor = [column.index for column in columns if column.field in _PAYOR or column.heading in names]
        self._amount = [column.index for column in columns if column.field == Field.AMOUNT]
        self._reference = [column.index for column in columns if column.field == Field.REFERENCE_ID]
        self._own = [column.index for column in columns if column.field is None]
        self._held: list[SheetRow] = []
        self._new: SheetRow | None = None

    def with_content(self, row: SheetRow) -> Iterator[SheetRow]:
        """The rows that are now known to have content, `row` or those held back."""
        above, self.above = self.above, row
        if any(row.cells[at].strip() for at in self._payor):
            yield from self.released()
            yield row
            return
        is_empty = not row.faults and not any(self._is_content(row, at) for at in self._amount)
        if self._new is not None:
            if is_empty and all(self._repeats(row, self._new, at) for at in self._own):
                self.without.append(self._new.number)
            else:
                yield self._new
            self._new = None
        if not is_empty or not all(self._repeats(row, above, at) for at in self._reference):
            yield row
        elif not all(self._repeats(row, above, at) for at in self._own):
            self._new = row  # a constant begins here, or it is the only row that has it
            self.is_waiting = True
        elif any(row.cells[at].strip() for at in self._reference) and len(self._held) < _MOST_HELD:
            self._held.append(row)
            self.is_waiting = True
        else:
            self.without.append(row.number)

    def released(self) -> Iterator[SheetRow]:
        """The rows held back, since a payment follows them: what else they had may be lost."""
        held, self._held, self.is_waiting = self._held, [], False
        yield from held
        if self._new is not None:
            new, self._new = self._new, None
            yield new

    def at_end(self) -> Iterator[SheetRow]:
        """The last row when it has content after all; what else was held back has none."""
        self.without = sorted([*self.without, *(row.number for row in self._held)])
        self._held = []
        if self._new is not None:
            yield self._new

    def _is_content(self, row: SheetRow, at: int) -> bool:
        """Whether a cell holds anything but a zero or an unticked box."""
        text = row.cells[at]
        return not (_ZERO.fullmatch(text) or text.strip() in _UNTICKED)

    def _repeats(self, row: SheetRow, above: SheetRow | None, at: int) -> bool:
        """Whether a cell holds nothing, or what the one above makes of it: the same, or the next number or day."""
        if not self._is_content(row, at):
            return True
        if above is None:
            return False
        text, before = row.cells[at].strip(), above.cells[at].strip()
        if kind_of(row.kinds[at]) == "d":
            return kind_of(above.kinds[at]) == "d"
        return text == before or (text.isdecimal() and before.isdecimal() and int(text) == int(before) + 1)
