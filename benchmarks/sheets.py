"""The billing sheets that are measured with: always the same cells for the same number of rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import xlsxwriter

HEADINGS: Final = (
    "Invoice #", "First name", "Middle name", "Last name", "Email", "Amount", "Currency", "Type", "Direction",
    "Send link", "Institution", "Transit", "Account", "Note",
)  # fmt: skip
"""Fourteen columns: the API's thirteen and one of the user's own."""

_FIRST: Final = ("Jane", "Omar", "Élise", "Noah", "Mia", "Liam", "Zoé", "Wei", "Ana", "Tom")
_LAST: Final = ("Doe", "Smith", "Tremblay", "Singh", "O'Neil", "Roy", "Chen", "Gagnon", "Brown", "Lee")
_AMOUNT: Final = HEADINGS.index("Amount")
_EMAIL: Final = HEADINGS.index("Email")
_EVERY: Final = 33
"""One bad row in so many is 3 %."""


class Badness(StrEnum):
    """How many rows are bad, and how bad."""

    NONE = "none"
    SOME = "3 % bad"
    ALL = "100 % bad"
    TENFOLD = "ten faults a row"


def rows(count: int, badness: Badness = Badness.NONE) -> Iterator[list[str]]:
    """The rows below the headings."""
    for at in range(count):
        if badness is Badness.TENFOLD:
            yield _ten_faults(at)
            continue
        row = _good(at)
        if badness is Badness.ALL or (badness is Badness.SOME and not at % _EVERY):
            row[_EMAIL] = f"payor{at}@@example.com"
        yield row


def _good(at: int) -> list[str]:
    return [
        f"INV-{at:07d}", _FIRST[at % 10], "", _LAST[at // 10 % 10], f"payor{at}@example.com",
        f"{10 + at % 2000}.{at % 100:02d}", "CAD", "e-Transfer", "DEBIT", "no", "001", "00011",
        f"{1_000_000 + at % 9_000_000}", f"Plan {at % 50}, thank you",
    ]  # fmt: skip


def _ten_faults(at: int) -> list[str]:
    return [
        "R" * 300 + str(at), "", "", "", f"payor{at}@@example.com", f"-{at}.999", "USD", "wire", "UP", "perhaps",
        "12", "1", f"{at}x", f"Plan {at % 50}, thank you",
    ]  # fmt: skip


def write_csv(path: Path, count: int, badness: Badness = Badness.NONE) -> Path:
    """A sheet as text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(rows(count, badness))
    return path


def write_xlsx(path: Path, count: int) -> Path:
    """The same sheet as a workbook; amounts are numbers, identifiers text."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Billing")
        sheet.write_row(0, 0, HEADINGS)
        for number, row in enumerate(rows(count), 1):
            cells: list[str | float] = [*row]
            cells[_AMOUNT] = float(row[_AMOUNT])
            sheet.write_row(number, 0, cells)
    return path
