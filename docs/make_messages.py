"""Collects the sentences of the code into the French catalogue and compiles all catalogues; run by `make messages`.

Those of the help (docstrings, `help="…"`, epilogs) are collected from the commands themselves, those of the sandbox's
scenarios from their table, and click's own from the installed click.

A new sentence comes into `messages.po` without a translation: write it there and run `make messages` again. What a page
says in place of a sentence is written into `pages.po` of both languages by hand; it goes when the sentence goes. With
`--check` (in `make check`) nothing is written; what is missing, fuzzy, unused, or differs in its placeholders is named.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from pipeline.cli import COMMANDS, cli
from pipeline.cli.help_text import words_of
from pipeline.domain import errors
from pipeline.sandbox.scenarios import SCENARIOS

ROOT: Final = Path(__file__).parents[1]
LOCALE: Final = ROOT / "pipeline" / "messages" / "locale"
PO: Final = LOCALE / "fr" / "LC_MESSAGES" / "messages.po"
PAGES: Final = {lang: LOCALE / lang / "LC_MESSAGES" / "pages.po" for lang in ("en", "fr")}
_FAILURES: Final = [name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")]
KEYWORDS: Final = {
    **dict.fromkeys(["translate", "N_", "_", "Message", "say", "t", *_FAILURES]),
    **dict.fromkeys(["Plural", "tn"], (1, 2)),
}
SOURCES: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
CLICK_MODULES: Final = ("core", "exceptions", "formatting", "parser", "types", "termui", "decorators")
CLICK_KEYWORDS: Final = {"_": None, "ngettext": (1, 2)}
_NOISE: Final = re.compile(r'^"(?!Project|Language:|Plural|MIME|Content)[A-Z][\w-]+: .*\\n"\n', re.MULTILINE)
"""Headers that Babel writes and nobody reads."""


def collected() -> Catalog:
    """The sentences of the code."""
    catalog = Catalog()
    with redirect_stderr(io.StringIO()):  # Babel warns of every f-string among the parameters of a sentence
        found = list(extract_from_dir(ROOT / "pipeline", SOURCES, keywords=KEYWORDS))
    for file, line, text, _, _ in found:
        catalog.add(text, locations=[(f"pipeline/{file}", line)])
    for name, command in {"flinks-import": cli, **commands()}.items():
        for text in filter(None, words_of(command)):
            catalog.add(text, locations=[(name, 1)])
    for scenario in SCENARIOS:  # the sandbox itself imports no sentence of ours
        catalog.add(scenario.sentence, locations=[("pipeline/sandbox/scenarios.py", 1)])
    for module in CLICK_MODULES:
        source = Path(click.__file__).with_name(f"{module}.py").read_bytes()
        for _, text, _, _ in extract("python", io.BytesIO(source), keywords=CLICK_KEYWORDS):
            catalog.add(text, locations=[("click", 1)])
    return catalog


def commands() -> dict[str, click.Command]:
    """Every command by its name."""
    with click.Context(cli) as context:
        return {name: command for name in COMMANDS if (command := cli.get_command(context, name))}


def merged(template: Catalog) -> Catalog:
    """The French catalogue with the sentences of `template`, and no others."""
    french = read(PO)
    french.update(template, no_fuzzy_matching=True)
    return french


def merged_pages(template: Catalog, path: Path) -> Catalog:
    """A catalogue of what pages say, without the sentences that `template` has no more."""
    pages = read(path)
    said = Catalog()
    for message in template:
        if message.id and message.id in pages:
            said[message.id] = message
    pages.update(said, no_fuzzy_matching=True)
    return pages


def read(path: Path) -> Catalog:
    """A catalogue of a language, which its folder names."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name)


def written(catalog: Catalog) -> str:
    """The catalogue as its file: no dates and no line numbers, so that it changes only with a sentence."""
    file = io.BytesIO()
    write_po(file, catalog, width=110, ignore_obsolete=True, include_lineno=False, omit_header=False)
    return _NOISE.sub("", file.getvalue().decode())


def compiled(path: Path) -> bytes:
    """The catalogue as gettext reads it, the same whenever it is compiled."""
    catalog = read(path)
    catalog.creation_date = catalog.revision_date = datetime.fromtimestamp(0, UTC)
    result = io.BytesIO()
    write_mo(result, catalog)
    return result.getvalue()


def faults(catalog: Catalog) -> Iterator[str]:
    """What is wrong with the translations, a line each."""
    for message in catalog:
        if not message.id:
            continue
        if message.fuzzy:
            yield f"fuzzy: {message.id}"
        for english, french in pairs(message):
            if not french:
                yield f"not translated: {english}"
            elif placeholders(english) != placeholders(french) and isinstance(message.id, str):
                yield f"other placeholders: {english} / {french}"


def faults_of_pages(pages: Mapping[str, Catalog]) -> Iterator[str]:
    """What is wrong with what pages say, a line each. In both languages alike it may say less than its sentence."""
    for message in pages["en"]:
        if not message.id:
            continue
        sentence, english, french = str(message.id), str(message.string or ""), pages["fr"].get(message.id)
        if not english or french is None or not french.string:
            yield f"no words of a page in one language: {sentence}"
        elif not placeholders(str(french.string)) == placeholders(english) <= placeholders(sentence):
            yield f"other placeholders: {sentence} / {english} / {french.string}"
    yield from (f"only in French: {one.id}" for one in pages["fr"] if one.id and one.id not in pages["en"])


def pairs(message: Message) -> Iterator[tuple[str, str]]:
    """Each form of a sentence in English and in French."""
    if isinstance(message.id, str):
        yield message.id, str(message.string or "")
    else:
        yield from zip(message.id, message.string or ("", ""), strict=True)


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return set(re.findall(r"\{(\w+)", text))


def main(arguments: list[str]) -> int:
    """Writes the catalogues and their compiled forms, or checks all; 1 when a translation is missing or wrong."""
    template = collected()
    catalog = merged(template)
    pages = {lang: merged_pages(template, path) for lang, path in PAGES.items()}
    found = [*faults(catalog), *faults_of_pages(pages)]
    for path, one in [(PO, catalog), *((PAGES[lang], pages[lang]) for lang in PAGES)]:
        mo = path.with_suffix(".mo")
        if "--check" not in arguments:
            path.write_text(written(one), "utf-8")
            mo.write_bytes(compiled(path))
        elif path.read_text("utf-8") != written(one):
            found.append(f"{path.relative_to(LOCALE)} is not what the code says: run `make messages`")
        elif mo.read_bytes() != compiled(path):
            found.append(f"{mo.relative_to(LOCALE)} is older than {path.name}: run `make messages`")
    print("\n".join(found) or f"French sentences: {len(catalog)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
