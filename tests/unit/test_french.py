"""French as it is printed: one way of quoting, one way of spacing, in every text that the program says."""

import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from pipeline.cli.console import ConsoleListener, Manner
from pipeline.domain.errors import InputError
from pipeline.domain.events import RowHeld, SendingBegan, SendingEnded, reported
from pipeline.domain.model import Mapping
from pipeline.messages import explain
from pipeline.reader.headings import Heading, understand
from schemas.languages import Lang

ROOT = Path(__file__).parents[2]
CATALOGUES = [*(ROOT / "pipeline" / "messages" / "locale" / "fr" / "LC_MESSAGES").glob("*.po")]
FAULTS = ROOT / "schemas" / "faults.toml"
CODE = re.compile(
    r"^ +(?:flinks-import|--|>).*$"
    r"|\{[^}]*\}|\S+://\S*|\b\d\d:\d\d\b|[A-Z\]]\.\.\."
    r"|(?:= |\[|install |\[columns\] |--batch |resolve |status |approve |plan |run |referenceId,"
    r"|--note |--map |--split-names )\"[^\"]*\""
    r"|\"\{heading\}:[a-z-]+\"|\"EN-TÊTE=CHAMP\"",
    re.MULTILINE,
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
    """Every French text with its place: its catalogue and English sentence, or the code of its fault."""
    for path in CATALOGUES:
        for message in read_po(io.BytesIO(path.read_bytes())):
            for text in [message.string] if isinstance(message.string, str) else message.string or ():
                if message.id:
                    yield f"{path.name} {message.id}", text
    for key, entry in tomllib.loads(FAULTS.read_text("utf-8")).items():
        for name, text in entry.items():
            if "fr" in name.split("_"):
                yield f"{key} {name}", text


@pytest.mark.parametrize("rule", RULES)
def test_every_french_text_keeps_the_rule(rule: str) -> None:
    """Quebec's guillemets and spacing, the same in all sentences; what is to be typed stays as it is typed."""
    found = {place: text for place, text in french() if re.search(RULES[rule], CODE.sub("X", text))}
    assert found == {}
    assert len(list(french())) > 900, "the catalogues have moved"


def test_a_place_in_a_sheet_is_quoted_as_its_sentence_is() -> None:
    """A column that is named within a sentence has guillemets in the French one."""
    headings = [Heading(at, text) for at, text in enumerate(["First name", "Last name", "E-mial", "Amount"])]
    with pytest.raises(InputError) as caught:
        understand(headings, Mapping(), lambda _: [])
    assert "Vouliez-vous dire courriel : C « E-mial » ?" in explain(caught.value, "fr")
    assert 'Did you mean e-mail: C "E-mial"?' in explain(caught.value, "en")


@pytest.mark.parametrize(("lang", "count"), [("en", "5,000 held"), ("fr", "5\u00a0000 retenues")])
def test_counts_are_written_as_the_language_does(lang: Lang, count: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that says what became of all rows."""
    shown = ConsoleListener(Manner(lang=lang))
    with reported(shown, SendingBegan(5000, None), SendingEnded):
        for number in range(5000):
            shown(RowHeld(number, number))
    assert count in capsys.readouterr().err


def test_numbers_are_marked_in_one_place() -> None:
    """A number that is formatted beside `format_number` would be English in a French sentence."""
    said_in_one_language = {ROOT / "schemas" / "money.py", ROOT / "pipeline" / "sandbox" / "page.py"}
    sources = {*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "schemas").glob("*.py")} - said_in_one_language
    assert [file for file in sources if re.search(r"\{[^{}\n]*:,[^{}\n]*\}", file.read_text("utf-8"))] == []
