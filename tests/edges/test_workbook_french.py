"""The output workbook with `--lang fr`: every name of ours is French, and is recognised again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from support.reading import rows_of
from support.workbook_batches import AT, month, report, stream

from pipeline.domain.model import SessionState
from pipeline.report.workbook import write

STATE = SessionState("Created", (), None, AT)
ROWS = [replace(row, state=STATE if row.session_id else None) for row in month()]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book") / "classeur.xlsx"
    write(report(asked_at=AT + timedelta(days=30), open_days=7), stream(ROWS), path, lang="fr")
    return path


def test_sheets_headings_and_statuses_are_french(path: Path) -> None:
    """With `--lang fr` the names of sheets, our own headings and the words of statuses are French."""
    book = openpyxl.load_workbook(path)
    assert set(book.sheetnames) == {"Sommaire", "Résultats", "Erreurs", "Liens", "En attente"}
    headings = [cell.value for cell in book["Résultats"][1]]
    assert (headings[0], headings[12:21]) == (
        "ligne",
        [
            "statut",
            "sessionId",
            "lien",
            "erreurs",
            "avis",
            "référence envoyée",
            "montant envoyé",
            "tentatives",
            "créée le",
        ],
    )
    assert headings[21:] == ["état de la demande", "état du paiement", "payée", "montant payé", "état au"]
    assert {row[12] for row in book["Résultats"].iter_rows(min_row=2, values_only=True)} == {
        *("créée", "déjà créée", "invalide", "refusée", "échouée", "inconnue", "retenue", "non envoyée"),
    }
    assert [cell.value for cell in book["Erreurs"][1]][:3] == ["ligne", "erreurs", "comment corriger"]
    assert [cell.value for cell in book["Liens"][1]][:3] == ["prenom", "nom", "courriel"]
    assert "jours en attente" in {cell.value for cell in book["En attente"][1]}


def test_summary_is_french(path: Path) -> None:
    """Also what it calls the statuses, and where a control total comes from."""
    book = openpyxl.load_workbook(path)
    texts = {str(cell.value) for row in book["Sommaire"].iter_rows() for cell in row if cell.value is not None}
    assert {"À faire ensuite", "ligne 75", "lignes attendues", "déjà créée", "pas encore"} <= texts
    assert any(text.startswith("échouée : ") for text in texts)


@pytest.mark.parametrize("sheet", ["", "Résultats"])
def test_a_french_workbook_is_taken_back(path: Path, sheet: str) -> None:
    """`Erreurs` is read by itself; our columns are left out, the rows keep their numbers, the batch is known."""
    table, rows = rows_of(path, sheets=(sheet,) if sheet else ())
    assert table.source.sheet == (sheet or "Erreurs")
    assert (table.source.batch, table.source.digest) == ("billing-2026-11", "3f" * 32)
    assert [column.heading for column in table.columns] == [column.heading for column in report().columns]
    expected = [row.row.number for row in ROWS if sheet or row.errors]
    assert [row.number for row in rows] == expected
