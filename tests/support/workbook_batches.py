"""Batches for the tests of the workbook: fictional people at example.com."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from xlsxwriter.utility import xl_col_to_name

from pipeline.domain.model import Column, ControlTotal, Payment, Report, ReportRow, SheetRow, SourceFile, Status
from schemas.faults import Fault

AT = datetime(2026, 11, 24, 12, 0, 5, tzinfo=timezone(timedelta(hours=-5)))

HEADINGS = (
    ("Invoice #", "referenceId", ""),
    ("First name", "firstName", ""),
    ("Last name", "lastName", ""),
    ("Email", "email", ""),
    ("Amount", "amount", "#,##0.00"),
    ("Institution", "institutionCode", ""),
    ("Transit", "transitNumber", ""),
    ("Account", "accountNumber", ""),
    ("Due", None, "dd/mm/yyyy"),
    ("Language", None, ""),
    ("Notes", None, ""),
)
KINDS = "ssssnsssdss"
PEOPLE = (("Zoé", "Tremblay"), ("Liam", "O'Brien-Smith"), ("Nadège", "Ångström"), ("Null", "True"), ("Mei", "王"))


def columns(*headings: tuple[str, str | None, str]) -> tuple[Column, ...]:
    return tuple(
        Column(index, heading, field, "why_own", number_format, letter=xl_col_to_name(index))
        for index, (heading, field, number_format) in enumerate(headings)
    )


def report(**changes: Any) -> Report:
    fields: dict[str, Any] = {
        "batch": "billing-2026-11",
        "source": SourceFile("billing-2026-11.xlsx", "3f" * 32, "November"),
        "environment": "sandbox http://127.0.0.1:8700",
        "columns": columns(*HEADINGS),
        "started_at": AT,
        "ended_at": AT + timedelta(minutes=2),
        "identity": ("referenceId",),
        "controls": (
            ControlTotal("row 75", "17507.00", "17507.00", agrees=True),
            ControlTotal("--expect-rows", "71", "70", agrees=False),
        ),
        "notices": (Fault("headings-repeated", details=(("rows", "41"),)),),
        **changes,
    }
    return Report(**fields)


def one_column(texts: list[str], kinds: str | None = None, number_format: str = "") -> tuple[Report, list[ReportRow]]:
    """A batch whose sheet has one column of the user's, with a cell a row."""
    kinds = kinds or "s" * len(texts)
    rows = [
        ReportRow(SheetRow(number, (text,), kind), Status.NOT_SENT, None, None)
        for number, (text, kind) in enumerate(zip(texts, kinds, strict=True), 2)
    ]
    return report(columns=columns(("Own", None, number_format))), rows


def month(size: int = 70) -> list[ReportRow]:
    """A month of a believable company, with every status in it."""
    return [_row(index) for index in range(size)]


def stream(rows: list[ReportRow]) -> Callable[[], Iterator[ReportRow]]:
    return lambda: iter(rows)


_ERRORS = {
    Status.INVALID: (Fault("missing", "firstName"), Fault("email-invalid", "email", "jane@@x.ca")),
    Status.REJECTED: (
        Fault(
            "refused", "accountNumber", "98765410000", (("status", "422"), ("message", "unknown account 98765410000"))
        ),
    ),
    Status.FAILED: (Fault("not-created-connection", details=(("cause", "no route to host"),)),),
    Status.UNKNOWN: (Fault("unknown-lost", details=(("cause", "reset by peer"),)),),
    Status.HELD: (Fault("held-repeat", details=(("date", "2026-11-20"), ("batch", "billing-2026-10"))),),
}
_MOSTLY = (Status.CREATED,) * 7


def _row(index: int) -> ReportRow:
    status = (*_MOSTLY, *Status)[index % 15]
    first, last = PEOPLE[index % len(PEOPLE)]
    amount = Decimal(f"{(index * 3739 % 90000) + 10}.{index % 100:02}")
    reference = f"INV-2026-{index:04}"
    email = f"payor{index}@example.com"
    account = "98765410000" if status is Status.REJECTED else f"{9876541 + index}"
    cells = (
        reference,
        first if status is not Status.INVALID else "",
        last,
        email,
        f"{amount.normalize():f}",
        "003",
        "30265",
        account,
        f"2026-12-{index % 28 + 1:02}",
        "fr" if index % 3 else "en",
        "R&D <monthly>",
    )
    language = cells[9].upper()
    payment = Payment(reference, first, last, email, amount, index % 4 == 0, account_number=account, language=language)
    made = status in {Status.CREATED, Status.ALREADY_CREATED}
    session = f"5f3c2a1e-{index:08}-4c1d"
    return ReportRow(
        SheetRow(index + 4, cells, KINDS),
        status,
        None if status is Status.INVALID else payment,
        amount,
        session if made else "",
        f"https://pay.example.com/session/{session}?lang=fr&step=1" if made else "",
        _ERRORS.get(status, ()),
        (Fault("text-cleaned", "lastName", last, (("read", last),)),) if index % 9 == 0 else (),
        reference if made else None,
        amount if made else None,
        int(status not in {Status.INVALID, Status.HELD, Status.NOT_SENT}),
        (AT + timedelta(seconds=index)).astimezone(UTC) if made else None,
    )
