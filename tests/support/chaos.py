"""How long tests that try whatever chance brings go on, and with which chances.

A minute each, unless `CHAOS_SECONDS` says otherwise (`make chaos`). The seed is that of the day's run and is said in a
failure: `CHAOS_SEED` repeats it.
"""

import os
import secrets
import time
from collections.abc import Iterator
from random import Random

SECONDS = int(os.environ.get("CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", secrets.randbits(32)))


def until_time_is_up() -> Iterator[Random]:
    """Chances, a new one for each round, until the time is up; at least one."""
    until = time.monotonic() + SECONDS
    number = 0
    while number == 0 or time.monotonic() < until:
        print(f"CHAOS_SEED={SEED}, round {number}")  # noqa: T201 - shown by pytest when the round fails
        yield Random(f"{SEED} {number}")
        number += 1
