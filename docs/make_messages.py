"""Collects the sentences of the code into the French catalogue and compiles it; run by `make messages`.

Those of the help (docstrings, `help="…"`, epilogs) are collected from the commands themselves, those of the sandbox's
scenarios from their table, and click's own from the installed click.

A new sentence comes into `messages.po` without a translation: write it there and run `make messages` again. With
`--check` (in `make check`) nothing is written; what is missing, fuzzy, unused, or differs in its placeholders is named.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
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
PO: Final = ROOT / "pipeline" / "messages" / "locale" / "fr" / "LC_MESSAGES" / "messages.po"
MO: Final = PO.with_suffix(".mo")
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
    with PO.open("rb") as file:
        french = read_po(file, locale="fr")
    french.update(template, no_fuzzy_matching=True)
    return french


def written(catalog: Catalog) -> str:
    """The catalogue as its file: no dates and no line numbers, so that it changes only with a sentence."""
    file = io.BytesIO()
    write_po(file, catalog, width=110, ignore_obsolete=True, include_lineno=False, omit_header=False)
    return _NOISE.sub("", file.getvalue().decode())


def compiled() -> bytes:
    """The catalogue as gettext reads it, the same whenever it is compiled."""
    with PO.open("rb") as file:
        catalog = read_po(file, locale="fr")
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
    """Writes the catalogue and its compiled form, or checks both; 1 when a translation is missing or wrong."""
    catalog = merged(collected())
    found = list(faults(catalog))
    if "--check" in arguments:
        if PO.read_text("utf-8") != written(catalog):
            found.append(f"{PO.name} is not what the code says: run `make messages`")
        if MO.read_bytes() != compiled():
            found.append(f"{MO.name} is older than {PO.name}: run `make messages`")
    else:
        PO.write_text(written(catalog), "utf-8")
        MO.write_bytes(compiled())
    print("\n".join(found) or f"French sentences: {len(catalog)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
