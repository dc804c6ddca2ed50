"""Writes the parts of the documentation that the program itself knows: `make docs`.

`docs/commands.md`, `docs/settings.md` and `docs/fields.md` whole, and in the README what is between
`<!-- generated: NAME -->` and `<!-- end -->`. `tests/test_docs.py` checks that all of it is up to date.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from pipeline.cli import COMMANDS, cli
from pipeline.cli.help_text import help_record
from pipeline.config.settings import CONFIG_NAME, Settings, variable_of
from schemas.faults import CatalogueEntry, Severity, catalogue
from schemas.fields import FIELDS, INSTITUTIONS, Field, FieldRule, aliases

REPOSITORY: Final = Path(__file__).parents[1]
DOCS: Final = REPOSITORY / "docs"
NOTE: Final = "<!-- Made by `make docs` from the program itself; change it there. -->"

_BLOCK: Final = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


# ---------------------------------------------------------------------------------------------------------------
# Commands


def commands_page() -> str:
    """Every command with its words and options."""
    parts = [NOTE, "# Commands\n", "`flinks-import` and `python -m pipeline` are the same command.\n"]
    with click.Context(cli, info_name="flinks-import") as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            if command is not None:
                parts.append(_command(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts)


def _command(command: click.Command, context: click.Context, level: int = 2) -> str:
    """A command and those below it, each with its words and options."""
    pieces = command.collect_usage_pieces(context)
    usage = " ".join([context.command_path, *pieces])
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    rows = [_option(option, context) for option in options]
    title = f"{'#' * level} {context.command_path.removeprefix('flinks-import ')}"
    parts = [title, f"    {usage}", _help(command)]
    if rows:
        parts.append(_table(("option", "meaning"), rows))
    below = command.commands if isinstance(command, click.Group) else {}
    parts += [
        _command(child, click.Context(child, info_name=name, parent=context), level + 1).rstrip()
        for name, child in below.items()
    ]
    return "\n\n".join(parts) + "\n"


def _help(command: click.Command) -> str:
    """The command's words, with its examples and exit codes as they are printed."""
    parts = [textwrap.fill(part, 120, break_on_hyphens=False) for part in (command.help or "").split("\n\n")]
    return "\n\n".join([*parts, f"```text\n{command.epilog}\n```"])


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names, words = help_record(option, context)
    return f"`{names}`", " ".join(words.split())


# ---------------------------------------------------------------------------------------------------------------
# Settings


def settings_page() -> str:
    """Every setting with its variable and default."""
    rows = [
        (
            "" if setting.name == "password" else f"`{setting.name}`",
            f"`{variable_of(setting.name)}`",
            _default(setting.default),
            setting.metadata["doc"],
        )
        for setting in fields(Settings)
    ]
    return f"""{NOTE}
# Settings

An option on the command line comes first, then the environment, then the file, then the default. The file is
`{CONFIG_NAME}` in the current folder or in your configuration folder, or the file that `--config` or
`FLINKS_IMPORT_CONFIG` names. It is TOML, with one `name = value` on each line; a name that is not in this table is an
error. The password is never in it: it comes from the environment, the system keyring (`login`), or its own file
(`password_file`). Relative paths in the file are relative to the file. A relative journal in the environment is an
error.

You can write every variable with the prefix `FLINKS_IMPORT_`, also those that the table shows without it:
`FLINKS_IMPORT_BASE_URL` comes before `FLINKS_BASE_URL`. A variable with the prefix that is not in the table changes
nothing, and each command warns you of it.

{_table(("in the file", "in the environment", "default", "meaning"), rows)}
"""


def _default(value: object) -> str:
    match value:
        case "" | None:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{', '.join(map(str, value))}`"
        case _:
            return f"`{value}`"


# ---------------------------------------------------------------------------------------------------------------
# Fields and faults


def fields_page() -> str:
    """Every field with its limits and headings, and every fault with its sentence and how to fix it."""
    rules = [(f"`{rule.field}`", _need(rule), _limits(rule), f"`{rule.example}`") for rule in FIELDS]
    headings = [(f"`{rule.field}`", ", ".join(_headings(rule.field))) for rule in FIELDS]
    known = ", ".join(f"{code} {name}" for code, name in INSTITUTIONS.items())
    return f"""{NOTE}
# Fields, errors and notices

## Fields

{_table(("field", "needed", "limits", "example"), rules)}

Known institutions: {known}. Any other gets a notice, not an error.

## Headings

Case, accents, spaces and punctuation do not matter. A column under any other heading is your own and comes back
unchanged. You can add headings with
`--map "HEADING=FIELD"` or a mapping file (`--mapping`).

{_table(("field", "headings"), headings)}

## Errors

A row with an error is not sent. The message fills in what is in braces. The codes are those of the JSON.

{_faults(Severity.ERROR)}

## Notices

A notice says what the program changed or guessed, or what looks wrong. The row is sent.

{_faults(Severity.NOTICE)}
"""


_CHOICES: Final = {
    Field.CURRENCY: "CAD only",
    Field.TYPE: "e-Transfer only",
    Field.DIRECTION: "DEBIT only, or CREDIT only where the setting `direction` says so",
}


def _need(rule: FieldRule) -> str:
    if rule.field in {Field.INSTITUTION_CODE, Field.TRANSIT_NUMBER, Field.ACCOUNT_NUMBER}:
        return "all three or none"
    return "yes" if rule.required else "no"


def _limits(rule: FieldRule) -> str:
    if rule.choices:
        return _CHOICES[rule.field]
    limits = [str(rule.kind)]
    if rule.max_length is not None:
        unit = "digits" if rule.kind == "digits" else "characters"
        least = "" if rule.min_length in {0, 1, rule.max_length} else f"{rule.min_length} to "
        limits.append(f"{'exactly ' if rule.min_length == rule.max_length else ''}{least}{rule.max_length} {unit}")
    return ", ".join(limits)


def _headings(field: Field) -> Iterator[str]:
    return (f"`{alias}`" for alias in dict.fromkeys(aliases()[field]))


def _faults(severity: Severity) -> str:
    entries = [(code, entry) for code, entry in catalogue().items() if entry.severity is severity]
    return _table(("code", "message", "what to do"), [(f"`{code}`", *_told(entry)) for code, entry in entries])


def _told(entry: CatalogueEntry) -> tuple[str, str]:
    return entry.sentence["en"], entry.fix["en"]


# ---------------------------------------------------------------------------------------------------------------
# The README


def readme(text: str) -> str:
    """The README with its generated blocks as they are now."""
    return _BLOCK.sub(lambda match: f"{match[1]}{_block(match['name'])}{match[3]}", text)


def _block(name: str) -> str:
    """A block of the README by its name. Raises KeyError for one that is not known."""
    return {"run": _run, "make": _make, "commands": _command_list}[name]()


def _run() -> str:
    """What `make run` prints, in a folder and with a journal of its own."""
    line = ["run", "samples/billing-2026-11.xlsx", "--sandbox", "--journal", "out/journal.sqlite"]
    with TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "samples").symlink_to(REPOSITORY / "samples")
        (home / "out").mkdir()
        return _shown(_output([*line, "-o", "out/billing-2026-11.results.xlsx"], home))


def _output(arguments: list[str], home: Path) -> str:
    """What the command prints, both streams in the order in which a terminal shows them.

    Raises RuntimeError when it ends in a way that no reader should see.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FLINKS_", "XDG_"))}
    environment |= {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    environment |= {"PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "COLUMNS": "100", "LANGUAGE": ""}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    if done.returncode > 1:
        raise RuntimeError(done.stdout)
    return done.stdout


def _make() -> str:
    line = ["make", "--no-print-directory", "help"]
    done = subprocess.run(line, cwd=REPOSITORY, stdout=subprocess.PIPE, encoding="utf-8", check=True)  # noqa: S603
    return _shown(done.stdout)


def _command_list() -> str:
    return _table(("command", "what it does"), [(f"`{name}`", line) for name, (_, line) in COMMANDS.items()]) + "\n"


def _shown(output: str) -> str:
    lines = [line.rstrip() for line in output.strip().splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


PAGES: Final = {"commands.md": commands_page, "settings.md": settings_page, "fields.md": fields_page}


def pages() -> dict[Path, str]:
    """Every generated page, by its path."""
    made = {DOCS / name: page().rstrip() + "\n" for name, page in PAGES.items()}
    path = REPOSITORY / "README.md"
    return made | {path: readme(path.read_text("utf-8"))}


if __name__ == "__main__":
    for page, text in pages().items():
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, encoding="utf-8")
            click.echo(f"Written: {page.relative_to(REPOSITORY)}")
