"""Sheets, journals and a PostgreSQL server for the tests of the journal: fictional people at example.com."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.model import Carried, CheckedRow, Column, Outcome, Payment, ReportRow, SheetRow, SourceFile
from pipeline.journal import attempts, database, planning, queries, roll, runs, staging
from pipeline.journal.attempts import Intent, RepeatSearch, Settlement
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.planning import Forecast, PendingRow
from pipeline.journal.roll import Staged
from pipeline.journal.runs import RunStart
from pipeline.validation.identity import row_key
from schemas.faults import Fault
from schemas.fields import Field

FIRST = Path(__file__).with_name("journal_of_version_1.sql")
"""A journal as version 1 made it: one batch, one run, one row and one attempt, of `line("INV-1", own="c1")`."""
SECOND = Path(__file__).with_name("journal_of_version_2.sql")
"""A journal as version 0.1.0 of the program made it: a batch of two sheets and a workbook of ours given back."""
THIRD = Path(__file__).with_name("journal_of_version_3.sql")
"""A journal of version 3: a batch of a sheet and its next version; two payments are created."""
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WINDOW = timedelta(days=5)
DEFAULT = ("referenceId",)

HEADINGS = (
    ("Invoice", "referenceId"),
    ("First", "firstName"),
    ("Last", "lastName"),
    ("Email", "email"),
    ("Amount", "amount"),
    ("Contract", None),
)
COLUMNS = tuple(Column(index, heading, field, "own") for index, (heading, field) in enumerate(HEADINGS))


def payment(reference: str = "INV-1", amount: str = "250.00", who: str = "zoe", *, send_link: bool = True) -> Payment:
    """What a payor is asked for."""
    return Payment(reference, who.title(), "Tremblay", f"{who}@example.com", Decimal(amount), send_link)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sheet: a payment, the user's own column, and what is wrong with it."""

    payment: Payment
    own: str = ""
    faults: tuple[Fault, ...] = ()


def line(
    reference: str = "INV-1", amount: str = "250.00", who: str = "zoe", own: str = "", *, send_link: bool = True
) -> Line:
    """A valid line."""
    return Line(payment(reference, amount, who, send_link=send_link), own)


def faulty(reference: str = "INV-1", amount: str = "250.00", own: str = "") -> Line:
    """A line with a fault in its e-mail address."""
    return Line(payment(reference, amount), own, faults=(Fault("email-invalid", "email", "zoe@@example.com"),))


def checked(
    lines: Sequence[Line], identity: Sequence[str] = DEFAULT, carried: Sequence[Carried] = ()
) -> list[CheckedRow]:
    """The lines as the check room hands them over, their identities found by its own rule.

    `carried` is what a workbook of ours that is given back says of each.
    """
    rows = [SheetRow(number, _cells(each), "sssssn") for number, each in enumerate(lines, start=2)]
    if carried:
        told = zip(rows, carried, strict=True)
        rows = [replace(row, number=said.number or row.number, carried=said) for row, said in told]
    payments = [None if each.faults else each.payment for each in lines]
    texts = {
        Field.REFERENCE_ID: [each.payment.reference_id for each in lines],
        Field.EMAIL: [each.payment.email for each in lines],
    }
    identities = row_key(identity, COLUMNS).identities(rows, texts, payments)
    return [
        CheckedRow(row, paid, each.payment.amount, key, each.faults)
        for row, paid, each, key in zip(rows, payments, lines, identities, strict=True)
    ]


def _cells(each: Line) -> tuple[str, ...]:
    paid = each.payment
    return paid.reference_id, paid.first_name, paid.last_name, paid.email, str(paid.amount), each.own


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that is staged and planned."""

    journal: Journal
    batch: Batch
    run: int
    forecast: Forecast

    def to_send(self) -> list[PendingRow]:
        """The rows that it would send."""
        return self.journal.read(planning.to_send, self.run, self.batch.id, -1, 1000)

    def roll(self) -> list[ReportRow]:
        """The rows of its batch's roll."""
        return list(queries.roll_rows(self.journal, self.batch.id))

    def rows(self) -> list[ReportRow]:
        """Its rows as they stand now."""
        return list(queries.report_rows(self.journal, self.run))

    def statuses(self) -> list[str]:
        """The statuses in the sheet's order."""
        return [row.status.value for row in self.rows()]

    def codes(self) -> list[list[str]]:
        """The codes of what keeps each row from its session."""
        return [[fault.code for fault in row.errors] for row in self.rows()]

    def send(self, outcome: Outcome = Outcome.CREATED, now: datetime = NOW) -> list[PendingRow]:
        """Send all that is planned, each with one outcome; OPEN is a crash before the answer."""
        sent = self.to_send()
        for row in sent:
            attempt(self, row, outcome, now)
        return sent


def attempt(planned: Planned, row: PendingRow, outcome: Outcome, now: datetime = NOW) -> str:
    """One attempt: its intent, and its outcome unless it is OPEN; returns the session's id, if one was made."""
    number = len(row.history) + 1
    intend(planned, row, number, now)
    if outcome is Outcome.OPEN:
        return ""
    session = str(uuid4()) if outcome is Outcome.CREATED else ""
    settle(planned, Settlement(planned.batch.id, row.identity, number, outcome, now, session, STATUSES.get(outcome)))
    return session


STATUSES = {Outcome.CREATED: 201, Outcome.REJECTED: 400}


def intend(planned: Planned, row: PendingRow, number: int, now: datetime = NOW) -> None:
    """Record that an attempt is about to leave."""
    key = (planned.batch.id, planned.run, row.identity, number, row.number)
    intent = Intent(*key, row.payment, row.fingerprint, now, row.named)
    with planned.journal.engine.begin() as connection:
        attempts.intend(connection, [intent])


def settle(planned: Planned, *settlements: Settlement) -> None:
    """Record what became of attempts."""
    with planned.journal.engine.begin() as connection:
        attempts.settle(connection, settlements)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a run is asked for: the batch, its environment, identity and permissions."""

    batch: str = "billing"
    environment: str = "https://api.example.com"
    identity: tuple[str, ...] = DEFAULT
    permissions: Permissions = Permissions()
    purpose: str = "run"
    accepted: bool = True
    now: datetime = NOW
    source: SourceFile = SourceFile("billing.csv", "0" * 64)
    search: RepeatSearch = RepeatSearch(WINDOW, by_reference=False)
    carried: Sequence[Carried] = ()


ALOUD = Permissions(allow_repeats=True)
RESEND = Permissions(resend_unknown=True)


def plan(journal: Journal, lines: Sequence[Line], asked: Asked = Asked(), **changes: Any) -> Planned:
    """Stage and plan a sheet as `run` does."""
    asked = replace(asked, **changes)
    batch = journal.write(runs.ensure_batch, asked.batch, asked.environment, asked.now)
    beginning = RunStart(asked.purpose, asked.source, asked.environment, COLUMNS, asked.identity, asked.now)
    run = journal.write(runs.begin, batch.id, beginning)
    position = 0
    rows = checked(lines, asked.identity, asked.carried)
    for start in range(0, len(rows), 2):  # small chunks: a row and the one that it repeats are often apart
        position = staging.stage(journal, run, position, rows[start : start + 2])
    staged = Staged(run, batch.id, asked.source)
    journal.write(staging.finish, staged, beginning, asked.now)
    forecast = planning.plan(journal, staged, asked.permissions, asked.search, asked.now)
    if asked.purpose == "run" and asked.accepted:
        journal.write(roll.accept, run, asked.now)
    return Planned(journal, batch, run, forecast)


# ---------------------------------------------------------------------------------------------------------------
# Places for a journal

KINDS = ("sqlite", "postgresql")
_HOST = "127.0.0.1"


def open_and_close(url: str, steps: Sequence[database.Step] | None = None) -> None:
    """Open a journal as a program does that knows these steps, which brings it up to date."""
    with database.connect(url, steps):
        pass


@contextmanager
def place(kind: str, folder: Path) -> Iterator[str]:
    """A URL at which no journal is yet."""
    if kind == "sqlite":
        yield str(folder / "journal.sqlite")
        return
    user = _user()
    if user is None:
        reason = f"no PostgreSQL server answers at {_HOST}:5432"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    name = f"journal_{uuid4().hex[:12]}"
    _on_server(user, f'CREATE DATABASE "{name}"')
    try:
        yield f"postgresql://{user}@{_HOST}/{name}"
    finally:
        _on_server(user, f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _user() -> str | None:
    """Who may make databases on the server, None without one."""
    for user in ("postgres", "root"):
        try:
            _on_server(user, "SELECT 1")
        except psycopg.OperationalError:
            continue
        return user
    return None


def _on_server(user: str, statement: str) -> None:
    with psycopg.connect(f"postgresql://{user}@{_HOST}/postgres", autocommit=True, connect_timeout=3) as connection:
        connection.execute(statement.encode())
