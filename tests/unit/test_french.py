"""French as it is printed: one way of quoting, one way of spacing, in every text that the program says."""

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.cli.screen import LineScreen, Manner
from pipeline.domain.errors import InputError
from pipeline.domain.model import Mapping, Payment
from pipeline.journal.journal import Sendable
from pipeline.messages import explain
from pipeline.reader.headings import Heading, understand
from schemas.languages import Lang

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "pipeline" / "messages").glob("*.toml")), ROOT / "schemas" / "faults.toml"]
CODE = re.compile(
    r"\{[^}]*\}|\S+://\S*|\b\d\d:\d\d\b|(?:= |\[|install |\[columns\] |--batch |resolve |status )\"[^\"]*\""
)
"""What is no prose: placeholders, addresses, times, and what a person types into a file or a terminal."""

RULES = {
    "a space before ; ? !": r"[^\s!?][;?!]",
    "a space before a colon": r"[^\s]:(?:\s|$)",
    "spaces inside the guillemets": r"«\S|\S»",
    "guillemets and not quotation marks": r"[\"\u201c\u201d]",
    "the plain apostrophe": r"[\u2018\u2019]",
    "plain spaces, which a person can search for": r"[\u00a0\u202f\u2009]",
    "one character for three dots": r"\.\.\.",
}


def french() -> Iterator[tuple[str, str]]:
    """Every French text with its place: `file.toml key`."""
    for file in FILES:
        for key, entry in tomllib.loads(file.read_text("utf-8")).items():
            for name, text in entry.items():
                if "fr" in name.split("_"):
                    yield f"{file.name} {key} {name}", text


@pytest.mark.parametrize("rule", RULES)
def test_every_french_text_keeps_the_rule(rule: str) -> None:
    """Quebec's guillemets and spacing, the same in all sentences; what is to be typed stays as it is typed."""
    found = {place: text for place, text in french() if re.search(RULES[rule], CODE.sub("X", text))}
    assert found == {}
    assert {place.split()[0] for place, _ in french()} == {file.name for file in FILES}, "a file has no French text"
    assert len(FILES) > 1, "the folder of the messages has moved"


def test_a_place_in_a_sheet_is_quoted_as_its_sentence_is() -> None:
    """A column that is named within a sentence has guillemets in the French one."""
    headings = [Heading(at, text) for at, text in enumerate(["First name", "Last name", "E-mial", "Amount"])]
    with pytest.raises(InputError) as caught:
        understand(headings, Mapping(), lambda _: [])
    assert "Vouliez-vous dire email : C « E-mial » ?" in explain(caught.value, "fr")
    assert 'Did you mean email: C "E-mial"?' in explain(caught.value, "en")


@pytest.mark.parametrize(("lang", "mark"), [("en", ","), ("fr", "\u00a0")])
def test_the_pace_of_a_run_is_written_as_the_language_does(
    lang: Lang, mark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that end at once come to thousands a second."""
    payment = Payment("A-1", "Zoé", "Tremblay", "zoe@example.com", Decimal(5), send_link=False)
    row = Sendable(1, 0, 2, "A-1", "A-1", payment, b"", ())
    with LineScreen(Manner(lang=lang)).sending(5000, None) as observer:
        for _ in range(5000):
            observer.row_held(row)
    said = capsys.readouterr().err
    pace = re.search(r"([^ ]+) (?:a second|par seconde)", said)
    assert pace is not None, said
    assert re.fullmatch(rf"\d{{1,3}}(?:{mark}\d{{3}})+", pace[1])


def test_numbers_are_marked_in_one_place() -> None:
    """A number that is formatted beside `format_number` would be English in a French sentence."""
    said_in_one_language = {ROOT / "schemas" / "money.py", ROOT / "pipeline" / "sandbox" / "page.py"}
    sources = {*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "schemas").glob("*.py")} - said_in_one_language
    assert [file for file in sources if re.search(r"\{[^{}\n]*:,[^{}\n]*\}", file.read_text("utf-8"))] == []
