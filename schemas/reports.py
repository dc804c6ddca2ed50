"""The reports of payments: what their columns are called, and what their words say.

Tables only; the words are in `report_aliases.toml`. Source: API notes, "Reports" and "State of a session".
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class ReportField(StrEnum):
    """What a column of a daily report can hold, by the names that a mapping file uses."""

    SESSION_ID = "sessionId"
    REFERENCE = "reference"
    TRANSACTION_ID = "transactionId"
    MEMO = "memo"
    AMOUNT = "amount"
    CREDIT = "credit"
    DEBIT = "debit"
    BALANCE = "balance"
    TYPE = "type"
    CURRENCY = "currency"
    NAME = "name"
    EMAIL = "email"
    ACCOUNT = "account"
    STATUS = "status"
    CREATED = "created"
    COMPLETED = "completed"
    SETTLED = "settled"


class Meaning(StrEnum):
    """What a report says about a payment.

    Paid means accepted or later; `SETTLED` is paid, and the money is there. `RETURNED` is money that came and went
    back. `ENDED` was never paid; `FAILED` was not either, unless an earlier line says so: then the money went back.
    `LOOK` is a word that this program does not know, or none: a person looks, nothing is concluded from it.
    """

    SETTLED = "settled"
    PAID = "paid"
    OPEN = "open"
    ENDED = "ended"
    FAILED = "failed"
    RETURNED = "returned"
    LOOK = "look"

    @property
    def is_paid(self) -> bool:
        """Whether the payor has paid."""
        return self in {Meaning.SETTLED, Meaning.PAID}


@cache
def column_tiers() -> dict[ReportField, tuple[tuple[str, ...], ...]]:
    """The headings of each field by how sure they are, the surest list first; its own name comes with the first."""
    table = _table()["columns"]
    tiers = {field: tuple(tuple(tier) for tier in table[field.value]) for field in ReportField}
    return {field: ((field.value, *first), *rest) for field, (first, *rest) in tiers.items()}


@cache
def status_words() -> dict[Meaning, tuple[str, ...]]:
    """The words that say each meaning; LOOK has none."""
    return {Meaning(name): tuple(words) for name, words in _table()["statuses"].items()}


class LineKind(StrEnum):
    """What the word in a column of transaction types says of the line's amount."""

    DEBIT = "debit"
    """Money that went out, whatever sign its amount has."""
    DEPOSIT = "deposit"
    """The sum of the payments below it, which were paid in together."""
    PART = "part"
    """One of these payments."""


@cache
def kind_words() -> dict[str, LineKind]:
    """The words of a column of transaction types, each with what it says."""
    return {word: LineKind(name) for name, words in _table()["types"].items() for word in words}


@cache
def subject_words() -> tuple[str, ...]:
    """Words before a status word that do not change it (`Payment declined`)."""
    return tuple(_table()["subjects"]["words"])


@cache
def session_words() -> dict[str, tuple[str, ...]]:
    """What distinguishes the state of a session from that of a payment: `headings`, `completed` and `underway`."""
    return {name: tuple(words) for name, words in _table()["session"].items()}


@cache
def balance_words() -> tuple[str, ...]:
    """What a line is called that tells a balance and no payment."""
    return tuple(_table()["lines"]["balance"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("schemas") / "report_aliases.toml").read_text("utf-8"))
