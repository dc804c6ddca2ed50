"""How seldom Python looks for cycles of garbage: nearly all that this program makes has none.

Python looks after each 700 new objects, and now and then at every object that pandas and its friends made; that was a
tenth of reading, sending and starting up, and a third of the validation.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COLLECT_AFTER: Final = (10_000, 20, 50)


def collect_seldom() -> None:
    """For the rest of the process: look seldom."""
    gc.set_threshold(*_COLLECT_AFTER)


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """In the context: look seldom, and never among what was there before it."""
    before = gc.get_threshold()
    gc.freeze()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
