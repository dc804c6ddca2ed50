"""The status of a row: the fold over its attempts, and what is said with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.domain.model import Attempt, Decision, Outcome, Payment, Status
from pipeline.domain.row_status import (
    PlannedRow,
    RowStatus,
    decided,
    decided_before,
    is_unknown,
    rejected,
    request_shown,
    requests_that_exist,
    status_of,
)
from schemas.faults import Fault

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
SAME, OTHER = b"same", b"other"
PAYMENT = Payment("INV-1", "Zoé", "Tremblay", "zoe@example.com", Decimal(10), send_link=False)
SENT = PlannedRow(PAYMENT, SAME)
HELD = PlannedRow(PAYMENT, SAME, hold=Fault("held-repeat"))
FAULTY = PlannedRow(None, None, (Fault("missing", "email"),), invalid=True)
DECIDED = (Fault("decided-created"),)
ELSEWHERE = (Fault("unknown-reference"), Fault("other-reference"))


def attempt(
    outcome: Outcome, content: bytes = SAME, *reasons: Fault, run: int = 1, number: int = 1, link: bool = False
) -> Attempt:
    session = "s-1" if outcome is Outcome.CREATED else ""
    return Attempt(number, run, outcome, content, link, NOW, NOW, session, reasons, "INV-1")


CREATED, OPEN = attempt(Outcome.CREATED), attempt(Outcome.OPEN)
PERHAPS = attempt(Outcome.UNKNOWN, SAME, Fault("unknown-lost"))
REFUSED = attempt(Outcome.REJECTED, SAME, Fault("refused"))
NOT_CREATED = attempt(Outcome.NOT_CREATED, SAME, Fault("not-created-connection"))
E_MAILED = attempt(Outcome.UNKNOWN, SAME, Fault("unknown-lost"), link=True)


@pytest.mark.parametrize(
    ("row", "history", "status", "codes"),
    [
        pytest.param(SENT, [], Status.NOT_SENT, ["not-sent-stopped"], id="nothing tried"),
        pytest.param(SENT, [CREATED], Status.CREATED, [], id="made in this run"),
        pytest.param(SENT, [replace(CREATED, run=0)], Status.ALREADY_CREATED, [], id="made before"),
        pytest.param(
            SENT, [replace(CREATED, reasons=DECIDED)], Status.ALREADY_CREATED, ["decided-created"], id="decided"
        ),
        pytest.param(SENT, [PERHAPS, CREATED], Status.CREATED, ["possible-orphan"], id="made after a doubtful try"),
        pytest.param(SENT, [E_MAILED, CREATED], Status.CREATED, ["resent-unknown"], id="e-mailed perhaps twice"),
        pytest.param(SENT, [OPEN], Status.UNKNOWN, ["unknown-interrupted"], id="a crash"),
        pytest.param(
            SENT,
            [replace(PERHAPS, reasons=ELSEWHERE)],
            Status.UNKNOWN,
            ["unknown-reference", "other-reference"],
            id="strange",
        ),
        pytest.param(SENT, [PERHAPS, REFUSED], Status.UNKNOWN, ["unknown-lost", "refused"], id="unknown sticks"),
        pytest.param(HELD, [], Status.HELD, ["held-repeat"], id="held"),
        pytest.param(HELD, [PERHAPS], Status.UNKNOWN, ["unknown-lost", "held-repeat"], id="held and unknown"),
        pytest.param(SENT, [attempt(Outcome.CREATED, OTHER)], Status.HELD, ["held-changed"], id="other content"),
        pytest.param(
            PlannedRow(None, SAME), [attempt(Outcome.CREATED, OTHER)], Status.HELD, ["held-changed"], id="purged"
        ),
        pytest.param(SENT, [REFUSED], Status.REJECTED, ["refused"], id="refused"),
        pytest.param(SENT, [NOT_CREATED], Status.FAILED, ["not-created-connection"], id="not created"),
        pytest.param(FAULTY, [], Status.INVALID, ["missing"], id="faulty"),
        pytest.param(FAULTY, [CREATED], Status.INVALID, ["missing", "session-exists"], id="faulty now, made before"),
        pytest.param(FAULTY, [CREATED, REFUSED], Status.INVALID, ["missing", "session-exists"], id="refused since"),
        pytest.param(FAULTY, [PERHAPS], Status.UNKNOWN, ["unknown-lost", "missing"], id="faulty now, unknown before"),
    ],
)
def test_the_status_of_a_row_is_a_fold_over_its_attempts(
    row: PlannedRow, history: list[Attempt], status: Status, codes: list[str]
) -> None:
    """Unknown outweighs what came after it, but for a session; the reasons come with it."""
    found = status_of(row, history, run=1)
    assert (found.status, [fault.code for fault in (*found.errors, *found.notices)]) == (status, codes)
    assert is_unknown(row, history) is (status is Status.UNKNOWN)


def test_a_dry_run_says_that_it_sends_nothing() -> None:
    """Nobody looks for what stopped it."""
    assert status_of(SENT, [], run=1, sends=False).errors == (Fault("not-sent-dry-run"),)


@pytest.mark.parametrize(
    ("status", "history", "of_roll", "shown"),
    [
        (Status.CREATED, [CREATED], False, CREATED),
        (Status.HELD, [CREATED], False, None),
        (Status.HELD, [CREATED, PERHAPS], True, CREATED),
        (Status.INVALID, [PERHAPS], True, PERHAPS),
    ],
    ids=["created", "held on its sheet", "held in the roll", "invalid in the roll, no session"],
)
def test_only_the_roll_shows_the_request_of_an_earlier_form(
    status: Status, history: list[Attempt], of_roll: bool, shown: Attempt | None
) -> None:
    """On its own sheet nothing was sent of a held row."""
    assert request_shown(RowStatus(status, history[-1]), history, of_roll=of_roll) == shown


def test_of_several_doubtful_tries_the_last_stands_for_all() -> None:
    """Each session stands for itself."""
    last = replace(PERHAPS, number=3)
    assert requests_that_exist([CREATED, replace(PERHAPS, number=2), last]) == [CREATED, last]


def test_a_persons_decision_is_said_once() -> None:
    """Several tries that were decided at once say it once, and not again when the shown one says it."""
    one, two = (replace(CREATED, reasons=DECIDED, number=number) for number in (1, 2))
    assert decided_before([one], one) == ()
    assert decided_before([one, two], CREATED) == DECIDED
    assert decided_before([one, two], None) == DECIDED
    assert decided_before([one, two], two) == ()


@pytest.mark.parametrize(
    ("outcome", "note", "fault"),
    [
        (Outcome.CREATED, "seen in the portal", ("decided-created", "seen in the portal")),
        (Outcome.NOT_CREATED, "", ("decided-not-created", "-")),
    ],
)
def test_a_decision_names_who_and_when(outcome: Outcome, note: str, fault: tuple[str, str]) -> None:
    """A note may be left out."""
    told = decided(Decision("ref:INV-1", 2, 1, outcome, "", note, "jane", NOW))
    assert (told.code, told.details) == (fault[0], (("date", "2026-11-24"), ("who", "jane"), ("note", fault[1])))


@pytest.mark.parametrize(
    ("row", "history", "reasons"),
    [
        pytest.param(SENT, [REFUSED], REFUSED.reasons, id="as it is"),
        pytest.param(SENT, [], None, id="never sent"),
        pytest.param(SENT, [replace(REFUSED, fingerprint=OTHER)], None, id="corrected since"),
        pytest.param(SENT, [REFUSED, NOT_CREATED], None, id="something else since"),
        pytest.param(SENT, [PERHAPS, REFUSED], None, id="unknown sticks"),
        pytest.param(HELD, [REFUSED], None, id="held"),
        pytest.param(FAULTY, [REFUSED], None, id="invalid"),
        pytest.param(replace(SENT, fingerprint=None), [REFUSED], None, id="no payment"),
    ],
)
def test_why_a_row_was_rejected_as_it_is(
    row: PlannedRow, history: list[Attempt], reasons: tuple[Fault, ...] | None
) -> None:
    """Only where its status is `rejected`."""
    assert rejected(row, history) == reasons
    assert (reasons is not None) == (status_of(row, history, 1).status is Status.REJECTED)
