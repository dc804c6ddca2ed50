"""How long tests that try whatever chance brings go on, and with which chances.

A quarter of a minute each, with the same chances each time, so that what fails in the ordinary tests fails again.
`CHAOS_SECONDS` has them go on for longer, with new ones (`make chaos`): the seed is said in a failure, and `CHAOS_SEED`
repeats it.
"""

import os
import secrets
import time
from collections.abc import Iterator
from random import Random

SECONDS = int(os.environ.get("CHAOS_SECONDS", "15"))
SEED = int(os.environ.get("CHAOS_SEED", secrets.randbits(32) if "CHAOS_SECONDS" in os.environ else 1))


def until_time_is_up() -> Iterator[Random]:
    """Chances, a new one for each round, until the time is up; at least one."""
    until = time.monotonic() + SECONDS
    number = 0
    while number == 0 or time.monotonic() < until:
        print(f"CHAOS_SEED={SEED}, round {number}")  # noqa: T201 - shown by pytest when the round fails
        yield Random(f"{SEED} {number}")
        number += 1
