"""The sheets of the output workbook: what stands where, and what a person can check."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from support.workbook_batches import AT, HEADINGS, columns, month, one_column, report, stream

from pipeline.domain import totals
from pipeline.domain.model import Column, Report, ReportRow, SessionState, SheetRow, Status, Whole
from pipeline.report import streaming_worksheet
from pipeline.report.widths import Widths
from pipeline.report.workbook import write
from schemas.faults import Fault
from schemas.fields import OWN_COLUMNS


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> openpyxl.Workbook:
    path = tmp_path_factory.mktemp("book") / "out.xlsx"
    write(report(), stream(month()), path)
    return openpyxl.load_workbook(path)


def _cells(sheet: Worksheet) -> list[dict[str, Any]]:
    headings: Any = [cell.value for cell in sheet[1]]
    return [dict(zip(headings, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True)]


def _texts(sheet: Worksheet) -> list[str]:
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]


def _fill(sheet: Worksheet, row: int, heading: str) -> str | None:
    column = next(cell.column for cell in sheet[1] if cell.value == heading)
    fill = sheet.cell(row, column).fill
    return fill.fgColor.rgb if fill.patternType else None


def test_the_sheets_stand_in_their_order(book: openpyxl.Workbook) -> None:
    """`Summary` comes first and is the one that opens."""
    assert book.sheetnames == ["Summary", "Results", "Errors", "Links"]
    assert book.active is not None
    assert book.active.title == "Summary"


def test_results_hold_every_row_in_its_order_under_the_users_own_headings(book: openpyxl.Workbook) -> None:
    """First `row`, then the user's columns, then ours (interface: "The output workbook")."""
    sheet = book["Results"]
    headings: Any = [cell.value for cell in sheet[1]]
    assert headings == ["row", *(column.heading for column in report().columns), *OWN_COLUMNS]
    assert [cells["row"] for cells in _cells(sheet)] == [row.row.number for row in month()]
    assert [cells["status"] for cells in _cells(sheet)] == [row.status.value for row in month()]


def test_a_created_row_shows_what_was_sent(book: openpyxl.Workbook) -> None:
    """Identifiers are text, the amount is a number with two decimals, the time is ISO 8601 with its offset."""
    first = _cells(book["Results"])[0]
    assert first["sessionId"] == "5f3c2a1e-00000000-4c1d"
    assert (first["referenceSent"], first["amountSent"], first["attempts"]) == ("INV-2026-0000", 10, 1)
    assert datetime.fromisoformat(str(first["createdAt"])) == AT


def test_launch_urls_are_links(book: openpyxl.Workbook) -> None:
    """A launch URL is a hyperlink of the cell and no formula."""
    sheet = book["Results"]
    cell = next(cell for cell in sheet[2] if str(cell.value).startswith("https://"))
    assert cell.hyperlink.target == cell.value
    assert cell.data_type == "s"


URLS = [
    ("an ordinary address", "https://pay.example.com/s/1?a=1&b=2", True),
    ("as long as Excel opens", "https://pay.example.com/".ljust(streaming_worksheet.MAX_URL, "x"), True),
    ("one character longer", "https://pay.example.com/".ljust(streaming_worksheet.MAX_URL + 1, "x"), False),
    ("another scheme", "javascript:alert(1)", False),
    ("with a blank", "https://pay.example.com/a b", False),
    ("with a quotation mark", 'https://pay.example.com/"', False),
]


@pytest.mark.parametrize(("url", "linked"), [case[1:] for case in URLS], ids=[case[0] for case in URLS])
def test_an_address_that_excel_would_not_open_is_plain_text(tmp_path: Path, url: str, linked: bool) -> None:
    """What can't be a link is shown as text, and the workbook stays whole."""
    row = ReportRow(SheetRow(2, (), ""), Status.CREATED, None, None, "s", url)
    write(report(columns=()), stream([row]), path := tmp_path / "out.xlsx")
    cell = openpyxl.load_workbook(path)["Results"]["D2"]
    assert cell.value == url
    assert bool(cell.hyperlink) is linked


@pytest.mark.slow
def test_links_stop_at_what_excel_opens_in_one_sheet(tmp_path: Path) -> None:
    """Link number 65,531 is plain text: one more link and Excel would repair the workbook."""
    rows = [
        ReportRow(SheetRow(n, (), ""), Status.CREATED, None, None, f"{n}", f"https://pay.example.com/{n}")
        for n in range(2, streaming_worksheet.MAX_LINKS + 4)
    ]
    write(report(columns=()), stream(rows), path := tmp_path / "out.xlsx")
    with zipfile.ZipFile(path) as package:
        relations = package.read("xl/worksheets/_rels/sheet2.xml.rels").decode()
        sheet = package.read("xl/worksheets/sheet2.xml").decode()
    assert relations.count("/hyperlink") == sheet.count("<hyperlink ") == streaming_worksheet.MAX_LINKS
    assert sheet.count("https://pay.example.com/") == len(rows)


def test_account_numbers_are_shown_by_their_end_only(book: openpyxl.Workbook) -> None:
    """`Results` masks the account, in the cell and in the sentences about it; other digits stay."""
    sheet = book["Results"]
    assert [cells["Account"] for cells in _cells(sheet)][:2] == ["•••6541", "•••6542"]
    assert not [text for text in _texts(sheet) if "98765" in text]
    assert [text for text in _texts(sheet) if "account •••0000" in text]


@pytest.mark.parametrize(("typed", "shown"), [("30265-003-9876541", "•••6541"), ("30265", "30265"), ("265", "265")])
def test_a_whole_account_in_the_transit_s_column_is_shown_by_its_end_only(
    tmp_path: Path, typed: str, shown: str
) -> None:
    """Whoever types all of a cheque's line into one cell is no worse off; an ordinary transit stays readable."""
    columns_ = columns(("Transit", "transitNumber", ""), ("Account", "accountNumber", ""), ("Own", None, ""))
    row = ReportRow(SheetRow(2, (typed, "", typed), "nss"), Status.NOT_SENT, None, None)
    for show_accounts, cell in ((False, shown), (True, typed)):
        path = tmp_path / f"{show_accounts}.xlsx"
        write(report(columns=columns_), stream([row]), path, show_accounts=show_accounts)
        (cells,) = _cells(openpyxl.load_workbook(path)["Results"])
        assert (str(cells["Transit"]), cells["Own"]) == (cell, typed)


def test_account_numbers_are_whole_when_asked_for(tmp_path: Path) -> None:
    """With `show_accounts` nothing is masked."""
    write(report(), stream(month(2)), path := tmp_path / "out.xlsx", show_accounts=True)
    assert _cells(openpyxl.load_workbook(path)["Results"])[0]["Account"] == "9876541"


def test_errors_hold_only_the_rows_that_need_a_person_with_their_accounts_whole(book: openpyxl.Workbook) -> None:
    """`Errors` can be given back to `run`: a masked account could not be paid."""
    sheet = book["Errors"]
    expected = [row for row in month() if row.status in totals.NEEDS_A_PERSON]
    assert [cells["row"] for cells in _cells(sheet)] == [row.row.number for row in expected]
    assert [cells["Account"] for cells in _cells(sheet)] == [row.row.cells[7] for row in expected]


def test_errors_begin_with_the_reason_and_the_remedy(book: openpyxl.Workbook) -> None:
    """Then come the user's columns, and of our others `status` and those that say something of any row."""
    own = [column.heading for column in report().columns]
    headings = [cell.value for cell in book["Errors"][1]]
    assert headings == ["row", "errors", "howToFix", *own, "status", "notices", "attempts"]
    assert {cells["attempts"] for cells in _cells(book["Errors"])} == {1, None}


def test_links_of_errors_stay_on_their_cells(tmp_path: Path) -> None:
    """When a column before them is left out, they move with their cells."""
    rows = [replace(row, session_id="", launch_url="https://pay.example.com/1") for row in month(11)[10:]]
    write(report(), stream(rows), path := tmp_path / "out.xlsx")
    (link,) = [cell for cell in openpyxl.load_workbook(path)["Errors"][2] if cell.hyperlink]
    assert (link.value, link.hyperlink.target) == ("https://pay.example.com/1", "https://pay.example.com/1")


def test_offending_cells_are_coloured_and_no_others(book: openpyxl.Workbook) -> None:
    """A fault colours the cell that it is about, an empty one too."""
    sheet = book["Errors"]
    assert _cells(sheet)[0]["status"] == "invalid"
    coloured = [heading for heading in (c.heading for c in report().columns) if _fill(sheet, 2, heading)]
    assert coloured == ["First name", "Email"]


def test_a_coloured_cell_says_why_in_a_note(book: openpyxl.Workbook) -> None:
    """Whoever points at it reads what is wrong and what to do, and nobody else's error."""
    notes = {cell.column_letter: cell.comment.text for cell in book["Errors"][2] if cell.comment}
    assert notes == {
        "E": "Error: First name: the cell is empty, but required\nHow to fix it: Fill in the cell.",
        "G": 'Error: Email: "jane@@x.ca" is not an e-mail address\n'
        "How to fix it: Write one address, for example jane@example.com.",
    }


def test_a_note_holds_what_xml_does_not(tmp_path: Path) -> None:
    """A control character in a cell does not damage the note about it."""
    fault = Fault("email-invalid", "email", "a\x01<\ud800")
    row = replace(month(10)[9], errors=(fault,))
    write(report(), stream([row]), path := tmp_path / "out.xlsx")
    assert [c.comment for c in openpyxl.load_workbook(path)["Errors"][2] if c.comment and "<" in c.comment.text]


def test_notes_stop_before_they_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet in which everything is wrong has the reason in every row, and notes on the first cells only."""
    monkeypatch.setattr(streaming_worksheet, "MAX_NOTES", 3)
    write(report(), stream(month()), path := tmp_path / "out.xlsx")
    cells = [cell for row in openpyxl.load_workbook(path)["Errors"].iter_rows() for cell in row]
    assert sum(cell.comment is not None for cell in cells) == 3


def test_errors_say_what_is_wrong_and_how_to_fix_it(book: openpyxl.Workbook) -> None:
    """Several faults are joined by `; ` in `errors`; `howToFix` says each remedy once."""
    first = _cells(book["Errors"])[0]
    assert "; Email: " in str(first["errors"])
    assert str(first["howToFix"]).startswith("Fill in the cell. ")


def test_a_row_with_too_many_cells_can_t_be_given_back_as_it_is(tmp_path: Path) -> None:
    """Its cells may stand under wrong headings, so its amount is none until somebody has looked."""
    fault = Fault("too-many-cells", value="250.00", details=(("expected", "2"), ("found", "3")))
    row = ReportRow(SheetRow(2, ("INV-1", "1"), "ss", (fault,)), Status.INVALID, None, None, errors=(fault,))
    batch = report(columns=columns(("Invoice", "referenceId", ""), ("Amount", "amount", "")))
    write(batch, stream([row]), path := tmp_path / "out.xlsx")
    (cells,) = _cells(openpyxl.load_workbook(path)["Errors"])
    assert cells["Amount"] == "? 1 | 250.00"


def test_links_are_for_requests_that_were_not_e_mailed(book: openpyxl.Workbook) -> None:
    """One row a link, with merge fields, the payor's own language and a subject in both."""
    rows = _cells(book["Links"])
    open_links = [row for row in month() if row.launch_url and row.payment and not row.payment.send_link]
    assert [row["link"] for row in rows] == [row.launch_url for row in open_links]
    assert {row["language"] for row in rows} == {"en", "fr"}
    assert (rows[0]["reference"], rows[0]["dueDate"]) == ("INV-2026-0001", datetime(2026, 12, 2))  # noqa: DTZ001
    shown = [cell for row in book["Links"].iter_rows() for cell in row if cell.hyperlink]
    assert [(cell.value, cell.hyperlink.target) for cell in shown] == [("Open", row["link"]) for row in rows]
    assert rows[0]["subjectEn"] == "Payment request INV-2026-0001: $3,749.01"
    assert rows[0]["subjectFr"] == "Demande de paiement INV-2026-0001 : 3\u00a0749,01\u00a0$"


def test_links_have_a_due_date_only_where_the_sheet_has_one(tmp_path: Path) -> None:
    """A column is not there for nothing."""
    own = tuple(
        replace(column, heading="Booked") if column.heading == "Due" else column for column in columns(*HEADINGS)
    )
    write(report(columns=own), stream(month()), path := tmp_path / "out.xlsx")
    assert "dueDate" not in {cell.value for cell in openpyxl.load_workbook(path)["Links"][1]}


def test_there_is_no_links_sheet_without_such_links(tmp_path: Path) -> None:
    """A batch whose links were all e-mailed has nothing to merge."""
    write(report(), stream(month(1)), path := tmp_path / "out.xlsx")
    assert "Links" not in openpyxl.load_workbook(path).sheetnames


TABLES = [
    ("all different", ["Invoice", "Amount"], True),
    ("with a line break", ["Invoice\nnumber", "Amount"], True),
    ("the same twice", ["Amount", "Amount"], False),
    ("the same but for case", ["Amount", "AMOUNT"], False),
    ("a blank one", ["Invoice", ""], False),
    ("one of ours", ["Invoice", "status"], False),
    ("one of ours in capitals", ["Invoice", "ROW"], False),
    ("a very long one", ["Invoice", "x" * 300], False),
    ("one like a formula", ["Invoice", "=1+1"], True),
]


@pytest.mark.parametrize(("headings", "table"), [case[1:] for case in TABLES], ids=[case[0] for case in TABLES])
def test_results_are_an_excel_table_where_the_headings_allow_it(
    tmp_path: Path, headings: list[str], table: bool
) -> None:
    """Excel repairs a table whose headings are not unique; there a plain filter stands instead. Headings stay."""
    own = columns(*((heading, None, "") for heading in headings))
    rows = [ReportRow(SheetRow(2, ("1", "2"), "ss"), Status.NOT_SENT, None, None)]
    write(report(columns=own), stream(rows), path := tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(path)["Results"]
    assert [cell.value for cell in sheet[1]][1:3] == headings
    assert list(sheet.tables) == (["Results"] if table else [])
    assert (sheet.auto_filter.ref is None) is table


def test_the_table_covers_every_row(book: openpyxl.Workbook) -> None:
    """Filters and totals reach from the headings to the last row."""
    assert book["Results"].tables["Results"].ref == book["Results"].dimensions == "A1:U71"


def test_a_batch_without_rows_is_a_workbook_with_headings(tmp_path: Path) -> None:
    """Nothing to say is said without a corrupt table, on a grey sheet."""
    written = write(report(), stream([]), path := tmp_path / "out.xlsx")
    assert written.totals.rows == 0
    for name in ("Results", "Errors"):
        sheet = openpyxl.load_workbook(path)[name]
        assert [[cell for cell in row if cell] for row in sheet.iter_rows(min_row=2, values_only=True)] == [["None"]]
        assert sheet.sheet_properties.tabColor.value == "FF6B7280"


def test_more_rows_than_a_sheet_opens_go_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet has 1,048,576 rows in Excel; what follows stands on `Results 2`, with headings, and is read back."""
    monkeypatch.setattr(streaming_worksheet.StreamedSheet, "most_rows", 41)
    write(report(), stream(month()), path := tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(path)
    assert [len(_cells(book[name])) for name in ("Results", "Results 2")] == [40, 30]
    assert "'Results'!M2:M41,'Results 2'!M2:M31" in str(_formulas(book["Summary"])[2])


def _formulas(sheet: Worksheet) -> list[str]:
    return [text for text in _texts(sheet) if text.startswith("=")]


def test_totals_on_summary_follow_the_filter_and_are_saved_with_their_values(tmp_path: Path) -> None:
    """SUBTOTAL counts what the filter shows; a viewer that does not calculate shows the saved value."""
    written = write(report(), stream(month()), path := tmp_path / "out.xlsx")
    formulas = openpyxl.load_workbook(path)["Summary"]
    values = openpyxl.load_workbook(path, data_only=True)["Summary"]
    found = {
        cell.value: values[cell.coordinate].value
        for row in formulas.iter_rows()
        for cell in row
        if str(cell.value).startswith("=SUBTOTAL")
    }
    sent = sum((row.amount_sent or Decimal(0) for row in month()), Decimal(0))
    assert found == {
        "=SUBTOTAL(103,'Results'!M2:M71)": written.totals.rows,
        "=SUBTOTAL(109,'Results'!S2:S71)": float(sent),
    }


SAID = [
    ("the batch", "billing-2026-11"),
    ("the file", "billing-2026-11.xlsx"),
    ("its bytes", "3f" * 32),
    ("the environment", "sandbox http://127.0.0.1:8700"),
    ("a control total that differs", "NO, differs"),
    ("a notice about the file", "repeated headings left out (rows 41)"),
    ("its likely cause", "Likely cause: rows are missing from the sheet, or blank."),
    ("what to do", "failed: Run the same command again. It sends only these rows."),
]


@pytest.mark.parametrize("text", [case[1] for case in SAID], ids=[case[0] for case in SAID])
def test_summary_says(book: openpyxl.Workbook, text: str) -> None:
    """`Summary` says what happened, whether it agrees, and what to do next."""
    assert text in _texts(book["Summary"])


def test_summary_shows_each_status_that_occurs_on_its_colour(tmp_path: Path) -> None:
    """The table of statuses is the legend, without those of no row; the chart shows the same."""
    for size, shown in ((70, set(Status)), (3, {Status.CREATED})):
        write(report(), stream(month(size)), path := tmp_path / f"{size}.xlsx")
        sheet = openpyxl.load_workbook(path)["Summary"]
        words = {status.value for status in Status}
        fills = {
            cell.value: cell.fill.fgColor.rgb
            for row in sheet.iter_rows(max_col=1)
            for cell in row
            if cell.value in words
        }
        assert fills.keys() == shown
        assert len(set(fills.values())) == len(shown)
        assert len(sheet._charts) == 1  # type: ignore[attr-defined]


VERDICTS = [
    ("all created", 3, {"controls": ()}, "Created: 3 ($11,247.03).", "FFD5F0DC"),
    ("a total that differs", 3, {}, "CONTROL TOTALS THAT DIFFER: 1.", "FFFBD9D3"),
    ("no rows", 0, {"controls": ()}, "The sheet has no rows.", "FFFDF3C4"),
    ("a check", 3, {"controls": (), "dry_run": True}, "NOTHING WAS SENT.", "FFFDF3C4"),
    ("rows that need a person", 10, {"controls": ()}, "Need a person, see the sheet Errors: 1 (", "FFFDF3C4"),
]


@pytest.mark.parametrize(("size", "changes", "text", "fill"), [v[1:] for v in VERDICTS], ids=[v[0] for v in VERDICTS])
def test_summary_begins_with_the_verdict(
    tmp_path: Path, size: int, changes: dict[str, Any], text: str, fill: str
) -> None:
    """One line on a green, amber or red ground: what was created, what needs a person, whether totals agree."""
    write(report(**changes), stream(month(size)), path := tmp_path / "out.xlsx")
    cell = openpyxl.load_workbook(path)["Summary"]["A1"]
    assert text in str(cell.value)
    assert cell.fill.fgColor.rgb == fill


def test_control_totals_are_numbers_with_their_difference(book: openpyxl.Workbook) -> None:
    """What the rows have more than expected stands beside them, to be calculated with."""
    rows = list(book["Summary"].iter_rows(values_only=True))
    at = next(index for index, row in enumerate(rows) if row[0] == "Control total")
    assert rows[at + 1][:5] == ("row 75", "yes, agrees", 17507, 17507, 0)
    assert rows[at + 2][:5] == ("expected rows", "NO, differs", 71, 70, -1)


BATCHES = [
    ("one sheet", totals.whole(month(3)), ["requests"]),
    (
        "a sheet more",
        totals.whole(month(10)),
        ["created", "already-created", "invalid", "All rows", "requests", "never asked"],
    ),
]


@pytest.mark.parametrize(("whole", "labels"), [case[1:] for case in BATCHES], ids=[case[0] for case in BATCHES])
def test_the_whole_batch_says_once_what_one_sheet_says(tmp_path: Path, whole: Whole, labels: list[str]) -> None:
    """Its statuses are there where it has other rows than the sheet; what occurs in no row is not."""
    write(report(whole=whole), stream(month(3)), path := tmp_path / "out.xlsx")
    column = [row[0] for row in openpyxl.load_workbook(path)["Summary"].iter_rows(values_only=True)]
    below = column[column.index("Whole batch") + 1 :]
    assert list(below[: below.index(None)]) == labels


def test_summary_ends_with_what_was_read_and_when(book: openpyxl.Workbook) -> None:
    """Batch, file and environment are last, start and end as dates."""
    rows: list[Any] = [row[:2] for row in book["Summary"].iter_rows(values_only=True) if row[0]]
    assert [label for label, _ in rows[-9:]] == [
        *("Batch", "File", "Sheet", "SHA-256 of the file", "Environment", "Rows identified by"),
        *("Started", "Ended", "Time zone"),
    ]
    assert dict(rows)["Started"] == AT.astimezone().replace(tzinfo=None)


def test_no_cell_names_an_option(tmp_path: Path) -> None:
    """Whoever reads the workbook did not type the command, perhaps; the terminal has said all."""
    stopped = "Invalid rows: {count}; --strict allows none. Correct them in the sheet Errors. Nothing was sent."
    batch = report(stopped=stopped, stopped_details={"count": "3"})
    write(batch, stream(month()), path := tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(path)
    texts = [text for sheet in book for text in _texts(sheet)]
    assert "Correct them in the sheet Errors. Nothing was sent." in texts
    assert not [text for text in texts if "--" in text]


def test_a_dry_run_says_so_loudly(tmp_path: Path) -> None:
    """Nobody takes a check for a run that sent something."""
    write(report(dry_run=True), stream(month(3)), path := tmp_path / "out.xlsx", lang="fr")
    assert str(openpyxl.load_workbook(path)["Sommaire"]["A1"].value).startswith("RIEN N'A ÉTÉ ENVOYÉ")


def test_pages_are_printed_with_headings_and_numbers(book: openpyxl.Workbook) -> None:
    """Landscape, as wide as a page, headings on each page, page numbers, frozen on the screen."""
    for name in ("Results", "Errors", "Links"):
        sheet = book[name]
        assert (sheet.page_setup.orientation, sheet.freeze_panes) == ("landscape", "B2")
        assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
        assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.print_title_rows) == (True, "$1:$1")
        assert "&P" in str(sheet.oddFooter.right.text)


def test_what_is_printed_ends_with_status_and_reason(book: openpyxl.Workbook) -> None:
    """Identifiers of ours, attempts and times are for the screen."""
    printed = {name: str(book[name].print_area).rpartition(":")[2].replace("$", "") for name in ("Results", "Errors")}
    headings = {
        name: next(c.value for c in book[name][1] if c.coordinate[:-1] == printed[name].rstrip("0123456789"))
        for name in printed
    }
    assert headings == {"Results": "errors", "Errors": "status"}


def _wide(**changes: Any) -> tuple[Report, list[ReportRow]]:
    """A month's sheet with 18 columns more, which nobody needs on paper."""
    more = tuple((f"Extra {number}", None, "") for number in range(18))
    rows = [
        replace(row, row=replace(row.row, cells=row.row.cells + ("text",) * 18, kinds=row.row.kinds + "s" * 18))
        for row in month()
    ]
    return report(columns=columns(*HEADINGS, *more), **changes), rows


def _on_paper(sheet: Worksheet) -> list[Any]:
    """The headings that each page shows: the columns that it repeats, then those of the printed area."""
    area = str(sheet.print_area).rpartition("!")[2].replace("$", "")
    titles = sheet.print_title_cols.replace("$", "") if sheet.print_title_cols else ""
    shown = [sheet[titles][at][0] for at in range(len(sheet[titles]))] if titles else []
    return [cell.value for cell in (*shown, *sheet[area][0])]


def test_a_wide_sheet_leaves_out_on_paper_what_nobody_needs_there(tmp_path: Path) -> None:
    """Else 35 columns are as small as dust: row, reference, payor, amount, status and reason stay."""
    batch, rows = _wide()
    write(batch, stream(rows), path := tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(path)
    users = ["Invoice #", "First name", "Last name", "Email", "Amount"]
    assert _on_paper(book["Results"]) == ["row", *users, "status", "sessionId", "launchUrl", "errors"]
    assert _on_paper(book["Errors"]) == ["row", "errors", "howToFix", *users, "status"]
    assert len(book["Results"][1]) == 1 + len(batch.columns) + len(OWN_COLUMNS)


def test_a_sheet_that_fits_a_page_is_printed_without_a_gap(tmp_path: Path) -> None:
    """Nothing is left out for which there is room."""
    batch, rows = one_column(["text"])
    write(batch, stream(rows), path := tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(path)["Results"]
    assert _on_paper(sheet) == ["row", "Own", "status", "sessionId", "launchUrl", "errors"]
    assert not sheet.print_title_cols


@pytest.mark.parametrize("wide", [False, True])
def test_who_has_paid_is_on_paper(tmp_path: Path, wide: bool) -> None:
    """Once the API was asked, a page also shows whether and how much each payor paid."""
    batch, rows = _wide(asked_at=AT) if wide else (report(asked_at=AT), month())
    state = SessionState("Completed", ("Settled",), None, AT)
    rows = [replace(row, state=state if row.session_id else None) for row in rows]
    write(batch, stream(rows), path := tmp_path / "out.xlsx")
    shown = _on_paper(openpyxl.load_workbook(path)["Results"])
    assert {"row", "Invoice #", "Last name", "Amount", "status", "errors", "paid", "paidAmount"} <= set(shown)
    assert shown[-2:] == ["paid", "paidAmount"]


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not here")
@pytest.mark.slow
def test_a_printed_page_shows_both_sides_of_the_gap(tmp_path: Path) -> None:
    """LibreOffice prints the repeated columns beside the area, on one page."""
    batch, rows = _wide()
    write(batch, stream(rows), path := tmp_path / "out.xlsx")
    _print(path, tmp_path)
    told = subprocess.run(["pdftotext", "-layout", tmp_path / "out.pdf", "-"], check=True, capture_output=True)
    headings = [line.split() for line in told.stdout.decode().splitlines() if line.split()[:2] == ["row", "Invoice"]]
    assert len(headings) >= 2
    assert all("Amount" in line and "status" in line and "Extra" not in line for line in headings)


def _print(path: Path, folder: Path) -> None:
    command = ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", "--convert-to", "pdf"]
    subprocess.run([*command, "--outdir", str(folder), str(path)], check=True, capture_output=True, timeout=120)


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not here")
@pytest.mark.slow
def test_a_month_prints_on_a_few_pages(tmp_path: Path) -> None:
    """70 rows, the errors and the links of a month: as many pages as their heights take, none beside another."""
    write(report(), stream(month()), path := tmp_path / "out.xlsx")
    _print(path, tmp_path)
    told = subprocess.run(["pdfinfo", tmp_path / "out.pdf"], check=True, capture_output=True, text=True).stdout
    assert int(re.search(r"Pages:\s+(\d+)", told)[1]) <= 8


def _widths(sheet: Worksheet) -> list[float]:
    """The width of each column; openpyxl keeps those of equal neighbours once."""
    spans = [(look.min or 0, look.max or 0, look.width) for look in sheet.column_dimensions.values()]
    return [next(width for low, high, width in spans if low <= at <= high) for at in range(1, sheet.max_column + 1)]


def test_columns_are_as_wide_as_what_they_show(book: openpyxl.Workbook) -> None:
    """Widths come from the content, within bounds, so that no date becomes ####."""
    widths = dict(zip((cell.value for cell in book["Results"][1]), _widths(book["Results"]), strict=True))
    assert widths["Due"] >= len("24/11/2026")
    assert widths["row"] < widths["Due"] < widths["errors"] <= 50


@pytest.mark.parametrize("name", ["Results", "Errors", "Links", "Open"])
def test_no_number_touches_the_text_beside_it(name: str, tmp_path: Path) -> None:
    """Numbers and dates keep off the right edge as texts keep off the left one, in columns wide enough for both."""
    state = SessionState("Created", (), None, AT)
    rows = [replace(row, state=state if row.session_id else None) for row in month()]
    write(report(asked_at=AT + timedelta(days=30)), stream(rows), path := tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(path)[name]
    sides: dict[bool, set[tuple[str, float]]] = {True: set(), False: set()}
    for cell in (cell for row in sheet.iter_rows() for cell in row if cell.value is not None):
        if not _is_address(cell):
            sides[isinstance(cell.value, str)].add((cell.alignment.horizontal, cell.alignment.indent))
    assert sides == {True: {("left", 1)}, False: {("right", 1)}}
    assert all(cell.alignment.horizontal == "fill" for row in sheet.iter_rows() for cell in row if _is_address(cell))


def _is_address(cell: Any) -> bool:
    return str(cell.value).startswith("https://")


def test_a_number_has_room_for_its_indent(tmp_path: Path) -> None:
    """Where the indent leaves too little, Excel shows #### for a number: a column of numbers is wider than its like."""
    widths = []
    for kind in "sn":
        batch, rows = one_column(["1234567"], kind)
        write(batch, stream(rows), path := tmp_path / f"{kind}.xlsx")
        widths.append(openpyxl.load_workbook(path)["Results"].column_dimensions["B"].width)
    separators, indent = 2, 1.5
    assert widths[1] - widths[0] >= separators + indent


def test_one_number_among_texts_leaves_their_column_squeezable() -> None:
    """A stray #N/A or 10 under e-mail addresses does not keep a page from having room; the number stays readable."""
    letters, text = "ABCDEF", '<c r="{}2" s="1" t="inlineStr"><is><t>{}</t></is></c>'
    widths = Widths(letters, letters, {})
    widths.saw("".join(text.format(letter, "x" * 60) for letter in letters))
    widths.saw('<c r="A3" s="2"><v>10</v></c><c r="B3" s="2"><v>123456789012345678901234567890123456789</v></c>')
    fitted = widths.fitted(range(6), {})
    assert fitted[0] == pytest.approx(fitted[2], abs=1)
    assert fitted[1] > 40 > fitted[0]


def test_document_properties_hold_no_personal_data(book: openpyxl.Workbook) -> None:
    """Neither a person nor a file or batch is named there; the date is that of the run."""
    properties = book.properties
    assert (properties.creator, properties.title) == ("flinks-import", "Payment requests: results")
    assert properties.lastModifiedBy in {None, "flinks-import"}
    assert properties.created == (AT + timedelta(hours=5)).replace(tzinfo=None)


def test_the_same_journal_makes_the_same_bytes(tmp_path: Path) -> None:
    """No clock and no chance goes into the file."""
    for name in ("one.xlsx", "two.xlsx"):
        write(report(), stream(month()), tmp_path / name)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Rows go to the disk as they come: none is kept by the writer."""
    import tracemalloc  # noqa: PLC0415  only here

    def peak(size: int) -> int:
        batch, rows = one_column(["x" * 1_000])
        tracemalloc.start()
        write(batch, lambda: (rows[0] for _ in range(size)), tmp_path / "out.xlsx")
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    peak(10)
    assert peak(4_000) < peak(1_000) + 1_000_000


def test_a_column_is_blamed_by_its_field_or_by_its_heading() -> None:
    """Faults name the API's field, or the user's own heading."""
    from pipeline.report.results import blames  # noqa: PLC0415

    column = Column(0, "Courriel", "email", "")
    assert blames(column, {"email"})
    assert blames(column, {"Courriel"})
    assert not blames(Column(1, "", None, ""), {"email"})
