"""Sentences in two languages: the catalogue is whole, and parts of a sentence speak the language of the whole."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from pipeline.domain.errors import ApiUnreachableError, InputError, UsageError
from pipeline.journal.earlier_sentences import EARLIER_SENTENCES
from pipeline.messages import Joined, Message, Number, Plural, all_of, explain, translate
from schemas.languages import Lang

SCRIPT = Path(__file__).parents[2] / "docs" / "make_messages.py"
TOOL = runpy.run_path(str(SCRIPT))


def test_every_sentence_of_the_code_is_translated() -> None:
    """None is missing, fuzzy or unused; placeholders agree; the compiled catalogue is that of the written one."""
    # In a process of its own: commands that were called here have translated their help.
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(("lang", "singular"), [("en", {1}), ("fr", {0, 1})])
def test_a_count_chooses_the_form(lang: Lang, singular: set[int]) -> None:
    """In English one is singular, in French zero too; a count may be written out."""
    with TOOL["PO"].open("rb") as file:
        plurals = [message for message in read_po(file) if isinstance(message.id, tuple)]
    assert plurals
    for message in plurals:
        forms = message.id if lang == "en" else message.string
        names = dict.fromkeys(TOOL["placeholders"](" ".join(message.id)), "x")
        for count in (0, 1, 2, 11, 1_000_000):
            expected = forms[0 if count in singular else 1].format(**{**names, "count": count})
            assert translate(Plural(*message.id), lang, **{**names, "count": count}) == expected


def test_what_earlier_journals_name_by_a_key_is_translated() -> None:
    """A sentence that is reworded is reworded there too."""
    with TOOL["PO"].open("rb") as file:
        known = {message.id for message in read_po(file)}
    assert set(EARLIER_SENTENCES.values()) <= known
    assert "send.stopped_refused" in EARLIER_SENTENCES


def test_parts_speak_the_language_of_the_whole() -> None:
    """A message, a number and a list within a sentence."""
    parts = Joined([Message("row {row}", {"row": Number(1234.5, 1)}), Message("row {row}", {"row": 2})])
    assert (translate("{parts}", "en", parts=parts), bool(parts)) == ("row 1,234.5, row 2", True)
    assert translate("{parts}", "fr", parts=parts) == "ligne 1\u00a0234,5, ligne 2"
    assert not Joined([])


def test_a_name_with_line_breaks_stays_within_its_line() -> None:
    """What is in a file's name can't look like a sentence of ours."""
    assert translate("{path}", "en", path=Path("a\nPaid: 5")) == "a_x000A_Paid: 5"


def test_several_mistakes_are_one_failure() -> None:
    """A line each; a single one is itself."""
    first, second = UsageError("{name} is missing", name="a"), UsageError("{name} is missing", name="b")
    assert all_of([first]) is first
    assert explain(all_of([first, second])) == "a is missing\nb is missing"


def test_the_code_of_a_failure_is_its_class() -> None:
    """What JSON and logs name it by."""
    assert (InputError("x").code, ApiUnreachableError("x").code) == ("input", "api-unreachable")
