"""No page says what is typed in a terminal: every sentence that a page may show has the page's own way out."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.errors import UsageError
from pipeline.messages import Joined, Message, explain, on_page, translate
from schemas.faults import catalogue
from schemas.languages import Lang

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "docs" / "make_messages.py"))
ON_PAGES: dict[str, dict[str, str]] = {
    lang: {message.id: message.string for message in TOOL["read"](path) if message.id}
    for lang, path in TOOL["PAGES"].items()
}
"""By language, what a page says in place of a sentence."""

TERMINAL = re.compile(
    r"(?<![\w-])--?[a-z]"  # an option
    r"|`|\bflinks-import (?:run|plan|approve|config|login|journal|batches|doctor|cancel|columns|validate|status)\b"
    r"|same command|\bthe command\b|\brun again\b|\bwith this command\b"
    r"|\bmême commande\b|\bla commande\b"
    r"|FLINKS_|HTTPS_PROXY|XDG_|environment variable|variable d'environnement|\bTZ\b|chmod|pg_dump|createdb"
    r"|mapping file|fichier de correspondance|flinks-import\.toml",
    re.IGNORECASE,
)
"""What means nothing to somebody who never opens a terminal."""

OF_OPTIONS_THAT_NO_PAGE_HAS = re.compile(
    r"\{option\}|--receivables|receivables mapping|--marked-copy copies one|--bundle|--parquet|--compare|--strict"
    r"|--dask|Dask scheduler|of the Dask cluster|needs Dask"
    r"|--map \{given\}|--write-mapping|--dry-run -o|with -o\.|pg_dump|--port"
    r"|^Settings of flinks-import|^Profiles: "  # the comments of a new settings file
)


def modules_of_pages() -> set[str]:
    """Every module that the pages import, at the top or within a function, directly or by others."""
    found: set[Path] = set()
    ahead = [*(ROOT / "pipeline" / "web").rglob("*.py")]
    while ahead:
        path = ahead.pop()
        if path in found or path.parent.name == "sandbox":  # the API's stand-in has pages of its own
            continue
        found.add(path)
        for name in imported(path):
            place = ROOT.joinpath(*name.split("."))
            ahead += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()]
    return {str(path.relative_to(ROOT)) for path in found}


def imported(path: Path) -> Iterator[str]:
    """The names of ours that a module imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pipeline"):
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def sentences_of_pages() -> dict[str, str]:
    """Every sentence of the modules and templates of the pages, with its French."""
    modules = modules_of_pages()
    assert {"pipeline/commands/run.py", "pipeline/journal/database.py", "pipeline/reader/open.py"} <= modules
    catalogue_of_both = TOOL["merged"](TOOL["collected"]())
    found: dict[str, str] = {}
    for message in catalogue_of_both:
        places = {place for place, _ in message.locations}
        if message.id and any(place in modules or "/web/templates/" in place for place in places):
            found |= dict(TOOL["pairs"](message))
    return found


def test_no_sentence_of_a_page_names_an_option_a_command_or_a_variable() -> None:
    """Of all that the modules say by which pages work, in English and French."""
    sentences = sentences_of_pages()
    said = {
        text
        for english, french in sentences.items()
        if not OF_OPTIONS_THAT_NO_PAGE_HAS.search(english)
        for text in (ON_PAGES["en"].get(english, english), ON_PAGES["fr"].get(english, french))
    }
    assert [text for text in said if TERMINAL.search(text)] == []


def test_no_fault_of_a_row_does() -> None:
    """They are read in the workbook and on pages alike."""
    told = [
        text
        for entry in catalogue().values()
        for by_language in (entry.sentence, entry.fix)
        for text in by_language.values()
        if TERMINAL.search(text)
    ]
    assert told == []


def test_every_sentence_of_pages_stands_for_one_that_a_page_may_say() -> None:
    """One that only the terminal says needs no other words."""
    assert set(ON_PAGES["en"]) <= set(sentences_of_pages())


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_page_says_it_however_deep_the_sentence_is(lang: Lang) -> None:
    """Also a part of another; outside of a page it is as it was."""
    folder = "The journal {place} is a folder. Choose a file with --journal."
    failure = UsageError("{mistakes}", mistakes=Joined([Message(folder, {"place": "x"})], "\n"))
    with on_page():
        assert explain(failure, lang) == ON_PAGES[lang][folder].format(place="x")
        assert translate("row {row}", lang, row=2) == {"en": "row 2", "fr": "ligne 2"}[lang]
    assert "--journal" in explain(failure, lang)
