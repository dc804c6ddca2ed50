"""What a person decides about a draft beside its cells and rows; kept in the journal, with who and when.

| function | what it does |
|---|---|
| `expect_total`, `expected_total` | keep the total of the billing program, and hold it against the rows |
| `accept_difference` | keep that it may differ from the rows as they are |
| `compare`, `compared` | choose the month before, and hold the draft against it |
| `tick_slips` | keep which likely typing errors are right, as their rows are now |
| `release_repeats` | keep which of some held rows are other charges, with one note; the others are held |
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from pipeline.commands import comparison, drafts
from pipeline.commands.drafts import Desk
from pipeline.domain.comparison import Change
from pipeline.domain.drafts import Decision, Subject, repeat_key
from pipeline.domain.errors import InputError
from pipeline.domain.plan_summary import ExpectedTotal
from pipeline.journal import drafts as kept
from pipeline.journal import planning, runs
from pipeline.journal.drafts import Draft
from pipeline.journal.journal import Journal
from schemas.money import from_cents


def expect_total(desk: Desk, draft: Draft, amount: Decimal | None) -> None:
    """Keep the total of the billing program, in dollars; None takes it back."""
    value = "" if amount is None else f"{amount:.2f}"
    _decide(desk, draft, Decision(Subject.TOTAL, "", value, desk.who, _now(), holds=amount is not None))


def expected_total(desk: Desk, draft: Draft) -> ExpectedTotal | None:
    """The total of the billing program beside what all rows of the staged sheet add up to; None when nobody typed one.

    Raises InputError when the draft was not checked.
    """
    return total_beside(desk.journal, draft, from_cents(drafts.forecast(desk, draft).cents))


def total_beside(journal: Journal, draft: Draft, found: Decimal) -> ExpectedTotal | None:
    """The total of the billing program beside what the rows add up to, in dollars; None when nobody typed one."""
    given = journal.read(kept.decided, draft.id, Subject.TOTAL).get("")
    if given is None:
        return None
    total = ExpectedTotal(Decimal(given.value), given.who, given.at, found)
    accepted = journal.read(kept.decided, draft.id, Subject.DIFFERENCE).get(_difference(total))
    if accepted is None:
        return total
    return ExpectedTotal(total.amount, total.who, total.at, total.found, accepted.who, accepted.at)


def accept_difference(desk: Desk, draft: Draft, difference: str) -> None:
    """Keep that the totals may differ, as `difference` says they do; not where they differ otherwise by now."""
    total = expected_total(desk, draft)
    if total is not None and not total.is_settled and difference == f"{total.difference:.2f}":
        _decide(desk, draft, Decision(Subject.DIFFERENCE, _difference(total), "", desk.who, _now()))


def differs(total: ExpectedTotal) -> InputError:
    """Why a draft is not sent whose total differs from that of the billing program."""
    return InputError(
        "The total of the billing program is {expected}, the rows of the sheet add up to {found}. Correct the sheet, "
        "or tick on the page Summary that the totals may differ. Nothing was sent.",
        expected=f"{total.amount:.2f}",
        found=f"{total.found:.2f}",
    )


def _difference(total: ExpectedTotal) -> str:
    """A difference by both its totals: with another row or another total it is another one."""
    return f"{total.amount:.2f} {total.found:.2f}"


# ---------------------------------------------------------------------------------------------------------------
# Against the month before


@dataclass(frozen=True, slots=True)
class Slip:
    """A likely typing error of what is about to be sent. `key` is what is ticked; `tick` says who did, None for nobody.

    The key is of the rows as they are: once one of them changes, nobody has ticked it.
    """

    change: Change
    key: str
    tick: Decision | None


@dataclass(frozen=True, slots=True)
class DraftComparison:
    """A draft beside the month before: its batch, "" for none, the batches that can be chosen, and what differs."""

    batch: str
    choosable: Sequence[str]
    changes: Sequence[Change]
    slips: Sequence[Slip]


def compare(desk: Desk, draft: Draft, batch: str) -> None:
    """Choose the batch of the month before; "" has it found by the batch's own name."""
    kept_choices = replace(draft.choices, compare=batch)
    desk.journal.write(kept.choose, draft.id, draft.batch, kept_choices, (desk.who, _now()))


def chosen_month(desk: Desk, draft: Draft) -> str | None:
    """The batch that was chosen to compare with; None where none was, or it can't be compared with any more."""
    assert draft.run is not None
    return _chosen(draft, comparison.choosable(desk.journal, desk.journal.read(runs.batch_of, draft.run)))


def compared(desk: Desk, draft: Draft) -> DraftComparison:
    """Hold a staged draft against the month before."""
    assert draft.run is not None
    journal, batch = desk.journal, desk.journal.read(runs.batch_of, draft.run)
    others = comparison.choosable(journal, batch)
    before = comparison.before(journal, batch, draft.run, _chosen(draft, others))
    if before is None:
        return DraftComparison("", others, (), ())
    found = comparison.compared(journal, draft.run, before)
    contents = journal.read(planning.fingerprints, draft.run, {row for one in found.slips for row in one.rows})
    ticks = journal.read(kept.decided, draft.id, Subject.SLIP)
    slips = [Slip(one, key := _key(one, contents), ticks.get(key)) for one in found.slips]
    return DraftComparison(before.batch, others, found.changes, slips)


def tick_slips(desk: Desk, draft: Draft, keys: Collection[str]) -> list[Slip]:
    """Keep which of the likely typing errors are right; gives those that nobody has ticked now."""
    now, slips = _now(), compared(desk, draft).slips
    changed = [
        Decision(Subject.SLIP, slip.key, "", desk.who, now, holds=slip.key in keys)
        for slip in slips
        if (slip.tick is not None) != (slip.key in keys)
    ]
    _decide(desk, draft, *changed)
    return [replace(slip, tick=None) for slip in slips if slip.key not in keys]


def release_repeats(desk: Desk, draft: Draft, shown: Collection[int], ticked: Collection[int], note: str) -> None:
    """Of the rows `shown` that are held or were, send those that are `ticked`, and hold the others.

    Raises InputError when one is newly ticked without a note.
    """
    made = list[Decision]()
    for row in drafts.rows(desk, draft, shown):
        held = row.release.held if row.release else row.why_held
        if held is None or row.payment is None or (row.release is not None) == (row.number in ticked):
            continue
        key = repeat_key(row.number, row.payment.fingerprint(), held)
        made.append(Decision(Subject.REPEAT, key, note, desk.who, _now(), holds=row.number in ticked))
    if any(one.holds for one in made) and not note:
        raise InputError("Say why these rows are other charges. The note is kept.")
    if made:
        _decide(desk, draft, *made)
        drafts.check_again(desk, draft, shown)


def _chosen(draft: Draft, choosable: Collection[str]) -> str | None:
    return draft.choices.compare if draft.choices.compare in choosable else None


def _key(change: Change, contents: dict[int, bytes]) -> str:
    digest = sha256(f"{change.before}|{change.now}".encode())
    for row in change.rows:
        digest.update(f"|{row}:".encode() + contents.get(row, b""))
    return digest.hexdigest()[:32]


# ---------------------------------------------------------------------------------------------------------------


def _decide(desk: Desk, draft: Draft, *made: Decision) -> None:
    desk.journal.write(kept.decide, draft.id, made)


def _now() -> datetime:
    return datetime.now().astimezone()
