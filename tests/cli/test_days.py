"""Days are those of the people here: no output of any command tells UTC's day where it is another one.

What runs now is tried in a zone whose day is not UTC's at this very hour; what stands in the journal, in an evening and
a morning that the tests choose.
"""

import csv
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from support.command import Command, announced_url
from support.fork_server import ForkServer

SHEET = """Reference,First name,Last name,Email,Amount
TZ-1,Amélie,Gagnon,amelie@example.com,1125.40
TZ-2,Noah,Chen,noah@example.com,80.00
CloseAfter-3,Wei,Zhang,wei@example.com,10.00
CloseAfter-4,Ana,Roy,ana@example.com,11.00
"""
MAPPING = """date_format = "%Y-%m-%d"
[columns]
referenceId = "Invoice No"
lastName = "Customer"
amount = "Amount"
createdAt = "Date"
"""
EVENING = datetime(2025, 12, 1, 0, 30, tzinfo=UTC)
"""19:30 on 30 November in Toronto."""
MORNING = datetime(2025, 11, 30, 12, 30, tzinfo=UTC)
"""1:30 on 1 December in Auckland."""


def elsewhere_now() -> str:
    """A zone whose day is not UTC's now, nor for the rest of the hour."""
    return "Etc/GMT+12" if datetime.now(UTC).hour < 11 else "Pacific/Kiritimati"


class Office:
    """Somebody in a zone who plays a batch `billing` against a sandbox of the same zone. `day` is theirs."""

    def __init__(self, home: Path, fork_server: ForkServer, zone: str, moment: datetime) -> None:
        self.command, self.home = Command(home, fork_server), home
        self.zone, self.moment = zone, moment
        self.day, self.utc_day = (f"{moment.astimezone(place):%Y-%m-%d}" for place in (ZoneInfo(zone), UTC))
        assert self.day != self.utc_day
        self.env = {"TZ": zone}
        self.base_url = ""
        self.said: dict[str, str] = {}

    def write(self, name: str, content: str) -> Path:
        path = self.home / name
        path.write_text(content, encoding="utf-8")
        return path

    def __call__(self, name: str, *args: str | Path, code: int) -> str:
        """Run a command; what it says on both streams is kept under a name."""
        done = self.command(*args, "--lang", "en", env=self.env)
        self.said[name] = done.out + done.err
        assert done.code == code, self.said[name]
        return self.said[name]

    def files(self) -> dict[str, str]:
        """The text of every file that a person would open, however it is kept."""
        return {
            path.relative_to(self.home).as_posix(): _text(path)
            for path in sorted(self.home.rglob("*"))
            if path.suffix in {".csv", ".html", ".json", ".xlsx", ".txt", ".log", ".prom"}
        }

    def opens(self, base_url: str) -> None:
        """Play the batch as far as the fixture says."""
        self.base_url = base_url
        self.env |= {"FLINKS_BASE_URL": base_url, "FLINKS_USERNAME": "sandbox", "FLINKS_PASSWORD": "sandbox"}
        self.write("ar.toml", MAPPING)
        sheet = self.write("billing.csv", SHEET)
        self("run", "run", sheet, "--yes", *exports("run"), "--log-file", self.home / "run.log", code=5)
        self.pays()
        self("first status", "status", "billing", code=5)
        self("resolve", "resolve", "billing", "4", "--not-created", "--note", "looked", "--yes", code=0)
        self.cut_off()

    def pays(self) -> None:
        """The payor of the first row pays."""
        with (self.home / "run-rows.csv").open(encoding="utf-8-sig", newline="") as file:
            session = next(csv.DictReader(file))["sessionId"]
        form = urlencode({"sessionId": session, "decision": "accepted"}).encode()
        urlopen(f"{self.base_url}/app/", form, timeout=60).close()

    def report_without(self, reference: str) -> Path:
        """The sandbox's daily report of what was processed, without the lines of a reference."""
        with urlopen(f"{self.base_url}/sandbox/reports/processing.csv", timeout=60) as answer:
            lines = answer.read().decode("utf-8-sig").splitlines(keepends=True)
        return self.write("processing.csv", "".join(line for line in lines if reference not in line))

    def cut_off(self) -> None:
        """Leave the row that is unknown as a program leaves it that is killed while it sends."""
        with self._journal() as journal:
            journal.execute(
                "UPDATE attempts SET outcome = 'open', settled_at = NULL, reasons = '[]' WHERE outcome = 'unknown'"
            )

    @contextmanager
    def _journal(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.command.data / "journal.sqlite")) as journal, journal:
            yield journal

    def at_that_moment(self) -> None:
        """Move every time of the journal to the moment."""
        with self._journal() as journal:
            tables = [name for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for _, column, *_ in journal.execute(f"PRAGMA table_info({table})").fetchall():
                    if column == "since" or column.endswith("_at"):
                        told = self.moment.isoformat(timespec="microseconds")
                        journal.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL", (told,))


def _text(path: Path) -> str:
    if path.suffix != ".xlsx":
        return path.read_text("utf-8-sig")
    book = load_workbook(path)
    return "\n".join(str(cell) for sheet in book for row in sheet.values for cell in row if cell is not None)


LONG_AGO = [
    pytest.param(("America/Toronto", EVENING), id="an evening in Toronto"),
    pytest.param(("Pacific/Auckland", MORNING), id="a morning in Auckland"),
]


@pytest.fixture(params=[pytest.param((None, None), id="now"), *LONG_AGO])
def office(request: pytest.FixtureRequest, tmp_path: Path, fork_server: ForkServer) -> Iterator[Office]:
    """A batch with two requests, one of them paid, a decision, and a row that was being sent when all was cut off."""
    zone, moment = request.param
    zone = zone or elsewhere_now()
    office = Office(tmp_path, fork_server, zone, moment or datetime.now(UTC))
    line = ("sandbox", "--port", "0", "--store", tmp_path / "s.jsonl", "--settle-after", "0")
    process = office.command.start(*line, env=office.env)
    try:
        office.opens(announced_url(process))
        if moment is not None:
            office.at_that_moment()
        yield office
    finally:
        process.terminate()
        process.communicate(timeout=60)


def exports(stem: str) -> list[str]:
    """Every file that a command writes beside the workbook, under names of its own."""
    given = ["--csv", f"{stem}-rows.csv", "--html", f"{stem}.html", "--receivables", f"{stem}-ar.csv"]
    return [*given, "--receivables-mapping", "ar.toml"]


def test_no_output_tells_the_day_of_utc(office: Office) -> None:
    """Every sentence, sheet, page and export tells the day that it was here."""
    office("batches", "batches", code=0)
    for row in (2, 4, 5):
        office(f"row {row}", "batches", "show", "billing", "--row", str(row), code=0)
        office(f"row {row} as JSON", "batches", "show", "billing", "--row", str(row), "--json", code=0)
    office("status as JSON", "status", "billing", "--json", "--open-days", "0", code=5)
    office("status", "status", "billing", *exports("status"), code=5)
    office("reconcile", "reconcile", "billing", office.report_without("TZ-2"), code=1)
    two, again = office.write("two.csv", "".join(SHEET.splitlines(keepends=True)[:3])), ("--batch", "billing", "--yes")
    office("nobody", "run", two, *again, code=0)
    changed = office.write("changed.csv", two.read_text("utf-8").replace("80.00", "81.00"))
    office("changed", "run", changed, *again, code=1)
    elsewhere = ("--compare", "billing", "--repeat-window", "9999", "--yes")
    office("repeat", "run", office.write("other.csv", two.read_text("utf-8") + "\n"), *elsewhere, code=1)
    office("plan", "plan", office.write("new.csv", SHEET.replace("TZ", "NEW")), code=0)
    told = office.said | office.files()
    assert {name for name, text in told.items() if office.utc_day in text} == set()
    ours = {"batches", "row 2", "row 4", "row 5", "row 2 as JSON", "row 5 as JSON", "nobody", "changed", "repeat"}
    ours |= {"other.results.xlsx", "billing.reconciliation.xlsx", "status-rows.csv", "status-ar.csv"}
    assert {name for name in ours if office.day not in told[name]} == set()
    assert told["status-ar.csv"].splitlines()[1] == f"TZ-1,Gagnon,1125.40,{office.day}"


@pytest.mark.parametrize("office", LONG_AGO, indirect=True)
def test_as_of_is_when_the_api_was_asked(office: Office) -> None:
    """Not when the command ran or the file was written; the zone is said once on the page, once on `Summary`."""
    two = office.write("two.csv", "".join(SHEET.splitlines(keepends=True)[:3]))
    office("run again", "run", two, "--batch", "billing", "--yes", "--html", "again.html", "-o", "again.xlsx", code=0)
    asked = office.moment.astimezone(ZoneInfo(office.zone))
    told = office.files()
    assert f"States at {asked.isoformat(' ', 'minutes')}." in told["again.html"]
    assert f"According to the API, {asked.isoformat(' ', 'minutes')}." in told["again.xlsx"]
    for name in ("again.html", "again.xlsx"):
        assert len(re.findall(r"\(UTC[+-]", told[name])) == 1, name


@pytest.mark.parametrize("office", LONG_AGO, indirect=True)
def test_an_old_name_is_refused_with_the_day_here(office: Office) -> None:
    """What a batch's name is refused for after a pause is the day of its last run, as the people here count it."""
    changed = office.write("billing.csv", SHEET.replace("80.00", "81.00"))
    assert f"last run on {office.day}" in office("old", "run", changed, "--yes", code=3)


def test_the_story_and_the_list_say_the_zone_once(office: Office) -> None:
    """Times are local there, without an offset on each line."""
    for name, *args in (("list", "batches"), ("story", "batches", "show", "billing", "--row", "2")):
        assert office(name, *args, code=0).count("Dates and times are local: ") == 1


def test_inbox_puts_a_file_under_the_day_here(command: Command) -> None:
    """`done/DATE` is the day of the clock on the wall."""
    place = elsewhere_now()
    drop = command.home / "drop"
    drop.mkdir()
    (drop / "billing.csv").write_text("".join(SHEET.splitlines(keepends=True)[:3]), encoding="utf-8")
    done = command("inbox", drop, "--sandbox", "--yes", "--settle", "0", env={"TZ": place})
    assert done.code == 0, done.err
    today = f"{datetime.now(ZoneInfo(place)):%Y-%m-%d}"
    assert {path.name for path in (drop / "done").iterdir()} == {today}
