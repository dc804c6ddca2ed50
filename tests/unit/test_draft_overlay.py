"""What is in force over a sheet, and what it makes of a row."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.domain.drafts import (
    Correction,
    Decision,
    LeftOut,
    Overlay,
    Release,
    Subject,
    in_force,
    is_left_out,
    newest,
    repeat_key,
    shown,
)
from pipeline.domain.model import Carried, Column, ReportRow, SheetRow, Status
from pipeline.domain.totals import needs_a_person, whole
from schemas.faults import Fault

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COLUMNS = (
    Column(0, "Courriel", "email", "own"),
    Column(1, "Montant", "amount", "own"),
    Column(2, "Notes", None, "own"),
)
ROW = SheetRow(7, ("zoe@@example.com", "250", "x"), "snn")


def fixed(after: str, column: int = 0, before: str = "zoe@@example.com", sheet: str = "", row: int = 7) -> Correction:
    return Correction(sheet, row, column, COLUMNS[column].heading, before, after, "ann", AT)


def left(reason: str = "moved away", *, out: bool = True, sheet: str = "", row: int = 7) -> LeftOut:
    return LeftOut(sheet, row, reason, "ben", AT, out=out)


def test_a_corrected_cell_is_text_and_the_row_says_so() -> None:
    """The notice names the column, what the sheet has, who typed over it and when; other cells are as they were."""
    row = in_force([fixed("zoe@example.com"), fixed("25.00", 1, "250")], [], "").over(ROW, COLUMNS)
    assert (row.cells, row.kinds) == (("zoe@example.com", "25.00", "x"), "ssn")
    told = (("who", "ann"), ("date", "2026-11-24"))
    assert row.faults == (
        Fault("corrected", "Courriel", "zoe@@example.com", told),
        Fault("corrected", "Montant", "250", told),
    )


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_cell_is_filled_in(empty: str) -> None:
    """There is no text of the sheet to be told."""
    row = replace(ROW, cells=(empty, *ROW.cells[1:]))
    (said,) = in_force([fixed("zoe@example.com", before=empty)], [], "").over(row, COLUMNS).faults
    assert (said.code, is_left_out((said,))) == ("filled-in", False)


def test_the_newest_correction_of_a_cell_counts_and_tells_the_sheets_own_text() -> None:
    """What stood there in between is history."""
    overlay = in_force([fixed("a@example.com"), fixed("b@example.com", before="a@example.com")], [], "")
    row = overlay.over(ROW, COLUMNS)
    assert (row.cells[0], [fault.value for fault in row.faults]) == ("b@example.com", ["zoe@@example.com"])
    assert overlay.corrections == 1


def test_the_sheets_own_text_undoes_a_correction() -> None:
    """The cell is what it was, with its kind, and nothing is said."""
    overlay = in_force([fixed("25.00", 1, "250"), fixed("250", 1, "25.00")], [], "")
    assert (bool(overlay), overlay.over(ROW, COLUMNS)) == (False, ROW)


def test_a_row_left_out_is_at_fault_with_who_when_and_why() -> None:
    """And no longer once somebody took it back."""
    row = in_force([], [left()], "").over(ROW, COLUMNS)
    assert row.faults == (
        Fault("left-out", details=(("who", "ben"), ("date", "2026-11-24"), ("reason", "moved away"))),
    )
    assert is_left_out(row.faults)
    back = in_force([], [left(), left(out=False)], "")
    assert (bool(back), back.over(ROW, COLUMNS)) == (False, ROW)


def test_a_row_left_out_of_the_sheet_that_it_came_from_is_left_out_until_it_is_taken_back_here() -> None:
    """By its number there; what has no number of ours, or another, is another row."""
    out = left(row=3)
    before = Overlay(given_back={3: out})
    came = replace(ROW, carried=Carried(3))
    assert is_left_out(before.over(came, COLUMNS).faults)
    for other in (ROW, replace(ROW, carried=Carried(4))):
        assert before.over(other, COLUMNS) == other
    back = in_force([], [left(), left(out=False)], "")
    assert back.taken_back == {7}
    assert replace(back, given_back={3: out}).over(came, COLUMNS) == came
    assert bool(before)


def test_changes_of_other_sheets_are_counted_and_not_applied() -> None:
    """Row 7 of another sheet is another row."""
    overlay = in_force([fixed("a@example.com", sheet="January")], [left(sheet="March"), left(sheet="January")], "May")
    assert (bool(overlay), overlay.elsewhere, overlay.over(ROW, COLUMNS)) == (False, 2, ROW)


def test_what_the_reader_found_in_a_cell_goes_with_the_cell() -> None:
    """A merged amount that is typed again is an amount; what concerns the row or another cell stays."""
    about = (Fault("merged-amount", "amount"), Fault("too-many-cells"), Fault("missing", "email"))
    row = in_force([fixed("25.00", 1, "250")], [], "").over(SheetRow(7, ROW.cells, ROW.kinds, about), COLUMNS)
    assert [fault.code for fault in row.faults] == ["too-many-cells", "missing", "corrected"]


@pytest.mark.parametrize(
    ("field", "text", "seen"),
    [
        ("accountNumber", "9876541", "•••6541"),
        ("accountNumber", "987", "987"),
        ("institutionCode", "00130265", "00130265"),
        ("institutionCode", "001-30265-9876541", "•••6541"),
        ("email", "9876541", "9876541"),
        (None, "9876541", "9876541"),
    ],
)
def test_an_account_number_is_told_by_its_end(field: str | None, text: str, seen: str) -> None:
    """Workbooks and terminals are read by others too."""
    assert shown(text, Column(0, "X", field, "own")) == seen


def test_a_row_left_out_needs_nobody_and_is_counted_apart() -> None:
    """It is invalid, and there is nothing to fix; one whose request may exist needs a person all the same."""
    out = (Fault("left-out"),)
    rows = [
        ReportRow(ROW, Status.INVALID, None, None, errors=out),
        ReportRow(ROW, Status.UNKNOWN, None, None, errors=out),
    ]
    totals = whole(rows).totals
    assert [needs_a_person(row) for row in rows] == [False, True]
    assert (totals.left_out.rows, (totals + totals).left_out.rows) == (1, 2)


def test_a_decision_on_a_held_row_is_about_the_row_as_it_is_and_as_it_is_held() -> None:
    """Another number, content or reason is another one; the row says who decided, when and why."""
    held = Fault("held-repeat", details=(("batch", "october"),))
    keys = {
        repeat_key(7, b"a", held),
        repeat_key(8, b"a", held),
        repeat_key(7, b"b", held),
        repeat_key(7, b"a", Fault("held-repeat")),
    }
    assert len(keys) == 4
    assert repeat_key(7, b"a", Fault("held-repeat", details=(("batch", "october"),))) in keys
    notice = Release(held, "ann", "agreed", AT).notice
    assert (notice.code, dict(notice.details)) == (
        "released",
        {"who": "ann", "date": "2026-11-24", "reason": "agreed"},
    )


def test_the_newest_decision_is_in_force_unless_it_takes_one_back() -> None:
    """Of each thing that is decided, by what it is about."""
    said = [
        Decision(Subject.TOTAL, "a", "1.00", "ann", AT),
        Decision(Subject.TOTAL, "b", "2.00", "ann", AT),
        Decision(Subject.TOTAL, "a", "3.00", "liam", AT),
        Decision(Subject.TOTAL, "b", "", "liam", AT, holds=False),
    ]
    assert newest(said) == {"a": said[2]}
