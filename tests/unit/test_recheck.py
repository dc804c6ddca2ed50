"""A checked sheet in memory, checked once more after a change: as if it were checked as a whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory_table import table

from pipeline.domain.drafts import Correction, LeftOut, Overlay
from pipeline.validation import CheckOptions, check_table
from pipeline.validation.column_profile import profile, with_names
from pipeline.validation.field_sources import sources
from pipeline.validation.recheck import RowsInMemory, checked_sheet, in_memory
from schemas.fields import ACCOUNT_FIELDS

AT: Final = datetime(2026, 5, 4, tzinfo=UTC)
HEADINGS: Final = ("referenceId", "firstName", "lastName", "email", "amount", "Cents", "Notes", *ACCOUNT_FIELDS)
TEXTS: Final = {
    "referenceId": ("R-1", "R-2", "", "Total"),
    "firstName": ("Ann", "Roe", ""),
    "lastName": ("Roe", "Ann", "Poe"),
    "email": ("ann@example.com", "bob@example.com", "ann@@example.com", "", "none"),
    "amount": ("10.00", "10,00", "1,234", "20.00", "10", ""),
    "Cents": ("", "50", "05"),
    "Notes": ("", "Total", "Total for Roe"),
    "institutionCode": ("003",),
    "transitNumber": ("30265", "3"),
    "accountNumber": ("9876541", "9876542", "9876543", ""),
}
LINES: Final = st.lists(st.tuples(*map(st.sampled_from, TEXTS.values())), min_size=3, max_size=8)
TOTALS: Final = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.sampled_from(["Total", "Subtotal", ""]),
        st.sampled_from(["30.00", "60.00", "20.00", "40.00"]),
    ),
    max_size=2,
)
NO_ACCOUNT: Final = ("", "", "")
EDITS: Final = st.dictionaries(
    st.integers(2, 6),
    st.sampled_from(range(len(HEADINGS))).flatmap(
        lambda at: st.tuples(st.just(at), st.sampled_from(TEXTS[HEADINGS[at]]))
    ),
    max_size=3,
)
LEFT_OUT: Final = st.sets(st.integers(2, 6), max_size=2)
ROWS: Final = (
    ("R-1", "Ann", "Roe", "ann@example.com", "10.00", "", "", "003", "30265", "9876541"),
    ("R-2", "Bob", "Poe", "bob@example.com", "20.00", "", "", "003", "30265", "9876542"),
    ("R-3", "Cy", "Doe", "cy@example.com", "30.00", "", "", "003", "30265", "9876543"),
    ("Total", "", "", "", "60.00", "", "", *NO_ACCOUNT),
)
DIFFERING: Final = (*ROWS[:3], ("Total", "", "", "", "100.00", "", "", *NO_ACCOUNT))


def rows_of(*lines: tuple[str, ...]) -> RowsInMemory:
    found = in_memory(table(*(dict(zip(HEADINGS, line, strict=True)) for line in lines)))
    assert found is not None
    return found


def overlay(rows: RowsInMemory, edits: dict[int, tuple[int, str]], left_out: set[int]) -> Overlay:
    """One cell of some rows typed again, and some rows left out; numbers of no row are passed over."""
    known = {row.number: row for row in rows.rows}
    cells = {
        number: {at: Correction("", number, at, HEADINGS[at], known[number].cells[at], text, "zoe", AT)}
        for number, (at, text) in edits.items()
        if number in known
    }
    return Overlay(cells, {number: LeftOut("", number, "why", "zoe", AT) for number in left_out & known.keys()})


def assert_as_a_whole(rows: RowsInMemory, before: Overlay, now: Overlay) -> None:
    options = CheckOptions()
    first = checked_sheet(rows, options, before)
    again, whole = first.over(now), checked_sheet(rows, options, now)
    assert again.checked == whole.checked
    assert (again.payors, again.controls, again.overlay) == (whole.payors, whole.controls, now)
    assert (again.profile, again.totals) == (whole.profile, whole.totals)
    streamed = check_table(rows, options, now)
    assert [row for chunk in streamed.chunks() for row in chunk] == [*whole.checked]
    assert again.notices == whole.notices == streamed.notices
    if again.changed is not None:
        was = {one.row.number: one for one in first.checked}
        assert again.changed == {one.row.number for one in whole.checked if one != was[one.row.number]}


@settings(max_examples=25, deadline=None)
@given(lines=LINES, totals=TOTALS, before=st.tuples(EDITS, LEFT_OUT), now=st.tuples(EDITS, LEFT_OUT))
def test_any_change_of_any_sheet(
    lines: list[tuple[str, ...]],
    totals: list[tuple[int, str, str]],
    before: tuple[dict[int, tuple[int, str]], set[int]],
    now: tuple[dict[int, tuple[int, str]], set[int]],
) -> None:
    """Rows, control totals, notices, and what is kept for the next change."""
    for at, word, amount in totals:
        lines.insert(at, (word, "", "", "", amount, "", "", *NO_ACCOUNT))
    rows = rows_of(*lines)
    assert_as_a_whole(rows, overlay(rows, *before), overlay(rows, *now))


CHANGES: Final = {
    "a reference": (2, 0, "R-9"),
    "a name that others have": (3, 1, "Ann"),
    "an address that another has": (3, 3, "ann@example.com"),
    "no address any more": (3, 3, ""),
    "an amount": (3, 4, "21.00"),
    "an amount with a comma": (3, 4, "20,00"),
    "cents behind the amount": (3, 5, "05"),
    "a note": (3, 6, "Total"),
    "a total line": (5, 4, "61.00"),
    "a total line's word": (5, 0, "R-5"),
    "a reference less": (3, 0, ""),
    "another's account": (3, 9, "9876541"),
    "no account": (3, 9, ""),
}


@pytest.mark.parametrize("sheet", [ROWS, DIFFERING], ids=["a total that agrees", "a total that differs"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_cell(change: tuple[int, int, str], sheet: tuple[tuple[str, ...], ...]) -> None:
    """There and back."""
    row, at, text = change
    rows = rows_of(*sheet)
    changed = overlay(rows, {row: (at, text)}, set())
    assert_as_a_whole(rows, Overlay(), changed)
    assert_as_a_whole(rows, changed, Overlay())


def test_a_row_left_out() -> None:
    """There and back."""
    rows = rows_of(*ROWS)
    out = overlay(rows, {}, {3})
    assert_as_a_whole(rows, Overlay(), out)
    assert_as_a_whole(rows, out, Overlay())


def test_a_total_stays_one_whatever_is_typed_over_it() -> None:
    """As a payor with all that a payment needs, too: its control total stays, and it counts no dollars."""
    rows = rows_of(*DIFFERING)
    typed = ("R-9", "Dee", "Foe", "dee@example.com")
    corrections = {
        at: Correction("", 5, at, HEADINGS[at], DIFFERING[3][at], text, "zoe", AT) for at, text in enumerate(typed)
    }
    now = checked_sheet(rows, CheckOptions(), Overlay()).over(Overlay({5: corrections}))
    (line,) = (one for one in now.checked if one.row.number == 5)
    assert (line.payment, line.amount, [fault.code for fault in line.faults]) == (None, None, ["total-differs"])
    assert [(one.expected, one.found) for one in now.controls] == [("100.00", "60.00")]
    assert_as_a_whole(rows, Overlay(), Overlay({5: corrections}))
    emptied = replace(corrections[0], column=4, heading="amount", after="")
    assert_as_a_whole(rows, Overlay({5: {**corrections, 4: emptied}}), Overlay({5: {0: corrections[0]}}))
    assert_as_a_whole(rows, Overlay(), Overlay({5: {0: replace(corrections[0], after=""), 4: emptied}}))


def test_a_total_that_a_person_left_out_is_left_out() -> None:
    """And is still held against the rows."""
    rows = rows_of(*DIFFERING)
    out = overlay(rows, {}, {5})
    now = checked_sheet(rows, CheckOptions(), out)
    assert [fault.code for fault in now.checked[3].faults] == ["total-differs", "left-out"]
    assert [one.agrees for one in now.controls] == [False]
    assert_as_a_whole(rows, Overlay(), out)


def test_more_names_than_are_counted() -> None:
    """Which of them are counted depends on their order: the whole column is read again."""
    rows = rows_of(*ROWS)
    found = sources(rows)
    named = profile(rows, found)
    was, now = [rows.rows[0]], [overlay(rows, {2: (1, "Bob")}, set()).over(rows.rows[0], rows.columns)]
    fewer = with_names(named, found, was, now)
    assert fewer is not None
    assert (fewer.given["ann"], fewer.given["bob"]) == (0, 2)
    many = Counter(f"name {at}" for at in range(20_000))
    assert with_names(replace(named, given=many), found, was, now) is None
