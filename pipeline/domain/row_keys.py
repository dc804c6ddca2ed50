"""The keys under which the journal knows rows, and which of several rows of one identity is which.

A key is the row's identity as the check room found it, with two changes that the journal needs: an identity of the
user's own columns is kept as its digest (it may be a name or an e-mail address, of any length, and outlives
`batches purge`), and with `#` in `--identity` each later row of one identity has its occurrence in its key. Keys are
kept for years: they may never change for the same content.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, count
from typing import Final

HASHED: Final = "row:"
"""How the key of a row without a reference begins: it is known by its content alone."""
REFERENCE: Final = "ref:"
"""How the key of a row begins that is known by its reference."""
OWN: Final = "key:"
"""How the key of a row begins that `--identity` names by more than its reference."""
MARK: Final = "\t#"
"""Before the occurrence. No cleaned reference has a tab, so no reference can look like an occurrence of another."""
_LONGEST: Final = 300
"""Characters. PostgreSQL's index takes a little over 2,000 bytes."""


def stored(identity: str) -> str:
    """The key of an identity: itself, or its kind and digest when it is of the user's own columns, or too long."""
    if identity.startswith("key:[") or len(identity) > _LONGEST or "\0" in identity:
        return f"{identity[:3]}:{sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return identity


def occurrence(base: str, number: int) -> str:
    """The key of the row that is the `number`th of its identity, from 1. The first keeps the bare key.

    So it is found again when the sheet was run without `#` before.
    """
    return base if number == 1 else f"{base}{MARK}{number}"


def split(key: str) -> tuple[str, int]:
    """The bare key and the occurrence of a key."""
    base, mark, number = key.rpartition(MARK)
    return (base, int(number)) if mark and number.isdigit() else (key, 1)


@dataclass(slots=True)
class Past:
    """What was tried under one key: the contents that made a session or may have, and those without effect."""

    effective: set[bytes] = field(default_factory=set)
    without_effect: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which row has which occurrence.

    `changed` are the occurrences with a session whose content no row has, `doubtful` the indices of rows that may each
    be the changed form of one of them.
    """

    occurrences: tuple[int, ...]
    doubtful: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()


def assign(contents: Sequence[bytes | None], past: Mapping[int, Past]) -> Assigned:
    """Give the rows of one identity, in the sheet's order, their occurrences.

    `contents` are their fingerprints (None for a faulty row), `past` what each occurrence has been through. Counting
    alone would not do: a row inserted above the others would move every key by one, and the last row, though it was
    created before, would look new and be asked for again. So a row keeps the occurrence that has its content; only
    the others are counted. When more of these are left than occurrences with a session and other content, nobody can
    tell which of them is the changed one: all but the counted ones are returned as `doubtful`, by their index.
    """
    waiting: dict[bytes, deque[int]] = {}
    for index, content in enumerate(contents):
        if content is not None:
            waiting.setdefault(content, deque()).append(index)
    given: dict[int, int] = {}
    free = {number: past[number] for number in sorted(past)}
    for known in ("effective", "without_effect"):
        for number, tried in list(free.items()):
            content = next((content for content in sorted(getattr(tried, known)) if waiting.get(content)), None)
            if content is not None:
                given[waiting[content].popleft()] = number
                del free[number]
    changed = [number for number, tried in free.items() if tried.effective]
    left = [index for index in range(len(contents)) if index not in given]
    not_free = {*given.values(), *changed}
    others = (number for number in count(1) if number not in not_free)
    given |= zip(left, chain(changed, others), strict=False)
    doubtful = tuple(left[len(changed) :]) if changed else ()
    return Assigned(tuple(given[index] for index in range(len(contents))), doubtful, tuple(changed))
