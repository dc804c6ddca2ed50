"""Small sheets that went wrong once, rebuilt after public reports with fictional people: what each comes to."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from support.command import Command

CASES = Path(__file__).parents[1] / "cases"

SHEETS: list[tuple[str, int, dict[str, int], str]] = [
    ("amount-and-balance.csv", 3, {}, "balance due"),
    ("backslashes.xlsx", 0, {"not-sent": 3}, ""),
    ("begins-in-column-b.xlsx", 1, {"invalid": 4, "not-sent": 1}, "another currency"),
    ("currency-under-another-heading.csv", 1, {"invalid": 1, "not-sent": 1}, "US$"),
    ("customer-called-total.csv", 1, {"invalid": 2, "not-sent": 2}, "email"),
    ("customers-accounts.csv", 0, {"not-sent": 4}, "4 different accounts"),
    ("decimal-comma-unquoted.csv", 1, {"invalid": 5}, "7 cells"),
    ("emails.csv", 1, {"invalid": 10, "not-sent": 11}, ""),
    ("end-mark.csv", 0, {"not-sent": 2}, ""),
    ("euro-wide-space.xlsx", 0, {"not-sent": 5}, "agrees"),
    ("filled-down-formulas.xlsx", 0, {"not-sent": 3}, "(27)"),
    ("foreign-formats.xlsx", 1, {"invalid": 8, "not-sent": 1}, "A$"),
    ("group-lines.xlsx", 0, {"not-sent": 5}, "is a group name"),
    ("grouped-by-customer.xlsx", 0, {"not-sent": 3}, "agrees"),
    ("hidden-in-html.xls", 3, {}, "4-5"),
    ("macro-sheet.xlsm", 0, {"not-sent": 2}, ""),
    ("merged-payor.xlsx", 1, {"invalid": 1, "not-sent": 2}, "merged"),
    ("names.csv", 1, {"invalid": 3, "not-sent": 12}, "no letter"),
    ("numbered-rows.xlsx", 0, {"not-sent": 3}, "(17)"),
    ("pretty-printed.ods", 0, {"not-sent": 2}, ""),
    ("references-shortened.csv", 1, {"invalid": 3}, "last digits are lost"),
    ("second-headings.csv", 3, {}, "another order"),
    ("space-before-quote.csv", 0, {"not-sent": 2}, ""),
    ("stream-in-capitals.xls", 0, {"not-sent": 2}, ""),
    ("struck-out.xlsx", 3, {}, "struck through"),
    ("sum-line.txt", 0, {"not-sent": 5}, "4,908.24 agrees"),
    ("taxes-below.csv", 0, {"not-sent": 2}, "on the rows above"),
    ("total-and-amount-due.csv", 3, {}, "InvoiceAmountDue"),
    ("two-sheets.xlsx", 3, {}, "--sheet"),
    ("unknown-encoding.xlsx", 3, {}, "damaged"),
    ("workbook-elsewhere.xlsx", 0, {"not-sent": 5}, ""),
    ("aborts.xlsx", 3, {}, "Can't read"),
    ("no-rows.xlsx", 0, {}, ""),
]


@pytest.mark.parametrize(("name", "code", "counts", "said"), SHEETS, ids=[case[0] for case in SHEETS])
def test_a_sheet_comes_to_what_is_in_it(
    command: Command, name: str, code: int, counts: dict[str, int], said: str
) -> None:
    """Rows, faults and refusals of the whole command, with a word of what it says."""
    done = command("validate", CASES / name, "--sandbox", "--json", timeout=90)
    assert done.code == code, done.err
    assert {status: count for status, count in done.json()["counts"].items() if count} == counts
    assert said in done.err + done.out


def test_an_expected_total_is_that_of_the_rows(command: Command) -> None:
    """Labels and totals stand left of the first heading."""
    sheet = CASES / "grouped-by-customer.xlsx"
    for total in ("1250.40", "1250.4", "$1,250.40", "1 250,40 $"):
        assert command("validate", sheet, "--sandbox", "--expect-total", total).code == 0


def test_a_sheet_that_a_spreadsheet_saved_again_asks_nobody_again(command: Command) -> None:
    """`3-12` is `12-Mar`, `0012` is `12`: three are held, the corrected one is sent."""
    sheet = command.home / "condo.csv"
    sheet.write_bytes((CASES / "condo.csv").read_bytes())
    assert command("run", sheet, "--sandbox", "--json").json()["counts"]["created"] == 3
    sheet.write_bytes((CASES / "condo-resaved.csv").read_bytes())
    counts = command("run", sheet, "--sandbox", "--json").json()["counts"]
    assert (counts["held"], counts["created"]) == (3, 1)


def test_two_equal_charges_are_two(command: Command) -> None:
    """With `#` in `--identity` the second is a row of its own."""
    sheet = CASES / "two-equal-charges.csv"
    done = command("run", sheet, "--sandbox", "--identity", "referenceId,#", "-o", command.home / "out.xlsx", "--json")
    assert (done.code, done.json()["counts"]["created"]) == (0, 3)


def test_names_beyond_the_consoles_letters_leave_the_json_whole(command: Command) -> None:
    """Standard output in cp1252."""
    narrow = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = command("run", CASES / "names-beyond-cp1252.csv", "--sandbox", "--dry-run", "--json", env=narrow)
    assert done.code == 1
    assert done.json()["rows"] == 2


REFERENCES = {
    "reconcile-batch": "",
    "two-equal-charges": "",
    "returns": "Reference,First name,Last name,Email,Amount\n"
    "INV-4405,Charlotte,Fournier,charlotte@example.com,285.88\n"
    "INV-4423,Dmytro,Lalonde,dmytro@example.com,2384.08\n",
}
RECONCILED = [
    (
        "reconcile-batch",
        "reconcile-twice-in-one-report.csv",
        {"matched": ["R-1001"], "inParts": ["R-1003"], "paidTwice": ["R-1002"], "notInReport": ["1004"]},
        "1537.40",
    ),
    (
        "reconcile-batch",
        "reconcile-short-years.csv",
        {"matched": ["R-1001", "R-1002", "R-1003"], "unexplained": [], "notInReport": ["1004"]},
        "1516.40",
    ),
    (
        "two-equal-charges",
        "reconcile-one-payment-for-two.csv",
        {"together": ["LEASE-7", "LEASE-7"], "matched": ["LEASE-8"]},
        "255.00",
    ),
    ("returns", "reconcile-returned.csv", {"returned": ["INV-4405"], "notInReport": ["INV-4423"]}, "0.00"),
    ("returns", "reconcile-reversal.csv", {"returned": ["INV-4405", "INV-4423"]}, "0.00"),
]


@pytest.mark.parametrize(("batch", "report", "piles", "paid"), RECONCILED, ids=[case[1] for case in RECONCILED])
def test_a_report_comes_to_its_payments(
    command: Command, batch: str, report: str, piles: dict[str, Any], paid: str
) -> None:
    """Each request is in its pile, with the lines of the report; a person must look."""
    sheet = command.home / f"{batch}.csv"
    content = REFERENCES[batch]
    sheet.write_bytes(content.encode() if content else (CASES / f"{batch}.csv").read_bytes())
    command("run", sheet, "--sandbox", "--identity", "referenceId,#" if batch == "two-equal-charges" else "referenceId")
    # No payment comes before its request, and the requests are of today: the report is of next year. Nobody proposes a
    # payment for a request so long ago by a reference that is only similar (1004.0).
    year = f"{datetime.now().astimezone().year + 1}"
    written = (CASES / report).read_text(encoding="utf-8").replace("2026", year)
    dated = command.home / report
    dated.write_text(re.sub(r"(?<=[-/ ])26$", year[2:], written, flags=re.MULTILINE), encoding="utf-8")
    done = command("reconcile", batch, dated, "--sandbox", "-o", command.home / "out.xlsx", "--json")
    told = done.json()
    found = {
        pile: [row["reference"] for match in one["matches"] for row in match["rows"]]
        for pile, one in told["piles"].items()
        if one["count"]
    }
    assert (done.code, found, told["proof"]["closing"], told["proof"]["addsUp"]) == (1, piles, paid, True)
    lines = [line for one in told["piles"].values() for match in one["matches"] for line in match["lines"]]
    assert len(lines) == told["reports"][0]["lines"]
    if report == "reconcile-twice-in-one-report.csv":
        assert [(one["day"], one["amount"]) for one in told["deposits"]] == [(f"{year}-11-28", "1537.40")]


def test_map_and_split_names_on_the_command_line(command: Command) -> None:
    """One heading, one column of whole names: no mapping file is needed, and an unsure name is its row's fault."""
    (command.home / "rent.csv").write_text(
        "Invoice #,Who,Electronic address,Amount,Due\n"
        "R-1,Zo\u00e9 Roy,zoe@example.com,1250.40,5\n"
        "R-2,Mary Ann Smith,mary@example.com,10,5\n",
        encoding="utf-8",
    )
    options = ("--map", "Electronic address=email", "--map", "Due=ignore", "--split-names", "who:given-first")
    done = command("validate", "rent.csv", "--sandbox", "--json", *options)
    told = done.json()
    assert (done.code, told["counts"]["not-sent"], told["counts"]["invalid"]) == (1, 1, 1)
    assert [error["code"] for error in told["errors"] if error["row"] == 3] == ["name-not-split"]
    shown = command("columns", "rent.csv", *options).out
    assert "your mapping: full names, split" in shown
    wrong = command("run", "rent.csv", "--sandbox", "--map", "Due=when")
    assert (wrong.code, "FIELD is one of: referenceId" in wrong.err) == (2, True)


def test_a_notice_that_touches_money_is_a_warning(command: Command) -> None:
    """What may change how much is asked for stands first and is called a warning; anything else is a note."""
    book = Workbook()
    rows = ("Invoice #,First name,Last name,Email,Amount", "R-1,Ana,Roy,ana@example.com,5", "Total,,,,5")
    for line in rows:
        book.active.append(line.split(","))
    book.create_sheet("Hidden").append(["a", "b"])
    book["Hidden"].sheet_state = "hidden"
    book.save(command.home / "rent.xlsx")
    shown = command("validate", "rent.xlsx", "--sandbox").err
    assert shown.index("  Warning: hidden sheets not read: Hidden\n") < shown.index("  Note: row 3")
    assert "  Attention : feuilles masqu\u00e9es" in command("validate", "rent.xlsx", "--sandbox", "--lang", "fr").err


def test_rows_that_are_invalid_for_one_reason_are_one_line(command: Command) -> None:
    """Their number, the reason without what is in each cell, and their rows; a single one is told as it is."""
    wrong = [f"R-{row},Ana,Roy,ana{row}@@example.com,5" for row in range(2, 27)]
    lines = ["Invoice #,First name,Last name,Email,Amount", *wrong, "R-27,,Roy,roy@example.com,abc"]
    (command.home / "rent.csv").write_text("\n".join(lines), encoding="utf-8")
    shown = command("run", "rent.csv", "--sandbox").out
    numbers = ", ".join(map(str, range(2, 22)))
    assert f'  25 rows: Email (column D): "\u2026" is not an e-mail address (rows {numbers} \u2026)\n' in shown
    assert '  row 27: Amount (column E): "abc" is not an amount\n' in shown
    assert "more in the workbook" not in shown
