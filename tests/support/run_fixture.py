"""Stands in for a user: writes a sheet, runs the real use case in this process, and reads what the journal says.

Quicker than a process for each run, and nothing is patched: the same settings, a real server, a real journal and a real
workbook.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import func, select

from pipeline.commands.options import Request, Result
from pipeline.commands.run import run
from pipeline.config.kinds import journal_file
from pipeline.config.settings import load
from pipeline.domain.errors import RunError
from pipeline.domain.events import Emit, Event, FirstSent, RunPlanned
from pipeline.domain.model import ReportRow, Status
from pipeline.journal import database, queries
from pipeline.journal.journal import open_journal
from pipeline.journal.tables import batches, runs
from support.fault_server import FaultServer

HEADINGS = "referenceId,firstName,lastName,email,amount,sendInteracLink"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a sheet: who is asked for how much, and whether the API e-mails the link."""

    reference: str
    link: bool = False
    amount: str = "10.00"

    def csv(self) -> str:
        name = "".join(letter for letter in self.reference if letter.isalpha()).capitalize() or "Nobody"
        email = f"{self.reference.lower()}@example.com"
        return f"{self.reference},{name},Fraser,{email},{self.amount},{'yes' if self.link else 'no'}"


def write_sheet(path: Path, lines: Iterable[Line]) -> Path:
    """A sheet as text, its headings in row 1."""
    path.write_text("\n".join([HEADINGS, *(line.csv() for line in lines)]) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to: its exit code, what ended it or kept it from beginning, its rows."""

    code: int
    stopped: str
    rows: dict[str, ReportRow]
    result: Result | None = None

    def status(self, reference: str) -> str:
        return str(self.rows[reference].status)

    def statuses(self) -> dict[str, str]:
        return {reference: str(row.status) for reference, row in self.rows.items()}


def ignore(_event: Event) -> None:
    """Nobody listens."""


def agree(question: RunPlanned | FirstSent) -> bool:
    """A user who has agreed beforehand, and can't be asked after `--first`."""
    return isinstance(question, RunPlanned)


@dataclass(slots=True)
class Desk:
    """A user's desk: a folder with a sheet and a journal, and settings that point to `server`."""

    folder: Path
    server: FaultServer
    settings: dict[str, str] = field(default_factory=dict)
    emit: Emit = ignore
    confirm: Callable[[RunPlanned | FirstSent], bool] = agree
    _made: set[str] = field(default_factory=set)

    @property
    def place(self) -> str:
        """Where the journal is: a path, or the URL of a database."""
        return self.settings.get("journal", str(self.folder / "journal.sqlite"))

    @property
    def journal(self) -> Path:
        """Its file. Never of a URL: as a path it would lose a slash, and become a folder."""
        path = journal_file(self.place)
        assert path is not None
        return path

    def environment(self) -> dict[str, str]:
        """The settings as environment variables. The journal that they name is made, once.

        Time-outs are short, and longer than a busy machine makes the server wait that answers at once.
        """
        if self.place not in self._made:
            self._made.add(self.place)
            database.make(self.place)
        return {
            "FLINKS_BASE_URL": self.server.url,
            "FLINKS_USERNAME": "user",
            "FLINKS_PASSWORD": "password",
            "FLINKS_IMPORT_JOURNAL": self.place,
            "FLINKS_IMPORT_ANSWER_TIMEOUT": "3",
            "FLINKS_IMPORT_CONNECT_TIMEOUT": "2",
            **{f"FLINKS_IMPORT_{name.upper()}": value for name, value in self.settings.items()},
        }

    def run(self, lines: Iterable[Line], name: str = "sheet.csv", **asked: Any) -> Ran:
        """Run a sheet of these lines; `asked` are options by the names of `Request`."""
        request = Request(write_sheet(self.folder / name, lines), **asked)
        try:
            result = run(request, load({}, self.environment(), None), self.emit, self.confirm)
        except RunError as failure:
            return Ran(failure.exit_code, failure.text, {})
        stopped = result.failure.text if result.failure else ""
        try:
            rows = latest_rows(self.place, result.report.batch)
        except RunError:  # the journal was destroyed meanwhile
            rows = {}
        return Ran(result.exit_code, stopped, rows, result)


def latest_rows(journal: str, batch: str) -> dict[str, ReportRow]:
    """Every row of a batch's last run as the journal knows it now, by what stands in the sheet's first column."""
    of_batch = select(func.max(runs.c.id)).join(batches, batches.c.id == runs.c.batch_id)
    with open_journal(journal) as opened:
        with opened.reading() as connection:
            run_id = connection.scalar(of_batch.where(batches.c.name == batch))
        return {row.row.cells[0]: row for row in queries.report_rows(opened, run_id)}


def workbook_rows(path: Path) -> dict[str, dict[str, str]]:
    """The sheet `Results` of a workbook, by what stands under `referenceId`."""
    book = load_workbook(path, read_only=True)
    rows: Any = [
        [("" if cell is None else cell) for cell in row] for row in book["Results"].iter_rows(values_only=True)
    ]
    book.close()
    at = next(number for number, row in enumerate(rows) if "status" in row)
    names = rows[at]
    return {row[names.index("referenceId")]: dict(zip(names, row, strict=True)) for row in rows[at + 1 :] if any(row)}


def check_truth(workbook: Path, references: Iterable[str], sessions: Mapping[str, str]) -> dict[str, str]:
    """Hold a workbook against the server: every row once, with a status; every session is the server's, for that row.

    `sessions` are the server's references by session id. Returns the statuses by reference.
    """
    rows: Any = workbook_rows(workbook)
    assert sorted(rows) == sorted(references)
    for reference, row in rows.items():
        assert row["status"] in set(Status)
        assert bool(row["sessionId"]) == (row["status"] in {Status.CREATED, Status.ALREADY_CREATED})
        if row["sessionId"]:
            assert sessions[row["sessionId"]] == reference
    return {reference: row["status"] for reference, row in rows.items()}
