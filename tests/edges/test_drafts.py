"""Drafts: a sheet that is corrected before it is sent, on an SQLite file and on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from support.journals import KINDS, place
from support.run_fixture import ignore

from pipeline.commands import drafts
from pipeline.commands.draft_decisions import accept_difference, expect_total, expected_total
from pipeline.commands.drafts import Desk
from pipeline.commands.environment import Environment
from pipeline.config.settings import load
from pipeline.domain.drafts import Choices
from pipeline.domain.errors import InputError, UsageError
from pipeline.journal import planning, queries, runs
from pipeline.journal.draft_rows import DraftRow, Group, Wanted
from pipeline.journal.drafts import Draft
from pipeline.journal.journal import open_journal
from pipeline.journal.tables import corrections, draft_decisions, left_out_rows, rows
from pipeline.journal.tables import drafts as drafts_table
from pipeline.journal.tables import runs as runs_table

HEADINGS = "Reference,First Name,Last Name,Email,Amount,Notes"
LINES = (
    "R-1,Ann,Roe,ann@example.com,10.00,",
    "R-2,Bob,Poe,bob@@example.com,20.00,old",
    "R-3,Cy,Doe,cy@example.com,30.00,old",
    "R-1,Dee,Foe,dee@example.com,40.00,",
)


@contextmanager
def desk_at(url: str, file: Path, **changes: str) -> Iterator[Desk]:
    environment = {f"FLINKS_IMPORT_{name.upper()}": value for name, value in changes.items()}
    with open_journal(url) as journal:
        yield Desk(journal, Environment("sandbox", "", url, False), load({}, environment, None), lambda _: file, "zoe")


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "billing.csv"
    path.write_text("\n".join([HEADINGS, *LINES]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(params=KINDS)
def desk(request: pytest.FixtureRequest, tmp_path: Path, sheet: Path) -> Iterator[Desk]:
    with place(request.param, tmp_path) as url, desk_at(url, sheet) as opened:
        yield opened


def file_of(desk: Desk) -> Path:
    """The sheet: the same for every draft."""
    return desk.file_of(None)  # type: ignore[arg-type]


def checked(desk: Desk) -> Draft:
    """The draft of the sheet, staged."""
    file = file_of(desk)
    return drafts.check(desk, drafts.open_draft(desk, file, file.name).draft, ignore).draft


def groups(desk: Desk, draft: Draft) -> dict[str, list[int]]:
    """The numbers of the rows of each group."""
    found = {group: drafts.page(desk, draft, Wanted(group)) for group in Group}
    totals = drafts.sums(desk, draft)
    assert {group: one.count for group, one in found.items()} == {group: one.rows for group, one in totals.items()}
    return {group.value: [row.number for row in one.rows] for group, one in found.items() if one.rows}


def codes(changed: list[DraftRow]) -> dict[int, list[str]]:
    return {row.number: [fault.code for fault in row.faults] for row in changed}


def staged(desk: Desk, run: int) -> list[tuple[Any, ...]]:
    """Everything that a run has of its rows."""
    columns = [column for column in rows.c if column.name not in {"id", "run_id"}]
    with desk.journal.engine.connect() as connection:
        return [
            tuple(row)
            for row in connection.execute(select(*columns).where(rows.c.run_id == run).order_by(rows.c.position))
        ]


def test_a_checked_draft_is_in_groups(desk: Desk) -> None:
    """Every row once, and what each group comes to."""
    draft = checked(desk)
    assert groups(desk, draft) == {"to-fix": [3, 5], "ready": [2, 4]}
    assert {group.value: str(one.amount) for group, one in drafts.sums(desk, draft).items() if one.rows} == {
        "to-fix": "60.00",
        "ready": "40.00",
    }


def test_a_cell_typed_again_is_checked_at_once_and_kept(desk: Desk) -> None:
    """The row that was wrong is ready; it says what the sheet has; the file is as it was."""
    before = file_of(desk).read_bytes()
    draft = checked(desk)
    [row] = drafts.correct(desk, draft, 3, 3, "bob@example.com")
    assert (row.number, row.group, row.cells[3], row.faults) == (3, Group.READY, "bob@example.com", ())
    assert [(fault.code, fault.value) for fault in row.notices] == [("corrected", "bob@@example.com")]
    assert groups(desk, draft) == {"to-fix": [5], "ready": [2, 3, 4], "noticed": [3]}
    assert file_of(desk).read_bytes() == before
    [again] = drafts.correct(desk, draft, 3, 3, "bob@@example.com")
    assert (again.group, again.notices) == (Group.TO_FIX, ())


def test_a_repeated_reference_comes_and_goes_with_the_row_that_it_repeats(desk: Desk) -> None:
    """Both ways, and the row that is now the first of its reference is ready."""
    draft = checked(desk)
    assert codes(drafts.correct(desk, draft, 2, 0, "R-9")) == {2: [], 5: []}
    assert codes(drafts.correct(desk, draft, 4, 0, "R-9")) == {2: [], 4: ["duplicate-identity"]}
    assert codes(drafts.leave_out(desk, draft, 2, "sent by post")) == {2: ["left-out"], 4: []}
    assert groups(desk, draft)["left-out"] == [2]
    assert codes(drafts.take_back(desk, draft, 2)) == {2: [], 4: ["duplicate-identity"]}


def sheet_of(desk: Desk, *lines: str, headings: str = HEADINGS) -> Draft:
    """The draft of another sheet, staged."""
    file_of(desk).write_text("\n".join([headings, *lines]) + "\n", encoding="utf-8")
    return checked(desk)


def test_a_total_can_not_become_a_payment(desk: Desk) -> None:
    """Neither cell by cell nor with others; left out with a reason it is, and its control total stays."""
    draft = sheet_of(desk, LINES[0], LINES[2], "Total,,,,100.00,old")
    for column, text in enumerate(("R-9", "Dee", "Foe", "dee@example.com", "40.00")):
        with pytest.raises(InputError, match="can't become a payment"):
            drafts.correct(desk, draft, 4, column, text)
    with pytest.raises(InputError, match="can't become a payment"):
        drafts.correct_all_alike(desk, draft, 0, "Total", "R-9")
    assert [row.number for row in drafts.correct_all_alike(desk, draft, 5, "old", "new")] == [3]
    assert codes(drafts.leave_out(desk, draft, 4, "of last year")) == {4: ["total-differs", "left-out"]}
    assert groups(desk, draft) == {"ready": [2, 3], "noticed": [3], "left-out": [4]}
    assert [
        one.agrees for one in desk.journal.read(queries.report, drafts.check(desk, draft, ignore).run).controls
    ] == [False]


def notices(desk: Desk, draft: Draft) -> dict[str, dict[str, str]]:
    """What is said about the sheet as a whole: the code of each notice with its details."""
    said = desk.journal.read(queries.report, drafts.open_draft(desk, file_of(desk), draft.file).draft.run or 0).notices
    return {fault.code: dict(fault.details) for fault in said}


def test_notices_of_the_sheet_come_and_go_with_a_correction(desk: Desk) -> None:
    """A row without a reference, accounts that all differ, a total that agrees: as they are now."""
    account = "{},Ann,Roe,ann@example.com,{},003,30265,{}"
    draft = sheet_of(
        desk,
        *(account.format(*one) for one in (("R-1", "10.00", "9876541"), ("", "20.00", "9876542"))),
        "Total,,,,30.00,,,",
        headings="Reference,First Name,Last Name,Email,Amount,Institution,Transit,Account",
    )
    assert notices(desk, draft).keys() == {"total-agrees", "reference-blank", "accounts-differ"}
    drafts.correct(desk, draft, 3, 0, "R-2")
    drafts.correct(desk, draft, 3, 7, "9876541")
    assert notices(desk, draft).keys() == {"total-agrees"}
    drafts.correct(desk, draft, 2, 0, "")
    assert notices(desk, draft)["reference-blank"] == {"rows": "1"}


def test_a_difference_is_accepted_as_it_is_and_no_other(desk: Desk) -> None:
    """Another person's word for it is kept; with another amount in a row, or another total, nobody has given it."""
    draft = checked(desk)
    expect_total(desk, draft, Decimal("110.00"))
    other = replace(desk, who="liam")
    accept_difference(other, draft, "9.00")
    total = expected_total(desk, draft)
    assert total is not None
    assert (total.who.partition(" (")[0], total.found, total.is_settled) == ("zoe", Decimal("100.00"), False)
    accept_difference(other, draft, "10.00")
    total = expected_total(desk, draft)
    assert total is not None
    assert (total.accepted_by.partition(" (")[0], total.is_settled) == ("liam", True)
    drafts.correct(desk, draft, 2, 4, "11.00")
    total = expected_total(desk, draft)
    assert total is not None
    assert (total.difference, total.is_settled) == (Decimal("9.00"), False)
    expect_total(desk, draft, Decimal("101.00"))
    assert (total := expected_total(desk, draft)) is not None
    assert total.is_settled
    expect_total(desk, draft, None)
    assert expected_total(desk, draft) is None


def test_the_same_correction_for_all_alike(desk: Desk) -> None:
    """Every row with exactly this text, and no other."""
    draft = checked(desk)
    changed = drafts.correct_all_alike(desk, draft, 5, "old", "new")
    assert {row.number: row.cells[5] for row in changed} == {3: "new", 4: "new"}
    assert drafts.correct_all_alike(desk, draft, 5, "old", "new") == []


def test_somebody_else_takes_the_draft_over(desk: Desk) -> None:
    """The same bytes are the same draft, with its corrections, whoever drops them; each change says whose it is."""
    first = checked(desk)
    drafts.correct(desk, first, 3, 3, "bob@example.com")
    other = replace(desk, who="liam")
    second = drafts.open_draft(other, desk.file_of(first), "copy of billing.csv")
    assert (second.draft.id, second.draft.made_by, second.sent) == (first.id, "zoe", None)
    drafts.leave_out(other, second.draft, 5, "twice")
    assert groups(desk, first) == {"ready": [2, 3, 4], "noticed": [3], "left-out": [5]}
    done = drafts.check(desk, first, ignore)
    assert (done.draft.changed_by, done.forecast.left_out, done.forecast.invalid) == ("liam", 1, 0)


def test_a_check_replaces_the_rows_of_the_one_before(desk: Desk) -> None:
    """One staged run a draft; no rehearsal and no run takes it away while the draft lives."""
    draft = checked(desk)
    again = drafts.check(desk, draft, ignore)
    with desk.journal.engine.begin() as connection:
        connection.execute(runs_table.update().values(started_at="2020-01-01T00:00:00.000000+00:00"))
    batch = desk.journal.read(runs.batch_of, again.run)
    for purpose in ("rehearsal", "run"):
        report = desk.journal.read(queries.report, again.run)
        start = runs.RunStart(purpose, report.source, "", report.columns, (), report.started_at.replace(year=2030))
        desk.journal.write(runs.begin, batch.id, start)
    with desk.journal.engine.connect() as connection:
        assert connection.scalar(select(func.count()).where(runs_table.c.purpose == "draft")) == 1
    assert groups(desk, draft) == {"to-fix": [3, 5], "ready": [2, 4]}


def test_a_discarded_draft_leaves_nothing(desk: Desk) -> None:
    """Its corrections, its rows and itself are gone, and whoever has it open is told."""
    draft = checked(desk)
    drafts.correct(desk, draft, 3, 3, "bob@example.com")
    drafts.leave_out(desk, draft, 5, "twice")
    expect_total(desk, draft, Decimal("1.00"))
    assert drafts.discard(desk, draft)
    with desk.journal.engine.connect() as connection:
        for table in (rows, corrections, left_out_rows, draft_decisions, drafts_table, runs_table):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
    with pytest.raises(InputError, match="discarded"):
        drafts.correct(desk, draft, 3, 3, "x")


def test_without_a_base_url_there_are_no_drafts(tmp_path: Path, sheet: Path) -> None:
    """One sentence, and no journal is touched; practice needs none, and what it makes is the sandbox's."""
    url = str(tmp_path / "journal.sqlite")
    changed = load({}, {"FLINKS_IMPORT_JOURNAL": url}, None)
    with (
        pytest.raises(UsageError, match="No base URL"),
        drafts.opened(changed, lambda _: sheet, ignore, in_sandbox=False),
    ):
        pytest.fail("it is open")
    assert not Path(url).exists()
    with drafts.opened(changed, lambda _: sheet, ignore, in_sandbox=True) as desk:
        assert drafts.open_draft(desk, sheet, sheet.name).draft.environment == "sandbox"


def test_what_would_be_sent(desk: Desk) -> None:
    """The largest first; the accounts with their rows, and the digest of what is asked for; of no other rows."""
    file_of(desk).write_text(
        "Reference,First Name,Last Name,Email,Amount,Institution,Transit,Account\n"
        "R-1,Ann,Roe,ann@example.com,10.00,,,\n"
        "R-2,Bob,Poe,bob@example.com,30.00,003,30265,9876541\n"
        "R-3,Cy,Doe,no address,50.00,,,\n"
        "R-4,Dee,Foe,dee@example.com,30.00,,,\n",
        encoding="utf-8",
    )
    run = checked(desk).run or 0
    with desk.journal.reading() as connection:
        largest = planning.largest_to_send(connection, run, 2)
        assert [(row.number, str(row.payment.amount)) for row in largest] == [(3, "30.00"), (5, "30.00")]
        digest, accounts = planning.contents_to_send(connection, run)
    assert accounts == {"": 2, "9876541": 1}
    contents = {row.number: row.payment.fingerprint() for row in planning.valid_rows(desk.journal, run)}
    assert [*contents] == [2, 3, 5]
    assert digest == sha256(b"".join(b"%d:%b" % one for one in contents.items())).hexdigest()


WRONG: list[tuple[str, Callable[[Desk, Draft], object]]] = [
    ("no row 99", lambda desk, draft: drafts.correct(desk, draft, 99, 3, "x")),
    ("no row 99", lambda desk, draft: drafts.leave_out(desk, draft, 99, "x")),
    ("no column 7", lambda desk, draft: drafts.correct(desk, draft, 2, 6, "x")),
    ("longer than", lambda desk, draft: drafts.correct(desk, draft, 2, 3, "x" * 32_768)),
    ("character", lambda desk, draft: drafts.correct(desk, draft, 2, 3, "a\0b")),
    ("why row 2", lambda desk, draft: drafts.leave_out(desk, draft, 2, "  ")),
]


@pytest.mark.parametrize(("said", "ask"), WRONG, ids=[said for said, _ in WRONG])
def test_what_does_not_fit_is_one_sentence_and_changes_nothing(
    tmp_path: Path, sheet: Path, said: str, ask: Callable[[Desk, Draft], object]
) -> None:
    """Nothing is kept that could not be applied."""
    with place("sqlite", tmp_path) as url, desk_at(url, sheet) as desk:
        draft = checked(desk)
        before = staged(desk, draft.run or 0)
        with pytest.raises(InputError) as refused:
            ask(desk, draft)
        assert said in refused.value.text.format(**refused.value.params)
        assert staged(desk, draft.run or 0) == before
        with desk.journal.engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(corrections)) == 0


def test_choices_decide_how_the_sheet_is_read(tmp_path: Path, sheet: Path) -> None:
    """A mapping that a person chose is kept with the draft, and so is the batch's name."""
    sheet.write_text("Reference,First Name,Last Name,Where to,Amount\nR-1,Ann,Roe,ann@example.com,1.00\n")
    with place("sqlite", tmp_path) as url, desk_at(url, sheet) as desk:
        draft = drafts.open_draft(desk, sheet, sheet.name).draft
        draft = drafts.choose(desk, draft, "november", Choices(map=("Where to=email",)))
        done = drafts.check(desk, draft, ignore)
        assert (done.forecast.to_send, desk.journal.read(runs.batch_of, done.run).name) == (1, "november")


def test_a_marked_copy_has_the_corrections_in_its_cells(tmp_path: Path) -> None:
    """What was typed over a cell stands there, so that a copy given back asks for the same."""
    file = tmp_path / "billing.xlsx"
    book = Workbook()
    for line in (HEADINGS, *LINES):
        book.active.append(line.split(","))
    book.save(file)
    with place("sqlite", tmp_path) as url, desk_at(url, file) as desk:
        draft = checked(desk)
        drafts.correct(desk, draft, 3, 3, "bob@example.com")
        drafts.marked_copy(desk, draft, tmp_path / "copy.xlsx", "en")
    found = [[cell.value for cell in row] for row in load_workbook(tmp_path / "copy.xlsx").active.iter_rows()]
    assert found[2][3] == "bob@example.com"
    assert any("corrected from" in str(cell) for cell in found[2])


@pytest.mark.parametrize("checked_since", [False, True], ids=["the run that it names", "any of its batch"])
def test_a_row_left_out_stays_out_of_a_marked_copy_given_back(tmp_path: Path, checked_since: bool) -> None:
    """With its reason, whoever gives it back; taken back there, it is sent, and a later correction changes nothing."""
    file, copy = tmp_path / "billing.xlsx", tmp_path / "copy.xlsx"
    book = Workbook()
    for line in (HEADINGS, *LINES):
        book.active.append(line.split(","))
    book.save(file)
    with place("sqlite", tmp_path) as url:
        with desk_at(url, file) as desk:
            draft = checked(desk)
            drafts.leave_out(desk, draft, 2, "sent by post")
            drafts.leave_out(desk, draft, 4, "moved")
            drafts.take_back(desk, draft, 4)
            drafts.marked_copy(desk, draft, copy, "en")
            if checked_since:
                drafts.check(desk, draft, ignore)
        with desk_at(url, copy) as desk:
            back = checked(desk)
            assert groups(desk, back) == {"to-fix": [3], "ready": [4, 5], "left-out": [2]}
            [row] = drafts.rows(desk, back, [2])
            assert [dict(fault.details)["reason"] for fault in row.faults] == ["sent by post"]
            drafts.correct(desk, back, 3, 3, "bob@example.com")
            assert groups(desk, back)["left-out"] == [2]
            drafts.take_back(desk, back, 2)
            assert groups(desk, back) == {"to-fix": [5], "ready": [2, 3, 4], "noticed": [3]}


# ---------------------------------------------------------------------------------------------------------------
# Any sequence

TEXTS = {
    0: st.sampled_from(["R-1", "R-2", "R-3", "", "total"]),
    1: st.sampled_from(["Ann", "Bob", "Roe", ""]),
    2: st.sampled_from(["Roe", "Poe", "Ann", ""]),
    3: st.sampled_from(["ann@example.com", "bob@example.com", "", "no address", "ann@@example.com"]),
    4: st.sampled_from(["10.00", "10,00", "1,234", "60.00", "100.00", "10", "", "x"]),
    5: st.sampled_from(["", "note", "Total", "50", "05"]),
}
CELLS = st.tuples(*(TEXTS[at] for at in range(6)))
CHANGES = st.one_of(
    st.sampled_from(range(6)).flatmap(
        lambda at: st.tuples(st.just("correct"), st.integers(2, 8), st.just(at), TEXTS[at])
    ),
    st.sampled_from(range(6)).flatmap(lambda at: st.tuples(st.just("alike"), TEXTS[at], st.just(at), TEXTS[at])),
    st.tuples(st.just("out"), st.integers(2, 8), st.just(0), st.just("")),
    st.tuples(st.just("back"), st.integers(2, 8), st.just(0), st.just("")),
)


def apply(desk: Desk, draft: Draft, change: tuple[Any, ...]) -> None:
    kind, which, column, text = change
    try:
        match kind:
            case "correct":
                drafts.correct(desk, draft, which, column, text)
            case "alike":
                drafts.correct_all_alike(desk, draft, column, which, text)
            case "out":
                drafts.leave_out(desk, draft, which, "why")
            case _:
                drafts.take_back(desk, draft, which)
    except InputError:
        pass  # the row is none, or is no row any more


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("identity", ["referenceId", "referenceId,#", "Notes"])
def test_after_any_changes_the_staged_rows_are_those_of_a_fresh_check(tmp_path: Path, identity: str) -> None:
    """Whatever was typed, in whichever order: each row, each fault, each plan."""
    file = tmp_path / "billing.csv"
    url = str(tmp_path / "journal.sqlite")

    @settings(max_examples=10, deadline=None)
    @given(lines=st.lists(CELLS, min_size=3, max_size=7), changes=st.lists(CHANGES, min_size=1, max_size=5))
    def holds(lines: list[tuple[str, ...]], changes: list[tuple[Any, ...]]) -> None:
        text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in [HEADINGS.split(","), *lines])
        file.write_text(f"{text}\n", encoding="utf-8")
        draft = drafts.open_draft(at_desk, file, file.name).draft
        try:
            drafts.check(at_desk, draft, ignore)
        except InputError:
            return  # no sheet of ours
        for change in changes:
            apply(at_desk, draft, change)
        present = drafts.open_draft(at_desk, file, file.name).draft
        before, report = staged(at_desk, present.run or 0), at_desk.journal.read(queries.report, present.run or 0)
        fresh = drafts.check(at_desk, present, ignore)
        assert before == staged(at_desk, fresh.run)
        assert (report.controls, report.notices) == (fresh.controls, fresh.notices)
        assert drafts.discard(at_desk, present)  # the same lines may come again

    with desk_at(url, file, identity=identity) as at_desk:
        holds()
