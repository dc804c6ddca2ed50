"""A batch over several sheets: what every command, file and figure says of it, held against what the server created."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook, load_workbook
from support.command import Command, StandaloneSandbox

HEADINGS = ("Invoice #", "First name", "Last name", "Email", "Amount", "sendInteracLink")
FIRST = (
    ("Happy1-1", "Ana", "10.00"),
    ("Happy2-2", "Ben", "20.00"),
    ("Declines-3", "Cleo", "40.00"),
    ("Cancels-4", "Dan", "80.00"),
    ("INV-5", "Eve", "160.00"),
    ("INV-6", "Flo", "320.00"),
    ("INV-7", "Gus", "640.00"),
    ("HangAfter-8", "Hal", "1280.00"),
    ("INV-9", "Ida", "2560.00"),
    ("INV-10", "Jo", ""),
    ("INV-11", "Kim", "5120.00"),
    ("", "Lou", "7000.00"),
)
RECEIVABLES = """[columns]
referenceSent = "Ref"
amountSent = "Amount"
row = "Row"
file = "Sheet"
"""


def cells(reference: str, first: str, amount: str, *, right: bool) -> tuple[str, ...]:
    email = f"{first.lower()}@example.com"
    wrong = first in {"Ida", "Kim", "Lou"} and not right
    link = "yes" if reference.startswith("HangAfter") else "no"
    return reference, first, "Fraser", email.replace("@", "@@") if wrong else email, amount, link


def write_csv(path: Path, charges: list[tuple[str, str, str]], *, right: bool) -> Path:
    rows = [HEADINGS, *(cells(*charge, right=right) for charge in charges)]
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def write_xlsx(path: Path, charges: list[tuple[str, str, str]]) -> Path:
    book = Workbook()
    for row in (HEADINGS, *(cells(*charge, right=True) for charge in charges)):
        book.active.append(list(row))
    book.save(path)
    return path


def correct(workbook: Path, to: Path, changes: dict[str, dict[str, str] | None]) -> Path:
    """The workbook with `Errors` corrected: by the payor's first name, new cells, or None to delete the row."""
    book = load_workbook(workbook)
    sheet = book["Errors"]
    at = {cell.value: cell.column for cell in sheet[1]}
    for number in range(sheet.max_row, 1, -1):
        who = sheet.cell(number, at["First name"]).value  # type: ignore[arg-type]
        if who not in changes:
            continue
        new = changes[who]
        if new is None:
            sheet.delete_rows(number)
            continue
        for heading, text in new.items():
            sheet.cell(number, at[heading]).value = text  # type: ignore[arg-type]
    book.save(to)
    return to


class Month:
    """The batch `rent`, its six sheets, and the server's own record."""

    def __init__(self, command: Command, sandbox: StandaloneSandbox) -> None:
        self.command, self.home = command, command.home
        self.env = sandbox.env | {"FLINKS_IMPORT_ANSWER_TIMEOUT": "2"}
        self._about = sandbox._about
        self.last: dict = {}

    def run(self, file: Path, *more: str | Path) -> dict[str, Any]:
        done = self.command("run", file, "--yes", "--json", *more, env=self.env)
        assert done.code in {0, 1, 5}, done.err
        self.last = done.json()
        return self.last

    def play(self) -> None:
        sheet = write_csv(self.home / "rent.csv", list(FIRST), right=False)
        self.run(sheet)
        first = correct(
            Path(self.last["output"]),
            self.home / "first corrections.xlsx",
            {"Ida": {"Email": "ida@example.com"}, "Jo": {"Invoice #": "INV-10b", "Amount": "77.50"}, "Kim": None},
        )
        told = self.run(first)
        assert (told["batch"], told["counts"]["created"], told["rows"]) == ("rent", 2, 4)
        second = correct(
            Path(told["output"]),
            self.home / "second corrections.xlsx",
            {"Lou": {"Email": "lou@example.com", "Invoice #": "INV-12"}},
        )
        assert self.run(second)["counts"]["created"] == 1
        charges = [("INV-10b", who, "77.50") if who == "Jo" else (ref, who, amount) for ref, who, amount in FIRST]
        charges = [("INV-12", who, amount) if who == "Lou" else (ref, who, amount) for ref, who, amount in charges]
        charges = [charge for charge in charges if charge[1] != "Flo"] + [("INV-14", "Mia", "20480.00")]
        assert self.run(write_csv(sheet, charges, right=True))["counts"]["created"] == 2  # Kim's and Mia's
        assert self.run(write_xlsx(self.home / "rent.xlsx", charges))["counts"]["created"] == 0
        charges = [("INV-5b", who, amount) if who == "Eve" else (ref, who, amount) for ref, who, amount in charges]
        told = self.run(write_xlsx(self.home / "rent.xlsx", charges), "--metrics-file", self.home / "rent.prom")
        assert told["counts"]["held"] == 1
        assert self.command("cancel", "rent", "--rows", "7", "--file", "rent.xlsx", "--yes", env=self.env).code in {
            0,
            5,
        }

    def sessions(self) -> list[dict]:
        """The requests that anybody knows of: all that the server created but the one whose answer was lost."""
        return [one for one in self._about()["sessions"] if not one["referenceId"].startswith("HangAfter")]


@pytest.fixture
def month(command: Command, standalone_sandbox: StandaloneSandbox) -> Month:
    month = Month(command, standalone_sandbox)
    month.play()
    return month


def dollars(amounts: Iterator[Any]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0)).quantize(Decimal("0.01"))


NEVER_ASKED = {"rows": 1, "amount": "160.00"}
"""Eve's under another reference, which is held. Every other row was asked for, or its outcome is unknown."""


def test_every_output_says_the_same_of_a_batch_of_six_sheets(month: Month) -> None:  # noqa: PLR0915 - all at once
    """Counts and sums of every command, file and figure are those of the server, over all sheets."""
    home, command, env = month.home, month.command, month.env
    (home / "receivables.toml").write_text(RECEIVABLES, encoding="utf-8")
    files = {name: home / f"out.{name}" for name in ("csv", "parquet", "html")}
    beside = [option for name, path in files.items() for option in (f"--{name}", path)]
    beside += ["--receivables", home / "ar.csv", "--receivables-mapping", home / "receivables.toml"]
    done = command("status", "rent", "--json", "-o", home / "status.xlsx", *beside, env=env)
    assert done.code == 5, done.err  # Hal's is unknown
    told = done.json()
    made = month.sessions()
    count, asked = len(made), dollars(one["amount"] for one in made)
    paid = [one for one in made if one["referenceId"].startswith("Happy")]
    gone = [one for one in made if one["referenceId"].startswith("Cancels") or one["referenceId"] == "INV-7"]
    requests = {"rows": count, "amount": str(asked)}
    cancelled = {"rows": len(gone), "amount": str(dollars(one["amount"] for one in gone))}
    assert (count, len({one["referenceId"] for one in made})) == (12, 12)

    # status
    assert told["rows"] == 14
    assert sum(told["counts"].values()) == 14
    assert (told["requests"], told["cancelled"], told["neverAsked"]) == (requests, cancelled, NEVER_ASKED)
    assert told["paid"]["yes"] == {"rows": len(paid), "amount": str(dollars(one["amount"] for one in paid))}
    assert sum(one["rows"] for one in told["paid"].values()) == count
    assert dollars(one["amount"] for one in told["paid"].values()) == asked
    assert told["counts"]["unknown"] == 1

    # batches, batches show, the run itself, its metrics
    [line] = json.loads(command("batches", "--json", env=env).out)
    assert (line["created"], line["amount"]) == (count, str(asked))
    assert (line["cancelled"], line["cancelledAmount"]) == tuple(cancelled.values())
    assert (line["neverAsked"], line["neverAskedAmount"]) == tuple(NEVER_ASKED.values())
    assert (line["rows"], line["unknown"]) == (14, 1)
    shown = command("batches", "show", "rent", "--json", env=env).json()
    assert (shown["requests"], shown["cancelled"], shown["neverAsked"]) == (requests, cancelled, NEVER_ASKED)
    assert shown["counts"] == told["counts"]
    whole = month.last["wholeBatch"]
    assert (whole["requests"], whole["neverAsked"], whole["rows"]) == (requests, NEVER_ASKED, 14)
    metrics = (home / "rent.prom").read_text("utf-8")
    assert f'kind="requests"}} {count}\n' in metrics
    assert f'kind="requests"}} {asked}\n' in metrics

    # the files beside the workbook
    with files["csv"].open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 14
    by_session = {line["sessionId"]: line for line in lines if line["sessionId"]}
    assert {line["referenceSent"] for line in by_session.values()} == {one["referenceId"] for one in made}
    assert dollars(line["amountSent"] for line in by_session.values()) == asked
    assert Counter(line["status"] for line in lines) == Counter({k: v for k, v in told["counts"].items() if v})
    left = next(line for line in lines if line["First name"] == "Flo")
    assert (left["row"], left["file"], bool(left["sessionId"])) == ("7", "rent.csv", True)
    table = pq.read_table(files["parquet"]).to_pylist()
    assert dollars(row["amountSent"] for row in table if row["sessionId"]) == asked
    with (home / "ar.csv").open(encoding="utf-8", newline="") as file:
        receivables = list(csv.DictReader(file))
    assert len(receivables) == count
    assert dollars(line["Amount"] for line in receivables) == asked
    page = files["html"].read_text("utf-8")
    assert f"{count} of 14, " in page
    assert f"{asked:,}" in page

    # the workbooks
    assert figures(home / "status.xlsx", "requests") == (count, asked)
    assert figures(home / "status.xlsx", "of which cancelled") == (len(gone), Decimal(str(cancelled["amount"])))
    assert figures(Path(month.last["output"]), "requests") == (count, asked)
    sheet = load_workbook(home / "status.xlsx")["Results"]
    headings, *rows = sheet.iter_rows(values_only=True)
    sent = headings.index("amountSent"), headings.index("sessionId")
    assert dollars(row[sent[0]] for row in rows if row[sent[1]]) == asked

    # cancel, reconcile
    rehearsed = command("cancel", "rent", "--dry-run", "--json", env=env).json()
    still_open = [one for one in made if one not in paid and one not in gone and one["referenceId"] != "Declines-3"]
    assert rehearsed["toCancel"] == {
        "rows": len(still_open),
        "amount": str(dollars(one["amount"] for one in still_open)),
    }
    report = home / "settlement.csv"
    report.write_text("referenceId,amount,status\nHappy1-1,10.00,Settled\nHappy2-2,20.00,Settled\n", encoding="utf-8")
    proof = command("reconcile", "rent", report, "--json", env=env).json()
    assert Decimal(proof["proof"]["opening"]) == asked + Decimal("1280.00")
    assert proof["counts"]["matched"] == 2
    book = load_workbook(Path(proof["output"]))
    never = [row for row in book["In batch only"].iter_rows(values_only=True) if "never asked" in row]
    assert [row[0] for row in never] == [6]


def figures(workbook: Path, label: str) -> tuple[int, Decimal]:
    """Rows and dollars of a line of `Summary`."""
    for row in load_workbook(workbook)["Summary"].iter_rows(values_only=True):
        if row[0] == label:
            return row[2], Decimal(str(row[3])).quantize(Decimal("0.01"))  # type: ignore[return-value]
    raise AssertionError(label)
