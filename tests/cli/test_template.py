"""`template`: an empty billing sheet that a person fills in and `run` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from support.command import Command
from support.libreoffice import by_hand, needs_uno

from schemas.fields import DEFAULT_MAX_AMOUNT, FIELDS, INSTITUTIONS, RULES, Field
from schemas.languages import Lang

SHEETS = {"en": ("Billing", "Help"), "fr": ("Facturation", "Aide")}

languages = pytest.mark.parametrize("lang", SHEETS)


@pytest.fixture
def template(command: Command) -> Callable[..., Any]:
    def make(lang: Lang) -> Path:
        path = command.home / f"sheet-{lang}.xlsx"
        assert command("template", "-o", path, "--lang", lang).code == 0
        return path

    return make


@languages
def test_every_heading_is_one_that_run_knows(command: Command, template: Callable[..., Any], lang: Lang) -> None:
    """Each field has one column, in the order of the fields, whatever the language."""
    columns = command("columns", template(lang), "--json").json()["columns"]
    assert [column["field"] for column in columns] == [rule.field.value for rule in FIELDS]


@pytest.mark.slow
@needs_uno
@pytest.mark.parametrize(
    ("lang", "amount", "yes"),
    [pytest.param("en", "1234.50", "yes", id="en"), pytest.param("fr", "250", "oui", id="fr")],
)
def test_what_is_typed_by_hand_is_what_run_reads(
    command: Command, template: Callable[..., Any], lang: Lang, amount: str, yes: str
) -> None:
    """Typed in LibreOffice by the keyboard's own command, identifiers keep their zeros and the row has no fault."""
    path, filled = template(lang), command.home / "filled.xlsx"
    typed = ["0007", "Zoé", "Anne", "Tremblay", "zoe@example.com", amount, "CAD", "e-Transfer", "DEBIT", yes]
    typed += ["003", "00123", "0012345"]
    cells = [[f"{chr(ord('A') + index)}2", text] for index, text in enumerate(typed)]
    by_hand(command.home, "type_cells", source=path, target=filled, cells=cells)
    done = command("columns", filled, "--json")
    values = {column["field"]: column["values"][0] for column in done.json()["columns"]}
    expected = {"referenceId": "0007", "institutionCode": "003", "transitNumber": "00123", "accountNumber": "0012345"}
    assert {name: values[name] for name in expected} == expected
    checked = command("validate", filled, "--json").json()
    assert (checked["rows"], checked["errors"][0]["code"]) == (1, "not-sent-dry-run")


@languages
def test_the_help_beside_our_own_template_is_not_said_to_be_unread(
    command: Command, template: Callable[..., Any], lang: Lang
) -> None:
    """Nothing in it was to be read; a sheet of the user's own is said, also under that name."""
    path = template(lang)
    assert "only the sheet" not in command("validate", path, "--lang", "en").err
    book = load_workbook(path)
    book[SHEETS[lang][1]]["A1"] = "December"
    book.save(path)
    assert f'only the sheet "{SHEETS[lang][0]}" was read' in command("validate", path, "--lang", "en").err


@languages
def test_an_empty_template_sends_nothing(command: Command, template: Callable[..., Any], lang: Lang) -> None:
    """There is no example row that somebody could send: run finds no payment."""
    done = command("run", template(lang), "--sandbox", "--json")
    assert done.json()["rows"] == 0
    assert done.json()["counts"]["created"] == 0


@languages
def test_identifiers_are_text_and_limits_are_those_of_the_fields(template: Callable[..., Any], lang: Lang) -> None:
    """Every identifier column is typed as text, and what Excel refuses is what the table of fields refuses."""
    book = load_workbook(template(lang))
    sheet = book[SHEETS[lang][0]]
    assert sheet.freeze_panes == "A2"
    rules = {str(rule.sqref).split(":", maxsplit=1)[0][0]: rule for rule in sheet.data_validations.dataValidation}
    letters = {rule.field: chr(ord("A") + index) for index, rule in enumerate(FIELDS)}
    for rule in FIELDS:
        found = rules[letters[rule.field]]
        assert len(found.prompt) <= 255
        assert found.prompt.endswith(rule.example) or rule.field is Field.SEND_INTERAC_LINK
        if rule.field is not Field.AMOUNT:
            assert sheet.column_dimensions[letters[rule.field]].number_format == "@"
    account = rules[letters[Field.ACCOUNT_NUMBER]]
    assert (account.type, account.formula1, account.formula2) == ("textLength", "7", "12")
    amount = rules[letters[Field.AMOUNT]]
    assert (amount.type, amount.formula1, amount.formula2) == ("decimal", "0.01", str(float(DEFAULT_MAX_AMOUNT)))
    assert rules[letters[Field.CURRENCY]].formula1 == f'"{RULES[Field.CURRENCY].choices[0]}"'
    notes = [cell.comment.text for cell in sheet[1]]
    untold = [rule.field for rule, note in zip(FIELDS, notes, strict=True) if rule.example not in note]
    assert set(untold) <= {Field.SEND_INTERAC_LINK}


@languages
def test_no_text_of_the_help_is_cut_off(template: Callable[..., Any], lang: Lang) -> None:
    """A sentence that is longer than its column has a row of two lines."""
    sheet = load_workbook(template(lang))[SHEETS[lang][1]]
    long = [
        row for row in sheet.iter_rows(min_row=8) if len(str(row[2].value or "")) > sheet.column_dimensions["C"].width
    ]
    assert long
    assert all((sheet.row_dimensions[row[0].row].height or 0) > 30 for row in long)


@languages
def test_the_list_of_institutions_stores_the_code_alone(template: Callable[..., Any], lang: Lang) -> None:
    """The drop-down points at the codes on the help sheet, which are texts; the names stand beside them."""
    book = load_workbook(template(lang))
    sheet, help_sheet = (book[name] for name in SHEETS[lang])
    [rule] = [rule for rule in sheet.data_validations.dataValidation if "$F$" in (rule.formula1 or "")]
    first, last = rule.formula1.rpartition("!")[2].replace("$", "").split(":")
    assert [cell.value for [cell] in help_sheet[first:last]] == list(INSTITUTIONS)
    assert rule.errorStyle == "information"


def test_a_file_that_exists_is_never_written_over(command: Command) -> None:
    """The second time another name is taken, and what a person typed into the first is still there."""
    first = command("template")
    path = command.home / "billing-template.xlsx"
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    again = command("template")
    assert (first.code, again.code) == (0, 0)
    assert "was not overwritten" in again.err
    assert "billing-template (2).xlsx" in again.out
    assert path.read_bytes() == before + b" "
    # The bytes may differ by the second in which each was written.
    assert load_workbook(command.home / "billing-template (2).xlsx").sheetnames == load_workbook(path).sheetnames


@pytest.mark.parametrize(
    ("output", "told"),
    [
        pytest.param("sheet.csv", "is not an .xlsx name", id="another format"),
        pytest.param("nowhere/sheet.xlsx", "Can't write", id="a folder that is not there"),
    ],
)
def test_a_place_that_can_not_be_had_gets_one_sentence(command: Command, output: str, told: str) -> None:
    """Exit code 2, what is wrong, and nothing is left behind."""
    done = command("template", "-o", output)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
    assert not list(command.home.glob("*.csv"))
