"""Files and rows that are known again at any age, under any name: nobody is asked twice by a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from support.command import Command, Finished, StandaloneSandbox

HEADINGS = ("Ref", "First name", "Last name", "Email", "Amount")
ROWS = (
    ("3-12", "Zoé", "Tremblay", "zoe@example.com", "412.50"),
    ("0014", "Liam", "Fraser", "liam@example.com", "398.00"),
    ("5-7", "Mei", "Lin", "mei@example.com", "120.00"),
)
WRONG = ("7-1", "Ann", "Roy", "ann@@example.com", "50.00")
RIGHT = ("7-1", "Ann", "Roy", "ann@example.com", "50.00")


class Office:
    """Somebody who runs sheets against one sandbox in the real environment's way, while time passes."""

    def __init__(self, command: Command, sandbox: StandaloneSandbox) -> None:
        self.command, self.sandbox, self.home = command, sandbox, command.home

    def sheet(self, name: str, rows: Sequence[Sequence[str]]) -> Path:
        path = self.home / name
        if path.suffix == ".xlsx":
            book = Workbook()
            for row in (HEADINGS, *rows):
                book.active.append(list(row))
            book.save(path)
        else:
            path.write_text("\n".join(",".join(row) for row in (HEADINGS, *rows)) + "\n", encoding="utf-8")
        return path

    def run(self, path: Path, *more: str | Path) -> Finished:
        return self.command("run", path, "--yes", "--json", *more, env=self.sandbox.env)

    def counts(self, path: Path, *more: str | Path) -> dict[str, int]:
        return {status: count for status, count in self.run(path, *more).json()["counts"].items() if count}

    def times_asked(self) -> set[int]:
        return set(self.sandbox.received().values())

    def time_passes(self, days: int) -> None:
        """Move everything in the journal back: the clock goes on."""
        with closing(sqlite3.connect(self.command.data / "journal.sqlite")) as connection, connection:
            for table in ("batches", "runs", "attempts"):
                names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1].endswith("_at")]
                for name in names:
                    query = f"SELECT id, {name} FROM {table} WHERE {name} IS NOT NULL"
                    for key, text in connection.execute(query).fetchall():
                        moved = datetime.fromisoformat(text).astimezone(UTC) - timedelta(days=days)
                        told = moved.isoformat(timespec="microseconds")
                        connection.execute(f"UPDATE {table} SET {name} = ? WHERE id = ?", (told, key))


@pytest.fixture
def office(command: Command, standalone_sandbox: StandaloneSandbox) -> Office:
    return Office(command, standalone_sandbox)


@pytest.mark.parametrize("days", [0, 6, 400])
def test_a_copy_of_the_file_is_refused_at_any_age(office: Office, days: int) -> None:
    """The same bytes under another name: exit 3, naming batch and day; under its own batch it goes on."""
    sheet = office.sheet("condo.csv", ROWS)
    assert office.counts(sheet) == {"created": 3}
    office.time_passes(days)
    copy = office.home / "copy.csv"
    copy.write_bytes(sheet.read_bytes())
    for more in ((), ("--batch", "december")):
        refused = office.run(copy, *more)
        assert refused.code == 3
        day = (datetime.now().astimezone() - timedelta(days=days)).date().isoformat()
        assert f"sent on {day} as batch condo" in refused.err
    assert office.counts(copy, "--batch", "condo") == {"already-created": 3}
    assert office.times_asked() == {1}
    assert office.counts(copy, "--allow-repeats") == {"created": 3}


def test_a_copy_of_a_file_that_asked_nobody_anew_is_refused(office: Office) -> None:
    """Its rows were asked for by the batch before it was saved as .xlsx."""
    office.run(office.sheet("condo.csv", [("", *row[1:]) for row in ROWS]))
    resaved = office.sheet("condo.xlsx", [("", *row[1:]) for row in ROWS])
    assert office.counts(resaved) == {"already-created": 3}
    office.time_passes(6)
    copy = resaved.rename(office.home / "copy.xlsx")
    refused = office.run(copy)
    assert (refused.code, "as batch condo" in refused.err) == (3, True)


def test_what_rehearses_a_run_foresees_the_refusal_of_a_copy(office: Office) -> None:
    sheet = office.sheet("condo.csv", ROWS)
    office.run(sheet)
    copy = sheet.rename(office.home / "copy.csv")
    for rehearsal in (("validate",), ("run", "--dry-run"), ("plan",)):
        name, *options = rehearsal
        done = office.command(name, copy, *options, env=office.sandbox.env)
        assert (done.code, "as batch condo" in done.err) == (3, True)


def test_another_sheet_of_one_workbook_is_another_file(office: Office) -> None:
    """Two buildings in one workbook, each a batch of its own."""
    book = Workbook()
    for name, rows in (("North", ROWS[:1]), ("South", ROWS[1:])):
        sheet = book.create_sheet(name)
        for row in (HEADINGS, *rows):
            sheet.append(list(row))
    del book["Sheet"]
    path = office.home / "both.xlsx"
    book.save(path)
    assert office.counts(path, "--sheet", "North", "--batch", "north") == {"created": 1}
    assert office.counts(path, "--sheet", "South", "--batch", "south") == {"created": 2}
    assert office.run(path, "--sheet", "North", "--batch", "again").code == 3


def test_a_cancelled_upload_may_be_sent_again(office: Office) -> None:
    """The undo of a wrong upload must not keep the same file from being sent as the right batch."""
    sheet = office.sheet("condo.csv", ROWS)
    office.run(sheet)
    assert office.command("cancel", "condo", "--yes", env=office.sandbox.env).code == 0
    assert office.counts(sheet, "--batch", "right") == {"created": 3}


def test_customers_are_billed_again_when_the_batch_is_named_aloud(office: Office) -> None:
    """With `reference_names = "customer"` the same bytes are next month's sheet, after the window and under a name."""
    customers = ("--reference-names", "customer")
    sheet = office.sheet("rent.csv", ROWS)
    assert office.counts(sheet, *customers) == {"created": 3}
    assert office.run(sheet, *customers, "--batch", "rent-2").code == 3
    office.time_passes(6)
    copy = sheet.rename(office.home / "december.csv")
    refused = office.run(copy, *customers)
    assert (refused.code, '--batch "december-' in refused.err) == (3, True)
    assert office.counts(copy, *customers, "--batch", "december") == {"created": 3}
    assert office.counts(copy, *customers, "--batch", "december") == {"already-created": 3}


def test_references_may_name_customers_is_said_the_first_time(office: Office) -> None:
    """Most rows of a new month are held: the message says how to say once for all that references name customers."""
    office.run(office.sheet("november.csv", ROWS))
    office.time_passes(30)
    december = office.sheet("december.csv", [(*row[:4], "99.00") for row in ROWS])
    first = office.command("run", december, "--yes", env=office.sandbox.env)
    assert first.code == 1
    assert 'reference_names = "customer"' in first.out + first.err
    [held] = [line for line in first.out.splitlines() if "rows are held" in line]
    assert "3 rows are held" in held
    assert "batch november" in held
    again = office.command("run", december, "--yes", env=office.sandbox.env)
    assert "reference_names" not in again.out + again.err
    assert office.counts(december, "--reference-names", "customer") == {"created": 3}


def test_a_sheet_that_comes_twice_says_nothing_of_customers(office: Office) -> None:
    """Corrected in one row and given back as another file, it has the same requests: no setting is to release them."""
    office.run(office.sheet("november.csv", ROWS))
    again = office.sheet("corrected.csv", [*ROWS[1:], (*ROWS[0][:4], "99.00")])
    run = office.command("run", again, "--yes", env=office.sandbox.env)
    assert run.code == 1
    assert "rows are held" in run.out
    assert "reference_names" not in run.out + run.err


# ---------------------------------------------------------------------------------------------------------------
# Our own files


def marked_copy(office: Office) -> Path:
    sheet = office.sheet("condo.xlsx", [*ROWS, WRONG])
    copy = office.home / "marked.xlsx"
    assert office.counts(sheet, "--marked-copy", copy) == {"created": 3, "invalid": 1}
    return copy


def saved(copy: Path, to: Path, change: Callable[..., Any]) -> Path:
    book = load_workbook(copy)
    change(book.active)
    book.save(to)
    return to


def corrected(sheet: Worksheet) -> None:
    sheet.cell(5, 4).value = RIGHT[3]


def corrected_and_sorted(sheet: Any) -> None:
    corrected(sheet)
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    for number, row in enumerate(reversed(rows), 2):
        for column, value in enumerate(row, 1):
            sheet.cell(number, column).value = value


def corrected_and_rewritten(sheet: Any) -> None:
    corrected(sheet)
    sheet.cell(2, 1).value = "12-Mar"


@pytest.mark.parametrize(
    "change", [corrected, corrected_and_sorted, corrected_and_rewritten], ids=lambda one: one.__name__
)
def test_a_marked_copy_goes_on_with_its_batch(office: Office, change: Callable[..., Any]) -> None:
    """Under any name and at any age: what it was asked for is known, and only the corrected row is sent."""
    copy = marked_copy(office)
    office.time_passes(60)
    given = saved(copy, office.home / "corrected in january.xlsx", change)
    done = office.run(given).json()
    assert (done["batch"], done["counts"]["created"], done["counts"]["already-created"]) == ("condo", 1, 3)
    assert office.times_asked() == {1}
    shown = office.command("batches", "show", "condo", "--json", env=office.sandbox.env).json()
    assert (shown["rows"], shown["requests"]["rows"], shown["neverAsked"]["rows"]) == (4, 4, 0)


def test_a_file_of_ours_is_not_taken_for_another_batch(office: Office) -> None:
    """`--batch` with another name than that of a workbook or a marked copy is refused."""
    copy = marked_copy(office)
    for file in (copy, office.home / "condo.results.xlsx"):
        refused = office.run(file, "--batch", "other")
        assert refused.code == 3
        assert "batch condo" in refused.err
    assert office.run(copy, "--batch", "condo").code == 1


def test_rows_copied_out_of_the_results_are_known_by_their_ids(office: Office) -> None:
    """In a file without our `Summary` and properties, under any name."""
    office.run(office.sheet("condo.csv", ROWS))
    book, results = Workbook(), load_workbook(office.home / "condo.results.xlsx")["Results"]
    for row in results.iter_rows(values_only=True):
        book.active.append(list(row))
    path = office.home / "for the lawyer.xlsx"
    book.save(path)
    office.time_passes(90)
    assert office.counts(path) == {"already-created": 3}
    assert office.times_asked() == {1}


# ---------------------------------------------------------------------------------------------------------------
# What a spreadsheet rewrote


def test_references_that_a_spreadsheet_rewrote_are_held(office: Office) -> None:
    """A .csv opened and saved by Excel to correct one cell: `3-12` is `12-Mar`, `0014` is `14`."""
    sheet = office.sheet("condo.csv", [*ROWS, WRONG])
    assert office.counts(sheet) == {"created": 3, "invalid": 1}
    resaved = [("12-Mar", *ROWS[0][1:]), ("14", *ROWS[1][1:]), ("07-May", *ROWS[2][1:]), ("01-Jul", *RIGHT[1:])]
    done = office.run(office.sheet("condo.csv", resaved))
    assert (done.json()["counts"]["held"], done.json()["counts"]["created"]) == (3, 1)
    assert "the same as row 2, which was asked for as 3-12" in str(done.json()["errors"])
    assert office.times_asked() == {1}
