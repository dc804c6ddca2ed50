"""The help of every command, in both languages, and what a misspelt command line is told."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.command import Command

from pipeline.cli import COMMAND_GROUPS, COMMANDS, cli
from pipeline.cli.help_text import SECTIONS


def calls() -> Iterator[tuple[str, ...]]:
    """How each command is called, also those below another."""
    yield ()
    with click.Context(cli) as context:
        for name in COMMANDS:
            yield (name,)
            command = cli.get_command(context, name)
            yield from ((name, child) for child in getattr(command, "commands", ()))


CALLS = list(calls())
NARROW = {"COLUMNS": "80"}


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(command: Command, words: tuple[str, ...], lang: str) -> None:
    """No line of any help is wider, every command has examples, and no default is shown twice."""
    for wanted in ("--help", "--help-all"):
        done = command(*words, "--lang", lang, wanted, env=NARROW)
        if done.code == 2:
            assert (wanted, done.out) == ("--help-all", "")  # a short command has one help
            continue
        assert (done.code, done.err) == (0, "")
        assert [line for line in done.out.splitlines() if len(line) > 80] == []
        assert {"en": "\nExamples:\n", "fr": "\nExemples :\n"}[lang] in done.out
        assert not re.search(r"(default|défaut)[^\]]*\]\s+\[[^\]]*(default|défaut)", done.out)


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_french_help_has_no_english_in_it(command: Command, words: tuple[str, ...]) -> None:
    """Headings, sentences, defaults and the words for values are French."""
    french = command(*words, "--lang", "fr", "--help").out
    assert re.findall(r"\b(Usage|default:|required|FILE|BATCH|NAME|PATH|Show|[Tt]he|[Aa]nd|is|with)\b", french) == []


def test_the_first_help_of_run_is_what_people_need(command: Command) -> None:
    """A dozen options under headings, and where the others are; all work whether they are shown or not."""
    short, whole = command("run", "--help").out, command("run", "--help-all").out
    shown, known = (set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)) for text in (short, whole))
    assert 10 <= len(shown) <= 16
    assert {"--sandbox", "--first", "--expect-total", "--help-all"} <= shown
    assert "flinks-import run --help-all" in short
    assert len(known) > 40
    assert shown < known
    for heading in SECTIONS:
        assert f"\n{heading}:\n" in whole
    assert "\nOptions:\n" not in whole  # each option of run has its heading
    assert command("validate", "nothing.csv", "--max-amount", "5").code == 3


def test_commands_are_listed_in_groups(command: Command) -> None:
    """The list has five headings, and every command once."""
    listed = command("--help").out
    assert [heading for heading in COMMAND_GROUPS if f"\n{heading}:\n" in listed] == list(COMMAND_GROUPS)
    assert set(re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)) >= set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("run", "--lang", "fr"), {}),
        (("--lang=fr", "run"), {}),
        (("run",), {"FLINKS_IMPORT_LANG": "fr"}),
        (("run",), {"LC_ALL": "", "LANG": "fr_CA.UTF-8"}),
    ],
    ids=["--lang fr", "--lang=fr", "the variable", "the locale"],
)
def test_usage_errors_are_in_the_users_language(
    command: Command, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    """The language is known before the arguments are read, in every way in which it can be chosen."""
    done = command(*arguments, env=environment)
    assert (done.code, done.out) == (2, "")
    assert done.err == "Il manque l'argument 'FICHIER'. Pour de l'aide : flinks-import run --help\n"


def test_an_option_before_the_command_chooses_the_language_of_all_of_it(command: Command) -> None:
    """`--lang fr` may stand anywhere."""
    assert command("--lang", "fr", "batches").out == "Le journal ne contient encore aucun lot.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rnu", "x.csv"), "There is no command 'rnu'. Did you mean 'run'?"),
        (("STATUS",), "There is no command 'STATUS'. Did you mean 'status'?"),
        (("batches", "purg"), "There is no command 'purg'. Did you mean 'purge'?"),
        (("frobnicate",), "There is no command 'frobnicate'. Try 'flinks-import --help' for help."),
        (
            ("my bill.xlsx", "--strict"),
            "my bill.xlsx is a file, not a command. Did you mean: flinks-import run 'my bill.xlsx' --strict",
        ),
        (("run", "x.csv", "--expect-totl", "1"), "There is no option '--expect-totl'. Did you mean '--expect-total'?"),
        (("run", "x.csv", "--frobnicate"), "No such option '--frobnicate'. Try 'flinks-import run --help' for help."),
        (
            ("run", "x.csv", "--first", "ten"),
            "Invalid value for '--first': 'ten' is not a valid whole number. Try 'flinks-import run --help' for help.",
        ),
        (
            ("status", "x", "--since", "24/11/2026"),
            (
                "Invalid value for '--since': 24/11/2026 is not a date; write it like 2026-11-24. "
                "Try 'flinks-import status --help' for help."
            ),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_misspelt_line_is_told_what_was_meant(command: Command, arguments: tuple[str, ...], sentence: str) -> None:
    """One line, exit code 2, and the next thing to type."""
    done = command(*arguments)
    assert (done.code, done.out, done.err) == (2, "", sentence + "\n")


def test_a_file_that_exists_needs_no_ending_to_be_known(command: Command) -> None:
    """Whatever its name, a file is not a command."""
    (command.home / "billing").write_text("")
    assert command("billing").err.endswith("Did you mean: flinks-import run billing\n")


@pytest.mark.parametrize(
    "words", [("batches",), ("config", "show"), ("template", "-o", "t.xlsx"), ("sandbox", "--scenarios")], ids=" ".join
)
def test_every_command_warns_of_a_variable_that_no_setting_has(command: Command, words: tuple[str, ...]) -> None:
    """A misspelt variable silently is another setting: it is said once, on standard error, with the nearest."""
    done = command(*words, env={"FLINKS_IMPORT_RAET": "1"})
    assert done.code == 0
    assert done.err == "FLINKS_IMPORT_RAET is set, but no setting has this name. Did you mean FLINKS_IMPORT_RATE?\n"


def test_the_newest_batches_are_listed_first_and_older_ones_counted(command: Command, tmp_path: Path) -> None:
    """A long list says how many batches it leaves out; --json has them all."""
    for name in ("first", "second", "third"):
        sheet = tmp_path / f"{name}.csv"
        sheet.write_text(f"Reference,First Name,Last Name,Email,Amount\n{name},Ann,Roe,ann@example.com,1.00\n")
        assert command("run", sheet, "--sandbox").code == 0
    names = [line["batch"] for line in command("batches", "--sandbox", "--json").json()]
    assert names == ["third", "second", "first"]
    listed = command("batches", "--sandbox", "--limit", 2).out
    assert "third" in listed
    assert "first" not in listed
    assert listed.endswith("1 older batch is not listed. To list all, add: --limit 3\n")
    assert len(command("batches", "--sandbox", "--limit", 1, "--json").json()) == 1
