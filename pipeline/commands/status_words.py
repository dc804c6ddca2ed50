"""Status words that nobody has taught yet, and the mapping file that keeps what a person says of them."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline.domain.errors import UsageError
from pipeline.reader.headings import toml_text
from pipeline.reconciliation.daily_reports import read_report
from pipeline.reconciliation.vocabulary import load_vocabulary
from pipeline.system import atomic_output
from schemas.reports import Meaning

MAPPING_NAME: Final = "reports.mapping.toml"
"""The mapping file that a folder of reports has of its own: the words are a bank's or a service's, of every batch."""

_SECTION: Final = re.compile(r"^\ufeff?[ \t]*\[[ \t]*statuses[ \t]*\][ \t]*(?:#.*)?\r?$", re.MULTILINE)
_NEXT_SECTION: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)


@dataclass(slots=True)
class Unknown:
    """A status word without a meaning: how many lines have it, in which files."""

    word: str
    lines: int = 0
    files: list[str] = field(default_factory=list)


def mapping_beside(reports: Sequence[Path]) -> Path:
    """Where the mapping file of these reports is when none was named."""
    return reports[0].parent / MAPPING_NAME


def unknown_words(reports: Sequence[Path], mapping: Path | None) -> list[Unknown]:
    """Every word of the reports that is asked about, in their order. Raises what reading a report or mapping does."""
    words = load_vocabulary(mapping)
    found: dict[str, Unknown] = {}
    for path in dict.fromkeys(reports):
        for word, lines in read_report(path, words).unknown.items():
            one = found.setdefault(word.casefold(), Unknown(word))
            one.lines += lines
            one.files.append(path.name)
    return [*found.values()]


def keep_words(path: Path, answers: Mapping[str, Meaning]) -> None:
    """Add words to the section [statuses] of a mapping file, which is made when there is none; the rest stays as it is.

    Raises UsageError when the file is written in a way that leaves no place for them, or can't be written.
    """
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        after = _with_words(before, answers)
        if after is None:
            raise UsageError("reconcile.words_no_place", path=str(path), toml="; ".join(_entries(answers)))
        part = atomic_output.begin(path)
        try:
            part.write_bytes(after.encode())
            if path.exists():
                shutil.copymode(path, part)
            part.replace(path.resolve())
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError("reconcile.words_not_kept", path=str(path), reason=reason) from None


def _with_words(text: str, answers: Mapping[str, Meaning]) -> str | None:
    """The text of a mapping file with these words at the end of its section; None when that would change more."""
    end = "\r\n" if "\r\n" in text else "\n"
    added = end.join(_entries(answers)) + end
    if section := _SECTION.search(text):
        following = _NEXT_SECTION.search(text, section.end())
        own = text[: following.start() if following else len(text)].rstrip()
        after = f"{own}{end}{added}{text[len(own) :].removeprefix(end)}"
    else:
        after = f"{text.rstrip()}{end * 2 if text.strip() else ''}[statuses]{end}{added}"
    wanted = _table(text)
    wanted["statuses"] = {**wanted.get("statuses", {}), **answers}
    try:
        return after if _table(after) == wanted else None
    except tomllib.TOMLDecodeError:
        return None


def _entries(answers: Mapping[str, Meaning]) -> list[str]:
    return [f"{toml_text(word)} = {toml_text(meaning.value)}" for word, meaning in answers.items()]


def _table(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff"))
