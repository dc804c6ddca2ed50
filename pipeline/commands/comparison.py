"""The batch of the month before: for the sheet `Changes`, and for the slips that are shown before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pipeline.domain import comparison
from pipeline.domain.comparison import Before, Change, ChangeKind
from pipeline.domain.errors import UsageError
from pipeline.journal import evidence, planning, runs
from pipeline.journal.journal import Batch, Journal
from pipeline.journal.runs import OtherBatch


def month_before(journal: Journal, batch: Batch, name: str | None) -> OtherBatch | None:
    """The batch to compare with: the one of this name, else the month before by the batch's own name, if there is one.

    Raises UsageError for a name that can't be compared with.
    """
    others = {other.name: other for other in journal.read(runs.others_sent, batch)}
    if name is None:
        found = comparison.month_before(batch.name, [other.name for other in others.values() if not other.purged])
        return others[found] if found is not None else None
    if name == batch.name:
        raise UsageError("--compare {batch} names this batch itself. Name an earlier one.", batch=name)
    if name not in others:
        raise UsageError(
            "There is no batch {batch} in this environment. To list the batches: `flinks-import batches`.", batch=name
        )
    if others[name].purged:
        raise UsageError("The personal data of batch {batch} was removed. There is nothing to compare.", batch=name)
    return others[name]


def choosable(journal: Journal, batch: Batch) -> list[str]:
    """The batches that this one can be compared with, the one that was run last first."""
    return [other.name for other in reversed(journal.read(runs.others_sent, batch)) if not other.purged]


def before(journal: Journal, batch: Batch, run: int, name: str | None = None, over: int | None = None) -> Before | None:
    """What the month before asked for, to compare a run with; None when there is no month before.

    `name` is the batch to compare with, None for the month before by the batch's own name; `over` is the per cent that
    is worth a look. Raises UsageError for a name that can't be compared with.
    """
    other = month_before(journal, batch, name)
    if other is None:
        return None
    earlier = evidence.asked(journal, other.id)
    since = [asked for asked in evidence.asked(journal, batch.id) if asked.run != run]
    return Before(
        batch=other.name,
        at=other.at,
        charges=[comparison.charge_of(asked.payment) for asked in earlier if asked.payment is not None],
        over=comparison.DEFAULT_OVER if over is None else Decimal(over),
        since=[comparison.charge_of(asked.payment) for asked in since if asked.payment is not None],
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """A planned run beside the month before: every payor who differs, slips first; and the `slips` that look like
    typing errors among the amounts that it is about to send.
    """

    changes: tuple[Change, ...]
    slips: tuple[Change, ...]


def compared(journal: Journal, run: int, before: Before) -> Compared:
    """Hold a planned run against the month before."""
    valid = list(planning.valid_rows(journal, run))
    sending = {row.number for row in valid if row.plan == "send"}
    # Rows that have their request are among what was asked for since.
    now = [comparison.charge_of(row.payment, row.number) for row in valid if row.plan != "keep"]
    found = tuple(comparison.compare(before.charges, [*now, *before.since], before.over))
    slips = (change for change in found if change.kind is ChangeKind.SLIP and sending.intersection(change.rows))
    return Compared(found, tuple(slips))
