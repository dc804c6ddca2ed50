"""Every code that the program can give has its sentence in both languages, and no sentence is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from pipeline.domain.model import Mapping
from pipeline.reader.headings import field_named
from schemas.faults import CatalogueEntry, Fault, Severity, catalogue, how_to_fix, sentence
from schemas.fields import LABELS, Field
from schemas.languages import LANGUAGES, Lang
from schemas.money import Reason

ROOT = Path(__file__).parents[2]
CATALOGUE = catalogue()
_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")


def literals() -> Iterator[str]:
    """Every text in the source that could be a code, and the fixed start of every f-string (`unknown-{kind}`)."""
    for path in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "schemas").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                yield f"{node.values[0].value!s}*"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
                yield node.value


def given_codes() -> Iterator[str]:
    """The codes that are written where a fault is made."""
    for path in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "schemas").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault"
            if made and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                yield node.args[0].value  # type: ignore[attr-defined, misc]


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_every_code_in_use_is_in_the_catalogue() -> None:
    """A code without a sentence would be a crash in front of the user."""
    assert {*given_codes(), *(reason.value for reason in Reason)} - set(CATALOGUE) == set()


def test_every_code_of_the_catalogue_is_in_use() -> None:
    """A sentence that nothing says is a sentence that nobody keeps right."""
    used = set(literals())
    starts = tuple(text[:-1] for text in used if text.endswith("-*"))
    unused = [code for code in CATALOGUE if code not in used and not code.startswith(starts)]
    assert unused == []


@pytest.mark.parametrize("code", CATALOGUE)
def test_both_languages_say_the_same(code: str) -> None:
    """English and French have the same placeholders, in the sentence and in the remedy."""
    entry: CatalogueEntry = CATALOGUE[code]
    for texts in (entry.sentence, entry.fix):
        assert placeholders(texts["en"]) == placeholders(texts["fr"])
    assert placeholders(entry.fix["en"]) <= placeholders(entry.sentence["en"])
    assert bool(entry.fix["en"]) == bool(entry.fix["fr"])


@pytest.mark.parametrize("code", [code for code, entry in CATALOGUE.items() if entry.severity is Severity.ERROR])
def test_every_error_says_how_to_fix_it(code: str) -> None:
    """What keeps a row from being sent comes with what a person does about it."""
    assert CATALOGUE[code].fix["en"].endswith(".")


def test_only_notices_touch_money() -> None:
    """What stands out among the notices is what may change how much is asked for, or where it goes."""
    assert {entry.severity for code, entry in catalogue().items() if Fault(code).touches_money} == {Severity.NOTICE}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_value_with_braces_is_only_text(lang: Lang) -> None:
    """A cell can't reach into the sentence that shows it."""
    fault = Fault("email-invalid", "email", "{field} {0}")
    assert "{field} {0}" in sentence(fault, lang)
    assert how_to_fix(fault, lang)


@pytest.mark.parametrize("field", Field)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_field_without_a_column_has_a_name_that_a_sheet_may_use(lang: Lang, field: Field) -> None:
    """A person who reads it can name a column so, and it is found."""
    assert field_named(LABELS[lang][field], Mapping()) == field


def test_amounts_in_sentences_are_shown_in_the_readers_way() -> None:
    """A limit is written as the language writes amounts."""
    fault = Fault("amount-too-large", "amount", "30000", (("limit_amount", "25000.00"),))
    assert "25,000.00" in sentence(fault, "en")
    assert "25\u00a0000,00\u00a0$" in sentence(fault, "fr")


@pytest.mark.parametrize("stored", ["40000", "40,000"], ids=["as digits", "as older journals have it"])
def test_numbers_in_sentences_are_shown_in_the_readers_way(stored: str) -> None:
    """Thousands are told apart as the language does; an older journal keeps the English form."""
    fault = Fault("text-cut", details=(("column", "F"), ("length", stored), ("limit", "32767")))
    assert "40,000" in sentence(fault, "en")
    assert "32,767" in sentence(fault, "en")
    assert "32\u00a0767" in sentence(fault, "fr")
    assert ("40\u00a0000" in sentence(fault, "fr")) == stored.isdecimal()


def test_a_long_value_is_shortened() -> None:
    """A sentence stays readable whatever the cell holds."""
    assert len(sentence(Fault("email-invalid", "email", "x" * 5000))) < 150


def test_a_sentence_is_of_its_own_fault_whatever_was_said_before() -> None:
    """What stands around a value is kept; the value, the field, the details and the language are not mixed up."""
    faults = [
        Fault("too-long", field, value, (("limit", limit),))
        for field in (Field.FIRST_NAME, Field.LAST_NAME)
        for value in ("Zoé", "{value}", "\0", "x" * 200)
        for limit in ("35", "100")
    ]
    said = {(fault, lang): (sentence(fault, lang), how_to_fix(fault, lang)) for fault in faults for lang in LANGUAGES}
    for (fault, lang), (wrong, how) in said.items():
        assert (sentence(fault, lang), how_to_fix(fault, lang)) == (wrong, how)
        assert wrong.startswith(LABELS[lang][fault.field])
        assert fault.details[0][1] in wrong
    assert len({wrong for wrong, _ in said.values()}) == len(said)
