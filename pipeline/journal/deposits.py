"""Deposits that a person ticked off against the bank: of an environment, by day, currency and amount."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from pipeline.journal import serialization
from pipeline.journal.tables import deposit_ticks
from schemas.money import from_cents, to_cents


@dataclass(frozen=True, slots=True)
class DepositKey:
    """What tells one consolidated deposit from another: the bank's day (ISO 8601), the currency, the amount in dollars.

    A deposit whose payments change has another amount: it is another one, which nobody has ticked.
    """

    day: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class DepositTick:
    """Who found a deposit at the bank, and when (aware)."""

    who: str
    at: datetime


def tick(connection: Connection, environment: str, deposit: DepositKey, by: DepositTick, *, ticked: bool) -> None:
    """Keep that a deposit is at the bank, or (not `ticked`) that this is taken back."""
    values = {"environment": environment, "day": deposit.day, "currency": deposit.currency, "ticked": ticked}
    values |= {"amount_cents": to_cents(deposit.amount), "who": by.who, "decided_at": serialization.dump_time(by.at)}
    connection.execute(insert(deposit_ticks).values(values))


def ticks(connection: Connection, environment: str) -> dict[DepositKey, DepositTick]:
    """The deposits of an environment that are ticked off."""
    chosen = select(deposit_ticks).where(deposit_ticks.c.environment == environment).order_by(deposit_ticks.c.id)
    last = {DepositKey(one.day, one.currency, from_cents(one.amount_cents)): one for one in connection.execute(chosen)}
    return {
        key: DepositTick(serialization.who(one), serialization.time(one.decided_at))
        for key, one in last.items()
        if one.ticked
    }
