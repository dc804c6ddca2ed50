"""The types that the rooms hand to each other, and the tree of failures with their exit codes.

Everything here is frozen. A fault of the user's data is a value (`schemas.faults.Fault`); a failure of the run is an
exception of this module. Nothing is both.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Final

from schemas.faults import Fault
from schemas.languages import Lang
from schemas.money import format_amount, to_cents


class Status(StrEnum):
    """The status of a row, by the user's words. The order is the order in which people read them."""

    CREATED = "created"
    ALREADY_CREATED = "already-created"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD = "held"
    NOT_SENT = "not-sent"


# ---------------------------------------------------------------------------------------------------------------
# A sheet


@dataclass(frozen=True, slots=True)
class Carried:
    """What a row of one of our own workbooks says of itself in our columns.

    `number` is its row in the sheet that it came from and `file` that sheet's name where the workbook says it (0 and
    "" otherwise), `request_id` the sessionId of its request.
    """

    number: int = 0
    file: str = ""
    request_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of the user's sheet: texts, and what kind of cell each came from.

    `number` is the row number in the user's own sheet, counted from 1 as a spreadsheet shows it (for a text file: the
    number of the record, headings included). `cells` has one text for each column, `""` when empty. `kinds` has one
    letter for each column: `s` text, `n` number, `d` date or time (ISO 8601 text), `b` boolean (`TRUE`/`FALSE`),
    `e` error value, `f` formula without a saved value. The letter of a number or date that looks unlike its column also
    says how (`kind_of`, `look_of`). `faults` are about the row's shape (too many cells). `carried` is what our own
    columns say, in a workbook of ours that is given back.
    """

    number: int
    cells: tuple[str, ...]
    kinds: str
    faults: tuple[Fault, ...] = ()
    carried: Carried | None = None


MAX_TEXT = 32_767
"""The most characters (UTF-16 units) of one cell. Excel: "Excel specifications and limits"."""


def units_of(text: str) -> int:
    """How many characters a spreadsheet counts in `text`."""
    return len(text) + sum(character > "\uffff" for character in text)


_LETTERS = 128


def with_look(kind: str, look: int) -> str:
    """The letter of a cell of this kind with its own number format: `look` counts from 1 in `Column.other_formats`."""
    return chr(ord(kind) + _LETTERS * look)


def kind_of(letter: str) -> str:
    """The kind in a letter of `SheetRow.kinds`, without its look."""
    return chr(ord(letter) % _LETTERS)


def look_of(letter: str) -> int:
    """The look in a letter of `SheetRow.kinds`: 0 as the column, else a place in its `other_formats`, from 1."""
    return ord(letter) // _LETTERS


WHOLE_NAMES: Final = "why_split"
"""`Column.why` of the column of whole names."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the sheet and how it was understood.

    `field` is the API's name when the column is one of ours, else None (the user's own, returned untouched). `why`
    is the code of how it was matched. `letter` is the spreadsheet's in the sheet that the row numbers are of, empty
    where that is not known. `number_format` is the workbook's own format, if any, and
    `other_formats` are those of single cells in it that differ from it.
    """

    index: int
    heading: str
    field: str | None
    why: str
    number_format: str = ""
    other_formats: tuple[str, ...] = ()
    letter: str = ""

    @property
    def has_whole_names(self) -> bool:
        """Whether first and last name are taken from it (`Mapping.split_names`)."""
        return self.why == WHOLE_NAMES


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The file that a batch came from. `sha256` is of its bytes, in hex.

    A workbook or a marked copy of ours names its `batch`, and the run that it is of: by the time when that began
    (`began`, ISO 8601) or, in older ones, by the digest of that run's file (`digest`). `partial` says that it holds
    only rows of an earlier sheet, so that what is not in it has not left the batch's sheet.
    """

    name: str
    sha256: str
    sheet: str = ""
    batch: str = ""
    began: str = ""
    digest: str = ""
    partial: bool = False


class NameOrder(StrEnum):
    """Which name stands first in a column of whole names."""

    GIVEN_FIRST = "given-first"
    SURNAME_FIRST = "surname-first"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, or the options that overrule it: which heading is which field, and what the sheet does not say.

    `columns` maps a heading, as it is in the sheet, to a field; `ignore` lists headings that are never ours;
    `constants` overrule the sheet, `defaults` fill blank cells. `expected` are all headings of the sheet for which
    the file was written, empty when it was written by hand. `split_names` names the column of whole names, which are
    `Surname, Given` or in `name_order`.
    """

    columns: MappingABC[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    constants: MappingABC[str, str] = field(default_factory=dict)
    defaults: MappingABC[str, str] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    split_names: str = ""
    name_order: NameOrder | None = None


# ---------------------------------------------------------------------------------------------------------------
# A payment


def folded(text: str) -> str:
    """`text` whatever its case: folded, then composed again, since folding can take an accent apart."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def without_accents(text: str) -> str:
    """`text` without accents and cedillas: `é` becomes `e`."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


@dataclass(frozen=True, slots=True)
class Payment:
    """One valid row, cleaned: what the API is asked for. Texts are NFC; absent optional fields are empty.

    `amount` is in dollars with at most two decimals, None when the payor chooses it. `language` is that of the API's
    e-mail to the payor, `EN` or `FR`, empty when nobody said.
    """

    reference_id: str
    first_name: str
    last_name: str
    email: str
    amount: Decimal | None
    send_link: bool
    direction: str = "DEBIT"
    middle_name: str = ""
    institution_code: str = ""
    transit_number: str = ""
    account_number: str = ""
    language: str = ""

    def content(self) -> tuple[str, ...]:
        """What a payor is asked for, without the reference: payor, amount in cents, the payee's account.

        Letter case of names and e-mail does not count, nor does who delivers the link and in which language.
        """
        payor = (self.first_name, self.middle_name, self.last_name, self.email)
        cents = "" if self.amount is None else str(to_cents(self.amount))
        return (*map(folded, payor), cents, self.institution_code, self.transit_number, self.account_number)

    def fingerprint(self) -> bytes:
        """A digest of reference and content, to recognise a repeat. Journals keep it: it may never change."""
        parts = (self.reference_id, *self.content())
        # Each part with its length: no two contents run together into one text.
        return sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()

    def describe(self, lang: Lang | None = None) -> str:
        """The content in words, for a person who compares two versions. The account is masked.

        Without a language the amount is as a sheet has it: what is kept is read in either.
        """
        names = " ".join(name for name in (self.first_name, self.middle_name, self.last_name) if name)
        amount = "-" if self.amount is None else f"{self.amount:.2f} CAD"
        if lang is not None and self.amount is not None:
            amount = format_amount(self.amount, lang)
        account = f"••{self.account_number[-4:]}" if self.account_number else ""
        return ", ".join(part for part in (self.reference_id, names, self.email, amount, account) if part)


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row after validation: a payment when it has no faults, else the reasons why not.

    `amount` is the readable amount of a faulty row too (totals by status count it), in dollars. `identity` is what
    makes the row itself in its batch; empty for a row too faulty to have one.
    """

    row: SheetRow
    payment: Payment | None
    amount: Decimal | None
    identity: str
    faults: tuple[Fault, ...] = ()
    notices: tuple[Fault, ...] = ()


# ---------------------------------------------------------------------------------------------------------------
# An attempt


class Outcome(StrEnum):
    """What is known of one attempt to create a request. It is about one attempt, never about a row."""

    OPEN = "open"
    """Its intent is durable and no outcome is: in flight, or what a crash leaves. Read as *perhaps*."""
    CREATED = "created"
    REJECTED = "refused"
    NOT_CREATED = "not-created"
    UNKNOWN = "perhaps"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST to the sessions endpoint, as the journal keeps it. `number` counts from 1 within the row's identity.

    `fingerprint` is of the content that was sent (reference, payor, amount, payee), `amount` is in dollars, `at` is
    when its intent became durable, `settled_at` when its outcome did, both aware.
    """

    number: int
    run: int
    outcome: Outcome
    fingerprint: bytes
    send_link: bool
    at: datetime
    settled_at: datetime | None = None
    session_id: str = field(default="", repr=False)
    reasons: tuple[Fault, ...] = ()
    reference_id: str = ""
    amount: Decimal | None = None
    summary: str = field(default="", repr=False)
    """The content that was sent, in words, for "both versions are shown"."""
    row: int = 0
    """The number of the row that it was sent for, in its sheet of then."""
    cancelled: bool = False
    """Whether its request was cancelled and not paid; set only where it matters (`attempts.mark_cancelled`)."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A request of another batch of the same environment that a row may repeat.

    It has the row's content (`fingerprint`: reference, payor, amount, payee), or what the row's reference names was
    requested with other content: `summary` has that in words. `at` is when it was sent, aware.
    """

    batch: str
    at: datetime
    outcome: Outcome
    session_id: str = field(default="", repr=False)
    fingerprint: bytes = b""
    summary: str = field(default="", repr=False)


# ---------------------------------------------------------------------------------------------------------------
# A session


@dataclass(frozen=True, slots=True)
class SessionState:
    """The last known state of a request, in the API's words (api: "State of a session").

    `session` is the session's word, `transactions` those of its transactions: never mix up the two levels.
    `amount` is in dollars. `known` is False when the API answered that there is no such session; the words are then
    those from before. `since` is when it was first seen so, aware.
    """

    session: str
    transactions: tuple[str, ...]
    amount: Decimal | None
    since: datetime
    known: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, when, about a row whose outcome was unknown.

    `row` is its number in the sheet of that time, `number` that of the try which is the session (or the last one),
    `outcome` either `CREATED`, with its session, or `NOT_CREATED`. `at` is aware.
    """

    identity: str = field(repr=False)
    row: int
    number: int
    outcome: Outcome
    session_id: str = field(repr=False)
    note: str = field(repr=False)
    who: str
    at: datetime


# ---------------------------------------------------------------------------------------------------------------
# What the journal tells the report


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row as the journal knows it now.

    `errors` hold everything that keeps it from having its session: faults, the API's reasons, why it is held, what is
    unknown. `reference_sent` and `amount_sent` are what the API was last asked for (dollars), None when nothing was
    ever sent. `created_at` is when the answer with the session id came, aware. `state` is what the API last said of
    the session, None when it was never asked. `file` is the sheet that the row came from. A row of the roll may have
    more requests than the one that it shows, asked for with other content: each is a `further` one behind it.
    `identity` is the key of its attempts.
    """

    row: SheetRow
    status: Status
    payment: Payment | None
    amount: Decimal | None
    session_id: str = ""
    launch_url: str = ""
    errors: tuple[Fault, ...] = ()
    notices: tuple[Fault, ...] = ()
    reference_sent: str | None = None
    amount_sent: Decimal | None = None
    attempts: int = 0
    created_at: datetime | None = None
    state: SessionState | None = None
    file: str = ""
    further: bool = False
    identity: str = field(default="", repr=False)

    @property
    def has_request(self) -> bool:
        """Whether a request of the row exists, also once its id was purged."""
        return self.created_at is not None

    @property
    def is_left_out(self) -> bool:
        """Whether a person left it out: it is invalid, and there is nothing to fix."""
        return self.status is Status.INVALID and any(fault.code == LEFT_OUT for fault in self.errors)


LEFT_OUT: Final = "left-out"
"""The error of a row that a person left out."""

NO_MONEY: Final = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Subtotal:
    """How many, and their dollars."""

    rows: int = 0
    amount: Decimal = NO_MONEY

    def plus(self, amount: Decimal | None) -> Subtotal:
        """With one more."""
        return Subtotal(self.rows + 1, self.amount + (amount or NO_MONEY))


def _no_rows() -> dict[Status, int]:
    return dict.fromkeys(Status, 0)


def _no_amounts() -> dict[Status, Decimal]:
    return dict.fromkeys(Status, NO_MONEY)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows have each status, and their dollars.

    Every status is present, zero included. A row without a readable amount counts as a row and adds no dollars.
    `left_out` are those of the invalid rows that a person left out. Totals of parts of a batch can be added.
    """

    counts: MappingABC[Status, int] = field(default_factory=_no_rows)
    amounts: MappingABC[Status, Decimal] = field(default_factory=_no_amounts)
    left_out: Subtotal = Subtotal()

    @property
    def rows(self) -> int:
        """All rows, whatever their status."""
        return sum(self.counts.values())

    @property
    def amount(self) -> Decimal:
        """The dollars of all rows, whatever their status."""
        return sum(self.amounts.values(), NO_MONEY)

    @property
    def to_fix(self) -> int:
        """The rows that are sent once a person has corrected or released them."""
        counts = self.counts
        return counts[Status.INVALID] + counts[Status.REJECTED] + counts[Status.HELD] - self.left_out.rows

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            {status: self.counts[status] + other.counts[status] for status in Status},
            {status: self.amounts[status] + other.amounts[status] for status in Status},
            Subtotal(self.left_out.rows + other.left_out.rows, self.left_out.amount + other.left_out.amount),
        )


@dataclass(frozen=True, slots=True)
class Whole:
    """What a whole batch comes to, by its roll.

    `totals` count each row once, in its newest form. `requests` are all requests that exist, with what was asked for;
    `cancelled` are those of them that were cancelled and not paid, `never_asked` the rows that have none and of which
    that is certain.
    """

    totals: Totals = field(default_factory=Totals)
    requests: Subtotal = Subtotal()
    cancelled: Subtotal = Subtotal()
    never_asked: Subtotal = Subtotal()

    def as_json(self) -> dict[str, object]:
        """For the JSON summaries: only texts, integers and objects."""
        return {
            "rows": self.totals.rows,
            "counts": {status.value: self.totals.counts[status] for status in Status},
            "amounts": {status.value: f"{self.totals.amounts[status]:.2f}" for status in Status},
            **{
                name: {"rows": figure.rows, "amount": f"{figure.amount:.2f}"}
                for name, figure in (
                    ("requests", self.requests),
                    ("cancelled", self.cancelled),
                    ("neverAsked", self.never_asked),
                )
            },
        }


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """A figure that the rows must agree with: `--expect-rows`, `--expect-total`, or a total line of the sheet.

    `where` is the option's name or `row 62` of the sheet; figures are rows or dollars, as text.
    """

    where: str
    expected: str
    found: str
    agrees: bool

    @property
    def counts_rows(self) -> bool:
        """Whether its figures are rows, not dollars."""
        return self.where == "--expect-rows"

    @property
    def row(self) -> int:
        """The row of the sheet where it is, 0 for what the user expects."""
        return int(self.where.removeprefix("row ")) if self.where.startswith("row ") else 0

    @property
    def difference(self) -> Decimal:
        """What the rows have more than expected, in rows or dollars."""
        return Decimal(self.found) - Decimal(self.expected)


@dataclass(frozen=True, slots=True)
class Approval:
    """A plan that a run was held against: who made it, approved it and sent it, and when (ISO 8601).

    What is empty is not known: a plan that was a file has no name, and an earlier version kept fewer times.
    """

    made_by: str
    made_at: str
    sent_by: str
    sent_at: str = ""
    approved_by: str = ""
    approved_at: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the workbook and the summaries say about a batch, except its rows.

    `stopped` is the English sentence of what ended the run early, with what fills it, or empty. `asked_at` is when the
    API was last asked about the batch's sessions, None when never; what is open longer than `open_days` is listed
    apart.
    `roll` says that the rows are all of the batch's, from all of its sheets, and not those of one run. `whole` is what
    the whole batch comes to, None where that is not known yet.
    Times are local, with their offset.
    """

    batch: str
    source: SourceFile
    environment: str
    columns: tuple[Column, ...]
    started_at: datetime
    ended_at: datetime | None
    identity: tuple[str, ...]
    controls: tuple[ControlTotal, ...] = ()
    notices: tuple[Fault, ...] = ()
    stopped: str = ""
    stopped_details: MappingABC[str, str] = field(default_factory=dict)
    dry_run: bool = False
    approval: Approval | None = None
    asked_at: datetime | None = None
    open_days: int = 7
    roll: bool = False
    whole: Whole | None = None

    @property
    def mark(self) -> str:
        """What names the run in a file of it: when it began, as the journal has it."""
        return self.started_at.astimezone(UTC).isoformat(timespec="microseconds")
