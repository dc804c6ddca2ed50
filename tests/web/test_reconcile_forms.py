"""The reconciliation by its forms alone: what a person decides is kept in the journal."""

import io
from datetime import datetime
from pathlib import Path

import openpyxl
from support.command import Command
from support.local_page import serving
from support.page_forms import visiting

TODAY = f"{datetime.now().astimezone():%Y-%m-%d}"
SHEET = """Reference,First name,Last name,Email,Amount
R-1001,Ann,Roe,ann@example.com,125.40
R-1002,Noah,Chen,noah@example.com,81.00
"""
HEADINGS = "Reference,Customer name,Amount,Status,Settlement date\n"
REPORT = f"{HEADINGS}R-1001,Ann Roe,125.40,Settled,{TODAY}\nR-1002,Noah Chen,81.00,Settled,{TODAY}\n"
PAGE = "batches/rent/reconcile"


def test_a_deposit_is_ticked_off_and_stays_so(command: Command, tmp_path: Path) -> None:
    """For later visits and the command line; in the workbook; not for another amount; and it can be taken back."""
    sheet, report = tmp_path / "rent.csv", tmp_path / "settlement.csv"
    sheet.write_text(SHEET)
    report.write_text(REPORT)
    assert command("run", sheet, "--sandbox", "--batch", "rent").code == 0
    with serving(command, "--sandbox") as served, visiting(served) as visitor:
        visitor.get(PAGE)
        visitor.upload(f"{PAGE}/reports", "reports", report)
        assert "Tick off: it is at the bank" in visitor.text
        fields: dict[str, str | list[str]] = {name: visitor.value(name) for name in ("day", "currency", "amount")}
        assert fields == {"day": TODAY, "currency": "CAD", "amount": "206.40"}
        assert "☑" in visitor.post(f"{PAGE}/deposit", {**fields, "ticked": "yes"})
        page = openpyxl.load_workbook(io.BytesIO(visitor.download(f"{PAGE}/workbook")))["Deposits"]
        assert any(str(cell).startswith("☑ ") for (cell,) in page.iter_rows(min_col=9, max_col=9, values_only=True))
    reconciled = command("reconcile", "rent", report, "--sandbox", "--json", "-o", tmp_path / "one.xlsx").json()
    assert [bool(one["tickedBy"]) for one in reconciled["deposits"]] == [True]
    report.write_text(REPORT + f"R-9,Ida Roy,1.00,Settled,{TODAY}\n")
    reconciled = command("reconcile", "rent", report, "--sandbox", "--json", "-o", tmp_path / "two.xlsx").json()
    assert [(one["amount"], one["tickedBy"]) for one in reconciled["deposits"]] == [("207.40", None)]
    with serving(command, "--sandbox") as served, visiting(served) as visitor:
        visitor.get(PAGE)
        assert "☑" in visitor.post(f"{PAGE}/again", {})
        assert "☑" not in visitor.post(f"{PAGE}/deposit", {**fields, "ticked": "no"})
