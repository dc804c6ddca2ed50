"""Our own workbook, corrected by a person and given back to `run` as it is."""

from __future__ import annotations

from pathlib import Path

from openpyxl import load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet
from support.command import Command

SHEET = """Invoice #,First name,Last name,Email,Amount,status,Institution,Transit,Account
A-1,Zoé,Tremblay,zoe@example.com,250,new,003,30265,9876541
A-2,Liam,Fraser,liam@@example.com,1234.50,old,003,30265,9876541
A-3,Ann,Roy,ann@example.com,12.5,old,,,
"""


def test_the_errors_sheet_corrected_is_a_billing_sheet(command: Command) -> None:
    """The sheet Errors, corrected in place, sends just the corrected row: our columns are left out, the user's kept."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert command("run", sheet, "--sandbox", "--json").json()["counts"]["created"] == 2

    results = sheet.with_name("rent.sandbox.results.xlsx")
    mended = sheet.with_name("mended.xlsx")
    book = load_workbook(results)
    _cell_under(book["Errors"], "Email").value = "liam@example.com"
    book.save(mended)

    done = command("run", mended, "--sandbox", "--json")
    assert done.json()["batch"] == "rent"  # its own batch, though the file has another name
    assert (done.code, done.json()["rows"], done.json()["counts"]["created"]) == (0, 1, 1)
    again = load_workbook(mended.with_name("mended.sandbox.results.xlsx"))["Results"]
    headings = [cell.value for cell in again[1]]
    assert headings[:10] == ["row", *SHEET.splitlines()[0].split(",")]
    assert headings[10] == "status"
    assert [cell.value for cell in again[2]][:2] == [3, "A-2"]


def test_a_french_errors_sheet_corrected_is_a_billing_sheet(command: Command) -> None:
    """The workbook of an office that works in French goes on with its batch as an English one does."""
    sheet = command.home / "loyer.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert command("run", sheet, "--sandbox", "--lang", "fr").code == 1
    book = load_workbook(sheet.with_name("loyer.sandbox.results.xlsx"))
    _cell_under(book["Erreurs"], "Email").value = "liam@example.com"
    book.save(sheet.with_name("corrigé.xlsx"))

    done = command("run", "corrigé.xlsx", "--sandbox", "--lang", "fr", "--json").json()
    assert (done["batch"], done["rows"], done["counts"]["created"]) == ("loyer", 1, 1)
    again = load_workbook(sheet.with_name("corrigé.sandbox.results.xlsx"))["Résultats"]
    assert [cell.value for cell in again[2]][:2] == [3, "A-2"]


def test_a_message_names_the_column_as_its_sheet_does(command: Command) -> None:
    """By heading and letter, and where the column is elsewhere, in `Errors` and when that is given back, by heading."""
    sheet = command.home / "loyer.csv"
    sheet.write_text(SHEET.replace("Email", "Courriel"), encoding="utf-8")
    done = command("run", sheet, "--sandbox", "--lang", "fr")
    assert (
        "ligne 3 : Courriel (colonne D) : « liam@@example.com » n'est pas une adresse courriel" in done.err + done.out
    )
    results = sheet.with_name("loyer.sandbox.results.xlsx")
    book = load_workbook(results)
    assert book["Erreurs"]["B2"].value == "Courriel : « liam@@example.com » n'est pas une adresse courriel"

    book.save(sheet.with_name("rendu.xlsx"))
    [error] = command("validate", "rendu.xlsx", "--sandbox", "--json").json()["errors"]
    assert error == {
        "row": 3,
        "field": "email",
        "code": "email-invalid",
        "message": 'Courriel: "liam@@example.com" is not an e-mail address',
    }


def test_the_whole_results_given_back_ask_nobody_again(command: Command) -> None:
    """The sheet Results of our workbook is the same batch's rows: everything has its session already."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET.replace("@@", "@"), encoding="utf-8")
    command("run", sheet, "--sandbox")
    done = command(
        "run",
        "rent.sandbox.results.xlsx",
        "--sheet",
        "Results",
        "--sandbox",
        "--batch",
        "rent",
        "-o",
        "two.xlsx",
        "--json",
    )
    counts = done.json()["counts"]
    # The accounts are masked in Results, so those rows can't be read back as payments; nobody is asked in any case.
    assert counts["created"] == 0
    assert counts["already-created"] + counts["invalid"] == 3
    assert not Path(command.home / "rent.sandbox.results.results.xlsx").exists()


def _cell_under(sheet: Worksheet, heading: str) -> Cell:
    column = next(cell.column for cell in sheet[1] if cell.value == heading)
    return sheet.cell(row=2, column=column)  # type: ignore[return-value]


def test_a_repeat_in_the_errors_sheet_given_back_is_not_billed(command: Command) -> None:
    """A row that repeats another of its batch stays out when the sheet Errors is given back."""
    sheet = command.home / "rent.csv"
    sheet.write_text(SHEET.replace("@@", "@") + "A-1,Zoé,Tremblay,zoe@example.com,999,new,003,30265,9876541\n", "utf-8")
    assert command("run", sheet, "--sandbox", "--json").json()["counts"]["invalid"] == 1
    done = command("run", "rent.sandbox.results.xlsx", "--sandbox", "-o", "two.xlsx", "--json")
    assert (done.json()["counts"]["created"], done.json()["counts"]["invalid"]) == (0, 1)
    assert "repeats row 2" in done.json()["errors"][0]["message"]


OWN_HEADINGS = """Dossier,Locataire,Courriel,Loyer
A-1,Zoé Tremblay,zoe@example.com,250
A-2,Liam Fraser,liam@@example.com,1234.50
"""


def test_our_list_of_links_is_no_billing_sheet(command: Command) -> None:
    """Where the user's own headings are not known, they are asked for: the links look like a sheet with known ones."""
    sheet = command.home / "loyer.csv"
    sheet.write_text(OWN_HEADINGS, encoding="utf-8")
    read = ("--map", "Dossier=referenceId", "--map", "Loyer=amount", "--split-names", "Locataire:given-first")
    assert command("run", sheet, "--sandbox", *read, "--json").json()["counts"]["created"] == 1
    results = sheet.with_name("loyer.sandbox.results.xlsx")
    book = load_workbook(results)
    assert "Links" in book.sheetnames
    del book["Errors"]
    book.save(sheet.with_name("back.xlsx"))

    asked = command("run", "back.xlsx", "--sandbox")
    assert asked.code == 3
    assert "Locataire" in asked.err
    done = command("run", "back.xlsx", "--sandbox", *read, "--json").json()
    assert (done["batch"], done["rows"], done["counts"]["created"]) == ("loyer", 2, 0)
