"""The sheet `Links` as the data source of a mail merge in LibreOffice."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from support.libreoffice import by_hand, convert, needs_merge, needs_office
from support.workbook_batches import month, report, stream

from pipeline.report.links import HEADINGS, belongs
from pipeline.report.workbook import write

pytestmark = pytest.mark.slow

WAITING = [row for row in month() if belongs(row)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("merge") / "month.xlsx"
    write(report(), stream(month()), path)
    return path


@needs_merge
def test_a_letter_is_merged_for_each_link(results: Path) -> None:
    """A real merge in Writer makes one letter a link, each with its own payor, address, amount, link and subject."""
    folder = results.parent
    by_hand(folder, "merge", source=results, table="Links", fields=HEADINGS, folder=folder)
    letters = [path.read_text("utf-8-sig") for path in sorted(folder.glob("merged*.txt"), key=_number)]
    assert len(letters) == len(WAITING)
    for letter, row in zip(letters, WAITING, strict=True):
        merged = dict(line.split("=", 1) for line in letter.splitlines() if "=" in line)
        payment = row.payment
        assert payment is not None
        assert (merged["firstName"], merged["lastName"]) == (payment.first_name, payment.last_name)
        assert merged["email"] == payment.email
        assert float(merged["amount"]) == float(payment.amount or 0)
        assert merged["link"] == row.launch_url
        assert payment.reference_id in merged["subjectEn"]
        assert "\u00a0$" in merged["subjectFr"]


@needs_office
def test_every_merge_field_arrives_in_a_data_source(results: Path) -> None:
    """Read by LibreOffice as a data source is, the first row names the fields and each row below has them whole."""
    sheets = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    convert(results, sheets, results.parent / "read")
    with (results.parent / "read" / "month-Links.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADINGS
    assert all(re.fullmatch("[A-Za-z]+", name) for name in HEADINGS), "a merge field without blanks and accents"
    assert [row["link"] for row in rows] == [row.launch_url for row in WAITING]
    assert [row["email"] for row in rows] == [row.payment.email for row in WAITING if row.payment]
    assert all(row["subjectEn"] and row["subjectFr"] and row["language"] in {"en", "fr"} for row in rows)


def _number(path: Path) -> int:
    return int(re.sub(r"\D", "", path.stem))
