"""The steps that touch no network: start-up, reading, validation, journal, workbook. CPU seconds, in turns."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from python_calamine import CalamineWorkbook

from benchmarks import peers
from benchmarks.measuring import child, in_turns, middle
from benchmarks.sheets import Badness, write_csv, write_xlsx
from benchmarks.table import Line
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.model import Column, Mapping, Report, ReportRow, SheetRow, SourceFile, Status
from pipeline.journal import planning, runs, staging
from pipeline.journal.attempts import RepeatSearch
from pipeline.journal.journal import Journal, open_journal
from pipeline.journal.roll import Staged
from pipeline.journal.runs import RunStart
from pipeline.reader import ReadOptions, Table, open_table
from pipeline.report.workbook import write
from pipeline.validation import CheckedTable, CheckOptions, check_table
from schemas import payment as schema
from schemas.faults import Fault, sentences
from schemas.fields import Field

_LINKS: Final = 65_530
"""Hyperlinks that Excel opens in one sheet."""
_WINDOW: Final = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a measurement is: rows of a sheet, how often each is repeated, and whether peers are run too."""

    rows: int = 100_000
    times: int = 3
    peers: bool = True


def start_up(size: Size, _folder: Path) -> Iterator[Line]:
    """How long the two commands take that everybody runs first, against a Python that does nothing."""
    for option, most in (("--help", 0.15), ("--version", 0.1)):
        ours = [child([sys.executable, "-m", "pipeline", option]) for _ in range(size.times * 3)]
        bare = [child([sys.executable, "-c", "pass"]) for _ in range(size.times * 3)]
        yield Line("start-up", option, "bare Python", middle(ours).cpu, middle(bare).cpu, "s CPU")
        yield Line("start-up", f"{option}, seconds", "one second", middle(ours).wall, 1.0, "s", target=most)


# ---------------------------------------------------------------------------------------------------------------
# Reading


def reading(size: Size, folder: Path) -> Iterator[Line]:
    """A sheet into rows of text, against the bare parsers."""
    text = write_csv(folder / "read.csv", size.rows)
    book = write_xlsx(folder / "read.xlsx", size.rows)
    costs = in_turns(
        {
            "csv": lambda: _bare_csv(text),
            "our csv": lambda: read(text),
            "calamine": lambda: bare_calamine(book),
            "our xlsx": lambda: read(book),
        },
        size.times,
    )
    yield Line("read", f"{size.rows:,} rows .csv", "bare csv", costs["our csv"].cpu, costs["csv"].cpu, "s CPU")
    yield Line(
        "read", f"{size.rows:,} rows .xlsx", "bare calamine", costs["our xlsx"].cpu, costs["calamine"].cpu, "s CPU",
        target=1.5,
    )  # fmt: skip


def read(path: Path) -> int:
    """Our own reading, once through; gives the rows."""
    return sum(map(len, opened(path).chunks()))


def _bare_csv(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file))


def bare_calamine(path: Path) -> int:
    """Calamine alone, once through; gives the rows."""
    with path.open("rb") as file:
        sheet = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
        return sum(1 for _ in sheet.iter_rows())


# ---------------------------------------------------------------------------------------------------------------
# Validation


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows are in memory, so that reading is not measured again."""

    columns: tuple[Column, ...]
    mapping: Mapping
    rows: list[SheetRow]

    def chunks(self, size: int) -> Iterator[list[SheetRow]]:
        """See `pipeline.validation.options.Table`."""
        return (self.rows[at : at + size] for at in range(0, len(self.rows), size))


def opened(sheet: Path) -> Table:
    """A sheet as the command opens it."""
    return open_table(sheet, ReadOptions())


def kept(table: Table) -> Kept:
    """A table with its rows in memory."""
    return Kept(table.columns, table.mapping, [row for chunk in table.chunks() for row in chunk])


def validation(size: Size, folder: Path) -> Iterator[Line]:
    """The schema with the sentence of every fault, and the whole check (cleaning, names, e-mails, accounts, repeats,
    identities), both against the bare lazy schema on the same texts.
    """
    for badness in (Badness.SOME, Badness.ALL, Badness.TENFOLD):
        sheet = write_csv(folder / "check.csv", size.rows, badness)
        table = kept(opened(sheet))
        works: dict[str, Callable[[], object]] = {
            "bare": lambda table=table: bare_schema(table),  # type: ignore[misc]  # a default is how a loop is kept
            "said": lambda table=table: schema_with_messages(table),  # type: ignore[misc]
            "ours": lambda table=table: checked_with_messages(table),  # type: ignore[misc]
        }
        costs = in_turns(works, size.times)
        what = f"{size.rows:,} rows, {badness}"
        bare, said = costs["bare"].cpu, costs["said"].cpu
        yield Line("validate", f"{what}: with messages", "bare lazy schema", said, bare, "s CPU", target=2.0)
        yield Line("validate", f"{what}: the whole check", "bare lazy schema", costs["ours"].cpu, bare, "s CPU")
        if badness is Badness.SOME and size.peers:
            theirs = middle([child(peers.frictionless(sheet)) for _ in range(size.times)])
            ours = costs["ours"].cpu
            yield Line("validate", f"{what}: the whole check", "frictionless, a process", ours, theirs.cpu, "s CPU")


def checked_with_messages(table: Kept) -> int:
    """Our validation with its sentences; gives the characters of all of them."""
    return sum(
        len(sentences(row.faults))
        for chunk in check_table(table, CheckOptions()).chunks()
        for row in chunk
        if row.faults
    )


def bare_schema(table: Kept) -> int:
    """The schema alone, on the texts as they stand in the sheet."""
    return sum(len(failures.rows) for failures in schema.failures(_texts(table), schema.Limits()))


def schema_with_messages(table: Kept) -> int:
    """The same with a fault for each failure and the sentences of each row; gives the characters of all of them."""
    at = {column.field: column.index for column in table.columns if column.field}
    said: dict[int, list[Fault]] = {}
    for failures in schema.failures(_texts(table), schema.Limits()):
        index = at.get(failures.field)
        for row in failures.rows:
            typed = table.rows[row].cells[index] if index is not None else ""
            said.setdefault(row, []).append(Fault(failures.code, failures.field, typed, failures.details))
    return sum(len(sentences(tuple(faults))) for faults in said.values())


def _texts(table: Kept) -> dict[Field, list[str | None]]:
    at = {Field(column.field): column.index for column in table.columns if column.field}
    return {field: [row.cells[index] for row in table.rows] for field, index in at.items()}


# ---------------------------------------------------------------------------------------------------------------
# The journal


def journal(size: Size, folder: Path) -> Iterator[Line]:
    """Checked rows into the journal and planned, against the bare inserts of the same values."""
    table = opened(write_csv(folder / "stage.csv", size.rows))
    rows = [row for chunk in check_table(table, CheckOptions()).chunks() for row in chunk]
    places = (folder / f"stage-{number}.sqlite" for number in range(1000))

    def ours() -> None:
        with open_journal(str(next(places))) as journal:
            stage(journal, table, iter([rows[at : at + 10_000] for at in range(0, len(rows), 10_000)]))

    def bare() -> None:
        _bare_inserts(next(places), [(row.row.number, "\t".join(row.row.cells), row.identity) for row in rows])

    costs = in_turns({"ours": ours, "bare": bare}, size.times)
    what = f"{size.rows:,} rows staged and planned"
    yield Line("journal", what, "bare sqlite3 inserts", costs["ours"].cpu, costs["bare"].cpu, "s CPU")


def stage(journal: Journal, table: Table, chunks: Iterator[list[Any]], base_url: str = "http://127.0.0.1:1") -> Any:
    """Stage and plan checked rows in a batch of their own; gives the batch and the run."""
    now = datetime.now(UTC)
    batch = journal.write(runs.ensure_batch, "bench", base_url, now)
    beginning = RunStart("run", table.source, base_url, table.columns, ("referenceId",), now)
    run, position = journal.write(runs.begin, batch.id, beginning), 0
    for chunk in chunks:
        position = staging.stage(journal, run, position, chunk)
    staged = Staged(run, batch.id, beginning.source)
    journal.write(staging.finish, staged, beginning, now)
    planning.plan(journal, staged, Permissions(), RepeatSearch(_WINDOW), now)
    return batch, run


def _bare_inserts(path: Path, values: list[tuple[int, str, str]]) -> None:
    import sqlite3  # noqa: PLC0415 - the floor only

    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, number INTEGER, cells TEXT, identity TEXT)")
        connection.executemany("INSERT INTO rows (number, cells, identity) VALUES (?, ?, ?)", values)
    connection.close()


# ---------------------------------------------------------------------------------------------------------------
# The workbook


def workbook(size: Size, folder: Path) -> Iterator[Line]:
    """The workbook of a sent batch, read back, against plain XlsxWriter in constant memory with the same cells."""
    report, rows = sent_batch(size.rows, folder)
    costs = in_turns(
        {
            "ours": lambda: write(report, lambda: iter(rows), folder / "ours.results.xlsx"),
            "plain": lambda: plain_workbook(folder / "plain.xlsx", report, rows),
        },
        size.times,
    )
    what = f"{size.rows:,} rows of 24 cells, with Links and read back"
    yield Line(
        "workbook", what, "plain XlsxWriter, constant memory", costs["ours"].cpu, costs["plain"].cpu, "s CPU",
        target=1.3,
    )  # fmt: skip


def sent_batch(count: int, folder: Path) -> tuple[Report, list[ReportRow]]:
    """A batch as the journal tells it after everything was sent: 3 % of its rows invalid."""
    table = opened(write_csv(folder / "sent.csv", count, Badness.SOME))
    now = datetime(2026, 11, 24, 9, tzinfo=UTC)
    report = Report(
        "bench", SourceFile("sent.csv", "0" * 64), "http://127.0.0.1:1", table.columns, now, now, ("referenceId",)
    )
    checked: CheckedTable = check_table(table, CheckOptions())
    return report, [_sent(row, now) for chunk in checked.chunks() for row in chunk]


def _sent(checked: Any, now: datetime) -> ReportRow:
    if checked.faults:
        return ReportRow(checked.row, Status.INVALID, None, checked.amount, errors=checked.faults)
    session = f"0f8fad5b-d9cb-469f-a165-{checked.row.number:012d}"
    return ReportRow(
        row=checked.row,
        status=Status.CREATED,
        payment=checked.payment,
        amount=checked.amount,
        session_id=session,
        launch_url=f"http://127.0.0.1:1/app/?sessionId={session}",
        reference_sent=checked.payment.reference_id,
        amount_sent=checked.amount,
        attempts=1,
        created_at=now,
    )


def plain_workbook(path: Path, report: Report, rows: list[ReportRow]) -> None:
    """`Results` alone as XlsxWriter's manual would write it: formats, links, constant memory, no read-back."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False}) as book:
        text, money, whole = (book.add_format({"num_format": code}) for code in ("@", "#,##0.00", "0"))
        sheet = book.add_worksheet("Results")
        sheet.write_row(0, 0, ["row", *(column.heading for column in report.columns)])
        width = len(report.columns) + 1
        for at, row in enumerate(rows, 1):
            sheet.write_number(at, 0, row.row.number, whole)
            for place, cell in enumerate(row.row.cells, 1):
                sheet.write_string(at, place, cell, text)
            sheet.write_string(at, width, row.status.value, text)
            sheet.write_string(at, width + 1, row.session_id, text)
            if row.launch_url and at <= _LINKS:
                sheet.write_url(at, width + 2, row.launch_url, text)
            else:
                sheet.write_string(at, width + 2, row.launch_url, text)
            sheet.write_string(at, width + 3, sentences(row.errors), text)
            sheet.write_string(at, width + 4, sentences(row.notices), text)
            sheet.write_string(at, width + 5, row.reference_sent or "", text)
            sheet.write_number(at, width + 6, float(row.amount_sent or Decimal(0)), money)
            sheet.write_number(at, width + 7, row.attempts, whole)
            sheet.write_string(at, width + 8, row.created_at.isoformat() if row.created_at else "", text)
