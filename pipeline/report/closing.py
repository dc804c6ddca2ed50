"""Closing a workbook of XlsxWriter, which writes the file: what a disk that does not take it looks like."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xlsxwriter.exceptions import FileCreateError


def close_book(book: Any) -> None:
    """Closes a workbook. Raises OSError when the disk does not take it."""
    with _silent_about_the_disk():
        try:
            book.close()
        except FileCreateError as error:
            # Its own word for a disk that is full: not an OSError, though it comes of one.
            reason = error.args[0]
            # The half written package goes here and now, where it can complain of the disk once more unheard.
            for one in (error, reason):
                traceback.clear_frames(one.__traceback__)
            raise OSError(reason.errno, "the workbook could not be written") from None


@contextmanager
def _silent_about_the_disk() -> Iterator[None]:
    """In the context an OSError that nobody can catch, since it comes from a destructor, is not shown to the user."""
    shown = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, OSError):
            shown(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = shown
