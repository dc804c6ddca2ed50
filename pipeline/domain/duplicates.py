"""Whether a row is another one again: of its sheet, of its batch under another key, of another batch. Pure.

Keys change when `--identity` does, when references are filled in later, and for a row without a reference whenever
its content changes. Such a row has no history under its key, and would be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from pipeline.domain import attempt_rules
from pipeline.domain.model import Attempt, Column, Payment
from pipeline.domain.row_keys import HASHED, OWN, REFERENCE, Past, assign, occurrence
from schemas.faults import Fault

# ---------------------------------------------------------------------------------------------------------------
# In one sheet


def number_occurrences(
    base: str, contents: Sequence[bytes | None], tries: Mapping[int, Sequence[Attempt]]
) -> Iterator[tuple[str, Attempt | None]]:
    """The keys of the rows of one identity, in the sheet's order (`assign`), each with the request of which nobody can
    tell whether it is the changed form.

    `contents` are their fingerprints (None for a faulty row), `tries` what each occurrence has been through.
    """
    assigned = assign(contents, {number: _past(history) for number, history in tries.items()})
    for index, (content, number) in enumerate(zip(contents, assigned.occurrences, strict=True)):
        changed = None
        if content is not None and index in assigned.doubtful:
            changed = [one for one in tries[assigned.changed[0]] if one.outcome in attempt_rules.EFFECTIVE][-1]
        yield occurrence(base, number), changed


def _past(history: Sequence[Attempt]) -> Past:
    effective = {attempt.fingerprint for attempt in history if attempt.outcome in attempt_rules.EFFECTIVE}
    return Past(effective, {attempt.fingerprint for attempt in history} - effective)


def repeated_identity(number: int, differs: Iterable[str] = ()) -> Fault:
    """What is wrong with a row whose identity the row with this number has; `differs` are columns in which they do."""
    return Fault("duplicate-identity", details=(("row", str(number)), ("differs", ", ".join(differs))))


def differing_columns(columns: Sequence[Column], cells: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """The columns in which two rows of one identity differ, by more than the blanks that every reader tidies up."""
    pairs = zip(columns, cells, others, strict=False)
    return (
        " ".join(column.heading.split()) or column.letter
        for column, mine, other in pairs
        if mine.split() != other.split()
    )


# ---------------------------------------------------------------------------------------------------------------
# In another batch


class Charge(NamedTuple):
    """A row to send: the key of its attempts, and its content."""

    identity: str
    fingerprint: bytes


class SentCharge(NamedTuple):
    """A request that was made or may have been: what its sheet called its row, the key of its attempts, whether it is
    of the same batch, and whether it is new enough to be held against the same content.
    """

    named: str
    identity: str
    here: bool
    recent: bool


def rows_that_repeat(sent: SentCharge, same: Iterable[str], by_name: Mapping[str, Charge]) -> list[str]:
    """The rows that repeat a request: `same` have its content, `by_name` are known by more than their content.

    By its content a request is repeated in another batch only; by its name at any age, and in its own batch where it
    was sent under another row's key.
    """
    found: dict[str, None] = {}
    if not sent.here:
        # Named by own columns then, by its reference now: the names differ, the reference is in the content.
        own = sent.named.startswith(OWN)
        found = dict.fromkeys(
            name for name in same if sent.recent or (own and name in by_name and name.startswith(REFERENCE))
        )
    charge = by_name.get(sent.named)
    if charge is not None and not (sent.here and sent.identity == charge.identity):
        found[sent.named] = None
    return [*found]


# ---------------------------------------------------------------------------------------------------------------
# In the same batch, under another key


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

    `earlier` are the payments by their `marks`. `others` are the keys of payments that have another row of
    their own, None if that rules out all.
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
