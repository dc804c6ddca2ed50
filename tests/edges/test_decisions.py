"""States of sessions and decisions on unknown rows, as the journal keeps and tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from support.journals import KINDS, NOW, Planned, line, place, plan

from pipeline.domain.attempt_rules import IllegalChangeError
from pipeline.domain.model import Decision, Outcome, SessionState
from pipeline.journal import decisions, queries, states
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.states import Seen

LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with place(request.param, tmp_path) as url, open_journal(url) as opened:
        yield opened


def state(session: str, *transactions: str) -> SessionState:
    return SessionState(session, transactions, Decimal("250.00"), NOW)


def tell(planned: Planned, session_id: str, told: SessionState, at: datetime = NOW) -> None:
    planned.journal.write(states.record, planned.batch.id, [Seen(session_id, told, at)])


def decide(planned: Planned, row: int, session_id: str = "", note: str = "looked") -> Decision:
    """A decision as `resolve` records it."""
    identity = planned.journal.read(queries.rows_of_number, planned.batch.id, row)[0].row.identity
    tries = planned.journal.read(decisions.open_tries, planned.batch.id, identity)
    outcome = Outcome.CREATED if session_id else Outcome.NOT_CREATED
    decision = Decision(identity, row, tries[-1].number, outcome, session_id, note, "bruno", LATER)
    planned.journal.write(decisions.record, planned.batch.id, decision, tries)
    return decision


# ---------------------------------------------------------------------------------------------------------------
# States


def test_only_a_change_adds_a_line(journal: Journal) -> None:
    """The same words again move the time at which they were last told; other words are a new line."""
    planned = plan(journal, [line()])
    planned.send()
    session_id = planned.rows()[0].session_id
    tell(planned, session_id, state("Initiated", "Initiated"))
    tell(planned, session_id, state("Initiated", "Initiated"), LATER)
    assert journal.read(queries.report, planned.run).asked_at == LATER
    paid = replace(state("Completed", "Accepted"), since=LATER)
    tell(planned, session_id, paid, LATER)
    assert journal.read(states.history, session_id) == [state("Initiated", "Initiated"), paid]
    assert planned.rows()[0].state == paid


def test_a_batch_that_was_never_asked_about_tells_no_states(journal: Journal) -> None:
    """A workbook of `run` alone knows nothing of states."""
    planned = plan(journal, [line()])
    planned.send()
    assert journal.read(queries.report, planned.run).asked_at is None
    assert planned.rows()[0].state is None


def test_every_session_of_a_batch_is_told_with_its_present_row(journal: Journal) -> None:
    """A session whose row has left the sheet is asked about too, under its number of then; one without an id is not."""
    plan(journal, [line("INV-1"), line("INV-2"), line("INV-3")]).send()
    present = plan(journal, [line("INV-3"), line("INV-1"), line("INV-9")])
    present.send(Outcome.UNKNOWN)
    sessions = list(states.sessions(journal, present.batch.id))
    assert [(session.row, session.present) for session in sessions] == [(3, True), (3, False), (2, True)]
    assert all(session.amount == Decimal("250.00") for session in sessions)


def test_sessions_since_a_time_leave_the_older_out(journal: Journal) -> None:
    """`--since` counts from when the session was created."""
    plan(journal, [line("INV-1")]).send(now=NOW - timedelta(days=3))
    planned = plan(journal, [line("INV-1"), line("INV-2")])
    planned.send()
    since = list(states.sessions(journal, planned.batch.id, NOW - timedelta(days=1)))
    assert [session.row for session in since] == [3]


# ---------------------------------------------------------------------------------------------------------------
# Decisions


@pytest.mark.parametrize("left", [Outcome.OPEN, Outcome.UNKNOWN], ids=["cut off", "no usable answer"])
def test_a_session_that_a_person_found_is_the_rows_session(journal: Journal, left: Outcome) -> None:
    """After `--created` the row is already-created with that session, says who decided, and is not sent again."""
    planned = plan(journal, [line()])
    planned.send(left)
    session_id = str(uuid4())
    decide(planned, 2, session_id)
    (row,) = planned.rows()
    assert (row.status, row.session_id) == ("already-created", session_id)
    assert [fault.code for fault in row.notices] == ["decided-created"]
    assert dict(row.notices[0].details)["who"] == "bruno"
    assert row.created_at == NOW
    assert plan(journal, [line()]).forecast.kept == 1


@pytest.mark.parametrize("left", [Outcome.OPEN, Outcome.UNKNOWN], ids=["cut off", "no usable answer"])
def test_a_row_that_was_not_created_is_sent_again(journal: Journal, left: Outcome) -> None:
    """After `--not-created` the same run sends the row, and the decision stays on it as a notice."""
    planned = plan(journal, [line()])
    planned.send(left)
    decide(planned, 2)
    assert planned.statuses() == ["failed"]
    assert planned.codes() == [["decided-not-created"]]
    again = plan(journal, [line()])
    assert again.forecast.to_send == 1
    again.send()
    (row,) = again.rows()
    assert row.status == "created"
    assert [fault.code for fault in row.notices] == ["decided-not-created"]


def test_one_decision_is_about_all_tries_without_an_answer(journal: Journal) -> None:
    """A row that was tried three times is one question: all its tries are decided at once, and told once."""
    for _ in range(3):
        planned = plan(journal, [line(send_link=False)])
        planned.send(Outcome.UNKNOWN)
    decide(planned, 2)
    assert planned.statuses() == ["failed"]
    again = plan(journal, [line(send_link=False)])
    again.send()
    assert [fault.code for fault in again.rows()[0].notices] == ["decided-not-created"]


def test_decisions_are_kept_with_who_and_when(journal: Journal) -> None:
    """What was decided can be listed for ever, oldest first."""
    planned = plan(journal, [line("INV-1"), line("INV-2")])
    planned.send(Outcome.UNKNOWN)
    made = [decide(planned, 3), decide(planned, 2, str(uuid4()), note="")]
    kept = journal.read(decisions.of_batch, planned.batch.id)
    # A server adds whom it took them for.
    assert [replace(one, who=one.who.removesuffix(" (postgres)")) for one in kept] == made


def test_a_row_that_has_its_answer_has_nothing_to_decide(journal: Journal) -> None:
    """Only tries without an answer can be decided, and each only once."""
    planned = plan(journal, [line("INV-1"), line("INV-2")])
    planned.send(Outcome.UNKNOWN)
    identity = planned.rows()[0].identity
    tries = journal.read(decisions.open_tries, planned.batch.id, identity)
    decision = decide(planned, 2)
    assert journal.read(decisions.open_tries, planned.batch.id, identity) == ()
    with pytest.raises(IllegalChangeError):
        journal.write(decisions.record, planned.batch.id, decision, tries)
    assert len(journal.read(decisions.of_batch, planned.batch.id)) == 1


def test_whose_session_it_is_is_known_across_batches(journal: Journal) -> None:
    """A session belongs to one row of one batch, whatever the case of its letters."""
    planned = plan(journal, [line()], batch="november")
    planned.send()
    session_id = planned.rows()[0].session_id
    assert journal.read(decisions.holder_of, session_id.upper()) == ("november", 2)
    assert journal.read(decisions.holder_of, str(uuid4())) is None
