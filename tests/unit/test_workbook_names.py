"""The names in our own workbooks, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.domain.model import Status
from pipeline.domain.session_states import Paid
from schemas.fields import BEHIND_IN_ERRORS, FIX_COLUMN, OWN_COLUMNS, ROW_COLUMN, STATE_COLUMNS
from schemas.languages import Lang
from schemas.workbook_names import heading, sheet_name, word

SHEETS = ("Summary", "Results", "Errors", "Links", "Open", "Changes", "Proof", "Deposits", "Matched", "Damaged lines")
COLUMNS = {ROW_COLUMN, *OWN_COLUMNS, *STATE_COLUMNS, *BEHIND_IN_ERRORS, FIX_COLUMN}
NAMES: list[tuple[Callable[[str, Lang], str], list[str]]] = [
    (sheet_name, [*SHEETS]),
    (heading, sorted(COLUMNS)),
    (word, [*Status, *Paid]),
]


@pytest.mark.parametrize(("named", "codes"), NAMES, ids=["sheets", "headings", "words"])
def test_every_name_is_its_code_in_english_and_tells_one_thing_in_french(
    named: Callable[[str, Lang], str], codes: list[str]
) -> None:
    """The reader recognises what a workbook says in either language."""
    assert [named(code, "en") for code in codes] == codes
    assert len({named(code, "fr") for code in codes}) == len(codes)
    assert max(map(len, (named(code, "fr") for code in codes))) <= 31  # characters of a sheet's name in Excel
