"""Every sheet of samples/, run by the real command against the real sandbox: what comes of each row."""

import runpy
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from support.command import Command, StandaloneSandbox

SAMPLES = Path(__file__).parents[2] / "samples"

ENGLISH = {
    8: {("email", "email-invalid")},
    10: {("lastName", "missing")},
    13: {("amount", "amount-negative")},
    17: {("amount", "amount-decimals")},
    21: {("accountNumber", "too-few-digits")},
    24: {("type", "type-other-product")},
    28: {("currency", "currency-other")},
    32: {("amount", "amount-too-large")},
    34: {("", "duplicate-identity")},
    36: {("amount", "missing")},
    39: {("email", "email-several")},
    41: {("transitNumber", "account-incomplete")},
    45: {("accountNumber", "letter-for-digit")},
    48: {("sendInteracLink", "yes-no-unreadable")},
    51: {("amount", "amount-unreadable")},
    54: {("institutionCode", "account-swapped"), ("transitNumber", "account-swapped")},
    57: {("amount", "amount-zero")},
    60: {("email", "error-value")},
    62: {("transitNumber", "wrong-length")},
    64: {("email", "refused")},
    71: {("", "duplicate-identity")},
}
"""Row in the sheet: the field and code of each fault. Rows that are not here have none."""

FRENCH = {
    6: {("email", "email-invalid")},
    8: {("amount", "amount-decimals")},
    10: {("firstName", "missing")},
    12: {("amount", "amount-negative")},
    16: {("accountNumber", "scientific")},
    18: {("institutionCode", "combined-differs")},
    22: {("sendInteracLink", "yes-no-unreadable")},
    25: {("amount", "amount-foreign")},
    29: {("accountNumber", "account-incomplete")},
    36: {("", "duplicate-identity")},
}

NOTICES = {
    5: "many banks do not allow a payor to send that much",
    12: "was read as marisol.reyes@example.com",
    15: "contains a title",
    18: "was read as 00320",
    23: "looks like two people",
    27: "Account: read as •••3901, without spaces or dashes",
    38: "also the address of another payor (row 37)",
    42: "only an initial",
    47: "looks like a company",
    56: "does not know the institution",
}
"""Rows of the English sheets that are sent with something to look at, and words of the notice."""

EXPECTED = {
    "billing-2026-11.xlsx": (ENGLISH, {"created": 47, "invalid": 20, "rejected": 1}, "147157.93"),
    "billing-2026-11.csv": (ENGLISH, {"created": 47, "invalid": 20, "rejected": 1}, "147157.93"),
    "facturation-2026-11.csv": (FRENCH, {"created": 23, "invalid": 10}, "39666.51"),
}

each_sample = pytest.mark.parametrize("name", EXPECTED)


def counts(summary: dict[str, Any]) -> dict[str, int]:
    return {status: count for status, count in summary["counts"].items() if count}


def faults(summary: dict[str, Any]) -> dict[int, set[tuple[str, str]]]:
    rows: dict[int, set[tuple[str, str]]] = {}
    for error in summary["errors"]:
        rows.setdefault(error["row"], set()).add((error["field"], error["code"]))
    return rows


def results(path: Path) -> dict[int, dict[str, Any]]:
    """The rows of the sheet Results by their number in the user's own sheet."""
    headings, *rows = openpyxl.load_workbook(path)["Results"].values
    return {row[0]: dict(zip(headings, row, strict=True)) for row in rows}  # type: ignore[arg-type, misc]


def test_every_sample_is_expected_here() -> None:
    """A sample that no test runs is a sample that may be wrong."""
    assert {path.name for path in SAMPLES.iterdir() if path.suffix != ".py" and path.is_file()} == set(EXPECTED)


@each_sample
def test_each_row_gets_its_status_and_faults_and_nobody_is_asked_twice(
    command: Command, standalone_sandbox: StandaloneSandbox, tmp_path: Path, name: str
) -> None:
    """Each row of a sample has the status and the faults that it was made for; a second run creates nothing."""
    expected_faults, expected_counts, total = EXPECTED[name]
    line = ("run", SAMPLES / name, "--json", "--yes", "-o", tmp_path / "out.xlsx")

    first = command(*line, env=standalone_sandbox.env)
    created = standalone_sandbox.created()
    assert (first.code, counts(first.json())) == (1, expected_counts)
    assert faults(first.json()) == expected_faults
    left_out = f"its amount of ${float(total):,.2f} agrees with the rows"
    assert f'("Total") is a total and was left out; {left_out}' in first.err
    assert sum(created.values()) == expected_counts["created"]
    assert set(created.values()) == {1}
    assert {row: line["status"] for row, line in results(tmp_path / "out.xlsx").items() if line["errors"]} == {
        row: "rejected" if ("email", "refused") in codes else "invalid" for row, codes in expected_faults.items()
    }

    second = command(*line, env=standalone_sandbox.env)
    again = {"already-created" if status == "created" else status: n for status, n in expected_counts.items()}
    assert (second.code, counts(second.json())) == (1, again)
    assert standalone_sandbox.created() == created


@pytest.mark.parametrize("name", ["billing-2026-11.xlsx", "billing-2026-11.csv"])
def test_rows_that_are_sent_with_something_to_look_at_say_what(command: Command, tmp_path: Path, name: str) -> None:
    """A notice stands on its row and does not keep it from being sent."""
    out = tmp_path / "out.xlsx"
    assert command("run", SAMPLES / name, "--sandbox", "-q", "-o", out).code == 1
    rows: Any = results(out)
    noticed = {row for row, line in rows.items() if line["notices"] and line["status"] == "created"}
    noise = {33} if name.endswith(".xlsx") else set()  # only a number has the noise of arithmetic
    assert noticed == NOTICES.keys() | noise
    for row, words in NOTICES.items():
        assert words in rows[row]["notices"]


def test_rows_that_wait_are_not_counted_among_what_is_to_be_fixed(command: Command) -> None:
    """After `--first` the terminal counts the faults that are left to read, not the rows that are left to send."""
    done = command("run", SAMPLES / "billing-2026-11.csv", "--sandbox", "--first", "3", "-o", command.home / "out.xlsx")
    faults_of_the_sheet = sum(map(len, ENGLISH.values())) - 1  # the row that the API refuses was not reached
    assert done.code == 6
    assert f"and {faults_of_the_sheet - 10} more" in done.out


def test_the_workbook_and_the_text_file_come_out_the_same(command: Command, tmp_path: Path) -> None:
    """The same month as .xlsx and as .csv asks for the same payments."""
    sent = []
    for name in ("billing-2026-11.xlsx", "billing-2026-11.csv"):
        out = tmp_path / f"{name}.results.xlsx"
        command("run", SAMPLES / name, "--sandbox", "-q", "--journal", tmp_path / f"{name}.sqlite", "-o", out)
        sent.append({row: (line["referenceSent"], line["amountSent"]) for row, line in results(out).items()})
    assert sent[0] == sent[1]


def test_the_script_makes_the_files_that_are_there(tmp_path: Path) -> None:
    """The samples are what their script makes: cell by cell the workbook, byte by byte the text files."""
    made = runpy.run_path(str(SAMPLES / "make_samples.py"))["make"](tmp_path)
    assert {path.name for path in made} == set(EXPECTED)
    for path in made:
        if path.suffix == ".xlsx":
            assert cells(path) == cells(SAMPLES / path.name)
        else:
            assert path.read_bytes() == (SAMPLES / path.name).read_bytes()


def cells(path: Path) -> list[tuple[str, Any, str, Any]]:
    """Every cell of a workbook: its place, its content, its number format, and the saved result of a formula."""
    saved = openpyxl.load_workbook(path, data_only=True)
    return [
        (f"{sheet.title}!{cell.coordinate}", cell.value, cell.number_format, saved[sheet.title][cell.coordinate].value)
        for sheet in openpyxl.load_workbook(path)
        for row in sheet.iter_rows()
        for cell in row
    ]
