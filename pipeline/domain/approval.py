"""A plan that a second person approves, and how a run is held against it. Pure.

A plan has no personal data: row numbers and digests of what would be sent. A run that names a plan sends exactly what
the plan has, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

FORMAT: Final = 1
"""The version of the plan file."""

SHOWN: Final = 20
"""Differences that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What a plan file says. `payloads` has a digest for each row number; `amount` is dollars as text.

    `made_at` is ISO 8601 with an offset.
    """

    format: int
    batch: str
    environment: str
    file: str
    sha256: str
    made_by: str
    made_at: str
    rows: int
    to_send: int
    amount: str
    e_mailed: int
    payloads: dict[int, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A valid row of the sheet: what would be sent for it, and whether it would be sent now or has its session."""

    row: int
    digest: str
    sending: bool
    kept: bool


class Kind(StrEnum):
    """How a sheet differs from a plan."""

    MISSING = "missing"
    """The plan has this row, and it would not be sent now (gone, invalid or held)."""
    NEW = "new"
    """This row would be sent, and the plan does not have it."""
    CHANGED = "changed"
    """What would be sent for this row is not what the plan approved."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that keeps a run from its plan."""

    kind: Kind
    row: int


def digest(payload: bytes) -> str:
    """A digest of a request's body, short enough that a plan of many rows stays a small file (128 bits)."""
    return sha256(payload).hexdigest()[:32]


def differences(plan: Approved, candidates: Iterable[Candidate]) -> list[Difference]:
    """Every row in which a sheet differs from a plan, by row number. A row that was sent since is no difference."""
    left = dict(plan.payloads)
    found = []
    for candidate in candidates:
        approved = left.pop(candidate.row, None)
        if approved is None:
            if candidate.sending:
                found.append(Difference(Kind.NEW, candidate.row))
        elif approved != candidate.digest:
            found.append(Difference(Kind.CHANGED, candidate.row))
        elif not (candidate.sending or candidate.kept):
            found.append(Difference(Kind.MISSING, candidate.row))
    found += [Difference(Kind.MISSING, row) for row in left]
    return sorted(found, key=lambda difference: difference.row)
