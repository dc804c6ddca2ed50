"""Sentences on a terminal: folded at their words, with the later lines below the first words."""

import pytest

from pipeline.cli.outlets import folded


@pytest.mark.parametrize(
    ("text", "hang", "shown"),
    [
        ("one two three four five six", None, "one two three four\nfive six"),
        ("  row 8: the cell is empty", None, "  row 8: the cell is\n    empty"),
        ("ok     journal  in good order", 16, "ok     journal  in\n                good\n                order"),
        ("see /srv/a/path/longer/than/a/line", None, "see\n/srv/a/path/longer/than/a/line"),
        ("ok /srv/a/path/longer/than/a/line", 3, "ok /srv/a/path/longer/than/a/line"),
        ("first line\n\n  second", None, "first line\n\n  second"),
        ("est dans une devise ; les", None, "est dans une\ndevise ; les"),
        ("il a lu, ici : « Numéro »", None, "il a lu, ici :\n« Numéro »"),
        ("un montant de 39 666,51 $", None, "un montant de\n39 666,51 $"),
    ],
    ids=["words", "an indent", "a column", "a path", "a path in a column", "lines", "mark", "quotation", "amount"],
)
def test_a_sentence_is_folded_at_its_words(text: str, hang: int | None, shown: str) -> None:
    """Never inside a word, a path, an amount, or before a French mark; later lines are indented further."""
    assert folded(text, 20, hang) == shown
