"""A status word that nobody knows: asked about once at a terminal, told elsewhere, and kept in the mapping file."""

import os
import pty
from pathlib import Path
from typing import Any

import pytest
from support.command import Command

from pipeline.commands.status_words import MAPPING_NAME, keep_words, unknown_words
from pipeline.domain.errors import UsageError
from schemas.reports import Meaning

SHEET = (
    "Reference,First name,Last name,Email,Amount\n"
    "R-1,Ana,Roy,ana@example.com,10.00\nR-2,Bo,Li,bo@example.com,5.00\nR-3,Wei,Zhang,wei@example.com,7.00\n"
)
REPORT = "Reference,Amount,Status\nR-1,10.00,Viré\nR-2,5.00,VIRÉ\nR-3,7.00,Zigzag\n"


@pytest.fixture
def report(command: Command) -> Path:
    """A report with two unknown words, of a batch `november` in the built-in sandbox."""
    sheet = command.home / "november.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert command("run", sheet, "--sandbox").code == 0
    path = command.home / "report.csv"
    path.write_text(REPORT, encoding="utf-8")
    return path


def at_terminal(command: Command, *args: Any, answers: str) -> str:
    """What a terminal shows of `reconcile` when these answers are typed."""
    ours, theirs = pty.openpty()
    environment = {"TERM": "dumb", "COLUMNS": "300"}
    line = ("reconcile", "november", *args, "--sandbox", "--lang", "en")
    process = command.start(*line, env=environment, terminal=theirs)
    os.close(theirs)
    os.write(ours, answers.encode())
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
        process.wait(120)
    return shown.decode()


def test_each_unknown_word_is_asked_about_once(command: Command, report: Path) -> None:
    """The word, its files and lines are shown; another answer than a number is asked for again; then nobody asks."""
    mapping = report.with_name(MAPPING_NAME)
    shown = at_terminal(command, report, answers="perhaps\n1\n7\n")
    assert shown.count("What does it mean?") == 2
    assert 'the status "Viré" of some payments (report.csv; lines: 2)' in shown
    assert shown.count("Your answer") == 3
    assert mapping.read_text("utf-8") == '[statuses]\n"Viré" = "settled"\n"Zigzag" = "look"\n'
    assert str(mapping) in shown
    again = at_terminal(command, report, answers="")
    assert ("What does it mean?" in again, f"Using the mapping file {mapping}" in again) == (False, True)


def test_the_answers_go_into_the_mapping_file_that_was_named(command: Command, report: Path) -> None:
    """Also where it is not there yet; nothing is put beside the report."""
    mapping = command.home / "bank.toml"
    at_terminal(command, report, "--mapping", mapping, answers="2\n6\n")
    assert mapping.read_text("utf-8") == '[statuses]\n"Viré" = "paid"\n"Zigzag" = "returned"\n'
    assert not report.with_name(MAPPING_NAME).exists()


@pytest.mark.parametrize("manner", [["--json"], ["-q"], []])
def test_nobody_is_asked_where_nobody_answers(command: Command, report: Path, manner: list[str]) -> None:
    """A notice names the word, its lines and what to write; no file is made."""
    done = command("reconcile", "november", report, "--sandbox", "--lang", "en", *manner)
    told = done.json()["notices"] if manner == ["--json"] else done.out.splitlines()
    (line,) = [line for line in told if '"Viré"' in line]
    assert ("(lines: 2)" in line, '"Viré" = "paid"' in line) == (True, True)
    assert not report.with_name(MAPPING_NAME).exists()


def test_a_terminal_of_which_quiet_is_wanted_is_not_asked(command: Command, report: Path) -> None:
    assert "What does it mean?" not in at_terminal(command, report, "-q", answers="1\n1\n")
    assert not report.with_name(MAPPING_NAME).exists()


def test_a_kept_word_counts_without_a_terminal_too(command: Command, report: Path) -> None:
    report.with_name(MAPPING_NAME).write_text('[statuses]\n"viré" = "settled"\nzigzag = "settled"\n', encoding="utf-8")
    summary = command("reconcile", "november", report, "--sandbox", "--json").json()
    assert summary["counts"]["matched"] == 3


def test_words_of_several_reports_are_counted_together(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(REPORT, encoding="utf-8")
    found = unknown_words([tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "a.csv"], None)
    assert [(one.word, one.lines, one.files) for one in found] == [
        ("Viré", 4, ["a.csv", "b.csv"]),
        ("Zigzag", 2, ["a.csv", "b.csv"]),
    ]


NEW = '"Viré" = "settled"\n'
KEPT = [
    ("nothing", "", "[statuses]\n" + NEW),
    ("no section", 'dates = "day-first"  # ours\n', 'dates = "day-first"  # ours\n\n[statuses]\n' + NEW),
    ("at its end", '[statuses]\n# the bank\nA = "paid"\n', '[statuses]\n# the bank\nA = "paid"\n' + NEW),
    ("before the next", '[statuses]\nA = "paid"\n\n# what is said\n[constants]\ncurrency = "CAD"\n', None),
    ("Windows' line ends", '[statuses]\r\nA = "paid"\r\n', '[statuses]\r\nA = "paid"\r\n' + NEW.replace("\n", "\r\n")),
    ("a byte order mark", '\ufeff[statuses]\nA = "paid"\n', '\ufeff[statuses]\nA = "paid"\n' + NEW),
    ("no line end", "[ statuses ] # here", "[ statuses ] # here\n" + NEW),
    ("a heading like it", '[columns]\n"[statuses]" = "status"\n', '[columns]\n"[statuses]" = "status"\n\n[statuses]\n'
     + NEW),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_what_stands_in_the_mapping_file_stays(tmp_path: Path, before: str, after: str | None) -> None:
    """Comments, order, line ends and its mode; only the words are added."""
    path = tmp_path / "words.toml"
    path.write_bytes(before.encode())
    path.chmod(0o640)
    keep_words(path, {"Viré": Meaning.SETTLED})
    kept = path.read_bytes().decode()
    assert kept == after if after else kept.replace(NEW, "") == before
    assert (path.stat().st_mode & 0o777, [*tmp_path.iterdir()]) == (0o640, [path])


def test_a_file_that_has_no_place_for_words_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    path.write_text('statuses = { A = "paid" }\n', encoding="utf-8")
    with pytest.raises(UsageError, match="can't add to") as failure:
        keep_words(path, {"Viré": Meaning.SETTLED})
    assert failure.value.params["toml"] == NEW.strip()
    assert [*tmp_path.iterdir()] == [path]
    with pytest.raises(UsageError, match="Can't write the meanings"):
        keep_words(tmp_path / "nowhere" / "words.toml", {"Viré": Meaning.SETTLED})
