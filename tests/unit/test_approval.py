"""A plan: who may approve it, what may be done with it, and the sheet that is held against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.approval import (
    Approved,
    Candidate,
    DifferenceKind,
    Hindrance,
    Person,
    PlanDifference,
    PlanEvent,
    PlanState,
    PlanStep,
    allows,
    approval_of,
    differences,
    digest,
    hindrance,
    is_same_person,
    state_of,
)

ANA, BRUNO = Person("ana"), Person("bruno")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(Person("ana"), Person("ana"), True, id="one login, a journal without users"),
        pytest.param(Person("ana"), Person("ANA"), True, id="Windows does not tell letter case apart"),
        pytest.param(Person("ana"), Person("bruno"), False, id="two logins"),
        pytest.param(Person("ana", "billing"), Person("bruno", "billing"), False, id="one account is shared"),
        pytest.param(Person("ana", "ana"), Person("bruno", "ana"), True, id="the account is hers, whatever the login"),
        pytest.param(Person("bruno", "ana"), Person("ana", "ana"), True, id="the same the other way round"),
        pytest.param(Person("root", "ana"), Person("root", "bruno"), False, id="two machines, two accounts"),
        pytest.param(Person("root", "billing"), Person("root", "billing"), True, id="one login, one account"),
        pytest.param(Person("-"), Person("ana"), True, id="whom the system does not know may be anybody"),
        pytest.param(Person("-", "ana"), Person("-", "bruno"), False, id="the database knows them"),
    ],
)
def test_two_names_are_one_person_unless_something_tells_them_apart(one: Person, other: Person, *, same: bool) -> None:
    """Accounts of the database come first; the system's users tell apart who shares one."""
    assert is_same_person(one, other) is same


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        pytest.param(Person("ana"), "ana", id="no users in the database"),
        pytest.param(Person("ana", "ana"), "ana", id="the same name in both"),
        pytest.param(Person("ana", "billing"), "ana (billing)", id="another name in the database"),
    ],
)
def test_both_names_of_a_person_are_shown_where_they_differ(person: Person, shown: str) -> None:
    """Whoever reads who approved a plan sees by which account."""
    assert str(person) == shown


def events(*steps: PlanStep, who: Person = BRUNO) -> list[PlanEvent]:
    return [PlanEvent(step, who, NOW + timedelta(minutes=minute)) for minute, step in enumerate(steps)]


APPROVED, SENT_BACK, SENT, DIFFERED = PlanStep


@pytest.mark.parametrize(
    ("steps", "state", "allowed"),
    [
        pytest.param([], PlanState.MADE, {APPROVED, SENT_BACK, SENT, DIFFERED}, id="made"),
        pytest.param([APPROVED], PlanState.APPROVED, {SENT_BACK, SENT, DIFFERED}, id="approved, and not twice"),
        pytest.param([SENT_BACK], PlanState.SENT_BACK, set(), id="sent back is final"),
        pytest.param([APPROVED, SENT_BACK], PlanState.SENT_BACK, set(), id="an approval can be taken back"),
        pytest.param([APPROVED, SENT], PlanState.SENT, {SENT, DIFFERED}, id="sent, and goes on where it stopped"),
        pytest.param([APPROVED, SENT, SENT], PlanState.SENT, {SENT, DIFFERED}, id="sent twice"),
        pytest.param([APPROVED, SENT, DIFFERED], PlanState.SENT, {SENT, DIFFERED}, id="corrected once it was sent"),
        pytest.param([DIFFERED], PlanState.VOID, {SENT_BACK, SENT, DIFFERED}, id="what differs is not approved"),
        pytest.param([APPROVED, DIFFERED, SENT], PlanState.SENT, {SENT, DIFFERED}, id="it agreed again, and was sent"),
    ],
)
def test_what_may_be_done_with_a_plan_follows_from_what_was_done(
    steps: list[PlanStep], state: PlanState, allowed: set[PlanStep]
) -> None:
    """Each state has its steps, and no others."""
    assert state_of(events(*steps)) is state
    assert {step for step in PlanStep if allows(state, step)} == allowed


def test_the_first_approval_is_the_one_that_counts() -> None:
    """Who approved a plan, and when, or nobody."""
    assert approval_of([]) is None
    assert approval_of(events(DIFFERED, SENT)) is None
    approved = events(APPROVED, SENT)
    assert approval_of(approved) is approved[0]


@pytest.mark.parametrize(
    ("happened", "second_person", "expected"),
    [
        pytest.param([], False, None, id="nobody need approve it"),
        pytest.param(events(SENT_BACK), False, Hindrance.SENT_BACK, id="sent back, whatever the setting"),
        pytest.param([], True, Hindrance.NOT_APPROVED, id="nobody approved it"),
        pytest.param(events(APPROVED), True, None, id="another person approved it"),
        pytest.param(events(APPROVED, who=ANA), True, Hindrance.ONE_PERSON, id="its maker approved it"),
        pytest.param(events(APPROVED, who=ANA), False, None, id="its maker approved it, where that is enough"),
        pytest.param(events(APPROVED, DIFFERED), True, None, id="approved: the rows are compared again"),
    ],
)
def test_a_plan_is_sent_only_once_nothing_stands_in_its_way(
    happened: list[PlanEvent], expected: Hindrance | None, *, second_person: bool
) -> None:
    """The people are compared when it is sent too: it may have been approved where nobody was required."""
    assert hindrance(ANA, happened, second_person=second_person) is expected


def plan_of(payloads: dict[int, str]) -> Approved:
    return Approved(
        format=1,
        batch="rent",
        environment="sandbox",
        file="rent.csv",
        sha256="0" * 64,
        made_by="ana",
        made_at="2026-11-24T10:00:00-05:00",
        rows=len(payloads),
        to_send=len(payloads),
        amount="1.00",
        e_mailed=0,
        payloads=payloads,
    )


SENDING = {"sending": True, "kept": False}
KEPT = {"sending": False, "kept": True}
HELD = {"sending": False, "kept": False}


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        pytest.param([Candidate(5, "aa", **SENDING), Candidate(6, "bb", **SENDING)], [], id="the same"),
        pytest.param([Candidate(5, "aa", **KEPT), Candidate(6, "bb", **SENDING)], [], id="one sent since"),
        pytest.param(
            [Candidate(5, "xx", **SENDING), Candidate(6, "bb", **SENDING)],
            [PlanDifference(DifferenceKind.CHANGED, 5)],
            id="changed",
        ),
        pytest.param(
            [Candidate(5, "xx", **KEPT), Candidate(6, "bb", **SENDING)],
            [PlanDifference(DifferenceKind.CHANGED, 5)],
            id="changed, and sent before",
        ),
        pytest.param([Candidate(6, "bb", **SENDING)], [PlanDifference(DifferenceKind.MISSING, 5)], id="gone"),
        pytest.param(
            [Candidate(5, "aa", **HELD), Candidate(6, "bb", **SENDING)],
            [PlanDifference(DifferenceKind.MISSING, 5)],
            id="held now",
        ),
        pytest.param(
            [Candidate(5, "aa", **SENDING), Candidate(6, "bb", **SENDING), Candidate(4, "cc", **SENDING)],
            [PlanDifference(DifferenceKind.NEW, 4)],
            id="new",
        ),
        pytest.param(
            [Candidate(5, "aa", **SENDING), Candidate(6, "bb", **SENDING), Candidate(4, "cc", **KEPT)],
            [],
            id="a row that has its session is not sent",
        ),
    ],
)
def test_a_sheet_is_held_against_its_plan_row_by_row(
    candidates: list[Candidate], expected: list[PlanDifference]
) -> None:
    """Every row that would be sent otherwise than approved is named, and no other."""
    assert differences(plan_of({5: "aa", 6: "bb"}), candidates) == expected


def test_a_digest_tells_two_payloads_apart_and_one_from_itself() -> None:
    """The digest depends on every byte of the request."""
    assert digest(b'{"amount":250.00}') == digest(b'{"amount":250.00}')
    assert digest(b'{"amount":250.00}') != digest(b'{"amount":250.01}')
