"""Earlier payments of a batch that a row of the sheet may stand for, though its key is another. Pure.

Keys change when `--identity` does, when references are filled in later, and for a row without a reference whenever
its content changes. Such a row has no history under its key, and would be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.domain import attempt_rules
from pipeline.domain.model import Attempt, Payment
from pipeline.domain.row_keys import HASHED
from schemas.faults import Fault


@dataclass(frozen=True, slots=True)
class EarlierPayment:
    """An attempt with effect whose key no row of the sheet has. `otherwise` tells whether `--identity` was another."""

    key: str
    otherwise: bool
    attempt: Attempt
    payment: Payment


def reuse_earlier_payment(
    rows: Iterable[tuple[int, bytes]], earlier: Iterable[EarlierPayment]
) -> Iterator[tuple[int, str]]:
    """Rows (id and fingerprint) without history, each with the key of a payment with its content and no row of its own.

    Only of payments under another `--identity`: then every key is new, and every payor would be asked again. Under the
    same one a new key is what the user calls another row.
    """
    by_content: dict[bytes, dict[str, None]] = {}
    for payment in earlier:
        if payment.otherwise:
            by_content.setdefault(payment.attempt.fingerprint, {})[payment.key] = None
    taken: set[str] = set()
    for row, fingerprint in rows:
        if key := next((key for key in by_content.get(fingerprint, ()) if key not in taken), None):
            taken.add(key)
            yield row, key


def possible_duplicate(
    payment: Payment, key: str, earlier: Mapping[object, Sequence[EarlierPayment]], others: set[str] | None
) -> Fault | None:
    """Why a row without history is held: it looks like the changed form of an earlier payment.

    `earlier` are the payments by their `marks`. `others` are the keys of payments that have a row of their own beside
    this one, None where that rules out all.
    """
    if others is None:
        return None
    alike = (one for sign in signs(payment, key) for one in reversed(earlier.get(sign, ())))
    found = next((one for one in alike if one.key not in others), None)
    return None if found is None else _why(found, payment)


def _why(earlier: EarlierPayment, payment: Payment) -> Fault:
    both = earlier.payment.reference_id and payment.reference_id
    is_rewritten = both and earlier.payment.content() == payment.content()
    return (
        attempt_rules.rewritten(earlier.attempt)
        if is_rewritten
        else attempt_rules.changed(earlier.attempt, payment.describe())
    )


def marks(earlier: EarlierPayment, since: datetime) -> Iterator[object]:
    """By what an earlier payment is known again: the signs of a row that would be its changed form."""
    payment = earlier.payment
    if payment.reference_id:
        yield "rewritten", _bare(payment)
    if earlier.otherwise and payment.reference_id:
        yield "reference", payment.reference_id
    if not payment.reference_id and (earlier.otherwise or earlier.key.startswith(HASHED)):
        yield "gained a reference", _bare(payment)
        if earlier.attempt.at >= since:
            yield "payor", _payor(payment)
    if payment.reference_id:
        yield "lost its reference", _bare(payment)


def signs(payment: Payment, key: str) -> Iterator[object]:
    """What a row without history may be the changed form of."""
    if payment.reference_id:
        yield "reference", payment.reference_id
        yield "rewritten", _bare(payment)
        yield "gained a reference", _bare(payment)
    else:
        yield "payor", _payor(payment)
        if key.startswith(HASHED):
            yield "lost its reference", _bare(payment)


def _bare(payment: Payment) -> bytes:
    """A payment without its reference."""
    return replace(payment, reference_id="").fingerprint()


def _payor(payment: Payment) -> bytes:
    """Who pays, whatever is paid to whom."""
    bare = replace(payment, reference_id="", amount=None)
    return replace(bare, institution_code="", transit_number="", account_number="").fingerprint()
