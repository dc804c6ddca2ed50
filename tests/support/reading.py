"""Sheets opened as the command opens them: their rows, the refusal, the notices; each sentence in both languages."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.errors import InputError
from pipeline.domain.model import SheetRow
from pipeline.messages import explain
from pipeline.reader import ReadOptions, open_table
from pipeline.reader.table import Table
from schemas.faults import sentence


def rows_of(path: Path, **options: Any) -> tuple[Table, list[SheetRow]]:
    """The table of a file, and all its rows."""
    table = open_table(path, ReadOptions(**options))
    return table, [row for chunk in table.chunks() for row in chunk]


def refusal(path: Path, **options: Any) -> InputError:
    """Why a file is refused."""
    with pytest.raises(InputError) as caught:
        rows_of(path, **options)
    assert explain(caught.value, "en") != explain(caught.value, "fr")
    return caught.value


def codes(table: Table) -> list[str]:
    """The codes of what is said about a whole sheet."""
    for notice in table.notices:
        assert sentence(notice, "en") != sentence(notice, "fr")
    return [notice.code for notice in table.notices]
