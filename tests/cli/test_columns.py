"""`columns`: how each column of a sheet is read, and the fields that `--map` knows."""

import pytest
from support.command import Command

from schemas.fields import LABELS, Field
from schemas.languages import LANGUAGES, Lang


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_help_lists_every_field_with_its_label(command: Command, lang: Lang) -> None:
    """What `--map` and a mapping file take is written as the API has it, and explained in the user's language."""
    shown = command("columns", "--help", "--lang", lang).out
    assert [field for field in Field if f"  {field:<16} {LABELS[lang][field]}\n" not in shown] == []


def test_a_wrong_field_is_answered_with_all_of_them(command: Command) -> None:
    """In French each with its label."""
    (command.home / "sheet.csv").write_text("Nom\nRoy\n", encoding="utf-8")
    done = command("columns", "sheet.csv", "--map", "Nom=famille", "--lang", "fr")
    assert done.code == 2
    assert "lastName (nom de famille)" in done.err


def test_a_sheet_without_a_name_has_none(command: Command) -> None:
    """A CSV file has no sheets; a notice looks as it does in `run`."""
    text = "Prénom,Nom,Courriel,Montant\nZoé,Roy,zoe@example.com,1.00\n"
    (command.home / "sheet.csv").write_bytes(text.encode("cp1252"))
    shown = command("columns", "sheet.csv").out
    assert shown.startswith("Headings in row 1\n")
    assert "\n  Note: the file does not give its encoding" in shown
