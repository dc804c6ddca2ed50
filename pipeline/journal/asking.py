"""Long lists of values in queries, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

ASKED: Final = 500
"""Values in one list of a query: below every database's limit, and few different statements to prepare."""

_Value = TypeVar("_Value", str, bytes, int)


def batched(values: Iterable[_Value], size: int) -> Iterator[list[_Value]]:
    """Some values at a time, each once, in their order."""
    left = iter(dict.fromkeys(values))
    while some := list(islice(left, size)):
        yield some
