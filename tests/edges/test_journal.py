"""The journal's verbs, each by itself, on an SQLite file and on a PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from support.journals import (
    ALOUD,
    KINDS,
    NOW,
    RESEND,
    WINDOW,
    Line,
    attempt,
    faulty,
    intend,
    line,
    place,
    plan,
    settle,
)

from pipeline.domain.attempt_rules import IllegalChangeError
from pipeline.domain.errors import BatchBusyError
from pipeline.domain.model import Outcome
from pipeline.journal import attempts as verbs
from pipeline.journal import planning, queries
from pipeline.journal import runs as run_verbs
from pipeline.journal.attempts import RepeatSearch, Settlement, meanwhile_elsewhere
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.tables import attempts, rows, runs
from schemas.faults import sentence

OWN = ("Contract",)
COUNTED = ("referenceId", "#")


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with place(request.param, tmp_path) as url, open_journal(url) as opened:
        yield opened


# ---------------------------------------------------------------------------------------------------------------
# Staged


def test_rows_come_back_in_the_sheets_order(journal: Journal) -> None:
    """Rows that were staged in chunks are told whole, in their order, under their own row numbers."""
    planned = plan(journal, [line(f"INV-{number}") for number in range(7)])
    assert [(row.row.number, row.row.cells[0]) for row in planned.rows()] == [(n + 2, f"INV-{n}") for n in range(7)]
    assert planned.statuses() == ["not-sent"] * 7


def test_the_forecast_adds_up(journal: Journal) -> None:
    """What a person confirms counts every row and every cent once."""
    plan(journal, [line("INV-1"), line("INV-2")]).send()
    forecast = plan(journal, [line("INV-1"), line("INV-3", send_link=False), line("INV-2", "9.00"), faulty()]).forecast
    parts = (forecast.to_send, forecast.kept, forecast.held, forecast.unknown, forecast.invalid)
    assert (parts, forecast.rows, forecast.cents) == ((1, 1, 1, 0, 1), 4, 75900)
    assert (forecast.to_send_cents, forecast.e_mailed, forecast.kept_since) == (25000, 0, "2026-11-24")


def test_a_repeated_identity_is_invalid_and_names_the_first_row_and_what_differs(journal: Journal) -> None:
    """Of several rows of one identity the first is used; each later one says which row it repeats and the fields."""
    planned = plan(journal, [line("INV-1"), line("INV-2"), line("INV-1"), line("INV-1", "9.00", "liam")])
    assert planned.statuses() == ["not-sent", "not-sent", "invalid", "invalid"]
    same, other = (planned.rows()[index].errors[0] for index in (2, 3))
    assert (same.code, dict(same.details)) == ("duplicate-identity", {"row": "2", "differs": ""})
    assert dict(other.details) == {"row": "2", "differs": "First, Email, Amount"}


def test_a_repeated_identity_of_a_created_row_tells_its_own_row_only(journal: Journal) -> None:
    """The duplicate of a row that was created is never shown as created too."""
    plan(journal, [line("INV-1"), line("INV-1")]).send()
    assert plan(journal, [line("INV-1"), line("INV-1")]).statuses() == ["already-created", "invalid"]


def test_a_run_that_never_finished_staging_is_forgotten_by_the_next(journal: Journal) -> None:
    """What a crash while staging leaves behind is removed, and the next run stages all its rows."""
    complete = plan(journal, [line("INV-1")])
    half = replace_staged(complete, accepted_at=None)
    again = plan(journal, [line("INV-1"), line("INV-2")])
    with journal.engine.connect() as connection:
        assert connection.scalar(select(func.count()).where(rows.c.run_id == half)) in (
            0,
            2,
        )  # SQLite uses its id again
    assert len(again.rows()) == 2


def test_a_rehearsal_leaves_a_run_that_is_staging_alone(journal: Journal) -> None:
    """`validate` holds no batch, so it never removes the rows that `run` is staging right now."""
    staging = plan(journal, [line("INV-1")])
    replace_staged(staging, accepted_at=None)
    rehearsal = plan(journal, [line("INV-1")], purpose="rehearsal")
    assert (len(staging.rows()), len(rehearsal.rows())) == (1, 1)


def replace_staged(planned: Any, **values: Any) -> int:
    run, engine = planned.run, planned.journal.engine
    with engine.begin() as connection:
        connection.execute(runs.update().where(runs.c.id == run).values(**values))
    return run


def test_a_forgotten_rehearsal_leaves_nothing(journal: Journal) -> None:
    """A rehearsal's rows are personal data that nobody needs afterwards."""
    rehearsal = plan(journal, [line("INV-1")], purpose="rehearsal")
    journal.write(run_verbs.delete_rehearsal, rehearsal.run)
    with journal.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(rows)) == 0
        assert connection.scalar(select(func.count()).select_from(runs)) == 0


# ---------------------------------------------------------------------------------------------------------------
# Identities


def test_occurrences_are_rows_of_their_own(journal: Journal) -> None:
    """With `#` two equal charges are both created, once."""
    assert plan(journal, [line("INV-1"), line("INV-1")], identity=COUNTED).send()[1].history == ()
    again = plan(journal, [line("INV-1"), line("INV-1"), line("INV-1")], identity=COUNTED)
    assert again.statuses() == ["already-created", "already-created", "not-sent"]


MOVED = [
    ("a row on top", ["30.00", "10.00", "20.00"], ["not-sent", "already-created", "already-created"]),
    ("a row below", ["10.00", "20.00", "30.00"], ["already-created", "already-created", "not-sent"]),
    ("sorted otherwise", ["20.00", "10.00"], ["already-created", "already-created"]),
    ("the first is gone", ["20.00"], ["already-created"]),
    ("an amount was changed", ["10.00", "21.00"], ["already-created", "held"]),
    ("changed, and one on top", ["30.00", "10.00", "21.00"], ["held", "already-created", "held"]),
    ("all changed and one more", ["11.00", "21.00", "30.00"], ["held", "held", "held"]),
]


@pytest.mark.parametrize(("amounts", "statuses"), [case[1:] for case in MOVED], ids=[case[0] for case in MOVED])
def test_rows_that_move_keep_their_occurrence(journal: Journal, amounts: list[str], statuses: list[str]) -> None:
    """With `#` a row that was created is known again wherever it stands; a row that may be its changed form is held."""
    plan(journal, [line(amount="10.00"), line(amount="20.00")], identity=COUNTED).send()
    assert plan(journal, [line(amount=amount) for amount in amounts], identity=COUNTED).statuses() == statuses


def test_rows_held_in_doubt_go_when_repeats_are_allowed(journal: Journal) -> None:
    """`--allow-repeats` sends what was held because nobody could tell which row was changed."""
    plan(journal, [line(amount="10.00")], identity=COUNTED).send()
    changed = [line(amount="11.00"), line(amount="30.00")]
    assert plan(journal, changed, identity=COUNTED).forecast.held == 2
    assert plan(journal, changed, identity=COUNTED, permissions=ALOUD).forecast.to_send == 2


def test_a_reference_that_looks_like_an_occurrence_is_its_own_row(journal: Journal) -> None:
    """No reference can be taken for the second row of another one."""
    lines = [line("INV-1"), line("INV-1"), line("INV-1#2", "9.00")]
    assert len({row.identity for row in plan(journal, lines, identity=COUNTED).send()}) == 3
    assert plan(journal, lines, identity=COUNTED).statuses() == ["already-created"] * 3


IDENTITIES = [
    ("to the user's column", ("referenceId",), OWN),
    ("back to the reference", OWN, ("referenceId",)),
    ("to both", ("referenceId",), ("referenceId", "Contract")),
    ("to occurrences", ("referenceId",), COUNTED),
    ("from occurrences", COUNTED, ("referenceId",)),
]
SEVERAL = [line("INV-1", own="c1"), line("INV-2", "90.00", "liam", own="c2"), line("", "7.00", "mei", own="c3")]


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.UNKNOWN, Outcome.OPEN])
@pytest.mark.parametrize(("first", "second"), [case[1:] for case in IDENTITIES], ids=[case[0] for case in IDENTITIES])
def test_another_identity_asks_nobody_again(
    journal: Journal, first: tuple[str, ...], second: tuple[str, ...], outcome: Outcome
) -> None:
    """A sheet that is run again with another `--identity` finds its earlier payments, also on the third run."""
    plan(journal, SEVERAL, identity=first).send(outcome)
    for _ in range(2):
        assert plan(journal, SEVERAL, identity=second).to_send() == []
    assert plan(journal, SEVERAL, identity=first).to_send() == []


def test_an_adopted_payment_is_not_adopted_away_from_a_row_sent_since(journal: Journal) -> None:
    """What was adopted and sent again after a refusal of the API keeps its key in later runs."""
    plan(journal, [line(own="c1", send_link=False)]).send(Outcome.UNKNOWN)
    plan(journal, [line(own="c1", send_link=False)], identity=OWN).send()
    assert plan(journal, [line(own="c1", send_link=False)], identity=OWN).statuses() == ["already-created"]


def test_another_identity_and_another_amount_is_held(journal: Journal) -> None:
    """A row whose amount and whose `--identity` changed together is held with both versions."""
    plan(journal, [line(own="c1")]).send()
    changed = plan(journal, [line(amount="99.00", own="c1")], identity=OWN)
    assert changed.codes() == [["held-changed"]]
    assert "250.00" in sentence(changed.rows()[0].errors[0])
    assert "99.00" in sentence(changed.rows()[0].errors[0])


def test_under_one_identity_a_new_key_is_another_row(journal: Journal) -> None:
    """A line of another contract is what the user calls another row, also for the same payor and amount."""
    both = [line("ZOE", own="c1"), line("ZOE", own="c2")]
    plan(journal, both[:1], identity=OWN).send()
    assert plan(journal, both, identity=OWN).statuses() == ["already-created", "not-sent"]


def test_a_key_that_was_rewritten_is_held(journal: Journal) -> None:
    """The row of a request has left the sheet, and one with all of it but the key has come: `0012` became `12`."""
    plan(journal, [line("ZOE", own="0012")], identity=OWN).send()
    assert plan(journal, [line("ZOE", own="12")], identity=OWN).codes() == [["held-rewritten"]]


def test_own_columns_make_rows_of_one_reference(journal: Journal) -> None:
    """Two rows of one reference and amount are both created when a column of the user's own tells them apart."""
    two = [line("ZOE", own="c1"), line("ZOE", own="c2")]
    assert len(plan(journal, two, identity=OWN).send()) == 2
    assert plan(journal, two, identity=OWN).statuses() == ["already-created", "already-created"]


def test_the_users_own_columns_are_kept_as_digests(journal: Journal) -> None:
    """A key of the user's own column may be a name of any length, and is kept after a purge: only its digest is."""
    plan(journal, [line(own="Zoé Tremblay " * 1000)], identity=OWN).send()
    with journal.engine.connect() as connection:
        keys = connection.scalars(select(attempts.c.identity)).all()
    assert [len(key) for key in keys] == [len("key:") + 64]


REFERENCES = [
    ("filled in later", line(""), line("INV-1"), ["held-changed"]),
    ("emptied later", line("INV-1"), line(""), ["held-changed"]),
    ("without one, amount changed", line("", "10.00"), line("", "20.00"), ["held-changed"]),
    ("without one, another payor", line("", who="zoe"), line("", who="liam"), ["not-sent-stopped"]),
    ("rewritten", line("3-12"), line("12-Mar"), ["held-rewritten"]),
    ("another one, another amount", line("INV-1", "10.00"), line("INV-2", "20.00"), ["not-sent-stopped"]),
    ("another one, another payor", line("INV-1", who="zoe"), line("INV-2", who="liam"), ["not-sent-stopped"]),
]


@pytest.mark.parametrize(("before", "now", "codes"), [case[1:] for case in REFERENCES], ids=[c[0] for c in REFERENCES])
def test_references_that_come_and_go(journal: Journal, before: Line, now: Line, codes: list[str]) -> None:
    """A row without a reference is known by its content only, so the changed form of a created one is held."""
    plan(journal, [before]).send()
    assert plan(journal, [now]).codes() == [codes]
    assert plan(journal, [before]).statuses() == ["already-created"]


def test_a_row_without_reference_is_held_for_a_while_only(journal: Journal) -> None:
    """Next month's charge of a payor without a reference is another one."""
    plan(journal, [line("", "10.00")]).send()
    assert plan(journal, [line("", "20.00")], now=NOW + WINDOW + timedelta(hours=1)).statuses() == ["not-sent"]


# ---------------------------------------------------------------------------------------------------------------
# Planned: this batch


NEXT = [
    ("created", Outcome.CREATED, True, "already-created"),
    ("refused", Outcome.REJECTED, True, "rejected"),
    ("not created", Outcome.NOT_CREATED, True, "failed"),
    ("no answer, e-mailed", Outcome.UNKNOWN, True, "unknown"),
    ("a crash, e-mailed", Outcome.OPEN, True, "unknown"),
    ("no answer, link ours", Outcome.UNKNOWN, False, "unknown"),
    ("a crash, link ours", Outcome.OPEN, False, "unknown"),
]
SENT_AGAIN = {"rejected", "failed"}


@pytest.mark.parametrize(("outcome", "link", "status"), [case[1:] for case in NEXT], ids=[case[0] for case in NEXT])
def test_the_next_run_reads_what_became_of_an_attempt(
    journal: Journal, outcome: Outcome, link: bool, status: str
) -> None:
    """The status of a row is a fold over its attempts; an e-mailed one of which nothing is known is not sent again."""
    plan(journal, [line(send_link=link)]).send(outcome)
    again = plan(journal, [line(send_link=link)])
    assert again.statuses() == [status]
    assert bool(again.to_send()) == (status in SENT_AGAIN or (status == "unknown" and not link))


def test_a_harmless_unknown_is_tried_three_times_in_all(journal: Journal) -> None:
    """A session that nobody was e-mailed about is created again after an uncertain try, three times in all."""
    for before in range(3):
        planned = plan(journal, [line(send_link=False), line("INV-9", send_link=False)])
        assert journal.read(planning.sent_without_response, planned.run, planned.batch.id) == 2 * bool(before)
        assert len(planned.send(Outcome.UNKNOWN)) == 2
    assert plan(journal, [line(send_link=False)]).to_send() == []
    assert len(plan(journal, [line(send_link=False)], permissions=RESEND).to_send()) == 1


def test_a_changed_row_is_held_with_both_versions(journal: Journal) -> None:
    """An identity that has a session is not asked again with other content, and the message shows both."""
    plan(journal, [line("INV-1", "250.00")]).send()
    changed = plan(journal, [line("INV-1", "25.00")])
    assert changed.codes() == [["held-changed"]]
    told = sentence(changed.rows()[0].errors[0])
    assert "$250.00" in told
    assert "$25.00" in told
    assert "25,00\N{NO-BREAK SPACE}$" in sentence(changed.rows()[0].errors[0], "fr")
    assert plan(journal, [line("INV-1", "25.00")], permissions=ALOUD).forecast.to_send == 1


def test_a_session_of_a_row_that_became_faulty_is_told(journal: Journal) -> None:
    """A row that was created and is faulty now is invalid, and says that its session exists."""
    plan(journal, [line("INV-1")]).send()
    row = plan(journal, [faulty("INV-1")]).rows()[0]
    assert (row.status.value, [notice.code for notice in row.notices]) == ("invalid", ["session-exists"])


# ---------------------------------------------------------------------------------------------------------------
# Planned: other batches


def held(journal: Journal, **changes: Any) -> bool:
    return plan(journal, [line()], batch="copy", **changes).forecast.held == 1


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.UNKNOWN, Outcome.OPEN])
def test_an_identical_row_of_another_batch_is_held(journal: Journal, outcome: Outcome) -> None:
    """What another batch created, or may have, is not asked for again unless that is allowed."""
    plan(journal, [line()]).send(outcome)
    assert held(journal)
    assert not held(journal, permissions=ALOUD)


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_CREATED])
def test_what_another_batch_did_not_create_holds_nothing(journal: Journal, outcome: Outcome) -> None:
    """A refused row may be sent in another batch."""
    plan(journal, [line()]).send(outcome)
    assert not held(journal)


def test_a_repeat_is_sought_in_the_window_only(journal: Journal) -> None:
    """The same row is a new charge when the window has passed, and a repeat on its last moment."""
    plan(journal, [line()]).send()
    assert held(journal, now=NOW + WINDOW)
    assert not held(journal, now=NOW + WINDOW + timedelta(seconds=1))


def test_environments_never_mix(journal: Journal) -> None:
    """What was created in one environment is no repeat in another, and batches of one name are two."""
    plan(journal, [line()]).send()
    assert not held(journal, environment="https://other.example.com")
    assert plan(journal, [line()], environment="https://other.example.com").statuses() == ["not-sent"]


def test_a_repeat_is_found_again_at_the_last_moment(journal: Journal) -> None:
    """Two runs that planned the same row: the one that intends second sees the other's intent."""
    first, second = plan(journal, [line()]), plan(journal, [line()], batch="copy")
    assert first.forecast.to_send == second.forecast.to_send == 1
    [row] = second.to_send()
    first.send(Outcome.OPEN)
    intent = verbs.Intent(second.batch.id, second.run, row.identity, 1, row.number, row.payment, row.fingerprint, NOW)
    with journal.engine.begin() as connection:
        found = meanwhile_elsewhere(connection, [intent], RepeatSearch(WINDOW))
    journal.write(planning.hold, row, found[row.identity])
    assert second.codes() == [["held-perhaps"]]


@pytest.mark.parametrize(("after", "held_again"), [(-1, True), (1, False)], ids=["requested since", "seen"])
def test_what_a_person_released_is_held_for_what_was_requested_since(
    journal: Journal, after: int, held_again: bool
) -> None:
    """A decision is about what was there when it was made."""
    first, second = plan(journal, [line()]), plan(journal, [line()], batch="copy")
    [row] = second.to_send()
    first.send()
    intent = verbs.Intent(second.batch.id, second.run, row.identity, 1, row.number, row.payment, row.fingerprint, NOW)
    with journal.engine.begin() as connection:
        found = meanwhile_elsewhere(connection, [intent], RepeatSearch(WINDOW))
        released_at = found[row.identity][0].at + timedelta(seconds=after)
        found = meanwhile_elsewhere(connection, [replace(intent, released_at=released_at)], RepeatSearch(WINDOW))
    assert bool(found) == held_again


# ---------------------------------------------------------------------------------------------------------------
# Intended and settled


def test_two_programs_can_not_intend_one_attempt(journal: Journal) -> None:
    """The unique constraint is the guard that holds whatever else fails: the second program is told to stop."""
    mine, theirs = (plan(journal, [line()]) for _ in range(2))
    [row] = mine.to_send()
    intend(mine, row, 1)
    with pytest.raises(BatchBusyError):
        intend(theirs, row, 1)
    assert [len(row.history) for row in plan(journal, [line()], permissions=RESEND).to_send()] == [1]


def test_of_two_programs_at_once_exactly_one_intends(journal: Journal) -> None:
    """Whoever is a moment later waits for the other's commit and is refused then."""
    planned = plan(journal, [line(f"INV-{number}") for number in range(20)])
    won, lost = [], []
    together = threading.Barrier(2)

    def program() -> None:
        for row in planned.to_send():
            together.wait(60)
            try:
                intend(planned, row, 1)
            except BatchBusyError:
                lost.append(row.identity)
            else:
                won.append(row.identity)

    programs = [threading.Thread(target=program) for _ in range(2)]
    for thread in programs:
        thread.start()
    for thread in programs:
        thread.join(60)
    assert sorted(won) == sorted(lost) == sorted({row.identity for row in planned.to_send()} | set(won))


def test_only_an_open_attempt_is_settled(journal: Journal) -> None:
    """What is created, refused or unknown stays so: an outcome is recorded once."""
    planned = plan(journal, [line()])
    [row] = planned.to_send()
    for outcome in (Outcome.CREATED, Outcome.UNKNOWN):
        with pytest.raises(IllegalChangeError):
            settle(planned, Settlement(planned.batch.id, row.identity, 1, outcome, NOW))  # before any intent
    attempt(planned, row, Outcome.CREATED)
    for outcome in Outcome:
        with pytest.raises(IllegalChangeError):
            settle(planned, Settlement(planned.batch.id, row.identity, 1, outcome, NOW))
    assert planned.statuses() == ["created"]


def test_a_group_is_settled_whole_or_not_at_all(journal: Journal) -> None:
    """When one outcome of a group is illegal none of them is recorded, so that all can be offered again."""
    planned = plan(journal, [line("INV-1"), line("INV-2")])
    one, other = planned.to_send()
    intend(planned, one, 1)
    outcomes = [
        Settlement(planned.batch.id, row.identity, 1, Outcome.CREATED, NOW, f"s-{row.number}") for row in (one, other)
    ]
    with pytest.raises(IllegalChangeError):
        settle(planned, *outcomes)
    assert planned.statuses() == ["unknown", "not-sent"]
    intend(planned, other, 1)
    settle(planned, *outcomes)
    assert planned.statuses() == ["created", "created"]


# ---------------------------------------------------------------------------------------------------------------
# Batches


def test_one_name_is_one_batch_for_programs_that_begin_at_once(journal: Journal) -> None:
    """Two programs that make the same batch at the same moment get the same one, and neither fails."""
    found: list[int] = []
    together = threading.Barrier(4)

    def program() -> None:
        for number in range(5):
            together.wait(60)
            found.append(journal.write(run_verbs.ensure_batch, f"batch {number}", "sandbox", NOW).id)

    programs = [threading.Thread(target=program) for _ in range(4)]
    for thread in programs:
        thread.start()
    for thread in programs:
        thread.join(60)
    assert (len(found), len(set(found))) == (20, 5)


def test_a_run_that_was_refused_is_not_the_last_run(journal: Journal) -> None:
    """A sheet that a guard refused has no effect, so it must not make an old batch look young."""
    first = plan(journal, [line()])
    plan(journal, [line(), line("INV-2")], now=NOW + timedelta(hours=1), accepted=False)
    assert journal.read(run_verbs.last_run, first.batch.id) == NOW
    assert [row.row.number for row in first.roll()] == [2]


def test_the_list_of_batches_counts_attempts(journal: Journal) -> None:
    """Each batch shows what was created and what is unknown, the one that was run last at the end."""
    plan(journal, [line("INV-1"), line("INV-2", "50.00")], batch="november").send()
    plan(journal, [line("INV-3")], batch="december", now=NOW + timedelta(days=30)).send(Outcome.UNKNOWN)
    told = [(each.name, each.created, each.created_cents, each.unknown) for each in journal.read(queries.batch_lines)]
    assert told == [("november", 2, 30000, 0), ("december", 0, 0, 1)]


def test_a_send_link_of_another_kind_is_the_same_content(journal: Journal) -> None:
    """Who delivers the link is not part of what a payor is asked for."""
    plan(journal, [line()]).send()
    other = replace(line(), payment=replace(line().payment, send_link=False))
    assert plan(journal, [other]).statuses() == ["already-created"]


def test_one_session_belongs_to_one_row(journal: Journal) -> None:
    """A session that another row has already, in this group or from before, is not given to a second row."""
    planned = plan(journal, [line("INV-1"), line("INV-2"), line("INV-3")])
    rows = planned.to_send()
    for row in rows:
        intend(planned, row, 1)
    first, second, third = (Settlement(planned.batch.id, row.identity, 1, Outcome.CREATED, NOW, "s") for row in rows)
    settle(planned, first, second)
    settle(planned, third)
    assert planned.statuses() == ["created", "unknown", "unknown"]
