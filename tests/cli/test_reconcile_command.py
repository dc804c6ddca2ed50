"""A month played to its end: import, accept and decline on the hosted page, download the reports, reconcile."""

import csv
import io
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import xlsxwriter
from openpyxl import load_workbook
from support.command import Command, Finished

HEADINGS = "Reference,First Name,Last Name,Email,Amount,Send link\n"
SHEET = HEADINGS + (
    "R-1,Zoé,Tremblay,zoe@example.com,250.00,no\n"
    "R-2,Liam,O'Connor,liam@example.com,99.50,no\n"
    "R-3,Wei,Zhang,wei@example.com,10.00,no\n"
    "R-4,Ana,Roy,ana@example.com,75.25,no\n"
    "R-5,Bo,Li,bo@@example.com,5.00,no\n"
    "CloseAfter-6,Max,Côté,max@example.com,33.33,yes\n"
)
FRENCH = ("Identifiant de session", "Référence", "Montant", "Devise", "Nom du client", "Courriel", "Statut")
FRENCH_WORDS = {"Settled": "Réglé", "Declined": "Refusé", "Initiated": "Initié"}


class Month:
    """A batch `november` in a sandbox of its own, where money settles at once."""

    def __init__(self, command: Command, base_url: str) -> None:
        self.command = command
        self.base_url = base_url
        self.env = {"FLINKS_BASE_URL": base_url, "FLINKS_USERNAME": "sandbox", "FLINKS_PASSWORD": "sandbox"}
        self.folder = command.home

    def run(self, sheet: str = SHEET, batch: str = "november") -> Finished:
        path = self.folder / f"{batch}.csv"
        path.write_text(sheet, encoding="utf-8")
        return self.command("run", path, "--yes", env=self.env)

    def sessions(self, batch: str = "november") -> dict[str, str]:
        sheet = load_workbook(self.folder / f"{batch}.results.xlsx")["Results"]
        rows: Any = [[cell.value for cell in row] for row in sheet]
        reference, session = rows[0].index("Reference"), rows[0].index("sessionId")
        return {row[reference]: row[session] for row in rows[1:] if row[session]}

    def decide(self, session: str, decision: str) -> None:
        form = urlencode({"sessionId": session, "decision": decision}).encode()
        urlopen(f"{self.base_url}/app/", form, timeout=60).close()

    def report(self, kind: str) -> Path:
        path = self.folder / f"{kind}.csv"
        with urlopen(f"{self.base_url}/sandbox/reports/{kind}.csv", timeout=60) as answer:
            path.write_bytes(answer.read())
        return path

    def reconcile(self, *args: Any, batch: str = "november") -> Finished:
        return self.command("reconcile", batch, *args, "--lang", "en", env=self.env)


@pytest.fixture
def month(command: Command) -> Iterator[Month]:
    """The sandbox in a process of its own; R-1 and R-2 have paid, R-3 declined, R-4 is open, row 7 is unknown."""
    process = command.start("sandbox", "--port", "0", "--store", command.home / "s.jsonl", "--settle-after", "0")
    try:
        base_url = next(line.strip() for line in process.stdout if line.startswith("http://"))
        played = Month(command, base_url)
        assert played.run().code == 5
        sessions = played.sessions()
        played.decide(sessions["R-1"], "accepted")
        played.decide(sessions["R-2"], "accepted")
        played.decide(sessions["R-3"], "declined")
        yield played
    finally:
        process.terminate()
        process.communicate(timeout=120)


def lines_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def french(path: Path, rows: Sequence[Sequence[str]], extra: bytes = b"") -> Path:
    """The same lines as a French office exports them: Windows-1252, semicolons, decimal commas."""
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=";")
    writer.writerow(FRENCH)
    for row in rows:
        writer.writerow([*row[:2], row[2].replace(".", ","), *row[3:6], FRENCH_WORDS.get(row[6], row[6])])
    path.write_bytes(content.getvalue().encode("cp1252") + extra)
    return path


def counted(summary: dict[str, Any]) -> dict[str, int]:
    return {place: count for place, count in summary["counts"].items() if count}


def test_a_month_is_reconciled_to_the_cent(month: Month) -> None:
    """Both daily reports, one of them twice: each payment counts once, and the proof adds up."""
    settled, processed = month.report("settlement"), month.report("processing")
    done = month.reconcile(settled, processed, settled, "--json")
    summary = done.json()
    assert (done.code, summary["exitCode"]) == (0, 0)
    assert counted(summary) == {"matched": 2, "waiting": 2, "endedUnpaid": 1, "inBatchOnly": 1}
    assert summary["proof"] == {
        "opening": "468.08",
        "difference": "-118.58",
        "closing": "349.50",
        "gap": "0.00",
        "addsUp": True,
    }
    assert [(one["payments"], one["amount"]) for one in summary["deposits"]] == [(2, "349.50")]
    book = load_workbook(summary["output"], data_only=True)
    assert book.sheetnames[0] == "Proof"
    assert {row[2].value for row in book["Matched"].iter_rows(min_row=2)} == {"R-1", "R-2"}


def test_an_unknown_outcome_is_resolved_and_its_evidence_kept(month: Month) -> None:
    """A report that names the reference decides it: the row has its session, and is never sent again."""
    processed = month.report("processing")
    done = month.reconcile(processed, "--json")
    assert [(one["row"], one["file"]) for one in done.json()["resolved"]] == [(7, "processing.csv")]
    with sqlite3.connect(month.command.data / "journal.sqlite") as journal:
        kept = journal.execute("SELECT proof, file, length(sha256), line, who <> '' FROM evidence").fetchall()
    line = next(at for at, row in enumerate(lines_of(processed), 1) if row[1] == "CloseAfter-6")
    assert kept == [("resolved", "processing.csv", 64, line, 1)]
    assert month.reconcile(processed, "--json").json()["resolved"] == []
    again = month.run()
    assert again.code == 1
    assert "CloseAfter-6" in month.sessions()


def test_a_report_in_french_with_every_mischief(month: Month) -> None:
    """Other headings, encoding and delimiter; another amount, a second payment, a stranger, damaged lines."""
    header, *rows = lines_of(month.report("processing"))
    assert header[:2] == ["Session Id", "Reference Id"]
    by_reference = {row[1]: row for row in rows}
    other_amount = [*by_reference["R-1"][:2], "240.00", *by_reference["R-1"][3:]]
    second = ["5f3c2a1e-0000-4000-8000-000000000000", *by_reference["R-2"][1:]]
    stranger = ["5f3c2a1e-0000-4000-8000-000000000001", "X-1", "1.00", "CAD", "Été", "x@example.com", "Settled"]
    report = french(
        month.folder / "rapport.csv",
        [other_amount, by_reference["R-2"], by_reference["R-2"], second, stranger],
        extra=b"R-9;coup\xe9e\r\na;b;12,0x;CAD;n;e;R\xe9gl\xe9\r\n",
    )
    done = month.reconcile(report)
    assert done.code == 1
    assert "Windows-1252" in done.out
    assert "line 7: the line has 2 cells" in done.out
    assert "does not add up" not in done.out.casefold()
    assert counted(month.reconcile(report, "--json").json()) == {
        "paidDifferently": 1,
        "paidTwice": 1,
        "inReportOnly": 1,
        "unknownState": 1,
        "inBatchOnly": 3,
    }


def test_a_workbook_without_sessions_is_matched_by_reference_and_amount(month: Month) -> None:
    """What the vendor's end-of-day e-mail lists is enough; amounts are numbers there, and the last line is a total."""
    header, *rows = lines_of(month.report("settlement"))
    kept = [header.index(name) for name in ("Reference Id", "Amount", "Customer Name", "Status", "Settled Date")]
    path = month.folder / "settlement.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [header[at] for at in kept])
        for number, row in enumerate(rows, 1):
            reference, amount, *rest = (row[at] for at in kept)
            sheet.write_row(number, 0, [reference, float(amount), *rest])
        sheet.write_row(len(rows) + 1, 0, ["Total", 349.5])
    done = month.reconcile(path)
    assert (done.code, "agrees with the lines above it ($349.50)" in done.out) == (1, True)  # row 7 is still unknown
    matched = load_workbook(month.folder / "november.reconciliation.xlsx")["Matched"]
    assert {row[9].value for row in matched.iter_rows(min_row=2)} == {"reference and amount"}


def test_a_name_in_two_environments_is_told_apart(month: Month) -> None:
    """The same name in the built-in sandbox and at the API is two batches: --sandbox or the base URL says which."""
    journal = month.command.data / "journal.sqlite"
    month.command(
        "run", month.folder / "november.csv", "--sandbox", "--journal", journal, "-o", month.folder / "s.xlsx"
    )
    report = month.report("processing")
    here = month.reconcile(report, "--json", "--journal", journal).json()
    assert (here["environment"], here["exitCode"]) == (month.base_url, 0)
    there = month.reconcile(report, "--json", "--journal", journal, "--sandbox").json()
    assert (there["environment"], there["exitCode"]) == ("sandbox", 1)  # the sessions are not its own


def test_a_proposal_is_taken_only_when_a_person_confirms_it(month: Month) -> None:
    """What is alike by e-mail, amount and date is shown; confirmed once, it is matched from then on."""
    rows: Any = [row for row in lines_of(month.report("settlement")) if row[1] in {"Reference Id", "R-1"}]
    rows[1][0], rows[1][1] = "5f3c2a1e-0000-4000-8000-000000000002", "OTHER"
    report = month.folder / "settlement.csv"
    report.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    proposed = month.reconcile(report, "--json")
    assert (proposed.code, counted(proposed.json())) == (1, {"proposals": 1, "unknownState": 1, "inBatchOnly": 4})
    confirmed = month.reconcile(report, "--confirm-proposals", "--json").json()
    assert (confirmed["confirmed"], confirmed["counts"]["matched"]) == (1, 1)
    later = month.reconcile(report, "--json").json()
    assert (later["confirmed"], later["counts"]["matched"], later["counts"]["proposals"]) == (0, 1, 0)


def test_payments_of_another_batch_are_told_apart(month: Month) -> None:
    """The reports are of the whole account: another batch's payments are no strangers."""
    month.run(HEADINGS + "D-1,Zoé,Tremblay,zoe@example.com,11.11,no\n", "december")
    month.decide(month.sessions("december")["D-1"], "accepted")
    done = month.reconcile(month.report("settlement"), month.report("processing"), "--json")
    assert (done.code, done.json()["differences"]["otherBatch"]) == (0, "11.11")
    assert done.json()["proof"]["addsUp"]


REFUSED = [
    ("an unknown batch", "novembre", "Session Id,Reference Id,Amount\n", 2, "november"),
    ("no report", "november", "Ville,Statut\nQuébec,Réglé\n", 3, "Ville, Statut"),
    ("an empty report", "november", "", 3, "empty"),
    ("nothing but our own workbook", "november", None, 3, "a workbook of this program"),
]


def test_what_can_not_be_reconciled_is_refused_in_one_sentence(month: Month) -> None:
    """No traceback, nothing written, and what to do instead."""
    for case, batch, content, code, says in REFUSED:
        report = month.folder / "november.results.xlsx"
        if content is not None:
            report = month.folder / "report.csv"
            report.write_text(content, encoding="utf-8")
        done = month.reconcile(report, batch=batch)
        assert (case, done.code, done.out) == (case, code, "")
        assert says in done.err, case
        assert "Traceback" not in done.err, case
    assert not list(month.folder.glob("*.reconciliation.xlsx"))


def test_several_unknown_outcomes_are_resolved_at_once(month: Month) -> None:
    """A report that names several rows whose outcome is unknown resolves each of them."""
    lost = [f"CloseAfter-{number},Max,Roy,max{number}@example.com,{number}.00,yes\n" for number in (7, 8, 9)]
    assert month.run(HEADINGS + "".join(lost), "december").code == 5
    done = month.reconcile(month.report("processing"), "--json", batch="december")
    assert [one["row"] for one in done.json()["resolved"]] == [2, 3, 4]
    assert month.run(HEADINGS + "".join(lost), "december").code == 0
