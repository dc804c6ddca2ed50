"""The roll of a batch: each row of its sheets once, in its newest form, with every request that was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.journals import ALOUD, KINDS, NOW, WINDOW, Line, Planned, faulty, line, place, plan

from pipeline.domain.model import Carried, Outcome, SessionState, SourceFile
from pipeline.domain.totals import whole
from pipeline.journal import evidence, queries, states
from pipeline.journal.attempts import RepeatSearch
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.states import Seen

AT_ANY_AGE = RepeatSearch(WINDOW)
SHEET = SourceFile("billing.csv", "1" * 64)


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with place(request.param, tmp_path) as url, open_journal(url) as opened:
        yield opened


def given_back(planned: Planned, numbers: Sequence[int], ids: Sequence[str] = ()) -> dict[str, Any]:
    """How a workbook of ours is run: rows of the sheet of `planned`, by their numbers there."""
    began = planned.journal.read(queries.report, planned.run).mark
    source = SourceFile("billing.results.xlsx", "2" * 64, "Errors", "billing", began, partial=True)
    carried = [Carried(number, "", found) for number, found in zip(numbers, ids or [""] * len(numbers), strict=True)]
    return {"source": source, "carried": carried}


def told(planned: Planned) -> list[tuple[int, str, str]]:
    """Each row of the roll: its number, its status, and what it was asked for as."""
    return [(row.row.number, row.status.value, row.reference_sent or "") for row in planned.roll()]


# ---------------------------------------------------------------------------------------------------------------
# Rows given back in a workbook of ours


def test_rows_given_back_take_the_place_of_those_with_their_numbers(journal: Journal) -> None:
    """A corrected row is the row with its number, also when its reference was corrected; the others stay."""
    first = plan(journal, [line("INV-1"), faulty("INV-2"), faulty("INV-3"), faulty("INV-4")])
    first.send()
    errors = plan(journal, [line("INV-2"), line("INV-3b")], **given_back(first, [3, 4]))
    errors.send()
    assert told(errors) == [
        *[(2, "created", "INV-1"), (3, "created", "INV-2"), (4, "created", "INV-3b"), (5, "invalid", "")],
    ]
    assert whole(errors.roll()).never_asked.rows == 1


def test_rows_of_several_sheets_stay_where_they_stand_in_these(journal: Journal) -> None:
    """The workbook of `status`, corrected and given back twice: its rows are still those of the user's own sheets."""
    sheets = [SourceFile("a.csv", "a" * 64), SourceFile("b.csv", "b" * 64)]
    for sheet in sheets:
        last = plan(journal, [faulty(""), line(sheet.name, who=f"zoe{sheet.name[0]}")], source=sheet)
        last.send()
    for amount in ("1.00", "2.00"):
        carried = [Carried(2, "a.csv", ""), Carried(2, "b.csv", "")]
        back = given_back(last, [2, 2]) | {"carried": carried}
        last = plan(journal, [faulty("", amount), faulty("", amount)], **back)
        last.send()
        rows = sorted((row.file, row.row.number, row.status.value) for row in last.roll())
        assert rows == [(file, *row) for file in ("a.csv", "b.csv") for row in ((2, "invalid"), (3, "created"))]


def test_a_rewritten_reference_stays_held_when_its_row_is_given_back(journal: Journal) -> None:
    """Also in a workbook that has the row which was asked for; rows that stood beside each other are two charges."""
    plan(journal, [line("0014"), line("INV-7", "9.00"), faulty("INV-8", "9.00")]).send()
    saved = plan(journal, [line("14"), line("INV-7", "9.00"), faulty("INV-8", "9.00")])
    saved.send()
    assert saved.statuses() == ["held", "already-created", "invalid"]
    errors = plan(journal, [line("14"), faulty("INV-8", "9.00")], **given_back(saved, [2, 4]))
    errors.send()
    assert errors.statuses() == ["held", "invalid"]
    again = plan(journal, [line("14"), line("INV-8", "9.00")], **given_back(errors, [2, 3]))
    again.send()
    assert again.statuses() == ["held", "created"]


def test_a_workbook_of_an_older_sheet_finds_the_newest_form(journal: Journal) -> None:
    """Rows moved since: the number is that of the sheet which the workbook was made from."""
    first = plan(journal, [line("INV-1"), faulty("INV-2")])
    first.send()
    plan(journal, [line("INV-0"), line("INV-1"), faulty("INV-2")], now=NOW + timedelta(hours=1)).send()
    errors = plan(journal, [line("INV-2b")], **given_back(first, [3]))
    errors.send()
    assert sorted(row[2] for row in told(errors)) == ["INV-0", "INV-1", "INV-2b"]


def test_a_corrected_reference_of_an_asked_row_asks_nobody_again(journal: Journal) -> None:
    """Row 3 may exist as INV-2: under another reference it is still the same row, and a person must look."""
    first = plan(journal, [line("INV-1"), line("INV-2")])
    one, two = first.to_send()
    settle_all(first, [one], Outcome.CREATED)
    settle_all(first, [two], Outcome.UNKNOWN)
    errors = plan(journal, [line("INV-2b")], **given_back(first, [3]))
    assert (errors.forecast.to_send, errors.statuses()) == (0, ["unknown"])
    assert told(errors) == [(2, "created", "INV-1"), (3, "unknown", "INV-2")]


def settle_all(planned: Planned, rows: Sequence[Any], outcome: Outcome) -> None:
    from support.journals import attempt  # noqa: PLC0415 - used here only

    for row in rows:
        attempt(planned, row, outcome)


def test_a_row_given_back_under_the_reference_of_another_repeats_it(journal: Journal) -> None:
    """Two rows of one reference are never two rows of the roll: the second is invalid, and nobody is asked twice."""
    first = plan(journal, [line("INV-1"), faulty("INV-2")])
    first.send()
    errors = plan(journal, [line("INV-1")], **given_back(first, [3]))
    assert errors.codes() == [["duplicate-identity"]]
    assert told(errors) == [(2, "created", "INV-1"), (3, "invalid", "")]


def test_a_row_that_carries_its_request_is_that_request(journal: Journal) -> None:
    """Whatever became of its reference or of its masked account: it exists already. Another amount is held."""
    first = plan(journal, [line("3-12"), line("3-13"), line("3-14")])
    first.send()
    ids = [row.session_id for row in first.rows()]
    back = given_back(first, [2, 3, 4], ids)
    rows = [line("12-Mar"), replace(faulty("3-13"), payment=line("3-13").payment), line("3-14", "99.00")]
    results = plan(journal, rows, **back)
    assert results.statuses() == ["already-created", "already-created", "held"]
    assert [row.session_id for row in results.roll()] == ids


def test_a_request_of_another_batch_is_known_by_its_id(journal: Journal) -> None:
    """Rows copied out of a results workbook into a new file exist already, under any batch name."""
    first = plan(journal, [line("INV-1")])
    first.send()
    [row] = first.rows()
    copied = SourceFile("copied.xlsx", "3" * 64)
    other = plan(journal, [line("x")], batch="copied", source=copied, carried=[Carried(0, "", row.session_id)])
    assert (other.forecast.to_send, other.statuses()) == (0, ["already-created"])
    assert other.roll()[0].session_id == row.session_id
    changed = plan(journal, [line("x", "1.00")], batch="other", source=copied, carried=[Carried(0, "", row.session_id)])
    assert changed.codes() == [["held-reference"]]


def test_a_rewritten_reference_that_is_put_right_is_its_row_again(journal: Journal) -> None:
    """`14` was held as `0014`; corrected to `0014` in the sheet Errors it is the row that was asked for."""
    first = plan(journal, [line("0014"), line("INV-2", who="liam")])
    first.send()
    second = plan(journal, [line("14"), line("INV-2", who="liam")], now=NOW + timedelta(hours=1))
    assert second.codes()[0] == ["held-rewritten"]
    errors = plan(journal, [line("0014")], **given_back(second, [2]), now=NOW + timedelta(hours=2))
    assert errors.statuses() == ["already-created"]
    assert sorted(told(errors)) == [(2, "already-created", "0014"), (3, "already-created", "INV-2")]
    assert whole(errors.roll()).never_asked.rows == 0


# ---------------------------------------------------------------------------------------------------------------
# Versions of a sheet


def test_a_row_that_left_the_sheet_stays(journal: Journal) -> None:
    """With its request if it has one, else as never asked."""
    plan(journal, [line("INV-1"), line("INV-2", who="liam"), faulty("INV-3")]).send()
    second = plan(journal, [line("INV-1")])
    assert told(second) == [(2, "already-created", "INV-1"), (3, "created", "INV-2"), (4, "invalid", "")]


UNNAMED = [
    ("as it was", ["a", "b"], ["a", "b"], 2),
    ("sorted", ["a", "b"], ["b", "a"], 2),
    ("one corrected in its place", ["a", "b"], ["a", "B"], 2),
    ("one removed", ["a", "b"], ["b"], 2),
    ("one added above", ["a", "b"], ["c", "a", "b"], 3),
    ("equal ones", ["a", "a"], ["a", "a"], 2),
]


@pytest.mark.parametrize(("before", "now", "count"), [case[1:] for case in UNNAMED], ids=[case[0] for case in UNNAMED])
def test_faulty_rows_without_a_reference_are_each_once(
    journal: Journal, before: list[str], now: list[str], count: int
) -> None:
    """They are known by their cells, else by their place, in versions of one sheet."""
    plan(journal, [faulty("", own=own) for own in before])
    second = plan(journal, [faulty("", own=own) for own in now])
    assert len(second.roll()) == count


def test_a_faulty_row_that_was_corrected_in_our_workbook_alone_is_no_new_row(journal: Journal) -> None:
    """The user's own sheet comes again, with a row more and the old fault: it has the request of the corrected row."""
    first = plan(journal, [line("INV-1"), faulty("")])
    first.send()
    plan(journal, [line("INV-9")], **given_back(first, [3])).send()
    for lines in ([line("INV-0"), line("INV-1"), faulty("")], [line("INV-0"), faulty(""), line("INV-1"), faulty("")]):
        again = plan(journal, lines, now=NOW + timedelta(hours=1))
        again.send()
        assert sorted(row[2] for row in told(again)) == [*[""] * (len(lines) - 3), "INV-0", "INV-1", "INV-9"]
        assert whole(again.roll()).requests.rows == 3


def test_rows_of_another_sheet_are_other_rows(journal: Journal) -> None:
    """A month in two files: the second file's row 2 is not the first's."""
    plan(journal, [faulty(""), line("INV-1")], source=SourceFile("north.csv", "1" * 64))
    both = plan(journal, [faulty(""), line("INV-2")], source=SourceFile("south.csv", "2" * 64))
    assert [(row.file, row.row.number) for row in both.roll()] == [
        *[("north.csv", 2), ("north.csv", 3), ("south.csv", 2), ("south.csv", 3)],
    ]


def test_a_sheet_saved_under_another_name_is_the_same_sheet(journal: Journal) -> None:
    """By its name whatever the format, or by at least half of its rows."""
    rows = [line("INV-1"), line("INV-2"), faulty("")]
    plan(journal, rows, source=SourceFile("billing.csv", "1" * 64)).send()
    assert len(plan(journal, rows, source=SourceFile("Billing.xlsx", "2" * 64, "Sheet1")).roll()) == 3
    assert len(plan(journal, rows, source=SourceFile("corrected.csv", "3" * 64)).roll()) == 3


def test_a_refused_sheet_is_no_sheet_of_the_batch(journal: Journal) -> None:
    """What a guard refused leaves the roll as it was."""
    first = plan(journal, [line("INV-1")])
    plan(journal, [line("INV-1", "1.00"), line("OTHER")], accepted=False)
    assert told(first) == [(2, "not-sent", "")]


def test_every_request_of_a_row_is_in_the_roll(journal: Journal) -> None:
    """A change that was allowed made a second request: both are money, the row is one."""
    plan(journal, [line("INV-1", "10.00")]).send()
    changed = plan(journal, [line("INV-1", "25.00")], permissions=ALOUD)
    changed.send()
    figures = whole(changed.roll())
    assert (figures.totals.rows, figures.requests.rows, str(figures.requests.amount)) == (1, 2, "35.00")


def test_an_unknown_row_that_became_invalid_is_unknown(journal: Journal) -> None:
    """It may exist, whatever its sheet says now."""
    plan(journal, [line("INV-1")]).send(Outcome.UNKNOWN)
    now = plan(journal, [faulty("INV-1")])
    assert now.statuses() == ["unknown"]
    assert [one.unknown for one in journal.read(queries.batch_lines)] == [1]


def test_a_cancelled_request_holds_nothing(journal: Journal) -> None:
    """Cancel it, correct the amount, run again: the right request is sent, here and in another batch."""
    first = plan(journal, [line("INV-1", "10.00")])
    first.send()
    [row] = first.rows()
    cancelled = SessionState("Cancelled", ("Cancelled",), None, NOW)
    journal.write(states.record, first.batch.id, [Seen(row.session_id, cancelled, NOW)])
    assert plan(journal, [line("INV-1", "10.00")]).statuses() == ["already-created"]
    assert plan(journal, [line("INV-1", "20.00")], batch="new", search=AT_ANY_AGE).forecast.to_send == 1
    corrected = plan(journal, [line("INV-1", "20.00")])
    assert corrected.forecast.to_send == 1
    corrected.send()
    figures = whole(corrected.roll())
    assert (figures.requests.rows, figures.cancelled.rows) == (2, 1)
    assert journal.read(queries.batch_lines)[0].cancelled_cents == 1000


# ---------------------------------------------------------------------------------------------------------------
# What a reference names


def test_a_reference_that_names_a_transaction_is_held_at_any_age(journal: Journal) -> None:
    """With the same content as a repeat, with other content as changed; a customer's is a new charge."""
    plan(journal, [line("INV-1"), line("INV-2")]).send()
    later: dict[str, Any] = {"batch": "december", "now": NOW + timedelta(days=365)}
    rows = [line("INV-1"), line("INV-2", "1.00"), line("INV-3")]
    held = plan(journal, rows, search=AT_ANY_AGE, **later)
    assert held.codes() == [["held-repeat"], ["held-reference"], ["not-sent-stopped"]]
    assert held.forecast.held_by_reference == 2
    customers = RepeatSearch(WINDOW, by_reference=False)
    assert plan(journal, rows, search=customers, **later).forecast.to_send == 3


def test_a_reference_that_was_sent_under_an_earlier_rows_key_is_held(journal: Journal) -> None:
    """A corrected reference that a held row was allowed to send is known by its new name as well."""
    first = plan(journal, [line("INV-1", "10.00")])
    first.send()
    corrected = plan(journal, [line("INV-1b", "20.00")], permissions=ALOUD, **given_back(first, [2]))
    corrected.send()
    again = plan(journal, [line("INV-1b", "20.00")], batch="other", search=AT_ANY_AGE, now=NOW + timedelta(days=60))
    assert again.codes() == [["held-repeat"]]


def test_a_reference_is_known_at_any_age_though_own_columns_named_it_before(journal: Journal) -> None:
    """`--identity` named rows by a column of the user's then, and by their references now."""
    plan(journal, [line("INV-1", own="c1")], identity=("referenceId", "Contract")).send()
    later: dict[str, Any] = {"batch": "other", "now": NOW + timedelta(days=60), "search": AT_ANY_AGE}
    again = plan(journal, [line("INV-1", own="c1"), line("INV-1b", own="c1")], **later)
    assert again.codes() == [["held-repeat"], ["not-sent-stopped"]]
    columns = plan(journal, [line("INV-1", own="c2")], identity=("referenceId", "Contract"), **later)
    assert columns.forecast.to_send == 1


# ---------------------------------------------------------------------------------------------------------------
# Whatever is done


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["own sheet", "errors", "own sheet, saved as"]),
        st.lists(
            st.tuples(
                st.sampled_from(["", "A", "B", "C", "D"]),
                st.sampled_from(["1.00", "2.00"]),
                st.booleans(),
                st.sampled_from(["x", "y"]),
            ),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from([Outcome.CREATED, Outcome.CREATED, Outcome.UNKNOWN, Outcome.REJECTED]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, data=st.data())
def test_the_roll_has_every_row_once_and_every_request(
    steps: list, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However sheets follow each other: one row an identity, every request once, nothing that was asked is lost."""
    folder = tmp_path_factory.mktemp("roll")
    with open_journal(str(folder / "journal.sqlite")) as journal:
        last: Planned | None = None
        for at, (kind, rows, outcome) in enumerate(steps):
            lines: list[Line] = [
                line(ref, amount, own=own) if right else replace(faulty(ref, amount), own=own)
                for ref, amount, right, own in rows
            ]
            how: dict[str, Any] = {"source": replace(SHEET, sha256=str(at) * 64)}
            if kind == "own sheet, saved as":
                how = {"source": SourceFile("saved.csv", str(at) * 64)}
            if kind == "errors" and last is not None:
                numbers = [row.row.number for row in last.rows()]
                lines = lines[: len(numbers)]
                chosen = data.draw(st.permutations(numbers))[: len(lines)]
                how = given_back(last, chosen)
            last = plan(journal, lines, now=NOW + timedelta(minutes=at), **how)
            last.send(outcome, NOW + timedelta(minutes=at))
        assert last is not None
        roll = last.roll()
        rows_once = [row for row in roll if not row.further]
        named = [row.identity for row in rows_once if row.identity]
        assert len(named) == len(set(named))
        asked = evidence.asked(journal, last.batch.id)
        made = sorted(one.session_id for one in asked if not one.uncertain)
        assert sorted(row.session_id for row in roll if row.session_id) == made
        assert {one.identity for one in asked} <= set(named)
        figures, [summed] = whole(roll), journal.read(queries.batch_lines)
        assert (summed.rows, summed.created) == (figures.totals.rows, figures.requests.rows)
        assert summed.created_cents == int(figures.requests.amount * 100)
        assert (summed.never_asked, summed.never_asked_cents) == (
            figures.never_asked.rows,
            int(figures.never_asked.amount * 100),
        )
        assert summed.unknown == sum(row.status.value == "unknown" for row in rows_once)
