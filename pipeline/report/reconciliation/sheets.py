"""The sheets of entries: which columns each place has, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from pipeline.model import Column
from pipeline.report.cells import Look, amount_cell, count_cell, text_cell, user_cell
from pipeline.report.looks import FAULTY, LEFT, MONEY, RIGHT, TEXT, Looks
from pipeline.report.masking import mask
from pipeline.report.reconcile import CAD, Claim, Difference, Entry, Payment, Place, reference_key
from pipeline.report.reconciliation.figures import kind_of, state_key
from pipeline.texts import say
from schemas.languages import Lang

Value = str | int | Decimal | None

_ROWS_FOR_EACH_PAYMENT: Final = frozenset({Place.PAID_DIFFERENTLY, Place.PAID_TWICE})

COLUMNS: Final[Mapping[Place, tuple[str, ...]]] = {
    Place.MATCHED: (
        *("row", "reference", "name", "email", "asked", "paid", "status", "how", "deposited"),
        *("sessionId", "file", "line", "otherLines", "rowFile"),
    ),
    Place.PAID_DIFFERENTLY: (
        *("row", "payment", "reference", "email", "kind", "differs", "asked", "paid", "difference"),
        *("reportedAmount", "currency", "name", "reportedName", "account", "reportedAccount", "status", "how"),
        *("deposited", "sessionId", "file", "line", "otherLines", "rowFile"),
    ),
    Place.PAID_TWICE: (
        *("row", "payment", "reference", "name", "email", "asked", "paid", "difference", "reportedAmount", "currency"),
        *(
            "status",
            "how",
            "completed",
            "deposited",
            "sessionId",
            "transactionId",
            "file",
            "line",
            "otherLines",
            "rowFile",
        ),
    ),
    Place.IN_REPORT_ONLY: (
        *("kind", "otherBatch", "reportedReference", "reportedName", "reportedEmail", "paid", "reportedAmount"),
        *("currency", "status", "completed", "deposited", "note", "sessionId", "file", "line", "otherLines"),
    ),
    Place.PROPOSALS: (
        *("row", "reference", "reportedReference", "name", "reportedName", "email", "asked", "paid", "askedOn"),
        *("completed", "deposited", "status", "file", "line", "otherLines", "rowFile"),
    ),
    Place.STILL_OPEN: (
        *("row", "reference", "name", "email", "asked", "status", "state", "completed", "sessionId", "file", "line"),
        *("otherLines", "rowFile"),
    ),
    Place.IN_BATCH_ONLY: (
        *(
            "row",
            "reference",
            "name",
            "email",
            "kind",
            "asked",
            "inSheet",
            "sessionId",
            "rowStatus",
            "note",
            "askedOn",
            "rowFile",
        ),
    ),
}
"""The columns of each sheet, by the keys of their headings in `texts/reconcile.toml` (`column_…`)."""

COUNTED: Final = frozenset({"row", "payment", "line"})
DOLLARS: Final = frozenset({"asked", "paid", "difference", "reportedAmount", "inSheet"})
DATES: Final = frozenset({"completed", "deposited", "askedOn"})
PROSE: Final = frozenset({"note", "state", "otherLines"})

_COLOURED: Final = {
    "paid": Difference.AMOUNT,
    "currency": Difference.CURRENCY,
    "reportedName": Difference.NAME,
    "reportedAccount": Difference.ACCOUNT,
}
"""Cells that are coloured when they are what differs; the column `differs` says so in words."""


class Row(NamedTuple):
    """One row of a sheet: an entry, and of its payments the one that this row shows."""

    entry: Entry
    payment: Payment | None
    number: int


def rows_of(entry: Entry) -> Iterator[Row]:
    """The rows of an entry: one, or one for each payment where that is what a person must see."""
    shown = entry.payments if entry.place in _ROWS_FOR_EACH_PAYMENT else entry.payments[:1]
    for number, payment in enumerate(shown, 1):
        yield Row(entry, payment, number)
    if not shown:
        yield Row(entry, None, 1)


class Writer:
    """Makes the cells of rows, and the values by which they are read back."""

    def __init__(self, looks: Looks, lang: Lang, never_asked: Mapping[str, Claim], *, show_accounts: bool) -> None:
        self._lang = lang
        self._never_asked = never_asked
        self._show_accounts = show_accounts
        self._plain = _TextStyles.of(looks)
        self._faulty = _TextStyles.of(looks, bg_color=FAULTY)
        self._prose = _TextStyles.of(looks, text_wrap=True)
        self._money = looks.style(num_format=MONEY, **RIGHT)
        self._faulty_money = looks.style(num_format=MONEY, **RIGHT, bg_color=FAULTY)
        self._whole = looks.style(num_format="0", **RIGHT)
        self._moment: Look = looks.column(Column(0, "", None, ""))
        self._says = {name: getattr(self, f"_{name}") for name in {key for keys in COLUMNS.values() for key in keys}}

    def headings(self, place: Place) -> list[str]:
        """The headings of a sheet."""
        return [say(f"reconcile.column_{key}", self._lang) for key in COLUMNS[place]]

    def values(self, row: Row) -> list[Value]:
        """What stands in each column, before it becomes a cell; None for nothing."""
        return [self._says[key](row) for key in COLUMNS[row.entry.place]]

    def cells(self, row: Row, values: Sequence[Value], refs: Sequence[str]) -> str:
        """The row as XML."""
        coloured = set(row.entry.differences) if row.entry.place is Place.PAID_DIFFERENTLY else set()
        keys = COLUMNS[row.entry.place]
        parts = [
            self._cell(key, ref, value, faulty=_COLOURED.get(key) in coloured)
            for key, ref, value in zip(keys, refs, values, strict=True)
            if value is not None and value != ""
        ]
        return "".join(parts)

    def longest(self, place: Place, values: Sequence[Value]) -> int:
        """The length of the longest text that is wrapped."""
        pairs = zip(COLUMNS[place], values, strict=True)
        return max((len(str(value)) for key, value in pairs if key in PROSE and value), default=0)

    def _cell(self, key: str, ref: str, value: Value, *, faulty: bool) -> str:
        if isinstance(value, Decimal):
            return amount_cell(ref, value, self._faulty_money if faulty else self._money)
        if isinstance(value, int):
            return count_cell(ref, value, self._whole)
        assert value is not None
        if key in DATES:
            return user_cell(ref, value, "d", self._moment)
        styles = self._faulty if faulty else self._prose if key in PROSE else self._plain
        return text_cell(ref, value, styles.plain, styles.quoted)

    # One function a column

    @staticmethod
    def _row(row: Row) -> Value:
        return (row.entry.claim.row or None) if row.entry.claim else None

    @staticmethod
    def _rowFile(row: Row) -> Value:  # noqa: N802 - the key of the heading
        return row.entry.claim.file if row.entry.claim else None

    @staticmethod
    def _payment(row: Row) -> Value:
        return row.number

    @staticmethod
    def _reference(row: Row) -> Value:
        return row.entry.claim.reference if row.entry.claim else None

    @staticmethod
    def _name(row: Row) -> Value:
        return row.entry.claim.name if row.entry.claim else None

    @staticmethod
    def _email(row: Row) -> Value:
        return row.entry.claim.email if row.entry.claim else None

    @staticmethod
    def _asked(row: Row) -> Value:
        """On the first row of an entry only, so that the column can be summed."""
        claim = row.entry.claim
        return claim.amount if claim and claim.asked and row.number == 1 else None

    @staticmethod
    def _paid(row: Row) -> Value:
        payment = row.payment
        return payment.paid if payment and payment.is_paid and not payment.is_foreign else None

    @staticmethod
    def _difference(row: Row) -> Value:
        return row.entry.paid - row.entry.asked if row.number == 1 else None

    @staticmethod
    def _inSheet(row: Row) -> Value:  # noqa: N802  the key of its heading
        return row.entry.claim.amount if row.entry.claim else None

    @staticmethod
    def _reportedAmount(row: Row) -> Value:  # noqa: N802
        return row.payment.line.amount if row.payment else None

    @staticmethod
    def _currency(row: Row) -> Value:
        return (row.payment.line.currency or CAD) if row.payment else None

    def _account(self, row: Row) -> Value:
        account = row.entry.claim.account if row.entry.claim else ""
        return account if self._show_accounts else mask(account)

    def _reportedAccount(self, row: Row) -> Value:  # noqa: N802
        account = row.payment.line.account if row.payment else ""
        return account if self._show_accounts or not account.isdigit() else mask(account)

    @staticmethod
    def _reportedName(row: Row) -> Value:  # noqa: N802
        return row.payment.line.name if row.payment else None

    @staticmethod
    def _reportedEmail(row: Row) -> Value:  # noqa: N802
        return row.payment.line.email if row.payment else None

    @staticmethod
    def _reportedReference(row: Row) -> Value:  # noqa: N802
        return row.payment.line.reference if row.payment else None

    @staticmethod
    def _transactionId(row: Row) -> Value:  # noqa: N802
        return row.payment.line.transaction_id if row.payment else None

    @staticmethod
    def _status(row: Row) -> Value:
        return row.payment.line.status if row.payment else None

    def _state(self, row: Row) -> Value:
        return say(state_key(row.payment.line.meaning), self._lang) if row.payment else None

    def _how(self, row: Row) -> Value:
        return say(f"reconcile.how_{row.entry.how.value}", self._lang)

    def _kind(self, row: Row) -> Value:
        return say(f"reconcile.kind_{kind_of(row.entry).value}", self._lang)

    def _differs(self, row: Row) -> Value:
        return ", ".join(say(f"reconcile.differs_{one.value}", self._lang) for one in row.entry.differences)

    @staticmethod
    def _otherBatch(row: Row) -> Value:  # noqa: N802
        return row.entry.elsewhere

    @staticmethod
    def _rowStatus(row: Row) -> Value:  # noqa: N802
        return row.entry.claim.status if row.entry.claim else None

    def _note(self, row: Row) -> Value:
        claim, payment = row.entry.claim, row.payment
        if claim is not None:
            return claim.why
        other = self._never_asked.get(reference_key(payment.line.reference)) if payment else None
        if other is None:
            return None
        return say("reconcile.note_never_asked", self._lang, row=other.row, status=other.status)

    @staticmethod
    def _completed(row: Row) -> Value:
        line = row.payment.line if row.payment else None
        return (line.completed or line.settled or line.created) if line else None

    @staticmethod
    def _deposited(row: Row) -> Value:
        return row.payment.line.deposit_day if row.payment else None

    @staticmethod
    def _askedOn(row: Row) -> Value:  # noqa: N802
        claim = row.entry.claim
        return claim.on.isoformat() if claim and claim.on else None

    @staticmethod
    def _sessionId(row: Row) -> Value:  # noqa: N802
        told = row.payment.line.session_id if row.payment else ""
        return told or (row.entry.claim.session_id if row.entry.claim else "")

    @staticmethod
    def _file(row: Row) -> Value:
        return row.payment.line.file if row.payment else None

    @staticmethod
    def _line(row: Row) -> Value:
        return row.payment.line.number if row.payment else None

    @staticmethod
    def _otherLines(row: Row) -> Value:  # noqa: N802
        """Every other line of the entry that this row stands for, so that none is hidden."""
        if row.payment is None:
            return None
        lines = list(row.payment.lines[1:])
        if row.entry.place not in _ROWS_FOR_EACH_PAYMENT:
            lines += [line for payment in row.entry.payments[1:] for line in payment.lines]
        return "; ".join(f"{line.file} {line.sheet} {line.number}".replace("  ", " ") for line in lines)


@dataclass(frozen=True, slots=True)
class _TextStyles:
    plain: int
    quoted: int

    @classmethod
    def of(cls, looks: Looks, **extra: object) -> _TextStyles:
        return cls(
            looks.style(num_format=TEXT, **LEFT, **extra),
            looks.style(num_format=TEXT, **LEFT, quote_prefix=True, **extra),
        )
