"""Months as people write them in the names of sheets and batches."""

import pytest

from pipeline.domain.months import in_figures, month_in


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("loyers_Décembre 2026", 12),
        ("Rent Sept 2026", 9),
        ("RENT-MAY", 5),
        ("février et fevr", 2),  # one month, written twice
        ("november to december", None),  # two
        ("marching band", None),  # no word of its own
        ("billing-2026-11", None),  # in figures
        ("", None),
    ],
)
def test_the_only_month_in_words(name: str, month: int | None) -> None:
    """In English and French, whole or short, with accents or without."""
    assert month_in(name) == month


def test_in_figures_months_sort_and_compare() -> None:
    """The rest of the name stays, without accents and capitals."""
    assert in_figures("Écoles Déc 2026, janv") == "ecoles 12 2026, 01"
