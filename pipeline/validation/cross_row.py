"""What one payor looks like beside the others: a shared address, names swapped, an account of its own in every row; and
what the user's own columns say of the rows: that they are paid, cancelled, or credits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.domain.model import CheckedRow, Column, SheetRow
from pipeline.validation.cleaning import Columns
from pipeline.validation.column_profile import ColumnProfile
from pipeline.validation.names import is_not_to_be_used
from schemas.faults import Fault
from schemas.fields import ACCOUNT_FIELDS, Field

MOST_ADDRESSES: Final = 50_000
"""Addresses remembered at a time: memory must not grow with the file, so in a longer one the oldest are forgotten."""

_NOT: Final = frozenset(("do", "do not", "don't", "don\u2019t", "dont", "ne", "ne pas"))
"""How a first name begins to say, together with the last one, that the row is not to be used."""
_FEWEST_ACCOUNTS: Final = 2
_NO_CHARGE: Final = frozenset(
    (
        *("paid", "paid in full", "fully paid", "prepaid", "settled", "deposited", "written off", "write-off"),
        *("void", "voided", "cancelled", "canceled", "reversed", "refund", "refunded"),
        *("credit note", "credit memo", "credit memorandum", "receipt", "receipt voucher"),
        *("payé", "payée", "payés", "payées", "facture payée", "acquitté", "acquittée", "réglé", "réglée", "prépayé"),
        *("prépayée", "encaissé", "encaissée", "encaissement", "radié", "radiée", "annulé", "annulée", "annulés"),
        *("annulées", "remboursé", "remboursée", "remboursement", "renversé", "renversée", "note de crédit", "avoir"),
        *("paye", "payee", "payes", "payees", "facture payee", "acquitte", "acquittee", "regle", "reglee", "annule"),
        *("annulee", "annules", "annulees", "rembourse", "remboursee", "note de credit", "encaisse", "encaissee"),
    )
)
"""What billing programs call what is no charge to collect. One that is said to be so by mistake costs a look."""
_KINDS_OF_LISTS: Final = frozenset(("payment", "paiement"))
"""The same, unless every row says so: then it is only the kind of the list."""
_TICKS: Final = frozenset(("yes", "y", "oui", "o", "x", "true", "vrai", "✓", "✔"))


class CrossRowChecks:
    """Compares each payor with those before, and with what the profile says about the columns of names."""

    def __init__(self, profile: ColumnProfile, most_addresses: int = MOST_ADDRESSES) -> None:
        self._profile = profile
        self._most = most_addresses
        self._seen: OrderedDict[str, tuple[str, str, int]] = OrderedDict()

    def compare(self, rows: Sequence[SheetRow], columns: Columns) -> Iterator[tuple[int, tuple[Fault, ...]]]:
        """What is odd about the payors of a chunk, by the position of the row."""
        firsts, lasts = columns[Field.FIRST_NAME].texts, columns[Field.LAST_NAME].texts
        emails = columns[Field.EMAIL].texts
        for at, (first, last, email) in enumerate(zip(firsts, lasts, emails, strict=True)):
            if not (first and last):
                continue
            if first.casefold() in _NOT and is_not_to_be_used(whole := f"{first} {last}"):
                yield at, (Fault("name-not-to-be-used", Field.FIRST_NAME, whole),)
            if email and (other := self._other_payor(rows[at].number, first, last, email)):
                yield at, (Fault("email-shared", Field.EMAIL, email, (("row", str(other)),)),)
            if self._profile.swapped(first, last):
                yield at, (Fault("name-swapped", Field.LAST_NAME, last),)

    def _other_payor(self, row: int, first: str, last: str, email: str) -> int:
        """The number of the first row with this address, if it names another payor; else 0."""
        earlier = self._seen.get(email)
        if earlier is None:
            if len(self._seen) >= self._most:
                self._seen.popitem(last=False)
            self._seen[email] = (first, last, row)
            return 0
        same = earlier[0].casefold() == first.casefold() and earlier[1].casefold() == last.casefold()
        return 0 if same else earlier[2]


class AccountCounter:
    """Counts the accounts that would be paid into. A list of customers has their own accounts, one a row."""

    def __init__(self, most_accounts: int = MOST_ADDRESSES) -> None:
        self._most = most_accounts
        self._seen: set[tuple[str | None, ...]] = set()
        self._rows = 0

    def look_at(self, columns: Columns) -> None:
        """Count the accounts of a chunk; of a long file only its first rows, so that memory does not grow with it."""
        if Field.ACCOUNT_NUMBER not in columns or self._rows >= self._most:
            return
        accounts = [
            account for account in zip(*(columns[at].texts for at in ACCOUNT_FIELDS), strict=True) if all(account)
        ]
        self._rows += len(columns[Field.ACCOUNT_NUMBER].texts)
        self._seen.update(accounts)

    @property
    def notices(self) -> tuple[Fault, ...]:
        """A notice when nearly every row is paid into another account."""
        return accounts_differ(len(self._seen), self._rows)


def accounts_differ(count: int, rows: int) -> tuple[Fault, ...]:
    """A notice when so many `rows` are paid into so many different accounts that nearly every one has its own."""
    if count < _FEWEST_ACCOUNTS or count * 10 < rows * 9:
        return ()
    return (Fault("accounts-differ", details=(("count", str(count)),)),)


class NoChargeCounter:
    """Counts the rows to send of which a column of the user's own says that there is nothing to collect.

    It says so by a word alone in the cell (Paid, Void, Credit note), or by a tick under it. Whether the column is meant
    so can't be known: a notice names it.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._words = [(column, _words_of(column.heading)) for column in columns]
        self._rows = 0
        self._found: dict[tuple[int, str], _NoCharge] = {}

    def look_at(self, rows: Sequence[CheckedRow]) -> None:
        """Count the valid rows of a chunk."""
        valid = [one.row for one in rows if one.payment is not None]
        self._rows += len(valid)
        for column, words in self._words:
            for row in valid:
                text = row.cells[column.index].strip()
                if (word := text.casefold()) in words:
                    first = _NoCharge(column.heading, text, row.number)
                    self._found.setdefault((column.index, word), first).count += 1

    @property
    def notices(self) -> tuple[Fault, ...]:
        """A notice for each column and word."""
        return tuple(
            Fault(
                "column-says-no-charge",
                value=one.heading,
                details=(("examples", one.text), ("count", str(one.count)), ("row", str(one.row))),
            )
            for (_, word), one in self._found.items()
            if one.count < self._rows or word not in _KINDS_OF_LISTS
        )


@dataclass(slots=True)
class _NoCharge:
    """What a column says, as its first row writes it, of how many rows."""

    heading: str
    text: str
    row: int
    count: int = 0


def _words_of(heading: str) -> frozenset[str]:
    """What says in the cells under a heading that there is nothing to collect."""
    words = _NO_CHARGE | _KINDS_OF_LISTS
    return words | _TICKS if heading.casefold() in words else words
