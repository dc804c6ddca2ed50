"""Lines that are no rows: totals and taxes, which are checked against the rows, names of groups, and notes.

Evidence decides, not a word in front. A line is a total when its amount is the sum of what stands above it (of the
group, the page or the table), or when it has a total's word and nothing of its own: no reference, name or e-mail. A
line with an amount and something of its own is a row, and anything doubtful stays one and is faulted. Nothing is left
out in silence, and no amount that a sum does not explain (issues "Sheets as finance teams really have them", point 3,
and "Reading: nothing vanishes", point 7).
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from pipeline.domain.model import ControlTotal, SheetRow
from pipeline.validation.field_sources import FieldSources
from schemas import money
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, Field

_A_TOTAL: Final = (
    r"(?:sub|sous|grand)?[\s-]*(?:totals?|totaux)|somme|sum|carried (?:forward|over)|brought forward|à reporter"
)
_WITH_A_TOTAL: Final = (
    r"grand|sub|sous|net|overall|montant|report|page|general|général|générale|amount|due|dû|owing|à|payer|cad|of|des?|du"
    r"|la|les?|the|for|all|tous|toutes|invoices?|factures?|rows?|lignes?|records?|enregistrements?|ttc|outstanding|open"
    r"|group|groupe|month|mois|batch|lot|table|sheet|feuille|clients?|customers?|balance|solde"
)
_WHOLLY_A_TOTAL: Final = re.compile(
    rf"\W*(?:(?:{_WITH_A_TOTAL})\W+)*(?:{_A_TOTAL})(?:\W+(?:{_WITH_A_TOTAL}))*\W*[0-9]*\W*", re.IGNORECASE
)
_PERHAPS_A_TOTAL: Final = re.compile(
    rf"\W*(?:(?:net|overall|montant|report)[\s-]*)?(?:{_A_TOTAL})\b(?!\w)|.*\btotals?\s*:?\s*$", re.IGNORECASE
)
_SUBTOTAL: Final = re.compile(r"\W*su[bs][\s-]*tota|\W*sous[\s-]*tota", re.IGNORECASE)
_OF_A_GROUP: Final = re.compile(rf"\W*(?:{_A_TOTAL})\s+(?:(?:for|pour|of|de|du)\s+)?(?P<group>.*\w)\W*", re.IGNORECASE)
_TAX: Final = re.compile(
    r"\b(?:t\.?p\.?s|t\.?v\.?q|tvh|tvp|tva|g\.?s\.?t|h\.?s\.?t|pst|q\.?s\.?t|rst|vat|taxe?s?)\b",
    re.IGNORECASE,
)
_RATE: Final = re.compile(r"([0-9]{1,2}(?:[.,][0-9]{1,4})?)\s*%")
_RATES: Final = tuple(map(Decimal, ("5", "6", "7", "8", "9.975", "10", "12", "13", "14", "14.975", "15")))
"""Sales taxes in Canada, in per cent."""
_NUMBER: Final = re.compile(r"[\s$()+\-.,\u00a0\u202f\u2212']*[0-9][0-9\s$()+\-.,\u00a0\u202f\u2212'%]*(?:CAD)?\s*")
_NOTE: Final = re.compile(r"\S+(?:\s+\S+){2,}|\W*(?:notes?|remarques?|nb|n\.b\.)\b.*|[*†].*", re.IGNORECASE | re.DOTALL)
_REMARK: Final = re.compile(r"(?=.*[^\W\d_]{2})(?:\D*|.*\s.*)", re.DOTALL)
_LETTERS: Final = re.compile(r"[^\W\d_]{2}")
_LEAST_ROWS_OF_A_SUM: Final = 2
_TAX_TOLERANCE: Final = Decimal("0.02")
"""Dollars: each row's tax may be rounded by itself."""
_MOST_GROUPS: Final = 200
_MOST_NOTICES: Final = 5
"""So many lines are named each by itself; more of one kind are one notice."""


UNEXPLAINED: Final = frozenset(("total-differs", "tax-unexplained"))
"""The errors of lines that are no payments: no sum explains their amounts."""

_OF_MANY: Final = {
    "total-agrees": "totals-agree",
    "total-unread": "totals-unread",
    "tax-line": "tax-lines",
    "group-line": "group-lines",
    "note-line": "note-lines",
}


class LineRole(Enum):
    """What a line of the sheet is."""

    ROW = auto()
    TOTAL = auto()
    TAX = auto()
    GROUP = auto()
    NOTE = auto()
    BLANK = auto()


@dataclass(frozen=True, slots=True)
class Groups:
    """What the total lines of the sheet say of its groups: their names, and whether there are any totals at all."""

    names: frozenset[str] = frozenset()
    totalled: bool = False


@dataclass(frozen=True, slots=True)
class LineReader:
    """Tells rows from lines that are none. `last_payment` is the number of the last row that looks like a payment."""

    reference: int | None
    names: tuple[int, ...]
    account: tuple[int, ...]
    email: int | None
    amount: int | None
    last_payment: int = 0
    groups: Groups = Groups()

    def looks_like_payment(self, row: SheetRow) -> bool:
        """Whether a row has an e-mail address, or two of reference, names and amount."""
        cells = row.cells
        if self.email is not None and "@" in cells[self.email]:
            return True
        payor = self.names if self.reference is None else (self.reference, *self.names)
        filled = sum(1 for at in payor if _LETTERS_OR_DIGITS.search(cells[at]) and not is_total(cells[at]))
        return filled + (self.amount is not None and _says(cells[self.amount])) > 1

    def line(self, row: SheetRow, sums: RunningTotals, amount: Decimal | None) -> LineRole:
        """What this line is. `sums` knows what stands above it; `amount` is its own, if it can be read."""
        cells = row.cells
        if self.email is not None and "@" in cells[self.email]:
            return LineRole.ROW  # nearly every row of nearly every sheet
        if sums.totalled and self._trails(row) and self._is_remark(row):
            return LineRole.NOTE
        filled = [at for at, text in enumerate(cells) if _says(text)]
        if not filled:
            return LineRole.BLANK
        if self._is_group(row, filled):
            return LineRole.GROUP
        if self._has_own(cells, sums):
            is_note = len(filled) == 1 and self._trails(row) and filled[0] not in self.account
            return LineRole.NOTE if is_note and _NOTE.fullmatch(cells[filled[0]]) else LineRole.ROW
        texts = [cells[at] for at in filled]
        if self.amount in filled:
            return _with_amount(texts, sums, amount)
        if any(map(is_total, texts)):
            return LineRole.TOTAL
        return LineRole.NOTE if self._trails(row) else LineRole.ROW

    def _has_own(self, cells: Sequence[str], sums: RunningTotals) -> bool:
        """Whether a line has a reference, name, e-mail or account that is no total's word, count or ornament."""
        if any(_says(cells[at]) for at in self.account):
            return True
        if self.reference is not None and _is_own(reference := cells[self.reference]):
            return not (_NUMBER.fullmatch(reference) and reference.strip() in sums.counts)
        if self.email is not None and _is_own(cells[self.email]):
            return True
        return any(_is_own(cells[at]) and not _NUMBER.fullmatch(cells[at]) for at in self.names)

    def _is_group(self, row: SheetRow, filled: Sequence[int]) -> bool:
        """Whether the only thing in a line is the name of a group: where no field of ours stands, or as totals name it.

        A lone identifier may be all that is left of a row.
        """
        at, text = filled[0], row.cells[filled[0]]
        if len(filled) > 1 or self._trails(row) or at in self.account or not _LETTERS.search(text) or is_total(text):
            return False
        if at not in {self.reference, self.email, self.amount, *self.names}:
            return True
        named = " ".join(text.split()).casefold()
        if not self.groups.names.isdisjoint((named, named.partition(":")[2].strip() or named)):
            return True
        return at == 0 and self.groups.totalled and not any(map(str.isdecimal, text))

    def _is_remark(self, row: SheetRow) -> bool:
        """Whether one cell has words and all others nothing: under a total, thanks and not a payor.

        A lone identifier or number may be all that is left of a row.
        """
        filled = [at for at, text in enumerate(row.cells) if _says(text)]
        damaged = any(fault.code != "cell-count" for fault in row.faults)
        if len(filled) != 1 or damaged or filled[0] in self.account or is_total(row.cells[filled[0]]):
            return False
        return _REMARK.fullmatch(row.cells[filled[0]].strip()) is not None

    def _trails(self, row: SheetRow) -> bool:
        return 0 < self.last_payment < row.number


def _with_amount(texts: Sequence[str], sums: RunningTotals, amount: Decimal | None) -> LineRole:
    """What a line with an amount and nothing of its own is. Without a total's word, one row makes no sum."""
    if any(map(_is_wholly_a_total, texts)):
        return LineRole.TOTAL
    if amount is not None and any(map(_TAX.search, texts)):
        return LineRole.TAX
    least = 1 if any(map(is_total, texts)) else _LEAST_ROWS_OF_A_SUM
    return LineRole.TOTAL if sums.sums_up(amount, least) else LineRole.ROW


def line_reader(sources: FieldSources, last_payment: int = 0, groups: Groups = Groups()) -> LineReader:
    """The reader for a sheet in which the fields stand where `sources` says."""
    names = [sources.index_of(at) for at in (Field.FIRST_NAME, Field.LAST_NAME)]
    account = [sources.index_of(at) for at in ACCOUNT_FIELDS]
    return LineReader(
        reference=sources.index_of(Field.REFERENCE_ID),
        names=tuple(at for at in (*names, sources.whole_name) if at is not None),
        account=tuple(at for at in account if at is not None),
        email=sources.index_of(Field.EMAIL),
        amount=sources.index_of(Field.AMOUNT),
        last_payment=last_payment,
        groups=groups,
    )


def is_total(text: str) -> bool:
    """Whether a cell has a total's word at its begin or end, in English or French: a total's label, or a name."""
    return bool(text) and (_PERHAPS_A_TOTAL.match(text) is not None or _is_wholly_a_total(text))


def groups_named(row: SheetRow) -> Iterator[str]:
    """The groups that a total line names (`Total for Gagnon`); an empty text for a total of no group."""
    for text in row.cells:
        if is_total(text):
            group = _OF_A_GROUP.fullmatch(text)
            yield " ".join(group["group"].split()).casefold() if group else ""


_LETTERS_OR_DIGITS: Final = re.compile(r"\w")


def _is_own(text: str) -> bool:
    return _LETTERS_OR_DIGITS.search(text) is not None and not is_total(text) and _TAX.search(text) is None


def _is_wholly_a_total(text: str) -> bool:
    return bool(text) and _WHOLLY_A_TOTAL.fullmatch(text) is not None


def _says(text: str) -> bool:
    return bool(text) and not text.isspace()


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a group begins: the rows and their amount above, and the taxes. Amounts in dollars."""

    rows: Decimal = Decimal("0.00")
    count: int = 0
    taxes: Decimal = Decimal("0.00")


@dataclass(slots=True)
class RunningTotals:
    """The running sums of a sheet, and the lines left out so far. Amounts in dollars, faulty rows included.

    `total_lines` are the numbers of the lines that are totals, each with a control total where its amount can be read.
    """

    all_rows: Decimal = Decimal("0.00")
    counted: int = 0
    taxes: Decimal = Decimal("0.00")
    without_reference: int = 0
    totalled: bool = False
    controls: list[ControlTotal] = field(default_factory=list)
    total_lines: set[int] = field(default_factory=set)
    _marks: deque[_Mark] = field(default_factory=lambda: deque([_Mark()], _MOST_GROUPS))
    _left_out: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))

    @property
    def counts(self) -> frozenset[str]:
        """How many rows there are above, of the sheet and of the last group: what a total line may say too."""
        return frozenset((str(self.counted), str(self.counted - self._marks[-1].count)))

    @property
    def notices(self) -> list[Fault]:
        """What is said about the lines left out: each by itself, or many of one kind in one sentence."""
        said: list[Fault] = []
        for code, faults in self._left_out.items():
            if len(faults) <= _MOST_NOTICES:
                said += faults
                continue
            first, last = (dict(fault.details)["row"] for fault in (faults[0], faults[-1]))
            said.append(Fault(_OF_MANY[code], details=(("count", str(len(faults))), ("first", first), ("last", last))))
        return said

    def add(self, amount: Decimal | None) -> None:
        """Count a row."""
        if amount is not None:
            self.all_rows += amount
            self.counted += 1

    def sums_up(self, amount: Decimal | None, least: int = 1, taxes: Decimal | None = None) -> bool:
        """Whether `amount` is what at least so many rows above make: those of the group, of several, or all.

        `taxes` are further ones than those that are known to be taxes; with the taxes or without is both a sum.
        """
        more = taxes or Decimal(0)
        return amount is not None and any(
            self.counted - mark.count >= least
            and amount - self.all_rows + mark.rows in {Decimal(0) if taxes is None else more, self._taxes(mark) + more}
            for mark in (*self._marks, _Mark())
        )

    def _taxes(self, mark: _Mark) -> Decimal:
        return self.taxes - mark.taxes

    def is_tax(self, row: SheetRow, amount: Decimal) -> bool:
        """Whether the line's own rate, or one of Canada's, makes `amount` of the rows above, with taxes or without."""
        own = [Decimal(rate.replace(",", ".")) for text in row.cells for rate in _RATE.findall(text)]
        bases = {
            self.all_rows - mark.rows + taxes for mark in (*self._marks, _Mark()) for taxes in (0, self._taxes(mark))
        }
        return any(
            abs(money.to_the_cent(base * rate / 100) - amount) <= _TAX_TOLERANCE
            for base in bases
            for rate in own or _RATES
        )

    def add_tax(self, row: SheetRow, amount: Decimal) -> None:
        """Count a tax line, and say that it was left out."""
        self.taxes += amount
        self._say("tax-line", row, (("read_amount", f"{amount:f}"),))

    def close(self, row: SheetRow, amount: Decimal | None) -> Fault | None:
        """Check a total line against the rows above it. Returns its fault when no sum explains its amount."""
        label = _label(row)
        self.totalled = True
        self.total_lines.add(row.number)
        if amount is None:
            self._say("total-unread", row)
            return None
        agrees = self.sums_up(amount)
        mark = self._marks[-1]
        since = self.all_rows - mark.rows
        found = amount if agrees else since if _SUBTOTAL.match(label) else self.all_rows
        self.controls.append(ControlTotal(f"row {row.number}", f"{amount:f}", f"{found:f}", agrees))
        self.begin_group()
        details = (("expected_amount", f"{amount:f}"), ("found_amount", f"{found:f}"))
        if agrees:
            self._say("total-agrees", row, details)
            return None
        return Fault("total-differs", "", label, details)

    def begin_group(self) -> None:
        """What follows may have a total of its own."""
        if self._marks[-1].count != self.counted:
            self._marks.append(_Mark(self.all_rows, self.counted, self.taxes))

    def note(self, row: SheetRow, code: str = "note-line") -> None:
        """Say that a note under the table, or the name of a group, was left out."""
        self._say(code, row)

    def _say(self, code: str, row: SheetRow, details: tuple[tuple[str, str], ...] = ()) -> None:
        self._left_out[code].append(Fault(code, "", _label(row), (("row", str(row.number)), *details)))


def _label(row: SheetRow) -> str:
    """What a line says of itself: its total word, else its first text."""
    filled = [text for text in row.cells if _says(text)]
    return next(filter(is_total, filled), filled[0] if filled else "")
