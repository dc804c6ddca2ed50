"""How values stand in the journal's text columns: compact JSON, Decimal as text, times as ISO 8601 in UTC.

What is read back is in local time (`TZ`, else the system's zone), with the offset that held then: the day of a time
from the journal is the day that the people here had, whoever shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pipeline.domain.approval import Person
from pipeline.domain.drafts import Release
from pipeline.domain.model import Approval, Column, ControlTotal, Payment
from pipeline.domain.plan_summary import PlanDetails, PlanFigures
from schemas.faults import Fault

_encoder: Final = msgspec.json.Encoder(decimal_format="string")
_cells: Final = msgspec.json.Decoder(tuple[str, ...])
_payment: Final = msgspec.json.Decoder(Payment)
_columns: Final = msgspec.json.Decoder(tuple[Column, ...])
_controls: Final = msgspec.json.Decoder(tuple[ControlTotal, ...])
_details: Final = msgspec.json.Decoder(dict[str, str])
_faults: Final = msgspec.json.Decoder(tuple[Fault, ...])


class _Account(msgspec.Struct):
    account_number: str = ""


_account: Final = msgspec.json.Decoder(_Account)

EMPTY: Final = "[]"


def dump(value: object) -> str:
    """JSON text of anything that this module reads back."""
    return _encoder.encode(value).decode()


def faults(text: str | None) -> tuple[Fault, ...]:
    """The faults in a column, none for an empty one."""
    return _faults.decode(text) if text and text != EMPTY else ()


def fault(text: str | None) -> Fault | None:
    """The one fault in a column, if any."""
    return msgspec.json.decode(text, type=Fault) if text else None


def release(text: str) -> Release | None:
    """Why a row is sent though it was held, if it was."""
    return msgspec.json.decode(text, type=Release) if text else None


def cells(text: str) -> tuple[str, ...]:
    """The texts of a row."""
    return _cells.decode(text)


def payment(text: str | None) -> Payment | None:
    """The cleaned content of a valid row."""
    return _payment.decode(text) if text else None


def account_number(text: str) -> str:
    """The account number alone of the cleaned content of a valid row: much faster than all of it."""
    return _account.decode(text).account_number


def approval(text: str | None) -> Approval | None:
    """Who approved a run, if anybody did."""
    return msgspec.json.decode(text, type=Approval) if text else None


def payloads(text: str) -> dict[int, str]:
    """The digest of each row of a plan, by its number."""
    return msgspec.json.decode(text, type=dict[int, str])


def plan_figures(text: str) -> PlanFigures:
    """What a plan comes to."""
    return msgspec.json.decode(text, type=PlanFigures)


def plan_details(text: str) -> PlanDetails | None:
    """What a plan says of people; None once it was removed."""
    return msgspec.json.decode(text, type=PlanDetails) if text else None


def columns(text: str) -> tuple[Column, ...]:
    """The columns of a sheet."""
    return _columns.decode(text)


def controls(text: str) -> tuple[ControlTotal, ...]:
    """The control totals of a run."""
    return _controls.decode(text)


def details(text: str) -> dict[str, str]:
    """What fills a sentence."""
    return _details.decode(text)


def dump_faults(values: Iterable[Fault]) -> str:
    """JSON text of some faults; the common empty list costs nothing."""
    listed = tuple(values)
    return dump(listed) if listed else EMPTY


def dump_time(moment: datetime) -> str:
    """A time as text that sorts: UTC, microseconds always there."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def time(text: str) -> datetime:
    """An aware time, in local time."""
    return datetime.fromisoformat(text).astimezone()


def time_or_none(text: str | None) -> datetime | None:
    """An aware time, in local time, or None where none is kept."""
    return time(text) if text else None


def who(record: Any) -> str:
    """Who wrote a record: `ana`, or `ana (billing)` where the database knows her by another name."""
    return str(Person(record.who, record.who_account))
