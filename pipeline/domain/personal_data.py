"""What may be kept of payments and faults once a batch's personal data is removed. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipeline.domain.model import Payment
from schemas.faults import Fault

HIDDEN: Final = "…"
"""What replaces a removed word."""
_KEPT: Final = frozenset({"status", "date", "batch", "row", "rows", "tries", "count", "days", "kind", "differs"})
"""Details of faults that are about the run and not about a person."""


def payment_without_person(payment: Payment) -> Payment:
    """A payment's reference, amount and way of delivery."""
    return Payment(payment.reference_id, "", "", "", payment.amount, payment.send_link, payment.direction)


def fault_without_person(fault: Fault) -> Fault:
    """The same fault without the cell's text and without words that may name somebody."""
    kept = ((key, told if key in _KEPT or key.endswith("_amount") else HIDDEN) for key, told in fault.details)
    return replace(fault, value="", details=tuple(kept))
