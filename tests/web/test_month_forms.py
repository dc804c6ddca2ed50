"""A month on the local page by its forms alone: what is kept, what is counted, what is refused."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from support.command import Command
from support.local_page import Serving, serving
from support.page_forms import Visitor, visiting

HEADINGS = "Invoice #,First name,Last name,E-mail,Amount"


@pytest.fixture
def visitor(served: Serving) -> Iterator[Visitor]:
    """Somebody in practice."""
    with visiting(served) as visitor:
        yield visitor


def sheet(folder: Path, *lines: str, name: str = "rent-2026-12.csv") -> Path:
    """A sheet on the person's own disk."""
    path = folder / name
    path.write_text("\n".join([HEADINGS, *lines]) + "\n", "utf-8")
    return path


def test_a_rejected_row_is_one_to_fix(visitor: Visitor, tmp_path: Path) -> None:
    """On the check, in the grid with the API's reason, among the batches; corrected, it is sent in the same batch."""
    path = sheet(tmp_path, "A-1,Ana,Roy,ana@example.com,10.00", "Refuse400-2,Ben,Roy,ben@example.com,20.00")
    draft = visitor.named(path, "rent 2026-12")
    assert "rejected 1 $20.00" in visitor.send(draft)
    assert "1 to fix $20.00 Fix them" in visitor.get(f"drafts/{draft}/check")
    assert "0 ready to send $0.00" in visitor.text
    shown = visitor.get(f"drafts/{draft}/fix")
    assert "1 row needs fixing" in shown
    assert "Row 3: Ben Roy" in shown
    assert "The email field is refused by this scenario." in shown
    assert 'value="ben@example.com" data-was="ben@example.com" aria-invalid="true"' in visitor.page
    assert "it is sent again as it is" in visitor.get(f"drafts/{draft}/summary")
    visitor.get("")
    assert [cell.partition("<")[0] for cell in visitor.page.split('class="number bad">')[1:]] == ["1"]
    visitor.post(f"drafts/{draft}/correct", {"row": "3", "cell-0": "A-2"})
    assert "No row needs fixing." in visitor.text
    assert "1 ready to send $20.00" in visitor.get(f"drafts/{draft}/check")
    assert "Every row has its request." in visitor.send(draft)
    assert 'class="number bad">' not in visitor.get("") + visitor.page


ROW = "A-1,Ana,Roy,ana@example.com,1000.00"


def test_the_total_of_the_billing_program_is_kept_and_held_against_the_rows(
    visitor: Visitor, command: Command, tmp_path: Path
) -> None:
    """Who typed it stands before the money; one that differs must be accepted, and again once the rows change."""
    draft = visitor.named(sheet(tmp_path, ROW, "A-2,Ben,Roy,ben@example.com,20.00"), "rent 2026-12")
    assert "This is not an amount." in visitor.post(f"drafts/{draft}/total", {"total": "much"})
    assert visitor.status == 422
    assert "The totals differ by $5.00." in visitor.post(f"drafts/{draft}/total", {"total": "$1,025.00"})
    assert ".m.." not in visitor.text  # the full stop of the time ends the sentence too
    assert "Typed by" in visitor.get(f"drafts/{draft}/check")
    assert "Difference $5.00" in visitor.get(f"drafts/{draft}/summary")
    digest = visitor.value("digest")
    for form in ("send", "plan"):
        for ticked in ("", "4.00"):
            refused = visitor.post(f"drafts/{draft}/{form}", {"digest": digest, "difference": ticked})
            assert "The total of the billing program is 1025.00, the rows of the sheet add up to 1020.00." in refused
            assert visitor.status == 422
    visitor.post(f"drafts/{draft}/plan", {"digest": digest, "difference": visitor.value("difference")})
    assert visitor.path.endswith("/plans/rent 2026-12-p1")
    for told in ("Total of the billing program $1,025.00", "Difference +$5.00", "Difference accepted by"):
        assert told in visitor.text
    printed = tmp_path / "plan.html"
    assert command("approve", "rent 2026-12-p1", "--dry-run", "--sandbox", "-o", printed).code == 0
    assert "Difference accepted by" in printed.read_text("utf-8")
    visitor.post(f"drafts/{draft}/correct", {"row": "3", "cell-4": "21.00"})
    visitor.get(f"drafts/{draft}/summary")
    assert "may differ from the rows by $4.00" in visitor.text
    visitor.post(f"drafts/{draft}/total", {"total": "1021.00"})
    assert "Difference $0.00" in visitor.get(f"drafts/{draft}/summary")
    assert "Every row has its request." in visitor.send(draft)
    story = command("batches", "show", "rent 2026-12", "--sandbox").out
    assert "total of the billing program: $1,021.00, typed by" in story
    assert "accepted on" in story


def test_a_total_that_was_taken_back_asks_nothing(visitor: Visitor, tmp_path: Path) -> None:
    """An empty field is no total; in French it comes back as it was typed there."""
    draft = visitor.named(sheet(tmp_path, ROW), "rent 2026-12")
    visitor.post("language", {"lang": "fr", "back": f"/practice/drafts/{draft}/check"})
    visitor.post(f"drafts/{draft}/total", {"total": "1 001,00 $"})
    assert "Les totaux diffèrent de 1,00 $." in visitor.text
    again = visitor.value("total")
    assert "Les totaux diffèrent" in visitor.post(f"drafts/{draft}/total", {"total": again})
    assert "diffèrent" not in visitor.post(f"drafts/{draft}/total", {"total": ""})
    assert "Différence" not in visitor.get(f"drafts/{draft}/summary")


NOVEMBER = "N-1,Ana,Roy,ana@example.com,100.00"


def sent_november(visitor: Visitor, folder: Path, batch: str = "rent 2026-11", line: str = NOVEMBER) -> None:
    """A month before, sent."""
    draft = visitor.named(sheet(folder, line, name=f"{batch}.csv"), batch)
    assert "Every row has its request." in visitor.send(draft)


def test_a_tick_of_a_likely_typing_error_is_kept_and_void_once_its_row_changes(
    command: Command, tmp_path: Path
) -> None:
    """Whoever opens the page later sees who ticked it, and need not; another name in the row is another request."""
    with serving(command, "--sandbox") as served, visiting(served) as visitor:
        sent_november(visitor, tmp_path)
        draft = visitor.named(sheet(tmp_path, "D-1,Ana,Roy,ana@example.com,1000.00"), "rent 2026-12")
        visitor.get(f"drafts/{draft}/summary")
        assert visitor.path.endswith("/changes")
        assert "Tick each likely typing error" in visitor.post(f"drafts/{draft}/changes", {})
        visitor.post(f"drafts/{draft}/changes", {"slip": visitor.value("slip")})
        assert visitor.path.endswith("/summary")
    with serving(command, "--sandbox") as served, visiting(served) as visitor:
        visitor.get(f"drafts/{draft}/summary")
        assert visitor.path.endswith("/summary")
        visitor.get(f"drafts/{draft}/changes")
        key = visitor.value("slip")
        assert f'value="{key}" aria-label="The amount of Ana Roy is right" checked' in visitor.page
        visitor.post(f"drafts/{draft}/changes", {})
        visitor.get(f"drafts/{draft}/summary")
        assert visitor.path.endswith("/changes")
        visitor.post(f"drafts/{draft}/changes", {"slip": key})
        visitor.post(f"drafts/{draft}/correct", {"row": "2", "cell-2": "Royer"})
        visitor.get(f"drafts/{draft}/summary")
        assert visitor.path.endswith("/changes")
        assert visitor.value("slip") != key


def test_the_month_to_compare_with_is_chosen(visitor: Visitor, command: Command, tmp_path: Path) -> None:
    """Any batch that was sent here; the plan that another person looks at compares with the same, and so does a run
    of the command line on the same sheet.
    """
    sent_november(visitor, tmp_path)
    sent_november(visitor, tmp_path, "one of a kind", "X-1,Ana,Roy,ana@example.com,10.00")
    path = sheet(tmp_path, "D-1,Ana,Roy,ana@example.com,100.00")
    draft = visitor.named(path, "rent 2026-12")
    assert "Compared with batch rent 2026-11." in visitor.get(f"drafts/{draft}/changes")
    assert "Likely typing errors" not in visitor.text
    assert "Compared with batch one of a kind." in visitor.post(f"drafts/{draft}/compare", {"compare": "one of a kind"})
    assert "<option selected>one of a kind</option>" in visitor.page
    assert "Likely typing errors (1)" in visitor.text
    visitor.post(f"drafts/{draft}/changes", {"slip": visitor.value("slip")})
    visitor.post(f"drafts/{draft}/plan", {"digest": visitor.value("digest")})
    assert "Compared with one of a kind" in visitor.text
    assert '"comparedWith": "one of a kind"' in command("plan", path, "--sandbox", "--json").out
    checked = command("run", path, "--sandbox", "--dry-run", "-o", tmp_path / "checked.xlsx")
    assert checked.code == 0, checked.err
    changes = load_workbook(tmp_path / "checked.xlsx")["Changes"]
    assert "one of a kind" in " ".join(str(cell) for row in changes.iter_rows(values_only=True) for cell in row)
    assert "Compared with batch rent 2026-11." in visitor.post(f"drafts/{draft}/compare", {"compare": "no such batch"})
    assert "Compared with batch rent 2026-11." in visitor.post(f"drafts/{draft}/compare", {"compare": ""})


def test_what_was_chosen_stays_when_the_name_is_refused(visitor: Visitor, tmp_path: Path) -> None:
    """The sheets and the hidden rows: who only gives another name bills what was ticked. The summary says the rest."""
    visitor.named(sheet(tmp_path, ROW), "rent-2026-12")
    book = Workbook()
    for place, name in enumerate(("Rent", "Parking")):
        page = book.create_sheet(name, place)
        page.append(HEADINGS.split(","))
        page.append([f"{name}-1", *ROW.split(",")[1:]])
    book["Rent"].row_dimensions[2].hidden = True
    book.save(tmp_path / "both.xlsx")
    draft = visitor.drop(tmp_path / "both.xlsx")
    assert "Tick the sheets that are billed." in visitor.post(f"drafts/{draft}/sheet", {"batch": "rent 2026-12"})
    for name in ("rent-2026-12", " "):
        visitor.post(f"drafts/{draft}/sheet", {"batch": name, "sheets": ["Parking"], "hidden": "skip"})
        assert visitor.status == 422
        assert re.findall(r'value="(\w+)" checked', visitor.page) == ["Parking", "skip"]
    book["Parking"].append(["Parking-2", *ROW.split(",")[1:]])
    book["Parking"].row_dimensions[2].hidden = True
    book.save(tmp_path / "hidden.xlsx")
    draft = visitor.drop(tmp_path / "hidden.xlsx")
    visitor.post(f"drafts/{draft}/sheet", {"batch": "parking 2026-12", "sheets": ["Parking"], "hidden": "skip"})
    visitor.post(f"drafts/{draft}/columns", {})
    summary = visitor.get(f"drafts/{draft}/summary")
    assert "rows left out (1): 2" in summary
    assert 'only the sheet "Parking" was read, not: Rent' in summary


def test_a_workbook_with_an_empty_sheet_is_read(visitor: Visitor, tmp_path: Path) -> None:
    """As spreadsheet programs make them; one that has nothing else is refused where it was dropped."""
    book = Workbook()
    book.create_sheet("Sheet2")
    book.save(tmp_path / "empty.xlsx")
    draft = visitor.drop(tmp_path / "empty.xlsx")
    assert "The sheet has no rows." in visitor.post(f"drafts/{draft}/sheet", {"batch": "empty", "sheets": ["Sheet"]})
    for line in (HEADINGS, ROW):
        book["Sheet"].append(line.split(","))
    book.save(tmp_path / "rent.xlsx")
    draft = visitor.drop(tmp_path / "rent.xlsx")
    assert "not: Sheet2" in visitor.post(f"drafts/{draft}/sheet", {"batch": "rent", "sheets": ["Sheet"]})
    assert "1 ready to send $1,000.00" in visitor.post(f"drafts/{draft}/columns", {})


def test_sheets_with_other_headings_are_sent_one_after_the_other(visitor: Visitor, tmp_path: Path) -> None:
    """The page says how; once the first is sent, the other is among those that are not sent yet."""
    book = Workbook()
    for place, name in enumerate(("Rent", "Parking")):
        page = book.create_sheet(name, place)
        page.append([*HEADINGS.split(","), *(["Remarks"] if name == "Rent" else [])])
        page.append([f"{name}-1", *ROW.split(",")[1:]])
    book.save(tmp_path / "both.xlsx")
    draft = visitor.drop(tmp_path / "both.xlsx")
    asked = visitor.post(f"drafts/{draft}/sheet", {"batch": "rent 2026-12", "sheets": ["Rent", "Parking"]})
    assert "On the page Sheet tick only one of them, and send it." in asked
    for name, left in (("rent 2026-12", "Rent"), ("parking 2026-12", "Parking")):
        visitor.get(f"drafts/{draft}/sheet")
        visitor.post(f"drafts/{draft}/sheet", {"batch": name, "sheets": [left]})
        visitor.post(f"drafts/{draft}/columns", {})
        assert f"Not sent yet Sheet Batch Last change By both.xlsx {name}" in visitor.get("")
        assert "Every row has its request." in visitor.send(draft)
        assert "Not sent yet" not in visitor.get("")


def test_a_month_in_words_is_a_month(visitor: Visitor, tmp_path: Path) -> None:
    """The name that is proposed has it, and the slip of a zero is found by it, whatever month it is now."""
    november = visitor.drop(sheet(tmp_path, NOVEMBER, name="loyers_novembre.csv"))
    proposed = visitor.value("batch")
    assert re.fullmatch(r"loyers_novembre-\d{4}-11", proposed)
    year = int(proposed[-7:-3])
    sent_november(visitor, tmp_path, f"Loyers Novembre {year}")
    draft = visitor.named(sheet(tmp_path, ROW.replace("A-1", "D-1")), f"loyers décembre {year}")
    assert f"Compared with batch Loyers Novembre {year}." in visitor.get(f"drafts/{draft}/changes")
    assert "Likely typing errors (1)" in visitor.text
    assert draft != november
    other = visitor.named(sheet(tmp_path, ROW.replace("A-1", "E-1"), name="fees.csv"), "fees")
    assert "No batch has the name of the month before." in visitor.get(f"drafts/{other}/changes")


def test_held_rows_are_released_one_by_one(visitor: Visitor, command: Command, tmp_path: Path) -> None:
    """With one note for those that are ticked; unticking takes it back; the command line sends what the page would."""
    lines = [f"R-{at},Ana,Roy,ana@example.com,{at}0.00" for at in (1, 2, 3)]
    first = visitor.named(sheet(tmp_path, *lines, name="first.csv"), "first 2026-11")
    visitor.send(first)
    path = sheet(tmp_path, *lines, "R-4,Ben,Roy,ben@example.com,40.00")
    draft = visitor.named(path, "rent 2026-12")
    page = f"drafts/{draft}/repeats"
    assert "3 rows look like repeats" in visitor.get(page)
    ticks: dict[str, str | list[str]] = {"shown": ["2", "3", "4"], "row": ["2", "3"]}
    assert "Say why these rows are other charges." in visitor.post(page, ticks)
    assert visitor.page.count(" checked") == 2
    shown = visitor.post(page, {**ticks, "note": "a second  instalment"})
    assert "1 row looks like a repeat" in shown
    assert shown.count("Sent all the same, by decision of") == 2
    assert shown.count(": a second instalment") == 2
    shown = visitor.post(page, {"shown": ["2", "3", "4"], "row": ["2"]})
    assert "2 rows look like repeats" in shown
    assert shown.count("a second instalment") == 1
    assert "2 ready to send $50.00" in visitor.get(f"drafts/{draft}/check")
    assert "by decision of" in visitor.text
    visitor.post(f"drafts/{draft}/correct", {"row": "2", "cell-4": "11.00"})
    assert "3 held as repeats" in visitor.get(f"drafts/{draft}/check")
    visitor.post(f"drafts/{draft}/correct", {"row": "2", "cell-4": "10.00"})
    assert "2 held as repeats" in visitor.get(f"drafts/{draft}/check")
    visitor.get(f"drafts/{draft}/summary")
    visitor.post(f"drafts/{draft}/plan", {"digest": visitor.value("digest")})
    assert "2 payment requests" in visitor.text
    run = ("run", path, "--sandbox", "--batch", "rent 2026-12")
    done = command(*run, "--plan", "rent 2026-12-p1", "--json")
    assert "rows sent though they look like repeats, by decision: 1" in done.err
    assert (done.json()["counts"]["created"], done.json()["counts"]["held"]) == (2, 2)
    again = command(*run, "--json").json()["counts"]
    assert (again["already-created"], again["held"]) == (2, 2)
    assert "that held rows are other charges: 1. a second instalment" in (
        command("batches", "show", "rent 2026-12", "--sandbox").out
    )


def test_a_release_is_of_what_was_seen(visitor: Visitor, tmp_path: Path) -> None:
    """Another batch asks for the same meanwhile: nobody has decided about that."""
    line = "R-1,Ana,Roy,ana@example.com,10.00"
    visitor.send(visitor.named(sheet(tmp_path, line, name="first.csv"), "first 2026-11"))
    released: dict[str, str | list[str]] = {"shown": "2", "row": "2", "note": "agreed"}
    late = visitor.named(sheet(tmp_path, line, name="late.csv"), "late")
    visitor.post(f"drafts/{late}/repeats", released)
    other = sheet(tmp_path, line, "R-9,Ben,Roy,ben@example.com,90.00")
    draft = visitor.named(other, "rent 2026-12")
    visitor.post(f"drafts/{draft}/repeats", released)
    assert "2 ready to send" in visitor.get(f"drafts/{draft}/check")
    assert "Every row has its request." in visitor.send(draft)
    visitor.post(f"drafts/{late}/sheet", {"batch": "late"})
    assert "1 held as repeats" in visitor.get(f"drafts/{late}/check")


def test_two_sheets_get_one_name_only_when_that_is_meant(visitor: Visitor, tmp_path: Path) -> None:
    """Asked where the name is given, before either is sent; another name is proposed."""
    visitor.named(sheet(tmp_path, ROW), "rent-2026-12")
    draft = visitor.drop(sheet(tmp_path, ROW + "0", name="parking.csv"))
    asked = visitor.post(f"drafts/{draft}/sheet", {"batch": "rent-2026-12"})
    assert "The sheet rent-2026-12.csv, which is not sent yet, has this name too." in asked
    assert visitor.status == 422
    visitor.post(f"drafts/{draft}/sheet", {"batch": "rent-2026-12", "continue": "rent-2026-12"})
    assert visitor.path.endswith("/check")
    other = visitor.drop(sheet(tmp_path, ROW + "00"))
    visitor.get(f"drafts/{other}/sheet")
    assert 'name="batch" value="rent-2026-12-2"' in visitor.page


def test_the_command_line_sees_the_plan_of_the_page(visitor: Visitor, command: Command, tmp_path: Path) -> None:
    """Batch, columns and total of the same bytes, and says so in one line; what it names itself comes first."""
    path = tmp_path / "export.csv"
    path.write_text("Invoice #,First name,Last name,Where to,Amount\nA-1,Ana,Roy,ana@example.com,10.00\n", "utf-8")
    draft = visitor.drop(path)
    visitor.post(f"drafts/{draft}/sheet", {"batch": "rent 2026-12"})
    assert visitor.path.endswith("/columns")
    headings = ["Invoice #", "First name", "Last name", "Where to", "Amount"]
    fields = ["referenceId", "firstName", "lastName", "email", "amount"]
    visitor.post(f"drafts/{draft}/columns", {"heading": headings, "field": fields})
    assert "1 ready to send $10.00" in visitor.text
    visitor.post(f"drafts/{draft}/total", {"total": "12.00"})
    run = ("run", path, "--sandbox", "--json")
    refused = command(*run)
    assert refused.code == 3
    assert "expected 12.00, found 10.00" in refused.err
    assert refused.err.count("as chosen on the local page: batch rent 2026-12, how the sheet is read") == 1
    visitor.get(f"drafts/{draft}/summary")
    visitor.post(f"drafts/{draft}/plan", {"digest": visitor.value("digest"), "difference": "2.00"})
    planned = command("plan", path, "--sandbox")
    assert "rent 2026-12-p2" in planned.out, planned.err
    assert "Difference accepted by" in visitor.get("plans/rent 2026-12-p2")
    named = command("validate", path, "--sandbox", "--batch", "other", "--map", "Amount=amount", "--json")
    assert "as chosen" not in named.err
    sent = command(*run, "--plan", "rent 2026-12-p1").json()
    assert (sent["batch"], sent["counts"]["created"]) == ("rent 2026-12", 1)


def test_a_fault_of_a_whole_name_stands_at_its_cell_once(visitor: Visitor, tmp_path: Path) -> None:
    """It is a fault of the first and of the last name; a fault of the row has its remedy on a line of its own."""
    path = tmp_path / "rent-2026-12.csv"
    lines = "A-1,,ana@example.com,10.00", "A-2,Ben Roy,ben@example.com,20.00", "A-2,Ben Roy,ben@example.com,20.00"
    path.write_text("\n".join(["Invoice #,Tenant,E-mail,Amount", *lines]) + "\n", "utf-8")
    draft = visitor.drop(path)
    visitor.post(f"drafts/{draft}/sheet", {"batch": "rent 2026-12"})
    assert "There is no column for: first name, last name." in visitor.text
    fields = ["referenceId", "names:given-first", "email", "amount"]
    headings = ["Invoice #", "Tenant", "E-mail", "Amount"]
    visitor.post(f"drafts/{draft}/columns", {"heading": headings, "field": fields})
    shown = visitor.get(f"drafts/{draft}/fix")
    assert shown.count("the cell is empty, but required") == 1
    assert 'id="cell-2-1" name="cell-1" value="" data-was="" aria-invalid="true"' in visitor.page
    assert 'class="note bad">this row repeats row 3' in visitor.page
    assert '<span class="hint block">Remove one of them' in visitor.page


def test_a_notice_of_a_row_is_seen_where_the_row_is_corrected(visitor: Visitor, tmp_path: Path) -> None:
    """The check leads there from it."""
    draft = visitor.named(sheet(tmp_path, "A-1,Ana,Roy,ana@example.com,8950.00"), "rent 2026-12")
    assert "is above $3,000.00" in visitor.get(f"drafts/{draft}/check")
    assert "is above $3,000.00" in visitor.get(f"drafts/{draft}/fix?row=2")
    visitor.post(f"drafts/{draft}/correct", {"row": "2", "cell-4": "7950.00"})
    assert visitor.get(f"drafts/{draft}/fix?row=2").count("corrected from") == 1


def test_a_results_workbook_given_back_goes_on_with_its_batch(
    visitor: Visitor, command: Command, tmp_path: Path
) -> None:
    """Its sheet of results or errors is ticked, never the list of links; what was left out of the batch stays out."""
    path = tmp_path / "rent-2026-12.csv"
    lines = "A-1,Ana Roy,ana@example.com,10.00", "A-2,Ben Roy,ben@example.com,20.00", "A-3,Cy Roy,cy@example.com,40.00"
    path.write_text("\n".join(["File,Tenant,Contact,Rent due", *lines]) + "\n", "utf-8")
    columns: dict[str, str | list[str]] = {
        "heading": ["File", "Tenant", "Contact", "Rent due"],
        "field": ["referenceId", "names:given-first", "email", "amount"],
    }
    draft = visitor.drop(path)
    visitor.post(f"drafts/{draft}/sheet", {"batch": "rent 2026-12"})
    visitor.post(f"drafts/{draft}/columns", columns)
    visitor.get(f"drafts/{draft}/fix?row=4")
    visitor.post(f"drafts/{draft}/leave-out", {"row": "4", "reason": "moved out"})
    visitor.send(draft)
    back = tmp_path / "given back.xlsx"
    back.write_bytes(visitor.download("batches/rent%202026-12/workbook"))
    again = visitor.drop(back)
    assert 'name="sheets" value="Results" checked' in visitor.page
    assert visitor.value("batch") == "rent 2026-12"
    visitor.post(f"drafts/{again}/sheet", {"batch": "rent 2026-12", "sheets": "Results"})
    assert "continue that batch" in visitor.text
    visitor.post(f"drafts/{again}/sheet", {"batch": "rent 2026-12", "sheets": "Results", "continue": "rent 2026-12"})
    if visitor.path.endswith("/columns"):
        visitor.post(f"drafts/{again}/columns", columns)
    shown = visitor.get(f"drafts/{again}/check")
    assert "0 ready to send $0.00" in shown
    assert "1 left out $40.00" in shown
    assert "2 already requested $30.00" in shown


def test_a_total_of_the_sheet_is_right_about_what_is_not_left_out(visitor: Visitor, tmp_path: Path) -> None:
    """The cause says so; the line of the total can be left out as well."""
    lines = (
        "A-1,Ana,Roy,ana@example.com,10.00",
        "A-2,Ben,Roy,ben@example.com,20.00",
        "A-2,Ben,Roy,ben@example.com,20.00",
    )
    draft = visitor.named(sheet(tmp_path, *lines, "Total,,,,30.00"), "rent 2026-12")
    visitor.get(f"drafts/{draft}/fix")
    visitor.post(f"drafts/{draft}/leave-out", {"row": "4", "reason": "twice in the list"})
    shown = visitor.get(f"drafts/{draft}/check")
    assert "rows that a person left out (4). Without them the total agrees." in shown
    visitor.get(f"drafts/{draft}/fix")
    visitor.post(f"drafts/{draft}/leave-out", {"row": "5", "reason": "of the others alone"})
    assert "0 to fix $0.00" in visitor.get(f"drafts/{draft}/check")
