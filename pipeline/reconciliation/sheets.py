"""The sheets of entries: which columns each place has, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from pipeline.domain.model import Column
from pipeline.messages import translate
from pipeline.reconciliation.balance import WITHOUT_DAY, Pile, pile_of
from pipeline.reconciliation.matching import Difference, ExpectedPayment, Hint, Match, MatchCategory
from pipeline.reconciliation.payments import CAD, Movement, ReportedPayment, ReportLine
from pipeline.reconciliation.sentences import DIFFERENCES, HEADINGS, HINTS, KINDS, METHODS, NEXT_STEPS, STATES
from pipeline.report.cells import CellStyle, amount_cell, count_cell, text_cell, user_cell
from pipeline.report.masking import mask
from pipeline.report.styles import FAULTY, LEFT, MONEY, RIGHT, TEXT, Looks
from schemas.languages import Lang
from schemas.money import format_amount

Value = str | int | Decimal | None

_LINE: Final = ("sessionId", "file", "line", "otherLines", "rowFile")
_UNPAID: Final = ("row", "payment", "reference", "name", "email", "asked", "status", "state", "completed")

COLUMNS: Final[Mapping[MatchCategory, tuple[str, ...]]] = {
    MatchCategory.MATCHED: (
        *("row", "payment", "reference", "name", "email", "kind", "asked", "paid", "status", "how", "deposited"),
        *_LINE,
    ),
    MatchCategory.PAID_DIFFERENTLY: (
        *("row", "payment", "reference", "email", "kind", "differs", "asked", "paid", "difference"),
        *("reportedAmount", "currency", "name", "reportedName", "account", "reportedAccount", "status", "how"),
        *("deposited", *_LINE),
    ),
    MatchCategory.PAID_TWICE: (
        *("row", "payment", "reference", "name", "email", "asked", "paid", "difference", "reportedAmount", "currency"),
        *("status", "how", "completed", "deposited", "transactionId", *_LINE),
    ),
    MatchCategory.RETURNED: (
        *("row", "payment", "reference", "name", "email", "asked", "paid", "difference", "reportedAmount", "currency"),
        *("status", "how", "completed", "deposited", "transactionId", *_LINE),
    ),
    MatchCategory.IN_REPORT_ONLY: (
        *("kind", "payment", "otherBatch", "reportedReference", "reportedName", "reportedEmail", "paid"),
        *("reportedAmount", "currency", "status", "completed", "deposited", "note", "sessionId", "file", "line"),
        "otherLines",
    ),
    MatchCategory.PROPOSALS: (
        *("row", "payment", "reference", "reportedReference", "name", "reportedName", "email", "how", "asked", "paid"),
        *("askedOn", "completed", "deposited", "status", "file", "line", "otherLines", "rowFile"),
    ),
    MatchCategory.WAITING: (*_UNPAID, *_LINE),
    MatchCategory.ENDED_UNPAID: (*_UNPAID, *_LINE),
    MatchCategory.UNKNOWN_STATE: (*_UNPAID, "paid", "deposited", "rowStatus", *_LINE),
    MatchCategory.IN_BATCH_ONLY: (
        *("row", "reference", "name", "email", "kind", "asked", "inSheet", "sessionId", "rowStatus", "note"),
        *("askedOn", "rowFile"),
    ),
}
"""The columns of each sheet, by the names that `HEADINGS` gives their headings."""

DATES: Final = frozenset({"completed", "deposited", "askedOn"})
PROSE: Final = frozenset({"note", "state", "otherLines"})

_COLOURED: Final = {
    "paid": Difference.AMOUNT,
    "currency": Difference.CURRENCY,
    "reportedName": Difference.NAME,
    "reportedAccount": Difference.ACCOUNT,
}
"""Cells that are coloured when they are what differs; the column `differs` says so in words."""
_PILE_OF_CELL: Final = {
    "currency": Pile.OTHER_CURRENCY,
    "reportedName": Pile.OTHER_NAME_OR_ACCOUNT,
    "reportedAccount": Pile.OTHER_NAME_OR_ACCOUNT,
}
"""Whose next step the note on a coloured cell gives, where it is not that of the match."""


class Row(NamedTuple):
    """One row of a sheet: of a match, a request and a movement of money, or a payment that moved none.

    `request` is the one that is shown, `is_first` whether this is the row in which it is counted; `number` counts the
    rows of the match from 1.
    """

    match: Match
    number: int
    request: ExpectedPayment | None
    is_first: bool
    payment: ReportedPayment | None
    movement: Movement | None

    @property
    def line(self) -> ReportLine | None:
        """The line of a report that it shows."""
        if self.movement is not None:
            return self.movement.line
        return self.payment.line if self.payment else None


def rows_of(match: Match) -> Iterator[Row]:
    """The rows of a match: as many as it has requests or movements of money, whatever is more."""
    shown: list[tuple[ReportedPayment | None, Movement | None]] = [
        (payment, movement) for payment in match.payments for movement in payment.movements or (None,)
    ]
    several = len(match.expected) > 1
    for at in range(max(len(shown), len(match.expected), 1)):
        first = at < len(match.expected)
        request = match.expected[at if several and first else 0] if match.expected and (first or not several) else None
        payment, movement = shown[at] if at < len(shown) else (None, None)
        yield Row(match, at + 1, request, first, payment, movement)


class Values:
    """What stands in each column of a row, before it becomes a cell."""

    def __init__(self, lang: Lang, *, show_accounts: bool = False) -> None:
        self._lang = lang
        self._show_accounts = show_accounts
        self._says = {name: getattr(self, f"_{name}") for name in {key for keys in COLUMNS.values() for key in keys}}

    def headings(self, keys: Sequence[str]) -> list[str]:
        """The headings of columns."""
        return [translate(HEADINGS[key], self._lang) for key in keys]

    def values(self, row: Row, keys: Sequence[str]) -> list[Value]:
        """What stands in each of these columns; None for nothing."""
        return [self._says[key](row) for key in keys]

    def notes(self, row: Row, values: Sequence[Value]) -> Iterator[tuple[int, str]]:
        """What the notes on the coloured cells of a row say, each with the index of its column."""
        if row.match.category is not MatchCategory.PAID_DIFFERENTLY:
            return
        for at, (key, value) in enumerate(zip(COLUMNS[row.match.category], values, strict=True)):
            if value not in {None, ""} and _COLOURED.get(key) in row.match.differences:
                step = NEXT_STEPS[_PILE_OF_CELL.get(key, pile_of(row.match))]
                how = translate("How to fix it: {how}", self._lang, how=translate(step, self._lang))
                yield at, f"{self._what_differs(key, row, value)}\n{how}"

    def _what_differs(self, key: str, row: Row, value: Value) -> str:
        match key:
            case "paid":
                asked, paid = (format_amount(amount, self._lang) for amount in (row.match.asked, row.match.paid))
                return translate("Requested: {asked}. Paid: {paid}.", self._lang, asked=asked, paid=paid)
            case "currency":
                return translate("The request is in CAD; the payment is in {currency}.", self._lang, currency=value)
            case "reportedName":
                return translate("The request has the name {name}.", self._lang, name=self._name(row) or "-")
            case _:
                return translate("The request has the account {account}.", self._lang, account=self._account(row))

    # One function a column

    @staticmethod
    def _row(row: Row) -> Value:
        return (row.request.row or None) if row.request else None

    @staticmethod
    def _rowFile(row: Row) -> Value:  # noqa: N802 - the key of the heading
        return row.request.file if row.request else None

    @staticmethod
    def _payment(row: Row) -> Value:
        return row.number

    @staticmethod
    def _reference(row: Row) -> Value:
        return row.request.reference if row.request else None

    @staticmethod
    def _name(row: Row) -> Value:
        return row.request.name if row.request else None

    @staticmethod
    def _email(row: Row) -> Value:
        return row.request.email if row.request else None

    @staticmethod
    def _asked(row: Row) -> Value:
        """In the first row of a request only, so that the column can be summed."""
        return row.request.amount if row.request and row.request.asked and row.is_first else None

    @staticmethod
    def _paid(row: Row) -> Value:
        foreign = row.payment is not None and row.payment.is_foreign
        return row.movement.dollars if row.movement and not foreign else None

    @staticmethod
    def _difference(row: Row) -> Value:
        return row.match.paid - row.match.asked if row.number == 1 else None

    @staticmethod
    def _inSheet(row: Row) -> Value:  # noqa: N802  the key of its heading
        return row.request.amount if row.request else None

    @staticmethod
    def _reportedAmount(row: Row) -> Value:  # noqa: N802
        return row.movement.amount if row.movement else row.line.amount if row.line else None

    @staticmethod
    def _currency(row: Row) -> Value:
        return (row.line.currency or CAD) if row.line else None

    def _account(self, row: Row) -> Value:
        account = row.request.account if row.request else ""
        return account if self._show_accounts else mask(account)

    def _reportedAccount(self, row: Row) -> Value:  # noqa: N802
        account = row.line.account if row.line else ""
        return account if self._show_accounts or not account.isdigit() else mask(account)

    @staticmethod
    def _reportedName(row: Row) -> Value:  # noqa: N802
        return row.line.name if row.line else None

    @staticmethod
    def _reportedEmail(row: Row) -> Value:  # noqa: N802
        return row.line.email if row.line else None

    @staticmethod
    def _reportedReference(row: Row) -> Value:  # noqa: N802
        return (row.line.reference or row.line.memo) if row.line else None

    @staticmethod
    def _transactionId(row: Row) -> Value:  # noqa: N802
        return row.line.transaction_id if row.line else None

    @staticmethod
    def _status(row: Row) -> Value:
        return row.line.status if row.line else None

    def _state(self, row: Row) -> Value:
        return translate(STATES[row.payment.state], self._lang) if row.payment else None

    def _how(self, row: Row) -> Value:
        return translate(METHODS[row.match.method], self._lang)

    def _kind(self, row: Row) -> Value:
        return translate(KINDS[pile_of(row.match)], self._lang)

    def _differs(self, row: Row) -> Value:
        return ", ".join(translate(DIFFERENCES[one], self._lang) for one in row.match.differences)

    @staticmethod
    def _otherBatch(row: Row) -> Value:  # noqa: N802
        return row.match.elsewhere

    @staticmethod
    def _rowStatus(row: Row) -> Value:  # noqa: N802
        return row.request.status if row.request else None

    def _note(self, row: Row) -> Value:
        if row.request is not None:
            return row.request.why
        return "; ".join(known(hint, self._lang) for hint in row.match.hints)

    @staticmethod
    def _completed(row: Row) -> Value:
        line = row.line
        return (line.completed or line.settled or line.created) if line else None

    def _deposited(self, row: Row) -> Value:
        """The day of the deposit, or why there is none; the same words are on the sheet `Deposits`."""
        day = row.movement.day if row.movement else ""
        return translate(WITHOUT_DAY[day], self._lang) if day and day in WITHOUT_DAY else day

    @staticmethod
    def _askedOn(row: Row) -> Value:  # noqa: N802
        return row.request.on.isoformat() if row.request and row.request.on else None

    @staticmethod
    def _sessionId(row: Row) -> Value:  # noqa: N802
        told = row.payment.told("session_id") if row.payment else ""
        return told or (row.request.session_id if row.request else "")

    @staticmethod
    def _file(row: Row) -> Value:
        return row.line.file if row.line else None

    @staticmethod
    def _line(row: Row) -> Value:
        return row.line.number if row.line else None

    @staticmethod
    def _otherLines(row: Row) -> Value:  # noqa: N802
        """Every line of the payment that has no row of its own, in its first row, so that none is hidden."""
        payment = row.payment
        if payment is None or row.movement is not next(iter(payment.movements), None):
            return None
        shown = [movement.line for movement in payment.movements] or [payment.line]
        lines = [line for line in payment.lines if line not in shown]
        return "; ".join(f"{line.file} {line.sheet} {line.number}".replace("  ", " ") for line in lines)


class Writer(Values):
    """Makes the cells of rows."""

    def __init__(self, looks: Looks, lang: Lang, *, show_accounts: bool) -> None:
        super().__init__(lang, show_accounts=show_accounts)
        self._plain = _TextStyles.of(looks)
        self._faulty = _TextStyles.of(looks, bg_color=FAULTY)
        self._prose = _TextStyles.of(looks, text_wrap=True)
        self._money = looks.style(num_format=MONEY, **RIGHT)
        self._faulty_money = looks.style(num_format=MONEY, **RIGHT, bg_color=FAULTY)
        self._whole = looks.style(num_format="0", **RIGHT)
        self._moment: CellStyle = looks.column(Column(0, "", None, ""))

    def cells(self, row: Row, values: Sequence[Value], refs: Sequence[str]) -> str:
        """The row as XML."""
        coloured = set(row.match.differences) if row.match.category is MatchCategory.PAID_DIFFERENTLY else set()
        keys = COLUMNS[row.match.category]
        parts = [
            self._cell(key, ref, value, faulty=_COLOURED.get(key) in coloured)
            for key, ref, value in zip(keys, refs, values, strict=True)
            if value is not None and value != ""
        ]
        return "".join(parts)

    def longest(self, category: MatchCategory, values: Sequence[Value]) -> int:
        """The length of the longest text that is wrapped."""
        pairs = zip(COLUMNS[category], values, strict=True)
        return max((len(str(value)) for key, value in pairs if key in PROSE and value), default=0)

    def listed(self, keys: Sequence[str], values: Sequence[Value], refs: Sequence[str]) -> str:
        """A row of a plain list as XML: its texts are wrapped."""
        cells = zip(keys, refs, values, strict=True)
        return "".join(
            self._cell(key, ref, value, wrapped=True) for key, ref, value in cells if value not in {None, ""}
        )

    def _cell(self, key: str, ref: str, value: Value, *, faulty: bool = False, wrapped: bool = False) -> str:
        if isinstance(value, Decimal):
            return amount_cell(ref, value, self._faulty_money if faulty else self._money)
        if isinstance(value, int):
            return count_cell(ref, value, self._whole)
        assert value is not None
        if key in DATES and value[:1].isdigit():
            return user_cell(ref, value, "d", self._moment)
        styles = self._faulty if faulty else self._prose if wrapped or key in PROSE else self._plain
        return text_cell(ref, value, styles.plain, styles.quoted)


def known(hint: Hint, lang: Lang) -> str:
    """What is known of an unmatched payment, in a few words."""
    amount = translate("amount chosen by the payor", lang) if hint.amount is None else format_amount(hint.amount, lang)
    what = translate(HINTS[hint.what], lang)
    if hint.batch:
        return translate("{what}: batch {batch} ({amount})", lang, what=what, batch=hint.batch, amount=amount)
    if hint.early:
        return translate(
            "{what}: row {row} ({amount}), but requested later", lang, what=what, row=hint.row, amount=amount
        )
    if hint.status:
        return translate("{what}: row {row}, not created ({status})", lang, what=what, row=hint.row, status=hint.status)
    return translate("{what}: row {row} ({amount})", lang, what=what, row=hint.row, amount=amount)


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
