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
from pipeline.messages import N_
from pipeline.reader.headings import toml_text
from pipeline.reconciliation.daily_reports import read_report
from pipeline.reconciliation.vocabulary import load_vocabulary
from pipeline.system import atomic_output
from pipeline.system.file_names import readable
from schemas.reports import Meaning

MAPPING_NAME: Final = "reports.mapping.toml"
"""The mapping file of a folder of reports: its words are those of a bank or service, for every batch."""

MEANINGS: Final = {
    Meaning.SETTLED: N_("settled: the money is in the account"),
    Meaning.PAID: N_("paid: the payor has paid, but the money is not in the account yet"),
    Meaning.OPEN: N_("open: the payor has not paid yet"),
    Meaning.ENDED: N_("ended: declined, expired or cancelled; nothing was paid"),
    Meaning.FAILED: N_("failed: nothing was paid, or the money was returned if an earlier line says paid"),
    Meaning.RETURNED: N_("returned: paid, then refunded, reversed or charged back"),
    Meaning.LOOK: N_("skip it: nothing is concluded from it"),
}
"""What each answer means, as it is offered for a word."""

_SECTION: Final = re.compile(r"^\ufeff?[ \t]*\[[ \t]*statuses[ \t]*\][ \t]*(?:#.*)?\r?$", re.MULTILINE)
_NEXT_SECTION: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)


@dataclass(slots=True)
class UnknownWord:
    """A status word without a meaning: how many lines have it, in which files."""

    word: str
    lines: int = 0
    files: list[str] = field(default_factory=list)


def mapping_beside(reports: Sequence[Path]) -> Path:
    """Where the mapping file of these reports is when none was named."""
    return reports[0].parent / MAPPING_NAME


def unknown_words(reports: Sequence[Path], mapping: Path | None) -> list[UnknownWord]:
    """Every word of the reports that is asked about, in their order. Raises what reading a report or mapping does."""
    words = load_vocabulary(mapping)
    found: dict[str, UnknownWord] = {}
    for path in dict.fromkeys(reports):
        for word, lines in read_report(path, words).unknown.items():
            one = found.setdefault(word.casefold(), UnknownWord(word))
            one.lines += lines
            one.files.append(readable(path.name))
    return [*found.values()]


def keep_words(path: Path, answers: Mapping[str, Meaning]) -> None:
    """Add words to the section [statuses] of a mapping file, which is created if missing; the rest stays as it is.

    Raises UsageError when the file is written in a way that leaves no place for them, or can't be written.
    """
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        after = _with_words(before, answers)
        if after is None:
            raise UsageError(
                "The program can't add to {path}. Add under [statuses] yourself: {toml}.",
                path=str(path),
                toml="; ".join(_entries(answers)),
            )
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
        raise UsageError(
            "Can't write the meanings to {path}: {reason}. Nothing was matched. Give "
            "yourself write access, or choose another mapping file with --mapping.",
            path=str(path),
            reason=reason,
        ) from None


def kept_words(path: Path) -> dict[str, Meaning]:
    """The words that a mapping file explains; none where there is no such file. Raises UsageError for a wrong one."""
    if not path.exists():
        return {}
    load_vocabulary(path)
    return {word: Meaning(meaning) for word, meaning in _table(path.read_text("utf-8")).get("statuses", {}).items()}


def forget_words(path: Path) -> None:
    """Remove a mapping file that only `keep_words` has written. Raises UsageError when that can't be done."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError("Can't remove {path} ({error}).", path=path, error=error.strerror) from None


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
