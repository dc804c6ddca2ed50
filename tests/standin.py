"""Stands in for a user: writes a sheet, runs the real use case in this process, and reads what the journal says.

Quicker than a process for each run, and nothing is patched: the same settings, the same screen (quiet), a real server,
a real journal and a real workbook.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from misbehaving import Misbehaving
from openpyxl import load_workbook
from sqlalchemy import func, select

from pipeline import cli
from pipeline.cli.screen import LineScreen, Manner
from pipeline.commands.request import Request, Result, Screen
from pipeline.commands.run import run
from pipeline.journal.journal import open_journal
from pipeline.journal.tables import batches, runs
from pipeline.model import Failure, ReportRow, Status
from pipeline.settings import load

TESTS = Path(__file__).parent
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
    """What a run came to: its exit code, the key of the failure that ended it or kept it from beginning, its rows."""

    code: int
    stopped: str
    rows: dict[str, ReportRow]
    result: Result | None = None

    def status(self, reference: str) -> str:
        return str(self.rows[reference].status)

    def statuses(self) -> dict[str, str]:
        return {reference: str(row.status) for reference, row in self.rows.items()}


def quiet() -> Screen:
    """A screen on which nothing is shown, for a user who has agreed."""
    return LineScreen(Manner(yes=True, quiet=True))


@dataclass(slots=True)
class Desk:
    """A user's desk: a folder with a sheet and a journal, and settings that point to `server`."""

    folder: Path
    server: Misbehaving
    settings: dict[str, str] = field(default_factory=dict)
    screen: Callable[[], Screen] = quiet

    @property
    def journal(self) -> Path:
        return Path(self.settings.get("journal", self.folder / "journal.sqlite"))

    def environment(self) -> dict[str, str]:
        """The settings as environment variables, time-outs short."""
        return {
            "FLINKS_BASE_URL": self.server.url,
            "FLINKS_USERNAME": "user",
            "FLINKS_PASSWORD": "password",
            "FLINKS_IMPORT_JOURNAL": str(self.journal),
            "FLINKS_IMPORT_ANSWER_TIMEOUT": "0.6",
            "FLINKS_IMPORT_CONNECT_TIMEOUT": "2",
            **{f"FLINKS_IMPORT_{name.upper()}": value for name, value in self.settings.items()},
        }

    def run(self, lines: Iterable[Line], name: str = "sheet.csv", **asked: object) -> Ran:
        """Run a sheet of these lines; `asked` are options by the names of `Request`."""
        request = Request(write_sheet(self.folder / name, lines), **asked)  # type: ignore[arg-type]
        try:
            result = run(request, load({}, self.environment(), None), self.screen())
        except Failure as failure:
            return Ran(failure.exit_code, failure.key, {})
        stopped = result.failure.key if result.failure else ""
        try:
            rows = latest_rows(self.journal, result.report.batch)
        except Failure:  # the journal was destroyed meanwhile
            rows = {}
        return Ran(result.exit_code, stopped, rows, result)


def latest_rows(journal: Path, batch: str) -> dict[str, ReportRow]:
    """Every row of a batch's last run as the journal knows it now, by what stands in the sheet's first column."""
    of_batch = select(func.max(runs.c.id)).join(batches, batches.c.id == runs.c.batch_id)
    with open_journal(str(journal)) as opened:
        with opened.engine.connect() as connection:
            run_id = connection.scalar(of_batch.where(batches.c.name == batch))
        return {row.row.cells[0]: row for row in opened.report_rows(run_id)}


def workbook_rows(path: Path) -> dict[str, dict[str, str]]:
    """The sheet `Results` of a workbook, by what stands under `referenceId`."""
    book = load_workbook(path, read_only=True)
    rows = [[("" if cell is None else cell) for cell in row] for row in book["Results"].iter_rows(values_only=True)]
    book.close()
    at = next(number for number, row in enumerate(rows) if "status" in row)
    names = rows[at]
    return {row[names.index("referenceId")]: dict(zip(names, row, strict=True)) for row in rows[at + 1 :] if any(row)}


def check_truth(workbook: Path, references: Iterable[str], sessions: Mapping[str, str]) -> dict[str, str]:
    """Hold a workbook against the server: every row once, with a status; every session is the server's, for that row.

    `sessions` are the server's references by session id. Returns the statuses by reference.
    """
    rows = workbook_rows(workbook)
    assert sorted(rows) == sorted(references)
    for reference, row in rows.items():
        assert row["status"] in set(Status)
        assert bool(row["sessionId"]) == (row["status"] in {Status.CREATED, Status.ALREADY_CREATED})
        if row["sessionId"]:
            assert sessions[row["sessionId"]] == reference
    return {reference: row["status"] for reference, row in rows.items()}


# ---------------------------------------------------------------------------------------------------------------
# Many processes, quickly: a process that has everything imported forks one for each command


class Kitchen:
    """Starts the command in a process of its own within milliseconds. A context manager."""

    def __init__(self, home: Path) -> None:
        self.home = home
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("FLINKS_", "XDG_"))}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment
            | {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parents[1]), str(Path(__file__).parent)))},
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def start(self, *args: str | Path, env: Mapping[str, str]) -> int:
        """Start `flinks-import` with these arguments; returns its process id."""
        return self._ask({"args": [*map(str, args)], "env": dict(env)})

    def wait(self, pid: int) -> int:
        """Wait for its end; returns its exit code, or minus the signal that ended it."""
        return self._ask({"wait": pid})

    def said(self, pid: int) -> str:
        """What it wrote on standard output and standard error."""
        return (self.home / f"{pid}.said").read_text("utf-8")

    def _ask(self, question: dict[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def _cook(question: dict[str, Any]) -> int:
    """In the forking process: start a command, or wait for one."""
    if "wait" in question:
        return os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
    if pid := os.fork():
        return pid
    said = os.open(f"{os.getpid()}.said", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    silence = os.open(os.devnull, os.O_RDONLY)
    os.dup2(silence, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    # As a fresh process has them: what is read and written goes to the files above.
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w")))
    os.environ.update(question["env"])
    code = 70
    try:
        code = cli._run(question["args"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _warm_up() -> None:
    """Load what is loaded late: a small sheet is validated, and nothing of it is kept."""
    sheet = write_sheet(Path("warm.csv"), [Line("WARM-1")])
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        cli._run(["validate", str(sheet), "-o", "warm.xlsx", "--journal", "warm.sqlite"])


if __name__ == "__main__":
    _warm_up()
    for line in sys.stdin:
        sys.stdout.write(f"{_cook(json.loads(line))}\n")
        sys.stdout.flush()
